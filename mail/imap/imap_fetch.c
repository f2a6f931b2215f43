/*
 * imap_fetch: what is new in the folder, and its mails.
 *
 * Which UIDs exist is asked by UID SEARCH (UIDs may be sparse), then sizes (imap_ahead.c), then the
 * mails of a range that fit.  libetpan hands over each mail as it arrives, so that what came before
 * a connection broke is not lost.  Order and completeness are checked here: the server decides
 * neither. The thread is that of the job that works; what is fetched belongs to the batch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/imap/imap_inside.h"

/* A folder that came so far takes no more mail anyway, and no cursor could pass a later one. */
#define UID_LAST (UINT32_MAX - 1)

void imap_batch_init(struct imap_batch *b)
{
    memset(b, 0, sizeof *b);
}

void imap_batch_clear(struct imap_batch *b)
{
    size_t i;

    for (i = 0; i < b->count; i++)
        free(b->items[i].data);
    imap_batch_init(b);
}

/* ---- what arrives (called by libetpan's parser) ---- */

bool imap_collect_body(int type, struct mailimap_msg_att_body_section *section, const char *bytes,
                       size_t len, void *session)
{
    struct imap_session *s = session;

    (void)type;
    (void)section;
    return buf_add(&s->body, bytes, len) == 0; /* its maximum is that of the scanner */
}

void imap_collect_progress(size_t current, size_t maximum, void *session)
{
    (void)current;
    (void)maximum;
    (void)session;
}

/* What one FETCH response told. */
struct told {
    uint32_t uid;
    bool has_size, has_body;
    int64_t size;
};

static void read_static(const struct mailimap_msg_att_static *st, struct told *t)
{
    if (!st)
        return;
    switch (st->att_type) {
    case MAILIMAP_MSG_ATT_UID:
        t->uid = st->att_data.att_uid;
        break;
    case MAILIMAP_MSG_ATT_RFC822_SIZE:
        t->size = st->att_data.att_rfc822_size;
        t->has_size = true;
        break;
    case MAILIMAP_MSG_ATT_BODY_SECTION: /* NIL: there is none */
        t->has_body = st->att_data.att_body_section && st->att_data.att_body_section->sec_body_part;
        break;
    default:
        break;
    }
}

static int compare_uids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

void imap_collect_mail(struct mailimap_msg_att *att, void *session)
{
    struct imap_session *s = session;
    struct told t = {0};
    const struct mailimap_msg_att_item *part;
    const uint32_t *place = NULL;
    struct imap_item *item;
    clistiter *i;

    for (i = att->att_list ? clist_begin(att->att_list) : NULL; i; i = clist_next(i)) {
        part = clist_content(i);
        if (part && part->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC)
            read_static(part->att_data.att_static, &t);
    }
    if (t.uid && s->asked_count > 0)
        place = bsearch(&t.uid, s->asked, s->asked_count, sizeof t.uid, compare_uids);
    if (place) {
        item = &s->items[place - s->asked];
        if (t.has_size) {
            item->size = t.size;
            s->has_meta[place - s->asked] = true;
        }
        if (t.has_body && !item->data)
            item->data = buf_detach(&s->body, &item->len);
    }
    buf_clear(&s->body);
}

/* ---- which mails there are ---- */

void imap_session_look(struct imap_session *s)
{
    s->must_look = true;
}

ssize_t imap_search(struct imap_session *s, const char *keys, uint32_t first, uint32_t **out,
                    struct err *e)
{
    clist *list;
    clistiter *i;
    size_t n = 0, kept = 0;
    struct buf text;
    uint32_t *uids;
    int r;

