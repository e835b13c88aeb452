"""Protocol §4 to §6: what becomes of a payload and of each record, and what the receipts say."""
import hashlib
import json
import zlib

import zf
from zf import HOUSE, PHOTO, VILLAGE, ContractCase, later, stamp, tail, uuid7

VISIT = {"mode": "phone", "purpose": ["policy"], "start": "2019-06-12T09:10:00+08:00",
         "end": "2019-06-12T09:30:00+08:00", "met": "head", "food_ok": True, "clothing_ok": True}
APPRAISAL = {"bld": 1, "kind": "appraise", "use": "resident", "sole_home": True, "area_m2": 72,
             "parts": {"foundation": "b", "wall": "d", "frame": "c", "roof": "c", "site": "b"},
             "grade": "D", "cert_no": "ZJ-2019-0100", "action": "rebuild",
             "photos": [PHOTO, zf.PHOTO2]}


def compact(x):
    return json.dumps(x, separators=(",", ":"))


class Payloads(ContractCase):
    """§5.1 and §13: payloads refused as a whole, and those just within the limits."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.phone = cls.county.phone("C-00420")

    def assertRefused(self, payload, code):
        r = self.phone.refused(payload)
        self.assertIsNone(r["id"])
        self.assertEqual(r["outcome"], "rejected")
        self.assertEqual([e["code"] for e in r["errors"]], [code], r)
        for e in r["errors"]:
            self.assertIn("path", e)
        self.assertSentences(r["errors"])

    def good(self, **members):
        return self.phone.envelope([self.phone.facts(self.county.household(), farmland_mu=1.5)],
                                   **members)

    def test_not_json(self):
        for payload in (b"{", b"{]", b"hello", b"{\"v\":1,}", b"{'v':1}", b"\x00", b" ",
                        b"{\"v\":NaN}"):
            with self.subTest(payload=payload):
                self.assertRefused(payload, "malformed")

    def test_empty_payload_is_no_message_and_does_no_harm(self):
        self.phone.post(b"")
        r = self.phone.facts(self.county.household(), farmland_mu=1)
        self.assertEqual(self.phone.send(r)["outcome"], "stored")

    def test_not_an_object(self):
        for payload in (b"[]", b"\"x\"", b"17", b"null"):
            with self.subTest(payload=payload):
                self.assertRefused(payload, "malformed")

    def test_bom(self):
        self.assertRefused(b"\xef\xbb\xbf" + json.dumps(self.good()).encode(), "malformed")

    def test_leading_blank(self):
        """The first byte is `{`."""
        self.assertRefused(b" " + json.dumps(self.good()).encode(), "malformed")

    def test_trailing_garbage(self):
        self.assertRefused(json.dumps(self.good()).encode() + b"}", "malformed")
        self.assertRefused(json.dumps(self.good()).encode() + b"\0", "malformed")

    def test_duplicate_keys(self):
        text = json.dumps(self.good())
        self.assertRefused("{\"v\":1," + text[1:], "malformed")
        self.assertRefused(text.replace('"fv": 1', '"fv": 1, "fv": 1'), "malformed")
        self.assertRefused(text.replace('"farmland_mu": 1.5', '"farmland_mu": 1.5, "farmland_mu": 2'),
                           "malformed")

    def test_bad_utf8(self):
        text = json.dumps(self.good(note="X")).encode()
        self.assertRefused(text.replace(b'"X"', b'"\xff"'), "malformed")
        self.assertRefused(text.replace(b'"X"', b'"\xed\xa0\x80"'), "malformed")
        self.assertRefused(text.replace(b'"X"', b'"\\ud800"'), "malformed")

    def test_nul_character(self):
        self.assertRefused(json.dumps(self.good()).replace("入户核实", "X").replace(
            '"reason": "', '"reason": "\\u0000'), "malformed")

    def test_integers_beyond_2_53(self):
        e = self.good()
        e["records"][0]["data"]["set"]["farmland_mu"] = 2 ** 53 + 1
        self.phone.post(e)
        self.assertOutcome(self.phone.receipt(e["records"][0]["id"]), "rejected", "range")
        e = self.good()
        e["note"] = 2 ** 53 + 1
        self.assertRefused(json.dumps(e), "malformed")
        e["note"] = -2 ** 53 - 1
        self.assertRefused(json.dumps(e), "malformed")
        e["note"] = 2 ** 53
        self.phone.post(e)
        self.assertEqual(self.phone.receipt(e["records"][0]["id"])["outcome"], "stored")

    def test_records_are_1_to_500(self):
        self.assertRefused(json.dumps(self.phone.envelope([])), "malformed")
        self.assertRefused(json.dumps(dict(self.phone.envelope([]), records={})), "malformed")
        self.assertRefused(json.dumps(dict(self.phone.envelope([]), records=None)), "malformed")

    def test_wrong_version(self):
        self.assertRefused(json.dumps(self.good(v=2)), "version")
        self.assertRefused(json.dumps(self.good(v=0)), "version")

    def test_version_missing_or_of_another_type(self):
        for v in (None, "1", 1.5, True):
            with self.subTest(v=v):
                r = self.phone.refused(json.dumps(self.good(v=v)))
                self.assertEqual(r["outcome"], "rejected")
                self.assertIn(r["errors"][0]["code"], ("malformed", "version", "required", "type"))

    def test_wrong_device(self):
        self.assertRefused(json.dumps(self.good(device="d-000000000000")), "device")

    def test_bad_zlib(self):
        whole = zlib.compress(json.dumps(self.good()).encode())
        for name, payload in (("cut", whole[:-5]), ("checksum", whole[:-1] + bytes([whole[-1] ^ 1])),
                              ("garbage", b"\x78\x9c" + b"garbage"),
                              ("more after the stream", whole + b"x"), ("two streams", whole + whole),
                              ("not json inside", zlib.compress(b"hello"))):
            with self.subTest(name):
                self.assertRefused(payload, "malformed")

    def test_zlib_with_dictionary(self):
        text = json.dumps(self.good()).encode()
        c = zlib.compressobj(zdict=b'{"v":1,"device":"d-')
        self.assertRefused(c.compress(text) + c.flush(), "malformed")

    def test_zlib_is_accepted_at_every_level(self):
        for level in (0, 1, 6, 9):
            with self.subTest(level=level):
                e = self.good()
                self.phone.post(zlib.compress(json.dumps(e).encode(), level))
                self.assertEqual(self.phone.receipt(e["records"][0]["id"])["outcome"], "stored")

    def test_payload_size(self):
        text = json.dumps(self.good())
        self.assertRefused(text + " " * (256 * 1024 + 1 - len(text.encode())), "too_large")
        e = self.good()
        text = json.dumps(e)
        self.phone.post(text + " " * (256 * 1024 - len(text.encode())))
        self.assertEqual(self.phone.receipt(e["records"][0]["id"])["outcome"], "stored")

    def test_expanded_size(self):
        limit = 4 * 1024 * 1024
        text = json.dumps(self.good())
        self.assertRefused(zlib.compress((text + " " * (limit + 1 - len(text.encode()))).encode()),
                           "too_large")
        e = self.good()
        text = json.dumps(e)
        self.phone.post(zlib.compress((text + " " * (limit - len(text.encode()))).encode()))
        self.assertEqual(self.phone.receipt(e["records"][0]["id"])["outcome"], "stored")

    def test_zlib_bomb(self):
        bomb = zlib.compress(b" " * (200 * 1024 * 1024), 9)
        self.assertLess(len(bomb), 256 * 1024)
        self.assertRefused(b"{" + bomb, "malformed")
        self.assertRefused(bomb, "too_large")

    def test_501_records(self):
        h = self.county.household()
        other = self.county.connect(self.county.device("C-00420"))
        records = [other.facts(h, farmland_mu=i / 10) for i in range(501)]
        payload = zlib.compress(json.dumps(other.envelope(records)).encode())
        r = other.refused(payload)
        self.assertEqual([e["code"] for e in r["errors"]], ["too_large"])

    def test_500_records(self):
        """A full envelope, each record with a receipt of its own."""
        h = self.county.household()
        other = self.county.connect(self.county.device("C-00420"))
        records = [other.facts(h, farmland_mu=i / 10) for i in range(500)]
        other.post(zlib.compress(json.dumps(other.envelope(records)).encode()))
        for r in records:
            self.assertEqual(other.receipt(r["id"])["outcome"], "stored")
        self.assertEqual(max(m["upto"] for m in other.receipt_messages()), 500)
        for m in other.receipt_messages():
            self.assertLessEqual(len(json.dumps(m)), 256 * 1024)

    def test_a_refused_payload_is_answered_each_time_and_kept_once(self):
        bad = b'{"v":1,"mark":"kept once"'
        sha = hashlib.sha256(bad).hexdigest()
        self.phone.refused(bad)
        self.phone.post(bad)
        self.phone.messages.until(
            lambda _: len([r for r in self.phone.receipts(None) if r.get("payload") == sha]) >= 2,
            "the second refusal")
        rows = self.county.query("SELECT body FROM refusal WHERE payload_sha256 = ?", sha)
        self.assertEqual([bytes(b) for (b,) in rows], [bad])

    def test_records_of_a_refused_payload_are_unknown(self):
        e = self.good()
        self.phone.refused(json.dumps(dict(e, v=2)))
        self.assertEqual(self.phone.send(*e["records"])["outcome"], "stored")

    def test_receipt_message(self):
        """§6: what stands around the receipts."""
        r = self.phone.facts(self.county.household(), farmland_mu=2)
        self.phone.send(r)
        m = next(m for m in self.phone.receipt_messages()
                 if any(x["id"] == r["id"] for x in m["receipts"]))
        self.assertEqual(m["v"], 1)
        self.assertEqual(m["device"], self.phone.device)
        self.assertEqual(m["epoch"], self.county.ready["epoch"])
        self.assertTrue(m["time"].startswith("2019-06-12T02:"), m["time"])
        zf.parse_time(m["time"])
        self.assertIsInstance(m["upto"], int)
        self.assertIsInstance(m["gaps"], list)
        x = next(x for x in m["receipts"] if x["id"] == r["id"])
        self.assertEqual(x, {"id": r["id"], "seq": r["seq"], "outcome": "stored"})


class Records(ContractCase):
    """§5.2 to §5.8, one record at a time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vo = cls.county.phone("C-00420")
        cls.tw = cls.county.phone("C-00030")
        cls.co = cls.county.phone("C-00001")

    def new(self, **members):
        r = self.vo.facts(self.county.household(), farmland_mu=1.5)
        r.update(members)
        return {k: v for k, v in r.items() if v is not None}

    # -------------------------------------------------- members (§5.2)

    def assertMember(self, path, codes, **members):
        r = self.new(**members)
        self.vo.post(self.vo.envelope([r]))
        answer = self.vo.receipt(r.get("id"), lambda x: x["outcome"] == "rejected",
                                 skip=len(self.vo.receipts(None)) if r.get("id") is None else 0,
                                 what="rejection of %s" % members)
        self.assertEqual(answer["outcome"], "rejected")
        self.assertIn(path, [e["path"] for e in answer["errors"]], answer)
        for e in answer["errors"]:
            self.assertIn(e["code"], codes, answer)
        self.assertSentences(answer["errors"])

    def test_malformed_members(self):
        shape = ("malformed", "type", "pattern", "format", "range", "required", "subject")
        for path, value in (
                ("/seq", 0), ("/seq", -1), ("/seq", "1"), ("/seq", 1.5), ("/fv", "1"), ("/fv", 0),
                ("/hlc", "2019-06-12T02:00:00Z"), ("/hlc", "2019-06-12T02:00:00.000Z-00FF"),
                ("/hlc", "2019-02-30T02:00:00.000Z-0000"), ("/hlc", "2019-06-12T24:00:00.000Z-0000"),
                ("/hlc", "2019-06-12T02:00:00.000Z-000"), ("/hlc", 7),
                ("/by", 7), ("/form", 7), ("/subject", 7), ("/data", []), ("/data", "x"),
                ("/base", []), ("/base", {"farmland_mu": "x"}), ("/base", {"farmland_mu": ["x"]}),
                ("/gps", []), ("/gps", {"lat": 91, "lng": 116}), ("/gps", {"lat": "x", "lng": 116}),
                ("/amends", "x"), ("/amends", 7)):
            with self.subTest(path=path, value=value):
                member = path[1:]
                r = self.new(**{member: value})
                answer = self.vo.send(r)
                self.assertEqual(answer["outcome"], "rejected", answer)
                self.assertTrue(any(e["path"].startswith(path) for e in answer["errors"]), answer)
                for e in answer["errors"]:
                    self.assertIn(e["code"], shape, answer)
                self.assertSentences(answer["errors"])

    def test_missing_members(self):
        for member in ("seq", "form", "fv", "subject", "hlc", "by", "data"):
            with self.subTest(member=member):
                r = self.new(**{member: None})
                answer = self.vo.send(r)
                self.assertEqual(answer["outcome"], "rejected", answer)
                self.assertIn("/" + member, [e["path"] for e in answer["errors"]], answer)
                self.assertTrue(all(e["code"] in ("malformed", "required")
                                    for e in answer["errors"]), answer)

    def test_ids_that_are_none(self):
        """A record without a usable id is rejected all the same, others of the envelope are not."""
        for bad in ("x", "016B4A00-0000-7000-8000-00000000ABCD",
                    "016b4a00-0000-4000-8000-00000000abcd", "016b4a00-0000-7000-c000-00000000abcd",
                    "016b4a00000070008000" + "0" * 12, 7, None):
            with self.subTest(id=bad):
                good, r = self.new(), self.new(id=bad)
                seen = len(self.vo.receipt_messages())
                self.vo.post(self.vo.envelope([r, good]))
                self.vo.receipt(good["id"], "stored")
                answers = self.vo.messages.until(
                    lambda _: [x for m in self.vo.receipt_messages()[seen:] for x in m["receipts"]
                               if x["outcome"] == "rejected"], "a rejection of id %s" % bad)
                self.assertEqual([e["path"] for e in answers[0]["errors"]], ["/id"], answers)
                self.assertEqual(answers[0]["seq"], r["seq"])

    def test_seq_and_hlc_at_their_limits(self):
        r = self.new(seq=2 ** 53 - 1, hlc="2019-06-12T02:00:00.000Z-ffff")
        self.assertEqual(self.county.phone("C-00420").send(r)["outcome"], "stored")

    def test_unknown_members_are_ignored_and_kept(self):
        r = self.new()
        r["x_note"] = {"text": "kept"}
        self.assertOutcome(self.vo.send(r, x_envelope=[1]), "stored")
        body, = self.county.query("SELECT body FROM record WHERE id = ?",
                                  bytes.fromhex(r["id"].replace("-", "")))[0]
        self.assertEqual(json.loads(body)["x_note"], {"text": "kept"})

    def test_unknown_members_of_data_are_errors(self):
        h = self.county.household()
        r = self.vo.record("hh.facts", h, {"set": {"farmland_mu": 1, "colour": "red"},
                                           "reason": "x", "more": 1})
        self.assertErrors(self.vo.send(r), "rejected", ("unknown_field", "/data/set/colour"),
                          ("unknown_field", "/data/more"))

    # -------------------------------------------------- record size (§13)

    def padded(self, size):
        """A record of exactly `size` bytes as compact JSON."""
        r = self.new()
        r["x_pad"] = ["a" * 8000] * ((size - 2000) // 8003)
        r["x_last"] = ""
        r["data"]["reason"] = "x"
        missing = size - len(compact(r))
        self.assertTrue(0 < missing < 8192 * 2, missing)
        while missing > 8000:
            r["x_pad"].append("a" * 5000)
            missing = size - len(compact(r))
        r["x_last"] = "b" * missing
        self.assertEqual(len(compact(r)), size)
        return r

    def test_record_of_64_kib(self):
        good, bad, other = self.padded(64 * 1024), self.padded(64 * 1024 + 1), self.new()
        before = {r["id"]: 0 for r in (good, bad, other)}
        self.vo.post(compact(self.vo.envelope([good, bad, other])))
        a, b, c = self.vo.answers(before)
        self.assertEqual(a["outcome"], "stored", a)
        self.assertOutcome(b, "rejected", "too_large")
        self.assertEqual(c["outcome"], "stored", c)

    def nested(self, depth):
        """The record itself is the first level."""
        r = self.new()
        x = []
        for _ in range(depth - 2):
            x = [x]
        r["x_deep"] = x
        return r

    def test_nesting(self):
        good, bad, worse, other = self.nested(16), self.nested(17), self.nested(500), self.new()
        a, b, c, d = self.vo.send(good, bad, worse, other)
        self.assertEqual(a["outcome"], "stored", a)
        self.assertOutcome(b, "rejected", "too_large")
        self.assertOutcome(c, "rejected", "too_large")
        self.assertEqual(d["outcome"], "stored", d)

    # -------------------------------------------------- known ids (§5.3)

    def test_duplicate(self):
        """Other stamp, other seq: the same record. The receipt carries the stored stamp."""
        r = self.new()
        self.vo.send(r)
        again = self.vo.send(r)
        self.assertEqual((again["outcome"], again["was"], again["hlc"], again["seq"]),
                         ("duplicate", "stored", r["hlc"], r["seq"]))
        other = dict(r, hlc=self.vo.hlc(), seq=r["seq"] + 1000)
        again = self.vo.send(other)
        self.assertEqual((again["outcome"], again["was"], again["hlc"]),
                         ("duplicate", "stored", r["hlc"]))

    def test_duplicate_in_one_envelope(self):
        r = self.new()
        self.vo.post(self.vo.envelope([r, r]))
        self.vo.receipt(r["id"], "stored")
        self.vo.receipt(r["id"], "duplicate")

    def test_equal_json_values_are_the_same_content(self):
        r = self.new()
        r["data"]["set"] = {"farmland_mu": 2, "sole_home": True}
        r["base"] = {}
        self.vo.send(r)
        turned = dict(reversed(list(r.items())))
        turned["data"] = {"reason": r["data"]["reason"], "set": {"sole_home": True, "farmland_mu": 2.0}}
        text = json.dumps(self.vo.envelope([turned]), ensure_ascii=True)
        n = len(self.vo.receipts(r["id"]))
        self.vo.post(text)
        self.assertEqual(self.vo.receipt(r["id"], skip=n)["outcome"], "duplicate")

    def test_id_conflict(self):
        """Another content under a known id: the first stays."""
        r = self.new()
        self.vo.send(r)
        for other in (dict(r, data={"set": {"farmland_mu": 9}, "reason": "x"}),
                      dict(r, x_note=1), dict(r, by="C-00030"), dict(r, subject=HOUSE)):
            with self.subTest(other=other):
                self.assertErrors(self.vo.send(other), "rejected", ("id_conflict", "/id"))
        self.assertEqual(self.vo.send(r)["was"], "stored")
        copy = zf.Copy()
        self.vo.sync(copy, ["household"])
        self.assertEqual(copy.get("household", r["subject"])["doc"]["farmland_mu"], 1.5)

    def test_duplicate_of_rejected_brings_its_errors(self):
        r = self.new()
        r["data"] = {"set": {"farmland_mu": 999}, "reason": "x"}
        first = self.vo.send(r)
        self.assertErrors(first, "rejected", ("range", "/data/set/farmland_mu"))
        again = self.vo.send(r)
        self.assertEqual((again["outcome"], again["was"]), ("duplicate", "rejected"))
        self.assertEqual(again["errors"], first["errors"])

    def test_duplicate_of_held_brings_its_errors(self):
        r = self.new()
        r["data"]["set"] = {"water_target": True}
        r["base"] = {}
        first = self.vo.send(r)
        self.assertErrors(first, "held", ("role_field", "/data/set/water_target"))
        again = self.vo.send(r)
        self.assertEqual((again["outcome"], again["was"]), ("duplicate", "held"))
        self.assertEqual(again["errors"], first["errors"])

    # -------------------------------------------------- catalogue and data (§5.4, §5.5)

    def test_unknown_form_is_retried(self):
        for change in ({"form": "inspect.moon"}, {"fv": 99}):
            with self.subTest(change):
                r = self.new(**change)
                answer = self.vo.send(r)
                self.assertOutcome(answer, "retry", "unknown_form")
                self.assertGreater(answer["after_ms"], 0)
                rows = self.county.query("SELECT * FROM record WHERE id = ?",
                                         bytes.fromhex(r["id"].replace("-", "")))
                self.assertEqual(rows, [])

    def test_every_error_at_once(self):
        r = self.vo.record("visit.household", self.county.household(), {
            "mode": "carrier_pigeon", "purpose": [], "start": "yesterday",
            "end": "2019-06-12T09:30:00+08:00", "met": "head", "food_ok": "yes",
            "issues": [{"cat": "water", "text": "", "urgent": 1},
                       {"cat": "water", "text": "x" * 201, "urgent": False}],
            "photos": [PHOTO, "sha256:xyz", PHOTO], "colour": "red"})
        self.assertErrors(
            self.vo.send(r), "rejected", ("enum", "/data/mode"), ("range", "/data/purpose"),
            ("format", "/data/start"), ("type", "/data/food_ok"), ("required", "/data/clothing_ok"),
            ("length", "/data/issues/0/text"), ("type", "/data/issues/0/urgent"),
            ("length", "/data/issues/1/text"), ("pattern", "/data/photos/1"),
            ("schema", "/data/photos"), ("unknown_field", "/data/colour"))

    def test_range_and_type(self):
        r = self.vo.record("inspect.water", self.county.household(), {
            "persons": 4.5, "supply": "scattered", "source": "spring", "at_home": False,
            "litres_ppd": -1, "qual": "field_ok", "outage_days": 400, "knows_policy": True,
            "satisfied": 6})
        answer = self.vo.send(r)
        self.assertEqual(answer["outcome"], "rejected")
        found = {(e["code"], e["path"]) for e in answer["errors"]}
        for want in (("type", "/data/persons"), ("range", "/data/litres_ppd"),
                     ("range", "/data/outage_days"), ("range", "/data/satisfied")):
            self.assertIn(want, found)

    def test_named_check(self):
        r = self.vo.record("visit.household", self.county.household(),
                           dict(VISIT, end="2019-06-12T09:00:00+08:00"))
        answer = self.vo.send(r)
        self.assertErrors(answer, "rejected", ("check", "/data/end"))
        self.assertEqual(answer["errors"][0]["name"], "duration")

    def test_two_checks_at_once(self):
        r = self.vo.record("visit.household", self.county.household(),
                           dict(VISIT, mode="in_person", signed=True, photos=[PHOTO],
                                end="2019-06-12T09:00:00+08:00"))
        answer = self.vo.send(r)
        self.assertEqual(sorted(e["name"] for e in answer["errors"]), ["duration", "gps_required"])

    def test_pointer_is_escaped(self):
        r = self.vo.record("hh.facts", self.county.household(),
                           {"set": {"a/b~c": 1}, "reason": "x"})
        self.assertErrors(self.vo.send(r), "rejected", ("unknown_field", "/data/set/a~1b~0c"))

    def test_text_of_more_than_8_kib(self):
        r = self.new()
        r["data"]["reason"] = "字" * 3000
        self.assertErrors(self.vo.send(r), "rejected", ("length", "/data/reason"))

    def test_pointer_of_a_long_text(self):
        r = self.new(x_m={"a/b~": "y" * 8193, "c": "y" * 8192})
        self.assertErrors(self.vo.send(r), "rejected", ("length", "/x_m/a~1b~0"))

    def test_subject_of_another_kind(self):
        for subject in (VILLAGE, HOUSE + "-01", "P-2019-0456", uuid7()):
            with self.subTest(subject=subject):
                r = self.new(subject=subject)
                self.assertErrors(self.vo.send(r), "rejected", ("subject", "/subject"))

    def test_subject_of_another_county(self):
        r = self.new(subject="340826104299-03-0017")
        answer = self.vo.send(r)
        self.assertIn(answer["outcome"], ("rejected", "held"))
        self.assertNotEqual(answer["outcome"], "stored")

    # -------------------------------------------------- clock (§5.6)

    def test_clock_ahead(self):
        now = self.vo.pull(kinds=["finding"])["time"]
        within = self.new(hlc=stamp(later(now, minutes=10)))
        beyond = self.new(hlc=stamp(later(now, minutes=13)))
        a, b = self.vo.send(within, beyond)
        self.assertEqual(a["outcome"], "stored", a)
        self.assertOutcome(b, "retry", "clock_ahead")
        self.assertGreater(b["after_ms"], 0)
        self.assertEqual(b["errors"][0]["path"], "/hlc")
        fresh = dict(beyond, hlc=self.vo.hlc())
        self.assertEqual(self.vo.send(fresh)["outcome"], "stored")

    def test_a_very_old_stamp_is_stored(self):
        r = self.new(hlc="2019-03-01T02:00:00.000Z-0000")
        self.assertEqual(self.vo.send(r)["outcome"], "stored")

    # -------------------------------------------------- authority (§5.7)

    def test_unknown_author(self):
        for by in ("C-99999", "C-00030"):
            with self.subTest(by=by):
                answer = self.vo.send(self.new(by=by))
                self.assertEqual(answer["outcome"], "held", answer)
                self.assertIn(("unknown_author", "/by"),
                              [(e["code"], e["path"]) for e in answer["errors"]])

    def test_role_form(self):
        vt = self.county.phone("C-00450")
        self.assertErrors(vt.send(vt.facts(self.county.household(), farmland_mu=1)), "held",
                          ("role_form", "/form"))

    def test_role_field(self):
        r = self.vo.record("hh.facts", self.county.household(),
                           {"set": {"farmland_mu": 1, "water_target": True, "focus": ["low_income"]},
                            "reason": "x"})
        answer = self.vo.send(r)
        if answer["outcome"] == "rejected":  # the code list may not have that value
            r = self.vo.record("hh.facts", self.county.household(),
                               {"set": {"farmland_mu": 1, "water_target": True, "exit_year": 2018},
                                "reason": "x"})
            answer = self.vo.send(r)
            self.assertErrors(answer, "held", ("role_field", "/data/set/water_target"),
                              ("role_field", "/data/set/exit_year"))
        else:
            self.assertErrors(answer, "held", ("role_field", "/data/set/water_target"),
                              ("role_field", "/data/set/focus"))
        ok = self.tw.facts(self.county.household(), water_target=True)
        self.assertEqual(self.tw.send(ok)["outcome"], "stored")

    def test_role_gate_of_a_form(self):
        r = self.vo.record("inspect.housing", self.county.household(), APPRAISAL)
        self.assertErrors(self.vo.send(r), "held", ("role_field", "/data/kind"))

    def test_covert_conduct_is_held(self):
        ct = self.county.phone("C-00700")
        r = ct.record("finding.report", self.county.household(), {
            "source": "covert", "cat": "housing", "severity": "high", "text": "x",
            "duty_unit": "U-T104", "photos": [PHOTO],
            "conduct": {"unannounced": True, "unaccompanied": False, "own_travel": True,
                        "own_lodging": True, "own_meals": True, "own_check": True}})
        answer = ct.send(r)
        self.assertEqual(answer["outcome"], "held", answer)
        self.assertEqual([(e["code"], e.get("name")) for e in answer["errors"]],
                         [("check", "covert_conduct")])

    def test_steps_belong_to_roles(self):
        """A household is marked by its township, a village by the county; a project goes up step by
        step; an order is given inside one's own area."""
        day = "2019-06-12"
        co = self.county.phone("C-00001")
        project = "P-2019-0900"
        mark = {"year": 2019, "step": "mark", "date": day}
        order = {"kind": "random", "period": "2019-06", "title": "示例事项", "duty_unit": "U-T104",
                 "duty_cadre": "C-00412", "due": "2019-06-30"}
        approved = {"step": "approved", "date": day, "yuan": 5000, "funds": {"财政专项": 5000}}
        survey = {"set": {"poor_village": True}}
        step, scope = ("role_field", "/data/step"), ("out_of_scope", "/subject")
        for phone, form, subject, data, error in [
                (self.vo, "exit.step", HOUSE, mark, step),
                (co, "exit.step", HOUSE, mark, step),
                (self.tw, "exit.step", HOUSE, mark, None),
                (self.tw, "exit.step", VILLAGE, mark, step),
                (co, "exit.step", VILLAGE, mark, None),
                (self.vo, "project.step", project, {"step": "reviewed", "date": day}, step),
                (self.tw, "project.step", project, {"step": "reviewed", "date": day}, None),
                (self.tw, "project.step", project, approved, step),
                (co, "project.step", project, approved, None),
                (self.tw, "dispatch.order", "340825000000", order, scope),
                (self.tw, "dispatch.order", "340825105000", order, scope),
                (self.tw, "dispatch.order", "340825104000", order, None),
                (co, "dispatch.order", "340825000000", order, None),
                (self.vo, "village.survey", VILLAGE, survey, ("role_field", "/data/set/poor_village")),
                (self.tw, "village.survey", VILLAGE, survey, None)]:
            with self.subTest(form=form, subject=subject, by=phone.by):
                answer = phone.send(phone.record(form, subject, data))
                if error:
                    self.assertErrors(answer, "held", error)
                else:
                    self.assertEqual(answer["outcome"], "stored", answer)

    def test_out_of_scope(self):
        r = self.vo.facts(self.county.household(village="340825104200"), farmland_mu=1)
        self.assertErrors(self.vo.send(r), "held", ("out_of_scope", "/subject"))

    def test_helper_without_assignment(self):
        hl = self.county.phone("C-00412")
        mine = {t for t, in self.county.query("SELECT target FROM assignment WHERE cadre = 'C-00412'")}
        theirs = next(h for h, in self.county.query(
            "SELECT id FROM entity WHERE kind = 'household' AND place = ? ORDER BY id DESC", VILLAGE)
            if h not in mine)
        a, b = hl.send(hl.facts(HOUSE, forest_mu=1), hl.facts(theirs, forest_mu=1))
        self.assertEqual(a["outcome"], "stored", a)
        self.assertErrors(b, "held", ("out_of_scope", "/subject"))

    def test_scope_at_the_records_own_time(self):
        """Assignments of the sample begin on 2019-01-01: before that day HL had no scope."""
        hl = self.county.phone("C-00412")
        a, b = hl.send(hl.facts(HOUSE, forest_mu=2) | {"hlc": "2018-12-31T15:59:59.000Z-0000"},
                       hl.facts(HOUSE, forest_mu=3) | {"hlc": "2018-12-31T16:00:00.000Z-0000"})
        self.assertErrors(a, "held", ("out_of_scope", "/subject"))
        self.assertEqual(b["outcome"], "stored", b)

    def test_unknown_village_is_held(self):
        for phone in (self.co, self.tw):
            r = phone.facts("340825104777-01-0001", farmland_mu=1)
            answer = phone.send(r)
            self.assertEqual(answer["outcome"], "held", answer)

    def test_roles_join_on_a_shared_device(self):
        """A device of two cadres: each record is judged by its own author."""
        both = self.county.phone("C-00420", "C-00030")
        h = self.county.household()
        a, b = both.send(both.facts(h, water_target=True),
                         both.facts(h, water_target=True) | {"by": "C-00030"})
        self.assertErrors(a, "held", ("role_field", "/data/set/water_target"))
        self.assertEqual(b["outcome"], "stored")

    # -------------------------------------------------- warnings

    def test_late_is_a_warning(self):
        r = self.vo.record("visit.household", self.county.household(),
                           dict(VISIT, start="2019-04-12T09:10:00+08:00",
                                end="2019-04-12T09:30:00+08:00"))
        answer = self.vo.send(r)
        self.assertEqual(answer["outcome"], "stored", answer)
        self.assertEqual([(w["code"], w["path"]) for w in answer["warnings"]],
                         [("late", "/data/start")])
        self.assertSentences(answer["warnings"])
        again = self.vo.send(r)
        self.assertEqual((again["outcome"], again["was"]), ("duplicate", "stored"))

    def test_seq_reused_is_a_warning(self):
        phone = self.county.phone("C-00420")
        a = phone.facts(self.county.household(), farmland_mu=1)
        b = phone.facts(self.county.household(), farmland_mu=1) | {"seq": a["seq"]}
        self.assertNotIn("warnings", phone.send(a))
        answer = phone.send(b)
        self.assertEqual(answer["outcome"], "stored")
        self.assertEqual([w["code"] for w in answer["warnings"]], ["seq_reused"])
        self.assertSentences(answer["warnings"])

    # -------------------------------------------------- upto and gaps (§6)

    def test_upto_and_gaps(self):
        phone = self.county.phone("C-00420")
        h = self.county.household()
        rs = [phone.facts(h, farmland_mu=i) for i in range(1, 11)]
        phone.send(rs[0], rs[1])
        self.assertEqual(phone.last_upto(), (2, []))
        phone.send(rs[4], rs[5], rs[8])
        self.assertEqual(phone.last_upto(), (2, [[3, 4], [7, 8]]))
        phone.send(rs[3])
        self.assertEqual(phone.last_upto(), (2, [[3, 3], [7, 8]]))
        phone.send(rs[2])
        self.assertEqual(phone.last_upto(), (6, [[7, 8]]))
        phone.send(rs[6] | {"form": "inspect.moon"})
        self.assertEqual(phone.last_upto(), (6, [[7, 8]]))
        phone.send(rs[6] | {"data": {}})
        self.assertEqual(phone.last_upto(), (7, [[8, 8]]))
        phone.send(rs[7] | {"by": "C-99999"})
        self.assertEqual(phone.last_upto(), (9, []))

    def test_gaps_are_the_lowest_32(self):
        phone = self.county.phone("C-00420")
        h = self.county.household()
        rs = [phone.facts(h, farmland_mu=i) for i in range(1, 101)]
        phone.send(*rs[1::2])
        self.assertEqual(phone.last_upto(), (0, [[n, n] for n in range(1, 64, 2)]))
        phone.send(*rs[0::2])
        self.assertEqual(phone.last_upto(), (100, []))


class Atomic(ContractCase):
    """§6: all of the envelope or none."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vo = cls.county.phone("C-00420")
        cls.tw = cls.county.phone("C-00030")

    def good(self, **facts):
        return self.vo.facts(self.county.household(), **(facts or {"farmland_mu": 1}))

    def bad(self):
        return self.good(farmland_mu=999)

    def held(self):
        return self.good(water_target=True)

    def test_all_stored(self):
        for r in self.vo.send(self.good(), self.good(), atomic=True):
            self.assertEqual(r["outcome"], "stored")

    def test_one_rejected(self):
        a, b, c = self.good(), self.bad(), self.good()
        ra, rb, rc = self.vo.send(a, b, c, atomic=True)
        self.assertOutcome(ra, "retry", "atomic")
        self.assertGreater(ra["after_ms"], 0)
        self.assertOutcome(rb, "rejected", "range")
        self.assertOutcome(rc, "retry", "atomic")
        for r in self.vo.send(a, c):
            self.assertEqual(r["outcome"], "stored", "they stayed unknown")
        self.assertEqual(self.vo.send(b)["was"], "rejected")

    def test_one_retried(self):
        for other in ({"form": "inspect.moon"}, {"hlc": "2019-06-13T02:00:00.000Z-0000"}):
            with self.subTest(other):
                a, b = self.good(), self.good() | other
                ra, rb = self.vo.send(a, b, atomic=True)
                self.assertOutcome(ra, "retry", "atomic")
                self.assertEqual(rb["outcome"], "retry")
                self.assertNotIn("atomic", zf.codes_of(rb))
                self.assertEqual(self.vo.send(a)["outcome"], "stored")

    def test_retried_ones_have_no_seq(self):
        phone = self.county.phone("C-00420")
        rs = [phone.facts(self.county.household(), farmland_mu=v) for v in (1, 999, 2)]
        phone.send(*rs, atomic=True)
        self.assertEqual(phone.last_upto(), (0, [[1, 1]]))

    def test_one_held_holds_all(self):
        a, b = self.good(), self.held()
        ra, rb = self.vo.send(a, b, atomic=True)
        self.assertEqual((ra["outcome"], rb["outcome"]), ("held", "held"))
        self.assertIn("atomic", zf.codes_of(ra))
        self.assertIn("role_field", zf.codes_of(rb))
        self.tw.send(self.tw.record("record.review", b["id"], {"accept": True, "note": "x"}))
        self.vo.receipt(a["id"], "stored")
        self.vo.receipt(b["id"], "stored")

    def test_refusing_one_of_a_held_batch(self):
        """None of it may then be stored by the release of the rest."""
        a, b = self.good(), self.held()
        self.vo.send(a, b, atomic=True)
        self.tw.send(self.tw.record("record.review", b["id"], {"accept": False, "note": "x"}))
        self.vo.receipt(b["id"], lambda r: r["outcome"] == "rejected" and
                        zf.codes_of(r) == ["refused"], what="refusal")
        self.assertNotEqual(self.vo.send(a).get("was"), "stored")

    def test_held_and_rejected(self):
        a, b = self.held(), self.bad()
        ra, rb = self.vo.send(a, b, atomic=True)
        self.assertOutcome(ra, "retry", "atomic")
        self.assertEqual(rb["outcome"], "rejected")

    def test_duplicate_counts_as_stored(self):
        a, b = self.good(), self.good()
        self.vo.send(a)
        ra, rb = self.vo.send(a, b, atomic=True)
        self.assertEqual((ra["outcome"], ra["was"]), ("duplicate", "stored"))
        self.assertEqual(rb["outcome"], "stored")

    def test_duplicate_counts_as_rejected(self):
        a, b = self.bad(), self.good()
        self.vo.send(a)
        ra, rb = self.vo.send(a, b, atomic=True)
        self.assertEqual((ra["outcome"], ra["was"]), ("duplicate", "rejected"))
        self.assertOutcome(rb, "retry", "atomic")

    def test_duplicate_counts_as_held(self):
        a, b = self.held(), self.good()
        self.vo.send(a)
        ra, rb = self.vo.send(a, b, atomic=True)
        self.assertEqual((ra["outcome"], ra["was"]), ("duplicate", "held"))
        self.assertEqual(rb["outcome"], "held")
        self.tw.send(self.tw.record("record.review", a["id"], {"accept": True, "note": "x"}))
        self.vo.receipt(a["id"], "stored")
        self.vo.receipt(b["id"], "stored")

    def test_id_conflict_counts_as_rejected(self):
        a, b = self.good(), self.good()
        self.vo.send(a)
        ra, rb = self.vo.send(a | {"x_note": 1}, b, atomic=True)
        self.assertOutcome(ra, "rejected", "id_conflict")
        self.assertOutcome(rb, "retry", "atomic")

    def test_sent_again_whole(self):
        """A lost receipt: the same envelope again."""
        a, b = self.good(), self.good()
        self.vo.send(a, b, atomic=True)
        for r in self.vo.send(a, b, atomic=True):
            self.assertEqual((r["outcome"], r["was"]), ("duplicate", "stored"))


class Held(ContractCase):
    """§5: what releases and what refuses a held record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vo = cls.county.phone("C-00420")
        cls.tw = cls.county.phone("C-00030")
        cls.co = cls.county.phone("C-00001")
        cls.hl = cls.county.phone("C-00026")

    def held(self):
        r = self.vo.facts(self.county.household(), water_target=True)
        self.assertEqual(self.vo.send(r)["outcome"], "held")
        return r

    def review(self, phone, r, accept=True, want="stored"):
        answer = phone.send(phone.record("record.review", r["id"], {"accept": accept, "note": "x"}))
        self.assertEqual(answer["outcome"], want, answer)

    def now(self, r, phone=None):
        """The record's outcome now, as its duplicate's receipt says."""
        return (phone or self.vo).send(r)["was"]

    def foreign(self):
        """A household of the village that no helper of ours has, without assignment."""
        return self.county.household(
            "NOT EXISTS (SELECT 1 FROM assignment a WHERE a.target = e.id)")

    def test_released_by_assignment(self):
        h = self.foreign()
        r = self.hl.facts(h, farmland_mu=4)
        self.assertErrors(self.hl.send(r), "held", ("out_of_scope", "/subject"))
        later_one = self.co.record("assign.set", h, {"kind": "cadre_household", "cadre": "C-00026",
                                                     "from": "2019-06-13"})
        self.assertEqual(self.co.send(later_one)["outcome"], "stored")
        self.assertEqual(self.now(r, self.hl), "held", "the assignment begins after the record")
        self.co.send(self.co.record("assign.set", h, {"kind": "cadre_household", "cadre": "C-00026",
                                                      "from": "2019-06-01"}))
        self.assertNotIn("errors", self.hl.receipt(r["id"], "stored"))

    def test_released_by_acceptance(self):
        for reviewer in (self.tw, self.co):
            r = self.held()
            self.review(reviewer, r)
            self.vo.receipt(r["id"], "stored")
            self.assertEqual(self.now(r), "stored")

    def test_refused(self):
        r = self.held()
        self.review(self.tw, r, False)
        answer = self.vo.receipt(r["id"], "rejected")
        self.assertIn("refused", zf.codes_of(answer))
        self.assertSentences(answer["errors"])
        self.assertEqual(self.now(r), "rejected")

    def test_acceptance_beats_refusal_before(self):
        r = self.held()
        self.review(self.tw, r, False)
        self.vo.receipt(r["id"], "rejected")
        self.review(self.co, r, True)
        self.vo.receipt(r["id"], "stored")

    def test_acceptance_beats_refusal_after(self):
        r = self.held()
        self.review(self.tw, r, True)
        self.vo.receipt(r["id"], "stored")
        self.review(self.co, r, False)
        self.assertEqual(self.now(r), "stored")

    def test_review_before_the_record(self):
        """It may be held for a moment."""
        r = self.vo.facts(self.county.household(), water_target=True)
        self.review(self.tw, r, True)
        self.vo.send(r)
        self.vo.receipt(r["id"], "stored")

    def test_refusal_before_the_record(self):
        r = self.vo.facts(self.county.household(), water_target=True)
        self.review(self.tw, r, False)
        self.vo.send(r)
        self.assertIn("refused", zf.codes_of(self.vo.receipt(r["id"], "rejected")))

    def test_refusal_and_acceptance_before_the_record(self):
        r = self.vo.facts(self.county.household(), water_target=True)
        self.review(self.tw, r, False)
        self.review(self.co, r, True)
        self.vo.send(r)
        self.vo.receipt(r["id"], "stored")

    def test_review_from_outside_the_area_has_no_effect(self):
        other = self.county.phone("C-00004")
        r = self.held()
        self.review(other, r, True)
        self.assertEqual(self.now(r), "held")
        r = self.held()
        self.review(other, r, False)
        self.assertEqual(self.now(r), "held")

    def test_review_by_a_role_that_may_not(self):
        r = self.held()
        self.review(self.vo, r, True, want="held")
        self.assertEqual(self.now(r), "held")

    def test_acceptance_does_not_heal_a_rejected_record(self):
        r = self.vo.facts(self.county.household(), farmland_mu=999)
        self.vo.send(r)
        self.review(self.tw, r, True)
        self.assertEqual(self.now(r), "rejected")

    def test_refusing_what_is_stored_changes_nothing(self):
        r = self.vo.facts(self.county.household(), farmland_mu=5.5)
        self.vo.send(r)
        self.review(self.tw, r, False)
        self.assertEqual(self.now(r), "stored")

    def test_what_was_stored_stays_stored(self):
        """The helper loses the household; records of before stay, those of the days after are
        held."""
        h = self.foreign()
        self.co.send(self.co.record("assign.set", h, {"kind": "cadre_household", "cadre": "C-00026",
                                                      "from": "2019-01-01"}))
        r = self.hl.facts(h, farmland_mu=6)
        self.assertEqual(self.hl.send(r)["outcome"], "stored")
        self.co.send(self.co.record("assign.set", h, {"kind": "cadre_household", "cadre": "C-00025",
                                                      "from": "2019-03-01"}))
        self.assertEqual(self.now(r, self.hl), "stored")

    def test_released_by_enrolment(self):
        """A device enrolled for its author later: judged again."""
        phone = self.county.phone("C-00420")
        r = phone.facts(self.county.household(), farmland_mu=7) | {"by": "C-00450"}
        self.assertEqual(phone.send(r)["outcome"], "held")
        self.assertEqual(self.now(r, phone), "held")

    def test_held_is_pulled_by_reviewers_only(self):
        r = self.held()
        for phone, sees in ((self.tw, True), (self.co, True), (self.hl, False)):
            copy = zf.Copy()
            phone.sync(copy, ["held"])
            self.assertEqual(copy.get("held", r["id"]) is not None, sees, phone.by)
        copy = zf.Copy()
        self.tw.sync(copy, ["held"])
        self.review(self.tw, r)
        self.vo.receipt(r["id"], "stored")
        self.tw.sync(copy, ["held"])
        self.assertIsNone(copy.get("held", r["id"]))

    def test_held_is_not_merged(self):
        r = self.held()
        copy = zf.Copy()
        self.tw.sync(copy, ["household"])
        doc = copy.get("household", r["subject"])
        self.assertNotIn(tail(r["id"]), doc["seen"].get("water_target", []))

    def test_zz_rebuild_agrees(self):
        self.county.rebuild_check()


class Revoked(ContractCase):
    """A revoked device: the broker lets it in no more."""

    def test_revoked_device_is_refused_by_the_broker(self):
        creds = self.county.device("C-00420")
        phone = self.county.connect(creds)
        self.assertEqual(phone.send(phone.facts(self.county.household(), farmland_mu=1))["outcome"],
                         "stored")
        self.county.run("device revoke", creds["device"])
        with self.assertRaises(ConnectionRefusedError):
            self.county.connect(creds)

    def test_revoked_relay_is_refused_by_the_broker(self):
        relay = self.county.add_relay("104")
        zf.Client(self.county.port, relay["username"], relay["password"]).close()
        self.county.run("relay revoke", relay["username"])
        with self.assertRaises(ConnectionRefusedError):
            zf.Client(self.county.port, relay["username"], relay["password"])


class Relayed(ContractCase):
    """What comes through a township's relay."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.relay = cls.county.add_relay("104")
        cls.other = cls.county.add_relay("103")

    def setUp(self):
        self.county.hang_up()  # a relay has one connection

    def test_answers_go_back_by_the_relay(self):
        creds = self.county.device("C-00420")
        phone = self.county.connect(creds, relay=self.relay)
        r = phone.facts(self.county.household(), farmland_mu=3)
        self.assertEqual(phone.send(r)["outcome"], "stored")
        self.assertTrue(all(zf.topic_of(m).startswith("via/" + self.relay["username"] + "/")
                            for m in phone.messages.items))
        page = phone.pull(kinds=["household"], limit=1)
        self.assertEqual(len(page["changes"]), 1)

    def test_relay_scope(self):
        """A relay of another township: held; by its own way the same record is stored."""
        creds = self.county.device("C-00420")
        far = self.county.connect(creds, relay=self.other)
        r = far.facts(self.county.household(), farmland_mu=3)
        answer = far.send(r)
        self.assertEqual(answer["outcome"], "held", answer)
        self.assertEqual(zf.codes_of(answer), ["relay_scope"])
        self.assertSentences(answer["errors"])
        phone = self.county.connect(creds)
        phone.post(phone.envelope([r]))
        phone.receipt(r["id"], lambda x: x["outcome"] == "stored" or x.get("was") == "stored",
                      what="the record stored by another path")

    def test_revoked_device_behind_a_relay(self):
        creds = self.county.device("C-00420")
        phone = self.county.connect(creds, relay=self.relay)
        first = phone.facts(self.county.household(), farmland_mu=3)
        self.assertEqual(phone.send(first)["outcome"], "stored")
        self.county.run("device revoke", creds["device"])
        r = phone.facts(self.county.household(), farmland_mu=3)
        answer = phone.send(r)
        self.assertEqual(answer["outcome"], "held", answer)
        self.assertIn("revoked", zf.codes_of(answer))
        self.assertSentences(answer["errors"])
        tw = self.county.phone("C-00030")
        tw.send(tw.record("record.review", r["id"], {"accept": True, "note": "x"}))
        phone.receipt(r["id"], "stored")

    def test_unknown_device_behind_a_relay(self):
        creds = dict(self.county.device("C-00420"), device="d-ffffffffffff")
        phone = self.county.connect(creds, relay=self.relay)
        answer = phone.send(phone.facts(self.county.household(), farmland_mu=3))
        self.assertEqual(answer["outcome"], "held", answer)

    def test_wrong_device_in_the_envelope(self):
        phone = self.county.connect(self.county.device("C-00420"), relay=self.relay)
        r = phone.refused(json.dumps(phone.envelope([phone.facts(HOUSE, farmland_mu=1)],
                                                    device="d-000000000000")))
        self.assertEqual(zf.codes_of(r), ["device"])


if __name__ == "__main__":
    zf.main()
