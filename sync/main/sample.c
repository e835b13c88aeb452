#include "sample.h"

#include "buf.h"
#include "clock.h"
#include "sample_plan.h"

#include <stdio.h>
#include <string.h>

#define RECORD_DATA_MAX (1u << 20)

struct emit {
    const struct sample *s;
    const struct sample_sink *sink;
    struct buf data;
    size_t records;
    bool ok;
};

/* ---- JSON. Members are put one after the other; the braces are the caller's. */

static void key(struct buf *b, const char *name) {
    if (b->data[b->size - 1] != '{')
        buf_add_char(b, ',');
    buf_add_fmt(b, "\"%s\":", name);
}

static void put_text(struct buf *b, const char *name, const char *value) {
    if (!value || !*value)
        return;
    key(b, name);
    buf_add_json_str(b, value, strlen(value));
}

static void put_int(struct buf *b, const char *name, long long value) {
    key(b, name);
    buf_add_fmt(b, "%lld", value);
}

static void put_number(struct buf *b, const char *name, double value, int digits) {
    key(b, name);
    buf_add_fmt(b, "%.*f", digits, value);
}

static void put_bool(struct buf *b, const char *name, bool value) {
    key(b, name);
    buf_add_str(b, value ? "true" : "false");
}

static void put_true(struct buf *b, const char *name, bool value) {
    if (value)
        put_bool(b, name, true);
}

static struct buf *begin(struct emit *e) {
    buf_clear(&e->data);
    buf_add_char(&e->data, '{');
    return &e->data;
}

static void end(struct emit *e, const char *form, const char *subject) {
    buf_add_char(&e->data, '}');
    int64_t stamp = SAMPLE_START_MS + (int64_t)(e->records / 100);
    e->records++;
    e->ok = e->ok && !e->data.failed &&
            e->sink->add(e->sink->ctx, form, subject, stamp, e->data.data, e->data.size);
}

/* ---- divisions and units */

static void emit_division(struct emit *e, const char *code, const char *name, const char *level,
                          const char *parent) {
    struct buf *b = begin(e);
    put_text(b, "name", name);
    put_text(b, "level", level);
    put_text(b, "parent", parent);
    end(e, "register.division", code);
}

static void emit_unit(struct emit *e, const char *id, const char *name, const char *level,
                      const char *kind) {
    struct buf *b = begin(e);
    put_text(b, "name", name);
    put_text(b, "level", level);
    put_text(b, "kind", kind);
    end(e, "register.unit", id);
}

static void emit_towns(struct emit *e) {
    char county[13];
    snprintf(county, sizeof county, "%s000000", e->s->county);
    emit_division(e, county, e->s->name, "county", NULL);
    for (size_t i = 0; i < e->s->town_count; i++) {
        const struct plan_town *t = &e->s->towns[i];
        char code[13];
        char unit[UNIT_ID_SIZE];
        snprintf(code, sizeof code, "%s%s000", e->s->county, t->code);
        snprintf(unit, sizeof unit, "U-T%s", t->code);
        emit_division(e, code, t->name, "township", county);
        emit_unit(e, unit, t->name, "township", "乡镇政府");
    }
}

static void emit_units(struct emit *e) {
    static const char *const county[PLAN_COUNTY_UNITS][3] = {
        {"U-CO", "县指挥部", "指挥部"},     {"U-JW", "县纪检监察部门", "纪检监察"},
        {"U-AF", "县暗访专班", "专班"},     {"U-ZJ", "县住建部门", "行业部门"},
        {"U-SL", "县水利部门", "行业部门"}, {"U-JY", "县教育部门", "行业部门"},
        {"U-WJ", "县卫健部门", "行业部门"},
    };
    for (size_t i = 0; i < PLAN_COUNTY_UNITS; i++)
        emit_unit(e, county[i][0], county[i][1], "county", county[i][2]);
    for (size_t i = 1; i <= e->s->helper_units; i++) {
        char id[UNIT_ID_SIZE];
        char name[64];
        snprintf(id, sizeof id, "U-H%03zu", i);
        snprintf(name, sizeof name, "示例帮扶单位%02zu", i);
        emit_unit(e, id, name, i <= 3 ? "province" : i <= 12 ? "city" : "county", "帮扶单位");
    }
}

static void village_name(const struct emit *e, const struct plan_village *v, char out[64]) {
    bool example = v == &e->s->villages[e->s->example_village];
    if (example)
        snprintf(out, 64, "示例村");
    else
        snprintf(out, 64, "示例%s%s", v->code + 9, v->community ? "社区" : "村");
}

