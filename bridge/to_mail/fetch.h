/*
 * fetch: files that a Jabber user links to are downloaded and attached to the mail.
 *
 * It happens after the mail is in the queue: a slow server delays this mail for a while and no
 * other, and whatever fails, the link is in the text.  The mail with its files replaces the one in
 * the queue before it is sent, so every try sends the same.  Loop thread.
 */
#ifndef BRIDGE_TO_MAIL_FETCH_H
#define BRIDGE_TO_MAIL_FETCH_H

#include <stdbool.h>

#include "bridge/gateway.h"

struct fetches *fetches_new(struct gateway *g);
/* Mails that wait for their turn stay in the queue as they are. */
void fetches_stop(struct fetches *f);
void fetches_free(struct fetches *f); /* takes NULL */

/* Has the mail links that are to be fetched before it is sent? */
bool fetch_is_due(const struct parcel *p);
/* Takes the parcel: fetches, and brings it back through the queue.  -1: no room or memory; the
 * parcel stays the caller's. */
int fetch_start(struct fetches *f, struct parcel *p) MUST_CHECK;
/* The mail as it is, without its note: links alone.  For when fetch_start cannot.  -1: memory. */
int fetch_skip(struct parcel *p) MUST_CHECK;

#endif
