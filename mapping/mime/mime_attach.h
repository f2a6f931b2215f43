/*
 * mime_attach: files are added to a mail that mime_write has written, and what is to be fetched is
 * noted before it.  Pure; any thread.
 *
 * A mail whose files are still to be fetched begins with a note, a line for each link:
 *
 *   X-Postern-Fetch: juliet@example.org https://files.example.org/rose.png
 *
 * It never leaves: what is sent begins behind it.
 */
#ifndef MAPPING_MIME_MIME_ATTACH_H
#define MAPPING_MIME_MIME_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mapping/letter.h"

enum { FETCH_LINKS_MAX = 20 };

/* Writes the note for the links of a letter that may be fetched (http and https, not larger than
 * they say themselves); nothing where there are none, or where all is encrypted. */
void mime_attach_note(struct buf *out, const struct letter *l, const char *sender, size_t size_max);

struct attach_note {
    const char *sender; /* bare JID */
    const char *urls[FETCH_LINKS_MAX];
    size_t count;
    size_t len; /* bytes of the note */
};

/* Reads a note; count 0: there is none.  -1: the arena is exhausted. */
int mime_attach_read(struct arena *a, const char *mail, size_t len,
                     struct attach_note *out) MUST_CHECK;

/* The file name that a URL ends in, made safe; "file" and an extension of the type where it has
 * none.  NULL: the arena is exhausted. */
const char *mime_attach_name(struct arena *a, const char *url, const char *media_type) MUST_CHECK;

/* The mail (without a note) with the files (all have content) behind what it holds.  seed: for the
 * boundary, of letters and digits, another than the mail's own parts have. */
void mime_attach(struct buf *out, const char *mail, size_t len, const struct attachment *files,
                 const char *seed);

#endif
