#!/bin/sh
# Runs each unit test program given, shows the output of those that fail, and counts.
passed=0 failed=0
for test in "$@"; do
    log=$("$test" 2>&1)
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $test"
        echo "$log"
    fi
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
