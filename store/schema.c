/*
 * schema: the tables, by version.  Runs once when a database is opened for writing; each step is
 * one transaction, so a crash leaves the old version or the new one.
 */
#include "store/store_inside.h"

#include <stdio.h>

/* Step n brings version n to n + 1.  Steps are never changed once released, only added. */
static const char *const steps[] = {
    /* A message and its recipients.  kind stands in item too, so that one index finds what is due.
     */
    "CREATE TABLE message("
    "  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, sender TEXT NOT NULL, origin TEXT NOT NULL,"
    "  created INTEGER NOT NULL, deadline INTEGER NOT NULL, content BLOB NOT NULL);"
    "CREATE TABLE item("
    "  message INTEGER NOT NULL, n INTEGER NOT NULL, kind INTEGER NOT NULL, recipient TEXT NOT "
    "NULL,"
    "  attempts INTEGER NOT NULL, next INTEGER NOT NULL, error TEXT NOT NULL,"
    "  PRIMARY KEY(message, n)) WITHOUT ROWID;"
    /* next is negative for an item that is set aside: it is not due, ever. */
    "CREATE INDEX item_due ON item(kind, next, message, n) WHERE next >= 0;"
    /* What of a mailbox is in the queue or was, above the cursor. */
    "CREATE TABLE fetched("
    "  mailbox TEXT NOT NULL, uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL,"
    "  PRIMARY KEY(mailbox, uidvalidity, uid)) WITHOUT ROWID;"
    "CREATE TABLE cursor("
    "  mailbox TEXT PRIMARY KEY, uidvalidity INTEGER NOT NULL, uid_next INTEGER NOT NULL) WITHOUT "
    "ROWID;"
    "CREATE TABLE link("
    "  id INTEGER NOT NULL, n INTEGER NOT NULL, direction INTEGER NOT NULL, jid TEXT NOT NULL,"
    "  bare_jid TEXT NOT NULL, contact TEXT NOT NULL, bare_contact TEXT NOT NULL, mail TEXT NOT "
    "NULL,"
    "  alias TEXT NOT NULL, stanza_id TEXT, stanza_to TEXT, thread TEXT, subject TEXT,"
    "  message_id TEXT, refs TEXT NOT NULL, mail_header TEXT, created INTEGER NOT NULL,"
    "  PRIMARY KEY(id, n)) WITHOUT ROWID;"
    "CREATE INDEX link_message ON link(message_id, bare_jid) WHERE message_id IS NOT NULL;"
    "CREATE INDEX link_stanza ON link(stanza_id, bare_jid) WHERE stanza_id IS NOT NULL;"
    "CREATE INDEX link_thread ON link(bare_jid, thread, bare_contact, created) WHERE thread IS NOT "
    "NULL;"
    "CREATE INDEX link_created ON link(created);"
    "CREATE TABLE file("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL, message INTEGER NOT NULL, part INTEGER NOT NULL);"
    "CREATE INDEX file_expires ON file(expires);"
    "CREATE INDEX file_part ON file(message, part);"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
};

enum { VERSION = sizeof steps / sizeof steps[0] };

static int read_version(sqlite3 *db, int *out)
{
    sqlite3_stmt *statement;
    int r;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
        return -1;
    r = sqlite3_step(statement);
    if (r == SQLITE_ROW)
        *out = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return r == SQLITE_ROW ? 0 : -1;
}

static int take_step(sqlite3 *db, int version)
{
    char pragma[64];

    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version + 1);
    if (sqlite3_exec(db, steps[version], NULL, NULL, NULL) != SQLITE_OK)
        return -1;
    return sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* Inside the write lock, so that two programs that start at once make the tables once. */
static int migrate(sqlite3 *db, struct err *e)
{
    int version;

    if (read_version(db, &version) < 0)
        return err_set(e, ERR_PERMANENT, "%s", sqlite3_errmsg(db));
    if (version > VERSION)
        return err_set(
            e, ERR_PERMANENT,
            "the database is of version %d and this program knows only %d: use the newer "
            "postern that wrote it",
            version, (int)VERSION);
    for (; version < VERSION; version++)
        if (take_step(db, version) < 0)
            return err_set(e, ERR_RETRY, "cannot make the tables: %s", sqlite3_errmsg(db));
    return 0;
}

int schema_prepare(sqlite3 *db, struct err *e)
{
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return err_set(e, sqlite3_errcode(db) == SQLITE_BUSY ? ERR_RETRY : ERR_PERMANENT, "%s",
                       sqlite3_errmsg(db));
    if (migrate(db, e) < 0) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return err_set(e, ERR_RETRY, "cannot make the tables: %s", sqlite3_errmsg(db));
    return 0;
}
