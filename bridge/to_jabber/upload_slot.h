/*
 * upload_slot: what is said with an upload service (XEP-0363): its limits, the request for a slot,
 * the slot.  Pure; any thread.
 */
#ifndef BRIDGE_TO_JABBER_UPLOAD_SLOT_H
#define BRIDGE_TO_JABBER_UPLOAD_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xml.h"
#include "web/http.h"

enum { SLOT_HEADERS_MAX = 8 };

struct slot {
    const char *put_url, *get_url;
    struct http_header headers[SLOT_HEADERS_MAX]; /* Authorization, Cookie and Expires alone */
    size_t header_count;
};

/* The result of a disco#info: is it an upload service?  *size_max_out: bytes of a file, 0: it does
 * not say. */
bool slot_is_service(const struct xml_node *answer, int64_t *size_max_out);
/* NULL: the arena is exhausted. */
struct xml_node *slot_request(struct arena *a, const char *filename, size_t size,
                              const char *media_type);
/* The answer to the request.  -1: the service refuses, or what it says cannot be used. */
int slot_read(struct arena *a, const struct xml_node *answer, struct slot *out,
              struct err *e) MUST_CHECK;

#endif
