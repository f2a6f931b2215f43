/*
 * page_html: HTML of strangers becomes HTML that loads nothing, runs nothing and asks for nothing.
 * What is not known to be harmless is not written: a list of elements, a shorter one of
 * attributes, links to a few schemes.  Pure; any thread.
 */
#ifndef MAPPING_TEXT_PAGE_HTML_H
#define MAPPING_TEXT_PAGE_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "mapping/letter.h"

/* Does the HTML (UTF-8) show more than its words say: pictures, tables? */
bool page_html_is_rich(const char *html);

/* Adds html to out, as elements that are all closed.  Pictures of the mail itself (cid:) are
 * written into it as long as left bytes allow, which are counted down; pictures from elsewhere
 * become links. Failure is the buffer's. */
void page_html_write(struct buf *out, const struct letter *l, const char *html, size_t *left);

/* Text with its line ends; what looks like a link becomes one. */
void page_html_write_text(struct buf *out, const char *text);

#endif
