/*
 * imap_login: from the greeting to the selected folder.
 *
 * Nothing learnt in the clear is kept behind STARTTLS: capabilities are asked for anew.  What only
 * the administrator can mend is ERR_PERMANENT and names the option.  The thread is that of the job
 * that works.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "mail/imap/imap_inside.h"

enum { SECRET_MAX = 8192 };

/* RFC 5530: these NOs are about now, not about the configuration. */
bool imap_is_temporary(const struct imap_session *s, const char *words)
{
    static const char *const codes[] = {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG",
                                        "CONTACTADMIN"};
    const struct mailimap_response_info *info = s->imap->imap_response_info;
    size_t i, n;

    for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        n = strlen(codes[i]);
        if (words && words[0] == '[' && strncasecmp(words + 1, codes[i], n) == 0 &&
            words[n + 1] == ']')
            return true;
        if (!words && info && info->rsp_atom && strcasecmp(info->rsp_atom, codes[i]) == 0)
            return true;
    }
    return false;
}

static void forget_capabilities(struct imap_session *s)
{
    struct mailimap_connection_info *info = s->imap->imap_connection_info;

    if (info && info->imap_capability) {
        mailimap_capability_data_free(info->imap_capability);
        info->imap_capability = NULL;
    }
}

/* Asks, unless the server has told by itself since they were forgotten. */
static int learn_capabilities(struct imap_session *s, struct err *e)
{
    const struct mailimap_connection_info *info = s->imap->imap_connection_info;

    if (info && info->imap_capability)
        return 0;
    if (imap_command(s, "CAPABILITY", e) != 0)
        return -1;
    return 0;
}

static int start_tls(struct imap_session *s, struct err *e)
{
    int r;

    if (learn_capabilities(s, e) < 0)
        return -1;
    s->fault = IMAP_FAULT_TLS;
    if (!imap_has(s, "STARTTLS"))
        return err_set(e, ERR_PERMANENT, "the server does not offer STARTTLS (options tls, port)");
    r = imap_outcome(s, mailimap_starttls(s->imap), e);
    if (r < 0)
        return -1;
    /* libetpan may say no to what stands behind the answer: that is told by imap_stream_start_tls.
     */
    if (r > 0 && !imap_stream_has_unread(s->stream))
        return err_set(e, ERR_RETRY, "the server refuses STARTTLS: %.300s",
                       s->imap->imap_response ? s->imap->imap_response : "");
    if (imap_stream_start_tls(s->stream, e) < 0) {
        s->is_broken = true;
        return -1;
    }
    forget_capabilities(s);
    return 0;
}

/* bytes in base64 with CRLF, to be wiped; NULL: no memory. */
static char *base64_line(const unsigned char *bytes, size_t n)
{
    char *out = calloc(1, (n + 2) / 3 * 4 + 3);

    if (out) {
        EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
        strcat(out, "\r\n");
    }
    return out;
}

static char *wiped_base64(unsigned char *clear, size_t n)
{
    char *out = base64_line(clear, n);

    OPENSSL_cleanse(clear, n);
    free(clear);
    return out;
}

/* The initial response of PLAIN (RFC 4616): NUL user NUL password, in base64, with CRLF. */
static char *plain_words(const struct conf_server *server)
{
    size_t user = strlen(server->user), password = strlen(server->password);
    size_t n = user + password + 2;
    unsigned char *clear = n > SECRET_MAX ? NULL : calloc(1, n);

    if (!clear)
        return NULL;
    memcpy(clear + 1, server->user, user);
    memcpy(clear + user + 2, server->password, password);
    return wiped_base64(clear, n);
}

/* XOAUTH2, as the large providers take a token. */
static char *token_words(const struct conf_server *server)
{
    static const char format[] = "user=%s\001auth=Bearer %s\001\001";
    size_t size = strlen(server->user) + strlen(server->token) + sizeof format;
    char *clear = size > SECRET_MAX ? NULL : calloc(1, size);

    if (!clear)
        return NULL;
    snprintf(clear, size, format, server->user, server->token);
    return wiped_base64((unsigned char *)clear, strlen(clear));
}

