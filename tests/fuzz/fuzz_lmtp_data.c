/*
 * LMTP: the paths of MAIL and RCPT, line by line, and the bytes of DATA.  What is accepted holds
 * nothing that could end a line elsewhere; a mail ends at the same place however it was cut, and
 * nowhere but behind CR LF . CR LF.
 */
#include <string.h>

#include "mail/lmtp/lmtp_data.h"
#include "mail/lmtp/lmtp_path.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_SAID = 20000 };

static void check_reply(const struct lmtp_reply *no)
{
    HOLDS(no->code >= 400 && no->code <= 599);
    HOLDS(no->enhanced && no->text && !strpbrk(no->text, "\r\n"));
}

static void check_paths(struct arena *a, char *text)
{
    struct lmtp_recipient to;
    struct lmtp_sender from;
    struct lmtp_reply no;
    char *line, *rest = text;

    while ((line = strsep(&rest, "\n"))) {
        if (strchr(line, '\r'))
            continue; /* the session ends lines there, or refuses them */
        if (lmtp_path_sender(a, line, SIZE_MAX_SAID, &from, &no) < 0)
            check_reply(&no);
        else
            HOLDS(!strpbrk(from.path, "\r\n") &&
                  (!from.envelope_id || !strpbrk(from.envelope_id, "\r\n")));
        if (lmtp_path_recipient(a, line, strlen(line) % 2, "mail.example.org", &to, &no) < 0)
            check_reply(&no);
        else
            HOLDS(to.addr.domain && !strpbrk(to.text, "\r\n") &&
                  (!to.original || !strpbrk(to.original, "\r\n")));
    }
}

/* How many bytes the mail took; size + 1: it did not end. */
static size_t take(const char *data, size_t size, size_t piece, struct buf *out,
                   enum lmtp_trouble *trouble)
{
    struct lmtp_budget budget = {.max = 1 << 20};
    struct lmtp_data d;
    bool has_end = false;
    size_t at = 0;

    buf_init(out, 1 << 20);
    lmtp_data_init(&d, out, &budget, SIZE_MAX_SAID);
    while (at < size && !has_end) {
        size_t n = size - at < piece ? size - at : piece, used;

        used = lmtp_data_take(&d, data + at, n, &has_end);
        HOLDS(used <= n && (has_end || used == n));
        at += used;
    }
    *trouble = d.trouble;
    lmtp_data_clear(&d);
    HOLDS(budget.used == 0);
    return has_end ? at : size + 1;
}

static void check_data(const char *data, size_t size)
{
    enum lmtp_trouble whole_trouble, trouble;
    size_t whole_end, end;
    struct buf whole, pieces;

    whole_end = take(data, size, size + 1, &whole, &whole_trouble);
    end = take(data, size, 1 + size % 13, &pieces, &trouble);
    HOLDS(whole_end == end && whole_trouble == trouble);
    if (whole_end <= size) {
        HOLDS(whole_end == 3 ? memcmp(data, ".\r\n", 3) == 0
                             : whole_end >= 5 && memcmp(data + whole_end - 5, "\r\n.\r\n", 5) == 0);
        if (trouble == LMTP_WHOLE) {
            HOLDS(whole.len == pieces.len && whole.len <= SIZE_MAX_SAID);
            HOLDS(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
        }
    }
    buf_clear(&whole);
    buf_clear(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(8 << 20);
    char *text = malloc(size + 1);

    if (a && text) {
        if (size > 0)
            memcpy(text, data, size);
        text[size] = '\0';
        check_data(text, size);
        check_paths(a, text);
    }
    free(text);
    arena_free(a);
    return 0;
}
