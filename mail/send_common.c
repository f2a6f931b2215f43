/*
 * send_common: threads for names, and the certificates that are trusted, for many senders.
 *
 * Users' servers are many, but nearly all are verified by the same trust, which is over a megabyte
 * when it is read; and a thread for each sender's look-ups would be a thread for each user.  Owns
 * both, and counts who uses them.  Loop thread.  A crash leaves nothing behind.
 */
#include "mail/send_common.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
    NAME_THREADS = 4,
    NAMES_WAITING = 1000,
    TRUST_MS = 3600 * 1000, /* how long certificates of authorities are believed to be as read */
    STOP_MS = 25 * 1000     /* what retires is given when all ends */
};

struct send_common {
    struct loop *loop;
    struct work_pool *names; /* NULL: not needed yet */
    struct tls_client *trust;
    char *ca_file; /* that trust was read from */
    int64_t until_ms;
    unsigned users, trials;
};

struct send_common *send_common_new(struct loop *loop, struct err *e)
{
    struct send_common *c = calloc(1, sizeof *c);

    if (!c)
        err_memory(e);
    else
        c->loop = loop;
    return c;
}

static bool is_unused(void *arg)
{
    const struct send_common *c = arg;

    return c->users == 0;
}

void send_common_free(struct send_common *c)
{
    if (!c)
        return;
    loop_run_until(c->loop, is_unused, c, STOP_MS);
    work_pool_free(c->names);
    tls_client_free(c->trust);
    free(c->ca_file);
    free(c);
}

void send_common_hold(struct send_common *c)
{
    c->users++;
}

void send_common_drop(struct send_common *c)
{
    c->users--;
}

unsigned *send_common_trials(struct send_common *c)
{
    return &c->trials;
}

struct loop *send_common_loop(struct send_common *c)
{
    return c->loop;
}

struct work_pool *send_common_names(struct send_common *c, struct err *e)
{
    if (!c->names)
        c->names = work_pool_new(c->loop, "smtp names", NAME_THREADS, NAMES_WAITING, e);
    return c->names;
}

struct tls_client *send_common_trust(struct send_common *c, const char *ca_file, struct err *e)
{
    int64_t now_ms = clock_mono_ms(&clock_system);
    struct tls_client *trust;
    char *copy;

    ca_file = ca_file ? ca_file : "";
    if (c->trust && now_ms < c->until_ms && strcmp(c->ca_file, ca_file) == 0)
        return c->trust;
    trust = tls_client_new(ca_file, e);
    if (!trust)
        return NULL;
    copy = strdup(ca_file);
    if (!copy) {
        tls_client_free(trust);
        err_memory(e);
        return NULL;
    }
    tls_client_free(c->trust);
    free(c->ca_file);
    c->trust = trust;
    c->ca_file = copy;
    c->until_ms = now_ms + TRUST_MS;
    return c->trust;
}

/* ---- settings ---- */

enum { TEXTS = 7 };

struct send_copy *send_copy_new(const struct send_settings *settings, struct err *e)
{
    struct send_settings s = *settings;
    const char **texts[TEXTS] = {&s.server.host,       &s.server.user,  &s.server.password,
                                 &s.server.token_file, &s.server.token, &s.server.ca_file,
                                 &s.helo_name};
    size_t size = sizeof(struct send_copy), i;
    struct send_copy *copy;
    char *at;

    for (i = 0; i < TEXTS; i++)
        size += *texts[i] ? strlen(*texts[i]) + 1 : 1;
    copy = calloc(1, size);
    if (!copy) {
        err_memory(e);
        return NULL;
    }
    at = (char *)(copy + 1);
    for (i = 0; i < TEXTS; i++) {
        strcpy(at, *texts[i] ? *texts[i] : "");
        *texts[i] = at;
        at += strlen(at) + 1;
    }
    copy->settings = s;
    copy->size = size;
    return copy;
}

void send_copy_wipe(struct send_copy *copy)
{
    if (!copy)
        return;
    explicit_bzero(copy, copy->size);
    free(copy);
}
