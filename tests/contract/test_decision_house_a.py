"""Rows of the county's decision about a household's income, food and clothing, education, medical care, visits and
exit: what follows from real records (docs/decision.md), that each rule opens, changes, closes, opens again, and does
not open where it should not, and that what a parameter without value would decide stays unknown.

    python3 test_decision_house_a.py PATH/TO/zoufang [Class.case ...]
"""
import csv
import os

import scenario
import zf
from scenario import CO, COUNTY, HL, HOUSE, PHOTO, PHOTO2, SI_HOUSING, SI_WATER, TOWN, TW, VILLAGE, VO, Scenario

LINE = 3747
HERE = {"lat": 30.4312, "lng": 116.2418, "acc_m": 6}
NONE = "doc ->> '$.poverty_status' = 'none'"
POOR = "doc ->> '$.poverty_status' = 'not_exited'"
PLANNED = "doc ->> '$.poverty_status' = 'planned_exit'"
EXITED = "doc ->> '$.poverty_status' = 'exited'"


def income(yuan, persons=4, **more):
    return {"year": 2019, "wage": yuan * persons, "business": 0, "property": 0, "transfer": 0, "business_cost": 0,
            "persons": persons, "signed": True, **more}


def visit(day, minutes=40, **more):
    return {"mode": "in_person", "purpose": ["verify"], "start": day + "T09:00:00+08:00",
            "end": "%sT09:%02d:00+08:00" % (day, minutes), "met": "head", "food_ok": True, "clothing_ok": True,
            "signed": True, "photos": [PHOTO], **more}


def by_phone(day):
    return {"mode": "phone", "purpose": ["verify"], "start": day + "T09:00:00+08:00", "end": day + "T09:40:00+08:00",
            "met": "head", "food_ok": True, "clothing_ok": True}


def medical(persons, *uninsured):
    return {"year": 2019, "oop_yuan": 0, "members": [
        {"person": p, "insured": p not in uninsured, "major_ill": False, "chronic_card": False, "doctor_signed": True}
        for p in persons]}


def school(student="junior", **more):
    return {"student": student, "dropout": False, "unfit_health": False,
            **({} if student == "not_student" else {"school": "示例中学"}), **more}


def dropped_out(**more):
    return school("not_student", dropout=True, reason="厌学", **more)


def water(outage=10, **more):
    return {"persons": 4, "supply": "scattered", "source": "spring", "at_home": True, "litres_ppd": 60,
            "qual": "field_ok", "outage_days": outage, "knows_policy": True, "satisfied": 3, **more}


def appraised(grade="A"):
    parts = dict.fromkeys(("foundation", "wall", "frame", "roof", "site"), "a")
    return {"bld": 1, "kind": "appraise", "use": "resident", "sole_home": True, "area_m2": 72, "grade": grade,
            "parts": parts, "basis": "appraised", "action": "none", "cert_no": "ZJ-2019-0100", "photos": [PHOTO, PHOTO2]}


def step(name, day, **more):
    return {"year": 2019, "step": name, "date": day, **more}


class HouseScenario(Scenario):
    def visit(self, h, by, day, *args, **more):
        data = visit(day, *args, **more)
        return self.send("visit.household", h, by, data, at=day + "T12:00", gps=HERE)

    def nobody_met(self, h, day):
        self.send("visit.household", h, VO, {k: v for k, v in visit(day, met="none").items()
                                             if k not in ("food_ok", "clothing_ok")}, at=day + "T10:00", gps=HERE)

    def status_of(self, h):
        return self.ledger(h, "status")[2]

    def evidence(self, h, outage):
        """Records of October: all checks fine but for the days without water."""
        self.send("check.income", h, VO, income(5500), at="2019-10-21")
        self.visit(h, VO, "2019-10-22")
        self.send("check.medical", h, VO, medical(self.members(h)), at="2019-10-23")
        self.send("inspect.housing", h, SI_HOUSING, appraised(), at="2019-10-24")
        self.send("inspect.water", h, SI_WATER, water(outage), at="2019-10-25")

    def procedure(self, h):
        """The steps of November up to the announcement."""
        for by, data in ((VO, step("review", "2019-11-01", votes_for=30, votes_all=40)), (VO, step("verify", "2019-11-02")),
                         (VO, step("agree", "2019-11-03", signed=True)),
                         (VO, step("notice", "2019-11-04", notice_to="2019-11-11")),
                         (TW, step("announce", "2019-11-12", objections=0))):
            self.send("exit.step", h, by, data, at=data["date"])


