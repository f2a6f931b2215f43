/*
 * smtp_lines: bytes to replies.
 *
 * Owns nothing outside the structure it is given; the thread is its owner's.  A line that lies
 * whole in the bytes given is read where it lies.  A crash leaves nothing behind.
 */
#include "mail/smtp/smtp_lines.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void smtp_lines_init(struct smtp_lines *l)
{
    l->code = 0;
    l->text[0] = '\0';
    l->text_len = l->bytes = l->line_len = 0;
    l->count = 0;
}

static void begin_reply(struct smtp_lines *l)
{
    l->text[0] = '\0';
    l->text_len = l->bytes = 0;
    l->count = 0;
}

/* The line's words; a NUL would end them early. */
static void keep_words(struct smtp_lines *l, const char *words, size_t len)
{
    size_t i;

    if (len + 2 > sizeof l->text - l->text_len)
        return;
    for (i = 0; i < len; i++)
        l->text[l->text_len++] = words[i] ? words[i] : '?';
    l->text[l->text_len++] = '\n';
    l->text[l->text_len] = '\0';
}

/* A line without its LF. */
static enum smtp_lines_result take_line(struct smtp_lines *l, const char *line, size_t len)
{
    int code;

    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len < 3 || line[0] < '2' || line[0] > '5' || !isdigit((unsigned char)line[1]) ||
        !isdigit((unsigned char)line[2]) || (len > 3 && line[3] != ' ' && line[3] != '-'))
        return SMTP_LINES_BAD;
    code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (l->count > 0 && code != l->code)
        return SMTP_LINES_BAD; /* §4.2.1: the same code on each line */
    if (++l->count > SMTP_REPLY_LINES_MAX)
        return SMTP_LINES_BAD;
    l->code = code;
    keep_words(l, line + (len > 3 ? 4 : 3), len > 3 ? len - 4 : 0);
    return len > 3 && line[3] == '-' ? SMTP_LINES_MORE : SMTP_LINES_REPLY;
}

enum smtp_lines_result smtp_lines_feed(struct smtp_lines *l, const char *data, size_t len,
                                       size_t *used_out)
{
    enum smtp_lines_result result = SMTP_LINES_MORE;
    const char *at = data, *end = data + len, *lf;
    size_t n;

    if (l->count == 0 && l->line_len == 0)
        begin_reply(l);
    while (at < end && result == SMTP_LINES_MORE) {
        lf = memchr(at, '\n', (size_t)(end - at));
        n = (size_t)((lf ? lf : end) - at);
        l->bytes += n;
        if (n + l->line_len > sizeof l->line || l->bytes > SMTP_REPLY_MAX) {
            result = SMTP_LINES_BAD;
        } else if (lf && l->line_len == 0) {
            result = take_line(l, at, n);
        } else {
            memcpy(l->line + l->line_len, at, n);
            l->line_len += n;
            if (lf) {
                result = take_line(l, l->line, l->line_len);
                l->line_len = 0;
            }
        }
        at += n + (lf != NULL);
    }
    if (result == SMTP_LINES_REPLY)
        l->count = 0;
    *used_out = (size_t)(at - data);
    return result;
}
