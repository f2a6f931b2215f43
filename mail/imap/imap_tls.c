/*
 * imap_tls: OpenSSL behind six calls.
 *
 * A connection has a context of its own, so that a changed ca_file counts at the next connection,
 * or one that many share (imap_trust); the trust, over a megabyte on some systems, is let go after
 * the handshake. Owns the context and the TLS state; the thread is that of the job that works.
 */
#include "mail/imap/imap_tls.h"
#include "mail/imap/imap_trust.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct imap_tls {
    SSL_CTX *ctx;
    SSL *ssl;
    bool is_shared; /* the context is others', too */
};

/* The oldest error that OpenSSL keeps for this thread, as words. */
static const char *reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text ? text : "unknown reason";
}

static void let_partial_chains(X509_VERIFY_PARAM *param, const char *ca_file)
{
    /* The administrator chose the file: a server's own certificate in it is trusted as it stands.
     */
    if (ca_file && ca_file[0])
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
}

static int load_trust(SSL_CTX *ctx, const struct conf_server *server, struct err *e)
{
    X509_STORE *store = imap_trust_read(server->ca_file, e);

    if (!store)
        return -1;
    SSL_CTX_set_cert_store(ctx, store);
    return 0;
}

static SSL_CTX *new_context(const struct conf_server *server, struct err *e)
{
    SSL_CTX *ctx = imap_trust_context(e);

    if (ctx && load_trust(ctx, server, e) < 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* The name or address that the certificate must carry (RFC 6125; RFC 6066 §3: no SNI for
 * addresses). */
static int expect_name(SSL *ssl, const char *host, struct err *e)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char name[256]; /* OpenSSL's macro for SNI wants it without const, and copies it */

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    snprintf(name, sizeof name, "%s", host);
    if (strlen(host) >= sizeof name || X509_VERIFY_PARAM_set1_host(param, host, 0) != 1 ||
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) != 1)
        return err_set(e, ERR_PERMANENT, "%s cannot be the name of a TLS server (option host)",
                       host);
    return 0;
}

/* A context of its own, or the shared one with the trust as it is now. */
static int make(struct imap_tls *t, const struct conf_server *server, struct imap_trust *trust,
                struct err *e)
{
    X509_STORE *store = NULL;
    int r = 0;

    if (!trust || !imap_trust_is_of(trust, server->ca_file))
        t->ctx = new_context(server, e);
    else if (imap_trust_hold(trust, &t->ctx, &store, e) < 0)
        return -1;
    if (!t->ctx)
        return -1;
    t->ssl = SSL_new(t->ctx);
    if (!t->ssl || (store && SSL_set1_verify_cert_store(t->ssl, store) != 1))
        r = err_memory(e);
    else
        let_partial_chains(SSL_get0_param(t->ssl), server->ca_file);
    t->is_shared = store != NULL;
    X509_STORE_free(store);
    return r;
}

struct imap_tls *imap_tls_new(int fd, const struct conf_server *server, struct imap_trust *trust,
                              struct err *e)
{
    struct imap_tls *t = calloc(1, sizeof *t);

    if (!t) {
        err_memory(e);
        return NULL;
    }
    ERR_clear_error();
    if (make(t, server, trust, e) < 0)
        goto failed;
    if (SSL_set_fd(t->ssl, fd) != 1) {
        err_memory(e);
        goto failed;
    }
    if (expect_name(t->ssl, server->host, e) < 0)
        goto failed;
    return t;
failed:
    imap_tls_free(t);
    return NULL;
}

void imap_tls_free(struct imap_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    free(t);
}

static int outcome(struct imap_tls *t, int r)
{
    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return IMAP_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IMAP_TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return IMAP_TLS_END;
    default:
        return IMAP_TLS_FAILED;
    }
}

static void let_go_of_trust(struct imap_tls *t)
{
    X509_STORE *none = t->is_shared ? NULL : X509_STORE_new();

    if (t->is_shared)
        (void)SSL_set0_verify_cert_store(t->ssl, NULL);
    else if (none)
        SSL_CTX_set_cert_store(t->ctx, none); /* takes it and frees the trust */
}

int imap_tls_handshake(struct imap_tls *t, struct err *e)
{
    long verdict;
    int r;

    ERR_clear_error();
    r = SSL_connect(t->ssl);
    if (r == 1) {
        let_go_of_trust(t);
        return 0;
    }
    r = outcome(t, r);
    if (r == IMAP_TLS_WANT_READ || r == IMAP_TLS_WANT_WRITE)
        return r;
    verdict = SSL_get_verify_result(t->ssl);
    if (verdict != X509_V_OK)
        err_set(e, ERR_PERMANENT, "the server's certificate is refused: %s (options host, ca_file)",
                X509_verify_cert_error_string(verdict));
    else
        err_set(e, ERR_RETRY, "no TLS with the server: %s (options port, tls)", reason());
    ERR_clear_error();
    return r;
}

ssize_t imap_tls_read(struct imap_tls *t, void *out, size_t size)
{
    int r;

    ERR_clear_error();
    r = SSL_read(t->ssl, out, size > INT_MAX ? INT_MAX : (int)size);
    return r > 0 ? r : outcome(t, r);
}

ssize_t imap_tls_write(struct imap_tls *t, const void *data, size_t len)
{
    int r;

    ERR_clear_error();
    r = SSL_write(t->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
    return r > 0 ? r : outcome(t, r);
}

bool imap_tls_has_unread(const struct imap_tls *t)
{
    return SSL_pending(t->ssl) > 0;
}

void imap_tls_bye(struct imap_tls *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    ERR_clear_error();
}
