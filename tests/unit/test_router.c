/* The router: each stanza that may come from the host, and what is answered or handed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "component/parser.h"
#include "component/router.h"
#include "component/stream.h"

struct world {
    struct router *router;
    struct buf told; /* what was sent, written again, and what was handed up */
    int64_t wall_ms, mono_ms;
};

static int64_t wall_ms(void *arg)
{
    return ((struct world *)arg)->wall_ms;
}

static int64_t mono_ms(void *arg)
{
    return ((struct world *)arg)->mono_ms;
}

static void hand(struct world *w, const char *what, struct xml_node *stanza, struct arena *arena)
{
    buf_printf(&w->told, "[%s]", what);
    xml_write(&w->told, stanza, STREAM_NS);
    arena_free(arena);
}

static void on_message(struct xml_node *stanza, struct arena *arena, void *arg)
{
    hand(arg, "message", stanza, arena);
}

static void on_error(struct xml_node *stanza, struct arena *arena, void *arg)
{
    hand(arg, "error", stanza, arena);
}

static void on_presence(const struct xml_node *stanza, void *arg)
{
    struct world *w = arg;

    buf_adds(&w->told, "[presence]");
    xml_write(&w->told, stanza, STREAM_NS);
}

static int on_send(const struct xml_node *stanza, void *arg)
{
    struct world *w = arg;

    xml_write(&w->told, stanza, STREAM_NS);
    return 0;
}

static bool on_subscribe(const char *jid, const char *contact, void *arg)
{
    struct world *w = arg;

    buf_printf(&w->told, "[%s subscribes to %s]", jid, contact);
    return !strstr(contact, "full");
}

static bool on_probe(const char *jid, const char *contact, void *arg)
{
    struct world *w = arg;

    buf_printf(&w->told, "[%s has %s]", jid, contact);
    return strcmp(contact, "gw") == 0;
}

static void on_unsubscribe(const char *jid, const char *contact, void *arg)
{
    struct world *w = arg;

    buf_printf(&w->told, "[%s leaves %s]", jid, contact);
}

static int contact(const char *jid, const char **mail_out, struct arena *a, struct err *e,
                   void *arg)
{
    (void)arg;
    (void)a;
    if (strncmp(jid, "busy@", 5) == 0)
        return err_set(e, ERR_RETRY, "busy");
    if (!strstr(jid, "\\40"))
        return err_set(e, ERR_PERMANENT, "no mail address: %s", jid);
    *mail_out = "ann@example.org";
    return 0;
}

static int prompt(const char *address, const char **jid_out, struct arena *a, struct err *e,
                  void *arg)
{
    (void)arg;
    (void)a;
    if (strcmp(address, "ann@example.org") != 0)
        return err_set(e, ERR_PERMANENT, "'%s' is no mail address", address);
    *jid_out = "ann\\40example.org@gw";
    return 0;
}

static bool may_use(const char *jid, void *arg)
{
    (void)arg;
    return strncmp(jid, "u@home", 6) == 0;
}

static void on_answer(const struct xml_node *stanza, void *arg)
{
    struct world *w = arg;

    buf_adds(&w->told, "[answer]");
    xml_write(&w->told, stanza, STREAM_NS);
}

static void on_user(const char *jid, void *arg)
{
    struct world *w = arg;

    buf_printf(&w->told, "[user %s]", jid);
}

static void on_card(struct xml_node *iq, const char *mail, struct arena *arena, void *arg)
{
    struct world *w = arg;

    buf_printf(&w->told, "[card of %s]", mail);
    xml_write(&w->told, iq, STREAM_NS);
    arena_free(arena);
}

static void on_registration(struct xml_node *iq, struct arena *arena, void *arg)
{
    hand(arg, "registration", iq, arena);
}

static void on_directory(struct xml_node *iq, struct arena *arena, void *arg)
{
    hand(arg, "directory", iq, arena);
}

static void on_command(struct xml_node *iq, struct arena *arena, void *arg)
{
    hand(arg, "command", iq, arena);
}

