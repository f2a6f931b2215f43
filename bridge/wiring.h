/*
 * wiring: what the stream, the router and the web listener tell the gateway, and where it goes.
 *
 * Each table's arg is the gateway.  Loop thread.
 */
#ifndef BRIDGE_WIRING_H
#define BRIDGE_WIRING_H

#include "bridge/gateway.h"

extern const struct stream_handler wiring_stream;
extern const struct router_handler wiring_router;

/* Another program changed the queue, or its clock was set: the disk is looked at again. */
void gateway_rescan(struct gateway *g);

/* The stream or its window has room again; arg: the gateway. */
void wiring_room(void *arg);

/* A web_find_fn: what is stored under the id of an attachment. */
void wiring_find_file(struct web_request *request, int64_t id, void *arg);

#endif
