"""A Jabber host server that closes the stream over a word.

It lets one component in (XEP-0114, any secret), answers its pings, keeps the messages it took, and
closes the stream with not-well-formed when one holds the poison word, as a host does that cannot
read what it was sent.  Over the other word it hangs up without one.  It does not listen before
start().

    host = FakeHost(poison="POISON").start()
    host.send("<message ...>")
    host.messages      # texts of the stanzas, in order
    host.closed_over   # those it closed the stream over
    host.put_off = word # the first message with it is answered by an error of type wait
    host.answer = lambda iq: [...]  # what it sends for an iq that is no ping; else an empty result
    host.stop()
"""

import socket
import threading
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

from servers.base import free_port

NS = "jabber:component:accept"
OPENING = ("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
           f"xmlns='{NS}' from='host' id='once'>")
CLOSING = ("<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
           "</stream:error></stream:stream>")


class FakeHost:
    def __init__(self, poison=None, hang_up=None):
        self.component_port = free_port()
        self.poison = poison
        self.hang_up = hang_up
        self.messages = []
        self.closed_over = []
        self.connections = 0
        self.answer = None
        self.put_off = None
        self._listener = None
        self._peer = None

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.component_port))
        threading.Thread(target=self._listen, args=(self._listener,), daemon=True).start()
        return self

    def stop(self):
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if self._peer:
            self._peer.close()

    def send(self, stanza):
        self._peer.sendall(stanza.encode())

    def show_log(self):
        return "\n".join(["--- taken ---", *self.messages, "--- closed over ---",
                          *self.closed_over])

    def _listen(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        parser = ET.XMLPullParser(events=("start", "end"))
        depth = 0
        with peer:
            while True:
                try:
                    data = peer.recv(65536)
                except OSError:
                    return
                if not data:
                    return
                parser.feed(data)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if event == "start" and depth == 1:
                        peer.sendall(OPENING.encode())
                    elif event == "end" and depth == 0:
                        peer.sendall(b"</stream:stream>")
                        return
                    elif event == "end" and depth == 1 and not self._take(peer, element):
                        return

    def _take(self, peer, stanza):
        """False: the connection ends over it."""
        name = stanza.tag.removeprefix(f"{{{NS}}}")
        if name == "handshake":
            self._peer = peer
            peer.sendall(b"<handshake/>")
        elif name == "iq" and self.answer and stanza.find("{urn:xmpp:ping}ping") is None:
            peer.sendall("".join(self.answer(stanza)).encode())
        elif name == "iq" and stanza.get("type") == "get":
            peer.sendall(f"<iq type='result' id={quoteattr(stanza.get('id'))} "
                         f"from={quoteattr(stanza.get('to'))} "
                         f"to={quoteattr(stanza.get('from'))}/>".encode())
        elif name == "message":
            text = ET.tostring(stanza, encoding="unicode")
            if self.poison and self.poison in text:
                self.closed_over.append(text)
                peer.sendall(CLOSING.encode())
                return False
            if self.hang_up and self.hang_up in text:
                self.closed_over.append(text)
                return False
            if self.put_off and self.put_off in text:
                self.put_off = None
                peer.sendall(f"<message type='error' id={quoteattr(stanza.get('id'))} "
                             f"from={quoteattr(stanza.get('to'))} to={quoteattr(stanza.get('from'))}>"
                             "<error type='wait'><resource-constraint "
                             "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>".encode())
                return True
            self.messages.append(text)
        return True
