"""The data-quality rules DQ1 to DQ18 and what else asks to look at the data: each opens with the record that said it,
ends with the one that mended it, leaves the counter-example alone, and asks nothing where a threshold is unknown.
Rules that do not touch each other share a case."""
import json

import scenario
from scenario import CO, COUNTY, CT, PHOTO, PHOTO2, SI_HOUSING, SI_WATER, TW, VILLAGE, VO, VT, Scenario

HERE = {"lat": 30.431, "lng": 116.242, "acc_m": 10}  # the village's own place
PHOTOS = iter("sha256:%064x" % i for i in range(1, 10000))

FOUR = "(SELECT count(*) FROM entity p WHERE p.kind = 'person' AND p.id GLOB e.id || '-*') = 4"
GROWN = "NOT EXISTS (SELECT 1 FROM entity p WHERE p.kind = 'person' AND p.id GLOB e.id || '-*'" \
        " AND p.doc ->> '$.birth' > '2003')"
RELOCATED = "EXISTS (SELECT 1 FROM entity p WHERE p.kind = 'person' AND p.id GLOB e.id || '-*'" \
            " AND p.doc ->> '$.relocated')"
POOR = "doc ->> '$.poverty_status' = 'not_exited' AND doc ->> '$.water_target'"
ORDINARY = "doc ->> '$.poverty_status' = 'none'"
EXITED = "doc ->> '$.poverty_status' = 'exited'"


def water(persons, outage=0, **more):
    return {"persons": persons, "supply": "central", "source": "tap", "at_home": True, "litres_ppd": 70, "qual": "gb",
            "lab_no": "SZ-1", "outage_days": outage, "knows_policy": True, "satisfied": 5, **more}


def visit(day, start="09:00", minutes=40, **more):
    h, m = map(int, start.split(":"))
    end = "%02d:%02d" % divmod(h * 60 + m + minutes, 60)
    return {"mode": "in_person", "purpose": ["policy"], "start": "%sT%s:00+08:00" % (day, start),
            "end": "%sT%s:00+08:00" % (day, end), "met": "head", "food_ok": True, "clothing_ok": True,
            "signed": True, "photos": [next(PHOTOS)], **more}


def appraise(grade, bld=1):
    part = {"A": "a", "B": "b", "C": "c", "D": "d"}[grade]
    return {"bld": bld, "kind": "appraise", "use": "resident", "sole_home": True, "area_m2": 80,
            "parts": {"foundation": "a", "wall": part, "frame": "a", "roof": "a", "site": "a"}, "grade": grade,
            "cert_no": "ZJ-1", "action": {"A": "none", "B": "none", "C": "repair", "D": "rebuild"}[grade],
            **({"basis": "appraised"} if grade in "AB" else {}), "photos": [PHOTO, PHOTO2]}


def accepted(day, bld=1, special=50000):
    return {"bld": bld, "stage": "accepted", "date": day, "area_m2": 60, "cost_yuan": 50000,
            "fund": {"special": special, "self": 50000 - special}, "debt_yuan": 0, "acceptors": 3, "post_grade": "A",
            "photos": [PHOTO]}


def income(persons, wage, year=2019, signed=True):
    return {"year": year, "wage": wage, "business": 0, "property": 0, "transfer": 0, "business_cost": 0,
            "persons": persons, "signed": signed}


def opinion(**more):
    return {"resp": "non_poor", "known": 7, "asked": 10, "help": 4, "effect": 4, "exit_fair": 5, "env": 4,
            "water": 3, "recognise": True, **more}


def lookback(persons, old_house, year=2017):
    return {"moved_year": year, "persons": persons, "site": "central", "area_m2": 20 * persons, "self_paid_yuan": 0,
            "debt_yuan": 0, "quality_ok": True, "moved_in": True, "old_house": old_house, "follow_up": ["employment"],
            "utilities_ok": True, "satisfied": 4, "photos": [PHOTO]}


def medical(members, oop=0):
    return {"year": 2019, "oop_yuan": oop, "members": [
        {"person": p, "insured": True, "major_ill": False, "chronic_card": False, "doctor_signed": True}
        for p in members]}


class Dq(Scenario):
    def dq(self, part):
        """{subject: state…} of the T-Q1 tasks of a part, as "cycle: state opened due[ closed]"."""
        out = {}
        for tid, text in self.tasks("T-Q1-*-%s-*" % part).items():
            subject, cycle = tid[5:].split("-%s-" % part)
            out.setdefault(subject, []).append("%s: %s" % (cycle, text))
        return {s: sorted(t) for s, t in out.items()}

    def assertDq(self, part, expected):
        self.assertEqual(self.dq(part), expected, part)

    def facts(self, household, by, at, **facts):
        return self.send("hh.facts", household, by, {"set": facts, "reason": "核实"}, at=at)

    def edit(self, person, by, at, op="edit", **facts):
        return self.send("person.facts", person, by, {"op": op, "set": facts}, at=at)

    def water(self, household, at, outage=0, by=VO, persons=None):
        persons = persons or len(self.members(household))
        return self.send("inspect.water", household, by, water(persons, outage), at=at)

    def visit(self, household, at, by=VO, gps=HERE, start=None, **more):
        data = visit(at[:10], start or at[11:16] or "09:00", **more)
        return self.send("visit.household", household, by, data, at=at[:10] + "T20:00", gps=gps)


