"""A relay that misbehaves as told.

It speaks enough SMTP to be a relay, keeps what it accepts, and follows a script: for each command
the replies to give, one after the other (the last one stays), for all arguments or for those that
match.  A reply may also be SILENCE (says nothing more on this connection) or DROP (closes it).

    relay = FakeRelay().start()
    relay.script("RCPT", "451 4.2.0 later", "250 2.1.5 ok", match="romeo@")
    relay.script("GREETING", "554 5.3.2 closed today")
    ...
    relay.stop()
"""

import asyncio
import re
import threading
import time
from dataclasses import dataclass, field

from servers.base import PATIENCE_S, free_port

SILENCE = object()
DROP = object()

DEFAULTS = {
    "GREETING": "220 relay.example ESMTP",
    "HELO": "250 relay.example",
    "EHLO": "250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
            "250-DSN\r\n250 SIZE 60000000",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "END": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "NOOP": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
}


@dataclass
class Mail:
    """One mail as it was accepted: addresses without <>, parameters as written, data with CRLF and
    undone dots.
    """
    sender: str
    sender_parameters: str
    recipients: list = field(default_factory=list)
    recipient_parameters: list = field(default_factory=list)
    data: bytes = b""


class _Gone(Exception):
    pass


class FakeRelay:
    def __init__(self, port=None):
        self.port = port or free_port()  # that nobody takes while it does not listen
        self.mails = []
        self.unanswered = []  # came whole, and were neither accepted nor refused
        self.connections = 0
        self._rules = []
        self._change = threading.Condition()
        self._loop = None

    # The script; any thread.

    def script(self, command, *replies, match=""):
        """What to answer to command (GREETING, EHLO, MAIL, RCPT, DATA, END for the final dot, ...).
        """
        with self._change:
            self._rules.insert(0, (command, re.compile(match, re.I), list(replies)))
        return self

    def behave(self):
        """Forgets the script."""
        with self._change:
            self._rules.clear()

    def _reply(self, command, argument=""):
        with self._change:
            for name, match, replies in self._rules:
                if name == command and match.search(argument):
                    return replies.pop(0) if len(replies) > 1 else replies[0]
        return DEFAULTS.get(command, "500 5.5.1 what?")

    def wait_mail(self, predicate=lambda mail: True, timeout_s=PATIENCE_S):
        """The first mail accepted, also before, for which predicate is true."""
        deadline = time.monotonic() + timeout_s
        with self._change:
            while True:
                for mail in self.mails:
                    if predicate(mail):
                        return mail
                left = deadline - time.monotonic()
                if left <= 0 or not self._change.wait(left):
                    raise TimeoutError(f"no such mail in {timeout_s} s, {len(self.mails)} others")

    # The server; its own thread.

    def start(self):
        """Listens, on the same port as before after a stop()."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        if not started.wait(PATIENCE_S):
            raise RuntimeError(f"the fake relay does not listen on port {self.port}")
        return self

    def stop(self):
        """Closes the listener and every connection."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE_S)
            self._loop = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self, started):
        asyncio.run(self._serve(started))

    async def _serve(self, started):
        self._stop = asyncio.Event()
        self._sessions = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 20)
        self._loop = asyncio.get_running_loop()
        started.set()
        await self._stop.wait()
        server.close()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _connected(self, reader, writer):
        self.connections += 1
        self._sessions.add(asyncio.current_task())
        try:
            await self._session(reader, writer)
        except (_Gone, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(asyncio.current_task())
            writer.close()

    async def _answer(self, writer, command, argument=""):
        """Gives the reply of the script; returns whether it was a positive one."""
        reply = self._reply(command, argument)
        if reply is DROP:
            raise _Gone
        if reply is SILENCE:
            await asyncio.sleep(3600)
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return reply[0] in "23"

    async def _session(self, reader, writer):
        if not await self._answer(writer, "GREETING"):
            raise _Gone
        mail = None
        while True:
            line = await reader.readuntil(b"\r\n")
            command, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            command = command.upper()
            if command == "DATA" and not (mail and mail.recipients):
                writer.write(b"554 5.5.1 no valid recipients\r\n")
                continue
            ok = await self._answer(writer, command, argument)
            if command == "QUIT":
                return
            if command in ("RSET", "EHLO", "HELO"):
                mail = None
            elif command == "MAIL" and ok:
                mail = Mail(*_path(argument))
            elif command == "RCPT" and ok and mail:
                address, parameters = _path(argument)
                mail.recipients.append(address)
                mail.recipient_parameters.append(parameters)
            elif command == "DATA" and ok:
                await self._take(reader, writer, mail)
                mail = None

    async def _take(self, reader, writer, mail):
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        mail.data = b"".join(lines)
        self.unanswered.append(mail)
        accepted = await self._answer(writer, "END", mail.recipients[0])
        self.unanswered.remove(mail)
        if accepted:
            with self._change:
                self.mails.append(mail)
                self._change.notify_all()


def _path(argument):
    """'FROM:<a@b> SIZE=1' -> ('a@b', 'SIZE=1')"""
    found = re.match(r"[^<]*<([^>]*)>\s*(.*)", argument)
    return found.groups() if found else (argument, "")
