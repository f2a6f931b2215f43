/*
 * trace: where a mail has been.  One walk over the lines of a header that a stranger wrote; keeps
 * counts and numbers alone.  No data, no thread of its own.
 */
#include "mapping/report/trace.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "mapping/address/reverse_path.h"

enum { MARK_MAX = 200, RETURNED_MAX = 64 };

static bool has_name(const char *line, size_t n, const char *name)
{
    size_t len = strlen(name);

    if (n <= len || strncasecmp(line, name, len) != 0)
        return false;
    while (len < n && (line[len] == ' ' || line[len] == '\t')) /* RFC 5322 §4.5.3 */
        len++;
    return len < n && line[len] == ':';
}

/* b+<id>.<expiry>.<mac>@md and nothing else is ours; lists write their own names into the field. */
static bool read_mark(const struct context *ctx, const char *line, size_t n, int64_t *id_out)
{
    const char *md = address_map_mail_domain(ctx->map), *colon = memchr(line, ':', n), *at;
    char mark[MARK_MAX];
    size_t i = (size_t)(colon - line) + 1, len;

    while (i < n && strchr(" \t<", line[i]))
        i++;
    for (len = 0; i + len < n && !strchr(" \t\r\n>", line[i + len]); len++)
        ;
    at = memchr(line + i, '@', len);
    if (!at || len >= sizeof mark || (size_t)(line + i + len - at - 1) != strlen(md) ||
        strncasecmp(at + 1, md, strlen(md)) != 0)
        return false;
    len = (size_t)(at - line) - i;
    memcpy(mark, line + i, len);
    mark[len] = '\0';
    return reverse_path_check(ctx, mark, id_out) == KEYED_OK;
}

void trace_read(const struct context *ctx, const char *mail, size_t len, struct trace *out)
{
    size_t at = 0;
    int64_t id;

    memset(out, 0, sizeof *out);
    while (at < len) {
        const char *line = mail + at, *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at;

        if (n == 0 || (n == 1 && *line == '\r'))
            return;
        if (has_name(line, n, "Received"))
            out->hops++;
        else if (out->mark_count < TRACE_MARKS_MAX && has_name(line, n, "X-Loop") &&
                 read_mark(ctx, line, n, &id))
            out->marks[out->mark_count++] = id;
        at += n + 1;
    }
}

bool trace_is_returned(const struct context *ctx, const char *report, size_t len, int64_t id)
{
    unsigned looked_at = 0;
    size_t at = 0;
    int64_t found;

    while (at < len && looked_at < RETURNED_MAX) {
        const char *line = report + at, *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at;

        if (has_name(line, n, "X-Loop")) {
            looked_at++;
            if (read_mark(ctx, line, n, &found) && found == id)
                return true;
        }
        at += n + 1;
    }
    return false;
}

void trace_write(struct buf *out, const char *mark)
{
    buf_printf(out, "X-Loop: %s\r\n", mark);
}
