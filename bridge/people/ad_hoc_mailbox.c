/*
 * ad_hoc_mailbox: the commands for users' own mailboxes: one more is added; one is changed,
 * becomes the one that new mails leave from, or is removed.
 *
 * No data but that of a step.  A described mailbox is tried between reading the form and the store;
 * a form that was wrong may be sent again.
 */
#include "bridge/people/ad_hoc_inside.h"

#include "bridge/own/own_plan.h"
#include "store/accounts.h"

#include <string.h>

enum stage { STAGE_CHOOSE = 1, STAGE_DESCRIBE };

struct box_step {
    struct own_plan plan;
    bool is_plan; /* there is one, and is_tried is for it */
    int64_t id;   /* of the mailbox that is changed, or that the rest is about */
    const char *address;
    enum { BOX_SHOW, BOX_EDIT, BOX_KEEP, BOX_MAKE_FIRST, BOX_DROP } what;
};

static const char var_box[] = "mailbox", var_action[] = "action";

static struct box_step *data_of(struct ad_hoc_step *s)
{
    if (!s->data)
        s->data = arena_alloc(s->arena, sizeof(struct box_step));
    return s->data;
}

static struct own_account *first_of(const struct ad_hoc_step *s)
{
    return own_next_of(s->gateway->own, s->call->bare, NULL);
}

/* ---- describing ---- */

static int read_answers(struct ad_hoc_step *s, struct own_answers *out)
{
    size_t i;

    memset(out, 0, sizeof *out);
    for (i = 0; i < OWN_FIELD_COUNT; i++) {
        const struct xml_node *field = form_find(s->call->form, own_form_vars[i]);

        if (field && !(out->of[i] = form_value(s->arena, field)))
            return -1;
    }
    return 0;
}

static int read_description(struct ad_hoc_step *s, const struct own_account *old)
{
    struct box_step *b = s->data;
    struct own_answers answers;
    const char *why = NULL;
    struct err e;

    if (read_answers(s, &answers) < 0)
        return -1;
    b->what = BOX_KEEP;
    if (own_form_read(s->settings, s->arena, old, &answers, &b->plan.wish, &why) < 0) {
        s->answer.wrong = why;
        return 0;
    }
    b->address = b->plan.wish.what.address;
    if (own_plan_make(s->gateway, s->arena, s->call->bare, old, false, &b->plan, &e) < 0)
        return -1;
    b->is_plan = true;
    return 0;
}

static void tried(const struct own_verdict *verdict, void *arg)
{
    struct ad_hoc_step *s = arg;
    struct box_step *b = s->data;

    b->plan.from = verdict->end;
    if (!verdict->is_ok) {
        own_plan_wipe(&b->plan);
        s->answer.wrong = arena_strdup(s->arena, verdict->text);
        if (!s->answer.wrong)
            s->answer.wrong = ad_hoc_text(s, TEXT_BUSY);
    }
    ad_hoc_go_on(s);
}

static bool wait_for_trial(struct ad_hoc_step *s)
{
    struct box_step *b = s->data;
    struct own_verdict refused;

    if (!b->is_plan || b->plan.wish.is_tried)
        return false;
    if (own_try(s->gateway->own, s->call->bare, &b->plan.wish.what, tried, s, &refused) == 0)
        return true;
    own_plan_wipe(&b->plan);
    s->answer.wrong = refused.text;
    return false;
}

static struct xml_node *new_form(struct ad_hoc_step *s, enum text title,
                                 const struct own_account *account)
{
    struct xml_node *form =
        form_new(s->arena, "form", ad_hoc_text(s, title), ad_hoc_text(s, TEXT_BOX_INTRO));

    return form && own_form_add(s->arena, form, s->call->lang, account) == 0 ? form : NULL;
}

/* ---- in the store ---- */

/* Who has a mailbox here has registered. */
static int keep_account(struct store_txn *txn, const struct ad_hoc_step *s, struct err *e)
{
    struct account account;
    bool is_there;

    if (accounts_get(txn, s->arena, s->call->bare, &account, &is_there, e) < 0 || is_there)
        return is_there ? 0 : -1;
    account.created_s = s->now_s;
    return accounts_put(txn, s->call->bare, &account, e);
}

static int run_box(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    struct box_step *b = s->data;

    switch (b->what) {
    case BOX_KEEP:
        if (keep_account(txn, s, e) < 0)
            return -1;
        return own_plan_store(txn, &b->plan, s->settings->conf->accounts.per_user, e);
    case BOX_MAKE_FIRST:
        return own_boxes_set_first(txn, s->call->bare, b->id, e);
    case BOX_DROP:
        return own_boxes_remove(txn, s->call->bare, b->id, e);
    case BOX_SHOW:
    case BOX_EDIT:
        break;
    }
    return 0;
}

static int say_kept(struct ad_hoc_step *s, enum text text)
{
    struct box_step *b = s->data;
    const char *address = arena_strdup(s->arena, b->address);

    if (address && !b->plan.is_full && !b->plan.is_gone)
        own_plan_settle(s->gateway, &b->plan);
    own_plan_wipe(&b->plan);
    if (!address)
        return -1;
    if (b->plan.is_full)
        return ad_hoc_note(s, "error", ad_hoc_text(s, TEXT_BOX_FULL));
    if (b->plan.is_gone)
        return ad_hoc_note(s, "error", ad_hoc_text(s, TEXT_BOX_GONE));
    return ad_hoc_note(s, "info", ad_hoc_make(s, text, address, NULL));
}

