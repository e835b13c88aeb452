/* Makes, from a seed, a set of records whose merged state must not depend on how they come.
 *
 * The protocol lets the order of arrival matter in a few places; the generator stays clear of them:
 * - the first content of an id stays, and with it its stamp (§5.3): a second content or stamp of an
 *   id always comes after the first;
 * - what was stored stays stored (§5): so nothing here takes away authority that a record of the
 * set rests on (grants are never ended, voided or amended; handovers concern cadres who may act
 * there anyway), and nobody reviews a record whose place is unknown but the county;
 * - a held record is remembered by its first path: records that wait for an assignment come by one
 *   path; an atomic envelope always comes whole. */
#ifndef CONVERGENCE_MAKE_H
#define CONVERGENCE_MAKE_H

#include "county.h"

#include "hlc.h"

#define MADE_MAX 400

struct made {
    char id[UUID_TEXT_SIZE];
    json_t *record;
    const struct author *by;
    const char *device, *via;
    size_t group; /* records of an atomic envelope share it; 0 = by itself */
    int after;    /* must come after this one, -1 = whenever */
    bool copy;    /* of an earlier one: not a record of its own */
    bool granted; /* rests on a generated assignment, or is one */
    int64_t hlc;
};

struct making {
    struct rng_seeded *chance;
    struct rng rng;
    struct made list[MADE_MAX];
    size_t count;
    size_t groups;
    int64_t seq;
};

static inline int64_t any_stamp(struct making *m) {
    static const int hours[] = {0, 0, 0, 1, 23, 24, 71, 72, 73, 96, 150, 240};
    int64_t ms =
        BEGIN_MS + hours[pick(m->chance, 12)] * HOUR_MS + pick(m->chance, 4) * INT64_C(1000);
    return ms << 16 | pick(m->chance, 2);
}

static inline void set_stamp(struct made *x, int64_t hlc) {
    char text[HLC_TEXT_SIZE];
    hlc_format(hlc, text);
    x->hlc = hlc;
    json_object_set_new(x->record, "hlc", json_string(text));
}

/* Adds a record; takes over data. */
static inline struct made *make(struct making *m, const char *form, const struct author *by,
                                const char *subject, int64_t hlc, json_t *data) {
    if (m->count == MADE_MAX)
        die("too many records");
    if (!data)
        die("%s: no data", form);
    struct made *x = &m->list[m->count++];
    *x = (struct made){
        .by = by, .device = by->device, .via = "", .after = -1, .granted = by->granted};
    uuid7_make(&m->rng, hlc_ms(hlc), x->id);
    x->record = json_pack("{s:s, s:I, s:s, s:i, s:s, s:s, s:o}", "id", x->id, "seq", ++m->seq,
                          "form", form, "fv", 1, "subject", subject, "by", by->id, "data", data);
    if (!x->record)
        die("%s: cannot be packed", form);
    set_stamp(x, hlc);
    return x;
}

static inline const char *text_at(const struct made *x, const char *key) {
    const char *text = json_string_value(json_object_get(x->record, key));
    return text ? text : "";
}

static inline const struct author *any_author(struct making *m) {
    return &authors[pick(m->chance, AUTHORS)];
}
static inline const char *any_household(struct making *m) {
    return households[pick(m->chance, HOUSEHOLDS)];
}
/* A cadre who mostly may write about the household. */
static inline const struct author *fitting_author(struct making *m, const char *household) {
    static const int of_299[] = {HL, VO_299, TW_104, CO, HL, VO_299};
    static const int of_201[] = {VO_201, TW_104, CO, HL_GRANTED, UNIT_GRANTED, VO_201};
    if (one_in(m->chance, 8))
        return any_author(m);
    if (strncmp(household, "340825104299", 12) == 0)
        return &authors[of_299[pick(m->chance, 6)]];
    if (strncmp(household, "340825104201", 12) == 0)
        return &authors[of_201[pick(m->chance, 6)]];
    return &authors[one_in(m->chance, 2) ? TW_108 : CO];
}

/* ---------------------------------------------------------------- facts */

static inline bool writes(const struct made *x, const char *subject, const char *fact) {
    json_t *set = json_object_get(json_object_get(x->record, "data"), "set");
    return strcmp(text_at(x, "subject"), subject) == 0 && json_object_get(set, fact);
}

