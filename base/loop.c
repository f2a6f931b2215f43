/*
 * loop: the one event loop, on libevent.
 *
 * Owns the event base, an eventfd that wakes it, and the list of posted tasks.  All of it belongs
 * to the loop's thread but the list, which a mutex guards; libevent itself is never touched from
 * another thread, so its own locking stays off.  A crash leaves nothing behind.
 */
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"

/* A singly linked run of tasks.  The last one points at its loop's `end`, so that a task is queued
 * exactly when its next is set. */
struct task_list {
    struct loop_task *head, *tail;
};

struct loop {
    struct event_base *base;
    int wake_fd;
    struct event *wake;
    atomic_bool stopping;
    pthread_mutex_t lock;    /* guards both lists and the next of every task in them */
    struct task_list posted; /* by any thread */
    struct task_list turn;   /* those the loop is running now */
    struct loop_task end;
};

struct loop_timer {
    struct event *event;
    void (*fire)(void *arg);
    void *arg;
};

struct loop_watch {
    struct event *event;
    void (*readable)(void *arg);
    void *arg;
};

struct loop_signal {
    struct event *event;
    void (*fire)(int signo, void *arg);
    void *arg;
};

static void wake_up(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t n;

    do
        n = write(loop->wake_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so the loop is awake already. */
}

static struct loop_task *take_first(struct loop *loop)
{
    struct loop_task *task;

    pthread_mutex_lock(&loop->lock);
    task = loop->turn.head;
    if (task) {
        loop->turn.head = task->next == &loop->end ? NULL : task->next;
        task->next = NULL;
    }
    pthread_mutex_unlock(&loop->lock);
    return task;
}

/* Runs what was posted before this turn; what is posted meanwhile waits for the next one, so that
 * tasks that post themselves again cannot keep the sockets waiting. */
static void run_tasks(struct loop *loop)
{
    struct loop_task *task;

    pthread_mutex_lock(&loop->lock);
    loop->turn = loop->posted;
    loop->posted.head = loop->posted.tail = NULL;
    pthread_mutex_unlock(&loop->lock);
    while ((task = take_first(loop)))
        task->run(task->arg);
}

static void woken(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        log_error("loop", "what=\"cannot read the wake-up counter\" reason=\"%s\"",
                  strerror(errno));
    run_tasks(loop);
    if (atomic_exchange(&loop->stopping, false))
        event_base_loopbreak(loop->base);
}

static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    /* Uncached time: a timer started at the end of a long callback must not fire early. */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_new(struct err *e)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop) {
        err_memory(e);
        return NULL;
    }
    pthread_mutex_init(&loop->lock, NULL);
    atomic_init(&loop->stopping, false);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) {
        err_set(e, ERR_RETRY, "no eventfd: %s", strerror(errno));
        goto fail;
    }
    loop->base = make_base();
    if (loop->base)
        loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, woken, loop);
    if (!loop->wake || event_add(loop->wake, NULL) < 0) {
        err_set(e, ERR_RETRY, "no event loop: out of memory or descriptors");
        goto fail;
    }
    return loop;
fail:
    loop_free(loop);
    return NULL;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->wake)
        event_free(loop->wake);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int loop_run(struct loop *loop, struct err *e)
{
    int r;

    log_hold(true);
    do {
        r = event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
        log_release();
    } while (r >= 0 && !event_base_got_break(loop->base));
    log_hold(false);
    if (r < 0)
        return err_set(e, ERR_RETRY, "the event loop failed: %s", strerror(errno));
    return 0;
}

static void is_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void loop_run_until(struct loop *loop, bool (*is_over)(void *arg), void *arg, int64_t limit_ms)
{
    bool late = false;
    struct event *limit = evtimer_new(loop->base, is_late, &late);
    struct timeval tv = {.tv_sec = (time_t)(limit_ms / 1000),
                         .tv_usec = (suseconds_t)(limit_ms % 1000 * 1000)};

    if (limit && event_add(limit, &tv) == 0)
        while (!late && !is_over(arg))
            if (event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
                break;
    if (limit)
        event_free(limit);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    wake_up(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    bool first = false;

    pthread_mutex_lock(&loop->lock);
    if (!task->next) {
        task->next = &loop->end;
        first = !loop->posted.head;
        if (first)
            loop->posted.head = task;
        else
            loop->posted.tail->next = task;
        loop->posted.tail = task;
    }
    pthread_mutex_unlock(&loop->lock);
    if (first)
        wake_up(loop);
}

static void list_remove(struct loop *loop, struct task_list *list, const struct loop_task *task)
{
    struct loop_task *before = NULL, *t = list->head;

    while (t && t != task) {
        before = t;
        t = t->next == &loop->end ? NULL : t->next;
    }
    if (!t)
        return;
    if (before)
        before->next = t->next;
    else
        list->head = t->next == &loop->end ? NULL : t->next;
    if (list->tail == t)
        list->tail = before;
}

void loop_cancel(struct loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->lock);
    if (task->next) {
        list_remove(loop, &loop->turn, task);
        list_remove(loop, &loop->posted, task);
        task->next = NULL;
    }
    pthread_mutex_unlock(&loop->lock);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    (void)fd;
    (void)what;
    t->fire(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_timer *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->fire = fire;
    t->arg = arg;
    t->event = evtimer_new(loop->base, timer_fired, t);
    if (!t->event) {
        free(t);
        return NULL;
    }
    return t;
}

void loop_timer_start(struct loop_timer *t, int64_t delay_ms)
{
    struct timeval tv;

    if (delay_ms < 0)
        delay_ms = 0;
    tv.tv_sec = (time_t)(delay_ms / 1000);
    tv.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
    if (event_add(t->event, &tv) == 0)
        return;
    /* Out of memory.  Whoever waits for a timer would wait for ever: too early is better than
     * never. */
    log_error("loop", "what=\"no memory for a timer, it fires at once\"");
    event_active(t->event, EV_TIMEOUT, 1);
}

void loop_timer_stop(struct loop_timer *t)
{
    event_del(t->event);
}

bool loop_timer_is_pending(const struct loop_timer *t)
{
    return event_pending(t->event, EV_TIMEOUT, NULL) != 0;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    event_free(t->event);
    free(t);
}

static void watch_readable(evutil_socket_t fd, short what, void *arg)
{
    struct loop_watch *w = arg;

    (void)fd;
    (void)what;
    w->readable(w->arg);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, void (*readable)(void *arg), void *arg)
{
    struct loop_watch *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->readable = readable;
    w->arg = arg;
    w->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, watch_readable, w);
    if (!w->event || event_add(w->event, NULL) < 0) {
        loop_watch_free(w);
        return NULL;
    }
    return w;
}

void loop_watch_free(struct loop_watch *w)
{
    if (!w)
        return;
    if (w->event)
        event_free(w->event);
    free(w);
}

static void signal_fired(evutil_socket_t signo, short what, void *arg)
{
    struct loop_signal *s = arg;

    (void)what;
    s->fire((int)signo, s->arg);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signo,
                                    void (*fire)(int signo, void *arg), void *arg)
{
    struct loop_signal *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->fire = fire;
    s->arg = arg;
    s->event = evsignal_new(loop->base, signo, signal_fired, s);
    if (!s->event || event_add(s->event, NULL) < 0) {
        loop_signal_free(s);
        return NULL;
    }
    return s;
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    if (s->event)
        event_free(s->event);
    free(s);
}
