/*
 * ad_hoc_people: the administrators' commands about users: who has registered, and telling all of
 * them something.
 *
 * No data but that of a step.  Nodes are those of XEP-0133 where its commands say the same.
 */
#include "bridge/people/ad_hoc_inside.h"

#include "bridge/people/announce.h"
#include "bridge/people/registration.h"
#include "component/registering.h"
#include "store/accounts.h"
#include "store/announcements.h"
#include "store/census.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ADMIN_NS "http://jabber.org/protocol/admin" /* XEP-0133 */

enum { PAGE = 20, BODY_MAX = 60000, SUBJECT_MAX = 1000, IQ_ARENA = 16 << 10 };

/* ---- users ---- */

enum { STAGE_PAGE = 1, STAGE_SURE = 2 };

struct users_step {
    const char *after;          /* of the page before */
    const char *page[PAGE + 1]; /* one more, to know that there is one */
    unsigned count;
    const char *user; /* who is shown or removed; NULL: a page is */
    bool removes, is_sure, is_found;
    struct account account;
    struct census_sums sums;
};

static const char *value_of(const struct ad_hoc_step *s, const char *var)
{
    const char *text = form_value(s->arena, form_find(s->call->form, var));

    return text ? text : "";
}

static int read_user(struct ad_hoc_step *s, struct users_step *u)
{
    const char *typed = value_of(s, "jid"), *action = value_of(s, "action"), *sure;
    struct jid jid;
    struct err e;

    typed = *typed ? typed : value_of(s, "user");
    if (jid_parse(s->arena, typed, &jid, &e) < 0)
        return e.class == ERR_RETRY
                   ? -1
                   : ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_USERS_USER), typed);
    u->user = jid_bare(s->arena, &jid);
    if (s->call->stage == STAGE_SURE) {
        u->removes = true;
        sure = value_of(s, "sure");
        u->is_sure = strcmp(sure, "1") == 0 || strcmp(sure, "true") == 0;
    } else if (strcmp(action, "remove") == 0) {
        u->removes = true;
    } else if (*action && strcmp(action, "show") != 0) {
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_QUEUE_ACTION), action);
    }
    return u->user ? 0 : -1;
}

static int read_users(struct ad_hoc_step *s)
{
    struct users_step *u = arena_alloc(s->arena, sizeof *u);

    s->data = u;
    if (!u)
        return -1;
    u->after = "";
    if (!s->call->form)
        return 0;
    if (s->call->is_complete)
        return read_user(s, u);
    u->after = value_of(s, "after");
    return 0;
}

static int run_users(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    struct users_step *u = s->data;

    if (!u->user)
        return census_page(txn, s->arena, u->after, PAGE + 1, u->page, &u->count, e);
    if (accounts_get(txn, s->arena, u->user, &u->account, &u->is_found, e) < 0)
        return -1;
    return census_sums(txn, u->user, &u->sums, e);
}

static int say_page(struct ad_hoc_step *s, const struct users_step *u)
{
    unsigned shown = u->count > PAGE ? PAGE : u->count, i;
    struct xml_node *form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_USERS_NAME),
                                     ad_hoc_text(s, TEXT_USERS_INTRO));
    struct xml_node *field =
        form_field(s->arena, form, "list-single", "user", ad_hoc_text(s, TEXT_USERS_USER), NULL);

    for (i = 0; i < shown; i++)
        field = form_option(s->arena, field, u->page[i], u->page[i]);
    if (!field ||
        !form_field(s->arena, form, "hidden", "after", NULL,
                    shown > 0 ? u->page[shown - 1] : u->after) ||
        !form_field(s->arena, form, "text-single", "jid", ad_hoc_text(s, TEXT_USERS_JID), NULL))
        return -1;
    field = form_field(s->arena, form, "list-single", "action", ad_hoc_text(s, TEXT_QUEUE_ACTION),
                       "show");
    field = form_option(s->arena, field, ad_hoc_text(s, TEXT_QUEUE_SHOW), "show");
    field = form_option(s->arena, field, ad_hoc_text(s, TEXT_USERS_REMOVE), "remove");
    return field ? ad_hoc_form(s, form, STAGE_PAGE,
                               COMMANDS_COMPLETE | (u->count > PAGE ? COMMANDS_NEXT : 0U))
                 : -1;
}

