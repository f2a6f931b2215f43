/* backoff: how long each kind of loss makes the next attempt wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "component/backoff.h"

static const struct stream_times times = {
    .retry_min = 1000, .retry_max = 60000, .mend_min = 60000, .mend_max = 600000};

/* Half of what is due is certain, the other half chance. */
static void assert_next(struct backoff *b, enum stream_loss loss, int64_t due)
{
    int64_t delay = backoff_next(b, &times, loss);

    assert_in_range(delay, due / 2, due);
}

static void test_doubles_up_to_a_maximum(void **state)
{
    static const struct {
        enum stream_loss loss;
        int64_t due[9];
    } rows[] = {
        {STREAM_LOSS_NETWORK, {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000}},
        {STREAM_LOSS_CONFIG,
         {60000, 120000, 240000, 480000, 600000, 600000, 600000, 600000, 600000}},
        {STREAM_LOSS_STANZA, {1000, 1000, 1000, 2000, 2000, 2000, 4000, 4000, 4000}},
    };
    size_t r, i;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct backoff b = {0};

        for (i = 0; i < 9; i++)
            assert_next(&b, rows[r].loss, rows[r].due[i]);
        backoff_reset(&b);
        assert_next(&b, rows[r].loss, rows[r].due[0]);
    }
}

static void test_a_stanza_is_tried_again_soon_after_a_long_absence(void **state)
{
    struct backoff b = {0};
    int i;

    (void)state;
    for (i = 0; i < 20; i++)
        (void)backoff_next(&b, &times, STREAM_LOSS_NETWORK);
    assert_next(&b, STREAM_LOSS_STANZA, 1000);
    assert_next(&b, STREAM_LOSS_NETWORK, 60000);
    for (i = 0; i < 1000; i++) /* but a host that closes it over everything is left in peace */
        (void)backoff_next(&b, &times, STREAM_LOSS_STANZA);
    assert_next(&b, STREAM_LOSS_STANZA, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_a_maximum),
        cmocka_unit_test(test_a_stanza_is_tried_again_soon_after_a_long_absence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