/* What the author says that he was shown of a fact; NULL = nothing is said. */
static inline json_t *any_base(struct making *m, const char *subject, const char *fact) {
    json_t *tails = json_array();
    if (one_in(m->chance, 3)) {
        json_decref(tails);
        return NULL;
    }
    size_t most = 1 + pick(m->chance, 2);
    for (size_t i = m->count; i-- > 0 && json_array_size(tails) < most;) {
        if (writes(&m->list[i], subject, fact) && one_in(m->chance, 2))
            json_array_append_new(tails, json_string(m->list[i].id + 24));
    }
    if (one_in(m->chance, 6))
        json_array_append_new(tails, json_string("0123456789ab"));
    return tails;
}

static inline json_t *any_fact(struct making *m, const char *fact) {
    uint32_t n = pick(m->chance, 4);
    if (strcmp(fact, "farmland_mu") == 0)
        return n == 3 ? json_null() : n == 2 ? json_real(3.2) : json_integer(n + 4);
    if (strcmp(fact, "phone") == 0)
        return n == 3 ? json_null() : json_sprintf("5550%u", n);
    if (strcmp(fact, "other_causes") == 0)
        return n == 0   ? json_null()
               : n == 1 ? json_pack("[s]", "illness")
                        : json_pack("[s, s]", n == 2 ? "illness" : "disaster", "no_skill");
    if (strcmp(fact, "work_months") == 0)
        return n == 3 ? json_null() : json_integer(n * 3);
    if (strcmp(fact, "labour") == 0)
        return json_string(n == 0 ? "weak" : n == 1 ? "lost" : "ordinary");
    return json_boolean(n & 1);
}

/* Often the greatest stamp about the subject so far, or 72 hours after it, or just past that. */
static inline int64_t close_stamp(struct making *m, const char *subject) {
    static const int64_t after_ms[] = {0, 0, 72 * HOUR_MS, 72 * HOUR_MS + 1};
    int64_t greatest = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct made *x = &m->list[i];
        if (strcmp(text_at(x, "subject"), subject) == 0 && x->hlc > greatest)
            greatest = x->hlc;
    }
    int64_t ms = hlc_ms(greatest) + after_ms[pick(m->chance, 4)];
    return !greatest || ms >= NOW_MS || one_in(m->chance, 3) ? any_stamp(m)
                                                             : ms << 16 | (greatest & 0xffff);
}

static inline void make_facts(struct making *m) {
    static const char *const of_household[] = {"farmland_mu", "phone", "other_causes",
                                               "other_home"};
    static const char *const of_person[] = {"work_months", "labour", "insured", "pension"};
    bool person = one_in(m->chance, 3);
    const char *const *facts = person ? of_person : of_household;
    const char *household = any_household(m);
    char subject[64];
    snprintf(subject, sizeof subject, "%s%s", household,
             person ? one_in(m->chance, 3) ? "-07" : "-01" : "");
    json_t *set = json_object();
    json_t *base = json_object();
    for (uint32_t n = 1 + pick(m->chance, 3); n-- > 0;) {
        const char *fact = facts[pick(m->chance, one_in(m->chance, 3) ? 4 : 2)];
        json_t *tails = any_base(m, subject, fact);
        json_object_set_new(set, fact, any_fact(m, fact));
        if (tails)
            json_object_set_new(base, fact, tails);
    }
    json_t *data = person ? json_pack("{s:s, s:o}", "op", "edit", "set", set)
                          : json_pack("{s:o, s:s}", "set", set, "reason", "核实");
    struct made *x = make(m, person ? "person.facts" : "hh.facts", fitting_author(m, household),
                          subject, close_stamp(m, subject), data);
    if (!one_in(m->chance, 5))
        json_object_set(x->record, "base", base);
    json_decref(base);
}

static inline void make_member(struct making *m) {
    const char *household = any_household(m);
    char subject[64];
    snprintf(subject, sizeof subject, "%s-%02u", household, 1 + pick(m->chance, 3));
    json_t *data = one_in(m->chance, 3)
                       ? json_pack("{s:s, s:s, s:s}", "op", "leave", "leave_reason", "moved",
                                   "leave_date", "2019-06-01")
                       : json_pack("{s:s, s:{s:s, s:s, s:s, s:s}}", "op", "add", "set", "name",
                                   "某人", "sex", one_in(m->chance, 2) ? "male" : "female", "birth",
                                   "1970-02-03", "relation", "spouse");
    make(m, "person.facts", fitting_author(m, household), subject, any_stamp(m), data);
}

/* ---------------------------------------------------------------- events */

