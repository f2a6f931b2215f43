/*
 * imap_tls: a TLS client on a socket that is already connected: TLS 1.2 or newer, the certificate
 * checked against the system's trust or a file, the name or address against the certificate, SNI
 * sent.
 *
 * The socket is non-blocking: each call says what it waits for.  SIGPIPE must be ignored.  One
 * thread at a time.
 */
#ifndef MAIL_IMAP_IMAP_TLS_H
#define MAIL_IMAP_IMAP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/conf.h"
#include "base/err.h"

enum { IMAP_TLS_FAILED = -1, IMAP_TLS_WANT_READ = -2, IMAP_TLS_WANT_WRITE = -3, IMAP_TLS_END = -4 };

struct imap_tls;
struct imap_trust;

/* trust: NULL, or for another ca_file than the server's: a context of its own. */
struct imap_tls *imap_tls_new(int fd, const struct conf_server *server, struct imap_trust *trust,
                              struct err *e);
void imap_tls_free(struct imap_tls *t); /* takes NULL; the socket stays open */

/* 0 when done, or one of the values above; e is filled for IMAP_TLS_FAILED and IMAP_TLS_END. */
int imap_tls_handshake(struct imap_tls *t, struct err *e) MUST_CHECK;
/* Bytes, or one of the values above. */
ssize_t imap_tls_read(struct imap_tls *t, void *out, size_t size) MUST_CHECK;
ssize_t imap_tls_write(struct imap_tls *t, const void *data, size_t len) MUST_CHECK;
bool imap_tls_has_unread(const struct imap_tls *t);
void imap_tls_bye(struct imap_tls *t); /* close_notify, without waiting */

#endif
