/*
 * consent: a user's choice on read receipts is looked up, and asked for once.  No data of its own;
 * runs inside store work, so a crash leaves either the mail's item or the question, never both.
 */
#include "bridge/people/consent.h"

#include "component/stream.h"
#include "store/choices.h"
#include "store/queue.h"

int consent_given(struct store_txn *txn, const struct settings *s, const char *bare_jid,
                  bool *given_out, struct err *e)
{
    struct choices choices;

    *given_out = false;
    if (s->conf->receipts == CONF_RECEIPTS_NEVER)
        return 0;
    if (choices_get(txn, bare_jid, &choices, e) < 0)
        return -1;
    *given_out = choices.of[CHOICE_RECEIPTS] == CHOICE_NONE
                     ? s->conf->receipts == CONF_RECEIPTS_ALWAYS
                     : choices.of[CHOICE_RECEIPTS] == CHOICE_YES;
    return 0;
}

bool consent_is_due(const struct leg *leg)
{
    return leg->fate == LEG_TAKEN && !leg->is_answer && (leg->link.asked & LINK_ASKED_DISPLAYED) &&
           leg->shipment->settings->conf->receipts == CONF_RECEIPTS_ASK;
}

static const char *question(const struct leg *leg)
{
    struct arena *a = leg->shipment->arena;
    const char *gw = address_map_gateway(leg->shipment->settings->map);
    const char *asker = leg->shipment->letter->wishes.disposition_to;

    return arena_printf(a,
                        "%s would like to be told when you have seen their mail. Nobody is told "
                        "unless you allow it. Answer here (%s) with one of these:\n"
                        "receipts on - who asks for it is told that you have seen their mail\n"
                        "receipts off - nobody is told\n"
                        "You are asked this only once; both can be said at any time, and \"help\" "
                        "lists what else there is.",
                        asker ? asker : "A sender", gw);
}

static int set_content(const struct leg *leg, struct queue_message *m, struct err *e)
{
    struct arena *a = leg->shipment->arena;
    struct xml_node *stanza = xml_new(a, STREAM_NS, "message");
    const char *text = question(leg);
    char id[ID_TEXT_SIZE];
    struct buf b;

    stanza = xml_set(a, stanza, "from", m->sender);
    stanza = xml_set(a, stanza, "to", leg->to);
    stanza = xml_set(a, stanza, "type", "chat");
    stanza = xml_set(a, stanza, "id", arena_printf(a, "%s-0", id_format(m->id, id)));
    if (!text || !xml_add_with_text(a, stanza, STREAM_NS, "body", text))
        return err_memory(e);
    buf_init(&b, 64 << 10);
    xml_write(&b, stanza, STREAM_NS);
    m->content_len = b.len;
    m->content = buf_failed(&b) ? NULL : arena_strndup(a, b.data, b.len);
    buf_clear(&b);
    return m->content ? 0 : err_memory(e);
}

int consent_put(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct queue_item item = {.recipient = leg->to, .next_at_s = s->now_s, .last_error = ""};
    struct queue_message m = {
        .id = leg->question_id,
        .kind = QUEUE_STANZA_OUT,
        .sender = address_map_gateway(s->settings->map),
        .origin = "mail",
        .created_s = s->now_s,
        .items = &item,
        .item_count = 1,
    };
    struct choices choices;

    if (choices_get(txn, leg->to, &choices, e) < 0)
        return -1;
    if (choices.of[CHOICE_RECEIPTS] != CHOICE_NONE || choices.of[CHOICE_ASKED_ON_RECEIPTS])
        return 0;
    if (choices_put(txn, leg->to, CHOICE_ASKED_ON_RECEIPTS, CHOICE_YES, e) < 0 ||
        set_content(leg, &m, e) < 0)
        return -1;
    return queue_put(txn, &m, e);
}
