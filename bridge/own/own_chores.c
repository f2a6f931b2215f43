/*
 * own_chores: what is to be done in a mailbox once: \Seen, \Answered, a copy in Sent.
 *
 * A chore is in the store until it is done, or never can be; of each mailbox one is under way at a
 * time, oldest first, while it is watched.  Data: a struct chore for each under way.  Loop thread.
 * A crash leaves it in the store: flags are set once more, and a copy is looked for before it is
 * laid down.
 */
#include "bridge/own/own_inside.h"

#include "base/log.h"
#include "base/step.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHORE_MAX = 1 << 30, /* a mail of ours: the limit it left under may have been lowered since */
    HEADER_MAX = 64 << 10,
    AGAIN_MS = 30000,
    TRIES_MAX = 10, /* of one that the connection is lost over each time */
    KEEP_S = 30 * 86400
};

/* ---- doing ---- */

struct chore {
    struct imap_errand errand;
    struct store_work look;
    struct persist_work drop;
    struct own *own;
    int64_t box;
    struct arena *arena;
    struct own_chore *what;
};

static void chore_free(struct chore *c)
{
    arena_free(c->arena);
    free(c);
}

/* again: the next one at once; else when the mailbox is back. */
static void leave(struct chore *c, bool again)
{
    struct own_account *a = own_find(c->own, c->box);

    if (a) {
        a->is_at_work = false;
        if (again)
            own_chores_go_on(a);
    }
    chore_free(c);
}

static int drop_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    const struct chore *c = (const struct chore *)((char *)w - offsetof(struct chore, drop));

    return own_chores_drop(txn, c->what->id, e);
}

static void drop_done(struct persist_work *w, const struct err *e)
{
    leave((struct chore *)((char *)w - offsetof(struct chore, drop)), !e);
}

/* Is it worth another try, or does it keep back those behind it? */
static bool is_hopeless(const struct chore *c)
{
    struct own_account *a = own_find(c->own, c->box);

    if (!a)
        return false;
    a->chores_due_ms = clock_mono_ms(c->own->gateway->clock) + AGAIN_MS;
    a->chore_tries = a->chore == c->what->id ? a->chore_tries + 1 : 1;
    a->chore = c->what->id;
    return a->chore_tries >= TRIES_MAX ||
           gateway_now_s(c->own->gateway) - c->what->created_s > KEEP_S;
}

static void errand_done(struct imap_errand *errand)
{
    static const char *const words[] = {"done", "later", "gone", "refused"};
    struct chore *c = (struct chore *)errand;
    char name[OWN_BOX_NAME_SIZE];

    step("own.chore-done");
    log_info("own", "event=chore mailbox=%s kind=%s result=%s%s%s%s", own_box_name(c->box, name),
             errand->kind == IMAP_ERRAND_FLAG ? "flag" : "copy", words[errand->outcome],
             errand->outcome != IMAP_ERRAND_DONE ? " error=\"" : "",
             errand->outcome != IMAP_ERRAND_DONE ? errand->e.text : "",
             errand->outcome != IMAP_ERRAND_DONE ? "\"" : "");
    if (errand->outcome == IMAP_ERRAND_RETRY && !is_hopeless(c)) {
        leave(c, false);
        return;
    }
    c->drop.run = drop_run;
    c->drop.done = drop_done;
    persist_submit(c->own->gateway->persist, &c->drop);
}

static int look_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct chore *c = (struct chore *)((char *)work - offsetof(struct chore, look));

    return own_chores_next(txn, c->arena, c->box, &c->what, e);
}

