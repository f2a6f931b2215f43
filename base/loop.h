/*
 * loop: the one event loop, on libevent.
 *
 * Everything here is for the loop's own thread, except loop_post and loop_stop.  Callbacks never
 * fire inside the call that asked for them.  Timers and watches may be stopped or freed in any
 * callback, their own included.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct event_base;

struct loop *loop_new(struct err *e);
/* Takes NULL; everything made on it is stopped first by its owner. */
void loop_free(struct loop *loop);
int loop_run(struct loop *loop, struct err *e) MUST_CHECK; /* until loop_stop */
/* While it does not run: runs it until is_over() or for so long.  For closing what has still
 * something to end; whatever else is on the loop goes on as well.  In a callback, where the loop
 * does run, it returns at once. */
void loop_run_until(struct loop *loop, bool (*is_over)(void *arg), void *arg, int64_t limit_ms);
void loop_stop(struct loop *loop);               /* any thread */
struct event_base *loop_base(struct loop *loop); /* for the web listener */

/* A task is part of its owner's structure: queued once at a time, and allocation never fails. */
struct loop_task {
    void (*run)(void *arg); /* on the loop */
    void *arg;
    struct loop_task *next; /* the loop's; NULL at first */
};
/* Any thread.  A task already queued stays where it is; it may be posted again once it runs. */
void loop_post(struct loop *loop, struct loop_task *task);
/* Takes a queued task back, so that its owner may be freed; does nothing when it is not queued. */
void loop_cancel(struct loop *loop, struct loop_task *task);

struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *arg), void *arg);
void loop_timer_start(struct loop_timer *t, int64_t delay_ms); /* again: replaces the delay */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_pending(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* takes NULL */

/* Watches a descriptor for reading; it stays the caller's, to be closed after the watch is freed.
 */
struct loop_watch;
struct loop_watch *loop_watch_new(struct loop *loop, int fd, void (*readable)(void *arg),
                                  void *arg);
void loop_watch_free(struct loop_watch *w); /* takes NULL */

struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *loop, int signo,
                                    void (*fire)(int signo, void *arg), void *arg);
void loop_signal_free(struct loop_signal *s); /* takes NULL */

#endif
