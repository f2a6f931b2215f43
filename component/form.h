/*
 * form: data forms (XEP-0004), those that are shown and those that come back.  Everything is made
 * in the arena; NULL when it is exhausted.  Any thread.
 */
#ifndef COMPONENT_FORM_H
#define COMPONENT_FORM_H

#include "base/arena.h"
#include "base/xml.h"

#define FORM_NS "jabber:x:data"

/* A form of this type ("form", "result") in parent; title and instructions may be NULL.  name is
 * its FORM_TYPE (XEP-0068). */
struct xml_node *form_add(struct arena *a, struct xml_node *parent, const char *type,
                          const char *name, const char *title, const char *instructions);
/* A field of type text-single and the like; label and value may be NULL.  Takes a NULL form by
 * returning NULL, as do the makers of base/xml.h. */
struct xml_node *form_field(struct arena *a, struct xml_node *form, const char *type,
                            const char *var, const char *label, const char *value);

/* The form in an element that came in; NULL: none. */
const struct xml_node *form_in(const struct xml_node *parent);
/* The one field of that name; NULL: there is none, or it is there twice. */
const struct xml_node *form_find(const struct xml_node *form, const char *var);
/* The value of a field, "" for none; NULL: it has several, or memory is out. */
const char *form_value(struct arena *a, const struct xml_node *field);

#endif
