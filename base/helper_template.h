/*
 * helper_template: a process of our own program that has all its libraries and is copied for each
 * helper that is wanted (base/helper.h).
 *
 * A start of the program takes 14 ms of the processor, a copy one.  The template is made by exec,
 * so it inherits no memory, no descriptors and no environment of ours, and it never sees what its
 * copies work on.  They are children of ours, not of it, and live on without it.  What they share
 * is where things lie in memory: after a crash of one, and after some minutes, it is made anew.
 * Started when a copy is wanted.  Any thread; calls block.
 */
#ifndef BASE_HELPER_TEMPLATE_H
#define BASE_HELPER_TEMPLATE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/err.h"

struct helper_template;

/* Of this very program with the one argument `command` (borrowed).  NULL: no memory. */
struct helper_template *helper_template_new(const char *command);
/* pid: to be waited for, in a process group of its own; fd: our end of a stream whose other end is
 * its standard input, to be closed. */
struct helper_copy {
    pid_t pid;
    int fd;
};
/* Another copy.  stop: when it becomes true, waiting ends.  -1 with *e (ERR_RETRY). */
int helper_template_copy(struct helper_template *t, const atomic_bool *stop,
                         struct helper_copy *out, struct err *e) MUST_CHECK;
/* A copy has ended. */
void helper_template_forget(struct helper_template *t);
/* The next copy is to have another layout of memory. */
void helper_template_renew(struct helper_template *t);
/* Ends the process, if no copy is left. */
void helper_template_rest(struct helper_template *t);
void helper_template_free(struct helper_template *t); /* takes NULL */

/* In that process, when all that its copies need is there: returns 0 in each of them, with its
 * socket as standard input, and -1 when no more are wanted.  For a process of one thread. */
int helper_template_serve(void) MUST_CHECK;

#endif
