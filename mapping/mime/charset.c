/*
 * charset: iconv behind a table of aliases and a doubt about labels.
 *
 * Labels in mail are often wrong: Latin-1 that is windows-1252, "us-ascii" with eight bits, UTF-8
 * under any name.  So a label is believed only where it can be right.  Owns nothing beyond a call;
 * an iconv descriptor lives for one call, so threads share nothing.  A crash here loses the one
 * mail.
 */
#include "mapping/mime/charset.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/xml.h"

enum { LABEL_MAX = 40 };

static const char replacement[] = "\xef\xbf\xbd";

/* Names that iconv does not know, or whose superset is what mail programs really send (the same
 * pairs that browsers use). */
static const struct {
    const char *label, *real;
} aliases[] = {
    {"iso-8859-1", "WINDOWS-1252"},
    {"iso8859-1", "WINDOWS-1252"},
    {"iso_8859-1", "WINDOWS-1252"},
    {"iso-8859-1-windows-3.1-latin-1", "WINDOWS-1252"},
    {"latin1", "WINDOWS-1252"},
    {"latin-1", "WINDOWS-1252"},
    {"l1", "WINDOWS-1252"},
    {"cp-1252", "WINDOWS-1252"},
    {"x-ansi", "WINDOWS-1252"},
    {"ansi", "WINDOWS-1252"},
    {"iso-8859-9", "WINDOWS-1254"},
    {"latin5", "WINDOWS-1254"},
    {"iso-8859-11", "WINDOWS-874"},
    {"tis-620", "WINDOWS-874"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-8-e", "ISO-8859-8"},
    {"iso-8859-6-i", "ISO-8859-6"},
    {"iso-8859-6-e", "ISO-8859-6"},
    {"cp-1250", "WINDOWS-1250"},
    {"cp-1251", "WINDOWS-1251"},
    {"win-1251", "WINDOWS-1251"},
    {"x-cp1251", "WINDOWS-1251"},
    {"koi8", "KOI8-R"},
    {"x-mac-roman", "MACINTOSH"},
    {"x-macroman", "MACINTOSH"},
    {"x-mac-cyrillic", "MAC-CYRILLIC"},
    {"gb2312", "GB18030"},
    {"gb_2312-80", "GB18030"},
    {"chinese", "GB18030"},
    {"csgb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"x-gbk", "GB18030"},
    {"cp936", "GB18030"},
    {"hz-gb-2312", "HZ"},
    {"big5", "BIG5-HKSCS"},
    {"x-x-big5", "BIG5-HKSCS"},
    {"cn-big5", "BIG5-HKSCS"},
    {"shift_jis", "CP932"},
    {"shift-jis", "CP932"},
    {"x-sjis", "CP932"},
    {"sjis", "CP932"},
    {"windows-31j", "CP932"},
    {"x-euc-jp", "EUC-JP"},
    {"iso-2022-jp-1", "ISO-2022-JP-2"},
    {"iso-2022-jp-ms", "ISO-2022-JP"},
    {"csiso2022jp", "ISO-2022-JP"},
    {"cp50220", "ISO-2022-JP"},
    {"cp50221", "ISO-2022-JP"},
    {"cp50222", "ISO-2022-JP"},
    {"ks_c_5601-1987", "CP949"},
    {"ks_c_5601", "CP949"},
    {"ksc5601", "CP949"},
    {"euc-kr", "CP949"},
    {"x-windows-949", "CP949"},
    {"unicode-1-1-utf-7", "UTF-7"},
    {"x-unicode-2-0-utf-7", "UTF-7"},
    {"utf-16", "UTF-16"},
    {"unicode", "UTF-16LE"},
};

/* Labels that say nothing: the bytes themselves are asked. */
static const char *const unsaid[] = {
    "utf-8",          "utf8",
    "x-utf-8",        "unicode-1-1-utf-8",
    "cp65001",        "us-ascii",
    "ascii",          "usascii",
    "ansi_x3.4-1968", "unknown-8bit",
    "x-unknown",      "unknown",
    "default",        "default_charset",
    "x-user-defined", "utf-8mb4",
    "iso-10646",      "8bit",
    "7bit",           "binary",
    "_iso-2022",      "_autodetect",
    "auto-detect",    "none",
};

bool charset_is_utf8(const char *data, size_t len, size_t *multibyte_out)
{
    size_t i = 0, many = 0;

    while (i < len) {
        uint32_t cp;
        size_t n = utf8_sequence(data + i, len - i, &cp);

        if (n == 0)
            break;
        many += n > 1;
        i += n;
    }
    if (multibyte_out)
        *multibyte_out = many;
    return i == len;
}

size_t charset_clip(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static bool is_unsaid(const char *label)
{
    size_t i;

    for (i = 0; i < sizeof unsaid / sizeof *unsaid; i++)
        if (strcasecmp(label, unsaid[i]) == 0)
            return true;
    return false;
}

/* The label without quotes, blanks and a language; false where it could mean something else to
 * iconv_open (a suffix behind //, a path). */
static bool label_clean(const char *label, char *out)
{
    size_t n = 0;

    for (; *label; label++) {
        if (*label == '*')
            break;
        if (strchr(" \t\"'", *label))
            continue;
        if (n >= LABEL_MAX || (!isalnum((unsigned char)*label) && !strchr("-_.:", *label)))
            return false;
        out[n++] = *label;
    }
    out[n] = '\0';
    return n > 0;
}

static const char *label_real(const char *label)
{
    size_t i;

    for (i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcasecmp(label, aliases[i].label) == 0)
            return aliases[i].real;
    return label;
}

/* Does one byte over 127 mean one character there?  Then UTF-8 under this label would hardly be
 * valid by chance. */
static bool is_single_byte(const char *real)
{
    return strncasecmp(real, "iso-8859", 8) == 0 || strncasecmp(real, "windows-", 8) == 0 ||
           strncasecmp(real, "koi8", 4) == 0 || strncasecmp(real, "mac", 3) == 0 ||
           strncasecmp(real, "cp125", 5) == 0 || strncasecmp(real, "ibm", 3) == 0 ||
           strncasecmp(real, "cp8", 3) == 0 || strncasecmp(real, "iso8859", 7) == 0;
}

/* windows-1252 by hand: it must work where iconv's modules cannot be loaded. */
static void read_1252(struct buf *out, const char *data, size_t len)
{
    static const uint16_t high[32] = {
        0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
    };
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned c = (unsigned char)data[i];

        if (c >= 0x80 && c < 0xa0)
            c = high[c - 0x80];
        if (c < 0x80) {
            buf_addc(out, (char)c);
        } else if (c < 0x800) {
            buf_addc(out, (char)(0xc0 | c >> 6));
            buf_addc(out, (char)(0x80 | (c & 0x3f)));
        } else {
            buf_addc(out, (char)(0xe0 | c >> 12));
            buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
            buf_addc(out, (char)(0x80 | (c & 0x3f)));
        }
    }
}

/* Tells damaged UTF-8 from another charset. */
static bool is_mostly_utf8(const char *data, size_t len)
{
    size_t i = 0, good = 0, bad = 0;

    while (i < len) {
        uint32_t cp;
        size_t n = utf8_sequence(data + i, len - i, &cp);

        good += n > 1;
        bad += n == 0;
        i += n > 0 ? n : 1;
    }
    return good > bad;
}

/* Bytes with no label worth the name. */
static void read_unsaid(struct buf *out, const char *data, size_t len)
{
    if (charset_is_utf8(data, len, NULL) || is_mostly_utf8(data, len))
        buf_add(out, data, len);
    else
        read_1252(out, data, len);
}

/* How many bytes fitted no character; -1 when iconv knows no such charset. */
static long read_iconv(struct buf *out, const char *real, const char *data, size_t len)
{
    iconv_t cd = iconv_open("UTF-8", real);
    char piece[4096], *in, *o;
    const char *start = data;
    size_t in_left = len, o_left, r;
    long bad = 0;

    if (cd == (iconv_t)-1) {
        out->is_starved = out->is_starved || errno == ENOMEM;
        return -1;
    }
    while (in_left > 0 && !buf_failed(out)) {
        memcpy(&in, &start, sizeof in); /* iconv's interface lacks a const */
        o = piece;
        o_left = sizeof piece;
        r = iconv(cd, &in, &in_left, &o, &o_left);
        buf_add(out, piece, (size_t)(o - piece));
        start = in;
        if (r != (size_t)-1 || errno == E2BIG)
            continue;
        buf_add(out, replacement, 3);
        bad++;
        start++;
        in_left--;
        iconv(cd, NULL, NULL, NULL, NULL);
    }
    o = piece;
    o_left = sizeof piece;
    if (iconv(cd, NULL, NULL, &o, &o_left) != (size_t)-1)
        buf_add(out, piece, (size_t)(o - piece));
    iconv_close(cd);
    return bad;
}

/* ISO-2022-JP as EUC-JP: programs put the characters of one maker and half-width kana into it,
 * which iconv only takes there.  False when an escape of another charset stands in it. */
static bool jp_as_euc(struct buf *out, const char *data, size_t len)
{
    enum { ASCII, KANJI, KANA } mode = ASCII;
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];

        if (c == 0x1b) {
            if (len - i < 3) /* cut off */
                break;
            if (memcmp(data + i, "\x1b$B", 3) == 0 || memcmp(data + i, "\x1b$@", 3) == 0)
                mode = KANJI;
            else if (memcmp(data + i, "\x1b(I", 3) == 0)
                mode = KANA;
            else if (memcmp(data + i, "\x1b(B", 3) == 0 || memcmp(data + i, "\x1b(J", 3) == 0)
                mode = ASCII;
            else
                return false;
            i += 2;
            continue;
        }
        if (c == '\n') /* RFC 1468: each line begins in ASCII */
            mode = ASCII;
        if (c > 0x20 && c < 0x7f && mode != ASCII) {
            if (mode == KANA)
                buf_addc(out, (char)0x8e);
            c |= 0x80;
        }
        buf_addc(out, (char)c);
    }
    return !buf_failed(out);
}

