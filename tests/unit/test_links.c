/* links: what is found by JIDs, ids, threads and Message-IDs, while it is fresh, after it has been
 * sorted in, when a transaction was undone, after a start, and in a database of an older version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "store/accounts.h"
#include "store/known.h"
#include "store/link_index.h"
#include "store/links.h"
#include "store/senders.h"
#include "store/store_inside.h"
#include "tests/unit/fixture_store.h"

/* The step that brought the index. */
enum { VERSION_BEFORE = 23 };

struct scene {
    char folder[FOLDER_SIZE], url[STORE_URL_SIZE];
    struct store *store;
    struct arena *arena;
};

static int set_up(void **state)
{
    static struct scene s;
    struct err e;

    folder_make("links", s.folder, s.url);
    s.store = store_open(s.url, STORE_READ_WRITE, &e);
    s.arena = arena_new(64 << 20);
    assert_non_null(s.store);
    assert_non_null(s.arena);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    arena_free(s->arena);
    store_remove(s->store, s->folder);
    return 0;
}

static void open_again(struct scene *s)
{
    struct err e;

    store_close(s->store);
    s->store = store_open(s->url, STORE_READ_WRITE, &e);
    if (!s->store)
        fail_msg("%s", e.text);
}

/* What users and contacts say: number i is of user i % 7 and contact i % 5, in thread i % 3. */

struct texts {
    char jid[64], bare[64], contact[64], stanza_id[32], thread[32], message_id[64];
};

static struct link make_link(int64_t i, struct texts *t)
{
    snprintf(t->jid, sizeof t->jid, "user%d@capulet.example/balcony", (int)(i % 7));
    snprintf(t->bare, sizeof t->bare, "user%d@capulet.example", (int)(i % 7));
    snprintf(t->contact, sizeof t->contact, "friend%d\\40montague.example@gw", (int)(i % 5));
    snprintf(t->stanza_id, sizeof t->stanza_id, "s%d", (int)i);
    snprintf(t->thread, sizeof t->thread, "thread%d", (int)(i % 3));
    snprintf(t->message_id, sizeof t->message_id, "mail%d@montague.example", (int)i);
    return (struct link){.id = i,
                         .direction = i % 2 ? LINK_TO_JABBER : LINK_TO_MAIL,
                         .jid = t->jid,
                         .contact = t->contact,
                         .mail = "x@montague.example",
                         .alias = "user@gw",
                         .stanza_id = t->stanza_id,
                         .thread = t->thread,
                         .message_id = t->message_id,
                         .created_s = i};
}

struct range {
    int64_t from, until;
    bool fails;
};

static int put_range(struct store_txn *txn, void *arg, struct err *e)
{
    const struct range *r = arg;
    struct texts t;
    int64_t i;

    for (i = r->from; i < r->until; i++) {
        struct link link = make_link(i, &t);

        if (links_put(txn, &link, e) < 0)
            return -1;
    }
    return r->fails ? err_set(e, ERR_PERMANENT, "undone") : 0;
}

static void put(struct scene *s, int64_t from, int64_t until)
{
    struct range r = {from, until, false};

    store_must(s->store, put_range, &r);
}

struct query {
    struct scene *scene;
    struct link link; /* as make_link made it, with the JID bare */
    int64_t by_stanza, by_message, last, in_thread, last_mail;
    bool has_link, is_known;
    unsigned known;
};

static int64_t id_of(const struct link *link)
{
    return link ? link->id : 0;
}

static int count_known(const char *contact, const char *name, void *arg)
{
    (void)contact;
    (void)name;
    ++*(unsigned *)arg;
    return 0;
}

static int ask(struct store_txn *txn, void *arg, struct err *e)
{
    struct query *q = arg;
    const struct link *l = &q->link;
    struct arena *a = q->scene->arena;
    struct link *found;

    assert_int_equal(links_by_stanza_id(txn, a, l->jid, l->contact, l->stanza_id, &found, e), 0);
    q->by_stanza = id_of(found);
    assert_int_equal(links_by_message_id(txn, a, l->message_id, l->jid, &found, e), 0);
    q->by_message = id_of(found);
    assert_int_equal(links_last(txn, a, l->jid, l->contact, &found, e), 0);
    q->last = id_of(found);
    assert_int_equal(links_last_in_thread(txn, a, l->jid, l->contact, l->thread, &found, e), 0);
    q->in_thread = id_of(found);
    assert_int_equal(senders_has_link(txn, l->jid, l->contact, &q->has_link, e), 0);
    assert_int_equal(known_last_mail(txn, l->jid, l->contact, &q->last_mail, e), 0);
    assert_int_equal(accounts_is_known(txn, l->jid, &q->is_known, e), 0);
    q->known = 0;
    return known_each(txn, l->jid, false, count_known, &q->known, e);
}

