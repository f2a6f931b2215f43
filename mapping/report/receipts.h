/*
 * receipts: what is asked about a message and what is told of it: jabber:x:event (XEP-0022),
 * XEP-0184 and XEP-0333 on the Jabber side, DSN (RFC 3461) and MDN (RFC 8098) on the mail side.
 * Pure; any thread.
 */
#ifndef MAPPING_REPORT_RECEIPTS_H
#define MAPPING_REPORT_RECEIPTS_H

#include <stdbool.h>

#include "base/xml.h"
#include "mapping/mime/header_read.h"
#include "mapping/letter.h"

/* ---- Jabber ---- */

/* Reads an element of one of the three namespaces: letter->wishes, or notice_kind and notice_id. -1
 * when the arena is exhausted. */
int receipts_read(struct letter *letter, const struct xml_node *node) MUST_CHECK;

/* Is the letter a receipt, and nothing that would be a mail?  A cancelled event and one that is
 * still being written say nothing to mail. */
bool receipts_is_notice(const struct letter *letter);

/* Adds to stanza what letter->wishes asks of the Jabber user.  -1: the arena is exhausted. */
int receipts_write(struct arena *a, const struct letter *letter,
                   struct xml_node *stanza) MUST_CHECK;

/* The forms of a notice that were asked for; both generations may be. */
struct receipt_forms {
    bool event;   /* jabber:x:event */
    bool receipt; /* XEP-0184 received; of NOTICE_DELIVERED alone */
    bool marker;  /* XEP-0333 displayed; of NOTICE_DISPLAYED alone */
};

/* A stanza that says what became of message id (XEP-0022 §4: <id/> and one event, no body; a
 * cancelled one has the id alone).  id NULL: the message had none.  NULL when the arena is
 * exhausted. */
struct xml_node *receipts_notice(struct arena *a, const char *from, const char *to, const char *id,
                                 enum notice_kind kind, const struct receipt_forms *forms);

/* ---- mail ---- */

/* RFC 3461 §4.1, for the engine; no bit: nothing is said, and the server decides. */
enum receipts_notify { NOTIFY_SUCCESS = 1, NOTIFY_FAILURE = 2, NOTIFY_DELAY = 4, NOTIFY_NEVER = 8 };
/* §4.3, what of a failed mail goes back; not said: as the reporter likes. */
enum receipts_ret { RET_NOT_SAID, RET_FULL, RET_HDRS };
unsigned receipts_notify(const struct wishes *w);
/* Are reports of more than failures asked for, so that ENVID, RET and ORCPT are worth sending? */
bool receipts_has_request(unsigned notify);

/* " NOTIFY=SUCCESS,FAILURE", "" for no bit; for people to read. */
void receipts_notify_text(struct buf *out, unsigned notify);
/* xtext (RFC 3461 §4). */
void receipts_xtext(struct buf *out, const char *text);

/* Disposition-Notification-To of a mail whose reverse_path is known: only where both are one
 * address is a receipt owed (RFC 8098 §2.1).  -1 when the arena is exhausted. */
int receipts_read_mail(struct letter *letter, const struct mail_header *h) MUST_CHECK;

/* What a delivery report or disposition says to the sender on the Jabber side; NOTICE_NONE:
 * nothing, or a failure. */
enum notice_kind receipts_of_action(enum report_action action);
enum notice_kind receipts_of_disposition(enum disposition disposition);

#endif
