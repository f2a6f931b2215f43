/*
 * outcome: what becomes of an item, written down in one piece.  No data of its own; runs inside
 * store work, so a crash leaves either the item or its report, never both and never none.
 */
#include "bridge/outcome.h"

#include "base/id.h"
#include "base/log.h"
#include "base/step.h"
#include "component/stream.h"
#include "mapping/stanza/amp.h"
#include "mapping/report/receipts.h"

#include <string.h>

enum { ARENA_MAX = 4 << 20, REPORT_MAX = 16 << 20 };

static int put_one(struct store_txn *txn, enum queue_kind kind, int64_t id, const char *sender,
                   const char *recipient, const char *content, size_t len, int64_t now_s,
                   struct err *e)
{
    struct queue_item item = {.recipient = recipient, .next_at_s = now_s, .last_error = ""};
    struct queue_message m = {
        .id = id,
        .kind = kind,
        .sender = sender,
        .origin = "report",
        .created_s = now_s,
        .content = content,
        .content_len = len,
        .lane = queue_lane(recipient),
        .items = &item,
        .item_count = 1,
    };

    if (queue_put(txn, &m, e) < 0)
        return -1;
    step("report.queued");
    return 0;
}

static const char *node_text(struct arena *a, const struct xml_node *node)
{
    const char *text = NULL;
    struct buf b;

    if (!node)
        return NULL;
    buf_init(&b, REPORT_MAX);
    xml_write(&b, node, STREAM_NS);
    if (!buf_failed(&b))
        text = arena_strndup(a, b.data, b.len);
    buf_clear(&b);
    return text;
}

/* Errors come from the JID that the original was sent to, as RFC 6120 §8.3.1 has it. */
static const char *error_from(const struct link *link)
{
    return link->stanza_to ? link->stanza_to : link->contact;
}

const char *outcome_condition(struct arena *a, const struct xml_node *error)
{
    const struct xml_node *child;

    for (child = error->first; child; child = child->next)
        if (child->name && strcmp(child->ns, "urn:ietf:params:xml:ns:xmpp-stanzas") == 0 &&
            strcmp(child->name, "text") != 0)
            return arena_strdup(a, child->name);
    return "undefined-condition";
}

void outcome_log_set_aside(const struct queue_message *m, unsigned n, const char *to,
                           const char *reason)
{
    char id[ID_TEXT_SIZE];

    log_error("jabber", "event=set-aside id=%s n=%u to=%s reason=\"%s\" see=\"postern queue\"",
              id_format(m->id, id), n, to, reason);
}

const char *outcome_error_text(struct arena *a, const struct link *link,
                               const struct jabber_error *error)
{
    return node_text(a, jabber_error_message(a, error_from(link), link->jid, link->stanza_id,
                                             link->subject, error));
}

int outcome_error(struct store_txn *txn, struct arena *a, const struct link *link,
                  const struct jabber_error *error, int64_t report_id, int64_t now_s, struct err *e)
{
    const char *text = outcome_error_text(a, link, error);

    if (!text)
        return err_memory(e);
    return put_one(txn, QUEUE_STANZA_OUT, report_id, error_from(link), link->jid, text,
                   strlen(text), now_s, e);
}

static int mail_failed(struct store_txn *txn, struct arena *a, const struct queue_message *m,
                       unsigned n, const struct smtp_status *status, int64_t report_id,
                       int64_t now_s, struct err *e)
{
    struct jabber_error error;
    struct link *link;

    if (links_by_id(txn, a, m->id, n, &link, e) < 0)
        return -1;
    if (link) { /* a report of ours has none: never an error for an error */
        if (status_to_jabber(a, status, link->mail, &error) < 0)
            return err_memory(e);
        if (outcome_error(txn, a, link, &error, report_id, now_s, e) < 0)
            return -1;
    }
    return queue_remove(txn, m->id, n, e);
}

int outcome_mail_failed(struct store_txn *txn, const struct queue_message *m, unsigned n,
                        const struct smtp_status *status, int64_t report_id, int64_t now_s,
                        struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    int r;

    if (!a)
        return err_memory(e);
    r = mail_failed(txn, a, m, n, status, report_id, now_s, e);
    arena_free(a);
    return r;
}

