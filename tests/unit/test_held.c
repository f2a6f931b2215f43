/* held: what is held is not sent, is shown to its user, and goes when it is let go or falls due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "store/choices.h"
#include "store/held.h"
#include "store/queue.h"
#include "store/store_inside.h"

#define JULIET "juliet@capulet.example"
#define NURSE  "nurse@capulet.example"

enum { NOW = 1000, HOLD_MAX = 500, NOTIFIED = 2, KEPT = 3 };

struct scene {
    char folder[64];
    struct store *store;
    struct arena *arena;
    void (*run)(struct store_txn *txn, struct scene *s);
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    char url[128];
    struct err e;

    strcpy(s->folder, "/tmp/postern-held-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(url, sizeof url, "sqlite:%s/q.db", s->folder);
    s->store = store_open(url, STORE_READ_WRITE, &e);
    s->arena = arena_new(8 << 20);
    assert_non_null(s->store);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[128];

    arena_free(s->arena);
    store_close(s->store);
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

static int run_body(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;

    (void)e;
    s->run(txn, s);
    return 0;
}

static void in_txn(void **state, void (*run)(struct store_txn *txn, struct scene *s))
{
    struct scene *s = *state;
    struct err e;

    s->run = run;
    assert_int_equal(store_now(s->store, run_body, s, &e), 0);
}

static void put_mail(struct store_txn *txn, int64_t id, size_t recipients)
{
    struct queue_item items[2] = {{.n = 0, .recipient = "juliet@md", .last_error = ""},
                                  {.n = 1, .recipient = "nurse@md", .last_error = ""}};
    struct queue_message m = {.id = id,
                              .kind = QUEUE_MAIL_IN,
                              .sender = "romeo@example.net",
                              .origin = "lmtp",
                              .created_s = NOW,
                              .content = "x",
                              .content_len = 1,
                              .items = items,
                              .item_count = recipients};
    struct err e;

    items[0].next_at_s = items[1].next_at_s = NOW;
    assert_int_equal(queue_put(txn, &m, &e), 0);
}

static void hold(struct store_txn *txn, int64_t id, unsigned n, const char *user, unsigned how,
                 int64_t due_s, int64_t list_at_s)
{
    const struct held_mail m = {.id = id,
                                .n = n,
                                .bare_jid = user,
                                .how = how,
                                .arrived_s = NOW,
                                .due_s = due_s,
                                .list_at_s = list_at_s,
                                .size = 10,
                                .mail = id % 2 ? "romeo@example.net" : "paris@example.net",
                                .name = "R",
                                .subject = "S",
                                .words = "W"};
    struct err e;

    assert_int_equal(held_put(txn, &m, &e), 0);
}

/* Ids of the messages that are due, in order, "1 2 "; with ! for what is not held again. */
static const char *due(struct store_txn *txn, struct scene *s, int64_t now_s)
{
    struct queue_wish wish = {
        .kind = QUEUE_MAIL_IN, .now_s = now_s, .count_max = 100, .bytes_max = 1 << 20};
    struct queue_found found;
    const char *text = "";
    struct err e;
    size_t i;

    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    for (i = 0; i < found.count; i++)
        text = arena_printf(s->arena, "%s%d%s ", text, (int)found.messages[i].id,
                            found.messages[i].items[0].released_s ? "!" : "");
    return text;
}

static int64_t held_by(struct store_txn *txn, const char *user)
{
    struct held_sum sum;
    struct err e;

    assert_int_equal(held_sum(txn, user, &sum, &e), 0);
    assert_int_equal(sum.bytes, sum.count * 10);
    return sum.count;
}

static int64_t order(struct store_txn *txn, const char *user, int hows, const char *mail,
                     int64_t max)
{
    int64_t count;
    struct err e;

    assert_int_equal(held_order(txn, user, hows, mail, max, &count, &e), 0);
    return count;
}

static int64_t let_go(struct store_txn *txn, const char *user, int64_t max, int64_t now_s)
{
    int64_t count;
    struct err e;

    assert_int_equal(held_let_go(txn, user, max, now_s, &count, &e), 0);
    return count;
}

static void hold_two_users(struct store_txn *txn)
{
    int64_t id;

    for (id = 1; id <= 4; id++)
        put_mail(txn, id, 2);
    for (id = 1; id <= 3; id++)
        hold(txn, id, 0, JULIET, id == 2 ? NOTIFIED : KEPT, NOW + HOLD_MAX, 0);
    hold(txn, 1, 1, NURSE, KEPT, NOW + HOLD_MAX, 0);
}

