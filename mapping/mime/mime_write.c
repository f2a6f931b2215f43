/*
 * mime_write: from a letter to a mail.
 *
 * Header fields come from a table, one small function each; the body is one text part, or a
 * multipart/mixed when the letter carries content of its own.  No data, no thread of its own.
 */
#include "mapping/mime/mime_write.h"

#include <stdio.h>
#include <string.h>

#include "base/xml.h"

#include "mapping/card/contacts.h"
#include "mapping/text/flowed.h"
#include "mapping/mime/header_write.h"
#include "mapping/mime/mime_parts.h"
#include "mapping/openpgp/openpgp_mail.h"
#include "mapping/stanza/shim.h"
#include "mapping/report/trace.h"
#include "mapping/text/text.h"

enum {
    REFERENCES_MAX = 20,
    SUBJECT_CHARS = 60 /* of the text, when there is no subject */
};

struct writing {
    const struct context *ctx;
    const struct letter *letter;
    struct buf *out;
};

/* ---- header ---- */

static int64_t date_of(const struct writing *w)
{
    return w->letter->date_s > 0 ? w->letter->date_s : w->ctx->now_s;
}

enum { TO = 1 << PARTY_TO, CC = 1 << PARTY_CC, REPLY_TO = 1 << PARTY_REPLY_TO }; /* never Bcc */

static const struct party *next_with_role(const struct party *p, unsigned roles)
{
    while (p && (!(1U << p->role & roles) || !p->mail.domain))
        p = p->next;
    return p;
}

static void write_people(struct writing *w, const char *name, const struct party *list,
                         unsigned roles)
{
    const struct party *p = next_with_role(list, roles), *next;
    struct header h;

    if (!p)
        return;
    header_begin(&h, w->out, name);
    for (; p; p = next) {
        next = next_with_role(p->next, roles);
        header_mailbox(&h, p->name, &p->mail, next != NULL);
    }
    header_end(&h);
}

static void write_person(struct writing *w, const char *name, const struct party *p)
{
    struct header h;

    header_begin(&h, w->out, name);
    header_mailbox(&h, p->name, &p->mail, false);
    header_end(&h);
}

/* RFC 5322 §3.6.6: a block for each, newest first, before everything else. */
static void write_resent(struct writing *w)
{
    const struct resent *r;
    unsigned n = 0;

    for (r = w->letter->resent; r; r = r->next) {
        struct header h;
        struct buf id;

        n++;
        if (!r->by.mail.domain)
            continue;
        buf_init(&id, HEADER_ID_MAX + 16);
        header_date(w->out, "Resent-Date", r->date_s > 0 ? r->date_s : w->ctx->now_s);
        write_person(w, "Resent-From", &r->by);
        write_people(w, "Resent-To", r->to, TO | CC);
        header_begin(&h, w->out, "Resent-Message-ID");
        if (r->message_id && header_is_message_id(r->message_id))
            buf_adds(&id, r->message_id);
        else
            buf_printf(&id, "r%u.%s", n, w->letter->message_id);
        header_message_id(&h, id.data);
        header_end(&h);
        buf_clear(&id);
    }
}

static void write_date(struct writing *w)
{
    header_date(w->out, "Date", date_of(w));
}

static void write_from(struct writing *w)
{
    write_person(w, "From", &w->letter->from);
}

/* Whom the letter goes to, unless it says whom it shows.  RFC 5322 wants no To, but readers do. */
static void write_to(struct writing *w)
{
    const struct letter *l = w->letter;

    if (next_with_role(l->parties, TO)) {
        write_people(w, "To", l->parties, TO);
    } else if (!next_with_role(l->parties, CC)) {
        if (next_with_role(l->recipients, TO))
            write_people(w, "To", l->recipients, TO);
        else
            buf_adds(w->out, "To: undisclosed-recipients:;\r\n");
    }
}