class Standing(Dq):
    def test_31_missed_wrongly_listed_wrongly_exited_not_exited(self):
        """DQ1 to DQ4: what a household counts as against what was found."""
        wet, calm, broke, fair, ill, unsafe, again = (self.household(ORDINARY) for _ in range(7))
        out = self.household(ORDINARY + " AND EXISTS (SELECT 1 FROM entity p WHERE p.kind = 'person' AND"
                             " p.id GLOB e.id || '-*' AND p.doc ->> '$.birth' BETWEEN '2008' AND '2012')")
        child, = self.county.query("SELECT id FROM entity WHERE kind = 'person' AND id GLOB ? AND doc ->> '$.birth'"
                                   " BETWEEN '2008' AND '2012' LIMIT 1", out + "-*")[0]
        dropped = {"student": "not_student", "dropout": True, "reason": "厌学", "unfit_health": False}
        poor, car, cheap = (self.household(POOR) for _ in range(3))
        ready, poorer = self.household(POOR + " AND " + GROWN), self.household(POOR + " AND " + GROWN)
        exited, stale, recent = (self.household(EXITED) for _ in range(3))
        self.day("2019-06-12")
        before = self.dq("dq1")  # children who did not go to school when the sample was made
        # DQ1 by each of its reasons; a poor household with the same is none
        for home in (wet, poor):
            self.water(home, "2019-06-08", outage=40)
        self.water(calm, "2019-06-08")
        for day, outage in (("04", 40), ("06", 0), ("08", 40)):   # safe in between, but not for the authority
            self.water(again, "2019-06-" + day, outage)
        self.send("check.education", child, VO, dropped, at="2019-06-09")
        self.send("inspect.housing", unsafe, SI_HOUSING, appraise("D"), at="2019-06-09")
        self.send("inspect.housing", calm, SI_HOUSING, appraise("B"), at="2019-06-09")
        for home, yuan in ((broke, 3746), (fair, 3747), (ill, 8000)):
            n = len(self.members(home))
            self.send("check.income", home, VO, income(n, yuan * n), at="2019-06-09")
            self.send("check.medical", home, VO, medical(self.members(home), yuan * n + (home == ill)), at="2019-06-10")
        ninth = "1: open 2019-06-09 2019-06-16"
        found = {**before, wet: ["1: open 2019-06-08 2019-06-15"], again: [
            "1: closed 2019-06-04 2019-06-11 2019-06-06", "2: open 2019-06-08 2019-06-15"], out: [ninth], unsafe: [ninth],
                 ill: ["1: open 2019-06-10 2019-06-17"]}
        self.assertDq("dq1", found)  # no income line: unknown
        self.assertEqual({k: self.task("T-Q1-%s-dq1-1" % wet)[k]["role"] for k in ("assignee", "verifier")},
                         {"assignee": "VO", "verifier": "TW"})
        # DQ2
        self.facts(car, VO, "2019-06-07", vehicle_yuan=30000)
        self.facts(cheap, VO, "2019-06-07", vehicle_yuan=29999)
        self.facts(calm, VO, "2019-06-07", vehicle_yuan=90000, other_home=True)
        self.assertDq("dq2", {car: ["1: open 2019-06-07 2019-06-14"]})
        self.facts(car, VO, "2019-06-08", vehicle_yuan=0)
        self.facts(car, VO, "2019-06-11", other_home=True)
        self.facts(cheap, VO, "2019-06-10", public_employee=True)
        self.facts(poorer, VO, "2019-06-10", business_reg=True)
        tenth = ["1: open 2019-06-10 2019-06-17"]
        self.assertDq("dq2", {car: ["1: closed 2019-06-07 2019-06-14 2019-06-08", "2: open 2019-06-11 2019-06-18"],
                              cheap: tenth, poorer: tenth})
        # DQ3
        for home in (exited, poor):
            self.visit(home, "2019-06-05T%s" % ("09:00" if home == exited else "11:00"), food_ok=False)
        self.assertDq("dq3", {exited: ["1: open 2019-06-05 2019-06-12"]})
        self.visit(exited, "2019-06-11T09:00")
        self.assertDq("dq3", {exited: ["1: closed 2019-06-05 2019-06-12 2019-06-11"]})
        # found 91 days before the exit (of March 1st), and 90; both were looked at
        for home, day in ((stale, "2018-11-30"), (recent, "2018-12-01")):
            self.visit(home, day + "T09:00", food_ok=False)
        self.assertDq("dq3", {exited: ["1: closed 2019-06-05 2019-06-12 2019-06-11"],
                              recent: ["1: open 2019-03-01 2019-03-08"]})
        for home, wrong in ((stale, 0), (recent, 1)):
            n = len(self.members(home))
            self.assertEqual(self.ledger(home, "c.wrong_exit")[:2], (n * wrong, n))
        # the line is set; mended, and listed
        self.param("income_line_yuan", 3747)
        self.assertDq("dq1", dict(found, **{broke: [ninth]}))
        self.facts(broke, TW, "2019-06-12T08:00", hh_type="general_poor", poverty_status="not_exited")
        self.water(wet, "2019-06-10", by=SI_WATER)
        self.assertDq("dq1", dict(found, **{broke: ["1: closed 2019-06-09 2019-06-16 2019-06-12"],
                                            wet: ["1: closed 2019-06-08 2019-06-15 2019-06-10"]}))
        # DQ4
        for i, (home, yuan) in enumerate(((ready, 5621), (poorer, 5620))):
            members = self.members(home)
            self.send("check.income", home, VO, income(len(members), yuan * len(members)), at="2019-06-11")
            self.water(home, "2019-06-11")
            self.send("inspect.housing", home, SI_HOUSING, appraise("A"), at="2019-06-11")
            self.send("check.medical", home, VO, medical(members), at="2019-06-11")
            self.visit(home, "2019-06-11T%d:00" % (13 + 2 * i))
        self.assertDq("dq4", {})
        self.day("2019-10-12")
        for i, home in enumerate((ready, poorer)):
            self.visit(home, "2019-09-10T%02d:00" % (9 + 2 * i))
        self.assertDq("dq4", {ready: ["2019-10: open 2019-10-01 2019-10-08"]})
        for step, day, more in (("review", "01", {"votes_for": 30, "votes_all": 40}), ("verify", "02", {}),
                                ("agree", "02", {"signed": True}), ("notice", "02", {"notice_to": "2019-10-09"}),
                                ("announce", "10", {"objections": 0}), ("mark", "11", {})):
            self.send("exit.step", ready, TW, {"year": 2019, "step": step, "date": "2019-10-" + day, **more},
                      at="2019-10-%sT%02d:00" % (day, 8 + len(more)))
        self.assertDq("dq4", {ready: ["2019-10: closed 2019-10-01 2019-10-08 2019-10-11"]})
        # who exited may have a car
        self.facts(ready, VO, "2019-10-12T08:00", vehicle_yuan=90000)
        self.assertNotIn(ready, self.dq("dq2"))
        self.day("2020-06-12")   # what ended stays
        self.assertDq("dq4", {ready: ["2019-10: closed 2019-10-01 2019-10-08 2019-10-11"]})
        for name in ("dq.vehicle_yuan", "dq.gap_days", "watch.income_factor"):
            self.param(name, None)
        self.assertDq("dq2", {car: ["1: open 2019-06-11 2019-06-18"], cheap: tenth, poorer: tenth})
        self.assertDq("dq3", {})
        self.assertDq("dq4", {})


