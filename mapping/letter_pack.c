/*
 * letter_pack: the table of the letter.
 *
 * One row for each member, in the order of letter.h.  Persons are looked at as a whole: their
 * addresses go into SMTP commands and stanzas, and every other part of the program takes a struct
 * addr or jid for checked.  Owns nothing beyond a call; any thread; a crash loses the one mail.
 */
#include "mapping/letter_pack.h"

#include <string.h>
#include <strings.h>

#include "base/pack.h"
#include "mapping/card/vcard_read.h"

enum {
    LINE_MAX_BYTES = 1 << 20,
    TEXT_MAX_BYTES = 1 << 28,
    LIST_MAX = 20000 /* more than any list that mime_read makes */
};

/* Seconds: far more than any date, and sums of them are numbers still. */
#define TIME_MAX ((size_t)1 << 50)

#define ROW(type, kind, member, ...)                                                               \
    {                                                                                              \
#member, kind, offsetof(struct type, member), __VA_ARGS__                                  \
    }
#define FLAG(type, member)       ROW(type, PACK_BOOL, member, 0, 1, NULL)
#define ENUM(type, member, last) ROW(type, PACK_NUMBER, member, 0, last, NULL)
#define TIME(type, member)       ROW(type, PACK_INT64, member, 0, TIME_MAX, NULL)
#define LINE(type, member)       ROW(type, PACK_LINE, member, 0, LINE_MAX_BYTES, NULL)
#define TEXT(type, member)       ROW(type, PACK_TEXT, member, 0, TEXT_MAX_BYTES, NULL)
#define PART(type, member, of)   ROW(type, PACK_STRUCT, member, 0, 0, &of)
#define ONE(type, member, of)    ROW(type, PACK_POINTER, member, 0, 0, &of)
#define LIST(type, member, of)   ROW(type, PACK_LIST, member, 0, LIST_MAX, &of)
#define SHAPE(type, table, link, check)                                                            \
    {                                                                                              \
        sizeof(struct type), link, table, PACK_COUNT(table), check                                 \
    }

/* ---- people ---- */

static bool addr_is_sound(struct arena *a, const void *object)
{
    const struct addr *addr = object;
    struct addr again;
    struct err ignored;

    if (!addr->local || !addr->domain)
        return !addr->domain;
    return addr_from_parts(a, addr->local, addr->domain, &again, &ignored) == 0 &&
           strcmp(addr->domain, again.domain) == 0;
}

static bool jid_is_sound(struct arena *a, const void *object)
{
    const struct jid *jid = object;
    struct err ignored;
    struct jid again;

    if (!jid->domain)
        return !jid->node && !jid->resource;
    return jid_from_parts(a, jid->node, jid->domain, jid->resource, &again, &ignored) == 0;
}

static const struct pack_field addr_rows[] = {LINE(addr, local), LINE(addr, domain)};
static const struct pack_shape addr_shape = SHAPE(addr, addr_rows, 0, addr_is_sound);

static const struct pack_field jid_rows[] = {LINE(jid, node), LINE(jid, domain),
                                             LINE(jid, resource)};
static const struct pack_shape jid_shape = SHAPE(jid, jid_rows, 0, jid_is_sound);

static const struct pack_field party_rows[] = {
    LINE(party, name),      PART(party, mail, addr_shape),     PART(party, jid, jid_shape),
    FLAG(party, is_jabber), ENUM(party, role, PARTY_REPLY_TO), FLAG(party, delivered),
};
static const struct pack_shape party_shape =
    SHAPE(party, party_rows, offsetof(struct party, next), NULL);

static const struct pack_field resent_rows[] = {
    PART(resent, by, party_shape),
    LIST(resent, to, party_shape),
    TIME(resent, date_s),
    LINE(resent, message_id),
};
static const struct pack_shape resent_shape =
    SHAPE(resent, resent_rows, offsetof(struct resent, next), NULL);

/* ---- content ---- */

static bool is_web_url(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0 ||
           strncasecmp(url, "ftp://", 6) == 0;
}

