/* store: work in groups, failures apart, nothing told before the commit, nothing lost by SIGKILL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store/files.h"
#include "store/quota.h"
#include "store/queue.h"
#include "store/keys.h"
#include "store/store_inside.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE], url[STORE_URL_SIZE], path[128];
    struct loop *loop;
    struct store *store;
    sem_t go;
    unsigned done, failed;
    int64_t order[64];
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    folder_make("store", s->folder, s->url);
    snprintf(s->path, sizeof s->path, "%s/q.db", s->folder);
    s->loop = loop_new(&e);
    s->store = store_open(s->url, STORE_READ_WRITE, &e);
    assert_non_null(s->store);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    store_stop(s->store);
    store_close(s->store);
    loop_free(s->loop);
    folder_remove(s->folder);
    free(s);
    return 0;
}

/* A piece of work that puts a message, or fails. */
struct piece {
    struct store_work work;
    struct scene *scene;
    int64_t id;
    bool is_bad;
    unsigned awaited; /* the loop is stopped when so many are done */
    unsigned runs;
};

static void fill(struct queue_message *m, struct queue_item *item, int64_t id)
{
    memset(m, 0, sizeof *m);
    memset(item, 0, sizeof *item);
    item->recipient = "romeo@example.net";
    item->next_at_s = 100;
    item->last_error = "";
    m->id = id;
    m->kind = QUEUE_MAIL_OUT;
    m->sender = "b+1@example.org";
    m->origin = "jabber";
    m->created_s = 100;
    m->content = "Subject: x\r\n\r\nHello\r\n";
    m->content_len = strlen(m->content);
    m->items = item;
    m->item_count = 1;
}

static int put(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct piece *p = (struct piece *)work;
    struct queue_message m;
    struct queue_item item;

    p->runs++;
    fill(&m, &item, p->id);
    if (queue_put(txn, &m, e) < 0)
        return -1;
    return p->is_bad ? err_set(e, ERR_PERMANENT, "this one is bad") : 0;
}

static void told(struct store_work *work, const struct err *e)
{
    struct piece *p = (struct piece *)work;
    struct scene *s = p->scene;

    if (s->done < 64)
        s->order[s->done] = p->id;
    s->done++;
    s->failed += e != NULL;
    if (s->done == p->awaited)
        loop_stop(s->loop);
}

static void submit(struct scene *s, struct piece *p, int64_t id, unsigned awaited)
{
    p->scene = s;
    p->id = id;
    p->awaited = awaited;
    if (!p->work.run)
        p->work.run = put;
    if (!p->work.done)
        p->work.done = told;
    assert_int_equal(store_submit(s->store, &p->work), 0);
}

/* Looks with eyes of its own: another connection sees only what is committed. */
static int64_t count_messages(const struct scene *s)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    int64_t count;

    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM message", -1, &q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    count = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return count;
}

static void work_is_told_in_order(void **state)
{
    struct scene *s = *state;
    struct piece pieces[40] = {0};
    struct err e;
    int i;

    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    for (i = 0; i < 40; i++)
        submit(s, &pieces[i], i + 1, 40);
    assert_int_equal(loop_run(s->loop, &e), 0);
    assert_int_equal(s->failed, 0);
    for (i = 0; i < 40; i++)
        assert_int_equal(s->order[i], i + 1);
    assert_int_equal(count_messages(s), 40);
}

static void a_failure_does_not_touch_its_neighbours(void **state)
{
    struct scene *s = *state;
    struct piece pieces[20] = {0};
    struct err e;
    int i;

    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    pieces[7].is_bad = true;
    pieces[13].is_bad = true;
    for (i = 0; i < 20; i++)
        submit(s, &pieces[i], i + 1, 20);
    assert_int_equal(loop_run(s->loop, &e), 0);
    assert_int_equal(s->failed, 2);
    assert_int_equal(pieces[7].work.err.class, ERR_PERMANENT);
    assert_string_equal(pieces[7].work.err.text, "this one is bad");
    assert_int_equal(pieces[6].work.err.class, ERR_NONE);
    assert_int_equal(count_messages(s), 18);
}

