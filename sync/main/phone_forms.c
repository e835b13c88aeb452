#include "phone_forms.h"

#include "clock.h"
#include "hash.h"

#define PICK(p, list) ((list)[rng_below((p)->rng, sizeof(list) / sizeof *(list))])

static bool chance(const struct pen *p, unsigned percent) {
    return rng_below(p->rng, 100) < percent;
}

static unsigned between(const struct pen *p, unsigned low, unsigned high) {
    return low + rng_below(p->rng, high - low + 1);
}

static const char *truth(const struct pen *p, unsigned percent) {
    return chance(p, percent) ? "true" : "false";
}

static void add_photos(const struct pen *p, unsigned count, struct buf *out) {
    buf_add_str(out, ",\"photos\":[");
    for (unsigned i = 0; i < count; i++) {
        unsigned char random[SHA256_SIZE];
        char hex[SHA256_HEX_SIZE];
        rng_fill(p->rng, random, sizeof random);
        hex_encode(random, sizeof random, hex);
        buf_add_fmt(out, "%s\"sha256:%s\"", i ? "," : "", hex);
    }
    buf_add_char(out, ']');
}

static void add_day(const struct pen *p, const char *key, unsigned days_ago, struct buf *out) {
    char day[11];
    date_format(p->day - (int32_t)days_ago, day);
    buf_add_fmt(out, ",\"%s\":\"%s\"", key, day);
}

void pen_gps(const struct pen *p, struct buf *out) {
    buf_add_fmt(out, ",\"gps\":{\"lat\":30.%04u,\"lng\":116.%04u,\"acc_m\":%u}",
                between(p, 3500, 4900), between(p, 1500, 3900), between(p, 3, 40));
}

void pen_visit(const struct pen *p, struct buf *out) {
    static const char *const purposes[] = {"policy", "verify", "plan", "env", "mediate", "care"};
    static const char *const issues[] = {"枯水期停水", "院内柴草堆放", "慢病药未及时领取"};
    static const char *const measures[] = {"茶叶抚育", "代办医保报销", "介绍保洁岗位"};
    char day[11];
    unsigned hour = between(p, 8, 17);
    bool in_person = chance(p, 85);
    date_format(p->day - (int32_t)between(p, 0, 3), day);
    buf_add_fmt(out, "{\"mode\":\"%s\",\"purpose\":[\"%s\"]", in_person ? "in_person" : "phone",
                PICK(p, purposes));
    buf_add_fmt(out, ",\"start\":\"%sT%02u:%02u:00+08:00\",\"end\":\"%sT%02u:%02u:00+08:00\"", day,
                hour, between(p, 0, 29), day, hour, between(p, 40, 59));
    buf_add_fmt(out, ",\"met\":\"%s\",\"food_ok\":%s,\"clothing_ok\":%s,\"sudden_event\":false",
                chance(p, 70) ? "head" : "member", truth(p, 99), truth(p, 99));
    if (chance(p, 30))
        buf_add_fmt(out, ",\"issues\":[{\"cat\":\"water\",\"text\":\"%s\",\"urgent\":%s}]",
                    PICK(p, issues), truth(p, 5));
    if (chance(p, 30))
        buf_add_fmt(out, ",\"measures\":[{\"type\":\"industry\",\"text\":\"%s\",\"yuan\":%u}]",
                    PICK(p, measures), between(p, 0, 30) * 100);
    buf_add_fmt(out, ",\"handbook_updated\":%s", truth(p, 80));
    if (in_person) {
        buf_add_fmt(out, ",\"signed\":%s", truth(p, 90));
        add_photos(p, 1, out);
    }
    buf_add_char(out, '}');
}

void pen_household_facts(const struct pen *p, struct buf *out,
                         const char *ret_facts[PEN_FACTS_MAX + 1]) {
    static const char *const causes[] = {"illness", "schooling", "no_skill", "no_labour"};
    static const char *const reasons[] = {"入户核实", "本人申报", "比对更正"};
    size_t n = 0;
    ret_facts[n++] = "farmland_mu";
    buf_add_fmt(out, "{\"set\":{\"farmland_mu\":%u.%u", between(p, 0, 12), between(p, 1, 9));
    if (chance(p, 40)) {
        ret_facts[n++] = "addr";
        buf_add_fmt(out, ",\"addr\":\"第%u组示例屋\"", between(p, 1, 20));
    }
    if (chance(p, 30)) {
        ret_facts[n++] = "main_cause";
        buf_add_fmt(out, ",\"main_cause\":\"%s\"", PICK(p, causes));
    }
    ret_facts[n] = NULL;
    buf_add_fmt(out, "},\"reason\":\"%s\"}", PICK(p, reasons));
}

