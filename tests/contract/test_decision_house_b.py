"""Rows of the county's decision about houses, relocation, water, environment, work, measures and files: what follows
from real records (docs/decision.md), and that each rule opens, changes, closes, opens again, and does not open where
it should not.

    python3 test_decision_house_b.py PATH/TO/zoufang [Class.case ...]
"""
import json

import scenario
from scenario import CO, HL, HOUSE, PHOTO, PHOTO2, SI_HOUSING, SI_WATER, TW, VILLAGE, VO, VT, Scenario

OWNERLESS = VILLAGE + "-00-0000"
PHOTO3 = "sha256:" + "ef" * 32
SOLID = {"foundation": "a", "wall": "a", "frame": "a", "roof": "a", "site": "a"}
ROTTEN = {"foundation": "b", "wall": "d", "frame": "c", "roof": "c", "site": "b"}
CRACKED = {"foundation": "b", "wall": "c", "frame": "b", "roof": "b", "site": "b"}
ORDINARY = "doc ->> '$.focus' IS NULL AND doc ->> '$.poverty_status' = 'none'"
FOCUS = ("registered_poor", "dibao", "tekun_scattered", "disabled_poor")
POOR = "doc ->> '$.poverty_status' IN ('not_exited', 'planned_exit')"


def house(kind, use="resident", **more):
    return {"bld": 1, "kind": kind, "use": use, "sole_home": use == "resident", "area_m2": 72,
            "photos": [PHOTO, PHOTO2], **more}


def screen(suspected, **more):
    return house("screen", suspected=suspected, **more)


def appraise(grade, **more):
    return house("appraise", **{
        "grade": grade, "cert_no": "ZJ-2019-0100",
        **({"parts": SOLID, "basis": "appraised", "action": "none"} if grade in "AB" else
           {"parts": ROTTEN, "action": "rebuild"} if grade == "D" else {"parts": CRACKED, "action": "repair"}), **more})


def work(stage, date, **more):
    return {"bld": 1, "stage": stage, "date": date, "photos": [PHOTO], **more}


def accepted(date, **more):
    return work("accepted", date, **{"area_m2": 60, "cost_yuan": 52000, "fund": {"special": 52000}, "debt_yuan": 0,
                                     "acceptors": 3, "post_grade": "A", **more})


def moved(persons, **more):
    return {"moved_year": 2017, "persons": persons, "site": "central", "area_m2": min(24 * persons, 300), "self_paid_yuan": 8000,
            "debt_yuan": 0, "quality_ok": True, "moved_in": True, "old_house": "demolished",
            "follow_up": ["employment"], "utilities_ok": True, "satisfied": 4, "photos": [PHOTO], **more}


def water(outage=10, **more):
    return {"persons": 4, "supply": "scattered", "source": "spring", "at_home": True, "litres_ppd": 60,
            "qual": "field_ok", "outage_days": outage, "knows_policy": True, "satisfied": 3, **more}


def env(*wanting):
    names = ("outdoor", "indoor", "toilet_clean", "personal", "furniture", "goods")
    return {**{n: n not in wanting for n in names}, "toilet": "sanitary", "helped": True, "photos": [PHOTO, PHOTO2]}


def report(month, **more):
    return {"month": month, "ponds": 6, "waste_t": 12.5, "clutter": 9, "billboards": 14, "idle_m2": 380,
            "habit_sessions": 2, "cleaning_rule": True, "cleaners": 4, "sewage_hh": 120, "sanitary_hh": 301,
            "chiefs": {"river": 1, "lake": 0, "pond": 6, "forest": 2}, "photos": [PHOTO, PHOTO2, PHOTO3], **more}


def job(now="none", wants=True, **more):
    return {"able": True, "now": now, "wants_job": wants, "training": "order", "measure": "推荐扶贫车间", **more}


def measure(kind, text, yuan=3000, **more):
    return {"year": 2019, "type": kind, "text": text, "yuan": yuan, "source": "财政专项", "due": "2019-10-31", **more}


def visit(day, *types, **more):
    return {"mode": "in_person", "purpose": ["plan"], "start": day + "T09:10:00+08:00", "end": day + "T09:55:00+08:00",
            "met": "head", "food_ok": True, "clothing_ok": True, "signed": True, "photos": [PHOTO],
            "measures": [{"type": t, "text": "认可"} for t in types], **more}


class HouseScenario(Scenario):
    def assertVerifiedBy(self, role, tid):
        """One level above who does it."""
        self.assertEqual(self.task(tid)["verifier"]["role"], role, tid)


