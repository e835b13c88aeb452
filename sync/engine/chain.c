#include "chain.h"

#include "clock.h"
#include "hlc.h"
#include "place.h"

#include <stdlib.h>
#include <string.h>

/* An author may withdraw his own record within this time of its stamp (domain rule of
 * record.void). */
#define OWN_VOID_MS (INT64_C(72) * 3600 * 1000)

struct chain {
    struct logged *members;
    bool *unlinked; /* its own `amends` does not count */
    size_t count;
    size_t capacity;
};

static bool add(struct chain *ch, const struct logged *r, bool unlinked) {
    for (size_t i = 0; i < ch->count; i++) {
        if (ch->members[i].rec == r->rec)
            return false;
    }
    if (ch->count == ch->capacity) {
        ch->capacity = ch->capacity ? ch->capacity * 2 : 8;
        ch->members = realloc(ch->members, ch->capacity * sizeof *ch->members);
        ch->unlinked = realloc(ch->unlinked, ch->capacity * sizeof *ch->unlinked);
        if (!ch->members || !ch->unlinked)
            abort();
    }
    ch->members[ch->count] = *r;
    ch->unlinked[ch->count++] = unlinked;
    return true;
}

static bool is_act(const struct logged *r) {
    return strcmp(r->form_id, "record.void") == 0 || strcmp(r->form_id, "record.review") == 0;
}

/* Whether `later` counts as an amendment of `earlier`. */
static bool link_counts(const struct logged *later, const struct logged *earlier) {
    return strcmp(later->author, earlier->author) == 0 &&
           strcmp(later->form_id, earlier->form_id) == 0 &&
           strcmp(later->subject, earlier->subject) == 0 && logged_compare(later, earlier) > 0 &&
           !is_act(later);
}

/* An amendment whose target has not come counts as a record of its own; what the target says
 * decides when it comes. */
static bool own_link_broken(struct core *c, const struct logged *r, struct logged *target,
                            bool *ret_linked) {
    *ret_linked = false;
    if (!r->has_amends)
        return false;
    if (!logged_get(c, r->amends, target) || target->outcome != OUTCOME_STORED)
        return is_act(r);
    *ret_linked = link_counts(r, target);
    return !*ret_linked;
}

static void add_amendments(struct core *c, struct chain *ch, size_t i) {
    sqlite3_stmt *q = store_query(c->store, "record_amending");
    unsigned char id[16];
    memcpy(id, ch->members[i].id, 16);
    q_blob(q, 1, id, 16);
    struct logged *found = NULL;
    size_t count = 0;
    while (q_row(c->store, q)) {
        found = realloc(found, (count + 1) * sizeof *found);
        if (!found)
            abort();
        logged_read(c, q, &found[count++]);
    }
    for (size_t k = 0; k < count; k++) {
        if (link_counts(&found[k], &ch->members[i]))
            add(ch, &found[k], false);
    }
    free(found);
}

static void collect(struct core *c, struct chain *ch, const struct logged *start) {
    struct logged target;
    bool linked;
    add(ch, start, own_link_broken(c, start, &target, &linked));
    for (size_t i = 0; i < ch->count; i++) {
        const struct logged member = ch->members[i];
        if (!own_link_broken(c, &member, &target, &linked) && linked) {
            struct logged further;
            bool further_linked;
            add(ch, &target, own_link_broken(c, &target, &further, &further_linked));
        }
        add_amendments(c, ch, i);
    }
}

/* The household that the record about which r is, is about: "" if about none. */
static void household_of_target(struct core *c, const char *target,
                                char out[SUBJECT_SIZE_MAX + 1]) {
    unsigned char id[16];
    struct logged t;
    *out = '\0';
    if (uuid7_parse(target, strlen(target), id) && logged_get(c, id, &t))
        memcpy(out, t.at.household, SUBJECT_SIZE_MAX + 1);
}

/* True unless the record is about another record (or a task of one) whose place is known and where
 * its author may not act, by the register and by assignments of the day. */
static bool in_area(struct core *c, const struct logged *r) {
    char day[11];
    char household[SUBJECT_SIZE_MAX + 1];
    struct place where;
    place_resolve(c, r->subject, &r->at, &where);
    if (!(where.at.kinds & SUBJECT_RECORD) || !*r->place || strcmp(r->author, IMPORT_AUTHOR) == 0)
        return true;
    const struct cadre *cadre = authority_cadre(c->authority, r->author, r->hlc);
    time_local_date(hlc_ms(r->hlc), day);
    household_of_target(c, where.subject, household);
    return cadre && authority_in_scope(c->authority, cadre, r->place, household, day);
}

/* Whether a withdrawal or restore of `target` counts: the author's own within 72 h, or one by a
 * role of the record.void form's x-area-roles inside its area of the register. */
static bool void_counts(struct core *c, const struct logged *v, const struct logged *target) {
    int64_t after = hlc_ms(v->hlc) - hlc_ms(target->hlc);
    if (strcmp(v->author, target->author) == 0 && after >= 0 && after <= OWN_VOID_MS)
        return true;
    const struct cadre *cadre = authority_cadre(c->authority, v->author, v->hlc);
    return cadre && v->form && (v->form->area_roles & cadre->role) &&
           cadre_covers(cadre, target->place);
}

/* Whether the greatest counting void or restore of any member withdraws the chain. */
static bool withdrawn(struct core *c, const struct chain *ch) {
    struct logged greatest = {.hlc = -1};
    bool is_void = false;
    for (size_t i = 0; i < ch->count && !is_act(&ch->members[i]); i++) {
        sqlite3_stmt *q = store_query(c->store, "record_acts_on");
        q_text(q, 1, ch->members[i].id_text);
        q_text(q, 2, "record.void");
        while (q_row(c->store, q)) {
            struct logged v;
            logged_read(c, q, &v);
            if (!v.has_amends && logged_compare(&v, &greatest) > 0 &&
                void_counts(c, &v, &ch->members[i])) {
                greatest = v;
                is_void = !sqlite3_column_int(q, 12);
            }
        }
    }
    return is_void;
}

static void set_effect(struct core *c, struct logged *r, int effect, chain_changed *changed) {
    if (r->effect == effect)
        return;
    r->effect = effect;
    sqlite3_stmt *q = store_query(c->store, "record_set_effect");
    q_int(q, 1, r->rec);
    q_int(q, 2, effect);
    q_int(q, 3, store_next_rev(c->store));
    q_done(c->store, q);
    changed(c, r);
}

void chain_settle(struct core *c, const unsigned char id[16], chain_changed *changed) {
    struct logged start;
    if (!logged_get(c, id, &start) || start.outcome != OUTCOME_STORED)
        return;
    struct chain ch = {0};
    collect(c, &ch, &start);
    size_t greatest = 0;
    for (size_t i = 1; i < ch.count; i++) {
        if (logged_compare(&ch.members[i], &ch.members[greatest]) > 0)
            greatest = i;
    }
    bool gone = withdrawn(c, &ch);
    for (size_t i = 0; i < ch.count; i++) {
        struct logged *r = &ch.members[i];
        bool outside = !is_act(r) && !in_area(c, r);
        int effect = ch.unlinked[i] || outside ? EFFECT_NONE
                     : gone                    ? EFFECT_WITHDRAWN
                     : i == greatest           ? EFFECT_CURRENT
                                               : EFFECT_REPLACED;
        set_effect(c, r, effect, changed);
    }
    free(ch.members);
    free(ch.unlinked);
}
