/*
 * work: a pool of threads for what blocks.
 *
 * A job is self-contained: run() sees only the job, on a worker; then done() is called on the loop.
 * A full pool refuses, it never sleeps.
 */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include "base/chain.h"
#include "base/err.h"
#include "base/loop.h"

struct work_job {
    struct chain_link link;             /* the pool's */
    void (*run)(struct work_job *job);  /* on a worker */
    void (*done)(struct work_job *job); /* on the loop; may free the job */
};

struct work_pool;

/* waiting_max: jobs that may wait for a thread.  Threads, at most so many, are started as jobs need
 * them; they have every signal blocked. */
struct work_pool *work_pool_new(struct loop *loop, const char *name, unsigned threads,
                                unsigned waiting_max, struct err *e);
/* -1 when the pool is full or stopping, or has no thread and can start none: the caller keeps the
 * job and tries later.  Any thread. */
int work_submit(struct work_pool *pool, struct work_job *job) MUST_CHECK;
/* Waits for running and waiting jobs (their done() runs before this returns), joins, frees. Takes
 * NULL. Loop thread, and not from a done(). */
void work_pool_free(struct work_pool *pool);

#endif
