/*
 * address_map: the rules of the configuration, then the gateway's own.
 *
 * Built once (address_rules.c), read on any thread.  Each direction walks the rules in file order,
 * so that every way of asking gets the same answer and the words for it.
 */
#include "mapping/address/address_map_inside.h"

#include <string.h>
#include <strings.h>

#include "mapping/address/alias.h"
#include "mapping/address/reverse_path.h"

void address_map_register(struct address_map *map, struct pairs *registered)
{
    map->registered = registered;
}

const char *address_map_gateway(const struct address_map *map)
{
    return map->gateway;
}

const char *address_map_mail_domain(const struct address_map *map)
{
    return map->mail_domain;
}

bool address_map_is_home(const struct address_map *map, const char *jabber_domain)
{
    size_t i;

    for (i = 0; i < map->home_count; i++)
        if (strcmp(map->home[i], jabber_domain) == 0)
            return true;
    return false;
}

/* *@domain on the mail side */
static bool is_whole_domain(const struct rule *rule)
{
    return rule->is_pattern && rule->local.head_len == 0 && rule->local.tail_len == 0;
}

bool address_map_owns(const struct address_map *map, const char *mail_domain)
{
    size_t i;

    if (strcasecmp(map->mail_domain, mail_domain) == 0)
        return true;
    for (i = 0; i < map->rule_count; i++)
        if (is_whole_domain(&map->rules[i]) && map->rules[i].to_jabber &&
            strcasecmp(map->rules[i].mail.domain, mail_domain) == 0)
            return true;
    return false;
}

/* What a * stands for in text: at least one byte.  NULL: they do not match. */
static const char *star_of(const struct pattern *p, const char *text, size_t *len_out)
{
    size_t len = strlen(text);

    if (len <= p->head_len + p->tail_len || strncasecmp(text, p->head, p->head_len) != 0 ||
        strcasecmp(text + len - p->tail_len, p->tail) != 0)
        return NULL;
    *len_out = len - p->head_len - p->tail_len;
    return text + p->head_len;
}

/* Addresses of ours are read without case: MTAs on the way may have folded it. */
static bool takes_mail(const struct rule *rule, const struct addr *mail)
{
    size_t len;

    return rule->to_jabber && strcasecmp(rule->mail.domain, mail->domain) == 0 &&
           (rule->is_pattern ? star_of(&rule->local, mail->local, &len) != NULL
                             : strcasecmp(rule->mail.local, mail->local) == 0);
}

static const struct rule *rule_for_mail(const struct address_map *map, const struct addr *mail)
{
    size_t i;

    for (i = 0; i < map->rule_count; i++)
        if (takes_mail(&map->rules[i], mail))
            return &map->rules[i];
    return NULL;
}

static bool takes_jid(const struct rule *rule, const struct jid *jid)
{
    size_t len;

    return jid->node && strcmp(rule->jid.domain, jid->domain) == 0 &&
           (rule->is_pattern ? star_of(&rule->node, jid->node, &len) != NULL
                             : strcmp(rule->jid.node, jid->node) == 0);
}

static const struct rule *rule_for_jid(const struct address_map *map, const struct jid *jid)
{
    size_t i;

    for (i = 0; i < map->rule_count; i++)
        if (map->rules[i].to_mail && takes_jid(&map->rules[i], jid))
            return &map->rules[i];
    return NULL;
}

bool address_map_names(const struct address_map *map, const struct jid *jid)
{
    size_t i;

    for (i = 0; i < map->rule_count; i++)
        if (takes_jid(&map->rules[i], jid))
            return true;
    return false;
}

