/* receipts, amp, mdn: what is asked and told, in each of its forms, and what is left unsaid. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>

#include "mapping/stanza/amp.h"
#include "mapping/report/mdn_write.h"
#include "mapping/mime/mime_read.h"
#include "mapping/report/receipts.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"

#define CONTACT "romeo\\40montague.example@mail.example.org"

static enum stanza_verdict read_with(struct fixture *f, const char *id, const char *inside,
                                     struct letter **out)
{
    struct jabber_error error = {0};
    const char *text =
        arena_printf(f->arena, "<message from='juliet@example.org/b' to='%s'%s>%s</message>",
                     CONTACT, id ? " id='m1'" : "", inside);

    return stanza_read(&f->ctx, f->arena, fixture_parse(f, text), out, &error);
}

static void wishes_of_a_stanza(void **state)
{
    static const struct {
        const char *xml, *notify;
        bool is_displayed;
    } rows[] = {
        {"", " NOTIFY=FAILURE", false},
        {"<x xmlns='jabber:x:event'><composing/></x>", " NOTIFY=FAILURE", false},
        {"<x xmlns='jabber:x:event'><delivered/></x>", " NOTIFY=SUCCESS,FAILURE", false},
        {"<request xmlns='urn:xmpp:receipts'/>", " NOTIFY=SUCCESS,FAILURE", false},
        {"<x xmlns='jabber:x:event'><offline/></x>", " NOTIFY=SUCCESS,FAILURE,DELAY", false},
        {"<x xmlns='jabber:x:event'><displayed/></x>", " NOTIFY=FAILURE", true},
        {"<markable xmlns='urn:xmpp:chat-markers:0'/>", " NOTIFY=FAILURE", true},
        {"<x xmlns='jabber:x:event'><offline/></x><request xmlns='urn:xmpp:receipts'/>"
         "<x xmlns='jabber:x:event'><displayed/></x>",
         " NOTIFY=SUCCESS,FAILURE,DELAY", true},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *inside = arena_printf(f->arena, "<body>x</body>%s", rows[i].xml);
        struct letter *l;
        struct buf b;

        assert_int_equal(read_with(f, "m1", inside, &l), STANZA_LETTER);
        buf_init(&b, 200);
        receipts_notify_text(&b, receipts_notify(&l->wishes));
        assert_string_equal(b.data, rows[i].notify);
        buf_clear(&b);
        assert_int_equal(l->wishes.displayed || l->wishes.markable, rows[i].is_displayed);
        assert_int_equal(l->notice_kind, NOTICE_NONE);
        /* Without an id nobody could be told. */
        assert_int_equal(read_with(f, NULL, inside, &l), STANZA_LETTER);
        assert_int_equal(receipts_notify(&l->wishes), NOTIFY_FAILURE);
        assert_false(l->wishes.displayed || l->wishes.markable);
    }
}

static void notices_of_a_stanza(void **state)
{
    static const struct {
        const char *xml;
        enum notice_kind kind;
    } rows[] = {
        {"<x xmlns='jabber:x:event'><id>s9</id><displayed/></x>", NOTICE_DISPLAYED},
        {"<x xmlns='jabber:x:event'><delivered/><id>s9</id></x>", NOTICE_DELIVERED},
        {"<x xmlns='jabber:x:event'><offline/><id>s9</id></x>", NOTICE_OFFLINE},
        {"<received xmlns='urn:xmpp:receipts' id='s9'/>", NOTICE_DELIVERED},
        {"<received xmlns='urn:xmpp:chat-markers:0' id='s9'/>", NOTICE_DELIVERED},
        {"<acknowledged xmlns='urn:xmpp:chat-markers:0' id='s9'/>", NOTICE_DISPLAYED},
        {"<displayed xmlns='urn:xmpp:chat-markers:0' id='s9'/>"
         "<received xmlns='urn:xmpp:receipts' id='s9'/>",
         NOTICE_DISPLAYED},
        {"<received xmlns='urn:xmpp:receipts' id='s9'/>"
         "<displayed xmlns='urn:xmpp:chat-markers:0' id='s9'/>",
         NOTICE_DISPLAYED},
    };
    struct fixture *f = *state;
    struct letter *l;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_with(f, NULL, rows[i].xml, &l), STANZA_NOTICE);
        assert_int_equal(l->notice_kind, rows[i].kind);
        assert_string_equal(l->notice_id, "s9");
        assert_string_equal(l->recipients->mail.domain, "montague.example");
    }
    /* With words it is a message first of all. */
    assert_int_equal(
        read_with(f, NULL, "<body>y</body><received xmlns='urn:xmpp:receipts' id='s9'/>", &l),
        STANZA_LETTER);
}

