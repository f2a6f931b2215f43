/*
 * mime_parts: the parts of a MIME message, with their own headers (RFC 2045, RFC 2046, RFC 2183).
 * Failure is the buffer's.  Pure; any thread.
 */
#ifndef MAPPING_MIME_MIME_PARTS_H
#define MAPPING_MIME_MIME_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "mapping/letter.h"

/* Header and body of a text (\n or CRLF lines) in the encoding that suits it; the empty line
 * between them, too. */
void mime_text_part(struct buf *out, const char *content_type, const char *text, size_t len);

/* An attachment with its content, in base64. */
void mime_attachment_part(struct buf *out, const struct attachment *att);

/* May the attachment be a part that only names it: is it a link of a kind that mail programs
 * follow?
 */
bool mime_is_external(const struct attachment *att);
/* A link instead of the content (RFC 2017); id, of the part, stands in no other. */
void mime_external_part(struct buf *out, const struct attachment *att, const char *id);

struct mime_multipart {
    struct buf *out;
    char boundary[48];
};

/* Writes the Content-Type of the whole, with the parameter if there is one ("report-type=..."), and
 * the empty line.  seed (a Message-ID) makes the boundary, which stands in no part that this module
 * wrote. */
void mime_multipart_begin(struct mime_multipart *m, struct buf *out, const char *subtype,
                          const char *parameter, const char *seed);
void mime_multipart_next(struct mime_multipart *m); /* before each part */
void mime_multipart_end(struct mime_multipart *m);

#endif
