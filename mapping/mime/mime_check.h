/*
 * mime_check: what stands between strangers' mail and libetpan's MIME parser.
 *
 * Two things: limits that are cheap to look at, and a copy of the mail that the parser cannot be
 * hurt by.  libetpan 1.9.4 writes in front of a buffer for `boundary="\""`, recurses for every ( of
 * a comment and every message/rfc822, and looks through the rest of the mail once for every level
 * of multipart.  Telling such mail from good mail would need the parser's own eyes, so it is not
 * told: the copy has no backslash, no parenthesis, no encoded word, no message/rfc822, and a
 * limited number of multiparts.  Only where the parts begin and end is learnt from it; every byte
 * that is used comes from the mail itself.  Pure; any thread.
 */
#ifndef MAPPING_MIME_MIME_CHECK_H
#define MAPPING_MIME_MIME_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "mapping/mime/header_read.h"

enum {
    MIME_HEADER_MAX = 1 << 20,   /* bytes of the mail's own header */
    MIME_SIZE_MAX = 256 << 20,   /* bytes of a mail */
    MIME_MULTIPARTS_MAX = 60,    /* multiparts, nested or not, in a small mail */
    MIME_SCAN_MAX = 300 << 20,   /* bytes to be looked at: multiparts times size */
    MIME_DELIMITERS_MAX = 20000, /* lines that begin with --; later ones delimit nothing */
    MIME_INSERTS_MAX = 2000      /* empty parts that are helped along */
};

/* ERR_PERMANENT when the mail is over the limits above. */
int mime_check(const char *mail, size_t len, struct err *e) MUST_CHECK;

struct mime_insert { /* bytes that stand in the copy and not in the mail */
    size_t at;       /* offset in the copy, of the first one */
    size_t total;    /* how many there are up to and with these */
};

struct mime_copy {
    char *data; /* heap */
    size_t len;
    const char *mail; /* the original, borrowed */
    size_t mail_len;
    size_t body;      /* where the mail's body begins, in the copy */
    size_t mail_body; /* and in the mail */
    struct mime_insert *inserts;
    size_t insert_count;
};

/* The harmless copy of a mail whose header has been read: its boundary, then the body.  -1 only
 * when memory is out (the arena is for small things). */
int mime_copy_init(struct mime_copy *c, struct arena *a, const char *mail, size_t len,
                   const struct mail_header *header, struct err *e) MUST_CHECK;
void mime_copy_clear(struct mime_copy *c);

/* The place in the mail that a place in the copy's body stands for. */
const char *mime_copy_origin(const struct mime_copy *c, const char *place);

#endif
