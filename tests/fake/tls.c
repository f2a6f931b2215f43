/*
 * tls: see the header.  Failures abort: a test without its certificate proves nothing.
 */
#include "tests/fake/tls.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void need(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fake_tls: %s\n", what);
    abort();
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    need(ext && X509_add_ext(cert, ext, -1) == 1, value);
    X509_EXTENSION_free(ext);
}

static X509 *make(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int days)
{
    X509 *cert = X509_new();
    X509_NAME *name;

    need(cert != NULL, "certificate");
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600L * 24 * (days < 0 ? 3 : 1));
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600L * 24 * days);
    X509_set_pubkey(cert, key);
    name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
    if (!issuer)
        extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    (void)issuer_key;
    return cert;
}

SSL_CTX *fake_tls_server(const struct fake_tls *want, const char *ca_file)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = make("Test CA", ca_key, NULL, ca_key, 30);
    X509 *cert = make("server", key, want->is_self_signed ? NULL : ca, ca_key, want->days);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    FILE *f = fopen(ca_file, "w");

    need(ca_key && key && ctx && f, "keys");
    need(X509_sign(ca, ca_key, EVP_sha256()) > 0, "CA");
    extend(cert, ca, NID_subject_alt_name, want->name);
    need(X509_sign(cert, want->is_self_signed ? key : ca_key, EVP_sha256()) > 0, "sign");
    need(PEM_write_X509(f, ca) == 1 && fclose(f) == 0, "write");
    need(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1, "use");
    X509_free(ca);
    X509_free(cert);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return ctx;
}