static void write_cc(struct writing *w)
{
    write_people(w, "Cc", w->letter->parties, CC);
}

static void write_reply_to(struct writing *w)
{
    if (!w->letter->no_reply)
        write_people(w, "Reply-To", w->letter->parties, REPLY_TO);
}

/* The first words of the text, cut between two where that leaves enough, at about a line. */
static void subject_of_text(struct buf *out, const char *text)
{
    size_t i = 0, chars = 0, space = 0, space_chars = 0, n;

    text += strspn(text, " \t\n");
    n = strcspn(text, "\n");
    while (i < n && chars < SUBJECT_CHARS) {
        if (text[i] == ' ') {
            space = i;
            space_chars = chars;
        }
        i++;
        while (i < n && ((unsigned char)text[i] & 0xc0) == 0x80)
            i++;
        chars++;
    }
    if (i < n && text[i] != ' ' && space_chars >= SUBJECT_CHARS / 2)
        i = space;
    while (i > 0 && text[i - 1] == ' ')
        i--;
    buf_add(out, text, i);
    if (i < n)
        buf_adds(out, "..."); /* ASCII, so that it needs no encoding */
}

const char *mime_subject(struct arena *a, const struct letter *l)
{
    const struct attachment *att = l->attachments;
    const char *name = att ? att->description ? att->description : att->filename : NULL;
    const char *subject = NULL;
    struct buf words;

    if (l->subject)
        return arena_strndup(a, l->subject, header_clip(l->subject, HEADER_TEXT_MAX));
    buf_init(&words, 4 * SUBJECT_CHARS + 16);
    if (l->text)
        subject_of_text(&words, l->text);
    if (words.len > 0)
        subject = arena_strndup(a, words.data, words.len);
    else if (name)
        subject = arena_strndup(a, name, header_clip(name, HEADER_TEXT_MAX));
    else if (l->encrypted)
        subject = arena_strdup(a, "Encrypted message");
    else if (l->contacts)
        subject = arena_strdup(a, l->contacts->next ? "Contacts" : "Contact");
    else
        subject = arena_strdup(a, "(no subject)");
    if (buf_failed(&words))
        subject = NULL;
    buf_clear(&words);
    return subject;
}

static void write_subject(struct writing *w)
{
    struct arena *a = arena_new(4 * HEADER_TEXT_MAX);
    const char *subject = a ? mime_subject(a, w->letter) : NULL;

    if (subject)
        header_text(w->out, "Subject", subject);
    else
        w->out->failed = true;
    arena_free(a);
}

static void write_message_id(struct writing *w)
{
    struct header h;

    header_begin(&h, w->out, "Message-ID");
    header_message_id(&h, w->letter->message_id);
    header_end(&h);
}

static void write_in_reply_to(struct writing *w)
{
    const char *id = w->letter->in_reply_to;
    struct header h;

    if (!id || !header_is_message_id(id))
        return;
    header_begin(&h, w->out, "In-Reply-To");
    header_message_id(&h, id);
    header_end(&h);
}

/* RFC 5322 §3.6.4; of a long list the root and the latest serve threading best. */
static void write_references(struct writing *w)
{
    const struct letter *l = w->letter;
    const struct reference *ref;
    unsigned count = 0, skip, i = 0;
    struct header h;

    for (ref = l->references; ref; ref = ref->next)
        count += header_is_message_id(ref->message_id);
    if (count == 0 && (!l->in_reply_to || !header_is_message_id(l->in_reply_to)))
        return;
    header_begin(&h, w->out, "References");
    if (count == 0)
        header_message_id(&h, l->in_reply_to);
    skip = count > REFERENCES_MAX ? count - REFERENCES_MAX : 0;
    for (ref = l->references; ref; ref = ref->next) {
        if (!header_is_message_id(ref->message_id))
            continue;
        if (i == 0 || i > skip)
            header_message_id(&h, ref->message_id);
        i++;
    }
    header_end(&h);
}

