/*
 * smtp_pool: the queue and the threads in front of libesmtp.
 *
 * Owns the waiting jobs, the finished ones until the loop has called their done(), and each
 * worker's deadline; a mutex guards all three.  submit, close and the timer run on the loop's
 * thread, the rest on the workers'.  A crash leaves its jobs unanswered: they are still in their
 * owner's queue, and a mail that was already accepted is sent once more, with the same Message-ID.
 */
#include "mail/smtp/smtp_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "mail/send_guard.h"
#include "mail/smtp/smtp_connect.h"
#include "mail/smtp/smtp_esmtp.h"

enum {
    KEEP_MS = 2000,  /* how long a connection is kept without a mail */
    CHECK_MS = 250,  /* how often deadlines are looked at */
    STOP_MS = 20000, /* what a mail in progress is given when the pool stops */
    CONNECTIONS_MAX = 256
};

struct smtp_worker {
    struct smtp_pool *pool;
    pthread_t thread;
    /* under the pool's lock */
    int fd; /* -1: not connected */
    int64_t deadline_ms;
    bool was_cut;
};

struct smtp_pool {
    struct loop *loop;
    struct send_settings settings;
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t idle;   /* workers without a connection wait here */
    pthread_cond_t keeper; /* workers that keep one wait here */
    pthread_cond_t ended;  /* close waits here */
    struct chain waiting, finished;
    unsigned waiting_count, keepers, running; /* running: threads that have not ended */
    struct loop_task deliver;
    struct loop_timer *check;
    struct smtp_worker *workers;
    unsigned worker_count;
};

/* ---- on a worker ---- */

const struct send_settings *smtp_worker_settings(const struct smtp_worker *w)
{
    return &w->pool->settings;
}

bool smtp_worker_is_stopping(const struct smtp_worker *w)
{
    return atomic_load(&w->pool->stopping);
}

void smtp_worker_watch(struct smtp_worker *w, int fd)
{
    pthread_mutex_lock(&w->pool->lock);
    w->fd = fd;
    w->deadline_ms = INT64_MAX;
    w->was_cut = w->was_cut && fd < 0;
    pthread_mutex_unlock(&w->pool->lock);
}

void smtp_worker_deadline(struct smtp_worker *w, int64_t delay_ms)
{
    pthread_mutex_lock(&w->pool->lock);
    if (smtp_worker_is_stopping(w) && delay_ms > STOP_MS)
        delay_ms = STOP_MS;
    w->deadline_ms = clock_mono_ms(&clock_system) + delay_ms;
    pthread_mutex_unlock(&w->pool->lock);
}

bool smtp_worker_was_cut(const struct smtp_worker *w)
{
    bool was_cut;

    pthread_mutex_lock(&w->pool->lock);
    was_cut = w->was_cut;
    pthread_mutex_unlock(&w->pool->lock);
    return was_cut;
}

int smtp_worker_connect(struct smtp_worker *w, struct smtp_failure *out)
{
    const struct send_settings *s = &w->pool->settings;
    struct smtp_hop hop = {.host = s->server.host,
                           .port = s->server.port,
                           .timeout_ms = s->connect_timeout_s * 1000,
                           .stop = &w->pool->stopping};

    return smtp_connect(&hop, out);
}

void smtp_worker_done(struct smtp_worker *w, struct send_job *job)
{
    struct smtp_pool *pool = w->pool;
    bool first;

    pthread_mutex_lock(&pool->lock);
    first = !pool->finished.head;
    chain_push(&pool->finished, &job->link);
    pthread_mutex_unlock(&pool->lock);
    if (first)
        loop_post(pool->loop, &pool->deliver);
}

/* NULL: stopping, or nothing waits.  The lock is held. */
static struct send_job *take(struct smtp_pool *pool)
{
    struct send_job *job;

    if (atomic_load(&pool->stopping))
        return NULL;
    job = chain_pop(&pool->waiting);
    if (job)
        pool->waiting_count--;
    return job;
}

