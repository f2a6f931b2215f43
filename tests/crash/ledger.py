"""The ledger, outside of the gateway: what was handed over, and in which state it ended.

A mail is accepted when it lies in the mailbox, or when LMTP has answered; until then the mail server
before the gateway has it and brings it again, as another message if need be.  A stanza has no acknowledgement on a component's
stream (XEP-0114): it is accepted when the gateway has committed it, which its link in the database
and its log line show.  What the host still held or the socket swallowed when the process died was
never accepted: it is counted, and may only be what was sent shortly before a crash.
"""

import random
import re
import threading
import time
from dataclasses import dataclass, field

from people import tokens_of

ACCEPTED = re.compile(r"event=accepted id=(\S+) from=")


@dataclass
class Entry:
    token: str
    way: str   # "in", "lmtp": mail to Jabber, "out": Jabber to mail
    kind: str  # what shall become of it
    to: str
    at: float = field(default_factory=time.monotonic)


class Ledger:
    def __init__(self, instance):
        self._instance = instance
        self._lock = threading.Lock()
        self.entries = {}
        self.down = []  # [from, until] in which the gateway was away

    def note(self, way, kind, to):
        name = "ask" if kind == "ask" else "x"
        token = f"tok-{name}-{random.getrandbits(48):012x}"
        with self._lock:
            self.entries[token] = Entry(token, way, kind, to)
        return token

    def all(self):
        with self._lock:
            return list(self.entries.values())

    # What became of it, as the two worlds have seen it.

    def relay_copies(self):
        """token -> Message-IDs of the mails that brought it; token -> reports about it."""
        mails, reports = {}, {}
        for mail in list(self._instance.relay.mails):
            head = mail.data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
            unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ")
            is_report = not mail.sender and "multipart/report" in unfolded
            found = re.search(r"^Message-ID:\s*(\S+)", unfolded, re.M | re.I)
            for token in tokens_of(mail.data.decode("utf-8", "replace")):
                into = reports if is_report else mails
                into.setdefault(token, []).append(found.group(1) if found else "")
        return mails, reports

    def set_aside(self):
        """Tokens of what is set aside, for somebody to look at."""
        rows = self._instance.rows("SELECT content FROM message WHERE id IN "
                                   "(SELECT message FROM item WHERE next < 0)")
        return {token for row in rows for token in tokens_of(row[0].decode("utf-8", "replace"))}

    def linked(self):
        return {row[0] for row in self._instance.rows(
            "SELECT stanza_id FROM link WHERE direction = 1 AND stanza_id IS NOT NULL")}

    def accepted(self):
        linked = self.linked()
        return [e for e in self.all() if e.way != "out" or e.token in linked]

    def is_at_end(self, entry, mails, reports):
        people = self._instance.people
        if entry.way != "out" and entry.kind == "refused":
            return entry.token in reports
        # What is refused after it was taken is taken: a crash may forget the refusal.
        if entry.kind == "asked":  # to be told when it has arrived
            return bool(people.copies(entry.token)) and entry.token in reports
        if entry.way != "out":
            return bool(people.copies(entry.token))
        if entry.kind in ("refused", "bounced"):
            return self._instance.domain in " ".join(people.errors_for(entry.token))
        return entry.token in mails

    def missing(self):
        mails, reports = self.relay_copies()
        left = [e for e in self.accepted() if not self.is_at_end(e, mails, reports)]
        aside = self.set_aside() if left else ()
        return [e for e in left if e.token not in aside]

    def unanswered(self):
        """Stanzas that are neither accepted nor refused: without a crash there are none for long."""
        linked = self.linked()
        return [e for e in self.all() if e.way == "out" and e.token not in linked
                and not self._instance.people.errors_for(e.token)]

    # The judgement.

    def verify(self, crashes):
        """Each accepted one in exactly one state, with at most one copy more for each crash."""
        mails, reports = self.relay_copies()
        people = self._instance.people
        aside = self.set_aside()
        assert not aside or crashes >= 3, f"set aside for nothing: {aside}"
        for entry in self.accepted():
            if entry.token in aside:
                continue
            assert self.is_at_end(entry, mails, reports), f"lost: {entry}"
            copies = mails.get(entry.token, []) if entry.way == "out" else \
                people.copies(entry.token)
            ids_max = 1 + crashes if entry.way == "lmtp" else 1
            errors = people.errors_for(entry.token)
            told = reports.get(entry.token, [])
            assert len(copies) <= 1 + crashes, f"{entry} came {len(copies)} times"
            assert len(set(copies)) <= ids_max, f"{entry} came under several ids: {copies}"
            assert len(told) <= 1 + crashes and len(set(told)) <= ids_max, f"{entry}: reports {told}"
            assert len(errors) <= 1 + crashes, f"{entry}: errors {errors}"
            if entry.kind in ("plain", "later", "ask"):
                assert not told and not errors, f"{entry} was delivered and reported as failed"
        self._verify_log(mails)
        return self.figures(mails, reports)

    def _verify_log(self, mails):
        """What the log calls accepted has been handed on, or is known to have failed."""
        log = self._instance.gateway.log
        text = log.read_text(errors="replace") if log.exists() else ""
        sent = " ".join(i for ids in mails.values() for i in ids)
        for accepted in set(ACCEPTED.findall(text)):
            assert accepted in sent or re.search(rf"event=failed id={accepted}\b", text), \
                f"{accepted} was called accepted and is nowhere"

    def figures(self, mails, reports):
        people = self._instance.people
        entries = self.all()
        accepted = {e.token for e in self.accepted()}
        never = [e for e in entries if e.token not in accepted]
        twice = sum(1 for e in entries
                    if len(mails.get(e.token, ()) if e.way == "out" else people.copies(e.token)) > 1)
        bounced = sum(1 for e in never if people.errors_for(e.token))
        return {"in": sum(e.way != "out" for e in entries),
                "out": sum(e.way == "out" for e in entries),
                "accepted": len(accepted), "twice": twice, "returned by the host": bounced,
                "never accepted": len(never) - bounced, "reports": len(reports), "set aside": len(self.set_aside())}

    def show(self):
        return "--- ledger ---\n" + "\n".join(map(str, self.all()))
