/*
 * wiring: what the stream, the router and the web listener tell the gateway, and where it goes.
 *
 * No data but a search for an attachment under way.  Loop thread; a crash leaves nothing behind.
 */
#include "bridge/wiring.h"

#include "base/log.h"
#include "bridge/people/ad_hoc.h"
#include "bridge/people/attendance.h"
#include "bridge/people/card.h"
#include "bridge/people/directory.h"
#include "bridge/to_jabber/deliver_jabber.h"
#include "bridge/people/nickname.h"
#include "bridge/notify.h"
#include "bridge/own/own.h"
#include "bridge/to_mail/outbound.h"
#include "bridge/policy.h"
#include "bridge/people/presence.h"
#include "bridge/people/registration.h"
#include "bridge/people/roster.h"
#include "store/files.h"

#include <stdlib.h>

/* What the stream and the router say. */

static void stream_came_up(void *arg)
{
    struct gateway *g = arg;

    stats_stream(&g->stats, NULL, gateway_now_s(g));
    notify_send("STATUS=connected to the Jabber server");
    courier_poke(g->mail_in);
    courier_poke(g->stanza_out);
    if (!g->is_stopping)
        roster_up(g->roster);
    attendance_up(g->attendance);
}

static void stream_went_down(enum stream_loss loss, const char *reason, void *arg)
{
    struct gateway *g = arg;

    stats_stream(&g->stats, reason, gateway_now_s(g));
    notify_send("STATUS=the Jabber server is away");
    asks_lost(g->asks);
    roster_down(g->roster);
    window_down(g->window, loss, reason);
}

static void stanza_arrived(struct xml_node *stanza, struct arena *arena, void *arg)
{
    struct gateway *g = arg;

    router_dispatch(g->router, stanza, arena);
}

void wiring_room(void *arg)
{
    struct gateway *g = arg;

    courier_poke(g->mail_in);
    courier_poke(g->stanza_out);
}

static void message_arrived(struct xml_node *stanza, struct arena *arena, void *arg)
{
    outbound_message(arg, stanza, arena);
}

static void error_arrived(struct xml_node *stanza, struct arena *arena, void *arg)
{
    deliver_jabber_error(arg, stanza, arena);
}

static void answer_arrived(const struct xml_node *stanza, void *arg)
{
    struct gateway *g = arg;

    if (!asks_take(g->asks, stanza))
        nicknames_answered(g->nicknames, stanza);
}

static void user_asks(const char *jid, void *arg)
{
    struct gateway *g = arg;

    nicknames_want(g->nicknames, jid);
}

static void card_wanted(struct xml_node *iq, const char *mail, struct arena *arena, void *arg)
{
    card_answer(arg, iq, mail, arena);
}

static void registration_wanted(struct xml_node *iq, struct arena *arena, void *arg)
{
    registration_asked(arg, iq, arena);
}

static void directory_asked_for(struct xml_node *iq, struct arena *arena, void *arg)
{
    directory_asked(arg, iq, arena);
}

static void command_arrived(struct xml_node *iq, struct arena *arena, void *arg)
{
    struct gateway *g = arg;

    ad_hoc_arrived(g->ad_hoc, iq, arena);
}

static void user_presence(const struct xml_node *stanza, void *arg)
{
    struct gateway *g = arg;

    if (!xml_get(stanza, "type"))
        presence_available(g, stanza);
    attendance_seen(g->attendance, stanza);
}

static bool user_subscribes(const char *jid, const char *contact, void *arg)
{
    struct gateway *g = arg;

    return roster_subscribe(g->roster, jid, contact);
}

static bool user_is_subscribed(const char *jid, const char *contact, void *arg)
{
    struct gateway *g = arg;

    return roster_seen(g->roster, jid, contact);
}

static void user_unsubscribes(const char *jid, const char *contact, void *arg)
{
    struct gateway *g = arg;

    roster_unsubscribe(g->roster, jid, contact);
}

