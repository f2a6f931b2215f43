"""The measurements, each a function of a bed that ends what it starts."""

import os
import re
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import bed as b
from servers.base import free_port, wait_until


def mail_size(gateway, size):
    """How large a message of that many bytes is as mail."""
    stanza = (f"<message xmlns='jabber:client' from='u1@{b.LOAD}/bench' to='{b.TO_MAIL.replace('#', '1')}' id='1'>"
              f"<body>{'x' * size}</body></message>")
    return len(gateway.command("convert", "--to", "mail", stdin=stanza).stdout.encode())


def to_sink(bed, host, sink, count, size, timeout_s):
    """Messages a second, from the first stanza until the sink has them all."""
    load = bed.writer(host, count, size, 0, b.TO_MAIL)
    try:
        start = load.wait("first", 10)[0]
        return count / b.seconds(sink.wait(count, timeout_s) - start)
    finally:
        errors = load.stop()
        assert errors == 0, f"{errors} messages came back as errors"


def jabber_to_mail(bed, host, count, size):
    """(messages a second, size of a mail, the gateway's processor seconds for a message, peak memory in MB)"""
    sink = bed.sink()
    gateway = bed.gateway(host, sink.port)
    try:
        cpu = gateway.cpu_s()
        rate = to_sink(bed, host, sink, count, size, 120)
        wait_until("an empty queue", lambda: gateway.waiting() == 0, 20)
        return rate, mail_size(gateway, size), (gateway.cpu_s() - cpu) / count, gateway.status("VmHWM")
    finally:
        gateway.stop()
        sink.stop()


def peer_to_mail(bed, host, count, size):
    sink = bed.sink()
    peer = bed.peer(host, sink.port)
    try:
        return to_sink(bed, host, sink, count, size, 120)
    finally:
        peer.stop()
        sink.stop()


def engine(bed, name, connections, count, size):
    """Mails a second and microseconds of processor time a mail, by one of the ways for a mail to leave."""
    sink = bed.sink()
    try:
        said = subprocess.run([b.TOOLS / "send_speed", str(sink.port), name, str(connections), str(size), str(count)],
                              check=True, capture_output=True, text=True, timeout=300).stdout
    finally:
        sink.stop()
    found = dict(word.split("=") for word in said.split()[1:])
    return float(found["mails/s"]), float(found["cpu-us/mail"])


def mailboxes(count, tls):
    """What it costs to watch so many mailboxes that wait in IDLE: numbers by name, as mailbox_load has them."""
    said = subprocess.run([b.TOOLS / "mailbox_load", str(count), "tls" if tls else "clear"],
                          check=True, capture_output=True, text=True, timeout=600).stdout
    return {name: float(value) for name, value in (word.split("=") for word in said.split()[1:])}


def smtp_limit(bed, count, size):
    """Mails a second of smtp-source into the same sink over as many kept connections."""
    sink = bed.sink()
    try:
        start = time.monotonic_ns()
        subprocess.run(["/usr/sbin/smtp-source", "-d", "-s", str(b.CONNECTIONS), "-m", str(count), "-l", str(size),
                        "-f", "bench@capulet.example", "-t", "r1@montague.example", f"127.0.0.1:{sink.port}"],
                       check=True, timeout=120)
        return count / b.seconds(sink.wait(count, 60) - start)
    finally:
        sink.stop()


def route_limit(bed, host, count, size):
    """Messages a second that the host server carries from one component to another."""
    return by_route(bed.reader(host, count), bed.writer(host, count, size, 0, f"u#@{b.READER}"), count)


def by_route(reader, writer, count):
    try:
        return count / b.seconds(reader.wait("count", 120)[1] - writer.wait("first", 10)[0])
    finally:
        writer.stop()
        reader.stop()


def stanza_limit(bed, host, count, size, date):
    """The same of the stanza that a mail of that size and date becomes: it says more than a body, and to read and
    write all of it is most of what the host server does."""
    gateway = bed.gateway(host, free_port(), {"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{free_port()}"}},
                          ("state=up", "event=listening"))
    try:
        stanza = gateway.command("convert", "--to", "jabber", stdin=bed.mailbox.mail(0, size, date=date).decode())
        stanza = stanza.stdout.strip()
    finally:
        gateway.stop()
    stanza = re.sub(r" from='[^']*'", f" from='u0@{b.LOAD}'", stanza, count=1)
    return by_route(bed.reader(host, count), bed.copier(host, count, stanza), count)


