/*
 * writer: the one thread that writes while the gateway runs, with group commit.
 *
 * It owns the connection, and the work from store_submit until done().  One mutex guards the two
 * lists, waiting and finished; neither run() nor SQLite is called with it held.  A crash loses what
 * was not yet committed, and nobody has been told of that: done() is called only for what fsync has
 * seen.
 */
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/log.h"
#include "base/step.h"
#include "base/thread.h"
#include "store/store_inside.h"

enum {
    WAITING_MAX = 10000,
    GROUP_MAX = 1000,
    DONE_TURN = 256, /* done() calls in one turn of the loop: sockets wait meanwhile */
    /* After so many in one transaction, what is patient waits so long for as many more. */
    LOAD_COUNT = 24,
    GATHER_COUNT = 128,
    GATHER_NS = 2000000
};

static void list_push(struct work_list *list, struct store_work *work)
{
    work->next = NULL;
    if (list->head)
        list->tail->next = work;
    else
        list->head = work;
    list->tail = work;
}

static struct store_work *list_pop(struct work_list *list)
{
    struct store_work *work = list->head;

    if (work)
        list->head = work->next;
    return work;
}

/* Moves all of more to the end. */
static void list_append(struct work_list *list, struct work_list *more)
{
    if (!more->head)
        return;
    if (list->head)
        list->tail->next = more->head;
    else
        list->head = more->head;
    list->tail = more->tail;
    more->head = more->tail = NULL;
}

static int run_one(struct store_txn *txn, struct store_work *work)
{
    err_clear(&work->err);
    if (work->run(txn, work, &work->err) < 0) {
        if (work->err.class == ERR_NONE)
            err_set(&work->err, ERR_BUG, "the work failed and did not say why");
        return -1;
    }
    err_clear(&work->err);
    /* SQLite may undo the whole transaction (disk full, memory); a run() that went on after that
     * would have been writing outside of one. */
    if (txn_is_undone(txn))
        return err_set(&work->err, ERR_RETRY, "the database has undone the work");
    return 0;
}

static void fail_all(struct store_work *work, const struct err *e)
{
    for (; work; work = work->next)
        work->err = *e;
}

/* All in one transaction. -1: undone, and *e says why if the transaction is to blame. */
static int run_together(struct store *s, struct store_work *first, struct err *e)
{
    struct store_work *work;

    for (work = first; work; work = work->next) {
        if (run_one(&s->txn, work) < 0) {
            txn_rollback(&s->txn);
            *e = work->err;
            return -1;
        }
    }
    return txn_commit(&s->txn, e);
}

static void run_each_alone(struct store *s, struct store_work *work)
{
    for (; work; work = work->next) {
        err_clear(&work->err);
        if (txn_begin(&s->txn, true, &work->err) < 0) {
            /* Locked: the others would each wait as long, and in vain. */
            fail_all(work->next, &work->err);
            return;
        }
        if (run_one(&s->txn, work) < 0)
            txn_rollback(&s->txn);
        else
            (void)!txn_commit(&s->txn, &work->err); /* told by its err */
    }
}

static void run_group(struct store *s, struct store_work *first)
{
    struct err e = {ERR_NONE, ""};

    if (txn_begin(&s->txn, true, &e) < 0) {
        log_error("store", "event=no-transaction error=\"%s\"", e.text);
        e.class = ERR_RETRY;
        fail_all(first, &e);
        return;
    }
    if (run_together(s, first, &e) == 0)
        return;
    log_warning("store", "event=group-failed class=%s error=\"%s\"", err_class_name(e.class),
                e.text);
    if (first->next)
        run_each_alone(s, first);
    else if (first->err.class == ERR_NONE)
        first->err = e;
}

/* Done here and not inside the commit, so that nobody's done() waits for it.  Passive: it takes
 * what it can get and never waits for a reader. */
