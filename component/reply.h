/*
 * reply: answers of the component itself, iq results and errors.
 *
 * Errors carry the old code beside type and condition (XEP-0086), and a text that a person can act
 * on. Everything is made in the arena; NULL when it is exhausted.  Any thread.
 */
#ifndef COMPONENT_REPLY_H
#define COMPONENT_REPLY_H

#include "base/arena.h"
#include "base/xml.h"

#define REPLY_STANZAS_NS "urn:ietf:params:xml:ns:xmpp-stanzas"

enum reply_error {
    REPLY_BAD_REQUEST,
    REPLY_JID_MALFORMED,
    REPLY_FORBIDDEN,
    REPLY_ITEM_NOT_FOUND,
    REPLY_NOT_ALLOWED,
    REPLY_NOT_ACCEPTABLE,
    REPLY_NOT_REGISTERED, /* registration-required */
    REPLY_CONFLICT,
    REPLY_INTERNAL, /* internal-server-error */
    REPLY_NOT_IMPLEMENTED,
    REPLY_UNAVAILABLE,      /* service-unavailable, for good */
    REPLY_UNAVAILABLE_WAIT, /* service-unavailable, try again later */
    REPLY_TIMEOUT,          /* remote-server-timeout */
    REPLY_NO_ROOM,          /* resource-constraint */
    REPLY_ERROR_COUNT
};

/* The same kind of stanza, of this type (NULL: none), from and to exchanged, with the request's id.
 */
struct xml_node *reply_new(struct arena *a, const struct xml_node *request, const char *type);

/* An empty result to an iq. */
struct xml_node *reply_result(struct arena *a, const struct xml_node *request);
/* A result with one empty element of the request's query's name and namespace; *query_out is that.
 */
struct xml_node *reply_query(struct arena *a, const struct xml_node *request, const char *ns,
                             const char *name, struct xml_node **query_out);

/* text may be NULL for none. */
struct xml_node *reply_error(struct arena *a, const struct xml_node *request,
                             enum reply_error error, const char *text);

#endif
