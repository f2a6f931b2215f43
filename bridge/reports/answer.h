/*
 * answer: a report that came by mail is told to the Jabber users whose message it is about: errors
 * for who did not get it, receipts for who did, as far as they were asked for.  Inside store work,
 * on its thread.
 */
#ifndef BRIDGE_REPORTS_ANSWER_H
#define BRIDGE_REPORTS_ANSWER_H

#include "mapping/letter.h"
#include "store/links.h"

enum { ANSWERS_MAX = 50 };

struct answer_input {
    const struct letter *letter; /* has a report */
    struct arena *arena;
    int64_t message_id; /* the queue id of our message */
    const int64_t *ids; /* ANSWERS_MAX, for what is queued */
    int64_t now_s;
};

/* Queues the answers.  *told_out: how many; *known_out: is our message still remembered? */
int answer_report(struct store_txn *txn, const struct answer_input *in, unsigned *told_out,
                  bool *known_out, struct err *e) MUST_CHECK;

/* The link of a recipient of message id.  With an address that none of them has: the only one, or
 * where there are several *out NULL. */
int answer_find_link(struct store_txn *txn, struct arena *a, int64_t id, const char *address,
                     struct link **out, struct err *e) MUST_CHECK;

#endif
