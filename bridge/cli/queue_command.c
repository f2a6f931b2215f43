/*
 * queue_command: `postern queue`: what is in the queue, and an administrator's hand in it.
 *
 * Opens the database beside a running gateway or without one; a running gateway notices within a
 * second.
 */
#include "bridge/cli/command.h"
#include "bridge/cli/json.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"
#include "store/queue.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

struct request {
    bool as_json, has_content;
    int64_t id, now_s;
    unsigned count;
    int64_t after_id, limit, listed; /* of list; limit 0: none */
    bool is_first;
    int status;
};

static const char *kind_name(enum queue_kind kind)
{
    switch (kind) {
    case QUEUE_MAIL_OUT:
        return "to-mail";
    case QUEUE_MAIL_IN:
        return "to-jabber";
    case QUEUE_STANZA_OUT:
        return "stanza";
    case QUEUE_HELD:
        return "held";
    }
    return "unknown";
}

static void time_text(int64_t at_s, char out[32])
{
    time_t t = (time_t)at_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static const char *state_name(const struct queue_item *item)
{
    return item->is_set_aside   ? "set-aside"
           : item->is_held      ? "held"
           : item->attempts > 0 ? "deferred"
                                : "waiting";
}

static bool has_next(const struct queue_item *item)
{
    return !item->is_set_aside && !item->is_held;
}

static void list_text(const struct queue_message *m)
{
    char id[ID_TEXT_SIZE], created[32], next[32];
    size_t i;

    time_text(m->created_s, created);
    for (i = 0; i < m->item_count; i++) {
        const struct queue_item *item = &m->items[i];

        time_text(item->next_at_s, next);
        printf("%s %-9s %s %8zu  <%s> -> <%s>  %s attempts=%u next=%s%s%s\n", id_format(m->id, id),
               kind_name(m->kind), created, m->content_len, m->sender, item->recipient,
               state_name(item), item->attempts, has_next(item) ? next : "never",
               item->last_error[0] ? "  " : "", item->last_error);
    }
}

static void json_field(struct buf *b, const char *name, const char *value)
{
    json_string(b, name);
    buf_adds(b, ": ");
    json_string(b, value);
    buf_adds(b, ", ");
}

static void json_message(struct buf *b, const struct queue_message *m)
{
    char text[32], id[ID_TEXT_SIZE];
    size_t i;

    buf_adds(b, "{");
    json_field(b, "id", id_format(m->id, id));
    json_field(b, "kind", kind_name(m->kind));
    json_field(b, "origin", m->origin);
    json_field(b, "sender", m->sender);
    time_text(m->created_s, text);
    json_field(b, "created", text);
    if (m->deadline_s != 0)
        time_text(m->deadline_s, text);
    json_field(b, "deadline", m->deadline_s != 0 ? text : NULL);
    buf_printf(b, "\"bytes\": %zu, \"recipients\": [", m->content_len);
    for (i = 0; i < m->item_count; i++) {
        const struct queue_item *item = &m->items[i];

        buf_adds(b, i == 0 ? "{" : ", {");
        json_field(b, "recipient", item->recipient);
        json_field(b, "state", state_name(item));
        time_text(item->next_at_s, text);
        json_field(b, "next", has_next(item) ? text : NULL);
        json_field(b, "last_error", item->last_error);
        buf_printf(b, "\"attempts\": %u}", item->attempts);
    }
    buf_adds(b, "]}");
}

static void list_json(const struct queue_message *m, bool is_first)
{
    struct buf b;

    buf_init(&b, 16 << 20);
    json_message(&b, m);
    printf("%s%s", is_first ? "" : ",\n ", b.data);
    buf_clear(&b);
}

static int list_one(const struct queue_message *m, void *arg)
{
    struct request *r = arg;

    if (r->as_json)
        list_json(m, r->is_first);
    else
        list_text(m);
    r->is_first = false;
    r->after_id = m->id;
    return ++r->listed == r->limit ? -1 : 0;
}

static int list(struct store_txn *txn, void *arg, struct err *e)
{
    struct request *r = arg;
    char id[ID_TEXT_SIZE];
    int result;

    r->is_first = true;
    if (r->as_json)
        fputs("[", stdout);
    result = queue_each(txn, r->after_id, list_one, r, e);
    if (r->as_json)
        fputs("]\n", stdout);
    else if (r->limit > 0 && r->listed == r->limit)
        printf("go on with: --after %s\n", id_format(r->after_id, id));
    return result;
}

static void count_text(enum queue_kind kind, const struct queue_counts *c)
{
    char id[ID_TEXT_SIZE];

    printf("%-9s due=%" PRId64 " later=%" PRId64 " set-aside=%" PRId64 "  last-hour=%" PRId64
           " last-day=%" PRId64 " last-five-days=%" PRId64 " older=%" PRId64 "  oldest=%s\n",
           kind_name(kind), c->due, c->later, c->aside, c->ages[0], c->ages[1], c->ages[2],
           c->ages[3], c->oldest_id ? id_format(c->oldest_id, id) : "-");
}

static void count_json(enum queue_kind kind, const struct queue_counts *c)
{
    char id[ID_TEXT_SIZE];

    printf("%s\"%s\": {\"due\": %" PRId64 ", \"later\": %" PRId64 ", \"set_aside\": %" PRId64
           ", \"ages\": [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "], \"oldest\": %s%s%s}",
           kind == QUEUE_MAIL_OUT ? "{" : ",\n ", kind_name(kind), c->due, c->later, c->aside,
           c->ages[0], c->ages[1], c->ages[2], c->ages[3], c->oldest_id ? "\"" : "",
           c->oldest_id ? id_format(c->oldest_id, id) : "null", c->oldest_id ? "\"" : "");
}

