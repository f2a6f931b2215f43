/*
 * map: `postern map`: what each address or JID becomes on the other side, and by which rule.
 *
 * Offline: it asks the same address map that the gateway uses, and reads its store where an alias
 * is only there.  No data that outlives the call.
 */
#include "bridge/command.h"
#include "bridge/json.h"
#include "bridge/acquaint.h"
#include "bridge/registration.h"
#include "bridge/settings.h"
#include "store/people.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { ARENA_MAX = 1 << 20 };

struct answer {
    const char *kind;    /* what the argument was taken for */
    const char *becomes; /* NULL: error says why not */
    const char *rule;
    const char *error;
};

/* What is asked: the map, and for aliases that it cannot spell out the store. */
struct asker {
    const struct address_map *map;
    const char *store_url;
};

typedef int translate_fn(const struct asker *asker, struct arena *a, const char *text,
                         struct answer *out, struct err *e);

static int jid_to_mail(const struct asker *asker, struct arena *a, const char *text,
                       struct answer *out, struct err *e)
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
static int stored_to_jid(const struct asker *asker, struct arena *a, const char *alias,
                         struct answer *out, struct err *e)
{
    struct search s = {a, acquaint_alias(a, alias), NULL};
    struct store *store;
    int rc;

    if (!s.alias)
        return err_memory(e);
    store = store_open(asker->store_url, STORE_READ_ONLY, e);
    if (!store)
        return -1;
    rc = store_now(store, find_alias, &s, e);
    store_close(store);
    if (rc == 0 && !s.jid)
        rc = err_set(e, ERR_PERMANENT, "%s is an alias that nobody has", s.alias);
    out->becomes = s.jid;
    out->rule = "stored alias";
    return rc;
}

static int mail_to_jid(const struct asker *asker, struct arena *a, const char *text,
                       struct answer *out, struct err *e)
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

static int contact_to_mail(const struct asker *asker, struct arena *a, const char *text,
                           struct answer *out, struct err *e)
{
    struct addr mail;
    struct jid jid;

    if (jid_parse(a, text, &jid, e) < 0 ||
        address_map_contact_to_mail(asker->map, a, &jid, &mail, &out->rule, e) < 0)
        return -1;
    out->becomes = addr_text(a, &mail);
    return out->becomes ? 0 : err_memory(e);
}

static int mail_to_contact(const struct asker *asker, struct arena *a, const char *text,
                           struct answer *out, struct err *e)
{
    struct addr mail;
    struct jid jid;

    if (addr_parse(a, text, &mail, e) < 0 ||
        address_map_mail_to_contact(asker->map, a, &mail, &jid, &out->rule, e) < 0)
        return -1;
    out->becomes = jid_text(a, &jid);
    return out->becomes ? 0 : err_memory(e);
}

static void ask(const struct asker *asker, struct arena *a, const char *text, const char *kind,
                translate_fn *translate, struct answer *out)
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

/* An address may be read in more than one way: every one that makes sense is answered. */
static size_t ask_all(const struct asker *asker, struct arena *a, const char *text,
                      struct answer out[2])
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

static void print_text(const char *text, const struct answer *answer)
{
    if (answer->becomes)
        printf("%s (%s) -> %s  [%s]\n", text, answer->kind, answer->becomes,
               answer->rule ? answer->rule : "");
    else
        printf("%s (%s) -> nothing: %s\n", text, answer->kind, answer->error ? answer->error : "");
}

static void print_json(const char *text, const struct answer *answer, bool is_first)
{
    static const char *const names[] = {"address", "kind", "becomes", "rule", "error"};
    const char *values[] = {text, answer->kind, answer->becomes, answer->rule, answer->error};
    struct buf b;
    size_t i;

    buf_init(&b, 1 << 20);
    for (i = 0; i < 5; i++) {
        buf_adds(&b, i == 0 ? "{" : ", ");
        json_string(&b, names[i]);
        buf_adds(&b, ": ");
        json_string(&b, values[i]);
    }
    printf("%s%s}", is_first ? "" : ",\n ", b.data);
    buf_clear(&b);
}

/* 0, or EX_DATAERR when an address becomes nothing at all. */
static int map_one(const struct asker *asker, const char *text, bool as_json, bool is_first)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct answer answers[2];
    size_t count, i;
    int status = EX_DATAERR;

    if (!a)
        return EX_TEMPFAIL;
    count = ask_all(asker, a, text, answers);
    for (i = 0; i < count; i++) {
        if (as_json)
            print_json(text, &answers[i], is_first && i == 0);
        else
            print_text(text, &answers[i]);
        if (answers[i].becomes)
            status = EX_OK;
    }
    arena_free(a);
    return status;
}

static int map_all(const struct settings *s, const struct command_line *line, int first,
                   bool as_json)
{
    const struct asker asker = {s->map, s->conf->store_url};
    int status = EX_OK, i;

    if (as_json)
        fputs("[", stdout);
    for (i = first; i < line->argc; i++) {
        int one = map_one(&asker, line->argv[i], as_json, i == first);

        if (one != EX_OK)
            status = one;
    }
    if (as_json)
        fputs("]\n", stdout);
    return status;
}

int command_map(const struct command_line *line)
{
    static const struct keyed_key no_key;
    bool as_json = line->argc > 0 && strcmp(line->argv[0], "--json") == 0;
    struct pairs *registered;
    struct settings *s;
    struct conf *conf;
    struct err e;
    int status;

    if (line->argc - as_json < 1)
        return command_usage("map needs an address or a JID");
    conf = conf_read(line->conf_path, CONF_OFFLINE, &e);
    s = conf ? settings_new(&conf, &no_key, &e) : NULL;
    if (!s)
        return command_fail(&e, EX_CONFIG);
    registered = registration_read(s->conf->store_url);
    address_map_register(s->map, registered);
    status = map_all(s, line, as_json, as_json);
    settings_drop(s);
    pairs_free(registered);
    return status;
}
