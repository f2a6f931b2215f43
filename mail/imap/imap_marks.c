/*
 * imap_marks: ranges of UIDs, as a server numbers its mails without gaps for the most part: a
 * backlog of ten thousand is one of them.  They are searched by halves and moved up by memmove;
 * mails become safe nearly in order, so that is done near the end.  Owns the ranges.  Loop thread.
 * After a crash the cursor brings their mails back, and the receiver knows them.
 */
#include "mail/imap/imap_marks.h"

#include <stdlib.h>
#include <string.h>

int imap_marks_reserve(struct imap_marks *m, size_t more)
{
    size_t want = m->span_count + more;
    struct imap_span *spans;

    if (want <= m->room)
        return 0;
    want += want / 2;
    spans = realloc(m->spans, want * sizeof *spans);
    if (!spans)
        return -1;
    m->spans = spans;
    m->room = want;
    return 0;
}

/* The first range that ends at uid or behind it. */
static size_t place_of(const struct imap_marks *m, uint32_t uid)
{
    size_t low = 0, high = m->span_count, mid;

    if (high > 0 && m->spans[high - 1].last < uid)
        return high;
    while (low < high) {
        mid = low + (high - low) / 2;
        if (m->spans[mid].last < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void remove_spans(struct imap_marks *m, size_t at, size_t n)
{
    m->span_count -= n;
    memmove(&m->spans[at], &m->spans[at + n], (m->span_count - at) * sizeof m->spans[0]);
}

bool imap_marks_add(struct imap_marks *m, uint32_t uid)
{
    size_t i = place_of(m, uid);
    struct imap_span *at;
    bool is_behind, is_before;

    if (!m->spans)
        return false;
    at = &m->spans[i];
    if (i < m->span_count && at->first <= uid)
        return true;
    is_behind = i > 0 && at[-1].last + 1 == uid;
    is_before = i < m->span_count && at->first - 1 == uid;
    if (is_behind && is_before) {
        at[-1].last = at->last;
        remove_spans(m, i, 1);
    } else if (is_behind) {
        at[-1].last = uid;
    } else if (is_before) {
        at->first = uid;
    } else {
        if (m->span_count == m->room)
            return false;
        memmove(at + 1, at, (m->span_count - i) * sizeof *at);
        *at = (struct imap_span){uid, uid};
        m->span_count++;
    }
    m->count++;
    return true;
}

size_t imap_marks_take(struct imap_marks *m, uint32_t *uids, size_t max)
{
    size_t n = 0, i;

    for (i = 0; i < m->span_count && n < max; i++) {
        struct imap_span *span = &m->spans[i];

        while (n < max && span->first < span->last)
            uids[n++] = span->first++;
        if (n == max)
            break;
        uids[n++] = span->last;
    }
    if (i > 0)
        remove_spans(m, 0, i);
    m->count -= n;
    return n;
}

uint32_t imap_marks_first(const struct imap_marks *m)
{
    return m->span_count > 0 ? m->spans[0].first : 0;
}

void imap_marks_empty(struct imap_marks *m)
{
    m->span_count = m->count = 0;
}

void imap_marks_trim(struct imap_marks *m)
{
    if (m->count == 0)
        imap_marks_clear(m);
}

void imap_marks_clear(struct imap_marks *m)
{
    free(m->spans);
    memset(m, 0, sizeof *m);
}
