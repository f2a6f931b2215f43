/*
 * header_addr: address lists of mail headers (RFC 5322 §3.4), as mail programs write them.
 * Pure; any thread.
 */
#ifndef MAPPING_MIME_HEADER_ADDR_H
#define MAPPING_MIME_HEADER_ADDR_H

#include <stddef.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"

struct mailbox {
    const char *name; /* display name, decoded; NULL: none */
    struct addr addr; /* addr.domain NULL: what stands there is no address */
    struct mailbox *next;
};

/* The mailboxes of a raw value, groups opened up, at most max of them; what is no address has only
 * a name.  -1 only when the arena is exhausted. */
int header_addr_list(struct arena *a, const char *value, size_t max,
                     struct mailbox **out) MUST_CHECK;

#endif
