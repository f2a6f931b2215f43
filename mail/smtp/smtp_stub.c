/*
 * smtp_stub: the loopback stand-in that libesmtp connects to.
 *
 * Owns its listening socket between open and swap (or close); the session's thread.  A crash leaves
 * nothing behind.
 */
#include "mail/smtp/smtp_stub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1 << 20, NEAR = 64, STRANGERS_MAX = 64, ACCEPT_WAIT_MS = 1000 };

int smtp_stub_open(struct smtp_stub *stub, struct err *e)
{
    socklen_t len = sizeof stub->address;

    memset(&stub->address, 0, sizeof stub->address);
    stub->address.sin_family = AF_INET;
    stub->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (stub->listener < 0 ||
        bind(stub->listener, (const struct sockaddr *)&stub->address, sizeof stub->address) < 0 ||
        listen(stub->listener, STRANGERS_MAX) < 0 ||
        getsockname(stub->listener, (struct sockaddr *)&stub->address, &len) < 0) {
        err_set(e, ERR_RETRY, "no loopback socket: %s", strerror(errno));
        smtp_stub_close(stub);
        return -1;
    }
    snprintf(stub->server, sizeof stub->server, "127.0.0.1:%u", ntohs(stub->address.sin_port));
    return 0;
}

void smtp_stub_close(struct smtp_stub *stub)
{
    if (stub->listener >= 0)
        close(stub->listener);
    stub->listener = -1;
}

static bool is_same(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_family == b->sin_family && a->sin_port == b->sin_port &&
           a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Is fd our end of the connection from `local` to the stand-in? */
static bool is_end_of(int fd, const struct smtp_stub *stub, const struct sockaddr_in *local)
{
    struct sockaddr_in peer = {0}, own = {0};
    socklen_t peer_len = sizeof peer, own_len = sizeof own;

    return getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
           is_same(&peer, &stub->address) &&
           getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 && is_same(&own, local);
}

static int scan(const struct smtp_stub *stub, const struct sockaddr_in *local, int from, int to)
{
    int fd;

    for (fd = from; fd < to; fd++)
        if (is_end_of(fd, stub, local))
            return fd;
    return -1;
}

/* The library made its descriptor after the listener, so it is most likely one of the next. */
static int find_end(const struct smtp_stub *stub, const struct sockaddr_in *local)
{
    int max = DESCRIPTORS_MAX, near = stub->listener + NEAR, fd;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)max)
        max = (int)limit.rlim_cur;
    fd = scan(stub, local, stub->listener + 1, near);
    if (fd < 0)
        fd = scan(stub, local, 0, stub->listener);
    return fd < 0 ? scan(stub, local, near, max) : fd;
}

int smtp_stub_swap(struct smtp_stub *stub, int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct pollfd ready = {.fd = stub->listener, .events = POLLIN};
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof peer;
    int accepted, end = -1, i;

    for (i = 0; i < STRANGERS_MAX && end < 0; i++) {
        /* connect() may return a moment before the connection can be accepted. */
        if (poll(&ready, 1, ACCEPT_WAIT_MS) <= 0)
            break;
        accepted = accept(stub->listener, (struct sockaddr *)&peer, &len);
        if (accepted < 0)
            break;
        end = find_end(stub, &peer);
        /* No TIME_WAIT for a connection that carried nothing; it is reset after dup2 has let go of
         * it. */
        if (end >= 0 && (dup2(fd, end) < 0 || fcntl(end, F_SETFD, FD_CLOEXEC) < 0))
            end = -1;
        (void)setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(accepted);
        len = sizeof peer;
    }
    smtp_stub_close(stub);
    return end >= 0 ? 0 : -1;
}
