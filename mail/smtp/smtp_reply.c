/*
 * smtp_reply: reads an SMTP server's replies and mends them for libesmtp.
 *
 * Owns nothing outside the structure it is given; the session's thread.  A crash leaves nothing
 * behind.
 */
#include "mail/smtp/smtp_reply.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void smtp_replies_init(struct smtp_replies *r)
{
    memset(r, 0, sizeof *r);
    r->is_opening = true;
}

/* Length of the enhanced code at s (RFC 3463 §2), 0 when there is none. */
static size_t enhanced_len(const char *s)
{
    size_t n = 0, digits;
    int part;

    if (s[0] != '2' && s[0] != '4' && s[0] != '5')
        return 0;
    n = 1;
    for (part = 0; part < 2; part++) {
        if (s[n++] != '.')
            return 0;
        for (digits = 0; isdigit((unsigned char)s[n]); n++)
            digits++;
        if (digits < 1 || digits > 3)
            return 0;
    }
    return s[n] == '\0' || isspace((unsigned char)s[n]) ? n : 0;
}

/* Bytes of the UTF-8 character at s (RFC 3629 §4), 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
    size_t n, i;

    if (s[0] < 0x80)
        return 1;
    n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
        : s[0] >= 0xe0 && s[0] <= 0xef ? 3
        : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                       : 0;
    for (i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (n >= 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                   (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
        return 0;
    return n;
}

/* Adds a line's words: controls become spaces, runs of spaces one, bad UTF-8 '?'. */
static void add_words(struct smtp_reply *out, const char *words, size_t n)
{
    const unsigned char *s = (const unsigned char *)words;
    size_t len = strlen(out->text), i = 0, step;

    while (i < n) {
        step = utf8_len(s + i);
        if (step > n - i)
            step = 0;
        if (len + (step ? step : 1) >= sizeof out->text)
            break;
        if (step <= 1 && (s[i] <= ' ' || s[i] == 0x7f)) {
            if (len > 0 && out->text[len - 1] != ' ')
                out->text[len++] = ' ';
        } else if (step == 0) {
            out->text[len++] = '?';
        } else {
            memcpy(out->text + len, s + i, step);
            len += step;
        }
        i += step ? step : 1;
    }
    out->text[len] = '\0';
}

void smtp_reply_parse(struct smtp_reply *out, int code, const char *words)
{
    size_t n, len;

    memset(out, 0, sizeof *out);
    out->code = code;
    while (*words) {
        words += strspn(words, " \t");
        /* RFC 2034 §4: a class that contradicts the code is not believed, and left with the words.
         */
        n = words[0] - '0' == code / 100 ? enhanced_len(words) : 0;
        if (n > 0 && n < sizeof out->enhanced && !out->enhanced[0])
            snprintf(out->enhanced, sizeof out->enhanced, "%.*s", (int)n, words);
        words += n;
        len = strcspn(words, "\r\n");
        if (out->text[0])
            add_words(out, " ", 1);
        add_words(out, words, len);
        words += len;
        words += strspn(words, "\r\n");
    }
    len = strlen(out->text);
    if (len > 0 && out->text[len - 1] == ' ')
        out->text[len - 1] = '\0';
}

/* Hides a keyword that must not be used: changing its last letter is enough, wherever the pieces
 * were cut. */
static char hide(struct smtp_replies *r, char c)
{
    static const char *const hidden[] = {"PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES",
                                         "AUTH",       "XUSR",     "XEXCH50"};
    size_t i = r->hides_pipelining ? 0 : 1;

    if ((unsigned char)c >= 0x80)
        c = '?';
    if (r->column < 4 || (r->word_len == 0 && (c == ' ' || c == '\t')) ||
        r->word_len + 1 >= sizeof r->word)
        return c;
    r->word[r->word_len++] = (char)toupper((unsigned char)c);
    for (; i < sizeof hidden / sizeof hidden[0]; i++)
        if (strlen(hidden[i]) == r->word_len && memcmp(hidden[i], r->word, r->word_len) == 0)
            return '-';
    return c;
}

static void keep_line(struct smtp_replies *r)
{
    size_t n = r->line_len > 4 ? r->line_len - 4 : 0;

    if (n > sizeof r->text - 2 - r->text_len)
        n = sizeof r->text - 2 - r->text_len;
    if (n > 0)
        memcpy(r->text + r->text_len, r->line + 4, n);
    r->text_len += n;
    if (r->text_len < sizeof r->text - 2)
        r->text[r->text_len++] = '\n';
    r->text[r->text_len] = '\0';
}

/* Is it the first word behind the code? */
static bool is_keyword(const struct smtp_replies *r, const char *word)
{
    size_t n = strlen(word);

    return r->line_len >= 4 + n && strncasecmp(r->line + 4, word, n) == 0 &&
           (r->line_len == 4 + n || isspace((unsigned char)r->line[4 + n]));
}

static void end_line(struct smtp_replies *r)
{
    const char *l = r->line;
    bool is_reply = r->line_len >= 3 && isdigit((unsigned char)l[0]) &&
                    isdigit((unsigned char)l[1]) && isdigit((unsigned char)l[2]);

    if (is_reply) {
        if (r->is_opening && r->count > 0 && l[0] == '2' && is_keyword(r, "DSN"))
            r->has_dsn = true;
        keep_line(r);
        if (r->line_len < 4 || l[3] != '-') {
            smtp_reply_parse(&r->last, (l[0] - '0') * 100 + (l[1] - '0') * 10 + (l[2] - '0'),
                             r->text);
            r->saw_go_ahead = r->saw_go_ahead || r->last.code / 100 == 3;
            r->count++;
            r->text_len = 0;
        }
    }
    r->column = r->line_len = r->word_len = 0;
}

void smtp_replies_feed(struct smtp_replies *r, char *data, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (data[i] == '\n') {
            end_line(r);
            continue;
        }
        if (data[i] == '\0')
            data[i] = '?';
        if (data[i] == '\r' && r->column == 3)
            data[i] = ' ';
        if (r->is_opening && r->count > 0)
            data[i] = hide(r, data[i]);
        if (r->line_len < sizeof r->line)
            r->line[r->line_len++] = data[i];
        r->column++;
    }
}
