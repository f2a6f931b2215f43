/*
 * imap_server: see the header.  The thread serves a connection until it ends; everything shared
 * with the test is behind the lock.
 */
#include "tests/fake/imap_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

void fake_imap_init(struct fake_imap *f)
{
    memset(f, 0, sizeof *f);
    f->caps = "IMAP4rev1 IDLE UIDPLUS MOVE AUTH=PLAIN";
    f->user = "bridge";
    f->password = "secret";
    f->uidvalidity = 7;
    f->uid_next = 1;
    f->drop_at = -1;
    f->fd = -1;
    pthread_mutex_init(&f->lock, NULL);
}

uint32_t fake_imap_add(struct fake_imap *f, const char *data)
{
    struct fake_mail *m;
    uint32_t uid = 0;

    pthread_mutex_lock(&f->lock);
    if (f->count < FAKE_MAILS) {
        m = &f->mails[f->count++];
        memset(m, 0, sizeof *m);
        m->uid = uid = f->uid_next++;
        m->data = strdup(data);
        m->len = strlen(data);
    }
    pthread_mutex_unlock(&f->lock);
    return uid;
}

void fake_imap_rule(struct fake_imap *f, struct fake_rule rule)
{
    pthread_mutex_lock(&f->lock);
    if (f->rule_count < FAKE_RULES)
        f->rules[f->rule_count++] = rule;
    pthread_mutex_unlock(&f->lock);
}

unsigned fake_imap_commands(struct fake_imap *f, const char *prefix)
{
    unsigned n = 0;
    const char *p;

    pthread_mutex_lock(&f->lock);
    for (p = f->log; *p; p = strchr(p, '\n') + 1)
        n += strncasecmp(p, prefix, strlen(prefix)) == 0;
    pthread_mutex_unlock(&f->lock);
    return n;
}

unsigned fake_imap_connections(struct fake_imap *f)
{
    unsigned n;

    pthread_mutex_lock(&f->lock);
    n = f->connections;
    pthread_mutex_unlock(&f->lock);
    return n;
}

bool fake_imap_is_connected(struct fake_imap *f)
{
    bool is_connected;

    pthread_mutex_lock(&f->lock);
    is_connected = f->is_connected;
    pthread_mutex_unlock(&f->lock);
    return is_connected;
}

