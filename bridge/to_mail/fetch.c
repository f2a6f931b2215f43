/*
 * fetch: files that a Jabber user links to are downloaded and attached to the mail.
 *
 * Owns a struct errand for each mail under way.  What the files may take in memory is reserved
 * before the first is asked for; a mail without room waits for its turn, not for longer than
 * fetching itself may take.  Loop thread, with the composing on a worker and the storing on the
 * writer.  A crash leaves the mail in the queue with its note: it is fetched again, and has not
 * been sent.
 */
#include "bridge/to_mail/fetch.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mapping/mime/mime_attach.h"
#include "mapping/mime/sniff.h"
#include "store/queue.h"

enum {
    ERRANDS_MAX = 64,
    OF_SENDER_MAX = 16,      /* of those */
    BYTES_MAX = 4 << 20,     /* of the mails themselves: the courier's memory is for all */
    RESERVED_MAX = 64 << 20, /* for files */
    AT_ONCE_OF_SENDER = 2,
    WHOLE_SLACK = 64 << 10
};

struct errand {
    struct work_job compose;
    struct store_work store;
    struct http_job http;
    struct fetches *fetches;
    struct settings *settings;
    struct parcel *parcel;
    struct arena *arena;
    struct attach_note note;
    struct attachment *files, **end; /* contents in kept */
    struct buf kept[FETCH_LINKS_MAX];
    size_t file_count, total;
    size_t next_url;
    struct buf whole; /* the new mail */
    char id[ID_TEXT_SIZE + 2];
    int64_t deadline_ms; /* of the waiting, then of the fetching */
    bool is_active;
    struct errand *next;
};

struct fetches {
    struct gateway *gateway;
    struct loop_task begin;
    struct errand *first; /* oldest first */
    unsigned count;
    size_t bytes, reserved;
};

static int64_t now_ms(const struct fetches *f)
{
    return clock_mono_ms(f->gateway->clock);
}

static size_t total_max(const struct errand *e)
{
    return (size_t)e->settings->conf->fetch.total_max;
}

/* Without the parcel. */
static void errand_free(struct errand *e)
{
    struct fetches *f = e->fetches;
    struct errand **at = &f->first;
    size_t i;

    while (*at && *at != e)
        at = &(*at)->next;
    if (*at) {
        *at = e->next;
        f->count--;
        f->bytes -= e->parcel->message.content_len;
        if (e->is_active) {
            f->reserved -= total_max(e);
            f->gateway->fetching--;
        }
        loop_post(f->gateway->loop, &f->begin);
    }
    for (i = 0; i < e->file_count; i++)
        buf_clear(&e->kept[i]);
    buf_clear(&e->whole);
    settings_drop(e->settings);
    arena_free(e->arena);
    free(e);
}

/* ---- the end: back through the queue ---- */

static struct errand *of_store(struct store_work *work)
{
    return (struct errand *)(void *)((char *)work - offsetof(struct errand, store));
}

static int store_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct errand *errand = of_store(work);

    return queue_set_content(txn, errand->parcel->message.id, errand->whole.data, errand->whole.len,
                             e);
}

/* Not stored (the disk is full): it is tried again, and fetched again, like any mail. */
static void stored(struct store_work *work, const struct err *error)
{
    struct errand *e = of_store(work);
    struct gateway *g = e->fetches->gateway;
    struct parcel *p = e->parcel;
    int64_t pause_s = error ? g->settings->conf->queue.retry_first_s : 0;

    if (error)
        log_error("fetch", "event=not-stored id=%s error=\"%s\"", e->id, error->text);
    else
        log_info("fetch", "event=fetched id=%s files=%zu of=%zu bytes=%zu", e->id,
                 e->files ? e->file_count : 0, e->note.count, e->total);
    errand_free(e);
    courier_finish(g->mail_out, p, gateway_now_s(g) + pause_s);
}

static void give_back(struct errand *e)
{
    struct gateway *g = e->fetches->gateway;
    struct parcel *p = e->parcel;

    errand_free(e);
    courier_finish(g->mail_out, p, gateway_now_s(g) + 1);
}

static void compose_run(struct work_job *job)
{
    struct errand *e = (struct errand *)job;
    const struct queue_message *m = &e->parcel->message;

    mime_attach(&e->whole, m->content + e->note.len, m->content_len - e->note.len, e->files, e->id);
    if (!buf_failed(&e->whole))
        return;
    buf_reset(&e->whole); /* too large with them: the links alone */
    e->files = NULL;
    mime_attach(&e->whole, m->content + e->note.len, m->content_len - e->note.len, NULL, e->id);
}

static void composed(struct work_job *job)
{
    struct errand *e = (struct errand *)job;

    e->store.run = store_run;
    e->store.done = stored;
    if (buf_failed(&e->whole) || store_submit(e->fetches->gateway->store, &e->store) < 0)
        give_back(e);
}

static void compose(struct errand *e)
{
    struct gateway *g = e->fetches->gateway;

    buf_init(&e->whole, (size_t)e->settings->conf->limit.mail_size_max);
    e->compose.run = compose_run;
    e->compose.done = composed;
    if (g->is_closing || work_submit(g->workers, &e->compose) < 0)
        give_back(e);
}

/* ---- fetching ---- */

static void next_link(struct errand *e);

static int keep(struct errand *e, struct http_job *job)
{
    struct attachment *at = arena_alloc(e->arena, sizeof *at);

    if (!at)
        return -1;
    at->media_type = sniff_type(job->content.data, job->content.len);
    at->filename = mime_attach_name(e->arena, job->url, at->media_type);
    if (!at->filename)
        return -1;
    at->content = job->content.data;
    at->size = job->content.len;
    e->kept[e->file_count++] = job->content;
    e->total += at->size;
    *e->end = at;
    e->end = &at->next;
    return 0;
}

