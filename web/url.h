/*
 * url: the pieces of the links this program hands out (RFC 3986).  Pure; any thread.
 */
#ifndef WEB_URL_H
#define WEB_URL_H

#include "base/arena.h"

/* text as one path segment: everything but unreserved characters percent-encoded.  NULL: memory. */
const char *url_segment(struct arena *a, const char *text) MUST_CHECK;

#endif
