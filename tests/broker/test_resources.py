"""What the server takes: descriptors over many connections, memory while it cannot write.

    python3 test_resources.py PATH/TO/zoufang [Class.case ...]
"""
import json
import os
import socket
import sqlite3
import struct

from ops import Line, stored_times, until
from test_external import ExternalCase
import zf

SANITIZED_FACTOR = 2  # what a sanitizer adds to memory


def status(pid, name):
    with open("/proc/%d/status" % pid) as f:
        return next(int(x.split()[1]) for x in f if x.startswith(name + ":"))


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def connect_and_go(port, creds):
    """One MQTT 3.1.1 connection, accepted and given up without a word."""
    def text(t):
        return struct.pack(">H", len(t)) + t.encode()
    body = (text("MQTT") + b"\x04\xc2\x00\x3c" + text(creds["username"]) + text(creds["username"])
            + text(creds["password"]))
    assert len(body) < 128
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(bytes([0x10, len(body)]) + body)
        assert s.recv(4) == b"\x20\x02\x00\x00"


class Resources(ExternalCase):
    def steady(self, measure):
        """What is measured once it stays the same."""
        seen = []

        def ask():
            seen.append(measure())
            return len(seen) > 25 and len(set(seen[-25:])) == 1
        until(ask, "a steady figure")
        return seen[-1]

    def settled(self, c):
        """The number of descriptors once the connection that compares is gone."""
        return self.steady(lambda: descriptors(c.process.pid))

    def test_descriptors_over_reconnects(self):
        """1000 connections of phones, 5 of the server; broker and server keep no descriptor."""
        c = self.county("descriptors", line=True)
        c.broker.start()
        c.serve()
        c.logs("retained topics compared")
        creds = c.device("C-00420")
        self.stores(c, c.connect(creds))
        c.hang_up()
        before = self.settled(c), descriptors(c.broker.process.pid)
        for n in range(1000):
            connect_and_go(c.port, creds)
        for n in range(5):  # each waits longer before it connects again
            c.line.cut()
            c.line.mend()
            c.logs("retained topics compared", n + 2)
        self.stores(c, c.connect(creds))
        c.hang_up()
        until(lambda: descriptors(c.broker.process.pid) <= before[1], "the broker's descriptors")
        self.assertLessEqual(self.settled(c), before[0])

    def test_blocked_database(self):
        """Another process holds the write lock while 20 MB come in: the broker keeps them, the
        server's memory stays bounded, every record is stored once when the lock goes."""
        c = self.county("blocked")
        c.broker.start()
        # Address sanitizer keeps freed memory to find late uses; here only what is in use counts.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"
        c.serve(ASAN_OPTIONS=options.lstrip(":"))
        c.logs("retained topics compared")
        phone = c.phone("C-00420")
        self.stores(c, phone)
        until(c.everything_sent, "nothing to do")
        pid = c.process.pid
        base = status(pid, "VmRSS")
        lock = sqlite3.connect(c.data + "/zoufang.db", timeout=zf.BOUND, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        records = []
        houses = [c.household() for _ in range(300)]
        for n in range(250):
            some = [dict(phone.facts(houses[(10 * n + k) % 300], farmland_mu=n % 50),
                         note_x="好" * 2700) for k in range(10)]
            records += some
            phone.post(phone.envelope(some), wait=n % 50 == 49)
        size = len(json.dumps(records, ensure_ascii=False).encode()) // 1024
        self.assertGreater(size, 20000)
        self.steady(lambda: status(pid, "VmRSS"))  # it has taken in what it may
        self.assertEqual(phone.receipts(records[0]["id"]), [])
        self.assertEqual(sum(stored_times(c, [r["id"] for r in records]).values()), 0)
        blocked = status(pid, "VmHWM")
        lock.execute("ROLLBACK")
        lock.close()
        ids = [r["id"] for r in records]
        until(lambda: sum(stored_times(c, ids).values()) == len(ids), "all are stored", 2 * zf.BOUND)
        until(lambda: c.query("SELECT count(*) FROM outbox")[0][0] == 0, "receipts are out")
        phone.receipt(ids[-1])
        said = {x["id"] for m in phone.receipt_messages() for x in m["receipts"]}
        self.assertEqual(set(ids) - said, set())
        peak = status(pid, "VmHWM")
        print("\nRSS before %d, blocked at most %d, at most ever %d KiB; %d KiB came in" % (
            base, blocked, peak, size), flush=True)
        with open(zf.ZOUFANG, "rb") as f:
            sanitized = b"__asan" in f.read()
        self.assertLess(peak - base, 80 * 1024 * (SANITIZED_FACTOR if sanitized else 1))
        self.assertEqual(stored_times(c, ids), {i: 1 for i in ids})


if __name__ == "__main__":
    zf.main()
