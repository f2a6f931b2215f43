/* Ad-hoc commands: each request that may come, and what is answered; sessions and their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "component/commands.h"
#include "component/form.h"
#include "component/parser.h"
#include "component/stream.h"

struct world {
    struct commands *commands;
    struct commands_call *open; /* a call that waits, when is_slow */
    bool is_slow;
    struct buf told;
    char session[80];
    int64_t mono_ms;
};

static int64_t wall_ms(void *arg)
{
    (void)arg;
    return 1000;
}

static int64_t mono_ms(void *arg)
{
    return ((struct world *)arg)->mono_ms;
}

static const char *node(size_t command, void *arg)
{
    (void)arg;
    return command == 0 ? "postern/one" : "postern/secret";
}

static const char *name(size_t command, const char *lang, void *arg)
{
    (void)arg;
    return command == 1 ? "Secret" : lang && strcmp(lang, "de") == 0 ? "Eins" : "One";
}

static bool may(size_t command, const char *jid, void *arg)
{
    (void)arg;
    return strncmp(jid, "a@", 2) == 0 || (command == 0 && strncmp(jid, "u", 1) == 0);
}

/* Stage 0 shows a form, stage 1 another after it, stage 2 ends; "bad" is a wrong value. */
static void reply(struct world *w, struct commands_call *call)
{
    struct commands_answer answer = {0};
    const char *value = call->form ? form_value(call->arena, form_find(call->form, "f")) : NULL;

    if (value && strcmp(value, "bad") == 0) {
        answer.wrong = "wrong value";
    } else if (call->stage == 2 && !call->is_back) {
        answer.note = "done";
        answer.note_type = "warn";
    } else {
        answer.stage = call->is_back ? 1 : call->stage + 1;
        answer.form = form_new(call->arena, "form", "T", NULL);
        assert_non_null(
            form_field(call->arena, answer.form, "text-single", "f", "L", value ? value : "v"));
        answer.actions =
            answer.stage == 1 ? COMMANDS_NEXT : COMMANDS_PREV | COMMANDS_NEXT | COMMANDS_COMPLETE;
    }
    commands_answer(w->commands, call, &answer);
}

static void on_step(struct commands_call *call, void *arg)
{
    struct world *w = arg;

    if (w->is_slow)
        w->open = call;
    else
        reply(w, call);
}

static void on_send(const struct xml_node *stanza, void *arg)
{
    struct world *w = arg;
    const char *id = xml_get(xml_child(stanza, COMMANDS_NS, "command"), "sessionid");
    char *at;

    buf_reset(&w->told);
    xml_write(&w->told, stanza, STREAM_NS);
    if (!id)
        return;
    snprintf(w->session, sizeof w->session, "%s", id);
    at = strstr(w->told.data, id);
    memset(at, 'S', strlen(id)); /* so that what is said can be compared */
}

static int set_up(void **state)
{
    static const struct commands_handler handler = {2, node, name, may, on_step, on_send};
    struct world *w = calloc(1, sizeof *w);
    static struct clock clock;

    clock = (struct clock){wall_ms, mono_ms, w};
    buf_init(&w->told, 1 << 20);
    w->commands = commands_new(&clock, &handler, w);
    assert_non_null(w->commands);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    commands_free(w->commands);
    buf_clear(&w->told);
    free(w);
    return 0;
}

