/*
 * stanza_people: who wrote a message and whom it is for.  Everything lives in the letter's arena;
 * no thread of its own.
 */
#include "mapping/stanza/stanza_inside.h"

#include <string.h>

#include "mapping/address/envelope.h"
#include "mapping/mime/header_write.h"
#include "mapping/address/party.h"

enum stanza_verdict stanza_read_sender(struct reading *r)
{
    const char *text = xml_get(r->stanza, "from");
    struct party *from = &r->letter->from;
    struct err e = {0};

    if (!text)
        return stanza_refuse(r, "jid-malformed", "The message has no sender.");
    if (jid_parse(r->a, text, &from->jid, &e) < 0)
        return stanza_refuse_address(r, "The sender", text, &e);
    from->jid.resource = NULL;
    from->is_jabber = true;
    if (!from->jid.node)
        return stanza_refuse(r, "not-allowed",
                             "Only a user can write mail: the sender has no node.");
    if (address_map_jid_to_mail(r->ctx->map, r->a, &from->jid, &from->mail, NULL, &e) < 0)
        return stanza_refuse_address(r, "The sender", text, &e);
    return STANZA_LETTER;
}

static enum stanza_verdict read_contact(struct reading *r)
{
    struct party *p = letter_add_party(r->letter, &r->letter->recipients);
    struct err e = {0};

    if (!p)
        return STANZA_FAILED;
    if (address_map_contact_to_mail(r->ctx->map, r->a, &r->to, &p->mail, NULL, &e) < 0)
        return stanza_refuse_address(r, "The address", xml_get(r->stanza, "to"), &e);
    p->jid = (struct jid){r->to.node, r->to.domain, NULL};
    r->letter->is_reply_all = r->to.resource && strcmp(r->to.resource, "all") == 0;
    return STANZA_LETTER;
}

enum stanza_verdict stanza_read_addressee(struct reading *r)
{
    const char *text = xml_get(r->stanza, "to");
    struct err e = {0};

    if (!text)
        return stanza_refuse(r, "jid-malformed", "The message has no address.");
    if (jid_parse(r->a, text, &r->to, &e) < 0)
        return stanza_refuse_address(r, "The address", text, &e);
    if (strcmp(r->to.domain, address_map_gateway(r->ctx->map)) != 0)
        return stanza_refuse(r, "item-not-found", "The address is not one of this gateway.");
    r->letter->is_multicast = !r->to.node;
    return r->letter->is_multicast ? STANZA_LETTER : read_contact(r);
}

/* Does somebody else deliver to this person (XEP-0033 §4.6), in whatever role they are named? */
static bool is_delivered(const struct letter *l, const struct party *who)
{
    const struct party *p;

    for (p = l->parties; p; p = p->next)
        if (p->delivered && party_is_same(p, who))
            return true;
    return false;
}

static const struct party *find(const struct party *list, const struct party *who)
{
    while (list && !party_is_same(list, who))
        list = list->next;
    return list;
}

/* Each to, cc and bcc once, whatever the envelopes repeat; who is named openly is no blind copy. */
static enum stanza_verdict add_recipients(struct reading *r, bool is_blind)
{
    const struct party *p;

    for (p = r->letter->parties; p; p = p->next) {
        struct party *copy;

        if (p->role == PARTY_REPLY_TO || (p->role == PARTY_BCC) != is_blind ||
            is_delivered(r->letter, p) || find(r->letter->recipients, p))
            continue;
        if (++r->recipients > ENVELOPE_RECIPIENTS_MAX)
            return stanza_refuse(r, "not-acceptable",
                                 arena_printf(r->a,
                                              "A message can go to at most %d addresses at once.",
                                              ENVELOPE_RECIPIENTS_MAX));
        copy = letter_add_party(r->letter, &r->letter->recipients);
        if (!copy)
            return STANZA_FAILED;
        *copy = *p;
        copy->next = NULL;
    }
    return STANZA_LETTER;
}

/* A client that fans out itself names in bcc the one it writes to. */
static void mark_blind(struct reading *r)
{
    const struct party *p;

    for (p = r->letter->parties; p; p = p->next)
        if (p->role == PARTY_BCC && party_is_same(p, r->letter->recipients))
            r->letter->recipients->role = PARTY_BCC;
}

static enum stanza_verdict finish_recipients(struct reading *r)
{
    enum stanza_verdict verdict = STANZA_LETTER;

    if (!r->letter->is_multicast) {
        mark_blind(r);
        return STANZA_LETTER;
    }
    verdict = add_recipients(r, false);
    if (verdict == STANZA_LETTER)
        verdict = add_recipients(r, true);
    if (verdict == STANZA_LETTER && !r->letter->recipients && r->letter->parties &&
        is_delivered(r->letter, r->letter->parties))
        return STANZA_IGNORE; /* others have delivered to all of them */
    return verdict;
}

/* Before the @ only SMTPUTF8 has more than ASCII (RFC 6531), in commands as in headers. */
static enum stanza_verdict check_ascii(struct reading *r, const struct party *list)
{
    const struct party *p;

    for (p = list; p; p = p->next)
        if (p->mail.domain && !addr_is_ascii(&p->mail))
            return stanza_refuse(
                r, "not-acceptable",
                arena_printf(r->a,
                             "The mail relay cannot take the address %.*s@%s: it has "
                             "other than ASCII characters before the @ (5.6.7).",
                             (int)header_clip(p->mail.local, 200), p->mail.local, p->mail.domain));
    return STANZA_LETTER;
}

static enum stanza_verdict check_sendable(struct reading *r)
{
    const struct party *p;
    struct err e;

    for (p = r->letter->recipients; p; p = p->next)
        if (party_check_sendable(p, &e) < 0)
            return stanza_refuse(r, "jid-malformed", arena_strdup(r->a, e.text));
    return STANZA_LETTER;
}

/* Words in a message to gw that names nobody else are for gw.  What a machine says is not. */
static bool is_for_gateway(const struct reading *r)
{
    const struct letter *l = r->letter;

    return l->is_multicast && !l->recipients && !r->envelope && !r->addresses && l->text &&
           !l->attachments && !l->contacts && !l->encrypted;
}

enum stanza_verdict stanza_finish_people(struct reading *r)
{
    enum stanza_verdict verdict = finish_recipients(r);

    if (verdict == STANZA_LETTER)
        verdict = check_sendable(r);
    if (verdict == STANZA_LETTER)
        verdict = check_ascii(r, r->letter->recipients);
    if (verdict == STANZA_LETTER)
        verdict = check_ascii(r, r->letter->parties);
    if (verdict != STANZA_LETTER)
        return verdict;
    if (is_for_gateway(r))
        return r->letter->is_automatic ? STANZA_IGNORE : STANZA_WORDS;
    if (!r->letter->recipients)
        return stanza_refuse(
            r, "bad-request",
            arena_printf(r->a,
                         "A message to %s itself needs a jabber:x:envelope or addresses "
                         "(XEP-0033) that name those it is for. To write to one person, send to "
                         "name\\40domain@%s.",
                         r->to.domain, r->to.domain));
    return envelope_close(r->letter, r->error);
}
