/*
 * Users' mailboxes on a real Dovecot: mail comes once, flags are set, copies lie in Sent once, and
 * some hundred users are watched at once.  Skipped where Dovecot is not installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "mail/imap/imap_boxes.h"
#include "tests/fake/dovecot.h"

#define MAIL                                                                                       \
    "From: romeo@montague.example\r\nTo: juliet@capulet.example\r\n"                               \
    "Message-ID: <1@montague.example>\r\nSubject: x\r\n\r\nbody\r\n"
#define COPY                                                                                       \
    "From: juliet@capulet.example\r\nTo: romeo@montague.example\r\n"                               \
    "Message-ID: <copy@capulet.example>\r\nSubject: x\r\n\r\nbody\r\n"

enum { USERS = 60 };

struct person {
    struct imap_box *box;
    unsigned mails;
    uint32_t uidvalidity, uid;
};

struct fixture {
    struct dovecot dovecot;
    struct loop *loop;
    struct imap_boxes *boxes;
    struct person people[USERS];
    size_t wanted;
    bool is_tried, is_stopped, is_answered;
    struct imap_trial_result trial;
};

/* ---- the receiver ---- */

static bool take(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    struct person *p = imap_box_owner(box);

    (void)arg;
    p->mails++;
    p->uidvalidity = mail->uidvalidity;
    p->uid = mail->uid;
    imap_box_done(box, mail->uidvalidity, mail->uid, true);
    return true;
}

static void note_cursor(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    (void)box;
    (void)cursor;
    (void)arg;
}

static void note_state(struct imap_box *box, const struct imap_state *state, void *arg)
{
    (void)box;
    (void)arg;
    if (state->at == IMAP_FAILED && getenv("TEST_VERBOSE"))
        fprintf(stderr, "%s\n", state->e.text);
}

static void note_trial(const struct imap_trial_result *result, void *arg)
{
    struct fixture *x = arg;

    x->is_tried = true;
    x->trial = *result;
}

static void note_answer(struct imap_errand *errand)
{
    ((struct fixture *)errand->arg)->is_answered = true;
}

static void note_stopped(void *arg)
{
    ((struct fixture *)arg)->is_stopped = true;
}

/* ---- what is waited for ---- */

static bool all_watch(void *arg)
{
    const struct fixture *x = arg;

    return imap_boxes_watching(x->boxes) == imap_boxes_count(x->boxes);
}

static bool all_have_mail(void *arg)
{
    const struct fixture *x = arg;
    size_t i, n = 0;

    for (i = 0; i < USERS; i++)
        n += x->people[i].mails > 0;
    return n >= x->wanted;
}

static bool is_tried(void *arg)
{
    return ((struct fixture *)arg)->is_tried;
}

static bool is_answered(void *arg)
{
    return ((struct fixture *)arg)->is_answered;
}

