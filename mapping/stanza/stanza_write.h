/*
 * stanza_write: a letter becomes the message stanza for one Jabber user.  Pure; any thread.
 */
#ifndef MAPPING_STANZA_STANZA_WRITE_H
#define MAPPING_STANZA_STANZA_WRITE_H

#include "base/xml.h"
#include "mapping/context.h"
#include "mapping/letter.h"

/* from: the letter's author as contact at gw; to: recipient->jid; id: letter->stanza_id.  An
 * x:expire carries the seconds from ctx->now_s.  NULL when the arena is exhausted. */
struct xml_node *stanza_write(const struct context *ctx, struct arena *a,
                              const struct letter *letter,
                              const struct party *recipient) MUST_CHECK;

#endif