/* What a village has today: some of it still missing somewhere, so that the ledgers show it. */
static void put_services(struct buf *b, const struct plan_village *v, int i) {
    put_int(b, "groups_road", v->groups - (i % 5 == 0));
    put_int(b, "hh_power", v->household_count);
    put_int(b, "hh_broadband", (long long)v->household_count * (70 + i % 30) / 100);
    put_bool(b, "bus", i % 4 != 0);
    put_bool(b, "clinic", i % 25 != 24);
    put_int(b, "doctors", i % 25 != 24 ? 1 + (i % 3) : 0);
    put_bool(b, "school", i % 3 == 0);
    put_bool(b, "kindergarten", i % 6 == 0);
    put_bool(b, "elder_home", i % 8 == 0);
    put_int(b, "culture_m2", 60 + 10 * (i % 12));
    put_bool(b, "job_station", i % 2 == 0);
    put_int(b, "workshops", (i % 4));
    put_int(b, "collective_income_yuan", 32000 + 1500 * (i % 40));
    static const char *const industries[] = {"茶叶", "油茶", "蚕桑", "光伏", "养殖", "毛竹"};
    key(b, "industry");
    buf_add_fmt(b, "[\"%s\",\"%s\"]", industries[i % 6], industries[(i + 1 + i % 5) % 6]);
    key(b, "funds_by_year");
    buf_add_fmt(b, "{\"2016\":%d,\"2017\":%d,\"2018\":%d}", 300000 + 1000 * i, 350000 + 900 * i,
                420000 + 1100 * i);
}

static void emit_village(struct emit *e, size_t i) {
    const struct plan_village *v = &e->s->villages[i];
    char name[64];
    char town[13];
    char unit[UNIT_ID_SIZE];
    village_name(e, v, name);
    snprintf(town, sizeof town, "%.9s000", v->code);
    snprintf(unit, sizeof unit, "U-V%.6s", v->code + 6);
    struct buf *b = begin(e);
    put_text(b, "name", name);
    put_text(b, "level", "village");
    put_text(b, "parent", town);
    put_number(b, "lat", v->lat, 3);
    put_number(b, "lng", v->lng, 3);
    put_bool(b, "village_list", true);
    put_bool(b, "poor_village", v->poor);
    put_bool(b, "deep_poor", v->deep_poor);
    put_bool(b, "exit_2019", v->poor);
    put_bool(b, "water_target", v->water);
    put_int(b, "water_baseline", v->water_persons);
    put_int(b, "groups", v->groups);
    put_int(b, "ponds_total", i == e->s->example_village ? 6 : 3 + (long long)(i % 9));
    put_int(b, "households", v->household_count);
    put_int(b, "rural_pop", v->persons);
    put_int(b, "registered_2014", v->registered);
    put_services(b, v, (int)i);
    end(e, "register.division", v->code);
    emit_unit(e, unit, name, "village", "村两委");
}

/* ---- cadres and assignments */

static void cadre_id(unsigned number, char out[16]) {
    snprintf(out, 16, "C-%05u", number);
}

static void emit_cadre(struct emit *e, const struct plan_cadre *c) {
    static const char *const stems[] = {"甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"};
    char id[16];
    char name[64];
    cadre_id(c->number, id);
    snprintf(name, sizeof name, "测试%s%s", stems[c->number % 10], stems[c->number / 10 % 10]);
    struct buf *b = begin(e);
    put_text(b, "name", name);
    put_text(b, "unit", c->unit);
    put_text(b, "role", c->role);
    put_text(b, "sector", c->sector);
    if (*c->scope) {
        key(b, "scope");
        buf_add_fmt(b, "[\"%s\"]", c->scope);
    }
    put_bool(b, "active", true);
    end(e, "register.cadre", id);
}

/* Of a cadre (number not 0) or a unit. */
static void emit_assignment(struct emit *e, const char *subject, const char *kind, unsigned cadre,
                            const char *unit, const char *from) {
    struct buf *b = begin(e);
    put_text(b, "kind", kind);
    if (cadre) {
        char id[16];
        cadre_id(cadre, id);
        put_text(b, "cadre", id);
    }
    put_text(b, "unit", unit);
    put_text(b, "from", from);
    end(e, "assign.set", subject);
}

