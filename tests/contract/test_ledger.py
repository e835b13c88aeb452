"""Ledgers as documents: what records lead to stands in them, for a village, a township and the county, in CSV and in
workbooks alike; and nothing that is not for everybody.

    python3 test_ledger.py PATH/TO/zoufang [Class.case ...]
"""
import csv
import io
import json
import os
import resource
import signal
import subprocess

import scenario
import zf
from scenario import CT, HOUSE, SI_HOUSING, SI_WATER, VILLAGE, VO

THEMES = ("housing", "water", "environment", "relocation")


def example(form, by):
    """The data of the first example record of a form by an author."""
    with open(os.path.join(zf.SOURCE, "tests", "data", "examples.jsonl")) as f:
        return next(r["data"] for r in map(json.loads, f) if (r["form"], r["by"]) == (form, by))


def tables(text):
    """Of a document in CSV: [(title, note, [{column: value}])]."""
    out = []
    for part in text.replace("\r\n", "\n").split("\n\n"):
        rows = list(csv.reader(io.StringIO(part)))
        out.append((rows[0][0], rows[1][0], [dict(zip(rows[2], r)) for r in rows[3:]]))
    return out


class Ledger(scenario.Scenario):
    PERMUTE = False  # the records of test_decision_* are published in other orders, and these are theirs

    def document(self, *options):
        self.settle()
        r = self.county.run("export", "ledger", *options)
        self.assertEqual(r.stderr, "")
        self.assertEqual(r.stdout[0], "\ufeff")
        return r.stdout[1:]

    def rows(self, theme, *place):
        """The village's figures and the households, of one document."""
        heads, items = tables(self.document("--theme", theme, *(place or ("--village", VILLAGE))))
        return heads[2], items[2]

    def one(self, theme, household):
        found = [r for r in self.rows(theme)[1] if r["户编号"] == household]
        self.assertEqual(len(found), 1, found)
        return found[0]


