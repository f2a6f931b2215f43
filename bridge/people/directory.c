/*
 * directory: a question about a user's contacts is asked of the store, and answered.
 *
 * Data: one struct look per question, from the loop through the store's writer and back, at most
 * LOOKS_MAX.  Nothing is written; a crash loses an answer, and the client asks again.
 */
#include "bridge/people/directory.h"

#include "base/log.h"
#include "bridge/people/texts.h"
#include "bridge/policy.h"
#include "component/commands.h"
#include "component/reply.h"
#include "component/searching.h"
#include "store/known.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS_MAX = 20, FOUND_BYTES = 1 << 20, FOLDED_MAX = 1024 };

enum look_kind { LOOK_ITEMS, LOOK_SEARCH, LOOK_LAST };

struct look {
    struct store_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct arena *arena; /* of the iq */
    struct arena *found_arena;
    const struct xml_node *iq;
    enum look_kind kind;
    const char *bare_jid, *contact;
    struct paging paging;
    struct searching_request search;
    char folded[SEARCHING_FIELDS][FOLDED_MAX]; /* what is searched for */
    bool is_page;                              /* the second time that the list is looked at */
    struct searching_found *found;
    int64_t last_mail_s, now_s;
};

static void look_free(struct look *l)
{
    settings_drop(l->settings);
    arena_free(l->found_arena);
    arena_free(l->arena);
    free(l);
}

static void tell(const struct look *l, const struct xml_node *reply)
{
    if (!reply || window_answer(l->gateway->window, reply) < 0)
        log_debug("directory", "event=answer-dropped");
}

/* ---- on the writer ---- */

static const char *mail_of(const struct look *l, struct arena *a, const char *contact)
{
    struct addr mail;
    struct jid jid;

    if (jid_parse(a, contact, &jid, NULL) < 0 ||
        address_map_contact_to_mail(l->settings->map, a, &jid, &mail, NULL, NULL) < 0)
        return NULL;
    return addr_text(a, &mail);
}

static bool has(const char *text, const char *folded)
{
    char in[FOLDED_MAX];

    if (!*folded)
        return true;
    jid_fold(text ? text : "", in, sizeof in);
    return strstr(in, folded) != NULL;
}

/* A contact's node spells its address out, so it need not be translated to be searched. */
static bool is_wanted(const struct look *l, const char *contact, const char *name)
{
    char *node, address[FOLDED_MAX];
    size_t n = strcspn(contact, "@");
    bool is_mail;

    if (!has(name, l->folded[SEARCHING_FIRST]) || !has(name, l->folded[SEARCHING_LAST]) ||
        !has(name, l->folded[SEARCHING_NICK]))
        return false;
    if (!l->folded[SEARCHING_EMAIL][0])
        return true;
    if (n >= sizeof address)
        return false;
    memcpy(address, contact, n);
    address[n] = '\0';
    node = strstr(address, "\\40");
    if (node) {
        *node = '@';
        memmove(node + 1, node + 3, strlen(node + 3) + 1);
    } else if ((node = strrchr(address, '%')) != NULL) {
        *node = '@';
    }
    is_mail = has(address, l->folded[SEARCHING_EMAIL]);
    return is_mail;
}

static int take(struct look *l, const char *contact, const char *name)
{
    struct searching_found *f = &l->found[l->paging.taken - 1];

    f->jid = arena_strdup(l->found_arena, contact);
    f->mail = mail_of(l, l->found_arena, contact);
    f->name = name ? xml_clean(l->found_arena, name, strlen(name)) : NULL;
    if (!f->mail) /* the administrators' map has it otherwise by now */
        f->mail = f->jid;
    paging_name(&l->paging, f->jid);
    return f->jid && (f->name || !name) ? 0 : -1;
}

static int on_known(const char *contact, const char *name, void *arg)
{
    struct look *l = arg;

    if (l->kind == LOOK_SEARCH && !is_wanted(l, contact, name))
        return 0;
    if (!l->is_page)
        paging_see(&l->paging, contact);
    else if (paging_takes(&l->paging))
        return take(l, contact, name);
    return 0;
}

