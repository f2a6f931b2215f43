/*
 * attachment_read: content, type and a name that is safe to show and to store.
 *
 * The content is decoded once, into the letter's arena.  Works in that arena.  Any thread; a crash
 * loses the one mail.
 */
#include "mapping/mime/attachment_read.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/keyed.h"
#include "base/utf8.h"
#include "mapping/mime/charset.h"

enum { DESCRIPTION_MAX = 300, URL_MAX = 2000 };

static const struct {
    const char *type, *extension;
} extensions[] = {
    {"text/plain", ".txt"},
    {"text/html", ".html"},
    {"text/calendar", ".ics"},
    {"text/vcard", ".vcf"},
    {"text/x-vcard", ".vcf"},
    {"text/csv", ".csv"},
    {"image/jpeg", ".jpg"},
    {"image/png", ".png"},
    {"image/gif", ".gif"},
    {"image/webp", ".webp"},
    {"image/svg+xml", ".svg"},
    {"image/heic", ".heic"},
    {"application/pdf", ".pdf"},
    {"application/zip", ".zip"},
    {"message/rfc822", ".eml"},
    {"audio/mpeg", ".mp3"},
    {"audio/ogg", ".ogg"},
    {"audio/wav", ".wav"},
    {"video/mp4", ".mp4"},
    {"video/webm", ".webm"},
    {"application/pgp-signature", ".asc"},
    {"text/rfc822-headers", ".txt"},
};

static const char *extension_of(const char *type)
{
    size_t i;

    for (i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (strcmp(extensions[i].type, type) == 0)
            return extensions[i].extension;
    return ".bin";
}

/* Marks that turn the reading direction make "gpj.exe" look like "exe.jpg"; others take no room. */
static bool is_deceptive(uint32_t cp)
{
    return cp < 32 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || (cp >= 0x200b && cp <= 0x200f) ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
           cp == 0xfffd;
}

/* Cuts a name at ATTACHMENT_NAME_MAX, keeping its extension. */
static void shorten(char *name)
{
    size_t len = strlen(name), keep, ext;
    const char *dot = strrchr(name, '.');

    if (len <= ATTACHMENT_NAME_MAX)
        return;
    ext = dot && len - (size_t)(dot - name) <= 12 ? len - (size_t)(dot - name) : 0;
    keep = charset_clip(name, len, ATTACHMENT_NAME_MAX - ext);
    memmove(name + keep, name + len - ext, ext + 1);
}

const char *attachment_safe_name(struct arena *a, const char *name)
{
    const char *p;
    char *out, *o;
    size_t n;

    for (p = name; *p; p++)
        if (*p == '/' || *p == '\\')
            name = p + 1;
    while (*name == '.' || *name == ' ')
        name++;
    n = strlen(name);
    o = out = arena_alloc(a, n + 1);
    if (!out)
        return NULL;
    for (p = name; n > 0;) {
        uint32_t cp = 0;
        size_t used = utf8_sequence(p, n, &cp);

        if (used == 1 && strchr("<>:\"|?*", *p)) {
            *o++ = '_';
        } else if (used > 0 && !is_deceptive(cp)) {
            memcpy(o, p, used);
            o += used;
        }
        used = used > 0 ? used : 1;
        p += used;
        n -= used;
    }
    while (o > out && (o[-1] == '.' || o[-1] == ' '))
        o--;
    *o = '\0';
    shorten(out);
    return out;
}

const char *attachment_claimed_name(const struct part *p)
{
    const char *name = param_get(&p->disposition, "filename");

    if (!name || !*name)
        name = param_get(&p->type, "name");
    return name && *name ? name : NULL;
}

/* The subject of a mail in a mail is its name. */
static const char *subject_name(struct arena *a, const char *content, size_t size)
{
    struct mail_header h;
    const char *subject;
    char *text, *p;

    if (header_read(a, content, size < 65536 ? size : 65536, &h) < 0)
        return NULL;
    subject = header_read_get(&h, "Subject");
    subject = subject ? header_read_text(a, subject, 80) : "";
    text = arena_strdup(a, subject);
    for (p = text; p && (p = strpbrk(p, "/\\"));) /* no folders in a subject */
        *p = '_';
    subject = text ? attachment_safe_name(a, text) : NULL;
    if (!subject)
        return NULL;
    return arena_printf(a, "%s.eml", *subject ? subject : "message");
}

static const char *name_of(struct letter *l, const struct part *p, const char *content, size_t size)
{
    const char *claimed = attachment_claimed_name(p), *name;
    const struct attachment *other;
    size_t number = 1;

    if (claimed) {
        name = attachment_safe_name(l->arena, claimed);
        if (!name || *name)
            return name;
    }
    if (part_is(p, "message/rfc822") && content)
        return subject_name(l->arena, content, size);
    for (other = l->attachments; other; other = other->next)
        number++;
    return arena_printf(l->arena, "attachment-%zu%s", number, extension_of(p->type.main));
}

/* RFC 2017 §3: blanks in the URL come from folding and are no part of it. */
static const char *external_url(struct arena *a, const struct part *p)
{
    const char *access = param_get(&p->type, "access-type"), *url = param_get(&p->type, "url");
    char *out, *o;

    if (!access || !url || strcasecmp(access, "url") != 0 || strlen(url) > URL_MAX)
        return NULL;
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0 &&
        strncasecmp(url, "ftp://", 6) != 0)
        return NULL;
    o = out = arena_alloc(a, strlen(url) + 1);
    for (; out && *url; url++)
        if ((unsigned char)*url > 32 && !strchr("<>\"", *url))
            *o++ = *url;
    return out;
}

