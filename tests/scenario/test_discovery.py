"""What a client finds out about the gateway: everything it announces is answered for real."""

import base64
import datetime
import hashlib
import signal

import pytest

import world as w
from jabber import error_of, has, new_id, quote

INFO = "{http://jabber.org/protocol/disco#info}"
CAPS = "{http://jabber.org/protocol/caps}"
FORM = "{jabber:x:data}"
SERVER_INFO = "http://jabber.org/network/serverinfo"
CONTACTS = ["xmpp:admin@capulet.example", "mailto:help@capulet.example"]


@pytest.fixture(params=["prosody", "ejabberd", "jabberd2"])
def found(request, make_world):
    world = make_world({"contact": CONTACTS}, host=request.param).start()
    forget_contacts(world)
    yield world
    forget_contacts(world)


def forget_contacts(world):
    """A host asks for every contact in a user's list, also for those of other tests."""
    roster = world.juliet.ask(None, "<query xmlns='jabber:iq:roster'/>")
    for item in list(roster[0]):
        world.juliet.ask(None, f"<query xmlns='jabber:iq:roster'><item jid={quote(item.get('jid'))}"
                               " subscription='remove'/></query>", "set")
    world.juliet.ask(w.GATEWAY, "<ping xmlns='urn:xmpp:ping'/>")  # behind what the host says of it
    world.jabber_side.leave_all()


def info(client, jid, node=None):
    attribute = f" node={quote(node)}" if node else ""
    answer = client.ask(jid, f"<query xmlns='http://jabber.org/protocol/disco#info'{attribute}/>")
    assert answer.get("type") == "result"
    return answer.find(f"{INFO}query")


def forms(query):
    """{FORM_TYPE: {field: values}}"""
    found = {}
    for form in query.iter(f"{FORM}x"):
        fields = {f.get("var"): [v.text for v in f.iter(f"{FORM}value")] for f in form.iter(f"{FORM}field")}
        found[fields.pop("FORM_TYPE")[0]] = fields
    return found


def ver_of(query):
    """XEP-0115 §5.1."""
    text = "".join(sorted(f"{i.get('category')}/{i.get('type')}//{i.get('name') or ''}<"
                          for i in query.iter(f"{INFO}identity")))
    text += "".join(f"{var}<" for var in sorted(f.get("var") for f in query.iter(f"{INFO}feature")))
    for name, fields in sorted(forms(query).items()):
        text += f"{name}<"
        for var in sorted(fields):
            text += f"{var}<" + "".join(f"{value}<" for value in sorted(fields[var]))
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def presence_of(world, jid):
    world.juliet.send_xml(f"<presence xmlns='jabber:client' type='subscribe' to={quote(jid)}/>")
    return world.juliet.wait_stanza(lambda s: s.tag.endswith("}presence") and s.get("type") is None
                                    and (s.get("from") or "").partition("/")[0] == jid)


def test_the_hash_in_presence_stands_for_what_is_told(found):
    verses = set()
    contacts = [found.contact(f"{name}@{w.MAIL_DOMAIN}") for name in ("romeo", "benvolio")]
    for jid in [w.GATEWAY, *contacts]:
        caps = presence_of(found, jid).find(f"{CAPS}c")
        assert caps.get("hash") == "sha-1"
        query = info(found.juliet, jid, f"{caps.get('node')}#{caps.get('ver')}")
        assert query.get("node") == f"{caps.get('node')}#{caps.get('ver')}"
        assert ver_of(query) == caps.get("ver") == ver_of(info(found.juliet, jid))
        verses.add(caps.get("ver"))
    assert len(verses) == 2, "all contacts are alike, so a client asks once"
    unknown = found.juliet.ask(w.GATEWAY, "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>")
    assert error_of(unknown)[:2] == ("404", "item-not-found")


