/*
 * transfer_read: base64, quoted-printable and uuencode by hand.
 *
 * libetpan's decoders read past the end of a text that ends in `=C`, stop at the first odd
 * character and cost a copy; an attachment of 30 MB is decoded here once, straight to where it
 * stays.  Owns nothing.  Any thread; a crash loses the one mail.
 */
#include "mapping/mime/transfer_read.h"
#include "mapping/text/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum encoding transfer_read_kind(const char *value)
{
    static const struct {
        const char *name;
        enum encoding kind;
    } names[] = {
        {"base64", ENCODING_BASE64}, {"quoted-printable", ENCODING_QUOTED},
        {"x-uuencode", ENCODING_UU}, {"uuencode", ENCODING_UU},
        {"x-uue", ENCODING_UU},      {"base-64", ENCODING_BASE64},
    };
    size_t i, n;

    if (!value)
        return ENCODING_NONE;
    value += strspn(value, " \t\"'");
    n = strcspn(value, " \t;\"'(");
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == n && strncasecmp(value, names[i].name, n) == 0)
            return names[i].kind;
    return ENCODING_NONE;
}

/* The value of each character, -1 for none.  Both alphabets (RFC 4648 §4, §5) are read. */
static const signed char base64_values[256] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, 62, -1, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, 63,
    -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};

static int base64_value(char c)
{
    return base64_values[(unsigned char)c];
}

/* Is it base64 at all?  A list server's footer behind it is no reason to say no; prose is. */
static bool is_base64(const char *data, size_t len)
{
    size_t i, good = 0, odd = 0, sample = len < 4096 ? len : 4096;

    for (i = 0; i < sample; i++) {
        if (base64_value(data[i]) >= 0 || data[i] == '=')
            good++;
        else if (!strchr("\r\n\t", data[i]) || !data[i])
            odd++; /* a blank too: hardly ever inside base64, all over prose */
    }
    return odd * 10 <= good;
}

static size_t base64_decode(char *out, const char *data, size_t len)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t i = 0, o = 0;

    while (i < len) {
        int v;

        while (have == 0 && len - i >= 4) { /* four good characters at once */
            int a = base64_value(data[i]), b = base64_value(data[i + 1]);
            int c = base64_value(data[i + 2]), d = base64_value(data[i + 3]);

            if ((a | b | c | d) < 0)
                break;
            out[o++] = (char)(a << 2 | b >> 4);
            out[o++] = (char)((b & 15) << 4 | c >> 2);
            out[o++] = (char)((c & 3) << 6 | d);
            i += 4;
        }
        if (i == len)
            break;
        v = base64_value(data[i]);
        if (data[i++] == '=') { /* an end; what follows starts anew, as when pieces were joined */
            bits = 0;
            have = 0;
        }
        if (v < 0)
            continue;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[o++] = (char)(bits >> have & 0xff);
        }
    }
    return o;
}

/* Blanks up to a line end at i: where the line end begins, or i when there is none. */
static size_t skip_to_eol(const char *data, size_t len, size_t i)
{
    size_t j = i;

    while (j < len && (data[j] == ' ' || data[j] == '\t'))
        j++;
    return j == len || data[j] == '\n' || (data[j] == '\r' && j + 1 < len && data[j + 1] == '\n')
               ? j
               : i;
}

static size_t quoted_decode(char *out, const char *data, size_t len, bool is_q)
{
    size_t i = 0, o = 0;

    while (i < len) {
        char c = data[i];

        if (c == '=' && i + 2 < len && text_hex_value(data[i + 1]) >= 0 &&
            text_hex_value(data[i + 2]) >= 0) {
            out[o++] = (char)(text_hex_value(data[i + 1]) << 4 | text_hex_value(data[i + 2]));
            i += 3;
        } else if (c == '=' && !is_q) {
            size_t eol = skip_to_eol(data, len, i + 1);

            if (eol == len || data[eol] == '\n' || data[eol] == '\r') { /* a soft line break */
                i = eol < len && data[eol] == '\r' ? eol + 1 : eol;
                i += i < len && data[i] == '\n';
            } else {
                out[o++] = c;
                i++;
            }
        } else if ((c == ' ' || c == '\t') && !is_q) {
            size_t eol = skip_to_eol(data, len, i);

            if (eol > i) { /* blanks added on the way, RFC 2045 §6.7 rule 3 */
                i = eol;
            } else {
                size_t end = i;

                while (end < len && (data[end] == ' ' || data[end] == '\t'))
                    out[o++] = data[end++];
                i = end;
            }
        } else {
            out[o++] = is_q && c == '_' ? ' ' : c;
            i++;
        }
    }
    return o;
}

/* One line of uuencode; false when it is none. */
static bool uu_line(char *out, size_t *o, const char *line, size_t n)
{
    size_t bytes = n > 0 ? (size_t)((unsigned char)line[0] - 32) & 63 : 0, i;

    if (n == 0 || (unsigned char)line[0] < 32 || (unsigned char)line[0] > 96)
        return false;
    for (i = 0; i < bytes; i++) {
        size_t at = 1 + i / 3 * 4 + i % 3;
        unsigned a, b;

        if (at >= n) /* a line that promises more than it holds */
            break;
        a = ((unsigned char)line[at] - 32U) & 63;
        b = at + 1 < n ? ((unsigned char)line[at + 1] - 32U) & 63 : 0;
        out[(*o)++] = (char)((a << (2 + i % 3 * 2) | b >> (4 - i % 3 * 2)) & 0xff);
    }
    return true;
}

static size_t uu_decode(char *out, const char *data, size_t len)
{
    const char *p = data, *end = data + len;
    bool inside = false;
    size_t o = 0;

    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((nl ? nl : end) - p);

        if (n > 0 && p[n - 1] == '\r')
            n--;
        if (!inside)
            inside = n > 6 && memcmp(p, "begin ", 6) == 0;
        else if (n == 3 && memcmp(p, "end", 3) == 0)
            break;
        else
            (void)uu_line(out, &o, p, n);
        p = nl ? nl + 1 : end;
    }
    return o;
}

const char *transfer_read(struct arena *a, enum encoding kind, const char *data, size_t len,
                          size_t *len_out)
{
    size_t room = kind == ENCODING_BASE64 ? len / 4 * 3 + 4 : len + 1;
    char *out;

    if (kind == ENCODING_BASE64 && !is_base64(data, len))
        kind = ENCODING_NONE;
    if (kind == ENCODING_NONE) {
        *len_out = len;
        return arena_strndup(a, data, len);
    }
    out = arena_alloc(a, room);
    if (!out)
        return NULL;
    *len_out = kind == ENCODING_BASE64   ? base64_decode(out, data, len)
               : kind == ENCODING_QUOTED ? quoted_decode(out, data, len, false)
                                         : uu_decode(out, data, len);
    return out;
}

const char *transfer_read_q(struct arena *a, const char *data, size_t len, size_t *len_out)
{
    char *out = arena_alloc(a, len + 1);

    if (out)
        *len_out = quoted_decode(out, data, len, true);
    return out;
}