static const struct router_handler handler = {
    .message = on_message,
    .error = on_error,
    .answer = on_answer,
    .user = on_user,
    .subscribe = on_subscribe,
    .probe = on_probe,
    .unsubscribe = on_unsubscribe,
    .card = on_card,
    .registration = on_registration,
    .directory = on_directory,
    .command = on_command,
    .presence = on_presence,
    .send = on_send,
    .contact = contact,
    .prompt = prompt,
    .may_use = may_use,
};

#define U    "from='u@home/r' "
#define X    "from='x@else/r' "
#define GW   "to='gw' "
#define ANN  "to='ann\\40example.org@gw' "
#define BAD  "to='bad@gw' "
#define BUSY "to='busy@gw' "
#define NS   "urn:ietf:params:xml:ns:xmpp-stanzas"

#define ERROR(code, type, condition, text)                                                         \
    "<error code='" code "' type='" type "'><" condition " xmlns='" NS "'/><text xmlns='" NS       \
    "'>" text "</text></error>"
#define IQ(type)        "<iq type='" type "' id='1' from='gw' to='u@home/r'"
#define IQ_ANN(type)    "<iq type='" type "' id='1' from='ann\\40example.org@gw' to='u@home/r'"
#define IQ_FROM_U(type) "<iq type='" type "' id='1' from='u@home/r' to='gw'"
#define NOT_YOURS       "This is not yours to change: only your own vCard is."
#define INFO            "http://jabber.org/protocol/disco#info"
#define ITEMS           "http://jabber.org/protocol/disco#items"
#define NODE            "https://postern.invalid/caps"
/* computed by another program, as XEP-0115 §5.1 says */
#define VER_GW  "n1Rj3QFuC7LY6fA8kKTtfV7UYEI="
#define VER_ANN "q4UCSLomQSW0TCX41XxcL6BGJX0="
#define CAPS(ver)                                                                                  \
    "><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='" NODE "' ver='" ver           \
    "'/></presence>"
#define LOOKS(photo)                                                                               \
    "<presence from='ann\\40example.org@gw' to='u@home'><c "                                       \
    "xmlns='http://jabber.org/protocol/caps' "                                                     \
    "hash='sha-1' node='" NODE "' ver='" VER_ANN "'/><x xmlns='vcard-temp:x:update'>" photo        \
    "</x></presence>"
#define SERVER_INFO                                                                                \
    "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>"                 \
    "<value>http://jabber.org/network/serverinfo</value></field>"                                  \
    "<field var='admin-addresses' type='list-multi'><value>xmpp:a@home</value>"                    \
    "<value>mailto:z@gw</value></field></x>"
#define FEATURE(x) "<feature var='" x "'/>"
#define FEATURES_GW                                                                                \
    FEATURE(INFO)                                                                                  \
    FEATURE(ITEMS)                                                                                 \
    FEATURE("urn:xmpp:ping")                                                                       \
    FEATURE("http://jabber.org/protocol/caps")                                                     \
    FEATURE("jabber:iq:gateway")                                                                   \
    FEATURE("jabber:iq:register")                                                                  \
    FEATURE("jabber:iq:last")                                                                      \
    FEATURE("jabber:iq:search")                                                                    \
    FEATURE("http://jabber.org/protocol/rsm")                                                      \
    FEATURE("jabber:iq:version")                                                                   \
    FEATURE("urn:xmpp:time")                                                                       \
    FEATURE("jid\\20escaping")                                                                     \
    FEATURE("vcard-temp")                                                                          \
    FEATURE("http://jabber.org/protocol/commands")                                                 \
    FEATURE("jabber:x:envelope")                                                                   \
    FEATURE("http://jabber.org/protocol/address")                                                  \
    FEATURE("http://jabber.org/protocol/amp")                                                      \
    FEATURE("jabber:x:event")                                                                      \
    FEATURE("urn:xmpp:receipts")                                                                   \
    FEATURE("urn:xmpp:chat-markers:0")                                                             \
    FEATURE("jabber:x:expire")                                                                     \
    FEATURE("jabber:x:oob")                                                                        \
    FEATURE("jabber:x:encrypted")                                                                  \
    FEATURE("urn:xmpp:sfs:0")                                                                      \
    FEATURE("urn:xmpp:reply:0")                                                                    \
    FEATURE("urn:xmpp:message-correct:0")                                                          \
    FEATURE("jabber:x:roster")                                                                     \
    FEATURE("http://jabber.org/protocol/rosterx")                                                  \
    FEATURE("http://jabber.org/protocol/shim")                                                     \
    FEATURE("http://jabber.org/protocol/xhtml-im")