class Exit(HouseScenario):
    def test_02_exit_wants_all_seven(self):
        """All ok but 40 days without water -> a water gap; a `mark` is stored but not effective."""
        self.param("income_line_yuan", LINE)
        self.day("2019-11-20")
        gap, why = "T-X1-%s-1" % HOUSE, "T-Q1-%s-exit-1" % HOUSE
        self.evidence(HOUSE, 40)
        self.procedure(HOUSE)
        self.send("exit.step", HOUSE, TW, step("mark", "2019-11-13"), at="2019-11-13")
        self.assertEqual(self.checks(HOUSE), {
            "income": "ok", "food": "ok", "clothing": "ok", "education": "ok", "medical": "ok", "housing": "ok",
            "water": "gap", "gaps": ["water"], "known": 7, "last_visit": "2019-10-22", "exit_ready": False, "watch": True})
        self.assertEqual(self.ledger(HOUSE, "poverty")[:2], (0, 4))
        self.assertEqual(self.status_of(HOUSE)["status"], "planned_exit")
        self.assertTask(gap, "open 2019-10-25 2019-12-31")
        self.assertTask(why, "open 2019-11-13 2019-11-20")
        self.assertEqual(self.task(why)["title"]["zh"], "核实数据:未达退出标准即标注")
        # water is safe from the 15th on: ready, but the mark was made before
        self.send("inspect.water", HOUSE, SI_WATER, water(10), at="2019-11-15")
        self.assertEqual((self.checks(HOUSE)["exit_ready"], self.checks(HOUSE)["gaps"]), (True, []))
        self.assertEqual(self.status_of(HOUSE)["status"], "planned_exit")
        self.assertTask(gap, "closed 2019-10-25 2019-12-31 2019-11-15")
        self.assertIn(("household", HOUSE), self.sees(HL))
        # marked anew
        self.send("exit.step", HOUSE, TW, step("mark", "2019-11-16"), at="2019-11-16")
        self.assertEqual(self.ledger(HOUSE, "poverty")[:2], (4, 4))
        status = self.status_of(HOUSE)
        self.assertEqual((status["status"], status["exit_year"], status["marked"], status["watch"]),
                         ("exited", 2019, "2019-11-16", 1))
        facts = self.sees(HL)[("household", HOUSE)]["doc"]
        self.assertEqual((facts["poverty_status"], facts["exit_year"]), ("exited", 2019))
        self.assertTask(why, "closed 2019-11-13 2019-11-20 2019-11-16")
        # who has exited has nothing to close by then; the water is T-W1's alone
        self.send("inspect.water", HOUSE, VO, water(50), at="2019-11-18")
        self.assertEqual(list(self.tasks("T-X1-%s-*" % HOUSE)), [gap])
        self.assertTask("T-W1-%s-2" % HOUSE, "open 2019-11-18 2019-12-18")

    def test_steps_in_their_order(self):
        """A step before the one that it follows waits for it; announced in the time of the notice, it counts never; the
        township alone marks."""
        self.param("income_line_yuan", LINE)
        self.day("2019-11-20")
        self.evidence(HOUSE, 10)
        steps = [(VO, step("review", "2019-11-01", votes_for=30, votes_all=40)), (VO, step("agree", "2019-11-03", signed=True)),
                 (VO, step("notice", "2019-11-04", notice_to="2019-11-11")),
                 (TW, step("announce", "2019-11-11", objections=0, notice_to="2019-01-01")),
                 (TW, step("mark", "2019-11-12"))]
        for by, data in steps:
            self.send("exit.step", HOUSE, by, data, at=data["date"])
        self.assertFalse(self.checks(HOUSE)["exit_ready"])     # nobody verified before the household agreed
        self.assertEqual(sorted(self.tasks("T-Q1-%s-exit-*" % HOUSE).values()), [
            "open 2019-11-03 2019-11-10", "open 2019-11-04 2019-11-11", "open 2019-11-11 2019-11-18",
            "open 2019-11-12 2019-11-19"])
        self.send("exit.step", HOUSE, VO, step("verify", "2019-11-13"), at="2019-11-13")
        self.assertTrue(self.checks(HOUSE)["exit_ready"])
        self.assertEqual(self.status_of(HOUSE)["status"], "planned_exit")
        self.send("exit.step", HOUSE, VO, step("mark", "2019-11-14"), at="2019-11-14", expect="held")
        self.send("exit.step", HOUSE, TW, step("announce", "2019-11-15", objections=0), at="2019-11-15")
        self.assertEqual(sorted(self.tasks("T-Q1-%s-exit-*" % HOUSE).values()), [
            "closed 2019-11-03 2019-11-10 2019-11-13", "closed 2019-11-04 2019-11-11 2019-11-13",
            "closed 2019-11-11 2019-11-18 2019-11-15", "closed 2019-11-12 2019-11-19 2019-11-15"])
        status = self.status_of(HOUSE)
        self.assertEqual((status["status"], status["marked"]), ("exited", "2019-11-15"))

    def test_t_x1(self):
        self.param("income_line_yuan", LINE)
        self.day("2019-06-20")
        h, poor, fine = self.household(PLANNED), self.household(POOR), self.household(PLANNED)
        one, two, three = ("T-X1-%s-%d" % (h, k) for k in (1, 2, 3))
        self.send("inspect.water", poor, VO, water(40), at="2019-06-01")
        self.send("inspect.water", fine, VO, water(36), at="2019-06-01")
        for other in (h, poor, fine):
            self.assertEqual(self.tasks("T-X1-%s-*" % other), {})
        self.visit(h, VO, "2019-06-02", food_ok=False)
        self.assertEqual(self.tasks("T-X1-%s-*" % h), {one: "open 2019-06-02 2019-12-31"})
        task = self.task(one)
        self.assertEqual((task["assignee"]["role"], task["verifier"]["role"]), ("HL", "TW"))
        # another gap comes before the first is closed: the same task, until there is none
        self.send("inspect.water", h, VO, water(40), at="2019-06-05")
        self.visit(h, VO, "2019-06-08")
        self.assertEqual(self.tasks("T-X1-%s-*" % h), {one: "open 2019-06-02 2019-12-31"})
        self.send("inspect.water", h, SI_WATER, water(10), at="2019-06-12")
        self.assertEqual(self.tasks("T-X1-%s-*" % h), {one: "closed 2019-06-02 2019-12-31 2019-06-12"})
        last = self.members(h)[-1]
        self.send("check.medical", h, VO, medical(self.members(h), last), at="2019-06-15")
        self.assertTask(two, "open 2019-06-15 2019-12-31")
        # not to exit this year any more; and again
        self.send("hh.facts", h, TW, {"set": {"poverty_status": "not_exited"}, "reason": "调整计划"}, at="2019-06-17")
        self.assertTask(two, "closed 2019-06-15 2019-12-31 2019-06-17")
        for who in (h, poor):
            self.send("hh.facts", who, TW, {"set": {"poverty_status": "planned_exit"}, "reason": "调整计划"}, at="2019-06-19")
        self.assertEqual(self.tasks("T-X1-%s-*" % h), {
            one: "closed 2019-06-02 2019-12-31 2019-06-12", two: "closed 2019-06-15 2019-12-31 2019-06-17",
            three: "open 2019-06-19 2019-12-31"})
        self.assertTask("T-X1-%s-1" % poor, "open 2019-06-19 2019-12-31")
        # what it earned the year before closes nothing
        self.send("check.income", fine, VO, income(3000), at="2019-06-19")
        self.send("check.income", fine, VO, income(4000, year=2018), at="2019-06-19T10:00")
        self.assertEqual(self.checks(fine)["income"], "gap")
        self.assertTask("T-X1-%s-1" % fine, "open 2019-06-19 2019-12-31")
        self.param("stop.exit", None)
        self.day("2019-06-21")
        self.assertTask(three, "open 2019-06-19 -")       # no day that nobody has set

    def test_47_near_the_line_is_watched(self):
        """An ordinary household at 1.05 times the line -> watch, with visits and a helper; above 1.5 times no more."""
        self.param("income_line_yuan", LINE)
        self.day("2019-06-20")
        near, far, exited = self.household(NONE), self.household(NONE), self.household(EXITED)
        self.send("check.income", near, VO, income(1.05 * LINE, 20, wage=78687), at="2019-06-03")
        self.send("check.income", far, VO, income(5621), at="2019-06-03")
        self.assertEqual((self.checks(near)["income"], self.checks(near)["watch"]), ("ok", True))
        self.assertEqual((self.checks(far)["income"], self.checks(far)["watch"]), ("ok", False))
        self.assertTrue(self.checks(exited)["watch"])
        self.assertEqual(self.checks(self.household(NONE))["watch"], "unknown")
        self.assertEqual([self.status_of(h)["need"] for h in (near, far)], [1, 0])
        helper, month = "T-V2-%s-1" % near, "T-V1-%s-2019-06" % near
        self.assertTask(month, "open 2019-06-01 2019-06-30")
        self.assertTask(helper, "open 2019-06-03 2019-06-06")
        self.assertEqual(self.tasks("T-V?-%s-*" % far), {})
        # a better year: not watched, nobody to be found
        self.send("check.income", near, VO, income(6000), at="2019-06-12")
        self.assertFalse(self.checks(near)["watch"])
        self.assertTask(helper, "closed 2019-06-03 2019-06-06 2019-06-12")
        self.assertTask(month, "open 2019-06-01 2019-06-30")   # was needed this month
        self.day("2019-07-10")
        self.assertTask("T-V1-%s-2019-07" % near, None)
        # near again: somebody is to be found again, and was found no longer needed once
        self.send("check.income", near, VO, income(1.05 * LINE, 20, wage=78687), at="2019-07-10T08:00")
        self.assertEqual(self.tasks("T-V2-%s-*" % near), {helper: "closed 2019-06-03 2019-06-06 2019-06-12",
                                                          "T-V2-%s-2" % near: "open 2019-07-10 2019-07-13"})
        # a year before says nothing of now
        self.send("check.income", near, VO, income(9000, year=2018), at="2019-07-10T09:00")
        self.assertTrue(self.checks(near)["watch"])
        # the line goes up: what was said then is judged anew
        self.param("income_line_yuan", 4500)
        self.day("2019-07-11")
        self.assertEqual((self.checks(near)["watch"], self.checks(far)["watch"]), (True, True))


