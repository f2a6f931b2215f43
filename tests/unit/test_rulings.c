/* rulings: what administrators decide, laid over a configuration, and who is let in by both. */
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
#include "bridge/rulings.h"
#include "tests/unit/fixture_store.h"

static const char file[] = "jid = \"mail.example.org\"\n"
                           "senders = { \"guest.net\" }\n"
                           "store { url = \"sqlite:/nonexistent/x.db\" }\n"
                           "limit { user_rate = 7 }\n"
                           "map \"tybalt@example.org\" { mail = \"t@mail.example.org\" }\n"
                           "jabber { secret = \"s\" }\n";

static struct settings *read_settings(void)
{
    static const struct keyed_key no_key;
    char path[] = "/tmp/postern-rulings-XXXXXX";
    int fd = mkstemp(path);
    struct settings *s;
    struct conf *conf;
    struct err e;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, file, sizeof file - 1), (ssize_t)sizeof file - 1);
    close(fd);
    conf = conf_read(path, CONF_OFFLINE, &e);
    unlink(path);
    if (!conf)
        fail_msg("%s", e.text);
    s = settings_new(&conf, &no_key, &e);
    assert_non_null(s);
    return s;
}

static bool may(const struct settings *s, const char *text)
{
    struct arena *a = arena_new(10000);
    struct jid jid;
    bool yes;

    assert_int_equal(jid_parse(a, text, &jid, NULL), 0);
    yes = policy_may_send(s, &jid);
    arena_free(a);
    return yes;
}

static void who_is_let_in(void **state)
{
    static const struct {
        const char *name, *value, *who;
        bool may;
    } rows[] = {
        {"x.net", NULL, "a@example.org", true},
        {"x.net", NULL, "a@x.net", false},
        {"x.net", "allow", "a@x.net/r", true},
        {"a@x.net", "allow", "b@x.net", false},
        {"example.org", "deny", "a@example.org", false},
        {"guest.net", "deny", "a@guest.net", false},
        {"a@example.org", "deny", "a@example.org/r", false},
        {"a@example.org", "deny", "b@example.org", true},
    };
    struct settings *base = read_settings(), *s;
    struct rulings *r;
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        r = rulings_new();
        assert_int_equal(rulings_set(r, DECISION_RIGHT, rows[i].name, rows[i].value), 0);
        s = rulings_apply(base, r, &e);
        assert_non_null(s);
        if (may(s, rows[i].who) != rows[i].may)
            fail_msg("%s %s: %s", rows[i].name, rows[i].value, rows[i].who);
        settings_drop(s);
        rulings_free(r);
    }
    r = rulings_new();
    assert_int_equal(rulings_set(r, DECISION_RIGHT, "example.org", "deny"), 0);
    assert_int_equal(rulings_set(r, DECISION_RIGHT, "a@example.org", "allow"), 0);
    s = rulings_apply(base, r, &e);
    assert_true(may(s, "a@example.org"));
    assert_false(may(s, "b@example.org"));
    settings_drop(s);
    rulings_free(r);
    settings_drop(base);
}

/* What is decided lies over the file's, and goes again; settings outlive what they come from. */
static void over_the_file_and_back(void **state)
{
    struct settings *s = read_settings(), *next;
    struct rulings *r = rulings_new();
    struct err e;

    (void)state;
    s = rulings_apply_most(s, r);
    assert_int_equal(s->conf->limit.user_rate, 7);
    assert_int_equal(rulings_set(r, DECISION_LIMIT, "limit.user_rate", "3"), 0);
    assert_int_equal(rulings_set(r, DECISION_LIMIT, "no.such.limit", "3"), 0);
    assert_int_equal(rulings_set(r, DECISION_PAIR, "j@example.org", "jc@mail.example.org both"), 0);
    s = rulings_apply_most(s, r);
    assert_int_equal(s->conf->limit.user_rate, 3);
    assert_int_equal(settings_file(s)->limit.user_rate, 7);
    assert_int_equal(s->conf->map_count, 2);
    assert_string_equal(s->conf->map[0].jabber, "tybalt@example.org"); /* the file's come first */
    assert_string_equal(s->conf->map[1].mail, "jc@mail.example.org");
    assert_int_equal(rulings_set(r, DECISION_LIMIT, "limit.user_rate", NULL), 0);
    next = rulings_apply(s, r, &e);
    settings_drop(s);
    assert_int_equal(next->conf->limit.user_rate, 7);
    assert_int_equal(next->conf->map_count, 2);
    /* a pair that cannot be keeps the rest from nobody */
    assert_int_equal(rulings_set(r, DECISION_PAIR, "*@x", "one@y both"), 0);
    assert_int_equal(rulings_set(r, DECISION_RIGHT, "example.org", "deny"), 0);
    assert_null(rulings_apply(next, r, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    next = rulings_apply_most(next, r);
    assert_false(may(next, "a@example.org"));
    assert_int_equal(next->conf->map_count, 1);
    settings_drop(next);
    rulings_free(r);
}

static int decide(struct store_txn *txn, void *arg, struct err *e)
{
    (void)arg;
    assert_int_equal(decisions_put(txn, DECISION_RIGHT, "b.net", "deny", e), 0);
    assert_int_equal(decisions_put(txn, DECISION_RIGHT, "a.net", "deny", e), 0);
    assert_int_equal(decisions_put(txn, DECISION_RIGHT, "a.net", "allow", e), 0);
    assert_int_equal(decisions_put(txn, DECISION_LIMIT, "lmtp.rate", "4", e), 0);
    assert_int_equal(decisions_put(txn, DECISION_PAIR, "gone", "x", e), 0);
    return decisions_put(txn, DECISION_PAIR, "gone", NULL, e);
}

static void kept_in_the_store(void **state)
{
    char folder[FOLDER_SIZE];
    struct store *store = store_make("rulings", folder);
    struct rulings *r;
    struct err e;

    (void)state;
    store_must(store, decide, NULL);
    r = rulings_load(store, &e);
    assert_non_null(r);
    assert_int_equal(rulings_count(r, DECISION_RIGHT), 2);
    assert_int_equal(rulings_count(r, DECISION_PAIR), 0);
    assert_string_equal(rulings_first(r)->name, "a.net");
    assert_string_equal(rulings_find(r, DECISION_RIGHT, "a.net")->value, "allow");
    assert_string_equal(rulings_find(r, DECISION_LIMIT, "lmtp.rate")->value, "4");
    assert_null(rulings_find(r, DECISION_LIMIT, "a.net"));
    rulings_free(r);
    store_remove(store, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_let_in),
        cmocka_unit_test(over_the_file_and_back),
        cmocka_unit_test(kept_in_the_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
