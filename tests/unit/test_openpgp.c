/* Armor, cleartext signatures, and the key id in a signature, from people and from strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapping/openpgp/openpgp.h"

#define BEGIN "-----BEGIN PGP MESSAGE-----\n"
#define END   "-----END PGP MESSAGE-----\n"
#define Q64   "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD"

static int setup(void **state)
{
    *state = arena_new(4 << 20);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

typedef int read_fn(struct arena *a, const char *text, const char **out);

static void check(struct arena *a, read_fn *read, const char *text, const char *want)
{
    const char *got = "unset";

    assert_int_equal(read(a, text, &got), 0);
    if (!want != !got || (want && strcmp(want, got) != 0))
        fail_msg("%s\n gave %s\n want %s", text, got ? got : "(none)", want ? want : "(none)");
}

struct row {
    const char *text, *want;
};

static void data_of_stanzas(void **state)
{
    static const struct row rows[] = {
        {"hQEM", "hQEM"},
        {" \n hQEM \r\n=abcd\n\n", "hQEM\n=abcd"},
        {"hQEM\nA+/=\n=abcd", "hQEM\nA+/=\n=abcd"},
        {Q64 Q64 "AB==\n=abcd", Q64 "\n" Q64 "\nAB==\n=abcd"},
        {Q64 Q64, Q64 "\n" Q64},
        {BEGIN "Version: x\nComment: y\n\nhQEM\n=abcd\n" END, "hQEM\n=abcd"},
        {"-----BEGIN PGP SIGNATURE-----\n\nhQEM\n-----END PGP SIGNATURE-----", "hQEM"},
        {"", NULL},
        {" \n", NULL},
        {"=abcd", NULL},
        {"hQEM===", NULL},
        {"hQ==\nhQEM", NULL},
        {"hQEM\n=abc", NULL},
        {"hQEM\n=abcde", NULL},
        {"hQEM\n=ab=d", NULL},
        {"hQEM\n=abcd\n=abcd", NULL},
        {"hQEM\n=abcd\nhQEM", NULL},
        {"hQ EM", NULL},
        {"-----BEGIN PGP MESSAGE-----", NULL},
        {BEGIN "\nhQEM", NULL},
        {"h\xc3\xb6rt", NULL},
        {"hQEM\n.\nMAIL FROM:<x@y>", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, openpgp_read_data, rows[i].text, rows[i].want);
}

static void message_of_mails(void **state)
{
    static const struct row rows[] = {
        {BEGIN "\nhQEM\n=abcd\n" END, "hQEM\n=abcd"},
        {"\n\n" BEGIN "Version: GnuPG v2\nHash: a\n\nhQEM\nAAAA\n=abcd\n" END "\n \n",
         "hQEM\nAAAA\n=abcd"},
        /* Lines stay as they were, however long. */
        {BEGIN "\n" Q64 Q64 "\n" END, Q64 Q64},
        {"Hello\n" BEGIN "\nhQEM\n" END, NULL},
        {BEGIN "\nhQEM\n" END "Goodbye\n", NULL},
        {BEGIN "\nhQEM\n" END BEGIN "\nhQEM\n" END, NULL},
        {BEGIN "\nhQEM\n", NULL},
        {BEGIN "hQEM\n" END, NULL},
        {BEGIN "\n" END, NULL},
        {BEGIN "\nthis is no base64\n" END, NULL},
        {"> " BEGIN "> \n> hQEM\n> " END, NULL},
        {"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nhQEM\n-----END PGP PUBLIC KEY BLOCK-----\n",
         NULL},
        {"", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, openpgp_read_message, rows[i].text, rows[i].want);
}

