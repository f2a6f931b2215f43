/*
 * smtp_connect: resolves the relay's name and connects, each address with its share of the time.
 *
 * Owns nothing but the descriptor until it hands it over; blocking, on a worker thread.  libesmtp
 * could connect by itself, but waits as long as the kernel does (two minutes and more) and sets no
 * TCP_NODELAY. A crash leaves nothing behind.
 */
#include "mail/smtp/smtp_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { SLICE_MS = 100, SHARE_MIN_MS = 100 };

static bool is_private_ipv4(uint32_t a)
{
    return a >> 24 == 127 || a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 ||
           a >> 16 == 0xa9fe || a >> 22 == (0x64400000u >> 22);
}

bool smtp_is_private_address(const struct sockaddr *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    const uint8_t *b;

    if (address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        return is_private_ipv4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6)
        return address->sa_family == AF_UNIX;
    memcpy(&in6, address, sizeof in6);
    b = in6.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
        return is_private_ipv4((uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 |
                               (uint32_t)b[14] << 8 | b[15]);
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) || (b[0] & 0xfe) == 0xfc ||
           (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

int smtp_check_host(const char *host, struct err *e)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
    bool fit;

    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return 0;
    fit = smtp_is_private_address(list->ai_addr);
    freeaddrinfo(list);
    if (fit)
        return 0;
    return err_set(
        e, ERR_PERMANENT,
        "smtp.host: %s is neither a loopback nor a private address, and this version sends in "
        "the clear; name a relay on this machine or on a private network",
        host);
}

static int fail(struct smtp_failure *out, enum send_trouble trouble, const char *what,
                const struct smtp_hop *hop, const char *why)
{
    out->trouble = trouble;
    snprintf(out->text, sizeof out->text, "%s %.200s port %u: %s", what, hop->host, hop->port, why);
    return -1;
}

static int fail_resolving(int code, const struct smtp_hop *hop, struct smtp_failure *out)
{
    bool no_name = code == EAI_NONAME;

#ifdef EAI_NODATA
    no_name = no_name || code == EAI_NODATA;
#endif
    if (no_name)
        return fail(out, SEND_NO_NAME, "no relay", hop, "the name does not exist");
    return fail(out, SEND_CONNECT, "cannot resolve", hop,
                code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
}

/* 0 connected, else an errno; ETIMEDOUT when the deadline came, ECANCELED when told to stop. */
static int wait_connected(int fd, const struct smtp_hop *hop, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t len = sizeof(int);
    int64_t left;
    int error = 0, n;

    for (;;) {
        if (hop->stop && atomic_load(hop->stop))
            return ECANCELED;
        left = deadline_ms - clock_mono_ms(&clock_system);
        if (left <= 0)
            return ETIMEDOUT;
        n = poll(&p, 1, (int)(left < SLICE_MS ? left : SLICE_MS));
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            break;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static int set_options(int fd)
{
    int one = 1, flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* The descriptor, or -1 with errno. */
static int connect_one(const struct addrinfo *a, const struct smtp_hop *hop, int64_t deadline_ms)
{
    int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol), error;

    if (fd < 0)
        return -1;
    if (set_options(fd) < 0)
        error = errno;
    else if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        error = 0;
    else
        error = errno == EINPROGRESS ? wait_connected(fd, hop, deadline_ms) : errno;
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static int connect_any(const struct addrinfo *list, const struct smtp_hop *hop,
                       struct smtp_failure *out)
{
    int64_t deadline_ms = clock_mono_ms(&clock_system) + hop->timeout_ms, now_ms, share_ms;
    const struct addrinfo *a;
    int fd, left = 0, error = 0;

    for (a = list; a; a = a->ai_next)
        left++;
    for (a = list; a; a = a->ai_next, left--) {
        if (!smtp_is_private_address(a->ai_addr))
            continue;
        now_ms = clock_mono_ms(&clock_system);
        share_ms = (deadline_ms - now_ms) / left;
        if (share_ms < SHARE_MIN_MS)
            share_ms = SHARE_MIN_MS;
        fd = connect_one(a, hop, now_ms + share_ms);
        if (fd >= 0)
            return fd;
        error = errno;
        if (error == ECANCELED)
            return fail(out, SEND_CONNECT, "not connected to", hop, "stopping");
    }
    if (error == 0)
        return fail(
            out, SEND_CONNECT, "not connected to", hop,
            "it has no loopback or private address, and nothing is sent in the clear to another");
    return fail(out, error == ETIMEDOUT ? SEND_TIMEOUT : SEND_CONNECT, "cannot connect to", hop,
                error == ETIMEDOUT ? "no answer in time" : strerror(error));
}

int smtp_connect(const struct smtp_hop *hop, struct smtp_failure *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char port[12];
    int code, fd;

    snprintf(port, sizeof port, "%u", hop->port);
    code = getaddrinfo(hop->host, port, &hints, &list);
    if (code != 0)
        return fail_resolving(code, hop, out);
    fd = connect_any(list, hop, out);
    freeaddrinfo(list);
    return fd;
}