void pen_new_household(const struct pen *p, struct buf *out) {
    buf_add_fmt(out,
                "{\"set\":{\"group\":%u,\"addr\":\"新址示例屋\",\"farmland_mu\":%u},"
                "\"reason\":\"分户\"}",
                between(p, 1, 12), between(p, 0, 9));
}

void pen_person_edit(const struct pen *p, struct buf *out,
                     const char *ret_facts[PEN_FACTS_MAX + 1]) {
    static const char *const places[] = {"none", "town", "county", "province", "outside"};
    ret_facts[0] = "work_place";
    ret_facts[1] = "work_months";
    ret_facts[2] = NULL;
    buf_add_fmt(out, "{\"op\":\"edit\",\"set\":{\"work_place\":\"%s\",\"work_months\":%u}}",
                PICK(p, places), between(p, 0, 12));
}

void pen_person_add(const struct pen *p, struct buf *out) {
    buf_add_fmt(out, "{\"op\":\"add\",\"set\":{\"name\":\"示例%u\",\"sex\":\"%s\"",
                between(p, 1, 999), chance(p, 50) ? "male" : "female");
    add_day(p, "birth", between(p, 1, 1000), out);
    buf_add_str(out, ",\"relation\":\"grandchild\",\"status\":\"current\"}}");
}

void pen_person_leave(const struct pen *p, struct buf *out) {
    static const char *const reasons[] = {"married_out", "moved", "split"};
    buf_add_fmt(out, "{\"op\":\"leave\",\"leave_reason\":\"%s\"", PICK(p, reasons));
    add_day(p, "leave_date", between(p, 0, 5), out);
    buf_add_char(out, '}');
}

void pen_housing_screen(const struct pen *p, struct buf *out) {
    buf_add_fmt(out,
                "{\"bld\":1,\"kind\":\"screen\",\"use\":\"resident\",\"sole_home\":true,"
                "\"structure\":\"砖木\",\"built_year\":%u,\"area_m2\":%u,\"suspected\":%s",
                between(p, 1965, 2015), between(p, 40, 180), truth(p, 3));
    add_photos(p, 2, out);
    buf_add_char(out, '}');
}

void pen_housing_appraisal(const struct pen *p, struct buf *out) {
    static const struct {
        const char *grade, *wall, *rest;
    } kinds[] = {{"A", "a", ",\"basis\":\"appraised\",\"action\":\"none\""},
                 {"B", "b", ",\"basis\":\"appraised\",\"action\":\"none\""},
                 {"C", "c", ",\"action\":\"repair\""},
                 {"D", "d", ",\"action\":\"rebuild\""}};
    unsigned k = chance(p, 90) ? between(p, 0, 1) : between(p, 2, 3);
    buf_add_fmt(
        out,
        "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,"
        "\"structure\":\"土木\",\"built_year\":%u,\"area_m2\":%u,\"parts\":{"
        "\"foundation\":\"a\",\"wall\":\"%s\",\"frame\":\"a\",\"roof\":\"a\",\"site\":\"a\"}"
        ",\"grade\":\"%s\",\"cert_no\":\"ZJ-%04u\"%s",
        between(p, 1965, 2015), between(p, 40, 180), kinds[k].wall, kinds[k].grade,
        between(p, 1, 9999), kinds[k].rest);
    add_photos(p, 2, out);
    buf_add_char(out, '}');
}

void pen_house_work(const struct pen *p, struct buf *out) {
    static const char *const stages[] = {"listed", "signed", "started", "main_done", "accepted"};
    const char *stage = p->role[0] == 'T' && chance(p, 50) ? "closed" : PICK(p, stages);
    buf_add_fmt(out, "{\"bld\":1,\"stage\":\"%s\"", stage);
    add_day(p, "date", between(p, 0, 10), out);
    if (stage[0] == 'a')
        buf_add_fmt(
            out, ",\"area_m2\":60,\"cost_yuan\":50000,\"fund\":{\"special\":30000,\"agri\":15000,"
                 "\"self\":5000},\"debt_yuan\":0,\"acceptors\":3,\"post_grade\":\"A\"");
    add_photos(p, 1, out);
    buf_add_char(out, '}');
}

