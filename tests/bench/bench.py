"""How fast the gateway is, against what the machine gives and what a small script would do.

    bench.py [--quick] [--write] [--only WORD]

All figures of a table are taken in one run on one machine; what counts are the ratios.  --quick takes few messages,
to see that it works.  --only runs the parts whose name contains WORD.  --write puts the table into
doc/BENCHMARKS.md.
"""

import argparse
import os
import platform
import re
import statistics
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

import bed as b
import measure

DOC = b.ROOT / "doc" / "BENCHMARKS.md"
MARKS = ("<!-- table -->", "<!-- end of table -->")
SIZES = (200, 2000)


class Table:
    """Rows of text, printed as they come."""

    head = ("what", "postern", "against", "ratio")

    def __init__(self):
        self.rows = []

    def add(self, what, ours, against="", ratio=None):
        row = (what, ours, against, "" if ratio is None else f"{ratio:.2f}")
        self.rows.append(row)
        print(f"{row[0]:<58} {row[1]:>22}   {row[2]:<44} {row[3]:>6}", flush=True)

    def markdown(self):
        lines = ["| " + " | ".join(self.head) + " |", "|---|---|---|---|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in self.rows]) + "\n"


def per_second(rate):
    return f"{rate:,.0f}/s"


def ms(times):
    return f"{times[0]:.1f} / {times[1]:.1f} ms"


def kb(size):
    return f"{size} bytes" if size < 1000 else f"{size // 1000} kB"


class Column:
    """One figure of every round."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)

    def over(self, other):
        """The median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.values, other.values))


