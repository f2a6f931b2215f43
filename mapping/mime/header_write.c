/*
 * header_write: folding and encoding of header fields.  The only data is the column a field has
 * reached; no thread of its own.
 */
#include "mapping/mime/header_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LINE_SHORT = 78,   /* RFC 5322 §2.1.1 */
    LINE_MAX = 990,    /* 998 with room for the fold's space and a comma */
    ENCODED_LINE = 76, /* RFC 2047 §2: a line with an encoded word, and the word itself */
    ENCODED_WORD = 75,
    ENCODED_FRAME = 12, /* =?utf-8?Q? and ?= */
    SPACES_MAX = 8      /* of a run that is kept */
};

static bool is_atext(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

size_t header_clip(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1), back;

    if (n <= max)
        return n;
    for (back = 0; back <= max && back < 4; back++)
        if (((unsigned char)text[max - back] & 0xc0) != 0x80)
            return max - back;
    return max; /* not UTF-8 */
}

/* Into clean: controls as spaces, runs of spaces bounded, none at the ends, at most max bytes. */
static void clean_text(struct buf *clean, const char *text, size_t max)
{
    size_t n, i, spaces = 0;

    while (*text && ((unsigned char)*text <= ' ' || *text == 0x7f))
        text++;
    n = header_clip(text, max);
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= ' ' || c == 0x7f) {
            spaces++;
            continue;
        }
        for (; spaces > 0 && clean->len > 0; spaces--)
            if (spaces <= SPACES_MAX)
                buf_addc(clean, ' ');
        spaces = 0;
        buf_addc(clean, (char)c);
    }
    if (text[n])
        buf_adds(clean, "...");
}

/* ---- folding ---- */

void header_begin(struct header *h, struct buf *out, const char *name)
{
    h->out = out;
    h->is_empty = true;
    h->column = strlen(name) + 1;
    buf_adds(out, name);
    buf_addc(out, ':');
}

void header_end(struct header *h)
{
    buf_adds(h->out, "\r\n");
}

/* Writes the spaces, on a new line when the n bytes behind them would pass the limit. */
static void put_space(struct header *h, size_t spaces, size_t n, size_t limit)
{
    size_t i;

    if (!h->is_empty && h->column + spaces + n > limit) {
        buf_adds(h->out, "\r\n");
        h->column = 0;
    }
    for (i = 0; i < spaces; i++)
        buf_addc(h->out, ' ');
    h->column += spaces;
    h->is_empty = false;
}

static void put(struct header *h, const char *p, size_t n, size_t spaces)
{
    put_space(h, spaces, n, LINE_SHORT);
    buf_add(h->out, p, n);
    h->column += n;
}

void header_word(struct header *h, const char *word)
{
    size_t n = strlen(word), i;

    if (n == 0 || n > LINE_MAX)
        return;
    for (i = 0; i < n; i++)
        if ((unsigned char)word[i] < ' ' || word[i] == 0x7f)
            return;
    put(h, word, n, 1);
}

/* ---- encoded words (RFC 2047) ---- */

/* §5: what may stand for itself in Q; a phrase allows little. */
static bool is_q_plain(unsigned char c, bool in_phrase)
{
    if (in_phrase)
        return is_alnum(c) || (c != '\0' && strchr("!*+-/", c) != NULL);
    return c > ' ' && c < 0x7f && c != '=' && c != '?' && c != '_';
}

static size_t q_size(const char *p, size_t n, bool in_phrase)
{
    size_t i, size = 0;

    for (i = 0; i < n; i++)
        size += p[i] == ' ' || is_q_plain((unsigned char)p[i], in_phrase) ? 1 : 3;
    return size;
}

static void write_q(struct buf *out, const char *p, size_t n, bool in_phrase)
{
    size_t i;

    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];

        if (c == ' ')
            buf_addc(out, '_');
        else if (is_q_plain(c, in_phrase))
            buf_addc(out, (char)c);
        else
            buf_printf(out, "=%02X", c);
    }
}

static void write_b(struct buf *out, const char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i;

    for (i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned v = (unsigned)(unsigned char)p[i] << 16;

        if (left > 1)
            v |= (unsigned)(unsigned char)p[i + 1] << 8;
        if (left > 2)
            v |= (unsigned char)p[i + 2];
        buf_addc(out, digits[v >> 18]);
        buf_addc(out, digits[v >> 12 & 63]);
        buf_addc(out, left > 1 ? digits[v >> 6 & 63] : '=');
        buf_addc(out, left > 2 ? digits[v & 63] : '=');
    }
}

/* Length of the character at p: an encoded word holds whole ones (§5). */
static size_t char_len(const char *p, size_t n)
{
    size_t len = 1;

    while (len < n && len < 4 && ((unsigned char)p[len] & 0xc0) == 0x80)
        len++;
    return len;
}