static int look_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct look *l = (struct look *)work;
    bool listed = l->kind == LOOK_ITEMS;

    if (l->kind == LOOK_LAST)
        return known_last_mail(txn, l->bare_jid, l->contact, &l->last_mail_s, e);
    arena_free(l->found_arena); /* of a try that was undone */
    l->found_arena = arena_new(FOUND_BYTES);
    l->found = l->found_arena ? arena_alloc(l->found_arena, PAGING_MAX * sizeof *l->found) : NULL;
    if (!l->found)
        return err_memory(e);
    l->is_page = false;
    paging_begin(&l->paging);
    if (known_each(txn, l->bare_jid, listed, on_known, l, e) < 0)
        return -1;
    l->is_page = true;
    paging_begin_page(&l->paging);
    return known_each(txn, l->bare_jid, listed, on_known, l, e);
}

/* ---- answers ---- */

static void search_words(const struct look *l, struct searching_words *out)
{
    const char *lang = xml_lang(l->iq);

    *out = (struct searching_words){
        .title = texts_get(lang, TEXT_SEARCH_NAME),
        .instructions = texts_get(lang, TEXT_SEARCH_INTRO),
        .jid = texts_get(lang, TEXT_SEARCH_JID),
        .labels = {texts_get(lang, TEXT_SEARCH_FIRST), texts_get(lang, TEXT_SEARCH_LAST),
                   texts_get(lang, TEXT_SEARCH_NICK), texts_get(lang, TEXT_SEARCH_EMAIL)},
    };
}

/* The commands stand first, on the first page. */
static const struct xml_node *items_answer(const struct look *l)
{
    struct arena *a = l->found_arena;
    struct xml_node *query, *reply = disco_items_open(a, l->iq, &query);
    const char *lang = xml_lang(l->iq), *gw = l->settings->conf->jid;
    unsigned i;

    if (!l->paging.after && !l->paging.before && !l->paging.has_index &&
        !disco_item(a, query, gw, COMMANDS_NS, texts_get(lang, TEXT_COMMANDS_NAME)))
        return NULL;
    for (i = 0; i < l->paging.taken; i++)
        if (!disco_item(a, query, l->found[i].jid, NULL,
                        l->found[i].name ? l->found[i].name : l->found[i].mail))
            return NULL;
    return paging_write(a, query, &l->paging) == 0 ? reply : NULL;
}

static const struct xml_node *last_answer(const struct look *l)
{
    struct xml_node *query, *reply;
    int64_t ago = l->now_s - l->last_mail_s;

    if (l->last_mail_s == 0)
        return reply_error(l->arena, l->iq, REPLY_ITEM_NOT_FOUND,
                           "No mail of this contact's to you is known.");
    reply = reply_query(l->arena, l->iq, LAST_NS, "query", &query);
    return xml_set(l->arena, query, "seconds",
                   arena_printf(l->arena, "%" PRId64, ago > 0 ? ago : 0))
               ? reply
               : NULL;
}

static const struct xml_node *answer(const struct look *l)
{
    struct searching_words words;

    if (l->kind == LOOK_LAST)
        return last_answer(l);
    if (l->kind == LOOK_ITEMS)
        return items_answer(l);
    search_words(l, &words);
    return searching_result(l->found_arena, l->iq, &l->search, &words, l->found, &l->paging);
}

static void look_done(struct store_work *work, const struct err *e)
{
    struct look *l = (struct look *)work;

    l->gateway->looking--;
    if (e) {
        log_warning("directory", "event=not-looked-up class=%s error=\"%s\"",
                    err_class_name(e->class), e->text);
        tell(l, reply_error(l->arena, l->iq, REPLY_UNAVAILABLE_WAIT,
                            "The gateway could not look this up. Try again later."));
    } else {
        tell(l, answer(l));
    }
    look_free(l);
}

/* ---- questions ---- */

