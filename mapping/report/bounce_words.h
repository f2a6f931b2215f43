/*
 * bounce_words: what bounces of many programs and languages say.  Any thread.
 */
#ifndef MAPPING_REPORT_BOUNCE_WORDS_H
#define MAPPING_REPORT_BOUNCE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum bounce_words {
    BOUNCE_WORDS_FAILURE,  /* only a bounce says so */
    BOUNCE_WORDS_SUBJECT,  /* in its subject */
    BOUNCE_WORDS_REASON,   /* a line that announces addresses, or says why one failed */
    BOUNCE_WORDS_ASIDE,    /* a line on which an address is somebody to ask, or the message's own */
    BOUNCE_WORDS_WARNING,  /* it is tried again */
    BOUNCE_WORDS_FINAL,    /* it is not */
    BOUNCE_WORDS_RETURNED, /* the returned message follows */
    BOUNCE_WORDS_COUNT
};

/* One of them somewhere in the n bytes at s; ASCII letters without case. */
bool bounce_words_has(enum bounce_words kind, const char *s, size_t n);

/* The enhanced code (RFC 3463) that words stand for, such as "5.1.1" for "user unknown"; NULL:
 * none. */
const char *bounce_words_code(const char *s, size_t n);

/* Do they say that there is no such user? */
bool bounce_words_is_unknown_user(const char *s, size_t n);

#endif
