/*
 * hold_rules: what a user's choices mean for a mail and for what is held.  Pure; any thread.
 */
#ifndef BRIDGE_TO_JABBER_HOLD_RULES_H
#define BRIDGE_TO_JABBER_HOLD_RULES_H

#include "bridge/people/shows.h"
#include "store/choices.h"

#include <stdint.h>

/* CHOICE_DELIVER, CHOICE_NOTIFY, CHOICE_HOLD or CHOICE_DIGEST: what is done with a mail for a user
 * who is there as show.  Whoever is not seen gets all of it. */
unsigned hold_action(const struct choices *choices, enum show show);
/* Is there any presence with which this user wants mail held? */
bool hold_has_choice(const struct choices *choices);

/* What becomes of that which is held, when the user is there as show: sets of CHOICE_..., as bits.
 */
struct hold_turn {
    int released; /* goes */
    int listed;   /* stays, and its user is told of it unless they know */
};
struct hold_turn hold_turn(const struct choices *choices, enum show show);

/* When a list is sent of a mail that comes now; 0: not at a time. */
int64_t hold_list_time(const struct choices *choices, int64_t now_s);

#endif
