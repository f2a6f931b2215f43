/* store: a disk that is full or broken, a lock that somebody else holds, what others change.  A
 * file system layer for SQLite makes writes and syncs of the log fail when it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/queue.h"
#include "store/store.h"
#include "tests/unit/fixture_store.h"

/* The layer: everything is passed on, but write and sync of a log may fail. */

struct layer {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    atomic_int write_code, sync_code; /* what they say instead; 0: nothing */
    atomic_int failures_left;
};

struct layer_file {
    sqlite3_file base;
    struct layer *layer;
    int is_log;
    sqlite3_file real; /* and more: the last field */
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return &((struct layer_file *)f)->real;
}

static int failure(sqlite3_file *f, atomic_int *code)
{
    const struct layer_file *file = (struct layer_file *)f;
    int c = atomic_load(code);

    if (!file->is_log || c == 0 || atomic_fetch_sub(&file->layer->failures_left, 1) <= 0)
        return 0;
    return c;
}

static int layer_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int layer_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int layer_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    int code = failure(f, &((struct layer_file *)f)->layer->write_code);

    return code ? code : real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}

static int layer_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int layer_sync(sqlite3_file *f, int flags)
{
    int code = failure(f, &((struct layer_file *)f)->layer->sync_code);

    return code ? code : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int layer_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int layer_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int layer_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int layer_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int layer_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int layer_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int layer_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int layer_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int layer_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void layer_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int layer_shm_unmap(sqlite3_file *f, int erase)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), erase);
}

static const sqlite3_io_methods layer_methods = {.iVersion = 2,
                                                 .xClose = layer_close,
                                                 .xRead = layer_read,
                                                 .xWrite = layer_write,
                                                 .xTruncate = layer_truncate,
                                                 .xSync = layer_sync,
                                                 .xFileSize = layer_size,
                                                 .xLock = layer_lock,
                                                 .xUnlock = layer_unlock,
                                                 .xCheckReservedLock = layer_reserved,
                                                 .xFileControl = layer_control,
                                                 .xSectorSize = layer_sector,
                                                 .xDeviceCharacteristics = layer_traits,
                                                 .xShmMap = layer_shm_map,
                                                 .xShmLock = layer_shm_lock,
                                                 .xShmBarrier = layer_shm_barrier,
                                                 .xShmUnmap = layer_shm_unmap};

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct layer_file *file = (struct layer_file *)f;
    struct layer *layer = vfs->pAppData;
    int code;

    file->layer = layer;
    file->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    code = layer->real->xOpen(layer->real, name, &file->real, flags, out);
    f->pMethods = code == SQLITE_OK ? &layer_methods : NULL;
    return code;
}

static void layer_start(struct layer *layer)
{
    layer->real = sqlite3_vfs_find(NULL);
    layer->vfs = *layer->real;
    layer->vfs.szOsFile = (int)sizeof(struct layer_file) + layer->real->szOsFile;
    layer->vfs.zName = "test-layer";
    layer->vfs.pAppData = layer;
    layer->vfs.xOpen = layer_open;
    layer->vfs.pNext = NULL;
    assert_int_equal(sqlite3_vfs_register(&layer->vfs, 1), SQLITE_OK);
}

/* The scene. */

enum { PIECES = 12 };

struct scene {
    struct layer layer;
    char folder[FOLDER_SIZE], url[STORE_URL_SIZE], path[128];
    struct loop *loop;
    struct store *store;
    sem_t go;
    unsigned done, failed;
    int64_t order[PIECES];
};

struct piece {
    struct store_work work;
    struct scene *scene;
    int64_t id;
    unsigned runs;
    bool waits; /* for scene->go, so that the others come into one group */
    bool ignores_failure;
    bool breaks; /* its first run meets a full disk, before the commit */
    enum err_class told;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    folder_make("disk", s->folder, s->url);
    snprintf(s->path, sizeof s->path, "%s/q.db", s->folder);
    sem_init(&s->go, 0, 0);
    layer_start(&s->layer);
    s->loop = loop_new(&e);
    s->store = store_open(s->url, STORE_READ_WRITE, &e);
    assert_non_null(s->store);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    store_stop(s->store);
    store_close(s->store);
    loop_free(s->loop);
    sqlite3_vfs_unregister(&s->layer.vfs);
    sqlite3_vfs_register(s->layer.real, 1);
    sem_destroy(&s->go);
    folder_remove(s->folder);
    free(s);
    return 0;
}

/* A small message, of an id that no piece has. */
static int put_more(struct store_txn *txn, void *arg, struct err *e)
{
    struct queue_item item = {.recipient = "romeo@example.net", .last_error = ""};
    struct queue_message m = {.id = *(int64_t *)arg + 1000,
                              .kind = QUEUE_MAIL_OUT,
                              .sender = "",
                              .origin = "jabber",
                              .content = "",
                              .items = &item,
                              .item_count = 1};

    return queue_put(txn, &m, e);
}

