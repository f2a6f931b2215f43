/*
 * map_ask: what becomes of an address, for whoever asks.
 *
 * It asks the same address map that the gateway uses, and the store where an alias is only there.
 * No data that outlives the call.
 */
#include "bridge/cli/map_ask.h"

#include "bridge/to_mail/acquaint.h"
#include "store/people.h"

#include <string.h>

typedef int translate_fn(const struct map_asker *asker, struct arena *a, const char *text,
                         struct map_answer *out, struct err *e);

static int jid_to_mail(const struct map_asker *asker, struct arena *a, const char *text,
                       struct map_answer *out, struct err *e)
{
    struct addr mail;
    struct jid jid;

    if (jid_parse(a, text, &jid, e) < 0 ||
        address_map_jid_to_mail(asker->map, a, &jid, &mail, &out->rule, e) < 0)
        return -1;
    out->becomes = addr_text(a, &mail);
    return out->becomes ? 0 : err_memory(e);
}

struct search {
    struct arena *arena;
    const char *alias, *jid;
};

static int find_alias(struct store_txn *txn, void *arg, struct err *e)
{
    struct search *s = arg;

    return people_get_alias(txn, s->arena, s->alias, &s->jid, e);
}

/* An alias that the gateway made, if its store is here to be read. */
static int stored_to_jid(const struct map_asker *asker, struct arena *a, const char *alias,
                         struct map_answer *out, struct err *e)
{
    struct search s = {a, acquaint_alias(a, alias), NULL};
    struct store *store;
    int rc;

    if (!s.alias)
        return err_memory(e);
    if (asker->txn) {
        rc = find_alias(asker->txn, &s, e);
    } else {
        store = store_open(asker->store_url, STORE_READ_ONLY, e);
        if (!store)
            return -1;
        rc = store_now(store, find_alias, &s, e);
        store_close(store);
    }
    if (rc == 0 && !s.jid)
        rc = err_set(e, ERR_PERMANENT, "%s is an alias that nobody has", s.alias);
    out->becomes = s.jid;
    out->rule = "stored alias";
    return rc;
}

static int mail_to_jid(const struct map_asker *asker, struct arena *a, const char *text,
                       struct map_answer *out, struct err *e)
{
    const char *alias;
    struct addr mail;
    struct jid jid;

    if (addr_parse(a, text, &mail, e) < 0)
        return -1;
    alias = address_map_stored_alias(asker->map, &mail);
    if (alias)
        return stored_to_jid(asker, a, alias, out, e);
    if (address_map_mail_to_jid(asker->map, a, &mail, &jid, &out->rule, e) < 0)
        return -1;
    out->becomes = jid_text(a, &jid);
    return out->becomes ? 0 : err_memory(e);
}

static int contact_to_mail(const struct map_asker *asker, struct arena *a, const char *text,
                           struct map_answer *out, struct err *e)
{
    struct addr mail;
    struct jid jid;

    if (jid_parse(a, text, &jid, e) < 0 ||
        address_map_contact_to_mail(asker->map, a, &jid, &mail, &out->rule, e) < 0)
        return -1;
    out->becomes = addr_text(a, &mail);
    return out->becomes ? 0 : err_memory(e);
}

static int mail_to_contact(const struct map_asker *asker, struct arena *a, const char *text,
                           struct map_answer *out, struct err *e)
{
    struct addr mail;
    struct jid jid;

    if (addr_parse(a, text, &mail, e) < 0 ||
        address_map_mail_to_contact(asker->map, a, &mail, &jid, &out->rule, e) < 0)
        return -1;
    out->becomes = jid_text(a, &jid);
    return out->becomes ? 0 : err_memory(e);
}

static void ask(const struct map_asker *asker, struct arena *a, const char *text, const char *kind,
                translate_fn *translate, struct map_answer *out)
{
    struct err e;

    out->kind = kind;
    err_clear(&e);
    if (translate(asker, a, text, out, &e) < 0) {
        out->becomes = NULL;
        out->rule = NULL;
        out->error = arena_strdup(a, e.text);
    }
}

/* Is the text a contact's JID at gw: one with an @ hidden in its node? */
static bool is_contact(const struct address_map *map, struct arena *a, const char *text)
{
    struct jid jid;

    if (jid_parse(a, text, &jid, NULL) < 0 || !jid.node ||
        strcmp(jid.domain, address_map_gateway(map)) != 0)
        return false;
    return strstr(jid.node, "\\40") || strchr(jid.node, '%');
}

static bool is_jabber_user(const struct address_map *map, struct arena *a, const char *text)
{
    struct jid jid;

    if (jid_parse(a, text, &jid, NULL) < 0 || !jid.node ||
        strcmp(jid.domain, address_map_gateway(map)) == 0)
        return false;
    return address_map_is_home(map, jid.domain) || address_map_names(map, &jid);
}

static bool is_owned(const struct address_map *map, struct arena *a, const char *text)
{
    struct addr mail;

    return addr_parse(a, text, &mail, NULL) == 0 && address_map_owns_address(map, &mail);
}

size_t map_ask(const struct map_asker *asker, struct arena *a, const char *text,
               struct map_answer out[2])
{
    size_t n = 0;

    memset(out, 0, 2 * sizeof *out);
    if (is_contact(asker->map, a, text)) {
        ask(asker, a, text, "contact", contact_to_mail, &out[n++]);
        return n;
    }
    if (is_jabber_user(asker->map, a, text))
        ask(asker, a, text, "jid", jid_to_mail, &out[n++]);
    if (is_owned(asker->map, a, text))
        ask(asker, a, text, "mail", mail_to_jid, &out[n++]);
    if (n > 0)
        return n;
    ask(asker, a, text, "mail", mail_to_contact, &out[n++]);
    if (out[0].becomes)
        ask(asker, a, text, "jid", jid_to_mail, &out[n++]);
    return n;
}