static void write_expires(struct writing *w)
{
    if (w->letter->expires_s > 0)
        header_date(w->out, "Expires", w->letter->expires_s);
}

/* RFC 3834 §5 */
static void write_auto_submitted(struct writing *w)
{
    if (w->letter->no_reply || w->letter->is_automatic)
        buf_adds(w->out, "Auto-Submitted: auto-generated\r\n");
}

/* RFC 8098 §2.1 */
static void write_disposition_to(struct writing *w)
{
    const char *text = w->letter->wishes.disposition_to;
    struct arena *a;
    struct addr to;
    struct err e;
    struct header h;

    if (!text)
        return;
    a = arena_new(8192);
    if (!a) {
        w->out->failed = true;
    } else if (addr_parse(a, text, &to, &e) == 0) {
        header_begin(&h, w->out, "Disposition-Notification-To");
        header_mailbox(&h, NULL, &to, false);
        header_end(&h);
    }
    arena_free(a);
}

static void write_loop_mark(struct writing *w)
{
    if (w->letter->loop_mark)
        trace_write(w->out, w->letter->loop_mark);
}

static void write_claimed_from(struct writing *w)
{
    write_people(w, "X-Jabber-Envelope-From", w->letter->claimed_from, TO);
}

/* A bare JID as in an xmpp: URI, all ASCII (RFC 5122 §2.2). */
static void write_jid(struct writing *w, const char *name, const char *jid)
{
    struct buf escaped;
    struct header h;

    buf_init(&escaped, 8192);
    for (; *jid; jid++) {
        unsigned char c = (unsigned char)*jid;

        if (c > ' ' && c < 0x7f && !strchr("\"#%<>?[\\]^`{|}&'/:", c))
            buf_addc(&escaped, (char)c);
        else
            buf_printf(&escaped, "%%%02X", c);
    }
    if (escaped.len > 0 && escaped.len < HEADER_ID_MAX) {
        header_begin(&h, w->out, name);
        header_word(&h, escaped.data);
        header_end(&h);
    }
    w->out->failed = w->out->failed || buf_failed(&escaped);
    buf_clear(&escaped);
}

/* Mail cannot answer into a chat room, but its reader can go there. */
static void write_reply_room(struct writing *w)
{
    if (w->letter->reply_room)
        write_jid(w, "X-Jabber-Reply-Room", w->letter->reply_room);
}

/* RFC 7259 §2 */
static void write_jabber_id(struct writing *w)
{
    const struct jid *jid = &w->letter->from.jid;
    struct buf bare;

    if (!w->letter->from.is_jabber || !jid->domain || w->ctx->hides_jabber_id)
        return;
    buf_init(&bare, 8192);
    jid_write_bare(&bare, jid);
    write_jid(w, "Jabber-ID", bare.data);
    w->out->failed = w->out->failed || buf_failed(&bare);
    buf_clear(&bare);
}

static void write_openpgp(struct writing *w)
{
    openpgp_mail_write_key(w->out, w->letter);
}

static void write_shim(struct writing *w)
{
    shim_write_mail(w->out, w->letter);
}

static void write_header(struct writing *w)
{
    static void (*const fields[])(struct writing *) = {
        write_resent,
        write_date,
        write_from,
        write_to,
        write_cc,
        write_reply_to,
        write_subject,
        write_message_id,
        write_in_reply_to,
        write_references,
        write_expires,
        write_auto_submitted,
        write_disposition_to,
        write_loop_mark,
        write_claimed_from,
        write_reply_room,
        write_jabber_id,
        write_shim,
        write_openpgp,
    };
    size_t i;

    for (i = 0; i < sizeof fields / sizeof *fields; i++)
        fields[i](w);
}

/* ---- body ---- */

