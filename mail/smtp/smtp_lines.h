/*
 * smtp_lines: an SMTP server's replies out of the bytes it sends (RFC 5321 §4.2), with limits.
 *
 * For our own client, which believes nothing that is not a reply.  Private to mail/; one owner, one
 * thread.
 */
#ifndef MAIL_SMTP_SMTP_LINES_H
#define MAIL_SMTP_SMTP_LINES_H

#include <stddef.h>

enum {
    SMTP_LINE_MAX = 2048,        /* bytes of a line; §4.5.3.1.5 wants 512 */
    SMTP_REPLY_LINES_MAX = 1000, /* lines of a reply: some greet with a page of warnings */
    SMTP_REPLY_MAX = 64 * 1024   /* bytes of a reply */
};

enum smtp_lines_result {
    SMTP_LINES_MORE,  /* no whole reply yet: all was taken */
    SMTP_LINES_REPLY, /* one is there: code and text */
    SMTP_LINES_BAD    /* this is no SMTP, or too much of it */
};

struct smtp_lines {
    int code;        /* 200 to 599 */
    char text[4096]; /* its lines behind the codes, each with a LF; what has no room is left out */
    size_t text_len;
    /* its own */
    unsigned count;           /* lines of the reply so far */
    size_t bytes;             /* of the reply so far */
    char line[SMTP_LINE_MAX]; /* one that has not come to its end */
    size_t line_len;
};

void smtp_lines_init(struct smtp_lines *l);

/* Takes bytes up to the end of a reply; *used_out tells how many.  Code and text are good until the
 * next call. */
enum smtp_lines_result smtp_lines_feed(struct smtp_lines *l, const char *data, size_t len,
                                       size_t *used_out);

#endif
