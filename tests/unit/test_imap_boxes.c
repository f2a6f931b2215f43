/*
 * imap_boxes against servers in threads: mailboxes that come and go, what their users' mail looks
 * like afterwards, what is told when something is wrong, and that none of it harms an account or a
 * server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "mail/imap/imap_boxes.h"
#include "tests/fake/imap_hall.h"
#include "tests/fake/imap_server.h"
#include "tests/fake/tls.h"

enum { SEEN_MAX = 64, SLICE_MS = 10 };

struct fixture {
    struct fake_imap server;
    struct loop *loop;
    struct imap_boxes_settings settings;
    struct conf_mailbox mailbox;
    struct imap_boxes *boxes;
    struct imap_box *box;

    uint32_t uids[SEEN_MAX];
    size_t count;
    struct imap_cursor cursor;
    struct imap_state state;
    unsigned callbacks, failures;
    bool remove_at_mail;

    bool is_tried, is_stopped;
    struct imap_trial_result trial;
    struct imap_errand *errand; /* the last one answered */
    unsigned given, answers;

    bool (*until)(struct fixture *x);
};

/* ---- the receiver ---- */

static bool take(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    struct fixture *x = arg;

    x->callbacks++;
    assert_ptr_equal(imap_box_owner(box), x);
    assert_true(x->count < SEEN_MAX);
    x->uids[x->count++] = mail->uid;
    if (x->remove_at_mail) {
        imap_box_remove(box);
        x->box = NULL;
        x->callbacks = 0;
    } else {
        imap_box_done(box, mail->uidvalidity, mail->uid, true);
    }
    return true;
}

static void note_cursor(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    struct fixture *x = arg;

    (void)box;
    x->callbacks++;
    x->cursor = *cursor;
}

static void note_state(struct imap_box *box, const struct imap_state *state, void *arg)
{
    struct fixture *x = arg;

    assert_ptr_equal(imap_box_state(box), state);
    x->callbacks++;
    x->failures += state->at == IMAP_FAILED;
    x->state = *state;
}

static void note_trial(const struct imap_trial_result *result, void *arg)
{
    struct fixture *x = arg;

    assert_false(x->is_tried);
    x->is_tried = true;
    x->trial = *result;
}

static void note_stopped(void *arg)
{
    struct fixture *x = arg;

    x->is_stopped = true;
}

/* ---- running ---- */

static bool is_over(void *arg)
{
    struct fixture *x = arg;

    return x->until(x);
}

static bool run_until(struct fixture *x, bool (*until)(struct fixture *x), int64_t limit_ms)
{
    x->until = until;
    for (; limit_ms > 0 && !until(x); limit_ms -= SLICE_MS) /* the server tells the loop nothing */
        loop_run_until(x->loop, is_over, x, SLICE_MS);
    return until(x);
}

static bool never(struct fixture *x)
{
    (void)x;
    return false;
}

static bool is_watching(struct fixture *x)
{
    return x->state.at == IMAP_WATCHING;
}

static bool is_idle(struct fixture *x)
{
    return is_watching(x) && fake_imap_commands(&x->server, "IDLE") > 0;
}

static bool is_failed(struct fixture *x)
{
    return x->failures > 0;
}

static bool is_tried(struct fixture *x)
{
    return x->is_tried;
}

