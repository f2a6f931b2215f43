/*
 * shipment: a mail of the queue is read and its stanzas are made.
 *
 * Data: one struct shipment per parcel.  The mail is read in another process
 * (bridge/reading/readers); storing its attachments runs on a worker, looking up threads and
 * writing stanzas on the store's writer.  A crash leaves files that no row names (swept at the next
 * start) and the mail in the queue.
 */
#include "bridge/to_jabber/shipment.h"

#include "bridge/to_jabber/suggestion.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/reports/answer.h"
#include "bridge/reports/bounce.h"
#include "bridge/outcome.h"
#include "bridge/own/own.h"
#include "bridge/policy.h"
#include "bridge/to_jabber/hold.h"
#include "bridge/to_jabber/inbound_lmtp.h"
#include "bridge/people/choice_table.h"
#include "bridge/people/roster.h"
#include "bridge/to_jabber/screen.h"
#include "bridge/to_jabber/shelf.h"
#include "bridge/reports/success.h"
#include "bridge/to_mail/acquaint.h"
#include "bridge/to_mail/reply_all.h"
#include "store/people.h"
#include "bridge/to_mail/threading.h"
#include "bridge/to_jabber/upload.h"
#include "mapping/mime/attachment_read.h"
#include "mapping/address/display_name.h"
#include "mapping/mime/mime_read.h"
#include "mapping/mime/mime_write.h"
#include "mapping/report/receipts.h"
#include "mapping/address/people_read.h"
#include "mapping/address/reverse_path.h"
#include "mapping/stanza/stanza_write.h"
#include "store/faces.h"
#include "store/files.h"
#include "store/subscriptions.h"
#include "web/url.h"
#include "web/web.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_EXTRA = 16 << 20,
    UPLOAD_TRIES = 3 /* of a mail whose files nobody takes, before it goes without them */
};

void shipment_free(struct shipment *s)
{
    if (!s)
        return;
    settings_drop(s->settings);
    arena_free(s->arena);
    free(s->legs);
    free(s);
}

/* Ids are made on the loop, before it is known whether they are needed. */
static int make_answer_ids(struct leg *leg)
{
    struct arena *a = leg->shipment->arena;
    struct addr mail;
    struct err e;
    size_t i;

    if (!leg->shipment->is_own) {
        if (addr_parse(a, leg->item->recipient, &mail, &e) < 0)
            return e.class == ERR_RETRY ? -1 : 0;
        if (!address_map_reverse(leg->shipment->settings->map, &mail))
            return 0;
    }
    leg->answer_ids = arena_alloc(leg->shipment->arena, ANSWERS_MAX * sizeof *leg->answer_ids);
    for (i = 0; leg->answer_ids && i < ANSWERS_MAX; i++)
        leg->answer_ids[i] = id_next(&leg->shipment->gateway->ids);
    return leg->answer_ids ? 0 : -1;
}

struct shipment *shipment_new(struct gateway *g, struct parcel *p)
{
    struct shipment *s = calloc(1, sizeof *s);
    size_t i;

    if (!s)
        return NULL;
    s->gateway = g;
    s->parcel = p;
    s->settings = settings_hold(g->settings);
    s->now_s = gateway_now_s(g);
    s->arena = arena_new(reader_arena_max(p->message.content_len) + ARENA_EXTRA);
    s->legs = calloc(p->message.item_count, sizeof *s->legs);
    if (!s->arena || !s->legs) {
        shipment_free(s);
        return NULL;
    }
    s->is_own = own_is_origin(p->message.origin);
    if (s->is_own)
        s->own = own_user(g, s->arena, p->message.origin);
    for (i = 0; i < p->message.item_count; i++) {
        s->legs[i].shipment = s;
        s->legs[i].item = &p->message.items[i];
        s->legs[i].notice_id = id_next(&g->ids);
        if (make_answer_ids(&s->legs[i]) < 0) {
            shipment_free(s);
            return NULL;
        }
    }
    return s;
}

/* The mail has been read; on a worker. */

