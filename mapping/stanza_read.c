/*
 * stanza_read: from a message stanza to a letter.
 *
 * Each child element that means something has one small function, found by namespace and name in a
 * table; a new feature is one more line there.  What needs the whole message (recipients, the quote
 * before a reply, whether anything is left to send) comes after the walk.  Everything lives in the
 * letter's arena; no thread of its own, and nothing is left behind.
 */
#include "mapping/stanza_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mapping/amp.h"
#include "mapping/addresses.h"
#include "mapping/contacts.h"
#include "mapping/display_name.h"
#include "mapping/envelope.h"
#include "mapping/fallback.h"
#include "mapping/header_write.h"
#include "mapping/names.h"
#include "mapping/openpgp.h"
#include "mapping/receipts.h"
#include "mapping/shim.h"
#include "mapping/party.h"
#include "mapping/sfs.h"
#include "mapping/stamp.h"
#include "mapping/text.h"
#include "mapping/xhtml.h"

enum {
    LINKS_MAX = 100,
    VARIANTS_MAX = 10,
    ID_MAX = 1023, /* bytes of an id, a thread */
    FUTURE_S = 300 /* a clock may be this wrong */
};
static const int64_t expire_max_s = 10 * 365 * INT64_C(86400);

struct reading {
    const struct context *ctx;
    struct arena *a;
    const struct xml_node *stanza;
    struct letter *letter;
    struct jabber_error *error;
    struct jid to;
    const struct xml_node *envelope, *addresses, *body, *subject;
    const char *signature;   /* OpenPGP data; NULL: none that can be used */
    const char *cipher;      /* the text is encrypted with this; NULL: it is not */
    struct contact *changes; /* to a roster, for which there are only words */
    const char *words;       /* links that stay text, a line each; NULL: none */
    bool is_signal;          /* something that only means anything between chat clients */
    unsigned links, recipients;
};

/* ---- verdicts ---- */

static enum stanza_verdict refuse(struct reading *r, const char *condition, const char *text)
{
    if (!text)
        return STANZA_FAILED;
    jabber_error_init(r->error, condition, text);
    return STANZA_REFUSED;
}

static enum stanza_verdict refuse_address(struct reading *r, const char *what, const char *address,
                                          const struct err *e)
{
    if (e->class == ERR_RETRY)
        return STANZA_FAILED;
    return refuse(r, "jid-malformed",
                  arena_printf(r->a, "%s \"%.*s\" cannot be used: %s.", what,
                               (int)header_clip(address, 200), address, e->text));
}

/* ---- one function for each element ---- */

static bool is_usable_id(const char *id)
{
    return id && *id != '\0' && strlen(id) <= ID_MAX;
}

/* xml:lang of the element itself, none inherited: clients put the user's own language on every
 * stanza, which says little about a text. */
static const char *own_lang(const struct xml_node *node)
{
    const struct xml_attr *attr;

    for (attr = node->attrs; attr; attr = attr->next)
        if (attr->ns && strcmp(attr->ns, XML_NS) == 0 && strcmp(attr->name, "lang") == 0)
            return attr->value;
    return NULL;
}

/* Of several, the one without a language of its own, else the first. */
static void prefer(const struct xml_node **best, const struct xml_node *node)
{
    if (!*best || (own_lang(*best) && !own_lang(node)))
        *best = node;
}

static enum stanza_verdict read_body(struct reading *r, const struct xml_node *node)
{
    prefer(&r->body, node);
    return STANZA_LETTER;
}

static enum stanza_verdict read_subject(struct reading *r, const struct xml_node *node)
{
    prefer(&r->subject, node);
    return STANZA_LETTER;
}

static enum stanza_verdict read_thread(struct reading *r, const struct xml_node *node)
{
    const char *text = xml_text(r->a, node);

    if (!text)
        return STANZA_FAILED;
    if (*text != '\0' && strlen(text) <= ID_MAX)
        r->letter->thread = text;
    return STANZA_LETTER;
}

static enum stanza_verdict read_envelope(struct reading *r, const struct xml_node *node)
{
    if (r->envelope)
        return STANZA_LETTER;
    r->envelope = node;
    return envelope_read(r->ctx, r->letter, node, r->error);
}

