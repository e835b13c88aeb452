"""The decision's work in progress: findings and their loop, the project library, lists and dispatches, covert rounds,
patrols, leads, who answers for whom. In a county as small as can be: two townships, a village in each, no household
but those that a case brings."""
import csv
import hashlib
import json
import os

import scenario
import zf
from scenario import CO, COUNTY, CT, DI, HL, HOUSE, PHOTO, SE, SI_WATER, TOWN, TW, UN, VILLAGE, VO, VT
from test_decision_place import PlaceScenario, water

CONDUCT = {k: True for k in ("unannounced", "unaccompanied", "own_travel", "own_lodging", "own_meals", "own_check")}
PROJECT = "P-2019-0001"


def finding(source="inspect", cat="work", severity="mid", unit="U-H002", **more):
    covert = {"conduct": CONDUCT, "photos": [PHOTO]} if source == "covert" else {}
    return {"source": source, "cat": cat, "severity": severity, "text": "示例问题", "duty_unit": unit, **covert, **more}


def done(day):
    return {"result": "done", "action": "已整改", "done": day, "photos": [PHOTO]}


def verify(stage, verdict):
    return {"stage": stage, "verdict": verdict, "text": "已核查", "photos": [PHOTO]}


def order(kind="list", period="2019-07", due="2019-07-31", cadre=VO, unit="U-V104299", **more):
    return {"kind": kind, "period": period, "title": "示例事项", "duty_unit": unit, "duty_cadre": cadre, "due": due,
            **({"list": "township"} if kind == "list" else {}), **more}


OTHER, OTHER_TOWN, OTHER_VO, OTHER_TW = "340825103201", "340825103000", "C-00421", "C-00004"
TABLES = {
    "divisions": ("code level name parent groups", [
        (COUNTY, "county", "示例县", "", ""), (OTHER_TOWN, "township", "示例乡", COUNTY, ""),
        (TOWN, "township", "示例镇", COUNTY, ""), (OTHER, "village", "示例二村", OTHER_TOWN, 10),
        (VILLAGE, "village", "示例村", TOWN, 12)]),
    "units": ("unit_id name level kind", [
        (u, "示例单位", level, "示例") for u, level in (
            ("U-CO", "county"), ("U-AF", "county"), ("U-JW", "county"), ("U-SL", "county"), ("U-T103", "township"),
            ("U-T104", "township"), ("U-V103201", "village"), ("U-V104299", "village"), ("U-H001", "province"),
            ("U-H002", "province"))]),
    "cadres": ("cadre_id name unit role sector scope active", [
        (c, "测试", unit, role, "water" if c == SI_WATER else "", scope, "true") for c, unit, role, scope in (
            (CO, "U-CO", "CO", COUNTY), ("C-00002", "U-CO", "CO", COUNTY), ("C-00003", "U-CO", "CO", COUNTY),
            (SE, "U-CO", "SE", COUNTY), (CT, "U-AF", "CT", COUNTY), (DI, "U-JW", "DI", COUNTY),
            (SI_WATER, "U-SL", "SI", COUNTY), (OTHER_TW, "U-T103", "TW", OTHER_TOWN), (TW, "U-T104", "TW", TOWN),
            (OTHER_VO, "U-V103201", "VO", OTHER), (VO, "U-V104299", "VO", VILLAGE), (VT, "U-H002", "VT", VILLAGE),
            (HL, "U-H002", "HL", ""), ("C-00025", "U-H002", "HL", ""), (UN, "U-H002", "UN", ""))]),
    "assignments": ("subject_id kind cadre unit from", [
        (OTHER, "unit_village", "", "U-H001", "2017-01-01"), (VILLAGE, "unit_village", "", "U-H002", "2017-01-01"),
        (OTHER_TOWN, "leader_town", "C-00002", "", "2018-03-01"), (TOWN, "leader_town", "C-00003", "", "2018-03-01")]),
}


def smallest():
    """Makes that county, once a process; its name as a base."""
    if "process" not in scenario._bases:
        data = os.path.join(zf.tempdir("base"), "county")
        zf.command("init", "--data", data, "--clock", "2019-03-01T08:00:00+08:00")
        for kind, (columns, rows) in TABLES.items():
            path = data + "-rows.csv"
            with open(path, "w", newline="", encoding="utf-8") as f:
                csv.writer(f).writerows([columns.split(), *rows])
            zf.command("import", kind, path, "--data", data, "--clock", "2019-03-01T08:00:00+08:00")
        scenario._bases["process"] = data
    return "process"