/* As if nothing had failed. */
static int go_on(struct store_txn *txn, int64_t id)
{
    int64_t other = id + 1;
    struct err e;

    (void)!put_more(txn, &id, &e);
    (void)!store_try(txn, put_more, &other, &e);
    return 0;
}

static int put(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct piece *p = (struct piece *)work;
    /* More than the cache holds in all, so that a full disk shows before the commit too. */
    static const char content[4 << 20];
    struct queue_item item = {.recipient = "romeo@example.net", .last_error = ""};
    struct queue_message m = {.id = p->id,
                              .kind = QUEUE_MAIL_OUT,
                              .sender = "",
                              .origin = "jabber",
                              .content = content,
                              .content_len = p->breaks ? sizeof content : 300000,
                              .items = &item,
                              .item_count = 1};

    if (p->waits && p->runs == 0)
        sem_wait(&p->scene->go);
    if (p->breaks && p->runs == 0) {
        atomic_store(&p->scene->layer.failures_left, 1);
        atomic_store(&p->scene->layer.write_code, SQLITE_FULL);
    }
    p->runs++;
    if (queue_put(txn, &m, e) == 0)
        return 0;
    return p->ignores_failure ? go_on(txn, p->id) : -1;
}

static void told(struct store_work *work, const struct err *e)
{
    struct piece *p = (struct piece *)work;
    struct scene *s = p->scene;

    p->told = e ? e->class : ERR_NONE;
    s->order[s->done++] = p->id;
    s->failed += e != NULL;
    if (s->done == PIECES)
        loop_stop(s->loop);
}

/* The first piece is alone and waits; the rest is one group. */
static void submit_all(struct scene *s, struct piece *pieces)
{
    struct err e;
    int i;

    s->done = s->failed = 0;
    for (i = 0; i < PIECES; i++) {
        pieces[i].scene = s;
        pieces[i].id = i + 1;
        pieces[i].waits = i == 0;
        pieces[i].runs = 0;
        pieces[i].work.run = put;
        pieces[i].work.done = told;
        assert_int_equal(store_submit(s->store, &pieces[i].work), 0);
        if (i == 0)
            usleep(20000); /* until the writer has taken it */
    }
    sem_post(&s->go);
    assert_int_equal(loop_run(s->loop, &e), 0);
    for (i = 0; i < PIECES; i++)
        assert_int_equal(s->order[i], i + 1);
}

static int64_t count_whole(const struct scene *s)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    int64_t count;

    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(q, 0), "ok");
    sqlite3_finalize(q);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*) FROM message JOIN item ON message = id",
                                        -1, &q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    count = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return count;
}

static const struct {
    int write_code, sync_code;
} disks[] = {{SQLITE_FULL, 0}, {SQLITE_IOERR_WRITE, 0}, {0, SQLITE_IOERR_FSYNC}};

static void a_broken_disk_is_told_and_nothing_is_half_there(void **state)
{
    struct scene *s = *state;
    struct piece pieces[PIECES] = {0};
    size_t d;
    int i;

    for (d = 0; d < sizeof disks / sizeof disks[0]; d++) {
        pieces[5].ignores_failure = true; /* a run() that does not look is told all the same */
        atomic_store(&s->layer.failures_left, 1000000);
        atomic_store(&s->layer.write_code, disks[d].write_code);
        atomic_store(&s->layer.sync_code, disks[d].sync_code);
        submit_all(s, pieces);
        assert_int_equal(s->failed, PIECES);
        for (i = 0; i < PIECES; i++)
            assert_int_equal(pieces[i].told, ERR_RETRY);
        atomic_store(&s->layer.write_code, 0);
        atomic_store(&s->layer.sync_code, 0);
        assert_int_equal(count_whole(s), 0);
    }
    submit_all(s, pieces); /* the disk is well again */
    assert_int_equal(s->failed, 0);
    assert_int_equal(count_whole(s), PIECES);
}

/* One failure costs nobody anything: each piece is run again, alone. */
static void one_failed_commit_is_made_good(void **state)
{
    struct scene *s = *state;
    struct piece pieces[PIECES] = {0};
    int i, again = 0;

    atomic_store(&s->layer.failures_left, 2); /* of the one that is alone, and of the group */
    atomic_store(&s->layer.sync_code, SQLITE_IOERR_FSYNC);
    submit_all(s, pieces);
    assert_int_equal(s->failed, 1); /* the one that was alone had its chance */
    assert_int_equal(pieces[0].told, ERR_RETRY);
    for (i = 1; i < PIECES; i++)
        again += pieces[i].runs == 2;
    assert_int_equal(again, PIECES - 1);
    assert_int_equal(count_whole(s), PIECES - 1);
}

