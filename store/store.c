/*
 * store: opening, locking and closing the database, and work done at once on the caller's thread.
 *
 * Owns the struct store; its connection belongs to whoever runs work: the writer (store/writer.c)
 * once it is started, the caller of store_now before that.  A crash at any point leaves the last
 * commit: WAL with synchronous=FULL means a commit that was told to anyone is on the disk.
 */
#include "store/log_file.h"
#include "store/store_inside.h"

#include "base/log.h"
#include "base/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 10000, PATH_LEN_MAX = 3000, OWNER_FILE = 0600, OWNER_FOLDER = 0700 };

/* cache_size (KiB) bounds the memory whatever the length of the queue; secure_delete=fast takes
 * delivered content out of the pages that are written anyway; no mmap, because an i/o error there
 * is a signal. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -4096;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA journal_size_limit = 67108864;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA secure_delete = FAST;";

/* Opening. */

static const char *url_path(const char *url, struct err *e)
{
    static const char prefix[] = "sqlite:";
    const char *path = url + sizeof prefix - 1;

    if (strncmp(url, prefix, sizeof prefix - 1) == 0 && *path && path[strlen(path) - 1] != '/' &&
        strlen(path) <= PATH_LEN_MAX)
        return path;
    err_set(e, ERR_PERMANENT,
            "store.url is \"%.200s\": this version keeps its queue in SQLite; expected "
            "\"sqlite:/path\"",
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

static char *folder_of(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *out = !slash          ? join(".", 1, "")
                : slash == path ? join("/", 1, "")
                                : join(path, (size_t)(slash - path), "");

    if (!out)
        err_memory(e);
    return out;
}

int store_sync_folder(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -1 : fsync(fd);

    if (r < 0)
        err_set(e, ERR_RETRY, "cannot sync folder %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return r;
}

int store_make_folder(const char *path, struct err *e)
{
    char *parent;
    int r;

    if (mkdir(path, OWNER_FOLDER) < 0) {
        if (errno == EEXIST)
            return 0;
        return err_set(e, errno == ENOSPC || errno == EDQUOT ? ERR_RETRY : ERR_PERMANENT,
                       "cannot make folder %s: %s", path, strerror(errno));
    }
    parent = folder_of(path, e);
    r = parent ? store_sync_folder(parent, e) : -1;
    free(parent);
    return r;
}

static int check_folder(const char *folder, struct err *e)
{
    struct stat st;

    if (stat(folder, &st) < 0)
        return err_set(e, ERR_PERMANENT,
                       "the folder %s of the database: %s; the folder must exist: make it with "
                       "`install -d -m 700 -o USER "
                       "%s` for the user the gateway runs as",
                       folder, strerror(errno), folder);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_PERMANENT, "%s, where the database shall be, is no folder", folder);
    /* SQLite makes the log and its index beside the database. */
    if (access(folder, R_OK | W_OK | X_OK) < 0)
        return err_set(e, ERR_PERMANENT,
                       "user %u may not write in the folder %s of the database (%s): give it to "
                       "the user the gateway runs as, and run postern as that user",
                       (unsigned)geteuid(), folder, strerror(errno));
    return 0;
}

/* The file was there already.  By its name and never by a descriptor: closing one would drop the
 * locks that SQLite holds on the file in this process. */
static int check_file(const char *path, int access_mode, struct err *e)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(e, ERR_PERMANENT,
                       errno == ENOENT ? "there is no queue at %s yet: `postern run` makes it (%s)"
                                       : "the database %s: %s",
                       path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_PERMANENT, "the database %s is not a file", path);
    if (access(path, access_mode) < 0)
        return err_set(e, ERR_PERMANENT,
                       "user %u may not use the database %s (%s): run postern as the user it "
                       "belongs to (%u)",
                       (unsigned)geteuid(), path, strerror(errno), (unsigned)st.st_uid);
    if (access_mode & W_OK && st.st_mode & 077 && chmod(path, st.st_mode & 0700) < 0)
        return err_set(e, ERR_PERMANENT, "the database %s is open to others: `chmod 600 %s`", path,
                       path);
    return 0;
}

/* SQLite gives its other files the mode of this one. */
static int make_file(const char *path, struct err *e)
{
    char *folder = folder_of(path, e);
    int fd, r = -1;

    if (!folder || check_folder(folder, e) < 0)
        goto out;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, OWNER_FILE);
    if (fd >= 0) {
        close(fd);
        r = store_sync_folder(folder, e);
    } else if (errno == EEXIST) {
        r = check_file(path, R_OK | W_OK, e);
    } else {
        err_set(e, ERR_PERMANENT, "cannot make the database %s: %s", path, strerror(errno));
    }
out:
    free(folder);
    return r;
}