static enum stanza_verdict read_addresses(struct reading *r, const struct xml_node *node)
{
    if (r->addresses)
        return STANZA_LETTER;
    r->addresses = node;
    return addresses_read(r->ctx, r->letter, node, r->error);
}

/* A link that must not become one (file:, geo:) stays words.  A program or a document in the place
 * of a link does harm to whoever follows it, and says nothing to a reader: that it was there does.
 */
static enum stanza_verdict keep_as_text(struct reading *r, const char *url, const char *desc)
{
    static const char *const programs[] = {"javascript:", "vbscript:", "data:"};
    const char *before = r->words;
    size_t i;

    for (i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strncasecmp(url, programs[i], strlen(programs[i])) == 0)
            url = arena_printf(r->a, "[a %s link, left out]", programs[i]);
    r->words = url ? arena_printf(r->a, "%s%s%s%s%s", before ? before : "", before ? "\n" : "",
                                  desc ? desc : "", desc ? ": " : "", url)
                   : NULL;
    return r->words ? STANZA_LETTER : STANZA_FAILED;
}

/* The attachment with this link: the same one for all the forms in which a stanza says it. */
static struct attachment *attachment_at(struct reading *r, const char *url)
{
    struct attachment *att;

    for (att = r->letter->attachments; att; att = att->next)
        if (att->url && strcmp(att->url, url) == 0)
            return att;
    att = letter_add_attachment(r->letter);
    if (att)
        att->url = url;
    return att;
}

/* A file's name over a link that bears it is no description of its own. */
static void describe(struct attachment *att, const char *desc)
{
    if (desc && !att->description && !(att->filename && strcmp(att->filename, desc) == 0))
        att->description = desc;
}

static enum stanza_verdict read_oob(struct reading *r, const struct xml_node *node)
{
    const char *url = xml_child_text(r->a, node, NULL, "url");
    const char *desc = xml_child_text(r->a, node, NULL, "desc");
    struct attachment *att;

    if ((!url && xml_child(node, NULL, "url")) || (!desc && xml_child(node, NULL, "desc")))
        return STANZA_FAILED;
    if (!url)
        return STANZA_LETTER;
    if (++r->links > LINKS_MAX)
        return refuse(r, "not-acceptable", "The message has too many links.");
    url = text_url(r->a, url);
    if (desc)
        desc = text_line(r->a, desc, HEADER_TEXT_MAX);
    if (!url || (desc == NULL && xml_child(node, NULL, "desc")))
        return STANZA_FAILED;
    if (*url == '\0')
        return STANZA_LETTER;
    desc = desc && *desc ? desc : NULL;
    if (!text_is_link(url))
        return keep_as_text(r, url, desc);
    att = attachment_at(r, url);
    if (!att)
        return STANZA_FAILED;
    describe(att, desc);
    return STANZA_LETTER;
}

/* XEP-0447, read as a jabber:x:oob that knows more. */
static enum stanza_verdict read_sharing(struct reading *r, const struct xml_node *node)
{
    struct attachment file, *att;
    const char *desc;

    if (sfs_read(r->a, node, &file) < 0)
        return STANZA_FAILED;
    if (!*file.url)
        return STANZA_LETTER; /* only by ways that mail does not have */
    if (++r->links > LINKS_MAX)
        return refuse(r, "not-acceptable", "The message has too many links.");
    att = attachment_at(r, file.url);
    if (!att)
        return STANZA_FAILED;
    desc = att->description;
    att->filename = file.filename;
    att->media_type = file.media_type;
    att->size = file.size;
    att->is_inline = file.is_inline;
    att->description = file.description;
    describe(att, desc);
    return STANZA_LETTER;
}

/* A whole number; what is beyond int64_t comes out as its limit. */
static bool read_number(const char *text, int64_t *out)
{
    char *end;

    if (!text || *text == '\0')
        return false;
    *out = strtoll(text, &end, 10);
    while (*end == ' ')
        end++;
    return *end == '\0';
}

/*
 * XEP-0023.  `stored` is the time at which a server put the message away; the seconds count from
 * there.  A message whose time is over is told to its sender rather than dropped without a word.
 */
