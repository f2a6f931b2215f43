/*
 * body_read: the parts of a mail become the letter's text and attachments.  Pure; any thread.
 */
#ifndef MAPPING_MIME_BODY_READ_H
#define MAPPING_MIME_BODY_READ_H

#include "mapping/context.h"
#include "mapping/letter.h"
#include "mapping/mime/part_walk.h"

enum {
    BODY_TEXT_MAX = 100000,    /* bytes of letter->text; a longer text becomes a file too */
    BODY_ATTACHMENTS_MAX = 200 /* more, and the whole mail stands in for the rest */
};

struct body_input {
    const struct part_tree *tree;
    const char *mail; /* the whole, for what cannot be taken apart */
    size_t mail_len;
    bool is_report; /* a report's machine-readable part is no attachment */
};

/* Fills text, is_cut and attachments; letter->subject, in_reply_to and references help to tell a
 * reply.  -1 only when memory is out. */
int body_read(const struct context *ctx, struct letter *l, const struct body_input *in,
              struct err *e) MUST_CHECK;

/* The text before anything is cut from it, without attachments: for reading bounces. NULL when
 * memory is out. */
const char *body_read_text(struct arena *a, const struct part_tree *tree) MUST_CHECK;

#endif
