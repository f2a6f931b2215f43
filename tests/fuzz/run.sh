#!/bin/sh
# Runs the fuzz targets.
#
#   tests/fuzz/run.sh replay FOLDER TARGET...           each over its seeds and what was found before
#   tests/fuzz/run.sh fuzz FOLDER SECONDS TARGET...     each for so long; new inputs go to
#                                                       FOLDER/corpus, what fails to tests/fuzz/found
#
# FOLDER has the programs.  POSTERN_CORPORA names collections of others' mail, read when they are there.
set -u
mode=$1 folder=$2
shift 2
here=tests/fuzz
corpora=${POSTERN_CORPORA:-../shared/corpora}
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=1}"
seconds=0 status=0
[ "$mode" = fuzz ] && {
    seconds=$1
    shift
}

extra() { # the inputs that other tests have for this target
    case $1 in
    stream) echo tests/golden/to-mail ;;
    mail) echo tests/golden/to-jabber "$corpora/cpython-email/data" "$corpora/flufl-bounce" "$corpora/hostile" ;;
    header | letter_pack) echo tests/golden/to-jabber ;;
    html) echo "$corpora/talon/tests/fixtures" ;;
    address) echo "$corpora/jid" ;;
    lmtp_data) echo "$corpora/smtp-smuggling" ;;
    esac
}

for target in "$@"; do
    inputs="$here/seeds/$target"
    [ -d "$here/found/$target" ] && inputs="$inputs $here/found/$target"
    for more in $(extra "$target"); do
        [ -d "$more" ] && inputs="$inputs $more"
    done
    log=$folder/$target.log
    if [ "$mode" = replay ]; then
        # shellcheck disable=SC2086  # a list of folders
        nice -n 5 "$folder/$target" $inputs >"$log" 2>&1
    else
        mkdir -p "$folder/corpus/$target" "$here/found/$target"
        # shellcheck disable=SC2086
        nice -n 15 "$folder/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
            -artifact_prefix="$here/found/$target/" -print_final_stats=1 \
            "$folder/corpus/$target" $inputs >"$log" 2>&1
    fi
    if [ $? -eq 0 ]; then
        echo "$target: ok, $(grep -aE '^[0-9]+ inputs|number_of_executed_units' "$log" | tr -s ' \n' ' ')"
    else
        status=1
        echo "$target: FAILED"
        grep -aE 'ERROR|SUMMARY|does not hold|runtime error|artifact' "$log" | head -8
    fi
    rmdir "$here/found/$target" 2>/dev/null
done
exit $status
