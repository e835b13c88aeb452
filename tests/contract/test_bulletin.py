"""The monthly bulletin: its figures as they stood at the month's end, the document that is sent round, what the server
publishes and until when; and that neither tells of a household, a cadre, or few people's health.

    python3 test_bulletin.py PATH/TO/zoufang [Class.case ...]
"""
import json
import os
import subprocess

import zf
from scenario import CO, COUNTY, CT, DI, HL, HOUSE, PHOTO, SI_HOUSING, TOWN, TW, UN, VILLAGE, VO, Scenario
from test_decision_process import done, finding, verify

OTHER = "340825104298"  # a village of the same township


def examples(*ids):
    with open(os.path.join(zf.SOURCE, "tests", "data", "examples.jsonl"), encoding="utf-8") as f:
        return [r for r in map(json.loads, f) if r["id"][:8] in ids]


class Bulletin(Scenario):
    PERMUTE = False  # its records are those of test_decision_*, which publish them in other orders

    def bulletin(self, month="2019-07"):
        self.settle()
        r = self.county.run("bulletin", month, "--json")
        self.assertEqual(r.stderr, "")
        return json.loads(r.stdout)

    def document(self, month="2019-07"):
        self.settle()
        return self.county.run("bulletin", month).stdout

    def assertFigures(self, b, part="figures", **expected):
        self.assertEqual({k: b[part].get(k) for k in expected}, expected)

    def report(self, at, subject=VILLAGE, by=VO, **data):
        return self.send("finding.report", subject, by, finding(**data), at=at)


class Figures(Bulletin):
    def test_worked_loop(self):
        """Found 07-01, closed 07-05, reopened 07-20: found 1, closed 0, reopened 1."""
        loop = examples("016b4a0e", "016b4a0f", "016b4a1e", "016b4a10")
        self.day("2019-08-02")
        self.publish(loop[:3])
        self.assertFigures(self.bulletin(), found=1, closed=1, reopened=0, lookbacks=0, lookback_fail_pct=None)
        self.publish(loop[3:])
        b = self.bulletin()
        self.assertFigures(b, found=1, closed=0, reopened=1, lookbacks=1, lookback_fail_pct=100, closed_pct=0,
                           covert_villages=1, villages=6, open_high=1, found_all=1, closed_all=0)
        self.assertFigures(b, "previous", found=0, reopened=0, closed_pct=None)
        self.assertFigures(b, "change", found=1, closed=0, reopened=1, closed_pct=None, villages=0)
        self.assertEqual(b["tables"]["findings"], [
            {"cat": "housing", "name": "住房", "found": 1, "high": 1, "mid": 0, "low": 0, "closed": 0}])
        self.assertEqual((b["month"], b["from"], b["to"], b["before"]), ("2019-07", "2019-07-01", "2019-07-31", "2019-06"))
        # covert: in the county's figures, of no township or unit
        self.assertEqual({t["high"] for t in b["tables"]["towns"]}, {0})
        text = self.document()
        for line in ("(2019年7月)", "| 暗访村数 / 应访村数 | 1 / 6 | +1 |", "| 发现问题(个) | 1 | +1 |",
                     "| 其中本月已销号(个) | 0 | 0 |", "| “回头看”发现反弹、重新交办(个) | 1 | +1 |", "| 住房 | 1 | 1 | 0 | 0 | 0 |"):
            self.assertIn(line, text.split("\n"))
        self.assertNotIn("{{", text)
        self.assertNotIn(loop[0]["data"]["text"], text)

if __name__ == "__main__":
    zf.main()
