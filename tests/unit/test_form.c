/* The catalogue's machinery, on forms written for the test. */
#include "form.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void put(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void) {
    strcpy(dir, "/tmp/zoufang-form-XXXXXX");
    cr_assert(mkdtemp(dir));
    char path[256];
    snprintf(path, sizeof path, "%s/forms", dir);
    cr_assert(mkdir(path, 0700) == 0);
    put("codes.json", "{\"role\":{\"HL\":{\"zh\":\"帮\",\"en\":\"h\"},\"TW\":{\"zh\":\"乡\",\"en\":"
                      "\"t\"}},\"grade\":{\"A\":{\"zh\":\"甲\",\"en\":\"a\"},\"B\":{\"zh\":\"乙\","
                      "\"en\":\"b\"}}}");
}

static void teardown(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert(system(command) == 0);
}

TestSuite(form, .init = setup, .fini = teardown);

#define HEAD                                                                                       \
    "\"x-form\":\"t.one\",\"x-version\":1,\"x-label\":{\"zh\":\"一\",\"en\":\"one\"},"            \
    "\"x-kind\":\"merge\",\"x-roles\":[\"HL\"],\"x-subject\":[\"household\"],\"x-class\":\"L2\","  \
    "\"type\":\"object\",\"additionalProperties\":false"
#define LABEL "\"x-label\":{\"zh\":\"项\",\"en\":\"item\"}"

static struct form_catalog *load(const char *text, struct err *e) {
    *e = (struct err){0};
    put("forms/t.one.1.json", text);
    return form_catalog_load(dir, e);
}

static struct form_catalog *loaded(const char *text) {
    struct err e;
    struct form_catalog *c = load(text, &e);
    cr_assert(c, "%s", e.msg);
    return c;
}

static bool validate(const struct form_catalog *c, const char *data, struct form_verdict *v) {
    struct err e = {0};
    struct form_run *run = form_run_create(c, &e);
    cr_assert(run, "%s", e.msg);
    json_t *json = json_loads(data, 0, NULL);
    struct form_input in = {.data = json};
    bool fits = form_validate(form_at(c, 0), run, &in, v);
    json_decref(json);
    form_run_destroy(run);
    return fits;
}

/* ---------------------------------------------------------------- refusals */

/* An array whose items write facts. */
#define LIST(array, entity, most, fact)                                                            \
    "{" HEAD ",\"properties\":{\"l\":{" LABEL "," array "\"maxItems\":" most                       \
    ",\"items\":{\"x-entity\":{" entity "},\"properties\":{\"p\":{" LABEL "},\"f\":{" LABEL        \
    ",\"x-fact\":\"f\"" fact "}}}}}}"

#define ONE "{" HEAD ",\"properties\":{\"a\":{" LABEL ","

