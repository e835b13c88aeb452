#include "clock.h"
#include "sample_plan.h"

#include <string.h>

static const char *const stems[] = {"甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"};
static const char *const numbers[] = {"一", "二", "三", "四", "五", "六", "七", "八", "九", "十"};

static int32_t today(void) {
    return (int32_t)(SAMPLE_START_MS / 86400000);
}

static int between(const struct rng *r, int low, int high) {
    return low + (int)rng_below(r, (uint32_t)(high - low + 1));
}

static int at_least(int age, int low) {
    return age < low ? low : age;
}

/* Whole years and some days before the sample's start, so that the age holds on that day. */
static int32_t birth_of(const struct rng *r, int age) {
    char day[11];
    date_format(today() - between(r, 1, 360), day);
    int year = (day[0] - '0') * 1000 + (day[1] - '0') * 100 + (day[2] - '0') * 10 + day[3] - '0';
    year -= age;
    for (int i = 3; i >= 0; i--, year /= 10)
        day[i] = (char)('0' + year % 10);
    int32_t days = 0;
    if (!date_parse(day, 10, &days)) { /* 02-29 */
        day[9] = '8';
        date_parse(day, 10, &days);
    }
    return days;
}

/* Who comes after head and spouse: young families have children, then parents; older ones grown
 * children with theirs. */
static void draw_relation(struct member *m, int slot, int head_age, int child_age,
                          const struct rng *r) {
    static const char *const young[] = {"child", "child", "parent", "parent", "child", "child"};
    static const char *const old[] = {"child",      "child_spouse", "grandchild",
                                      "grandchild", "grandchild",   "grandchild"};
    m->relation = head_age < 50 ? young[slot] : old[slot];
    if (strcmp(m->relation, "parent") == 0)
        m->age = head_age + between(r, 21, 27);
    else if (strcmp(m->relation, "child_spouse") == 0)
        m->age = at_least(child_age + between(r, -2, 2), 20);
    else if (strcmp(m->relation, "grandchild") == 0)
        m->age = at_least(child_age - 21 - slot - between(r, 0, 6), 0);
    else
        m->age = at_least(head_age - between(r, 22, 28) - slot, 0);
}

static void draw_family(const struct plan_household *h, const struct rng *r,
                        struct member out[MEMBERS_MAX]) {
    int size = h->size;
    out[0].relation = "head";
    out[0].age = size == 1 ? between(r, 45, 85) : between(r, 30, 70);
    out[0].sex = rng_below(r, 100) < 85 ? "male" : "female";
    int next = 1;
    if (size > 1 && rng_below(r, 100) < 88) {
        out[1].relation = "spouse";
        out[1].age = at_least(out[0].age + between(r, -6, 2), 22);
        next = 2;
    }
    int child_age = 0;
    for (int i = next; i < size; i++) {
        draw_relation(&out[i], i - next, out[0].age, child_age, r);
        if (i == next)
            child_age = out[i].age;
    }
    for (int i = 1; i < size; i++)
        out[i].sex = rng_below(r, 2) ? "male" : "female";
    if (next == 2)
        out[1].sex = strcmp(out[0].sex, "male") == 0 ? "female" : "male";
}

/* The household of the protocol's examples: -02 can work, -03 goes to junior school. */
static void example_family(struct member out[MEMBERS_MAX]) {
    static const struct member family[] = {
        {.relation = "head", .sex = "male", .age = 46},
        {.relation = "spouse", .sex = "female", .age = 43},
        {.relation = "child", .sex = "female", .age = 13},
        {.relation = "parent", .sex = "female", .age = 71},
    };
    memcpy(out, family, sizeof family);
}

static const char *student_of(int age, const struct rng *r) {
    uint32_t p = rng_below(r, 100);
    if (age < 3)
        return NULL;
    if (age < 6)
        return "preschool";
    if (age < 12)
        return "primary";
    if (age < 15)
        return "junior";
    if (age < 18)
        return p < 60 ? "senior" : p < 90 ? "vocational" : "not_student";
    if (age < 22)
        return p < 45 ? "higher" : "not_student";
    return NULL;
}

static const char *edu_level_of(int age, const struct rng *r) {
    uint32_t p = rng_below(r, 100);
    if (age < 16)
        return NULL;
    if (age >= 60)
        return p < 35 ? "illiterate" : p < 85 ? "primary" : "junior";
    return p < 25 ? "primary" : p < 75 ? "junior" : p < 92 ? "senior" : "college";
}

static const char *health_of(int age, const struct rng *r) {
    uint32_t p = rng_below(r, 100);
    if (age >= 60)
        return p < 70 ? "healthy" : p < 96 ? "chronic" : "major";
    return p < 95 ? "healthy" : p < 99 ? "chronic" : "major";
}

static bool is(const char *a, const char *b) {
    return a && strcmp(a, b) == 0;
}

static const char *labour_of(const struct member *m, const struct rng *r) {
    uint32_t p = rng_below(r, 100);
    if (m->age < 16 || (m->student && !is(m->student, "not_student")))
        return "none";
    if (m->age >= 72)
        return "lost";
    if (is(m->health, "disabled") || is(m->health, "major"))
        return p < 50 ? "weak" : "lost";
    if (m->age >= 60)
        return "weak";
    return p < 18 ? "skilled" : "ordinary";
}

static const char *work_place_of(const struct member *m, const struct rng *r) {
    static const char *const places[] = {"none",     "town",    "town",    "county",     "province",
                                         "province", "outside", "outside", "public_post"};
    uint32_t p = rng_below(r, sizeof places / sizeof *places);
    bool works = is(m->labour, "skilled") || is(m->labour, "ordinary");
    return works ? places[p] : NULL;
}

/* One member in need, so that a household marked `care` has one. */
static void draw_care(struct member *m, int size) {
    for (int i = 0; i < size; i++)
        if (m[i].age >= 65) {
            m[i].care = "elder";
            return;
        }
    for (int i = 0; i < size; i++)
        if (m[i].age < 16) {
            m[i].care = i % 3 ? "left_behind" : "child_difficult";
            return;
        }
    m[0].health = "disabled";
    m[0].care = "disabled";
}

void plan_members(const struct plan_household *h, size_t index, struct member out[MEMBERS_MAX]) {
    struct rng_seeded seeded;
    struct rng r = rng_seeded_make(&seeded, SAMPLE_SEED + (uint64_t)index * 7919);
    memset(out, 0, MEMBERS_MAX * sizeof *out);
    if (h->example)
        example_family(out);
    else
        draw_family(h, &r, out);
    uint32_t stem = rng_below(&r, 10);
    for (int i = 0; i < h->size; i++) {
        struct member *m = &out[i];
        m->name_stem = stems[is(m->relation, "spouse") ? (stem + 5) % 10 : stem];
        m->name_number = numbers[rng_below(&r, 10)];
        m->birth = birth_of(&r, m->age);
        m->student = student_of(m->age, &r);
        m->edu_level = edu_level_of(m->age, &r);
        m->health = health_of(m->age, &r);
        m->insured = rng_below(&r, 1000) >= 4 || h->example;
    }
    if (h->disabled)
        out[h->size > 2 ? 1 : 0].health = "disabled";
    if (h->care)
        draw_care(out, h->size);
    for (int i = 0; i < h->size; i++) {
        out[i].labour = labour_of(&out[i], &r);
        out[i].work_place = work_place_of(&out[i], &r);
    }
    if (h->example) { /* what the examples say of -02 and -03 is news, not a contradiction */
        out[1].health = "healthy";
        out[1].labour = "ordinary";
        out[1].work_place = "none";
        out[2].student = "junior";
    }
}
