/*
 * contacts: people passed on, as roster items (XEP-0093, XEP-0144) on the Jabber side and as vCards
 * on the mail side.
 *
 * A contact with an address is a person on the mail side: its jid is their contact at gw.  One
 * without is a Jabber user.  Pure; any thread.
 */
#ifndef MAPPING_CARD_CONTACTS_H
#define MAPPING_CARD_CONTACTS_H

#include "base/xml.h"
#include "mapping/context.h"
#include "mapping/letter.h"
#include "mapping/mime/part_walk.h"

enum {
    CONTACTS_MAX = 200, /* of one letter; the rest is left out */
    CONTACTS_GROUPS_MAX = 10
};

/* The items of an x (jabber:x:roster, rosterx): those that are to be added into l->contacts, those
 * to be changed or removed into *changes, each JID once in each.  -1 only when the arena is
 * exhausted, as below. */
int contacts_read(const struct context *ctx, struct letter *l, const struct xml_node *x,
                  struct contact **changes) MUST_CHECK;
/* What is to be changed and removed, in words: neither a mail program nor a Jabber client that is
 * told by a gateway should do that by itself (XEP-0144 §6).  NULL: memory. */
const char *contacts_changes_text(struct arena *a, const struct contact *changes) MUST_CHECK;

/* The people in a part of a mail, if it is a vCard. */
int contacts_read_mail(const struct context *ctx, struct letter *l,
                       const struct part *p) MUST_CHECK;

/* The list for people who read mail, a line each. */
void contacts_write_text(struct buf *out, const struct letter *l);
/* The part of a mail: contacts.vcf. */
void contacts_write_part(struct buf *out, const struct letter *l);

/* The items in both generations, beside what the stanza has; -1 as above. */
int contacts_write_items(struct arena *a, struct xml_node *stanza,
                         const struct letter *l) MUST_CHECK;

/* The stanza, beside the letter's own, that offers l->contacts to the recipient, with the id.  NULL
 * when the arena is exhausted; only for a letter that has contacts. */
struct xml_node *contacts_write(const struct context *ctx, struct arena *a, const struct letter *l,
                                const struct party *recipient, const char *id) MUST_CHECK;

#endif