/* XEP-0022 §4.3: an event with nothing but the id says that what was told before is cancelled. */
static const char *expired_text(struct arena *a, const struct link *link,
                                const struct queue_message *m)
{
    static const struct receipt_forms event = {.event = true};
    enum expiry_action action = (enum expiry_action)m->expiry;

    if (amp_has_report(action))
        return node_text(
            a, amp_report(a, error_from(link), link->jid, link->stanza_id, action, m->deadline_s));
    return node_text(a, receipts_notice(a, error_from(link), link->jid, link->stanza_id,
                                        NOTICE_CANCELLED, &event));
}

static int mail_expired(struct store_txn *txn, struct arena *a, const struct queue_message *m,
                        unsigned n, int64_t report_id, int64_t now_s, struct err *e)
{
    const char *text;
    struct link *link;

    if (links_by_id(txn, a, m->id, n, &link, e) < 0)
        return -1;
    if (link && m->expiry != EXPIRY_DROP) {
        text = expired_text(a, link, m);
        if (!text)
            return err_memory(e);
        if (put_one(txn, QUEUE_STANZA_OUT, report_id, error_from(link), link->jid, text,
                    strlen(text), now_s, e) < 0)
            return -1;
    }
    return queue_remove(txn, m->id, n, e);
}

int outcome_mail_expired(struct store_txn *txn, const struct queue_message *m, unsigned n,
                         int64_t report_id, int64_t now_s, struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    int r;

    if (!a)
        return err_memory(e);
    r = mail_expired(txn, a, m, n, report_id, now_s, e);
    arena_free(a);
    return r;
}

unsigned outcome_asked(const struct wishes *w)
{
    return (w->delivered ? LINK_ASKED_DELIVERED : 0U) | (w->offline ? LINK_ASKED_OFFLINE : 0U) |
           (w->displayed ? LINK_ASKED_DISPLAYED : 0U) | (w->receipt ? LINK_ASKED_RECEIPT : 0U) |
           (w->markable ? LINK_ASKED_MARKER : 0U);
}

/* What was told need not be told again, nor what it makes stale. */
static unsigned spent_by(enum notice_kind kind)
{
    switch (kind) {
    case NOTICE_OFFLINE:
        return LINK_ASKED_OFFLINE;
    case NOTICE_DELIVERED:
        return LINK_ASKED_OFFLINE | LINK_ASKED_DELIVERED | LINK_ASKED_RECEIPT;
    case NOTICE_DISPLAYED:
        return LINK_ASKED_OFFLINE | LINK_ASKED_DISPLAYED | LINK_ASKED_MARKER;
    case NOTICE_NONE:
    case NOTICE_CANCELLED:
        break;
    }
    return 0;
}

static int put_notice(struct store_txn *txn, struct arena *a, const struct link *link,
                      enum notice_kind kind, const struct receipt_forms *forms, int64_t notice_id,
                      int64_t now_s, struct err *e)
{
    const char *text =
        node_text(a, receipts_notice(a, error_from(link), link->jid, link->stanza_id, kind, forms));

    if (!text)
        return err_memory(e);
    return put_one(txn, QUEUE_STANZA_OUT, notice_id, error_from(link), link->jid, text,
                   strlen(text), now_s, e);
}

int outcome_notice(struct store_txn *txn, struct link *link, enum notice_kind kind,
                   int64_t notice_id, int64_t now_s, struct err *e)
{
    static const unsigned events[] = {[NOTICE_OFFLINE] = LINK_ASKED_OFFLINE,
                                      [NOTICE_DELIVERED] = LINK_ASKED_DELIVERED,
                                      [NOTICE_DISPLAYED] = LINK_ASKED_DISPLAYED,
                                      [NOTICE_CANCELLED] = 0};
    struct receipt_forms forms = {
        .event = (link->asked & events[kind]) != 0,
        .receipt = kind == NOTICE_DELIVERED && (link->asked & LINK_ASKED_RECEIPT),
        .marker = kind == NOTICE_DISPLAYED && (link->asked & LINK_ASKED_MARKER),
    };
    struct arena *a;
    int r;

    link->asked &= ~spent_by(kind);
    if (link->direction != LINK_TO_MAIL || !link->stanza_id ||
        (!forms.event && !forms.receipt && !forms.marker))
        return 0;
    a = arena_new(ARENA_MAX);
    if (!a)
        return err_memory(e);
    r = put_notice(txn, a, link, kind, &forms, notice_id, now_s, e);
    arena_free(a);
    return r < 0 ? -1 : 1;
}

