/*
 * ad_hoc_admin: the administrators' commands: how the gateway is, its queue, its address map, and
 * reading the configuration again.
 *
 * No data but that of a step.  What is done to the queue is done as `postern queue` does it.
 */
#include "bridge/people/ad_hoc_inside.h"

#include "bridge/cli/map_ask.h"
#include "bridge/status/status.h"
#include "store/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 64 << 10, PAGE = 20, LINE_BYTES = 600 };

/* A text that has been put together; -1: memory. */
static int note_buf(struct ad_hoc_step *s, struct buf *text)
{
    const char *copy = buf_failed(text) ? NULL : xml_clean(s->arena, text->data, text->len);

    buf_clear(text);
    return copy ? ad_hoc_note(s, "info", copy) : -1;
}

/* ---- status ---- */

static int say_status(struct ad_hoc_step *s)
{
    static const char *const words[] = {
#define X(name, metric, text) text,
        STATS(X)
#undef X
    };
    const struct status_view view = {.gateway = s->gateway, .now_s = s->now_s};
    struct buf text;
    size_t i;

    buf_init(&text, TEXT_MAX);
    if (status_health(&view, &text))
        buf_printf(&text, "%s\n", ad_hoc_text(s, TEXT_STATUS_WELL));
    buf_printf(&text, "postern %s\n%s", POSTERN_VERSION, ad_hoc_text(s, TEXT_STATUS_HOUR));
    for (i = 0; i < STAT_COUNT; i++)
        buf_printf(&text, "\n%s: %" PRIu64, words[i],
                   stats_last(&s->gateway->stats, (enum stat)i, STATS_MINUTES, s->now_s));
    return note_buf(s, &text);
}

const struct ad_hoc_row ad_hoc_status = {
    .node = COMMANDS_NODE "admin/status",
    .name = TEXT_STATUS_NAME,
    .is_for_admins = true,
    .say = say_status,
};

/* ---- queue ---- */

static const struct {
    const char *word;
    enum text label;
} actions[] = {
    {"show", TEXT_QUEUE_SHOW},
    {"retry", TEXT_QUEUE_RETRY},
    {"drop", TEXT_QUEUE_DROP},
};

enum { ACTIONS = sizeof actions / sizeof actions[0] };

enum { STAGE_PAGE = 1, STAGE_SURE = 2 };

struct queue_step {
    const char *action; /* NULL: a page is shown */
    int64_t id;         /* for the action */
    int64_t after_id;   /* for the page */
    bool is_sure;       /* that it is to be dropped */
    struct {
        int64_t id;
        const char *line;
    } page[PAGE];
    size_t count;
    bool has_more, is_out; /* of the queue; of memory */
    struct arena *arena;
    unsigned touched;
    const char *shown;
};

static int64_t read_id(const struct ad_hoc_step *s, const char *var)
{
    const char *text = form_value(s->arena, form_find(s->call->form, var));

    return text && *text ? id_parse(text, (unsigned)strlen(text)) : 0;
}

static int read_queue(struct ad_hoc_step *s)
{
    struct queue_step *q = arena_alloc(s->arena, sizeof *q);
    const char *word;
    size_t i;

    s->data = q;
    if (!q)
        return -1;
    q->arena = s->arena;
    if (!s->call->form)
        return 0;
    if (!s->call->is_complete) {
        q->after_id = read_id(s, "after");
        return 0;
    }
    word = form_value(s->arena, form_find(s->call->form, "action"));
    q->id = read_id(s, "message");
    if (s->call->stage == STAGE_SURE) {
        const char *sure = form_value(s->arena, form_find(s->call->form, "sure"));

        word = "drop";
        q->is_sure = sure && (strcmp(sure, "1") == 0 || strcmp(sure, "true") == 0);
    }
    for (i = 0; word && i < ACTIONS; i++)
        if (strcmp(word, actions[i].word) == 0)
            q->action = actions[i].word;
    if (!q->action)
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_QUEUE_ACTION),
                            word ? word : "");
    if (q->id == 0)
        return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_QUEUE_MESSAGE), "");
    return 0;
}

