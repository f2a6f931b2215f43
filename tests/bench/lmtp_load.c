/*
 * lmtp_load: mail servers that hand over mail by LMTP as fast as it is taken, for measuring.
 *
 *     lmtp_load PORT SESSIONS COUNT SIZE TO     the # in TO becomes a number
 *
 * Each session hands over one mail after the other: MAIL, RCPT and DATA in one write (PIPELINING),
 * the text when 354 has come, the next mail when 250 has.  Says on standard output, with
 * CLOCK_MONOTONIC in nanoseconds: "first T" and "answered T", and ends; any refusal ends it with
 * status 1.  One process, one thread; its buffers are of fixed size; the peer is a server of ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS_MAX = 256, IN_SIZE = 4096, MAIL_MAX = 1 << 17, NUMBERS = 100 };

struct session {
    int fd;
    enum { GREETING, HELLO, ENVELOPE, ANSWER, DONE } state;
    unsigned replies; /* of the envelope, so far */
    long number;      /* of the mail under way */
    char in[IN_SIZE];
    size_t in_len;
};

struct load {
    struct session *sessions;
    long session_count, count, sent, answered;
    const char *to;
    char body[MAIL_MAX / 2], mail[MAIL_MAX];
};

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "lmtp_load: %s: %s\n", what, detail ? detail : strerror(errno));
    exit(1);
}

static void put(const struct session *s, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(s->fd, text, len);

        if (n < 0)
            fail("write", NULL);
        text += n;
        len -= (size_t)n;
    }
}

static void open_session(struct session *s, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail("connect", NULL);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void make_body(struct load *l, size_t size)
{
    static const char line[] = "O swear not by the moon, the inconstant moon.\r\n";
    size_t n = 0;

    if (size > sizeof l->body - sizeof line)
        fail("SIZE", "too large");
    while (n + sizeof line - 1 <= size || n == 0) {
        memcpy(l->body + n, line, sizeof line - 1);
        n += sizeof line - 1;
    }
    l->body[n] = '\0';
}

/* Mail number n is for this user. */
static void write_to(const struct load *l, long n, char *out, size_t size)
{
    const char *mark = strchr(l->to, '#');

    snprintf(out, size, "%.*s%ld%s", (int)(mark - l->to), l->to, n % NUMBERS, mark + 1);
}

static void next_mail(struct load *l, struct session *s)
{
    char text[1024], to[256];
    int n;

    if (l->sent == l->count) {
        s->state = DONE;
        return;
    }
    s->number = l->sent++;
    write_to(l, s->number, to, sizeof to);
    n = snprintf(text, sizeof text, "MAIL FROM:<r%ld@montague.example>\r\nRCPT TO:<%s>\r\nDATA\r\n",
                 s->number % NUMBERS, to);
    if (s->number == 0)
        printf("first %" PRId64 "\n", now_ns());
    s->state = ENVELOPE;
    s->replies = 0;
    put(s, text, (size_t)n);
}

/* Of now: a mail that comes by LMTP was written a moment ago. */
static void write_date(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(out, size, "%a, %d %b %Y %H:%M:%S +0000", &tm);
}

static void send_text(struct load *l, struct session *s)
{
    char to[256], date[64];
    int n;

    write_to(l, s->number, to, sizeof to);
    write_date(date, sizeof date);
    n = snprintf(l->mail, sizeof l->mail,
                 "Received: from relay.montague.example (relay.montague.example [192.0.2.1])\r\n"
                 "\tby mx.capulet.example (Postfix) with ESMTP id %08lX\r\n"
                 "\tfor <%s>; %s (UTC)\r\n"
                 "From: Romeo Montague <r%ld@montague.example>\r\nTo: %s\r\n"
                 "Subject: The moon, number %ld\r\nDate: %s\r\n"
                 "Message-ID: <bench-%ld@montague.example>\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n\r\n%s.\r\n",
                 s->number, to, date, s->number % NUMBERS, to, s->number, date, s->number, l->body);
    s->state = ANSWER;
    put(s, l->mail, (size_t)n);
}

/* One whole reply. */
static void take(struct load *l, struct session *s, const char *line)
{
    bool is_go_on = line[0] == '3';

    if (line[0] != '2' && !is_go_on)
        fail("refused", line);
    switch (s->state) {
    case GREETING:
        s->state = HELLO;
        put(s, "LHLO mta.montague.example\r\n", 27);
        break;
    case HELLO:
        next_mail(l, s);
        break;
    case ENVELOPE:
        if (++s->replies == 3)
            send_text(l, s);
        break;
    case ANSWER:
        l->answered++;
        next_mail(l, s);
        break;
    case DONE:
        break;
    }
}

static void read_some(struct load *l, struct session *s)
{
    ssize_t n = read(s->fd, s->in + s->in_len, sizeof s->in - 1 - s->in_len);
    char *at = s->in, *end;

    if (n <= 0)
        fail("read", n == 0 ? "the server closed a session" : NULL);
    s->in_len += (size_t)n;
    s->in[s->in_len] = '\0';
    while ((end = strstr(at, "\r\n"))) {
        *end = '\0';
        if (end - at < 4 || at[3] != '-')
            take(l, s, at);
        at = end + 2;
    }
    s->in_len -= (size_t)(at - s->in);
    memmove(s->in, at, s->in_len + 1);
}

static void run(struct load *l)
{
    struct pollfd polls[SESSIONS_MAX];
    long i;

    for (i = 0; i < l->session_count; i++)
        polls[i] = (struct pollfd){.fd = l->sessions[i].fd, .events = POLLIN};
    while (l->answered < l->count) {
        if (poll(polls, (nfds_t)l->session_count, -1) < 0)
            fail("poll", NULL);
        for (i = 0; i < l->session_count; i++)
            if (polls[i].revents)
                read_some(l, &l->sessions[i]);
    }
    printf("answered %" PRId64 "\n", now_ns());
}

int main(int argc, char **argv)
{
    struct load *l = calloc(1, sizeof *l);
    long i;

    if (argc != 6 || !l || !strchr(argv[5], '#')) {
        fprintf(stderr, "lmtp_load PORT SESSIONS COUNT SIZE TO\n");
        return 64;
    }
    l->session_count = atol(argv[2]);
    l->count = atol(argv[3]);
    l->to = argv[5];
    if (l->session_count < 1 || l->session_count > SESSIONS_MAX)
        fail("SESSIONS", "1 to 256");
    l->sessions = calloc((size_t)l->session_count, sizeof *l->sessions);
    if (!l->sessions)
        fail("memory", NULL);
    make_body(l, (size_t)atol(argv[4]));
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (i = 0; i < l->session_count; i++)
        open_session(&l->sessions[i], atoi(argv[1]));
    run(l);
    free(l->sessions);
    free(l);
    return 0;
}