static const char *text_of(struct fixture *f, const struct xml_node *node)
{
    struct buf b;
    const char *text;

    assert_non_null(node);
    buf_init(&b, 1 << 20);
    xml_write(&b, node, FIXTURE_NS);
    text = arena_strdup(f->arena, b.data);
    buf_clear(&b);
    return text;
}

static void notices_for_a_sender(void **state)
{
    static const struct receipt_forms all = {true, true, true}, old = {true, false, false},
                                      late = {false, true, true};
    static const struct {
        enum notice_kind kind;
        const struct receipt_forms *forms;
        const char *inside;
    } rows[] = {
        {NOTICE_DELIVERED, &all,
         "<x xmlns='jabber:x:event'><delivered/><id>a&amp;b</id></x>"
         "<received xmlns='urn:xmpp:receipts' id='a&amp;b'/>"},
        {NOTICE_DELIVERED, &old, "<x xmlns='jabber:x:event'><delivered/><id>a&amp;b</id></x>"},
        {NOTICE_DELIVERED, &late, "<received xmlns='urn:xmpp:receipts' id='a&amp;b'/>"},
        {NOTICE_OFFLINE, &all, "<x xmlns='jabber:x:event'><offline/><id>a&amp;b</id></x>"},
        {NOTICE_DISPLAYED, &all,
         "<x xmlns='jabber:x:event'><displayed/><id>a&amp;b</id></x>"
         "<displayed xmlns='urn:xmpp:chat-markers:0' id='a&amp;b'/>"},
        {NOTICE_CANCELLED, &all, "<x xmlns='jabber:x:event'><id>a&amp;b</id></x>"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(
            text_of(f,
                    receipts_notice(f->arena, "c@gw", "j@h/r", "a&b", rows[i].kind, rows[i].forms)),
            arena_printf(f->arena, "<message from='c@gw' to='j@h/r'>%s</message>", rows[i].inside));
}

static struct letter *read_mail(struct fixture *f, const char *path, const char *to)
{
    static const char *const recipients[] = {"juliet@mail.example.org"};
    const struct mail_envelope envelope = {path, recipients, 1, NULL};
    const char *mail = arena_printf(f->arena,
                                    "From: r@montague.example\r\nMessage-ID: <r@m>\r\n"
                                    "Disposition-Notification-To: %s\r\n\r\nwords\r\n",
                                    to);
    struct letter *l = NULL;
    struct err e = {0};

    if (mime_read(&f->ctx, f->arena, mail, strlen(mail), &envelope, &l, &e) < 0)
        fail_msg("%s", e.text);
    return l;
}

static void wishes_of_a_mail(void **state)
{
    struct fixture *f = *state;
    struct letter *l = read_mail(f, "r@montague.example", "R <r@montague.EXAMPLE>");

    assert_string_equal(l->wishes.disposition_to, "r@montague.example");
    l->stanza_id = "s1";
    assert_non_null(strstr(text_of(f, stanza_write(&f->ctx, f->arena, l, l->recipients)),
                           "<x xmlns='jabber:x:event'><displayed/></x>"
                           "<markable xmlns='urn:xmpp:chat-markers:0'/>"));
    assert_null(read_mail(f, "", "r@montague.example")->wishes.disposition_to);
    assert_null(read_mail(f, "x@montague.example", "r@montague.example")->wishes.disposition_to);
    assert_null(read_mail(f, "r@montague.example", "r@montague.example, s@x.example")
                    ->wishes.disposition_to);
    assert_null(read_mail(f, "r@montague.example", "<>")->wishes.disposition_to);
    assert_false(read_mail(f, "r@montague.example", "who?")->wishes.markable);
}

static void dispositions(void **state)
{
    static const struct {
        const char *value;
        enum disposition disposition;
        enum notice_kind kind;
    } rows[] = {
        {"manual-action/MDN-sent-manually; displayed", DISPOSITION_DISPLAYED, NOTICE_DISPLAYED},
        {"automatic-action/MDN-sent-automatically;Displayed/error", DISPOSITION_DISPLAYED,
         NOTICE_DISPLAYED},
        {"manual-action/MDN-sent-manually; deleted", DISPOSITION_DELETED, NOTICE_DELIVERED},
        {"a/b; dispatched", DISPOSITION_DISPATCHED, NOTICE_DELIVERED},
        {"a/b; processed", DISPOSITION_PROCESSED, NOTICE_DELIVERED},
        {"a/b; denied", DISPOSITION_PROCESSED, NOTICE_DELIVERED},
    };
    struct fixture *f = *state;
    const struct mail_envelope envelope = {"", NULL, 0, NULL};
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *mail = arena_printf(
            f->arena,
            "From: r@m.example\r\nContent-Type: multipart/report;\r\n"
            " report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nread\r\n"
            "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
            "Final-Recipient: rfc822; <r@m.example>\r\n"
            "Original-Message-ID: <o@md>\r\nDisposition: %s\r\n--b--\r\n",
            rows[i].value);
        struct letter *l;
        struct err e = {0};

        assert_int_equal(mime_read(&f->ctx, f->arena, mail, strlen(mail), &envelope, &l, &e), 0);
        assert_non_null(l->report);
        assert_int_equal(l->report->disposition, rows[i].disposition);
        assert_int_equal(receipts_of_disposition(l->report->disposition), rows[i].kind);
        assert_string_equal(l->report->original_message_id, "o@md");
        assert_string_equal(l->report->disposition_recipient, "r@m.example");
        assert_null(l->report->recipients);
    }
}

/* What this program writes it reads again; a hostile subject adds no field and no part. */
static void a_disposition_is_read_again(void **state)
{
    struct fixture *f = *state;
    const char *header = "Subject: x\r\nMessage-ID: <o@m>\r\n";
    struct mdn_input in = {.id = 7,
                           .to = "r@m.example",
                           .recipient = "juliet@mail.example.org",
                           .original_message_id = "o@m",
                           .original_subject = "x\r\nBcc: y@z\r\n--=_0000000000007_6",
                           .original = header,
                           .original_len = strlen(header)};
    const struct mail_envelope envelope = {"", NULL, 0, NULL};
    struct letter *l;
    struct err e = {0};
    struct buf b;

    buf_init(&b, 1 << 20);
    assert_int_equal(mdn_write(&f->ctx, &in, &b, &e), 0);
    assert_null(strstr(b.data, "\nBcc"));
    assert_non_null(strstr(b.data, "\r\nReferences: <o@m>\r\n"));
    assert_int_equal(mime_read(&f->ctx, f->arena, b.data, b.len, &envelope, &l, &e), 0);
    assert_non_null(l->report);
    assert_int_equal(l->report->disposition, DISPOSITION_DISPLAYED);
    assert_string_equal(l->report->original_message_id, "o@m");
    assert_string_equal(l->report->disposition_recipient, "juliet@mail.example.org");
    buf_clear(&b);
    in.original_message_id = "o@m>\r\nBcc: y@z";
    buf_init(&b, 1 << 20);
    assert_int_equal(mdn_write(&f->ctx, &in, &b, &e), 0);
    assert_null(strstr(b.data, "Bcc: y@z\r\n--")); /* only words of the subject */
    assert_null(strstr(b.data, "Original-Message-ID"));
    buf_clear(&b);
}

static void rules(void **state)
{
#define RULE(action, value)                                                                        \
    "<amp xmlns='http://jabber.org/protocol/amp'><rule condition='expire-at' action='" action      \
    "' value='" value "'/></amp>"
    static const struct {
        const char *xml;
        enum expiry_action action;
        int64_t expires_s;
    } rows[] = {
        {RULE("drop", "2026-09-23T08:13:20Z"), EXPIRY_DROP, 1790151200},
        {RULE("error", "2026-09-23T08:13:20Z"), EXPIRY_ERROR, 1790151200},
        {RULE("alert", "2026-09-23T10:13:20+02:00"), EXPIRY_ALERT, 1790151200},
        {RULE("notify", "2026-09-23T08:13:20Z"), EXPIRY_NOTIFY, 1790151200},
        {RULE("notify", "2026-09-23T08:13:20Z") "<x xmlns='jabber:x:expire' seconds='10'/>",
         EXPIRY_EVENT, 1790000010},
        {"<x xmlns='jabber:x:expire' seconds='999999'/>" RULE("drop", "2026-09-23T08:13:20Z"),
         EXPIRY_DROP, 1790151200},
        {"<amp xmlns='http://jabber.org/protocol/amp'><rule condition='deliver' action='error'"
         " value='stored'/></amp>",
         EXPIRY_EVENT, 0},
    };
    struct fixture *f = *state;
    struct letter *l;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(
            read_with(f, "m", arena_printf(f->arena, "<body>x</body>%s", rows[i].xml), &l),
            STANZA_LETTER);
        assert_int_equal(l->expiry_action, rows[i].action);
        assert_int_equal(l->expires_s, rows[i].expires_s);
    }
    assert_int_equal(read_with(f, "m", "<body>x</body>" RULE("drop", "soon"), &l), STANZA_REFUSED);
    assert_int_equal(
        read_with(f, "m", "<body>x</body>" RULE("explode", "2026-09-23T08:13:20Z"), &l),
        STANZA_REFUSED);
}