static enum stanza_verdict read_expire(struct reading *r, const struct xml_node *node)
{
    int64_t seconds, stored, start = r->ctx->now_s;

    if (!read_number(xml_get(node, "seconds"), &seconds))
        return refuse(r, "bad-request",
                      "The attribute seconds of jabber:x:expire is not a number.");
    if (seconds > expire_max_s)
        seconds = expire_max_s;
    if (read_number(xml_get(node, "stored"), &stored) && stored > 0 && stored < start)
        start = stored;
    if (seconds <= 0 || start + seconds <= r->ctx->now_s)
        return refuse(r, "not-acceptable",
                      "The time that jabber:x:expire gives the message was over when it arrived; "
                      "it was not sent.");
    if (r->letter->expires_s == 0 || start + seconds <= r->letter->expires_s) {
        r->letter->expires_s = start + seconds;
        r->letter->expiry_action = EXPIRY_EVENT;
    }
    return STANZA_LETTER;
}

/* XEP-0079.  Whether its time is over already is for the caller, who knows what was asked then. */
static enum stanza_verdict read_amp(struct reading *r, const struct xml_node *node)
{
    switch (amp_read(r->letter, node)) {
    case AMP_OK:
        return STANZA_LETTER;
    case AMP_BAD_VALUE:
        return refuse(r, "bad-request",
                      "A rule expire-at of the message has no time or no action that is known.");
    case AMP_MEMORY:
        break;
    }
    return STANZA_FAILED;
}

/* The oldest stamp is the time of writing. */
static enum stanza_verdict read_delay(struct reading *r, const struct xml_node *node)
{
    const char *stamp = xml_get(node, "stamp");
    int64_t t = stamp ? stamp_read(stamp) : 0;

    if (t > 0 && t <= r->ctx->now_s + FUTURE_S && (r->letter->date_s == 0 || t < r->letter->date_s))
        r->letter->date_s = t;
    return STANZA_LETTER;
}

static enum stanza_verdict read_reply(struct reading *r, const struct xml_node *node)
{
    const char *id = xml_get(node, "id");

    const char *to = xml_get(node, "to");

    if (!is_usable_id(id))
        return STANZA_LETTER;
    r->letter->reply_to_id = arena_strdup(r->a, id);
    r->letter->reply_to_jid = arena_strdup(r->a, to);
    return r->letter->reply_to_id && (r->letter->reply_to_jid || !to) ? STANZA_LETTER
                                                                      : STANZA_FAILED;
}

static enum stanza_verdict read_nick(struct reading *r, const struct xml_node *node)
{
    const char *text = xml_text(r->a, node), *name;

    name = text ? display_name(r->a, text) : NULL;
    if (!name)
        return STANZA_FAILED;
    if (*name != '\0' && !r->letter->from.name) /* a name in the envelope is the nearer one */
        r->letter->from.name = name;
    return STANZA_LETTER;
}

static enum stanza_verdict read_correction(struct reading *r, const struct xml_node *node)
{
    const char *id = xml_get(node, "id");

    if (!is_usable_id(id))
        return STANZA_LETTER;
    r->letter->replaces_id = arena_strdup(r->a, id);
    return r->letter->replaces_id ? STANZA_LETTER : STANZA_FAILED;
}

static enum stanza_verdict read_shim(struct reading *r, const struct xml_node *node)
{
    return shim_read_stanza(r->letter, node) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

static enum stanza_verdict read_xhtml(struct reading *r, const struct xml_node *node)
{
    const char *html = xhtml_read(r->a, node);

    if (!html)
        return STANZA_FAILED;
    if (*html)
        r->letter->html = html;
    return STANZA_LETTER;
}

/* The id of the stanza itself, when it has none (XEP-0359 wants them equal). */
static enum stanza_verdict read_origin_id(struct reading *r, const struct xml_node *node)
{
    const char *id = xml_get(node, "id");

