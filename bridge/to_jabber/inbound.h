/*
 * inbound: mail that arrives is accepted for Jabber users.
 *
 * A mail fetched from a mailbox is in the queue, on disk, before it is marked there.  Loop thread.
 */
#ifndef BRIDGE_TO_JABBER_INBOUND_H
#define BRIDGE_TO_JABBER_INBOUND_H

#include "base/err.h"
#include "bridge/gateway.h"

/* Makes a watch for each configured mailbox, with the cursor that the store remembers; before the
 * store's writer starts. */
int inbound_open(struct gateway *g, struct err *e) MUST_CHECK;
void inbound_start(struct gateway *g);
/* Stops watching; stopped is called once no mail is on its way into the store any more. */
void inbound_stop(struct gateway *g, void (*stopped)(struct gateway *g));
/* Sets flags (enum imap_flag) on a mail of the mailbox that origin ("imap:NAME") names; another
 * origin or NULL: does nothing. */
void inbound_flag(struct gateway *g, const char *origin, uint32_t uidvalidity, uint32_t uid,
                  unsigned flags);
/* Each mailbox as it stands now; the text lives during the call. */
struct inbound_state {
    const char *name, *host;
    bool is_ready;
    const char *reason; /* why it is away; "": none is known */
    int64_t since_s;
};
void inbound_each(const struct gateway *g, void (*fn)(const struct inbound_state *box, void *arg),
                  void *arg);
void inbound_close(struct gateway *g); /* after stopped, or never started */

#endif
