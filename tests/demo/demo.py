"""The main job, to look at: real servers, a real client, a real mailbox; each stanza beside the mail it became.

`make demo` runs it once and cleans up; with --keep it leaves everything running to play with.
"""

import shutil
import subprocess
import sys
import textwrap
import time
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "scenario"))
sys.path.insert(0, str(TESTS))

import world as w  # noqa: E402
from jabber import escape, text_of  # noqa: E402
from mail import make_mail  # noqa: E402
from servers import postfix  # noqa: E402
from servers.prosody import Prosody  # noqa: E402

WIDTH = max(80, min(160, shutil.get_terminal_size((120, 40)).columns))
COLOUR = sys.stdout.isatty()
HIDDEN = ("Received", "DKIM-Signature", "Delivered-To", "X-Original-To", "MIME-Version", "Content-Type",
          "Content-Transfer-Encoding", "Return-Path", "User-Agent", "Content-Language")
SHORT_NAMES = {"{jabber:client}": "", "{urn:ietf:params:xml:ns:xmpp-stanzas}": ""}


def paint(text, code):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def say(text):
    print(textwrap.fill(text, WIDTH), flush=True)


def heading(number, text):
    print("\n" + paint(f"{number}. {text}", "1;36"), flush=True)


# ---- showing stanzas and mails ----

def split_tag(tag, around):
    """Local name, and the namespace where it differs from the one around."""
    ns, _, name = tag.rpartition("}")
    ns = ns[1:]
    return name, "" if ns in ("", around) else ns


def stanza_lines(element, around="jabber:client", indent=""):
    """The element as a person would write it: one line for each child that is not text."""
    name, ns = split_tag(element.tag, around)
    head = indent + "<" + name + (f" xmlns='{ns}'" if ns else "")
    head += "".join(f" {split_tag(key, '')[0]}='{escape(value)}'" for key, value in element.attrib.items()
                    if "lang" not in key)
    text = escape((element.text or "").strip())
    inside = ns or around
    children = [line for child in element for line in stanza_lines(child, inside, indent + "  ")]
    if not text and not children:
        return [head + "/>"]
    if not children:
        return (head + ">" + text + f"</{name}>").split("\n")
    return [head + ">" + text, *children, f"{indent}</{name}>"]


def mail_lines(mail):
    """Header lines that matter, then the text, then the names of other parts."""
    lines = [f"{name}: {' '.join(str(value).split())}" for name, value in mail.items() if name not in HIDDEN]
    body = mail.get_body(("plain", "html"))
    lines += ["", *(body.get_content() if body else "").rstrip("\n").split("\n")]
    for part in mail.walk():
        if part is not body and not part.is_multipart():
            lines += [f"[{part.get_content_type()} {part.get_filename() or ''}]".replace(" ]", "]")]
    return lines


def wrapped(lines, width):
    out = []
    for line in lines:
        kept = len(line) - len(line.lstrip())
        out += textwrap.wrap(line, width, subsequent_indent=" " * (kept + 4), drop_whitespace=False,
                             break_on_hyphens=False) or [""]
    return out


def beside(left_title, left, right_title, right):
    """Two texts side by side, arrow between the titles."""
    width = (WIDTH - 5) // 2
    left, right = wrapped(left, width), wrapped(right, width)
    height = max(len(left), len(right))
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    print(paint(f"  {left_title:<{width - 2}} --> {right_title}", "1"))
    print("  " + "-" * (WIDTH - 2))
    for a, b in zip(left, right):
        print(f"{a:<{width}}  |  {b}".rstrip())
    print(flush=True)


def message_xml(to, inside, kind="chat", stanza_id="m1"):
    return (f"<message xmlns='jabber:client' from='juliet@{w.JABBER_DOMAIN}/balcony' to='{escape(to)}' type='{kind}' "
            f"id='{stanza_id}'>{inside}</message>")


def sent_lines(xml):
    return stanza_lines(ET.fromstring(xml))


def is_of(token):
    return lambda m: token in (m.findtext("{jabber:client}body") or "")


# ---- the conversation ----