def sampled(fid):
    return int.from_bytes(hashlib.sha256(fid.encode()).digest()[:8], "big") % 100 < 20


class Process(PlaceScenario):
    def setUp(self):
        self.BASE = smallest()
        super().setUp()

    def home(self, **facts):
        """HOUSE, who is looked after by HL."""
        self.load("households", [{"household_id": HOUSE, "group": 3, "hh_type": "ordinary", "poverty_status": "none",
                                  **facts}])
        self.load("assignments", [{"subject_id": HOUSE, "kind": "cadre_household", "cadre": HL,
                                   "from": "2019-01-01"}])

    def report(self, subject=VILLAGE, by=VO, at=None, id=None, **data):
        return self.send("finding.report", subject, by, finding(**data), at=at, id=id)

    def report_sampled(self, yes, **data):
        """One whose number is, or is not, of those that are looked back at."""
        ids = (zf.uuid7(int(zf.parse_time(scenario.local(data["at"])).timestamp() * 1000)) for _ in range(1000))
        return self.report(id=next(i for i in ids if sampled(i) == yes), **data)

    def rectify(self, fid, at, by=VO):
        self.send("rectify.report", fid, by, done(at[:10]), at=at)

    def check(self, fid, at, by=TW, verdict="pass", stage="check"):
        self.send("verify.lookback", fid, by, verify(stage, verdict), at=at)

    def step(self, step, by, day, project=PROJECT, **data):
        more = {"village_meeting": {"attendees": 30, "agree": 25},
                "declared": {"name": "示例供水工程", "cat": "water", "div": VILLAGE, "yuan": 100000, "hh_served": 50},
                "approved": {"yuan": 90000, "funds": {"财政专项": 90000}},
                "accepted": {"spent_yuan": 88000}, "rejected": {"reason": "材料不全"}}.get(step, {})
        return self.send("project.step", project, by, {"step": step, "date": day, **more, **data}, at=day)

    def whole_project(self, project, **declared):
        """Accepted on 2019-06-20."""
        for name, by, when, data in (("village_meeting", VO, "2019-05-20", {}), ("declared", VO, "2019-05-21", declared),
                                     ("reviewed", TW, "2019-05-22", {}), ("approved", CO, "2019-05-23", {}),
                                     ("noticed", CO, "2019-05-24", {"notice_to": "2019-06-03"}),
                                     ("started", VO, "2019-06-04", {}), ("accepted", CO, "2019-06-20", {})):
            self.step(name, by, when, project, **data)

    def project(self, project=PROJECT):
        rows = self.query("SELECT doc FROM entity WHERE kind = 'project' AND id = ? AND gone = ''", project)
        return json.loads(rows[0][0]) if rows else None

    def finding_of(self, fid):
        rows = self.query("SELECT doc FROM entity WHERE kind = 'finding' AND id = ? AND gone = ''", fid)
        return json.loads(rows[0][0]) if rows else None


