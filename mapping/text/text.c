/*
 * text: small things about text and links.  No data, no thread of its own.
 */
#include "mapping/text/text.h"

#include <string.h>
#include <strings.h>

#include "mapping/mime/header_write.h"

const char *text_line(struct arena *a, const char *text, size_t max)
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

const char *text_paragraphs(struct arena *a, const char *text)
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

const char *text_url(struct arena *a, const char *text)
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

bool text_is_link(const char *url)
{
    static const char *const schemes[] = {"http", "https", "ftp", "ftps", "sftp", "mailto", "xmpp"};
    size_t n = strcspn(url, ":"), i;

    for (i = 0; url[n] == ':' && i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == n && strncasecmp(url, schemes[i], n) == 0)
            return url[n + 1] != '\0';
    return false;
}

bool text_is_only(const char *text, const char *url)
{
    size_t n = strlen(url);

    if (!text)
        return false;
    text += strspn(text, " \t\n");
    return strncmp(text, url, n) == 0 && text[n + strspn(text + n, " \t\n")] == '\0';
}

int text_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_is_one_of(const char *const *list, const char *word)
{
    for (; *list; list++)
        if (strcasecmp(*list, word) == 0)
            return true;
    return false;
}

void text_put_size(struct buf *out, size_t size)
{
    if (size < 1000)
        buf_printf(out, "%zu bytes", size);
    else if (size < 1000000)
        buf_printf(out, "%zu kB", (size + 500) / 1000);
    else
        buf_printf(out, "%zu.%zu MB", size / 1000000, size / 100000 % 10);
}
