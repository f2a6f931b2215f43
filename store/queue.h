/*
 * queue: messages on their way, on disk.
 *
 * A message is stored once with one item per recipient.  An item is waiting (due at next_at_s), set
 * aside (poison: not tried again until an administrator says so), or gone: what is done, failed and
 * reported, expired or dropped is deleted with its message when the last item goes.  All calls run
 * inside store work (store/store.h), on its thread.  Strings and bytes that come out live in the
 * caller's arena.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

enum queue_kind {
    QUEUE_MAIL_OUT = 1, /* content: an RFC 5322 message for SMTP; sender: reverse-path */
    QUEUE_MAIL_IN =
        2, /* content: a mail as it arrived, to be made a stanza; sender: its reverse-path */
    QUEUE_STANZA_OUT = 3 /* content: a whole stanza, ready; sender: its from */
};

struct queue_item {
    unsigned n;            /* 0, 1, ... within its message */
    const char *recipient; /* mail address, or JID */
    unsigned attempts;     /* made so far */
    int64_t next_at_s;
    bool is_set_aside;
    const char *last_error; /* "" when none */
    unsigned notify;        /* of a mail: NOTIFY of RFC 3461, bits of the caller's; 0: not said */
    const char *original;   /* QUEUE_MAIL_IN: ORCPT, "rfc822;juliet@example.org"; NULL: none */
};

struct queue_message {
    int64_t id;
    enum queue_kind kind;
    const char *sender;
    const char *origin; /* where it came from: "jabber", "imap:bridge", "lmtp", "report" */
    int64_t created_s;
    int64_t deadline_s;        /* the message's own expiry; 0: none */
    unsigned expiry;           /* what is to be done then: the caller's number */
    uint32_t uidvalidity, uid; /* QUEUE_MAIL_IN: which mail of the mailbox in origin; 0: none */
    const char *envelope_id;   /* QUEUE_MAIL_IN: ENVID (RFC 3461 §4.4), decoded; NULL: none */
    unsigned ret;              /* RET (§4.3), the caller's number; 0: not said */
    const char *content;
    size_t content_len;
    struct queue_item *items;
    size_t item_count;
};

/* Stores message and items as they are. */
int queue_put(struct store_txn *txn, const struct queue_message *m, struct err *e) MUST_CHECK;

/* Puts a mail fetched by IMAP unless this (mailbox, uidvalidity, uid) was put before: *new_out
 * tells. */
int queue_put_fetched(struct store_txn *txn, const struct queue_message *m, const char *mailbox,
                      uint32_t uidvalidity, uint32_t uid, bool *new_out, struct err *e) MUST_CHECK;

/* Items of one kind that are due, oldest due first, whose message id is none of skip (sorted
 * ascending: in flight).  A message comes with its due items only.  At most count_max messages;
 * their content stays within bytes_max, but the first comes however large it is.  What the arena
 * cannot hold is left for the next call; ERR_RETRY when not even one message fits.  *next_at_out:
 * when the next that did not come and is not in skip is due, 0: none; it is not after now_s when a
 * limit left something. */
int queue_due(struct store_txn *txn, struct arena *a, enum queue_kind kind, int64_t now_s,
              size_t count_max, size_t bytes_max, const int64_t *skip, size_t skip_count,
              struct queue_message **out, size_t *count_out, int64_t *next_at_out,
              struct err *e) MUST_CHECK;

/* Whole, with all items; *out NULL when there is none. */
int queue_get(struct store_txn *txn, struct arena *a, int64_t id, struct queue_message **out,
              struct err *e) MUST_CHECK;

/* Is the item still in the queue, waiting or set aside? */
int queue_has(struct store_txn *txn, int64_t id, unsigned n, bool *out, struct err *e) MUST_CHECK;

/* The four below do nothing to an item that is gone (dropped by an administrator meanwhile).
 * queue_begin counts an attempt before the work, queue_defer the one that it ends. */
int queue_begin(struct store_txn *txn, int64_t id, unsigned n, struct err *e) MUST_CHECK;
int queue_defer(struct store_txn *txn, int64_t id, unsigned n, int64_t next_at_s, const char *error,
                struct err *e) MUST_CHECK;
int queue_remove(struct store_txn *txn, int64_t id, unsigned n, struct err *e) MUST_CHECK;
int queue_set_aside(struct store_txn *txn, int64_t id, unsigned n, const char *error,
                    struct err *e) MUST_CHECK;

/* For the command line. id 0: all.  *count_out: items touched.  What was set aside starts again
 * with no attempts. */
int queue_retry(struct store_txn *txn, int64_t id, int64_t now_s, unsigned *count_out,
                struct err *e) MUST_CHECK;
int queue_drop(struct store_txn *txn, int64_t id, unsigned *count_out, struct err *e) MUST_CHECK;
/* Calls back for each message, oldest first, content NULL (content_len is set), valid during the
 * call; -1 from fn stops, which is no failure.  fn must not change the queue. */
int queue_each(struct store_txn *txn, int (*fn)(const struct queue_message *m, void *arg),
               void *arg, struct err *e) MUST_CHECK;
/* Waiting and set aside; takes time with the length of the queue. */
int queue_count(struct store_txn *txn, enum queue_kind kind, int64_t *items_out,
                struct err *e) MUST_CHECK;

#endif
