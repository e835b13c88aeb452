"""The server under a sanitizer, or valgrind, while everything happens to it: phones of all kinds,
enrolment, reload, brokers that die, an end by TERM and one by KILL. Nothing may be reported, by the
server or by any command.

    python3 test_sanitized.py PATH/TO/zoufang [Class.case ...]

With ZF_VALGRIND set the program runs under valgrind's memcheck, and less happens.
"""
import json
import os
import subprocess
import sys
import threading
import zlib

from ops import SAFE, WATER, kill_broker, until
import zf

HERE = os.path.dirname(os.path.abspath(__file__))
VALGRIND = bool(os.environ.get("ZF_VALGRIND"))
REPORTS = ("Sanitizer", "runtime error:", "==ERROR", "are definitely lost", "Invalid read",
           "Invalid write", "uninitialised")


def under_valgrind(program):
    """A program that runs the given one under memcheck."""
    path = os.path.join(zf.tempdir("valgrind"), "zoufang")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexec valgrind --quiet --error-exitcode=9 --leak-check=full"
                " --errors-for-leak-kinds=definite --suppressions=%s/valgrind.supp %s \"$@\"\n"
                % (HERE, program))
    os.chmod(path, 0o755)
    return path


class Sanitized(zf.ContractCase):
    @classmethod
    def setUpClass(cls):
        if VALGRIND:
            zf.ZOUFANG = under_valgrind(zf.ZOUFANG)
        super().setUpClass()

    @classmethod
    def _end(cls):
        cls.county.close()
        log = cls.county.log()
        for line in log.splitlines():
            assert not any(r in line for r in REPORTS), log[-12000:]

    def run_clean(self, cmd, *args, status=0):
        r = self.county.run(cmd, *args, ok=False)
        self.assertEqual(r.returncode, status, r.stderr)
        for report in REPORTS:
            self.assertNotIn(report, r.stderr)
        return r.stdout

    def simulate(self, seconds):
        """The simulator in the background; returns what waits for its success."""
        p = subprocess.Popen([zf.ZOUFANG, "simulate", "--data", self.county.data, "--port",
                              str(self.county.port), "--phones", "6", "--seconds", str(seconds),
                              "--rate", "60", "--time-scale", "0.02", "--seed", "7", "--json"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, universal_newlines=True)
        zf._processes.append(p)
        out = []
        t = threading.Thread(target=lambda: out.extend(p.communicate()), daemon=True)
        t.start()

        def finish():
            t.join(4 * zf.BOUND)
            self.assertEqual(p.returncode, 0, out)
            for report in REPORTS:
                self.assertNotIn(report, out[1])
            return json.loads(out[0].strip().splitlines()[-1])
        return finish

    # -------------------------------------------------- what happens

    def records_of_all_kinds(self):
        new, old = self.county.phone("C-00420"), self.county.phone("C-00420", v5=False)
        for phone in (new, old):
            one = phone.facts(self.county.household(), farmland_mu=1)
            self.assertEqual(phone.send(one)["outcome"], "stored")
            self.assertEqual(phone.send(one)["outcome"], "duplicate")
            changed = dict(one, data={"set": {"farmland_mu": 7}, "reason": "x"})
            self.assertEqual(zf.codes_of(phone.send(changed)), ["id_conflict"])
            many = [phone.facts(self.county.household(), farmland_mu=i % 9) for i in range(10)]
            before = {r["id"]: 0 for r in many}
            phone.post(zlib.compress(json.dumps(phone.envelope(many)).encode()))
            self.assertEqual({r["outcome"] for r in phone.answers(before)}, {"stored"})
            phone.refused('{"v":1,')
            phone.refused('{"v":1,"device":"d-000000000000","records":[]}')
            bad = phone.record("inspect.water", self.county.household(), dict(WATER, persons="4"))
            self.assertEqual(phone.send(bad)["outcome"], "rejected")
            ahead = phone.facts(self.county.household(), farmland_mu=1)
            ahead["hlc"] = zf.stamp(zf.later(self.county.clock, days=3))
            self.assertEqual(phone.send(ahead)["outcome"], "retry")
            pair = [phone.facts(self.county.household(), farmland_mu=1), dict(bad, id=zf.uuid7())]
            phone.send(*pair, atomic=True)
            void = phone.record("record.void", one["id"], {"reason": "误报"})
            self.assertEqual(phone.send(void)["outcome"], "stored")
            phone.publish(phone.up("records"), json.dumps(phone.envelope([one])), retain=True)
            phone.sync(zf.Copy())
            self.assertIs(phone.pull(cursor="nonsense").get("reset"), True)
            self.assertIn("error", phone.pull(kinds=["nonsense"]))
        own = zf.ROOT + "/" + new.down("answers")
        new.publish(new.up("pull"), json.dumps({"v": 1, "req": "x", "cursor": None,
                                                "accept": ["zlib"]}), response=own, correlation=b"1")
        new.messages.until(lambda ms: any(m.topic == own for m in ms), "an answer on its topic")

    def tasks_and_conflicts(self):
        vo, lab = self.county.phone("C-00420"), self.county.phone("C-00902")
        helper, watch = self.county.phone("C-00412"), self.county.watch()
        house = self.county.household()
        topic = "village/104/299/tasks/T-W1-%s-1" % house
        vo.send(vo.record("inspect.water", house, WATER))
        watch.until(lambda t: topic in t, "a task")
        lab.send(lab.record("inspect.water", house, SAFE))
        watch.until(lambda t: topic not in t, "its end")
        vo.send(vo.facts(zf.HOUSE, farmland_mu=3))
        helper.send(helper.facts(zf.HOUSE, farmland_mu=4))
        held = helper.facts(self.county.household(), farmland_mu=1)
        self.assertEqual(helper.send(held)["outcome"], "held")
        tw = self.county.phone("C-00030")
        tw.send(tw.record("record.review", held["id"], {"accept": True, "note": "属实"}))
        helper.receipt(held["id"], "stored")

    def others(self):
        """Enrolment, a relay, a monitor, reload, while it runs."""
        creds = self.county.device("C-00420")
        relayed = self.county.connect(creds, relay=self.county.add_relay("104"))
        self.assertEqual(relayed.send(relayed.facts(self.county.household(), farmland_mu=1))
                         ["outcome"], "stored")
        login = self.county.monitor()
        monitor = zf.Client(self.county.port, login["username"],
                            login["password"])
        self.county.clients.append(monitor)
        monitor.subscribe("status/#", "metrics")
        monitor.messages.until(lambda ms: {"status", "metrics"} <= {zf.topic_of(m) for m in ms},
                               "the county's figures")
        self.county.process.send_signal(1)
        until(lambda: "loaded anew" in self.county.log(), "a reload")
        self.run_clean("device revoke", creds["device"])
        self.run_clean("device list", "--json")

    def broker_dies(self, n):
        before = self.county.log().count("connected to the broker")
        kill_broker(self.county)
        until(lambda: self.county.log().count("connected to the broker") > before, "up again")
        until(lambda: self.county.log().count("retained topics compared") > n, "compared")

    # -------------------------------------------------- the test

    def test_everything_happens(self):
        finish = None if VALGRIND else self.simulate(8)
        self.records_of_all_kinds()
        self.tasks_and_conflicts()
        self.others()
        if not VALGRIND:
            self.broker_dies(1)
        if finish:
            self.assertEqual(finish()["lost"], 0)
        self.county.stop()
        self.run_clean("rebuild", "--check")
        self.run_clean("check")
        if not VALGRIND:
            self.county.serve()
            phone = self.county.phone("C-00420")
            phone.send(phone.facts(self.county.household(), farmland_mu=1))
            self.county.hang_up()
            self.county.kill()
        self.county.serve()


if __name__ == "__main__":
    zf.main()