/* How many bytes of p fit into an encoded word of room characters of text. */
static size_t encoded_fit(const char *p, size_t n, size_t room, bool use_b, bool in_phrase)
{
    size_t taken = 0;

    while (taken < n) {
        size_t next = taken + char_len(p + taken, n - taken);
        size_t size = use_b ? (next + 2) / 3 * 4 : q_size(p, next, in_phrase);

        if (size > room)
            break;
        taken = next;
    }
    return taken;
}

/* Of a cut in the middle of a text: behind its last space, where that costs little. */
static size_t cut_at_space(const char *p, size_t cut)
{
    size_t i;

    for (i = cut; i > cut / 2; i--)
        if (p[i - 1] == ' ')
            return i;
    return cut;
}

static void put_encoded(struct header *h, const char *p, size_t n, bool in_phrase)
{
    /* Q can be read as it stands: worth some length. */
    bool use_b = q_size(p, n, in_phrase) > 2 * n;

    while (n > 0) {
        size_t room, fit;

        put_space(h, 1, ENCODED_FRAME + 12, ENCODED_LINE); /* 12: the longest character in Q */
        room = ENCODED_LINE - h->column < ENCODED_WORD ? ENCODED_LINE - h->column : ENCODED_WORD;
        fit = encoded_fit(p, n, room - ENCODED_FRAME, use_b, in_phrase);
        if (fit < n && !use_b)
            fit = cut_at_space(p, fit);
        buf_printf(h->out, "=?utf-8?%c?", use_b ? 'B' : 'Q');
        h->column += ENCODED_FRAME + (use_b ? (fit + 2) / 3 * 4 : q_size(p, fit, in_phrase));
        if (use_b)
            write_b(h->out, p, fit);
        else
            write_q(h->out, p, fit, in_phrase);
        buf_adds(h->out, "?=");
        p += fit;
        n -= fit;
    }
}

/* ---- unstructured text ---- */

static bool is_ascii_text(const char *p, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if ((unsigned char)p[i] >= 0x7f || (unsigned char)p[i] < ' ')
            return false;
    return true;
}

/* What looks like an encoded word must be encoded, or it would be decoded; so must what no line
 * holds. */
static bool needs_encoding(const char *word, size_t n)
{
    return n > LINE_MAX / 2 || !is_ascii_text(word, n) || buf_find(word, n, "=?", 2) != NULL;
}

struct span {
    size_t start, end;
};

/* From the first to the last word that needs encoding; end 0: none does. */
static struct span encoded_span(const char *p, size_t n)
{
    struct span s = {0, 0};
    size_t i = 0;

    while (i < n) {
        size_t word;

        while (i < n && p[i] == ' ')
            i++;
        word = i;
        while (i < n && p[i] != ' ')
            i++;
        if (!needs_encoding(p + word, i - word))
            continue;
        if (s.end == 0)
            s.start = word;
        s.end = i;
    }
    return s;
}

static void put_words(struct header *h, const char *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t spaces = 0, word;

        while (i < n && p[i] == ' ') {
            spaces++;
            i++;
        }
        word = i;
        while (i < n && p[i] != ' ')
            i++;
        if (i > word)
            put(h, p + word, i - word, spaces > 0 ? spaces : 1);
    }
}

void header_text(struct buf *out, const char *name, const char *text)
{
    struct header h;
    struct buf clean;
    struct span s;

    header_begin(&h, out, name);
    buf_init(&clean, HEADER_TEXT_MAX + 16);
    clean_text(&clean, text, HEADER_TEXT_MAX);
    s = encoded_span(clean.data, clean.len);
    if (s.end == 0) {
        put_words(&h, clean.data, clean.len);
    } else {
        put_words(&h, clean.data, s.start);
        put_encoded(&h, clean.data + s.start, s.end - s.start, false);
        put_words(&h, clean.data + s.end, clean.len - s.end);
    }
    out->failed = out->failed || buf_failed(&clean);
    buf_clear(&clean);
    header_end(&h);
}

/* ---- mailboxes ---- */

static bool is_atoms(const char *p, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (p[i] != ' ' && !is_atext((unsigned char)p[i]))
            return false;
    return buf_find(p, n, "  ", 2) == NULL;
}

static void put_quoted(struct header *h, const char *p, size_t n)
{
    struct buf quoted;
    size_t i;

    buf_init(&quoted, 2 * HEADER_NAME_MAX + 32);
    buf_addc(&quoted, '"');
    for (i = 0; i < n; i++) {
        if (p[i] == '"' || p[i] == '\\')
            buf_addc(&quoted, '\\');
        buf_addc(&quoted, p[i]);
    }
    buf_addc(&quoted, '"');
    put(h, quoted.data, quoted.len, 1);
    h->out->failed = h->out->failed || buf_failed(&quoted);
    buf_clear(&quoted);
}

