/*
 * schema: the tables, by version.  Runs once when a database is opened for writing; each step is
 * one transaction, so a crash leaves the old version or the new one.
 */
#include "store/link_index.h"
#include "store/store_inside.h"

#include "base/keyed.h"
#include "base/step.h"

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

    /* The newest link is asked for, so the indexes end in created (and, as all of them do, in id
     * and n): nothing is sorted.  The user comes before the id of a stanza, so that what one user
     * writes falls on few pages. */
    "DROP INDEX link_message;"
    "DROP INDEX link_stanza;"
    "DROP INDEX link_thread;"
    "CREATE INDEX link_message ON link(message_id, bare_jid, created) WHERE message_id IS NOT NULL;"
    "CREATE INDEX link_stanza ON link(bare_jid, bare_contact, stanza_id, created)"
    "  WHERE stanza_id IS NOT NULL;"
    "CREATE INDEX link_thread ON link(bare_jid, bare_contact, thread, created)"
    "  WHERE thread IS NOT NULL;",

    /* With item_due it holds all items, so that they can be counted without their rows. */
    "CREATE INDEX item_aside ON item(kind) WHERE next < 0;",

    "CREATE TABLE pgp_key(bare_jid TEXT PRIMARY KEY, key_id TEXT NOT NULL) WITHOUT ROWID;",

    /* What is asked about a message: of the relay (RFC 3461), when its time is over (XEP-0079), and
     * by its sender; and which mail of a mailbox it was. */
    "ALTER TABLE item ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE message ADD COLUMN expiry INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE message ADD COLUMN uidvalidity INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE message ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE link ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE link ADD COLUMN origin TEXT;"
    "ALTER TABLE link ADD COLUMN uidvalidity INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE link ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;",

    /* What is remembered of people: the spelling of their mail address, the JID behind an alias
     * that does not spell it out, and whom a message was addressed to. */
    "CREATE TABLE spelling(contact TEXT PRIMARY KEY, mail TEXT NOT NULL, seen INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE INDEX spelling_seen ON spelling(seen);"
    "CREATE TABLE alias(local TEXT PRIMARY KEY, jid TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE circle(id INTEGER PRIMARY KEY, people TEXT NOT NULL, created INTEGER NOT NULL);"
    "CREATE INDEX circle_created ON circle(created);",

    /* How many bytes of files each user got on a day; the index sums all without their rows. */
    "CREATE TABLE file_use("
    "  day INTEGER NOT NULL, user TEXT NOT NULL, bytes INTEGER NOT NULL,"
    "  PRIMARY KEY(day, user)) WITHOUT ROWID;"
    "CREATE INDEX file_size ON file(size);",

    /* What was asked of a mail that came by LMTP (RFC 3461), for its reports, also those that come
     * late; and which reports of success are owed, and until when somebody may still earn them. */
    "ALTER TABLE message ADD COLUMN envelope_id TEXT;"
    "ALTER TABLE message ADD COLUMN ret INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE item ADD COLUMN original TEXT;"
    "ALTER TABLE link ADD COLUMN envelope_id TEXT;"
    "ALTER TABLE link ADD COLUMN ret INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE link ADD COLUMN original TEXT;"
    "ALTER TABLE link ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE owed(id INTEGER NOT NULL, n INTEGER NOT NULL, due INTEGER NOT NULL,"
    "  PRIMARY KEY(id, n)) WITHOUT ROWID;"
    "CREATE INDEX owed_due ON owed(due);",

    /* Four indexes were most of what a message cost.  A link whose Message-ID is ours is found by
     * the queue id in it, and the age of a link is in its id; one index on what two people wrote to
     * each other, newest last, tells both threads and ids of stanzas. */
    "DROP INDEX link_message;"
    "DROP INDEX link_stanza;"
    "DROP INDEX link_thread;"
    "DROP INDEX link_created;"
    "CREATE INDEX link_message ON link(message_id, bare_jid, created)"
    "  WHERE message_id IS NOT NULL AND direction = 2;"
    "CREATE INDEX link_talk ON link(bare_jid, bare_contact, created, id, n, stanza_id, thread)"
    "  WHERE stanza_id IS NOT NULL OR thread IS NOT NULL;",

    /* How people call themselves: those who write mail, as their mails say, and users, as their
     * vCard says; and what users have chosen. */
    "CREATE TABLE face("
    "  bare_jid TEXT NOT NULL, contact TEXT NOT NULL, name TEXT NOT NULL, seen INTEGER NOT NULL,"
    "  PRIMARY KEY(bare_jid, contact)) WITHOUT ROWID;"
    "CREATE INDEX face_seen ON face(seen);"
    "CREATE TABLE user_name(bare_jid TEXT PRIMARY KEY, name TEXT NOT NULL,"
    "  fetched INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE choice(bare_jid TEXT PRIMARY KEY, receipts INTEGER NOT NULL,"
    "  asked INTEGER NOT NULL) WITHOUT ROWID;",

    /* An alias is forgotten when nobody has used it for years. */
    "ALTER TABLE alias ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;"
    "UPDATE alias SET seen = CAST(strftime('%s', 'now') AS INTEGER);"
    "CREATE INDEX alias_seen ON alias(seen);",

    /* Whose turn an item takes (a lane), which life of a gateway holds it, how often that life
     * ended over it, and whether anybody was told that it is set aside.  What is set aside says
     * since when: next is that time, negative. */
    "ALTER TABLE item ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE item ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE item ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE item ADD COLUMN told INTEGER NOT NULL DEFAULT 0;"
    "UPDATE item SET next = -CAST(strftime('%s', 'now') AS INTEGER) WHERE next < 0;"
    "DROP INDEX item_due;"
    "DROP INDEX item_aside;"
    "CREATE INDEX item_due ON item(kind, lane, next, message, n) WHERE next >= 0;"
    "CREATE INDEX item_aside ON item(kind, next) WHERE next < 0;"
    "CREATE TABLE life(id INTEGER PRIMARY KEY, until INTEGER NOT NULL);",

    /* Files of a mail that an upload service has got. */
    "CREATE TABLE upload("
    "  message INTEGER NOT NULL, part INTEGER NOT NULL, url TEXT NOT NULL,"
    "  created INTEGER NOT NULL, PRIMARY KEY(message, part)) WITHOUT ROWID;"
    "CREATE INDEX upload_created ON upload(created);",

    /* What those look like who write mail; an image last, so that the rest is read without it. */
    "CREATE TABLE portrait("
    "  id INTEGER PRIMARY KEY, bare_jid TEXT NOT NULL, contact TEXT NOT NULL,"
    "  seen INTEGER NOT NULL, type TEXT NOT NULL, image BLOB NOT NULL,"
    "  UNIQUE(bare_jid, contact));"
    "CREATE INDEX portrait_seen ON portrait(seen);",

    /* The age of a circle is in its id. */
    "DROP INDEX circle_created;",

    /* Who has registered, and with what; and who has which contact in their list, as they asked to
     * see its presence (gone: they have left, and are to be told that the contact has). */
    "CREATE TABLE account(bare_jid TEXT PRIMARY KEY, alias TEXT UNIQUE, name TEXT NOT NULL,"
    "  created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE subscription(bare_jid TEXT NOT NULL, contact TEXT NOT NULL,"
    "  gone INTEGER NOT NULL, PRIMARY KEY(bare_jid, contact)) WITHOUT ROWID;",

    /* What users have chosen, a row for each choice, so that a new one needs no step here; and
     * whom each of them wants mail from, and from whom not. */
    "CREATE TABLE chosen("
    "  bare_jid TEXT NOT NULL, what INTEGER NOT NULL, value INTEGER NOT NULL,"
    "  PRIMARY KEY(bare_jid, what)) WITHOUT ROWID;"
    "INSERT INTO chosen SELECT bare_jid, 1, receipts FROM choice WHERE receipts <> 0;"
    "INSERT INTO chosen SELECT bare_jid, 2, 1 FROM choice WHERE asked <> 0;"
    "DROP TABLE choice;"
    "CREATE TABLE sender("
    "  bare_jid TEXT NOT NULL, who TEXT NOT NULL, verdict INTEGER NOT NULL,"
    "  PRIMARY KEY(bare_jid, who)) WITHOUT ROWID;",

    "CREATE INDEX subscription_gone ON subscription(bare_jid, contact) WHERE gone = 1;",

    /* Mails that their users do not want now.  Such an item has a kind of its own, so that nothing
     * finds it that looks for what is to be sent; what its user is shown of it stands here, and
     * goes when the item goes or is let go, however that comes.  due: 0 when it is to be let go;
     * list: when a list with it is sent, 0: when the user comes.  released: when an item was let
     * go. */
    "ALTER TABLE item ADD COLUMN released INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE held("
    "  message INTEGER NOT NULL, n INTEGER NOT NULL, bare_jid TEXT NOT NULL, how INTEGER NOT NULL,"
    "  arrived INTEGER NOT NULL, due INTEGER NOT NULL, list INTEGER NOT NULL,"
    "  told INTEGER NOT NULL, size INTEGER NOT NULL, mail TEXT NOT NULL, name TEXT NOT NULL,"
    "  subject TEXT NOT NULL, words TEXT NOT NULL, PRIMARY KEY(message, n)) WITHOUT ROWID;"
    "CREATE INDEX held_user ON held(bare_jid, message, n, size);"
    "CREATE INDEX held_due ON held(due, bare_jid);"
    "CREATE INDEX held_list ON held(list, bare_jid) WHERE list > 0;"
    "CREATE TRIGGER held_gone AFTER DELETE ON item WHEN old.kind = 4 BEGIN"
    "  DELETE FROM held WHERE message = old.message AND n = old.n; END;"
    "CREATE TRIGGER held_go AFTER UPDATE OF kind ON item WHEN old.kind = 4 AND new.kind <> 4 BEGIN"
    "  DELETE FROM held WHERE message = old.message AND n = old.n; END;",

    /* The header of a mail, for a late report, stands apart from its links: a row of a table
     * without rowids takes a page of its own for what is over a quarter of one.  Older links keep
     * theirs. */
    "CREATE TABLE link_header(id INTEGER PRIMARY KEY, header TEXT NOT NULL);",

    /* What administrators have decided while the gateway ran. */
    "CREATE TABLE decision("
    "  what INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    "  PRIMARY KEY(what, name)) WITHOUT ROWID;",

    /* Users' own mailboxes.  sealed: servers, names and passwords (base/sealed).  told: their user
     * knows that it does not work.  chore: what is still to be done in one, once. */
    "CREATE TABLE own_box("
    "  id INTEGER PRIMARY KEY, bare_jid TEXT NOT NULL, address TEXT NOT NULL,"
    "  first INTEGER NOT NULL, copies INTEGER NOT NULL, told INTEGER NOT NULL,"
    "  created INTEGER NOT NULL, sealed BLOB NOT NULL);"
    "CREATE INDEX own_box_user ON own_box(bare_jid);"
    "CREATE TABLE chore("
    "  id INTEGER PRIMARY KEY, box INTEGER NOT NULL, kind INTEGER NOT NULL, flags INTEGER NOT NULL,"
    "  uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL, message_id TEXT,"
    "  created INTEGER NOT NULL, content BLOB);"
    "CREATE INDEX chore_box ON chore(box, id);",

    /* What administrators announce: to whom it has gone (after), in the order of JIDs. */
    "CREATE TABLE announcement("
    "  id INTEGER PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,"
    "  after TEXT NOT NULL, told INTEGER NOT NULL);",

    /* How links are found (store/link_index.h): two indexes of whole texts, of which each message
     * changed pages of its own, were more than half of what a message wrote. */
    "CREATE TABLE link_fresh("
    "  jid INTEGER NOT NULL, contact INTEGER NOT NULL, message INTEGER NOT NULL,"
    "  id INTEGER NOT NULL, n INTEGER NOT NULL, direction INTEGER NOT NULL,"
    "  stanza INTEGER NOT NULL, thread INTEGER NOT NULL);"
    "CREATE TABLE link_pair("
    "  jid INTEGER NOT NULL, contact INTEGER NOT NULL, id INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  direction INTEGER NOT NULL, stanza INTEGER NOT NULL, thread INTEGER NOT NULL,"
    "  PRIMARY KEY(jid, contact, id, n)) WITHOUT ROWID;"
    "CREATE TABLE link_mail("
    "  message INTEGER NOT NULL, id INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  PRIMARY KEY(message, id, n)) WITHOUT ROWID;"
    "INSERT INTO link_pair"
    " SELECT link_hash_jid(bare_jid), link_hash_jid(bare_contact), id, n, direction,"
    "   link_tag(stanza_id), link_tag(thread)"
    "  FROM link WHERE stanza_id IS NOT NULL OR thread IS NOT NULL ORDER BY 1, 2, 3, 4;"
    "INSERT INTO link_mail"
    " SELECT link_hash_mail(message_id, bare_jid), id, n"
    "  FROM link WHERE message_id IS NOT NULL AND direction = 2 ORDER BY 1, 2, 3;"
    "DROP INDEX link_message;"
    "DROP INDEX link_talk;",

    /* A portrait has its hash before it, for presence (XEP-0153): what is behind an image is not
     * read without it. */
    "CREATE TABLE likeness("
    "  id INTEGER PRIMARY KEY, bare_jid TEXT NOT NULL, contact TEXT NOT NULL,"
    "  seen INTEGER NOT NULL, type TEXT NOT NULL, sha1 TEXT NOT NULL, image BLOB NOT NULL,"
    "  UNIQUE(bare_jid, contact));"
    "INSERT INTO likeness SELECT id, bare_jid, contact, seen, type, sha1_hex(image), image"
    "  FROM portrait;"
    "DROP TABLE portrait;"
    "ALTER TABLE likeness RENAME TO portrait;"
    "CREATE INDEX portrait_seen ON portrait(seen);",

    /* Whom a user is to be told of, who has written for the first time; told: they were. */
    "CREATE TABLE newcomer("
    "  bare_jid TEXT NOT NULL, contact TEXT NOT NULL, created INTEGER NOT NULL,"
    "  told INTEGER NOT NULL, PRIMARY KEY(bare_jid, contact)) WITHOUT ROWID;"
    "CREATE INDEX newcomer_created ON newcomer(created);",
};