class Houses(HouseScenario):
    def test_07_all_four_priority_groups_are_appraised(self):
        """`screen` leaves T-H1 open; only an appraisal counts."""
        self.day("2019-06-12")
        h = self.household("doc ->> '$.focus' LIKE '%dibao%'")
        task = "T-H1-%s-1" % h
        self.assertTask(task, "open 2019-03-01 2019-03-31")
        self.assertVerifiedBy("TW", task)
        self.send("inspect.housing", h, VO, screen(True))
        self.assertTask(task, "open 2019-03-01 2019-03-31")
        self.assertEqual(self.ledger(h, "house.cover")[:2], (0, 1))
        self.assertEqual(self.checks(h)["housing"], "unknown")
        self.send("inspect.housing", h, SI_HOUSING, appraise("B"))
        self.assertTask(task, "closed 2019-03-01 2019-03-31 2019-06-12")
        self.assertEqual(self.ledger(h, "house.cover")[:2], (1, 1))
        self.assertEqual(self.checks(h)["housing"], "ok")
        self.assertTask("T-H1-%s-1" % self.household(ORDINARY), None)
        # each of the four groups by itself
        homes = {group: self.household(ORDINARY) for group in FOCUS}
        for group, h in homes.items():
            self.send("hh.facts", h, TW, {"set": {"focus": [group]}, "reason": "核定"})
        self.publish([self.record("inspect.housing", h, VO, screen(False)) for h in homes.values()])
        for group, h in homes.items():
            self.assertTask("T-H1-%s-1" % h, "open 2019-06-12 2019-07-12")
            self.assertEqual(self.ledger(h, "house.cover")[:2], (0, 1), group)
        self.publish([self.record("inspect.housing", h, SI_HOUSING, appraise("B")) for h in homes.values()])
        for group, h in homes.items():
            self.assertTask("T-H1-%s-1" % h, "closed 2019-06-12 2019-07-12 2019-06-12")
            self.assertEqual(self.ledger(h, "house.cover")[:2], (1, 1), group)

    def test_08_other_suspected_houses(self):
        """false: none; true: one task; replay: still one."""
        self.day("2019-06-12")
        h, focus, empty = self.household(ORDINARY), self.household(POOR), self.household(ORDINARY)
        self.send("inspect.housing", h, VO, screen(False))
        self.assertEqual(self.tasks("T-H5-*"), {})
        self.assertEqual(self.checks(h)["housing"], "ok")
        r = self.record("inspect.housing", h, VO, screen(True))
        self.publish([r])
        one = {"T-H5-%s-1" % h: "open 2019-06-12 2019-06-27"}
        self.assertEqual(self.tasks("T-H5-*"), one)
        self.assertEqual(self.task("T-H5-%s-1" % h)["assignee"]["role"], "SI")
        self.assertVerifiedBy("TW", "T-H5-%s-1" % h)
        self.phone(VO).send(r)                                # replayed
        self.send("inspect.housing", h, VT, screen(True))     # and suspected by another
        self.send("inspect.housing", focus, VO, screen(True))  # T-H1's
        self.send("inspect.housing", empty, VO, screen(True, use="idle", bld=2))
        self.assertEqual(self.tasks("T-H5-*"), one)
        self.assertEqual(self.checks(h)["housing"], "gap")
        self.day("2019-06-20")
        self.send("inspect.housing", h, SI_HOUSING, appraise("A", bld=2))   # another building
        self.assertEqual(self.tasks("T-H5-*"), one)
        self.assertEqual(self.checks(h)["housing"], "gap")
        self.send("inspect.housing", h, SI_HOUSING, appraise("A"))
        self.assertEqual(self.tasks("T-H5-*"), {"T-H5-%s-1" % h: "closed 2019-06-12 2019-06-27 2019-06-20"})
        self.assertEqual(self.checks(h)["housing"], "ok")
        self.day("2019-07-20")
        self.send("hh.facts", h, TW, {"set": {"focus": ["dibao"]}, "reason": "新增低保"}, at="2019-07-01")
        self.assertEqual(self.tasks("T-H5-*"), {"T-H5-%s-1" % h: "closed 2019-06-12 2019-06-27 2019-06-20"})
        self.send("hh.facts", h, TW, {"set": {"focus": []}, "reason": "取消低保"}, at="2019-07-19")
        self.send("inspect.housing", h, VO, screen(True))
        self.assertEqual(self.tasks("T-H5-*"), {"T-H5-%s-1" % h: "closed 2019-06-12 2019-06-27 2019-06-20",
                                                "T-H5-%s-2" % h: "open 2019-07-20 2019-08-04"})

    def test_11_nothing_left_but_not_everything_looked_at(self):
        """0 remaining but 3 uninspected -> not clear."""
        village = "340825104200"
        self.day("2019-06-12")
        focus = [i for i, in self.query("SELECT subject FROM ledger WHERE place = ? AND view = 'house.cover'", village)]
        groups = {}
        for i, in self.query("SELECT id FROM entity WHERE kind = 'household' AND place = ?", village):
            groups.setdefault(i[13:15], i)
        (all_groups, inhabited), = self.query(
            "SELECT doc ->> '$.groups', ? FROM entity WHERE kind = 'division' AND id = ?", len(groups), village)
        for g in range(1, all_groups + 1):   # a group without a household in the sample has one that nobody registered
            groups.setdefault("%02d" % g, "%s-%02d-9999" % (village, g))
        self.publish([self.record("inspect.housing", i, SI_HOUSING, screen(False)) for i in groups.values()
                      if i not in focus])
        self.publish([self.record("inspect.housing", i, SI_HOUSING, appraise("A")) for i in focus[3:]])
        self.assertIndicator("house.left", 0, 0, village)
        self.assertIndicator("house.cover", len(focus) - 3, len(focus), village, ok=False)
        self.assertNotEqual(self.campaign("housing", village)["colour"], "green")
        self.publish([self.record("inspect.housing", i, SI_HOUSING, appraise("A")) for i in focus[:3]])
        self.assertIndicator("house.cover", len(focus), len(focus), village, ok=True)
        self.assertIndicator("house.groups", all_groups, all_groups, village, ok=True)
        self.assertEqual(self.campaign("housing", village)["colour"], "green")

    def test_12_rebuild_one_close_one(self):
        """`closed` without `accepted`: stored, not effective, a data-quality task says why; once accepted: closed."""
        self.day("2019-06-12")
        task, why = "T-H2-%s-b01-1" % HOUSE, "T-Q1-%s-b01-1" % HOUSE
        self.send("inspect.housing", HOUSE, SI_HOUSING, appraise("D"))
        self.assertTask(task, "open 2019-06-12 2019-06-13")
        self.assertIndicator("house.left", 1, 1)
        self.assertVerifiedBy("TW", task)
        self.day("2019-09-14")
        for stage, date, due in (("listed", "2019-06-20", "2019-06-13"), ("signed", "2019-06-22", "2019-07-02"),
                                 ("started", "2019-07-02", "2019-08-26"), ("main_done", "2019-08-26", "2019-09-20")):
            self.send("house.work", HOUSE, VO, work(stage, date))
            self.assertTask(task, "open 2019-06-12 " + due)     # what comes next
        self.send("house.work", HOUSE, TW, work("closed", "2019-09-14"))
        self.assertTask(task, "open 2019-06-12 2019-09-20")
        self.assertIndicator("house.left", 1, 1)
        self.assertTask(why, "open 2019-09-14 2019-09-21")
        self.day("2019-09-16")
        self.send("house.work", HOUSE, VO, accepted("2019-09-12"))
        self.assertTask(task, "closed 2019-06-12 2019-09-20 2019-09-16")
        self.assertTask(why, "closed 2019-09-14 2019-09-21 2019-09-16")
        self.assertIndicator("house.left", 0, 1)
        self.assertEqual(self.checks(HOUSE)["housing"], "ok")

    def test_13_worked_back_from_the_stop(self):
        """D found 07-10 -> sign 07-17, start 07-24, main 09-02, accept 09-20; 09-01 -> unattainable, county told."""
        self.day("2019-07-10")
        first, late = self.household(ORDINARY), self.household(ORDINARY)
        self.send("inspect.housing", first, SI_HOUSING, appraise("D"))
        task = self.task("T-H2-%s-b01-1" % first)
        self.assertEqual({m["name"]: m["due"] for m in task["milestones"]},
                         {"sign": "2019-07-17", "start": "2019-07-24", "main": "2019-09-02", "accept": "2019-09-20"})
        self.assertNotIn("unattainable", task)
        self.assertNotIn("escalated", task)
        self.day("2019-09-01")
        self.send("inspect.housing", late, SI_HOUSING, appraise("D"))
        task = self.task("T-H2-%s-b01-1" % late)
        self.assertTrue(task["unattainable"])
        self.assertEqual((task["due"], task["escalated"]), ("2019-09-02", "county"))
        self.assertIndicator("house.unattainable", 1, 0, scenario.COUNTY)
        self.assertEqual(self.campaign("housing")["colour"], "red")
        # the day after it was found at the earliest, never after the stop; after the stop there is no time at all
        self.day("2019-10-05")
        self.send("inspect.housing", first, SI_HOUSING, appraise("D", bld=2), at="2019-09-22")
        self.send("inspect.housing", first, SI_HOUSING, appraise("D", bld=3), at="2019-09-30")
        self.send("inspect.housing", first, SI_HOUSING, appraise("D", bld=4), at="2019-10-04")
        for bld, due in ((2, "2019-09-23"), (3, "2019-09-30"), (4, "2019-10-04")):
            task = self.task("T-H2-%s-b%02d-1" % (first, bld))
            self.assertEqual((task["due"], task["unattainable"]), (due, True))
            self.assertEqual({m["due"] for m in task["milestones"]}, {min(due, "2019-09-30")})

    def test_t_h3_repair(self):
        self.day("2019-09-30")
        h, second, late = self.household(ORDINARY), self.household(ORDINARY), self.household(ORDINARY)
        one, two = "T-H3-%s-b01-1" % h, "T-H3-%s-b01-2" % h
        self.send("inspect.housing", h, SI_HOUSING, appraise("B"), at="2019-06-01")
        self.send("inspect.housing", second, SI_HOUSING, appraise("C", sole_home=False), at="2019-06-01")
        self.assertEqual(self.tasks("T-H3-*"), {})
        self.send("inspect.housing", h, SI_HOUSING, appraise("C"), at="2019-06-12")
        self.assertTask(one, "open 2019-06-12 2019-09-20")
        task = self.task(one)
        self.assertEqual([(m["name"], m["due"]) for m in task["milestones"]], [
            ("sign", "2019-06-22"), ("start", "2019-07-02"), ("main", "2019-08-26"), ("accept", "2019-09-20")])
        self.assertEqual((task["priority"], task["assignee"]["role"], task["verifier"]["role"]), (2, "VO", "TW"))
        self.send("inspect.housing", h, SI_HOUSING, appraise("C"), at="2019-06-20")   # confirmed
        self.assertEqual(self.tasks("T-H3-*"), {one: "open 2019-06-12 2019-09-20"})
        for stage in ("listed", "signed", "started", "main_done"):
            self.send("house.work", h, VO, work(stage, "2019-07-20"), at="2019-07-20")
        self.send("house.work", h, VO, accepted("2019-07-30", post_grade="B"), at="2019-07-30")
        self.assertTask(one, "open 2019-06-12 2019-09-20")
        self.send("house.work", h, TW, work("closed", "2019-08-01"), at="2019-08-01")
        self.assertTask(one, "closed 2019-06-12 2019-09-20 2019-08-01")
        # 15 days are enough for a repair, 14 are not
        self.send("inspect.housing", h, SI_HOUSING, appraise("C"), at="2019-09-05")
        self.send("inspect.housing", late, SI_HOUSING, appraise("C"), at="2019-09-06")
        self.assertEqual(self.tasks("T-H3-*"), {one: "closed 2019-06-12 2019-09-20 2019-08-01",
                                                two: "open 2019-09-05 2019-09-20",
                                                "T-H3-%s-b01-1" % late: "open 2019-09-06 2019-09-20"})
        self.assertNotIn("unattainable", self.task(two))
        self.assertTrue(self.task("T-H3-%s-b01-1" % late)["unattainable"])

    def test_14_size_and_debts(self):
        """4 persons/80 m2 -> oversize; debt 5,000 -> finding."""
        self.day("2019-06-12")
        four = [h for h, in self.query("SELECT subject FROM ledger WHERE view = 'population' AND num = 4 AND place = ?"
                                       " AND subject <> ? ORDER BY subject LIMIT 3", VILLAGE, HOUSE)]
        debt = self.send("house.work", four[0], VO, accepted("2019-06-12", area_m2=80, debt_yuan=5000))
        size = "T-Q1-%s-a01-1" % four[0]
        self.assertTask(size, "open 2019-06-12 2019-06-19")
        self.assertIn("oversize", self.task(size)["title"]["en"])
        self.assertEqual(self.ledger(four[0], "house.oversize")[:2], (1, 1))
        self.assertEqual(self.ledger(four[0], "house.undersize")[:2], (0, 1))
        self.assertEqual(self.query("SELECT doc ->> '$.cat', doc ->> '$.state' FROM entity WHERE kind = 'finding'"
                                    " AND id = ?", debt), [("funds", "open")])
        self.send("house.work", four[1], VO, accepted("2019-06-12", area_m2=51))
        self.assertIn("undersize", self.task("T-Q1-%s-a01-1" % four[1])["title"]["en"])
        self.send("house.work", four[2], VO, accepted("2019-06-12", area_m2=72))
        self.assertTask("T-Q1-%s-a01-1" % four[2], None)
        self.assertEqual(self.ledger(four[2], "house.oversize")[:2], (0, 1))
        self.assertEqual(self.query("SELECT count(*) FROM entity WHERE kind = 'finding' AND gone = ''"), [(1,)])
        self.day("2019-06-20")                                # measured again
        self.send("house.work", four[0], VO, accepted("2019-06-20", area_m2=70))
        self.assertTask(size, "closed 2019-06-12 2019-06-19 2019-06-20")
        self.day("2019-06-21")
        self.send("house.work", four[0], VO, accepted("2019-06-21", area_m2=90))
        self.assertTask("T-Q1-%s-a01-2" % four[0], "open 2019-06-21 2019-06-28")

    def test_t_h4_demolition(self):
        self.day("2019-06-12")
        h, lived = self.household(ORDINARY), self.household(ORDINARY)
        t = "T-H4-%s-b02-1" % h
        # idle and suspected is not yet dangerous; a safe idle one stays
        self.send("inspect.housing", h, VO, screen(True, use="idle", bld=2))
        self.send("inspect.housing", h, SI_HOUSING, appraise("B", use="idle", bld=3))
        self.send("inspect.housing", lived, SI_HOUSING, appraise("C"))
        self.assertEqual(self.tasks("T-H4-*"), {})
        self.send("inspect.housing", h, SI_HOUSING, appraise("D", use="idle", bld=2, action="demolish"))
        self.send("inspect.housing", lived, VO, screen(False, use="annex", bld=2))
        self.send("inspect.housing", OWNERLESS, VO, screen(True, use="scattered", bld=7))
        self.assertEqual(self.tasks("T-H4-*"), {
            t: "open 2019-06-12 -", "T-H4-%s-b02-1" % lived: "open 2019-06-12 -",
            "T-H4-%s-b07-1" % OWNERLESS: "open 2019-06-12 -"})
        self.assertNotIn("due", self.task(t))
        self.assertIndicator("house.demolish_left", 3, 3)
        self.assertVerifiedBy("TW", t)
        task = self.task(t)
        self.assertEqual((task["priority"], task.get("unattainable", False)), (3, False))
        self.param("stop.demolish", "2019-06-11")  # found after it
        self.assertIs(self.task(t)["unattainable"], True)
        self.param("stop.demolish", None)
        # demolished, never listed: no effect, until it is
        self.day("2019-06-20")
        self.send("house.work", h, VO, work("demolished", "2019-06-20", bld=2))
        self.assertTask(t, "open 2019-06-12 -")
        self.assertTask("T-Q1-%s-b02-1" % h, "open 2019-06-20 2019-06-27")
        self.day("2019-06-21")
        self.send("house.work", h, VO, work("listed", "2019-06-19", bld=2))
        self.assertTask(t, "closed 2019-06-12 - 2019-06-21")
        self.assertTask("T-Q1-%s-b02-1" % h, "closed 2019-06-20 2019-06-27 2019-06-21")
        self.send("house.work", OWNERLESS, VO, work("listed", "2019-06-21", bld=7))
        self.send("house.work", OWNERLESS, VO, work("demolished", "2019-06-21", bld=7))
        self.assertIndicator("house.demolish_left", 1, 3)
        # somebody lives in the annex: it is not to be demolished any more, and was not
        self.send("inspect.housing", lived, VO, screen(False, use="resident", bld=2))
        self.assertTask("T-H4-%s-b02-1" % lived, "closed 2019-06-12 - 2019-06-21")
        self.assertIndicator("house.demolish_left", 0, 2)
        # it stands again
        self.day("2019-07-01")
        self.send("inspect.housing", OWNERLESS, VO, screen(True, use="scattered", bld=7))
        again = "T-H4-%s-b07-2" % OWNERLESS
        self.assertTask(again, "open 2019-07-01 -")
        self.assertIndicator("house.demolish_left", 1, 2)
        # a day that nobody has set is never over, and nothing was on time or late by it
        self.day("2019-11-01")
        self.assertNotIn("escalated", self.task(again))
        self.assertEqual(self.query("SELECT count(*) FROM task WHERE gone = '' AND place = ? AND state = 'closed'"
                                    " AND due = ''", VILLAGE), [(3,)])
        self.assertEqual(self.indicator("task.on_time")["den"], self.query(
            "SELECT count(*) FROM task WHERE gone = '' AND place = ? AND state = 'closed' AND class < 5 AND due <> ''",
            VILLAGE)[0][0])
        self.assertEqual(self.indicator("task.overdue")["num"], self.query(
            "SELECT count(*) FROM task WHERE gone = '' AND place = ? AND closed = '' AND class < 5 AND due <> ''"
            " AND due < '2019-11-01'", VILLAGE)[0][0])
        self.param("stop.demolish", "2019-08-31")
        self.day("2019-11-02")
        self.assertTask(again, "open 2019-07-01 2019-08-31")
        self.assertEqual(self.task(again)["escalated"], "discipline")

    def test_demolished_is_not_lived_in(self):
        self.day("2019-06-12")
        h = self.household(ORDINARY)
        self.send("inspect.housing", h, SI_HOUSING, appraise("D"))
        self.send("inspect.housing", h, SI_HOUSING, appraise("A", bld=2))
        self.assertEqual(self.checks(h)["housing"], "gap")
        self.send("house.work", h, VO, work("listed", "2019-06-12"))
        self.send("house.work", h, VO, work("demolished", "2019-06-12"))
        self.assertEqual(self.checks(h)["housing"], "ok")

    def test_checks_at_an_instant(self):
        """What the last quarters' ends knew."""
        self.day("2019-07-12")
        h = self.household(POOR)
        self.send("inspect.housing", h, SI_HOUSING, appraise("A"), at="2019-03-20T10:00")
        self.send("inspect.housing", h, SI_HOUSING, appraise("D"), at="2019-06-20T10:00")
        self.send("inspect.water", h, HL if h == HOUSE else VO, water(40), at="2019-06-20T11:00")
        self.send("inspect.water", h, VO, water(10), at="2019-07-02T11:00")
        self.assertEqual(self.ledger(h, "at.housing")[2], {
            "q1": "gap", "q2": "ok", **{"q%d" % k: "unknown" for k in (3, 4, 5)}})
        self.assertEqual(self.ledger(h, "at.water")[2], {"q1": "gap"})
        self.assertEqual((self.checks(h)["housing"], self.checks(h)["water"]), ("gap", "ok"))
        self.day("2020-07-02")
        self.assertEqual(self.checks(h)["water"], "stale")


