/*
 * test_send: the sender against scripted servers: messages and envelopes to the byte, the socket,
 * the pool, and what is said before anything is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/fake/port.h"
#include "tests/fake/send_stage.h"

/* ---- the message ---- */

/* A message of about `size` bytes in which many lines start with dots. */
static char *dotty_message(size_t size, size_t *len_out)
{
    static const char *const lines[] = {
        ".\r\n",  "..\r\n", ".a\r\n",   "\r\n",
        "a.\r\n", ". \r\n", "QUIT\r\n", "0123456789012345678901234567890123456789\r\n"};
    char *m = malloc(size + 2048);
    size_t len, i = 0;

    if (!m)
        abort();
    len = (size_t)sprintf(m, "%s.X: dot\r\n Subject: folded\r\n\t.more\r\n\r\n", MESSAGE_HEAD);
    /* One line as long as may be. */
    memset(m + len, 'x', 998);
    len += 998;
    len += (size_t)sprintf(m + len, "\r\n");
    while (len < size)
        len += (size_t)sprintf(m + len, "%s", lines[i++ % 8]);
    *len_out = len;
    return m;
}

static void test_messages_arrive_to_the_byte(void **state)
{
    static const size_t sizes[] = {1000, 2047, 2048, 2049, 3000, 4096, 100000, 5000000};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    static const char *const extensions[] = {NULL, ""};
    struct mailing *letters[SIZES];
    const struct fake_smtp_mail *got;
    char *messages[SIZES];
    struct stage s;
    size_t lens[SIZES], i, k;

    (void)state;
    for (k = 0; k < 2; k++) {
        stage_open(&s, NULL, extensions[k], 1);
        for (i = 0; i < SIZES; i++) {
            messages[i] = dotty_message(sizes[i], &lens[i]);
            mailing_submit(letters[i] = mailing_new(&s, messages[i], lens[i], 1));
        }
        stage_run(&s);
        fake_smtp_stop(s.fake);
        for (i = 0; i < SIZES; i++) {
            mailing_assert_delivered(letters[i]);
            got = fake_smtp_mail(s.fake, i);
            assert_non_null(got);
            assert_int_equal(got->len, lens[i]);
            assert_memory_equal(got->data, messages[i], lens[i]);
            free(messages[i]);
            free(letters[i]);
        }
        stage_close(&s);
    }
}

static void test_envelope(void **state)
{
    struct mailing *l, *null_path;
    struct stage s;
    char size[40];

    (void)state;
    stage_open(&s, NULL, NULL, 1);
    l = mailing_new(&s, MESSAGE, strlen(MESSAGE), STAGE_RECIPIENTS_MAX);
    l->recipients[99].address = "\"a\\\"b\"%x=y+z/!#$@last.example";
    null_path = mailing_simple(&s);
    null_path->job.reverse_path = "";
    mailing_submit(l);
    mailing_submit(null_path);
    stage_run(&s);
    fake_smtp_stop(s.fake);
    mailing_assert_delivered(l);
    mailing_assert_delivered(null_path);
    snprintf(size, sizeof size, "<bounce@gw.example> SIZE=%zu", strlen(MESSAGE));
    assert_string_equal(fake_smtp_mail(s.fake, 0)->from + strlen("MAIL FROM:"), size);
    assert_non_null(strstr(fake_smtp_mail(s.fake, 0)->recipients,
                           "RCPT TO:<\"a\\\"b\"%x=y+z/!#$@last.example>\n"));
    assert_int_equal(strncmp(fake_smtp_mail(s.fake, 1)->from, "MAIL FROM:<>", 12), 0);
    assert_int_equal(fake_smtp_count(s.fake, "RCPT"), STAGE_RECIPIENTS_MAX + 1);
    stage_close(&s);
    free(l);
    free(null_path);
}

/* RFC 3461 §4, and DELIVERBY (RFC 2852), which is offered and not used for a mail without a
 * deadline.
 */
