/*
 * imap_session: the commands every part needs, IDLE, marking, and the end.
 *
 * Answers are read by libetpan's parser, except in IDLE and AUTHENTICATE: there libetpan loses its
 * step when a server says something before its "+", so lines are read by hand from the same stream.
 * Owns the stream, libetpan's state and the list of mails found.  The thread is that of the job
 * that works.  A crash loses nothing: what is marked is decided before, what is fetched is not yet
 * ours.
 */
#include "mail/imap/imap_inside.h"
#include "mail/imap/imap_errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- commands ---- */

int imap_broken(struct imap_session *s, struct err *e)
{
    struct imap_scan *scan = imap_stream_scan(s->stream);
    struct err why;

    s->is_broken = true;
    s->is_bad = scan->refused != NULL;
    imap_stream_error(s->stream, &why);
    if (scan->has_bye && !scan->refused)
        return err_set(e, ERR_RETRY, "the server said good-bye: %s", scan->bye);
    return err_set(e, why.class, "%s", why.text);
}

int imap_outcome(struct imap_session *s, int code, struct err *e)
{
    const char *words = s->imap->imap_response ? s->imap->imap_response : "";

    switch (code) {
    case MAILIMAP_NO_ERROR:
    case MAILIMAP_NO_ERROR_AUTHENTICATED:
    case MAILIMAP_NO_ERROR_NON_AUTHENTICATED:
        return 0;
    case MAILIMAP_ERROR_STREAM:
        return imap_broken(s, e);
    case MAILIMAP_ERROR_MEMORY:
        s->is_broken = true;
        return err_memory(e);
    case MAILIMAP_ERROR_DONT_ACCEPT_CONNECTION:
    case MAILIMAP_ERROR_FATAL:
        s->is_broken = true;
        return err_set(e, ERR_RETRY, "the server said good-bye: %.300s", words);
    case MAILIMAP_ERROR_PROTOCOL:
        s->is_broken = s->is_bad = true;
        return err_set(e, ERR_RETRY, "the server says BAD: %.300s", words);
    case MAILIMAP_ERROR_PARSE:
        if (imap_stream_is_failed(s->stream))
            return imap_broken(s, e); /* libetpan calls an end within a string so */
        s->is_broken = s->is_bad = true;
        return err_set(e, ERR_RETRY, "the server sent an answer that cannot be read");
    default: /* a tagged NO has a code of its own for each command */
        err_set(e, ERR_PERMANENT, "the server says NO: %.300s", words);
        return 1;
    }
}

int imap_put(struct imap_session *s, const char *data, size_t len, struct err *e)
{
    if (mailstream_write(imap_stream_mailstream(s->stream), data, len) < 0)
        return imap_broken(s, e);
    return 0;
}

static int put(struct imap_session *s, const char *text, struct err *e)
{
    return imap_put(s, text, strlen(text), e);
}

int imap_send(struct imap_session *s, const char *text, struct err *e)
{
    if (put(s, text, e) < 0)
        return -1;
    if (mailstream_flush(imap_stream_mailstream(s->stream)) < 0)
        return imap_broken(s, e);
    return 0;
}

static int read_answer(struct imap_session *s)
{
    struct mailimap_response *response;
    int code, kind;

    if (!mailimap_read_line(s->imap))
        return MAILIMAP_ERROR_STREAM;
    code = mailimap_parse_response(s->imap, &response);
    if (code != MAILIMAP_NO_ERROR)
        return code;
    kind = response->rsp_resp_done->rsp_data.rsp_tagged->rsp_cond_state->rsp_type;
    mailimap_response_free(response);
    return kind == MAILIMAP_RESP_COND_STATE_OK ? MAILIMAP_NO_ERROR : MAILIMAP_ERROR_CUSTOM_COMMAND;
}

int imap_answer(struct imap_session *s, struct err *e)
{
    return imap_outcome(s, read_answer(s), e);
}

