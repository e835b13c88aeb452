"""The worked example of docs/domain.md, step by step as it stands there: its files put where it says, its ```sh blocks
run as one script; a new form, figure, rule and parameter are in force without a restart.

    python3 test_domain_doc.py PATH/TO/zoufang
"""
import glob
import json
import os
import re
import signal
import subprocess
import unittest

import zf

PAGE = os.path.join(zf.SOURCE, "docs", "domain.md")
PLACES = {"check.flood.1.json": "forms", "58-flood.sql": "views", "T-R1.sql": "rules", "params.csv": ""}


def steps():
    """(language, file name, text) of the blocks of the worked example."""
    with open(PAGE, encoding="utf-8") as f:
        text = f.read().split("## A worked example", 1)[1]
    return re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", text, re.M | re.S)


class WorkedExample(unittest.TestCase):

    def test_step_by_step(self):
        place = zf.tempdir("domain")
        os.makedirs(os.path.join(place, "bin"))
        os.symlink(zf.ZOUFANG, os.path.join(place, "bin", "zoufang"))
        county = os.path.join(place, "county")
        script = "set -eo pipefail\n"
        files = set()
        for i, (language, name, text) in enumerate(steps()):
            if name:
                path = os.path.join(county, "schema", PLACES[name], name)
                add = ">>" if name == "params.csv" else ">"
                script += "cat %s'%s' <<'END-OF-FILE'\n%sEND-OF-FILE\n" % (add, path, text)
                files.add(name)
            elif language == "sh":
                script += "echo '<<<%d>>>'\n%s\n" % (i, zf.patient(text))
        self.assertEqual(files, set(PLACES))
        script += "echo '<<<end>>>'\n"
        env = dict(os.environ, ZF=county, SCHEMA=zf.SCHEMA, PORT=str(zf.free_port()), LC_ALL="C.UTF-8",
                   PATH=os.path.join(place, "bin") + ":" + os.environ["PATH"])
        p = subprocess.Popen(["bash", "-c", script], cwd=place, env=env, start_new_session=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             universal_newlines=True, encoding="utf-8")
        try:
            out, err = p.communicate(timeout=8 * zf.BOUND)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out, err = p.communicate()
        finally:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            zf._kill_broker(county)
        log = ""
        if os.path.exists(os.path.join(county, "server.log")):
            with open(os.path.join(county, "server.log"), errors="replace") as f:
                log = f.read()
        everything = "%s\n%s\n%s" % (out[-6000:], err[-6000:], log[-3000:])
        self.assertIn("<<<end>>>", out, "ended early (%s)\n%s" % (p.returncode, everything))
        self.assertEqual(p.returncode, 0, everything)
        self.assertNotIn("Sanitizer", err + log)
        self.assertEqual(out.count('"outcome":"stored"'), 3, everything)
        self.assertIn("a place to go is named", out + err)
        self.assertIn('"due":"2019-06-15"', out, "three days, as the parameter says")
        self.assertIn('"due":"2019-06-14"', out, "two days, as it was set")
        self.assertIn('"flood.safe":{"num":0,"den":1', out)
        self.assertIn('"flood.safe":{"num":1,"den":1', out)
        step = next(s for s in out.split("<<<") if '"flood.safe":{"num":1' in s)
        tasks = [json.loads(line) for line in re.findall(r'^\{.*"id":"T-R1-.*$', step, re.M)]
        self.assertEqual([(t["id"], t["state"]) for t in tasks],
                         [("T-R1-340825104299-03-0017-1", "closed")], "who looks again finds no other hazard")
        self.assertIn("the rule and its tasks are gone", out)

    def test_the_page_names_every_view(self):
        """With its level, and those of a level in the order in which they run."""
        with open(PAGE, encoding="utf-8") as f:
            table = re.search(r"^\| level \| views \|.*?\n\n", f.read(), re.M | re.S).group()
        told, level = {}, ""
        for at, names in re.findall(r"^\| (\w*) ?\| (`.*?) \|", table, re.M):
            level = at or level
            told.setdefault(level, []).extend(re.findall(r"`(.*?)`", names))
        views = {}
        for path in sorted(glob.glob(os.path.join(zf.SCHEMA, "views", "*.sql"))):
            with open(path, encoding="utf-8") as f:
                views.setdefault(re.search(r"^-- level: (\w+)", f.read(), re.M)[1], []).append(
                    os.path.basename(path)[:-4])
        self.assertEqual(told, views)


if __name__ == "__main__":
    zf.main()
