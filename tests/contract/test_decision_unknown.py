"""What a parameter decides is unknown, or not asked for, while the county has not set it: of one parameter after the
other what it decides changes, and is as before once it is set again.

    python3 test_decision_unknown.py PATH/TO/zoufang [Class.case ...]
"""
import csv
import hashlib
import os

import scenario
import zf
from scenario import CO, COUNTY, CT, HOUSE, PHOTO, SI_WATER, TW, VILLAGE, VO, Scenario

CAMPAIGNS = ("housing", "demolition", "water", "relocation", "environment")
POOR = "doc ->> '$.poverty_status' = 'not_exited'"
# The least and the most m2 for so many persons, and one less and one more: for four, so much for each.
SIZES = {"1p": (1, 19, 61), "2p": (2, 29, 61), "3p": (3, 39, 61), "each": (4, 51, 73)}


def values():
    with open(os.path.join(zf.SCHEMA, "params.csv"), encoding="utf-8") as f:
        return {r["name"]: r["value"] for r in csv.DictReader(f)}


def sampled():
    """A record number of those that are looked back at."""
    while True:
        rid = zf.uuid7(1559350800000)
        if int.from_bytes(hashlib.sha256(rid.encode()).digest()[:8], "big") % 100 < 20:
            return rid


class OneAtATime(Scenario):
    PERMUTE = False  # parameters change here, no records

    def test_each_parameter(self):
        self.day("2019-06-12")
        looks = {**self.waters(), **self.foods(), **self.areas(), **self.relocations(), **self.findings(),
                 **self.visits(), **self.opinions(), **self.campaigns()}
        self.settle()
        known = values()
        before = {name: look() for name, (_, look, _, _) in looks.items()}
        for name, (_, _, set_, _) in looks.items():
            self.assertEqual(before[name], set_, name)
        for turn in range(1 + max(turn for turn, _, _, _ in looks.values())):
            mine = [name for name, look in looks.items() if look[0] == turn]
            for name in mine:
                self.param(name, None)
            self.settle()
            for name in mine:
                with self.subTest(parameter=name):
                    self.assertEqual(looks[name][1](), looks[name][3])
            for name in mine:
                self.param(name, known[name])
        self.settle()
        self.assertEqual({name: look() for name, (_, look, _, _) in looks.items()}, before)

    # {parameter: (turn, look, what is seen, what is seen without it)}. Those of one turn decide different things.

    def waters(self):
        """Nothing is reached, and everything fails: below a line that is not known nothing fails."""
        h = self.household(POOR)
        self.send("inspect.water", h, SI_WATER, {
            "persons": 4, "supply": "scattered", "source": "spring", "at_home": False, "litres_ppd": 30, "qual": "gb",
            "lab_no": "L1", "haul_min": 25, "haul_m": 900, "climb_m": 90, "outage_days": 40, "knows_policy": True,
            "satisfied": 3})

        def says(what):
            return lambda: self.ledger(h, "check.water")[2][what]
        old = self.household(POOR)
        self.send("inspect.water", old, SI_WATER, {
            "persons": 4, "supply": "scattered", "source": "spring", "at_home": True, "litres_ppd": 60, "qual": "gb",
            "lab_no": "L2", "outage_days": 0, "knows_policy": True, "satisfied": 3})
        return {"water.litres_basic": (0, says("quantity"), "fail", "unknown"),
                "water.outage_days_basic": (0, says("reliability"), "fail", "unknown"),
                "water.haul_min_basic": (0, says("convenience"), "fail", "unknown"),
                "water.haul_m_basic": (1, says("convenience"), "fail", "unknown"),
                "water.climb_m_basic": (2, says("convenience"), "fail", "unknown"),
                "check.water_days": (1, lambda: self.checks(old)["water"], "ok", "unknown")}

    def foods(self):
        h = self.household(POOR)
        self.visit(h)
        return {"check.food_clothing_days": (0, lambda: [self.checks(h)[k] for k in ("food", "clothing")], ["ok", "ok"],
                                             ["unknown", "unknown"])}

    def visit(self, h):
        self.send("visit.household", h, VO, {
            "mode": "in_person", "purpose": ["verify"], "start": "2019-06-11T09:00:00+08:00",
            "end": "2019-06-11T09:40:00+08:00", "met": "head", "food_ok": True, "clothing_ok": True, "signed": True,
            "photos": [PHOTO]}, gps={"lat": 30.4312, "lng": 116.2418, "acc_m": 6})

    def areas(self):
        """A house that is too large, and one that is too small, for so many."""
        looks = {}
        for size, (persons, less, more) in SIZES.items():
            for turn, (bound, area, view) in enumerate((("max", more, "house.oversize"), ("min", less, "house.undersize"))):
                h = self.household("(SELECT num FROM ledger WHERE subject = e.id AND view = 'population') = %d" % persons)
                self.send("house.work", h, VO, {
                    "bld": 1, "stage": "accepted", "date": "2019-06-12", "photos": [PHOTO], "area_m2": area,
                    "cost_yuan": 52000, "fund": {"special": 52000}, "debt_yuan": 0, "acceptors": 3, "post_grade": "A"})
                looks["house.area_%s_%s" % (size, bound)] = (
                    turn, lambda h=h, v=view: (self.ledger(h, v) or [None])[0], 1, None)
        return looks

    def relocations(self):
        """Findings that two look-backs lead to."""
        homes = [h for h, in self.query("SELECT subject FROM ledger WHERE view = 'reloc' AND place = ? AND den > 0"
                                        " AND subject <> ? ORDER BY subject LIMIT 2", VILLAGE, HOUSE)]
        looks = {}
        for name, h, more in zip(("area_max", "self_paid_max"), homes, ({"area_m2": 26}, {"self_paid_yuan": 10001})):
            fid = self.send("lookback.relocation", h, VO, {
                "moved_year": 2017, "persons": 1, "site": "central", "area_m2": 25, "self_paid_yuan": 10000,
                "debt_yuan": 0, "quality_ok": True, "moved_in": True, "old_house": "demolished",
                "follow_up": ["employment"], "utilities_ok": True, "satisfied": 4, "photos": [PHOTO], **more})
            looks["relocation." + name] = (0, lambda fid=fid: self.query(
                "SELECT count(*) FROM entity WHERE kind = 'finding' AND gone = '' AND id = ?", fid)[0][0], 1, 0)
        return looks

    def findings(self):
        """One that is looked back at because of its number; one whose third extension was one too many."""
        def report(**more):
            return self.send("finding.report", VILLAGE, TW, {
                "source": "inspect", "cat": "work", "severity": "mid", "text": "示例问题", "duty_unit": "U-V104299"}, **more)
        fid = report(id=sampled(), at="2019-06-01")
        self.send("rectify.report", fid, VO, {"result": "done", "action": "已整改", "done": "2019-06-02",
                                              "photos": [PHOTO]}, at="2019-06-02")
        self.send("verify.lookback", fid, TW, {"stage": "check", "verdict": "pass", "text": "已核查", "photos": [PHOTO]},
                  at="2019-06-03")
        late = report(at="2019-06-01T10:00")
        for day, until in (("03", "20"), ("04", "25"), ("05", "28")):
            asked = self.send("rectify.report", late, VO, {"result": "extend", "action": "正在整改", "extend_to":
                                                           "2019-06-" + until}, expect="held", at="2019-06-" + day)
            self.send("record.review", asked, CO, {"accept": True, "note": "同意延期"}, at="2019-06-%sT10:00" % day)
        return {"lookback.sample_pct": (0, lambda: self.tasks("T-F3-%s-1" % fid),
                                        {"T-F3-%s-1" % fid: "open 2019-06-03 2019-07-03"}, {}),
                "rectify.extensions_max": (0, lambda: self.task("T-F1-%s-1" % late)["due"], "2019-06-25", "2019-06-28")}

    def visits(self):
        """Visits of the month are asked for."""
        poor, = ["T-V1-%s-2019-06" % h for h in [self.household(POOR)]]
        planned = "T-V1-%s-2019-06" % HOUSE
        return {"visit.month_count": (0, lambda: sorted(self.tasks(poor)), [poor], []),
                "visit.month_count_planned_exit": (0, lambda: sorted(self.tasks(planned)), [planned], [])}

    def opinions(self):
        self.publish([self.record("survey.opinion", VILLAGE, CT, {
            "resp": "non_poor", "known": 7, "asked": 10, "help": 4, "effect": 4, "exit_fair": 5, "env": 4, "water": 3,
            "recognise": True}) for _ in range(10)])
        return {"c.recognise_pct_min": (0, lambda: self.status(COUNTY)["county"]["c.recognise"]["ok"], True, None)}

    def campaigns(self):
        planned = {"environment": 15.4}
        return {"campaign.%s.%s" % (name, end): (
            turn, lambda name=name: self.campaign(name)["planned_pct"], planned.get(name, 48.4), None)
            for name in CAMPAIGNS for turn, end in enumerate(("start", "stop"))}


main = scenario.main

if __name__ == "__main__":
    main()
