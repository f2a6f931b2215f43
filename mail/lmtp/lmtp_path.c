/*
 * lmtp_path: paths and parameters of MAIL and RCPT.
 *
 * A path is cut off first, with its quotes understood, and given to base/addr; then each parameter
 * finds its row in a table.  No data; any thread.
 */
#include "mail/lmtp/lmtp_path.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static int no(struct lmtp_reply *out, int code, const char *enhanced, const char *text)
{
    *out = (struct lmtp_reply){code, enhanced, text};
    return -1;
}

static int no_memory(struct lmtp_reply *out)
{
    return no(out, 451, "4.3.0", "out of memory, try again later");
}

/* ---- the path ---- */

/* "<...>" at text; *rest_out is behind the closing bracket, the result what stands inside. */
static char *cut_path(struct arena *a, const char *text, const char **rest_out,
                      struct lmtp_reply *no_out)
{
    bool is_quoted = false;
    const char *p;
    char *inside;

    if (*text != '<') {
        no(no_out, 501, "5.5.4", "the path begins with < right behind the colon");
        return NULL;
    }
    for (p = text + 1; *p && (is_quoted || *p != '>'); p++) {
        if (*p == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && *p == '\\' && p[1])
            p++;
    }
    if (*p != '>' || (p[1] && p[1] != ' ')) {
        no(no_out, 501, "5.5.4", *p ? "a space belongs behind the path" : "the path has no end");
        return NULL;
    }
    inside = arena_strndup(a, text + 1, (size_t)(p - text) - 1);
    if (!inside)
        no_memory(no_out);
    *rest_out = p + 1;
    return inside;
}

/* base/addr bears spaces and brackets round an address; a path has none. */
static bool is_bare(const char *inside)
{
    size_t len = strlen(inside);

    return len > 0 && inside[0] != ' ' && inside[0] != '<' && inside[len - 1] != ' ';
}

static int read_address(struct arena *a, const char *inside, bool is_sender, struct addr *out,
                        struct lmtp_reply *no_out)
{
    const char *bad = is_sender ? "5.1.7" : "5.1.3";
    struct err e;

    if (inside[0] == '@')
        return no(no_out, 550, "5.7.1", "source routes are not followed");
    if (!is_bare(inside))
        return no(no_out, 501, bad, "a path holds an address and nothing else");
    if (addr_parse(a, inside, out, &e) == 0)
        return 0;
    if (e.class != ERR_PERMANENT)
        return no_memory(no_out);
    return no(no_out, 553, bad, arena_strdup(a, e.text));
}

/* RFC 6531 §3.4: without SMTPUTF8 both sides of the @ are ASCII. */
static int check_ascii(const char *inside, bool is_utf8, struct lmtp_reply *no_out)
{
    if (is_utf8 || utf8_is_ascii(inside, strlen(inside)))
        return 0;
    return no(no_out, 553, "5.6.7", "an address that is not ASCII needs SMTPUTF8");
}

/* ---- parameters ---- */

struct reading {
    struct arena *a;
    int64_t size_max;
    struct lmtp_sender *sender;
    struct lmtp_recipient *recipient;
    struct lmtp_reply *no;
};

struct parameter {
    const char *name;
    bool has_value;
    int (*read)(struct reading *r, const char *value);
};

/* Digits and nothing else; what is too large for a number is larger than any limit. */
static int read_number(const char *text, size_t digits_max, int64_t *out)
{
    size_t n = strspn(text, "0123456789");

    if (n == 0 || n > digits_max || text[n])
        return -1;
    *out = n > 18 ? INT64_MAX : strtoll(text, NULL, 10);
    return 0;
}

static int read_size(struct reading *r, const char *value)
{
    if (read_number(value, 20, &r->sender->size) < 0)
        return no(r->no, 501, "5.5.4", "SIZE is a number of bytes");
    if (r->sender->size > r->size_max)
        return no(r->no, 552, "5.3.4", "the mail is too large");
    return 0;
}

static int read_body(struct reading *r, const char *value)
{
    if (strcasecmp(value, "7BIT") != 0 && strcasecmp(value, "8BITMIME") != 0)
        return no(r->no, 501, "5.5.4", "BODY is 7BIT or 8BITMIME");
    return 0;
}

static int read_utf8(struct reading *r, const char *value)
{
    (void)value;
    r->sender->is_utf8 = true;
    return 0;
}

