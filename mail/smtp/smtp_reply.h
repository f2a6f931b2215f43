/*
 * smtp_reply: an SMTP server's replies as they come in (RFC 5321 §4.2), byte by byte.
 *
 * It keeps the last whole reply, and it mends what libesmtp would trip over: the monitor callback
 * of that library is called with each piece read before the library looks at it, so a byte changed
 * here is a byte changed for it.  Private to mail/; one owner, one thread.
 */
#ifndef MAIL_SMTP_SMTP_REPLY_H
#define MAIL_SMTP_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_reply {
    int code;          /* 0: none yet */
    char enhanced[12]; /* "5.1.1" or "" */
    char text[400];    /* its words: one line, no codes, no controls, valid UTF-8 */
};

struct smtp_replies {
    struct smtp_reply last; /* the last whole one */
    unsigned count;         /* whole ones so far */
    bool saw_go_ahead;      /* a 3xx came (354, to DATA); the owner clears it */
    bool is_opening; /* EHLO's answer is to come: extensions are hidden; the owner clears it */
    bool hides_pipelining; /* the owner's choice, before the first byte */
    bool has_dsn;          /* EHLO's answer lists DSN (RFC 3461 §4) */
    /* its own */
    char line[600], text[1200], word[24];
    size_t column, line_len, text_len, word_len;
};

void smtp_replies_init(struct smtp_replies *r);

/*
 * Takes n bytes from the server and may change some of them:
 * - while is_opening, extensions that must not be used lose their last letter: CHUNKING (a hang in
 * the last BDAT would look like success, and the library stops monitoring with the first),
 *   ENHANCEDSTATUSCODES (the library gives up on replies whose lines disagree; the codes are read
 * here), AUTH, XUSR, XEXCH50, and PIPELINING when told so.  Bytes over 127 become '?': the library
 * indexes a table with them as signed;
 * - NUL becomes '?';
 * - "250 CR LF" without the space, which RFC 5321 §4.2 tells a client to take, is given the space.
 */
void smtp_replies_feed(struct smtp_replies *r, char *data, size_t n);

/* Splits the words of a reply ("5.1.1 No such user\r\n5.1.1 really") into enhanced code and one
 * clean line. */
void smtp_reply_parse(struct smtp_reply *out, int code, const char *words);

#endif
