/*
 * status_text: strangers' words made fit for an error.  Shared by the parts of status only.
 */
#ifndef MAPPING_REPORT_STATUS_TEXT_H
#define MAPPING_REPORT_STATUS_TEXT_H

#include "base/addr.h"
#include "base/arena.h"

enum { STATUS_TEXT_MAX = 400 };

/* One line of at most STATUS_TEXT_MAX bytes of good UTF-8, without controls.  NULL: arena
 * exhausted. */
const char *status_clean_text(struct arena *a, const char *text);

/* mailto:... (RFC 6068), everything but the plainest characters percent-encoded. */
const char *status_mailto(struct arena *a, const struct addr *addr);

#endif
