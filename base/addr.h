/*
 * addr: mail addresses as SMTP knows them (RFC 5321 §4.1.2, RFC 6531 for UTF-8, RFC 5890 domains).
 *
 * A struct addr is already checked: local part unquoted, domain lower-case A-labels without a final
 * dot (or an address literal in brackets), nothing in it that could end a line or a command.
 * Strings live in the caller's arena.  Any thread.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* ADDR_LOCAL_MAX is for addresses we make.  Others' local parts are often longer (the reverse-paths
 * of list and bulk mailers) and RFC 5321 §4.5.3.1 asks to bear it: only the path's own limit holds,
 * without its angle brackets. */
enum { ADDR_LOCAL_MAX = 64, ADDR_DOMAIN_MAX = 255, ADDR_PATH_MAX = 254 };

struct addr {
    const char *local;  /* unquoted, case kept, UTF-8 */
    const char *domain; /* A-labels, lower case */
};

/* One addr-spec, `local@domain` or `"quoted local"@domain`; angle brackets round it are taken off.
 * No source routes, no comments.  A U-label domain is turned into A-labels (libidn2,
 * non-transitional). ERR_PERMANENT says what is wrong with it. */
int addr_parse(struct arena *a, const char *text, struct addr *out, struct err *e) MUST_CHECK;

/* As addr_parse, from parts: local is unquoted already. */
int addr_from_parts(struct arena *a, const char *local, const char *domain, struct addr *out,
                    struct err *e) MUST_CHECK;

void addr_write(struct buf *out, const struct addr *addr);       /* quoted where it must be */
const char *addr_text(struct arena *a, const struct addr *addr); /* NULL: arena exhausted */

bool addr_is_ascii(const struct addr *addr); /* false: needs SMTPUTF8 */
/* Domains without case, local parts with. */
bool addr_is_same(const struct addr *a, const struct addr *b);

/* domain as lower-case A-labels; ERR_PERMANENT when it is none (an address literal is none). */
int addr_domain(struct arena *a, const char *domain, const char **out, struct err *e) MUST_CHECK;
/* The inverse, for people to read: U-labels where they lead back to these A-labels, else domain
 * itself.  NULL: arena exhausted. */
const char *addr_domain_unicode(struct arena *a, const char *domain);

#endif
