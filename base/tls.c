/*
 * tls: OpenSSL between two memory buffers.
 *
 * OpenSSL keeps errors for each thread: every call clears them before and after, so that one
 * connection's trouble is not told of another.  Owns the context and the connection's state; the
 * thread is its owner's.  A crash leaves nothing behind.
 */
#include "base/tls.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"

enum { NAME_MAX_BYTES = 255, KEEP_BYTES = 64 * 1024, PENDING_MAX = 1024 * 1024 };

struct tls_client {
    SSL_CTX *ctx;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    struct buf pending;
    size_t sent; /* of pending */
};

/* The oldest error that OpenSSL keeps for this thread, as words. */
static const char *reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text ? text : "unknown reason";
}

/* ---- what is trusted ---- */

static int load_trust(SSL_CTX *ctx, const char *ca_file, struct err *e)
{
    if (!ca_file || !ca_file[0]) {
        if (SSL_CTX_set_default_verify_paths(ctx) != 1)
            return err_set(e, ERR_RETRY, "cannot read the system's certificates: %s", reason());
        return 0;
    }
    if (SSL_CTX_load_verify_locations(ctx, ca_file, NULL) != 1)
        return err_set(e, ERR_PERMANENT, "cannot read certificates from %s (option ca_file): %s",
                       ca_file, reason());
    /* The administrator chose the file: a server's own certificate in it is trusted as it stands.
     */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

struct tls_client *tls_client_new(const char *ca_file, struct err *e)
{
    struct tls_client *c = calloc(1, sizeof *c);

    ERR_clear_error();
    if (c)
        c->ctx = SSL_CTX_new(TLS_client_method());
    if (!c || !c->ctx) {
        free(c);
        err_memory(e);
        return NULL;
    }
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(c->ctx, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1)
        err_set(e, ERR_RETRY, "TLS 1.2 cannot be asked for: %s", reason());
    else if (load_trust(c->ctx, ca_file, e) == 0)
        return c;
    tls_client_free(c);
    return NULL;
}

void tls_client_free(struct tls_client *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->ctx);
    free(c);
}

/* ---- one connection ---- */

/* RFC 6066 §3: no SNI for addresses. */
static int expect_name(SSL *ssl, const char *host, struct err *e)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char name[NAME_MAX_BYTES +
              1]; /* OpenSSL's macro for SNI wants it without const, and copies it */
    size_t len = strlen(host);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (len <= NAME_MAX_BYTES) {
        memcpy(name, host, len + 1);
        if (X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
            SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1)
            return 0;
    }
    return err_set(e, ERR_PERMANENT, "%.200s cannot be the name of a TLS server (option host)",
                   host);
}

struct tls *tls_new(struct tls_client *c, const char *host, struct err *e)
{
    struct tls *t = calloc(1, sizeof *t);

    if (!t) {
        err_memory(e);
        return NULL;
    }
    ERR_clear_error();
    buf_init(&t->pending, PENDING_MAX);
    t->ssl = SSL_new(c->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        BIO_free(t->in);
        BIO_free(t->out);
        t->in = t->out = NULL;
        err_memory(e);
        goto failed;
    }
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_connect_state(t->ssl);
    if (expect_name(t->ssl, host, e) == 0)
        return t;
failed:
    tls_free(t);
    ERR_clear_error();
    return NULL;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl); /* and its BIOs */
    buf_clear(&t->pending);
    free(t);
}

/* ---- bytes ---- */

int tls_take(struct tls *t, const void *data, size_t len)
{
    size_t written = 0;
    int r;

    ERR_clear_error();
    r = BIO_write_ex(t->in, data, len, &written);
    ERR_clear_error();
    return r == 1 && written == len ? 0 : -1;
}

/* What OpenSSL wrote goes to where it waits for the socket. */
static int collect(struct tls *t)
{
    char *data;
    long len = BIO_get_mem_data(t->out, &data);
    int r;

    if (len <= 0)
        return 0;
    r = buf_add(&t->pending, data, (size_t)len);
    (void)BIO_reset(t->out);
    return r;
}

const char *tls_pending(const struct tls *t, size_t *len_out)
{
    *len_out = t->pending.len - t->sent;
    return t->pending.data + t->sent;
}

void tls_sent(struct tls *t, size_t len)
{
    t->sent += len;
    if (t->sent < t->pending.len)
        return;
    t->sent = 0;
    if (t->pending.cap > KEEP_BYTES)
        buf_clear(&t->pending);
    else
        buf_reset(&t->pending);
}

/* r: of the SSL call. */
static enum tls_result result_of(struct tls *t, int r)
{
    int code = SSL_get_error(t->ssl, r);

    if (collect(t) < 0)
        return TLS_FAILED;
    switch (code) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ: /* writing to memory never waits */
        return TLS_WANTS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

enum tls_result tls_handshake(struct tls *t, struct err *e)
{
    enum tls_result result;
    long verdict;

    ERR_clear_error();
    result = result_of(t, SSL_do_handshake(t->ssl));
    if (result == TLS_DONE || result == TLS_WANTS_MORE)
        return result;
    verdict = SSL_get_verify_result(t->ssl);
    if (verdict != X509_V_OK)
        err_set(e, ERR_PERMANENT, "the server's certificate is refused: %s (options host, ca_file)",
                X509_verify_cert_error_string(verdict));
    else
        err_set(e, ERR_RETRY, "no TLS with the server: %s (options port, tls)", reason());
    ERR_clear_error();
    return TLS_FAILED;
}

enum tls_result tls_read(struct tls *t, void *out, size_t size, size_t *len_out, struct err *e)
{
    enum tls_result result;

    *len_out = 0;
    ERR_clear_error();
    result = result_of(t, SSL_read_ex(t->ssl, out, size, len_out));
    if (result == TLS_FAILED)
        err_set(e, ERR_RETRY, "TLS is broken: %s", reason());
    return result;
}

int tls_write(struct tls *t, const void *data, size_t len, struct err *e)
{
    size_t written = 0;

    ERR_clear_error();
    if (result_of(t, SSL_write_ex(t->ssl, data, len, &written)) == TLS_DONE && written == len)
        return 0;
    return err_set(e, ERR_RETRY, "TLS is broken: %s", reason());
}

void tls_bye(struct tls *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    (void)!collect(t);
    ERR_clear_error();
}

const char *tls_version(const struct tls *t)
{
    return SSL_get_version(t->ssl);
}
