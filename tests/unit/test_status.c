/*
 * status: both tables of the mapping row by row, in both generations, and what strangers may say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "mapping/report/status.h"

#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

static void test_class(void **state)
{
    static const struct {
        struct smtp_status status;
        enum smtp_class class;
    } rows[] = {
        {{250, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_DELIVERED},
        {{0, NULL, NULL, SMTP_TROUBLE_LOGIN}, SMTP_LATER},
        {{250, "2.1.5", "ok", SMTP_TROUBLE_NONE}, SMTP_DELIVERED},
        {{251, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_DELIVERED},
        {{421, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{450, "4.2.1", NULL, SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{354, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{0, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{0, "5.1.1", NULL, SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{0, "4.2.2", NULL, SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{0, "2.0.0", NULL, SMTP_TROUBLE_NONE}, SMTP_DELIVERED},
        {{550, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{554, "5.7.1", NULL, SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{552, NULL, "Too many recipients", SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{552, NULL, "sorry, too many recipients here", SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{552, "5.5.3", "no", SMTP_TROUBLE_NONE}, SMTP_LATER},
        {{552, "5.3.4", "too many recipients", SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{552, "5.2.2", "mailbox full", SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{552, NULL, NULL, SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{550, NULL, "too many recipients", SMTP_TROUBLE_NONE}, SMTP_FAILED},
        {{0, NULL, "refused", SMTP_TROUBLE_CONNECT}, SMTP_LATER},
        {{0, NULL, NULL, SMTP_TROUBLE_TIMEOUT}, SMTP_LATER},
        {{0, NULL, NULL, SMTP_TROUBLE_NO_NAME}, SMTP_LATER},
        {{0, NULL, NULL, SMTP_TROUBLE_EXPIRED}, SMTP_FAILED},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (status_class(&rows[i].status) != rows[i].class)
            fail_msg("row %zu", i);
}

static void test_to_jabber(void **state)
{
    static const struct {
        int code;
        const char *enhanced, *text;
        int want;
        const char *condition, *type;
    } rows[] = {
        /* 502 */
        {421, NULL, "closing", 502, "service-unavailable", "wait"},
        {421, "4.3.2", "shutting down", 502, "service-unavailable", "wait"},
        {0, "4.4.2", NULL, 502, "service-unavailable", "wait"},
        {451, "4.3.0", NULL, 502, "service-unavailable", "wait"},
        {450, NULL, "greylisted", 502, "service-unavailable", "wait"},
        {450, NULL, "user unknown", 502, "service-unavailable", "wait"},
        {450, "4.7.1", NULL, 502, "service-unavailable", "wait"},
        {452, "4.5.3", "too many recipients", 502, "service-unavailable", "wait"},
        {0, NULL, NULL, 502, "service-unavailable", "wait"},
        {552, NULL, "too many recipients", 502, "service-unavailable", "wait"},
        {554, NULL, "no", 502, "service-unavailable", "cancel"},
        {554, "5.0.0", NULL, 502, "service-unavailable", "cancel"},
        {550, NULL, NULL, 502, "service-unavailable", "cancel"},
        {550, "5.4.6", "loop", 502, "service-unavailable", "cancel"},
        {550, "5.1.8", NULL, 502, "service-unavailable", "cancel"},
        {550, "5.7.0", "user unknown", 502, "service-unavailable", "cancel"}, /* the code speaks */
        /* 504 */
        {451, "4.4.1", NULL, 504, "remote-server-timeout", "wait"},
        {0, "4.4.7", NULL, 504, "remote-server-timeout", "wait"},
        {0, "5.4.7", "deadline", 504, "remote-server-timeout", "wait"},
        {550, "5.1.2", NULL, 504, "remote-server-not-found", "cancel"},
        {0, "5.4.4", NULL, 504, "remote-server-not-found", "cancel"},
        {556, "5.1.10", NULL, 504, "remote-server-not-found", "cancel"},
        {550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup", 404,
         "item-not-found", "cancel"},
        {550, "5.1.351", "unknown recipient", 404, "item-not-found", "cancel"},
        {550, "5.4.300", "Message expired", 504, "remote-server-timeout", "wait"},
        {556, NULL, NULL, 504, "remote-server-not-found", "cancel"},
        /* 404 */
        {550, "5.1.1", NULL, 404, "item-not-found", "cancel"},
        {550, "5.1.0", NULL, 404, "item-not-found", "cancel"},
        {550, "5.1.4", NULL, 404, "item-not-found", "cancel"},
        {450, "5.1.1", NULL, 404, "item-not-found", "cancel"}, /* enhanced wins */
        {553, "5.1.1", NULL, 404, "item-not-found", "cancel"},
        {550, NULL, "No such user here", 404, "item-not-found", "cancel"},
        {550, NULL, "<x@y>: Recipient unknown", 404, "item-not-found", "cancel"},
        {550, NULL, "User unknown in virtual mailbox table", 404, "item-not-found", "cancel"},
        {554, NULL, "this user doesn't have an account", 404, "item-not-found", "cancel"},
        {550, "5.0.0", "user unknown", 404, "item-not-found", "cancel"},
        {0, "4.2.1", NULL, 404, "recipient-unavailable", "wait"},
        {450, "4.2.1", NULL, 404, "recipient-unavailable", "wait"},
        /* 400 */
        {0, "5.1.3", NULL, 400, "jid-malformed", "modify"},
        {501, NULL, NULL, 400, "jid-malformed", "modify"},
        {553, NULL, "user unknown", 400, "jid-malformed", "modify"},
        /* 302 */
        {551, NULL, NULL, 302, "gone", "cancel"},
        {550, "5.1.6", NULL, 302, "gone", "cancel"},
        /* 503 */
        {550, "5.2.1", NULL, 503, "service-unavailable", "cancel"},
        {0, "5.3.2", NULL, 503, "service-unavailable", "wait"},
        {453, NULL, NULL, 503, "service-unavailable", "wait"},
        {453, "4.3.2", NULL, 503, "service-unavailable", "wait"},
        /* 500 */
        {552, "5.2.2", NULL, 500, "resource-constraint", "wait"},
        {452, "4.2.2", NULL, 500, "resource-constraint", "wait"},
        {0, "4.3.1", NULL, 500, "resource-constraint", "wait"},
        {0, "5.3.1", NULL, 500, "resource-constraint", "wait"},
        {552, NULL, "Mailbox full", 500, "resource-constraint", "wait"},
        {452, NULL, "user is over quota", 500, "resource-constraint", "wait"},
        /* 406 */
        {0, "5.2.3", NULL, 406, "not-acceptable", "modify"},
        {552, "5.3.4", NULL, 406, "not-acceptable", "modify"},
        {0, "5.6.0", NULL, 406, "not-acceptable", "modify"},
        {554, "5.6.7", "needs SMTPUTF8", 406, "not-acceptable", "modify"},
        {0, "5.6.9", NULL, 406, "not-acceptable", "modify"},
        {0, "5.5.3", NULL, 406, "not-acceptable", "modify"},
        {0, "5.7.3", NULL, 406, "not-acceptable", "modify"},
        {0, "5.7.7", NULL, 406, "not-acceptable", "modify"},
        {552, NULL, "message too large", 406, "not-acceptable", "modify"},
        /* 403 */
        {550, "5.7.1", "user unknown", 403, "forbidden", "auth"},
        {553, "5.7.1", NULL, 403, "forbidden", "auth"},
        {0, "5.7.2", NULL, 403, "forbidden", "auth"},
        {0, "5.7.20", NULL, 403, "forbidden", "auth"},
        {0, "5.7.26", NULL, 403, "forbidden", "auth"},
        {0, "5.7.27", NULL, 403, "forbidden", "auth"},
        {0, "5.7.28", NULL, 502, "service-unavailable", "cancel"},
        {554, NULL, "Relay access denied", 403, "forbidden", "auth"},
        /* 500, ours */
        {530, NULL, NULL, 500, "internal-server-error", "cancel"},
        {535, "5.7.8", NULL, 500, "internal-server-error", "cancel"},
        {0, "5.5.0", NULL, 500, "internal-server-error", "cancel"},
        {503, "5.5.1", NULL, 500, "internal-server-error", "cancel"},
        {501, "5.5.4", NULL, 500, "internal-server-error", "cancel"},
        {500, NULL, NULL, 500, "internal-server-error", "cancel"},
        {502, NULL, NULL, 500, "internal-server-error", "cancel"},
        {503, NULL, NULL, 500, "internal-server-error", "cancel"},
        {504, NULL, NULL, 500, "internal-server-error", "cancel"},
        {555, NULL, NULL, 500, "internal-server-error", "cancel"},
        /* what is no code is none */
        {550, "5.1", "user unknown", 404, "item-not-found", "cancel"},
        {550, "nonsense", "user unknown", 404, "item-not-found", "cancel"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smtp_status s = {rows[i].code, rows[i].enhanced, rows[i].text, SMTP_TROUBLE_NONE};
        struct arena *a = arena_new(65536);
        struct jabber_error e;

        assert_int_equal(status_to_jabber(a, &s, "friend@example.org", &e), 0);
        if (e.code != rows[i].want || strcmp(e.condition, rows[i].condition) != 0 ||
            strcmp(e.type, rows[i].type) != 0)
            fail_msg("%d %s %s: %d %s %s", s.code, s.enhanced ? s.enhanced : "-",
                     s.text ? s.text : "-", e.code, e.condition, e.type);
        assert_non_null(strstr(e.text, "friend@example.org"));
        if (s.text)
            assert_non_null(strstr(e.text, s.text));
        arena_free(a);
    }
}

