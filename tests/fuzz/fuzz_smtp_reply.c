/*
 * SMTP replies: the same bytes in one piece and in pieces of any size say the same, and are mended
 * the same way; so for what libesmtp is given, and for what our own client reads.
 */
#include <string.h>

#include "base/utf8.h"
#include "mail/smtp/smtp_ehlo.h"
#include "mail/smtp/smtp_lines.h"
#include "mail/smtp/smtp_reply.h"
#include "tests/fuzz/fuzz.h"

static void feed(struct smtp_replies *r, char *text, size_t len, size_t piece, bool hides)
{
    size_t at;

    smtp_replies_init(r);
    r->hides_pipelining = hides;
    for (at = 0; at < len; at += piece)
        smtp_replies_feed(r, text + at, len - at < piece ? len - at : piece);
}

static void check(const struct smtp_reply *reply)
{
    HOLDS(strlen(reply->text) < sizeof reply->text);
    HOLDS(utf8_is_valid(reply->text, strlen(reply->text)));
    HOLDS(!strpbrk(reply->text, "\r\n"));
}

/* What our own client hears: a number for all of it. */
static unsigned long hear(const char *text, size_t len, size_t piece)
{
    static struct smtp_lines lines;
    enum smtp_lines_result result = SMTP_LINES_MORE;
    unsigned long sum = 5381;
    struct smtp_offer offer;
    struct smtp_reply reply;
    size_t at, used, i;

    smtp_lines_init(&lines);
    for (at = 0; at < len && result != SMTP_LINES_BAD; at += used) {
        result = smtp_lines_feed(&lines, text + at, len - at < piece ? len - at : piece, &used);
        HOLDS(used > 0 && used <= len - at);
        if (result != SMTP_LINES_REPLY)
            continue;
        HOLDS(lines.code >= 200 && lines.code <= 599 && strlen(lines.text) == lines.text_len);
        for (i = 0; i < lines.text_len; i++)
            sum = sum * 33 + (unsigned char)lines.text[i];
        smtp_ehlo_read(lines.text, &offer);
        HOLDS(offer.size_max >= 0 && offer.by_min_s >= 0);
        smtp_reply_parse(&reply, lines.code, lines.text);
        check(&reply);
        sum = sum * 33 + (unsigned long)lines.code;
    }
    return sum * 2 + (result == SMTP_LINES_BAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct smtp_replies whole, pieces;
    char *first = malloc(size + 1), *second = malloc(size + 1);
    struct smtp_reply reply;

    if (!first || !second || size == 0)
        goto out;
    memcpy(first, data, size);
    memcpy(second, data, size);
    HOLDS(hear(first, size, size) == hear(first, size, 1 + size % 17));
    first[size] = second[size] = '\0';
    feed(&whole, first, size, size, size & 1);
    feed(&pieces, second, size, 1 + size % 17, size & 1);
    HOLDS(whole.count == pieces.count && whole.saw_go_ahead == pieces.saw_go_ahead &&
          whole.has_dsn == pieces.has_dsn);
    HOLDS(whole.last.code == pieces.last.code &&
          strcmp(whole.last.enhanced, pieces.last.enhanced) == 0 &&
          strcmp(whole.last.text, pieces.last.text) == 0);
    check(&whole.last);
    if (strlen(first) == size) {
        smtp_reply_parse(&reply, 550, first);
        check(&reply);
    }
out:
    free(first);
    free(second);
    return 0;
}