    buf_init(&text, IMAP_LINE_MAX);
    buf_printf(&text, "UID SEARCH %s", keys);
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    imap_scan_expect_long_line(imap_stream_scan(s->stream));
    r = buf_failed(&text) ? err_memory(e) : imap_command(s, text.data, e);
    buf_clear(&text);
    if (r > 0)
        e->class = ERR_RETRY;
    if (r != 0)
        return -1;
    list = s->imap->imap_response_info ? s->imap->imap_response_info->rsp_search_result : NULL;
    if (!list || clist_count(list) == 0)
        return 0;
    uids = calloc((size_t)clist_count(list), sizeof *uids);
    if (!uids)
        return err_memory(e);
    for (i = clist_begin(list); i; i = clist_next(i))
        uids[n++] = *(uint32_t *)clist_content(i);
    qsort(uids, n, sizeof *uids, compare_uids);
    for (size_t k = 0; k < n; k++)
        if (uids[k] >= first && uids[k] <= UID_LAST && (kept == 0 || uids[k] > uids[kept - 1]))
            uids[kept++] = uids[k];
    mailimap_search_result_free(list);
    s->imap->imap_response_info->rsp_search_result = NULL;
    *out = uids;
    if (kept == 0) {
        free(uids);
        *out = NULL;
    }
    return (ssize_t)kept;
}

static ssize_t search(struct imap_session *s, const char *set, uint32_t first, uint32_t **out,
                      struct err *e)
{
    struct buf keys;
    ssize_t n;

    buf_init(&keys, IMAP_LINE_MAX);
    buf_printf(&keys, "UID %s", set);
    n = buf_failed(&keys) ? err_memory(e) : imap_search(s, keys.data, first, out, e);
    buf_clear(&keys);
    return n;
}

int imap_session_find_end(struct imap_session *s, uint32_t *uid_out, struct err *e)
{
    uint32_t *uids = NULL;
    ssize_t n;

    *uid_out = s->uid_next;
    if (*uid_out > 0)
        return 0;
    /* "*" is the last one, whatever its UID (RFC 3501 §9, seq-number). */
    n = search(s, "*", 1, &uids, e);
    if (n < 0)
        return -1;
    *uid_out = n > 0 ? uids[n - 1] + 1 : 1;
    free(uids);
    return 0;
}

/* Looks for new mail from `from` on, in steps where the folder is so full that one answer could be
 * too long.  Beyond UIDNEXT there is at most what came in this session: the steps grow there. */
static int look(struct imap_session *s, uint32_t from, struct err *e)
{
    uint64_t first = from, last, step = FOUND_MAX;
    uint32_t *uids = NULL;
    char set[32];
    ssize_t n = 0;

    imap_ahead_forget(s);
    free(s->found);
    s->found = NULL;
    s->found_count = s->found_at = 0;
    s->must_look = false;
    imap_stream_scan(s->stream)->has_exists = false;
    while (n == 0 && first <= UID_LAST) {
        last = s->exists < FOUND_MAX ? UID_LAST : first + step - 1;
        if (last > UID_LAST)
            last = UID_LAST;
        if (first > s->uid_next)
            step *= 8;
        snprintf(set, sizeof set, "%u:%u", (unsigned)first, (unsigned)last);
        n = search(s, set, from, &uids, e);
        if (n < 0) {
            s->must_look = true;
            return -1;
        }
        first = last + 1;
    }
    s->found = uids;
    s->found_count = (size_t)n;
    /* There may be more beyond the step that brought something. */
    s->must_look = n > 0 && first <= UID_LAST;
    return 0;
}

/* Up to max UIDs from `from` on; *count_out 0: there is nothing new. */
static int take_found(struct imap_session *s, uint32_t from, size_t max, const uint32_t **out,
                      size_t *count_out, struct err *e)
{
    while (s->found_at < s->found_count && s->found[s->found_at] < from)
        s->found_at++;
    if (s->found_at == s->found_count && (s->must_look || imap_session_has_news(s)) &&
        look(s, from, e) < 0)
        return -1;
    if (s->found_at == s->found_count) {
        imap_ahead_forget(s);
        free(s->found);
        s->found = NULL;
        s->found_count = s->found_at = 0;
        *count_out = 0;
        return 0;
    }
    *out = s->found + s->found_at;
    *count_out = s->found_count - s->found_at;
    if (*count_out > max)
        *count_out = max;
    return 0;
}

