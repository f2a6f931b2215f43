/*
 * imap_marks: the mails of one mailbox that are safe and not marked yet.
 *
 * What is in it holds the cursor back, so that a crash forgets no mark.  No I/O; the loop's thread.
 */
#ifndef MAIL_IMAP_IMAP_MARKS_H
#define MAIL_IMAP_IMAP_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* From first to last, both of them in it: each was added, none is guessed. */
struct imap_span {
    uint32_t first, last;
};

struct imap_marks {
    struct imap_span *spans; /* ascending, no two side by side */
    size_t span_count, room;
    size_t count; /* mails */
};

/* Makes room for so many more mails, however scattered, so that adding them cannot fail. */
int imap_marks_reserve(struct imap_marks *m, size_t more) MUST_CHECK;
/* False: no room was reserved.  One that is in it already is no failure. */
bool imap_marks_add(struct imap_marks *m, uint32_t uid);
/* Takes out the first ones, at most max: ascending; they may be added again without a reserve, the
 * last one first. */
size_t imap_marks_take(struct imap_marks *m, uint32_t *uids, size_t max);
/* 0: there is none. */
uint32_t imap_marks_first(const struct imap_marks *m);
void imap_marks_empty(struct imap_marks *m);
/* Gives the memory back when nothing is in it. */
void imap_marks_trim(struct imap_marks *m);
void imap_marks_clear(struct imap_marks *m); /* frees; may be used again */

#endif
