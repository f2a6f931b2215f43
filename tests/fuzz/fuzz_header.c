/* Headers: fields, words, dates, ids, parameters, lists of addresses. */
#include <string.h>

#include "base/utf8.h"
#include "mapping/mime/header_addr.h"
#include "mapping/mime/header_param.h"
#include "mapping/mime/header_read.h"
#include "mapping/mime/mime_check.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 200 };

static void read_value(struct arena *a, const char *value)
{
    struct mailbox *boxes, *box;
    struct param_value params;
    char token[32];
    const char *text, *id;
    size_t at = 0, before, count = 0;

    text = header_read_text(a, value, WORDS_MAX);
    if (text) {
        HOLDS(strlen(text) <= WORDS_MAX);
        HOLDS(utf8_is_valid(text, strlen(text)));
        HOLDS(!strpbrk(text, "\r\n"));
    }
    do {
        before = at;
        id = header_read_id(a, value, &at);
        HOLDS(!id || at > before);
        HOLDS(!id || !strpbrk(id, "<>\r\n"));
    } while (id);
    (void)header_read_date(value);
    header_read_token(value, token, sizeof token);
    HOLDS(strlen(token) < sizeof token);
    if (header_params(a, value, &params) == 0)
        (void)param_get(&params, "charset");
    if (header_addr_list(a, value, 50, &boxes) == 0)
        for (box = boxes; box; box = box->next)
            HOLDS(++count <= 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 << 20);
    struct mail_header h;
    char *text = malloc(size + 1);
    struct err e;
    size_t i;

    if (!a || !text)
        goto out;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    HOLDS(header_read_end(text, size) <= size);
    (void)!mime_check(text, size, &e);
    if (header_read(a, text, size, &h) < 0)
        goto out;
    HOLDS(h.body <= size && h.count <= HEADER_FIELDS_MAX);
    for (i = 0; i < h.count; i++) {
        HOLDS(!strpbrk(h.fields[i].value, "\r\n"));
        read_value(a, h.fields[i].value);
    }
out:
    free(text);
    arena_free(a);
    return 0;
}
