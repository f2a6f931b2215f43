/*
 * introduction: contacts become a ready stanza of the queue.  No data of its own; runs inside store
 * work, so a crash leaves either the mail's item or this stanza, never both.
 */
#include "bridge/to_jabber/introduction.h"

#include "component/stream.h"
#include "mapping/card/contacts.h"

bool introduction_is_due(const struct leg *leg)
{
    const struct letter *l = leg->shipment->letter;

    return leg->fate == LEG_TAKEN && !leg->is_answer && l && l->contacts;
}

static const char *stanza_text(struct arena *a, const struct xml_node *stanza, size_t *len_out)
{
    const char *text = NULL;
    struct buf b;

    buf_init(&b, 4 << 20);
    xml_write(&b, stanza, STREAM_NS);
    *len_out = b.len;
    if (!buf_failed(&b))
        text = arena_strndup(a, b.data, b.len);
    buf_clear(&b);
    return text;
}

int introduction_put(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    struct shipment *s = leg->shipment;
    struct queue_item item = {.recipient = leg->to, .next_at_s = s->now_s, .last_error = ""};
    struct queue_message m = {
        .id = leg->contacts_id,
        .kind = QUEUE_STANZA_OUT,
        .sender = leg->link.contact,
        .origin = "mail",
        .created_s = s->now_s,
        .lane = queue_lane(leg->to),
        .items = &item,
        .item_count = 1,
    };
    struct letter letter = *s->letter;
    struct party recipient = {.is_jabber = true};
    struct xml_node *stanza;
    struct context ctx;
    char text[ID_TEXT_SIZE];
    const char *id = arena_printf(s->arena, "%s-0", id_format(m.id, text));

    settings_context(s->settings, s->now_s, &ctx);
    letter.thread = leg->link.thread; /* this user's */
    if (!id || jid_parse(s->arena, leg->to, &recipient.jid, e) < 0)
        return err_memory(e);
    stanza = contacts_write(&ctx, s->arena, &letter, &recipient, id);
    m.content = stanza ? stanza_text(s->arena, stanza, &m.content_len) : NULL;
    return m.content ? queue_put(txn, &m, e) : err_memory(e);
}
