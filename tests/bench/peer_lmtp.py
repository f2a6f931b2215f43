"""The peer for the other way: an LMTP server and a component in one small Python program.

Not durable, no threads, no reports: the least that turns a mail into a stanza.
`peer_lmtp.py PORT JID SECRET LMTP_PORT`
"""

import asyncio
import email
import email.policy
import sys

import slixmpp


class Peer(slixmpp.ComponentXMPP):
    def __init__(self, port, jid, secret, lmtp_port):
        super().__init__(jid, secret, "127.0.0.1", port)
        self.lmtp_port = lmtp_port
        self.add_event_handler("session_start", self.listen)

    async def listen(self, _):
        await asyncio.start_server(self.serve, "127.0.0.1", self.lmtp_port)
        print("up", flush=True)

    async def serve(self, reader, writer):
        sender, recipients = "", []
        writer.write(b"220 peer LMTP\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                text = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                for recipient in recipients:
                    self.deliver(sender, recipient, text)
                    writer.write(b"250 2.0.0 taken\r\n")
                recipients = []
                continue
            if word == b"LHLO":
                writer.write(b"250-peer\r\n250 PIPELINING\r\n")
                continue
            if word == b"MAIL":
                sender = line.decode().partition("<")[2].partition(">")[0]
            elif word == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            writer.write(b"250 2.0.0 ok\r\n")

    def deliver(self, sender, recipient, text):
        mail = email.message_from_bytes(text, policy=email.policy.default)
        user, _, domain = recipient.partition("@")[0].partition("=")
        self.send_message(mto=f"{user}@{domain}", mbody=mail.get_content(), mtype="chat",
                          mfrom=f"{sender.replace('@', chr(92) + '40')}@{self.boundjid.domain}",
                          msubject=mail["Subject"])


def main():
    port, jid, secret, lmtp_port = sys.argv[1:]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    peer = Peer(int(port), jid, secret, int(lmtp_port))
    peer.connect()
    loop.run_forever()


if __name__ == "__main__":
    main()
