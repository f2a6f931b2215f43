/* Where a mail ends, and what in it is refused: every false end that servers are known to differ
 * on, dots, limits; and the same in pieces cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/lmtp/lmtp_data.h"

struct sample {
    const char *in;
    size_t len;
    const char *out; /* what the mail is; NULL: refused */
    enum lmtp_trouble trouble;
    size_t left; /* bytes behind the end */
};

#define IN(text) text, sizeof text - 1

/* Feeds in pieces of step bytes. */
static void check(const struct sample *s, size_t step)
{
    struct lmtp_budget budget = {0, 1 << 20};
    struct lmtp_data d;
    struct buf out;
    size_t i = 0;
    bool is_end = false;

    buf_init(&out, 1 << 20);
    lmtp_data_init(&d, &out, &budget, 100000);
    while (i < s->len && !is_end) {
        size_t n = s->len - i < step ? s->len - i : step;

        i += lmtp_data_take(&d, s->in + i, n, &is_end);
    }
    assert_true(is_end);
    assert_int_equal(s->len - i, s->left);
    assert_int_equal(d.trouble, s->trouble);
    if (s->out)
        assert_string_equal(out.data, s->out);
    else
        assert_int_equal(out.len, 0); /* refused: nothing of it is kept */
    assert_true(s->out ? budget.used > 0 || out.len == 0 : budget.used == 0);
    lmtp_data_clear(&d);
    assert_int_equal(budget.used, 0);
    buf_clear(&out);
}

static void test_ends_and_dots(void **state)
{
    static const struct sample samples[] = {
        {IN(".\r\n"), "", LMTP_WHOLE, 0},
        {IN("a\r\n.\r\n"), "a\r\n", LMTP_WHOLE, 0},
        {IN("a\r\n.\r\nQUIT\r\n"), "a\r\n", LMTP_WHOLE, 6},
        {IN("..\r\n...\r\n.a\r\n.\r\n"), ".\r\n..\r\na\r\n", LMTP_WHOLE, 0},
        {IN("a.\r\n.b\r\n\r\n\r\n.\r\n"), "a.\r\nb\r\n\r\n\r\n", LMTP_WHOLE, 0},
        {IN("..\r\n\r\n.\r\n"), ".\r\n\r\n", LMTP_WHOLE, 0},
        {IN("\xc3\xa9\xff\t\x01\r\n.\r\n"), "\xc3\xa9\xff\t\x01\r\n", LMTP_WHOLE, 0},
        {IN("a\nb\r\n.\r\n"), NULL, LMTP_BARE, 0},
        {IN("a\rb\r\n.\r\n"), NULL, LMTP_BARE, 0},
        {IN("a\r\r\n.\r\n"), NULL, LMTP_BARE, 0},
        {IN("\n.\r\n.\r\n"), NULL, LMTP_BARE, 0},
        {IN("a\0b\r\n.\r\n"), NULL, LMTP_NUL, 0},
        {IN(".\0\r\n.\r\n"), NULL, LMTP_NUL, 0},
        {IN(".\n.\r\n\r\n.\r\n"), NULL, LMTP_BARE, 0},
        {IN(".\r.\r\n.\r\n"), NULL, LMTP_BARE, 0},
        {IN("a\r\n.\r\0\n\r\n.\r\n"), NULL, LMTP_BARE, 0},
    };
    size_t i, step;

    (void)state;
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++)
        for (step = 1; step <= samples[i].len; step++)
            check(&samples[i], step);
}

/* Each false end, with the commands of a second mail behind it: all of it is one mail, refused. */
static void refuse_smuggled(const char *sequence, size_t len)
{
    static const char second[] =
        "MAIL FROM:<admin@capulet.example>\r\nRCPT TO:<juliet@capulet.example>\r\n"
        "DATA\r\nsmuggled\r\n";
    char text[512];
    struct sample s = {.in = text, .trouble = LMTP_BARE};
    size_t n = 0, step;

    memcpy(text, "first", 5);
    n = 5;
    memcpy(text + n, sequence, len);
    n += len;
    memcpy(text + n, second, sizeof second - 1);
    n += sizeof second - 1;
    memcpy(text + n, "\r\n.\r\n", 5);
    s.len = n + 5;
    if (memchr(sequence, '\0', len))
        s.trouble = LMTP_NUL;
    for (step = 1; step <= s.len; step++)
        check(&s, step);
}

static void test_no_false_end_is_an_end(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } ends[] = {
        {IN("\n.\n")},       {IN("\n.\r")},         {IN("\r.\n")},       {IN("\r.\r")},
        {IN("\n.\r\n")},     {IN("\r.\r\n")},       {IN("\r\n.\n")},     {IN("\r\n.\r")},
        {IN("\r\n.\r\r\n")}, {IN("\r\r\n.\r\r\n")}, {IN("\r\n\0.\r\n")}, {IN("\r\n.\0\r\n")},
        {IN("\n.\n\r\n")},   {IN("\x0b.\r\n\n")},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof ends / sizeof ends[0]; i++)
        refuse_smuggled(ends[i].text, ends[i].len);
}