def test_everything_announced_is_answered(found):
    token = new_id()
    found.romeo.write(found.mail_of("juliet"), "so that his last activity is known", token)
    found.juliet.wait_message(has(token))
    questions = {
        "urn:xmpp:ping": "<ping xmlns='urn:xmpp:ping'/>",
        "jabber:iq:version": "<query xmlns='jabber:iq:version'/>",
        "jabber:iq:last": "<query xmlns='jabber:iq:last'/>",
        "urn:xmpp:time": "<time xmlns='urn:xmpp:time'/>",
        "jabber:iq:gateway": "<query xmlns='jabber:iq:gateway'/>",
        "vcard-temp": "<vCard xmlns='vcard-temp'/>",
        "jabber:iq:search": "<query xmlns='jabber:iq:search'/>",
        "jabber:iq:register": "<query xmlns='jabber:iq:register'/>",
        "http://jabber.org/protocol/disco#items": "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    }
    for jid, least in ((w.GATEWAY, set(questions)),
                       (found.contact(found.romeo.address), {"urn:xmpp:ping", "vcard-temp"})):
        announced = {f.get("var") for f in info(found.juliet, jid).iter(f"{INFO}feature")}
        assert least <= announced
        for feature in announced & set(questions):
            assert found.juliet.ask(jid, questions[feature]).get("type") == "result", feature
        for feature in set(questions) - announced:
            assert error_of(found.juliet.ask(jid, questions[feature]))[1] == "service-unavailable"

    version = found.juliet.ask(w.GATEWAY, questions["jabber:iq:version"])[0]
    assert version.findtext("{jabber:iq:version}name") == "postern"
    assert version.findtext("{jabber:iq:version}version") == \
        found.gateway.command("version").stdout.split()[-1]
    assert 0 <= int(found.juliet.ask(w.GATEWAY, questions["jabber:iq:last"])[0].get("seconds")) < 600
    utc = found.juliet.ask(w.GATEWAY, questions["urn:xmpp:time"])[0].findtext("{urn:xmpp:time}utc")
    told = datetime.datetime.strptime(utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    assert abs((datetime.datetime.now(datetime.timezone.utc) - told).total_seconds()) < 600


def test_whom_to_write_to_about_the_gateway(found):
    assert forms(info(found.juliet, w.GATEWAY))[SERVER_INFO]["admin-addresses"] == CONTACTS
    assert not forms(info(found.juliet, found.contact(found.romeo.address)))
    before = presence_of(found, w.GATEWAY).find(f"{CAPS}c").get("ver")
    found.gateway.configure({"contact": CONTACTS[:1]})
    found.gateway.process.popen.send_signal(signal.SIGHUP)
    found.gateway.wait_log("event=reloaded")
    query = info(found.juliet, w.GATEWAY)
    assert forms(query)[SERVER_INFO]["admin-addresses"] == CONTACTS[:1]
    assert ver_of(query) != before


ITEMS = "{http://jabber.org/protocol/disco#items}"
RSM = "{http://jabber.org/protocol/rsm}"
SEARCH = "{jabber:iq:search}"


def listed(client, inside="", jid=w.GATEWAY):
    """[(jid, node, name)] and the <set/> of a page."""
    query = client.ask(jid, f"<query xmlns='http://jabber.org/protocol/disco#items'>{inside}</query>")[0]
    return ([(i.get("jid"), i.get("node"), i.get("name")) for i in query.iter(f"{ITEMS}item")],
            query.find(f"{RSM}set"))


def page(inside):
    return f"<set xmlns='http://jabber.org/protocol/rsm'>{inside}</set>"


def searched(client, inside):
    answer = client.ask(w.GATEWAY, f"<query xmlns='jabber:iq:search'>{inside}</query>", kind="set")
    assert answer.get("type") == "result"
    return [i.get("jid") for i in answer.iter(f"{SEARCH}item")]


def form_of(**fields):
    return "<x xmlns='jabber:x:data' type='submit'>" + "".join(
        f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items()) + "</x>"


def test_a_user_finds_their_own_contacts_and_no_others(found):
    juliet, nurse = found.juliet, found.jabber_side.client("nurse")
    contacts = sorted(found.contact(f"{name}@{w.MAIL_DOMAIN}") for name in ("romeo", "benvolio", "mercutio"))
    for contact in contacts[:2]:
        presence_of(found, contact)
    token = new_id()
    found.romeo.write(found.mail_of("juliet"), "a", token, {"From": f"Romeo Montague <{found.romeo.address}>"})
    juliet.wait_message(has(token))

    commands = (w.GATEWAY, "http://jabber.org/protocol/commands", "Mail: commands")
    items, told = listed(juliet)
    assert items[0] == commands and [i[0] for i in items[1:]] == contacts[:2]
    assert items[1][2] == f"benvolio@{w.MAIL_DOMAIN}" and told is None
    items, told = listed(juliet, page("<max>1</max>"))
    assert [i[0] for i in items] == [w.GATEWAY, contacts[0]]
    assert (told.findtext(f"{RSM}count"), told.findtext(f"{RSM}last")) == ("2", contacts[0])
    items, told = listed(juliet, page(f"<max>1</max><after>{contacts[0]}</after>"))
    assert [i[0] for i in items] == [contacts[1]] and told.find(f"{RSM}first").get("index") == "1"
    bad = juliet.ask(w.GATEWAY, f"<query xmlns='http://jabber.org/protocol/disco#items'>{page('<max>x</max>')}</query>")
    assert error_of(bad)[:2] == ("400", "bad-request")
    assert [i[0] for i in listed(nurse)[0]] == [w.GATEWAY]
    assert listed(juliet, jid=contacts[0])[0] == []

    romeo = found.contact(found.romeo.address)
    assert searched(juliet, "<last>montague</last>") == [romeo]
    assert searched(juliet, "<first> ROMEO </first><email>romeo@</email>") == [romeo]
    assert searched(juliet, "<nick>nobody</nick>") == []
    assert romeo in searched(juliet, "") and searched(nurse, "") == []
    answer = juliet.ask(w.GATEWAY, f"<query xmlns='jabber:iq:search'>{form_of(nick='romeo', x='y')}</query>", kind="set")
    item = next(answer.iter(f"{FORM}item"))
    assert {f.get("var"): f.findtext(f"{FORM}value") for f in item} == \
        {"nick": "Romeo Montague", "email": found.romeo.address, "jid": romeo}
    asked = juliet.ask(w.GATEWAY, "<query xmlns='jabber:iq:search'/>")
    assert [f.get("var") for f in asked.iter(f"{FORM}field")] == ["FORM_TYPE", "first", "last", "nick", "email"]
    assert asked[0].find(f"{SEARCH}email") is not None

    last = juliet.ask(romeo, "<query xmlns='jabber:iq:last'/>")
    assert 0 <= int(last[0].get("seconds")) < 600
    for client, jid in ((nurse, romeo), (juliet, contacts[0])):
        assert error_of(client.ask(jid, "<query xmlns='jabber:iq:last'/>"))[:2] == ("404", "item-not-found")