static void not_sent_body(struct store_txn *txn, struct scene *s)
{
    struct queue_message *m;
    struct queue_counts c;
    struct queue_old old[8];
    unsigned hastened;
    size_t count, i;
    bool is_held, any;
    struct err e;

    assert_int_equal(held_any(txn, &any, &e), 0);
    assert_false(any);
    hold_two_users(txn);
    assert_int_equal(held_any(txn, &any, &e), 0);
    assert_true(any);
    assert_string_equal(due(txn, s, NOW * 1000), "2 3 4 ");
    assert_int_equal(held_by(txn, JULIET), 3);
    assert_int_equal(held_by(txn, NURSE), 1);
    /* However the clock goes, nothing hastens it, and its author is not told that it waits. */
    assert_int_equal(queue_hasten(txn, 0, NOW - 1, 0, 100, &hastened, &e), 0);
    assert_int_equal(hastened, 4);
    assert_int_equal(queue_old(txn, QUEUE_MAIL_IN, 0, 100, 8, old, &count, &e), 0);
    assert_int_equal(count, 4);
    for (i = 0; i < count; i++) {
        assert_int_equal(old[i].id, i < 2 ? i + 2 : 4);
        assert_int_equal(old[i].n, i == 2 ? 0 : 1);
    }
    /* Counted apart. */
    assert_int_equal(queue_counts(txn, QUEUE_MAIL_IN, NOW, &c, &e), 0);
    assert_int_equal(c.due + c.later, 4);
    assert_int_equal(queue_counts(txn, QUEUE_HELD, NOW, &c, &e), 0);
    assert_int_equal(c.later, 4);
    assert_int_equal(c.due, 0);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_int_equal(m->item_count, 2);
    assert_true(m->items[0].is_held && m->items[1].is_held);
    assert_int_equal(held_has(txn, 1, 1, &is_held, &e), 0);
    assert_true(is_held);
    assert_int_equal(held_has(txn, 2, 1, &is_held, &e), 0);
    assert_false(is_held);
}

static void what_is_held_is_not_sent(void **state)
{
    in_txn(state, not_sent_body);
}

static void let_go_body(struct store_txn *txn, struct scene *s)
{
    const char *users[4];
    size_t count;
    struct err e;

    hold_two_users(txn);
    hold(txn, 4, 0, JULIET, KEPT, NOW + HOLD_MAX, 0);
    hold(txn, 2, 1, NURSE, KEPT, NOW + HOLD_MAX, 0);
    hold(txn, 3, 1, NURSE, KEPT, NOW + HOLD_MAX, 0);
    hold(txn, 4, 1, NURSE, KEPT, NOW + HOLD_MAX, 0);
    assert_string_equal(due(txn, s, NOW * 1000), "");
    assert_int_equal(order(txn, JULIET, 1 << NOTIFIED, NULL, 10), 1);
    assert_int_equal(order(txn, JULIET, 1 << NOTIFIED, NULL, 10), 0); /* it is on its way */
    assert_int_equal(order(txn, JULIET, HELD_EVERY, "romeo@example.net", 1), 1);
    assert_int_equal(order(txn, JULIET, HELD_EVERY, "mercutio@example.net", 10), 0);
    assert_int_equal(held_ordered(txn, s->arena, 4, users, &count, &e), 0);
    assert_int_equal(count, 1);
    assert_string_equal(users[0], JULIET);
    assert_int_equal(let_go(txn, JULIET, 1, NOW + 5), 1); /* the oldest first */
    assert_string_equal(due(txn, s, NOW + 5), "1! ");
    assert_int_equal(let_go(txn, JULIET, 10, NOW + 5), 1);
    assert_string_equal(due(txn, s, NOW + 5), "1! 2! ");
    assert_int_equal(let_go(txn, JULIET, 10, NOW + 5), 0);
    assert_int_equal(held_by(txn, JULIET), 2);
    assert_int_equal(held_by(txn, NURSE), 4);
    assert_int_equal(order(txn, JULIET, HELD_EVERY, NULL, 10), 2);
    assert_int_equal(let_go(txn, JULIET, 10, NOW + 5), 2);
    assert_string_equal(due(txn, s, NOW + 5), "1! 2! 3! 4! ");
}

