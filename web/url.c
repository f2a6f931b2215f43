/*
 * url: percent-encoding.  No data, any thread.
 */
#include "web/url.h"

#include <string.h>

const char *url_segment(struct arena *a, const char *text)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * strlen(text) + 1), *p = out;

    if (!out)
        return NULL;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (strchr(unreserved, c)) {
            *p++ = (char)c;
        } else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }
    return out;
}
