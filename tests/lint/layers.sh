#!/bin/sh
# The layering of the house: base/ includes nothing of ours; mapping/ component/ mail/ store/ web/ include
# base/ and themselves; only bridge/ sees all.  And one library, one home.
cd "$(dirname "$0")/../.." || exit 1
bad=0

complain() {
    echo "lint: $1" >&2
    bad=1
}

for folder in base mapping component mail store web; do
    allowed="base|$folder"
    found=$(grep -rnE '^#include "' $folder | grep -vE "#include \"($allowed)/")
    [ -z "$found" ] || complain "$folder/ may include only $allowed:
$found"
done

# library header prefix, and the folders that may include it
home() {
    found=$(grep -rnE "^#include <($1)" base mapping component mail store web bridge |
        grep -vE "^($2)/")
    [ -z "$found" ] || complain "<$1> belongs in $2:
$found"
}
home 'openssl/(ssl|x509v3)' 'base|mail'
home 'event2/|event\.h' 'base|web'
home 'expat' 'component'
home 'libesmtp' 'mail'
home 'libetpan' 'mail|mapping'
home 'sqlite3|libpq' 'store'
home 'confuse' 'base'
home 'libxml' 'mapping'
home 'curl' 'web'

# Every header compiles alone.
for header in $(find base mapping component mail store web bridge -name '*.h'); do
    echo "#include \"$header\"" |
        ${CC:-gcc} -std=c17 -I. -isystem /usr/include/libxml2 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE \
            -Wall -Wextra -fsyntax-only -x c - || complain "$header does not compile alone"
done

[ $bad -eq 0 ] && echo "lint: the layers hold"
exit $bad
