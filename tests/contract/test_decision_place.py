"""The decision's figures of villages and the county: target lists, village and county exit, the wall map, opinion,
infrastructure, activities, the inventory."""
import csv
import datetime
import json
import os
import shutil

import scenario
import zf
from scenario import CO, COUNTY, CT, HOUSE, PHOTO, PHOTO2, SI_HOUSING, SI_WATER, TOWN, TW, VILLAGE, VO, VT, Scenario


def water(outage=0, **more):
    return {"persons": 4, "supply": "central", "source": "tap", "at_home": True, "litres_ppd": 70, "qual": "gb",
            "lab_no": "SZ-1", "outage_days": outage, "knows_policy": True, "satisfied": 5, **more}


def screen(suspected=False):
    return {"bld": 1, "kind": "screen", "use": "resident", "sole_home": True, "area_m2": 80,
            "suspected": suspected, "photos": [PHOTO, PHOTO2]}


def appraise(grade, bld=1):
    part = {"A": "a", "B": "b", "C": "c", "D": "d"}[grade]
    return {"bld": bld, "kind": "appraise", "use": "resident", "sole_home": True, "area_m2": 80,
            "parts": {"foundation": "a", "wall": part, "frame": "a", "roof": "a", "site": "a"}, "grade": grade,
            "cert_no": "ZJ-1", "action": {"A": "none", "B": "none", "C": "repair", "D": "rebuild"}[grade],
            **({"basis": "appraised"} if grade in "AB" else {}), "photos": [PHOTO, PHOTO2]}


def work(stage, day, **more):
    if stage == "accepted":
        more = {"area_m2": 60, "cost_yuan": 50000, "fund": {"special": 50000}, "debt_yuan": 0, "acceptors": 3,
                "post_grade": "A", **more}
    return {"bld": 1, "stage": stage, "date": day, "photos": [PHOTO], **more}


def opinion(**more):
    return {"resp": "non_poor", "known": 7, "asked": 10, "help": 4, "effect": 4, "exit_fair": 5, "env": 4,
            "water": 3, "recognise": True, **more}


def env(clean=True):
    return {**{n: clean for n in ("outdoor", "indoor", "toilet_clean", "personal", "furniture", "goods")},
            "toilet": "sanitary", "helped": True, "photos": [PHOTO, PHOTO2]}


def report(month, **more):
    return {"month": month, "ponds": 6, "waste_t": 12.5, "clutter": 9, "billboards": 14, "idle_m2": 380,
            "habit_sessions": 2, "cleaning_rule": True, "cleaners": 4, "sewage_hh": 120, "sanitary_hh": 301,
            "chiefs": {"river": 1, "lake": 0, "pond": 6, "forest": 2}, "photos": [PHOTO, PHOTO2, "sha256:" + "ef" * 32],
            **more}


def moved(persons):
    return {"moved_year": 2017, "persons": persons, "site": "central", "area_m2": 20 * persons, "self_paid_yuan": 0,
            "debt_yuan": 0, "quality_ok": True, "moved_in": True, "old_house": "demolished", "follow_up": ["industry"],
            "utilities_ok": True, "satisfied": 5, "photos": [PHOTO]}


class PlaceScenario(Scenario):
    LOADED = "2019-05-02T08:00:00+08:00"   # after the sample county's own imports, which are of 2019-03-01

    def parameter(self, name):
        return self.query("SELECT value FROM param WHERE name = ?", name)[0][0]

    def county_says(self, name):
        return self.status(COUNTY)["county"][name]


