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

enum { QUEUE_LANES = 256 };

enum queue_kind {
    QUEUE_MAIL_OUT = 1, /* content: an RFC 5322 message for SMTP; sender: reverse-path */
    QUEUE_MAIL_IN =
        2, /* content: a mail as it arrived, to be made a stanza; sender: its reverse-path */
    QUEUE_STANZA_OUT = 3, /* content: a whole stanza, ready; sender: its from */
    QUEUE_HELD = 4        /* of an item alone, of a QUEUE_MAIL_IN: its user does not want it now
                             (store/held.h) */
};

struct queue_item {
    unsigned n;            /* 0, 1, ... within its message */
    const char *recipient; /* mail address, or JID */
    unsigned attempts;     /* made so far */
    int64_t next_at_s;
    bool is_set_aside;
    bool is_held;           /* next_at_s means nothing */
    int64_t released_s;     /* it was held until then, and is not held again; 0: it was not */
    const char *last_error; /* "" when none */
    unsigned crashes;       /* so often the work on it has ended in a crash since it last passed */
    bool is_told;           /* that it is set aside, or while it waits that it does */
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
    unsigned lane;             /* queue_lane() of the one whose turn it takes */
    const char *content;
    size_t content_len;
    struct queue_item *items;
    size_t item_count;
    bool has_others; /* of queue_due: not all its items were due */
};

/* The lane of a party: lanes take turns, so one party's many messages delay only their own lane.
 * Text is compared without case. */
unsigned queue_lane(const char *party);

/* Stores message and items as they are. */
int queue_put(struct store_txn *txn, const struct queue_message *m, struct err *e) MUST_CHECK;

/* Puts a mail fetched by IMAP unless this (mailbox, uidvalidity, uid) was put before: *new_out
 * tells. */
int queue_put_fetched(struct store_txn *txn, const struct queue_message *m, const char *mailbox,
                      uint32_t uidvalidity, uint32_t uid, bool *new_out, struct err *e) MUST_CHECK;

/* What queue_due shall bring. */
struct queue_wish {
    enum queue_kind kind;
    int64_t now_s;
    size_t count_max, bytes_max;
    const int64_t *skip; /* message ids, ascending: in flight */
    size_t skip_count;
    unsigned first_lane;    /* whose turn it is */
    const size_t *lane_max; /* QUEUE_LANES: at most so many of each; NULL: no limit */
};

struct queue_found {
    struct queue_message *messages;
    size_t count;
    int64_t next_at_s;      /* when the next that did not come and is not in skip is due, 0: none;
                               not after now_s when a limit left something */
    unsigned next_lane;     /* whose turn is next */
    bool left[QUEUE_LANES]; /* a limit left something that is due, or may have */
};

/* Items of one kind that are due and that no other living gateway holds: a few of each lane in
 * turn, then of each what room is left, oldest due first within a lane.  A message comes with its
 * due items only, and is this gateway's from then on.  At most count_max messages; their content
 * stays within bytes_max, but the first comes however large it is.  What the arena cannot hold is
 * left for the next call; ERR_RETRY when not even one message fits. */
int queue_due(struct store_txn *txn, struct arena *a, const struct queue_wish *wish,
              struct queue_found *out, struct err *e) MUST_CHECK;

/* Another content for a message that is in the queue; nothing happens to one that is not. */
int queue_set_content(struct store_txn *txn, int64_t id, const char *content, size_t len,
                      struct err *e) MUST_CHECK;

/* Whole, with all items; *out NULL when there is none. */
int queue_get(struct store_txn *txn, struct arena *a, int64_t id, struct queue_message **out,
              struct err *e) MUST_CHECK;

/* Is the item still in the queue, waiting or set aside? */
int queue_has(struct store_txn *txn, int64_t id, unsigned n, bool *out, struct err *e) MUST_CHECK;

