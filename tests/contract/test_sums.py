"""What a village, its township and the county are told is one sum: while phones write records of every form for a
month, a township's figures are those of its villages added up, and the county's those of its townships, at any
moment.

    python3 test_sums.py PATH/TO/zoufang
"""
import collections
import glob
import json
import os
import re
import select
import subprocess
import time
import unittest

import zf
from zf import COUNTY, ROOT, SCHEMA, County

DAYS = ("2019-06-03", "2019-06-18", "2019-07-02")
PHONES, RECORDS = "50", "500"
ROUNDS = 4   # more of them, until every form was written
PARAMS = {"income_line_yuan": 3747, "v.road_pct_min": 90, "v.power_pct_min": 90, "v.broadband_pct_min": 60,
          "v.safe_water_pct_min": 90, "v.collective_income_yuan_min": 50000, "post.days_month_min": 20}

# What may be zero after a month of phones that write at random: years of which the sample has nothing, what several
# cadres have to do one after the other, and kinds of which there are so many that not each is drawn.
MAY_BE_ZERO = re.compile(
    r"funds\.20(14|15|19|20)|inventory\.exit_20(14|15|19|20)|project\..*|house\.(unattainable|demolish_.*)|reloc\.natural"
    r"|find\.(reopened|tour|sev\..*|identify|help|exit|income|food_clothing|education|medical|housing|water|env|duty|policy"
    r"|work|funds|style|data|custom|awareness)|public_post\..*|activity\..*|help\.social|env\.\w+\.(month|year)")

# One statement, so that it is one moment.
MOMENT = ("SELECT 'sum', place, name, num, den FROM indicator UNION ALL"
          " SELECT 'said', topic, payload, NULL, NULL FROM retained WHERE payload IS NOT NULL AND topic GLOB '*/status*'")
LEDGER = ("SELECT 'sum', place, view, sum(num), sum(den) FROM ledger"
          " WHERE place GLOB '[0-9]*' AND substr(place, 10) <> '000' GROUP BY place, view")


def above(place):
    """The division that a place's figures are added up in."""
    return place[:6] + "000000" if place[9:] == "000" else place[:9] + "000"


def place_of(topic):
    """…/status[/TTT[/VVV]] -> the place's code."""
    parts = topic[len(ROOT) + 1:].split("/")[1:]
    return COUNTY + "".join(parts).ljust(6, "0")


def add_up(rows):
    """{(place, name): (num, den)} of the places above those of `rows`; unknown figures count as nothing."""
    total = {}
    for (place, name), values in rows.items():
        key = (above(place), name)
        had = total.get(key, (None, None))
        total[key] = tuple(b if a is None else a if b is None else a + b for a, b in zip(had, values))
    return total


def rounded(rows):
    return {k: tuple(None if x is None else round(x, 6) for x in v) for k, v in rows.items()}


def forms():
    """Every form that a phone may write."""
    out = set()
    for path in glob.glob(os.path.join(SCHEMA, "forms", "*.json")):
        with open(path, encoding="utf-8") as f:
            form = json.load(f)
        if form["x-kind"] != "register":
            out.add(form["x-form"])
    return out


def indicators():
    """Every figure that views publish: what their headers name, but checks, facts and documents."""
    out = set()
    for path in glob.glob(os.path.join(SCHEMA, "views", "*.sql")):
        with open(path, encoding="utf-8") as f:
            header = dict(re.findall(r"^-- ([a-z]+): (.*)$", f.read(), re.M))
        out |= {n for n in header.get("names", "").split()
                if not n.startswith(("check.", "fact.")) and n != header["level"]}
    return out


class Sums(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.county = County("sums")
        self.addCleanup(self.county.close)
        for name, value in PARAMS.items():
            self.county.run("param set", name, str(value))

    def agree(self, found, wanted, what):
        wrong = [(k, found.get(k), wanted.get(k)) for k in sorted(set(found) | set(wanted))
                 if found.get(k) != wanted.get(k)]
        self.assertEqual(wrong[:8], [], "%s: (place, name), found, the sum; %d in all" % (what, len(wrong)))

    def look(self):
        """Township and county are the sums, and every status message says what was added up."""
        sums, said = {}, {}
        for kind, a, b, num, den in self.county.query(MOMENT):
            if kind == "sum":
                sums[a, b] = (num, den)
            else:
                said[place_of(a)] = json.loads(b)["indicators"]
        levels = collections.defaultdict(dict)
        for (place, name), values in sums.items():
            levels["county" if place[6:] == "000000" else "township" if place[9:] == "000" else "village"][
                place, name] = values
        self.agree(rounded(levels["township"]), rounded(add_up(levels["village"])), "townships")
        self.agree(rounded(levels["county"]), rounded(add_up(levels["township"])), "the county")
        published = {(place, name): (float(v["num"]), float(v["den"])) for place, all_ in said.items()
                     for name, v in all_.items()}
        wanted = {k: tuple(float(x or 0) for x in sums.get(k, (0, 0))) for k in published}
        self.agree(rounded(published), rounded(wanted), "status")
        return sums, levels

    def settle(self):
        end = time.monotonic() + 4 * zf.BOUND
        while self.county.query("SELECT EXISTS (SELECT 1 FROM dirty)") != [(0,)]:
            self.assertLess(time.monotonic(), end, "still dirty")
            self.look()
            select.select([], [], [], 0.05)

    def write(self, seed):
        """Phones write; the figures are looked at all the while."""
        before, _ = self.look()
        end = time.monotonic() + 10 * zf.BOUND
        p = subprocess.Popen([zf.ZOUFANG, "simulate", "--data", self.county.data, "--phones", PHONES, "--records", RECORDS,
                              "--rate", "250", "--offline", "0", "--garbled", "0", "--time-scale", "0.1", "--seed",
                              str(seed), "--until-settled", str(int(4 * zf.BOUND))], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        try:
            running = True
            while running:
                self.assertLess(time.monotonic(), end, "the phones write and write")
                running = p.poll() is None
                self.look()
                try:
                    p.wait(0.3)
                except subprocess.TimeoutExpired:
                    pass
            text = p.stdout.read()
        finally:
            p.kill()
            p.wait()
            p.stdout.close()
        self.assertEqual(p.returncode, 0, text)
        self.settle()
        self.assertNotEqual(self.look()[0], before, "nothing moved")

    def missing(self):
        return forms() - {f for f, in self.county.query(
            "SELECT DISTINCT form FROM record WHERE outcome = 1 AND author <> 'zoufang'")}

    def silent(self):
        """Figures of the county that never were anything but zero, and may not be."""
        self.settle()
        told = {name for (place, name), v in self.look()[1]["county"].items() if any(v)}
        return [n for n in sorted(indicators() - told) if not MAY_BE_ZERO.fullmatch(n)]

    def test_a_month_of_all_forms(self):
        seed = 1
        for day in DAYS:
            self.county.serve(day + "T09:00:00+08:00")
            self.settle()
            self.write(seed)
            seed += 1
            while day == DAYS[-1] and (self.missing() or self.silent()) and seed < len(DAYS) + ROUNDS:
                self.write(seed)
                seed += 1
            _, levels = self.look()
            rows = {(place, name): (num, den) for _, place, name, num, den in self.county.query(LEDGER)}
            self.agree(rounded(levels["village"]), rounded(rows), "villages")
            if day != DAYS[-1]:
                self.county.stop()
        self.assertEqual(self.missing(), set(), "no phone wrote these")
        self.assertEqual(self.silent(), [], "nothing was ever counted")
        self.county.rebuild_check()


if __name__ == "__main__":
    zf.main()
