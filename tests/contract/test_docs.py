#!/usr/bin/env python3
"""What the documents say must be what the program does: man page, usage texts, example of the
configuration, README, settings of the broker, error codes, limits, names of files.

usage: test_docs.py PATH/TO/zoufang
"""

import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
ZOUFANG = os.path.abspath(sys.argv.pop(1))
COMMON = {"--data", "--json", "--schema-dir", "--clock", "--log-level", "--help", "--version"}


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        return f.read()


def output(*command, status=0):
    p = subprocess.run(command, capture_output=True, text=True, check=False)
    assert p.returncode == status, (command, p.returncode, p.stderr)
    return p.stdout


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def man_page():
    text = output("mandoc", "-T", "utf8", "-O", "width=1000", os.path.join(SOURCE, "docs/zoufang.1"))
    return re.sub(r".\x08", "", text)


def commands():
    return re.findall(r"^  ([a-z]+) +\S", output(ZOUFANG, "--help"), re.M)


class ManPage(unittest.TestCase):
    def test_is_well_formed(self):
        p = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                            os.path.join(SOURCE, "docs/zoufang.1")],
                           capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stdout), (0, ""))

    def test_has_every_command(self):
        man = man_page()
        self.assertGreaterEqual(len(commands()), 15)
        for command in commands():
            self.assertRegex(man, rf"zoufang ([a-z]+ \| )*{command}\b")
            self.assertRegex(man, rf"(?m)^     ([a-z]+ \| )*{command}( |$)")

    def test_has_every_option_and_no_other(self):
        said = set().union(*(options(output(ZOUFANG, c, "--help")) for c in commands()))
        self.assertGreater(len(said), 20)
        self.assertEqual(said - options(man_page()), set(), "not in the man page")
        self.assertEqual(options(man_page()) - said - COMMON, set(), "not in any usage text")


