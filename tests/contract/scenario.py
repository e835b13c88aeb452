"""Scenarios: what a county does, told as records that real phones publish to a real server whose clock is set, and
what must follow from them.

    class Houses(Scenario):
        def test_12_rebuild_one_close_one(self):
            self.day("2019-06-12")                                   # the clock; starts the server
            self.send("inspect.housing", HOUSE, "C-00901", {...}, at="2019-06-12T10:00")
            self.assertTask("T-H2-%s-b01-1" % HOUSE, "open 2019-06-12 2019-06-13")
            self.day("2019-09-21")                                   # the clock moves on
            ...

Everything before the first `day` prepares the county: `param`, `load` (an import). BASE is "small" (the small sample
county), "empty" (no divisions yet) or "full" (the full sample; slow).

After each case the same records are published once more, in another order (never the first one), some of them
twice, to a second county that began as the first did and whose clock shows the last day: tasks, findings, ledgers, checks, facts and
figures must be the same as in the first, and as derived from nothing (`rebuild --check`). PERMUTE = False leaves
that out (say why).

Nothing here sleeps: `settle` waits until nothing is left to be derived.
"""
import csv
import json
import os
import random
import shutil
import unittest
from datetime import timedelta

import zf
from zf import HOUSE, PHOTO, PHOTO2, VILLAGE, County  # noqa: F401 (for the cases)

CO, TW, VO, VT, HL, UN, CT, DI, SE = ("C-00001", "C-00030", "C-00420", "C-00450", "C-00412", "C-00460",
                                      "C-00700", "C-00800", "C-00005")
SI_HOUSING, SI_WATER = "C-00901", "C-00902"
TOWN, COUNTY = "340825104000", "340825000000"
NOON = "T12:00:00+08:00"

# What is derived, without change numbers.
DERIVED = {
    "record": "SELECT id_text, form, outcome, effect FROM (SELECT lower(hex(id)) AS id_text, * FROM record)"
              " WHERE form NOT GLOB 'register.*' AND author <> 'zoufang'",
    "task": "SELECT id, doc, class, audience, assignee, root, level FROM task WHERE gone = ''",
    "entity": "SELECT kind, id, place, registered, class, audience, doc, conflicts, checks FROM entity WHERE gone = ''",
    "ledger": "SELECT subject, view, place, num, den, doc FROM ledger",
    "indicator": "SELECT place, name, num, den FROM indicator",
    "status": "SELECT topic, payload FROM retained WHERE payload IS NOT NULL AND topic GLOB '*/status*'",
}


def local(text):
    """"2019-06-12", "2019-06-12T10:00" or a whole time, as one in local time."""
    if len(text) == 10:
        text += "T09:00"
    return text if len(text) > 19 else text + (":00" if len(text) == 16 else "") + "+08:00"


