/*
 * fallback: ranges of a body that stand there for others.  No data, no thread of its own.
 */
#include "mapping/fallback.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mapping/names.h"

struct range {
    size_t start, end; /* bytes */
};

/* The byte at which character number count starts; text's length when there are fewer. */
static size_t byte_of(const char *text, size_t count)
{
    size_t i = 0;

    while (text[i] && count > 0) {
        i++;
        while (((unsigned char)text[i] & 0xc0) == 0x80)
            i++;
        count--;
    }
    return i;
}

static bool read_offset(const char *text, size_t *out)
{
    char *end;
    unsigned long v;

    if (!text || *text < '0' || *text > '9')
        return false;
    v = strtoul(text, &end, 10);
    *out = v;
    return *end == '\0';
}

static bool is_fallback_for(const struct xml_node *node, const char *ns)
{
    const char *for_ns = xml_get(node, "for");

    return node->name && strcmp(node->name, "fallback") == 0 && for_ns && strcmp(for_ns, ns) == 0 &&
           (strcmp(node->ns, NS_FALLBACK) == 0 || strcmp(node->ns, NS_FALLBACK_OLD) == 0);
}

/* Blanks the range in text with NUL bytes, which no text has. */
static void erase(char *text, const char *original, const struct xml_node *body)
{
    size_t start, end;

    if (!read_offset(xml_get(body, "start"), &start) || !read_offset(xml_get(body, "end"), &end) ||
        start >= end)
        return; /* all of the text, or nonsense: neither takes the words away */
    start = byte_of(original, start);
    end = byte_of(original, end);
    memset(text + start, 0, end - start);
}

const char *fallback_remove(struct arena *a, const struct xml_node *stanza, const char *ns,
                            const char *text)
{
    const struct xml_node *node, *body;
    size_t n = strlen(text), i, o = 0;
    char *left = arena_strndup(a, text, n);
    unsigned ranges = 0;

    if (!left)
        return NULL;
    for (node = stanza->first; node; node = node->next)
        if (is_fallback_for(node, ns))
            for (body = xml_child(node, NULL, "body"); body && ranges < 16;
                 body = xml_next(body, NULL, "body"), ranges++)
                erase(left, text, body);
    for (i = 0; i < n; i++)
        if (left[i] != '\0')
            left[o++] = left[i];
    left[o] = '\0';
    return left[strspn(left, " \t\r\n")] != '\0' ? left : text;
}
