"""Leads (forms of x-kind secret): what they say reaches who sees leads and nobody else. Marked values are planted
and looked for wherever they must not be: topics and what is retained, other cadres' pulls and receipts, exports, the
log, metrics, files beside the database."""
import json
import os
import re

import zf
from zf import VILLAGE, ContractCase, Copy

NAME, PHONE, TEXT, NOTE, UNIT = "暗号甲", "00012345678", "暗号:公款私用", "暗号:已核", "U-MARKED1"
MARKS = (NAME, PHONE, "暗号", UNIT)
OTHERS = ("C-00412", "C-00420", "C-00460", "C-00030", "C-00901", "C-00700", "C-00001", "C-00005", "C-00450")
KINDS = ("households", "persons", "villages", "cadres", "assignments", "records", "held", "rejected", "tasks",
         "conflicts")
LEAD = {"channel": "visit", "cat": "funds", "text": TEXT, "named": True, "target_unit": UNIT,
        "reporter": {"name": NAME, "phone": PHONE}}


def told_of(text):
    """What tells that there is a lead, in whatever way."""
    return [m for m in MARKS + ("lead.report", "lead.step", "T-L1") if m in text]


class Secret(ContractCase):
    """One story: reported, dealt with, attacked; then everybody looks."""
    SERVE = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.county.serve(zf.CLOCK, "--log-level", "debug")
        cls.monitor = cls.county.monitor()
        cls.office = c.device("C-00001")
        (cls.stranger,), = c.query("SELECT min(id) FROM entity WHERE kind = 'cadre' AND doc ->> '$.role' = 'VO' AND"
                                   " doc ->> '$.scope' NOT LIKE '%104299%' AND doc ->> '$.active'")
        cls.phones = {by: c.phone(by) for by in OTHERS + ("C-00800", cls.stranger)}
        cls.before = cls.look()
        cls.tell()
        cls.after = cls.look()

    @classmethod
    def look(cls):
        """What is retained when everything is derived and sent."""
        c = cls.county
        c.settle()
        c.until_sent()
        out = zf.retained(c.port, cls.office, "village/#", "status/#", "catalog/#", "bulletin/#")
        out.update(zf.retained(c.port, cls.monitor, "status/#", "bulletin/#"))
        return {t: p.decode() for t, p in out.items()}

    @classmethod
    def tell(cls):
        vt, di, tw, co = (cls.phones[x] for x in ("C-00450", "C-00800", "C-00030", "C-00001"))
        cls.lead = vt.record("lead.report", VILLAGE, LEAD, gps={"lat": 30.4, "lng": 116.2})
        cls.receipt = vt.send(cls.lead)
        cls.step = di.record("lead.step", cls.lead["id"], {"step": "transferred", "to_unit": UNIT, "note": NOTE,
                                                            "date": "2019-06-12"})
        cls.step_receipt = di.send(cls.step)
        cls.sealed = vt.record("lead.report", VILLAGE, {"sealed": "5pqX5Y+3"})
        cls.sealed_receipt = vt.send(cls.sealed)
        cls.unfit = vt.record("lead.report", VILLAGE, dict(LEAD, weather="雨"))
        cls.unfit_receipt = vt.send(cls.unfit)
        # from elsewhere: held
        elsewhere = cls.phones[cls.stranger]
        cls.held = elsewhere.record("lead.report", VILLAGE, LEAD)
        cls.held_receipt = elsewhere.send(cls.held)
        # those who may act on everything else of the village
        cls.attacks = [tw.send(tw.record("record.void", cls.lead["id"], {"reason": NOTE})),
                       co.send(co.record("record.void", cls.lead["id"], {"reason": NOTE})),
                       tw.send(tw.record("record.review", cls.held["id"], {"accept": False, "note": NOTE}))]

    # -------------------------------------------------- who deals with leads

    def test_the_reporter_gets_a_code(self):
        self.assertEqual(self.receipt["outcome"], "stored")
        self.assertRegex(self.receipt["code"], r"^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$")
        self.assertEqual(self.sealed_receipt["outcome"], "stored")
        self.assertNotEqual(self.sealed_receipt["code"], self.receipt["code"])
        again = self.phones["C-00450"].send(self.lead)
        self.assertEqual((again["outcome"], again["was"], again["code"]),
                         ("duplicate", "stored", self.receipt["code"]))
        self.assertEqual(self.unfit_receipt["outcome"], "rejected")
        self.assertNotIn("code", self.unfit_receipt)
        self.assertNotIn("code", self.held_receipt)

    def test_a_code_is_not_told_by_the_id(self):
        """Another county gives the same id another code."""
        other = zf.County("other", zf.base_county())
        try:
            other.run("param set", "amend.hours", "72")
            key = self.county.query("SELECT value FROM meta WHERE name = 'receipt_key'")
            self.assertRegex(key[0][0], "^[0-9a-f]{64}$")
            self.assertNotIn(key[0][0].encode(), b"".join(self.files()))
        finally:
            other.close()

    def test_discipline_reads_what_is_said(self):
        copy = Copy()
        self.phones["C-00800"].sync(copy, ["record"])
        lead = copy.get("record", self.lead["id"])
        self.assertEqual(lead["doc"]["data"], LEAD)
        self.assertEqual(lead["doc"]["code"], self.receipt["code"])
        self.assertEqual(copy.get("record", self.step["id"])["doc"]["data"]["note"], NOTE)
        self.assertEqual(copy.get("record", self.sealed["id"])["doc"]["data"], {"sealed": "5pqX5Y+3"})

    def test_nobody_else_withdraws_it(self):
        for r in self.attacks:
            self.assertEqual(r["outcome"], "stored", r)
        effect = self.county.query("SELECT effect, class FROM record WHERE lower(hex(id)) = ?",
                                   self.lead["id"].replace("-", ""))
        self.assertEqual(effect, [(1, 6)])
        outcome = self.county.query("SELECT outcome FROM record WHERE lower(hex(id)) = ?",
                                    self.held["id"].replace("-", ""))
        self.assertIn(outcome, [[(2,)], [(1,)]])  # held, or released by discipline in the other case

    def test_held_leads_wait_for_discipline(self):
        self.assertOutcome(self.held_receipt, "held", "out_of_scope")
        for by in ("C-00030", "C-00001"):
            copy = Copy()
            self.phones[by].sync(copy, ["held"])
            self.assertEqual(copy.of("held"), {}, by)
        di = self.phones["C-00800"]
        copy = Copy()
        di.sync(copy, ["held"])
        self.assertEqual(copy.get("held", self.held["id"])["doc"]["data"], LEAD)
        self.assertEqual(di.send(di.record("record.review", self.held["id"], {"accept": True, "note": "受理"}))
                         ["outcome"], "stored")
        released = self.phones[self.stranger].receipt(self.held["id"], "stored")
        self.assertIn("code", released)

    # -------------------------------------------------- where nothing must be

    def test_nothing_retained_changed(self):
        self.assertEqual(self.figures(self.after), self.figures(self.before))
        for topic, payload in self.after.items():
            if not topic.startswith("catalog"):
                self.assertEqual(told_of(topic + payload), [], topic)

    @staticmethod
    def figures(all):
        """Without the time in status messages, which moves by itself. The newest change that they name stays."""
        out = dict(all)
        for topic in all:
            if topic.startswith("status"):
                out[topic] = {k: v for k, v in json.loads(all[topic]).items() if k != "time"}
        return out

    def test_no_other_cadre_pulls_any_of_it(self):
        ids = (self.lead["id"], self.step["id"], self.sealed["id"], self.held["id"])
        for by in OTHERS:
            with self.subTest(by=by):
                copy = Copy()
                self.phones[by].sync(copy)
                text = json.dumps(list(copy.items.values()), ensure_ascii=False)
                self.assertEqual([i for i in ids if i in text], [])
                self.assertEqual(told_of(text), [])

    def test_receipts_of_others_say_nothing(self):
        for by in OTHERS:
            if by != "C-00450":
                text = json.dumps(self.phones[by].receipt_messages(), ensure_ascii=False)
                self.assertEqual(told_of(text), [], by)
        own = json.dumps(self.phones["C-00450"].receipt_messages(), ensure_ascii=False)
        self.assertEqual([m for m in MARKS if m in own], [])

    def test_exports_leave_them_out_unless_all(self):
        for kind in KINDS:
            for format in ("csv", "ndjson"):
                out = self.county.run("export " + kind, "--format", format).stdout
                self.assertEqual(told_of(out), [], (kind, format))
                self.assertNotIn(self.lead["id"], out)
        whole = self.county.run("export records", "--format", "ndjson", "--all").stdout
        for mark in (NAME, PHONE, TEXT, NOTE):
            self.assertIn(mark, whole)
        self.assertIn(NAME, self.county.run("export records", "--all").stdout)
        self.assertIn("weather", self.county.run("export rejected", "--all").stdout)

    def test_the_log_says_secret(self):
        log = self.county.log()
        self.assertIn("form=secret", log)
        self.assertEqual(told_of(log), [])
        for r in (self.lead, self.step, self.held, self.sealed, self.unfit):
            self.assertNotIn(r["id"], log)

    def test_figures_count_none_of_it(self):
        """Of all that the phones sent here three records count, with their messages and commits: those that have
        nothing to do with leads."""
        phone = self.county.phone("C-00412")
        for mu in (1, 2, 3):
            self.assertEqual(phone.send(phone.facts(zf.HOUSE, farmland_mu=mu))["outcome"], "stored")
        watch = self.county.watch(self.monitor, "metrics")
        text = watch.until(lambda t: "zoufang_records_stored_total 3\n" in t.get("metrics", "") and t["metrics"],
                           "three records are counted")
        counted = {k: int(v) for k, v in re.findall(r"^zoufang_(records_\w+|messages_total|commits_total|"
                                                              r"commit_\w+_count|commit_records_sum|"
                                                              r"intake_microseconds_count) (\d+)$", text, re.M)}
        self.assertEqual({k: v for k, v in counted.items() if v}, dict.fromkeys(
            ("records_stored_total", "messages_total", "commits_total", "commit_records_sum", "commit_records_count",
             "commit_microseconds_count", "intake_microseconds_count"), 3))
        self.assertEqual(re.findall(r" commit (records=\d+ messages=\d+)", self.county.log()),
                         ["records=1 messages=1"] * 3)
        self.assertEqual(told_of(text), [])

    def files(self):
        for folder, _, names in os.walk(self.county.data):
            for name in names:
                path = os.path.join(folder, name)
                if not name.startswith("zoufang.db") and os.path.isfile(path):
                    with open(path, "rb") as f:
                        yield name.encode() + f.read()

    def test_no_other_file_has_it(self):
        for text in self.files():
            for mark in MARKS:
                self.assertNotIn(mark.encode(), text)

    def test_commands_tell_nothing(self):
        for command in ("check", "digest", "rebuild --check", "device list"):
            out = self.county.run(command, "--json") if command != "digest" else self.county.run(command)
            self.assertEqual(told_of(out.stdout + out.stderr), [], command)
        file = os.path.join(os.path.dirname(self.county.data), "backup.db")
        out = self.county.run("backup", file)
        self.assertEqual(told_of(out.stdout + out.stderr), [])