class Visits(HouseScenario):
    def test_23_28_visits_of_the_month(self):
        """Care-flagged, or poor, and unvisited in June -> T-V1 overdue on 07-01."""
        self.day("2019-06-30")
        care, poor, done, ordinary = (self.household(w) for w in (NONE, POOR, POOR, NONE))
        person = self.members(care)[-1]
        self.assertEqual(self.tasks("T-V1-%s-*" % care), {})
        self.send("person.facts", person, VO, {"op": "edit", "set": {"care": ["elder"]}}, at="2019-06-10")
        june, july = ["T-V1-%s-2019-06" % h for h in (care, poor)], ["T-V1-%s-2019-07" % h for h in (care, poor)]
        self.assertEqual(self.task(june[1])["verifier"]["role"], "VO")
        # by telephone, nobody met, too short: no visit; of the right kind: one
        self.send("visit.household", poor, VO, by_phone("2019-06-12"), at="2019-06-12")
        self.nobody_met(poor, "2019-06-13")
        self.visit(poor, VO, "2019-06-14", 19)
        self.visit(done, VO, "2019-06-14", 20)
        self.visit(ordinary, VO, "2019-06-14")
        for t in june:
            self.assertTask(t, "open 2019-06-01 2019-06-30")
            self.assertNotIn("escalated", self.task(t))
        self.assertTask("T-V1-%s-2019-06" % done, "closed 2019-06-01 2019-06-30 2019-06-14")
        self.assertEqual(self.tasks("T-V1-%s-*" % ordinary), {})
        asked = self.indicator("visit")
        self.assertEqual((asked["num"], asked["ok"]), (1, False))
        self.day("2019-07-01")
        for t, now in zip(june, july):
            self.assertTask(t, "open 2019-06-01 2019-06-30")
            self.assertEqual(self.task(t)["escalated"], "village")
            self.assertTask(now, "open 2019-07-01 2019-07-31")
        self.assertIndicator("visit", 0, asked["den"], ok=False)
        # made up for: June stays late
        self.visit(care, VO, "2019-07-01")
        self.assertTask(june[0], "closed 2019-06-01 2019-06-30 2019-07-01")
        self.assertTask(july[0], "closed 2019-07-01 2019-07-31 2019-07-01")
        self.assertIndicator("visit", 1, asked["den"], ok=False)
        self.send("person.facts", person, VO, {"op": "edit", "set": {"care": []}})
        self.day("2019-08-01")
        self.assertTask("T-V1-%s-2019-08" % care, None)
        self.assertTask("T-V1-%s-2019-08" % poor, "open 2019-08-01 2019-08-31")
        self.assertIndicator("visit", 0, asked["den"] - 1, ok=False)
        self.param("visit.counted_min", None)                 # how long is a visit?
        self.settle()
        self.day("2019-08-02")
        self.assertIsNone(self.ledger(poor, "visit"))

    def test_36_the_secretaries_tours(self):
        """Coverage per secretary: of the village, the township, the county."""
        village, township, county = "C-00023", "C-00007", "C-00005"
        self.day("2019-06-20")
        a, b, ordinary = self.household(POOR), self.household(POOR), self.household(NONE)
        all_poor = self.indicator("tour")["den"]
        self.assertEqual(all_poor, self.query("SELECT count(*) FROM ledger WHERE place = ? AND view = 'poverty'",
                                              VILLAGE)[0][0])
        of_town, of_county = self.indicator("tour", TOWN)["den"], self.indicator("tour", COUNTY)["den"]
        poor_villages = self.indicator("tour.county", COUNTY)["den"]
        self.visit(a, HL if a == HOUSE else VO, "2019-06-11")        # no secretary
        self.visit(ordinary, village, "2019-06-11")                  # not poor
        self.send("visit.household", b, village, by_phone("2019-06-11"), at="2019-06-11T14:00")
        self.assertIndicator("tour", 0, all_poor)
        self.visit(a, village, "2019-06-12")
        self.visit(a, village, "2019-06-13")                         # again: counted once
        self.assertIndicator("tour", 1, all_poor)
        self.assertIndicator("tour.village", 1, all_poor)
        self.assertIndicator("tour.township", 0, of_town, TOWN)
        self.visit(b, township, "2019-06-14")
        self.assertIndicator("tour", 2, all_poor)
        self.assertIndicator("tour.village", 1, all_poor)
        self.assertIndicator("tour.township", 1, of_town, TOWN)
        self.assertIndicator("tour.county", 0, 1)
        self.visit(a, county, "2019-06-15")
        self.assertIndicator("tour.county", 1, 1)
        self.assertIndicator("tour.county", 1, poor_villages, COUNTY)
        self.assertIndicator("tour", 2, of_county, COUNTY)


