#include "sample_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the two sizes of the county count. */
struct shape {
    size_t households, cadres, helper_units;
    size_t poor_villages, deep_poor_villages, water_villages;
    uint32_t exit_persons, relocated_persons, water_persons;
};

static const struct shape full_shape = {60000, 1500, 60, 17, 5, 135, 15226, 6298, 141800};
static const struct shape small_shape = {600, 40, 2, 1, 1, 5, 152, 63, 1418};

#define EXAMPLE_VILLAGE "299"
#define EXAMPLE_TOWN "104"
#define EXAMPLE_GROUP 3
#define EXAMPLE_NUMBER 17
#define EXAMPLE_SIZE 4
#define EXAMPLE_VILLAGE_GROUPS 12
#define EXAMPLE_VILLAGE_HOUSEHOLDS 420
#define EXAMPLE_VILLAGE_WATER 1050

static const struct {
    const char *code, *name;
} town_names[TOWNS_MAX] = {
    {"100", "晋熙镇"}, {"101", "徐桥镇"}, {"102", "新仓镇"}, {"103", "小池镇"},
    {"104", "寺前镇"}, {"105", "天华镇"}, {"106", "牛镇镇"}, {"107", "弥陀镇"},
    {"108", "北中镇"}, {"109", "百里镇"}, {"200", "大石乡"}, {"201", "城西乡"},
    {"202", "江塘乡"}, {"203", "汤泉乡"}, {"204", "刘畈乡"}, {"400", "开发区"},
};

static uint32_t chance(struct sample *s, uint32_t n) {
    return rng_below(&s->rng, n);
}

/* Townships lie on a grid over the county; 104 changes places with 109, so that the examples'
 * position lies in it. */
static void plan_town(struct sample *s, size_t i) {
    size_t cell = i == 4 ? 9 : i == 9 ? 4 : i;
    size_t row = cell / 4;
    s->towns[s->town_count++] =
        (struct plan_town){town_names[i].code, town_names[i].name, 30.0 + 0.2 * (double)row,
                           115.98 + 0.2 * (double)(cell % 4)};
}

static void plan_village(struct sample *s, size_t town, unsigned code) {
    struct plan_village *v = &s->villages[s->village_count];
    const struct plan_town *t = &s->towns[town];
    *v = (struct plan_village){.town = (uint8_t)town, .community = code < 200};
    char text[16];
    snprintf(text, sizeof text, "%.6s%.3s%03u", s->county, t->code, code % 1000);
    memcpy(v->code, text, sizeof v->code);
    v->groups = (uint8_t)(8 + chance(s, 8));
    v->lat = t->lat + (double)chance(s, 161) / 1000 - 0.08;
    v->lng = t->lng + (double)chance(s, 161) / 1000 - 0.08;
    if (strcmp(v->code + 6, EXAMPLE_TOWN EXAMPLE_VILLAGE) == 0) {
        v->groups = EXAMPLE_VILLAGE_GROUPS;
        v->lat = 30.431;
        v->lng = 116.242;
        s->example_village = s->village_count;
    }
    s->village_count++;
}

/* Eleven villages a township (three in the small county), of them one community, five in the
 * county seat; in 104 the last is 299. */
static void plan_places(struct sample *s) {
    size_t per_town = s->small ? 3 : 11;
    for (size_t i = 0; i < TOWNS_MAX; i++) {
        bool example = strcmp(town_names[i].code, EXAMPLE_TOWN) == 0;
        if (s->small && !example && strcmp(town_names[i].code, "103") != 0)
            continue;
        plan_town(s, i);
        size_t communities = i == 0 ? 5 : 1;
        for (size_t k = 0; k < per_town; k++) {
            unsigned code = k < communities ? (unsigned)(k + 1) : (unsigned)(200 + k - communities);
            if (example && k == per_town - 1)
                code = 299;
            plan_village(s, s->town_count - 1, code);
        }
    }
}

/* Marks `count` villages, the example's among them, scattered over the county; communities only
 * when there are no others left. */
