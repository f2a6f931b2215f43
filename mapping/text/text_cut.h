/*
 * text_cut: the part of a reply that its author wrote; quoted history and signatures go.  Pure; any
 * thread.
 */
#ifndef MAPPING_TEXT_TEXT_CUT_H
#define MAPPING_TEXT_TEXT_CUT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct text_hints {
    bool is_reply;   /* In-Reply-To, References or a subject with Re: */
    bool is_forward; /* a subject with Fwd:; what looks like a quote is what the mail is about */
    bool is_list;    /* its header names a mailing list, whose footer may stand at the end */
};

/* text: \n line ends; marks of html_text.h may stand in it and do not come out.  Nothing is cut
 * when nothing would be left, and answers between quoted lines keep what they answer.  NULL when
 * memory is out or the arena exhausted. */
const char *text_cut(struct arena *a, const char *text, const struct text_hints *hints,
                     bool *is_cut_out) MUST_CHECK;

/* The text without marks and otherwise as it is. */
const char *text_uncut(struct arena *a, const char *text) MUST_CHECK;

#endif