static int read_ret(struct reading *r, const char *value)
{
    if (strcasecmp(value, "FULL") == 0)
        r->sender->ret = LMTP_RET_FULL;
    else if (strcasecmp(value, "HDRS") == 0)
        r->sender->ret = LMTP_RET_HDRS;
    else
        return no(r->no, 501, "5.5.4", "RET is FULL or HDRS");
    return 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3461 §4: undone.  `wrong` is said to what is no xtext, or hides what may not stand in a field
 * of a report. */
static int decode_xtext(struct reading *r, const char *text, const char *wrong, const char **out)
{
    char *p = arena_alloc(r->a, strlen(text) + 1);

    if (!p)
        return no_memory(r->no);
    for (*out = p; *text; text++) {
        int c = (unsigned char)*text;

        if (c == '+') {
            int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

            if (low < 0)
                return no(r->no, 501, "5.5.4", wrong);
            c = high * 16 + low;
            text += 2;
        } else if (c == '=' || c <= ' ') {
            return no(r->no, 501, "5.5.4", wrong);
        }
        if (c < ' ' || c > '~')
            return no(r->no, 501, "5.5.4", wrong);
        *p++ = (char)c;
    }
    return 0;
}

static int read_envid(struct reading *r, const char *value)
{
    static const char wrong[] = "ENVID is no xtext of printable characters";

    if (strlen(value) > LMTP_ENVID_MAX)
        return no(r->no, 501, "5.5.4", "ENVID is longer than 100 characters");
    if (!*value)
        return no(r->no, 501, "5.5.4", wrong);
    return decode_xtext(r, value, wrong, &r->sender->envelope_id);
}

/* by-time ";" by-mode [ by-trace ] */
static int read_by(struct reading *r, const char *value)
{
    static const char expected[] = "BY is seconds;R or seconds;N, and perhaps T";
    bool is_negative = *value == '-';
    const char *mode = strchr(value, ';');
    char *digits;

    value += *value == '-' || *value == '+';
    if (!mode || mode < value)
        return no(r->no, 501, "5.5.4", expected);
    digits = arena_strndup(r->a, value, (size_t)(mode - value));
    if (!digits)
        return no_memory(r->no);
    if (read_number(digits, 9, &r->sender->by_s) < 0)
        return no(r->no, 501, "5.5.4", expected);
    if (is_negative)
        r->sender->by_s = -r->sender->by_s;
    r->sender->by = mode[1] == 'R' || mode[1] == 'r'   ? LMTP_BY_RETURN
                    : mode[1] == 'N' || mode[1] == 'n' ? LMTP_BY_NOTIFY
                                                       : LMTP_BY_NONE;
    r->sender->by_trace = mode[1] && (mode[2] == 'T' || mode[2] == 't');
    if (r->sender->by == LMTP_BY_NONE || mode[2 + r->sender->by_trace])
        return no(r->no, 501, "5.5.4", expected);
    if (r->sender->by != LMTP_BY_RETURN)
        return 0;
    if (r->sender->by_s <= 0)
        return no(r->no, 501, "5.5.4", "a time that is over cannot be kept (BY with R)");
    if (r->sender->by_s < LMTP_BY_MIN_S)
        return no(r->no, 554, "5.4.7", "the time of BY is shorter than what is announced");
    return 0;
}

static int read_notify(struct reading *r, const char *value)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"SUCCESS", LMTP_NOTIFY_SUCCESS},
                 {"FAILURE", LMTP_NOTIFY_FAILURE},
                 {"DELAY", LMTP_NOTIFY_DELAY},
                 {"NEVER", LMTP_NOTIFY_NEVER}};
    unsigned bits = 0;
    size_t i, n;

    for (;; value += n + 1) {
        n = strcspn(value, ",");
        for (i = 0; i < 4; i++)
            if (strlen(words[i].word) == n && strncasecmp(words[i].word, value, n) == 0)
                break;
        if (i == 4 || (bits & words[i].bit) || (bits & LMTP_NOTIFY_NEVER) ||
            (bits && words[i].bit == LMTP_NOTIFY_NEVER))
            return no(r->no, 501, "5.5.4", "NOTIFY is NEVER, or a list of SUCCESS,FAILURE,DELAY");
        bits |= words[i].bit;
        if (!value[n])
            break;
    }
    r->recipient->notify = bits;
    return 0;
}

