/* queue, links, files, cursors: what is put comes back, what is due is found, what is done goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/cursors.h"
#include "store/files.h"
#include "base/id.h"
#include "store/life.h"
#include "store/links.h"
#include "store/owed.h"
#include "store/queue.h"
#include "store/store.h"
#include "store/store_inside.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE];
    struct store *store;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->store = store_make("queue", s->folder);
    s->arena = arena_new(8 << 20);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    arena_free(s->arena);
    store_remove(s->store, s->folder);
    free(s);
    return 0;
}

/* Runs the body of a test inside one transaction. */
struct body {
    void (*run)(struct store_txn *txn, struct scene *s);
    struct scene *scene;
};

static int run_body(struct store_txn *txn, void *arg, struct err *e)
{
    struct body *b = arg;

    (void)e;
    b->run(txn, b->scene);
    return 0;
}

static void in_txn(struct scene *s, void (*run)(struct store_txn *txn, struct scene *s))
{
    struct body b = {run, s};
    struct err e;

    assert_int_equal(store_now(s->store, run_body, &b, &e), 0);
}

static void put(struct store_txn *txn, int64_t id, enum queue_kind kind, int64_t next_at_s,
                size_t recipients)
{
    struct queue_item items[3] = {{.n = 0, .recipient = "a@example.net", .last_error = ""},
                                  {.n = 1, .recipient = "b@example.net", .last_error = ""},
                                  {.n = 2, .recipient = "c@example.net", .last_error = ""}};
    struct queue_message m = {.id = id,
                              .kind = kind,
                              .sender = "s@example.org",
                              .origin = "jabber",
                              .created_s = 50,
                              .deadline_s = 900,
                              .expiry = 3,
                              .uidvalidity = UINT32_MAX,
                              .uid = 12,
                              .envelope_id = "QQ 314159",
                              .ret = 2,
                              .content = "a\0b",
                              .content_len = 3,
                              .items = items,
                              .item_count = recipients};
    struct err e;
    size_t i;

    for (i = 0; i < recipients; i++) {
        items[i].next_at_s = next_at_s;
        items[i].notify = (unsigned)i + 2;
        items[i].original = i == 1 ? "rfc822;b@elsewhere.example" : NULL;
    }
    assert_int_equal(queue_put(txn, &m, &e), 0);
}

static int find_due(struct store_txn *txn, struct arena *a, enum queue_kind kind, int64_t now_s,
                    size_t count_max, size_t bytes_max, const int64_t *skip, size_t skip_count,
                    struct queue_message **out, size_t *count_out, int64_t *next_at_out,
                    struct err *e)
{
    struct queue_wish wish = {kind, now_s, count_max, bytes_max, skip, skip_count, 0, NULL};
    struct queue_found found;
    int r = queue_due(txn, a, &wish, &found, e);

    *out = found.messages;
    *count_out = found.count;
    *next_at_out = found.next_at_s;
    return r;
}

static struct queue_message *due(struct store_txn *txn, struct scene *s, int64_t now_s,
                                 size_t *count_out, int64_t *next_out)
{
    struct queue_message *out;
    struct err e;

    assert_int_equal(find_due(txn, s->arena, QUEUE_MAIL_OUT, now_s, 10, 1000, NULL, 0, &out,
                              count_out, next_out, &e),
                     0);
    return out;
}

static void put_comes_back(struct store_txn *txn, struct scene *s)
{
    struct queue_message *m;
    struct err e;

    put(txn, 7, QUEUE_MAIL_OUT, 60, 2);
    assert_int_equal(queue_get(txn, s->arena, 7, &m, &e), 0);
    assert_non_null(m);
    assert_int_equal(m->kind, QUEUE_MAIL_OUT);
    assert_string_equal(m->sender, "s@example.org");
    assert_int_equal(m->deadline_s, 900);
    assert_int_equal(m->expiry, 3);
    assert_int_equal(m->uidvalidity, UINT32_MAX);
    assert_int_equal(m->uid, 12);
    assert_int_equal(m->items[1].notify, 3);
    assert_string_equal(m->envelope_id, "QQ 314159");
    assert_int_equal(m->ret, 2);
    assert_null(m->items[0].original);
    assert_string_equal(m->items[1].original, "rfc822;b@elsewhere.example");
    assert_int_equal(m->content_len, 3);
    assert_memory_equal(m->content, "a\0b", 3);
    assert_int_equal(m->item_count, 2);
    assert_string_equal(m->items[1].recipient, "b@example.net");
    assert_int_equal(queue_get(txn, s->arena, 8, &m, &e), 0);
    assert_null(m);
}