Test(form, a_bad_file_is_refused_and_named) {
    static const struct {
        const char *text, *wanted; /* wanted stands in the message */
    } bad[] = {
        {"{", "line 1"},
        {"[]", "must be an object"},
        {"{" HEAD ",\"x-lable\":1}", "x-lable"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-fcat\":\"a\"}}}",
         "/properties/a: unknown"},
        {"{" HEAD ",\"properties\":{\"a\":{}}}", "/properties/a/x-label: missing"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-class\":\"L5\"}}}", "x-class"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-code\":\"none\"}}}", "unknown code list"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-code\":\"grade\",\"enum\":[\"C\"]}}}",
         "has not: C"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-fact-roles\":[\"TW\"]}}}", "x-fact"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-fact\":\"a\",\"x-fact-roles\":[\"XX\"]}}}",
         "unknown role XX"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"minimum\":\"1\"}}}",
         "/properties/a/minimum"},
        {"{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-fact\":\"f\"},\"b\":{" LABEL
         ",\"x-fact\":\"f\"}}}",
         "written twice"},
        {"{" HEAD ",\"x-checks\":[{\"name\":\"n\",\"sql\":\"1 +\",\"path\":\"/data\",\"zh\":\"错\","
         "\"en\":\"e\"}]}",
         "expression n"},
        {"{" HEAD
         ",\"x-checks\":[{\"name\":\"n\",\"sql\":\"1\",\"path\":\"/data\",\"zh\":\"错\"}]}",
         "/x-checks/0: missing or not a text: en"},
        {"{" HEAD ",\"x-checks\":[{\"name\":\"n\",\"sql\":\"1\",\"path\":\"/data\",\"zh\":\"错\","
         "\"en\":\"e\",\"level\":\"fatal\"}]}",
         "level"},
        {"{" HEAD ",\"x-entity\":{\"kind\":\"assignment\",\"id\":\"A-{nobody}\"}}", "nobody"},
        {LIST("", "\"kind\":\"person\",\"id\":\"{nobody}\"", "9", ""), "nobody"},
        {LIST("", "\"kind\":\"person\",\"id\":\"{p\"", "9", ""), "bad template"},
        {LIST("", "\"kind\":\"cadre\",\"id\":\"{p}\"", "9", ""), "household or person"},
        {LIST("", "\"kind\":\"household\",\"id\":\"{p}\"", "9", ""), "another part"},
        {LIST("", "\"kind\":\"person\",\"id\":\"{p}\"", "101", ""), "maxItems"},
        {LIST("", "\"kind\":\"person\",\"id\":\"{p}\"", "0", ""), "maxItems"},
        {LIST("", "\"kind\":\"person\",\"id\":\"{p}\"", "9", ",\"x-fact-roles\":[\"TW\"]"),
         "in a list"},
        {LIST("\"x-entity\":{},", "\"kind\":\"person\",\"id\":\"{p}\"", "9", ""),
         "items of an array"},
        {"{" HEAD ",\"x-opens\":\"door\"}", "x-opens"},
        {ONE "\"x-prefill\":\"household.none\"}}}", "a: x-prefill names no fact"},
        {ONE "\"x-prefill\":\"household\"}}}", "x-prefill"},
        {ONE "\"x-prefill\":\"person.id\"}}}", "x-prefill"},
        {ONE "\"x-cross-check\":1}}}", "x-cross-check"},
        {ONE "\"x-own\":false}}}", "x-own"},
        {ONE "\"x-withheld\":1}}}", "x-withheld"},
        {ONE "\"x-withheld\":true,\"x-fact\":\"f\"}}}", "x-withheld and x-fact"},
        {ONE "\"x-own\":true,\"x-fact\":\"f\"}}}", "at most"},
        {"{" HEAD ",\"x-entity-class\":\"L7\"}", "x-entity-class"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e;
        cr_expect(!load(bad[i].text, &e), "%s", bad[i].text);
        cr_expect(strstr(e.msg, "forms/t.one.1.json"), "%s", e.msg);
        cr_expect(strstr(e.msg, bad[i].wanted), "%s, not %s", e.msg, bad[i].wanted);
        cr_expect_eq(e.code, ERR_USAGE);
    }
}

Test(form, a_property_may_begin_with_what_is_known) {
    struct form_catalog *c =
        loaded("{" HEAD ",\"properties\":{\"a\":{" LABEL ",\"x-fact\":\"f\"},\"b\":{" LABEL
               ",\"x-prefill\":\"household.f\"},\"c\":{" LABEL
               ",\"x-prefill\":\"household.id\"},\"d\":{" LABEL ",\"x-cross-check\":\"f\"}}}");
    cr_expect_eq(form_at(c, 0)->write_count, 1);
    form_catalog_destroy(c);
}

Test(form, the_file_name_says_form_and_version) {
    struct err e = {0};
    put("forms/t.two.1.json", "{" HEAD "}");
    cr_expect(!form_catalog_load(dir, &e));
    cr_expect(strstr(e.msg, "t.one.1.json"), "%s", e.msg);
}

Test(form, a_missing_folder_is_told) {
    struct err e = {0};
    cr_expect(!form_catalog_load("/tmp/zoufang-there-is-no-such", &e));
    cr_expect(err_is_set(&e));
}

/* What an expression must not reach, and what it must not cost. */
Test(form, checks_reach_nothing_but_the_record) {
    static const char *const denied[] = {
        "(SELECT load_extension('x'))", "(SELECT count(*) FROM sqlite_schema); DROP TABLE x",
        "(SELECT 1 FROM pragma_database_list)", "(SELECT count(*) FROM nothing)"};
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        char text[1024];
        struct err e;
        snprintf(text, sizeof text,
                 "{" HEAD ",\"x-checks\":[{\"name\":\"n\",\"sql\":\"%s\",\"path\":\"/data\",\"zh\":"
                 "\"错\",\"en\":\"e\"}]}",
                 denied[i]);
        struct form_catalog *c = load(text, &e);
        cr_expect(!c, "%s", denied[i]);
        form_catalog_destroy(c);
    }
}

