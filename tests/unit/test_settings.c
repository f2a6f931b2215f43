/* What conversions are told of the configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bridge/settings.h"

/* Callers keep it on their stack: whatever lay there before must not become a choice. */
static void test_each_choice_is_made(void **state)
{
    static const struct conf conf = {.attachments = {.external_body = true},
                                     .verdicts = {.server = "mx.example"}};
    struct settings s = {.conf = &conf};
    struct context ctx;

    (void)state;
    memset(&ctx, 0xa5, sizeof ctx);
    settings_context(&s, 42, &ctx);
    assert_int_equal(ctx.now_s, 42);
    assert_ptr_equal(ctx.key, &s.key);
    assert_true(ctx.lead_with_subject);
    assert_false(ctx.always_subject);
    assert_true(ctx.cut_quotes);
    assert_true(ctx.external_body);
    assert_false(ctx.pgp_mime_inline);
    assert_string_equal(ctx.verdict_server, "mx.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_choice_is_made)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
