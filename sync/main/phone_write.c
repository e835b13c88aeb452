/* What a cadre writes: a form of the role, about something of the phone's copy. */
#include "phone_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000
#define ZONE_MS (8 * 3600 * 1000)
#define TRIES 8
#define WRONG_PCT 2
#define FOREIGN_PCT 2
#define AMEND_PCT 5

struct draft {
    const char *form;
    char id[UUID_TEXT_SIZE];
    char subject[PHONE_ID_SIZE];
    char amends[UUID_TEXT_SIZE];
    const char *facts[PEN_FACTS_MAX + 1]; /* whose `base` is to be told */
    const struct copy *about;             /* has their tails, or NULL */
    bool gps;
    struct pen pen;
    struct buf data;
};

typedef bool (*composer)(struct phone *p, struct draft *d);

/* ---- subjects ------------------------------------------------------------------------------- */

static bool sees_county(const struct phone *p) {
    return strstr("CO CT SI DI", p->options.role) != NULL;
}

/* A household of somebody else. */
static bool foreign_household(struct phone *p, struct draft *d) {
    const struct phone_world *w = p->world;
    size_t count = w->foreign_seen < PHONE_FOREIGN_MAX ? w->foreign_seen : PHONE_FOREIGN_MAX;
    if (!count)
        return false;
    snprintf(d->subject, sizeof d->subject, "%s", w->foreign[rng_below(&p->rng, (uint32_t)count)]);
    return true;
}

static bool household(struct phone *p, struct draft *d) {
    d->pen.persons = 0;
    d->about = phone_pick(p, KIND_HOUSEHOLD);
    if (!d->about || rng_below(&p->rng, 100) < FOREIGN_PCT) {
        d->about = NULL;
        return (sees_county(p) || p->ids[KIND_HOUSEHOLD].count) && foreign_household(p, d);
    }
    d->pen.persons = d->about->members;
    return snprintf(d->subject, sizeof d->subject, "%s", d->about->id) > 0;
}

static bool subject_of_kind(struct phone *p, struct draft *d, int kind) {
    d->about = phone_pick(p, kind);
    if (d->about)
        snprintf(d->subject, sizeof d->subject, "%s", d->about->id);
    return d->about != NULL;
}

/* "{village}-gg-nnnn" of a person or household → its first `parts` parts; false if it has fewer. */
static bool cut_subject(struct draft *d, int parts) {
    char *at = d->subject;
    for (int i = 0; i < parts && at; i++)
        at = strchr(i ? at + 1 : at, '-');
    if (at)
        *at = '\0';
    return at != NULL;
}

/* Ids minted on a phone end in the tail of the registering record's id. */
static void mint_subject(struct draft *d) {
    size_t size = strlen(d->subject);
    snprintf(d->subject + size, sizeof d->subject - size, "-~%s", d->id + 24);
}

/* ---- the forms ------------------------------------------------------------------------------ */

static bool visit(struct phone *p, struct draft *d) {
    d->gps = true;
    pen_visit(&d->pen, &d->data);
    return household(p, d);
}

static bool household_facts(struct phone *p, struct draft *d) {
    if (!household(p, d))
        return false;
    if (p->options.role[0] == 'V' && rng_below(&p->rng, 40) == 0 && cut_subject(d, 2)) {
        mint_subject(d);
        d->about = NULL;
        pen_new_household(&d->pen, &d->data);
        return true;
    }
    pen_household_facts(&d->pen, &d->data, d->facts);
    return true;
}

static bool person_facts(struct phone *p, struct draft *d) {
    if (!subject_of_kind(p, d, KIND_PERSON))
        return false;
    uint32_t act = rng_below(&p->rng, 30);
    if (act == 0) {
        pen_person_leave(&d->pen, &d->data);
    } else if (act == 1 && cut_subject(d, 3)) {
        mint_subject(d);
        d->about = NULL;
        pen_person_add(&d->pen, &d->data);
    } else {
        pen_person_edit(&d->pen, &d->data, d->facts);
    }
    return true;
}

static bool screening(struct phone *p, struct draft *d) {
    pen_housing_screen(&d->pen, &d->data);
    return household(p, d);
}

static bool appraisal(struct phone *p, struct draft *d) {
    pen_housing_appraisal(&d->pen, &d->data);
    return household(p, d);
}

static bool water(struct phone *p, struct draft *d) {
    bool found = household(p, d);
    pen_water(&d->pen, &d->data);
    return found;
}

static bool house_work(struct phone *p, struct draft *d) {
    pen_house_work(&d->pen, &d->data);
    return household(p, d);
}

