/*
 * Makes the TLS of Debian 12's OpenSMTPD work, for the tests; loaded before its libraries.
 *
 * That version (6.8.0p2) keeps its key in another process and marks the public key of the
 * certificate with where the private one is.  OpenSSL 3 hands out a copy of that key, so the mark is
 * lost and each handshake ends with "missing private key"; later versions set the marked key
 * explicitly.  This does the same, and nothing else: the handshake itself is theirs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

int SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *key)
{
    int (*theirs)(SSL_CTX *, EVP_PKEY *) =
        (int (*)(SSL_CTX *, EVP_PKEY *))dlsym(RTLD_NEXT, "SSL_CTX_use_PrivateKey");
    RSA *rsa = EVP_PKEY_get1_RSA(key);
    EC_KEY *ec = rsa ? NULL : EVP_PKEY_get1_EC_KEY(key);
    EVP_PKEY *marked = EVP_PKEY_new();

    if (!theirs || !marked || (rsa ? EVP_PKEY_set1_RSA(marked, rsa) : EVP_PKEY_set1_EC_KEY(marked, ec)) != 1)
        return 0;
    return theirs(ctx, marked); /* once for each certificate: what it holds stays */
}