int imap_command(struct imap_session *s, const char *text, struct err *e)
{
    char tag[16];

    imap_next_tag(s, tag, sizeof tag);
    if (put(s, tag, e) < 0 || put(s, " ", e) < 0 || put(s, text, e) < 0 ||
        imap_send(s, "\r\n", e) < 0)
        return -1;
    return imap_answer(s, e);
}

/* Those that are asked for after the log-in. */
static const char *const extensions[] = {"IDLE",     "MOVE",        "UIDPLUS",           "LITERAL+",
                                         "LITERAL-", "SPECIAL-USE", "CREATE-SPECIAL-USE"};

enum { EXTENSIONS = sizeof extensions / sizeof extensions[0] };

static const char append_limit[] = "APPENDLIMIT="; /* RFC 7889 */

static void note_capability(struct imap_session *s, const struct mailimap_capability *cap)
{
    const char *name = cap->cap_type == MAILIMAP_CAPABILITY_NAME ? cap->cap_data.cap_name : NULL;
    size_t i;

    for (i = 0; name && i < EXTENSIONS; i++)
        if (strcasecmp(name, extensions[i]) == 0)
            s->has |= 1u << i;
    if (name && strncasecmp(name, append_limit, sizeof append_limit - 1) == 0)
        s->append_limit = strtoull(name + sizeof append_limit - 1, NULL, 10);
}

void imap_settle_capabilities(struct imap_session *s)
{
    struct mailimap_connection_info *info = s->imap->imap_connection_info;
    clistiter *i;

    if (!info || !info->imap_capability)
        return;
    s->has = 0;
    for (i = info->imap_capability->cap_list ? clist_begin(info->imap_capability->cap_list) : NULL;
         i; i = clist_next(i))
        note_capability(s, clist_content(i));
    s->is_settled = true;
    mailimap_capability_data_free(info->imap_capability);
    info->imap_capability = NULL;
}

static bool has_settled(const struct imap_session *s, const char *extension)
{
    size_t i;

    for (i = 0; i < EXTENSIONS; i++)
        if (strcasecmp(extension, extensions[i]) == 0)
            return s->has >> i & 1;
    return false;
}

bool imap_has(const struct imap_session *s, const char *extension)
{
    const struct mailimap_connection_info *info = s->imap->imap_connection_info;
    const struct mailimap_capability *cap;
    const char *name;
    bool is_auth = strncmp(extension, "AUTH=", 5) == 0;
    clistiter *i;

    if (s->is_settled)
        return has_settled(s, extension);
    if (!info || !info->imap_capability || !info->imap_capability->cap_list)
        return false;
    for (i = clist_begin(info->imap_capability->cap_list); i; i = clist_next(i)) {
        cap = clist_content(i);
        if (is_auth != (cap->cap_type == MAILIMAP_CAPABILITY_AUTH_TYPE))
            continue;
        name = is_auth ? cap->cap_data.cap_auth_type : cap->cap_data.cap_name;
        if (name && strcasecmp(name, is_auth ? extension + 5 : extension) == 0)
            return true;
    }
    return false;
}

int imap_read_line(struct imap_session *s, struct err *e)
{
    if (!mailstream_read_line_remove_eol(imap_stream_mailstream(s->stream), s->line))
        return imap_broken(s, e);
    return 0;
}

void imap_next_tag(struct imap_session *s, char *out, size_t size)
{
    s->imap->imap_tag++;
    snprintf(out, size, "%d", s->imap->imap_tag);
}

void imap_write_set(struct buf *out, const uint32_t *uids, size_t count)
{
    size_t i, j;

    for (i = 0; i < count; i = j) {
        for (j = i + 1; j < count && uids[j] == uids[j - 1] + 1; j++)
            ;
        if (i > 0)
            buf_addc(out, ',');
        buf_printf(out, j - i > 1 ? "%u:%u" : "%u", uids[i], uids[j - 1]);
    }
}

size_t imap_write_set_part(struct buf *out, const uint32_t *uids, size_t count)
{
    imap_write_set(out, uids, count);
    while (out->len > SET_MAX) {
        count /= 2;
        buf_reset(out);
        imap_write_set(out, uids, count);
    }
    return count;
}

