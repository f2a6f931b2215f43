/*
 * fallback: words in a body that are there only for clients which do not know an extension
 * (XEP-0428). Pure; any thread.
 */
#ifndef MAPPING_FALLBACK_H
#define MAPPING_FALLBACK_H

#include "base/xml.h"

/* text, the body of stanza, without the ranges that stand for what ns says better; the whole text
 * when nothing would be left.  NULL when the arena is exhausted. */
const char *fallback_remove(struct arena *a, const struct xml_node *stanza, const char *ns,
                            const char *text);

#endif
