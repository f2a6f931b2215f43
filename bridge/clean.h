/*
 * clean: forgets what is old.  Loop thread, once a minute.
 */
#ifndef BRIDGE_CLEAN_H
#define BRIDGE_CLEAN_H

#include "bridge/gateway.h"

void clean_start(struct gateway *g);

#endif
