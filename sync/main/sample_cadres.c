#include "sample_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that the protocol's examples use. */
static const uint16_t reserved[] = {1, 5, 30, 412, 420, 450, 460, 700, 800, 901, 902};

#define HELPER_NUMBER 412
#define OFFICIAL_NUMBER 420
#define RESIDENT_NUMBER 450
#define LIAISON_NUMBER 460
#define TOWN_OFFICE_NUMBER 30

static bool is_reserved(uint16_t number) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (reserved[i] == number)
            return true;
    return false;
}

static uint16_t next_number(struct sample *s) {
    do
        s->cadre_number++;
    while (is_reserved(s->cadre_number));
    return s->cadre_number;
}

/* The number 0 asks for the next free one. */
static struct plan_cadre *add(struct sample *s, uint16_t number, const char *role,
                              const char *scope, const char *unit) {
    struct plan_cadre *c = &s->cadres[s->cadre_count];
    c->number = number ? number : next_number(s);
    c->role = role;
    snprintf(c->scope, sizeof c->scope, "%s", scope);
    snprintf(c->unit, sizeof c->unit, "%s", unit);
    s->cadre_count++;
    return c;
}

static void add_sectors(struct sample *s, const char *scope) {
    static const struct {
        uint16_t number;
        const char *sector, *unit;
    } sectors[] = {{901, "housing", "U-ZJ"},
                   {902, "water", "U-SL"},
                   {0, "education", "U-JY"},
                   {0, "health", "U-WJ"}};
    size_t count = s->small ? 2 : 20;
    for (size_t i = 0; i < count; i++) {
        size_t k = i % 4;
        uint16_t number = i < 4 ? sectors[k].number : 0;
        add(s, number, "SI", scope, sectors[k].unit)->sector = sectors[k].sector;
    }
}

static void add_county(struct sample *s) {
    char scope[13];
    snprintf(scope, sizeof scope, "%s000000", s->county);
    for (int i = 0; i < (s->small ? 1 : 4); i++)
        add(s, i == 0 ? 1 : 0, "CO", scope, "U-CO");
    add(s, 5, "SE", scope, "U-CO");
    for (int i = 0; i < (s->small ? 1 : 10); i++)
        add(s, i == 0 ? 700 : 0, "CT", scope, "U-AF");
    for (int i = 0; i < (s->small ? 1 : 6); i++)
        add(s, i == 0 ? 800 : 0, "DI", scope, "U-JW");
    add_sectors(s, scope);
    for (size_t i = 0; i < s->town_count; i++)
        s->leaders[i] = add(s, 0, "CO", scope, "U-CO")->number;
}

static void add_town(struct sample *s, const struct plan_town *t) {
    char scope[13];
    char unit[UNIT_ID_SIZE];
    snprintf(scope, sizeof scope, "%s%s000", s->county, t->code);
    snprintf(unit, sizeof unit, "U-T%s", t->code);
    bool example = strcmp(t->code, "104") == 0;
    add(s, example ? TOWN_OFFICE_NUMBER : 0, "TW", scope, unit);
    if (!s->small)
        add(s, 0, "TW", scope, unit);
    add(s, 0, "SE", scope, unit);
}

static void add_village(struct sample *s, size_t i) {
    struct plan_village *v = &s->villages[i];
    bool example = i == s->example_village;
    char own[UNIT_ID_SIZE];
    char helper[UNIT_ID_SIZE];
    v->helper_unit = (uint16_t)(i % s->helper_units + 1);
    snprintf(own, sizeof own, "U-V%.6s", v->code + 6);
    snprintf(helper, sizeof helper, "U-H%03u", v->helper_unit);
    v->official = add(s, example ? OFFICIAL_NUMBER : 0, "VO", v->code, own)->number;
    v->secretary = add(s, 0, "SE", v->code, own)->number;
    v->resident = add(s, example ? RESIDENT_NUMBER : 0, "VT", v->code, helper)->number;
}

static void add_liaisons(struct sample *s) {
    for (size_t i = 1; i <= s->helper_units; i++) {
        char unit[UNIT_ID_SIZE];
        snprintf(unit, sizeof unit, "U-H%03zu", i);
        bool example = i == s->villages[s->example_village].helper_unit;
        add(s, example ? LIAISON_NUMBER : 0, "UN", "", unit);
    }
}

/* Everyone who is left helps households, in one village each. */
static void add_helpers(struct sample *s) {
    size_t left = s->cadre_max - s->cadre_count;
    for (size_t k = 0; k < s->village_count; k++) {
        size_t i = (s->example_village + k) % s->village_count;
        struct plan_village *v = &s->villages[i];
        v->helper_first = (uint16_t)s->helper_count;
        v->helper_count = (uint16_t)(left / s->village_count + (k < left % s->village_count));
        char unit[UNIT_ID_SIZE];
        snprintf(unit, sizeof unit, "U-H%03u", v->helper_unit);
        for (size_t n = 0; n < v->helper_count; n++) {
            uint16_t number = s->helper_count == 0 ? HELPER_NUMBER : 0;
            s->helpers[s->helper_count++] = add(s, number, "HL", "", unit)->number;
        }
    }
}

bool plan_cadres(struct sample *s) {
    s->cadres = calloc(s->cadre_max, sizeof *s->cadres);
    s->helpers = calloc(s->cadre_max, sizeof *s->helpers);
    if (!s->cadres || !s->helpers)
        return false;
    add_county(s);
    for (size_t i = 0; i < s->town_count; i++)
        add_town(s, &s->towns[i]);
    for (size_t i = 0; i < s->village_count; i++)
        add_village(s, i);
    add_liaisons(s);
    add_helpers(s);
    s->counts.cadres = s->cadre_count;
    return true;
}

/* Every poor or care household has a helper but a few poor ones, which are work for the
 * townships. */
void plan_helpers(struct sample *s) {
    size_t skip_every = s->small ? 40 : 400;
    size_t poor = 0;
    for (size_t i = 0; i < s->household_count; i++) {
        struct plan_household *h = &s->households[i];
        const struct plan_village *v = &s->villages[h->village];
        bool is_poor = plan_is_poor(h);
        poor += is_poor;
        if (h->example)
            h->helper = HELPER_NUMBER;
        else if ((is_poor && poor % skip_every != 0) || (!is_poor && h->care))
            h->helper = s->helpers[v->helper_first + i % v->helper_count];
        s->counts.assignments += h->helper != 0;
    }
}
