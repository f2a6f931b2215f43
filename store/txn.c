/*
 * txn: one connection's prepared statements and transactions.
 *
 * Data: the statements of a struct store_txn, and what its open transaction will do when it is
 * committed.  On the thread the connection belongs to.  A crash leaves the last commit.
 */
#include "store/link_index.h"
#include "store/store_inside.h"

#include "base/log.h"
#include "base/step.h"

#include <stdlib.h>

/* Statements and errors, for the other files of store/. */

enum err_class txn_class(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_INTERRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    /* Not the fault of the message at hand: it shall wait until somebody has restored the file. */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_RETRY;
    default:
        return ERR_PERMANENT;
    }
}

int txn_error(struct store_txn *txn, const char *doing, struct err *e)
{
    int code = sqlite3_errcode(txn->db);

    return err_set(e, txn_class(code), "%s: %s", doing, sqlite3_errmsg(txn->db));
}

sqlite3_stmt *txn_statement(struct store_txn *txn, const char *sql, struct err *e)
{
    size_t i = (size_t)((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 32) % STATEMENT_MAX, tried;

    /* SQLite would take each statement that follows for a transaction of its own. */
    if (txn_is_undone(txn)) {
        err_set(e, ERR_RETRY, "the database has undone the work");
        return NULL;
    }
    for (tried = 0; tried < STATEMENT_MAX && txn->statements[i].sql; tried++) {
        if (txn->statements[i].sql == sql) {
            sqlite3_reset(txn->statements[i].statement);
            sqlite3_clear_bindings(txn->statements[i].statement);
            return txn->statements[i].statement;
        }
        i = (i + 1) % STATEMENT_MAX;
    }
    if (tried == STATEMENT_MAX) {
        err_set(e, ERR_BUG, "too many prepared statements");
        return NULL;
    }
    if (sqlite3_prepare_v3(txn->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &txn->statements[i].statement, NULL) != SQLITE_OK) {
        txn_error(txn, "prepare", e);
        return NULL;
    }
    txn->statements[i].sql = sql;
    return txn->statements[i].statement;
}

int txn_row(struct store_txn *txn, sqlite3_stmt *statement, struct err *e)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        sqlite3_reset(statement);
        return 0;
    default:
        txn_error(txn, "database", e);
        sqlite3_reset(statement);
        return -1;
    }
}

int txn_step(struct store_txn *txn, sqlite3_stmt *statement, struct err *e)
{
    int r = txn_row(txn, statement, e);

    sqlite3_reset(statement);
    return r < 0 ? -1 : 0;
}

int txn_has(struct store_txn *txn, sqlite3_stmt *statement, bool *out, struct err *e)
{
    int r = txn_row(txn, statement, e);

    sqlite3_reset(statement);
    *out = r > 0;
    return r < 0 ? -1 : 0;
}

int txn_changes(const struct store_txn *txn)
{
    return sqlite3_changes(txn->db);
}

int txn_text(struct store_txn *txn, struct arena *a, sqlite3_stmt *statement, int column,
             const char **out, struct err *e)
{
    const void *text = sqlite3_column_text(statement, column);

    (void)txn;
    *out = NULL;
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return 0;
    *out = text ? arena_strndup(a, text, (size_t)sqlite3_column_bytes(statement, column)) : NULL;
    return *out ? 0 : err_memory(e);
}

void txn_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, at);
}

int txn_one_text(struct store_txn *txn, struct arena *a, sqlite3_stmt *statement, const char **out,
                 struct err *e)
{
    int r = txn_row(txn, statement, e);

    *out = NULL;
    if (r <= 0)
        return r;
    r = txn_text(txn, a, statement, 0, out, e);
    sqlite3_reset(statement);
    return r;
}

int txn_forget(struct store_txn *txn, sqlite3_stmt *statement, int64_t before, unsigned count_max,
               struct err *e)
{
    if (!statement)
        return -1;
    sqlite3_bind_int64(statement, 1, before);
    sqlite3_bind_int64(statement, 2, count_max);
    return txn_step(txn, statement, e);
}

/* Transactions. */

int txn_execute(sqlite3 *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return err_set(e, txn_class(sqlite3_errcode(db)), "%s", sqlite3_errmsg(db));
}

int txn_begin(struct store_txn *txn, bool to_write, struct err *e)
{
    if (!txn_is_undone(txn)) /* memory was out when the last one was to be undone */
        txn_rollback(txn);
    txn->dead_count = 0;
    if (txn_execute(txn->db, to_write ? "BEGIN IMMEDIATE" : "BEGIN", e) == 0)
        return 0;
    e->class = ERR_RETRY; /* never the fault of the work */
    return -1;
}

bool txn_is_undone(const struct store_txn *txn)
{
    return sqlite3_get_autocommit(txn->db) != 0;
}

void txn_rollback(struct store_txn *txn)
{
    txn->dead_count = 0;
    link_index_forget(txn);
    if (!txn_is_undone(txn) && sqlite3_exec(txn->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        log_error("store", "event=rollback-failed error=\"%s\"", sqlite3_errmsg(txn->db));
}

int txn_commit(struct store_txn *txn, struct err *e)
{
    step("commit.before");
    if (txn_execute(txn->db, "COMMIT", e) == 0) {
        step("commit.after");
        files_settle(txn);
        return 0;
    }
    txn_rollback(txn);
    e->class = ERR_RETRY; /* whatever the disk's trouble is, the work itself is sound */
    return -1;
}

int store_try(struct store_txn *txn, int (*part)(struct store_txn *txn, void *arg, struct err *e),
              void *arg, struct err *e)
{
    size_t dead = txn->dead_count;
    struct err ignored;

    /* Outside of a transaction a savepoint begins one. */
    if (txn_is_undone(txn))
        return err_set(e, ERR_RETRY, "the database has undone the work");
    if (txn_execute(txn->db, "SAVEPOINT part", e) < 0)
        return -1;
    if (part(txn, arg, e) == 0 && txn_execute(txn->db, "RELEASE part", e) == 0)
        return 0;
    link_index_forget(txn);
    /* Fails where SQLite has undone the whole transaction, or memory is out: then all of it goes,
     * and the writer sees that by itself. */
    if (txn_execute(txn->db, "ROLLBACK TO part; RELEASE part", &ignored) < 0) {
        txn_rollback(txn);
        e->class = ERR_RETRY;
    }
    txn->dead_count = dead;
    return -1;
}

int txn_add_dead(struct store_txn *txn, int64_t id, struct err *e)
{
    if (txn->dead_count == txn->dead_cap) {
        size_t cap = txn->dead_cap ? txn->dead_cap * 2 : 64;
        int64_t *ids = realloc(txn->dead_files, cap * sizeof *ids);

        if (!ids)
            return err_memory(e);
        txn->dead_files = ids;
        txn->dead_cap = cap;
    }
    txn->dead_files[txn->dead_count++] = id;
    return 0;
}

void txn_close(struct store_txn *txn)
{
    size_t i;

    for (i = 0; i < STATEMENT_MAX; i++)
        sqlite3_finalize(txn->statements[i].statement);
    sqlite3_close(txn->db);
    free(txn->dead_files);
    link_index_free(txn);
    txn->db = NULL;
    txn->dead_files = NULL;
}