class Exits(PlaceScenario):
    def exit_ready(self, h):
        """Records after which all seven checks of a household of this village are ok, in November."""
        at = "2019-10-2%d"
        persons = self.members(h)
        return [
            self.record("check.income", h, VO, {
                "year": 2019, "wage": 60000, "business": 0, "property": 0, "transfer": 0, "business_cost": 0,
                "persons": len(persons), "signed": True}, at=at % 1),
            self.record("visit.household", h, VO, {
                "mode": "in_person", "purpose": ["verify"], "start": "2019-10-22T09:00:00+08:00",
                "end": "2019-10-22T09:40:00+08:00", "met": "head", "food_ok": True, "clothing_ok": True, "signed": True,
                "photos": [PHOTO]}, at=at % 2, gps={"lat": 30.431, "lng": 116.242, "acc_m": 5}),
            self.record("check.medical", h, VO, {
                "year": 2019, "oop_yuan": 0, "members": [
                    {"person": p, "insured": True, "major_ill": False, "chronic_card": False, "doctor_signed": True}
                    for p in persons]}, at=at % 3),
            self.record("inspect.housing", h, SI_HOUSING, appraise("A"), at=at % 4),
            self.record("inspect.water", h, SI_WATER, water(persons=len(persons)), at=at % 5)] + [
            self.record("check.education", p, VO, {
                "student": "primary", "school": "示例小学", "dropout": False, "unfit_health": False}, at=at % 6)
            for p, in self.county.query(
                "SELECT id FROM entity WHERE kind = 'person' AND id GLOB ? AND doc ->> '$.birth'"
                " BETWEEN '2003-01-01' AND '2014-01-01'", h + "-*")]

    def steps(self, subject, mark=True, cadre=TW):
        village = "-" not in subject
        days = {"review": "2019-11-01", "verify": "2019-11-02", "agree": "2019-11-03", "notice": "2019-11-04",
                "announce": "2019-11-12", "mark": "2019-11-13"}
        more = {"review": {"votes_for": 30, "votes_all": 40}, "agree": {"signed": True},
                "notice": {"notice_to": "2019-11-11"}, "announce": {"objections": 0}}
        return [self.record("exit.step", subject, CO if step == "mark" and village else cadre,
                            {"year": 2019, "step": step, "date": day, **more.get(step, {})}, at=day)
                for step, day in days.items() if (mark or step != "mark") and not (village and step == "agree")]

    def test_01_04_targets_and_the_county(self):
        """Marked all but a household of 4: 15,222 of 15,226; without the 17th village the county does not exit, whatever
        its incidence; marked both: 15,226 and 17."""
        listed = {}
        for i, in self.county.query("SELECT DISTINCT x.value FROM record r, json_each(r.body, '$.data.ids') x"
                                    " WHERE form = 'register.target' AND body ->> '$.data.list' = 'exit_persons'"):
            listed.setdefault(i[:20], []).append(i)
        last = next(h for h in sorted(listed) if h.startswith(VILLAGE) and len(listed[h]) == 4)
        new = ["3408251043%02d" % k for k in range(16)]
        self.load("divisions", [{
            "code": v, "name": "示例村", "level": "village", "parent": TOWN, "poor_village": "true", "rural_pop":
            346 + (k == 0), "groups": 10, "groups_road": 10, "households": 100, "hh_power": 100, "hh_broadband": 90,
            "clinic": "true", "doctors": 1, "culture_m2": 50, "collective_income_yuan": 60000, "industry": "茶叶"}
            for k, v in enumerate(new)])
        ids = ["%s-%02d-%04d-%02d" % (new[k // 99 % 16], 1, k // 99 + 1, k % 99 + 1) for k in range(15226 - 152)]
        self.load("households", [{"household_id": h, "poverty_status": "exited", "exit_year": 2019}
                                 for h in sorted({i[:20] for i in ids} | set(listed) - {last})])
        self.load("targets", [{"subject_id": i, "list": "exit_persons"} for i in ids] +
                  [{"subject_id": v, "list": "exit_villages"} for v in new])
        for name, value in (("income_line_yuan", 3747), ("v.road_pct_min", 90), ("v.power_pct_min", 99),
                            ("v.broadband_pct_min", 70), ("v.safe_water_pct_min", 0), ("c.road_province_pct", 80),
                            ("v.collective_income_yuan_min", 50000)):
            self.param(name, value)
        self.day("2019-11-20")
        self.publish(self.exit_ready(last))
        self.publish([r for v in new for r in self.steps(v)])
        self.assertIndicator("target.exit_persons", 15222, 15226, COUNTY, ok=False)
        self.assertIndicator("target.exit_villages", 16, 17, COUNTY, ok=False)
        # a village that does not meet the standard: the mark is stored, but has no effect
        self.publish(self.steps(VILLAGE))
        self.assertIndicator("v.collective", 0, 1, ok=False)
        self.assertIndicator("v.exited", 0, 1, ok=False)
        self.assertTask("T-Q1-%s-exit-1" % VILLAGE, "open 2019-11-13 2019-11-20")
        self.assertIndicator("target.exit_villages", 16, 17, COUNTY, ok=False)
        self.assertEqual(self.county_says("c.incidence"), {"num": 38, "den": 7600, "ok": True})   # 0.5%, 4 of them missed
        self.assertEqual(self.county_says("c.villages"), {"num": 16, "den": 17, "ok": False})
        self.assertEqual(self.county_says("c.exit"), {"ok": False})
        self.assertEqual(self.county_says("c.income")["ok"], None)
        # the last household and the last village
        self.publish(self.steps(last))
        self.assertIndicator("target.exit_persons", 15226, 15226, COUNTY, ok=True)
        self.send("village.survey", VILLAGE, VO, {"set": {"collective_income_yuan": 61000}}, at="2019-11-14")
        self.assertIndicator("v.exited", 0, 1, ok=False)
        self.send("exit.step", VILLAGE, CO, {"year": 2019, "step": "mark", "date": "2019-11-15"}, at="2019-11-15")
        self.assertIndicator("v.exited", 1, 1, ok=True)
        self.assertTask("T-Q1-%s-exit-1" % VILLAGE, "closed 2019-11-13 2019-11-20 2019-11-15")
        self.assertIndicator("target.exit_villages", 17, 17, COUNTY, ok=True)
        self.assertEqual(self.county_says("c.villages"), {"num": 17, "den": 17, "ok": True})
        self.assertEqual(self.county_says("c.exit"), {"ok": None})   # nothing fails, much is unknown
        # what comes later takes no mark back
        self.send("village.survey", VILLAGE, VO, {"set": {"collective_income_yuan": 1000}}, at="2019-11-18")
        self.assertIndicator("v.collective", 0, 1, ok=False)
        self.assertIndicator("v.exited", 1, 1, ok=True)

    def test_03_village_exit_by_incidence(self):
        """39 unexited of 2,000 rural persons pass, 40 fail; a mark is judged by what was so at its stamp."""
        village = "340825104201"
        homes = [(h, n) for h, n in self.county.query(
            "SELECT subject, den FROM ledger WHERE place = ? AND view = 'poverty' AND num = 0 ORDER BY subject", village)]
        have = sum(n for _, n in homes)
        # households that are not exited, with exactly as many members as are missing
        rows, people = [], []
        for k, (size, status) in enumerate(((39 - have, "not_exited"), (1, "exited"), (2, "none"))):
            h = "%s-01-9%03d" % (village, k)
            rows.append({"household_id": h, "group": 1, "hh_type": "ordinary" if status == "none" else "general_poor",
                         "poverty_status": status, "listed_year": "" if status == "none" else 2014})
            people += [{"person_id": "%s-%02d" % (h, i + 1), "name": "示例", "sex": "male", "birth": "1970-01-01",
                        "relation": "head" if i == 0 else "other"} for i in range(size)]
        self.assertGreater(39 - have, 0)
        self.load("households", rows)
        self.load("persons", people)
        self.load("divisions", [{
            "code": village, "rural_pop": 2000, "poor_village": "true", "groups": 10, "groups_road": 10, "households": 100,
            "hh_power": 100, "hh_broadband": 90, "clinic": "true", "doctors": 1, "culture_m2": 50,
            "collective_income_yuan": 60000, "industry": "茶叶"}])
        self.load("cadres", [{"cadre_id": "C-09901", "name": "测试甲", "unit": "U-V104299", "role": "VO", "scope": village,
                              "active": "true"}])
        for name, value in (("v.road_pct_min", 90), ("v.power_pct_min", 99), ("v.broadband_pct_min", 70),
                            ("v.safe_water_pct_min", 1), ("v.collective_income_yuan_min", 50000)):
            self.param(name, value)
        self.day("2019-11-20")
        home, out, ordinary = (r["household_id"] for r in rows)
        self.send("inspect.water", home, SI_WATER, water(), at="2019-10-25")
        self.publish(self.steps(village))
        self.assertIndicator("v.incidence", 39, 2000, village, ok=True)
        self.assertIndicator("v.exited", 1, 1, village, ok=True)
        self.later(village, home, out, ordinary)
        self.delayed(village, home)
        # an announcement ends no notice
        self.send("exit.step", village, TW, {"year": 2018, "step": "notice", "date": "2019-11-04",
                                             "notice_to": "2019-11-11"}, at="2019-11-04")
        early = self.send("exit.step", village, TW, {"year": 2018, "step": "announce", "date": "2019-11-05", "objections": 0,
                                                     "notice_to": "2019-01-01"}, at="2019-11-05")
        opened = {h["cause"]: h["en"] for h in self.ledger(village, "fault.exit")[2]}
        self.assertIn("before the notice ended", opened[early])

    def later(self, village, home, out, ordinary):
        """What comes after the mark undoes nothing: poor again, poor for the first time, listed, born, unsafe water."""
        self.send("hh.facts", out, TW, {"set": {"poverty_status": "returned"}, "reason": "返贫"}, at="2019-11-16")
        self.assertIndicator("v.incidence", 40, 2000, village, ok=False)
        self.send("hh.facts", ordinary, TW, {"set": {"poverty_status": "not_exited", "hh_type": "general_poor"},
                                             "reason": "识别"}, at="2019-11-16")
        new = village + "-01-9900"
        self.send("hh.facts", new, TW, {"set": {"group": 1, "poverty_status": "not_exited", "hh_type": "general_poor"},
                                        "reason": "识别"}, at="2019-11-16")
        for k, h in enumerate((new, new, home)):
            self.add(h + "-7%d" % k, "2019-11-17")
        self.send("inspect.water", home, SI_WATER, water(outage=40), at="2019-11-17")
        self.assertIndicator("v.exited", 1, 1, village, ok=True)

    def delayed(self, village, home):
        """What arrives later but was written before the mark counts at once."""
        one = self.add(home + "-79", "2019-11-12")
        self.assertIndicator("v.exited", 0, 1, village)
        self.send("record.void", one, TW, {"reason": "重复"}, at="2019-11-14")
        self.assertIndicator("v.exited", 1, 1, village)
        # found unsafe, then safe by whoever it was: safe
        self.send("inspect.water", home, SI_WATER, water(outage=40), at="2019-11-01")
        self.assertIndicator("v.exited", 0, 1, village)
        self.send("inspect.water", home, "C-09901", water(), at="2019-11-02")
        self.assertIndicator("v.exited", 1, 1, village)
        self.param("water.outage_days_basic", None)   # 0 days of outage are unknown
        self.param("water.outage_days_reached", None)
        self.assertIndicator("v.exited", 0, 1, village)
        self.param("water.outage_days_reached", 18)
        self.assertIndicator("v.exited", 1, 1, village)
        # nobody knew this household then, but somebody had been there
        self.param("v.safe_water_pct_min", 100.0 / self.homes(village))
        self.assertIndicator("v.exited", 1, 1, village)
        self.send("hh.facts", village + "-01-9900", TW, {"set": {"group": 2}, "reason": "识别"}, at="2019-11-10")
        self.assertIndicator("v.exited", 0, 1, village)
        self.param("v.safe_water_pct_min", 1)
        self.assertIndicator("v.exited", 1, 1, village)

    def homes(self, village):
        return self.query("SELECT count(*) - 1 FROM ledger WHERE place = ? AND view = 'water.assessed'", village)[0][0]

    def add(self, person, at):
        return self.send("person.facts", person, TW, {"op": "add", "set": {
            "name": "示例", "sex": "male", "birth": "1990-01-01", "relation": "other"}}, at=at)

    def test_01_natural_change_shrinks_nothing(self):
        """Who dies or moves stays in the frozen list, and is shown apart."""
        h = self.household("doc ->> '$.poverty_status' = 'planned_exit'")
        before = self.ledger(VILLAGE, "target.exit_persons")
        self.day("2019-06-12")
        self.send("person.facts", self.members(h)[-1], VO, {"op": "leave", "leave_reason": "death",
                                                            "leave_date": "2019-06-01"})
        self.assertIndicator("target.exit_persons", 0, before[1], ok=False)
        self.assertIndicator("natural.exit_persons", 1, before[1])
        self.assertIndicator("natural.exit_persons", 1, 152, COUNTY)

    def test_35_inventory(self):
        """Registered = exits by year + not exited + net natural change."""
        def balance():
            n = {k: self.indicator("inventory." + k)["num"] for k in (
                "registered", "exited", "unexited", "natural", "planned", *("exit_%d" % y for y in range(2014, 2021)))}
            self.assertEqual(n["exited"], sum(v for k, v in n.items() if k.startswith("exit_")))
            self.assertEqual(n["registered"], n["exited"] + n["unexited"] + n["natural"])
            self.assertIs(self.indicator("inventory.registered")["ok"], True)
            return n
        self.day("2019-06-12")
        n = balance()
        self.assertGreater(n["exited"], 0)
        self.assertLess(n["natural"], 0)    # some were listed after 2014
        self.assertEqual(self.indicator("funds.2018")["num"], json.loads(self.county.query(
            "SELECT doc FROM entity WHERE kind = 'division' AND id = ?", VILLAGE)[0][0])["funds_by_year"]["2018"])
        h = self.household("doc ->> '$.poverty_status' = 'exited' AND doc ->> '$.listed_year' = 2014")
        self.send("person.facts", self.members(h)[0], VO, {"op": "leave", "leave_reason": "death",
                                                           "leave_date": "2019-06-01"})
        self.send("person.facts", h + "-77", VO, {"op": "add", "set": {
            "name": "示例", "sex": "male", "birth": "2019-05-01", "relation": "child"}})
        self.send("person.facts", h + "-78", VO, {"op": "add", "set": {
            "name": "示例", "sex": "male", "birth": "2019-05-01", "relation": "child"}})
        after = balance()
        self.assertEqual((after["natural"], after["exited"]), (n["natural"] - 1, n["exited"] + 1))
        self.send("hh.facts", h, TW, {"set": {"poverty_status": "removed"}, "reason": "清退"})
        balance()
        self.send("village.survey", VILLAGE, VO, {"set": {"registered_2014": 1}})
        self.assertIs(self.indicator("inventory.registered")["ok"], False)


class Lines(PlaceScenario):
    """Every line of a village's, a township's and the county's ledger that no other scenario names."""

    def says(self, place=VILLAGE, **lines):
        """Lines of the ledger; in names _ stands for a dot, values are (num, den[, ok])."""
        told = self.status(place)["indicators"]
        got = {k: tuple(told[k.replace("__", ".")][m] for m in ("num", "den", "ok")[:len(v)]) for k, v in lines.items()}
        self.assertEqual(got, lines)

    def test_lines_of_the_ledger(self):
        self.load("divisions", [{"code": VILLAGE, "rural_pop": 1473}])   # of May
        self.param("v.collective_income_yuan_min", 50000)
        self.day("2019-06-12")
        self.assertEqual(self.county_says("burden"), {"month": "2019-05", "num": 0, "den": 40})
        self.send("village.survey", VILLAGE, VO, {"set": {
            "bus": False, "school": True, "kindergarten": True, "elder_home": True, "job_station": True, "workshops": 3,
            "hh_broadband": 336, "doctors": 0, "collective_income_yuan": 50000}})
        self.send("inspect.env_village", VILLAGE, VO, report("2019-05"))
        self.send("inspect.env_village", VILLAGE, VO, report(
            "2019-06", clutter=4, billboards=1, idle_m2=20, habit_sessions=1, waste_t=1.5, sewage_hh=121,
            chiefs={"river": 1, "lake": 0, "pond": 5, "forest": 2}))
        self.send("survey.opinion", VILLAGE, CT, opinion())
        self.send("survey.opinion", VILLAGE, CT, opinion(resp="exited", help=2, effect=3, exit_fair=1, env=5, water=1,
                                                         recognise=False))
        for kind, day in (("council", 3), ("council", 4), ("publicity", 5), ("dispatch", 6)):
            self.send("activity.log", VILLAGE, VO, {"kind": kind, "date": "2019-06-0%d" % day, "people": 9, "text": "示例"})
        one, two = (self.household("doc ->> '$.poverty_status' = 'not_exited'") for _ in range(2))
        self.send("inspect.water", one, SI_WATER, water())
        self.send("inspect.water", two, SI_WATER, water(outage=40))
        self.send("inspect.env", one, VO, env())
        self.send("inspect.env", two, VO, env(clean=False))
        self.send("lookback.relocation", HOUSE, VO, moved(4))
        self.send("person.facts", HOUSE + "-04", VO, {"op": "leave", "leave_reason": "death", "leave_date": "2019-06-01"})
        self.says(v__bus=(0, 1), v__school=(1, 1), v__kindergarten=(1, 1), v__elder_home=(1, 1), v__job_station=(1, 1),
                  v__workshops=(3, 0), v__broadband=(336, 420), v__power=(420, 420), v__clinic=(1, 1, True),
                  v__culture=(1, 1, True), v__doctors=(0, 1, False), v__services=(0, 1, False),
                  v__industry=(1, 1, True), v__collective=(1, 1, True), v__exit_ready=(0, 1, False))
        self.says(env__reported=(1, 1, True), env__rule=(1, 1, True), env__sewage=(121, 420), env__sanitary=(301, 420),
                  env__chiefs=(5, 6, False), env__clutter__month=(4, 0), env__clutter__year=(13, 0),
                  env__billboards__month=(1, 0), env__billboards__year=(15, 0), env__idle__month=(20, 0),
                  env__idle__year=(400, 0), env__habit__month=(1, 0), env__habit__year=(3, 0),
                  env__waste__month=(1.5, 0), env__waste__year=(14, 0), env=(1, 2))
        self.says(opinion__known=(14, 20), opinion__help=(6, 2), opinion__effect=(7, 2), opinion__exit_fair=(6, 2),
                  opinion__env=(9, 2), opinion__water=(4, 2), opinion__non_poor=(1, 1), opinion__exited=(0, 1),
                  opinion__poor=(0, 0), opinion__recognise=(1, 2))
        self.says(activity__council=(2, 0), activity__publicity=(1, 0), activity__dispatch=(1, 0))
        self.says(water__assessed=(2, 420, False), water__safe=(1, 2, False), reloc=(4, 52, False),
                  target__relocated_persons=(4, 52, False), natural__relocated_persons=(1, 52))
        # of the tasks that ended those of May's report and of the look-back were late, that of June was not
        tasks = [t.split() for t in self.tasks().values()]
        mine = self.query("SELECT count(*), sum(due < '2019-06-12') FROM task WHERE place = ? AND gone = '' AND class < 5"
                          " AND closed = ''", VILLAGE)[0]
        self.assertGreater(len(tasks), mine[0])
        self.says(task__open=(mine[0], 0), task__overdue=(mine[1], mine[0], False), task__on_time=(1, 3))
        self.says(COUNTY, v__bus=(3, 6), v__school=(3, 6), v__workshops=(9, 0), v__broadband=(463, 600), v__doctors=(5, 6),
                  env__reported=(1, 6, False), env__sewage=(121, 420), env__clutter__year=(13, 0),
                  opinion__help=(6, 2), water__assessed=(2, 600, False), reloc=(4, 63, False),
                  target__relocated_persons=(4, 63, False), natural__relocated_persons=(1, 63))
        self.assertEqual(self.county_says("days_left"), {"until": "2019-09-30", "days": 110})
        # a burden is what anybody wrote, of whatever, even if it was written anew or had no effect
        first = self.send("activity.log", VILLAGE, VO, {"kind": "award", "date": "2019-06-07", "people": 9, "text": "示例"})
        self.send("activity.log", VILLAGE, VO, {"kind": "award", "date": "2019-06-07", "people": 8, "text": "示例"},
                  amends=first)
        finding = {"cat": "work", "severity": "low", "text": "示例", "duty_unit": "U-V104299"}
        done = {"result": "done", "action": "示例", "done": "2019-06-12", "photos": [PHOTO]}
        told = self.send("finding.report", VILLAGE, VO, {"source": "self", **finding})
        self.send("rectify.report", told, VO, done)
        for step in ({"step": "village_meeting", "attendees": 30, "agree": 25},
                     {"step": "declared", "name": "示例", "cat": "road", "div": VILLAGE, "yuan": 100000, "hh_served": 50}):
            self.send("project.step", "P-2019-0777", VO, {"date": "2019-06-08", **step})
        for about in (TOWN, COUNTY):
            self.send("dispatch.order", about, CO, {"kind": "random", "period": "2019-06", "title": "示例", "duty_unit": "U-T104",
                                                    "duty_cadre": TW, "due": "2019-06-30"})
        written = len(self.sent)
        for about in (VILLAGE, one):   # covert work is in no figure
            told = self.send("finding.report", about, CT, {
                "source": "covert", **finding,
                "conduct": {k: True for k in ("unannounced", "unaccompanied", "own_travel", "own_lodging", "own_meals",
                                              "own_check")}, "photos": [PHOTO]})
            self.send("rectify.report", told, VO, done)
        self.day("2019-07-02")
        self.assertEqual(self.county_says("burden"), {"month": "2019-06", "num": written, "den": 40})
        self.says(activity__council=(0, 0), activity__council__last=(2, 0), activity__publicity__last=(1, 0),
                  activity__dispatch__last=(1, 0), activity__award__last=(1, 0), activity__night_school__last=(0, 0), env__reported=(1, 1, True),
                  env__clutter__month=(0, 0))

    def test_sums_hide_no_village(self):
        """What one village has too much of makes up for nothing in another, and what is unknown of one for nothing at
        all: in a township of two villages, of the second of which not even the groups are counted."""
        town, one, two, boss = "340825105000", "340825105201", "340825105202", "C-00951"
        self.load("divisions", [{"code": town, "level": "township", "name": "示例乡", "parent": COUNTY}])
        self.load("divisions", [{"code": one, "level": "village", "name": "示例一村", "parent": town, "groups": 2, "ponds_total": 6,
                                 "households": 10, "rural_pop": 100, "registered_2014": 0, "groups_road": 1, "hh_power": 10}])
        self.load("divisions", [{"code": two, "level": "village", "name": "示例二村", "parent": town, "ponds_total": 6,
                                 "groups_road": 5, "hh_power": 9}])
        self.load("cadres", [{"cadre_id": boss, "name": "测试", "unit": "U-T104", "role": "TW", "scope": town, "active": "true"}])
        self.load("households", [{"household_id": two + "-01-0001", "group": 1, "hh_type": "general_poor",
                                  "poverty_status": "not_exited", "listed_year": 2014}])
        self.load("persons", [{"person_id": two + "-01-0001-01", "name": "示例", "sex": "male", "birth": "1970-01-01",
                               "relation": "head"}])
        self.param("post.days_month_min", 20)
        self.day("2019-06-30")
        # three groups of the village whose groups nobody counted are no group of the other
        homes = ["%s-%02d-8001" % (v, g) for v, g in ((one, 1), (two, 1), (two, 2), (two, 3))]
        self.publish([self.record("inspect.housing", h, SI_HOUSING, screen()) for h in homes])
        self.publish([self.record("inspect.housing", homes[0], SI_HOUSING, {
            **appraise("D", bld=2), "use": "annex", "sole_home": False, "action": "demolish"}, at="2019-06-20")])
        for stage in ("listed", "demolished"):
            self.send("house.work", homes[0], boss, {**work(stage, "2019-06-21"), "bld": 2}, at="2019-06-22")
        self.says(town, house__groups=(1, 2, False), house__left=(0, 0, False), house__demolish_left=(0, 1, False))
        self.assertIs(self.indicator("house.groups", two)["ok"], None)
        self.send("inspect.housing", one + "-02-8001", SI_HOUSING, screen())
        self.says(one, house__groups=(2, 2, True), house__left=(0, 0, True), house__demolish_left=(0, 1, True))
        self.says(town, house__groups=(2, 2, None), house__left=(0, 0, None), house__demolish_left=(0, 1, None))
        colours = lambda: tuple(self.campaign(n, town)["colour"] for n in ("housing", "demolition"))
        self.assertEqual(colours(), ("yellow", "yellow"))
        days = lambda v, n: [self.record("activity.log", v, CO, {"kind": "post_day", "date": "2019-06-%02d" % k, "people": 1,
                                                                 "text": "驻村"}) for k in range(1, n + 1)]
        self.publish(days(one, 25) + days(two, 15))
        for v, chiefs in ((one, 5), (two, 7)):
            self.send("inspect.env_village", v, boss, report(
                "2019-06", sanitary_hh=9, sewage_hh=8, chiefs={"river": 1, "lake": 0, "pond": chiefs, "forest": 2}))
        self.says(one, post=(25, 20, True), env__chiefs=(5, 6, False), inventory__registered=(0, 0, True))
        self.says(two, post=(15, 20, False), env__chiefs=(7, 6, True), inventory__registered=(0, 0, None))
        told = self.status(town)["indicators"]
        self.assertEqual((told["post"], told["env.chiefs"]), ({"num": 40, "den": 40}, {"num": 12, "den": 12}))
        # nothing of a village whose whole is unknown is counted, nor judged
        self.says(town, v__road=(1, 2), v__power=(10, 10), v__incidence=(0, 100), env__sewage=(8, 10),
                  inventory__registered=(0, 0, None), inventory__unexited=(1, 1))
        self.assertEqual(told["v.collective"], {"num": 0, "den": 2, "ok": None})   # no threshold
        self.assertEqual(told["v.bus"], {"num": 0, "den": 2, "ok": None})
        self.send("village.survey", two, boss, {"set": {"groups": 2, "households": 9, "rural_pop": 50, "registered_2014": 1,
                                                        "bus": False}})
        self.says(two, house__groups=(2, 2, True))
        self.says(town, house__groups=(4, 4, True), house__left=(0, 0, True), house__demolish_left=(0, 1, True),
                  v__road=(6, 4), v__power=(19, 19), v__incidence=(1, 150), env__sewage=(16, 19),
                  inventory__registered=(1, 0, True))
        self.assertEqual(self.indicator("v.bus", town), {"num": 0, "den": 2})
        self.assertEqual(colours(), ("green", "green"))
        # a list that is shorter than the county's target is not the target
        self.says(target__villages=(1, 1, True))
        for target, ok in (("6", True), ("7", False), (None, None)):
            self.param("target.villages", target)
            self.says(COUNTY, target__villages=(6, 6, ok))

    def test_unknown_is_never_guessed(self):
        """A rate is judged only by a threshold that the county set."""
        self.param("c.income_growth_pct", 9.5)
        self.param("c.income_growth_province_pct", 9.4)
        self.param("v.collective_income_yuan_min", 50000)
        for name in ("road", "power", "broadband", "safe_water", "clinic", "culture"):
            self.param("c.%s_province_pct" % name, 95)
            if name in ("road", "power", "broadband", "safe_water"):
                self.param("v.%s_pct_min" % name, 90)
        self.day("2019-06-12")
        missed, wrong = (tuple(map(int, self.query("SELECT sum(num), sum(den) FROM ledger WHERE view = ?", view)[0]))
                         for view in ("c.missed", "c.wrong_exit"))
        county = {"c.missed": {"num": missed[0], "den": missed[1], "ok": True},
                  "c.wrong_exit": {"num": wrong[0], "den": wrong[1], "ok": True},
                  "c.income": {"num": 9.5, "den": 9.4, "ok": True},
                  "c.incidence": {"num": 182 + missed[0] + wrong[0], "den": 2063, "ok": False},
                  "c.recognise": {"num": None, "den": None, "ok": None},
                  "c.villages": {"num": 0, "den": 1, "ok": False},
                  "c.services": {"num": 4, "den": 6, "ok": False},
                  "c.services.road": {"pct": 96.9, "province_pct": 95, "ok": True},
                  "c.services.broadband": {"pct": 73.7, "province_pct": 95, "ok": False}}
        self.assertEqual({k: self.county_says(k) for k in county}, county)
        self.says(v__road=(11, 12, True), v__power=(420, 420, True), v__broadband=(315, 420, False),
                  v__incidence=(148, 1473, False), v__infra=(0, 1, False), v__collective=(0, 1, False),
                  v__doctors=(1, 1, True), v__services=(1, 1, True))
        for name in ("c.missed_pct_max", "c.wrong_exit_pct_max", "c.income_growth_province_pct", "c.incidence_pct_max",
                     "c.broadband_province_pct", "c.safe_water_province_pct", "c.road_province_pct", "v.road_pct_min",
                     "v.broadband_pct_min", "v.safe_water_pct_min", "v.incidence_pct_max", "v.collective_income_yuan_min",
                     "v.doctors_min"):
            self.param(name, None)
        self.day("2019-06-13")
        for name in ("c.missed", "c.wrong_exit", "c.income", "c.incidence", "c.services", "c.services.broadband",
                     "c.services.road", "c.recognise"):
            self.assertIsNone(self.county_says(name)["ok"], name)
        for name in ("v.road", "v.broadband", "v.incidence", "v.infra", "v.collective", "v.doctors", "v.services",
                     "v.exit_ready"):
            self.assertIsNone(self.indicator(name)["ok"], name)
        self.assertIs(self.indicator("v.power")["ok"], True)
        # nobody could look for who exited wrongly: too many is too many, few enough is not known
        found = 182 + missed[0]
        for gap_days, limit, ok in ((90, 99, True), (None, 99, None), (None, 100 * found / 2063, False)):
            self.param("dq.gap_days", gap_days)
            self.param("c.incidence_pct_max", limit)
            self.assertIs(self.county_says("c.incidence")["ok"], ok, (gap_days, limit))
        # nor is water bad because nobody says what is enough, or how long an evaluation holds
        for name, value in (("v.road_pct_min", 90), ("v.broadband_pct_min", 70), ("v.safe_water_pct_min", 0.2),
                            ("c.safe_water_province_pct", 0.1)):
            self.param(name, value)
        self.assertIs(self.indicator("v.infra")["ok"], False)
        self.send("inspect.water", HOUSE, SI_WATER, water())
        judged = lambda: (self.indicator("v.infra")["ok"], self.indicator("water.safe")["ok"],
                          self.county_says("c.services.safe_water")["ok"])
        self.assertEqual(judged(), (True, True, True))
        for names in (("check.water_days",), ("water.litres_basic", "water.litres_reached")):
            before = {n: self.parameter(n) for n in names}
            for n in names:
                self.param(n, None)
            self.assertEqual(judged(), (None, None, None), names)
            for n in names:
                self.param(n, before[n])
        self.assertEqual(judged(), (True, True, True))

    def test_few_people_s_health_is_not_told(self):
        """A figure about health that a county adds is told of the whole county only, and none below 5."""
        schema = os.path.join(zf.tempdir("schema"), "schema")
        shutil.copytree(zf.SCHEMA, schema)
        with open(os.path.join(schema, "views", "99-ill.sql"), "w", encoding="utf-8") as f:
            f.write("-- view: ill\n-- level: household\n-- forms: check.medical\n-- names: health.ill\n"
                    "SELECT c.subject, 'health.ill' AS name, substr(c.subject, 1, 12) AS place,"
                    " sum(m.value ->> '$.major_ill') AS num, count(*) AS den\n"
                    "  FROM changed c CROSS JOIN stored_record r ON r.subject = c.subject AND r.form = 'check.medical'\n"
                    "  CROSS JOIN json_each(unsealed(r.body), '$.data.members') m GROUP BY c.subject\n")
        before = os.environ.get("ZOUFANG_SCHEMA", zf.SCHEMA)
        self.addCleanup(os.environ.__setitem__, "ZOUFANG_SCHEMA", before)
        os.environ["ZOUFANG_SCHEMA"] = schema
        self.day("2019-06-12")
        for size, ill, told in ((4, 4, (None, None)), (5, 0, (None, 9)), (6, 1, (5, 15))):
            h = self.household("(SELECT count(*) FROM entity p WHERE p.kind = 'person' AND p.gone = '' AND p.id GLOB"
                               " e.id || '-*') = %d" % size)
            self.send("check.medical", h, VO, {"year": 2019, "oop_yuan": 0, "members": [
                {"person": p, "insured": True, "major_ill": k < ill, "chronic_card": False, "doctor_signed": True}
                for k, p in enumerate(self.members(h))]})
            self.assertIndicator("health.ill", *told, COUNTY)
            self.assertIsNone(self.indicator("health.ill"))
            self.assertIsNone(self.indicator("health.ill", TOWN))

    def test_15_colours_of_the_wall_map(self):
        """planned % = elapsed / span; the first that fits of grey, green, red, yellow; without dates never red."""
        self.param("campaign.relocation.start", None)
        self.day("2019-06-12")
        one, two, three = (self.household("doc ->> '$.poverty_status' = 'not_exited'") for _ in range(3))
        village = "340825103001"
        vo, = self.county.query("SELECT id FROM entity WHERE kind = 'cadre' AND doc ->> '$.role' = 'VO' AND place = ?",
                                village)
        self.assertEqual({c["colour"] for c in self.status()["campaigns"].values()}, {"grey"})
        self.send("inspect.env", one, VO, env())
        self.assertEqual(self.campaign("environment"), {"colour": "yellow", "planned_pct": 15.4, "actual_pct": 100.0})
        for h in (two, three):
            self.send("inspect.env", h, VO, env(clean=False))
        self.assertEqual(self.campaign("environment"), {"colour": "yellow", "planned_pct": 15.4, "actual_pct": 33.3})
        # behind by less than what is told: 1 of 3 is less than 1,001 of 3,002 days
        was = [self.parameter("campaign.environment." + n) for n in ("start", "stop")]
        begin = datetime.date(2019, 6, 12) - datetime.timedelta(1001)
        self.param("campaign.environment.start", begin)
        self.param("campaign.environment.stop", begin + datetime.timedelta(3002))
        self.assertEqual(self.campaign("environment"), {"colour": "red", "planned_pct": 33.3, "actual_pct": 33.3})
        self.param("campaign.environment.start", was[0])
        self.param("campaign.environment.stop", was[1])
        self.send("inspect.env", one, VO, env(clean=False))
        self.assertEqual(self.campaign("environment"), {"colour": "red", "planned_pct": 15.4, "actual_pct": 0.0})
        self.send("lookback.relocation", HOUSE, VO, moved(4))
        self.assertEqual(self.campaign("relocation"), {"colour": "yellow", "planned_pct": None, "actual_pct": 7.7})
        self.send("inspect.water", one, SI_WATER, water())
        self.assertEqual(self.campaign("water")["colour"], "red")
        homes = [h for h, in self.county.query("SELECT id FROM entity WHERE kind = 'household' AND place = ?", village)]
        self.publish([self.record("inspect.env", h, vo[0], env()) for h in homes])
        self.assertEqual(self.campaign("environment", village)["colour"], "green")
        self.publish([self.record("inspect.water", h, SI_WATER, water()) for h in homes])
        self.assertEqual(self.campaign("water", village)["colour"], "green")
        self.publish([self.record("inspect.housing", h, SI_HOUSING, {**appraise("D", bld=k), "use": "annex",
                                                                     "sole_home": False, "action": "demolish"})
                      for k, h in enumerate((one, two), 2)])
        self.assertEqual(self.campaign("demolition"), {"colour": "red", "planned_pct": 48.4, "actual_pct": 0.0})
        # found too late to be rebuilt: red, with or without a plan
        self.param("campaign.housing.start", None)
        self.day("2019-09-20")
        self.send("inspect.housing", three, SI_HOUSING, appraise("D"), at="2019-09-19")
        self.assertIndicator("house.unattainable", 1, 0, ok=False)
        self.assertEqual(self.campaign("housing"), {"colour": "red", "planned_pct": None, "actual_pct": 0.0})
        self.assertEqual(self.campaign("relocation")["colour"], "yellow")
        # so is what was to be demolished before it was found
        self.param("campaign.demolition.start", None)
        self.assertEqual(self.campaign("demolition"), {"colour": "yellow", "planned_pct": None, "actual_pct": 0.0})
        self.param("stop.demolish", "2019-06-01")
        self.assertIndicator("house.demolish_unattainable", 2, 0, ok=False)
        self.assertEqual(self.campaign("demolition")["colour"], "red")
        # evaluations too old to count are records all the same
        self.day("2020-09-20")
        self.assertIndicator("water.assessed", 0, 420, ok=False)
        self.assertEqual(self.campaign("water")["colour"], "red")
        self.assertEqual(self.campaign("water", "340825104200")["colour"], "grey")


class Villages(PlaceScenario):
    def test_05_nobody_omitted(self):
        """11 of 12 groups inspected: the village cannot be clear."""
        self.day("2019-06-12")
        groups = {}
        for h, focus in self.county.query(
                "SELECT id, coalesce(json_array_length(doc, '$.focus'), 0) FROM entity WHERE kind = 'household'"
                " AND place = ? ORDER BY id", VILLAGE):
            groups.setdefault(h[13:15], []).append((h, focus))
        self.assertEqual(sorted(groups), ["%02d" % g for g in range(1, 13)])
        for g in sorted(groups):
            if g == "12":
                self.assertIndicator("house.groups", 11, 12, ok=False)
                self.assertIs(self.indicator("house.left")["ok"], False)
                self.assertNotEqual(self.campaign("housing")["colour"], "green")
            self.publish([self.record("inspect.housing", h, SI_HOUSING, appraise("A")) for h, f in groups[g] if f])
        self.assertIndicator("house.groups", 12, 12, ok=True)
        self.assertIndicator("house.left", 0, 0, ok=True)
        self.assertEqual(self.campaign("housing")["colour"], "green")

    def test_06_findings_of_every_category(self):
        """Each category is countable per village."""
        self.day("2019-06-12")
        cats = ("identify", "help", "exit", "income", "food_clothing", "education", "medical", "housing", "water", "env",
                "duty", "policy", "work", "funds", "style", "data", "custom", "awareness")
        for cat in cats:
            self.send("finding.report", VILLAGE, VO, {"source": "self", "cat": cat, "severity": "mid", "text": "示例",
                                                      "duty_unit": "U-V104299"})
        self.send("finding.report", HOUSE, VO, {"source": "self", "cat": "help", "severity": "low", "text": "示例",
                                                "duty_unit": "U-V104299"})
        for cat in cats:
            self.assertIndicator("find." + cat, 0, 2 if cat == "help" else 1)

    def test_10_one_ledger_a_village(self):
        """From the first start exactly 176 villages have a ledger, empty ones too; a record about an unknown village is
        held."""
        known = [i for i, in self.county.query("SELECT id FROM entity WHERE kind = 'division' AND substr(id, 10) <> '000'")]
        new = ["340825104%03d" % n for n in range(300, 300 + 176 - len(known))]
        self.load("divisions", [{"code": v, "name": "示例村", "level": "village", "parent": TOWN} for v in new])
        self.load("targets", [{"subject_id": v, "list": "villages"} for v in new])
        self.day("2019-06-12")
        self.settle()
        topics = {t for t, in self.county.query("SELECT topic FROM retained WHERE payload IS NOT NULL AND"
                                                " topic GLOB '*/status/*/*'")}
        self.assertEqual(len(topics), 176)
        self.assertEqual(self.status(new[0])["indicators"]["house.cover"], {"num": 0, "den": 0, "ok": None})
        self.assertIndicator("target.villages", 176, 176, COUNTY, ok=True)
        self.send("survey.opinion", "340825104999", CO, opinion(), expect="held")
        self.settle()
        self.assertEqual(self.county.query("SELECT count(*) FROM retained WHERE topic GLOB '*/status/*/*'"), [(176,)])

    def test_11_clear_to_zero(self):
        """0 houses left, but 3 were not looked at: not clear."""
        village = "340825103001"
        self.day("2019-06-12")
        homes = self.county.query("SELECT id, coalesce(json_array_length(doc, '$.focus'), 0) > 0 FROM entity"
                                  " WHERE kind = 'household' AND place = ? ORDER BY id", village)
        focus = [h for h, f in homes if f]
        self.assertGreater(len(focus), 3)
        self.publish([self.record("inspect.housing", h, SI_HOUSING, appraise("A")) for h in focus[3:]])
        vo, = self.county.query("SELECT id FROM entity WHERE kind = 'cadre' AND doc ->> '$.role' = 'VO' AND place = ?",
                                village)
        self.publish([self.record("inspect.housing", h, vo[0], screen()) for h, f in homes if not f])
        self.assertIndicator("house.left", 0, 0, village, ok=False)
        self.assertIndicator("house.cover", len(focus) - 3, len(focus), village, ok=False)
        self.assertEqual(self.campaign("housing", village)["colour"], "yellow")
        self.publish([self.record("inspect.housing", h, SI_HOUSING, appraise("B")) for h in focus[:3]])
        groups = self.indicator("house.groups", village)
        self.assertEqual(self.indicator("house.left", village)["ok"], groups["num"] == groups["den"])
        self.assertEqual(self.campaign("housing", village)["colour"], "green")

    def test_15_wall_map(self):
        """Records turn a red village yellow."""
        self.day("2019-06-12")
        self.assertEqual({c["colour"] for c in self.status()["campaigns"].values()}, {"grey"})
        one, two = (self.household("doc ->> '$.poverty_status' = 'not_exited'") for _ in range(2))
        self.send("inspect.housing", one, SI_HOUSING, appraise("D"), at="2019-06-01")
        self.send("inspect.housing", two, SI_HOUSING, appraise("D"), at="2019-06-01")
        self.assertEqual(self.campaign("housing"), {"colour": "red", "planned_pct": 48.4, "actual_pct": 0.0})
        for stage in ("listed", "signed", "started", "main_done", "accepted"):
            self.send("house.work", one, VO, work(stage, "2019-06-10"))
        self.assertEqual(self.campaign("housing")["colour"], "red")
        self.send("house.work", one, TW, work("closed", "2019-06-11"))
        self.assertEqual(self.campaign("housing"), {"colour": "yellow", "planned_pct": 48.4, "actual_pct": 50.0})

    def test_16_water_targets(self):
        """135 villages, 141,800 persons: the village with 1,050 clears, 140,750 remain."""
        new = ["340825104%03d" % n for n in range(300, 430)]
        rows = []
        left = 141800 - 1418
        for k, v in enumerate(new):
            baseline = left // (len(new) - k)
            left -= baseline
            rows.append({"code": v, "name": "示例村", "level": "village", "parent": TOWN, "water_target": "true",
                         "water_baseline": baseline})
        self.load("divisions", rows)
        self.load("targets", [{"subject_id": v, "list": "water_villages"} for v in new])
        self.day("2019-06-12")
        self.assertIndicator("target.water_villages", 0, 135, COUNTY, ok=False)
        self.assertIndicator("target.water_persons", 0, 141800, COUNTY, ok=False)
        self.assertIndicator("water.left", 1050, 1050, ok=False)
        homes = self.county.query("SELECT id, doc ->> '$.water_target' FROM entity WHERE kind = 'household'"
                                  " AND place = ? ORDER BY id", VILLAGE)
        self.publish([self.record("inspect.water", h, SI_WATER, water()) for h, target in homes if target])
        # nothing is left, but not every household was assessed
        self.assertIndicator("water.left", 0, 1050, ok=False)
        self.assertNotEqual(self.campaign("water")["colour"], "green")
        self.publish([self.record("inspect.water", h, SI_WATER, water()) for h, target in homes if not target])
        self.assertIndicator("water.left", 0, 1050, ok=True)
        self.assertEqual(self.campaign("water")["colour"], "green")
        county = self.indicator("target.water_persons", COUNTY)
        self.assertEqual(county["den"] - county["num"], 140750)
        self.assertIndicator("target.water_villages", 1, 135, COUNTY, ok=False)

    def test_18_policy_awareness(self):
        """7 of 10 policies known: 70%."""
        self.day("2019-06-12")
        self.send("survey.opinion", VILLAGE, CT, opinion())
        self.assertIndicator("opinion.known", 7, 10)
        # the same household again: the newer answer counts
        h = self.household()
        self.send("survey.opinion", VILLAGE, CT, opinion(hh=h, known=0))
        told = self.send("survey.opinion", VILLAGE, CT, opinion(hh=h, known=10))
        self.assertIndicator("opinion.known", 17, 20)
        # who answered is told to nobody
        for by in (CT, CO, TW):
            data = self.sees(by, "record")["record", told]["doc"]["data"]
            self.assertEqual((data["known"], data.get("hh")), (10, None), by)
        for kind, args, tells in (("records", (), False), ("records", ("--format", "ndjson"), False),
                                  ("records", ("--all",), True)):
            rows = [x for x in self.county.run("export " + kind, *args).stdout.split("\n") if told in x]
            self.assertEqual([h in x for x in rows], [tells])
        self.assertIndicator("opinion.known", 17, 20, COUNTY)
        self.assertIndicator("opinion.water", 6, 2)
        # of who helps the household nothing counts, and the answer before does again; as long as he does
        self.send("survey.opinion", VILLAGE, CO, opinion(hh=h, known=1))
        self.assertIndicator("opinion.known", 8, 20)
        helper = {"kind": "cadre_household", "cadre": CO, "from": "2019-06-01"}
        self.send("assign.set", h, TW, helper, at="2019-06-10")
        self.assertIndicator("opinion.known", 17, 20)
        self.assertTask("T-Q1-%s-dq18-1" % VILLAGE, "open 2019-06-12 2019-06-19")
        self.send("assign.set", h, TW, {**helper, "to": "2019-06-11"}, at="2019-06-11")   # came late
        self.assertIndicator("opinion.known", 8, 20)
        self.assertTask("T-Q1-%s-dq18-1" % VILLAGE, "")

    def test_22_infrastructure(self):
        """11 of 12 groups with a road: 91.7%; without a threshold that is unknown, not met."""
        self.day("2019-06-12")
        self.send("village.survey", VILLAGE, VO, {"set": {"groups": 12, "groups_road": 11}})
        self.assertIndicator("v.road", 11, 12, ok=None)
        road = self.indicator("v.road")
        self.assertEqual(round(100 * road["num"] / road["den"], 1), 91.7)
        self.param("v.road_pct_min", 100)
        self.day("2019-06-13")
        self.assertIndicator("v.road", 11, 12, ok=False)
        self.assertIndicator("v.infra", 0, 1, ok=False)
        self.send("village.survey", VILLAGE, VO, {"set": {"groups_road": 12, "clinic": False}})
        self.assertIndicator("v.road", 12, 12, ok=True)
        self.assertIs(self.indicator("v.infra")["ok"], None)
        self.assertIndicator("v.services", 0, 1, ok=False)

    def test_29_recognition(self):
        """90 of 100 recognise the work: 90.0%, by kind of respondent."""
        self.day("2019-06-12")
        self.publish([self.record("survey.opinion", VILLAGE, CT, opinion(resp="poor", recognise=k >= 10))
                      for k in range(100)])
        self.assertIndicator("opinion.poor", 90, 100)
        self.assertIndicator("opinion.recognise", 90, 100)
        self.assertEqual(self.county_says("c.recognise"), {"num": 90, "den": 100, "ok": True})
        cadre = {k: v for k, v in opinion(resp="cadre", recognise=False).items() if k not in ("help", "env", "water")}
        self.send("survey.opinion", VILLAGE, CT, cadre)
        self.assertIndicator("opinion.cadre", 0, 1)
        self.assertIndicator("opinion.recognise", 90, 100)
        self.send("survey.opinion", VILLAGE, CT, opinion(recognise=False))
        self.assertEqual(self.county_says("c.recognise"), {"num": 90, "den": 101, "ok": False})

    def test_30_night_schools(self):
        """Monthly sessions are counted."""
        self.day("2019-07-02")
        for day in ("2019-06-15", "2019-06-22", "2019-07-01"):
            self.send("activity.log", VILLAGE, VT, {"kind": "night_school", "date": day, "people": 42, "text": "夜校"},
                      at=day + "T20:00")
        self.send("activity.log", VILLAGE, VO, {"kind": "award", "date": "2019-07-01", "people": 9, "text": "先进户"})
        self.assertIndicator("activity.night_school", 1, 0)
        self.assertIndicator("activity.night_school.last", 2, 0)
        self.assertIndicator("activity.award", 1, 0, COUNTY)

    def test_46_days_in_post(self):
        """19 days are too few where 20 are asked for; without a parameter that is unknown."""
        self.day("2019-06-30")
        days = [(datetime.date(2019, 6, 1) + datetime.timedelta(k)).isoformat() for k in range(19)]
        self.publish([self.record("activity.log", VILLAGE, VT, {"kind": "post_day", "date": d, "people": 1, "text": "驻村"},
                                  at=d + "T18:00") for d in days])
        # the same day again counts once
        self.send("activity.log", VILLAGE, VT, {"kind": "post_day", "date": days[0], "people": 1, "text": "驻村"},
                  at="2019-06-01T19:00")
        self.assertIndicator("post", 19, 0, ok=None)
        self.param("post.days_month_min", 20)
        self.day("2019-07-01")
        self.assertIndicator("post.last", 19, 20, ok=False)
        self.send("activity.log", VILLAGE, VT, {"kind": "post_day", "date": "2019-06-30", "people": 1, "text": "驻村"},
                  at="2019-07-01T08:00")
        self.assertIndicator("post.last", 20, 20, ok=True)


if __name__ == "__main__":
    scenario.main()
