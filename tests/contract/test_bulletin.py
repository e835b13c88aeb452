"""The monthly bulletin: its figures as they stood at the month's end, the document that is sent round, what the server
publishes and until when; and that neither tells of a household or a cadre.

    python3 test_bulletin.py PATH/TO/zoufang [Class.case ...]
"""
import json
import os
import subprocess

import zf
from scenario import CO, DI, HL, HOUSE, SI_HOUSING, SI_WATER, TOWN, TW, UN, VILLAGE, VO, Scenario
from test_decision_house_b import POOR, accepted, appraise, moved, visit, water, work
from test_decision_process import done, finding, verify


def examples(*ids):
    with open(os.path.join(zf.SOURCE, "tests", "data", "examples.jsonl"), encoding="utf-8") as f:
        return [r for r in map(json.loads, f) if r["id"][:8] in ids]


class Bulletin(Scenario):
    PERMUTE = False  # its records are those of test_decision_*, which publish them in other orders

    def bulletin(self, month="2019-07"):
        self.settle()
        r = self.county.run("bulletin", month, "--json")
        self.assertEqual(r.stderr, "")
        return json.loads(r.stdout)

    def document(self, month="2019-07"):
        self.settle()
        return self.county.run("bulletin", month).stdout

    def assertFigures(self, b, part="figures", **expected):
        self.assertEqual({k: b[part].get(k) for k in expected}, expected)

    def report(self, at, subject=VILLAGE, by=VO, **data):
        return self.send("finding.report", subject, by, finding(**data), at=at)


