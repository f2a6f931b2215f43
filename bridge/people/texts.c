/*
 * texts: which table a language has.  No data but the tables; any thread.
 */
#include "bridge/people/texts_inside.h"

#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 16 << 10 };

static const struct {
    const char *lang;
    const char *const *texts;
} tables[] = {{"en", texts_en}, {"de", texts_de}, {"zh", texts_zh}};

enum { TABLES = sizeof tables / sizeof tables[0] };

static size_t table_of(const char *lang)
{
    size_t i, n = lang ? strcspn(lang, "-_") : 0;

    for (i = 0; i < TABLES; i++)
        if (n == strlen(tables[i].lang) && strncasecmp(lang, tables[i].lang, n) == 0)
            return i;
    return 0;
}

unsigned char texts_number(const char *lang)
{
    return (unsigned char)(table_of(lang) + 1);
}

const char *texts_lang(unsigned number)
{
    return tables[number > 0 && number <= TABLES ? number - 1 : 0].lang;
}

const char *texts_get(const char *lang, enum text text)
{
    return tables[table_of(lang)].texts[text];
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
