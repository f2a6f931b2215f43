/*
 * links: which message on one side is which on the other, kept after delivery for threads, replies,
 * bounces and late errors.  Inside store work only, on its thread.
 */
#ifndef STORE_LINKS_H
#define STORE_LINKS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

enum link_direction { LINK_TO_MAIL = 1, LINK_TO_JABBER = 2 };

/* What the message's sender asked for and has not been told yet. */
enum link_asked {
    LINK_ASKED_DELIVERED = 1, /* jabber:x:event */
    LINK_ASKED_OFFLINE = 2,
    LINK_ASKED_DISPLAYED = 4, /* LINK_TO_JABBER: a disposition notification to `mail` */
    LINK_ASKED_RECEIPT = 8,   /* XEP-0184 */
    LINK_ASKED_MARKER = 16,   /* XEP-0333 */
    LINK_IS_CHAT = 32         /* no wish: of type chat, and so are the answers to it */
};

struct link {
    int64_t id; /* the queue id it was sent under: in the reverse-path and in the stanza's id */
    unsigned n; /* item within that message */
    enum link_direction direction;
    const char *jid;     /* the Jabber user, as in the stanza (full JID where it was full) */
    const char *contact; /* the other side as the Jabber user sees it: JID at gw */
    const char *mail;  /* the other side's mail address; for LINK_TO_JABBER the reverse-path reports
                          go to ("" : none) */
    const char *alias; /* the Jabber user's mail address that was used */
    const char *stanza_id;   /* NULL: had none */
    const char *stanza_to;   /* LINK_TO_MAIL: what the stanza was addressed to (errors come from
                                there); NULL: contact */
    const char *thread;      /* NULL: had none */
    const char *subject;     /* of the message; NULL: had none */
    const char *message_id;  /* of the mail, without <>; NULL: had none */
    const char *references;  /* ids without <>, oldest first, space between; at most 20 */
    const char *mail_header; /* LINK_TO_JABBER: header of the mail, for a late report; NULL: none */
    int64_t created_s;
    unsigned asked;     /* enum link_asked, or-ed */
    const char *origin; /* LINK_TO_JABBER: "imap:NAME" and which mail there; "own:ID", both ways, of
                           a user's own mailbox (store/own_boxes.h); NULL: none */
    uint32_t uidvalidity, uid; /* 0: none */
    /* LINK_TO_JABBER: what the mail's envelope asked, as in store/queue.h, for a late report. */
    const char *envelope_id, *original; /* NULL: none */
    unsigned ret, notify;               /* 0: not said */
};

/* Stores the link; one with the same id and n is replaced. */
int links_put(struct store_txn *txn, const struct link *link, struct err *e) MUST_CHECK;

/* Each sets *out NULL when there is none. */
int links_by_id(struct store_txn *txn, struct arena *a, int64_t id, unsigned n, struct link **out,
                struct err *e) MUST_CHECK;
/* The link of a mail between this user (bare JID) and anybody.  The Message-ID of a mail to Jabber
 * is anybody's; that of a mail of ours begins with the id of its link (base/id.h). */
int links_by_message_id(struct store_txn *txn, struct arena *a, const char *message_id,
                        const char *bare_jid, struct link **out, struct err *e) MUST_CHECK;
/* By the id of a stanza exchanged between user and contact (both bare): ours, which begins with the
 * link's id, or one of the last thousand of the user's own. */
int links_by_stanza_id(struct store_txn *txn, struct arena *a, const char *bare_jid,
                       const char *bare_contact, const char *stanza_id, struct link **out,
                       struct err *e) MUST_CHECK;
/* The newest link in a thread between user and contact (both bare), among the last thousand. */
int links_last_in_thread(struct store_txn *txn, struct arena *a, const char *bare_jid,
                         const char *bare_contact, const char *thread, struct link **out,
                         struct err *e) MUST_CHECK;

/* The newest link between user and contact (both bare). */
int links_last(struct store_txn *txn, struct arena *a, const char *bare_jid,
               const char *bare_contact, struct link **out, struct err *e) MUST_CHECK;

/* Forgets links whose id was made before that; *count_out rows, at most count_max at a time. */
int links_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, unsigned *count_out,
                 struct err *e) MUST_CHECK;

#endif