class Counts(Dq):
    def test_32_members_4_against_5(self):
        """DQ6, conflicts, and who was named before being registered."""
        wet, paper, born, right = (self.household(FOUR) for _ in range(4))
        self.day("2019-06-12")
        self.water(wet, "2019-06-08", persons=5)
        self.send("archive.check", paper, VO, {"present": ["handbook"], "mismatches": [
            {"field": "members", "archive": "5", "system": "4"}]}, at="2019-06-08")
        self.send("check.income", born, VO, income(5, 40000), at="2019-06-08")
        self.water(right, "2019-06-08", persons=4)
        self.assertDq("dq6", {h: ["1: open 2019-06-08 2019-06-15"] for h in (wet, paper, born)})
        task = self.task("T-Q1-%s-dq6-1" % paper)
        self.assertEqual((task["assignee"]["role"], task["verifier"]["role"]), ("VO", "TW"))
        self.water(wet, "2019-06-10", persons=4)
        baby = {"name": "示例", "sex": "male", "birth": "2019-06-01", "relation": "child"}
        self.edit(born + "-71", VO, "2019-06-11", op="add", **baby)
        self.edit(right + "-71", VO, "2019-06-11", op="add", **baby)  # what was counted before stays right
        self.assertDq("dq6", {wet: ["1: closed 2019-06-08 2019-06-15 2019-06-10"],
                              paper: ["1: open 2019-06-08 2019-06-15"],
                              born: ["1: closed 2019-06-08 2019-06-15 2019-06-11"]})
        self.send("archive.check", paper, VO, {"present": ["handbook"], "mismatches": []}, at="2019-06-12T08:00")
        self.water(wet, "2019-06-12T08:00", persons=5)
        self.assertDq("dq6", {wet: ["1: closed 2019-06-08 2019-06-15 2019-06-10", "2: open 2019-06-12 2019-06-19"],
                              paper: ["1: closed 2019-06-08 2019-06-15 2019-06-12"],
                              born: ["1: closed 2019-06-08 2019-06-15 2019-06-11"]})
        self.conflicts()
        self.registered_late()

    def conflicts(self):
        """A conflict ends when somebody saw both values, or when they agree."""
        home, agreed, alone = self.household(), self.household(), self.household()
        first = self.facts(home, VO, "2019-06-08", farmland_mu=3.2)
        second = self.send("hh.facts", home, TW, {"set": {"farmland_mu": 4}, "reason": "核实"}, at="2019-06-09",
                           base={"farmland_mu": []})
        self.facts(agreed, VO, "2019-06-08", forest_mu=1)
        self.facts(agreed, TW, "2019-06-09", forest_mu=2)
        self.facts(alone, VO, "2019-06-08", farmland_mu=3)
        self.facts(alone, VO, "2019-06-09", farmland_mu=4)
        running = "open 2019-06-09 2019-06-16"
        self.assertTask("T-Q1-%s-1" % home, running)
        self.assertTask("T-Q1-%s-1" % agreed, running)
        self.send("hh.facts", home, VO, {"set": {"farmland_mu": 3.5}, "reason": "核实"}, at="2019-06-10",
                  base={"farmland_mu": [first[-12:], second[-12:]]})
        self.facts(agreed, VO, "2019-06-11", forest_mu=2)
        ended = "closed 2019-06-09 2019-06-16 2019-06-%s"
        self.assertTask("T-Q1-%s-1" % home, ended % "10")
        self.assertTask("T-Q1-%s-1" % agreed, ended % "11")
        self.assertTask("T-Q1-%s-1" % alone, None)
        self.send("hh.facts", home, TW, {"set": {"farmland_mu": 9}, "reason": "核实"}, at="2019-06-12T08:00",
                  base={"farmland_mu": []})
        self.assertTask("T-Q1-%s-1" % home, ended % "10")
        self.assertTask("T-Q1-%s-2" % home, "open 2019-06-12 2019-06-19")

    def registered_late(self):
        home = VILLAGE + "-03-0999"
        self.water(home, "2019-06-09", persons=2)
        self.facts(home, VO, "2019-06-10", farmland_mu=1)
        self.assertTask("T-Q1-%s-reg-1" % home, "open 2019-06-09 2019-06-16")
        self.facts(home, TW, "2019-06-11", group=3, hh_type="ordinary", poverty_status="none")
        self.assertTask("T-Q1-%s-reg-1" % home, "closed 2019-06-09 2019-06-16 2019-06-11")
        # nobody is asked because of covert work
        secret = VILLAGE + "-03-0998"
        self.send("finding.report", secret, CT, {
            "source": "covert", "cat": "work", "severity": "low", "text": "示例", "duty_unit": "U-V104299",
            "conduct": {k: True for k in ("unannounced", "unaccompanied", "own_travel", "own_lodging", "own_meals",
                                          "own_check")}, "photos": [PHOTO]}, at="2019-06-08")
        self.assertTask("T-Q1-%s-reg-1" % secret, None)
        self.water(secret, "2019-06-10", persons=2)
        self.assertTask("T-Q1-%s-reg-1" % secret, "open 2019-06-10 2019-06-17")


