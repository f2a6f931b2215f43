/* window: what arrived, what was lost, and which one stanza the host closes the stream over.  The
 * stream is this file's own: it keeps what is sent and lets the test say what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "bridge/window.h"

enum { ITEMS = 100, ROUNDS = 1000, BYTES_MAX = 1 << 20 };

struct stream {
    bool is_up;
    void (*pong)(bool answered, void *arg);
    void *pong_arg;
    unsigned sent;
};

int stream_send(struct stream *s, const char *xml, size_t len)
{
    (void)xml;
    if (!s->is_up)
        return -1;
    if (len == 0)
        return STREAM_TOO_LARGE;
    s->sent++;
    return 0;
}

int stream_send_node(struct stream *s, const struct xml_node *stanza)
{
    (void)stanza;
    s->sent++;
    return 0;
}

int stream_barrier(struct stream *s, void (*fn)(bool answered, void *arg), void *arg)
{
    if (!s->is_up)
        return -1;
    s->pong = fn;
    s->pong_arg = arg;
    return 0;
}

bool stream_is_up(const struct stream *s)
{
    return s->is_up;
}

struct item {
    struct window_entry entry;
    char id[24];
    unsigned taken, refused, lost, poison;
    char reason[32];
};

struct scene {
    struct loop *loop;
    struct loop_timer *stop;
    struct stream stream;
    struct window *window;
    struct item items[ITEMS];
    unsigned losses;
};

static void done(struct window_entry *entry, enum window_result result,
                 const struct xml_node *error)
{
    struct item *item = (struct item *)entry;

    assert_true((result == WINDOW_ERROR) == (error != NULL));
    item->taken += result == WINDOW_TAKEN;
    item->refused += result == WINDOW_ERROR;
    item->lost += result == WINDOW_LOST;
    item->poison += result == WINDOW_POISON;
    if (result == WINDOW_POISON)
        snprintf(item->reason, sizeof item->reason, "%s", entry->reason);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void setup(struct scene *s)
{
    unsigned i;

    memset(s, 0, sizeof *s);
    s->loop = loop_new(NULL);
    assert_non_null(s->loop);
    s->stop = loop_timer_new(s->loop, stop, s->loop);
    s->stream.is_up = true;
    s->window = window_new(s->loop, &s->stream, ITEMS, BYTES_MAX);
    assert_non_null(s->window);
    for (i = 0; i < ITEMS; i++) {
        snprintf(s->items[i].id, sizeof s->items[i].id, "0000000000%03u-0", i);
        s->items[i].entry.id = s->items[i].id;
        s->items[i].entry.to = "juliet@capulet.example";
        s->items[i].entry.done = done;
    }
}

static void teardown(struct scene *s)
{
    window_free(s->window);
    loop_timer_free(s->stop);
    loop_free(s->loop);
}

static int post(struct scene *s, unsigned i)
{
    return window_send(s->window, &s->items[i].entry, "<message/>", 10);
}

/* Lets the window send its barrier. */
static void turn(struct scene *s)
{
    loop_timer_start(s->stop, 1);
    assert_int_equal(loop_run(s->loop, NULL), 0);
}

static void answer(struct scene *s, bool ok)
{
    void (*pong)(bool answered, void *arg) = s->stream.pong;

    s->stream.pong = NULL;
    if (pong)
        pong(ok, s->stream.pong_arg);
}

static void lose(struct scene *s, enum stream_loss loss)
{
    s->stream.is_up = false;
    answer(s, false);
    window_down(s->window, loss, "not-well-formed");
    s->stream.is_up = true;
    s->losses++;
}

static void pong(struct scene *s)
{
    turn(s);
    assert_non_null(s->stream.pong);
    answer(s, true);
}

static void test_barrier_confirms_what_was_before_it(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    assert_int_equal(post(&s, 0), 0);
    assert_int_equal(post(&s, 1), 0);
    turn(&s);
    assert_int_equal(post(&s, 2), 0);
    answer(&s, true);
    assert_int_equal(s.items[0].taken + s.items[1].taken, 2);
    assert_int_equal(s.items[2].taken, 0);
    pong(&s);
    assert_int_equal(s.items[2].taken, 1);
    assert_true(window_is_empty(s.window));
    teardown(&s);
}