static struct query query(struct scene *s, int64_t i)
{
    static struct texts t;
    struct query q = {.scene = s, .link = make_link(i, &t)};

    q.link.jid = t.bare;
    store_must(s->store, ask, &q);
    return q;
}

/* The newest below the end that is like i: user, contact, and so on repeat. */
static int64_t newest_like(int64_t i, int64_t end, int64_t every)
{
    return i + (end - 1 - i) / every * every;
}

static void check(struct scene *s, int64_t i, int64_t end)
{
    struct query q = query(s, i);

    assert_int_equal(q.by_stanza, i);
    assert_int_equal(q.by_message, i % 2 ? i : 0); /* that of a mail of ours is known by its id */
    assert_int_equal(q.last, newest_like(i, end, 35));
    assert_int_equal(q.in_thread, newest_like(i, end, 105));
    assert_true(q.has_link);
    assert_true(q.is_known);
    assert_int_equal(q.last_mail, newest_like(i % 2 ? i : i + 35, end, 70));
}

static void all_are_found_fresh_and_sorted(void **state)
{
    enum { ALL = 2 * INDEX_FRESH + 900 };
    struct scene *s = *state;
    const int64_t some[] = {
        1, 36, INDEX_FRESH - 1, INDEX_FRESH, INDEX_FRESH + 1, ALL - 1 - 70, ALL - 2, ALL - 1};
    size_t i;

    put(s, 1, 1000);
    put(s, 1000, ALL);
    for (i = 0; i < sizeof some / sizeof some[0]; i++)
        if (some[i] + 70 < ALL)
            check(s, some[i], ALL);
    assert_int_equal(query(s, ALL - 1).by_stanza, ALL - 1);
    assert_int_equal(query(s, ALL - 1).last, ALL - 1);
    assert_int_equal(query(s, 3).known, 5); /* the contacts */
    assert_int_equal(query(s, ALL + 1).by_stanza, 0);
    open_again(s);
    for (i = 0; i < sizeof some / sizeof some[0]; i++)
        if (some[i] + 70 < ALL)
            check(s, some[i], ALL);
}

static void what_was_fresh_is_so_after_a_start(void **state)
{
    struct scene *s = *state;

    put(s, 1, 300);
    open_again(s);
    check(s, 1, 300);
    put(s, 300, 400);
    check(s, 1, 400);
    check(s, 290, 400);
    assert_int_equal(query(s, 299).known, 5);
    check(s, 299, 400);
}

/* Also when the one that is undone has sorted all others in. */
static void what_is_undone_is_not_found(void **state)
{
    struct scene *s = *state;
    struct range small = {300, 320, true}, large = {300, 300 + INDEX_FRESH, true};
    struct err e;

    put(s, 1, 300);
    assert_int_equal(store_now(s->store, put_range, &small, &e), -1);
    check(s, 200, 300);
    assert_int_equal(query(s, 310).by_stanza, 0);
    assert_int_equal(store_now(s->store, put_range, &large, &e), -1);
    check(s, 200, 300);
    assert_int_equal(query(s, 310).by_stanza, 0);
    put(s, 300, 400);
    check(s, 200, 400);
}

static int put_changed(struct store_txn *txn, void *arg, struct err *e)
{
    const int64_t *i = arg;
    struct texts t;
    struct link link = make_link(*i, &t);

    link.mail = "";
    return links_put(txn, &link, e);
}

static int look(struct store_txn *txn, void *arg, struct err *e)
{
    struct query *q = arg;
    struct link *found;

    assert_int_equal(links_by_stanza_id(txn, q->scene->arena, q->link.jid, q->link.contact,
                                        q->link.stanza_id, &found, e),
                     0);
    assert_non_null(found);
    assert_string_equal(found->mail, "");
    return 0;
}

