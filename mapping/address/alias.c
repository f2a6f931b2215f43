/*
 * alias: encoding and decoding, no data, no thread of its own, nothing left behind.
 */
#include "mapping/address/alias.h"

#include <string.h>

#include "base/addr.h"
#include "base/keyed.h"
#include "mapping/text/text.h"

static const char hex[] = "0123456789abcdef";

static bool is_plain(const char *text, const char *p)
{
    if ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_')
        return true;
    if (*p == '-') /* MTAs refuse a local part that looks like an option */
        return p > text;
    return *p == '.' && p > text && p[-1] != '.' && p[1] != '\0';
}

static char *encode(char *out, const char *text)
{
    const char *p;

    for (p = text; *p; p++) {
        if (is_plain(text, p)) {
            *out++ = *p;
        } else {
            *out++ = '~';
            *out++ = hex[(unsigned char)*p >> 4];
            *out++ = hex[*p & 15];
        }
    }
    return out;
}

/* The domain in A-labels where they lead back to it, else as it is. */
static const char *wire_domain(struct arena *a, const char *domain)
{
    const char *labels;
    struct jid back;

    if (addr_domain(a, domain, &labels, NULL) == 0 &&
        jid_from_parts(a, NULL, labels, NULL, &back, NULL) == 0 && strcmp(back.domain, domain) == 0)
        return labels;
    return domain;
}

bool alias_is_hash(const char *text, size_t n)
{
    size_t i;

    if (n != ALIAS_HASH_LEN || (text[0] != 'h' && text[0] != 'H') || text[1] != '-')
        return false;
    for (i = 2; i < n; i++)
        if (text_hex_value(text[i]) < 0)
            return false;
    return true;
}

int alias_hash(struct arena *a, const struct jid *jid, const char **out, struct err *e)
{
    static const struct keyed_key no_key;
    const char *text = jid_bare(a, jid);
    char hash[ALIAS_HASH_LEN - 1];

    if (!text)
        return err_memory(e);
    keyed_hash_hex(&no_key, "alias", text, strlen(text), (ALIAS_HASH_LEN - 2) / 2, hash);
    *out = *hash ? arena_printf(a, "h-%s", hash) : NULL;
    return *out ? 0 : err_memory(e);
}

int alias_write(struct arena *a, const char *node, const char *domain, const char **out,
                struct err *e)
{
    char *start, *end;

    if (domain)
        domain = wire_domain(a, domain);
    *out = start = arena_alloc(a, 3 * (strlen(node) + (domain ? strlen(domain) : 0)) + 2);
    if (!start)
        return err_memory(e);
    if (!domain && alias_is_hash(node, strlen(node))) /* a user of such a name */
        end = encode(stpcpy(start, "~68"), node + 1);
    else
        end = encode(start, node);
    if (domain) {
        *end++ = '=';
        end = encode(end, domain);
    }
    if (end - start > ADDR_LOCAL_MAX)
        return err_set(e, ERR_PERMANENT,
                       "the mail address of %s%s%s would have %zu octets before the @, where %d is "
                       "the most",
                       node, domain ? "@" : "", domain ? domain : "", (size_t)(end - start),
                       ADDR_LOCAL_MAX);
    return 0;
}

/* NULL: memory. A NUL among the bytes is left encoded: no JID has one. */
char *alias_decode(struct arena *a, const char *text, size_t len)
{
    char *start = arena_alloc(a, len + 1), *out = start;
    size_t i;

    for (i = 0; start && i < len; i++) {
        int high = text[i] == '~' && len - i > 2 ? text_hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? text_hex_value(text[i + 2]) : -1;

        if (low >= 0 && high + low > 0) {
            *out++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *out++ = text[i];
        }
    }
    return start;
}

const char *alias_separator(const char *local)
{
    const char *separator = strrchr(local, '='); /* the last: no domain has one */

    return separator ? separator : strrchr(local, '%');
}

int alias_read(struct arena *a, const char *local, const char *home, struct jid *out, struct err *e)
{
    const char *separator = alias_separator(local), *domain = home;
    const char *node =
        alias_decode(a, local, separator ? (size_t)(separator - local) : strlen(local));

    if (separator)
        domain = alias_decode(a, separator + 1, strlen(separator + 1));
    if (!node || !domain)
        return err_memory(e);
    return jid_from_parts(a, node, domain, NULL, out, e);
}
