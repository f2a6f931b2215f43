/*
 * header_read: the fields of a mail header (RFC 5322 §2.2) as they come: with bad charsets, bad
 * dates, raw eight bits, broken encoded words.  The best reading is made of each; nothing here
 * refuses. Pure; any thread.
 */
#ifndef MAPPING_MIME_HEADER_READ_H
#define MAPPING_MIME_HEADER_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum { HEADER_FIELDS_MAX = 20000 }; /* later ones are not looked at */

struct mail_header_field {
    const char *name; /* as written */
    const char
        *value; /* unfolded, blanks round it taken off, controls made blanks; raw otherwise */
};

struct mail_header {
    struct mail_header_field *fields; /* in the order of the text */
    size_t count;
    size_t body; /* offset of what follows the empty line */
};

/* Where the body begins: cheap, for checking a size before anything is read. */
size_t header_read_end(const char *text, size_t len);

/* A line that is no field ends the header, and the body begins with it.  An mbox "From " line in
 * front is passed over.  -1 only when the arena is exhausted. */
int header_read(struct arena *a, const char *text, size_t len, struct mail_header *out) MUST_CHECK;

/* The topmost field of that name; NULL: none. */
const char *header_read_get(const struct mail_header *h, const char *name);
/* The next one from *at on, which is moved behind it; start with 0. */
const char *header_read_next(const struct mail_header *h, const char *name, size_t *at);

/* A value for people: encoded words (RFC 2047, and the common ways of getting them wrong) decoded,
 * one line, at most max bytes.  NULL when the arena is exhausted. */
const char *header_read_text(struct arena *a, const char *value, size_t max) MUST_CHECK;

/* The next <msg-id> of value from *at on, without the brackets; NULL: none is left, or the arena is
 * exhausted.  A value without brackets that could be one counts as one. */
const char *header_read_id(struct arena *a, const char *value, size_t *at) MUST_CHECK;

/* Seconds since 1970 UTC of a date as mail programs write them (RFC 5322 §3.3, asctime, ISO 8601);
 * 0: it is none. */
int64_t header_read_date(const char *value);

/* The first token in lower case without comments: "auto-replied" of "Auto-Replied; x (y)". "" for
 * NULL.  out holds max bytes. */
void header_read_token(const char *value, char *out, size_t max);

#endif
