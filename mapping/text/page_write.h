/*
 * page_write: the whole mail as a page for a browser, which loads nothing from anywhere.  Pure; any
 * thread.
 */
#ifndef MAPPING_TEXT_PAGE_WRITE_H
#define MAPPING_TEXT_PAGE_WRITE_H

#include "base/buf.h"
#include "mapping/letter.h"

enum { PAGE_MAX = 8 << 20 };

/* From letter->whole; attachments are linked where they have a url.  out must allow PAGE_MAX bytes.
 * -1: memory is out, or the page got too large. */
int page_write(const struct letter *l, struct buf *out, struct err *e) MUST_CHECK;

#endif
