/*
 * charset: bytes in whatever charset a mail claims become UTF-8.  Pure; any thread.
 */
#ifndef MAPPING_MIME_CHARSET_H
#define MAPPING_MIME_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* The best reading of data, which label (NULL: none was given) claims to be in that charset; what
 * XML forbids is left out.  A wrong or unknown label never fails: UTF-8 where the bytes are valid
 * UTF-8, else windows-1252.  NULL only when memory is out or the arena exhausted. */
const char *charset_read(struct arena *a, const char *label, const char *data,
                         size_t len) MUST_CHECK;

/* Loads for good what reading the charsets that mail is written in needs, for a process that may
 * open no file later: there, any other label is read as one that is not known.  Once, before any
 * thread. */
void charset_prepare(void);

/* Is it well-formed UTF-8?  multibyte_out (may be NULL) counts the sequences of more than one byte.
 */
bool charset_is_utf8(const char *data, size_t len, size_t *multibyte_out);

/* Length of a prefix of at most max bytes that does not end inside a UTF-8 sequence. */
size_t charset_clip(const char *text, size_t len, size_t max);

#endif