class Content(Ledger):
    def test_what_records_lead_to(self):
        self.day("2019-06-12")
        before = {t: self.rows(t)[0][0] for t in THEMES}
        self.send("inspect.housing", HOUSE, SI_HOUSING, example("inspect.housing", SI_HOUSING), at="2019-06-12T10:03")
        self.send("inspect.water", HOUSE, "C-00412", example("inspect.water", "C-00412"), at="2019-06-12T10:05")
        self.send("inspect.env", HOUSE, "C-00412", example("inspect.env", "C-00412"), at="2019-06-12T10:06")
        self.send("lookback.relocation", HOUSE, "C-00412", example("lookback.relocation", "C-00412"),
                  at="2019-06-12T10:04")
        house = next(r for r in self.rows("housing")[1] if r["户编号"] == HOUSE and r["类别"] == "危房改造")
        self.assertEqual(house, {
            "区划代码": VILLAGE, "户编号": HOUSE, "村民组": "3", "房屋序号": "1", "类别": "危房改造", "危险等级": "D",
            "用途": "现住房", "发现日期": "2019-06-12", "应开工": "2019-07-02", "主体应完工": "2019-08-26",
            "应验收": "2019-09-20", "状态": "未销号", "销号日期": "", "任务编号": "T-H2-%s-b01-1" % HOUSE,
            "任务期限": "2019-06-13", "任务状态": house["任务状态"]})
        self.assertTrue(zf.chinese(house["任务状态"]))
        idle = dict(example("inspect.housing", SI_HOUSING), bld=2, use="idle", sole_home=False, action="demolish")
        self.send("inspect.housing", HOUSE, SI_HOUSING, idle, at="2019-06-12T10:07")
        self.assertEqual([(r["类别"], r["任务期限"]) for r in self.rows("housing")[1]
                          if r["户编号"] == HOUSE and r["房屋序号"] == "2"], [("拆除", "")])
        waits = [r for r in self.rows("housing")[1] if r["类别"] == "待评定"]
        self.assertTrue(waits)
        self.assertEqual({r["任务编号"] for r in waits} - {"T-H1-%s-1" % r["户编号"] for r in waits}, set())
        self.assertEqual([int(self.rows("housing")[0][0][k]) - int(before["housing"][k]) for k in
                          ("已评定户数", "已排查户数", "危房数", "未销号", "已销号")], [1, 1, 1, 1, 0])
        water = self.one("water", HOUSE)
        self.assertEqual([water[k] for k in ("评价日期", "水量", "水质", "用水方便程度", "供水保证率", "状态", "发现日期",
                                             "任务编号", "任务期限")],
                         ["2019-06-12", "基本达标", "基本达标", "基本达标", "不达标", "不安全", "2019-06-12",
                          "T-W1-%s-1" % HOUSE, "2019-07-12"])
        self.assertEqual(int(self.rows("water")[0][0]["已评价户数"]), 1)
        env = self.one("environment", HOUSE)
        self.assertEqual([env[k] for k in ("最近检查", "现状", "未达标项目", "任务编号")],
                         ["2019-06-12", "未达标", "厕所净、物品摆放规范", "T-E1-%s-1" % HOUSE])
        moved = self.one("relocation", HOUSE)
        self.assertEqual([moved[k] for k in ("搬迁人数", "已回头看人数", "首次回头看", "最近回头看", "状态", "任务状态")],
                         ["4", "4", "2019-06-12", "2019-06-12", "已完成", "已销号"])
        # An event ends: the ledger keeps what was listed, with its day.
        self.day("2019-07-20")
        fine = dict(example("inspect.water", "C-00412"), outage_days=5)
        self.send("inspect.water", HOUSE, SI_WATER, fine, at="2019-07-20T09:00")
        water = self.one("water", HOUSE)
        self.assertEqual([water[k] for k in ("状态", "发现日期", "销号日期", "评价日期")],
                         ["安全", "2019-06-12", "2019-07-20", "2019-07-20"])

    def test_nothing_of_persons_and_nothing_covert(self):
        self.day("2019-07-01")
        self.send("inspect.housing", HOUSE, SI_HOUSING, example("inspect.housing", SI_HOUSING), at="2019-06-12T10:03")
        finding = self.send("finding.report", HOUSE, CT, example("finding.report", CT), at="2019-07-01T10:00")
        private = set()
        for kind, names in (("household", ("addr", "phone")), ("person", ("name", "id_no", "birth"))):
            for n in names:
                private |= {v for v, in self.query("SELECT DISTINCT unsealed_doc ->> ? FROM (SELECT doc AS "
                            "unsealed_doc FROM entity WHERE kind = ?)", "$." + n, kind) if v}
        self.assertGreater(len(private), 100)
        for theme in THEMES:
            text = self.document("--theme", theme)
            for row in tables(text)[1][2]:
                self.assertFalse(private & set(row.values()), row)
            self.assertNotIn(finding, text)
            self.assertNotIn("T-F1", text)
            self.assertNotIn(VO, text)