static void look_done(struct store_work *work, const struct err *e)
{
    struct chore *c = (struct chore *)((char *)work - offsetof(struct chore, look));
    struct own_account *a = own_find(c->own, c->box);

    if (e) {
        log_warning("own", "event=chore-not-read error=\"%s\"", e->text);
        if (a)
            a->chores_due_ms = clock_mono_ms(c->own->gateway->clock) + AGAIN_MS;
    }
    if (e || !c->what || !a || !a->box || !a->is_watching) {
        leave(c, false);
        return;
    }
    c->errand.kind = (enum imap_errand_kind)c->what->kind;
    c->errand.flags = c->what->flags;
    c->errand.uidvalidity = c->what->uidvalidity;
    c->errand.uid = c->what->uid;
    c->errand.message_id = c->what->message_id;
    c->errand.message = c->what->content;
    c->errand.message_len = c->what->content_len;
    c->errand.date_s = c->what->created_s;
    c->errand.may_exist = true; /* also: some servers lay a copy down by themselves */
    c->errand.done = errand_done;
    if (imap_box_errand(a->box, &c->errand) < 0) { /* it has enough to do for now */
        a->chores_due_ms = clock_mono_ms(c->own->gateway->clock) + AGAIN_MS;
        leave(c, false);
    }
}

void own_chores_go_on(struct own_account *a)
{
    const struct gateway *g = a->own->gateway;
    struct chore *c;

    if (a->is_at_work || !a->is_watching || !a->box || a->own->is_stopping)
        return;
    c = calloc(1, sizeof *c);
    if (!c)
        return;
    c->own = a->own;
    c->box = a->id;
    c->arena = arena_new(CHORE_MAX);
    c->look.run = look_run;
    c->look.done = look_done;
    a->chores_due_ms = 0;
    if (!c->arena || store_submit(g->store, &c->look) < 0) {
        a->chores_due_ms = clock_mono_ms(g->clock) + AGAIN_MS;
        chore_free(c);
    } else {
        a->is_at_work = true;
    }
}

void own_work(struct gateway *g, const char *origin)
{
    struct own_account *a = own_find_name(g->own, origin);

    if (a)
        own_chores_go_on(a);
}

/* ---- asking ---- */

struct flag_work {
    struct persist_work work;
    struct gateway *gateway;
    struct own_chore chore;
};

static int flag_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    return own_chores_put(txn, &((struct flag_work *)w)->chore, e);
}

static void flag_done(struct persist_work *w, const struct err *e)
{
    struct flag_work *f = (struct flag_work *)w;
    char name[OWN_BOX_NAME_SIZE];

    if (e)
        log_warning("own", "event=flag-lost error=\"%s\"", e->text);
    else
        own_work(f->gateway, own_box_name(f->chore.box, name));
    free(f);
}

void own_flag(struct gateway *g, const char *origin, uint32_t uidvalidity, uint32_t uid,
              unsigned flags)
{
    struct flag_work *f = calloc(1, sizeof *f);

    if (!f)
        return;
    f->gateway = g;
    f->chore = (struct own_chore){
        .id = id_next(&g->ids),
        .box = own_box_id(origin),
        .kind = IMAP_ERRAND_FLAG,
        .flags = flags,
        .uidvalidity = uidvalidity,
        .uid = uid,
        .created_s = gateway_now_s(g),
    };
    f->work.run = flag_run;
    f->work.done = flag_done;
    persist_submit(g->persist, &f->work);
}

/* Of a mail of ours, in angle brackets; NULL: it has none, or memory. */
static const char *message_id_of(struct arena *a, const char *message, size_t len)
{
    static const char field[] = "\nMessage-ID: ";
    const char *at =
        buf_find(message, len < HEADER_MAX ? len : HEADER_MAX, field, sizeof field - 1);
    const char *end;

    if (!at)
        return NULL;
    at += sizeof field - 1;
    end = memchr(at, '\r', len - (size_t)(at - message));
    return end ? arena_strndup(a, at, (size_t)(end - at)) : NULL;
}

int own_put_copy(struct store_txn *txn, const char *origin, int64_t id, const char *message,
                 size_t len, int64_t now_s, struct err *e)
{
    struct arena *a = arena_new(HEADER_MAX);
    struct own_chore chore = {
        .id = id,
        .box = own_box_id(origin),
        .kind = IMAP_ERRAND_APPEND,
        .flags = IMAP_FLAG_SEEN,
        .created_s = now_s,
        .content = message,
        .content_len = len,
    };
    int r;

    if (!a)
        return err_memory(e);
    chore.message_id = message_id_of(a, message, len);
    r = own_chores_put(txn, &chore, e);
    arena_free(a);
    return r;
}
