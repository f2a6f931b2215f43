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

    if (var)
        field = xml_set(a, field, "var", var);
    if (label)
        field = xml_set(a, field, "label", label);
    if (value && !xml_add_with_text(a, field, FORM_NS, "value", value))
        return NULL;
    return field;
}

struct xml_node *form_new(struct arena *a, const char *type, const char *title,
                          const char *instructions)
{
    struct xml_node *form = xml_set(a, xml_new(a, FORM_NS, "x"), "type", type);

    if (title && !xml_add_with_text(a, form, FORM_NS, "title", title))
        return NULL;
    if (instructions && !xml_add_with_text(a, form, FORM_NS, "instructions", instructions))
        return NULL;
    return form;
}

struct xml_node *form_add_value(struct arena *a, struct xml_node *field, const char *value)
{
    return xml_add_with_text(a, field, FORM_NS, "value", value) ? field : NULL;
}

struct xml_node *form_option(struct arena *a, struct xml_node *field, const char *label,
                             const char *value)
{
    struct xml_node *option = xml_add(a, field, FORM_NS, "option");

    return form_add_value(a, xml_set(a, option, "label", label), value) ? field : NULL;
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

const char **form_values(struct arena *a, const struct xml_node *field, size_t *count_out)
{
    const struct xml_node *first = xml_child(field, FORM_NS, "value"), *value;
    const char **values;
    size_t n = 0;

    *count_out = 0;
    for (value = first; value; value = xml_next(value, FORM_NS, "value"))
        n++;
    values = arena_alloc(a, (n + 1) * sizeof *values);
    for (value = first; values && value; value = xml_next(value, FORM_NS, "value"))
        if (!(values[(*count_out)++] = xml_text(a, value)))
            return NULL;
    return values;
}