static int refused(struct imap_session *s, const char *words, const char *code_words, struct err *e)
{
    if (imap_is_temporary(s, code_words))
        return err_set(e, ERR_RETRY, "log-in is refused for now: %.300s", words);
    s->fault = IMAP_FAULT_LOGIN;
    return err_set(e, ERR_PERMANENT, "log-in as %s is refused: %.300s (options user, password)",
                   s->mailbox->server.user, words);
}

/* The tagged line of AUTHENTICATE. */
static int judge_answer(struct imap_session *s, const char *words, struct err *e)
{
    if (strncasecmp(words, "OK", 2) == 0)
        return 0;
    if (strncasecmp(words, "NO", 2) == 0) {
        words += words[2] ? 3 : 2;
        return refused(s, words, words, e);
    }
    s->is_broken = true;
    return err_set(e, ERR_RETRY, "the server says %.300s", words);
}

static int send_words(struct imap_session *s, bool is_token, struct err *e)
{
    const struct conf_server *server = &s->mailbox->server;
    char *words = is_token ? token_words(server) : plain_words(server);
    int r;

    if (!words)
        return err_set(e, ERR_RETRY, "no memory for logging in");
    r = imap_send(s, words, e);
    imap_stream_wipe(s->stream);
    OPENSSL_cleanse(words, strlen(words));
    free(words);
    return r;
}

/* By hand: libetpan's own goes through Cyrus SASL.  XOAUTH2 tells of a failure in a second
 * challenge, which wants an empty answer before the NO comes. */
static int authenticate(struct imap_session *s, bool is_token, struct err *e)
{
    char tag[16], text[64];
    unsigned asked = 0;
    size_t n;

    imap_next_tag(s, tag, sizeof tag);
    n = strlen(tag);
    snprintf(text, sizeof text, "%s AUTHENTICATE %s\r\n", tag, is_token ? "XOAUTH2" : "PLAIN");
    if (imap_send(s, text, e) < 0)
        return -1;
    for (;;) {
        if (imap_read_line(s, e) < 0)
            return -1;
        if (strncmp(s->line->str, tag, n) == 0 && s->line->str[n] == ' ')
            return judge_answer(s, s->line->str + n + 1, e);
        if (s->line->str[0] != '+')
            continue;
        if (++asked > 2)
            return err_set(e, ERR_RETRY, "the server asks too much before it logs in");
        if ((asked == 1 ? send_words(s, is_token, e) : imap_send(s, "\r\n", e)) < 0)
            return -1;
    }
}

static int log_in(struct imap_session *s, struct err *e)
{
    const struct conf_server *server = &s->mailbox->server;
    int r;

    if (!server->user || !server->user[0])
        return err_set(e, ERR_PERMANENT,
                       "the server wants a log-in and no user is configured "
                       "(options user, password)");
    if (server->token && server->token[0]) {
        if (imap_has(s, "AUTH=XOAUTH2"))
            return authenticate(s, true, e);
        return err_set(e, ERR_PERMANENT, "the server takes no token (XOAUTH2), only a password");
    }
    if (imap_has(s, "AUTH=PLAIN"))
        return authenticate(s, false, e);
    if (imap_has(s, "LOGINDISABLED"))
        return err_set(e, ERR_PERMANENT,
                       "the server allows no log-in with a password%s (option tls)",
                       imap_stream_is_tls(s->stream) ? "" : " on a connection in the clear");
    if (strpbrk(server->user, "\r\n") || strpbrk(server->password, "\r\n"))
        return err_set(e, ERR_PERMANENT, "a line end in options user or password");
    r = mailimap_login(s->imap, server->user, server->password);
    imap_stream_wipe(s->stream);
    r = imap_outcome(s, r, e);
    if (r > 0)
        return refused(s, s->imap->imap_response ? s->imap->imap_response : "", NULL, e);
    return r;
}

