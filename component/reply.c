/*
 * reply: building answers.  Owns nothing, no thread of its own; the table of errors is what
 * XEP-0086 pairs with each condition.
 */
#include "component/reply.h"

struct error_row {
    const char *code, *type, *condition;
};

static const struct error_row errors[REPLY_ERROR_COUNT] = {
    [REPLY_BAD_REQUEST] = {"400", "modify", "bad-request"},
    [REPLY_JID_MALFORMED] = {"400", "modify", "jid-malformed"},
    [REPLY_FORBIDDEN] = {"403", "auth", "forbidden"},
    [REPLY_ITEM_NOT_FOUND] = {"404", "cancel", "item-not-found"},
    [REPLY_NOT_ALLOWED] = {"405", "cancel", "not-allowed"},
    [REPLY_NOT_ACCEPTABLE] = {"406", "modify", "not-acceptable"},
    [REPLY_NOT_REGISTERED] = {"407", "auth", "registration-required"},
    [REPLY_CONFLICT] = {"409", "cancel", "conflict"},
    [REPLY_INTERNAL] = {"500", "wait", "internal-server-error"},
    [REPLY_NOT_IMPLEMENTED] = {"501", "cancel", "feature-not-implemented"},
    [REPLY_UNAVAILABLE] = {"503", "cancel", "service-unavailable"},
    [REPLY_UNAVAILABLE_WAIT] = {"503", "wait", "service-unavailable"},
    [REPLY_TIMEOUT] = {"504", "wait", "remote-server-timeout"},
    [REPLY_NO_ROOM] = {"500", "wait", "resource-constraint"},
};

/* xml_set that leaves an attribute out where there is nothing to copy. */
static struct xml_node *copy_attr(struct arena *a, struct xml_node *node, const char *name,
                                  const char *value)
{
    return value ? xml_set(a, node, name, value) : node;
}

struct xml_node *reply_new(struct arena *a, const struct xml_node *request, const char *type)
{
    struct xml_node *reply = xml_new(a, request->ns, request->name);

    if (!reply || !copy_attr(a, reply, "type", type) ||
        !copy_attr(a, reply, "id", xml_get(request, "id")) ||
        !copy_attr(a, reply, "from", xml_get(request, "to")) ||
        !copy_attr(a, reply, "to", xml_get(request, "from")))
        return NULL;
    return reply;
}

struct xml_node *reply_result(struct arena *a, const struct xml_node *request)
{
    return reply_new(a, request, "result");
}

struct xml_node *reply_query(struct arena *a, const struct xml_node *request, const char *ns,
                             const char *name, struct xml_node **query_out)
{
    struct xml_node *reply = reply_result(a, request);

    *query_out = xml_add(a, reply, ns, name);
    return *query_out ? reply : NULL;
}

struct xml_node *reply_error(struct arena *a, const struct xml_node *request,
                             enum reply_error error, const char *text)
{
    const struct error_row *row = &errors[error];
    struct xml_node *reply = reply_new(a, request, "error");
    struct xml_node *node = xml_add(a, reply, request->ns, "error");

    if (!xml_set(a, node, "code", row->code) || !xml_set(a, node, "type", row->type) ||
        !xml_add(a, node, REPLY_STANZAS_NS, row->condition))
        return NULL;
    if (text && !xml_add_with_text(a, node, REPLY_STANZAS_NS, "text", text))
        return NULL;
    return reply;
}
