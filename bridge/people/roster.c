/*
 * roster: subscriptions go to the store in batches, and presence goes out by walking over them.
 *
 * Data: what waits for the store, at most WAITING_MAX, and one page of the walk under way; memory
 * does not depend on how many contacts there are.  A walk sends PAGE subscriptions, waits, and goes
 * on; where the stream has no room it says the same page again.  A crash loses what waits: a probe,
 * which the host sends whenever a user comes online, brings it again; users see a contact that they
 * have left as gone at the latest then.
 */
#include "bridge/people/roster.h"

#include "base/keyed.h"
#include "base/log.h"
#include "bridge/policy.h"
#include "store/faces.h"
#include "store/subscriptions.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING_MAX = 5000,
    PAGE = 200,
    PAGE_ARENA = 4 << 20,
    ANNOUNCE_MS = 100, /* between two pages: 2,000 presences a second */
    FAREWELL_MS = 10
};

enum change_kind { CHANGE_SUBSCRIBE, CHANGE_SEEN, CHANGE_UNSUBSCRIBE };

struct change {
    enum change_kind kind;
    struct subscription what; /* the texts are behind the structure */
    bool is_over;             /* they have left since */
    char photo[KEYED_SHA1_HEX_SIZE];
    struct change *next;
};

enum walk_kind { WALK_NONE, WALK_PART, WALK_ANNOUNCE, WALK_FAREWELL };

struct roster {
    struct gateway *gateway;
    struct change *first, **last;
    unsigned waiting;

    struct store_work keep; /* of a batch */
    struct change *batch;   /* NULL: none is under way */

    struct store_work look; /* for the next page */
    bool is_looking;
    enum walk_kind walk;
    bool wants_part, wants_announce, is_farewell, was_stopped;
    struct loop_timer *timer;
    struct arena *arena, *old; /* of the page, and of the one before, which `after` points into */
    struct subscription after, page[PAGE], found[PAGE];
    unsigned count, sent, found_count;
};

/* ---- changes ---- */

static void free_changes(struct change *c)
{
    struct change *next;

    for (; c; c = next) {
        next = c->next;
        free(c);
    }
}

static int keep(struct store_txn *txn, struct change *c, struct err *e)
{
    struct arena *a = arena_new(1 << 10);
    const char *photo = "";
    int r = a ? subscriptions_put(txn, &c->what, e) : err_memory(e);

    if (r == 0)
        r = faces_get_photo_hash(txn, a, c->what.bare_jid, c->what.contact, &photo, e);
    snprintf(c->photo, sizeof c->photo, "%s", photo);
    arena_free(a);
    return r;
}

static int keep_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct roster *r = (struct roster *)((char *)work - offsetof(struct roster, keep));
    struct change *c;

    for (c = r->batch; c; c = c->next)
        if ((c->kind == CHANGE_UNSUBSCRIBE ? subscriptions_drop(txn, &c->what, e)
                                           : keep(txn, c, e)) < 0)
            return -1;
    return 0;
}

static void start_batch(struct roster *r);

static void show(struct roster *r, const struct change *c, bool is_stored)
{
    const char *photo = is_stored ? c->photo : NULL;
    struct arena *a;

    /* After a farewell, or after what answers who leaves, nobody comes back. */
    if (c->kind == CHANGE_UNSUBSCRIBE || c->is_over ||
        (c->kind == CHANGE_SEEN && r->gateway->is_stopping))
        return;
    a = arena_new(32 << 10);
    if (a && c->kind == CHANGE_SUBSCRIBE)
        router_welcome(r->gateway->router, a, c->what.contact, c->what.bare_jid, photo);
    else if (a && router_announce(r->gateway->router, a, c->what.contact, c->what.bare_jid, NULL,
                                  photo) < 0)
        log_debug("roster", "event=not-shown to=%s", c->what.bare_jid);
    arena_free(a);
}

/* Where the store fails users are let in all the same: what is not remembered is brought again by
 * the next probe. */
static void keep_done(struct store_work *work, const struct err *e)
{
    struct roster *r = (struct roster *)((char *)work - offsetof(struct roster, keep));
    struct change *c, *batch = r->batch;

    r->batch = NULL;
    if (e)
        log_warning("roster", "event=not-stored class=%s error=\"%s\"", err_class_name(e->class),
                    e->text);
    for (c = batch; c; c = c->next) {
        r->waiting--;
        show(r, c, !e);
    }
    free_changes(batch);
    start_batch(r);
}

