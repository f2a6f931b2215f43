/*
 * tls: certificates made on the spot, for servers in tests.
 */
#ifndef TESTS_FAKE_TLS_H
#define TESTS_FAKE_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct fake_tls {
    const char *name; /* for the subject alternative name: "DNS:imap.example" or "IP:127.0.0.1" */
    int days;         /* of validity from yesterday on; negative: over */
    bool is_self_signed;
};

/* A server context with a certificate signed by a CA made for it, whose certificate is written to
 * ca_file. */
SSL_CTX *fake_tls_server(const struct fake_tls *want, const char *ca_file);

#endif