static void due_is_found(struct store_txn *txn, struct scene *s)
{
    const int64_t skip[] = {1, 3};
    struct queue_message *out;
    int64_t next;
    size_t count;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 100, 1);
    put(txn, 2, QUEUE_MAIL_OUT, 90, 2);
    put(txn, 3, QUEUE_MAIL_OUT, 300, 1);
    put(txn, 4, QUEUE_MAIL_IN, 10, 1);
    out = due(txn, s, 200, &count, &next);
    assert_int_equal(count, 2);
    assert_int_equal(out[0].id, 2); /* the oldest due first */
    assert_int_equal(out[0].item_count, 2);
    assert_int_equal(out[1].id, 1);
    assert_int_equal(next, 300);

    assert_int_equal(
        find_due(txn, s->arena, QUEUE_MAIL_OUT, 400, 10, 1000, skip, 2, &out, &count, &next, &e),
        0);
    assert_int_equal(count, 1);
    assert_int_equal(out[0].id, 2);
    assert_int_equal(next, 0);

    /* The limits: one message at least, whatever its size. */
    assert_int_equal(
        find_due(txn, s->arena, QUEUE_MAIL_OUT, 400, 10, 1, NULL, 0, &out, &count, &next, &e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(
        find_due(txn, s->arena, QUEUE_MAIL_OUT, 400, 2, 1000, NULL, 0, &out, &count, &next, &e), 0);
    assert_int_equal(count, 2);
}

static void only_due_items_come(struct store_txn *txn, struct scene *s)
{
    struct queue_message *out;
    int64_t next;
    size_t count;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 100, 3);
    assert_int_equal(queue_defer(txn, 1, 1, 500, "busy", &e), 0);
    assert_int_equal(queue_set_aside(txn, 1, 2, "poison", false, 90, &e), 0);
    out = due(txn, s, 200, &count, &next);
    assert_int_equal(count, 1);
    assert_int_equal(out[0].item_count, 1);
    assert_int_equal(out[0].items[0].n, 0);
    assert_int_equal(next, 500);
    assert_int_equal(queue_remove(txn, 1, 0, &e), 0);
    due(txn, s, 200, &count, &next);
    assert_int_equal(count, 0);
    out = due(txn, s, 500, &count, &next);
    assert_int_equal(out[0].items[0].attempts, 1);
    assert_string_equal(out[0].items[0].last_error, "busy");
}

static void has_tells_what_is_there(struct store_txn *txn, struct scene *s)
{
    bool has;
    struct err e;

    (void)s;
    put(txn, 7, QUEUE_MAIL_OUT, 60, 2);
    assert_int_equal(queue_has(txn, 7, 1, &has, &e), 0);
    assert_true(has);
    assert_int_equal(queue_has(txn, 7, 2, &has, &e), 0);
    assert_false(has);
    assert_int_equal(queue_remove(txn, 7, 1, &e), 0);
    assert_int_equal(queue_has(txn, 7, 1, &has, &e), 0);
    assert_false(has);
}

static void the_message_goes_with_its_last_item(struct store_txn *txn, struct scene *s)
{
    struct queue_message *m;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 100, 2);
    assert_int_equal(queue_remove(txn, 1, 0, &e), 0);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_non_null(m);
    assert_int_equal(queue_remove(txn, 1, 1, &e), 0);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_null(m);
}

static void a_fetched_mail_is_put_once(struct store_txn *txn, struct scene *s)
{
    struct queue_item item = {.recipient = "", .last_error = ""};
    struct queue_message m = {.id = 1,
                              .kind = QUEUE_MAIL_IN,
                              .sender = "",
                              .origin = "imap:b",
                              .content = "x",
                              .content_len = 1,
                              .items = &item,
                              .item_count = 1};
    bool is_new;
    struct err e;

    (void)s;
    assert_int_equal(queue_put_fetched(txn, &m, "b", 5, 10, &is_new, &e), 0);
    assert_true(is_new);
    m.id = 2;
    assert_int_equal(queue_put_fetched(txn, &m, "b", 5, 10, &is_new, &e), 0);
    assert_false(is_new);
    assert_int_equal(queue_put_fetched(txn, &m, "b", 6, 10, &is_new, &e), 0);
    assert_true(is_new);
    m.id = 3;
    assert_int_equal(queue_put_fetched(txn, &m, "other", 5, 10, &is_new, &e), 0);
    assert_true(is_new);
}