enum { VERSION = sizeof steps / sizeof steps[0] };

static int read_number(sqlite3 *db, const char *sql, int *out)
{
    sqlite3_stmt *statement;
    int r;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    r = sqlite3_step(statement);
    if (r == SQLITE_ROW)
        *out = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return r == SQLITE_ROW ? 0 : -1;
}

/* For a step: SQLite has no hashes of its own. */
static void sha1_hex(sqlite3_context *context, int count, sqlite3_value **values)
{
    const void *data = sqlite3_value_blob(values[0]);
    size_t len = (size_t)sqlite3_value_bytes(values[0]);
    char hex[KEYED_SHA1_HEX_SIZE];

    (void)count;
    keyed_sha1_hex(data ? data : "", len, hex);
    sqlite3_result_text(context, hex, -1, SQLITE_TRANSIENT);
}

static int take_step(sqlite3 *db, int version)
{
    char pragma[64];

    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version + 1);
    if (sqlite3_exec(db, steps[version], NULL, NULL, NULL) != SQLITE_OK)
        return -1;
    step("schema.step");
    return sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int check_version(sqlite3 *db, struct err *e)
{
    int version;

    if (read_number(db, "PRAGMA user_version", &version) < 0)
        return err_set(e, ERR_PERMANENT, "%s", sqlite3_errmsg(db));
    if (version > VERSION)
        return err_set(
            e, ERR_PERMANENT,
            "the database is of version %d and this program knows only %d: use the newer "
            "postern that wrote it",
            version, (int)VERSION);
    return version;
}

