/*
 * own: the users' own mailboxes, from the store into memory, watched and let go.
 *
 * Data: an account for each mailbox, found by its id and by its user.  Loop thread.  A crash leaves
 * what the store has; a cursor that was not stored costs a second look.
 */
#include "bridge/own/own_inside.h"

#include "base/log.h"
#include "store/cursors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACCOUNT_ARENA = 64 << 10, USER_CONNECTIONS = 1, USER_WAITING_MAX = 200 };

/* ---- finding ---- */

static unsigned head_of(const char *bare_jid, size_t len)
{
    unsigned h = 5381;

    while (len-- > 0)
        h = h * 33 + (unsigned char)*bare_jid++;
    return h % OWN_HEADS;
}

struct own_account *own_find(const struct own *own, int64_t id)
{
    struct own_account *a = own->by_id[(uint64_t)id % OWN_HEADS];

    while (a && a->id != id)
        a = a->next_by_id;
    return a;
}

struct own_account *own_find_name(const struct own *own, const char *name)
{
    int64_t id = own_box_id(name);

    return id ? own_find(own, id) : NULL;
}

/* jid may have a resource. */
struct own_account *own_next_of(const struct own *own, const char *jid,
                                const struct own_account *after)
{
    size_t len = strcspn(jid, "/");
    struct own_account *a = after ? after->next_by_user : own->by_user[head_of(jid, len)];

    while (a && (strncmp(a->bare_jid, jid, len) != 0 || a->bare_jid[len]))
        a = a->next_by_user;
    return a;
}

struct own_account *own_first_of(const struct own *own, const char *bare_jid)
{
    struct own_account *a = NULL, *any = NULL;

    while ((a = own_next_of(own, bare_jid, a))) {
        if (a->is_first)
            return a;
        any = a;
    }
    return any;
}

/* ---- coming and going ---- */

static void account_free(struct own_account *a)
{
    if (!a)
        return;
    if (a->box)
        imap_box_remove(a->box);
    sender_retire(a->sender);
    own_wipe(&a->what);
    arena_free(a->arena);
    free(a);
}

static void link_account(struct own *own, struct own_account *a)
{
    struct own_account **id = &own->by_id[(uint64_t)a->id % OWN_HEADS];
    struct own_account **user = &own->by_user[head_of(a->bare_jid, strlen(a->bare_jid))];

    while (*user)
        user = &(*user)->next_by_user;
    *user = a;
    a->next_by_id = *id;
    *id = a;
}

static void unlink_account(struct own *own, struct own_account *a)
{
    struct own_account **at = &own->by_id[(uint64_t)a->id % OWN_HEADS];

    while (*at != a)
        at = &(*at)->next_by_id;
    *at = a->next_by_id;
    at = &own->by_user[head_of(a->bare_jid, strlen(a->bare_jid))];
    while (*at != a)
        at = &(*at)->next_by_user;
    *at = a->next_by_user;
}

/* what NULL: it cannot be opened. */
static struct own_account *account_new(struct own *own, const struct own_box_row *row,
                                       const struct own_description *what)
{
    struct own_account *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->own = own;
    a->arena = arena_new(ACCOUNT_ARENA);
    a->id = row->id;
    a->created_s = row->created_s;
    a->is_first = row->is_first;
    a->copies = row->copies;
    a->is_told = row->is_told;
    a->is_locked = !what;
    own_box_name(a->id, a->name);
    a->bare_jid = a->arena ? arena_strdup(a->arena, row->bare_jid) : NULL;
    if (a->bare_jid && what && own_copy(a->arena, what, &a->what) == 0)
        return a;
    if (a->bare_jid && !what && (a->what.address = arena_strdup(a->arena, row->address)))
        return a;
    account_free(a);
    return NULL;
}

/* Everybody but the new first one is that no more. */
static void settle_first(struct own *own, const char *bare_jid)
{
    struct own_account *a = NULL, *oldest = NULL;

    while ((a = own_next_of(own, bare_jid, a))) {
        if (a->is_first)
            return;
        if (!oldest || a->id < oldest->id)
            oldest = a;
    }
    if (oldest)
        oldest->is_first = true;
}

