/*
 * transfer_read: content transfer encodings (RFC 2045 §6), read leniently.  Pure; any thread.
 */
#ifndef MAPPING_MIME_TRANSFER_READ_H
#define MAPPING_MIME_TRANSFER_READ_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

enum encoding { ENCODING_NONE, ENCODING_BASE64, ENCODING_QUOTED, ENCODING_UU };

/* From the value of Content-Transfer-Encoding; NULL and what is unknown are ENCODING_NONE. */
enum encoding transfer_read_kind(const char *value);

/* Decodes into the arena, in one piece and with a NUL behind it that is not counted.  Broken input
 * gives what can be read of it; text that only claims to be base64 comes out as it is.  NULL when
 * the arena is exhausted. */
const char *transfer_read(struct arena *a, enum encoding kind, const char *data, size_t len,
                          size_t *len_out) MUST_CHECK;

/* The Q encoding of encoded words (RFC 2047 §4.2): as above, and _ is a space. */
const char *transfer_read_q(struct arena *a, const char *data, size_t len,
                            size_t *len_out) MUST_CHECK;

#endif