class Documents(Ledger):
    def test_every_village_has_its_ledger_even_an_empty_one(self):
        self.day("2019-06-12")
        villages = {i for i, in self.query("SELECT id FROM entity WHERE kind = 'division' AND id NOT LIKE '%000'")}
        for theme in THEMES:
            heads = self.rows(theme, "--town", "104")[0] + self.rows(theme, "--town", "103")[0]
            self.assertEqual({r["区划代码"] for r in heads} - {"合计"}, villages)
            county = tables(self.document("--theme", theme))[0][2]
            self.assertEqual([r["区划代码"] for r in county], sorted(villages) + ["合计"])
            for column in list(county[0])[2:]:
                self.assertEqual(sum(float(r[column] or 0) for r in county[:-1]), float(county[-1][column] or 0))
        empty, = [v for v in sorted(villages) if not self.rows("environment", "--village", v)[1]][:1]
        title, note, rows = tables(self.document("--theme", "environment", "--village", empty))[0]
        self.assertEqual((title, rows[0]["区划代码"]), ("人居环境整治台账", empty))
        self.assertIn(empty, note)
        self.assertIn("2019-06-12", note)

    def test_workbook_says_the_same(self):
        self.day("2019-06-12")
        self.send("inspect.water", HOUSE, "C-00412", example("inspect.water", "C-00412"), at="2019-06-12T10:05")
        path = os.path.join(os.path.dirname(self.county.data), "water.xlsx")
        self.settle()
        self.county.run("export", "ledger", "--theme", "water", "--town", "104", "--format", "xlsx", "--output", path)
        for sheet, want in zip(("汇总", "台账"), tables(self.document("--theme", "water", "--town", "104"))):
            out = subprocess.run(["xlsx2csv", "-n", sheet, path], stdout=subprocess.PIPE, check=True).stdout.decode()
            rows = list(csv.reader(io.StringIO(out)))
            self.assertEqual((rows[0][0], rows[1][0]), want[:2])
            self.assertEqual([dict(zip(rows[2], r)) for r in rows[3:]], want[2])

    def test_without_a_theme_all_of_them(self):
        self.day("2019-06-12")
        each = [t for theme in sorted(THEMES) for t in tables(self.document("--theme", theme, "--village", VILLAGE))]
        self.assertEqual(tables(self.document("--village", VILLAGE)), each)
        path = os.path.join(os.path.dirname(self.county.data), "all.xlsx")
        self.county.run("export", "ledger", "--village", VILLAGE, "--format", "xlsx", "--output", path)
        for title, _, rows in each[::2]:
            out = subprocess.run(["xlsx2csv", "-n", title + "汇总", path], stdout=subprocess.PIPE,
                                 check=True).stdout.decode()
            self.assertEqual(list(csv.reader(io.StringIO(out)))[3], list(rows[0].values()))

    def test_bytes_that_a_chinese_spreadsheet_opens(self):
        path = os.path.join(os.path.dirname(self.county.data), "h.csv")
        self.day("2019-06-12")
        self.settle()
        self.county.run("export", "ledger", "--theme", "housing", "--village", VILLAGE, "--output", path)
        with open(path, "rb") as f:
            content = f.read()
        self.assertTrue(content.startswith(b"\xef\xbb\xbf"))
        self.assertEqual(content.count(b"\n"), content.count(b"\r\n"))
        content.decode()