static int send_answer(const struct xml_node *stanza, void *arg)
{
    struct gateway *g = arg;

    if (window_answer(g->window, stanza) == 0)
        return 0;
    log_debug("router", "event=answer-dropped");
    return -1;
}

static int find_contact(const char *text, const char **mail_out, struct arena *a, struct err *e,
                        void *arg)
{
    struct gateway *g = arg;
    struct addr mail;
    struct jid jid;

    if (jid_parse(a, text, &jid, e) < 0 ||
        address_map_contact_to_mail(g->settings->map, a, &jid, &mail, NULL, e) < 0)
        return -1;
    *mail_out = addr_text(a, &mail);
    return *mail_out ? 0 : err_memory(e);
}

static int find_prompted(const char *address, const char **jid_out, struct arena *a, struct err *e,
                         void *arg)
{
    struct gateway *g = arg;
    struct addr mail;
    struct jid jid;

    if (addr_parse(a, address, &mail, e) < 0 ||
        address_map_mail_to_contact(g->settings->map, a, &mail, &jid, NULL, e) < 0)
        return -1;
    *jid_out = jid_bare(a, &jid);
    return *jid_out ? 0 : err_memory(e);
}

static bool may_use(const char *text, void *arg)
{
    struct gateway *g = arg;
    struct arena *a = arena_new(16 << 10);
    struct jid jid;
    bool may;

    may = a && jid_parse(a, text, &jid, NULL) == 0 && policy_may_send(g->settings, &jid);
    arena_free(a);
    return may;
}

static const char *find_trouble(const char *user, void *arg)
{
    return own_trouble(arg, user);
}

const struct stream_handler wiring_stream = {stream_came_up, stream_went_down, stanza_arrived,
                                             wiring_room};
const struct router_handler wiring_router = {
    .message = message_arrived,
    .error = error_arrived,
    .answer = answer_arrived,
    .user = user_asks,
    .subscribe = user_subscribes,
    .probe = user_is_subscribed,
    .unsubscribe = user_unsubscribes,
    .card = card_wanted,
    .registration = registration_wanted,
    .directory = directory_asked_for,
    .command = command_arrived,
    .presence = user_presence,
    .send = send_answer,
    .contact = find_contact,
    .prompt = find_prompted,
    .trouble = find_trouble,
    .may_use = may_use,
};

/* Attachments. */

struct file_search {
    struct store_work work;
    struct web_request *request;
    struct gateway *gateway;
    struct arena *arena;
    int64_t id;
    struct stored_file *file;
};

static int find_file_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct file_search *f = (struct file_search *)work;

    return files_get(txn, f->arena, f->id, &f->file, e);
}

static void find_file_done(struct store_work *work, const struct err *e)
{
    struct file_search *f = (struct file_search *)work;
    struct web_file file;

    if (e || !f->file) {
        web_answer(f->request, NULL);
    } else {
        file.path = files_path(f->gateway->store, f->arena, f->id);
        file.name = f->file->name;
        file.media_type = f->file->media_type;
        web_answer(f->request, file.path ? &file : NULL);
    }
    arena_free(f->arena);
    free(f);
}

void wiring_find_file(struct web_request *request, int64_t id, void *arg)
{
    struct gateway *g = arg;
    struct file_search *f = calloc(1, sizeof *f);

    if (!f || !(f->arena = arena_new(64 << 10)))
        goto fail;
    f->request = request;
    f->gateway = g;
    f->id = id;
    f->work.run = find_file_run;
    f->work.done = find_file_done;
    if (store_submit(g->store, &f->work) == 0)
        return;
    arena_free(f->arena);
fail:
    free(f);
    web_answer(request, NULL);
}

void gateway_rescan(struct gateway *g)
{
    courier_rescan(g->mail_out);
    courier_rescan(g->mail_in);
    courier_rescan(g->stanza_out);
}
