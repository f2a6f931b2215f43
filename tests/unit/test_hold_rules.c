/* shows and hold_rules: as what a user is there, and what that means for their mail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge/people/shows.h"
#include "bridge/to_jabber/hold_rules.h"
#include "bridge/to_jabber/hold_say.h"
#include "component/stream.h"

/* "laptop:dnd:5" is available so, "laptop" has gone, "" too: all. */
static void take(struct arena *a, struct shows *s, const char *text)
{
    struct xml_node *p = xml_new(a, STREAM_NS, "presence");
    char resource[40] = "", show[40] = "", priority[40] = "";

    if (sscanf(text, "%39[^:]:%39[^:]:%39s", resource, show, priority) < 2)
        p = xml_set(a, p, "type", "unavailable");
    if (*show && strcmp(show, "-") != 0)
        assert_non_null(xml_add_with_text(a, p, STREAM_NS, "show", show));
    if (*priority)
        assert_non_null(xml_add_with_text(a, p, STREAM_NS, "priority", priority));
    shows_take(s, resource, p);
}

static void the_resource_that_gets_messages_counts(void **state)
{
    static const struct {
        const char *taken[5];
        enum show show;
    } rows[] = {
        {{NULL}, SHOW_OFFLINE},
        {{"a:-"}, SHOW_ONLINE},
        {{"a:chat"}, SHOW_CHAT},
        {{"a:away"}, SHOW_AWAY},
        {{"a:xa"}, SHOW_XA},
        {{"a:dnd"}, SHOW_DND},
        {{"a:invisible"}, SHOW_ONLINE}, /* none of the standard's */
        {{"a:unknown"}, SHOW_ONLINE},   /* our word is not theirs */
        {{"a:offline"}, SHOW_ONLINE},
        {{"a:away", "a:-"}, SHOW_ONLINE},   /* the same resource anew */
        {{"a:away:1", "b:-:0"}, SHOW_AWAY}, /* the higher priority */
        {{"a:away:0", "b:dnd:1"}, SHOW_DND},
        {{"a:away:0", "b:chat"}, SHOW_CHAT}, /* the same: who is more likely to read */
        {{"a:dnd", "b:xa"}, SHOW_XA},
        {{"a:-:-1"}, SHOW_OFFLINE}, /* gets no messages */
        {{"a:-:-1", "b:xa:0"}, SHOW_XA},
        {{"a:-:127", "b:xa:300"}, SHOW_ONLINE}, /* no priority: 0 */
        {{"a:-", "a"}, SHOW_OFFLINE},
        {{"a:-:5", "b:dnd", "a"}, SHOW_DND},
        {{"a:-", "b:dnd", "c"}, SHOW_ONLINE}, /* who was not there goes */
        {{"a:-", "b:dnd", ""}, SHOW_OFFLINE}, /* from the bare JID: all have gone */
    };
    struct arena *a = arena_new(100000);
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct shows s = {.count = 0};

        for (k = 0; k < 5 && rows[i].taken[k]; k++)
            take(a, &s, rows[i].taken[k]);
        if (shows_best(&s) != rows[i].show)
            fail_msg("row %zu: %s", i, show_name(shows_best(&s)));
    }
    arena_free(a);
}

static void resources_are_bounded(void **state)
{
    struct arena *a = arena_new(1000000);
    struct shows s = {.count = 0};
    char text[40];
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "r%d:away", i);
        take(a, &s, text);
    }
    assert_int_equal(s.count, SHOWS_MAX);
    assert_int_equal(shows_best(&s), SHOW_AWAY);
    take(a, &s, "r0:chat"); /* known ones still change, and go */
    assert_int_equal(shows_best(&s), SHOW_CHAT);
    for (i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "r%d", i);
        take(a, &s, text);
    }
    assert_int_equal(shows_best(&s), SHOW_OFFLINE);
    arena_free(a);
}

enum {
    D = CHOICE_DELIVER,
    N = CHOICE_NOTIFY,
    H = CHOICE_HOLD,
    G = CHOICE_DIGEST,
    BIT_N = 1 << N,
    BIT_H = 1 << H,
    BIT_G = 1 << G,
    ALL = BIT_N | BIT_H | BIT_G
};

static struct choices choices_of(const unsigned char when[6])
{
    struct choices c = {{0}};

    memcpy(&c.of[CHOICE_WHEN_CHAT], when, 6);
    return c;
}

