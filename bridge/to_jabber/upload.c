/*
 * upload: the files of a mail go to the host server's upload service.
 *
 * Owns what is known of the service, and a struct turn for each mail under way: AT_ONCE of them
 * upload, the others wait for their turn, because a slot is to be used at once.  Loop thread.  What
 * the service has got is written down before the next file, so a crash costs at most one file
 * uploaded twice; the mail is in the queue all the time.
 *
 *   rows of an earlier try -> (the service is looked for) -> slot -> PUT -> row -> the next file
 */
#include "bridge/to_jabber/upload.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bridge/to_jabber/upload_slot.h"
#include "component/asks.h"
#include "store/uploads.h"

#define INFO_NS  "http://jabber.org/protocol/disco#info"
#define ITEMS_NS "http://jabber.org/protocol/disco#items"

enum {
    AT_ONCE = 4,
    TURNS_MAX = 64,
    CANDIDATES_MAX = 32,
    KNOWN_MS = 600000, /* so long a service is taken to be as it was */
    AWAY_MS = 60000    /* and one that failed is left alone */
};

enum service_state { SERVICE_UNKNOWN, SERVICE_LOOKING, SERVICE_FOUND, SERVICE_AWAY };

struct turn {
    struct uploads *uploads;
    struct shipment *shipment;
    void (*done)(struct shipment *s);
    struct attachment *at; /* the next that may be due */
    unsigned part;         /* its number */
    struct upload_row *rows;
    struct slot slot;
    struct store_work work;
    struct http_job http;
    struct turn *next;
};

struct turn_list {
    struct turn *first, **end;
};

struct uploads {
    struct gateway *gateway;
    struct loop_task begin;
    struct turn_list waiting; /* for their turn */
    struct turn_list parked;  /* in their turn, until the service is found or not */
    unsigned count, active;

    enum service_state state;
    int64_t until_ms; /* of FOUND and AWAY */
    struct arena *arena;
    const char *wanted; /* what the configuration said when it was looked for */
    const char *candidates[CANDIDATES_MAX];
    unsigned candidate_count, candidate; /* the one that is asked, or the service */
    int64_t size_max;                    /* 0: not said */
};

static const char no_service[] = "there is no upload service, or it is out of order";

static void go_on(struct turn *t);
static void give_up(struct turn *t, const char *why);