def mail_to_jabber(bed, host, count, size):
    """(mails a second of a bare IMAP reader, of the gateway to a component, its processor seconds for a mail,
    peak memory in MB)"""
    bed.mailbox.fill(count, size)
    bed.mailbox.read_all()  # the server's own index is made now
    raw = bed.mailbox.read_all()
    load = bed.reader(host, count)
    gateway = bed.gateway(host, free_port())
    try:
        cpu = gateway.cpu_s()
        took = load.wait("count", 180)[1] - gateway.watching_ns()
        wait_until("an empty queue", lambda: gateway.waiting() == 0, 20)
        return raw, count / b.seconds(took), (gateway.cpu_s() - cpu) / count, gateway.status("VmHWM")
    finally:
        gateway.stop()
        load.stop()
        bed.mailbox.empty()


def imap_intake(bed, count, size):
    """(mails a second of a bare IMAP reader, of one that marks them, of the gateway into its queue while no host
    server takes any, its processor seconds for a mail)"""
    bed.mailbox.fill(count, size)
    bed.mailbox.read_all()  # the server's own index is made now
    raw = bed.mailbox.read_all()
    marking = bed.mailbox.read_all("mark")
    bed.mailbox.fill(count, size)
    bed.mailbox.read_all()
    gateway = bed.gateway("Prosody", free_port(), {"jabber": {"port": free_port()}}, ("event=watching",))
    try:
        cpu = gateway.cpu_s()
        wait_until("all in the queue", lambda: gateway.accepted() >= count, 180, 0.2)
        took = gateway.accepted_ns() - gateway.watching_ns()
        return raw, marking, count / b.seconds(took), (gateway.cpu_s() - cpu) / count
    finally:
        gateway.stop()
        bed.mailbox.empty()


def by_lmtp(load, port, sessions, count, size):
    """Mails a second, from the first command until the last message has arrived."""
    start = b.Bed.lmtp(port, sessions, count, size)
    return count / b.seconds(load.wait("count", 120)[1] - start)


def lmtp_to_jabber(bed, host, sessions, count, size):
    """(mails a second by LMTP to a component, the gateway's processor seconds for a mail, peak memory in MB)"""
    port = free_port()
    load = bed.reader(host, count)
    gateway = bed.gateway(host, free_port(), {"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{port}"}},
                          ("state=up", "event=listening"))
    try:
        cpu = gateway.cpu_s()
        rate = by_lmtp(load, port, sessions, count, size)
        wait_until("an empty queue", lambda: gateway.waiting() == 0, 20)
        return rate, (gateway.cpu_s() - cpu) / count, gateway.status("VmHWM")
    finally:
        gateway.stop()
        load.stop()


def peer_lmtp_to_jabber(bed, host, sessions, count, size):
    port = free_port()
    load = bed.reader(host, count)
    peer = bed.peer(host, port, "peer_lmtp.py")
    try:
        return by_lmtp(load, port, sessions, count, size)
    finally:
        peer.stop()
        load.stop()


def commands_to_jabber(bed, host, sessions, count, size):
    """Mails a second, as many at a time, until the last message is at its component; None: there is no such command."""
    if not shutil.which("go-sendxmpp"):
        return None
    load = bed.reader(host, count)
    try:
        start = time.monotonic_ns()
        with ThreadPoolExecutor(sessions) as pool:
            list(pool.map(lambda number: bed.by_command(host, number, b"x" * size), range(count)))
        return count / b.seconds(load.wait("count", 60)[1] - start)
    finally:
        load.stop()


def milliseconds(times_ns):
    """(median, 99th percentile)"""
    ordered = sorted(times_ns)
    return statistics.median(ordered) / 1e6, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / 1e6


