/*
 * shim: header fields that both worlds know (XEP-0131 and its registry, RFC 5322, RFC 2156).
 *
 * A short list passes both ways: Keywords, Comments, Organization, Importance, Priority,
 * Sensitivity, List-Id and List-Post; SHIM's Urgency and mail's Importance and X-Priority are one
 * thing.  Pure; any thread.
 */
#ifndef MAPPING_STANZA_SHIM_H
#define MAPPING_STANZA_SHIM_H

#include "base/buf.h"
#include "base/xml.h"
#include "mapping/mime/header_read.h"
#include "mapping/letter.h"

/* From <headers xmlns='http://jabber.org/protocol/shim'/>.  -1: memory. */
int shim_read_stanza(struct letter *l, const struct xml_node *headers) MUST_CHECK;
/* From the header of a mail.  -1: memory. */
int shim_read_mail(struct letter *l, const struct mail_header *h) MUST_CHECK;

void shim_write_mail(struct buf *out, const struct letter *l);
/* Adds the element to message when there is anything to say.  -1: memory. */
int shim_write_stanza(struct arena *a, struct xml_node *message, const struct letter *l) MUST_CHECK;

#endif