/* The mailbox that mail is a sub-address of (box+node@domain), *rest_out behind the +. */
static const struct box *box_for_mail(const struct address_map *map, const struct addr *mail,
                                      const char **rest_out)
{
    size_t i;

    for (i = 0; i < map->box_count; i++) {
        const struct box *box = &map->boxes[i];
        size_t len = strlen(box->address.local);

        if (strcasecmp(box->address.domain, mail->domain) == 0 &&
            strncasecmp(box->address.local, mail->local, len) == 0 && mail->local[len] == '+') {
            *rest_out = mail->local + len + 1;
            return box;
        }
    }
    return NULL;
}

bool address_map_owns_address(const struct address_map *map, const struct addr *mail)
{
    const char *rest;

    return strcasecmp(map->mail_domain, mail->domain) == 0 || rule_for_mail(map, mail) ||
           box_for_mail(map, mail, &rest);
}

const char *address_map_reverse(const struct address_map *map, const struct addr *mail)
{
    const char *rest;

    if (strcasecmp(map->mail_domain, mail->domain) == 0 && reverse_path_is_form(mail->local))
        return mail->local;
    return box_for_mail(map, mail, &rest) && reverse_path_is_form(rest) ? rest : NULL;
}

const char *address_map_reverse_make(const struct address_map *map, struct arena *a,
                                     const char *token)
{
    const struct addr *box = map->own ? &map->own->address : NULL;

    return arena_printf(a, "%s%sb+%s@%s", box ? box->local : "", box ? "+" : "", token,
                        box ? box->domain : map->mail_domain);
}

const char *address_map_stored_alias(const struct address_map *map, const struct addr *mail)
{
    const struct rule *rule = rule_for_mail(map, mail);
    const char *text = NULL, *rest;
    size_t len;

    if (rule) {
        text = rule->is_pattern ? star_of(&rule->local, mail->local, &len) : NULL;
    } else if (box_for_mail(map, mail, &rest)) {
        text = rest;
        len = strlen(rest);
    } else if (strcasecmp(map->mail_domain, mail->domain) == 0) {
        text = mail->local;
        len = strlen(text);
    }
    return text && alias_is_hash(text, len) ? text : NULL;
}

static void tell(const char **rule_out, const char *words)
{
    if (rule_out)
        *rule_out = words;
}

/* The mail address that the rule gives to a user it takes. */
static int rule_mail(struct arena *a, const struct rule *rule, const struct jid *jid,
                     struct addr *out, struct err *e)
{
    const char *star, *alias;
    size_t len = 0;

    *out = rule->mail;
    if (!rule->is_pattern)
        return 0;
    star = star_of(&rule->node, jid->node, &len);
    star = star ? arena_strndup(a, star, len) : NULL;
    if (!star)
        return err_memory(e);
    if (alias_write(a, star, NULL, &alias, e) < 0 ||
        strlen(alias) + rule->local.head_len + rule->local.tail_len > ADDR_LOCAL_MAX)
        if (alias_hash(a, jid, &alias, e) < 0)
            return -1;
    out->local = arena_printf(a, "%s%s%s", rule->local.head, alias, rule->local.tail);
    if (!out->local)
        return err_memory(e);
    if (strlen(out->local) > ADDR_LOCAL_MAX)
        return err_set(e, ERR_PERMANENT, "%s@%s is too long for a mail address", out->local,
                       out->domain);
    return 0;
}

static int stored(const struct addr *mail, struct err *e)
{
    return err_set(e, ERR_PERMANENT,
                   "%s@%s is an alias in place of a longer address, which only the store knows",
                   mail->local, mail->domain);
}

/* The user that the rule means by an address it takes. */
static int rule_jid(struct arena *a, const struct rule *rule, const struct addr *mail,
                    struct jid *out, struct err *e)
{
    const char *star, *node;
    size_t len = 0;

    *out = rule->jid;
    if (!rule->is_pattern)
        return 0;
    star = star_of(&rule->local, mail->local, &len);
    if (star && alias_is_hash(star, len))
        return stored(mail, e);
    node = star ? alias_decode(a, star, len) : NULL;
    node = node ? arena_printf(a, "%s%s%s", rule->node.head, node, rule->node.tail) : NULL;
    return node ? jid_from_parts(a, node, rule->jid.domain, NULL, out, e) : err_memory(e);
}