#define PHOTO "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PHOTO2 "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static inline void make_housing(struct making *m) {
    const char *household = any_household(m);
    if (one_in(m->chance, 2)) {
        make(m, "inspect.housing", &authors[one_in(m->chance, 4) ? VO_299 : SI], household,
             any_stamp(m),
             json_pack(
                 "{s:i, s:s, s:s, s:b, s:i, s:{s:s, s:s, s:s, s:s, s:s}, s:s, s:s, s:s, s:[s, s]}",
                 "bld", 1, "kind", "appraise", "use", "resident", "sole_home",
                 (int)pick(m->chance, 2), "area_m2", 72, "parts", "foundation", "b", "wall", "d",
                 "frame", "c", "roof", "c", "site", "b", "grade", "D", "cert_no", "J-1", "action",
                 "rebuild", "photos", PHOTO, PHOTO2));
        return;
    }
    make(m, "inspect.housing", fitting_author(m, household), household, any_stamp(m),
         json_pack("{s:i, s:s, s:s, s:b, s:i, s:b, s:[s, s]}", "bld", 1, "kind", "screen", "use",
                   "resident", "sole_home", (int)pick(m->chance, 2), "area_m2", 60, "suspected",
                   (int)pick(m->chance, 2), "photos", PHOTO, PHOTO2));
}

static inline void make_event(struct making *m) {
    const char *household = any_household(m);
    const struct author *by = fitting_author(m, household);
    switch (pick(m->chance, 3)) {
    case 0:
        make(m, "inspect.water", by, household, any_stamp(m),
             json_pack("{s:i, s:s, s:s, s:b, s:i, s:s, s:s, s:i, s:b, s:i}", "persons", 4, "supply",
                       "central", "source", "tap", "at_home", 1, "litres_ppd", 60, "qual",
                       one_in(m->chance, 2) ? "gb" : "bad", "lab_no", "L-1", "outage_days",
                       (int)pick(m->chance, 40), "knows_policy", 1, "satisfied", 3));
        break;
    case 1:
        make(m, "visit.household", by, household, any_stamp(m),
             json_pack("{s:s, s:[s], s:s, s:s, s:s, s:b, s:b}", "mode", "phone", "purpose",
                       "verify", "start", "2019-06-09T09:00:00+08:00", "end",
                       "2019-06-09T09:30:00+08:00", "met", "head", "food_ok", 1, "clothing_ok", 1));
        break;
    default:
        make(m, "house.work", by, household, any_stamp(m),
             json_pack("{s:i, s:s, s:s, s:[s]}", "bld", 1, "stage",
                       one_in(m->chance, 2) ? "started" : "signed", "date", "2019-06-08", "photos",
                       PHOTO));
    }
}

/* Members listed once or twice, now and then one of another household; what the author was shown of
 * any of them. */
static inline void make_medical(struct making *m) {
    static const char *const members[] = {"-01", "-02", "-03", "-07"};
    const char *household = any_household(m);
    json_t *items = json_array();
    json_t *shown = NULL;
    for (uint32_t n = 1 + pick(m->chance, 4); n-- > 0;) {
        char person[64];
        snprintf(person, sizeof person, "%s%s", one_in(m->chance, 8) ? households[0] : household,
                 members[pick(m->chance, 4)]);
        json_array_append_new(items, json_pack("{s:s, s:b, s:b, s:b, s:b}", "person", person,
                                               "insured", (int)pick(m->chance, 2), "major_ill", 0,
                                               "chronic_card", 0, "doctor_signed", 1));
        json_t *tails = any_base(m, person, "insured");
        if (!shown)
            shown = tails;
        else if (tails)
            json_array_extend(shown, tails);
        if (tails != shown)
            json_decref(tails);
    }
    struct made *x =
        make(m, "check.medical", fitting_author(m, household), household, close_stamp(m, household),
             json_pack("{s:i, s:o, s:i}", "year", 2019, "members", items, "oop_yuan", 0));
    if (shown)
        json_object_set_new(x->record, "base", json_pack("{s:o}", "insured", shown));
}

/* A lead, or a step of one. */
static inline struct made *any_made(struct making *m, const char *form);
static inline void make_lead(struct making *m) {
    const char *household = any_household(m);
    const struct made *lead = any_made(m, "lead.report");
    char village[13];
    char id[UUID_TEXT_SIZE];
    if (lead && one_in(m->chance, 2)) {
        strcpy(id, lead->id);
        make(m, "lead.step", &authors[one_in(m->chance, 2) ? DI : CO], id, any_stamp(m),
             json_pack("{s:s, s:s}", "step", one_in(m->chance, 2) ? "accepted" : "replied", "date",
                       "2019-06-09"));
        return;
    }
    snprintf(village, sizeof village, "%.12s", household);
    make(m, "lead.report", fitting_author(m, household), village, any_stamp(m),
         json_pack("{s:s, s:s, s:s, s:b}", "channel", "visit", "cat", "funds", "text", "反映",
                   "named", 0));
}

