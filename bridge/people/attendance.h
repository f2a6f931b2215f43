/*
 * attendance: whether users are there, and as what: only those who want to have mail held.
 *
 * The gateway asks to see their presence when they choose so, and asks their server again when the
 * stream comes up.  What it saw last outlives a restart (CHOICE_SHOWN).  Loop thread, but for
 * attendance_of.
 */
#ifndef BRIDGE_PEOPLE_ATTENDANCE_H
#define BRIDGE_PEOPLE_ATTENDANCE_H

#include "base/xml.h"
#include "bridge/gateway.h"
#include "bridge/people/shows.h"

/* Before the store's writer starts; NULL with *e filled. */
struct attendance *attendance_open(struct gateway *g, struct err *e);
void attendance_close(struct attendance *a); /* the writer has stopped; takes NULL */

/* SHOW_UNKNOWN for whoever is not looked after.  Any thread. */
enum show attendance_of(struct attendance *a, const char *bare_jid);

/* This user is about to have mail held.  false: there is no room for one more. */
bool attendance_want(struct attendance *a, const char *bare_jid);
/* What they chose, or what is held for them, has changed: release_settle is called soon. */
void attendance_stir(struct attendance *a, const char *bare_jid);
/* They have nothing held any more, as was found by looking when attendance_choices said so: whoever
 * has chosen again since then stays. */
void attendance_leave(struct attendance *a, const char *bare_jid, uint64_t choices);
uint64_t attendance_choices(const struct attendance *a);

/* A presence of anybody to anybody at the component. */
void attendance_seen(struct attendance *a, const struct xml_node *stanza);
void attendance_up(struct attendance *a);   /* the stream */
void attendance_tick(struct attendance *a); /* each second */

#endif
