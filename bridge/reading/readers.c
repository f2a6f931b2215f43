/*
 * readers: a queue of jobs, and threads that feed a process each.
 *
 * Owns the threads, their links, and the jobs that wait or are finished; one mutex guards the lists
 * and the times at which processes may be started.  A crash leaves nothing behind: a mail that is
 * being read is in its mailbox or in the queue.
 */
#include "bridge/reading/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"

enum {
    BATCH_MAX = 16,
    STARTS_AT_ONCE = 20, /* processes, however many die */
    START_EVERY_MS = 100 /* beyond that */
};

struct reader_thread {
    struct readers *readers;
    struct reader_link link;
    pthread_t thread;
    bool is_ready; /* has a process, and no job; behind the lock */
};

struct readers {
    struct loop *loop;
    struct loop_task finish; /* calls the done() of what is in finished */
    struct readers_settings settings;

    pthread_mutex_t lock;
    pthread_cond_t wanted;  /* a job waits, or the pool stops */
    pthread_cond_t stopped; /* the pool stops */
    struct chain waiting, finished;
    unsigned waiting_count, idle; /* idle: threads without jobs, started or not */
    bool is_awaited;              /* a job is about to come */
    struct helper_template *origin;
    int64_t start_at_ms; /* when the next process were due, one after the other without a pause */
    atomic_bool stopping;

    unsigned thread_count;
    struct reader_thread threads[];
};

/* ---- on the threads ---- */

static bool wait_until(struct readers *r, pthread_cond_t *cond, int64_t mono_ms)
{
    struct timespec ts = {(time_t)(mono_ms / 1000), (long)(mono_ms % 1000) * 1000000};

    return pthread_cond_timedwait(cond, &r->lock, &ts) == 0;
}

/* A fair part of what waits, so that no thread sits idle beside another's batch.  With the lock. */
static struct reader_job *take_batch(struct readers *r)
{
    unsigned n = (r->waiting_count + r->settings.processes - 1) / r->settings.processes;
    struct chain batch = {NULL, NULL};

    for (n = n < BATCH_MAX ? n : BATCH_MAX; n > 0; n--) {
        chain_push(&batch, chain_pop(&r->waiting));
        r->waiting_count--;
    }
    return chain_pop(&batch); /* the first, with the others behind it */
}

/* There is nothing to do since since_ms.  With the lock. */
static void be_idle(struct reader_thread *t, int64_t since_ms)
{
    struct readers *r = t->readers;
    int64_t rest_at = since_ms + r->settings.idle_ms, due = reader_link_due(&t->link, since_ms);

    if (due > rest_at)
        due = rest_at;
    if (wait_until(r, &r->wanted, due) || clock_mono_ms(&clock_system) < due)
        return;
    pthread_mutex_unlock(&r->lock);
    if (due == rest_at)
        reader_link_rest(&t->link);
    else
        reader_link_renew(&t->link, since_ms);
    pthread_mutex_lock(&r->lock);
}

/* A job is about to come, and no thread has a process for it.  With the lock. */
static void prepare(struct reader_thread *t)
{
    t->readers->is_awaited = false;
    pthread_mutex_unlock(&t->readers->lock);
    reader_link_prepare(&t->link);
    pthread_mutex_lock(&t->readers->lock);
}

/* NULL: the pool stops.  A process that has had nothing to do for long ends. */
static struct reader_job *next_batch(struct reader_thread *t)
{
    struct readers *r = t->readers;
    struct reader_job *jobs = NULL;
    int64_t since_ms = clock_mono_ms(&clock_system);

    pthread_mutex_lock(&r->lock);
    while (!r->waiting.head && !atomic_load(&r->stopping)) {
        t->is_ready = reader_link_is_started(&t->link);
        if (t->is_ready) {
            be_idle(t, since_ms);
        } else if (r->is_awaited) {
            prepare(t);
            since_ms = clock_mono_ms(&clock_system);
        } else {
            pthread_cond_wait(&r->wanted, &r->lock);
        }
    }
    t->is_ready = false;
    if (r->waiting.head) {
        r->is_awaited = false;
        jobs = take_batch(r);
        r->idle--;
    }
    pthread_mutex_unlock(&r->lock);
    return jobs;
}

/* Some at once, then one at a time: deaths, whatever causes them, do not become a storm of starts.
 */
static bool may_start(void *arg)
{
    struct reader_thread *t = arg;
    struct readers *r = t->readers;
    int64_t now = clock_mono_ms(&clock_system), due;

    pthread_mutex_lock(&r->lock);
    if (r->start_at_ms < now)
        r->start_at_ms = now;
    r->start_at_ms += START_EVERY_MS;
    due = r->start_at_ms - (int64_t)STARTS_AT_ONCE * START_EVERY_MS;
    while (due > now && !atomic_load(&r->stopping)) {
        wait_until(r, &r->stopped, due);
        now = clock_mono_ms(&clock_system);
    }
    pthread_mutex_unlock(&r->lock);
    return !atomic_load(&r->stopping);
}