class Members(Dq):
    def test_dq5_dq7_dq8(self):
        """ID numbers, ages, disability, and one head."""
        home = self.household(FOUR)
        self.day("2019-06-12")
        head, died, moved = self.members(home)[:3]
        a, b, c, d = (self.members(self.household())[0] for _ in range(4))
        # DQ5: one number in two households
        self.edit(a, VO, "2019-06-08", id_no="34082519800101001X")
        self.edit(c, VO, "2019-06-08", id_no="340825198001010028")
        self.assertDq("dq5", {})
        self.edit(b, VO, "2019-06-10", id_no="34082519800101001x")
        both = "1: open 2019-06-10 2019-06-17"
        self.assertDq("dq5", {a: [both], b: [both]})
        self.edit(b, VO, "2019-06-11", id_no="340825198001010036")
        both = ["1: closed 2019-06-10 2019-06-17 2019-06-11"]
        self.assertDq("dq5", {a: both, b: both})
        self.assertEqual(self.query("SELECT DISTINCT class FROM task WHERE id GLOB 'T-Q1-*-dq5-*'"), [(2,)])
        # DQ5: who died is current, or bears a number of one who lives
        self.edit(died, VO, "2019-06-07", id_no="340825194001010011")
        self.edit(d, VO, "2019-06-09", id_no="340825194001010011")
        for person, why in ((died, "death"), (moved, "moved")):
            self.send("person.facts", person, VO, {"op": "leave", "leave_reason": why, "leave_date": "2019-06-08"},
                      at="2019-06-08")
        self.assertDq("dq5d", {})
        self.assertDq("dq5", {a: both, b: both, d: ["1: open 2019-06-09 2019-06-16"]})
        for person in (died, moved):
            self.edit(person, VO, "2019-06-10", op="add")
        self.assertDq("dq5d", {died: ["1: open 2019-06-10 2019-06-17"]})
        self.send("person.facts", died, VO, {"op": "leave", "leave_reason": "error", "leave_date": "2019-06-11"},
                  at="2019-06-11")
        self.assertDq("dq5d", {died: ["1: closed 2019-06-10 2019-06-17 2019-06-11"]})
        # exactly one head
        self.edit(moved, VO, "2019-06-11", relation="head")
        self.assertDq("head", {home: ["1: open 2019-06-11 2019-06-18"]})
        self.edit(head, VO, "2019-06-12T08:00", relation="spouse")
        self.assertDq("head", {home: ["1: closed 2019-06-11 2019-06-18 2019-06-12"]})
        self.disabled()
        self.ages()

    def disabled(self):
        a, b, c = (self.members(self.household())[0] for _ in range(3))
        self.edit(a, VO, "2019-06-10", health="disabled", disabled_cert=False)
        self.edit(b, VO, "2019-06-10", health="disabled", disabled_cert=True)
        self.edit(c, VO, "2019-06-10", health="disabled")
        self.assertDq("dq8", {a: ["1: open 2019-06-10 2019-06-17"]})
        self.edit(a, VO, "2019-06-11", disabled_cert=True)
        self.edit(b, VO, "2019-06-11", health="healthy")
        self.assertDq("dq8", {a: ["1: closed 2019-06-10 2019-06-17 2019-06-11"],
                              b: ["1: open 2019-06-11 2019-06-18"]})

    def ages(self):
        home = self.household()
        person, child = home + "-71", home + "-72"
        about = {"name": "示例", "sex": "female", "insured": True, "birth": "2005-06-11"}
        self.edit(person, VO, "2019-06-09", op="add", relation="spouse", **about)
        self.edit(child, VO, "2019-06-09", op="add", relation="grandchild", student="junior", **about)
        self.assertEqual(self.dq("dq7").get(person), ["1: open 2019-06-09 2019-06-16"])
        self.edit(person, VO, "2019-06-10", relation="other")
        self.assertEqual(self.dq("dq7").get(person), ["1: closed 2019-06-09 2019-06-16 2019-06-10"])
        self.assertNotIn(child, self.dq("dq7"))
        # what one record may not say, two may not either: students from 3 to 30, workers from 16
        small, late, young = (home + "-7%d" % k for k in (3, 4, 5))
        for who, birth in ((small, "2017-01-01"), (late, "1989-06-11"), (young, "2004-01-01")):
            self.edit(who, VO, "2019-06-09", op="add", relation="other", **{**about, "birth": birth})
        self.edit(small, VO, "2019-06-10", student="preschool")
        self.edit(late, VO, "2019-06-10", student="higher")
        self.edit(young, VO, "2019-06-10", labour="ordinary")
        running = ["1: open 2019-06-10 2019-06-17"]
        self.assertEqual([self.dq("dq7").get(p) for p in (small, late, young)], [running, None, running])
        # nobody said anything: junior middle school at 21
        self.day("2026-06-12")
        ended = "1: closed 2019-06-10 2019-06-17 20%s-01-01"
        self.assertEqual([self.dq("dq7").get(p) for p in (small, late, young)], [
            [ended % "20", "2: open 2026-01-01 2026-01-08"], ["1: open 2020-06-11 2020-06-18"], [ended % "20"]])
        self.assertEqual(self.dq("dq7").get(child), ["1: open 2026-06-11 2026-06-18"])


