/* report_write: the three parts of a delivery report, and what a hostile original may not do. */
#include "tests/unit/fixture_mapping.h"

#include "mapping/report/report_write.h"

static const char original[] = "Received: from x\r\n"
                               "Message-ID:\r\n <o1@montague.example>\r\n"
                               "From: romeo@montague.example\r\n"
                               "Subject: vows\r\n"
                               "\r\n"
                               "secret body\r\n";

static struct report_input input(void)
{
    return (struct report_input){
        .id = 1,
        .to = "romeo@montague.example",
        .recipient = "juliet@mail.example.org",
        .recipient_jid = "juliet@example.org",
        .action = REPORT_FAILED,
        .status = {550, "5.1.1", "No such user here.", SMTP_TROUBLE_NONE},
        .jabber_condition = "item-not-found",
        .arrived_s = 1789894800,
        .original = original,
        .original_len = sizeof original - 1,
    };
}

static const char *written(struct fixture *f, const struct report_input *in)
{
    struct err e = {0};
    struct buf out;

    buf_init(&out, 1 << 20);
    if (report_write(&f->ctx, in, &out, &e) < 0)
        fail_msg("%s", e.text);
    return fixture_mail(f, &out);
}

static void has(struct fixture *f, const struct report_input *in, const char *what)
{
    const char *text = written(f, in);

    if (!strstr(text, what))
        fail_msg("no \"%s\" in\n%s", what, text);
}

static void has_not(struct fixture *f, const struct report_input *in, const char *what)
{
    const char *text = written(f, in);

    if (strstr(text, what))
        fail_msg("\"%s\" in\n%s", what, text);
}

static void the_whole(void **state)
{
    struct report_input in = input();

    assert_string_equal(written(*state, &in),
                        "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
                        "From: Mail gateway to Jabber <mailer-daemon@mail.example.org>\r\n"
                        "To: romeo@montague.example\r\n"
                        "Subject: Your message could not be delivered\r\n"
                        "Message-ID: <0000000000001@mail.example.org>\r\n"
                        "In-Reply-To: <o1@montague.example>\r\n"
                        "References: <o1@montague.example>\r\n"
                        "Auto-Submitted: auto-replied\r\n"
                        "MIME-Version: 1.0\r\n"
                        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                        " boundary=\"=_0000000000001_6\"\r\n"
                        "\r\n"
                        "--=_0000000000001_6\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: 7bit\r\n"
                        "\r\n"
                        "Your message could not be delivered to\r\n"
                        "\r\n"
                        "    juliet@mail.example.org\r\n"
                        "    (the Jabber user juliet@example.org)\r\n"
                        "\r\n"
                        "The reason given:\r\n"
                        "\r\n"
                        "    No such user here.\r\n"
                        "\r\n"
                        "The header of your message is attached.\r\n"
                        "--=_0000000000001_6\r\n"
                        "Content-Type: message/delivery-status\r\n"
                        "\r\n"
                        "Reporting-MTA: dns; mail.example.org\r\n"
                        "DSN-Gateway: smtp; mail.example.org\r\n"
                        "Arrival-Date: Sun, 20 Sep 2026 09:00:00 +0000\r\n"
                        "\r\n"
                        "Final-Recipient: rfc822; juliet@mail.example.org\r\n"
                        "Action: failed\r\n"
                        "Status: 5.1.1\r\n"
                        "Diagnostic-Code: x-xmpp; item-not-found (No such user here.)\r\n"
                        "--=_0000000000001_6\r\n"
                        "Content-Type: text/rfc822-headers\r\n"
                        "Content-Transfer-Encoding: 7bit\r\n"
                        "\r\n"
                        "Received: from x\r\n"
                        "Message-ID:\r\n"
                        " <o1@montague.example>\r\n"
                        "From: romeo@montague.example\r\n"
                        "Subject: vows\r\n"
                        "--=_0000000000001_6--\r\n");
}

static void only_jabber_errors_name_the_gateway(void **state)
{
    struct report_input in = input();

    in.jabber_condition = NULL;
    has_not(*state, &in, "DSN-Gateway");
    has(*state, &in, "\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user here.\r\n");
    in.status.code = 0;
    has_not(*state, &in, "Diagnostic-Code");
}

