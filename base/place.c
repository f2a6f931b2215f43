/*
 * place: an address that is bound and listened on.
 *
 * The data is the caller's.  A crash leaves the file of a unix socket behind; the next start finds
 * that nobody answers there and replaces it.
 */
#include "base/place.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 512 };

static int fail(const char *what, const struct conf_endpoint *at, int code, struct err *e)
{
    if (code == EADDRINUSE)
        return err_set(e, ERR_PERMANENT, "%s.listen: %s is in use by another program", what,
                       at->text);
    if (code == EADDRNOTAVAIL)
        return err_set(e, ERR_PERMANENT, "%s.listen: %s is not an address of this machine", what,
                       at->text);
    return err_set(e, ERR_PERMANENT, "%s.listen: cannot listen on %s: %s", what, at->text,
                   strerror(code));
}

static int bind_at(struct place *p, int family, const struct sockaddr *address, socklen_t len)
{
    int error, one = 1;

    p->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return -1;
    /* A restart must not wait for the connections of before. */
    if (family != AF_UNIX)
        setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(p->fd, address, len) == 0)
        return 0;
    error = errno;
    close(p->fd);
    p->fd = -1;
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

static int open_unix(struct place *p, const struct conf_endpoint *at, const char *what,
                     unsigned mode, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(at->path) >= sizeof address.sun_path)
        return err_set(e, ERR_PERMANENT, "%s.listen: the path %s is too long for a socket", what,
                       at->path);
    memcpy(address.sun_path, at->path, strlen(at->path) + 1);
    remove_stale(&address);
    if (bind_at(p, AF_UNIX, (struct sockaddr *)&address, sizeof address) < 0)
        return fail(what, at, errno, e);
    p->path = strdup(at->path);
    if (!p->path) {
        unlink(at->path);
        return err_memory(e);
    }
    /* Before anybody can connect, which is only after listen. */
    if ((mode != 0 && chmod(at->path, (mode_t)mode) < 0) || lstat(at->path, &st) < 0)
        return fail(what, at, errno, e);
    p->device = st.st_dev;
    p->inode = st.st_ino;
    return 0;
}

static int open_tcp(struct place *p, const struct conf_endpoint *at, const char *what,
                    struct err *e)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *list, *i;
    char port[16];
    int r, code;

    snprintf(port, sizeof port, "%u", at->port);
    r = getaddrinfo(at->host, port, &hints, &list);
    if (r != 0)
        return err_set(e, ERR_PERMANENT, "%s.listen: %s is no address: %s", what, at->text,
                       gai_strerror(r));
    for (i = list; i && p->fd < 0; i = i->ai_next)
        r = bind_at(p, i->ai_family, i->ai_addr, i->ai_addrlen);
    code = errno;
    freeaddrinfo(list);
    return r < 0 ? fail(what, at, code, e) : 0;
}

int place_open(struct place *p, const struct conf_endpoint *at, const char *what, unsigned mode,
               struct err *e)
{
    *p = (struct place){.fd = -1};
    if ((at->path ? open_unix(p, at, what, mode, e) : open_tcp(p, at, what, e)) == 0) {
        if (listen(p->fd, BACKLOG) == 0)
            return 0;
        fail(what, at, errno, e);
    }
    place_close(p);
    return -1;
}

void place_close(struct place *p)
{
    struct stat st;

    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    if (p->path && lstat(p->path, &st) == 0 && st.st_dev == p->device && st.st_ino == p->inode)
        unlink(p->path);
    free(p->path);
    p->path = NULL;
}