class Configuration(unittest.TestCase):
    """The example that init writes is the table of conf.c."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="zf-docs-", dir="/tmp")
        output(ZOUFANG, "init", "--data", cls.dir)
        with open(f"{cls.dir}/zoufang.conf", encoding="utf-8") as f:
            cls.example = f.read()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def keys(self):
        section = None
        found = []
        lines = self.example.splitlines()
        for above, line in zip([""] + lines, lines):
            if line.startswith("["):
                section = line[1:-1]
            key = re.match(r"#([a-z_]+) = (.*)$", line)
            if key:
                found.append((section, key[1], key[2], above[2:]))
        return found

    def test_man_page_has_every_key_as_the_example_has_it(self):
        man = man_page()
        man = man[man.index("\nCONFIGURATION\n"):man.index("\nENVIRONMENT\n")]
        in_man = []
        section = None
        for line in man.splitlines():
            heading = re.match(r"   Section ([a-z]+)", line)
            section = heading[1] if heading else section
            key = re.match(r"     ([a-z_]+) +(\S.*)$", line) or re.match(r"     ([a-z_]+)$", line)
            text = re.match(r"             (\S.*)$", line)
            if key and section:
                in_man.append([section, key[1], key[2] if key.lastindex > 1 else ""])
            elif text and in_man:
                in_man[-1][2] = f"{in_man[-1][2]} {text[1]}".strip()
        wanted = [[section, key, text] for section, key, _, text in self.keys()]
        self.assertGreater(len(wanted), 5)
        self.assertEqual(in_man, wanted)

    def test_example_with_every_key_in_force_is_accepted(self):
        text = re.sub(r"(?m)^#([a-z_]+ = )", r"\1", self.example)
        with open(f"{self.dir}/zoufang.conf", "w", encoding="utf-8") as f:
            f.write(text)
        self.assertIn("configuration: ok", output(ZOUFANG, "check", "--data", self.dir))
        with open(f"{self.dir}/zoufang.conf", "a", encoding="utf-8") as f:
            f.write("no_such_key = 1\n")
        output(ZOUFANG, "check", "--data", self.dir, status=2)

    def test_settings_of_the_broker_are_the_same_everywhere(self):
        relay = output(ZOUFANG, "init", "--data", f"{self.dir}/small", "--small") and \
            output(ZOUFANG, "relay", "add", "--data", f"{self.dir}/small", "--town", "104")
        settings = [line for line in relay[:relay.index("persistence_location")].splitlines()
                    if line and not line.startswith("#")]
        self.assertIn("set_tcp_nodelay true", settings)
        for path in ("docker/mosquitto.conf", "docs/operations.md"):
            self.assertEqual([s for s in settings if s not in read(path).splitlines()], [], path)


class Pages(unittest.TestCase):
    def test_both_readmes_have_the_same_commands(self):
        blocks = [re.findall(r"```.*?```", read(p), re.S) for p in ("README.md", "README.zh-CN.md")]
        shell = [[b for b in found if b.startswith("```sh")] for found in blocks]
        self.assertGreater(len(shell[0]), 5)
        self.assertEqual(*shell)
        self.assertEqual(len(blocks[0]), len(blocks[1]))

    def test_links_lead_somewhere(self):
        for path in ["README.md", "README.zh-CN.md", "schema/README.md",
                     *glob.glob("docs/*.md", root_dir=SOURCE)]:
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", read(path)):
                found = os.path.join(SOURCE, os.path.dirname(path), target)
                self.assertTrue(os.path.exists(found), f"{path}: {target}")

    def test_files_named_in_the_architecture_exist(self):
        have = {os.path.basename(p) for p in glob.glob(f"{SOURCE}/**/*.*", recursive=True)}
        named = re.findall(r"\b([a-z_0-9*]+\.(?:[ch]|sql|md|csv|json))\b",
                           read("docs/architecture.md"))
        self.assertGreater(len(named), 20)
        for name in named:
            self.assertTrue("*" in name or name in have, name)

    def test_every_line_of_the_decision_has_files_and_a_scenario(self):
        """docs/decision.md: 48 rows; what they name exists, and every scenario test_NN_… is at row NN."""
        rows = {int(n): (files, scenario) for n, files, scenario in
                re.findall(r"(?m)^\| (\d+) \|[^|]*\|[^|]*\|([^|]*)\|([^|]*)\|$", read("docs/decision.md"))}
        self.assertEqual(sorted(rows), list(range(1, 49)))
        forms = {os.path.basename(p).rsplit(".", 2)[0] for p in glob.glob(f"{SOURCE}/schema/forms/*.json")}
        have = forms | {os.path.basename(p)[:-4] for p in glob.glob(f"{SOURCE}/schema/*/*.sql")}
        params = [line.split(",")[0] for line in read("schema/params.csv").splitlines()]
        tests = set(re.findall(r"def (test_\w+)", "".join(
            read(os.path.relpath(p, SOURCE)) for p in glob.glob(f"{SOURCE}/tests/contract/test_*.py"))))
        numbered = {}
        for name in tests:
            for n in re.match(r"test_((?:\d\d_)*)", name)[1].split("_")[:-1]:
                numbered.setdefault(int(n), set()).add(name)
        for n, (files, scenario) in rows.items():
            named = set(re.findall(r"`([^`]+)`", scenario))
            self.assertEqual(named - tests, set(), f"row {n}: no such test")
            self.assertEqual(numbered.get(n, set()) - named, set(), f"row {n}: not named")
            self.assertTrue(named, f"row {n}")
            for name in re.findall(r"`([^`]+)`", files):
                name = re.sub(r"^status/", "", name)
                self.assertTrue(name in have or name.startswith(("x-", "find_cat")) or fnmatch.filter(params, name) or
                                os.path.exists(f"{SOURCE}/schema/{name}"), f"row {n}: {name}")
            for name in re.findall(r"\bT-[\w-]+", files):
                self.assertIn(name, have, f"row {n}")

    def test_protocol_has_every_error_code(self):
        table = re.search(r"\| code \| meaning \|\n(.*?)\n\n", read("docs/protocol.md"), re.S)[1]
        said = set(re.findall(r"`([a-z_]+)`", "".join(
            line.split("|")[1] for line in table.splitlines())))
        code = re.compile(r'problems_add(?:_code)?\([^,"]+, "([a-z_]+)"')
        used = set().union(*(code.findall(read(p)) for p in
                             glob.glob("sync/*/*.c", root_dir=SOURCE)))
        used |= set(re.findall(r'^    \{"([a-z_]+)", "', read("sync/record/problem.c"), re.M))
        self.assertGreater(len(used), 15)
        self.assertEqual(used - said, set())

    def test_protocol_has_the_limits_of_the_code(self):
        bounds = dict(re.findall(r"#define (\w+) \(?([0-9u *]+)\)?", read("sync/base/bounds.h")))
        number = {name: eval(text.replace("u", "")) for name, text in bounds.items()}
        limits = read("docs/protocol.md").split("## 12 Limits")[1]
        for text in (f"{number['PAYLOAD_SIZE_MAX'] // 1024} KiB",
                     f"{number['PAYLOAD_EXPANDED_SIZE_MAX'] // 1024 // 1024} MiB",
                     f"| {number['ENVELOPE_RECORDS_MAX']} |",
                     f"{number['RECORD_SIZE_MAX'] // 1024} KiB, nesting {number['RECORD_DEPTH_MAX']}",
                     f"{number['TEXT_SIZE_MAX'] // 1024} KiB",
                     f"{number['CLOCK_AHEAD_MS_MAX'] // 60000} minutes",
                     f"{number['INTAKE_MESSAGES_MAX']:,} messages, "
                     f"{number['INTAKE_SIZE_MAX'] // 1024 // 1024} MiB"):
            self.assertIn(text, limits)


if __name__ == "__main__":
    unittest.main()
