/*
 * policy: who may do what, and when to try again.  Pure decisions; any thread.
 */
#ifndef BRIDGE_POLICY_H
#define BRIDGE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jid.h"
#include "bridge/settings.h"
#include "mapping/letter.h"
#include "mapping/report/status.h"
#include "store/queue.h"

/* No relay: only users of a home domain send mail, and whom the administrator names; and not whom
 * the administrator has denied it. */
bool policy_may_send(const struct settings *s, const struct jid *from);

/* No relay the other way either: mail is delivered to users of a home domain, to whom a map rule
 * names, and to those elsewhere who may send. */
bool policy_may_receive(const struct settings *s, const struct jid *to);

/* When a deferred item is due again: doubling from retry_first to retry_max, with a fifth of
 * jitter, not beyond the end of the message's own life; at once when that has passed. */
int64_t policy_next_try(const struct settings *s, const struct queue_message *m, unsigned attempts,
                        int64_t now_s);

/* Has the queue given up on a message that fails for now? */
bool policy_is_given_up(const struct settings *s, const struct queue_message *m, int64_t now_s);

#endif
