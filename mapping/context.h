/*
 * context: what a conversion needs to know beside the message: the map, the time, the keys, and the
 * administrator's choices.  Read only; any thread.
 */
#ifndef MAPPING_CONTEXT_H
#define MAPPING_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/keyed.h"
#include "mapping/address/address_map.h"

struct context {
    const struct address_map *map;
    int64_t now_s;
    const struct keyed_key *key; /* for reverse-paths and hashed threads */
    bool lead_with_subject;      /* a new conversation's subject leads the body (default true) */
    bool always_subject;         /* and that of every message (default false) */
    bool cut_quotes;             /* cut quoted text and signature (default true) */
    bool external_body;          /* links to files as message/external-body, too (default false) */
    bool pgp_mime_inline;        /* PGP/MIME as jabber:x:encrypted (default false) */
    bool hides_jabber_id;        /* no Jabber-ID (R7259) in this mail (default false) */
    const char *verdict_server;  /* authserv-id whose word on authors is believed; NULL: none */
};

enum { REVERSE_PATH_DAYS = 30 };

#endif
