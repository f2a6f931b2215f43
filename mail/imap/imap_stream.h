/*
 * imap_stream: a connection to an IMAP server, as a stream driver for libetpan.
 *
 * It waits with poll() (libetpan's own select() aborts at a descriptor of 1024), does TLS itself
 * (implicit or by STARTTLS, TLS 1.2 or newer, certificate and name verified), keeps deadlines,
 * tells the end of the file as an error, and lets nothing through that imap_scan refuses.
 *
 * Blocking; one thread at a time.  imap_cancel breaks it from another thread.
 */
#ifndef MAIL_IMAP_IMAP_STREAM_H
#define MAIL_IMAP_IMAP_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <libetpan/mailstream.h>

#include "base/conf.h"
#include "base/err.h"
#include "mail/imap/imap_fault.h"
#include "mail/imap/imap_scan.h"

/* Shared between the one who works and the one who may stop it; outlives every stream made with it.
 */
struct imap_cancel {
    pthread_mutex_t lock;
    int fd; /* of the stream in use; -1: none */
    bool is_cancelled;
};

int imap_cancel_init(struct imap_cancel *c, struct err *e) MUST_CHECK;
void imap_cancel_clear(struct imap_cancel *c);
/* Any thread: shuts the connection down, so that what waits on it fails at once. For good. */
void imap_cancel(struct imap_cancel *c);
bool imap_cancel_is_set(struct imap_cancel *c);

struct imap_trust;

struct imap_stream_terms {
    int64_t connect_ms;       /* for connecting and the TLS handshake together */
    int64_t read_ms;          /* for the next byte */
    struct imap_trust *trust; /* shared; NULL: read for this connection */
    bool (*may_connect)(const struct sockaddr *address); /* NULL: to every one */
    bool is_clear_local; /* without TLS only to loopback, private and link-local addresses */
};

struct imap_stream;

/* Connects, and does the handshake when server->tls is implicit.  server is borrowed for the life
 * of the stream.  ERR_PERMANENT: a certificate that does not fit, or an option that is wrong. NULL:
 * *fault_out and *e are filled. */
struct imap_stream *imap_stream_open(const struct conf_server *server, struct imap_cancel *cancel,
                                     const struct imap_stream_terms *terms,
                                     enum imap_fault *fault_out, struct err *e);
/* Closes; takes NULL.  libetpan must have let go of the mailstream, or never had it. */
void imap_stream_free(struct imap_stream *st);

/* libetpan's side; libetpan closes it (mailstream_close), or imap_stream_free does. */
mailstream *imap_stream_mailstream(struct imap_stream *st);

/* The answer to STARTTLS has been read: the handshake.  Refused when the server sent anything after
 * it. */
int imap_stream_start_tls(struct imap_stream *st, struct err *e) MUST_CHECK;
bool imap_stream_is_tls(const struct imap_stream *st);

/* A command is about to be sent: it has so long in all, and may be answered by so many bytes in
 * literals. */
void imap_stream_expect(struct imap_stream *st, int64_t total_ms, uint64_t literal_max,
                        uint64_t literals_max);
struct imap_scan *imap_stream_scan(struct imap_stream *st);

/* Fills libetpan's read buffer when it is empty, without waiting: bytes in it, 0 for none now, -1
 * failed. */
int imap_stream_peek(struct imap_stream *st);
/* Bytes have been read that nobody has looked at yet: do not trust the descriptor. */
bool imap_stream_has_unread(const struct imap_stream *st);
int imap_stream_fd(const struct imap_stream *st);
/* A password was sent: no copy of it stays in the buffer. */
void imap_stream_wipe(struct imap_stream *st);
/* Small buffers for waiting, large ones for work; nothing happens while something is in them. */
void imap_stream_set_small(struct imap_stream *st, bool small);

bool imap_stream_is_failed(const struct imap_stream *st);
/* Why the last read or write failed, as an err: always returns -1. */
int imap_stream_error(const struct imap_stream *st, struct err *e);

#endif