static void scatter(const struct sample *s, size_t count, size_t from, bool marks[VILLAGES_MAX]) {
    marks[s->example_village] = true;
    count--;
    for (int community = 0; community < 2; community++)
        for (size_t k = 0; k < s->village_count && count; k++) {
            size_t i = (k * 37 + from) % s->village_count; /* 37 divides no count of villages */
            if (marks[i] || s->villages[i].community != community)
                continue;
            marks[i] = true;
            count--;
        }
}

static void mark_villages(struct sample *s, size_t poor, size_t water) {
    bool is_poor[VILLAGES_MAX] = {false};
    bool is_water[VILLAGES_MAX] = {false};
    scatter(s, poor, 11, is_poor);
    scatter(s, water, 0, is_water);
    for (size_t i = 0; i < s->village_count; i++) {
        s->villages[i].poor = is_poor[i];
        s->villages[i].water = is_water[i];
    }
}

static void mark_deep_poor(struct sample *s, size_t count) {
    for (size_t i = 0; i < s->village_count && count; i++)
        if (s->villages[i].poor && i != s->example_village) {
            s->villages[i].deep_poor = true;
            count--;
        }
}

static uint8_t draw_size(struct sample *s) {
    static const uint8_t upto[] = {10, 28, 50, 75, 89, 97, 100};
    uint32_t p = chance(s, 100);
    uint8_t size = 1;
    while (p >= upto[size - 1])
        size++;
    return size;
}

static void plan_household(struct sample *s, size_t village, size_t k) {
    struct plan_village *v = &s->villages[village];
    struct plan_household *h = &s->households[s->household_count++];
    size_t group = k * v->groups / v->household_count; /* every group has its share */
    size_t group_first = (group * v->household_count + v->groups - 1) / v->groups;
    *h = (struct plan_household){.village = (uint8_t)village};
    h->group = (uint8_t)(group + 1);
    h->number = (uint16_t)(k - group_first + 1);
    h->size = draw_size(s);
    h->example =
        village == s->example_village && h->group == EXAMPLE_GROUP && h->number == EXAMPLE_NUMBER;
    if (h->example)
        h->size = EXAMPLE_SIZE;
    h->care = chance(s, 100) < 4;
    h->disabled = chance(s, 100) < 4;
    v->persons += h->size;
}

/* Households in all, spread evenly with some variation between neighbours. */
static void plan_households(struct sample *s, size_t total) {
    size_t others = s->village_count - 1;
    size_t rest = total - EXAMPLE_VILLAGE_HOUSEHOLDS;
    size_t mean = others ? rest / others : 0;
    size_t extra = others ? rest % others : 0;
    size_t swing = mean / 4;
    size_t give = 0;
    size_t place = 0;
    for (size_t i = 0; i < s->village_count; i++) {
        struct plan_village *v = &s->villages[i];
        v->household_first = (uint32_t)s->household_count;
        if (i == s->example_village) {
            v->household_count = EXAMPLE_VILLAGE_HOUSEHOLDS;
        } else {
            /* what one takes, the next one lacks */
            bool taker = place % 2 == 0 && place + 1 < others;
            size_t count = mean + (place < extra);
            give = taker ? chance(s, (uint32_t)swing) : give;
            v->household_count = (uint32_t)(taker       ? count + give
                                            : place % 2 ? count - give
                                                        : count);
            place++;
        }
        for (size_t k = 0; k < v->household_count; k++)
            plan_household(s, i, k);
        s->counts.persons += v->persons;
    }
    s->counts.households = s->household_count;
}