class Houses(Dq):
    def test_dq9_dq10_dq15_dq17(self):
        """What is said of a house, its water and its funds."""
        self.day("2019-12-12")
        self.graded()
        self.water_waits()
        self.claims()
        fresh = self.moved()
        self.day("2020-01-05")  # the second new year after 2018
        self.assertEqual(self.dq("dq10")[fresh], ["1: open 2020-01-01 2020-01-08"])
        self.param("dq.grade_days", None)
        self.param("dq.moved_months", None)
        self.assertDq("dq9", {})
        self.assertNotIn(fresh, self.dq("dq10"))

    def graded(self):
        sudden, told, slow = (self.household() for _ in range(3))
        for home in (sudden, told, slow):
            self.send("inspect.housing", home, SI_HOUSING, appraise("B"), at="2019-05-01")
        self.visit(told, "2019-06-05", sudden_event=True, event_text="塌方")
        self.send("inspect.housing", slow, VO, dict(appraise("D"), kind="screen", suspected=True), at="2019-06-10")
        for home in (sudden, told):
            self.send("inspect.housing", home, SI_HOUSING, appraise("D"), at="2019-06-10")
        self.send("inspect.housing", slow, SI_HOUSING, appraise("D"), at="2019-10-28")  # 180 days
        self.assertDq("dq9", {sudden: ["1: open 2019-06-10 2019-06-17"]})
        self.send("inspect.housing", sudden, SI_HOUSING, appraise("D"), at="2019-06-15")
        self.assertDq("dq9", {sudden: ["1: closed 2019-06-10 2019-06-17 2019-06-15"]})

    def moved(self):
        kept, fresh, built = (self.household(RELOCATED) for _ in range(3))
        never = self.household("doc ->> '$.relocated_year' IS NULL")
        self.send("lookback.relocation", kept, VO, lookback(1, "kept", 2017.0), at="2019-06-08")
        self.send("lookback.relocation", fresh, VO, lookback(1, "kept", 2018), at="2019-06-08")
        self.send("house.work", built, VO, accepted("2019-06-09"), at="2019-06-09")
        self.send("house.work", never, VO, accepted("2019-06-09"), at="2019-06-09")
        early = self.household("doc ->> '$.relocated_year' IS NULL")   # in a year without look-back
        self.send("hh.facts", early, TW, {"set": {"relocated_year": 2014}, "reason": "补登"}, at="2019-06-07")
        self.send("house.work", early, VO, accepted("2019-06-09"), at="2019-06-09")
        self.assertDq("dq10", {kept: ["1: open 2019-06-08 2019-06-15"], built: ["1: open 2019-06-09 2019-06-16"],
                               early: ["1: open 2019-06-09 2019-06-16"]})
        self.assertTask("T-H6-%s-1" % early, None)
        self.send("lookback.relocation", kept, VO, lookback(1, "demolished"), at="2019-06-11")
        self.assertEqual(self.dq("dq10")[kept], ["1: closed 2019-06-08 2019-06-15 2019-06-11"])
        return fresh

    def water_waits(self):
        """Found safe, but not by the sector: T-W1 stays open."""
        waits, sector, worse = (self.household() for _ in range(3))
        for home in (waits, sector, worse):
            self.water(home, "2019-06-05", outage=40)
        self.water(waits, "2019-06-08")
        self.water(sector, "2019-06-08", by=SI_WATER)
        self.water(worse, "2019-06-08")
        self.water(waits, "2019-06-09")
        self.water(worse, "2019-06-09", outage=40)
        self.assertDq("dq15", {waits: ["1: open 2019-06-08 2019-06-15"],
                               worse: ["1: closed 2019-06-08 2019-06-15 2019-06-09"]})
        self.assertTask("T-W1-%s-1" % waits, "open 2019-06-05 2019-07-05")
        self.water(waits, "2019-06-11", by=SI_WATER)
        self.assertEqual(self.dq("dq15")[waits], ["1: closed 2019-06-08 2019-06-15 2019-06-11"])

    def claims(self):
        """One house, funds claimed twice."""
        twice, two = (self.household("NOT " + RELOCATED) for _ in range(2))
        self.send("house.work", twice, VO, accepted("2019-06-05"), at="2019-06-05")
        self.send("house.work", two, VO, accepted("2019-06-05"), at="2019-06-05")
        self.send("house.work", two, VO, accepted("2019-06-08", bld=2), at="2019-06-08")
        again = self.send("house.work", twice, TW, accepted("2019-06-08"), at="2019-06-08")
        self.assertDq("dq17", {twice: ["1: open 2019-06-08 2019-06-15"]})
        self.send("record.void", again, TW, {"reason": "重复"}, at="2019-06-10")
        self.assertDq("dq17", {twice: ["1: closed 2019-06-08 2019-06-15 2019-06-10"]})


