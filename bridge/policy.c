/*
 * policy: who may do what, and when to try again.  No data, any thread.
 */
#include "bridge/policy.h"

#include <string.h>

/* Whom an administrator has let in from elsewhere. */
static bool is_guest(const struct settings *s, const struct jid *jid)
{
    struct buf bare;
    bool is_sender;

    if (s->conf->sender_count == 0)
        return false;
    buf_init(&bare, 4096);
    jid_write_bare(&bare, jid);
    is_sender = !buf_failed(&bare) && conf_is_sender(s->conf, jid->domain, bare.data);
    buf_clear(&bare);
    return is_sender;
}

static bool is_among(const char *const *list, size_t count, const char *text)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

/* By name, or with their domain unless they are allowed by name. */
static bool is_denied(const struct settings *s, const struct jid *jid)
{
    struct buf bare;
    bool is_it;

    if (s->denied_count == 0)
        return false;
    buf_init(&bare, 4096);
    jid_write_bare(&bare, jid);
    is_it = buf_failed(&bare) || is_among(s->denied, s->denied_count, bare.data) ||
            (is_among(s->denied, s->denied_count, jid->domain) &&
             !is_among(s->conf->senders, s->conf->sender_count, bare.data));
    buf_clear(&bare);
    return is_it;
}

bool policy_may_send(const struct settings *s, const struct jid *from)
{
    return from->node && !is_denied(s, from) &&
           (conf_is_home(s->conf, from->domain) || is_guest(s, from));
}

bool policy_may_receive(const struct settings *s, const struct jid *to)
{
    return conf_is_home(s->conf, to->domain) || address_map_names(s->map, to) || is_guest(s, to);
}

int64_t policy_next_try(const struct settings *s, const struct queue_message *m, unsigned attempts,
                        int64_t now_s)
{
    int64_t wait = s->conf->queue.retry_first_s, end = m->created_s + s->conf->queue.lifetime_s;
    unsigned char random = 128;
    int64_t next;

    while (attempts-- > 0 && wait < s->conf->queue.retry_max_s)
        wait *= 2;
    if (wait > s->conf->queue.retry_max_s)
        wait = s->conf->queue.retry_max_s;
    if (keyed_random(&random, 1, NULL) < 0)
        random = 128; /* without randomness all wait alike, which is no harm */
    wait += wait * (random - 128) / 640;
    next = now_s + (wait > 0 ? wait : 1);
    if (m->deadline_s != 0 && m->deadline_s < end)
        end = m->deadline_s;
    if (next < end)
        return next;
    return end > now_s ? end : now_s + 1;
}

bool policy_is_given_up(const struct settings *s, const struct queue_message *m, int64_t now_s)
{
    return now_s >= m->created_s + s->conf->queue.lifetime_s;
}
