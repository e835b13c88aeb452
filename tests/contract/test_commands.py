"""The operator commands as somebody meets them who makes mistakes: help, errors that say what, where
and what is allowed, exit statuses, JSON for programs, parameters.

    python3 test_commands.py PATH/TO/zoufang [Class.case ...]
"""
import json
import os
import re
import sqlite3
import subprocess
import threading
import unittest

import zf
from zf import HOUSE

COMMANDS = ("serve init import export bulletin param device relay monitor validate digest rebuild check backup"
            " restore simulate").split()
WITH_DIR = [c for c in COMMANDS if c not in ("init", "validate")]
# A command line that is right but for --data.
RIGHT = {"serve": "serve --standalone --port 1", "import": "import units /dev/null",
         "export": "export tasks", "bulletin": "bulletin 2019-01", "param": "param list", "device": "device list",
         "relay": "relay list", "monitor": "monitor list", "backup": "backup /tmp/zf-none/b.db",
         "restore": "restore /tmp/zf-none.db", "simulate": "simulate --port 1 --seconds 1"}


BROKEN = b"SQLite format 3\0 and no more"


def write(path, content):
    with open(path, "wb") as f:
        f.write(content)
    return path


class Plain(unittest.TestCase):
    """Beside no server; the county is only read, but where a case has its own."""

    @classmethod
    def setUpClass(cls):
        cls.data = zf.base_county()
        cls.place = zf.tempdir("commands")

    def fails(self, status, words, *args, data=None):
        """The command ends with the status; standard error has the words, standard output nothing."""
        where = () if data == "" else ("--data", data or self.data)
        r = zf.command(*args, *where, ok=False)
        self.assertEqual(r.returncode, status, (args, r.stdout, r.stderr))
        for w in words.split("|"):
            self.assertIn(w, r.stderr, args)
        self.assertNotIn("Sanitizer", r.stderr)
        self.assertNotIn("runtime error", r.stderr)
        return r

    def own_county(self, name):
        return zf.County(name)


class Help(Plain):
    def test_list_says_what_each_does(self):
        text = zf.command("--help").stdout
        lines = re.findall(r"^  ([a-z]+) +(\S.*)$", text, re.M)
        self.assertEqual([c for c, _ in lines], COMMANDS)
        self.assertTrue(all(len(t) > 10 for _, t in lines), text)

    def test_each_has_options_an_example_and_exit_statuses(self):
        for c in COMMANDS:
            with self.subTest(c):
                r = zf.command(c, "--help")
                self.assertEqual(r.stderr, "")
                usage = r.stdout.split("\n\n")[0]
                self.assertTrue(usage.startswith("usage: zoufang %s " % c))
                for option in set(re.findall(r"--[a-z][a-z-]+", usage)):
                    self.assertRegex(r.stdout, r"(?m)^  (.*, )?%s\b" % option)
                self.assertRegex(r.stdout, r"(?m)^Example:\n  zoufang %s " % c)
                self.assertEqual(re.findall(r"(?m)^  ([0-3])  ", r.stdout), list("0123"))
                self.assertLessEqual(max(map(len, r.stdout.splitlines())), 100)
        self.assertEqual(zf.command("relay", "add", "--help").stdout,
                         zf.command("relay", "--help").stdout)

    def test_examples_are_accepted(self):
        """Each example's options and arguments are right: what fails is not the command line."""
        for c in COMMANDS:
            example = re.search(r"Example:\n  zoufang (.*)", zf.command(c, "--help").stdout)[1]
            words = [w for w in example.split() if not w.startswith(">")]
            if c == "init":
                words[words.index("--data") + 1] = "/dev/null"
            elif "--data" in words:
                words[words.index("--data") + 1] = "/tmp/zf-none"
            r = zf.command(*words, ok=False)
            self.assertIn(r.returncode, (1, 3), (example, r.stderr))

    def test_usage_error_repeats_the_usage_lines(self):
        for c in COMMANDS:
            usage = zf.command(c, "--help").stdout.split("\n\n")[0]
            self.fails(2, usage, c, "--frob", data="")