/* What its user and their contacts know of it they know still; the next news is in its place. */
static void inherit(struct own_account *a, const struct own_account *old, bool is_proven)
{
    a->is_told = old->is_told;
    a->is_failing = old->is_failing;
    snprintf(a->reason, sizeof a->reason, "%s", old->reason);
    if (is_proven)
        return;
    a->away_since_ms = old->away_since_ms;
    snprintf(a->refusal, sizeof a->refusal, "%s", old->refusal);
}

int own_put(struct own *own, const struct own_box_row *row, const struct own_description *what,
            const struct own_change *change, struct err *e)
{
    struct own_account *a = account_new(own, row, what), *other = NULL;
    struct own_account *old = change ? own_find(own, change->id) : NULL;

    if (!a)
        return err_memory(e);
    if (old) {
        inherit(a, old, change->is_proven);
        own_drop(own, old->id);
    }
    while (a->is_first && (other = own_next_of(own, a->bare_jid, other)))
        other->is_first = false;
    link_account(own, a);
    settle_first(own, a->bare_jid);
    if (own->was_started)
        own_watch(a);
    return 0;
}

void own_drop(struct own *own, int64_t id)
{
    struct own_account *a = own_find(own, id);

    if (!a)
        return;
    unlink_account(own, a);
    settle_first(own, a->bare_jid);
    account_free(a);
}

void own_make_first(struct own *own, const char *bare_jid, int64_t id)
{
    struct own_account *a = own_find(own, id);

    if (!a || strcmp(a->bare_jid, bare_jid) != 0)
        return;
    for (a = NULL; (a = own_next_of(own, bare_jid, a));)
        a->is_first = a->id == id;
}

void own_drop_all(struct own *own, const char *bare_jid)
{
    struct own_account *a;

    while ((a = own_next_of(own, bare_jid, NULL)))
        own_drop(own, a->id);
}

bool own_is_public(const struct sockaddr *address)
{
    return network_is_public(address);
}

/* ---- watching ---- */

struct first_cursor {
    struct store_work work;
    struct own *own;
    int64_t id;
    char name[OWN_BOX_NAME_SIZE];
    struct imap_cursor cursor;
};

static void watch_from(struct own_account *a, struct imap_cursor cursor)
{
    struct conf_mailbox mailbox = {
        .name = a->name,
        .server = a->what.imap,
        .folder = a->what.folder,
        .address = "",
        .done = "",
    };
    struct err e;

    a->box = imap_boxes_add(a->own->boxes, &mailbox, cursor, a, &e);
    if (a->box)
        return;
    a->away_since_ms = clock_mono_ms(a->own->gateway->clock);
    snprintf(a->reason, sizeof a->reason, "%.250s", e.text);
    log_warning("own", "event=not-watched mailbox=%s error=\"%s\"", a->name, e.text);
}

static int cursor_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct first_cursor *f = (struct first_cursor *)work;

    return cursors_get(txn, f->name, &f->cursor.uidvalidity, &f->cursor.uid_next, e);
}

static void cursor_done(struct store_work *work, const struct err *e)
{
    struct first_cursor *f = (struct first_cursor *)work;
    struct own_account *a = own_find(f->own, f->id);

    if (!e && a && !a->box && !f->own->is_stopping)
        watch_from(a, f->cursor);
    free(f);
}

/* own_tick tries again where this had no room. */
void own_watch(struct own_account *a)
{
    struct first_cursor *f;

    if (a->box || a->is_locked || !a->own->is_on || a->own->is_stopping)
        return;
    f = calloc(1, sizeof *f);
    if (!f)
        return;
    f->own = a->own;
    f->id = a->id;
    memcpy(f->name, a->name, sizeof f->name);
    f->work.run = cursor_run;
    f->work.done = cursor_done;
    if (store_submit(a->own->gateway->store, &f->work) < 0)
        free(f);
}

/* ---- for others ---- */

bool own_is_on(const struct gateway *g)
{
    return g->own && g->own->is_on && !g->own->is_stopping;
}

bool own_is_origin(const char *origin)
{
    return own_box_id(origin) != 0;
}

