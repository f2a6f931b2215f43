/*
 * smtp_stub: gives libesmtp a connection of ours.
 *
 * libesmtp resolves and connects by itself, without a time limit, and never tells its descriptor.
 * So it is sent to a listening socket of ours on loopback, where it connects at once; when it says
 * that it has (SMTP_EV_CONNECT), its descriptor is found by the pair of addresses only that
 * connection has, and the connection to the relay, made by smtp_connect, is put in its place with
 * dup2.  The stand-in exists for those few microseconds; a stranger who connects to it is not taken
 * for libesmtp, because its other end is not among our descriptors.  One session's thread.  Private
 * to mail/.
 */
#ifndef MAIL_SMTP_SMTP_STUB_H
#define MAIL_SMTP_SMTP_STUB_H

#include <netinet/in.h>

#include "base/err.h"

struct smtp_stub {
    int listener; /* -1: closed */
    struct sockaddr_in address;
    char server[32]; /* for smtp_set_server */
};

int smtp_stub_open(struct smtp_stub *stub, struct err *e) MUST_CHECK;
/* Puts fd (which stays the caller's) in the place of the library's connection to the stand-in, and
 * closes the stand-in. -1: the connection was not found, and the library will read an end of file.
 */
int smtp_stub_swap(struct smtp_stub *stub, int fd) MUST_CHECK;
void smtp_stub_close(struct smtp_stub *stub); /* again: nothing */

#endif