class Visits(Dq):
    def test_dq11_dq12_dq13(self):
        """What the visits of one cadre, their words and their places say."""
        near, home, same, calm = (self.household("doc ->> '$.group' = %d" % g) for g in (2, 3, 2, 4))
        homes = [self.household("doc ->> '$.group' = 1") for _ in range(13)]
        again = self.household("doc ->> '$.group' = 2")
        self.day("2019-06-12")
        # DQ11: too close; twenty minutes each, four and five minutes between groups
        self.visit(near, "2019-06-03T09:00", minutes=20)
        self.visit(home, "2019-06-03T09:24", minutes=20)
        self.visit(calm, "2019-06-03T09:49", minutes=20)
        self.visit(same, "2019-06-03T14:00", minutes=20)
        self.visit(near, "2019-06-03T14:21", minutes=20)  # the same group
        self.assertDq("dq11", {home: ["1: open 2019-06-03 2019-06-10"]})
        self.visit(home, "2019-06-11T09:00")
        close = {home: ["1: closed 2019-06-03 2019-06-10 2019-06-11"]}
        self.publish([self.record("visit.household", home, VT, visit("2019-06-%02d" % d, "%02d:00" % h),
                                  at="2019-06-%02dT%02d:50" % (d, h), gps=HERE) for d in range(5, 11) for h in (9, 11, 14)])
        # DQ11: twelve a day, thirteen, a photo once more
        for i, h in enumerate(homes[:12]):
            self.visit(h, "2019-06-04T%02d:%02d" % (8 + i // 2, i % 2 * 30), minutes=10,
                       **({"photos": [PHOTO]} if i == 0 else {}))
        self.assertDq("dq11", close)
        self.visit(homes[12], "2019-06-04T17:00")
        self.visit(again, "2019-06-11T14:00", photos=[PHOTO, PHOTO2])
        photo = {again: ["1: open 2019-06-11 2019-06-18"]}
        self.assertDq("dq11", {homes[12]: ["1: open 2019-06-04 2019-06-11"], **photo, **close})
        # DQ12
        self.same_words(homes)
        # DQ13 and the visit far from the village
        lost, off = self.household(), self.household()
        self.visit(lost, "2019-06-08T10:00", gps={"lat": 30.65, "lng": 116.242, "acc_m": 10})
        self.visit(off, "2019-06-08T11:00", gps={"lat": 30.41, "lng": 116.165, "acc_m": 10})
        self.assertDq("dq13", {lost: ["1: open 2019-06-08 2019-06-15"]})
        self.assertTask("T-Q1-%s-2019-06" % off, "open 2019-06-08 2019-06-15")
        self.visit(lost, "2019-06-10T10:00")
        self.assertDq("dq13", {lost: ["1: closed 2019-06-08 2019-06-15 2019-06-10"]})
        self.param("dq.gps_km", None)
        self.assertDq("dq13", {})
        self.param("dq.gps_km", 15)
        self.assertDq("dq13", {lost: ["1: closed 2019-06-08 2019-06-15 2019-06-10"]})
        # unknown: where a village has no place, or a threshold is not set
        self.send("village.survey", "340825104200", TW, {"set": {"lat": None}}, at="2019-06-12T08:00")
        self.assertDq("dq13", {})
        for name in ("dq.visit_gap_min", "dq.visits_day", "dq.same_text"):
            self.param(name, None)
        self.assertDq("dq11", photo)
        self.assertDq("dq12", {})

    def same_words(self, homes):
        text = {"issues": [{"cat": "water", "text": "无", "urgent": False}]}
        own = {"issues": [{"cat": "water", "text": "枯水期停水", "urgent": False}]}
        for i, home in enumerate(homes[:4]):
            self.visit(home, "2019-06-%02dT08:00" % (5 + i), **text)
        self.assertDq("dq12", {})
        self.visit(homes[4], "2019-06-09T08:00", **text)
        self.assertDq("dq12", {homes[4]: ["2: open 2019-06-09 2019-06-16"]})
        self.visit(homes[0], "2019-06-11T08:00", **own)
        ended = {homes[4]: ["2: closed 2019-06-09 2019-06-16 2019-06-11"]}
        self.assertDq("dq12", ended)

        def long(end):
            return {"issues": [{"cat": "water", "text": "水" * 199 + c, "urgent": False} for c in ("甲", "乙", end)]}
        for i, home in enumerate(homes[5:10]):   # they differ at the end
            self.visit(home, "2019-06-%02dT06:00" % (5 + i), **long("丙" if i else "丁"))
        self.assertDq("dq12", ended)
        self.visit(homes[10], "2019-06-10T06:00", **long("丙"))
        self.assertDq("dq12", {**ended, homes[10]: ["2: open 2019-06-10 2019-06-17"]})


class Villages(Dq):
    def test_dq14_dq15_dq16_dq17_dq18(self):
        """What is said of a village, its projects, surveys and exits."""
        self.day("2019-06-12")
        self.inventory()
        self.projects()
        self.surveys()
        self.exits()
        self.param("target.exit_persons", 153)
        self.param("target.relocated_persons", None)
        self.assertEqual(self.dq("dq14")[COUNTY], ["1: open 2019-03-01 2019-03-08"])
        for name, value, wrong in (("target.exit_persons", 152, False), ("target.relocated_persons", 64, True),
                                   ("target.relocated_persons", 63, False)):
            self.param(name, value)
            self.assertEqual(COUNTY in self.dq("dq14"), wrong, (name, value))
        # a threshold that is not set
        dq15, dq16 = self.dq("dq15"), self.dq("dq16")
        self.assertIn(VILLAGE, dq15)
        for name, value in (("dq.water_safe_pct", 90), ("dq.water_score", 2)):
            self.param(name, None)
            self.assertDq("dq15", {})
            self.param(name, value)
            self.assertDq("dq15", dq15)
        self.param("dq.notice_days", None)
        self.assertDq("dq16", {h: t for h, t in dq16.items() if "2019-06-11 2019-06-18" not in t[0]})
        self.assertEqual(len(self.dq("dq16")), 1)

    def inventory(self):
        facts, = [json.loads(d) for d, in self.county.query("SELECT doc FROM entity WHERE kind = 'division' AND id = ?",
                                                            VILLAGE)]

        def survey(at, by=TW, **more):
            self.send("village.survey", VILLAGE, by, {"set": more}, at=at)
        registered, watered = facts["registered_2014"], facts["water_baseline"]
        self.assertDq("dq14", {})
        survey("2019-06-07", registered_2014=registered + 1)
        self.assertDq("dq14", {VILLAGE: ["1: open 2019-06-07 2019-06-14"]})
        survey("2019-06-08", registered_2014=registered)
        ended = "1: closed 2019-06-07 2019-06-14 2019-06-08"
        self.assertDq("dq14", {VILLAGE: [ended]})
        survey("2019-06-10", water_baseline=watered - 1)
        self.assertDq("dq14", {VILLAGE: [ended, "2: open 2019-06-10 2019-06-17"]})
        survey("2019-06-11", water_baseline=watered)
        # a death is natural change
        person = self.members(self.household(POOR))[-1]
        self.send("person.facts", person, VO, {"op": "leave", "leave_reason": "death", "leave_date": "2019-06-11"},
                  at="2019-06-12T08:30")
        self.assertDq("dq14", {VILLAGE: [ended, "2: closed 2019-06-10 2019-06-17 2019-06-11"]})

    def projects(self):
        step = {"step": "declared", "date": "2019-06-05", "name": "示例供水", "cat": "water", "div": VILLAGE, "yuan": 860000}
        self.send("project.step", "P-2019-0456", VO, dict(step, hh_served=421), at="2019-06-05")
        self.send("project.step", "P-2019-0457", VO, dict(step, hh_served=420), at="2019-06-05")
        self.assertDq("dq17", {VILLAGE: ["1: open 2019-06-05 2019-06-12"]})
        self.assertTask("T-Q1-P-2019-0456-order-1", "open 2019-06-05 2019-06-12")  # no meeting of the village
        other, = self.county.query("SELECT id FROM entity WHERE kind = 'cadre' AND doc ->> '$.role' = 'TW' AND"
                                   " NOT EXISTS (SELECT 1 FROM json_each(doc, '$.scope') WHERE value LIKE '340825104%')"
                                   " ORDER BY id LIMIT 1")[0]
        for by, day in ((other, "2019-06-06"), (TW, "2019-06-08")):
            self.send("project.step", "P-2019-0456", by, {"step": "reviewed", "date": day}, at=day)
            self.assertTask("T-Q1-P-2019-0456-area-1", "open 2019-06-06 2019-06-13" if by == other else
                            "closed 2019-06-06 2019-06-13 2019-06-08")
        self.send("project.step", "P-2019-0456", VO, {"step": "village_meeting", "date": "2019-06-09", "attendees": 40,
                                                        "agree": 38}, at="2019-06-09")
        self.assertTask("T-Q1-P-2019-0456-order-1", "closed 2019-06-05 2019-06-12 2019-06-09")
        self.send("project.step", "P-2019-0456", VO, dict(step, hh_served=320, date="2019-06-08"), at="2019-06-08")
        self.assertDq("dq17", {VILLAGE: ["1: closed 2019-06-05 2019-06-12 2019-06-08"]})

    def surveys(self):
        own, other = self.household(), self.household()
        self.send("survey.opinion", VILLAGE, CT, opinion(water=2), at="2019-06-05")
        self.assertDq("dq15", {})  # nothing assessed: unknown
        self.water(self.household(), "2019-06-06")
        self.assertDq("dq15", {VILLAGE: ["1: open 2019-06-05 2019-06-12"]})
        self.send("survey.opinion", VILLAGE, CT, opinion(water=3), at="2019-06-08")
        self.assertDq("dq15", {VILLAGE: ["1: closed 2019-06-05 2019-06-12 2019-06-08"]})
        # DQ18: who helps does not survey
        self.send("assign.set", own, CO, {"kind": "cadre_household", "cadre": CT, "from": "2019-06-01"}, at="2019-06-03")
        self.send("survey.opinion", VILLAGE, CT, opinion(hh=own), at="2019-06-05")
        self.send("survey.opinion", VILLAGE, CT, opinion(hh=other), at="2019-06-05")
        self.assertDq("dq18", {VILLAGE: ["1: open 2019-06-05 2019-06-12"]})
        self.send("survey.opinion", VILLAGE, CO, opinion(hh=own), at="2019-06-08")
        self.assertDq("dq18", {VILLAGE: ["1: closed 2019-06-05 2019-06-12 2019-06-08"]})

    def exits(self):
        """DQ16: marked as of a day before the evidence; announced six days after the notice, and seven."""
        early, fine, short, right = (self.household(POOR) for _ in range(4))
        self.water(fine, "2019-05-20")
        for home in (early, fine):
            self.water(home, "2019-06-05")
            self.send("exit.step", home, TW, {"year": 2019, "step": "mark", "date": "2019-06-01"}, at="2019-06-10")
        for home, day in ((short, "2019-06-09"), (right, "2019-06-10")):
            self.send("exit.step", home, TW, {"year": 2019, "step": "notice", "date": "2019-06-03",
                                              "notice_to": "2019-06-10"}, at="2019-06-03")
            self.send("exit.step", home, TW, {"year": 2019, "step": "announce", "date": day, "objections": 0},
                      at="2019-06-11")
        self.assertDq("dq16", {early: ["1: open 2019-06-10 2019-06-17"], short: ["1: open 2019-06-11 2019-06-18"]})
        self.send("exit.step", early, TW, {"year": 2019, "step": "mark", "date": "2019-06-06"}, at="2019-06-11")
        self.assertEqual(self.dq("dq16")[early], ["1: closed 2019-06-10 2019-06-17 2019-06-11"])


if __name__ == "__main__":
    scenario.main()