class Relocation(HouseScenario):
    def test_t_h6(self):
        self.day("2019-06-12")
        task = "T-H6-%s-1" % HOUSE
        self.assertTask(task, "open 2019-03-01 2019-03-31")
        self.assertVerifiedBy("TW", task)
        self.assertTask("T-H6-%s-1" % self.household("doc ->> '$.relocated_year' IS NULL"), None)
        (_, all_persons), = self.query("SELECT num, den FROM indicator WHERE place = ? AND name = 'reloc'", VILLAGE)
        # five were never relocated here: no effect, and somebody looks at the data
        self.send("lookback.relocation", HOUSE, VO, moved(5))
        self.assertTask(task, "open 2019-03-01 2019-03-31")
        self.assertTask("T-Q1-%s-moved-1" % HOUSE, "open 2019-06-12 2019-06-19")
        self.assertIndicator("reloc", 0, all_persons)
        self.day("2019-06-14")
        self.send("lookback.relocation", HOUSE, HL, moved(4))
        self.assertTask(task, "closed 2019-03-01 2019-03-31 2019-06-14")
        self.assertTask("T-Q1-%s-moved-1" % HOUSE, "closed 2019-06-12 2019-06-19 2019-06-14")
        self.assertIndicator("reloc", 4, all_persons)
        self.send("lookback.relocation", HOUSE, VO, moved(4))
        self.assertIndicator("reloc", 4, all_persons)
        # a death shrinks no denominator
        self.send("person.facts", HOUSE + "-04", VO, {"op": "leave", "leave_reason": "death", "leave_date": "2019-06-14"})
        self.assertIndicator("reloc", 4, all_persons)
        self.assertIndicator("reloc.natural", 1, 0)

    def test_14_findings_of_the_look_back(self):
        self.day("2019-06-12")
        homes = [h for h, in self.query("SELECT subject FROM ledger WHERE view = 'reloc' AND place = ? AND den > 0"
                                        " ORDER BY subject LIMIT 7", VILLAGE)]
        wrong = ({"area_m2": 26}, {"self_paid_yuan": 10001}, {"debt_yuan": 1}, {"quality_ok": False},
                 {"moved_in": False})
        ids = [self.send("lookback.relocation", h, VO, moved(1, **w)) for h, w in zip(homes, wrong)]
        self.send("lookback.relocation", homes[5], VO, moved(1, area_m2=25, self_paid_yuan=10000))
        self.assertEqual(self.query("SELECT id, doc ->> '$.cat' FROM entity WHERE kind = 'finding' AND gone = ''"
                                    " ORDER BY id"), sorted((i, "housing") for i in ids))