static void emit_place_assignments(struct emit *e) {
    const struct sample *s = e->s;
    for (size_t i = 0; i < s->town_count; i++) {
        char code[13];
        snprintf(code, sizeof code, "%s%s000", s->county, s->towns[i].code);
        emit_assignment(e, code, "leader_town", s->leaders[i], NULL, "2018-03-01");
    }
    for (size_t i = 0; i < s->village_count; i++) {
        const struct plan_village *v = &s->villages[i];
        char unit[UNIT_ID_SIZE];
        snprintf(unit, sizeof unit, "U-H%03u", v->helper_unit);
        emit_assignment(e, v->code, "unit_village", 0, unit, "2017-01-01");
        emit_assignment(e, v->code, "post", v->resident, NULL, "2018-05-01");
        emit_assignment(e, v->code, "secretary", v->secretary, NULL, "2018-01-01");
    }
}

/* ---- households and persons */

static void household_id(const struct sample *s, const struct plan_household *h, char out[32]) {
    snprintf(out, 32, "%s-%02u-%04u", s->villages[h->village].code, h->group, h->number);
}

static bool has_disabled(const struct plan_household *h, const struct member *m) {
    for (int i = 0; i < h->size; i++)
        if (strcmp(m[i].health, "disabled") == 0)
            return true;
    return false;
}

static void put_focus(struct buf *b, const struct plan_household *h, const struct member *m) {
    bool poor = plan_is_poor(h);
    if (!poor && !h->dibao)
        return;
    key(b, "focus");
    const char *comma = "";
    buf_add_char(b, '[');
    if (poor) {
        buf_add_str(b, "\"registered_poor\"");
        comma = ",";
    }
    if (h->dibao)
        buf_add_fmt(b, "%s\"dibao\"", comma);
    if (h->type == TYPE_TEKUN)
        buf_add_fmt(b, "%s\"tekun_scattered\"", comma);
    if (poor && has_disabled(h, m))
        buf_add_fmt(b, "%s\"disabled_poor\"", comma);
    buf_add_char(b, ']');
}

static void put_poverty(struct buf *b, const struct plan_household *h, size_t index) {
    static const char *const types[] = {"ordinary", "general_poor", "dibao_poor", "tekun_poor"};
    static const char *const states[] = {"none", "not_exited", "planned_exit", "exited"};
    static const char *const causes[] = {"illness",  "disability", "no_labour", "no_skill",
                                         "no_funds", "schooling",  "illness",   "bad_transport"};
    put_text(b, "hh_type", types[h->type]);
    put_text(b, "poverty_status", states[h->status]);
    if (h->status == STATUS_NONE)
        return;
    put_int(b, "listed_year", h->listed_year);
    if (h->exit_year)
        put_int(b, "exit_year", h->exit_year);
    if (h->status == STATUS_PLANNED)
        put_int(b, "plan_exit_year", 2019);
    put_text(b, "main_cause", h->example ? "illness" : causes[index % 8]);
}

static const char *group_text(unsigned group, char out[32]) {
    static const char *const digits[] = {"", "一", "二", "三", "四", "五", "六", "七", "八", "九"};
    snprintf(out, 32, "%s%s%s组", group >= 20 ? digits[group / 10] : "", group >= 10 ? "十" : "",
             digits[group % 10]);
    return out;
}

static void emit_household(struct emit *e, size_t index, const struct member *m) {
    const struct plan_household *h = &e->s->households[index];
    char id[32];
    char group[32];
    char addr[96];
    char head[40];
    household_id(e->s, h, id);
    snprintf(addr, sizeof addr, "%s示例屋%u号", group_text(h->group, group), h->number);
    snprintf(head, sizeof head, "%s-01", id);
    struct buf *b = begin(e);
    buf_add_str(b, "\"set\":{");
    put_int(b, "group", h->group);
    put_text(b, "addr", addr);
    put_text(b, "head", head);
    put_poverty(b, h, index);
    put_focus(b, h, m);
    put_number(b, "farmland_mu", h->example ? 4 : (double)(5 + index % 61) / 10, 1);
    put_bool(b, "sole_home", h->example || index % 50 != 7 || plan_is_poor(h));
    if (h->relocated_year)
        put_int(b, "relocated_year", h->relocated_year);
    put_true(b, "water_target", h->water);
    buf_add_char(b, '}');
    put_text(b, "reason", "建档导入");
    end(e, "hh.facts", id);
}

/* Of the poor and the disabled the county knows more than of the others. */
static void put_condition(struct buf *b, const struct plan_household *h, const struct member *m) {
    bool disabled = strcmp(m->health, "disabled") == 0;
    if (plan_is_poor(h) || h->care || disabled) {
        put_text(b, "health", m->health);
        put_text(b, "labour", m->labour);
        put_text(b, "edu_level", m->edu_level);
        put_text(b, "work_place", m->work_place);
    }
    put_true(b, "disabled_cert", disabled);
    put_true(b, "dibao", h->dibao);
    put_true(b, "relocated", h->relocated_year != 0);
    if (m->care) {
        key(b, "care");
        buf_add_fmt(b, "[\"%s\"]", m->care);
    }
}