static void retry_and_drop(struct store_txn *txn, struct scene *s)
{
    unsigned count;
    size_t found;
    int64_t next;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 900, 2);
    put(txn, 2, QUEUE_MAIL_OUT, 900, 1);
    assert_int_equal(queue_set_aside(txn, 2, 0, "poison", false, 90, &e), 0);
    assert_int_equal(queue_retry(txn, 1, 100, &count, &e), 0);
    assert_int_equal(count, 2);
    due(txn, s, 100, &found, &next);
    assert_int_equal(found, 1);
    assert_int_equal(queue_retry(txn, 0, 100, &count, &e), 0);
    assert_int_equal(count, 3);
    due(txn, s, 100, &found, &next);
    assert_int_equal(found, 2);
    assert_int_equal(queue_drop(txn, 1, &count, &e), 0);
    assert_int_equal(count, 2);
    assert_int_equal(queue_drop(txn, 99, &count, &e), 0);
    assert_int_equal(count, 0);
}

/* Whether a message that came at 50 and is to be tried at next_at_s is due already at now_s. */
static bool is_hastened(struct store_txn *txn, struct scene *s, int64_t next_at_s, bool is_tried,
                        int64_t now_s)
{
    const int64_t day_s = 86400;
    size_t found;
    int64_t next;
    unsigned count;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, next_at_s, 1);
    if (is_tried)
        assert_int_equal(queue_defer(txn, 1, 0, next_at_s, "try again", &e), 0);
    assert_int_equal(queue_hasten(txn, now_s + 1000, now_s, day_s, 10, &count, &e), 0);
    due(txn, s, now_s, &found, &next);
    assert_int_equal(found, count);
    assert_int_equal(queue_drop(txn, 1, &count, &e), 0);
    return found == 1;
}

static void what_a_clock_set_back_left_is_hastened(struct store_txn *txn, struct scene *s)
{
    const int64_t day_s = 86400;

    assert_false(is_hastened(txn, s, 1100, true, 100));
    assert_true(is_hastened(txn, s, 1101, true, 100));
    /* Not what waits for its first try because its recipient has had so much. */
    assert_false(is_hastened(txn, s, 50 + day_s, false, 100));
    assert_true(is_hastened(txn, s, 51 + day_s, false, 100));
    assert_true(is_hastened(txn, s, 50 + day_s, false, 49)); /* it comes from the future */
}

static void cursors_remember(struct store_txn *txn, struct scene *s)
{
    struct queue_item item = {.recipient = "", .last_error = ""};
    struct queue_message m = {.id = 1,
                              .kind = QUEUE_MAIL_IN,
                              .sender = "",
                              .origin = "imap:b",
                              .content = "x",
                              .content_len = 1,
                              .items = &item,
                              .item_count = 1};
    uint32_t validity, next;
    bool is_new;
    struct err e;

    (void)s;
    assert_int_equal(cursors_get(txn, "b", &validity, &next, &e), 0);
    assert_int_equal(validity, 0);
    assert_int_equal(queue_put_fetched(txn, &m, "b", 5, 10, &is_new, &e), 0);
    assert_int_equal(cursors_put(txn, "b", 5, 11, &e), 0);
    assert_int_equal(cursors_get(txn, "b", &validity, &next, &e), 0);
    assert_int_equal(validity, 5);
    assert_int_equal(next, 11);
    m.id = 2; /* what the cursor has passed is forgotten: it would be new */
    assert_int_equal(queue_put_fetched(txn, &m, "b", 5, 10, &is_new, &e), 0);
    assert_true(is_new);
}