static void test_network_losses_accuse_nobody(void **state)
{
    static const enum stream_loss losses[] = {STREAM_LOSS_NETWORK, STREAM_LOSS_CONFIG,
                                              STREAM_LOSS_CONFLICT};
    struct scene s;
    unsigned i;

    (void)state;
    setup(&s);
    for (i = 0; i < 9; i++) {
        assert_int_equal(post(&s, 0), 0);
        lose(&s, losses[i % 3]);
        assert_false(window_is_careful(s.window));
    }
    assert_int_equal(s.items[0].lost, 9);
    assert_int_equal(s.items[0].poison, 0);
    teardown(&s);
}

static void test_the_lost_come_one_by_one_and_then_all_at_once(void **state)
{
    struct scene s;
    unsigned i;

    (void)state;
    setup(&s);
    for (i = 0; i < 3; i++)
        assert_int_equal(post(&s, i), 0);
    lose(&s, STREAM_LOSS_STANZA);
    for (i = 0; i < 3; i++) {
        assert_true(window_is_careful(s.window));
        assert_true(window_has_room(s.window));
        assert_int_equal(post(&s, i), 0);
        assert_false(window_has_room(s.window));
        assert_int_equal(post(&s, 50), -1);
        pong(&s);
        assert_int_equal(s.items[i].taken, 1);
    }
    assert_false(window_is_careful(s.window));
    assert_int_equal(post(&s, 50), 0);
    assert_int_equal(post(&s, 51), 0);
    teardown(&s);
}

static void test_alone_twice_is_poison(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(s.items[0].lost, 1);
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(s.items[0].lost, 1);
    assert_int_equal(s.items[0].poison, 1);
    assert_string_equal(s.items[0].reason, "not-well-formed");
    assert_false(window_is_careful(s.window));
    /* An administrator lets it try again: the count starts anew. */
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(s.items[0].lost, 2);
    teardown(&s);
}

static void test_once_and_then_arrived_is_no_suspect(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(post(&s, 0), 0);
    pong(&s);
    assert_int_equal(s.items[0].taken, 1);
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(s.items[0].poison, 0);
    teardown(&s);
}

static void test_what_was_answered_by_an_error_is_not_at_fault(void **state)
{
    struct arena *a = arena_new(1 << 16);
    struct xml_node *stanza = xml_new(a, STREAM_NS, "message");
    struct scene s;

    (void)state;
    setup(&s);
    xml_set(a, stanza, "from", "juliet@capulet.example/balcony");
    xml_set(a, stanza, "id", s.items[0].id);
    assert_int_equal(post(&s, 1), 0); /* suspect */
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(post(&s, 50), 0);
    pong(&s);
    assert_false(window_is_careful(s.window));
    assert_int_equal(post(&s, 0), 0);
    assert_int_equal(post(&s, 1), 0);
    assert_true(window_error(s.window, stanza, a));
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(s.items[0].refused, 1);
    assert_int_equal(s.items[1].poison, 1);
    assert_false(window_is_careful(s.window));
    teardown(&s);
}

static void reply(struct scene *s)
{
    struct arena *a = arena_new(1 << 14);

    assert_int_equal(window_answer(s->window, xml_new(a, STREAM_NS, "iq")), 0);
    arena_free(a);
}

/* What nobody keeps was sent as well, and may be what the host closed the stream over. */
static void test_an_answer_takes_its_part_of_the_blame(void **state)
{
    struct scene s;
    unsigned i;

    (void)state;
    setup(&s);
    for (i = 0; i < 2; i++) {
        assert_int_equal(post(&s, 0), 0);
        if (i == 0) {
            reply(&s);
        } else { /* careful: it waits until the entry has had its chance */
            unsigned sent = s.stream.sent;

            reply(&s);
            assert_int_equal(s.stream.sent, sent);
            pong(&s);
            assert_int_equal(s.items[0].taken, i);
            assert_int_equal(s.stream.sent, sent + 1);
        }
        lose(&s, STREAM_LOSS_STANZA); /* over the answer */
        assert_int_equal(s.items[0].poison, 0);
    }
    /* Alone it accuses nobody, however often. */
    for (i = 0; i < 3; i++) {
        reply(&s);
        lose(&s, STREAM_LOSS_STANZA);
    }
    teardown(&s);
}

