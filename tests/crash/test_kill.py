"""kill -9 of the server and of its broker under load: nothing that has a receipt is lost, everything
else is sent again and stored once.

    python3 test_kill.py PATH/TO/zoufang [SERVER_KILLS [BROKER_KILLS [SEED]]]

Phones keep every record until it has a receipt and send those without one again, as protocol §6
says. The moments of the kills follow from the seed (and from the machine). In the end a second
server takes the same records in peace: its digest must be the same.
"""
import json
import os
import random
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "broker"))
from ops import kill_broker, zf  # noqa: E402

PHONES = 4
AGAIN_S = 3  # a phone that heard nothing for so long sends again
ENVELOPE_MAX = 4
OPEN_MAX = 12  # records of a phone without a receipt: it writes the next when one came
WRITTEN_MAX = 2000  # of one phone
AUTHORS = ["C-00001", "C-00030"]


class Counter:
    """How many receipts came, for whoever waits for the next."""

    def __init__(self):
        self.n = 0
        self.cond = threading.Condition()

    def add(self, n):
        with self.cond:
            self.n += n
            self.cond.notify_all()

    def wait(self, more, bound):
        with self.cond:
            goal = self.n + more
            return self.cond.wait_for(lambda: self.n >= goal, bound)


class Outbox:
    """A phone: one connection, a store of records, their receipts. Writes records with `write`
    (None: has those of `records` and writes no more)."""

    def __init__(self, port, creds, counter, write=None, records=()):
        self.creds = creds
        self.device = creds["device"]
        self.write = write
        self.records = {r["id"]: r for r in records}
        self.waiting = [r["id"] for r in records]
        self.sent = {}
        self.outcomes = {}
        self.repeated = 0
        self.counter = counter
        self.cond = threading.Condition()
        self.chance = random.Random(self.device)
        self.connected = False
        self.stopping = False
        self.c = zf.mqtt.Client(client_id=creds["username"], protocol=zf.mqtt.MQTTv311,
                                clean_session=False)
        self.c.username_pw_set(creds["username"], creds["password"])
        self.c.on_connect = self._up
        self.c.on_disconnect = self._down
        self.c.on_subscribe = self._subscribed
        self.c.on_message = self._message
        self.c.reconnect_delay_set(1, 1)
        self.c.connect_async("127.0.0.1", port, 20)
        self.c.loop_start()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _up(self, c, u, flags, rc):
        if rc == 0:
            c.subscribe("%s/down/%s/receipts" % (zf.ROOT, self.device), 1)

    def _subscribed(self, c, u, mid, granted):
        with self.cond:
            self.connected = True
            self.sent.clear()
            self.cond.notify_all()

    def _down(self, c, u, rc):
        with self.cond:
            self.connected = False

    def _message(self, c, u, m):
        fresh = 0
        with self.cond:
            for r in json.loads(m.payload)["receipts"]:
                outcome = r["was"] if r["outcome"] == "duplicate" else r["outcome"]
                if outcome not in ("stored", "held", "rejected"):
                    continue
                if r["id"] in self.outcomes:
                    self.repeated += 1
                    assert self.outcomes[r["id"]] == outcome, (r, self.outcomes[r["id"]])
                else:
                    self.outcomes[r["id"]] = outcome
                    fresh += 1
            self.cond.notify_all()
        if fresh:
            self.counter.add(fresh)

    def _due(self):
        """Ids to send now."""
        now = time.monotonic()
        self.waiting = [i for i in self.waiting if i not in self.outcomes]
        while self.write and len(self.waiting) < OPEN_MAX and len(self.records) < WRITTEN_MAX:
            r = self.write(self.records)
            self.records[r["id"]] = r
            self.waiting.append(r["id"])
        return [i for i in self.waiting
                if i not in self.sent or now - self.sent[i] >= AGAIN_S][:self.size()]

    def size(self):
        return self.chance.randint(1, ENVELOPE_MAX)

    def _run(self):
        while True:
            with self.cond:
                if self.stopping or not (self.waiting or self.write):
                    return
                ids = self._due() if self.connected else []
                if not ids:
                    self.cond.wait(0.5)
                    continue
                for i in ids:
                    self.sent[i] = time.monotonic()
            envelope = {"v": 1, "device": self.device, "sent": zf.CLOCK,
                        "records": [self.records[i] for i in ids]}
            self.c.publish("%s/up/%s/records" % (zf.ROOT, self.device),
                           json.dumps(envelope, ensure_ascii=False), 1)

    def write_no_more(self):
        with self.cond:
            self.write = None
            self.cond.notify_all()

    def stored(self):
        with self.cond:
            return [i for i, o in self.outcomes.items() if o == "stored"]

    def close(self):
        with self.cond:
            self.stopping = True
            self.cond.notify_all()
        self.thread.join()
        self.c.disconnect()
        self.c.loop_stop()


