/*
 * vcard_read: the people in a vCard of any version (2.1, RFC 2426, RFC 6350), as programs write
 * them.  Pure; any thread.
 */
#ifndef MAPPING_CARD_VCARD_READ_H
#define MAPPING_CARD_VCARD_READ_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    VCARD_SIZE_MAX = 1 << 20, /* bytes that are looked at */
    VCARD_CARDS_MAX = 500,    /* cards; later ones are not looked at, as below */
    VCARD_ADDRESSES_MAX = 10, /* mail addresses and JIDs of one card, each */
    VCARD_GROUPS_MAX = 10,
    VCARD_TEXT_MAX = 200,      /* bytes of a name or a group */
    VCARD_PHOTO_MAX = 32 << 10 /* of a photo; a larger one is left out */
};

struct vcard {
    const char *name;                                                   /* one line; NULL: none */
    const char *mails[VCARD_ADDRESSES_MAX], *jids[VCARD_ADDRESSES_MAX]; /* as written, unchecked */
    size_t mail_count, jid_count;
    const char *groups[VCARD_GROUPS_MAX];
    size_t group_count;
    const char *photo, *photo_type; /* bytes, and what they are by their first ones; NULL: none */
    size_t photo_len;
    struct vcard *next;
};

/* What a picture is by its first bytes, whatever the card says of it: "image/png"; NULL: nothing
 * that a client shows. */
const char *vcard_image_type(const char *image, size_t len);

/* charset: what the mail said of the data; NULL: nothing.  *out NULL: no card in it.  -1 only when
 * the arena is exhausted. */
int vcard_read(struct arena *a, const char *charset, const char *data, size_t len,
               struct vcard **out) MUST_CHECK;

#endif
