#include "phone_forms.h"

#include "clock.h"
#include "hash.h"

#define SLIP_PCT 3 /* of what a cadre gets wrong */
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
    double lat = 30 + between(p, 3500, 4900) / 1e4;
    double lng = 116 + between(p, 1500, 3900) / 1e4;
    if (p->lat != 0 && !chance(p, SLIP_PCT)) {
        lat = p->lat + (between(p, 0, 128) - 64.0) / 1e4;
        lng = p->lng + (between(p, 0, 128) - 64.0) / 1e4;
    }
    buf_add_fmt(out, ",\"gps\":{\"lat\":%.4f,\"lng\":%.4f,\"acc_m\":%u}", lat, lng,
                between(p, 3, 40));
}

/* As many as live there; now and then, or if that is unknown, another number. */
static unsigned persons(const struct pen *p) {
    unsigned other = between(p, 1, 6);
    return p->persons && !chance(p, SLIP_PCT) ? p->persons : other;
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
                persons(p), tap ? "central" : "scattered", tap ? "tap" : "spring",
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

/* ---- surveys and checks --------------------------------------------------------------------- */

void pen_relocation(const struct pen *p, struct buf *out) {
    static const char *const measures[] = {"industry", "employment", "social"};
    unsigned moved = persons(p);
    buf_add_fmt(out, "{\"moved_year\":%u,\"persons\":%u,\"site\":\"%s\",\"area_m2\":%u",
                between(p, 2016, 2018), moved, chance(p, 70) ? "central" : "scattered",
                moved * between(p, 18, 26));
    buf_add_fmt(out, ",\"self_paid_yuan\":%u,\"debt_yuan\":%u,\"quality_ok\":%s,\"moved_in\":%s",
                between(p, 0, 11) * 1000, chance(p, 5) ? 5000u : 0u, truth(p, 97), truth(p, 97));
    buf_add_fmt(out, ",\"old_house\":\"%s\",\"follow_up\":[\"%s\"],\"utilities_ok\":%s",
                chance(p, 80) ? "demolished" : "kept", PICK(p, measures), truth(p, 95));
    buf_add_fmt(out, ",\"satisfied\":%u", between(p, 2, 5));
    add_photos(p, 1, out);
    buf_add_char(out, '}');
}

void pen_environment(const struct pen *p, struct buf *out) {
    bool none = chance(p, 3);
    buf_add_fmt(out, "{\"outdoor\":%s,\"indoor\":%s,\"toilet_clean\":%s,\"personal\":%s",
                truth(p, 90), truth(p, 90), none ? "false" : truth(p, 85), truth(p, 95));
    buf_add_fmt(out, ",\"furniture\":%s,\"goods\":%s,\"toilet\":\"%s\",\"helped\":%s", truth(p, 90),
                truth(p, 85),
                none            ? "none"
                : chance(p, 75) ? "sanitary"
                                : "dry",
                truth(p, 50));
    add_photos(p, 2, out);
    buf_add_char(out, '}');
}

void pen_village_environment(const struct pen *p, struct buf *out) {
    char day[11];
    date_format(p->day, day);
    buf_add_fmt(out, "{\"month\":\"%.7s\",\"ponds\":%u,\"waste_t\":%u.5,\"clutter\":%u", day,
                between(p, 0, 9), between(p, 1, 30), between(p, 0, 20));
    buf_add_fmt(out, ",\"billboards\":%u,\"idle_m2\":%u,\"habit_sessions\":%u,\"cleaning_rule\":%s",
                between(p, 0, 30), between(p, 0, 500), between(p, 0, 4), truth(p, 95));
    buf_add_fmt(out, ",\"cleaners\":%u,\"sewage_hh\":%u,\"sanitary_hh\":%u", between(p, 1, 8),
                between(p, 50, 150), between(p, 200, 300));
    buf_add_fmt(out, ",\"chiefs\":{\"river\":1,\"lake\":0,\"pond\":%u,\"forest\":%u}",
                between(p, 3, 8), between(p, 1, 3));
    add_photos(p, 3, out);
    buf_add_char(out, '}');
}

void pen_education(const struct pen *p, struct buf *out, const char *ret_facts[PEN_FACTS_MAX + 1]) {
    static const char *const kinds[] = {"primary", "junior", "senior"};
    ret_facts[0] = "student";
    ret_facts[1] = ret_facts[2] = NULL;
    if (chance(p, 3)) {
        buf_add_str(out, "{\"student\":\"not_student\",\"dropout\":true,\"reason\":\"厌学\","
                         "\"unfit_health\":false}");
        return;
    }
    ret_facts[1] = "school";
    buf_add_fmt(out,
                "{\"student\":\"%s\",\"school\":\"示例第%u学校\",\"dropout\":false,"
                "\"unfit_health\":false,\"aid_yuan\":%u}",
                PICK(p, kinds), between(p, 1, 9), between(p, 0, 8) * 125);
}

void pen_medical(const struct pen *p, const char *person, struct buf *out) {
    char day[11];
    date_format(p->day, day);
    buf_add_fmt(out,
                "{\"year\":%.4s,\"members\":[{\"person\":\"%s\",\"insured\":%s,\"major_ill\":%s,"
                "\"chronic_card\":%s,\"doctor_signed\":%s}],\"oop_yuan\":%u}",
                day, person, truth(p, 97), truth(p, 5), truth(p, 15), truth(p, 90),
                between(p, 0, 60) * 100);
}

void pen_income(const struct pen *p, struct buf *out) {
    char day[11];
    date_format(p->day, day);
    unsigned business = between(p, 0, 80) * 100;
    buf_add_fmt(out, "{\"year\":%.4s,\"wage\":%u,\"business\":%u,\"property\":%u,\"transfer\":%u",
                day, between(p, 0, 250) * 100, business, between(p, 0, 5) * 100,
                between(p, 5, 60) * 100);
    buf_add_fmt(out, ",\"business_cost\":%u,\"persons\":%u,\"signed\":%s}", business / 3,
                persons(p), truth(p, 95));
}

void pen_job(const struct pen *p, struct buf *out, const char *ret_facts[PEN_FACTS_MAX + 1]) {
    static const char *const places[] = {"none", "town", "county", "province", "outside"};
    ret_facts[0] = "work_place";
    ret_facts[1] = NULL;
    if (chance(p, 25)) {
        buf_add_str(out,
                    "{\"able\":false,\"now\":\"none\",\"wants_job\":false,\"training\":\"none\"}");
        return;
    }
    buf_add_fmt(out,
                "{\"able\":true,\"now\":\"%s\",\"income_month\":%u,\"wants_job\":%s,"
                "\"training\":\"%s\",\"measure\":\"推荐扶贫车间\"}",
                PICK(p, places), between(p, 0, 40) * 100, truth(p, 60),
                chance(p, 50) ? "order" : "none");
}

void pen_measure(const struct pen *p, struct buf *out) {
    static const char *const chains[] = {"park", "leading_firm", "coop", "big_farmer", "self"};
    char day[11];
    date_format(p->day, day);
    buf_add_fmt(out, "{\"year\":%.4s", day);
    if (chance(p, 60))
        buf_add_fmt(out, ",\"type\":\"industry\",\"chain\":\"%s\"", PICK(p, chains));
    else
        buf_add_str(out, ",\"type\":\"employment\"");
    buf_add_fmt(
        out,
        ",\"text\":\"入股茶叶合作社\",\"yuan\":%u,\"source\":\"财政专项\",\"due\":\"%.4s-10-31\"}",
        between(p, 1, 50) * 100, day);
}

void pen_opinion(const struct pen *p, const char *household, struct buf *out) {
    static const char *const kinds[] = {"poor", "exited", "non_poor", "cadre"};
    const char *kind = PICK(p, kinds);
    buf_add_fmt(out, "{\"resp\":\"%s\"", kind);
    if (kind[0] != 'c')
        buf_add_fmt(out, ",\"hh\":\"%s\",\"help\":%u,\"env\":%u,\"water\":%u", household,
                    between(p, 2, 5), between(p, 2, 5), between(p, 2, 5));
    buf_add_fmt(out, ",\"known\":%u,\"asked\":10,\"effect\":%u,\"exit_fair\":%u,\"recognise\":%s}",
                between(p, 4, 10), between(p, 2, 5), between(p, 2, 5), truth(p, 93));
}

/* A step that the role may take. */
void pen_exit(const struct pen *p, struct buf *out) {
    char day[11], notice[11];
    date_format(p->day, day);
    date_format(p->day + 7, notice);
    buf_add_fmt(out, "{\"year\":%.4s,\"date\":\"%s\"", day, day);
    if (p->role[0] == 'T')
        buf_add_str(out, ",\"step\":\"mark\"}");
    else if (p->role[0] == 'C')
        buf_add_str(out, ",\"step\":\"announce\",\"objections\":0}");
    else if (chance(p, 25))
        buf_add_fmt(out, ",\"step\":\"review\",\"votes_for\":%u,\"votes_all\":40}",
                    between(p, 21, 40));
    else if (chance(p, 33))
        buf_add_str(out, ",\"step\":\"verify\"}");
    else if (chance(p, 50))
        buf_add_str(out, ",\"step\":\"agree\",\"signed\":true}");
    else
        buf_add_fmt(out, ",\"step\":\"notice\",\"notice_to\":\"%s\"}", notice);
}

static void add_village_step(const struct pen *p, const char *village, struct buf *out) {
    static const char *const categories[] = {"road", "water", "industry", "public"};
    if (chance(p, 50))
        buf_add_fmt(out, ",\"step\":\"village_meeting\",\"attendees\":40,\"agree\":%u}",
                    between(p, 21, 40));
    else
        buf_add_fmt(out,
                    ",\"step\":\"declared\",\"name\":\"示例项目%u\",\"cat\":\"%s\",\"div\":\"%s\","
                    "\"yuan\":%u,\"hh_served\":%u}",
                    between(p, 1, 99), PICK(p, categories), village, between(p, 1, 90) * 10000,
                    between(p, 10, 300));
}

/* A step that the role may take. */
void pen_project(const struct pen *p, const char *village, struct buf *out) {
    char day[11], notice[11];
    date_format(p->day, day);
    date_format(p->day + 10, notice);
    buf_add_fmt(out, "{\"date\":\"%s\"", day);
    if (p->role[0] == 'V')
        add_village_step(p, village, out);
    else if (p->role[0] == 'T')
        buf_add_str(out, ",\"step\":\"reviewed\"}");
    else if (p->role[0] == 'S')
        buf_add_fmt(out, ",\"step\":\"accepted\",\"spent_yuan\":%u}", between(p, 1, 90) * 10000);
    else if (chance(p, 50))
        buf_add_str(out, ",\"step\":\"approved\",\"yuan\":500000,\"funds\":{\"财政专项\":500000}}");
    else
        buf_add_fmt(out, ",\"step\":\"noticed\",\"notice_to\":\"%s\"}", notice);
}

void pen_village_facts(const struct pen *p, struct buf *out) {
    unsigned groups = between(p, 8, 20);
    buf_add_fmt(out, "{\"set\":{\"groups\":%u,\"groups_road\":%u,\"clinic\":%s,\"doctors\":%u",
                groups, groups - between(p, 0, 2), truth(p, 95), between(p, 0, 2));
    buf_add_fmt(out, ",\"collective_income_yuan\":%u,\"industry\":[\"茶叶\"]}}",
                between(p, 10, 200) * 1000);
}

void pen_archive(const struct pen *p, struct buf *out) {
    buf_add_str(out, "{\"present\":[\"handbook\",\"register\"");
    buf_add_fmt(out, "%s%s],\"mismatches\":[", chance(p, 80) ? ",\"plan\"" : "",
                chance(p, 60) ? ",\"income_sheet\"" : "");
    if (chance(p, 10))
        buf_add_str(out, "{\"field\":\"members\",\"archive\":\"5\",\"system\":\"4\"}");
    buf_add_str(out, "]}");
}

void pen_activity(const struct pen *p, struct buf *out) {
    static const char *const kinds[] = {"post_day", "night_school", "publicity", "council"};
    buf_add_fmt(out, "{\"kind\":\"%s\",\"people\":%u,\"text\":\"茶叶技术夜校\"", PICK(p, kinds),
                between(p, 1, 80));
    add_day(p, "date", between(p, 0, 3), out);
    buf_add_char(out, '}');
}

void pen_dispatch(const struct pen *p, const char *unit, const char *cadre, struct buf *out) {
    char day[11], due[11];
    date_format(p->day, day);
    date_format(p->day + (int32_t)between(p, 5, 30), due);
    buf_add_fmt(out, "{\"kind\":\"%s\",\"period\":\"%.7s\",\"title\":\"示例事项\"",
                chance(p, 60) ? "list\",\"list\":\"township" : "random", day);
    buf_add_fmt(out, ",\"duty_unit\":\"%s\",\"duty_cadre\":\"%s\",\"due\":\"%s\",\"target\":%u}",
                unit, cadre, due, between(p, 1, 30));
}

void pen_lead(const struct pen *p, struct buf *out) {
    static const char *const channels[] = {"hotline", "visit", "letter", "app"};
    static const char *const categories[] = {"funds", "style", "identify"};
    bool named = chance(p, 30);
    buf_add_fmt(out, "{\"channel\":\"%s\",\"cat\":\"%s\",\"text\":\"示例事项\",\"named\":%s",
                PICK(p, channels), PICK(p, categories), named ? "true" : "false");
    if (named)
        buf_add_str(out, ",\"reporter\":{\"name\":\"示例\"}");
    buf_add_char(out, '}');
}

void pen_lead_step(const struct pen *p, struct buf *out) {
    static const char *const steps[] = {"accepted", "true", "false", "replied"};
    buf_add_fmt(out, "{\"step\":\"%s\"", PICK(p, steps));
    add_day(p, "date", 0, out);
    buf_add_char(out, '}');
}

void pen_nonsense(const struct pen *p, struct buf *out) {
    static const char *const wrong[] = {"{}", "{\"no_such_member\":1}", "{\"state\":7,\"op\":[]}",
                                        "{\"mode\":\"by_owl\",\"set\":{\"farmland_mu\":\"many\"}}"};
    buf_add_str(out, PICK(p, wrong));
}
