/*
 * router: what each stanza is for.
 *
 * Owns nothing but its start time; loop thread only.  What the component can answer from itself is
 * answered here, messages and errors go up with their arena.  A crash leaves nothing behind: an iq
 * that got no answer is asked again, and the host repeats presence when the component comes back.
 */
#include "component/router.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "component/commands.h"
#include "component/disco.h"
#include "component/registering.h"
#include "component/reply.h"
#include "component/searching.h"
#include "component/stream.h"
#include "component/vcard.h"

#define GATEWAY_NS "jabber:iq:gateway"
#define PING_NS    "urn:xmpp:ping"
#define TIME_NS    "urn:xmpp:time"
#define UPDATE_NS  "vcard-temp:x:update" /* XEP-0153 */
#define VERSION_NS "jabber:iq:version"

struct router {
    const struct clock *clock;
    const struct router_settings *settings;
    struct router_handler handler;
    void *arg;
    int64_t start_ms;
    char gateway_ver[DISCO_VER_SIZE], contact_ver[DISCO_VER_SIZE]; /* "": no memory, not told */
};

/* One stanza on its way. */
struct visit {
    struct router *r;
    struct arena *arena; /* NULL: handed up */
    struct xml_node *stanza;
    const char *from, *to;
    enum disco_of of;  /* who is meant */
    const char *mail;  /* the contact's address */
    const char *photo; /* as in router_announce */
};

static int answer(const struct visit *v, const struct xml_node *reply)
{
    if (!reply) /* no memory for it, the asker asks again */
        return -1;
    return v->r->handler.send(reply, v->r->arg);
}

static void answer_error(const struct visit *v, enum reply_error error, const char *text)
{
    answer(v, reply_error(v->arena, v->stanza, error, text));
}

static bool may_use(const struct visit *v)
{
    return v->r->handler.may_use(v->from, v->r->arg);
}

/* Has it a node, so that a contact is meant? */
static bool is_contact(const char *jid)
{
    return jid[strcspn(jid, "@/")] == '@';
}

/* Finds the address behind a contact; -1: it is none, *error_out and e say why. */
static int find_contact(struct visit *v, enum reply_error *error_out, struct err *e)
{
    v->of = is_contact(v->to) ? DISCO_CONTACT : DISCO_GATEWAY;
    if (v->of == DISCO_GATEWAY ||
        v->r->handler.contact(v->to, &v->mail, v->arena, e, v->r->arg) == 0)
        return 0;
    *error_out = e->class == ERR_PERMANENT ? REPLY_JID_MALFORMED : REPLY_UNAVAILABLE_WAIT;
    return -1;
}

/* ---- iq ---- */

static const char *ver_of(const struct visit *v, enum disco_of of)
{
    return of == DISCO_GATEWAY ? v->r->gateway_ver : v->r->contact_ver;
}

static struct xml_node *get_info(const struct visit *v)
{
    return disco_info(v->arena, v->stanza, &v->r->settings->disco, v->of, ver_of(v, v->of));
}

static struct xml_node *get_items(const struct visit *v)
{
    return disco_items(v->arena, v->stanza);
}

static struct xml_node *get_ping(const struct visit *v)
{
    return reply_result(v->arena, v->stanza);
}

static struct xml_node *get_version(const struct visit *v)
{
    struct xml_node *query, *reply = reply_query(v->arena, v->stanza, VERSION_NS, "query", &query);

    if (!xml_add_with_text(v->arena, query, VERSION_NS, "name", "postern") ||
        !xml_add_with_text(v->arena, query, VERSION_NS, "version", v->r->settings->version))
        return NULL;
    return reply;
}

/* Of a gateway: since when it runs (XEP-0012 §5). */
static struct xml_node *get_last(const struct visit *v)
{
    struct xml_node *query, *reply = reply_query(v->arena, v->stanza, LAST_NS, "query", &query);
    int64_t seconds = (clock_mono_ms(v->r->clock) - v->r->start_ms) / 1000;

    return xml_set(v->arena, query, "seconds", arena_printf(v->arena, "%" PRId64, seconds)) ? reply
                                                                                            : NULL;
}

static struct xml_node *get_time(const struct visit *v)
{
    struct xml_node *query, *reply = reply_query(v->arena, v->stanza, TIME_NS, "time", &query);
    time_t now = (time_t)clock_wall_s(v->r->clock);
    char utc[sizeof "2026-01-01T00:00:00Z"] = "";
    struct tm tm;

