/*
 * attendance: whether users are there, and as what.
 *
 * Data: a person for each user who has chosen to have mail held, at most PERSONS_MAX, kept until
 * the program ends; a lock, because the store's writer asks while the loop changes it.  That a
 * person's presence changed is acted on at the next tick, so that a client that logs in with
 * several presences is taken for what it is at the end.  A crash loses nothing: the last show seen
 * is on disk, and the hosts are asked again.
 */
#include "bridge/people/attendance.h"

#include "base/log.h"
#include "bridge/to_jabber/release.h"
#include "store/choices.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 4096,
    PERSONS_MAX = 50000,
    ASK_MAX = 200,     /* of whom the host is asked in a tick, or a few more */
    STIR_MAX = 200,    /* in a tick */
    SILENCE_TICKS = 10 /* a host that has not answered by then will not: nobody is there */
};

struct person {
    struct person *next, *next_stirred;
    struct shows shows;
    uint64_t wanted; /* the attendance's count of choices with their last one */
    enum show show;
    bool is_allowed;   /* their presence may be seen */
    bool is_gone;      /* wants nothing held any more */
    bool is_confirmed; /* something was heard since the stream came up */
    bool is_stirred;
    char bare_jid[];
};

struct attendance {
    struct gateway *gateway;
    pthread_mutex_t mutex; /* the chains, and of each person show and is_gone */
    struct person *slots[SLOTS];
    unsigned count;
    uint64_t choices; /* so many were made by now */
    struct person *stirred, **stirred_end;
    unsigned ask_slot; /* the next to be asked; SLOTS: all were */
    unsigned silence;  /* ticks since */
};

static unsigned slot_of(const char *bare_jid)
{
    uint32_t h = 2166136261u;

    for (; *bare_jid; bare_jid++)
        h = (h ^ (unsigned char)*bare_jid) * 16777619u;
    return (h ^ h >> 16) % SLOTS;
}

static struct person *find(const struct attendance *a, const char *bare_jid)
{
    struct person *p = a->slots[slot_of(bare_jid)];

    while (p && strcmp(p->bare_jid, bare_jid) != 0)
        p = p->next;
    return p;
}

enum show attendance_of(struct attendance *a, const char *bare_jid)
{
    const struct person *p;
    enum show show;

    pthread_mutex_lock(&a->mutex);
    p = find(a, bare_jid);
    show = p && !p->is_gone ? p->show : SHOW_UNKNOWN;
    pthread_mutex_unlock(&a->mutex);
    return show;
}

static struct person *add(struct attendance *a, const char *bare_jid)
{
    size_t len = strlen(bare_jid);
    struct person *p, **slot = &a->slots[slot_of(bare_jid)];

    if (a->count >= PERSONS_MAX || !(p = calloc(1, sizeof *p + len + 1)))
        return NULL;
    memcpy(p->bare_jid, bare_jid, len);
    pthread_mutex_lock(&a->mutex);
    p->next = *slot;
    *slot = p;
    pthread_mutex_unlock(&a->mutex);
    a->count++;
    return p;
}

static void stir(struct attendance *a, struct person *p)
{
    if (p->is_stirred)
        return;
    p->is_stirred = true;
    p->next_stirred = NULL;
    *a->stirred_end = p;
    a->stirred_end = &p->next_stirred;
}

static void set_show(struct attendance *a, struct person *p, enum show show)
{
    bool is_first = !p->is_confirmed;

    p->is_confirmed = true;
    if (show == p->show && !is_first)
        return;
    log_debug("attendance", "event=seen user=%s show=%s", p->bare_jid, show_name(show));
    pthread_mutex_lock(&a->mutex);
    p->show = show;
    pthread_mutex_unlock(&a->mutex);
    stir(a, p);
}

/* What cannot be said now is said when the stream comes up the next time, or they choose again. */
static void say(struct attendance *a, const struct person *p, const char *type)
{
    struct gateway *g = a->gateway;
    struct arena *arena = arena_new(64 << 10);

    if (!arena ||
        router_announce(g->router, arena, g->settings->conf->jid, p->bare_jid, type, NULL) < 0)
        log_debug("attendance", "event=not-asked user=%s", p->bare_jid);
    arena_free(arena);
}

bool attendance_want(struct attendance *a, const char *bare_jid)
{
    struct person *p = find(a, bare_jid);

    if (!p)
        p = add(a, bare_jid);
    if (!p) {
        log_warning("attendance", "event=full user=%s", bare_jid);
        return false;
    }
    p->wanted = ++a->choices;
    pthread_mutex_lock(&a->mutex);
    p->is_gone = false;
    pthread_mutex_unlock(&a->mutex);
    if (p->show == SHOW_UNKNOWN)
        say(a, p, "subscribe");
    return true;
}

void attendance_stir(struct attendance *a, const char *bare_jid)
{
    struct person *p = find(a, bare_jid);

    if (p)
        stir(a, p);
}

uint64_t attendance_choices(const struct attendance *a)
{
    return a->choices;
}