static void reports_of_rules(void **state)
{
    struct fixture *f = *state;
    const char *rule = "condition='expire-at' value='2026-09-23T08:13:20Z'/>";
    const char *text =
        text_of(f, amp_report(f->arena, "c@gw", "j@h/r", "m1", EXPIRY_ALERT, INT64_C(1790151200)));

    assert_string_equal(
        text, arena_printf(f->arena,
                           "<message from='c@gw' to='j@h/r' id='m1'>"
                           "<amp xmlns='http://jabber.org/protocol/amp' status='alert' from='j@h/r'"
                           " to='c@gw'><rule action='alert' %s</amp></message>",
                           rule));
    text =
        text_of(f, amp_report(f->arena, "c@gw", "j@h/r", "m1", EXPIRY_ERROR, INT64_C(1790151200)));
    assert_non_null(strstr(text, "type='error'"));
    assert_non_null(strstr(text, "status='error'"));
    assert_non_null(strstr(text, "<failed-rules xmlns='http://jabber.org/protocol/amp#errors'>"
                                 "<rule action='error'"));
    assert_non_null(strstr(text, "<undefined-condition "));
    assert_false(amp_has_report(EXPIRY_DROP));
    assert_false(amp_has_report(EXPIRY_EVENT));
}

static void xtext(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    receipts_xtext(&b, "a+b=c d\r\n\xc3\xa9@x");
    assert_string_equal(b.data, "a+2Bb+3Dc+20d+0D+0A+C3+A9@x");
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wishes_of_a_stanza, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(notices_of_a_stanza, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(notices_for_a_sender, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(wishes_of_a_mail, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(dispositions, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_disposition_is_read_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(rules, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(reports_of_rules, fixture_setup, fixture_teardown),
        cmocka_unit_test(xtext),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
