#!/bin/sh
# Runs each unit test program given, some at a time because most of their time is waiting, shows the
# output of those that fail, and counts.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

printf '%s\n' "$@" | xargs -P "$(($(nproc 2>/dev/null || echo 2) * 3))" -I@ sh -c '
    log="$2/$(basename "$1")"
    "$1" >"$log" 2>&1 || mv "$log" "$log.failed"' - @ "$work"

for log in "$work"/*.failed; do
    [ -e "$log" ] || continue
    echo "FAILED $(basename "$log" .failed)"
    cat "$log"
done
failed=$(find "$work" -name '*.failed' | wc -l)
echo "unit: $(($# - failed)) passed, $failed failed"
[ "$failed" -eq 0 ] && [ $# -gt 0 ] && [ "$(find "$work" -type f | wc -l)" -eq $# ]