int imap_start(struct imap_session *s, struct err *e)
{
    bool must_start_tls = s->mailbox->server.tls == CONF_TLS_STARTTLS;
    int code, r;

    imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
    /* libetpan leaks a greeting that is a BYE, so the scanner has the first look. */
    if (mailstream_feed_read_buffer(imap_stream_mailstream(s->stream)) < 0 ||
        imap_stream_scan(s->stream)->has_bye)
        return imap_broken(s, e);
    code = mailimap_connect(s->imap, imap_stream_mailstream(s->stream));
    r = imap_outcome(s, code, e);
    if (r != 0)
        return -1;
    if (code == MAILIMAP_NO_ERROR_AUTHENTICATED) {
        /* STARTTLS is not allowed after PREAUTH: somebody in between may have made it up. */
        s->fault = IMAP_FAULT_TLS;
        if (must_start_tls)
            return err_set(e, ERR_PERMANENT,
                           "the server logs in by itself and so prevents STARTTLS (option tls)");
        return learn_capabilities(s, e);
    }
    if (must_start_tls && start_tls(s, e) < 0)
        return -1;
    s->fault = IMAP_FAULT_SERVER;
    if (learn_capabilities(s, e) < 0)
        return -1;
    if (log_in(s, e) != 0)
        return -1;
    s->imap->imap_state = MAILIMAP_STATE_AUTHENTICATED;
    return 0;
}

static int select_folder(struct imap_session *s, struct err *e)
{
    const struct mailimap_selection_info *info;
    const char *words;
    struct buf name;
    int r;

    s->fault = IMAP_FAULT_FOLDER;
    buf_init(&name, IMAP_LINE_MAX);
    r = imap_folder_name(s->mailbox->folder, &name, e);
    if (r == 0) {
        imap_stream_expect(s->stream, COMMAND_MS, 0, 0);
        r = imap_outcome(s, mailimap_select(s->imap, name.data), e);
    }
    buf_clear(&name);
    if (r < 0)
        return -1;
    if (r > 0) {
        words = s->imap->imap_response ? s->imap->imap_response : "";
        return err_set(e, imap_is_temporary(s, NULL) ? ERR_RETRY : ERR_PERMANENT,
                       "folder %.200s cannot be opened: %.200s (option folder)", s->mailbox->folder,
                       words);
    }
    info = s->imap->imap_selection_info;
    if (!info || info->sel_uidvalidity == 0)
        return err_set(e, ERR_PERMANENT,
                       "folder %.200s has no UIDVALIDITY: its mails cannot be "
                       "told apart (option folder)",
                       s->mailbox->folder);
    s->uidvalidity = info->sel_uidvalidity;
    s->uid_next = info->sel_uidnext;
    s->exists = info->sel_has_exists ? info->sel_exists : 0;
    s->is_read_only = info->sel_perm == MAILIMAP_MAILBOX_READONLY;
    /* The lists of flags are of no use, and cost a kilobyte while nothing happens. */
    mailimap_selection_info_free(s->imap->imap_selection_info);
    s->imap->imap_selection_info = NULL;
    return 0;
}

int imap_select(struct imap_session *s, struct err *e)
{
    /* Servers tell more after log-in than before it; some do so in the answer itself. */
    if (!imap_has(s, "IDLE") || !imap_has(s, "UIDPLUS"))
        forget_capabilities(s);
    if (learn_capabilities(s, e) < 0)
        return -1;
    imap_settle_capabilities(s);
    return select_folder(s, e);
}

int imap_reselect(struct imap_session *s, struct err *e)
{
    uint32_t uidvalidity = s->uidvalidity;

    imap_ahead_forget(s);
    free(s->found);
    s->found = NULL;
    s->found_count = s->found_at = 0;
    s->must_look = true;
    if (select_folder(s, e) == 0 && s->uidvalidity == uidvalidity)
        return 0;
    if (s->uidvalidity != uidvalidity)
        err_set(e, ERR_RETRY, "the folder was made anew");
    s->is_broken = true;
    return -1;
}
