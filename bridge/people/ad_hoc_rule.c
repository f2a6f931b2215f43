/*
 * ad_hoc_rule: the administrators' commands that lay something over the configuration's file:
 * address pairs, who may use the gateway, limits.
 *
 * No data but that of a step: what is to be changed.  It is judged on the loop as if it were in
 * force, then stored, and only then in force: a crash before that leaves it undone.
 */
#include "bridge/people/ad_hoc_inside.h"

#include "base/log.h"

#include "bridge/rulings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAGE = 50, RIGHTS_MAX = 1000, TEXT_MAX = 64 << 10, NAME_MAX_LEN = 3000 };

struct change {
    enum decision_what what;
    const char *name, *value; /* value NULL: taken back */
    struct change *next;
};

struct rule_step {
    struct change *first;
    unsigned added, removed;
    const char *after; /* of the page before; NULL: the first */
};

static int add_change(struct ad_hoc_step *s, enum decision_what what, const char *name,
                      const char *value)
{
    struct rule_step *r = s->data;
    struct change *c = arena_alloc(s->arena, sizeof *c), **at = &r->first;

    if (!c || !name)
        return -1;
    *c = (struct change){what, name, value, NULL};
    while (*at)
        at = &(*at)->next;
    *at = c;
    if (value)
        r->added++;
    else
        r->removed++;
    return 0;
}

static int begin(struct ad_hoc_step *s)
{
    s->data = arena_alloc(s->arena, sizeof(struct rule_step));
    return s->data ? 0 : -1;
}

static const char *given(const struct ad_hoc_step *s, const char *var)
{
    const char *text = form_value(s->arena, form_find(s->call->form, var));
    size_t n;

    if (!text)
        return "";
    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    return n > NAME_MAX_LEN ? "" : arena_strndup(s->arena, text, n);
}

/* The rulings as they will be; NULL: memory. */
static struct rulings *after_changes(const struct ad_hoc_step *s)
{
    const struct rule_step *r = s->data;
    struct rulings *next = rulings_copy(s->gateway->rulings);
    const struct change *c;

    for (c = r->first; next && c; c = c->next)
        if (rulings_set(next, c->what, c->name, c->value) < 0) {
            rulings_free(next);
            return NULL;
        }
    return next;
}

static int run_changes(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    const struct rule_step *r = s->data;
    const struct change *c;

    for (c = r->first; c; c = c->next)
        if (decisions_put(txn, c->what, c->name, c->value, e) < 0)
            return -1;
    return 0;
}

/* They are on disk: in force from now on. */
static int say_changed(struct ad_hoc_step *s)
{
    struct gateway *g = s->gateway;
    struct rulings *next = after_changes(s);
    struct settings *settings = NULL;
    const struct rule_step *r = s->data;
    char added[16], removed[16];
    struct err e = {ERR_NONE, ""};

    if (next) {
        rulings_free(g->rulings);
        g->rulings = next; /* as on disk, also while a pair is wrong: they are mended one by one */
        settings = rulings_apply(g->settings, next, &e);
    }
    if (!settings) {
        log_warning("command", "event=rulings-wait error=\"%s\"", next ? e.text : "out of memory");
        return e.class == ERR_PERMANENT
                   ? ad_hoc_note(s, "warn", ad_hoc_make(s, TEXT_RULES_WAIT, e.text, NULL))
                   : ad_hoc_note(s, "warn", ad_hoc_text(s, TEXT_RULES_LATER));
    }
    g->adopt(g, settings);
    snprintf(added, sizeof added, "%u", r->added);
    snprintf(removed, sizeof removed, "%u", r->removed);
    return ad_hoc_note(s, "info", ad_hoc_make(s, TEXT_RULES_DONE, added, removed));
}

/* ---- address pairs ---- */

static const struct {
    const char *word;
    enum text label;
} directions[] = {
    {"both", TEXT_PAIRS_BOTH},
    {"to-mail", TEXT_PAIRS_TO_MAIL},
    {"to-jabber", TEXT_PAIRS_TO_JABBER},
};

enum { DIRECTIONS = sizeof directions / sizeof directions[0] };

/* What stands for everybody whom a pattern takes. */
static const char *sample(struct arena *a, const char *pattern)
{
    const char *star = strchr(pattern, '*');

    return star ? arena_printf(a, "%.*ssomebody%s", (int)(star - pattern), pattern, star + 1)
                : pattern;
}

/* In the form that it is compared in. */
static const char *prepared_jid(struct arena *a, const char *text)
{
    struct jid jid;

    if (strchr(text, '*') || jid_parse(a, text, &jid, NULL) < 0)
        return text;
    return jid_text(a, &jid);
}

/* Does the new rule decide, or one that comes before it?  0: it does; else *by_out names the other.
 */
