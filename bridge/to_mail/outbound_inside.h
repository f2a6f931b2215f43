/*
 * outbound_inside: what the two files of outbound share: outbound.c judges a stanza on the loop,
 * outbound_store.c writes it on the store's writer.
 */
#ifndef BRIDGE_TO_MAIL_OUTBOUND_INSIDE_H
#define BRIDGE_TO_MAIL_OUTBOUND_INSIDE_H

#include "base/xml.h"
#include "bridge/gateway.h"
#include "bridge/own/own.h"
#include "mapping/letter.h"
#include "store/links.h"

/* A mail on its way to one group of recipients, in an SMTP transaction of its own. */
struct transaction {
    struct parcel *parcel;
    const struct party *blind; /* the one who gets a blind copy; NULL: all who are named openly */
    struct transaction *next;
};

struct acceptance {
    struct store_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct arena *arena; /* of the stanza */
    struct xml_node *stanza;
    struct arena *letter_arena;
    struct letter *letter;
    const char *bare_jid; /* of the sender */
    int64_t now_s;
    struct link *answered;        /* the mail that this is an answer to; NULL: none is known */
    bool is_name_due;             /* the sender's own name should be asked for (again) */
    const char *circle;           /* of the mail that a reply to all answers; then of this one */
    const struct own_exit *exits; /* the sender's own mailboxes, and the one this leaves from */
    size_t exit_count;
    const struct own_exit *exit; /* NULL: it leaves by the gateway's relay */
    struct transaction *mails;   /* to the recipients on the mail side; NULL: none */
    struct parcel *stanzas;      /* one for each recipient on the Jabber side */
};

/* Does the mail of this transaction go to r? */
bool outbound_takes(const struct transaction *t, const struct party *r);

/* The run of an acceptance's work: composes and stores all it holds; repeatable. */
int outbound_store(struct store_txn *txn, struct store_work *work, struct err *e) MUST_CHECK;

#endif