class Figures(Bulletin):
    def test_worked_loop(self):
        """Found 07-01, closed 07-05, reopened 07-20: found 1, closed 0, reopened 1."""
        loop = examples("016b4a0e", "016b4a0f", "016b4a1e", "016b4a10")
        self.day("2019-08-02")
        self.publish(loop[:3])
        self.assertFigures(self.bulletin(), found=1, closed=1, reopened=0, lookbacks=0, lookback_fail_pct=None)
        self.publish(loop[3:])
        b = self.bulletin()
        self.assertFigures(b, found=1, closed=0, reopened=1, lookbacks=1, lookback_fail_pct=100, closed_pct=0,
                           covert_villages=1, villages=6, open_high=1, found_all=1, closed_all=0)
        self.assertFigures(b, "previous", found=0, reopened=0, closed_pct=None)
        self.assertFigures(b, "change", found=1, closed=0, reopened=1, closed_pct=None, villages=0)
        self.assertEqual(b["tables"]["findings"], [
            {"cat": "housing", "name": "住房", "found": 1, "high": 1, "mid": 0, "low": 0, "closed": 0}])
        self.assertEqual((b["month"], b["from"], b["to"], b["before"]), ("2019-07", "2019-07-01", "2019-07-31", "2019-06"))
        # covert: in the county's figures, of no township or unit
        self.assertEqual({t["high"] for t in b["tables"]["towns"]}, {0})
        text = self.document()
        for line in ("(2019年7月)", "| 暗访村数 / 应访村数 | 1 / 6 | +1 |", "| 发现问题(个) | 1 | +1 |",
                     "| 其中本月已销号(个) | 0 | 0 |", "| “回头看”发现反弹、重新交办(个) | 1 | +1 |", "| 住房 | 1 | 1 | 0 | 0 | 0 |"):
            self.assertIn(line, text.split("\n"))
        self.assertNotIn("{{", text)
        self.assertNotIn(loop[0]["data"]["text"], text)

    def test_what_the_month_was_like(self):
        """The figures of July, from records about July alone: those of August change nothing in them."""
        self.day("2019-07-31")
        poor = self.household(POOR)
        thirsty = self.household("doc ->> '$.water_target' AND NOT EXISTS (SELECT 1 FROM task t WHERE t.subject = e.id"
                                 " AND t.rule = 'T-W1')")
        persons = len(self.members(thirsty))
        cracked, sheds = (self.household("doc ->> '$.poverty_status' = 'none'") for _ in range(2))
        before = self.bulletin()
        self.send("inspect.housing", cracked, SI_HOUSING, appraise("C"), at="2019-07-09")
        for bld in (2, 3):
            self.send("inspect.housing", sheds, SI_HOUSING, appraise("D", use="annex", bld=bld, action="demolish"),
                      at="2019-07-09")
        self.send("inspect.housing", HOUSE, SI_HOUSING, appraise("D"), at="2019-07-10")
        self.send("inspect.water", thirsty, SI_WATER, water(persons=persons), at="2019-07-15")
        self.send("lookback.relocation", HOUSE, HL, moved(4), at="2019-07-16")
        self.send("visit.household", poor, VO, visit("2019-07-17"), at="2019-07-17",
                  gps={"lat": 30.4, "lng": 116.2, "acc_m": 9})
        self.report("2019-07-01", cat="work", severity="high")
        sick = self.report("2019-07-02", cat="medical", severity="mid")
        self.report("2019-07-03", cat="education", severity="low")
        self.report("2019-07-04", cat="style", severity="mid", source="lead", by=DI)
        self.report("2019-07-05", cat="exit", severity="low", source="tour", by=CO)
        self.send("rectify.report", sick, UN, done("2019-07-06"), at="2019-07-06")
        self.send("verify.lookback", sick, TW, verify("check", "pass"), at="2019-07-08")
        b = self.bulletin()
        self.assertFigures(b, found=4, closed=1, found_all=4, closed_all=1, closed_pct=25, open_high=1, tour=1,
                           tour_closed=0, tour_closed_pct=0, reopened=0, lookbacks=0, covert_villages=0)
        self.assertFigures(b, visits_done=before["figures"]["visits_done"] + 1, houses=2, houses_left=2, wrecks=2,
                           wrecks_left=2,
                           visits_due=before["figures"]["visits_due"],
                           water_left=before["figures"]["water_left"] - persons,
                           relocated_left=before["figures"]["relocated_left"] - 4)
        self.assertEqual([tuple(r.values()) for r in b["tables"]["findings"]], [
            ("exit", "退出不精准", 1, 0, 0, 1, 0), ("education", "教育", 1, 0, 0, 1, 0), ("medical", "医疗", 1, 0, 1, 0, 1),
            ("work", "工作落实", 1, 1, 0, 0, 0)])
        units = b["tables"]["units"]
        asked = [u["unit"] for u in units if u["unit"]]
        self.assertEqual(asked, sorted(asked), "no ranking")
        self.assertEqual([(u["role"], u["name"]) for u in units[len(asked):]], [
            ("CO", "县指挥部/扶贫办"), ("SI", "行业部门(住建/水利/教育/卫健…)")])   # whom no cadre is named for
        self.assertEqual(sum(u["overdue"] for u in units), b["figures"]["tasks_overdue"])
        self.assertEqual(sum(u["county"] for u in units), b["figures"]["tasks_overdue_county"])
        towns = {t["code"]: t for t in b["tables"]["towns"]}
        self.assertEqual(towns[TOWN]["high"], 1)
        self.assertGreater(towns[TOWN]["overdue"], 100)
        self.assertLessEqual(sum(t["overdue"] for t in towns.values()), b["figures"]["tasks_overdue"])
        self.tells_of_nobody("2019-07")

        self.day("2019-08-10")
        for stage, day in (("listed", "2019-08-01"), ("signed", "2019-08-01"), ("started", "2019-08-02"),
                           ("main_done", "2019-08-03")):
            self.send("house.work", HOUSE, VO, work(stage, day), at=day)
        self.send("house.work", HOUSE, VO, accepted("2019-08-04"), at="2019-08-04")
        self.send("house.work", HOUSE, TW, work("closed", "2019-08-05"), at="2019-08-05")
        self.send("inspect.water", thirsty, SI_WATER, water(40, persons=persons), at="2019-08-06")
        for k in range(5):
            self.report("2019-08-0%d" % (k + 1), cat="medical", severity="low")
        # one shed is lived in and safe, the other is demolished; a birth, somebody needs no visits any more, a task
        # is called off
        self.send("inspect.housing", sheds, SI_HOUSING, appraise("A", bld=2, sole_home=False), at="2019-08-06")
        for stage in ("listed", "demolished"):
            self.send("house.work", sheds, VO, work(stage, "2019-08-06", bld=3), at="2019-08-06")
        self.send("person.facts", thirsty + "-71", VO, {"op": "add", "set": {
            "name": "某某婴儿", "sex": "male", "birth": "2019-08-01", "relation": "child"}}, at="2019-08-07")
        self.send("hh.facts", poor, TW, {"set": {"poverty_status": "none", "hh_type": "ordinary"}, "reason": "清退"},
                  at="2019-08-07")
        self.send("task.update", "T-H3-%s-b01-1" % cracked, CO, {"state": "void"}, at="2019-08-07")
        july, august = self.bulletin(), self.bulletin("2019-08")
        # but a rebuilding under contract since is due at its next milestone: it is not overdue any more
        b["figures"].update({k: b["figures"][k] - 1 for k in ("tasks_overdue", "tasks_overdue_county")})
        self.assertEqual((july["figures"], july["tables"]["findings"]), (b["figures"], b["tables"]["findings"]))
        self.assertFigures(august, found=5, houses=2, houses_left=1, wrecks=1, wrecks_left=0,
                           water_left=b["figures"]["water_left"] + persons + 1)
        self.assertFigures(august, "change", found=1, houses_left=-1, water_left=persons + 1, closed_pct=-25)
        self.assertEqual(august["previous"], b["figures"])
        self.assertEqual([(r["cat"], r["found"]) for r in august["tables"]["findings"]], [("medical", 5)])
        self.tells_of_nobody("2019-08")
        # from C to D: it was found in July
        self.send("inspect.housing", cracked, SI_HOUSING, appraise("D"), at="2019-08-08")
        self.assertFigures(self.bulletin(), houses=2, houses_left=2)
        self.assertFigures(self.bulletin("2019-08"), houses=2, houses_left=1)
        self.assertFigures(self.bulletin("2019-06"), houses=0)
        # what nobody said is unknown
        for name in ("visit.month_count", "visit.month_count_planned_exit", "target.villages",
                     "water.litres_basic", "water.litres_reached"):
            self.param(name, None)
        unknown = self.bulletin()
        self.assertFigures(unknown, visits_due=None, visits_done=None, visit_pct=None, villages=None,
                           water_left=unknown["figures"]["water"])

    def tells_of_nobody(self, month):
        """No id of a household, person or cadre, and nobody's name, phone or address."""
        told = self.document(month) + json.dumps(self.bulletin(month), ensure_ascii=False)
        for kind, facts in (("household", ("addr", "phone")), ("person", ("name", "id_no")), ("cadre", ("name",))):
            for facts_of, in self.query("SELECT doc FROM entity WHERE kind = ?", kind):
                for name in facts:
                    value = json.loads(facts_of).get(name)
                    self.assertFalse(value and value in told, value)
        self.assertNotRegex(told, r"\b\d{12}-\d|\bC-\d")