static void checkpoint(struct store *s)
{
    int code;

    if (s->log_pages < CHECKPOINT_PAGES)
        return;
    step("checkpoint.before");
    code = sqlite3_wal_checkpoint_v2(s->txn.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    step("checkpoint.after");
    if (code == SQLITE_OK) {
        s->log_pages = 0;
        s->is_checkpoint_failing = false;
    } else if ((code & 0xff) != SQLITE_BUSY && !s->is_checkpoint_failing) {
        log_error("store", "event=checkpoint-failed error=\"%s\"", sqlite3_errmsg(s->txn.db));
        s->is_checkpoint_failing = true;
    }
}

static int committed(void *arg, sqlite3 *db, const char *name, int log_pages)
{
    struct store *s = arg;

    (void)db;
    (void)name;
    s->log_pages = log_pages;
    return SQLITE_OK;
}

static void give_back(struct store *s, struct work_list *group)
{
    pthread_mutex_lock(&s->mutex);
    list_append(&s->finished, group);
    pthread_mutex_unlock(&s->mutex);
    loop_post(s->loop, &s->finish);
}

/* Pages that one commit changes for many are changed once. */
static void gather(struct store *s)
{
    struct timespec until;

    if (s->last_count < LOAD_COUNT)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GATHER_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (s->impatient_count == 0 && s->waiting_count < GATHER_COUNT && !s->is_stopping)
        if (pthread_cond_timedwait(&s->wake, &s->mutex, &until) != 0)
            return;
}

/* Up to GROUP_MAX pieces of waiting work; false when stopping and none are left. */
static bool take_group(struct store *s, struct work_list *group)
{
    unsigned count;

    group->head = group->tail = NULL;
    pthread_mutex_lock(&s->mutex);
    while (!s->waiting.head && !s->is_stopping)
        pthread_cond_wait(&s->wake, &s->mutex);
    gather(s);
    for (count = 0; count < GROUP_MAX && s->waiting.head; count++) {
        s->impatient_count -= !s->waiting.head->is_patient;
        list_push(group, list_pop(&s->waiting));
    }
    s->waiting_count -= count;
    s->last_count = count;
    pthread_mutex_unlock(&s->mutex);
    return count > 0;
}

static void *write_all(void *arg)
{
    struct store *s = arg;
    struct work_list group;

    prctl(PR_SET_NAME, "store");
    while (take_group(s, &group)) {
        run_group(s, group.head);
        give_back(s, &group);
        checkpoint(s);
    }
    return NULL;
}

static void call_done(struct store_work *work)
{
    /* done() may free the work, and the error with it. */
    struct err e = work->err;

    work->done(work, e.class == ERR_NONE ? NULL : &e);
}

/* On the loop, in order of submission, a bounded number in each of its turns. */
static void finish(void *arg)
{
    struct store *s = arg;
    struct store_work *work;
    unsigned i;

    pthread_mutex_lock(&s->mutex);
    list_append(&s->telling, &s->finished);
    pthread_mutex_unlock(&s->mutex);
    for (i = 0; i < DONE_TURN && (work = list_pop(&s->telling)); i++)
        call_done(work);
    if (s->telling.head)
        loop_post(s->loop, &s->finish);
}

int store_submit(struct store *s, struct store_work *work)
{
    int r = -1;

    pthread_mutex_lock(&s->mutex);
    if (s->is_running && !s->is_stopping && s->waiting_count < WAITING_MAX) {
        s->waiting_count++;
        s->impatient_count += !work->is_patient;
        if (!s->waiting.head || !work->is_patient || s->waiting_count == GATHER_COUNT)
            pthread_cond_signal(&s->wake);
        list_push(&s->waiting, work);
        r = 0;
    }
    pthread_mutex_unlock(&s->mutex);
    return r;
}

/* Changes by other programs: `postern queue` counts up a row when it touched the queue. */

static int query_int(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement;
    int r;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    r = sqlite3_step(statement);
    if (r == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : -1;
}

bool store_has_foreign_change(struct store *s)
{
    int64_t count = s->foreign_count;

    if (query_int(s->watcher, "SELECT value FROM meta WHERE name = 'foreign'", &count) < 0 ||
        count == s->foreign_count)
        return false;
    s->foreign_count = count;
    return true;
}

int txn_count_foreign(struct store_txn *txn, struct err *e)
{
    sqlite3_stmt *statement = txn_statement(txn,
                                            "INSERT INTO meta VALUES('foreign', 1)"
                                            " ON CONFLICT(name) DO UPDATE SET value = value + 1",
                                            e);

    return statement ? txn_step(txn, statement, e) : -1;
}

static int open_watcher(struct store *s, struct err *e)
{
    int code =
        sqlite3_open_v2(s->path, &s->watcher, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (code != SQLITE_OK) { /* there is a handle all the same */
        sqlite3_close(s->watcher);
        s->watcher = NULL;
        return err_set(e, ERR_RETRY, "%s", sqlite3_errstr(code));
    }
    store_has_foreign_change(s);
    return 0;
}

static void set_running(struct store *s, bool is_running)
{
    pthread_mutex_lock(&s->mutex);
    s->is_running = is_running;
    s->is_stopping = false;
    pthread_mutex_unlock(&s->mutex);
}

int store_start(struct store *s, struct loop *loop, struct err *e)
{
    if (s->is_running || s->is_read_only)
        return err_set(e, ERR_BUG, "the store runs already, or is read only");
    s->loop = loop;
    s->finish.run = finish;
    s->finish.arg = s;
    s->log_pages = 0;
    if (!s->watcher && open_watcher(s, e) < 0)
        return -1;
    sqlite3_wal_hook(s->txn.db, committed, s); /* in place of the automatic checkpoint */
    set_running(s, true);
    if (thread_start(&s->thread, write_all, s, e) < 0) {
        set_running(s, false);
        return -1;
    }
    return 0;
}

void store_stop(struct store *s)
{
    struct store_work *work;

    if (!s->is_running)
        return;
    pthread_mutex_lock(&s->mutex);
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    set_running(s, false);
    sqlite3_wal_autocheckpoint(s->txn.db, CHECKPOINT_PAGES);
    list_append(&s->telling, &s->finished);
    while ((work = list_pop(&s->telling)))
        call_done(work);
    loop_cancel(s->loop, &s->finish);
}
