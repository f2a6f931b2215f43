/*
 * send_stage: a sender in front of a scripted server, for the unit tests of `send`.
 *
 * Failures end the test by cmocka.  One thread, the loop's.
 */
#ifndef TESTS_FAKE_SEND_STAGE_H
#define TESTS_FAKE_SEND_STAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "mail/send.h"
#include "tests/fake/smtp_script.h"

enum { STAGE_RECIPIENTS_MAX = 100 };

#define MESSAGE_HEAD                                                                               \
    "Date: Sat, 1 Jan 2022 00:00:00 +0000\r\nFrom: a@b.example\r\nMessage-ID: <1@b.example>\r\n"
#define MESSAGE MESSAGE_HEAD "Subject: x\r\n\r\nHello\r\n"

/* The fake's usual offer without CHUNKING, so that our own client says DATA. */
#define STAGE_NO_CHUNKING "PIPELINING\n8BITMIME\nSIZE 50000000\nENHANCEDSTATUSCODES\n"

struct stage {
    struct loop *loop;
    struct fake_smtp *fake;
    struct sender *sender;
    struct stage *hub; /* whose loop it shares; itself */
    unsigned to_come;  /* jobs whose done is awaited before the loop stops */
};

struct mailing {
    struct stage *stage;
    struct send_job job;
    struct send_recipient recipients[STAGE_RECIPIENTS_MAX];
    int done;             /* how often */
    struct mailing *then; /* submitted when this one is done */
};

/* Which engine the stages after it use; at first libesmtp. */
void stage_use(enum conf_engine engine);
enum conf_engine stage_engine(void);

/* Runs the tests once for each engine; `failed` is set to how many failed. */
#define stage_run_tests(tests, failed)                                                             \
    do {                                                                                           \
        stage_use(CONF_ENGINE_LIBESMTP);                                                           \
        failed = cmocka_run_group_tests_name("libesmtp", tests, NULL, NULL);                       \
        stage_use(CONF_ENGINE_OWN);                                                                \
        failed += cmocka_run_group_tests_name("own", tests, NULL, NULL);                           \
    } while (0)

/* One second for connecting and for a reply; loopback. */
struct send_settings stage_settings(unsigned port, unsigned connections);
void stage_open(struct stage *s, const struct fake_smtp_rule *rules, const char *extensions,
                unsigned connections);
/* On the loop of another, which is closed last; stage_run of that one runs all. */
void stage_open_beside(struct stage *s, struct stage *hub, const struct fake_smtp_rule *rules,
                       const char *extensions, unsigned connections);
/* With a server that has TLS, on our own client; settings as the test wants them, but the port. */
void stage_open_tls(struct stage *s, struct stage *hub, const struct fake_smtp_rule *rules,
                    const char *extensions, const struct fake_smtp_tls *tls,
                    struct send_settings *settings);
void stage_close(struct stage *s);
void stage_run(struct stage *s); /* until every letter made is done */
void stage_pause(struct stage *s, int64_t ms);

/* The letters are the test's, to be freed with free(); the message is borrowed. */
struct mailing *mailing_new(struct stage *s, const char *message, size_t len, size_t recipients);
struct mailing *mailing_simple(struct stage *s); /* MESSAGE to one recipient */
void mailing_submit(struct mailing *l);
void mailing_assert_delivered(const struct mailing *l);

#endif