static void told_committed(struct store_work *work, const struct err *e)
{
    struct piece *p = (struct piece *)work;

    assert_null(e);
    assert_true(count_messages(p->scene) >= p->id);
    told(work, e);
}

static void nothing_is_told_before_the_commit(void **state)
{
    struct scene *s = *state;
    struct piece pieces[10] = {0};
    struct err e;
    int i;

    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    for (i = 0; i < 10; i++) {
        pieces[i].work.done = told_committed;
        submit(s, &pieces[i], i + 1, 10);
    }
    assert_int_equal(loop_run(s->loop, &e), 0);
}

static void stopping_finishes_what_waits(void **state)
{
    struct scene *s = *state;
    struct piece pieces[30] = {0};
    struct err e;
    int i;

    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    for (i = 0; i < 30; i++)
        submit(s, &pieces[i], i + 1, 0);
    store_stop(s->store);
    assert_int_equal(s->done, 30);
    assert_int_equal(store_submit(s->store, &pieces[0].work), -1);
    assert_int_equal(count_messages(s), 30);
}

/* ---- work that nobody waits for ---- */

enum { LOAD = 60 };

static int put_when_told(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct piece *p = (struct piece *)work;

    while (sem_wait(&p->scene->go) < 0 && errno == EINTR)
        ;
    return put(txn, work, e);
}

/* So many in one transaction that the next patient piece is waited with for more like it. */
static void load_writer(struct scene *s, struct piece *pieces, int64_t first_id)
{
    unsigned all = s->done + LOAD;
    struct err e;
    int i;

    for (i = 0; i < LOAD; i++) {
        pieces[i] = (struct piece){.work.is_patient = i > 0};
        pieces[i].work.run = i > 0 ? put : put_when_told;
        submit(s, &pieces[i], first_id + i, all);
    }
    sem_post(&s->go);
    assert_int_equal(loop_run(s->loop, &e), 0);
    assert_int_equal(s->done, all);
}

/* Nothing more comes: alone, before somebody who does wait, and before the end. */
static void patient_work_is_done_after_a_load(void **state)
{
    struct scene *s = *state;
    struct piece pieces[LOAD], alone = {.work.is_patient = true}, before = alone, last = alone,
                               after = {0};
    struct err e;

    alarm(60); /* or it waits for ever */
    sem_init(&s->go, 0, 0);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    load_writer(s, pieces, 1000);
    submit(s, &alone, 1, LOAD + 1);
    assert_int_equal(loop_run(s->loop, &e), 0);
    load_writer(s, pieces, 2000);
    submit(s, &before, 2, 0);
    submit(s, &after, 3, 2 * LOAD + 3);
    assert_int_equal(loop_run(s->loop, &e), 0);
    load_writer(s, pieces, 3000);
    submit(s, &last, 4, 0);
    store_stop(s->store);
    assert_int_equal(s->done, 3 * LOAD + 4);
    assert_int_equal(s->failed, 0);
    assert_int_equal(count_messages(s), 3 * LOAD + 4);
    sem_destroy(&s->go);
    alarm(0);
}

static void one_gateway_serves_a_database(void **state)
{
    struct scene *s = *state;
    struct store *other;
    struct err e;

    assert_false(store_is_locked(s->url));
    assert_int_equal(store_lock(s->store, &e), 0);
    assert_true(store_is_locked(s->url));
    other = store_open(s->url, STORE_READ_WRITE, &e);
    assert_non_null(other);
    assert_int_equal(store_lock(other, &e), -1);
    assert_non_null(strstr(e.text, "in use by process"));
    store_close(other);
}

