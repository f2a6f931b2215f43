/*
 * alias: a Jabber user as the local part of a mail address, `node` or `node=domain`.  Pure; any
 * thread.
 *
 * a-z, 0-9, - _ and . stand for themselves (not a hyphen in front, nor a dot at an end or beside
 * another); every other byte of the UTF-8 is ~ and two hex digits.  So an alias is a dot-atom of
 * RFC 5322 in ASCII, in it there is never a % ! or / that MTAs take for routes, never a + that they
 * cut at, no letter whose case matters, and one = only: the one between node and domain.
 */
#ifndef MAPPING_ADDRESS_ALIAS_H
#define MAPPING_ADDRESS_ALIAS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/jid.h"

enum { ALIAS_HASH_LEN = 26 };

/* A user whose alias would be too long: h- and 24 hex digits, which the store knows (no key: it is
 * the same whoever makes it, and leads to nobody without the store). */
int alias_hash(struct arena *a, const struct jid *jid, const char **out, struct err *e) MUST_CHECK;
/* Do these n characters have that form, in any case?  alias_write never makes it of a user. */
bool alias_is_hash(const char *text, size_t n);

/* domain NULL: the node alone.  ERR_PERMANENT when it is longer than ADDR_LOCAL_MAX. */
int alias_write(struct arena *a, const char *node, const char *domain, const char **out,
                struct err *e) MUST_CHECK;

/* Where the domain is set off: the last =, or the last % where there is no = (read, never written);
 * NULL: it names no domain. */
const char *alias_separator(const char *local);

/* The inverse, prepared; without separator the user is one of home (not NULL then).  What stands
 * for itself though it should be encoded is taken as it is, since people type addresses.
 * ERR_PERMANENT when it is no JID. */
int alias_read(struct arena *a, const char *local, const char *home, struct jid *out,
               struct err *e) MUST_CHECK;

/* The bytes that n characters of an alias stand for; NULL: the arena is exhausted. */
char *alias_decode(struct arena *a, const char *text, size_t n);

#endif
