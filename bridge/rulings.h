/*
 * rulings: what administrators have decided while the gateway runs: address pairs, who may use it,
 * limits.  They are kept in the store (store/decisions.h), and stand here in memory, from where
 * they are laid over the configuration's file.
 *
 * Where the two meet: of address rules the file's come first, so they win; a limit that was decided
 * is in force until it is taken back; who is denied is denied whatever the file says, but a person
 * who is allowed by name goes before a domain that is denied.  Loop thread.
 */
#ifndef BRIDGE_RULINGS_H
#define BRIDGE_RULINGS_H

#include "bridge/settings.h"
#include "store/decisions.h"

struct ruling {
    enum decision_what what;
    char *name;
    char *value; /* of a change: NULL: it is taken back */
    struct ruling *next;
};

struct rulings; /* in the order of kinds and names */

struct rulings *rulings_new(void);    /* NULL: memory */
void rulings_free(struct rulings *r); /* takes NULL */

/* From the store, before its writer runs; NULL with *e. */
struct rulings *rulings_load(struct store *store, struct err *e);
/* The same for a command beside a gateway; none where there is no store.  NULL: memory. */
struct rulings *rulings_read(const char *store_url);

const struct ruling *rulings_first(const struct rulings *r);
const struct ruling *rulings_find(const struct rulings *r, enum decision_what what,
                                  const char *name);
unsigned rulings_count(const struct rulings *r, enum decision_what what);

/* value NULL: takes it back.  -1: memory, nothing is changed. */
int rulings_set(struct rulings *r, enum decision_what what, const char *name,
                const char *value) MUST_CHECK;
struct rulings *rulings_copy(const struct rulings *r); /* NULL: memory */

/* base with the rulings over it; base is shared, and may be dropped.  ERR_PERMANENT names the
 * address rule that cannot be. */
struct settings *rulings_apply(struct settings *base, const struct rulings *r, struct err *e);
/* The same, where what cannot be is left out with a line in the log; base itself when there is
 * nothing to lay over it.  Takes base's reference over. */
struct settings *rulings_apply_most(struct settings *base, const struct rulings *r);

/* The limits that can be decided. */
struct ruling_limit {
    const char *name; /* as in the file */
    int64_t max;
};
extern const struct ruling_limit ruling_limits[];
extern const size_t ruling_limit_count;
int64_t rulings_limit_of(const struct conf *conf, size_t limit);

#endif
