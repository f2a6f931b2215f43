/* volley: programs that answer at once come to rest; a person is never taken for one twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "bridge/to_mail/volley.h"

static const char user[] = "juliet@capulet.example", contact[] = "romeo\\40m.example@mail.example";

static enum volley_verdict exchange(struct volley *v, bool is_automatic, int64_t at_ms,
                                    int64_t after_ms)
{
    volley_heard(v, user, contact, is_automatic, at_ms);
    return volley_answered(v, user, contact, at_ms + after_ms);
}

static void two_programs_come_to_rest(void **state)
{
    struct volley *v = volley_new(NULL);
    unsigned sent = 0;
    bool is_automatic = false;
    enum volley_verdict verdict;

    (void)state;
    while ((verdict = exchange(v, is_automatic, sent * 100, 5)) != VOLLEY_ENDLESS) {
        is_automatic = verdict == VOLLEY_AUTOMATIC; /* the other side does the same */
        assert_true(++sent < 10);
    }
    assert_true(sent > 2);
    /* A person who sends it again gets through. */
    assert_int_equal(volley_answered(v, user, contact, 2000), VOLLEY_PERSON);
    volley_free(v);
}

static void a_person_takes_time(void **state)
{
    struct volley *v = volley_new(NULL);
    int64_t i;

    (void)state;
    assert_int_equal(volley_answered(v, user, contact, 0), VOLLEY_PERSON);
    for (i = 0; i < 20; i++)
        assert_int_equal(exchange(v, i % 2, i * 60000, 4000), VOLLEY_PERSON);
    /* Fast now and then, or several lines after one that came. */
    for (i = 100; i < 120; i++) {
        assert_int_equal(exchange(v, false, i * 60000, 1000), VOLLEY_PERSON);
        assert_int_equal(volley_answered(v, user, contact, i * 60000 + 1500), VOLLEY_PERSON);
    }
    /* What others heard is nothing to this one. */
    volley_heard(v, "nurse@capulet.example", contact, true, 9000000);
    assert_int_equal(volley_answered(v, user, contact, 9000001), VOLLEY_PERSON);
    volley_free(v);
}

/* The second line is sent just after a program has answered the first one. */
static void a_second_line_goes_through(void **state)
{
    struct volley *v = volley_new(NULL);
    int64_t i;

    (void)state;
    for (i = 0; i < 20; i++) {
        assert_int_equal(volley_answered(v, user, contact, i * 60000), VOLLEY_PERSON);
        assert_int_equal(exchange(v, true, i * 60000 + 900, 100), VOLLEY_PERSON);
        assert_int_equal(exchange(v, true, i * 60000 + 1900, 100), VOLLEY_PERSON);
        assert_int_equal(volley_answered(v, user, contact, i * 60000 + 9000), VOLLEY_PERSON);
    }
    volley_free(v);
}

/* A program that only ever hears programs. */
static void a_program_that_answers_programs_comes_to_rest(void **state)
{
    struct volley *v = volley_new(NULL);
    int64_t sent = 0;

    (void)state;
    while (exchange(v, true, sent * 100, 5) != VOLLEY_ENDLESS)
        assert_true(++sent < 10);
    volley_free(v);
}

static void many_pairs_take_no_more_memory(void **state)
{
    struct volley *v = volley_new(NULL);
    char name[40];
    int i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "user%d@capulet.example", i);
        volley_heard(v, name, contact, true, i);
    }
    for (i = 0; i < 4; i++) { /* the last one is remembered */
        volley_heard(v, name, contact, true, 100000 + i);
        assert_int_equal(volley_answered(v, name, contact, 100000 + i),
                         i < 3 ? VOLLEY_PERSON : VOLLEY_ENDLESS);
    }
    volley_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_programs_come_to_rest),
        cmocka_unit_test(a_person_takes_time),
        cmocka_unit_test(a_second_line_goes_through),
        cmocka_unit_test(a_program_that_answers_programs_comes_to_rest),
        cmocka_unit_test(many_pairs_take_no_more_memory),
    };

    return cmocka_run_group_tests_name("volley", tests, NULL, NULL);
}
