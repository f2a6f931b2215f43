/*
 * vcard_read: lines are unfolded, taken apart and given to a function each.
 *
 * One pass over the text; a line is copied once.  Works in the caller's arena; no data, no thread
 * of its own.  A crash loses the one mail.
 */
#include "mapping/card/vcard_read.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "mapping/mime/charset.h"
#include "mapping/text/text.h"
#include "mapping/mime/transfer_read.h"

enum {
    LINE_MAX_LEN = 8192, /* bytes of an unfolded line */
    PHOTO_LINE_MAX = VCARD_PHOTO_MAX / 3 * 4 + 1024
};

struct reading {
    struct arena *a;
    const char *at, *end; /* what is not read yet */
    struct buf line;      /* unfolded, with everything of a soft-broken value */
    size_t line_max;      /* bytes of it; the rest is left out */
    const char *charset;
    struct vcard *card;  /* the one being read; NULL: none */
    struct vcard **last; /* where the next one goes */
    size_t cards;
    unsigned inner;           /* cards that began in it: an AGENT of 2.1 */
    const char *nick, *whole; /* NICKNAME and ORG, where there is no other name */
};

/* One line: item1.EMAIL;TYPE=work:romeo@montague.example */
struct property {
    const char *name;   /* without group */
    const char *params; /* behind the first ";", "" for none */
    char *value;
};

/* ---- lines ---- */

/* The next physical line, without its end. */
static bool physical(struct reading *r, const char **line, size_t *len)
{
    const char *nl;

    if (r->at >= r->end)
        return false;
    nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
    *line = r->at;
    *len = (size_t)((nl ? nl : r->end) - r->at);
    r->at = nl ? nl + 1 : r->end;
    if (*len > 0 && (*line)[*len - 1] == '\r')
        --*len;
    return true;
}

static void add_piece(struct reading *r, const char *piece, size_t len)
{
    if (r->line.len < r->line_max)
        buf_add(&r->line, piece, len < r->line_max ? len : r->line_max);
}

static bool is_folded(const struct reading *r)
{
    return r->at < r->end && (*r->at == ' ' || *r->at == '\t');
}

static bool is_quoted_printable(const char *head)
{
    size_t n = strcspn(head, ":"), i;

    for (i = 0; i + 16 <= n; i++)
        if (strncasecmp(head + i, "QUOTED-PRINTABLE", 16) == 0)
            return true;
    return false;
}

/* A soft line break of 2.1: "=" at the end of a line of a quoted-printable value. */
static bool is_soft_broken(const struct reading *r)
{
    return r->line.len > 0 && r->line.data[r->line.len - 1] == '=' && r->at < r->end;
}

/* Of all properties only a photo may be long: PHOTO;..., item1.PHOTO:... */
static bool is_photo(const char *line, size_t len)
{
    size_t n = 0, start = 0;

    for (; n < len && n < 64 && line[n] != ':' && line[n] != ';'; n++)
        if (line[n] == '.' || line[n] == ' ' || line[n] == '\t')
            start = n + 1;
    return n - start == 5 && strncasecmp(line + start, "PHOTO", 5) == 0;
}

/* The next logical line into r->line.  false: there is none. */
static bool logical(struct reading *r)
{
    const char *piece;
    bool is_quoted;
    size_t len;

    buf_reset(&r->line);
    if (!physical(r, &piece, &len))
        return false;
    r->line_max = is_photo(piece, len) ? PHOTO_LINE_MAX : LINE_MAX_LEN;
    add_piece(r, piece, len);
    is_quoted = is_quoted_printable(r->line.data);
    for (;;) {
        if (is_quoted && is_soft_broken(r)) {
            buf_truncate(&r->line, r->line.len - 1);
            if (!physical(r, &piece, &len))
                break;
            add_piece(r, piece, len);
        } else if (is_folded(r)) {
            if (!physical(r, &piece, &len))
                break;
            add_piece(r, piece + 1, len - 1); /* a folded line is never empty: it has its blank */
        } else {
            break;
        }
    }
    return true;
}

/* ---- one line ---- */

/* The colon behind name and parameters; one inside quotes is a parameter's (RFC 6350 §3.3). */
static char *find_colon(char *line)
{
    bool is_quoted = false;

    for (; *line; line++) {
        if (*line == '"')
            is_quoted = !is_quoted;
        else if (*line == ':' && !is_quoted)
            return line;
    }
    return NULL;
}

/* Takes r->line apart, in place. */
static bool split(struct reading *r, struct property *p)
{
    char *line = r->line.data + strspn(r->line.data, " \t"), *colon, *semicolon;
    const char *dot;

    if (strlen(r->line.data) != r->line.len) /* a NUL */
        return false;
    colon = find_colon(line);
    if (!colon)
        return false;
    *colon = '\0';
    p->value = colon + 1;
    semicolon = strchr(line, ';');
    p->params = semicolon ? semicolon + 1 : "";
    if (semicolon)
        *semicolon = '\0';
    dot = strrchr(line, '.');
    p->name = dot ? dot + 1 : line;
    return true;
}

