/*
 * stanza_text: text and links out of a stanza, as a letter holds them.  Results live in the arena,
 * NULL when it is exhausted.  Pure; any thread.
 */
#ifndef MAPPING_STANZA_TEXT_H
#define MAPPING_STANZA_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/xml.h"

/* xml:lang of the element itself, none inherited: clients put the user's own language on every
 * stanza, which says little about a text. */
const char *stanza_own_lang(const struct xml_node *node);

/* One line of at most max bytes: controls become spaces, none at the ends. */
const char *stanza_line(struct arena *a, const char *text, size_t max);

/* Lines ended by \n alone, no empty ones first, no space at the end of all. */
const char *stanza_paragraphs(struct arena *a, const char *text);

/* A URL with nothing around it, and with white space and controls in it percent-encoded. */
const char *stanza_url(struct arena *a, const char *text);
/* Is it of a scheme that may become a link in a mail? */
bool stanza_is_link(const char *url);

/* text without the ranges that are there only for clients that do not know ns (XEP-0428); the whole
 * text when nothing would be left. */
const char *stanza_without_fallback(struct arena *a, const struct xml_node *stanza, const char *ns,
                                    const char *text);

#endif