#define FEATURES_ANN                                                                               \
    FEATURE(INFO)                                                                                  \
    FEATURE(ITEMS)                                                                                 \
    FEATURE("urn:xmpp:ping")                                                                       \
    FEATURE("http://jabber.org/protocol/caps")                                                     \
    FEATURE("jabber:iq:last")                                                                      \
    FEATURE("vcard-temp")                                                                          \
    FEATURE("jabber:x:envelope")                                                                   \
    FEATURE("http://jabber.org/protocol/address")                                                  \
    FEATURE("http://jabber.org/protocol/amp")                                                      \
    FEATURE("jabber:x:event")                                                                      \
    FEATURE("urn:xmpp:receipts")                                                                   \
    FEATURE("urn:xmpp:chat-markers:0")                                                             \
    FEATURE("jabber:x:expire")                                                                     \
    FEATURE("jabber:x:oob")                                                                        \
    FEATURE("jabber:x:encrypted")                                                                  \
    FEATURE("urn:xmpp:sfs:0")                                                                      \
    FEATURE("urn:xmpp:reply:0")                                                                    \
    FEATURE("urn:xmpp:message-correct:0")                                                          \
    FEATURE("jabber:x:roster")                                                                     \
    FEATURE("http://jabber.org/protocol/rosterx")                                                  \
    FEATURE("http://jabber.org/protocol/shim")                                                     \
    FEATURE("http://jabber.org/protocol/xhtml-im")
#define FORBIDDEN      ERROR("403", "auth", "forbidden", "You are not allowed to use this gateway.")
#define MALFORMED(jid) ERROR("400", "modify", "jid-malformed", "no mail address: " jid)

