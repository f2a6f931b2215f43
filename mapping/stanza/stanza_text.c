/*
 * stanza_text: what a message says: its text in one language or several, without what other
 * elements say better, and whether there is anything to send.  Everything lives in the letter's
 * arena; no thread of its own.
 */
#include "mapping/stanza/stanza_inside.h"

#include <string.h>
#include <strings.h>

#include "mapping/card/contacts.h"
#include "mapping/stanza/fallback.h"
#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/report/receipts.h"
#include "mapping/text/text.h"

enum { VARIANTS_MAX = 10 };

const char *stanza_own_lang(const struct xml_node *node)
{
    const struct xml_attr *attr;

    for (attr = node->attrs; attr; attr = attr->next)
        if (attr->ns && strcmp(attr->ns, XML_NS) == 0 && strcmp(attr->name, "lang") == 0)
            return attr->value;
    return NULL;
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

enum stanza_verdict stanza_finish_text(struct reading *r)
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
        if (stanza_own_lang(r->body) && !(l->lang = arena_strdup(r->a, stanza_own_lang(r->body))))
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
        if (stanza_own_lang(node) && strcasecmp(stanza_own_lang(node), lang) == 0)
            return node;
    return NULL;
}

static int add_variant(struct reading *r, const struct xml_node *body)
{
    const struct xml_node *subject = subject_in(r, stanza_own_lang(body));
    const char *text = xml_text(r->a, body);
    struct variant **end, *v;

    for (end = &r->letter->variants; *end; end = &(*end)->next)
        ;
    v = *end = arena_alloc(r->a, sizeof *v);
    if (!v || !text)
        return -1;
    v->text = text_paragraphs(r->a, text);
    v->lang = arena_strdup(r->a, stanza_own_lang(body));
    text = subject ? xml_text(r->a, subject) : NULL;
    v->subject = text ? text_line(r->a, text, HEADER_TEXT_MAX) : NULL;
    return v->text && v->lang && (!subject || v->subject) ? 0 : -1;
}

/* Bodies in further languages (RFC 6121 §5.2.3). */
enum stanza_verdict stanza_finish_variants(struct reading *r)
{
    const struct xml_node *node;
    unsigned count = 0;

    for (node = xml_child(r->stanza, r->stanza->ns, "body"); node;
         node = xml_next(node, r->stanza->ns, "body"))
        if (node != r->body && stanza_own_lang(node) && count++ < VARIANTS_MAX &&
            add_variant(r, node) < 0)
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
enum stanza_verdict stanza_finish_openpgp(struct reading *r)
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
enum stanza_verdict stanza_finish_words(struct reading *r)
{
    if (r->words && add_words(r, r->words) < 0)
        return STANZA_FAILED;
    if (r->changes && add_words(r, contacts_changes_text(r->a, r->changes)) < 0)
        return STANZA_FAILED;
    return STANZA_LETTER;
}

enum stanza_verdict stanza_check_content(struct reading *r)
{
    struct letter *l = r->letter;

    if (r->body && !r->cipher && l->text && strncmp(l->text, "?OTR", 4) == 0)
        r->cipher = "OTR";
    if (r->cipher)
        return stanza_refuse(
            r, "not-acceptable",
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
    return stanza_refuse(
        r, "bad-request",
        "The message has neither text nor subject nor link: there is nothing to send.");
}
