/*
 * xml: elements in memory, read and written by everyone, parsed only in component/.
 *
 * A node is an element (name set) or a run of text (name NULL).  Nodes and strings live in an arena
 * and are never freed singly.  Text is UTF-8 without the characters XML 1.0 forbids (§2.2); what is
 * added through this interface is cleaned.  Not shared between threads.
 */
#ifndef BASE_XML_H
#define BASE_XML_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct xml_attr {
    const char *ns; /* NULL: none; XML_NS for xml:lang */
    const char *name, *value;
    struct xml_attr *next;
};

struct xml_node {
    const char *name; /* local name; NULL: a run of text */
    const char *ns;   /* namespace of an element, "" for none */
    const char *text; /* of a run of text, NUL-terminated */
    struct xml_attr *attrs;
    struct xml_node *parent, *first, *last, *next;
};

#define XML_NS "http://www.w3.org/XML/1998/namespace"

/* Makers return NULL when the arena is exhausted, and take a NULL parent or node by returning NULL,
 * so that calls may be chained and checked once at the end. */
struct xml_node *xml_new(struct arena *a, const char *ns, const char *name);
struct xml_node *xml_add(struct arena *a, struct xml_node *parent, const char *ns,
                         const char *name);
struct xml_node *xml_add_text(struct arena *a, struct xml_node *parent, const char *text);
/* xml_add and xml_add_text in one; text may be NULL for none.  Returns the element. */
struct xml_node *xml_add_with_text(struct arena *a, struct xml_node *parent, const char *ns,
                                   const char *name, const char *text);
struct xml_node *xml_set(struct arena *a, struct xml_node *node, const char *name,
                         const char *value);
struct xml_node *xml_set_lang(struct arena *a, struct xml_node *node, const char *lang);
void xml_append(struct xml_node *parent, struct xml_node *child); /* child has no parent yet */
struct xml_node *xml_copy(struct arena *a, const struct xml_node *node);

/* NULL when there is none (node may be NULL). ns NULL: any. */
const char *xml_get(const struct xml_node *node, const char *name);
const char *xml_lang(const struct xml_node *node); /* its own or an ancestor's */
struct xml_node *xml_child(const struct xml_node *node, const char *ns, const char *name);
struct xml_node *xml_next(const struct xml_node *node, const char *ns, const char *name);
/* All text directly in node, joined; "" when none, NULL when the arena is exhausted or node is
 * NULL. */
const char *xml_text(struct arena *a, const struct xml_node *node);
/* xml_text of the named child; NULL when there is no such child. */
const char *xml_child_text(struct arena *a, const struct xml_node *node, const char *ns,
                           const char *name);

/* Writes node; xmlns is written where it differs from the surrounding ns (NULL: none known). */
void xml_write(struct buf *out, const struct xml_node *node, const char *ns);
void xml_escape(struct buf *out, const char *text);

/* text as it may stand in XML: bad UTF-8 becomes U+FFFD, forbidden characters are left out. */
const char *xml_clean(struct arena *a, const char *text, size_t len) MUST_CHECK;

#endif
