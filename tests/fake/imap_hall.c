/*
 * imap_hall: see the header.  One epoll loop; what other threads want is in atomics, and an eventfd
 * wakes it.
 */
#include "tests/fake/imap_hall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAIL "From: a@b.example\r\nMessage-ID: <1@b.example>\r\nSubject: x\r\n\r\nbody\r\n"

enum { LINE = 512 };

struct guest {
    int fd;
    SSL *ssl;
    bool is_shaken, is_in, is_idle, wants_words;
    char tag[32]; /* of IDLE or AUTHENTICATE */
    unsigned told;
    char line[LINE];
    size_t len;
    struct guest *prev, *next;
};

struct imap_hall {
    int listener, epoll, wake;
    unsigned port;
    SSL_CTX *tls;
    bool without_idle;
    pthread_t thread;
    bool has_thread;
    struct guest *guests;
    atomic_uint mails;
    atomic_bool is_closing, must_drop, is_hushed;
    atomic_uint connections, now, idle, opening, opening_most, noops;
};

static void die(const char *what)
{
    perror(what);
    abort();
}

/* ---- bytes ---- */

static void put(struct guest *g, const char *text)
{
    size_t n = strlen(text);

    /* Answers are short, and those who wait read them: what does not fit is a test gone wrong. */
    if (g->ssl)
        (void)!SSL_write(g->ssl, text, (int)n);
    else
        (void)!send(g->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void answer(struct guest *g, const char *tag, const char *words)
{
    char text[256];

    snprintf(text, sizeof text, "%.30s %.200s\r\n", tag, words);
    put(g, text);
}

static void tell(struct imap_hall *h, struct guest *g)
{
    char text[64];

    if (g->told == h->mails)
        return;
    g->told = h->mails;
    snprintf(text, sizeof text, "* %u EXISTS\r\n", g->told);
    put(g, text);
}

/* ---- guests ---- */

static void leave(struct imap_hall *h, struct guest *g)
{
    h->now--;
    h->idle -= g->is_idle;
    h->opening -= !g->is_in;
    if (g->prev)
        g->prev->next = g->next;
    else
        h->guests = g->next;
    if (g->next)
        g->next->prev = g->prev;
    SSL_free(g->ssl);
    close(g->fd);
    free(g);
}

static void greet(struct guest *g)
{
    g->is_shaken = true;
    put(g, "* OK hall\r\n");
}

static void admit(struct imap_hall *h)
{
    struct epoll_event ev = {.events = EPOLLIN};
    struct guest *g;
    int on = 1, fd = accept(h->listener, NULL, NULL);

    if (fd < 0)
        return;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    g = calloc(1, sizeof *g);
    if (!g)
        die("calloc");
    g->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    g->next = h->guests;
    if (g->next)
        g->next->prev = g;
    h->guests = g;
    h->connections++;
    h->now++;
    if (++h->opening > h->opening_most)
        h->opening_most = h->opening;
    ev.data.ptr = g;
    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        die("epoll_ctl");
    if (h->tls) {
        g->ssl = SSL_new(h->tls);
        SSL_set_fd(g->ssl, fd);
        SSL_set_accept_state(g->ssl);
    } else if (!h->is_hushed) {
        greet(g);
    }
}

/* ---- commands ---- */

static void do_select(const struct imap_hall *h, struct guest *g, const char *tag)
{
    char text[300];

    g->told = h->mails;
    snprintf(text, sizeof text,
             "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
             "* OK [PERMANENTFLAGS (\\Seen \\*)] Flags permitted.\r\n* %u EXISTS\r\n"
             "* 0 RECENT\r\n* OK [UIDVALIDITY 7] UIDs valid\r\n* OK [UIDNEXT %u] next\r\n",
             g->told, g->told + 1);
    put(g, text);
    answer(g, tag, "OK [READ-WRITE] Select completed (0.001 + 0.000 secs).");
}

static void do_search(const struct imap_hall *h, struct guest *g, const char *tag, const char *args)
{
    unsigned long first = strtoul(args + 4, NULL, 10), i;
    char text[64];

    put(g, "* SEARCH");
    for (i = first; i <= h->mails; i++) {
        snprintf(text, sizeof text, " %lu", i);
        put(g, text);
    }
    put(g, "\r\n");
    answer(g, tag, "OK done");
}

static void do_fetch(const struct imap_hall *h, struct guest *g, const char *tag, const char *args)
{
    unsigned long first = strtoul(args, NULL, 10), last = first, i;
    const char *colon = strchr(args, ':');
    char text[512];

    if (colon && colon < strchr(args, ' '))
        last = strtoul(colon + 1, NULL, 10);
    for (i = first; i <= last && i <= h->mails; i++) {
        if (strstr(args, "BODY"))
            snprintf(text, sizeof text, "* %lu FETCH (UID %lu BODY[] {%zu}\r\n%s)\r\n", i, i,
                     strlen(MAIL), MAIL);
        else
            snprintf(text, sizeof text, "* %lu FETCH (UID %lu RFC822.SIZE %zu)\r\n", i, i,
                     strlen(MAIL));
        put(g, text);
    }
    answer(g, tag, "OK done");
}

static void do_words(struct imap_hall *h, struct guest *g, const char *words)
{
    unsigned char clear[LINE] = {0};
    int n = EVP_DecodeBlock(clear, (const unsigned char *)words, (int)strlen(words));
    bool ok = false;

    for (int i = 0; i + 6 < n + 1; i++)
        ok |= memcmp(clear + i, "secret", 6) == 0;
    g->wants_words = false;
    if (ok && !g->is_in) {
        g->is_in = true;
        h->opening--;
    }
    answer(g, g->tag, ok ? "OK in" : "NO [AUTHENTICATIONFAILED] no");
}

static void obey(struct imap_hall *h, struct guest *g, char *line)
{
    char *command = strchr(line, ' ');

    if (g->wants_words) {
        do_words(h, g, line);
        return;
    }
    if (g->is_idle) {
        g->is_idle = false;
        h->idle--;
        answer(g, g->tag, "OK Idle completed.");
        return;
    }
    if (!command)
        return;
    *command++ = '\0';
    snprintf(g->tag, sizeof g->tag, "%.31s", line);
    if (strcasecmp(command, "CAPABILITY") == 0) {
        put(g, h->without_idle
                   ? "* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE AUTH=PLAIN UIDPLUS\r\n"
                   : "* CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT "
                     "SORT=DISPLAY THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT "
                     "MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS "
                     "LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN "
                     "CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY "
                     "PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE AUTH=PLAIN\r\n");
        answer(g, line, "OK done");
    } else if (strcasecmp(command, "AUTHENTICATE PLAIN") == 0) {
        g->wants_words = true;
        put(g, "+ \r\n");
    } else if (strncasecmp(command, "SELECT", 6) == 0) {
        do_select(h, g, line);
    } else if (strncasecmp(command, "UID SEARCH ", 11) == 0) {
        do_search(h, g, line, command + 11);
    } else if (strncasecmp(command, "UID FETCH ", 10) == 0) {
        do_fetch(h, g, line, command + 10);
    } else if (strcasecmp(command, "IDLE") == 0) {
        put(g, "+ idling\r\n");
        g->is_idle = true;
        h->idle++;
        tell(h, g);
    } else {
        h->noops += strcasecmp(command, "NOOP") == 0;
        tell(h, g);
        answer(g, line, "OK done");
    }
}

/* False: the connection is over. */
static bool take(struct imap_hall *h, struct guest *g)
{
    char *lf;
    int n;

    if (g->ssl && !g->is_shaken) {
        n = SSL_do_handshake(g->ssl);
        if (n != 1) {
            n = SSL_get_error(g->ssl, n);
            return n == SSL_ERROR_WANT_READ || n == SSL_ERROR_WANT_WRITE;
        }
        greet(g);
    }
    for (;;) {
        n = g->ssl ? SSL_read(g->ssl, g->line + g->len, (int)(LINE - 1 - g->len))
                   : (int)recv(g->fd, g->line + g->len, LINE - 1 - g->len, 0);
        if (n <= 0)
            return g->ssl ? SSL_get_error(g->ssl, n) == SSL_ERROR_WANT_READ
                          : n < 0 && errno == EAGAIN;
        g->len += (size_t)n;
        g->line[g->len] = '\0';
        while ((lf = strchr(g->line, '\n'))) {
            *lf = '\0';
            g->line[strcspn(g->line, "\r")] = '\0';
            obey(h, g, g->line);
            g->len -= (size_t)(lf + 1 - g->line);
            memmove(g->line, lf + 1, g->len + 1);
        }
        if (g->len >= LINE - 1)
            return false;
    }
}

/* ---- what others want ---- */

static void look_around(struct imap_hall *h)
{
    bool drop = atomic_exchange(&h->must_drop, false);
    struct guest *g, *next;

    for (g = h->guests; g; g = next) {
        next = g->next;
        if (drop)
            leave(h, g);
        else if (g->is_idle)
            tell(h, g);
        else if (!g->is_shaken && !g->ssl && !h->is_hushed)
            greet(g);
    }
}

void imap_hall_serve(struct imap_hall *h)
{
    struct epoll_event ev[64];
    uint64_t count;
    int i, n;

    while (!h->is_closing) {
        n = epoll_wait(h->epoll, ev, 64, -1);
        for (i = 0; i < n; i++) {
            if (ev[i].data.ptr == &h->listener)
                admit(h);
            else if (ev[i].data.ptr != &h->wake && !take(h, ev[i].data.ptr))
                leave(h, ev[i].data.ptr);
        }
        for (i = 0; i < n; i++) /* last: it may end guests that are in the list */
            if (ev[i].data.ptr == &h->wake && read(h->wake, &count, sizeof count) > 0)
                look_around(h);
    }
    while (h->guests)
        leave(h, h->guests);
}

static void *serve(void *arg)
{
    imap_hall_serve(arg);
    return NULL;
}

static void wake(struct imap_hall *h)
{
    uint64_t one = 1;

    (void)!write(h->wake, &one, sizeof one);
}

void imap_hall_deliver(struct imap_hall *h)
{
    h->mails++;
    wake(h);
}

void imap_hall_drop(struct imap_hall *h)
{
    h->must_drop = true;
    wake(h);
}

void imap_hall_hush(struct imap_hall *h, bool hush)
{
    h->is_hushed = hush;
    wake(h);
}

struct imap_hall_counts imap_hall_counts(struct imap_hall *h)
{
    return (struct imap_hall_counts){.connections = h->connections,
                                     .now = h->now,
                                     .idle = h->idle,
                                     .opening_most = h->opening_most,
                                     .noops = h->noops};
}

void imap_hall_forget_most(struct imap_hall *h)
{
    h->opening_most = 0;
}

/* ---- life ---- */

static void watch(struct imap_hall *h, int fd, void *ptr)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};

    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        die("epoll_ctl");
}

