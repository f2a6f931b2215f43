#!/bin/sh
# Every option of the configuration is in the manual and in the sample, and the other way round.
cd "$(dirname "$0")/../.." || exit 1
bad=0
options=$(sed -n '/known\[\] = {/,/^};/p' base/conf_file.c | grep -oE '"[a-z_]+\*?"' | tr -d '"*' | sort -u)
[ -n "$options" ] || { echo "lint: no options found in base/conf_file.c" >&2; exit 1; }
for option in $options; do
    grep -qwE -- "$option" doc/postern.conf.5 || { echo "lint: $option is not in doc/postern.conf.5" >&2; bad=1; }
    grep -qwE -- "$option" etc/postern.conf || { echo "lint: $option is not in etc/postern.conf" >&2; bad=1; }
done
[ $bad -eq 0 ] && echo "lint: all $(echo "$options" | wc -l) options are documented"
exit $bad
