/*
 * commands: ad-hoc commands (XEP-0050), as the protocol sees them.
 *
 * Lists them for who may execute them, keeps the sessions (at most SESSIONS_MAX, and
 * SESSIONS_PER_USER of one user; each for SESSION_S after its last step, and for the one full JID
 * that began it), and answers what goes wrong with the conditions of §4.4.  What a command asks and
 * does is its owner's, behind the handler.  Loop thread only.
 */
#ifndef COMPONENT_COMMANDS_H
#define COMPONENT_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/xml.h"

#define COMMANDS_NS   "http://jabber.org/protocol/commands"
#define COMMANDS_NODE "postern/" /* begins the node of each command */

struct commands;
struct commands_session;

/* A step of a command, the callee's until commands_answer. */
struct commands_call {
    struct arena *arena;
    const struct xml_node *iq;
    size_t command;              /* its number */
    const char *from, *bare;     /* who asks: full and bare JID */
    const char *lang;            /* that they want to read; NULL: not said */
    unsigned stage;              /* 0: the first; then what the answer before had in `stage` */
    const struct xml_node *form; /* what was submitted; NULL: at the first stage, and going back */
    bool is_back;
    bool is_complete; /* no further step is wanted */
    struct commands_session *session;
};

enum { COMMANDS_NEXT = 1, COMMANDS_PREV = 2, COMMANDS_COMPLETE = 4 };

/* What is said to a call.  With actions the session goes on at `stage`, without it has ended. */
struct commands_answer {
    struct xml_node *form; /* NULL: none */
    const char *note;      /* NULL: none */
    const char *note_type; /* "info", "warn", "error" */
    unsigned actions;      /* COMMANDS_..., or-ed; the last of the list is the usual one */
    unsigned stage;
    const char *wrong; /* what was submitted is: bad-payload with this text, the session stays */
};

struct commands_handler {
    size_t count;
    const char *(*node)(size_t command, void *arg);
    const char *(*name)(size_t command, const char *lang, void *arg);
    /* May they see and execute it? */
    bool (*may)(size_t command, const char *jid, void *arg);
    void (*step)(struct commands_call *call, void *arg);
    void (*send)(const struct xml_node *stanza, void *arg);
};

enum { SESSIONS_MAX = 256, SESSIONS_PER_USER = 5, SESSION_S = 900 };

/* NULL: memory. */
struct commands *commands_new(const struct clock *clock, const struct commands_handler *handler,
                              void *arg);
void commands_free(struct commands *c); /* no call is open; takes NULL */

/* Is it an iq for commands_arrived: a command, or a question about one? */
bool commands_is_meant(const struct xml_node *iq);
/* An iq (get or set, with an id) to the gateway itself; takes the arena over. */
void commands_arrived(struct commands *c, struct xml_node *iq, struct arena *arena);

/* Sends the answer, and frees the call. */
void commands_answer(struct commands *c, struct commands_call *call,
                     const struct commands_answer *answer);
/* It cannot be answered now: the gateway is busy; the session stays as it was. */
void commands_refuse(struct commands *c, struct commands_call *call, const char *text);

#endif