static bool is_stopped(void *arg)
{
    return ((struct fixture *)arg)->is_stopped;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void run(struct fixture *x, bool (*until)(void *arg))
{
    loop_run_until(x->loop, until, x, 30000);
    assert_true(until(x));
}

/* ---- the stage ---- */

/* One server for all tests; without it each test skips itself. */
static int setup_server(void **state)
{
    static struct dovecot server;

    *state = dovecot_start(&server) ? &server : NULL;
    return 0;
}

static int teardown_server(void **state)
{
    if (*state)
        dovecot_stop(*state);
    return 0;
}

static int setup(void **state)
{
    static const struct imap_boxes_handler handler = {take, note_cursor, note_state};
    static const struct imap_boxes_settings settings = {.threads = 8, .per_host = 8};
    struct fixture *x;
    struct err e;

    if (!*state)
        return 0;
    x = calloc(1, sizeof *x);
    log_set_level(getenv("TEST_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    x->dovecot = *(struct dovecot *)*state;
    x->loop = loop_new(&e);
    x->boxes = imap_boxes_new(x->loop, &clock_system, &settings, &handler, x, &e);
    *state = x;
    return x->boxes ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    if (!x)
        return 0;
    imap_boxes_stop(x->boxes, note_stopped, x);
    run(x, is_stopped);
    imap_boxes_free(x->boxes);
    loop_free(x->loop);
    free(x);
    return 0;
}

static struct conf_mailbox mailbox_of(const struct fixture *x, const char *user)
{
    return (struct conf_mailbox){
        .name = user,
        .server = {
            .host = "127.0.0.1", .port = x->dovecot.port, .user = user, .password = "secret"}};
}

static struct person *add(struct fixture *x, size_t n, const char *user)
{
    struct conf_mailbox m = mailbox_of(x, user);
    struct err e;

    dovecot_make(&x->dovecot, user, "");
    x->people[n].box = imap_boxes_add(x->boxes, &m, (struct imap_cursor){0, 0}, &x->people[n], &e);
    assert_non_null(x->people[n].box);
    return &x->people[n];
}

static enum imap_errand_outcome give(struct fixture *x, const struct person *p,
                                     struct imap_errand *errand)
{
    errand->done = note_answer;
    errand->arg = x;
    x->is_answered = false;
    assert_int_equal(imap_box_errand(p->box, errand), 0);
    assert_false(x->is_answered);
    run(x, is_answered);
    if (errand->outcome == IMAP_ERRAND_DONE)
        assert_int_equal(errand->e.class, ERR_NONE);
    return errand->outcome;
}

static const struct imap_errand copy = {.kind = IMAP_ERRAND_APPEND,
                                        .flags = IMAP_FLAG_SEEN,
                                        .message = COPY,
                                        .message_len = sizeof COPY - 1,
                                        .message_id = "<copy@capulet.example>",
                                        .date_s = 1700000000};

/* ---- tests ---- */

static void test_mail_and_flags(void **state)
{
    struct fixture *x = *state;
    struct imap_errand errand = {.kind = IMAP_ERRAND_FLAG, .flags = IMAP_FLAG_SEEN};
    struct person *p;

    if (!x)
        skip();
    dovecot_make(&x->dovecot, "juliet", "");
    dovecot_deliver(&x->dovecot, "juliet", "", MAIL); /* from before: nobody's business */
    p = add(x, 0, "juliet");
    run(x, all_watch);
    dovecot_deliver(&x->dovecot, "juliet", "", MAIL);
    x->wanted = 1;
    run(x, all_have_mail);
    assert_int_equal(p->uid, 2);
    assert_int_equal(dovecot_count(&x->dovecot, "juliet", "", "S"), 0);

    errand.uidvalidity = p->uidvalidity;
    errand.uid = p->uid;
    assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
    assert_int_equal(dovecot_count(&x->dovecot, "juliet", "", "S"), 1);
    errand.flags = IMAP_FLAG_ANSWERED | IMAP_FLAG_MDN_SENT;
    assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
    assert_int_equal(dovecot_count(&x->dovecot, "juliet", "", "RSa"), 1);

    errand.uid = 77; /* it was moved, and has come back under another UID */
    errand.message_id = "<1@montague.example>";
    assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
    errand.uidvalidity++; /* the folder was made anew */
    errand.uid = 1;
    assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
    errand.message_id = "<2@montague.example>";
    assert_int_equal(give(x, p, &errand), IMAP_ERRAND_GONE);
    errand.message_id = NULL;
    assert_int_equal(give(x, p, &errand), IMAP_ERRAND_GONE);
    loop_run_until(x->loop, never, x, 500); /* what was flagged does not come again */
    assert_int_equal(p->mails, 1);
}

static void test_copy_in_sent(void **state)
{
    static const struct {
        const char *user, *folder; /* that is there */
        const char *found;
    } rows[] = {{"marked", "Gesendet", "Gesendet"},
                {"named", "Sent Items", "Sent Items"},
                {"none", "Sentences", "Sent"}};
    struct fixture *x = *state;
    struct imap_errand errand;
    struct person *p;
    size_t i;

    if (!x)
        skip();
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *user = rows[i].user, *found = rows[i].found;

        p = add(x, i, user);
        dovecot_make(&x->dovecot, user, rows[i].folder);
        errand = copy;
        assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
        assert_string_equal(errand.folder, found);
        assert_int_equal(dovecot_count(&x->dovecot, user, found, "S"), 1);
        errand = copy; /* tried again after a crash: it is there */
        errand.may_exist = true;
        assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
        assert_int_equal(dovecot_count(&x->dovecot, user, found, ""), 1);
        errand.message_id = "<other@capulet.example>"; /* and this one is not */
        assert_int_equal(give(x, p, &errand), IMAP_ERRAND_DONE);
        assert_int_equal(dovecot_count(&x->dovecot, user, found, ""), 2);
        /* The mailbox is watched as before. */
        dovecot_deliver(&x->dovecot, user, "", MAIL);
        x->wanted = i + 1;
        run(x, all_have_mail);
    }
}

static void test_trials(void **state)
{
    struct fixture *x = *state;
    struct conf_mailbox m;
    struct err e;

    if (!x)
        skip();
    m = mailbox_of(x, "nurse");
    dovecot_make(&x->dovecot, "nurse", "");
    assert_non_null(imap_trial_start(x->boxes, &m, 0, note_trial, x, &e));
    run(x, is_tried);
    assert_int_equal(x->trial.fault, IMAP_FAULT_NONE);
    assert_true(x->trial.has_idle);
    assert_true(x->trial.end.uidvalidity > 0 && x->trial.end.uid_next == 1);
    m.server.password = "wrong";
    x->is_tried = false;
    assert_non_null(imap_trial_start(x->boxes, &m, 0, note_trial, x, &e));
    run(x, is_tried);
    assert_int_equal(x->trial.fault, IMAP_FAULT_LOGIN);
    m.server.password = "secret";
    m.folder = "Nowhere";
    x->is_tried = false;
    assert_non_null(imap_trial_start(x->boxes, &m, 0, note_trial, x, &e));
    run(x, is_tried);
    assert_int_equal(x->trial.fault, IMAP_FAULT_FOLDER);
}

static void test_many_users(void **state)
{
    struct fixture *x = *state;
    char user[32];
    size_t i;

    if (!x)
        skip();
    for (i = 0; i < USERS; i++) {
        snprintf(user, sizeof user, "user%zu", i);
        add(x, i, user);
    }
    run(x, all_watch);
    for (i = 0; i < USERS; i++) {
        snprintf(user, sizeof user, "user%zu", i);
        dovecot_deliver(&x->dovecot, user, "", MAIL);
    }
    x->wanted = USERS;
    run(x, all_have_mail);
    for (i = 0; i < USERS; i++) {
        assert_int_equal(x->people[i].mails, 1);
        assert_int_equal(x->people[i].uid, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mail_and_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_in_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_users, setup, teardown),
    };

    return cmocka_run_group_tests(tests, setup_server, teardown_server);
}
