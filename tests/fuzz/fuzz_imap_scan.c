/*
 * IMAP, the bytes: in one piece and in pieces of any size the scanner finds the same; what it lets
 * through keeps its limits.
 */
#include <string.h>

#include "mail/imap/imap_scan.h"
#include "tests/fuzz/fuzz.h"

static int feed(struct imap_scan *s, const char *data, size_t len, size_t piece)
{
    size_t at;

    imap_scan_init(s);
    imap_scan_expect(s, 100000, 1000000);
    if (len % 2 == 1)
        imap_scan_expect_names(s);
    for (at = 0; at < len; at += piece)
        if (imap_scan_feed(s, data + at, len - at < piece ? len - at : piece) < 0)
            return -1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imap_scan whole, pieces;
    int r, again;

    if (size < 1)
        return 0;
    r = feed(&whole, (const char *)data, size, size);
    again = feed(&pieces, (const char *)data, size, 1 + size % 19);
    HOLDS(r == again);
    HOLDS(r == 0 || (whole.refused && pieces.refused));
    HOLDS(r < 0 || (whole.has_exists == pieces.has_exists && whole.has_bye == pieces.has_bye &&
                    whole.has_tagged == pieces.has_tagged &&
                    imap_scan_is_at_rest(&whole) == imap_scan_is_at_rest(&pieces)));
    HOLDS(r < 0 || whole.depth <= IMAP_DEPTH_MAX);
    HOLDS(whole.line.len <= IMAP_LINES_MAX);
    imap_scan_clear(&whole);
    imap_scan_clear(&pieces);
    return 0;
}
