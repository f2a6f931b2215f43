/*
 * map_ask: what an address or JID becomes on the other side, and by which rule: the one answer that
 * `postern map` and the administrators' command give.
 */
#ifndef BRIDGE_CLI_MAP_ASK_H
#define BRIDGE_CLI_MAP_ASK_H

#include "mapping/address/address_map.h"
#include "store/store.h"

enum { MAP_ANSWERS_MAX = 2 };

struct map_answer {
    const char *kind;    /* what the argument was taken for */
    const char *becomes; /* NULL: error says why not */
    const char *rule;
    const char *error;
};

/* What is asked: the map, and for aliases that it cannot spell out the store. */
struct map_asker {
    const struct address_map *map;
    const char *store_url; /* opened when it is needed, where txn is NULL */
    struct store_txn *txn;
};

/* An address may be read in more than one way: every one that makes sense is answered. */
size_t map_ask(const struct map_asker *asker, struct arena *a, const char *text,
               struct map_answer out[MAP_ANSWERS_MAX]);

#endif
