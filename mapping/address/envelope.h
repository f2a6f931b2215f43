/*
 * envelope: jabber:x:envelope of the 2001 protocol overview, both ways: `to cc replyto from
 * forwardedby`, each with `jid` and the display name as its text, several of a kind.  Pure; any
 * thread.
 */
#ifndef MAPPING_ADDRESS_ENVELOPE_H
#define MAPPING_ADDRESS_ENVELOPE_H

#include "base/xml.h"
#include "mapping/context.h"
#include "mapping/letter.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/report/status.h"

enum {
    ENVELOPE_RECIPIENTS_MAX =
        50, /* of one multicast (XEP-0033 §2.2 leaves the number to the service) */
    ENVELOPE_ADDRESSES_MAX = 200, /* of all kinds in one envelope */
    ENVELOPE_FORWARDS_MAX = 20    /* more hands than this are a loop */
};

/* One address of an envelope: a JID at gw is unescaped; a JID of a home domain or in the map, or
 * the mail alias of one, is that Jabber user; anything else is a mail address as it stands.
 * Prefixes mailto: and xmpp: and a resource are taken off.  ERR_PERMANENT says what is wrong with
 * it.  Does not touch out->name, role or next. */
int envelope_address(const struct context *ctx, struct arena *a, const char *text,
                     struct party *out, struct err *e) MUST_CHECK;

/* The same for a text that is a mail address and nothing else. */
int envelope_mail(const struct context *ctx, struct arena *a, const char *text, struct party *out,
                  struct err *e) MUST_CHECK;

/* Reads x into letter (whose from is known): parties, from.name, claimed_from, resent.
 * STANZA_LETTER: go on. */
enum stanza_verdict envelope_read(const struct context *ctx, struct letter *letter,
                                  const struct xml_node *x, struct jabber_error *error) MUST_CHECK;

/* When letter->recipients is complete: refuses a loop and fills resent->to. */
enum stanza_verdict envelope_close(struct letter *letter, struct jabber_error *error) MUST_CHECK;

/* Adds the x element of letter to stanza, if there is anything to say; -1: the arena is exhausted.
 */
int envelope_write(struct arena *a, const struct letter *letter,
                   struct xml_node *stanza) MUST_CHECK;

#endif