static void files_are_kept_and_expire(struct store_txn *txn, struct scene *s)
{
    struct stored_file file = {.id = 0x1234,
                               .name = "a.png",
                               .media_type = "image/png",
                               .size = 5,
                               .expires_s = 100,
                               .message_id = 7,
                               .part = 1};
    struct stored_file *found;
    unsigned count;
    const char *path;
    struct err e;

    assert_int_equal(files_write(s->store, 0x1234, "hello", 5, &e), 0);
    assert_int_equal(files_put(txn, &file, &e), 0);
    assert_int_equal(files_get(txn, s->arena, 0x1234, &found, &e), 0);
    assert_string_equal(found->name, "a.png");
    assert_int_equal(files_by_part(txn, s->arena, 7, 1, &found, &e), 0);
    assert_int_equal(found->id, 0x1234);
    path = files_path(s->store, s->arena, 0x1234);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(files_expire(txn, 99, 10, &count, &e), 0);
    assert_int_equal(count, 0);
    assert_int_equal(files_expire(txn, 101, 10, &count, &e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(access(path, R_OK), 0); /* until the commit: it might be rolled back */
    assert_int_equal(files_get(txn, s->arena, 0x1234, &found, &e), 0);
    assert_null(found);
}

static int put_file(struct store_txn *txn, void *arg, struct err *e)
{
    const struct stored_file *file = arg;

    return files_put(txn, file, e);
}

static int expire_and_fail(struct store_txn *txn, void *arg, struct err *e)
{
    unsigned count;

    (void)arg;
    assert_int_equal(files_expire(txn, 101, 10, &count, e), 0);
    assert_int_equal(count, 1);
    return err_set(e, ERR_PERMANENT, "and then something else went wrong");
}

static int expire(struct store_txn *txn, void *arg, struct err *e)
{
    return files_expire(txn, 101, 10, arg, e);
}

static void bytes_go_with_the_commit(void **state)
{
    struct scene *s = *state;
    struct stored_file file = {
        .id = 0x77, .name = "a", .media_type = "b/c", .size = 3, .expires_s = 100};
    const char *path = files_path(s->store, s->arena, 0x77);
    unsigned count;
    struct err e;

    assert_int_equal(files_write(s->store, 0x77, "abc", 3, &e), 0);
    assert_int_equal(files_write(s->store, 0x77, "abc", 3, &e), 0); /* a retry */
    assert_int_equal(store_now(s->store, put_file, &file, &e), 0);
    assert_int_equal(store_now(s->store, expire_and_fail, NULL, &e), -1);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(store_now(s->store, expire, &count, &e), 0);
    assert_int_equal(count, 1);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fclose(f);
}

static void an_unnamed_file_is_swept(void **state)
{
    struct scene *s = *state;
    struct stored_file named = {
        .id = 0x101, .name = "a", .media_type = "b/c", .size = 3, .expires_s = 100};
    const char *half, *foreign;
    struct err e;

    assert_int_equal(files_write(s->store, 1, "left by a crash", 15, &e), 0);
    assert_int_equal(files_write(s->store, 0x101, "abc", 3, &e), 0);
    assert_int_equal(store_now(s->store, put_file, &named, &e), 0);
    half = arena_printf(s->arena, "%s.0123abcd.tmp", files_path(s->store, s->arena, 0x101));
    foreign = arena_printf(s->arena, "%s.note", files_path(s->store, s->arena, 0x101));
    touch(half);
    touch(foreign);
    assert_int_equal(files_sweep(s->store, &e), 0);
    assert_int_not_equal(access(files_path(s->store, s->arena, 1), F_OK), 0);
    assert_int_not_equal(access(half, F_OK), 0);
    assert_int_equal(access(files_path(s->store, s->arena, 0x101), F_OK), 0);
    assert_int_equal(access(foreign, F_OK), 0); /* not ours: left alone */
}

/* The limits of queue_due say that there is more. */
static void due_says_what_is_left(struct store_txn *txn, struct scene *s)
{
    struct arena *small = arena_new(6000);
    struct queue_message *out;
    int64_t next, i;
    size_t count;
    struct err e;

    for (i = 1; i <= 20; i++)
        put(txn, i, QUEUE_MAIL_OUT, 100 + i, 3); /* 3 bytes of content each */
    assert_int_equal(
        find_due(txn, s->arena, QUEUE_MAIL_OUT, 200, 5, 1000, NULL, 0, &out, &count, &next, &e), 0);
    assert_int_equal(count, 5);
    assert_int_equal(next, 106);
    assert_int_equal(out[4].item_count, 3);
    assert_int_equal(
        find_due(txn, s->arena, QUEUE_MAIL_OUT, 200, 20, 8, NULL, 0, &out, &count, &next, &e), 0);
    assert_int_equal(count, 2);
    assert_int_equal(next, 103);
    /* An arena that holds some, but not all. */
    assert_int_equal(
        find_due(txn, small, QUEUE_MAIL_OUT, 200, 20, 1000, NULL, 0, &out, &count, &next, &e), 0);
    assert_true(count > 0 && count < 20);
    assert_int_equal(next, 101 + (int64_t)count);
    arena_free(small);
}

static void many_in_flight_are_passed_over(struct store_txn *txn, struct scene *s)
{
    enum { IN_FLIGHT = 3000 };
    struct queue_message *out;
    int64_t *skip = calloc(IN_FLIGHT, sizeof *skip), next, i;
    size_t count;
    struct err e;

    for (i = 1; i <= IN_FLIGHT + 2; i++)
        put(txn, i * 7, QUEUE_MAIL_OUT, 100, 1);
    for (i = 0; i < IN_FLIGHT; i++)
        skip[i] = (i + 2) * 7; /* all but the first and the last */
    assert_int_equal(find_due(txn, s->arena, QUEUE_MAIL_OUT, 200, 10, 1000, skip, IN_FLIGHT, &out,
                              &count, &next, &e),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(out[0].id, 7);
    assert_int_equal(out[1].id, (IN_FLIGHT + 2) * 7);
    assert_int_equal(next, 0);
    free(skip);
}

static void put_lane(struct store_txn *txn, int64_t id, unsigned lane, int64_t next_at_s)
{
    struct queue_item item = {
        .recipient = "a@example.net", .last_error = "", .next_at_s = next_at_s};
    struct queue_message m = {.id = id,
                              .kind = QUEUE_MAIL_IN,
                              .sender = "",
                              .origin = "",
                              .lane = lane,
                              .content = "x",
                              .content_len = 1,
                              .items = &item,
                              .item_count = 1};
    struct err e;

    assert_int_equal(queue_put(txn, &m, &e), 0);
}

/* However much one lane holds, each other gets its turn in every load. */
static void lanes_take_turns(struct store_txn *txn, struct scene *s)
{
    size_t lane_max[QUEUE_LANES], i, of_others = 0;
    struct queue_wish wish = {QUEUE_MAIL_IN, 200, 100, 1 << 20, NULL, 0, 0, NULL};
    struct queue_found found;
    struct err e;

    for (i = 1; i <= 1000; i++)
        put_lane(txn, (int64_t)i, 7, 10);
    for (i = 0; i < 10; i++)
        put_lane(txn, 2000 + (int64_t)i, 100 + (unsigned)i, 100);
    put_lane(txn, 3000, 200, 900);
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 100);
    for (i = 0; i < found.count; i++)
        of_others += found.messages[i].id >= 2000;
    assert_int_equal(of_others, 10);
    assert_true(found.left[7]);
    assert_false(found.left[100]);
    assert_true(found.next_at_s <= 200);

    /* A lane without room leaves it to the others, and what is due later is known. */
    for (i = 0; i < QUEUE_LANES; i++)
        lane_max[i] = i == 7 ? 0 : 1000;
    wish.lane_max = lane_max;
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 10);
    assert_true(found.left[7]);
    lane_max[7] = 3;
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 13);

    /* More lanes than fit in one load: the next load goes on with the next. */
    wish.lane_max = NULL;
    wish.count_max = 10;
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    wish.first_lane = found.next_lane;
    assert_int_equal(found.messages[0].lane, 7);
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_true(found.messages[0].lane >= 100);
}

