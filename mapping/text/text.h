/*
 * text: lines, paragraphs and links out of a stanza, as a letter holds them.  Results live in the
 * arena, NULL when it is exhausted.  Pure; any thread.
 */
#ifndef MAPPING_TEXT_TEXT_H
#define MAPPING_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* One line of at most max bytes: controls become spaces, none at the ends. */
const char *text_line(struct arena *a, const char *text, size_t max);

/* Lines ended by \n alone, no empty ones first, no space at the end of all. */
const char *text_paragraphs(struct arena *a, const char *text);

/* A URL with nothing around it, and with white space and controls in it percent-encoded. */
const char *text_url(struct arena *a, const char *text);
/* Is it of a scheme that may become a link in a mail? */
bool text_is_link(const char *url);

/* The value of a hexadecimal digit of either case; -1: none. */
int text_hex_value(char c);
/* Is it one of the list, which ends with NULL, in whatever case? */
bool text_is_one_of(const char *const *list, const char *word);
/* Appends a number of bytes as people read it, "12 kB". */
void text_put_size(struct buf *out, size_t size);

/* Is the url, and white space, all that there is to the text (which may be NULL)? */
bool text_is_only(const char *text, const char *url);

#endif