class Demo:
    def __init__(self, world):
        self.world = world
        self.juliet = world.juliet
        self.romeo = world.romeo
        self.count = 0

    def heading(self, text):
        self.count += 1
        heading(self.count, text)

    def send(self, to, inside, kind="chat"):
        """Juliet sends; the from that is shown is the one her server stamps."""
        stanza_id = f"juliet-{self.count}"
        xml = message_xml(to, inside, kind, stanza_id)
        self.juliet.send_xml(xml.replace(f" from='juliet@{w.JABBER_DOMAIN}/balcony'", "", 1))
        return stanza_id, sent_lines(xml)

    def first_message(self):
        self.heading("Juliet, in her Jabber client, writes to Romeo's mail address")
        _, sent = self.send(self.world.contact(self.romeo.address),
                            "<subject>At the window</subject><thread>balcony</thread>"
                            "<body>O Romeo, Romeo! wherefore art thou Röméo?</body>")
        mail = self.romeo.wait_body("wherefore")
        beside("stanza", sent, "mail in Romeo's mailbox", mail_lines(mail))
        return mail

    def answer(self, mail):
        self.heading("Romeo answers in his mail program, quoting her; she sees what is new, in the same thread")
        self.romeo.answer(mail, "Shall I hear more, or shall I speak at this?\n\nOn Sunday, Juliet wrote:\n"
                                "> O Romeo, Romeo! wherefore art thou Röméo?\n-- \nRomeo, house of Montague\n")
        message = self.juliet.wait_message(is_of("Shall I hear more"))
        sent = self.romeo_sent("Shall I hear more")
        beside("mail", mail_lines(sent), "stanza in Juliet's client", stanza_lines(message))
        return message

    def romeo_sent(self, token):
        """What Romeo sent, as it lies in the gateway's mailbox."""
        return self.world.bridge.wait_mail(lambda m: token in (m.get_body(("plain",)) or m).get_content(), 5)

    def multicast(self):
        self.heading("One message to several people, with addresses in jabber:x:envelope")
        benvolio = self.world.user("benvolio")
        _, sent = self.send(w.GATEWAY, (
            "<subject>The feast</subject><body>Come to the feast of the Capulets.</body>"
            f"<x xmlns='jabber:x:envelope'><to jid='{self.world.contact(self.romeo.address)}'>Romeo Montague</to>"
            f"<cc jid='{benvolio.address}'>Benvolio</cc><replyto jid='nurse@{w.JABBER_DOMAIN}'/></x>"), "normal")
        mail = benvolio.wait_body("the feast of the Capulets")
        beside("stanza to the gateway itself", sent, "mail in Benvolio's mailbox", mail_lines(mail))

    def attachment(self):
        self.heading("Romeo sends a picture; Juliet gets a link that expires")
        mail = make_mail(f"Romeo Montague <{self.romeo.address}>", self.world.mail_of("juliet"), "A ring",
                         "See what I send thee.")
        mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(2000), maintype="image", subtype="png", filename="ring.png")
        self.romeo.send(mail, self.world.mail_of("juliet"))
        message = self.juliet.wait_message(is_of("See what I send"))
        beside("mail", mail_lines(mail), "stanza", stanza_lines(message))
        url = text_of(message, "oob:x/oob:url")
        with urllib.request.urlopen(url, timeout=10) as answer:
            size = len(answer.read())
            say(f"  GET {url}\n")
            say(f"  {answer.status}, {size} bytes, {answer.headers['Content-Type']}, "
                f"Content-Security-Policy: {answer.headers['Content-Security-Policy']}")

    def link_and_expiry(self):
        self.heading("A link and an expiry go the other way")
        _, sent = self.send(self.world.contact(self.romeo.address), (
            "<body>The friar has a plan, but only for today.</body>"
            "<x xmlns='jabber:x:oob'><url>http://capulet.example/plan.txt</url><desc>The plan</desc></x>"
            "<x xmlns='jabber:x:expire' seconds='86400'/>"))
        mail = self.romeo.wait_body("The friar has a plan")
        beside("stanza", sent, "mail: Expires, and the link", mail_lines(mail))

    def unknown_user(self):
        self.heading("Somebody the relay does not know: 404, on the original stanza's id")
        stanza_id, sent = self.send(self.world.contact(f"rosaline@{w.MAIL_DOMAIN}"), "<body>Art thou there?</body>")
        error = self.juliet.wait_error(stanza_id)
        beside("stanza", sent, "error", stanza_lines(error))

    def relay_away(self):
        self.heading("The relay is away: the message waits, and 502 (or 504: no answer) when the queue gives up")
        self.world.mail_side.postfix.stop()
        stanza_id, sent = self.send(self.world.contact(self.romeo.address), "<body>Hist! Romeo, hist!</body>")
        time.sleep(2.5)
        queue = self.world.gateway.command("queue", "list").stdout.strip()
        say("  While it waits, `postern queue` says:")
        print(textwrap.indent("\n".join(textwrap.wrap(queue, WIDTH - 4)), "    "))
        error = self.juliet.wait_error(stanza_id, 40)
        beside("stanza", sent, "error", stanza_lines(error))
        self.world.mail_side.postfix.start()

    def addresses(self):
        self.heading("What becomes of an address, and what each server says: postern map, postern check")
        names = [f"juliet@{w.JABBER_DOMAIN}", self.world.contact(self.romeo.address), self.romeo.address]
        print(textwrap.indent(self.world.gateway.command("map", *names).stdout, "    "), end="")
        print(textwrap.indent(self.world.gateway.command("check").stdout, "    "))

    def run(self):
        mail = self.first_message()
        self.answer(mail)
        self.multicast()
        self.attachment()
        self.link_and_expiry()
        self.unknown_user()
        self.relay_away()
        self.addresses()


