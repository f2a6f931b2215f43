/*
 * SMTP replies: the same bytes in one piece and in pieces of any size say the same, and are mended
 * the same way.
 */
#include <string.h>

#include "base/utf8.h"
#include "mail/smtp_reply.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct smtp_replies whole, pieces;
    char *first = malloc(size + 1), *second = malloc(size + 1);
    struct smtp_reply reply;

    if (!first || !second || size == 0)
        goto out;
    memcpy(first, data, size);
    memcpy(second, data, size);
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
