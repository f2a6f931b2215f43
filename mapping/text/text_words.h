/*
 * text_words: words by which mail programs of many languages introduce what they quote.  Any
 * thread.
 */
#ifndef MAPPING_TEXT_TEXT_WORDS_H
#define MAPPING_TEXT_TEXT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* needle somewhere in the n bytes at s; ASCII letters without case. */
bool text_has(const char *s, size_t n, const char *needle);

bool words_wrote(const char *s, size_t n);     /* "wrote", "schrieb", ... */
bool words_original(const char *s, size_t n);  /* "Original Message", ... */
bool words_forwarded(const char *s, size_t n); /* "Forwarded message", ... */
bool words_from(const char *s, size_t n);      /* a label: "From", "Von", ... */
bool words_label(const char *s,
                 size_t n); /* a label of a quoted header: "Subject", "Gesendet", ... */
bool words_mobile(const char *s, size_t n); /* "Sent from my ...", */
bool words_list(const char *s, size_t n);   /* "mailing list", "unsubscribe" */
bool words_above(const char *s, size_t n);  /* "Reply above this line" */

/* Of a subject: Re:, AW:, SV: ...; Fwd:, WG:, TR: ... */
bool words_is_reply(const char *subject);
bool words_is_forward(const char *subject);

#endif
