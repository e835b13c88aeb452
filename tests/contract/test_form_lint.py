"""One capture, many uses (schema/README.md, "Asked once"): two forms that ask the same thing of the same kind of entity
say how their answers go together. Every field, choice and refusal speaks Chinese and English, every field has a class.
docs/forms.md says of every form what it begins with. Views come after what they read."""
import glob
import json
import os
import re
import sys
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ENTITY = {"county": "division", "township": "division", "village": "division"}  # else the kind of subject itself


def load(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        return json.load(f)


def forms():
    return [load(p) for p in sorted(glob.glob(os.path.join(SOURCE, "schema", "forms", "*.json")))]


def entities(form):
    if "x-entity" in form:
        return {form["x-entity"]["kind"]}
    return {ENTITY.get(s, s) for s in form["x-subject"]}


def fields(form, schema=None, kinds=None, path=""):
    """(entities, path, name, property): what the form asks, objects and lists of objects taken apart; the items of a
    list may be entities of their own."""
    for name, p in (schema or form).get("properties", {}).items():
        of = kinds or entities(form)
        yield of, path + "/" + name, name, p
        if p.get("x-own"):
            continue
        items = p.get("items", {})
        for inner in filter(lambda s: "properties" in s, (p, items)):
            entity = inner.get("x-entity")
            yield from fields(form, inner, {entity["kind"]} if entity else of, path + "/" + name)


def source(form, kinds, path, p):
    """What the property asks for: the same for two that go together. None: the record's own."""
    if p.get("x-own"):
        return None
    if "x-fact" in p:
        return "%s.%s" % (min(kinds), p["x-fact"])
    if "x-cross-check" in p:
        return "cross-check " + p["x-cross-check"]
    return p.get("x-prefill", form["x-form"] + path)


def asked_twice(all_forms):
    """Fields of two forms with one name, label or code list, about one kind of entity, that do not go together."""
    seen, out = {}, set()
    for form in all_forms:
        if form["x-kind"] == "register" or form["x-form"] in (f["x-form"] for f in all_forms if newer(f, form)):
            continue
        for kinds, path, name, p in fields(form):
            here = source(form, kinds, path, p)
            if here is None or "properties" in p:
                continue
            code = p.get("x-code", p.get("items", {}).get("x-code"))
            for mark in filter(None, (name, p["x-label"]["zh"], code and "x-code " + code)):
                for kind in kinds:
                    before = seen.setdefault((kind, mark), [])
                    out.update("%s%s and %s ask %s of a %s" % (form["x-form"], path, where, mark, kind)
                               for other, where, there in before if other != form["x-form"] and there != here)
                    before.append((form["x-form"], form["x-form"] + path, here))
    return sorted(out)


def newer(a, b):
    return a["x-form"] == b["x-form"] and a["x-version"] > b["x-version"]


def begins_with(form):
    """What docs/forms.md says of the form: the facts that a phone fills in before anybody asks."""
    if form["x-kind"] == "merge":
        return "what it changes"
    facts = [(name, p.get("x-prefill") or ("x-fact" in p and "%s.%s" % (min(kinds), p["x-fact"])))
             for kinds, _, name, p in fields(form)]
    return ", ".join("`%s` ← `%s`" % x for x in facts if x[1]) or "–"


def is_chinese(text):
    return bool(re.search("[\u4e00-\u9fff]", text or ""))


def walk(schema, path=""):
    """Every object in the file."""
    if isinstance(schema, dict):
        yield path, schema
        for k, v in schema.items():
            yield from walk(v, path + "/" + k)
    elif isinstance(schema, list):
        for i, v in enumerate(schema):
            yield from walk(v, "%s/%d" % (path, i))


class Forms(unittest.TestCase):
    maxDiff = None

    def test_39_nothing_is_asked_twice(self):
        """A fact in two forms, neither fed to nor declared a cross-check, fails."""
        self.assertEqual(asked_twice(forms()), [])

    def test_it_is_seen_when_something_is(self):
        """Another form for the same: by name, by label, by choices; and with its reason."""
        head = {"x-form": "z.more", "x-version": 1, "x-kind": "event", "x-subject": ["household"]}
        label = {"zh": "项", "en": "item"}

        def items(entity=None, **properties):
            schema = {"type": "object", "properties": properties, **({"x-entity": entity} if entity else {})}
            return {"x-label": label, "type": "array", "items": schema}

        for name, p, wrong in (("persons", {"x-label": label}, True), ("n", {"x-label": {"zh": "供水方式"}}, True),
                               ("n", {"x-label": label, "x-code": "supply"}, True),
                               ("sole_home", {"x-label": label}, True),
                               ("persons", {"x-label": label, "x-cross-check": "others"}, True),
                               ("persons", {"x-label": label, "x-cross-check": "persons"}, False),
                               ("sole_home", {"x-label": label, "x-prefill": "household.sole_home"}, False),
                               ("sole_home", {"x-label": label, "x-fact": "sole_home"}, False),
                               ("date", {"x-label": label, "x-own": True}, False),
                               ("n", items(persons={"x-label": label}), True),
                               ("n", items(insured={"x-label": label}), False),
                               ("n", items({"kind": "person", "id": "{n}"}, insured={"x-label": label}), True),
                               ("n", items(amount={"x-label": {"zh": "金额(元)"}}), True),
                               ("n", dict(items(persons={"x-label": label}), **{"x-own": True}), False)):
            with self.subTest(name=name, p=p):
                self.assertEqual(bool(asked_twice(forms() + [dict(head, properties={name: p})])), wrong)

    def test_a_cross_check_has_something_to_compare(self):
        groups = {}
        for form in forms():
            for _, _, _, p in fields(form):
                if "x-cross-check" in p:
                    groups.setdefault(p["x-cross-check"], set()).add(form["x-form"])
        self.assertEqual(groups, {"persons": {"check.income", "inspect.water", "lookback.relocation"},
                                  "measure": {"measure.plan", "visit.household"}})

    def test_the_page_says_what_a_form_begins_with(self):
        with open(os.path.join(SOURCE, "docs", "forms.md"), encoding="utf-8") as f:
            rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|", f.read(), re.M)
        self.assertEqual(dict(rows), {f["x-form"]: begins_with(f) for f in forms() if f["x-kind"] != "register"})

    def test_the_page_says_where_every_rule_is(self):
        """Checks and gates of the form, those about days apart, and no others; views that there are."""
        with open(os.path.join(SOURCE, "docs", "forms.md"), encoding="utf-8") as f:
            text = f.read()
        for form in forms():
            row = re.search(r"^\| `%s` \|.*" % re.escape(form["x-form"]), text, re.M)
            if form["x-kind"] == "register":
                continue
            told = set()
            for names in re.findall(r"(?:checks?|gates?|warnings?) ((?:`\w+`(?:, )?)+)", row.group()):
                told.update(re.findall(r"`(\w+)`", names))
            have = {c["name"] for _, at in walk(form) for c in
                    at.get("x-checks", []) + at.get("x-gates", []) + [at.get("x-error", {})] if "name" in c}
            self.assertEqual({n for n in told ^ have if n != "late" and not n.endswith("_future")} |
                             {n for n in told - have}, set(), form["x-form"])
        views = {os.path.basename(p)[:-4] for p in glob.glob(os.path.join(SOURCE, "schema", "*", "*.sql"))}
        self.assertEqual(set(re.findall(r"\b(?:\d\d-[a-z-]+[a-z]|T-Q1-[a-z]+)", text)) - views, set())

    def test_everything_speaks_both_languages(self):
        for form in forms():
            for path, at in walk(form, form["x-form"]):
                told = [at["x-label"]] if "x-label" in at else []
                told += [at["x-error"]] if "x-error" in at else []
                told += at.get("x-checks", []) + at.get("x-gates", [])
                for text in told:
                    self.assertTrue(is_chinese(text.get("zh")) and text.get("en") and not is_chinese(text["en"]), path)
        for name, codes in load("schema/codes.json").items():
            for code, text in codes.items():
                self.assertTrue(is_chinese(text["zh"]) and text["en"] and not is_chinese(text["en"]), (name, code))

    def test_every_field_has_a_label_a_class_and_its_choices_a_list(self):
        for form in forms():
            self.assertRegex(form["x-class"], "^L[0-4]$")
            for path, at in walk(form, form["x-form"]):
                inside = re.search(r"/(?:allOf|anyOf|oneOf|if|then|else|not)(?:/|$)", path)  # says more of one above
                for name, p in ({} if inside else at.get("properties", {})).items():
                    self.assertIn("x-label", p, path + "/" + name)
                    self.assertRegex(p.get("x-class", form["x-class"]), "^L[0-4]$", path + "/" + name)
                    self.assertTrue("enum" not in p or "x-code" in p, path + "/" + name)

    def test_no_form_asks_in_the_clear_what_others_hold_back(self):
        """One name for one kind of entity has one class."""
        seen = {}
        for form in forms():
            for kinds, path, name, p in fields(form):
                for kind in kinds if "x-fact" in p else ():
                    here = p.get("x-class", form["x-class"])
                    self.assertEqual(seen.setdefault((kind, p["x-fact"]), here), here, form["x-form"] + path)


def sql(folder):
    for path in sorted(glob.glob(os.path.join(SOURCE, "schema", folder, "*.sql"))):
        with open(path, encoding="utf-8") as f:
            yield os.path.basename(path), re.sub(r"--.*", "", text := f.read()), text


def cases(text, before="", after=""):
    """What the CASEs (none in another) between the two say, where they say it in so many words."""
    inside = r"CASE\b((?:(?!\bCASE\b|\bEND\b).)*)"
    for said in re.findall(before + inside + after, text, re.S):
        yield from re.findall(r"\b(?:THEN|ELSE)\s+'(\w+)'", said)


def told():
    """{list of codes.json: values that phones and monitors are told}, as the SQL has them."""
    out = {k: set() for k in ("milestone", "escalated", "check_state", "colour", "task_state", "project_step")}
    for folder in ("views", "rules"):
        for name, text, head in sql(folder):
            out["milestone"].update(re.findall(r"'name', *'(\w+)',\s*'due'", text))
            if "AS escalated" in text:
                out["escalated"].update(cases(text, after=r"END AS escalated"))
            states = set(cases(text, after=r"END(?: END)* AS state\b")) | set(cases(text, before=r"'state', ?"))
            states.update(re.findall(r"'state', ?'(\w+)'", text))
            if re.search(r"^-- names:.* check\.(?:income|food|education|medical|housing|water)\b", head, re.M):
                assert states, name
                out["check_state"].update(states)
            elif folder == "rules":
                out["task_state"].update(states)
            elif re.search(r"^-- level: project$", head, re.M):
                out["project_step"].update(states)
            elif re.search(r"^-- level: finding$", head, re.M):
                out["task_state"].update(cases(text, after=r"ELSE f\.state END"))
    for _, text, _ in sql("status"):
        out["colour"].update(cases(text, before=r"'colour',\s*"))
    return out


class Labels(unittest.TestCase):
    def test_what_is_told_has_labels(self):
        """A value that phones and monitors see stands in a list of codes.json, and the list has no other."""
        codes, values = load("schema/codes.json"), told()
        for name, told_of in values.items():
            self.assertTrue(told_of, name)
            self.assertEqual(told_of - set(codes[name]), set(), name)
        for name in ("milestone", "escalated", "check_state", "colour"):   # of the server alone: no form uses them
            self.assertEqual(set(codes[name]), values[name], name)

    def test_lists_for_the_county_have_names(self):
        """A list that is empty is named, for the county to fill."""
        codes = load("schema/codes.json")
        self.assertEqual({name for name, of in codes.items() if not of} - set(codes["local_list"]), set())
        self.assertEqual(set(codes["local_list"]) - set(codes), set())


class Views(unittest.TestCase):
    def test_a_view_comes_after_what_it_reads(self):
        """Else it would be a day late, and not the same when all is derived anew."""
        made, heads = {}, {}
        for path in sorted(glob.glob(os.path.join(SOURCE, "schema", "views", "*.sql"))):
            with open(path, encoding="utf-8") as f:
                head = heads[os.path.basename(path)] = dict(re.findall(r"^-- ([a-z]+): ?(.*)$", f.read(), re.M))
            for name in (head.get("names", "") + " " + head.get("keeps", "")).split():
                made.setdefault((head["level"], name), []).append(os.path.basename(path))
        early = [(file, name, other) for file, head in heads.items() for name in head.get("reads", "").split()
                 for other in made.get((head["level"], name), []) if other >= file]
        self.assertEqual(early, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