/* It came with the mail, or lies elsewhere (RFC 2017).  Where what came is to be had, and what it
 * hashes to, is for the gateway to say. */
static bool attachment_is_sound(struct arena *a, const void *object)
{
    const struct attachment *at = object;

    (void)a;
    return !at->sha256 && (!at->url || (!at->content && at->size == 0 && is_web_url(at->url)));
}

static const struct pack_field attachment_rows[] = {
    LINE(attachment, url),
    TEXT(attachment, description),
    LINE(attachment, filename),
    LINE(attachment, media_type),
    LINE(attachment, content_id),
    ROW(attachment, PACK_BYTES, content, offsetof(struct attachment, size), UINT32_MAX - 1, NULL),
    LINE(attachment, sha256),
    FLAG(attachment, is_inline),
};
static const struct pack_shape attachment_shape =
    SHAPE(attachment, attachment_rows, offsetof(struct attachment, next), attachment_is_sound);

static bool reference_is_sound(struct arena *a, const void *object)
{
    (void)a;
    return ((const struct reference *)object)->message_id != NULL;
}

static const struct pack_field reference_rows[] = {LINE(reference, message_id)};
static const struct pack_shape reference_shape =
    SHAPE(reference, reference_rows, offsetof(struct reference, next), reference_is_sound);

/* What comes in a mail has a JID always, be it that of a contact here. */
static bool contact_is_sound(struct arena *a, const void *object)
{
    (void)a;
    return ((const struct contact *)object)->jid != NULL;
}

static const struct pack_field contact_rows[] = {
    LINE(contact, name),
    LINE(contact, jid),
    LINE(contact, mail),
    ROW(contact, PACK_LINES, groups, offsetof(struct contact, group_count), LIST_MAX, NULL),
    FLAG(contact, is_removed),
};
static const struct pack_shape contact_shape =
    SHAPE(contact, contact_rows, offsetof(struct contact, next), contact_is_sound);

/* Its bytes go to clients as what the type says. */
static bool portrait_is_sound(struct arena *a, const void *object)
{
    const struct portrait *p = object;
    const char *type = p->image ? vcard_image_type(p->image, p->len) : NULL;

    (void)a;
    return type && p->type && p->len <= VCARD_PHOTO_MAX && strcmp(type, p->type) == 0;
}

static const struct pack_field portrait_rows[] = {
    LINE(portrait, type),
    ROW(portrait, PACK_BYTES, image, offsetof(struct portrait, len), VCARD_PHOTO_MAX, NULL),
};
static const struct pack_shape portrait_shape =
    SHAPE(portrait, portrait_rows, 0, portrait_is_sound);

static bool variant_is_sound(struct arena *a, const void *object)
{
    const struct variant *v = object;

    (void)a;
    return v->lang && v->text;
}

static const struct pack_field variant_rows[] = {
    LINE(variant, lang),
    LINE(variant, subject),
    TEXT(variant, text),
};
static const struct pack_shape variant_shape =
    SHAPE(variant, variant_rows, offsetof(struct variant, next), variant_is_sound);

static bool extra_is_sound(struct arena *a, const void *object)
{
    const struct extra_header *extra = object;

    (void)a;
    return extra->name && extra->value;
}

static const struct pack_field extra_rows[] = {LINE(extra_header, name), LINE(extra_header, value)};
static const struct pack_shape extra_shape =
    SHAPE(extra_header, extra_rows, offsetof(struct extra_header, next), extra_is_sound);

/* ---- reports and receipts ---- */

static const struct pack_field status_rows[] = {
    ENUM(smtp_status, code, 999),
    LINE(smtp_status, enhanced),
    TEXT(smtp_status, text),
    ENUM(smtp_status, trouble, SMTP_TROUBLE_EXPIRED),
};
static const struct pack_shape status_shape = SHAPE(smtp_status, status_rows, 0, NULL);

