/*
 * ad_hoc: the commands that users and administrators execute (XEP-0050).
 *
 * A command is a row of the table in ad_hoc.c: what it is called, for whom it is, what it reads of
 * a form, what it does in the store, and what it answers.  Loop thread.
 */
#ifndef BRIDGE_PEOPLE_AD_HOC_H
#define BRIDGE_PEOPLE_AD_HOC_H

#include "bridge/gateway.h"

struct ad_hoc *ad_hoc_new(struct gateway *g); /* NULL: memory */
void ad_hoc_free(struct ad_hoc *a);           /* the store has stopped; takes NULL */

/* commands_is_meant, to the gateway itself; takes the arena over. */
void ad_hoc_arrived(struct ad_hoc *a, struct xml_node *iq, struct arena *arena);

#endif
