/*
 * success: reports of success that the envelope of a mail asked for (NOTIFY=SUCCESS, RFC 3461).
 *
 * The Jabber user's client is asked for a receipt.  When it says so, the mail was delivered; when
 * the time is over and nothing was said, it was passed on to a place that tells no more.  One
 * report of either kind for each recipient, in one transaction with what says that it was written.
 */
#ifndef BRIDGE_REPORTS_SUCCESS_H
#define BRIDGE_REPORTS_SUCCESS_H

#include "bridge/gateway.h"
#include "store/links.h"

struct leg;

/* What a link remembers of NOTIFY: a trace that was asked for (BY=n;NT) is a report, too. */
unsigned success_notify(const struct leg *leg);

/* Inside store work. */
/* The stanza is about to be sent: a report is owed from here, after a while in any case. */
int success_owe(struct store_txn *txn, const struct leg *leg, struct err *e) MUST_CHECK;
/* The host has it: a trace that was asked for is due. */
int success_trace(struct store_txn *txn, const struct leg *leg, struct err *e) MUST_CHECK;
/* It failed, and that is told. */
int success_forget(struct store_txn *txn, int64_t id, unsigned n, struct err *e) MUST_CHECK;
/* The client has said so.  *told_out: a report was owed, and is in the queue under report_id. */
int success_earned(struct store_txn *txn, const struct settings *s, const struct link *link,
                   int64_t report_id, int64_t now_s, bool *told_out, struct err *e) MUST_CHECK;

/* Loop thread, each second: writes what is due. */
void success_tick(struct gateway *g);

#endif
