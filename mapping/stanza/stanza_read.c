/*
 * stanza_read: from a message stanza to a letter.
 *
 * Each child element that means something has one small function, found by namespace and name in a
 * table; a new feature is one more line there.  What needs the whole message (recipients, the quote
 * before a reply, whether anything is left to send) comes after the walk.  Everything lives in the
 * letter's arena; no thread of its own, and nothing is left behind.
 */
#include "mapping/stanza/stanza_inside.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mapping/stanza/amp.h"
#include "mapping/address/addresses.h"
#include "mapping/card/contacts.h"
#include "mapping/address/display_name.h"
#include "mapping/address/envelope.h"
#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/openpgp/openpgp.h"
#include "mapping/report/receipts.h"
#include "mapping/stanza/shim.h"
#include "mapping/mime/sfs.h"
#include "mapping/stamp.h"
#include "mapping/text/text.h"
#include "mapping/stanza/xhtml.h"

enum {
    LINKS_MAX = 100,
    ID_MAX = 1023, /* bytes of an id, a thread */
    FUTURE_S = 300 /* a clock may be this wrong */
};
static const int64_t expire_max_s = 10 * 365 * INT64_C(86400);

/* ---- verdicts ---- */

enum stanza_verdict stanza_refuse(struct reading *r, const char *condition, const char *text)
{
    if (!text)
        return STANZA_FAILED;
    jabber_error_init(r->error, condition, text);
    return STANZA_REFUSED;
}

enum stanza_verdict stanza_refuse_address(struct reading *r, const char *what, const char *address,
                                          const struct err *e)
{
    if (e->class == ERR_RETRY)
        return STANZA_FAILED;
    return stanza_refuse(r, "jid-malformed",
                         arena_printf(r->a, "%s \"%.*s\" cannot be used: %s.", what,
                                      (int)header_clip(address, 200), address, e->text));
}

/* ---- one function for each element ---- */

static bool is_usable_id(const char *id)
{
    return id && *id != '\0' && strlen(id) <= ID_MAX;
}

/* Of several, the one without a language of its own, else the first. */
static void prefer(const struct xml_node **best, const struct xml_node *node)
{
    if (!*best || (stanza_own_lang(*best) && !stanza_own_lang(node)))
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
        return stanza_refuse(r, "not-acceptable", "The message has too many links.");
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
        return stanza_refuse(r, "not-acceptable", "The message has too many links.");
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
        return stanza_refuse(r, "bad-request",
                             "The attribute seconds of jabber:x:expire is not a number.");
    if (seconds > expire_max_s)
        seconds = expire_max_s;
    if (read_number(xml_get(node, "stored"), &stored) && stored > 0 && stored < start)
        start = stored;
    if (seconds <= 0 || start + seconds <= r->ctx->now_s)
        return stanza_refuse(
            r, "not-acceptable",
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
        return stanza_refuse(
            r, "bad-request",
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

/* The words beside it tell of a deed that cannot be done: a mail that has left stays. */
static enum stanza_verdict read_retraction(struct reading *r, const struct xml_node *node)
{
    (void)node;
    return stanza_refuse(r, "feature-not-implemented",
                         "Mail cannot be taken back; the message stays with those who got it. "
                         "Nothing was sent.");
}

/* With words beside it, those are sent; without any it takes one back. */
static enum stanza_verdict read_reactions(struct reading *r, const struct xml_node *node)
{
    if (xml_child(r->stanza, r->stanza->ns, "body"))
        return STANZA_LETTER;
    if (!xml_child(node, node->ns, "reaction"))
        return read_signal(r, node);
    return stanza_refuse(r, "feature-not-implemented",
                         "Mail knows no reactions: nothing was sent. Write a message instead.");
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
        return stanza_refuse(
            r, "not-acceptable",
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
    {NS_RETRACT, "retract", read_retraction},
    {NS_REACTIONS, "reactions", read_reactions},
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

/* ---- the whole ---- */

static enum stanza_verdict read_type(struct reading *r)
{
    const char *type = xml_get(r->stanza, "type");

    if (!type)
        return STANZA_LETTER;
    if (strcmp(type, "error") == 0)
        return STANZA_IGNORE; /* never an answer to an error (RFC 6120 §8.3.1) */
    if (strcmp(type, "groupchat") == 0)
        return stanza_refuse(
            r, "not-acceptable",
            "This gateway is no chat room: send a message of type chat or normal.");
    if (strcmp(type, "chat") == 0)
        r->letter->type = LETTER_CHAT;
    /* Alerts of a program; mail knows that too. */
    if (strcmp(type, "headline") == 0)
        r->letter->is_automatic = true;
    return STANZA_LETTER;
}

static enum stanza_verdict read_message(struct reading *r)
{
    static enum stanza_verdict (*const steps[])(struct reading *) = {
        read_type,
        stanza_read_sender,
        stanza_read_addressee,
        read_children,
        stanza_finish_text,
        stanza_finish_variants,
        stanza_finish_openpgp,
        stanza_finish_words,
        stanza_check_content,
        stanza_finish_people,
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
