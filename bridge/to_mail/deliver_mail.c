/*
 * deliver_mail: mail in the queue goes to the relay.
 *
 * Data: one struct mailing per parcel at the sender.  Loop thread; the outcome is written as store
 * work. A crash between the relay's 250 and the commit of the outcome sends the mail once more,
 * with the same Message-ID: the one duplicate that promise 1 of the design allows.
 */
#include "bridge/to_mail/deliver_mail.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/to_mail/fetch.h"
#include "bridge/gateway.h"
#include "bridge/outcome.h"
#include "bridge/own/own.h"
#include "bridge/policy.h"
#include "bridge/reports/poison.h"
#include "mapping/report/receipts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict { VERDICT_DELIVERED, VERDICT_LATER, VERDICT_FAILED, VERDICT_EXPIRED };

/* What the queue keeps is written down by one and read by the other. */
_Static_assert((int)SEND_NOTIFY_SUCCESS == (int)NOTIFY_SUCCESS &&
                   (int)SEND_NOTIFY_FAILURE == (int)NOTIFY_FAILURE &&
                   (int)SEND_NOTIFY_DELAY == (int)NOTIFY_DELAY &&
                   (int)SEND_NOTIFY_NEVER == (int)NOTIFY_NEVER,
               "the bits of NOTIFY");

struct fate { /* of one item */
    enum verdict verdict;
    bool is_out_of_sight; /* it waits, or is where nobody reports from: jabber:x:event offline */
    struct smtp_status status;
    int64_t report_id; /* of the message that tells the sender */
    int64_t next_at_s;
};

struct mailing {
    struct persist_work outcome;
    struct send_job job;
    struct gateway *gateway;
    struct settings *settings;
    struct parcel *parcel;
    struct send_recipient *recipients;
    struct fate *fates;
    char envelope_id[ID_TEXT_SIZE];
    int64_t now_s;
    bool is_own, wants_copy; /* it leaves from a user's own mailbox; and is laid into its Sent */
};

static void mailing_free(struct mailing *m)
{
    if (!m)
        return;
    settings_drop(m->settings);
    free(m->recipients);
    free(m->fates);
    free(m);
}

static struct mailing *mailing_new(struct gateway *g, struct parcel *p)
{
    struct mailing *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->gateway = g;
    m->settings = settings_hold(g->settings);
    m->parcel = p;
    m->recipients = calloc(p->message.item_count, sizeof *m->recipients);
    m->fates = calloc(p->message.item_count, sizeof *m->fates);
    if (!m->recipients || !m->fates) {
        mailing_free(m);
        return NULL;
    }
    return m;
}

/* The outcome, on the writer. */

/* The first that was delivered brings the copy for Sent. */
static int put_copy(struct store_txn *txn, const struct mailing *m, struct err *e)
{
    const struct queue_message *message = &m->parcel->message;
    size_t i;

    for (i = 0; i < message->item_count; i++)
        if (m->fates[i].verdict == VERDICT_DELIVERED)
            return own_put_copy(txn, message->origin, message->id, message->content,
                                message->content_len, m->now_s, e);
    return 0;
}

static int write_fate(struct store_txn *txn, const struct mailing *m, size_t i, struct err *e)
{
    const struct queue_message *message = &m->parcel->message;
    const struct fate *fate = &m->fates[i];
    unsigned n = message->items[i].n;

    if (fate->is_out_of_sight &&
        outcome_item_notice(txn, message->id, n, NOTICE_OFFLINE, fate->report_id, m->now_s, e) < 0)
        return -1;
    switch (fate->verdict) {
    case VERDICT_DELIVERED:
        return queue_remove(txn, message->id, n, e);
    case VERDICT_LATER:
        return queue_defer(txn, message->id, n, fate->next_at_s,
                           fate->status.text ? fate->status.text : "", e);
    case VERDICT_FAILED:
        return outcome_mail_failed(txn, message, n, &fate->status, fate->report_id, m->now_s, e);
    case VERDICT_EXPIRED:
        return outcome_mail_expired(txn, message, n, fate->report_id, m->now_s, e);
    }
    return err_set(e, ERR_BUG, "no such verdict");
}

static int outcome_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct mailing *m = (struct mailing *)w;
    size_t i;

    for (i = 0; i < m->parcel->message.item_count; i++)
        if (write_fate(txn, m, i, e) < 0)
            return -1;
    if (m->wants_copy && put_copy(txn, m, e) < 0)
        return -1;
    step("outcome.mail-out");
    return 0;
}

/* What cannot be written down so is set aside; the relay has answered, so nothing goes again. */
static int outcome_instead(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    const struct mailing *m = (const struct mailing *)w;
    const struct queue_message *message = &m->parcel->message;
    size_t i;
    int r = 0;

    for (i = 0; i < message->item_count && r == 0; i++) {
        const struct fate *fate = &m->fates[i];
        unsigned n = message->items[i].n;

        if (fate->verdict == VERDICT_DELIVERED)
            r = queue_remove(txn, message->id, n, e);
        else if (fate->verdict == VERDICT_LATER)
            r = queue_defer(txn, message->id, n, fate->next_at_s, w->why.text, e);
        else
            r = queue_set_aside(txn, message->id, n, w->why.text, false, m->now_s, e);
    }
    return r;
}