    if (!gmtime_r(&now, &tm) || strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return NULL;
    if (!xml_add_with_text(v->arena, query, TIME_NS, "tzo", "+00:00") ||
        !xml_add_with_text(v->arena, query, TIME_NS, "utc", utc))
        return NULL;
    return reply;
}

static struct xml_node *get_gateway(const struct visit *v)
{
    struct xml_node *query, *reply = reply_query(v->arena, v->stanza, GATEWAY_NS, "query", &query);

    if (!xml_add_with_text(v->arena, query, GATEWAY_NS, "desc",
                           "Enter the mail address of the person you would like to write to.") ||
        !xml_add_with_text(v->arena, query, GATEWAY_NS, "prompt", "Mail address"))
        return NULL;
    return reply;
}

static struct xml_node *set_gateway(const struct visit *v)
{
    const struct xml_node *request = xml_child(v->stanza, GATEWAY_NS, "query");
    const char *address = xml_child_text(v->arena, request, GATEWAY_NS, "prompt"), *jid = NULL;
    struct xml_node *query, *reply;
    struct err e = {ERR_NONE, ""};

    if (!may_use(v))
        return reply_error(v->arena, v->stanza, REPLY_FORBIDDEN,
                           "You are not allowed to use this gateway.");
    if (!address)
        return reply_error(v->arena, v->stanza, REPLY_BAD_REQUEST, "There is no mail address.");
    if (v->r->handler.prompt(address, &jid, v->arena, &e, v->r->arg) < 0)
        return reply_error(v->arena, v->stanza,
                           e.class == ERR_PERMANENT ? REPLY_NOT_ACCEPTABLE : REPLY_UNAVAILABLE_WAIT,
                           e.text);
    reply = reply_query(v->arena, v->stanza, GATEWAY_NS, "query", &query);
    /* XEP-0100 has <jid/>, clients of before 2005 read <prompt/>. */
    if (!xml_add_with_text(v->arena, query, GATEWAY_NS, "jid", jid) ||
        !xml_add_with_text(v->arena, query, GATEWAY_NS, "prompt", jid))
        return NULL;
    return reply;
}

static struct xml_node *get_card(const struct visit *v)
{
    return vcard_gateway(v->arena, v->stanza);
}

static struct xml_node *set_card(const struct visit *v)
{
    return reply_error(v->arena, v->stanza, REPLY_FORBIDDEN,
                       "This is not yours to change: only your own vCard is.");
}

/* What is known of a contact is in the store. */
static void ask_card(struct visit *v)
{
    v->r->handler.card(v->stanza, v->mail, v->arena, v->r->arg);
    v->arena = NULL;
}

static void ask_registration(struct visit *v)
{
    v->r->handler.registration(v->stanza, v->arena, v->r->arg);
    v->arena = NULL;
}

/* So is who a user's contacts are. */
static void ask_directory(struct visit *v)
{
    v->r->handler.directory(v->stanza, v->arena, v->r->arg);
    v->arena = NULL;
}

struct query_row {
    const char *ns, *name;
    unsigned of; /* enum disco_of, or-ed: who answers it */
    struct xml_node *(*get)(const struct visit *v);
    struct xml_node *(*set)(const struct visit *v);
    /* In place of those that are NULL: it is answered by others, later. */
    void (*ask)(struct visit *v);
};

static const struct query_row queries[] = {
    {DISCO_INFO_NS, "query", DISCO_GATEWAY | DISCO_CONTACT, get_info, NULL, NULL},
    {DISCO_ITEMS_NS, "query", DISCO_CONTACT, get_items, NULL, NULL},
    {DISCO_ITEMS_NS, "query", DISCO_GATEWAY, NULL, NULL, ask_directory},
    {SEARCHING_NS, "query", DISCO_GATEWAY, NULL, NULL, ask_directory},
    {PING_NS, "ping", DISCO_GATEWAY | DISCO_CONTACT, get_ping, NULL, NULL},
    {VERSION_NS, "query", DISCO_GATEWAY, get_version, NULL, NULL},
    {LAST_NS, "query", DISCO_GATEWAY, get_last, NULL, NULL},
    {LAST_NS, "query", DISCO_CONTACT, NULL, NULL, ask_directory},
    {TIME_NS, "time", DISCO_GATEWAY, get_time, NULL, NULL},
    {GATEWAY_NS, "query", DISCO_GATEWAY, get_gateway, set_gateway, NULL},
    {REGISTER_NS, "query", DISCO_GATEWAY, NULL, NULL, ask_registration},
    {VCARD_NS, "vCard", DISCO_GATEWAY, get_card, set_card, NULL},
    {VCARD_NS, "vCard", DISCO_CONTACT, NULL, set_card, ask_card},
};

static const struct query_row *find_query(const struct visit *v)
{
    size_t i;

    for (i = 0; i < sizeof queries / sizeof queries[0]; i++)
        if ((queries[i].of & v->of) && xml_child(v->stanza, queries[i].ns, queries[i].name))
            return &queries[i];
    return NULL;
}

static const struct xml_node *first_element(const struct xml_node *node)
{
    const struct xml_node *n = node->first;

    while (n && !n->name)
        n = n->next;
    return n;
}

static void on_iq(struct visit *v)
{
    const char *type = xml_get(v->stanza, "type");
    const struct query_row *row;
    enum reply_error error;
    struct xml_node *(*answer_it)(const struct visit *v);
    struct err e = {ERR_NONE, ""};
    bool is_get = type && strcmp(type, "get") == 0;

    if (type && (strcmp(type, "result") == 0 || strcmp(type, "error") == 0)) {
        /* never answered (RFC 6120 §8.2.3) */
        v->r->handler.answer(v->stanza, v->r->arg);
        return;
    }
    if ((!is_get && (!type || strcmp(type, "set") != 0)) || !xml_get(v->stanza, "id") ||
        !first_element(v->stanza)) {
        answer_error(v, REPLY_BAD_REQUEST, "An iq needs an id, a type and an element in it.");
        return;
    }
    if (find_contact(v, &error, &e) < 0) {
        answer_error(v, error, e.text);
        return;
    }
    if (v->of == DISCO_GATEWAY && commands_is_meant(v->stanza)) {
        v->r->handler.command(v->stanza, v->arena, v->r->arg);
        v->arena = NULL;
        return;
    }
    row = find_query(v);
    answer_it = !row ? NULL : is_get ? row->get : row->set;
    if (answer_it)
        answer(v, answer_it(v));
    else if (row && row->ask)
        row->ask(v);
    else if (row)
        answer_error(v, REPLY_NOT_ALLOWED,
                     is_get ? "This can only be set." : "This cannot be set.");
    else
        answer_error(v, REPLY_UNAVAILABLE, "This is not offered here.");
}

/* ---- presence ---- */

static const char *bare(struct arena *a, const char *jid)
{
    return arena_strndup(a, jid, strcspn(jid, "/"));
}

/* What a client compares with the picture it has, and asks for the vCard when it is another. */
static int add_photo(const struct visit *v, struct xml_node *presence)
{
    struct xml_node *x;

    if (!v->photo || !is_contact(v->to))
        return 0;
    x = xml_add(v->arena, presence, UPDATE_NS, "x");
    if (*v->photo)
        return xml_add_with_text(v->arena, x, UPDATE_NS, "photo", v->photo) ? 0 : -1;
    return xml_add(v->arena, x, UPDATE_NS, "photo") ? 0 : -1;
}

/* type NULL: available.  From the bare contact or gateway to the bare user. */
static int send_presence(const struct visit *v, const char *type, const char *status)
{
    struct arena *a = v->arena;
    struct xml_node *p = xml_new(a, STREAM_NS, "presence");
    const char *ver;

    p = xml_set(a, xml_set(a, p, "from", bare(a, v->to)), "to", bare(a, v->from));
    if (type)
        p = xml_set(a, p, "type", type);
    if (!type && v->r->handler.trouble)
        status = v->r->handler.trouble(v->from, v->r->arg);
    if (!type && status && !xml_add_with_text(a, p, STREAM_NS, "show", "dnd"))
        return -1;
    if (status && !xml_add_with_text(a, p, STREAM_NS, "status", status))
        return -1;
    ver = ver_of(v, is_contact(v->to) ? DISCO_CONTACT : DISCO_GATEWAY);
    if (!type && *ver && !disco_caps(a, p, ver))
        return -1;
    if (!type && add_photo(v, p) < 0)
        return -1;
    return answer(v, p);
}

/* Refused for good: the error is for the person, "unsubscribed" ends what their server keeps
 * waiting (RFC 6121 §3.1.2), which an error does not. */
static void refuse_subscription(const struct visit *v, enum reply_error error, const char *text)
{
    answer_error(v, error, text);
    send_presence(v, "unsubscribed", text);
}

static void on_subscribe(struct visit *v)
{
    enum reply_error error;
    struct err e = {ERR_NONE, ""};

    if (find_contact(v, &error, &e) < 0) {
        if (error == REPLY_JID_MALFORMED)
            refuse_subscription(v, error, e.text);
        else
            answer_error(v, error, e.text);
    } else if (!may_use(v)) {
        refuse_subscription(v, REPLY_FORBIDDEN, "You are not allowed to use this gateway.");
    } else if (v->r->handler.subscribe(v->from, v->to, v->r->arg)) {
        v->r->handler.user(v->from, v->r->arg);
    } else {
        answer_error(v, REPLY_NO_ROOM, "The gateway is busy. Try again later.");
    }
}

/* Leaving is always allowed. */
static void on_unsubscribe(struct visit *v)
{
    v->r->handler.unsubscribe(v->from, v->to, v->r->arg);
    send_presence(v, "unsubscribed", NULL);
    send_presence(v, "unavailable", NULL);
}

static void on_probe(struct visit *v)
{
    enum reply_error error;
    struct err e = {ERR_NONE, ""};

    if (find_contact(v, &error, &e) == 0) {
        bool may = may_use(v);

        if (may) {
            v->r->handler.user(v->from, v->r->arg);
            if (v->r->handler.probe(v->from, v->to, v->r->arg))
                return;
        }
        send_presence(v, may ? NULL : "unavailable", NULL);
    } else if (error == REPLY_JID_MALFORMED)
        answer_error(v, error, e.text);
}

int router_announce(struct router *r, struct arena *a, const char *contact, const char *user,
                    const char *type, const char *photo)
{
    const struct visit v = {.r = r, .arena = a, .from = user, .to = contact, .photo = photo};

    return send_presence(&v, type, NULL);
}

void router_welcome(struct router *r, struct arena *a, const char *contact, const char *user,
                    const char *photo)
{
    if (router_announce(r, a, contact, user, "subscribed", NULL) == 0)
        (void)!router_announce(r, a, contact, user, NULL, photo);
}

int router_leave(struct router *r, struct arena *a, const char *contact, const char *user)
{
    return router_announce(r, a, contact, user, "unavailable", NULL) < 0
               ? -1
               : router_announce(r, a, contact, user, "unsubscribed", NULL);
}

struct presence_row {
    const char *type;
    void (*handle)(struct visit *v);
};

static const struct presence_row presences[] = {
    {"subscribe", on_subscribe}, {"unsubscribe", on_unsubscribe}, {"probe", on_probe}};

static void on_presence(struct visit *v)
{
    const char *type = xml_get(v->stanza, "type");
    size_t i;

    for (i = 0; type && i < sizeof presences / sizeof presences[0]; i++)
        if (strcmp(type, presences[i].type) == 0) {
            presences[i].handle(v);
            return;
        }
    v->r->handler.presence(v->stanza, v->r->arg);
}

/* ---- all ---- */

struct router *router_new(const struct clock *clock, const struct router_settings *settings,
                          const struct router_handler *handler, void *arg)
{
    struct router *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->clock = clock;
    r->settings = settings;
    r->handler = *handler;
    r->arg = arg;
    r->start_ms = clock_mono_ms(clock);
    router_settle(r);
    return r;
}

void router_settle(struct router *r)
{
    const struct disco_settings *disco = &r->settings->disco;

    if (disco_ver(disco, DISCO_GATEWAY, r->gateway_ver) < 0)
        r->gateway_ver[0] = '\0';
    if (disco_ver(disco, DISCO_CONTACT, r->contact_ver) < 0)
        r->contact_ver[0] = '\0';
}

void router_free(struct router *r)
{
    free(r);
}

/* Messages and errors go up; true: the arena has gone with them. */
static bool hand_up(struct router *r, struct xml_node *stanza, struct arena *arena)
{
    bool is_message = strcmp(stanza->name, "message") == 0;
    const char *type = xml_get(stanza, "type");

    if (!is_message && strcmp(stanza->name, "presence") != 0)
        return false;
    if (type && strcmp(type, "error") == 0)
        r->handler.error(stanza, arena, r->arg);
    else if (is_message)
        r->handler.message(stanza, arena, r->arg);
    else
        return false;
    return true;
}

void router_dispatch(struct router *r, struct xml_node *stanza, struct arena *arena)
{
    struct visit v = {.r = r, .arena = arena, .stanza = stanza};

    if (hand_up(r, stanza, arena))
        return;
    /* A host owes us both (XEP-0114 §3): without `to` we are meant, without `from` nobody can be
     * answered. */
    if (!xml_get(stanza, "to") && !xml_set(arena, stanza, "to", r->settings->jid)) {
        arena_free(arena);
        return;
    }
    v.from = xml_get(stanza, "from");
    v.to = xml_get(stanza, "to");
    if (v.from && v.from[0] != '\0') {
        if (strcmp(stanza->name, "iq") == 0)
            on_iq(&v);
        else if (strcmp(stanza->name, "presence") == 0)
            on_presence(&v);
    }
    arena_free(v.arena);
}
