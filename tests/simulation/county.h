/* A small synthetic county made through the program's own import, for tests that drive the whole
 * merge. Plain C: no test framework. */
#ifndef COUNTY_H
#define COUNTY_H

#include "core.h"
#include "import.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_DIR SOURCE_DIR "/schema"
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define BEGIN_MS                                                                                   \
    INT64_C(1560124800000) /* 2019-06-10T00:00:00Z: records are written from here on               \
                            */
#define NOW_MS (BEGIN_MS + 11 * DAY_MS)

static inline void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static inline int64_t county_now(void *ctx) {
    return *(int64_t *)ctx;
}

/* Chance for the test itself, apart from the program's. */
static inline uint32_t pick(struct rng_seeded *s, uint32_t n) {
    struct rng r = rng_seeded_make(s, s->state);
    return rng_below(&r, n);
}
static inline bool one_in(struct rng_seeded *s, uint32_t n) {
    return pick(s, n) == 0;
}

struct author {
    const char *id, *role, *unit, *scope, *device;
    bool granted; /* may do something only where generated assignments say so */
};

static const struct author authors[] = {
    {"C-00412", "HL", "U-BF01", "340825104299", "d-0412", false},
    {"C-00420", "VO", "U-V299", "340825104299", "d-0420", false},
    {"C-00421", "VO", "U-V201", "340825104201", "d-0421", false},
    {"C-00030", "TW", "U-T104", "340825104000", "d-0030", false},
    {"C-00031", "TW", "U-T108", "340825108000", "d-0031", false},
    {"C-00001", "CO", "U-CO", "340825000000", "d-0001", false},
    {"C-00901", "SI", "U-ZJ", "340825000000", "d-0901", false},
    {"C-00700", "CT", "U-AF", "340825000000", "d-0700", false},
    {"C-00413", "HL", "U-BF02", "", "d-0413", true},
    {"C-00414", "UN", "U-BF03", "", "d-0414", true},
    {"C-00800", "DI", "U-JW", "340825000000", "d-0800", false},
};
#define AUTHORS (sizeof authors / sizeof *authors)
enum { HL, VO_299, VO_201, TW_104, TW_108, CO, SI, CT, HL_GRANTED, UNIT_GRANTED, DI };

static const char *const divisions[][2] = {
    {"340825000000", "county"},  {"340825104000", "township"}, {"340825108000", "township"},
    {"340825104299", "village"}, {"340825104201", "village"},  {"340825108200", "village"},
};

/* The first four are registered; the last two nobody registered. */
static const char *const households[] = {
    "340825104299-03-0017", "340825104299-03-0018", "340825104201-01-0001",
    "340825108200-01-0001", "340825104201-01-0009", "340825104299-05-~aa22ab41d07e",
};
#define HOUSEHOLDS (sizeof households / sizeof *households)

static inline void __attribute__((format(printf, 4, 5)))
county_import(struct import *i, const char *form, const char *subject, const char *fmt, ...) {
    char data[1024];
    va_list args;
    struct problems why = {0};
    va_start(args, fmt);
    vsnprintf(data, sizeof data, fmt, args);
    va_end(args);
    if (!import_add(i, form, subject, BEGIN_MS - 30 * DAY_MS, data, strlen(data), &why))
        die("import %s %s %s: %s %s", form, subject, data, why.count ? why.list[0].path : "",
            why.count ? why.list[0].en : "");
    problems_fini(&why);
}

static inline void county_divisions(struct import *i) {
    for (size_t k = 0; k < sizeof divisions / sizeof *divisions; k++)
        county_import(i, "register.division", divisions[k][0],
                      "{\"name\":\"示例%zu\",\"level\":\"%s\",\"groups\":12}", k, divisions[k][1]);
    for (size_t k = 0; k < AUTHORS; k++)
        county_import(i, "register.unit", authors[k].unit,
                      "{\"name\":\"单位%zu\",\"level\":\"county\"}", k);
}