size_t fake_imap_flagged(struct fake_imap *f, const char *flag)
{
    size_t i, n = 0;

    pthread_mutex_lock(&f->lock);
    for (i = 0; i < f->count; i++)
        n += !flag[0] || (strcmp(flag, "seen") == 0 && f->mails[i].is_seen) ||
             (strcmp(flag, "deleted") == 0 && f->mails[i].is_deleted);
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* ---- bytes ---- */

static void put(struct fake_imap *f, const char *data, size_t len)
{
    ssize_t n;

    if (f->drop_at >= 0 && f->drops > 0 && !f->is_dropped && f->sent + (long)len > f->drop_at) {
        len = (size_t)(f->drop_at - f->sent);
        f->drops--;
        f->is_dropped = true;
    } else if (f->is_dropped) {
        return;
    }
    f->sent += (long)len;
    while (len > 0) {
        n = f->ssl ? SSL_write(f->ssl, data, (int)len) : send(f->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) {
            f->is_dropped = true;
            return;
        }
        data += n;
        len -= (size_t)n;
    }
}

__attribute__((format(printf, 2, 3))) static void say(struct fake_imap *f, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(f, text, strlen(text));
}

static void note_clear(struct fake_imap *f, const char *data, size_t n)
{
    pthread_mutex_lock(&f->lock);
    if (n < sizeof f->clear - f->clear_len) {
        memcpy(f->clear + f->clear_len, data, n);
        f->clear_len += n;
    }
    pthread_mutex_unlock(&f->lock);
}

/* A line without its end; NULL: the connection is over.  While idle, tells of new mail. */
static char *get_line(struct fake_imap *f, char *out, size_t size)
{
    struct pollfd p = {.fd = f->fd, .events = POLLIN};
    char *lf;
    ssize_t n;

    for (;;) {
        pthread_mutex_lock(&f->lock);
        bool stop = f->is_stopping || f->is_dropped;
        size_t count = f->count;
        pthread_mutex_unlock(&f->lock);
        if (stop)
            return NULL;
        if (f->is_idling && !f->is_mute && count != f->told) {
            f->told = count;
            say(f, "* %zu EXISTS\r\n", count);
        }
        lf = memchr(f->in, '\n', f->in_len);
        if (lf) {
            n = lf - f->in + 1;
            snprintf(out, size, "%.*s", (int)n, f->in);
            out[strcspn(out, "\r\n")] = '\0';
            memmove(f->in, lf + 1, f->in_len - (size_t)n);
            f->in_len -= (size_t)n;
            return out;
        }
        if (!(f->ssl && SSL_pending(f->ssl)) && poll(&p, 1, 5) == 0)
            continue;
        n = f->ssl ? SSL_read(f->ssl, f->in + f->in_len, (int)(sizeof f->in - f->in_len))
                   : recv(f->fd, f->in + f->in_len, sizeof f->in - f->in_len, 0);
        if (n <= 0)
            return NULL;
        if (f->tls && !f->ssl)
            note_clear(f, f->in + f->in_len, (size_t)n);
        f->in_len += (size_t)n;
    }
}

/* ---- rules ---- */

static void put_template(struct fake_imap *f, const char *text, const char *tag)
{
    const char *p;

    while (text && *text) {
        p = strstr(text, "%T");
        put(f, text, p ? (size_t)(p - text) : strlen(text));
        if (!p)
            return;
        put(f, tag, strlen(tag));
        text = p + 2;
    }
}

/* True when a rule has answered. */
static bool apply_rule(struct fake_imap *f, const char *tag, const char *command)
{
    struct fake_rule rule = {0};
    bool found = false;
    size_t i;

    pthread_mutex_lock(&f->lock);
    for (i = 0; i < f->rule_count && !found; i++) {
        struct fake_rule *r = &f->rules[i];

        if (r->times == 0 ||
            (r->on[0] ? strncasecmp(command, r->on, strlen(r->on)) != 0 : command[0] != '\0'))
            continue;
        if (r->times > 0)
            r->times--;
        rule = *r;
        found = true;
    }
    pthread_mutex_unlock(&f->lock);
    if (!found)
        return false;
    put_template(f, rule.reply, tag);
    for (i = 0; i < rule.fill_count && !f->is_dropped; i++)
        put(f, rule.fill, strlen(rule.fill));
    put_template(f, rule.after, tag);
    if (rule.then_close)
        f->is_dropped = true;
    return !rule.then_serve;
}

/* ---- commands ---- */

static bool in_set(const char *set, uint32_t uid)
{
    unsigned long a, b;
    char *end;

    while (isdigit((unsigned char)*set)) {
        a = b = strtoul(set, &end, 10);
        if (*end == ':')
            b = end[1] == '*' ? UINT32_MAX : strtoul(end + 1, &end, 10);
        if (uid >= a && uid <= b)
            return true;
        set = *end == ',' ? end + 1 : end;
        if (*end != ',')
            break;
    }
    return false;
}

static void tell_exists(struct fake_imap *f)
{
    if (f->count != f->told)
        say(f, "* %zu EXISTS\r\n", f->count);
    f->told = f->count;
}

/* HEADER Message-ID "...": by a look at the whole text. */
static void search_id(struct fake_imap *f, const char *args)
{
    char id[256];
    size_t i;

    if (sscanf(args, "HEADER Message-ID \"%255[^\"]", id) != 1)
        return;
    if (f->in_sent && f->appended > 0 && strstr(f->append_text, id))
        say(f, " 1");
    for (i = 0; !f->in_sent && i < f->count; i++)
        if (strstr(f->mails[i].data, id))
            say(f, " %u", f->mails[i].uid);
}

static void do_search(struct fake_imap *f, const char *tag, const char *args)
{
    size_t i;

    say(f, "* SEARCH");
    if (strncasecmp(args, "HEADER ", 7) == 0)
        search_id(f, args);
    for (i = 0; i < f->count; i++)
        if (strncasecmp(args, "UID ", 4) == 0 && in_set(args + 4, f->mails[i].uid))
            say(f, " %u", f->mails[i].uid);
    say(f, "\r\n");
    tell_exists(f);
    say(f, "%s OK searched\r\n", tag);
}

static void fetch_one(struct fake_imap *f, size_t i, const char *what)
{
    const struct fake_mail *m = &f->mails[i];
    const char *end = strstr(m->data, "\r\n\r\n");
    bool header = strstr(what, "BODY.PEEK[HEADER]") != NULL;
    size_t n = header && end ? (size_t)(end - m->data) + 4 : m->len;

    say(f, "* %zu FETCH (", i + 1);
    if (!f->reverse)
        say(f, "UID %u", m->uid);
    if (strstr(what, "RFC822.SIZE"))
        say(f, " RFC822.SIZE %zu INTERNALDATE \"01-Mar-2024 10:00:00 +0100\"",
            m->size_told ? m->size_told : m->len);
    if (strstr(what, "BODY.PEEK")) {
        say(f, "%sBODY[%s] {%zu}\r\n", f->reverse ? "" : " ", header ? "HEADER" : "", n);
        put(f, m->data, n);
    }
    if (f->reverse)
        say(f, " UID %u", m->uid);
    say(f, ")\r\n");
}

static void do_fetch(struct fake_imap *f, const char *tag, const char *args)
{
    size_t i, k;

    for (k = 0; k < f->count; k++) {
        i = f->reverse ? f->count - 1 - k : k;
        if (in_set(args, f->mails[i].uid))
            fetch_one(f, i, args);
    }
    say(f, "%s OK fetched\r\n", tag);
}

static void remove_set(struct fake_imap *f, const char *set, bool only_deleted)
{
    size_t i = 0;

    while (i < f->count) {
        struct fake_mail *m = &f->mails[i];

        if ((set && !in_set(set, m->uid)) || (only_deleted && !m->is_deleted)) {
            i++;
            continue;
        }
        free(m->data);
        memmove(m, m + 1, (f->count - i - 1) * sizeof *m);
        f->count--;
        say(f, "* %zu EXPUNGE\r\n", i + 1);
    }
    f->told = f->count;
}

static void do_store(struct fake_imap *f, const char *tag, const char *args)
{
    size_t i;

    if (f->breaks_at && in_set(args, f->breaks_at)) {
        f->is_dropped = true;
        return;
    }
    for (i = 0; i < f->count; i++)
        if (in_set(args, f->mails[i].uid)) {
            f->mails[i].is_seen |= strstr(args, "\\Seen") != NULL;
            f->mails[i].is_deleted |= strstr(args, "\\Deleted") != NULL;
        }
    say(f, "%s OK stored\r\n", tag);
}

static void do_copy(struct fake_imap *f, const char *tag, const char *args, bool is_move)
{
    const char *folder = strchr(args, ' ');
    size_t i;

    for (i = 0; i < f->count; i++)
        f->moved += in_set(args, f->mails[i].uid);
    snprintf(f->moved_to, sizeof f->moved_to, "%s", folder ? folder + 1 : "");
    if (is_move)
        remove_set(f, args, false);
    say(f, "%s OK done\r\n", tag);
}

static void do_uid(struct fake_imap *f, const char *tag, const char *args)
{
    const char *rest = strchr(args, ' ') ? strchr(args, ' ') + 1 : "";

    if (strncasecmp(args, "SEARCH ", 7) == 0)
        do_search(f, tag, rest);
    else if (strncasecmp(args, "FETCH ", 6) == 0)
        do_fetch(f, tag, rest);
    else if (strncasecmp(args, "STORE ", 6) == 0)
        do_store(f, tag, rest);
    else if (strncasecmp(args, "COPY ", 5) == 0)
        do_copy(f, tag, rest, false);
    else if (strncasecmp(args, "MOVE ", 5) == 0)
        do_copy(f, tag, rest, true);
    else if (strncasecmp(args, "EXPUNGE ", 8) == 0) {
        remove_set(f, rest, true);
        say(f, "%s OK expunged\r\n", tag);
    } else
        say(f, "%s BAD what\r\n", tag);
}

static void do_select(struct fake_imap *f, const char *tag)
{
    f->told = f->count;
    say(f,
        "* FLAGS (\\Answered \\Seen \\Deleted)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] Limited\r\n");
    say(f, "* %zu EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %u] UIDs\r\n* OK [UIDNEXT %u] next\r\n",
        f->count, f->uidvalidity, f->uid_next);
    say(f, "%s OK [%s] selected (0.001 + 0.000 secs).\r\n", tag,
        f->is_read_only ? "READ-ONLY" : "READ-WRITE");
}

static const char *caps_now(const struct fake_imap *f)
{
    return f->is_in && f->caps_after ? f->caps_after : f->caps;
}

static void do_login(struct fake_imap *f, const char *tag, bool ok)
{
    f->is_in = ok;
    say(f, ok ? "%s OK logged in\r\n" : "%s NO [AUTHENTICATIONFAILED] Authentication failed.\r\n",
        tag);
}

static void do_plain(struct fake_imap *f, const char *tag)
{
    char line[1024], want[512];
    unsigned char got[1024] = {0};
    size_t n = strlen(f->user) + strlen(f->password) + 2;

    say(f, "+ \r\n");
    if (!get_line(f, line, sizeof line))
        return;
    memset(want, 0, sizeof want);
    memcpy(want + 1, f->user, strlen(f->user));
    memcpy(want + strlen(f->user) + 2, f->password, strlen(f->password));
    EVP_DecodeBlock(got, (unsigned char *)line, (int)strlen(line));
    do_login(f, tag, memcmp(got, want, n) == 0);
}

/* A failure is told in a second challenge, which wants an empty answer. */
static void do_xoauth2(struct fake_imap *f, const char *tag)
{
    char line[1024], want[512];
    unsigned char got[1024] = {0};
    bool ok;

    say(f, "+ \r\n");
    if (!get_line(f, line, sizeof line))
        return;
    snprintf(want, sizeof want, "user=%s\001auth=Bearer %s\001\001", f->user,
             f->token ? f->token : "");
    EVP_DecodeBlock(got, (unsigned char *)line, (int)strlen(line));
    ok = f->token && memcmp(got, want, strlen(want)) == 0;
    if (!ok) {
        say(f, "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n");
        if (!get_line(f, line, sizeof line) || line[0])
            return;
    }
    do_login(f, tag, ok);
}

/* Until the client goes, or the server ends. */
static void stall(struct fake_imap *f)
{
    struct pollfd p = {.fd = f->fd, .events = POLLIN};
    char data[1024];
    bool is_over;

    do {
        pthread_mutex_lock(&f->lock);
        is_over = f->is_stopping;
        pthread_mutex_unlock(&f->lock);
    } while (!is_over && (poll(&p, 1, 10) == 0 || recv(f->fd, data, sizeof data, 0) > 0));
}

static void start_tls(struct fake_imap *f)
{
    static const char talk[] = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] made up\r\n";

    if (f->handshake == FAKE_TALKS)
        (void)!send(f->fd, talk, sizeof talk - 1, MSG_NOSIGNAL);
    if (f->handshake == FAKE_STALLS)
        stall(f);
    if (f->handshake == FAKE_STALLS || f->handshake == FAKE_LEAVES) {
        f->is_dropped = true;
        return;
    }
    f->ssl = SSL_new(f->tls);
    SSL_set_fd(f->ssl, f->fd);
    if (SSL_accept(f->ssl) != 1)
        f->is_dropped = true;
}

