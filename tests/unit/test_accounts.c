/* accounts and subscriptions: who has registered with what, and who has which contact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/accounts.h"
#include "store/choices.h"
#include "store/faces.h"
#include "store/newcomers.h"
#include "store/subscriptions.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE];
    struct store *store;
    struct arena *arena;
    char aliases[200];
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->store = store_make("accounts", s->folder);
    s->arena = arena_new(10 << 20);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    store_remove(s->store, s->folder);
    arena_free(s->arena);
    free(s);
    return 0;
}

static void in_store(struct scene *s, int (*run)(struct store_txn *, void *, struct err *))
{
    store_must(s->store, run, s);
}

static void put(struct store_txn *txn, const char *user, const char *alias, const char *name)
{
    struct account account = {.alias = alias, .name = name, .created_s = 5};
    struct err e;

    if (accounts_put(txn, user, &account, &e) < 0)
        fail_msg("%s", e.text);
}

static void expect(struct store_txn *txn, struct scene *s, const char *user, const char *alias,
                   const char *name)
{
    struct account account;
    bool is_found;
    struct err e;

    assert_int_equal(accounts_get(txn, s->arena, user, &account, &is_found, &e), 0);
    assert_int_equal(is_found, name != NULL);
    if (alias)
        assert_string_equal(account.alias, alias);
    else
        assert_null(account.alias);
    assert_string_equal(account.name, name ? name : "");
    assert_int_equal(account.created_s, name ? 5 : 0);
}

static int note_alias(const char *alias, const char *bare_jid, void *arg)
{
    struct scene *s = arg;
    size_t n = strlen(s->aliases);

    snprintf(s->aliases + n, sizeof s->aliases - n, "%s=%s;", alias, bare_jid);
    return 0;
}

static int use_accounts(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    const char *owner;
    bool is_known;

    expect(txn, s, "a@x", NULL, NULL);
    put(txn, "a@x", "ann", "Ann");
    put(txn, "b@x", NULL, "");
    put(txn, "c@x", NULL, "");
    expect(txn, s, "a@x", "ann", "Ann");
    expect(txn, s, "b@x", NULL, "");
    assert_int_equal(accounts_owner(txn, s->arena, "ann", &owner, e), 0);
    assert_string_equal(owner, "a@x");
    assert_int_equal(accounts_each_alias(txn, note_alias, s, e), 0);
    assert_string_equal(s->aliases, "ann=a@x;");
    put(txn, "a@x", NULL, "Ann");
    assert_int_equal(accounts_owner(txn, s->arena, "ann", &owner, e), 0);
    assert_null(owner);
    put(txn, "b@x", "ann", "Bob");
    expect(txn, s, "b@x", "ann", "Bob");
    assert_int_equal(accounts_is_known(txn, "a@x", &is_known, e), 0);
    assert_true(is_known);
    assert_int_equal(accounts_is_known(txn, "z@x", &is_known, e), 0);
    assert_false(is_known);
    return 0;
}

static void test_accounts(void **state)
{
    in_store(*state, use_accounts);
}

static void subscribe(struct store_txn *txn, const char *user, const char *contact)
{
    struct subscription what = {.bare_jid = user, .contact = contact};
    struct err e;

    if (subscriptions_put(txn, &what, &e) < 0)
        fail_msg("%s", e.text);
}

/* All of them, two at a time, as "user contact;". */
static const char *all(struct store_txn *txn, struct scene *s, bool gone)
{
    struct subscription after = {.bare_jid = "", .contact = ""}, page[2];
    const char *text = "";
    unsigned count, i;
    struct err e;

    do {
        assert_int_equal(subscriptions_page(txn, s->arena, gone, &after, 2, page, &count, &e), 0);
        for (i = 0; i < count; i++)
            text = arena_printf(s->arena, "%s%s %s;", text, page[i].bare_jid, page[i].contact);
        if (count > 0)
            after = page[count - 1];
    } while (count > 0);
    return text;
}