static struct send_job *wait_idle(struct smtp_pool *pool)
{
    struct send_job *job;

    pthread_mutex_lock(&pool->lock);
    while (!(job = take(pool)) && !atomic_load(&pool->stopping))
        pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static struct send_job *wait_keeping(struct smtp_pool *pool, const struct timespec *until)
{
    struct send_job *job;
    int error = 0;

    pthread_mutex_lock(&pool->lock);
    while (!(job = take(pool)) && !atomic_load(&pool->stopping) && error != ETIMEDOUT) {
        pool->keepers++;
        error = pthread_cond_timedwait(&pool->keeper, &pool->lock, until);
        pool->keepers--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

/* The guard stands here, before any engine code: what it refuses is answered at once. */
static bool is_fit(struct smtp_worker *w, struct send_job *job)
{
    if (send_guard(job, false) > 0)
        return true;
    smtp_worker_done(w, job);
    return false;
}

struct send_job *smtp_worker_next(struct smtp_worker *w)
{
    struct send_job *job;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += KEEP_MS / 1000;
    pthread_mutex_lock(&w->pool->lock);
    w->deadline_ms = INT64_MAX; /* the last mail's ends with it */
    pthread_mutex_unlock(&w->pool->lock);
    do
        job = wait_keeping(w->pool, &until);
    while (job && !is_fit(w, job));
    return job;
}

static void *worker_main(void *arg)
{
    struct smtp_worker *w = arg;
    struct smtp_pool *pool = w->pool;
    struct send_job *job = NULL;

    for (;;) {
        if (!job) {
            job = wait_idle(pool);
            if (!job)
                break;
            if (!is_fit(w, job)) {
                job = NULL;
                continue;
            }
        }
        job = smtp_esmtp_run(w, job);
    }
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- on the loop ---- */

static void deliver(void *arg)
{
    struct smtp_pool *pool = arg;
    struct chain list;
    struct send_job *job;

    pthread_mutex_lock(&pool->lock);
    list = chain_take(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    while ((job = chain_pop(&list)))
        job->done(job);
}

/* Cuts what is past its deadline: the library then reads an end of file.  Returns whether anything
 * is left to watch. The lock is held, so the descriptor cannot have been closed and given to
 * another meanwhile. */
static bool cut_late(struct smtp_pool *pool)
{
    int64_t now_ms = clock_mono_ms(&clock_system);
    bool busy = pool->waiting.head != NULL;
    unsigned i;

    for (i = 0; i < pool->worker_count; i++) {
        struct smtp_worker *w = &pool->workers[i];

        if (w->fd < 0)
            continue;
        busy = true;
        if (now_ms < w->deadline_ms)
            continue;
        w->was_cut = true;
        w->deadline_ms = INT64_MAX;
        shutdown(w->fd, SHUT_RDWR);
    }
    return busy;
}

static void check(void *arg)
{
    struct smtp_pool *pool = arg;
    bool busy;

    pthread_mutex_lock(&pool->lock);
    busy = cut_late(pool);
    pthread_mutex_unlock(&pool->lock);
    if (busy)
        loop_timer_start(pool->check, CHECK_MS);
}

static int submit(void *impl, struct send_job *job)
{
    struct smtp_pool *pool = impl;

    pthread_mutex_lock(&pool->lock);
    if (atomic_load(&pool->stopping) || pool->waiting_count >= pool->settings.waiting_max) {
        pthread_mutex_unlock(&pool->lock);
        return -1;
    }
    chain_push(&pool->waiting, &job->link);
    pool->waiting_count++;
    /* A keeper is enough while there is one for every waiting job. */
    pthread_cond_signal(pool->keepers >= pool->waiting_count ? &pool->keeper : &pool->idle);
    pthread_mutex_unlock(&pool->lock);
    if (!loop_timer_is_pending(pool->check))
        loop_timer_start(pool->check, CHECK_MS);
    return 0;
}

static void wait_ended(struct smtp_pool *pool)
{
    int64_t last_ms = clock_mono_ms(&clock_system) + STOP_MS;
    struct timespec until;
    unsigned i;

    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stopping, true);
    for (i = 0; i < pool->worker_count; i++)
        if (pool->workers[i].deadline_ms > last_ms)
            pool->workers[i].deadline_ms = last_ms;
    pthread_cond_broadcast(&pool->idle);
    pthread_cond_broadcast(&pool->keeper);
    while (pool->running > 0) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += CHECK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&pool->ended, &pool->lock, &until);
        cut_late(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    for (i = 0; i < pool->worker_count; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

static void pool_close(void *impl)
{
    struct smtp_pool *pool = impl;
    struct send_job *job;
    size_t i;

    wait_ended(pool);
    loop_cancel(pool->loop, &pool->deliver);
    while ((job = chain_pop(&pool->waiting))) {
        for (i = 0; i < job->recipient_count; i++)
            send_answer(&job->recipients[i], SEND_CONNECT, 0, "", "stopping");
        chain_push(&pool->finished, &job->link);
    }
    while (pool->finished.head)
        deliver(pool);
    loop_timer_free(pool->check);
    pthread_cond_destroy(&pool->ended);
    pthread_cond_destroy(&pool->keeper);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

static int start_threads(struct smtp_pool *pool, unsigned count, struct err *e)
{
    int r = 0;

    while (pool->worker_count < count && r == 0) {
        struct smtp_worker *w = &pool->workers[pool->worker_count];

        w->pool = pool;
        w->fd = -1;
        w->deadline_ms = INT64_MAX;
        pthread_mutex_lock(&pool->lock);
        r = thread_start(&w->thread, worker_main, w, e);
        if (r == 0) {
            pool->worker_count++;
            pool->running++;
        }
        pthread_mutex_unlock(&pool->lock);
    }
    return r;
}

static void init_locks(struct smtp_pool *pool)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pthread_cond_init(&pool->keeper, &monotonic);
    pthread_cond_init(&pool->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void *pool_open(struct loop *loop, const struct send_settings *settings, struct err *e)
{
    struct smtp_pool *pool;
    unsigned count = settings->connections;

    if (count > CONNECTIONS_MAX)
        count = CONNECTIONS_MAX;
    if (smtp_esmtp_prime(e) < 0)
        return NULL;
    pool = calloc(1, sizeof *pool);
    if (!pool) {
        err_memory(e);
        return NULL;
    }
    init_locks(pool);
    pool->loop = loop;
    pool->settings = *settings;
    pool->deliver = (struct loop_task){.run = deliver, .arg = pool};
    pool->workers = calloc(count, sizeof *pool->workers);
    pool->check = loop_timer_new(loop, check, pool);
    if (!pool->workers || !pool->check)
        err_memory(e);
    else if (start_threads(pool, count, e) == 0)
        return pool;
    pool_close(pool);
    return NULL;
}

static int pool_check(const struct conf_server *server, struct err *e)
{
    if (server->tls != CONF_TLS_NONE)
        return err_set(e, ERR_PERMANENT,
                       "smtp.tls: libesmtp is used for a hop in the clear only; set smtp.engine to "
                       "auto, or tls to none");
    if (server->user && server->user[0])
        return err_set(e, ERR_PERMANENT,
                       "smtp.user: libesmtp is used without logging in only; set smtp.engine to "
                       "auto, or remove user and its password");
    if (!server->host || !server->host[0])
        return err_set(e, ERR_PERMANENT, "smtp.host: no relay is named; set it to 127.0.0.1, say");
    return smtp_check_host(server->host, e);
}

const struct send_engine smtp_pool_engine = {
    .name = "libesmtp",
    .check = pool_check,
    .open = pool_open,
    .submit = submit,
    .close = pool_close,
    .probe = smtp_probe,
};
