/* log_file: what is committed is in the file, what is larger than memory is read back, what is
 * undone leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/log_file.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE], url[STORE_URL_SIZE], path[STORE_URL_SIZE];
    sqlite3 *db;
};

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q;
    int64_t n;

    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

static int set_up(void **state)
{
    static struct scene s;
    struct err e;

    folder_make("log", s.folder, s.url);
    snprintf(s.path, sizeof s.path, "%s/q.db", s.folder);
    assert_int_equal(sqlite3_open_v2(s.path, &s.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     log_file_vfs(&e)),
                     SQLITE_OK);
    log_file_watch(s.db);
    run(s.db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = 20;"
              "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(n INTEGER PRIMARY KEY, x BLOB)");
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    sqlite3_close(s->db);
    folder_remove(s->folder);
    return 0;
}

/* Without the layer, as every other program does. */
static int64_t count_as_others_do(const char *path)
{
    int64_t n;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    n = number(db, "SELECT count(*) FROM t");
    assert_int_equal(number(db, "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check <> 'ok'"),
                     0);
    sqlite3_close(db);
    return n;
}

/* The files as a crash would leave them. */
static int64_t count_in_copy(const struct scene *s)
{
    char command[512], path[STORE_URL_SIZE + 8];

    snprintf(command, sizeof command, "cp %s %s.2 && cp %s-wal %s.2-wal", s->path, s->path, s->path,
             s->path);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s.2", s->path);
    return count_as_others_do(path);
}

static void what_is_committed_is_in_the_file(void **state)
{
    struct scene *s = *state;
    int i;

    for (i = 1; i <= 20; i++) {
        run(s->db, "INSERT INTO t(x) VALUES(randomblob(2000))");
        assert_int_equal(count_as_others_do(s->path), i);
    }
    assert_int_equal(count_in_copy(s), 20);
    run(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(count_in_copy(s), 20);
    run(s->db, "INSERT INTO t(x) VALUES(randomblob(2000))");
    assert_int_equal(count_in_copy(s), 21);
}

#define MANY(n)                                                                                    \
    "INSERT INTO t(x) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c"              \
    " WHERE i < " #n ") SELECT randomblob(3000) FROM c"

/* Far more than the cache and the buffer hold. */
static void what_is_large_is_read_back(void **state)
{
    struct scene *s = *state;

    run(s->db, "BEGIN");
    run(s->db, MANY(1000));
    run(s->db, "UPDATE t SET x = randomblob(2900) WHERE n % 7 = 0");
    assert_int_equal(number(s->db, "SELECT sum(length(x)) FROM t"), 1000 * 3000 - 142 * 100);
    run(s->db, "COMMIT");
    assert_int_equal(count_as_others_do(s->path), 1000);
    assert_int_equal(count_in_copy(s), 1000);
}

static void what_is_undone_leaves_nothing(void **state)
{
    struct scene *s = *state;

    run(s->db, MANY(10));
    run(s->db, "BEGIN");
    run(s->db, MANY(500));
    run(s->db, "ROLLBACK");
    assert_int_equal(count_in_copy(s), 10);
    run(s->db, MANY(50));
    assert_int_equal(count_in_copy(s), 60);
    run(s->db, "BEGIN; DELETE FROM t; SAVEPOINT a");
    run(s->db, MANY(300));
    run(s->db, "ROLLBACK TO a; RELEASE a; COMMIT");
    assert_int_equal(count_in_copy(s), 0);
}

/* What is undone was in the file only in part; then another program commits in the same place. */
static void what_is_undone_overwrites_nobody(void **state)
{
    struct scene *s = *state;
    sqlite3 *other;

    run(s->db, "PRAGMA wal_checkpoint");
    run(s->db, "BEGIN");
    run(s->db, MANY(500));
    run(s->db, "ROLLBACK");
    assert_int_equal(sqlite3_open(s->path, &other), SQLITE_OK);
    run(other, "PRAGMA wal_autocheckpoint = 0");
    run(other, MANY(700));
    assert_int_equal(number(s->db, "SELECT count(*) FROM t"), 700);
    run(s->db, "INSERT INTO t(x) VALUES('more')");
    sqlite3_close(other);
    assert_int_equal(count_as_others_do(s->path), 701);
    assert_int_equal(count_in_copy(s), 701);
}

/* The disk, by the calls that SQLite makes. */

static bool is_full;

static ssize_t write_at(int fd, const void *data, size_t len, off_t at)
{
    if (!is_full)
        return pwrite(fd, data, len, at);
    errno = ENOSPC;
    return -1;
}

static ssize_t write_here(int fd, const void *data, size_t len)
{
    if (!is_full)
        return write(fd, data, len);
    errno = ENOSPC;
    return -1;
}

static void watch_disk(bool is_watched)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr at = is_watched ? (sqlite3_syscall_ptr)write_at : NULL;

    /* Those it was not built with it does not call. */
    vfs->xSetSystemCall(vfs, "pwrite", at);
    vfs->xSetSystemCall(vfs, "pwrite64", at);
    vfs->xSetSystemCall(vfs, "write", is_watched ? (sqlite3_syscall_ptr)write_here : NULL);
}

/* The disk is full when a question makes the log be written: the statement fails, the transaction
 * stays open, and what was to be in the file before it is not there. */
static void what_could_not_be_written_is_not_committed(void **state)
{
    struct scene *s = *state;

    watch_disk(true);
    run(s->db, MANY(10));
    run(s->db, "BEGIN; SAVEPOINT a");
    run(s->db, MANY(500));
    is_full = true;
    assert_int_equal(sqlite3_exec(s->db,
                                  "INSERT INTO t(n, x) SELECT n + 10000, x FROM t WHERE n < 3",
                                  NULL, NULL, NULL),
                     SQLITE_FULL);
    is_full = false;
    assert_int_equal(sqlite3_get_autocommit(s->db), 0);
    assert_int_not_equal(sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_get_autocommit(s->db), 0);
    assert_int_equal(count_as_others_do(s->path), 10);
    run(s->db, MANY(50)); /* the disk is well again */
    watch_disk(false);
    assert_int_equal(count_as_others_do(s->path), 60);
    assert_int_equal(count_in_copy(s), 60);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(what_is_committed_is_in_the_file),
        SCENE(what_is_large_is_read_back),
        SCENE(what_is_undone_leaves_nothing),
        SCENE(what_is_undone_overwrites_nobody),
        SCENE(what_could_not_be_written_is_not_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
