/* charset and transfer_read: bytes under right, wrong and unknown labels; broken encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/mime/charset.h"
#include "mapping/mime/transfer_read.h"

static void reads_every_label(void **state)
{
    static const struct {
        const char *label, *data, *want;
    } cases[] = {
        {"utf-8", "na\xc3\xafve", "na\xc3\xafve"},
        {"us-ascii", "na\xc3\xafve", "na\xc3\xafve"},
        {"us-ascii", "na\xefve", "na\xc3\xafve"},
        {NULL, "na\xefve \x93x\x94", "na\xc3\xafve \xe2\x80\x9cx\xe2\x80\x9d"},
        {"iso-8859-1", "\x80", "\xe2\x82\xac"},                   /* it is windows-1252 */
        {"iso-8859-1", "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"}, /* it is UTF-8 */
        {"\"ISO-8859-15\"", "\xa4", "\xe2\x82\xac"},
        {"koi8-r", "\xd0\xd2\xc9\xd7\xc5\xd4", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},
        {"gb2312", "\xc4\xe3\xba\xc3", "\xe4\xbd\xa0\xe5\xa5\xbd"},
        {"shift_jis", "\x93\xfa\x96\x7b", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"ks_c_5601-1987", "\xc7\xd1", "\xed\x95\x9c"},
        {"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "\xe6\x97\xa5\xe6\x9c\xac"},
        {NULL, "\x1b$BF|K\\\x1b(B", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"utf-7", "+AOk-t", "\xc3\xa9t"},
        {"utf-16", "plain after all", "plain after all"},
        {"x-klingon", "caf\xe9", "caf\xc3\xa9"},
        {"../../etc/passwd", "caf\xe9", "caf\xc3\xa9"},
        {"utf-8//TRANSLIT//IGNORE", "caf\xe9", "caf\xc3\xa9"},
        {"", "x", "x"},
        {"utf-8",
         "a\x01"
         "b\x1b[31mc\x7f",
         "ab[31mc\x7f"}, /* what XML forbids goes */
        {"utf-8", "\xc3\xa9\xc3\xa9\xc3", "\xc3\xa9\xc3\xa9\xef\xbf\xbd"}, /* cut in the middle */
        {"iso-2022-jp", "\x1b$B-!\x1b(B", "\xe2\x91\xa0"},                 /* of one maker */
        {"cp50221", "\x1b(I1\x1b(J x", "\xef\xbd\xb1 x"},                  /* half-width kana */
        {"iso-2022-jp", "\x1b$BF|\nplain\x1b", "\xe6\x97\xa5\nplain"},     /* broken */
        {"iso-2022-jp-2", "\x1b$A0!\x1b(B", "\xe5\x95\x8a"},               /* Chinese in it */
        {"windows-1252", "na\xc3\xafve", "na\xc3\xafve"},                  /* it is UTF-8 */
        {"gb2312", "\x81\x40", "\xe4\xb8\x82"},                            /* it is GBK */
        {"ks_c_5601-1987", "\x81\x41", "\xea\xb0\x82"},                    /* it is CP949 */
        {"x-sjis", "\x87\x40", "\xe2\x91\xa0"},                            /* of one maker */
        {"euc-jp", "\xc6\xfc\xcb\xdc", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"unicode-1-1-utf-7", "Hi Mom +Jjo-!", "Hi Mom \xe2\x98\xba!"},
        {"us-ascii", "\x93x\x94", "\xe2\x80\x9cx\xe2\x80\x9d"},
        {"big5", "\xa7\x41\xff", "\xe4\xbd\xa0\xef\xbf\xbd"},
    };
    struct arena *a = arena_new(1 << 24);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(charset_read(a, cases[i].label, cases[i].data, strlen(cases[i].data)),
                            cases[i].want);
    assert_string_equal(charset_read(a, "utf-16le", "h\0i\0", 4), "hi");
    assert_string_equal(charset_read(a, "utf-8", "a\0b", 3), "ab");
    arena_free(a);
}

