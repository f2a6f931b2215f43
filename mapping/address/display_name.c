/*
 * display_name: names that strangers chose.  No data, no thread of its own.
 */
#include "mapping/address/display_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "mapping/mime/header_write.h"
#include "mapping/names.h"

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t cp)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return true;
    return false;
}

static bool is_space(uint32_t cp)
{
    static const struct range spaces[] = {
        {0, 0x20},        {0x7f, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
    };

    return is_in(spaces, sizeof spaces / sizeof *spaces, cp);
}

/* Not to be seen, or turning round what stands after it.  The two joiners stay: scripts and emoji
 * need them. */
static bool is_hidden(uint32_t cp)
{
    static const struct range hidden[] = {
        {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180e, 0x180e}, {0x200b, 0x200b}, {0x200e, 0x200f}, {0x202a, 0x202e},   {0x2060, 0x206f},
        {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},   {0xfffd, 0xfffd},
        {0xe000, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff}};

    return is_in(hidden, sizeof hidden / sizeof *hidden, cp);
}

/* The @ of ASCII, and those that look like it. */
static bool is_at(uint32_t cp)
{
    return cp == '@' || cp == 0xfe6b || cp == 0xff20;
}

/* To be read as what it is; false: it would pass for more than a name. */
static bool clean(char *out, const char *text)
{
    size_t left = strlen(text), n, len = 0;
    bool has_space = false;
    uint32_t cp;

    for (; left > 0; text += n, left -= n) {
        n = utf8_sequence(text, left, &cp);
        if (n == 0) {
            n = 1;
            continue;
        }
        if (is_at(cp))
            return false;
        if (is_space(cp)) {
            has_space = len > 0;
        } else if (!is_hidden(cp)) {
            if (has_space)
                out[len++] = ' ';
            has_space = false;
            memcpy(out + len, text, n);
            len += n;
        }
    }
    out[len] = '\0';
    return !strstr(out, "=?");
}

const char *display_name(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, strlen(text) + 1);
    size_t n;

    if (!out)
        return NULL;
    if (!clean(out, text))
        return "";
    n = header_clip(out, DISPLAY_NAME_MAX);
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    return out;
}

/* "" for NULL. */
static const char *safe_text(struct arena *a, const struct xml_node *parent, const char *name)
{
    const struct xml_node *node = xml_child(parent, NS_VCARD_TEMP, name);
    const char *text = node ? xml_text(a, node) : "";

    return text ? display_name(a, text) : NULL;
}

const char *display_name_of_vcard(struct arena *a, const struct xml_node *vcard)
{
    const struct xml_node *n = xml_child(vcard, NS_VCARD_TEMP, "N");
    const char *name = safe_text(a, vcard, "FN"), *given, *family;

    if (name && *name == '\0')
        name = safe_text(a, vcard, "NICKNAME");
    if (!name || *name || !n)
        return name;
    given = safe_text(a, n, "GIVEN");
    family = safe_text(a, n, "FAMILY");
    if (!given || !family)
        return NULL;
    name = arena_printf(a, "%s %s", given, family);
    return name ? display_name(a, name) : NULL;
}
