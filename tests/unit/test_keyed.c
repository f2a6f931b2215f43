/*
 * keyed: published vectors, and tokens that hold against every change of a character.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ctype.h>

#include <cmocka.h>

#include "base/keyed.h"

enum { DAY = 86400 };
static const int64_t an_id = 0x1234567890abcdef;

static struct keyed_key make_key(int seed)
{
    struct keyed_key key;

    memset(key.bytes, seed, sizeof key.bytes);
    return key;
}

static void test_sha1(void **state)
{
    char out[41];

    (void)state;
    keyed_sha1_hex("abc", 3, out);
    assert_string_equal(out, "a9993e364706816aba3e25717850c26c9cd0d89d");
    keyed_sha1_hex("", 0, out);
    assert_string_equal(out, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    /* XEP-0114 §3's form: stream id and secret */
    keyed_sha1_hex("3BF96D32test", 12, out);
    assert_int_equal(strlen(out), 40);
}

static void test_hash(void **state)
{
    struct keyed_key key = make_key(0x0b), other = make_key(0x0c);
    char out[65], again[65];

    (void)state;
    /* computed with `openssl dgst -sha256 -mac HMAC` over "p\0Hi There" */
    keyed_hash_hex(&key, "p", "Hi There", 8, 32, out);
    assert_string_equal(out, "65aba7c496d9e182f3a711df4db08914bdf70dee68425b424c457b9d64298a52");
    keyed_hash_hex(&key, "p", "Hi There", 8, 8, again);
    assert_int_equal(strlen(again), 16);
    assert_memory_equal(out, again, 16);
    keyed_hash_hex(&other, "p", "Hi There", 8, 32, again);
    assert_string_not_equal(out, again);
    keyed_hash_hex(&key, "q", "Hi There", 8, 32, again);
    assert_string_not_equal(out, again);
    keyed_hash_hex(&key, "pHi", " There", 6, 32, again); /* the NUL keeps them apart */
    assert_string_not_equal(out, again);
    keyed_hash_hex(&key, "p", NULL, 0, 32, again);
    assert_int_equal(strlen(again), 64);
    keyed_hash_hex(&key, "p", "x", 1, 33, again);
    assert_string_equal(again, "");
}

static void test_random(void **state)
{
    unsigned char a[32] = {0}, b[32] = {0};
    struct err e;

    (void)state;
    assert_int_equal(keyed_random(a, sizeof a, &e), 0);
    assert_int_equal(keyed_random(b, sizeof b, &e), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(keyed_random(NULL, 0, &e), 0);
}

static void test_token(void **state)
{
    struct keyed_key key = make_key(1), other = make_key(2);
    char token[KEYED_TOKEN_SIZE], upper[KEYED_TOKEN_SIZE];
    int64_t id = 0, expires = 20000LL * DAY + 5;
    size_t i, len;

    (void)state;
    keyed_token(&key, "bounce", an_id, expires, token);
    len = strlen(token);
    assert_in_range(len, 30, 40);
    for (i = 0; i < len; i++) {
        assert_true(token[i] == '.' || islower((unsigned char)token[i]) ||
                    isdigit((unsigned char)token[i]));
        upper[i] = (char)toupper((unsigned char)token[i]);
    }
    upper[len] = '\0';
    assert_int_equal(keyed_check(&key, "bounce", token, len, expires, &id), KEYED_OK);
    assert_true(id == an_id);
    id = 0;
    assert_int_equal(keyed_check(&key, "bounce", upper, len, expires, &id), KEYED_OK);
    assert_true(id == an_id);
    /* valid through the UTC day */
    assert_int_equal(keyed_check(&key, "bounce", token, len, 20001LL * DAY - 1, &id), KEYED_OK);
    id = 0;
    assert_int_equal(keyed_check(&key, "bounce", token, len, 20001LL * DAY, &id), KEYED_EXPIRED);
    assert_true(id == an_id);
    assert_int_equal(keyed_check(&other, "bounce", token, len, expires, &id), KEYED_FORGED);
    assert_int_equal(keyed_check(&key, "file", token, len, expires, &id), KEYED_FORGED);
}

static void test_forged(void **state)
{
    struct keyed_key key = make_key(1);
    char token[KEYED_TOKEN_SIZE], changed[KEYED_TOKEN_SIZE + 2];
    int64_t id = 7;
    size_t i, len;

    (void)state;
    keyed_token(&key, "bounce", an_id, 20000LL * DAY, token);
    len = strlen(token);
    for (i = 0; i < len; i++) {
        int c;

        for (c = 0; c < 256; c++) {
            memcpy(changed, token, len + 1);
            changed[i] = (char)c;
            if (tolower(c) == token[i] || c == token[i])
                continue;
            assert_int_equal(keyed_check(&key, "bounce", changed, len, 0, &id), KEYED_FORGED);
        }
    }
    for (i = 0; i < len; i++)
        assert_int_equal(keyed_check(&key, "bounce", token, i, 0, &id), KEYED_FORGED);
    memcpy(changed, token, len);
    memcpy(changed + len, "0", 2);
    assert_int_equal(keyed_check(&key, "bounce", changed, len + 1, 0, &id), KEYED_FORGED);
    assert_true(id == 7); /* untouched */
}

static void test_extremes(void **state)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    struct keyed_key key = make_key(1);
    char token[KEYED_TOKEN_SIZE];
    int64_t id;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof times / sizeof times[0]; i++) {
        keyed_token(&key, "x", INT64_MAX, times[i], token);
        assert_true(strlen(token) <= 40);
        assert_int_equal(keyed_check(&key, "x", token, strlen(token), 0, &id), KEYED_OK);
        assert_true(id == INT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha1),   cmocka_unit_test(test_hash),
        cmocka_unit_test(test_random), cmocka_unit_test(test_token),
        cmocka_unit_test(test_forged), cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
