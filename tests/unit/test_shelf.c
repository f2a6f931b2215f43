/* shelf: what there is no room for is said, once, however often the store's work is run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bridge/to_jabber/shelf.h"
#include "tests/unit/fixture_store.h"

static int put(struct store_txn *txn, void *arg, struct err *e)
{
    struct shipment *s = arg;
    const struct context ctx = {.now_s = s->now_s};

    return shelf_put(txn, s, &ctx, e);
}

/* The store undoes and repeats what was written together with something that failed. */
static void test_a_repeated_refusal_is_told_once(void **state)
{
    char folder[FOLDER_SIZE];
    struct conf conf = {.web_url = "https://mail.example.org", .web_space = 10, .web_keep_s = 60};
    struct settings settings = {.conf = &conf};
    struct gateway gateway = {.settings = &settings};
    struct letter letter = {.arena = arena_new(1 << 16),
                            .whole_url = "https://mail.example.org/f/x"};
    struct shipment s = {.gateway = &gateway,
                         .settings = &settings,
                         .arena = letter.arena,
                         .letter = &letter,
                         .page_size = 100,
                         .now_s = 1790000000};
    const char *told;

    (void)state;
    assert_non_null(letter.arena);
    s.parcel = parcel_new(1 << 12);
    assert_non_null(s.parcel);
    s.parcel->message.id = 1;
    gateway.store = store_make("shelf", folder);
    store_must(gateway.store, put, &s);
    store_must(gateway.store, put, &s);
    assert_null(letter.whole_url);
    assert_non_null(letter.notice);
    told = strstr(letter.notice, "there is no room for more files here");
    assert_non_null(told);
    assert_null(strstr(told + 1, "there is no room for more files here"));
    parcel_free(s.parcel);
    arena_free(letter.arena);
    store_remove(gateway.store, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_repeated_refusal_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