class Mistakes(Plain):
    def test_command_line(self):
        self.fails(2, "no command 'frob'|export", "frob", data="")
        self.assertEqual(zf.command(ok=False).returncode, 2)
        for c in COMMANDS:
            right = RIGHT.get(c, c).split()
            self.fails(2, "'--frob'", *right, "--frob")
            self.fails(2, "--data needs a value", *right, "--data", data="")
            self.fails(2, "--data needs a value", *right, "--data", "--json", data="")
            self.fails(2, "--data is given twice", *right, "--data", "a")
            self.fails(2, "--clock 'noon'|2019-06-12T10:00:00+08:00", *right, "--clock", "noon")
            self.fails(2, "--log-level 'loud'|error, warn, info or debug", *right, "--log-level", "loud")
            extra = ("instance", "one more") if c == "validate" else ("one more",)
            self.fails(2, "unexpected 'one more'", *right, *extra)

    def test_help_has_every_kind(self):
        for line in ("export moons", "import moons x"):
            r = self.fails(2, "the kinds are", *line.split())
            kinds = re.search(r"the kinds are (.*)", r.stderr)[1].split(", ")
            text = " ".join(zf.command(line.split()[0], "--help").stdout.split())
            listed = re.search(r"KIND is one of ([a-z, ]*?)[( .]*(?:\(what import reads\), ([a-z, ]*))?\.",
                               text)
            self.assertEqual(set(kinds), set(", ".join(x for x in listed.groups() if x).split(", ")))

    def test_missing_parts(self):
        for line, words in (("import", "KIND is missing"), ("import units", "FILE is missing"),
                            ("export", "KIND is missing"), ("backup", "FILE is missing"),
                            ("restore", "FILE is missing"), ("device", "add, list, revoke"),
                            ("device add", "--cadre ID is missing"), ("device revoke", "ID is missing"),
                            ("relay add", "--town NNN is missing"), ("relay files r-1", "--to FOLDER"),
                            ("relay files --to x", "ID is missing"), ("param", "list, get, set, unset"),
                            ("param get", "NAME is missing"), ("param set a", "VALUE is missing"),
                            ("validate", "one of --form FORM and --schema FILE"),
                            ("serve --standalone", "--port N, 1 to 65534")):
            self.fails(2, words, *line.split())
        for c in WITH_DIR:
            self.fails(2, "--data DIR", *RIGHT.get(c, c).replace("--port 1 --seconds 1", "").split(),
                       data="")

    def test_values(self):
        for status, line, words in (
                (2, "export tasks --format xml", "--format 'xml'|csv or ndjson"),
                (2, "export moons", "KIND 'moons'|households, persons|rejected"),
                (2, "export tasks --all --all", "--all is given twice"),
                (2, "export tasks --json", "--format ndjson"),
                (2, "import moons x.csv", "KIND 'moons'|divisions, units"),
                (2, "import units x.csv --encoding latin1", "'latin1'|utf-8 or gb18030"),
                (2, "device frob", "no 'frob'|add, list, revoke"),
                (2, "monitor files", "no 'files'|add, list, revoke"),
                (2, "device add --town 104", "'--town'"),
                (1, "device add --cadre C-99999", "C-99999|register of cadres"),
                (1, "device revoke d-none", "d-none|zoufang device list"),
                (2, "relay add --town 10", "--town '10'|three digits"),
                (1, "relay add --town 999", "--town 999|340825999000"),
                (2, "relay add --town 104 --county-port 0", "--county-port '0'|1 to 65535"),
                (2, "relay add --town 104 --county-host ", "without blanks"),
                (1, "relay files r-none --to /tmp", "r-none|zoufang relay list"),
                (2, "serve --standalone --port 70000", "--port '70000'|1 to 65534"),
                (2, "serve --port 1", "--standalone|zoufang.conf"),
                (2, "init --county 12", "--county '12'|6 digits"),
                (2, "simulate --phones 0", "--phones '0'|1 to 500"),
                (2, "simulate --phones 1.5", "whole number"),
                (2, "simulate --uri here", "--uri 'here'|tcp://HOST:PORT"),
                (2, "simulate --devices f", "--county CODE"),
                (2, "validate --form nope", "--form nope|visit.household"),
                (2, "validate --form nope --schema x", "one of"),
                (1, "init", "holds a county already"),
                (1, "init --sample --small", "holds a county already"),
                (1, "param get housing.stop", "campaign.housing.stop"),
                (1, "param get campaign.housing.stpo", "near it|campaign.housing.stop"),
                (1, "param get zzzz", "zoufang param list"),
                (1, "param set campaign.housing.stop soon", "'soon'|date such as 2019-09-30"),
                (1, "param set campaign.housing.stop 2019-02-30", "date"),
                (1, "param set visit.far_km 3km", "'3km'|number"),
                (1, "param set visit.far_km nan", "number")):
            self.fails(status, words, *line.split(" "))

    def test_a_directory_that_holds_no_county(self):
        empty = zf.tempdir("empty")
        broken = zf.tempdir("broken")
        write(broken + "/zoufang.db", b"these are not the bytes of a database")
        for c in WITH_DIR:
            right = RIGHT.get(c, c).split()
            self.fails(3, "/tmp/zf-none: No such file or directory", *right, data="/tmp/zf-none")
            if c != "restore":
                self.fails(1, "no county is here|zoufang init", *right, data=empty)
                self.fails(1, broken + "/zoufang.db: not a database", *right, data=broken)
                self.fails(3, "not a directory", *right, data="/dev/null")
        self.assertEqual(os.listdir(empty), [])
        self.fails(3, "/tmp/zf-none|No such file", "check", "--online", data="/tmp/zf-none")

    def test_files(self):
        county = self.own_county("files")
        junk = write(self.place + "/junk", os.urandom(5000))
        nothing = write(self.place + "/nothing", b"")
        foreign = self.place + "/foreign.db"
        db = sqlite3.connect(foreign)
        db.execute("CREATE TABLE t(a)")
        db.commit()
        db.close()
        before = county.digest()
        for status, file, words in ((1, junk, "not a database"), (1, nothing, "not a database"),
                                    (1, foreign, "no county"), (3, self.place, "directory"),
                                    (3, self.place + "/none", "No such file")):
            self.fails(status, file + "|" + words, "restore", file, data=county.data)
            self.assertEqual(county.digest(), before)
        self.assertEqual([f for f in os.listdir(county.data) if "replaced" in f or "tmp" in f], [])
        self.fails(1, junk + ": exists already", "backup", junk)
        self.fails(3, "/tmp/zf-none/b.db: No such file", "backup", "/tmp/zf-none/b.db")
        self.fails(1, junk + "|UTF-8", "import", "units", junk)
        self.fails(3, self.place + "/none: No such file", "import", "units", self.place + "/none")
        self.fails(3, self.place + "/none: No such file", "validate", "--form", "visit.household",
                   self.place + "/none", data="")
        self.fails(1, junk + ": line 1", "validate", "--form", "visit.household", junk, data="")
        self.fails(2, junk + ": line 1", "validate", "--schema", junk, "/dev/null", data="")
        self.fails(3, "No such file", "simulate", "--devices", "/tmp/zf-none", "--county", "340825",
                   "--port", "1")
        for c in ("check", "init", "serve", "validate"):
            line = {"serve": RIGHT["serve"], "validate": "validate --form visit.household"}.get(c, c)
            self.fails(2, "/tmp/zf-none: no folder of forms, rules and views", *line.split(),
                       "--schema-dir", "/tmp/zf-none",
                       data=self.place + "/new" if c == "init" else None)

    def test_configuration(self):
        county = self.own_county("conf")
        path = county.data + "/zoufang.conf"
        for text, words in (("[server]\nlog_levl = info\n", "2|'log_levl'|[server] log_level"),
                            ("[sever]\nlog_level = info\n", "2|[sever]"),
                            ("[server]\nlog_level = loud\n", "2|loud|error, warn, info or debug"),
                            ("[broker]\nuri = broker:1883\n", "2|tcp://HOST:PORT or ssl://HOST:PORT"),
                            ("[broker]\nmqtt_version = 4\n", "2|5, 3.1.1 or auto"),
                            ("[relay]\ncounty_port = x\n", "2|1 to 65535"),
                            ("[server]\nnonsense\n", "2|key = value")):
            write(path, text.encode())
            line, *rest = words.split("|")
            self.fails(2, "|".join(["%s:%s:" % (path, line)] + rest), "digest", data=county.data)
            r = zf.command("check", "--json", "--data", county.data, ok=False)
            self.assertEqual(r.returncode, 2)
            found = json.loads(r.stdout)
            self.assertEqual((found["ok"], found["configuration"], found["database"]),
                             (False, False, None))
            self.assertIn(rest[0], found["error"])

    def test_files_of_the_configuration(self):
        county = self.own_county("conffiles")
        for key in ("ca_file", "password_file"):
            write(county.data + "/zoufang.conf", ("[broker]\n%s = /none/x\n" % key).encode())
            self.fails(3, "[broker] %s /none/x: No such file" % key, "serve", data=county.data)

    def test_full_disk(self):
        for line in ("export households", "digest", "--help", "param list", "device list"):
            args = line.split() + (["--data", self.data] if line != "--help" else [])
            with open("/dev/full", "w") as full:
                r = subprocess.run([zf.ZOUFANG, *args], stdout=full, stderr=subprocess.PIPE,
                                   universal_newlines=True)
            if line == "device list":  # there are none
                self.assertEqual(r.returncode, 0)
                continue
            self.assertEqual(r.returncode, 3, (line, r.stderr))
            self.assertIn("No space left", r.stderr)

    def mounted(self, script):
        """Each line of the commands' errors, run by a shell with mounts of its own."""
        r = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", zf.ZOUFANG,
                            zf.tempdir("mount"), self.data], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, universal_newlines=True)
        if "NO MOUNT" in r.stdout or "unshare" in r.stderr:
            self.skipTest("no mounts here: " + r.stderr)
        return r.stdout + r.stderr

    def test_full_data_directory(self):
        said = self.mounted("""
            mount -t tmpfs -o size=32m tmpfs "$2" || { echo NO MOUNT; exit; }
            cp -r "$3" "$2/c"; head -c 64m /dev/zero >"$2/fill" 2>/dev/null
            for c in "device add --cadre C-00412" "param set visit.far_km 4" check digest \
                "serve --standalone --port 1"; do
                "$1" $c --data "$2/c" 2>&1 >/dev/null; echo "= $?"
            done""")
        self.assertEqual(said.count("the disk of "), 5, said)
        self.assertEqual(said.count("\n= 3\n"), 5, said)

    def test_read_only_data_directory(self):
        said = self.mounted("""
            mount --bind "$3" "$2" && mount -o remount,ro,bind "$2" || { echo NO MOUNT; exit; }
            for c in "device list" "param set visit.far_km 4" check "backup /tmp/zf-none.db" \
                "serve --standalone --port 1"; do
                "$1" $c --data "$2" 2>&1 >/dev/null; echo "= $?"
            done""")
        self.assertEqual(said.count("cannot be read and written: Read-only file system"), 5, said)
        self.assertEqual(said.count("\n= 3\n"), 5, said)


