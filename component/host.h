/*
 * host: what is peculiar to the host servers, so that nobody else has to know.
 *
 * How each reports a stream error, and the odd forms that a stanza may come in.  No data, any
 * thread.
 */
#ifndef COMPONENT_HOST_H
#define COMPONENT_HOST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/xml.h"
#include "component/stream.h"

/* What a <stream:error/> means for the connection; reason gets a line for the log. */
enum stream_loss host_error(const struct xml_node *error, const struct stream_settings *settings,
                            struct arena *a, struct buf *reason);

/* Brings a stanza into the usual form: namespace STREAM_NS, a bounce from whom it was sent to. jid
 * is ours. */
void host_normalise(struct xml_node *stanza, const char *jid);

/* The stanza's element in the usual form with type, id, from and to, and nothing in it; NULL when
 * the arena is exhausted. */
struct xml_node *host_outline(struct arena *a, const struct xml_node *top, const char *jid);

#endif