static void what_is_let_go_goes_in_order(void **state)
{
    in_txn(state, let_go_body);
}

static int64_t fall_due(struct store_txn *txn, int64_t now_s)
{
    int64_t count;
    struct err e;

    assert_int_equal(held_fall_due(txn, now_s, HOLD_MAX, 10, &count, &e), 0);
    return count;
}

static void fall_due_body(struct store_txn *txn, struct scene *s)
{
    int64_t id;

    for (id = 1; id <= 3; id++)
        put_mail(txn, id, 1);
    hold(txn, 1, 0, JULIET, KEPT, NOW + 100, 0);           /* a deadline of its own */
    hold(txn, 2, 0, JULIET, KEPT, NOW + HOLD_MAX, 0);      /* as long as may be */
    hold(txn, 3, 0, JULIET, KEPT, NOW + 10 * HOLD_MAX, 0); /* by a clock that was ahead */
    assert_int_equal(fall_due(txn, NOW + 99), 1);
    assert_string_equal(due(txn, s, NOW + 99), "3 ");
    assert_int_equal(fall_due(txn, NOW + 100), 1);
    assert_string_equal(due(txn, s, NOW + 100), "3 1 ");
    assert_int_equal(fall_due(txn, NOW + HOLD_MAX - 1), 0);
    assert_int_equal(fall_due(txn, NOW + HOLD_MAX), 1);
    assert_string_equal(due(txn, s, NOW + HOLD_MAX), "3 1 2! ");
    assert_int_equal(held_by(txn, JULIET), 0);
}

static void what_falls_due_goes(void **state)
{
    in_txn(state, fall_due_body);
}

static void gone_body(struct store_txn *txn, struct scene *s)
{
    unsigned count;
    struct err e;

    hold_two_users(txn);
    assert_int_equal(queue_remove(txn, 1, 0, &e), 0);
    assert_int_equal(held_by(txn, JULIET), 2);
    assert_int_equal(queue_retry(txn, 0, NOW, &count, &e), 0); /* all: not what users hold */
    assert_int_equal(count, 4);
    assert_int_equal(held_by(txn, JULIET), 2);
    assert_int_equal(queue_retry(txn, 2, NOW, &count, &e), 0);
    assert_int_equal(count, 2);
    assert_int_equal(held_by(txn, JULIET), 1);
    assert_string_equal(due(txn, s, NOW), "2! 3 4 ");
    assert_int_equal(queue_drop(txn, 3, &count, &e), 0);
    assert_int_equal(held_by(txn, JULIET), 0);
    assert_int_equal(held_by(txn, NURSE), 1);
    assert_int_equal(queue_drop(txn, 0, &count, &e), 0);
    assert_int_equal(held_by(txn, NURSE), 0);
    hold(txn, 1, 0, JULIET, KEPT, NOW + HOLD_MAX, 0); /* dropped while it was read */
    assert_int_equal(held_by(txn, JULIET), 0);
}

static void what_is_gone_is_not_held(void **state)
{
    in_txn(state, gone_body);
}

static const char *shown(struct store_txn *txn, struct scene *s, int hows, bool is_untold,
                         size_t max, int64_t total)
{
    struct held_mail list[8];
    const char *text = "";
    int64_t all;
    size_t count, i;
    struct err e;

    assert_int_equal(held_list(txn, s->arena, JULIET, hows, is_untold, max, list, &count, &all, &e),
                     0);
    assert_int_equal(all, total);
    for (i = 0; i < count; i++) {
        assert_string_equal(list[i].name, "R");
        assert_string_equal(list[i].subject, "S");
        assert_string_equal(list[i].words, "W");
        assert_int_equal(list[i].size, 10);
        text = arena_printf(s->arena, "%s%d ", text, (int)list[i].id);
    }
    return text;
}

static size_t listed(struct store_txn *txn, struct scene *s, int64_t now_s, int64_t beyond_s)
{
    const char *users[4];
    size_t count;
    struct err e;

    assert_int_equal(held_listed(txn, s->arena, now_s, beyond_s, 4, users, &count, &e), 0);
    return count;
}

