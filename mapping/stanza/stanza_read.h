/*
 * stanza_read: a message stanza becomes a letter (jabber:x:envelope, x:oob, x:expire, thread,
 * reply). Pure; any thread.
 */
#ifndef MAPPING_STANZA_STANZA_READ_H
#define MAPPING_STANZA_STANZA_READ_H

#include "base/xml.h"
#include "mapping/context.h"
#include "mapping/letter.h"
#include "mapping/report/status.h"

enum stanza_verdict {
    STANZA_LETTER,  /* *out is the letter */
    STANZA_NOTICE,  /* *out says only what became of an earlier message (notice_kind, notice_id) and
                       has the contact it goes to as its one recipient */
    STANZA_WORDS,   /* *out is said to the gateway itself: a text, and nobody it is for */
    STANZA_IGNORE,  /* nothing for mail: chat states, an empty message of such a kind */
    STANZA_REFUSED, /* *error says why; it goes back to the sender */
    STANZA_FAILED   /* memory: try again */
};

/* The stanza must have from and to.  Whether the sender may send is not decided here. */
enum stanza_verdict stanza_read(const struct context *ctx, struct arena *a,
                                const struct xml_node *stanza, struct letter **out,
                                struct jabber_error *error) MUST_CHECK;

#endif
