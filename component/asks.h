/*
 * asks: what the component itself asks others (iq), and their answers.
 *
 * An answer counts when it comes from whom was asked, with the id of the question, which nobody can
 * guess.  At most ASKS_MAX are open at a time.  Loop thread only.
 */
#ifndef COMPONENT_ASKS_H
#define COMPONENT_ASKS_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/xml.h"
#include "component/stream.h"

enum { ASKS_MAX = 256, ASKS_TIMEOUT_MS = 20000 };

struct asks;

/* jid and clock are borrowed. */
struct asks *asks_new(struct loop *loop, const struct clock *clock, struct stream *stream,
                      const char *jid);
/* Nobody is told any more; takes NULL. */
void asks_free(struct asks *as);

/* answer: a stanza of type result or error, valid during the call; NULL: none came in time, or the
 * stream was lost. */
typedef void asks_fn(const struct xml_node *answer, void *arg);

/* Asks `to` by an iq of type get with this payload.  -1: it cannot be asked now; fn is not called.
 */
int asks_get(struct asks *as, const char *to, const struct xml_node *payload, asks_fn *fn,
             void *arg) MUST_CHECK;

/* Was it the answer to something asked? */
bool asks_take(struct asks *as, const struct xml_node *stanza);
/* The stream is gone: no answer comes any more. */
void asks_lost(struct asks *as);

#endif