/* The value of NAME=value among the parameters, into out; "" when it is not there. */
static void find_param(const struct property *p, const char *name, char *out, size_t size)
{
    const char *at = p->params;
    size_t len = strlen(name);

    *out = '\0';
    while (*at) {
        size_t n = strcspn(at, ";");

        if (n > len && at[len] == '=' && strncasecmp(at, name, len) == 0) {
            const char *value = at + len + 1;
            size_t value_len = n - len - 1;

            if (value_len > 1 && *value == '"') {
                value++;
                value_len -= 2;
            }
            if (value_len < size) {
                memcpy(out, value, value_len);
                out[value_len] = '\0';
            }
            return;
        }
        at += n + (at[n] == ';');
    }
}

/* \n, \, and so on; a comma or semicolon of its own stays.  In place. */
static void unescape(char *text)
{
    char *out = text;

    for (; *text; text++) {
        if (*text != '\\' || text[1] == '\0') {
            *out++ = *text;
            continue;
        }
        text++;
        *out++ = (char)(*text == 'n' || *text == 'N' ? ' ' : *text);
    }
    *out = '\0';
}

/* The value as UTF-8 with its escapes; NULL when the arena is exhausted. */
static char *decode(struct reading *r, const struct property *p)
{
    const char *text = p->value, *utf8;
    size_t len = strlen(text);
    char charset[64];

    find_param(p, "CHARSET", charset, sizeof charset);
    if (is_quoted_printable(p->params))
        text = transfer_read(r->a, ENCODING_QUOTED, text, len, &len);
    if (!text)
        return NULL;
    utf8 = charset_read(r->a, *charset ? charset : r->charset, text, len);
    return arena_strdup(r->a, utf8);
}

static const char *one_line(struct reading *r, const char *text)
{
    return text_line(r->a, text, VCARD_TEXT_MAX);
}

/* ---- what a line means ---- */

static int set_text(struct reading *r, const char **field, char *value)
{
    unescape(value);
    *field = one_line(r, value);
    if (!*field)
        return -1;
    if (**field == '\0')
        *field = NULL;
    return 0;
}

static int read_fn(struct reading *r, char *value)
{
    return set_text(r, &r->card->name, value);
}

static int read_nickname(struct reading *r, char *value)
{
    return r->nick ? 0 : set_text(r, &r->nick, value);
}

/* A list of words with a separator before which a backslash may stand: the end of the first. */
static char *word_end(char *at, char separator)
{
    for (; *at && *at != separator; at++)
        if (*at == '\\' && at[1])
            at++;
    return at;
}

/* Family;Given;Additional;Prefixes;Suffixes: for people, given before family. */
static int read_n(struct reading *r, char *value)
{
    const char *parts[2] = {"", ""};
    size_t i;

    if (r->whole)
        return 0;
    for (i = 0; i < 2; i++) {
        char *end = word_end(value, ';');
        bool is_last = *end == '\0';

        *end = '\0';
        unescape(value);
        parts[i] = value;
        if (is_last)
            break;
        value = end + 1;
    }
    value = arena_printf(r->a, "%s %s", parts[1], parts[0]);
    r->whole = value ? one_line(r, value) : NULL;
    if (!r->whole)
        return -1;
    if (*r->whole == '\0')
        r->whole = NULL;
    return 0;
}

static int read_org(struct reading *r, char *value)
{
    *word_end(value, ';') = '\0';
    return r->nick ? 0 : set_text(r, &r->nick, value);
}

static int add_address(struct reading *r, const char **list, size_t *count, const char *address)
{
    const char *copy;

    if (*count >= VCARD_ADDRESSES_MAX || strlen(address) > 3071)
        return 0;
    copy = text_line(r->a, address, 3071);
    if (!copy)
        return -1;
    if (*copy)
        list[(*count)++] = copy;
    return 0;
}

static int read_email(struct reading *r, char *value)
{
    unescape(value);
    if (strncasecmp(value, "mailto:", 7) == 0)
        value += 7;
    return add_address(r, r->card->mails, &r->card->mail_count, value);
}

/* %40 and so on of a URI, in place; what would be a control or NUL stays as it is. */
static void unpercent(char *text)
{
    static const char hex[] = "0123456789abcdef0123456789ABCDEF";
    char *out = text;

    for (; *text; text++) {
        const char *high = *text == '%' && text[1] ? strchr(hex, text[1]) : NULL;
        const char *low = high && text[2] ? strchr(hex, text[2]) : NULL;
        int c = low ? (int)((high - hex) % 16 * 16 + (low - hex) % 16) : 0;

        if (c > ' ' && c != 0x7f) {
            *out++ = (char)c;
            text += 2;
        } else {
            *out++ = *text;
        }
    }
    *out = '\0';
}