static void cleartext(void **state)
{
#define SIGNED "-----BEGIN PGP SIGNED MESSAGE-----\n"
#define SIG    "-----BEGIN PGP SIGNATURE-----\n\nhQEM\n=abcd\n-----END PGP SIGNATURE-----\n"
    static const struct row rows[] = {
        {SIGNED "Hash: SHA512\n\nHello\n- - dash\n- -----BEGIN x\n\nBye\n" SIG,
         "Hello\n- dash\n-----BEGIN x\n\nBye\n"},
        {"\n" SIGNED "\nHello\n" SIG "\nlist footer\n", "Hello\n\nlist footer\n"},
        {SIGNED "\n" SIG, ""},
        {SIGNED "\nHello\n", NULL},
        {SIGNED "\nHello\n-----BEGIN PGP SIGNATURE-----\n\nhQEM\n", NULL},
        {SIGNED "Hello without a header\n" SIG, NULL},
        {"Hello\n" SIGNED "\nHello\n" SIG, NULL},
        {"", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, openpgp_read_cleartext, rows[i].text, rows[i].want);
}

static void armor_round(void **state)
{
    struct buf b;

    buf_init(&b, 1000);
    openpgp_write_armor(&b, "MESSAGE", "hQEM\n=abcd");
    assert_string_equal(b.data, BEGIN "\nhQEM\n=abcd\n" END);
    check(*state, openpgp_read_message, b.data, "hQEM\n=abcd");
    buf_clear(&b);
}

static void memory(void **state)
{
    struct arena *a = arena_new(1);
    const char *out;

    (void)state;
    assert_int_equal(openpgp_read_data(a, Q64 Q64, &out), -1);
    assert_null(out);
    assert_int_equal(openpgp_read_message(a, BEGIN "\n" Q64 "\n" END, &out), -1);
    assert_int_equal(openpgp_read_cleartext(a, SIGNED "\n" Q64 "\n" SIG, &out), -1);
    arena_free(a);
}

/* ---- signatures ---- */

static void encode(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i;

    for (i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0U);

        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? digits[v & 63] : '=';
    }
    *out = '\0';
}

#define ID   "\x01\x23\x45\x67\x89\xab\xcd\xef"
#define ID2  "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"
#define FP12 "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b"
#define IDH  "0123456789ABCDEF"

static const struct {
    const char *name, *bytes;
    size_t len;
    const char *want;
} signatures[] = {
#define S(bytes) bytes, sizeof(bytes) - 1
    {"version 3", S("\x88\x11\x03\x05\x00\x00\x00\x00\x00" ID "\x01\x02"), IDH},
    {"version 4, issuer not hashed",
     S("\x88\x12\x04\x00\x16\x0a\x00\x00\x00\x0a\x09\x10" ID "\x00\x00"), IDH},
    {"version 4, issuer critical and hashed, after the time",
     S("\x88\x18\x04\x00\x16\x0a\x00\x10\x05\x02\x00\x00\x00\x00\x09\x90" ID "\x00\x00"), IDH},
    {"fingerprint", S("\xc2\x1f\x04\x00\x16\x0a\x00\x17\x16\x21\x04" FP12 ID "\x00\x00"), IDH},
    {"hashed comes first",
     S("\xc2\x1e\x04\x00\x16\x0a\x00\x0a\x09\x10" ID "\x00\x0a\x09\x10" ID2 "\x00\x00"), IDH},
    {"a length of five octets",
     S("\xc2\x18\x04\x00\x16\x0a\x00\x0e\xff\x00\x00\x00\x09\x10" ID "\x00\x00\x00\x00"), IDH},
    {"length to the end", S("\x8b\x04\x00\x16\x0a\x00\x0a\x09\x10" ID "\x00\x00"), IDH},
    {"after a marker packet",
     S("\xca\x03PGP\x88\x12\x04\x00\x16\x0a\x00\x00\x00\x0a\x09\x10" ID "\x00\x00"), IDH},
    {"version 6",
     S("\xc2\x30\x06\x00\x1b\x0a\x00\x00\x00\x23\x22\x21\x06" ID FP12 FP12 "\x00\x00\x00\x00\x00"),
     IDH},
    {"no issuer", S("\x88\x0a\x04\x00\x16\x0a\x00\x00\x00\x00\x00\x00"), NULL},
    {"an issuer of seven",
     S("\x88\x11\x04\x00\x16\x0a\x00\x00\x00\x09\x08\x10\x01\x23\x45\x67\x89\xab\xcd"), NULL},
    {"a subpacket of nothing", S("\x88\x09\x04\x00\x16\x0a\x00\x00\x00\x01\x00"), NULL},
    {"a subpacket beyond its area", S("\x88\x0b\x04\x00\x16\x0a\x00\x00\x00\x03\xff\x10\x01"),
     NULL},
    {"an area beyond the packet", S("\x88\x08\x04\x00\x16\x0a\xff\xff\x09\x10"), NULL},
    {"a packet beyond the bytes", S("\x88\xff\x04\x00\x16\x0a\x00\x00\x00\x0a\x09\x10" ID), NULL},
    {"four octets of length", S("\x8a\xff\xff\xff\xff\x04"), NULL},
    {"pieces", S("\xc2\xe1\x04\x00"), NULL},
    {"version 3 cut", S("\x88\x09\x03\x05\x00\x00\x00\x00\x01\x02\x03"), NULL},
    {"version 9", S("\x88\x12\x09\x00\x16\x0a\x00\x00\x00\x0a\x09\x10" ID "\x00\x00"), NULL},
    {"a key", S("\x98\x06\x04\x00\x00\x00\x00\x16"), NULL},
    {"no packet", S("\x01\x02\x03"), NULL},
    {"nothing", S(""), NULL},
};

