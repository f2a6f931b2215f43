/*
 * imap_boxes: a watch for each mailbox, and what the watches share: threads, a gate, what is
 * trusted.
 *
 * A mailbox that is removed, or gets another description, leaves its watch to itself: abandoned, it
 * tells nothing any more, breaks its connection off, and is freed with the description when its
 * last job has ended.  So a handle never waits for the network.
 *
 * Owns the boxes, their watches and descriptions.  Loop thread; the jobs of the watches are on the
 * pool.  A crash loses nothing: cursors are the receiver's to keep.
 */
#include "mail/imap/imap_boxes.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/descriptors.h"
#include "base/resident.h"
#include "mail/imap/imap_boxes_inside.h"

enum {
    THREADS = 16,
    TRIAL_THREADS = 2, /* beside them, so that who registers does not wait for those who did */
    PER_HOST = 4,
    UNANSWERED = 16,
    DESCRIPTORS_RESERVED = 512, /* for everything else in the process */
    TRIM_AT = 50,               /* mailboxes opened, */
    TRIM_MS = 2000,             /* and then none for so long */
    BOXES_LEAST = 16,
    BOXES_MOST = 50000
};

/* A watch with its description, in a box or on its way out. */
struct seat {
    struct imap_boxes *boxes;
    struct imap_box *box; /* NULL: on its way out */
    struct imap_watch *watch;
    struct imap_description *description;
};

struct imap_box {
    struct imap_boxes *boxes;
    struct seat *seat;
    void *owner;
    bool is_watching;
    struct imap_cursor cursor; /* as last told */
    struct imap_box *prev, *next;
};

static void settle(void *arg)
{
    struct imap_boxes *b = arg;
    void (*stopped)(void *) = b->stopped;

    if (!b->is_stopping || b->leaving > 0 || b->trials_running > 0 || b->is_trimming || !stopped)
        return;
    b->stopped = NULL;
    stopped(b->stopped_arg); /* may free b */
}

void imap_boxes_settle(struct imap_boxes *b)
{
    if (b->is_stopping)
        loop_post(b->loop, &b->settle);
}

/* ---- memory ---- */

/* What connecting took for a while lies scattered over the threads' heaps: as much again as the
 * mailboxes hold in the end.  After a wave it is given back. */
static void trim(struct work_job *job)
{
    (void)job;
    resident_give_back();
}

static void trimmed(struct work_job *job)
{
    struct imap_boxes *b =
        (struct imap_boxes *)(void *)((char *)job - offsetof(struct imap_boxes, trim));

    b->is_trimming = false;
    imap_boxes_settle(b);
}

static void trim_now(void *arg)
{
    struct imap_boxes *b = arg;

    if (b->is_trimming || b->is_stopping)
        return;
    b->opened = 0;
    b->trim.run = trim;
    b->trim.done = trimmed;
    b->is_trimming = work_submit(b->pool, &b->trim) == 0;
}

static void note_opened(struct imap_boxes *b)
{
    if (++b->opened >= TRIM_AT)
        loop_timer_start(b->trim_later, TRIM_MS);
}

/* ---- what a watch tells ---- */

static bool mail_arrived(const struct imap_mail *mail, void *arg)
{
    struct imap_box *box = ((struct seat *)arg)->box;

    return box->boxes->handler.mail(box, mail, box->boxes->arg);
}

static void cursor_moved(const struct imap_cursor *cursor, void *arg)
{
    struct imap_box *box = ((struct seat *)arg)->box;

    box->cursor = *cursor;
    box->boxes->handler.cursor(box, cursor, box->boxes->arg);
}

/* After an outage nobody waits out a back-off of many minutes: the gate lets them in a few at a
 * time. */
static void hurry_others(const struct imap_box *box)
{
    const struct conf_server *server = &box->seat->description->mailbox.server, *other;
    const struct imap_box *i;

    for (i = box->boxes->boxes; i; i = i->next) {
        other = &i->seat->description->mailbox.server;
        if (i != box && other->port == server->port && strcasecmp(other->host, server->host) == 0)
            imap_watch_hurry(i->seat->watch);
    }
}

