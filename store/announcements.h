/*
 * announcements: what administrators tell all users, and how far it has gone.  Inside store work
 * only, on its thread.
 */
#ifndef STORE_ANNOUNCEMENTS_H
#define STORE_ANNOUNCEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct announcement {
    int64_t id;
    const char *type, *subject, *body; /* of the message to each */
    const char *after;                 /* the user who was told last; "": none yet */
    int64_t told;                      /* so many */
};

int announcements_put(struct store_txn *txn, const struct announcement *a,
                      struct err *e) MUST_CHECK;
/* The oldest; *found_out false: there is none. */
int announcements_first(struct store_txn *txn, struct arena *arena, struct announcement *out,
                        bool *found_out, struct err *e) MUST_CHECK;
int announcements_go_on(struct store_txn *txn, int64_t id, const char *after, int64_t told,
                        struct err *e) MUST_CHECK;
int announcements_drop(struct store_txn *txn, int64_t id, struct err *e) MUST_CHECK;

/* The next user in order: who has registered, or has contacts here; *out NULL: none. */
int announcements_next_user(struct store_txn *txn, struct arena *arena, const char *after,
                            const char **out, struct err *e) MUST_CHECK;

#endif
