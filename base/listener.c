/*
 * listener: a socket that others connect to.
 *
 * Owns the descriptor and the file of a unix socket.  Loop thread.  A crash leaves that file
 * behind; the next start finds that nobody answers there and replaces it.
 */
#include "base/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

enum {
    BACKLOG = 512,
    ACCEPT_TURN = 64, /* in one turn of the loop: others want theirs */
    PAUSE_MS = 500
};

struct listener {
    struct loop *loop;
    const char *what;
    listener_fn *fn;
    void *arg;
    int fd;
    char *path; /* of the unix socket; NULL: TCP */
    dev_t device;
    ino_t inode; /* of the file as we made it */
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

    l->watch = loop_watch_new(l->loop, l->fd, accept_some, l);
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
        int one = 1, fd = accept(l->fd, (struct sockaddr *)&address, &size);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            pause_accepting(l, errno);
        if (fd < 0 && errno == ECONNABORTED)
            continue;
        if (fd < 0)
            return;
        fcntl(fd, F_SETFL, O_NONBLOCK); /* neither fails on a socket */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (!l->path)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        name_peer(&address, peer, sizeof peer);
        l->fn(fd, peer, l->arg);
    }
}

/* ---- listening ---- */

static int fail(const struct listener *l, const struct conf_endpoint *at, int code, struct err *e)
{
    return err_set(e, ERR_PERMANENT, "%s.listen: cannot listen on %s: %s", l->what, at->text,
                   strerror(code));
}

static int bind_at(struct listener *l, int family, const struct sockaddr *address, socklen_t len)
{
    int error, one = 1;

    l->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return -1;
    /* A restart must not wait for the connections of before. */
    if (family != AF_UNIX)
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l->fd, address, len) == 0)
        return 0;
    error = errno;
    close(l->fd);
    l->fd = -1;
    errno = error;
    return -1;
}

/* Removes a socket that a run which ended badly has left, and nothing else: no file, and no socket
 * that somebody listens on. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat st;
    int fd;

    if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
}

static int open_unix(struct listener *l, const struct conf_endpoint *at, unsigned mode,
                     struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(at->path) >= sizeof address.sun_path)
        return err_set(e, ERR_PERMANENT, "%s.listen: the path %s is too long for a socket", l->what,
                       at->path);
    memcpy(address.sun_path, at->path, strlen(at->path) + 1);
    remove_stale(&address);
    if (bind_at(l, AF_UNIX, (struct sockaddr *)&address, sizeof address) < 0)
        return fail(l, at, errno, e);
    l->path = strdup(at->path);
    if (!l->path) {
        unlink(at->path);
        return err_memory(e);
    }
    /* Before anybody can connect, which is only after listen. */
    if (chmod(at->path, (mode_t)mode) < 0 || lstat(at->path, &st) < 0)
        return fail(l, at, errno, e);
    l->device = st.st_dev;
    l->inode = st.st_ino;
    return 0;
}

static int open_tcp(struct listener *l, const struct conf_endpoint *at, struct err *e)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *list, *i;
    char port[16];
    int r, code;

    snprintf(port, sizeof port, "%u", at->port);
    r = getaddrinfo(at->host, port, &hints, &list);
    if (r != 0)
        return err_set(e, ERR_PERMANENT, "%s.listen: %s is no address: %s", l->what, at->text,
                       gai_strerror(r));
    for (i = list; i && l->fd < 0; i = i->ai_next)
        r = bind_at(l, i->ai_family, i->ai_addr, i->ai_addrlen);
    code = errno;
    freeaddrinfo(list);
    return r < 0 ? fail(l, at, code, e) : 0;
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
    l->fd = -1;
    if ((at->path ? open_unix(l, at, mode, e) : open_tcp(l, at, e)) < 0)
        goto refuse;
    if (listen(l->fd, BACKLOG) < 0) {
        fail(l, at, errno, e);
        goto refuse;
    }
    l->again = loop_timer_new(loop, go_on, l);
    l->watch = loop_watch_new(loop, l->fd, accept_some, l);
    if (l->again && l->watch)
        return l;
    err_memory(e);
refuse:
    listener_free(l);
    return NULL;
}

void listener_free(struct listener *l)
{
    struct stat st;

    if (!l)
        return;
    loop_watch_free(l->watch);
    loop_timer_free(l->again);
    if (l->fd >= 0)
        close(l->fd);
    /* Not the file of another that took the place over. */
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        unlink(l->path);
    free(l->path);
    free(l);
}
