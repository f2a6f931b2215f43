/* paging: which part of a list a client asks for, and what it is told of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "component/paging.h"
#include "component/parser.h"

static const char *const list[] = {"a", "b", "c", "d", "e"};

enum { LIST = sizeof list / sizeof list[0] };

#define SET(in) "<set xmlns='http://jabber.org/protocol/rsm'>" in "</set>"
#define TOLD(index, first, last)                                                                   \
    SET("<first index='" index "'>" first "</first><last>" last "</last><count>5</count>")

static const struct {
    const char *set, *page, *told; /* page NULL: it is refused */
} rows[] = {
    {"", "abcde", ""},
    {SET(""), "abcde", TOLD("0", "a", "e")},
    {SET("<max>2</max>"), "ab", TOLD("0", "a", "b")},
    {SET("<max>0</max>"), "", SET("<count>5</count>")},
    {SET("<max>99999999999999999999</max>"), "abcde", TOLD("0", "a", "e")},
    {SET("<max>2</max><after>b</after>"), "cd", TOLD("2", "c", "d")},
    {SET("<max>2</max><after>bb</after>"), "cd", TOLD("2", "c", "d")}, /* it is gone by now */
    {SET("<max>2</max><after>e</after>"), "", SET("<count>5</count>")},
    {SET("<max>2</max><before/>"), "de", TOLD("3", "d", "e")},
    {SET("<max>2</max><before>d</before>"), "bc", TOLD("1", "b", "c")},
    {SET("<max>2</max><before>b</before>"), "a", TOLD("0", "a", "a")},
    {SET("<max>2</max><before>a</before>"), "", SET("<count>5</count>")},
    {SET("<max>2</max><index>3</index>"), "de", TOLD("3", "d", "e")},
    {SET("<max>2</max><index>9</index>"), "", SET("<count>5</count>")},
    {SET("<max>2</max><index>99999999999999999999</index>"), "", SET("<count>5</count>")},
    {SET("<max>-1</max>"), NULL, NULL},
    {SET("<max/>"), NULL, NULL},
    {SET("<max>two</max>"), NULL, NULL},
    {SET("<index>x</index>"), NULL, NULL},
    {SET("<index>1</index><after>a</after>"), NULL, NULL},
    {SET("<before/><after>a</after>"), NULL, NULL},
};

static void a_page_is_what_was_asked_for(void **state)
{
    static const struct parser_limits limits = {0, 0, 0};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(100000);
        char xml[1000], page[LIST + 1] = "";
        struct xml_node *query, *answer;
        struct paging p;
        struct buf told;
        struct err e;

        snprintf(xml, sizeof xml, "<query xmlns='q'>%s</query>", rows[i].set);
        assert_int_equal(parser_read_one(a, xml, strlen(xml), "", &limits, &query, &e), 0);
        if (!rows[i].page) {
            assert_int_equal(paging_read(a, query, &p), -1);
            arena_free(a);
            continue;
        }
        assert_int_equal(paging_read(a, query, &p), 0);
        paging_begin(&p);
        for (k = 0; k < LIST; k++)
            paging_see(&p, list[k]);
        paging_begin_page(&p);
        for (k = 0; k < LIST; k++)
            if (paging_takes(&p)) {
                strcat(page, list[k]);
                paging_name(&p, list[k]);
            }
        assert_string_equal(page, rows[i].page);
        answer = xml_new(a, "q", "query");
        assert_int_equal(paging_write(a, answer, &p), 0);
        buf_init(&told, 10000);
        if (answer->first)
            xml_write(&told, answer->first, NULL);
        assert_string_equal(told.data ? told.data : "", rows[i].told);
        buf_clear(&told);
        arena_free(a);
    }
}

/* What a client did not ask a part of is cut all the same, and it is told so. */
static void a_long_list_is_told_to_be_cut(void **state)
{
    struct arena *a = arena_new(100000);
    struct xml_node *answer = xml_new(a, "q", "query");
    struct paging p;
    unsigned i, taken = 0;

    (void)state;
    assert_int_equal(paging_read(a, xml_new(a, "q", "query"), &p), 0);
    paging_begin(&p);
    for (i = 0; i < PAGING_MAX + 1; i++)
        paging_see(&p, "x");
    paging_begin_page(&p);
    for (i = 0; i < PAGING_MAX + 1; i++)
        if (paging_takes(&p)) {
            taken++;
            paging_name(&p, "x");
        }
    assert_int_equal(taken, PAGING_MAX);
    assert_int_equal(paging_write(a, answer, &p), 0);
    assert_non_null(xml_child(answer, PAGING_NS, "set"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_what_was_asked_for),
        cmocka_unit_test(a_long_list_is_told_to_be_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