static void emit_person(struct emit *e, const struct plan_household *h, int i,
                        const struct member *m) {
    char household[32];
    char id[64];
    char name[64];
    char birth[11];
    household_id(e->s, h, household);
    snprintf(id, sizeof id, "%s-%02d", household, i + 1);
    snprintf(name, sizeof name, "示例%s%s", m->name_stem, m->name_number);
    date_format(m->birth, birth);
    struct buf *b = begin(e);
    put_text(b, "op", "add");
    buf_add_str(b, ",\"set\":{");
    put_text(b, "name", name);
    put_text(b, "sex", m->sex);
    put_text(b, "birth", birth);
    put_text(b, "relation", m->relation);
    put_text(b, "student", m->student);
    put_bool(b, "insured", m->insured);
    put_condition(b, h, m);
    buf_add_char(b, '}');
    end(e, "person.facts", id);
}

static void emit_family(struct emit *e, size_t index) {
    const struct plan_household *h = &e->s->households[index];
    struct member members[MEMBERS_MAX];
    plan_members(h, index, members);
    emit_household(e, index, members);
    for (int i = 0; i < h->size; i++)
        emit_person(e, h, i, &members[i]);
    if (h->helper) {
        char id[32];
        household_id(e->s, h, id);
        emit_assignment(e, id, "cadre_household", h->helper, NULL, "2019-01-01");
    }
}

/* ---- target lists */

static bool in_exit(const struct plan_household *h) {
    return h->status == STATUS_PLANNED;
}

static bool in_relocation(const struct plan_household *h) {
    return h->relocated_year != 0;
}

static bool in_water(const struct plan_household *h) {
    return h->water;
}

/* A list of the persons of some households. */
static void emit_person_list(struct emit *e, const struct plan_village *v, const char *list,
                             bool (*in)(const struct plan_household *h)) {
    struct buf *b = begin(e);
    put_text(b, "list", list);
    key(b, "ids");
    char comma = '[';
    for (size_t k = 0; k < v->household_count; k++) {
        const struct plan_household *h = &e->s->households[v->household_first + k];
        char id[32];
        household_id(e->s, h, id);
        for (int i = 1; in(h) && i <= h->size; i++) {
            buf_add_fmt(b, "%c\"%s-%02d\"", comma, id, i);
            comma = ',';
        }
    }
    buf_add_char(b, ']');
    end(e, "register.target", v->code);
}

static void emit_village_list(struct emit *e, const struct plan_village *v, const char *list) {
    struct buf *b = begin(e);
    put_text(b, "list", list);
    key(b, "ids");
    buf_add_fmt(b, "[\"%s\"]", v->code);
    end(e, "register.target", v->code);
}

static void emit_lists(struct emit *e, const struct plan_village *v) {
    emit_village_list(e, v, "villages");
    if (v->poor)
        emit_village_list(e, v, "exit_villages");
    if (v->water)
        emit_village_list(e, v, "water_villages");
    if (v->exit_persons)
        emit_person_list(e, v, "exit_persons", in_exit);
    if (v->relocated_persons)
        emit_person_list(e, v, "relocated_persons", in_relocation);
    if (v->water_persons)
        emit_person_list(e, v, "water_persons", in_water);
}

static void emit_all(struct emit *e) {
    const struct sample *s = e->s;
    emit_towns(e);
    emit_units(e);
    for (size_t i = 0; i < s->village_count; i++)
        emit_village(e, i);
    for (size_t i = 0; i < s->cadre_count; i++)
        emit_cadre(e, &s->cadres[i]);
    emit_place_assignments(e);
    for (size_t i = 0; i < s->village_count && e->ok; i++) {
        const struct plan_village *v = &s->villages[i];
        for (size_t k = 0; k < v->household_count && e->ok; k++)
            emit_family(e, v->household_first + k);
        emit_lists(e, v);
    }
}

bool sample_emit(const struct sample *s, const struct sample_sink *sink) {
    struct emit e = {.s = s, .sink = sink, .ok = true};
    buf_init(&e.data, RECORD_DATA_MAX);
    emit_all(&e);
    bool ok = e.ok && !e.data.failed;
    buf_fini(&e.data);
    return ok;
}