/* ---- beginning and end ---- */

static int prepare(struct imap_session *s, const struct imap_stream_terms *terms, struct err *e)
{
    buf_init(&s->body, 0);
    s->line = mmap_string_new("");
    s->imap = mailimap_new(0, NULL);
    if (!s->line || !s->imap)
        return err_memory(e);
    /* libetpan calls the other two only when it has somebody to tell of progress. */
    mailimap_set_progress_callback(s->imap, imap_collect_progress, NULL, s);
    mailimap_set_msg_att_handler(s->imap, imap_collect_mail, s);
    mailimap_set_msg_body_handler(s->imap, imap_collect_body, s);
    s->stream = imap_stream_open(&s->mailbox->server, s->cancel, terms, &s->fault, e);
    return s->stream ? 0 : -1;
}

struct imap_session *imap_session_open(const struct conf_mailbox *mailbox,
                                       struct imap_cancel *cancel,
                                       const struct imap_stream_terms *terms,
                                       enum imap_fault *fault_out, struct err *e)
{
    struct imap_session *s = calloc(1, sizeof *s);

    *fault_out = IMAP_FAULT_AWAY;
    if (!s) {
        err_memory(e);
        return NULL;
    }
    s->mailbox = mailbox;
    s->cancel = cancel;
    s->must_look = true;
    s->fault = IMAP_FAULT_AWAY;
    if (prepare(s, terms, e) < 0 || imap_start(s, e) < 0 || imap_select(s, e) < 0) {
        if (e->class == ERR_PERMANENT)
            *fault_out = s->fault;
        imap_session_close(s, false);
        return NULL;
    }
    *fault_out = IMAP_FAULT_NONE;
    return s;
}

void imap_session_close(struct imap_session *s, bool log_out)
{
    struct err ignored;

    if (!s)
        return;
    if (s->is_idle && log_out && !s->is_broken && imap_session_idle_end(s, &ignored) < 0)
        s->is_broken = true;
    if (s->imap && s->imap->imap_stream) {
        if (log_out && !s->is_broken) {
            imap_stream_expect(s->stream, 2000, 0, 0);
            mailimap_logout(s->imap); /* closes the mailstream, whatever comes back */
        } else {
            mailstream_close(s->imap->imap_stream);
        }
        s->imap->imap_stream = NULL;
    }
    if (s->imap)
        mailimap_free(s->imap);
    if (s->line)
        mmap_string_free(s->line);
    imap_stream_free(s->stream);
    buf_clear(&s->body);
    imap_ahead_forget(s);
    free(s->found);
    free(s->sent);
    free(s);
}

bool imap_session_is_broken(const struct imap_session *s)
{
    return s->is_broken;
}

uint32_t imap_session_uidvalidity(const struct imap_session *s)
{
    return s->uidvalidity;
}

uint32_t imap_session_uid_next(const struct imap_session *s)
{
    return s->uid_next;
}

uint32_t imap_session_exists(const struct imap_session *s)
{
    return s->exists;
}

bool imap_session_has_idle(const struct imap_session *s)
{
    return imap_has(s, "IDLE");
}

bool imap_session_is_read_only(const struct imap_session *s)
{
    return s->is_read_only;
}

bool imap_session_has_news(const struct imap_session *s)
{
    return imap_stream_scan(s->stream)->has_exists;
}

bool imap_session_has_new(const struct imap_session *s, uint32_t from)
{
    return s->exists > 0 && (s->uid_next == 0 || s->uid_next > from);
}

int imap_session_noop(struct imap_session *s, struct err *e)
{
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    return imap_command(s, "NOOP", e) == 0 ? 0 : -1;
}

/* ---- marking ---- */

/* The server took a command that changes mails for wrong, and would do so on any connection.  It
 * has read it whole: the next one is in step. */
static void bear_bad(struct imap_session *s, struct err *e)
{
    if (!s->is_bad || !imap_stream_scan(s->stream)->has_bad)
        return;
    s->is_broken = s->is_bad = false;
    e->class = ERR_PERMANENT;
}