static const struct xml_node *query_of(const struct xml_node *iq, enum look_kind *kind_out)
{
    static const char *const names[] = {
        [LOOK_ITEMS] = DISCO_ITEMS_NS, [LOOK_SEARCH] = SEARCHING_NS, [LOOK_LAST] = LAST_NS};
    const struct xml_node *query = NULL;
    size_t i;

    for (i = 0; !query && i < sizeof names / sizeof names[0]; i++) {
        query = xml_child(iq, names[i], "query");
        *kind_out = (enum look_kind)i;
    }
    return query;
}

static bool is_set(const struct look *l)
{
    const char *type = xml_get(l->iq, "type");

    return type && strcmp(type, "set") == 0;
}

/* What can be said at once: an answer, or NULL with *is_asked_out. */
static const struct xml_node *answer_at_once(struct look *l, const struct xml_node *query, bool may,
                                             bool *is_asked_out)
{
    struct searching_words words;
    struct xml_node *ignored;
    size_t i;

    *is_asked_out = false;
    if (l->kind != LOOK_SEARCH && is_set(l))
        return reply_error(l->arena, l->iq, REPLY_NOT_ALLOWED, "This cannot be set.");
    if (l->kind == LOOK_ITEMS && (!may || xml_get(query, "node")) &&
        (!may || *xml_get(query, "node")))
        return disco_items_open(l->arena, l->iq, &ignored);
    if (!may)
        return reply_error(l->arena, l->iq, REPLY_FORBIDDEN,
                           "You are not allowed to use this gateway.");
    if (l->kind == LOOK_SEARCH && !is_set(l)) {
        search_words(l, &words);
        return searching_form(l->arena, l->iq, &words);
    }
    if (paging_read(l->arena, query, &l->paging) < 0)
        return reply_error(l->arena, l->iq, REPLY_BAD_REQUEST,
                           "This is no page that there could be.");
    if (l->kind == LOOK_SEARCH) {
        if (searching_read(l->arena, l->iq, &l->search) < 0)
            return NULL;
        for (i = 0; i < SEARCHING_FIELDS; i++)
            jid_fold(l->search.of[i], l->folded[i], sizeof l->folded[i]);
    }
    *is_asked_out = true;
    return NULL;
}

/* -1: memory, or the JID is none. */
static int read_who(struct look *l, bool *may_out)
{
    const char *to = xml_get(l->iq, "to");
    struct jid jid;

    if (jid_parse(l->arena, xml_get(l->iq, "from"), &jid, NULL) < 0)
        return -1;
    *may_out = policy_may_send(l->settings, &jid);
    l->bare_jid = jid_bare(l->arena, &jid);
    if (l->kind == LOOK_LAST) {
        if (jid_parse(l->arena, to, &jid, NULL) < 0)
            return -1;
        l->contact = jid_bare(l->arena, &jid);
        return l->bare_jid && l->contact ? 0 : -1;
    }
    return l->bare_jid ? 0 : -1;
}

void directory_asked(struct gateway *g, struct xml_node *iq, struct arena *arena)
{
    struct look *l = calloc(1, sizeof *l);
    const struct xml_node *query, *at_once;
    bool may, is_asked;

    if (!l) {
        arena_free(arena);
        return;
    }
    l->gateway = g;
    l->settings = settings_hold(g->settings);
    l->arena = arena;
    l->iq = iq;
    l->now_s = gateway_now_s(g);
    query = query_of(iq, &l->kind);
    if (read_who(l, &may) < 0) {
        look_free(l);
        return;
    }
    at_once = answer_at_once(l, query, may, &is_asked);
    l->work.run = look_run;
    l->work.done = look_done;
    if (is_asked && g->looking < LOOKS_MAX && store_submit(g->store, &l->work) == 0) {
        g->looking++;
        return;
    }
    if (is_asked)
        at_once =
            reply_error(arena, iq, REPLY_UNAVAILABLE_WAIT, "The gateway is busy. Try again later.");
    tell(l, at_once);
    look_free(l);
}