static int use_subscriptions(struct store_txn *txn, void *arg, struct err *e)
{
    struct subscription second = {.bare_jid = "a@x", .contact = "2@gw"};
    struct scene *s = arg;

    assert_string_equal(all(txn, s, false), "");
    subscribe(txn, "b@x", "1@gw");
    subscribe(txn, "a@x", "2@gw");
    subscribe(txn, "a@x", "1@gw");
    subscribe(txn, "a@x", "gw");
    subscribe(txn, "a@x", "2@gw");
    assert_string_equal(all(txn, s, false), "a@x 1@gw;a@x 2@gw;a@x gw;b@x 1@gw;");
    assert_int_equal(subscriptions_drop(txn, &second, e), 0);
    assert_int_equal(subscriptions_drop(txn, &second, e), 0);
    assert_string_equal(all(txn, s, false), "a@x 1@gw;a@x gw;b@x 1@gw;");
    return 0;
}

static void test_subscriptions(void **state)
{
    in_store(*state, use_subscriptions);
}

static int use_many(struct store_txn *txn, void *arg, struct err *e)
{
    struct subscription after = {.bare_jid = "", .contact = ""},
                        *page = calloc(SUBSCRIPTIONS_MAX + 10, sizeof *page);
    struct scene *s = arg;
    unsigned count;
    int i;

    for (i = 0; i < SUBSCRIPTIONS_MAX + 5; i++)
        subscribe(txn, "a@x", arena_printf(s->arena, "%d@gw", i));
    subscribe(txn, "b@x", "1@gw");
    assert_int_equal(
        subscriptions_page(txn, s->arena, false, &after, SUBSCRIPTIONS_MAX + 10, page, &count, e),
        0);
    assert_int_equal(count, SUBSCRIPTIONS_MAX + 1);
    free(page);
    return 0;
}

static void test_no_user_has_more_than_the_most(void **state)
{
    in_store(*state, use_many);
}

static int use_removal(struct store_txn *txn, void *arg, struct err *e)
{
    struct choices choices;
    struct scene *s = arg;
    enum newcomer newcomer;
    int64_t fetched_s;
    const char *name;
    bool is_known;

    put(txn, "a@x", "ann", "Ann");
    put(txn, "b@x", "bob", "Bob");
    assert_int_equal(choices_put(txn, "a@x", CHOICE_RECEIPTS, CHOICE_YES, e), 0);
    assert_int_equal(faces_put_user(txn, "a@x", "Annie", 7, e), 0);
    assert_int_equal(faces_put_contact(txn, "a@x", "1@gw", "One", 7, e), 0);
    subscribe(txn, "a@x", "1@gw");
    subscribe(txn, "b@x", "1@gw");
    assert_int_equal(newcomers_put(txn, "a@x", "1@gw", 1000, e), 0);
    assert_int_equal(accounts_remove(txn, "a@x", e), 0);
    expect(txn, s, "a@x", NULL, NULL);
    assert_int_equal(newcomers_get(txn, "a@x", "1@gw", &newcomer, e), 0);
    assert_int_equal(newcomer, NEWCOMER_NONE);
    expect(txn, s, "b@x", "bob", "Bob");
    assert_int_equal(choices_get(txn, "a@x", &choices, e), 0);
    assert_int_equal(choices.of[CHOICE_RECEIPTS], CHOICE_NONE);
    assert_int_equal(faces_get_user(txn, s->arena, "a@x", &name, &fetched_s, e), 0);
    assert_null(name);
    assert_int_equal(faces_get_contact(txn, s->arena, "a@x", "1@gw", &name, e), 0);
    assert_null(name);
    assert_string_equal(all(txn, s, false), "b@x 1@gw;");
    assert_string_equal(all(txn, s, true), "a@x 1@gw;");
    assert_int_equal(
        subscriptions_drop(txn, &(struct subscription){.bare_jid = "a@x", .contact = "1@gw"}, e),
        0);
    assert_int_equal(accounts_is_known(txn, "a@x", &is_known, e), 0);
    assert_false(is_known);
    subscribe(txn, "b@x", "2@gw");
    assert_int_equal(accounts_remove(txn, "b@x", e), 0);
    subscribe(txn, "b@x", "2@gw"); /* and they are back */
    assert_string_equal(all(txn, s, false), "b@x 2@gw;");
    assert_string_equal(all(txn, s, true), "b@x 1@gw;");
    return 0;
}

static void test_all_of_a_user_goes(void **state)
{
    in_store(*state, use_removal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accounts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_subscriptions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_user_has_more_than_the_most, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_of_a_user_goes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
