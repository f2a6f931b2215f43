/*
 * commands: ad-hoc commands.
 *
 * Data: the sessions, oldest last.  A session that waits for its owner's answer is not thrown out.
 * Loop thread; a crash forgets the sessions, and who goes on with one is told so.
 */
#include "component/commands.h"

#include "base/keyed.h"
#include "component/disco.h"
#include "component/form.h"
#include "component/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADMIN_NODE "http://jabber.org/protocol/admin#" /* XEP-0133 */

enum { ID_BYTES = 16 };

struct commands_session {
    char id[2 * ID_BYTES + 1];
    char *from;
    size_t command;
    unsigned stage, actions;
    int64_t until_ms;
    bool is_busy; /* a step is with the handler */
    struct commands_session *next;
};

struct commands {
    const struct clock *clock;
    struct commands_handler handler;
    void *arg;
    struct commands_session *first;
    unsigned count;
};

enum action { ACTION_EXECUTE, ACTION_NEXT, ACTION_PREV, ACTION_COMPLETE, ACTION_CANCEL };

/* ---- sessions ---- */

static void remove_session(struct commands *c, struct commands_session *session)
{
    struct commands_session **at = &c->first;

    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    c->count--;
    free(session->from);
    free(session);
}

static bool is_same_user(const char *a, const char *b)
{
    size_t n = strcspn(a, "/");

    return n == strcspn(b, "/") && strncmp(a, b, n) == 0;
}

static void expire(struct commands *c)
{
    int64_t now_ms = clock_mono_ms(c->clock);
    struct commands_session *s, *next;

    for (s = c->first; s; s = next) {
        next = s->next;
        if (!s->is_busy && s->until_ms <= now_ms)
            remove_session(c, s);
    }
}

/* Who begins more than they may loses the oldest of their own; nobody loses one to others. */
static bool make_room(struct commands *c, const char *from)
{
    struct commands_session *s, *oldest = NULL;
    unsigned own = 0;

    expire(c);
    for (s = c->first; s; s = s->next)
        if (is_same_user(s->from, from)) {
            own++;
            if (!s->is_busy)
                oldest = s;
        }
    if (own >= SESSIONS_PER_USER) {
        if (!oldest)
            return false;
        remove_session(c, oldest);
    }
    return c->count < SESSIONS_MAX;
}

static struct commands_session *new_session(struct commands *c, const char *from, size_t command)
{
    unsigned char random[ID_BYTES];
    struct commands_session *s;
    struct err ignored;
    size_t i;

    if (!make_room(c, from) || keyed_random(random, sizeof random, &ignored) < 0)
        return NULL;
    s = calloc(1, sizeof *s);
    if (!s || !(s->from = strdup(from))) {
        free(s);
        return NULL;
    }
    for (i = 0; i < ID_BYTES; i++)
        snprintf(s->id + 2 * i, 3, "%02x", random[i]);
    s->command = command;
    s->next = c->first;
    c->first = s;
    c->count++;
    return s;
}

static struct commands_session *find_session(struct commands *c, const char *id, const char *from,
                                             size_t command)
{
    struct commands_session *s;

    expire(c);
    for (s = c->first; s; s = s->next)
        if (strcmp(s->id, id) == 0 && strcmp(s->from, from) == 0 && s->command == command)
            return s;
    return NULL;
}

/* ---- answers ---- */

static void send(struct commands *c, const struct xml_node *reply)
{
    if (reply) /* NULL: no memory for it, the asker asks again */
        c->handler.send(reply, c->arg);
}

/* specific: the condition of XEP-0050 §4.4 beside the general one; NULL: none. */
static void send_error(struct commands *c, struct arena *a, const struct xml_node *iq,
                       enum reply_error error, const char *specific, const char *text)
{
    struct xml_node *reply = reply_error(a, iq, error, text);
    struct xml_node *node = xml_child(reply, NULL, "error");

    if (specific && !xml_add(a, node, COMMANDS_NS, specific))
        return;
    send(c, reply);
}

static struct xml_node *new_answer(struct commands *c, const struct commands_call *call,
                                   const char *status, struct xml_node **reply_out)
{
    struct arena *a = call->arena;
    struct xml_node *command;

    *reply_out = reply_query(a, call->iq, COMMANDS_NS, "command", &command);
    command = xml_set(a, command, "node", c->handler.node(call->command, c->arg));
    command = xml_set(a, command, "sessionid", call->session->id);
    return xml_set(a, command, "status", status);
}

