/*
 * keyed: what must not be guessed or forged.
 *
 * Random bytes, HMAC-SHA-256 and the capability tokens made from it: a name, a day on which it ends
 * and a truncated mac, `<name>.<expiry>.<mac>`, in characters that may stand in a mail local part
 * and in a URL.  Cryptography by OpenSSL.  Any thread.
 */
#ifndef BASE_KEYED_H
#define BASE_KEYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { KEYED_KEY_SIZE = 32, KEYED_TOKEN_SIZE = 64 };

struct keyed_key {
    unsigned char bytes[KEYED_KEY_SIZE];
};

int keyed_random(void *out, size_t len, struct err *e) MUST_CHECK;

/* Where OpenSSL fails (memory), what the following write is "", and a check says KEYED_FORGED. */

/* A token for id (> 0) and purpose (such as "bounce": a token for one purpose is none for another),
 * valid through the UTC day that holds expires_s.  out holds KEYED_TOKEN_SIZE; at most 40
 * characters, lower case, so that an MTA that folds case does no harm. */
void keyed_token(const struct keyed_key *key, const char *purpose, int64_t id, int64_t expires_s,
                 char *out);

enum keyed_state { KEYED_OK, KEYED_EXPIRED, KEYED_FORGED };

/* Reads a token back, in any case; id_out is set for KEYED_OK and KEYED_EXPIRED. Constant time in
 * the mac. */
enum keyed_state keyed_check(const struct keyed_key *key, const char *purpose, const char *token,
                             size_t len, int64_t now_s, int64_t *id_out) MUST_CHECK;

/* First 2 * n hex digits of HMAC-SHA-256(key, purpose NUL data), n at most 32; out holds 2 * n + 1.
 */
void keyed_hash_hex(const struct keyed_key *key, const char *purpose, const void *data, size_t len,
                    size_t n, char *out);

/* Lower-case hex SHA-1 (XEP-0114 §3 and XEP-0153 ask for it); out holds KEYED_SHA1_HEX_SIZE. */
enum { KEYED_SHA1_HEX_SIZE = 41 };
void keyed_sha1_hex(const void *data, size_t len, char *out);

/* SHA-1 in base64 (XEP-0115 §5.1); out holds KEYED_SHA1_BASE64_SIZE. */
enum { KEYED_SHA1_BASE64_SIZE = 29 };
void keyed_sha1_base64(const void *data, size_t len, char *out);

/* SHA-256 in base64 (XEP-0300); out holds KEYED_SHA256_BASE64_SIZE. */
enum { KEYED_SHA256_BASE64_SIZE = 45 };
void keyed_sha256_base64(const void *data, size_t len, char *out);

#endif