/* Another gateway's claim holds as long as its lease. */
static void a_claim_holds_until_the_lease_ends(struct store_txn *txn, struct scene *s)
{
    struct queue_wish wish = {QUEUE_MAIL_IN, 200, 100, 1 << 20, NULL, 0, 0, NULL};
    struct queue_found found;
    struct err e;
    int64_t other;

    assert_int_equal(life_begin(txn, 200, &e), 0);
    other = s->store->life;
    put_lane(txn, 1, 3, 100); /* the other's */
    s->store->life = other / 2 + 1;
    put_lane(txn, 2, 3, 100);
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.messages[0].id, 2);
    wish.now_s = 200 + LIFE_LEASE_S;
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 2);
    /* It is this gateway's now, even if the other wakes up. */
    wish.now_s = 200;
    s->store->life = other;
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 2); /* the taker has no lease in this test, so it is not alive */
    /* The next holder of the lock ends all earlier lives at once. */
    put_lane(txn, 4, 3, 100);
    assert_int_equal(life_begin(txn, 200, &e), 0);
    assert_int_equal(queue_due(txn, s->arena, &wish, &found, &e), 0);
    assert_int_equal(found.count, 3);
}

/* A crash counts as one attempt; an attempt that ends in order clears the suspicion. */
static void blame_counts_and_passes(struct store_txn *txn, struct scene *s)
{
    struct queue_message *m;
    unsigned crashes;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 100, 1);
    assert_int_equal(queue_blame(txn, 1, 0, "it ended", &crashes, &e), 0);
    assert_int_equal(queue_blame(txn, 1, 0, "it ended", &crashes, &e), 0);
    assert_int_equal(crashes, 2);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_int_equal(m->items[0].attempts, 2);
    assert_int_equal(m->items[0].crashes, 2);
    assert_int_equal(m->items[0].next_at_s, 100); /* it is due as it was */
    assert_int_equal(queue_defer(txn, 1, 0, 300, "busy", &e), 0);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_int_equal(m->items[0].attempts, 3);
    assert_int_equal(m->items[0].crashes, 0);
    assert_int_equal(queue_set_aside(txn, 1, 0, "x", true, 400, &e), 0);
    assert_int_equal(queue_blame(txn, 1, 0, "late", &crashes, &e), 0);
    assert_int_equal(crashes, 0);
}