static void states_and_actions(void **state)
{
    struct report_input in = input();

    in.status.enhanced = NULL;
    has(*state, &in, "\r\nStatus: 5.0.0\r\n");
    in.status.code = 451;
    has(*state, &in, "\r\nStatus: 4.0.0\r\n");
    in.status.enhanced = "5.1.1\r\nX: y";
    has(*state, &in, "\r\nStatus: 4.0.0\r\n");
    in.status.enhanced = NULL;
    in.action = REPORT_DELIVERED;
    has(*state, &in, "\r\nAction: delivered\r\nStatus: 2.0.0\r\n");
    in.action = REPORT_DELAYED;
    has(*state, &in, "\r\nAction: delayed\r\nStatus: 4.0.0\r\n");
    in.action = REPORT_RELAYED;
    has(*state, &in, "\r\nAction: relayed\r\n");
    in.action = REPORT_EXPANDED;
    has(*state, &in, "\r\nAction: expanded\r\n");
}

static void several_recipients(void **state)
{
    struct report_input in = input();
    struct report_also also[] = {
        {.recipient = "nurse@mail.example.org",
         .jabber_condition = "item-not-found",
         .status = in.status},
        {.recipient = "j\xc3\xbclia@mail.example.org",
         .jabber_condition = "item-not-found",
         .status = in.status},
    };

    in.also = also;
    in.also_count = 2;
    has(*state, &in, "\r\n    nurse@mail.example.org\r\n    j=C3=BClia@mail.example.org\r\n");
    has(*state, &in,
        "\r\n\r\nFinal-Recipient: rfc822; nurse@mail.example.org\r\nAction: failed\r\n"
        "Status: 5.1.1\r\nDiagnostic-Code: x-xmpp; item-not-found (No such user here.)\r\n\r\n"
        "Final-Recipient: utf-8; j\\x{FC}lia@mail.example.org\r\nAction: failed\r\n");
}

/* Each with what became of them. */
static void several_reasons(void **state)
{
    struct report_input in = input();
    struct report_also also[] = {
        {.recipient = "nurse@mail.example.org",
         .recipient_jid = "nurse@capulet.example",
         .original_recipient = "rfc822;angelica@capulet.example",
         .status = {.code = 452, .enhanced = "4.2.2", .text = "too much waits there"}}};

    in.also = also;
    in.also_count = 1;
    has(*state, &in,
        "    The reason given: No such user here.\r\n    nurse@mail.example.org\r\n"
        "    (the Jabber user nurse@capulet.example)\r\n"
        "    The reason given: too much waits there\r\n\r\nThe header");
    has(*state, &in,
        "\r\n\r\nOriginal-Recipient: rfc822; angelica@capulet.example\r\n"
        "Final-Recipient: rfc822; nurse@mail.example.org\r\nAction: failed\r\nStatus: 4.2.2\r\n"
        "Diagnostic-Code: smtp; 452 4.2.2 too much waits there\r\n");
}

static void as_many_as_there_may_be(void **state)
{
    static struct report_also also[REPORT_ALSO_MAX];
    static char address[600], wanted[600], reason[600];
    struct fixture *f = *state;
    struct report_input in = input();
    struct buf out;
    struct err e;
    size_t i;

    memset(address, 'a', sizeof address - 1);
    memset(wanted, 'o', sizeof wanted - 1);
    memcpy(wanted, "rfc822;", 7);
    memset(reason, 'r', sizeof reason - 1);
    for (i = 0; i < REPORT_ALSO_MAX; i++)
        also[i] = (struct report_also){.recipient = address,
                                       .recipient_jid = address,
                                       .original_recipient = wanted,
                                       .status = {.code = 550, .text = reason}};
    in.also = also;
    in.also_count = REPORT_ALSO_MAX;
    buf_init(&out, 16 << 20);
    assert_int_equal(report_write(&f->ctx, &in, &out, &e), 0);
    assert_in_range(out.len, REPORT_ALSO_MAX * 2000, 4 << 20);
    buf_clear(&out);
}

static void internationalized_recipients(void **state)
{
    struct report_input in = input();

    in.recipient = "j\xc3\xbclia@mail.example.org";
    has(*state, &in, "\r\nFinal-Recipient: utf-8; j\\x{FC}lia@mail.example.org\r\n");
}

