#include "chain.h"

#include "clock.h"
#include "hlc.h"
#include "place.h"
#include "secret.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS (INT64_C(3600) * 1000)

#define NO_MEMBER SIZE_MAX

/* The records that links which count connect: a tree, because each amends one at most and an
 * earlier one. */
struct member {
    struct logged r;
    bool unlinked; /* its own `amends` does not count */
    size_t from;   /* the member that led to it, or NO_MEMBER */
};

struct chain {
    struct member *members;
    size_t count;
    size_t capacity;
};

/* Unless it is where we came from. */
static void add(struct chain *ch, const struct logged *r, bool unlinked, size_t from) {
    size_t back = from == NO_MEMBER ? NO_MEMBER : ch->members[from].from;
    if (back != NO_MEMBER && ch->members[back].r.rec == r->rec)
        return;
    if (ch->count == ch->capacity) {
        ch->capacity = ch->capacity ? ch->capacity * 2 : 8;
        ch->members = realloc(ch->members, ch->capacity * sizeof *ch->members);
        if (!ch->members)
            abort();
    }
    ch->members[ch->count++] = (struct member){*r, unlinked, from};
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

/* The stored records that name this one as amended; the caller frees them. */
static struct logged *amending(struct core *c, const struct logged *r, size_t *ret_count) {
    sqlite3_stmt *q = store_query(c->store, "record_amending");
    struct logged *found = NULL;
    *ret_count = 0;
    q_blob(q, 1, r->id, 16);
    while (q_row(c->store, q)) {
        found = realloc(found, (*ret_count + 1) * sizeof *found);
        if (!found)
            abort();
        logged_read(c, q, &found[(*ret_count)++]);
    }
    return found;
}

static void add_neighbours(struct core *c, struct chain *ch, size_t i) {
    const struct logged r = ch->members[i].r;
    struct logged target;
    struct logged further;
    bool linked;
    size_t count;
    if (!own_link_broken(c, &r, &target, &linked) && linked) {
        bool unlinked = own_link_broken(c, &target, &further, &linked);
        add(ch, &target, unlinked, i);
    }
    struct logged *found = amending(c, &r, &count);
    for (size_t k = 0; k < count; k++) {
        if (link_counts(&found[k], &r))
            add(ch, &found[k], false, i);
    }
    free(found);
}

static void collect(struct core *c, struct chain *ch, const struct logged *start) {
    struct logged target;
    bool linked;
    add(ch, start, own_link_broken(c, start, &target, &linked), NO_MEMBER);
    for (size_t i = 0; i < ch->count; i++)
        add_neighbours(c, ch, i);
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

/* An author may withdraw his own record within so many hours of its stamp; without a value never.
 */
static int64_t own_void_ms(struct core *c) {
    const char *hours = store_param(c->store, "amend.hours");
    return *hours ? strtoll(hours, NULL, 10) * HOUR_MS : -1;
}

/* Whether a withdrawal or restore of `target` counts: the author's own in time, or one by a role of
 * the record.void form's x-area-roles inside its area of the register; of a secret record, by a
 * role that sees leads. */
static bool void_counts(struct core *c, const struct logged *v, const struct logged *target) {
    int64_t after = hlc_ms(v->hlc) - hlc_ms(target->hlc);
    if (strcmp(v->author, target->author) == 0 && after >= 0 && after <= own_void_ms(c))
        return true;
    const struct cadre *cadre = authority_cadre(c->authority, v->author, v->hlc);
    return cadre && v->form &&
           ((target->sensitivity == SECRET_CLASS ? c->lead_roles : v->form->area_roles) &
            cadre->role) &&
           cadre_covers(cadre, target->place);
}

/* Whether the greatest counting void or restore of any member withdraws the chain. */
static bool withdrawn(struct core *c, const struct chain *ch) {
    struct logged greatest = {.hlc = -1};
    bool is_void = false;
    for (size_t i = 0; i < ch->count && !is_act(&ch->members[i].r); i++) {
        sqlite3_stmt *q = store_query(c->store, "record_acts_on");
        q_text(q, 1, ch->members[i].r.id_text);
        q_text(q, 2, "record.void");
        while (q_row(c->store, q)) {
            struct logged v;
            logged_read(c, q, &v);
            if (!v.has_amends && logged_compare(&v, &greatest) > 0 &&
                void_counts(c, &v, &ch->members[i].r)) {
                greatest = v;
                is_void = !sqlite3_column_int(q, LOGGED_COLUMNS);
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

static int64_t chain_of(struct core *c, const struct logged *r) {
    sqlite3_stmt *q = store_query(c->store, "chain_of");
    int64_t chain = r->rec;
    q_int(q, 1, r->rec);
    while (q_row(c->store, q))
        chain = sqlite3_column_int64(q, 0);
    return chain;
}

static void set_chain(struct core *c, const struct logged *r, int64_t chain) {
    sqlite3_stmt *q = store_query(c->store, "chain_set");
    q_int(q, 1, r->rec);
    q_int(q, 2, chain);
    q_done(c->store, q);
}

/* ---------------------------------------------------------------- joining */

static bool anything_about(struct core *c, const struct logged *r) {
    sqlite3_stmt *q = store_query(c->store, "record_acts_on");
    q_text(q, 1, r->id_text);
    q_text(q, 2, "record.void");
    bool any = q_row(c->store, q);
    q_end(q);
    return any;
}

/* How many records r is linked with, *ret = one of them; -1 if some link does not count. */
static int neighbours(struct core *c, const struct logged *r, struct logged *ret) {
    bool linked;
    size_t count;
    if (own_link_broken(c, r, ret, &linked))
        return -1;
    struct logged *later = amending(c, r, &count);
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = all && link_counts(&later[i], r);
    if (count && !linked)
        *ret = later[0];
    free(later);
    return all ? (int)count + linked : -1;
}

static void join(struct core *c, struct logged *r, struct logged *greatest, int64_t chain,
                 chain_changed *changed) {
    bool withdrawn_all = greatest->effect == EFFECT_WITHDRAWN;
    bool last = logged_compare(r, greatest) > 0;
    set_chain(c, greatest, chain);
    set_chain(c, r, chain);
    set_effect(c, r,
               withdrawn_all ? EFFECT_WITHDRAWN
               : last        ? EFFECT_CURRENT
                             : EFFECT_REPLACED,
               changed);
    if (last && !withdrawn_all)
        set_effect(c, greatest, EFFECT_REPLACED, changed);
}

/* The greatest of the chain; r's neighbour if that is alone. */
static struct logged greatest_of(struct core *c, int64_t chain, const struct logged *neighbour) {
    struct logged greatest = *neighbour;
    sqlite3_stmt *q = store_query(c->store, "chain_greatest");
    q_int(q, 1, chain);
    while (q_row(c->store, q))
        logged_read(c, q, &greatest);
    return greatest;
}

bool chain_join(struct core *c, const unsigned char id[16], chain_changed *changed) {
    struct logged r;
    struct logged neighbour;
    if (!logged_get(c, id, &r) || is_act(&r) || anything_about(c, &r) || !in_area(c, &r))
        return false;
    int count = neighbours(c, &r, &neighbour);
    if (count != 1)
        return count == 0;
    int64_t chain = chain_of(c, &neighbour);
    struct logged greatest = greatest_of(c, chain, &neighbour);
    /* Either everything is withdrawn, or the greatest has effect. */
    bool plain = greatest.effect == EFFECT_WITHDRAWN
                     ? neighbour.effect == EFFECT_WITHDRAWN
                     : greatest.effect == EFFECT_CURRENT && neighbour.effect != EFFECT_NONE;
    if (plain)
        join(c, &r, &greatest, chain, changed);
    return plain;
}

/* ---------------------------------------------------------------- settling */

bool chain_begins(struct core *c, const unsigned char id[16]) {
    struct logged r;
    struct logged target;
    bool linked = false;
    if (logged_get(c, id, &r))
        own_link_broken(c, &r, &target, &linked);
    return !linked;
}

void chain_settle(struct core *c, const unsigned char id[16], chain_changed *changed) {
    struct logged start;
    if (!logged_get(c, id, &start) || start.outcome != OUTCOME_STORED)
        return;
    struct chain ch = {0};
    collect(c, &ch, &start);
    int64_t chain = chain_of(c, &start);
    size_t greatest = 0;
    for (size_t i = 1; i < ch.count; i++) {
        if (logged_compare(&ch.members[i].r, &ch.members[greatest].r) > 0)
            greatest = i;
    }
    bool gone = withdrawn(c, &ch);
    for (size_t i = 0; i < ch.count; i++) {
        struct logged *r = &ch.members[i].r;
        bool outside = !is_act(r) && !in_area(c, r);
        int effect = ch.members[i].unlinked || outside ? EFFECT_NONE
                     : gone                            ? EFFECT_WITHDRAWN
                     : i == greatest                   ? EFFECT_CURRENT
                                                       : EFFECT_REPLACED;
        if (ch.count > 1)
            set_chain(c, r, chain);
        set_effect(c, r, effect, changed);
    }
    free(ch.members);
}
