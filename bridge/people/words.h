/*
 * words: what a user says to the gateway itself, in a chat: "help", "receipts on", "block
 * romeo@example.net".
 *
 * What can be chosen is in choice_table.c; what else can be said is a row of the table in words.c:
 * the word, whether something follows it, what it does, and a line for the help.  Loop thread.
 */
#ifndef BRIDGE_PEOPLE_WORDS_H
#define BRIDGE_PEOPLE_WORDS_H

#include "bridge/gateway.h"
#include "mapping/letter.h"

struct words *words_new(struct gateway *g);
void words_free(struct words *w); /* the store has stopped; takes NULL */

/* A letter of verdict STANZA_WORDS from a user who may use the gateway, and the stanza it was.  The
 * answer follows when what was said is on disk, in the stanza's language; what is no word gets the
 * help, and soon after that nothing, so that two machines do not talk for ever.  Copies what it
 * needs. */
void words_arrived(struct words *w, const struct letter *letter, const struct xml_node *stanza,
                   const char *bare_jid);

#endif
