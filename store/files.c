/*
 * files: attachments that are served as links.  The bytes are plain files, written whole under
 * another name, fsynced and renamed, so a crash leaves a file complete or not at all; what no row
 * names is swept at the next start.
 */
#include "store/files.h"

#include "store/store_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int path_of(const struct store *s, int64_t id, const char *end, char out[PATH_MAX],
                   struct err *e)
{
    if (snprintf(out, PATH_MAX, "%s/%016" PRIx64 "%s", store_folder(s), (uint64_t)id, end) >=
        PATH_MAX)
        return err_set(e, ERR_PERMANENT, "the path of the files is too long");
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd);
}

static int sync_folder(const struct store *s)
{
    int fd = open(store_folder(s), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -1;
    r = fsync(fd);
    close(fd);
    return r;
}

int files_write(const struct store *s, int64_t id, const void *data, size_t len, struct err *e)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    int fd;

    if (path_of(s, id, "", path, e) < 0 || path_of(s, id, ".new", temporary, e) < 0)
        return -1;
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_RETRY, "an attachment cannot be stored: %s", strerror(errno));
    if (write_all(fd, data, len) < 0) {
        err_set(e, ERR_RETRY, "an attachment cannot be stored: %s", strerror(errno));
        close(fd);
        unlink(temporary);
        return -1;
    }
    if (close(fd) < 0 || rename(temporary, path) < 0 || sync_folder(s) < 0)
        return err_set(e, ERR_RETRY, "an attachment cannot be stored: %s", strerror(errno));
    return 0;
}

int files_put(struct store_txn *txn, const struct stored_file *file, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "INSERT OR REPLACE INTO file VALUES(?, ?, ?, ?, ?, ?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, file->id);
    txn_bind_text(s, 2, file->name);
    txn_bind_text(s, 3, file->media_type);
    sqlite3_bind_int64(s, 4, (int64_t)file->size);
    sqlite3_bind_int64(s, 5, file->expires_s);
    sqlite3_bind_int64(s, 6, file->message_id);
    sqlite3_bind_int64(s, 7, file->part);
    return txn_step(txn, s, e);
}

static int read_file(struct store_txn *txn, struct arena *a, sqlite3_stmt *s,
                     struct stored_file **out, struct err *e)
{
    struct stored_file *f;
    int r = txn_row(txn, s, e);

    *out = NULL;
    if (r <= 0)
        return r;
    f = arena_alloc(a, sizeof *f);
    if (!f) {
        sqlite3_reset(s);
        return err_memory(e);
    }
    f->id = sqlite3_column_int64(s, 0);
    f->size = (size_t)sqlite3_column_int64(s, 3);
    f->expires_s = sqlite3_column_int64(s, 4);
    f->message_id = sqlite3_column_int64(s, 5);
    f->part = (unsigned)sqlite3_column_int64(s, 6);
    r = txn_text(txn, a, s, 1, &f->name, e) < 0 || txn_text(txn, a, s, 2, &f->media_type, e) < 0;
    sqlite3_reset(s);
    if (r)
        return -1;
    *out = f;
    return 0;
}

int files_get(struct store_txn *txn, struct arena *a, int64_t id, struct stored_file **out,
              struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT id, name, media_type, size, expires, message, part FROM file WHERE id = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return read_file(txn, a, s, out, e);
}

int files_by_part(struct store_txn *txn, struct arena *a, int64_t message_id, unsigned part,
                  struct stored_file **out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT id, name, media_type, size, expires, message, part"
                                    " FROM file WHERE message = ? AND part = ?",
                                    e);

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, message_id);
    sqlite3_bind_int64(s, 2, part);
    return read_file(txn, a, s, out, e);
}

const char *files_path(const struct store *s, struct arena *a, int64_t id)
{
    return arena_printf(a, "%s/%016" PRIx64, store_folder(s), (uint64_t)id);
}

static int forget(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM file WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}

/* The bytes go first: a row without them is looked for once more and then answered as gone. */
int files_expire(struct store_txn *txn, int64_t now_s, unsigned count_max, unsigned *count_out,
                 struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT id FROM file WHERE expires < ? LIMIT 1", e);
    char path[PATH_MAX];

    *count_out = 0;
    while (s && *count_out < count_max) {
        int64_t id;
        int r;

        sqlite3_bind_int64(s, 1, now_s);
        r = txn_row(txn, s, e);
        if (r <= 0)
            return r;
        id = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
        if (path_of(txn->store, id, "", path, e) < 0)
            return -1;
        if (unlink(path) < 0 && errno != ENOENT)
            return err_set(e, ERR_RETRY, "%s cannot be removed: %s", path, strerror(errno));
        if (forget(txn, id, e) < 0)
            return -1;
        ++*count_out;
    }
    return s ? 0 : -1;
}

/* Removes one name from the folder unless a row has it. */
static int sweep_one(struct store_txn *txn, const char *name, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT 1 FROM file WHERE id = ?", e);
    char path[PATH_MAX], *end;
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, (int64_t)strtoull(name, &end, 16));
    r = *end == '\0' && strlen(name) == 16 ? txn_row(txn, s, e) : 0;
    sqlite3_reset(s);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (snprintf(path, sizeof path, "%s/%s", store_folder(txn->store), name) < (int)sizeof path &&
        unlink(path) < 0 && errno != ENOENT)
        return err_set(e, ERR_RETRY, "%s cannot be removed: %s", path, strerror(errno));
    return 0;
}

static int sweep(struct store_txn *txn, void *arg, struct err *e)
{
    DIR *folder = opendir(store_folder(txn->store));
    struct dirent *entry;
    int r = 0;

    (void)arg;
    if (!folder)
        return err_set(e, ERR_PERMANENT, "%s cannot be read: %s", store_folder(txn->store),
                       strerror(errno));
    while (r == 0 && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            r = sweep_one(txn, entry->d_name, e);
    closedir(folder);
    return r;
}

int files_sweep(struct store *s, struct err *e)
{
    return store_now(s, sweep, NULL, e);
}
