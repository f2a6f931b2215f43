/*
 * settings: the configuration in force, shared by reference count.  Owns the conf and the address
 * map. Any thread; a crash leaves nothing behind.
 */
#include "bridge/settings.h"

#include <stdlib.h>

enum { DERIVED_MAX = 64 << 20 };

struct settings *settings_new(struct conf **conf, const struct keyed_key *key, struct err *e)
{
    struct settings *s = calloc(1, sizeof *s);

    if (!s) {
        err_memory(e);
        conf_free(*conf);
        *conf = NULL;
        return NULL;
    }
    s->refs = 1;
    s->owned = *conf;
    s->conf = *conf;
    *conf = NULL;
    s->key = *key;
    s->map = address_map_new(s->conf, e);
    if (!s->map) {
        settings_drop(s);
        return NULL;
    }
    return s;
}

struct settings *settings_hold(struct settings *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void settings_drop(struct settings *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    address_map_free(s->map);
    conf_free(s->owned);
    arena_free(s->arena);
    settings_drop(s->base);
    free(s);
}

struct settings *settings_derive(struct settings *base, struct conf **conf_out, struct err *e)
{
    struct settings *s = calloc(1, sizeof *s);
    struct conf *conf = NULL;

    if (s)
        s->arena = arena_new(DERIVED_MAX);
    if (s && s->arena)
        conf = arena_alloc(s->arena, sizeof *conf);
    if (!conf) {
        err_memory(e);
        if (s)
            arena_free(s->arena);
        free(s);
        return NULL;
    }
    s->refs = 1;
    s->base = settings_hold(base->base ? base->base : base);
    s->key = base->key;
    *conf = *s->base->conf;
    s->conf = conf;
    *conf_out = conf;
    return s;
}

int settings_finish(struct settings *s, struct err *e)
{
    s->map = address_map_new(s->conf, e);
    return s->map ? 0 : -1;
}

const struct conf *settings_file(const struct settings *s)
{
    return s->base ? s->base->conf : s->conf;
}

void settings_context(const struct settings *s, int64_t now_s, struct context *out)
{
    *out = (struct context){
        .map = s->map,
        .now_s = now_s,
        .key = &s->key,
        .lead_with_subject = true,
        .cut_quotes = true,
        .external_body = s->conf->attachments.external_body,
        .pgp_mime_inline = s->conf->openpgp.mime_inline,
        .verdict_server = s->conf->verdicts.server,
    };
}
