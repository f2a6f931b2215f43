/* faces and choices: how people call themselves, and what users have decided, in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/choices.h"
#include "store/faces.h"
#include "store/known.h"
#include "store/links.h"
#include "store/newcomers.h"
#include "store/senders.h"
#include "store/subscriptions.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE];
    struct store *store;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->store = store_make("choices", s->folder);
    s->arena = arena_new(100000);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    store_remove(s->store, s->folder);
    arena_free(s->arena);
    free(s);
    return 0;
}

static void in_store(struct scene *s, int (*run)(struct store_txn *, void *, struct err *))
{
    store_must(s->store, run, s);
}

static const char *seen_as(struct store_txn *txn, struct scene *s, const char *user,
                           const char *contact)
{
    const char *name = "?";
    struct err e;

    assert_int_equal(faces_get_contact(txn, s->arena, user, contact, &name, &e), 0);
    return name;
}

static int keep_contacts(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;

    assert_null(seen_as(txn, s, "j@home", "r@gw"));
    assert_int_equal(faces_put_contact(txn, "j@home", "r@gw", "Romeo", 1000, e), 0);
    assert_int_equal(faces_put_contact(txn, "j@home", "b@gw", "Benvolio", 1000, e), 0);
    assert_string_equal(seen_as(txn, s, "j@home", "r@gw"), "Romeo");
    assert_null(seen_as(txn, s, "nurse@home", "r@gw")); /* he wrote to one user only */
    assert_int_equal(faces_put_contact(txn, "j@home", "r@gw", "Romeo M.", 1001, e), 0);
    assert_string_equal(seen_as(txn, s, "j@home", "r@gw"), "Romeo M.");
    /* seen again the day after: it stays when the other goes */
    assert_int_equal(faces_put_contact(txn, "j@home", "r@gw", "Romeo M.", 1001 + 86401, e), 0);
    assert_int_equal(faces_expire(txn, 2000, 100, e), 0);
    assert_string_equal(seen_as(txn, s, "j@home", "r@gw"), "Romeo M.");
    assert_null(seen_as(txn, s, "j@home", "b@gw"));
    return 0;
}

static void names_of_contacts(void **state)
{
    in_store(*state, keep_contacts);
}

static const char *hash_of(struct store_txn *txn, struct scene *s, const char *user,
                           const char *contact)
{
    const char *hash = "?";
    struct err e;

    assert_int_equal(faces_get_photo_hash(txn, s->arena, user, contact, &hash, &e), 0);
    return hash;
}

