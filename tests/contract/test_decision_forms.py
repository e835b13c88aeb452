"""Forms: asked once (row 39), leads (row 40), covert work (row 43), and what a form asks of one record when two say it."""
import json

import zf
from scenario import CO, CT, DI, HL, HOUSE, PHOTO, PHOTO2, SI_HOUSING, TW, UN, VILLAGE, VO, VT, Scenario, main

VISITOR = {"unannounced": True, "unaccompanied": True, "own_travel": True, "own_lodging": True, "own_meals": True,
           "own_check": True}


class Forms(Scenario):
    def facts(self, by, at, **facts):
        self.send("hh.facts", HOUSE, by, {"set": facts, "reason": "核实"}, at=at)

    def heard(self, watch, req):
        """Waits until `watch` has heard everything that was published so far."""
        self.settle()
        self.county.until_sent(heads=False)
        watch.publish("up/%s/pull" % watch.username, '{"v":1,"req":"%s","cursor":null,"kinds":["finding"]}' % req)
        watch.until(lambda t: t.get("down/%s/changes" % watch.username, {}).get("req") == req, req)

    def test_39_asked_once(self):
        """What a check found stands in the facts, of which every other form begins; persons are asked on purpose."""
        self.day("2019-06-20")
        child, adult = HOUSE + "-03", HOUSE + "-02"
        self.send("check.education", child, HL, {"student": "junior", "school": "测试中学", "dropout": False,
                                                 "unfit_health": False}, at="2019-06-13")
        self.send("need.job", adult, HL, {"able": True, "now": "town", "wants_job": False, "training": "none",
                                          "measure": "稳岗"}, at="2019-06-13T10:00")
        self.send("inspect.housing", HOUSE, SI_HOUSING, {
            "bld": 1, "kind": "screen", "use": "resident", "sole_home": False, "area_m2": 70, "suspected": False,
            "photos": [PHOTO, PHOTO2]}, at="2019-06-13T11:00")
        self.send("check.medical", HOUSE, HL, {"year": 2019, "oop_yuan": 0, "members": [
            {"person": p, "insured": p != adult, "major_ill": False, "chronic_card": False, "doctor_signed": True}
            for p in self.members(HOUSE)]}, at="2019-06-13T12:00")
        seen = self.sees(HL, "household", "person")
        self.assertEqual([seen["person", child]["doc"][f] for f in ("student", "school", "insured")],
                         ["junior", "测试中学", True])
        self.assertEqual([seen["person", adult]["doc"][f] for f in ("work_place", "insured")], ["town", False])
        self.assertIs(seen["household", HOUSE]["doc"]["sole_home"], False)
        self.send("check.income", HOUSE, HL, {"year": 2019, "wage": 20000, "business": 0, "property": 0, "transfer": 0,
                                              "business_cost": 0, "persons": 5, "signed": True}, at="2019-06-14")
        self.assertEqual(list(self.tasks("T-Q1-%s-dq6-*" % HOUSE).values()), ["open 2019-06-14 2019-06-21"])

    def test_40_leads_are_for_discipline(self):
        self.day("2019-07-20")
        village = [(VO, "village"), (HL, "helper"), (UN, "unit"), (TW, "township"), (CO, "office")]
        copies = {by: zf.Copy() for by, _ in village}
        self.settle()
        for by, _ in village:
            self.phone(by).sync(copies[by])
        before = {by: set(copies[by].items) for by, _ in village}
        figures = self.status(), self.status("340825000000")
        live = self.county.watch(self.county.device(VO), "village/#", "down/+/changes")
        self.heard(live, "begin")
        first = len(live.log)
        lead = self.send("lead.report", VILLAGE, VT, {"channel": "visit", "cat": "funds", "text": "示例线索", "named": False,
                                                      "target_unit": "U-T104"}, at="2019-06-13")
        self.assertRegex(self.receipt["code"], "^[0-9A-Z]{4}-[0-9A-Z]{4}$")
        self.send("lead.step", lead, DI, {"step": "exposed", "date": "2019-06-20"}, at="2019-06-20")
        question = "T-Q1-%s-exposed-1" % lead
        self.assertTask(question, "open 2019-06-20 2019-06-27")
        self.send("lead.step", lead, DI, {"step": "true", "date": "2019-06-25"}, at="2019-06-25")
        self.assertTask(question, "closed 2019-06-20 2019-06-27 2019-06-25")
        self.assertTask("T-L1-%s-accept-1" % lead, "closed 2019-06-13 2019-06-16 2019-06-20")
        self.assertTask("T-L1-%s-reply-1" % lead, "open 2019-06-13 2019-07-03")
        self.settle()
        for by, who in village:
            with self.subTest(who=who):
                self.phone(by).sync(copies[by])
                self.assertEqual({k for k in set(copies[by].items) - before[by] if k[0] != "receipt"}, set())
        self.assertEqual([i for k, i in self.sees(DI, "task") if lead in i and "T-Q1" in i], [question])
        self.heard(live, "end")
        self.assertEqual([t for t, _, _ in live.log[first:] if "/tasks/" in t], [], "heard in the village meanwhile")
        self.assertEqual([t for t, p, _ in live.log if lead in t or lead.encode() in p], [])
        told = self.query("SELECT topic FROM retained WHERE topic GLOB ? OR CAST(payload AS TEXT) GLOB ?",
                          "*%s*" % lead, "*%s*" % lead)
        self.assertEqual(told, [])
        for place, old in zip((VILLAGE, "340825000000"), figures):
            self.assertEqual({k: v for k, v in self.status(place).items() if k not in ("time", "seq")},
                             {k: v for k, v in old.items() if k not in ("time", "seq")})

    def test_43_accompanied_is_held(self):
        """By the record itself; the village learns of no covert finding, and nobody below the county by whom it is."""
        self.day("2019-07-02")
        data = {"source": "covert", "cat": "housing", "severity": "high", "text": "暗访示例", "duty_unit": "U-T104",
                "conduct": dict(VISITOR, unaccompanied=False), "photos": [PHOTO]}
        held = self.send("finding.report", HOUSE, CT, data, expect="held", at="2019-07-01")
        self.assertEqual([e.get("name") for e in self.receipt["errors"]], ["covert_conduct"])
        self.assertEqual(self.tasks("T-F1-%s*" % held), {})
        stored = self.send("finding.report", HOUSE, CT, dict(data, conduct=VISITOR), at="2019-07-01T10:00")
        self.assertTask("T-F1-%s-1" % stored, "open 2019-07-01 2019-07-08")
        for by, hidden in ((VO, (held, stored, CT, "暗访示例")), (TW, (held, CT))):  # TW is the unit in duty
            text = json.dumps(list(self.sees(by).values()), ensure_ascii=False)
            self.assertEqual([x for x in hidden if x in text], [], by)

    def test_two_records_say_what_one_may_not(self):
        """Type and status, causes, groups with a road, what was spent: one record would be rejected or warned of."""
        self.day("2019-07-20")
        self.facts(TW, "2019-06-13", hh_type="ordinary")
        self.facts(TW, "2019-06-13T10:00", main_cause="illness", other_causes=["no_funds"])
        self.facts(TW, "2019-06-14", main_cause="no_funds")
        self.assertTask("T-Q1-%s-type-1" % HOUSE, "open 2019-06-13 2019-06-20")
        self.assertTask("T-Q1-%s-cause-1" % HOUSE, "open 2019-06-14 2019-06-21")
        self.facts(TW, "2019-06-15", hh_type="general_poor", other_causes=[])
        self.assertTask("T-Q1-%s-type-1" % HOUSE, "closed 2019-06-13 2019-06-20 2019-06-15")
        self.assertTask("T-Q1-%s-cause-1" % HOUSE, "closed 2019-06-14 2019-06-21 2019-06-15")
        # two forms say who is the head
        named = "T-Q1-%s-named-" % HOUSE
        self.assertTasks(named + "*")
        self.facts(VO, "2019-06-13T11:00", head=HOUSE + "-02")
        self.assertTasks(named + "*", **{named + "1": "open 2019-06-13 2019-06-20"})
        for n, relation in ((1, "spouse"), (2, "head")):
            self.send("person.facts", HOUSE + "-0%d" % n, VO, {"op": "edit", "set": {"relation": relation}},
                      at="2019-06-15T1%d:00" % n)
        self.assertTasks(named + "*", **{named + "1": "closed 2019-06-13 2019-06-20 2019-06-15"})
        self.send("person.facts", HOUSE + "-02", VO, {"op": "leave", "leave_reason": "moved", "leave_date": "2019-06-17"},
                  at="2019-06-17")
        self.facts(VO, "2019-06-18", head=HOUSE + "-01")
        self.assertTasks(named + "*", **{named + "1": "closed 2019-06-13 2019-06-20 2019-06-15",
                                         named + "2": "open 2019-06-17 2019-06-24"})
        self.send("person.facts", HOUSE + "-01", VO, {"op": "edit", "set": {"relation": "head"}}, at="2019-06-19")
        self.assertTask(named + "2", "closed 2019-06-17 2019-06-24 2019-06-19")

        for day, facts in (("2019-06-13", {"groups": 12}), ("2019-06-14", {"groups_road": 12}),
                           ("2019-06-15", {"groups": 11}), ("2019-06-17", {"groups_road": 11})):
            self.send("village.survey", VILLAGE, VO, {"set": facts}, at=day)
        self.assertTasks("T-Q1-%s-road-*" % VILLAGE,
                         **{"T-Q1-%s-road-1" % VILLAGE: "closed 2019-06-15 2019-06-22 2019-06-17"})

        project, day = "P-2019-0777", "2019-06-1%d"
        for n, (by, step) in enumerate((
                (VO, {"step": "village_meeting", "attendees": 30, "agree": 28}),
                (VO, {"step": "declared", "name": "示例", "cat": "road", "div": VILLAGE, "yuan": 100000, "hh_served": 3}),
                (TW, {"step": "reviewed"}), (CO, {"step": "approved", "yuan": 90000, "funds": {"专项": 90000}}),
                (CO, {"step": "noticed", "notice_to": "2019-06-25"}))):
            self.send("project.step", project, by, dict(step, date=day % n), at=day % n)
        self.send("project.step", project, VO, {"step": "started", "date": "2019-06-26"}, at="2019-06-26")
        self.send("project.step", project, VO, {"step": "accepted", "date": "2019-07-10", "spent_yuan": 99001},
                  at="2019-07-10")
        self.assertTask("T-Q1-%s-spent-1" % project, "open 2019-07-10 2019-07-17")
        self.send("project.step", project, VO, {"step": "accepted", "date": "2019-07-12", "spent_yuan": 99000},
                  at="2019-07-12")
        self.assertTask("T-Q1-%s-spent-1" % project, "closed 2019-07-10 2019-07-17 2019-07-12")


if __name__ == "__main__":
    main()