class Mistakes(Ledger):
    def fails(self, status, words, *options):
        r = self.county.run("export", "ledger", *options, ok=False)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertIn(words, r.stderr)
        self.assertEqual(r.stdout, "")

    def test_are_named(self):
        self.fails(2, "the themes are environment, housing, relocation, water", "--theme", "../params")
        self.fails(2, "one of them", "--theme", "water", "--village", VILLAGE, "--town", "104")
        self.fails(2, "12 digits", "--theme", "water", "--village", "340825104000")
        self.fails(2, "three digits", "--theme", "water", "--town", "1x4")
        self.fails(2, "needs --output", "--theme", "water", "--format", "xlsx")
        self.fails(1, "is not in the county", "--theme", "water", "--village", "110101001001")
        self.fails(1, "no village in the register", "--theme", "water", "--town", "999")
        self.fails(3, "/nonexistent/x.csv", "--theme", "water", "--output", "/nonexistent/x.csv")

    def test_a_county_changes_what_stands_in_it(self):
        schema = os.path.join(zf.tempdir("schema"), "schema")
        subprocess.run(["cp", "-r", zf.SCHEMA, schema], check=True)
        path = os.path.join(schema, "ledgers", "toilets.sql")
        out_path = os.path.join(schema, "out")

        def write(sql):
            with open(path, "w") as f:
                f.write("-- ledger: toilets\r\n-- title-zh: 改厕台账 \r\n" + sql)

        write("SELECT village AS 区划代码, '=1+1' AS 公式 FROM temp.asked;")
        out = self.county.run("export", "ledger", "--theme", "toilets", "--village", VILLAGE, "--schema-dir", schema)
        self.assertIn('"改厕台账"', out.stdout)
        self.assertIn('"%s","\'=1+1"' % VILLAGE, out.stdout)
        tasks = self.county.query("SELECT count(*) FROM task")
        for sql, words in (("SELECT absent FROM temp.asked;", "no such column: absent"),
                           ("DELETE FROM task;", "only SELECT"), ("SELECT 1 AS a;" * 4, "too many SELECTs")):
            write(sql)
            self.fails(2, words, "--theme", "toilets", "--schema-dir", schema)
            for kind in ("csv", "xlsx"):
                self.fails(2, words, "--theme", "toilets", "--schema-dir", schema, "--format", kind, "--output", out_path)
                self.assertFalse(os.path.exists(out_path))
        self.assertEqual(self.county.query("SELECT count(*) FROM task"), tasks)
        self.assertGreater(tasks, [(0,)])
        write("SELECT printf('%.*c', 40000, 'x') AS 说明 FROM temp.asked;")
        self.fails(3, "limit of 32,767", "--theme", "toilets", "--schema-dir", schema, "--format", "xlsx",
                   "--output", out_path)
        self.assertFalse(os.path.exists(out_path), "a cell that no workbook holds")
        folder = os.path.dirname(path)
        with open(path, "w") as f:
            f.write("-- title-zh: %s\nSELECT 1 AS a;" % ("长" * 50))
        self.fails(2, "'-- title-zh:' has more than", "--theme", "toilets", "--schema-dir", schema)
        for i in range(61):
            open(os.path.join(folder, "z%d.sql" % i), "w").close()
        for options in ((), ("--theme", "water")):
            self.fails(2, "more than 64 files", *options, "--schema-dir", schema)
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))
        self.fails(2, "there are no files", "--schema-dir", schema)

    def test_a_full_disk_leaves_the_document_of_before(self):
        def cramped():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))

        schema = os.path.join(zf.tempdir("schema"), "schema")
        out = zf.tempdir("out")
        path, link = os.path.join(out, "ledger.csv"), os.path.join(out, "link.csv")
        os.symlink("ledger.csv", link)
        subprocess.run(["cp", "-r", zf.SCHEMA, schema], check=True)
        with open(os.path.join(schema, "ledgers", "toilets.sql"), "w") as f:
            f.write("-- title-zh: x\nSELECT printf('%.*c', 100000, 'x') AS a;\n")
        with open(os.path.join(schema, "bulletin", "bulletin.md"), "w") as f:
            f.write("x" * 100000)
        commands = (("export", "ledger", "--theme", "toilets"), ("bulletin", "2019-05"))
        for cmd in commands:
            with open(path, "w") as f:
                f.write("before")
            os.chmod(path, 0o640)
            words = (*cmd[1:], "--schema-dir", schema, "--output", link)
            r = self.county.run(cmd[0], *words, ok=False, preexec_fn=cramped)
            self.assertEqual((r.returncode, "File too large" in r.stderr), (3, True), r.stderr)
            with open(path) as f:
                self.assertEqual(f.read(), "before")
            self.county.run(cmd[0], *words)
            self.assertGreater(os.path.getsize(path), 100000 - 1)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
            self.assertTrue(os.path.islink(link))
            self.assertEqual(sorted(os.listdir(out)), ["ledger.csv", "link.csv"])
            r = self.county.run(cmd[0], *words[:-1], "/dev/full", ok=False)
            self.assertEqual((r.returncode, "No space left" in r.stderr), (3, True), r.stderr)


if __name__ == "__main__":
    scenario.main()
