/*
 * ad_hoc_inside: what the files of the commands share: a step under way, and the rows.
 */
#ifndef BRIDGE_PEOPLE_AD_HOC_INSIDE_H
#define BRIDGE_PEOPLE_AD_HOC_INSIDE_H

#include "bridge/people/choice_table.h"
#include "bridge/gateway.h"
#include "component/commands.h"
#include "component/form.h"
#include "store/senders.h"

/* A step of a command, from the loop through the store's writer and back. */
struct ad_hoc_step {
    struct store_work work;
    struct ad_hoc *all;
    struct gateway *gateway;
    struct settings *settings;
    struct commands_call *call;
    struct arena *arena; /* the call's */
    const struct ad_hoc_row *row;
    int64_t now_s;
    struct commands_answer answer; /* filled on the way; wrong: the rest is left out */
    void *data;                    /* the command's own, in the arena */
    struct ad_hoc_step *next;
};

struct ad_hoc_row {
    const char *node; /* "postern/..." */
    enum text name;
    bool is_for_admins;
    bool is_for_mailboxes; /* of users' own, where there can be any, and for home users alone */
    /* Each may be NULL.  -1: memory; else what is wrong goes to answer.wrong, and ends it.
     * read: on the loop, before the store.  run: inside store work; repeatable.  say: on the loop,
     * once that is on disk. */
    int (*read)(struct ad_hoc_step *s);
    /* wait: on the loop, after read: true: it goes on later, with ad_hoc_go_on. */
    bool (*wait)(struct ad_hoc_step *s);
    int (*run)(struct store_txn *txn, struct ad_hoc_step *s, struct err *e);
    int (*say)(struct ad_hoc_step *s);
};

/* The text in the language of who asked. */
const char *ad_hoc_text(const struct ad_hoc_step *s, enum text text);
/* The same with values in it; "" without memory for it. */
const char *ad_hoc_make(const struct ad_hoc_step *s, enum text text, const char *a, const char *b);
/* What was submitted is wrong; returns 0. */
int ad_hoc_wrong(struct ad_hoc_step *s, enum text text, const char *a, const char *b);
/* The command is done, and this is said of it; returns 0. */
int ad_hoc_note(struct ad_hoc_step *s, const char *type, const char *text);
/* A form to be filled in, and what may be done with it; -1 when form is NULL. */
int ad_hoc_form(struct ad_hoc_step *s, struct xml_node *form, unsigned stage, unsigned actions);

/* ad_hoc_user.c */
extern const struct ad_hoc_row ad_hoc_choices, ad_hoc_senders;
/* What `wait` waited for has come. */
void ad_hoc_go_on(struct ad_hoc_step *s);

/* ad_hoc_mailbox.c */
extern const struct ad_hoc_row ad_hoc_mailbox_add, ad_hoc_mailboxes;
/* ad_hoc_people.c */
extern const struct ad_hoc_row ad_hoc_users, ad_hoc_count, ad_hoc_announce;
/* ad_hoc_rule.c */
extern const struct ad_hoc_row ad_hoc_pairs, ad_hoc_rights, ad_hoc_limits;
/* ad_hoc_admin.c */
extern const struct ad_hoc_row ad_hoc_status, ad_hoc_queue, ad_hoc_map, ad_hoc_reload;

#endif
