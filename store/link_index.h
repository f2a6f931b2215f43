/*
 * link_index: how links are found without their id, for store/ alone.
 *
 * Two orders are kept on disk: what a user and a contact wrote to each other, oldest first
 * (link_pair), and the Message-IDs of mail to users (link_mail).  To put each message where it
 * belongs there would change a page of its own for each in every commit.  So the last INDEX_FRESH
 * links stand in the order they came in, in a table that only grows at its end (link_fresh), with a
 * copy in memory that is searched first; when it is full all of them go into the other two at once,
 * sorted.  Texts are found by their hash, and the row that is found is compared with the text.
 */
#ifndef STORE_LINK_INDEX_H
#define STORE_LINK_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/links.h"
#include "store/store_inside.h"

enum { INDEX_FRESH = 2048 };

struct link_entry {
    int64_t jid, contact, message; /* link_hash of them; 0: not found by that */
    int64_t id;
    int32_t n, direction;
    int64_t stanza, thread; /* link_tag; 0: none */
};

/* Of a bare JID, which may be given with its resource: never 0. */
int64_t link_hash_jid(const char *jid);
/* Of a mail to this user; NULL: 0. */
int64_t link_hash_mail(const char *message_id, const char *jid);
/* Of a stanza's id or thread; NULL: 0. */
int64_t link_tag(const char *text);
/* The three as functions of SQL. */
int link_index_functions(sqlite3 *db) MUST_CHECK;

/* The link has been stored, or stored again. */
int link_index_add(struct store_txn *txn, const struct link *link, struct err *e) MUST_CHECK;
/* Sorts what is fresh in among the rest; nothing of a store that is only read. */
int link_index_settle(struct store_txn *txn, struct err *e) MUST_CHECK;
/* A transaction was undone: the copy may be wrong. */
void link_index_forget(struct store_txn *txn);
void link_index_free(struct store_txn *txn);

/* The newest fresh entry that is equal to `like` in all that is not 0 there, and older than
 * *before, if that is not NULL; none: *out is NULL.  It lasts until the next call. */
int link_index_newest(struct store_txn *txn, const struct link_entry *like,
                      const struct link_entry *before, const struct link_entry **out,
                      struct err *e) MUST_CHECK;
/* Is there one, fresh or not, of this jid and, if they are not 0, contact and direction? */
int link_index_has(struct store_txn *txn, const struct link_entry *like, bool *out,
                   struct err *e) MUST_CHECK;

#endif
