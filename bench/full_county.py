"""What a full county costs (docs/performance.md, lines F, I, K, M): figures of the server alone, not ratios.

F  most resident memory (VmHWM) of the server with 2,000 phones connected and publishing, MiB
I  households a second that derivation takes, with every file of schema/ loaded, after a load of records of all forms:
   all, when every file changed, so that each is asked of each; all, when a parameter changes that concerns every
   household; and, beside the line, those that 60,000 records touched, with everything written and published that follows
K  first pull of a village of the usual size (340 households, 1,200 persons) until its last page is there, ms
M  from the start of `zoufang serve` until phones can connect, ms"""
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

# line: what, must, aim (None: shown, asks for nothing), less is better
LINES = {
    "F": ("most resident memory, 2,000 phones connected under load, MiB", 64, 32, True),
    "I": ("derivation, every file asked of every household, households/s", 4000, 10000, False),
    "I, parameter": ("the same after a parameter changed", 4000, 10000, False),
    "I, records": ("households that records touched, all written and published", None, None, False),
    "K": ("first pull of a village, ms", 300, 80, True),
    "M": ("start of the full county until ready, ms", 1000, 200, True),
}
PHONES = 2000
PULLS = 9


def resident_mib(pid, what):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what + ":")) / 1024


def memory(b, o):
    """F"""
    phones = 200 if o.quick else PHONES
    if getattr(b, "crowd", 0) != phones:
        b.write_phones(phones)
        b.broker.terminate()   # it reads who may connect when it starts
        b.broker.wait()
        b.start_broker()
        b.crowd = phones
    data = b.fresh_data()
    s = b.serve(data)
    load = b.load(4000 if o.quick else 40000, 1, True)
    b.wait_settled(data)
    b.fire(load)
    b.wait_settled(data)
    found = resident_mib(s.pid, "VmHWM")
    b.end(s)
    return found


def any_waits(db):
    """Cheap: asking takes no time from what is measured."""
    return db.execute("SELECT EXISTS (SELECT 1 FROM dirty WHERE level = 'household')").fetchone()[0]


def until_none_waits(db):
    while any_waits(db):
        time.sleep(0.02)


def after_records(b, o, data, port):
    """From the last receipt on: while records come, little is derived."""
    db = sqlite3.connect(f"file:{data}/zoufang.db?mode=ro", uri=True)
    b.fire(b.load(60 if o.quick else 600, 100, True, port=port))
    started = time.monotonic()
    households = db.execute("SELECT count(*) FROM dirty WHERE level = 'household'").fetchone()[0]
    until_none_waits(db)
    db.close()
    return households / (time.monotonic() - started)


def households_a_second(data, households, begin):
    """From the moment when they wait until none does."""
    db = sqlite3.connect(f"file:{data}/zoufang.db?mode=ro", uri=True)
    begin()
    started = before = time.monotonic()
    while not any_waits(db):
        started = time.monotonic()
        if started > before + 60:
            raise RuntimeError("no household waits")
        time.sleep(0.01)
    until_none_waits(db)
    db.close()
    return households / (time.monotonic() - started)


def change_all(schema, server):
    """Every rule and view has a comment more."""
    for folder in ("views", "rules"):
        for name in os.listdir(os.path.join(schema, folder)):
            path = os.path.join(schema, folder, name)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            with open(path, "w", encoding="utf-8") as f:
                f.write("-- changed\n" + text)
    server.send_signal(signal.SIGHUP)