/* RFC 5322 §3.2.5: atoms, a quoted string, or encoded words. */
static void put_phrase(struct header *h, const char *p, size_t n)
{
    bool is_plain = is_ascii_text(p, n) && buf_find(p, n, "=?", 2) == NULL;

    if (is_plain && is_atoms(p, n))
        put_words(h, p, n);
    else if (is_plain)
        put_quoted(h, p, n);
    else
        put_encoded(h, p, n, true);
}

void header_mailbox(struct header *h, const char *name, const struct addr *mail, bool more)
{
    struct buf clean, spec;

    buf_init(&clean, HEADER_NAME_MAX + 16);
    buf_init(&spec, LINE_MAX);
    if (name)
        clean_text(&clean, name, HEADER_NAME_MAX);
    if (clean.len > 0) {
        put_phrase(h, clean.data, clean.len);
        buf_addc(&spec, '<');
        addr_write(&spec, mail);
        buf_addc(&spec, '>');
    } else {
        addr_write(&spec, mail);
    }
    if (more)
        buf_addc(&spec, ',');
    header_word(h, spec.data);
    h->out->failed = h->out->failed || buf_failed(&clean) || buf_failed(&spec);
    buf_clear(&clean);
    buf_clear(&spec);
}

/* ---- parameters (RFC 2045 §5.1, RFC 2231) ---- */

static bool is_token(const char *p, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if ((unsigned char)p[i] <= ' ' || (unsigned char)p[i] >= 0x7f ||
            strchr("()<>@,;:\\\"/[]?=", p[i]))
            return false;
    return n > 0;
}

static bool is_attribute_char(unsigned char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}

/* RFC 2231 §3 and §4: pieces of about a line, percent-encoded, cut between characters. */
static void put_extended(struct header *h, const char *name, const char *p, size_t n)
{
    unsigned part = 0;
    bool is_one = n <= 16;

    while (n > 0) {
        struct buf piece;
        size_t i = 0;

        buf_init(&piece, LINE_MAX);
        if (is_one)
            buf_printf(&piece, "%s*=utf-8''", name);
        else
            buf_printf(&piece, "%s*%u*=%s", name, part, part == 0 ? "utf-8''" : "");
        while (i < n && piece.len < LINE_SHORT - 16) {
            size_t end = i + char_len(p + i, n - i);

            for (; i < end; i++)
                if (is_attribute_char((unsigned char)p[i]))
                    buf_addc(&piece, p[i]);
                else
                    buf_printf(&piece, "%%%02X", (unsigned char)p[i]);
        }
        p += i;
        n -= i;
        if (n > 0)
            buf_addc(&piece, ';');
        put(h, piece.data, piece.len, 1);
        h->out->failed = h->out->failed || buf_failed(&piece);
        buf_clear(&piece);
        part++;
    }
}

void header_parameter(struct header *h, const char *name, const char *value)
{
    struct buf clean, piece;

    buf_addc(h->out, ';');
    h->column++;
    buf_init(&clean, HEADER_NAME_MAX + 16);
    buf_init(&piece, LINE_MAX);
    clean_text(&clean, value, HEADER_NAME_MAX);
    buf_printf(&piece, "%s=", name);
    if (is_token(clean.data, clean.len)) {
        buf_adds(&piece, clean.data);
        put(h, piece.data, piece.len, 1);
    } else if (clean.len <= 60 && is_ascii_text(clean.data, clean.len) &&
               !strpbrk(clean.data, "\"\\")) {
        buf_printf(&piece, "\"%s\"", clean.data);
        put(h, piece.data, piece.len, 1);
    } else {
        put_extended(h, name, clean.data, clean.len);
    }
    h->out->failed = h->out->failed || buf_failed(&clean) || buf_failed(&piece);
    buf_clear(&clean);
    buf_clear(&piece);
}

/* ---- dates and ids ---- */

void header_date(struct buf *out, const char *name, int64_t time_s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const int64_t last = 253402300799; /* the end of the year 9999 */
    time_t t = (time_t)(time_s < 0 ? 0 : time_s > last ? last : time_s);
    struct tm tm;

    gmtime_r(&t, &tm);
    buf_printf(out, "%s: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n", name,
               days + 3 * (size_t)tm.tm_wday, tm.tm_mday, months + 3 * (size_t)tm.tm_mon,
               tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

bool header_is_message_id(const char *id)
{
    size_t n = strnlen(id, HEADER_ID_MAX), i;

    if (n == 0 || n > HEADER_ID_MAX - 2)
        return false;
    for (i = 0; i < n; i++)
        if (id[i] <= ' ' || id[i] == 0x7f || id[i] == '<' || id[i] == '>')
            return false;
    return true;
}

void header_message_id(struct header *h, const char *id)
{
    char word[HEADER_ID_MAX + 1];

    if (!header_is_message_id(id))
        return;
    snprintf(word, sizeof word, "<%s>", id);
    put(h, word, strlen(word), 1);
}