struct imap_hall *imap_hall_open(SSL_CTX *tls, bool without_idle)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct imap_hall *h = calloc(1, sizeof *h);
    socklen_t len = sizeof a;

    signal(SIGPIPE, SIG_IGN);
    if (!h)
        die("calloc");
    h->tls = tls;
    h->without_idle = without_idle;
    h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (h->listener < 0 || h->epoll < 0 || h->wake < 0 ||
        bind(h->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(h->listener, 4096) < 0 ||
        getsockname(h->listener, (struct sockaddr *)&a, &len) < 0)
        die("imap_hall_open");
    h->port = ntohs(a.sin_port);
    watch(h, h->listener, &h->listener);
    watch(h, h->wake, &h->wake);
    return h;
}

unsigned imap_hall_port(const struct imap_hall *h)
{
    return h->port;
}

void imap_hall_start(struct imap_hall *h)
{
    if (pthread_create(&h->thread, NULL, serve, h) != 0)
        die("imap_hall_start");
    h->has_thread = true;
}

void imap_hall_close(struct imap_hall *h)
{
    if (!h)
        return;
    h->is_closing = true;
    wake(h);
    if (h->has_thread)
        pthread_join(h->thread, NULL);
    close(h->listener);
    close(h->epoll);
    close(h->wake);
    free(h);
}
