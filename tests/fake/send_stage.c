/*
 * send_stage: the harness of the tests of `send`.  Owns nothing; a test's thread.
 */
#include "tests/fake/send_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 60000 };

static enum conf_engine engine_in_use = CONF_ENGINE_LIBESMTP;

void stage_use(enum conf_engine engine)
{
    engine_in_use = engine;
}

enum conf_engine stage_engine(void)
{
    return engine_in_use;
}

static void too_long(void *arg)
{
    (void)arg;
    fail_msg("the test takes too long");
}

/* Until every awaited job is done. */
void stage_run(struct stage *s)
{
    struct loop_timer *timer = loop_timer_new(s->loop, too_long, NULL);
    struct err e;

    assert_non_null(timer);
    loop_timer_start(timer, PATIENCE_MS);
    if (s->to_come > 0)
        assert_int_equal(loop_run(s->loop, &e), 0);
    loop_timer_free(timer);
}

static void on_pause_over(void *arg)
{
    loop_stop(arg);
}

void stage_pause(struct stage *s, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(s->loop, on_pause_over, s->loop);
    struct err e;

    assert_non_null(timer);
    loop_timer_start(timer, ms);
    assert_int_equal(loop_run(s->loop, &e), 0);
    loop_timer_free(timer);
}

struct send_settings stage_settings(unsigned port, unsigned connections)
{
    return (struct send_settings){.server = {.host = "127.0.0.1",
                                             .port = port,
                                             .user = "",
                                             .password = "",
                                             .ca_file = "",
                                             .engine = engine_in_use},
                                  .connections = connections,
                                  .helo_name = "gw.example",
                                  .connect_timeout_s = 1,
                                  .reply_timeout_s = 1,
                                  .waiting_max = 10000};
}

void stage_open_beside(struct stage *s, struct stage *hub, const struct fake_smtp_rule *rules,
                       const char *extensions, unsigned connections)
{
    struct send_settings settings;
    struct err e = {0};

    memset(s, 0, sizeof *s);
    s->hub = hub;
    s->loop = hub == s ? loop_new(&e) : hub->loop;
    assert_non_null(s->loop);
    s->fake = fake_smtp_start(rules, extensions);
    settings = stage_settings(fake_smtp_port(s->fake), connections);
    s->sender = sender_new(s->loop, &settings, &e);
    if (!s->sender)
        fail_msg("%s", e.text);
}

void stage_open_tls(struct stage *s, struct stage *hub, const struct fake_smtp_rule *rules,
                    const char *extensions, const struct fake_smtp_tls *tls,
                    struct send_settings *settings)
{
    struct err e = {0};

    memset(s, 0, sizeof *s);
    s->hub = hub;
    s->loop = hub == s ? loop_new(&e) : hub->loop;
    assert_non_null(s->loop);
    s->fake = fake_smtp_start_tls(rules, extensions, tls);
    settings->server.port = fake_smtp_port(s->fake);
    s->sender = sender_new(s->loop, settings, &e);
    if (!s->sender)
        fail_msg("%s", e.text);
}

void stage_open(struct stage *s, const struct fake_smtp_rule *rules, const char *extensions,
                unsigned connections)
{
    stage_open_beside(s, s, rules, extensions, connections);
}

void stage_close(struct stage *s)
{
    sender_free(s->sender);
    fake_smtp_free(s->fake);
    if (s->hub == s)
        loop_free(s->loop);
}

void mailing_submit(struct mailing *l)
{
    assert_int_equal(sender_submit(l->stage->sender, &l->job), 0);
}

static void on_done(struct send_job *job)
{
    struct mailing *l = job->arg;

    l->done++;
    if (l->then)
        mailing_submit(l->then);
    if (--l->stage->hub->to_come == 0)
        loop_stop(l->stage->loop);
}

struct mailing *mailing_new(struct stage *s, const char *message, size_t len, size_t recipients)
{
    struct mailing *l = calloc(1, sizeof *l);
    static const char *const names[] = {"one@x.example", "two@x.example", "three@x.example"};
    size_t i;

    assert_non_null(l);
    assert_true(recipients <= STAGE_RECIPIENTS_MAX);
    l->stage = s;
    for (i = 0; i < recipients; i++)
        l->recipients[i].address = names[i % 3];
    l->job = (struct send_job){.reverse_path = "bounce@gw.example",
                               .recipients = l->recipients,
                               .recipient_count = recipients,
                               .message = message,
                               .message_len = len,
                               .done = on_done,
                               .arg = l};
    s->hub->to_come++;
    return l;
}

struct mailing *mailing_simple(struct stage *s)
{
    return mailing_new(s, MESSAGE, strlen(MESSAGE), 1);
}

void mailing_assert_delivered(const struct mailing *l)
{
    size_t i;

    assert_int_equal(l->done, 1);
    for (i = 0; i < l->job.recipient_count; i++) {
        if (l->recipients[i].trouble != SEND_ANSWERED || l->recipients[i].code != 250)
            fail_msg("recipient %zu: trouble %d, %d %s", i, (int)l->recipients[i].trouble,
                     l->recipients[i].code, l->recipients[i].text);
    }
}