static int check_first(struct ad_hoc_step *s, const struct address_map *map, const char *jid_text_,
                       const char *mail_text, const char *direction, const char **by_out)
{
    struct arena *a = s->arena;
    const char *rule = NULL, *want;
    struct addr mail, found_mail;
    struct jid jid, found;
    struct err e;

    *by_out = NULL;
    if (jid_parse(a, sample(a, jid_text_), &jid, &e) < 0 ||
        addr_parse(a, sample(a, mail_text), &mail, &e) < 0) {
        *by_out = arena_strdup(a, e.text);
        return -1;
    }
    want = addr_text(a, &mail);
    if (strcmp(direction, "to-jabber") != 0 &&
        (address_map_jid_to_mail(map, a, &jid, &found_mail, &rule, &e) < 0 || !want ||
         strcasecmp(addr_text(a, &found_mail), want) != 0)) {
        *by_out = rule ? arena_strdup(a, rule) : arena_strdup(a, e.text);
        return -1;
    }
    if (strcmp(direction, "to-mail") != 0 &&
        (address_map_mail_to_jid(map, a, &mail, &found, &rule, &e) < 0 ||
         !jid_is_same_bare(&found, &jid))) {
        *by_out = rule ? arena_strdup(a, rule) : arena_strdup(a, e.text);
        return -1;
    }
    return 0;
}

/* An address that a user has registered is theirs. */
static const char *registrant(struct ad_hoc_step *s, const char *mail)
{
    struct settings *now = s->gateway->settings;
    struct addr addr;
    struct jid who;

    if (strchr(mail, '*') || addr_parse(s->arena, mail, &addr, NULL) < 0 ||
        address_map_registered(now->map, s->arena, &addr, &who) != 1)
        return NULL;
    return jid_bare(s->arena, &who);
}

static int judge_pair(struct ad_hoc_step *s, const char *jid, const char *mail,
                      const char *direction)
{
    struct rulings *next = after_changes(s);
    struct settings *settings = NULL;
    struct err e = {ERR_RETRY, ""};
    const char *by = registrant(s, mail);
    int r = 0;

    if (next && !by)
        settings = rulings_apply(s->gateway->settings, next, &e);
    rulings_free(next);
    if (by)
        r = ad_hoc_wrong(s, TEXT_PAIRS_TAKEN, mail, by);
    else if (!settings)
        r = e.class == ERR_PERMANENT ? ad_hoc_wrong(s, TEXT_PAIRS_WRONG, e.text, NULL) : -1;
    else if (check_first(s, settings->map, jid, mail, direction, &by) < 0)
        r = ad_hoc_wrong(s, TEXT_PAIRS_TAKEN, jid, by);
    settings_drop(settings);
    return r;
}

static int read_removed(struct ad_hoc_step *s)
{
    size_t count, i;
    const char **names = form_values(s->arena, form_find(s->call->form, "remove"), &count);

    for (i = 0; names && i < count; i++)
        if (*names[i] && rulings_find(s->gateway->rulings, DECISION_PAIR, names[i]) &&
            add_change(s, DECISION_PAIR, names[i], NULL) < 0)
            return -1;
    return names ? 0 : -1;
}

static int read_pairs(struct ad_hoc_step *s)
{
    const char *jid, *mail, *direction;
    size_t i;

    if (begin(s) < 0)
        return -1;
    if (!s->call->form)
        return 0;
    if (!s->call->is_complete) {
        ((struct rule_step *)s->data)->after = given(s, "after");
        return 0;
    }
    if (read_removed(s) < 0)
        return -1;
    jid = given(s, "jid");
    mail = given(s, "mail");
    direction = given(s, "direction");
    if (!jid || !mail || !direction)
        return -1;
    if (!*jid && !*mail)
        return 0;
    if (!*jid || !*mail)
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE,
                            ad_hoc_text(s, *jid ? TEXT_PAIRS_MAIL : TEXT_PAIRS_JID), "");
    for (i = 0; *direction && i < DIRECTIONS && strcmp(direction, directions[i].word) != 0; i++)
        continue;
    if (i == DIRECTIONS)
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_PAIRS_DIRECTION), direction);
    direction = *direction ? direction : "both";
    if (rulings_count(s->gateway->rulings, DECISION_PAIR) >= DECISIONS_MAX)
        return ad_hoc_wrong(s, TEXT_RULES_MANY, NULL, NULL);
    jid = prepared_jid(s->arena, jid);
    if (add_change(s, DECISION_PAIR, jid, arena_printf(s->arena, "%s %s", mail, direction)) < 0)
        return -1;
    return judge_pair(s, jid, mail, direction);
}

