/*
 * own_boxes: users' own mailboxes, and what is still to be done in them.  Inside store work only,
 * on its thread.
 *
 * What is secret comes and goes sealed (base/sealed.h).  Cursor and fetched mails of a mailbox
 * stand under its name (own_box_name), and go with it.
 */
#ifndef STORE_OWN_BOXES_H
#define STORE_OWN_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "store/store.h"

struct own_box_row {
    int64_t id;
    const char *bare_jid, *address;
    bool is_first; /* new mails leave from it */
    bool copies;   /* what leaves is laid into its folder of sent mails */
    bool is_told;  /* its user knows that it does not work */
    int64_t created_s;
    const char *sealed;
    size_t sealed_len;
};

enum { OWN_BOX_NAME_SIZE = ID_TEXT_SIZE + 4 };

/* "own:<id>": in cursors, origins of messages and links, and the log.  Returns out. */
char *own_box_name(int64_t id, char *out);
/* The id in such a name; 0: it is none. */
int64_t own_box_id(const char *name);

/* Calls back for each, valid during the call; -1 from fn, which fills *e, ends it. */
int own_boxes_each(struct store_txn *txn,
                   int (*fn)(const struct own_box_row *row, void *arg, struct err *e), void *arg,
                   struct err *e) MUST_CHECK;
/* A new one, or in place of the one with this id; is_first makes it the only first of its user, and
 * the only one of a user is the first.  *is_full_out: the user has max others already, and nothing
 * was stored. */
int own_boxes_put(struct store_txn *txn, const struct own_box_row *row, unsigned max,
                  bool *is_full_out, struct err *e) MUST_CHECK;
int own_boxes_set_sealed(struct store_txn *txn, int64_t id, const char *sealed, size_t len,
                         struct err *e) MUST_CHECK;
int own_boxes_set_told(struct store_txn *txn, int64_t id, bool is_told, struct err *e) MUST_CHECK;
/* It must be the user's: else nothing changes. */
int own_boxes_set_first(struct store_txn *txn, const char *bare_jid, int64_t id,
                        struct err *e) MUST_CHECK;
int own_boxes_has(struct store_txn *txn, int64_t id, bool *out, struct err *e) MUST_CHECK;
int own_boxes_is_of(struct store_txn *txn, const char *bare_jid, int64_t id, bool *out,
                    struct err *e) MUST_CHECK;
/* With its cursor, fetched mails and chores; the oldest of the user's others is the first then, if
 * it was.  What of its mail waits in the queue stays there. */
int own_boxes_remove(struct store_txn *txn, const char *bare_jid, int64_t id,
                     struct err *e) MUST_CHECK;
int own_boxes_remove_all(struct store_txn *txn, const char *bare_jid, struct err *e) MUST_CHECK;

/* Something to be done once in a mailbox, kept until it is. */
struct own_chore {
    int64_t id, box;
    unsigned kind, flags; /* the caller's numbers */
    uint32_t uidvalidity, uid;
    const char *message_id; /* in angle brackets; NULL: not known */
    int64_t created_s;
    const char *content; /* NULL: none */
    size_t content_len;
};

/* Does nothing for a mailbox that is gone. */
int own_chores_put(struct store_txn *txn, const struct own_chore *chore, struct err *e) MUST_CHECK;
/* The oldest of a mailbox; *out NULL: there is none. */
int own_chores_next(struct store_txn *txn, struct arena *a, int64_t box, struct own_chore **out,
                    struct err *e) MUST_CHECK;
int own_chores_drop(struct store_txn *txn, int64_t id, struct err *e) MUST_CHECK;

#endif
