/*
 * store: one SQLite database, and the writer thread that commits in groups.
 *
 * Data: the connection belongs to whoever runs work: the writer once it is started, the caller of
 * store_now before that.  A second, read-only connection of the loop's only watches for foreign
 * changes. A mutex guards the list of waiting work and the list of finished work.  A crash at any
 * point leaves the last commit: WAL with synchronous=FULL means a commit that was told to anyone is
 * on the disk.
 */
#include "store/store_inside.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAITING_MAX = 10000, GROUP_MAX = 1000, BUSY_MS = 10000, CACHE_KIB = 2048 };

struct work_list {
    struct store_work *first, **end;
};

struct store {
    char *path, *folder;
    bool is_read_only;
    struct store_txn txn;
    sqlite3 *watcher; /* the loop's; NULL until store_start */
    int64_t foreign_count;
    int lock_fd;

    struct loop *loop;
    pthread_t thread;
    bool is_running; /* the thread was started and not yet joined */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct work_list waiting, finished;
    unsigned waiting_count;
    bool is_stopping;
    struct loop_task finish; /* calls the done() of what is in finished */
};

static void list_init(struct work_list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static void list_add(struct work_list *l, struct store_work *work)
{
    work->next = NULL;
    *l->end = work;
    l->end = &work->next;
}

static struct store_work *list_take_all(struct work_list *l)
{
    struct store_work *first = l->first;

    list_init(l);
    return first;
}

/* Statements and errors, for the other files of store/. */

static enum err_class class_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_INTERRUPT:
    case SQLITE_CANTOPEN:
        return ERR_RETRY;
    default:
        return ERR_PERMANENT;
    }
}

int txn_error(struct store_txn *txn, const char *doing, struct err *e)
{
    int code = sqlite3_errcode(txn->db);

    return err_set(e, class_of(code), "%s: %s", doing, sqlite3_errmsg(txn->db));
}

sqlite3_stmt *txn_statement(struct store_txn *txn, const char *sql, struct err *e)
{
    size_t i;

    for (i = 0; i < STATEMENT_MAX && txn->statements[i].sql; i++)
        if (txn->statements[i].sql == sql) {
            sqlite3_reset(txn->statements[i].statement);
            sqlite3_clear_bindings(txn->statements[i].statement);
            return txn->statements[i].statement;
        }
    if (i == STATEMENT_MAX) {
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

/* Opening. */

static const char *url_path(const char *url, struct err *e)
{
    static const char prefix[] = "sqlite:";

    if (strncmp(url, prefix, sizeof prefix - 1) == 0 && url[sizeof prefix - 1] != '\0')
        return url + sizeof prefix - 1;
    err_set(
        e, ERR_PERMANENT,
        "store.url is \"%s\": this version keeps its queue in SQLite; expected \"sqlite:/path\"",
        url);
    return NULL;
}

static char *join(const char *a, size_t n, const char *b)
{
    char *text = malloc(n + strlen(b) + 1);

    if (!text)
        return NULL;
    memcpy(text, a, n);
    strcpy(text + n, b);
    return text;
}

static int exec(sqlite3 *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return err_set(e, class_of(sqlite3_errcode(db)), "%s", sqlite3_errmsg(db));
}

/* The database and its companions are readable by their owner alone. */
static int open_db(struct store *s, enum store_mode mode, struct err *e)
{
    int flags = SQLITE_OPEN_NOMUTEX |
                (mode == STORE_READ_ONLY ? SQLITE_OPEN_READWRITE
                                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    mode_t mask = umask(077);
    int r = sqlite3_open_v2(s->path, &s->txn.db, flags, NULL);
    struct stat st;

    umask(mask);
    if (r != SQLITE_OK)
        return err_set(e, ERR_PERMANENT,
                       "%s cannot be opened: %s; the folder must exist and belong to the user that "
                       "runs postern",
                       s->path, s->txn.db ? sqlite3_errmsg(s->txn.db) : "memory");
    if (stat(s->path, &st) == 0 && (st.st_mode & 077) != 0 && chmod(s->path, 0600) < 0)
        return err_set(e, ERR_PERMANENT, "%s can be read by others; type: chmod 600 %s", s->path,
                       s->path);
    sqlite3_busy_timeout(s->txn.db, BUSY_MS);
    return 0;
}

static int set_up_db(struct store *s, enum store_mode mode, struct err *e)
{
    char cache[64];
    mode_t mask = umask(077);
    int r;

    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", (int)CACHE_KIB);
    r = exec(s->txn.db, "PRAGMA journal_mode = WAL", e) < 0 ||
        exec(s->txn.db, "PRAGMA synchronous = FULL", e) < 0 ||
        exec(s->txn.db, "PRAGMA journal_size_limit = 67108864", e) < 0 ||
        exec(s->txn.db, cache, e) < 0;
    umask(mask);
    if (r) {
        e->class = e->class == ERR_RETRY ? ERR_RETRY : ERR_PERMANENT;
        return -1;
    }
    if (mode == STORE_READ_ONLY)
        return exec(s->txn.db, "PRAGMA query_only = 1", e);
    return schema_prepare(s->txn.db, e);
}

static int make_folder(struct store *s, struct err *e)
{
    const char *slash = strrchr(s->path, '/');

    s->folder =
        slash ? join(s->path, (size_t)(slash - s->path) + 1, "files") : join("", 0, "files");
    if (!s->folder)
        return err_memory(e);
    if (mkdir(s->folder, 0700) < 0 && errno != EEXIST)
        return err_set(e, ERR_PERMANENT, "the folder %s cannot be made: %s", s->folder,
                       strerror(errno));
    return 0;
}

static struct store *store_alloc(const char *path, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);

    if (!s || !(s->path = join(path, strlen(path), ""))) {
        free(s);
        err_memory(e);
        return NULL;
    }
    s->lock_fd = -1;
    s->txn.store = s;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->wake, NULL);
    list_init(&s->waiting);
    list_init(&s->finished);
    return s;
}

struct store *store_open(const char *url, enum store_mode mode, struct err *e)
{
    const char *path = url_path(url, e);
    struct store *s;

    if (!path)
        return NULL;
    if (mode == STORE_READ_ONLY && access(path, F_OK) < 0) {
        err_set(e, ERR_PERMANENT, "there is no queue at %s yet", path);
        return NULL;
    }
    s = store_alloc(path, e);
    if (!s)
        return NULL;
    s->is_read_only = mode == STORE_READ_ONLY;
    if (open_db(s, mode, e) < 0 || set_up_db(s, mode, e) < 0 ||
        (mode == STORE_READ_WRITE && make_folder(s, e) < 0)) {
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    size_t i;

    if (!s)
        return;
    for (i = 0; i < STATEMENT_MAX && s->txn.statements[i].sql; i++)
        sqlite3_finalize(s->txn.statements[i].statement);
    sqlite3_close(s->txn.db);
    sqlite3_close(s->watcher);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->wake);
    free(s->folder);
    free(s->path);
    free(s);
}

const char *store_folder(const struct store *s)
{
    return s->folder;
}

/* The lock: a file beside the database that is locked as long as a gateway lives. */

static int lock_open(const char *path)
{
    char *name = join(path, strlen(path), ".lock");
    int fd;

    if (!name)
        return -1;
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(name);
    return fd;
}

int store_lock(struct store *s, struct err *e)
{
    char pid[32] = "";
    ssize_t n;
    int fd = lock_open(s->path);

    if (fd < 0)
        return err_set(e, ERR_PERMANENT, "%s.lock cannot be made: %s", s->path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        n = read(fd, pid, sizeof pid - 1);
        pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
        close(fd);
        return err_set(e, ERR_PERMANENT, "%s is in use by process %s", s->path,
                       pid[0] ? pid : "(unknown)");
    }
    n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || write(fd, pid, (size_t)n) != n)
        log_warning("store", "event=pid-not-written"); /* only for a person to read */
    s->lock_fd = fd;
    return 0;
}

