/*
 * upload: the files of a mail go to the host server's upload service (XEP-0363).
 *
 * The service is the configured one, or found by service discovery at the first home domain.  What
 * it does not take stays in the mail's letter without a link, for the shelf.  Loop thread.
 */
#ifndef BRIDGE_TO_JABBER_UPLOAD_H
#define BRIDGE_TO_JABBER_UPLOAD_H

#include <stdbool.h>

#include "bridge/to_jabber/shipment.h"

struct uploads;

struct uploads *uploads_new(struct gateway *g);
/* Mails that wait for their turn get none any more. */
void uploads_stop(struct uploads *u);
void uploads_free(struct uploads *u); /* nothing is under way; takes NULL */

/* Has the mail files to upload? */
bool upload_is_due(const struct shipment *s);
/* Uploads what is due, then calls done, on the loop.  s->upload_err tells why a file was not taken:
 * ERR_RETRY: it may be later.  -1: no room now. */
int upload_start(struct uploads *u, struct shipment *s,
                 void (*done)(struct shipment *s)) MUST_CHECK;

#endif