/* ---- fetching ---- */

/* Fetches `what` of the UIDs for which chosen is true. */
static int fetch(struct imap_session *s, const bool *chosen, const char *what, uint64_t one_max,
                 uint64_t all_max, struct err *e)
{
    uint32_t uids[IMAP_RANGE_MAX];
    size_t i, n = 0;
    struct buf text;
    int r;

    for (i = 0; i < s->asked_count; i++)
        if (chosen[i])
            uids[n++] = s->asked[i];
    if (n == 0)
        return 0;
    buf_init(&text, IMAP_LINE_MAX);
    buf_adds(&text, "UID FETCH ");
    imap_write_set(&text, uids, n);
    buf_printf(&text, " (UID %s)", what);
    buf_clear(&s->body);
    s->body.max = (size_t)one_max;
    imap_stream_expect(s->stream, COMMAND_MS + (int64_t)(all_max / BYTES_PER_S) * 1000, one_max,
                       all_max);
    r = buf_failed(&text) ? err_memory(e) : imap_command(s, text.data, e);
    buf_clear(&text);
    buf_clear(&s->body);
    /* A NO may only mean that one of them was expunged (RFC 2180 §4.1): what is missing is checked.
     */
    return r < 0 ? -1 : 0;
}

/* Chooses how many of the UIDs fit; the sizes are known. */
static size_t choose(const struct imap_session *s, const struct imap_want *want)
{
    int64_t sum = 0, size;
    size_t i;

    for (i = 0; i < s->asked_count; i++) {
        size = s->items[i].size > want->size_max ? HEADER_MAX : s->items[i].size;
        if (sum + size > want->bytes_max && !(i == 0 && want->may_exceed))
            break;
        sum += size;
    }
    return i;
}

/* The mails of the first n UIDs asked for. */
static int fetch_mails(struct imap_session *s, const struct imap_want *want, size_t n,
                       struct err *e)
{
    uint64_t sum = 0, one_max = (uint64_t)want->size_max + (uint64_t)want->size_max / 8 + 65536;
    bool whole[IMAP_RANGE_MAX] = {false}, header[IMAP_RANGE_MAX] = {false};
    size_t i, headers = 0;

    for (i = 0; i < n; i++) {
        if (!s->has_meta[i])
            continue;
        header[i] = s->items[i].size > want->size_max || want->care == IMAP_CARE_HEADER;
        whole[i] = !header[i];
        s->items[i].is_truncated = header[i];
        headers += header[i];
        sum += whole[i] ? (uint64_t)s->items[i].size : 0;
    }
    /* Some servers only estimate RFC822.SIZE. */
    if (fetch(s, whole, "BODY.PEEK[]", one_max, sum * 2 + (1 << 20), e) < 0)
        return -1;
    return fetch(s, header, "BODY.PEEK[HEADER]", HEADER_MAX, (uint64_t)headers * HEADER_MAX, e);
}

/* A mail without data among the first n: gone, or does it still exist?  Its place, or n. */
static int find_missing(struct imap_session *s, size_t n, size_t *place_out, struct err *e)
{
    uint32_t missing[IMAP_RANGE_MAX], *there = NULL;
    size_t i, count = 0;
    struct buf set;
    ssize_t left;

    *place_out = n;
    for (i = 0; i < n; i++)
        if (!s->items[i].data)
            missing[count++] = s->asked[i];
    if (count == 0)
        return 0;
    buf_init(&set, IMAP_LINE_MAX);
    imap_write_set(&set, missing, count);
    left = buf_failed(&set) ? err_memory(e) : search(s, set.data, missing[0], &there, e);
    buf_clear(&set);
    if (left < 0)
        return -1;
    for (i = 0; i < n && left > 0; i++)
        if (!s->items[i].data &&
            bsearch(&s->asked[i], there, (size_t)left, sizeof there[0], compare_uids)) {
            *place_out = i;
            break;
        }
    free(there);
    return 0;
}