static void write_links(struct buf *out, const struct letter *l)
{
    const struct attachment *att;
    bool is_first = true;

    for (att = l->attachments; att; att = att->next) {
        const char *name = att->description ? att->description : att->filename;

        if (!att->url || att->content || text_is_only(l->text, att->url))
            continue;
        if (is_first && out->len > 0)
            buf_adds(out, "\n");
        is_first = false;
        if (name)
            buf_printf(out, "%s: ", name);
        buf_printf(out, "%s\n", att->url);
    }
}

/* The words and the links below them, as flowed lines. */
static void write_text(struct buf *flowed, const struct letter *l)
{
    struct buf text;

    buf_init(&text, flowed->max);
    if (l->text)
        buf_adds(&text, l->text);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        buf_addc(&text, '\n');
    if (text.len > 0 && l->contacts)
        buf_addc(&text, '\n');
    contacts_write_text(&text, l);
    write_links(&text, l);
    flowed_write(flowed, text.data);
    flowed->failed = flowed->failed || buf_failed(&text);
    buf_clear(&text);
}

static void write_content_language(struct writing *w, const char *lang)
{
    size_t n = lang ? strlen(lang) : 0;

    if (n > 0 && n < 64 &&
        strspn(lang, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n)
        buf_printf(w->out, "Content-Language: %s\r\n", lang);
}

static bool is_part(const struct writing *w, const struct attachment *att)
{
    return att->content || (w->ctx->external_body && mime_is_external(att));
}

static bool has_files(const struct writing *w)
{
    const struct attachment *att;

    for (att = w->letter->attachments; att; att = att->next)
        if (is_part(w, att))
            return true;
    return false;
}

static void write_plain_part(struct writing *w)
{
    struct buf flowed;

    buf_init(&flowed, w->out->max);
    write_text(&flowed, w->letter);
    write_content_language(w, w->letter->lang);
    mime_text_part(w->out, "text/plain; charset=utf-8; format=flowed", flowed.data, flowed.len);
    w->out->failed = w->out->failed || buf_failed(&flowed);
    buf_clear(&flowed);
}

/* The same text in another language, under its subject. */
static void write_variant_part(struct writing *w, const struct variant *v)
{
    struct buf text, flowed;

    buf_init(&text, w->out->max);
    buf_init(&flowed, w->out->max);
    if (v->subject)
        buf_printf(&text, "%s\n\n", v->subject);
    buf_printf(&text, "%s\n", v->text);
    flowed_write(&flowed, text.data);
    write_content_language(w, v->lang);
    mime_text_part(w->out, "text/plain; charset=utf-8; format=flowed", flowed.data, flowed.len);
    w->out->failed = w->out->failed || buf_failed(&text) || buf_failed(&flowed);
    buf_clear(&text);
    buf_clear(&flowed);
}

static void write_html_links(struct buf *html, const struct letter *l)
{
    const struct attachment *att;

    for (att = l->attachments; att; att = att->next) {
        const char *name = att->description ? att->description : att->filename;

        if (!att->url || att->content || text_is_only(l->text, att->url))
            continue;
        buf_adds(html, "<p><a href=\"");
        xml_escape(html, att->url);
        buf_adds(html, "\">");
        xml_escape(html, name ? name : att->url);
        buf_adds(html, "</a></p>\n");
    }
}

static void write_html_part(struct writing *w)
{
    struct buf html;

    buf_init(&html, w->out->max);
    buf_printf(&html, "<!DOCTYPE html>\n<html><body>\n%s\n", w->letter->html);
    write_html_links(&html, w->letter);
    buf_adds(&html, "</body></html>\n");
    write_content_language(w, w->letter->lang);
    mime_text_part(w->out, "text/html; charset=utf-8", html.data, html.len);
    w->out->failed = w->out->failed || buf_failed(&html);
    buf_clear(&html);
}

/* The text, alone or, where it comes in several forms, as an alternative whose last is the best
 * (RFC 2046 §5.1.4): other languages, the plain text, the HTML. */
static void write_text_part(struct writing *w)
{
    const struct letter *l = w->letter;
    const struct variant *v;
    struct mime_multipart m;

    if (!l->variants && !l->html) {
        write_plain_part(w);
        return;
    }
    mime_multipart_begin(&m, w->out, "alternative", NULL, l->message_id);
    for (v = l->variants; v; v = v->next) {
        mime_multipart_next(&m);
        write_variant_part(w, v);
    }
    mime_multipart_next(&m);
    write_plain_part(w);
    if (l->html) {
        mime_multipart_next(&m);
        write_html_part(w);
    }
    mime_multipart_end(&m);
}

/* What a mail is made of, in order; each stands there when the letter has it. */

static bool has_encrypted(const struct letter *l)
{
    return l->encrypted;
}

static void write_encrypted(struct writing *w)
{
    openpgp_mail_write_encrypted(w->out, w->letter);
}

/* Beside an encrypted message only what stands in the clear. */
static bool has_text(const struct letter *l)
{
    return !l->encrypted || l->text || l->attachments || l->contacts;
}

static bool has_signature(const struct letter *l)
{
    return l->signature;
}

static void write_signed_text(struct writing *w)
{
    openpgp_mail_write_signed_text(w->out, w->letter);
}

static void write_signature(struct writing *w)
{
    openpgp_mail_write_signature(w->out, w->letter);
}

static bool has_contacts(const struct letter *l)
{
    return l->contacts;
}

static void write_contacts(struct writing *w)
{
    contacts_write_part(w->out, w->letter);
}

static const struct piece {
    bool (*has)(const struct letter *l);
    void (*write)(struct writing *w);
} pieces[] = {
    {has_encrypted, write_encrypted},   {has_text, write_text_part},
    {has_signature, write_signed_text}, {has_signature, write_signature},
    {has_contacts, write_contacts},
};

enum { PIECES = sizeof pieces / sizeof *pieces };

static void write_file(struct writing *w, const struct attachment *att, unsigned number)
{
    char id[HEADER_ID_MAX + 16];

    if (att->content) {
        mime_attachment_part(w->out, att);
        return;
    }
    snprintf(id, sizeof id, "f%u.%s", number, w->letter->message_id);
    mime_external_part(w->out, att, id);
}

static void write_multipart(struct writing *w)
{
    unsigned n = 1;
    const struct letter *l = w->letter;
    const struct attachment *att;
    struct mime_multipart m;
    size_t i;

    mime_multipart_begin(&m, w->out, "mixed", NULL, l->message_id);
    for (i = 0; i < PIECES; i++)
        if (pieces[i].has(l)) {
            mime_multipart_next(&m);
            pieces[i].write(w);
        }
    for (att = l->attachments; att; att = att->next, n++)
        if (is_part(w, att)) {
            mime_multipart_next(&m);
            write_file(w, att, n);
        }
    mime_multipart_end(&m);
}

static void write_body(struct writing *w)
{
    const struct piece *only = NULL;
    size_t i, count = has_files(w);

    buf_adds(w->out, "MIME-Version: 1.0\r\n");
    for (i = 0; i < PIECES; i++)
        if (pieces[i].has(w->letter)) {
            only = &pieces[i];
            count++;
        }
    if (count == 1 && only)
        only->write(w);
    else
        write_multipart(w);
}

int mime_write(const struct context *ctx, const struct letter *letter, struct buf *out,
               struct err *e)
{
    struct writing w = {ctx, letter, out};

    if (!letter->message_id || !header_is_message_id(letter->message_id))
        return err_set(e, ERR_BUG, "a letter without a Message-ID cannot be written");
    if (!letter->from.mail.domain)
        return err_set(e, ERR_PERMANENT, "the sender has no mail address");
    write_header(&w);
    write_body(&w);
    return buf_failed(out) ? err_memory(e) : 0;
}
