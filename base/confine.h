/*
 * confine: this process gives up what it has no need of, for good.
 *
 * After it the process can compute, take and free memory, and read and write the descriptors that
 * are open: no files, no network, no programs, no processes, no signals to others (seccomp).  What
 * else it asks the kernel for ends it, after report has been called.  For a process of one thread.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stddef.h>

enum confine_state {
    CONFINE_FULL,
    CONFINE_NO_FILTER, /* the limits hold, but the kernel has no seccomp filter for us: errno */
    CONFINE_RELAXED    /* a build for tests: sanitizers need what the filter forbids */
};

/* No core, no files written, no descriptors beyond the first few, no more memory than data_max
 * until the parent says otherwise, nothing to be had by exec, and an end when the parent ends.  It
 * may still be copied. */
void confine_limits(size_t data_max);

/* report: called from a signal handler with the number of a system call that was refused; the
 * process ends after it. */
enum confine_state confine_enter(void (*report)(int number));

/* The same for a process that is to be copied, as far as its kernel can: besides what confine_enter
 * leaves it may take descriptors and make copies, which can go on to confine_enter. */
void confine_template(void);

/* Whether this build is one with sanitizers, which confine_enter leaves alone. */
int confine_is_relaxed(void);

#endif
