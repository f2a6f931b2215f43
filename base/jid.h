/*
 * jid: Jabber identifiers (RFC 6122 with stringprep: Nodeprep, Nameprep, Resourceprep) and the
 * escaping of XEP-0106.  Strings live in the caller's arena.  Any thread.
 */
#ifndef BASE_JID_H
#define BASE_JID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct jid {
    const char *node;     /* NULL: none */
    const char *domain;   /* never NULL */
    const char *resource; /* NULL: none */
};

/* Parses and prepares; every part is at most 1023 bytes, a domain is in U-labels where IDNA 2003
 * has them, without a final dot, or an IPv6 address in brackets.  ERR_PERMANENT with a text that
 * says what is wrong, ERR_RETRY when the arena is exhausted. */
int jid_parse(struct arena *a, const char *text, struct jid *out, struct err *e) MUST_CHECK;

/* As jid_parse, from parts; node and resource may be NULL for none.  A node is taken as it stands:
 * it is escaped already where it needs to be. */
int jid_from_parts(struct arena *a, const char *node, const char *domain, const char *resource,
                   struct jid *out, struct err *e) MUST_CHECK;

void jid_write(struct buf *out, const struct jid *jid);      /* with resource */
void jid_write_bare(struct buf *out, const struct jid *jid); /* without */
/* The same as strings in the arena, NULL when it is exhausted. */
const char *jid_text(struct arena *a, const struct jid *jid);
const char *jid_bare(struct arena *a, const struct jid *jid);

bool jid_is_same(const struct jid *a, const struct jid *b);      /* with resource */
bool jid_is_same_bare(const struct jid *a, const struct jid *b); /* without */

/* XEP-0106 §4: space " & ' / : < > @ become \20 \22 \26 \27 \2f \3a \3c \3e \40, and \ becomes \5c
 * only before what reads as an escape; a space may not be first or last (ERR_PERMANENT). */
int jid_escape_node(struct arena *a, const char *text, const char **node_out,
                    struct err *e) MUST_CHECK;
/* The inverse; an escape that is none stays as it is.  NULL when the arena is exhausted. */
const char *jid_unescape_node(struct arena *a, const char *node) MUST_CHECK;

/* text as it compares without regard to case (nameprep: RFC 3491), for searching in names; what
 * cannot be prepared is compared as it stands, but for A to Z.  Cut off where out is full. */
void jid_fold(const char *text, char *out, size_t size);

#endif