void attendance_leave(struct attendance *a, const char *bare_jid, uint64_t choices)
{
    struct person *p = find(a, bare_jid);

    if (!p || p->is_gone || p->wanted > choices)
        return;
    pthread_mutex_lock(&a->mutex);
    p->is_gone = true;
    p->show = SHOW_UNKNOWN;
    pthread_mutex_unlock(&a->mutex);
    p->shows.count = 0;
    p->is_allowed = false;
    say(a, p, "unsubscribe");
}

/* ---- what is seen ---- */

static void take(struct attendance *a, struct person *p, const char *resource,
                 const struct xml_node *stanza)
{
    const char *type = xml_get(stanza, "type");

    if (!type)
        p->is_allowed = true;
    if (!type || strcmp(type, "unavailable") == 0) {
        if (!p->is_allowed) /* who says no is shown as gone, which says nothing (RFC 6121 §3.2.1) */
            return;
        shows_take(&p->shows, resource, stanza);
        set_show(a, p, shows_best(&p->shows));
    } else if (strcmp(type, "subscribed") == 0) {
        p->is_allowed = true;
        say(a, p, "probe"); /* not sooner: a host would take the user to have said no */
    } else if (strcmp(type, "unsubscribed") == 0) {
        p->is_allowed = false;
        p->shows.count = 0;
        set_show(a, p, SHOW_UNKNOWN);
    }
}

void attendance_seen(struct attendance *a, const struct xml_node *stanza)
{
    const char *from = xml_get(stanza, "from"), *to = xml_get(stanza, "to"), *slash;
    struct person *p;
    char bare[3072];
    size_t len;

    if (a->count == 0 || !from || !to || strcmp(to, a->gateway->settings->conf->jid) != 0)
        return; /* a presence to a contact says nothing: it may be for that one alone */
    slash = strchr(from, '/');
    len = slash ? (size_t)(slash - from) : strlen(from);
    if (len >= sizeof bare)
        return;
    memcpy(bare, from, len);
    bare[len] = '\0';
    p = find(a, bare);
    if (p && !p->is_gone)
        take(a, p, slash ? slash + 1 : "", stanza);
}

void attendance_up(struct attendance *a)
{
    struct person *p;
    unsigned i;

    for (i = 0; i < SLOTS; i++)
        for (p = a->slots[i]; p; p = p->next) {
            p->shows.count = 0; /* but what they were last counts until their host has answered */
            p->is_confirmed = false;
        }
    a->ask_slot = 0;
    a->silence = 0;
}

/* ---- each second ---- */

static void ask_some(struct attendance *a)
{
    const struct person *p;
    unsigned n = 0;

    for (; n < ASK_MAX && a->ask_slot < SLOTS; a->ask_slot++)
        for (p = a->slots[a->ask_slot]; p; p = p->next)
            if (!p->is_gone && !p->is_confirmed && p->show != SHOW_UNKNOWN) {
                say(a, p, "probe");
                n++;
            }
}

/* Some hosts say nothing of users who are not there (RFC 6121 §4.3.2 allows that). */
static void take_silence(struct attendance *a)
{
    struct person *p;
    unsigned i;

    for (i = 0; i < SLOTS; i++)
        for (p = a->slots[i]; p; p = p->next)
            if (!p->is_gone && !p->is_confirmed && p->show != SHOW_UNKNOWN)
                set_show(a, p, SHOW_OFFLINE);
}

static void settle_some(struct attendance *a)
{
    struct person *p;
    unsigned n;

    for (n = 0; n < STIR_MAX && (p = a->stirred) != NULL; n++) {
        if (!release_settle(a->gateway->release, p->bare_jid, p->show))
            return;
        a->stirred = p->next_stirred;
        if (!a->stirred)
            a->stirred_end = &a->stirred;
        p->is_stirred = false;
    }
}

void attendance_tick(struct attendance *a)
{
    if (!stream_is_up(a->gateway->stream))
        return;
    ask_some(a);
    if (a->ask_slot == SLOTS && a->silence <= SILENCE_TICKS && a->silence++ == SILENCE_TICKS)
        take_silence(a);
    settle_some(a);
}

/* ---- life ---- */

static void load_one(const char *bare_jid, unsigned char shown, void *arg)
{
    struct person *p = add(arg, bare_jid);

    if (!p)
        return;
    p->show = shown < SHOW_COUNT ? (enum show)shown : SHOW_UNKNOWN;
    p->is_allowed = p->show != SHOW_UNKNOWN;
}

static int load(struct store_txn *txn, void *arg, struct err *e)
{
    return choices_each_held(txn, load_one, arg, e);
}

struct attendance *attendance_open(struct gateway *g, struct err *e)
{
    struct attendance *a = calloc(1, sizeof *a);

    if (!a || pthread_mutex_init(&a->mutex, NULL) != 0) {
        free(a);
        err_memory(e);
        return NULL;
    }
    a->gateway = g;
    a->stirred_end = &a->stirred;
    if (store_now(g->store, load, a, e) == 0)
        return a;
    attendance_close(a);
    return NULL;
}

void attendance_close(struct attendance *a)
{
    struct person *p, *next;
    unsigned i;

    if (!a)
        return;
    for (i = 0; i < SLOTS; i++)
        for (p = a->slots[i]; p; p = next) {
            next = p->next;
            free(p);
        }
    pthread_mutex_destroy(&a->mutex);
    free(a);
}
