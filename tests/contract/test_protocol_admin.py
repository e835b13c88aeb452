"""Backup, restore, check, export, forms loaded while the server runs: beside a running server and
without one (protocol §11, §12; the operator commands)."""
import csv
import io
import json
import os
import shutil
import signal
import sqlite3

import zf
from zf import HOUSE, ContractCase, Copy

NOTE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "x-form": "test.note", "x-version": 1,
    "x-label": {"zh": "便条", "en": "Note"}, "x-kind": "event", "x-roles": ["VO"],
    "x-subject": ["household"], "x-class": "L2", "type": "object", "additionalProperties": False,
    "required": ["text"], "properties": {
        "text": {"x-label": {"zh": "内容", "en": "Text"}, "type": "string"}}}


class Backup(ContractCase):

    def facts(self, phone, n):
        return [phone.facts(self.county.household(), farmland_mu=i + 0.5) for i in range(n)]

    def test_backup_and_restore(self):
        county = self.county
        vo = county.phone("C-00420")
        for r in vo.send(*self.facts(vo, 5)):
            self.assertEqual(r["outcome"], "stored")
        epoch, boot = county.ready["epoch"], county.ready["boot"]
        file = os.path.join(os.path.dirname(county.data), "backup.db")
        at_backup = county.digest()
        county.run("backup", file)
        self.assertEqual(sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone(), ("ok",))
        after = self.facts(vo, 3)
        vo.send(*after)
        self.assertNotEqual(county.digest(), at_backup)
        creds = county.device("C-00420")
        copy = Copy()
        phone = county.connect(creds)
        phone.sync(copy)
        county.stop()
        county.run("restore", file)
        self.assertEqual(county.digest(), at_backup)
        county.serve()
        self.assertNotEqual(county.ready["epoch"], epoch)
        self.assertNotEqual(county.ready["boot"], boot)
        # its devices are those of the backup; what came after is unknown and taken again
        again = county.phone("C-00420")
        page = again.pull(copy.cursor)
        self.assertTrue("error" in page or page["reset"], "a cursor of the old epoch")
        for r in again.send(*after):
            self.assertIn(r["outcome"], ("stored", "held"))
        m = again.receipt_messages()[-1]
        self.assertEqual(m["epoch"], county.ready["epoch"])
        fresh = Copy()
        again.sync(fresh)
        self.assertEqual(fresh.get("household", after[0]["subject"])["doc"]["farmland_mu"],
                         after[0]["data"]["set"]["farmland_mu"])
        county.rebuild_check()

    def test_restore_refuses_what_is_no_backup(self):
        county = zf.County("norestore")
        bad = os.path.join(os.path.dirname(county.data), "bad.db")
        with open(bad, "wb") as f:
            f.write(b"not a database" * 1000)
        before = county.digest()
        r = county.run("restore", bad, ok=False)
        self.assertIn(r.returncode, (1, 3))
        self.assertTrue(r.stderr)
        r = county.run("restore", bad + ".none", ok=False)
        self.assertIn(r.returncode, (1, 3))
        self.assertEqual(county.digest(), before)

    def test_restore_under_a_running_server_is_refused(self):
        county = zf.County("running")
        file = os.path.join(os.path.dirname(county.data), "b.db")
        county.run("backup", file)
        county.serve()
        try:
            r = county.run("restore", file, ok=False)
            self.assertNotEqual(r.returncode, 0)
            vo = county.phone("C-00420")
            self.assertEqual(vo.send(vo.facts(HOUSE, farmland_mu=1))["outcome"], "stored")
        finally:
            county.close()

    def test_a_second_server_is_refused(self):
        county = zf.County("second")
        county.serve()
        try:
            r = county.run("serve", "--standalone", "--port", str(zf.free_port()), ok=False)
            self.assertEqual(r.returncode, 3)
        finally:
            county.close()


class Commands(ContractCase):
    """They work while the server runs and while it does not."""

    def commands(self):
        county = self.county
        self.assertEqual(county.run("check").returncode, 0)
        self.assertRegex(county.digest(), "^[0-9a-f]{64}$")
        county.rebuild_check()
        listed = county.run("device list", "--json").stdout
        d = county.device("C-00420", "C-00030")
        self.assertRegex(d["device"], "^d-[a-z0-9-]{1,38}$")
        self.assertEqual(d["username"], d["device"])
        self.assertGreaterEqual(len(d["password"]), 16)
        self.assertIn(d["device"], county.run("device list", "--json").stdout)
        self.assertNotIn(d["device"], listed)
        self.assertNotIn(d["password"], county.run("device list", "--json").stdout)
        r = county.run("device add", "--cadre", "C-99999", "--json", ok=False)
        self.assertEqual(r.returncode, 1, r.stderr)
        r = county.run("device add", "--json", ok=False)
        self.assertEqual(r.returncode, 2)
        r = county.run("relay add", "--town", "999", "--json", ok=False)
        self.assertEqual(r.returncode, 1, r.stderr)
        rows = county.run("export", "households").stdout
        table = list(csv.DictReader(io.StringIO(rows.lstrip("\ufeff"))))
        self.assertEqual(len(table), 600)
        lines = county.run("export", "households", "--format", "ndjson").stdout.splitlines()
        self.assertEqual(len([json.loads(x) for x in lines]), 600)
        r = county.run("export", "moons", ok=False)
        self.assertIn(r.returncode, (1, 2))

    def test_beside_a_running_server(self):
        self.commands()

    def test_without_a_server(self):
        self.county.stop()
        try:
            self.commands()
        finally:
            self.county.serve()

    def test_unknown_directory(self):
        for cmd in ("check", "digest", "serve --standalone --port 1"):
            r = zf.command(*cmd.split(), "--data", "/tmp/zf-contract-none", ok=False)
            self.assertIn(r.returncode, (1, 3), cmd)
            self.assertTrue(r.stderr)


