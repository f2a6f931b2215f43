/*
 * mime_parts: parts and the lines between them.  The boundary begins with "=_", which neither
 * quoted-printable nor base64 can produce; a text that has it is therefore never sent as 7bit.  No
 * thread of its own.
 */
#include "mapping/mime/mime_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mapping/mime/header_write.h"
#include "mapping/mime/transfer.h"

static const char boundary_start[] = "--=_";

void mime_text_part(struct buf *out, const char *content_type, const char *text, size_t len)
{
    enum transfer t = transfer_choose(text, len);

    if (t == TRANSFER_7BIT && buf_find(text, len, boundary_start, strlen(boundary_start)))
        t = TRANSFER_QUOTED_PRINTABLE;
    if (t == TRANSFER_BASE64 && strcmp(content_type, "text/rfc822-headers") == 0)
        t = TRANSFER_QUOTED_PRINTABLE; /* RFC 6522 §4 */
    buf_printf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", content_type,
               transfer_name(t));
    transfer_write_text(out, t, text, len);
}

/* "type/subtype" of tokens and nothing else: what a stranger named must not become a parameter. */
static bool is_media_type(const char *type)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$&-^_.+";
    size_t n = strspn(type, token), rest;

    if (n == 0 || type[n] != '/')
        return false;
    rest = strspn(type + n + 1, token);
    return rest > 0 && type[n + 1 + rest] == '\0' && n + rest < 128 &&
           strncmp(type, "multipart/", 10) != 0 && strncmp(type, "message/", 8) != 0;
}

void mime_attachment_part(struct buf *out, const struct attachment *att)
{
    const char *type = att->media_type && is_media_type(att->media_type)
                           ? att->media_type
                           : "application/octet-stream";
    struct header h;

    buf_printf(out, "Content-Type: %s\r\n", type);
    header_begin(&h, out, "Content-Disposition");
    header_word(&h, att->is_inline ? "inline" : "attachment");
    if (att->filename && *att->filename != '\0')
        header_parameter(&h, "filename", att->filename);
    header_end(&h);
    if (att->description && *att->description != '\0')
        header_text(out, "Content-Description", att->description);
    if (att->content_id && header_is_message_id(att->content_id)) {
        header_begin(&h, out, "Content-ID");
        header_message_id(&h, att->content_id);
        header_end(&h);
    }
    buf_adds(out, "Content-Transfer-Encoding: base64\r\n\r\n");
    transfer_write_bytes(out, att->content, att->size);
}

bool mime_is_external(const struct attachment *att)
{
    return att->url && !att->content &&
           (strncasecmp(att->url, "https://", 8) == 0 || strncasecmp(att->url, "http://", 7) == 0 ||
            strncasecmp(att->url, "ftp://", 6) == 0);
}

/* RFC 2017 §3: in pieces of 60, which whoever reads it puts together again; nothing in it ends the
 * string or is more than ASCII. */
static void write_url(struct buf *out, const char *url)
{
    size_t column = 0;

    buf_adds(out, " URL=\"");
    for (; *url; url++) {
        unsigned char c = (unsigned char)*url;

        if (column++ == 60) {
            buf_adds(out, "\r\n ");
            column = 1;
        }
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\')
            buf_printf(out, "%%%02X", c);
        else
            buf_addc(out, (char)c);
    }
    buf_adds(out, "\"\r\n");
}

void mime_external_part(struct buf *out, const struct attachment *att, const char *id)
{
    const char *type = att->media_type && is_media_type(att->media_type)
                           ? att->media_type
                           : "application/octet-stream";
    struct header h;

    buf_adds(out, "Content-Type: message/external-body; access-type=URL;\r\n");
    write_url(out, att->url);
    if (att->description && *att->description != '\0')
        header_text(out, "Content-Description", att->description);
    buf_printf(out, "\r\nContent-Type: %s\r\n", type);
    header_begin(&h, out, "Content-ID"); /* RFC 2046 §5.2.3 wants one */
    header_message_id(&h, id);
    header_end(&h);
    if (att->filename && *att->filename != '\0') {
        header_begin(&h, out, "Content-Disposition");
        header_word(&h, "attachment");
        header_parameter(&h, "filename", att->filename);
        header_end(&h);
    }
    buf_adds(out, "Content-Transfer-Encoding: binary\r\n\r\n");
}

void mime_multipart_begin(struct mime_multipart *m, struct buf *out, const char *subtype,
                          const char *parameter, const char *seed)
{
    size_t n = strcspn(seed, "@");

    if (n > 30 ||
        strspn(seed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") < n)
        n = 0;
    m->out = out;
    snprintf(m->boundary, sizeof m->boundary, "=_%.*s_%zu", (int)n, seed, strlen(subtype));
    buf_printf(out, "Content-Type: multipart/%s;%s%s%s\r\n boundary=\"%s\"\r\n\r\n", subtype,
               parameter ? " " : "", parameter ? parameter : "", parameter ? ";" : "", m->boundary);
}

void mime_multipart_next(struct mime_multipart *m)
{
    buf_printf(m->out, "--%s\r\n", m->boundary);
}

void mime_multipart_end(struct mime_multipart *m)
{
    buf_printf(m->out, "--%s--\r\n", m->boundary);
}
