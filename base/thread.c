/*
 * thread: starts a thread that leaves all signals to the loop, but for those of its own faults.
 *
 * A new thread inherits the mask of the one that starts it, so there is no moment in which a signal
 * could reach it.  Any thread; a crash leaves nothing behind.
 */
#include "base/thread.h"

#include <signal.h>
#include <string.h>

int thread_start(pthread_t *out, void *(*run)(void *arg), void *arg, struct err *e)
{
    /* Where one of these is blocked, a fault ends the process and no handler is asked. */
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
    sigset_t all, before;
    size_t i;
    int r;

    sigfillset(&all);
    for (i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(out, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? 0 : err_set(e, ERR_RETRY, "cannot start a thread: %s", strerror(r));
}