/* These do nothing to an item that is gone (dropped by an administrator meanwhile).
 *
 * An attempt counts once: queue_defer counts the one that it ends, queue_blame the one that ended
 * in a crash.  queue_defer clears the blame: the item was worked on and nothing crashed. */
int queue_defer(struct store_txn *txn, int64_t id, unsigned n, int64_t next_at_s, const char *error,
                struct err *e) MUST_CHECK;
/* *crashes_out: how often by now; 0: the item is gone or set aside. */
int queue_blame(struct store_txn *txn, int64_t id, unsigned n, const char *error,
                unsigned *crashes_out, struct err *e) MUST_CHECK;
/* The message's time is over and that was told: it has no deadline any more. */
int queue_forget_deadline(struct store_txn *txn, int64_t id, struct err *e) MUST_CHECK;
int queue_remove(struct store_txn *txn, int64_t id, unsigned n, struct err *e) MUST_CHECK;
int queue_set_aside(struct store_txn *txn, int64_t id, unsigned n, const char *error, bool is_told,
                    int64_t now_s, struct err *e) MUST_CHECK;

/* What is due only after beyond_s falls due at now_s, at most count_max items of it: no try is ever
 * put off so far, so the clock has been set back since it was.  Only the first try of an item may
 * be, until first_s seconds after its message came (option rate). */
int queue_hasten(struct store_txn *txn, int64_t beyond_s, int64_t now_s, int64_t first_s,
                 unsigned count_max, unsigned *count_out, struct err *e) MUST_CHECK;

/* An item that is set aside since before before_s, the oldest; 1: there is one, 0: none. */
struct queue_aside {
    int64_t id;
    unsigned n;
    bool is_told;
};
int queue_oldest_aside(struct store_txn *txn, int64_t before_s, struct queue_aside *out,
                       struct err *e) MUST_CHECK;

/* Items of one kind whose message id is above after_id and below before_id, oldest first. */
struct queue_old {
    int64_t id;
    unsigned n;
    bool is_waiting, is_told;
};
int queue_old(struct store_txn *txn, enum queue_kind kind, int64_t after_id, int64_t before_id,
              size_t count_max, struct queue_old *out, size_t *count_out, struct err *e) MUST_CHECK;
/* Somebody has been told of an item that waits. */
int queue_tell(struct store_txn *txn, int64_t id, unsigned n, struct err *e) MUST_CHECK;

/* For the command line. id 0: all but what is held.  *count_out: items touched.  What was set aside
 * starts again with no attempts, and what was held is let go. */
int queue_retry(struct store_txn *txn, int64_t id, int64_t now_s, unsigned *count_out,
                struct err *e) MUST_CHECK;
int queue_drop(struct store_txn *txn, int64_t id, unsigned *count_out, struct err *e) MUST_CHECK;
/* Calls back for each message with an id above after_id, oldest first, content NULL (content_len
 * is set), valid during the call; -1 from fn stops, which is no failure.  fn must not change the
 * queue. */
int queue_each(struct store_txn *txn, int64_t after_id,
               int (*fn)(const struct queue_message *m, void *arg), void *arg,
               struct err *e) MUST_CHECK;
/* Recipients of one kind, by state and age; one walk along an index, in constant memory. */
enum { QUEUE_AGES = 4 }; /* of the last hour, of the last day, of the last five days, older */
struct queue_counts {
    int64_t due, later, aside; /* to be tried now, at a later time, not by itself */
    int64_t ages[QUEUE_AGES];  /* of all, by when the message came */
    int64_t oldest_id;         /* 0: none */
};
int queue_counts(struct store_txn *txn, enum queue_kind kind, int64_t now_s,
                 struct queue_counts *out, struct err *e) MUST_CHECK;
/* Waiting and set aside; takes time with the length of the queue. */
int queue_count(struct store_txn *txn, enum queue_kind kind, int64_t *items_out,
                struct err *e) MUST_CHECK;

#endif
