/*
 * part_walk: a mail as a tree of its parts.  Pure; any thread.
 */
#ifndef MAPPING_MIME_PART_WALK_H
#define MAPPING_MIME_PART_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "mapping/mime/header_param.h"
#include "mapping/mime/header_read.h"
#include "mapping/mime/transfer_read.h"

enum { PARTS_MAX = 1000 };

struct part {
    struct mail_header header;
    struct param_value type;        /* main is never "": what is missing or bad is text/plain or
                                       application/octet-stream */
    struct param_value disposition; /* main "" for none */
    enum encoding transfer;
    const char *body; /* as it stands in the mail, encoded */
    size_t body_len;
    struct part *children; /* of a multipart; NULL: a part to be read */
    struct part *next;
};

struct part_tree {
    struct part *root;
    size_t count;
    bool is_cut; /* there were more parts than PARTS_MAX */
};

/* Borrows mail and header, which must be the mail's own.  Never fails for what the mail says: where
 * no structure can be seen, the root is a text. */
int part_walk(struct arena *a, const char *mail, size_t len, const struct mail_header *header,
              struct part_tree *out, struct err *e) MUST_CHECK;

bool part_is(const struct part *p, const char *type); /* "text/plain", or "text/" for any text */

/* Decoded content, NUL-terminated, in the arena; NULL when it is exhausted.  max: bytes of the
 * encoded body to look at, 0 for all. */
const char *part_content(struct arena *a, const struct part *p, size_t max,
                         size_t *len_out) MUST_CHECK;

#endif
