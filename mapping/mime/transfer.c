/*
 * transfer: 7bit, quoted-printable and base64.  No data, no thread of its own.
 */
#include "mapping/mime/transfer.h"

#include <stdbool.h>
#include <string.h>

enum {
    LINE_7BIT = 900, /* bytes; RFC 5321 §4.5.3.1.6 allows 998 */
    LINE_QP = 75,    /* with the = of a soft break 76 (RFC 2045 §6.7) */
    BASE64_IN = 57   /* bytes that make a line of 76 */
};

const char *transfer_name(enum transfer t)
{
    static const char *const names[] = {"7bit", "quoted-printable", "base64"};

    return names[t];
}

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* The length of the first line without its end; the end's length goes to *end_out (0 at the end of
 * the text). */
static size_t line_len(const char *p, size_t n, size_t *end_out)
{
    size_t i = 0;

    while (i < n && p[i] != '\n' && p[i] != '\r')
        i++;
    *end_out = i == n ? 0 : p[i] == '\r' && i + 1 < n && p[i + 1] == '\n' ? 2 : 1;
    return i;
}

static bool is_risky_line(const char *p, size_t n)
{
    return (n >= 5 && memcmp(p, "From ", 5) == 0) || (n == 1 && p[0] == '.');
}

enum transfer transfer_choose(const char *text, size_t len)
{
    size_t high = 0, i = 0;
    bool plain = true;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        high += c >= 0x80 || is_control(c);
    }
    for (i = 0; i < len && plain;) {
        size_t end, n = line_len(text + i, len - i, &end);

        plain = n <= LINE_7BIT && !is_risky_line(text + i, n);
        i += n + end;
    }
    if (high == 0 && plain)
        return TRANSFER_7BIT;
    /* Each such byte takes three in quoted-printable, where base64 makes four of every three.  What
     * can still be read is worth a little more than that. */
    return high <= len / 4 ? TRANSFER_QUOTED_PRINTABLE : TRANSFER_BASE64;
}

static void write_7bit(struct buf *out, const char *p, size_t len)
{
    while (len > 0 && !buf_failed(out)) {
        size_t end, n = line_len(p, len, &end);

        buf_add(out, p, n);
        buf_adds(out, "\r\n");
        p += n + end;
        len -= n + end;
    }
}

static void write_qp_line(struct buf *out, const char *p, size_t n)
{
    static const char hex[] = "0123456789ABCDEF";
    bool risky = is_risky_line(p, n);
    size_t column = 0, i;

    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        bool is_last = i + 1 == n;
        bool plain = (c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !is_last);
        size_t width;

        plain = plain && !(risky && i == 0);
        width = plain ? 1 : 3;
        if (column + width > LINE_QP) {
            buf_adds(out, "=\r\n");
            column = 0;
            /* What a soft break put at the start of a line must not be misread there either. */
            if (plain && is_risky_line(p + i, n - i)) {
                plain = false;
                width = 3;
            }
        }
        if (plain) {
            buf_addc(out, (char)c);
        } else {
            char code[3] = {'=', hex[c >> 4], hex[c & 15]};

            buf_add(out, code, 3);
        }
        column += width;
    }
    buf_adds(out, "\r\n");
}

static void write_qp(struct buf *out, const char *p, size_t len)
{
    while (len > 0 && !buf_failed(out)) {
        size_t end, n = line_len(p, len, &end);

        write_qp_line(out, p, n);
        p += n + end;
        len -= n + end;
    }
}

static void base64_group(struct buf *out, const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned v = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
    char code[4];

    code[0] = digits[v >> 18];
    code[1] = digits[v >> 12 & 63];
    code[2] = n > 1 ? digits[v >> 6 & 63] : '=';
    code[3] = n > 2 ? digits[v & 63] : '=';
    buf_add(out, code, sizeof code);
}

void transfer_write_bytes(struct buf *out, const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;

    while (len > 0 && !buf_failed(out)) {
        size_t line = len < BASE64_IN ? len : BASE64_IN, i;

        for (i = 0; i < line; i += 3)
            base64_group(out, p + i, line - i < 3 ? line - i : 3);
        buf_adds(out, "\r\n");
        p += line;
        len -= line;
    }
}

void transfer_write_text(struct buf *out, enum transfer t, const char *text, size_t len)
{
    struct buf lines;

    if (t == TRANSFER_7BIT) {
        write_7bit(out, text, len);
    } else if (t == TRANSFER_QUOTED_PRINTABLE) {
        write_qp(out, text, len);
    } else {
        /* The canonical form of a text has CRLF line ends before it is encoded (RFC 2049 §4). */
        buf_init(&lines, 2 * len + 2);
        write_7bit(&lines, text, len);
        transfer_write_bytes(out, lines.data, lines.len);
        out->failed = out->failed || buf_failed(&lines);
        buf_clear(&lines);
    }
}