static void counts_by_state_and_age(struct store_txn *txn, struct scene *s)
{
    const int64_t now_s = 100 * 86400;
    struct queue_counts counts;
    struct err e;

    (void)s;
    put(txn, ((now_s - 60) * 1000) << 20, QUEUE_MAIL_OUT, now_s - 60, 2);
    put(txn, ((now_s - 7200) * 1000) << 20, QUEUE_MAIL_OUT, now_s + 60, 1);
    put(txn, ((now_s - 9 * 86400) * 1000) << 20, QUEUE_MAIL_OUT, now_s - 60, 1);
    put(txn, 5, QUEUE_MAIL_IN, 10, 1);
    assert_int_equal(
        queue_set_aside(txn, ((now_s - 9 * 86400) * 1000) << 20, 0, "x", true, now_s - 5, &e), 0);
    assert_int_equal(queue_counts(txn, QUEUE_MAIL_OUT, now_s, &counts, &e), 0);
    assert_int_equal(counts.due, 2);
    assert_int_equal(counts.later, 1);
    assert_int_equal(counts.aside, 1);
    assert_int_equal(counts.ages[0], 2);
    assert_int_equal(counts.ages[1], 1);
    assert_int_equal(counts.ages[2], 0);
    assert_int_equal(counts.ages[3], 1);
    assert_int_equal(counts.oldest_id, ((now_s - 9 * 86400) * 1000) << 20);
    assert_int_equal(queue_counts(txn, QUEUE_STANZA_OUT, now_s, &counts, &e), 0);
    assert_int_equal(counts.due + counts.later + counts.aside + counts.oldest_id, 0);
}

static int count_one(const struct queue_message *m, void *arg)
{
    size_t *left = arg;

    assert_null(m->content);
    assert_int_equal(m->content_len, 3);
    return --*left == 0 ? -1 : 0;
}

static void all_are_dropped(struct store_txn *txn, struct scene *s)
{
    struct queue_message *m;
    unsigned count;
    int64_t items;
    size_t left = 2;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 100, 3);
    put(txn, 2, QUEUE_MAIL_IN, 100, 1);
    put(txn, 3, QUEUE_MAIL_IN, 100, 1);
    assert_int_equal(queue_each(txn, 0, count_one, &left, &e), 0);
    assert_int_equal(left, 0); /* it stopped */
    assert_int_equal(queue_set_aside(txn, 1, 2, "poison", false, 90, &e), 0);
    assert_int_equal(queue_count(txn, QUEUE_MAIL_OUT, &items, &e), 0);
    assert_int_equal(items, 3);
    assert_int_equal(queue_drop(txn, 0, &count, &e), 0);
    assert_int_equal(count, 5);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_null(m);
    assert_int_equal(queue_count(txn, QUEUE_MAIL_OUT, &items, &e), 0);
    assert_int_equal(items, 0);
}