class Reload(ContractCase):
    """HUP: a new form is in force at once; a set that does not load changes nothing."""
    SERVE = False

    def setUp(self):
        self.county = zf.County("reload")
        self.schema = os.path.join(os.path.dirname(self.county.data), "schema")
        shutil.copytree(zf.SCHEMA, self.schema)
        with open(os.path.join(self.county.data, "zoufang.conf"), "a") as f:
            f.write("\n[server]\nschema = %s\n" % self.schema)
        self.county.serve()
        self.addCleanup(self.county.close)
        self.vo = self.county.phone("C-00420")
        self.watch = self.county.watch()

    def put(self, form, text=None):
        path = os.path.join(self.schema, "forms", "%s.%d.json" % (form["x-form"], form["x-version"]))
        with open(path + ".new", "w") as f:
            f.write(text or json.dumps(form, ensure_ascii=False))
        os.rename(path + ".new", path)
        return path

    def hup(self):
        self.county.process.send_signal(signal.SIGHUP)

    def note(self, text, **members):
        return self.vo.record("test.note", self.county.household(), {"text": text}, **members)

    def test_a_new_form(self):
        r = self.note("早")
        self.assertOutcome(self.vo.send(r), "retry", "unknown_form")
        old = self.watch.until(lambda t: t.get("catalog"), "the catalogue")
        self.put(NOTE)
        self.hup()
        new = self.watch.until(lambda t: t["catalog"] if "test.note" in t["catalog"]["forms"]
                               else None, "the new form in the catalogue")
        self.assertNotEqual(old["hash"], new["hash"])
        self.assertEqual(new["forms"]["test.note"]["label"], NOTE["x-label"])
        self.watch.until(lambda t: t.get("catalog/test.note/1"), "its schema")
        self.assertEqual(self.vo.send(r)["outcome"], "stored", "the same record, now taken")
        # §13: a text is at most 8 KiB where the form says nothing
        a, b = self.vo.send(self.note("x" * 8192), self.note("x" * 8193))
        self.assertEqual(a["outcome"], "stored")
        self.assertErrors(b, "rejected", ("length", "/data/text"))
        c, d = self.vo.send(self.note("字" * 2730), self.note("字" * 2731))
        self.assertEqual(c["outcome"], "stored", "8190 bytes")
        self.assertErrors(d, "rejected", ("length", "/data/text"))
        # a second version beside the first
        v2 = json.loads(json.dumps(NOTE))
        v2["x-version"] = 2
        v2["properties"]["text"]["maxLength"] = 3
        self.put(v2)
        self.hup()
        self.watch.until(lambda t: t["catalog"]["forms"]["test.note"]["fv"] == [1, 2], "version 2")
        e, f = self.vo.send(self.note("四个字长"), self.note("四个字长", fv=2))
        self.assertEqual(e["outcome"], "stored")
        self.assertErrors(f, "rejected", ("length", "/data/text"))
        self.county.rebuild_check()

    def test_a_broken_set_changes_nothing(self):
        self.watch.until(lambda t: t.get("catalog"), "the catalogue")
        before = self.watch.get("catalog")
        for broken in ("{", json.dumps(dict(NOTE, properties={"text": {"type": "strin"}})),
                       json.dumps(dict(NOTE, **{"x-checks": [{"name": "x", "sql": "no such thing (",
                                                              "path": "", "zh": "错", "en": "x"}]}))):
            with self.subTest(broken=broken[-60:]):
                path = self.put(NOTE, broken)
                seen = len(self.county.log())
                self.hup()
                name = os.path.basename(path)
                self.vo.see(Copy(), lambda c: name in self.county.log()[seen:],
                            "a line in the log that names " + name, ["finding"])
                self.assertOutcome(self.vo.send(self.note("x")), "retry", "unknown_form")
                good = self.vo.facts(self.county.household(), farmland_mu=1)
                self.assertEqual(self.vo.send(good)["outcome"], "stored")
                self.assertEqual(self.watch.get("catalog"), before)
        # mended: taken
        self.put(NOTE)
        self.hup()
        self.watch.until(lambda t: "test.note" in t["catalog"]["forms"], "the mended form")
        self.assertEqual(self.vo.send(self.note("好"))["outcome"], "stored")

    def test_a_broken_rule_changes_nothing(self):
        rule = os.path.join(self.schema, "rules", "T-W1.sql")
        with open(rule) as f:
            good = f.read()
        with open(rule, "w") as f:
            f.write(good + "\nnot sql at all")
        seen = len(self.county.log())
        self.hup()
        self.vo.see(Copy(), lambda c: "T-W1" in self.county.log()[seen:],
                    "a line in the log that names T-W1", ["finding"])
        h = self.county.household()
        answer = self.vo.send(self.vo.record("inspect.water", h, {
            "persons": 4, "supply": "scattered", "source": "spring", "at_home": False,
            "litres_ppd": 38, "qual": "field_ok", "haul_min": 15, "haul_m": 500, "climb_m": 30,
            "outage_days": 40, "knows_policy": True, "satisfied": 3}))
        self.assertEqual(answer["outcome"], "stored", answer)
        self.watch.until(lambda t: "village/104/299/tasks/T-W1-%s-1" % h in t,
                         "the old rule still works")


if __name__ == "__main__":
    zf.main()