static void files_are_for_their_owner_alone(void **state)
{
    struct scene *s = *state;
    const char *const ends[] = {"", "-wal", "-shm"};
    char path[160];
    struct stat st;
    size_t i;

    for (i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", s->path, ends[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
}

static int keep_keys(struct store_txn *txn, void *arg, struct err *e)
{
    struct arena *a = arg;
    const char *key;

    assert_int_equal(keys_get(txn, a, "juliet@capulet.example", &key, e), 0);
    assert_null(key);
    assert_int_equal(keys_put(txn, "juliet@capulet.example", "0123456789ABCDEF", e), 0);
    assert_int_equal(keys_put(txn, "nurse@capulet.example", "1123456789ABCDEF", e), 0);
    assert_int_equal(keys_put(txn, "juliet@capulet.example", "2123456789ABCDEF", e), 0);
    assert_int_equal(keys_put(txn, "juliet@capulet.example", "2123456789ABCDEF", e), 0);
    assert_int_equal(keys_get(txn, a, "juliet@capulet.example", &key, e), 0);
    assert_string_equal(key, "2123456789ABCDEF");
    assert_int_equal(keys_get(txn, a, "nurse@capulet.example", &key, e), 0);
    assert_string_equal(key, "1123456789ABCDEF");
    return 0;
}

static void the_newest_key_of_a_user_counts(void **state)
{
    struct scene *s = *state;
    struct arena *a = arena_new(10000);
    struct err e;

    assert_int_equal(store_now(s->store, keep_keys, a, &e), 0);
    arena_free(a);
}

/* ---- a part that fails alone ---- */

static int put_two_keys(struct store_txn *txn, void *arg, struct err *e)
{
    bool fails = *(bool *)arg;

    if (keys_put(txn, "romeo@montague.example", "3123456789ABCDEF", e) < 0)
        return -1;
    return fails ? err_set(e, ERR_PERMANENT, "as the test wants") : 0;
}

static int try_parts(struct store_txn *txn, void *arg, struct err *e)
{
    struct arena *a = arg;
    bool fails = true, succeeds = false;
    const char *key;

    assert_int_equal(keys_put(txn, "juliet@capulet.example", "0123456789ABCDEF", e), 0);
    assert_int_equal(store_try(txn, put_two_keys, &fails, e), -1);
    assert_int_equal(e->class, ERR_PERMANENT);
    assert_string_equal(e->text, "as the test wants");
    assert_int_equal(keys_get(txn, a, "romeo@montague.example", &key, e), 0);
    assert_null(key);
    assert_int_equal(keys_get(txn, a, "juliet@capulet.example", &key, e), 0);
    assert_non_null(key);
    assert_int_equal(store_try(txn, put_two_keys, &succeeds, e), 0);
    assert_int_equal(keys_get(txn, a, "romeo@montague.example", &key, e), 0);
    assert_non_null(key);
    return 0;
}

static void a_part_may_fail_alone(void **state)
{
    struct scene *s = *state;
    struct arena *a = arena_new(10000);
    struct err e;

    assert_int_equal(store_now(s->store, try_parts, a, &e), 0);
    arena_free(a);
}

/* ---- what cannot be undone at once ---- */

static int no_rollback(void *arg, int action, const char *what, const char *b, const char *c,
                       const char *d)
{
    (void)arg;
    (void)b;
    (void)c;
    (void)d;
    return action == SQLITE_TRANSACTION && strcmp(what, "ROLLBACK") == 0 ? SQLITE_DENY : SQLITE_OK;
}

static int put_key_and_fail(struct store_txn *txn, void *arg, struct err *e)
{
    (void)arg;
    assert_int_equal(keys_put(txn, "juliet@capulet.example", "0123456789ABCDEF", e), 0);
    sqlite3_set_authorizer(txn->db, no_rollback, NULL); /* as if memory were out */
    return err_set(e, ERR_PERMANENT, "as the test wants");
}

static int has_no_key(struct store_txn *txn, void *arg, struct err *e)
{
    const char *key;

    assert_int_equal(keys_get(txn, arg, "juliet@capulet.example", &key, e), 0);
    assert_null(key);
    return 0;
}

static void what_could_not_be_undone_is_undone_later(void **state)
{
    struct scene *s = *state;
    struct arena *a = arena_new(10000);
    struct err e;

    assert_int_equal(store_now(s->store, put_key_and_fail, NULL, &e), -1);
    assert_int_equal(store_now(s->store, has_no_key, a, &e), -1); /* not yet */
    assert_int_equal(e.class, ERR_RETRY);
    sqlite3_set_authorizer(s->store->txn.db, NULL, NULL);
    assert_int_equal(store_now(s->store, has_no_key, a, &e), 0);
    arena_free(a);
}

static int count_files(struct store_txn *txn, void *arg, struct err *e)
{
    const struct stored_file big = {.id = 1, .name = "a", .media_type = "a/b", .size = 700},
                             small = {.id = 2, .name = "b", .media_type = "a/b", .size = 50};
    int64_t bytes = -1;

    (void)arg;
    assert_int_equal(quota_total(txn, &bytes, e), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(files_put(txn, &big, e), 0);
    assert_int_equal(files_put(txn, &big, e), 0); /* the same one again */
    assert_int_equal(files_put(txn, &small, e), 0);
    assert_int_equal(quota_total(txn, &bytes, e), 0);
    assert_int_equal(bytes, 750);
    assert_int_equal(quota_add(txn, "juliet@capulet.example", 7, 30, e), 0);
    assert_int_equal(quota_add(txn, "juliet@capulet.example", 7, 12, e), 0);
    assert_int_equal(quota_used(txn, "juliet@capulet.example", 7, &bytes, e), 0);
    assert_int_equal(bytes, 42);
    assert_int_equal(quota_used(txn, "nurse@capulet.example", 7, &bytes, e), 0);
    assert_int_equal(bytes, 0);
    /* A new day begins for everybody. */
    assert_int_equal(quota_add(txn, "nurse@capulet.example", 8, 1, e), 0);
    assert_int_equal(quota_used(txn, "juliet@capulet.example", 8, &bytes, e), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(quota_used(txn, "juliet@capulet.example", 7, &bytes, e), 0);
    assert_int_equal(bytes, 0);
    return 0;
}

static void bytes_of_files_are_counted(void **state)
{
    struct scene *s = *state;
    struct err e;

    assert_int_equal(store_now(s->store, count_files, NULL, &e), 0);
}

static void the_key_is_made_once(void **state)
{
    struct scene *s = *state;
    struct keyed_key a, b;
    struct err e;

    assert_int_equal(store_key(s->store, &a, &e), 0);
    assert_int_equal(store_key(s->store, &b, &e), 0);
    assert_memory_equal(a.bytes, b.bytes, KEYED_KEY_SIZE);
}

static void a_bad_url_says_what_to_do(void **state)
{
    struct err e;

    (void)state;
    assert_null(store_open("postgresql://x/y", STORE_READ_WRITE, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "sqlite:/path"));
    assert_null(store_open("sqlite:/nowhere/at/all/q.db", STORE_READ_WRITE, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "folder must exist"));
    assert_null(store_open("sqlite:/nowhere/at/all/q.db", STORE_READ_ONLY, &e));
    assert_non_null(strstr(e.text, "no queue"));
}

static void a_newer_database_is_left_alone(void **state)
{
    struct scene *s = *state;
    struct err e;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_null(store_open(s->url, STORE_READ_WRITE, &e));
    assert_non_null(strstr(e.text, "newer"));
}

/* The crash: a child puts messages, removes every third again, and says through a pipe what it was
 * told is safe (a removal as a negative id); it is killed at a random moment, and what it spoke of
 * must be so. */

struct endless {
    struct piece piece;
    int fd;
    int64_t *next;
    bool removes;
};

static int put_or_remove(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct endless *x = (struct endless *)work;

    return x->removes ? queue_remove(txn, x->piece.id, 0, e) : put(txn, work, e);
}

static void told_child(struct store_work *work, const struct err *e)
{
    struct endless *x = (struct endless *)work;

    int64_t said = x->removes ? -x->piece.id : x->piece.id;

    if (!e && write(x->fd, &said, sizeof said) != sizeof said)
        _exit(1);
    x->removes = !x->removes && x->piece.id % 3 == 0;
    if (!x->removes)
        x->piece.id = (*x->next)++;
    if (store_submit(x->piece.scene->store, &x->piece.work) < 0)
        _exit(1);
}

static void be_the_child(struct scene *s, int fd, int64_t first)
{
    struct endless many[16];
    int64_t next = first;
    struct err e;
    size_t i;

    s->loop = loop_new(&e);
    s->store = store_open(s->url, STORE_READ_WRITE, &e);
    if (!s->store || store_start(s->store, s->loop, &e) < 0)
        _exit(1);
    memset(many, 0, sizeof many);
    for (i = 0; i < 16; i++) {
        many[i].fd = fd;
        many[i].next = &next;
        many[i].piece.work.run = put_or_remove;
        many[i].piece.work.done = told_child;
        submit(s, &many[i].piece, next++, 0);
    }
    if (loop_run(s->loop, &e) < 0)
        _exit(1);
    _exit(0);
}

static bool has_message(sqlite3 *db, int64_t id)
{
    sqlite3_stmt *q;
    bool has;

    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT 1 FROM message JOIN item ON message = id WHERE id = ?", -1,
                           &q, NULL),
        SQLITE_OK);
    sqlite3_bind_int64(q, 1, id);
    has = sqlite3_step(q) == SQLITE_ROW;
    sqlite3_finalize(q);
    return has;
}

static void check_whole(sqlite3 *db)
{
    sqlite3_stmt *q;

    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(q, 0), "ok");
    sqlite3_finalize(q);
}