CLOSING = """\
That was postern between a private Prosody, Postfix and Dovecot.  To try it with your own server:

  1. make install, and copy etc/postern.conf to /etc/postern/postern.conf (chmod 600)
  2. give your Jabber server the component: etc/prosody, etc/ejabberd or etc/jabberd2
  3. let mail for the gateway's domain arrive in one mailbox: etc/postfix, etc/dovecot
  4. postern check, then postern run

The README has the details."""


def keep(world):
    host = world.host
    print(f"""
Everything stays up until you press Enter.

  Jabber   127.0.0.1:{host.c2s_port}   juliet@{w.JABBER_DOMAIN}, password: {w.JABBER_USERS['juliet']}
           nurse@{w.JABBER_DOMAIN}, password: {w.JABBER_USERS['nurse']}  (no TLS)
  SMTP     127.0.0.1:{world.mail_side.postfix.port}   (write to juliet@{w.GATEWAY})
  IMAP     127.0.0.1:{world.mail_side.dovecot.imap_port}   romeo, benvolio or mercutio, password: {w.MAIL_PASSWORD}
  postern  -c {world.gateway.conf}; log {world.gateway.log}
""", flush=True)
    try:
        input()
    except (EOFError, KeyboardInterrupt):
        pass


def run(folder, should_keep):
    mail_side = jabber_side = world = None
    say("Starting a private Prosody, Postfix and Dovecot ...")
    try:
        mail_side = w.MailSide(folder).start()
        jabber_side = w.JabberSide(folder, Prosody).start()
        world = w.World(folder, jabber_side, mail_side,
                        {"queue": {"retry_first": 1, "retry_max": 2, "lifetime": 10}, "log_level": "info",
                         "smtp": {"reply_timeout": 2}}).start()
        Demo(world).run()
        print(CLOSING)
        if should_keep:
            keep(world)
        return 0
    except (TimeoutError, AssertionError, subprocess.SubprocessError) as e:
        print(f"\nThe demo failed: {e}", file=sys.stderr)
        if world:
            print(world.show_logs(), file=sys.stderr)
        return 1
    finally:
        for part in (world, jabber_side, mail_side):
            if part:
                part.stop()


def main():
    why = postfix.missing_right()
    if why:
        print(f"The demo cannot start: {why}.  Run `sudo make demo`.", file=sys.stderr)
        return 69
    folder = w.private_folder("postern-demo-")
    try:
        return run(folder, "--keep" in sys.argv[1:])
    finally:
        w.remove(folder)


if __name__ == "__main__":
    sys.exit(main())