static void test_reports_are_asked_for(void **state)
{
    static char longest[255], id[100];
    bool is_own = stage_engine() == CONF_ENGINE_OWN;
    struct mailing *l, *plain, *wide;
    struct stage s;

    (void)state;
    stage_open(&s, NULL, "PIPELINING\nSIZE\nDSN\nDELIVERBY 60\n", 1);
    l = mailing_new(&s, MESSAGE, strlen(MESSAGE), 4);
    l->job.envelope_id = "1p401fe4j4cjb";
    l->recipients[0].address = "a+b=c@x.example";
    l->recipients[0].notify = SEND_NOTIFY_SUCCESS | SEND_NOTIFY_FAILURE | SEND_NOTIFY_DELAY;
    l->recipients[1].address = "d@x.example";
    l->recipients[1].notify = SEND_NOTIFY_FAILURE;
    l->recipients[2].notify = SEND_NOTIFY_NEVER;
    memset(longest, '+', 254);
    memcpy(longest + 240, "@x.example", 10);
    longest[250] = '\0';
    l->recipients[3].address = longest;
    plain = mailing_simple(&s);
    plain->recipients[0].notify = SEND_NOTIFY_FAILURE;
    wide = mailing_simple(&s);
    memset(id, '+', sizeof id - 1);
    wide->job.envelope_id = id;
    mailing_submit(l);
    mailing_submit(plain);
    mailing_submit(wide);
    stage_run(&s);
    fake_smtp_stop(s.fake);
    mailing_assert_delivered(l);
    mailing_assert_delivered(wide);
    assert_true(l->job.has_dsn && plain->job.has_dsn);
    assert_non_null(strstr(fake_smtp_mail(s.fake, 0)->from, " RET=HDRS ENVID=1p401fe4j4cjb"));
    assert_non_null(strstr(fake_smtp_mail(s.fake, 0)->recipients,
                           "RCPT TO:<a+b=c@x.example> NOTIFY=SUCCESS,FAILURE,DELAY "
                           "ORCPT=rfc822;a+2Bb+3Dc@x.example\n"
                           "RCPT TO:<d@x.example> NOTIFY=FAILURE ORCPT=rfc822;d@x.example\n"));
    assert_non_null(strstr(fake_smtp_mail(s.fake, 0)->recipients, " NOTIFY=NEVER ORCPT="));
    /* libesmtp cannot write so long an ORCPT or ENVID. */
    assert_int_equal(strstr(fake_smtp_mail(s.fake, 0)->recipients, "+@x.example>\n") != NULL,
                     !is_own);
    assert_int_equal(
        strstr(fake_smtp_mail(s.fake, 0)->recipients, "ORCPT=rfc822;+2B+2B+2B") != NULL, is_own);
    assert_null(strstr(fake_smtp_mail(s.fake, 1)->from, "ENVID"));
    assert_null(strstr(fake_smtp_mail(s.fake, 1)->from, "RET"));
    assert_non_null(strstr(fake_smtp_mail(s.fake, 1)->recipients, "> NOTIFY=FAILURE\n"));
    assert_int_equal(strstr(fake_smtp_mail(s.fake, 2)->from, "ENVID=+2B+2B") != NULL, is_own);
    assert_null(strstr(fake_smtp_mail(s.fake, 0)->from, "BY="));
    stage_close(&s);
    free(l);
    free(plain);
    free(wide);
}

static void test_reports_that_nobody_offers_are_not_asked_for(void **state)
{
    static const char *const offers[] = {"SIZE\n", "XDSN\nDSNX\nSIZE\n", "dsn \nSIZE\n"};
    struct mailing *l;
    struct stage s;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        stage_open(&s, NULL, offers[i], 1);
        l = mailing_simple(&s);
        l->job.envelope_id = "x";
        l->recipients[0].notify = SEND_NOTIFY_SUCCESS;
        mailing_submit(l);
        stage_run(&s);
        fake_smtp_stop(s.fake);
        mailing_assert_delivered(l);
        assert_int_equal(l->job.has_dsn, i == 2);
        assert_int_equal(strstr(fake_smtp_mail(s.fake, 0)->from, "ENVID") != NULL, i == 2);
        assert_int_equal(strstr(fake_smtp_mail(s.fake, 0)->recipients, "NOTIFY") != NULL, i == 2);
        stage_close(&s);
        free(l);
    }
}

