/*
 * fallback: words in a body that are there only for clients which do not know an extension
 * (XEP-0428). Pure; any thread.
 */
#ifndef MAPPING_STANZA_FALLBACK_H
#define MAPPING_STANZA_FALLBACK_H

#include <stdbool.h>

#include "base/xml.h"

/* text, the body of stanza, without the ranges that stand for what the namespaces (up to a NULL)
 * say better.  Where nothing would be left: "" when all of it may go, else the whole text.  NULL
 * when the arena is exhausted. */
const char *fallback_remove(struct arena *a, const struct xml_node *stanza,
                            const char *const *namespaces, bool may_go, const char *text);

struct fallback_range {
    size_t start, end; /* bytes of the body */
};

/* Adds to the stanza: these ranges of its body (which ends where body ends) stand for what ns says
 * better.  Nothing for no range.  -1: the arena is exhausted. */
int fallback_write(struct arena *a, struct xml_node *stanza, const char *ns, const char *body,
                   const struct fallback_range *ranges, size_t count) MUST_CHECK;

#endif