static const struct {
    const char *in, *out;
} rows[] = {
    /* messages and errors go up */
    {"<message " U GW "/>", "[message]<message from='u@home/r' to='gw'/>"},
    {"<message/>", "[message]<message/>"},
    {"<message type='error' " U ANN "id='7'/>",
     "[error]<message type='error' from='u@home/r' to='ann\\40example.org@gw' id='7'/>"},
    {"<presence type='error' " U GW "/>",
     "[error]<presence type='error' from='u@home/r' to='gw'/>"},
    {"<other " U GW "/>", ""},

    /* discovery */
    {"<iq type='get' id='1' " U GW "><query xmlns='" INFO "'/></iq>",
     IQ("result") "><query xmlns='" INFO "'>"
                  "<identity category='gateway' type='smtp' name='Mail gateway'/>" FEATURES_GW
                      SERVER_INFO "</query></iq>"},
    {"<iq type='get' id='1' " U ANN "><query xmlns='" INFO "' node=''/></iq>",
     IQ_ANN("result") "><query xmlns='" INFO "'>"
                      "<identity category='account' type='registered'/>" FEATURES_ANN
                      "</query></iq>"},
    {"<iq type='get' id='1' " U ANN "><query xmlns='" ITEMS "' node='" NODE "#" VER_ANN "'/></iq>",
     IQ_ANN("error") ">" ERROR("404", "cancel", "item-not-found",
                               "There is no such node here.") "</iq>"},
    {"<iq type='get' id='1' " U ANN "><query xmlns='" INFO "' node='" NODE "#" VER_GW "'/></iq>",
     IQ_ANN("error") ">" ERROR("404", "cancel", "item-not-found",
                               "There is no such node here.") "</iq>"},
    {"<iq type='get' id='1' " U GW "><query xmlns='" INFO "' node='n'/></iq>",
     IQ("error") ">" ERROR("404", "cancel", "item-not-found",
                           "There is no such node here.") "</iq>"},
    /* a user's contacts are looked up elsewhere; a contact has none */
    {"<iq type='get' id='1' " U "to='gw/x'><query xmlns='" ITEMS "'/></iq>",
     "[directory]<iq type='get' id='1' from='u@home/r' to='gw/x'><query xmlns='" ITEMS "'/></iq>"},
    {"<iq type='get' id='1' " U ANN "><query xmlns='" ITEMS "'/></iq>",
     IQ_ANN("result") "><query xmlns='" ITEMS "'/></iq>"},
    {"<iq type='set' id='1' " X GW "><query xmlns='jabber:iq:search'/></iq>",
     "[directory]<iq type='set' id='1' from='x@else/r' to='gw'><query "
     "xmlns='jabber:iq:search'/></iq>"},
    {"<iq type='get' id='1' " U ANN "><query xmlns='jabber:iq:last'/></iq>",
     "[directory]<iq type='get' id='1' from='u@home/r' to='ann\\40example.org@gw'><query "
     "xmlns='jabber:iq:last'/></iq>"},
    {"<iq type='get' id='1' " U BAD "><query xmlns='" INFO "'/></iq>",
     "<iq type='error' id='1' from='bad@gw' to='u@home/r'>" MALFORMED("bad@gw") "</iq>"},
    {"<iq type='get' id='1' " U BUSY "><query xmlns='" INFO "'/></iq>",
     "<iq type='error' id='1' from='busy@gw' to='u@home/r'>" ERROR(
         "503", "wait", "service-unavailable", "busy") "</iq>"},
    /* a slash before the at sign: a resource of the gateway, no contact */
    {"<iq type='get' id='1' " U "to='gw/a@b'><ping xmlns='urn:xmpp:ping'/></iq>",
     "<iq type='result' id='1' from='gw/a@b' to='u@home/r'/>"},

    /* what else is answered */
    {"<iq type='get' id='1' " U GW "> <ping xmlns='urn:xmpp:ping'/></iq>", IQ("result") "/>"},
    {"<iq type='get' id='1' " U ANN "><ping xmlns='urn:xmpp:ping'/></iq>", IQ_ANN("result") "/>"},
    {"<iq type='get' id='1' " U GW "><query xmlns='jabber:iq:version'/></iq>",
     IQ("result") "><query xmlns='jabber:iq:version'><name>postern</name><version>1.2.3</version>"
                  "</query></iq>"},
    {"<iq type='get' id='1' " X GW "><query xmlns='jabber:iq:register'/></iq>",
     "[registration]<iq type='get' id='1' from='x@else/r' to='gw'><query "
     "xmlns='jabber:iq:register'/></iq>"},
    {"<iq type='set' id='1' " U GW "><query xmlns='jabber:iq:register'><remove/></query></iq>",
     "[registration]<iq type='set' id='1' from='u@home/r' to='gw'>"
     "<query xmlns='jabber:iq:register'><remove/></query></iq>"},
    {"<iq type='get' id='1' " U GW "><query xmlns='jabber:iq:last'/></iq>",
     IQ("result") "><query xmlns='jabber:iq:last' seconds='90'/></iq>"},
    {"<iq type='get' id='1' " U GW "><time xmlns='urn:xmpp:time'/></iq>",
     IQ("result") "><time xmlns='urn:xmpp:time'><tzo>+00:00</tzo><utc>2009-02-13T23:31:30Z</utc>"
                  "</time></iq>"},
    {"<iq type='get' id='1' " U GW "><query xmlns='jabber:iq:gateway'/></iq>",
     IQ("result") "><query xmlns='jabber:iq:gateway'><desc>Enter the mail address of the person "
                  "you "
                  "would like to write to.</desc><prompt>Mail address</prompt></query></iq>"},
    {"<iq type='set' id='1' " U GW
     "><query xmlns='jabber:iq:gateway'><prompt>ann@example.org</prompt></query></iq>",
     IQ("result") "><query xmlns='jabber:iq:gateway'><jid>ann\\40example.org@gw</jid>"
                  "<prompt>ann\\40example.org@gw</prompt></query></iq>"},
    {"<iq type='set' id='1' " U GW
     "><query xmlns='jabber:iq:gateway'><prompt>ann</prompt></query></iq>",
     IQ("error") ">" ERROR("406", "modify", "not-acceptable",
                           "&apos;ann&apos; is no mail address") "</iq>"},
    {"<iq type='set' id='1' " U GW "><query xmlns='jabber:iq:gateway'/></iq>",
     IQ("error") ">" ERROR("400", "modify", "bad-request", "There is no mail address.") "</iq>"},
    {"<iq type='set' id='1' " X GW
     "><query xmlns='jabber:iq:gateway'><prompt>ann@example.org</prompt></query></iq>",
     "<iq type='error' id='1' from='gw' to='x@else/r'>" FORBIDDEN "</iq>"},

    /* vCards */
    /* commands go up, of the gateway and from anybody: who may is not asked here */
    {"<iq type='set' id='1' " U GW "><command xmlns='http://jabber.org/protocol/commands'/></iq>",
     "[command]<iq type='set' id='1' from='u@home/r' to='gw'>"
     "<command xmlns='http://jabber.org/protocol/commands'/></iq>"},
    {"<iq type='get' id='1' " X GW "><query xmlns='" ITEMS
     "' node='http://jabber.org/protocol/commands'/></iq>",
     "[command]<iq type='get' id='1' from='x@else/r' to='gw'><query xmlns='" ITEMS
     "' node='http://jabber.org/protocol/commands'/></iq>"},
    {"<iq type='set' id='1' " U ANN "><command xmlns='http://jabber.org/protocol/commands'/></iq>",
     IQ_ANN("error") ">" ERROR("503", "cancel", "service-unavailable",
                               "This is not offered here.") "</iq>"},
    {"<iq type='get' id='1' " U GW "><vCard xmlns='vcard-temp'/></iq>",
     IQ("result") "><vCard xmlns='vcard-temp'><FN>Mail gateway</FN><JABBERID>gw</JABBERID>"
                  "<DESC>This gateway carries messages between Jabber and mail. To write to "
                  "name@example.org, add the contact name\\40example.org@gw.</DESC></vCard></iq>"},
    {"<iq type='set' id='1' " U GW "><vCard xmlns='vcard-temp'/></iq>",
     IQ("error") ">" ERROR("403", "auth", "forbidden", NOT_YOURS) "</iq>"},
    {"<iq type='set' id='1' " U ANN "><vCard xmlns='vcard-temp'/></iq>",
     IQ_ANN("error") ">" ERROR("403", "auth", "forbidden", NOT_YOURS) "</iq>"},
    {"<iq type='get' id='1' " U ANN "><vCard xmlns='vcard-temp'/></iq>",
     "[card of ann@example.org]<iq type='get' id='1' from='u@home/r' "
     "to='ann\\40example.org@gw'><vCard xmlns='vcard-temp'/></iq>"},
    {"<iq type='get' id='1' " U BAD "><vCard xmlns='vcard-temp'/></iq>",
     "<iq type='error' id='1' from='bad@gw' to='u@home/r'>" MALFORMED("bad@gw") "</iq>"},

    /* what is not */
    {"<iq type='set' id='1' " U GW "><query xmlns='jabber:iq:version'/></iq>",
     IQ("error") ">" ERROR("405", "cancel", "not-allowed", "This cannot be set.") "</iq>"},
    {"<iq type='get' id='1' " U GW "><query xmlns='jabber:iq:roster'/></iq>",
     IQ("error") ">" ERROR("503", "cancel", "service-unavailable",
                           "This is not offered here.") "</iq>"},
    {"<iq type='get' id='1' " U ANN "><query xmlns='jabber:iq:version'/></iq>",
     IQ_ANN("error") ">" ERROR("503", "cancel", "service-unavailable",
                               "This is not offered here.") "</iq>"},
    {"<iq type='get' id='1' " U GW "/>",
     IQ("error") ">" ERROR("400", "modify", "bad-request",
                           "An iq needs an id, a type and an element in it.") "</iq>"},
    {"<iq id='1' " U GW "><ping xmlns='urn:xmpp:ping'/></iq>",
     IQ("error") ">" ERROR("400", "modify", "bad-request",
                           "An iq needs an id, a type and an element in it.") "</iq>"},
    {"<iq type='result' id='1' " U GW "><ping xmlns='urn:xmpp:ping'/></iq>",
     "[answer]" IQ_FROM_U("result") "><ping xmlns='urn:xmpp:ping'/></iq>"},
    {"<iq type='error' id='1' " U GW "/>", "[answer]" IQ_FROM_U("error") "/>"},
    {"<iq type='result' id='1' " GW "/>", ""},
    {"<iq type='get' id='1' " GW "><ping xmlns='urn:xmpp:ping'/></iq>", ""},
    {"<iq type='get' id='1' from='' " GW "><ping xmlns='urn:xmpp:ping'/></iq>", ""},
    {"<iq type='get' id='1' " U "><ping xmlns='urn:xmpp:ping'/></iq>", IQ("result") "/>"},

    /* presence */
    {"<presence type='subscribe' " U ANN "/>",
     "[u@home/r subscribes to ann\\40example.org@gw][user u@home/r]"},
    {"<presence type='subscribe' " U "to='full\\40example.org@gw'/>",
     "[u@home/r subscribes to full\\40example.org@gw]<presence type='error' "
     "from='full\\40example.org@gw' to='u@home/r'>" ERROR(
         "500", "wait", "resource-constraint",
         "The gateway is busy. Try again later.") "</presence>"},
    {"<presence type='subscribe' " U "to='gw/r'/>", "[u@home/r subscribes to gw/r][user u@home/r]"},
    {"<presence type='subscribe' " X GW "/>",
     "<presence type='error' from='gw' to='x@else/r'>" FORBIDDEN
     "</presence><presence from='gw' to='x@else' type='unsubscribed'>"
     "<status>You are not allowed to use this gateway.</status></presence>"},
    {"<presence type='subscribe' " U BAD "/>",
     "<presence type='error' from='bad@gw' to='u@home/r'>" MALFORMED(
         "bad@gw") "</presence><presence from='bad@gw' to='u@home' type='unsubscribed'>"
                   "<status>no mail address: bad@gw</status></presence>"},
    {"<presence type='subscribe' " U BUSY "/>",
     "<presence type='error' from='busy@gw' to='u@home/r'>" ERROR(
         "503", "wait", "service-unavailable", "busy") "</presence>"},
    {"<presence type='unsubscribe' " X BAD "/>",
     "[x@else/r leaves bad@gw]<presence from='bad@gw' to='x@else' type='unsubscribed'/>"
     "<presence from='bad@gw' to='x@else' type='unavailable'/>"},
    {"<presence type='probe' " U ANN "/>",
     "[user u@home/r][u@home/r has ann\\40example.org@gw]"
     "<presence from='ann\\40example.org@gw' to='u@home'" CAPS(VER_ANN)},
    {"<presence type='probe' " U GW "/>", "[user u@home/r][u@home/r has gw]"},
    {"<presence type='probe' " X ANN "/>",
     "<presence from='ann\\40example.org@gw' to='x@else' type='unavailable'/>"},
    {"<presence type='probe' " U BAD "/>",
     "<presence type='error' from='bad@gw' to='u@home/r'>" MALFORMED("bad@gw") "</presence>"},
    {"<presence type='probe' " U BUSY "/>", ""},
    {"<presence type='subscribed' " U ANN "/>",
     "[presence]<presence type='subscribed' from='u@home/r' to='ann\\40example.org@gw'/>"},
    {"<presence type='unsubscribed' " U ANN "/>",
     "[presence]<presence type='unsubscribed' from='u@home/r' to='ann\\40example.org@gw'/>"},
    {"<presence " U GW "/>", "[presence]<presence from='u@home/r' to='gw'/>"},
    {"<presence " X ANN "><show>away</show></presence>",
     "[presence]<presence from='x@else/r' "
     "to='ann\\40example.org@gw'><show>away</show></presence>"},
    {"<presence type='unavailable' " U GW "/>",
     "[presence]<presence type='unavailable' from='u@home/r' to='gw'/>"},
    {"<presence type='subscribe' " ANN "/>", ""},
};

