/*
 * imap_hall: an IMAP server with room for thousands of connections that wait in IDLE, in one thread
 * or in a process of its own.  All of them look into the same folder; any user with the password
 * "secret" is let in.
 */
#ifndef TESTS_FAKE_IMAP_HALL_H
#define TESTS_FAKE_IMAP_HALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct imap_hall;

/* A free loopback port.  tls: implicit TLS, borrowed; NULL: in the clear.  without_idle: it does
 * not offer IDLE.  Ends the program when there is no socket. */
struct imap_hall *imap_hall_open(SSL_CTX *tls, bool without_idle);
unsigned imap_hall_port(const struct imap_hall *h);
void imap_hall_serve(struct imap_hall *h); /* until imap_hall_close, or for ever */
void imap_hall_start(struct imap_hall *h); /* the same in a thread */
void imap_hall_close(struct imap_hall *h);

/* Any thread: */
void imap_hall_deliver(struct imap_hall *h); /* one more mail in the folder: everyone is told */
void imap_hall_drop(struct imap_hall *h);    /* breaks off all connections */
/* It says nothing to new connections until it is told to go on. */
void imap_hall_hush(struct imap_hall *h, bool hush);

struct imap_hall_counts {
    unsigned connections;  /* so far */
    unsigned now;          /* connections that stand */
    unsigned idle;         /* of them in IDLE */
    unsigned opening_most; /* connected and not logged in, at once */
    unsigned noops;
};
struct imap_hall_counts imap_hall_counts(struct imap_hall *h);
void imap_hall_forget_most(struct imap_hall *h);

#endif
