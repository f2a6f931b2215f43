/*
 * fixture_mapping: what the tests of the mapping share: a gateway mail.example.org for the users of
 * example.org, with a few rules, at a fixed time; and stanzas from text.
 */
#ifndef TESTS_UNIT_FIXTURE_MAPPING_H
#define TESTS_UNIT_FIXTURE_MAPPING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "component/parser.h"
#include "mapping/context.h"
#include "mapping/letter.h"

#define FIXTURE_NS "jabber:component:accept"

struct fixture {
    struct arena *arena;
    struct address_map *map;
    struct keyed_key key;
    struct context ctx;
};

static inline int fixture_setup(void **state)
{
    static const char *home[] = {"example.org"};
    static struct conf_map_rule rules[] = {
        {"nurse@capulet.example", "angelica@example.org", CONF_MAP_BOTH, "test:1"},
    };
    static const struct conf conf = {
        .file = "test",
        .jid = "mail.example.org",
        .mail_domain = "mail.example.org",
        .home = home,
        .home_count = 1,
        .map = rules,
        .map_count = 1,
        .map_file = "",
    };
    static struct fixture f;
    struct err e = {0};

    memset(&f, 0, sizeof f);
    f.arena = arena_new(64 << 20);
    f.map = address_map_new(&conf, &e);
    if (!f.map)
        fail_msg("%s", e.text);
    f.ctx = (struct context){.map = f.map,
                             .now_s = 1790000000,
                             .key = &f.key,
                             .lead_with_subject = true,
                             .cut_quotes = true};
    *state = &f;
    return f.arena ? 0 : -1;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    address_map_free(f->map);
    arena_free(f->arena);
    return 0;
}

static inline struct xml_node *fixture_parse(struct fixture *f, const char *text)
{
    const struct parser_limits limits = {1 << 20, 64, 64};
    struct xml_node *node = NULL;
    struct err e = {0};

    if (parser_read_one(f->arena, text, strlen(text), FIXTURE_NS, &limits, &node, &e) < 0)
        fail_msg("%s: %s", e.text, text);
    return node;
}

/* What was written as a mail, once it is seen to be fit for any server: lines end in CRLF alone and
 * are not too long, nothing ends the data early or looks like a mailbox file (RFC 5321 §4.5.2). */
static inline const char *fixture_mail(struct fixture *f, struct buf *out)
{
    size_t i, start = 0;
    const char *text;

    assert_true(out->len > 2 && out->data[out->len - 1] == '\n');
    for (i = 0; i < out->len; i++) {
        assert_true(out->data[i] != '\0');
        if (out->data[i] == '\r')
            assert_int_equal(out->data[i + 1], '\n');
        if (out->data[i] != '\n')
            continue;
        assert_int_equal(out->data[i - 1], '\r');
        assert_true(i - start <= 999);
        assert_true(strncmp(out->data + start, ".\r", 2) != 0);
        assert_true(strncmp(out->data + start, "From ", 5) != 0);
        start = i + 1;
    }
    text = arena_strndup(f->arena, out->data, out->len);
    buf_clear(out);
    assert_non_null(text);
    return text;
}

#endif
