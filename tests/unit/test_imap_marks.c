/*
 * Tests of mail/imap/imap_marks: the UIDs that wait for their mark come out as they came in, in
 * order, each once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mail/imap/imap_marks.h"

enum { UIDS = 300 };

static void add(struct imap_marks *m, uint32_t uid)
{
    assert_int_equal(imap_marks_reserve(m, 1), 0);
    assert_true(imap_marks_add(m, uid));
}

static void test_ranges(void **state)
{
    static const struct {
        uint32_t uids[8];
        size_t spans;
    } rows[] = {{{1, 2, 3, 4, 5}, 1}, {{5, 4, 3, 2, 1}, 1}, {{1, 3, 5, 2, 4}, 1},
                {{1, 3, 5}, 3},       {{7, 7, 8, 7, 8}, 1}, {{4294967294U, 1, 4294967293U}, 2}};
    uint32_t out[8];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct imap_marks m = {0};
        size_t n = 0, got;

        for (; rows[i].uids[n]; n++)
            add(&m, rows[i].uids[n]);
        assert_int_equal(m.span_count, rows[i].spans);
        got = imap_marks_take(&m, out, 8);
        for (size_t k = 1; k < got; k++)
            assert_true(out[k] > out[k - 1]);
        assert_int_equal(m.count, 0);
        assert_int_equal(imap_marks_first(&m), 0);
        imap_marks_clear(&m);
    }
}

static void test_without_room(void **state)
{
    struct imap_marks m = {0};

    (void)state;
    assert_false(imap_marks_add(&m, 1));
    assert_int_equal(m.count, 0);
    imap_marks_trim(&m);
    add(&m, 1);
    imap_marks_trim(&m); /* something is in it */
    assert_int_equal(imap_marks_first(&m), 1);
    imap_marks_clear(&m);
}

/* Against a table of what is in it.  What was taken goes in again without a reserve. */
static void test_by_chance(void **state)
{
    bool is_in[UIDS + 1] = {false};
    struct imap_marks m = {0};
    uint32_t out[UIDS], uid;
    size_t n, count = 0, i;

    (void)state;
    srand(1);
    for (int turn = 0; turn < 3000; turn++) {
        uid = 1 + (uint32_t)rand() % UIDS;
        add(&m, uid);
        count += !is_in[uid];
        is_in[uid] = true;
        assert_int_equal(m.count, count);
        for (uid = 1; !is_in[uid]; uid++)
            ;
        assert_int_equal(imap_marks_first(&m), uid);
        if (turn % 50 != 0)
            continue;
        n = imap_marks_take(&m, out, 1 + (size_t)rand() % 100);
        assert_true(n <= count);
        for (i = 0, uid = 1; i < n; i++, uid++) {
            for (; !is_in[uid]; uid++)
                ;
            assert_int_equal(out[i], uid);
            is_in[uid] = turn % 100 == 0;
            if (is_in[uid])
                assert_true(imap_marks_add(&m, uid));
            else
                count--;
        }
    }
    imap_marks_empty(&m);
    assert_int_equal(m.count, 0);
    imap_marks_clear(&m);
}

/* A range that was taken in part and goes back from behind is one again. */
static void test_back_from_behind(void **state)
{
    struct imap_marks m = {0};
    uint32_t out[10], uid;
    size_t n;

    (void)state;
    for (uid = 1; uid <= 20; uid++)
        add(&m, uid);
    while (m.span_count < m.room) /* no place is left */
        assert_true(imap_marks_add(&m, 100 + 2 * (uint32_t)m.span_count));
    n = imap_marks_take(&m, out, 10);
    assert_int_equal(n, 10);
    while (n-- > 0)
        assert_true(imap_marks_add(&m, out[n]));
    assert_int_equal(imap_marks_first(&m), 1);
    assert_int_equal(m.span_count, m.room);
    imap_marks_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_without_room),
        cmocka_unit_test(test_by_chance),
        cmocka_unit_test(test_back_from_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