static int add_actions(struct arena *a, struct xml_node *command, unsigned actions)
{
    static const struct {
        unsigned bit;
        const char *name;
    } rows[] = {{COMMANDS_PREV, "prev"}, {COMMANDS_NEXT, "next"}, {COMMANDS_COMPLETE, "complete"}};
    struct xml_node *node = xml_add(a, command, COMMANDS_NS, "actions");
    size_t i;

    node = xml_set(a, node, "execute", actions & COMMANDS_COMPLETE ? "complete" : "next");
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((actions & rows[i].bit) && !xml_add(a, node, COMMANDS_NS, rows[i].name))
            return -1;
    return node ? 0 : -1;
}

static struct xml_node *write_answer(struct commands *c, const struct commands_call *call,
                                     const struct commands_answer *answer)
{
    struct arena *a = call->arena;
    struct xml_node *reply, *command, *note;

    command = new_answer(c, call, answer->actions ? "executing" : "completed", &reply);
    if (!command || (answer->actions && add_actions(a, command, answer->actions) < 0))
        return NULL;
    if (answer->note) {
        note = xml_add_with_text(a, command, COMMANDS_NS, "note", answer->note);
        if (!xml_set(a, note, "type", answer->note_type ? answer->note_type : "info"))
            return NULL;
    }
    if (answer->form)
        xml_append(command, answer->form);
    return reply;
}

static void rest(struct commands *c, struct commands_session *s)
{
    s->is_busy = false;
    s->until_ms = clock_mono_ms(c->clock) + SESSION_S * 1000;
    if (s->actions == 0) /* its first step was refused */
        remove_session(c, s);
}

void commands_answer(struct commands *c, struct commands_call *call,
                     const struct commands_answer *answer)
{
    struct commands_session *s = call->session;
    struct arena *a = call->arena;

    if (answer->wrong) {
        send_error(c, a, call->iq, REPLY_BAD_REQUEST, "bad-payload", answer->wrong);
    } else {
        send(c, write_answer(c, call, answer));
        s->stage = answer->stage;
        s->actions = answer->actions;
    }
    rest(c, s);
    arena_free(a);
}

void commands_refuse(struct commands *c, struct commands_call *call, const char *text)
{
    struct arena *a = call->arena;

    send_error(c, a, call->iq, REPLY_UNAVAILABLE_WAIT, NULL, text);
    rest(c, call->session);
    arena_free(a);
}

/* ---- steps ---- */

static int find_command(const struct commands *c, const char *node, size_t *out)
{
    for (*out = 0; node && *out < c->handler.count; (*out)++)
        if (strcmp(c->handler.node(*out, c->arg), node) == 0)
            return 0;
    return -1;
}

static int read_action(const char *name, enum action *out)
{
    static const char *const names[] = {"execute", "next", "prev", "complete", "cancel"};
    size_t i;

    *out = ACTION_EXECUTE;
    for (i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum action)i;
            return 0;
        }
    return name ? -1 : 0;
}

/* Every id of ours was a session, or is guessed: both are no more. */
static bool looks_like_ours(const char *id)
{
    return strlen(id) == 2 * (size_t)ID_BYTES && strspn(id, "0123456789abcdef") == strlen(id);
}

static void hand_on(struct commands *c, struct commands_call *call)
{
    call->session->is_busy = true;
    c->handler.step(call, c->arg);
}

static bool begin(struct commands *c, struct commands_call *call, enum action action)
{
    if (action != ACTION_EXECUTE) {
        send_error(c, call->arena, call->iq, REPLY_BAD_REQUEST, "bad-action",
                   "Execute the command first.");
        return false;
    }
    call->session = new_session(c, call->from, call->command);
    if (!call->session) {
        send_error(c, call->arena, call->iq, REPLY_UNAVAILABLE_WAIT, NULL,
                   "Too many commands are being executed. Try again later.");
        return false;
    }
    return true;
}

/* Which of the actions that were offered is it?  0: none of them. */
static unsigned chosen_action(const struct commands_session *s, enum action action)
{
    static const unsigned bits[] = {[ACTION_NEXT] = COMMANDS_NEXT,
                                    [ACTION_PREV] = COMMANDS_PREV,
                                    [ACTION_COMPLETE] = COMMANDS_COMPLETE};

    if (action == ACTION_EXECUTE) /* §3.4: the usual one */
        return s->actions & COMMANDS_COMPLETE ? COMMANDS_COMPLETE : s->actions & COMMANDS_NEXT;
    return s->actions & bits[action];
}

