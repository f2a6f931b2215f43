/*
 * imap_folder: folder names in modified UTF-7 (RFC 3501 §5.1.3): printable ASCII as it stands, & as
 * &-, everything else as UTF-16 in base64 with , for / and no padding.  Owns nothing; any thread.
 */
#include <stdint.h>

#include "mail/imap/imap_inside.h"

/* The next character of UTF-8 at *p, which moves behind it; -1: none. */
static int32_t take_char(const unsigned char **p)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *q = *p;
    int more = q[0] < 0x80                   ? 0
               : q[0] >= 0xc2 && q[0] < 0xe0 ? 1
               : (q[0] & 0xf0) == 0xe0       ? 2
               : q[0] >= 0xf0 && q[0] < 0xf5 ? 3
                                             : -1;
    int32_t c;
    int i;

    if (more < 0)
        return -1;
    c = more == 0 ? q[0] : q[0] & (0x3f >> more);
    for (i = 1; i <= more; i++) {
        if ((q[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (q[i] & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return -1;
    *p = q + more + 1;
    return c;
}

struct shift { /* bits that wait for a base64 digit */
    uint32_t bits;
    unsigned count;
};

static void put_unit(struct buf *out, struct shift *sh, uint32_t unit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

    sh->bits = sh->bits << 16 | unit;
    sh->count += 16;
    while (sh->count >= 6) {
        sh->count -= 6;
        buf_addc(out, digits[sh->bits >> sh->count & 0x3f]);
    }
}

static void put_shifted(struct buf *out, struct shift *sh, int32_t c)
{
    if (c < 0x10000) {
        put_unit(out, sh, (uint32_t)c);
        return;
    }
    put_unit(out, sh, 0xd800 + ((uint32_t)(c - 0x10000) >> 10));
    put_unit(out, sh, 0xdc00 + ((uint32_t)(c - 0x10000) & 0x3ff));
}

static void end_shift(struct buf *out, struct shift *sh)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

    if (sh->count > 0)
        buf_addc(out, digits[sh->bits << (6 - sh->count) & 0x3f]);
    buf_addc(out, '-');
    *sh = (struct shift){0};
}

int imap_folder_name(const char *name, struct buf *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)name;
    struct shift sh = {0};
    bool shifted = false;
    int32_t c;

    while (*p) {
        c = take_char(&p);
        if (c < 0x20 || c == 0x7f)
            return err_set(e, ERR_PERMANENT,
                           "a folder name that is no UTF-8 or has a control "
                           "character in it (options folder, done)");
        if (c > 0x7e && !shifted) {
            buf_addc(out, '&');
            shifted = true;
        }
        if (c > 0x7e) {
            put_shifted(out, &sh, c);
            continue;
        }
        if (shifted)
            end_shift(out, &sh);
        shifted = false;
        buf_addc(out, (char)c);
        if (c == '&')
            buf_addc(out, '-');
    }
    if (shifted)
        end_shift(out, &sh);
    return buf_failed(out) ? err_memory(e) : 0;
}
