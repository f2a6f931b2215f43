/*
 * imap_read: reads every mail of a mailbox once, in ranges, and throws it away: what an IMAP server
 * can give at most.
 *
 *     imap_read PORT USER PASSWORD RANGE [mark]
 *
 * With "mark" each range is marked as read once it is there, as a client does that takes mail over.
 * Says "read MAILS BYTES NANOSECONDS", from the first FETCH to the last answer.  One thread, one
 * buffer; the server is ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_ = 8192 };

struct reader {
    int fd;
    char buf[1 << 18];
    size_t at, len;
    long exists, mails;
    int64_t bytes;
};

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "imap_read: %s: %s\n", what, errno ? strerror(errno) : "");
    exit(1);
}

static void fill(struct reader *r)
{
    ssize_t n = read(r->fd, r->buf, sizeof r->buf);

    if (n <= 0)
        fail("read");
    r->at = 0;
    r->len = (size_t)n;
}

static void read_line(struct reader *r, char *line)
{
    size_t n = 0;
    char c;

    do {
        if (r->at == r->len)
            fill(r);
        c = r->buf[r->at++];
        if (n == LINE_MAX_ - 1)
            fail("a long line");
        line[n++] = c;
    } while (c != '\n');
    line[n] = '\0';
}

static void skip(struct reader *r, size_t n)
{
    r->bytes += (int64_t)n;
    while (n > 0) {
        size_t part;

        if (r->at == r->len)
            fill(r);
        part = r->len - r->at < n ? r->len - r->at : n;
        r->at += part;
        n -= part;
    }
}

/* Sends a command and reads until its tagged answer. */
static void command(struct reader *r, const char *text)
{
    char line[LINE_MAX_];
    const char *brace;

    if (write(r->fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail("write");
    for (;;) {
        read_line(r, line);
        if (strncmp(line, "a ", 2) == 0)
            break;
        if (strncmp(line, "* ", 2) == 0 && strstr(line, " EXISTS"))
            r->exists = atol(line + 2);
        brace = strrchr(line, '{');
        if (brace && strcmp(brace + strcspn(brace, "}"), "}\r\n") == 0) {
            skip(r, (size_t)atol(brace + 1));
            r->mails++;
        }
    }
    if (strncmp(line, "a OK", 4) != 0) {
        errno = 0;
        fail(line);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct reader *r = calloc(1, sizeof *r);
    char text[LINE_MAX_];
    int64_t start;
    long first, range;
    int one = 1;

    if (!r || (argc != 5 && argc != 6))
        fail("imap_read PORT USER PASSWORD RANGE [mark]");
    range = atol(argv[4]);
    to.sin_port = htons((uint16_t)atoi(argv[1]));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail("connect");
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    snprintf(text, sizeof text, "a LOGIN %s %s\r\n", argv[2], argv[3]);
    command(r, text);
    command(r, "a SELECT INBOX\r\n");
    r->mails = 0;
    start = now_ns();
    for (first = 1; first <= r->exists; first += range) {
        snprintf(text, sizeof text, "a FETCH %ld:%ld (UID FLAGS RFC822.SIZE BODY.PEEK[])\r\n",
                 first, first + range - 1 < r->exists ? first + range - 1 : r->exists);
        command(r, text);
        if (argc == 6) {
            snprintf(text, sizeof text, "a STORE %ld:%ld +FLAGS.SILENT (\\Seen)\r\n", first,
                     first + range - 1 < r->exists ? first + range - 1 : r->exists);
            command(r, text);
        }
    }
    printf("read %ld %" PRId64 " %" PRId64 "\n", r->mails, r->bytes, now_ns() - start);
    close(r->fd);
    free(r);
    return 0;
}
