/* What the county's rules ask for: each case is a set of records and the tasks that must follow
 * from it, in whatever order the records arrive and however the derivation is sliced. */
#include "county_fixture.h"

#define HH HOUSEHOLD
#define H2 "T-H2-" HH "-b01-1"
#define FINDING "016b4a0e-0000-7000-8000-00000000000e"
#define EVENTS_MAX 16
#define TASKS_MAX 8

struct event {
    const char *form, *subject, *stamp, *by, *data;
    const char *id; /* NULL: given by the place in the case */
};
struct expected {
    const char *task;
    const char *now; /* "state opened due closed", "" = no such task */
};
struct rule_case {
    const char *name;
    const char *day; /* of evaluation */
    const char *status, *focus;
    struct event events[EVENTS_MAX];
    struct expected tasks[TASKS_MAX];
};

#define APPRAISE(grade)                                                                            \
    "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,\"grade\":\"" grade  \
    "\"}"
#define HOUSE(bld, kind, use, more)                                                                \
    "{\"bld\":" bld ",\"kind\":\"" kind "\",\"use\":\"" use "\",\"sole_home\":true," more "}"
#define SUSPECTED(bld, truth) HOUSE(bld, "screen", "resident", "\"suspected\":" truth)
#define INSPECT(stamp, by, data)                                                                   \
    { "inspect.housing", HH, stamp, by, data, NULL }
#define DRINK(stamp, by, outage)                                                                   \
    { "inspect.water", HH, stamp, by, WATER(outage), NULL }
#define FOCUS(stamp, groups)                                                                       \
    {                                                                                              \
        "hh.facts", HH, stamp, "C-00030", "{\"set\":{\"focus\":[" groups "]},\"reason\":\"x\"}",   \
            NULL                                                                                   \
    }
#define MEASURED(area)                                                                             \
    "{\"bld\":1,\"stage\":\"accepted\",\"post_grade\":\"A\",\"area_m2\":" area "}"
#define DECLARED(div)                                                                              \
    "{\"step\":\"declared\",\"name\":\"x\",\"cat\":\"road\",\"div\":\"" div "\",\"yuan\":9000,"    \
    "\"hh_served\":9}"
#define PROJECT "P-2019-0001"
#define WORK(stage) "{\"bld\":1,\"stage\":\"" stage "\"}"
#define ACCEPTED(grade) "{\"bld\":1,\"stage\":\"accepted\",\"post_grade\":\"" grade "\"}"
#define WATER(outage)                                                                              \
    "{\"persons\":4,\"at_home\":false,\"litres_ppd\":38,\"qual\":\"field_ok\",\"haul_min\":15,"    \
    "\"haul_m\":500,\"climb_m\":30,\"outage_days\":" outage "}"
#define VISIT(mode, met, start, end)                                                               \
    "{\"mode\":\"" mode "\",\"met\":\"" met "\",\"start\":\"" start "+08:00\",\"end\":\"" end      \
    "+08:00\",\"food_ok\":true,\"clothing_ok\":true}"
#define REPORT(source, severity, unit)                                                             \
    "{\"source\":\"" source "\",\"cat\":\"housing\",\"severity\":\"" severity                      \
    "\",\"text\":\"x\",\"duty_unit\":\"" unit "\"}"
#define DONE "{\"result\":\"done\"}"
#define VERIFY(stage, verdict) "{\"stage\":\"" stage "\",\"verdict\":\"" verdict "\"}"

#define D12                                                                                        \
    { "inspect.housing", HH, "2019-06-12T10:03:00+08:00", "C-00901", APPRAISE("D"), NULL }
#define STAGE(stamp, stage)                                                                        \
    { "house.work", HH, stamp, "C-00420", WORK(stage), NULL }
#define BUILT                                                                                      \
    STAGE("2019-06-15T09:00:00+08:00", "listed"), STAGE("2019-06-20T09:00:00+08:00", "signed"),    \
        STAGE("2019-07-01T09:00:00+08:00", "started"),                                             \
        STAGE("2019-08-20T09:00:00+08:00", "main_done")
#define FOUND(source, severity, unit)                                                              \
    {                                                                                              \
        "finding.report", HH, "2019-07-01T10:00:00+08:00", "C-00700",                              \
            REPORT(source, severity, unit), FINDING                                                \
    }
#define RECTIFY(stamp, by)                                                                         \
    { "rectify.report", FINDING, stamp, by, DONE, NULL }
#define EXTEND(stamp, day)                                                                         \
    {                                                                                              \
        "rectify.report", FINDING, stamp, "C-00412",                                               \
            "{\"result\":\"extend\",\"extend_to\":\"" day "\"}", NULL                              \
    }
#define CHECK(stamp, by, stage, verdict)                                                           \
    { "verify.lookback", FINDING, stamp, by, VERIFY(stage, verdict), NULL }
#define UPDATE(task, stamp, by, data)                                                              \
    { "task.update", task, stamp, by, data, NULL }

