/*
 * mdn_read: what a message disposition notification says (RFC 8098 §3).  Pure; any thread.
 */
#ifndef MAPPING_REPORT_MDN_READ_H
#define MAPPING_REPORT_MDN_READ_H

#include "mapping/letter.h"
#include "mapping/mime/part_walk.h"

/* p: the message/disposition-notification part.  Fills report->disposition, disposition_recipient
 * and, where it is named, original_message_id.  -1 only when the arena is exhausted. */
int mdn_read(struct arena *a, const struct part *p, struct report *report) MUST_CHECK;

#endif
