/*
 * outcome: what becomes of an item, written down in one piece.
 *
 * A failure and the message that reports it are one transaction, so nobody is left without an
 * answer and nobody gets two.  These calls run inside store work, on its thread; ids of new
 * messages are made on the loop before.
 */
#ifndef BRIDGE_OUTCOME_H
#define BRIDGE_OUTCOME_H

#include "bridge/settings.h"
#include "mapping/letter.h"
#include "mapping/report/report_write.h"
#include "mapping/report/status.h"
#include "store/links.h"
#include "store/queue.h"

/* A mail did not arrive: the item goes, an error stanza for the original message is queued under
 * report_id. */
int outcome_mail_failed(struct store_txn *txn, const struct queue_message *m, unsigned n,
                        const struct smtp_status *status, int64_t report_id, int64_t now_s,
                        struct err *e) MUST_CHECK;

/* The message's own deadline passed in our queue: the item goes, the sender is told as m->expiry
 * (enum expiry_action) has it: jabber:x:event cancelled (XEP-0022), a report of XEP-0079, or
 * nothing. */
int outcome_mail_expired(struct store_txn *txn, const struct queue_message *m, unsigned n,
                         int64_t report_id, int64_t now_s, struct err *e) MUST_CHECK;

/* Queues the error stanza for a link under report_id. */
int outcome_error(struct store_txn *txn, struct arena *a, const struct link *link,
                  const struct jabber_error *error, int64_t report_id, int64_t now_s,
                  struct err *e) MUST_CHECK;

/* What became of a message, for its sender on the Jabber side: a notice is queued under notice_id
 * in the forms that were asked for and not given yet, and the link (which is changed, not stored)
 * forgets them.  0: nothing was asked; 1: queued; -1. */
int outcome_notice(struct store_txn *txn, struct link *link, enum notice_kind kind,
                   int64_t notice_id, int64_t now_s, struct err *e) MUST_CHECK;

/* The same for an item of a mail, if there is a link for it, which is stored again. */
int outcome_item_notice(struct store_txn *txn, int64_t id, unsigned n, enum notice_kind kind,
                        int64_t notice_id, int64_t now_s, struct err *e) MUST_CHECK;

/* What the letter asks, as a link remembers it. */
unsigned outcome_asked(const struct wishes *w);

/* A stanza of ours to a Jabber recipient of a multicast was refused: the item goes, the sender is
 * told. */
int outcome_stanza_failed(struct store_txn *txn, const struct queue_message *m,
                          const struct jabber_error *error, int64_t report_id, int64_t now_s,
                          struct err *e) MUST_CHECK;

/* What became of a mail for a Jabber user: a delivery report to its reverse-path is queued under
 * report_id, unless that is null, or NOTIFY (RFC 3461) does not ask for one of this kind. */
struct outcome_report {
    enum report_action action; /* REPORT_FAILED when nothing is set */
    const char *reverse_path;
    const char *recipient;
    const char *recipient_jid;
    const char *jabber_condition;
    struct smtp_status status;
    int64_t arrived_s;
    const char *original;
    size_t original_len;
    /* What the envelope asked, as in store/queue.h. */
    const char *envelope_id, *original_recipient;
    unsigned ret, notify;
    /* What the same became of at the same time, where a report of this kind was asked for. */
    const struct report_also *also;
    size_t also_count;
};
/* Does NOTIFY, or the lack of it, ask for a report of this kind? */
bool outcome_is_asked(unsigned notify, enum report_action action);
int outcome_report(struct store_txn *txn, const struct settings *s, const struct outcome_report *in,
                   int64_t report_id, int64_t now_s, struct err *e) MUST_CHECK;

/* Has item n of this mail been reported to its sender as failed?  An error may come while the mail
 * waits for its next try, or to the copy that was sent before a crash. */
int outcome_is_reported(struct store_txn *txn, const struct queue_message *m, unsigned n, bool *out,
                        struct err *e) MUST_CHECK;

/* The condition that an <error/> names, for Diagnostic-Code; "undefined-condition" when it names
 * none. */
const char *outcome_condition(struct arena *a, const struct xml_node *error);

/* Twice the host closed the stream over this stanza alone; once more would stop everybody's. */
void outcome_log_set_aside(const struct queue_message *m, unsigned n, const char *to,
                           const char *reason);

/* The error stanza for a link, as text in the arena; NULL: memory. */
const char *outcome_error_text(struct arena *a, const struct link *link,
                               const struct jabber_error *error);

#endif