static int keep_portraits(struct store_txn *txn, void *arg, struct err *e)
{
    static const struct subscription whose[] = {{.bare_jid = "j@home", .contact = "r@gw"},
                                                {.bare_jid = "nurse@home", .contact = "r@gw"},
                                                {.bare_jid = "", .contact = ""}};
    struct subscription page[3];
    unsigned count;
    struct scene *s = arg;
    struct face_portrait p = {"image/png", "a\0b", 3}, got;
    char contact[32];
    bool is_new = false;
    int i, kept = 0;

    assert_int_equal(faces_get_portrait(txn, s->arena, "j@home", "r@gw", &got, e), 0);
    assert_null(got.type);
    assert_string_equal(hash_of(txn, s, "j@home", "r@gw"), "");
    assert_int_equal(faces_put_portrait(txn, "j@home", "r@gw", &p, 1000, &is_new, e), 0);
    assert_true(is_new);
    assert_int_equal(faces_get_portrait(txn, s->arena, "j@home", "r@gw", &got, e), 0);
    assert_string_equal(got.type, "image/png");
    assert_int_equal(got.len, 3);
    assert_memory_equal(got.image, "a\0b", 3);
    assert_int_equal(faces_get_portrait(txn, s->arena, "nurse@home", "r@gw", &got, e), 0);
    assert_null(got.type);
    p.image = "abc";
    assert_int_equal(faces_put_portrait(txn, "j@home", "r@gw", &p, 1001, &is_new, e), 0);
    assert_true(is_new);
    assert_string_equal(hash_of(txn, s, "j@home", "r@gw"),
                        "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_int_equal(faces_put_portrait(txn, "j@home", "r@gw", &p, 1002 + 86400, &is_new, e), 0);
    assert_false(is_new);
    assert_string_equal(hash_of(txn, s, "nurse@home", "r@gw"), "");
    assert_int_equal(subscriptions_put(txn, &whose[0], e), 0);
    assert_int_equal(subscriptions_put(txn, &whose[1], e), 0);
    assert_int_equal(subscriptions_page(txn, s->arena, false, &whose[2], 3, page, &count, e), 0);
    assert_int_equal(count, 2);
    assert_string_equal(page[0].photo, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(page[1].photo, "");
    assert_int_equal(faces_get_portrait(txn, s->arena, "j@home", "r@gw", &got, e), 0);
    assert_memory_equal(got.image, "abc", 3);
    /* strangers with many faces push out the oldest, of this user's alone */
    assert_int_equal(faces_put_portrait(txn, "nurse@home", "r@gw", &p, 1, &is_new, e), 0);
    for (i = 0; i < FACES_PORTRAITS_MAX + 5; i++) {
        snprintf(contact, sizeof contact, "c%d@gw", i);
        assert_int_equal(faces_put_portrait(txn, "j@home", contact, &p, 100000 + i, &is_new, e), 0);
    }
    for (i = 0; i < FACES_PORTRAITS_MAX + 5; i++) {
        snprintf(contact, sizeof contact, "c%d@gw", i);
        assert_int_equal(faces_get_portrait(txn, s->arena, "j@home", contact, &got, e), 0);
        assert_int_equal(got.type != NULL, i >= 5);
        kept += got.type != NULL;
    }
    assert_int_equal(kept, FACES_PORTRAITS_MAX);
    assert_int_equal(faces_get_portrait(txn, s->arena, "nurse@home", "r@gw", &got, e), 0);
    assert_non_null(got.type);
    assert_int_equal(faces_expire(txn, 1000, 100, e), 0);
    assert_int_equal(faces_get_portrait(txn, s->arena, "nurse@home", "r@gw", &got, e), 0);
    assert_null(got.type);
    return 0;
}

static void portraits_of_contacts(void **state)
{
    in_store(*state, keep_portraits);
}

static int keep_users(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    const char *name = "?";
    int64_t fetched_s = 7;

    assert_int_equal(faces_get_user(txn, s->arena, "j@home", &name, &fetched_s, e), 0);
    assert_null(name);
    assert_int_equal(fetched_s, 0);
    assert_int_equal(faces_put_user(txn, "j@home", NULL, 10, e), 0); /* asked in vain */
    assert_int_equal(faces_get_user(txn, s->arena, "j@home", &name, &fetched_s, e), 0);
    assert_null(name);
    assert_int_equal(fetched_s, 10);
    assert_int_equal(faces_put_user(txn, "j@home", "Juliet", 20, e), 0);
    assert_int_equal(faces_put_user(txn, "j@home", NULL, 30, e), 0); /* what was known stays */
    assert_int_equal(faces_get_user(txn, s->arena, "j@home", &name, &fetched_s, e), 0);
    assert_string_equal(name, "Juliet");
    assert_int_equal(fetched_s, 30);
    assert_int_equal(faces_put_user(txn, "j@home", "", 40, e), 0); /* taken out of the vCard */
    assert_int_equal(faces_get_user(txn, s->arena, "j@home", &name, &fetched_s, e), 0);
    assert_null(name);
    return 0;
}

static void names_of_users(void **state)
{
    in_store(*state, keep_users);
}

static int choose(struct store_txn *txn, void *arg, struct err *e)
{
    struct choices c = {{[CHOICE_RECEIPTS] = CHOICE_NO}};

    (void)arg;
    assert_int_equal(choices_get(txn, "j@home", &c, e), 0);
    assert_int_equal(c.of[CHOICE_RECEIPTS], CHOICE_NONE);
    assert_int_equal(choices_put(txn, "j@home", CHOICE_ASKED_ON_RECEIPTS, CHOICE_YES, e), 0);
    assert_int_equal(choices_put(txn, "nurse@home", CHOICE_RECEIPTS, CHOICE_YES, e), 0);
    assert_int_equal(choices_get(txn, "j@home", &c, e), 0);
    assert_int_equal(c.of[CHOICE_RECEIPTS], CHOICE_NONE);
    assert_int_equal(c.of[CHOICE_ASKED_ON_RECEIPTS], CHOICE_YES);
    assert_int_equal(choices_put(txn, "j@home", CHOICE_RECEIPTS, CHOICE_NO, e), 0);
    assert_int_equal(choices_put(txn, "j@home", CHOICE_WHEN_OFFLINE, CHOICE_HOLD, e), 0);
    assert_int_equal(choices_get(txn, "j@home", &c, e), 0);
    assert_int_equal(c.of[CHOICE_RECEIPTS], CHOICE_NO);
    assert_int_equal(c.of[CHOICE_WHEN_OFFLINE], CHOICE_HOLD);
    assert_int_equal(choices_put(txn, "j@home", CHOICE_RECEIPTS, CHOICE_NONE, e), 0);
    assert_int_equal(choices_get(txn, "j@home", &c, e), 0);
    assert_int_equal(c.of[CHOICE_RECEIPTS], CHOICE_NONE);
    assert_int_equal(c.of[CHOICE_WHEN_OFFLINE], CHOICE_HOLD);
    assert_int_equal(choices_forget(txn, "j@home", e), 0);
    assert_int_equal(choices_get(txn, "j@home", &c, e), 0);
    assert_int_equal(c.of[CHOICE_WHEN_OFFLINE], CHOICE_NONE);
    assert_int_equal(choices_get(txn, "nurse@home", &c, e), 0);
    assert_int_equal(c.of[CHOICE_RECEIPTS], CHOICE_YES);
    return 0;
}

static void choices_of_users(void **state)
{
    in_store(*state, choose);
}

static enum sender_verdict judge(struct store_txn *txn, const char *user, const char *address)
{
    enum sender_verdict verdict = SENDER_KNOWN;
    struct err e;

    assert_int_equal(senders_judge(txn, user, address, &verdict, &e), 0);
    return verdict;
}

static void count_user(const char *bare_jid, void *arg)
{
    assert_non_null(strstr(bare_jid, "@home"));
    ++*(int *)arg;
}

static int keep_senders(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    const char **list;
    size_t count;
    int users = 0;

    assert_int_equal(judge(txn, "j@home", "r@a.net"), SENDER_UNKNOWN);
    assert_int_equal(senders_put(txn, "j@home", "a.net", SENDER_BLOCKED, e), 0);
    assert_int_equal(senders_put(txn, "j@home", "b.a.net", SENDER_ALLOWED, e), 0);
    assert_int_equal(senders_put(txn, "j@home", "x@b.a.net", SENDER_BLOCKED, e), 0);
    assert_int_equal(judge(txn, "j@home", "r@a.net"), SENDER_BLOCKED);
    assert_int_equal(judge(txn, "j@home", "r@c.a.net"), SENDER_BLOCKED); /* below it */
    assert_int_equal(judge(txn, "j@home", "r@ba.net"), SENDER_UNKNOWN);  /* not its end alone */
    assert_int_equal(judge(txn, "j@home", "r@c.b.a.net"), SENDER_ALLOWED);
    assert_int_equal(judge(txn, "j@home", "x@b.a.net"), SENDER_BLOCKED);
    assert_int_equal(judge(txn, "j@home", "a.net"), SENDER_UNKNOWN); /* no address */
    assert_int_equal(judge(txn, "nurse@home", "r@a.net"), SENDER_UNKNOWN);
    /* who is written to is known, but stays blocked */
    assert_int_equal(senders_know(txn, "j@home", "x@b.a.net", e), 0);
    assert_int_equal(senders_know(txn, "j@home", "y@a.net", e), 0);
    assert_int_equal(judge(txn, "j@home", "x@b.a.net"), SENDER_BLOCKED);
    assert_int_equal(judge(txn, "j@home", "y@a.net"), SENDER_KNOWN);
    assert_int_equal(senders_count(txn, "j@home", &count, e), 0);
    assert_int_equal(count, 3); /* known ones take no room */
    assert_int_equal(senders_list(txn, s->arena, "j@home", SENDER_BLOCKED, &list, &count, e), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0], "a.net");
    assert_string_equal(list[1], "x@b.a.net");
    assert_int_equal(senders_put(txn, "j@home", "a.net", SENDER_UNKNOWN, e), 0);
    assert_int_equal(judge(txn, "j@home", "r@a.net"), SENDER_UNKNOWN);
    assert_int_equal(choices_put(txn, "nurse@home", CHOICE_STRANGERS, CHOICE_NO, e), 0);
    assert_int_equal(senders_each_user(txn, count_user, &users, e), 0);
    assert_int_equal(users, 2);
    assert_int_equal(senders_clear(txn, "j@home", SENDER_BLOCKED, e), 0);
    assert_int_equal(judge(txn, "j@home", "x@b.a.net"), SENDER_ALLOWED); /* its domain is */
    assert_int_equal(senders_forget(txn, "j@home", e), 0);
    assert_int_equal(judge(txn, "j@home", "y@a.net"), SENDER_UNKNOWN);
    return 0;
}

static void senders_of_users(void **state)
{
    in_store(*state, keep_senders);
}

static int note_known(const char *contact, const char *name, void *arg)
{
    struct buf *out = arg;

    buf_printf(out, "%s=%s;", contact, name ? name : "");
    return 0;
}

static int put_link(struct store_txn *txn, int64_t id, const char *user, const char *contact,
                    enum link_direction direction, int64_t created_s, struct err *e)
{
    const struct link link = {.id = id,
                              .direction = direction,
                              .jid = user,
                              .contact = contact,
                              .mail = "",
                              .alias = "",
                              .stanza_id = "s",
                              .references = "",
                              .created_s = created_s};

    return links_put(txn, &link, e);
}

static void assert_known(struct store_txn *txn, const char *user, bool listed, const char *want)
{
    struct buf out;
    struct err e;

    buf_init(&out, 10000);
    assert_int_equal(known_each(txn, user, listed, note_known, &out, &e), 0);
    assert_string_equal(out.data ? out.data : "", want);
    buf_clear(&out);
}

static enum newcomer newcomer_of(struct store_txn *txn, const char *user, const char *contact)
{
    enum newcomer out = NEWCOMER_NONE;
    struct err e;

    assert_int_equal(newcomers_get(txn, user, contact, &out, &e), 0);
    return out;
}

static int keep_newcomers(struct store_txn *txn, void *arg, struct err *e)
{
    bool waited = true;

    (void)arg;
    assert_int_equal(newcomers_tell(txn, "j@home", "r@gw", &waited, e), 0);
    assert_false(waited);
    assert_int_equal(newcomers_put(txn, "j@home", "r@gw", 1000, e), 0);
    assert_int_equal(newcomer_of(txn, "j@home", "r@gw"), NEWCOMER_WAITS);
    assert_int_equal(newcomer_of(txn, "nurse@home", "r@gw"), NEWCOMER_NONE);
    assert_int_equal(newcomers_tell(txn, "j@home", "r@gw", &waited, e), 0);
    assert_true(waited);
    assert_int_equal(newcomers_tell(txn, "j@home", "r@gw", &waited, e), 0);
    assert_false(waited); /* once */
    assert_int_equal(newcomers_put(txn, "j@home", "r@gw", 2000, e), 0);
    assert_int_equal(newcomer_of(txn, "j@home", "r@gw"), NEWCOMER_TOLD);
    assert_int_equal(newcomers_put(txn, "j@home", "b@gw", 2000, e), 0);
    assert_int_equal(newcomers_expire(txn, 2000, 100, e), 0);
    assert_int_equal(newcomer_of(txn, "j@home", "r@gw"), NEWCOMER_NONE);
    assert_int_equal(newcomer_of(txn, "j@home", "b@gw"), NEWCOMER_WAITS);
    return 0;
}

static void newcomers_are_told_of_once(void **state)
{
    in_store(*state, keep_newcomers);
}

static int keep_known(struct store_txn *txn, void *arg, struct err *e)
{
    static const struct subscription list[] = {{.bare_jid = "j@home", .contact = "b\\40x@gw"},
                                               {.bare_jid = "j@home", .contact = "gw"},
                                               {.bare_jid = "nurse@home", .contact = "z\\40x@gw"}};
    int64_t last;
    size_t i;

    (void)arg;
    for (i = 0; i < 3; i++)
        assert_int_equal(subscriptions_put(txn, &list[i], e), 0);
    assert_int_equal(faces_put_contact(txn, "j@home", "b\\40x@gw", "Bea", 1, e), 0);
    assert_int_equal(faces_put_contact(txn, "j@home", "c\\40x@gw", "Cy", 1, e), 0);
    assert_int_equal(put_link(txn, 1, "j@home/r", "d\\40x@gw", LINK_TO_MAIL, 50, e), 0);
    assert_int_equal(put_link(txn, 2, "j@home", "a\\40x@gw", LINK_TO_JABBER, 60, e), 0);
    assert_int_equal(put_link(txn, 3, "j@home", "a\\40x@gw", LINK_TO_JABBER, 70, e), 0);
    assert_int_equal(put_link(txn, 4, "j@home/r", "a\\40x@gw", LINK_TO_MAIL, 80, e), 0);
    assert_known(txn, "j@home", true, "b\\40x@gw=Bea;");
    assert_known(txn, "j@home", false, "a\\40x@gw=;b\\40x@gw=Bea;c\\40x@gw=Cy;d\\40x@gw=;");
    assert_known(txn, "nurse@home", false, "z\\40x@gw=;");
    assert_known(txn, "nobody@home", false, "");
    assert_int_equal(known_last_mail(txn, "j@home", "a\\40x@gw", &last, e), 0);
    assert_int_equal(last, 70);
    assert_int_equal(known_last_mail(txn, "j@home", "d\\40x@gw", &last, e), 0);
    assert_int_equal(last, 0);
    assert_int_equal(known_last_mail(txn, "nurse@home", "a\\40x@gw", &last, e), 0);
    assert_int_equal(last, 0);
    return 0;
}

static void contacts_that_users_have(void **state)
{
    in_store(*state, keep_known);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_of_contacts),          TEST(names_of_users),   TEST(portraits_of_contacts),
        TEST(newcomers_are_told_of_once), TEST(choices_of_users), TEST(senders_of_users),
        TEST(contacts_that_users_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