class AllRelocated(Scenario):
    """6,298 persons in one village."""
    BASE = "empty"
    SIZES = [15] * 419 + [5, 8]

    def test_09_relocation_look_back(self):
        """6,290 -> 99.87%; resubmission adds 0."""
        homes = [("%s-01-%04d" % (VILLAGE, i + 1), n) for i, n in enumerate(self.SIZES)]
        self.assertEqual(sum(self.SIZES), 6298)
        self.load("divisions", [
            {"code": "340825000000", "level": "county", "name": "示例县", "parent": "", "groups": ""},
            {"code": "340825104000", "level": "township", "name": "示例镇", "parent": "340825000000", "groups": ""},
            {"code": VILLAGE, "level": "village", "name": "示例村", "parent": "340825104000", "groups": "12"}])
        self.load("units", [{"unit_id": "U-V104299", "name": "示例村委会", "level": "village", "kind": "村委会"}])
        self.load("cadres", [{"cadre_id": VO, "name": "测试甲", "unit": "U-V104299", "role": "VO", "scope": VILLAGE,
                              "active": "true"}])
        self.load("households", [{"household_id": h, "group": 1, "hh_type": "ordinary", "poverty_status": "none",
                                  "relocated_year": 2017} for h, _ in homes])
        self.load("persons", [{"person_id": "%s-%02d" % (h, k + 1), "name": "测试", "sex": "male",
                               "birth": "1970-01-01", "relation": "head" if k == 0 else "other", "relocated": "true",
                               "status": "current"} for h, n in homes for k in range(n)])
        self.day("2019-06-12")
        self.assertIndicator("reloc", 0, 6298)
        records = [self.record("lookback.relocation", h, VO, moved(n)) for h, n in homes[:-1]]
        self.publish(records)
        self.assertIndicator("reloc", 6290, 6298)
        told = self.indicator("reloc")
        self.assertEqual(round(100 * told["num"] / told["den"], 2), 99.87)
        self.assertEqual(self.campaign("relocation")["actual_pct"], 99.9)
        self.phone(VO).send(*records[:100])                   # replayed
        self.publish([self.record("lookback.relocation", h, VO, moved(n)) for h, n in homes[:50]])   # told again
        self.assertIndicator("reloc", 6290, 6298)
        self.assertEqual(len(self.tasks("T-H6-*")), 421)
        self.assertEqual([t for t, s in self.tasks("T-H6-*").items() if s.startswith("open")],
                         ["T-H6-%s-1" % homes[-1][0]])


