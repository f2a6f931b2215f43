/*
 * Errands of mailboxes against a server in a thread: copies in Sent, and flags.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fixture_imap_boxes.h"

/* ---- errands ---- */

#define COPY "From: juliet@capulet.example\r\nMessage-ID: <copy@capulet.example>\r\n\r\nbody\r\n"

static void note_answer(struct imap_errand *errand)
{
    struct fixture *x = errand->arg;

    assert_null(x->errand); /* once */
    x->errand = errand;
}

static bool is_answered(struct fixture *x)
{
    return x->errand != NULL;
}

static enum imap_errand_outcome give(struct fixture *x, struct imap_errand *errand)
{
    x->errand = NULL;
    errand->done = note_answer;
    errand->arg = x;
    assert_int_equal(imap_box_errand(x->box, errand), 0);
    assert_null(x->errand); /* never inside the call */
    assert_true(run_until(x, is_answered, PATIENCE_MS));
    assert_ptr_equal(x->errand, errand);
    return errand->outcome;
}

static unsigned appended(struct fixture *x)
{
    unsigned n;

    pthread_mutex_lock(&x->server.lock);
    n = x->server.appended;
    pthread_mutex_unlock(&x->server.lock);
    return n;
}

static struct imap_errand append_copy(void)
{
    return (struct imap_errand){.kind = IMAP_ERRAND_APPEND,
                                .flags = IMAP_FLAG_SEEN,
                                .message = COPY,
                                .message_len = sizeof COPY - 1,
                                .message_id = "<copy@capulet.example>",
                                .date_s = 1700000000};
}

struct append_row {
    const char *name, *caps;
    const char *sent, *may_create;
    struct fake_rule rule;
    enum imap_errand_outcome outcome;
    const char *folder; /* or a part of what is said */
    const char *command;
};

