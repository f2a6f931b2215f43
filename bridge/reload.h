/*
 * reload: what a running gateway can take of a new configuration.
 *
 * Connections, listeners and the store are made at the start and keep what they were made from;
 * everything else is read anew.  No data, any thread.
 */
#ifndef BRIDGE_RELOAD_H
#define BRIDGE_RELOAD_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"

/* -1: next must not come into force while the gateway runs, and *e says why.  The Jabber server
 * knows the component by its jid, and the reverse-paths on their way bear the mail domain. */
int reload_check(const struct conf *started, const struct conf *next, struct err *e) MUST_CHECK;

/* Does next change what counts at the next start only? */
bool reload_is_partial(const struct conf *started, const struct conf *next);

#endif
