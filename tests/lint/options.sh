#!/bin/sh
# Every option of the configuration stands, in its own section, in the manual and in the sample; and
# neither of them has one that the program does not know.
cd "$(dirname "$0")/../.." || exit 1
bad=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Each list is of lines "section.option", options outside of all sections as ".option".

# {"smtp", 0, {"host", "port", ...}}, in the table of what may stand in the file
sed -n '/known\[\] = {/,/^};/p' base/conf_file.c | tr -d '\n' | sed 's/{"/\n&/g' |
    awk -F'"' '/^\{"[a-z]*", *[0A-Z]/ { section = $2; next }
               { for (i = 2; i <= NF; i += 2) { sub(/\*$/, "", $i); print section "." $i } }' |
    sort -u >"$work/program"

# .Ss smtp: ...   .It Ic host No = ...
awk '/^\.Ss / { section = $2; sub(/:$/, "", section); if (section == "Names") section = "" }
     /^\.It Ic [a-z_]+ No =/ { print section "." $3 }' doc/postern.conf.5 | sort -u >"$work/manual"

# Lines that are switched off, with a # and no space or a wide one behind it, count as well.
sed -E 's/^#(([a-z}])|(    *[a-z]))/\1/' etc/postern.conf |
    awk '/^[a-z]+( "[^"]*")? \{$/ { section = $1; next }
         /^\}/ { section = "" }
         /^ *[a-z_]+ = / { print section "." $1 }' | sort -u >"$work/sample"

compare() { # compare LIST NAME
    comm -23 "$work/program" "$work/$1" | while read -r option; do
        echo "lint: ${option#.} is not in $2" >&2
    done
    comm -13 "$work/program" "$work/$1" | while read -r option; do
        echo "lint: ${option#.} in $2 is not known to base/conf_file.c" >&2
    done
    cmp -s "$work/program" "$work/$1" || bad=1
}

[ -s "$work/program" ] || {
    echo "lint: no options found in base/conf_file.c" >&2
    exit 1
}
compare manual doc/postern.conf.5
compare sample etc/postern.conf
[ $bad -eq 0 ] &&
    echo "lint: all $(wc -l <"$work/program") options are in the manual and in the sample"
exit $bad