static void mail_read(struct reader_job *job)
{
    struct shipment *s = (struct shipment *)job;
    const struct queue_message *m = &s->parcel->message;

    s->letter = job->letter;
    if (s->letter && (m->expiry & INBOUND_BY_RETURN) &&
        (s->letter->expires_s == 0 || m->deadline_s < s->letter->expires_s))
        s->letter->expires_s = m->deadline_s;
    if (!s->letter)
        s->err = job->err;
    else if (attachment_hash(s->letter) < 0)
        err_memory(&s->err);
    else if (upload_is_due(s) || shelf_write(s, &s->err) == 0)
        return;
    s->letter = NULL;
}

/* Making the stanzas, on the writer. */

static void drop(struct leg *leg, const char *why)
{
    leg->fate = LEG_DROPPED;
    leg->why = why;
}

static void fail(struct leg *leg, int code, const char *enhanced, const char *text)
{
    leg->fate = LEG_FAILED;
    leg->status.code = code;
    leg->status.enhanced = enhanced;
    leg->status.text = text;
}

static int set_text(struct leg *leg, const struct xml_node *stanza, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct buf b;

    if (!stanza)
        return err_memory(e);
    buf_init(&b, 8 << 20);
    xml_write(&b, stanza, STREAM_NS);
    leg->len = b.len;
    leg->text = buf_failed(&b) ? NULL : arena_strndup(s->arena, b.data, b.len);
    buf_clear(&b);
    if (!leg->text)
        return err_memory(e);
    if ((int64_t)leg->len > s->settings->conf->limit.stanza_size_max)
        fail(leg, 552, "5.3.4", "the message is too large for a Jabber server");
    return 0;
}

static const char *references_text(struct letter *l)
{
    const char *text = "";
    const struct reference *r;

    for (r = l->references; r && text; r = r->next)
        text = arena_printf(l->arena, "%s%s%s", text, *text ? " " : "", r->message_id);
    return text;
}

/* What a reply to this message, and a late error for it, will need to know. */
static int fill_link(struct leg *leg, struct err *e)
{
    enum { HEADER_MAX = 16 << 10 };
    struct shipment *s = leg->shipment;
    const struct queue_message *m = &s->parcel->message;
    struct letter *l = s->letter;
    const char *end = buf_find(m->content, m->content_len, "\r\n\r\n", 4);
    size_t header = end ? (size_t)(end - m->content) + 2 : 0;

    leg->link = (struct link){
        .id = m->id,
        .n = leg->item->n,
        .direction = LINK_TO_JABBER,
        .jid = leg->to,
        .contact = l->from.jid.domain ? jid_bare(s->arena, &l->from.jid) : "",
        .mail = m->sender,
        .alias = leg->item->recipient,
        .stanza_id = leg->id,
        .thread = l->thread,
        .message_id = l->message_id,
        .references = references_text(l),
        .subject = mime_subject(l->arena, l),
        .created_s = s->now_s,
        .asked = (l->wishes.disposition_to && *m->sender ? LINK_ASKED_DISPLAYED : 0U) |
                 (l->type == LETTER_CHAT ? LINK_IS_CHAT : 0U),
        .origin = m->origin,
        .uidvalidity = m->uidvalidity,
        .uid = m->uid,
        .envelope_id = m->envelope_id,
        .original = leg->item->original,
        .ret = m->ret,
        .notify = success_notify(leg),
    };
    if (header > 0 && header <= HEADER_MAX)
        leg->link.mail_header = arena_strndup(s->arena, m->content, header);
    return leg->link.contact && leg->link.references ? 0 : err_memory(e);
}

static int keep_portrait(struct store_txn *txn, struct leg *leg, struct err *e)
{
    const struct portrait *p = leg->shipment->letter->portrait;
    struct face_portrait kept;
    bool is_new, is_there;

    leg->photo = NULL;
    if (!p || leg->shipment->letter->is_doubtful)
        return 0;
    kept = (struct face_portrait){p->type, p->image, p->len};
    if (faces_put_portrait(txn, leg->to, leg->link.contact, &kept, leg->shipment->now_s, &is_new,
                           e) < 0 ||
        subscriptions_has(txn, leg->to, leg->link.contact, &is_there, e) < 0)
        return -1;
    return !is_new || !is_there ? 0
                                : faces_get_photo_hash(txn, leg->shipment->arena, leg->to,
                                                       leg->link.contact, &leg->photo, e);
}

