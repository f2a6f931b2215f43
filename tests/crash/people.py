"""Everybody on the Jabber side: a component that is a whole domain of users.

It sends as any of them and keeps what comes for any of them, by the token in it, without a session,
a roster or a store of somebody else's in between: what is here has been delivered.  A user named
nobody... answers with an error, one named late... with an error after the barrier; one named
busy... says wait, and soon after, to the same message, that it will never be.
"""

import hashlib
import re
import socket
import threading
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

TOKEN = re.compile(r"tok-[a-z]+-[0-9a-f]{12}")
NS = "{jabber:component:accept}"
STREAM = ("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
          "xmlns:stream='http://etherx.jabber.org/streams' to={}>")
ERROR = ("<message type='error' id={} from={} to={}><error type='{}'>"
         "<{} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
LATER_S = 0.3


def tokens_of(text):
    return sorted(set(TOKEN.findall(text)))


class People:
    def __init__(self, domain, secret, port):
        self.domain = domain
        self.messages = {}  # token -> ids of the stanzas that brought it, one for each copy
        self.errors = {}    # id of what was sent -> who the errors came from
        self.texts = {}     # token -> body
        self._secret = secret
        self._port = port
        self._lock = threading.Lock()
        self._answering = True
        self.on_message = None

    def start(self):
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._ready = threading.Event()
        threading.Thread(target=self._read, name="people", daemon=True).start()
        self._write(STREAM.format(quoteattr(self.domain)))
        if not self._ready.wait(10):
            raise TimeoutError("the host does not let the people in")
        return self

    def stop(self):
        try:
            self._write("</stream:stream>")
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def send(self, user, to, token, body, extra=""):
        self._write(f"<message type='chat' from={quoteattr(user + '@' + self.domain + '/x')} "
                    f"to={quoteattr(to)} id={quoteattr(token)}><body>{escape(body)}</body>"
                    f"{extra}</message>")

    def copies(self, token):
        """Ids of the stanzas that brought it."""
        with self._lock:
            return list(self.messages.get(token, ()))

    def errors_for(self, token):
        with self._lock:
            return list(self.errors.get(token, ()))

    def appear(self, user, to, show=None):
        """A presence, to this one alone."""
        inside = f"<show>{show}</show>" if show else ""
        self._write(f"<presence from={quoteattr(user + '@' + self.domain + '/x')} to={quoteattr(to)}>"
                    f"{inside}</presence>")

    def _write(self, text):
        data = text.encode()
        with self._lock:
            self._socket.sendall(data)

    def _read(self):
        parser = ET.XMLPullParser(events=("start", "end"))
        depth, root = 0, None
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            parser.feed(data)
            for event, element in parser.read_events():
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    root = element
                    proof = hashlib.sha1((element.get("id") + self._secret).encode()).hexdigest()
                    self._write(f"<handshake>{proof}</handshake>")
                elif event == "end" and depth == 1:
                    self._take(element)
                    root.clear()

    def _take(self, stanza):
        name = stanza.tag.removeprefix(NS)
        if name == "handshake":
            self._ready.set()
        elif name == "iq" and stanza.get("type") == "get":
            self._write(f"<iq type='result' id={quoteattr(stanza.get('id'))} "
                        f"from={quoteattr(stanza.get('to'))} to={quoteattr(stanza.get('from'))}/>")
        elif name == "message":
            self._take_message(stanza)

    def _take_message(self, stanza):
        token_id, sender, to = (stanza.get(name) or "" for name in ("id", "from", "to"))
        if stanza.get("type") == "error":
            with self._lock:
                self.errors.setdefault(token_id, []).append(sender)
            return
        text = ET.tostring(stanza, encoding="unicode")
        for token in tokens_of(text):
            with self._lock:
                self.messages.setdefault(token, []).append(token_id)
                self.texts[token] = stanza.findtext(NS + "body") or ""
        head = quoteattr(token_id), quoteattr(to), quoteattr(sender)
        error = ERROR.format(*head, "cancel", "service-unavailable")
        if to.startswith(("late", "busy")):
            threading.Timer(LATER_S, self._write, (error,)).start()
        if to.startswith("nobody"):
            self._write(error)
        elif to.startswith("busy"):
            self._write(ERROR.format(*head, "wait", "resource-constraint"))
        elif self.on_message:
            self.on_message(stanza)

    def show_logs(self):
        with self._lock:
            return f"--- people: messages ---\n{self.messages}\n--- errors ---\n{self.errors}"


def wait_for(what, predicate, timeout_s, every_s=0.05):
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what()}")
        time.sleep(every_s)
