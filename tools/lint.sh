#!/bin/sh
# Each check prints `ok - name`, `not ok - name` after what it found, or `skip - name: reason`. Exit 1 if one failed.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0
# Later versions lay out a few things differently; the files are formatted with this one.
format_major=14

sources() {
    find src capture craft tests -name '*.[ch]' 2>/dev/null | sort
}

texts() { # every text file of the project, but what programs printed
    find . \( -path ./.git -o -path './build*' -o -path ./tests/golden -o -path ./tests/fuzz/seeds -o -name __pycache__ \) \
        -prune -o -type f \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' -o -name '*.md' -o -name '*.[1-8]' \
        -o -name Makefile -o -path ./tests/run -o -path ./.ci/run \) -print | sort
}

result() { # status name
    if [ "$1" -eq 0 ]; then
        echo "ok - lint $2"
    else
        echo "not ok - lint $2"
        failed=1
    fi
}

format() {
    major=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
    if [ "$major" != "$format_major" ]; then
        echo "skip - lint format: needs clang-format $format_major, here is ${major:-none}"
        return
    fi
    sources | xargs clang-format --dry-run --Werror
    result $? format
}

manual() {
    if ! command -v mandoc >/dev/null 2>&1; then
        echo "skip - lint manual: mandoc is not installed"
        return
    fi
    status=0
    for page in docs/*.[1-8]; do
        mandoc -T lint -W warning "$page" || status=1
    done
    result $status manual
}

white_space() {
    # git diff --check without git: blanks at the end of a line, tabs where the language has none, a missing newline.
    status=0
    texts | xargs grep -nE '[[:blank:]]+$' && status=1
    texts | grep -v Makefile | xargs grep -nP '\t' && status=1
    for file in $(texts); do
        [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ] && echo "$file: no newline at its end" && status=1
    done
    result $status "white space"
}

guards() {
    # SOCKDIAG_MODULE_NAME_H, so that no two headers silence each other.
    status=0
    # shellcheck disable=SC2044 # no blanks in names
    for file in $(find src capture craft -name '*.h' 2>/dev/null); do
        name=${file#src/}
        guard=SOCKDIAG_$(echo "${name%.h}" | tr 'a-z/' 'A-Z_')_H
        head -n 2 "$file" | tr '\n' ' ' | grep -q "^#ifndef $guard #define $guard " ||
            { echo "$file: its guard is not $guard"; status=1; }
    done
    result $status guards
}

static_analysis() {
    if ! command -v cppcheck >/dev/null 2>&1; then
        echo "skip - lint cppcheck: cppcheck is not installed"
        return
    fi
    # uninitvar: it takes an array for uninitialized where a loop fills it; the compilers and the sanitizers know better.
    # shellcheck disable=SC2046 # words
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -j 2 -Isrc -I. \
        -D_GNU_SOURCE -D__x86_64__=1 -DSOCKDIAG_VERSION='""' -DSOCKDIAG_LOCALEDIR='""' --suppress=missingIncludeSystem --suppress=uninitvar --suppress=legacyUninitvar \
        $(ls -d src capture craft 2>/dev/null)
    result $? cppcheck
}

format
manual
white_space
guards
python3 tools/arrows.py
result $? arrows
python3 tools/sizes.py
result $? sizes
static_analysis
exit $failed
