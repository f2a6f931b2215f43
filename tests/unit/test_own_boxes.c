/* own_boxes: users' own mailboxes in the store, and what is to be done in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bridge/own/own_plan.h"
#include "store/accounts.h"
#include "store/cursors.h"
#include "store/own_boxes.h"
#include "tests/unit/fixture_store.h"

#define JULIET "juliet@capulet.example"
#define NURSE  "nurse@capulet.example"

struct scene {
    char folder[FOLDER_SIZE];
    struct store *store;
    struct arena *arena;
    char all[400]; /* the rows: "id:first " */
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->store = store_make("own", s->folder);
    s->arena = arena_new(1 << 20);
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

static bool put(struct store_txn *txn, int64_t id, const char *user, bool is_first)
{
    struct own_box_row row = {.id = id,
                              .bare_jid = user,
                              .address = "juliet@verona.example",
                              .is_first = is_first,
                              .sealed = "a\0b",
                              .sealed_len = 3};
    struct err e;
    bool is_full;

    if (own_boxes_put(txn, &row, 3, &is_full, &e) < 0)
        fail_msg("%s", e.text);
    return !is_full;
}

static int add_row(const struct own_box_row *row, void *arg, struct err *e)
{
    struct scene *s = arg;
    size_t n = strlen(s->all);

    (void)e;
    assert_memory_equal(row->sealed, "a\0b", 3);
    assert_int_equal(row->sealed_len, 3);
    snprintf(s->all + n, sizeof s->all - n, "%d%s ", (int)row->id, row->is_first ? "!" : "");
    return 0;
}

static void expect(struct store_txn *txn, struct scene *s, const char *rows)
{
    struct err e;

    s->all[0] = '\0';
    assert_int_equal(own_boxes_each(txn, add_row, s, &e), 0);
    assert_string_equal(s->all, rows);
}

static int first_ones(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;

    assert_true(put(txn, 1, JULIET, false));
    assert_true(put(txn, 2, JULIET, false));
    assert_true(put(txn, 3, NURSE, false));
    expect(txn, s, "1! 2 3! ");
    assert_true(put(txn, 4, JULIET, true));
    expect(txn, s, "1 2 3! 4! ");
    assert_false(put(txn, 5, JULIET, true)); /* she has three */
    assert_true(put(txn, 4, JULIET, true));  /* but may change them */
    expect(txn, s, "1 2 3! 4! ");
    assert_int_equal(own_boxes_remove(txn, NURSE, 4, e), 0); /* not hers */
    assert_int_equal(own_boxes_remove(txn, JULIET, 4, e), 0);
    expect(txn, s, "1! 2 3! ");
    assert_int_equal(accounts_remove(txn, JULIET, e), 0);
    expect(txn, s, "3! ");
    return 0;
}

static void each_user_has_one_first(void **state)
{
    struct scene *s = *state;

    store_must(s->store, first_ones, s);
}

static struct own_plan plan_of(int64_t changed, int64_t id)
{
    return (struct own_plan){.changed = changed,
                             .old = changed != id ? changed : 0,
                             .row = {.id = id,
                                     .bare_jid = JULIET,
                                     .address = "juliet@verona.example",
                                     .is_first = id == 1,
                                     .sealed = "a\0b",
                                     .sealed_len = 3}};
}

/* An administrator allows fewer than she has. */
static int changes_over_the_limit(struct store_txn *txn, void *arg, struct err *e)
{
    struct own_plan other_password = plan_of(2, 2), other_server = plan_of(3, 7),
                    another = plan_of(0, 8);
    struct scene *s = arg;

    assert_true(put(txn, 1, JULIET, true));
    assert_true(put(txn, 2, JULIET, false));
    assert_true(put(txn, 3, JULIET, false));
    assert_int_equal(own_plan_store(txn, &other_password, 1, e), 0);
    assert_false(other_password.is_full);
    expect(txn, s, "1! 2 3 ");
    assert_int_equal(own_plan_store(txn, &other_server, 1, e), 0);
    assert_false(other_server.is_full);
    expect(txn, s, "1! 2 7 ");
    assert_int_equal(own_plan_store(txn, &another, 1, e), 0);
    assert_true(another.is_full);
    expect(txn, s, "1! 2 7 ");
    return 0;
}

static void who_has_too_many_may_still_change_them(void **state)
{
    struct scene *s = *state;

    store_must(s->store, changes_over_the_limit, s);
}

static void expect_cursor(struct store_txn *txn, int64_t id, uint32_t uid_next)
{
    char name[OWN_BOX_NAME_SIZE];
    uint32_t uidvalidity, next;
    struct err e;

    assert_int_equal(cursors_get(txn, own_box_name(id, name), &uidvalidity, &next, &e), 0);
    assert_int_equal(uidvalidity, uid_next == 0 ? 0 : 9);
    assert_int_equal(next, uid_next);
}