static void world_open(struct world *w)
{
    static const char *const contacts[] = {"xmpp:a@home", "mailto:z@gw"};
    static const struct router_settings settings = {"gw", "1.2.3", {contacts, 2}};
    static struct clock clock;

    memset(w, 0, sizeof *w);
    buf_init(&w->told, 100000);
    clock = (struct clock){wall_ms, mono_ms, w};
    w->wall_ms = 1234567890123;
    w->mono_ms = 5000;
    w->router = router_new(&clock, &settings, &handler, w);
    assert_non_null(w->router);
    w->mono_ms += 90999;
}

static void world_close(struct world *w)
{
    router_free(w->router);
    buf_clear(&w->told);
}

static struct xml_node *read_stanza(struct arena *a, const char *text)
{
    struct xml_node *stanza = NULL;
    struct err e;

    assert_non_null(a);
    if (parser_read_one(a, text, strlen(text), STREAM_NS, NULL, &stanza, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return stanza;
}

static void test_each_stanza(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new(100000);
        struct world w;

        world_open(&w);
        router_dispatch(w.router, read_stanza(arena, rows[i].in), arena);
        if (strcmp(w.told.data, rows[i].out) != 0)
            fail_msg("%s\n gave %s\n want %s", rows[i].in, w.told.data, rows[i].out);
        world_close(&w);
    }
}

/* Whatever the memory allows, nothing half made is sent. */
static void test_memory_runs_out(void **state)
{
    size_t i, room;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (room = 0; room < 3000; room += 48) {
            struct arena *arena = arena_new(100000);
            struct xml_node *stanza = read_stanza(arena, rows[i].in), *copy;
            struct arena *tight = arena_new(arena_used(arena) + room);
            struct world w;

            world_open(&w);
            copy = xml_copy(tight, stanza);
            if (copy) {
                router_dispatch(w.router, copy, tight);
                /* whole answers, in order: what was sent is a beginning of, or lacks pieces between
                 */
                if (w.told.len > 0 && !strstr(rows[i].out, w.told.data))
                    fail_msg("%s with %zu bytes gave %s", rows[i].in, room, w.told.data);
            } else {
                arena_free(tight);
            }
            arena_free(arena);
            world_close(&w);
        }
    }
}

