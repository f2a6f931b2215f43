/*
 * lineup: mails that were held leave in the order in which they came.
 *
 * Data: a list of those that are being prepared, in the gateway; no longer than that is.  A crash
 * loses only the list: the mails are in the queue.
 */
#include "bridge/to_jabber/lineup.h"

static bool was_held(const struct shipment *s)
{
    size_t i;

    for (i = 0; i < s->parcel->message.item_count; i++)
        if (s->parcel->message.items[i].released_s != 0)
            return true;
    return false;
}

void lineup_enter(struct shipment *s)
{
    struct shipment **at = &s->gateway->released;

    s->is_released = was_held(s);
    while (*at)
        at = &(*at)->next_released;
    if (s->is_released)
        *at = s;
}

static bool is_first(const struct gateway *g, const struct shipment *s)
{
    const struct shipment *other = g->released;

    while (other != s && other->parcel->message.lane != s->parcel->message.lane)
        other = other->next_released;
    return other == s;
}

static void go_in_order(struct gateway *g, void (*go)(struct shipment *s, const struct err *e))
{
    struct shipment **at = &g->released, *s;

    while ((s = *at) != NULL) {
        if (!s->is_prepared || !is_first(g, s)) {
            at = &s->next_released;
            continue;
        }
        *at = s->next_released;
        go(s, s->prepare_err.class == ERR_NONE ? NULL : &s->prepare_err);
        at = &g->released; /* going may have changed the line */
    }
}

void lineup_ready(struct shipment *s, const struct err *e,
                  void (*go)(struct shipment *s, const struct err *e))
{
    if (!s->is_released) {
        go(s, e);
        return;
    }
    s->is_prepared = true;
    s->prepare_err = e ? *e : (struct err){.class = ERR_NONE};
    go_in_order(s->gateway, go);
}
