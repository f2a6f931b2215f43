/*
 * rulings: a sorted list, and the configuration that comes of it.
 *
 * Data: the list, on the loop.  The settings made from it hold copies.  A crash leaves what the
 * store has; the list is changed only after a commit.
 */
#include "bridge/rulings.h"

#include "base/log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rulings {
    struct ruling *first;
};

/* ---- the list ---- */

struct rulings *rulings_new(void)
{
    return calloc(1, sizeof(struct rulings));
}

void rulings_free(struct rulings *r)
{
    if (!r)
        return;
    while (r->first) {
        struct ruling *next = r->first->next;

        free(r->first);
        r->first = next;
    }
    free(r);
}

static int compare(const struct ruling *r, enum decision_what what, const char *name)
{
    return r->what != what ? (int)r->what - (int)what : strcmp(r->name, name);
}

int rulings_set(struct rulings *r, enum decision_what what, const char *name, const char *value)
{
    size_t name_size = strlen(name) + 1, value_size = value ? strlen(value) + 1 : 0;
    struct ruling *made = NULL, **at = &r->first;

    if (value) {
        made = calloc(1, sizeof *made + name_size + value_size);
        if (!made)
            return -1;
        made->what = what;
        made->name = memcpy(made + 1, name, name_size);
        made->value = memcpy(made->name + name_size, value, value_size);
    }
    while (*at && compare(*at, what, name) < 0)
        at = &(*at)->next;
    if (*at && compare(*at, what, name) == 0) {
        struct ruling *old = *at;

        *at = old->next;
        free(old);
    }
    if (made) {
        made->next = *at;
        *at = made;
    }
    return 0;
}

const struct ruling *rulings_first(const struct rulings *r)
{
    return r->first;
}

const struct ruling *rulings_find(const struct rulings *r, enum decision_what what,
                                  const char *name)
{
    const struct ruling *at = r->first;

    while (at && compare(at, what, name) != 0)
        at = at->next;
    return at;
}

unsigned rulings_count(const struct rulings *r, enum decision_what what)
{
    const struct ruling *at;
    unsigned n = 0;

    for (at = r->first; at; at = at->next)
        n += at->what == what;
    return n;
}

struct rulings *rulings_copy(const struct rulings *r)
{
    struct rulings *copy = rulings_new();
    const struct ruling *at;

    for (at = r->first; copy && at; at = at->next)
        if (rulings_set(copy, at->what, at->name, at->value) < 0) {
            rulings_free(copy);
            return NULL;
        }
    return copy;
}

/* ---- from the store ---- */

static int on_decision(enum decision_what what, const char *name, const char *value, void *arg)
{
    return rulings_set(arg, what, name, value);
}

static int read_all(struct store_txn *txn, void *arg, struct err *e)
{
    return decisions_each(txn, on_decision, arg, e);
}

struct rulings *rulings_load(struct store *store, struct err *e)
{
    struct rulings *r = rulings_new();

    if (!r) {
        err_memory(e);
        return NULL;
    }
    if (store_now(store, read_all, r, e) == 0)
        return r;
    rulings_free(r);
    return NULL;
}

struct rulings *rulings_read(const char *store_url)
{
    const char *path = strchr(store_url, ':');
    struct rulings *r = NULL;
    struct store *store;
    struct err e;

    if (!path || access(path + 1, F_OK) < 0)
        return rulings_new();
    store = store_open(store_url, STORE_READ_ONLY, &e);
    if (store)
        r = rulings_load(store, &e);
    store_close(store);
    if (r)
        return r;
    fprintf(stderr, "postern: what administrators have decided is left out: %s\n", e.text);
    return rulings_new();
}

/* ---- over the file ---- */

#define OFFSET(field) offsetof(struct conf, field)

const struct ruling_limit ruling_limits[] = {
    {"limit.user_rate", 1000000},
    {"limit.recipient_rate", 1000000},
    {"lmtp.rate", 1000000},
};
const size_t ruling_limit_count = sizeof ruling_limits / sizeof ruling_limits[0];