/* RFC 4770, RFC 5122: xmpp:node@domain/resource?query */
static int read_impp(struct reading *r, char *value)
{
    unescape(value);
    value += strspn(value, " ");
    if (strncasecmp(value, "xmpp:", 5) != 0 && strncasecmp(value, "jabber:", 7) != 0)
        return 0;
    value = strchr(value, ':') + 1;
    if (strncmp(value, "//", 2) == 0) { /* an account to log in with stands first */
        value += 2;
        if (strchr(value, '/'))
            value = strchr(value, '/') + 1;
    }
    value[strcspn(value, "?#")] = '\0';
    unpercent(value);
    return add_address(r, r->card->jids, &r->card->jid_count, value);
}

static int read_jabber(struct reading *r, char *value)
{
    if (strncasecmp(value, "xmpp:", 5) == 0)
        return read_impp(r, value);
    unescape(value);
    return add_address(r, r->card->jids, &r->card->jid_count, value);
}

static int read_categories(struct reading *r, char *value)
{
    struct vcard *c = r->card;
    bool is_last = false;

    while (!is_last && c->group_count < VCARD_GROUPS_MAX) {
        char *end = word_end(value, ',');
        const char *group;

        is_last = *end == '\0';
        *end = '\0';
        unescape(value);
        group = one_line(r, value);
        if (!group)
            return -1;
        if (*group)
            c->groups[c->group_count++] = group;
        value = end + 1;
    }
    return 0;
}

const char *vcard_image_type(const char *p, size_t len)
{
    if (len >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (len >= 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    if (len >= 6 && (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0))
        return "image/gif";
    if (len >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
        return "image/webp";
    return NULL;
}

/* Base64 in the card itself, or as a data: URI (RFC 2397) with or without escapes; a photo that
 * lies elsewhere is not fetched. */
static int read_photo(struct reading *r, char *value)
{
    struct vcard *c = r->card;
    const char *data = value, *type;
    size_t len;

    if (c->photo || r->line.len >= PHOTO_LINE_MAX)
        return 0;
    if (strncasecmp(data, "data:", 5) == 0) {
        data = strchr(data, ',');
        if (!data)
            return 0;
        data++;
    }
    data = transfer_read(r->a, ENCODING_BASE64, data, strlen(data), &len);
    if (!data)
        return -1;
    type = vcard_image_type(data, len);
    if (!type || len > VCARD_PHOTO_MAX)
        return 0;
    c->photo = data;
    c->photo_len = len;
    c->photo_type = type;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct reading *r, char *value);
} properties[] = {
    {"FN", read_fn},
    {"N", read_n},
    {"NICKNAME", read_nickname},
    {"ORG", read_org},
    {"EMAIL", read_email},
    {"IMPP", read_impp},
    {"X-JABBER", read_jabber},
    {"X-GTALK", read_jabber},
    {"JABBERID", read_jabber},
    {"CATEGORIES", read_categories},
    {"PHOTO", read_photo},
};

static int read_property(struct reading *r, const struct property *p)
{
    size_t i;

    for (i = 0; i < sizeof properties / sizeof *properties; i++)
        if (strcasecmp(p->name, properties[i].name) == 0) {
            char *value = decode(r, p);

            return value ? properties[i].read(r, value) : -1;
        }
    return 0;
}

/* ---- cards ---- */

static int begin(struct reading *r)
{
    if (r->card) {
        r->inner++;
        return 0;
    }
    if (r->cards >= VCARD_CARDS_MAX) {
        r->at = r->end;
        return 0;
    }
    r->card = arena_alloc(r->a, sizeof *r->card);
    r->nick = r->whole = NULL;
    r->inner = 0;
    return r->card ? 0 : -1;
}

/* A card without an end (a cut file) is none: what it names may be cut, too. */
static void finish(struct reading *r)
{
    if (!r->card)
        return;
    if (r->inner > 0) {
        r->inner--;
        return;
    }
    if (!r->card->name)
        r->card->name = r->whole ? r->whole : r->nick;
    *r->last = r->card;
    r->last = &r->card->next;
    r->card = NULL;
    r->cards++;
}

static int read_line(struct reading *r)
{
    struct property p;

    if (buf_failed(&r->line))
        return -1;
    if (!split(r, &p))
        return 0;
    if (strcasecmp(p.name, "BEGIN") == 0)
        return strncasecmp(p.value + strspn(p.value, " "), "VCARD", 5) == 0 ? begin(r) : 0;
    if (strcasecmp(p.name, "END") == 0) {
        if (strncasecmp(p.value + strspn(p.value, " "), "VCARD", 5) == 0)
            finish(r);
        return 0;
    }
    return r->card && r->inner == 0 ? read_property(r, &p) : 0;
}

int vcard_read(struct arena *a, const char *charset, const char *data, size_t len,
               struct vcard **out)
{
    struct reading r = {.a = a, .at = data, .charset = charset, .last = out};
    int result = 0;

    *out = NULL;
    r.end = data + (len < VCARD_SIZE_MAX ? len : VCARD_SIZE_MAX);
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    buf_init(&r.line, 2 * PHOTO_LINE_MAX + 16);
    while (result == 0 && logical(&r))
        result = read_line(&r);
    arena_blame(a, &r.line);
    buf_clear(&r.line);
    return result;
}
