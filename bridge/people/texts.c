/*
 * texts: which table a language has.  No data but the tables; any thread.
 */
#include "bridge/people/texts_inside.h"

#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 16 << 10 };

const char *texts_get(const char *lang, enum text text)
{
    static const struct {
        const char *lang;
        const char *const *texts;
    } tables[] = {{"de", texts_de}, {"zh", texts_zh}};
    size_t i, n = lang ? strcspn(lang, "-_") : 0;

    for (i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (n == strlen(tables[i].lang) && strncasecmp(lang, tables[i].lang, n) == 0)
            return tables[i].texts[text];
    return texts_en[text];
}

void texts_write(struct buf *out, const char *lang, enum text text, const char *a, const char *b)
{
    const char *at = texts_get(lang, text), *place;

    for (; (place = strchr(at, '%')) != NULL; at = place + (place[1] ? 2 : 1)) {
        const char *value = place[1] == '1' ? a : place[1] == '2' ? b : NULL;

        buf_add(out, at, (size_t)(place - at));
        if (value)
            buf_adds(out, value);
    }
    buf_adds(out, at);
}

const char *texts_make(struct arena *arena, const char *lang, enum text text, const char *a,
                       const char *b)
{
    const char *made;
    struct buf out;

    buf_init(&out, TEXT_MAX);
    texts_write(&out, lang, text, a, b);
    made = buf_failed(&out) ? NULL : arena_strndup(arena, out.data, out.len);
    buf_clear(&out);
    return made;
}