/* How its author spells their address and calls themself, and who else a reply to all is for. */
static int remember(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                    struct err *e)
{
    struct shipment *s = leg->shipment;
    const char *spelling, *circle = reply_all_circle(s->letter), *name = s->letter->from.name;

    /* Who is not the author has no say in what the author is called. */
    name = name && !s->letter->is_doubtful ? display_name(s->arena, name) : "";
    if (!circle || !name || acquaint_spelling(ctx, s->letter, &spelling) < 0)
        return err_memory(e);
    if (*circle && people_put_circle(txn, leg->link.id, circle, s->now_s, e) < 0)
        return -1;
    if (*leg->link.contact == '\0')
        return 0;
    if (*name && faces_put_contact(txn, leg->to, leg->link.contact, name, s->now_s, e) < 0)
        return -1;
    if (keep_portrait(txn, leg, e) < 0)
        return -1;
    return people_put_spelling(txn, leg->link.contact, spelling, s->now_s, e);
}

/* What the envelope asks for this recipient (RFC 3461 §4.1). */
static void set_wishes(struct leg *leg)
{
    struct wishes *w = &leg->shipment->letter->wishes;

    w->never = (leg->item->notify & NOTIFY_NEVER) != 0;
    w->receipt = w->delivered = w->offline = (leg->item->notify & NOTIFY_SUCCESS) != 0;
}

/* What a user wrote has come back to them, forwarded or by a list: they have it.  Where it still
 * carries the reverse-path it left under, they are told that it goes in a circle; a list is not
 * troubled over its own copy (RFC 3834 §2). */
static int came_back(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                     const struct jid *jid, bool *out, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct addr sender;
    struct link *link;
    struct jid author;
    size_t i;

    *out = false;
    for (i = 0; i < s->trace.mark_count && !*out; i++) {
        if (links_by_id(txn, s->arena, s->trace.marks[i], 0, &link, e) < 0)
            return -1;
        *out = link && link->direction == LINK_TO_MAIL &&
               jid_parse(s->arena, link->jid, &author, e) == 0 && jid_is_same_bare(&author, jid);
    }
    if (!*out)
        return 0;
    if (addr_parse(s->arena, s->parcel->message.sender, &sender, e) == 0 &&
        address_map_reverse(ctx->map, &sender))
        fail(leg, 554, "5.4.6", "the message came back to the one who wrote it");
    else
        drop(leg, "a copy of what its reader wrote");
    return 0;
}

/* The stanza as its reader likes it. */
static int write_message(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                         const struct party *recipient, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct letter liked = *s->letter;
    struct context how = *ctx;
    struct choices choices;

    if (choices_get(txn, leg->to, &choices, e) < 0)
        return -1;
    if (suggestion_look(txn, leg, &choices, e) < 0)
        return -1;
    choice_apply(&choices, &how, &liked);
    return set_text(leg, stanza_write(&how, s->arena, &liked, recipient), e);
}

/* A mail for this user. */
static int make_message(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                        const struct jid *jid, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct party recipient = {.jid = *jid, .is_jabber = true, .role = PARTY_TO};
    bool is_reported = false;

    if (came_back(txn, leg, ctx, jid, &is_reported, e) < 0)
        return -1;
    if (is_reported)
        return 0;
    if (!s->parcel->is_new &&
        outcome_is_reported(txn, &s->parcel->message, leg->item->n, &is_reported, e) < 0)
        return -1;
    if (is_reported) {
        drop(leg, "its sender has been told that it failed");
        return 0;
    }
    if ((s->parcel->message.expiry & INBOUND_BY_RETURN) &&
        s->parcel->message.deadline_s <= s->now_s) { /* RFC 2852: that was a promise */
        fail(leg, 554, "5.4.7", "the time that was given for it (BY) is over");
        return 0;
    }
    if (s->letter->expires_s != 0 && s->letter->expires_s <= s->now_s) {
        drop(leg, "expired");
        return 0;
    }
    leg->to = jid_bare(s->arena, jid);
    if (!leg->to)
        return err_memory(e);
    if (hold_leg(txn, leg, e) < 0)
        return -1;
    if (leg->fate == LEG_HELD)
        return 0;
    if (threading_to_jabber(txn, ctx, s->letter, leg->to, e) < 0)
        return -1;
    s->letter->stanza_id = leg->id;
    set_wishes(leg);
    if (write_message(txn, leg, ctx, &recipient, e) < 0)
        return -1;
    if (leg->fate != LEG_SEND)
        return 0;
    /* Before it is sent: an answer may come back sooner than the barrier. */
    if (fill_link(leg, e) < 0 || links_put(txn, &leg->link, e) < 0 || success_owe(txn, leg, e) < 0)
        return -1;
    return remember(txn, leg, ctx, e);
}

