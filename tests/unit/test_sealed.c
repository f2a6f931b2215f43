/* Secrets in the database: what opens them, and what must not. */
#include "base/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char plain[] = "the password of romeo";

static void make(struct sealed_key *key, const char *text)
{
    struct err e;

    assert_int_equal(sealed_key_make(text, key, &e), 0);
}

static void lock(const struct sealed_key *key, const char *bound, struct buf *out)
{
    struct err e;

    buf_init(out, 4096);
    assert_int_equal(sealed_lock(key, bound, plain, sizeof plain, out, &e), 0);
}

static int open_as(const struct sealed_key *key, const char *bound, const struct buf *b)
{
    struct err e = {ERR_NONE, ""};
    struct buf out;
    int r;

    buf_init(&out, 4096);
    buf_set_secret(&out);
    r = sealed_open(key, bound, b->data, b->len, &out, &e);
    if (r == 0) {
        assert_int_equal(out.len, sizeof plain);
        assert_memory_equal(out.data, plain, sizeof plain);
    } else {
        assert_int_equal(e.class, ERR_PERMANENT);
        assert_int_equal(out.len, 0);
    }
    buf_clear(&out);
    return r;
}

static void opens_with_its_key_and_place(void **state)
{
    struct sealed_key key, other;
    struct buf a, b;

    (void)state;
    make(&key, secret);
    make(&other, "another key of more than 32 characters");
    lock(&key, "juliet 1", &a);
    lock(&key, "juliet 1", &b);
    assert_int_equal(open_as(&key, "juliet 1", &a), 0);
    assert_int_equal(open_as(&key, "juliet 2", &a), -1);
    assert_int_equal(open_as(&key, "", &a), -1);
    assert_int_equal(open_as(&other, "juliet 1", &a), -1);
    assert_null(buf_find(a.data, a.len, "password", 8));
    assert_true(memcmp(a.data, b.data, a.len) != 0); /* a nonce of its own */
    buf_clear(&a);
    buf_clear(&b);
}

static void notices_every_changed_bit_and_missing_byte(void **state)
{
    struct sealed_key key;
    struct buf b;
    size_t i;

    (void)state;
    make(&key, secret);
    lock(&key, "juliet", &b);
    for (i = 0; i < b.len * 8; i++) {
        b.data[i / 8] = (char)(b.data[i / 8] ^ 1 << i % 8);
        assert_int_equal(open_as(&key, "juliet", &b), -1);
        b.data[i / 8] = (char)(b.data[i / 8] ^ 1 << i % 8);
    }
    assert_int_equal(open_as(&key, "juliet", &b), 0);
    while (b.len > 0) {
        buf_truncate(&b, b.len - 1);
        assert_int_equal(open_as(&key, "juliet", &b), -1);
    }
    buf_clear(&b);
}

static void wants_a_long_key(void **state)
{
    struct sealed_key key;
    struct err e;

    (void)state;
    assert_int_equal(sealed_key_make("0123456789abcdef0123456789abcde", &key, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_int_equal(sealed_key_make("", &key, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_its_key_and_place),
        cmocka_unit_test(notices_every_changed_bit_and_missing_byte),
        cmocka_unit_test(wants_a_long_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
