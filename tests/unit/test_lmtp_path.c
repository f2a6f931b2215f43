/* What may stand behind MAIL FROM: and RCPT TO:, and the reply to what may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mail/lmtp/lmtp_path.h"

static void test_senders(void **state)
{
    static const struct {
        const char *text, *path; /* path NULL: refused */
        const char *reply;
    } samples[] = {
        {"<>", "", NULL},
        {"<romeo@montague.example>", "romeo@montague.example", NULL},
        {"<Romeo@Montague.Example>", "Romeo@montague.example", NULL},
        {"<\"a > b\"@montague.example>", "\"a > b\"@montague.example", NULL},
        {"<\"a\\\" b\"@montague.example>", "\"a\\\" b\"@montague.example", NULL},
        {"<a%b@montague.example>", "a%b@montague.example", NULL}, /* where answers go is theirs */
        {"<bounce+x=y=z.example@list.example>", "bounce+x=y=z.example@list.example", NULL},
        {"<x@[192.0.2.1]>", "x@[192.0.2.1]", NULL},
        {"<\xc3\xa9@montague.example> SMTPUTF8", "\xc3\xa9@montague.example", NULL},
        {"<a@b\xc3\xbc"
         "cher.example> SMTPUTF8",
         "a@xn--bcher-kva.example", NULL},
        {"<\xc3\xa9@montague.example>", NULL, "553 5.6.7"},
        {"<a@b\xc3\xbc"
         "cher.example>",
         NULL, "553 5.6.7"},
        {"<@hop.example:romeo@montague.example>", NULL, "550 5.7.1"},
        {"romeo@montague.example", NULL, "501 5.5.4"},
        {" <romeo@montague.example>", NULL, "501 5.5.4"},
        {"<romeo@montague.example", NULL, "501 5.5.4"},
        {"<romeo@montague.example>SIZE=1", NULL, "501 5.5.4"},
        {"<<romeo@montague.example>", NULL, "501 5.1.7"},
        {"< romeo@montague.example>", NULL, "501 5.1.7"},
        {"<romeo>", NULL, "553 5.1.7"},
        {"<romeo@>", NULL, "553 5.1.7"},
        {"<a b@montague.example>", NULL, "553 5.1.7"},
        {"<\"a@montague.example>", NULL, "501 5.5.4"},
        {"<a..b@montague.example>", NULL, "553 5.1.7"},
        {"<a@b> FOO", NULL, "555 5.5.4"},
        {"<a@b> AUTH=<>", NULL, "555 5.5.4"},
        {"<a@b>  SIZE=1", NULL, "501 5.5.4"},
        {"<a@b> ", NULL, "501 5.5.4"},
        {"<a@b> SIZE", NULL, "501 5.5.4"},
        {"<a@b> SIZE=", NULL, "501 5.5.4"},
        {"<a@b> SIZE=1x", NULL, "501 5.5.4"},
        {"<a@b> SIZE=1 SIZE=1", NULL, "501 5.5.4"},
        {"<a@b> SIZE=1001", NULL, "552 5.3.4"},
        {"<a@b> SIZE=99999999999999999999", NULL, "552 5.3.4"},
        {"<a@b> SMTPUTF8=1", NULL, "501 5.5.4"},
        {"<a@b> BODY=8BITMIME", "a@b", NULL},
        {"<a@b> body=7bit", "a@b", NULL},
        {"<a@b> BODY=BINARYMIME", NULL, "501 5.5.4"},
        {"<a@b> RET=ALL", NULL, "501 5.5.4"},
        {"<a@b> ENVID=", NULL, "501 5.5.4"},
        {"<a@b> ENVID=a+0D+0AX", NULL, "501 5.5.4"}, /* a line of a report it would become */
        {"<a@b> ENVID=a+4", NULL, "501 5.5.4"},
        {"<a@b> ENVID=a+4a", NULL, "501 5.5.4"},
        {"<a@b> BY=100;R", "a@b", NULL},
        {"<a@b> BY=10;r", "a@b", NULL},
        {"<a@b> BY=9;R", NULL, "554 5.4.7"},
        {"<a@b> BY=0;R", NULL, "501 5.5.4"},
        {"<a@b> BY=-1;R", NULL, "501 5.5.4"},
        {"<a@b> BY=-1;N", "a@b", NULL},
        {"<a@b> BY=0;N", "a@b", NULL},
        {"<a@b> BY=1;NT", "a@b", NULL},
        {"<a@b> BY=1;NTT", NULL, "501 5.5.4"},
        {"<a@b> BY=1;X", NULL, "501 5.5.4"},
        {"<a@b> BY=1;", NULL, "501 5.5.4"},
        {"<a@b> BY=;R", NULL, "501 5.5.4"},
        {"<a@b> BY=--1;N", NULL, "501 5.5.4"},
        {"<a@b> BY=120R", NULL, "501 5.5.4"},
        {"<a@b> BY=1234567890;N", NULL, "501 5.5.4"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct arena *a = arena_new(1 << 16);
        struct lmtp_sender s;
        struct lmtp_reply no = {0};
        char reply[64];
        int r = lmtp_path_sender(a, samples[i].text, 1000, &s, &no);

        snprintf(reply, sizeof reply, "%d %s", no.code, no.enhanced ? no.enhanced : "");
        if ((r == 0) != (samples[i].path != NULL))
            fail_msg("%s: %s", samples[i].text, reply);
        if (r == 0)
            assert_string_equal(s.path, samples[i].path);
        else if (strcmp(reply, samples[i].reply) != 0 || !no.text)
            fail_msg("%s: %s", samples[i].text, reply);
        arena_free(a);
    }
}