static void state_changed(const struct imap_state *state, void *arg)
{
    struct imap_box *box = ((struct seat *)arg)->box;
    struct imap_boxes *b = box->boxes;

    b->watching -= box->is_watching;
    box->is_watching = state->at == IMAP_WATCHING;
    b->watching += box->is_watching;
    if (box->is_watching) {
        note_opened(b);
        if (imap_watch_came_back(box->seat->watch))
            hurry_others(box);
    }
    b->handler.state(box, state, b->arg);
}

/* ---- seats ---- */

static void free_seat(struct seat *seat)
{
    if (!seat)
        return;
    imap_watch_free(seat->watch);
    imap_description_wipe(seat->description);
    free(seat);
}

static void has_left(void *arg)
{
    struct seat *seat = arg;
    struct imap_boxes *b = seat->boxes;

    free_seat(seat);
    b->leaving--;
    imap_boxes_settle(b);
}

static void leave(struct seat *seat)
{
    seat->box = NULL;
    seat->boxes->leaving++;
    imap_watch_abandon(seat->watch, has_left, seat);
}

static struct imap_watch *new_watch(struct seat *seat, struct err *e)
{
    static const struct imap_handler handler = {
        .mail = mail_arrived, .cursor = cursor_moved, .detail = state_changed};
    struct imap_boxes *b = seat->boxes;
    struct imap_settings settings = {.mailbox = &seat->description->mailbox,
                                     .is_personal = true,
                                     .gate = b->gate,
                                     .trust = b->trust,
                                     .may_connect = b->settings.may_connect,
                                     .mail_size_max = b->settings.mail_size_max,
                                     .unanswered_max = b->settings.unanswered_max,
                                     .pace = b->settings.pace};

    return imap_watch_new(b->loop, b->pool, b->clock, &settings, seat->box->cursor, &handler, seat,
                          e);
}

static struct seat *new_seat(struct imap_box *box, const struct conf_mailbox *mailbox,
                             struct err *e)
{
    struct seat *seat = calloc(1, sizeof *seat);

    if (!seat) {
        err_memory(e);
        return NULL;
    }
    seat->boxes = box->boxes;
    seat->box = box;
    seat->description = imap_description_copy(mailbox, box->boxes->settings.ca_file, e);
    if (seat->description)
        seat->watch = new_watch(seat, e);
    if (seat->watch)
        return seat;
    free_seat(seat);
    return NULL;
}

/* ---- boxes ---- */

struct imap_box *imap_boxes_add(struct imap_boxes *b, const struct conf_mailbox *mailbox,
                                struct imap_cursor start, void *owner, struct err *e)
{
    struct imap_box *box;

    if (b->is_stopping || b->count + b->leaving >= b->settings.boxes_max) {
        err_set(e, ERR_RETRY, "no more than %u mailboxes can be watched at once",
                b->settings.boxes_max);
        return NULL;
    }
    if (imap_boxes_start(b, e) < 0)
        return NULL;
    box = calloc(1, sizeof *box);
    if (!box) {
        err_memory(e);
        return NULL;
    }
    box->boxes = b;
    box->owner = owner;
    box->cursor = start;
    box->seat = new_seat(box, mailbox, e);
    if (!box->seat) {
        free(box);
        return NULL;
    }
    box->next = b->boxes;
    if (box->next)
        box->next->prev = box;
    b->boxes = box;
    b->count++;
    imap_watch_start(box->seat->watch);
    return box;
}

int imap_box_change(struct imap_box *box, const struct conf_mailbox *mailbox, struct err *e)
{
    struct seat *seat = new_seat(box, mailbox, e);

    if (!seat)
        return -1;
    leave(box->seat);
    box->seat = seat;
    imap_watch_start(seat->watch);
    return 0;
}

void imap_box_remove(struct imap_box *box)
{
    struct imap_boxes *b = box->boxes;

    b->watching -= box->is_watching;
    if (box->prev)
        box->prev->next = box->next;
    else
        b->boxes = box->next;
    if (box->next)
        box->next->prev = box->prev;
    b->count--;
    leave(box->seat);
    free(box);
}

