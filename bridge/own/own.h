/*
 * own: users' own mailboxes: their mail comes as chat, and what they write leaves by their own
 * submission server, from their own address.
 *
 * Which there are is in the store (store/own_boxes.h), sealed, and opened in memory.  Without a key
 * none is used, and nothing is deleted.  Loop thread.
 */
#ifndef BRIDGE_OWN_OWN_H
#define BRIDGE_OWN_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "bridge/gateway.h"

/* Reads what there is; before the store's writer starts. */
int own_open(struct gateway *g, struct err *e) MUST_CHECK;
void own_start(struct gateway *g);
/* Once a second. */
void own_tick(struct gateway *g);
/* Nothing new comes; stopped is called once no mailbox is connected. */
void own_stop(struct gateway *g, void (*stopped)(struct gateway *g));
/* What is being sent and tried ends; the store still takes what came of it. */
void own_end(struct gateway *g);
void own_close(struct gateway *g);

/* Can users have mailboxes here? */
bool own_is_on(const struct gateway *g);

/* A mailbox that mail can leave from, as it is told to work on another thread. */
struct own_exit {
    int64_t id, created_s;
    const char *address;
    bool is_first, copies;
};
/* Those of a user that can be used, copied into the arena; *count_out 0: none.  NULL: memory. */
const struct own_exit *own_exits(const struct gateway *g, struct arena *a, const char *bare_jid,
                                 size_t *count_out);
/* Whose mailbox "own:ID" is, copied; NULL: another origin, gone, or memory. */
const char *own_user(const struct gateway *g, struct arena *a, const char *origin);

struct own_counts {
    unsigned watching, failing, locked, all;
};
void own_count(const struct gateway *g, struct own_counts *out);

/* What is wrong with a mailbox of this user (any JID of theirs), for all who see their presence;
 * NULL: nothing. */
const char *own_trouble(const struct gateway *g, const char *jid);

/* The sender for a mail that leaves from "own:ID"; NULL: *is_gone_out: there is no such mailbox any
 * more, else it cannot be used now; text for its user. */
struct sender *own_sender(struct gateway *g, const char *origin, bool *is_gone_out,
                          const char **text_out);
/* Its submission server refuses user and password, or took a mail (NULL). */
void own_login(struct gateway *g, const char *origin, const char *refusal);
bool own_is_origin(const char *origin);

/* Flags (enum imap_flag) for a mail in "own:ID": kept until they are set. */
void own_flag(struct gateway *g, const char *origin, uint32_t uidvalidity, uint32_t uid,
              unsigned flags);
/* Inside store work: a mail has left, and is to be laid into Sent.  id: any of its own. */
int own_put_copy(struct store_txn *txn, const char *origin, int64_t id, const char *message,
                 size_t len, int64_t now_s, struct err *e) MUST_CHECK;
bool own_wants_copy(const struct gateway *g, const char *origin);
/* There may be something to do in it. */
void own_work(struct gateway *g, const char *origin);

#endif
