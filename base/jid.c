/*
 * jid: preparing Jabber identifiers with libidn's stringprep, and XEP-0106 escaping.  Owns no data;
 * strings go to the caller's arena.  Any thread.
 *
 * libidn wants well-formed UTF-8, so that is checked first.  Nameprep alone lets ASCII spaces and
 * controls pass, so what may stand in a domain is checked by us (RFC 6122 §2.2, STD 3) after it.
 * Code points newer than Unicode 3.2 are let through: a host server accepted them before we see
 * them.
 */
#include "base/jid.h"

#include <arpa/inet.h>
#include <idn-free.h>
#include <idna.h>
#include <stringprep.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

enum { PART_MAX = 1023 };

struct kind {
    const char *name;
    const Stringprep_profile *profile;
};

static const struct kind node_kind = {"node", stringprep_xmpp_nodeprep};
static const struct kind domain_kind = {"domain", stringprep_nameprep};
static const struct kind resource_kind = {"resource", stringprep_xmpp_resourceprep};

static int check_raw(const char *text, size_t len, const struct kind *kind, struct err *e)
{
    if (len == 0)
        return err_set(e, ERR_PERMANENT, "the %s of the JID is empty", kind->name);
    if (len > PART_MAX)
        return err_set(e, ERR_PERMANENT, "the %s of the JID is longer than %d bytes", kind->name,
                       PART_MAX);
    if (!utf8_is_valid(text, len))
        return err_set(e, ERR_PERMANENT, "the %s of the JID is not UTF-8", kind->name);
    return 0;
}

/* Runs the profile over the text in buf (PART_MAX + 1 bytes). */
static int run_profile(char *buf, const struct kind *kind, struct err *e)
{
    int rc = stringprep(buf, PART_MAX + 1, 0, kind->profile);

    if (rc == STRINGPREP_MALLOC_ERROR)
        return err_memory(e);
    if (rc == STRINGPREP_TOO_SMALL_BUFFER)
        return err_set(e, ERR_PERMANENT, "the %s of the JID is longer than %d bytes", kind->name,
                       PART_MAX);
    if (rc != STRINGPREP_OK)
        return err_set(e, ERR_PERMANENT, "the %s of the JID may not be so written: %s", kind->name,
                       stringprep_strerror((Stringprep_rc)rc));
    if (buf[0] == '\0')
        return err_set(e, ERR_PERMANENT, "the %s of the JID is empty once prepared", kind->name);
    return 0;
}

static void lower_ascii(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
}

/* Nodeprep and Resourceprep of pure ASCII without libidn: nearly every JID there is. */
static int prep_ascii(char *buf, const struct kind *kind, struct err *e)
{
    bool is_node = kind == &node_kind;
    const char *p;

    for (p = buf; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < 0x20 || c == 0x7f)
            return err_set(e, ERR_PERMANENT, "a control character in the %s of the JID",
                           kind->name);
        if (is_node && strchr(" \"&'/:<>@", c))
            return err_set(e, ERR_PERMANENT, "\"%c\" may not stand in the %s of a JID", c,
                           kind->name);
    }
    if (is_node)
        lower_ascii(buf);
    return 0;
}

static int prep(struct arena *a, const char *text, size_t len, const struct kind *kind,
                const char **out, struct err *e)
{
    char buf[PART_MAX + 1];

    if (check_raw(text, len, kind, e) < 0)
        return -1;
    memcpy(buf, text, len);
    buf[len] = '\0';
    if (utf8_is_ascii(buf, len) ? prep_ascii(buf, kind, e) < 0 : run_profile(buf, kind, e) < 0)
        return -1;
    *out = arena_strdup(a, buf);
    return *out ? 0 : err_memory(e);
}

/* "[::1]" (RFC 6122 §2.2, IP-literal) */
static int check_literal(const char *domain, size_t len, struct err *e)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (len > 2 && domain[len - 1] == ']' && len - 2 < sizeof text) {
        memcpy(text, domain + 1, len - 2);
        text[len - 2] = '\0';
        if (inet_pton(AF_INET6, text, &addr) == 1)
            return 0;
    }
    return err_set(e, ERR_PERMANENT, "the domain of the JID is no IPv6 address in brackets");
}

