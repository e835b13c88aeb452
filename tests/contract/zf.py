"""Harness of the contract tests: a real server with its private broker, and phones that speak the
wire protocol as docs/protocol.md describes it, through Debian's paho-mqtt.

Nothing here sleeps: whatever is waited for is an event with a bound (BOUND seconds, environment
ZF_BOUND). Every process is ended at exit.

    python3 test_protocol_X.py PATH/TO/zoufang [Class.case ...]
"""
import atexit
import hashlib
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone

try:
    import paho.mqtt.client as mqtt
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError:
    sys.exit("python3-paho-mqtt is missing (script/bootstrap installs it)")

BOUND = float(os.environ.get("ZF_BOUND", "60"))
COUNTY = "340825"
ROOT = "zf/1/" + COUNTY
VILLAGE = "340825104299"
HOUSE = VILLAGE + "-03-0017"
CLOCK = "2019-06-12T10:30:00+08:00"
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SCHEMA = os.environ.get("ZF_SCHEMA", os.path.join(SOURCE, "schema"))  # of the program under test
PHOTO = "sha256:" + "ab" * 32
PHOTO2 = "sha256:" + "cd" * 32

ZOUFANG = os.environ.get("ZOUFANG", "")


# ------------------------------------------------------------------ folders and processes

_dirs = []
_processes = []
_broker_dirs = []


def tempdir(name="zf"):
    d = tempfile.mkdtemp(prefix="zf-contract-%s-" % name, dir="/tmp")
    _dirs.append(d)
    return d


def _kill_broker(data):
    """The private broker of a killed server, if it is still that process."""
    try:
        with open(os.path.join(data, "broker", "mosquitto.pid")) as f:
            pid = int(f.read())
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            if os.fsencode(data) in f.read():
                os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass


