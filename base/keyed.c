/*
 * keyed: randomness, hashes and capability tokens by OpenSSL 3.  Owns no data, runs on any thread;
 * a crash leaves nothing behind.
 *
 * A token is <id>.<day>.<mac>: 13 digits of base32 as base/id.h writes them, 4 for the last UTC day
 * it is valid on, and 20 for the first 100 bits of HMAC-SHA-256 over purpose, id and day.
 */
#include "base/keyed.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/id.h"

enum {
    DAY_S = 86400,
    DAY_DIGITS = 4,
    DAY_MAX = (1 << 5 * DAY_DIGITS) - 1,
    ID_DIGITS = ID_TEXT_SIZE - 1,
    MAC_DIGITS = 20,
    DAY_AT = ID_DIGITS + 1,
    MAC_AT = DAY_AT + DAY_DIGITS + 1,
    TOKEN_LEN = MAC_AT + MAC_DIGITS,
    SHA256_SIZE = 32
};

_Static_assert((int)TOKEN_LEN <= 40 && (int)TOKEN_LEN < (int)KEYED_TOKEN_SIZE,
               "at most 40 characters");

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

int keyed_random(void *out, size_t len, struct err *e)
{
    if (len > INT32_MAX || RAND_bytes(out, (int)len) != 1)
        return err_set(e, ERR_RETRY, "no random bytes are to be had");
    return 0;
}

/* HMAC-SHA-256(key, purpose NUL data) */
static int hmac(const struct keyed_key *key, const char *purpose, const void *data, size_t len,
                unsigned char mac[SHA256_SIZE])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = algorithm ? EVP_MAC_CTX_new(algorithm) : NULL;
    size_t size = 0;
    int rc = -1;

    if (!ctx || EVP_MAC_init(ctx, key->bytes, sizeof key->bytes, params) != 1)
        goto out;
    if (EVP_MAC_update(ctx, (const unsigned char *)purpose, strlen(purpose) + 1) != 1)
        goto out;
    if (len > 0 && EVP_MAC_update(ctx, data, len) != 1)
        goto out;
    if (EVP_MAC_final(ctx, mac, &size, SHA256_SIZE) == 1 && size == SHA256_SIZE)
        rc = 0;
out:
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(algorithm);
    return rc;
}

static void put_number(unsigned char *out, uint64_t v)
{
    int i;

    for (i = 7; i >= 0; i--, v >>= 8)
        out[i] = (unsigned char)v;
}

/* The MAC_DIGITS for a token, and a NUL. */
static int token_mac(const struct keyed_key *key, const char *purpose, int64_t id, int64_t day,
                     char *out)
{
    unsigned char data[16], mac[SHA256_SIZE];
    unsigned i, bits = 0, have = 0, next = 0;

    put_number(data, (uint64_t)id);
    put_number(data + 8, (uint64_t)day);
    if (hmac(key, purpose, data, sizeof data, mac) < 0)
        return -1;
    for (i = 0; i < MAC_DIGITS; i++) {
        if (have < 5) {
            bits = (bits << 8 | mac[next++]) & 0xffff;
            have += 8;
        }
        have -= 5;
        out[i] = digits[bits >> have & 31];
    }
    out[MAC_DIGITS] = '\0';
    return 0;
}

void keyed_token(const struct keyed_key *key, const char *purpose, int64_t id, int64_t expires_s,
                 char *out)
{
    int64_t day = expires_s < 0 ? 0 : expires_s / DAY_S;
    int i;

    if (day > DAY_MAX)
        day = DAY_MAX;
    if (token_mac(key, purpose, id, day, out + MAC_AT) < 0) {
        out[0] = '\0';
        return;
    }
    id_format(id, out);
    out[ID_DIGITS] = '.';
    for (i = 0; i < DAY_DIGITS; i++)
        out[DAY_AT + i] = digits[day >> 5 * (DAY_DIGITS - 1 - i) & 31];
    out[MAC_AT - 1] = '.';
}

static int digit_value(char c)
{
    const char *p = c ? strchr(digits, c) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* Lower case, into text (TOKEN_LEN + 1); false when it has not the form of a token. */
static bool read_form(const char *token, size_t len, char *text, int64_t *id, int64_t *day)
{
    int i;

    if (len != TOKEN_LEN)
        return false;
    for (i = 0; i < TOKEN_LEN; i++) {
        char c = token[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (i == ID_DIGITS || i == MAC_AT - 1 ? c != '.' : digit_value(c) < 0)
            return false;
        text[i] = c;
    }
    text[TOKEN_LEN] = '\0';
    *day = 0;
    for (i = 0; i < DAY_DIGITS; i++)
        *day = *day << 5 | digit_value(text[DAY_AT + i]);
    *id = id_parse(text, ID_DIGITS);
    return *id > 0;
}

enum keyed_state keyed_check(const struct keyed_key *key, const char *purpose, const char *token,
                             size_t len, int64_t now_s, int64_t *id_out)
{
    char text[TOKEN_LEN + 1], mac[MAC_DIGITS + 1];
    int64_t id, day;

    if (!read_form(token, len, text, &id, &day) || token_mac(key, purpose, id, day, mac) < 0 ||
        CRYPTO_memcmp(mac, text + MAC_AT, MAC_DIGITS) != 0)
        return KEYED_FORGED;
    *id_out = id;
    return now_s >= (day + 1) * DAY_S ? KEYED_EXPIRED : KEYED_OK;
}

static void write_hex(const unsigned char *bytes, size_t n, char *out)
{
    size_t i;

    for (i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

void keyed_hash_hex(const struct keyed_key *key, const char *purpose, const void *data, size_t len,
                    size_t n, char *out)
{
    unsigned char mac[SHA256_SIZE];

    if (n > SHA256_SIZE || hmac(key, purpose, data, len, mac) < 0)
        out[0] = '\0';
    else
        write_hex(mac, n, out);
}

void keyed_sha1_hex(const void *data, size_t len, char *out)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t size = 0;

    if (EVP_Q_digest(NULL, "SHA1", NULL, data, len, md, &size) != 1 || size != 20)
        out[0] = '\0';
    else
        write_hex(md, size, out);
}

void keyed_sha1_base64(const void *data, size_t len, char *out)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t size = 0;

    *out = '\0';
    if (EVP_Q_digest(NULL, "SHA1", NULL, data, len, md, &size) == 1 && size == 20)
        EVP_EncodeBlock((unsigned char *)out, md, (int)size);
}

void keyed_sha256_base64(const void *data, size_t len, char *out)
{
    unsigned char digest[SHA256_SIZE];

    *out = '\0';
    if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1)
        EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}
