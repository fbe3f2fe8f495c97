#!/bin/sh
# Run each fuzz target for a while: fuzz-smoke.sh DIRECTORY SECONDS NAME…
# Seeds: what tests/fuzz/seeds.py makes of the golden captures. What a target finds on the way is kept in DIRECTORY/corpus/NAME; an input that breaks it
# in DIRECTORY/crashes, to become a vector of a unit test. One line a target, as tests/run prints its cases.
set -u
dir=$1 seconds=$2
shift 2
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}"
mkdir -p "$dir/crashes" || exit 1
failed=0
python3 tests/fuzz/seeds.py "$dir/seeds" tests/golden/*.pcapng || exit 1
for name in "$@"; do
    corpus=$dir/corpus/$name
    mkdir -p "$corpus" || exit 1
    seeds=
    [ -d "$dir/seeds/$name" ] && seeds=$dir/seeds/$name
    log=$dir/$name.log
    # shellcheck disable=SC2086 # no seeds: no argument
    if "$dir/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$dir/crashes/$name-" "$corpus" $seeds >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "ok - fuzz $name ($runs inputs in $seconds s)"
    else
        failed=1
        tail -n 60 "$log"
        echo "not ok - fuzz $name: see $dir/crashes and $log"
    fi
done
[ $# -eq 0 ] && echo "skip - fuzz: there are no targets under tests/fuzz"
exit $failed
