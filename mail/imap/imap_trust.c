/*
 * imap_trust: one TLS context and one store of certificates for many connections.
 *
 * The store is read again every ten minutes, by the first connection that needs it then, so that a
 * changed file counts soon; a file that cannot be read any more leaves the old store in force.
 * Owns both, by OpenSSL's counts; a mutex guards them.  A crash leaves nothing behind.
 */
#include "mail/imap/imap_trust.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "base/log.h"

enum { KEEP_MS = 600 * 1000 };

struct imap_trust {
    pthread_mutex_t lock;
    char *ca_file;
    SSL_CTX *ctx;      /* NULL: not made yet */
    X509_STORE *store; /* NULL: not read yet */
    int64_t until_ms;
};

static const char *reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text ? text : "unknown reason";
}

SSL_CTX *imap_trust_context(struct err *e)
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
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1)
        return ctx;
    err_set(e, ERR_RETRY, "TLS 1.2 cannot be asked for: %s", reason());
    SSL_CTX_free(ctx);
    return NULL;
}

X509_STORE *imap_trust_read(const char *ca_file, struct err *e)
{
    X509_STORE *store = X509_STORE_new();

    if (!store) {
        err_memory(e);
        return NULL;
    }
    if (!ca_file || !ca_file[0]) {
        if (X509_STORE_set_default_paths(store) == 1)
            return store;
        err_set(e, ERR_RETRY, "cannot read the system's certificates: %s", reason());
    } else {
        if (X509_STORE_load_locations(store, ca_file, NULL) == 1)
            return store;
        err_set(e, ERR_PERMANENT, "cannot read certificates from %s (option ca_file): %s", ca_file,
                reason());
    }
    X509_STORE_free(store);
    return NULL;
}

/* With the lock held. */
static int refresh(struct imap_trust *t, struct err *e)
{
    int64_t now = clock_mono_ms(&clock_system);
    X509_STORE *store;

    if (!t->ctx)
        t->ctx = imap_trust_context(e);
    if (!t->ctx)
        return -1;
    if (t->store && now < t->until_ms)
        return 0;
    store = imap_trust_read(t->ca_file, e);
    if (!store && !t->store)
        return -1;
    t->until_ms = now + KEEP_MS;
    if (!store) {
        log_warning("imap", "event=trust-not-read error=\"%s\", as before", e->text);
        return 0;
    }
    X509_STORE_free(t->store);
    t->store = store;
    return 0;
}

int imap_trust_hold(struct imap_trust *t, SSL_CTX **ctx_out, X509_STORE **store_out, struct err *e)
{
    struct err why;
    int r;

    pthread_mutex_lock(&t->lock);
    r = refresh(t, &why);
    if (r == 0) {
        SSL_CTX_up_ref(t->ctx);
        X509_STORE_up_ref(t->store);
        *ctx_out = t->ctx;
        *store_out = t->store;
    }
    pthread_mutex_unlock(&t->lock);
    return r == 0 ? 0 : err_set(e, why.class, "%s", why.text);
}

bool imap_trust_is_of(const struct imap_trust *t, const char *ca_file)
{
    return strcmp(t->ca_file, ca_file ? ca_file : "") == 0;
}

struct imap_trust *imap_trust_new(const char *ca_file, struct err *e)
{
    struct imap_trust *t = calloc(1, sizeof *t);

    if (t)
        t->ca_file = strdup(ca_file ? ca_file : "");
    if (!t || !t->ca_file) {
        free(t);
        err_memory(e);
        return NULL;
    }
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void imap_trust_free(struct imap_trust *t)
{
    if (!t)
        return;
    X509_STORE_free(t->store);
    SSL_CTX_free(t->ctx);
    pthread_mutex_destroy(&t->lock);
    free(t->ca_file);
    free(t);
}