    if (r->letter->stanza_id || !is_usable_id(id))
        return STANZA_LETTER;
    r->letter->stanza_id = arena_strdup(r->a, id);
    return r->letter->stanza_id ? STANZA_LETTER : STANZA_FAILED;
}

static enum stanza_verdict read_signal(struct reading *r, const struct xml_node *node)
{
    (void)node;
    r->is_signal = true;
    return STANZA_LETTER;
}

/* What is asked about this message, or told of an earlier one. */
static enum stanza_verdict read_receipts(struct reading *r, const struct xml_node *node)
{
    r->is_signal = true;
    return receipts_read(r->letter, node) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

static enum stanza_verdict read_omemo(struct reading *r, const struct xml_node *node)
{
    if (!xml_child(node, NULL, "payload"))
        return read_signal(r, node); /* keys for a session, no text */
    r->cipher = "OMEMO";
    return STANZA_LETTER;
}

static enum stanza_verdict read_ox(struct reading *r, const struct xml_node *node)
{
    (void)node;
    r->cipher = "OpenPGP for XMPP (XEP-0373)";
    return STANZA_LETTER;
}

static int read_openpgp(struct reading *r, const struct xml_node *node, const char **out)
{
    const char *text = xml_text(r->a, node);

    return text ? openpgp_read_data(r->a, text, out) : -1;
}

static enum stanza_verdict read_encrypted(struct reading *r, const struct xml_node *node)
{
    if (read_openpgp(r, node, &r->letter->encrypted) < 0)
        return STANZA_FAILED;
    if (!r->letter->encrypted)
        return refuse(r, "not-acceptable",
                      "What jabber:x:encrypted holds is no OpenPGP message. Nothing was sent.");
    return STANZA_LETTER;
}

static enum stanza_verdict read_contacts(struct reading *r, const struct xml_node *node)
{
    return contacts_read(r->ctx, r->letter, node, &r->changes) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

/* A signature that nobody could read takes nothing from the text. */
static enum stanza_verdict read_signed(struct reading *r, const struct xml_node *node)
{
    return read_openpgp(r, node, &r->signature) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

/* XEP-0380, for methods not known here: the body beside it is no more than an apology. */
static enum stanza_verdict read_eme(struct reading *r, const struct xml_node *node)
{
    const char *name = xml_get(node, "name"), *ns = xml_get(node, "namespace");

    if (ns && strcmp(ns, NS_X_ENCRYPT) == 0 && xml_child(r->stanza, NS_X_ENCRYPT, "x"))
        return STANZA_LETTER;
    if (!r->cipher && xml_child(r->stanza, r->stanza->ns, "body")) {
        r->cipher = text_line(r->a, name ? name : ns ? ns : "a method unknown here", 100);
        if (!r->cipher)
            return STANZA_FAILED;
    }
    return STANZA_LETTER;
}

static const struct reader {
    const char *ns;   /* NULL: the stanza's own */
    const char *name; /* NULL: any */
    enum stanza_verdict (*read)(struct reading *r, const struct xml_node *node);
} readers[] = {
    {NULL, "body", read_body},
    {NULL, "subject", read_subject},
    {NULL, "thread", read_thread},
    {NS_ENVELOPE, "x", read_envelope},
    {NS_ADDRESS, "addresses", read_addresses},
    {NS_X_OOB, "x", read_oob},
    {NS_SFS, "file-sharing", read_sharing},
    {NS_X_EXPIRE, "x", read_expire},
    {NS_AMP, "amp", read_amp},
    {NS_X_DELAY, "x", read_delay},
    {NS_DELAY, "delay", read_delay},
    {NS_REPLY, "reply", read_reply},
    {NS_NICK, "nick", read_nick},
    {NS_CORRECT, "replace", read_correction},
    {NS_SHIM, "headers", read_shim},
    {NS_XHTML_IM, "html", read_xhtml},
    {NS_SID, "origin-id", read_origin_id},
    {NS_X_EVENT, "x", read_receipts},
    {NS_RECEIPTS, NULL, read_receipts},
    {NS_MARKERS, NULL, read_receipts},
    {NS_CHATSTATES, NULL, read_signal},
    {NS_HINTS, NULL, read_signal},
    {NS_PUBSUB_EVENT, "event", read_signal},
    {NS_OMEMO, "encrypted", read_omemo},
    {NS_OMEMO_1, "encrypted", read_omemo},
    {NS_AXOLOTL, "encrypted", read_omemo},
    {NS_OX, "openpgp", read_ox},
    {NS_X_ENCRYPT, "x", read_encrypted},
    {NS_X_SIGNED, "x", read_signed},
    {NS_X_ROSTER, "x", read_contacts},
    {NS_ROSTERX, "x", read_contacts},
    {NS_EME, "encryption", read_eme},
};

static enum stanza_verdict read_child(struct reading *r, const struct xml_node *node)
{
    size_t i;

