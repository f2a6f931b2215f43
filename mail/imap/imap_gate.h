/*
 * imap_gate: whose turn it is, among many mailboxes that share a few threads.
 *
 * Of all who are inside, no more than so many are at one server, and only some are connecting, so
 * that open connections are always served.  A server that could not be reached is tried by one
 * mailbox at a time until it answers, and all such servers together hold few threads.  Loop thread.
 */
#ifndef MAIL_IMAP_IMAP_GATE_H
#define MAIL_IMAP_IMAP_GATE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"

struct imap_gate;
struct imap_gate_host;

/* Part of its owner; zeroed but for go and arg. */
struct imap_pass {
    void (*go)(void *arg); /* its turn has come: it is inside */
    void *arg;
    /* the gate's */
    struct imap_gate_host *host;
    enum { IMAP_PASS_OUT, IMAP_PASS_WAITS, IMAP_PASS_INSIDE } at;
    bool is_opening, is_down;
    struct imap_pass *prev, *next;
};

struct imap_gate *imap_gate_new(struct loop *loop, unsigned inside_max, unsigned per_host,
                                struct err *e);
void imap_gate_free(struct imap_gate *g); /* nobody waits or is inside; takes NULL */

/* Joins a pass to its server, which is kept while anybody is joined. */
int imap_gate_join(struct imap_gate *g, struct imap_pass *pass, const char *host, unsigned port,
                   struct err *e) MUST_CHECK;
/* Out, and not joined any more; also when it never was. */
void imap_gate_part(struct imap_gate *g, struct imap_pass *pass);

/* True: inside at once.  False: waits, and go is called later.  opening: it is about to connect. */
bool imap_gate_enter(struct imap_gate *g, struct imap_pass *pass, bool opening);
/* Out again.  When it was opening: has the server been reached? */
void imap_gate_leave(struct imap_gate *g, struct imap_pass *pass, bool was_reached);
/* Is its server reached again after it was not?  True once, for whoever asks first. */
bool imap_gate_came_back(struct imap_pass *pass);

#endif
