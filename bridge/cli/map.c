/*
 * map: `postern map`: what each address or JID becomes on the other side, and by which rule.
 *
 * Offline: it asks the same address map that the gateway uses, and reads its store where an alias
 * is only there.  No data that outlives the call.
 */
#include "bridge/cli/command.h"
#include "bridge/cli/json.h"
#include "bridge/cli/map_ask.h"
#include "bridge/people/registration.h"
#include "bridge/rulings.h"
#include "bridge/settings.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { ARENA_MAX = 1 << 20 };

static void print_text(const char *text, const struct map_answer *answer)
{
    if (answer->becomes)
        printf("%s (%s) -> %s  [%s]\n", text, answer->kind, answer->becomes,
               answer->rule ? answer->rule : "");
    else
        printf("%s (%s) -> nothing: %s\n", text, answer->kind, answer->error ? answer->error : "");
}

static void print_json(const char *text, const struct map_answer *answer, bool is_first)
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
static int map_one(const struct map_asker *asker, const char *text, bool as_json, bool is_first)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct map_answer answers[MAP_ANSWERS_MAX];
    size_t count, i;
    int status = EX_DATAERR;

    if (!a)
        return EX_TEMPFAIL;
    count = map_ask(asker, a, text, answers);
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
    const struct map_asker asker = {s->map, s->conf->store_url, NULL};
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
    struct rulings *rulings;
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
    rulings = rulings_read(s->conf->store_url);
    if (rulings)
        s = rulings_apply_most(s, rulings);
    rulings_free(rulings);
    registered = registration_read(s->conf->store_url);
    address_map_register(s->map, registered);
    status = map_all(s, line, as_json, as_json);
    settings_drop(s);
    pairs_free(registered);
    return status;
}