class Json(Plain):
    def object(self, *args, data=None, status=0):
        r = zf.command(*args, "--json", "--data", data or self.data, ok=False)
        self.assertEqual(r.returncode, status, r.stderr)
        return json.loads(r.stdout)

    def test_check(self):
        self.assertEqual(self.object("check"), {
            "ok": True, "configuration": True, "database": True, "schema": True,
            "form_versions": len(os.listdir(zf.SCHEMA + "/forms")), "error": None})
        self.assertEqual(self.object("check", "--online", status=3), {"running": False})
        found = self.object("check", data=zf.tempdir("none"), status=1)
        self.assertEqual((found["ok"], found["database"], found["schema"]), (False, False, None))

    def test_rebuild(self):
        county = self.own_county("rebuild")
        self.assertEqual(self.object("rebuild", "--check", data=county.data), {
            "same": True, "merge": True, "derivation": True, "differences": []})
        db = sqlite3.connect(county.data + "/zoufang.db")
        self.assertGreater(db.execute("DELETE FROM ledger WHERE subject LIKE '340825104299-%'").rowcount, 0)
        db.commit()
        db.close()
        found = self.object("rebuild", "--check", data=county.data, status=1)
        self.assertEqual((found["same"], found["merge"], found["derivation"]), (False, True, False))
        self.assertTrue(found["differences"])
        count = county.query("SELECT count(*) FROM record WHERE outcome = 1")[0][0]
        self.assertEqual(self.object("rebuild", data=county.data), {"records": count})
        # What changed while no server ran is nothing that differs: a server would ask for it.
        county.run("param", "set", "visit.month_count", "2")
        self.assertTrue(self.object("rebuild", "--check", data=county.data)["same"])
        self.assertTrue(self.object("rebuild", "--check", data=county.data)["same"])

    def test_backup_and_restore(self):
        county = self.own_county("backup")
        file = self.place + "/b \"1\".db"
        self.assertEqual(self.object("backup", file, data=county.data), {"file": file})
        epoch = self.object("digest", data=county.data)["epoch"]
        fresh = self.object("restore", file, data=county.data)["epoch"]
        self.assertNotEqual(fresh, epoch)
        self.assertEqual(self.object("digest", data=county.data)["epoch"], fresh)

    def test_sample_and_small_are_small(self):
        new = self.place + "/small"
        self.assertEqual(self.object("init", "--sample", "--small", data=new)["townships"], 2)


