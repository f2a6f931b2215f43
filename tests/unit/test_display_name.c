/* Display names: what a hostile name becomes before it stands in a From. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>

#include "mapping/address/display_name.h"
#include "mapping/mime/header_write.h"

static void check(const char *in, const char *want)
{
    struct arena *a = arena_new(100000);
    const char *got = display_name(a, in);

    assert_non_null(got);
    if (strcmp(got, want) != 0)
        fail_msg("\"%s\" gave \"%s\", not \"%s\"", in, got, want);
    arena_free(a);
}

static void names(void **state)
{
    static const char *const rows[][2] = {
        {"Juliet Capulet", "Juliet Capulet"},
        {"  Juliet \t\n Capulet ", "Juliet Capulet"},
        {"", ""},
        {" \r\n ", ""},
        {"Capulet, J\303\274liet (\"Jule\")", "Capulet, J\303\274liet (\"Jule\")"},
        {"\346\234\261\344\270\275\345\217\266", "\346\234\261\344\270\275\345\217\266"},
        /* a second line, a further field */
        {"Juliet\r\nBcc: all", "Juliet Bcc: all"},
        {"Juliet\001\177\302\205x", "Juliet x"},
        {"Juliet\342\200\250Bcc: all\342\200\251x", "Juliet Bcc: all x"},
        /* an address, which many programs would show for the real one */
        {"boss@bank.example", ""},
        {"The Boss <boss@bank.example>", ""},
        {"boss\357\274\240bank.example", ""},
        {"boss\357\271\253bank.example", ""},
        {"boss\342\200\213@\342\200\213bank.example", ""},
        /* an encoded word, however it is put together */
        {"=?utf-8?Q?boss=40bank.example?=", ""},
        {"=\342\200\213?utf-8?Q?boss?=", ""},
        /* turned round, hidden */
        {"\342\200\256teiluJ", "teiluJ"},
        {"Ju\342\200\213li\302\255et\357\273\277", "Juliet"},
        {"\342\201\246Juliet\342\201\251", "Juliet"},
        {"\363\240\201\201Juliet", "Juliet"},
        /* the joiner in a family of three stays */
        {"\360\237\221\250\342\200\215\360\237\221\251\342\200\215\360\237\221\247",
         "\360\237\221\250\342\200\215\360\237\221\251\342\200\215\360\237\221\247"},
        /* bytes that are no UTF-8 */
        {"Ju\377li\300\200et", "Juliet"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        check(rows[i][0], rows[i][1]);
}

/* Cut between characters, never within one. */
static void overlong(void **state)
{
    struct arena *a = arena_new(1 << 20);
    char in[3001];
    const char *out;
    size_t i;

    (void)state;
    for (i = 0; i < 1000; i++)
        memcpy(in + 3 * i, "\346\234\261", 3);
    in[3000] = '\0';
    out = display_name(a, in);
    assert_int_equal(strlen(out), DISPLAY_NAME_MAX);
    assert_memory_equal(out, in, DISPLAY_NAME_MAX);
    memset(in, 'x', 3000);
    in[DISPLAY_NAME_MAX - 1] = ' ';
    assert_int_equal(strlen(display_name(a, in)), DISPLAY_NAME_MAX - 1);
    arena_free(a);
}

static void of_vcards(void **state)
{
    static const char *const rows[][2] = {
        {"<FN>Juliet Capulet</FN><NICKNAME>Jule</NICKNAME>", "Juliet Capulet"},
        {"<FN> </FN><NICKNAME>Jule</NICKNAME>", "Jule"},
        {"<FN>juliet@capulet.example</FN><NICKNAME>Jule</NICKNAME>", "Jule"},
        {"<FN/><N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN></N>", "Juliet Capulet"},
        {"<N><GIVEN>Juliet</GIVEN></N>", "Juliet"},
        {"<NICKNAME><b>no text</b></NICKNAME>", ""},
        {"<FN xmlns='elsewhere'>Juliet</FN>", ""},
        {"", ""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new(100000);
        struct xml_node *card;
        char text[400];
        struct err e;

        snprintf(text, sizeof text, "<vCard xmlns='vcard-temp'>%s</vCard>", rows[i][0]);
        assert_int_equal(parser_read_one(a, text, strlen(text), FIXTURE_NS, NULL, &card, &e), 0);
        assert_string_equal(display_name_of_vcard(a, card), rows[i][1]);
        arena_free(a);
    }
    {
        struct arena *a = arena_new(100000);

        assert_string_equal(display_name_of_vcard(a, NULL), ""); /* an empty result */
        arena_free(a);
    }
}

static void no_memory(void **state)
{
    struct arena *a = arena_new(10);

    (void)state;
    assert_null(display_name(a, "Juliet Capulet of Verona"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(overlong),
        cmocka_unit_test(of_vcards),
        cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