/* A report on a message of ours: an error with the original's id. */
static int make_error(struct leg *leg, const struct link *link, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct jabber_error error;

    if (bounce_error(s->arena, s->letter, link->mail, &error) < 0)
        return err_memory(e);
    leg->is_answer = true;
    leg->to = link->jid;
    leg->text = outcome_error_text(s->arena, link, &error);
    leg->len = leg->text ? strlen(leg->text) : 0;
    return leg->text ? 0 : err_memory(e);
}

/* A report: its answers are queued, and it goes, in this one transaction. */
static int make_answers(struct store_txn *txn, struct leg *leg, int64_t id, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct answer_input in = {s->letter, s->arena, id, leg->answer_ids, s->now_s};
    bool is_known;

    if (answer_report(txn, &in, &leg->answers, &is_known, e) < 0)
        return -1;
    if (!is_known) {
        drop(leg, "the message it reports on is no longer known");
        return 0;
    }
    leg->fate = LEG_ANSWERED;
    leg->why = leg->answers > 0 ? "a report" : "a report of nothing that was asked for";
    return queue_remove(txn, s->parcel->message.id, leg->item->n, e);
}

/* A mail to a reverse-path of ours: a report, or an automatic answer that went where reports go. */
static int make_answer(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                       const char *local, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct link *link;
    struct jid jid;
    int64_t id;

    if (reverse_path_check(ctx, local, &id) != KEYED_OK) {
        drop(leg, "the reverse-path is forged or has expired");
        return 0;
    }
    if (s->letter->report && leg->answer_ids)
        return make_answers(txn, leg, id, e);
    if (links_by_id(txn, s->arena, id, 0, &link, e) < 0)
        return -1;
    if (!link) {
        drop(leg, "the message it answers is no longer known");
        return 0;
    }
    if (bounce_is_failure(s->letter))
        return make_error(leg, link, e);
    if (jid_parse(s->arena, link->jid, &jid, e) < 0)
        return -1;
    return make_message(txn, leg, ctx, &jid, e);
}

/* A report that came to the user's own address, from an MTA that lost the reverse-path. */
static int find_reported(struct store_txn *txn, struct leg *leg, const struct jid *jid,
                         struct link **out, struct err *e)
{
    const struct report *report = leg->shipment->letter->report;
    const char *bare;

    *out = NULL;
    if (!report || !report->original_message_id || !bounce_is_failure(leg->shipment->letter))
        return 0;
    bare = jid_bare(leg->shipment->arena, jid);
    if (!bare)
        return err_memory(e);
    if (links_by_message_id(txn, leg->shipment->arena, report->original_message_id, bare, out, e) <
        0)
        return -1;
    if (*out && (*out)->direction != LINK_TO_MAIL)
        *out = NULL;
    return 0;
}

/* A report goes only to a reverse-path that is the sender's: another's owner has nothing to do with
 * the mail. */
static void refuse_doubtful(struct leg *leg)
{
    if (leg->shipment->letter->is_path_proven)
        fail(leg, 550, "5.7.1", "the sender failed the mail server's checks (SPF, DKIM, DMARC)");
    else
        drop(leg, "the sender failed the mail server's checks");
}

/* A report on what left from a user's own mailbox is known by the Message-ID that it returns.  As
 * every recipient knows that, and whoever else saw the mail quoted, what became of it is believed
 * only with our mark in the returned header; else the report is a mail as any other.  That it was
 * displayed is for a recipient to say. */
