/*
 * outbound_store: an accepted message is composed and written.
 *
 * Looking up the thread and composing the mail run on the store's writer, inside the transaction
 * that stores it, so a second message of a thread finds the first.  Works on the acceptance alone;
 * a crash leaves what the last commit left.
 */
#include "bridge/to_mail/outbound_inside.h"

#include "base/step.h"
#include "bridge/to_mail/acquaint.h"
#include "bridge/people/nickname.h"
#include "bridge/outcome.h"
#include "bridge/to_mail/reply_all.h"
#include "bridge/to_jabber/screen.h"
#include "bridge/to_mail/threading.h"
#include "mapping/card/contacts.h"
#include "mapping/mime/mime_attach.h"
#include "mapping/mime/mime_write.h"
#include "mapping/address/reverse_path.h"
#include "mapping/stanza/stanza_write.h"
#include "store/choices.h"
#include "store/accounts.h"
#include "store/faces.h"
#include "store/keys.h"
#include "store/own_boxes.h"
#include "store/people.h"

#include <stdlib.h>
#include <string.h>

enum { MIME_MAX = 8 << 20 };

/* Does the mail of this transaction go to r? */
bool outbound_takes(const struct transaction *t, const struct party *r)
{
    return !r->is_jabber && (t->blind ? r == t->blind : r->role != PARTY_BCC);
}

static const struct party *recipient_of(const struct acceptance *a, const struct parcel *p)
{
    struct party *r;

    for (r = a->letter->recipients; r; r = r->next)
        if (r->is_jabber) {
            const char *bare = jid_bare(a->letter_arena, &r->jid);

            if (bare && strcmp(bare, p->message.items[0].recipient) == 0)
                return r;
        }
    return NULL;
}

static int set_content(struct parcel *p, struct buf *b, struct err *e)
{
    free(p->heap); /* of an earlier run */
    p->heap = buf_detach(b, &p->message.content_len);
    p->message.content = p->heap;
    return p->heap ? 0 : err_memory(e);
}

static const char *join_references(struct letter *l)
{
    struct buf b;
    const struct reference *r;
    const char *text;

    buf_init(&b, 64 << 10);
    for (r = l->references; r; r = r->next) {
        if (b.len > 0)
            buf_addc(&b, ' ');
        buf_adds(&b, r->message_id);
    }
    text = buf_failed(&b) ? NULL : arena_strndup(l->arena, b.data, b.len);
    buf_clear(&b);
    return text;
}

static int link_recipients(struct store_txn *txn, struct acceptance *a, const struct transaction *t,
                           struct err *e)
{
    struct letter *l = a->letter;
    struct link link = {
        .id = t->parcel->message.id,
        .direction = LINK_TO_MAIL,
        .jid = xml_get(a->stanza, "from"),
        .stanza_to = xml_get(a->stanza, "to"),
        .stanza_id = l->stanza_id,
        .thread = l->thread,
        .message_id = l->message_id,
        .subject = mime_subject(l->arena, l),
        .created_s = a->now_s,
        .asked = outcome_asked(&l->wishes) | (l->type == LETTER_CHAT ? LINK_IS_CHAT : 0U),
        .origin = a->exit ? t->parcel->message.origin : NULL,
    };
    const struct party *r;

    link.references = join_references(l);
    link.alias = addr_text(l->arena, &l->from.mail);
    if (!link.references || !link.alias)
        return err_memory(e);
    for (r = l->recipients; r; r = r->next) {
        if (!outbound_takes(t, r))
            continue;
        link.mail = addr_text(l->arena, &r->mail);
        link.contact = jid_bare(l->arena, &r->jid);
        if (!link.mail || !link.contact)
            return err_memory(e);
        if (links_put(txn, &link, e) < 0 ||
            screen_know(txn, a->gateway->screen, l->arena, a->bare_jid, link.mail, e) < 0)
            return -1;
        link.n++;
    }
    return 0;
}

/* With several recipients the first one's conversation counts. */
static int find_thread(struct store_txn *txn, struct acceptance *a, struct err *e)
{
    const struct party *r = a->letter->recipients;
    const char *contact;
    bool is_found;

    if (!r->jid.domain)
        return 0;
    contact = jid_bare(a->letter_arena, &r->jid);
    if (!contact)
        return err_memory(e);
    if (threading_correction(txn, a->letter, a->bare_jid, contact, a->now_s, &is_found, e) < 0)
        return -1;
    if (is_found)
        return 0;
    return threading_to_mail(txn, a->letter, a->bare_jid, contact, e);
}