class Findings(Process):
    def test_worked_loop(self):
        """Covert and high, found 07-01 … reopened 07-20, due 07-27: the records of the examples."""
        path = os.path.join(zf.SOURCE, "tests", "data", "examples.jsonl")
        with open(path, encoding="utf-8") as f:
            loop = [r for r in map(json.loads, f) if r["id"][:8] in ("016b4a0e", "016b4a0f", "016b4a1e", "016b4a10")]
        self.assertEqual(len(loop), 4)
        self.home()
        self.day("2019-07-31")
        fid = loop[0]["id"]
        self.publish(loop[:1])
        self.assertTask("T-F1-%s-1" % fid, "open 2019-07-01 2019-07-08")
        self.assertEqual(self.task("T-F1-%s-1" % fid)["verifier"]["role"], "CO", "covert")
        self.publish(loop[1:2])
        self.assertTask("T-F1-%s-1" % fid, "reported 2019-07-01 2019-07-08")
        self.assertTask("T-F2-%s-1" % fid, "open 2019-07-02 2019-07-07")
        self.publish(loop[2:3])
        self.assertTask("T-F1-%s-1" % fid, "closed 2019-07-01 2019-07-08 2019-07-05")
        self.assertTask("T-F2-%s-1" % fid, "closed 2019-07-02 2019-07-07 2019-07-05")
        self.assertTask("T-F3-%s-1" % fid, "open 2019-07-05 2019-08-04")
        self.publish(loop[3:])
        self.assertTask("T-F3-%s-1" % fid, "closed 2019-07-05 2019-08-04 2019-07-20")
        self.assertTask("T-F4-%s-1" % fid, "reopened 2019-07-20 2019-07-27")
        self.assertEqual(self.finding_of(fid)["state"], "reopened")
        self.assertEqual(self.finding_of(fid)["due"], "2019-07-27")
        # not even as a count
        self.assertIndicator("find.found", 0, 0)
        self.assertIndicator("find.sev.high", 0, 0, TOWN)
        for by, sees in ((CO, True), (CT, True), (VO, False), (HL, False), (SE, False)):
            self.assertEqual(("finding", fid) in self.sees(by, "finding", "task"), sees, by)
        self.assertIn(("finding", fid), self.sees(TW, "finding"), "the unit that has to rectify")

    def test_38_inspection_tour_has_its_own_rate(self):
        self.day("2019-07-31")
        one = self.report(source="tour", cat="exit", severity="low", at="2019-07-01")
        self.report(source="tour", cat="help", severity="low", at="2019-07-01")
        self.report(source="self", cat="help", severity="low", at="2019-07-01")
        self.assertIndicator("find.tour", 0, 2)
        self.rectify(one, "2019-07-03", UN)
        self.check(one, "2019-07-04")
        self.assertIndicator("find.tour", 1, 2)
        self.assertIndicator("find.rectified", 1, 3)
        self.assertIndicator("find.sev.low", 2, 3)
        self.assertIndicator("find.tour", 1, 2, COUNTY)

    def test_43_covert_means_unaccompanied(self):
        self.day("2019-07-31")
        bad = finding("covert", conduct={**CONDUCT, "unaccompanied": False})
        self.send("finding.report", VILLAGE, CT, bad, expect="held")
        self.assertIn("covert_conduct", [e.get("name") for e in self.receipt["errors"]])
        self.assertTask("T-Z1-%s-covert-2019-07" % COUNTY, "open 2019-07-01 2019-07-31")
        self.assertEqual(self.task("T-Z1-%s-covert-2019-07" % COUNTY)["verifier"]["role"], "CO")
        self.send("finding.report", VILLAGE, CT, finding("covert"), at="2019-07-10")
        self.assertTask("T-Z1-%s-covert-2019-07" % COUNTY, "closed 2019-07-01 2019-07-31 2019-07-10")
        for by in (VO, TW, HL):
            self.assertEqual([i for k, i in self.sees(by, "task") if "covert" in i], [])

    def test_44_a_relapse_reopens(self):
        self.day("2019-07-31")
        fid = self.report(severity="high", at="2019-07-01")
        self.rectify(fid, "2019-07-02", UN)
        self.check(fid, "2019-07-03")
        self.assertTask("T-F3-%s-1" % fid, "open 2019-07-03 2019-08-02")
        self.check(fid, "2019-07-20", CT, "relapse", "lookback")
        self.assertEqual(self.finding_of(fid)["state"], "reopened")
        self.assertTask("T-F4-%s-1" % fid, "reopened 2019-07-20 2019-07-27")
        task = self.task("T-F4-%s-1" % fid)
        self.assertEqual((task["priority"], task["verifier"]["role"]), (1, "TW"))
        self.assertIndicator("find.reopened", 1, 1)
        self.rectify(fid, "2019-07-22", UN)
        self.check(fid, "2019-07-23")
        self.assertTask("T-F4-%s-1" % fid, "closed 2019-07-20 2019-07-27 2019-07-23")
        self.assertTask("T-F3-%s-2" % fid, "open 2019-07-23 2019-08-22")
        self.assertEqual(self.finding_of(fid)["state"], "closed")

    def test_a_transfer_reopens_nothing(self):
        """Who may verify is judged by what the register said of him then: for a finding, and for water."""
        self.home()
        self.LOADED = "2019-07-10T08:00:00+08:00"
        self.load("cadres", [{"cadre_id": SI_WATER, "role": "TW"}, {"cadre_id": TW, "role": "CT"}])
        self.day("2019-07-31")
        self.send("inspect.water", HOUSE, VO, water(90), at="2019-06-05")
        self.send("inspect.water", HOUSE, SI_WATER, water(), at="2019-06-20")
        self.assertTask("T-W1-%s-1" % HOUSE, "closed 2019-06-05 2019-07-05 2019-06-20")
        before, after = self.report(at="2019-07-01"), self.report(at="2019-07-02")
        for fid, day in ((before, "2019-07-05"), (after, "2019-07-12")):
            self.rectify(fid, "2019-07-04")
            self.check(fid, day)
        self.assertTask("T-F1-%s-1" % before, "closed 2019-07-01 2019-07-16 2019-07-05")
        self.assertTask("T-F1-%s-1" % after, "reported 2019-07-02 2019-07-17")
        self.assertEqual(sorted(self.tasks("T-Q1-*-*-*-*-*-*")), ["T-Q1-%s-1" % after])

    def test_who_is_looked_back_at(self):
        """All high ones, of the others those that the sample names; kept reopens nothing, a relapse makes it urgent."""
        self.day("2019-07-31")
        fid = self.report(severity="high", at="2019-07-01")
        self.rectify(fid, "2019-07-02", UN)
        self.check(fid, "2019-07-03")
        self.check(fid, "2019-07-20", CT, "pass", "lookback")
        self.assertTask("T-F3-%s-1" % fid, "closed 2019-07-03 2019-08-02 2019-07-20")
        self.assertTasks("T-F4-*")
        self.assertEqual(self.finding_of(fid)["state"], "closed")
        for yes in (True, False):
            fid = self.report_sampled(yes, at="2019-07-05")
            self.rectify(fid, "2019-07-06", UN)
            self.assertTask("T-F3-%s-1" % fid, "")
            self.check(fid, "2019-07-07")
            self.assertTask("T-F3-%s-1" % fid, "open 2019-07-07 2019-08-06" if yes else "")
            self.assertEqual(self.task("T-F1-%s-1" % fid)["priority"], 2)
            self.check(fid, "2019-07-20", CT, "relapse", "lookback")  # of the other, too: more urgent than before
            self.assertTask("T-F4-%s-1" % fid, "reopened 2019-07-20 2019-07-27")
            self.assertEqual(self.task("T-F4-%s-1" % fid)["priority"], 1)