static struct xml_node *add_pairs(struct ad_hoc_step *s, struct xml_node *form, const char *after,
                                  bool *has_more_out)
{
    const struct ruling *r = rulings_first(s->gateway->rulings);
    struct xml_node *field =
        form_field(s->arena, form, "list-multi", "remove", ad_hoc_text(s, TEXT_PAIRS_REMOVE), NULL);
    const char *last = after ? after : "";
    unsigned n = 0;

    *has_more_out = false;
    for (; field && r; r = r->next) {
        if (r->what != DECISION_PAIR || (after && strcmp(r->name, after) <= 0))
            continue;
        if (n++ == PAGE) {
            *has_more_out = true;
            break;
        }
        field = form_option(s->arena, field, arena_printf(s->arena, "%s - %s", r->name, r->value),
                            r->name);
        last = r->name;
    }
    return field ? form_field(s->arena, form, "hidden", "after", NULL, last) : NULL;
}

static int say_pairs(struct ad_hoc_step *s)
{
    const struct rule_step *r = s->data;
    struct xml_node *form, *field;
    bool has_more;
    size_t i;

    if (s->call->is_complete)
        return say_changed(s);
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_PAIRS_NAME),
                    ad_hoc_text(s, TEXT_PAIRS_INTRO));
    if (!add_pairs(s, form, r->after, &has_more) ||
        !form_field(s->arena, form, "text-single", "jid", ad_hoc_text(s, TEXT_PAIRS_JID), NULL) ||
        !form_field(s->arena, form, "text-single", "mail", ad_hoc_text(s, TEXT_PAIRS_MAIL), NULL))
        return -1;
    field = form_field(s->arena, form, "list-single", "direction",
                       ad_hoc_text(s, TEXT_PAIRS_DIRECTION), "both");
    for (i = 0; i < DIRECTIONS; i++)
        field =
            form_option(s->arena, field, ad_hoc_text(s, directions[i].label), directions[i].word);
    return field ? ad_hoc_form(s, form, 1, COMMANDS_COMPLETE | (has_more ? COMMANDS_NEXT : 0U))
                 : -1;
}

const struct ad_hoc_row ad_hoc_pairs = {
    .node = COMMANDS_NODE "admin/pairs",
    .name = TEXT_PAIRS_NAME,
    .is_for_admins = true,
    .read = read_pairs,
    .run = run_changes,
    .say = say_pairs,
};

/* ---- who may use the gateway ---- */

static const struct {
    const char *var;
    enum text label;
    const char *value;
} rights[] = {
    {"allowed", TEXT_RIGHTS_ALLOWED, "allow"},
    {"denied", TEXT_RIGHTS_DENIED, "deny"},
};

enum { RIGHTS = sizeof rights / sizeof rights[0] };

/* A domain, or a JID without a resource; "": none of both; NULL: memory. */
static const char *right_of(struct ad_hoc_step *s, const char *text)
{
    struct jid jid;
    struct err e;

    if (jid_parse(s->arena, text, &jid, &e) < 0)
        return e.class == ERR_RETRY ? NULL : "";
    if (jid.resource || strcmp(jid.domain, s->settings->conf->jid) == 0)
        return "";
    return jid_bare(s->arena, &jid);
}

static bool is_listed(const char *const *list, size_t count, const char *name)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* Has the other list it by now? */
static bool is_moved(const struct ad_hoc_step *s, const char *name)
{
    const struct change *c = ((const struct rule_step *)s->data)->first;

    while (c && !(c->value && strcmp(c->name, name) == 0))
        c = c->next;
    return c != NULL;
}

/* The list stands in place of what there was. */
static int read_right(struct ad_hoc_step *s, size_t which, size_t *sum)
{
    const struct xml_node *field = form_find(s->call->form, rights[which].var);
    size_t count, n = 0, i;
    const char **lines = form_values(s->arena, field, &count);
    const struct ruling *r;

    if (!lines)
        return -1;
    if (!field)
        return 0;
    for (i = 0; i < count; i++) {
        const char *name = *lines[i] ? right_of(s, lines[i]) : "";

        if (!name)
            return -1;
        if (*lines[i] && !*name)
            return ad_hoc_wrong(s, TEXT_RIGHTS_WRONG, lines[i], NULL);
        if (*name)
            lines[n++] = name;
    }
    *sum += n;
    if (*sum > RIGHTS_MAX)
        return ad_hoc_wrong(s, TEXT_RULES_MANY, NULL, NULL);
    for (r = rulings_first(s->gateway->rulings); r; r = r->next)
        if (r->what == DECISION_RIGHT && strcmp(r->value, rights[which].value) == 0 &&
            !is_listed(lines, n, r->name) && !is_moved(s, r->name) &&
            add_change(s, DECISION_RIGHT, arena_strdup(s->arena, r->name), NULL) < 0)
            return -1;
    for (i = 0; i < n; i++) {
        r = rulings_find(s->gateway->rulings, DECISION_RIGHT, lines[i]);
        if ((!r || strcmp(r->value, rights[which].value) != 0) &&
            add_change(s, DECISION_RIGHT, lines[i], rights[which].value) < 0)
            return -1;
    }
    return 0;
}