static uint32_t *shuffled(struct sample *s) {
    uint32_t *order = calloc(s->household_count, sizeof *order);
    if (!order)
        return NULL;
    for (size_t i = 0; i < s->household_count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = s->household_count; i > 1; i--) {
        size_t k = chance(s, (uint32_t)i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
    return order;
}

/* One of the three lists whose persons are counted exactly. `wants`: the chance in percent that a
 * household is on it, 0 = never. */
struct picking {
    uint32_t (*wants)(const struct sample *s, const struct plan_household *h);
    void (*mark)(struct sample *s, struct plan_household *h);
};

/* Takes households until their members are exactly `remaining` persons: the first round by chance,
 * the second whatever still fits. Returns how many persons are missing. */
static uint32_t pick(struct sample *s, const uint32_t *order, size_t count, uint32_t remaining,
                     const struct picking *p) {
    for (int round = 0; round < 2 && remaining; round++)
        for (size_t i = 0; i < count && remaining; i++) {
            struct plan_household *h = &s->households[order[i]];
            uint32_t percent = p->wants(s, h);
            if (!percent || h->size > remaining || (round == 0 && chance(s, 100) >= percent))
                continue;
            p->mark(s, h);
            remaining -= h->size;
        }
    return remaining;
}

static uint32_t wants_exit(const struct sample *s, const struct plan_household *h) {
    if (h->status != STATUS_NONE)
        return 0;
    return s->villages[h->village].poor ? 14 : 7;
}

static void mark_exit(struct sample *s, struct plan_household *h) {
    h->status = STATUS_PLANNED;
    s->villages[h->village].exit_persons += h->size;
}

static uint32_t wants_relocation(const struct sample *s, const struct plan_household *h) {
    (void)s;
    bool poor = h->status == STATUS_PLANNED || h->status == STATUS_EXITED;
    return poor && !h->relocated_year ? 15 : 0;
}

static void mark_relocation(struct sample *s, struct plan_household *h) {
    h->relocated_year = (uint16_t)(2016 + chance(s, 3));
    s->villages[h->village].relocated_persons += h->size;
}

static uint32_t wants_water(const struct sample *s, const struct plan_household *h) {
    const struct plan_village *v = &s->villages[h->village];
    bool full = h->village == s->example_village && v->water_persons == EXAMPLE_VILLAGE_WATER;
    return v->water && !h->water && !full ? 100 : 0;
}

static void mark_water(struct sample *s, struct plan_household *h) {
    h->water = true;
    s->villages[h->village].water_persons += h->size;
}

/* The example household is on all three lists. */
static void mark_example(struct sample *s, const struct picking lists[3]) {
    for (size_t i = 0; i < s->household_count; i++)
        if (s->households[i].example)
            for (int k = 0; k < 3; k++) {
                lists[k].mark(s, &s->households[i]);
                s->households[i].relocated_year = 2017;
            }
}

static void plan_other_poor(struct sample *s) {
    for (size_t i = 0; i < s->household_count; i++) {
        struct plan_household *h = &s->households[i];
        uint32_t p = chance(s, 1000);
        if (h->status == STATUS_NONE && p < 150)
            h->status = p < 12 ? STATUS_NOT_EXITED : STATUS_EXITED;
    }
}

/* The households of one village, in the given order; returns how many persons are missing. */
static uint32_t pick_in_village(struct sample *s, const uint32_t *order,
                                const struct plan_village *v, uint32_t persons,
                                const struct picking *p) {
    uint32_t mine[EXAMPLE_VILLAGE_HOUSEHOLDS * 2];
    size_t count = 0;
    for (size_t k = 0; k < s->household_count; k++)
        if (order[k] - v->household_first < v->household_count)
            mine[count++] = order[k];
    return pick(s, mine, count, persons - v->water_persons, p);
}

/* The example's village has its own figure; the others a share of the rest in proportion to their
 * people. Where a village's households do not add up to its share, others make up for it. */
static bool plan_water(struct sample *s, const uint32_t *order, uint32_t total,
                       const struct picking *p) {
    const struct plan_village *example = &s->villages[s->example_village];
    uint32_t people = 0;
    uint32_t left = total - EXAMPLE_VILLAGE_WATER;
    uint32_t missing = 0;
    for (size_t i = 0; i < s->village_count; i++)
        if (s->villages[i].water && &s->villages[i] != example)
            people += s->villages[i].persons;
    if (pick_in_village(s, order, example, EXAMPLE_VILLAGE_WATER, p) != 0)
        return false;
    for (size_t i = 0; i < s->village_count; i++) {
        const struct plan_village *v = &s->villages[i];
        if (!v->water || v == example)
            continue;
        uint32_t share = people ? (uint32_t)((uint64_t)left * v->persons / people) : left;
        left -= share;
        people -= v->persons;
        missing += pick_in_village(s, order, v, share, p);
    }
    return pick(s, order, s->household_count, missing, p) == 0;
}

static bool plan_lists(struct sample *s, const struct shape *shape) {
    static const struct picking lists[3] = {
        {wants_exit, mark_exit}, {wants_relocation, mark_relocation}, {wants_water, mark_water}};
    size_t n = s->household_count;
    uint32_t *order = shuffled(s);
    if (!order)
        return false;
    mark_example(s, lists);
    bool ok = pick(s, order, n, shape->exit_persons - EXAMPLE_SIZE, &lists[0]) == 0;
    plan_other_poor(s);
    ok = ok && pick(s, order, n, shape->relocated_persons - EXAMPLE_SIZE, &lists[1]) == 0;
    ok = ok && plan_water(s, order, shape->water_persons, &lists[2]);
    free(order);
    return ok;
}

static void plan_poor_household(struct sample *s, struct plan_household *h) {
    uint32_t p = chance(s, 100);
    h->type = h->size <= 2 && p < 16 ? TYPE_TEKUN : p < 40 ? TYPE_DIBAO : TYPE_GENERAL;
    h->dibao = h->type == TYPE_DIBAO;
    h->listed_year = (uint16_t)(2014 + (p % 10 == 0) + (p % 25 == 0));
    if (h->status == STATUS_EXITED)
        h->exit_year = (uint16_t)(2016 + chance(s, 3));
    h->disabled |= chance(s, 100) < 12;
    h->care |= chance(s, 100) < 10;
    if (h->example) {
        h->type = TYPE_GENERAL;
        h->dibao = h->disabled = h->care = false;
        h->listed_year = 2014;
    }
    if (h->listed_year == 2014)
        s->villages[h->village].registered += h->size;
}

static void plan_poverty(struct sample *s) {
    for (size_t i = 0; i < s->household_count; i++) {
        struct plan_household *h = &s->households[i];
        if (plan_is_poor(h))
            plan_poor_household(s, h);
        else
            h->dibao = chance(s, 100) < 1;
    }
}

static void count_lists(struct sample *s) {
    struct sample_counts *c = &s->counts;
    for (size_t i = 0; i < s->village_count; i++) {
        const struct plan_village *v = &s->villages[i];
        c->exit_persons += v->exit_persons;
        c->relocated_persons += v->relocated_persons;
        c->water_persons += v->water_persons;
        c->exit_villages += v->poor;
        c->water_villages += v->water;
        c->records += 1u + v->poor + v->water + (v->exit_persons > 0) + (v->relocated_persons > 0) +
                      (v->water_persons > 0);
    }
}

static void count_records(struct sample *s) {
    struct sample_counts *c = &s->counts;
    size_t divisions = 1 + s->town_count + s->village_count;
    c->townships = s->town_count;
    c->villages = s->village_count;
    c->units = PLAN_COUNTY_UNITS + s->helper_units + s->town_count + s->village_count;
    c->assignments += s->town_count + 3 * s->village_count;
    count_lists(s);
    c->records += divisions + c->units + c->cadres + c->assignments + c->households + c->persons;
}

static bool plan(struct sample *s, const struct shape *shape) {
    plan_places(s);
    mark_villages(s, shape->poor_villages, shape->water_villages);
    mark_deep_poor(s, shape->deep_poor_villages);
    s->households = calloc(shape->households, sizeof *s->households);
    if (!s->households)
        return false;
    plan_households(s, shape->households);
    if (!plan_lists(s, shape))
        return false;
    plan_poverty(s);
    s->helper_units = shape->helper_units;
    s->cadre_max = shape->cadres;
    if (!plan_cadres(s))
        return false;
    plan_helpers(s);
    count_records(s);
    return true;
}

struct sample *sample_create(const char *county, const char *name, bool small, struct err *e) {
    struct sample *s = calloc(1, sizeof *s);
    if (s) {
        snprintf(s->county, sizeof s->county, "%s", county);
        s->name = name ? name : "示例县";
        s->small = small;
        s->rng = rng_seeded_make(&s->seeded, SAMPLE_SEED);
        if (plan(s, small ? &small_shape : &full_shape))
            return s;
    }
    sample_destroy(s);
    err_set(e, ERR_BUG, "the sample county could not be planned");
    return NULL;
}

void sample_destroy(struct sample *s) {
    if (!s)
        return;
    free(s->households);
    free(s->cadres);
    free(s->helpers);
    free(s);
}

const struct sample_counts *sample_counts(const struct sample *s) {
    return &s->counts;
}
