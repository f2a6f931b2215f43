/*
 * faces: how people call themselves and look: who writes mail, as their mails said last, and the
 * gateway's users, as their vCards said when they were last asked for.  Inside store work only, on
 * its thread.
 *
 * What a mail says of its author is kept for its reader (bare JID) alone: nobody learns from it who
 * writes to others here, and nobody can give another's contact a false name by a mail to themself.
 */
#ifndef STORE_FACES_H
#define STORE_FACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

/* The name that a contact (bare JID at gw) was last seen under. */
int faces_put_contact(struct store_txn *txn, const char *bare_jid, const char *contact,
                      const char *name, int64_t now_s, struct err *e) MUST_CHECK;
/* *out NULL when none is known. */
int faces_get_contact(struct store_txn *txn, struct arena *a, const char *bare_jid,
                      const char *contact, const char **out, struct err *e) MUST_CHECK;

/* What they look like.  Of each user's contacts only the FACES_PORTRAITS_MAX whose mail last had a
 * picture are kept. */
enum { FACES_PORTRAITS_MAX = 100 };
struct face_portrait {
    const char *type; /* "image/png"; NULL: none is known */
    const char *image;
    size_t len;
};
/* is_new_out: it is another picture than before. */
int faces_put_portrait(struct store_txn *txn, const char *bare_jid, const char *contact,
                       const struct face_portrait *portrait, int64_t now_s, bool *is_new_out,
                       struct err *e) MUST_CHECK;
/* Of the image, in hex (XEP-0153); "": none is known. */
int faces_get_photo_hash(struct store_txn *txn, struct arena *a, const char *bare_jid,
                         const char *contact, const char **out, struct err *e) MUST_CHECK;
int faces_get_portrait(struct store_txn *txn, struct arena *a, const char *bare_jid,
                       const char *contact, struct face_portrait *out, struct err *e) MUST_CHECK;

/* A user's own name; "": their vCard has none that can be used.  name NULL: it could not be asked
 * for, and what was known stays. */
int faces_put_user(struct store_txn *txn, const char *bare_jid, const char *name, int64_t fetched_s,
                   struct err *e) MUST_CHECK;
/* *name_out NULL when none is known; *fetched_s_out 0 when it was never asked for. */
int faces_get_user(struct store_txn *txn, struct arena *a, const char *bare_jid,
                   const char **name_out, int64_t *fetched_s_out, struct err *e) MUST_CHECK;

/* Forgets contacts not seen since; at most count_max of them. */
int faces_expire(struct store_txn *txn, int64_t before_s, unsigned count_max,
                 struct err *e) MUST_CHECK;

#endif
