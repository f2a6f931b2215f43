/*
 * status_text: cleaning and cutting.  No data, any thread, nothing left behind.
 */
#include "mapping/report/status_text.h"

#include <string.h>

#include "base/utf8.h"
#include "base/xml.h"

const char *status_clean_text(struct arena *a, const char *text)
{
    /* a bad byte becomes three: what is cut here is enough */
    const char *clean = xml_clean(a, text, strnlen(text, 2 * STATUS_TEXT_MAX)), *p;
    char *start = clean ? arena_alloc(a, strlen(clean) + 1) : NULL, *out = start;

    if (!start)
        return NULL;
    for (p = clean; *p;) {
        uint32_t cp = 0;
        size_t len = utf8_sequence(p, strlen(p), &cp);

        if (len == 0 || (size_t)(out - start) + len > STATUS_TEXT_MAX)
            break;
        if (cp <= 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029) {
            if (out > start && out[-1] != ' ')
                *out++ = ' ';
        } else {
            memcpy(out, p, len);
            out += len;
        }
        p += len;
    }
    while (out > start && out[-1] == ' ')
        out--;
    *out = '\0';
    return start;
}

const char *status_mailto(struct arena *a, const struct addr *addr)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *text = addr_text(a, addr), *p;
    static const char scheme[] = "mailto:";
    char *start = text ? arena_alloc(a, 3 * strlen(text) + sizeof scheme) : NULL, *out;

    if (!start)
        return NULL;
    memcpy(start, scheme, sizeof scheme);
    out = start + sizeof scheme - 1;
    for (p = text; *p; p++) {
        bool is_at = *p == '@' && p == strrchr(text, '@');
        bool is_plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');

        if (is_at || is_plain || strchr("-._~+", *p)) {
            *out++ = *p;
        } else {
            *out++ = '%';
            *out++ = hex[(unsigned char)*p >> 4];
            *out++ = hex[*p & 15];
        }
    }
    return start;
}