static int new_ones_at_their_end(struct store_txn *txn, void *arg, struct err *e)
{
    struct own_plan first = plan_of(0, 1), other_password = plan_of(1, 1),
                    other_server = plan_of(1, 2), too_many = plan_of(0, 3);

    (void)arg;
    first.from = (struct imap_cursor){9, 5};
    other_password.from = other_server.from = too_many.from = (struct imap_cursor){9, 8};
    assert_int_equal(own_plan_store(txn, &first, 1, e), 0);
    expect_cursor(txn, 1, 5);
    assert_int_equal(own_plan_store(txn, &other_password, 1, e), 0);
    expect_cursor(txn, 1, 5);
    assert_int_equal(own_plan_store(txn, &too_many, 1, e), 0);
    expect_cursor(txn, 3, 0);
    assert_int_equal(own_plan_store(txn, &other_server, 1, e), 0);
    expect_cursor(txn, 1, 0);
    expect_cursor(txn, 2, 8);
    return 0;
}

static void a_new_one_is_read_from_where_its_trial_saw_the_end(void **state)
{
    struct scene *s = *state;

    store_must(s->store, new_ones_at_their_end, s);
}

/* It was removed while its new password was tried. */
static int changes_too_late(struct store_txn *txn, void *arg, struct err *e)
{
    struct own_plan other_password = plan_of(2, 2), other_server = plan_of(2, 7),
                    of_somebody = plan_of(3, 8);
    struct scene *s = arg;

    assert_true(put(txn, 1, JULIET, true));
    assert_true(put(txn, 3, NURSE, true));
    assert_int_equal(own_plan_store(txn, &other_password, 3, e), 0);
    assert_true(other_password.is_gone);
    assert_int_equal(own_plan_store(txn, &other_server, 3, e), 0);
    assert_true(other_server.is_gone);
    assert_int_equal(own_plan_store(txn, &of_somebody, 3, e), 0);
    assert_true(of_somebody.is_gone);
    expect(txn, s, "1! 3! ");
    return 0;
}

static void what_was_removed_does_not_come_back_changed(void **state)
{
    struct scene *s = *state;

    store_must(s->store, changes_too_late, s);
}

static void put_chore(struct store_txn *txn, int64_t id, int64_t box, const char *content)
{
    struct own_chore chore = {.id = id,
                              .box = box,
                              .kind = 1,
                              .flags = 2,
                              .uid = 7,
                              .message_id = "<x@y>",
                              .content = content,
                              .content_len = content ? strlen(content) : 0};
    struct err e;

    assert_int_equal(own_chores_put(txn, &chore, &e), 0);
}

static int64_t next(struct store_txn *txn, struct scene *s, int64_t box)
{
    struct own_chore *chore;
    struct err e;

    assert_int_equal(own_chores_next(txn, s->arena, box, &chore, &e), 0);
    if (!chore)
        return 0;
    assert_int_equal(chore->uid, 7);
    assert_string_equal(chore->message_id, "<x@y>");
    if (chore->content)
        assert_string_equal(chore->content, "a mail");
    return chore->id;
}

static int chores(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    char name[OWN_BOX_NAME_SIZE];
    uint32_t uidvalidity, uid_next;
    bool is_there;

    assert_true(put(txn, 1, JULIET, true));
    put_chore(txn, 11, 1, "a mail");
    put_chore(txn, 10, 1, NULL);
    put_chore(txn, 12, 2, NULL); /* there is no such mailbox */
    assert_int_equal(next(txn, s, 1), 10);
    assert_int_equal(own_chores_drop(txn, 10, e), 0);
    assert_int_equal(next(txn, s, 1), 11);
    assert_int_equal(next(txn, s, 2), 0);
    assert_int_equal(cursors_put(txn, own_box_name(1, name), 5, 6, e), 0);
    assert_int_equal(own_boxes_remove_all(txn, JULIET, e), 0);
    assert_int_equal(next(txn, s, 1), 0);
    assert_int_equal(cursors_get(txn, name, &uidvalidity, &uid_next, e), 0);
    assert_int_equal(uidvalidity, 0);
    assert_int_equal(own_boxes_has(txn, 1, &is_there, e), 0);
    assert_false(is_there);
    return 0;
}

static void what_is_to_be_done_goes_with_its_mailbox(void **state)
{
    struct scene *s = *state;

    store_must(s->store, chores, s);
}

static void names_lead_back(void **state)
{
    static const char *const others[] = {
        "own:", "own:x", "imap:bridge", "", "own:1234567890123x", "OWN:1234567890123"};
    char name[OWN_BOX_NAME_SIZE];
    size_t i;

    (void)state;
    assert_true(own_box_id(own_box_name(123456789, name)) == 123456789);
    for (i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_true(own_box_id(others[i]) == 0);
    assert_true(own_box_id(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_user_has_one_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_too_many_may_still_change_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_one_is_read_from_where_its_trial_saw_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_removed_does_not_come_back_changed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_to_be_done_goes_with_its_mailbox, set_up,
                                        tear_down),
        cmocka_unit_test(names_lead_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
