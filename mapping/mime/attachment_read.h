/*
 * attachment_read: a part of a mail as an attachment.  Pure; any thread.
 */
#ifndef MAPPING_MIME_ATTACHMENT_READ_H
#define MAPPING_MIME_ATTACHMENT_READ_H

#include "mapping/letter.h"
#include "mapping/mime/part_walk.h"

enum { ATTACHMENT_NAME_MAX = 150 }; /* bytes of a file name */

/* Adds the part, decoded, or the link it stands for (message/external-body).  -1 only when the
 * arena is exhausted. */
int attachment_read(struct letter *l, const struct part *p) MUST_CHECK;

/* Adds bytes of our own making under a name. */
int attachment_add(struct letter *l, const char *filename, const char *media_type,
                   const char *content, size_t size) MUST_CHECK;

/* Names every content there is by its sha256, once for all the stanzas that tell it.  -1 only when
 * the arena is exhausted. */
int attachment_hash(struct letter *l) MUST_CHECK;

/* The part's own name; NULL: it has none, or the arena is exhausted. */
const char *attachment_claimed_name(const struct part *p);

/* A base name that no file system and no reader can be fooled with; "" when nothing is left.  NULL
 * when the arena is exhausted. */
const char *attachment_safe_name(struct arena *a, const char *name) MUST_CHECK;

#endif