static bool is_stopped(struct fixture *x)
{
    return x->is_stopped;
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct err e;

    log_set_level(getenv("TEST_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    fake_imap_init(&x->server);
    x->server.user = "juliet";
    x->loop = loop_new(&e);
    x->mailbox = (struct conf_mailbox){
        .name = "juliet",
        .server = {.host = "127.0.0.1", .user = "juliet", .password = "secret"},
        .folder = "INBOX"};
    x->settings = (struct imap_boxes_settings){.threads = 4,
                                               .pace = {.connect_ms = 3000,
                                                        .read_ms = 2000,
                                                        .retry_first_ms = 5,
                                                        .retry_max_ms = 20,
                                                        .login_ms = 10,
                                                        .rest_ms = 60000}};
    *state = x;
    return 0;
}

static void open_boxes(struct fixture *x)
{
    static const struct imap_boxes_handler handler = {take, note_cursor, note_state};
    struct err e;

    if (!x->server.port)
        fake_imap_start(&x->server);
    x->mailbox.server.port = x->server.port;
    x->boxes = imap_boxes_new(x->loop, &clock_system, &x->settings, &handler, x, &e);
    assert_non_null(x->boxes);
}

static void add(struct fixture *x, struct imap_cursor start)
{
    struct err e;

    if (!x->boxes)
        open_boxes(x);
    x->box = imap_boxes_add(x->boxes, &x->mailbox, start, x, &e);
    assert_non_null(x->box);
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    if (x->boxes) {
        imap_boxes_stop(x->boxes, note_stopped, x);
        assert_false(x->is_stopped); /* never inside the call */
        assert_true(run_until(x, is_stopped, 5000));
        imap_boxes_free(x->boxes);
    }
    if (x->server.port)
        fake_imap_stop(&x->server);
    loop_free(x->loop);
    free(x);
    return 0;
}

static const struct imap_cursor never_looked;

static void add_mails(struct fixture *x, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++)
        fake_imap_add(&x->server, "Subject: mail\r\n\r\nbody\r\n");
}

/* ---- tests ---- */

static bool has_two(struct fixture *x)
{
    return x->count == 2 && x->cursor.uid_next == 6;
}

/* What was there before is not the gateway's business, and what came is left as it is. */
static void test_begins_now(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    add(x, never_looked);
    assert_true(run_until(x, is_idle, 3000));
    assert_int_equal(x->count, 0);
    assert_int_equal(x->cursor.uidvalidity, 7);
    assert_int_equal(x->cursor.uid_next, 4);
    add_mails(x, 2);
    assert_true(run_until(x, has_two, 3000));
    assert_int_equal(x->uids[0], 4);
    assert_int_equal(x->uids[1], 5);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "UID MOVE"), 0);
    assert_int_equal(imap_boxes_watching(x->boxes), 1);
}

static void test_goes_on_at_the_cursor(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 5);
    add(x, (struct imap_cursor){7, 4});
    assert_true(run_until(x, has_two, 3000));
    assert_int_equal(x->uids[0], 4);
}

/* A folder that was made anew: years of mail do not come as news. */
static void test_other_uidvalidity(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    add(x, (struct imap_cursor){6, 2});
    assert_true(run_until(x, is_idle, 3000));
    assert_int_equal(x->count, 0);
    assert_int_equal(x->cursor.uidvalidity, 7);
    assert_int_equal(x->cursor.uid_next, 4);
}

static bool has_one(struct fixture *x)
{
    return x->count == 1;
}

static void test_removed_in_its_callback(void **state)
{
    struct fixture *x = *state;

    x->remove_at_mail = true;
    add_mails(x, 3);
    add(x, (struct imap_cursor){7, 1});
    assert_true(run_until(x, has_one, 3000));
    run_until(x, never, 100);
    assert_int_equal(x->callbacks, 0);
    assert_int_equal(imap_boxes_count(x->boxes), 0);
}

static bool no_connection(struct fixture *x)
{
    return !fake_imap_is_connected(&x->server);
}

static void test_removed_while_idle(void **state)
{
    struct fixture *x = *state;

    add(x, never_looked);
    assert_true(run_until(x, is_idle, 3000));
    x->callbacks = 0;
    imap_box_remove(x->box);
    assert_true(run_until(x, no_connection, 3000));
    add_mails(x, 1);
    run_until(x, never, 50);
    assert_int_equal(x->callbacks, 0);
    assert_int_equal(imap_boxes_watching(x->boxes), 0);
}

static bool is_resting(struct fixture *x)
{
    return x->state.at == IMAP_FAILED && x->state.is_resting;
}

/* Three times, and then rarely: a server that counts does not lock the account. */
static void test_wrong_password(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->mailbox.server.password = "wrong";
    add(x, never_looked);
    assert_true(run_until(x, is_resting, 3000));
    run_until(x, never, 100);
    assert_int_equal(x->state.fault, IMAP_FAULT_LOGIN);
    assert_int_equal(x->state.e.class, ERR_PERMANENT);
    assert_int_equal(x->state.refusals, 3);
    assert_true(x->state.retry_ms > 10000);
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE"), 3);
    assert_null(strstr(x->state.e.text, "wrong"));

    x->mailbox.server.password = "secret"; /* the user has mended it */
    assert_int_equal(imap_box_change(x->box, &x->mailbox, &e), 0);
    assert_true(run_until(x, is_idle, 3000));
}

struct trial_row {
    const char *name;
    const char *host, *password, *folder;
    struct fake_rule rule;
    enum imap_fault fault;
    const char *text; /* part of it */
};

