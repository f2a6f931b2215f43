/*
 * inbound: mail that arrives is accepted for Jabber users.
 *
 * Data: a box per mailbox, an arrival per mail on its way into the store.  The header is read by a
 * reader to learn who is addressed (IMAP has lost the envelope), the mail is stored as store work,
 * and then the watch is told.  A mail whose header kills the reader is set aside, and the next one
 * has its turn.  Loop thread.  A crash at any point offers the mail again, and the store knows by
 * UIDVALIDITY and UID whether it has it.
 */
#include "bridge/to_jabber/inbound.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/outcome.h"
#include "bridge/rate.h"
#include "bridge/own/own.h"
#include "bridge/reports/poison.h"
#include "mapping/report/report_write.h"
#include "store/cursors.h"
#include "store/queue.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARCEL_ARENA = 1 << 20,
    REPORT_MAX = 16 << 20,
    UNANSWERED_MAX = 500 /* some fetches ahead of the store; the watch bounds their bytes */
};

struct inbound_box {
    struct gateway *gateway;
    const struct conf_mailbox *mailbox;
    struct imap_watch *watch;
    char *origin; /* "imap:NAME" */
    unsigned arrivals;
    bool is_stopped, is_ready;
    char reason[200]; /* why it is not ready; "": none is known */
    int64_t since_s;
    struct inbound_box *next;
};

struct arrival {
    struct reader_job read;
    struct store_work put;
    struct inbound_box *box;
    struct settings *settings;
    struct arena *arena;   /* while it is read */
    struct parcel *parcel; /* the mail, or the report that it is too large */
    char *data;            /* as fetched; the parcel's once it is made */
    size_t len;
    bool is_truncated;
    uint32_t uidvalidity, uid;
    int64_t now_s, id;
    struct err err;
    bool is_new;
    int64_t slowed_s; /* so long one of its items waits for its time (option rate); 0: none */
};

static void arrival_free(struct arrival *a)
{
    if (!a)
        return;
    parcel_free(a->parcel);
    settings_drop(a->settings);
    arena_free(a->arena);
    free(a->data);
    free(a);
}

/* The header has been read; on a worker. */

static size_t header_length(const char *data, size_t len)
{
    const char *end = buf_find(data, len, "\r\n\r\n", 4);

    return end ? (size_t)(end - data) + 4 : len;
}

static int add_item(struct arrival *a, const char *recipient, const char *trouble)
{
    struct queue_message *m = &a->parcel->message;
    struct queue_item *item = &m->items[m->item_count];

    item->n = (unsigned)m->item_count++;
    item->recipient = arena_strdup(parcel_arena(a->parcel), recipient);
    item->next_at_s = a->now_s;
    item->last_error = trouble ? trouble : "";
    item->is_set_aside = trouble != NULL;
    return item->recipient ? 0 : -1;
}

static const char *mailbox_address(const struct arrival *a)
{
    return a->box->mailbox->address ? a->box->mailbox->address : "";
}

/* One item for each recipient here.  A mail that is for nobody is kept for the administrator to
 * see. */
static int add_items(struct arrival *a, const struct letter *letter, struct err *e)
{
    struct queue_message *m = &a->parcel->message;
    struct arena *arena = parcel_arena(a->parcel);
    const struct party *r;
    size_t count = 0;

    for (r = letter ? letter->recipients : NULL; r; r = r->next)
        count++;
    m->items = arena_alloc(arena, (count + 1) * sizeof *m->items);
    if (!m->items)
        return err_memory(e);
    for (r = letter ? letter->recipients : NULL; r; r = r->next) {
        const char *recipient = addr_text(arena, &r->mail);

        if (!recipient || add_item(a, recipient, NULL) < 0)
            return err_memory(e);
    }
    if (count > 0) {
        m->lane = queue_lane(m->items[0].recipient);
        return 0;
    }
    if (add_item(a, letter ? "" : mailbox_address(a),
                 letter              ? "it names no Jabber user"
                 : a->read.is_blamed ? arena_strdup(arena, a->read.err.text)
                                     : "it cannot be read") < 0)
        return err_memory(e);
    return 0;
}

