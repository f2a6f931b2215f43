/*
 * bounce_text: bounces in free words (qmail, Exim, old Postfix and Exchange, web mailers).  Pure;
 * any thread.
 */
#ifndef MAPPING_REPORT_BOUNCE_TEXT_H
#define MAPPING_REPORT_BOUNCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "mapping/mime/header_addr.h"
#include "mapping/letter.h"

struct bounce_hints {
    const char *text;            /* all text of the mail, nothing cut */
    const char *subject;         /* may be NULL */
    const struct letter *letter; /* its from and parties are no failed recipients */
    const char *sure;          /* X-Failed-Recipients: named whatever the text says; may be NULL */
    const char *original_from; /* of the returned message; may be NULL */
    const struct mailbox *addressees; /* of the returned message; may be NULL */
};

/* Words that only a bounce has. */
bool bounce_text_is_bounce(const char *text);
bool bounce_text_is_subject(const char *subject);

/* An address alone on its line, below a line that only a bounce has. */
bool bounce_text_lists(const char *text);

/* Are the n bytes at s that address? */
bool bounce_text_is_mail(const struct addr *addr, const char *s, size_t n);

/* Where the returned message begins in text; its length when there is none. */
size_t bounce_text_end(const char *text);

/* Adds a recipient to report for each address that failed.  -1 only when the arena is exhausted. */
int bounce_text_read(struct arena *a, const struct bounce_hints *in,
                     struct report *report) MUST_CHECK;

/* One more failed recipient; one too many is not kept.  NULL when the arena is exhausted. */
struct report_recipient *bounce_text_add(struct arena *a, struct report *report, const char *s,
                                         size_t n, enum report_action action) MUST_CHECK;

/* The codes in a reply's words: fills code, enhanced and text as far as they are said; words alone
 * ("user unknown") give an enhanced code too.  -1 only when the arena is exhausted. */
int bounce_text_status(struct arena *a, const char *words, size_t len,
                       struct smtp_status *out) MUST_CHECK;

#endif