class Running(Plain):
    """What a server says of itself beside it."""

    def test_what_a_server_says(self):
        county = self.own_county("says")
        county.serve()
        try:
            with open(county.data + "/server.json") as f:
                self.assertEqual(json.load(f)["pid"], county.process.pid)
            self.assertEqual([f for f in os.listdir(county.data) if f.endswith(".tmp")], [])
            r = zf.command("check", "--online", "--json", "--data", county.data)
            self.assertEqual(json.loads(r.stdout), {"running": True})
        finally:
            county.close()

    def test_looking_takes_no_lock(self):
        """However many look whether a server runs, one that starts is never refused."""
        county = self.own_county("lock")
        zf.command("check", "--online", "--data", county.data, ok=False)
        self.assertFalse(os.path.exists(county.data + "/server.lock"))
        stop = threading.Event()

        def look():
            while not stop.is_set():
                zf.command("check", "--online", "--data", county.data, ok=False)
        threads = [threading.Thread(target=look) for _ in range(4)]
        broken = write(self.place + "/broken.db", BROKEN)
        for t in threads:
            t.start()
        try:
            for _ in range(8):  # takes the lock of a server, and ends
                r = zf.command("restore", broken, "--data", county.data, ok=False)
                self.assertNotIn("a server is running", r.stderr)
                self.assertEqual(r.returncode, 1, r.stderr)
                self.assertIn(broken, r.stderr)
        finally:
            stop.set()
            for t in threads:
                t.join()

    def test_what_an_earlier_server_said_is_not_believed(self):
        """A server that starts has the lock and no broker yet."""
        county = self.own_county("stale")
        county.serve()
        county.stop()
        r = zf.command("check", "--online", "--data", county.data, ok=False)
        self.assertEqual(r.returncode, 3)
        zf.command("restore", write(self.place + "/b.db", BROKEN), "--data", county.data, ok=False)
        self.assertFalse(os.path.exists(county.data + "/server.json"))