static int find_own_reported(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                             struct link **out, struct err *e)
{
    struct shipment *s = leg->shipment;
    const struct report *report = s->letter->report;
    const struct queue_message *m = &s->parcel->message;

    *out = NULL;
    if (!report || !report->original_message_id || !leg->answer_ids)
        return 0;
    if (links_by_message_id(txn, s->arena, report->original_message_id, s->own, out, e) < 0)
        return -1;
    if (*out &&
        ((*out)->direction != LINK_TO_MAIL ||
         (report->recipients && !trace_is_returned(ctx, m->content, m->content_len, (*out)->id))))
        *out = NULL;
    return 0;
}

/* A mail of a user's own mailbox is for them, whoever it names. */
static int make_own(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                    struct err *e)
{
    struct shipment *s = leg->shipment;
    struct link *link;
    struct jid jid;

    if (!s->own) {
        drop(leg, "its mailbox is gone");
        return 0;
    }
    if (jid_parse(s->arena, s->own, &jid, e) < 0)
        return -1;
    leg->jid = s->own;
    if (!policy_may_receive(s->settings, &jid)) {
        drop(leg, "its user is no user of this server any more");
        return 0;
    }
    if (find_own_reported(txn, leg, ctx, &link, e) < 0)
        return -1;
    if (link)
        return make_answers(txn, leg, link->id, e);
    if (screen_leg(txn, leg, e) < 0)
        return -1;
    return leg->fate == LEG_SEND ? make_message(txn, leg, ctx, &jid, e) : 0;
}

static int make_leg(struct store_txn *txn, struct leg *leg, const struct context *ctx,
                    struct err *e)
{
    struct shipment *s = leg->shipment;
    char text[ID_TEXT_SIZE];
    struct addr mail;
    struct link *link;
    struct err why;
    struct jid jid;

    leg->fate = LEG_SEND;
    leg->id = arena_printf(s->arena, "%s-%u", id_format(s->parcel->message.id, text), leg->item->n);
    if (!leg->id)
        return err_memory(e);
    if (s->is_own)
        return make_own(txn, leg, ctx, e);
    if (s->trace.hops > TRACE_HOPS_MAX) {
        fail(leg, 554, "5.4.6", "the mail has passed too many servers: it goes in a circle");
        return 0;
    }
    if (addr_parse(s->arena, leg->item->recipient, &mail, &why) < 0) {
        fail(leg, 553, "5.1.3", "the address is none");
        return 0;
    }
    if (address_map_reverse(ctx->map, &mail))
        return make_answer(txn, leg, ctx, address_map_reverse(ctx->map, &mail), e);
    if (acquaint_user(txn, ctx, s->arena, &mail, &jid, &why) < 0) {
        if (why.class == ERR_RETRY)
            return err_set(e, ERR_RETRY, "%s", why.text);
        fail(leg, 550, "5.1.1", "no such Jabber user here");
        return 0;
    }
    leg->jid = jid_bare(s->arena, &jid);
    if (!policy_may_receive(s->settings, &jid)) {
        fail(leg, 550, "5.7.1", "mail is delivered to users of this server only");
        return 0;
    }
    if (s->letter->is_doubtful && s->settings->conf->verdicts.refuse) {
        refuse_doubtful(leg);
        return 0;
    }
    if (find_reported(txn, leg, &jid, &link, e) < 0)
        return -1;
    if (link)
        return make_error(leg, link, e);
    if (screen_leg(txn, leg, e) < 0)
        return -1;
    return leg->fate == LEG_SEND ? make_message(txn, leg, ctx, &jid, e) : 0;
}

static int prepare_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct shipment *s = (struct shipment *)((char *)work - offsetof(struct shipment, prepare));
    struct context ctx;
    size_t i;

    settings_context(s->settings, s->now_s, &ctx);
    trace_read(&ctx, s->parcel->message.content, s->parcel->message.content_len, &s->trace);
    if (shelf_put(txn, s, &ctx, e) < 0)
        return -1;
    for (i = 0; i < s->parcel->message.item_count; i++)
        if (make_leg(txn, &s->legs[i], &ctx, e) < 0)
            return -1;
    step("mail.prepared");
    return 0;
}

