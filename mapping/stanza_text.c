/*
 * stanza_text: small things about text in stanzas.  No data, no thread of its own.
 */
#include "mapping/stanza_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mapping/header_write.h"
#include "mapping/names.h"

const char *stanza_own_lang(const struct xml_node *node)
{
    const struct xml_attr *attr;

    for (attr = node->attrs; attr; attr = attr->next)
        if (attr->ns && strcmp(attr->ns, XML_NS) == 0 && strcmp(attr->name, "lang") == 0)
            return attr->value;
    return NULL;
}

const char *stanza_line(struct arena *a, const char *text, size_t max)
{
    size_t n, i;
    char *line;

    while (*text && (unsigned char)*text <= ' ')
        text++;
    n = header_clip(text, max);
    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    line = arena_strndup(a, text, n);
    for (i = 0; line && i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    return line;
}

const char *stanza_paragraphs(struct arena *a, const char *text)
{
    char *out = arena_strdup(a, text), *w, *start;
    const char *p;

    if (!out)
        return NULL;
    for (p = w = out; *p; p++) {
        if (*p == '\r' && p[1] == '\n')
            continue;
        *w++ = *p == '\r' ? '\n' : *p;
    }
    while (w > out && (w[-1] == '\n' || w[-1] == ' ' || w[-1] == '\t'))
        w--;
    *w = '\0';
    start = out;
    for (p = out; *p == ' ' || *p == '\t' || *p == '\n'; p++)
        if (*p == '\n')
            start = out + (p - out) + 1;
    return start;
}

const char *stanza_url(struct arena *a, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n, i, o = 0;
    char *url;

    while (*text && (unsigned char)*text <= ' ')
        text++;
    n = strlen(text);
    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    url = arena_alloc(a, 3 * n + 1);
    if (!url)
        return NULL;
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c > ' ' && c != 0x7f && c != '<' && c != '>' && c != '"') {
            url[o++] = (char)c;
            continue;
        }
        url[o++] = '%';
        url[o++] = hex[c >> 4];
        url[o++] = hex[c & 15];
    }
    return url;
}

bool stanza_is_link(const char *url)
{
    static const char *const schemes[] = {"http", "https", "ftp", "ftps", "sftp", "mailto", "xmpp"};
    size_t n = strcspn(url, ":"), i;

    for (i = 0; url[n] == ':' && i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == n && strncasecmp(url, schemes[i], n) == 0)
            return url[n + 1] != '\0';
    return false;
}

/* ---- fallback (XEP-0428) ---- */

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

const char *stanza_without_fallback(struct arena *a, const struct xml_node *stanza, const char *ns,
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