static const struct pack_field failed_rows[] = {
    LINE(report_recipient, address),
    ENUM(report_recipient, action, REPORT_EXPANDED),
    PART(report_recipient, status, status_shape),
};
static const struct pack_shape failed_shape =
    SHAPE(report_recipient, failed_rows, offsetof(struct report_recipient, next), NULL);

static const struct pack_field report_rows[] = {
    LIST(report, recipients, failed_shape),
    LINE(report, envelope_id),
    LINE(report, original_message_id),
    LINE(report, original_from),
    LINE(report, reporting_mta),
    ENUM(report, disposition, DISPOSITION_DISPATCHED),
    LINE(report, disposition_recipient),
};
static const struct pack_shape report_shape = SHAPE(report, report_rows, 0, NULL);

static const struct pack_field wishes_rows[] = {
    FLAG(wishes, delivered),      FLAG(wishes, offline),  FLAG(wishes, displayed),
    FLAG(wishes, receipt),        FLAG(wishes, markable), FLAG(wishes, never),
    LINE(wishes, disposition_to),
};
static const struct pack_shape wishes_shape = SHAPE(wishes, wishes_rows, 0, NULL);

/* ---- the letter ---- */

static const struct pack_field letter_rows[] = {
    ENUM(letter, type, LETTER_CHAT),

    PART(letter, from, party_shape),
    ONE(letter, claimed_from, party_shape),
    LIST(letter, parties, party_shape),
    LIST(letter, resent, resent_shape),
    LIST(letter, recipients, party_shape),
    LINE(letter, reverse_path),
    FLAG(letter, is_multicast),
    FLAG(letter, is_reply_all),
    LINE(letter, reply_room),

    LINE(letter, stanza_id),
    LINE(letter, thread),
    LINE(letter, message_id),
    LINE(letter, in_reply_to),
    LIST(letter, references, reference_shape),
    LINE(letter, reply_to_id),
    LINE(letter, reply_to_jid),
    LINE(letter, replaces_id),

    LINE(letter, subject),
    TEXT(letter, text),
    TEXT(letter, uncut),
    LINE(letter, lang),
    TEXT(letter, html),
    LIST(letter, variants, variant_shape),
    LIST(letter, attachments, attachment_shape),
    LIST(letter, contacts, contact_shape),
    ONE(letter, portrait, portrait_shape),
    LIST(letter, extra_headers, extra_shape),

    TEXT(letter, encrypted),
    TEXT(letter, signature),
    TEXT(letter, signed_text),
    LINE(letter, key_id),

    PART(letter, wishes, wishes_shape),
    ENUM(letter, notice_kind, NOTICE_CANCELLED),
    LINE(letter, notice_id),
    ENUM(letter, expiry_action, EXPIRY_NOTIFY),

    TIME(letter, date_s),
    TIME(letter, expires_s),

    FLAG(letter, is_automatic),
    FLAG(letter, no_reply),
    LINE(letter, list_id),
    FLAG(letter, is_doubtful),
    FLAG(letter, is_path_proven),
    ONE(letter, report, report_shape),

    TEXT(letter, notice),
    FLAG(letter, is_cut),
    LINE(letter, whole_url),
};

/* A mail's reverse-path is where reports go: an address, the null path, or not known. */
static bool letter_is_sound(struct arena *a, const void *object)
{
    const struct letter *l = object;
    struct addr path;
    struct err ignored;

    return !l->reverse_path || !*l->reverse_path ||
           addr_parse(a, l->reverse_path, &path, &ignored) == 0;
}

static const struct pack_shape letter_shape = SHAPE(letter, letter_rows, 0, letter_is_sound);

void letter_pack(struct buf *out, const struct letter *l)
{
    pack_write(out, &letter_shape, l);
}

int letter_unpack(struct arena *a, char *data, size_t len, struct letter **out, struct err *e)
{
    struct letter *l = letter_new(a);

    if (!l)
        return err_memory(e);
    if (pack_read(a, &letter_shape, data, len, l, e) < 0)
        return -1;
    *out = l;
    return 0;
}