static const struct trial_row trials[] = {
    {"good", NULL, NULL, NULL, {.on = NULL}, IMAP_FAULT_NONE, ""},
    {"wrong password", NULL, "no", NULL, {.on = NULL}, IMAP_FAULT_LOGIN, "is refused"},
    {"no such host",
     "no-such-host.invalid",
     NULL,
     NULL,
     {.on = NULL},
     IMAP_FAULT_NAME,
     "no address"},
    {"no such folder",
     NULL,
     NULL,
     "Verona",
     {.on = "SELECT", .reply = "%T NO [NONEXISTENT] no such folder\r\n", .times = 1},
     IMAP_FAULT_FOLDER,
     "folder Verona cannot be opened"},
    {"out of order",
     NULL,
     NULL,
     NULL,
     {.on = "AUTHENTICATE", .reply = "%T NO [UNAVAILABLE] try later\r\n", .times = 1},
     IMAP_FAULT_AWAY,
     "for now"},
    {"silence",
     NULL,
     NULL,
     NULL,
     {.on = "SELECT", .reply = "", .times = 1},
     IMAP_FAULT_AWAY,
     "the server"},
};

static void test_trials(void **state)
{
    struct fixture *x = *state;
    struct conf_mailbox m;
    struct err e;
    size_t i;

    open_boxes(x);
    for (i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        m = x->mailbox;
        m.server.host = trials[i].host ? trials[i].host : m.server.host;
        m.server.password = trials[i].password ? trials[i].password : m.server.password;
        m.folder = trials[i].folder ? trials[i].folder : m.folder;
        if (trials[i].rule.on)
            fake_imap_rule(&x->server, trials[i].rule);
        x->is_tried = false;
        assert_non_null(imap_trial_start(x->boxes, &m, 700, note_trial, x, &e));
        assert_false(x->is_tried);
        if (!run_until(x, is_tried, 10000) || x->trial.fault != trials[i].fault ||
            !strstr(x->trial.e.text, trials[i].text) || strstr(x->trial.e.text, "option"))
            fail_msg("%s: %s: %s", trials[i].name, imap_fault_name(x->trial.fault),
                     x->trial.e.text);
    }
}

/* ---- TLS and tokens ---- */

struct tls_row {
    const char *name;
    struct fake_tls cert;
    enum conf_tls tls;
    bool is_foreign; /* signed by somebody nobody knows */
    bool is_fit;
};

static const struct tls_row tls_rows[] = {
    {"good", {"IP:127.0.0.1", 5, false}, CONF_TLS_IMPLICIT, false, true},
    {"good, STARTTLS", {"IP:127.0.0.1", 5, false}, CONF_TLS_STARTTLS, false, true},
    {"expired", {"IP:127.0.0.1", -1, false}, CONF_TLS_IMPLICIT, false, false},
    {"expired, STARTTLS", {"IP:127.0.0.1", -1, false}, CONF_TLS_STARTTLS, false, false},
    {"another's name", {"DNS:imap.example", 5, false}, CONF_TLS_IMPLICIT, false, false},
    {"unknown authority", {"IP:127.0.0.1", 5, false}, CONF_TLS_STARTTLS, true, false},
};

static const char *ca_file(void)
{
    return "build/test_imap_boxes_ca.pem";
}

static void run_tls_row(struct fixture *x, const struct tls_row *row)
{
    struct err e;

    fake_imap_init(&x->server);
    x->server.user = "juliet";
    x->server.caps = "IMAP4rev1 STARTTLS IDLE AUTH=PLAIN";
    x->server.implicit = row->tls == CONF_TLS_IMPLICIT;
    x->server.tls = fake_tls_server(&row->cert, ca_file());
    if (row->is_foreign)
        SSL_CTX_free(fake_tls_server(&row->cert, ca_file()));
    x->settings.ca_file = ca_file();
    x->mailbox.server.tls = row->tls;
    open_boxes(x);
    x->is_tried = false;
    assert_non_null(imap_trial_start(x->boxes, &x->mailbox, 0, note_trial, x, &e));
    assert_true(run_until(x, is_tried, 5000));
    if (x->trial.fault != (row->is_fit ? IMAP_FAULT_NONE : IMAP_FAULT_TLS))
        fail_msg("%s: %s: %s", row->name, imap_fault_name(x->trial.fault), x->trial.e.text);
    add(x, never_looked);
    assert_true(run_until(x, row->is_fit ? is_idle : is_failed, 5000));
    if (!row->is_fit) {
        assert_int_equal(x->state.fault, IMAP_FAULT_TLS);
        assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE"), 0);
    }
    imap_boxes_stop(x->boxes, note_stopped, x);
    assert_true(run_until(x, is_stopped, 5000));
    imap_boxes_free(x->boxes);
    fake_imap_stop(&x->server);
    SSL_CTX_free(x->server.tls);
    x->boxes = NULL;
    x->is_stopped = false;
    x->failures = 0;
    x->state = (struct imap_state){0};
    x->server.port = 0;
}