static void what_is_put_again_is_found_as_it_is_now(void **state)
{
    struct scene *s = *state;
    int64_t fresh = 150, old = 20;
    struct texts t;
    struct query q = {.scene = s};

    put(s, 1, 100);
    assert_int_equal(query(s, 1).known, 5); /* which has sorted them in */
    put(s, 100, 200);
    store_must(s->store, put_changed, &fresh);
    store_must(s->store, put_changed, &old);
    q.link = make_link(fresh, &t);
    q.link.jid = t.bare;
    store_must(s->store, look, &q);
    q.link = make_link(old, &t);
    q.link.jid = t.bare;
    store_must(s->store, look, &q);
    check(s, old, 200);
    assert_int_equal(query(s, 1).known, 5);
    check(s, old, 200);
}

/* As it was put at first it may have been sorted in already. */
static int put_renamed(struct store_txn *txn, void *arg, struct err *e)
{
    const int64_t *i = arg;
    struct texts t;
    struct link link = make_link(*i, &t);

    link.stanza_id = "another";
    return links_put(txn, &link, e);
}

static int find_renamed(struct store_txn *txn, void *arg, struct err *e)
{
    struct query *q = arg;
    struct link *found;

    assert_int_equal(links_by_stanza_id(txn, q->scene->arena, q->link.jid, q->link.contact,
                                        "another", &found, e),
                     0);
    assert_int_equal(id_of(found), q->link.id);
    return 0;
}

static void what_is_put_again_with_another_id_is_found_by_it(void **state)
{
    struct scene *s = *state;
    int64_t i = 20;
    struct texts t;
    struct query q = {.scene = s, .link = make_link(i, &t)};

    q.link.jid = t.bare;
    put(s, 1, 100);
    assert_int_equal(query(s, 1).known, 5); /* which has sorted them in */
    store_must(s->store, put_renamed, &i);
    store_must(s->store, find_renamed, &q);
    assert_int_equal(query(s, 1).known, 5);
    store_must(s->store, find_renamed, &q);
}

static int try_range(struct store_txn *txn, void *arg, struct err *e)
{
    assert_int_equal(store_try(txn, put_range, arg, e), -1);
    return 0;
}

/* The rest of the transaction stays, and what was fresh before it. */
static void what_a_part_put_that_failed_is_not_found(void **state)
{
    struct scene *s = *state;
    struct range large = {300, 300 + INDEX_FRESH, true};

    put(s, 1, 300);
    store_must(s->store, try_range, &large);
    check(s, 200, 300);
    assert_int_equal(query(s, 310).by_stanza, 0);
    put(s, 300, 400);
    check(s, 200, 400);
}

/* As SQLite does when the disk is full, and nobody looks. */
static int put_and_lose(struct store_txn *txn, void *arg, struct err *e)
{
    if (put_range(txn, arg, e) < 0)
        return -1;
    return txn_execute(txn->db, "ROLLBACK", e);
}

static void what_sqlite_undid_is_not_found(void **state)
{
    struct scene *s = *state;
    struct range large = {300, 300 + INDEX_FRESH, false};
    struct err e;

    put(s, 1, 300);
    assert_int_equal(store_now(s->store, put_and_lose, &large, &e), -1);
    assert_int_equal(e.class, ERR_RETRY);
    check(s, 200, 300);
    assert_int_equal(query(s, 310).by_stanza, 0);
}

static int put_dated(struct store_txn *txn, void *arg, struct err *e)
{
    struct texts t;
    int64_t i;

    (void)arg;
    for (i = 1; i <= 50; i++) {
        struct link link = make_link(i, &t);

        link.id = id_at(i * 100);
        if (links_put(txn, &link, e) < 0)
            return -1;
    }
    return 0;
}

static int expire(struct store_txn *txn, void *arg, struct err *e)
{
    unsigned count;

    (void)arg;
    assert_int_equal(links_expire(txn, 4001, 1000, &count, e), 0);
    assert_int_equal(count, 40);
    return 0;
}