static int make_mail(struct arrival *a, const struct letter *letter, struct err *e)
{
    struct queue_message *m = &a->parcel->message;
    const char *sender = letter && letter->reverse_path ? letter->reverse_path : "";

    m->id = a->id;
    m->kind = QUEUE_MAIL_IN;
    m->origin = a->box->origin;
    m->uidvalidity = a->uidvalidity;
    m->uid = a->uid;
    m->created_s = a->now_s;
    m->sender = arena_strdup(parcel_arena(a->parcel), sender);
    if (!m->sender || add_items(a, letter, e) < 0)
        return m->sender ? -1 : err_memory(e);
    a->parcel->heap = a->data;
    m->content = a->data;
    m->content_len = a->len;
    a->data = NULL;
    return 0;
}

/* Kept for the administrator to see, as far as it was fetched. */
static int set_aside(struct arrival *a, const char *why, struct err *e)
{
    struct queue_message *m = &a->parcel->message;

    m->id = a->id;
    m->kind = QUEUE_MAIL_IN;
    m->origin = a->box->origin;
    m->created_s = a->now_s;
    m->sender = "";
    m->items = arena_alloc(parcel_arena(a->parcel), sizeof *m->items);
    if (!m->items || add_item(a, "", why) < 0)
        return err_memory(e);
    a->parcel->heap = a->data;
    m->content = a->data;
    m->content_len = a->len;
    a->data = NULL;
    return 0;
}

/* Who it was for: the first into in->recipient, the rest into in->also. */
static int name_recipients(struct arrival *a, const struct letter *letter, struct report_input *in)
{
    struct arena *arena = parcel_arena(a->parcel);
    const struct party *r;
    struct report_also *also;
    size_t n = 0;

    if (!letter->recipients)
        return 0;
    in->recipient = addr_text(arena, &letter->recipients->mail);
    for (r = letter->recipients->next; r && n < REPORT_ALSO_MAX; r = r->next)
        n++;
    also = arena_alloc(arena, (n + 1) * sizeof *also);
    if (!in->recipient || !also)
        return -1;
    in->also = also;
    for (r = letter->recipients->next; in->also_count < n; r = r->next, in->also_count++) {
        also[in->also_count] =
            (struct report_also){.recipient = addr_text(arena, &r->mail), .status = in->status};
        if (!also[in->also_count].recipient)
            return -1;
    }
    return 0;
}

/* A mail over the limit is not fetched; its sender is told. */
static int make_report(struct arrival *a, const struct letter *letter, struct err *e)
{
    struct queue_message *m = &a->parcel->message;
    struct report_input in = {
        .id = a->id,
        .to = letter && letter->reverse_path ? letter->reverse_path : "",
        .recipient = a->box->mailbox->address,
        .action = REPORT_FAILED,
        .status = {.code = 552, .enhanced = "5.3.4", .text = "the mail is too large"},
        .arrived_s = a->now_s,
        .original = a->data,
        .original_len = a->len,
    };
    struct context ctx;
    struct buf b;

    if (!in.to[0])
        return set_aside(a, "it is too large, and it names no sender to tell", e);
    if (name_recipients(a, letter, &in) < 0)
        return err_memory(e);
    m->id = a->id;
    m->kind = QUEUE_MAIL_OUT;
    m->origin = "report";
    m->created_s = a->now_s;
    m->sender = "";
    m->lane = queue_lane(in.to);
    m->items = arena_alloc(parcel_arena(a->parcel), sizeof *m->items);
    if (!m->items || !in.recipient || add_item(a, in.to, NULL) < 0)
        return err_memory(e);
    settings_context(a->settings, a->now_s, &ctx);
    buf_init(&b, REPORT_MAX);
    if (report_write(&ctx, &in, &b, e) < 0) {
        buf_clear(&b);
        return -1;
    }
    a->parcel->heap = buf_detach(&b, &m->content_len);
    m->content = a->parcel->heap;
    return m->content ? 0 : err_memory(e);
}

