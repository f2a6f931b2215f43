/*
 * answer: one stanza for each recipient that a report tells something of.  No data of its own; what
 * it queues and what the links forget is one transaction with the removal of the report, so a crash
 * leaves either the report or its answers.
 */
#include "bridge/reports/answer.h"

#include "bridge/reports/bounce.h"
#include "bridge/outcome.h"
#include "mapping/report/receipts.h"

int answer_find_link(struct store_txn *txn, struct arena *a, int64_t id, const char *address,
                     struct link **out, struct err *e)
{
    struct link *link, *only;
    struct addr want, have;
    struct err ignored;
    unsigned n;

    *out = NULL;
    if (links_by_id(txn, a, id, 0, &only, e) < 0)
        return -1;
    link = only;
    if (link && (!address || addr_parse(a, address, &want, &ignored) < 0))
        address = NULL;
    for (n = 0; link && n < ANSWERS_MAX * 2; n++) {
        if (address && addr_parse(a, link->mail, &have, &ignored) == 0 &&
            addr_is_same(&want, &have)) {
            *out = link;
            return 0;
        }
        if (links_by_id(txn, a, id, n + 1, &link, e) < 0)
            return -1;
    }
    if (n == 1)
        *out = only; /* forwarded to another address, perhaps */
    return 0;
}

struct answering {
    struct store_txn *txn;
    const struct answer_input *in;
    unsigned told, links;
};

/* More than are queued at once are left out: no report of an honest MTA names so many. */
static int64_t next_id(struct answering *w)
{
    return w->told < ANSWERS_MAX ? w->in->ids[w->told] : 0;
}

static int tell_failure(struct answering *w, struct link *link, const char *address, struct err *e)
{
    struct jabber_error error;

    if (next_id(w) == 0)
        return 0;
    if (bounce_error(w->in->arena, w->in->letter, address ? address : link->mail, &error) < 0)
        return err_memory(e);
    if (outcome_error(w->txn, w->in->arena, link, &error, next_id(w), w->in->now_s, e) < 0)
        return -1;
    w->told++;
    link->asked = 0;
    return links_put(w->txn, link, e);
}

static int tell_notice(struct answering *w, struct link *link, enum notice_kind kind, struct err *e)
{
    unsigned before = link->asked;
    int r;

    if (next_id(w) == 0)
        return 0;
    r = outcome_notice(w->txn, link, kind, next_id(w), w->in->now_s, e);
    if (r < 0)
        return -1;
    w->told += r > 0;
    return link->asked == before ? 0 : links_put(w->txn, link, e);
}

static int tell(struct answering *w, const char *address, bool is_failure, enum notice_kind kind,
                struct err *e)
{
    struct link *link;

    if (answer_find_link(w->txn, w->in->arena, w->in->message_id, address, &link, e) < 0)
        return -1;
    if (!link && is_failure && /* somebody did not get it, whoever it was */
        links_by_id(w->txn, w->in->arena, w->in->message_id, 0, &link, e) < 0)
        return -1;
    if (!link || link->direction != LINK_TO_MAIL)
        return 0;
    w->links++;
    return is_failure ? tell_failure(w, link, address, e) : tell_notice(w, link, kind, e);
}

int answer_report(struct store_txn *txn, const struct answer_input *in, unsigned *told_out,
                  bool *known_out, struct err *e)
{
    const struct report *report = in->letter->report;
    struct answering w = {.txn = txn, .in = in};
    const struct report_recipient *r;
    int rc = 0;

    if (report->disposition != DISPOSITION_NONE)
        rc = tell(&w, report->disposition_recipient, false,
                  receipts_of_disposition(report->disposition), e);
    for (r = report->recipients; r && rc == 0; r = r->next)
        rc = tell(&w, r->address, r->action == REPORT_FAILED, receipts_of_action(r->action), e);
    *told_out = w.told;
    *known_out = w.links > 0;
    return rc;
}
