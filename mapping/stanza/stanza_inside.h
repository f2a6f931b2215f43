/*
 * stanza_inside: what the parts of stanza_read share: the message that is being read, and verdicts
 * on it.  stanza_read goes through its elements, stanza_people finds out who it is for, stanza_text
 * what it says.
 */
#ifndef MAPPING_STANZA_STANZA_INSIDE_H
#define MAPPING_STANZA_STANZA_INSIDE_H

#include <stdbool.h>

#include "mapping/stanza/stanza_read.h"

struct reading {
    const struct context *ctx;
    struct arena *a;
    const struct xml_node *stanza;
    struct letter *letter;
    struct jabber_error *error;
    struct jid to;
    const struct xml_node *envelope, *addresses, *body, *subject;
    const char *signature;   /* OpenPGP data; NULL: none that can be used */
    const char *cipher;      /* the text is encrypted with this; NULL: it is not */
    struct contact *changes; /* to a roster, for which there are only words */
    const char *words;       /* links that stay text, a line each; NULL: none */
    bool is_signal;          /* something that only means anything between chat clients */
    unsigned links, recipients;
};

/* Refuses it; text NULL: memory is out, which is no refusal. */
enum stanza_verdict stanza_refuse(struct reading *r, const char *condition, const char *text);
enum stanza_verdict stanza_refuse_address(struct reading *r, const char *what, const char *address,
                                          const struct err *e);

/* xml:lang of the element itself, none inherited: clients put the user's own language on every
 * stanza, which says little about a text.  NULL: none. */
const char *stanza_own_lang(const struct xml_node *node);

/* Steps of reading: before the elements ... */
enum stanza_verdict stanza_read_sender(struct reading *r);
enum stanza_verdict stanza_read_addressee(struct reading *r);
/* ... and after them, in this order. */
enum stanza_verdict stanza_finish_text(struct reading *r);
enum stanza_verdict stanza_finish_variants(struct reading *r);
enum stanza_verdict stanza_finish_openpgp(struct reading *r);
enum stanza_verdict stanza_finish_words(struct reading *r);
enum stanza_verdict stanza_check_content(struct reading *r);
enum stanza_verdict stanza_finish_people(struct reading *r);

#endif
