#!/bin/sh
# Run each fuzz target for a while, as many at once as there are processors:
#   fuzz-smoke.sh can COMPILER…                    can it build them? If not, that is said as a skipped case; exit 1
#   fuzz-smoke.sh run DIRECTORY SECONDS NAME…      the targets NAME in DIRECTORY
# Seeds: what tests/fuzz/seeds.py makes of captures. What a target finds on the way is kept in DIRECTORY/corpus/NAME; an
# input that breaks it in DIRECTORY/crashes, to become a vector of a unit test. One line a target, as tests/run prints
# its cases.
set -u

can() {
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "skip - fuzz: there is no $1"
    elif ! echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
        "$@" -x c -fsanitize=fuzzer,address,undefined - -o /dev/null 2>/dev/null; then
        echo "skip - fuzz: $* comes without libFuzzer (tools/deps.sh test installs it)"
    else
        return 0
    fi
    return 1
}

one() { # target
    corpus=$dir/corpus/$1 seeds=$dir/seeds/$1 log=$dir/$1.log
    mkdir -p "$corpus" || exit 1
    [ -d "$seeds" ] || seeds=
    # shellcheck disable=SC2086 # no seeds: no argument
    if "$dir/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$dir/crashes/$1-" "$corpus" $seeds >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "ok - fuzz $1 ($runs inputs in $seconds s)"
    else
        tail -n 60 "$log" >"$log.end"
        echo "not ok - fuzz $1: see $dir/crashes and $log" >>"$log.end"
        cat "$log.end" # at once: others print too
        exit 1
    fi
}

what=$1
shift
[ "$what" = can ] && { can "$@"; exit; }
dir=$1 seconds=$2
shift 2
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}"
[ "$what" = one ] && { one "$1"; exit; }
mkdir -p "$dir/crashes" || exit 1
python3 tests/fuzz/seeds.py "$dir/seeds" || exit 1
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc 2>/dev/null || echo 2)" "$0" one "$dir" "$seconds"