static int make_parcel(struct arrival *a, struct err *e)
{
    const struct reader_job *r = &a->read;

    if (!r->letter && r->err.class == ERR_RETRY && !r->is_blamed)
        return err_set(e, ERR_RETRY, "%s", r->err.text);
    a->parcel = parcel_new(PARCEL_ARENA);
    if (!a->parcel)
        return err_memory(e);
    return a->is_truncated ? make_report(a, r->letter, e) : make_mail(a, r->letter, e);
}

static void header_read(struct reader_job *job)
{
    struct arrival *a = (struct arrival *)job;

    if (make_parcel(a, &a->err) == 0)
        err_clear(&a->err);
    arena_free(a->arena);
    a->arena = NULL;
    job->letter = NULL;
}

/* Storing it. */

/* What is over the recipient's rate waits in the queue: in the mailbox it would keep back what came
 * after it. */
static void slow_down(struct arrival *a)
{
    struct gateway *g = a->box->gateway;
    struct queue_message *m = &a->parcel->message;
    size_t i;

    for (i = 0; i < m->item_count && m->kind == QUEUE_MAIL_IN; i++) {
        int64_t wait_s = m->items[i].is_set_aside
                             ? 0
                             : rate_reserve(g->rate, "mailbox", m->items[i].recipient,
                                            a->box->mailbox->rate, clock_wall_ms(g->clock));

        if (wait_s > 0)
            m->items[i].next_at_s = a->now_s + wait_s;
        if (wait_s > a->slowed_s)
            a->slowed_s = wait_s;
    }
}

static int put_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct arrival *a = (struct arrival *)((char *)work - offsetof(struct arrival, put));

    if (a->parcel->message.item_count == 0)
        return 0;
    if (queue_put_fetched(txn, &a->parcel->message, a->box->mailbox->name, a->uidvalidity, a->uid,
                          &a->is_new, e) < 0)
        return -1;
    step("mail.written");
    return 0;
}

static void finish(struct arrival *a, const struct err *e)
{
    struct inbound_box *box = a->box;
    char id[ID_TEXT_SIZE];

    step("mail.stored");
    box->arrivals--;
    if (e)
        log_error("inbound", "event=not-stored mailbox=%s uid=%u class=%s error=\"%s\"",
                  box->mailbox->name, a->uid, err_class_name(e->class), e->text);
    else {
        if (a->is_new)
            gateway_count(box->gateway, STAT_MAIL_ACCEPTED);
        log_info("inbound", "event=%s id=%s mailbox=%s uid=%u bytes=%zu slowed_s=%lld%s",
                 a->is_new ? "accepted" : "known", id_format(a->id, id), box->mailbox->name, a->uid,
                 a->len, (long long)a->slowed_s, a->is_truncated ? " too-large=yes" : "");
    }
    imap_watch_done(box->watch, a->uidvalidity, a->uid, !e);
    arrival_free(a);
}

static void put_done(struct store_work *work, const struct err *e)
{
    struct arrival *a = (struct arrival *)((char *)work - offsetof(struct arrival, put));
    struct gateway *g = a->box->gateway;

    if (!e && a->is_new) {
        struct parcel *p = a->parcel;

        a->parcel = NULL;
        if (p->message.items[0].is_set_aside) {
            gateway_count(g, STAT_SET_ASIDE);
            log_warning("inbound", "event=set-aside reason=\"%s\" see=\"postern queue\"",
                        p->message.items[0].last_error);
            poison_announce(g, p->message.id, 0, p->message.items[0].last_error);
            parcel_free(p);
        } else if (a->slowed_s > 0) { /* it comes back from disk, each item in its time */
            parcel_free(p);
            courier_rescan(g->mail_in);
        } else if (p->message.kind == QUEUE_MAIL_IN) {
            courier_offer(g->mail_in, p);
        } else {
            courier_offer(g->mail_out, p);
        }
    }
    finish(a, e);
}

