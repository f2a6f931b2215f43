#!/bin/sh
# Each test that doc/FAULTS.md names is there, and each test of tests/crash is named in it.
cd "$(dirname "$0")/../.." || exit 1
bad=0
count=0
for name in $(grep -o '`tests/[a-z_/]*[.][a-z]*::[a-z_0-9]*`' doc/FAULTS.md | tr -d '`' | sort -u); do
    file=${name%%::*} test=${name##*::}
    count=$((count + 1))
    grep -qsE "(def|static void|int) $test\(" "$file" || {
        echo "doc/FAULTS.md: $name: there is no such test"
        bad=1
    }
done
for test in $(sed -n 's/^def \(test_[a-z_0-9]*\)(.*/\1/p' tests/crash/test_*.py); do
    grep -q "::$test\`" doc/FAULTS.md || {
        echo "doc/FAULTS.md does not name $test of tests/crash"
        bad=1
    }
done
[ $count -gt 0 ] || bad=1
[ $bad -eq 0 ] && echo "lint: the $count tests of the fault matrix are there"
exit $bad