static void test_what_is_not_fit_is_not_sent(void **state)
{
    static const char bare[] = MESSAGE_HEAD "\r\na\n.\r\nMAIL FROM:<x@y>\r\n";
    struct mailing *l, *whole, *reverse;
    struct stage s;

    (void)state;
    stage_open(&s, NULL, NULL, 1);
    l = mailing_new(&s, MESSAGE, strlen(MESSAGE), 3);
    l->recipients[0].address = "a@b>\r\nRCPT TO:<evil@x.example";
    l->recipients[2].address = "j\xc3\xbcrgen@x.example";
    whole = mailing_new(&s, bare, sizeof bare - 1, 2);
    reverse = mailing_simple(&s);
    reverse->job.reverse_path = "a b@x.example";
    mailing_submit(l);
    mailing_submit(whole);
    mailing_submit(reverse);
    stage_run(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_UNSENT);
    assert_int_equal(l->recipients[0].code, 553);
    assert_string_equal(l->recipients[0].enhanced, "5.1.3");
    assert_int_equal(l->recipients[1].trouble, SEND_ANSWERED);
    assert_int_equal(l->recipients[1].code, 250);
    assert_int_equal(l->recipients[2].trouble, SEND_UNSENT);
    assert_string_equal(l->recipients[2].enhanced, "5.6.7");
    assert_int_equal(whole->recipients[1].trouble, SEND_UNSENT);
    assert_string_equal(whole->recipients[1].enhanced, "5.6.0");
    assert_int_equal(reverse->recipients[0].trouble, SEND_UNSENT);
    assert_string_equal(reverse->recipients[0].enhanced, "5.1.7");
    assert_int_equal(fake_smtp_count(s.fake, "MAIL"), 1);
    assert_int_equal(fake_smtp_count(s.fake, "RCPT"), 1);
    stage_close(&s);
    free(l);
    free(whole);
    free(reverse);
}

/* ---- the socket ---- */

/* Our end of the connection to the port; -1: there is none. */
static int find_descriptor(unsigned port)
{
    struct sockaddr_in peer;
    socklen_t len;
    int fd;

    for (fd = 0; fd < 1024; fd++) {
        len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            return fd;
    }
    return -1;
}

static unsigned count_descriptors(void)
{
    unsigned n = 0;
    int fd;

    for (fd = 0; fd < 1024; fd++)
        if (lseek(fd, 0, SEEK_CUR) >= 0 || dup2(fd, fd) >= 0)
            n++;
    return n;
}

static void test_socket(void **state)
{
    struct stage s;
    struct mailing *l;
    int fd, value = 0;
    socklen_t len = sizeof value;

    (void)state;
    stage_open(&s, NULL, NULL, 1);
    l = mailing_simple(&s);
    mailing_submit(l);
    stage_run(&s);
    mailing_assert_delivered(l);
    fd = find_descriptor(fake_smtp_port(s.fake));
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_true(value);
    stage_close(&s);
    free(l);
}

static void test_no_descriptor_is_lost(void **state)
{
    static const struct fake_smtp_rule rules[] = {
        {"MAIL", NULL, 2, 0, "", FAKE_CLOSE, 0, 0},
        {"RCPT", NULL, 4, 0, "550 no\r\n", FAKE_GO_ON, 0, 0},
        {"GREETING", NULL, 5, 0, "421 no\r\n", FAKE_CLOSE, 0, 0},
        {"END", NULL, 6, 0, "", FAKE_RESET, 0, 0},
        {"QUIT", NULL, 0, 0, "", FAKE_CLOSE, 0, 0},
        {0}};
    unsigned before = count_descriptors();
    struct mailing *letters[40];
    struct stage s;
    size_t i;

    (void)state;
    stage_open(&s, rules, NULL, 3);
    for (i = 0; i < 40; i++)
        mailing_submit(letters[i] = mailing_simple(&s));
    stage_run(&s);
    for (i = 0; i < 40; i++) {
        assert_int_equal(letters[i]->done, 1);
        free(letters[i]);
    }
    stage_close(&s);
    assert_int_equal(count_descriptors(), before);
}

