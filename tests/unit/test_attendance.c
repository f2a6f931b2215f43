/* attendance: whoever has just chosen to have mail held is looked after, whatever is still under
 * way from before, and nobody else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/log.h"
#include "bridge/people/attendance.h"
#include "bridge/to_jabber/release.h"
#include "store/choices.h"
#include "tests/unit/fixture_store.h"

static const char juliet[] = "juliet@example.org";

struct scene {
    struct gateway g; /* its first member */
    char folder[FOLDER_SIZE];
    struct conf conf;
    struct settings settings;
    struct router_settings router_settings;
    struct arena *arena;
};

struct choosing {
    struct store_work work;
    struct scene *scene;
};

static int sent(const struct xml_node *stanza, void *arg)
{
    (void)stanza;
    (void)arg;
    return 0;
}

static int choose(struct store_txn *txn, struct store_work *work, struct err *e)
{
    (void)work;
    return choices_put(txn, juliet, CHOICE_WHEN_AWAY, CHOICE_HOLD, e);
}

/* Work is done in the order in which it was submitted, so all before it is done as well. */
static void chosen(struct store_work *work, const struct err *e)
{
    struct scene *s = ((struct choosing *)work)->scene;

    assert_null(e);
    attendance_stir(s->g.attendance, juliet);
    loop_stop(s->g.loop);
}

static void see(struct scene *s, const char *show)
{
    struct xml_node *presence = xml_new(s->arena, "jabber:component:accept", "presence");

    xml_set(s->arena, presence, "from", "juliet@example.org/balcony");
    xml_set(s->arena, presence, "to", s->conf.jid);
    xml_add_with_text(s->arena, presence, "jabber:component:accept", "show", show);
    attendance_seen(s->g.attendance, presence);
}

/* She chose that nothing is held, which is still being seen to when she chooses otherwise. */
static void a_new_choice_outlives_the_end_of_an_old_one(void **state)
{
    struct scene *s = *state;
    struct choosing c = {.work = {.run = choose, .done = chosen}, .scene = s};
    struct err e;

    assert_int_equal(store_start(s->g.store, s->g.loop, &e), 0);
    assert_true(attendance_want(s->g.attendance, juliet));
    see(s, "chat");
    assert_int_equal(attendance_of(s->g.attendance, juliet), SHOW_CHAT);
    assert_true(release_settle(s->g.release, juliet, SHOW_CHAT)); /* there is no choice yet */
    assert_true(attendance_want(s->g.attendance, juliet));
    assert_int_equal(store_submit(s->g.store, &c.work), 0);
    alarm(60);
    assert_int_equal(loop_run(s->g.loop, &e), 0);
    alarm(0);
    see(s, "away");
    assert_int_equal(attendance_of(s->g.attendance, juliet), SHOW_AWAY);
}

static int look(struct store_txn *txn, struct store_work *work, struct err *e)
{
    (void)txn;
    (void)work;
    (void)e;
    return 0;
}

static void who_chooses_nothing_is_let_go(void **state)
{
    struct scene *s = *state;
    struct choosing c = {.work = {.run = look, .done = chosen}, .scene = s};
    struct err e;

    assert_int_equal(store_start(s->g.store, s->g.loop, &e), 0);
    assert_true(attendance_want(s->g.attendance, juliet));
    see(s, "chat");
    assert_true(release_settle(s->g.release, juliet, SHOW_CHAT));
    assert_int_equal(store_submit(s->g.store, &c.work), 0);
    alarm(60);
    assert_int_equal(loop_run(s->g.loop, &e), 0);
    alarm(0);
    see(s, "away");
    assert_int_equal(attendance_of(s->g.attendance, juliet), SHOW_UNKNOWN);
}

static int set_up(void **state)
{
    const struct router_handler handler = {.send = sent};
    struct scene *s = calloc(1, sizeof *s);
    struct gateway *g = &s->g;
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    s->conf.jid = "mail.example.org";
    s->settings = (struct settings){.conf = &s->conf, .refs = 1};
    s->router_settings = (struct router_settings){.jid = s->conf.jid, .version = "1"};
    s->arena = arena_new(1 << 16);
    g->settings = &s->settings;
    g->clock = &clock_system;
    id_maker_init(&g->ids, g->clock);
    g->loop = loop_new(&e);
    g->store = store_make("attendance", s->folder);
    g->router = router_new(g->clock, &s->router_settings, &handler, s);
    g->attendance = attendance_open(g, &e);
    g->release = release_new(g);
    *state = s;
    return s->arena && g->loop && g->router && g->attendance && g->release ? 0 : -1;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    store_stop(s->g.store);
    release_free(s->g.release);
    attendance_close(s->g.attendance);
    router_free(s->g.router);
    store_remove(s->g.store, s->folder);
    loop_free(s->g.loop);
    arena_free(s->arena);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_choice_outlives_the_end_of_an_old_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_chooses_nothing_is_let_go, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
