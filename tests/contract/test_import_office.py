"""Tables as a county office has them: CSV in both encodings, Excel workbooks, dates and numbers in the
spellings that spreadsheets give, a rehearsal, and what is said of rows that are wrong.

    python3 test_import_office.py PATH/TO/zoufang [Class.case ...]
"""
import io
import json
import os
import csv
import sqlite3
import unittest
import zipfile
from xml.sax.saxutils import escape

import zf
from zf import VILLAGE as V

UNITS = [["单位编号", "名称", "级别"], ["U-T104", "寺前镇", "乡"], ["U-S1", "县住建局", "county"]]
PERSONS = ["人员编号", "姓名", "性别", "出生日期", "与户主关系", "务工月数", "参加基本医保"]


def text_of(rows, end="\r\n"):
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


class Day(int):
    """A cell that is a day: its number, shown by the format that Excel calls 31 (2019年6月1日)."""


def workbook(path, *sheets):
    """sheets: (name, rows); a cell is a text, a number, a bool, a Day or None."""
    names = "".join('<sheet name="%s" sheetId="%d" r:id="rId%d"/>' % (escape(n), i, i)
                    for i, (n, _) in enumerate(sheets, 1))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    head = '<?xml version="1.0" encoding="UTF-8"?>'

    def cell(value, row, column):
        at = 'r="%s%d"' % (chr(ord("A") + column), row)
        if value is None:
            return ""
        if isinstance(value, bool):
            return '<c %s t="b"><v>%d</v></c>' % (at, value)
        if isinstance(value, Day):
            return '<c %s s="1"><v>%d</v></c>' % (at, value)
        if isinstance(value, (int, float)):
            return "<c %s><v>%r</v></c>" % (at, value)
        return '<c %s t="inlineStr"><is><t>%s</t></is></c>' % (at, escape(value))

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", head + '<Types xmlns="%scontent-types">' % package
                   + '<Default Extension="rels" ContentType="application/vnd.openxmlformats-'
                   'package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
                   '<Override PartName="/xl/workbook.xml" ContentType="%ssheet.main+xml"/>' % kind
                   + '<Override PartName="/xl/styles.xml" ContentType="%sstyles+xml"/>' % kind
                   + "".join('<Override PartName="/xl/worksheets/sheet%d.xml" '
                             'ContentType="%sworksheet+xml"/>' % (i, kind)
                             for i in range(1, len(sheets) + 1)) + "</Types>")
        z.writestr("_rels/.rels", head + '<Relationships xmlns="%srelationships"><Relationship Id="rId1" '
                   'Type="%s/officeDocument" Target="xl/workbook.xml"/></Relationships>' % (package, rel))
        z.writestr("xl/workbook.xml", head + '<workbook xmlns="%s" xmlns:r="%s"><sheets>%s</sheets>'
                   "</workbook>" % (main, rel, names))
        z.writestr("xl/_rels/workbook.xml.rels", head + '<Relationships xmlns="%srelationships">' % package
                   + "".join('<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>'
                             % (i, rel, i) for i in range(1, len(sheets) + 1))
                   + '<Relationship Id="rId99" Type="%s/styles" Target="styles.xml"/></Relationships>' % rel)
        z.writestr("xl/styles.xml", head + '<styleSheet xmlns="%s"><fonts count="1"><font/></fonts><fills '
                   'count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1">'
                   '<xf numFmtId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="31" '
                   'applyNumberFormat="1"/></cellXfs>'
                   "</styleSheet>" % main)
        for i, (_, rows) in enumerate(sheets, 1):
            lines = "".join('<row r="%d">%s</row>' % (n, "".join(cell(v, n, c) for c, v in enumerate(row)))
                            for n, row in enumerate(rows, 1) if row)
            z.writestr("xl/worksheets/sheet%d.xml" % i, head + '<worksheet xmlns="%s"><sheetData>%s'
                       "</sheetData></worksheet>" % (main, lines))
    return path