/* Of many at a time, unless a mail that failed before has to be found out. */
static int fetch_sizes(struct imap_session *s, const struct imap_want *want, struct err *e)
{
    bool all[IMAP_RANGE_MAX];
    size_t i;

    if (want->uid_count == 0 && want->care == IMAP_CARE_NONE) {
        if (imap_ahead_take(s))
            return 0;
        if (imap_ahead_look(s, e) < 0)
            return -1;
        if (imap_ahead_take(s))
            return 0;
    }
    for (i = 0; i < s->asked_count; i++)
        all[i] = true;
    return fetch(s, all, "RFC822.SIZE", 0, 0, e);
}

/* Everything for the UIDs in s->asked; *good_out: how many from the front are settled. */
static int fetch_asked(struct imap_session *s, const struct imap_want *want, bool *blocked_out,
                       size_t *good_out, struct err *e)
{
    size_t n;

    if (fetch_sizes(s, want, e) < 0)
        return -1;
    n = choose(s, want);
    *blocked_out = n == 0;
    if (fetch_mails(s, want, n, e) < 0) {
        while (*good_out < n && s->items[*good_out].data)
            (*good_out)++;
        return -1;
    }
    if (find_missing(s, n, good_out, e) < 0) {
        *good_out = 0;
        return -1;
    }
    if (*good_out < n)
        return err_set(e, ERR_RETRY, "the server does not hand out mail uid=%u",
                       s->asked[*good_out]);
    return 0;
}

/* Moves what is settled into the batch and throws away the rest. */
static void fill_batch(struct imap_session *s, struct imap_batch *batch, size_t good)
{
    size_t i;

    for (i = 0; i < s->asked_count; i++) {
        if (i < good && s->items[i].data)
            batch->items[batch->count++] = s->items[i];
        else
            free(s->items[i].data);
    }
}

static int take_wanted(struct imap_session *s, const struct imap_want *want, struct err *e)
{
    size_t max = want->care != IMAP_CARE_NONE ? 1 : want->mails_max;

    if (max > IMAP_RANGE_MAX)
        max = IMAP_RANGE_MAX;
    if (want->uid_count > 0) {
        s->asked = want->uids;
        s->asked_count = want->uid_count < max ? want->uid_count : max;
        return 0;
    }
    return take_found(s, want->from, max, &s->asked, &s->asked_count, e);
}

int imap_session_fetch(struct imap_session *s, const struct imap_want *want,
                       struct imap_batch *batch, struct err *e)
{
    struct imap_item items[IMAP_RANGE_MAX];
    bool has_meta[IMAP_RANGE_MAX] = {false};
    size_t good = 0, i;
    int r;

    batch->uid_next = want->uid_count > 0 ? want->uids[0] : want->from;
    if (take_wanted(s, want, e) < 0) {
        s->asked_count = 0;
        return -1;
    }
    batch->is_complete = s->asked_count == 0;
    if (s->asked_count == 0)
        return 0;
    memset(items, 0, sizeof items);
    for (i = 0; i < s->asked_count; i++)
        items[i].uid = s->asked[i];
    s->items = items;
    s->has_meta = has_meta;
    if (want->care == IMAP_CARE_REFUSE) {
        batch->items[batch->count++] = items[0];
        good = 1;
        r = 0;
    } else {
        r = fetch_asked(s, want, &batch->is_blocked, &good, e);
        fill_batch(s, batch, good);
        if (r < 0)
            batch->trouble = s->is_bad || !s->is_broken ? IMAP_TROUBLE_BAD : IMAP_TROUBLE_LOST;
    }
    if (good < s->asked_count)
        batch->uid_next = s->asked[good];
    else
        batch->uid_next = s->asked[good - 1] + 1;
    s->asked_count = 0;
    s->items = NULL;
    s->has_meta = NULL;
    return r;
}