static void write_time(struct buf *out, int64_t at_s)
{
    char text[32] = "";
    time_t t = (time_t)at_s;
    struct tm tm;

    if (gmtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        buf_adds(out, text);
}

static const char *keep(struct arena *a, struct buf *b)
{
    const char *text = buf_failed(b) ? NULL : xml_clean(a, b->data, b->len);

    buf_clear(b);
    return text;
}

static int add_line(const struct queue_message *m, void *arg)
{
    struct queue_step *q = arg;
    char id[ID_TEXT_SIZE];
    struct buf b;

    if (q->count == PAGE) {
        q->has_more = true;
        return -1;
    }
    buf_init(&b, LINE_BYTES);
    buf_printf(&b, "%s ", id_format(m->id, id));
    write_time(&b, m->created_s);
    buf_printf(&b, " %.100s -> %.100s%s", m->sender, m->item_count ? m->items[0].recipient : "",
               m->item_count > 1 ? ", ..." : "");
    if (m->item_count && m->items[0].is_set_aside)
        buf_adds(&b, " (set aside)");
    q->page[q->count].id = m->id;
    q->page[q->count].line = keep(q->arena, &b);
    if (!q->page[q->count].line) {
        q->is_out = true;
        return -1;
    }
    q->count++;
    return 0;
}

static int show_message(struct store_txn *txn, struct ad_hoc_step *s, struct queue_step *q,
                        struct err *e)
{
    struct arena *a = arena_new((size_t)1 << 30);
    struct queue_message *m = NULL;
    char id[ID_TEXT_SIZE];
    struct buf b;
    size_t i;
    int r = a ? queue_get(txn, a, q->id, &m, e) : err_memory(e);

    if (r == 0 && m) {
        buf_init(&b, TEXT_MAX);
        buf_printf(&b, "%s %s <%.300s>, %zu bytes, ", id_format(m->id, id), m->origin, m->sender,
                   m->content_len);
        write_time(&b, m->created_s);
        for (i = 0; i < m->item_count && i < PAGE; i++) {
            buf_printf(&b, "\n<%.300s> attempts=%u next=", m->items[i].recipient,
                       m->items[i].attempts);
            if (m->items[i].is_set_aside)
                buf_adds(&b, "never");
            else
                write_time(&b, m->items[i].next_at_s);
            buf_printf(&b, " %.500s", m->items[i].last_error);
        }
        q->shown = keep(s->arena, &b);
        r = q->shown ? 0 : err_memory(e);
    }
    arena_free(a);
    return r;
}

static int run_queue(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    struct queue_step *q = s->data;

    q->count = 0;
    q->touched = 0;
    if (!q->action)
        return queue_each(txn, q->after_id, add_line, q, e) < 0 ? -1
               : q->is_out                                      ? err_memory(e)
                                                                : 0;
    if (strcmp(q->action, "show") == 0)
        return show_message(txn, s, q, e);
    if (strcmp(q->action, "retry") == 0)
        return queue_retry(txn, q->id, s->now_s, &q->touched, e);
    if (s->call->stage != STAGE_SURE) /* what it is about is in the question */
        return show_message(txn, s, q, e);
    return q->is_sure ? queue_drop(txn, q->id, &q->touched, e) : 0;
}

static int ask_sure(struct ad_hoc_step *s, const struct queue_step *q, const char *id)
{
    struct xml_node *form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_QUEUE_NAME), q->shown);

    if (!form_field(s->arena, form, "hidden", "message", NULL, id) ||
        !form_field(s->arena, form, "boolean", "sure", ad_hoc_text(s, TEXT_QUEUE_SURE), "0"))
        return -1;
    return ad_hoc_form(s, form, STAGE_SURE, COMMANDS_COMPLETE);
}

static int say_page(struct ad_hoc_step *s, const struct queue_step *q)
{
    struct xml_node *form, *field;
    char id[ID_TEXT_SIZE];
    size_t i;

    if (q->count == 0)
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_QUEUE_EMPTY));
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_QUEUE_NAME),
                    ad_hoc_text(s, TEXT_QUEUE_INTRO));
    field = form_field(s->arena, form, "hidden", "after", NULL,
                       id_format(q->page[q->count - 1].id, id));
    if (!field)
        return -1;
    field = form_field(s->arena, form, "list-single", "message", ad_hoc_text(s, TEXT_QUEUE_MESSAGE),
                       NULL);
    for (i = 0; i < q->count; i++)
        field = form_option(s->arena, field, q->page[i].line, id_format(q->page[i].id, id));
    if (!field)
        return -1;
    field = form_field(s->arena, form, "list-single", "action", ad_hoc_text(s, TEXT_QUEUE_ACTION),
                       "show");
    for (i = 0; i < ACTIONS; i++)
        field = form_option(s->arena, field, ad_hoc_text(s, actions[i].label), actions[i].word);
    if (!field)
        return -1;
    return ad_hoc_form(s, form, STAGE_PAGE, COMMANDS_COMPLETE | (q->has_more ? COMMANDS_NEXT : 0U));
}

