/*
 * status: what the gateway tells its administrators.
 *
 * Data: the listener, the last counts of the queue, and the requests that wait for new ones.  Loop
 * thread, the counting on a worker.  A crash leaves nothing behind.
 */
#include "bridge/status/status.h"

#include "base/log.h"
#include "base/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COUNT_AGAIN_MS = 3000, ASKING_MAX = 64, PAGE_MAX = 1 << 20 };

struct asking {
    struct admin_request *request;
    enum admin_page page;
};

struct status {
    struct work_job count; /* on a worker while is_counting */
    struct gateway *gateway;
    struct admin *admin;
    bool is_counting;
    const char *store_url; /* the worker's from here to err */
    struct queue_counts counts[STATUS_KINDS];
    int64_t count_s;
    struct err err;
    bool has_counts;
    int64_t counted_ms, counted_s; /* monotonic, wall */
    struct queue_counts last[STATUS_KINDS];
    struct asking asking[ASKING_MAX];
    unsigned asking_count;
};

/* Resident: the second number of the file, in pages. */
static int64_t memory_now(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long pages = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%*d %lld", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void answer(struct status *s, const struct asking *a)
{
    struct status_view view = {
        .gateway = s->gateway,
        .now_s = gateway_now_s(s->gateway),
        .has_queue = s->has_counts,
        .counted_s = s->counted_s,
        .memory_bytes = memory_now(),
    };
    int i, code = 200;
    struct buf body;

    for (i = 0; i < STATUS_KINDS; i++)
        view.queue[i] = s->last[i];
    buf_init(&body, PAGE_MAX);
    if (a->page == ADMIN_STATUS) {
        status_page(&view, &body);
    } else if (a->page == ADMIN_METRICS) {
        status_metrics(&view, &body);
    } else if (status_health(&view, &body)) {
        buf_adds(&body, "ok\n");
    } else {
        code = 503;
    }
    admin_answer(a->request, code, &body);
    buf_clear(&body);
}

static void answer_all(struct status *s)
{
    unsigned i, n = s->asking_count;

    s->asking_count = 0;
    for (i = 0; i < n; i++)
        answer(s, &s->asking[i]);
}

/* The queue. */

static int count(struct store_txn *txn, void *arg, struct err *e)
{
    struct status *s = arg;
    int i;

    for (i = 0; i < STATUS_KINDS; i++)
        if (queue_counts(txn, (enum queue_kind)(i + 1), s->count_s, &s->counts[i], e) < 0)
            return -1;
    return 0;
}

static void count_run(struct work_job *job)
{
    struct status *s = (struct status *)job;
    struct store *store = store_open(s->store_url, STORE_READ_ONLY, &s->err);

    if (store && store_now(store, count, s, &s->err) == 0)
        s->err.class = ERR_NONE;
    store_close(store);
}

static void count_done(struct work_job *job)
{
    struct status *s = (struct status *)job;
    int i;

    s->is_counting = false;
    if (s->err.class == ERR_NONE) {
        for (i = 0; i < STATUS_KINDS; i++)
            s->last[i] = s->counts[i];
        s->has_counts = true;
        s->counted_s = s->count_s;
        s->counted_ms = clock_mono_ms(s->gateway->clock);
    } else {
        log_warning("status", "event=not-counted error=\"%s\"", s->err.text);
    }
    answer_all(s);
}

/* false: what is known has to do. */
static bool start_counting(struct status *s)
{
    int64_t now_ms = clock_mono_ms(s->gateway->clock);

    if (s->is_counting)
        return true;
    if (s->has_counts && now_ms - s->counted_ms < COUNT_AGAIN_MS)
        return false;
    s->count_s = gateway_now_s(s->gateway);
    s->err = (struct err){.class = ERR_RETRY};
    s->is_counting = work_submit(s->gateway->net, &s->count) == 0;
    return s->is_counting;
}

static void asked(struct admin_request *request, enum admin_page page, void *arg)
{
    struct status *s = arg;
    struct asking a = {request, page};

    if (page != ADMIN_HEALTH && s->asking_count < ASKING_MAX && start_counting(s))
        s->asking[s->asking_count++] = a;
    else
        answer(s, &a);
}

/* Life. */

int status_open(struct gateway *g, struct err *e)
{
    const struct conf *conf = g->started->conf;
    struct status *s;

    stats_init(&g->stats, gateway_now_s(g));
    if (!conf->admin.text)
        return 0;
    s = calloc(1, sizeof *s);
    if (!s)
        return err_memory(e);
    s->gateway = g;
    s->store_url = conf->store_url;
    s->count.run = count_run;
    s->count.done = count_done;
    s->admin = admin_new(g->loop, g->clock, &conf->admin, asked, s, e);
    if (!s->admin) {
        free(s);
        return -1;
    }
    g->status = s;
    return 0;
}

void status_close(struct gateway *g)
{
    if (!g->status)
        return;
    admin_free(g->status->admin);
    free(g->status);
    g->status = NULL;
}
