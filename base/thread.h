/*
 * thread: starts a thread that leaves all signals to the loop.
 *
 * SIGPIPE above all must not end the process when a peer goes away.  Any thread.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/err.h"

/* The caller joins *out.  ERR_RETRY: the system has no more threads. */
int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg, struct err *e) MUST_CHECK;

#endif