class Rules(HouseScenario):
    def test_t_i1(self):
        self.param("income_line_yuan", LINE)
        self.day("2019-06-20")
        low, odd, fine = self.household(POOR), self.household(POOR), self.household(POOR)
        one, two = "T-I1-%s-1" % low, "T-I1-%s-2" % low
        self.send("check.income", low, VO, income(3746, signed=False), at="2019-06-01")   # not signed: no effect
        self.send("check.income", fine, VO, income(LINE), at="2019-06-01")
        self.assertEqual(self.tasks("T-I1-*"), {})
        self.assertEqual(self.checks(low)["income"], "unknown")
        self.send("check.income", low, VO, income(3746), at="2019-06-02")
        self.assertEqual(self.tasks("T-I1-*"), {one: "open 2019-06-02 2019-06-17"})
        self.assertEqual((self.checks(low)["income"], self.checks(fine)["income"]), ("gap", "ok"))
        # looked at again and signed, whatever it finds: ended; then below the line anew
        self.send("check.income", low, VO, income(3000, signed=False), at="2019-06-03")
        self.assertTask(one, "open 2019-06-02 2019-06-17")
        self.send("check.income", low, VO, income(3700), at="2019-06-05")
        self.assertEqual(self.tasks("T-I1-*"), {one: "closed 2019-06-02 2019-06-17 2019-06-05"})
        self.send("check.income", low, VO, income(4000), at="2019-06-07")
        self.send("check.income", low, VO, income(3600), at="2019-06-09")
        self.assertEqual(self.tasks("T-I1-*"), {one: "closed 2019-06-02 2019-06-17 2019-06-05",
                                                two: "open 2019-06-09 2019-06-24"})
        # half as much again as last year is not out of line, more is
        self.send("check.income", odd, VO, income(4000, year=2018), at="2019-06-01")
        self.send("check.income", fine, VO, income(4000, year=2018), at="2019-06-03")
        self.send("check.income", odd, VO, income(6001), at="2019-06-10")
        self.send("check.income", fine, VO, income(6000), at="2019-06-10")
        self.assertTask("T-I1-%s-1" % odd, "open 2019-06-10 2019-06-25")
        self.assertEqual(self.tasks("T-I1-%s-*" % fine), {})
        task = self.task("T-I1-%s-1" % odd)
        self.assertEqual((task["assignee"]["role"], task["verifier"]["role"]), ("HL", "VO"))

    def test_t_s1(self):
        self.day("2019-06-12")
        h, fine = self.household(NONE), self.household(NONE)
        one, two = "T-S1-%s-1" % h, "T-S1-%s-2" % h
        self.visit(fine, VO, "2019-06-12")
        self.assertEqual(self.tasks("T-S1-*"), {})
        self.nobody_met(h, "2019-06-10")                      # says nothing, and does not hide what is found later
        self.visit(h, VO, "2019-06-12", clothing_ok=False)
        self.assertEqual(self.tasks("T-S1-*"), {one: "open 2019-06-12 2019-06-15"})
        task = self.task(one)
        self.assertEqual((task["priority"], task["assignee"], task["verifier"]["role"]),
                         (1, {"role": "VO", "cadre": VO}, "TW"))
        self.assertEqual(task["milestones"], [{"name": "identify", "due": "2019-06-27"}])
        self.assertEqual((self.checks(h)["clothing"], self.checks(h)["food"]), ("gap", "ok"))
        self.day("2019-06-17")                                # two days late, of the highest priority
        self.assertEqual(self.task(one)["escalated"], "township")
        # found well by telephone, or without help: it stays
        self.send("visit.household", h, VO, by_phone("2019-06-16"), at="2019-06-16")
        self.visit(h, VO, "2019-06-16")
        self.assertTask(one, "open 2019-06-12 2019-06-15")
        self.send("measure.plan", h, VO, {"year": 2019, "type": "social", "text": "临时救助", "yuan": 2000, "source": "民政",
                                          "due": "2019-06-30"}, at="2019-06-17")
        self.assertTask(one, "closed 2019-06-12 2019-06-15 2019-06-17")
        self.day("2019-07-12")
        self.nobody_met(h, "2019-07-09")
        self.visit(h, VO, "2019-07-10", sudden_event=True, event_text="车祸")
        self.assertEqual(self.tasks("T-S1-*"), {one: "closed 2019-06-12 2019-06-15 2019-06-17",
                                                two: "open 2019-07-10 2019-07-13"})
        self.visit(h, VO, "2019-07-12", measures=[{"type": "social", "text": "临时救助"}])
        self.assertTask(two, "closed 2019-07-10 2019-07-13 2019-07-12")
        self.day("2019-10-11")                                # 91 days after the last visit
        self.assertEqual((self.checks(h)["clothing"], self.checks(h)["food"]), ("stale", "stale"))

    def test_t_d1(self):
        self.day("2019-06-20")
        child, grown = HOUSE + "-03", HOUSE + "-01"           # 13 and 46 years old
        one, two = "T-D1-%s-1" % child, "T-D1-%s-2" % child
        self.assertEqual(self.checks(HOUSE)["education"], "ok")
        self.send("check.education", grown, VO, dropped_out(), at="2019-06-01")
        self.send("check.education", child, VO, school(), at="2019-06-01")
        self.assertEqual(self.tasks("T-D1-*"), {})
        self.assertTask("T-Q1-%s-school-1" % grown, "open 2019-06-01 2019-06-08")
        self.send("check.education", child, VO, dropped_out(), at="2019-06-03")
        self.assertEqual(self.tasks("T-D1-*"), {one: "open 2019-06-03 2019-06-10"})
        self.assertEqual(self.checks(HOUSE)["education"], "gap")
        task = self.task(one)
        self.assertEqual((task["priority"], task["assignee"], task["verifier"]["role"]), (1, {"role": "TW", "cadre": TW}, "SI"))
        self.assertEqual(self.query("SELECT class, subject FROM task WHERE id = ?", one), [(2, child)])
        self.send("check.education", child, VO, dropped_out(), at="2019-06-04")
        # unfit by health: counts once the township says so too
        self.send("check.education", child, VO, school("not_student", unfit_health=True), at="2019-06-05")
        self.assertTask(one, "open 2019-06-03 2019-06-10")
        self.send("check.education", child, TW, school("not_student", unfit_health=True), at="2019-06-06")
        self.assertTask(one, "closed 2019-06-03 2019-06-10 2019-06-06")
        self.assertEqual(self.checks(HOUSE)["education"], "ok")
        self.send("check.education", child, VO, dropped_out(), at="2019-06-10")
        self.assertTask(two, "open 2019-06-10 2019-06-17")
        self.send("person.facts", child, VO, {"op": "edit", "set": {"student": "junior", "school": "示例中学"}}, at="2019-06-12")
        self.assertEqual(self.tasks("T-D1-*"), {one: "closed 2019-06-03 2019-06-10 2019-06-06",
                                                two: "closed 2019-06-10 2019-06-17 2019-06-12"})
        self.assertEqual(self.checks(HOUSE)["education"], "ok")
        # not of school age for the term, but six by now; of school age until the sixteenth birthday
        three, small = "T-D1-%s-3" % child, HOUSE + "-04"
        for who, birth in ((small, "2013-05-17"), (child, "2003-07-01")):
            self.send("person.facts", who, VO, {"op": "edit", "set": {"birth": birth}}, at="2019-06-13")
        self.send("person.facts", small, VO, {"op": "edit", "set": {"student": "not_student"}}, at="2019-06-14")
        self.assertEqual(self.checks(HOUSE)["education"], "gap")
        self.assertEqual(self.tasks("T-X1-%s-*" % HOUSE)["T-X1-%s-3" % HOUSE], "open 2019-06-14 2019-12-31")
        self.send("person.facts", small, VO, {"op": "edit", "set": {"student": "primary"}}, at="2019-06-15")
        self.send("check.education", child, VO, dropped_out(), at="2019-06-18")
        self.assertEqual(self.tasks("T-X1-%s-*" % HOUSE)["T-X1-%s-4" % HOUSE], "open 2019-06-18 2019-12-31")
        self.day("2019-07-02")
        self.assertEqual(self.checks(HOUSE)["education"], "ok")
        self.assertEqual(self.tasks("T-X1-%s-*" % HOUSE)["T-X1-%s-4" % HOUSE], "closed 2019-06-18 2019-12-31 2019-07-01")
        self.assertTask(three, "open 2019-06-18 2019-06-25")
        self.day("2019-09-01")
        self.assertTask(three, "closed 2019-06-18 2019-06-25 2019-09-01")     # with the term

    def test_t_m1(self):
        self.day("2019-06-20")
        people = self.members(HOUSE)
        one, two = "T-M1-%s-1" % people[3], "T-M1-%s-2" % people[3]
        # one of four members is missing: no effect, and somebody looks at the data
        self.send("check.medical", HOUSE, VO, medical(people[:3], people[0]), at="2019-06-01")
        self.assertEqual(self.tasks("T-M1-%s-*" % HOUSE), {})
        self.assertEqual(self.checks(HOUSE)["medical"], "unknown")
        self.assertTask("T-Q1-%s-medical-1" % HOUSE, "open 2019-06-01 2019-06-08")
        self.send("check.medical", HOUSE, VO, medical(people, people[3]), at="2019-06-03")
        self.assertEqual(self.tasks("T-M1-%s-*" % HOUSE), {one: "open 2019-06-03 2019-06-18"})
        self.assertEqual(self.task(one)["verifier"]["role"], "SI")
        self.assertTask("T-Q1-%s-medical-1" % HOUSE, "closed 2019-06-01 2019-06-08 2019-06-03")
        self.assertEqual(self.checks(HOUSE)["medical"], "gap")
        self.assertEqual((self.task(one)["priority"], self.task(one)["assignee"]["role"]), (2, "VO"))
        self.send("check.medical", HOUSE, VO, medical(people, people[3]), at="2019-06-04")
        # insured the year before, or by a check that names somebody else's member: not insured now
        self.send("check.medical", HOUSE, VO, dict(medical(people), year=2018), at="2019-06-04T10:00")
        self.send("check.medical", HOUSE, VO, medical(people + self.members(self.household())[:1]), at="2019-06-05")
        self.assertEqual(self.tasks("T-M1-%s-*" % HOUSE), {one: "open 2019-06-03 2019-06-18"})
        self.assertEqual(self.checks(HOUSE)["medical"], "gap")
        self.assertTask("T-Q1-%s-medical-2" % HOUSE, "open 2019-06-05 2019-06-12")
        self.send("person.facts", people[3], VO, {"op": "edit", "set": {"insured": True}}, at="2019-06-06")
        self.assertTask(one, "closed 2019-06-03 2019-06-18 2019-06-06")
        self.assertEqual(self.checks(HOUSE)["medical"], "ok")
        self.send("check.medical", HOUSE, VO, medical(people, people[3]), at="2019-06-10")
        self.assertTask(two, "open 2019-06-10 2019-06-25")
        self.send("person.facts", people[3], VO, {"op": "leave", "leave_reason": "moved", "leave_date": "2019-06-12"},
                  at="2019-06-12")
        self.assertEqual(self.tasks("T-M1-%s-*" % HOUSE), {one: "closed 2019-06-03 2019-06-18 2019-06-06",
                                                two: "closed 2019-06-10 2019-06-25 2019-06-12"})
        self.assertEqual(self.checks(HOUSE)["medical"], "ok")
        self.day("2020-01-01")
        self.assertEqual(self.checks(HOUSE)["medical"], "stale")

    def test_t_v2(self):
        """A household that is to be helped has a helper, always."""
        self.day("2019-06-20")
        self.assertEqual(self.tasks("T-V2-%s-*" % HOUSE), {})        # has one
        h = self.household(NONE)
        one, two = "T-V2-%s-1" % h, "T-V2-%s-2" % h
        self.assertEqual(self.tasks("T-V2-%s-*" % h), {})            # needs none
        self.send("hh.facts", h, TW, {"set": {"hh_type": "general_poor", "poverty_status": "not_exited"}, "reason": "新识别"},
                  at="2019-06-03")
        self.assertEqual(self.tasks("T-V2-%s-*" % h), {one: "open 2019-06-03 2019-06-06"})
        task = self.task(one)
        self.assertEqual((task["priority"], task["assignee"], task["verifier"]["role"]), (2, {"role": "TW", "cadre": TW}, "CO"))
        self.send("assign.set", h, TW, {"kind": "cadre_household", "cadre": HL, "from": "2019-06-05"}, at="2019-06-05")
        self.assertTask(one, "closed 2019-06-03 2019-06-06 2019-06-05")
        self.send("assign.set", h, TW, {"kind": "cadre_household", "cadre": HL, "from": "2019-06-05", "to": "2019-06-10"},
                  at="2019-06-08")
        self.assertEqual(self.tasks("T-V2-%s-*" % h), {one: "closed 2019-06-03 2019-06-06 2019-06-05",
                                                       two: "open 2019-06-11 2019-06-14"})
        self.send("assign.set", h, TW, {"kind": "cadre_household", "cadre": "C-00025", "from": "2019-06-15"}, at="2019-06-15")
        self.assertTask(two, "closed 2019-06-11 2019-06-14 2019-06-15")
        # not helped any more; that its status changes once more is nothing to this
        out = self.household(NONE)
        for kind, status, day in (("general_poor", "not_exited", "2019-06-03"), ("ordinary", "removed", "2019-06-12"),
                                  ("ordinary", "none", "2019-06-18")):
            self.send("hh.facts", out, TW, {"set": {"hh_type": kind, "poverty_status": status}, "reason": "动态调整"},
                      at=day)
        self.assertTasks("T-V2-%s-*" % out, **{"T-V2-%s-1" % out: "closed 2019-06-03 2019-06-06 2019-06-12"})


