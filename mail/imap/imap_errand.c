/*
 * imap_errand: an errand is done on a session: flags are set on a mail, a mail is appended to the
 * folder of sent ones.
 *
 * What is appended cannot be taken back, and when the connection is lost before the answer nobody
 * knows whether it is there; so a later try looks for its Message-ID before.  Owns nothing beyond a
 * call; the thread is that of the job that works.  A crash leaves at most a copy in Sent that the
 * next try finds.
 */
#include "mail/imap/imap_errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mail/imap/imap_inside.h"

enum { MESSAGE_ID_MAX = 996, LITERAL_MINUS_MAX = 4096 };

static void settle(struct imap_errand *errand, enum imap_errand_outcome outcome)
{
    errand->outcome = outcome;
}

/* What a command that failed makes of the errand. */
static void settle_failed(const struct imap_session *s, struct imap_errand *errand)
{
    bool is_final = !s->is_broken && errand->e.class == ERR_PERMANENT;

    settle(errand, is_final ? IMAP_ERRAND_REFUSED : IMAP_ERRAND_RETRY);
}

/* ---- by Message-ID ---- */

static bool is_searchable(const char *id)
{
    size_t n = id ? strlen(id) : 0, i;

    for (i = 0; i < n; i++)
        if ((unsigned char)id[i] < 0x21 || (unsigned char)id[i] > 0x7e)
            return false;
    return n > 2 && n <= MESSAGE_ID_MAX && id[0] == '<' && id[n - 1] == '>';
}

/* The last mail in the selected folder with this Message-ID, 0 when there is none; -1 failed. */
static int find_by_id(struct imap_session *s, const char *id, uint32_t *uid_out, struct err *e)
{
    uint32_t *uids = NULL;
    struct buf keys;
    ssize_t n;

    *uid_out = 0;
    if (!is_searchable(id))
        return 0;
    buf_init(&keys, IMAP_LINE_MAX);
    buf_adds(&keys, "HEADER Message-ID ");
    imap_quote(&keys, id);
    n = buf_failed(&keys) ? err_memory(e) : imap_search(s, keys.data, 1, &uids, e);
    buf_clear(&keys);
    if (n > 0)
        *uid_out = uids[n - 1];
    free(uids);
    return n < 0 ? -1 : 0;
}

/* ---- flags ---- */

/* Is a mail with this UID in the folder? */
static int find_uid(struct imap_session *s, uint32_t uid, uint32_t *uid_out, struct err *e)
{
    uint32_t *uids = NULL;
    char keys[32];
    ssize_t n;

    snprintf(keys, sizeof keys, "UID %u", uid);
    n = imap_search(s, keys, uid, &uids, e);
    *uid_out = n > 0 && uids[0] == uid ? uid : 0;
    free(uids);
    return n < 0 ? -1 : 0;
}

static void flag(struct imap_session *s, struct imap_errand *errand)
{
    uint32_t uid = 0;
    int r = 0;

    if (errand->uid != 0 && errand->uidvalidity == s->uidvalidity)
        r = find_uid(s, errand->uid, &uid, &errand->e);
    if (r == 0 && uid == 0)
        r = find_by_id(s, errand->message_id, &uid, &errand->e);
    if (r < 0) {
        settle_failed(s, errand);
        return;
    }
    if (uid == 0) {
        err_set(&errand->e, ERR_PERMANENT, "the mail is not in the folder any more");
        settle(errand, IMAP_ERRAND_GONE);
        return;
    }
    if (s->is_read_only) {
        err_set(&errand->e, ERR_PERMANENT, "the folder is read-only");
        settle(errand, IMAP_ERRAND_REFUSED);
        return;
    }
    r = imap_session_flag(s, uid, errand->flags, &errand->e);
    if (r < 0 && !s->is_broken && (errand->flags & IMAP_FLAG_MDN_SENT) &&
        errand->flags != IMAP_FLAG_MDN_SENT) /* keywords of users' own may not be allowed */
        r = imap_session_flag(s, uid, errand->flags & ~(unsigned)IMAP_FLAG_MDN_SENT, &errand->e);
    if (r == 0)
        settle(errand, IMAP_ERRAND_DONE);
    else if (!s->is_broken && imap_is_temporary(s, NULL))
        settle(errand, IMAP_ERRAND_RETRY);
    else
        settle_failed(s, errand);
}

/* ---- a copy in Sent ---- */

static uint64_t append_limit(const struct imap_session *s)
{
    return s->append_limit ? s->append_limit : UINT64_MAX; /* RFC 7889 */
}

/* Looks into the folder, without changing anything in it, and comes back. */
static int is_there(struct imap_session *s, const char *folder, const char *id, bool *there_out,
                    struct err *e)
{
    uint32_t uid = 0;
    struct buf text;
    struct err why;
    int r;