/* While the gateway runs a damaged database is a reason to wait for a better one; at the start it
 * is a reason not to start. */
static int explain_damage(const struct store *s, struct err *e)
{
    int code = sqlite3_errcode(s->txn.db) & 0xff;

    if (code != SQLITE_NOTADB && code != SQLITE_CORRUPT)
        return -1;
    return err_set(e, ERR_PERMANENT,
                   "%s is not a database, or is damaged (%s): restore it from a copy, or move it "
                   "away to start with an empty queue",
                   s->path, sqlite3_errmsg(s->txn.db));
}

static int open_db(struct store *s, struct err *e)
{
    enum store_mode mode = s->is_read_only ? STORE_READ_ONLY : STORE_READ_WRITE;
    const char *vfs = log_file_vfs(e);
    int r;

    if (!vfs)
        return -1;
    /* Even to read, WAL wants its index written. */
    r = sqlite3_open_v2(s->path, &s->txn.db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, vfs);
    if (r != SQLITE_OK)
        return err_set(e, ERR_PERMANENT, "%s cannot be opened: %s", s->path,
                       s->txn.db ? sqlite3_errmsg(s->txn.db) : "out of memory");
    log_file_watch(s->txn.db);
    sqlite3_busy_timeout(s->txn.db, BUSY_MS);
    sqlite3_wal_autocheckpoint(s->txn.db, CHECKPOINT_PAGES);
    if (txn_execute(s->txn.db, settings, e) < 0)
        return explain_damage(s, e);
    if (s->is_read_only && txn_execute(s->txn.db, "PRAGMA query_only = 1", e) < 0)
        return -1;
    return schema_prepare(s->txn.db, s->path, mode, e);
}

static int open_all(struct store *s, struct err *e)
{
    if (s->is_read_only)
        return check_file(s->path, R_OK | W_OK, e) < 0 ? -1 : open_db(s, e);
    if (make_file(s->path, e) < 0)
        return -1;
    step("store.file");
    if (store_make_folder(s->folder, e) < 0)
        return -1;
    step("store.folder");
    return open_db(s, e);
}

static struct store *store_alloc(const char *path, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);
    pthread_condattr_t monotonic;

    if (!s) {
        err_memory(e);
        return NULL;
    }
    s->lock_fd = -1;
    s->txn.store = s;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    /* SQLite gives "file:" and ":memory:" a meaning. */
    s->path = *path == '/' ? join(path, strlen(path), "") : join("./", 2, path);
    /* The name of the database in it: two gateways may keep theirs in one folder, and neither
     * shall sweep the files of the other. */
    s->folder = s->path ? join(s->path, strlen(s->path), ".files") : NULL;
    if (!s->folder) {
        err_memory(e);
        store_close(s);
        return NULL;
    }
    return s;
}

struct store *store_open(const char *url, enum store_mode mode, struct err *e)
{
    const char *path = url_path(url, e);
    struct store *s;

    if (!path)
        return NULL;
    s = store_alloc(path, e);
    if (!s)
        return NULL;
    s->is_read_only = mode == STORE_READ_ONLY;
    if (open_all(s, e) < 0) {
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    txn_close(&s->txn);
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
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, OWNER_FILE);
    free(name);
    return fd;
}

/* A gateway that was killed a moment ago may have left a child that was just about to become
 * another program: until it does, it holds what its parent held. */
static int lock_take(int fd)
{
    enum { TRIES = 10, WAIT_MS = 100 };
    const struct timespec wait = {0, WAIT_MS * 1000000L};
    unsigned i;

    for (i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK || i == TRIES)
            return -1;
        nanosleep(&wait, NULL);
    }
    return 0;
}

int store_lock(struct store *s, struct err *e)
{
    char pid[32] = "";
    ssize_t n;
    int fd;

    if (s->lock_fd >= 0)
        return 0;
    fd = lock_open(s->path);
    if (fd < 0)
        return err_set(e, ERR_PERMANENT, "%s.lock cannot be made: %s", s->path, strerror(errno));
    if (lock_take(fd) < 0) {
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

int store_now(struct store *s, int (*run)(struct store_txn *txn, void *arg, struct err *e),
              void *arg, struct err *e)
{
    if (s->is_running)
        return err_set(e, ERR_BUG, "store_now while the writer runs");
    /* Only what may write takes the write lock. */
    if (txn_begin(&s->txn, !s->is_read_only, e) < 0)
        return -1;
    if (run(&s->txn, arg, e) == 0) {
        if (!txn_is_undone(&s->txn))
            return txn_commit(&s->txn, e);
        err_set(e, ERR_RETRY, "the database has undone the work");
    }
    txn_rollback(&s->txn);
    return -1;
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
