/*
 * smtp_script: the scripted SMTP server.
 *
 * Owns its listener, connections and the mails it took; a thread accepts, one more serves each
 * connection, and a mutex guards what they share.  It is part of a test program and aborts it when
 * memory is out.
 */
#include "tests/fake/smtp_script.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/fake/smtp_auth.h"

enum { CONNECTIONS_MAX = 4096, MAILS_MAX = 8192, VERBS_MAX = 20, LINE_SIZE = 4096 };

struct connection {
    struct fake_smtp *fake;
    int fd;
    SSL *ssl;        /* NULL: in the clear */
    unsigned number; /* from 1 */
    pthread_t thread;
    bool is_open, has_left;
    unsigned mails;
    size_t left;   /* bytes to send before it ends */
    bool has_mail; /* MAIL was accepted */
    bool ended;
    char in[65536];
    size_t in_len, in_at;
    char from[LINE_SIZE];
    char *recipients;
    size_t recipients_len;
};

struct fake_smtp {
    const struct fake_smtp_rule *rules;
    const char *extensions;
    struct fake_smtp_tls tls; /* ctx NULL: none */
    char clear[65536], auths[4096];
    size_t clear_len, auths_len;
    size_t cut; /* SIZE_MAX: never */
    int listener;
    unsigned port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t stop_cond;
    bool stopping, stopped;
    struct connection *connections[CONNECTIONS_MAX];
    unsigned connection_count, open, most;
    struct {
        char verb[12];
        unsigned n;
    } counts[VERBS_MAX];
    struct fake_smtp_mail mails[MAILS_MAX];
    size_t mail_count;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static void sleep_ms(unsigned ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&ts, NULL);
}

/* ---- one connection ---- */

static void keep_text(struct fake_smtp *f, char *into, size_t size, size_t *len, const char *text,
                      size_t n)
{
    pthread_mutex_lock(&f->lock);
    if (n > size - 1 - *len)
        n = size - 1 - *len;
    memcpy(into + *len, text, n);
    *len += n;
    pthread_mutex_unlock(&f->lock);
}

static ssize_t receive(struct connection *c)
{
    ssize_t n;

    if (c->ssl)
        return SSL_read(c->ssl, c->in, sizeof c->in);
    do
        n = recv(c->fd, c->in, sizeof c->in, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0 && c->fake->tls.ctx)
        keep_text(c->fake, c->fake->clear, sizeof c->fake->clear, &c->fake->clear_len, c->in,
                  (size_t)n);
    return n;
}

static int get_byte(struct connection *c)
{
    ssize_t n;

    if (c->in_at == c->in_len) {
        n = receive(c);
        if (n <= 0)
            return -1;
        c->in_len = (size_t)n;
        c->in_at = 0;
    }
    return (unsigned char)c->in[c->in_at++];
}

/* A line without its CRLF; -1 at the end. */
static int get_line(struct connection *c, char *line, size_t size)
{
    size_t len = 0;
    int byte;

    while ((byte = get_byte(c)) != '\n') {
        if (byte < 0)
            return -1;
        if (len + 1 < size)
            line[len++] = (char)byte;
    }
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    return 0;
}

static void put(struct connection *c, const char *text, unsigned drip_ms)
{
    size_t len = strlen(text), at = 0, step = drip_ms ? 1 : len;
    ssize_t n;

    if (len > c->left) {
        len = c->left;
        c->ended = true;
    }
    c->left -= len;
    if (len == 0)
        return;
    if (step > len)
        step = len;
    for (; at < len; at += (size_t)n) {
        if (drip_ms && at > 0)
            sleep_ms(drip_ms);
        n = c->ssl ? SSL_write(c->ssl, text + at, (int)step)
                   : send(c->fd, text + at, step, MSG_NOSIGNAL);
        if (n <= 0)
            return;
    }
}

static void count(struct fake_smtp *f, const char *verb)
{
    size_t i;

    pthread_mutex_lock(&f->lock);
    for (i = 0; i < VERBS_MAX; i++)
        if (!f->counts[i].verb[0] || strcmp(f->counts[i].verb, verb) == 0) {
            snprintf(f->counts[i].verb, sizeof f->counts[i].verb, "%s", verb);
            f->counts[i].n++;
            break;
        }
    pthread_mutex_unlock(&f->lock);
}