    *there_out = false;
    buf_init(&text, IMAP_LINE_MAX);
    buf_adds(&text, "EXAMINE ");
    imap_quote(&text, folder);
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    r = buf_failed(&text) ? err_memory(e) : imap_command(s, text.data, e);
    buf_clear(&text);
    if (r == 0)
        r = find_by_id(s, id, &uid, e);
    if (s->is_broken)
        return -1;
    *there_out = r == 0 && uid != 0;
    if (imap_reselect(s, &why) == 0)
        return r < 0 ? -1 : 0;
    /* What was found counts all the same: the connection is to be made anew. */
    return *there_out ? 0 : err_set(e, why.class, "%s", why.text);
}

static void write_date(struct buf *out, int64_t date_s)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)date_s;
    struct tm tm;

    if (date_s > 0 && gmtime_r(&t, &tm) && tm.tm_year < 8100)
        buf_printf(out, " \"%02d-%s-%04d %02d:%02d:%02d +0000\"", tm.tm_mday, months[tm.tm_mon],
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool is_literal_free(const struct imap_session *s, size_t len)
{
    return imap_has(s, "LITERAL+") || (imap_has(s, "LITERAL-") && len <= LITERAL_MINUS_MAX);
}

static int write_append(const struct imap_session *s, const struct imap_errand *errand,
                        const char *folder, const char *tag, struct buf *out, struct err *e)
{
    buf_printf(out, "%s APPEND ", tag);
    imap_quote(out, folder);
    buf_adds(out, " (");
    imap_flag_names(out, errand->flags & ~(unsigned)IMAP_FLAG_MDN_SENT);
    buf_addc(out, ')');
    write_date(out, errand->date_s);
    buf_printf(out, " {%zu%s}\r\n", errand->message_len,
               is_literal_free(s, errand->message_len) ? "+" : "");
    return buf_failed(out) ? err_memory(e) : 0;
}

/* The words of a tagged answer that was read by hand, where a "+" was expected. */
static int judge_early(struct imap_session *s, const char *tag, bool *must_create_out,
                       struct err *e)
{
    const char *words = s->line->str + strlen(tag) + 1;

    words += strcspn(words, " ");
    words += *words == ' ';
    *must_create_out = strncasecmp(words, "[TRYCREATE]", 11) == 0;
    err_set(e, imap_is_temporary(s, words) ? ERR_RETRY : ERR_PERMANENT,
            "the server says NO: %.300s", words);
    return 1;
}

/* 0 it is there; 1 the server said NO; -1 broken. */
static int append_to(struct imap_session *s, const struct imap_errand *errand, const char *folder,
                     bool *must_create_out, struct err *e)
{
    struct buf text;
    char tag[16];
    int r;

    *must_create_out = false;
    buf_init(&text, IMAP_LINE_MAX);
    imap_next_tag(s, tag, sizeof tag);
    imap_stream_expect(s->stream, COMMAND_MS + (int64_t)(errand->message_len / BYTES_PER_S) * 1000,
                       0, 0);
    r = write_append(s, errand, folder, tag, &text, e);
    if (r == 0)
        r = imap_send(s, text.data, e);
    buf_clear(&text);
    if (r == 0 && !is_literal_free(s, errand->message_len))
        r = imap_read_until(s, "+", tag, e);
    if (r > 0)
        return judge_early(s, tag, must_create_out, e);
    if (r < 0)
        return s->is_broken ? -1 : 1;
    if (imap_put(s, errand->message, errand->message_len, e) < 0 || imap_send(s, "\r\n", e) < 0)
        return -1;
    r = imap_answer(s, e);
    if (r <= 0)
        return r;
    *must_create_out = imap_must_create(s);
    if (imap_is_temporary(s, NULL))
        e->class = ERR_RETRY;
    return 1;
}

static void append(struct imap_session *s, struct imap_errand *errand)
{
    bool must_create = false, there = false;
    const char *folder = NULL;
    int r;

    if (errand->message_len > append_limit(s)) {
        err_set(&errand->e, ERR_PERMANENT, "the server takes no mail so large");
        settle(errand, IMAP_ERRAND_REFUSED);
        return;
    }
    folder = imap_sent_folder(s, false, &errand->e);
    r = folder ? 0 : -1;
    if (r == 0 && errand->may_exist)
        r = is_there(s, folder, errand->message_id, &there, &errand->e);
    if (r == 0 && !there)
        r = append_to(s, errand, folder, &must_create, &errand->e);
    if (r > 0 && must_create) {
        folder = imap_sent_folder(s, true, &errand->e);
        r = folder ? append_to(s, errand, folder, &must_create, &errand->e) : -1;
    }
    if (r != 0) {
        settle_failed(s, errand);
        return;
    }
    snprintf(errand->folder, sizeof errand->folder, "%s", folder);
    settle(errand, IMAP_ERRAND_DONE);
}

void imap_errand_run(struct imap_session *s, struct imap_errand *errand)
{
    settle(errand, IMAP_ERRAND_RETRY);
    if (errand->kind == IMAP_ERRAND_FLAG)
        flag(s, errand);
    else
        append(s, errand);
    if (errand->outcome == IMAP_ERRAND_DONE)
        err_clear(&errand->e);
}
