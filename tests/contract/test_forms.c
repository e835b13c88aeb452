/* The form files of schema/: every example fits, every case of tests/data/form-cases.jsonl gives
 * exactly the problems that it names. A case is an example changed by a merge patch (RFC 7386):
 *   form    whose first example (tests/data/examples.jsonl) it starts from, or from `record` itself
 *   record  members of the record that replace the example's
 *   patch   merged into data
 *   errors, warnings, held   "code path" or "code path name"; missing = none
 *   gates   names of the gates that apply; hidden; entity = the id of the entity written */
#include "form.h"

#include "hlc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct form_catalog *catalog;
static struct form_run *run;

static void setup(void) {
    struct err e = {0};
    catalog = form_catalog_load(SOURCE_DIR "/schema", &e);
    cr_assert(catalog, "%s", e.msg);
    run = form_run_create(catalog, &e);
    cr_assert(run, "%s", e.msg);
}

static void teardown(void) {
    form_run_destroy(run);
    form_catalog_destroy(catalog);
}

TestSuite(forms, .init = setup, .fini = teardown);

/* ---------------------------------------------------------------- data files */

static json_t *read_lines(const char *path) {
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    json_t *lines = json_array();
    char line[16384];
    while (fgets(line, sizeof line, file)) {
        json_error_t error;
        json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        cr_assert(value, "%s: %s: %s", path, error.text, line);
        json_array_append_new(lines, value);
    }
    fclose(file);
    return lines;
}

static const char *member(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void merge(json_t *target, const json_t *patch) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value) {
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value) && json_is_object(json_object_get(target, key))) {
            merge(json_object_get(target, key), value);
        } else {
            json_object_set(target, key, value);
        }
    }
}

static json_t *first_example(const json_t *examples, const char *form) {
    for (size_t i = 0; i < json_array_size(examples); i++) {
        json_t *record = json_array_get(examples, i);
        if (strcmp(member(record, "form"), form) == 0)
            return json_deep_copy(record);
    }
    return json_pack("{s:s, s:s, s:s, s:{}}", "form", form, "hlc", "2019-06-12T02:00:00.000Z-0000",
                     "by", "zoufang", "data");
}

/* ---------------------------------------------------------------- judging */

static const struct form *form_of(const json_t *record) {
    const struct form *f = form_newest(catalog, member(record, "form"));
    cr_assert(f, "no form %s", member(record, "form"));
    return f;
}

static bool judge(const json_t *record, struct form_verdict *verdict) {
    int64_t hlc = 0;
    const char *stamp = member(record, "hlc");
    cr_assert(hlc_parse(stamp, strlen(stamp), &hlc));
    const json_t *gps = json_object_get(record, "gps");
    char *text = json_dumps(record, JSON_COMPACT);
    char *gps_text = gps ? json_dumps(gps, JSON_COMPACT) : NULL;
    const json_t *data = json_object_get(record, "data");
    char *data_text = json_dumps(data, JSON_COMPACT);
    struct form_input in = {.data = data,
                            .data_text = data_text,
                            .data_size = strlen(data_text),
                            .record_text = text,
                            .record_size = strlen(text),
                            .subject = member(record, "subject"),
                            .author = member(record, "by"),
                            .hlc_ms = hlc_ms(hlc),
                            .gps_text = gps_text,
                            .gps_size = gps_text ? strlen(gps_text) : 0};
    bool fits = form_validate(form_of(record), run, &in, verdict);
    free(text);
    free(gps_text);
    free(data_text);
    return fits;
}

static void say(const struct problem *p, char out[512]) {
    snprintf(out, 512, "%s %s%s%s", p->code, p->path, p->name ? " " : "", p->name ? p->name : "");
}

static bool has(const struct problems *got, const char *wanted) {
    for (size_t i = 0; i < got->count; i++) {
        char text[512];
        say(&got->list[i], text);
        if (strcmp(text, wanted) == 0)
            return true;
    }
    return false;
}

static bool is_chinese(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text >= 0xe4 && (unsigned char)*text <= 0xe9)
            return true;
    }
    return false;
}