class Patrols(Process):
    def test_45_five_open_high_findings(self):
        """A village with five, covert ones too: a task that the county alone sees; four are not enough."""
        self.day("2019-07-31")
        self.report(by=CT, source="covert", severity="high", at="2019-07-01")
        one = [self.report(severity="high", at="2019-07-%02d" % (k + 2)) for k in range(3)][0]
        self.report(severity="mid", at="2019-07-05")
        self.assertTasks("T-Z2-*")
        self.report(severity="high", at="2019-07-06")
        tid = "T-Z2-%s-1" % VILLAGE
        self.assertTask(tid, "open 2019-07-06 2019-07-26")
        self.assertTask("T-Z2-%s-1" % TOWN, "open 2019-07-06 2019-07-26")
        self.assertIn(("task", tid), self.sees(CO, "task"))
        self.assertEqual(self.task(tid)["verifier"]["role"], "CO")
        for by in (CT, VO, VT, TW, HL, DI, SE, UN, SI_WATER):
            self.assertNotIn(("task", tid), self.sees(by, "task"), by)
        self.assertEqual(self.query("SELECT topic FROM retained WHERE topic GLOB '*T-Z2*'"), [])
        self.assertIndicator("find.found", 5, 5)
        # one is closed, and found again: no second task while the first runs
        self.rectify(one, "2019-07-07", UN)
        self.check(one, "2019-07-08")
        self.check(one, "2019-07-09", CT, "relapse", "lookback")
        self.assertTask("T-Z2-%s-2" % VILLAGE, "")
        # what the patrol found ends it; five anew ask for the next
        self.report(by=CO, source="patrol", severity="low", at="2019-07-10")
        self.assertTask(tid, "closed 2019-07-06 2019-07-26 2019-07-10")
        self.assertTask("T-Z2-%s-1" % TOWN, "closed 2019-07-06 2019-07-26 2019-07-10")
        self.rectify(one, "2019-07-11", UN)
        self.check(one, "2019-07-12")
        for place in (VILLAGE, TOWN):
            self.assertTask("T-Z2-%s-2" % place, "")
        self.report(severity="high", at="2019-07-13")
        for place in (VILLAGE, TOWN):
            self.assertTask("T-Z2-%s-2" % place, "open 2019-07-13 2019-08-02")

    def test_most_overdue_two_months_running(self):
        """The village alone with the most tasks overdue at the end of June and of July; June alone is not enough."""
        village, town = ("T-Z2-%s-overdue-2019-07" % p for p in (OTHER, OTHER_TOWN))
        self.day("2019-08-02")
        self.assertTasks("T-Z2-*")  # the same everywhere: no monthly report came
        fid = self.report(subject=OTHER, by=OTHER_VO, at="2019-06-01")
        self.assertTasks("T-Z2-*", **{village: "open 2019-08-01 2019-08-21", town: "open 2019-08-01 2019-08-21"})
        self.assertIn(("task", village), self.sees(CO, "task"))
        self.assertNotIn(("task", village), self.sees(OTHER_TW, "task"))
        self.report(subject=OTHER, by=CO, source="patrol", at="2019-08-02")
        self.assertTask(village, "closed 2019-08-01 2019-08-21 2019-08-02")
        # as many in July elsewhere: not the most
        late = self.report(at="2019-07-01")
        self.assertTasks("T-Z2-*")
        # and more in July alone: not two months running
        self.report(at="2019-07-02")
        self.assertTasks("T-Z2-*")
        for again in (late, fid):
            self.assertEqual(self.finding_of(again)["state"], "open")


