/*
 * bounce: a delivery report that came by mail becomes an error for the Jabber user who sent the
 * message. Pure; any thread.
 */
#ifndef BRIDGE_REPORTS_BOUNCE_H
#define BRIDGE_REPORTS_BOUNCE_H

#include "mapping/letter.h"
#include "mapping/report/status.h"

/* Is the letter a report of a failure, or (null reverse-path, sent to a reverse-path of ours) must
 * it be taken for one? */
bool bounce_is_failure(const struct letter *letter);

/* The failed recipient to speak of: the one with this address, else the first failed one; NULL:
 * none failed. */
const struct report_recipient *bounce_recipient(const struct letter *letter, const char *address);

/* The error for the original message. -1: memory. */
int bounce_error(struct arena *a, const struct letter *letter, const char *address,
                 struct jabber_error *out) MUST_CHECK;

#endif