static void set_aside_starts_anew(struct store_txn *txn, struct scene *s)
{
    struct queue_message *m;
    char error[1500];
    unsigned count, crashes;
    struct err e;

    put(txn, 1, QUEUE_MAIL_OUT, 100, 2);
    memset(error, 'x', sizeof error);
    memcpy(error + 999, "\xc3\xa9", 2); /* a character across the limit */
    error[sizeof error - 1] = '\0';
    assert_int_equal(queue_blame(txn, 1, 0, "crash", &crashes, &e), 0);
    assert_int_equal(queue_blame(txn, 1, 1, "crash", &crashes, &e), 0);
    assert_int_equal(crashes, 1);
    assert_int_equal(queue_set_aside(txn, 1, 1, error, true, 90, &e), 0);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_true(m->items[1].is_set_aside);
    assert_int_equal(strlen(m->items[1].last_error), 999);
    assert_int_equal(queue_retry(txn, 0, 500, &count, &e), 0);
    assert_int_equal(queue_get(txn, s->arena, 1, &m, &e), 0);
    assert_int_equal(m->items[0].attempts, 1);
    assert_false(m->items[1].is_set_aside);
    assert_int_equal(m->items[1].attempts, 0);
    assert_int_equal(m->items[1].next_at_s, 500);
}

/* What is gone (dropped meanwhile) may be told of without harm; a message for nobody is a mistake.
 */
static void the_gone_are_left_in_peace(struct store_txn *txn, struct scene *s)
{
    struct queue_message nobody = {.id = 1, .kind = QUEUE_MAIL_OUT, .sender = "", .origin = ""};
    unsigned crashes;
    struct err e;

    (void)s;
    assert_int_equal(queue_blame(txn, 1, 0, "x", &crashes, &e), 0);
    assert_int_equal(crashes, 0);
    assert_int_equal(queue_defer(txn, 1, 0, 5, "x", &e), 0);
    assert_int_equal(queue_set_aside(txn, 1, 0, "x", false, 90, &e), 0);
    assert_int_equal(queue_remove(txn, 1, 0, &e), 0);
    assert_int_equal(queue_put(txn, &nobody, &e), -1);
    assert_int_equal(e.class, ERR_BUG);
}

