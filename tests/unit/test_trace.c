/* trace: only marks that were written here count, and only what stands in the header. */
#include <stdio.h>

#include "fixture_mapping.h"
#include "mapping/address/reverse_path.h"
#include "mapping/report/trace.h"

static void read_text(const struct context *ctx, const char *text, struct trace *out)
{
    trace_read(ctx, text, strlen(text), out);
}

static void hops_are_counted_in_the_header(void **state)
{
    struct fixture *f = *state;
    struct trace t;

    read_text(&f->ctx,
              "Received: a\r\n\tReceived: folded\r\nRECEIVED : b\r\nReceived-SPF: pass\r\n"
              "X-Received: c\r\n\r\nReceived: body\r\n",
              &t);
    assert_int_equal(t.hops, 2);
    read_text(&f->ctx, "Received: a\nReceived: b\n\nReceived: c\n", &t);
    assert_int_equal(t.hops, 2);
    read_text(&f->ctx, "Received", &t);
    assert_int_equal(t.hops, 0);
    trace_read(&f->ctx, NULL, 0, &t);
    assert_int_equal(t.hops, 0);
}

static void only_our_own_mark_counts(void **state)
{
    struct fixture *f = *state;
    struct trace t;
    const char *mark;
    char text[2000], forged[400];
    struct buf b;
    size_t i;

    mark = reverse_path_make(&f->ctx, f->arena, 12345);
    buf_init(&b, 2000);
    trace_write(&b, mark);
    buf_adds(&b, "\r\n");
    trace_read(&f->ctx, b.data, b.len, &t);
    assert_int_equal(t.mark_count, 1);
    assert_int_equal(t.marks[0], 12345);
    buf_clear(&b);

    /* One character of it changed, another domain, a list's own name, nothing. */
    for (i = 2; i < strcspn(mark, "@"); i++) {
        snprintf(forged, sizeof forged, "%s", mark);
        forged[i] = forged[i] == '0' ? '1' : '0';
        if (strcmp(forged, mark) == 0)
            continue;
        snprintf(text, sizeof text, "X-Loop: %s\r\n\r\n", forged);
        read_text(&f->ctx, text, &t);
        assert_int_equal(t.mark_count, 0);
    }
    snprintf(text, sizeof text,
             "X-Loop: %.*s@example.com\r\nX-Loop: list@example.org\r\nX-Loop:\r\n",
             (int)strcspn(mark, "@"), mark);
    read_text(&f->ctx, text, &t);
    assert_int_equal(t.mark_count, 0);
    snprintf(text, sizeof text, "Subject: x\r\n\r\nX-Loop: %s\r\n", mark);
    read_text(&f->ctx, text, &t);
    assert_int_equal(t.mark_count, 0);

    /* Beside others, and more than are kept. */
    snprintf(text, sizeof text, "X-Loop: list@example.org\nx-loop:  <%s>\n\n", mark);
    read_text(&f->ctx, text, &t);
    assert_int_equal(t.mark_count, 1);
    for (i = 0, text[0] = '\0'; i < 2 * TRACE_MARKS_MAX && strlen(text) + 120 < sizeof text; i++)
        sprintf(text + strlen(text), "X-Loop: %s\n", mark);
    read_text(&f->ctx, text, &t);
    assert_true(t.mark_count > 1 && t.mark_count <= TRACE_MARKS_MAX);
}

static void a_returned_header_has_the_mark_of_its_own_mail(void **state)
{
    struct fixture *f = *state;
    const char *mark = reverse_path_make(&f->ctx, f->arena, 12345);
    const char *other = reverse_path_make(&f->ctx, f->arena, 12346);
    char text[8000];
    size_t i;

    snprintf(text, sizeof text, "Subject: x\r\n\r\n--b\r\n\r\nX-Loop: %s\r\nX-Loop: %s\r\n", other,
             mark);
    assert_true(trace_is_returned(&f->ctx, text, strlen(text), 12345));
    assert_true(trace_is_returned(&f->ctx, text, strlen(text), 12346));
    assert_false(trace_is_returned(&f->ctx, text, strlen(text), 12347));
    snprintf(text, sizeof text, "Subject: x\n\nMessage-ID: <%s>\n> X-Loop: %s\nX-Loop: b+12345\n",
             mark, mark);
    assert_false(trace_is_returned(&f->ctx, text, strlen(text), 12345));
    assert_false(trace_is_returned(&f->ctx, NULL, 0, 12345));
    /* Whoever sends a great many is not listened to. */
    for (i = 0, text[0] = '\0'; i < 100; i++)
        strcat(text, "X-Loop: x\n");
    snprintf(text + strlen(text), sizeof text - strlen(text), "X-Loop: %s\n", mark);
    assert_false(trace_is_returned(&f->ctx, text, strlen(text), 12345));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hops_are_counted_in_the_header, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(only_our_own_mark_counts, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_returned_header_has_the_mark_of_its_own_mail,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
