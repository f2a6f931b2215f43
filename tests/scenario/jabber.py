"""A Jabber client (slixmpp) for tests that are not asynchronous: it runs in a thread of its own and
blocks.
"""

import asyncio
import socket
import threading
import time
import uuid
import xml.etree.ElementTree as ET

import slixmpp

from servers.base import PATIENCE_S

NS = {
    "c": "jabber:client",
    "envelope": "jabber:x:envelope",
    "oob": "jabber:x:oob",
    "expire": "jabber:x:expire",
    "stanzas": "urn:ietf:params:xml:ns:xmpp-stanzas",
    "reply": "urn:xmpp:reply:0",
    "addresses": "http://jabber.org/protocol/address",
    "disco": "http://jabber.org/protocol/disco#info",
}


def new_id(prefix="t"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def text_of(stanza, path):
    """Text of the element at path, None when there is none."""
    found = stanza.find(path, NS)
    return None if found is None else found.text or ""


async def end_of_loop(xmpp):
    """Leaves in order, then cancels what slixmpp has left running, so that nothing is destroyed
    while pending.
    """
    xmpp.disconnect(wait=1)
    try:
        await xmpp.wait_until("disconnected", 3)
    except asyncio.TimeoutError:
        pass
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    asyncio.get_running_loop().stop()


class Refused(Exception):
    """The server did not let the client in."""


class JabberClient:
    """One online user.  Everything that arrives is kept, in order, and can be waited for."""

    def __init__(self, jid, password, port, host="127.0.0.1"):
        self.jid = jid
        self._arrived = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._failure = None
        self._address = (host, port)
        self._password = password
        self._thread = threading.Thread(target=self._run, name=f"client {jid}", daemon=True)

    def start(self, timeout_s=PATIENCE_S):
        self._thread.start()
        if not self._ready.wait(timeout_s):
            raise TimeoutError(f"{self.jid} is not online after {timeout_s} s")
        if self._failure:
            raise Refused(f"{self.jid}: {self._failure}")
        return self

    def stop(self):
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(end_of_loop(self._client), self._loop)
            self._thread.join(PATIENCE_S)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        client = self._client = slixmpp.ClientXMPP(self.jid, self._password)
        client.loop = self._loop
        client["feature_mechanisms"].unencrypted_plain = True
        client.add_filter("in", self._keep)
        client.add_event_handler("session_start", self._session)
        client.add_event_handler("failed_all_auth", lambda _: self._fail("authentication refused"))
        client.connect(self._address, disable_starttls=True)
        self._loop.run_forever()
        self._loop.close()

    async def _session(self, _event):
        self._client.send_presence()
        try:
            await self._client.get_roster(timeout=PATIENCE_S)
        except slixmpp.exceptions.XMPPError as e:
            self._failure = f"roster: {e}"
        self._ready.set()

    def _fail(self, why):
        self._failure = why
        self._ready.set()

    def _keep(self, stanza):
        xml = getattr(stanza, "xml", None)
        if xml is not None and xml.tag.startswith("{jabber:client}"):
            with self._news:
                self._arrived.append(ET.fromstring(ET.tostring(xml)))
                self._news.notify_all()
        return stanza

    def send_xml(self, xml):
        """Writes a stanza as it stands."""
        self._loop.call_soon_threadsafe(self._client.send_raw, xml)

    def allow_presence(self, may):
        """Does the client say yes, as it does, when somebody asks to see its presence?"""
        self._loop.call_soon_threadsafe(setattr, self._client, "auto_authorize", may)

    def send_message(self, to, body, extra="", subject=None, thread=None, kind=None,
                     stanza_id=None):
        """A message; extra is XML within it.  Returns its id."""
        stanza_id = stanza_id or new_id()
        parts = [f"<message xmlns='jabber:client' to={quote(to)} id={quote(stanza_id)}"]
        parts.append(f" type={quote(kind)}>" if kind else ">")
        if subject is not None:
            parts.append(f"<subject>{escape(subject)}</subject>")
        if body is not None:
            parts.append(f"<body>{escape(body)}</body>")
        if thread is not None:
            parts.append(f"<thread>{escape(thread)}</thread>")
        self.send_xml("".join(parts) + extra + "</message>")
        return stanza_id

    def wait_stanza(self, predicate, timeout_s=PATIENCE_S, what="a stanza"):
        """The first stanza, also of those that came before, for which predicate is true."""
        deadline = time.monotonic() + timeout_s
        seen = 0
        with self._news:
            while True:
                for stanza in self._arrived[seen:]:
                    if predicate(stanza):
                        return stanza
                seen = len(self._arrived)
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise TimeoutError(f"{self.jid} waited {timeout_s} s for {what}; had:\n"
                                       + self.show())

    def wait_message(self, predicate, timeout_s=PATIENCE_S, what="a message"):
        """A message that is no error."""
        return self.wait_stanza(
            lambda s: is_message(s) and s.get("type") != "error" and predicate(s), timeout_s, what)

    def wait_error(self, stanza_id, timeout_s=PATIENCE_S):
        """The error that answers the message with this id."""
        def is_it(s):
            return is_message(s) and s.get("type") == "error" and s.get("id") == stanza_id
        return self.wait_stanza(is_it, timeout_s, f"an error for {stanza_id}")

    def stanzas(self, predicate=lambda s: True):
        with self._news:
            return [s for s in self._arrived if predicate(s)]

    def ask(self, to, query, kind="get", timeout_s=PATIENCE_S):
        """An iq and its answer (result or error); to None: the user's own account."""
        stanza_id = new_id("iq")
        address = "" if to is None else f" to={quote(to)}"
        self.send_xml(f"<iq xmlns='jabber:client'{address} id='{stanza_id}' type='{kind}'>"
                      f"{query}</iq>")
        return self.wait_stanza(lambda s: s.tag.endswith("}iq") and s.get("id") == stanza_id,
                                timeout_s, f"an answer from {to}")

    def show(self):
        with self._news:
            return "\n".join(ET.tostring(s, encoding="unicode") for s in self._arrived[-20:])


def open_account(jid, password, port, host="127.0.0.1"):
    """Registers a new account with its server, as a client does before it logs in (XEP-0077 §3.1).

    By hand, since slixmpp 1.8 holds back all but the log-in until that is done.
    """
    name, _, domain = jid.partition("@")
    parser = ET.XMLPullParser(["end"])
    with socket.create_connection((host, port), timeout=PATIENCE_S) as s:
        def ask(xml, tag):
            s.sendall(xml.encode())
            while True:
                parser.feed(s.recv(65536) or b"</stream:stream>")
                for _, element in parser.read_events():
                    if element.tag.endswith("}" + tag):
                        return element
        ask(f"<stream:stream xmlns='jabber:client' to={quote(domain)} version='1.0'"
            " xmlns:stream='http://etherx.jabber.org/streams'>", "features")
        form = ask("<iq type='get' id='form'><query xmlns='jabber:iq:register'/></iq>", "iq")
        assert {e.tag.partition("}")[2] for e in form[0]} >= {"username", "password"}
        done = ask("<iq type='set' id='account'><query xmlns='jabber:iq:register'>"
                   f"<username>{escape(name)}</username><password>{escape(password)}</password></query></iq>",
                   "iq")
        if done.get("type") != "result":
            raise Refused(f"{jid}: {ET.tostring(done, encoding='unicode')}")
        s.sendall(b"</stream:stream>")


def has(token):
    """Is it a stanza with token in its body?"""
    return lambda stanza: token in (stanza.findtext("{jabber:client}body") or "")


def is_message(stanza):
    return stanza.tag == "{jabber:client}message"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quote(text):
    return "'" + escape(text).replace("'", "&apos;") + "'"


def error_of(stanza):
    """(code, condition, type, text) of a stanza of type error."""
    error = stanza.find("c:error", NS)
    assert error is not None, ET.tostring(stanza)
    ns = "{" + NS["stanzas"] + "}"
    condition = next((e.tag[len(ns):] for e in error
                      if e.tag.startswith(ns) and e.tag != ns + "text"), None)
    return error.get("code"), condition, error.get("type"), text_of(error, "stanzas:text")