static inline void county_cadres(struct import *i) {
    for (size_t k = 0; k < AUTHORS; k++) {
        const struct author *a = &authors[k];
        county_import(i, "register.cadre", a->id,
                      "{\"name\":\"干部%zu\",\"role\":\"%s\",\"unit\":\"%s\",\"scope\":[%s%s%s],"
                      "\"active\":true}",
                      k, a->role, a->unit, *a->scope ? "\"" : "", a->scope, *a->scope ? "\"" : "");
    }
    county_import(i, "assign.set", "340825104299",
                  "{\"kind\":\"unit_village\",\"unit\":\"U-BF01\",\"from\":\"2019-01-01\"}");
}

static inline void county_households(struct import *i) {
    for (size_t k = 0; k < 4; k++) {
        char person[64];
        county_import(i, "hh.facts", households[k],
                      "{\"set\":{\"group\":3,\"hh_type\":\"general_poor\","
                      "\"poverty_status\":\"not_exited\",\"farmland_mu\":2,\"water_target\":true},"
                      "\"reason\":\"建档\"}");
        snprintf(person, sizeof person, "%s-01", households[k]);
        county_import(i, "person.facts", person,
                      "{\"op\":\"add\",\"set\":{\"name\":\"某某\",\"sex\":\"male\","
                      "\"birth\":\"1960-01-01\",\"relation\":\"head\"}}");
    }
    county_import(i, "assign.set", households[0],
                  "{\"kind\":\"cadre_household\",\"cadre\":\"C-00412\",\"from\":\"2019-01-01\"}");
}

static inline void county_exec(struct core *c, const char *fmt, const char *a, const char *b) {
    char *sql = sqlite3_mprintf(fmt, a, b);
    store_exec(c->store, sql);
    sqlite3_free(sql);
}

/* Enrolment has its own command; here the rows that it leaves behind. */
static inline void county_principals(struct core *c) {
    for (size_t k = 0; k < AUTHORS; k++) {
        county_exec(
            c, "INSERT INTO principal(id, kind, verifier, created_ms) VALUES(%Q, 'device', '', 0)",
            authors[k].device, "");
        county_exec(c, "INSERT INTO device_author VALUES(%Q, %Q)", authors[k].device,
                    authors[k].id);
    }
    store_exec(c->store,
               "INSERT INTO principal(id, kind, verifier, town, created_ms) VALUES"
               "('d-shared', 'device', '', '', 0), ('d-none', 'device', '', '', 0),"
               "('r-104', 'relay', '', '104', 0), ('r-108', 'relay', '', '108', 0);"
               "INSERT INTO device_author VALUES('d-shared', 'C-00412'), ('d-shared', 'C-00420'),"
               "('d-none', 'C-00700')");
}

static inline void county_params(struct core *c) {
    FILE *in = fopen(SCHEMA_DIR "/params.csv", "r");
    char line[256];
    if (!in)
        die("no params.csv");
    while (fgets(line, sizeof line, in)) {
        char *comma = strchr(line, ',');
        line[strcspn(line, "\r\n")] = '\0';
        if (!comma || strncmp(line, "name,", 5) == 0)
            continue;
        *comma = '\0';
        store_set_param(c->store, line, comma[1] ? comma + 1 : NULL);
    }
    fclose(in);
}

/* Makes DIR/zoufang.db. */
static inline void county_make(const char *dir, const struct clock *clock, const struct rng *rng) {
    struct err e = {0};
    struct core *c = core_create(dir, SCHEMA_DIR, "340825", clock, rng, &e);
    if (!c)
        die("county: %s", e.msg);
    struct import *i = import_begin(c, &e);
    if (!i)
        die("county: %s", e.msg);
    county_divisions(i);
    county_cadres(i);
    county_households(i);
    if (!import_commit(i, &e) || !core_begin(c, &e))
        die("county: %s", e.msg);
    county_principals(c);
    county_params(c);
    if (!core_commit(c, &e))
        die("county: %s", e.msg);
    core_close(c);
}

static inline void __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...) {
    char command[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    if (system(command) != 0)
        die("%s failed", command);
}

#endif
