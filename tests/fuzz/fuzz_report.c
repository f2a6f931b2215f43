/* Reports: bounces in the free words of others, and the codes in them. */
#include <string.h>

#include "base/utf8.h"
#include "mapping/report/bounce_text.h"
#include "mapping/report/report_read.h"
#include "tests/fuzz/fuzz.h"

static bool is_line(const char *text)
{
    return !text || (utf8_is_valid(text, strlen(text)) && !strpbrk(text, "\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 << 20);
    struct report report = {0};
    struct letter letter = {0};
    struct smtp_status status = {0};
    const struct report_recipient *r;
    char *text = malloc(size + 1);
    size_t count = 0;

    if (!a || !text || (size > 0 && memchr(data, '\0', size)))
        goto out;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (!utf8_is_valid(text, size))
        goto out;
    letter.arena = a;
    (void)bounce_text_is_bounce(text);
    (void)bounce_text_is_subject(text);
    (void)bounce_text_lists(text);
    HOLDS(bounce_text_end(text) <= size);
    if (bounce_text_read(a, &(struct bounce_hints){.text = text, .letter = &letter}, &report) == 0)
        for (r = report.recipients; r; r = r->next)
            HOLDS(++count <= REPORT_RECIPIENTS_MAX && is_line(r->status.text));
    if (bounce_text_status(a, text, size, &status) == 0)
        HOLDS((status.code == 0 || (status.code >= 200 && status.code <= 599)) &&
              is_line(status.text));
out:
    free(text);
    arena_free(a);
    return 0;
}