static void expect(const char *about, const json_t *wanted, const struct problems *got) {
    cr_expect_eq(got->count, json_array_size(wanted), "%s: %zu problems, not %zu", about,
                 got->count, json_array_size(wanted));
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *text = json_string_value(json_array_get(wanted, i));
        cr_expect(has(got, text), "%s: missing: %s", about, text);
    }
    for (size_t i = 0; i < got->count; i++) {
        char text[512];
        say(&got->list[i], text);
        cr_expect(is_chinese(got->list[i].zh) && *got->list[i].en, "%s: no sentences", about);
        if (got->count != json_array_size(wanted))
            fprintf(stderr, "%s: got %s (%s) (%s)\n", about, text, got->list[i].zh,
                    got->list[i].en);
    }
}

static void expect_gates(const char *about, const json_t *wanted, const struct form *f,
                         uint64_t got) {
    uint64_t mask = 0;
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *name = json_string_value(json_array_get(wanted, i));
        size_t g = 0;
        while (g < f->gate_count && strcmp(f->gates[g].name, name) != 0)
            g++;
        cr_assert_lt(g, f->gate_count, "%s: no gate %s", about, name);
        mask |= (uint64_t)1 << g;
    }
    cr_expect_eq(got, mask, "%s: gates", about);
}

static void expect_entity(const char *about, const char *wanted, const json_t *record) {
    char id[FORM_ENTITY_ID_SIZE];
    if (!wanted)
        return;
    cr_expect(form_entity_id(form_of(record), member(record, "subject"),
                             json_object_get(record, "data"), id, sizeof id));
    cr_expect_str_eq(id, wanted, "%s", about);
}

static void run_case(const json_t *examples, const json_t *item) {
    const char *about = member(item, "about");
    json_t *record = first_example(examples, member(item, "form"));
    json_object_update(record, json_object_get(item, "record"));
    merge(json_object_get(record, "data"), json_object_get(item, "patch"));
    struct form_verdict verdict = {0};
    bool fits = judge(record, &verdict);
    cr_expect_eq(fits, !json_object_get(item, "errors"), "%s", about);
    expect(about, json_object_get(item, "errors"), &verdict.errors);
    expect(about, json_object_get(item, "warnings"), &verdict.warnings);
    expect(about, json_object_get(item, "held"), &verdict.held);
    /* of what is unfit it cannot always be told */
    cr_expect(verdict.hidden == json_is_true(json_object_get(item, "hidden")) || !fits, "%s",
              about);
    expect_gates(about, json_object_get(item, "gates"), form_of(record), verdict.gates_true);
    expect_entity(about, member(item, "entity"), record);
    form_verdict_fini(&verdict);
    json_decref(record);
}

Test(forms, every_case_gives_exactly_its_problems) {
    json_t *examples = read_lines(SOURCE_DIR "/tests/data/examples.jsonl");
    json_t *cases = read_lines(SOURCE_DIR "/tests/data/form-cases.jsonl");
    for (size_t i = 0; i < json_array_size(cases); i++)
        run_case(examples, json_array_get(cases, i));
    json_decref(cases);
    json_decref(examples);
}

Test(forms, every_example_fits) {
    json_t *examples = read_lines(SOURCE_DIR "/tests/data/examples.jsonl");
    json_t *late = json_pack("[s]", "late /data/date late"); /* declared in March, told in June */
    cr_assert_geq(json_array_size(examples), 28);
    for (size_t i = 0; i < json_array_size(examples); i++) {
        const json_t *record = json_array_get(examples, i);
        const char *subject = member(record, "subject");
        const json_t *warned = strcmp(member(record, "form"), "project.step") == 0 ? late : NULL;
        struct form_verdict verdict = {0};
        struct subject s;
        cr_expect(judge(record, &verdict), "%s", member(record, "id"));
        expect(member(record, "id"), NULL, &verdict.errors);
        expect(member(record, "id"), warned, &verdict.warnings);
        expect(member(record, "id"), NULL, &verdict.held);
        cr_expect(subject_parse(subject, strlen(subject), &s) &&
                  form_takes_subject(form_of(record), &s));
        form_verdict_fini(&verdict);
    }
    json_decref(late);
    json_decref(examples);
}

/* Every gate, check and wrong field of each form is in the cases: none is there only to be there.
 */
static bool is_named(const json_t *cases, const char *form, const char *name) {
    static const char *const lists[] = {"errors", "warnings", "held", "gates"};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        for (size_t k = 0; k < 4 && strcmp(member(item, "form"), form) == 0; k++) {
            const json_t *list = json_object_get(item, lists[k]);
            for (size_t n = 0; n < json_array_size(list); n++) {
                const char *text = json_string_value(json_array_get(list, n));
                const char *last = strrchr(text, ' ');
                if (strcmp(last ? last + 1 : text, name) == 0)
                    return true;
            }
        }
    }
    return false;
}

