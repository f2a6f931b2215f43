/*
 * hold: a mail whose user does not want it now stays in the queue.
 *
 * No data.  Judged and written in the transaction that would have made the stanza: a crash leaves
 * the mail due or held.  Where its user comes while it is judged, bridge/people/attendance has the
 * new presence before release_settle is given to the store's writer, so the mail is judged by the
 * new one or is there to be let go.
 */
#include "bridge/to_jabber/hold.h"

#include "bridge/people/attendance.h"
#include "bridge/to_jabber/hold_rules.h"
#include "bridge/to_jabber/hold_say.h"
#include "bridge/to_jabber/inbound_lmtp.h"
#include "mapping/address/display_name.h"

/* RFC 5321 §2.4 lets local parts differ by case; users who type them do not. */
static const char *mail_of(struct arena *a, const struct letter *l)
{
    const char *mail = l->from.mail.domain ? addr_text(a, &l->from.mail) : "";
    char *copy = mail ? arena_strdup(a, mail) : NULL, *p;

    for (p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    return copy;
}

static void sooner(int64_t *due_s, int64_t at_s, int64_t now_s)
{
    if (at_s > now_s && at_s < *due_s)
        *due_s = at_s;
}

/* When it is over for the mail itself, or it has been held long enough. */
static int64_t due_at(const struct shipment *s)
{
    const struct queue_message *m = &s->parcel->message;
    int64_t due_s = m->created_s + s->settings->conf->queue.hold_max_s;

    sooner(&due_s, s->letter->expires_s, s->now_s);
    if (m->expiry & (INBOUND_BY_RETURN | INBOUND_BY_NOTIFY))
        sooner(&due_s, m->deadline_s, s->now_s);
    return due_s;
}

/* With BY=n;N it is held anew when that time is over. */
static bool was_held(const struct shipment *s)
{
    const struct queue_message *m = &s->parcel->message;

    return (m->expiry & INBOUND_BY_NOTIFY) && m->deadline_s != 0 && m->deadline_s <= s->now_s;
}

static int describe(const struct leg *leg, struct held_mail *m, struct err *e)
{
    struct shipment *s = leg->shipment;
    const struct letter *l = s->letter;

    m->id = s->parcel->message.id;
    m->n = leg->item->n;
    m->bare_jid = leg->to;
    m->arrived_s = s->parcel->message.created_s;
    m->due_s = due_at(s);
    m->is_told = m->how == CHOICE_NOTIFY || was_held(s);
    m->size = (int64_t)s->parcel->message.content_len;
    m->mail = mail_of(s->arena, l);
    m->name = l->from.name && !l->is_doubtful ? display_name(s->arena, l->from.name) : "";
    m->subject = hold_line(s->arena, l->subject, HOLD_SUBJECT_MAX);
    m->words = hold_line(s->arena, l->encrypted ? "" : l->text, HOLD_WORDS_MAX);
    return m->mail && m->name && m->subject && m->words ? 0 : err_memory(e);
}

/* All that gathers for a list goes with the same one. */
static int set_list_time(struct store_txn *txn, const struct choices *choices, int64_t now_s,
                         struct held_mail *m, struct err *e)
{
    if (m->how != CHOICE_DIGEST || m->is_told)
        return 0;
    if (held_next_list(txn, m->bare_jid, &m->list_at_s, e) < 0)
        return -1;
    if (m->list_at_s == 0)
        m->list_at_s = hold_list_time(choices, now_s);
    return 0;
}

static int put(struct store_txn *txn, struct leg *leg, const struct choices *choices,
               struct held_mail *m, struct err *e)
{
    struct shipment *s = leg->shipment;
    const struct hold_telling telling = {s->settings, s->arena, leg->to, leg->notice_id, s->now_s};
    struct held_sum sum;

    if (held_sum(txn, leg->to, &sum, e) < 0)
        return -1;
    if (sum.count >= HOLD_COUNT_MAX ||
        sum.bytes + (int64_t)s->parcel->message.content_len > HOLD_BYTES_MAX)
        return 0;
    if (describe(leg, m, e) < 0 || set_list_time(txn, choices, s->now_s, m, e) < 0 ||
        held_put(txn, m, e) < 0)
        return -1;
    leg->has_notice = m->how == CHOICE_NOTIFY && !was_held(s);
    if (leg->has_notice && hold_tell_new(txn, &telling, choices, m, e) < 0)
        return -1;
    leg->fate = LEG_HELD;
    leg->why = "as its user wants it";
    return 0;
}

int hold_leg(struct store_txn *txn, struct leg *leg, struct err *e)
{
    struct shipment *s = leg->shipment;
    enum show show = attendance_of(s->gateway->attendance, leg->to);
    struct held_mail m = {0};
    struct choices choices;

    leg->has_notice = false; /* of an earlier run */
    if (show == SHOW_UNKNOWN || leg->item->released_s != 0 ||
        s->parcel->message.created_s + s->settings->conf->queue.hold_max_s <= s->now_s)
        return 0;
    if (choices_get(txn, leg->to, &choices, e) < 0)
        return -1;
    m.how = hold_action(&choices, show);
    return m.how == CHOICE_DELIVER ? 0 : put(txn, leg, &choices, &m, e);
}
