/*
 * xhtml: XHTML-IM (XEP-0071) becomes HTML that may stand in a mail.
 *
 * Only the elements of the profile and the plain ones beside it pass, without styles; what is not
 * known keeps its text; links have a scheme that may be clicked; an image is a link, because one
 * that loads by itself would tell its server who reads the mail.  Pure; any thread.
 */
#ifndef MAPPING_STANZA_XHTML_H
#define MAPPING_STANZA_XHTML_H

#include "base/arena.h"
#include "base/xml.h"

/* The inside of the first <body/> of an <html xmlns='http://jabber.org/protocol/xhtml-im'/>; ""
 * when there is nothing in it; NULL when the arena is exhausted. */
const char *xhtml_read(struct arena *a, const struct xml_node *html) MUST_CHECK;

#endif
