/*
 * settings: the configuration in force and what is built from it once.
 *
 * Shared by reference count, because a reload may replace it while work for the old one is under
 * way. Read only; any thread may hold and drop.
 */
#ifndef BRIDGE_SETTINGS_H
#define BRIDGE_SETTINGS_H

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/keyed.h"
#include "mapping/context.h"

struct settings {
    const struct conf *conf;
    struct address_map *map;
    struct keyed_key key;
    const char **denied; /* domains and bare JIDs that may not use the gateway */
    size_t denied_count;
    int refs; /* atomic */
    struct conf *owned;
    struct settings *base; /* that this was made from, and borrows from; NULL: from a file */
    struct arena *arena;   /* of what differs from base */
};

/* Takes *conf over (it is NULL after), also when it fails. */
struct settings *settings_new(struct conf **conf, const struct keyed_key *key, struct err *e);
struct settings *settings_hold(struct settings *s);
void settings_drop(struct settings *s); /* takes NULL */

/* The first half of others made from these, for bridge/rulings: *conf_out may be changed until
 * settings_finish, in texts of the arena.  From the file's own, whichever base is. */
struct settings *settings_derive(struct settings *base, struct conf **conf_out, struct err *e);
int settings_finish(struct settings *s, struct err *e) MUST_CHECK;
const struct conf *settings_file(const struct settings *s); /* as the file has it */

/* What a conversion needs; borrows from s. */
void settings_context(const struct settings *s, int64_t now_s, struct context *out);

#endif
