/*
 * header_write: header fields of a mail, folded, with what is not ASCII encoded as it must be
 * (RFC 5322 §2.2.3, RFC 2047, RFC 2231).
 *
 * Whatever a stranger put into a value, a field stays one field: controls become spaces, no line is
 * over 998 bytes, and lines are folded at 78 where a space allows it.  Failure is the buffer's
 * (buf_failed).  Pure; any thread.
 */
#ifndef MAPPING_MIME_HEADER_WRITE_H
#define MAPPING_MIME_HEADER_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"

enum {
    HEADER_TEXT_MAX = 1000, /* bytes of an unstructured value; what is longer is cut, with dots */
    HEADER_NAME_MAX = 200,  /* bytes of a display name */
    HEADER_ID_MAX = 900     /* bytes of a Message-ID with its <> */
};

/* Whole fields. */
void header_text(struct buf *out, const char *name, const char *text);
void header_date(struct buf *out, const char *name, int64_t time_s); /* in UTC */

/* A field made of pieces: begin, any number of pieces, end. */
struct header {
    struct buf *out;
    size_t column;
    bool is_empty; /* nothing behind the colon yet */
};

void header_begin(struct header *h, struct buf *out, const char *name);
/* A piece that may not be broken and is wire syntax already (printable ASCII, or an RFC 6532
 * address); one with a control in it or over 990 bytes is left out. */
void header_word(struct header *h, const char *word);
/* `"Name" <local@domain>`; name may be NULL; a comma is added when more are to follow. */
void header_mailbox(struct header *h, const char *name, const struct addr *mail, bool more);
/* `; name=value`, in RFC 2231's form where needed. */
void header_parameter(struct header *h, const char *name, const char *value);
void header_end(struct header *h);

/* May it stand between < and > as a Message-ID: printable ASCII, no space or bracket, not too long?
 */
bool header_is_message_id(const char *id);
/* `<id>`; what header_is_message_id refuses is left out. */
void header_message_id(struct header *h, const char *id);

/* Bytes of text up to max that end at a character's end. */
size_t header_clip(const char *text, size_t max);

#endif
