/*
 * suggestion: the gateway proposes to add who has written for the first time.
 *
 * Data: a row of store/newcomers, made when the first mail becomes a stanza, since that one's link
 * and name are known from then on, and marked in the transaction that ends the mail and queues the
 * suggestion: so it comes once, with whichever mail of theirs the host takes first, however often
 * that was put off, and it is not repeated when their links are forgotten.  It costs a few looks
 * into the store, and only for users who want it.
 */
#include "bridge/to_jabber/suggestion.h"

#include "bridge/people/texts.h"
#include "component/stream.h"
#include "mapping/address/address_map.h"
#include "mapping/address/display_name.h"
#include "bridge/to_jabber/screen.h"
#include "store/faces.h"
#include "store/newcomers.h"
#include "store/senders.h"
#include "store/subscriptions.h"

#define ROSTERX_NS "http://jabber.org/protocol/rosterx"

/* Links are forgotten after two months; a name, and whom the user has written to or spoken of, are
 * known for longer. */
static int is_acquainted(struct store_txn *txn, const struct leg *leg, const char *contact,
                         bool *out, struct err *e)
{
    struct arena *a = leg->shipment->arena;
    const char *name, *mail = addr_text(a, &leg->shipment->letter->from.mail);
    enum sender_verdict verdict = SENDER_UNKNOWN;
    struct link *last;
    struct err ignored;

    mail = mail ? screen_sender(a, mail, &ignored) : NULL;
    if (links_last(txn, a, leg->to, contact, &last, e) < 0 ||
        faces_get_contact(txn, a, leg->to, contact, &name, e) < 0 ||
        (mail && senders_judge(txn, leg->to, mail, &verdict, e) < 0))
        return -1;
    *out = last || name || verdict == SENDER_ALLOWED || verdict == SENDER_KNOWN;
    return 0;
}

int suggestion_look(struct store_txn *txn, struct leg *leg, const struct choices *choices,
                    struct err *e)
{
    const struct shipment *s = leg->shipment;
    const struct letter *l = s->letter;
    const char *contact;
    enum newcomer state;
    bool is_known = false;

    leg->is_first = false;
    if (choices->of[CHOICE_SUGGEST] != CHOICE_YES || l->is_automatic || l->is_doubtful ||
        l->contacts || !l->from.jid.domain)
        return 0;
    contact = jid_bare(s->arena, &l->from.jid);
    if (!contact)
        return err_memory(e);
    if (newcomers_get(txn, leg->to, contact, &state, e) < 0)
        return -1;
    if (state != NEWCOMER_TOLD && subscriptions_has(txn, leg->to, contact, &is_known, e) < 0)
        return -1;
    if (state == NEWCOMER_NONE && !is_known) {
        if (is_acquainted(txn, leg, contact, &is_known, e) < 0)
            return -1;
        if (!is_known && newcomers_put(txn, leg->to, contact, s->now_s, e) < 0)
            return -1;
    }
    leg->is_first = state != NEWCOMER_TOLD && !is_known;
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
    const struct xml_node *stanza;
    bool is_due;
    struct buf b;

    if (newcomers_tell(txn, leg->to, leg->link.contact, &is_due, e) < 0)
        return -1;
    if (!is_due)
        return 0;
    stanza = make(leg, m.id);
    if (!stanza)
        return err_memory(e);
    buf_init(&b, 64 << 10);
    xml_write(&b, stanza, STREAM_NS);
    m.content_len = b.len;
    m.content = buf_failed(&b) ? NULL : arena_strndup(s->arena, b.data, b.len);
    buf_clear(&b);
    return m.content ? queue_put(txn, &m, e) : err_memory(e);
}