/* Does the mail address lead back to the user by this rule? */
static bool leads_to(struct arena *a, const struct rule *rule, const struct addr *mail,
                     const struct jid *jid)
{
    struct err ignored;
    struct jid other;

    return rule_jid(a, rule, mail, &other, &ignored) == 0 && jid_is_same_bare(&other, jid);
}

/* box+node=domain, for whom owns a mailbox and no domain. */
static int by_sub_address(const struct address_map *map, struct arena *a, const struct jid *jid,
                          struct addr *out, const char **rule_out, struct err *e)
{
    const struct addr *box = &map->own->address;
    const char *alias;
    struct err why = {0};

    tell(rule_out, map->own->words);
    if (alias_write(a, jid->node, jid->domain, &alias, &why) < 0 && why.class == ERR_RETRY)
        return err_memory(e);
    if (why.class != ERR_NONE || strlen(box->local) + 1 + strlen(alias) > ADDR_LOCAL_MAX) {
        tell(rule_out, map->stored_words);
        if (alias_hash(a, jid, &alias, e) < 0)
            return -1;
    }
    out->domain = box->domain;
    out->local = arena_printf(a, "%s+%s", box->local, alias);
    return out->local ? 0 : err_memory(e);
}

/* ---- what users have registered ---- */

/* Whose local part this is, without case; NULL: nobody's.  -1: memory. */
static int find_registrant(const struct address_map *map, struct arena *a, const char *local,
                           const char **bare_jid_out)
{
    char *small = arena_strdup(a, local), *p;

    for (p = small; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    return small ? pairs_right_of(map->registered, a, small, bare_jid_out) : -1;
}

/* Behind the + of a sub-address, or at md; NULL: it is neither, or a rule takes it. */
static const char *own_part(const struct address_map *map, const struct addr *mail)
{
    const char *rest;

    if (rule_for_mail(map, mail))
        return NULL;
    if (box_for_mail(map, mail, &rest))
        return rest;
    return strcasecmp(map->mail_domain, mail->domain) == 0 ? mail->local : NULL;
}

int address_map_registered(const struct address_map *map, struct arena *a, const struct addr *mail,
                           struct jid *out)
{
    const char *local = map->registered ? own_part(map, mail) : NULL, *bare = NULL;
    struct err e;

    if (!local)
        return 0;
    if (find_registrant(map, a, local, &bare) < 0)
        return -1;
    if (!bare)
        return 0;
    return jid_parse(a, bare, out, &e) < 0 ? -1 : 1;
}

/* box+local, or local@md. */
static int own_address(const struct address_map *map, struct arena *a, const char *local,
                       struct addr *out)
{
    const struct addr *box = map->own ? &map->own->address : NULL;

    out->domain = box ? box->domain : map->mail_domain;
    out->local = box ? arena_printf(a, "%s+%s", box->local, local) : local;
    return out->local ? 0 : -1;
}

/* 1: *out is what the user has registered; 0: nothing, or a rule has given it away since. */
static int by_registration(const struct address_map *map, struct arena *a, const struct jid *jid,
                           struct addr *out)
{
    const char *bare = map->registered ? jid_bare(a, jid) : NULL, *local;
    const struct rule *rule;

    if (!map->registered)
        return 0;
    if (!bare || pairs_left_of(map->registered, a, bare, &local) < 0)
        return -1;
    if (!local)
        return 0;
    if (own_address(map, a, local, out) < 0)
        return -1;
    rule = rule_for_mail(map, out);
    return !rule || leads_to(a, rule, out, jid);
}

/* A dot-atom of small letters, digits, hyphens and underscores that can be nothing else: no + that
 * MTAs cut at, no = that would name a domain. */
static bool is_own_form(const char *local)
{
    size_t n = strlen(local);

    return n > 0 && n <= ADDR_LOCAL_MAX &&
           strspn(local, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n && local[0] != '-' &&
           local[0] != '.' && local[n - 1] != '.' && !strstr(local, "..") &&
           !alias_is_hash(local, n);
}

/* RFC 2142, and what mail servers use themselves. */
static bool is_reserved(const char *local)
{
    static const char *const names[] = {
        "abuse",     "admin",      "administrator", "bounce",        "bounces",
        "ftp",       "hostmaster", "info",          "mailer-daemon", "marketing",
        "news",      "nobody",     "noc",           "noreply",       "no-reply",
        "owner",     "postmaster", "root",          "sales",         "security",
        "support",   "system",     "trouble",       "usenet",        "uucp",
        "webmaster", "www"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], local) == 0)
            return true;
    return false;
}

