#!/bin/sh
# The texts of the program for its translators.
#   tools/po.sh extract FILE   every text of the sources that is marked, as a template
#   tools/po.sh update         bring po/*.po up to the sources: new texts come without a translation, those that
#                              are gone go
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

extract() {
    # Functions that translate their format are keywords, as _() and N_() are (src/base/i18n.h).
    # No lines: they would change with every change of a source.
    find src capture craft -name '*.[ch]' | LC_ALL=C sort >"$scratch/files"
    # What STOP_SHORT() of capture/decode_layers.h puts together.
    grep -rho 'STOP_SHORT([a-z_]*, &*[a-z_]*, [A-Za-z0-9_ +]*, "[^"]*"' capture | LC_ALL=C sort -u |
        sed 's/.*, "\(.*\)"/N_("the capture ends within the \1") N_("the packet ends within the \1")/' >"$scratch/STOP_SHORT.c"
    xgettext --files-from="$scratch/files" "$scratch/STOP_SHORT.c" --output="$1" --language=C --from-code=UTF-8 --add-location=file \
            --package-name=sockdiag --no-wrap --add-comments=TRANSLATORS: --force-po \
            --keyword --keyword=_ --keyword=N_ --keyword=ngettext:1,2 \
            --keyword=sd_fail:3 --keyword=sd_fail_errno:3 --keyword=cmd_fail:2 --keyword=cmd_usage:2 \
            --keyword=finding_say:2 --keyword=model_note:2 --keyword=socket_inexact:2 \
            --keyword=socket_inexact_way:3 --keyword=stop_decoding:3 --keyword=probe_conclude:3 \
            --keyword=bad_rule:2 --keyword=expr_wrong:4 --keyword=expr_expected:2 --keyword=ping_say:2 --keyword=namespaces_explain:2 --keyword=nl_failed:3 \
            --flag=_:1:pass-c-format --flag=N_:1:pass-c-format --flag=ngettext:1:pass-c-format \
            --flag=ngettext:2:pass-c-format --flag=sd_fail:3:c-format --flag=sd_fail_errno:3:c-format \
            --flag=cmd_fail:2:c-format --flag=buf_printf:2:c-format --flag=model_note:2:c-format
    sed -i -e "s|^#: .*/STOP_SHORT.c|#: capture/decode_layers.h|" -e '/^"POT-Creation-Date:/d; s/charset=CHARSET/charset=UTF-8/' "$1"
}

update() {
    template=$scratch/template
    extract "$template"
    for catalogue in po/*.po; do
        msgmerge --quiet --update --backup=none --no-fuzzy-matching --no-wrap --add-location=file \
            "$catalogue" "$template"
        msgattrib --no-obsolete --no-wrap --add-location=file --output-file="$catalogue" "$catalogue"
        printf '%s: ' "$catalogue"
        msgfmt --statistics --check --output-file=/dev/null "$catalogue" 2>&1
    done
}

case ${1:-} in
extract) extract "${2:?a file is wanted}" ;;
update) update ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