static void hang(struct connection *c)
{
    struct fake_smtp *f = c->fake;

    pthread_mutex_lock(&f->lock);
    while (!f->stopping)
        pthread_cond_wait(&f->stop_cond, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static void act(struct connection *c, enum fake_smtp_then then)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (then == FAKE_GO_ON)
        return;
    c->ended = true;
    if (then == FAKE_HANG)
        hang(c);
    if (then == FAKE_HANG_WHEN_READ)
        while (get_byte(c) >= 0)
            continue;
    if (then == FAKE_RESET)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

/* Answers; returns the reply's first digit, 0 when there was none. */
static int answer(struct connection *c, const char *verb, const char *line, const char *usual)
{
    const struct fake_smtp_rule *r = c->fake->rules;
    const char *reply;

    count(c->fake, verb);
    for (; r && r->verb; r++)
        if (strcmp(r->verb, verb) == 0 && (!r->match || strstr(line, r->match)) &&
            (!r->connection || r->connection == c->number) && (!r->mail || r->mail == c->mails))
            break;
    if (!r || !r->verb) {
        put(c, usual, 0);
        return usual[0] - '0';
    }
    reply = r->reply ? r->reply : usual;
    if (r->delay_ms)
        sleep_ms(r->delay_ms);
    put(c, reply, r->drip_ms);
    act(c, r->then);
    return reply[0] ? reply[0] - '0' : 0;
}

static void greet(struct connection *c, const char *line)
{
    char reply[2048] = "250-fake greets you\r\n", *last = reply;
    const char *p =
        c->ssl && c->fake->tls.extensions ? c->fake->tls.extensions : c->fake->extensions;
    size_t n, len = strlen(reply);

    while (p && *p) {
        n = strcspn(p, "\n");
        last = reply + len;
        len += (size_t)snprintf(reply + len, sizeof reply - len, "250-%.*s\r\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
    last[3] = ' ';
    answer(c, "EHLO", line, reply);
}

static void begin_mail(struct connection *c, const char *line)
{
    c->mails++;
    if (c->has_mail) { /* as Postfix: RSET first */
        answer(c, "NESTED", line, "503 5.5.1 nested MAIL command\r\n");
        return;
    }
    c->recipients_len = 0;
    snprintf(c->from, sizeof c->from, "%s", line);
    c->has_mail = answer(c, "MAIL", line, "250 2.1.0 sender ok\r\n") == 2;
}

static void add_recipient(struct connection *c, const char *line)
{
    size_t len = strlen(line);

    if (answer(c, "RCPT", line,
               c->has_mail ? "250 2.1.5 recipient ok\r\n" : "503 5.5.1 MAIL first\r\n") != 2)
        return;
    c->recipients = must(realloc(c->recipients, c->recipients_len + len + 2));
    memcpy(c->recipients + c->recipients_len, line, len);
    c->recipients_len += len;
    c->recipients[c->recipients_len++] = '\n';
    c->recipients[c->recipients_len] = '\0';
}

static void keep(struct connection *c, char *data, size_t len)
{
    struct fake_smtp *f = c->fake;
    struct fake_smtp_mail *m;

    pthread_mutex_lock(&f->lock);
    if (f->mail_count == MAILS_MAX)
        abort();
    m = &f->mails[f->mail_count++];
    pthread_mutex_unlock(&f->lock);
    m->from = must(strdup(c->from));
    m->recipients = c->recipients;
    m->data = data;
    m->len = len;
    m->connection = c->number;
    c->recipients = NULL;
    c->recipients_len = 0;
}

/* The data up to CRLF . CRLF, as they were before stuffing; NULL when the connection ended before.
 */
static char *read_data(struct connection *c, size_t *len_out)
{
    size_t len = 0, cap = 4096, line = 0; /* line: where the present one starts */
    char *data = must(malloc(cap));
    int byte;

    while ((byte = get_byte(c)) >= 0) {
        if (len + 2 > cap)
            data = must(realloc(data, cap *= 2));
        data[len++] = (char)byte;
        if (byte != '\n' || len < 2 || data[len - 2] != '\r')
            continue;
        if (len - line == 3 && data[line] == '.') {
            *len_out = line;
            return data;
        }
        if (data[line] == '.') {
            memmove(data + line, data + line + 1, len - line - 1);
            len--;
        }
        line = len;
    }
    free(data);
    return NULL;
}

/* The usual answer to half a mail is none. */
static void answer_in_the_middle(struct connection *c, const char *line)
{
    if (get_byte(c) < 0)
        return;
    c->in_at--;
    answer(c, "MIDDLE", line, "");
}

static void take_data(struct connection *c, const char *line)
{
    const char *usual =
        c->recipients_len ? "354 go ahead\r\n" : "554 5.5.1 no valid recipients\r\n";
    size_t len;
    char *data;

    if (answer(c, "DATA", line, usual) != 3 || c->ended)
        return;
    answer_in_the_middle(c, line);
    if (c->ended)
        return;
    data = read_data(c, &len);
    c->has_mail = false;
    if (!data) {
        c->ended = true;
        return;
    }
    if (answer(c, "END", line,
               c->recipients_len ? "250 2.0.0 queued\r\n" : "554 5.5.1 no valid recipients\r\n") ==
        2)
        keep(c, data, len);
    else
        free(data);
}

/* RFC 3030: the message is as long as was said.  The rules for END are asked for its reply. */
static void take_chunk(struct connection *c, const char *line)
{
    const char *none = "554 5.5.1 no valid recipients\r\n";
    bool is_fit = c->recipients_len > 0;
    size_t len, i;
    char *data;
    int byte;

    count(c->fake, "BDAT");
    c->has_mail = false;
    if (sscanf(line, "BDAT %zu LAST", &len) != 1)
        abort(); /* our client sends each message in one piece */
    if (len > 0)
        answer_in_the_middle(c, line);
    if (c->ended)
        return;
    data = must(malloc(len + 1));
    for (i = 0; i < len; i++) {
        byte = get_byte(c);
        if (byte < 0) {
            free(data);
            c->ended = true;
            return;
        }
        data[i] = (char)byte;
    }
    if (answer(c, "END", line, is_fit ? "250 2.0.0 queued\r\n" : none) == 2)
        keep(c, data, len);
    else
        free(data);
}

/* Once the goodbye is said, the client may open its next connection: this one counts no more. */
static void leave(struct connection *c)
{
    pthread_mutex_lock(&c->fake->lock);
    if (!c->has_left)
        c->fake->open--;
    c->has_left = true;
    pthread_mutex_unlock(&c->fake->lock);
}

/* ---- TLS and AUTH ---- */

static void shake_hands(struct connection *c)
{
    answer(c, "HANDSHAKE", "", "");
    if (c->ended)
        return;
    c->ssl = must(SSL_new(c->fake->tls.ctx));
    SSL_set_fd(c->ssl, c->fd);
    if (SSL_accept(c->ssl) != 1)
        c->ended = true;
    c->in_at = c->in_len = 0;
}

static void start_tls(struct connection *c, const char *line)
{
    if (!c->fake->tls.ctx || c->ssl)
        answer(c, "STARTTLS", line, "503 5.5.1 no\r\n");
    else if (answer(c, "STARTTLS", line, "220 2.0.0 go\r\n") == 2 && !c->ended)
        shake_hands(c);
}

static void say_line(void *arg, const char *line)
{
    put(arg, line, 0);
}

static int hear_line(void *arg, char *line, size_t size)
{
    struct connection *c = arg;

    if (get_line(c, line, size) < 0)
        return -1;
    keep_text(c->fake, c->fake->auths, sizeof c->fake->auths, &c->fake->auths_len, line,
              strlen(line));
    keep_text(c->fake, c->fake->auths, sizeof c->fake->auths, &c->fake->auths_len, "\n", 1);
    return 0;
}

static void log_in(struct connection *c, const char *line)
{
    const struct fake_smtp_rule *r;
    struct fake_auth a = {.user = c->fake->tls.user,
                          .password = c->fake->tls.password,
                          .say = say_line,
                          .hear = hear_line,
                          .arg = c};

    keep_text(c->fake, c->fake->auths, sizeof c->fake->auths, &c->fake->auths_len, line,
              strlen(line));
    keep_text(c->fake, c->fake->auths, sizeof c->fake->auths, &c->fake->auths_len, "\n", 1);
    for (r = c->fake->rules; r && r->verb; r++)
        if (strcmp(r->verb, "AUTH") == 0) {
            answer(c, "AUTH", line, "");
            return;
        }
    count(c->fake, "AUTH");
    switch (fake_auth_run(&a, line + 5)) {
    case 1:
        put(c, "235 2.7.0 welcome\r\n", 0);
        break;
    case 0:
        put(c, "535 5.7.8 wrong user or password\r\n", 0);
        break;
    default:
        c->ended = true;
    }
}

static void forget(struct connection *c, const char *line)
{
    c->has_mail = false;
    c->recipients_len = 0;
    answer(c, "RSET", line, "250 2.0.0 forgotten\r\n");
}

static void serve_line(struct connection *c, const char *line)
{
    if (strncmp(line, "EHLO ", 5) == 0)
        greet(c, line);
    else if (strncmp(line, "HELO ", 5) == 0)
        answer(c, "HELO", line, "250 fake greets you\r\n");
    else if (strncmp(line, "MAIL FROM:", 10) == 0)
        begin_mail(c, line);
    else if (strncmp(line, "RCPT TO:", 8) == 0)
        add_recipient(c, line);
    else if (strcmp(line, "DATA") == 0)
        take_data(c, line);
    else if (strcmp(line, "STARTTLS") == 0)
        start_tls(c, line);
    else if (strncmp(line, "AUTH ", 5) == 0)
        log_in(c, line);
    else if (strcmp(line, "RSET") == 0)
        forget(c, line);
    else if (strcmp(line, "QUIT") == 0) {
        leave(c);
        answer(c, "QUIT", line, "221 2.0.0 bye\r\n");
        c->ended = true;
    } else if (strncmp(line, "BDAT ", 5) == 0)
        take_chunk(c, line);
    else
        answer(c, "OTHER", line, "500 5.5.2 what?\r\n");
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    struct fake_smtp *f = c->fake;
    char line[LINE_SIZE];

    if (f->tls.ctx && f->tls.is_implicit)
        shake_hands(c);
    if (!c->ended)
        answer(c, "GREETING", "", "220 fake ESMTP\r\n");
    while (!c->ended && get_line(c, line, sizeof line) == 0)
        serve_line(c, line);
    leave(c);
    if (c->ssl && SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    pthread_mutex_lock(&f->lock);
    c->is_open = false;
    close(c->fd);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- the server ---- */

static void open_connection(struct fake_smtp *f, int fd)
{
    struct connection *c = must(calloc(1, sizeof *c));
    int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fake = f;
    c->fd = fd;
    c->is_open = true;
    c->left = SIZE_MAX;
    pthread_mutex_lock(&f->lock);
    if (f->connection_count == CONNECTIONS_MAX)
        abort();
    f->connections[f->connection_count++] = c;
    c->number = f->connection_count;
    if (c->number == 1)
        c->left = f->cut;
    if (++f->open > f->most)
        f->most = f->open;
    if (pthread_create(&c->thread, NULL, serve, c) != 0)
        abort();
    pthread_mutex_unlock(&f->lock);
}

static void *accept_all(void *arg)
{
    struct fake_smtp *f = arg;
    struct pollfd p = {.fd = f->listener, .events = POLLIN};
    bool stopping;
    int fd;

    for (;;) {
        pthread_mutex_lock(&f->lock);
        stopping = f->stopping;
        pthread_mutex_unlock(&f->lock);
        if (stopping)
            return NULL;
        if (poll(&p, 1, 20) <= 0)
            continue;
        fd = accept(f->listener, NULL, NULL);
        if (fd >= 0)
            open_connection(f, fd);
    }
}

struct fake_smtp *fake_smtp_start(const struct fake_smtp_rule *rules, const char *extensions)
{
    return fake_smtp_start_tls(rules, extensions, NULL);
}

const char *fake_smtp_clear(const struct fake_smtp *f)
{
    return f->clear;
}

const char *fake_smtp_auths(const struct fake_smtp *f)
{
    return f->auths;
}

struct fake_smtp *fake_smtp_start_tls(const struct fake_smtp_rule *rules, const char *extensions,
                                      const struct fake_smtp_tls *tls)
{
    struct fake_smtp *f = must(calloc(1, sizeof *f));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    f->rules = rules;
    f->cut = SIZE_MAX;
    if (tls)
        f->tls = *tls;
    f->extensions = extensions
                        ? extensions
                        : "PIPELINING\n8BITMIME\nSIZE 50000000\nENHANCEDSTATUSCODES\nCHUNKING\n";
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->stop_cond, NULL);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (f->listener < 0 || bind(f->listener, (const struct sockaddr *)&a, sizeof a) < 0 ||
        listen(f->listener, 128) < 0 || getsockname(f->listener, (struct sockaddr *)&a, &len) < 0 ||
        pthread_create(&f->acceptor, NULL, accept_all, f) != 0)
        abort();
    f->port = ntohs(a.sin_port);
    return f;
}

void fake_smtp_cut(struct fake_smtp *f, size_t bytes)
{
    f->cut = bytes;
}

unsigned fake_smtp_port(const struct fake_smtp *f)
{
    return f->port;
}

static unsigned locked(struct fake_smtp *f, const unsigned *value)
{
    unsigned copy;

    pthread_mutex_lock(&f->lock);
    copy = *value;
    pthread_mutex_unlock(&f->lock);
    return copy;
}

unsigned fake_smtp_connections(struct fake_smtp *f)
{
    return locked(f, &f->connection_count);
}

unsigned fake_smtp_most_at_once(struct fake_smtp *f)
{
    return locked(f, &f->most);
}

unsigned fake_smtp_open(struct fake_smtp *f)
{
    return locked(f, &f->open);
}

unsigned fake_smtp_count(struct fake_smtp *f, const char *verb)
{
    unsigned n = 0;
    size_t i;

    pthread_mutex_lock(&f->lock);
    for (i = 0; i < VERBS_MAX; i++)
        if (strcmp(f->counts[i].verb, verb) == 0)
            n = f->counts[i].n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

size_t fake_smtp_mail_count(struct fake_smtp *f)
{
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = f->mail_count;
    pthread_mutex_unlock(&f->lock);
    return n;
}

const struct fake_smtp_mail *fake_smtp_mail(struct fake_smtp *f, size_t i)
{
    return i < f->mail_count ? &f->mails[i] : NULL;
}

void fake_smtp_stop(struct fake_smtp *f)
{
    unsigned i;

    if (f->stopped)
        return;
    f->stopped = true;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    for (i = 0; i < f->connection_count; i++)
        if (f->connections[i]->is_open)
            shutdown(f->connections[i]->fd, SHUT_RDWR);
    pthread_cond_broadcast(&f->stop_cond);
    pthread_mutex_unlock(&f->lock);
    shutdown(f->listener, SHUT_RDWR); /* wakes who waits for it */
    pthread_join(f->acceptor, NULL);
    for (i = 0; i < f->connection_count; i++) {
        pthread_mutex_lock(&f->lock);
        if (f->connections[i]->is_open)
            shutdown(f->connections[i]->fd, SHUT_RDWR);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->connections[i]->thread, NULL);
    }
    close(f->listener);
}

void fake_smtp_free(struct fake_smtp *f)
{
    size_t i;

    if (!f)
        return;
    fake_smtp_stop(f);
    for (i = 0; i < f->connection_count; i++) {
        free(f->connections[i]->recipients);
        free(f->connections[i]);
    }
    for (i = 0; i < f->mail_count; i++) {
        free(f->mails[i].from);
        free(f->mails[i].recipients);
        free(f->mails[i].data);
    }
    pthread_cond_destroy(&f->stop_cond);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