/* addr-type ";" xtext; of type utf-8 (RFC 6533 §3) as it stands, for a report writes it so. */
static int read_orcpt(struct reading *r, const char *value)
{
    static const char wrong[] = "ORCPT is a type, a semicolon and an address in xtext";
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    bool is_utf8 = n == 5 && strncasecmp(value, "utf-8", 5) == 0;
    const char *address = value + n + 1;

    if (n == 0 || value[n] != ';' || !*address || strlen(value) > LMTP_ORCPT_MAX)
        return no(r->no, 501, "5.5.4", wrong);
    if (!is_utf8 && decode_xtext(r, address, wrong, &address) < 0)
        return -1;
    if (!utf8_is_valid(address, strlen(address)))
        return no(r->no, 501, "5.5.4", wrong);
    r->recipient->original = arena_printf(r->a, "%.*s;%s", (int)n, value, address);
    return r->recipient->original ? 0 : no_memory(r->no);
}

static const struct parameter sender_parameters[] = {
    {"SIZE", true, read_size}, {"BODY", true, read_body},   {"SMTPUTF8", false, read_utf8},
    {"RET", true, read_ret},   {"ENVID", true, read_envid}, {"BY", true, read_by},
};

static const struct parameter recipient_parameters[] = {
    {"NOTIFY", true, read_notify},
    {"ORCPT", true, read_orcpt},
};

static size_t find_parameter(const struct parameter *list, size_t count, const char *name,
                             size_t len)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strlen(list[i].name) == len && strncasecmp(list[i].name, name, len) == 0)
            return i;
    return count;
}

/* text: " KEY=VALUE KEY ..." */
static int read_parameters(struct reading *r, const struct parameter *list, size_t count,
                           const char *text)
{
    unsigned seen = 0;

    while (*text) {
        size_t len, name, i;
        char *value;

        text++; /* the space */
        len = strcspn(text, " ");
        name = strcspn(text, "= ");
        if (len == 0)
            return no(r->no, 501, "5.5.4", "one space, and no more, stands before a parameter");
        i = find_parameter(list, count, text, name);
        if (i == count)
            return no(r->no, 555, "5.5.4", "a parameter is not known here");
        if (seen & 1U << i)
            return no(r->no, 501, "5.5.4", "a parameter is there twice");
        seen |= 1U << i;
        if ((name < len) != list[i].has_value)
            return no(r->no, 501, "5.5.4", "a parameter lacks its value, or has one");
        value = arena_strndup(r->a, text + name + (name < len), len - name - (name < len));
        if (!value)
            return no_memory(r->no);
        if (list[i].read(r, value) < 0)
            return -1;
        text += len;
    }
    return 0;
}

/* ---- the two ---- */

int lmtp_path_sender(struct arena *a, const char *text, int64_t size_max, struct lmtp_sender *out,
                     struct lmtp_reply *no_out)
{
    struct reading r = {.a = a, .size_max = size_max, .sender = out, .no = no_out};
    const char *rest, *inside = cut_path(a, text, &rest, no_out);
    struct addr addr;

    memset(out, 0, sizeof *out);
    out->size = -1;
    out->path = "";
    if (!inside ||
        read_parameters(&r, sender_parameters,
                        sizeof sender_parameters / sizeof sender_parameters[0], rest) < 0)
        return -1;
    if (!*inside)
        return 0;
    if (check_ascii(inside, out->is_utf8, no_out) < 0 ||
        read_address(a, inside, true, &addr, no_out) < 0)
        return -1;
    out->path = addr_text(a, &addr);
    return out->path ? 0 : no_memory(no_out);
}

int lmtp_path_recipient(struct arena *a, const char *text, bool is_utf8, const char *own_domain,
                        struct lmtp_recipient *out, struct lmtp_reply *no_out)
{
    struct reading r = {.a = a, .recipient = out, .no = no_out};
    const char *rest, *inside = cut_path(a, text, &rest, no_out);

    memset(out, 0, sizeof *out);
    if (!inside ||
        read_parameters(&r, recipient_parameters,
                        sizeof recipient_parameters / sizeof recipient_parameters[0], rest) < 0)
        return -1;
    if (!*inside)
        return no(no_out, 501, "5.1.3", "the null path receives nothing");
    if (strcasecmp(inside, "postmaster") == 0) { /* RFC 5321 §4.1.1.3 */
        inside = arena_printf(a, "postmaster@%s", own_domain);
        if (!inside)
            return no_memory(no_out);
    }
    if (check_ascii(inside, is_utf8, no_out) < 0 ||
        read_address(a, inside, false, &out->addr, no_out) < 0)
        return -1;
    /* What other MTAs may take for a route: never written by us, nobody's address here. */
    if (strpbrk(out->addr.local, "%!"))
        return no(no_out, 550, "5.7.1", "addresses with % or ! are not relayed");
    out->text = addr_text(a, &out->addr);
    return out->text ? 0 : no_memory(no_out);
}
