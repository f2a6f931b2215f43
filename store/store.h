/*
 * store: what must survive a crash, in one SQLite database (WAL, synchronous=FULL).
 *
 * The gateway gives work to the store's writer thread: a run() that calls the functions of
 * store/queue.h, links.h, files.h and cursors.h on a struct store_txn.  The writer takes all
 * waiting work into one transaction (group commit), commits with fsync, and only then is each
 * done() called on the loop. If one run() fails or the commit does, the transaction is rolled back
 * and each piece of work is run again in a transaction of its own, so one failure does not touch
 * its neighbours: run() must be repeatable. `postern queue` and `map` open the same file from
 * another process and use store_now.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/keyed.h"
#include "base/loop.h"

struct store;
struct store_txn;

enum store_mode { STORE_READ_WRITE, STORE_READ_ONLY };

/* url: "sqlite:/path".  Creates and migrates the schema (READ_WRITE).  A path that cannot be used,
 * a database of a newer schema: ERR_PERMANENT saying what to do. The files are readable by their
 * owner alone. */
struct store *store_open(const char *url, enum store_mode mode, struct err *e);
void store_close(struct store *s); /* store_stop was called, or store_start never; takes NULL */

/* At most one gateway serves a database: takes the lock file beside it, or ERR_PERMANENT "... is in
 * use by process N".  Released by store_close or the process's end. */
int store_lock(struct store *s, struct err *e) MUST_CHECK;
bool store_is_locked(const char *url); /* does a gateway serve this database now? */

/* The folder for files beside the database ("/var/lib/postern/postern.db.files"), made when missing
 * by a store that is READ_WRITE. */
const char *store_folder(const struct store *s);
/* The key for tokens, made at first use and kept in the database. */
int store_key(struct store *s, struct keyed_key *out, struct err *e) MUST_CHECK;

struct store_work {
    /* On the writer's thread. -1 with *e: the work is undone and done() is told. */
    int (*run)(struct store_txn *txn, struct store_work *work, struct err *e);
    /* On the loop, after the commit: e NULL, or why it failed (ERR_RETRY: disk full, i/o error; the
     * work may be submitted again).  May free the work. */
    void (*done)(struct store_work *work, const struct err *e);
    bool is_patient; /* nobody waits for it: under load a commit may wait 2 ms for more like it */
    /* the store's */
    struct store_work *next;
    struct err err;
};

/* The writer thread. */
int store_start(struct store *s, struct loop *loop, struct err *e) MUST_CHECK;
/* -1 when waiting_max (10,000) pieces of work wait or the writer is stopping: the caller keeps the
 * work. */
int store_submit(struct store *s, struct store_work *work) MUST_CHECK;
void store_stop(struct store *s); /* ends waiting work, joins; done()s have run */

/* At once, on the caller's thread (not while the writer runs in this process). */
int store_now(struct store *s, int (*run)(struct store_txn *txn, void *arg, struct err *e),
              void *arg, struct err *e) MUST_CHECK;

/* Inside of store work: a part of it that may fail alone.  -1 with *e: what the part did is undone,
 * and nothing else of the transaction. */
int store_try(struct store_txn *txn, int (*part)(struct store_txn *txn, void *arg, struct err *e),
              void *arg, struct err *e) MUST_CHECK;

/* Has another process written since the last call?  Cheap; loop thread. */
bool store_has_foreign_change(struct store *s);

#endif