const struct own_exit *own_exits(const struct gateway *g, struct arena *arena, const char *bare_jid,
                                 size_t *count_out)
{
    const struct own_account *a = NULL;
    struct own_exit *exits;
    size_t count = 0;

    *count_out = 0;
    while (g->own->is_on && (a = own_next_of(g->own, bare_jid, a)))
        count++;
    exits = arena_alloc(arena, (count + 1) * sizeof *exits);
    if (!exits || count == 0)
        return exits;
    while ((a = own_next_of(g->own, bare_jid, a))) {
        struct own_exit *x = &exits[*count_out];

        if (a->is_locked)
            continue;
        *x = (struct own_exit){.id = a->id,
                               .created_s = a->created_s,
                               .address = arena_strdup(arena, a->what.address),
                               .is_first = a->is_first,
                               .copies = a->copies};
        if (!x->address)
            return NULL;
        ++*count_out;
    }
    return exits;
}

const char *own_user(const struct gateway *g, struct arena *arena, const char *origin)
{
    const struct own_account *a = own_find_name(g->own, origin);

    return a ? arena_strdup(arena, a->bare_jid) : NULL;
}

bool own_wants_copy(const struct gateway *g, const char *origin)
{
    const struct own_account *a = own_find_name(g->own, origin);

    return a && a->copies;
}

static struct sender *make_sender(struct own_account *a, struct err *e)
{
    const struct gateway *g = a->own->gateway;
    const struct conf *conf = g->started->conf;
    struct send_settings settings = {
        .server = a->what.smtp,
        .common = a->own->common,
        .may_connect = conf->accounts.may_be_private ? NULL : own_is_public,
        .connections = USER_CONNECTIONS,
        .helo_name = conf->mail_domain,
        .connect_timeout_s = conf->smtp_connect_timeout_s,
        .reply_timeout_s = conf->smtp_reply_timeout_s,
        .waiting_max = USER_WAITING_MAX,
    };

    settings.server.ca_file = conf->accounts.ca_file;
    return sender_new(g->loop, &settings, e);
}

struct sender *own_sender(struct gateway *g, const char *origin, bool *is_gone_out,
                          const char **text_out)
{
    struct own_account *a = own_find_name(g->own, origin);
    struct err e;

    *is_gone_out = !a;
    *text_out = a ? "the mailbox cannot be used now" : "the mailbox it was to leave from is gone";
    if (!a || a->is_locked || !g->own->is_on)
        return NULL;
    if (!a->sender)
        a->sender = make_sender(a, &e);
    if (!a->sender)
        log_warning("own", "event=no-sender mailbox=%s error=\"%s\"", a->name, e.text);
    return a->sender;
}

void own_count(const struct gateway *g, struct own_counts *out)
{
    const struct own_account *a;
    size_t i;

    *out = (struct own_counts){0};
    for (i = 0; g->own && i < OWN_HEADS; i++)
        for (a = g->own->by_id[i]; a; a = a->next_by_id) {
            out->all++;
            out->watching += a->is_watching;
            out->locked += a->is_locked;
            out->failing += a->is_failing && !a->is_locked;
        }
}

/* ---- beginning and end ---- */

static int reseal(struct store_txn *txn, struct own *own, struct arena *a,
                  const struct own_box_row *row, const struct own_description *what, struct err *e)
{
    size_t len;
    const char *sealed = own_seal(&own->key, a, row->bare_jid, row->id, what, &len, e);

    return sealed ? own_boxes_set_sealed(txn, row->id, sealed, len, e) : -1;
}

struct loading {
    struct own *own;
    struct store_txn *txn;
    unsigned locked;
};

/* With the key, or else the one of before; 1: neither opens it. */
static int unlock(struct loading *l, struct arena *a, const struct own_box_row *row,
                  struct own_description *what, struct err *e)
{
    const struct own *own = l->own;

    if (own->is_on && own_unseal(&own->key, a, row, what, e) == 0)
        return 0;
    if (own->is_on && own->has_old_key && own_unseal(&own->old_key, a, row, what, e) == 0)
        return reseal(l->txn, l->own, a, row, what, e);
    l->locked++;
    return 1;
}