def another_order(records, chance):
    """The records in another order, which begins and ends with others, and a quarter of them once more, somewhere
    after their first time."""
    order = list(records)
    if len(records) == 2:
        order.reverse()
    while len(records) > 2 and (order[0] is records[0] or order[-1] is records[-1]):
        chance.shuffle(order)
    assert len(records) < 2 or order != records
    for r in chance.sample(records, (len(records) + 3) // 4):
        order.insert(chance.randint(order.index(r) + 1, len(order)), r)
    return order


_bases = {}


def base(kind):
    if kind == "small":
        return zf.base_county()
    if kind not in _bases:
        _bases[kind] = os.path.join(zf.tempdir("base"), "county")
        zf.command("init", "--data", _bases[kind], "--clock", Scenario.LOADED, *(["--sample"] if kind == "full" else []))
    return _bases[kind]


class Scenario(unittest.TestCase):
    BASE = "small"
    PERMUTE = True
    LOADED = "2019-01-01T08:00:00+08:00"   # when imports happen
    maxDiff = None

    def setUp(self):
        self.prepared = []   # parameters set since the first day
        self.source = base(self.BASE)   # what the county was before its first day
        self.sent = []       # every record, in the order of its first publishing
        self.devices = {}    # cadre -> credentials
        self.phones = {}
        self.seqs = {}
        self.clock = None
        self.last = None     # stamp of the last record without a time of its own
        self.used = set()
        self.county = County("scenario", self.source)

    def tearDown(self):
        try:
            if self._outcome.success and self.PERMUTE and self.sent:
                self._again()
        finally:
            self.county.close()
            self._look(self.county)

    def _look(self, county):
        text = county.log() if os.path.exists(county.log_name) else ""
        for bad in ("Sanitizer", "runtime error:"):
            if bad in text:
                raise AssertionError(text[-8000:])

    # -------------------------------------------------- before the first day

    def param(self, name, value):
        """Sets a parameter (None: unknown); while the server runs too."""
        self.prepared.append((name, value))
        self._set(self.county, name, value)

    def load(self, kind, rows):
        """`zoufang import KIND` of rows (dicts; the columns are those of the first)."""
        self.assertIsNone(self.clock, "load before the first day")
        path = os.path.join(os.path.dirname(self.county.data), "rows.csv")
        with open(path, "w", newline="", encoding="utf-8") as f:
            table = csv.DictWriter(f, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        self.county.run("import", kind, path, "--clock", self.LOADED)

    @staticmethod
    def _set(county, name, value):
        county.run("param unset" if value is None else "param set", name, *([] if value is None else [str(value)]))

    # -------------------------------------------------- time

    def day(self, when):
        """The county's clock shows `when` (noon of a day, unless it says a time): the server starts anew."""
        clock = when + NOON if len(when) == 10 else local(when)
        if self.county.process:
            self.settle()
            self.county.stop()
        if self.clock is None:   # another order begins with what stands now: an import has stamps of its own
            self.source = os.path.join(zf.tempdir("source"), "county")
            shutil.copytree(self.county.data, self.source)
            self.prepared.clear()
        self.phones.clear()
        self.clock = clock
        self.last = zf.parse_time(zf.later(clock, hours=-3))
        self.county.serve(clock)

    # -------------------------------------------------- writing

    def record(self, form, subject, by, data, at=None, id=None, gps=None, amends=None, base=None, fv=1):
        """A record, not yet published. `at`: its stamp, local time; without it a little after the last one."""
        if at is None:
            self.last += timedelta(seconds=1)
            stamp = zf.stamp(self.last.isoformat())
        else:
            stamp = zf.stamp(local(at), len(self.sent) % 60000)
        ms = int(zf.parse_time(stamp[:24]).timestamp() * 1000)
        r = {"id": id or zf.uuid7(ms), "seq": 0, "form": form, "fv": fv, "subject": subject, "hlc": stamp,
             "by": by, "gps": gps, "amends": amends, "base": base, "data": data}
        return {k: v for k, v in r.items() if v is not None}

    def publish(self, records, expect="stored"):
        """Publishes records by their authors' devices, a hundred at a time; the receipts, in their order. expect:
        the outcome of all of them, None for any."""
        receipts = {}
        for by in dict.fromkeys(r["by"] for r in records):
            mine = [r for r in records if r["by"] == by]
            for r in mine:
                self.seqs[by] = self.seqs.get(by, 0) + 1
                r["seq"] = self.seqs[by]
            for i in range(0, len(mine), 100):
                part = mine[i:i + 100]
                got = self.phone(by).send(*part)
                receipts.update({a["id"]: a for a in (got if isinstance(got, list) else [got])})
        for r in records:
            if expect is not None:
                self.assertEqual(receipts[r["id"]]["outcome"], expect, (r, receipts[r["id"]]))
            if receipts[r["id"]]["outcome"] in ("stored", "held"):
                self.sent.append(r)
        return [receipts[r["id"]] for r in records]

    def send(self, form, subject, by, data, expect="stored", **members):
        """Publishes one record; its id (members: see `record`). Its receipt is self.receipt."""
        r = self.record(form, subject, by, data, **members)
        self.receipt, = self.publish([r], expect)
        return r["id"]

    def phone(self, by):
        if by not in self.phones:
            if by not in self.devices:
                self.devices[by] = self.county.device(by)
            self.phones[by] = self.county.connect(self.devices[by])
        return self.phones[by]

    def household(self, where="1", village=VILLAGE):
        """A registered household of the sample county that this case has not used yet; `where` is SQL about
        `doc`, such as doc ->> '$.poverty_status' = 'none'."""
        for (i,) in self.county.query("SELECT id FROM entity e WHERE kind = 'household' AND place = ? AND registered"
                                      " AND id <> ? AND (%s) ORDER BY id" % where, village, HOUSE):
            if i not in self.used:
                self.used.add(i)
                return i
        raise AssertionError("no household left: " + where)

    def members(self, household):
        return [i for i, in self.county.query("SELECT id FROM entity WHERE kind = 'person' AND id GLOB ? AND gone = ''"
                                              " ORDER BY id", household + "-*")]

    # -------------------------------------------------- what followed

    def settle(self):
        self.county.settle()

    def query(self, sql, *args):
        self.settle()
        return self.county.query(sql, *args)

    def task(self, tid):
        """The task as phones see it (docs/protocol.md §8), or None."""
        rows = self.query("SELECT doc FROM task WHERE id = ? AND gone = ''", tid)
        return json.loads(rows[0][0]) if rows else None

    def tasks(self, pattern="*"):
        """{id: "state opened due[ closed]"} of the ids that match (GLOB); - stands for no due day."""
        return dict(self.query("SELECT id, state || ' ' || opened || ' ' || iif(due = '', '-', due) || iif(closed = '', '', ' ' || closed)"
                               " FROM task WHERE gone = '' AND id GLOB ?", pattern))

    def assertTask(self, tid, expected):
        """expected: "state opened due[ closed]"; "" or None: there is no such task."""
        self.assertEqual(self.tasks(tid).get(tid), expected or None, tid)

    def assertTasks(self, pattern, **expected):
        self.assertEqual(self.tasks(pattern), expected)

    def ledger(self, subject, view):
        """(num, den, doc) or None."""
        rows = self.query("SELECT num, den, doc FROM ledger WHERE subject = ? AND view = ?", subject, view)
        return (rows[0][0], rows[0][1], json.loads(rows[0][2])) if rows else None

    def checks(self, household):
        """What phones are told of the household's checks."""
        return json.loads(self.query("SELECT checks FROM entity WHERE kind = 'household' AND id = ?", household)[0][0])

    def status(self, place=VILLAGE):
        """The status message of a place as the broker retains it."""
        leaf = "status" if place[6:] == "000000" else \
            "status/" + place[6:9] + ("" if place[9:] == "000" else "/" + place[9:])
        rows = self.query("SELECT payload FROM retained WHERE topic = ?", "%s/%s" % (zf.ROOT, leaf))
        return json.loads(rows[0][0])

    def indicator(self, name, place=VILLAGE):
        """The indicator's object: {"num","den"[,"ok"]}."""
        return self.status(place)["indicators"].get(name)

    def assertIndicator(self, name, num, den, place=VILLAGE, **more):
        got = self.indicator(name, place) or {}
        self.assertEqual({k: got.get(k) for k in ("num", "den", *more)}, {"num": num, "den": den, **more},
                         "%s of %s" % (name, place))

    def campaign(self, name, place=VILLAGE):
        return self.status(place)["campaigns"][name]

    def sees(self, cadre, *kinds):
        """Everything that the cadre's phone has after a complete pull: {(kind, id): change}."""
        self.settle()
        copy = zf.Copy()
        self.phone(cadre).sync(copy, list(kinds) or None)
        return copy.items

    # -------------------------------------------------- the same in another order

    @staticmethod
    def derived(county):
        out = {}
        for name, sql in DERIVED.items():
            rows = county.query(sql)
            if name == "status":
                rows = [(t, {k: v for k, v in json.loads(p).items() if k not in ("time", "seq")}) for t, p in rows]
            out[name] = sorted(map(repr, rows))
        return out

    def _again(self):
        self.settle()
        self.county.rebuild_check()
        want = self.derived(self.county)
        digest = self.county.digest()
        self.county.stop()
        first, self.county = self.county, County("again", self.source)
        try:
            for name, value in self.prepared:
                self._set(self.county, name, value)
            self.devices.clear()
            self.phones.clear()
            self.county.serve(self.clock)
            chance = random.Random(self.id())
            records = another_order(self.sent, chance)
            turn = 0
            while turn < len(records):
                size = chance.choice((1, 1, 2, 5, 40)) if len(records) < 400 else 100
                by = records[turn]["by"]
                part = []
                while turn < len(records) and records[turn]["by"] == by and len(part) < size and \
                        records[turn]["id"] not in {r["id"] for r in part}:
                    part.append(records[turn])
                    turn += 1
                self.phone(by).send(*part)
            self.settle()
            got = self.derived(self.county)
            for name in want:
                gone = sorted(set(want[name]) - set(got[name]))
                new = sorted(set(got[name]) - set(want[name]))
                self.assertEqual((gone[:5], new[:5]), ([], []), "%s: another order ends elsewhere" % name)
            self.assertEqual(self.county.digest(), digest, "another order, another digest")
        finally:
            first.close()
            self._look(first)


main = zf.main