/* Sends words, the set of UIDs and more words.  -1 with ERR_RETRY: not now, or it is broken. */
static int on_set(struct imap_session *s, const char *before, const char *set, const char *after,
                  struct err *e)
{
    struct buf text;
    int r = -1;

    buf_init(&text, IMAP_LINE_MAX);
    buf_printf(&text, "%s %s%s%s", before, set, after[0] ? " " : "", after);
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    imap_stream_scan(s->stream)->has_bad = false;
    if (buf_failed(&text))
        err_memory(e);
    else
        r = imap_command(s, text.data, e);
    buf_clear(&text);
    if (r < 0)
        bear_bad(s, e);
    else if (r > 0 && imap_is_temporary(s, NULL))
        e->class = ERR_RETRY;
    return r == 0 ? 0 : -1;
}

/* Without UIDPLUS (RFC 4315) only the general EXPUNGE is left, which takes with it what others have
 * marked as deleted in this folder. */
static int expunge(struct imap_session *s, const char *set, struct err *e)
{
    if (on_set(s, "UID STORE", set, "+FLAGS.SILENT (\\Deleted)", e) < 0)
        return -1;
    if (imap_has(s, "UIDPLUS"))
        return on_set(s, "UID EXPUNGE", set, "", e);
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    return imap_command(s, "EXPUNGE", e) == 0 ? 0 : -1;
}

void imap_quote(struct buf *out, const char *text)
{
    buf_addc(out, '"');
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            continue;
        if (*text == '"' || *text == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_addc(out, '"');
}

/* The folder as a quoted string, after modified UTF-7: ASCII without controls. */
static int quote_folder(const char *name, struct buf *out, struct err *e)
{
    struct buf wire;

    buf_init(&wire, IMAP_LINE_MAX);
    if (imap_folder_name(name, &wire, e) < 0) {
        buf_clear(&wire);
        return -1;
    }
    imap_quote(out, wire.data);
    buf_clear(&wire);
    return buf_failed(out) ? err_memory(e) : 0;
}

bool imap_must_create(const struct imap_session *s)
{
    return !s->is_broken && s->imap->imap_response_info &&
           s->imap->imap_response_info->rsp_trycreate;
}

static int move(struct imap_session *s, const char *set, struct err *e)
{
    bool can_move = imap_has(s, "MOVE"); /* RFC 6851 */
    const char *verb = can_move ? "UID MOVE" : "UID COPY";
    struct buf folder;
    int r;

    buf_init(&folder, IMAP_LINE_MAX);
    r = quote_folder(s->mailbox->done, &folder, e);
    if (r == 0)
        r = on_set(s, verb, set, folder.data, e);
    if (r < 0 && imap_must_create(s)) {
        r = on_set(s, "CREATE", folder.data, "", e);
        if (r == 0)
            r = on_set(s, verb, set, folder.data, e);
    }
    buf_clear(&folder);
    if (r < 0 || can_move)
        return r;
    r = expunge(s, set, e);
    if (r < 0 && !s->is_broken)
        e->class = ERR_PERMANENT; /* each further try would be a further copy */
    return r;
}

static int mark_set(struct imap_session *s, const char *set, struct err *e)
{
    if (strcmp(s->mailbox->done, "seen") == 0)
        return on_set(s, "UID STORE", set, "+FLAGS.SILENT (\\Seen)", e);
    if (strcmp(s->mailbox->done, "delete") == 0)
        return expunge(s, set, e);
    return move(s, set, e);
}

int imap_session_mark(struct imap_session *s, const uint32_t *uids, size_t count, struct err *e)
{
    struct buf set;
    size_t n;
    int r = 0;

    buf_init(&set, IMAP_LINE_MAX);
    for (; count > 0 && r == 0; uids += n, count -= n) {
        buf_reset(&set);
        n = imap_write_set_part(&set, uids, count);
        r = buf_failed(&set) ? err_memory(e) : mark_set(s, set.data, e);
    }
    buf_clear(&set);
    return r;
}

void imap_flag_names(struct buf *out, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{IMAP_FLAG_SEEN, "\\Seen"},
                 {IMAP_FLAG_ANSWERED, "\\Answered"},
                 {IMAP_FLAG_MDN_SENT, "$MDNSent"}};
    const char *before = "";
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (flags & names[i].flag) {
            buf_adds(out, before);
            buf_adds(out, names[i].name);
            before = " ";
        }
}