class Unknown(HouseScenario):
    def test_without_parameters(self):
        """What a parameter without value would decide is unknown: no gap, no task, no colour, no exit."""
        with open(os.path.join(zf.SCHEMA, "params.csv"), encoding="utf-8") as f:
            for name in (r["name"] for r in csv.DictReader(f)):
                if name.split(".")[0] in ("v", "c", "check", "watch", "water", "visit", "income_line_yuan", "campaign"):
                    self.param(name, None)
        self.day("2019-11-20")
        self.evidence(HOUSE, 40)
        self.procedure(HOUSE)
        self.send("check.income", HOUSE, VO, income(10, year=2018), at="2019-11-12T15:00")
        self.send("exit.step", HOUSE, TW, step("mark", "2019-11-13"), at="2019-11-13")
        self.assertEqual(self.checks(HOUSE), {
            "income": "unknown", "food": "unknown", "clothing": "unknown", "education": "ok", "medical": "ok",
            "housing": "ok", "water": "unknown", "gaps": [], "known": 3, "last_visit": "2019-10-22", "exit_ready": False,
            "watch": "unknown"})
        self.assertEqual(self.status_of(HOUSE)["status"], "planned_exit")
        for rule in ("T-W1", "T-X1", "T-V1", "T-S1"):
            self.assertEqual(self.tasks("%s-%s-*" % (rule, HOUSE)), {}, rule)
        # jumped, as far as anybody knows; not below a line
        self.assertEqual([x["why"] for x in self.ledger(HOUSE, "income")[2]["asked"]], ["jump"])
        self.send("village.survey", VILLAGE, VO, {"set": {
            "groups": 12, "groups_road": 1, "households": 420, "hh_power": 1, "hh_broadband": 1, "clinic": True, "doctors": 1,
            "culture_m2": 60, "collective_income_yuan": 900000, "industry": ["tea"]}}, at="2019-11-14")
        status = self.status()
        asked = {n: x["ok"] for n, x in status["indicators"].items() if n.startswith("v.") and "ok" in x}
        self.assertEqual({n for n, ok in asked.items() if ok is not None},
                         {"v.industry", "v.clinic", "v.culture", "v.exited"})
        for name in ("v.incidence", "v.collective", "v.road", "v.power", "v.broadband", "v.infra", "v.doctors", "v.services"):
            self.assertIsNone(asked[name], name)
        self.assertIs(asked["v.exited"], False)
        self.assertEqual({c["colour"] for c in status["campaigns"].values()} - {"grey", "yellow"}, set())
        self.assertEqual({c["planned_pct"] for c in status["campaigns"].values()}, {None})
        county = self.status(COUNTY)["county"]
        self.assertEqual({n for n, x in county.items() if n.startswith("c.") and x["ok"] is not None},
                         {"c.villages", "c.exit"})
        self.assertEqual((county["c.villages"]["ok"], county["c.exit"]["ok"]), (False, False))


if __name__ == "__main__":
    scenario.main()