static size_t unescape(const char *line, char *out)
{
    size_t n = 0;

    for (; *line && *line != '\n'; line++) {
        if (*line != '\\') {
            out[n++] = *line;
        } else if (*++line == 'x') {
            out[n++] = (char)strtol((char[]){line[1], line[2], '\0'}, NULL, 16);
            line += 2;
        } else {
            out[n++] = *line == 'r' ? '\r' : '\n';
        }
    }
    return n;
}

/* The same with the list of others, where it is at hand. */
static void test_corpus(void **state)
{
    const char *folder = getenv("POSTERN_CORPORA");
    char path[4096], line[256], sequence[256];
    FILE *f;
    size_t count = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/smtp-smuggling/end-of-data-sequences.txt",
             folder ? folder : "../shared/corpora");
    f = fopen(path, "r");
    if (!f)
        skip();
    while (fgets(line, sizeof line, f)) {
        if (line[0] != '\\')
            continue;
        refuse_smuggled(sequence, unescape(line, sequence));
        count++;
    }
    fclose(f);
    assert_true(count >= 12);
}

static enum lmtp_trouble trouble_of(size_t lines, size_t line_len, bool is_body, size_t size_max,
                                    size_t budget_max)
{
    struct lmtp_budget budget = {0, budget_max};
    struct lmtp_data d;
    struct buf out;
    char *line = malloc(line_len + 2);
    enum lmtp_trouble trouble;
    bool is_end;

    assert_non_null(line);
    memset(line, 'a', line_len);
    memcpy(line + line_len, "\r\n", 2);
    buf_init(&out, 64 << 20);
    lmtp_data_init(&d, &out, &budget, size_max);
    if (is_body)
        lmtp_data_take(&d, "\r\n", 2, &is_end);
    while (lines-- > 0)
        lmtp_data_take(&d, line, line_len + 2, &is_end);
    trouble = d.trouble;
    lmtp_data_take(&d, ".\r\n", 3, &is_end);
    assert_true(is_end); /* whatever was wrong, the end is found */
    assert_int_equal(d.trouble, trouble);
    lmtp_data_clear(&d);
    assert_int_equal(budget.used, 0);
    buf_clear(&out);
    free(line);
    return trouble;
}

static void test_limits(void **state)
{
    enum { MUCH = 64 << 20 };

    (void)state;
    assert_int_equal(trouble_of(1, LMTP_LINE_MAX - 2, true, MUCH, MUCH), LMTP_WHOLE);
    assert_int_equal(trouble_of(1, LMTP_LINE_MAX - 1, true, MUCH, MUCH), LMTP_LONG_LINE);
    assert_int_equal(trouble_of(LMTP_HEADER_MAX / 1000, 998, false, MUCH, MUCH), LMTP_WHOLE);
    assert_int_equal(trouble_of(LMTP_HEADER_MAX / 1000 + 1, 998, false, MUCH, MUCH),
                     LMTP_LONG_HEADER);
    assert_int_equal(trouble_of(LMTP_HEADER_MAX / 1000 + 1, 998, true, MUCH, MUCH), LMTP_WHOLE);
    assert_int_equal(trouble_of(10, 98, true, 1002, MUCH), LMTP_WHOLE);
    assert_int_equal(trouble_of(10, 98, true, 1001, MUCH), LMTP_TOO_LARGE);
    assert_int_equal(trouble_of(1000, 998, true, MUCH, 500000), LMTP_NO_MEMORY);
}

/* Processor time for a megabyte of one character. */
static double seconds_for(char c)
{
    enum { LEN = 1 << 20 };
    struct lmtp_budget budget = {0, 4 * LEN};
    char *text = malloc(LEN);
    struct lmtp_data d;
    struct buf out;
    clock_t begun;
    bool is_end;

    assert_non_null(text);
    memset(text, c, LEN);
    buf_init(&out, 2 * LEN);
    lmtp_data_init(&d, &out, &budget, LEN);
    begun = clock();
    lmtp_data_take(&d, text, LEN, &is_end);
    lmtp_data_clear(&d);
    buf_clear(&out);
    free(text);
    return (double)(clock() - begun) / CLOCKS_PER_SEC;
}

/* What is refused is passed over in time with its length: each byte is not looked at once more for
 * each that was wrong before it. */
static void test_what_is_refused_is_no_work(void **state)
{
    double step = seconds_for('\r'); /* a step for each byte */

    (void)state;
    assert_true(seconds_for('\n') <= 20 * step);
    assert_true(seconds_for('\0') <= 20 * step);
}

/* RFC 1870 §3: dots that were added do not count. */
static void test_size_is_without_added_dots(void **state)
{
    struct lmtp_budget budget = {0, 1 << 20};
    struct lmtp_data d;
    struct buf out;
    bool is_end;

    (void)state;
    buf_init(&out, 100);
    lmtp_data_init(&d, &out, &budget, 6);
    lmtp_data_take(&d, "..\r\n..\r\n.\r\n", 11, &is_end);
    assert_true(is_end);
    assert_int_equal(d.trouble, LMTP_WHOLE);
    assert_int_equal(d.size, 6);
    lmtp_data_clear(&d);
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_and_dots),
        cmocka_unit_test(test_no_false_end_is_an_end),
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_is_refused_is_no_work),
        cmocka_unit_test(test_size_is_without_added_dots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