bool store_is_locked(const char *url)
{
    const char *path = url_path(url, NULL);
    bool is_locked;
    char *name;
    int fd;

    name = path ? join(path, strlen(path), ".lock") : NULL;
    if (!name)
        return false;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    free(name);
    if (fd < 0)
        return false;
    is_locked = flock(fd, LOCK_EX | LOCK_NB) < 0;
    close(fd);
    return is_locked;
}

/* Transactions. */

static int begin(struct store *s, struct err *e)
{
    return exec(s->txn.db, "BEGIN IMMEDIATE", e);
}

static void rollback(struct store *s)
{
    if (!sqlite3_get_autocommit(s->txn.db) &&
        sqlite3_exec(s->txn.db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        log_error("store", "event=rollback-failed error=\"%s\"", sqlite3_errmsg(s->txn.db));
}

static int commit(struct store *s, struct err *e)
{
    if (exec(s->txn.db, "COMMIT", e) == 0)
        return 0;
    rollback(s);
    e->class = ERR_RETRY; /* whatever the disk's trouble is, the work itself is sound */
    return -1;
}

int store_now(struct store *s, int (*run)(struct store_txn *txn, void *arg, struct err *e),
              void *arg, struct err *e)
{
    /* Only what may write takes the write lock. */
    if (exec(s->txn.db, s->is_read_only ? "BEGIN" : "BEGIN IMMEDIATE", e) < 0)
        return -1;
    if (run(&s->txn, arg, e) < 0) {
        rollback(s);
        return -1;
    }
    return commit(s, e);
}

struct key_request {
    struct keyed_key *key;
};

static int find_key(struct store_txn *txn, void *arg, struct err *e)
{
    struct key_request *request = arg;
    sqlite3_stmt *statement = txn_statement(txn, "SELECT value FROM meta WHERE name = 'key'", e);
    int r = statement ? txn_row(txn, statement, e) : -1;

    if (r > 0 && sqlite3_column_bytes(statement, 0) == KEYED_KEY_SIZE) {
        memcpy(request->key->bytes, sqlite3_column_blob(statement, 0), KEYED_KEY_SIZE);
        sqlite3_reset(statement);
        return 0;
    }
    if (r != 0)
        return r < 0 ? -1 : err_set(e, ERR_PERMANENT, "the key in the database is damaged");
    if (keyed_random(request->key->bytes, KEYED_KEY_SIZE, e) < 0)
        return -1;
    statement = txn_statement(txn, "INSERT INTO meta VALUES('key', ?)", e);
    if (!statement)
        return -1;
    sqlite3_bind_blob(statement, 1, request->key->bytes, KEYED_KEY_SIZE, SQLITE_STATIC);
    return txn_step(txn, statement, e);
}

int store_key(struct store *s, struct keyed_key *out, struct err *e)
{
    struct key_request request = {out};

    return store_now(s, find_key, &request, e);
}

/* The writer. */

static void run_alone(struct store *s, struct store_work *work)
{
    err_clear(&work->err);
    if (begin(s, &work->err) < 0)
        return;
    if (work->run(&s->txn, work, &work->err) < 0) {
        rollback(s);
        if (work->err.class == ERR_NONE)
            err_set(&work->err, ERR_BUG, "work failed without saying why");
        return;
    }
    if (commit(s, &work->err) == 0)
        err_clear(&work->err);
}

/* All of a group in one transaction; -1: nothing of it was done. */
static int run_together(struct store *s, struct store_work *first)
{
    struct store_work *work;
    struct err e;

    if (begin(s, &e) < 0)
        return -1;
    for (work = first; work; work = work->next) {
        err_clear(&work->err);
        if (work->run(&s->txn, work, &work->err) < 0) {
            rollback(s);
            return -1;
        }
        err_clear(&work->err);
    }
    return commit(s, &e);
}

static void run_group(struct store *s, struct store_work *first)
{
    struct store_work *work;

    if (run_together(s, first) == 0)
        return;
    for (work = first; work; work = work->next)
        run_alone(s, work);
}

static void give_back(struct store *s, struct store_work *first)
{
    struct store_work *work, *next;
    bool was_empty;

    pthread_mutex_lock(&s->mutex);
    was_empty = !s->finished.first;
    for (work = first; work; work = next) {
        next = work->next;
        list_add(&s->finished, work);
    }
    pthread_mutex_unlock(&s->mutex);
    if (was_empty)
        loop_post(s->loop, &s->finish);
}

/* Up to GROUP_MAX pieces of waiting work; NULL when stopping and none are left. */
static struct store_work *take_group(struct store *s)
{
    struct store_work *first, *last;
    unsigned count = 1;

    pthread_mutex_lock(&s->mutex);
    while (!s->waiting.first && !s->is_stopping)
        pthread_cond_wait(&s->wake, &s->mutex);
    first = last = s->waiting.first;
    while (last && last->next && count < GROUP_MAX) {
        last = last->next;
        count++;
    }
    if (first) {
        s->waiting.first = last->next;
        if (!last->next)
            s->waiting.end = &s->waiting.first;
        last->next = NULL;
        s->waiting_count -= count;
    }
    pthread_mutex_unlock(&s->mutex);
    return first;
}

static void *write_all(void *arg)
{
    struct store *s = arg;
    struct store_work *first;

    while ((first = take_group(s))) {
        run_group(s, first);
        give_back(s, first);
    }
    return NULL;
}

static void finish(void *arg)
{
    struct store *s = arg;
    struct store_work *work, *next;

    pthread_mutex_lock(&s->mutex);
    work = list_take_all(&s->finished);
    pthread_mutex_unlock(&s->mutex);
    for (; work; work = next) {
        next = work->next;
        work->done(work, work->err.class == ERR_NONE ? NULL : &work->err);
    }
}

int store_submit(struct store *s, struct store_work *work)
{
    int r = -1;

    pthread_mutex_lock(&s->mutex);
    if (s->is_running && !s->is_stopping && s->waiting_count < WAITING_MAX) {
        if (!s->waiting.first)
            pthread_cond_signal(&s->wake);
        list_add(&s->waiting, work);
        s->waiting_count++;
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
    if (sqlite3_open_v2(s->path, &s->watcher, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return err_set(e, ERR_RETRY, "%s", sqlite3_errmsg(s->watcher));
    store_has_foreign_change(s);
    return 0;
}

int store_start(struct store *s, struct loop *loop, struct err *e)
{
    s->loop = loop;
    s->finish.run = finish;
    s->finish.arg = s;
    if (open_watcher(s, e) < 0)
        return -1;
    s->is_stopping = false;
    s->is_running = true;
    if (pthread_create(&s->thread, NULL, write_all, s) != 0) {
        s->is_running = false;
        return err_set(e, ERR_RETRY, "no thread for the store");
    }
    return 0;
}

void store_stop(struct store *s)
{
    if (!s->is_running)
        return;
    pthread_mutex_lock(&s->mutex);
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    s->is_running = false;
    loop_cancel(s->loop, &s->finish);
    finish(s);
}