Test(form, a_check_that_does_not_end_is_stopped) {
    struct form_catalog *c = loaded(
        "{" HEAD
        ",\"x-checks\":[{\"name\":\"n\",\"sql\":\"(SELECT count(*) FROM json_each('[1,2,3,4,"
        "5,6,7,8,9]') a, json_each('[1,2,3,4,5,6,7,8,9]') b, json_each('[1,2,3,4,5,6,7,8,9]') c,"
        " json_each('[1,2,3,4,5,6,7,8,9]') d, json_each('[1,2,3,4,5,6,7,8,9]') e,"
        " json_each('[1,2,3,4,5,6,7,8,9]') f, json_each('[1,2,3,4,5,6,7,8,9]') g)\",\"path\":\"/"
        "data\",\"zh\":\"错\",\"en\":\"e\"}]}");
    struct form_verdict v = {0};
    cr_expect(!validate(c, "{}", &v));
    cr_assert_eq(v.errors.count, 1);
    cr_expect_str_eq(v.errors.list[0].path, "/data");
    form_verdict_fini(&v);
    form_catalog_destroy(c);
}

/* ---------------------------------------------------------------- what it finds */

static const char rich[] =
    "{" HEAD ",\"x-writes\":[{\"fact\":\"state\",\"x-label\":{\"zh\":\"态\",\"en\":\"state\"},"
    "\"value\":\"left\",\"when\":{\"op\":[\"leave\"]}}],\"x-hidden\":\"data ->> '$.op' = 'x'\","
    "\"x-gates\":[{\"name\":\"g\",\"when\":\"data ->> '$.op' = 'leave' -- "
    "comment\",\"roles\":[\"TW\""
    "],\"path\":\"/data/op\",\"zh\":\"门\",\"en\":\"gate\"}],"
    "\"x-checks\":[{\"name\":\"w\",\"sql\":\"data ->> '$.op' <> "
    "'warn'\",\"path\":\"/data/op\",\"zh\""
    ":\"警\",\"en\":\"w\",\"level\":\"warning\"},{\"name\":\"h\",\"sql\":\"data ->> '$.op' <> "
    "'hold'\",\"path\":\"/data/op\",\"zh\":\"扣\",\"en\":\"h\",\"level\":\"held\"},{\"name\":\"s\","
    "\"sql\":\"hlc_ms > 0 AND subject = 'S' AND author = 'A' AND gps IS "
    "NULL\",\"path\":\"\",\"zh\":"
    "\"戳\",\"en\":\"s\"}],"
    "\"properties\":{\"op\":{" LABEL ",\"type\":\"string\"},\"grade\":{" LABEL
    ",\"type\":\"string\",\"x-code\":\"grade\",\"x-class\":\"L1\"},\"set\":{" LABEL
    ",\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"mu\":{" LABEL
    ",\"x-fact\":\"farmland_mu\",\"x-fact-roles\":[\"TW\"],\"x-required\":true,\"type\":["
    "\"number\","
    "\"null\"]},\"lat\":{" LABEL ",\"x-class\":\"L3\",\"type\":\"number\"}}}}}";

