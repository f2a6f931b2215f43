"""Ad-hoc commands: a user's settings by form and by word, and what they do to the next mail."""

import pytest

import world as w
from jabber import error_of, escape, has, new_id, quote, text_of
from servers.base import free_port
from test_lmtp import lmtp_world  # noqa: F401 (a fixture)
from test_words import Listener, say

COMMANDS = "http://jabber.org/protocol/commands"
ITEMS = "http://jabber.org/protocol/disco#items"
FORM = "{jabber:x:data}"


@pytest.fixture(params=["prosody", "ejabberd"])
def fresh(request, make_world):
    return make_world(host=request.param).start()


class Command:
    """A command under way: what the last step answered."""

    def __init__(self, client, node, lang="en"):
        self.client, self.node, self.lang, self.session = client, node, lang, None
        self.answer = self._step("execute", "")

    def _step(self, action, inside):
        session = f" sessionid={quote(self.session)}" if self.session else ""
        answer = self.client.ask(
            w.GATEWAY, f"<command xmlns='{COMMANDS}' node={quote(self.node)} action='{action}'"
                       f" xml:lang='{self.lang}'{session}>{inside}</command>", kind="set")
        self.command = answer.find(f"{{{COMMANDS}}}command")
        if answer.get("type") == "result":
            self.session = self.command.get("sessionid")
        return answer

    def submit(self, how="complete", **fields):
        inside = "".join(
            f"<field var={quote(var)}>" + "".join(
                f"<value>{escape(v)}</value>" for v in ([values] if isinstance(values, str) else values))
            + "</field>" for var, values in fields.items())
        self.answer = self._step(how, f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>")
        return self

    def specific(self):
        """The condition of XEP-0050, of an error."""
        return [e.tag.partition("}")[2] for e in self.answer.iter() if e.tag.startswith("{" + COMMANDS)
                and e.tag.partition("}")[2] != "command"]

    def status(self):
        return self.command.get("status")

    def note(self):
        return text_of(self.command, f"{{{COMMANDS}}}note")

    def values(self):
        return {f.get("var"): [v.text for v in f.findall(f"{FORM}value")]
                for f in self.command.iter(f"{FORM}field")}

    def labels(self):
        return [f.get("label") for f in self.command.iter(f"{FORM}field")]


def names(client, lang="en"):
    """{node: name} of the commands that are offered."""
    stanza_id = new_id("iq")
    client.send_xml(f"<iq xmlns='jabber:client' to='{w.GATEWAY}' id='{stanza_id}' type='get' xml:lang='{lang}'>"
                    f"<query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>")
    answer = client.wait_stanza(lambda s: s.get("id") == stanza_id)
    return {item.get("node"): item.get("name") for item in answer.iter(f"{{{ITEMS}}}item")}


def mail_comes(world, body="Good morrow", subject=None, headers=None):
    """A mail from Romeo as Juliet gets it."""
    token = new_id()
    message_id = world.romeo.write(world.mail_of("juliet"), subject, f"{body} {token}", headers)
    return message_id, world.juliet.wait_message(lambda m: token in (text_of(m, "c:body") or ""))


def test_settings_by_form_act_on_the_next_mail(fresh):
    world, juliet = fresh, fresh.juliet
    command = Command(juliet, "postern/settings")
    assert command.status() == "executing"
    assert command.values()["type"] == ["default"] and command.values()["receipts"] == ["default"]
    german = Command(juliet, "postern/settings", "de").command
    assert "wie hier \u00fcblich (wenn ein Gespr\u00e4ch beginnt)" in [
        o.get("label") for o in german.iter(f"{FORM}option")]
    usual = mail_comes(world, subject="Verona")[1]
    other = "normal" if usual.get("type") == "chat" else "chat"
    assert text_of(usual, "c:body").startswith("Verona\n")

    assert command.submit(type=other, subject="never", unknown="x").status() == "completed"
    assert command.note() == "Your settings are kept."
    changed = mail_comes(world, subject="Verona")[1]
    assert (changed.get("type") or "normal") == other
    assert text_of(changed, "c:body").startswith("Good morrow")

    world.gateway.kill9()
    world.gateway.start()
    values = Command(juliet, "postern/settings").values()
    assert values["type"] == [other] and values["subject"] == ["never"] and values["receipts"] == ["default"]
    Command(juliet, "postern/settings").submit(type="default", subject="default")
    assert mail_comes(world)[1].get("type") == usual.get("type")


def test_settings_by_word_act_on_the_next_mail(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    quoted = "I say\n\nOn Monday, Juliet wrote:\n> wherefore art thou\n> Romeo\n\n"
    reply = {"In-Reply-To": "<x@elsewhere.example>"}
    assert "wherefore" not in text_of(mail_comes(world, quoted, "Re: a", reply)[1], "c:body")
    say(world, "quotes on")
    assert gateway.wait(1) == "Quoted text and signatures are kept in replies: yes."
    assert "> wherefore art thou" in text_of(mail_comes(world, quoted, "Re: a", reply)[1], "c:body")
    say(world, "type chat")
    gateway.wait(2)
    assert mail_comes(world)[1].get("type") == "chat"
    say(world, "type normal")
    gateway.wait(3)
    assert mail_comes(world)[1].get("type") in (None, "normal")
    say(world, "settings")
    assert "How mail arrives: as single messages." in gateway.wait(4)
    assert Command(world.juliet, "postern/settings").values()["quotes"] == ["on"]


def test_the_jabber_address_is_left_out_of_mails_on_demand(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    for n, (said, field) in enumerate((("off", None), ("on", f"juliet@{w.JABBER_DOMAIN}")), 1):
        say(world, f"jabberid {said}")
        gateway.wait(n)
        token = new_id()
        world.juliet.send_message(world.contact(world.romeo.address), token)
        assert world.romeo.wait_body(token)["Jabber-ID"] == field


def test_who_is_blocked_does_not_come_through(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    say(world, f"Block {world.romeo.address.upper()}.")
    assert world.romeo.address in gateway.wait(1)
    token = new_id()
    world.romeo.write(world.mail_of("juliet"), None, token)
    world.gateway.wait_log("event=dropped .*blocked this sender")
    say(world, "senders")
    assert f"Blocked:\n{world.romeo.address}\nAllowed: none" == gateway.wait(2)
    command = Command(world.juliet, "postern/senders")
    assert command.values() == {"blocked": [world.romeo.address], "allowed": []}
    command.submit(blocked=[])
    mail_comes(world)
    assert not [m for m in world.juliet.stanzas() if token in (text_of(m, "c:body") or "")]
    # the domain, but not this one of it
    domain = world.romeo.address.partition("@")[2]
    Command(world.juliet, "postern/senders").submit(blocked=[domain], allowed=[world.romeo.address])
    mail_comes(world)
    say(world, f"forget {world.romeo.address}")
    gateway.wait(3)
    world.romeo.write(world.mail_of("juliet"), None, token)
    world.gateway.wait_log("event=dropped .*blocked this sender", "event=dropped .*blocked this sender")


def test_strangers_are_told_that_they_are(fresh):
    world, gateway = fresh, Listener(fresh.juliet)
    say(world, "strangers off")
    gateway.wait(1)
    token = new_id()
    world.romeo.write(world.mail_of("juliet"), token, token)
    assert "5.7.1" in world.romeo.wait_report(token).as_string()
    # whom she writes to is no stranger, by whatever address he answers
    world.juliet.send_message(world.contact(world.romeo.address), f"It is I {token}")
    world.romeo.wait_mail(lambda m: token in m.as_string() and "It is I" in m.as_string())
    mail_comes(world)


def test_by_lmtp_the_blocked_are_refused(lmtp_world):
    world, gateway, lmtp = lmtp_world, Listener(lmtp_world.juliet), lmtp_world.client()
    say(world, "block montague.example")
    gateway.wait(1)
    for sender, answer in (("romeo@sub.Montague.example", "550 5.7.1 the recipient has blocked"),
                           ("tybalt@capulet2.example", "250 ")):
        assert lmtp.say(f"MAIL FROM:<{sender}>").startswith("250")
        assert lmtp.say(f"RCPT TO:<{world.mail_of('juliet')}>").startswith(answer)
        assert lmtp.say(f"RCPT TO:<{world.mail_of('nurse')}>").startswith("250")
        assert lmtp.say("RSET").startswith("250")


def test_requests_that_are_wrong(fresh):
    juliet = fresh.juliet
    command = Command(juliet, "postern/settings")
    command.submit(quotes="perhaps")
    assert error_of(command.answer)[:3] == ("400", "bad-request", "modify")
    assert command.specific() == ["bad-payload"] and "perhaps" in error_of(command.answer)[3]
    assert command.submit(quotes="on").status() == "completed"  # the session bore it
    assert error_of(command.submit(quotes="on").answer)[:3] == ("405", "not-allowed", "cancel")
    assert command.specific() == ["session-expired"]
    senders = Command(juliet, "postern/senders").submit(blocked=["no sender"])
    assert error_of(senders.answer)[1] == "bad-request" and "no sender" in error_of(senders.answer)[3]
    assert senders.submit(blocked=["example.net"]).status() == "completed"
    old = Command(juliet, "postern/settings")
    fresh.gateway.restart()
    assert error_of(old.submit(quotes="off").answer)[:2] == ("405", "not-allowed")
    assert error_of(Command(juliet, "postern/none").answer)[:2] == ("404", "item-not-found")


def test_a_client_that_goes_astray(make_world):
    """Steps in a wrong order, others' sessions, forms and languages of any size: each has its answer."""
    world = make_world().start()
    juliet, nurse = world.juliet, world.jabber_side.client("nurse")
    def wrong(command, answer):
        command.answer = answer
        return (*error_of(answer)[:2], *command.specific())
    command = Command(juliet, "postern/settings")
    form = "<x xmlns='jabber:x:data' type='submit'/>"
    assert wrong(command, command._step("prev", "")) == ("400", "bad-request", "bad-action")
    assert wrong(command, command._step("next", form)) == ("400", "bad-request", "bad-action")
    assert wrong(command, command._step("jump", form)) == ("400", "bad-request", "malformed-action")
    assert wrong(command, command._step("complete", "")) == ("400", "bad-request", "bad-payload")
    thief = Command(nurse, "postern/settings")
    own, thief.session = thief.session, command.session
    assert wrong(thief, thief._step("complete", form)) == ("405", "not-allowed", "session-expired")
    thief.session = "mine"
    assert wrong(thief, thief._step("complete", form)) == ("400", "bad-request", "bad-sessionid")
    thief.session = None
    assert wrong(thief, thief._step("complete", form)) == ("400", "bad-request", "bad-action")
    thief.session = own
    assert thief._step("cancel", "").get("type") == "result" and thief.status() == "canceled"

    long = command.submit(type="x" * 100000).answer
    assert error_of(long)[1] == "bad-request" and len(error_of(long)[3]) < 1000
    twice = "<field var='type'><value>chat</value></field>" * 2
    assert command._step("complete", f"<x xmlns='jabber:x:data' type='submit'>{twice}</x>").get("type") == "result"
    for lang in ("x" * 2000, "-", "de" * 500, "&#x202e;"):
        assert "Mail: settings" == Command(juliet, "postern/settings", lang).command.find(
            f"{FORM}x/{FORM}title").text
    first = Command(juliet, "postern/settings")
    for _ in range(5):  # so many a user has at a time: the oldest goes
        last = Command(juliet, "postern/settings")
    assert wrong(first, first.submit().answer) == ("405", "not-allowed", "session-expired")
    assert last.submit().status() == "completed"


@pytest.mark.parametrize("lang, name, answer", [
    ("en", "Mail: settings", "Read receipts are on"), ("de-DE", "Mail: Einstellungen", "Lesebestätigungen sind an"),
    ("zh-CN", "邮件：设置", "阅读回执已开启"), ("tlh", "Mail: settings", "Read receipts are on")])
def test_in_the_user_s_language(make_world, lang, name, answer):
    world = make_world().start()
    assert names(world.juliet, lang)["postern/settings"] == name
    command = Command(world.juliet, "postern/settings", lang)
    assert command.command.find(f"{FORM}x/{FORM}title").text == name
    gateway = Listener(world.juliet)
    world.juliet.send_xml(f"<message xmlns='jabber:client' to='{w.GATEWAY}' xml:lang='{lang}'>"
                          "<body>receipts on</body></message>")
    assert answer in gateway.wait(1)


ADMINS = ["postern/admin/status", "postern/admin/queue", "postern/admin/map", "postern/admin/reload"]


@pytest.fixture(params=["prosody", "ejabberd", "jabberd2"])
def governed(request, make_world):
    """Juliet is an administrator, and the nurse is none."""
    return make_world({"admin": {"jids": [f"juliet@{w.JABBER_DOMAIN}"]}}, host=request.param).start()


def test_administrators_have_commands_of_their_own(governed):
    juliet, nurse = governed.juliet, governed.jabber_side.client("nurse")
    assert set(ADMINS) <= set(names(juliet))
    assert not [node for node in names(nurse) if node in ADMINS] and names(nurse)
    for node in ADMINS:
        assert error_of(Command(nurse, node).answer)[:3] == ("403", "forbidden", "auth")
    assert "All is well." in Command(juliet, "postern/admin/status").note()
    asked = Command(juliet, "postern/admin/map").submit(address=governed.mail_of("nurse"))
    line = governed.gateway.command("map", governed.mail_of("nurse")).stdout.strip()
    assert asked.note() == line and f"nurse@{w.JABBER_DOMAIN}" in line
    assert "nothing" in Command(juliet, "postern/admin/map").submit(address="no address").note()


def test_administrators_read_the_configuration_again(governed):
    juliet = governed.juliet
    assert "in force" in Command(juliet, "postern/admin/reload").note()
    governed.gateway.configure({"log_level": "nonsense"})
    assert "log_level" in Command(juliet, "postern/admin/reload").note()
    governed.gateway.configure({"log_level": "debug", "admin": {"jids": [f"nurse@{w.JABBER_DOMAIN}"]}})
    assert "in force" in Command(juliet, "postern/admin/reload").note()
    assert error_of(Command(juliet, "postern/admin/reload").answer)[1] == "forbidden"
    assert "in force" in Command(governed.jabber_side.client("nurse"), "postern/admin/reload").note()


def test_administrators_look_after_the_queue(make_world):
    """With a relay that is away, mails wait: they are shown page by page, tried again and dropped."""
    world = make_world({"admin": {"jids": [f"juliet@{w.JABBER_DOMAIN}"]},
                        "smtp": {"port": free_port()}}).start()
    juliet = world.juliet
    assert "nothing" in Command(juliet, "postern/admin/queue").note()
    for _ in range(21):
        juliet.send_message(world.contact(world.romeo.address), "waits")
    world.gateway.wait_log(*["event=later"] * 21)  # of each
    command = Command(juliet, "postern/admin/queue")
    first = [o.text for o in command.command.findall(f".//{FORM}option/{FORM}value") if len(o.text) > 8]
    assert len(first) == 20
    command.submit("next", after=command.values()["after"])
    rest = [o.text for o in command.command.findall(f".//{FORM}option/{FORM}value") if len(o.text) > 8]
    assert len(rest) == 1 and rest[0] not in first
    assert error_of(command.submit(message=rest[0], action="eat").answer)[1] == "bad-request"
    assert error_of(command.submit(message="x", action="drop").answer)[1] == "bad-request"
    assert world.romeo.address in command.submit(message=rest[0], action="show").note()
    act = lambda action: Command(juliet, "postern/admin/queue").submit(message=rest[0], action=action).note()
    assert "done for 1" in act("retry")
    def drop(sure):
        command = Command(juliet, "postern/admin/queue").submit(message=rest[0], action="drop")
        if command.status() != "executing":
            return command.note()
        assert world.romeo.address in command.command.find(f"{FORM}x/{FORM}instructions").text
        return command.submit(message=rest[0], sure=sure).note()
    assert drop("0") == "Nothing was done."
    assert "done for 1" in drop("1")
    assert "no longer" in drop("1")
    assert rest[0] not in world.gateway.command("queue").stdout and first[0] in world.gateway.command("queue").stdout
