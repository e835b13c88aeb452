"""Protocol §7: amendments, withdrawals, facts and conflicts, seen as phones see them, by pulls."""
import zf
from zf import HOUSE, VILLAGE, ContractCase, Copy, stamp, tail, uuid7


class MergeCase(ContractCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vo = cls.county.phone("C-00420")
        cls.tw = cls.county.phone("C-00030")
        cls.co = cls.county.phone("C-00001")
        cls.other = cls.county.phone("C-00004")  # of another township
        cls.copies = {}

    def copy_of(self, phone):
        if phone not in self.copies:
            self.copies[phone] = Copy()
        phone.sync(self.copies[phone], ["household", "person", "record", "task"])
        return self.copies[phone]

    def entity(self, subject, phone=None, kind="household"):
        return self.copy_of(phone or self.tw).get(kind, subject)

    def fact(self, subject, name, phone=None):
        return self.entity(subject, phone)["doc"].get(name)

    def stored(self, phone, *records):
        answers = phone.send(*records)
        for a in answers if isinstance(answers, list) else [answers]:
            self.assertEqual(a["outcome"], "stored", a)

    def until(self, phone, ask, what):
        kinds = ["household", "person", "record", "task"]
        return phone.see(self.copies.setdefault(phone, Copy()), ask, what, kinds)

    def tasks_q1(self, phone, subject):
        return [t for i, t in self.copy_of(phone).of("task").items()
                if i.startswith("T-Q1-" + subject) and t["doc"]["state"] not in ("closed", "void")]


class Amendments(MergeCase):

    def chain(self, n, phone=None):
        """n records, each amending the one before; farmland 1, 2, …"""
        phone = phone or self.vo
        h = self.county.household()
        rs = [phone.facts(h, farmland_mu=i + 1) for i in range(n)]
        for a, b in zip(rs, rs[1:]):
            b["amends"] = a["id"]
        return h, rs

    def test_the_greatest_of_the_chain_counts(self):
        h, rs = self.chain(3)
        self.stored(self.vo, *rs)
        self.assertEqual(self.fact(h, "farmland_mu"), 3)
        mine = {i for i, r in self.copy_of(self.tw).of("record").items()
                if r["doc"].get("subject") == h}
        self.assertEqual(mine, {rs[2]["id"]}, "the current record of the chain, no other")

    def test_any_order_of_arrival(self):
        for order in ((2, 1, 0), (1, 2, 0), (0, 2, 1), (2, 0, 1), (1, 0, 2)):
            with self.subTest(order=order):
                h, rs = self.chain(3)
                for i in order:
                    self.stored(self.vo, rs[i])
                self.assertEqual(self.fact(h, "farmland_mu"), 3)
                self.assertEqual(self.entity(h)["seen"]["farmland_mu"], [tail(rs[2]["id"])])

    def test_facts_that_an_amendment_drops_fall_back(self):
        h = self.county.household()
        before = self.fact(h, "forest_mu")
        a = self.vo.facts(h, farmland_mu=1, forest_mu=777)
        b = self.vo.facts(h, farmland_mu=2) | {"amends": a["id"]}
        self.stored(self.vo, a)
        self.assertEqual(self.fact(h, "forest_mu"), 777)
        self.stored(self.vo, b)
        self.assertEqual((self.fact(h, "farmland_mu"), self.fact(h, "forest_mu")), (2, before))

    def test_two_amendments_of_one_record(self):
        """The chain's greatest, not the last that came."""
        h = self.county.household()
        a, b, c = (self.vo.facts(h, farmland_mu=i) for i in (1, 2, 3))
        b["amends"] = c["amends"] = a["id"]
        self.stored(self.vo, a)
        self.stored(self.vo, c)
        self.stored(self.vo, b)
        self.assertEqual(self.fact(h, "farmland_mu"), 3)

    def assertNoEffect(self, amend, first=True):
        """amend(target) makes the record that should change nothing."""
        h = self.county.household()
        a = self.vo.facts(h, farmland_mu=41)
        phone, b = amend(h, a)
        for p, r in ((self.vo, a), (phone, b))[::1 if first else -1]:
            self.stored(p, r)
        self.assertEqual(self.fact(h, "farmland_mu"), 41)

    def test_another_author_has_no_effect(self):
        for first in (True, False):
            self.assertNoEffect(lambda h, a: (self.tw, self.tw.facts(
                h, {"farmland_mu": [a["id"]]}, farmland_mu=42) | {"amends": a["id"]}), first)

    def test_another_subject_has_no_effect(self):
        h2 = self.county.household()
        before = self.fact(h2, "farmland_mu")
        for first in (True, False):
            self.assertNoEffect(lambda h, a: (self.vo, self.vo.facts(h2, farmland_mu=42)
                                              | {"amends": a["id"]}), first)
            self.assertEqual(self.fact(h2, "farmland_mu"), before)

    def test_a_smaller_stamp_has_no_effect(self):
        for first in (True, False):
            self.assertNoEffect(lambda h, a: (self.vo, self.vo.facts(h, farmland_mu=42) | {
                "amends": a["id"], "hlc": "2019-06-12T01:00:00.000Z-0000"}), first)

    def test_amending_itself_has_no_effect(self):
        h = self.county.household()
        r = self.vo.facts(h, farmland_mu=8)
        r["amends"] = r["id"]
        answer = self.vo.send(r)
        self.assertIn(answer["outcome"], ("stored", "rejected"))
        self.assertNotEqual(self.fact(h, "farmland_mu"), 8)

    def test_zz_rebuild_agrees(self):
        self.county.rebuild_check()


class Voids(MergeCase):

    def void(self, phone, target, restore=None, **members):
        data = {"reason": "误报"}
        if restore is not None:
            data["restore"] = restore
        return phone.record("record.void", target, data, **members)

    def written(self, phone=None, value=51, **members):
        h = self.county.household()
        before = self.fact(h, "farmland_mu")
        r = (phone or self.vo).facts(h, farmland_mu=value) | members
        self.stored(phone or self.vo, r)
        self.assertEqual(self.fact(h, "farmland_mu"), value)
        return h, r, before

    def test_own(self):
        h, r, before = self.written()
        self.assertIsNotNone(self.entity(r["id"], kind="record"))
        self.stored(self.vo, self.void(self.vo, r["id"]))
        self.assertEqual(self.fact(h, "farmland_mu"), before)
        self.assertIsNone(self.entity(r["id"], kind="record"), "gone from phones")

    def test_restore(self):
        h, r, before = self.written()
        self.stored(self.vo, self.void(self.vo, r["id"]))
        self.assertEqual(self.fact(h, "farmland_mu"), before)
        self.stored(self.vo, self.void(self.vo, r["id"], restore=True))
        self.assertEqual(self.fact(h, "farmland_mu"), 51)
        self.assertIsNotNone(self.entity(r["id"], kind="record"))
        self.stored(self.vo, self.void(self.vo, r["id"]))
        self.assertEqual(self.fact(h, "farmland_mu"), before)

    def test_the_greatest_decides_not_the_last_that_came(self):
        h, r, before = self.written()
        void, restore = self.void(self.vo, r["id"]), self.void(self.vo, r["id"], restore=True)
        self.stored(self.vo, restore)
        self.stored(self.vo, void)
        self.assertEqual(self.fact(h, "farmland_mu"), 51)

    def test_before_the_target(self):
        h = self.county.household()
        before = self.fact(h, "farmland_mu")
        r = self.vo.facts(h, farmland_mu=52)
        void = self.void(self.vo, r["id"])
        self.stored(self.vo, void)
        self.stored(self.vo, r)
        self.assertEqual(self.fact(h, "farmland_mu"), before)
        self.assertIsNone(self.entity(r["id"], kind="record"))

    def test_by_the_township_and_the_county(self):
        for phone in (self.tw, self.co):
            h, r, before = self.written()
            self.stored(phone, self.void(phone, r["id"]))
            self.assertEqual(self.fact(h, "farmland_mu"), before)

    def test_outside_the_area_has_no_effect(self):
        h, r, _ = self.written()
        self.stored(self.other, self.void(self.other, r["id"]))
        self.assertEqual(self.fact(h, "farmland_mu"), 51)

    def test_outside_the_area_has_no_effect_before_the_target(self):
        h = self.county.household()
        r = self.vo.facts(h, farmland_mu=53)
        void = self.void(self.other, r["id"])
        self.stored(self.other, void)
        self.stored(self.vo, r)
        self.assertEqual(self.fact(h, "farmland_mu"), 53)

    def test_anothers_record_by_a_village_officer_has_no_effect(self):
        h, r, _ = self.written(self.tw)
        self.vo.send(self.void(self.vo, r["id"]))
        self.assertEqual(self.fact(h, "farmland_mu"), 51)

    def test_own_after_72_hours_has_no_effect(self):
        h = self.county.household()
        r = self.vo.facts(h, farmland_mu=54) | {"hlc": "2019-06-09T01:00:00.000Z-0000"}
        s = self.vo.facts(h, forest_mu=54) | {"hlc": "2019-06-09T03:00:00.000Z-0000"}
        self.stored(self.vo, r, s)
        self.stored(self.vo, self.void(self.vo, r["id"], hlc="2019-06-12T01:00:00.001Z-0000"),
                    self.void(self.vo, s["id"], hlc="2019-06-12T02:00:00.000Z-0000"))
        self.assertEqual(self.fact(h, "farmland_mu"), 54)
        self.assertNotEqual(self.fact(h, "forest_mu"), 54)

    def test_a_member_withdraws_the_whole_chain(self):
        for i in (0, 1, 2):
            h = self.county.household()
            before = self.fact(h, "farmland_mu")
            rs = [self.vo.facts(h, farmland_mu=61 + n) for n in range(3)]
            rs[1]["amends"], rs[2]["amends"] = rs[0]["id"], rs[1]["id"]
            self.stored(self.vo, *rs)
            self.stored(self.vo, self.void(self.vo, rs[i]["id"]))
            self.assertEqual(self.fact(h, "farmland_mu"), before)

    def test_an_amendment_after_the_void_is_withdrawn_too(self):
        h, r, before = self.written()
        self.stored(self.vo, self.void(self.vo, r["id"]))
        self.stored(self.vo, self.vo.facts(h, farmland_mu=55) | {"amends": r["id"]})
        self.assertEqual(self.fact(h, "farmland_mu"), before)

    def test_a_void_cannot_be_voided_or_amended(self):
        h, r, before = self.written()
        void = self.void(self.vo, r["id"])
        self.stored(self.vo, void)
        self.vo.send(self.void(self.vo, void["id"]))
        self.assertEqual(self.fact(h, "farmland_mu"), before)
        self.vo.send(self.void(self.vo, r["id"], restore=True) | {"amends": void["id"]})
        self.assertEqual(self.fact(h, "farmland_mu"), before)

    def test_zz_rebuild_agrees(self):
        self.county.rebuild_check()


class Facts(MergeCase):

    def test_field_by_field_in_both_orders(self):
        """Two phones, different fields and one in common: the greater stamp wins, whoever came
        first."""
        for order in (1, -1):
            with self.subTest(order=order):
                h = self.county.household()
                a = self.vo.facts(h, farmland_mu=71, forest_mu=1)
                b = self.tw.facts(h, farmland_mu=72, vehicle_yuan=9000)
                b["hlc"] = stamp("2019-06-12T10:25:00+08:00")
                for p, r in ((self.vo, a), (self.tw, b))[::order]:
                    self.stored(p, r)
                for phone in (self.vo, self.tw):
                    doc = self.entity(h, phone)["doc"]
                    self.assertEqual((doc["farmland_mu"], doc["forest_mu"], doc["vehicle_yuan"]),
                                     (72, 1, 9000))
                    seen = self.entity(h, phone)["seen"]
                    self.assertEqual(seen["forest_mu"], [tail(a["id"])])
                    self.assertEqual(sorted(seen["farmland_mu"]),
                                     sorted([tail(a["id"]), tail(b["id"])]))

    def test_equal_stamps_are_ordered_by_id(self):
        for order in (1, -1):
            h = self.county.household()
            a, b = self.vo.facts(h, farmland_mu=1), self.tw.facts(h, farmland_mu=2)
            a["hlc"] = b["hlc"]
            self.assertLess(a["id"], b["id"])
            for p, r in ((self.vo, a), (self.tw, b))[::order]:
                self.stored(p, r)
            self.assertEqual(self.fact(h, "farmland_mu"), 2)

    def test_the_counter_orders_within_a_millisecond(self):
        h = self.county.household()
        a, b = self.vo.facts(h, farmland_mu=1), self.vo.facts(h, farmland_mu=2)
        a["hlc"], b["hlc"] = b["hlc"][:-4] + "000a", b["hlc"][:-4] + "0009"
        self.stored(self.vo, a, b)
        self.assertEqual(self.fact(h, "farmland_mu"), 1)

    def test_null_clears(self):
        h = self.county.household()
        a = self.vo.facts(h, forest_mu=5, phone="000")
        self.stored(self.vo, a)
        self.assertEqual(self.fact(h, "forest_mu"), 5)
        b = self.vo.facts(h, {"forest_mu": [a["id"]]}, forest_mu=None)
        self.stored(self.vo, b)
        self.assertIsNone(self.fact(h, "forest_mu"))
        self.assertEqual(self.entity(h)["seen"]["forest_mu"], [tail(b["id"])])
        self.assertEqual(self.fact(h, "phone"), "000")

    def test_a_list_is_taken_whole(self):
        h = self.county.household()
        a = self.vo.facts(h, main_cause="illness", other_causes=["no_labour", "disaster"])
        b = self.vo.facts(h, {"other_causes": [a["id"]]}, other_causes=["no_labour"])
        self.stored(self.vo, a, b)
        self.assertEqual(self.fact(h, "other_causes"), ["no_labour"])

    def conflict(self, order=1, **change):
        """Two phones write one fact without having seen each other's value."""
        h = self.county.household()
        a = self.vo.facts(h, farmland_mu=81)
        b = self.tw.facts(h, farmland_mu=82) | {"hlc": stamp("2019-06-12T10:25:00+08:00")}
        b.update(change)
        for p, r in ((self.vo, a), (self.tw, b))[::order]:
            self.stored(p, r)
        return h, a, b

    def shown(self, h, phone):
        return self.entity(h, phone).get("conflicts", [])

    def test_conflict_is_told_to_both_and_opens_a_task(self):
        for order in (1, -1):
            with self.subTest(order=order):
                h, a, b = self.conflict(order)
                for phone in (self.vo, self.tw):
                    c, = self.shown(h, phone)
                    self.assertEqual(c["fact"], "farmland_mu")
                    self.assertEqual(c["winner"], {"value": 82, "by": "C-00030", "hlc": b["hlc"],
                                                   "id": b["id"]})
                    self.assertEqual(c["loser"], {"value": 81, "by": "C-00420", "hlc": a["hlc"],
                                                  "id": a["id"]})
                t = self.until(self.vo, lambda c: self.tasks_q1(self.vo, h), "T-Q1")[0]
                self.assertEqual((t["doc"]["rule"], t["doc"]["subject"], t["doc"]["state"]),
                                 ("T-Q1", h, "open"))
                self.assertEqual((t["doc"]["opened"], t["doc"]["due"]), ("2019-06-12", "2019-06-19"))

    def test_base_resolves_it(self):
        h, a, b = self.conflict()
        self.until(self.vo, lambda c: self.tasks_q1(self.vo, h), "T-Q1")
        shown = self.entity(h, self.vo)["seen"]["farmland_mu"]
        self.assertEqual(sorted(shown), sorted([tail(a["id"]), tail(b["id"])]))
        c = self.vo.record("hh.facts", h, {"set": {"farmland_mu": 83}, "reason": "核实"},
                           base={"farmland_mu": shown}, hlc=stamp("2019-06-12T10:26:00+08:00"))
        self.stored(self.vo, c)
        self.assertEqual(self.shown(h, self.tw), [])
        self.assertEqual(self.fact(h, "farmland_mu"), 83)
        self.assertEqual(self.entity(h)["seen"]["farmland_mu"], [tail(c["id"])])
        self.until(self.vo, lambda c: not self.tasks_q1(self.vo, h), "the end of T-Q1")

    def test_base_that_arrives_before_what_it_resolves(self):
        h = self.county.household()
        a = self.vo.facts(h, farmland_mu=81)
        b = self.tw.facts(h, {"farmland_mu": [a["id"]]}, farmland_mu=82)
        b["hlc"] = stamp("2019-06-12T10:25:00+08:00")
        self.stored(self.tw, b)
        self.stored(self.vo, a)
        self.assertEqual(self.shown(h, self.vo), [])

    def test_base_reaches_over_several_records(self):
        """c saw b, b saw a: no conflict between a and c."""
        h = self.county.household()
        a = self.vo.facts(h, farmland_mu=81)
        b = self.tw.facts(h, {"farmland_mu": [a["id"]]}, farmland_mu=82)
        c = self.co.facts(h, {"farmland_mu": [b["id"]]}, farmland_mu=83)
        b["hlc"], c["hlc"] = stamp("2019-06-12T10:25:00+08:00"), stamp("2019-06-12T10:26:00+08:00")
        for p, r in ((self.co, c), (self.vo, a), (self.tw, b)):
            self.stored(p, r)
        self.assertEqual(self.shown(h, self.vo), [])

    def test_the_same_value_is_no_conflict(self):
        h = self.county.household()
        self.stored(self.vo, self.vo.facts(h, farmland_mu=84))
        self.stored(self.tw, self.tw.facts(h, farmland_mu=84.0))
        self.assertEqual(self.shown(h, self.vo), [])

    def test_the_same_author_is_no_conflict(self):
        h = self.county.household()
        self.stored(self.vo, self.vo.facts(h, farmland_mu=84), self.vo.facts(h, farmland_mu=85))
        self.assertEqual(self.shown(h, self.vo), [])

    def test_an_import_is_no_conflict(self):
        h = self.county.household("doc ->> '$.farmland_mu' IS NOT NULL")
        self.stored(self.vo, self.vo.facts(h, farmland_mu=86))
        self.assertEqual(self.shown(h, self.vo), [])

    def test_a_fact_missing_from_base(self):
        """Counts as not shown within 72 h, as shown beyond."""
        for hlc, n in (("2019-06-09T02:26:00.000Z-0000", 1), ("2019-06-09T02:24:00.000Z-0000", 0)):
            with self.subTest(hlc=hlc):
                h = self.county.household()
                a = self.vo.facts(h, farmland_mu=81) | {"hlc": hlc}
                b = self.tw.facts(h, farmland_mu=82) | {"hlc": "2019-06-12T02:25:00.000Z-0000"}
                del b["base"]
                self.stored(self.vo, a)
                self.stored(self.tw, b)
                self.assertEqual(len(self.shown(h, self.vo)), n)

    def test_empty_base_conflicts_at_any_distance(self):
        h, a, b = self.conflict()
        h = self.county.household()
        a = self.vo.facts(h, farmland_mu=81) | {"hlc": "2019-05-09T02:24:00.000Z-0000"}
        b = self.tw.facts(h, farmland_mu=82)
        self.stored(self.vo, a)
        self.stored(self.tw, b)
        self.assertEqual(len(self.shown(h, self.vo)), 1)

    def test_voiding_the_winner_ends_the_conflict(self):
        h, a, b = self.conflict()
        self.stored(self.tw, self.tw.record("record.void", b["id"], {"reason": "误报"}))
        self.assertEqual(self.shown(h, self.vo), [])
        self.assertEqual(self.fact(h, "farmland_mu"), 81)

    def test_amending_the_loser_to_the_same_value_ends_the_conflict(self):
        h, a, b = self.conflict()
        self.stored(self.vo, self.vo.facts(h, farmland_mu=82) | {
            "amends": a["id"], "hlc": stamp("2019-06-12T10:24:00+08:00")})
        self.assertEqual(self.shown(h, self.tw), [])

    def test_an_unregistered_household_appears(self):
        """A minted household: there at once, T-Q1 asks for its registration, which ends it."""
        rid = uuid7()
        h = "%s-03-~%s" % (VILLAGE, tail(rid))
        r = self.vo.facts(h, farmland_mu=2, addr="新到户") | {"id": rid}
        self.stored(self.vo, r)
        for phone in (self.vo, self.tw):
            doc = self.entity(h, phone)["doc"]
            self.assertEqual((doc["farmland_mu"], doc["addr"]), (2, "新到户"))
        self.until(self.vo, lambda c: self.tasks_q1(self.vo, h), "T-Q1 of the new household")
        self.stored(self.tw, self.tw.facts(h, group=3, hh_type="ordinary", poverty_status="none"))
        self.until(self.vo, lambda c: not self.tasks_q1(self.vo, h), "T-Q1's end")

    def test_a_person_appears_by_mention(self):
        p = HOUSE + "-~" + tail(uuid7())
        r = self.vo.record("person.facts", p, {"op": "edit", "set": {"work_months": 3}})
        self.stored(self.vo, r)
        self.assertEqual(self.entity(p, self.vo, "person")["doc"]["work_months"], 3)

    def test_leave_beaten_only_by_a_later_add(self):
        """Domain §2: a leave is a tombstone."""
        h = self.county.household()
        p = h + "-01"
        at = "2019-06-12T10:2%d:00+08:00"
        leave = self.vo.record("person.facts", p, {"op": "leave", "leave_reason": "death",
                                                   "leave_date": "2019-06-01"},
                               hlc=stamp(at % 1))
        self.stored(self.vo, leave)
        edit = self.vo.record("person.facts", p, {"op": "edit", "set": {"work_months": 1}},
                              hlc=stamp(at % 2))
        self.stored(self.vo, edit)
        self.assertEqual(self.entity(p, kind="person")["doc"]["status"], "left")
        old = self.vo.record("person.facts", p, {"op": "add", "set": {"work_months": 2}},
                             hlc=stamp(at % 0))
        self.vo.send(old)
        self.assertEqual(self.entity(p, kind="person")["doc"]["status"], "left")
        self.stored(self.vo, self.vo.record("person.facts", p, {"op": "add", "set": {"work_months": 4}},
                                            hlc=stamp(at % 3)))
        self.assertEqual(self.entity(p, kind="person")["doc"]["status"], "current")

    def test_zz_rebuild_agrees(self):
        self.county.rebuild_check()


class Convergence(ContractCase):
    """The same records, in two orders, at two servers: one digest."""
    SERVE = False

    def test_two_orders_one_digest(self):
        digests = set()
        first = zf.County("order1", source=zf.base_county())
        second = zf.County("order2", source=zf.base_county())
        records = None
        for county in (first, second):
            county.serve()
            phones = {c: county.phone(c) for c in ("C-00420", "C-00030")}
            if records is None:
                vo, tw = phones["C-00420"], phones["C-00030"]
                hs = [county.household() for _ in range(4)]
                records = [vo.facts(h, farmland_mu=i) for i, h in enumerate(hs)]
                records += [tw.facts(h, farmland_mu=i + 10, water_target=True)
                            for i, h in enumerate(hs)]
                records.append(vo.facts(hs[0], farmland_mu=7) | {"amends": records[0]["id"]})
                records.append(tw.record("record.void", records[1]["id"], {"reason": "x"}))
                records.append(vo.facts(hs[2], water_target=False))
                records.append(tw.record("record.review", records[-1]["id"],
                                         {"accept": True, "note": "x"}))
            else:
                records = records[::-1]
            for r in records:
                p = phones[r["by"]]
                p.post(p.envelope([r]))
                p.receipt(r["id"])
            held = next(r for r in records if r["data"].get("set") == {"water_target": False})
            phones["C-00420"].receipt(held["id"], "stored")
            digests.add(county.digest())
            county.rebuild_check()
            county.stop()
            digests.add(county.digest())
        self.assertEqual(len(digests), 1, digests)


if __name__ == "__main__":
    zf.main()