def derivation(b, o):
    """I, all three"""
    data, port = b.fresh_data(), str(free_pair())
    schema = os.path.join(data, "schema")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    shutil.copytree(os.environ.get("ZOUFANG_SCHEMA", os.path.join(root, "schema")), schema)
    s = b.serve(data, "--standalone", "--port", port, "--schema-dir", schema)
    s.stdout.readline()
    b.wait_settled(data)
    subprocess.run([b.build + "/zoufang", "simulate", "--data", data, "--port", port, "--phones",
                    "20" if o.quick else "200", "--records", "500" if o.quick else "20000", "--rate", "2000",
                    "--offline", "0", "--clock", b.clock, "--time-scale", "0.01", "--seed", "7"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    b.wait_settled(data)
    db = sqlite3.connect(f"file:{data}/zoufang.db?mode=ro", uri=True)
    households = db.execute("SELECT count(*) FROM entity WHERE kind = 'household'").fetchone()[0]
    db.close()
    records = after_records(b, o, data, port)
    b.wait_settled(data)
    parameter = households_a_second(data, households, lambda: subprocess.run(
        [b.build + "/zoufang", "param", "set", "watch.income_factor", "1.6", "--data", data],
        check=True, stdout=subprocess.DEVNULL))
    b.wait_settled(data)
    everything = households_a_second(data, households, lambda: change_all(schema, s))
    b.end(s)
    return {"I": everything, "I, parameter": parameter, "I, records": records}


# ---- a phone that pulls: MQTT 3.1.1 by hand, so that no library's loop is measured

def packet(first, body):
    size, head = len(body), bytes([first])
    while True:
        size, low = size >> 7, size & 0x7f
        head += bytes([low | (0x80 if size else 0)])
        if not size:
            return head + body


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(raw)) + raw


class Puller:
    def __init__(self, port, county, device, password):
        self.root = f"zf/1/{county}"
        self.device = device
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.s.sendall(packet(0x10, text("MQTT") + b"\x04\xc2\x00\x00" + text(device) + text(device) + text(password)))
        self.read(2)
        self.s.sendall(packet(0x82, b"\x00\x01" + text(f"{self.root}/down/{device}/changes") + b"\x01"))
        self.read(9)

    def read(self, kind):
        """The body of the next packet of that kind; a PUBLISH is acknowledged."""
        while True:
            size, at, shift = 0, 1, 0
            while len(self.buffer) > at:
                size |= (self.buffer[at] & 0x7f) << shift
                shift += 7
                at += 1
                if not self.buffer[at - 1] & 0x80:
                    break
            else:
                at = 0
            if at and len(self.buffer) >= at + size:
                first, body = self.buffer[0] >> 4, self.buffer[at:at + size]
                self.buffer = self.buffer[at + size:]
                if first == 3:
                    topic = struct.unpack(">H", body[:2])[0]
                    self.s.sendall(packet(0x40, body[2 + topic:4 + topic]))
                    body = body[4 + topic:]
                if first == kind:
                    return body
                continue
            more = self.s.recv(1 << 18)
            if not more:
                raise RuntimeError("the broker closed the connection")
            self.buffer += more

    def pull(self):
        """Seconds from the first question to the last page, and how many changes came."""
        cursor, count, begin = None, 0, time.monotonic()
        for n in range(1000):
            q = json.dumps({"v": 1, "req": f"r{n}", "cursor": cursor})
            self.s.sendall(packet(0x32, text(f"{self.root}/up/{self.device}/pull") + b"\x00\x02" + q.encode()))
            page = json.loads(self.read(3))
            if "error" in page:
                raise RuntimeError(str(page["error"]))
            count += len(page["changes"])
            cursor = page["cursor"]
            if not page["more"]:
                return time.monotonic() - begin, count
        raise RuntimeError("a pull without end")


def first_pulls(b, o):
    """K: the median over villages; each phone has never pulled before."""
    data = b.fresh_data()
    s = b.serve(data)
    b.wait_settled(data)
    found = []
    with open(b.phones) as f:
        phones = [line.split()[:2] for line in f][:PULLS]
    for device, password in phones:
        p = Puller(b.port, b.county, device, password)
        seconds, count = p.pull()
        p.s.close()
        if count < (100 if o.quick else 1300):
            raise RuntimeError(f"only {count} changes: no whole village")
        found.append(seconds * 1000)
    b.end(s)
    return sorted(found)[len(found) // 2]


def start(b, o):
    """M, with the server's own broker, as script/server starts it."""
    data = b.fresh_data()
    for _ in range(2):  # the first start of a copy derives the day; the second is what is measured
        before = time.monotonic()
        s = b.serve(data, "--standalone", "--port", str(free_pair()))
        line = s.stdout.readline()
        took = (time.monotonic() - before) * 1000
        if '"ready":true' not in line:
            raise RuntimeError("the server does not start")
        b.wait_settled(data)
        b.end(s)
    return took


def free_pair():
    while True:
        with socket.socket() as a, socket.socket() as c:
            a.bind(("127.0.0.1", 0))
            n = a.getsockname()[1]
            try:
                c.bind(("127.0.0.1", n + 1))
                return n
            except (OSError, OverflowError):
                continue


def measure_county(b, o, s):
    """F and I once, K and M as often as there are rounds."""
    if "M" in o.only:
        for _ in range(o.rounds):
            s.add(M=start(b, o))
    if "K" in o.only:
        for _ in range(o.rounds):
            s.add(K=first_pulls(b, o))
    if "I" in o.only:
        s.add(**derivation(b, o))
    if "F" in o.only:
        s.add(F=memory(b, o))
    if set("FIKM") & set(o.only):
        print("the full county: done", file=__import__("sys").stderr)