class Published(Bulletin):
    def seen(self, ask, what):
        """What is retained below bulletin/, for a monitor, once ask(it) is true."""
        watch = self.county.watch(self.county.monitor(), "bulletin/#")
        return watch.until(lambda topics: ask(topics) and topics, what)

    def figures(self, topics, month="2019-07"):
        return topics.get("bulletin/" + month, {}).get("figures", {})

    def test_every_day_until_the_fifth_and_then_final(self):
        self.day("2019-07-31")
        topics = self.seen(lambda t: "bulletin/2019-06" in t, "June's")
        self.assertEqual({t: b["final"] for t, b in topics.items()}, {"bulletin/2019-05": True, "bulletin/2019-06": True})
        self.report("2019-07-30")
        self.day("2019-08-01")
        topics = self.seen(lambda t: self.figures(t).get("found") == 1, "the draft")
        self.assertFalse(topics["bulletin/2019-07"]["final"])
        self.assertIn("尚未定稿", self.document())
        self.report("2019-07-29")
        self.day("2019-08-05")
        topics = self.seen(lambda t: t.get("bulletin/2019-07", {}).get("final"), "the final one")
        self.assertEqual(self.figures(topics)["found"], 2)
        self.assertEqual(topics["bulletin/2019-07"], self.bulletin())
        self.assertNotIn("尚未定稿", self.document())
        self.report("2019-07-28")
        self.day("2019-08-06")
        self.settle()
        self.report("2019-07-27")  # by its receipt the server has looked whether anything is due
        self.assertEqual(self.bulletin()["figures"]["found"], 4)
        self.day("2019-09-02")
        topics = self.seen(lambda t: "bulletin/2019-08" in t, "August's")
        self.assertEqual(self.figures(topics)["found"], 2, "what was published stays")
        self.assertEqual(set(topics), {"bulletin/2019-0%d" % m for m in range(5, 9)})
        self.assertFalse(topics["bulletin/2019-08"]["final"])
        self.day("2019-10-02")  # the server did not run from the 5th to the end of the month
        topics = self.seen(lambda t: "bulletin/2019-09" in t, "September's")
        self.assertEqual({t[-2:]: b["final"] for t, b in topics.items()},
                         {"05": True, "06": True, "07": True, "08": True, "09": False})
        phone = self.county.watch(self.devices[VO], "bulletin/#")
        phone.until(lambda t: len(t) == 5, "what a phone reads")