static int load_row(const struct own_box_row *row, void *arg, struct err *e)
{
    struct loading *l = arg;
    struct arena *a = arena_new(ACCOUNT_ARENA);
    struct own_description what;
    int r = a ? unlock(l, a, row, &what, e) : err_memory(e);

    if (r >= 0) {
        int locked = r;

        r = own_put(l->own, row, locked ? NULL : &what, NULL, e);
        if (!locked)
            own_wipe(&what);
    }
    arena_free(a);
    return r;
}

static int load(struct store_txn *txn, void *arg, struct err *e)
{
    struct loading *l = arg;

    l->txn = txn;
    return own_boxes_each(txn, load_row, l, e);
}

static int read_keys(struct own *own, const struct conf *conf, struct err *e)
{
    if (!*conf->accounts.key)
        return 0;
    if (sealed_key_make(conf->accounts.key, &own->key, e) < 0)
        return -1;
    own->is_on = true;
    if (!*conf->accounts.old_key)
        return 0;
    own->has_old_key = true;
    return sealed_key_make(conf->accounts.old_key, &own->old_key, e);
}

static int open_servers(struct own *own, const struct conf *conf, struct err *e)
{
    static const struct imap_boxes_handler handler = {own_mail_arrived, own_cursor_moved,
                                                      own_state_changed};
    struct imap_boxes_settings settings = {
        .mail_size_max = conf->limit.mail_size_max,
        .ca_file = conf->accounts.ca_file,
        .may_connect = conf->accounts.may_be_private ? NULL : own_is_public,
    };
    struct gateway *g = own->gateway;

    own->boxes = imap_boxes_new(g->loop, g->clock, &settings, &handler, own, e);
    own->common = own->boxes ? send_common_new(g->loop, e) : NULL;
    return own->common ? 0 : -1;
}

int own_open(struct gateway *g, struct err *e)
{
    const struct conf *conf = g->started->conf;
    struct own *own = calloc(1, sizeof *own);
    struct loading l = {.own = own};

    g->own = own;
    if (!own)
        return err_memory(e);
    own->gateway = g;
    if (read_keys(own, conf, e) < 0 || (own->is_on && open_servers(own, conf, e) < 0) ||
        store_now(g->store, load, &l, e) < 0)
        return -1;
    if (l.locked > 0)
        log_error("own",
                  "event=locked mailboxes=%u next=\"accounts.key_file must name the key that they "
                  "were stored with; nothing is deleted\"",
                  l.locked);
    return 0;
}

static void each(struct own *own, void (*fn)(struct own_account *a))
{
    struct own_account *a, *next;
    size_t i;

    for (i = 0; i < OWN_HEADS; i++)
        for (a = own->by_id[i]; a; a = next) {
            next = a->next_by_id;
            fn(a);
        }
}

void own_start(struct gateway *g)
{
    g->own->was_started = true;
    each(g->own, own_watch);
}

void own_tick(struct gateway *g)
{
    if (!g->own->is_stopping)
        each(g->own, own_look_after);
}

static void boxes_stopped(void *arg)
{
    struct own *own = arg;

    imap_boxes_free(own->boxes);
    own->boxes = NULL;
    own->stopped(own->gateway);
}

static void forget_box(struct own_account *a)
{
    a->box = NULL; /* they end with imap_boxes_stop */
}

void own_stop(struct gateway *g, void (*stopped)(struct gateway *g))
{
    struct own *own = g->own;

    own->is_stopping = true;
    own->stopped = stopped;
    own_trials_end(own);
    each(own, forget_box);
    if (own->boxes)
        imap_boxes_stop(own->boxes, boxes_stopped, own);
    else
        stopped(g);
}

static void end_sender(struct own_account *a)
{
    sender_free(a->sender);
    a->sender = NULL;
}

void own_end(struct gateway *g)
{
    struct own *own = g->own;

    if (!own)
        return;
    own->is_stopping = true;
    own_trials_end(own);
    each(own, end_sender);
    send_common_free(own->common);
    own->common = NULL;
}

void own_close(struct gateway *g)
{
    struct own *own = g->own;

    if (!own)
        return;
    g->own = NULL;
    each(own, account_free);
    imap_boxes_free(own->boxes);
    sealed_key_wipe(&own->key);
    sealed_key_wipe(&own->old_key);
    free(own);
}
