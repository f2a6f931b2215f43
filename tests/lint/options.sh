#!/bin/sh
# Every option of the configuration is in the manual and in the sample, and the other way round.
cd "$(dirname "$0")/../.." || exit 1
bad=0
options=$(grep -ohE 'CFG_(STR|INT|BOOL|STR_LIST|SEC|FLOAT)\("[a-z_]+"' base/conf*.c | sed 's/.*"\(.*\)"/\1/' | sort -u)
[ -n "$options" ] || { echo "lint: no options found in base/conf*.c" >&2; exit 1; }
for option in $options; do
    grep -qwE -- "$option" doc/postern.conf.5 || { echo "lint: $option is not in doc/postern.conf.5" >&2; bad=1; }
    grep -qwE -- "$option" etc/postern.conf || { echo "lint: $option is not in etc/postern.conf" >&2; bad=1; }
done
[ $bad -eq 0 ] && echo "lint: all $(echo "$options" | wc -l) options are documented"
exit $bad