static void read_done(struct reader_job *job)
{
    struct arrival *a = (struct arrival *)job;

    if (a->err.class != ERR_NONE) {
        finish(a, &a->err);
        return;
    }
    slow_down(a);
    a->put.run = put_run;
    a->put.done = put_done;
    if (store_submit(a->box->gateway->store, &a->put) < 0) {
        err_set(&a->err, ERR_RETRY, "the store is busy");
        finish(a, &a->err);
    }
}

/* What the watch says. */

static int submit(struct arrival *a)
{
    const char *address = mailbox_address(a);
    size_t len = header_length(a->data, a->len);

    a->arena = arena_new(reader_arena_max(len));
    if (!a->arena)
        return -1;
    a->read.settings = a->settings;
    a->read.request.envelope.mailbox_address = *address ? address : NULL;
    a->read.request.now_s = a->now_s;
    a->read.request.head_only = true;
    a->read.mail = a->data;
    a->read.len = len;
    a->read.arena = a->arena;
    a->read.id = a->id;
    a->read.read = header_read;
    a->read.done = read_done;
    return readers_submit(a->box->gateway->readers, &a->read);
}

/* On a worker's thread. */
static void mail_awaited(void *arg)
{
    const struct inbound_box *box = arg;

    readers_prepare(box->gateway->readers);
}

static bool mail_arrived(const struct imap_mail *mail, void *arg)
{
    struct inbound_box *box = arg;
    struct arrival *a = calloc(1, sizeof *a);

    if (!a)
        return false;
    a->box = box;
    a->settings = settings_hold(box->gateway->settings);
    a->now_s = gateway_now_s(box->gateway);
    a->id = id_next(&box->gateway->ids);
    a->uidvalidity = mail->uidvalidity;
    a->uid = mail->uid;
    /* What the server never gives whole comes without data: kept as a mail that cannot be read. */
    a->is_truncated = mail->is_truncated && mail->data;
    a->len = mail->data ? mail->len : 0;
    a->data = malloc(a->len + 1);
    if (!a->data)
        goto refuse;
    if (a->len > 0)
        memcpy(a->data, mail->data, a->len);
    a->data[a->len] = '\0';
    if (submit(a) < 0)
        goto refuse;
    step("mail.fetched");
    box->arrivals++;
    return true;
refuse:
    arrival_free(a);
    return false;
}

struct cursor_work {
    struct persist_work work;
    const char *mailbox;
    struct imap_cursor cursor;
};

static int cursor_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct cursor_work *c = (struct cursor_work *)w;

    if (cursors_put(txn, c->mailbox, c->cursor.uidvalidity, c->cursor.uid_next, e) < 0)
        return -1;
    step("cursor.written");
    return 0;
}

static void cursor_done(struct persist_work *w, const struct err *e)
{
    if (e)
        log_warning("inbound", "event=cursor-not-stored error=\"%s\"", e->text);
    step("cursor.stored");
    free(w);
}

static void cursor_moved(const struct imap_cursor *cursor, void *arg)
{
    struct inbound_box *box = arg;
    struct cursor_work *c = calloc(1, sizeof *c);

    if (!c)
        return; /* losing it costs a second look at the mails */
    c->mailbox = box->mailbox->name;
    c->cursor = *cursor;
    c->work.run = cursor_run;
    c->work.done = cursor_done;
    persist_submit(box->gateway->persist, &c->work);
}

static void state_changed(bool ready, const char *reason, void *arg)
{
    struct inbound_box *box = arg;

    if (ready != box->is_ready || box->since_s == 0)
        box->since_s = gateway_now_s(box->gateway);
    box->is_ready = ready;
    snprintf(box->reason, sizeof box->reason, "%s", ready || !reason ? "" : reason);
    log_info("inbound", "event=%s mailbox=%s%s%s%s", ready ? "watching" : "away",
             box->mailbox->name, reason ? " reason=\"" : "", reason ? reason : "",
             reason ? "\"" : "");
}

