/*
 * IMAP, the whole session: a server that answers each line with the next piece of the input, in
 * which %T is the tag of the command.  Pieces are parted by a line "%%".  It connects, logs in,
 * selects, fetches, marks, waits; whatever it is told, each call returns, and what it calls a mail
 * is one.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "mail/imap/imap_errand.h"
#include "mail/imap/imap_session.h"
#include "tests/fuzz/fuzz.h"

/* libetpan 1.9.4 forgets a greeting that is a BYE: 42 bytes for each connection refused so. */
const char *__lsan_default_suppressions(void); // NOLINT
const char *__lsan_default_suppressions(void)  // NOLINT
{
    return "leak:libetpan.so";
}

struct server {
    int listener;
    unsigned port;
    const char *text;
    size_t len;
};

static void say(int fd, const char *piece, size_t len, const char *tag)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (piece[i] == '%' && i + 1 < len && piece[i + 1] == 'T') {
            (void)!send(fd, tag, strlen(tag), MSG_NOSIGNAL);
            i++;
        } else if (send(fd, piece + i, 1, MSG_NOSIGNAL) < 0) {
            return;
        }
    }
}

/* The next line's first word; false: the client has gone. */
static bool hear(int fd, char *tag, size_t size)
{
    size_t n = 0;
    bool is_word = true;
    char c;

    while (recv(fd, &c, 1, 0) == 1) {
        if (c == '\n')
            return true;
        is_word = is_word && c != ' ' && c != '\r';
        if (is_word && n + 1 < size) {
            tag[n++] = c;
            tag[n] = '\0';
        }
    }
    return false;
}

static void *serve(void *arg)
{
    const struct server *s = arg;
    const char *at = s->text, *end = s->text + s->len;
    int fd = accept(s->listener, NULL, NULL);
    char tag[32] = "*";
    int on = 1;

    /* It sends byte by byte: without this the client would have given up before the second one. */
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (fd >= 0 && at <= end) {
        const char *next = at;

        while (next < end && !(end - next >= 3 && memcmp(next, "%%\n", 3) == 0))
            next++;
        say(fd, at, (size_t)(next - at), tag);
        at = next + 3;
        if (at > end || !hear(fd, tag, sizeof tag))
            break;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

static int listen_on(unsigned *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof a;

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        abort();
    *port = ntohs(a.sin_port);
    return fd;
}

/* What a user's own mailbox is asked for beside its mails. */
static void run_errands(struct imap_session *s)
{
    static const char message[] = "Message-ID: <1@a.example>\r\n\r\nbody\r\n";
    struct imap_errand errands[] = {
        {.kind = IMAP_ERRAND_FLAG, .flags = 7, .uidvalidity = 7, .uid = 2, .message_id = "<1@a>"},
        {.kind = IMAP_ERRAND_APPEND,
         .flags = 1,
         .message = message,
         .message_len = sizeof message - 1,
         .message_id = "<1@a.example>",
         .may_exist = true},
        {.kind = IMAP_ERRAND_APPEND, .message = message, .message_len = sizeof message - 1}};
    uint32_t uid;
    struct err e;
    size_t i;

    (void)!imap_session_find_end(s, &uid, &e);
    for (i = 0; i < 3 && !imap_session_is_broken(s); i++) {
        imap_errand_run(s, &errands[i]);
        HOLDS(errands[i].outcome == IMAP_ERRAND_DONE ? errands[i].e.class == ERR_NONE
                                                     : errands[i].e.text[0] != '\0');
        HOLDS(!imap_session_is_broken(s) || errands[i].outcome == IMAP_ERRAND_RETRY ||
              errands[i].outcome == IMAP_ERRAND_DONE);
    }
}

static void work(struct imap_session *s)
{
    const struct imap_want want = {
        .from = 1, .mails_max = 10, .bytes_max = 100000, .may_exceed = true, .size_max = 50000};
    static const uint32_t uids[] = {1, 2, 7};
    struct imap_batch batch;
    struct err e;
    size_t i;

    imap_batch_init(&batch);
    (void)!imap_session_fetch(s, &want, &batch, &e);
    for (i = 0; i < batch.count; i++) {
        HOLDS(batch.items[i].uid > 0 && (i == 0 || batch.items[i].uid > batch.items[i - 1].uid));
        HOLDS(batch.items[i].len <= 100000);
    }
    imap_batch_clear(&batch);
    if (!imap_session_is_broken(s))
        (void)!imap_session_mark(s, uids, 3, &e);
    if (!imap_session_is_broken(s))
        (void)!imap_session_flag(s, 2, 1, &e);
    if (!imap_session_is_broken(s))
        (void)!imap_session_noop(s, &e);
    if (!imap_session_is_broken(s) && imap_session_has_idle(s) && imap_session_idle(s, &e) == 0 &&
        imap_session_idle_peek(s, &e) == 0)
        (void)!imap_session_idle_end(s, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct imap_stream_terms terms = {.connect_ms = 500, .read_ms = 20};
    struct server server = {.text = (const char *)data, .len = size};
    struct conf_mailbox mailbox = {
        .name = "fuzz",
        .server = {.host = "127.0.0.1", .user = "u", .password = "p", .ca_file = ""},
        .folder = "INBOX",
        .address = "",
        .done = size % 2 ? "seen" : "Done"};
    enum imap_fault fault;
    struct imap_cancel cancel;
    struct imap_session *s;
    pthread_t thread;
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    mailbox.server.token = size % 16 == 11 ? "token" : NULL;
    if (size > 20000 || imap_cancel_init(&cancel, &e) < 0)
        return 0;
    server.listener = listen_on(&server.port);
    mailbox.server.port = server.port;
    if (pthread_create(&thread, NULL, serve, &server) != 0)
        abort();
    s = imap_session_open(&mailbox, &cancel, &terms, &fault, &e);
    HOLDS(s || e.text[0]);
    if (s && size % 4 == 3)
        run_errands(s);
    if (s && !imap_session_is_broken(s))
        work(s);
    imap_session_close(s, false);
    shutdown(server.listener, SHUT_RDWR); /* it may not have been called at all */
    pthread_join(thread, NULL);
    close(server.listener);
    imap_cancel_clear(&cancel);
    return 0;
}