class Covert(ContractCase):
    """What is about covert work reaches the covert team, the county and its own author; in either order of coming."""
    TEXT = "暗号:暗访"
    CONDUCT = {k: True for k in ("unannounced", "unaccompanied", "own_travel", "own_lodging", "own_meals",
                                 "own_check")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.county
        (cls.stranger,), = c.query("SELECT min(id) FROM entity WHERE kind = 'cadre' AND doc ->> '$.role' = 'VO' AND"
                                   " doc ->> '$.scope' NOT LIKE '%104299%' AND doc ->> '$.active'")
        cls.phones = {by: c.phone(by) for by in OTHERS + (cls.stranger,)}
        cls.tell("first", True)
        cls.tell("later", False)
        c.settle()

    @classmethod
    def tell(cls, name, first):
        ct, vo, un = (cls.phones[by] for by in ("C-00700", "C-00420", "C-00460"))
        elsewhere = cls.phones[cls.stranger]
        report = ct.record("finding.report", zf.HOUSE, {
            "source": "covert", "cat": "housing", "severity": "high", "text": cls.TEXT, "duty_unit": "U-T104",
            "conduct": cls.CONDUCT, "photos": [zf.PHOTO]})
        look = ct.record("verify.lookback", report["id"], {"stage": "lookback", "verdict": "relapse",
                                                           "text": cls.TEXT, "photos": [zf.PHOTO]})
        own = vo.record("rectify.report", report["id"], {"result": "done", "action": cls.TEXT, "done": "2019-06-12",
                                                         "photos": [zf.PHOTO2]})
        task = un.record("task.update", "T-F1-%s-1" % report["id"], {"state": "accepted", "note": cls.TEXT})
        void = un.record("record.void", look["id"], {"reason": cls.TEXT})   # without effect: not its to withdraw
        unfit = elsewhere.record("rectify.report", report["id"], {"result": "done", "action": cls.TEXT})
        beyond = un.record("task.update", "T-F1-%s-1" % report["id"], {"state": "returned", "note": cls.TEXT})
        about = [void, look, own, task, unfit, beyond]
        outcomes = {}
        for phone, r in [(ct, report)] * first + [
                (un, void), (vo, own), (un, task), (ct, look), (elsewhere, unfit), (un, beyond)] + [
                    (ct, report)] * (not first):
            outcomes[r["id"]] = phone.send(r)["outcome"]
        wanted = ["stored"] * 4 + ["rejected", "held"]
        assert [outcomes[r["id"]] for r in about] == wanted, outcomes
        setattr(cls, name, dict(report=report, about=about, look=look, own=own, task=task, void=void))

    def ids(self):
        return [r["id"] for told in (self.first, self.later) for r in [told["report"]] + told["about"]]

    def test_each_is_as_covert_as_what_it_is_about(self):
        classes = dict(self.county.query("SELECT lower(hex(id)), class FROM record"))
        for i in self.ids():
            self.assertEqual(classes[i.replace("-", "")], 5, i)

    def test_no_other_cadre_pulls_any_of_it(self):
        for by in OTHERS:
            if by in ("C-00700", "C-00001"):
                continue
            with self.subTest(by=by):
                copy = Copy()
                self.phones[by].sync(copy)
                mine = {told[x]["id"] for told in (self.first, self.later) for x in ("own", "task", "void")
                        if told[x]["by"] == by}
                for (kind, i), item in copy.items.items():
                    if kind in ("record", "held") and i not in mine:
                        self.assertEqual([x for x in self.ids() + [self.TEXT] if x in json.dumps(
                            item, ensure_ascii=False)], [], (kind, i))
                    self.assertNotIn("C-00700", json.dumps(item), (kind, i))
                self.assertEqual(mine & {i for (_, i) in copy.items}, mine, "their own they see")

    def test_who_must_act_sees_its_work(self):
        for by in ("C-00030", "C-00700", "C-00001"):
            copy = Copy()
            self.phones[by].sync(copy)
            for told in (self.first, self.later):
                self.assertIsNotNone(copy.get("finding", told["report"]["id"]), by)
                self.assertIsNotNone(copy.get("task", "T-F1-%s-1" % told["report"]["id"]), by)
                if by != "C-00030":
                    self.assertIsNotNone(copy.get("record", told["look"]["id"]), by)

    def test_exports_leave_them_out_unless_all(self):
        unfit = self.phones["C-00700"].record("finding.report", zf.HOUSE, {
            "source": "covert", "cat": "housing", "severity": "high", "text": self.TEXT, "duty_unit": "U-T104",
            "conduct": self.CONDUCT})
        self.assertErrors(self.phones["C-00700"].send(unfit), "rejected", ("required", "/data/photos"))
        for kind in KINDS:
            for format in ("csv", "ndjson"):
                out = self.county.run("export " + kind, "--format", format).stdout
                self.assertEqual([x for x in self.ids() + [self.TEXT, unfit["id"]] if x in out], [], (kind, format))
        for kind, told in (("records", self.later["look"]), ("held", self.later["about"][-1]), ("rejected", unfit)):
            self.assertIn(told["id"], self.county.run("export " + kind, "--format", "ndjson", "--all").stdout)

    def test_rebuilt_it_is_the_same(self):
        self.county.rebuild_check()


if __name__ == "__main__":
    zf.main()