/* clang-format off */
static const struct append_row appends[] = {
    {"waits for the server", "IMAP4rev1 IDLE AUTH=PLAIN", "Sent", NULL, {.on = NULL}, IMAP_ERRAND_DONE, "Sent",
     "APPEND \"Sent\" (\\Seen) \"14-Nov-2023 22:13:20 +0000\" {74}"},
    {"LITERAL+", "IMAP4rev1 IDLE LITERAL+ AUTH=PLAIN", "Sent Items", NULL, {.on = NULL}, IMAP_ERRAND_DONE, "Sent Items",
     "APPEND \"Sent Items\" (\\Seen) \"14-Nov-2023 22:13:20 +0000\" {74+}"},
    {"below INBOX", "IMAP4rev1 IDLE AUTH=PLAIN", "INBOX.Sent", NULL, {.on = NULL}, IMAP_ERRAND_DONE, "INBOX.Sent", NULL},
    {"made", "IMAP4rev1 IDLE AUTH=PLAIN", NULL, "Sent", {.on = NULL}, IMAP_ERRAND_DONE, "Sent", NULL},
    {"made below INBOX", "IMAP4rev1 IDLE AUTH=PLAIN", NULL, "INBOX.Sent", {.on = NULL}, IMAP_ERRAND_DONE, "INBOX.Sent", NULL},
    {"cannot be made", "IMAP4rev1 IDLE AUTH=PLAIN", NULL, NULL, {.on = NULL}, IMAP_ERRAND_REFUSED, "none can be made", NULL},
    {"too large", "IMAP4rev1 IDLE APPENDLIMIT=20 AUTH=PLAIN", "Sent", NULL, {.on = NULL}, IMAP_ERRAND_REFUSED, "so large", NULL},
    {"over quota", "IMAP4rev1 IDLE AUTH=PLAIN", "Sent", NULL,
     {.on = "APPEND", .reply = "%T NO [OVERQUOTA] full\r\n", .times = 1}, IMAP_ERRAND_REFUSED, "full", NULL},
    {"not now", "IMAP4rev1 IDLE AUTH=PLAIN", "Sent", NULL,
     {.on = "APPEND", .reply = "%T NO [UNAVAILABLE] later\r\n", .times = 1}, IMAP_ERRAND_RETRY, "later", NULL},
    {"marked", "IMAP4rev1 IDLE SPECIAL-USE AUTH=PLAIN", "Boite d'envoi", NULL,
     {.on = "LIST (SPECIAL-USE)", .times = 1,
      .reply = "* LIST (\\Drafts) \".\" Sent\r\n* LIST (\\HasNoChildren \\Sent) \".\" \"Boite d'envoi\"\r\n%T OK listed\r\n"},
     IMAP_ERRAND_DONE, "Boite d'envoi", NULL},
    {"a name as a literal", "IMAP4rev1 IDLE SPECIAL-USE AUTH=PLAIN", "Sent {4}", NULL,
     {.on = "LIST (SPECIAL-USE)", .times = 1,
      .reply = "* LIST (\\Drafts) \".\" {6}\r\nDrafts\r\n* LIST (\\Sent) NIL {8}\r\nSent {4}\r\n"
               "* LIST () \"/\" Other\r\n%T OK listed\r\n"},
     IMAP_ERRAND_DONE, "Sent {4}", NULL},
    {"a usual name as a literal", "IMAP4rev1 IDLE AUTH=PLAIN", "Sent", NULL,
     {.on = "LIST \"\" \"Sent%\"", .times = 1,
      .reply = "* LIST () \"/\" {4}\r\nSent\r\n%T OK listed\r\n"}, IMAP_ERRAND_DONE, "Sent", NULL},
    {"a literal with a command in it", "IMAP4rev1 IDLE SPECIAL-USE AUTH=PLAIN", "Sent", NULL,
     {.on = "LIST (SPECIAL-USE)", .times = 1,
      .reply = "* LIST (\\Sent) \".\" {14}\r\na\r\nA1 CREATE b\r\n%T OK listed\r\n"},
     IMAP_ERRAND_DONE, "Sent", NULL},
    {"a literal too long for a name", "IMAP4rev1 IDLE SPECIAL-USE AUTH=PLAIN", "Sent", NULL,
     {.on = "LIST (SPECIAL-USE)", .times = 1, .reply = "* LIST (\\Sent) \".\" {5000}\r\n"},
     IMAP_ERRAND_RETRY, "a literal larger than", NULL},
    {"a literal for a flag", "IMAP4rev1 IDLE SPECIAL-USE AUTH=PLAIN", "Sent", NULL,
     {.on = "LIST (SPECIAL-USE)", .times = 1, .reply = "* LIST ( {5}\r\n\\Sent) \".\" x\r\n%T OK listed\r\n"},
     IMAP_ERRAND_RETRY, "not asked for", NULL},
    {"a name that would end a command", "IMAP4rev1 IDLE SPECIAL-USE AUTH=PLAIN", "Sent", NULL,
     {.on = "LIST (SPECIAL-USE)", .times = 1,
      .reply = "* LIST (\\Sent) \".\" \"a\\\" (\\\\Deleted) {3+}\"\r\n%T OK listed\r\n"},
     IMAP_ERRAND_REFUSED, "none can be made", NULL},
};
/* clang-format on */

static void test_appends(void **state)
{
    struct fixture *x = *state;
    struct imap_errand errand;
    size_t i;

    open_boxes(x);
    for (i = 0; i < sizeof appends / sizeof appends[0]; i++) {
        const struct append_row *row = &appends[i];

        pthread_mutex_lock(&x->server.lock);
        x->server.caps = row->caps;
        x->server.sent_folder = row->sent;
        x->server.may_create = row->may_create;
        x->server.appended = 0;
        pthread_mutex_unlock(&x->server.lock);
        if (row->rule.on)
            fake_imap_rule(&x->server, row->rule);
        add(x, never_looked);
        errand = append_copy();
        if (give(x, &errand) != row->outcome)
            fail_msg("%s: outcome %d: %s", row->name, (int)errand.outcome, errand.e.text);
        if (errand.outcome == IMAP_ERRAND_DONE) {
            assert_string_equal(errand.folder, row->folder);
            assert_int_equal(appended(x), 1);
            assert_string_equal(x->server.append_text, COPY);
        } else if (!strstr(errand.e.text, row->folder)) {
            fail_msg("%s: %s", row->name, errand.e.text);
        }
        if (row->command)
            assert_string_equal(x->server.append_command, row->command);
        imap_box_remove(x->box);
        assert_true(run_until(x, no_connection, PATIENCE_MS));
    }
}

