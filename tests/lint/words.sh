#!/bin/sh
# Every word that users can say to the gateway stands in the manual, and no other does.
cd "$(dirname "$0")/../.." || exit 1

# {"receipts on", "lets senders ...", ...}, in the table of words
program=$(sed -n '/^static const struct word table/,/^};/s/^    {"\([^"]*\)",.*/\1/p' bridge/words.c | sort)
manual=$(sed -n '/^\.Sh WHAT USERS CAN SAY/,/^\.El/s/^\.It Cm //p' doc/postern.1 | sort)

if [ -z "$program" ] || [ "$program" != "$manual" ]; then
    echo "lint: the words in bridge/words.c: $program" >&2
    echo "lint: the words in doc/postern.1: $manual" >&2
    exit 1
fi
echo "lint: all words are in the manual"