/* It is marked in the mailbox it came from. */
static int find_answered(struct store_txn *txn, struct acceptance *a, struct err *e)
{
    a->answered = NULL; /* of an earlier run */
    if (!a->letter->in_reply_to)
        return 0;
    if (links_by_message_id(txn, a->letter_arena, a->letter->in_reply_to, a->bare_jid, &a->answered,
                            e) < 0)
        return -1;
    if (a->answered && a->answered->direction != LINK_TO_JABBER)
        a->answered = NULL;
    return 0;
}

/* The spelling of an address is known only here. */
static int spell_items(const struct acceptance *a, const struct transaction *t)
{
    struct queue_item *item = t->parcel->message.items;
    const struct party *r;

    for (r = a->letter->recipients; r; r = r->next)
        if (outbound_takes(t, r)) {
            item->recipient = addr_text(parcel_arena(t->parcel), &r->mail);
            if (!item++->recipient)
                return -1;
        }
    return 0;
}

static const struct own_exit *exit_of(const struct acceptance *a, const char *origin)
{
    int64_t id = own_box_id(origin);
    size_t i;

    for (i = 0; i < a->exit_count; i++)
        if (a->exits[i].id == id)
            return &a->exits[i];
    return NULL;
}

static const struct own_exit *first_exit(const struct acceptance *a)
{
    size_t i;

    for (i = 0; i < a->exit_count; i++)
        if (a->exits[i].is_first)
            return &a->exits[i];
    return a->exit_count > 0 ? &a->exits[0] : NULL;
}

/* A conversation goes on from the address it has: that of the mail this answers, else of the last
 * one between the two.  What is older than the user's mailboxes does not count. */
static int choose_exit(struct store_txn *txn, struct acceptance *a, struct err *e)
{
    const struct party *r = a->letter->recipients;
    const struct own_exit *first = first_exit(a);
    struct link *link = a->answered;
    const char *contact;

    a->exit = first;
    if (!first)
        return 0;
    if (!link && r->jid.domain) {
        contact = jid_bare(a->letter_arena, &r->jid);
        if (!contact)
            return err_memory(e);
        if (links_last(txn, a->letter_arena, a->bare_jid, contact, &link, e) < 0)
            return -1;
    }
    if (link && exit_of(a, link->origin))
        a->exit = exit_of(a, link->origin);
    else if (link && !own_box_id(link->origin) && link->created_s >= first->created_s)
        a->exit = NULL;
    return 0;
}

/* It comes from the mailbox's address, and what comes back goes there. */
static int leave_by_exit(struct acceptance *a, struct err *e)
{
    char name[OWN_BOX_NAME_SIZE];
    struct transaction *t;

    if (!a->exit)
        return 0;
    if (addr_parse(a->letter_arena, a->exit->address, &a->letter->from.mail, e) < 0)
        return -1;
    for (t = a->mails; t; t = t->next) {
        t->parcel->message.origin =
            arena_strdup(parcel_arena(t->parcel), own_box_name(a->exit->id, name));
        if (!t->parcel->message.origin)
            return err_memory(e);
    }
    return 0;
}

static int put_mail(struct store_txn *txn, struct acceptance *a, const struct transaction *t,
                    const struct context *ctx, struct err *e)
{
    const struct conf *conf = a->settings->conf;
    struct parcel *p = t->parcel;
    struct buf b;

    a->letter->loop_mark = reverse_path_make(ctx, parcel_arena(p), p->message.id);
    p->message.sender =
        a->exit ? arena_strdup(parcel_arena(p), a->exit->address) : a->letter->loop_mark;
    if (!a->letter->loop_mark || !p->message.sender || spell_items(a, t) < 0)
        return err_memory(e);
    if (a->letter->wishes.displayed || a->letter->wishes.markable)
        a->letter->wishes.disposition_to = p->message.sender;
    buf_init(&b, MIME_MAX);
    if (conf->fetch.is_on)
        mime_attach_note(&b, a->letter, a->bare_jid, (size_t)conf->fetch.size_max);
    if (mime_write(ctx, a->letter, &b, e) < 0 || set_content(p, &b, e) < 0) {
        buf_clear(&b);
        return -1;
    }
    if (queue_put(txn, &p->message, e) < 0)
        return -1;
    if (*a->circle && people_put_circle(txn, p->message.id, a->circle, a->now_s, e) < 0)
        return -1;
    return link_recipients(txn, a, t, e);
}