static void start_batch(struct roster *r)
{
    if (r->batch || !r->first)
        return;
    r->batch = r->first;
    r->first = NULL;
    r->last = &r->first;
    r->keep.run = keep_run;
    r->keep.done = keep_done;
    if (store_submit(r->gateway->store, &r->keep) == 0)
        return;
    r->first = r->batch; /* stays, and is tried again with what comes next */
    r->batch = NULL;
    while (*r->last)
        r->last = &(*r->last)->next;
}

static bool add(struct roster *r, enum change_kind kind, const char *user, const char *contact)
{
    size_t user_len = strcspn(user, "/"), contact_len = strcspn(contact, "/");
    struct change *c;
    char *text;

    if (r->waiting >= WAITING_MAX)
        return false;
    c = calloc(1, sizeof *c + user_len + contact_len + 2);
    if (!c)
        return false;
    text = (char *)(c + 1);
    c->kind = kind;
    c->what.bare_jid = memcpy(text, user, user_len);
    c->what.contact = memcpy(text + user_len + 1, contact, contact_len);
    *r->last = c;
    r->last = &c->next;
    r->waiting++;
    start_batch(r);
    return true;
}

bool roster_subscribe(struct roster *r, const char *user, const char *contact)
{
    return add(r, CHANGE_SUBSCRIBE, user, contact);
}

bool roster_seen(struct roster *r, const char *user, const char *contact)
{
    if (add(r, CHANGE_SEEN, user, contact))
        return true;
    log_debug("roster", "event=not-kept from=%s", user);
    return false;
}

static void mark_over(struct change *c, const char *user, const char *contact)
{
    size_t user_len = strcspn(user, "/"), contact_len = strcspn(contact, "/");

    for (; c; c = c->next)
        if (strncmp(c->what.contact, contact, contact_len) == 0 &&
            c->what.contact[contact_len] == '\0' &&
            strncmp(c->what.bare_jid, user, user_len) == 0 && c->what.bare_jid[user_len] == '\0')
            c->is_over = true;
}

void roster_unsubscribe(struct roster *r, const char *user, const char *contact)
{
    mark_over(r->batch, user, contact);
    mark_over(r->first, user, contact);
    if (!add(r, CHANGE_UNSUBSCRIBE, user, contact))
        log_warning("roster", "event=not-forgotten from=%s", user);
}

/* ---- walks ---- */

/* What of the page before has been said to be gone is forgotten. */
static int forget(struct store_txn *txn, const struct roster *r, struct err *e)
{
    unsigned i;

    if (r->walk == WALK_PART)
        for (i = 0; i < r->sent; i++)
            if (subscriptions_drop(txn, &r->page[i], e) < 0)
                return -1;
    return 0;
}

static int look_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct roster *r = (struct roster *)((char *)work - offsetof(struct roster, look));
    r->found_count = 0;
    if (forget(txn, r, e) < 0)
        return -1;
    return subscriptions_page(txn, r->arena, r->walk == WALK_PART, &r->after, PAGE, r->found,
                              &r->found_count, e);
}

static bool may_see(struct roster *r, struct arena *a, const char *user)
{
    struct jid jid;

    return jid_parse(a, user, &jid, NULL) == 0 && policy_may_send(r->gateway->settings, &jid);
}

/* -1: there is no room now. */
static int say(struct roster *r, const struct subscription *s)
{
    struct arena *a = arena_new(64 << 10);
    int result = 0;

    if (!a)
        return -1;
    if (r->walk == WALK_PART)
        result = router_leave(r->gateway->router, a, s->contact, s->bare_jid);
    else if (r->walk == WALK_FAREWELL)
        result =
            router_announce(r->gateway->router, a, s->contact, s->bare_jid, "unavailable", NULL);
    else if (may_see(r, a, s->bare_jid))
        result = router_announce(r->gateway->router, a, s->contact, s->bare_jid, NULL, s->photo);
    arena_free(a);
    return result;
}

