/*
 * searching: the form, what comes back in it, and what was found.  Owns nothing, no thread of its
 * own.
 *
 * A mail's sender has one name, as they write it: what stands after its last blank is told as the
 * last name to a client that knows only the fields of old (§2.1), the rest as the first.
 */
#include "component/searching.h"

#include <string.h>

#include "component/form.h"
#include "component/reply.h"

enum { TEXT_MAX = 1000 };

static const char *const fields[SEARCHING_FIELDS] = {"first", "last", "nick", "email"};

struct xml_node *searching_form(struct arena *a, const struct xml_node *iq,
                                const struct searching_words *words)
{
    struct xml_node *query, *form, *reply = reply_query(a, iq, SEARCHING_NS, "query", &query);
    size_t i;

    if (!xml_add_with_text(a, query, SEARCHING_NS, "instructions", words->instructions))
        return NULL;
    for (i = 0; i < SEARCHING_FIELDS; i++)
        if (!xml_add(a, query, SEARCHING_NS, fields[i]))
            return NULL;
    form = form_add(a, query, "form", SEARCHING_NS, words->title, words->instructions);
    for (i = 0; i < SEARCHING_FIELDS; i++)
        if (!form_field(a, form, "text-single", fields[i], words->labels[i], NULL))
            return NULL;
    return reply;
}

/* Without blanks round it; nobody's name is so long that it must be searched for as a whole. */
static const char *trim(struct arena *a, const char *text)
{
    size_t n;

    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    return arena_strndup(a, text, n > TEXT_MAX ? TEXT_MAX : n);
}

int searching_read(struct arena *a, const struct xml_node *iq, struct searching_request *out)
{
    const struct xml_node *query = xml_child(iq, SEARCHING_NS, "query"), *form = form_in(query);
    const char *text;
    size_t i;

    *out = (struct searching_request){.is_form = form != NULL};
    for (i = 0; i < SEARCHING_FIELDS; i++) {
        if (form)
            text = form_value(a, form_find(form, fields[i]));
        else
            text = xml_child_text(a, query, SEARCHING_NS, fields[i]);
        out->of[i] = trim(a, text ? text : "");
        if (!out->of[i])
            return -1;
    }
    return 0;
}

/* ---- what was found ---- */

static struct xml_node *add_named(struct arena *a, struct xml_node *item, const char *var,
                                  const char *value)
{
    struct xml_node *field = xml_set(a, xml_add(a, item, FORM_NS, "field"), "var", var);

    return xml_add_with_text(a, field, FORM_NS, "value", value);
}

static int add_column(struct arena *a, struct xml_node *reported, const char *type, const char *var,
                      const char *label)
{
    return form_field(a, reported, type, var, label, NULL) ? 0 : -1;
}

/* XEP-0004 §3.4. */
static int add_table(struct arena *a, struct xml_node *query, const struct searching_words *words,
                     const struct searching_found *found, unsigned count)
{
    struct xml_node *form = form_add(a, query, "result", SEARCHING_NS, words->title, NULL), *item;
    struct xml_node *reported = xml_add(a, form, FORM_NS, "reported");
    unsigned i;

    if (add_column(a, reported, "text-single", "nick", words->labels[SEARCHING_NICK]) < 0 ||
        add_column(a, reported, "text-single", "email", words->labels[SEARCHING_EMAIL]) < 0 ||
        add_column(a, reported, "jid-single", "jid", words->jid) < 0)
        return -1;
    for (i = 0; i < count; i++) {
        item = xml_add(a, form, FORM_NS, "item");
        if (!add_named(a, item, "nick", found[i].name ? found[i].name : "") ||
            !add_named(a, item, "email", found[i].mail) || !add_named(a, item, "jid", found[i].jid))
            return -1;
    }
    return 0;
}

static int add_item(struct arena *a, struct xml_node *query, const struct searching_found *found)
{
    struct xml_node *item = xml_set(a, xml_add(a, query, SEARCHING_NS, "item"), "jid", found->jid);
    const char *name = found->name ? found->name : "", *blank = strrchr(name, ' ');
    const char *values[] = {blank ? arena_strndup(a, name, (size_t)(blank - name)) : "",
                            blank ? blank + 1 : "", name, found->mail};
    size_t i;

    for (i = 0; i < SEARCHING_FIELDS; i++)
        if (!values[i] || !xml_add_with_text(a, item, SEARCHING_NS, fields[i], values[i]))
            return -1;
    return 0;
}

struct xml_node *searching_result(struct arena *a, const struct xml_node *iq,
                                  const struct searching_request *request,
                                  const struct searching_words *words,
                                  const struct searching_found *found, const struct paging *paging)
{
    struct xml_node *query, *reply = reply_query(a, iq, SEARCHING_NS, "query", &query);
    unsigned i;

    if (request->is_form && add_table(a, query, words, found, paging->taken) < 0)
        return NULL;
    for (i = 0; !request->is_form && i < paging->taken; i++)
        if (add_item(a, query, &found[i]) < 0)
            return NULL;
    return reply && paging_write(a, query, paging) == 0 ? reply : NULL;
}