static bool is_mailbox(const struct address_map *map, const struct addr *mail)
{
    size_t i;

    for (i = 0; i < map->box_count; i++)
        if (strcasecmp(map->boxes[i].address.local, mail->local) == 0 &&
            strcasecmp(map->boxes[i].address.domain, mail->domain) == 0)
            return true;
    return false;
}

int address_map_check_own(const struct address_map *map, struct arena *a, const struct jid *user,
                          const char *local, bool *taken_out, struct err *e)
{
    const struct rule *rule;
    struct addr mail;

    *taken_out = false;
    if (!is_own_form(local))
        return err_set(e, ERR_PERMANENT,
                       "\"%s\" cannot be used: take letters a to z, digits, and . - _ between "
                       "them, at most %d",
                       local, (int)ADDR_LOCAL_MAX);
    if (own_address(map, a, local, &mail) < 0)
        return err_memory(e);
    rule = rule_for_mail(map, &mail);
    *taken_out =
        is_reserved(local) || is_mailbox(map, &mail) || (rule && !leads_to(a, rule, &mail, user));
    if (*taken_out)
        return err_set(e, ERR_PERMANENT, "%s@%s is reserved: choose another address", mail.local,
                       mail.domain);
    if (strlen(mail.local) > ADDR_LOCAL_MAX)
        return err_set(e, ERR_PERMANENT, "%s@%s is too long", mail.local, mail.domain);
    return 0;
}

/* Has another user registered the address that this one would have by the gateway's rule? */
static int is_taken(const struct address_map *map, struct arena *a, const struct jid *jid,
                    const char *local, bool *out)
{
    struct jid other;
    struct addr mail;
    int found;

    *out = false;
    if (!map->registered)
        return 0;
    if (own_address(map, a, local, &mail) < 0)
        return -1;
    found = address_map_registered(map, a, &mail, &other);
    *out = found > 0 && !jid_is_same_bare(&other, jid);
    return found < 0 ? -1 : 0;
}

/* ---- the gateway's own rules ---- */

/* The gateway's own rule: users of the first home are node@md.  Where an administrator's rule, or a
 * registration, gives that address to somebody else, the long form remains: an answer must not
 * reach the other one. */
static int by_gateway_rule(const struct address_map *map, struct arena *a, const struct jid *jid,
                           struct addr *out, const char **rule_out, struct err *e)
{
    bool is_first = map->home_count > 0 && strcmp(map->home[0], jid->domain) == 0;
    const struct rule *other;
    struct err why = {0};

    out->domain = map->mail_domain;
    if (is_first) {
        tell(rule_out, map->home_words);
        if (alias_write(a, jid->node, NULL, &out->local, &why) == 0) {
            bool is_others;

            if (is_taken(map, a, jid, out->local, &is_others) < 0)
                return err_memory(e);
            other = rule_for_mail(map, out);
            if (!is_others && (!other || leads_to(a, other, out, jid)))
                return 0;
        }
        if (why.class == ERR_RETRY)
            return err_memory(e);
    }
    tell(rule_out, map->other_words);
    if (alias_write(a, jid->node, jid->domain, &out->local, &why) == 0)
        return 0;
    if (why.class == ERR_RETRY)
        return err_memory(e);
    tell(rule_out, map->stored_words);
    return alias_hash(a, jid, &out->local, e);
}