/* What the router says when it is told to. */
static void test_presence_on_its_own(void **state)
{
    struct arena *a = arena_new(10000), *none = arena_new(0);
    const char *ann = "ann\\40example.org@gw";
    struct world w;

    (void)state;
    world_open(&w);
    router_welcome(w.router, a, ann, "u@home", NULL);
    assert_int_equal(router_announce(w.router, a, ann, "u@home", NULL, ""), 0);
    assert_int_equal(router_announce(w.router, a, ann, "u@home", NULL, "0beef"), 0);
    assert_int_equal(router_announce(w.router, a, "gw", "u@home", NULL, "abc"), 0);
    assert_int_equal(router_announce(w.router, a, "gw", "u@home", "unavailable", NULL), 0);
    assert_int_equal(router_leave(w.router, a, ann, "u@home"), 0);
    assert_int_equal(router_announce(w.router, none, "gw", "u@home", NULL, NULL), -1);
    assert_string_equal(
        w.told.data,
        "<presence from='ann\\40example.org@gw' to='u@home' type='subscribed'/>"
        "<presence from='ann\\40example.org@gw' to='u@home'" CAPS(VER_ANN) LOOKS("<photo/>")
            LOOKS("<photo>0beef</photo>") "<presence from='gw' to='u@home'" CAPS(
                VER_GW) "<presence from='gw' "
                        "to='u@home' "
                        "type='unavailable'/>"
                        "<presence "
                        "from='ann\\40example.org@gw' "
                        "to='u@home' "
                        "type='unavailable'/>"
                        "<presence "
                        "from='ann\\40example.org@gw' "
                        "to='u@home' "
                        "type='unsubscribed'/>");
    world_close(&w);
    arena_free(a);
    arena_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presence_on_its_own),
        cmocka_unit_test(test_each_stanza),
        cmocka_unit_test(test_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