static int add_external(struct letter *l, const struct part *p, const char *url)
{
    struct attachment *att = letter_add_attachment(l);
    const char *description = header_read_get(&p->header, "Content-Description");
    struct param_value type;
    struct mail_header inner; /* of the thing itself: its type */

    if (!att || header_read(l->arena, p->body, p->body_len, &inner) < 0 ||
        header_params(l->arena, header_read_get(&inner, "Content-Type"), &type) < 0)
        return -1;
    att->url = url;
    if (strchr(type.main, '/'))
        att->media_type = type.main;
    if (!description)
        description = header_read_get(&inner, "Content-Description");
    if (description) {
        att->description = header_read_text(l->arena, description, DESCRIPTION_MAX);
        if (!att->description)
            return -1;
    }
    return 0;
}

int attachment_add(struct letter *l, const char *filename, const char *media_type,
                   const char *content, size_t size)
{
    struct attachment *att = letter_add_attachment(l);

    if (!att)
        return -1;
    att->filename = filename;
    att->media_type = media_type;
    att->content = content;
    att->size = size;
    return 0;
}

int attachment_read(struct letter *l, const struct part *p)
{
    const char *description = header_read_get(&p->header, "Content-Description");
    const char *id = header_read_get(&p->header, "Content-ID");
    const char *url = part_is(p, "message/external-body") ? external_url(l->arena, p) : NULL;
    struct attachment *att;
    const char *content, *name;
    size_t size, at = 0;

    if (url)
        return add_external(l, p, url);
    content = part_content(l->arena, p, 0, &size);
    if (!content)
        return -1;
    name = name_of(l, p, content, size);
    att = name ? letter_add_attachment(l) : NULL;
    if (!att)
        return -1;
    att->filename = name;
    att->media_type = p->type.main;
    att->content = content;
    att->size = size;
    att->content_id = id ? header_read_id(l->arena, id, &at) : NULL;
    att->is_inline = strcmp(p->disposition.main, "inline") == 0 ||
                     (att->content_id && strcmp(p->disposition.main, "attachment") != 0);
    if (description) {
        att->description = header_read_text(l->arena, description, DESCRIPTION_MAX);
        if (!att->description)
            return -1;
    }
    return 0;
}

int attachment_hash(struct letter *l)
{
    struct attachment *att;

    for (att = l->attachments; att; att = att->next) {
        char *text;

        if (!att->content)
            continue;
        text = arena_alloc(l->arena, KEYED_SHA256_BASE64_SIZE);
        if (!text)
            return -1;
        keyed_sha256_base64(att->content, att->size, text);
        att->sha256 = *text ? text : NULL;
    }
    return 0;
}
