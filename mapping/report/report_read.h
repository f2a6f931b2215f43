/*
 * report_read: what a delivery report says: RFC 3464, or a bounce in free words.  Pure; any thread.
 */
#ifndef MAPPING_REPORT_REPORT_READ_H
#define MAPPING_REPORT_REPORT_READ_H

#include "mapping/letter.h"
#include "mapping/mime/part_walk.h"

enum { REPORT_RECIPIENTS_MAX = 100 };

/* letter: people and header are read already.  *out NULL: the mail is no report.  -1 only when
 * memory is out. */
int report_read(struct letter *l, const struct mail_header *h, const struct part_tree *tree,
                struct report **out, struct err *e) MUST_CHECK;

#endif