void pen_water(const struct pen *p, struct buf *out) {
    bool tap = chance(p, 60);
    bool at_home = tap || chance(p, 50);
    buf_add_fmt(out, "{\"persons\":%u,\"supply\":\"%s\",\"source\":\"%s\",\"at_home\":%s",
                between(p, 1, 6), tap ? "central" : "scattered", tap ? "tap" : "spring",
                at_home ? "true" : "false");
    buf_add_fmt(out, ",\"litres_ppd\":%u", between(p, 30, 90));
    if (tap)
        buf_add_fmt(out, ",\"qual\":\"gb\",\"lab_no\":\"SZ-%04u\"", between(p, 1, 9999));
    else
        buf_add_fmt(out, ",\"qual\":\"%s\"", chance(p, 95) ? "field_ok" : "bad");
    if (!at_home)
        buf_add_fmt(out, ",\"haul_min\":%u,\"haul_m\":%u,\"climb_m\":%u", between(p, 1, 25),
                    between(p, 20, 900), between(p, 0, 60));
    buf_add_fmt(out, ",\"outage_days\":%u,\"knows_policy\":%s,\"satisfied\":%u", between(p, 0, 40),
                truth(p, 80), between(p, 1, 5));
    if (chance(p, 30))
        add_photos(p, 1, out);
    buf_add_char(out, '}');
}

void pen_finding(const struct pen *p, const char *duty_unit, bool covert, struct buf *out) {
    static const char *const categories[] = {"housing", "water", "env", "data", "policy"};
    static const char *const severities[] = {"high", "mid", "low"};
    buf_add_fmt(out,
                "{\"source\":\"%s\",\"cat\":\"%s\",\"severity\":\"%s\",\"text\":\"示例问题%u\","
                "\"duty_unit\":\"%s\"",
                covert ? "covert" : "self", PICK(p, categories), PICK(p, severities),
                between(p, 1, 999), duty_unit);
    if (covert)
        buf_add_fmt(out,
                    ",\"conduct\":{\"unannounced\":true,\"unaccompanied\":%s,\"own_travel\":true,"
                    "\"own_lodging\":true,\"own_meals\":true,\"own_check\":true}",
                    truth(p, 90));
    if (covert)
        add_photos(p, 1, out);
    buf_add_char(out, '}');
}

void pen_rectification(const struct pen *p, struct buf *out) {
    if (chance(p, 20)) {
        buf_add_str(out, "{\"result\":\"partial\",\"action\":\"已部分整改\"}");
        return;
    }
    buf_add_str(out, "{\"result\":\"done\",\"action\":\"已整改到位\"");
    add_day(p, "done", 0, out);
    add_photos(p, 1, out);
    buf_add_char(out, '}');
}

void pen_lookback(const struct pen *p, struct buf *out) {
    bool check = p->role[0] != 'C' || p->role[1] != 'T';
    buf_add_fmt(out, "{\"stage\":\"%s\",\"verdict\":\"%s\",\"text\":\"现场查看\"",
                check ? "check" : "lookback",
                chance(p, 80) ? "pass"
                : check       ? "fail"
                              : "relapse");
    add_photos(p, 1, out);
    buf_add_char(out, '}');
}

void pen_task(const struct pen *p, const char *reply, struct buf *out) {
    if (reply && chance(p, 50))
        buf_add_fmt(out, "{\"state\":\"reported\",\"reply\":\"%s\"}", reply);
    else
        buf_add_str(out, "{\"state\":\"accepted\"}");
}

void pen_review(const struct pen *p, struct buf *out) {
    buf_add_fmt(out, "{\"accept\":%s,\"note\":\"已核对\"}", truth(p, 70));
}

void pen_void(const struct pen *p, bool restore, struct buf *out) {
    (void)p;
    buf_add_fmt(out, "{\"reason\":\"录入有误\"%s}", restore ? ",\"restore\":true" : "");
}

void pen_assignment(const struct pen *p, const char *cadre, struct buf *out) {
    buf_add_fmt(out, "{\"kind\":\"cadre_household\",\"cadre\":\"%s\"", cadre);
    add_day(p, "from", 0, out);
    buf_add_char(out, '}');
}

void pen_nonsense(const struct pen *p, struct buf *out) {
    static const char *const wrong[] = {"{}", "{\"no_such_member\":1}", "{\"state\":7,\"op\":[]}",
                                        "{\"mode\":\"by_owl\",\"set\":{\"farmland_mu\":\"many\"}}"};
    buf_add_str(out, PICK(p, wrong));
}