int outcome_item_notice(struct store_txn *txn, int64_t id, unsigned n, enum notice_kind kind,
                        int64_t notice_id, int64_t now_s, struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct link *link;
    int r;

    if (!a)
        return err_memory(e);
    r = links_by_id(txn, a, id, n, &link, e);
    if (r == 0 && link)
        r = outcome_notice(txn, link, kind, notice_id, now_s, e);
    if (r > 0 && links_put(txn, link, e) < 0)
        r = -1;
    arena_free(a);
    return r;
}

int outcome_stanza_failed(struct store_txn *txn, const struct queue_message *m,
                          const struct jabber_error *error, int64_t report_id, int64_t now_s,
                          struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct link *link;
    int r = -1;

    if (!a)
        return err_memory(e);
    if (links_by_id(txn, a, m->id, 0, &link, e) < 0)
        goto out;
    if (link && outcome_error(txn, a, link, error, report_id, now_s, e) < 0)
        goto out;
    r = queue_remove(txn, m->id, 0, e);
out:
    arena_free(a);
    return r;
}

bool outcome_is_asked(unsigned notify, enum report_action action)
{
    switch (action) {
    case REPORT_FAILED:
        return notify == 0 || (notify & NOTIFY_FAILURE);
    case REPORT_DELAYED:
        return notify == 0 || (notify & NOTIFY_DELAY);
    case REPORT_DELIVERED:
    case REPORT_RELAYED:
    case REPORT_EXPANDED:
        return (notify & NOTIFY_SUCCESS) != 0;
    }
    return false;
}

int outcome_report(struct store_txn *txn, const struct settings *s, const struct outcome_report *in,
                   int64_t report_id, int64_t now_s, struct err *e)
{
    struct report_input input = {
        .id = report_id,
        .to = in->reverse_path,
        .recipient = in->recipient,
        .recipient_jid = in->recipient_jid,
        .action = in->action,
        .status = in->status,
        .jabber_condition = in->jabber_condition,
        .arrived_s = in->arrived_s,
        .original = in->original,
        .original_len = in->original_len,
        .envelope_id = in->envelope_id,
        .original_recipient = in->original_recipient,
        .returns_all = in->ret == RET_FULL,
        .also = in->also,
        .also_count = in->also_count,
    };
    struct context ctx;
    struct buf b;
    int r;

    if (!outcome_is_asked(in->notify, in->action))
        return 0;
    if (!in->reverse_path || !in->reverse_path[0])
        return 0; /* RFC 5321 §4.5.5: never a report about a report */
    settings_context(s, now_s, &ctx);
    buf_init(&b, REPORT_MAX);
    r = report_write(&ctx, &input, &b, e);
    if (r == 0)
        r = put_one(txn, QUEUE_MAIL_OUT, report_id, "", in->reverse_path, b.data, b.len, now_s, e);
    buf_clear(&b);
    return r;
}

int outcome_is_reported(struct store_txn *txn, const struct queue_message *m, unsigned n, bool *out,
                        struct err *e)
{
    struct arena *a;
    struct link *link;
    int r;

    *out = false;
    if (!m->sender ||
        !*m->sender) /* nobody is told, so it says nothing that the link names nobody */
        return 0;
    a = arena_new(ARENA_MAX);
    if (!a)
        return err_memory(e);
    r = links_by_id(txn, a, m->id, n, &link, e);
    *out = r == 0 && link && link->direction == LINK_TO_JABBER && link->mail[0] == '\0';
    arena_free(a);
    return r;
}
