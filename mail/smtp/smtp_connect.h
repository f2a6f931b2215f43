/*
 * smtp_connect: a connection to the relay, within a time limit.
 *
 * Only to loopback and private addresses: mail in the clear goes nowhere else.  Blocking; any
 * thread. Private to mail/.
 */
#ifndef MAIL_SMTP_SMTP_CONNECT_H
#define MAIL_SMTP_SMTP_CONNECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "mail/send.h"

struct smtp_hop {
    const char *host; /* a name, or an address without brackets */
    unsigned port;
    int64_t
        timeout_ms; /* for connecting, all addresses together; the resolver has its own limits */
    const atomic_bool *stop; /* gives up soon after it is set; NULL: never */
};

struct smtp_failure {
    enum send_trouble trouble;
    char text[400]; /* as of struct send_recipient */
};

/* A connected, non-blocking, close-on-exec descriptor with TCP_NODELAY, the caller's; -1: *out says
 * why. */
int smtp_connect(const struct smtp_hop *hop, struct smtp_failure *out) MUST_CHECK;

/* Loopback, a unix socket, link-local, or private: RFC 1918, RFC 4193, RFC 6598. */
bool smtp_is_private_address(const struct sockaddr *address);

/* 0 when a numeric host is one mail may be sent to in the clear, or when host is a name (its
 * addresses are looked at later). */
int smtp_check_host(const char *host, struct err *e) MUST_CHECK;

#endif
