/*
 * listener: a socket that others connect to.
 *
 * Owns the place it listens on (base/place.h).  Loop thread.  A crash leaves what the place leaves.
 */
#include "base/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/place.h"

enum {
    ACCEPT_TURN = 64, /* in one turn of the loop: others want theirs */
    PAUSE_MS = 500
};

struct listener {
    struct loop *loop;
    const char *what;
    listener_fn *fn;
    void *arg;
    struct place place;
    struct loop_watch *watch;
    struct loop_timer *again;
};

/* ---- accepting ---- */

static void accept_some(void *arg);

/* Readable goes on being told while nothing can be accepted: not listened to for a while. */
static void pause_accepting(struct listener *l, int code)
{
    log_warning(l->what, "event=not-accepting reason=\"%s\"", strerror(code));
    loop_watch_free(l->watch);
    l->watch = NULL;
    loop_timer_start(l->again, PAUSE_MS);
}

static void go_on(void *arg)
{
    struct listener *l = arg;

    l->watch = loop_watch_new(l->loop, l->place.fd, accept_some, l);
    if (!l->watch)
        loop_timer_start(l->again, PAUSE_MS);
}

static void name_peer(const struct sockaddr_storage *address, char *out, size_t size)
{
    out[0] = '\0';
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, (socklen_t)size);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, out,
                  (socklen_t)size);
}

static void accept_some(void *arg)
{
    struct listener *l = arg;
    unsigned i;

    for (i = 0; i < ACCEPT_TURN; i++) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        char peer[INET6_ADDRSTRLEN];
        int one = 1, fd = accept(l->place.fd, (struct sockaddr *)&address, &size);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            pause_accepting(l, errno);
        if (fd < 0 && errno == ECONNABORTED)
            continue;
        if (fd < 0)
            return;
        fcntl(fd, F_SETFL, O_NONBLOCK); /* neither fails on a socket */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (!l->place.path)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        name_peer(&address, peer, sizeof peer);
        l->fn(fd, peer, l->arg);
    }
}

struct listener *listener_new(struct loop *loop, const struct conf_endpoint *at, const char *what,
                              unsigned mode, listener_fn *fn, void *arg, struct err *e)
{
    struct listener *l = calloc(1, sizeof *l);

    if (!l) {
        err_memory(e);
        return NULL;
    }
    l->loop = loop;
    l->what = what;
    l->fn = fn;
    l->arg = arg;
    if (place_open(&l->place, at, what, mode, e) < 0) {
        free(l);
        return NULL;
    }
    l->again = loop_timer_new(loop, go_on, l);
    l->watch = loop_watch_new(loop, l->place.fd, accept_some, l);
    if (l->again && l->watch)
        return l;
    err_memory(e);
    listener_free(l);
    return NULL;
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    loop_watch_free(l->watch);
    loop_timer_free(l->again);
    place_close(&l->place);
    free(l);
}