int schema_migrate(sqlite3 *db, int until, struct err *e)
{
    int version = check_version(db, e);

    if (version < 0)
        return -1;
    if (link_index_functions(db) < 0 ||
        sqlite3_create_function(db, "sha1_hex", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                sha1_hex, NULL, NULL) != SQLITE_OK)
        return err_memory(e);
    for (; version < until; version++)
        if (take_step(db, version) < 0)
            return err_set(e, ERR_RETRY, "cannot make the tables: %s", sqlite3_errmsg(db));
    return 0;
}

/* WAL stays set in the file. */
static int set_wal(sqlite3 *db, const char *path, struct err *e)
{
    sqlite3_stmt *statement = NULL;
    const char *mode = NULL;
    int r = -1, code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        mode = (const char *)sqlite3_column_text(statement, 0);
    if (mode && sqlite3_stricmp(mode, "wal") == 0)
        r = 0;
    else if (code != SQLITE_ROW)
        err_set(e, txn_class(code), "%s: %s", path, sqlite3_errmsg(db));
    else
        err_set(e, ERR_PERMANENT,
                "%s: this file system cannot keep a write-ahead log; use a local one", path);
    sqlite3_finalize(statement);
    return r;
}

/* Looks before anything is written: the file may be somebody else's, or no database at all. */
static int look(sqlite3 *db, const char *path, enum store_mode mode, struct err *e)
{
    int version, tables;

    if (read_number(db, "PRAGMA user_version", &version) < 0 ||
        read_number(db, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
        return err_set(e, ERR_PERMANENT, "%s cannot be read as a database: %s", path,
                       sqlite3_errmsg(db));
    if (version == 0 && tables > 0)
        return err_set(e, ERR_PERMANENT,
                       "%s is the database of another program; name a file of its own in store.url",
                       path);
    if (mode == STORE_READ_ONLY && version < VERSION)
        return err_set(e, ERR_PERMANENT,
                       "%s is of an older postern; `postern run` brings it up to date", path);
    return 0;
}

int schema_prepare(sqlite3 *db, const char *path, enum store_mode mode, struct err *e)
{
    if (look(db, path, mode, e) < 0)
        return -1;
    if (mode == STORE_READ_ONLY)
        return check_version(db, e) < 0 ? -1 : 0;
    if (set_wal(db, path, e) < 0)
        return -1;
    step("schema.log");
    if (txn_execute(db, "BEGIN IMMEDIATE", e) < 0)
        return -1;
    /* Inside the write lock, so that two programs that start at once make the tables once. */
    if (schema_migrate(db, VERSION, e) < 0) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }
    step("schema.made");
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        err_set(e, ERR_RETRY, "cannot make the tables: %s", sqlite3_errmsg(db));
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }
    return 0;
}
