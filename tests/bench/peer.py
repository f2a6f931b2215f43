"""The peer: the same job as a small Python component on slixmpp and smtplib, on one kept SMTP connection.

Not durable, no threads, no reports: the least that turns a stanza into a mail.  `peer.py PORT JID SECRET SMTP_PORT`
"""

import asyncio
import smtplib
import sys
from email.message import EmailMessage

import slixmpp


class Peer(slixmpp.ComponentXMPP):
    def __init__(self, port, jid, secret, smtp_port):
        super().__init__(jid, secret, "127.0.0.1", port)
        self.smtp = smtplib.SMTP("127.0.0.1", smtp_port)
        self.add_event_handler("session_start", lambda _: print("up", flush=True))
        self.add_event_handler("message", self.mail)

    def mail(self, message):
        mail = EmailMessage()
        mail["From"] = f"{message['from'].user}@{self.boundjid.domain}"
        mail["To"] = message["to"].user.replace("\\40", "@")
        mail["Subject"] = message["body"][:60]
        mail.set_content(message["body"])
        self.smtp.send_message(mail)


def main():
    port, jid, secret, smtp_port = sys.argv[1:]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    peer = Peer(int(port), jid, secret, int(smtp_port))
    peer.connect()
    loop.run_forever()


if __name__ == "__main__":
    main()
