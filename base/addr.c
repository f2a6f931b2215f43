/*
 * addr: reading, checking and writing mail addresses.  Owns no data; strings go to the caller's
 * arena.  Any thread.
 *
 * Whatever passes here goes into SMTP commands and message headers as it stands, so controls never
 * pass, in no form: not quoted, not as UTF-8's C1 controls or line separators.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

enum { LABEL_MAX = 63, NAME_MAX_LEN = 253, LITERAL_PREFIX = 5 /* "IPv6:" */ };

/* RFC 5322 §3.2.3 atext, and UTF-8 (RFC 6531 §3.3) */
static bool is_atext(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_dot_string(const char *local)
{
    char before = '.';

    for (; *local; before = *local++)
        if (*local == '.' ? before == '.' : !is_atext((unsigned char)*local))
            return false;
    return before != '.';
}

/* U+2028 and U+2029 end lines for some; C1 has NEL; what XML cannot hold could not become a JID. */
static bool is_forbidden(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
           !utf8_is_xml(cp);
}

/* Of an unquoted local part. */
static int check_local(const char *local, struct err *e)
{
    size_t len = strlen(local);

    if (len == 0)
        return err_set(e, ERR_PERMANENT, "there is nothing before the @");
    if (len > ADDR_PATH_MAX)
        return err_set(e, ERR_PERMANENT, "the address is longer than %d octets", ADDR_PATH_MAX);
    while (len > 0) {
        uint32_t cp;
        size_t n = utf8_sequence(local, len, &cp);

        if (n == 0)
            return err_set(e, ERR_PERMANENT, "the part before the @ is not UTF-8");
        if (is_forbidden(cp))
            return err_set(e, ERR_PERMANENT, "the character U+%04X may not stand in an address",
                           (unsigned)cp);
        local += n;
        len -= n;
    }
    return 0;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3), written in one way. */
static int literal(struct arena *a, const char *text, size_t len, const char **out, struct err *e)
{
    unsigned char raw[16];
    char inner[LITERAL_PREFIX + INET6_ADDRSTRLEN];
    bool is_v6;

    if (len > 2 && text[len - 1] == ']' && len - 2 < sizeof inner) {
        memcpy(inner, text + 1, len - 2);
        inner[len - 2] = '\0';
        is_v6 = strncasecmp(inner, "IPv6:", LITERAL_PREFIX) == 0;
        if (inet_pton(is_v6 ? AF_INET6 : AF_INET, is_v6 ? inner + LITERAL_PREFIX : inner, raw) ==
            1) {
            char canonical[INET6_ADDRSTRLEN];

            if (!inet_ntop(is_v6 ? AF_INET6 : AF_INET, raw, canonical, sizeof canonical))
                return err_set(e, ERR_BUG, "an address cannot be written");
            *out = arena_printf(a, "[%s%s]", is_v6 ? "IPv6:" : "", canonical);
            return *out ? 0 : err_memory(e);
        }
    }
    return err_set(e, ERR_PERMANENT,
                   "the address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]");
}

/* LDH labels, and the underscore that some hosts have; A-labels are not looked into: names
 * registered under IDNA 2003 are in use. */
static int check_labels(const char *domain, struct err *e)
{
    for (;;) {
        size_t i, len = strcspn(domain, ".");

        if (len == 0)
            return err_set(e, ERR_PERMANENT, "the domain is empty or has an empty label");
        if (len > LABEL_MAX)
            return err_set(e, ERR_PERMANENT, "a label of the domain is longer than %d characters",
                           LABEL_MAX);
        if (domain[0] == '-' || domain[len - 1] == '-')
            return err_set(e, ERR_PERMANENT, "a label of the domain begins or ends with a hyphen");
        for (i = 0; i < len; i++) {
            char c = domain[i];

            if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
                return err_set(e, ERR_PERMANENT, "the domain has a character that no domain has");
        }
        if (domain[len] == '\0')
            return 0;
        domain += len + 1;
    }
}

/* The A-labels of a name that is not ASCII, as heap memory of libidn2's. */
static int to_ascii(const char *name, char **out, struct err *e)
{
    uint8_t *result = NULL;
    int rc;

    if (!utf8_is_valid(name, strlen(name)))
        return err_set(e, ERR_PERMANENT, "the domain is not UTF-8");
    rc = idn2_lookup_u8((const uint8_t *)name, &result, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc == IDN2_MALLOC)
        return err_memory(e);
    if (rc != IDN2_OK)
        return err_set(e, ERR_PERMANENT, "the domain is no internationalized domain name: %s",
                       idn2_strerror(rc));
    *out = (char *)result;
    return 0;
}

/* len is at most ADDR_DOMAIN_MAX + 1. */
static int ascii_name(struct arena *a, const char *name, const char **out, struct err *e)
{
    char *copy = arena_strdup(a, name), *p;
    size_t len;

    if (!copy)
        return err_memory(e);
    len = strlen(copy);
    if (len > 0 && copy[len - 1] == '.')
        copy[--len] = '\0';
    if (len > NAME_MAX_LEN)
        return err_set(e, ERR_PERMANENT, "the domain is longer than %d characters", NAME_MAX_LEN);
    for (p = copy; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    *out = copy;
    return check_labels(copy, e);
}

static int read_domain(struct arena *a, const char *text, size_t len, const char **out,
                       struct err *e)
{
    char name[2 * ADDR_DOMAIN_MAX + 1], *converted = NULL;
    int rc;

    if (len == 0)
        return err_set(e, ERR_PERMANENT, "the domain is missing");
    if (len >= sizeof name) /* U-labels may be longer than their A-labels */
        return err_set(e, ERR_PERMANENT, "the domain is longer than %d characters", NAME_MAX_LEN);
    memcpy(name, text, len);
    name[len] = '\0';
    if (utf8_is_ascii(name, len))
        return ascii_name(a, name, out, e);
    if (to_ascii(name, &converted, e) < 0)
        return -1;
    rc = ascii_name(a, converted, out, e);
    idn2_free(converted);
    return rc;
}

int addr_domain(struct arena *a, const char *domain, const char **out, struct err *e)
{
    return read_domain(a, domain, strlen(domain), out, e);
}

static size_t written_len(const char *local)
{
    size_t len = 2; /* the quotes */

    if (is_dot_string(local))
        return strlen(local);
    for (; *local; local++)
        len += *local == '"' || *local == '\\' ? 2 : 1;
    return len;
}

/* local is in the arena already. */
static int complete(struct arena *a, const char *local, const char *domain, size_t domain_len,
                    struct addr *out, struct err *e)
{
    if (check_local(local, e) < 0)
        return -1;
    out->local = local;
    if (domain_len > 0 && domain[0] == '[') {
        if (literal(a, domain, domain_len, &out->domain, e) < 0)
            return -1;
    } else if (read_domain(a, domain, domain_len, &out->domain, e) < 0) {
        return -1;
    }
    if (written_len(local) + 1 + strlen(out->domain) > ADDR_PATH_MAX)
        return err_set(e, ERR_PERMANENT, "the address is longer than %d octets", ADDR_PATH_MAX);
    return 0;
}

int addr_from_parts(struct arena *a, const char *local, const char *domain, struct addr *out,
                    struct err *e)
{
    char *copy;

    memset(out, 0, sizeof *out);
    if (strlen(local) > ADDR_PATH_MAX)
        return err_set(e, ERR_PERMANENT, "the address is longer than %d octets", ADDR_PATH_MAX);
    copy = arena_strdup(a, local);
    if (!copy)
        return err_memory(e);
    return complete(a, copy, domain, strlen(domain), out, e);
}

/* Unquotes the quoted string at text; returns what it holds, *rest_out is behind the closing quote.
 */
static char *unquote(struct arena *a, const char *text, size_t len, size_t *used_out, struct err *e)
{
    char *local = arena_alloc(a, len + 1);
    size_t i, o = 0;

    if (!local) {
        err_memory(e);
        return NULL;
    }
    for (i = 1; i < len && text[i] != '"'; i++) {
        if (text[i] == '\\' && ++i == len)
            break;
        local[o++] = text[i];
    }
    if (i >= len) {
        err_set(e, ERR_PERMANENT, "a closing quote is missing");
        return NULL;
    }
    *used_out = i + 1;
    return local;
}

static char *read_dot_string(struct arena *a, const char *text, size_t len, size_t *used_out,
                             struct err *e)
{
    const char *at = memchr(text, '@', len);
    size_t i, n = at ? (size_t)(at - text) : len;
    char *local;

    for (i = 0; i < n; i++)
        if (text[i] != '.' && !is_atext((unsigned char)text[i])) {
            unsigned char c = (unsigned char)text[i];

            if (c > 0x20 && c < 0x7f)
                err_set(e, ERR_PERMANENT, "%c may not stand before the @ without quotes", c);
            else
                err_set(e, ERR_PERMANENT, "%s may not stand before the @ %s",
                        c == ' ' ? "a space" : "a control character",
                        c == ' ' ? "without quotes" : "at all");
            return NULL;
        }
    local = arena_strndup(a, text, n);
    if (!local) {
        err_memory(e);
        return NULL;
    }
    if (n > 0 && !is_dot_string(local)) {
        err_set(e, ERR_PERMANENT,
                "a dot may not begin or end the part before the @ nor follow another one");
        return NULL;
    }
    *used_out = n;
    return local;
}

int addr_parse(struct arena *a, const char *text, struct addr *out, struct err *e)
{
    size_t used = 0, len;
    char *local;

    memset(out, 0, sizeof *out);
    text += strspn(text, " \t");
    len = strlen(text);
    while (len > 0 && strchr(" \t", text[len - 1]))
        len--;
    if (len > 0 && text[0] == '<') {
        if (text[len - 1] != '>')
            return err_set(e, ERR_PERMANENT, "the closing > is missing");
        text++;
        len -= len > 1 ? 2 : 1;
    }
    if (len == 0)
        return err_set(e, ERR_PERMANENT, "there is no address");
    if (len > 4 * ADDR_PATH_MAX)
        return err_set(e, ERR_PERMANENT, "the address is longer than %d octets", ADDR_PATH_MAX);
    if (text[0] == '@' && memchr(text, ':', len))
        return err_set(e, ERR_PERMANENT, "source routes are not understood");
    local =
        text[0] == '"' ? unquote(a, text, len, &used, e) : read_dot_string(a, text, len, &used, e);
    if (!local)
        return -1;
    if (used == len || text[used] != '@')
        return err_set(e, ERR_PERMANENT, "%s",
                       used == len ? "there is no @" : "there is no @ behind the closing quote");
    return complete(a, local, text + used + 1, len - used - 1, out, e);
}

void addr_write(struct buf *out, const struct addr *addr)
{
    const char *p;

    if (is_dot_string(addr->local)) {
        buf_adds(out, addr->local);
    } else {
        buf_addc(out, '"');
        for (p = addr->local; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_addc(out, '\\');
            buf_addc(out, *p);
        }
        buf_addc(out, '"');
    }
    buf_addc(out, '@');
    buf_adds(out, addr->domain);
}

const char *addr_text(struct arena *a, const struct addr *addr)
{
    struct buf b;
    const char *text;

    buf_init(&b, 2 * ADDR_PATH_MAX + ADDR_DOMAIN_MAX);
    addr_write(&b, addr);
    text = buf_failed(&b) ? NULL : arena_strdup(a, b.data);
    buf_clear(&b);
    return text;
}

bool addr_is_ascii(const struct addr *addr)
{
    return utf8_is_ascii(addr->local, strlen(addr->local));
}

bool addr_is_same(const struct addr *a, const struct addr *b)
{
    return strcasecmp(a->domain, b->domain) == 0 && strcmp(a->local, b->local) == 0;
}

const char *addr_domain_unicode(struct arena *a, const char *domain)
{
    const char *text, *back;
    char *unicode = NULL;
    struct err e = {0};

    if (!strstr(domain, "xn--"))
        return domain;
    if (idn2_to_unicode_8z8z(domain, &unicode, 0) != IDN2_OK)
        return domain;
    text = arena_strdup(a, unicode);
    idn2_free(unicode);
    if (!text)
        return NULL;
    if (addr_domain(a, text, &back, &e) < 0)
        return e.class == ERR_RETRY ? NULL : domain;
    return strcmp(back, domain) == 0 ? text : domain;
}