static void each_presence_has_its_choice(void **state)
{
    static const struct {
        unsigned char when[6]; /* chat online away xa dnd offline */
        enum show show;
        unsigned action;
        int released, listed;
    } rows[] = {
        /* Who has chosen nothing, or "deliver", gets all, and what is held goes. */
        {{0}, SHOW_OFFLINE, D, ALL, 0},
        {{0}, SHOW_UNKNOWN, D, ALL, 0},
        {{D, D, D, D, D, D}, SHOW_DND, D, ALL, 0},
        {{99, 0, 0, 0, 0, 0}, SHOW_CHAT, D, ALL, 0}, /* of a later version */
        /* Each place counts for its presence alone. */
        {{H, 0, 0, 0, 0, 0}, SHOW_CHAT, H, 0, 0},
        {{H, 0, 0, 0, 0, 0}, SHOW_ONLINE, D, BIT_N | BIT_H, BIT_G},
        {{0, G, 0, 0, 0, 0}, SHOW_ONLINE, G, 0, 0},
        {{0, G, 0, 0, 0, 0}, SHOW_CHAT, D, BIT_N | BIT_H, BIT_G},
        {{0, 0, N, 0, 0, 0}, SHOW_AWAY, N, 0, ALL},
        {{0, 0, N, 0, 0, 0}, SHOW_XA, D, BIT_N | BIT_H, BIT_G},
        {{0, 0, 0, H, 0, 0}, SHOW_XA, H, 0, 0},
        {{0, 0, 0, H, 0, 0}, SHOW_AWAY, D, BIT_N | BIT_H, BIT_G},
        {{0, 0, 0, 0, N, 0}, SHOW_DND, N, 0, ALL},
        {{0, 0, 0, 0, N, 0}, SHOW_OFFLINE, D, BIT_N | BIT_H, BIT_G},
        {{0, 0, 0, 0, 0, G}, SHOW_OFFLINE, G, 0, 0},
        {{0, 0, 0, 0, 0, G}, SHOW_DND, D, BIT_N | BIT_H, BIT_G},
        {{D, N, H, G, H, G}, SHOW_CHAT, D, BIT_N | BIT_H, BIT_G},
        {{D, N, H, G, H, G}, SHOW_ONLINE, N, 0, ALL},
        /* Whoever is not seen gets all. */
        {{H, H, H, H, H, H}, SHOW_UNKNOWN, D, BIT_N | BIT_H, BIT_G},
        {{H, H, H, H, H, H}, SHOW_COUNT, D, BIT_N | BIT_H, BIT_G},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct choices c = choices_of(rows[i].when);
        struct hold_turn turn = hold_turn(&c, rows[i].show);

        if (hold_action(&c, rows[i].show) != rows[i].action || turn.released != rows[i].released ||
            turn.listed != rows[i].listed)
            fail_msg("row %zu: %u %d %d", i, hold_action(&c, rows[i].show), turn.released,
                     turn.listed);
        assert_int_equal(hold_has_choice(&c), turn.released != ALL);
    }
}

static void a_list_comes_after_hours_or_by_the_clock(void **state)
{
    static const struct {
        const char *zone;
        int at;
        int64_t now_s, list_s;
    } rows[] = {
        {"UTC0", 0, 1000, 0},
        {"UTC0", CHOICE_LIST_BACK, 1000, 0},
        {"UTC0", CHOICE_LIST_HOURS + 1, 1000, 4600},
        {"UTC0", CHOICE_LIST_HOURS + 24, 1000, 87400},
        {"UTC0", CHOICE_LIST_HOURS + 25, 1000, 0},
        {"UTC0", CHOICE_LIST_CLOCK + 24, 1000, 0},
        {"UTC0", CHOICE_LIST_CLOCK, 1000, 86400},
        {"UTC0", CHOICE_LIST_CLOCK + 8, 1000, 8 * 3600},
        {"UTC0", CHOICE_LIST_CLOCK + 8, 8 * 3600, 32 * 3600}, /* not now: the next */
        {"UTC0", CHOICE_LIST_CLOCK + 8, 8 * 3600 - 1, 8 * 3600},
        {"UTC0", CHOICE_LIST_CLOCK + 23, 86399, 2 * 86400 - 3600},
        {"XXX-2", CHOICE_LIST_CLOCK + 8, 1000, 6 * 3600}, /* two hours before UTC */
        /* 28 March 2027, 01:00 UTC: two o'clock is left out there, and it is three. */
        {"CET-1CEST,M3.5.0,M10.5.0/3", CHOICE_LIST_CLOCK + 2, 1806192000, 1806195600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", CHOICE_LIST_CLOCK + 8, 1806192000, 1806213600},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct choices c = {{0}};
        int64_t at_s;

        setenv("TZ", rows[i].zone, 1);
        tzset();
        c.of[CHOICE_LIST_AT] = (unsigned char)rows[i].at;
        at_s = hold_list_time(&c, rows[i].now_s);
        if (at_s != rows[i].list_s)
            fail_msg("row %zu: %lld", i, (long long)at_s);
    }
    unsetenv("TZ");
    tzset();
}

static void what_is_shown_stands_on_one_line(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *line;
    } rows[] = {
        {NULL, 10, ""},
        {"", 10, ""},
        {" \r\n ", 10, ""},
        {"one\r\n\ttwo ", 20, "one two"},
        {"one\n2. Paris <x@y>: z", 40, "one 2. Paris <x@y>: z"},
        {"abcdef", 3, "abc"},
        {"ab\xc3\xa4", 4, "ab\xc3\xa4"},
        {"ab\xc3\xa4", 3, "ab"},
        {"a\xe4\xbd\xa0\xe5\xa5\xbd", 6, "a\xe4\xbd\xa0"},
    };
    struct arena *a = arena_new(10000);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(hold_line(a, rows[i].text, rows[i].max), rows[i].line);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_resource_that_gets_messages_counts),
        cmocka_unit_test(resources_are_bounded),
        cmocka_unit_test(each_presence_has_its_choice),
        cmocka_unit_test(a_list_comes_after_hours_or_by_the_clock),
        cmocka_unit_test(what_is_shown_stands_on_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