static void tells_when_the_arena_is_full(void **state)
{
    struct arena *a = arena_new(8);
    size_t n;

    (void)state;
    assert_null(charset_read(a, "utf-8", "longer than eight bytes", 23));
    assert_null(transfer_read(a, ENCODING_BASE64, "bG9uZ2VyIHRoYW4gZWlnaHQ=", 24, &n));
    arena_free(a);
}

static void clips_between_characters(void **state)
{
    (void)state;
    assert_int_equal(charset_clip("ab\xc3\xa9", 4, 3), 2);
    assert_int_equal(charset_clip("ab\xc3\xa9", 4, 4), 4);
    assert_int_equal(charset_clip("\xe2\x82\xac", 3, 2), 0);
}

static void decodes(void **state)
{
    static const struct {
        enum encoding kind;
        const char *data, *want;
    } cases[] = {
        {ENCODING_NONE, "as it is", "as it is"},
        {ENCODING_BASE64, "SGVsbG8=", "Hello"},
        {ENCODING_BASE64, "SGVs\r\nbG8", "Hello"},
        {ENCODING_BASE64,
         "SGVsbG8=IA==V29ybGQ=", "Hello World"}, /* pieces joined by a bad program */
        {ENCODING_BASE64, "S.G!V*s", "S.G!V*s"},
        {ENCODING_BASE64, "This is no base64 at all.", "This is no base64 at all."},
        {ENCODING_BASE64, "", ""},
        {ENCODING_BASE64, "A", ""},
        {ENCODING_QUOTED, "caf=C3=A9=\r\n bar", "caf\xc3\xa9 bar"},
        {ENCODING_QUOTED, "soft=  \nbreak", "softbreak"},
        {ENCODING_QUOTED, "end  \r\nnext", "end\r\nnext"},
        {ENCODING_QUOTED, "1+1=2 =zz =", "1+1=2 =zz "},
        {ENCODING_QUOTED, "low=c3=a9", "low\xc3\xa9"},
        {ENCODING_QUOTED, "x=C", "x=C"}, /* no look behind the end */
        {ENCODING_QUOTED, "x=", "x"},
        {ENCODING_UU, "begin 644 x\n#0V%T\n`\nend\n", "Cat"},
        {ENCODING_UU, "nothing here", ""},
    };
    struct arena *a = arena_new(1 << 20);
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].data);
        char *exact = arena_alloc(a, len + 1); /* no byte more than there is, for the sanitizers */
        const char *out;

        memcpy(exact, cases[i].data, len);
        out = transfer_read(a, cases[i].kind, exact, len, &n);
        assert_non_null(out);
        assert_string_equal(out, cases[i].want);
        assert_int_equal(n, strlen(out));
        assert_true(n <= len + 1);
    }
    /* A line of uuencode that promises 63 bytes and holds a few. */
    assert_non_null(transfer_read(a, ENCODING_UU, "begin 644 x\n_short\n", 19, &n));
    assert_in_range(n, 1, 5);
    assert_string_equal(transfer_read_q(a, "a_b=3D", 6, &n), "a b=");
    arena_free(a);
}

static void names_encodings(void **state)
{
    (void)state;
    assert_int_equal(transfer_read_kind("BASE64"), ENCODING_BASE64);
    assert_int_equal(transfer_read_kind(" Quoted-Printable ; x"), ENCODING_QUOTED);
    assert_int_equal(transfer_read_kind("x-uuencode"), ENCODING_UU);
    assert_int_equal(transfer_read_kind("8bit"), ENCODING_NONE);
    assert_int_equal(transfer_read_kind(NULL), ENCODING_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_label),        cmocka_unit_test(tells_when_the_arena_is_full),
        cmocka_unit_test(clips_between_characters), cmocka_unit_test(decodes),
        cmocka_unit_test(names_encodings),
    };

    return cmocka_run_group_tests_name("charset", tests, NULL, NULL);
}
