/*
 * openpgp_mail: signed and encrypted mails.
 *
 * Works in the letter's arena, owns buffers during one call.  Any thread; a crash loses the one
 * mail.
 */
#include "mapping/openpgp/openpgp_mail.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "mapping/mime/attachment_read.h"
#include "mapping/mime/header_write.h"
#include "mapping/mime/mime_parts.h"
#include "mapping/openpgp/openpgp.h"
#include "mapping/address/people_read.h"

const struct part *openpgp_mail_signature(const struct part *p)
{
    const struct part *signature = p->children ? p->children->next : NULL;

    if (!part_is(p, "multipart/signed") || !signature ||
        !part_is(signature, "application/pgp-signature"))
        return NULL;
    return signature;
}

/* A signature is over lines that end in CRLF (RFC 3156 §5), whatever brought the mail here. */
static const char *canonical(struct arena *a, const char *data, size_t len, size_t *len_out)
{
    const char *text = NULL;
    struct buf b;
    size_t i;

    buf_init(&b, 2 * len + 1);
    for (i = 0; i < len; i++) {
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            buf_addc(&b, '\r');
        buf_addc(&b, data[i]);
    }
    *len_out = b.len;
    if (!buf_failed(&b))
        text = arena_strndup(a, b.data, b.len);
    buf_clear(&b);
    return text;
}

int openpgp_mail_add_signed(struct letter *l, const struct part *p)
{
    const struct part *content = p->children, *signature = openpgp_mail_signature(p);
    const char *start = content->body - content->header.body, *text, *armor;
    size_t len, armor_len;

    text = canonical(l->arena, start, content->header.body + content->body_len, &len);
    armor = part_content(l->arena, signature, 0, &armor_len);
    if (!text || !armor || attachment_add(l, "signed.txt", "text/plain", text, len) < 0)
        return -1;
    return attachment_add(l, "signed.txt.asc", "application/pgp-signature", armor, armor_len);
}

void openpgp_mail_name(struct letter *l, const struct part *p)
{
    struct attachment *last = l->attachments;

    if (attachment_claimed_name(p))
        return;
    while (last && last->next)
        last = last->next;
    if (last)
        last->filename = "encrypted.asc";
}

int openpgp_mail_read_inline(struct letter *l, const struct part *p, bool *done_out)
{
    const char *content, *data;
    size_t len;

    *done_out = false;
    if (l->encrypted || p->children)
        return 0;
    content = part_content(l->arena, p, 2 * OPENPGP_DATA_MAX, &len);
    if (!content || openpgp_read_message(l->arena, content, &data) < 0)
        return -1;
    if (data && strlen(data) <= OPENPGP_DATA_MAX) {
        l->encrypted = data;
        *done_out = true;
    }
    return 0;
}

int openpgp_mail_read_signed(struct letter *l, const struct part *p, const char **text)
{
    const char *clear, *whole;
    size_t len;

    if (openpgp_read_cleartext(l->arena, *text, &clear) < 0)
        return -1;
    if (!clear)
        return 0;
    whole = part_content(l->arena, p, 0, &len);
    if (!whole)
        return -1;
    *text = clear;
    return attachment_add(l, "signed.txt.asc", "text/plain", whole, len);
}

int openpgp_mail_read_encrypted(struct letter *l, const char **text)
{
    const char *data, *copy;

    if (l->encrypted) /* another part of the mail: one message holds one */
        return 0;
    if (openpgp_read_message(l->arena, *text, &data) < 0)
        return -1;
    if (!data)
        return 0;
    if (strlen(data) <= OPENPGP_DATA_MAX) {
        l->encrypted = data;
    } else {
        copy = arena_strdup(l->arena, *text);
        if (!copy || attachment_add(l, "message.asc", "text/plain", copy, strlen(copy)) < 0 ||
            people_add_notice(l, "This message is encrypted with OpenPGP; it is too long for a "
                                 "message and is attached.") < 0)
            return -1;
    }
    *text = "";
    return 0;
}

void openpgp_mail_write_key(struct buf *out, const struct letter *l)
{
    struct header h;
    char id[32];

    if (!l->key_id)
        return;
    snprintf(id, sizeof id, "id=%s", l->key_id);
    header_begin(&h, out, "OpenPGP");
    header_word(&h, id);
    header_end(&h);
}

static void write_armor(struct buf *out, const char *content_type, const char *kind,
                        const char *data)
{
    struct buf armor;

    buf_init(&armor, out->max);
    openpgp_write_armor(&armor, kind, data);
    mime_text_part(out, content_type, armor.data, armor.len);
    out->failed = out->failed || buf_failed(&armor);
    buf_clear(&armor);
}

/* Inline: what a Jabber client encrypts is text without a MIME header, so it is no PGP/MIME
 * (RFC 3156). */
void openpgp_mail_write_encrypted(struct buf *out, const struct letter *l)
{
    write_armor(out, "text/plain; charset=utf-8", "MESSAGE", l->encrypted);
}

/* Flowing and line ends change a text on its way, so the signed bytes come as a file. */
void openpgp_mail_write_signed_text(struct buf *out, const struct letter *l)
{
    const struct attachment file = {
        .filename = "body.txt",
        .media_type = "text/plain",
        .content = l->signed_text,
        .size = strlen(l->signed_text),
    };

    mime_attachment_part(out, &file);
}

void openpgp_mail_write_signature(struct buf *out, const struct letter *l)
{
    buf_adds(out, "Content-Disposition: attachment; filename=body.txt.asc\r\n");
    write_armor(out, "application/pgp-signature", "SIGNATURE", l->signature);
}
