/*
 * address_map: who a person is on the other side.
 *
 * The administrators' rules first (first match wins), then what users have registered, then the two
 * rules of the gateway itself: a mail address is the JID local\40dom@gw, a Jabber user is node@md
 * or node=domain@md.  Pure: an address_map is built once from the configuration and only read
 * afterwards, on any thread.
 */
#ifndef MAPPING_ADDRESS_ADDRESS_MAP_H
#define MAPPING_ADDRESS_ADDRESS_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/jid.h"
#include "base/pairs.h"

struct address_map;

/* NULL with *e filled (a rule that is none, with its place).  Keeps no pointer into conf. */
struct address_map *address_map_new(const struct conf *conf, struct err *e);
void address_map_free(struct address_map *map); /* takes NULL */

/* The local parts (left) that users (right, their bare JIDs) have registered; borrowed.  Before
 * anybody else has the map. */
void address_map_register(struct address_map *map, struct pairs *registered);
/* Can this user have local (small letters) for their own address at md, or box+local where users'
 * addresses are sub-addresses?  ERR_PERMANENT with words for the user: it is none, or (*taken_out)
 * it is reserved or somebody's by a rule.  Whether others have registered it, or live by that name,
 * is for the asker to look up. */
int address_map_check_own(const struct address_map *map, struct arena *a, const struct jid *user,
                          const char *local, bool *taken_out, struct err *e) MUST_CHECK;
/* The user whom a mail address belongs to because they have registered it: 1; 0: it is not such
 * one; -1: memory. */
int address_map_registered(const struct address_map *map, struct arena *a, const struct addr *mail,
                           struct jid *out) MUST_CHECK;

const char *address_map_gateway(const struct address_map *map);     /* gw */
const char *address_map_mail_domain(const struct address_map *map); /* md */
bool address_map_is_home(const struct address_map *map, const char *jabber_domain);
/* Does an administrators' rule, in either direction, name this Jabber user or their domain? */
bool address_map_names(const struct address_map *map, const struct jid *jid);
/* Is the domain one whose mail addresses are all Jabber users: md or the right side of a rule
 * *@...? */
bool address_map_owns(const struct address_map *map, const char *mail_domain);
/* Is this address a Jabber user's (or a reverse-path): at such a domain, the right side of a rule,
 * or a sub-address box+node=domain or box+node of a mailbox whose own address is known? */
bool address_map_owns_address(const struct address_map *map, const struct addr *mail);

/* The address that bounces come to, b+<token>@md, or box+b+<token> where users' addresses are
 * sub-addresses of a mailbox; NULL: memory. */
const char *address_map_reverse_make(const struct address_map *map, struct arena *a,
                                     const char *token);
/* Its b+<token> where mail has that form, whatever the token says; NULL: it has not. */
const char *address_map_reverse(const struct address_map *map, const struct addr *mail);

/* The alias (ALIAS_HASH_LEN characters of mail->local) where it stands in place of a JID that would
 * be too long, which only the store can tell (mapping/address/alias.h); NULL: none. */
const char *address_map_stored_alias(const struct address_map *map, const struct addr *mail);

/* Each translation writes to *rule_out (may be NULL) the words that name the rule, for `postern
 * map`; they live as long as the map. */

/* The mail address of a Jabber user (of any domain but gw): mapping/address/alias.h has the
 * encoding. ERR_PERMANENT when there is none. */
int address_map_jid_to_mail(const struct address_map *map, struct arena *a, const struct jid *jid,
                            struct addr *out, const char **rule_out, struct err *e) MUST_CHECK;

/* The Jabber user behind a mail address that address_map_owns_address.  ERR_PERMANENT when it is
 * nobody's here, and for b+... at md, which is a reverse-path (mapping/address/reverse_path.h). */
int address_map_mail_to_jid(const struct address_map *map, struct arena *a, const struct addr *mail,
                            struct jid *out, const char **rule_out, struct err *e) MUST_CHECK;

/* A contact at gw -> its mail address: local\40dom@gw, or local%dom@gw where the last % is the @
 * and there is no \40.  The resource plays no part. */
int address_map_contact_to_mail(const struct address_map *map, struct arena *a,
                                const struct jid *contact, struct addr *out, const char **rule_out,
                                struct err *e) MUST_CHECK;

/* A mail address of the world -> its contact at gw (XEP-0106 form). */
int address_map_mail_to_contact(const struct address_map *map, struct arena *a,
                                const struct addr *mail, struct jid *out, const char **rule_out,
                                struct err *e) MUST_CHECK;

#endif
