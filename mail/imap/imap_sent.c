/*
 * imap_sent: which folder has the mails that its user has sent.
 *
 * The one marked \Sent (RFC 6154), else one with a usual name, beside or below INBOX (servers with
 * a personal namespace there take folders nowhere else), else one is made.  It is kept with the
 * session.  Owns nothing else; the thread is that of the job that works.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail/imap/imap_inside.h"

enum { NAME_MAX_LEN = 1000 };

static const char *const usual_names[] = {"Sent", "Sent Items", "Sent Messages", "Sent Mail"};

static bool has_flag(const struct mailimap_mailbox_list *folder, const char *name)
{
    const struct mailimap_mbx_list_oflag *flag;
    clistiter *i;

    if (!folder->mb_flag || !folder->mb_flag->mbf_oflags)
        return false;
    for (i = clist_begin(folder->mb_flag->mbf_oflags); i; i = clist_next(i)) {
        flag = clist_content(i);
        if (flag->of_type == MAILIMAP_MBX_LIST_OFLAG_FLAG_EXT && flag->of_flag_ext &&
            strcasecmp(flag->of_flag_ext + (flag->of_flag_ext[0] == '\\'), name) == 0)
            return true;
    }
    return false;
}

static bool can_select(const struct mailimap_mailbox_list *folder)
{
    return !(folder->mb_flag && folder->mb_flag->mbf_type == MAILIMAP_MBX_LIST_FLAGS_SFLAG &&
             folder->mb_flag->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_NOSELECT) &&
           !has_flag(folder, "NonExistent");
}

/* The part of a name behind the last delimiter. */
static const char *last_part(const struct mailimap_mailbox_list *folder)
{
    const char *at = folder->mb_delimiter ? strrchr(folder->mb_name, folder->mb_delimiter) : NULL;

    return at ? at + 1 : folder->mb_name;
}

/* One that can go over the wire as a quoted string, as it stands (RFC 3501 §5.1.3). */
static bool is_sound(const char *name)
{
    size_t n = strlen(name), i;

    for (i = 0; i < n && name[i] >= 0x20 && name[i] < 0x7f; i++)
        ;
    return n > 0 && i == n && n <= NAME_MAX_LEN;
}

/* The smaller the better; 0: it is none. */
static unsigned rank(const struct mailimap_mailbox_list *folder)
{
    size_t i, n = sizeof usual_names / sizeof usual_names[0];

    if (!folder->mb_name || !is_sound(folder->mb_name) || !can_select(folder))
        return 0;
    if (has_flag(folder, "Sent"))
        return 1;
    for (i = 0; i < n; i++)
        if (strcasecmp(last_part(folder), usual_names[i]) == 0)
            return (unsigned)i + 2;
    return 0;
}

/* Asks with a LIST command; the best of the folders it tells is kept.  1: there is none. */
static int list(struct imap_session *s, const char *command, char *delimiter_out, struct err *e)
{
    const struct mailimap_mailbox_list *folder, *best = NULL;
    struct mailimap_response_info *info;
    clistiter *i;
    int r;

    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    imap_scan_expect_names(imap_stream_scan(s->stream));
    r = imap_command(s, command, e);
    if (r != 0)
        return r;
    info = s->imap->imap_response_info;
    for (i = info && info->rsp_mailbox_list ? clist_begin(info->rsp_mailbox_list) : NULL; i;
         i = clist_next(i)) {
        folder = clist_content(i);
        if (folder->mb_delimiter)
            *delimiter_out = folder->mb_delimiter;
        if (rank(folder) > 0 && (!best || rank(folder) < rank(best)))
            best = folder;
    }
    if (!best)
        return 1;
    free(s->sent);
    s->sent = strdup(best->mb_name);
    return s->sent ? 0 : err_memory(e);
}

static int look_for(struct imap_session *s, char *delimiter_out, struct err *e)
{
    struct buf text;
    int r = 1;

    if (imap_has(s, "SPECIAL-USE"))
        r = list(s, "LIST (SPECIAL-USE) \"\" \"*\"", delimiter_out, e);
    if (r > 0)
        r = list(s, "LIST \"\" \"Sent%\"", delimiter_out, e);
    if (r <= 0)
        return r;
    if (!*delimiter_out && list(s, "LIST \"\" \"INBOX\"", delimiter_out, e) < 0)
        return -1;
    if (!*delimiter_out)
        return 1;
    buf_init(&text, IMAP_LINE_MAX);
    buf_printf(&text, "LIST \"\" \"INBOX%s%cSent%%\"", *delimiter_out == '\\' ? "\\" : "",
               *delimiter_out);
    r = buf_failed(&text) ? err_memory(e) : list(s, text.data, delimiter_out, e);
    buf_clear(&text);
    return r;
}

/* 0 made; 1 the server will not; -1 broken. */
static int create(struct imap_session *s, const char *name, struct err *e)
{
    bool can_mark = imap_has(s, "CREATE-SPECIAL-USE");
    struct buf text;
    struct err ignored;
    int r;

    buf_init(&text, IMAP_LINE_MAX);
    buf_adds(&text, "CREATE ");
    imap_quote(&text, name);
    buf_adds(&text, can_mark ? " (USE (\\Sent))" : "");
    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    r = buf_failed(&text) ? err_memory(e) : imap_command(s, text.data, e);
    if (r == 0) {
        /* Mail programs show what is subscribed; that it may be refused does not matter. */
        buf_reset(&text);
        buf_adds(&text, "SUBSCRIBE ");
        imap_quote(&text, name);
        if (buf_failed(&text) || imap_command(s, text.data, &ignored) < 0)
            r = s->is_broken ? err_set(e, ERR_RETRY, "%s", ignored.text) : 0;
    }
    buf_clear(&text);
    if (r != 0)
        return r;
    free(s->sent);
    s->sent = strdup(name);
    return s->sent ? 0 : err_memory(e);
}

static int make(struct imap_session *s, char delimiter, struct err *e)
{
    char below[16] = "INBOX?Sent";
    int r;

    if (s->sent) { /* the server has just said that it is not there */
        char *name = s->sent;

        s->sent = NULL;
        r = create(s, name, e);
        free(name);
        return r;
    }
    r = create(s, "Sent", e);
    if (r > 0 && delimiter) {
        *strchr(below, '?') = delimiter;
        r = create(s, below, e);
    }
    return r;
}

const char *imap_sent_folder(struct imap_session *s, bool must_make, struct err *e)
{
    char delimiter = '\0';
    int r = 1;

    if (s->sent && !must_make)
        return s->sent;
    if (!s->sent)
        r = look_for(s, &delimiter, e);
    if (r > 0)
        r = make(s, delimiter, e);
    if (r > 0)
        err_set(e, ERR_PERMANENT, "there is no folder for sent mails, and none can be made: %.300s",
                s->imap->imap_response ? s->imap->imap_response : "");
    return r == 0 ? s->sent : NULL;
}
