/*
 * store_inside: what the files of store/ share: the store, a transaction and its prepared
 * statements.
 */
#ifndef STORE_STORE_INSIDE_H
#define STORE_STORE_INSIDE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

enum { STATEMENT_MAX = 512 }; /* far more than the program has */

/* The links that came last (store/link_index.h). */
struct link_fresh {
    struct link_entry *entries; /* as many as are kept at most; NULL: none were needed yet */
    size_t count;
    bool is_loaded; /* false: they are to be read from their table first */
};

struct store_txn {
    struct store *store;
    sqlite3 *db;
    struct {
        const char *sql; /* the address of the literal is the key; the place is by it, or after */
        sqlite3_stmt *statement;
    } statements[STATEMENT_MAX];
    /* Rows of files that the open transaction deletes: their bytes go after the commit. */
    int64_t *dead_files;
    size_t dead_count, dead_cap;
    struct link_fresh fresh;
};

struct work_list {
    struct store_work *head, *tail;
};

struct store {
    char *path, *folder;
    bool is_read_only;
    struct store_txn txn; /* the writer's while it runs, else the caller's of store_now */
    int lock_fd;          /* -1: not taken */
    int64_t life;         /* of the gateway that serves this store (store/life.h); 0: none does */

    /* The loop's. */
    struct loop *loop;
    sqlite3 *watcher; /* NULL until store_start */
    int64_t foreign_count;
    struct loop_task finish;  /* calls the done() of what is in finished */
    struct work_list telling; /* taken from finished */
    pthread_t thread;

    /* The writer's. */
    int log_pages; /* in the write-ahead log after the last commit */
    bool is_checkpoint_failing;
    unsigned last_count; /* pieces of work in the last transaction */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct work_list waiting, finished;
    unsigned waiting_count, impatient_count; /* of them, those that are not patient */
    bool is_running; /* the thread was started and not yet joined; written by the loop's thread */
    bool is_stopping;
};

#ifdef POSTERN_CRASH
enum { CHECKPOINT_PAGES = 40 }; /* often enough to die in one */
#else
enum { CHECKPOINT_PAGES = 12000 }; /* 48 MB of log: with less, hot pages are copied more often */
#endif

/* sql must be a string literal used in one place.  The statement is reset and unbound; it belongs
 * to the transaction's connection.  NULL with *e filled. */
sqlite3_stmt *txn_statement(struct store_txn *txn, const char *sql, struct err *e);

/* Steps a statement that gives no row, and resets it. */
int txn_step(struct store_txn *txn, sqlite3_stmt *statement, struct err *e) MUST_CHECK;
/* Steps to the next row: 1 a row, 0 no more (reset then), -1. */
int txn_row(struct store_txn *txn, sqlite3_stmt *statement, struct err *e) MUST_CHECK;
/* Does a prepared question find a row? */
int txn_has(struct store_txn *txn, sqlite3_stmt *statement, bool *out, struct err *e) MUST_CHECK;
int txn_changes(const struct store_txn *txn); /* rows the last step touched */

enum err_class txn_class(int code);
/* SQLite's last error as an err: what passes (full, busy, i/o, memory) is ERR_RETRY. */
int txn_error(struct store_txn *txn, const char *doing, struct err *e);

/* A column as text in the arena: NULL for SQL's NULL; *e is filled and -1 returned when memory is
 * out. */
int txn_text(struct store_txn *txn, struct arena *a, sqlite3_stmt *statement, int column,
             const char **out, struct err *e) MUST_CHECK;
void txn_bind_text(sqlite3_stmt *statement, int at,
                   const char *text); /* NULL binds NULL; borrows */

/* The one text that a prepared question finds; none: *out stays NULL. */
int txn_one_text(struct store_txn *txn, struct arena *a, sqlite3_stmt *statement, const char **out,
                 struct err *e) MUST_CHECK;
/* Runs a deletion of what is before its first parameter, as many rows as its second; statement may
 * be NULL, as it comes from txn_statement. */
int txn_forget(struct store_txn *txn, sqlite3_stmt *statement, int64_t before, unsigned count_max,
               struct err *e) MUST_CHECK;

int txn_execute(sqlite3 *db, const char *sql, struct err *e) MUST_CHECK;
int txn_begin(struct store_txn *txn, bool to_write, struct err *e) MUST_CHECK;
/* A failure is ERR_RETRY and has rolled back. */
int txn_commit(struct store_txn *txn, struct err *e) MUST_CHECK;
void txn_rollback(struct store_txn *txn);
/* Has SQLite rolled back by itself (disk full, out of memory)? */
bool txn_is_undone(const struct store_txn *txn);
void txn_close(struct store_txn *txn);

/* The bytes of this file go when the transaction is on disk. */
int txn_add_dead(struct store_txn *txn, int64_t id, struct err *e) MUST_CHECK;
void files_settle(struct store_txn *txn);

/* Makes a folder for its owner alone unless it is there; both calls are on disk when they return.
 */
int store_make_folder(const char *path, struct err *e) MUST_CHECK;
int store_sync_folder(const char *path, struct err *e) MUST_CHECK;

/* READ_WRITE makes or migrates the tables, READ_ONLY looks whether they are there; ERR_PERMANENT
 * for a database of a newer version or of another program. */
int schema_prepare(sqlite3 *db, const char *path, enum store_mode mode, struct err *e) MUST_CHECK;
/* Inside a transaction of the caller's: the tables as they were in that version, unless they are
 * newer. */
int schema_migrate(sqlite3 *db, int until, struct err *e) MUST_CHECK;

/* Tells a running gateway that another program changed the queue. */
int txn_count_foreign(struct store_txn *txn, struct err *e) MUST_CHECK;

#endif