static inline void make_finding(struct making *m) {
    const char *household = any_household(m);
    char village[13];
    snprintf(village, sizeof village, "%.12s", household);
    const char *subject = one_in(m->chance, 2) ? household : village;
    if (one_in(m->chance, 3))
        make(m, "finding.report", &authors[CT], subject, any_stamp(m),
             json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:b, s:b, s:b, s:b, s:b, s:b}, s:[s]}",
                       "source", "covert", "cat", "housing", "severity", "high", "text", "危房住人",
                       "duty_unit", "U-T104", "conduct", "unannounced", 1, "unaccompanied", 1,
                       "own_travel", 1, "own_lodging", 1, "own_meals", 1, "own_check", 1, "photos",
                       PHOTO));
    else
        make(m, "finding.report", fitting_author(m, household), subject, any_stamp(m),
             json_pack("{s:s, s:s, s:s, s:s, s:s}", "source", "inspect", "cat", "water", "severity",
                       "mid", "text", "停水", "duty_unit", "U-V299"));
}

/* One of the records made so far of this form; NULL if there is none. */
static inline struct made *any_made(struct making *m, const char *form) {
    size_t from = pick(m->chance, (uint32_t)m->count);
    for (size_t k = 0; k < m->count; k++) {
        struct made *x = &m->list[(from + k) % m->count];
        if (!x->copy && (!form || strcmp(text_at(x, "form"), form) == 0))
            return x;
    }
    return NULL;
}

/* The id of some finding, now and then of another record or of none. */
static inline void any_finding(struct making *m, char out[UUID_TEXT_SIZE]) {
    const struct made *f = any_made(m, one_in(m->chance, 8) ? NULL : "finding.report");
    if (f && !one_in(m->chance, 10))
        strcpy(out, f->id);
    else
        uuid7_make(&m->rng, BEGIN_MS, out);
}

static inline void make_about_finding(struct making *m) {
    char finding[UUID_TEXT_SIZE];
    char task[64];
    any_finding(m, finding);
    switch (pick(m->chance, 4)) {
    case 0:
    case 1:
        make(m, "rectify.report", any_author(m), finding, any_stamp(m),
             json_pack("{s:s, s:s, s:s, s:[s]}", "result", "done", "action", "已整改", "done",
                       "2019-06-09", "photos", PHOTO));
        break;
    case 2:
        make(m, "verify.lookback", any_author(m), finding, any_stamp(m),
             json_pack("{s:s, s:s, s:s, s:[s]}", "stage",
                       one_in(m->chance, 2) ? "check" : "lookback", "verdict",
                       one_in(m->chance, 2) ? "pass" : "relapse", "text", "已核", "photos", PHOTO));
        break;
    default:
        snprintf(task, sizeof task, "T-F%u-%s-1", 1 + pick(m->chance, 2), finding);
        make(m, "task.update", any_author(m), task, any_stamp(m),
             json_pack("{s:s}", "state", "accepted"));
    }
}

static inline void make_task_update(struct making *m) {
    const char *household = any_household(m);
    char task[96];
    snprintf(task, sizeof task, "T-H%u-%s-b01-1", 1 + pick(m->chance, 3), household);
    make(m, "task.update", fitting_author(m, household), task, any_stamp(m),
         one_in(m->chance, 3) ? json_pack("{s:s}", "state", "returned")
                              : json_pack("{s:s}", "state", "accepted"));
}

/* ---------------------------------------------------------------- assignments */

static inline void make_grant(struct making *m) {
    struct made *x;
    const char *household = households[one_in(m->chance, 2) ? 2 : 4];
    const struct author *by = &authors[one_in(m->chance, 2) ? TW_104 : CO];
    if (one_in(m->chance, 2))
        x = make(m, "assign.set", by, household, any_stamp(m),
                 json_pack("{s:s, s:s, s:s}", "kind", "cadre_household", "cadre", "C-00413", "from",
                           one_in(m->chance, 2) ? "2019-05-01" : "2019-01-01"));
    else
        x = make(m, "assign.set", by, "340825104201", any_stamp(m),
                 json_pack("{s:s, s:s, s:s}", "kind", "unit_village", "unit", "U-BF03", "from",
                           "2019-02-01"));
    x->granted = true;
}