static void cancel(struct commands *c, struct commands_call *call)
{
    struct xml_node *reply;

    if (new_answer(c, call, "canceled", &reply))
        send(c, reply);
    remove_session(c, call->session);
}

static const struct xml_node *submitted(const struct xml_node *command)
{
    const struct xml_node *form = form_in(command);
    const char *type = xml_get(form, "type");

    return type && strcmp(type, "submit") == 0 ? form : NULL;
}

static bool go_on(struct commands *c, struct commands_call *call, enum action action,
                  const struct xml_node *command)
{
    const char *type = xml_get(form_in(command), "type");
    struct commands_session *s = call->session;
    unsigned chosen;

    if (s->is_busy) {
        send_error(c, call->arena, call->iq, REPLY_UNAVAILABLE_WAIT, NULL,
                   "The step before is not done yet.");
        return false;
    }
    if (action == ACTION_CANCEL || (type && strcmp(type, "cancel") == 0)) {
        cancel(c, call);
        return false;
    }
    chosen = chosen_action(s, action);
    if (!chosen) {
        send_error(c, call->arena, call->iq, REPLY_BAD_REQUEST, "bad-action",
                   "This is not what comes next.");
        return false;
    }
    call->stage = s->stage;
    call->is_back = chosen == COMMANDS_PREV;
    call->is_complete = chosen == COMMANDS_COMPLETE;
    call->form = call->is_back ? NULL : submitted(command);
    if (call->form || call->is_back)
        return true;
    send_error(c, call->arena, call->iq, REPLY_BAD_REQUEST, "bad-payload",
               "The form is missing, or it is not submitted.");
    return false;
}

/* true: it is with the handler, and so is the arena. */
static bool take_step(struct commands *c, struct commands_call *call)
{
    const struct xml_node *command = xml_child(call->iq, COMMANDS_NS, "command");
    const char *id = xml_get(command, "sessionid");
    struct arena *a = call->arena;
    enum action action;
    bool goes_on;

    if (find_command(c, xml_get(command, "node"), &call->command) < 0) {
        send_error(c, a, call->iq, REPLY_ITEM_NOT_FOUND, NULL, "There is no such command.");
        return false;
    }
    if (!c->handler.may(call->command, call->from, c->arg)) {
        send_error(c, a, call->iq, REPLY_FORBIDDEN, NULL, "This command is not for you.");
        return false;
    }
    if (read_action(xml_get(command, "action"), &action) < 0) {
        send_error(c, a, call->iq, REPLY_BAD_REQUEST, "malformed-action",
                   "There is no such action.");
        return false;
    }
    if (!id || !*id) {
        goes_on = begin(c, call, action);
    } else if ((call->session = find_session(c, id, call->from, call->command)) != NULL) {
        goes_on = go_on(c, call, action, command);
    } else if (looks_like_ours(id)) {
        send_error(c, a, call->iq, REPLY_NOT_ALLOWED, "session-expired",
                   "This took too long, or it is done: execute the command again.");
        return false;
    } else {
        send_error(c, a, call->iq, REPLY_BAD_REQUEST, "bad-sessionid",
                   "This is no session of this command.");
        return false;
    }
    if (goes_on)
        hand_on(c, call);
    return goes_on;
}

static void on_command(struct commands *c, struct xml_node *iq, struct arena *arena)
{
    struct commands_call *call = arena_alloc(arena, sizeof *call);
    const char *from = xml_get(iq, "from"), *type = xml_get(iq, "type");

    if (!type || strcmp(type, "set") != 0) {
        send_error(c, arena, iq, REPLY_NOT_ALLOWED, NULL, "A command is executed by a set.");
    } else if (call && (call->bare = arena_strndup(arena, from, strcspn(from, "/")))) {
        call->arena = arena;
        call->iq = iq;
        call->from = from;
        call->lang = xml_lang(xml_child(iq, COMMANDS_NS, "command"));
        if (take_step(c, call))
            return;
    }
    arena_free(arena);
}

/* ---- discovery ---- */

static bool may_any(const struct commands *c, const char *from)
{
    size_t i;

    for (i = 0; i < c->handler.count; i++)
        if (c->handler.may(i, from, c->arg))
            return true;
    return false;
}

