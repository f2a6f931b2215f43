/*
 * router: what each stanza from the host is for.
 *
 * Answers what the component itself can answer (disco#info and disco#items of gw and of contacts,
 * jabber:iq:version, urn:xmpp:ping, jabber:iq:last, urn:xmpp:time, jabber:iq:gateway, vcard-temp of
 * gw, unknown iq: service-unavailable), accepts presence subscriptions to valid contacts, and hands
 * messages up. An iq or message of type error is never answered. Loop thread only.
 */
#ifndef COMPONENT_ROUTER_H
#define COMPONENT_ROUTER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/xml.h"
#include "component/disco.h"

#define LAST_NS "jabber:iq:last" /* XEP-0012 */

struct router_handler {
    /* A message not of type error; the arena is the callee's. */
    void (*message)(struct xml_node *stanza, struct arena *arena, void *arg);
    /* A message or presence of type error; the arena is the callee's. */
    void (*error)(struct xml_node *stanza, struct arena *arena, void *arg);
    /* An answer (result or error) to an iq of ours, whose sender is as they say: the host sees to
     * that; the stanza is borrowed. */
    void (*answer)(const struct xml_node *stanza, void *arg);
    /* Somebody who may use the gateway asks for a presence or for a subscription. */
    void (*user)(const char *jid, void *arg);
    /* They subscribe to a contact or to gw: true: router_welcome is called later; false: not now.
     */
    bool (*subscribe)(const char *jid, const char *contact, void *arg);
    /* They are subscribed already, as their host's probe says: true: router_announce is called
     * later; false: the router does so at once, and what the contact looks like is not said. */
    bool (*probe)(const char *jid, const char *contact, void *arg);
    /* Anybody ends a subscription. */
    void (*unsubscribe)(const char *jid, const char *contact, void *arg);
    /* vcard-temp: an iq get to a contact, whose mail address this is; to be answered later.  The
     * arena, in which both are, is the callee's. */
    void (*card)(struct xml_node *iq, const char *mail, struct arena *arena, void *arg);
    /* jabber:iq:register: an iq get or set to gw, of anybody; to be answered later.  The arena is
     * the callee's. */
    void (*registration)(struct xml_node *iq, struct arena *arena, void *arg);
    /* What is known of the asker's own contacts, an iq get or set of anybody, to be answered later:
     * disco#items and jabber:iq:search of gw, jabber:iq:last of a contact.  The arena is the
     * callee's. */
    void (*directory)(struct xml_node *iq, struct arena *arena, void *arg);
    /* commands_is_meant, to the gateway itself; the arena is the callee's. */
    void (*command)(struct xml_node *iq, struct arena *arena, void *arg);
    /* A presence of no type, unavailable, subscribed or unsubscribed, of anybody and to anybody at
     * the component; the stanza is borrowed. */
    void (*presence)(const struct xml_node *stanza, void *arg);
    /* Sends an answer (a whole stanza); -1: it cannot be sent now, and is dropped: the asker asks
     * again. */
    int (*send)(const struct xml_node *stanza, void *arg);
    /* The mail address behind a contact's JID, written to *e when it is none: 0 or -1. */
    int (*contact)(const char *jid, const char **mail_out, struct arena *a, struct err *e,
                   void *arg);
    /* jabber:iq:gateway: the contact's JID for a mail address typed by a user: 0 or -1. */
    int (*prompt)(const char *address, const char **jid_out, struct arena *a, struct err *e,
                  void *arg);
    /* Why those whom this user writes to are not to be had now (their presence is dnd with these
     * words); NULL: they are.  May be left out. */
    const char *(*trouble)(const char *user, void *arg);
    /* May this JID use the gateway? */
    bool (*may_use)(const char *jid, void *arg);
};

struct router_settings {
    const char *jid; /* gw */
    const char *version;
    struct disco_settings disco;
};

struct router;

/* NULL: memory.  The settings are borrowed; router_settle is called when they have changed. */
struct router *router_new(const struct clock *clock, const struct router_settings *settings,
                          const struct router_handler *handler, void *arg);
void router_free(struct router *r); /* takes NULL */
void router_settle(struct router *r);

/* One stanza from the stream; takes the arena over. */
void router_dispatch(struct router *r, struct xml_node *stanza, struct arena *arena);

/* Presence of a contact, or of gw, to a user (bare JIDs both).  photo: hex SHA-1 of the contact's
 * picture, which is said where they are available (XEP-0153); "": they have none; NULL: nobody
 * knows.  -1: it was not sent. */
int router_announce(struct router *r, struct arena *a, const char *contact, const char *user,
                    const char *type /* NULL: available */, const char *photo) MUST_CHECK;
/* A subscription is accepted, and the contact is there; or is gone for good. */
void router_welcome(struct router *r, struct arena *a, const char *contact, const char *user,
                    const char *photo);
int router_leave(struct router *r, struct arena *a, const char *contact,
                 const char *user) MUST_CHECK;

#endif