static void test_connection_refused(void **state)
{
    struct send_settings settings;
    struct err e = {0};
    struct stage s;
    struct mailing *l;

    (void)state;
    stage_open(&s, NULL, NULL, 1);
    sender_free(s.sender);
    settings = stage_settings(fake_port(), 1); /* nobody listens there */
    s.sender = sender_new(s.loop, &settings, &e);
    assert_non_null(s.sender);
    l = mailing_new(&s, MESSAGE, strlen(MESSAGE), 2);
    mailing_submit(l);
    stage_run(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_CONNECT);
    assert_int_equal(l->recipients[1].trouble, SEND_CONNECT);
    assert_non_null(strstr(l->recipients[1].text, "refused"));
    stage_close(&s);
    free(l);
}

static void test_connecting_takes_too_long(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fill[8];
    socklen_t len = sizeof a;
    struct send_settings settings;
    struct err e = {0};
    struct stage s;
    struct mailing *l;
    int64_t start_ms;
    size_t i;

    (void)state;
    /* A listener whose queue is full drops what comes. */
    assert_int_equal(bind(listener, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    for (i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (const struct sockaddr *)&a, sizeof a);
    }
    stage_open(&s, NULL, NULL, 1);
    sender_free(s.sender);
    settings = stage_settings(ntohs(a.sin_port), 1);
    s.sender = sender_new(s.loop, &settings, &e);
    assert_non_null(s.sender);
    l = mailing_simple(&s);
    start_ms = clock_mono_ms(&clock_system);
    mailing_submit(l);
    stage_run(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_TIMEOUT);
    assert_true(clock_mono_ms(&clock_system) - start_ms >= 900);
    stage_close(&s);
    free(l);
    for (i = 0; i < 8; i++)
        close(fill[i]);
    close(listener);
}

static void test_server_stops_reading(void **state)
{
    static const struct fake_smtp_rule rules[] = {
        {"DATA", NULL, 1, 0, "354 go\r\n", FAKE_HANG, 0, 0}, {0}};
    struct stage s;
    struct mailing *l;
    size_t len;
    char *message = dotty_message(20000000, &len);

    (void)state;
    stage_open(&s, rules, STAGE_NO_CHUNKING, 1);
    l = mailing_new(&s, message, len, 1);
    l->then = mailing_simple(&s);
    mailing_submit(l);
    stage_run(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_TIMEOUT);
    assert_non_null(strstr(l->recipients[0].text, "stopped reading"));
    mailing_assert_delivered(l->then);
    stage_close(&s);
    free(l->then);
    free(l);
    free(message);
}

/* ---- the pool ---- */

static void test_many_jobs_on_few_connections(void **state)
{
    enum { MAILS = 600, CONNECTIONS = 3 };
    static struct mailing *letters[MAILS];
    static char messages[MAILS][400];
    static const struct fake_smtp_rule rules[] = {{"END", NULL, 0, 0, NULL, FAKE_GO_ON, 1, 0}, {0}};
    static unsigned seen[MAILS];
    const struct fake_smtp_mail *got;
    struct stage s;
    unsigned number;
    size_t i;

    (void)state;
    memset(seen, 0, sizeof seen);
    stage_open(&s, rules, NULL, CONNECTIONS);
    for (i = 0; i < MAILS; i++) {
        snprintf(messages[i], sizeof messages[i], "X-Number: %zu\r\n%s", i, MESSAGE);
        mailing_submit(letters[i] = mailing_new(&s, messages[i], strlen(messages[i]), 1));
    }
    stage_run(&s);
    fake_smtp_stop(s.fake);
    assert_true(fake_smtp_most_at_once(s.fake) <= CONNECTIONS);
    assert_int_equal(fake_smtp_mail_count(s.fake), MAILS);
    for (i = 0; i < MAILS; i++) {
        got = fake_smtp_mail(s.fake, i);
        assert_int_equal(sscanf(got->data, "X-Number: %u", &number), 1);
        assert_true(number < MAILS);
        assert_int_equal(++seen[number], 1);
        assert_int_equal(got->len, strlen(messages[number]));
        assert_memory_equal(got->data, messages[number], got->len);
        mailing_assert_delivered(letters[i]);
    }
    stage_close(&s);
    for (i = 0; i < MAILS; i++)
        free(letters[i]);
}

static void test_full_queue_refuses(void **state)
{
    static const struct fake_smtp_rule rules[] = {{"GREETING", NULL, 0, 0, "", FAKE_HANG, 0, 0},
                                                  {0}};
    struct send_settings settings;
    struct mailing *letters[8];
    struct err e = {0};
    struct stage s;
    bool is_taken[8];
    unsigned taken = 0;
    size_t i;

    (void)state;
    stage_open(&s, rules, NULL, 1);
    sender_free(s.sender);
    settings = stage_settings(fake_smtp_port(s.fake), 1);
    settings.waiting_max = 3;
    s.sender = sender_new(s.loop, &settings, &e);
    assert_non_null(s.sender);
    for (i = 0; i < 8; i++) {
        letters[i] = mailing_simple(&s);
        is_taken[i] = sender_submit(s.sender, &letters[i]->job) == 0;
        taken += is_taken[i];
    }
    /* Three wait, one more may be with the worker already. */
    assert_true(taken == 3 || taken == 4);
    sender_free(s.sender);
    s.sender = NULL;
    for (i = 0; i < 8; i++) {
        assert_int_equal(letters[i]->done, is_taken[i]);
        if (is_taken[i])
            assert_int_not_equal(letters[i]->recipients[0].trouble, SEND_ANSWERED);
        free(letters[i]);
    }
    stage_close(&s);
}

static void test_stop_while_busy(void **state)
{
    static const struct fake_smtp_rule rules[] = {{"RCPT", "two@", 0, 0, "", FAKE_HANG, 0, 0},
                                                  {"END", NULL, 0, 0, NULL, FAKE_GO_ON, 300, 0},
                                                  {0}};
    struct mailing *slow, *hung, *waiting[3];
    struct stage s;
    size_t i;

    (void)state;
    stage_open(&s, rules, NULL, 2);
    mailing_submit(slow = mailing_simple(&s));
    hung = mailing_simple(&s);
    hung->recipients[0].address = "two@x.example";
    mailing_submit(hung);
    while (fake_smtp_count(s.fake, "END") == 0 || fake_smtp_count(s.fake, "RCPT") < 2)
        stage_pause(&s, 5);
    for (i = 0; i < 3; i++)
        mailing_submit(waiting[i] = mailing_simple(&s));
    sender_free(s.sender);
    s.sender = NULL;
    mailing_assert_delivered(slow);
    assert_int_equal(hung->done, 1);
    assert_int_equal(hung->recipients[0].trouble, SEND_TIMEOUT);
    for (i = 0; i < 3; i++) {
        assert_int_equal(waiting[i]->done, 1);
        assert_int_equal(waiting[i]->recipients[0].trouble, SEND_CONNECT);
        assert_string_equal(waiting[i]->recipients[0].text, "stopping");
        free(waiting[i]);
    }
    stage_close(&s);
    free(slow);
    free(hung);
}

/* ---- before and beside sending ---- */

static void test_check(void **state)
{
    static const struct {
        struct conf_server server;
        const char *advice; /* NULL: the hop can be served */
    } cases[] = {
        {{.host = "127.0.0.1", .port = 25}, NULL},
        {{.host = "::1", .port = 25, .user = ""}, NULL},
        {{.host = "10.1.2.3", .port = 25}, NULL},
        {{.host = "relay.example", .port = 25}, NULL},
        {{.host = "127.0.0.1", .port = 25, .tls = CONF_TLS_STARTTLS}, NULL},
        {{.host = "relay.example", .port = 465, .tls = CONF_TLS_IMPLICIT}, NULL},
        {{.host = "relay.example", .tls = CONF_TLS_STARTTLS, .engine = CONF_ENGINE_LIBESMTP},
         "smtp.tls"},
        {{.host = "127.0.0.1", .port = 25, .user = "me"}, "smtp.password"},
        {{.host = "127.0.0.1", .user = "me", .engine = CONF_ENGINE_LIBESMTP}, "smtp.user"},
        {{.host = "192.0.2.1", .port = 25}, "smtp.host"},
        {{.host = "2001:db8::1", .port = 25}, "smtp.host"},
        {{.host = "", .port = 25}, "smtp.host"},
    };
    struct send_settings settings;
    struct loop *loop;
    struct err e;
    size_t i;

    (void)state;
    loop = loop_new(&e);
    assert_non_null(loop);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err_clear(&e);
        if (!cases[i].advice) {
            assert_int_equal(send_check(&cases[i].server, &e), 0);
            continue;
        }
        assert_int_equal(send_check(&cases[i].server, &e), -1);
        assert_int_equal(e.class, ERR_PERMANENT);
        assert_non_null(strstr(e.text, cases[i].advice));
        settings = stage_settings(25, 1);
        settings.server = cases[i].server;
        assert_null(sender_new(loop, &settings, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
    }
    loop_free(loop);
}

static void test_probe(void **state)
{
    static const struct {
        int status;
        enum err_class class;
        const char *text; /* part of the greeting, or of the error */
        struct fake_smtp_rule rules[3];
    } cases[] = {
        {0,
         ERR_NONE,
         "mx.example ESMTP here",
         {FAKE_RULE("GREETING", "220-mx.example\r\n220 ESMTP here\r\n", FAKE_GO_ON)}},
        {0, ERR_NONE, "fake", {FAKE_RULE("EHLO", "502 what\r\n", FAKE_GO_ON)}},
        {0, ERR_NONE, "fake", {FAKE_RULE("QUIT", "", FAKE_HANG)}},
        {-1, ERR_PERMANENT, "554 go away", {FAKE_RULE("GREETING", "554 go away\r\n", FAKE_GO_ON)}},
        {-1, ERR_RETRY, "421 busy", {FAKE_RULE("GREETING", "421 busy\r\n", FAKE_CLOSE)}},
        {-1, ERR_RETRY, "no answer", {FAKE_RULE("GREETING", "", FAKE_HANG)}},
        {-1, ERR_RETRY, "EHLO", {FAKE_RULE("EHLO", "", FAKE_CLOSE)}},
        {-1,
         ERR_PERMANENT,
         "550 b",
         {FAKE_RULE("EHLO", "500 a\r\n", FAKE_GO_ON), FAKE_RULE("HELO", "550 b\r\n", FAKE_GO_ON)}},
    };
    struct send_settings settings;
    struct fake_smtp *fake;
    char text[200];
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err_clear(&e);
        fake = fake_smtp_start(cases[i].rules, NULL);
        settings = stage_settings(fake_smtp_port(fake), 1);
        assert_int_equal(send_probe(&settings, text, sizeof text, &e), cases[i].status);
        assert_int_equal(e.class, cases[i].class);
        assert_non_null(strstr(cases[i].status == 0 ? text : e.text, cases[i].text));
        fake_smtp_free(fake);
    }
    settings.server.host = "relay..example";
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), -1);
    settings.server.user = "me";
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_arrive_to_the_byte),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_reports_are_asked_for),
        cmocka_unit_test(test_reports_that_nobody_offers_are_not_asked_for),
        cmocka_unit_test(test_what_is_not_fit_is_not_sent),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_no_descriptor_is_lost),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_connecting_takes_too_long),
        cmocka_unit_test(test_server_stops_reading),
        cmocka_unit_test(test_many_jobs_on_few_connections),
        cmocka_unit_test(test_full_queue_refuses),
        cmocka_unit_test(test_stop_while_busy),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_probe),
    };
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as main does */
    stage_run_tests(tests, failed);
    return failed;
}