class Water(HouseScenario):
    def test_t_w1(self):
        self.day("2019-06-12")
        h = self.household(ORDINARY)
        one = "T-W1-%s-1" % h
        self.send("inspect.water", self.household(ORDINARY), VO, water(36))
        self.assertEqual(self.tasks("T-W1-*"), {})
        self.send("inspect.water", h, VO, water(40))
        self.assertTask(one, "open 2019-06-12 2019-07-12")
        self.assertEqual(self.checks(h)["water"], "gap")
        self.assertVerifiedBy("TW", one)
        self.send("inspect.water", h, VO, water(10))          # only the water authority ends it
        self.assertTask(one, "open 2019-06-12 2019-07-12")
        self.day("2019-07-01")
        self.send("inspect.water", h, SI_WATER, water(10))
        self.assertTask(one, "closed 2019-06-12 2019-07-12 2019-07-01")
        self.day("2019-07-15")
        self.send("inspect.water", h, VO, water(99))
        self.assertEqual(self.tasks("T-W1-*"), {one: "closed 2019-06-12 2019-07-12 2019-07-01",
                                                "T-W1-%s-2" % h: "open 2019-07-15 2019-08-14"})


class Environment(HouseScenario):
    def test_19_monthly_report(self):
        """June report absent -> T-E2 overdue 07-06."""
        june, july = "T-E2-%s-2019-06" % VILLAGE, "T-E2-%s-2019-07" % VILLAGE
        self.day("2019-06-30")
        self.assertTask(june, "open 2019-06-01 2019-07-05")
        self.assertVerifiedBy("TW", june)
        self.send("inspect.env_village", VILLAGE, VO, report("2019-05", ponds=4))
        self.assertTask("T-E2-%s-2019-05" % VILLAGE, "closed 2019-05-01 2019-06-05 2019-06-30")
        self.assertTask(june, "open 2019-06-01 2019-07-05")
        self.day("2019-07-05")
        self.assertNotIn("escalated", self.task(june))
        self.day("2019-07-06")
        self.assertEqual(self.task(june)["escalated"], "village")
        self.assertTask(july, "open 2019-07-01 2019-08-05")
        # more sanitary toilets (421) than households (420): no effect
        self.send("inspect.env_village", VILLAGE, VO, report("2019-06", sanitary_hh=421))
        self.assertTask(june, "open 2019-06-01 2019-07-05")
        self.assertTask("T-Q1-%s-env201906-1" % VILLAGE, "open 2019-07-06 2019-07-13")
        self.send("inspect.env_village", VILLAGE, VO, report("2019-06", ponds=5))
        self.send("inspect.env_village", VILLAGE, VT, report("2019-06"))   # the newest of a month counts
        self.send("inspect.env_village", VILLAGE, VO, report("2019-07", ponds=1, sanitary_hh=310))
        self.assertTask(june, "closed 2019-06-01 2019-07-05 2019-07-06")
        self.assertTask(july, "closed 2019-07-01 2019-08-05 2019-07-06")
        self.assertTask("T-Q1-%s-env201906-1" % VILLAGE, "closed 2019-07-06 2019-07-13 2019-07-06")
        self.assertIndicator("env.ponds.month", 1, 0)
        self.assertIndicator("env.ponds.year", 11, 0)
        self.assertIndicator("env.waste.year", 37.5, 0)
        self.assertIndicator("env.sanitary", 310, 420)

    def test_20_four_clean_two_orderly(self):
        """Two false -> one T-E1 naming both."""
        self.day("2019-06-12")
        h, clean = self.household(POOR), self.household(POOR)
        one = "T-E1-%s-1" % h
        self.send("inspect.env", clean, VO, env())
        self.assertEqual(self.tasks("T-E1-*"), {})
        self.send("inspect.env", h, VO, env("toilet_clean", "goods"))
        self.assertEqual(self.tasks("T-E1-*"), {one: "open 2019-06-12 2019-06-27"})
        self.assertEqual(self.task(one)["title"]["zh"], "户环境整治:厕所净、物品摆放规范")
        self.assertEqual(self.task(one)["title"]["en"], "Clean up the home: toilet, goods")
        self.assertEqual(self.task(one)["priority"], 4)
        self.assertVerifiedBy("VO", one)
        self.assertIndicator("env", 1, 2)
        self.day("2019-06-15")
        self.send("inspect.env", h, VO, env("goods"))
        self.assertTask(one, "open 2019-06-12 2019-06-27")
        self.assertEqual(self.task(one)["title"]["zh"], "户环境整治:物品摆放规范")
        self.day("2019-06-20")
        self.send("inspect.env", h, VO, env())
        self.assertTask(one, "closed 2019-06-12 2019-06-27 2019-06-20")
        self.assertIndicator("env", 2, 2)
        self.day("2019-06-25")
        self.send("inspect.env", h, VO, env("outdoor"))
        self.assertEqual(self.tasks("T-E1-*"), {one: "closed 2019-06-12 2019-06-27 2019-06-20",
                                                "T-E1-%s-2" % h: "open 2019-06-25 2019-07-10"})

    def test_21_pond_chiefs(self):
        """ponds_total 6, pond chiefs 5 -> finding."""
        self.day("2019-06-30")
        self.assertEqual(self.query("SELECT doc ->> '$.ponds_total' FROM entity WHERE kind = 'division' AND id = ?",
                                    VILLAGE), [(6,)])
        self.send("inspect.env_village", VILLAGE, VO, report("2019-05"))
        self.assertEqual(self.query("SELECT id FROM entity WHERE kind = 'finding' AND gone = ''"), [])
        few = self.send("inspect.env_village", VILLAGE, VO,
                        report("2019-06", chiefs={"river": 1, "lake": 0, "pond": 5, "forest": 2}))
        findings = lambda: self.query("SELECT id, doc ->> '$.cat', doc ->> '$.text' FROM entity WHERE kind = 'finding'"
                                      " AND gone = '' ORDER BY id")
        self.assertEqual(findings(), [(few, "env", "塘长缺1名(2019-06)")])
        self.assertIndicator("env.chiefs", 5, 6, ok=False)
        # who is not named is none; a report without effect (more toilets than households) says nothing
        none = self.send("inspect.env_village", VILLAGE, VO, report("2019-06", chiefs={"river": 1}, cleaning_rule=False))
        many = self.send("inspect.env_village", VILLAGE, VO, report(
            "2019-06", chiefs={"pond": 1}, sanitary_hh=421, sewage_hh=9))
        self.assertEqual(findings(), [(few, "env", "塘长缺1名(2019-06)"), (none, "env", "塘长缺6名(2019-06)")])
        self.assertIndicator("env.chiefs", 0, 6, ok=False)
        self.assertIndicator("env.rule", 0, 1, ok=False)
        self.assertIndicator("env.sewage", 120, 420)
        # until it fits
        self.send("village.survey", VILLAGE, VO, {"set": {"households": 421}})
        self.assertEqual(findings()[2:], [(many, "env", "塘长缺5名(2019-06)")])
        self.assertIndicator("env.chiefs", 1, 6, ok=False)
        self.assertIndicator("env.rule", 1, 1, ok=True)
        self.assertIndicator("env.sewage", 9, 421)