/* n bytes of a literal; false: the connection is over. */
static bool get_bytes(struct fake_imap *f, char *out, size_t size, size_t n)
{
    size_t kept = 0, k;
    ssize_t got;

    while (n > 0) {
        if (f->in_len == 0) {
            got = f->ssl ? SSL_read(f->ssl, f->in, sizeof f->in)
                         : recv(f->fd, f->in, sizeof f->in, 0);
            if (got <= 0)
                return false;
            f->in_len = (size_t)got;
        }
        k = n < f->in_len ? n : f->in_len;
        if (kept + k < size) {
            memcpy(out + kept, f->in, k);
            kept += k;
        }
        memmove(f->in, f->in + k, f->in_len - k);
        f->in_len -= k;
        n -= k;
    }
    out[kept] = '\0';
    return true;
}

static bool names_sent(const struct fake_imap *f, const char *c)
{
    char quoted[80];

    snprintf(quoted, sizeof quoted, "\"%s\"", f->sent_folder ? f->sent_folder : "");
    return f->sent_folder && strstr(c, quoted);
}

static void do_append(struct fake_imap *f, const char *tag, const char *c)
{
    const char *brace = strrchr(c, '{');
    size_t n = brace ? strtoul(brace + 1, NULL, 10) : 0;
    bool is_free = brace && strchr(brace, '+'), fits = names_sent(f, c);
    char line[64], text[4096];

    if (!is_free && !fits) {
        say(f, "%s NO [TRYCREATE] no such folder\r\n", tag);
        return;
    }
    if (!is_free)
        say(f, "+ go on\r\n");
    if (!get_bytes(f, text, sizeof text, n) || !get_line(f, line, sizeof line))
        return;
    if (!fits) {
        say(f, "%s NO [TRYCREATE] no such folder\r\n", tag);
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->appended++;
    snprintf(f->append_command, sizeof f->append_command, "%.255s", c);
    snprintf(f->append_text, sizeof f->append_text, "%s", text);
    if (f->lose_append > 0) {
        f->lose_append--;
        f->is_dropped = true;
    }
    pthread_mutex_unlock(&f->lock);
    if (!f->is_dropped)
        say(f, "%s OK [APPENDUID 1 1] appended\r\n", tag);
}

static void do_create(struct fake_imap *f, const char *tag, const char *c)
{
    char name[64] = "";

    (void)!sscanf(c, "CREATE \"%63[^\"]", name);
    if (!f->may_create || strcmp(name, f->may_create) != 0) {
        say(f, "%s NO not there\r\n", tag);
        return;
    }
    snprintf(f->created, sizeof f->created, "%s", name);
    f->sent_folder = f->created;
    say(f, "%s OK created\r\n", tag);
}

/* A pattern that is a name, or ends in %. */
static void do_list(struct fake_imap *f, const char *tag, const char *c)
{
    const char *pattern = strstr(c, "\"\" \"");
    size_t n = pattern ? strcspn(pattern + 4, "%\"") : 0;

    if (pattern && f->sent_folder && strncmp(f->sent_folder, pattern + 4, n) == 0)
        say(f, "* LIST (\\HasNoChildren) \".\" \"%s\"\r\n", f->sent_folder);
    if (pattern && strncmp(pattern + 4, "INBOX\"", 6) == 0)
        say(f, "* LIST () \".\" INBOX\r\n");
    say(f, "%s OK listed\r\n", tag);
}

static void do_idle(struct fake_imap *f, const char *tag)
{
    char line[256];

    say(f, "+ idling\r\n");
    f->is_idling = true;
    if (get_line(f, line, sizeof line))
        say(f, strcasecmp(line, "DONE") == 0 ? "%s OK idled\r\n" : "%s BAD not DONE\r\n", tag);
    f->is_idling = false;
}

static void obey_locked(struct fake_imap *f, const char *tag, const char *c)
{
    if (strncasecmp(c, "UID ", 4) == 0)
        do_uid(f, tag, c + 4);
    else if (strncasecmp(c, "SELECT ", 7) == 0) {
        f->in_sent = false;
        do_select(f, tag);
    } else if (strncasecmp(c, "EXAMINE ", 8) == 0 && names_sent(f, c)) {
        f->in_sent = true;
        do_select(f, tag);
    } else if (strncasecmp(c, "EXAMINE ", 8) == 0)
        say(f, "%s NO no such folder\r\n", tag);
    else if (strncasecmp(c, "LIST ", 5) == 0)
        do_list(f, tag, c);
    else if (strncasecmp(c, "CREATE ", 7) == 0)
        do_create(f, tag, c);
    else if (strncasecmp(c, "SUBSCRIBE ", 10) == 0)
        say(f, "%s OK subscribed\r\n", tag);
    else if (strcasecmp(c, "NOOP") == 0) {
        tell_exists(f);
        say(f, "%s OK done\r\n", tag);
    } else if (strcasecmp(c, "EXPUNGE") == 0) {
        remove_set(f, NULL, true);
        say(f, "%s OK expunged\r\n", tag);
    } else
        say(f, "%s BAD unknown\r\n", tag);
}

static void obey(struct fake_imap *f, const char *tag, const char *c)
{
    char login[256], quoted[256];

    snprintf(login, sizeof login, "LOGIN %s %s", f->user, f->password);
    snprintf(quoted, sizeof quoted, "LOGIN \"%s\" \"%s\"", f->user, f->password);
    if (strcasecmp(c, "CAPABILITY") == 0)
        say(f, "* CAPABILITY %s\r\n%s OK done\r\n", caps_now(f), tag);
    else if (strcasecmp(c, "STARTTLS") == 0) {
        say(f, "%s OK begin\r\n", tag);
        start_tls(f);
    } else if (strncasecmp(c, "LOGIN ", 6) == 0)
        do_login(f, tag, strcmp(c, login) == 0 || strcmp(c, quoted) == 0);
    else if (strcasecmp(c, "AUTHENTICATE PLAIN") == 0)
        do_plain(f, tag);
    else if (strcasecmp(c, "AUTHENTICATE XOAUTH2") == 0)
        do_xoauth2(f, tag);
    else if (strcasecmp(c, "LOGOUT") == 0) {
        say(f, "* BYE logging out\r\n%s OK done\r\n", tag);
        f->is_dropped = true;
    } else if (strcasecmp(c, "IDLE") == 0 && strstr(caps_now(f), "IDLE"))
        do_idle(f, tag);
    else if (strncasecmp(c, "APPEND ", 7) == 0)
        do_append(f, tag, c);
    else {
        pthread_mutex_lock(&f->lock);
        obey_locked(f, tag, c);
        pthread_mutex_unlock(&f->lock);
    }
}

static void note_command(struct fake_imap *f, const char *c)
{
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = strlen(f->log);
    if (n + strlen(c) + 2 < sizeof f->log)
        snprintf(f->log + n, sizeof f->log - n, "%s\n", c);
    pthread_mutex_unlock(&f->lock);
}

static void serve(struct fake_imap *f)
{
    char line[4096], *command;

    if (f->tls && f->implicit)
        start_tls(f);
    if (!f->is_dropped && !apply_rule(f, "*", ""))
        say(f, "* OK fake ready\r\n");
    while (!f->is_dropped && get_line(f, line, sizeof line)) {
        command = strchr(line, ' ');
        if (!command)
            continue;
        *command++ = '\0';
        note_command(f, command);
        if (!apply_rule(f, line, command))
            obey(f, line, command);
    }
}

static void *run(void *arg)
{
    struct fake_imap *f = arg;
    struct pollfd p = {.fd = f->listener, .events = POLLIN};
    bool stop = false;
    int on = 1;

    for (;;) {
        pthread_mutex_lock(&f->lock);
        stop = f->is_stopping;
        pthread_mutex_unlock(&f->lock);
        if (stop)
            return NULL;
        if (poll(&p, 1, 5) <= 0)
            continue;
        f->fd = accept(f->listener, NULL, NULL);
        if (f->fd < 0)
            continue;
        setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_mutex_lock(&f->lock);
        f->connections++;
        f->is_connected = true;
        f->is_dropped = false;
        pthread_mutex_unlock(&f->lock);
        f->is_in = f->is_idling = f->in_sent = false;
        f->in_len = 0;
        f->sent = 0;
        serve(f);
        SSL_free(f->ssl);
        f->ssl = NULL;
        close(f->fd);
        pthread_mutex_lock(&f->lock);
        f->is_connected = false;
        pthread_mutex_unlock(&f->lock);
    }
}

void fake_imap_start(struct fake_imap *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    signal(SIGPIPE, SIG_IGN);
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&a, sizeof a) < 0 ||
        listen(f->listener, 16) < 0 || getsockname(f->listener, (struct sockaddr *)&a, &len) < 0 ||
        pthread_create(&f->thread, NULL, run, f) != 0) {
        perror("fake_imap_start");
        abort();
    }
    f->port = ntohs(a.sin_port);
}

void fake_imap_stop(struct fake_imap *f)
{
    size_t i;

    pthread_mutex_lock(&f->lock);
    f->is_stopping = true;
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    close(f->listener);
    for (i = 0; i < f->count; i++)
        free(f->mails[i].data);
    pthread_mutex_destroy(&f->lock);
}