static void test_what_a_sender_asks(void **state)
{
    struct arena *a = arena_new(1 << 16);
    struct lmtp_sender s;
    struct lmtp_reply no;

    (void)state;
    assert_int_equal(
        lmtp_path_sender(a, "<a@b> SIZE=1000 RET=HDRS ENVID=QQ+20314159 BY=-50;NT", 1000, &s, &no),
        0);
    assert_int_equal(s.size, 1000);
    assert_int_equal(s.ret, LMTP_RET_HDRS);
    assert_string_equal(s.envelope_id, "QQ 314159");
    assert_int_equal(s.by, LMTP_BY_NOTIFY);
    assert_int_equal(s.by_s, -50);
    assert_true(s.by_trace);
    assert_int_equal(lmtp_path_sender(a, "<a@b> BY=+120;R ret=full", 1000, &s, &no), 0);
    assert_int_equal(s.by, LMTP_BY_RETURN);
    assert_int_equal(s.by_s, 120);
    assert_false(s.by_trace);
    assert_int_equal(s.ret, LMTP_RET_FULL);
    assert_int_equal(s.size, -1);
    assert_null(s.envelope_id);
    arena_free(a);
}

static void test_recipients(void **state)
{
    static const struct {
        const char *text;
        bool is_utf8;
        const char *want; /* the address, or the reply */
        unsigned notify;
        const char *original;
    } samples[] = {
        {"<juliet@capulet.example>", false, "juliet@capulet.example", 0, NULL},
        {"<\"juliet\"@capulet.example>", false, "juliet@capulet.example", 0, NULL},
        {"<postmaster>", false, "postmaster@md.example", 0, NULL},
        {"<PostMaster>", false, "postmaster@md.example", 0, NULL},
        {"<juliet>", false, "553 5.1.3", 0, NULL},
        {"<>", false, "501 5.1.3", 0, NULL},
        {"<@a.example,@b.example:juliet@capulet.example>", false, "550 5.7.1", 0, NULL},
        {"<a%b.example@capulet.example>", false, "550 5.7.1", 0, NULL},
        {"<\"a%b.example\"@capulet.example>", false, "550 5.7.1", 0, NULL},
        {"<b.example!a@capulet.example>", false, "550 5.7.1", 0, NULL},
        {"<\xd0\xb6@capulet.example>", false, "553 5.6.7", 0, NULL},
        {"<\xd0\xb6@capulet.example>", true, "\xd0\xb6@capulet.example", 0, NULL},
        {"<\xd0@capulet.example>", true, "553 5.1.3", 0, NULL},
        {"<a@b> NOTIFY=NEVER", false, "a@b", LMTP_NOTIFY_NEVER, NULL},
        {"<a@b> NOTIFY=success,DELAY", false, "a@b", LMTP_NOTIFY_SUCCESS | LMTP_NOTIFY_DELAY, NULL},
        {"<a@b> NOTIFY=SUCCESS,NEVER", false, "501 5.5.4", 0, NULL},
        {"<a@b> NOTIFY=NEVER,SUCCESS", false, "501 5.5.4", 0, NULL},
        {"<a@b> NOTIFY=DELAY,DELAY", false, "501 5.5.4", 0, NULL},
        {"<a@b> NOTIFY=DELAY,", false, "501 5.5.4", 0, NULL},
        {"<a@b> NOTIFY=", false, "501 5.5.4", 0, NULL},
        {"<a@b> ORCPT=rfc822;J+2Bx@c.example", false, "a@b", 0, "rfc822;J+x@c.example"},
        {"<a@b> ORCPT=x400;/C=DE/", false, "501 5.5.4", 0, NULL}, /* = must be +3D */
        {"<a@b> ORCPT=utf-8;\\x{436}@c.example", false, "a@b", 0, "utf-8;\\x{436}@c.example"},
        {"<a@b> ORCPT=rfc822;", false, "501 5.5.4", 0, NULL},
        {"<a@b> ORCPT=j@c.example", false, "501 5.5.4", 0, NULL},
        {"<a@b> ORCPT=rfc822;a+0Ab", false, "501 5.5.4", 0, NULL},
        {"<a@b> SIZE=1", false, "555 5.5.4", 0, NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct arena *a = arena_new(1 << 16);
        struct lmtp_recipient r;
        struct lmtp_reply no;
        char got[400];

        if (lmtp_path_recipient(a, samples[i].text, samples[i].is_utf8, "md.example", &r, &no) ==
            0) {
            snprintf(got, sizeof got, "%s", r.text);
            assert_int_equal(r.notify, samples[i].notify);
            if (samples[i].original)
                assert_string_equal(r.original, samples[i].original);
            else
                assert_null(r.original);
        } else {
            snprintf(got, sizeof got, "%d %s", no.code, no.enhanced);
        }
        if (strcmp(got, samples[i].want) != 0)
            fail_msg("%s: %s", samples[i].text, got);
        arena_free(a);
    }
}

/* A path of 254 octets is taken, a longer one is not; nor are parameters without end. */
static void test_lengths(void **state)
{
    struct arena *a = arena_new(1 << 20);
    char text[2000];
    struct lmtp_recipient r;
    struct lmtp_reply no;
    int n;

    (void)state;
    for (n = 240; n < 250; n++) {
        snprintf(text, sizeof text, "<%.*s@capulet.md>", n,
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_int_equal(lmtp_path_recipient(a, text, false, "md.example", &r, &no) == 0,
                         n + 11 <= ADDR_PATH_MAX);
    }
    snprintf(text, sizeof text, "<a@b> ORCPT=rfc822;%0*d", LMTP_ORCPT_MAX - 7, 1);
    assert_int_equal(lmtp_path_recipient(a, text, false, "md.example", &r, &no), 0);
    snprintf(text, sizeof text, "<a@b> ORCPT=rfc822;%0*d", LMTP_ORCPT_MAX - 6, 1);
    assert_int_equal(lmtp_path_recipient(a, text, false, "md.example", &r, &no), -1);
    assert_int_equal(no.code, 501);
    arena_free(a);
}

/* That memory is short is never the fault of what was said: the client shall try again. */
static void test_memory(void **state)
{
    static const char sender[] = "<romeo@montague.example> ENVID=a+2Bb BY=100;R";
    static const char recipient[] = "<juliet@capulet.example> ORCPT=rfc822;j+2Bx@c.example";
    struct lmtp_recipient r;
    struct lmtp_reply no;
    struct lmtp_sender s;
    size_t max;

    (void)state;
    for (max = 0; max < 512; max++) {
        struct arena *a = arena_new(max), *b = arena_new(max);

        assert_true(a && b);
        if (lmtp_path_sender(a, sender, 1000, &s, &no) < 0)
            assert_int_equal(no.code, 451);
        if (lmtp_path_recipient(b, recipient, false, "md.example", &r, &no) < 0)
            assert_int_equal(no.code, 451);
        arena_free(a);
        arena_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_senders),    cmocka_unit_test(test_what_a_sender_asks),
        cmocka_unit_test(test_recipients), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
