/*
 * helper: a process of our own program that does one kind of work and has nothing but a socket to
 * us, so that what kills it kills nothing else.
 *
 * A copy of a template that was made by exec, so it inherits no memory, no descriptors and no
 * environment of ours.  Calls block; for a worker thread, one at a time.
 */
#ifndef BASE_HELPER_H
#define BASE_HELPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/channel.h"
#include "base/err.h"
#include "base/helper_template.h"

struct helper_limits {
    int64_t cpu_ms;  /* of the processor between two answers */
    int64_t wall_ms; /* of waiting for it to read or to answer, for what only sleeps */
};

enum helper_fate {
    HELPER_CRASHED, /* by its own doing: a signal, an exit, too long, or nonsense as an answer */
    HELPER_KILLED,  /* by somebody else */
    HELPER_STOPPED  /* we wanted it to end */
};

struct helper_death {
    enum helper_fate fate;
    char how[80]; /* "killed by signal 11 (Segmentation fault)" */
};

struct helper;

/* Starts one, a copy of t; its end of the socket is its standard input.  stop: when it becomes
 * true, waiting ends.  NULL with *e (ERR_RETRY). */
struct helper *helper_start(struct helper_template *t, const atomic_bool *stop, struct err *e);
struct channel *helper_channel(struct helper *h);
/* From now on. */
void helper_watch(struct helper *h, const struct helper_limits *limits);
/* Bytes of memory it may take, beside its program. */
void helper_limit_memory(struct helper *h, size_t data_max);
/* Has it ended without being asked? */
bool helper_is_dead(struct helper *h);
/* Ends it, whatever it does, and tells how it ended.  why: what was wrong with its answer, NULL:
 * only that it did not come.  Frees; takes NULL. */
void helper_end(struct helper *h, const char *why, struct helper_death *out);

#endif