static void settled(struct reader_job *job, void *arg)
{
    struct reader_thread *t = arg;
    struct readers *r = t->readers;

    if (job->read)
        job->read(job);
    pthread_mutex_lock(&r->lock);
    chain_push(&r->finished, &job->link);
    loop_post(r->loop, &r->finish);
    pthread_mutex_unlock(&r->lock);
}

static void *run_thread(void *arg)
{
    struct reader_thread *t = arg;
    struct readers *r = t->readers;
    struct reader_job *jobs;

    prctl(PR_SET_NAME, "reader");
    while ((jobs = next_batch(t))) {
        reader_link_read(&t->link, jobs);
        pthread_mutex_lock(&r->lock);
        r->idle++;
        pthread_mutex_unlock(&r->lock);
    }
    reader_link_rest(&t->link);
    return NULL;
}

/* ---- on the loop ---- */

/* Takes the whole list at once: done() may submit, and what finishes meanwhile posts again. */
static void finish_jobs(void *arg)
{
    struct readers *r = arg;
    struct chain list;
    struct reader_job *job;

    pthread_mutex_lock(&r->lock);
    list = chain_take(&r->finished);
    pthread_mutex_unlock(&r->lock);
    while ((job = chain_pop(&list)))
        job->done(job);
}

/* With the lock. */
static void start_thread(struct readers *r)
{
    struct reader_thread *t = &r->threads[r->thread_count];
    struct err told;

    t->readers = r;
    t->link.stop = &r->stopping;
    t->link.limits = r->settings.limits;
    t->link.term = r->settings.term;
    t->link.origin = r->origin;
    t->link.may_start = may_start;
    t->link.settled = settled;
    t->link.arg = t;
    if (thread_start(&t->thread, run_thread, t, &told) == 0)
        r->thread_count++;
}

/* Where no free thread would take the job that was put last there is to be another.  With the
 * lock.  -1: there is none for the job. */
static int find_thread(struct readers *r)
{
    unsigned busy = r->settings.processes - r->idle;

    if (r->waiting_count > r->thread_count - busy && r->thread_count < r->settings.processes)
        start_thread(r);
    return r->thread_count > 0 ? 0 : -1;
}

int readers_submit(struct readers *r, struct reader_job *job)
{
    int rc = -1;

    pthread_mutex_lock(&r->lock);
    /* A job that an idle thread is about to take is not one that waits. */
    if (!atomic_load(&r->stopping) && r->waiting_count < r->settings.waiting_max + r->idle) {
        chain_push(&r->waiting, &job->link);
        r->waiting_count++;
        rc = find_thread(r);
        if (rc == 0) {
            pthread_cond_signal(&r->wanted);
        } else { /* it is the only one: there is no thread to have taken another */
            chain_pop(&r->waiting);
            r->waiting_count--;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

/* With the lock. */
static bool is_any_started(const struct readers *r)
{
    unsigned i;

    for (i = 0; i < r->thread_count && !r->threads[i].is_ready; i++)
        ;
    return i < r->thread_count || r->idle < r->settings.processes;
}

void readers_prepare(struct readers *r)
{
    pthread_mutex_lock(&r->lock);
    if (!is_any_started(r) && !atomic_load(&r->stopping)) {
        r->is_awaited = true;
        if (r->thread_count == 0)
            start_thread(r);
        pthread_cond_signal(&r->wanted);
    }
    pthread_mutex_unlock(&r->lock);
}

static void init_sync(struct readers *r)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wanted, &attr);
    pthread_cond_init(&r->stopped, &attr);
    pthread_condattr_destroy(&attr);
}

struct readers *readers_new(struct loop *loop, const struct readers_settings *settings,
                            struct err *e)
{
    struct readers *r = calloc(1, sizeof *r + settings->processes * sizeof r->threads[0]);

    if (r)
        r->origin = helper_template_new(READER_COMMAND);
    if (!r || !r->origin) {
        free(r);
        err_memory(e);
        return NULL;
    }
    r->loop = loop;
    r->settings = *settings;
    r->finish.run = finish_jobs;
    r->finish.arg = r;
    r->idle = settings->processes;
    atomic_init(&r->stopping, false);
    init_sync(r);
    return r;
}

void readers_free(struct readers *r)
{
    unsigned i;

    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    atomic_store(&r->stopping, true);
    pthread_cond_broadcast(&r->wanted);
    pthread_cond_broadcast(&r->stopped);
    pthread_mutex_unlock(&r->lock);
    for (i = 0; i < r->thread_count; i++)
        pthread_join(r->threads[i].thread, NULL);
    finish_jobs(r);
    loop_cancel(r->loop, &r->finish);
    helper_template_free(r->origin);
    pthread_cond_destroy(&r->wanted);
    pthread_cond_destroy(&r->stopped);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
