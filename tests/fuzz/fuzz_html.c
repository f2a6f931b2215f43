/* HTML of strangers, and the text of replies: what is left to read. */
#include <string.h>

#include "base/utf8.h"
#include "mapping/text/html_text.h"
#include "mapping/text/page_html.h"
#include "mapping/text/text_cut.h"
#include "tests/fuzz/fuzz.h"

static bool has_mark(const char *text)
{
    return strpbrk(text, "\x1c\x1d\x1e\x1f\x19") != NULL;
}

static void read_text(struct arena *a, const char *text, unsigned bits)
{
    const struct text_hints hints = {bits & 1, bits & 2, bits & 4};
    bool is_cut;
    const char *kept = text_cut(a, text, &hints, &is_cut), *all = text_uncut(a, text);

    HOLDS(!kept || (!has_mark(kept) && utf8_is_valid(kept, strlen(kept))));
    HOLDS(!all || !has_mark(all));
    HOLDS(!kept || strlen(kept) <= strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(32 << 20);
    unsigned bits = (unsigned)size;
    char *html = malloc(size + 1);
    const char *text;

    if (!a || !html)
        goto out;
    if (size > 0)
        memcpy(html, data, size);
    html[size] = '\0';
    (void)html_charset(a, html, size);
    if (!utf8_is_valid(html, size) || strlen(html) < size)
        goto out;
    (void)html_hides(html);
    text = html_text(a, html, size);
    if (text) {
        HOLDS(strlen(text) <= HTML_TEXT_MAX);
        HOLDS(utf8_is_valid(text, strlen(text)));
        read_text(a, text, bits);
    }
    if (!has_mark(html))
        read_text(a, html, bits);
out:
    free(html);
    arena_free(a);
    return 0;
}
