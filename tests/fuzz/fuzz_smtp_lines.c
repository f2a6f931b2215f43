/*
 * SMTP replies as our own client reads them: in one piece and in pieces of any size the same
 * replies, each with a code; what a server offers is read out of every one.
 */
#include <string.h>

#include "mail/smtp/smtp_ehlo.h"
#include "mail/smtp/smtp_lines.h"
#include "tests/fuzz/fuzz.h"

/* A number made of all that was read, and of how it ended. */
static uint64_t read_all(const char *data, size_t size, size_t piece)
{
    static struct smtp_lines lines;
    struct smtp_offer offer;
    uint64_t sum = 1469598103934665603U;
    size_t at = 0, used, i;

    smtp_lines_init(&lines);
    while (at < size) {
        size_t n = size - at < piece ? size - at : piece;

        switch (smtp_lines_feed(&lines, data + at, n, &used)) {
        case SMTP_LINES_MORE:
            HOLDS(used == n);
            break;
        case SMTP_LINES_REPLY:
            HOLDS(used > 0 && used <= n && lines.code >= 200 && lines.code <= 599);
            HOLDS(strlen(lines.text) < sizeof lines.text);
            smtp_ehlo_read(lines.text, &offer);
            HOLDS(offer.size_max >= 0 && offer.by_min_s >= 0);
            sum = (sum ^ (uint64_t)lines.code) * 1099511628211U;
            for (i = 0; lines.text[i]; i++)
                sum = (sum ^ (unsigned char)lines.text[i]) * 1099511628211U;
            break;
        case SMTP_LINES_BAD:
            return sum ^ 1;
        }
        at += used;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    HOLDS(read_all(text, size, size + 1) == read_all(text, size, 1 + size % 17));
    return 0;
}
