/*
 * imap_ahead: the sizes of mails that are to be fetched next, asked for many at a time.
 *
 * A mail is fetched only when its size is known, so that nobody fills the memory; asked for range
 * by range, that is a round trip for each.  Owns what the server told of the next mails in
 * session->found, until that list is another.  The thread is that of the job that works.  After a
 * crash it is asked again.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/imap/imap_inside.h"

enum { AHEAD_MAX = 1000 }; /* mails; their lines are far from IMAP_LINES_MAX */

void imap_ahead_forget(struct imap_session *s)
{
    free(s->ahead.items);
    free(s->ahead.has_meta);
    memset(&s->ahead, 0, sizeof s->ahead);
}

/* How many of the mails found are worth a look, and the command that asks for them. */
static size_t write_command(const struct imap_session *s, struct buf *text)
{
    size_t n = s->found_count - s->found_at;
    struct buf set;

    if (n > AHEAD_MAX)
        n = AHEAD_MAX;
    buf_init(&set, IMAP_LINE_MAX);
    n = imap_write_set_part(&set, s->found + s->found_at, n);
    buf_printf(text, "UID FETCH %s (UID RFC822.SIZE)", buf_failed(&set) ? "" : set.data);
    if (buf_failed(&set))
        n = 0;
    buf_clear(&set);
    return buf_failed(text) ? 0 : n;
}

/* What is told is collected as for a fetch of these mails (imap_collect_mail). */
static int ask(struct imap_session *s, const char *command, struct err *e)
{
    const uint32_t *asked = s->asked;
    struct imap_item *items = s->items;
    bool *has_meta = s->has_meta;
    size_t count = s->asked_count;
    int r;

    s->asked = s->found + s->ahead.first;
    s->asked_count = s->ahead.count;
    s->items = s->ahead.items;
    s->has_meta = s->ahead.has_meta;
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    r = imap_command(s, command, e);
    s->asked = asked;
    s->asked_count = count;
    s->items = items;
    s->has_meta = has_meta;
    return r;
}

int imap_ahead_look(struct imap_session *s, struct err *e)
{
    struct buf text;
    size_t i, n;
    int r = 0;

    imap_ahead_forget(s);
    buf_init(&text, IMAP_LINE_MAX);
    n = write_command(s, &text);
    if (n > s->asked_count) {
        s->ahead.items = calloc(n, sizeof *s->ahead.items);
        s->ahead.has_meta = calloc(n, sizeof *s->ahead.has_meta);
    }
    if (s->ahead.items && s->ahead.has_meta) {
        s->ahead.first = s->found_at;
        s->ahead.count = n;
        r = ask(s, text.data, e);
        for (i = 0; i < n; i++) { /* nobody asked for one */
            free(s->ahead.items[i].data);
            s->ahead.items[i].data = NULL;
        }
    }
    buf_clear(&text);
    /* What a NO left out is asked for with its range. */
    return r < 0 ? -1 : 0;
}

bool imap_ahead_take(struct imap_session *s)
{
    size_t i, at = s->found_at - s->ahead.first;

    if (!s->ahead.items || !s->ahead.has_meta || s->asked != s->found + s->found_at ||
        s->found_at < s->ahead.first || at + s->asked_count > s->ahead.count)
        return false;
    for (i = 0; i < s->asked_count; i++)
        if (!s->ahead.has_meta[at + i])
            return false;
    for (i = 0; i < s->asked_count; i++) {
        s->items[i].size = s->ahead.items[at + i].size;
        s->has_meta[i] = true;
    }
    return true;
}