/* SQLite undoes the transaction in the middle of it, and the run() whose call failed goes on as if
 * nothing had been: what comes after it must not be written outside of a transaction. */
static void a_transaction_that_is_undone_is_begun_anew(void **state)
{
    struct scene *s = *state;
    struct piece pieces[PIECES] = {0};

    pieces[5].breaks = pieces[5].ignores_failure = true;
    submit_all(s, pieces);
    assert_true(atomic_load(&s->layer.failures_left) <= 0); /* the cache did spill */
    assert_int_equal(s->failed, 0);
    assert_int_equal(pieces[5].runs, 2);
    assert_int_equal(count_whole(s), PIECES);
}

/* A command holds the lock for a while: the work waits, and is done. */
static void a_lock_is_waited_for(void **state)
{
    struct scene *s = *state;
    struct piece pieces[PIECES] = {0};
    sqlite3 *db;
    struct err e;
    int i;

    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (i = 0; i < PIECES; i++) {
        pieces[i] = (struct piece){.scene = s, .id = i + 1, .work = {.run = put, .done = told}};
        assert_int_equal(store_submit(s->store, &pieces[i].work), 0);
    }
    usleep(300000);
    assert_int_equal(s->done, 0);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(loop_run(s->loop, &e), 0);
    assert_int_equal(s->failed, 0);
    assert_int_equal(count_whole(s), PIECES);
}

static int retry_all(struct store_txn *txn, void *arg, struct err *e)
{
    unsigned count;

    (void)arg;
    return queue_retry(txn, 0, 100, &count, e);
}

static void a_foreign_change_is_noticed_once(void **state)
{
    struct scene *s = *state;
    struct piece pieces[PIECES] = {0};
    struct store *other;
    struct err e;

    assert_false(store_has_foreign_change(s->store));
    submit_all(s, pieces);
    assert_false(store_has_foreign_change(s->store)); /* that was the gateway itself */
    other = store_open(s->url, STORE_READ_WRITE, &e);
    assert_non_null(other);
    assert_int_equal(store_now(other, retry_all, NULL, &e), 0);
    assert_true(store_has_foreign_change(s->store));
    assert_false(store_has_foreign_change(s->store));
    store_close(other);
}

static int nothing(struct store_txn *txn, void *arg, struct err *e)
{
    (void)txn;
    (void)arg;
    (void)e;
    return 0;
}

static void wrong_uses_are_refused(void **state)
{
    struct scene *s = *state;
    struct store *reader;
    struct err e;

    assert_int_equal(store_now(s->store, nothing, NULL, &e), -1);
    assert_int_equal(e.class, ERR_BUG);
    assert_int_equal(store_start(s->store, s->loop, &e), -1);
    reader = store_open(s->url, STORE_READ_ONLY, &e);
    assert_non_null(reader);
    assert_int_equal(store_start(reader, s->loop, &e), -1);
    assert_int_equal(store_now(reader, nothing, NULL, &e), 0);
    assert_int_equal(store_now(reader, retry_all, NULL, &e), -1);
    store_close(reader);
}

/* Paths that cannot be used, and what the person is told. */
static void a_bad_place_is_explained(void **state)
{
    struct scene *s = *state;
    char url[200], path[160];
    struct stat st;
    sqlite3 *db;
    struct err e;
    FILE *f;

    snprintf(url, sizeof url, "sqlite:%s/none/q.db", s->folder);
    assert_null(store_open(url, STORE_READ_WRITE, &e));
    assert_non_null(strstr(e.text, "install -d"));
    snprintf(url, sizeof url, "sqlite:%s/", s->folder);
    assert_null(store_open(url, STORE_READ_WRITE, &e));
    assert_int_equal(e.class, ERR_PERMANENT);

    snprintf(path, sizeof path, "%s/foreign.db", s->folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_null(store_open(url, STORE_READ_WRITE, &e));
    assert_non_null(strstr(e.text, "another program"));

    snprintf(path, sizeof path, "%s/text.db", s->folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("this is a letter and no database, and long enough to be looked at as one, which it is "
          "not, however long somebody looks\n",
          f);
    fclose(f);
    assert_int_equal(chmod(path, 0644), 0);
    assert_null(store_open(url, STORE_READ_WRITE, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 100); /* and was left as it is */
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(a_broken_disk_is_told_and_nothing_is_half_there),
        SCENE(one_failed_commit_is_made_good),
        SCENE(a_transaction_that_is_undone_is_begun_anew),
        SCENE(a_lock_is_waited_for),
        SCENE(a_foreign_change_is_noticed_once),
        SCENE(wrong_uses_are_refused),
        SCENE(a_bad_place_is_explained),
    };

    return cmocka_run_group_tests_name("store on a bad disk", tests, NULL, NULL);
}