class Projects(Process):
    def test_34_approved_before_the_review(self):
        """Stored; the project stays declared, and who approved is asked; after the review arrives it is approved."""
        self.day("2019-06-30")
        self.step("village_meeting", VO, "2019-06-01")
        self.step("declared", VO, "2019-06-02")
        self.assertTasks("T-P1-*", **{"T-P1-%s-review-1" % PROJECT: "open 2019-06-02 2019-06-12"})
        self.assertEqual(self.task("T-P1-%s-review-1" % PROJECT)["assignee"], {"role": "TW", "cadre": TW})
        early = self.step("approved", CO, "2019-06-04")
        self.assertEqual(self.project()["state"], "declared")
        holes = self.ledger(PROJECT, "project.loop")[2]["holes"]
        self.assertEqual([(h["why"], h["opened"], h["closed"], h["cause"]) for h in holes],
                         [("order", "2019-06-04", None, early)])
        asked = "T-Q1-%s-order-1" % PROJECT
        self.assertTask(asked, "open 2019-06-04 2019-06-11")
        self.assertIndicator("project.declared", 1, 0)
        self.step("reviewed", TW, "2019-06-06")
        self.assertTask(asked, "closed 2019-06-04 2019-06-11 2019-06-06")
        self.assertEqual(self.project()["state"], "approved")
        self.assertEqual(self.project()["yuan"], 90000)
        self.assertEqual(self.ledger(PROJECT, "project.loop")[2]["holes"][0]["closed"], "2019-06-06")
        self.assertTask("T-P1-%s-review-1" % PROJECT, "closed 2019-06-02 2019-06-12 2019-06-06")
        self.assertTask("T-P1-%s-approve-1" % PROJECT, "closed 2019-06-06 2019-06-21 2019-06-06")
        self.assertTask("T-P1-%s-notice-1" % PROJECT, "open 2019-06-06 2019-06-16")
        self.assertIndicator("project.approved", 1, 0)
        self.assertIndicator("project.yuan", 90000, 0, COUNTY)
        self.step("noticed", CO, "2019-06-08", notice_to="2019-06-18")
        self.assertTask("T-P1-%s-notice-1" % PROJECT, "closed 2019-06-06 2019-06-16 2019-06-08")
        self.assertEqual(self.project()["state"], "noticed")
        self.assertEqual({self.task("T-P1-%s-%s-1" % (PROJECT, part))["verifier"]["role"]
                          for part in ("review", "approve", "notice")}, {"CO"})

    def test_sent_back_and_from_elsewhere(self):
        """Declared again, the next cycle begins; a step by another township has no effect; roads ask for no water."""
        self.day("2019-06-30")
        self.step("village_meeting", VO, "2019-06-01")
        self.step("declared", VO, "2019-06-02")
        self.step("rejected", TW, "2019-06-05")
        self.assertEqual(self.project()["state"], "rejected")
        self.assertTask("T-P1-%s-review-1" % PROJECT, "closed 2019-06-02 2019-06-12 2019-06-05")
        self.step("declared", VO, "2019-06-08", yuan=80000)
        self.assertEqual((self.project()["state"], self.project()["yuan"]), ("declared", 80000))
        self.assertTask("T-P1-%s-review-2" % PROJECT, "open 2019-06-08 2019-06-18")
        self.step("reviewed", OTHER_TW, "2019-06-09")  # another township
        self.assertEqual(self.project()["state"], "declared")
        self.assertEqual([h["why"] for h in self.ledger(PROJECT, "project.loop")[2]["holes"]], ["area"])
        self.step("reviewed", TW, "2019-06-10")
        self.assertEqual(self.project()["state"], "reviewed")
        road = "P-2019-0002"
        self.whole_project(road, cat="road")
        self.assertEqual(self.project(road)["state"], "accepted")
        self.assertTasks("T-W2-*")
        self.assertIndicator("project.spent", 88000, 90000)

    def test_started_before_the_announcement_ended(self):
        """A finding about funds, for the township to mend, whichever came first; in time: none."""
        self.day("2019-06-30")
        for name, by, day in (("village_meeting", VO, "2019-05-20"), ("declared", VO, "2019-05-21"),
                              ("reviewed", TW, "2019-05-22"), ("approved", CO, "2019-05-23")):
            self.step(name, by, day)
            self.step(name, by, day, project="P-2019-0002")
        early = self.step("started", VO, "2019-06-04")
        self.assertIsNone(self.finding_of(early))
        self.step("noticed", CO, "2019-05-24", notice_to="2019-06-05")
        self.assertEqual({k: self.finding_of(early)[k] for k in ("cat", "severity", "duty_unit", "state", "opened")},
                         {"cat": "funds", "severity": "mid", "duty_unit": "U-T104", "state": "open",
                          "opened": "2019-06-04"})
        self.assertTask("T-F1-%s-1" % early, "open 2019-06-04 2019-06-19")
        self.step("noticed", CO, "2019-05-24", project="P-2019-0002", notice_to="2019-06-03")
        intime = self.step("started", VO, "2019-06-04", project="P-2019-0002")
        self.assertIsNone(self.finding_of(intime))
        self.assertEqual(self.project("P-2019-0002")["state"], "started")

    def test_17_every_household_after_the_works(self):
        """320 households: 319 evaluated leave it open, 320 close it."""
        homes = ["%s-01-8%03d" % (OTHER, k) for k in range(320)]
        self.load("households", [{"household_id": h, "group": 1, "hh_type": "ordinary", "poverty_status": "none"}
                                 for h in homes])
        self.day("2019-07-10")
        for name, by, day, more in (
                ("village_meeting", OTHER_VO, "2019-05-20", {}), ("declared", OTHER_VO, "2019-05-21", {"div": OTHER}),
                ("reviewed", OTHER_TW, "2019-05-22", {}), ("approved", CO, "2019-05-23", {}),
                ("noticed", CO, "2019-05-24", {"notice_to": "2019-06-03"}), ("started", OTHER_VO, "2019-06-04", {})):
            self.step(name, by, day, **more)
        self.send("inspect.water", homes[-1], SI_WATER, water(), at="2019-06-19")  # before: does not count
        self.assertTasks("T-W2-*")
        self.step("accepted", CO, "2019-06-20")
        tid = "T-W2-%s-p20190001-1" % OTHER
        self.assertTask(tid, "open 2019-06-20 2019-07-20")
        self.assertEqual(self.task(tid)["verifier"]["role"], "SI")
        self.publish([self.record("inspect.water", h, SI_WATER, water(), at="2019-07-01") for h in homes[:-1]])
        self.assertTask(tid, "open 2019-06-20 2019-07-20")
        self.send("inspect.water", homes[-1], SI_WATER, water(), at="2019-07-03")
        self.assertTask(tid, "closed 2019-06-20 2019-07-20 2019-07-03")


