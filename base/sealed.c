/*
 * sealed: AES-256-GCM by OpenSSL's EVP.
 *
 * No data of its own; any thread; nothing left behind.  The bytes are a version, the nonce, the
 * text and the tag.  A nonce is never counted but drawn: of 96 random bits, two are the same only
 * after far more rows than a database of users will ever have.
 */
#include "base/sealed.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed.h"

enum { VERSION = 1, NONCE = 12, TAG = 16, OVERHEAD = 1 + NONCE + TAG, LEN_MAX = 1 << 20 };

int sealed_key_make(const char *secret, struct sealed_key *out, struct err *e)
{
    static const char purpose[] = "postern accounts 1\n";
    EVP_MD_CTX *ctx;
    int ok;

    if (strlen(secret) < SEALED_SECRET_MIN)
        return err_set(e, ERR_PERMANENT, "a key has at least %d characters", SEALED_SECRET_MIN);
    ctx = EVP_MD_CTX_new();
    ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
         EVP_DigestUpdate(ctx, purpose, sizeof purpose - 1) == 1 &&
         EVP_DigestUpdate(ctx, secret, strlen(secret)) == 1 &&
         EVP_DigestFinal_ex(ctx, out->bytes, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : err_memory(e);
}

void sealed_wipe(void *data, size_t len)
{
    OPENSSL_cleanse(data, len);
}

void sealed_key_wipe(struct sealed_key *key)
{
    sealed_wipe(key, sizeof *key);
}

static int encrypt(EVP_CIPHER_CTX *ctx, const struct sealed_key *key, const char *bound,
                   const void *plain, int len, unsigned char *out)
{
    unsigned char *nonce = out + 1, *text = nonce + NONCE;
    int n = 0;

    return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
                   EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)bound,
                                     (int)strlen(bound)) == 1 &&
                   EVP_EncryptUpdate(ctx, text, &n, plain, len) == 1 && n == len &&
                   EVP_EncryptFinal_ex(ctx, text + len, &n) == 1 &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, text + len) == 1
               ? 0
               : -1;
}

int sealed_lock(const struct sealed_key *key, const char *bound, const void *plain, size_t len,
                struct buf *out, struct err *e)
{
    EVP_CIPHER_CTX *ctx;
    unsigned char *bytes;
    int r = -1;

    if (len > LEN_MAX)
        return err_set(e, ERR_BUG, "too long to be sealed");
    ctx = EVP_CIPHER_CTX_new();
    bytes = malloc(len + OVERHEAD);
    if (ctx && bytes && keyed_random(bytes + 1, NONCE, e) == 0) {
        bytes[0] = VERSION;
        r = encrypt(ctx, key, bound, plain, (int)len, bytes);
        if (r == 0)
            r = buf_add(out, bytes, len + OVERHEAD);
    }
    EVP_CIPHER_CTX_free(ctx);
    free(bytes);
    return r < 0 ? err_memory(e) : 0;
}

/* 1: opened, 0: it does not fit. */
static int decrypt(EVP_CIPHER_CTX *ctx, const struct sealed_key *key, const char *bound,
                   const unsigned char *sealed, int len, unsigned char *out)
{
    const unsigned char *nonce = sealed + 1, *text = nonce + NONCE;
    unsigned char tag[TAG];
    int n = 0;

    memcpy(tag, text + len, TAG);
    return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)bound, (int)strlen(bound)) ==
               1 &&
           EVP_DecryptUpdate(ctx, out, &n, text, len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, out + len, &n) == 1;
}

int sealed_open(const struct sealed_key *key, const char *bound, const void *sealed, size_t len,
                struct buf *out, struct err *e)
{
    EVP_CIPHER_CTX *ctx;
    unsigned char *plain;
    size_t text = len - OVERHEAD;
    int r;

    if (len < OVERHEAD || text > LEN_MAX || *(const unsigned char *)sealed != VERSION)
        return err_set(e, ERR_PERMANENT, "these are no sealed bytes");
    ctx = EVP_CIPHER_CTX_new();
    plain = malloc(text + 1);
    if (!ctx || !plain)
        r = err_memory(e);
    else if (!decrypt(ctx, key, bound, sealed, (int)text, plain))
        r = err_set(e, ERR_PERMANENT, "the key does not open it, or it was changed");
    else
        r = buf_add(out, plain, text) < 0 ? err_memory(e) : 0;
    if (plain)
        sealed_wipe(plain, text);
    free(plain);
    EVP_CIPHER_CTX_free(ctx);
    return r;
}
