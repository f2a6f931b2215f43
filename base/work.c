/*
 * work: a pool of threads for what blocks.
 *
 * Owns the threads, the jobs that wait for one, and the jobs that are finished and wait for the
 * loop; one mutex guards both lists.  run() is called on a worker without the mutex held, done() on
 * the loop. A thread is started when a job waits that no other is free for, so that a pool nobody
 * needs costs nothing.  A crash leaves nothing behind: a job that matters is recorded elsewhere
 * until its done().
 */
#include "base/work.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/thread.h"

struct work_pool {
    struct loop *loop;
    struct loop_task finish; /* calls the done() of what is in finished */
    char name[16];           /* of the threads, as the kernel limits it */

    pthread_mutex_t lock;
    pthread_cond_t wanted; /* a job waits, or the pool stops */
    struct chain waiting, finished;
    unsigned waiting_count, waiting_max;
    unsigned idle; /* threads without a job, those not yet started among them */
    bool stopping;

    unsigned thread_count, threads_max; /* started; of the pool */
    pthread_t threads[];
};

static void *worker(void *arg)
{
    struct work_pool *pool = arg;
    struct work_job *job;

    prctl(PR_SET_NAME, pool->name);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->waiting.head && !pool->stopping)
            pthread_cond_wait(&pool->wanted, &pool->lock);
        job = chain_pop(&pool->waiting);
        if (!job)
            break; /* stopping, and all is done */
        pool->waiting_count--;
        pool->idle--;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        pool->idle++;
        chain_push(&pool->finished, &job->link);
        loop_post(pool->loop, &pool->finish);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* On the loop.  Takes the whole list at once: done() may submit, and what finishes meanwhile posts
 * again. */
static void finish_jobs(void *arg)
{
    struct work_pool *pool = arg;
    struct chain list;
    struct work_job *job;

    pthread_mutex_lock(&pool->lock);
    list = chain_take(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    while ((job = chain_pop(&list)))
        job->done(job);
}

/* Starts a thread where no free one would take the job that was put last.  With the
 * lock.  -1: there is none to run the job. */
static int start_thread(struct work_pool *pool)
{
    unsigned busy = pool->threads_max - pool->idle;
    struct err told;

    if (pool->waiting_count <= pool->thread_count - busy || pool->thread_count == pool->threads_max)
        return 0;
    if (thread_start(&pool->threads[pool->thread_count], worker, pool, &told) == 0)
        pool->thread_count++;
    return pool->thread_count > 0 ? 0 : -1;
}

struct work_pool *work_pool_new(struct loop *loop, const char *name, unsigned threads,
                                unsigned waiting_max, struct err *e)
{
    struct work_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);

    if (!pool) {
        err_memory(e);
        return NULL;
    }
    pool->loop = loop;
    pool->finish.run = finish_jobs;
    pool->finish.arg = pool;
    pool->waiting_max = waiting_max;
    pool->threads_max = pool->idle = threads;
    snprintf(pool->name, sizeof pool->name, "%s", name);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wanted, NULL);
    return pool;
}

int work_submit(struct work_pool *pool, struct work_job *job)
{
    int r = -1;

    pthread_mutex_lock(&pool->lock);
    /* A job that an idle thread is about to take is not one that waits. */
    if (!pool->stopping && pool->waiting_count < pool->waiting_max + pool->idle) {
        chain_push(&pool->waiting, &job->link);
        pool->waiting_count++;
        r = start_thread(pool);
        if (r == 0) {
            pthread_cond_signal(&pool->wanted);
        } else { /* it is the only one: there is no thread to have taken another */
            chain_pop(&pool->waiting);
            pool->waiting_count--;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return r;
}

void work_pool_free(struct work_pool *pool)
{
    unsigned i;

    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wanted);
    pthread_mutex_unlock(&pool->lock);
    for (i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    finish_jobs(pool);
    loop_cancel(pool->loop, &pool->finish);
    pthread_cond_destroy(&pool->wanted);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