class Lists(Process):
    def test_41_an_item_has_an_owner(self):
        self.day("2019-07-31")
        item = order()
        del item["duty_cadre"]
        self.send("dispatch.order", VILLAGE, CO, item, expect="rejected")
        self.assertEqual([(e["code"], e["path"]) for e in self.receipt["errors"]], [("required", "/data/duty_cadre")])

    def test_an_item_until_it_is_done(self):
        """Open, done, returned, done; one that is not done is carried over."""
        self.day("2019-08-05")
        oid = self.send("dispatch.order", VILLAGE, TW, order(), at="2019-07-02")
        tid = "T-K1-%s-1" % oid
        self.assertTask(tid, "open 2019-07-02 2019-07-31")
        self.assertEqual(self.task(tid)["carried"], 1)
        self.assertEqual(self.task(tid)["escalated"], "township")
        self.assertEqual((self.task(tid)["assignee"], self.task(tid)["verifier"]["role"]),
                         ({"role": "VO", "cadre": VO}, "TW"))
        self.send("task.update", tid, VO, {"state": "accepted"}, at="2019-07-03")
        self.assertTask(tid, "accepted 2019-07-02 2019-07-31")
        self.send("task.update", tid, VT, {"state": "reported", "reply": oid}, at="2019-07-04")  # not his
        self.send("task.update", tid, VO, {"state": "reported", "reply": oid}, at="2019-07-05")
        self.assertTask(tid, "closed 2019-07-02 2019-07-31 2019-07-05")
        self.assertEqual(self.task(tid)["carried"], 0)
        self.send("task.update", tid, TW, {"state": "returned"}, at="2019-07-06")
        self.assertTask(tid, "returned 2019-07-02 2019-07-31")
        self.send("task.update", tid, VO, {"state": "reported", "reply": oid}, at="2019-08-02")
        self.assertTask(tid, "closed 2019-07-02 2019-07-31 2019-08-02")
        self.assertEqual(self.task(tid)["carried"], 1)
        self.assertIn(("task", tid), self.sees(VO, "task"))

    def test_carried_over_quarters(self):
        self.day("2019-10-01")
        one = self.send("dispatch.order", TOWN, CO, order(period="2019-Q2", due="2019-06-30", cadre=TW, unit="U-T104"),
                        at="2019-05-02")
        two = self.send("dispatch.order", TOWN, CO, order("random", due="2019-06-30", cadre=TW, unit="U-T104"),
                        at="2019-05-02")
        self.assertEqual(self.task("T-K1-%s-1" % one)["carried"], 2)
        self.assertEqual(self.task("T-K1-%s-1" % two)["carried"], 0)
        self.assertEqual(self.task("T-K1-%s-1" % one)["escalated"], "discipline")

    def test_42_no_dispatch_in_july(self):
        """Flagged; the week, month and quarter of lists stand on the county's board."""
        self.day("2019-08-07")
        self.send("dispatch.order", TOWN, CO, order(period="2019-06", due="2019-06-30", cadre=TW, unit="U-T104"),
                  at="2019-06-03")
        self.send("dispatch.order", TOWN, CO, order("random", cadre=TW, unit="U-T104"), at="2019-07-03")
        oid = self.send("dispatch.order", VILLAGE, TW, order(due="2019-08-09"), at="2019-07-04")
        self.assertTask("T-Z1-%s-dispatch-2019-06" % COUNTY, "closed 2019-06-01 2019-06-30 2019-06-03")
        self.assertTask("T-Z1-%s-dispatch-2019-07" % COUNTY, "open 2019-07-01 2019-07-31")
        self.assertEqual(self.task("T-Z1-%s-dispatch-2019-07" % COUNTY)["escalated"], "county")
        board = self.status(COUNTY)["board"]
        self.assertEqual(board["dispatch"], {"2019-06": True, "2019-07": False, "2019-08": False})
        self.assertEqual(board["week"], {"first": "2019-08-05", "last": "2019-08-11", "due": 1, "done": 0})
        self.assertEqual(board["quarter"], {"first": "2019-07-01", "last": "2019-09-30", "due": 2, "done": 0})
        self.assertEqual(board["items"], {"open": 3, "overdue": 2, "carried": 2})
        self.send("task.update", "T-K1-%s-1" % oid, VO, {"state": "reported", "reply": oid}, at="2019-08-06")
        self.assertEqual(self.status(COUNTY)["board"]["week"]["done"], 1)
        # the bulletin of the month is due on the 5th; August's is not yet asked for
        tid = "T-Z1-%s-bulletin-2019-07" % COUNTY
        self.assertTask(tid, "open 2019-08-01 2019-08-05")
        self.assertTask("T-Z1-%s-bulletin-2019-08" % COUNTY, "")
        self.send("task.update", tid, CO, {"state": "reported", "reply": oid}, at="2019-08-04")
        self.assertTask(tid, "closed 2019-08-01 2019-08-05 2019-08-04")