@atexit.register
def _cleanup():
    for p in _processes:
        if p.poll() is None:
            p.kill()
            p.wait()
    for d in _broker_dirs:
        _kill_broker(d)
    if not os.environ.get("ZF_KEEP"):
        for d in _dirs:
            shutil.rmtree(d, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that _cleanup runs


_taken = []


def free_port():
    """A port N such that N + 1 is free too (WebSockets): below those that connections going out get, so that it
    stays free while a server is started anew; no other test gets it (broker/support.h, too) until this process ends."""
    for _ in range(1000):
        n = random.randrange(10000, 32000, 2)
        mark = socket.socket(socket.AF_UNIX)
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", n))
                b.bind(("127.0.0.1", n + 1))
                mark.bind("\0zoufang-test-port-%d" % n)
                _taken.append(mark)
                return n
            except OSError:
                mark.close()
    raise RuntimeError("no free pair of ports")


def command(*args, ok=True, **kw):
    r = subprocess.run([ZOUFANG, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       universal_newlines=True, timeout=10 * BOUND, **kw)
    if ok and r.returncode != 0:
        raise AssertionError("zoufang %s: exit %d\n%s%s" % (" ".join(args), r.returncode,
                                                            r.stdout, r.stderr))
    return r


def patient(script):
    """The commands of a page with the patience of the tests: a reader waits ten seconds for an answer, which a busy
    machine may need longer for."""
    return re.sub(r"(?<= -W )\d+", "%d" % BOUND, script)


_base = None


def base_county():
    """The small county as `init` makes it, once a process. ZF_BASE names a ready one."""
    global _base
    if _base is None:
        _base = os.environ.get("ZF_BASE")
        if not _base:
            _base = os.path.join(tempdir("base"), "county")
            command("init", "--data", _base, "--small", "--clock", "2019-03-02T08:00:00+08:00")
    return _base


# ------------------------------------------------------------------ waiting

class Events:
    """A list of things that happened; threads append, tests wait."""

    def __init__(self):
        self.items = []
        self.cond = threading.Condition()

    def add(self, x):
        with self.cond:
            self.items.append(x)
            self.cond.notify_all()

    def until(self, find, what, bound=None):
        """What find(items) returns once that is true."""
        end = time.monotonic() + (bound or BOUND)
        with self.cond:
            while True:
                found = find(self.items)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("not within %g s: %s; last seen: %s" % (
                        bound or BOUND, what, str(self.items[-3:])[:3000]))
                self.cond.wait(left)


# ------------------------------------------------------------------ time and ids

def parse_time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def stamp(text, counter=0):
    """HLC of a local or UTC time."""
    t = parse_time(text).astimezone(timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ-%04x" % (t.microsecond // 1000, counter)


def later(text, **kw):
    return (parse_time(text) + timedelta(**kw)).isoformat()


_random = random.Random(20190612)
_ids = 0


def uuid7(ms=1560306000000):
    """Time, a counter, chance: never twice in a process."""
    global _ids
    _ids += 1
    h = "%012x7%03x%x%03x%012x" % (ms + (_ids >> 12), _ids & 0xfff, 8 + _random.randrange(4),
                                   _random.randrange(1 << 12), _random.randrange(1 << 48))
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def tail(rid):
    return rid.replace("-", "")[-12:]


# ------------------------------------------------------------------ connections

class Client:
    """One MQTT connection that remembers everything it received, in order."""

    def __init__(self, port, username, password, v5=True, clean=True, transport="tcp",
                 client_id=None, will=None):
        self.v5 = v5
        self.messages = Events()
        self.acks = Events()
        self.state = Events()
        self.username = username
        kw = {} if v5 else {"clean_session": clean}
        self.c = mqtt.Client(client_id=client_id or username,
                             protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
                             transport=transport, **kw)
        self.c.username_pw_set(username, password)
        self.c.on_connect = self._on_connect
        self.c.on_disconnect = lambda *a: self.state.add(("down",))
        self.c.on_message = lambda c, u, m: self.messages.add(m)
        self.c.on_subscribe = lambda c, u, mid, *a: self.acks.add(mid)
        self.c.on_publish = lambda c, u, mid: self.acks.add(mid)
        self.c.reconnect_delay_set(1, 1)
        self.c.max_inflight_messages_set(500)
        options = {}
        if v5:
            options["clean_start"] = clean
            if not clean:
                options["properties"] = Properties(PacketTypes.CONNECT)
                options["properties"].SessionExpiryInterval = 7 * 86400
        self.c.connect("127.0.0.1", port, 60, **options)
        self.c.loop_start()
        r = self.state.until(lambda s: s and s[0], "CONNACK for " + username)
        if r[0] != "up":
            self.close()
            raise ConnectionRefusedError(str(r))

    def _on_connect(self, c, u, flags, rc, properties=None):
        code = rc if isinstance(rc, int) else rc.value
        self.state.add(("up", flags) if code == 0 else ("refused", code))

    def subscribe(self, *filters):
        topics = [(ROOT + "/" + f, SubscribeOptions(qos=1)) if self.v5 else (ROOT + "/" + f, 1)
                  for f in filters]
        _, mid = self.c.subscribe(topics)
        self.acks.until(lambda a: mid in a, "SUBACK")

    def publish(self, topic, payload, retain=False, response=None, correlation=None, wait=True):
        p = None
        if response is not None or correlation is not None:
            p = Properties(PacketTypes.PUBLISH)
            if response is not None:
                p.ResponseTopic = response
            if correlation is not None:
                p.CorrelationData = correlation
        info = self.c.publish(ROOT + "/" + topic, payload, 1, retain,
                              **({"properties": p} if self.v5 else {}))
        if wait:
            self.acks.until(lambda a: info.mid in a, "PUBACK on " + topic)

    def close(self):
        self.c.disconnect()
        self.c.loop_stop()


def topic_of(m):
    return m.topic[len(ROOT) + 1:]


class Watch(Client):
    """Keeps the newest payload of every topic, as the broker retains them."""

    def __init__(self, port, creds, filters, **kw):
        super().__init__(port, creds["username"], creds["password"], **kw)
        self.topics = {}
        self.log = []
        self.cond = threading.Condition()
        self.c.on_message = self._keep
        self.subscribe(*filters)

    def _keep(self, c, u, m):
        with self.cond:
            self.log.append((topic_of(m), m.payload, m.retain))
            if m.payload:
                self.topics[topic_of(m)] = m.payload
            else:
                self.topics.pop(topic_of(m), None)
            self.cond.notify_all()

    def until(self, ask, what, bound=None):
        """Waits until ask({topic: parsed payload}) is true; returns that."""
        end = time.monotonic() + (bound or BOUND)
        with self.cond:
            while True:
                now = {t: parsed(p) for t, p in self.topics.items()}
                found = ask(now)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("not within %g s: %s" % (bound or BOUND, what))
                self.cond.wait(left)

    def get(self, topic):
        with self.cond:
            return parsed(self.topics[topic]) if topic in self.topics else None


def parsed(payload):
    """JSON; the text of what is none (metrics)."""
    return json.loads(payload) if payload[:1] == b"{" else payload.decode()


def retained(port, creds, *filters):
    """Everything retained below the filters that this principal may read: {topic: payload}. The
    topic `server`, subscribed last, marks the end."""
    c = Client(port, creds["username"], creds["password"])
    try:
        c.subscribe(*filters)
        c.subscribe("server")
        ends = 2 if "#" in filters else 1
        c.messages.until(lambda ms: sum(topic_of(m) == "server" for m in ms) >= ends,
                         "the end of retained")
        return {topic_of(m): m.payload for m in c.messages.items if topic_of(m) != "server"}
    finally:
        c.close()


# ------------------------------------------------------------------ the model phone

def digest_of(items):
    """count and sum of protocol §8 over (kind, id, rev)."""
    total = 0
    n = 0
    for kind, eid, rev in items:
        h = hashlib.sha256(("%s\0%s\0%d" % (kind, eid, rev)).encode()).digest()
        total = (total + int.from_bytes(h[:8], "big")) % (1 << 64)
        n += 1
    return {"count": n, "sum": "%016x" % total}


class Copy:
    """What a phone keeps of one set of kinds."""

    def __init__(self):
        self.items = {}
        self.cursor = None
        self.scope = None

    def take(self, page):
        if page.get("reset"):
            self.items.clear()
        for ch in page["changes"]:
            key = (ch["kind"], ch["id"])
            if "gone" in ch:
                self.items.pop(key, None)
            else:
                self.items[key] = ch
        self.cursor = page["cursor"]
        self.scope = page["scope"]

    def digest(self):
        return digest_of((k, i, ch["rev"]) for (k, i), ch in self.items.items())

    def get(self, kind, eid):
        return self.items.get((kind, eid))

    def of(self, kind):
        return {i: ch for (k, i), ch in self.items.items() if k == kind}


class Phone(Client):
    """A device: mints records, sends them, collects receipts and pages."""

    def __init__(self, county, creds, by=None, v5=True, clean=True, relay=None, listen=True,
                 at=None, **kw):
        self.county = county
        self.device = creds["device"]
        self.relay = relay
        self.by = by or creds["cadres"][0]
        self.seq = 0
        self.at = parse_time(at or later(county.clock, minutes=-10)).astimezone(timezone.utc)
        self.req = 0
        login = relay or creds
        super().__init__(county.port, login["username"], login["password"], v5=v5, clean=clean, **kw)
        if listen:
            self.subscribe(self.down("+" if relay is None else "#"))

    def up(self, leaf):
        if self.relay:
            return "relay/%s/%s/%s" % (self.relay["username"], self.device, leaf)
        return "up/%s/%s" % (self.device, leaf)

    def down(self, leaf):
        if self.relay:
            return "via/%s/%s/%s" % (self.relay["username"], self.device, leaf)
        return "down/%s/%s" % (self.device, leaf)

    # -------------------------------------------------- writing

    def hlc(self):
        self.at += timedelta(milliseconds=7)
        return stamp(self.at.isoformat())

    def record(self, form, subject, data, **members):
        self.seq += 1
        r = {"id": uuid7(), "seq": self.seq, "form": form, "fv": 1, "subject": subject,
             "hlc": self.hlc(), "by": self.by, "data": data}
        r.update(members)
        return {k: v for k, v in r.items() if v is not None}

    def facts(self, subject, base=None, reason="入户核实", **facts):
        """base: {fact: [ids]}; without it every fact counts as shown nothing."""
        shown = {f: [tail(i) for i in (base or {}).get(f, [])] for f in facts}
        return self.record("hh.facts", subject, {"set": facts, "reason": reason}, base=shown)

    def envelope(self, records, **members):
        e = {"v": 1, "device": self.device, "sent": "2019-06-12T10:29:00+08:00",
             "records": records}
        e.update(members)
        return {k: v for k, v in e.items() if v is not None}

    def post(self, payload, **kw):
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload, ensure_ascii=False)
        self.publish(self.up("records"), payload, **kw)

    def send(self, *records, **members):
        """Publishes and waits for a receipt of each record; returns the newest of each."""
        before = {r["id"]: len(self.receipts(r["id"])) for r in records}
        self.post(self.envelope(list(records), **members))
        return self.answers(before)

    def answers(self, before):
        out = [self.receipt(i, lambda r: True, skip=n) for i, n in before.items()]
        return out[0] if len(out) == 1 else out

    # -------------------------------------------------- receipts

    def receipt_messages(self):
        topic = self.down("receipts")
        return [json.loads(m.payload) for m in self.messages.items if topic_of(m) == topic]

    def receipts(self, rid):
        return [r for m in self.receipt_messages() for r in m["receipts"] if r["id"] == rid]

    def receipt(self, rid, want=None, skip=0, what=""):
        """The first receipt of the record, after `skip`, for which want() is true."""
        if isinstance(want, str):
            outcome = want
            want = lambda r: r["outcome"] == outcome  # noqa: E731
            what = what or "receipt %s of %s" % (outcome, rid)
        return self.messages.until(
            lambda _: next((r for r in self.receipts(rid)[skip:] if not want or want(r)), None),
            what or "a receipt of " + str(rid))

    def refused(self, payload):
        """Publishes what is refused as a whole; its receipt names the bytes by their SHA-256."""
        if isinstance(payload, str):
            payload = payload.encode()
        sha = hashlib.sha256(payload).hexdigest()
        self.post(payload)
        return self.messages.until(
            lambda _: next((r for r in self.receipts(None) if r.get("payload") == sha), None),
            "refusal of payload " + sha)

    def last_upto(self):
        m = self.receipt_messages()[-1]
        return m["upto"], m["gaps"]

    # -------------------------------------------------- pulling

    def pages(self):
        topic = self.down("changes")
        return [json.loads(m.payload) for m in self.messages.items
                if topic_of(m) == topic and m.payload[:1] == b"{"]

    def nudges(self):
        return [p for p in self.pages() if p.get("req", "") is None]

    def pull(self, cursor=None, kinds=None, **members):
        self.req += 1
        req = "r%d" % self.req
        e = {"v": 1, "req": req, "cursor": cursor, "app": "contract 1"}
        if kinds is not None:
            e["kinds"] = kinds
        e.update(members)
        self.publish(self.up("pull"), json.dumps(e))
        return self.messages.until(
            lambda _: next((p for p in self.pages() if p.get("req") == req), None),
            "a page for " + req)

    def sync(self, copy, kinds=None, limit=None, check=True):
        """Pulls until complete; compares the digest with the copy's own."""
        more = {} if limit is None else {"limit": limit}
        for _ in range(10000):
            page = self.pull(copy.cursor, kinds, **more)
            if "error" in page:
                raise AssertionError("pull refused: %s" % page["error"])
            copy.take(page)
            if not page["more"]:
                if check and page["digest"] != copy.digest():
                    raise AssertionError("digest %s, the phone has %s" % (page["digest"],
                                                                           copy.digest()))
                return page
        raise AssertionError("a pull without end")

    def see(self, copy, ask, what, kinds=None, bound=None):
        """Pulls until ask(copy) is true: after each page it waits for what a phone waits for, a
        newer village head or a page without question, and asks again."""
        end = time.monotonic() + (bound or BOUND)
        while True:
            self.sync(copy, kinds)
            found = ask(copy)
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError("not within %g s: %s" % (bound or BOUND, what))
            with self.messages.cond:
                self.messages.cond.wait(0.1)


# ------------------------------------------------------------------ a county

class County:
    """A copy of the small county; started and stopped as the test says."""

    def __init__(self, name="county", source=None):
        self.data = os.path.join(tempdir(name), "data")
        shutil.copytree(source or base_county(), self.data)
        self.port = free_port()
        self.process = None
        self.clock = CLOCK
        self.clients = []
        self.used = set()
        self.log_name = os.path.join(os.path.dirname(self.data), "server.log")
        _broker_dirs.append(self.data)

    def serve(self, clock=CLOCK, *extra, port=None):
        self.clock = clock
        if port:
            self.port = port
        log = open(self.log_name, "ab")
        self.process = subprocess.Popen(
            [ZOUFANG, "serve", "--data", self.data, "--standalone", "--port", str(self.port),
             "--clock", clock, *extra],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        log.close()
        _processes.append(self.process)
        line = self._line()
        self.ready = json.loads(line)
        return self

    def _line(self):
        fd = self.process.stdout.fileno()
        end = time.monotonic() + 2 * BOUND
        text = b""
        while b"\n" not in text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise AssertionError("the server is not ready: " + self.log())
            part = os.read(fd, 4096)
            if not part:
                raise AssertionError("the server ended (%s): %s" % (self.process.wait(), self.log()))
            text += part
        return text.decode()

    def log(self):
        with open(self.log_name, errors="replace") as f:
            return f.read()

    def stop(self, expect=0):
        """SIGTERM; the server drains and ends by itself."""
        self.hang_up()
        p, self.process = self.process, None
        if p is None:
            return
        p.send_signal(signal.SIGTERM)
        rc = p.wait(2 * BOUND)
        p.stdout.close()
        if expect is not None and rc != expect:
            raise AssertionError("serve ended with %s: %s" % (rc, self.log()[-6000:]))

    def kill(self, broker=True):
        """kill -9; with broker, its private Mosquitto too."""
        p, self.process = self.process, None
        p.kill()
        p.wait()
        p.stdout.close()
        if broker:
            _kill_broker(self.data)

    def hang_up(self):
        for c in self.clients:
            c.close()
        self.clients.clear()

    def close(self):
        try:
            self.stop()
        finally:
            self.hang_up()

    # -------------------------------------------------- principals

    def run(self, cmd, *args, ok=True, **kw):
        return command(*cmd.split(), "--data", self.data, *args, ok=ok, **kw)

    def device(self, *cadres):
        args = [x for c in cadres for x in ("--cadre", c)]
        d = json.loads(self.run("device add", *args, "--json").stdout)
        d["cadres"] = cadres
        return d

    def phone(self, *cadres, **kw):
        p = Phone(self, self.device(*cadres), **kw)
        self.clients.append(p)
        return p

    def connect(self, creds, **kw):
        p = Phone(self, creds, **kw)
        self.clients.append(p)
        return p

    def monitor(self):
        return json.loads(self.run("monitor add", "--json").stdout)

    def add_relay(self, town):
        return json.loads(self.run("relay add", "--town", town, "--json").stdout)

    def watch(self, creds=None, *filters):
        """A reader of everything that is retained (default: of a county office's device)."""
        w = Watch(self.port, creds or self.device("C-00001"),
                  filters or ("village/#", "status/#", "catalog/#", "server", "bulletin/#"))
        self.clients.append(w)
        return w

    # -------------------------------------------------- what followed

    def settle(self):
        """Waits until nothing is left to be derived or judged again."""
        self._empty("dirty")

    def until_sent(self, heads=True):
        """Waits until the broker has every retained topic as the database has it; heads take turns of seconds."""
        self._empty("retained WHERE sent = 0" + ("" if heads else " AND topic NOT GLOB '*/head'"))

    def _empty(self, rows):
        end = time.monotonic() + 4 * BOUND
        while self.query("SELECT EXISTS (SELECT 1 FROM %s)" % rows) != [(0,)]:
            if time.monotonic() > end:
                raise AssertionError("still there: %s" % self.query("SELECT * FROM %s LIMIT 5" % rows))
            if self.process.poll() is not None:
                raise AssertionError("the server ended: " + self.log()[-4000:])
            select.select([self.process.stdout], [], [], 0.02)

    # -------------------------------------------------- a look inside

    def query(self, sql, *args):
        db = sqlite3.connect("file:%s/zoufang.db?mode=ro" % self.data, uri=True, timeout=BOUND)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def household(self, where="1", village=VILLAGE):
        """A registered household that no case has used."""
        rows = self.query("SELECT id FROM entity e WHERE kind = 'household' AND place = ? AND"
                          " registered AND id <> ? AND (%s) ORDER BY id" % where, village, HOUSE)
        for (i,) in rows:
            if i not in self.used:
                self.used.add(i)
                return i
        raise AssertionError("no household left: " + where)

    def digest(self):
        return self.run("digest").stdout.strip()

    def rebuild_check(self):
        return self.run("rebuild", "--check")


def codes_of(receipt):
    return sorted(e["code"] for e in receipt.get("errors", []))


def chinese(text):
    return any("\u4e00" <= ch <= "\u9fff" for ch in text)


class ContractCase(unittest.TestCase):
    """One county and server a class (SERVE: on from the start)."""
    SERVE = True
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.county = County(cls.__name__.lower())
        cls.addClassCleanup(cls._end)
        if cls.SERVE:
            cls.county.serve()

    @classmethod
    def _end(cls):
        cls.county.close()
        text = cls.county.log() if os.path.exists(cls.county.log_name) else ""
        for bad in ("Sanitizer", "runtime error:"):
            if bad in text:
                raise AssertionError(text[-8000:])

    def assertErrors(self, receipt, outcome, *expected):
        """Outcome, and exactly the expected (code, path); each with both sentences."""
        self.assertEqual(receipt["outcome"], outcome, receipt)
        errors = receipt.get("errors", [])
        self.assertEqual(sorted((e["code"], e["path"]) for e in errors), sorted(expected), receipt)
        self.assertSentences(errors)

    def assertSentences(self, errors):
        for e in errors:
            self.assertTrue(chinese(e["zh"]), e)
            self.assertTrue(e["en"] and e["en"].isascii(), e)

    def assertOutcome(self, receipt, outcome, *codes):
        self.assertEqual(receipt["outcome"], outcome, receipt)
        self.assertEqual(codes_of(receipt), sorted(codes), receipt)
        self.assertSentences(receipt.get("errors", []))


def main():
    global ZOUFANG
    if len(sys.argv) > 1 and os.path.exists(sys.argv[1]):
        ZOUFANG = os.path.abspath(sys.argv.pop(1))
    if not ZOUFANG:
        sys.exit("usage: %s PATH/TO/zoufang [Class.case ...]" % sys.argv[0])
    sys.modules["zf"].ZOUFANG = ZOUFANG
    unittest.main(module="__main__", verbosity=2)