class Refused(Scenario):
    PERMUTE = False   # what is rejected has no order

    def test_25_a_measure_for_each_worker(self):
        """able=true without measure -> rejected `required`."""
        self.day("2019-06-12")
        data = job()
        del data["measure"]
        self.send("need.job", HOUSE + "-02", HL, data, expect="rejected")
        self.assertEqual([(e["path"], e["code"]) for e in self.receipt["errors"]], [("/data/measure", "required")])
        self.send("need.job", HOUSE + "-02", HL, job())


class Work(HouseScenario):
    def test_26_public_posts(self):
        """Holders counted per kind."""
        self.day("2019-06-12")
        people = [p for p, in self.query(
            "SELECT id FROM entity WHERE kind = 'person' AND place = ? AND doc ->> '$.status' = 'current' AND"
            " doc ->> '$.labour' IN ('skilled', 'ordinary') ORDER BY id LIMIT 9", VILLAGE)]
        kinds = ["cleaning", "cleaning", "greening", "security", "forest", "forest", "road", "water"]
        for p, kind in zip(people, kinds):
            self.send("need.job", p, VO, job("public_post", False, public_post=kind))
        self.send("need.job", people[8], VO, job("town", False, public_post="water"))   # has other work
        for kind in set(kinds):
            self.assertIndicator("public_post." + kind, kinds.count(kind), 0)
        self.send("need.job", people[0], VO, job("town", False))
        self.send("person.facts", people[4], VO, {"op": "edit", "set": {"work_place": "none"}})
        self.assertIndicator("public_post.cleaning", 1, 0)
        self.assertIndicator("public_post.forest", 1, 0)

    def test_t_j1(self):
        self.day("2019-06-12")
        p, q = HOUSE + "-02", HOUSE + "-01"
        one = "T-J1-%s-1" % p
        self.send("need.job", q, HL, job("outside", True))    # has work
        self.send("need.job", HOUSE + "-04", HL,              # wants none
                  {"able": False, "now": "none", "wants_job": False, "training": "none"})
        self.assertEqual(self.tasks("T-J1-*"), {})
        self.send("need.job", p, HL, job())
        self.assertEqual(self.tasks("T-J1-*"), {one: "open 2019-06-12 2019-07-12"})
        self.assertEqual(self.query("SELECT class, assignee_role, audience = assignee, subject FROM task WHERE id = ?",
                                    one), [(2, "UN", 1, p)])
        self.assertVerifiedBy("VO", one)
        self.assertTrue(("task", one) in self.sees(scenario.UN, "task"))
        self.day("2019-06-20")
        self.send("need.job", p, VO, job())                   # still
        self.assertEqual(self.tasks("T-J1-*"), {one: "open 2019-06-12 2019-07-12"})
        self.day("2019-07-01")
        self.send("person.facts", p, VO, {"op": "edit", "set": {"work_place": "town"}})
        self.assertTask(one, "closed 2019-06-12 2019-07-12 2019-07-01")
        self.day("2019-08-01")
        self.send("need.job", p, VO, job())
        self.assertTask("T-J1-%s-2" % p, "open 2019-08-01 2019-08-31")
        self.send("need.job", p, VO, job("county", False))
        self.assertTask("T-J1-%s-2" % p, "closed 2019-08-01 2019-08-31 2019-08-01")
        # not of working age (born 1947): no effect, and somebody looks at the data
        self.send("need.job", HOUSE + "-04", VO, job())
        self.assertEqual(self.tasks("T-J1-%s-04*" % HOUSE), {})
        self.assertTask("T-Q1-%s-04-age-1" % HOUSE, "open 2019-06-12 2019-06-19")