int address_map_jid_to_mail(const struct address_map *map, struct arena *a, const struct jid *jid,
                            struct addr *out, const char **rule_out, struct err *e)
{
    const struct rule *rule;

    memset(out, 0, sizeof *out);
    if (strcmp(jid->domain, map->gateway) == 0)
        return err_set(e, ERR_PERMANENT,
                       "%s is the gateway itself or a contact there, no Jabber user", jid->domain);
    if (!jid->node)
        return err_set(e, ERR_PERMANENT, "%s is a server, which has no mail address", jid->domain);
    rule = rule_for_jid(map, jid);
    if (!rule) {
        int found = by_registration(map, a, jid, out);

        if (found < 0)
            return err_memory(e);
        if (found > 0) {
            tell(rule_out, "registered");
            return 0;
        }
        memset(out, 0, sizeof *out);
    }
    if (!rule && map->own)
        return by_sub_address(map, a, jid, out, rule_out, e);
    if (!rule)
        return by_gateway_rule(map, a, jid, out, rule_out, e);
    tell(rule_out, rule->words);
    return rule_mail(a, rule, jid, out, e);
}

/* local: an alias at md, or what stands behind the + of a sub-address. */
static int read_alias(const struct address_map *map, struct arena *a, const char *local,
                      struct jid *out, struct err *e)
{
    const char *home = map->home_count > 0 ? map->home[0] : NULL;
    struct err why;

    if (alias_is_hash(local, strlen(local)))
        return err_set(e, ERR_PERMANENT,
                       "%s is an alias in place of a longer address, which only the store knows",
                       local);
    if (reverse_path_is_form(local))
        return err_set(e, ERR_PERMANENT, "%s is an address for bounces, no user", local);
    if (!home && !alias_separator(local))
        return err_set(e, ERR_PERMANENT, "%s: there is no home domain for it", local);
    if (alias_read(a, local, home, out, &why) < 0)
        return err_set(e, why.class, "%s: %s", local, why.text);
    if (strcmp(out->domain, map->gateway) == 0)
        return err_set(e, ERR_PERMANENT, "%s is at the gateway itself, where no Jabber user is",
                       local);
    return 0;
}

int address_map_mail_to_jid(const struct address_map *map, struct arena *a, const struct addr *mail,
                            struct jid *out, const char **rule_out, struct err *e)
{
    bool is_ours = strcasecmp(map->mail_domain, mail->domain) == 0;
    const struct rule *rule;
    const struct box *box;
    const char *rest;
    int found;

    memset(out, 0, sizeof *out);
    if (is_ours && reverse_path_is_form(mail->local)) /* before any rule for all of md */
        return err_set(e, ERR_PERMANENT, "%s@%s is an address for bounces, no user", mail->local,
                       mail->domain);
    rule = rule_for_mail(map, mail);
    if (rule) {
        tell(rule_out, rule->words);
        return rule_jid(a, rule, mail, out, e);
    }
    found = address_map_registered(map, a, mail, out);
    if (found != 0) {
        tell(rule_out, "registered");
        return found < 0 ? err_memory(e) : 0;
    }
    box = box_for_mail(map, mail, &rest);
    if (box) {
        tell(rule_out, box->words);
        return read_alias(map, a, rest, out, e);
    }
    if (!is_ours)
        return err_set(e, ERR_PERMANENT, "%s is not a mail domain of this gateway", mail->domain);
    tell(rule_out, alias_separator(mail->local) ? map->other_words : map->home_words);
    return read_alias(map, a, mail->local, out, e);
}