/* True when it was read. */
static bool read_japanese(struct buf *out, const char *data, size_t len)
{
    struct buf euc;
    bool done;

    buf_init(&euc, 2 * len + 1);
    done = jp_as_euc(&euc, data, len) && read_iconv(out, "EUC-JP-MS", euc.data, euc.len) >= 0;
    out->is_starved = out->is_starved || euc.is_starved;
    buf_clear(&euc);
    return done;
}

static void read_labelled(struct buf *out, const char *real, const char *data, size_t len)
{
    size_t many;
    bool is_utf8 = charset_is_utf8(data, len, &many);
    bool wide = strncasecmp(real, "utf-16", 6) == 0 || strncasecmp(real, "utf-32", 6) == 0 ||
                strncasecmp(real, "ucs", 3) == 0;
    long bad;

    if (is_utf8 && ((many > 0 && is_single_byte(real)) || (wide && !memchr(data, '\0', len)))) {
        buf_add(out, data, len);
        return;
    }
    if (strncasecmp(real, "iso-2022-jp", 11) == 0 && len > 0 && read_japanese(out, data, len))
        return;
    bad = read_iconv(out, real, data, len);
    if (bad < 0 || (bad > 0 && is_utf8)) {
        buf_reset(out);
        read_unsaid(out, data, len);
    }
}