/* The accusation is told, for who keeps it beyond this life; and one that was kept counts. */
static void test_an_accusation_outlives_the_window(void **state)
{
    struct scene s;

    (void)state;
    setup(&s);
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_NETWORK);
    assert_false(s.items[0].entry.is_accused);
    assert_int_equal(post(&s, 0), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_true(s.items[0].entry.is_accused);
    s.items[1].entry.is_suspect = true;
    assert_int_equal(post(&s, 1), 0);
    lose(&s, STREAM_LOSS_STANZA);
    assert_int_equal(s.items[1].poison, 1);
    teardown(&s);
}

/* The host against a queue: everything that waits is sent as far as the window takes it, from where
 * the last round ended, so that what was lost goes behind what was not sent yet. */
static bool is_settled(const struct item *item)
{
    return item->taken || item->poison;
}

static bool play_round(struct scene *s, unsigned *at, bool (*is_bad)(unsigned i))
{
    bool has_bad = false, was_sent = false;
    unsigned n, i;

    for (n = 0; n < ITEMS; n++) {
        i = (*at + n) % ITEMS;
        if (is_settled(&s->items[i]))
            continue;
        if (post(s, i) < 0)
            break;
        was_sent = true;
        has_bad = has_bad || is_bad(i);
    }
    *at = (*at + n) % ITEMS;
    if (has_bad)
        lose(s, STREAM_LOSS_STANZA);
    else if (was_sent)
        pong(s);
    return was_sent;
}

static bool is_one_bad(unsigned i)
{
    return i == 70;
}

static bool is_many_bad(unsigned i)
{
    return i % 10 == 3;
}

static bool is_most_bad(unsigned i)
{
    return i % 10 != 3; /* more than are remembered as suspects */
}

static void test_the_rest_flows(void **state)
{
    static const struct {
        bool (*is_bad)(unsigned i);
        unsigned losses_max;
    } rows[] = {{is_one_bad, 3}, {is_many_bad, 21}, {is_most_bad, 300}};
    unsigned r, i, at, rounds;
    struct scene s;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        setup(&s);
        at = 0;
        for (rounds = 0; rounds < ROUNDS && play_round(&s, &at, rows[r].is_bad); rounds++)
            ;
        assert_true(rounds < ROUNDS);
        assert_true(s.losses <= rows[r].losses_max);
        for (i = 0; i < ITEMS; i++) {
            assert_int_equal(s.items[i].taken, rows[r].is_bad(i) ? 0 : 1);
            assert_int_equal(s.items[i].poison, rows[r].is_bad(i) ? 1 : 0);
        }
        teardown(&s);
    }
}

static void note_room(void *arg)
{
    ++*(unsigned *)arg;
}

/* Whoever waits for room hears of it, though no entry of theirs was in the way. */
static void test_answers_make_room(void **state)
{
    struct scene s;
    unsigned told = 0;
    size_t i;

    (void)state;
    setup(&s);
    window_on_room(s.window, note_room, &told);
    for (i = 0; window_has_room(s.window); i++) {
        struct arena *a = arena_new(4096);
        struct xml_node *stanza = xml_new(a, "jabber:component:accept", "iq");

        assert_true(i < ITEMS);
        assert_int_equal(window_answer(s.window, stanza), 0);
        arena_free(a);
    }
    turn(&s);
    assert_int_equal(told, 0);
    answer(&s, true);
    assert_true(window_has_room(s.window));
    assert_int_equal(told, 1);
    assert_int_equal(post(&s, 0), 0); /* there was room: nobody waits, nobody is told */
    turn(&s);
    answer(&s, true);
    assert_int_equal(told, 1);
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_barrier_confirms_what_was_before_it),
        cmocka_unit_test(test_network_losses_accuse_nobody),
        cmocka_unit_test(test_the_lost_come_one_by_one_and_then_all_at_once),
        cmocka_unit_test(test_alone_twice_is_poison),
        cmocka_unit_test(test_once_and_then_arrived_is_no_suspect),
        cmocka_unit_test(test_what_was_answered_by_an_error_is_not_at_fault),
        cmocka_unit_test(test_an_answer_takes_its_part_of_the_blame),
        cmocka_unit_test(test_an_accusation_outlives_the_window),
        cmocka_unit_test(test_the_rest_flows),
        cmocka_unit_test(test_answers_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