int imap_session_flag(struct imap_session *s, uint32_t uid, unsigned flags, struct err *e)
{
    struct buf names;
    char set[16];
    int r;

    buf_init(&names, 128);
    buf_adds(&names, "+FLAGS.SILENT (");
    imap_flag_names(&names, flags);
    buf_addc(&names, ')');
    snprintf(set, sizeof set, "%u", uid);
    r = buf_failed(&names) ? err_memory(e) : on_set(s, "UID STORE", set, names.data, e);
    buf_clear(&names);
    return r;
}

/* ---- IDLE (RFC 2177) ---- */

int imap_read_until(struct imap_session *s, const char *word, const char *tag, struct err *e)
{
    size_t n = strlen(word), t = strlen(tag);

    for (;;) {
        if (imap_read_line(s, e) < 0)
            return -1;
        if (strncmp(s->line->str, word, n) == 0)
            return 0;
        if (strncmp(s->line->str, tag, t) == 0 && s->line->str[t] == ' ')
            return 1;
    }
}

int imap_session_idle(struct imap_session *s, struct err *e)
{
    char text[32];
    int r;

    imap_next_tag(s, s->idle_tag, sizeof s->idle_tag);
    snprintf(text, sizeof text, "%s IDLE\r\n", s->idle_tag);
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    if (imap_send(s, text, e) < 0)
        return -1;
    r = imap_read_until(s, "+", s->idle_tag, e);
    if (r != 0)
        return r;
    imap_stream_scan(s->stream)->has_tagged = false;
    s->is_idle = true;
    s->is_mid_line = false;
    if (imap_session_idle_peek(s, e) < 0)
        return -1;
    imap_stream_set_small(s->stream, true);
    return 0;
}

bool imap_session_is_idle(const struct imap_session *s)
{
    return s->is_idle;
}

/* The scanner has seen what matters; the bytes themselves are dropped. */
int imap_session_idle_peek(struct imap_session *s, struct err *e)
{
    mailstream *ms = imap_stream_mailstream(s->stream);
    struct imap_scan *scan = imap_stream_scan(s->stream);
    int n;

    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    while ((n = imap_stream_peek(s->stream)) > 0) {
        s->is_mid_line = ms->read_buffer[ms->read_buffer_len - 1] != '\n';
        ms->read_buffer_len = 0;
        if (scan->lines_left < IMAP_LINES_MAX / 2)
            break; /* more than anyone has to tell: end IDLE, which ends it or the connection */
    }
    if (n < 0 || scan->has_bye)
        return imap_broken(s, e);
    if (scan->has_tagged) {
        s->is_broken = true;
        return err_set(e, ERR_RETRY, "the server ended IDLE by itself");
    }
    return 0;
}

int imap_session_idle_end(struct imap_session *s, struct err *e)
{
    char word[24];
    int r;

    s->is_idle = false;
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    if (imap_send(s, "DONE\r\n", e) < 0)
        return -1;
    if (s->is_mid_line && imap_read_line(s, e) < 0)
        return -1; /* the rest of a line that idle_peek dropped the head of */
    snprintf(word, sizeof word, "%s ", s->idle_tag);
    r = imap_read_until(s, word, s->idle_tag, e);
    imap_stream_set_small(s->stream, false);
    return r < 0 ? -1 : 0;
}

int imap_session_fd(const struct imap_session *s)
{
    return imap_stream_fd(s->stream);
}

bool imap_session_has_unread(const struct imap_session *s)
{
    return imap_stream_has_unread(s->stream);
}