static int read_rights(struct ad_hoc_step *s)
{
    size_t i, sum = 0;

    if (begin(s) < 0)
        return -1;
    for (i = 0; s->call->form && i < RIGHTS && !s->answer.wrong; i++)
        if (read_right(s, i, &sum) < 0)
            return -1;
    return 0;
}

/* Whom the file lets in, for the form's words. */
static const char *file_senders(struct ad_hoc_step *s)
{
    const struct conf *conf = settings_file(s->settings);
    const char *text = NULL;
    struct buf b;
    size_t i;

    buf_init(&b, TEXT_MAX);
    for (i = 0; i < conf->home_count; i++)
        buf_printf(&b, "%s%s", b.len ? ", " : "", conf->home[i]);
    for (i = 0; i < conf->sender_count; i++)
        buf_printf(&b, "%s%s", b.len ? ", " : "", conf->senders[i]);
    if (!buf_failed(&b))
        text = ad_hoc_make(s, TEXT_RIGHTS_INTRO, b.data, NULL);
    buf_clear(&b);
    return text;
}

static int say_rights(struct ad_hoc_step *s)
{
    struct xml_node *form, *field;
    const struct ruling *r;
    size_t i;

    if (s->call->form)
        return say_changed(s);
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_RIGHTS_NAME), file_senders(s));
    for (i = 0; i < RIGHTS; i++) {
        field = form_field(s->arena, form, "text-multi", rights[i].var,
                           ad_hoc_text(s, rights[i].label), NULL);
        for (r = rulings_first(s->gateway->rulings); field && r; r = r->next)
            if (r->what == DECISION_RIGHT && strcmp(r->value, rights[i].value) == 0)
                field = form_add_value(s->arena, field, r->name);
        if (!field)
            return -1;
    }
    return ad_hoc_form(s, form, 1, COMMANDS_COMPLETE);
}

const struct ad_hoc_row ad_hoc_rights = {
    .node = COMMANDS_NODE "admin/rights",
    .name = TEXT_RIGHTS_NAME,
    .is_for_admins = true,
    .read = read_rights,
    .run = run_changes,
    .say = say_rights,
};

/* ---- limits ---- */

static const enum text limit_labels[] = {TEXT_LIMITS_USER, TEXT_LIMITS_RECIPIENT, TEXT_LIMITS_LMTP};

static int read_limit(struct ad_hoc_step *s, size_t which)
{
    const struct ruling_limit *limit = &ruling_limits[which];
    const char *text = given(s, limit->name);
    int64_t value;

    if (!form_find(s->call->form, limit->name))
        return 0;
    if (!text)
        return -1;
    if (!*text)
        return rulings_find(s->gateway->rulings, DECISION_LIMIT, limit->name)
                   ? add_change(s, DECISION_LIMIT, limit->name, NULL)
                   : 0;
    value = strspn(text, "0123456789") == strlen(text) && strlen(text) < 10
                ? strtoll(text, NULL, 10)
                : INT64_MAX;
    if (value > limit->max)
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, limit_labels[which]), text);
    return add_change(s, DECISION_LIMIT, limit->name, arena_printf(s->arena, "%" PRId64, value));
}

static int read_limits(struct ad_hoc_step *s)
{
    size_t i;

    if (begin(s) < 0)
        return -1;
    for (i = 0; s->call->form && i < ruling_limit_count && !s->answer.wrong; i++)
        if (read_limit(s, i) < 0)
            return -1;
    return 0;
}

static int say_limits(struct ad_hoc_step *s)
{
    const struct conf *file = settings_file(s->settings);
    struct xml_node *form;
    size_t i;

    if (s->call->form)
        return say_changed(s);
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_LIMITS_NAME),
                    ad_hoc_text(s, TEXT_LIMITS_INTRO));
    for (i = 0; i < ruling_limit_count; i++) {
        const struct ruling *r =
            rulings_find(s->gateway->rulings, DECISION_LIMIT, ruling_limits[i].name);
        char in_file[32];

        snprintf(in_file, sizeof in_file, "%" PRId64, rulings_limit_of(file, i));
        if (!form_field(s->arena, form, "text-single", ruling_limits[i].name,
                        ad_hoc_make(s, TEXT_LIMITS_LABEL, ad_hoc_text(s, limit_labels[i]), in_file),
                        r ? r->value : ""))
            return -1;
    }
    return ad_hoc_form(s, form, 1, COMMANDS_COMPLETE);
}

const struct ad_hoc_row ad_hoc_limits = {
    .node = COMMANDS_NODE "admin/limits",
    .name = TEXT_LIMITS_NAME,
    .is_for_admins = true,
    .read = read_limits,
    .run = run_changes,
    .say = say_limits,
};
