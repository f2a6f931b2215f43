/*
 * form: building and reading data forms.  Owns nothing, no thread of its own.
 */
#include "component/form.h"

#include <string.h>

struct xml_node *form_add(struct arena *a, struct xml_node *parent, const char *type,
                          const char *name, const char *title, const char *instructions)
{
    struct xml_node *form = xml_set(a, xml_add(a, parent, FORM_NS, "x"), "type", type);

    if (title && !xml_add_with_text(a, form, FORM_NS, "title", title))
        return NULL;
    if (instructions && !xml_add_with_text(a, form, FORM_NS, "instructions", instructions))
        return NULL;
    return form_field(a, form, "hidden", "FORM_TYPE", NULL, name) ? form : NULL;
}

struct xml_node *form_field(struct arena *a, struct xml_node *form, const char *type,
                            const char *var, const char *label, const char *value)
{
    struct xml_node *field = xml_set(a, xml_add(a, form, FORM_NS, "field"), "type", type);

    field = xml_set(a, field, "var", var);
    if (label)
        field = xml_set(a, field, "label", label);
    if (value && !xml_add_with_text(a, field, FORM_NS, "value", value))
        return NULL;
    return field;
}

const struct xml_node *form_in(const struct xml_node *parent)
{
    return xml_child(parent, FORM_NS, "x");
}

const struct xml_node *form_find(const struct xml_node *form, const char *var)
{
    const struct xml_node *field = xml_child(form, FORM_NS, "field"), *found = NULL;

    for (; field; field = xml_next(field, FORM_NS, "field")) {
        const char *name = xml_get(field, "var");

        if (!name || strcmp(name, var) != 0)
            continue;
        if (found)
            return NULL;
        found = field;
    }
    return found;
}

const char *form_value(struct arena *a, const struct xml_node *field)
{
    const struct xml_node *value = xml_child(field, FORM_NS, "value");

    if (!value)
        return "";
    return xml_next(value, FORM_NS, "value") ? NULL : xml_text(a, value);
}