/* Returns how many messages the child was told are safe. */
static unsigned crash_once(struct scene *s, int64_t first, useconds_t after_us)
{
    unsigned told_safe = 0;
    int64_t id;
    sqlite3 *db;
    int fds[2], status;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_the_child(s, fds[1], first);
    close(fds[1]);
    usleep(after_us);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    check_whole(db);
    while (read(fds[0], &id, sizeof id) == sizeof id) {
        if (id < 0)
            assert_false(has_message(db, -id));
        else if (id % 3 != 0) /* the others may have been removed since */
            assert_true(has_message(db, id));
        told_safe++;
    }
    sqlite3_close(db);
    close(fds[0]);
    return told_safe;
}

static void sigkill_loses_nothing_that_was_told(void **state)
{
    struct scene *s = *state;
    unsigned told_safe = 0;
    int i;

    store_close(s->store); /* the child opens its own */
    s->store = NULL;
    for (i = 0; i < 30; i++)
        told_safe +=
            crash_once(s, 1 + i * (int64_t)1000000, 20000 + (useconds_t)(i * 3571 % 30000));
    assert_true(told_safe > 20); /* or nothing was tested */
    {
        struct err e;

        s->store = store_open(s->url, STORE_READ_WRITE, &e);
        assert_non_null(s->store);
    }
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(work_is_told_in_order),
        SCENE(a_failure_does_not_touch_its_neighbours),
        SCENE(nothing_is_told_before_the_commit),
        SCENE(stopping_finishes_what_waits),
        SCENE(patient_work_is_done_after_a_load),
        SCENE(one_gateway_serves_a_database),
        SCENE(files_are_for_their_owner_alone),
        SCENE(the_key_is_made_once),
        SCENE(the_newest_key_of_a_user_counts),
        SCENE(a_part_may_fail_alone),
        SCENE(what_could_not_be_undone_is_undone_later),
        SCENE(bytes_of_files_are_counted),
        SCENE(a_newer_database_is_left_alone),
        SCENE(sigkill_loses_nothing_that_was_told),
        cmocka_unit_test(a_bad_url_says_what_to_do),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