static bool is_set_aside(const struct mailing *m, size_t i)
{
    enum verdict verdict = m->fates[i].verdict;

    return m->outcome.why.class != ERR_NONE &&
           (verdict == VERDICT_FAILED || verdict == VERDICT_EXPIRED);
}

static void outcome_done(struct persist_work *w, const struct err *e)
{
    struct mailing *m = (struct mailing *)w;
    struct gateway *g = m->gateway;
    int64_t next = 0;
    bool has_report = false;
    size_t i;

    step("outcome.mail-out-stored");
    if (e)
        log_error("outcome", "event=not-written class=%s error=\"%s\"", err_class_name(e->class),
                  e->text);
    for (i = 0; i < m->parcel->message.item_count; i++) {
        const struct fate *fate = &m->fates[i];

        if (!e && is_set_aside(m, i))
            poison_given_up(g, &m->parcel->message, m->parcel->message.items[i].n, w->why.text);
        if (fate->verdict == VERDICT_LATER && (next == 0 || fate->next_at_s < next))
            next = fate->next_at_s;
        has_report = has_report || fate->report_id != 0;
    }
    if (m->wants_copy && !e)
        own_work(g, m->parcel->message.origin);
    courier_finish(g->mail_out, m->parcel, next);
    if (has_report)
        courier_rescan(g->stanza_out);
    mailing_free(m);
}

static void write_outcome(struct mailing *m)
{
    m->outcome.run = outcome_run;
    m->outcome.instead = outcome_instead;
    m->outcome.done = outcome_done;
    persist_submit(m->gateway->persist, &m->outcome);
}

/* Judging what the relay said. */

static void status_of(const struct send_recipient *r, struct smtp_status *out)
{
    static const enum smtp_trouble troubles[] = {
        [SEND_ANSWERED] = SMTP_TROUBLE_NONE,   [SEND_CONNECT] = SMTP_TROUBLE_CONNECT,
        [SEND_TIMEOUT] = SMTP_TROUBLE_TIMEOUT, [SEND_NO_NAME] = SMTP_TROUBLE_NO_NAME,
        [SEND_LOGIN] = SMTP_TROUBLE_LOGIN,     [SEND_UNSENT] = SMTP_TROUBLE_NONE};

    out->code = r->trouble == SEND_UNSENT && r->code == 0 ? 554 : r->code;
    out->enhanced = r->enhanced[0] ? r->enhanced : NULL;
    out->text = r->text[0] ? r->text : NULL;
    out->trouble = troubles[r->trouble];
}

/* A user's own server does not let us in: for good, unless it says otherwise. */
static bool is_locked_out(const struct mailing *m, const struct send_recipient *r)
{
    bool is_login = r->trouble == SEND_LOGIN ||
                    (r->trouble == SEND_ANSWERED && (r->code == 530 || r->code == 535));

    return m->is_own && is_login && r->code / 100 != 4;
}

static void judge(struct mailing *m, size_t i)
{
    static const char *const words[] = {"delivered", "later", "failed", "expired"};
    static const enum stat stats[] = {STAT_MAIL_DELIVERED, STAT_MAIL_LATER, STAT_MAIL_FAILED,
                                      STAT_MAIL_EXPIRED};
    const struct queue_message *message = &m->parcel->message;
    struct fate *fate = &m->fates[i];
    char id[ID_TEXT_SIZE];

    status_of(&m->recipients[i], &fate->status);
    if (is_locked_out(m, &m->recipients[i]))
        fate->status.trouble = SMTP_TROUBLE_OWN;
    switch (status_class(&fate->status)) {
    case SMTP_DELIVERED:
        fate->verdict = VERDICT_DELIVERED;
        break;
    case SMTP_FAILED:
        fate->verdict = VERDICT_FAILED;
        break;
    case SMTP_LATER:
        fate->verdict =
            policy_is_given_up(m->settings, message, m->now_s) ? VERDICT_FAILED : VERDICT_LATER;
        break;
    }
    if (fate->verdict == VERDICT_LATER)
        fate->next_at_s =
            policy_next_try(m->settings, message, message->items[i].attempts, m->now_s);
    /* RFC 3461 §6.2.7.1: a relay that offers DSN will tell itself. */
    if ((message->items[i].notify & NOTIFY_DELAY) &&
        (fate->verdict == VERDICT_LATER || (fate->verdict == VERDICT_DELIVERED && !m->job.has_dsn)))
        fate->is_out_of_sight = true;
    if (fate->verdict == VERDICT_FAILED || fate->is_out_of_sight)
        fate->report_id = id_next(&m->gateway->ids);
    gateway_count(m->gateway, stats[fate->verdict]);
    log_info("smtp", "event=%s id=%s n=%u code=%d status=%s reply=\"%s\"", words[fate->verdict],
             id_format(message->id, id), message->items[i].n, fate->status.code,
             fate->status.enhanced ? fate->status.enhanced : "-",
             fate->status.text ? fate->status.text : "");
}

