/*
 * mime_attach: files are added to a mail that is written already.
 *
 * The mail becomes the first part of a multipart/mixed, with its own Content- fields and to the
 * byte, so signatures in it hold.  No data, any thread.
 */
#include "mapping/mime/mime_attach.h"

#include <string.h>
#include <strings.h>

#include "mapping/mime/attachment_read.h"
#include "mapping/mime/mime_parts.h"
#include "mapping/text/text.h"

static const char note[] = "X-Postern-Fetch: ";

enum { NOTE_LEN = sizeof note - 1, URL_MAX = 2000 };

/* ---- the note ---- */

static bool is_link(const struct attachment *at, size_t size_max)
{
    const char *p;

    if (!at->url || at->content || at->size > size_max || strlen(at->url) > URL_MAX ||
        (strncasecmp(at->url, "https://", 8) != 0 && strncasecmp(at->url, "http://", 7) != 0))
        return false;
    for (p = at->url; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return false;
    return true;
}

void mime_attach_note(struct buf *out, const struct letter *l, const char *sender, size_t size_max)
{
    const struct attachment *at;
    unsigned n = 0;

    if (l->encrypted || strpbrk(sender, " \r\n"))
        return;
    for (at = l->attachments; at && n < FETCH_LINKS_MAX; at = at->next)
        if (is_link(at, size_max)) {
            buf_printf(out, "%s%s %s\r\n", note, sender, at->url);
            n++;
        }
}

int mime_attach_read(struct arena *a, const char *mail, size_t len, struct attach_note *out)
{
    *out = (struct attach_note){.sender = NULL};
    while (out->count < FETCH_LINKS_MAX && len - out->len > NOTE_LEN &&
           memcmp(mail + out->len, note, NOTE_LEN) == 0) {
        const char *line = mail + out->len + NOTE_LEN;
        const char *end = buf_find(line, len - out->len - NOTE_LEN, "\r\n", 2);
        const char *space = end ? memchr(line, ' ', (size_t)(end - line)) : NULL;

        if (!space)
            break;
        out->sender = arena_strndup(a, line, (size_t)(space - line));
        out->urls[out->count] = arena_strndup(a, space + 1, (size_t)(end - space - 1));
        if (!out->sender || !out->urls[out->count++])
            return -1;
        out->len = (size_t)(end + 2 - mail);
    }
    return 0;
}

/* ---- names ---- */

/* Undoes %XX. */
static char *decode(struct arena *a, const char *text, size_t len)
{
    char *out = arena_alloc(a, len + 1), *p = out;
    size_t i;

    for (i = 0; out && i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? text_hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? text_hex_value(text[i + 2]) : -1;

        if (low >= 0 && (high > 0 || low > 0)) {
            *p++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *p++ = text[i];
        }
    }
    return out;
}

static const char *made_up_name(const char *media_type)
{
    static const struct {
        const char *type, *name;
    } names[] = {
        {"image/png", "file.png"},       {"image/jpeg", "file.jpg"}, {"image/gif", "file.gif"},
        {"image/webp", "file.webp"},     {"video/mp4", "file.mp4"},  {"audio/ogg", "file.ogg"},
        {"application/pdf", "file.pdf"}, {"audio/mpeg", "file.mp3"}, {"video/webm", "file.webm"},
        {"application/zip", "file.zip"},
    };
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].type, media_type) == 0)
            return names[i].name;
    return "file";
}

const char *mime_attach_name(struct arena *a, const char *url, const char *media_type)
{
    const char *path = strstr(url, "://"), *name;
    size_t len;
    char *text;

    path = path ? strchr(path + 3, '/') : NULL;
    if (!path)
        return made_up_name(media_type);
    len = strcspn(path, "?#");
    name = path + len;
    while (name[-1] != '/')
        name--;
    text = decode(a, name, (size_t)(path + len - name));
    if (!text)
        return NULL;
    name = attachment_safe_name(a, text);
    return name && !*name ? made_up_name(media_type) : name;
}

/* ---- the mail ---- */

/* The end of the header field that begins at p: behind its continuation lines. */
static const char *field_end(const char *p, const char *end)
{
    do {
        const char *line = buf_find(p, (size_t)(end - p), "\r\n", 2);

        p = line ? line + 2 : end;
    } while (p < end && (*p == ' ' || *p == '\t'));
    return p;
}

/* The header's fields that are of the body (RFC 2045 §3), or the others. */
static void copy_fields(struct buf *out, const char *p, const char *end, bool of_body)
{
    static const char content[] = "Content-";

    while (p < end) {
        const char *next = field_end(p, end);
        bool is_content =
            (size_t)(next - p) > sizeof content && strncasecmp(p, content, sizeof content - 1) == 0;

        if (is_content == of_body)
            buf_add(out, p, (size_t)(next - p));
        p = next;
    }
}

void mime_attach(struct buf *out, const char *mail, size_t len, const struct attachment *files,
                 const char *seed)
{
    const char *empty = buf_find(mail, len, "\r\n\r\n", 4), *end = mail + len;
    const struct attachment *at;
    struct mime_multipart parts;

    if (!files || !empty) {
        buf_add(out, mail, len);
        return;
    }
    copy_fields(out, mail, empty + 2, false);
    mime_multipart_begin(&parts, out, "mixed", NULL, seed);
    mime_multipart_next(&parts);
    copy_fields(out, mail, empty + 2, true);
    buf_add(out, empty + 2, (size_t)(end - empty - 2));
    if (end[-1] != '\n')
        buf_adds(out, "\r\n");
    for (at = files; at; at = at->next) {
        mime_multipart_next(&parts);
        mime_attachment_part(out, at);
    }
    mime_multipart_end(&parts);
}
