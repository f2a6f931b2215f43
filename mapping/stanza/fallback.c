/*
 * fallback: ranges of a body that stand there for others.  No data, no thread of its own.
 */
#include "mapping/stanza/fallback.h"

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

static bool is_fallback_for(const struct xml_node *node, const char *const *namespaces)
{
    const char *for_ns = xml_get(node, "for");

    if (!node->name || strcmp(node->name, "fallback") != 0 || !for_ns ||
        (strcmp(node->ns, NS_FALLBACK) != 0 && strcmp(node->ns, NS_FALLBACK_OLD) != 0))
        return false;
    while (*namespaces && strcmp(for_ns, *namespaces) != 0)
        namespaces++;
    return *namespaces != NULL;
}

/* Blanks the range in text with NUL bytes, which no text has.  No range is all of it. */
static void erase(char *text, const char *original, const struct xml_node *body, bool may_go)
{
    const char *from = xml_get(body, "start"), *to = xml_get(body, "end");
    size_t start, end;

    if (!from && !to && may_go) {
        memset(text, 0, strlen(original));
        return;
    }
    if (!read_offset(from, &start) || !read_offset(to, &end) || start >= end)
        return; /* all of the text, or nonsense: neither takes the words away */
    start = byte_of(original, start);
    end = byte_of(original, end);
    memset(text + start, 0, end - start);
}

const char *fallback_remove(struct arena *a, const struct xml_node *stanza,
                            const char *const *namespaces, bool may_go, const char *text)
{
    const struct xml_node *node, *body;
    size_t n = strlen(text), i, o = 0;
    char *left = arena_strndup(a, text, n);
    unsigned ranges = 0;

    if (!left)
        return NULL;
    for (node = stanza->first; node; node = node->next) {
        if (!is_fallback_for(node, namespaces))
            continue;
        for (body = xml_child(node, NULL, "body"); body && ranges < 16;
             body = xml_next(body, NULL, "body"), ranges++)
            erase(left, text, body, may_go);
    }
    for (i = 0; i < n; i++)
        if (left[i] != '\0')
            left[o++] = left[i];
    left[o] = '\0';
    return may_go || left[strspn(left, " \t\r\n")] != '\0' ? left : text;
}

/* XEP-0428 counts Unicode code points. */
static size_t characters(const char *text, size_t n)
{
    size_t i, count = 0;

    for (i = 0; i < n && text[i]; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static int write_range(struct arena *a, struct xml_node *fallback, const char *body,
                       const struct fallback_range *range)
{
    size_t start = characters(body, range->start), end = characters(body, range->end);
    struct xml_node *node;

    if (start >= end)
        return 0;
    node = xml_add(a, fallback, NS_FALLBACK, "body");
    node = xml_set(a, node, "start", arena_printf(a, "%zu", start));
    return xml_set(a, node, "end", arena_printf(a, "%zu", end)) ? 0 : -1;
}

int fallback_write(struct arena *a, struct xml_node *stanza, const char *ns, const char *body,
                   const struct fallback_range *ranges, size_t count)
{
    struct xml_node *fallback;
    size_t i;

    if (count == 0)
        return 0;
    fallback = xml_set(a, xml_add(a, stanza, NS_FALLBACK, "fallback"), "for", ns);
    if (!fallback)
        return -1;
    for (i = 0; i < count; i++)
        if (write_range(a, fallback, body, &ranges[i]) < 0)
            return -1;
    return 0;
}