/* From one to another of the cadres who may act in the village anyway. */
static inline void make_handover(struct making *m) {
    static const char *const days[] = {"2019-06-01", "2019-06-11", "2019-06-12", "2019-07-01"};
    static const int givers[] = {TW_104, TW_104, CO, TW_108};
    json_t *data =
        json_pack("{s:s, s:s, s:s}", "kind", "cadre_household", "cadre",
                  one_in(m->chance, 2) ? "C-00412" : "C-00420", "from", days[pick(m->chance, 4)]);
    if (one_in(m->chance, 3))
        json_object_set_new(data, "to",
                            one_in(m->chance, 3) ? json_null() : json_string("2019-07-20"));
    make(m, "assign.set", &authors[givers[pick(m->chance, 4)]], households[pick(m->chance, 2)],
         any_stamp(m), data);
}

/* ---------------------------------------------------------------- records about records */

static inline bool amendable(const struct made *x) {
    return !(x->granted && strcmp(text_at(x, "form"), "assign.set") == 0);
}

/* Another value of the same record. */
static inline json_t *amended_data(struct making *m, const struct made *old) {
    json_t *data = json_deep_copy(json_object_get(old->record, "data"));
    json_t *set = json_object_get(data, "set");
    if (json_object_get(set, "farmland_mu"))
        json_object_set_new(set, "farmland_mu", json_integer(9 + pick(m->chance, 3)));
    if (json_object_get(set, "work_months"))
        json_object_set_new(set, "work_months", json_integer(11));
    return data;
}

static inline void make_amendment(struct making *m) {
    struct made *old = any_made(m, one_in(m->chance, 2) ? "hh.facts" : NULL);
    if (!old || !amendable(old))
        return;
    const struct author *by = one_in(m->chance, 6) ? any_author(m) : old->by;
    int64_t hlc = old->hlc + (INT64_C(60000) << 16) * (int64_t)(1 + pick(m->chance, 5));
    const char *subject = one_in(m->chance, 10) ? households[0] : text_at(old, "subject");
    if (one_in(m->chance, 6))
        hlc = old->hlc - (one_in(m->chance, 2) ? INT64_C(1000) << 16 : 0);
    char target[UUID_TEXT_SIZE];
    strcpy(target, old->id);
    struct made *x = make(m, text_at(old, "form"), by, subject, hlc, amended_data(m, old));
    x->granted = x->granted || old->granted;
    json_object_set_new(x->record, "amends", json_string(target));
    if (json_object_get(old->record, "base"))
        json_object_set(x->record, "base", json_object_get(old->record, "base"));
}

static inline void make_void(struct making *m) {
    struct made *t = any_made(m, one_in(m->chance, 4) ? "record.void" : NULL);
    char target[UUID_TEXT_SIZE];
    if (!t || !amendable(t))
        return;
    strcpy(target, t->id);
    if (one_in(m->chance, 12))
        uuid7_make(&m->rng, BEGIN_MS, target);
    static const int others[] = {TW_104, TW_108, CO, VO_299, DI};
    const struct author *by = one_in(m->chance, 3) ? t->by : &authors[others[pick(m->chance, 5)]];
    json_t *data = json_pack("{s:s}", "reason", "录错");
    if (one_in(m->chance, 3))
        json_object_set_new(data, "restore", json_true());
    struct made *x = make(m, "record.void", by, target, any_stamp(m), data);
    x->granted = false;
}

static inline void make_review(struct making *m) {
    struct made *t = any_made(m, NULL);
    char target[UUID_TEXT_SIZE];
    if (!t)
        return;
    strcpy(target, t->id);
    bool accept = !one_in(m->chance, 3);
    bool placed =
        strlen(text_at(t, "subject")) != 36 && strncmp(text_at(t, "form"), "task.", 5) != 0;
    static const int reviewers[] = {TW_104, CO, TW_108, VO_299, DI};
    const struct author *by = &authors[placed ? reviewers[pick(m->chance, 5)] : CO];
    make(m, "record.review", by, target, any_stamp(m),
         json_pack("{s:b, s:s}", "accept", (int)accept, "note", "核过"));
}