/* With the trust that many mailboxes share. */
static void test_tls(void **state)
{
    size_t i;

    for (i = 0; i < sizeof tls_rows / sizeof tls_rows[0]; i++)
        run_tls_row(*state, &tls_rows[i]);
    unlink(ca_file());
}

static void test_token(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->server.caps = "IMAP4rev1 IDLE AUTH=PLAIN AUTH=XOAUTH2";
    x->server.token = "ya29.right";
    x->mailbox.server.password = NULL;
    x->mailbox.server.token = "ya29.old";
    add(x, never_looked);
    assert_true(run_until(x, is_resting, 3000));
    assert_int_equal(x->state.fault, IMAP_FAULT_LOGIN);
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE XOAUTH2"), 3);
    assert_null(strstr(x->state.e.text, "ya29"));
    x->mailbox.server.token = "ya29.right";
    assert_int_equal(imap_box_change(x->box, &x->mailbox, &e), 0);
    assert_true(run_until(x, is_idle, 3000));
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE PLAIN"), 0);
}

static bool refuse_all(const struct sockaddr *address)
{
    (void)address;
    return false;
}

/* What users may not have us connect to is not connected to. */
static void test_unfit(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->settings.may_connect = refuse_all;
    open_boxes(x);
    assert_non_null(imap_trial_start(x->boxes, &x->mailbox, 0, note_trial, x, &e));
    assert_true(run_until(x, is_tried, 3000));
    assert_int_equal(x->trial.fault, IMAP_FAULT_NAME);
    assert_int_equal(fake_imap_connections(&x->server), 0);
}

static void test_trial_cancelled(void **state)
{
    struct fixture *x = *state;
    struct imap_trial *t;
    struct err e;

    open_boxes(x);
    t = imap_trial_start(x->boxes, &x->mailbox, 0, note_trial, x, &e);
    assert_non_null(t);
    imap_trial_cancel(t);
    run_until(x, never, 100);
    assert_false(x->is_tried);
}