static int say_queue(struct ad_hoc_step *s)
{
    const struct queue_step *q = s->data;
    char id[ID_TEXT_SIZE], count[16];

    if (!q->action)
        return say_page(s, q);
    id_format(q->id, id);
    if (q->shown && strcmp(q->action, "drop") == 0)
        return ask_sure(s, q, id);
    if (q->shown)
        return ad_hoc_note(s, "info", q->shown);
    if (s->call->stage == STAGE_SURE && !q->is_sure)
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_NOTHING_DONE));
    if (q->touched == 0)
        return ad_hoc_note(s, "warn", ad_hoc_make(s, TEXT_QUEUE_GONE, id, NULL));
    courier_rescan(s->gateway->mail_out);
    courier_rescan(s->gateway->mail_in);
    courier_rescan(s->gateway->stanza_out);
    snprintf(count, sizeof count, "%u", q->touched);
    return ad_hoc_note(s, "info", ad_hoc_make(s, TEXT_QUEUE_DONE, id, count));
}

const struct ad_hoc_row ad_hoc_queue = {
    .node = COMMANDS_NODE "admin/queue",
    .name = TEXT_QUEUE_NAME,
    .is_for_admins = true,
    .read = read_queue,
    .run = run_queue,
    .say = say_queue,
};

/* ---- address map ---- */

struct map_step {
    const char *address; /* NULL: not asked yet */
    struct map_answer answers[MAP_ANSWERS_MAX];
    size_t count;
};

static int read_map(struct ad_hoc_step *s)
{
    struct map_step *m = arena_alloc(s->arena, sizeof *m);

    s->data = m;
    if (!m)
        return -1;
    if (!s->call->form)
        return 0;
    m->address = form_value(s->arena, form_find(s->call->form, "address"));
    if (m->address && *m->address)
        return 0;
    return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, TEXT_MAP_ADDRESS), "");
}

static int run_map(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    const struct map_asker asker = {s->settings->map, NULL, txn};
    struct map_step *m = s->data;

    (void)e;
    if (m->address)
        m->count = map_ask(&asker, s->arena, m->address, m->answers);
    return 0;
}

static int say_map(struct ad_hoc_step *s)
{
    const struct map_step *m = s->data;
    struct xml_node *form;
    struct buf text;
    size_t i;

    if (!m->address) {
        form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_MAP_NAME), NULL);
        if (!form_field(s->arena, form, "text-single", "address", ad_hoc_text(s, TEXT_MAP_ADDRESS),
                        NULL))
            return -1;
        return ad_hoc_form(s, form, 1, COMMANDS_COMPLETE);
    }
    buf_init(&text, TEXT_MAX);
    for (i = 0; i < m->count; i++) {
        const struct map_answer *answer = &m->answers[i];

        buf_adds(&text, i > 0 ? "\n" : "");
        if (answer->becomes)
            buf_printf(&text, "%s (%s) -> %s  [%s]", m->address, answer->kind, answer->becomes,
                       answer->rule ? answer->rule : "");
        else
            texts_write(&text, s->call->lang, TEXT_MAP_NOTHING, m->address, answer->error);
    }
    return note_buf(s, &text);
}

const struct ad_hoc_row ad_hoc_map = {
    .node = COMMANDS_NODE "admin/map",
    .name = TEXT_MAP_NAME,
    .is_for_admins = true,
    .read = read_map,
    .run = run_map,
    .say = say_map,
};

/* ---- reload ---- */

static int say_reload(struct ad_hoc_step *s)
{
    struct err e = {ERR_NONE, ""};

    if (s->gateway->reload(s->gateway, &e) == 0)
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_RELOAD_DONE));
    return ad_hoc_note(s, "error", ad_hoc_make(s, TEXT_RELOAD_REFUSED, e.text, NULL));
}

const struct ad_hoc_row ad_hoc_reload = {
    .node = COMMANDS_NODE "admin/reload",
    .name = TEXT_RELOAD_NAME,
    .is_for_admins = true,
    .say = say_reload,
};