/* A mail that was not fit to be sent says nothing about the relay. */
static void note_relay(struct mailing *m)
{
    const struct send_recipient *r = &m->recipients[0];
    const char *origin = m->parcel->message.origin;

    if (m->is_own) {
        if (is_locked_out(m, r))
            own_login(m->gateway, origin, r->text[0] ? r->text : "it refuses user and password");
        else if (r->trouble == SEND_ANSWERED)
            own_login(m->gateway, origin, NULL);
        return;
    }
    if (r->trouble == SEND_ANSWERED)
        stats_relay(&m->gateway->stats, NULL, m->now_s);
    else if (r->trouble != SEND_UNSENT)
        stats_relay(&m->gateway->stats, r->text[0] ? r->text : "no connection", m->now_s);
}

static void sent(struct send_job *job)
{
    struct mailing *m = job->arg;
    size_t i;

    step("mail.sent");
    m->gateway->sending--;
    m->now_s = gateway_now_s(m->gateway);
    for (i = 0; i < job->recipient_count; i++)
        judge(m, i);
    note_relay(m);
    write_outcome(m);
    courier_poke(m->gateway->mail_out);
}

static void expire(struct mailing *m)
{
    char id[ID_TEXT_SIZE];
    size_t i;

    for (i = 0; i < m->parcel->message.item_count; i++) {
        m->fates[i].verdict = VERDICT_EXPIRED;
        m->fates[i].report_id = id_next(&m->gateway->ids);
    }
    gateway_count(m->gateway, STAT_MAIL_EXPIRED);
    log_info("smtp", "event=expired id=%s", id_format(m->parcel->message.id, id));
    write_outcome(m);
}

static bool has_expired(const struct gateway *g, const struct parcel *p)
{
    return p->message.deadline_s != 0 && p->message.deadline_s <= gateway_now_s(g);
}

static void answer_all(struct mailing *m, enum send_trouble trouble, const char *text)
{
    size_t i;

    for (i = 0; i < m->job.recipient_count; i++) {
        m->recipients[i].trouble = trouble;
        snprintf(m->recipients[i].text, sizeof m->recipients[i].text, "%s", text);
        judge(m, i);
    }
    write_outcome(m);
}

/* A mailbox that is gone fails its mail, one that cannot be used now, or has too much to send
 * already, lets it wait: nobody else's mail does. */
static void send_by_own(struct mailing *m)
{
    const char *origin = m->parcel->message.origin, *why;
    bool is_gone;
    struct sender *sender = own_sender(m->gateway, origin, &is_gone, &why);

    m->wants_copy = own_wants_copy(m->gateway, origin);
    if (!sender)
        answer_all(m, is_gone ? SEND_LOGIN : SEND_CONNECT, why);
    else if (sender_submit(sender, &m->job) == 0)
        m->gateway->sending++;
    else
        answer_all(m, SEND_CONNECT, "too much waits for this mailbox's server");
}

static bool send_parcel(struct gateway *g, struct parcel *p)
{
    struct queue_message *message = &p->message;
    struct mailing *m = mailing_new(g, p);
    size_t i;

    if (!m)
        return false;
    m->now_s = gateway_now_s(g);
    if (has_expired(g, p)) {
        expire(m);
        return true;
    }
    for (i = 0; i < message->item_count; i++) {
        m->recipients[i].address = message->items[i].recipient;
        m->recipients[i].notify = message->items[i].notify;
        if (receipts_has_request(message->items[i].notify))
            m->job.envelope_id = id_format(message->id, m->envelope_id);
    }
    m->job.reverse_path = message->sender;
    m->job.recipients = m->recipients;
    m->job.recipient_count = message->item_count;
    m->job.deadline_s = message->deadline_s;
    m->job.message = message->content;
    m->job.message_len = message->content_len;
    m->job.done = sent;
    m->job.arg = m;
    step("mail.due");
    courier_mark(g->mail_out, p);
    m->is_own = own_is_origin(message->origin);
    if (m->is_own) {
        send_by_own(m);
        return true;
    }
    if (sender_submit(g->sender, &m->job) < 0) {
        mailing_free(m);
        return false;
    }
    g->sending++;
    return true;
}

bool deliver_mail(struct parcel *p, void *arg)
{
    struct gateway *g = arg;

    if (!has_expired(g, p) && fetch_is_due(p)) {
        if (fetch_start(g->fetches, p) == 0)
            return true;
        if (fetch_skip(p) < 0)
            return false;
    }
    return send_parcel(g, p);
}