class Parameters(zf.ContractCase):
    """Thresholds and dates of this county, beside a running server and without one."""
    SERVE = False

    def setUp(self):
        self.county = zf.County("param")
        self.addCleanup(self.county.close)

    def run_(self, line, **kw):
        verb, *rest = line.split()
        return self.county.run("param " + verb, *rest, **kw)

    def values(self):
        lines = self.run_("list --json").stdout.splitlines()
        return {d["name"]: d["value"] for d in map(json.loads, lines)}

    def test_list_get_set_unset(self):
        shipped = {}
        with open(zf.SCHEMA + "/params.csv") as f:
            for line in f.read().splitlines()[1:]:
                name, value = line.split(",")[:2]
                shipped[name] = value or None
        have = self.values()
        self.assertEqual(set(have), set(shipped))
        self.assertEqual({n for n in have if have[n] != shipped[n]} - {n for n in have if n.startswith(
            "target.")}, set())
        self.run_("set income_line_yuan 3747.5")
        self.assertEqual(self.run_("get income_line_yuan").stdout, "3747.5\n")
        self.assertIn("income_line_yuan = 3747.5\n", self.run_("list").stdout)
        self.assertEqual(json.loads(self.run_("get stop.exit --json").stdout),
                         {"name": "stop.exit", "value": "2019-12-31", "type": "date"})
        self.run_("unset income_line_yuan")
        self.assertEqual(self.run_("get income_line_yuan").stdout, "\n")
        self.assertIn("income_line_yuan =\n", self.run_("list").stdout)
        self.assertEqual(self.county.query("SELECT value FROM param WHERE name = 'income_line_yuan'"),
                         [(None,)])
        for name in shipped:
            if shipped[name]:
                self.run_("set %s %s" % (name, have[name]))
        self.county.rebuild_check()

    def house(self):
        phone = self.county.phone("C-00901")
        answer = phone.send(phone.record("inspect.housing", HOUSE, {
            "bld": 1, "kind": "appraise", "use": "resident", "sole_home": True, "structure": "土木",
            "built_year": 1986, "area_m2": 72, "grade": "D", "cert_no": "ZJ-2019-0099",
            "action": "rebuild", "parts": {"foundation": "b", "wall": "d", "frame": "c", "roof": "c",
                                           "site": "b"}, "photos": [zf.PHOTO, zf.PHOTO2]}))
        self.assertEqual(answer["outcome"], "stored", answer)

    def accept(self, task):
        """When the house is to be accepted: ten days before the stop of the campaign."""
        found = re.search(r'"accept"[^}]*?(\d{4}-\d\d-\d\d)', json.dumps(task or ""))
        return found and found[1]

    def test_a_running_server_derives_anew(self):
        topic = "village/104/299/tasks/T-H2-%s-b01-1" % HOUSE
        self.county.serve()
        self.house()
        watch = self.county.watch()
        watch.until(lambda t: self.accept(t.get(topic)) == "2019-09-20", "the task")
        refused = self.county.run("rebuild", ok=False)
        self.assertEqual((refused.returncode, "running" in refused.stderr), (3, True), refused.stderr)
        self.run_("set campaign.housing.stop 2019-10-31")
        watch.until(lambda t: self.accept(t.get(topic)) == "2019-10-21", "its new date")
        self.run_("unset campaign.housing.stop")
        watch.until(lambda t: topic in t and not self.accept(t[topic]), "no stop: no date is guessed")
        self.county.stop()
        self.run_("set campaign.housing.stop 2019-08-31")
        self.county.serve()
        watch = self.county.watch()
        watch.until(lambda t: self.accept(t.get(topic)) == "2019-08-21", "set without a server")
        self.county.rebuild_check()


if __name__ == "__main__":
    zf.main()