/* ---- adding one ---- */

static int read_add(struct ad_hoc_step *s)
{
    struct box_step *b = data_of(s);

    if (!b)
        return -1;
    return s->call->form ? read_description(s, NULL) : 0;
}

static int say_add(struct ad_hoc_step *s)
{
    if (!s->call->form)
        return ad_hoc_form(s, new_form(s, TEXT_BOX_ADD, NULL), STAGE_DESCRIBE, COMMANDS_COMPLETE);
    return say_kept(s, TEXT_BOX_ADDED);
}

const struct ad_hoc_row ad_hoc_mailbox_add = {
    .node = COMMANDS_NODE "mailbox-add",
    .name = TEXT_BOX_ADD,
    .is_for_mailboxes = true,
    .read = read_add,
    .wait = wait_for_trial,
    .run = run_box,
    .say = say_add,
};

/* ---- what is there ---- */

/* The account that the form names: one of the user's own. */
static struct own_account *find_named(struct ad_hoc_step *s)
{
    const struct xml_node *field = form_find(s->call->form, var_box);
    const char *name = field ? form_value(s->arena, field) : NULL;
    struct own_account *a = name ? own_find_name(s->gateway->own, name) : NULL;

    return a && strcmp(a->bare_jid, s->call->bare) == 0 ? a : NULL;
}

static int read_choice(struct ad_hoc_step *s)
{
    static const struct {
        const char *word;
        int what;
    } actions[] = {{"change", BOX_EDIT}, {"first", BOX_MAKE_FIRST}, {"remove", BOX_DROP}};
    const struct xml_node *field = form_find(s->call->form, var_action);
    const char *word = field ? form_value(s->arena, field) : NULL;
    struct box_step *b = s->data;
    size_t i;

    for (i = 0; word && i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(word, actions[i].word) == 0)
            b->what = actions[i].what;
    return b->what != BOX_SHOW
               ? 0
               : ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_BOX_ACTION), word);
}

static int read_manage(struct ad_hoc_step *s)
{
    struct box_step *b = data_of(s);
    struct own_account *a;

    if (!b)
        return -1;
    if (!s->call->form)
        return 0;
    a = find_named(s);
    if (!a)
        return ad_hoc_wrong(s, TEXT_BOX_NONE, NULL, NULL);
    b->id = a->id;
    b->address = arena_strdup(s->arena, a->what.address);
    if (!b->address)
        return -1;
    return s->call->stage == STAGE_DESCRIBE ? read_description(s, a) : read_choice(s);
}

static int say_choice(struct ad_hoc_step *s)
{
    const struct own_account *a = first_of(s);
    struct xml_node *form, *field;

    if (!a)
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_BOX_NONE));
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_BOX_MANAGE), NULL);
    field = form_field(s->arena, form, "list-single", var_box, ad_hoc_text(s, TEXT_BOX_WHICH),
                       own_first_of(s->gateway->own, s->call->bare)->name);
    for (; a; a = own_next_of(s->gateway->own, s->call->bare, a))
        field = form_option(s->arena, field, a->what.address, a->name);
    if (!field)
        return -1;
    field = form_field(s->arena, form, "list-single", var_action, ad_hoc_text(s, TEXT_BOX_ACTION),
                       "change");
    field = form_option(s->arena, field, ad_hoc_text(s, TEXT_BOX_CHANGE), "change");
    field = form_option(s->arena, field, ad_hoc_text(s, TEXT_BOX_FIRST), "first");
    field = form_option(s->arena, field, ad_hoc_text(s, TEXT_BOX_REMOVE), "remove");
    return ad_hoc_form(s, field ? form : NULL, STAGE_CHOOSE, COMMANDS_NEXT);
}

static int say_edit(struct ad_hoc_step *s, const struct own_account *a)
{
    struct xml_node *form;

    if (!a)
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_BOX_NONE));
    form = new_form(s, TEXT_BOX_MANAGE, a);
    if (!form || !form_field(s->arena, form, "hidden", var_box, NULL, a->name))
        return -1;
    return ad_hoc_form(s, form, STAGE_DESCRIBE, COMMANDS_COMPLETE);
}

static int say_manage(struct ad_hoc_step *s)
{
    const struct box_step *b = s->data;
    struct own *own = s->gateway->own;

    switch (b->what) {
    case BOX_SHOW:
        return say_choice(s);
    case BOX_EDIT:
        return say_edit(s, own_find(own, b->id));
    case BOX_KEEP:
        return say_kept(s, TEXT_BOX_CHANGED);
    case BOX_MAKE_FIRST:
        own_make_first(own, s->call->bare, b->id);
        return ad_hoc_note(s, "info", ad_hoc_make(s, TEXT_BOX_FIRST_NOW, b->address, NULL));
    case BOX_DROP:
        own_drop(own, b->id);
        own_announce(own, s->call->bare);
        return ad_hoc_note(s, "info", ad_hoc_make(s, TEXT_BOX_REMOVED, b->address, NULL));
    }
    return -1;
}

const struct ad_hoc_row ad_hoc_mailboxes = {
    .node = COMMANDS_NODE "mailboxes",
    .name = TEXT_BOX_MANAGE,
    .is_for_mailboxes = true,
    .read = read_manage,
    .wait = wait_for_trial,
    .run = run_box,
    .say = say_manage,
};