void roster_refresh(struct roster *r, const char *user, const char *contact, const char *photo)
{
    struct arena *a = r->gateway->is_stopping ? NULL : arena_new(64 << 10);

    /* What finds no room is said at the next probe. */
    if (a && may_see(r, a, user) &&
        router_announce(r->gateway->router, a, contact, user, NULL, photo) < 0)
        log_debug("roster", "event=not-shown to=%s", user);
    arena_free(a);
}

static void begin_walk(struct roster *r);

static void look_done(struct store_work *work, const struct err *e);

static void look(struct roster *r)
{
    r->look.run = look_run;
    r->look.done = look_done;
    arena_free(r->old);
    r->old = r->arena;
    r->arena = arena_new(PAGE_ARENA);
    if (r->arena && store_submit(r->gateway->store, &r->look) == 0) {
        r->is_looking = true;
        return;
    }
    r->walk = WALK_NONE; /* the next time that the stream comes up */
}

static void go_on(void *arg)
{
    struct roster *r = arg;

    if (r->walk == WALK_NONE || r->is_looking)
        return;
    for (; r->sent < r->count; r->sent++)
        if (say(r, &r->page[r->sent]) < 0) {
            if (r->walk == WALK_FAREWELL && !stream_is_up(r->gateway->stream))
                r->walk = WALK_NONE;
            else
                loop_timer_start(r->timer, ANNOUNCE_MS);
            return;
        }
    if (r->count > 0)
        r->after = r->page[r->count - 1];
    look(r);
}

static void look_done(struct store_work *work, const struct err *e)
{
    struct roster *r = (struct roster *)((char *)work - offsetof(struct roster, look));

    r->is_looking = false;
    r->sent = 0;
    r->count = e ? 0 : r->found_count;
    memcpy(r->page, r->found, r->count * sizeof r->page[0]);
    if (e)
        log_warning("roster", "event=not-read class=%s error=\"%s\"", err_class_name(e->class),
                    e->text);
    if (e || r->count == 0 || r->was_stopped) {
        if (r->walk != WALK_NONE && !r->was_stopped)
            log_debug("roster", "event=walked");
        r->walk = WALK_NONE;
        r->was_stopped = false;
        r->count = 0;
        begin_walk(r);
        return;
    }
    loop_timer_start(r->timer, r->walk == WALK_FAREWELL ? FAREWELL_MS : ANNOUNCE_MS);
}

/* One at a time; a farewell is the last. */
static void begin_walk(struct roster *r)
{
    if (r->walk != WALK_NONE || !stream_is_up(r->gateway->stream))
        return;
    if (r->is_farewell)
        r->walk = WALK_FAREWELL;
    else if (r->wants_part)
        r->walk = WALK_PART;
    else if (r->wants_announce)
        r->walk = WALK_ANNOUNCE;
    else
        return;
    r->is_farewell = r->walk == WALK_FAREWELL ? false : r->is_farewell;
    r->wants_part = r->walk == WALK_PART ? false : r->wants_part;
    r->wants_announce = r->walk == WALK_ANNOUNCE ? false : r->wants_announce;
    r->after = (struct subscription){.bare_jid = "", .contact = ""};
    r->count = r->sent = 0;
    look(r);
}

/* Ends the walk under way, at once or when the store gives its page back. */
static void break_off(struct roster *r)
{
    loop_timer_stop(r->timer);
    if (r->is_looking)
        r->was_stopped = true;
    else
        r->walk = WALK_NONE;
}

void roster_up(struct roster *r)
{
    r->wants_part = r->wants_announce = true; /* what a crash left, too */
    begin_walk(r);
}

void roster_down(struct roster *r)
{
    r->is_farewell = false;
    break_off(r);
}

void roster_part(struct roster *r)
{
    r->wants_part = true;
    begin_walk(r);
}

void roster_farewell(struct roster *r)
{
    break_off(r);
    r->is_farewell = stream_is_up(r->gateway->stream);
    begin_walk(r);
}

bool roster_is_idle(const struct roster *r)
{
    return !r->batch && r->walk == WALK_NONE && !r->is_farewell;
}

struct roster *roster_new(struct gateway *g)
{
    struct roster *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->gateway = g;
    r->last = &r->first;
    r->timer = loop_timer_new(g->loop, go_on, r);
    if (r->timer)
        return r;
    free(r);
    return NULL;
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    free_changes(r->first);
    loop_timer_free(r->timer);
    arena_free(r->arena);
    arena_free(r->old);
    free(r);
}