Test(form, finds_forms_roles_and_facts) {
    struct form_catalog *c = loaded(rich);
    const struct form *f = form_find(c, "t.one", 5, 1);
    cr_assert(f);
    cr_expect(!form_find(c, "t.one", 5, 2));
    cr_expect(!form_find(c, "t.on", 4, 1));
    cr_expect_eq(form_newest(c, "t.one"), f);
    cr_expect_eq(form_role_bit(c, "TW"), 2);
    cr_expect_eq(form_role_bit(c, "XX"), 0);
    cr_expect_eq(form_role_bit(c, "HL"), 1);
    cr_expect_eq(f->roles, 1);
    cr_expect_eq(f->subjects, SUBJECT_HOUSEHOLD);
    cr_expect_str_eq(f->entity, "household");
    cr_expect_eq(form_fact_count(c), 2);
    const struct fact *mu = form_fact_find(c, "household", "farmland_mu");
    cr_assert(mu);
    cr_expect(mu->required && mu->sensitivity == 2 && mu->index == 0);
    cr_expect(!form_fact_find(c, "person", "farmland_mu"));
    form_catalog_destroy(c);
}

/* A form that feeds a fact need not be able to clear it; the catalogue tells of the one that is. */
Test(form, a_fact_that_one_form_can_clear_may_be_cleared) {
    struct err e = {0};
    put("forms/a.feed.1.json",
        "{\"x-form\":\"a.feed\",\"x-version\":1,\"x-label\":{\"zh\":\"喂\","
        "\"en\":\"feed\"},\"x-kind\":\"event\",\"x-roles\":[\"HL\"],"
        "\"x-subject\":[\"household\"],\"x-class\":\"L2\",\"properties\":{"
        "\"mu\":{" LABEL ",\"x-fact\":\"farmland_mu\",\"type\":\"number\"}}}");
    put("forms/t.one.1.json", rich);
    struct form_catalog *c = form_catalog_load(dir, &e);
    cr_assert(c, "%s", e.msg);
    const struct fact *mu = form_fact_find(c, "household", "farmland_mu");
    cr_expect(json_is_array(json_object_get(mu->schema, "type")));
    form_catalog_destroy(c);
}

Test(form, lists_the_facts_that_data_writes) {
    struct form_catalog *c = loaded(rich);
    const struct form *f = form_at(c, 0);
    struct form_fact facts[FORM_WRITES_MAX];
    json_t *data = json_loads("{\"op\":\"leave\",\"set\":{\"mu\":null}}", 0, NULL);
    cr_assert_eq(form_facts(f, data, facts), 2);
    cr_expect_str_eq(facts[0].fact->name, "farmland_mu");
    cr_expect(json_is_null(facts[0].value));
    cr_expect_str_eq(facts[0].path, "/data/set/mu");
    cr_expect_eq(facts[0].roles, form_role_bit(c, "TW"));
    cr_expect_str_eq(facts[1].fact->name, "state");
    cr_expect_str_eq(json_string_value(facts[1].value), "left");
    json_object_set_new(data, "op", json_string("edit"));
    cr_expect_eq(form_facts(f, data, facts), 1);
    json_object_del(data, "set");
    cr_expect_eq(form_facts(f, data, facts), 0);
    json_decref(data);
    form_catalog_destroy(c);
}

Test(form, gates_levels_and_hidden) {
    struct form_catalog *c = loaded(rich);
    struct form_verdict v = {0};
    cr_expect(validate(c, "{\"op\":\"leave\"}", &v));
    cr_expect_eq(v.gates_true, 1);
    cr_expect(validate(c, "{\"op\":\"warn\"}", &v));
    cr_assert_eq(v.warnings.count, 1);
    cr_expect_str_eq(v.warnings.list[0].code, "w");
    cr_expect(validate(c, "{\"op\":\"hold\"}", &v));
    cr_assert_eq(v.held.count, 1);
    cr_expect_str_eq(v.held.list[0].code, "check");
    cr_expect(!v.hidden);
    cr_expect(validate(c, "{\"op\":\"x\"}", &v));
    cr_expect(v.hidden);
    cr_expect_eq(v.errors.count, 0);
    form_verdict_fini(&v);
    form_catalog_destroy(c);
}