class Help(Scenario):
    def test_24_a_household_counts_once_per_chain(self):
        self.day("2019-06-12")
        a, b = self.household(POOR), self.household(POOR)
        self.send("measure.plan", a, VO, measure("industry", "茶叶", chain="coop"))
        self.send("measure.plan", a, VO, measure("industry", "毛竹", chain="coop"))
        self.send("measure.plan", a + "-01", VO, measure("industry", "入股", chain="coop"))
        self.send("measure.plan", a, VO, measure("industry", "大棚", chain="park"))
        self.send("measure.plan", b, VO, measure("industry", "茶叶", chain="coop"))
        self.send("measure.plan", b, VO, measure("industry", "往年", chain="self", year=2018))
        self.assertIndicator("chain.coop", 2, 0)
        self.assertIndicator("chain.park", 1, 0)
        self.assertIndicator("chain.self", 0, 0)
        self.assertEqual(self.ledger(a, "help.plan")[:2], (1, 1))

    def test_24_done_once_the_household_signed(self):
        self.day("2019-06-12")
        h = self.household(POOR)
        why = "T-Q1-%s-done-1" % h
        plan = measure("industry", "茶叶", chain="coop")
        self.send("measure.plan", h, VO, plan)
        self.assertEqual(self.ledger(h, "help.done")[:2], (0, 1))
        # 2019.0 is an integer too, and the same year
        self.send("measure.plan", h, VO, dict(plan, year=2019.0, done="2019-06-11", result="已分红"))
        self.assertEqual(self.ledger(h, "help.done")[:2], (0, 1))
        self.assertTask(why, "open 2019-06-12 2019-06-19")
        # another type, not signed, after it was done: none of them says that the household agreed
        self.send("visit.household", h, VO, visit("2019-06-10", "education"), gps={"lat": 30.4312, "lng": 116.2418})
        self.send("visit.household", h, VO, visit("2019-06-10", "industry", signed=False),
                  gps={"lat": 30.4312, "lng": 116.2418})
        self.send("visit.household", h, VO, visit("2019-06-12", "industry", start="2019-06-12T08:00:00+08:00",
                                                  end="2019-06-12T08:40:00+08:00"), gps={"lat": 30.4312, "lng": 116.2418})
        self.assertEqual(self.ledger(h, "help.done")[:2], (0, 1))
        self.day("2019-06-14")
        self.send("visit.household", h, VO, visit("2019-06-11", "industry"), gps={"lat": 30.4312, "lng": 116.2418})
        self.assertEqual(self.ledger(h, "help.done")[:2], (1, 1))
        self.assertTask(why, "closed 2019-06-12 2019-06-19 2019-06-14")

    def test_48_social_help(self):
        """Yuan summed."""
        self.day("2019-06-12")
        h = self.household(POOR)
        plan = measure("social", "爱心企业助学", 5000, source="社会捐赠")
        self.send("measure.plan", h, VO, plan)
        self.send("measure.plan", h + "-01", VO, measure("social", "结对帮扶", 800, source="结对单位"))
        self.send("measure.plan", VILLAGE, VO, measure("social", "捐建路灯", 20000, source="企业捐赠"))
        self.send("measure.plan", h, VO, measure("education", "雨露计划", 3000))
        self.assertIndicator("help.social", 25800, 0)
        self.send("measure.plan", h, VO, dict(plan, done="2019-06-12", result="已到户"))   # the same, now done
        self.assertIndicator("help.social", 25800, 0)
        self.assertIndicator("help.social", 25800, 0, scenario.COUNTY)