static void an_original_is_never_believed(void **state)
{
    static const struct {
        const char *text, *has, *has_not;
    } rows[] = {
        {"", "Action", "rfc822-headers"},
        {"\r\nbody: x", "Action", "body: x"},
        {"no end", "\r\nno end\r\n--", "In-Reply-To"},
        {"Message-ID: <unclosed", "Action", "In-Reply-To"},
        {"Message-ID: <a b>\r\n", "Action", "In-Reply-To"},
        {"message-id:<a@b>\n\nx", "In-Reply-To: <a@b>\r\n", "\r\nx"},
        {"X: \xe4\n", "quoted-printable\r\n\r\nX: =E4\r\n", "\xe4"},
        {"X: y\n--=_0000000000001_6--\n", "--=3D_0000000000001_6--\r\n", "\r\nX: y\r\n--=_"},
        {"a: b\rc: d\n\n", "\r\na: b\r\nc: d\r\n", "rc:"},
    };
    struct report_input in = input();
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        in.original = rows[i].text;
        in.original_len = strlen(rows[i].text);
        has(*state, &in, rows[i].has);
        has_not(*state, &in, rows[i].has_not);
    }
    in.original = NULL;
    in.original_len = 0;
    has_not(*state, &in, "rfc822-headers");
}

static void long_headers_are_cut_at_a_line(void **state)
{
    struct fixture *f = *state;
    struct report_input in = input();
    struct buf big;
    const char *text;

    buf_init(&big, 1 << 20);
    while (big.len < 200000)
        buf_adds(&big, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    in.original = big.data;
    in.original_len = big.len;
    text = written(f, &in);
    assert_true(strlen(text) < 70000 && strlen(text) > 60000);
    assert_non_null(strstr(text, "789\r\n--=_0000000000001_6--\r\n"));
    buf_clear(&big);
}

static void words_stay_words(void **state)
{
    struct fixture *f = *state;
    struct report_input in = input();
    struct err e = {0};
    struct buf out;

    in.status.text = "x\r\nEvil: 1\r\n\r\n--=_0000000000001_6--";
    has_not(f, &in, "\nEvil");
    in.jabber_condition = "x\r\nEvil: 1";
    has_not(f, &in, "\nEvil");
    in.recipient_jid = "x\r\nEvil: 1";
    in.recipient = "x\r\nEvil: 1@y";
    has_not(f, &in, "\nEvil");
    in.to = "a@b\r\nEvil: 1";
    buf_init(&out, 1 << 16);
    assert_int_equal(report_write(&f->ctx, &in, &out, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    buf_clear(&out);
}

/* RFC 3464 §2.2.1 and §2.3.1: what the sender's program knows the message and the person by. */
static void the_envelope_is_named(void **state)
{
    struct report_input in = input();

    has_not(*state, &in, "Original-");
    in.envelope_id = "QQ+314159";
    in.original_recipient = "rfc822;ju@old.example";
    has(*state, &in,
        "\r\n\r\nOriginal-Envelope-Id: QQ+314159\r\nReporting-MTA: dns; mail.example.org\r\n");
    has(*state, &in,
        "\r\n\r\nOriginal-Recipient: rfc822; ju@old.example\r\nFinal-Recipient: rfc822; juliet@");
    in.original_recipient = "no type";
    has_not(*state, &in, "Original-Recipient");
}

/* RET=FULL counts for failed mails, and for what every relay can carry as it stands. */
static void all_comes_back_when_asked(void **state)
{
    static const struct {
        const char *mail;
        enum report_action action;
        bool comes;
    } samples[] = {
        {"Subject: a\r\n\r\nthe words\r\n", REPORT_FAILED, true},
        {"Subject: a\r\n\r\nthe words\r\n", REPORT_RELAYED, false},
        {"Subject: a\r\n\r\nthe words", REPORT_FAILED, false},
        {"Subject: a\r\n\r\nthe words\n", REPORT_FAILED, false},
        {"Subject: a\r\n\r\nthe words \xc3\xa9\r\n", REPORT_FAILED, false},
    };
    size_t i;

    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct report_input in = input();

        in.returns_all = true;
        in.action = samples[i].action;
        in.original = samples[i].mail;
        in.original_len = strlen(in.original);
        if (samples[i].comes) {
            has(*state, &in,
                "Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nthe words\r\n--=_");
            has(*state, &in, "Your message is attached.");
        } else {
            has_not(*state, &in, "the words");
            has(*state, &in, "text/rfc822-headers");
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_whole),
        TEST(only_jabber_errors_name_the_gateway),
        TEST(states_and_actions),
        TEST(several_recipients),
        TEST(several_reasons),
        TEST(as_many_as_there_may_be),
        TEST(internationalized_recipients),
        TEST(an_original_is_never_believed),
        TEST(long_headers_are_cut_at_a_line),
        TEST(words_stay_words),
        TEST(the_envelope_is_named),
        TEST(all_comes_back_when_asked),
    };

    return cmocka_run_group_tests_name("report_write", tests, NULL, NULL);
}
