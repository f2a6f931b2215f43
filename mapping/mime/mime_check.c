/*
 * mime_check: limits, and the harmless copy.
 *
 * The copy is made in one pass, byte by byte, without understanding the mail: a rule that needs no
 * understanding cannot be talked round.  Since each dangerous thing is replaced by as many harmless
 * bytes wherever it stands, a boundary and the lines that match it change alike.  Owns the copy
 * until mime_copy_clear.  Any thread; a crash loses the one mail.
 */
#include "mapping/mime/mime_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "mapping/mime/header_param.h"

/* Two oddities of libetpan: a part without header and body stops it from seeing any part of the
 * multipart, and a first part without a header loses the empty line that says so.  A field of ours
 * makes them parts like others. */
static const char filler_field[] = "X: 1\r\n";       /* before the empty line */
static const char filler_part[] = "X: 1\r\n\r\n";    /* where there is not even that */
static const char filler_end[] = "\r\nX: 1\r\n\r\n"; /* behind a last line without an end */

enum { FILLER_MAX = sizeof filler_end - 1, PAD = 64 };

int mime_check(const char *mail, size_t len, struct err *e)
{
    if (len > MIME_SIZE_MAX)
        return err_set(e, ERR_PERMANENT, "the mail is larger than %d MiB", MIME_SIZE_MAX >> 20);
    if (header_read_end(mail, len) > MIME_HEADER_MAX)
        return err_set(e, ERR_PERMANENT, "the mail's header is larger than %d KiB",
                       MIME_HEADER_MAX >> 10);
    return 0;
}

static bool is_dashes(const char *p, const char *end)
{
    return end - p > 2 && p[0] == '-' && p[1] == '-' && p[2] != '\r' && p[2] != '\n' && p[2] != ' ';
}

static bool is_word(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(end - p) >= n && (p[1] | 32) == word[1] && strncasecmp(p, word, n) == 0;
}

/* Replaces what libetpan must not see in the n bytes at p, in place. */
static void defuse(char *p, size_t n, size_t multiparts)
{
    char *end = p + n;

    for (; p < end; p++) {
        switch (*p) {
        case '\\':
        case '(':
        case ')':
        case '\0':
            *p = '_';
            break;
        case '=':
            if (p + 1 < end && p[1] == '?')
                *p = '_';
            break;
        case 'r':
        case 'R':
            if (is_word(p, end, "rfc822"))
                *p = '_';
            break;
        case 'd':
        case 'D':
            if (is_word(p, end, "digest"))
                *p = '_';
            break;
        case 'm':
        case 'M':
            if (is_word(p, end, "multipart") && (multiparts == 0 || multiparts-- == 0))
                *p = '_';
            break;
        default:
            break;
        }
    }
}

/* Each part costs libetpan some allocations: lines that could begin one are made others when there
 * are too many. */
static void limit_delimiters(char *p, const char *end)
{
    size_t left = MIME_DELIMITERS_MAX;

    while (p < end) {
        char *nl = memchr(p, '\n', (size_t)(end - p));

        if (is_dashes(p, end) && (left == 0 || left-- == 0))
            *p = '_';
        if (!nl)
            break;
        p = nl + 1;
    }
}

static size_t multiparts_for(size_t len)
{
    size_t n = MIME_SCAN_MAX / (len + 1);

    return n > MIME_MULTIPARTS_MAX ? MIME_MULTIPARTS_MAX : n < 4 ? 4 : n;
}

static const char *next_line(const char *p, const char *end)
{
    const char *nl = memchr(p, '\n', (size_t)(end - p));

    return nl ? nl + 1 : end;
}