static void lists_body(struct store_txn *txn, struct scene *s)
{
    int64_t next;
    struct err e;

    hold_two_users(txn);
    put_mail(txn, 5, 1);
    assert_int_equal(held_next_list(txn, JULIET, &next, &e), 0);
    assert_int_equal(next, 0);
    hold(txn, 5, 0, JULIET, 4, NOW + HOLD_MAX, NOW + 60);
    assert_int_equal(held_next_list(txn, JULIET, &next, &e), 0);
    assert_int_equal(next, NOW + 60);
    assert_string_equal(shown(txn, s, HELD_EVERY, false, 8, 4), "1 2 3 5 ");
    assert_string_equal(shown(txn, s, HELD_EVERY, false, 2, 4), "1 2 ");
    assert_string_equal(shown(txn, s, 1 << KEPT | 1 << 4, true, 8, 3), "1 3 5 ");
    assert_int_equal(listed(txn, s, NOW + 59, NOW * 2), 0);
    assert_int_equal(listed(txn, s, NOW + 60, NOW * 2), 1);
    assert_int_equal(listed(txn, s, 1, 2), 1); /* the clock was set back */
    assert_int_equal(held_tell(txn, JULIET, 1 << 4, &e), 0);
    assert_int_equal(listed(txn, s, NOW + 60, NOW * 2), 0);
    assert_string_equal(shown(txn, s, HELD_EVERY, true, 8, 3), "1 2 3 ");
    assert_int_equal(order(txn, JULIET, HELD_EVERY, NULL, 1), 1);
    assert_string_equal(shown(txn, s, HELD_EVERY, false, 8, 3), "2 3 5 ");
}

static void lists_show_what_is_held(void **state)
{
    in_txn(state, lists_body);
}

static void add_user(const char *bare_jid, unsigned char seen_as, void *arg)
{
    struct scene *s = arg;

    *s->folder = '\0'; /* somebody was told; put back by the caller */
    assert_string_equal(bare_jid, NURSE);
    assert_int_equal(seen_as, 5);
}

static void users_body(struct store_txn *txn, struct scene *s)
{
    char first = *s->folder;
    struct err e;

    assert_int_equal(choices_put(txn, JULIET, CHOICE_WHEN_DND, CHOICE_DELIVER, &e), 0);
    assert_int_equal(choices_put(txn, JULIET, CHOICE_SHOWN, 6, &e), 0);
    assert_int_equal(choices_put(txn, JULIET, CHOICE_LIST_AT, 6, &e), 0);
    assert_int_equal(choices_put(txn, NURSE, CHOICE_WHEN_DND, CHOICE_HOLD, &e), 0);
    assert_int_equal(choices_put(txn, NURSE, CHOICE_SHOWN, 5, &e), 0);
    assert_int_equal(choices_each_held(txn, add_user, s, &e), 0);
    assert_int_equal(*s->folder, '\0');
    *s->folder = first;
}

static void users_with_such_a_choice_are_found(void **state)
{
    in_txn(state, users_body);
}

/* What one question read in all its runs. */
static int steps_of(struct store_txn *txn, const char *words)
{
    sqlite3_stmt *at = NULL;
    int steps = 0;

    while ((at = sqlite3_next_stmt(txn->db, at)) != NULL)
        if (strncmp(sqlite3_sql(at), "SELECT", 6) == 0 && strstr(sqlite3_sql(at), words))
            steps += sqlite3_stmt_status(at, SQLITE_STMTSTATUS_VM_STEP, 1);
    assert_true(steps > 0);
    return steps;
}

static void waiting_body(struct store_txn *txn, struct scene *s)
{
    const char *users[5];
    int64_t i, count;
    size_t found;
    struct err e;

    for (i = 0; i < 2000; i++) {
        put_mail(txn, NOW + i, 1);
        hold(txn, NOW + i, 0, JULIET, KEPT, NOW + 100, NOW + 100);
    }
    assert_int_equal(held_fall_due(txn, NOW, HOLD_MAX, 10, &count, &e), 0);
    assert_int_equal(count, 0);
    assert_in_range(steps_of(txn, "held_due"), 1, 500);
    assert_int_equal(held_listed(txn, s->arena, NOW, NOW + 900, 5, users, &found, &e), 0);
    assert_int_equal(found, 0);
    assert_in_range(steps_of(txn, "held_list"), 1, 500);
}

/* It is asked each second. */
static void what_waits_is_not_read(void **state)
{
    in_txn(state, waiting_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_held_is_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_let_go_goes_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_falls_due_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_gone_is_not_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_show_what_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(users_with_such_a_choice_are_found, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