/* A local part that only wants quotes: a space or dots where none may be. */
static int read_unquoted(struct arena *a, const char *text, struct addr *out, struct err *e)
{
    const char *at = strrchr(text, '@');
    size_t len = at ? (size_t)(at - text) : 0;
    char *local;

    if (!at || memchr(text, '@', len) || strcspn(text, "\"\\(),:;<>[]") < len)
        return -1;
    local = arena_strndup(a, text, len);
    return local ? addr_from_parts(a, local, at + 1, out, e) : err_memory(e);
}

int address_map_contact_to_mail(const struct address_map *map, struct arena *a,
                                const struct jid *contact, struct addr *out, const char **rule_out,
                                struct err *e)
{
    const char *words = "contact, escaped (XEP-0106)";
    struct err why, again = {ERR_NONE, ""};
    const char *found;
    char *text;

    memset(out, 0, sizeof *out);
    if (strcmp(contact->domain, map->gateway) != 0)
        return err_set(e, ERR_PERMANENT, "%s is not this gateway", contact->domain);
    if (!contact->node)
        return err_set(e, ERR_PERMANENT, "%s is the gateway itself, no contact", contact->domain);
    found = jid_unescape_node(a, contact->node);
    text = arena_strdup(a, found);
    if (!text)
        return err_memory(e);
    if (!strchr(text, '@')) {
        char *percent = strrchr(text, '%');

        if (!percent)
            return err_set(e, ERR_PERMANENT,
                           "%s@%s holds no mail address; expected user\\40example.org@%s",
                           contact->node, contact->domain, contact->domain);
        *percent = '@';
        words = "contact, legacy %";
    }
    tell(rule_out, words);
    if (addr_parse(a, text, out, &why) == 0)
        return 0;
    if (why.class == ERR_PERMANENT && read_unquoted(a, text, out, &again) == 0)
        return 0;
    if (why.class == ERR_RETRY || again.class == ERR_RETRY)
        return err_memory(e);
    return err_set(e, ERR_PERMANENT, "%s is no mail address: %s", text, why.text);
}

static int contact_of(const struct address_map *map, struct arena *a, const struct addr *mail,
                      struct jid *out, struct err *e)
{
    const char *text = addr_text(a, mail), *node;

    if (!text)
        return err_memory(e);
    if (jid_escape_node(a, text, &node, e) < 0)
        return -1;
    return jid_from_parts(a, node, map->gateway, NULL, out, e);
}

/* With the domain in U-labels, as people read and write it; A-labels where the preparation of JIDs,
 * which is older than IDNA 2008, would make another domain of them. */
int address_map_mail_to_contact(const struct address_map *map, struct arena *a,
                                const struct addr *mail, struct jid *out, const char **rule_out,
                                struct err *e)
{
    struct addr shown = {mail->local, addr_domain_unicode(a, mail->domain)}, back;
    struct err why = {0};

    memset(out, 0, sizeof *out);
    if (!shown.domain)
        return err_memory(e);
    tell(rule_out, "contact, escaped (XEP-0106)");
    if (shown.domain != mail->domain && contact_of(map, a, &shown, out, &why) == 0 &&
        address_map_contact_to_mail(map, a, out, &back, NULL, &why) == 0 &&
        strcmp(back.domain, mail->domain) == 0)
        return 0;
    if (why.class == ERR_RETRY)
        return err_memory(e);
    memset(out, 0, sizeof *out);
    if (contact_of(map, a, mail, out, e) < 0)
        return -1;
    /* What the rules for a JID take out of it (RFC 7622 §3.3) may leave no address: nobody could
     * answer such a contact. */
    if (address_map_contact_to_mail(map, a, out, &back, NULL, &why) == 0)
        return 0;
    memset(out, 0, sizeof *out);
    return err_set(e, why.class, "the address cannot be a contact: %s", why.text);
}