/* Recipients, by state and age: cheap however long the queue is. */
static int count(struct store_txn *txn, void *arg, struct err *e)
{
    static const enum queue_kind kinds[] = {QUEUE_MAIL_OUT, QUEUE_MAIL_IN, QUEUE_STANZA_OUT,
                                            QUEUE_HELD};
    struct request *r = arg;
    struct queue_counts counts;
    size_t i;

    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (queue_counts(txn, kinds[i], r->now_s, &counts, e) < 0)
            return -1;
        if (r->as_json)
            count_json(kinds[i], &counts);
        else
            count_text(kinds[i], &counts);
    }
    if (r->as_json)
        fputs("}\n", stdout);
    return 0;
}

static int show(struct store_txn *txn, void *arg, struct err *e)
{
    struct request *r = arg;
    struct arena *a = arena_new((size_t)1 << 30);
    struct queue_message *m;
    int result;

    if (!a)
        return err_memory(e);
    result = queue_get(txn, a, r->id, &m, e);
    if (result == 0 && !m) {
        r->status = EX_DATAERR;
    } else if (result == 0) {
        r->is_first = true;
        list_one(m, r);
        if (r->as_json)
            fputs("\n", stdout);
        if (r->has_content) {
            fputs("\n", stdout);
            fwrite(m->content, 1, m->content_len, stdout);
        }
    }
    arena_free(a);
    return result;
}

static int retry(struct store_txn *txn, void *arg, struct err *e)
{
    struct request *r = arg;

    return queue_retry(txn, r->id, r->now_s, &r->count, e);
}

static int drop(struct store_txn *txn, void *arg, struct err *e)
{
    struct request *r = arg;

    return queue_drop(txn, r->id, &r->count, e);
}

struct action {
    const char *name;
    int (*run)(struct store_txn *txn, void *arg, struct err *e);
    bool needs_id, may_be_all, writes;
};

static const struct action actions[] = {
    {"list", list, false, false, false}, {"count", count, false, false, false},
    {"show", show, true, false, false},  {"retry", retry, true, true, true},
    {"drop", drop, true, false, true},
};

/* The queue, which only `run` makes: in the hands of the user it runs as. */
static struct store *open_queue(const struct conf *conf, bool writes, struct err *e)
{
    struct store *store = store_open(conf->store_url, STORE_READ_ONLY, e);

    if (!store || !writes)
        return store;
    store_close(store);
    return store_open(conf->store_url, STORE_READ_WRITE, e);
}

static int perform(const char *conf_path, const struct action *action, struct request *r)
{
    struct store *store = NULL;
    struct conf *conf;
    struct err e;
    int status = EX_OK;

    conf = conf_read(conf_path, CONF_OFFLINE, &e);
    if (conf)
        store = open_queue(conf, action->writes, &e);
    if (!store || store_now(store, action->run, r, &e) < 0)
        status = command_fail(&e, EX_CONFIG);
    store_close(store);
    conf_free(conf);
    return status;
}

/* What the action did, in words. */
static int report(const struct action *action, const struct request *r, const char *what)
{
    if (r->status == EX_OK && (!action->writes || r->count > 0 || r->id == 0)) {
        if (action->writes)
            printf("%u %s\n", r->count, r->count == 1 ? "recipient" : "recipients");
        return EX_OK;
    }
    fprintf(stderr, "postern: there is no message %s in the queue\n", what);
    return EX_DATAERR;
}

/* The word behind a flag as a number or an ID; 0: it is none. */
static int64_t flag_value(const struct command_line *line, int *i, bool is_id)
{
    const char *word = *i + 1 < line->argc ? line->argv[++*i] : "";
    char *end;
    long n;

    if (is_id)
        return id_parse(word, (unsigned)strlen(word));
    n = strtol(word, &end, 10);
    return *word && !*end && n > 0 ? n : 0;
}

/* Takes the flags out of the arguments; what stays goes to words. */
static int read_flags(const struct command_line *line, struct request *r, const char *words[2])
{
    bool is_wrong = false;
    int i, n = 0;

    for (i = 0; i < line->argc; i++) {
        if (strcmp(line->argv[i], "--json") == 0)
            r->as_json = true;
        else if (strcmp(line->argv[i], "--content") == 0)
            r->has_content = true;
        else if (strcmp(line->argv[i], "--limit") == 0)
            is_wrong = (r->limit = flag_value(line, &i, false)) == 0;
        else if (strcmp(line->argv[i], "--after") == 0)
            is_wrong = (r->after_id = flag_value(line, &i, true)) == 0;
        else if (line->argv[i][0] == '-' || n == 2)
            return -1;
        else
            words[n++] = line->argv[i];
        if (is_wrong)
            return -1;
    }
    return 0;
}

int command_queue(const struct command_line *line)
{
    struct request r = {.now_s = clock_wall_s(&clock_system)};
    const char *words[2] = {"list", NULL};
    const struct action *action = NULL;
    size_t i;
    int status;

    if (read_flags(line, &r, words) < 0)
        return command_usage("queue: too many arguments, or a wrong one");
    for (i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(words[0], actions[i].name) == 0)
            action = &actions[i];
    if (!action)
        return command_usage("queue: unknown action '%s'", words[0]);
    if (action->needs_id != (words[1] != NULL))
        return command_usage("queue %s %s", words[0],
                             action->needs_id ? "needs an ID" : "takes no ID");
    if (words[1] && !(action->may_be_all && strcmp(words[1], "all") == 0)) {
        r.id = id_parse(words[1], (unsigned)strlen(words[1]));
        if (r.id == 0)
            return command_usage("'%s' is no ID of the queue", words[1]);
    }
    status = perform(line->conf_path, action, &r);
    return status == EX_OK ? report(action, &r, words[1] ? words[1] : "") : status;
}