void *imap_box_owner(const struct imap_box *box)
{
    return box->owner;
}

const struct imap_state *imap_box_state(const struct imap_box *box)
{
    return imap_watch_state(box->seat->watch);
}

void imap_box_done(struct imap_box *box, uint32_t uidvalidity, uint32_t uid, bool safe)
{
    imap_watch_done(box->seat->watch, uidvalidity, uid, safe);
}

int imap_box_errand(struct imap_box *box, struct imap_errand *errand)
{
    return imap_watch_errand(box->seat->watch, errand);
}

size_t imap_boxes_count(const struct imap_boxes *b)
{
    return b->count;
}

size_t imap_boxes_watching(const struct imap_boxes *b)
{
    return b->watching;
}

/* ---- all of them ---- */

static void fill(int64_t *value, int64_t usual)
{
    if (*value <= 0)
        *value = usual;
}

static unsigned room_for_descriptors(void)
{
    unsigned limit = descriptors_limit(), n;

    n = limit > 2 * DESCRIPTORS_RESERVED ? limit - DESCRIPTORS_RESERVED : limit / 2;
    return n > BOXES_MOST ? BOXES_MOST : n < BOXES_LEAST ? BOXES_LEAST : n;
}

static void fill_settings(struct imap_boxes_settings *s)
{
    if (s->boxes_max == 0)
        s->boxes_max = room_for_descriptors();
    if (s->threads == 0)
        s->threads = THREADS;
    if (s->per_host == 0)
        s->per_host = PER_HOST;
    if (s->unanswered_max == 0)
        s->unanswered_max = UNANSWERED;
    fill(&s->pace.connect_ms, 20000);
    fill(&s->pace.read_ms, 60000);
    fill(&s->pace.retry_first_ms, 5000);
    fill(&s->pace.retry_max_ms, 900000);
    fill(&s->pace.refused_ms, 1800000);
    fill(&s->pace.idle_ms, 1620000); /* 27 min: 13 to 27 with the jitter, all below RFC 2177's 29 */
    fill(&s->pace.poll_ms, 180000);
}

struct imap_boxes *imap_boxes_new(struct loop *loop, const struct clock *clock,
                                  const struct imap_boxes_settings *settings,
                                  const struct imap_boxes_handler *handler, void *arg,
                                  struct err *e)
{
    struct imap_boxes *b = calloc(1, sizeof *b);

    if (!b) {
        err_memory(e);
        return NULL;
    }
    b->loop = loop;
    b->clock = clock;
    b->settings = *settings;
    fill_settings(&b->settings);
    b->handler = *handler;
    b->arg = arg;
    b->settle = (struct loop_task){.run = settle, .arg = b};
    b->gate = imap_gate_new(loop, b->settings.threads, b->settings.per_host, e);
    b->trust = imap_trust_new(b->settings.ca_file, e);
    b->trim_later = loop_timer_new(loop, trim_now, b);
    if (!b->trim_later)
        err_memory(e);
    if (b->gate && b->trust && b->trim_later)
        return b;
    imap_boxes_free(b);
    return NULL;
}

int imap_boxes_start(struct imap_boxes *b, struct err *e)
{
    unsigned threads = b->settings.threads + TRIAL_THREADS;

    /* The gate lets no more in than there are threads; the rest is for trials and watches that
     * leave. */
    if (!b->pool)
        b->pool = work_pool_new(b->loop, "mailboxes", threads, 4 * threads, e);
    return b->pool ? 0 : -1;
}

void imap_boxes_stop(struct imap_boxes *b, void (*stopped)(void *arg), void *arg)
{
    b->is_stopping = true;
    b->stopped = stopped;
    b->stopped_arg = arg;
    while (b->boxes)
        imap_box_remove(b->boxes);
    imap_trials_stop(b);
    imap_boxes_settle(b);
}

void imap_boxes_free(struct imap_boxes *b)
{
    if (!b)
        return;
    loop_cancel(b->loop, &b->settle);
    loop_timer_free(b->trim_later);
    work_pool_free(b->pool);
    imap_gate_free(b->gate);
    imap_trust_free(b->trust);
    free(b);
}
