/*
 * bounce_names: failed users that a bounce names without a domain.  Pure; any thread.
 */
#ifndef MAPPING_REPORT_BOUNCE_NAMES_H
#define MAPPING_REPORT_BOUNCE_NAMES_H

#include "mapping/mime/header_addr.h"
#include "mapping/mime/header_read.h"
#include "mapping/letter.h"

/* Whom the returned message with header h was for: Received ... for, To, Cc and the fields that
 * name the envelope, each once.  -1 only when the arena is exhausted. */
int bounce_names_addressees(struct arena *a, const struct mail_header *h,
                            struct mailbox **out) MUST_CHECK;

/* The addressee with that name before the @; NULL: none. */
const struct mailbox *bounce_names_find(const struct mailbox *addressees, const char *name,
                                        size_t n);

/* Gives each recipient of the report that has no domain the one of its addressee; of a single
 * addressee whatever its name is.  -1 only when the arena is exhausted. */
int bounce_names_complete(struct arena *a, const struct mailbox *addressees,
                          struct report *report) MUST_CHECK;

/* Adds a recipient for each line of the n bytes of text that begins with the name of an addressee,
 * where the line or the one above says why; in_domain (may be NULL) is that of names which are no
 * addressee's but stand alone below words that announce them.  Returns how many were added; -1 only
 * when the arena is exhausted. */
int bounce_names_read(struct arena *a, const struct mailbox *addressees, const char *in_domain,
                      const char *text, size_t n, enum report_action action,
                      struct report *report) MUST_CHECK;

#endif
