/*
 * sealed: secrets that lie in the database, encrypted and bound to their place.
 *
 * AES-256-GCM (OpenSSL) with a random nonce for each.  What is bound (whose it is, which row) is
 * not in the sealed bytes but must be the same when they are opened, so that rows cannot change
 * places.  The key is made from the text of a file.  Any thread.
 */
#ifndef BASE_SEALED_H
#define BASE_SEALED_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum { SEALED_KEY_SIZE = 32, SEALED_SECRET_MIN = 32 /* characters of the text */ };

struct sealed_key {
    unsigned char bytes[SEALED_KEY_SIZE];
};

/* ERR_PERMANENT: the text is too short to be a key. */
int sealed_key_make(const char *secret, struct sealed_key *out, struct err *e) MUST_CHECK;
void sealed_key_wipe(struct sealed_key *key);

/* Adds the sealed bytes to out. */
int sealed_lock(const struct sealed_key *key, const char *bound, const void *plain, size_t len,
                struct buf *out, struct err *e) MUST_CHECK;
/* Adds the plain bytes to out, which should be secret (buf_set_secret).  ERR_PERMANENT: this key
 * does not open them, or they were changed, or belong to another place; nothing is added. */
int sealed_open(const struct sealed_key *key, const char *bound, const void *sealed, size_t len,
                struct buf *out, struct err *e) MUST_CHECK;

void sealed_wipe(void *data, size_t len);

#endif