class Answerable(Process):
    def test_27_somebody_answers_for_every_household_and_village(self):
        self.home(hh_type="general_poor", poverty_status="not_exited")
        self.day("2019-06-20")
        self.assertTasks("T-V2-*")
        self.send("assign.set", HOUSE, TW, {"kind": "cadre_household", "cadre": HL, "from": "2019-01-01",
                                            "to": "2019-06-10"}, at="2019-06-09")
        self.send("assign.set", VILLAGE, CO, {"kind": "unit_village", "unit": "U-H002", "from": "2017-01-01",
                                              "to": "2019-06-12"}, at="2019-06-09")
        home, village = "T-V2-%s-2" % HOUSE, "T-V2-%s-2" % VILLAGE
        self.assertTasks("T-V2-*", **{home: "open 2019-06-11 2019-06-14", village: "open 2019-06-13 2019-06-16"})
        self.assertEqual(self.task(home)["assignee"]["role"], "TW")
        self.assertEqual(self.task(village)["assignee"]["role"], "CO")
        self.send("assign.set", HOUSE, TW, {"kind": "cadre_household", "cadre": "C-00025", "from": "2019-06-15"},
                  at="2019-06-15")
        self.assertTask(home, "closed 2019-06-11 2019-06-14 2019-06-15")
        self.send("assign.set", VILLAGE, CO, {"kind": "unit_village", "unit": "U-H001", "from": "2019-06-14"},
                  at="2019-06-18")
        self.assertTask(village, "closed 2019-06-13 2019-06-16 2019-06-18")

    def test_37_a_leader_for_every_township(self):
        """Each of the 15 towns and the development zone."""
        towns = ["340825%d000" % t for t in (*range(100, 110), *range(200, 205), 400)]
        new = [t for t in towns if t not in (TOWN, OTHER_TOWN)]
        self.load("divisions", [{"code": t, "level": "township", "name": "示例乡镇", "parent": COUNTY} for t in new])
        self.load("assignments", [{"subject_id": t, "kind": "leader_town", "cadre": "C-0000%d" % (1 + k % 3),
                                   "from": "2018-03-01"} for k, t in enumerate(new)])
        zone = towns[-1]
        mine = {"kind": "leader_town", "cadre": "C-0000%d" % (1 + new.index(zone) % 3), "from": "2018-03-01"}
        self.day("2019-06-20")
        self.assertEqual(self.status(COUNTY)["board"]["leaders"], {"num": 16, "den": 16, "ok": True})
        self.send("assign.set", zone, CO, {**mine, "to": "2019-06-10"}, at="2019-06-09")
        self.assertEqual(self.status(COUNTY)["board"]["leaders"], {"num": 15, "den": 16, "ok": False})
        self.assertEqual(self.status(zone)["board"]["leaders"], {"num": 0, "den": 1, "ok": False})
        self.assertEqual(self.status(TOWN)["board"]["leaders"], {"num": 1, "den": 1, "ok": True})
        # two leaders of one town are none of another
        self.send("assign.set", TOWN, CO, {**mine, "from": "2019-06-15"}, at="2019-06-15")
        self.assertEqual(self.status(COUNTY)["board"]["leaders"], {"num": 15, "den": 16, "ok": False})
        self.send("assign.set", zone, CO, {**mine, "from": "2019-06-15"}, at="2019-06-15")
        self.assertEqual(self.status(COUNTY)["board"]["leaders"], {"num": 16, "den": 16, "ok": True})

    def test_leads_are_followed_to_the_end(self):
        """Accepted in three days, answered in twenty; nobody but the inspectors and the county hears of it."""
        self.day("2019-06-20")
        lead = self.send("lead.report", VILLAGE, VO, {"channel": "app", "cat": "style", "text": "示例线索",
                                                      "named": False}, at="2019-06-01")
        accept, reply = "T-L1-%s-accept-1" % lead, "T-L1-%s-reply-1" % lead
        self.assertTask(accept, "open 2019-06-01 2019-06-04")
        self.assertTask(reply, "open 2019-06-01 2019-06-21")
        self.assertEqual([self.task(t)["verifier"]["role"] for t in (accept, reply)], ["CO", "CO"])
        self.send("lead.step", lead, DI, {"step": "accepted", "date": "2019-06-03"}, at="2019-06-03")
        self.assertTask(accept, "closed 2019-06-01 2019-06-04 2019-06-03")
        self.send("lead.step", lead, DI, {"step": "true", "date": "2019-06-10"}, at="2019-06-10")
        self.assertTask(reply, "open 2019-06-01 2019-06-21")
        for by in (VO, VT, TW, HL, CT, SE):
            self.assertEqual([i for k, i in self.sees(by, "task") if "T-L1" in i], [], by)
        self.assertIn(("task", reply), self.sees(DI, "task"))
        self.send("lead.step", lead, DI, {"step": "replied", "date": "2019-06-12"}, at="2019-06-12")
        self.assertTask(reply, "closed 2019-06-01 2019-06-21 2019-06-12")
        self.assertEqual(self.query("SELECT count(*) FROM ledger WHERE doc GLOB '*%s*'" % lead), [(0,)])


if __name__ == "__main__":
    zf.main()
