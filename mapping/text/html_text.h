/*
 * html_text: HTML of strangers becomes text that reads well in a chat: paragraphs, links as
 * `text <url>`, lists, simple tables, quotes as "> "; no scripts, no styles, no images but their
 * words, nothing that is hidden from the eye.  Pure; any thread.
 */
#ifndef MAPPING_TEXT_HTML_TEXT_H
#define MAPPING_TEXT_HTML_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* Marks that may stand in the text, for what the mail program itself calls a quote, a signature or
 * the line above a quote.  No text can contain them, since XML forbids them. */
enum html_mark {
    HTML_MARK_QUOTE = 0x1c,       /* quoted from here to its end */
    HTML_MARK_SIGNATURE = 0x1d,   /* a signature from here to its end */
    HTML_MARK_ATTRIBUTION = 0x1f, /* "On ... wrote:" from here to its end */
    HTML_MARK_REST = 0x19,        /* all that follows is quoted, its end means nothing */
    HTML_MARK_END = 0x1e
};

enum { HTML_TEXT_MAX = 1 << 20 }; /* bytes of text at most; the rest is cut */

/* html: UTF-8.  NULL when memory is out or the arena exhausted. */
const char *html_text(struct arena *a, const char *html, size_t len) MUST_CHECK;

/* What libxml2 sets up once, now; before any thread. */
void html_text_prepare(void);

/* Does an element with this style (NULL: none) stay unseen? */
bool html_hides(const char *style);

/* The charset that the HTML names in a meta element; NULL: none. */
const char *html_charset(struct arena *a, const char *html, size_t len);

#endif