    for (i = 0; i < sizeof readers / sizeof *readers; i++) {
        const struct reader *reader = &readers[i];

        if (strcmp(node->ns, reader->ns ? reader->ns : r->stanza->ns) == 0 &&
            (!reader->name || strcmp(node->name, reader->name) == 0))
            return reader->read(r, node);
    }
    return STANZA_LETTER; /* what nobody here knows is not for mail */
}

static enum stanza_verdict read_children(struct reading *r)
{
    const struct xml_node *child;
    enum stanza_verdict verdict = STANZA_LETTER;

    for (child = r->stanza->first; child && verdict == STANZA_LETTER; child = child->next)
        if (child->name)
            verdict = read_child(r, child);
    return verdict;
}

/* ---- who ---- */

static enum stanza_verdict read_sender(struct reading *r)
{
    const char *text = xml_get(r->stanza, "from");
    struct party *from = &r->letter->from;
    struct err e = {0};

    if (!text)
        return refuse(r, "jid-malformed", "The message has no sender.");
    if (jid_parse(r->a, text, &from->jid, &e) < 0)
        return refuse_address(r, "The sender", text, &e);
    from->jid.resource = NULL;
    from->is_jabber = true;
    if (!from->jid.node)
        return refuse(r, "not-allowed", "Only a user can write mail: the sender has no node.");
    if (address_map_jid_to_mail(r->ctx->map, r->a, &from->jid, &from->mail, NULL, &e) < 0)
        return refuse_address(r, "The sender", text, &e);
    return STANZA_LETTER;
}

static enum stanza_verdict read_contact(struct reading *r)
{
    struct party *p = letter_add_party(r->letter, &r->letter->recipients);
    struct err e = {0};

    if (!p)
        return STANZA_FAILED;
    if (address_map_contact_to_mail(r->ctx->map, r->a, &r->to, &p->mail, NULL, &e) < 0)
        return refuse_address(r, "The address", xml_get(r->stanza, "to"), &e);
    p->jid = (struct jid){r->to.node, r->to.domain, NULL};
    r->letter->is_reply_all = r->to.resource && strcmp(r->to.resource, "all") == 0;
    return STANZA_LETTER;
}

static enum stanza_verdict read_addressee(struct reading *r)
{
    const char *text = xml_get(r->stanza, "to");
    struct err e = {0};

    if (!text)
        return refuse(r, "jid-malformed", "The message has no address.");
    if (jid_parse(r->a, text, &r->to, &e) < 0)
        return refuse_address(r, "The address", text, &e);
    if (strcmp(r->to.domain, address_map_gateway(r->ctx->map)) != 0)
        return refuse(r, "item-not-found", "The address is not one of this gateway.");
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
            return refuse(r, "not-acceptable",
                          arena_printf(r->a, "A message can go to at most %d addresses at once.",
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
            return refuse(r, "not-acceptable",
                          arena_printf(r->a,
                                       "The mail relay cannot take the address %.*s@%s: it has "
                                       "other than ASCII characters before the @ (5.6.7).",
                                       (int)header_clip(p->mail.local, 200), p->mail.local,
                                       p->mail.domain));
    return STANZA_LETTER;
}

static enum stanza_verdict check_sendable(struct reading *r)
{
    const struct party *p;
    struct err e;

    for (p = r->letter->recipients; p; p = p->next)
        if (party_check_sendable(p, &e) < 0)
            return refuse(r, "jid-malformed", arena_strdup(r->a, e.text));
    return STANZA_LETTER;
}

/* Words in a message to gw that names nobody else are for gw.  What a machine says is not. */
static bool is_for_gateway(const struct reading *r)
{
    const struct letter *l = r->letter;

    return l->is_multicast && !l->recipients && !r->envelope && !r->addresses && l->text &&
           !l->attachments && !l->contacts && !l->encrypted;
}

static enum stanza_verdict finish_people(struct reading *r)
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
        return refuse(
            r, "bad-request",
            arena_printf(r->a,
                         "A message to %s itself needs a jabber:x:envelope or addresses "
                         "(XEP-0033) that name those it is for. To write to one person, send to "
                         "name\\40domain@%s.",
                         r->to.domain, r->to.domain));
    return envelope_close(r->letter, r->error);
}

/* ---- what ---- */

static enum stanza_verdict read_type(struct reading *r)
{
    const char *type = xml_get(r->stanza, "type");

