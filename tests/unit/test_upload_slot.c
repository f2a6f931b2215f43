/* upload_slot: what an upload service says, well-behaved or not. */
#include "bridge/to_jabber/upload_slot.h"

#include "tests/unit/fixture_mapping.h"

#define UPLOAD "xmlns='urn:xmpp:http:upload:0'"
#define SLOT(put, headers, get)                                                                    \
    "<iq type='result'><slot " UPLOAD "><put url='" put "'>" headers "</put><get url='" get        \
    "'/></slot></iq>"
#define PUT "https://up.example/x"
#define GET "https://dl.example/x"

static struct xml_node *read_stanza(struct arena *a, const char *text)
{
    struct fixture f = {.arena = a};

    return fixture_parse(&f, text);
}

static void test_slots(void **state)
{
    static const struct {
        const char *xml;
        enum err_class class;
        const char *header; /* the first: "Name: value" */
        size_t count;
    } rows[] = {
        {SLOT(PUT, "", GET), ERR_NONE, NULL, 0},
        {SLOT(PUT, "<header name='Authorization'>Basic x</header>", GET), ERR_NONE,
         "Authorization: Basic x", 1},
        {SLOT(PUT, "<header name='cookie'>a=&#10;b&#13;&#10;Host: evil</header>", GET), ERR_NONE,
         "Cookie: a=bHost: evil", 1},
        {SLOT(PUT, "<header name='Host'>evil</header><header name='Expires'>0</header>", GET),
         ERR_NONE, "Expires: 0", 1},
        {SLOT(PUT, "<header name='Authorization&#10;Host'>x</header>", GET), ERR_NONE, NULL, 0},
        {SLOT(PUT, "<header>x</header>", GET), ERR_NONE, NULL, 0},
        {SLOT("ftp://up.example/x", "", GET), ERR_PERMANENT, NULL, 0},
        {SLOT("file:///etc/passwd", "", GET), ERR_PERMANENT, NULL, 0},
        {SLOT(PUT, "", "javascript:alert(1)"), ERR_PERMANENT, NULL, 0},
        {SLOT(PUT, "", "https://dl.example/a b"), ERR_PERMANENT, NULL, 0},
        {SLOT(PUT, "", "https://dl.example/&#10;Hello"), ERR_PERMANENT, NULL, 0},
        {"<iq type='result'><slot " UPLOAD "><put url='" PUT "'/></slot></iq>", ERR_PERMANENT, NULL,
         0},
        {"<iq type='result'/>", ERR_PERMANENT, NULL, 0},
        {"<iq type='error'><error type='wait'><resource-constraint "
         "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
         ERR_RETRY, NULL, 0},
        {"<iq type='error'><error type='cancel'/></iq>", ERR_PERMANENT, NULL, 0},
        {"<iq type='error'><error type='wait'><file-too-large " UPLOAD "/></error></iq>",
         ERR_PERMANENT, NULL, 0},
        {"<iq type='error'/>", ERR_RETRY, NULL, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        struct err e = {ERR_NONE, ""};
        struct slot slot;
        int r = slot_read(a, read_stanza(a, rows[i].xml), &slot, &e);

        print_message("%s\n", rows[i].xml);
        assert_int_equal(r, rows[i].class == ERR_NONE ? 0 : -1);
        if (r < 0) {
            assert_int_equal(e.class, rows[i].class);
        } else {
            assert_string_equal(slot.put_url, PUT);
            assert_string_equal(slot.get_url, GET);
            assert_int_equal(slot.header_count, rows[i].count);
            if (rows[i].header)
                assert_string_equal(
                    arena_printf(a, "%s: %s", slot.headers[0].name, slot.headers[0].value),
                    rows[i].header);
        }
        arena_free(a);
    }
}

#define QUERY       "<query xmlns='http://jabber.org/protocol/disco#info'>"
#define INFO(inner) "<iq type='result'>" QUERY inner "</query></iq>"
#define FEATURE     "<feature var='urn:xmpp:http:upload:0'/>"
#define FORM(type, max)                                                                            \
    "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>" type                   \
    "</value></field><field var='max-file-size'><value>" max "</value></field></x>"

static void test_services(void **state)
{
    static const struct {
        const char *xml;
        bool is_service;
        int64_t size_max;
    } rows[] = {
        {INFO(FEATURE FORM("urn:xmpp:http:upload:0", "1048576")), true, 1048576},
        {INFO(FEATURE FORM("other", "7") FORM("urn:xmpp:http:upload:0", "8")), true, 8},
        {INFO(FEATURE FORM("other", "7")), true, 0},
        {INFO(FEATURE FORM("urn:xmpp:http:upload:0", "-1")), true, 0},
        {INFO(FEATURE FORM("urn:xmpp:http:upload:0", "99999999999999999999")), true, 0},
        {INFO(FEATURE FORM("urn:xmpp:http:upload:0", "")), true, 0},
        {INFO(FEATURE), true, 0},
        {INFO("<feature var='urn:xmpp:ping'/>"), false, 0},
        {INFO(""), false, 0},
        {"<iq type='error'><query xmlns='http://jabber.org/protocol/disco#info'>" FEATURE
         "</query></iq>",
         false, 0},
        {"<iq/>", false, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        int64_t size_max;

        print_message("%s\n", rows[i].xml);
        assert_int_equal(slot_is_service(read_stanza(a, rows[i].xml), &size_max),
                         rows[i].is_service);
        assert_int_equal(size_max, rows[i].size_max);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slots),
                                       cmocka_unit_test(test_services)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