static int check_label(const char *label, size_t len, struct err *e)
{
    size_t i;

    if (len == 0)
        return err_set(e, ERR_PERMANENT, "the domain of the JID has an empty label");
    if (label[0] == '-' || label[len - 1] == '-')
        return err_set(e, ERR_PERMANENT,
                       "a label of the JID's domain begins or ends with a hyphen");
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)label[i];

        if (c < 0x80 && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return err_set(e, ERR_PERMANENT,
                           "the domain of the JID has a character that no domain has");
    }
    if (len > 63 &&
        utf8_is_ascii(label, len)) /* others: ToASCII looks at the length of the A-label */
        return err_set(e, ERR_PERMANENT,
                       "a label of the JID's domain is longer than 63 characters");
    return 0;
}

static int check_labels(const char *domain, struct err *e)
{
    for (;;) {
        size_t len = strcspn(domain, ".");

        if (check_label(domain, len, e) < 0)
            return -1;
        if (domain[len] == '\0')
            return 0;
        domain += len + 1;
    }
}

/* A-labels become U-labels where IDNA 2003 can turn them back; those it cannot (IDNA 2008's sharp
 * s) stay.  Each label must have an A-label form of its own (RFC 6122 §2.2). */
static int prep_idna(char *buf, struct err *e)
{
    char *text = NULL;
    int rc = idna_to_unicode_8z8z(buf, &text, IDNA_ALLOW_UNASSIGNED);
    size_t len;

    if (rc == IDNA_MALLOC_ERROR)
        return err_memory(e);
    if (rc == IDNA_SUCCESS && text) {
        len = strlen(text);
        if (len <= PART_MAX)
            memcpy(buf, text, len + 1);
    }
    idn_free(text);
    text = NULL;
    len = strlen(buf);
    if (len > 0 && buf[len - 1] == '.') /* a final U+3002 has become a dot only now */
        buf[len - 1] = '\0';
    rc = idna_to_ascii_8z(buf, &text, IDNA_ALLOW_UNASSIGNED);
    idn_free(text);
    if (rc == IDNA_MALLOC_ERROR)
        return err_memory(e);
    if (rc != IDNA_SUCCESS)
        return err_set(e, ERR_PERMANENT, "the domain of the JID is no domain: %s",
                       idna_strerror((Idna_rc)rc));
    return 0;
}

static int prep_domain(struct arena *a, const char *text, size_t len, const char **out,
                       struct err *e)
{
    char buf[PART_MAX + 1];
    bool is_ascii;

    if (check_raw(text, len, &domain_kind, e) < 0)
        return -1;
    if (text[len - 1] == '.') /* RFC 7622 §3.2: the final dot says nothing */
        len--;
    memcpy(buf, text, len);
    buf[len] = '\0';
    is_ascii = utf8_is_ascii(buf, len);
    if (is_ascii)
        lower_ascii(buf);
    else if (run_profile(buf, &domain_kind, e) < 0)
        return -1;
    if (buf[0] == '[') {
        if (check_literal(buf, strlen(buf), e) < 0)
            return -1;
    } else {
        if ((!is_ascii || strstr(buf, "xn--")) && prep_idna(buf, e) < 0)
            return -1;
        /* What A-labels stand for has to be a domain by the same rules. */
        if (is_ascii && !utf8_is_ascii(buf, strlen(buf)) && run_profile(buf, &domain_kind, e) < 0)
            return -1;
        if (check_labels(buf, e) < 0)
            return -1;
    }
    *out = arena_strdup(a, buf);
    return *out ? 0 : err_memory(e);
}

static int prep_all(struct arena *a, const char *node, size_t node_len, const char *domain,
                    size_t domain_len, const char *resource, struct jid *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    if (prep_domain(a, domain, domain_len, &out->domain, e) < 0)
        return -1;
    if (node && prep(a, node, node_len, &node_kind, &out->node, e) < 0)
        return -1;
    if (resource && prep(a, resource, strlen(resource), &resource_kind, &out->resource, e) < 0)
        return -1;
    return 0;
}

int jid_parse(struct arena *a, const char *text, struct jid *out, struct err *e)
{
    /* RFC 6122 §2.1: the first slash ends the domain, the first @ before it ends the node. */
    size_t bare_len = strcspn(text, "/");
    const char *at = memchr(text, '@', bare_len);
    const char *domain = at ? at + 1 : text;

    return prep_all(a, at ? text : NULL, at ? (size_t)(at - text) : 0, domain,
                    (size_t)(text + bare_len - domain), text[bare_len] ? text + bare_len + 1 : NULL,
                    out, e);
}

