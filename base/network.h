/*
 * network: addresses of the network layer: which part of the world they belong to.  Pure; any
 * thread.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"

struct network { /* IPv4 as ::ffff:0:0/96 */
    unsigned char address[16];
    unsigned bits;
};

/* "192.0.2.0/24", "2001:db8::/32", or a single address; -1: it is none. */
int network_parse(const char *text, struct network *out) MUST_CHECK;
/* Anything but an IPv4 or IPv6 address is in none of them. */
bool network_has(const struct network *list, size_t count, const struct sockaddr *address);

/* An address of the open internet (the registries of RFC 6890): not private, loopback, link-local,
 * multicast, reserved, of documentation, nor an IPv6 form that hides such an IPv4 address. */
bool network_is_public(const struct sockaddr *address);
/* Loopback, private or link-local: what is sent there in the clear stays within the house. */
bool network_is_local(const struct sockaddr *address);

#endif
