/*
 * address_rules: an address map is built from the configuration, its rules checked.  Owns one arena
 * with copies of all it needs; a crash leaves nothing behind.
 */
#include "mapping/address/address_map_inside.h"

#include <string.h>

#include "mapping/address/reverse_path.h"

enum { ARENA_MAX = 64 << 20 };

static bool has_star(const char *text)
{
    size_t n = strcspn(text, "*");

    return text[n] && n < strcspn(text, "@");
}

/* Parts text at its one *. */
static int read_pattern(struct arena *a, const char *text, struct pattern *out)
{
    out->head_len = strcspn(text, "*");
    out->head = arena_strndup(a, text, out->head_len);
    out->tail = text + out->head_len + 1;
    out->tail_len = strlen(out->tail);
    return out->head ? 0 : -1;
}

static int read_jabber_side(struct arena *a, struct rule *rule, const struct conf_map_rule *in,
                            const char *gateway, struct err *e)
{
    struct err why;

    if (jid_parse(a, in->jabber, &rule->jid, &why) < 0)
        return why.class == ERR_RETRY ? err_memory(e)
                                      : err_set(e, ERR_PERMANENT,
                                                "%s: map: \"%s\": %s; expected a JID such as "
                                                "juliet@capulet.example, or *@capulet.example",
                                                in->where, in->jabber, why.text);
    if (!rule->jid.node || rule->jid.resource)
        return err_set(e, ERR_PERMANENT,
                       "%s: map: \"%s\" is no user; expected a JID such as "
                       "juliet@capulet.example without a resource, or *@capulet.example",
                       in->where, in->jabber);
    if (strcmp(rule->jid.domain, gateway) == 0)
        return err_set(e, ERR_PERMANENT,
                       "%s: map: \"%s\" is at the gateway itself, where mail users are; "
                       "expected a Jabber user on the left",
                       in->where, in->jabber);
    return 0;
}

static int read_mail_side(struct arena *a, struct rule *rule, const struct conf_map_rule *in,
                          struct err *e)
{
    struct err why;

    if (addr_parse(a, in->mail, &rule->mail, &why) == 0)
        return 0;
    return why.class == ERR_RETRY ? err_memory(e)
                                  : err_set(e, ERR_PERMANENT,
                                            "%s: map.mail: \"%s\": %s; expected an address such "
                                            "as juliet.c@example.org, or *@example.org",
                                            in->where, in->mail, why.text);
}

static int read_patterns(struct arena *a, struct rule *rule, const struct conf_map_rule *in,
                         struct err *e)
{
    if (has_star(in->jabber) != has_star(in->mail))
        return err_set(e, ERR_PERMANENT,
                       "%s: map: \"%s\" and \"%s\"; expected a * before the @ on both sides or "
                       "on none",
                       in->where, in->jabber, in->mail);
    rule->is_pattern = has_star(in->jabber);
    if (!rule->is_pattern)
        return 0;
    if (read_pattern(a, rule->jid.node, &rule->node) < 0 ||
        read_pattern(a, rule->mail.local, &rule->local) < 0)
        return err_memory(e);
    if (strchr(rule->node.tail, '*') || strchr(rule->local.tail, '*'))
        return err_set(e, ERR_PERMANENT,
                       "%s: map: \"%s\" and \"%s\"; expected one * on each side, not more",
                       in->where, in->jabber, in->mail);
    rule->jid.node = NULL;
    rule->mail.local = NULL;
    return 0;
}

static int read_rule(struct address_map *map, size_t n, const struct conf_map_rule *in,
                     struct err *e)
{
    struct rule *rule = &map->rules[n];

    rule->to_mail = in->direction != CONF_MAP_TO_JABBER;
    rule->to_jabber = in->direction != CONF_MAP_TO_MAIL;
    rule->words = arena_printf(map->arena, "map rule %zu (%s)", n + 1, in->where);
    if (!rule->words)
        return err_memory(e);
    if (read_jabber_side(map->arena, rule, in, map->gateway, e) < 0 ||
        read_mail_side(map->arena, rule, in, e) < 0 || read_patterns(map->arena, rule, in, e) < 0)
        return -1;
    /* Bounces come back to b+... at md: no rule may take them. */
    if (strcmp(rule->mail.domain, map->mail_domain) == 0 &&
        reverse_path_is_form(rule->is_pattern ? rule->local.head : rule->mail.local))
        return err_set(e, ERR_PERMANENT,
                       "%s: map.mail: \"%s\": addresses with b+ in front are the gateway's "
                       "own for bounces; expected another one",
                       in->where, in->mail);
    return 0;
}

static int add_boxes(struct address_map *map, const struct conf *conf, struct err *e)
{
    size_t i;

    for (i = 0; i < conf->mailbox_count; i++) {
        struct box *box = &map->boxes[map->box_count];

        if (!*conf->mailboxes[i].address)
            continue;
        if (addr_parse(map->arena, conf->mailboxes[i].address, &box->address, e) < 0)
            return -1;
        box->words =
            arena_printf(map->arena, "sub-address of mailbox \"%s\"", conf->mailboxes[i].name);
        if (!box->words)
            return err_memory(e);
        if (conf->mailboxes[i].sub_addresses)
            map->own = box;
        map->box_count++;
    }
    return 0;
}

static int add_homes(struct address_map *map, const struct conf *conf, struct err *e)
{
    for (; map->home_count < conf->home_count; map->home_count++) {
        const char *domain = arena_strdup(map->arena, conf->home[map->home_count]);

        if (!domain)
            return err_memory(e);
        map->home[map->home_count] = domain;
    }
    return 0;
}

static int fill(struct address_map *map, const struct conf *conf, struct err *e)
{
    struct arena *a = map->arena;

    map->gateway = arena_strdup(a, conf->jid);
    map->mail_domain = arena_strdup(a, conf->mail_domain);
    map->home = arena_alloc(a, conf->home_count * sizeof *map->home);
    map->rules = arena_alloc(a, conf->map_count * sizeof *map->rules);
    map->boxes = arena_alloc(a, conf->mailbox_count * sizeof *map->boxes);
    map->home_words = arena_printf(a, "gateway rule: users of %s",
                                   conf->home_count > 0 ? conf->home[0] : "no home domain");
    map->other_words = "gateway rule: users of other domains, node=domain";
    map->stored_words = "gateway rule: stored alias, since the address would be too long";
    if (!map->gateway || !map->mail_domain || !map->home || !map->rules || !map->boxes ||
        !map->home_words)
        return err_memory(e);
    for (; map->rule_count < conf->map_count; map->rule_count++)
        if (read_rule(map, map->rule_count, &conf->map[map->rule_count], e) < 0)
            return -1;
    return add_homes(map, conf, e) < 0 ? -1 : add_boxes(map, conf, e);
}

struct address_map *address_map_new(const struct conf *conf, struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct address_map *map = a ? arena_alloc(a, sizeof *map) : NULL;
    struct err ignored;

    if (!map) {
        arena_free(a);
        err_memory(e);
        return NULL;
    }
    map->arena = a;
    if (fill(map, conf, e ? e : &ignored) < 0) {
        arena_free(a);
        return NULL;
    }
    return map;
}

void address_map_free(struct address_map *map)
{
    if (map)
        arena_free(map->arena); /* map itself lives in it */
}