static void what_is_owed_falls_due_once(struct store_txn *txn, struct scene *s)
{
    struct owed out[2];
    size_t count;
    bool was;
    struct err e;

    (void)s;
    assert_int_equal(owed_put(txn, 7, 1, 300, &e), 0);
    assert_int_equal(owed_put(txn, 8, 0, 200, &e), 0);
    assert_int_equal(owed_put(txn, 9, 0, 100, &e), 0);
    assert_int_equal(owed_put(txn, 9, 0, 400, &e), 0); /* later now */
    assert_int_equal(owed_due(txn, 199, out, 2, &count, &e), 0);
    assert_int_equal(count, 0);
    assert_int_equal(owed_due(txn, 300, out, 1, &count, &e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(out[0].id, 8);
    assert_int_equal(owed_remove(txn, 8, 0, &was, &e), 0);
    assert_true(was);
    assert_int_equal(owed_remove(txn, 8, 0, &was, &e), 0);
    assert_false(was);
    assert_int_equal(owed_due(txn, 300, out, 2, &count, &e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(out[0].id, 7);
    assert_int_equal(out[0].n, 1);
}

/* No statement that runs for every message may sort or read a whole table, however long the queue:
 * SQLite counts both. */
static void nothing_sorts_or_scans(struct store_txn *txn, struct scene *s)
{
    struct link link = {.direction = LINK_TO_JABBER,
                        .jid = "u@h",
                        .contact = "c@g",
                        .mail = "",
                        .alias = "",
                        .references = "",
                        .stanza_id = "s",
                        .thread = "t",
                        .message_id = "m"};
    struct queue_message *out, *m;
    struct queue_aside aside;
    struct stored_file *file;
    struct link *found;
    sqlite3_stmt *stmt = NULL;
    unsigned n;
    int64_t next;
    size_t count, statements = 0;
    struct err e;

    for (link.id = 1; link.id <= 50; link.id++) {
        put(txn, link.id, QUEUE_MAIL_OUT, 100, 1);
        assert_int_equal(links_put(txn, &link, &e), 0);
    }
    assert_int_equal(
        find_due(txn, s->arena, QUEUE_MAIL_OUT, 200, 5, 99, NULL, 0, &out, &count, &next, &e), 0);
    assert_int_equal(queue_get(txn, s->arena, 9, &m, &e), 0);
    assert_int_equal(queue_blame(txn, 9, 0, "", &n, &e), 0);
    assert_int_equal(queue_set_aside(txn, 8, 0, "", true, 50, &e), 0);
    assert_int_equal(queue_oldest_aside(txn, 40, &aside, &e), 0);
    assert_int_equal(queue_oldest_aside(txn, 60, &aside, &e), 1);
    assert_int_equal(aside.id, 8);
    assert_int_equal(life_begin(txn, 1, &e), 0);
    assert_int_equal(life_renew(txn, 1, &e), 0);
    assert_int_equal(queue_defer(txn, 9, 0, 300, "", &e), 0);
    assert_int_equal(queue_remove(txn, 9, 0, &e), 0);
    assert_int_equal(links_by_id(txn, s->arena, 9, 0, &found, &e), 0);
    assert_int_equal(links_by_message_id(txn, s->arena, "m", "u@h", &found, &e), 0);
    assert_int_equal(found->id, 50); /* the newest */
    assert_int_equal(links_by_stanza_id(txn, s->arena, "u@h", "c@g", "s", &found, &e), 0);
    assert_int_equal(found->id, 50);
    assert_int_equal(links_last_in_thread(txn, s->arena, "u@h", "c@g", "t", &found, &e), 0);
    assert_int_equal(found->id, 50);
    assert_int_equal(links_expire(txn, 1, 3, &n, &e), 0);
    assert_int_equal(files_by_part(txn, s->arena, 1, 1, &file, &e), 0);
    assert_int_equal(files_expire(txn, 1, 3, &n, &e), 0);
    assert_int_equal(cursors_put(txn, "b", 5, 11, &e), 0);
    while ((stmt = sqlite3_next_stmt(txn->db, stmt))) {
        const char *sql = sqlite3_sql(stmt);

        statements++;
        if (strstr(sql, "link_fresh")) /* of a bounded length, and sorted when it is full */
            continue;
        if (sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_SORT, 0) ||
            sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0))
            fail_msg("sorts or scans: %s", sql);
    }
    assert_true(statements > 15);
}

#define IN_TXN(name)                                                                               \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        in_txn(*state, name);                                                                      \
    }

IN_TXN(put_comes_back)
IN_TXN(due_is_found)
IN_TXN(only_due_items_come)
IN_TXN(has_tells_what_is_there)
IN_TXN(the_message_goes_with_its_last_item)
IN_TXN(a_fetched_mail_is_put_once)
IN_TXN(retry_and_drop)
IN_TXN(due_says_what_is_left)
IN_TXN(many_in_flight_are_passed_over)
IN_TXN(lanes_take_turns)
IN_TXN(a_claim_holds_until_the_lease_ends)
IN_TXN(blame_counts_and_passes)
IN_TXN(counts_by_state_and_age)
IN_TXN(all_are_dropped)
IN_TXN(set_aside_starts_anew)
IN_TXN(the_gone_are_left_in_peace)
IN_TXN(what_is_owed_falls_due_once)
IN_TXN(nothing_sorts_or_scans)
IN_TXN(what_a_clock_set_back_left_is_hastened)
IN_TXN(cursors_remember)
IN_TXN(files_are_kept_and_expire)

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(test_put_comes_back),
        SCENE(test_due_is_found),
        SCENE(test_only_due_items_come),
        SCENE(test_has_tells_what_is_there),
        SCENE(test_the_message_goes_with_its_last_item),
        SCENE(test_a_fetched_mail_is_put_once),
        SCENE(test_retry_and_drop),
        SCENE(test_what_a_clock_set_back_left_is_hastened),
        SCENE(test_cursors_remember),
        SCENE(test_files_are_kept_and_expire),
        SCENE(bytes_go_with_the_commit),
        SCENE(an_unnamed_file_is_swept),
        SCENE(test_due_says_what_is_left),
        SCENE(test_many_in_flight_are_passed_over),
        SCENE(test_lanes_take_turns),
        SCENE(test_a_claim_holds_until_the_lease_ends),
        SCENE(test_blame_counts_and_passes),
        SCENE(test_counts_by_state_and_age),
        SCENE(test_all_are_dropped),
        SCENE(test_set_aside_starts_anew),
        SCENE(test_the_gone_are_left_in_peace),
        SCENE(test_what_is_owed_falls_due_once),
        SCENE(test_nothing_sorts_or_scans),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
