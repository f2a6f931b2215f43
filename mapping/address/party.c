/*
 * party: lists of people without doubles.  Everything lives in the letter's arena; no thread of its
 * own, nothing left behind.
 */
#include "mapping/address/party.h"

#include <string.h>

#include "mapping/address/display_name.h"
#include "mapping/mime/header_write.h"

bool party_is_same(const struct party *a, const struct party *b)
{
    if (a->jid.domain && b->jid.domain && jid_is_same_bare(&a->jid, &b->jid))
        return true;
    return a->mail.domain && b->mail.domain && addr_is_same(&a->mail, &b->mail);
}

int party_keep(struct letter *l, struct party **list, const struct party *who, enum party_role role)
{
    struct party *p, *next;

    for (p = *list; p; p = p->next)
        if (p->role == role && party_is_same(p, who))
            break;
    if (p) {
        p->delivered = p->delivered || who->delivered;
        p->name = p->name ? p->name : who->name;
        return 0;
    }
    p = letter_add_party(l, list);
    if (!p)
        return -1;
    next = p->next;
    *p = *who;
    p->role = role;
    p->next = next;
    return 0;
}

int party_name_author(struct letter *l, const char *name)
{
    name = display_name(l->arena, name);
    if (name && *name)
        l->from.name = name;
    return name ? 0 : -1;
}

int party_check_sendable(const struct party *p, struct err *e)
{
    if (p->is_jabber || !p->mail.domain || !strpbrk(p->mail.local, " <>"))
        return 0;
    return err_set(e, ERR_PERMANENT,
                   "This gateway cannot write to \"%.*s\"@%s: mail cannot be sent to an address "
                   "with a space or an angle bracket before the @.",
                   (int)header_clip(p->mail.local, 100), p->mail.local, p->mail.domain);
}