Test(form, checks_see_the_stamp_of_a_record_only) {
    struct err e = {0};
    struct form_catalog *c = loaded(rich);
    struct form_run *run = form_run_create(c, &e);
    json_t *data = json_object();
    struct form_verdict v = {0};
    struct form_input in = {.data = data, .subject = "S", .author = "A", .hlc_ms = 5};
    in.record_text = "{}";
    in.record_size = 2;
    in.gps_text = "null";
    in.gps_size = 4;
    cr_expect(form_validate(form_at(c, 0), run, &in, &v));
    in.author = "B";
    cr_expect(!form_validate(form_at(c, 0), run, &in, &v));
    cr_expect_str_eq(v.errors.list[0].name, "s");
    form_verdict_fini(&v);
    json_decref(data);
    form_run_destroy(run);
    form_catalog_destroy(c);
}

Test(form, wrong_codes_are_told_by_their_labels) {
    struct form_catalog *c = loaded(rich);
    struct form_verdict v = {0};
    cr_expect(!validate(c, "{\"grade\":\"C\"}", &v));
    cr_assert_eq(v.errors.count, 1);
    cr_expect_str_eq(v.errors.list[0].code, "enum");
    cr_expect_str_eq(v.errors.list[0].zh, "项应为甲或乙");
    cr_expect_str_eq(v.errors.list[0].en, "item must be A (a) or B (b)");
    form_verdict_fini(&v);
    form_catalog_destroy(c);
}

Test(form, redacts_by_class) {
    static const struct {
        unsigned classes;
        const char *wanted;
    } table[] = {{1u << 1, "{\"grade\":\"A\"}"},
                 {1u << 1 | 1u << 2, "{\"grade\":\"A\",\"set\":{\"mu\":1}}"},
                 {1u << 3, "{\"set\":{\"lat\":2}}"},
                 {0, "{}"}};
    struct form_catalog *c = loaded(rich);
    json_t *data = json_loads("{\"grade\":\"A\",\"set\":{\"mu\":1,\"lat\":2},\"new\":1}", 0, NULL);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        json_t *seen = form_redact(form_at(c, 0), data, table[i].classes);
        char *text = json_dumps(seen, JSON_COMPACT);
        cr_expect_str_eq(text, table[i].wanted);
        free(text);
        json_decref(seen);
    }
    json_decref(data);
    form_catalog_destroy(c);
}

Test(form, entity_ids_follow_the_template) {
    struct form_catalog *c =
        loaded("{" HEAD ",\"x-entity\":{\"kind\":\"assignment\",\"id\":\"A-{a}-{subject}-{b}\"},"
               "\"properties\":{\"a\":{" LABEL "},\"b\":{" LABEL "}}}");
    json_t *data = json_loads("{\"a\":\"x\"}", 0, NULL);
    char id[FORM_ENTITY_ID_SIZE];
    cr_assert(form_entity_id(form_at(c, 0), "S", data, id, sizeof id));
    cr_expect_str_eq(id, "A-x-S-");
    cr_expect(form_entity_id(form_at(c, 0), "S", data, id, 7));
    cr_expect(!form_entity_id(form_at(c, 0), "S", data, id, 6));
    json_decref(data);
    form_catalog_destroy(c);
}

Test(form, the_catalogue_message_lists_forms_codes_and_facts) {
    struct form_catalog *c = loaded(rich);
    struct buf out;
    buf_init(&out, 1 << 20);
    form_catalog_json(c, &out);
    json_t *m = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(m, "%s", out.data);
    const char *hash, *label, *code, *sensitivity;
    int fv;
    cr_expect_eq(json_unpack(m, "{s:s, s:{s:{s:[i], s:{s:s}}}, s:{s:{s:{s:s}}}, s:{s:{s:{s:s}}}}",
                             "hash", &hash, "forms", "t.one", "fv", &fv, "label", "zh", &label,
                             "codes", "grade", "A", "zh", &code, "facts", "household",
                             "farmland_mu", "class", &sensitivity),
                 0);
    cr_expect_eq(strlen(hash), 64);
    cr_expect_str_eq(sensitivity, "L2");
    size_t size;
    const char *text = form_schema_text(form_at(c, 0), &size);
    cr_expect_eq(strlen(text), size);
    cr_expect(strstr(text, "\"x-code\":\"grade\",\"x-class\":\"L1\",\"enum\":[\"A\",\"B\"]"));
    char before[65];
    strcpy(before, hash);
    json_decref(m);
    buf_fini(&out);
    form_catalog_destroy(c);
    c = loaded("{" HEAD "}");
    buf_init(&out, 1024 * 1024);
    form_catalog_json(c, &out);
    m = json_loadb(out.data, out.size, 0, NULL);
    cr_expect_str_neq(json_string_value(json_object_get(m, "hash")), before);
    json_decref(m);
    buf_fini(&out);
    form_catalog_destroy(c);
}

