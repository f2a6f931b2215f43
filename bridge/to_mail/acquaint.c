/*
 * acquaint: a few look-ups on the writer's thread.  No data of its own; a crash leaves what the
 * last commit left.
 */
#include "bridge/to_mail/acquaint.h"

#include "mapping/address/alias.h"
#include "store/people.h"

#include <ctype.h>
#include <string.h>

/* The contact that a mail address belongs to, and the address as that JID alone would say it. */
static int folded(const struct context *ctx, struct arena *a, const struct addr *mail,
                  const char **contact_out, struct addr *out)
{
    struct err e = {0};
    struct jid contact;

    *contact_out = NULL;
    if (address_map_mail_to_contact(ctx->map, a, mail, &contact, NULL, &e) < 0 ||
        address_map_contact_to_mail(ctx->map, a, &contact, out, NULL, &e) < 0)
        return e.class == ERR_RETRY ? -1 : 0;
    *contact_out = jid_bare(a, &contact);
    return *contact_out ? 0 : -1;
}

/* An address that was written with capitals is taken at its word. */
static int spell(struct store_txn *txn, const struct context *ctx, struct arena *a, struct party *p,
                 struct err *e)
{
    const char *contact, *text;
    struct addr plain, seen;
    struct err ignored;

    if (folded(ctx, a, &p->mail, &contact, &plain) < 0)
        return err_memory(e);
    if (!contact || !addr_is_same(&plain, &p->mail))
        return 0;
    if (people_get_spelling(txn, a, contact, &text, e) < 0)
        return -1;
    if (text && addr_parse(a, text, &seen, &ignored) == 0)
        p->mail = seen;
    return 0;
}

static int spell_list(struct store_txn *txn, const struct context *ctx, struct arena *a,
                      struct party *p, struct err *e)
{
    for (; p; p = p->next)
        if (!p->is_jabber && p->mail.domain && spell(txn, ctx, a, p, e) < 0)
            return -1;
    return 0;
}

int acquaint_spell(struct store_txn *txn, const struct context *ctx, struct letter *l,
                   struct err *e)
{
    if (spell_list(txn, ctx, l->arena, l->recipients, e) < 0)
        return -1;
    return spell_list(txn, ctx, l->arena, l->parties, e);
}

int acquaint_spelling(const struct context *ctx, const struct letter *l, const char **out)
{
    const char *contact;
    struct addr plain;

    *out = NULL;
    if (!l->from.mail.domain || folded(ctx, l->arena, &l->from.mail, &contact, &plain) < 0)
        return l->from.mail.domain ? -1 : 0;
    if (!contact || addr_is_same(&plain, &l->from.mail))
        return 0;
    *out = addr_text(l->arena, &l->from.mail);
    return *out ? 0 : -1;
}

const char *acquaint_alias(struct arena *a, const char *text)
{
    char *copy = arena_strndup(a, text, ALIAS_HASH_LEN), *p;

    for (p = copy; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static int keep_alias(struct store_txn *txn, const struct context *ctx, struct arena *a,
                      const struct party *p, struct err *e)
{
    const char *alias, *jid;

    if (!p->is_jabber || !p->jid.domain || !p->mail.domain)
        return 0;
    alias = address_map_stored_alias(ctx->map, &p->mail);
    if (!alias)
        return 0;
    alias = acquaint_alias(a, alias);
    jid = jid_bare(a, &p->jid);
    return alias && jid ? people_put_alias(txn, alias, jid, ctx->now_s, e) : err_memory(e);
}

int acquaint_keep_aliases(struct store_txn *txn, const struct context *ctx, const struct letter *l,
                          struct err *e)
{
    const struct party *p;

    if (keep_alias(txn, ctx, l->arena, &l->from, e) < 0)
        return -1;
    for (p = l->parties; p; p = p->next)
        if (keep_alias(txn, ctx, l->arena, p, e) < 0)
            return -1;
    for (p = l->recipients; p; p = p->next)
        if (keep_alias(txn, ctx, l->arena, p, e) < 0)
            return -1;
    return 0;
}

int acquaint_user(struct store_txn *txn, const struct context *ctx, struct arena *a,
                  const struct addr *mail, struct jid *out, struct err *e)
{
    const char *alias = address_map_stored_alias(ctx->map, mail), *jid;

    if (!alias)
        return address_map_mail_to_jid(ctx->map, a, mail, out, NULL, e);
    alias = acquaint_alias(a, alias);
    if (!alias)
        return err_memory(e);
    if (people_get_alias(txn, a, alias, &jid, e) < 0)
        return -1;
    if (!jid)
        return err_set(e, ERR_PERMANENT, "%s is an alias that nobody has", alias);
    if (people_put_alias(txn, alias, jid, ctx->now_s, e) < 0)
        return -1;
    return jid_parse(a, jid, out, e);
}