static const size_t limit_places[] = {OFFSET(limit.user_rate), OFFSET(limit.recipient_rate),
                                      OFFSET(lmtp_rate)};

static int64_t *limit_place(struct conf *conf, size_t limit)
{
    return (int64_t *)(void *)((char *)conf + limit_places[limit]);
}

int64_t rulings_limit_of(const struct conf *conf, size_t limit)
{
    return *(const int64_t *)(const void *)((const char *)conf + limit_places[limit]);
}

static void set_limit(struct conf *conf, const struct ruling *r)
{
    size_t i;

    for (i = 0; i < ruling_limit_count; i++)
        if (strcmp(r->name, ruling_limits[i].name) == 0)
            *limit_place(conf, i) = strtoll(r->value, NULL, 10);
}

static int read_rule(struct arena *a, const struct ruling *r, struct conf_map_rule *out)
{
    const char *blank = strrchr(r->value, ' ');

    out->jabber = arena_strdup(a, r->name);
    out->mail = arena_strndup(a, r->value, blank ? (size_t)(blank - r->value) : strlen(r->value));
    out->where = "by command";
    out->direction = CONF_MAP_BOTH;
    if (blank && strcmp(blank, " to-mail") == 0)
        out->direction = CONF_MAP_TO_MAIL;
    else if (blank && strcmp(blank, " to-jabber") == 0)
        out->direction = CONF_MAP_TO_JABBER;
    return out->jabber && out->mail ? 0 : -1;
}

/* Copies of what there is, with room for more behind it. */
static void *widen(struct arena *a, const void *from, size_t count, size_t more, size_t size)
{
    void *wide = arena_alloc(a, (count + more) * size);

    if (wide && count > 0)
        memcpy(wide, from, count * size);
    return wide;
}

static int lay_over(struct settings *s, struct conf *conf, const struct rulings *r, bool has_pairs)
{
    unsigned pairs = has_pairs ? rulings_count(r, DECISION_PAIR) : 0;
    unsigned rights = rulings_count(r, DECISION_RIGHT);
    struct arena *a = s->arena;
    const struct ruling *at;

    conf->map = widen(a, conf->map, conf->map_count, pairs + 1, sizeof *conf->map);
    conf->senders = widen(a, conf->senders, conf->sender_count, rights + 1, sizeof *conf->senders);
    s->denied = arena_alloc(a, (rights + 1) * sizeof *s->denied);
    if (!conf->map || !conf->senders || !s->denied)
        return -1;
    for (at = r->first; at; at = at->next) {
        const char *name = arena_strdup(a, at->name);

        if (!name)
            return -1;
        if (at->what == DECISION_LIMIT)
            set_limit(conf, at);
        else if (at->what == DECISION_RIGHT && strcmp(at->value, "allow") == 0)
            conf->senders[conf->sender_count++] = name;
        else if (at->what == DECISION_RIGHT)
            s->denied[s->denied_count++] = name;
        else if (has_pairs && read_rule(a, at, &conf->map[conf->map_count++]) < 0)
            return -1;
    }
    return 0;
}

static struct settings *apply(struct settings *base, const struct rulings *r, bool has_pairs,
                              struct err *e)
{
    struct conf *conf;
    struct settings *s = settings_derive(base, &conf, e);

    if (!s)
        return NULL;
    if (lay_over(s, conf, r, has_pairs) < 0)
        err_memory(e);
    else if (settings_finish(s, e) == 0)
        return s;
    settings_drop(s);
    return NULL;
}

struct settings *rulings_apply(struct settings *base, const struct rulings *r, struct err *e)
{
    return apply(base, r, true, e);
}

struct settings *rulings_apply_most(struct settings *base, const struct rulings *r)
{
    struct settings *s;
    struct err e = {ERR_NONE, ""};

    if (!r->first)
        return base;
    s = apply(base, r, true, &e);
    if (!s) {
        log_error("gateway",
                  "event=address-pairs-left-out error=\"%s\" next=\"remove it by the "
                  "administrators' command for address pairs, then reload\"",
                  e.text);
        s = apply(base, r, false, &e);
    }
    if (!s)
        return base;
    settings_drop(base);
    return s;
}
