/* schema: what an older postern kept is there after its tables were brought up to date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_inside.h"

enum { BEFORE_HASHES = 24 }; /* versions */

static void run(sqlite3 *db, const char *sql)
{
    char *error = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
}

static void check_text(sqlite3 *db, const char *sql, const char *want)
{
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(statement, 0), want);
    sqlite3_finalize(statement);
}

static void test_portraits_get_their_hash(void **state)
{
    char folder[] = "/tmp/test_schema.XXXXXX", path[sizeof folder + 10];
    sqlite3 *db;
    struct err e;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/old.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(schema_migrate(db, BEFORE_HASHES, &e), 0);
    run(db, "INSERT INTO portrait VALUES(7, 'j@home', 'r@gw', 1000, 'image/png', 'abc')");
    assert_int_equal(schema_prepare(db, path, STORE_READ_WRITE, &e), 0);
    check_text(db, "SELECT sha1 FROM portrait WHERE bare_jid = 'j@home' AND contact = 'r@gw'",
               "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_text(db, "SELECT id || ' ' || seen || ' ' || type || ' ' || image FROM portrait",
               "7 1000 image/png abc");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_portraits_get_their_hash)};

    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
