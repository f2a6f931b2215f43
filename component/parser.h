/*
 * parser: the bytes of a Jabber stream become stanzas (expat; RFC 6120 §4 and §11).
 *
 * Bytes may be split anywhere.  DOCTYPE, comments, processing instructions and entities of its own
 * are refused (RFC 6120 §11.1), and bytes per stanza, depth, and attributes per element are
 * bounded.  One parser reads one stream; after an error it takes nothing more.  Not shared between
 * threads.
 *
 * Anybody may have sent what the host only hands on, so a stanza over a limit is no reason to end
 * the stream for all: with a handler for it such a stanza is passed over.
 */
#ifndef COMPONENT_PARSER_H
#define COMPONENT_PARSER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xml.h"

struct parser_limits {   /* 0: the default */
    size_t stanza_bytes; /* default 256 KiB */
    unsigned depth;      /* of elements inside a stanza; default 64 */
    unsigned attributes; /* per element; default 64 */
};

struct parser_handler {
    /* The stream's opening tag; valid during the call. */
    void (*opened)(const struct xml_node *root, void *arg);
    /* A child of the root. The arena holds it and is the callee's from here on. */
    void (*stanza)(struct xml_node *stanza, struct arena *arena, void *arg);
    void (*closed)(void *arg); /* the stream's closing tag */
    /* A stanza was over a limit and has been passed over; why is a sentence for its sender.  top,
     * valid during the call, has its name and the attributes type, id, from and to, perhaps others.
     * NULL here: the limit is an error of the stream, as it always is for a stanza of more than
     * PARSER_SKIP_FACTOR times the bytes allowed. */
    void (*skipped)(const struct xml_node *top, const char *why, void *arg);
};

enum { PARSER_SKIP_FACTOR = 4 };

struct parser;

struct parser *parser_new(const struct parser_limits *limits, const struct parser_handler *handler,
                          void *arg);
void parser_free(struct parser *p); /* takes NULL; may be called from the handler's calls */

/* -1: *e says why, and e_condition_out (may be NULL) gets the stream error condition for the peer
 * (not-well-formed, restricted-xml, policy-violation, ...).  0 when a handler has freed the parser.
 */
int parser_feed(struct parser *p, const char *data, size_t len, const char **e_condition_out,
                struct err *e) MUST_CHECK;

/* One whole stanza from a text, as it would stand in a stream whose default namespace is default_ns
 * (what `postern convert` reads).  White space and an XML declaration around it are allowed. */
int parser_read_one(struct arena *a, const char *text, size_t len, const char *default_ns,
                    const struct parser_limits *limits, struct xml_node **out,
                    struct err *e) MUST_CHECK;

#endif