static void fetched(struct http_job *job)
{
    struct errand *e = job->arg;

    if (job->err.class != ERR_NONE)
        log_info("fetch", "event=link-only id=%s n=%zu reason=\"%s\"", e->id, e->next_url,
                 job->err.text);
    if (job->err.class != ERR_NONE || job->content.len == 0 || keep(e, job) < 0)
        http_clear(job);
    next_link(e);
}

static void next_link(struct errand *e)
{
    const struct conf *conf = e->settings->conf;
    int64_t left_ms = e->deadline_ms - now_ms(e->fetches);
    size_t left = total_max(e) - e->total, size_max = (size_t)conf->fetch.size_max;

    if (e->next_url == e->note.count || left == 0 || left_ms <= 0 ||
        e->fetches->gateway->is_closing) {
        compose(e);
        return;
    }
    e->http = (struct http_job){
        .url = e->note.urls[e->next_url++],
        .owner = e->note.sender,
        .reach = HTTP_WORLD,
        .allow = conf->fetch.allow,
        .allow_count = conf->fetch.allow_count,
        .ca_file = conf->fetch.ca_file,
        .size_max = left < size_max ? left : size_max,
        .timeout_ms = left_ms,
        .done = fetched,
        .arg = e,
    };
    if (http_submit(e->fetches->gateway->http, &e->http) < 0)
        compose(e);
}

static unsigned count_of(const struct fetches *f, const char *sender, bool is_active)
{
    const struct errand *e;
    unsigned n = 0;

    for (e = f->first; e; e = e->next)
        n += (e->is_active || !is_active) && strcmp(e->note.sender, sender) == 0;
    return n;
}

static bool has_room(const struct fetches *f, const struct errand *e)
{
    return (f->reserved == 0 || f->reserved + total_max(e) <= RESERVED_MAX) &&
           count_of(f, e->note.sender, true) < AT_ONCE_OF_SENDER;
}

static void activate(struct fetches *f, struct errand *e)
{
    bool is_late = now_ms(f) >= e->deadline_ms;

    e->is_active = true;
    f->reserved += total_max(e);
    f->gateway->fetching++;
    e->deadline_ms = now_ms(f) + e->settings->conf->fetch.timeout_s * 1000;
    if (is_late || !e->settings->conf->fetch.is_on) /* switched off since the mail was written */
        compose(e);
    else
        next_link(e);
}

/* One step at a time: a mail may leave the list meanwhile. */
static void begin(void *arg)
{
    struct fetches *f = arg;
    struct errand *e;

    for (e = f->first; e; e = e->next)
        if (!e->is_active && (has_room(f, e) || now_ms(f) >= e->deadline_ms)) {
            loop_post(f->gateway->loop, &f->begin);
            activate(f, e);
            return;
        }
}

/* ---- a mail comes ---- */

bool fetch_is_due(const struct parcel *p)
{
    struct attach_note note;
    struct arena *a;
    bool is_due;

    if (p->message.content_len < 2 || memcmp(p->message.content, "X-", 2) != 0)
        return false; /* by far the most */
    a = arena_new(128 << 10);
    is_due = a && mime_attach_read(a, p->message.content, p->message.content_len, &note) == 0 &&
             note.count > 0;
    arena_free(a);
    return is_due;
}

int fetch_skip(struct parcel *p)
{
    struct attach_note note;
    struct arena *a = arena_new(128 << 10);
    int r = a ? mime_attach_read(a, p->message.content, p->message.content_len, &note) : -1;

    if (r == 0) {
        p->message.content += note.len;
        p->message.content_len -= note.len;
    }
    arena_free(a);
    return r;
}

static struct errand *errand_new(struct fetches *f, struct parcel *p)
{
    struct errand *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->fetches = f;
    e->parcel = p;
    e->settings = settings_hold(f->gateway->settings);
    e->end = &e->files;
    e->id[0] = 'f'; /* as the seed of a boundary, too: no other of the mail begins so */
    e->id[1] = '.';
    id_format(p->message.id, e->id + 2);
    buf_init(&e->whole, WHOLE_SLACK);
    e->arena = arena_new(256 << 10);
    e->deadline_ms = now_ms(f) + e->settings->conf->fetch.timeout_s * 1000;
    if (e->arena &&
        mime_attach_read(e->arena, p->message.content, p->message.content_len, &e->note) == 0)
        return e;
    errand_free(e);
    return NULL;
}

int fetch_start(struct fetches *f, struct parcel *p)
{
    struct errand *e, **at = &f->first;

    if (f->count >= ERRANDS_MAX || f->bytes + p->message.content_len > BYTES_MAX ||
        f->gateway->is_closing)
        return -1;
    e = errand_new(f, p);
    if (!e)
        return -1;
    if (count_of(f, e->note.sender, false) >= OF_SENDER_MAX) {
        errand_free(e);
        return -1;
    }
    while (*at)
        at = &(*at)->next;
    *at = e;
    f->count++;
    f->bytes += p->message.content_len;
    loop_post(f->gateway->loop, &f->begin);
    return 0;
}

struct fetches *fetches_new(struct gateway *g)
{
    struct fetches *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->gateway = g;
    f->begin.run = begin;
    f->begin.arg = f;
    return f;
}

void fetches_stop(struct fetches *f)
{
    struct errand *e, *next;

    for (e = f->first; e; e = next) {
        next = e->next;
        if (!e->is_active)
            give_back(e);
    }
}

void fetches_free(struct fetches *f)
{
    if (!f)
        return;
    loop_cancel(f->gateway->loop, &f->begin);
    free(f);
}
