/*
 * utf8: decoding, strictly.  Owns no data, runs on any thread, leaves nothing behind in a crash.
 */
#include "base/utf8.h"

size_t utf8_sequence(const char *p, size_t n, uint32_t *cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)p;
    size_t len, i;

    if (n == 0)
        return 0;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    len = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc0 ? 2 : 0;
    if (len == 0 || len > n || u[0] > 0xf4)
        return 0;
    *cp = u[0] & (0x7fU >> len);
    for (i = 1; i < len; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        *cp = *cp << 6 | (u[i] & 0x3f);
    }
    if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
        return 0;
    return len;
}

bool utf8_is_valid(const char *p, size_t n)
{
    uint32_t cp;
    size_t len;

    for (; n > 0; p += len, n -= len)
        if ((len = utf8_sequence(p, n, &cp)) == 0)
            return false;
    return true;
}

bool utf8_is_ascii(const char *p, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if ((unsigned char)p[i] >= 0x80)
            return false;
    return true;
}

bool utf8_is_xml(uint32_t cp)
{
    if (cp < 0x20)
        return cp == '\t' || cp == '\n' || cp == '\r';
    return cp != 0xfffe && cp != 0xffff && cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
}
