/*
 * amp: rules of XEP-0079, read and written, and the reports that answer them.  Everything lives in
 * the caller's arena; no thread of its own.
 */
#include "mapping/stanza/amp.h"

#include <string.h>

#include "mapping/names.h"
#include "mapping/stamp.h"

enum { RULES_MAX = 32 };

/* EXPIRY_EVENT: none of the four. */
static const char *const names[] = {[EXPIRY_EVENT] = "drop",
                                    [EXPIRY_DROP] = "drop",
                                    [EXPIRY_ERROR] = "error",
                                    [EXPIRY_ALERT] = "alert",
                                    [EXPIRY_NOTIFY] = "notify"};

static enum expiry_action action_named(const char *name)
{
    size_t i;

    for (i = EXPIRY_DROP; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return (enum expiry_action)i;
    return EXPIRY_EVENT;
}

static enum amp_reading read_rule(struct letter *l, const struct xml_node *rule)
{
    const char *condition = xml_get(rule, "condition"), *value = xml_get(rule, "value");
    enum expiry_action action = action_named(xml_get(rule, "action"));
    int64_t at;

    if (!condition || strcmp(condition, "expire-at") != 0)
        return AMP_OK;
    at = value ? stamp_read(value) : 0;
    if (at <= 0 || action == EXPIRY_EVENT)
        return AMP_BAD_VALUE;
    if (l->expires_s == 0 || at < l->expires_s) {
        l->expires_s = at;
        l->expiry_action = action;
    }
    return AMP_OK;
}

enum amp_reading amp_read(struct letter *l, const struct xml_node *amp)
{
    const struct xml_node *rule = xml_child(amp, NS_AMP, "rule");
    enum amp_reading reading = AMP_OK;
    unsigned n;

    for (n = 0; rule && n < RULES_MAX && reading == AMP_OK; n++) {
        reading = read_rule(l, rule);
        rule = xml_next(rule, NS_AMP, "rule");
    }
    return reading;
}

static struct xml_node *add_rule(struct arena *a, struct xml_node *parent, const char *ns,
                                 enum expiry_action action, int64_t expires_s)
{
    struct xml_node *rule = xml_add(a, parent, ns, "rule");
    char stamp[STAMP_SIZE];

    rule = xml_set(a, rule, "action", names[action]);
    rule = xml_set(a, rule, "condition", "expire-at");
    return xml_set(a, rule, "value", stamp_write(expires_s, stamp));
}

int amp_write(struct arena *a, int64_t expires_s, struct xml_node *stanza)
{
    struct xml_node *amp = xml_add(a, stanza, NS_AMP, "amp");

    return add_rule(a, amp, NS_AMP, EXPIRY_DROP, expires_s) ? 0 : -1;
}

bool amp_has_report(enum expiry_action action)
{
    return action == EXPIRY_ERROR || action == EXPIRY_ALERT || action == EXPIRY_NOTIFY;
}

/* XEP-0079 §3.3.3 */
static int add_error(struct arena *a, struct xml_node *message, int64_t expires_s)
{
    struct xml_node *error = xml_add(a, message, message->ns, "error"), *failed;

    error = xml_set(a, xml_set(a, error, "type", "modify"), "code", "500");
    if (!xml_add(a, error, "urn:ietf:params:xml:ns:xmpp-stanzas", "undefined-condition") ||
        !xml_add_with_text(a, error, "urn:ietf:params:xml:ns:xmpp-stanzas", "text",
                           "The time of the message was over before it could be sent."))
        return -1;
    failed = xml_add(a, error, NS_AMP "#errors", "failed-rules");
    return add_rule(a, failed, NS_AMP "#errors", EXPIRY_ERROR, expires_s) ? 0 : -1;
}

struct xml_node *amp_report(struct arena *a, const char *from, const char *to, const char *id,
                            enum expiry_action action, int64_t expires_s)
{
    struct xml_node *message = xml_new(a, "jabber:component:accept", "message"), *amp;

    if (!xml_set(a, message, "from", from) || !xml_set(a, message, "to", to) ||
        (id && !xml_set(a, message, "id", id)) ||
        (action == EXPIRY_ERROR && !xml_set(a, message, "type", "error")))
        return NULL;
    amp = xml_add(a, message, NS_AMP, "amp");
    amp = xml_set(a, xml_set(a, amp, "status", names[action]), "from", to);
    if (!add_rule(a, xml_set(a, amp, "to", from), NS_AMP, action, expires_s))
        return NULL;
    return action == EXPIRY_ERROR && add_error(a, message, expires_s) < 0 ? NULL : message;
}
