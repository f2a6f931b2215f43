/*
 * tls: the client's side of TLS 1.2 and 1.3 (RFC 5246, RFC 8446) between bytes and bytes; no
 * socket.
 *
 * The server's certificate is checked against the system's trust or a file, and its name or address
 * against the certificate (RFC 6125); the name is sent as SNI.  conn puts it on a connection.  One
 * owner, one thread at a time; a tls_client may be shared by connections of one thread.
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct tls_client; /* what is trusted */
struct tls;        /* one connection */

/* ca_file: "" for the system's trust.  It is read here, which takes some milliseconds. */
struct tls_client *tls_client_new(const char *ca_file, struct err *e);
void tls_client_free(struct tls_client *c); /* takes NULL; connections made of it stay good */

/* host: the name or numeric address that the certificate must carry. */
struct tls *tls_new(struct tls_client *c, const char *host, struct err *e);
void tls_free(struct tls *t); /* takes NULL */

/* What came from the peer.  -1: out of memory. */
int tls_take(struct tls *t, const void *data, size_t len) MUST_CHECK;
/* What is to be sent to it now; *len_out may be 0.  Good until the next call. */
const char *tls_pending(const struct tls *t, size_t *len_out);
void tls_sent(struct tls *t, size_t len);

enum tls_result { TLS_DONE, TLS_WANTS_MORE, TLS_CLOSED, TLS_FAILED };

/* TLS_DONE: the server is who it should be.  TLS_FAILED: *e is of class ERR_PERMANENT when its
 * certificate is refused; what is pending (an alert) should still be sent. */
enum tls_result tls_handshake(struct tls *t, struct err *e) MUST_CHECK;
/* TLS_DONE: *len_out bytes came.  TLS_CLOSED: the peer said goodbye in order. */
enum tls_result tls_read(struct tls *t, void *out, size_t size, size_t *len_out,
                         struct err *e) MUST_CHECK;
/* All of it, in one record up to TLS_RECORD_MAX; -1: out of memory or broken. */
int tls_write(struct tls *t, const void *data, size_t len, struct err *e) MUST_CHECK;
enum { TLS_RECORD_MAX = 16 * 1024 };
void tls_bye(struct tls *t); /* a close_notify is pending after it */

/* "TLSv1.3" */
const char *tls_version(const struct tls *t);

#endif