/* The name that stands before the sender's address: the message's own (XEP-0172) comes first, then
 * what they registered, then their vCard's. */
static int name_sender(struct store_txn *txn, struct acceptance *a, struct err *e)
{
    struct account account;
    const char *name;
    int64_t fetched_s;
    bool is_registered;

    if (faces_get_user(txn, a->letter_arena, a->bare_jid, &name, &fetched_s, e) < 0)
        return -1;
    if (accounts_get(txn, a->letter_arena, a->bare_jid, &account, &is_registered, e) < 0)
        return -1;
    a->is_name_due = nickname_is_due(fetched_s, a->now_s);
    if (!a->letter->from.name)
        a->letter->from.name = *account.name ? account.name : name;
    return 0;
}

/* All transactions carry one mail, under the id of the first. */
static int put_mails(struct store_txn *txn, struct acceptance *a, const struct context *ctx,
                     struct err *e)
{
    const struct transaction *t;
    char id[ID_TEXT_SIZE];

    if (!a->mails)
        return 0;
    a->letter->message_id =
        arena_printf(a->letter_arena, "%s@%s", id_format(a->mails->parcel->message.id, id),
                     address_map_mail_domain(ctx->map));
    if (!a->letter->message_id)
        return err_memory(e);
    if (find_thread(txn, a, e) < 0 || name_sender(txn, a, e) < 0 ||
        keys_get(txn, a->letter_arena, a->bare_jid, &a->letter->key_id, e) < 0 ||
        acquaint_spell(txn, ctx, a->letter, e) < 0 ||
        acquaint_keep_aliases(txn, ctx, a->letter, e) < 0)
        return -1;
    if (find_answered(txn, a, e) < 0 || choose_exit(txn, a, e) < 0 || leave_by_exit(a, e) < 0)
        return -1;
    a->circle = reply_all_circle(a->letter);
    if (!a->circle)
        return err_memory(e);
    for (t = a->mails; t; t = t->next)
        if (put_mail(txn, a, t, ctx, e) < 0)
            return -1;
    return 0;
}

static int put_stanza(struct store_txn *txn, struct acceptance *a, struct parcel *p,
                      const struct context *ctx, struct err *e)
{
    const struct party *r = recipient_of(a, p);
    struct link link = {
        .id = p->message.id,
        .direction = LINK_TO_MAIL,
        .jid = xml_get(a->stanza, "from"),
        .contact = p->message.items[0].recipient,
        .stanza_to = xml_get(a->stanza, "to"),
        .stanza_id = xml_get(a->stanza, "id"),
        .mail = "",
        .alias = "",
        .references = "",
        .created_s = a->now_s,
    };
    char id[ID_TEXT_SIZE];
    struct xml_node *stanza;
    struct buf b;

    a->letter->stanza_id = arena_printf(a->letter_arena, "%s-0", id_format(p->message.id, id));
    stanza = r && a->letter->stanza_id ? stanza_write(ctx, a->letter_arena, a->letter, r) : NULL;
    a->letter->stanza_id = link.stanza_id;
    if (!stanza || contacts_write_items(a->letter_arena, stanza, a->letter) < 0)
        return err_memory(e);
    buf_init(&b, MIME_MAX);
    xml_write(&b, stanza, STREAM_NS);
    if (set_content(p, &b, e) < 0 || queue_put(txn, &p->message, e) < 0)
        return -1;
    return links_put(txn, &link, e);
}

int outbound_store(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct acceptance *a = (struct acceptance *)work;
    struct parcel *p;
    struct choices choices;
    struct context ctx;

    settings_context(a->settings, a->now_s, &ctx);
    if (choices_get(txn, a->bare_jid, &choices, e) < 0)
        return -1;
    ctx.hides_jabber_id = choices.of[CHOICE_JABBERID] == CHOICE_NO;
    if (put_mails(txn, a, &ctx, e) < 0)
        return -1;
    for (p = a->stanzas; p; p = p->next)
        if (put_stanza(txn, a, p, &ctx, e) < 0)
            return -1;
    step("stanza.written");
    return 0;
}
