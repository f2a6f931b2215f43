/*
 * files: attachments that are served as links.  The bytes are files in store_folder(), written and
 * fsynced before the row that names them is committed; a file without a row is removed at start.
 * Inside store work only, on its thread, except files_write, which any thread may call.
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct stored_file {
    int64_t id;       /* in its URL's token */
    const char *name; /* a safe base name for Content-Disposition */
    const char *media_type;
    size_t size;
    int64_t expires_s;
    int64_t message_id; /* the queue id of the mail it came with */
    unsigned part;      /* which attachment of it */
};

/* Writes the bytes under id, durably; the same id may be written again with the same bytes. */
int files_write(const struct store *s, int64_t id, const void *data, size_t len,
                struct err *e) MUST_CHECK;
/* One with the same id is replaced. */
int files_put(struct store_txn *txn, const struct stored_file *file, struct err *e) MUST_CHECK;
/* The bytes that were written under id are not wanted after all: they go after the commit. */
int files_discard(struct store_txn *txn, int64_t id, struct err *e) MUST_CHECK;
/* *out NULL when there is none. */
int files_get(struct store_txn *txn, struct arena *a, int64_t id, struct stored_file **out,
              struct err *e) MUST_CHECK;
/* The file stored for this attachment before (a retry after a crash); *out NULL when there is none.
 */
int files_by_part(struct store_txn *txn, struct arena *a, int64_t message_id, unsigned part,
                  struct stored_file **out, struct err *e) MUST_CHECK;
/* Path of the bytes. */
const char *files_path(const struct store *s, struct arena *a, int64_t id);
int files_expire(struct store_txn *txn, int64_t now_s, unsigned count_max, unsigned *count_out,
                 struct err *e) MUST_CHECK;
/* Removes bytes that no row names; at start, before the writer runs. */
int files_sweep(struct store *s, struct err *e) MUST_CHECK;

#endif
