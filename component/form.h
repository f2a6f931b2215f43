/*
 * form: data forms (XEP-0004), those that are shown and those that come back.  Everything is made
 * in the arena; NULL when it is exhausted.  Any thread.
 */
#ifndef COMPONENT_FORM_H
#define COMPONENT_FORM_H

#include <stddef.h>

#include "base/arena.h"
#include "base/xml.h"

#define FORM_NS "jabber:x:data"

/* A form of this type ("form", "result") in parent; title and instructions may be NULL.  name is
 * its FORM_TYPE (XEP-0068). */
struct xml_node *form_add(struct arena *a, struct xml_node *parent, const char *type,
                          const char *name, const char *title, const char *instructions);
/* The same on its own, and without a name: for a command (XEP-0050). */
struct xml_node *form_new(struct arena *a, const char *type, const char *title,
                          const char *instructions);
/* A field of type text-single and the like; var (of words alone, type fixed), label and value may
 * be NULL.  Takes a NULL form by
 * returning NULL, as do the makers of base/xml.h. */
struct xml_node *form_field(struct arena *a, struct xml_node *form, const char *type,
                            const char *var, const char *label, const char *value);

/* Each returns the field. */
struct xml_node *form_option(struct arena *a, struct xml_node *field, const char *label,
                             const char *value);
struct xml_node *form_add_value(struct arena *a, struct xml_node *field, const char *value);

/* The form in an element that came in; NULL: none. */
const struct xml_node *form_in(const struct xml_node *parent);
/* The one field of that name; NULL: there is none, or it is there twice. */
const struct xml_node *form_find(const struct xml_node *form, const char *var);
/* The value of a field, "" for none; NULL: it has several, or memory is out. */
const char *form_value(struct arena *a, const struct xml_node *field);
/* All values of a field in order, *count_out of them, 0 when field is NULL; NULL: memory. */
const char **form_values(struct arena *a, const struct xml_node *field, size_t *count_out);

#endif