/* What must stand at p, behind a line that may be a boundary; NULL: nothing. */
static const char *filler_for(const char *p, const char *end)
{
    if (p < end && (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')))
        return filler_field;
    if (p == end)
        return p[-1] == '\n' ? filler_part : filler_end;
    return is_dashes(p, end) ? filler_part : NULL;
}

/* Notes a filler at the end of what is copied so far. */
static int add_insert(struct mime_copy *c, size_t *room, size_t len)
{
    size_t before = c->insert_count > 0 ? c->inserts[c->insert_count - 1].total : 0;

    if (c->insert_count == *room) {
        size_t more = *room * 2 + 16;
        struct mime_insert *grown = realloc(c->inserts, more * sizeof *grown);

        if (!grown)
            return -1;
        c->inserts = grown;
        *room = more;
    }
    c->inserts[c->insert_count].at = c->len;
    c->inserts[c->insert_count].total = before + len;
    c->insert_count++;
    return 0;
}

static void append(struct mime_copy *c, const char *p, size_t n)
{
    memcpy(c->data + c->len, p, n);
    c->len += n;
}

/* The body with fillers in; c->inserts says where. */
static int copy_body(struct mime_copy *c, const char *p, const char *end)
{
    const char *done = p;
    size_t room = 0;

    while (p < end && c->insert_count < MIME_INSERTS_MAX) {
        const char *next = next_line(p, end);
        const char *filler = is_dashes(p, end) ? filler_for(next, end) : NULL;

        if (filler) {
            append(c, done, (size_t)(next - done));
            done = next;
            if (add_insert(c, &room, strlen(filler)) < 0)
                return -1;
            append(c, filler, strlen(filler));
        }
        p = next;
    }
    append(c, done, (size_t)(end - done));
    return 0;
}

/* The boundary that the body itself shows, where the header forgot to name it. */
static const char *sniff_boundary(struct arena *a, const char *p, const char *end)
{
    size_t lines = 0;

    for (; p < end && lines < 20; p = next_line(p, end), lines++) {
        size_t n = 2;

        while (is_dashes(p, end) && p + n < end && p[n] > 32 && p[n] < 127 && n < 80)
            n++;
        if (n > 4)
            return arena_strndup(a, p + 2, n - 2);
    }
    return NULL;
}

/* Only what makes the structure, in a form that libetpan's grammar likes; what people wrote into
 * the other fields is read elsewhere. */
static int copy_header(struct buf *out, struct arena *a, const struct mime_copy *c,
                       const struct mail_header *header)
{
    struct param_value type;
    const char *boundary;

    if (header_params(a, header_read_get(header, "Content-Type"), &type) < 0)
        return -1;
    buf_adds(out, "MIME-Version: 1.0\r\n");
    if (strncmp(type.main, "multipart/", 10) != 0) {
        buf_adds(out, "Content-Type: text/plain\r\n\r\n");
        return 0;
    }
    boundary = param_get(&type, "boundary");
    if (!boundary || !*boundary)
        boundary = sniff_boundary(a, c->mail + c->mail_body, c->mail + c->mail_len);
    buf_adds(out, "Content-Type: multipart/mixed; boundary=\"");
    for (; boundary && *boundary; boundary++)
        if (*boundary != '"')
            buf_addc(out, *boundary);
    buf_adds(out, "\"\r\n\r\n");
    return 0;
}

int mime_copy_init(struct mime_copy *c, struct arena *a, const char *mail, size_t len,
                   const struct mail_header *header, struct err *e)
{
    struct buf head;
    int result = -1;

    memset(c, 0, sizeof *c);
    c->mail = mail;
    c->mail_len = len;
    c->mail_body = header->body;
    buf_init(&head, 1 << 16);
    if (copy_header(&head, a, c, header) < 0 || buf_failed(&head))
        goto out;
    c->data = calloc(1, head.len + len + (size_t)MIME_INSERTS_MAX * FILLER_MAX + PAD);
    if (!c->data)
        goto out;
    append(c, head.data, head.len);
    c->body = c->len;
    if (copy_body(c, mail + header->body, mail + len) < 0)
        goto out;
    defuse(c->data, c->len, multiparts_for(len));
    limit_delimiters(c->data + c->body, c->data + c->len);
    result = 0;
out:
    buf_clear(&head);
    if (result < 0) {
        mime_copy_clear(c);
        err_memory(e);
    }
    return result;
}

void mime_copy_clear(struct mime_copy *c)
{
    free(c->data);
    free(c->inserts);
    c->data = NULL;
    c->inserts = NULL;
}

const char *mime_copy_origin(const struct mime_copy *c, const char *place)
{
    size_t at = (size_t)(place - c->data), low = 0, high = c->insert_count, less = 0, mail_at;

    if (at <= c->body)
        return c->mail + c->mail_body;
    while (low < high) { /* the number of inserts that begin before the place */
        size_t mid = low + (high - low) / 2;

        if (c->inserts[mid].at < at)
            low = mid + 1;
        else
            high = mid;
    }
    if (low > 0) {
        size_t before = low > 1 ? c->inserts[low - 2].total : 0;
        size_t inside = at - c->inserts[low - 1].at;

        less = c->inserts[low - 1].total;
        if (inside < less - before) /* in the middle of a filler */
            less = before + inside;
    }
    mail_at = c->mail_body + (at - c->body - less);
    return c->mail + (mail_at < c->mail_len ? mail_at : c->mail_len);
}
