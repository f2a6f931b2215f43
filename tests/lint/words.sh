#!/bin/sh
# Every word that users can say to the gateway stands in the manual, and no other does.
cd "$(dirname "$0")/../.." || exit 1

# {"help", NULL, ...} in the table of words, {"receipts", CHOICE_...} in that of choices: in one line
# or over several
program=$(cat bridge/people/words.c bridge/people/choice_table.c | tr '\n' ' ' |
    grep -oE '\{"[a-z ]+", *(NULL|"[^"]*"), *TEXT_HELP|\{"[a-z ]+", *CHOICE_[A-Z_]+, *TEXT_CHOICE' |
    sed 's/^{"\([^"]*\)".*/\1/' | sort)
manual=$(sed -n '/^\.Sh WHAT USERS CAN SAY/,/^\.El/s/^\.It Cm \([a-z ]*[a-z]\).*/\1/p' doc/postern.1 | sort)

if [ -z "$program" ] || [ "$program" != "$manual" ]; then
    echo "lint: the words in bridge/people/words.c and choice_table.c: $program" >&2
    echo "lint: the words in doc/postern.1: $manual" >&2
    exit 1
fi
echo "lint: all words are in the manual"
