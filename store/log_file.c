/*
 * log_file: the write-ahead log is written in few large pieces.
 *
 * Data: a buffer for each open log, on the thread its connection is on; the VFS itself, made once
 * and never changed.  A crash loses what was not synced, as it would without the buffer.
 */
#include "store/log_file.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The system's VFS takes less than 128 KiB at a time. */
enum { GATHER_MAX = 120 << 10 };

struct log_file {
    sqlite3_file base; /* first: SQLite's view of it */
    char *buffer;      /* NULL: nothing was written yet, or memory is out and all passes through */
    sqlite3_int64 at;  /* where in the file the buffer goes */
    int len;
    int failure;        /* of a write, until the transaction is undone; SQLITE_OK: none */
    sqlite3_file *real; /* in the same block of memory, behind this */
};

static struct log_file *of(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

/* Frames that could not be written are missing for good, and SQLite may go on with a transaction
 * after a read that failed: nothing works any more until that is undone. */
static int flush(struct log_file *f)
{
    int len = f->len;

    if (f->failure != SQLITE_OK || len == 0)
        return f->failure;
    f->len = 0;
    f->failure = f->real->pMethods->xWrite(f->real, f->buffer, len, f->at);
    return f->failure;
}

static void forget(struct log_file *f)
{
    f->len = 0;
    f->failure = SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct log_file *f = of(file);
    int code = f->failure;

    if (f->len > 0 && (at != f->at + f->len || len > GATHER_MAX - f->len))
        code = flush(f);
    if (code != SQLITE_OK)
        return code;
    if (!f->buffer)
        f->buffer = malloc(GATHER_MAX);
    if (!f->buffer || len > GATHER_MAX)
        return f->real->pMethods->xWrite(f->real, data, len, at);
    if (f->len == 0)
        f->at = at;
    memcpy(f->buffer + f->len, data, (size_t)len);
    f->len += len;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
    struct log_file *f = of(file);
    int code = flush(f);

    return code != SQLITE_OK ? code : f->real->pMethods->xRead(f->real, data, len, at);
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *f = of(file);
    int code = flush(f);

    return code != SQLITE_OK ? code : f->real->pMethods->xSync(f->real, flags);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *f = of(file);
    int code = flush(f);

    return code != SQLITE_OK ? code : f->real->pMethods->xTruncate(f->real, size);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *out)
{
    struct log_file *f = of(file);
    int code = flush(f);

    return code != SQLITE_OK ? code : f->real->pMethods->xFileSize(f->real, out);
}

static int log_control(sqlite3_file *file, int op, void *arg)
{
    struct log_file *f = of(file);
    int code = flush(f);

    return code != SQLITE_OK ? code : f->real->pMethods->xFileControl(f->real, op, arg);
}

static int log_close(sqlite3_file *file)
{
    struct log_file *f = of(file);

    /* What has not been synced was not committed, and somebody else's may be in its place. */
    free(f->buffer);
    return f->real->pMethods->xClose(f->real);
}

/* SQLite locks the database itself, never its log; the rest only describes the file. */

static int log_lock(sqlite3_file *file, int lock)
{
    return of(file)->real->pMethods->xLock(of(file)->real, lock);
}

static int log_unlock(sqlite3_file *file, int lock)
{
    return of(file)->real->pMethods->xUnlock(of(file)->real, lock);
}

static int log_is_reserved(sqlite3_file *file, int *out)
{
    return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, out);
}

static int log_sector_size(sqlite3_file *file)
{
    return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int log_characteristics(sqlite3_file *file)
{
    return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* no shared memory, no mapping: they belong to the database */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

/* The system's own VFS once more, but for xOpen. */
struct log_vfs {
    sqlite3_vfs base; /* first */
    sqlite3_vfs *real;
};

/* Only a log gets a layer: every other file is the system's own, in the same place. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *flags_out)
{
    sqlite3_vfs *real = ((struct log_vfs *)(void *)vfs)->real;
    struct log_file *f = of(file);
    int code;

    if (!(flags & SQLITE_OPEN_WAL))
        return real->xOpen(real, name, file, flags, flags_out);
    memset(f, 0, sizeof *f);
    f->real = (sqlite3_file *)(void *)(f + 1);
    code = real->xOpen(real, name, f->real, flags, flags_out);
    if (code == SQLITE_OK)
        f->base.pMethods = &log_methods;
    return code;
}

const char *log_file_vfs(struct err *e)
{
    static const char name[] = "postern-log";
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    struct log_vfs *vfs = (struct log_vfs *)(void *)sqlite3_vfs_find(name);

    if (vfs && vfs->real == real)
        return name;
    if (vfs) /* the default below it is another now, as in tests */
        sqlite3_vfs_unregister(&vfs->base);
    else
        vfs = malloc(sizeof *vfs);
    if (vfs && real) {
        vfs->real = real;
        vfs->base = *real;
        vfs->base.pNext = NULL;
        vfs->base.zName = name;
        vfs->base.szOsFile = real->szOsFile + (int)sizeof(struct log_file);
        vfs->base.xOpen = open_file;
        if (sqlite3_vfs_register(&vfs->base, 0) == SQLITE_OK)
            return name;
    }
    free(vfs);
    err_memory(e);
    return NULL;
}

/* Another program may write its own frames now where those were to go. */
static void undone(void *arg)
{
    sqlite3_file *file = NULL;

    sqlite3_file_control(arg, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (file && file->pMethods == &log_methods)
        forget(of(file));
}

void log_file_watch(sqlite3 *db)
{
    sqlite3_rollback_hook(db, undone, db);
}
