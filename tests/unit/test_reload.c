/* What a reload refuses, and what of it waits for a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/reload.h"
#include "mail/send.h"

static const struct conf_mailbox mailbox = {
    .name = "bridge",
    .server = {.host = "127.0.0.1", .port = 143, .user = "b", .password = "p", .ca_file = ""},
    .folder = "INBOX",
    .address = "",
    .done = "seen",
    .poll_s = 60,
};

static struct conf conf_like_started(struct conf_mailbox *boxes)
{
    boxes[0] = boxes[1] = mailbox;
    return (struct conf){
        .jid = "gw.example",
        .mail_domain = "gw.example",
        .jabber = {.host = "127.0.0.1", .port = 5347, .secret = "s"},
        .smtp = {.host = "127.0.0.1", .port = 25, .user = "", .password = "", .ca_file = ""},
        .smtp_connections = 4,
        .smtp_connect_timeout_s = 30,
        .smtp_reply_timeout_s = 300,
        .mailboxes = boxes,
        .mailbox_count = 1,
        .web = {.text = "127.0.0.1:8025"},
        .store_url = "sqlite:/x",
        .limit = {.mail_size_max = 1000, .stanza_size_max = 1000},
    };
}

static void jid(struct conf *c)
{
    c->jid = "other.example";
}
static void domain(struct conf *c)
{
    c->mail_domain = "other.example";
}
static void tls(struct conf *c)
{
    c->smtp.tls = CONF_TLS_STARTTLS;
}
static void secret(struct conf *c)
{
    c->jabber.secret = "t";
}
static void smtp_port(struct conf *c)
{
    c->smtp.port = 26;
}
static void timeout(struct conf *c)
{
    c->smtp_reply_timeout_s = 5;
}
static void box_tls(struct conf *c)
{
    c->mailboxes[0].server.tls = CONF_TLS_STARTTLS;
}
static void box_ca(struct conf *c)
{
    c->mailboxes[0].server.ca_file = "/ca";
}
static void box_done(struct conf *c)
{
    c->mailboxes[0].done = "delete";
}
static void more_boxes(struct conf *c)
{
    c->mailbox_count = 2;
}
static void no_web(struct conf *c)
{
    c->web.text = NULL;
}
static void stanza_size(struct conf *c)
{
    c->limit.stanza_size_max = 2000;
}
static void level(struct conf *c)
{
    c->log_level = "debug";
}
static void retry(struct conf *c)
{
    c->queue.retry_first_s = 5;
}
static void nothing(struct conf *c)
{
    (void)c;
}

static void test_changes(void **state)
{
    static const struct {
        void (*change)(struct conf *c);
        const char *refused; /* the option that the refusal names; NULL: none */
        bool is_partial;
    } rows[] = {
        {nothing, NULL, false},
        {level, NULL, false},
        {retry, NULL, false},
        {jid, "jid:", false},
        {domain, "mail_domain:", false},
        {tls, NULL, true},
        {secret, NULL, true},
        {smtp_port, NULL, true},
        {timeout, NULL, true},
        {box_tls, NULL, true},
        {box_ca, NULL, true},
        {box_done, NULL, true},
        {more_boxes, NULL, true},
        {no_web, NULL, true},
        {stanza_size, NULL, true},
    };
    struct conf_mailbox boxes[2], next_boxes[2];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct conf started = conf_like_started(boxes), next = conf_like_started(next_boxes);
        struct err e = {ERR_NONE, ""};

        rows[i].change(&next);
        assert_int_equal(reload_check(&started, &next, &e),
                         rows[i].refused || send_check(&next.smtp, NULL) < 0 ? -1 : 0);
        if (rows[i].refused)
            assert_non_null(strstr(e.text, rows[i].refused));
        if (reload_is_partial(&started, &next) != rows[i].is_partial)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