static void test_trouble(void **state)
{
    static const struct {
        enum smtp_trouble trouble;
        int code;
        const char *condition, *type;
    } rows[] = {
        {SMTP_TROUBLE_CONNECT, 502, "service-unavailable", "wait"},
        {SMTP_TROUBLE_TIMEOUT, 504, "remote-server-timeout", "wait"},
        {SMTP_TROUBLE_NO_NAME, 504, "remote-server-not-found", "cancel"},
        {SMTP_TROUBLE_LOGIN, 500, "internal-server-error", "cancel"},
        {SMTP_TROUBLE_EXPIRED, 504, "remote-server-timeout", "wait"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smtp_status s = {0, NULL, "connection refused", rows[i].trouble};
        struct arena *a = arena_new(65536);
        struct jabber_error e;

        assert_int_equal(status_to_jabber(a, &s, "a@b", &e), 0);
        assert_int_equal(e.code, rows[i].code);
        assert_string_equal(e.condition, rows[i].condition);
        assert_string_equal(e.type, rows[i].type);
        assert_non_null(strstr(e.text, "connection refused"));
        assert_null(strstr(e.text, "server said")); /* nobody did */
        arena_free(a);
    }
}

static void test_text(void **state)
{
    struct smtp_status s = {550, "5.1.1", "bad\r\nuser \x01\xff<tag>\t x ", SMTP_TROUBLE_NONE};
    struct arena *a = arena_new(1 << 20), *none = arena_new(64);
    struct jabber_error e;
    static char longtext[5000];
    size_t i;

    (void)state;
    assert_int_equal(status_to_jabber(a, &s, "friend@example.org", &e), 0);
    assert_string_equal(
        e.text, "There is no mailbox friend@example.org. Check the address. The mail server "
                "said: 550 5.1.1 bad user \xef\xbf\xbd<tag> x");
    assert_null(e.uri);
    for (i = 0; i + 2 < sizeof longtext; i += 2)
        memcpy(longtext + i, "\xc3\xbc", 3);
    s.text = longtext;
    assert_int_equal(status_to_jabber(a, &s, longtext, &e), 0);
    assert_true(strlen(e.text) < 1000);
    assert_true(utf8_is_valid(e.text, strlen(e.text)));
    assert_int_equal(status_to_jabber(none, &s, "a@b", &e), -1);
    s = (struct smtp_status){0, NULL, NULL, SMTP_TROUBLE_NONE};
    assert_int_equal(status_to_jabber(a, &s, "a@b", &e), 0);
    assert_string_equal(e.text,
                        "The message to a@b could not be delivered for now. Try again later.");
    arena_free(a);
    arena_free(none);
}

static void test_moved(void **state)
{
    static const struct {
        const char *text, *uri;
    } rows[] = {
        {"User not local; please try <new@other.example>", "mailto:new@other.example"},
        {"old@x.org has moved to new@other.example.", "mailto:new@other.example"},
        {"Try <OLD@x.org>, or (a.b+c@d.example)", "mailto:a.b+c@d.example"},
        {"please try <a%b&c=d?e@f.example>", "mailto:a%25b%26c%3Dd%3Fe@f.example"},
        {"see http://x/@ or mail @, @x x@", NULL},
        {"old@x.org is gone", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smtp_status s = {551, NULL, rows[i].text, SMTP_TROUBLE_NONE};
        struct arena *a = arena_new(65536);
        struct jabber_error e;

        assert_int_equal(status_to_jabber(a, &s, "old@x.org", &e), 0);
        if (!rows[i].uri != !e.uri || (e.uri && strcmp(e.uri, rows[i].uri) != 0))
            fail_msg("%s: %s", rows[i].text, e.uri ? e.uri : "none");
        arena_free(a);
    }
}

static void test_split(void **state)
{
    static const struct {
        const char *text, *code, *rest;
    } rows[] = {
        {"5.1.1 no such user", "5.1.1", "no such user"},
        {"4.7.651 later", "4.7.651", "later"},
        {"2.0.0", "2.0.0", ""},
        {"#5.1.0 Address rejected.", "5.1.0", "Address rejected."},
        {"5.7.1: no", "5.7.1", ": no"},
        {"no such user 5.1.1", NULL, "no such user 5.1.1"},
        {"3.1.1 x", NULL, "3.1.1 x"},
        {"5.1 x", NULL, "5.1 x"},
        {"5.1.1.1 is my address", NULL, "5.1.1.1 is my address"},
        {"5.1234.1 x", NULL, "5.1234.1 x"},
        {"5.1.1x", NULL, "5.1.1x"},
        {"5..1 x", NULL, "5..1 x"},
        {"", NULL, ""},
    };
    struct arena *a = arena_new(65536), *none = arena_new(0);
    const char *rest;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *code = status_split(a, rows[i].text, &rest);

        if (!code != !rows[i].code || (code && strcmp(code, rows[i].code) != 0))
            fail_msg("%s: %s", rows[i].text, code ? code : "none");
        assert_string_equal(rest, rows[i].rest);
    }
    assert_null(status_split(none, "5.1.1 x", &rest));
    assert_string_equal(rest, "5.1.1 x");
    arena_free(a);
    arena_free(none);
}

static struct xml_node *make_error(struct arena *a, const char *type, const char *code,
                                   const char *condition)
{
    struct xml_node *error = xml_new(a, "jabber:client", "error");

    if (type)
        assert_non_null(xml_set(a, error, "type", type));
    if (code)
        assert_non_null(xml_set(a, error, "code", code));
    if (condition)
        assert_non_null(xml_add(a, error, NS_STANZAS, condition));
    return error;
}

static void test_from_jabber(void **state)
{
    static const struct {
        const char *type, *code, *condition;
        int want;
        const char *enhanced;
    } rows[] = {
        {"cancel", NULL, "item-not-found", 550, "5.1.1"},
        {"modify", NULL, "gone", 550, "5.1.6"},
        {"modify", NULL, "redirect", 550, "5.1.6"},
        {"modify", NULL, "jid-malformed", 553, "5.1.3"},
        {"cancel", "404", "remote-server-not-found", 550, "5.1.2"},
        {"wait", "404", "recipient-unavailable", 450, "4.2.1"},
        {"cancel", "503", "service-unavailable", 550, "5.2.1"},
        {"wait", "502", "service-unavailable", 451, "4.3.2"},
        {NULL, "502", "service-unavailable", 451, "4.3.2"},
        {NULL, NULL, "service-unavailable", 550, "5.2.1"},
        {"wait", NULL, "remote-server-timeout", 451, "4.4.1"},
        {"auth", NULL, "forbidden", 550, "5.7.1"},
        {"cancel", NULL, "not-allowed", 550, "5.7.1"},
        {"auth", NULL, "not-authorized", 550, "5.7.1"},
        {"auth", NULL, "registration-required", 550, "5.7.1"},
        {"auth", NULL, "subscription-required", 550, "5.7.1"},
        {"auth", NULL, "payment-required", 550, "5.7.1"},
        {"modify", NULL, "not-acceptable", 554, "5.7.1"},
        {"modify", NULL, "policy-violation", 554, "5.7.1"},
        {"wait", NULL, "not-acceptable", 450, "4.7.1"},
        {"wait", NULL, "policy-violation", 450, "4.7.1"},
        {"wait", NULL, "resource-constraint", 452, "4.2.2"},
        {"cancel", NULL, "feature-not-implemented", 554, "5.3.3"},
        {"wait", NULL, "internal-server-error", 451, "4.3.0"},
        {"cancel", NULL, "internal-server-error", 451, "4.3.0"},
        {"wait", NULL, "unexpected-request", 451, "4.3.0"},
        {"cancel", NULL, "conflict", 554, "5.3.0"},
        {"modify", NULL, "bad-request", 554, "5.3.0"},
        {"wait", NULL, "undefined-condition", 451, "4.0.0"},
        {"cancel", NULL, "undefined-condition", 554, "5.0.0"},
        {"continue", NULL, "undefined-condition", 250, "2.0.0"},
        {"cancel", NULL, "not-yet-invented", 554, "5.0.0"},
        {NULL, NULL, NULL, 554, "5.0.0"},
        {"wait", NULL, NULL, 451, "4.0.0"},
        /* 2001: a code and words */
        {NULL, "302", NULL, 550, "5.1.6"},
        {NULL, "400", NULL, 554, "5.3.0"},
        {NULL, "401", NULL, 550, "5.7.1"},
        {NULL, "402", NULL, 550, "5.7.1"},
        {NULL, "403", NULL, 550, "5.7.1"},
        {NULL, "404", NULL, 550, "5.1.1"},
        {NULL, "405", NULL, 550, "5.7.1"},
        {NULL, "406", NULL, 554, "5.7.1"},
        {NULL, "407", NULL, 550, "5.7.1"},
        {NULL, "408", NULL, 451, "4.4.1"},
        {NULL, "409", NULL, 554, "5.3.0"},
        {NULL, "500", NULL, 451, "4.3.0"},
        {NULL, "501", NULL, 554, "5.3.3"},
        {NULL, "502", NULL, 451, "4.3.2"},
        {NULL, "503", NULL, 550, "5.2.1"},
        {NULL, "504", NULL, 451, "4.4.1"},
        {NULL, "510", NULL, 550, "5.2.1"},
        {NULL, "999", NULL, 554, "5.0.0"},
        {NULL, "99999999999999999999", NULL, 554, "5.0.0"},
        {NULL, "x", NULL, 554, "5.0.0"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(65536);
        struct xml_node *error = make_error(a, rows[i].type, rows[i].code, rows[i].condition);
        struct smtp_status s;

        xml_add_text(a, error, rows[i].condition ? "" : "Old words");
        assert_int_equal(status_from_jabber(a, error, &s), 0);
        if (s.code != rows[i].want || strcmp(s.enhanced, rows[i].enhanced) != 0)
            fail_msg("%s %s: %d %s", rows[i].type, rows[i].condition, s.code, s.enhanced);
        assert_string_equal(s.text, rows[i].condition ? rows[i].condition : "Old words");
        assert_int_equal(s.trouble, SMTP_TROUBLE_NONE);
        arena_free(a);
    }
}

static void test_from_jabber_text(void **state)
{
    struct arena *a = arena_new(65536);
    struct xml_node *error = make_error(a, "modify", NULL, "policy-violation"), *moved;
    struct smtp_status s;

    (void)state;
    xml_add_with_text(a, error, NS_STANZAS, "text", "Stanza is\n too large\t!");
    assert_int_equal(status_from_jabber(a, error, &s), 0);
    assert_int_equal(s.code, 552);
    assert_string_equal(s.enhanced, "5.3.4");
    assert_string_equal(s.text, "Stanza is too large !");
    error = make_error(a, "modify", NULL, "not-acceptable");
    xml_add(a, error, "urn:xmpp:errors", "stanza-too-big");
    assert_int_equal(status_from_jabber(a, error, &s), 0);
    assert_int_equal(s.code, 552);
    moved = make_error(a, "cancel", NULL, NULL);
    xml_add_with_text(a, moved, NS_STANZAS, "gone", "xmpp:new@x.example");
    assert_int_equal(status_from_jabber(a, moved, &s), 0);
    assert_string_equal(s.enhanced, "5.1.6");
    assert_string_equal(s.text, "gone (xmpp:new@x.example)");
    /* the text first, the condition second */
    error = xml_new(a, "c", "error");
    xml_add_with_text(a, error, NS_STANZAS, "text", "words");
    xml_add(a, error, NS_STANZAS, "item-not-found");
    assert_int_equal(status_from_jabber(a, error, &s), 0);
    assert_int_equal(s.code, 550);
    assert_string_equal(s.text, "words");
    arena_free(a);
}

static void test_error_init(void **state)
{
    static const struct {
        const char *condition;
        int code;
        const char *type;
    } rows[] = {
        {"bad-request", 400, "modify"},
        {"not-authorized", 401, "auth"},
        {"forbidden", 403, "auth"},
        {"item-not-found", 404, "cancel"},
        {"not-allowed", 405, "cancel"},
        {"not-acceptable", 406, "modify"},
        {"registration-required", 407, "auth"},
        {"conflict", 409, "cancel"},
        {"feature-not-implemented", 501, "cancel"},
        {"service-unavailable", 503, "cancel"},
        {"jid-malformed", 400, "modify"},
        {"internal-server-error", 500, "wait"},
        {"resource-constraint", 500, "wait"},
        {"remote-server-timeout", 504, "wait"},
    };
    struct jabber_error e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        jabber_error_init(&e, rows[i].condition, "words");
        assert_string_equal(e.condition, rows[i].condition);
        assert_int_equal(e.code, rows[i].code);
        assert_string_equal(e.type, rows[i].type);
        assert_string_equal(e.text, "words");
        assert_null(e.uri);
    }
    jabber_error_init(&e, "not-yet-invented", NULL);
    assert_string_equal(e.condition, "undefined-condition");
    assert_int_equal(e.code, 500);
}

static void assert_written(const struct xml_node *node, const char *want)
{
    struct buf b;

    assert_non_null(node);
    buf_init(&b, 10000);
    xml_write(&b, node, node->ns);
    assert_string_equal(b.data, want);
    buf_clear(&b);
}

static void test_reply(void **state)
{
    struct jabber_error e = {404, "cancel", "item-not-found", "No <such> one.", NULL};
    struct arena *a = arena_new(65536);
    struct xml_node *stanza = xml_new(a, "jabber:component:accept", "iq");
    char text[1000] = "";
    size_t max;

    (void)state;
    xml_set(a, stanza, "from", "juliet@example.org/balcony");
    xml_set(a, stanza, "to", "friend\\40x.org@mail.example.org");
    xml_set(a, stanza, "id", "7'");
    xml_set(a, stanza, "type", "get");
    xml_add_with_text(a, stanza, "jabber:component:accept", "body", "large");
    assert_written(
        jabber_error_reply(a, stanza, &e),
        "<iq from='friend\\40x.org@mail.example.org' to='juliet@example.org/balcony' id='7&apos;' "
        "type='error'><error code='404' type='cancel'><item-not-found xmlns='" NS_STANZAS "'/>"
        "<text xmlns='" NS_STANZAS "'>No &lt;such&gt; one.</text></error></iq>");
    e = (struct jabber_error){302, "cancel", "gone", NULL, "mailto:a@b"};
    assert_written(
        jabber_error_message(a, "x@gw", "y@z", NULL, "Hi", &e),
        "<message from='x@gw' to='y@z' type='error'><body>Hi</body><error code='302' type='cancel'>"
        "<gone xmlns='" NS_STANZAS "'>mailto:a@b</gone></error></message>");
    memset(text, 'x', sizeof text - 1);
    memcpy(text + 159, "\303\251", 2); /* a character that would be cut in two */
    stanza = xml_new(a, "jabber:component:accept", "message");
    xml_add_with_text(a, stanza, "jabber:component:accept", "body", text);
    text[159] = '\0';
    assert_string_equal(
        xml_child_text(a, jabber_error_reply(a, stanza, &e), "jabber:component:accept", "body"),
        arena_printf(a, "%s...", text));
    for (max = 0; max < 600; max += 16) {
        struct arena *small = arena_new(max);

        assert_null(jabber_error_reply(small, stanza, &e));
        arena_free(small);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class),       cmocka_unit_test(test_to_jabber),
        cmocka_unit_test(test_trouble),     cmocka_unit_test(test_text),
        cmocka_unit_test(test_moved),       cmocka_unit_test(test_split),
        cmocka_unit_test(test_from_jabber), cmocka_unit_test(test_from_jabber_text),
        cmocka_unit_test(test_error_init),  cmocka_unit_test(test_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