/* ---------------------------------------------------------------- subjects */

Test(subject, reads_the_grammar) {
    static const struct {
        const char *text;
        unsigned kinds;
        const char *place, *household;
    } table[] = {
        {"340825000000", SUBJECT_COUNTY, "340825000000", ""},
        {"340825104000", SUBJECT_TOWNSHIP, "340825104000", ""},
        {"340825104299", SUBJECT_VILLAGE, "340825104299", ""},
        {"340825104299-03-0017", SUBJECT_HOUSEHOLD, "340825104299", "340825104299-03-0017"},
        {"340825104299-03-~9c22ab41d07e", SUBJECT_HOUSEHOLD, "340825104299",
         "340825104299-03-~9c22ab41d07e"},
        {"340825104299-03-0017-02", SUBJECT_PERSON, "340825104299", "340825104299-03-0017"},
        {"340825104299-03-~9c22ab41d07e-~9c22ab41d07f", SUBJECT_PERSON, "340825104299",
         "340825104299-03-~9c22ab41d07e"},
        {"P-2019-0456", SUBJECT_PROJECT, "", ""},
        {"T-H2-340825104299-03-0017-b01-1", SUBJECT_TASK, "", ""},
        {"T-V1-340825104299-03-~9c22ab41d07e-2019-06", SUBJECT_TASK, "", ""},
        {"016b4a0e-0000-7000-8000-00000000000e", SUBJECT_RECORD | SUBJECT_FINDING | SUBJECT_LEAD,
         "", ""},
        {"U-T104", SUBJECT_UNIT, "", ""},
        {"C-00412", SUBJECT_CADRE, "", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct subject s;
        cr_expect(subject_parse(table[i].text, strlen(table[i].text), &s), "%s", table[i].text);
        cr_expect_eq(s.kinds, table[i].kinds, "%s", table[i].text);
        cr_expect_str_eq(s.place, table[i].place, "%s", table[i].text);
        cr_expect_str_eq(s.household, table[i].household, "%s", table[i].text);
    }
}

Test(subject, refuses_what_is_not_in_it) {
    static const char *const bad[] = {"",
                                      "34082510429",
                                      "3408251042990",
                                      "340825000299",
                                      "000000000000",
                                      "340825104000-03-0017",
                                      "340825104299-3-0017",
                                      "340825104299-03-00170",
                                      "340825104299-03-017",
                                      "340825104299-03-~9c22ab41d07",
                                      "340825104299-03-~9C22AB41D07E",
                                      "340825104299-03-0017-2",
                                      "340825104299-03-0017-02-",
                                      "340825104299-03-0017-02-01",
                                      "P-19-1",
                                      "P-2019-",
                                      "T-H2",
                                      "T-H2-340825104299",
                                      "T-H2-340825104299-1-",
                                      "T-H2-340825104299/1-1",
                                      "016B4A0E-0000-7000-8000-00000000000E",
                                      "016b4a0e-0000-4000-8000-00000000000e",
                                      "U-",
                                      "C-0 1",
                                      "X-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct subject s;
        cr_expect(!subject_parse(bad[i], strlen(bad[i]), &s), "%s", bad[i]);
        cr_expect_eq(s.kinds, 0);
        cr_expect_str_eq(s.place, "");
    }
    char longest[SUBJECT_SIZE_MAX + 2];
    memset(longest, '1', sizeof longest);
    memcpy(longest, "U-", 2);
    struct subject s;
    cr_expect(subject_parse(longest, SUBJECT_SIZE_MAX, &s));
    cr_expect(!subject_parse(longest, SUBJECT_SIZE_MAX + 1, &s));
}