Test(forms, every_check_and_gate_has_a_case_in_which_it_speaks) {
    json_t *cases = read_lines(SOURCE_DIR "/tests/data/form-cases.jsonl");
    for (size_t i = 0; i < form_count(catalog); i++) {
        const struct form *f = form_at(catalog, i);
        for (size_t k = 0; k < f->check_count; k++)
            cr_expect(is_named(cases, f->id, f->checks[k].name), "%s: %s", f->id,
                      f->checks[k].name);
        for (size_t k = 0; k < f->gate_count; k++)
            cr_expect(is_named(cases, f->id, f->gates[k].name), "%s: %s", f->id, f->gates[k].name);
    }
    json_decref(cases);
}

/* ---------------------------------------------------------------- the files themselves */

static void use_codes(const json_t *value, json_t *used) {
    const char *key;
    json_t *inner;
    if (json_object_get(value, "x-code"))
        json_object_set_new(used, member(value, "x-code"), json_true());
    json_object_foreach((json_t *)(uintptr_t)value, key, inner) {
        use_codes(inner, used);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        use_codes(json_array_get(value, i), used);
}

Test(forms, sentences_are_chinese_and_english) {
    for (size_t i = 0; i < form_count(catalog); i++) {
        const struct form *f = form_at(catalog, i);
        cr_expect(is_chinese(f->label_zh) && !is_chinese(f->label_en), "%s", f->id);
        for (size_t k = 0; k < f->check_count; k++)
            cr_expect(is_chinese(f->checks[k].zh) && !is_chinese(f->checks[k].en), "%s: %s", f->id,
                      f->checks[k].name);
        for (size_t k = 0; k < f->gate_count; k++)
            cr_expect(is_chinese(f->gates[k].zh) && !is_chinese(f->gates[k].en), "%s: %s", f->id,
                      f->gates[k].name);
    }
    for (size_t i = 0; i < form_fact_count(catalog); i++) {
        const struct fact *fact = form_fact_at(catalog, i);
        cr_expect(is_chinese(fact->label_zh) && !is_chinese(fact->label_en), "%s", fact->name);
    }
}

Test(forms, code_lists_used_exist) {
    json_error_t error;
    json_t *codes = json_load_file(SOURCE_DIR "/schema/codes.json", 0, &error);
    json_t *used = json_object();
    for (size_t i = 0; i < form_count(catalog); i++) {
        size_t size;
        json_t *schema = json_loads(form_schema_text(form_at(catalog, i), &size), 0, &error);
        cr_assert(schema);
        use_codes(schema, used);
        json_decref(schema);
    }
    cr_expect_geq(json_object_size(used), 30);
    const char *name;
    json_t *value;
    json_object_foreach(used, name, value) {
        cr_expect(json_object_get(codes, name), "%s", name);
    }
    json_decref(used);
    json_decref(codes);
}

/* What domain.md says of privacy and of who may write, fact by fact. */
Test(forms, personal_facts_are_classed_and_gated) {
    static const struct {
        const char *entity, *name;
        unsigned sensitivity;
    } facts[] = {
        {"person", "id_no", 3},         {"person", "health", 3},   {"person", "name", 2},
        {"person", "disabled_cert", 3}, {"household", "phone", 3}, {"household", "addr", 2},
        {"household", "lat", 3},        {"household", "lng", 3},   {"household", "group", 1},
        {"household", "focus", 3},      {"division", "name", 0},   {"cadre", "name", 2},
        {"person", "school", 3},        {"person", "student", 2},  {"person", "work_place", 2}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const struct fact *f = form_fact_find(catalog, facts[i].entity, facts[i].name);
        cr_assert(f, "%s", facts[i].name);
        cr_expect_eq(f->sensitivity, facts[i].sensitivity, "%s", f->name);
    }
    static const char *const gated[] = {
        "poverty_status", "hh_type",   "focus", "listed_year",  "exit_year", "plan_exit_year",
        "water_target",   "relocated", "dibao", "poor_village", "deep_poor", "exit_2019"};
    uint32_t roles = form_role_bit(catalog, "TW") | form_role_bit(catalog, "CO");
    for (size_t i = 0; i < sizeof gated / sizeof *gated; i++) {
        size_t found = 0;
        for (size_t n = 0; n < form_count(catalog); n++) {
            const struct form *f = form_at(catalog, n);
            for (size_t k = 0; k < f->write_count && f->kind == FORM_MERGE; k++) {
                if (strcmp(f->writes[k].fact->name, gated[i]) != 0)
                    continue;
                found++;
                cr_expect_eq(f->writes[k].roles, roles, "%s", gated[i]);
            }
        }
        cr_expect_geq(found, 1, "%s", gated[i]);
    }
}

/* One capture, many uses: what a check asks anew is the fact that the facts form corrects. */
Test(forms, checks_feed_the_facts) {
    static const struct {
        const char *form, *data, *entity, *facts; /* as written: [entity: ]name=value, in order */
    } feeds[] = {
        {"check.education", "{\"student\":\"junior\",\"school\":\"示例初中\",\"aid_yuan\":1}",
         "person", "student=\"junior\" school=\"示例初中\" "},
        {"need.job", "{\"now\":\"town\",\"able\":true}", "person", "work_place=\"town\" "},
        {"inspect.housing", "{\"sole_home\":true,\"bld\":1}", "household", "sole_home=true "},
        {"village.survey", "{\"set\":{\"groups\":12,\"bus\":null},\"photos\":[]}", "division",
         "groups=12 bus=null "},
        {"check.medical",
         "{\"members\":[{\"person\":\"340825104299-03-0017-01\",\"insured\":true},"
         "{\"person\":\"340825104299-03-0018-01\",\"insured\":true},"
         "{\"person\":\"340825104299-03-0017-02\",\"insured\":false},"
         "{\"person\":\"340825104299-03-0017-01\",\"insured\":false}]}",
         "person", "340825104299-03-0017-01 insured=true 340825104299-03-0017-02 insured=false "}};
    for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++) {
        const struct form *f = form_newest(catalog, feeds[i].form);
        cr_assert(f, "%s", feeds[i].form);
        json_t *data = json_loads(feeds[i].data, 0, NULL);
        static const char subject[] = "340825104299-03-0017";
        struct form_part part;
        size_t pos = 0;
        char text[512] = "";
        while (form_next_part(f, subject, data, &pos, &part)) {
            size_t used = strlen(text);
            if (strcmp(part.id, subject) != 0)
                snprintf(text + used, sizeof text - used, "%s ", part.id);
            cr_expect_str_eq(part.entity, feeds[i].entity);
            for (size_t k = 0; k < part.count; k++) {
                char *value = json_dumps(part.facts[k].value, JSON_ENCODE_ANY);
                used = strlen(text);
                snprintf(text + used, sizeof text - used, "%s=%s ", part.facts[k].fact->name,
                         value);
                cr_expect_str_eq(part.facts[k].fact->entity, feeds[i].entity);
                free(value);
            }
        }
        cr_expect_str_eq(text, feeds[i].facts, "%s", f->id);
        json_decref(data);
    }
}

