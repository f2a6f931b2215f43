/*
 * reverse_path: the keyed, expiring VERP address b+<id>.<expiry>.<mac>@md, so that a bounce proves
 * itself and finds its message.  Pure; any thread.
 */
#ifndef MAPPING_ADDRESS_REVERSE_PATH_H
#define MAPPING_ADDRESS_REVERSE_PATH_H

#include <stdbool.h>

#include "mapping/context.h"

/* NULL when the arena is exhausted. */
const char *reverse_path_make(const struct context *ctx, struct arena *a, int64_t id);

/* Does a local part have the form of a reverse-path (whatever its mac says)? */
bool reverse_path_is_form(const char *local);

/* KEYED_OK or KEYED_EXPIRED: id_out is the message's. */
enum keyed_state reverse_path_check(const struct context *ctx, const char *local,
                                    int64_t *id_out) MUST_CHECK;

#endif
