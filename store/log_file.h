/*
 * log_file: the write-ahead log is written in few large pieces, for store/ alone.
 *
 * SQLite writes each frame of its log with two calls, a header of 24 bytes and a page, and so meets
 * three pages of the system's cache for each.  This layer between SQLite and the system (a VFS, as
 * SQLite calls it) gathers what follows on each other until SQLite syncs the log, or reads it, or
 * asks anything else of it.  With synchronous = FULL every commit syncs before it is told to any
 * reader, so nobody finds a frame in the index that is not in the file.  What a transaction has
 * left here that is undone must never be written: log_file_watch.  All other files pass through
 * untouched.
 */
#ifndef STORE_LOG_FILE_H
#define STORE_LOG_FILE_H

#include <sqlite3.h>

#include "base/err.h"

/* The name of the VFS to open databases with; the first call, before there are threads, makes it.
 * NULL with *e filled. */
const char *log_file_vfs(struct err *e);
/* For each connection opened with it, before its first transaction; takes its rollback hook. */
void log_file_watch(sqlite3 *db);

#endif