static const char *ask(struct world *w, const char *text)
{
    struct arena *a = arena_new(1 << 20);
    struct xml_node *iq;
    struct err e;

    buf_reset(&w->told);
    if (parser_read_one(a, text, strlen(text), STREAM_NS, NULL, &iq, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    assert_true(commands_is_meant(iq));
    commands_arrived(w->commands, iq, a);
    return w->told.data;
}

/* attributes: of the command beside node and session, which is %s. */
static const char *command(struct world *w, const char *from, const char *which, const char *more,
                           const char *inside)
{
    char text[2000];

    snprintf(text, sizeof text,
             "<iq type='set' id='1' from='%s' to='gw'><command xmlns='" COMMANDS_NS
             "' node='%s' %s>%s</command></iq>",
             from, which, more, inside);
    return ask(w, text);
}

static const char *go_on(struct world *w, const char *action, const char *inside)
{
    char more[200];

    snprintf(more, sizeof more, "sessionid='%s' action='%s'", w->session, action);
    return command(w, "u@home/r", "postern/one", more, inside);
}

#define SUBMIT(value)                                                                              \
    "<x xmlns='jabber:x:data' type='submit'><field var='other'><value>x</value></field>"           \
    "<field var='f'><value>" value "</value></field></x>"
#define ERR(code, type, condition) "<error code='" code "' type='" type "'><" condition " xmlns="

static void expect(const char *told, const char *what)
{
    if (!strstr(told, what))
        fail_msg("no %s in %s", what, told);
}

static const struct {
    const char *from, *node, *more, *inside;
    const char *error, *specific;
} refused[] = {
    {"x@else/r", "postern/one", "", "", ERR("403", "auth", "forbidden"), NULL},
    {"u@home/r", "postern/secret", "", "", ERR("403", "auth", "forbidden"), NULL},
    {"u@home/r", "postern/none", "", "", ERR("404", "cancel", "item-not-found"), NULL},
    {"u@home/r", "", "", "", ERR("404", "cancel", "item-not-found"), NULL},
    {"u@home/r", "postern/one", "action='dance'", "", ERR("400", "modify", "bad-request"),
     "malformed-action"},
    {"u@home/r", "postern/one", "action='next'", SUBMIT("v"), ERR("400", "modify", "bad-request"),
     "bad-action"},
    {"u@home/r", "postern/one", "action='cancel'", "", ERR("400", "modify", "bad-request"),
     "bad-action"},
    {"u@home/r", "postern/one", "sessionid='mine'", "", ERR("400", "modify", "bad-request"),
     "bad-sessionid"},
    {"u@home/r", "postern/one", "sessionid='0123456789abcdef0123456789abcdef'", "",
     ERR("405", "cancel", "not-allowed"), "session-expired"},
};

static void requests_that_are_refused(void **state)
{
    struct world *w = *state;
    size_t i;

    for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *told =
            command(w, refused[i].from, refused[i].node, refused[i].more, refused[i].inside);
        char specific[100];

        expect(told, "<iq type='error' id='1' from='gw'");
        expect(told, refused[i].error);
        snprintf(specific, sizeof specific, "<%s xmlns='" COMMANDS_NS "'/>",
                 refused[i].specific ? refused[i].specific : "");
        if (refused[i].specific)
            expect(told, specific);
        else
            assert_null(strstr(told, COMMANDS_NS));
    }
    expect(ask(w, "<iq type='get' id='1' from='u@home/r' to='gw'><command xmlns='" COMMANDS_NS
                  "' node='postern/one'/></iq>"),
           ERR("405", "cancel", "not-allowed"));
}

static void a_command_from_start_to_end(void **state)
{
    struct world *w = *state;

    assert_string_equal(
        command(w, "u@home/r", "postern/one", "", ""),
        "<iq type='result' id='1' from='gw' to='u@home/r'><command xmlns='" COMMANDS_NS
        "' node='postern/one' sessionid='SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS' status='executing'>"
        "<actions execute='next'><next/></actions><x xmlns='jabber:x:data' type='form'>"
        "<title>T</title><field type='text-single' var='f' label='L'><value>v</value></field>"
        "</x></command></iq>");
    expect(go_on(w, "next", ""), "<bad-payload xmlns='" COMMANDS_NS "'/>");
    expect(go_on(w, "next", "<x xmlns='jabber:x:data' type='form'/>"), "bad-payload");
    expect(go_on(w, "next", SUBMIT("bad")), "wrong value");
    expect(w->told.data, "<bad-payload xmlns='" COMMANDS_NS "'/>");
    expect(go_on(w, "complete", SUBMIT("v")), "<bad-action xmlns='" COMMANDS_NS "'/>");
    expect(go_on(w, "prev", ""), "<bad-action xmlns='" COMMANDS_NS "'/>");
    expect(go_on(w, "next", SUBMIT("two")), "<value>two</value>");
    expect(w->told.data, "<actions execute='complete'><prev/><next/><complete/></actions>");
    expect(go_on(w, "prev", ""), "<actions execute='next'><next/></actions>");
    expect(go_on(w, "execute", SUBMIT("two")), "status='executing'");
    expect(go_on(w, "execute", SUBMIT("three")),
           "status='completed'><note type='warn'>done</note>");
    expect(go_on(w, "execute", SUBMIT("three")), "session-expired");
}

static void a_session_is_one_resource_s(void **state)
{
    struct world *w = *state;
    char more[200];

    command(w, "a@home/r", "postern/one", "", "");
    snprintf(more, sizeof more, "sessionid='%s' action='next'", w->session);
    expect(command(w, "a@home/other", "postern/one", more, SUBMIT("v")), "session-expired");
    expect(command(w, "u@home/r", "postern/one", more, SUBMIT("v")), "session-expired");
    expect(command(w, "a@home/r", "postern/secret", more, SUBMIT("v")), "session-expired");
    expect(command(w, "a@home/r", "postern/one", more, SUBMIT("v")), "executing");
}

static void a_session_is_cancelled(void **state)
{
    struct world *w = *state;

    command(w, "u@home/r", "postern/one", "", "");
    expect(go_on(w, "cancel", ""), "status='canceled'");
    expect(go_on(w, "next", SUBMIT("v")), "session-expired");
    command(w, "u@home/r", "postern/one", "", "");
    expect(go_on(w, "next", "<x xmlns='jabber:x:data' type='cancel'/>"), "status='canceled'");
}

static void a_session_expires(void **state)
{
    struct world *w = *state;

    command(w, "u@home/r", "postern/one", "", "");
    w->mono_ms += SESSION_S * 1000 - 1;
    expect(go_on(w, "next", SUBMIT("v")), "executing"); /* from here it counts anew */
    w->mono_ms += SESSION_S * 1000 - 1;
    expect(go_on(w, "prev", ""), "executing");
    w->mono_ms += SESSION_S * 1000;
    expect(go_on(w, "next", SUBMIT("v")), ERR("405", "cancel", "not-allowed"));
    expect(w->told.data, "<session-expired xmlns='" COMMANDS_NS "'/>");
}

static void sessions_are_bounded(void **state)
{
    struct world *w = *state;
    char first[80], from[40];
    int i;

    command(w, "u@home/r", "postern/one", "", "");
    strcpy(first, w->session);
    for (i = 1; i <= SESSIONS_PER_USER; i++) /* the sixth takes the place of the first */
        expect(command(w, "u@home/r", "postern/one", "", ""), "executing");
    expect(go_on(w, "next", SUBMIT("v")), "executing");
    strcpy(w->session, first);
    expect(go_on(w, "next", SUBMIT("v")), "session-expired");
    for (i = 0; i < SESSIONS_MAX - SESSIONS_PER_USER; i++) {
        snprintf(from, sizeof from, "u%d@home/r", i);
        expect(command(w, from, "postern/one", "", ""), "executing");
    }
    expect(command(w, "usual@home/r", "postern/one", "", ""),
           ERR("503", "wait", "service-unavailable"));
    w->mono_ms += SESSION_S * 1000;
    expect(command(w, "usual@home/r", "postern/one", "", ""), "executing");
}

/* One step at a time; who waits is not thrown out by time. */
static void a_slow_step(void **state)
{
    struct world *w = *state;
    struct commands_call *call;

    command(w, "u@home/r", "postern/one", "", "");
    w->is_slow = true;
    assert_string_equal(go_on(w, "next", SUBMIT("v")), "");
    call = w->open;
    expect(go_on(w, "next", SUBMIT("v")), ERR("503", "wait", "service-unavailable"));
    w->mono_ms += 2 * SESSION_S * 1000;
    command(w, "a@home/r", "postern/none", "", "");
    reply(w, call);
    expect(w->told.data, "executing");
    go_on(w, "next", SUBMIT("v"));
    commands_refuse(w->commands, w->open, "busy");
    expect(w->told.data, ERR("503", "wait", "service-unavailable"));
    w->is_slow = false;
    expect(go_on(w, "next", SUBMIT("v")), "completed"); /* it stayed where it was */
}

#define DISCO(what, from, node)                                                                    \
    "<iq type='get' id='1' from='" from "' to='gw' xml:lang='de'><query xmlns="                    \
    "'http://jabber.org/protocol/disco#" what "' node='" node "'/></iq>"

static void discovery(void **state)
{
    struct world *w = *state;

    assert_string_equal(ask(w, DISCO("items", "u@home/r", COMMANDS_NS)),
                        "<iq type='result' id='1' from='gw' to='u@home/r'><query xmlns="
                        "'http://jabber.org/protocol/disco#items' node='" COMMANDS_NS "'>"
                        "<item jid='gw' node='postern/one' name='Eins'/></query></iq>");
    expect(ask(w, DISCO("items", "a@home/r", COMMANDS_NS)), "node='postern/secret'");
    expect(ask(w, DISCO("items", "x@else/r", COMMANDS_NS)), ERR("403", "auth", "forbidden"));
    expect(ask(w, DISCO("items", "u@home/r", "postern/one")),
           ERR("404", "cancel", "item-not-found"));
    expect(ask(w, DISCO("info", "u@home/r", COMMANDS_NS)),
           "<identity category='automation' type='command-list'/>");
    expect(ask(w, DISCO("info", "u@home/r", "postern/one")),
           "<identity category='automation' type='command-node' name='Eins'/><feature "
           "var='" COMMANDS_NS "'/><feature var='jabber:x:data'/>");
    expect(ask(w, DISCO("info", "u@home/r", "postern/secret")),
           ERR("404", "cancel", "item-not-found"));
    expect(ask(w, DISCO("info", "a@home/r", "postern/secret")), "command-node");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_that_are_refused),
        TEST(a_command_from_start_to_end),
        TEST(a_session_is_one_resource_s),
        TEST(a_session_is_cancelled),
        TEST(a_session_expires),
        TEST(sessions_are_bounded),
        TEST(a_slow_step),
        TEST(discovery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