class Mistakes(Bulletin):
    def fails(self, status, words, *options):
        r = self.county.run("bulletin", *options, ok=False)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertIn(words, r.stderr)
        self.assertEqual(r.stdout, "")

    def test_are_named(self):
        now = ("--clock", "2019-08-02T12:00:00+08:00")
        self.fails(2, "YYYY-MM")
        for month in ("2019-7", "2019-13", "2019-00", "2019-07-01", "x", "2019-09", "0000-01"):
            self.fails(1, "a month that has begun, such as 2019-08", month, *now)
        self.fails(3, "/nonexistent/x.md", "2019-07", "--output", "/nonexistent/x.md", *now)
        schema = os.path.join(zf.tempdir("schema"), "schema")
        subprocess.run(["cp", "-r", zf.SCHEMA, schema], check=True)
        path = os.path.join(schema, "bulletin", "bulletin.md")
        for text, words in (("a\n{{#tables.units}}\n", "line 2 of the template: a section has no end"),
                            ("{{/x}}", "ends that did not begin"),
                            ("a\n\n{{name", "line 3 of the template: a tag has no end")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            self.fails(2, words, "2019-07", "--schema-dir", schema, *now)
        with open(path, "w", encoding="utf-8") as f:
            f.write("{{name}}:{{figures.mine}} {{+change.mine}} {{figures.absent}}\n")
        more = os.path.join(schema, "bulletin", "50-mine.sql")
        with open(more, "w", encoding="utf-8") as f:
            f.write("-- object: figures\r\nSELECT CAST(substr(:month, 6) AS INTEGER) AS mine, 12345678.9 AS yuan,"
                    " iif(:month = '2019-07', 33.4, 33.3) AS share;\n")
        out = self.county.run("bulletin", "2019-07", "--schema-dir", schema, *now).stdout
        self.assertEqual(out.split(":", 1)[1], "7 +1 —\n")
        r = self.county.run("bulletin", "2019-07", "--json", "--schema-dir", schema, *now).stdout
        self.assertIn('"yuan":12345678.9,"share":33.4', r)
        self.assertIn('"yuan":0.0,"share":0.1', r)
        for sql, words in (("SELECT 1 AS a;", "neither"), ("-- table: %s\nSELECT 1 AS a;" % ("x" * 64), "'-- table:' has more"), ("-- object: figures\nSELECT 1 AS a UNION SELECT 2;", "one row"),
                           ("-- table: x\nDELETE FROM task;", "only SELECT"),
                           ("-- table: x\nSELECT 1 AS a; SELECT 2 AS b;", "too many SELECTs"), ("-- table: x\nSELECT gone;", "gone")):
            with open(more, "w", encoding="utf-8") as f:
                f.write(sql)
            self.fails(2, words, "2019-07", "--schema-dir", schema, *now)


if __name__ == "__main__":
    zf.main()