static const struct rule_case cases[] = {
    /* ---- houses */
    {"a priority household waits for its appraisal",
     "2019-06-12",
     "exited",
     "[\"dibao\"]",
     {{"inspect.housing", HH, "2019-06-10T10:00:00+08:00", "C-00412",
       "{\"bld\":1,\"kind\":\"screen\",\"use\":\"resident\",\"sole_home\":true,\"suspected\":true}",
       NULL}},
     {{"T-H1-" HH "-1", "open 2019-06-01 2019-07-01 "}, {H2, ""}}},
    {"an appraisal ends T-H1; D opens T-H2",
     "2019-06-12",
     "exited",
     "[\"dibao\"]",
     {D12},
     {{"T-H1-" HH "-1", "closed 2019-06-01 2019-07-01 2019-06-12"},
      {H2, "open 2019-06-12 2019-06-13 "},
      {"T-H3-" HH "-b01-1", ""}}},
    {"appraised on the day on which it became a priority household: T-H1 is ended, not called off",
     "2019-06-12",
     "exited",
     "[\"dibao\"]",
     {{"inspect.housing", HH, "2019-06-01T10:03:00+08:00", "C-00901", APPRAISE("A"), NULL}},
     {{"T-H1-" HH "-1", "closed 2019-06-01 2019-07-01 2019-06-01"}}},
    {"no priority household any more: what was ended stays ended",
     "2019-07-12",
     "exited",
     "[]",
     {{"hh.facts", HH, "2019-06-02T10:00:00+08:00", "C-00030",
       "{\"set\":{\"focus\":[\"dibao\"]},\"reason\":\"x\"}", NULL},
      {"inspect.housing", HH, "2019-06-12T10:03:00+08:00", "C-00901", APPRAISE("A"), NULL},
      {"hh.facts", HH, "2019-07-02T10:00:00+08:00", "C-00030",
       "{\"set\":{\"focus\":[]},\"reason\":\"x\"}", NULL}},
     {{"T-H1-" HH "-1", "closed 2019-06-02 2019-07-02 2019-06-12"}}},
    {"without a priority group no T-H1",
     "2019-06-12",
     "none",
     "[]",
     {D12},
     {{"T-H1-" HH "-1", ""}, {H2, "open 2019-06-12 2019-06-13 "}}},
    {"a confirmed D stays found when it was first found",
     "2019-07-20",
     "none",
     "[]",
     {D12, {"inspect.housing", HH, "2019-07-19T10:00:00+08:00", "C-00901", APPRAISE("D"), NULL}},
     {{H2, "open 2019-06-12 2019-06-13 "}, {"T-H2-" HH "-b01-2", ""}}},
    {"not the sole home, not resident: nothing",
     "2019-06-12",
     "none",
     "[]",
     {{"inspect.housing", HH, "2019-06-12T10:03:00+08:00", "C-00901",
       "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":false,\"grade\":\"D\"}",
       NULL},
      {"inspect.housing", HH, "2019-06-12T10:04:00+08:00", "C-00901",
       "{\"bld\":2,\"kind\":\"appraise\",\"use\":\"idle\",\"sole_home\":true,\"grade\":\"D\"}",
       NULL}},
     {{H2, ""}, {"T-H2-" HH "-b02-1", ""}}},
    {"C is repaired",
     "2019-06-12",
     "none",
     "[]",
     {{"inspect.housing", HH, "2019-06-12T10:03:00+08:00", "C-00901", APPRAISE("C"), NULL}},
     {{"T-H3-" HH "-b01-1", "open 2019-06-12 2019-09-20 "}, {H2, ""}}},
    {"C, then D: T-H2 takes over",
     "2019-06-20",
     "none",
     "[]",
     {{"inspect.housing", HH, "2019-06-11T10:03:00+08:00", "C-00901", APPRAISE("C"), NULL}, D12},
     {{"T-H3-" HH "-b01-1", ""}, {H2, "open 2019-06-12 2019-06-13 "}}},
    {"closed without accepted has no effect",
     "2019-09-20",
     "none",
     "[]",
     {D12, BUILT, STAGE("2019-09-14T09:00:00+08:00", "closed")},
     {{H2, "open 2019-06-12 2019-09-20 "}, {"T-Q1-" HH "-b01-1", "open 2019-09-14 2019-09-21 "}}},
    {"accepted afterwards: closed, and nothing is missing any more",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      BUILT,
      STAGE("2019-09-14T09:00:00+08:00", "closed"),
      {"house.work", HH, "2019-09-16T10:00:00+08:00", "C-00420", ACCEPTED("A"), NULL}},
     {{H2, "closed 2019-06-12 2019-09-20 2019-09-16"},
      {"T-Q1-" HH "-b01-1", "closed 2019-09-14 2019-09-21 2019-09-16"}}},
    {"accepted, but still C: no effect",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      BUILT,
      {"house.work", HH, "2019-09-12T10:00:00+08:00", "C-00420", ACCEPTED("C"), NULL},
      STAGE("2019-09-14T09:00:00+08:00", "closed")},
     {{H2, "open 2019-06-12 2019-09-20 "}}},
    {"a stage is missing: no effect",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      STAGE("2019-06-15T09:00:00+08:00", "listed"),
      {"house.work", HH, "2019-09-12T10:00:00+08:00", "C-00420", ACCEPTED("A"), NULL},
      STAGE("2019-09-14T09:00:00+08:00", "closed")},
     {{H2, "open 2019-06-12 2019-06-13 "}}},
    {"all stages close it",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      BUILT,
      {"house.work", HH, "2019-09-12T10:00:00+08:00", "C-00420", ACCEPTED("A"), NULL},
      STAGE("2019-09-14T09:00:00+08:00", "closed")},
     {{H2, "closed 2019-06-12 2019-09-20 2019-09-14"}, {"T-Q1-" HH "-b01-1", ""}}},
    {"a later appraisal of B closes it, a later D opens the next",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      {"inspect.housing", HH, "2019-07-01T10:00:00+08:00", "C-00901", APPRAISE("B"), NULL},
      {"inspect.housing", HH, "2019-08-01T10:00:00+08:00", "C-00901", APPRAISE("D"), NULL}},
     {{H2, "closed 2019-06-12 2019-06-13 2019-07-01"},
      {"T-H2-" HH "-b01-2", "open 2019-08-01 2019-08-02 "}}},
    /* ---- water */
    {"unsafe water",
     "2019-06-12",
     "none",
     "[]",
     {{"inspect.water", HH, "2019-06-12T10:05:00+08:00", "C-00412", WATER("40"), NULL}},
     {{"T-W1-" HH "-1", "open 2019-06-12 2019-07-12 "}}},
    {"safe water",
     "2019-06-12",
     "none",
     "[]",
     {{"inspect.water", HH, "2019-06-12T10:05:00+08:00", "C-00412", WATER("36"), NULL}},
     {{"T-W1-" HH "-1", ""}}},
    {"only the water authority ends it",
     "2019-07-12",
     "none",
     "[]",
     {{"inspect.water", HH, "2019-06-12T10:05:00+08:00", "C-00412", WATER("40"), NULL},
      {"inspect.water", HH, "2019-07-01T10:05:00+08:00", "C-00412", WATER("10"), NULL}},
     {{"T-W1-" HH "-1", "open 2019-06-12 2019-07-12 "}}},
    {"safe by SI, unsafe again",
     "2019-07-20",
     "none",
     "[]",
     {{"inspect.water", HH, "2019-06-12T10:05:00+08:00", "C-00412", WATER("40"), NULL},
      {"inspect.water", HH, "2019-07-01T10:05:00+08:00", "C-00902", WATER("10"), NULL},
      {"inspect.water", HH, "2019-07-15T10:05:00+08:00", "C-00412", WATER("99"), NULL}},
     {{"T-W1-" HH "-1", "closed 2019-06-12 2019-07-12 2019-07-01"},
      {"T-W1-" HH "-2", "open 2019-07-15 2019-08-14 "}}},
    /* ---- visits */
    {"no visit needed",
     "2019-06-12",
     "none",
     "[]",
     {{NULL, NULL, NULL, NULL, NULL, NULL}},
     {{"T-V1-" HH "-2019-06", ""}}},
    {"a counted visit closes the month",
     "2019-06-20",
     "not_exited",
     "[]",
     {{"visit.household", HH, "2019-06-12T10:00:00+08:00", "C-00412",
       VISIT("in_person", "head", "2019-06-12T09:10:00", "2019-06-12T09:30:00"), NULL}},
     {{"T-V1-" HH "-2019-06", "closed 2019-06-01 2019-06-30 2019-06-12"},
      {"T-V1-" HH "-2019-05", ""}}},
    {"by phone, nobody met, too short: not counted",
     "2019-07-01",
     "exited",
     "[]",
     {{"visit.household", HH, "2019-06-12T10:00:00+08:00", "C-00412",
       VISIT("phone", "head", "2019-06-12T09:10:00", "2019-06-12T09:50:00"), NULL},
      {"visit.household", HH, "2019-06-13T10:00:00+08:00", "C-00412",
       VISIT("in_person", "none", "2019-06-13T09:10:00", "2019-06-13T09:50:00"), NULL},
      {"visit.household", HH, "2019-06-14T10:00:00+08:00", "C-00412",
       VISIT("in_person", "head", "2019-06-14T09:10:00", "2019-06-14T09:29:59"), NULL}},
     {{"T-V1-" HH "-2019-06", "open 2019-06-01 2019-06-30 "},
      {"T-V1-" HH "-2019-07", "open 2019-07-01 2019-07-31 "}}},
    {"two for who is to exit",
     "2019-07-02",
     "planned_exit",
     "[]",
     {{"visit.household", HH, "2019-06-12T10:00:00+08:00", "C-00412",
       VISIT("in_person", "head", "2019-06-12T09:10:00", "2019-06-12T09:50:00"), NULL},
      {"visit.household", HH, "2019-06-30T23:50:00+08:00", "C-00412",
       VISIT("in_person", "member", "2019-06-30T23:00:00", "2019-06-30T23:40:00"), NULL},
      {"visit.household", HH, "2019-07-01T09:50:00+08:00", "C-00412",
       VISIT("in_person", "member", "2019-07-01T00:10:00", "2019-07-01T00:50:00"), NULL}},
     {{"T-V1-" HH "-2019-06", "closed 2019-06-01 2019-06-30 2019-06-30"},
      {"T-V1-" HH "-2019-07", "open 2019-07-01 2019-07-31 "}}},
    {"after the next month it is overdue still",
     "2019-08-01",
     "exited",
     "[]",
     {{NULL, NULL, NULL, NULL, NULL, NULL}},
     {{"T-V1-" HH "-2019-06", "open 2019-06-01 2019-06-30 "},
      {"T-V1-" HH "-2019-07", "open 2019-07-01 2019-07-31 "}}},
    /* ---- findings: the worked loop of the county */
    {"found",
     "2019-07-01",
     "none",
     "[]",
     {FOUND("covert", "high", "U-T104")},
     {{"T-F1-" FINDING "-1", "open 2019-07-01 2019-07-08 "}, {"T-F2-" FINDING "-1", ""}}},
    {"rectified",
     "2019-07-02",
     "none",
     "[]",
     {FOUND("covert", "high", "U-T104"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00420")},
     {{"T-F1-" FINDING "-1", "reported 2019-07-01 2019-07-08 "},
      {"T-F2-" FINDING "-1", "open 2019-07-02 2019-07-07 "}}},
    {"closed",
     "2019-07-05",
     "none",
     "[]",
     {FOUND("covert", "high", "U-T104"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00001", "check", "pass")},
     {{"T-F1-" FINDING "-1", "closed 2019-07-01 2019-07-08 2019-07-05"},
      {"T-F2-" FINDING "-1", "closed 2019-07-02 2019-07-07 2019-07-05"},
      {"T-F3-" FINDING "-1", "open 2019-07-05 2019-08-04 "},
      {"T-F4-" FINDING "-1", ""}}},
    {"relapsed",
     "2019-07-20",
     "none",
     "[]",
     {FOUND("covert", "high", "U-T104"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00001", "check", "pass"),
      CHECK("2019-07-20T10:00:00+08:00", "C-00700", "lookback", "relapse")},
     {{"T-F1-" FINDING "-1", "closed 2019-07-01 2019-07-08 2019-07-05"},
      {"T-F3-" FINDING "-1", "closed 2019-07-05 2019-08-04 2019-07-20"},
      {"T-F4-" FINDING "-1", "reopened 2019-07-20 2019-07-27 "}}},
    {"rectified again and passed",
     "2019-08-01",
     "none",
     "[]",
     {FOUND("covert", "high", "U-T104"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00001", "check", "pass"),
      CHECK("2019-07-20T10:00:00+08:00", "C-00700", "lookback", "relapse"),
      RECTIFY("2019-07-24T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-29T10:00:00+08:00", "C-00001", "check", "pass")},
     {{"T-F2-" FINDING "-2", "closed 2019-07-24 2019-07-29 2019-07-29"},
      {"T-F3-" FINDING "-2", "open 2019-07-29 2019-08-28 "},
      {"T-F4-" FINDING "-1", "closed 2019-07-20 2019-07-27 2019-07-29"}}},
    {"a failed check",
     "2019-07-06",
     "none",
     "[]",
     {FOUND("inspect", "mid", "U-BF01"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00030", "check", "fail")},
     {{"T-F1-" FINDING "-1", "returned 2019-07-01 2019-07-16 "},
      {"T-F2-" FINDING "-1", "closed 2019-07-02 2019-07-07 2019-07-05"},
      {"T-F4-" FINDING "-1", "reopened 2019-07-05 2019-07-12 "}}},
    {"who rectified, or is of the duty unit, verifies nothing",
     "2019-07-06",
     "none",
     "[]",
     {FOUND("inspect", "low", "U-T104"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-03T10:00:00+08:00", "C-00420", "check", "pass"),
      CHECK("2019-07-04T10:00:00+08:00", "C-00030", "check", "pass")},
     {{"T-F1-" FINDING "-1", "reported 2019-07-01 2019-07-31 "}}},
    {"no check without a rectification, no look-back before closing",
     "2019-07-06",
     "none",
     "[]",
     {FOUND("inspect", "low", "U-T104"),
      CHECK("2019-07-02T10:00:00+08:00", "C-00001", "check", "pass"),
      RECTIFY("2019-07-03T10:00:00+08:00", "C-00420"),
      CHECK("2019-07-04T10:00:00+08:00", "C-00700", "lookback", "relapse")},
     {{"T-F1-" FINDING "-1", "reported 2019-07-01 2019-07-31 "}, {"T-F4-" FINDING "-1", ""}}},
    {"the county and its inspectors may check what is the township's, the covert team not",
     "2019-07-08",
     "none",
     "[]",
     {FOUND("inspect", "mid", "U-BF01"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00412"),
      CHECK("2019-07-03T10:00:00+08:00", "C-00700", "check", "pass"),
      CHECK("2019-07-04T10:00:00+08:00", "C-00901", "check", "fail"),
      RECTIFY("2019-07-05T10:00:00+08:00", "C-00412"),
      CHECK("2019-07-06T10:00:00+08:00", "C-00001", "check", "pass")},
     {{"T-F1-" FINDING "-1", "closed 2019-07-01 2019-07-16 2019-07-06"},
      {"T-F2-" FINDING "-1", "closed 2019-07-02 2019-07-07 2019-07-04"},
      {"T-F2-" FINDING "-2", "closed 2019-07-05 2019-07-10 2019-07-06"},
      {"T-Q1-" FINDING "-1", "closed 2019-07-03 2019-07-10 2019-07-04"},
      {"T-Q1-" FINDING "-2", ""}}},
    {"the township checks, no other at its level; its inspectors not what is a township's",
     "2019-07-06",
     "none",
     "[]",
     {FOUND("inspect", "mid", "U-T104"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00412"),
      CHECK("2019-07-03T10:00:00+08:00", "C-00901", "check", "pass")},
     {{"T-F1-" FINDING "-1", "reported 2019-07-01 2019-07-16 "},
      {"T-F2-" FINDING "-1", "open 2019-07-02 2019-07-07 "},
      {"T-F3-" FINDING "-1", ""},
      {"T-Q1-" FINDING "-1", "open 2019-07-03 2019-07-10 "}}},
    {"no township for a covert finding; its next check says enough",
     "2019-07-06",
     "none",
     "[]",
     {FOUND("covert", "high", "U-V299"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00412"),
      CHECK("2019-07-03T10:00:00+08:00", "C-00030", "check", "pass"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00001", "check", "pass")},
     {{"T-F2-" FINDING "-1", "closed 2019-07-02 2019-07-07 2019-07-05"},
      {"T-Q1-" FINDING "-1", "closed 2019-07-03 2019-07-10 2019-07-05"}}},
    {"only the covert team looks back",
     "2019-07-21",
     "none",
     "[]",
     {FOUND("inspect", "high", "U-BF01"), RECTIFY("2019-07-02T10:00:00+08:00", "C-00412"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00030", "check", "pass"),
      CHECK("2019-07-18T10:00:00+08:00", "C-00030", "lookback", "pass"),
      CHECK("2019-07-19T10:00:00+08:00", "C-00001", "lookback", "relapse"),
      CHECK("2019-07-20T10:00:00+08:00", "C-00700", "lookback", "pass")},
     {{"T-F3-" FINDING "-1", "closed 2019-07-05 2019-08-04 2019-07-20"},
      {"T-F4-" FINDING "-1", ""},
      {"T-Q1-" FINDING "-1", "closed 2019-07-18 2019-07-25 2019-07-20"},
      {"T-Q1-" FINDING "-2", "closed 2019-07-19 2019-07-26 2019-07-20"}}},
    {"not rectified before it was found",
     "2019-07-06",
     "none",
     "[]",
     {FOUND("inspect", "mid", "U-BF01"),
      {"rectify.report", FINDING, "2019-07-02T10:00:00+08:00", "C-00412",
       "{\"result\":\"done\",\"done\":\"2019-06-30\"}", NULL},
      {"rectify.report", FINDING, "2019-07-04T10:00:00+08:00", "C-00412",
       "{\"result\":\"done\",\"done\":\"2019-07-01\"}", NULL}},
     {{"T-F1-" FINDING "-1", "reported 2019-07-01 2019-07-16 "},
      {"T-F2-" FINDING "-1", "open 2019-07-04 2019-07-09 "},
      {"T-Q1-" FINDING "-1", "closed 2019-07-02 2019-07-09 2019-07-04"}}},
    {"more time twice, never past the stop",
     "2019-07-12",
     "none",
     "[]",
     {FOUND("inspect", "high", "U-BF01"), EXTEND("2019-07-02T10:00:00+08:00", "2019-12-01"),
      EXTEND("2019-07-03T10:00:00+08:00", "2019-07-18"),
      EXTEND("2019-07-04T10:00:00+08:00", "2019-07-28"),
      EXTEND("2019-07-05T10:00:00+08:00", "2019-08-28")},
     {{"T-F1-" FINDING "-1", "open 2019-07-01 2019-07-28 "},
      {"T-Q1-" FINDING "-1", "closed 2019-07-02 2019-07-09 2019-07-03"},
      {"T-Q1-" FINDING "-2", "open 2019-07-05 2019-07-12 "}}},
    {"more time after a relapse is that of the rework",
     "2019-08-01",
     "none",
     "[]",
     {FOUND("inspect", "high", "U-BF01"), EXTEND("2019-07-02T10:00:00+08:00", "2019-07-18"),
      RECTIFY("2019-07-03T10:00:00+08:00", "C-00412"),
      CHECK("2019-07-05T10:00:00+08:00", "C-00030", "check", "fail"),
      EXTEND("2019-07-06T10:00:00+08:00", "2019-07-28")},
     {{"T-F1-" FINDING "-1", "returned 2019-07-01 2019-07-18 "},
      {"T-F4-" FINDING "-1", "reopened 2019-07-05 2019-07-28 "}}},
    {"who reported a finding calls it off, another township does not",
     "2019-07-06",
     "none",
     "[]",
     {{"finding.report", HH, "2019-07-01T10:00:00+08:00", "C-00030",
       REPORT("inspect", "high", "U-BF01"), FINDING},
      UPDATE("T-F1-" FINDING "-1", "2019-07-02T10:00:00+08:00", "C-00031", "{\"state\":\"void\"}"),
      UPDATE("T-F1-" FINDING "-1", "2019-07-03T10:00:00+08:00", "C-00030", "{\"state\":\"void\"}")},
     {{"T-F1-" FINDING "-1", "void 2019-07-01 2019-07-08 2019-07-03"},
      {"T-Q1-" FINDING "-1", "open 2019-07-02 2019-07-09 "}}},
    {"a house built on debts is a finding",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      BUILT,
      {"house.work", HH, "2019-09-12T10:00:00+08:00", "C-00420",
       "{\"bld\":1,\"stage\":\"accepted\",\"post_grade\":\"A\",\"debt_yuan\":5000}", FINDING},
      RECTIFY("2019-09-14T10:00:00+08:00", "C-00420")},
     {{"T-F1-" FINDING "-1", "reported 2019-09-12 2019-09-27 "},
      {"T-F2-" FINDING "-1", "open 2019-09-14 2019-09-19 "}}},
    {"a house without debts is none",
     "2019-09-20",
     "none",
     "[]",
     {D12,
      BUILT,
      {"house.work", HH, "2019-09-12T10:00:00+08:00", "C-00420",
       "{\"bld\":1,\"stage\":\"accepted\",\"post_grade\":\"A\",\"debt_yuan\":0}", FINDING}},
     {{"T-F1-" FINDING "-1", ""}}},
    /* ---- what people say about a task */
    {"the helper accepts",
     "2019-06-13",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-12T11:00:00+08:00", "C-00412", "{\"state\":\"accepted\"}")},
     {{H2, "accepted 2019-06-12 2019-06-13 "}}},
    {"somebody else does not",
     "2019-06-13",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-12T11:00:00+08:00", "C-00420", "{\"state\":\"accepted\"}"),
      UPDATE(H2, "2019-06-12T11:02:00+08:00", "C-00030", "{\"state\":\"returned\"}")},
     {{H2, "open 2019-06-12 2019-06-13 "}}},
    {"reported, returned, reported",
     "2019-06-16",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-12T11:00:00+08:00", "C-00412", "{\"state\":\"reported\"}"),
      UPDATE(H2, "2019-06-13T11:00:00+08:00", "C-00030", "{\"state\":\"returned\"}"),
      UPDATE(H2, "2019-06-14T11:00:00+08:00", "C-00412", "{\"state\":\"reported\"}")},
     {{H2, "reported 2019-06-12 2019-06-13 "}}},
    {"returned stays returned until it is accepted",
     "2019-06-16",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-12T10:30:00+08:00", "C-00412", "{\"state\":\"accepted\"}"),
      UPDATE(H2, "2019-06-12T11:00:00+08:00", "C-00412", "{\"state\":\"reported\"}"),
      UPDATE(H2, "2019-06-13T11:00:00+08:00", "C-00030", "{\"state\":\"returned\"}")},
     {{H2, "returned 2019-06-12 2019-06-13 "}}},
    {"the county extends, never past the stop",
     "2019-06-16",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-12T11:00:00+08:00", "C-00001",
                  "{\"state\":\"open\",\"due\":\"2019-12-24\"}")},
     {{H2, "open 2019-06-12 2019-09-30 "}}},
    {"the county calls off",
     "2019-06-16",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-13T11:00:00+08:00", "C-00001", "{\"state\":\"void\"}")},
     {{H2, "void 2019-06-12 2019-06-13 2019-06-13"}}},
    {"two buildings",
     "2019-06-12",
     "none",
     "[]",
     {D12,
      {"inspect.housing", HH, "2019-06-12T11:00:00+08:00", "C-00901",
       "{\"bld\":12,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,"
       "\"grade\":\"C\"}",
       NULL}},
     {{H2, "open 2019-06-12 2019-06-13 "}, {"T-H3-" HH "-b12-1", "open 2019-06-12 2019-09-20 "}}},
    {"a screening's grade is nobody's word: it neither opens",
     "2019-06-20",
     "none",
     "[]",
     {INSPECT("2019-06-12T10:00:00+08:00", "C-00412",
              HOUSE("1", "screen", "resident", "\"suspected\":true,\"grade\":\"D\""))},
     {{H2, ""}, {"T-H5-" HH "-1", "open 2019-06-12 2019-06-27 "}}},
    {"nor closes",
     "2019-06-20",
     "none",
     "[]",
     {D12, INSPECT("2019-06-15T10:00:00+08:00", "C-00412",
                   HOUSE("1", "screen", "resident", "\"suspected\":false,\"grade\":\"A\""))},
     {{H2, "open 2019-06-12 2019-06-13 "}}},
    {"an extension stands after the end, and a milestone after it",
     "2019-07-26",
     "none",
     "[]",
     {DRINK("2019-06-12T10:00:00+08:00", "C-00412", "40"),
      UPDATE("T-W1-" HH "-1", "2019-06-20T10:00:00+08:00", "C-00001",
             "{\"state\":\"open\",\"due\":\"2019-07-30\"}"),
      DRINK("2019-07-25T10:00:00+08:00", "C-00902", "10"), D12,
      UPDATE(H2, "2019-06-13T11:00:00+08:00", "C-00001",
             "{\"state\":\"open\",\"due\":\"2019-06-20\"}"),
      STAGE("2019-06-16T09:00:00+08:00", "listed"), STAGE("2019-06-18T09:00:00+08:00", "signed")},
     {{"T-W1-" HH "-1", "closed 2019-06-12 2019-07-30 2019-07-25"},
      {H2, "open 2019-06-12 2019-07-02 "}}},
    {"what is never past the stop of its campaign",
     "2019-06-26",
     "none",
     "[\"dibao\"]",
     {DRINK("2019-06-12T10:00:00+08:00", "C-00412", "40"),
      UPDATE("T-W1-" HH "-1", "2019-06-20T10:00:00+08:00", "C-00001",
             "{\"state\":\"open\",\"due\":\"2019-12-24\"}"),
      UPDATE("T-H1-" HH "-1", "2019-06-20T11:00:00+08:00", "C-00001",
             "{\"state\":\"open\",\"due\":\"2019-12-24\"}")},
     {{"T-W1-" HH "-1", "open 2019-06-12 2019-09-30 "},
      {"T-H1-" HH "-1", "open 2019-06-01 2019-09-30 "}}},
    {"called off before its end it stays called off",
     "2019-07-12",
     "none",
     "[]",
     {D12, UPDATE(H2, "2019-06-13T11:00:00+08:00", "C-00001", "{\"state\":\"void\"}"),
      INSPECT("2019-07-01T10:00:00+08:00", "C-00901", APPRAISE("B")),
      UPDATE(H2, "2019-07-02T11:00:00+08:00", "C-00001", "{\"state\":\"void\"}")},
     {{H2, "void 2019-06-12 2019-06-13 2019-06-13"}}},
    {"what has ended is not called off, and not changed by what the house is used for later",
     "2019-08-12",
     "none",
     "[]",
     {D12, INSPECT("2019-07-01T10:00:00+08:00", "C-00901", APPRAISE("B")),
      UPDATE(H2, "2019-07-02T11:00:00+08:00", "C-00001", "{\"state\":\"void\"}"),
      INSPECT("2019-08-01T10:00:00+08:00", "C-00901",
              HOUSE("1", "appraise", "idle", "\"grade\":\"A\""))},
     {{H2, "closed 2019-06-12 2019-06-13 2019-07-01"}}},
    {"a demolished house is dangerous no more",
     "2019-08-12",
     "planned_exit",
     "[]",
     {D12,
      INSPECT("2019-08-01T10:00:00+08:00", "C-00901",
              HOUSE("2", "appraise", "resident", "\"grade\":\"A\"")),
      STAGE("2019-08-03T09:00:00+08:00", "listed"),
      STAGE("2019-08-03T10:00:00+08:00", "demolished"),
      STAGE("2019-08-04T10:00:00+08:00", "demolished")},
     {{H2, "closed 2019-06-12 2019-06-13 2019-08-03"},
      {"T-X1-" HH "-1", "closed 2019-06-12 2019-12-31 2019-08-03"},
      {"T-Q1-" HH "-b01-1", ""}}},
    {"under contract to be rebuilt it is",
     "2019-08-12",
     "none",
     "[]",
     {D12, STAGE("2019-06-15T09:00:00+08:00", "listed"),
      STAGE("2019-06-20T09:00:00+08:00", "signed"),
      STAGE("2019-06-25T10:00:00+08:00", "demolished")},
     {{H2, "open 2019-06-12 2019-07-02 "}}},
    {"closed once: later stages are of nothing until it is listed or found again",
     "2019-10-07",
     "none",
     "[]",
     {D12,
      BUILT,
      {"house.work", HH, "2019-09-12T10:00:00+08:00", "C-00420", ACCEPTED("A"), NULL},
      STAGE("2019-09-14T09:00:00+08:00", "closed"),
      STAGE("2019-09-16T09:00:00+08:00", "closed"),
      INSPECT("2019-10-01T10:00:00+08:00", "C-00901", APPRAISE("D")),
      STAGE("2019-10-02T09:00:00+08:00", "listed"),
      STAGE("2019-10-03T09:00:00+08:00", "signed"),
      STAGE("2019-10-04T09:00:00+08:00", "started"),
      STAGE("2019-10-05T09:00:00+08:00", "main_done"),
      {"house.work", HH, "2019-10-06T10:00:00+08:00", "C-00420", ACCEPTED("A"), NULL}},
     {{H2, "closed 2019-06-12 2019-09-20 2019-09-14"},
      {"T-H2-" HH "-b01-2", "open 2019-10-01 2019-10-01 "},
      {"T-Q1-" HH "-b01-1", ""}}},
    {"an appraisal of another building leaves the suspicion",
     "2019-07-12",
     "none",
     "[]",
     {INSPECT("2019-06-12T10:00:00+08:00", "C-00420", SUSPECTED("1", "true")),
      INSPECT("2019-06-20T10:00:00+08:00", "C-00901",
              HOUSE("2", "appraise", "resident", "\"grade\":\"A\""))},
     {{"T-H5-" HH "-1", "open 2019-06-12 2019-06-27 "}}},
    {"each building for itself, one task until none is left",
     "2019-07-12",
     "planned_exit",
     "[]",
     {INSPECT("2019-06-12T10:00:00+08:00", "C-00420", SUSPECTED("1", "true")),
      INSPECT("2019-06-14T10:00:00+08:00", "C-00420", SUSPECTED("3", "true")),
      INSPECT("2019-06-16T10:00:00+08:00", "C-00420", SUSPECTED("1", "false")),
      INSPECT("2019-06-18T10:00:00+08:00", "C-00420", SUSPECTED("3", "false")),
      INSPECT("2019-06-20T10:00:00+08:00", "C-00901",
              HOUSE("1", "appraise", "idle", "\"grade\":\"D\"")),
      INSPECT("2019-06-25T10:00:00+08:00", "C-00901",
              HOUSE("3", "appraise", "resident", "\"grade\":\"B\"")),
      INSPECT("2019-07-02T10:00:00+08:00", "C-00420", SUSPECTED("3", "true"))},
     {{"T-H5-" HH "-1", "closed 2019-06-12 2019-06-27 2019-06-25"},
      {"T-H5-" HH "-2", "open 2019-07-02 2019-07-17 "},
      {"T-X1-" HH "-1", "closed 2019-06-12 2019-12-31 2019-06-18"},
      {"T-X1-" HH "-2", "open 2019-07-02 2019-12-31 "},
      {"T-H4-" HH "-b01-1", "open 2019-06-20  "}}},
    {"a priority household anew: the next appraisal is asked for anew",
     "2019-07-12",
     "none",
     "[\"dibao\"]",
     {FOCUS("2019-06-20T10:00:00+08:00", ""), FOCUS("2019-07-10T10:00:00+08:00", "\"dibao\""),
      FOCUS("2019-07-11T10:00:00+08:00", "\"disabled\"")},
     {{"T-H1-" HH "-1", ""}, {"T-H1-" HH "-2", "open 2019-07-10 2019-08-09 "}}},
    {"found safe by others, it is no gap from then on",
     "2019-07-12",
     "planned_exit",
     "[]",
     {DRINK("2019-06-12T10:00:00+08:00", "C-00412", "40"),
      DRINK("2019-06-20T10:00:00+08:00", "C-00412", "10"),
      DRINK("2019-06-25T10:00:00+08:00", "C-00412", "10"),
      DRINK("2019-07-05T10:00:00+08:00", "C-00412", "40"),
      DRINK("2019-07-08T10:00:00+08:00", "C-00902", "10")},
     {{"T-X1-" HH "-1", "closed 2019-06-12 2019-12-31 2019-06-20"},
      {"T-X1-" HH "-2", "closed 2019-07-05 2019-12-31 2019-07-08"}}},
    {"rebuilt, a house is measured",
     "2019-07-12",
     "none",
     "[]",
     {D12, {"house.work", HH, "2019-07-01T10:00:00+08:00", "C-00420", MEASURED("90"), NULL}},
     {{"T-Q1-" HH "-a01-1", "open 2019-07-01 2019-07-08 "}}},
    {"repaired, it is not",
     "2019-07-12",
     "none",
     "[]",
     {INSPECT("2019-06-12T10:00:00+08:00", "C-00901",
              HOUSE("1", "appraise", "resident", "\"grade\":\"C\",\"action\":\"repair\"")),
      {"house.work", HH, "2019-07-01T10:00:00+08:00", "C-00420", MEASURED("90"), NULL}},
     {{"T-Q1-" HH "-a01-1", ""}}},
    {"of two declarations with one stamp the greater id counts",
     "2019-07-12",
     "none",
     "[]",
     {{"project.step", PROJECT, "2019-07-01T10:00:00+08:00", "C-00420",
       "{\"step\":\"village_meeting\"}", NULL},
      {"project.step", PROJECT, "2019-07-02T10:00:00+08:00", "C-00030", DECLARED(VILLAGE),
       "01990000-0000-7000-8000-0000000000b2"},
      {"project.step", PROJECT, "2019-07-02T10:00:00+08:00", "C-00030", DECLARED("340825104201"),
       "01990000-0000-7000-8000-0000000000b1"}},
     {{"T-P1-" PROJECT "-review-1", "open 2019-07-02 2019-07-12 "}}},
};

static void send(struct county *c, const struct event *e, size_t i) {
    char id[40];
    snprintf(id, sizeof id, "01990000-0000-7000-8000-%012zu", i + 1);
    record_id(c, e->id ? e->id : id, e->form, e->subject, e->stamp, e->by, e->data);
}

static size_t event_count(const struct rule_case *k) {
    size_t n = 0;
    while (n < EVENTS_MAX && k->events[n].form)
        n++;
    return n;
}

/* Arrival orders: as written, backwards, and shuffled; with a derivation after each record in the
 * odd ones. */
static void arrive(struct county *c, const struct rule_case *k, int order) {
    size_t n = event_count(k);
    size_t at[EVENTS_MAX];
    for (size_t i = 0; i < n; i++)
        at[i] = order == 1 ? n - 1 - i : i;
    uint32_t seed = (uint32_t)order * 2654435761u;
    for (size_t i = n; order > 1 && i > 1; i--) {
        seed = seed * 1664525u + 1013904223u;
        size_t j = (seed >> 8) % i;
        size_t t = at[i - 1];
        at[i - 1] = at[j];
        at[j] = t;
    }
    for (size_t i = 0; i < n; i++) {
        send(c, &k->events[at[i]], at[i]);
        bool more = true;
        while (order % 2 == 1 && more)
            cr_assert(derive_step(c->derive, 1, &more, &c->err), "%s", c->err.msg);
    }
    derive_all(c);
}

static void expect_tasks(struct county *c, const struct rule_case *k, int order) {
    for (size_t i = 0; i < TASKS_MAX && k->tasks[i].task; i++) {
        char sql[512];
        snprintf(sql, sizeof sql,
                 "SELECT state || ' ' || opened || ' ' || due || ' ' || closed FROM task"
                 " WHERE id = '%s' AND gone = ''",
                 k->tasks[i].task);
        const char *now = ask(c, sql);
        cr_expect_str_eq(now, k->tasks[i].now, "%s (order %d): %s is '%s', not '%s'", k->name,
                         order, k->tasks[i].task, now, k->tasks[i].now);
    }
}

static const char *all_tasks(struct county *c) {
    return ask(c, "SELECT group_concat(doc, char(10)) FROM (SELECT doc FROM task WHERE gone = ''"
                  " ORDER BY id)");
}

static void play(const struct rule_case *k) {
    static char first[65536];
    for (int order = 0; order < (event_count(k) > 1 ? 3 : 1); order++) {
        struct county c;
        county_start(&c);
        household(&c, HH, k->status, k->focus);
        set_today(&c, k->day);
        arrive(&c, k, order);
        expect_tasks(&c, k, order);
        if (order == 0)
            snprintf(first, sizeof first, "%s", all_tasks(&c));
        cr_expect_str_eq(all_tasks(&c), first, "%s: order %d ends elsewhere", k->name, order);
        county_stop(&c);
    }
}

/* Every fourth case, so that they run side by side. */
static void play_from(size_t first) {
    for (size_t i = first; i < sizeof cases / sizeof *cases; i += 4)
        play(&cases[i]);
}

Test(rules, cases, .timeout = 1400) {
    play_from(0);
}

Test(rules, cases_2, .timeout = 1400) {
    play_from(1);
}

Test(rules, cases_3, .timeout = 1400) {
    play_from(2);
}

Test(rules, cases_4, .timeout = 1400) {
    play_from(3);
}

/* A record without effect is verified one level above its author. */
Test(rules, what_has_no_effect_is_verified_above_its_author) {
    static const struct event events[] = {
        FOUND("inspect", "mid", "U-BF01"),
        RECTIFY("2019-07-02T10:00:00+08:00", "C-00412"),
        CHECK("2019-07-03T10:00:00+08:00", "C-00420", "check", "pass"),
        CHECK("2019-07-04T10:00:00+08:00", "C-00700", "check", "pass"),
        CHECK("2019-07-05T10:00:00+08:00", "C-00030", "lookback", "pass"),
    };
    struct county c;
    county_start(&c);
    household(&c, HH, "none", "[]");
    set_today(&c, "2019-07-06");
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        send(&c, &events[i], i);
    derive_all(&c);
    cr_expect_str_eq(
        ask(&c,
            "SELECT group_concat(assignee || ' ' || verifier_role, ', ') FROM (SELECT * FROM task"
            " WHERE id GLOB 'T-Q1-" FINDING "-*' AND gone = '' ORDER BY id)"),
        "C-00420 TW, C-00700 CO, C-00030 CO");
    county_stop(&c);
}

/* What another says of a finding, by way of his own record that had no effect on it, is not the
 * finding's newest word. */
Test(rules, a_finding_is_amended_by_its_author_alone) {
    static const struct event events[] = {
        {"finding.report", HH, "2019-07-01T10:00:00+08:00", "C-00030",
         REPORT("inspect", "high", "U-BF01"), FINDING},
        {"finding.report", HH, "2019-07-02T10:00:00+08:00", "C-00420",
         REPORT("inspect", "low", "U-T104"), "016b4a0e-0000-7000-8000-0000000000a1"},
        {"finding.report", HH, "2019-07-03T10:00:00+08:00", "C-00420",
         REPORT("inspect", "low", "U-T104"), "016b4a0e-0000-7000-8000-0000000000a2"},
    };
    struct county c;
    county_start(&c);
    household(&c, HH, "none", "[]");
    set_today(&c, "2019-07-04");
    for (size_t i = 0; i < 3; i++)
        send(&c, &events[i], i);
    store_exec(c.store, "UPDATE record SET amends = id_blob('" FINDING "'), effect = -2"
                        " WHERE id = id_blob('016b4a0e-0000-7000-8000-0000000000a1');"
                        "UPDATE record SET amends = id_blob('016b4a0e-0000-7000-8000-0000000000a1')"
                        " WHERE id = id_blob('016b4a0e-0000-7000-8000-0000000000a2')");
    derive_all(&c);
    cr_expect_str_eq(
        ask(&c, "SELECT assignee || ' ' || due FROM task WHERE id = 'T-F1-" FINDING "-1'"),
        "U-BF01 2019-07-08");
    county_stop(&c);
}
