/*
 * imap_tls: OpenSSL behind six calls.
 *
 * Each connection has a context of its own, so that a changed ca_file counts at the next
 * connection; what it loaded for the handshake (the trust, over a megabyte on some systems) is let
 * go after it. Owns the context and the TLS state; the thread is that of the job that works.
 */
#include "mail/imap/imap_tls.h"

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
};

/* The oldest error that OpenSSL keeps for this thread, as words. */
static const char *reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text ? text : "unknown reason";
}

static int load_trust(SSL_CTX *ctx, const struct conf_server *server, struct err *e)
{
    if (!server->ca_file || !server->ca_file[0]) {
        if (SSL_CTX_set_default_verify_paths(ctx) != 1)
            return err_set(e, ERR_RETRY, "cannot read the system's certificates: %s", reason());
        return 0;
    }
    if (SSL_CTX_load_verify_locations(ctx, server->ca_file, NULL) != 1)
        return err_set(e, ERR_PERMANENT, "cannot read certificates from %s (option ca_file): %s",
                       server->ca_file, reason());
    /* The administrator chose the file: a server's own certificate in it is trusted as it stands.
     */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

static SSL_CTX *new_context(const struct conf_server *server, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx) {
        err_memory(e);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        err_set(e, ERR_RETRY, "TLS 1.2 cannot be asked for: %s", reason());
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (load_trust(ctx, server, e) < 0) {
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

struct imap_tls *imap_tls_new(int fd, const struct conf_server *server, struct err *e)
{
    struct imap_tls *t = calloc(1, sizeof *t);

    if (!t) {
        err_memory(e);
        return NULL;
    }
    ERR_clear_error();
    t->ctx = new_context(server, e);
    if (!t->ctx)
        goto failed;
    t->ssl = SSL_new(t->ctx);
    if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
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

int imap_tls_handshake(struct imap_tls *t, struct err *e)
{
    X509_STORE *none;
    long verdict;
    int r;

    ERR_clear_error();
    r = SSL_connect(t->ssl);
    if (r == 1) {
        none = X509_STORE_new();
        if (none)
            SSL_CTX_set_cert_store(t->ctx, none); /* takes it and frees the trust */
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