def host_latency(bed, host, rate, time_s):
    """From one component's write to the other's read."""
    reader = bed.reader(host, rate * time_s, "stamps")
    writer = bed.writer(host, rate * time_s, 200, rate, f"u#@{b.READER}")
    try:
        reader.wait("count", time_s + 10)
        return milliseconds([arrived - sent for arrived, sent in reader.stamps])
    finally:
        writer.stop()
        reader.stop()


def latency_to_mail(bed, host, rate, time_s):
    """From the component's write to the whole mail at the sink."""
    sink = b.StampSink()
    gateway = bed.gateway(host, sink.port)
    load = bed.writer(host, rate * time_s, 200, rate, b.TO_MAIL)
    try:
        wait_until("all at the sink", lambda: len(sink.stamps) >= rate * time_s, time_s + 10)
        return milliseconds([arrived - sent for arrived, sent in sink.stamps])
    finally:
        load.stop()
        gateway.stop()
        sink.stop()


def disk_latency(bed, rate, time_s):
    """Of what a commit cannot do without: 32 kB written behind a file's end and on the disk, as often."""
    taken = []
    with open(bed.folder / "disk", "wb", buffering=0) as file:
        start = time.monotonic()
        for number in range(rate * time_s):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            began = time.monotonic_ns()
            file.write(bytes([number % 256]) * 32768)
            os.fdatasync(file.fileno())
            taken.append(time.monotonic_ns() - began)
    return milliseconds(taken)


def latency_by_lmtp(bed, host, rate, time_s):
    """From the first command of a mail, in a session that is kept, until the message is at its component."""
    port = free_port()
    load = bed.reader(host, rate * time_s, "stamps")
    gateway = bed.gateway(host, free_port(), {"mailbox": None, "lmtp": {"listen": f"127.0.0.1:{port}"}},
                          ("state=up", "event=listening"))
    client = b.LmtpClient(port)
    try:
        start = time.monotonic()
        for number in range(rate * time_s):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            client.send(number, b.Mailbox.mail(number, 200, f"t={time.monotonic_ns()};\r\n"))
        wait_until("all at the component", lambda: len(load.stamps) >= rate * time_s, 20)
        return milliseconds([arrived - sent for arrived, sent in load.stamps])
    finally:
        client.stop()
        gateway.stop()
        load.stop()


def latency_to_jabber(bed, host, rate, time_s):
    """((median, 99th percentile) from the APPEND of a mail until another client in IDLE is told of it, the same until
    the message is at its component)"""
    bed.mailbox.empty()
    writer = bed.mailbox.login()
    load = bed.reader(host, rate * time_s, "stamps")
    gateway = bed.gateway(host, free_port())
    idler = b.Idler(bed.mailbox)
    written = []
    try:
        start = time.monotonic()
        for number in range(rate * time_s):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            written.append(time.monotonic_ns())
            writer.append("INBOX", None, None, bed.mailbox.mail(number, 200, f"t={written[-1]};\r\n"))
        wait_until("all at the component", lambda: len(load.stamps) >= rate * time_s, 20)
        wait_until("the other client to be told", lambda: len(idler.told) >= rate * time_s, 20)
        told = [at - sent for at, sent in zip(idler.told, written)]
        return milliseconds(told), milliseconds([arrived - sent for arrived, sent in load.stamps])
    finally:
        idler.stop()
        gateway.stop()
        load.stop()
        writer.logout()
        bed.mailbox.empty()


def idle_memory(bed, host):
    gateway = bed.gateway(host, free_port())
    try:
        time.sleep(5)  # it gives back what starting took
        return gateway.status("VmRSS")
    finally:
        gateway.stop()


def waiting_memory(bed, host, count, batch):
    """MB resident with so many messages waiting for a relay that is away."""
    gateway = bed.gateway(host, free_port(), {"queue": {"retry_first": 3600}})
    try:
        for done in range(0, count, batch):
            load = bed.writer(host, min(batch, count - done), 200, 0, b.TO_MAIL)
            wait_until(f"{done + batch} in the queue", lambda: gateway.waiting() >= min(done + batch, count), 120, 0.2)
            assert load.stop() == 0, "messages came back as errors"
        time.sleep(18)  # after a quarter of a minute without a message it gives back what the load took
        return gateway.status("VmRSS")
    finally:
        gateway.stop()
