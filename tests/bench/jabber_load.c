/*
 * jabber_load: a component (XEP-0114) for measuring: sends messages, counts those that arrive.
 *
 *     jabber_load PORT JID SECRET send COUNT SIZE RATE TO   RATE a second, 0: as fast as it goes;
 *                                                           the # in TO becomes a number
 *     jabber_load PORT JID SECRET copy COUNT FILE           the stanza in FILE again and again
 *     jabber_load PORT JID SECRET count COUNT
 *     jabber_load PORT JID SECRET stamps COUNT              says more of each
 *
 * Says on standard output, with CLOCK_MONOTONIC in nanoseconds: "up", "first T", "sent T",
 * "count N T" when COUNT messages have arrived, "m ARRIVED SENT" for each whose body carries a
 * stamp (t=NS;), and "errors N" at the end.  Ends when standard input does.  One process, one
 * thread; its buffers are of fixed size; the peer is a server of ours, so what it says is not
 * mistrusted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_SIZE = 1 << 20, OUT_SIZE = 1 << 18, STANZA_MAX = 1 << 16, NUMBERS = 100, PING_MS = 500 };

struct load {
    int fd;
    const char *jid, *to;
    char in[IN_SIZE];
    size_t in_len;
    char out[OUT_SIZE];
    size_t out_len, out_at;
    char *body, *stanza; /* what is sent: a message with this body, or just this */
    long count, sent, arrived, errors;
    long rate;
    int64_t first_ns;
    bool is_sender, has_said_sent, has_stamps, is_counted;
};

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "jabber_load: %s: %s\n", what, errno ? strerror(errno) : "");
    exit(1);
}