int jid_from_parts(struct arena *a, const char *node, const char *domain, const char *resource,
                   struct jid *out, struct err *e)
{
    return prep_all(a, node, node ? strlen(node) : 0, domain, strlen(domain), resource, out, e);
}

void jid_write_bare(struct buf *out, const struct jid *jid)
{
    if (jid->node) {
        buf_adds(out, jid->node);
        buf_addc(out, '@');
    }
    buf_adds(out, jid->domain);
}

void jid_write(struct buf *out, const struct jid *jid)
{
    jid_write_bare(out, jid);
    if (jid->resource) {
        buf_addc(out, '/');
        buf_adds(out, jid->resource);
    }
}

const char *jid_text(struct arena *a, const struct jid *jid)
{
    return arena_printf(a, "%s%s%s%s%s", jid->node ? jid->node : "", jid->node ? "@" : "",
                        jid->domain, jid->resource ? "/" : "", jid->resource ? jid->resource : "");
}

const char *jid_bare(struct arena *a, const struct jid *jid)
{
    return arena_printf(a, "%s%s%s", jid->node ? jid->node : "", jid->node ? "@" : "", jid->domain);
}

static bool is_same_part(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool jid_is_same_bare(const struct jid *a, const struct jid *b)
{
    return is_same_part(a->domain, b->domain) && is_same_part(a->node, b->node);
}

bool jid_is_same(const struct jid *a, const struct jid *b)
{
    return jid_is_same_bare(a, b) && is_same_part(a->resource, b->resource);
}

/* XEP-0106 §4.1, table 1; the backslash last. */
static const struct escape {
    char c;
    char hex[3];
} escapes[] = {
    {' ', "20"}, {'"', "22"}, {'&', "26"}, {'\'', "27"}, {'/', "2f"},
    {':', "3a"}, {'<', "3c"}, {'>', "3e"}, {'@', "40"},  {'\\', "5c"},
};

enum { ESCAPES = sizeof escapes / sizeof escapes[0] };

/* The escape sequence at p, NULL when there is none.  In either case of its digits: Nodeprep folds
 * \2F to \2f, so a backslash before 2F needs its escape too. */
static const struct escape *escape_at(const char *p)
{
    int i;

    if (p[0] != '\\')
        return NULL;
    for (i = 0; i < ESCAPES; i++)
        if (strncasecmp(p + 1, escapes[i].hex, 2) == 0)
            return &escapes[i];
    return NULL;
}

static const char *escape_of(const char *p)
{
    int i;

    if (*p == '\\')
        return escape_at(p) ? "5c" : NULL;
    for (i = 0; i < ESCAPES - 1; i++)
        if (*p == escapes[i].c)
            return escapes[i].hex;
    return NULL;
}

int jid_escape_node(struct arena *a, const char *text, const char **node_out, struct err *e)
{
    size_t len = strlen(text);
    char *out;

    if (len > PART_MAX)
        return err_set(e, ERR_PERMANENT, "longer than the %d bytes of a JID's node", PART_MAX);
    if (len > 0 && (text[0] == ' ' || text[len - 1] == ' '))
        return err_set(e, ERR_PERMANENT, "a space may not begin or end the node of a JID");
    *node_out = out = arena_alloc(a, len * 3 + 1);
    if (!out)
        return err_memory(e);
    for (; *text; text++) {
        const char *hex = escape_of(text);

        if (hex) {
            *out++ = '\\';
            *out++ = hex[0];
            *out++ = hex[1];
        } else {
            *out++ = *text;
        }
    }
    return 0;
}

const char *jid_unescape_node(struct arena *a, const char *node)
{
    char *start = arena_alloc(a, strlen(node) + 1), *out = start;
    const char *p;

    if (!start)
        return NULL;
    for (p = node; *p; p++) {
        const struct escape *found = escape_at(p);

        /* XEP-0106 §4.2: \20 that begins or ends a node is no escape. */
        if (found && !(found->c == ' ' && (p == node || p[3] == '\0'))) {
            *out++ = found->c;
            p += 2;
        } else {
            *out++ = *p;
        }
    }
    return start;
}

void jid_fold(const char *text, char *out, size_t size)
{
    size_t i, n = strlen(text);
    bool is_ascii = utf8_is_ascii(text, n);

    if (n >= size)
        n = size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
    if (!is_ascii && utf8_is_valid(out, n) &&
        stringprep(out, size, 0, stringprep_nameprep) == STRINGPREP_OK)
        return;
    for (i = 0; i < n; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] + ('a' - 'A'));
}