static bool finding(struct phone *p, struct draft *d) {
    char unit[16];
    bool covert = strcmp(p->options.role, "CT") == 0;
    if (!household(p, d))
        return false;
    snprintf(unit, sizeof unit, "U-T%.3s", d->subject + 6);
    pen_finding(&d->pen, unit, covert, &d->data);
    return true;
}

static bool rectification(struct phone *p, struct draft *d) {
    pen_rectification(&d->pen, &d->data);
    return subject_of_kind(p, d, KIND_FINDING);
}

static bool lookback(struct phone *p, struct draft *d) {
    pen_lookback(&d->pen, &d->data);
    return subject_of_kind(p, d, KIND_FINDING);
}

static bool task(struct phone *p, struct draft *d) {
    const struct phone_record *reply = phone_pick_own(p, PHONE_STORED, NULL);
    pen_task(&d->pen, reply ? reply->id : NULL, &d->data);
    return subject_of_kind(p, d, KIND_TASK) && d->about->open;
}

static bool review(struct phone *p, struct draft *d) {
    pen_review(&d->pen, &d->data);
    return subject_of_kind(p, d, KIND_HELD);
}

static bool withdrawal(struct phone *p, struct draft *d) {
    const struct phone_record *own = phone_pick_own(p, PHONE_STORED, NULL);
    if (!own || strcmp(own->form, "record.void") == 0 || strcmp(own->form, "record.review") == 0)
        return false;
    snprintf(d->subject, sizeof d->subject, "%s", own->id);
    pen_void(&d->pen, rng_below(&p->rng, 4) == 0, &d->data);
    return true;
}

static bool assignment(struct phone *p, struct draft *d) {
    const struct phone_world *w = p->world;
    if (!w->helper_count || !household(p, d))
        return false;
    pen_assignment(&d->pen, w->helpers[rng_below(&p->rng, (uint32_t)w->helper_count)], &d->data);
    return true;
}

static bool relocation(struct phone *p, struct draft *d) {
    bool found = household(p, d);
    pen_relocation(&d->pen, &d->data);
    return found;
}

static bool environment(struct phone *p, struct draft *d) {
    pen_environment(&d->pen, &d->data);
    return household(p, d);
}

/* The village of one of its households. */
static bool village(struct phone *p, struct draft *d) {
    bool found = household(p, d) && cut_subject(d, 1);
    d->about = NULL;
    return found;
}

static bool village_environment(struct phone *p, struct draft *d) {
    pen_village_environment(&d->pen, &d->data);
    return village(p, d);
}

static bool education(struct phone *p, struct draft *d) {
    pen_education(&d->pen, &d->data, d->facts);
    return subject_of_kind(p, d, KIND_PERSON);
}

static bool medical(struct phone *p, struct draft *d) {
    if (!subject_of_kind(p, d, KIND_PERSON))
        return false;
    pen_medical(&d->pen, d->subject, &d->data);
    d->about = NULL;
    return cut_subject(d, 3);
}

static bool income(struct phone *p, struct draft *d) {
    bool found = household(p, d);
    pen_income(&d->pen, &d->data);
    return found;
}

static bool job(struct phone *p, struct draft *d) {
    pen_job(&d->pen, &d->data, d->facts);
    return subject_of_kind(p, d, KIND_PERSON);
}

static bool measure(struct phone *p, struct draft *d) {
    pen_measure(&d->pen, &d->data);
    return household(p, d);
}

static bool opinion(struct phone *p, struct draft *d) {
    if (!household(p, d))
        return false;
    pen_opinion(&d->pen, d->subject, &d->data);
    d->about = NULL;
    return cut_subject(d, 1);
}

static bool exit_step(struct phone *p, struct draft *d) {
    pen_exit(&d->pen, &d->data);
    return household(p, d);
}

/* Projects are numbered by the county; phones know them by their papers. */
static bool project(struct phone *p, struct draft *d) {
    if (!village(p, d))
        return false;
    pen_project(&d->pen, d->subject, &d->data);
    snprintf(d->subject, sizeof d->subject, "P-2019-%04u", rng_below(&p->rng, 200));
    return true;
}

static bool village_facts(struct phone *p, struct draft *d) {
    pen_village_facts(&d->pen, &d->data);
    return village(p, d);
}

static bool archive(struct phone *p, struct draft *d) {
    pen_archive(&d->pen, &d->data);
    return household(p, d);
}

static bool activity(struct phone *p, struct draft *d) {
    pen_activity(&d->pen, &d->data);
    return village(p, d);
}