static void key_ids(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        char text[400], id[OPENPGP_KEY_ID_SIZE];
        bool is_found;

        encode((const uint8_t *)signatures[i].bytes, signatures[i].len, text);
        is_found = openpgp_key_id(text, id);
        if (is_found != (signatures[i].want != NULL) ||
            (is_found && strcmp(id, signatures[i].want) != 0))
            fail_msg("%s: %s", signatures[i].name, is_found ? id : "none");
    }
}

/* Made by gpg for the key 3E3AF843DC1EFA58. */
static void key_id_of_gpg(void **state)
{
    char id[OPENPGP_KEY_ID_SIZE];

    (void)state;
    assert_true(
        openpgp_key_id("iIkEABYIADEWIQR5s++zvn5Dw3ge63w+OvhD3B76WAUCawMgFxMcanVsaWV0QGV4\n"
                       "YW1wbGUub3JnAAoJED46+EPcHvpYtegBAMGPkH3pl7TpcCwGEHUkXYCEPGg3zNA9\n"
                       "iHzohg4eCsnXAQCYSef9J42U48lcBl/inR9AdG20KwvqyHp2Y8Tdt+J2BA==\n=jdH3",
                       id));
    assert_string_equal(id, "3E3AF843DC1EFA58");
}

/* Every cut and every changed byte of every signature: no reading beyond (the sanitizers look). */
static void broken_signatures(void **state)
{
    char text[400], id[OPENPGP_KEY_ID_SIZE];
    uint8_t bytes[300];
    size_t i, at, n;
    unsigned value;

    (void)state;
    for (i = 0; i < sizeof signatures / sizeof *signatures; i++)
        for (at = 0; at < signatures[i].len; at++) {
            n = signatures[i].len;
            memcpy(bytes, signatures[i].bytes, n);
            encode(bytes, at, text);
            openpgp_key_id(text, id);
            assert_true(strlen(id) == 0 || strlen(id) == 16);
            for (value = 0; value < 256; value += 5) {
                bytes[at] = (uint8_t)value;
                encode(bytes, n, text);
                openpgp_key_id(text, id);
                assert_true(strlen(id) == 0 || strlen(id) == 16);
            }
        }
}

/* A megabyte that claims to be a signature is looked at only as far as one can be. */
static void huge_signature(void **state)
{
    char id[OPENPGP_KEY_ID_SIZE];
    char *text = malloc(1 << 20);

    (void)state;
    assert_non_null(text);
    memset(text, 'A', 1 << 20);
    text[(1 << 20) - 1] = '\0';
    assert_false(openpgp_key_id(text, id));
    memcpy(text, "wv8AEAAA", 8); /* a packet of a megabyte */
    assert_false(openpgp_key_id(text, id));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_of_stanzas, setup, teardown),
        cmocka_unit_test_setup_teardown(message_of_mails, setup, teardown),
        cmocka_unit_test_setup_teardown(cleartext, setup, teardown),
        cmocka_unit_test_setup_teardown(armor_round, setup, teardown),
        cmocka_unit_test(memory),
        cmocka_unit_test(key_ids),
        cmocka_unit_test(key_id_of_gpg),
        cmocka_unit_test(broken_signatures),
        cmocka_unit_test(huge_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