/* What a user types may be anything. */
static void test_descriptions(void **state)
{
    struct fixture *x = *state;
    struct err e;
    struct {
        const char *host, *user, *password;
        unsigned port;
        const char *text;
    } rows[] = {{"", "u", "p", 143, "name"},     {"a b", "u", "p", 143, "name"},
                {"h", "", "p", 143, "user"},     {"h", "u\r\nA1 LOGOUT", "p", 143, "user"},
                {"h", "u", "", 143, "password"}, {"h", "u", "p\n", 143, "password"},
                {"h", "u", "p", 0, "port"},      {"h", "u", "p", 70000, "port"}};
    size_t i;

    open_boxes(x);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct conf_mailbox m = {.name = "x",
                                 .server = {.host = rows[i].host,
                                            .user = rows[i].user,
                                            .password = rows[i].password,
                                            .port = rows[i].port}};

        assert_null(imap_boxes_add(x->boxes, &m, never_looked, x, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
        if (!strstr(e.text, rows[i].text))
            fail_msg("%zu: %s", i, e.text);
        assert_null(imap_trial_start(x->boxes, &m, 0, note_trial, x, &e));
    }
}

static void test_too_many(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->settings.boxes_max = 1;
    add(x, never_looked);
    assert_null(imap_boxes_add(x->boxes, &x->mailbox, never_looked, x, &e));
    assert_int_equal(e.class, ERR_RETRY);
    assert_non_null(strstr(e.text, "no more than 1 mailboxes"));
}

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
    assert_true(run_until(x, is_answered, 5000));
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
        assert_true(run_until(x, no_connection, 3000));
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
    assert_true(run_until(x, is_idle, 3000));
    assert_int_equal(give(x, &errand), IMAP_ERRAND_RETRY);
    assert_int_equal(appended(x), 1);
    assert_true(run_until(x, is_watching, 3000));
    errand.may_exist = true;
    assert_int_equal(give(x, &errand), IMAP_ERRAND_DONE);
    assert_int_equal(appended(x), 1);
    add_mails(x, 1); /* and the mailbox is watched as before */
    assert_true(run_until(x, has_one, 3000));
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
    assert_true(run_until(x, is_failed, 3000));
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
    assert_true(run_until(x, is_idle, 3000));
    errand.done = note_answer;
    errand.arg = x;
    assert_int_equal(imap_box_errand(x->box, &errand), 0);
    imap_box_remove(x->box);
    assert_null(x->errand);
    assert_true(run_until(x, is_answered, 3000));
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
    assert_true(run_until(x, all_answered, 5000));
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

/* ---- many ---- */

enum { MANY = 300, THREADS = 4, PER_HOST = 2 };

struct crowd {
    struct loop *loop;
    struct imap_hall *hall;
    struct imap_boxes *boxes;
    struct imap_box *box[MANY];
    unsigned mails[MANY];
    unsigned failures;
    bool is_stopped;
};

static bool crowd_take(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    (void)arg;
    ++*(unsigned *)imap_box_owner(box);
    imap_box_done(box, mail->uidvalidity, mail->uid, true);
    return true;
}

static void crowd_cursor(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    (void)box;
    (void)cursor;
    (void)arg;
}

static void crowd_state(struct imap_box *box, const struct imap_state *state, void *arg)
{
    struct crowd *c = arg;

    (void)box;
    c->failures += state->at == IMAP_FAILED;
}

static void crowd_stopped(void *arg)
{
    ((struct crowd *)arg)->is_stopped = true;
}

static bool crowd_is_stopped(void *arg)
{
    return ((struct crowd *)arg)->is_stopped;
}

static bool all_idle(void *arg)
{
    const struct crowd *c = arg;

    return imap_boxes_watching(c->boxes) == MANY && imap_hall_counts(c->hall).idle == MANY;
}

static bool all_watch(void *arg)
{
    return imap_boxes_watching(((struct crowd *)arg)->boxes) == MANY;
}

static bool all_have(const struct crowd *c, unsigned n)
{
    unsigned i;

    for (i = 0; i < MANY; i++)
        if (c->mails[i] != n)
            return false;
    return true;
}

static bool all_have_one(void *arg)
{
    return all_have(arg, 1);
}

static bool all_have_two(void *arg)
{
    return all_have(arg, 2);
}

static bool nobody_watches(void *arg)
{
    const struct crowd *c = arg;

    return imap_boxes_watching(c->boxes) == 0 && c->failures >= MANY;
}

static bool none_left(void *arg)
{
    return imap_hall_counts(((struct crowd *)arg)->hall).now == 0;
}

static bool crowd_never(void *arg)
{
    (void)arg;
    return false;
}

static void crowd_run(struct crowd *c, bool (*until)(void *arg), int64_t limit_ms)
{
    for (; limit_ms > 0 && !until(c); limit_ms -= SLICE_MS)
        loop_run_until(c->loop, until, c, SLICE_MS);
}

static void crowd_open(struct crowd *c, bool without_idle, int64_t retry_ms)
{
    static const struct imap_boxes_handler handler = {crowd_take, crowd_cursor, crowd_state};
    struct imap_boxes_settings settings = {.threads = THREADS,
                                           .per_host = PER_HOST,
                                           .pace = {.connect_ms = 3000,
                                                    .read_ms = 300,
                                                    .retry_first_ms = retry_ms,
                                                    .retry_max_ms = 10 * retry_ms,
                                                    .hurry_ms = 100,
                                                    .poll_ms = 100}};
    struct conf_mailbox m = {.server = {.host = "127.0.0.1", .password = "secret"}};
    char name[32];
    struct err e;
    unsigned i;

    memset(c, 0, sizeof *c);
    log_set_level(LOG_LEVEL_ERROR);
    c->loop = loop_new(&e);
    c->hall = imap_hall_open(NULL, without_idle);
    imap_hall_start(c->hall);
    m.server.port = imap_hall_port(c->hall);
    c->boxes = imap_boxes_new(c->loop, &clock_system, &settings, &handler, c, &e);
    assert_non_null(c->boxes);
    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "user%u", i);
        m.name = m.server.user = name;
        c->box[i] = imap_boxes_add(c->boxes, &m, never_looked, &c->mails[i], &e);
        assert_non_null(c->box[i]);
    }
}

