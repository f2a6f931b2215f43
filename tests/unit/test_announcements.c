/* announcements and census: who is told and counted, in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/accounts.h"
#include "store/announcements.h"
#include "store/census.h"
#include "store/subscriptions.h"
#include "tests/unit/fixture_store.h"

static const char *next_user(struct store_txn *txn, struct arena *a, const char *after)
{
    const char *user = "?";
    struct err e;

    assert_int_equal(announcements_next_user(txn, a, after, &user, &e), 0);
    return user;
}

static int walk(struct store_txn *txn, void *arg, struct err *e)
{
    static const struct account account = {.name = "", .created_s = 1};
    static const struct subscription list[] = {{.bare_jid = "a@x", .contact = "1@gw"},
                                               {.bare_jid = "c@x", .contact = "1@gw"},
                                               {.bare_jid = "c@x", .contact = "2@gw"}};
    struct arena *a = arg;
    const char *page[2];
    struct census_sums sums;
    int64_t count;
    unsigned found;
    size_t i;

    assert_null(next_user(txn, a, ""));
    for (i = 0; i < 3; i++)
        assert_int_equal(subscriptions_put(txn, &list[i], e), 0);
    assert_int_equal(accounts_put(txn, "b@x", &account, e), 0);
    assert_int_equal(accounts_put(txn, "c@x", &account, e), 0);
    assert_int_equal(accounts_put(txn, "d@x", &account, e), 0);
    assert_string_equal(next_user(txn, a, ""), "a@x");
    assert_string_equal(next_user(txn, a, "a@x"), "b@x");
    assert_string_equal(next_user(txn, a, "b@x"), "c@x");
    assert_string_equal(next_user(txn, a, "c@x"), "d@x");
    assert_null(next_user(txn, a, "d@x"));
    assert_int_equal(census_sums(txn, "c@x", &sums, e), 0);
    assert_int_equal(sums.contacts, 2);
    assert_int_equal(sums.held, 0);
    assert_int_equal(accounts_remove(txn, "c@x", e), 0); /* the contacts are gone, too */
    assert_string_equal(next_user(txn, a, "b@x"), "d@x");
    assert_int_equal(census_count(txn, &count, e), 0);
    assert_int_equal(count, 2);
    assert_int_equal(census_page(txn, a, "", 1, page, &found, e), 0);
    assert_int_equal(found, 1);
    assert_string_equal(page[0], "b@x");
    assert_int_equal(census_page(txn, a, "b@x", 2, page, &found, e), 0);
    assert_int_equal(found, 1);
    assert_string_equal(page[0], "d@x");
    return 0;
}

static int keep(struct store_txn *txn, void *arg, struct err *e)
{
    static const struct announcement one = {.id = 1, .type = "t", .subject = "", .body = "b"};
    static const struct announcement two = {.id = 2, .type = "t", .subject = "s", .body = "b"};
    struct announcement now;
    bool found;

    assert_int_equal(announcements_first(txn, arg, &now, &found, e), 0);
    assert_false(found);
    assert_int_equal(announcements_put(txn, &two, e), 0);
    assert_int_equal(announcements_put(txn, &one, e), 0);
    assert_int_equal(announcements_go_on(txn, 1, "c@x", 7, e), 0);
    assert_int_equal(announcements_first(txn, arg, &now, &found, e), 0);
    assert_int_equal(now.id, 1);
    assert_int_equal(now.told, 7);
    assert_string_equal(now.after, "c@x");
    assert_int_equal(announcements_drop(txn, 1, e), 0);
    assert_int_equal(announcements_first(txn, arg, &now, &found, e), 0);
    assert_int_equal(now.id, 2);
    assert_string_equal(now.after, "");
    return 0;
}

static void in_store(int (*run)(struct store_txn *, void *, struct err *))
{
    char folder[FOLDER_SIZE];
    struct store *store = store_make("announcements", folder);
    struct arena *a = arena_new(100000);

    store_must(store, run, a);
    arena_free(a);
    store_remove(store, folder);
}

static void all_users_in_order(void **state)
{
    (void)state;
    in_store(walk);
}

static void one_after_the_other(void **state)
{
    (void)state;
    in_store(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_users_in_order),
        cmocka_unit_test(one_after_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
