/* Runs the official JSON Schema test suite that the environment variable JSON_SCHEMA_TEST_SUITE
 * names (its data is not part of the project) against the schema validator. What is left out
 * stands in json_schema_suite.skip, whose every line must name something that exists and that
 * would not pass. Exits 77 when no suite is given. */
#include "problem.h"
#include "schema.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIP_FILE SOURCE_DIR "/tests/contract/json_schema_suite.skip"
#define SKIPS_MAX 128
#define NAME_SIZE_MAX 512

struct skip {
    char name[NAME_SIZE_MAX];
    unsigned covered; /* tests that the line names */
    unsigned passing; /* of these, how many would pass */
};

static struct skip skips[SKIPS_MAX];
static size_t skip_count;
static unsigned passed;
static unsigned failed;
static unsigned skipped;
static struct schema_run *run;

/* Lines "file: group[: test] | reason"; # begins a comment. */
static void skips_load(void) {
    FILE *f = fopen(SKIP_FILE, "r");
    char line[NAME_SIZE_MAX * 2];
    while (f && fgets(line, sizeof line, f)) {
        char *reason = strstr(line, " | ");
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (!reason || skip_count == SKIPS_MAX || reason - line >= NAME_SIZE_MAX) {
            printf("bad line in the skip list: %s", line);
            failed++;
            continue;
        }
        *reason = '\0';
        strcpy(skips[skip_count++].name, line);
    }
    if (!f) {
        printf("cannot read %s\n", SKIP_FILE);
        failed++;
    } else {
        fclose(f);
    }
}

static struct skip *skip_find(const char *group, const char *test) {
    for (size_t i = 0; i < skip_count; i++)
        if (!strcmp(skips[i].name, group) || !strcmp(skips[i].name, test))
            return &skips[i];
    return NULL;
}

/* Both ways of validating must say what the suite says, and an invalid value needs a problem. */
static bool agrees(const struct schema *s, const json_t *data, bool valid) {
    struct problems problems = {0};
    bool reported = schema_validate(s, run, data, "", &problems);
    bool tested = schema_validate(s, run, data, "", NULL);
    bool right = reported == valid && tested == valid && (problems.count == 0) == valid;
    problems_fini(&problems);
    return right;
}

static void run_test(const char *group, const struct schema *s, const struct err *e,
                     const json_t *test) {
    char name[2 * NAME_SIZE_MAX];
    snprintf(name, sizeof name, "%s: %s", group,
             json_string_value(json_object_get(test, "description")));
    bool right =
        s && agrees(s, json_object_get(test, "data"), json_is_true(json_object_get(test, "valid")));
    struct skip *skip = skip_find(group, name);
    if (skip) {
        skipped++;
        skip->covered++;
        skip->passing += right;
    } else if (right) {
        passed++;
    } else {
        failed++;
        printf("FAIL %s%s%s\n", name, s ? "" : " | ", s ? "" : e->msg);
    }
}

static void run_file(const char *folder, const char *file, unsigned flags) {
    char path[NAME_SIZE_MAX * 2];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    json_error_t error;
    json_t *groups = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!groups) {
        printf("FAIL %s: %s\n", path, error.text);
        failed++;
        return;
    }
    size_t i;
    json_t *group;
    json_array_foreach(groups, i, group) {
        char name[NAME_SIZE_MAX];
        snprintf(name, sizeof name, "%s: %s", file,
                 json_string_value(json_object_get(group, "description")));
        struct err e = {0};
        struct schema *s = schema_compile(json_object_get(group, "schema"), flags, &e);
        size_t j;
        json_t *test;
        json_array_foreach(json_object_get(group, "tests"), j, test) {
            run_test(name, s, &e, test);
        }
        schema_destroy(s);
    }
    json_decref(groups);
}

static int is_json(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".json") == 0;
}

static void run_folder(const char *folder) {
    struct dirent **list = NULL;
    int count = scandir(folder, &list, is_json, alphasort);
    if (count <= 0) {
        printf("FAIL no tests in %s\n", folder);
        failed++;
    }
    for (int i = 0; i < count; i++) {
        run_file(folder, list[i]->d_name, 0);
        free(list[i]);
    }
    free(list);
}

static void check_skips(void) {
    for (size_t i = 0; i < skip_count; i++) {
        const struct skip *s = &skips[i];
        if (s->covered > 0 && s->passing < s->covered)
            continue;
        printf("FAIL the skip list names %s: %s\n",
               s->covered == 0 ? "nothing that exists" : "what would pass", s->name);
        failed++;
    }
}

int main(void) {
    const char *suite = getenv("JSON_SCHEMA_TEST_SUITE");
    if (!suite || !*suite) {
        puts("not run: JSON_SCHEMA_TEST_SUITE names no suite");
        return 77;
    }
    static const char *const formats[] = {"date.json", "date-time.json", "uuid.json", "regex.json"};
    char folder[NAME_SIZE_MAX];
    run = schema_run_create();
    skips_load();
    snprintf(folder, sizeof folder, "%s/tests/draft2020-12", suite);
    run_folder(folder);
    snprintf(folder, sizeof folder, "%s/tests/draft2020-12/optional/format", suite);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        run_file(folder, formats[i], SCHEMA_ASSERT_FORMAT);
    check_skips();
    schema_run_destroy(run);
    printf("%u skipped\n%u passed, %u failed\n", skipped, passed, failed);
    return failed ? 1 : 0;
}