static struct xml_node *list(const struct commands *c, struct arena *a, const struct xml_node *iq)
{
    const char *from = xml_get(iq, "from"), *to = xml_get(iq, "to");
    struct xml_node *query, *item, *reply = reply_query(a, iq, DISCO_ITEMS_NS, "query", &query);
    size_t i;

    if (!xml_set(a, query, "node", COMMANDS_NS))
        return NULL;
    for (i = 0; i < c->handler.count; i++) {
        if (!c->handler.may(i, from, c->arg))
            continue;
        item = xml_set(a, xml_add(a, query, DISCO_ITEMS_NS, "item"), "jid", to);
        item = xml_set(a, item, "node", c->handler.node(i, c->arg));
        if (!xml_set(a, item, "name", c->handler.name(i, xml_lang(iq), c->arg)))
            return NULL;
    }
    return reply;
}

static int add_info(struct arena *a, struct xml_node *query, const char *type, const char *name)
{
    struct xml_node *node = xml_add(a, query, DISCO_INFO_NS, "identity");

    node = xml_set(a, xml_set(a, node, "category", "automation"), "type", type);
    if (name)
        node = xml_set(a, node, "name", name);
    if (!node || !xml_set(a, xml_add(a, query, DISCO_INFO_NS, "feature"), "var", COMMANDS_NS) ||
        !xml_set(a, xml_add(a, query, DISCO_INFO_NS, "feature"), "var", FORM_NS))
        return -1;
    return 0;
}

static struct xml_node *describe(const struct commands *c, struct arena *a,
                                 const struct xml_node *iq, const char *node)
{
    struct xml_node *query, *reply = reply_query(a, iq, DISCO_INFO_NS, "query", &query);
    size_t command;

    if (!xml_set(a, query, "node", node))
        return NULL;
    if (strcmp(node, COMMANDS_NS) == 0)
        return add_info(a, query, "command-list", NULL) < 0 ? NULL : reply;
    if (find_command(c, node, &command) < 0 ||
        !c->handler.may(command, xml_get(iq, "from"), c->arg))
        return reply_error(a, iq, REPLY_ITEM_NOT_FOUND, "There is no such command.");
    return add_info(a, query, "command-node", c->handler.name(command, xml_lang(iq), c->arg)) < 0
               ? NULL
               : reply;
}

/* The node that a question of service discovery is about; NULL: it is none. */
static const char *disco_node(const struct xml_node *iq, bool *is_items)
{
    const char *node = xml_get(xml_child(iq, DISCO_ITEMS_NS, "query"), "node");

    *is_items = node != NULL;
    return node ? node : xml_get(xml_child(iq, DISCO_INFO_NS, "query"), "node");
}

static void on_disco(struct commands *c, const struct xml_node *iq, struct arena *a)
{
    bool is_items;
    const char *node = disco_node(iq, &is_items);

    if (!may_any(c, xml_get(iq, "from")))
        send_error(c, a, iq, REPLY_FORBIDDEN, NULL, "You are not allowed to use this gateway.");
    else if (!is_items)
        send(c, describe(c, a, iq, node));
    else if (strcmp(node, COMMANDS_NS) == 0)
        send(c, list(c, a, iq));
    else
        send_error(c, a, iq, REPLY_ITEM_NOT_FOUND, NULL, "A command has no items.");
}

bool commands_is_meant(const struct xml_node *iq)
{
    const char *type = xml_get(iq, "type"), *node;
    bool is_items;

    if (xml_child(iq, COMMANDS_NS, "command"))
        return true;
    node = type && strcmp(type, "get") == 0 ? disco_node(iq, &is_items) : NULL;
    return node && (strcmp(node, COMMANDS_NS) == 0 ||
                    strncmp(node, COMMANDS_NODE, strlen(COMMANDS_NODE)) == 0 ||
                    strncmp(node, ADMIN_NODE, strlen(ADMIN_NODE)) == 0);
}

void commands_arrived(struct commands *c, struct xml_node *iq, struct arena *arena)
{
    if (xml_child(iq, COMMANDS_NS, "command")) {
        on_command(c, iq, arena);
        return;
    }
    on_disco(c, iq, arena);
    arena_free(arena);
}

struct commands *commands_new(const struct clock *clock, const struct commands_handler *handler,
                              void *arg)
{
    struct commands *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->clock = clock;
    c->handler = *handler;
    c->arg = arg;
    return c;
}

void commands_free(struct commands *c)
{
    if (!c)
        return;
    while (c->first)
        remove_session(c, c->first);
    free(c);
}