/* The answer is lost: nobody knows whether the copy is there, and there is never a second one. */
static void test_append_lost(void **state)
{
    struct fixture *x = *state;
    struct imap_errand errand = append_copy();

    x->server.sent_folder = "Sent";
    x->server.lose_append = 1;
    add(x, never_looked);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    assert_int_equal(give(x, &errand), IMAP_ERRAND_RETRY);
    assert_int_equal(appended(x), 1);
    assert_true(run_until(x, is_watching, PATIENCE_MS));
    errand.may_exist = true;
    assert_int_equal(give(x, &errand), IMAP_ERRAND_DONE);
    assert_int_equal(appended(x), 1);
    add_mails(x, 1); /* and the mailbox is watched as before */
    assert_true(run_until(x, has_one, PATIENCE_MS));
    assert_int_equal(fake_imap_connections(&x->server), 2);
}

/* A mailbox that is away answers at once: the caller keeps what it wants done. */
static void test_errand_while_away(void **state)
{
    struct fixture *x = *state;
    struct imap_errand errand = append_copy();

    x->mailbox.server.password = "wrong";
    x->settings.pace.login_ms = 60000;
    add(x, never_looked);
    assert_true(run_until(x, is_failed, PATIENCE_MS));
    assert_int_equal(give(x, &errand), IMAP_ERRAND_RETRY);
    assert_non_null(strstr(errand.e.text, "refused"));
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

/* What is given and not begun when the mailbox is removed is answered all the same, once. */
static void test_errand_of_a_removed_mailbox(void **state)
{
    struct fixture *x = *state;
    struct imap_errand errand = append_copy();

    x->server.sent_folder = "Sent";
    add(x, never_looked);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    errand.done = note_answer;
    errand.arg = x;
    assert_int_equal(imap_box_errand(x->box, &errand), 0);
    imap_box_remove(x->box);
    assert_null(x->errand);
    assert_true(run_until(x, is_answered, PATIENCE_MS));
    assert_int_equal(errand.outcome, IMAP_ERRAND_RETRY);
}

static void count_answer(struct imap_errand *errand)
{
    struct fixture *x = errand->arg;

    assert_int_equal(errand->outcome, IMAP_ERRAND_RETRY);
    x->answers++;
}

static bool all_answered(struct fixture *x)
{
    return x->answers == x->given;
}

/* More than a mailbox takes are refused, and none of the others is forgotten. */
static void test_too_many_errands(void **state)
{
    struct fixture *x = *state;
    static struct imap_errand errands[100];
    size_t i;

    x->settings.pace.read_ms = 200;
    fake_imap_rule(&x->server, (struct fake_rule){.on = "SELECT", .reply = "", .times = -1});
    add(x, never_looked);
    for (i = 0; i < 100; i++) {
        errands[i] = append_copy();
        errands[i].done = count_answer;
        errands[i].arg = x;
        x->given += imap_box_errand(x->box, &errands[i]) == 0;
    }
    assert_in_range(x->given, 10, 99);
    assert_int_equal(x->answers, 0);
    assert_true(run_until(x, all_answered, PATIENCE_MS));
}

/* $MDNSent where keywords are refused: the rest is set all the same; hostile names stay outside. */
static void test_flags(void **state)
{
    struct fixture *x = *state;
    struct imap_errand errand = {.kind = IMAP_ERRAND_FLAG,
                                 .flags = IMAP_FLAG_SEEN | IMAP_FLAG_MDN_SENT,
                                 .uidvalidity = 7,
                                 .uid = 2};

    add_mails(x, 2);
    fake_imap_rule(&x->server, (struct fake_rule){.on = "UID STORE 2 +FLAGS.SILENT (\\Seen $MDN",
                                                  .reply = "%T NO no keywords here\r\n",
                                                  .times = -1});
    add(x, never_looked);
    assert_int_equal(give(x, &errand), IMAP_ERRAND_DONE);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 1);
    fake_imap_rule(&x->server, (struct fake_rule){.on = "UID STORE 2 +FLAGS.SILENT ($MDN",
                                                  .reply = "%T NO no keywords here\r\n",
                                                  .times = -1});
    errand.flags = IMAP_FLAG_MDN_SENT;
    assert_int_equal(give(x, &errand), IMAP_ERRAND_REFUSED);
    errand.uid = 9;
    assert_int_equal(give(x, &errand), IMAP_ERRAND_GONE);
    errand.message_id = "<x\r\nA1 LOGOUT>"; /* no command of a stranger's */
    assert_int_equal(give(x, &errand), IMAP_ERRAND_GONE);
    assert_int_equal(fake_imap_commands(&x->server, "A1"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "LOGOUT"), 0);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_appends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errand_while_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errand_of_a_removed_mailbox, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_errands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