static void read_more(struct load *l)
{
    ssize_t n = read(l->fd, l->in + l->in_len, sizeof l->in - 1 - l->in_len);

    if (n == 0) {
        errno = 0;
        fail("the server closed the stream");
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        fail("read");
    if (n > 0)
        l->in_len += (size_t)n;
    l->in[l->in_len] = '\0';
}

static void write_all(struct load *l, const char *text)
{
    size_t len = strlen(text);

    if (write(l->fd, text, len) != (ssize_t)len)
        fail("write");
}

/* Blocks until the text has come, and drops what came before its end. */
static void wait_for(struct load *l, const char *text)
{
    while (!strstr(l->in, text))
        read_more(l);
}

/* ---- the stream ---- */

static void open_socket(struct load *l, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail("connect");
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void find_stream_id(struct load *l, char *id, size_t size)
{
    const char *tag, *at;
    size_t n;

    wait_for(l, "<stream:stream");
    tag = strstr(l->in, "<stream:stream");
    while (!strchr(tag, '>'))
        read_more(l);
    at = strstr(tag, " id=");
    if (!at)
        fail("the stream has no id");
    n = strcspn(at + 5, "'\"");
    if (n >= size)
        fail("the stream's id is too long");
    memcpy(id, at + 5, n);
    id[n] = '\0';
}

static void shake_hands(struct load *l, const char *secret)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    char text[1024], id[512];
    size_t i;

    snprintf(text, sizeof text,
             "<stream:stream xmlns='jabber:component:accept' "
             "xmlns:stream='http://etherx.jabber.org/streams' to='%s'>",
             l->jid);
    write_all(l, text);
    find_stream_id(l, id, sizeof id);
    l->in_len = 0;
    l->in[0] = '\0';
    snprintf(text, sizeof text, "%s%s", id, secret);
    SHA1((const unsigned char *)text, strlen(text), digest);
    strcpy(text, "<handshake>");
    for (i = 0; i < sizeof digest; i++)
        sprintf(text + strlen(text), "%02x", digest[i]);
    strcat(text, "</handshake>");
    write_all(l, text);
    wait_for(l, "handshake");
}

/* A host may lose what is sent before it has answered once. */
static void ping(struct load *l)
{
    const char *domain = strchr(l->jid, '.');
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    char text[512];

    snprintf(text, sizeof text,
             "<iq type='get' id='bench-ping' from='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
             l->jid, domain ? domain + 1 : l->jid);
    write_all(l, text);
    while (!strstr(l->in, "bench-ping")) {
        if (poll(&p, 1, PING_MS) == 0)
            write_all(l, text);
        else
            read_more(l);
    }
}

/* ---- messages ---- */

static void make_body(struct load *l, size_t size)
{
    static const char words[] = "wherefore art thou ";
    size_t i;

    l->body = malloc(size + 1);
    if (!l->body || size > STANZA_MAX / 2)
        fail("size");
    for (i = 0; i < size; i++)
        l->body[i] = words[i % (sizeof words - 1)];
    if (size > 0)
        l->body[size - 1] = '!';
    l->body[size] = '\0';
}

static void read_stanza(struct load *l, const char *name)
{
    FILE *in = fopen(name, "r");
    size_t n;

    l->stanza = calloc(1, STANZA_MAX);
    if (!in || !l->stanza)
        fail(name);
    n = fread(l->stanza, 1, STANZA_MAX - 1, in);
    fclose(in);
    if (n == 0 || n > STANZA_MAX / 2)
        fail("a stanza of that size");
}

/* Its length. */
static size_t write_message(const struct load *l, char *out)
{
    char stamp[32];
    const char *mark = strchr(l->to, '#');
    int head = (int)(mark - l->to);
    int n = snprintf(stamp, sizeof stamp, "t=%" PRId64 ";", now_ns());

    if (n > (int)strlen(l->body))
        n = (int)strlen(l->body);
    return (size_t)snprintf(
        out, STANZA_MAX,
        "<message from='u%ld@%s/bench' to='%.*s%ld%s' id='bench-%ld' type='chat'><body>%.*s%s"
        "</body></message>",
        l->sent % NUMBERS, l->jid, head, l->to, l->sent / 7 % NUMBERS, mark + 1, l->sent, n, stamp,
        l->body + n);
}

static void add_stanza(struct load *l)
{
    char *out = l->out + l->out_len;

    l->out_len += l->stanza ? strlen(strcpy(out, l->stanza)) : write_message(l, out);
    if (l->sent == 0) {
        l->first_ns = now_ns();
        printf("first %" PRId64 "\n", l->first_ns);
    }
    l->sent++;
}

/* When the next message is to be sent. */
static int64_t due_ns(const struct load *l)
{
    return l->rate == 0 || l->sent == 0 ? 0 : l->first_ns + l->sent * 1000000000 / l->rate;
}

static void fill(struct load *l)
{
    if (l->out_at == l->out_len)
        l->out_at = l->out_len = 0;
    while (l->sent < l->count && sizeof l->out - l->out_len > STANZA_MAX && due_ns(l) <= now_ns())
        add_stanza(l);
}

static void flush_out(struct load *l)
{
    while (l->out_at < l->out_len) {
        ssize_t n = write(l->fd, l->out + l->out_at, l->out_len - l->out_at);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            fail("write");
        l->out_at += (size_t)n;
    }
    if (l->sent == l->count && !l->has_said_sent) {
        l->has_said_sent = true;
        printf("sent %" PRId64 "\n", now_ns());
    }
}

/* A whole message between its tags. */
static void take(struct load *l, char *start, char *end)
{
    char *tag_end = memchr(start, '>', (size_t)(end - start)), *stamp;

    *tag_end = *end = '\0';
    if (strstr(start, "type='error'") || strstr(start, "type=\"error\"")) {
        l->errors++;
        return;
    }
    l->arrived++;
    stamp = strstr(tag_end + 1, "t=");
    if (stamp && l->has_stamps && strchr(stamp, ';'))
        printf("m %" PRId64 " %s\n", now_ns(), strtok(stamp + 2, ";"));
}

static void take_all(struct load *l)
{
    char *at = l->in, *start, *end;
    size_t rest;

    while ((start = strstr(at, "<message")) && (end = strstr(start, "</message>"))) {
        at = end + sizeof "</message>" - 1;
        take(l, start, end);
    }
    start = strstr(at, "<message");
    rest = start ? l->in_len - (size_t)(start - l->in) : 0;
    if (!start) { /* the beginning of a tag may be there */
        rest = l->in_len - (size_t)(at - l->in);
        rest = rest < sizeof "<message" ? rest : sizeof "<message" - 1;
    }
    memmove(l->in, l->in + l->in_len - rest, rest);
    l->in_len = rest;
    l->in[rest] = '\0';
    if (!l->is_sender && !l->is_counted && l->arrived >= l->count) {
        l->is_counted = true;
        printf("count %ld %" PRId64 "\n", l->arrived, now_ns());
    }
}

static int wait_ms(const struct load *l)
{
    int64_t wait;

    if (!l->is_sender || l->sent == l->count || l->rate == 0)
        return -1;
    wait = due_ns(l) - now_ns();
    return wait <= 0 ? 0 : (int)(wait / 1000000) + 1;
}

static void run(struct load *l)
{
    struct pollfd p[2] = {{.fd = l->fd}, {.fd = STDIN_FILENO, .events = POLLIN}};

    fcntl(l->fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        if (l->is_sender) {
            fill(l);
            flush_out(l);
        }
        p[0].events = POLLIN;
        if (l->out_at < l->out_len || (l->is_sender && l->rate == 0 && l->sent < l->count))
            p[0].events |= POLLOUT;
        if (poll(p, 2, wait_ms(l)) < 0 && errno != EINTR)
            fail("poll");
        if (p[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            read_more(l);
            take_all(l);
        }
        if (p[1].revents)
            break; /* nobody ever writes to us: it is closed */
    }
    printf("errors %ld\n", l->errors);
}

int main(int argc, char **argv)
{
    bool is_copier = argc == 7 && strcmp(argv[4], "copy") == 0;
    struct load *l = calloc(1, sizeof *l);

    if (!l)
        fail("memory");
    l->is_sender = argc == 9 && strcmp(argv[4], "send") == 0;
    l->has_stamps = argc == 6 && strcmp(argv[4], "stamps") == 0;
    if (!l->is_sender && !is_copier && !l->has_stamps &&
        !(argc == 6 && strcmp(argv[4], "count") == 0)) {
        fprintf(stderr, "jabber_load PORT JID SECRET send COUNT SIZE RATE TO | copy COUNT FILE | "
                        "count COUNT | stamps COUNT\n");
        return 64;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    l->jid = argv[2];
    l->count = atol(argv[5]);
    if (l->is_sender) {
        make_body(l, (size_t)atol(argv[6]));
        l->rate = atol(argv[7]);
        l->to = argv[8];
        if (!strchr(l->to, '#'))
            fail("TO has no #");
    }
    if (is_copier) {
        read_stanza(l, argv[6]);
        l->is_sender = true;
    }
    open_socket(l, atoi(argv[1]));
    shake_hands(l, argv[3]);
    ping(l);
    l->in_len = 0;
    l->in[0] = '\0';
    printf("up\n");
    run(l);
    free(l->body);
    free(l->stanza);
    free(l);
    return 0;
}
