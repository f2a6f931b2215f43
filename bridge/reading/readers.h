/*
 * readers: threads that have strangers' mail read, each by a process of its own.
 *
 * Like a pool of workers (base/work.h), with jobs that are read in a confined process first.  A
 * full pool refuses, it never sleeps.
 */
#ifndef BRIDGE_READING_READERS_H
#define BRIDGE_READING_READERS_H

#include "base/loop.h"
#include "bridge/reading/reader_link.h"

struct readers_settings {
    unsigned processes;   /* at a time; each is started when there is mail for it */
    unsigned waiting_max; /* jobs that may wait */
    int64_t idle_ms;      /* after which a process is ended */
    struct helper_limits limits;
    struct reader_term term;
};

struct readers;

struct readers *readers_new(struct loop *loop, const struct readers_settings *settings,
                            struct err *e);
/* job->read is called on a worker once the result is there, then job->done on the loop.  -1: full
 * or stopping; the caller keeps the job and tries later.  Any thread. */
int readers_submit(struct readers *r, struct reader_job *job) MUST_CHECK;
/* Mail is on its way: if no process is started, one gets ready for it.  Any thread. */
void readers_prepare(struct readers *r);
/* What has not been read by now fails with ERR_RETRY: read and done are called for all before this
 * returns.  Joins and frees; takes NULL.  Loop thread, and not from a done. */
void readers_free(struct readers *r);

#endif