class Office(unittest.TestCase):
    def setUp(self):
        self.place = zf.tempdir("office")
        self.data = os.path.join(self.place, "county")
        zf.command("init", "--data", self.data)

    def file(self, content, name="t.csv"):
        path = os.path.join(self.place, name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def take(self, kind, path, *options, status=0, env=None):
        r = zf.command("import", kind, path, "--data", self.data, *options, ok=False, env=env)
        self.assertEqual(r.returncode, status, r.stdout + r.stderr)
        self.assertNotIn("Sanitizer", r.stderr)
        return r

    def query(self, sql, *args):
        db = sqlite3.connect("file:%s/zoufang.db?mode=ro" % self.data, uri=True)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def names(self, kind):
        return [r[0] for r in self.query("SELECT doc ->> '$.name' FROM entity WHERE kind = ?"
                                         " ORDER BY id", kind)]


class Encodings(Office):
    def test_each_is_found_out_and_said(self):
        for name, content in (("utf-8", text_of(UNITS).encode()),
                              ("utf-8", b"\xef\xbb\xbf" + text_of(UNITS, "\n").encode()),
                              ("gb18030", text_of(UNITS).encode("gb18030"))):
            with self.subTest(name):
                r = self.take("units", self.file(content), "--json")
                self.assertIn("read as " + name, r.stderr)
                self.assertEqual(json.loads(r.stdout)["encoding"], name)
                self.assertEqual(self.names("unit"), ["县住建局", "寺前镇"])

    def test_a_character_that_only_gb18030_has_in_four_bytes(self):
        rows = [UNITS[0], ["U-1", "㐀村", "村"]]
        self.take("units", self.file(text_of(rows).encode("gb18030")))
        self.assertEqual(self.names("unit"), ["㐀村"])

    def test_neither_says_where(self):
        good = text_of([UNITS[0], ["U-1", "好", "县"]]).encode()
        bad = good + b'"U-2,x",\xff\xff\xe5\xa5,county\r\n'
        r = self.take("units", self.file(bad), status=1)
        self.assertIn("line 3, column 2 (byte 9 of the line)", r.stderr)
        self.assertIn("UTF-8 nor GB18030", r.stderr)
        self.assertEqual(self.names("unit"), [])

    def test_one_that_was_asked_for_must_fit(self):
        path = self.file(text_of(UNITS).encode("gb18030"))
        r = self.take("units", path, "--encoding", "utf-8", status=1)
        self.assertIn("line 1, column 1", r.stderr)
        self.assertIn("--encoding gb18030", r.stderr)
        self.take("units", path, "--encoding", "gb18030")
        r = self.take("units", self.file(text_of(UNITS).encode("utf-16")), status=1)
        self.assertIn("UTF-16", r.stderr)

    def test_a_byte_that_is_no_character(self):
        r = self.take("units", self.file(text_of(UNITS).encode() + b"U-3,a\0b,county\r\n"), status=1)
        self.assertIn("line 4, column 2", r.stderr)


class Cells(Office):
    def person(self, number, **cells):
        row = dict(zip(PERSONS, ["%s-03-0017-%02d" % (V, number), "测试", "男", "1972-04-14", "户主",
                                 "", ""]))
        row.update(cells)
        return list(row.values())

    def docs(self, kind):
        return {i[-2:]: json.loads(d) for i, d in
                self.query("SELECT id, doc FROM entity WHERE kind = ?", kind)}

    def test_dates_numbers_and_answers_as_people_write_them(self):
        dates = ["1972-04-14", "1972/4/14", "1972年4月14日", "1972.04.14", "1972/4/14 0:00",
                 "１９７２／４／１４", "　1972-4-14　"]
        rows = [PERSONS] + [self.person(i, 出生日期=d, 务工月数=m, 参加基本医保=b)
                            for i, (d, m, b) in enumerate(zip(dates, ["6", "６", "6.0", "", "6", "6", "6"],
                                                              "是 否 TRUE 0 yes no 有".split()), 1)]
        self.take("persons", self.file(text_of(rows).encode("gb18030")))
        docs = self.docs("person")
        self.assertEqual({d["birth"] for d in docs.values()}, {"1972-04-14"})
        self.assertEqual({d.get("work_months") for d in docs.values()}, {6, None})
        self.assertEqual([docs["%02d" % i]["insured"] for i in range(1, 8)],
                         [True, False, True, False, True, False, True])

    def test_texts_keep_their_full_width_signs(self):
        self.take("persons", self.file(text_of([PERSONS, self.person(1, 姓名="测试(甲)")]).encode()))
        self.take("persons", self.file(text_of([PERSONS, self.person(2, 姓名="测试（乙）")]).encode()))
        self.assertEqual(self.names("person"), ["测试(甲)", "测试（乙）"])

    def test_what_is_no_date_or_number_is_refused(self):
        rows = [PERSONS, self.person(1, 出生日期="2019-02-30"), self.person(2, 出生日期="14/4/1972"),
                self.person(3, 出生日期="43617"), self.person(4, 务工月数="1,2"),
                self.person(5, 务工月数="13"), self.person(6, 性别="不详")]
        r = self.take("persons", self.file(text_of(rows).encode()), status=1)
        for line, column, value in ((5, "6 (务工月数)", "1,2"), (6, "6 (务工月数)", "13"),
                                    (7, "3 (性别)", "不详")):
            self.assertRegex(r.stderr, r"line %d, column %s “%s”: .+ / .+"
                             % (line, column.replace("(", r"\(").replace(")", r"\)"), value))
        # A date of birth belongs to what a terminal does not keep.
        for line in (2, 3, 4):
            self.assertRegex(r.stderr, r"line %d, column 4 \(出生日期\): .+ / .+" % line)
        self.assertNotIn("43617", r.stderr)
        self.assertIn("6 bad rows", r.stderr)
        self.assertEqual(self.names("person"), [])

    def test_years_of_two_digits_are_refused(self):
        head = ["对象编号", "包保类别", "干部", "开始日期"]
        for day, ok in (("19/6/1", False), ("1/6/19", False), ("2019/6/1", True)):
            path = self.file(text_of([head, [V + "-03-0017", "cadre_household", "C-1", day]]).encode())
            r = self.take("assignments", path, "--dry-run", status=0 if ok else 1)
            self.assertEqual("line 2, column 4 (开始日期) “%s”" % day in r.stderr, not ok, r.stderr)

    def test_numbers_that_are_too_large_or_end_in_zeros(self):
        head = ["户编号", "村民组", "户类型", "贫困状态", "建档立卡年度"]
        row = [V + "-03-0017", "3", "一般贫困户", "exited"]
        for text in ("9223372036854775808", "99999999999999999999999"):
            r = self.take("households", self.file(text_of([head, row + [text]]).encode()), status=1)
            self.assertIn("“%s”" % text, r.stderr)
        self.take("households", self.file(text_of([head, row + ["2,017.00"]]).encode()))
        self.assertEqual(self.query("SELECT doc -> '$.listed_year' FROM entity WHERE kind = 'household'"), [("2017",)])

    def test_what_spreadsheets_take_for_a_formula(self):
        """Exports put a ' before it, which imports take away; a ' alone stays."""
        names = ["=1+1", "＝1+1甲", "＋甲", "'", "'甲", "甲\n乙"]
        self.take("persons", self.file(text_of([PERSONS] + [
            self.person(i, 姓名=n) for i, n in enumerate(names, 1)]).encode()))
        self.assertEqual(self.names("person"), names)
        text = zf.command("export", "persons", "--data", self.data).stdout
        shown = [r["姓名"] for r in csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))]
        self.assertEqual(shown, ["'=1+1", "'＝1+1甲", "'＋甲", "'", "'甲", "甲\n乙"])
        before = self.query("SELECT doc FROM entity WHERE kind = 'person'")
        self.assertIn("6 the same", self.take("persons", self.file(text.encode())).stdout)
        self.assertEqual(self.query("SELECT doc FROM entity WHERE kind = 'person'"), before)

    def test_numbers_with_thousands(self):
        head = ["区划代码", "名称", "级别", "饮水安全任务人口"]
        for text, ok in (("1,050", True), ("1050", True), ("10,50", False), ("1,0500", False)):
            path = self.file(text_of([head, [V, "示例村", "village", text]]).encode())
            self.take("divisions", path, status=0 if ok else 1)