const char *charset_read(struct arena *a, const char *label, const char *data, size_t len)
{
    char clean[LABEL_MAX + 1];
    const char *text = NULL;
    struct buf out;

    buf_init(&out, len < SIZE_MAX / 16 ? len * 4 + 64 : len);
    if (label && label_clean(label, clean) && !is_unsaid(clean))
        read_labelled(&out, label_real(clean), data, len);
    else if (charset_is_utf8(data, len, NULL) && buf_find(data, len, "\x1b$", 2))
        read_labelled(&out, "ISO-2022-JP-2", data, len); /* Japanese mail that forgot to say so */
    else
        read_unsaid(&out, data, len);
    if (!buf_failed(&out))
        text = xml_clean(a, out.data, out.len);
    arena_blame(a, &out);
    buf_clear(&out);
    return text;
}

/* One name for each module of the C library that a mail may need: what mail programs have written
 * in the last thirty years, on every system but mainframes. */
static const char *const loaded[] = {
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-9",
    "ISO-8859-10",
    "ISO-8859-11",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "CP1250",
    "CP1251",
    "CP1252",
    "CP1253",
    "CP1254",
    "CP1255",
    "CP1256",
    "CP1257",
    "CP1258",
    "TIS-620",
    "IBM874",
    "KOI8-R",
    "KOI8-U",
    "KOI8-T",
    "KOI8-RU",
    "MACINTOSH",
    "MAC-UK",
    "MAC-IS",
    "MAC-CENTRALEUROPE",
    "CP10007",
    "IBM437",
    "IBM850",
    "IBM852",
    "IBM855",
    "IBM857",
    "IBM858",
    "IBM860",
    "IBM861",
    "IBM862",
    "IBM863",
    "IBM864",
    "IBM865",
    "IBM866",
    "IBM869",
    "CP737",
    "CP775",
    "CP1125",
    "GB18030",
    "GBK",
    "EUC-CN",
    "ISO-2022-CN",
    "ISO-2022-CN-EXT",
    "BIG5",
    "BIG5-HKSCS",
    "EUC-TW",
    "SJIS",
    "CP932",
    "EUC-JP",
    "EUC-JP-MS",
    "EUC-JISX0213",
    "SHIFT_JISX0213",
    "ISO-2022-JP",
    "ISO-2022-JP-3",
    "EUC-KR",
    "CP949",
    "JOHAB",
    "ISO-2022-KR",
    "UTF-7",
    "UTF-16",
    "UTF-32",
    "UNICODE",
    "VISCII",
    "TCVN",
    "ARMSCII-8",
    "GEORGIAN-ACADEMY",
    "GEORGIAN-PS",
    "PT154",
    "RK1048",
    "TSCII",
    "HP-ROMAN8",
};

void charset_prepare(void)
{
    char text[1] = "a", piece[16], *in, *out;
    size_t in_left, out_left, i;

    /* Left open: a module whose last user has gone may be unloaded. */
    for (i = 0; i < sizeof loaded / sizeof *loaded; i++) {
        iconv_t cd = iconv_open("UTF-8", loaded[i]);

        if (cd == (iconv_t)-1)
            continue; /* some systems have fewer */
        in = text;
        out = piece;
        in_left = sizeof text;
        out_left = sizeof piece;
        (void)iconv(cd, &in, &in_left, &out, &out_left);
    }
}
