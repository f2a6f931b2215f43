/*
 * registering: the form and what comes back in it.  Owns nothing, no thread of its own.
 *
 * Both ways of XEP-0077 stand in one answer: a client that knows forms takes the form (§4), others
 * the fields of old, of which `username` is the address's local part and `name` is the name.
 */
#include "component/registering.h"

#include <string.h>

#include "component/form.h"

enum { TEXT_MAX = 1000 };

static const char *const fields[] = {"username", "name"};

static const char **slot(const struct registering_extra *extra, struct registering_request *r,
                         const char *var)
{
    size_t i;

    if (strcmp(var, "username") == 0)
        return &r->alias;
    for (i = 0; i < extra->count; i++)
        if (strcmp(var, extra->vars[i]) == 0)
            return &r->extra[i];
    return strcmp(var, "name") == 0 ? &r->name : NULL;
}

static int fault(enum reply_error error, const char *text, enum reply_error *error_out,
                 const char **text_out)
{
    *error_out = error;
    *text_out = text;
    return -1;
}

/* A password is as it is. */
static bool is_exact(const char *var)
{
    size_t n = strlen(var);

    return n >= 8 && strcmp(var + n - 8, "password") == 0;
}

/* Without what people and clients leave round it. */
static const char *trim(struct arena *a, const char *var, const char *text)
{
    size_t n;

    if (!text)
        return NULL;
    if (is_exact(var))
        return strlen(text) > TEXT_MAX ? NULL : arena_strdup(a, text);
    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    return n > TEXT_MAX ? NULL : arena_strndup(a, text, n);
}

static int take(struct arena *a, const struct registering_extra *extra,
                struct registering_request *out, const char *var, const char *text,
                enum reply_error *error_out, const char **text_out)
{
    const char **place = slot(extra, out, var);

    if (!place)
        return fault(REPLY_NOT_ACCEPTABLE,
                     arena_printf(a,
                                  "\"%.80s\" is not asked for here: fill in the form that the "
                                  "gateway sends.",
                                  var),
                     error_out, text_out);
    if (*place)
        return fault(REPLY_NOT_ACCEPTABLE, arena_printf(a, "\"%s\" stands in the form twice.", var),
                     error_out, text_out);
    *place = trim(a, var, text);
    if (!*place)
        return fault(REPLY_NOT_ACCEPTABLE,
                     arena_printf(a, "\"%s\" is one line, and not so long.", var), error_out,
                     text_out);
    return 0;
}

static int read_form(struct arena *a, const struct xml_node *form,
                     const struct registering_extra *extra, struct registering_request *out,
                     enum reply_error *error_out, const char **text_out)
{
    const char *type = xml_get(form, "type");
    const struct xml_node *field;

    if (type && strcmp(type, "cancel") == 0) {
        out->what = REGISTERING_CANCEL;
        return 0;
    }
    if (!type || strcmp(type, "submit") != 0)
        return fault(REPLY_BAD_REQUEST, "The form is not one that was filled in.", error_out,
                     text_out);
    for (field = xml_child(form, FORM_NS, "field"); field;
         field = xml_next(field, FORM_NS, "field")) {
        const char *var = xml_get(field, "var"), *value = form_value(a, field);

        if (!var) /* of type fixed: words between the fields */
            continue;
        if (strcmp(var, "FORM_TYPE") != 0) {
            if (take(a, extra, out, var, value, error_out, text_out) < 0)
                return -1;
        } else if (!value || strcmp(value, REGISTER_NS) != 0) {
            return fault(REPLY_NOT_ACCEPTABLE, "This is the form of something else.", error_out,
                         text_out);
        }
    }
    return 0;
}

/* What an answer of ours has beside the fields may come back with them; <key/> is of a version of
 * before 2002. */
static bool is_harmless(const char *name)
{
    static const char *const names[] = {"instructions", "registered", "key", "x"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int read_fields(struct arena *a, const struct xml_node *query,
                       const struct registering_extra *extra, struct registering_request *out,
                       enum reply_error *error_out, const char **text_out)
{
    const struct xml_node *n;

    for (n = query->first; n; n = n->next)
        if (n->name && !is_harmless(n->name) &&
            take(a, extra, out, n->name, xml_text(a, n), error_out, text_out) < 0)
            return -1;
    return 0;
}

static bool is_alone(const struct xml_node *query)
{
    const struct xml_node *n;
    unsigned count = 0;

    for (n = query->first; n; n = n->next)
        count += n->name != NULL;
    return count == 1;
}

static bool has_extra(const struct registering_request *r)
{
    size_t i;

    for (i = 0; i < REGISTERING_EXTRA_MAX; i++)
        if (r->extra[i])
            return true;
    return false;
}

int registering_read(struct arena *a, const struct xml_node *iq,
                     const struct registering_extra *extra, struct registering_request *out,
                     enum reply_error *error_out, const char **text_out)
{
    const struct xml_node *query = xml_child(iq, REGISTER_NS, "query"), *form = form_in(query);
    const char *type = xml_get(iq, "type");

    *out = (struct registering_request){.what = REGISTERING_LOOK};
    if (!type || strcmp(type, "set") != 0)
        return 0;
    if (xml_child(query, REGISTER_NS, "remove")) { /* XEP-0077 §3.2: alone */
        out->what = REGISTERING_REMOVE;
        return is_alone(query)
                   ? 0
                   : fault(REPLY_BAD_REQUEST, "<remove/> stands alone.", error_out, text_out);
    }
    out->what = REGISTERING_SET;
    if ((form ? read_form(a, form, extra, out, error_out, text_out)
              : read_fields(a, query, extra, out, error_out, text_out)) < 0)
        return -1;
    if (out->what == REGISTERING_SET && !out->alias && !out->name && !has_extra(out))
        return fault(REPLY_NOT_ACCEPTABLE, "There is nothing in the form.", error_out, text_out);
    return 0;
}

struct xml_node *registering_form(struct arena *a, const struct xml_node *iq,
                                  const struct registering_state *s, struct xml_node **form_out)
{
    const char *labels[] = {s->alias_label, s->name_label};
    const char *values[] = {s->alias ? s->alias : "", s->name};
    struct xml_node *query, *form, *reply = reply_query(a, iq, REGISTER_NS, "query", &query);
    size_t i = s->may_choose ? 0 : 1;

    if (s->is_registered && !xml_add(a, query, REGISTER_NS, "registered"))
        return NULL;
    if (!xml_add_with_text(a, query, REGISTER_NS, "instructions", s->instructions))
        return NULL;
    for (; i < 2; i++)
        if (!xml_add_with_text(a, query, REGISTER_NS, fields[i], values[i]))
            return NULL;
    *form_out = form = form_add(a, query, "form", REGISTER_NS, s->title, s->instructions);
    for (i = s->may_choose ? 0 : 1; i < 2; i++)
        if (!form_field(a, form, "text-single", fields[i], labels[i], values[i]))
            return NULL;
    return reply;
}