static int count_rows(struct store_txn *txn, const char *sql)
{
    sqlite3_stmt *q;
    int n;

    assert_int_equal(sqlite3_prepare_v2(txn->db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    n = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return n;
}

static int nothing_is_left_over(struct store_txn *txn, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    assert_int_equal(count_rows(txn, "SELECT count(*) FROM link"), 10);
    assert_int_equal(count_rows(txn, "SELECT count(*) FROM link_fresh"), 0);
    assert_int_equal(count_rows(txn, "SELECT count(*) FROM link_pair"), 10);
    assert_int_equal(count_rows(txn, "SELECT count(*) FROM link_mail"), 5);
    return 0;
}

static void what_expires_leaves_nothing(void **state)
{
    struct scene *s = *state;

    store_must(s->store, put_dated, NULL);
    store_must(s->store, expire, NULL);
    store_must(s->store, nothing_is_left_over, NULL);
}

/* All that a link holds, and what is found of it. */

static const char juliet[] = "juliet@capulet.example", romeo[] = "romeo\\40example.net@gw.example";

static struct link full_link(void)
{
    return (struct link){.id = 1,
                         .direction = LINK_TO_MAIL,
                         .jid = "juliet@capulet.example/balcony",
                         .contact = romeo,
                         .mail = "romeo@example.net",
                         .alias = "juliet@gw.example",
                         .stanza_id = "s1",
                         .thread = "t1",
                         .subject = "Tonight",
                         .message_id = "0000000000001@gw.example",
                         .references = "",
                         .asked = LINK_ASKED_OFFLINE | LINK_ASKED_MARKER,
                         .origin = "imap:bridge",
                         .uidvalidity = UINT32_MAX,
                         .uid = 7,
                         .envelope_id = "QQ 314159",
                         .original = "rfc822;j@elsewhere.example",
                         .ret = 1,
                         .notify = 8,
                         .created_s = 100};
}

static int all_of_a_link_comes_back(struct store_txn *txn, void *arg, struct err *e)
{
    const struct scene *s = arg;
    struct link link = full_link(), *found;

    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(links_by_id(txn, s->arena, 1, 0, &found, e), 0);
    assert_string_equal(found->jid, "juliet@capulet.example/balcony");
    assert_string_equal(found->subject, "Tonight");
    assert_null(found->stanza_to);
    assert_int_equal(found->asked, LINK_ASKED_OFFLINE | LINK_ASKED_MARKER);
    assert_string_equal(found->origin, "imap:bridge");
    assert_int_equal(found->uidvalidity, UINT32_MAX);
    assert_int_equal(found->uid, 7);
    assert_string_equal(found->envelope_id, "QQ 314159");
    assert_string_equal(found->original, "rfc822;j@elsewhere.example");
    assert_int_equal(found->ret, 1);
    assert_int_equal(found->notify, 8);
    assert_int_equal(links_by_id(txn, s->arena, 1, 1, &found, e), 0);
    assert_null(found);
    return 0;
}

static int64_t by_message(struct store_txn *txn, const struct scene *s, const char *message_id,
                          const char *bare_jid)
{
    struct link *found;
    struct err e;

    assert_int_equal(links_by_message_id(txn, s->arena, message_id, bare_jid, &found, &e), 0);
    return id_of(found);
}

static int64_t by_stanza(struct store_txn *txn, const struct scene *s, const char *stanza_id)
{
    struct link *found;
    struct err e;

    assert_int_equal(links_by_stanza_id(txn, s->arena, juliet, romeo, stanza_id, &found, &e), 0);
    return id_of(found);
}

/* The Message-ID of a mail to Jabber is anybody's, and so is how it looks. */
static int ids_are_ours_or_anybodys(struct store_txn *txn, void *arg, struct err *e)
{
    const struct scene *s = arg;
    struct link link = full_link(), *found;

    assert_int_equal(links_put(txn, &link, e), 0);
    link.id = 2;
    link.message_id = "0000000000002@gw.example";
    link.references = "0000000000001@gw.example";
    link.stanza_id = NULL;
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(by_message(txn, s, link.message_id, juliet), 2);
    assert_int_equal(by_message(txn, s, link.message_id, "tybalt@capulet.example"), 0);
    assert_int_equal(by_stanza(txn, s, "s1"), 1);
    assert_int_equal(links_last_in_thread(txn, s->arena, juliet, romeo, "t1", &found, e), 0);
    assert_int_equal(id_of(found), 2);
    assert_string_equal(found->references, "0000000000001@gw.example");
    link.id = 3;
    link.direction = LINK_TO_JABBER;
    link.stanza_id = "0000000000003-0";
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(by_stanza(txn, s, "0000000000003-0"), 3);
    link.message_id = "m2@example.net";
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(by_message(txn, s, "m2@example.net", juliet), 3);
    return 0;
}

static int a_link_is_replaced_and_forgotten(struct store_txn *txn, void *arg, struct err *e)
{
    const struct scene *s = arg;
    struct link link = full_link(), *found;
    unsigned count;

    assert_int_equal(links_put(txn, &link, e), 0);
    link.mail = "";
    link.mail_header = "Subject: one\r\n";
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(links_by_id(txn, s->arena, 1, 0, &found, e), 0);
    assert_string_equal(found->mail, "");
    assert_string_equal(found->mail_header, "Subject: one\r\n");
    assert_int_equal(links_put(txn, found, e), 0); /* and again, with what was found */
    assert_int_equal(links_by_id(txn, s->arena, 1, 0, &found, e), 0);
    assert_string_equal(found->mail_header, "Subject: one\r\n");
    link.id = 2;
    assert_int_equal(links_put(txn, &link, e), 0);
    link.id = id_at(1000);
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(links_expire(txn, 1000, 1, &count, e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(links_expire(txn, 1000, 10, &count, e), 0);
    assert_int_equal(count, 1);
    assert_int_equal(links_expire(txn, 1001, 10, &count, e), 0);
    assert_int_equal(count, 1);
    link.id = 1; /* what was forgotten has left no header behind */
    link.mail_header = NULL;
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(links_by_id(txn, s->arena, 1, 0, &found, e), 0);
    assert_null(found->mail_header);
    return 0;
}

/* Each in one transaction. */
#define IN_TXN(name)                                                                               \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        store_must(((struct scene *)*state)->store, name, *state);                                 \
    }

IN_TXN(all_of_a_link_comes_back)
IN_TXN(ids_are_ours_or_anybodys)
IN_TXN(a_link_is_replaced_and_forgotten)

static void an_older_database_is_sorted_in(void **state)
{
    struct scene *s = *state;
    struct texts t;
    sqlite3 *db;
    struct err e;
    int64_t i;

    store_close(s->store);
    folder_remove(s->folder);
    folder_make("links", s->folder, s->url);
    assert_int_equal(sqlite3_open(s->url + strlen("sqlite:"), &db), SQLITE_OK);
    if (schema_migrate(db, VERSION_BEFORE, &e) < 0)
        fail_msg("%s", e.text);
    for (i = 1; i < 300; i++) {
        struct link link = make_link(i, &t);
        char *sql = sqlite3_mprintf(
            "INSERT INTO link(id, n, direction, jid, bare_jid, contact, bare_contact, mail, alias,"
            " stanza_id, thread, message_id, refs, created) VALUES"
            "(%lld, 0, %d, %Q, %Q, %Q, %Q, 'x', 'y', %Q, %Q, %Q, '', %lld)",
            (long long)i, (int)link.direction, t.jid, t.bare, t.contact, t.contact, t.stanza_id,
            t.thread, t.message_id, (long long)i);

        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_free(sql);
    }
    sqlite3_close(db);
    s->store = store_open(s->url, STORE_READ_WRITE, &e);
    if (!s->store)
        fail_msg("%s", e.text);
    check(s, 20, 300);
    put(s, 300, 400);
    check(s, 20, 400);
    assert_int_equal(query(s, 20).known, 5);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(all_are_found_fresh_and_sorted),
        SCENE(what_was_fresh_is_so_after_a_start),
        SCENE(what_is_undone_is_not_found),
        SCENE(what_is_put_again_is_found_as_it_is_now),
        SCENE(what_is_put_again_with_another_id_is_found_by_it),
        SCENE(what_a_part_put_that_failed_is_not_found),
        SCENE(what_sqlite_undid_is_not_found),
        SCENE(test_all_of_a_link_comes_back),
        SCENE(test_ids_are_ours_or_anybodys),
        SCENE(test_a_link_is_replaced_and_forgotten),
        SCENE(what_expires_leaves_nothing),
        SCENE(an_older_database_is_sorted_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
