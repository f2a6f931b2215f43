/*
 * status: SMTP's way of saying what went wrong, Jabber's way, and the two tables between them
 * (RFC 5321 §4.2, RFC 3463; RFC 6120 §8.3, XEP-0086).  Pure; any thread.
 */
#ifndef MAPPING_REPORT_STATUS_H
#define MAPPING_REPORT_STATUS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xml.h"

struct smtp_status {
    int code;             /* 550; 0: none was given */
    const char *enhanced; /* "5.1.1"; NULL: none was given */
    const char *text;     /* the reply's words without the codes; NULL: none */
    enum smtp_trouble {
        SMTP_TROUBLE_NONE,    /* the server answered: see code */
        SMTP_TROUBLE_CONNECT, /* refused, dropped, or the name did not resolve for now */
        SMTP_TROUBLE_TIMEOUT, /* connecting or a reply took too long */
        SMTP_TROUBLE_NO_NAME, /* the name does not exist */
        SMTP_TROUBLE_LOGIN,   /* it refuses the gateway's own user and password */
        SMTP_TROUBLE_OWN,     /* the sender's own server does not let them in, or they have none */
        SMTP_TROUBLE_EXPIRED  /* the message's own deadline passed */
    } trouble;
};

struct jabber_error {
    int code;              /* the 2001 code */
    const char *type;      /* "cancel", "wait", "modify", "auth" */
    const char *condition; /* "item-not-found" */
    const char *text;      /* for a person; NULL: none */
    const char *uri;       /* of <gone/> or <redirect/>; NULL: none */
};

enum smtp_class { SMTP_DELIVERED, SMTP_LATER, SMTP_FAILED };
/* What the queue does next: 2xx done, 4xx and trouble later (552 "too many recipients" too), else
 * failed. */
enum smtp_class status_class(const struct smtp_status *status);

/* Mail -> Jabber: the error that the queue reports when it has given up (the text has the SMTP
 * reply in it and tells what to do). -1 only when the arena is exhausted. */
int status_to_jabber(struct arena *a, const struct smtp_status *status, const char *recipient,
                     struct jabber_error *out) MUST_CHECK;

/* Jabber -> mail: from an <error/> element (of a stanza of type error); legacy codes are
 * understood. An error of type continue that is no failure comes out as 250.  -1 only when the
 * arena is exhausted. */
int status_from_jabber(struct arena *a, const struct xml_node *error,
                       struct smtp_status *out) MUST_CHECK;

/* The enhanced code at the start of text ("5.1.1 no such user" -> "5.1.1"), text_out behind it;
 * NULL: none. */
const char *status_split(struct arena *a, const char *text, const char **text_out);

/* An error of the gateway itself, by condition: code and type are filled in as XEP-0086 pairs them.
 */
void jabber_error_init(struct jabber_error *out, const char *condition, const char *text);

/* The answer of type error to a stanza: from and to swapped, same id.  Of what it held only the
 * beginning of a message's text is sent back (RFC 6120 §8.3.1 leaves the choice): the whole may be
 * large, but clients of the Psi family show no error that has no body. NULL when the arena is
 * exhausted. */
struct xml_node *jabber_error_reply(struct arena *a, const struct xml_node *stanza,
                                    const struct jabber_error *error);
/* A message of type error built from parts: for an original that is no longer at hand; about (NULL:
 * none) are words it is known by. */
struct xml_node *jabber_error_message(struct arena *a, const char *from, const char *to,
                                      const char *id, const char *about,
                                      const struct jabber_error *error);

#endif
