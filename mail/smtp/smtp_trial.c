/*
 * smtp_trial: tries a user's account for sending: opens a connection as for a mail, logs in, and
 * says goodbye; on the loop, within a limit.
 *
 * Owns the trial, and the client until it retires.  Loop thread.  A crash leaves nothing behind.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/send_common.h"
#include "mail/smtp/smtp_client.h"

enum { TRIALS_MAX = 32, LIMIT_MS = 30000 };

struct send_trial {
    struct send_common *common;
    struct smtp_client *client;
    struct smtp_probe probe;
    struct loop_task task;
    struct loop_timer *limit;
    struct err e;
    void (*done)(const struct send_trial_result *result, void *arg);
    void *arg;
};

static void trial_free(struct send_trial *t)
{
    struct loop *loop = send_common_loop(t->common);

    if (t->client)
        smtp_client_retire(t->client);
    loop_cancel(loop, &t->task);
    loop_timer_free(t->limit);
    (*send_common_trials(t->common))--;
    send_common_drop(t->common);
    free(t);
}

void send_trial_cancel(struct send_trial *t)
{
    trial_free(t);
}

static void finish(struct send_trial *t, const struct send_trial_result *result)
{
    void (*done)(const struct send_trial_result *, void *) = t->done;
    void *arg = t->arg;

    trial_free(t);
    done(result, arg);
}

/* What a user reads has no use for the names of our options. */
static void drop_options(char *text)
{
    char *at = strstr(text, " (option");

    if (at)
        *at = '\0';
}

static void is_over(void *arg)
{
    struct send_trial *t = arg;
    struct send_trial_result result = {.is_ok = t->probe.status == 0,
                                       .trouble = t->probe.trouble,
                                       .e = t->e,
                                       .size_max = t->probe.size_max};

    drop_options(result.e.text);
    if (result.is_ok)
        err_clear(&result.e);
    finish(t, &result);
}

static void limit_reached(void *arg)
{
    static const struct send_trial_result late = {
        .trouble = SEND_TIMEOUT, .e = {ERR_RETRY, "the server did not answer in time"}};

    finish(arg, &late);
}

struct send_trial *send_trial_start(const struct send_settings *settings, int64_t limit_ms,
                                    void (*done)(const struct send_trial_result *result, void *arg),
                                    void *arg, struct err *e)
{
    struct send_settings filled = *settings;
    struct send_common *common = settings->common;
    struct send_trial *t;

    if (smtp_client_engine.check(&settings->server, e) < 0)
        return NULL;
    if (*send_common_trials(common) >= TRIALS_MAX) {
        err_set(e, ERR_RETRY, "too many accounts are being tried at once");
        return NULL;
    }
    t = calloc(1, sizeof *t);
    if (!t) {
        err_memory(e);
        return NULL;
    }
    send_fill_in(&filled);
    filled.connections = 1;
    t->common = common;
    send_common_hold(common);
    (*send_common_trials(common))++;
    t->done = done;
    t->arg = arg;
    t->task = (struct loop_task){.run = is_over, .arg = t};
    t->probe = (struct smtp_probe){.e = &t->e, .task = &t->task};
    t->limit = loop_timer_new(send_common_loop(common), limit_reached, t);
    if (!t->limit)
        err_memory(e);
    else
        t->client = smtp_client_probe(send_common_loop(common), &filled, &t->probe, e);
    if (t->client) {
        loop_timer_start(t->limit, limit_ms > 0 ? limit_ms : LIMIT_MS);
        return t;
    }
    trial_free(t);
    return NULL;
}
