/*
 * files: the table file, and the bytes in <folder>/xx/<id>, where id is in hex and xx its last
 * byte.
 *
 * No data of its own.  Bytes are whole and on disk before the row that names them, and go after the
 * commit that deletes it; so a crash leaves at worst bytes without a row, or a part of them under a
 * name with .tmp, and files_sweep removes both at the next start.
 */
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/step.h"
#include "store/store_inside.h"

enum {
    ID_DIGITS = 16,
    PATH_SIZE = 4096, /* store_open bounds the folder's name */
    EXPIRE_MAX = 10000
};

/* The folder of an id, or its file there. */
static void write_folder(char *out, const char *folder, int64_t id)
{
    snprintf(out, PATH_SIZE, "%s/%02x", folder, (unsigned)(id & 0xff));
}

static void write_path(char *out, const char *folder, int64_t id)
{
    snprintf(out, PATH_SIZE, "%s/%02x/%016" PRIx64, folder, (unsigned)(id & 0xff), (uint64_t)id);
}

const char *files_path(const struct store *s, struct arena *a, int64_t id)
{
    char path[PATH_SIZE];

    write_path(path, s->folder, id);
    return arena_strdup(a, path);
}

static int write_error(const char *path, struct err *e)
{
    return err_set(e, ERR_RETRY, "cannot write %s: %s", path, strerror(errno));
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd);
}

/* Writes under a name that no other thread has, which is the caller's to rename or remove. */
static int write_temporary(char *path, const void *data, size_t len, struct err *e)
{
    uint32_t random;
    size_t end = strlen(path);
    int fd, r;

    if (keyed_random(&random, sizeof random, e) < 0)
        return -1;
    snprintf(path + end, PATH_SIZE - end, ".%08" PRIx32 ".tmp", random);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return write_error(path, e);
    r = write_all(fd, data, len);
    if (r < 0)
        write_error(path, e);
    if (close(fd) < 0 && r == 0)
        r = write_error(path, e);
    if (r < 0)
        unlink(path);
    return r;
}

int files_write(const struct store *s, int64_t id, const void *data, size_t len, struct err *e)
{
    char folder[PATH_SIZE], path[PATH_SIZE], temporary[PATH_SIZE];

    write_folder(folder, s->folder, id);
    write_path(path, s->folder, id);
    write_path(temporary, s->folder, id);
    if (store_make_folder(folder, e) < 0)
        return -1;
    if (write_temporary(temporary, data, len, e) < 0)
        return -1;
    step("file.temporary");
    if (rename(temporary, path) < 0) {
        write_error(path, e);
        unlink(temporary);
        return -1;
    }
    step("file.named");
    return store_sync_folder(folder, e);
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

int files_discard(struct store_txn *txn, int64_t id, struct err *e)
{
    return txn_add_dead(txn, id, e);
}

static int forget(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM file WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}

static int find_expired(struct store_txn *txn, int64_t now_s, unsigned count_max, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT id FROM file WHERE expires < ? ORDER BY expires LIMIT ?", e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    sqlite3_bind_int64(s, 2, count_max);
    while ((r = txn_row(txn, s, e)) > 0) {
        if (txn_add_dead(txn, sqlite3_column_int64(s, 0), e) < 0) {
            r = -1;
            break;
        }
    }
    sqlite3_reset(s);
    return r;
}

int files_expire(struct store_txn *txn, int64_t now_s, unsigned count_max, unsigned *count_out,
                 struct err *e)
{
    size_t i = txn->dead_count;

    *count_out = 0;
    if (find_expired(txn, now_s, count_max < EXPIRE_MAX ? count_max : EXPIRE_MAX, e) < 0)
        return -1;
    for (; i < txn->dead_count; i++) {
        if (forget(txn, txn->dead_files[i], e) < 0)
            return -1;
        ++*count_out;
    }
    return 0;
}

void files_settle(struct store_txn *txn)
{
    char path[PATH_SIZE];
    size_t i;

    for (i = 0; i < txn->dead_count; i++) {
        step("file.unwanted");
        write_path(path, txn->store->folder, txn->dead_files[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            log_warning("store", "event=file-not-removed path=\"%s\" error=\"%s\"", path,
                        strerror(errno));
    }
    txn->dead_count = 0;
}

/* The id that a file's name says, 0 for none; *is_temporary_out for a part that a crash left. */
static int64_t name_id(const char *name, bool *is_temporary_out)
{
    size_t digits = strspn(name, "0123456789abcdef");
    const char *rest = name + digits;

    *is_temporary_out = false;
    if (digits != ID_DIGITS || name[0] > '7')
        return 0;
    if (*rest == '.' && strspn(rest + 1, "0123456789abcdef") == 8 && strcmp(rest + 9, ".tmp") == 0)
        *is_temporary_out = true;
    else if (*rest)
        return 0;
    return (int64_t)strtoull(name, NULL, 16);
}

static int has_row(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT 1 FROM file WHERE id = ?", e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    r = txn_row(txn, s, e);
    sqlite3_reset(s);
    return r;
}

static int sweep_folder(struct store_txn *txn, const char *folder, unsigned *count, struct err *e)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return errno == ENOENT ? 0 : err_set(e, ERR_RETRY, "%s: %s", folder, strerror(errno));
    while (r >= 0 && (entry = readdir(dir))) {
        bool is_temporary;
        int64_t id = name_id(entry->d_name, &is_temporary);

        if (id == 0)
            continue; /* not ours */
        r = is_temporary ? 0 : has_row(txn, id, e);
        if (r == 0 && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            ++*count;
    }
    closedir(dir);
    return r < 0 ? -1 : 0;
}

static int run_sweep(struct store_txn *txn, void *arg, struct err *e)
{
    char folder[PATH_SIZE];
    unsigned *count = arg;
    int64_t i;

    for (i = 0; i < 256; i++) {
        write_folder(folder, txn->store->folder, i);
        if (sweep_folder(txn, folder, count, e) < 0)
            return -1;
    }
    return 0;
}

int files_sweep(struct store *s, struct err *e)
{
    unsigned count = 0;

    if (store_now(s, run_sweep, &count, e) < 0)
        return -1;
    if (count > 0)
        log_info("store", "event=files-swept count=%u", count);
    return 0;
}
