/*
 * uploads: which files of a mail lie at an upload service already, so that a second try of the mail
 * does not upload them again.  Inside store work only, on its thread.
 */
#ifndef STORE_UPLOADS_H
#define STORE_UPLOADS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct upload_row {
    unsigned part; /* which attachment of the mail */
    const char *url;
    struct upload_row *next;
};

int uploads_put(struct store_txn *txn, int64_t message_id, unsigned part, const char *url,
                int64_t now_s, struct err *e) MUST_CHECK;
/* *out: the first of a list, in the arena; NULL: there are none. */
int uploads_get(struct store_txn *txn, struct arena *a, int64_t message_id, struct upload_row **out,
                struct err *e) MUST_CHECK;
/* Forgets what was put before before_s, at most count_max. */
int uploads_expire(struct store_txn *txn, int64_t before_s, unsigned count_max,
                   struct err *e) MUST_CHECK;

#endif