static void list_init(struct turn_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_push(struct turn_list *list, struct turn *t)
{
    t->next = NULL;
    *list->end = t;
    list->end = &t->next;
}

static struct turn *list_pop(struct turn_list *list)
{
    struct turn *t = list->first;

    if (t) {
        list->first = t->next;
        if (!list->first)
            list->end = &list->first;
    }
    return t;
}

/* ---- the service ---- */

static int64_t now_ms(const struct uploads *u)
{
    return clock_mono_ms(u->gateway->clock);
}

static void settle(struct uploads *u, enum service_state state, int64_t keep_ms)
{
    struct turn *t, *next;

    u->state = state;
    u->until_ms = now_ms(u) + keep_ms;
    if (state == SERVICE_FOUND)
        log_info("upload", "event=service-found jid=%s size_max=%lld", u->candidates[u->candidate],
                 (long long)u->size_max);
    else
        log_warning("upload", "event=no-service reason=\"%s\"",
                    *u->wanted ? "the configured one does not answer as an upload service"
                               : "none of the host's services is one");
    t = u->parked.first;
    list_init(&u->parked);
    for (; t; t = next) {
        next = t->next;
        if (state == SERVICE_FOUND)
            go_on(t);
        else
            give_up(t, no_service);
    }
}

static void ask_candidates(struct uploads *u);

static void info_answered(const struct xml_node *answer, void *arg)
{
    struct uploads *u = arg;

    if (answer && slot_is_service(answer, &u->size_max)) {
        settle(u, SERVICE_FOUND, KNOWN_MS);
        return;
    }
    u->candidate++;
    ask_candidates(u);
}

/* Asks the next of them; with none left, or no stream to ask on, there is no service. */
static void ask_candidates(struct uploads *u)
{
    struct xml_node *query = xml_new(u->arena, INFO_NS, "query");

    if (u->candidate < u->candidate_count &&
        asks_get(u->gateway->asks, u->candidates[u->candidate], query, info_answered, u) == 0)
        return;
    settle(u, SERVICE_AWAY, stream_is_up(u->gateway->stream) ? AWAY_MS : 0);
}

static void add_candidate(struct uploads *u, const char *jid)
{
    jid = u->candidate_count < CANDIDATES_MAX ? arena_strdup(u->arena, jid) : NULL;
    if (jid)
        u->candidates[u->candidate_count++] = jid;
}

static void items_answered(const struct xml_node *answer, void *arg)
{
    const struct xml_node *query = answer ? xml_child(answer, ITEMS_NS, "query") : NULL, *item;
    struct uploads *u = arg;

    for (item = xml_child(query, ITEMS_NS, "item"); item; item = xml_next(item, ITEMS_NS, "item")) {
        const char *jid = xml_get(item, "jid");

        if (jid && !xml_get(item, "node") && strcmp(jid, u->gateway->settings->conf->jid) != 0)
            add_candidate(u, jid);
    }
    ask_candidates(u);
}

/* Where the service is not told, the host itself may be it, or one of what belongs to it. */
static void look_for_service(struct uploads *u)
{
    const struct conf *conf = u->gateway->settings->conf;
    struct xml_node *query;

    u->state = SERVICE_LOOKING;
    u->wanted = "";
    u->candidate = u->candidate_count = 0;
    arena_free(u->arena);
    u->arena = arena_new(64 << 10);
    if (u->arena)
        u->wanted = arena_strdup(u->arena, conf->upload.service);
    if (!u->arena || !u->wanted) {
        u->wanted = "";
        settle(u, SERVICE_AWAY, 0);
        return;
    }
    add_candidate(u, *conf->upload.service ? conf->upload.service : conf->home[0]);
    query = xml_new(u->arena, ITEMS_NS, "query");
    if (*conf->upload.service ||
        asks_get(u->gateway->asks, conf->home[0], query, items_answered, u) < 0)
        ask_candidates(u);
}

/* Is what is known of it still good? */
static bool is_known(const struct uploads *u)
{
    return (u->state == SERVICE_FOUND || u->state == SERVICE_AWAY) && now_ms(u) < u->until_ms &&
           strcmp(u->wanted, u->gateway->settings->conf->upload.service) == 0;
}

static void leave_alone(struct uploads *u)
{
    if (u->state != SERVICE_FOUND)
        return;
    u->state = SERVICE_AWAY;
    u->until_ms = now_ms(u) + AWAY_MS;
}

/* ---- one mail ---- */

static bool is_due(const struct attachment *at)
{
    return at->content && !at->url;
}

bool upload_is_due(const struct shipment *s)
{
    const struct attachment *at = s->letter->attachments;

    if (!s->settings->conf->upload.is_on || s->letter->report)
        return false;
    while (at && !is_due(at))
        at = at->next;
    return at != NULL;
}

static void end_turn(struct turn *t)
{
    struct uploads *u = t->uploads;
    struct shipment *s = t->shipment;
    void (*done)(struct shipment * s) = t->done;

    free(t);
    u->count--;
    u->active--;
    u->gateway->uploading--;
    u->gateway->preparing++;
    if (u->waiting.first)
        loop_post(u->gateway->loop, &u->begin);
    done(s);
}

/* Why a file was not taken.  What may be different later outweighs what will not. */
static void note(struct turn *t, const struct err *e)
{
    struct err *kept = &t->shipment->upload_err;
    char id[ID_TEXT_SIZE];

    log_warning("upload", "event=not-uploaded id=%s part=%u class=%s reason=\"%s\"",
                id_format(t->shipment->parcel->message.id, id), t->part, err_class_name(e->class),
                e->text);
    if (kept->class == ERR_NONE || e->class == ERR_RETRY)
        *kept = *e;
}

static void give_up(struct turn *t, const char *why)
{
    struct err e;

    err_set(&e, ERR_RETRY, "%s", why);
    note(t, &e);
    end_turn(t);
}

static void next_file(struct turn *t)
{
    t->at = t->at->next;
    t->part++;
    go_on(t);
}

static struct turn *of_work(struct store_work *work)
{
    return (struct turn *)(void *)((char *)work - offsetof(struct turn, work));
}

static int keep_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct turn *t = of_work(work);

    return uploads_put(txn, t->shipment->parcel->message.id, t->part, t->at->url,
                       t->shipment->now_s, e);
}

/* A row that could not be written costs an upload only when the mail has to be tried again. */
static void kept(struct store_work *work, const struct err *e)
{
    if (e)
        log_warning("upload", "event=not-noted error=\"%s\"", e->text);
    next_file(of_work(work));
}

static void uploaded(struct http_job *job)
{
    struct turn *t = job->arg;
    struct err e = job->err;
    char id[ID_TEXT_SIZE];

    http_clear(job);
    if (e.class == ERR_NONE) {
        log_info("upload", "event=uploaded id=%s part=%u bytes=%zu",
                 id_format(t->shipment->parcel->message.id, id), t->part, t->at->size);
        t->at->url = t->slot.get_url;
        t->work.run = keep_run;
        t->work.done = kept;
        if (store_submit(t->uploads->gateway->store, &t->work) < 0)
            next_file(t);
        return;
    }
    if (e.class == ERR_PERMANENT) {
        note(t, &e);
        next_file(t);
        return;
    }
    leave_alone(t->uploads);
    note(t, &e);
    end_turn(t);
}

