/*
 * host: the host servers' own ways.  No data, no thread of its own.
 *
 * How the servers of Debian 12 speak to a component (each was tried):
 * - A wrong secret: all three say not-authorized after the handshake.
 * - A wrong name: Prosody says host-unknown, in a stream whose id is empty; ejabberd says
 *   not-authorized, as for a wrong secret; jabberd2 takes any name, there is one secret for all.
 * - The port for clients: ejabberd says invalid-namespace, Prosody host-unknown.
 * - A second instance: Prosody says conflict; ejabberd and jabberd2 let both in.
 * - A foreign `from`: invalid-from, but jabberd2 routes it.  No `from`: improper-addressing by
 *   ejabberd, silence by jabberd2, and Prosody takes the component itself as the sender.
 * - What is no XML: not-well-formed, jabberd2 says xml-not-well-formed.  Prosody says
 *   not-well-formed also for a stanza over 512 KiB, and resets the connection while it is still
 *   being sent.
 * - An address that is none in `to`: Prosody jid-malformed, ejabberd bad-request, jabberd2 silence.
 * - jabberd2 sends stanzas in jabber:client, asks for disco#info right behind the handshake, and
 *   bounces what it cannot route with from and to as they were, not exchanged.
 * ejabberd is known to lose what is sent right after a component has connected: the stream repeats
 * its first ping for that.
 */
#include "component/host.h"

#include <stdbool.h>
#include <string.h>

#define STREAM_ERRORS_NS "urn:ietf:params:xml:ns:xmpp-streams"

struct condition_row {
    const char *condition;
    enum stream_loss loss;
};

static const struct condition_row conditions[] = {
    {"host-unknown", STREAM_LOSS_CONFIG},
    {"not-authorized", STREAM_LOSS_CONFIG},
    {"invalid-namespace", STREAM_LOSS_CONFIG},
    {"conflict", STREAM_LOSS_CONFLICT},
    {"not-well-formed", STREAM_LOSS_STANZA},
    {"xml-not-well-formed", STREAM_LOSS_STANZA}, /* RFC 3920 */
    {"invalid-from", STREAM_LOSS_STANZA},
    {"improper-addressing", STREAM_LOSS_STANZA},
    {"bad-format", STREAM_LOSS_STANZA},
    {"bad-namespace-prefix", STREAM_LOSS_STANZA},
    {"invalid-xml", STREAM_LOSS_STANZA},
    {"restricted-xml", STREAM_LOSS_STANZA},
    {"unsupported-stanza-type", STREAM_LOSS_STANZA},
    {"unsupported-encoding", STREAM_LOSS_STANZA},
    {"policy-violation", STREAM_LOSS_STANZA}, /* ejabberd: over its max_stanza_size */
};

static enum stream_loss loss_of(const char *condition)
{
    size_t i;

    for (i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        if (strcmp(conditions[i].condition, condition) == 0)
            return conditions[i].loss;
    return STREAM_LOSS_NETWORK;
}

/* The condition, or what stands for it in the plain texts of jabberd 1.4 and its kin. */
static const char *condition_of(const struct xml_node *error, const char *text)
{
    const struct xml_node *n;

    for (n = error->first; n; n = n->next)
        if (n->name && strcmp(n->ns, STREAM_ERRORS_NS) == 0 && strcmp(n->name, "text") != 0)
            return n->name;
    return strstr(text, "andshake") ? "not-authorized" : "undefined-condition";
}

enum stream_loss host_error(const struct xml_node *error, const struct stream_settings *settings,
                            struct arena *a, struct buf *reason)
{
    const char *text = xml_child_text(a, error, STREAM_ERRORS_NS, "text"), *condition;
    const char *jid = settings->jid;

    if (!text)
        text = xml_text(a, error);
    if (!text)
        text = "";
    condition = condition_of(error, text);
    if (strcmp(condition, "not-authorized") == 0)
        buf_printf(
            reason,
            "the host refuses the secret: compare jabber.secret with the component_secret of "
            "Component '%s' in Prosody, the password of hosts: '%s' in ejabberd (which says "
            "the same when it has no such host), or the <secret> of jabberd2's router.xml",
            jid, jid);
    else if (strcmp(condition, "host-unknown") == 0)
        buf_printf(
            reason,
            "the host has no component '%s' on this port: compare jid and jabber.port with its "
            "configuration",
            jid);
    else if (strcmp(condition, "invalid-namespace") == 0)
        buf_printf(reason, "%s port %u is not for components: compare jabber.port with the host's",
                   settings->host, settings->port);
    else if (strcmp(condition, "conflict") == 0)
        buf_printf(reason, "another instance is connected as '%s'", jid);
    else
        buf_printf(reason, "stream error %.50s: %.200s", condition, text);
    return loss_of(condition);
}

/* The element and what inherits its namespace; a message quoted in it stays as it is. */
static void rename_from_client(struct xml_node *node)
{
    struct xml_node *child;

    if (strcmp(node->ns, "jabber:client") != 0)
        return;
    node->ns = STREAM_NS;
    for (child = node->first; child; child = child->next)
        if (child->name)
            rename_from_client(child);
}

static struct xml_attr *find_attr(const struct xml_node *node, const char *name)
{
    struct xml_attr *attr = node->attrs;

    while (attr && (attr->ns || strcmp(attr->name, name) != 0))
        attr = attr->next;
    return attr;
}

static bool is_at(const char *jid, const char *domain)
{
    const char *slash = strchr(jid, '/'), *at = strchr(jid, '@');
    size_t len = strlen(domain);

    if (at && (!slash || at < slash))
        jid = at + 1;
    return strncmp(jid, domain, len) == 0 && (jid[len] == '\0' || jid[len] == '/');
}

static void turn_bounce(struct xml_node *stanza, const char *jid)
{
    const char *type = xml_get(stanza, "type"), *value;
    struct xml_attr *from = find_attr(stanza, "from"), *to = find_attr(stanza, "to");

    if (!type || strcmp(type, "error") != 0 || !from || !to || !is_at(from->value, jid) ||
        is_at(to->value, jid))
        return;
    value = from->value;
    from->value = to->value;
    to->value = value;
}

void host_normalise(struct xml_node *stanza, const char *jid)
{
    rename_from_client(stanza);
    turn_bounce(stanza, jid);
}

struct xml_node *host_outline(struct arena *a, const struct xml_node *top, const char *jid)
{
    static const char *const names[] = {"type", "id", "from", "to"};
    struct xml_node *outline = xml_new(a, top->ns, top->name);
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (xml_get(top, names[i]))
            outline = xml_set(a, outline, names[i], xml_get(top, names[i]));
    if (outline)
        host_normalise(outline, jid);
    return outline;
}