/* Two that name each other. */
static inline void make_ring(struct making *m) {
    struct made *a = make(m, "record.void", &authors[CO], households[0], any_stamp(m),
                          json_pack("{s:s}", "reason", "甲"));
    size_t first = m->count - 1;
    struct made *b = make(m, "record.void", &authors[TW_104], a->id, any_stamp(m),
                          json_pack("{s:s}", "reason", "乙"));
    json_object_set_new(m->list[first].record, "subject", json_string(b->id));
}

static inline void make_unfit(struct making *m) {
    const char *household = any_household(m);
    if (one_in(m->chance, 2))
        make(m, "hh.facts", fitting_author(m, household), household, any_stamp(m),
             json_pack("{s:{s:i}}", "set", "farmland_mu", -1));
    else
        json_object_set_new(
            make(m, "hh.facts", fitting_author(m, household), household, any_stamp(m),
                 json_pack("{s:{s:i}, s:s}", "set", "farmland_mu", 1, "reason", "x"))
                ->record,
            "fv", json_integer(9));
}

/* ---------------------------------------------------------------- copies and envelopes */

static inline struct made *make_copy(struct making *m, size_t of) {
    if (m->count == MADE_MAX)
        die("too many records");
    struct made *x = &m->list[m->count++];
    *x = m->list[of];
    x->record = json_deep_copy(x->record);
    x->copy = true;
    return x;
}

static inline bool one_path(const struct made *x) {
    return x->granted || x->group;
}

/* The record again: as it was, stamped anew, by another path, or another one under its id. */
static inline void make_duplicate(struct making *m) {
    size_t of = pick(m->chance, (uint32_t)m->count);
    if (m->list[of].copy || m->list[of].group)
        return;
    struct made *x = make_copy(m, of);
    switch (pick(m->chance, 5)) {
    case 0:
        x->after = (int)of;
        set_stamp(x, x->hlc + (INT64_C(7) << 16));
        json_object_set_new(x->record, "seq", json_integer(++m->seq));
        break;
    case 1:
        x->after = (int)of;
        json_object_set_new(x->record, "note", json_string("other content"));
        break;
    default:
        break;
    }
}

/* Some records come by another path too, which may carry them or not. */
static inline void make_paths(struct making *m) {
    static const char *const relays[] = {"r-104", "r-108"};
    size_t count = m->count;
    for (size_t i = 0; i < count; i++) {
        struct made *x = &m->list[i];
        if (one_path(x) || !one_in(m->chance, 6))
            continue;
        struct made *again = make_copy(m, i);
        if (one_in(m->chance, 2))
            again->via = relays[pick(m->chance, 2)];
        else
            again->device = one_in(m->chance, 2) ? "d-shared" : "d-none";
    }
}

static inline void make_group(struct making *m) {
    size_t from = pick(m->chance, (uint32_t)m->count);
    const struct made *first = &m->list[from];
    size_t size = 2 + pick(m->chance, 2);
    if (first->copy)
        return;
    m->groups++;
    for (size_t i = from; i < m->count && size; i++) {
        struct made *x = &m->list[i];
        if (x->by != first->by || x->copy || x->group)
            continue;
        x->group = m->groups;
        size--;
    }
}

/* ---------------------------------------------------------------- all of it */

static inline void make_one(struct making *m) {
    static void (*const makers[])(struct making *) = {
        make_facts,         make_facts,   make_facts,    make_facts,     make_facts,
        make_member,        make_event,   make_housing,  make_finding,   make_about_finding,
        make_about_finding, make_grant,   make_handover, make_amendment, make_amendment,
        make_void,          make_void,    make_review,   make_review,    make_unfit,
        make_task_update,   make_medical, make_medical,  make_lead};
    makers[pick(m->chance, sizeof makers / sizeof *makers)](m);
}

static inline void make_all(struct making *m, struct rng_seeded *chance) {
    size_t wanted = 40 + pick(chance, 80);
    memset(m, 0, sizeof *m);
    m->chance = chance;
    m->rng = rng_seeded_make(chance, chance->state);
    for (int i = 0; i < 6; i++)
        make_facts(m);
    make_finding(m);
    while (m->count < wanted)
        make_one(m);
    if (one_in(chance, 2))
        make_ring(m);
    for (uint32_t n = pick(chance, 4); n-- > 0;)
        make_group(m);
    for (uint32_t n = pick(chance, 20); n-- > 0;)
        make_duplicate(m);
    make_paths(m);
}

static inline void make_free(struct making *m) {
    for (size_t i = 0; i < m->count; i++)
        json_decref(m->list[i].record);
}

#endif
