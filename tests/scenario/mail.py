"""The mail user: sends by SMTP, reads by IMAP, waits for what is to come."""

import email
import email.policy
import imaplib
import smtplib
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from servers.base import PATIENCE_S, wait_until


def make_mail(sender, to, subject=None, body="", headers=None):
    """A plain mail with the headers a mail program writes; headers: more of them, a value of None
    takes one away.
    """
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = sender
    mail["To"] = to
    if subject is not None:
        mail["Subject"] = subject
    mail["Date"] = format_datetime(email.utils.localtime())
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    mail.set_content(body)
    for name, value in (headers or {}).items():
        del mail[name]
        if value is not None:
            mail[name] = value
    return mail


class MailUser:
    """Somebody with a mailbox in the private Dovecot and the private Postfix to send through."""

    def __init__(self, address, password, smtp_port, imap_port):
        self.address = address
        self.name = address.partition("@")[0]
        self._password = password
        self._smtp_port = smtp_port
        self._imap_port = imap_port

    def send(self, mail, to=None, sender=None):
        """Hands mail (an EmailMessage or bytes) to the relay; the envelope is to and sender, else
        the headers'.
        """
        sender = self.address if sender is None else sender
        recipients = [to] if isinstance(to, str) else to
        with smtplib.SMTP("127.0.0.1", self._smtp_port, timeout=PATIENCE_S) as smtp:
            if isinstance(mail, bytes):
                smtp.sendmail(sender, recipients, mail)
            else:
                smtp.send_message(mail, from_addr=sender, to_addrs=recipients)
        return mail["Message-ID"] if not isinstance(mail, bytes) else None

    def write(self, to, subject=None, body="", headers=None):
        """Writes and sends a plain mail; returns its Message-ID."""
        return self.send(make_mail(self.address, to, subject, body, headers), to)

    def answer(self, mail, body, headers=None):
        """Sends what a mail program's "reply" makes of mail."""
        subject = mail["Subject"] or ""
        references = " ".join(filter(None, [mail["References"], mail["Message-ID"]]))
        to = mail["Reply-To"] or mail["From"]
        if not subject.lower().startswith("re:"):
            subject = "Re: " + subject
        threading = {"In-Reply-To": mail["Message-ID"], "References": references}
        return self.write(to, subject, body, {**threading, **(headers or {})})

    def _imap(self):
        imap = imaplib.IMAP4("127.0.0.1", self._imap_port, timeout=PATIENCE_S)
        imap.login(self.name, self._password)
        imap.select()
        return imap

    @staticmethod
    def _fetch(imap):
        imap.noop()
        _, answer = imap.uid("fetch", "1:*", "(BODY.PEEK[])")
        return [part[1] for part in answer if isinstance(part, tuple)]

    def raw_mails(self):
        """All mails of the mailbox as bytes; reading leaves them as they are."""
        imap = self._imap()
        try:
            return self._fetch(imap)
        finally:
            imap.logout()

    def mails(self):
        return [parse(raw) for raw in self.raw_mails()]

    def wait_mail(self, predicate, timeout_s=PATIENCE_S, what="a mail"):
        """The first mail in the mailbox for which predicate is true."""
        imap = self._imap()

        def found():
            return next(filter(predicate, map(parse, self._fetch(imap))), None)
        try:
            return wait_until(what, found, timeout_s)
        except TimeoutError as e:
            heads = "\n".join(f"{m['From']} | {m['Subject']} | {m['Message-ID']}"
                              for m in self.mails())
            raise TimeoutError(f"{self.address}: {e}; the mailbox has:\n{heads}") from e
        finally:
            imap.logout()

    def wait_body(self, token, timeout_s=PATIENCE_S):
        """The mail that has token in its text."""
        return self.wait_mail(lambda m: token in body_of(m), timeout_s, f"a mail with {token!r}")

    def wait_report(self, token, timeout_s=PATIENCE_S):
        """The delivery report that has token anywhere in it."""
        return self.wait_mail(
            lambda m: m.get_content_type() == "multipart/report" and token in m.as_string(),
            timeout_s, f"a report on {token!r}")

    def put(self, mail):
        """Puts a mail (bytes) into the mailbox as it is, as a server does that notes nothing."""
        imap = self._imap()
        try:
            imap.append("INBOX", None, None, mail)
        finally:
            imap.logout()

    def empty(self):
        """Removes all mails."""
        imap = self._imap()
        try:
            imap.uid("store", "1:*", "+FLAGS.SILENT", r"(\Deleted)")
            imap.expunge()
        finally:
            imap.logout()


def parse(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def body_of(mail):
    """The plain text of a mail as a person reads it."""
    part = mail.get_body(("plain",))
    return "" if part is None else part.get_content()