class Files(Scenario):
    def test_33_one_file_a_household(self):
        """3/10 -> 30%."""
        self.day("2019-06-12")
        (poor,), = self.query("SELECT 10 * count(*) FROM ledger WHERE place = ? AND view = 'poverty'", VILLAGE)
        self.send("archive.check", HOUSE, HL, {
            "present": ["handbook", "register", "plan"],
            "mismatches": [{"field": "members", "archive": "5", "system": "4"}]})
        self.assertEqual(self.ledger(HOUSE, "archive")[:2], (3, 10))
        self.assertIndicator("archive", 3, poor)
        one = "T-Q1-%s-file-1" % HOUSE
        self.assertTask(one, "open 2019-06-12 2019-06-19")
        self.assertEqual(self.task(one)["title"]["zh"], "核实数据:一户一档缺6项,不一致1项")
        every = ["handbook", "register", "id_copy", "review_minutes", "notice_photo", "plan", "income_sheet",
                 "appraisal", "water_eval"]
        self.day("2019-06-15")
        self.send("archive.check", HOUSE, HL, {"present": every, "mismatches": []})
        self.assertTask(one, "closed 2019-06-12 2019-06-19 2019-06-15")
        self.assertEqual(self.ledger(HOUSE, "archive")[:2], (9, 10))
        self.day("2019-06-20")
        self.send("archive.check", HOUSE, VO, {"present": every[:-1], "mismatches": []})
        self.assertTask("T-Q1-%s-file-2" % HOUSE, "open 2019-06-20 2019-06-27")
        ordinary = self.household(ORDINARY)
        self.send("archive.check", ordinary, VO, {"present": [], "mismatches": []})
        self.assertEqual(self.tasks("T-Q1-%s-file-*" % ordinary), {})
        self.assertIsNone(self.ledger(ordinary, "archive"))


if __name__ == "__main__":
    scenario.main()