static void prepare_done(struct store_work *work, const struct err *e)
{
    struct shipment *s = (struct shipment *)((char *)work - offsetof(struct shipment, prepare));
    size_t i;

    for (i = 0; !e && i < s->parcel->message.item_count; i++)
        if (s->legs[i].photo)
            roster_refresh(s->gateway->roster, s->legs[i].to, s->legs[i].link.contact,
                           s->legs[i].photo);
    s->ready(s, e);
}

static void prepare(struct shipment *s)
{
    struct err busy;

    s->prepare.run = prepare_run;
    s->prepare.done = prepare_done;
    if (store_submit(s->gateway->store, &s->prepare) < 0) {
        err_set(&busy, ERR_RETRY, "the store is busy");
        s->ready(s, &busy);
    }
}

/* Uploading: what is not taken is served by ourselves, or waits, or is told not to be there. */

static struct shipment *of_shelve(struct work_job *job)
{
    return (struct shipment *)(void *)((char *)job - offsetof(struct shipment, shelve));
}

static int say_not_delivered(struct shipment *s)
{
    const char *text = arena_printf(
        s->arena,
        "Files of this mail could not be delivered (%s). Ask its author to send them another way.",
        s->upload_err.text);

    return text ? people_add_notice(s->letter, text) : -1;
}

static void shelve_run(struct work_job *job)
{
    struct shipment *s = of_shelve(job);
    bool is_short = s->upload_err.class != ERR_NONE && !s->settings->conf->web_url;

    err_clear(&s->err);
    if (shelf_write(s, &s->err) == 0 && is_short && say_not_delivered(s) < 0)
        err_memory(&s->err);
}

static void shelved(struct work_job *job)
{
    struct shipment *s = of_shelve(job);

    if (s->err.class != ERR_NONE)
        s->ready(s, &s->err);
    else
        prepare(s);
}

/* Is it worth waiting for a service that is out of order? */
static bool has_patience(const struct shipment *s)
{
    return s->upload_err.class == ERR_RETRY && !s->settings->conf->web_url &&
           s->parcel->message.items[0].attempts < UPLOAD_TRIES;
}

static void uploaded(struct shipment *s)
{
    struct err e;

    s->shelve.run = shelve_run;
    s->shelve.done = shelved;
    if (has_patience(s)) {
        s->ready(s, &s->upload_err);
    } else if (!stream_is_up(s->gateway->stream) || s->gateway->is_closing ||
               work_submit(s->gateway->workers, &s->shelve) < 0) {
        err_set(&e, ERR_RETRY, "the gateway is busy");
        s->ready(s, &e);
    }
}

/* Back on the loop after reading. */
static void read_done(struct reader_job *job)
{
    struct shipment *s = (struct shipment *)job;

    if (!s->letter) {
        s->ready(s, &s->err);
    } else if (!upload_is_due(s)) {
        prepare(s);
    } else if (upload_start(s->gateway->uploads, s, uploaded) < 0) {
        err_set(&s->upload_err, ERR_RETRY, "too many mails with files at a time");
        uploaded(s);
    }
}

static int set_request(struct shipment *s)
{
    const struct queue_message *m = &s->parcel->message;
    const char **recipients = arena_alloc(s->arena, (m->item_count + 1) * sizeof *recipients);
    size_t i;

    if (!recipients)
        return -1;
    for (i = 0; i < m->item_count; i++)
        recipients[i] = m->items[i].recipient;
    s->read.request = (struct wire_request){
        .envelope = {.reverse_path = s->is_own ? NULL : m->sender,
                     .recipients = recipients,
                     .recipient_count = m->item_count},
        .now_s = s->now_s,
        .wants_page = s->settings->conf->web_url != NULL,
        .shortens = true,
    };
    return 0;
}

int shipment_start(struct shipment *s)
{
    if (set_request(s) < 0)
        return -1;
    s->read.settings = s->settings;
    s->read.mail = s->parcel->message.content;
    s->read.len = s->parcel->message.content_len;
    s->read.arena = s->arena;
    s->read.id = s->parcel->message.id;
    s->read.read = mail_read;
    s->read.done = read_done;
    return readers_submit(s->gateway->readers, &s->read);
}