static bool dispatch(struct phone *p, struct draft *d) {
    const struct phone_world *w = p->world;
    char unit[16];
    if (!village(p, d))
        return false;
    snprintf(unit, sizeof unit, "U-T%.3s", d->subject + 6);
    pen_dispatch(&d->pen, unit,
                 w->helper_count ? w->helpers[rng_below(&p->rng, (uint32_t)w->helper_count)]
                                 : p->options.author,
                 &d->data);
    return true;
}

static bool lead(struct phone *p, struct draft *d) {
    pen_lead(&d->pen, &d->data);
    return village(p, d);
}

/* Of the newest lead that it reported itself: nobody else's is told to it. */
static bool lead_step(struct phone *p, struct draft *d) {
    pen_lead_step(&d->pen, &d->data);
    for (size_t i = p->record_count; i > 0; i--) {
        const struct phone_record *r = &p->records[i - 1];
        if (r->state != PHONE_STORED || strcmp(r->form, "lead.report") != 0)
            continue;
        snprintf(d->subject, sizeof d->subject, "%s", r->id);
        return true;
    }
    return false;
}

static const struct choice {
    const char *roles, *form;
    unsigned weight;
    composer compose;
} choices[] = {
    {"HL VO VT SE", "visit.household", 30, visit},
    {"HL VO TW CO", "hh.facts", 20, household_facts},
    {"HL VO TW", "person.facts", 10, person_facts},
    {"HL VO VT", "inspect.housing", 8, screening},
    {"SI", "inspect.housing", 20, appraisal},
    {"HL VO VT SI", "inspect.water", 15, water},
    {"VO TW SI", "house.work", 8, house_work},
    {"HL VO VT UN TW SI CO SE", "finding.report", 2, finding},
    {"CT", "finding.report", 10, finding},
    {"VO TW UN HL", "rectify.report", 4, rectification},
    {"TW CT CO SI", "verify.lookback", 5, lookback},
    {"HL VO VT UN TW SI CT CO DI SE", "task.update", 5, task},
    {"TW CO", "record.review", 8, review},
    {"HL VO VT UN TW SI CT CO DI SE", "record.void", 1, withdrawal},
    {"TW CO", "assign.set", 1, assignment},
    {"HL VO VT SI", "lookback.relocation", 3, relocation},
    {"HL VO VT", "inspect.env", 8, environment},
    {"VO VT TW", "inspect.env_village", 2, village_environment},
    {"HL VO SI TW", "check.education", 3, education},
    {"HL VO SI", "check.medical", 3, medical},
    {"HL VO", "check.income", 4, income},
    {"HL VO VT", "need.job", 4, job},
    {"HL VO VT UN", "measure.plan", 4, measure},
    {"CT SI CO", "survey.opinion", 3, opinion},
    {"VO VT TW CO", "exit.step", 2, exit_step},
    {"VO TW CO SI", "project.step", 2, project},
    {"VO VT TW", "village.survey", 2, village_facts},
    {"HL VO TW", "archive.check", 3, archive},
    {"VT VO UN CO", "activity.log", 3, activity},
    {"CO TW", "dispatch.order", 2, dispatch},
    {"HL VO VT UN TW SI CT DI SE", "lead.report", 1, lead},
    {"CO", "lead.report", 5, lead},
    {"CO DI", "lead.step", 6, lead_step},
};

#define CHOICES (sizeof choices / sizeof *choices)

static const struct choice *choose(struct phone *p) {
    unsigned total = 0;
    for (size_t i = 0; i < CHOICES; i++)
        total += strstr(choices[i].roles, p->options.role) ? choices[i].weight : 0;
    unsigned at = total ? rng_below(&p->rng, total) : 0;
    for (size_t i = 0; i < CHOICES; i++) {
        if (!strstr(choices[i].roles, p->options.role))
            continue;
        if (at < choices[i].weight)
            return &choices[i];
        at -= choices[i].weight;
    }
    return NULL;
}

/* ---- the record ----------------------------------------------------------------------------- */

static bool is_amendable(const char *form) {
    return strcmp(form, "record.void") != 0 && strcmp(form, "record.review") != 0 &&
           strcmp(form, "person.facts") != 0;
}

/* Now and then it replaces an earlier record of the same form. */
static void amend(struct phone *p, struct draft *d) {
    if (rng_below(&p->rng, 100) >= AMEND_PCT || !is_amendable(d->form))
        return;
    const struct phone_record *own = phone_pick_own(p, PHONE_STORED, d->form);
    if (!own || own->subject_size >= sizeof d->subject)
        return;
    snprintf(d->amends, sizeof d->amends, "%s", own->id);
    memcpy(d->subject, own->text + own->subject_at, own->subject_size);
    d->subject[own->subject_size] = '\0';
    d->about = NULL;
}

