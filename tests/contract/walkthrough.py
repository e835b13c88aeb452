"""The README's walk-through is what it says: its ```sh blocks, run as one script, do what the text
promises. Only what every developer has is replaced: script/bootstrap and the build are not run, the
program under test stands where they would put it.

    python3 walkthrough.py PATH/TO/zoufang
"""
import os
import re
import signal
import subprocess
import unittest

import zf

README = os.path.join(zf.SOURCE, "README.md")


def blocks(heading="Walk-through"):
    """The ```sh blocks below that heading."""
    with open(README, encoding="utf-8") as f:
        text = f.read()
    m = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(heading), text, re.M | re.S)
    if not m:
        return []
    return re.findall(r"^```sh\n(.*?)^```", m.group(1), re.M | re.S)


def stub(path):
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    os.chmod(path, 0o755)


class WalkThrough(unittest.TestCase):

    def run_blocks(self):
        """Output of each block; the script ends at the first command that fails."""
        place = zf.tempdir("walk")
        os.makedirs(os.path.join(place, "build", "release"))
        os.makedirs(os.path.join(place, "script"))
        os.makedirs(os.path.join(place, "data"))
        os.symlink(zf.ZOUFANG, os.path.join(place, "build", "release", "zoufang"))
        stub(os.path.join(place, "script", "bootstrap"))
        stub(os.path.join(place, "build", "release", "cmake"))
        steps = blocks()
        # set -e and pipefail as a careful reader's eyes; the README itself needs neither
        script = "set -eo pipefail\n" + "".join(
            "echo '<<<%d>>>'\n%s\n" % (i, zf.patient(b)) for i, b in enumerate(steps)) + "echo '<<<end>>>'\n"
        env = dict(os.environ, ZF=os.path.join(place, "county"), PORT=str(zf.free_port()),
                   LC_ALL="C.UTF-8")
        env.pop("ZOUFANG", None)
        p = subprocess.Popen(["bash", "-c", script], cwd=place, env=env, start_new_session=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, universal_newlines=True, encoding="utf-8")
        try:
            out, err = p.communicate(timeout=8 * zf.BOUND)
        finally:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            zf._kill_broker(env["ZF"])
        parts = dict((int(n) if n != "end" else n, t) for n, t in re.findall(
            r"<<<(\w+)>>>\n(.*?)(?=<<<|\Z)", out, re.S))
        log = ""
        if os.path.exists(os.path.join(env["ZF"], "server.log")):
            with open(os.path.join(env["ZF"], "server.log"), errors="replace") as f:
                log = f.read()
        self.assertIn("end", parts, "ended early (%s)\n%s\n%s\n%s" % (p.returncode, out[-6000:],
                                                                       err[-6000:], log[-3000:]))
        self.assertEqual(p.returncode, 0, err)
        self.assertNotIn("Sanitizer", err + log)
        return steps, [parts[i] for i in range(len(steps))]

    def test_walk_through(self):
        steps = blocks()
        self.assertTrue(steps, "README.md has no ```sh blocks below the heading Walk-through")
        text = "".join(steps)
        # what it must show is in it: both versions of MQTT, the three stock clients
        for word in ("mosquitto_rr", "mosquitto_pub", "mosquitto_sub", "-V 5", "zoufang serve",
                     "--standalone", "device add"):
            self.assertIn(word, text)
        self.assertRegex(text, "-V (mqttv)?311")
        steps, outs = self.run_blocks()
        out = "".join(outs)
        by = {}
        for step, o in zip(steps, outs):
            for word, name in (("inspect.housing", "stored"), ("by_phone", "rejected"),
                               ("tasks/T-H2", "task"), ("/pull", "pull"), ("rebuild --check", "rebuild"),
                               ("metrics", "monitor")):
                if word in step:
                    by.setdefault(name, o)
        self.assertIn('"outcome":"stored"', by["stored"])
        self.assertIn('"outcome":"rejected"', by["rejected"])
        for code in ("enum", "required"):
            self.assertIn('"code":"%s"' % code, by["rejected"])
        self.assertTrue(zf.chinese(by["rejected"]))
        for name, due in (("move_out", "2019-06-13"), ("sign", "2019-06-22"), ("start", "2019-07-02"),
                          ("main", "2019-08-26"), ("accept", "2019-09-20")):
            self.assertIn(due, by["task"], name)
        self.assertIn('"housing":{"colour":"red"', by["task"])
        self.assertIn(zf.HOUSE, by["pull"])
        self.assertIn('"poverty_status"', by["pull"])
        self.assertIn('"seen"', by["pull"])
        self.assertIn('"state":"online"', by["monitor"])
        self.assertRegex(by["monitor"], r"zoufang_records_stored_total \d")
        self.assertRegex(by["rebuild"], r"[0-9a-f]{64}")
        self.assertNotIn("DIFFERS", out)


if __name__ == "__main__":
    zf.main()