def writer(author, households, chance):
    """Facts that several phones set differently, and withdrawals, at stamps close together."""
    def write(records):
        r = {"id": zf.uuid7(), "seq": len(records) + 1, "form": "hh.facts", "fv": 1,
             "subject": chance.choice(households),
             "hlc": zf.stamp(zf.later("2019-06-10T08:00:00+08:00",
                                      seconds=chance.randint(0, 100000))),
             "by": author,
             "data": {"set": {"farmland_mu": chance.randint(1, 9),
                              "other_home": chance.random() < 0.5}, "reason": "核实"}}
        if chance.random() < 0.5:
            r["base"] = {"farmland_mu": []}
        if records and chance.random() < 0.1:
            r.update(form="record.void", subject=chance.choice(list(records)),
                     data={"reason": "录错"})
            r.pop("base", None)
        return r
    return write


def database(county):
    return sqlite3.connect("file:%s/zoufang.db?mode=ro" % county.data, uri=True, timeout=zf.BOUND)


def check_receipts(county, phones):
    """Every record with a receipt is on disk as stored. Returns how many."""
    want = [i for p in phones for i in p.stored()]
    with database(county) as db:
        have = {r[0] for r in db.execute("SELECT lower(hex(id)) FROM record WHERE outcome = 1")}
    lost = [i for i in want if i.replace("-", "") not in have]
    assert not lost, "receipted but not stored: %s" % lost[:5]
    return len(want)


def kill_server(county, phones, chance):
    county.kill(broker=chance.random() < 0.5)
    n = check_receipts(county, phones)
    county.serve()
    return n


def finish(phones, counter):
    """Everything that was written gets a receipt; the phones hang up."""
    end = time.monotonic() + 3 * zf.BOUND
    for p in phones:
        p.write_no_more()
    while any(len(p.outcomes) < len(p.records) for p in phones):
        if not counter.wait(1, max(0, end - time.monotonic())):
            break
    for p in phones:
        p.close()
        missing = [i for i in p.records if i not in p.outcomes]
        assert not missing, "%s: no receipt for %d of %d" % (p.device, len(missing), len(p.records))


def under_fire(county, devices, kills, chance):
    counter = Counter()
    households = households_of(county)
    county.serve()
    phones = [Outbox(county.port, d, counter,
                     write=writer(d["cadres"][0], households, random.Random(chance.random())))
              for d in devices]
    for k, what in enumerate(kills):
        if not counter.wait(chance.randint(1, 60), zf.BOUND):
            raise AssertionError("no receipts before kill %d" % (k + 1))
        with counter.cond:
            counter.cond.wait(chance.random() * 0.05)
        if what == "server":
            n = kill_server(county, phones, chance)
        else:
            kill_broker(county)
            n = sum(len(p.stored()) for p in phones)
        print("kill %d (%s): %d receipted" % (k + 1, what, n), flush=True)
    finish(phones, counter)
    county.stop()
    total = check_receipts(county, phones)
    assert total == sum(len(p.records) for p in phones), "not all are stored"
    print("%d receipts came twice or more" % sum(p.repeated for p in phones))
    return [list(p.records.values()) for p in phones]


def in_peace(county, lists, devices):
    counter = Counter()
    county.serve()
    finish([Outbox(county.port, d, counter, records=r) for d, r in zip(devices, lists)], counter)
    county.stop()


def check_once(county, lists):
    ids = {r["id"].replace("-", "") for l in lists for r in l}
    with database(county) as db:
        rows = [r[0] for r in db.execute("SELECT lower(hex(id)) FROM record WHERE device <> 'zoufang'")]
    assert sorted(rows) == sorted(ids), "stored: %d, sent: %d" % (len(rows), len(ids))


def households_of(county):
    with database(county) as db:
        return [r[0] for r in db.execute("SELECT id FROM entity WHERE kind = 'household' AND place "
                                         "LIKE '340825104%' ORDER BY id LIMIT 12")]


def main():
    zf.ZOUFANG = os.path.abspath(sys.argv[1])
    server_kills = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    broker_kills = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 30)
    chance = random.Random(seed)
    print("seed %d" % seed, flush=True)
    kills = ["server"] * server_kills + ["broker"] * broker_kills
    chance.shuffle(kills)
    county = zf.County("fire")
    devices = [county.device(AUTHORS[i % len(AUTHORS)]) for i in range(PHONES)]
    peace = zf.County("peace", county.data)
    lists = under_fire(county, devices, kills, chance)
    check_once(county, lists)
    in_peace(peace, lists, devices)
    digests = [c.run("digest").stdout for c in (county, peace)]
    assert digests[0] == digests[1], digests
    assert "DIFFERS" not in county.run("rebuild", "--check").stdout
    print("%d records, each stored once; digest as in peace" % sum(map(len, lists)))


main()
