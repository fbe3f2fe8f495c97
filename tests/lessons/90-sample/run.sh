# What the sample runs; its tests ask for mistakes by the environment.
echo "the sample runs"
printf 'not an escape: \033[31m\n'
[ -z "${SAMPLE_LONG:-}" ] || printf 'room for %d\n%0300d\n' "$COLUMNS" 0
if [ -n "${SAMPLE_COUNT:-}" ] && [ ! -e "$SAMPLE_COUNT" ]; then # wrong only the first time
    : >"$SAMPLE_COUNT"
    SAMPLE_SHOWN=9
fi
echo "shown=${SAMPLE_SHOWN:-1}"
[ -z "${SAMPLE_MARKER:-}" ] || {
    setsid sleep 1000 &
    echo "$$ $!" >"$SAMPLE_MARKER"
    sleep 1000
}
[ -z "${SAMPLE_LATE:-}" ] || sleep 1000
[ -z "${SAMPLE_FLOOD:-}" ] || yes
[ -z "${SAMPLE_FAIL:-}" ] || {
    echo "it went wrong" >&2
    exit 7
}