static int ask_sure(struct ad_hoc_step *s, const struct users_step *u)
{
    struct xml_node *form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_USERS_NAME),
                                     ad_hoc_make(s, TEXT_USERS_SURE, u->user, NULL));

    if (!form_field(s->arena, form, "hidden", "user", NULL, u->user) ||
        !form_field(s->arena, form, "boolean", "sure", ad_hoc_text(s, TEXT_USERS_REMOVE), "0"))
        return -1;
    return ad_hoc_form(s, form, STAGE_SURE, COMMANDS_COMPLETE);
}

/* As if they had said so themselves: there is one way to go.  Their server drops the answer. */
static int remove_user(struct ad_hoc_step *s, const struct users_step *u)
{
    struct arena *a = arena_new(IQ_ARENA);
    struct xml_node *iq = a ? xml_new(a, STREAM_NS, "iq") : NULL;

    iq = xml_set(a, xml_set(a, iq, "type", "set"), "id", "removed");
    iq = xml_set(a, xml_set(a, iq, "from", u->user), "to", s->settings->conf->jid);
    if (!xml_add(a, xml_add(a, iq, REGISTER_NS, "query"), REGISTER_NS, "remove")) {
        arena_free(a);
        return -1;
    }
    registration_asked(s->gateway, iq, a);
    return ad_hoc_note(s, "info", ad_hoc_make(s, TEXT_USERS_REMOVED, u->user, NULL));
}

static int show_user(struct ad_hoc_step *s, const struct users_step *u)
{
    time_t created = (time_t)u->account.created_s;
    char day[16] = "";
    struct tm tm;
    const char *text;

    if (gmtime_r(&created, &tm))
        strftime(day, sizeof day, "%Y-%m-%d", &tm);
    text = arena_printf(
        s->arena,
        "%s\n%s: %s\n%s: %s\n%s: %s\n%s: %" PRId64 "\n%s: %" PRId64 "\n%s: %" PRId64
        "\n%s: %" PRId64,
        u->user, ad_hoc_text(s, TEXT_USERS_SINCE), day, ad_hoc_text(s, TEXT_USERS_ADDRESS),
        u->account.alias ? u->account.alias : "-", ad_hoc_text(s, TEXT_SEARCH_NICK),
        *u->account.name ? u->account.name : "-", ad_hoc_text(s, TEXT_USERS_CONTACTS),
        u->sums.contacts, ad_hoc_text(s, TEXT_USERS_CHOICES), u->sums.choices,
        ad_hoc_text(s, TEXT_USERS_SENDERS), u->sums.senders, ad_hoc_text(s, TEXT_USERS_HELD),
        u->sums.held);
    return text ? ad_hoc_note(s, "info", text) : -1;
}

static int say_users(struct ad_hoc_step *s)
{
    const struct users_step *u = s->data;

    if (!u->user)
        return say_page(s, u);
    if (!u->is_found)
        return ad_hoc_note(s, "warn", ad_hoc_make(s, TEXT_USERS_NONE, u->user, NULL));
    if (!u->removes)
        return show_user(s, u);
    if (s->call->stage != STAGE_SURE)
        return ask_sure(s, u);
    return u->is_sure ? remove_user(s, u)
                      : ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_NOTHING_DONE));
}

const struct ad_hoc_row ad_hoc_users = {
    .node = COMMANDS_NODE "admin/users",
    .name = TEXT_USERS_NAME,
    .is_for_admins = true,
    .read = read_users,
    .run = run_users,
    .say = say_users,
};

/* ---- how many (XEP-0133 §4.16) ---- */

static int run_count(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    int64_t *count = arena_alloc(s->arena, sizeof *count);

    s->data = count;
    return count ? census_count(txn, count, e) : err_memory(e);
}