/* Where the cadre stands who writes it. */
static void locate(const struct phone *p, struct draft *d) {
    char village[13];
    snprintf(village, sizeof village, "%.12s", d->subject);
    const struct copy *c = phone_copy(p, KIND_DIVISION, village);
    if (c) {
        d->pen.lat = c->lat;
        d->pen.lng = c->lng;
    }
}

static void write_base(const struct draft *d, struct buf *out) {
    buf_add_str(out, ",\"base\":{");
    for (size_t i = 0; d->facts[i]; i++) {
        json_t *tails = json_object_get(d->about->seen, d->facts[i]);
        char *text = tails ? json_dumps(tails, JSON_COMPACT) : NULL;
        buf_add_fmt(out, "%s\"%s\":%s", i ? "," : "", d->facts[i], text ? text : "[]");
        free(text);
    }
    buf_add_char(out, '}');
}

static void write_record(struct phone *p, const struct draft *d, struct phone_record *r,
                         struct buf *out) {
    char stamp[HLC_TEXT_SIZE];
    hlc_format(r->hlc, stamp);
    buf_add_fmt(out, "{\"id\":\"%s\",\"seq\":%zu,\"form\":\"%s\",\"fv\":1,\"subject\":\"", d->id,
                p->record_count + 1, d->form);
    r->subject_at = out->size;
    r->subject_size = strlen(d->subject);
    buf_add_fmt(out, "%s\",\"hlc\":\"", d->subject);
    r->hlc_at = out->size;
    buf_add_fmt(out, "%s\",\"by\":\"%s\"", stamp, p->options.author);
    if (d->facts[0] && d->about)
        write_base(d, out);
    if (d->gps)
        pen_gps(&d->pen, out);
    if (*d->amends)
        buf_add_fmt(out, ",\"amends\":\"%s\"", d->amends);
    buf_add_fmt(out, ",\"data\":%s}", d->data.data);
}

/* Days that the data names lie before the record's stamp, whatever the phone's clock says. */
static int32_t writing_day(const struct phone *p, int64_t stamp_ms) {
    int64_t true_ms = clock_wall_ms(&p->world->clock) + p->world->offset_ms;
    int64_t earlier = stamp_ms < true_ms ? stamp_ms : true_ms;
    return (int32_t)((earlier - DAY_MS + ZONE_MS) / DAY_MS);
}

static bool draft_compose(struct phone *p, struct draft *d) {
    const struct choice *c = choose(p);
    if (!c)
        return false;
    d->form = c->form;
    d->about = NULL;
    d->gps = false;
    d->facts[0] = NULL;
    *d->amends = '\0';
    buf_clear(&d->data);
    return c->compose(p, d);
}

static void draft_finish(struct phone *p, struct draft *d, struct phone_record *r) {
    struct buf text;
    if (r->wrong) {
        buf_clear(&d->data);
        pen_nonsense(&d->pen, &d->data);
    } else {
        amend(p, d);
    }
    locate(p, d);
    buf_init(&text, RECORD_SIZE_MAX);
    write_record(p, d, r, &text);
    if (text.failed)
        abort();
    memcpy(r->id, d->id, sizeof r->id);
    r->form = d->form;
    r->text = text.data;
    r->size = text.size;
    phone_add_record(p, r);
}

static bool write_one(struct phone *p, unsigned group) {
    struct draft d = {.pen = {.rng = &p->rng, .role = p->options.role}};
    struct phone_record r = {.state = PHONE_UNSENT, .group = group};
    bool ok = false;
    buf_init(&d.data, RECORD_SIZE_MAX);
    d.pen.day = writing_day(p, phone_time_ms(p));
    uuid7_make(&p->rng, phone_time_ms(p), d.id);
    for (int i = 0; i < TRIES && !ok; i++)
        ok = draft_compose(p, &d);
    if (ok) {
        r.hlc = phone_stamp(p);
        r.wrong = rng_below(&p->rng, 100) < WRONG_PCT;
        draft_finish(p, &d, &r);
    }
    buf_fini(&d.data);
    return ok;
}

size_t phone_write(struct phone *p, size_t count, bool atomic) {
    size_t written = 0;
    unsigned group = atomic && count > 1 ? ++p->groups : 0;
    while (written < count && write_one(p, group))
        written++;
    return written;
}