class Run:
    def __init__(self, bed, quick):
        self.bed = bed
        self.quick = quick
        self.table = Table()
        self.rounds = 1 if quick else 3
        self.peaks = []

    def repeat(self, take):
        """Rounds of a measurement of several numbers: the columns, each with its median.

        One round takes both sides of a ratio one after the other, so that a busy machine is busy for both."""
        return [Column(values) for values in zip(*(take() for _ in range(self.rounds)))]

    def part_jabber_to_mail(self):
        for host in ("Prosody",) if self.quick else b.HOSTS:
            for size in SIZES:
                self.jabber_to_mail(host, size)

    def jabber_to_mail(self, host, size):
        # What a host server holds for a slow component is bounded: the load stays well below.
        count = 2000 if self.quick else 20000 if size < 1000 else 6000
        what = f"Jabber to mail, {host}, {kb(size)}"
        peer_count = 500 if self.quick else 3000

        def take():
            ours, mail, cpu, peak = measure.jabber_to_mail(self.bed, host, count, size)
            return (ours, cpu, peak, measure.smtp_limit(self.bed, count, mail),
                    measure.peer_to_mail(self.bed, host, peer_count, size),
                    measure.route_limit(self.bed, host, count, size))

        ours, cpu, peak, smtp, peer, route = self.repeat(take)
        self.peaks += peak.values
        for name, other in (("smtp-source into the same sink", smtp), ("Python component, not durable", peer),
                            ("the host server alone", route)):
            self.table.add(what, per_second(ours.median), f"{name}: {per_second(other.median)}", ours.over(other))
        self.table.add(what + ", processor time", f"{cpu.median * 1e6:.0f} us a message")

    def part_mail_to_jabber(self):
        for size in SIZES:
            count = 1000 if self.quick else 10000
            raw, ours, cpu, peak, route, same = self.repeat(lambda: (
                *measure.mail_to_jabber(self.bed, "Prosody", count, size),
                measure.route_limit(self.bed, "Prosody", count, size),
                measure.stanza_limit(self.bed, "Prosody", count, size, b.OLD)))
            self.peaks += peak.values
            what = f"mail to Jabber, IMAP backlog, Prosody, {kb(size)}"
            for name, other in (("bare IMAP reader", raw), ("the host server alone", route),
                                ("the host server alone, the same stanzas", same)):
                self.table.add(what, per_second(ours.median), f"{name}: {per_second(other.median)}", ours.over(other))
            self.table.add(what + ", processor time", f"{cpu.median * 1e6:.0f} us a mail")

    def part_imap_intake(self):
        """Into the queue alone, which is when a mail is safe; the backlog below is carried on through the host."""
        for size in SIZES:
            count = 1000 if self.quick else 10000
            raw, marking, ours, cpu = self.repeat(lambda: measure.imap_intake(self.bed, count, size))
            what = f"IMAP mailbox into the queue, {kb(size)}"
            for name, other in (("bare IMAP reader", raw), ("bare IMAP reader that marks what it read", marking)):
                self.table.add(what, per_second(ours.median), f"{name}: {per_second(other.median)}", ours.over(other))
            self.table.add(what + ", processor time", f"{cpu.median * 1e6:.0f} us a mail")

    def part_lmtp_to_jabber(self):
        for size in SIZES:
            for sessions in (1, 8, 32):
                self.lmtp_to_jabber(sessions, size)

    def lmtp_to_jabber(self, sessions, size):
        count = 1000 if self.quick else 20000 if size < 1000 else 10000
        peer_count = 500 if self.quick else 4000
        ours, cpu, peak, peer, route, same = self.repeat(lambda: (
            *measure.lmtp_to_jabber(self.bed, "Prosody", sessions, count, size),
            measure.peer_lmtp_to_jabber(self.bed, "Prosody", sessions, peer_count, size),
            measure.route_limit(self.bed, "Prosody", count, size),
            measure.stanza_limit(self.bed, "Prosody", count, size, formatdate())))
        self.peaks += peak.values
        what = f"LMTP to Jabber, {sessions} session{'s' if sessions > 1 else ''}, Prosody, {kb(size)}"
        for name, other in (("Python component, not durable", peer), ("the host server alone", route),
                            ("the host server alone, the same stanzas", same)):
            self.table.add(what, per_second(ours.median), f"{name}: {per_second(other.median)}", ours.over(other))
        self.table.add(what + ", processor time", f"{cpu.median * 1e6:.0f} us a mail")
        self.command_for_each(what, ours, sessions, size)

    def command_for_each(self, what, ours, sessions, size):
        """What a pipe in a mail server's aliases does: no gateway, but a program for every mail."""
        if sessions > 8 or size != SIZES[0]:
            return
        rate = measure.commands_to_jabber(self.bed, "Prosody", sessions, 20 if self.quick else 50 * sessions, size)
        if rate is None:
            print("go-sendxmpp is not installed: tests/deps.sh bench")
        else:
            self.table.add(what, per_second(ours.median), f"go-sendxmpp for each mail, as many at a time: "
                           f"{per_second(rate)}", ours.median / rate)

    def part_engines(self):
        """Both ways for a mail to leave, without the rest of the gateway."""
        count = 2000 if self.quick else 20000
        for size in SIZES:
            for connections in (1, 4, 16):
                own, own_cpu, lib, lib_cpu = self.repeat(lambda: (
                    *measure.engine(self.bed, "own", connections, count, size),
                    *measure.engine(self.bed, "libesmtp", connections, count, size)))
                plural = "s" if connections > 1 else ""
                self.table.add(f"SMTP alone, {connections} connection{plural}, {kb(size)}", per_second(own.median),
                               f"libesmtp: {per_second(lib.median)}", own.over(lib))
                self.table.add(f"SMTP alone, {connections} connection{plural}, {kb(size)}, processor time",
                               f"{own_cpu.median:.0f} us a mail", f"libesmtp: {lib_cpu.median:.0f} us a mail",
                               own_cpu.over(lib_cpu))

    def part_latency(self):
        rate, time_s = 10, 2 if self.quick else 30
        what = "latency at 10 a second, median / 99th percentile"
        for name in ("Prosody",) if self.quick else b.HOSTS:
            host = measure.host_latency(self.bed, name, rate, time_s)
            disk = measure.disk_latency(self.bed, rate, time_s)
            floor = f"by the host alone: {ms(host)}; the disk alone: {ms(disk)}"
            for way, take in (("Jabber to mail", measure.latency_to_mail), ("LMTP to Jabber", measure.latency_by_lmtp)):
                ours = take(self.bed, name, rate, time_s)
                self.table.add(f"{what}, {way}, {name}", ms(ours), floor, ours[0] / (host[0] + disk[0]))
        told, ours = measure.latency_to_jabber(self.bed, "Prosody", rate, time_s)
        self.table.add(f"{what}, IMAP to Jabber, Prosody", ms(ours), f"until IDLE tells of the mail: {ms(told)}",
                       ours[0] / told[0])

    def part_memory(self):
        self.table.add("memory, idle", f"{measure.idle_memory(self.bed, 'Prosody'):.1f} MB")
        if self.peaks:
            self.table.add("memory, peak of the loads above", f"{max(self.peaks):.1f} MB")
        count, batch = (4000, 2000) if self.quick else (100000, 20000)
        waiting = measure.waiting_memory(self.bed, "Prosody", count, batch)
        self.table.add(f"memory, {count:,} messages waiting for the relay", f"{waiting:.1f} MB")

    def part_mailboxes(self):
        """Users' own mailboxes, at a server that holds them in IDLE."""
        for tls, count in ((False, 10000), (True, 5000)):
            count = 500 if self.quick else count
            found = measure.mailboxes(count, tls)
            what = f"{count:,} mailboxes watched in IDLE by one process{', TLS' if tls else ''}"
            self.table.add(what, f"{found['bytes'] / 1000:.1f} kB each")
            self.table.add(what + ", until all of them wait", f"{found['ready-s']:.1f} s",
                           f"processor time {found['cpu-us/mailbox']:.0f} us each")
            self.table.add(what + ", until each has had a mail", f"{found['told-s']:.1f} s")

    def parts(self, only):
        for part in (self.part_jabber_to_mail, self.part_imap_intake, self.part_mail_to_jabber, self.part_lmtp_to_jabber,
                     self.part_engines, self.part_latency, self.part_memory, self.part_mailboxes):
            if only in part.__name__:
                part()


def machine():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return f"{os.cpu_count()} cores of {model[1].strip() if model else platform.machine()}, {platform.system()} " \
           f"{platform.release()}"


def write(table):
    text = DOC.read_text()
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    DOC.write_text(f"{before}{MARKS[0]}\n{machine()}.\n\n{table.markdown()}\n{MARKS[1]}{after}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="postern-bench-")
    os.chmod(folder, 0o711)
    bed = b.Bed(folder)
    try:
        run = Run(bed, options.quick)
        print(machine())
        run.parts(options.only)
        if options.write:
            write(run.table)
    finally:
        bed.stop()
        b.shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