void inbound_each(const struct gateway *g, void (*fn)(const struct inbound_state *box, void *arg),
                  void *arg)
{
    const struct inbound_box *box;

    for (box = g->boxes; box; box = box->next) {
        struct inbound_state state = {.name = box->mailbox->name,
                                      .host = box->mailbox->server.host,
                                      .is_ready = box->is_ready,
                                      .reason = box->reason,
                                      .since_s = box->since_s ? box->since_s : g->stats.started_s};

        fn(&state, arg);
    }
}

/* Life. */

struct first_cursor {
    const char *mailbox;
    struct imap_cursor cursor;
};

static int read_cursor(struct store_txn *txn, void *arg, struct err *e)
{
    struct first_cursor *f = arg;

    return cursors_get(txn, f->mailbox, &f->cursor.uidvalidity, &f->cursor.uid_next, e);
}

static int box_open(struct inbound_box *box, struct err *e)
{
    static const struct imap_handler handler = {.awaited = mail_awaited,
                                                .mail = mail_arrived,
                                                .cursor = cursor_moved,
                                                .state = state_changed};
    struct gateway *g = box->gateway;
    struct imap_settings settings = {
        .mailbox = box->mailbox,
        .mail_size_max = g->settings->conf->limit.mail_size_max,
        .unanswered_max = UNANSWERED_MAX,
    };
    struct first_cursor first = {.mailbox = box->mailbox->name};

    if (store_now(g->store, read_cursor, &first, e) < 0)
        return -1;
    box->watch =
        imap_watch_new(g->loop, g->net, g->clock, &settings, first.cursor, &handler, box, e);
    return box->watch ? 0 : -1;
}

static char *origin_of(const char *name)
{
    char *text = malloc(strlen(name) + sizeof "imap:");

    if (text)
        strcat(strcpy(text, "imap:"), name);
    return text;
}

int inbound_open(struct gateway *g, struct err *e)
{
    size_t i;

    for (i = 0; i < g->settings->conf->mailbox_count; i++) {
        struct inbound_box *box = calloc(1, sizeof *box);

        if (!box)
            return err_memory(e);
        box->gateway = g;
        box->mailbox = &g->settings->conf->mailboxes[i];
        box->next = g->boxes;
        g->boxes = box;
        box->origin = origin_of(box->mailbox->name);
        if (!box->origin)
            return err_memory(e);
        if (box_open(box, e) < 0)
            return -1;
    }
    return 0;
}

void inbound_flag(struct gateway *g, const char *origin, uint32_t uidvalidity, uint32_t uid,
                  unsigned flags)
{
    struct inbound_box *box;

    if (own_is_origin(origin)) {
        if (uid != 0)
            own_flag(g, origin, uidvalidity, uid, flags);
        return;
    }
    for (box = g->boxes; box; box = box->next)
        if (origin && uid != 0 && strcmp(box->origin, origin) == 0)
            imap_watch_flag(box->watch, uidvalidity, uid, flags);
}

void inbound_start(struct gateway *g)
{
    struct inbound_box *box;

    for (box = g->boxes; box; box = box->next)
        imap_watch_start(box->watch);
}

static void box_stopped(void *arg)
{
    struct inbound_box *box = arg;
    struct gateway *g = box->gateway;

    box->is_stopped = true;
    for (box = g->boxes; box; box = box->next)
        if (!box->is_stopped)
            return;
    g->inbound_stopped(g);
}

void inbound_stop(struct gateway *g, void (*stopped)(struct gateway *g))
{
    struct inbound_box *box, *next;

    g->inbound_stopped = stopped;
    if (!g->boxes) {
        stopped(g);
        return;
    }
    for (box = g->boxes; box; box = next) {
        next = box->next;
        imap_watch_stop(box->watch, box_stopped, box);
    }
}

void inbound_close(struct gateway *g)
{
    struct inbound_box *box = g->boxes, *next;

    g->boxes = NULL;
    for (; box; box = next) {
        next = box->next;
        imap_watch_free(box->watch);
        free(box->origin);
        free(box);
    }
}