static void put_file(struct turn *t)
{
    const struct conf *conf = t->shipment->settings->conf;
    struct http_header *headers;
    size_t i, n = t->slot.header_count;

    headers = arena_alloc(t->shipment->arena, (n + 1) * sizeof *headers);
    if (!headers || t->uploads->gateway->is_closing) {
        give_up(t, headers ? "the gateway stops" : "out of memory");
        return;
    }
    headers[0] = (struct http_header){"Content-Type", "application/octet-stream"};
    if (t->at->media_type)
        headers[0].value = t->at->media_type;
    for (i = 0; i < n; i++)
        headers[i + 1] = t->slot.headers[i];
    t->http = (struct http_job){
        .url = t->slot.put_url,
        .owner = "upload",
        .reach = HTTP_TRUSTED,
        .may_be_clear = conf->upload.may_be_clear,
        .ca_file = conf->upload.ca_file,
        .headers = headers,
        .header_count = n + 1,
        .body = t->at->content,
        .body_len = t->at->size,
        .timeout_ms = conf->upload.timeout_s * 1000,
        .done = uploaded,
        .arg = t,
    };
    if (http_submit(t->uploads->gateway->http, &t->http) < 0)
        give_up(t, "too many files are under way");
}

static void slot_answered(const struct xml_node *answer, void *arg)
{
    struct turn *t = arg;
    struct err e;

    if (!answer) {
        leave_alone(t->uploads);
        give_up(t, "the upload service does not answer");
        return;
    }
    if (slot_read(t->shipment->arena, answer, &t->slot, &e) == 0) {
        put_file(t);
        return;
    }
    note(t, &e);
    if (e.class == ERR_PERMANENT)
        next_file(t);
    else
        end_turn(t);
}

static void ask_slot(struct turn *t)
{
    struct uploads *u = t->uploads;
    struct xml_node *request = slot_request(
        t->shipment->arena, t->at->filename && *t->at->filename ? t->at->filename : "attachment",
        t->at->size, t->at->media_type ? t->at->media_type : "application/octet-stream");

    if (asks_get(u->gateway->asks, u->candidates[u->candidate], request, slot_answered, t) < 0)
        give_up(t, "the upload service cannot be asked");
}

/* The service takes files of one byte and more (XEP-0363 §5). */
static bool is_takeable(struct turn *t)
{
    int64_t max = t->uploads->size_max;
    struct err e;

    if (t->at->size > 0 && (max == 0 || t->at->size <= (uint64_t)max))
        return true;
    if (t->at->size == 0)
        err_set(&e, ERR_PERMANENT, "the file is empty");
    else
        err_set(&e, ERR_PERMANENT, "the file is too large for the upload service");
    note(t, &e);
    return false;
}

/* Goes on with the next file, as far as is known what to do. */
static void go_on(struct turn *t)
{
    struct uploads *u = t->uploads;

    while (t->at && !is_due(t->at)) {
        t->at = t->at->next;
        t->part++;
    }
    if (!t->at) {
        end_turn(t);
    } else if (u->state == SERVICE_LOOKING || !is_known(u)) {
        list_push(&u->parked, t);
        if (u->state != SERVICE_LOOKING)
            look_for_service(u);
    } else if (u->state == SERVICE_AWAY) {
        give_up(t, no_service);
    } else if (!is_takeable(t)) {
        next_file(t);
    } else {
        ask_slot(t);
    }
}

static int rows_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct turn *t = of_work(work);

    return uploads_get(txn, t->shipment->arena, t->shipment->parcel->message.id, &t->rows, e);
}

static void rows_found(struct store_work *work, const struct err *e)
{
    struct turn *t = of_work(work);
    const struct upload_row *row;
    struct attachment *at;
    unsigned part = 0;

    if (e) {
        give_up(t, e->text);
        return;
    }
    for (at = t->shipment->letter->attachments; at; at = at->next, part++)
        for (row = t->rows; row && is_due(at); row = row->next)
            if (row->part == part)
                at->url = row->url;
    t->at = t->shipment->letter->attachments;
    go_on(t);
}

static void begin(void *arg)
{
    struct uploads *u = arg;

    while (u->active < AT_ONCE && u->waiting.first) {
        struct turn *t = list_pop(&u->waiting);

        u->active++;
        t->work.run = rows_run;
        t->work.done = rows_found;
        if (store_submit(u->gateway->store, &t->work) < 0)
            give_up(t, "the store is busy");
    }
}

int upload_start(struct uploads *u, struct shipment *s, void (*done)(struct shipment *s))
{
    struct turn *t = u->count < TURNS_MAX ? calloc(1, sizeof *t) : NULL;

    if (!t)
        return -1;
    t->uploads = u;
    t->shipment = s;
    t->done = done;
    u->count++;
    u->gateway->uploading++; /* others are prepared meanwhile */
    u->gateway->preparing--;
    list_push(&u->waiting, t);
    loop_post(u->gateway->loop, &u->begin);
    return 0;
}

struct uploads *uploads_new(struct gateway *g)
{
    struct uploads *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->gateway = g;
    u->wanted = "";
    u->begin.run = begin;
    u->begin.arg = u;
    list_init(&u->waiting);
    list_init(&u->parked);
    return u;
}

void uploads_stop(struct uploads *u)
{
    struct turn *t;

    while ((t = list_pop(&u->waiting))) {
        u->active++;
        give_up(t, "the gateway stops");
    }
}

void uploads_free(struct uploads *u)
{
    if (!u)
        return;
    loop_cancel(u->gateway->loop, &u->begin);
    arena_free(u->arena);
    free(u);
}
