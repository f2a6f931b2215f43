/*
 * store_inside: what the files of store/ share: a transaction and its prepared statements.
 */
#ifndef STORE_STORE_INSIDE_H
#define STORE_STORE_INSIDE_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

enum { STATEMENT_MAX = 64 };

struct store_txn {
    struct store *store;
    sqlite3 *db;
    struct {
        const char *sql; /* the address of the literal is the key */
        sqlite3_stmt *statement;
    } statements[STATEMENT_MAX];
};

/* sql must be a string literal used in one place.  The statement is reset and unbound; it belongs
 * to the transaction's connection.  NULL with *e filled. */
sqlite3_stmt *txn_statement(struct store_txn *txn, const char *sql, struct err *e);

/* Steps a statement that gives no row, and resets it. */
int txn_step(struct store_txn *txn, sqlite3_stmt *statement, struct err *e) MUST_CHECK;
/* Steps to the next row: 1 a row, 0 no more (reset then), -1. */
int txn_row(struct store_txn *txn, sqlite3_stmt *statement, struct err *e) MUST_CHECK;
int txn_changes(const struct store_txn *txn); /* rows the last step touched */

/* SQLite's last error as an err: what passes (full, busy, i/o, memory) is ERR_RETRY. */
int txn_error(struct store_txn *txn, const char *doing, struct err *e);

/* A column as text in the arena: NULL for SQL's NULL; *e is filled and -1 returned when memory is
 * out. */
int txn_text(struct store_txn *txn, struct arena *a, sqlite3_stmt *statement, int column,
             const char **out, struct err *e) MUST_CHECK;
void txn_bind_text(sqlite3_stmt *statement, int at,
                   const char *text); /* NULL binds NULL; borrows */

/* Makes or migrates the tables; ERR_PERMANENT for a database of a newer version. */
int schema_prepare(sqlite3 *db, struct err *e) MUST_CHECK;

/* Tells a running gateway that another program changed the queue. */
int txn_count_foreign(struct store_txn *txn, struct err *e) MUST_CHECK;

#endif
