/*
 * asks: what the component itself asks others.
 *
 * Owns the list of open questions, oldest first.  Loop thread.  A crash leaves nothing behind: who
 * asked asks again.
 */
#include "component/asks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/keyed.h"

enum { ID_SIZE = 36, ID_BYTES = 16 };

struct ask {
    char id[ID_SIZE];
    char *to;
    int64_t deadline_ms;
    asks_fn *fn;
    void *arg;
    struct ask *next;
};

struct asks {
    const struct clock *clock;
    struct stream *stream;
    const char *jid;
    struct loop_timer *timer; /* for the oldest */
    struct ask *first, **end;
    unsigned count;
};

/* Takes it out of the list, then tells. */
static void settle(struct asks *as, struct ask **at, const struct xml_node *answer)
{
    struct ask *ask = *at;

    *at = ask->next;
    if (as->end == &ask->next)
        as->end = at;
    as->count--;
    ask->fn(answer, ask->arg);
    free(ask->to);
    free(ask);
}

static void set_timer(struct asks *as)
{
    int64_t left;

    if (!as->first) {
        loop_timer_stop(as->timer);
        return;
    }
    left = as->first->deadline_ms - clock_mono_ms(as->clock);
    loop_timer_start(as->timer, left > 0 ? left : 0);
}

static void time_out(void *arg)
{
    struct asks *as = arg;
    int64_t now_ms = clock_mono_ms(as->clock);

    while (as->first && as->first->deadline_ms <= now_ms)
        settle(as, &as->first, NULL);
    set_timer(as);
}

struct asks *asks_new(struct loop *loop, const struct clock *clock, struct stream *stream,
                      const char *jid)
{
    struct asks *as = calloc(1, sizeof *as);

    if (!as)
        return NULL;
    as->clock = clock;
    as->stream = stream;
    as->jid = jid;
    as->end = &as->first;
    as->timer = loop_timer_new(loop, time_out, as);
    if (as->timer)
        return as;
    free(as);
    return NULL;
}

void asks_free(struct asks *as)
{
    struct ask *ask;

    if (!as)
        return;
    while ((ask = as->first)) {
        as->first = ask->next;
        free(ask->to);
        free(ask);
    }
    loop_timer_free(as->timer);
    free(as);
}

static int make_id(char *out)
{
    unsigned char random[ID_BYTES];
    struct err e;
    size_t i;

    if (keyed_random(random, sizeof random, &e) < 0)
        return -1;
    out[0] = 'q';
    for (i = 0; i < sizeof random; i++)
        snprintf(out + 1 + 2 * i, 3, "%02x", random[i]);
    return 0;
}

static int send_ask(const struct asks *as, const struct ask *ask, const struct xml_node *payload)
{
    struct buf b;
    int r = -1;

    buf_init(&b, 64 << 10);
    buf_printf(&b, "<iq type='get' id='%s' from='", ask->id);
    xml_escape(&b, as->jid);
    buf_adds(&b, "' to='");
    xml_escape(&b, ask->to);
    buf_adds(&b, "'>");
    xml_write(&b, payload, STREAM_NS);
    buf_adds(&b, "</iq>");
    if (!buf_failed(&b) && stream_send(as->stream, b.data, b.len) == 0)
        r = 0;
    buf_clear(&b);
    return r;
}

int asks_get(struct asks *as, const char *to, const struct xml_node *payload, asks_fn *fn,
             void *arg)
{
    struct ask *ask = as->count < ASKS_MAX && payload ? calloc(1, sizeof *ask) : NULL;

    if (!ask)
        return -1;
    ask->to = strdup(to);
    ask->fn = fn;
    ask->arg = arg;
    ask->deadline_ms = clock_mono_ms(as->clock) + ASKS_TIMEOUT_MS;
    if (!ask->to || make_id(ask->id) < 0 || send_ask(as, ask, payload) < 0) {
        free(ask->to);
        free(ask);
        return -1;
    }
    *as->end = ask;
    as->end = &ask->next;
    as->count++;
    if (as->count == 1)
        set_timer(as);
    return 0;
}

bool asks_take(struct asks *as, const struct xml_node *stanza)
{
    const char *id = xml_get(stanza, "id"), *type = xml_get(stanza, "type");
    const char *from = xml_get(stanza, "from");
    struct ask **at;

    if (strcmp(stanza->name, "iq") != 0 || !id || !type || !from ||
        (strcmp(type, "result") != 0 && strcmp(type, "error") != 0))
        return false;
    for (at = &as->first; *at; at = &(*at)->next)
        if (strcmp((*at)->id, id) == 0 && strcasecmp((*at)->to, from) == 0) {
            settle(as, at, stanza);
            set_timer(as);
            return true;
        }
    return false;
}

void asks_lost(struct asks *as)
{
    unsigned n = as->count; /* what is asked meanwhile is not lost */

    for (; n > 0 && as->first; n--)
        settle(as, &as->first, NULL);
    set_timer(as);
}