static int say_count(struct ad_hoc_step *s)
{
    const int64_t *count = s->data;
    char number[24];
    struct xml_node *form = form_new(s->arena, "result", NULL, NULL);

    snprintf(number, sizeof number, "%" PRId64, *count);
    if (!form_field(s->arena, form, "hidden", "FORM_TYPE", NULL, ADMIN_NS) ||
        !form_field(s->arena, form, "fixed", "registeredusersnum", ad_hoc_text(s, TEXT_COUNT_NAME),
                    number))
        return -1;
    return ad_hoc_form(s, form, 0, 0);
}

const struct ad_hoc_row ad_hoc_count = {
    .node = ADMIN_NS "#get-registered-users-num",
    .name = TEXT_COUNT_NAME,
    .is_for_admins = true,
    .run = run_count,
    .say = say_count,
};

/* ---- announcements (XEP-0133 §4.23) ---- */

static const struct {
    const char *word, *type;
    enum text label;
} targets[] = {
    /* a headline goes to who is there, and is not kept for others (RFC 6121 §8.5.2) */
    {"online", "headline", TEXT_ANNOUNCE_ONLINE},
    {"all", "normal", TEXT_ANNOUNCE_ALL},
};

enum { TARGETS = sizeof targets / sizeof targets[0] };

static const char *joined(struct ad_hoc_step *s, const char *var)
{
    size_t count, i;
    const char **lines = form_values(s->arena, form_find(s->call->form, var), &count);
    const char *text = NULL;
    struct buf b;

    buf_init(&b, BODY_MAX + 1);
    for (i = 0; lines && i < count; i++)
        buf_printf(&b, "%s%s", i > 0 ? "\n" : "", lines[i]);
    if (lines && !buf_failed(&b))
        text = arena_strndup(s->arena, b.data ? b.data : "", b.len);
    buf_clear(&b);
    return text;
}

static int read_announce(struct ad_hoc_step *s)
{
    struct announcement *a = arena_alloc(s->arena, sizeof *a);
    const char *to;
    size_t i;

    s->data = a;
    if (!a)
        return -1;
    if (!s->call->form)
        return 0;
    a->id = id_next(&s->gateway->ids);
    a->subject = value_of(s, "subject");
    a->body = joined(s, "announcement");
    to = value_of(s, "to");
    for (i = 0; *to && i < TARGETS && strcmp(to, targets[i].word) != 0; i++)
        continue;
    if (i == TARGETS)
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_ANNOUNCE_TO), to);
    a->type = targets[i].type;
    if (!a->body || !a->body[strspn(a->body, " \t\r\n")] || strlen(a->subject) > SUBJECT_MAX)
        return ad_hoc_wrong(s, TEXT_ANNOUNCE_WRONG, NULL, NULL);
    return 0;
}

static int run_announce(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    return s->call->form ? announcements_put(txn, s->data, e) : 0;
}

static int say_announce(struct ad_hoc_step *s)
{
    struct xml_node *form, *field;
    size_t i;

    if (s->call->form) {
        announce_wake(s->gateway->announce);
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_ANNOUNCE_DONE));
    }
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_ANNOUNCE_NAME),
                    ad_hoc_text(s, TEXT_ANNOUNCE_INTRO));
    if (!form_field(s->arena, form, "hidden", "FORM_TYPE", NULL, ADMIN_NS) ||
        !form_field(s->arena, form, "text-single", "subject", ad_hoc_text(s, TEXT_ANNOUNCE_SUBJECT),
                    NULL) ||
        !form_field(s->arena, form, "text-multi", "announcement",
                    ad_hoc_text(s, TEXT_ANNOUNCE_TEXT), NULL))
        return -1;
    field =
        form_field(s->arena, form, "list-single", "to", ad_hoc_text(s, TEXT_ANNOUNCE_TO), "online");
    for (i = 0; i < TARGETS; i++)
        field = form_option(s->arena, field, ad_hoc_text(s, targets[i].label), targets[i].word);
    return field ? ad_hoc_form(s, form, 1, COMMANDS_COMPLETE) : -1;
}

const struct ad_hoc_row ad_hoc_announce = {
    .node = ADMIN_NS "#announce",
    .name = TEXT_ANNOUNCE_NAME,
    .is_for_admins = true,
    .read = read_announce,
    .run = run_announce,
    .say = say_announce,
};
