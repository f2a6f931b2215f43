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
#include "store/links.h"
#include "store/queue.h"
#include "store/store.h"

struct scene {
    char folder[64];
    struct store *store;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    char url[128];
    struct err e;

    strcpy(s->folder, "/tmp/postern-queue-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(url, sizeof url, "sqlite:%s/q.db", s->folder);
    s->store = store_open(url, STORE_READ_WRITE, &e);
    assert_non_null(s->store);
    s->arena = arena_new(8 << 20);
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
                              .content = "a\0b",
                              .content_len = 3,
                              .items = items,
                              .item_count = recipients};
    struct err e;
    size_t i;

    for (i = 0; i < recipients; i++)
        items[i].next_at_s = next_at_s;
    assert_int_equal(queue_put(txn, &m, &e), 0);
}

static struct queue_message *due(struct store_txn *txn, struct scene *s, int64_t now_s,
                                 size_t *count_out, int64_t *next_out)
{
    struct queue_message *out;
    struct err e;

    assert_int_equal(queue_due(txn, s->arena, QUEUE_MAIL_OUT, now_s, 10, 1000, NULL, 0, &out,
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
        queue_due(txn, s->arena, QUEUE_MAIL_OUT, 400, 10, 1000, skip, 2, &out, &count, &next, &e),
        0);
    assert_int_equal(count, 1);
    assert_int_equal(out[0].id, 2);
    assert_int_equal(next, 0);

    /* The limits: one message at least, whatever its size. */
    assert_int_equal(
        queue_due(txn, s->arena, QUEUE_MAIL_OUT, 400, 10, 1, NULL, 0, &out, &count, &next, &e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(
        queue_due(txn, s->arena, QUEUE_MAIL_OUT, 400, 2, 1000, NULL, 0, &out, &count, &next, &e),
        0);
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
    assert_int_equal(queue_set_aside(txn, 1, 2, "poison", &e), 0);
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
    assert_int_equal(queue_set_aside(txn, 2, 0, "poison", &e), 0);
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

static void links_are_found(struct store_txn *txn, struct scene *s)
{
    struct link link = {.id = 1,
                        .direction = LINK_TO_MAIL,
                        .jid = "juliet@capulet.example/balcony",
                        .contact = "romeo\\40example.net@gw.example",
                        .mail = "romeo@example.net",
                        .alias = "juliet@gw.example",
                        .stanza_id = "s1",
                        .thread = "t1",
                        .subject = "Tonight",
                        .message_id = "m1@gw.example",
                        .references = "",
                        .created_s = 100};
    struct link *found;
    unsigned count;
    struct err e;

    assert_int_equal(links_put(txn, &link, &e), 0);
    link.id = 2;
    link.message_id = "m2@gw.example";
    link.references = "m1@gw.example";
    link.stanza_id = NULL;
    link.created_s = 200;
    assert_int_equal(links_put(txn, &link, &e), 0);

    assert_int_equal(links_by_id(txn, s->arena, 1, 0, &found, &e), 0);
    assert_string_equal(found->jid, "juliet@capulet.example/balcony");
    assert_string_equal(found->subject, "Tonight");
    assert_null(found->stanza_to);
    assert_int_equal(links_by_id(txn, s->arena, 1, 1, &found, &e), 0);
    assert_null(found);
    assert_int_equal(
        links_by_message_id(txn, s->arena, "m2@gw.example", "juliet@capulet.example", &found, &e),
        0);
    assert_int_equal(found->id, 2);
    assert_int_equal(
        links_by_message_id(txn, s->arena, "m2@gw.example", "tybalt@capulet.example", &found, &e),
        0);
    assert_null(found);
    assert_int_equal(links_by_stanza_id(txn, s->arena, "juliet@capulet.example",
                                        "romeo\\40example.net@gw.example", "s1", &found, &e),
                     0);
    assert_int_equal(found->id, 1);
    assert_int_equal(links_last_in_thread(txn, s->arena, "juliet@capulet.example",
                                          "romeo\\40example.net@gw.example", "t1", &found, &e),
                     0);
    assert_int_equal(found->id, 2);
    assert_string_equal(found->references, "m1@gw.example");

    link.id = 1; /* put again: replaced */
    link.mail = "";
    assert_int_equal(links_put(txn, &link, &e), 0);
    assert_int_equal(links_by_id(txn, s->arena, 1, 0, &found, &e), 0);
    assert_string_equal(found->mail, "");

    assert_int_equal(links_expire(txn, 1000, 1, &count, &e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(links_expire(txn, 1000, 10, &count, &e), 0);
    assert_int_equal(count, 1);
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
    assert_int_not_equal(access(path, R_OK), 0);
    assert_int_equal(files_get(txn, s->arena, 0x1234, &found, &e), 0);
    assert_null(found);
}

static void an_unnamed_file_is_swept(void **state)
{
    struct scene *s = *state;
    struct err e;

    assert_int_equal(files_write(s->store, 1, "left by a crash", 15, &e), 0);
    assert_int_equal(files_sweep(s->store, &e), 0);
    assert_int_not_equal(access(files_path(s->store, s->arena, 1), F_OK), 0);
}

#define IN_TXN(name)                                                                               \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        in_txn(*state, name);                                                                      \
    }

IN_TXN(put_comes_back)
IN_TXN(due_is_found)
IN_TXN(only_due_items_come)
IN_TXN(the_message_goes_with_its_last_item)
IN_TXN(a_fetched_mail_is_put_once)
IN_TXN(retry_and_drop)
IN_TXN(links_are_found)
IN_TXN(cursors_remember)
IN_TXN(files_are_kept_and_expire)

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(test_put_comes_back),
        SCENE(test_due_is_found),
        SCENE(test_only_due_items_come),
        SCENE(test_the_message_goes_with_its_last_item),
        SCENE(test_a_fetched_mail_is_put_once),
        SCENE(test_retry_and_drop),
        SCENE(test_links_are_found),
        SCENE(test_cursors_remember),
        SCENE(test_files_are_kept_and_expire),
        SCENE(an_unnamed_file_is_swept),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