    if (!type)
        return STANZA_LETTER;
    if (strcmp(type, "error") == 0)
        return STANZA_IGNORE; /* never an answer to an error (RFC 6120 §8.3.1) */
    if (strcmp(type, "groupchat") == 0)
        return refuse(r, "not-acceptable",
                      "This gateway is no chat room: send a message of type chat or normal.");
    if (strcmp(type, "chat") == 0)
        r->letter->type = LETTER_CHAT;
    /* Alerts of a program; mail knows that too. */
    if (strcmp(type, "headline") == 0)
        r->letter->is_automatic = true;
    return STANZA_LETTER;
}

/* The body without what other elements of the stanza say better. */
static const char *own_words(struct reading *r, const char *text)
{
    bool has_links = r->letter->attachments != NULL;
    const char *names[4];
    size_t n = 0;

    if (r->letter->reply_to_id)
        names[n++] = NS_REPLY;
    if (has_links) {
        names[n++] = NS_SFS;
        names[n++] = NS_X_OOB;
    }
    names[n] = NULL;
    return fallback_remove(r->a, r->stanza, names, has_links, text);
}

static enum stanza_verdict finish_text(struct reading *r)
{
    struct letter *l = r->letter;
    const char *text;

    if (r->subject) {
        text = xml_text(r->a, r->subject);
        l->subject = text ? text_line(r->a, text, HEADER_TEXT_MAX) : NULL;
        if (!l->subject)
            return STANZA_FAILED;
        if (*l->subject == '\0')
            l->subject = NULL;
    }
    if (r->body) {
        text = xml_text(r->a, r->body);
        if (text)
            text = own_words(r, text);
        l->text = text ? text_paragraphs(r->a, text) : NULL;
        if (!l->text)
            return STANZA_FAILED;
        if (*l->text == '\0')
            l->text = NULL;
        if (own_lang(r->body) && !(l->lang = arena_strdup(r->a, own_lang(r->body))))
            return STANZA_FAILED;
    }
    return STANZA_LETTER;
}

/* The subject in a language; NULL: there is none. */
static const struct xml_node *subject_in(const struct reading *r, const char *lang)
{
    const struct xml_node *node;

    for (node = xml_child(r->stanza, r->stanza->ns, "subject"); node;
         node = xml_next(node, r->stanza->ns, "subject"))
        if (own_lang(node) && strcasecmp(own_lang(node), lang) == 0)
            return node;
    return NULL;
}

static int add_variant(struct reading *r, const struct xml_node *body)
{
    const struct xml_node *subject = subject_in(r, own_lang(body));
    const char *text = xml_text(r->a, body);
    struct variant **end, *v;

    for (end = &r->letter->variants; *end; end = &(*end)->next)
        ;
    v = *end = arena_alloc(r->a, sizeof *v);
    if (!v || !text)
        return -1;
    v->text = text_paragraphs(r->a, text);
    v->lang = arena_strdup(r->a, own_lang(body));
    text = subject ? xml_text(r->a, subject) : NULL;
    v->subject = text ? text_line(r->a, text, HEADER_TEXT_MAX) : NULL;
    return v->text && v->lang && (!subject || v->subject) ? 0 : -1;
}

/* Bodies in further languages (RFC 6121 §5.2.3). */
static enum stanza_verdict finish_variants(struct reading *r)
{
    const struct xml_node *node;
    unsigned count = 0;

