"""Every example of the domain, published with the stock Mosquitto clients by its author's device,
and what follows from them (domain.md, "Expected from examples.jsonl" and "Worked loop")."""
import json
import os
import subprocess

import zf
from scenario import Scenario
from zf import CLOCK, HOUSE, ROOT, VILLAGE, ContractCase, Copy

EXAMPLES = os.path.join(zf.SOURCE, "tests", "data", "examples.jsonl")

# Two of the six are not clean; one member is not insured; 24 m2 for each is not too much, but the old house stands; 3 of
# 10 papers, and one person more in the file than in the register.
FOLLOWS = {
    "T-H2-H-b01-1": "accepted 2019-06-13 Grade D house: move out and rebuild",
    "T-W1-H-1": "open 2019-07-12 Unsafe water: solve and evaluate again",
    "T-E1-H-1": "open 2019-06-27 Clean up the home: toilet, goods",
    "T-M1-H-04-1": "open 2019-06-27 Not insured: have the member insured",
    "T-J1-H-02-1": "open 2019-07-12 Able, without work, wants a job: find one",
    "T-X1-H-1": "open 2019-12-31 To exit this year, with a gap: close it",
    "T-Q1-H-dq10-1": "open 2019-06-19 Check the data: relocated, but the old house stands or was subsidised",
    "T-Q1-H-dq6-1": "open 2019-06-19 Check the data: the number of persons is not that of the members",
    "T-Q1-H-file-1": "open 2019-06-19 Check the data: 6 papers missing, 1 mismatches"}


def follows(county):
    """{task of HOUSE that opened that day: state, due, title}."""
    rows = county.query("SELECT id, state || ' ' || due || ' ' || (doc ->> '$.title.en') FROM task"
                        " WHERE gone = '' AND opened = '2019-06-12'")
    return {i.replace(HOUSE, "H"): t for i, t in rows if HOUSE in i}


