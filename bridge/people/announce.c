/*
 * announce: from one row of the store to a message in the queue for each user.
 *
 * Data: the step under way.  Each second at most PART users are told: their messages go into the
 * queue in the transaction that notes how far it has come, so after a crash nobody is told twice
 * and nobody is left out.
 */
#include "bridge/people/announce.h"

#include "base/log.h"
#include "store/announcements.h"
#include "store/queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 50, ARENA_MAX = 1 << 20, STANZA_MAX = 448 << 10 };

struct announce {
    struct store_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct arena *arena; /* of the step */
    bool is_any;         /* there may be one to go on with */
    bool is_busy;
    int64_t ids[PART], now_s;
    /* found on the writer */
    struct announcement now;
    bool is_found, is_done;
    unsigned count;
};

static const char *stanza_for(const struct announce *a, struct arena *arena, const char *to,
                              int64_t id)
{
    struct xml_node *m = xml_new(arena, STREAM_NS, "message");
    const char *text = NULL;
    char number[ID_TEXT_SIZE];
    struct buf b;

    m = xml_set(arena, xml_set(arena, m, "from", a->settings->conf->jid), "to", to);
    m = xml_set(arena, m, "id", arena_printf(arena, "%s-0", id_format(id, number)));
    m = xml_set(arena, m, "type", a->now.type);
    if (*a->now.subject && !xml_add_with_text(arena, m, STREAM_NS, "subject", a->now.subject))
        return NULL;
    if (!xml_add_with_text(arena, m, STREAM_NS, "body", a->now.body))
        return NULL;
    buf_init(&b, STANZA_MAX);
    xml_write(&b, m, STREAM_NS);
    if (!buf_failed(&b))
        text = arena_strndup(arena, b.data, b.len);
    buf_clear(&b);
    return text;
}

/* An arena for each: fifty long stanzas at once would fill any that is bounded, in every try. */
static int tell(struct store_txn *txn, struct announce *a, const char *to, int64_t id,
                struct err *e)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct queue_item item = {.recipient = to, .next_at_s = a->now_s, .last_error = ""};
    struct queue_message m = {
        .id = id,
        .kind = QUEUE_STANZA_OUT,
        .sender = a->settings->conf->jid,
        .origin = "notice",
        .created_s = a->now_s,
        .content = arena ? stanza_for(a, arena, to, id) : NULL,
        .lane = queue_lane(to),
        .items = &item,
        .item_count = 1,
    };
    int r;

    m.content_len = m.content ? strlen(m.content) : 0;
    r = m.content ? queue_put(txn, &m, e) : err_memory(e);
    arena_free(arena);
    return r;
}

static int announce_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct announce *a = (struct announce *)work;
    const char *user;

    a->count = 0;
    a->is_done = false;
    if (announcements_first(txn, a->arena, &a->now, &a->is_found, e) < 0)
        return -1;
    if (!a->is_found)
        return 0;
    for (; a->count < PART; a->count++) {
        if (announcements_next_user(txn, a->arena, a->now.after, &user, e) < 0)
            return -1;
        if (!user) {
            a->is_done = true;
            return announcements_drop(txn, a->now.id, e);
        }
        if (tell(txn, a, user, a->ids[a->count], e) < 0)
            return -1;
        a->now.after = user;
        a->now.told++;
    }
    return announcements_go_on(txn, a->now.id, a->now.after, a->now.told, e);
}

static void announce_done(struct store_work *work, const struct err *e)
{
    struct announce *a = (struct announce *)work;

    a->is_busy = false;
    if (e)
        log_warning("announce", "event=not-stored class=%s error=\"%s\" next=\"tried again\"",
                    err_class_name(e->class), e->text);
    else if (!a->is_found)
        a->is_any = false;
    else if (a->is_done)
        log_info("announce", "event=done told=%" PRId64, a->now.told);
    if (!e && a->count > 0)
        courier_rescan(a->gateway->stanza_out);
    arena_free(a->arena);
    a->arena = NULL;
    settings_drop(a->settings);
    a->settings = NULL;
}

void announce_wake(struct announce *a)
{
    a->is_any = true;
}

void announce_tick(struct announce *a)
{
    size_t i;

    if (!a->is_any || a->is_busy || a->gateway->is_stopping || !(a->arena = arena_new(ARENA_MAX)))
        return;
    for (i = 0; i < PART; i++)
        a->ids[i] = id_next(&a->gateway->ids);
    a->now_s = gateway_now_s(a->gateway);
    a->settings = settings_hold(a->gateway->settings);
    a->work.run = announce_run;
    a->work.done = announce_done;
    a->is_busy = store_submit(a->gateway->store, &a->work) == 0;
    if (a->is_busy)
        return;
    arena_free(a->arena);
    a->arena = NULL;
    settings_drop(a->settings);
    a->settings = NULL;
}

struct announce *announce_new(struct gateway *g)
{
    struct announce *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->gateway = g;
    a->is_any = true; /* what a life before has left */
    return a;
}

void announce_free(struct announce *a)
{
    if (!a)
        return;
    arena_free(a->arena);
    settings_drop(a->settings);
    free(a);
}