class Workbooks(Office):
    def test_cells_of_every_kind(self):
        rows = [PERSONS, ["%s-03-0017-01" % V, "测试甲", "男", Day(26403), "户主", 6, True], None,
                ["%s-03-0017-02" % V, "测试\n乙", "女", "1975/1/2", "配偶", None, False],
                [None] * 7]
        r = self.take("persons", workbook(os.path.join(self.place, "t.xlsx"), ("人", rows)), "--json")
        self.assertEqual(json.loads(r.stdout),
                         {"rows": 2, "records": 2, "bad": 0, "added": 2, "changed": 0, "same": 0,
                          "encoding": "utf-8", "workbook": True})
        one, two = (json.loads(d) for d, in self.query(
            "SELECT doc FROM entity WHERE kind = 'person' ORDER BY id"))
        self.assertEqual((one["birth"], one["work_months"], one["insured"]), ("1972-04-14", 6, True))
        self.assertEqual((two["birth"], two["insured"], "work_months" in two), ("1975-01-02", False, False))

    def test_cells_that_are_not_there_are_empty(self):
        """Few programs write the empty cells at the end of a row; an export as CSV may leave them out too."""
        rows = [PERSONS, ["%s-03-0017-01" % V, "测试甲", "男", Day(26403), "户主"],
                ["%s-03-0017-02" % V, "测试乙", "女", "1975/1/2", "配偶", 3]]
        self.take("persons", workbook(os.path.join(self.place, "t.xlsx"), ("人", rows)))
        text = text_of(rows).replace("26403", "1972-04-14")
        self.assertIn("2 the same", self.take("persons", self.file(text.encode())).stdout)
        self.assertEqual(self.names("person"), ["测试甲", "测试乙"])

    def test_a_year_or_a_month_is_no_day(self):
        """Though a workbook's days are numbers."""
        for value in (2019, 1906, 201906, 9999):
            rows = [PERSONS, ["%s-03-0017-01" % V, "测试甲", "男", value, "户主", None, None]]
            r = self.take("persons", workbook(os.path.join(self.place, "t.xlsx"), ("人", rows)), status=1)
            self.assertIn("line 2, column 4 (出生日期)", r.stderr)

    def test_lines_are_rows_of_the_sheet(self):
        rows = [UNITS[0], ["U-1", "两\n行", "县"], None, ["U-2", "好", "不"]]
        r = self.take("units", workbook(os.path.join(self.place, "t.xlsx"), ("表", rows)), status=1)
        self.assertIn("line 4, column 3 (级别) “不”", r.stderr)

    def test_a_sheet_by_name_or_number(self):
        path = workbook(os.path.join(self.place, "t.xlsx"), ("说明", [["请填第二张表"]]), ("单位", UNITS))
        self.assertIn("请填第二张表", self.take("units", path, status=1).stderr)
        self.take("units", path, "--sheet", "单位", "--dry-run")
        self.take("units", path, "--sheet", "2")
        self.assertEqual(self.names("unit"), ["县住建局", "寺前镇"])
        for sheet in ("没有", "7"):
            self.assertIn("the workbook cannot be read", self.take("units", path, "--sheet", sheet,
                                                                   status=1).stderr)
        self.assertIn("--sheet is for workbooks", self.take(
            "units", self.file(text_of(UNITS).encode()), "--sheet", "2", status=1).stderr)

    def test_broken_old_or_unreadable(self):
        path = workbook(os.path.join(self.place, "t.xlsx"), ("表", UNITS))
        with open(path, "rb") as f:
            content = f.read()
        r = self.take("units", self.file(content[:len(content) // 2], "b.xlsx"), status=1)
        self.assertIn("the workbook cannot be read", r.stderr)
        r = self.take("units", self.file(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "o.xls"), status=1)
        self.assertIn("save it as .xlsx", r.stderr)
        r = self.take("units", path, status=3, env=dict(os.environ, PATH="/nonexistent"))
        self.assertIn("apt-get install xlsx2csv", r.stderr)
        self.assertEqual(self.names("unit"), [])


class Rehearsal(Office):
    def test_says_what_would_come_and_stores_nothing(self):
        with open(os.path.join(zf.SCHEMA, "codes.json")) as f:
            codes = json.load(f)
        kinds = [codes["hh_type"]["ordinary"]["zh"], codes["poverty_status"]["none"]["zh"]]
        rows = [["户编号", "村民组", "户类型", "贫困状态"]] + [
            ["%s-01-%04d" % (V, i), "1", *kinds] for i in range(1, 4)]
        path = self.file(text_of(rows).encode())
        before = self.query("SELECT count(*) FROM record")
        out = json.loads(self.take("households", path, "--dry-run", "--json").stdout)
        self.assertEqual((out["added"], out["changed"], out["same"], out["records"]), (3, 0, 0, 0))
        self.assertEqual(self.query("SELECT count(*) FROM record"), before)
        self.take("households", path)
        rows[2][1] = "2"
        rows.append(["%s-01-0009" % V, "3", rows[1][2], rows[1][3]])
        path = self.file(text_of(rows).encode())
        r = self.take("households", path, "--dry-run")
        self.assertIn("would add 1, change 1, leave 2", r.stdout)
        self.assertIn("将新增 1、修改 1、不变 2", r.stdout)
        r = self.take("households", path)
        self.assertIn("1 added, 1 changed, 2 the same", r.stdout)

    def test_lists_that_are_there_already(self):
        path = self.file(text_of([["名单", "对象编号"], ["exit_villages", V]]).encode())
        self.assertIn("would add 1, change 0, leave 0", self.take("targets", path, "--dry-run").stdout)
        self.take("targets", path)
        self.assertIn("would add 0, change 0, leave 1", self.take("targets", path, "--dry-run").stdout)

    def test_every_bad_row_of_a_list_is_named(self):
        """More than a record names; and nothing of those that are right is stored."""
        rows = [["名单", "对象编号"]] + [["a", V + ("-01-%04d" if i % 2 else "-x%d") % i] for i in range(200)]
        r = self.take("targets", self.file(text_of(rows).encode()), status=1)
        for i in range(0, 200, 2):
            self.assertIn("line %d, column 2 (对象编号) “%s-x%d”" % (i + 2, V, i), r.stderr)
        self.assertIn("100 bad rows", r.stderr)
        self.assertEqual(self.query("SELECT count(*) FROM record WHERE form = 'register.target'"), [(0,)])
        rows = [["名单", "对象编号"]] + [["a", "%s-%02d-%04d" % (V, i // 1000 + 1, i)] for i in range(3001)]
        r = self.take("targets", self.file(text_of(rows).encode()), status=1)
        self.assertIn("line 2, column 2", r.stderr)
        self.assertIn("1 bad rows", r.stderr)

    def test_a_corrected_file_counts_after_the_clock_was_set_back(self):
        units = [UNITS[0], ["U-1", "错", "县"]]
        self.take("units", self.file(text_of(units).encode()), "--clock", "2019-07-01T10:00:00+08:00")
        units[1][1] = "对"
        r = self.take("units", self.file(text_of(units).encode()), "--clock", "2019-06-01T10:00:00+08:00")
        self.assertIn("1 changed", r.stdout)
        self.assertEqual(self.names("unit"), ["对"])

    def test_an_unknown_village_is_told_once(self):
        path = self.file(text_of([["名单", "对象编号"], ["a", V + "-01-0001"], ["a", V + "-01-0002"]]).encode())
        r = self.take("targets", path, "--dry-run")
        self.assertEqual(r.stderr.count("note: village %s of line 2 is not in the register" % V), 1)

    def test_an_import_does_all_or_nothing(self):
        rows = [UNITS[0]] + [["U-%d" % i, "单位", "县"] for i in range(500)] + [["U-500", "单位", "不"]]
        r = self.take("units", self.file(text_of(rows).encode()), status=1)
        self.assertIn("line 502, column 3 (级别) “不”", r.stderr)
        self.assertEqual(self.names("unit"), [])


class Template(Office):
    def test_an_empty_table_of_each_kind_can_be_imported(self):
        for kind in "divisions units cadres households persons targets assignments".split():
            with self.subTest(kind):
                text = zf.command("import", kind, "--template").stdout
                self.assertTrue(text.startswith("\ufeff"))
                columns = next(csv.reader(io.StringIO(text[1:])))
                self.assertEqual(len(columns), len(set(columns)))
                self.assertRegex("".join(columns), "[\u4e00-\u9fff]")
                r = self.take(kind, self.file(text.encode()))
                self.assertIn("0 rows imported", r.stdout)


if __name__ == "__main__":
    zf.main()
