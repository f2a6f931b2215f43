/*
 * text_read: a text part of a mail as text for people.  Pure; any thread.
 */
#ifndef MAPPING_TEXT_TEXT_READ_H
#define MAPPING_TEXT_TEXT_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "mapping/mime/part_walk.h"

enum { TEXT_READ_MAX = 1 << 20 }; /* bytes of a part that are looked at */

/* UTF-8, \n line ends, format=flowed undone; HTML turned into text, with the marks of html_text.h.
 * NULL when memory is out or the arena exhausted. */
const char *text_read(struct arena *a, const struct part *p) MUST_CHECK;

/* The part as it came, in UTF-8 with \n line ends: HTML stays HTML.  NULL as above. */
const char *text_read_raw(struct arena *a, const struct part *p) MUST_CHECK;

/* Characters that are no blanks. */
size_t text_read_weight(const char *text);

/* Is the plain text of an alternative worth more than its HTML?  Not when it is empty, or only says
 * that there is HTML. */
bool text_read_is_real(const char *plain, const char *from_html);

#endif
