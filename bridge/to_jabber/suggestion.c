/*
 * suggestion: the gateway proposes to add who has written for the first time.
 *
 * No data of its own.  It costs a look at what the two have written to each other, and only for
 * users who want it.  Queued in the transaction that ends the mail, so it comes once; a mail that
 * had to be made again, after a crash or a lost stream, finds its own link and suggests nothing.
 */
#include "bridge/to_jabber/suggestion.h"

#include "bridge/people/texts.h"
#include "component/stream.h"
#include "mapping/address/address_map.h"
#include "mapping/address/display_name.h"
#include "store/subscriptions.h"

#define ROSTERX_NS "http://jabber.org/protocol/rosterx"

int suggestion_look(struct store_txn *txn, struct leg *leg, const struct choices *choices,
                    struct err *e)
{
    const struct shipment *s = leg->shipment;
    const struct letter *l = s->letter;
    const char *contact;
    struct link *last;
    bool is_there;

    leg->is_first = false;
    if (choices->of[CHOICE_SUGGEST] != CHOICE_YES || l->is_automatic || l->is_doubtful ||
        l->contacts || !l->from.jid.domain)
        return 0;
    contact = jid_bare(s->arena, &l->from.jid);
    if (!contact)
        return err_memory(e);
    if (subscriptions_has(txn, leg->to, contact, &is_there, e) < 0 ||
        links_last(txn, s->arena, leg->to, contact, &last, e) < 0)
        return -1;
    leg->is_first = !is_there && !last;
    leg->lang = texts_lang(choices->of[CHOICE_LANGUAGE]);
    return 0;
}

bool suggestion_is_due(const struct leg *leg)
{
    return leg->fate == LEG_TAKEN && !leg->is_answer && leg->is_first;
}

static const struct xml_node *make(const struct leg *leg, int64_t id)
{
    const struct shipment *s = leg->shipment;
    struct arena *a = s->arena;
    struct xml_node *stanza = xml_new(a, STREAM_NS, "message"), *x, *item;
    /* What would pass for an address is no name. */
    const char *name = display_name(a, s->letter->from.name ? s->letter->from.name : "");
    char text[ID_TEXT_SIZE];
    const char *body = texts_make(a, leg->lang, TEXT_SUGGESTION,
                                  name && *name ? name : leg->link.contact, leg->link.contact);

    stanza = xml_set(a, stanza, "from", address_map_gateway(s->settings->map));
    stanza = xml_set(a, stanza, "to", leg->to);
    stanza = xml_set(a, stanza, "id", arena_printf(a, "%s-0", id_format(id, text)));
    if (!name || !stanza || !body || !xml_add_with_text(a, stanza, STREAM_NS, "body", body))
        return NULL;
    x = xml_add(a, stanza, ROSTERX_NS, "x");
    item = x ? xml_add(a, x, ROSTERX_NS, "item") : NULL;
    item = xml_set(a, item, "action", "add");
    item = xml_set(a, item, "jid", leg->link.contact);
    if (*name)
        item = xml_set(a, item, "name", name);
    return item ? stanza : NULL;
}

int suggestion_put(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    const struct shipment *s = leg->shipment;
    struct queue_item item = {.recipient = leg->to, .next_at_s = s->now_s, .last_error = ""};
    struct queue_message m = {
        .id = leg->suggestion_id,
        .kind = QUEUE_STANZA_OUT,
        .sender = address_map_gateway(s->settings->map),
        .origin = "mail",
        .created_s = s->now_s,
        .lane = queue_lane(leg->to),
        .items = &item,
        .item_count = 1,
    };
    const struct xml_node *stanza = make(leg, m.id);
    struct buf b;

    if (!stanza)
        return err_memory(e);
    buf_init(&b, 64 << 10);
    xml_write(&b, stanza, STREAM_NS);
    m.content_len = b.len;
    m.content = buf_failed(&b) ? NULL : arena_strndup(s->arena, b.data, b.len);
    buf_clear(&b);
    return m.content ? queue_put(txn, &m, e) : err_memory(e);
}