    for (node = xml_child(r->stanza, r->stanza->ns, "body"); node;
         node = xml_next(node, r->stanza->ns, "body"))
        if (node != r->body && own_lang(node) && count++ < VARIANTS_MAX && add_variant(r, node) < 0)
            return STANZA_FAILED;
    /* Beside others, the stanza's own language says something. */
    if (count > 0 && r->body && !r->letter->lang && xml_lang(r->body)) {
        r->letter->lang = arena_strdup(r->a, xml_lang(r->body));
        if (!r->letter->lang)
            return STANZA_FAILED;
    }
    return STANZA_LETTER;
}

/* The body beside an encrypted message is an apology to clients that cannot read it, never the
 * message.  A signature is over the body to the byte (XEP-0027 §4.1). */
static enum stanza_verdict finish_openpgp(struct reading *r)
{
    struct letter *l = r->letter;

    if (l->encrypted) {
        l->text = l->html = NULL;
        l->variants = NULL;
    } else if (r->signature && l->text) {
        l->signature = r->signature;
        l->signed_text = xml_text(r->a, r->body);
        if (!l->signed_text)
            return STANZA_FAILED;
    }
    return STANZA_LETTER;
}

static int add_words(struct reading *r, const char *words)
{
    struct letter *l = r->letter;

    l->text = l->text && words ? arena_printf(r->a, "%s\n\n%s", l->text, words) : words;
    return l->text ? 0 : -1;
}

/* Links that stay words, and what else has no better form, come under the text. */
static enum stanza_verdict finish_words(struct reading *r)
{
    if (r->words && add_words(r, r->words) < 0)
        return STANZA_FAILED;
    if (r->changes && add_words(r, contacts_changes_text(r->a, r->changes)) < 0)
        return STANZA_FAILED;
    return STANZA_LETTER;
}

static enum stanza_verdict check_content(struct reading *r)
{
    struct letter *l = r->letter;

    if (r->body && !r->cipher && l->text && strncmp(l->text, "?OTR", 4) == 0)
        r->cipher = "OTR";
    if (r->cipher)
        return refuse(r, "not-acceptable",
                      arena_printf(r->a,
                                   "This gateway cannot send a message encrypted with %s as mail. "
                                   "Nothing was sent; switch encryption off for this contact.",
                                   r->cipher));
    if (l->text || l->subject || l->attachments || l->encrypted || l->contacts)
        return STANZA_LETTER;
    if (receipts_is_notice(l) && l->recipients)
        return STANZA_NOTICE;
    if (r->is_signal)
        return STANZA_IGNORE;
    return refuse(r, "bad-request",
                  "The message has neither text nor subject nor link: there is nothing to send.");
}

/* ---- the whole ---- */

static enum stanza_verdict read_message(struct reading *r)
{
    static enum stanza_verdict (*const steps[])(struct reading *) = {
        read_type,       read_sender,    read_addressee, read_children, finish_text,
        finish_variants, finish_openpgp, finish_words,   check_content, finish_people,
    };
    enum stanza_verdict verdict = STANZA_LETTER;
    size_t i;

    for (i = 0; i < sizeof steps / sizeof *steps && verdict == STANZA_LETTER; i++)
        verdict = steps[i](r);
    return verdict;
}

enum stanza_verdict stanza_read(const struct context *ctx, struct arena *a,
                                const struct xml_node *stanza, struct letter **out,
                                struct jabber_error *error)
{
    struct reading r = {.ctx = ctx, .a = a, .stanza = stanza, .error = error};
    enum stanza_verdict verdict;
    const char *id = xml_get(stanza, "id");

    *out = NULL;
    r.letter = letter_new(a);
    if (!r.letter)
        return STANZA_FAILED;
    if (is_usable_id(id)) {
        r.letter->stanza_id = arena_strdup(a, id);
        if (!r.letter->stanza_id)
            return STANZA_FAILED;
    }
    verdict = read_message(&r);
    if (!r.letter->stanza_id) /* a receipt could not say what it is for */
        r.letter->wishes = (struct wishes){0};
    if (verdict == STANZA_LETTER || verdict == STANZA_NOTICE || verdict == STANZA_WORDS)
        *out = r.letter;
    return verdict;
}