/* Who said what stays with those who ask: nobody in the village or the township sees it. */
Test(forms, an_opinion_is_seen_without_its_household) {
    const struct form *f = form_newest(catalog, "survey.opinion");
    json_t *data = json_loads("{\"resp\":\"poor\",\"hh\":\"340825104299-03-0017\"}", 0, NULL);
    json_t *seen = form_redact(f, data, 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3);
    char *text = json_dumps(seen, JSON_COMPACT);
    cr_expect_str_eq(text, "{\"resp\":\"poor\"}");
    free(text);
    json_decref(seen);
    json_decref(data);
}

Test(forms, required_facts_make_an_entity_registered) {
    static const char *const required[] = {"assignment from",   "assignment kind",
                                           "cadre active",      "cadre name",
                                           "cadre role",        "division level",
                                           "division name",     "household group",
                                           "household hh_type", "household poverty_status",
                                           "person birth",      "person name",
                                           "person relation",   "person sex",
                                           "person status",     "unit level",
                                           "unit name"};
    size_t next = 0;
    for (size_t i = 0; i < form_fact_count(catalog); i++) {
        const struct fact *f = form_fact_at(catalog, i);
        char text[128];
        snprintf(text, sizeof text, "%s %s", f->entity, f->name);
        if (!f->required)
            continue;
        cr_assert_lt(next, sizeof required / sizeof *required, "%s", text);
        cr_expect_str_eq(text, required[next++]);
    }
    cr_expect_eq(next, sizeof required / sizeof *required);
}
