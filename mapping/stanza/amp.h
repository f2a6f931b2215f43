/*
 * amp: when a message is of no use any more, and what is then to be done: the condition expire-at
 * of XEP-0079 beside jabber:x:expire (XEP-0023).  Pure; any thread.
 */
#ifndef MAPPING_STANZA_AMP_H
#define MAPPING_STANZA_AMP_H

#include "base/xml.h"
#include "mapping/letter.h"

enum amp_reading { AMP_OK, AMP_BAD_VALUE, AMP_MEMORY };

/* Reads the rules expire-at of an amp element into letter->expires_s and expiry_action; of several
 * times, also that of an x:expire, the first counts with what goes with it.  Other conditions are
 * for servers on the way. */
enum amp_reading amp_read(struct letter *letter, const struct xml_node *amp) MUST_CHECK;

/* Adds the rule `expire-at`, action drop, to a stanza.  -1: the arena is exhausted. */
int amp_write(struct arena *a, int64_t expires_s, struct xml_node *stanza) MUST_CHECK;

/* Does the action want a report at all? */
bool amp_has_report(enum expiry_action action);

/*
 * The report that XEP-0079 §2.3 asks for: from (whom the message was sent to) tells to (its sender)
 * that its time expires_s is over.  For EXPIRY_ERROR a message of type error.  NULL when the arena
 * is exhausted.
 */
struct xml_node *amp_report(struct arena *a, const char *from, const char *to, const char *id,
                            enum expiry_action action, int64_t expires_s);

#endif
