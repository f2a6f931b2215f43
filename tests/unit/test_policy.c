/* policy: who may send and receive, and when the queue tries again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/policy.h"

static const char text[] = "jid = \"mail.example.org\"\n"
                           "home = { \"example.org\", \"example.net\" }\n"
                           "senders = { \"Paris@guests.example\", \"friends.example\" }\n"
                           "queue { retry_first = 60 retry_max = 600 lifetime = 3600 }\n"
                           "map \"nurse@capulet.example\" { mail = \"angelica@example.org\" }\n"
                           "map \"*@verona.example\" { mail = \"*@verona.example.org\" }\n";

static int set_up(void **state)
{
    static const struct keyed_key no_key;
    char path[] = "/tmp/postern-policy-XXXXXX";
    int fd = mkstemp(path);
    struct settings *s;
    struct conf *conf;
    struct err e;

    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    conf = conf_read(path, CONF_OFFLINE, &e);
    unlink(path);
    assert_non_null(conf);
    s = settings_new(&conf, &no_key, &e);
    assert_non_null(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    settings_drop(*state);
    return 0;
}

static void only_home_users_send(void **state)
{
    static const struct {
        const char *jid;
        bool may_send, may_receive;
    } rows[] = {
        {"juliet@example.org/balcony", true, true},
        {"romeo@example.net", true, true},
        {"example.org", false, true}, /* a server is no user */
        {"tybalt@example.com", false, false},
        {"juliet@sub.example.org", false, false},
        {"nurse@capulet.example", false, true}, /* an administrator named her */
        {"other@capulet.example", false, false},
        {"paris@guests.example/x", true, true}, /* let in by name, and with their domain */
        {"tybalt@guests.example", false, false},
        {"anybody@friends.example", true, true},
        {"friends.example", false, true},
        {"anybody@sub.friends.example", false, false},
        {"prince@verona.example", false, true},
    };
    struct arena *a = arena_new(1 << 20);
    struct jid jid;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(jid_parse(a, rows[i].jid, &jid, NULL), 0);
        assert_int_equal(policy_may_send(*state, &jid), rows[i].may_send);
        assert_int_equal(policy_may_receive(*state, &jid), rows[i].may_receive);
    }
    arena_free(a);
}

static void waits_double_up_to_the_maximum(void **state)
{
    static const struct {
        unsigned attempts;
        int64_t wait;
    } rows[] = {{0, 60}, {1, 120}, {2, 240}, {3, 480}, {4, 600}, {40, 600}, {4000000000U, 600}};
    const struct queue_message m = {.created_s = 1000};
    size_t i;
    int n;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (n = 0; n < 50; n++) { /* the jitter is a fifth either way */
            int64_t wait = policy_next_try(*state, &m, rows[i].attempts, 1000) - 1000;

            assert_true(wait >= rows[i].wait * 4 / 5 - 1 && wait <= rows[i].wait * 6 / 5 + 1);
        }
}

static void jitter_spreads(void **state)
{
    const struct queue_message m = {.created_s = 1000};
    int64_t first = policy_next_try(*state, &m, 4, 1000);
    int n, different = 0;

    for (n = 0; n < 50; n++)
        different += policy_next_try(*state, &m, 4, 1000) != first;
    assert_true(different > 0);
}

static void no_try_is_after_the_end(void **state)
{
    const struct queue_message m = {.created_s = 1000};
    const struct queue_message hasty = {.created_s = 1000, .deadline_s = 1030};

    assert_int_equal(policy_next_try(*state, &m, 4, 4500), 4600);
    assert_false(policy_is_given_up(*state, &m, 4599));
    assert_true(policy_is_given_up(*state, &m, 4600));
    assert_int_equal(policy_next_try(*state, &hasty, 4, 1010), 1030);
    assert_int_equal(policy_next_try(*state, &hasty, 4, 1030), 1031); /* it ended meanwhile */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_home_users_send),
        cmocka_unit_test(waits_double_up_to_the_maximum),
        cmocka_unit_test(jitter_spreads),
        cmocka_unit_test(no_try_is_after_the_end),
    };

    return cmocka_run_group_tests_name("policy", tests, set_up, tear_down);
}
