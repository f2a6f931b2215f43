/*
 * hold_rules: what a user's choices mean for a mail and for what is held.  No data.
 */
#include "bridge/to_jabber/hold_rules.h"

#include <time.h>

enum { HOUR_S = 3600 };

unsigned hold_action(const struct choices *choices, enum show show)
{
    unsigned char chosen;

    if (show <= SHOW_UNKNOWN || show >= SHOW_COUNT)
        return CHOICE_DELIVER;
    chosen = choices->of[CHOICE_WHEN_CHAT + (show - SHOW_CHAT)];
    return chosen > CHOICE_DELIVER && chosen <= CHOICE_DIGEST ? chosen : CHOICE_DELIVER;
}

bool hold_has_choice(const struct choices *choices)
{
    int show;

    for (show = SHOW_CHAT; show < SHOW_COUNT; show++)
        if (hold_action(choices, (enum show)show) != CHOICE_DELIVER)
            return true;
    return false;
}

/* What was put on a list stays until it is asked for: that is what a list is for. */
struct hold_turn hold_turn(const struct choices *choices, enum show show)
{
    const int all = 1 << CHOICE_NOTIFY | 1 << CHOICE_HOLD | 1 << CHOICE_DIGEST;

    if (!hold_has_choice(choices))
        return (struct hold_turn){.released = all};
    switch (hold_action(choices, show)) {
    case CHOICE_NOTIFY:
        return (struct hold_turn){.listed = all};
    case CHOICE_HOLD:
    case CHOICE_DIGEST:
        return (struct hold_turn){0};
    default:
        return (struct hold_turn){.released = 1 << CHOICE_NOTIFY | 1 << CHOICE_HOLD,
                                  .listed = 1 << CHOICE_DIGEST};
    }
}

/* By the clock of the machine.  A day on which that hour is left out has the next one. */
static int64_t next_at_hour(int64_t now_s, int hour)
{
    time_t now = (time_t)now_s, at;
    struct tm tm;

    if (!localtime_r(&now, &tm))
        return now_s + 24 * HOUR_S;
    tm.tm_sec = tm.tm_min = 0;
    if (tm.tm_hour >= hour)
        tm.tm_mday++;
    tm.tm_hour = hour;
    tm.tm_isdst = -1;
    at = mktime(&tm);
    return at > now && at - now < 26 * HOUR_S ? (int64_t)at : now_s + 24 * HOUR_S;
}

int64_t hold_list_time(const struct choices *choices, int64_t now_s)
{
    int at = choices->of[CHOICE_LIST_AT];

    if (at > CHOICE_LIST_HOURS && at <= CHOICE_LIST_HOURS + 24)
        return now_s + (int64_t)(at - CHOICE_LIST_HOURS) * HOUR_S;
    if (at >= CHOICE_LIST_CLOCK && at < CHOICE_LIST_CLOCK + 24)
        return next_at_hour(now_s, at - CHOICE_LIST_CLOCK);
    return 0;
}