static void crowd_close(struct crowd *c)
{
    imap_boxes_stop(c->boxes, crowd_stopped, c);
    crowd_run(c, crowd_is_stopped, 10000);
    assert_true(c->is_stopped);
    imap_boxes_free(c->boxes);
    imap_hall_close(c->hall);
    loop_free(c->loop);
}

/* All wait, all hear of a mail once, and a server that comes back is not run over. */
static void test_many(void **state)
{
    struct crowd c;
    unsigned i;

    (void)state;
    crowd_open(&c, false, 5);
    crowd_run(&c, all_idle, 20000);
    assert_true(all_idle(&c));
    assert_int_equal(imap_hall_counts(c.hall).connections, MANY);
    /* one more may be counted before the last one has been answered */
    assert_true(imap_hall_counts(c.hall).opening_most <= PER_HOST + 1);

    imap_hall_deliver(c.hall);
    crowd_run(&c, all_have_one, 20000);
    assert_true(all_have_one(&c));

    imap_hall_forget_most(c.hall);
    imap_hall_drop(c.hall);
    imap_hall_deliver(c.hall); /* while nobody listens */
    crowd_run(&c, all_have_two, 20000);
    assert_true(all_have_two(&c));
    assert_true(imap_hall_counts(c.hall).opening_most <= PER_HOST + 1);

    crowd_run(&c, all_watch, 20000);
    for (i = 0; i < MANY; i++)
        imap_box_remove(c.box[i]);
    assert_int_equal(imap_boxes_count(c.boxes), 0);
    crowd_run(&c, none_left, 10000);
    assert_int_equal(imap_hall_counts(c.hall).now, 0);
    assert_true(all_have_two(&c));
    crowd_close(&c);
}

/* A server that takes connections and says nothing is tried by one at a time. */
static void test_many_at_a_silent_server(void **state)
{
    struct crowd c;

    (void)state;
    crowd_open(&c, false, 5);
    crowd_run(&c, all_idle, 20000);
    imap_hall_hush(c.hall, true);
    imap_hall_drop(c.hall);
    crowd_run(&c, nobody_watches, 20000);
    assert_true(nobody_watches(&c));
    crowd_run(&c, crowd_never, 700); /* those that began before have given up */
    imap_hall_forget_most(c.hall);
    crowd_run(&c, crowd_never, 1000);
    assert_true(imap_hall_counts(c.hall).opening_most <= 2);
    imap_hall_hush(c.hall, false);
    crowd_run(&c, all_idle, 20000);
    assert_true(all_idle(&c));
    crowd_close(&c);
}

static bool one_failed_again(void *arg)
{
    return ((struct crowd *)arg)->failures > MANY;
}

/* When one of them reaches a server that was away, the others do not wait out their back-off. */
static void test_many_hurry(void **state)
{
    struct conf_mailbox m = {.name = "user0",
                             .server = {.host = "127.0.0.1", .user = "u", .password = "secret"}};
    struct crowd c;
    struct err e;

    (void)state;
    crowd_open(&c, false, 600000);
    m.server.port = imap_hall_port(c.hall);
    crowd_run(&c, all_idle, 20000);
    assert_true(all_idle(&c));
    imap_hall_hush(c.hall, true);
    imap_hall_drop(c.hall);
    crowd_run(&c, nobody_watches, 20000);
    assert_int_equal(imap_box_change(c.box[0], &m, &e), 0);
    crowd_run(&c, one_failed_again, 5000);
    assert_true(one_failed_again(&c));
    imap_hall_hush(c.hall, false);
    assert_int_equal(imap_box_change(c.box[0], &m, &e), 0);
    crowd_run(&c, all_watch, 20000);
    assert_true(all_watch(&c));
    crowd_close(&c);
}

static void test_many_without_idle(void **state)
{
    struct crowd c;

    (void)state;
    crowd_open(&c, true, 5);
    crowd_run(&c, all_watch, 20000);
    assert_true(imap_box_state(c.box[0])->is_polling);
    imap_hall_deliver(c.hall);
    crowd_run(&c, all_have_one, 20000);
    assert_true(all_have_one(&c));
    assert_int_equal(imap_hall_counts(c.hall).connections, MANY);
    assert_true(imap_hall_counts(c.hall).noops >= MANY);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begins_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goes_on_at_the_cursor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_uidvalidity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_in_its_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_while_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_password, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unfit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trial_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_appends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errand_while_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errand_of_a_removed_mailbox, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_errands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_many_at_a_silent_server),
        cmocka_unit_test(test_many_hurry),
        cmocka_unit_test(test_many_without_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