def examples():
    with open(EXAMPLES, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


class Stock:
    """A device in the hands of the stock clients: one connection at a time."""

    def __init__(self, county, creds, version):
        self.county = county
        self.device = creds["username"]
        self.args = ["-p", str(county.port), "-i", self.device, "-u", self.device,
                     "-P", creds["password"], "-q", "1", "-V", version]
        self.version = version
        self.seq = 0

    def call(self, tool, *args, ok=True):
        r = subprocess.run([tool, *self.args, *args], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=2 * zf.BOUND)
        if ok and r.returncode != 0:
            raise AssertionError("%s: %d %s" % (tool, r.returncode, r.stderr.decode()))
        return r.stdout.decode()

    def ask(self, leaf, answer, message):
        """One question, one answer: mosquitto_rr by MQTT 5; with 3.1.1 a session that waits,
        mosquitto_pub, mosquitto_sub."""
        question = ROOT + "/up/%s/%s" % (self.device, leaf)
        topic = ROOT + "/down/%s/%s" % (self.device, answer)
        text = json.dumps(message, ensure_ascii=False)
        wait = ["-W", str(int(zf.BOUND))]
        if self.version == "5":
            out = self.call("mosquitto_rr", "-t", question, "-e", topic, "-m", text, *wait)
        else:
            self.call("mosquitto_sub", "-c", "-E", "-t", topic)
            self.call("mosquitto_pub", "-c", "-t", question, "-m", text)
            out = self.call("mosquitto_sub", "-c", "-C", "1", "-t", topic, *wait)
        return json.loads(out)

    def send(self, record):
        """Publishes the record with the device's own seq; its receipt."""
        self.seq += 1
        record = dict(record, seq=self.seq)
        answer = self.ask("records", "receipts", {
            "v": 1, "device": self.device, "sent": "2019-06-12T10:30:00+08:00",
            "records": [record]})
        return next(r for r in answer["receipts"] if r["id"] == record["id"])

    def pull(self, cursor=None, kinds=None, req="r1"):
        q = {"v": 1, "req": req, "cursor": cursor}
        if kinds:
            q["kinds"] = kinds
        return self.ask("pull", "changes", q)


class Examples(ContractCase):
    """One story, told in the order of the examples; the cases are its chapters."""
    SERVE = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.creds = {}
        cls.stock = {}
        cls.receipts = {}
        cls.county.serve(CLOCK)
        versions = ["5", "mqttv311"]
        for i, r in enumerate(examples()):
            if r["by"] not in cls.creds:
                cls.creds[r["by"]] = cls.county.device(r["by"])
                cls.stock[r["by"]] = Stock(cls.county, cls.creds[r["by"]], versions[i % 2])
        cls.creds["C-00902"] = cls.county.device("C-00902")
        cls.creds["C-00030"] = cls.creds.get("C-00030") or cls.county.device("C-00030")

    def publish(self, until, after=""):
        for r in examples():
            if after < r["hlc"] <= until:
                self.receipts[r["id"]] = self.stock[r["by"]].send(r)

    def restart(self, clock):
        self.county.stop()
        self.county.serve(clock)

    def phone(self, cadre):
        p = self.county.connect(self.creds[cadre])
        return p

    def task(self, topics, tid):
        return topics.get("village/104/299/tasks/" + tid)

    def test_1_every_example_of_the_day_has_its_receipt(self):
        self.publish("2019-06-12T23:59:59")
        day = [r for r in examples() if r["hlc"] < "2019-06-13"]
        self.assertGreaterEqual({r["by"] for r in day}, {"C-00412", "C-00901", "C-00030", "C-00001"})
        self.assertEqual(len({r["form"] for r in day}), 20)
        for r in day:
            with self.subTest(form=r["form"], id=r["id"]):
                answer = self.receipts[r["id"]]
                self.assertEqual(answer["outcome"], "stored", answer)
                self.assertNotIn("errors", answer)
                self.assertEqual("code" in answer, r["form"].startswith("lead."), answer)

    def test_2_a_malformed_one_is_rejected_in_chinese(self):
        for version in ("5", "mqttv311"):
            stock = Stock(self.county, self.county.device("C-00412"), version)
            answer = stock.send({"id": zf.uuid7(), "form": "inspect.water", "fv": 1,
                                 "subject": HOUSE, "hlc": "2019-06-12T02:20:00.000Z-0000",
                                 "by": "C-00412", "data": {"persons": "four", "supply": "magic"}})
            self.assertEqual(answer["outcome"], "rejected")
            found = {(e["code"], e["path"]) for e in answer["errors"]}
            self.assertLessEqual({("type", "/data/persons"), ("enum", "/data/supply"),
                                  ("required", "/data/litres_ppd")}, found)
            self.assertSentences(answer["errors"])

    def test_3_a_pull_returns_the_household(self):
        for version in ("5", "mqttv311"):
            stock = Stock(self.county, self.county.device("C-00412"), version)
            copy = Copy()
            more = True
            while more:
                page = stock.pull(copy.cursor)
                copy.take(page)
                more = page["more"]
            self.assertEqual(page["digest"], copy.digest())
            h = copy.get("household", HOUSE)
            self.assertEqual((h["doc"]["farmland_mu"], h["doc"]["addr"], h["doc"]["main_cause"],
                              h["doc"]["other_causes"]),
                             (3.2, "三组示例屋", "illness", ["no_labour"]))
            self.assertEqual(h["seen"]["farmland_mu"], ["000000000001"])
            self.assertIs(h["doc"]["sole_home"], True)
            p = copy.get("person", HOUSE + "-02")
            self.assertEqual((p["doc"]["labour"], p["doc"]["work_months"]), ("skilled", 0))
            self.assertIsNotNone(copy.get("record", "016b4a00-0000-7000-8000-000000000000"))
            self.assertIsNotNone(copy.get("task", "T-H2-%s-b01-1" % HOUSE))

    def test_4_the_d_grade_house_brings_t_h2(self):
        watch = self.county.watch(self.county.device("C-00420"), "village/#", "status/#", "server")
        t = watch.until(lambda t: self.task(t, "T-H2-%s-b01-1" % HOUSE), "T-H2")
        self.assertEqual((t["v"], t["id"], t["rule"], t["village"], t["subject"], t["priority"],
                          t["opened"], t["due"], t["cause"]),
                         (1, "T-H2-%s-b01-1" % HOUSE, "T-H2", VILLAGE, HOUSE, 1, "2019-06-12",
                          "2019-06-13", "016b4a03-0000-7000-8000-000000000003"))
        self.assertEqual([(m["name"], m["due"]) for m in t["milestones"]],
                         [("sign", "2019-06-22"), ("start", "2019-07-02"), ("main", "2019-08-26"),
                          ("accept", "2019-09-20")])
        self.assertEqual(t["verifier"]["role"], "TW")
        # task.update of C-00412: accepted
        watch.until(lambda x: self.task(x, t["id"])["state"] == "accepted", "accepted")

    def test_5_unsafe_water_brings_t_w1(self):
        watch = self.county.watch(self.county.device("C-00420"), "village/#", "server")
        t = watch.until(lambda t: self.task(t, "T-W1-%s-1" % HOUSE), "T-W1")
        self.assertEqual((t["opened"], t["due"], t["priority"]), ("2019-06-12", "2019-07-12", 2))

    def test_6_checks_of_the_household(self):
        copy = Copy()
        phone = self.phone("C-00412")
        h = phone.see(copy, lambda c: c.get("household", HOUSE) and
                      c.get("household", HOUSE).get("checks", {}).get("water") == "gap" and
                      c.get("household", HOUSE), "the water gap")
        checks = h["checks"]
        self.assertEqual(checks, {
            "income": "unknown", "food": "ok", "clothing": "ok", "education": "ok", "medical": "gap",
            "housing": "gap", "water": "gap", "exit_ready": False, "known": 6,
            "gaps": ["housing", "medical", "water"], "last_visit": "2019-06-12", "watch": "unknown"})
        for check, expected in (
                ("water", {"quantity": "basic", "quality": "basic", "convenience": "basic", "reliability": "fail"}),
                ("income", {"yuan": 5500, "year": 2019}), ("medical", {"insured": 3, "members": 4})):
            doc = self.ledger(HOUSE, "check." + check)[2]
            self.assertEqual({k: doc[k] for k in expected}, expected)

    def ledger(self, subject, view):
        (num, den, doc), = self.county.query("SELECT num, den, doc FROM ledger WHERE subject = ? AND view = ?",
                                             subject, view)
        return num, den, json.loads(doc)

    def test_6_work_that_follows(self):
        self.county.settle()
        self.assertEqual(follows(self.county), FOLLOWS)
        self.assertEqual(self.ledger(HOUSE, "archive")[:2], (3, 10))
        self.assertEqual(self.ledger(HOUSE, "archive.check")[2]["mismatches"],
                         [{"field": "members", "archive": "5", "system": "4"}])
        self.assertEqual(self.ledger(HOUSE, "reloc")[:2], (4, 4))
        moved, = [r["data"] for r in examples() if r["form"] == "lookback.relocation"]
        self.assertEqual(moved["area_m2"] / moved["persons"], 24)  # at most 25: no finding
        self.assertEqual(self.county.query("SELECT id FROM entity WHERE kind = 'finding'"), [])

    def test_6_what_the_village_says_of_itself(self):
        """11 of 12 groups have a road: 91.7 %."""
        watch = self.county.watch(self.county.device("C-00420"), "status/#")
        s = watch.until(lambda t: t.get("status/104/299", {}).get("indicators", {}).get("v.road", {}).get("num") and
                        t["status/104/299"], "roads")
        road = s["indicators"]["v.road"]
        self.assertEqual((road["num"], road["den"], round(100 * road["num"] / road["den"], 1)), (11, 12, 91.7))

    def test_7_the_villages_housing_is_red(self):
        watch = self.county.watch(self.county.device("C-00420"), "status/#", "server")
        s = watch.until(lambda t: t["status/104/299"] if t.get("status/104/299", {}).get(
            "campaigns", {}).get("housing", {}).get("colour") == "red" else None, "red")
        housing = s["campaigns"]["housing"]
        self.assertLess(housing["actual_pct"], housing["planned_pct"])
        self.assertEqual(housing["planned_pct"], 48.4)

    def covert(self, copy):
        return copy.get("task", "T-F1-016b4a0e-0000-7000-8000-00000000000e-1")

    def ends(self, copy, rule):
        return {i: t["doc"] for i, t in copy.of("task").items()
                if i.startswith(rule + "-016b4a0e-0000-7000-8000-00000000000e")}

    def assertCovert(self):
        """The village, which is not the unit that has to rectify, has nothing of it but what it wrote itself."""
        vo = Copy()
        self.phone("C-00420").sync(vo)
        mine = {("record", r["id"]) for r in examples() if r["by"] == "C-00420"}
        self.assertEqual([k for k, v in vo.items.items() if k not in mine and (
            "016b4a0e-0000-7000-8000-00000000000e" in repr(v) or "verify.lookback" in repr(v))], [])
        out = "".join(self.county.run("export " + kind, "--format", "ndjson").stdout
                      for kind in ("records", "held", "tasks"))
        self.assertNotIn("016b4a0e-0000-7000-8000-00000000000e", out)

    def see(self, cadre, ask, what):
        phone = self.phone(cadre)
        return phone.see(Copy(), ask, what, ["task", "finding"])

    def test_8_the_worked_loop(self):
        """Found 07-01, due 07-08; rectified 07-02, check due 07-07; closed 07-05, look-back due
        08-04; relapse 07-20: reopened, due 07-27."""
        self.restart("2019-06-30T11:00:00+08:00")
        self.publish("2019-06-30T23", "2019-06-13")
        self.restart("2019-07-01T11:00:00+08:00")
        self.publish("2019-07-01T23", "2019-06-30T23")
        finding = "016b4a0e-0000-7000-8000-00000000000e"
        self.assertEqual(self.receipts[finding]["outcome"], "stored")
        t = self.see("C-00700", lambda c: self.ends(c, "T-F1"), "T-F1")
        t, = t.values()
        self.assertEqual((t["opened"], t["due"]), ("2019-07-01", "2019-07-08"))
        self.assertCovert()

        self.restart("2019-07-02T11:00:00+08:00")
        self.publish("2019-07-02T23", "2019-07-01T23")
        self.assertEqual(self.receipts["016b4a0f-0000-7000-8000-00000000000f"]["outcome"], "stored")
        t = self.see("C-00001", lambda c: self.ends(c, "T-F2"), "T-F2")
        t, = t.values()
        self.assertEqual((t["opened"], t["due"]), ("2019-07-02", "2019-07-07"))
        self.assertCovert()

        self.restart("2019-07-05T11:00:00+08:00")
        self.publish("2019-07-05T23", "2019-07-02T23")
        self.assertEqual(self.receipts["016b4a1e-0000-7000-8000-00000000001e"]["outcome"], "stored")
        t = self.see("C-00700", lambda c: self.ends(c, "T-F3"), "T-F3")
        t, = t.values()
        self.assertEqual((t["opened"], t["due"]), ("2019-07-05", "2019-08-04"))
        self.assertCovert()

        self.restart("2019-07-20T11:00:00+08:00")
        self.publish("2019-07-20T23", "2019-07-05T23")
        self.assertEqual(self.receipts["016b4a10-0000-7000-8000-000000000010"]["outcome"], "stored")
        t = self.see("C-00700", lambda c: self.ends(c, "T-F4"), "T-F4")
        t, = t.values()
        self.assertEqual((t["opened"], t["due"]), ("2019-07-20", "2019-07-27"))
        self.assertEqual(t["state"], "reopened")
        f = self.see("C-00700", lambda c: c.get("finding", finding), "the finding")
        self.assertEqual(f["doc"]["state"], "reopened")
        self.assertCovert()

    def test_9_the_later_ones(self):
        """Accepted 09-12: stored; the house is not closed by it, T-H2 stays."""
        self.restart("2019-09-12T11:00:00+08:00")
        self.publish("2019-09-12T23", "2019-07-20T23")
        self.assertEqual(self.receipts["016b4a04-0000-7000-8000-000000000004"]["outcome"], "stored")
        copy = Copy()
        phone = self.phone("C-00420")
        t = phone.see(copy, lambda c: c.get("task", "T-H2-%s-b01-1" % HOUSE), "T-H2", ["task"])
        self.assertNotEqual(t["doc"]["state"], "closed")
        self.restart("2019-11-04T11:00:00+08:00")
        self.publish("2019-12", "2019-09-12T23")
        self.assertEqual(set(self.receipts), {r["id"] for r in examples()})
        for r in examples():
            with self.subTest(form=r["form"], id=r["id"]):
                self.assertEqual(self.receipts[r["id"]]["outcome"], "stored")
        self.county.rebuild_check()


class AnotherOrder(Scenario):
    def test_the_day_in_any_order(self):
        """The records of the day, and once more in another order (scenario.py)."""
        self.day("2019-06-12T10:30")
        self.publish([r for r in examples() if r["hlc"] < "2019-06-13"])
        self.settle()
        self.assertEqual(follows(self.county), FOLLOWS)


if __name__ == "__main__":
    zf.main()
