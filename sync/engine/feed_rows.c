#include "feed_rows.h"

#include "buf.h"
#include "hash.h"
#include "hlc.h"
#include "scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_OPEN 1         /* up to here everybody in scope sees the row */
#define PLACE_SUMS_MAX 32768 /* some 200 places × 3 sources × what readers differ in */
#define SUM_KEY_SIZE_MAX (1024u * 1024)
#define CLASS_COVERT 5 /* only its audience (a record's author), the covert team, the county */
#define CLASS_LEAD 6   /* only who sees leads */
#define CLASS_PATROL 7 /* only who sees covert work and reviews: the county, no audience */

const char *const feed_kind_names[FEED_KINDS] = {"division", "household", "person",
                                                 "project",  "finding",   "assignment",
                                                 "task",     "record",    "held"};

enum feed_kind feed_kind_find(const char *name) {
    enum feed_kind k = 0;
    while (k < FEED_KINDS && strcmp(feed_kind_names[k], name) != 0)
        k++;
    return k;
}

/* ---------------------------------------------------------------- statements */

static const char *const names[FEED_QUERIES] = {
    [FEED_ENTITY_PLACE] = "entity_place", [FEED_TASK_PLACE] = "task_place",
    [FEED_RECORD_PLACE] = "record_place", [FEED_ENTITY_SUBJECT] = "entity_subject",
    [FEED_TASK_SUBJECT] = "task_subject", [FEED_RECORD_SUBJECT] = "record_subject",
    [FEED_ENTITY_NEXT] = "entity_next",   [FEED_TASK_NEXT] = "task_next",
    [FEED_RECORD_NEXT] = "record_next",   [FEED_HELD_ALL] = "held_all",
    [FEED_LEFT_ALL] = "left_all",         [FEED_ENTITY_NOW] = "entity_now",
    [FEED_TASK_NOW] = "task_now",         [FEED_RECORD_NOW] = "record_now",
    [FEED_HELD_NOW] = "held_now",         [FEED_ENTITY_DOC] = "entity_doc",
    [FEED_TASK_DOC] = "task_doc",         [FEED_RECORD_DOC] = "record_doc",
    [FEED_LEFT_DOC] = "left_doc",         [FEED_ENTITY_LAST] = "entity_last",
    [FEED_TASK_LAST] = "task_last",       [FEED_RECORD_LAST] = "record_last",
    [FEED_LEFT_SINCE] = "left_since",     [FEED_SCOPE] = "scope",
    [FEED_AUTHORS] = "authors",
};

sqlite3_stmt *feed_query(struct feed *f, enum feed_query which) {
    if (!f->stmt[which])
        f->stmt[which] = statements_get(&f->statements, store_db(f->core->store), names[which]);
    return f->stmt[which];
}

/* ---------------------------------------------------------------- the reader */

static unsigned classes_of(const json_t *role) {
    unsigned mask = 0;
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(role, "classes"), i, name) mask |=
        1u << (json_string_value(name)[1] - '0'); /* feed_access_load looked */
    return mask;
}

/* "HL+VO;U-012,U-013" */
static void read_roles(struct feed_reader *r, const char *p) {
    while (*p && *p != ';') {
        size_t size = strcspn(p, "+;");
        const json_t *role = json_object_getn(r->feed->access.roles, p, size);
        r->classes |= classes_of(role);
        r->covert |= json_is_true(json_object_get(role, "covert"));
        r->leads |= json_is_true(json_object_get(role, "leads"));
        r->reviewer |= json_is_true(json_object_get(role, "reviews"));
        p += size + (p[size] == '+');
    }
    p += *p == ';';
    while (*p) {
        size_t size = strcspn(p, ",");
        json_array_append_new(r->units, json_stringn(p, size));
        p += size + (p[size] == ',');
    }
}

static void add_item(struct feed_reader *r, sqlite3_stmt *q) {
    const char *text = q_col(q, 0);
    int64_t added = sqlite3_column_int64(q, 1);
    int64_t removed = sqlite3_column_int64(q, 2);
    if (strncmp(text, SCOPE_ROLE, strlen(SCOPE_ROLE)) == 0) {
        if (!removed) {
            r->role = added;
            read_roles(r, text + strlen(SCOPE_ROLE));
        }
        return;
    }
    if ((r->item_count & (r->item_count - 1)) == 0) {
        size_t capacity = r->item_count ? r->item_count * 2 : 1;
        r->items = realloc(r->items, capacity * sizeof *r->items);
    }
    char *copy = strdup(text);
    if (!copy || !r->items)
        abort();
    r->items[r->item_count++] = (struct feed_item){copy, scope_item_is_code(text), added, removed};
}

void feed_reader_init(struct feed_reader *r, struct feed *f, const char *device) {
    *r = (struct feed_reader){.feed = f, .units = json_array(), .authors = json_array()};
    struct store *s = f->core->store;
    sqlite3_stmt *q = feed_query(f, FEED_SCOPE);
    q_text(q, 1, device);
    while (q_row(s, q))
        add_item(r, q);
    q = feed_query(f, FEED_AUTHORS);
    q_text(q, 1, device);
    while (q_row(s, q))
        json_array_append_new(r->authors, json_string(q_col(q, 0)));
    int64_t saved = strtoll(store_meta(s, "rev"), NULL, 10);
    r->now = saved > store_rev(s) ? saved : store_rev(s);
    r->pruned = strtoll(store_meta(s, FEED_META_PRUNED), NULL, 10);
    uint32_t begun = (uint32_t)strtoll(store_meta(s, FEED_META_BEGUN), NULL, 10);
    r->view = (f->access.facts + begun) * 256u + r->classes + 32u * r->covert + 64u * r->leads +
              128u * r->reviewer;
}

void feed_reader_fini(struct feed_reader *r) {
    for (size_t i = 0; i < r->item_count; i++)
        free(r->items[i].text);
    free(r->items);
    json_decref(r->units);
    json_decref(r->authors);
}

/* ---------------------------------------------------------------- one row */

/* Texts live until the statement steps. */
struct row {
    int64_t key, rev, rowid, hlc;
    enum feed_source source;
    enum feed_kind kind;
    int64_t sensitivity;
    bool dead;
    int64_t fv;
    const char *audience, *place, *subject, *form, *level;
    sqlite3_stmt *q; /* column 3 is the id: text, of records 16 bytes */
};

static struct row read_row(sqlite3_stmt *q, enum feed_source source) {
    int64_t rev = sqlite3_column_int64(q, 0);
    return (struct row){.key = FEED_KEY(rev, source),
                        .rev = rev,
                        .rowid = sqlite3_column_int64(q, 1),
                        .source = source,
                        .kind = feed_kind_find(q_col(q, 2)),
                        .sensitivity = sqlite3_column_int64(q, 4),
                        .audience = q_col(q, 5),
                        .place = q_col(q, 6),
                        .subject = q_col(q, 7),
                        .dead = sqlite3_column_int(q, 8),
                        .hlc = sqlite3_column_int64(q, 9),
                        .form = q_col(q, 10),
                        .fv = sqlite3_column_int64(q, 11),
                        .level = q_col(q, 12),
                        .q = q};
}

static bool in_list(const json_t *list, const char *text) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static bool in_audience(const struct feed_reader *r, const struct row *row) {
    bool record = row->kind == FEED_RECORD || row->kind == FEED_HELD;
    return *row->audience && in_list(record ? r->authors : r->units, row->audience);
}

/* Only to whom the form's own class is open; of secrets, who sees leads. */
static bool sees_form(const struct feed_reader *r, const struct row *row) {
    const struct form_catalog *catalog = r->feed->core->catalog;
    const struct form *form = form_find(catalog, row->form, strlen(row->form), row->fv);
    return form && (form->kind != FORM_SECRET || r->leads) && (r->classes >> form->sensitivity & 1);
}

/* Asked for, and of a class and kind that the reader may see at all. */
static bool readable(const struct feed_reader *r, const struct row *row) {
    if (row->kind == FEED_KINDS || !(r->kinds >> row->kind & 1))
        return false;
    if (row->kind == FEED_HELD && row->sensitivity != CLASS_LEAD && !r->reviewer)
        return false;
    if (*row->form && !sees_form(r, row))
        return false;
    if (row->sensitivity <= CLASS_OPEN)
        return true;
    if (row->sensitivity == CLASS_PATROL)
        return r->covert && r->reviewer;
    if (in_audience(r, row))
        return true;
    if (row->sensitivity < CLASS_COVERT)
        return r->classes >> row->sensitivity & 1;
    bool lead = row->sensitivity == CLASS_LEAD || strcmp(row->level, "lead") == 0;
    return lead ? r->leads : r->covert;
}

static bool present(const struct feed_item *item) {
    return item->removed == 0;
}

static bool covered(const struct feed_reader *r, const struct row *row) {
    for (size_t i = 0; i < r->item_count; i++) {
        if (present(&r->items[i]) && scope_item_covers(r->items[i].text, row->place, row->subject))
            return true;
    }
    return false;
}

/* Of rows in scope: is it on the phone when the phone is complete? */
static bool held_by_phone(const struct feed_reader *r, const struct row *row) {
    return readable(r, row) && !row->dead && (row->kind != FEED_RECORD || row->hlc >= r->cutoff);
}

/* Looks the row of a `feed_left` row up as it is now. */
static bool visible_now(struct feed_reader *r, const struct row *left) {
    static const struct {
        enum feed_query query;
        enum feed_source source;
    } places[FEED_KINDS] = {
        [FEED_TASK] = {FEED_TASK_NOW, FEED_FROM_TASK},
        [FEED_RECORD] = {FEED_RECORD_NOW, FEED_FROM_RECORD},
        [FEED_HELD] = {FEED_HELD_NOW, FEED_FROM_HELD},
    };
    bool entity = left->kind < FEED_TASK;
    sqlite3_stmt *q = feed_query(r->feed, entity ? FEED_ENTITY_NOW : places[left->kind].query);
    if (entity)
        q_text(q, 1, feed_kind_names[left->kind]);
    sqlite3_bind_value(q, 2, sqlite3_column_value(left->q, 3));
    bool visible = false;
    if (q_row(r->feed->core->store, q)) {
        struct row row = read_row(q, entity ? FEED_FROM_ENTITY : places[left->kind].source);
        visible = covered(r, &row) && held_by_phone(r, &row);
        q_end(q);
    }
    return visible;
}

/* ---------------------------------------------------------------- walks */

/* A walk over the rows of some items with keys in (lo, hi]. */
struct walk {
    struct feed_reader *r;
    bool (*takes)(const struct walk *w, const struct feed_item *item);
    const struct feed_cursor *cursor;
    bool left_too;
    int64_t lo, hi; /* `row` may lower hi */
    void (*row)(struct walk *w, const struct row *row);
    /* if not NULL: called for the places of towns and counties in place of their rows */
    void (*place)(struct walk *w, const char *place, enum feed_source source);
};

static bool inside_taken(const struct walk *w, const struct row *row, bool codes_only) {
    for (size_t i = 0; i < w->r->item_count; i++) {
        const struct feed_item *item = &w->r->items[i];
        if ((item->code || !codes_only) && w->takes(w, item) &&
            scope_item_covers(item->text, row->place, row->subject))
            return true;
    }
    return false;
}

enum stream {
    STREAM_PLACE,   /* of one place, in the order of changes */
    STREAM_SUBJECT, /* of one item that is no code */
    STREAM_ALL      /* of the whole county */
};

/* Steps through a statement whose ?2 and ?3 bound the change number. In a walk by subject a row
 * that a taken code contains too is left to that one, so that each is met once. */
static void walk_stream(struct walk *w, sqlite3_stmt *q, enum feed_source source,
                        enum stream kind) {
    q_int(q, 2, (w->lo - (int64_t)source) >> 3);
    q_int(q, 3, (w->hi - (int64_t)source) >> 3);
    while (q_row(w->r->feed->core->store, q)) {
        struct row row = read_row(q, source);
        if (row.key > w->hi) {
            if (kind != STREAM_PLACE)
                continue;
            q_end(q);
            break;
        }
        if ((kind == STREAM_SUBJECT && inside_taken(w, &row, true)) ||
            (kind == STREAM_ALL && !inside_taken(w, &row, false)))
            continue;
        w->row(w, &row);
    }
}

static void walk_place(struct walk *w, const char *place, enum feed_source source) {
    sqlite3_stmt *q = feed_query(w->r->feed, FEED_ENTITY_PLACE + source);
    q_text(q, 1, place);
    walk_stream(w, q, source, STREAM_PLACE);
}

static void walk_code(struct walk *w, const char *code, enum feed_source source) {
    if (strlen(code) == 12) {
        walk_place(w, code, source);
        return;
    }
    sqlite3_stmt *next = feed_query(w->r->feed, FEED_ENTITY_NEXT + source);
    char place[32];
    char end[32];
    snprintf(place, sizeof place, "%s", code);
    snprintf(end, sizeof end, "%s:", code); /* ':' follows '9' */
    for (;;) {
        q_text(next, 1, place);
        q_text(next, 2, end);
        if (!q_row(w->r->feed->core->store, next))
            break;
        snprintf(place, sizeof place, "%s", q_col(next, 0));
        q_end(next);
        (w->place ? w->place : walk_place)(w, place, source);
    }
}

static bool source_asked(const struct feed_reader *r, enum feed_source source) {
    static const uint32_t kinds[FEED_SOURCES] = {(1u << FEED_TASK) - 1, 1u << FEED_TASK,
                                                 1u << FEED_RECORD, 1u << FEED_HELD, UINT32_MAX};
    return r->kinds & kinds[source];
}

static void walk(struct walk *w) {
    for (size_t i = 0; i < w->r->item_count; i++) {
        const struct feed_item *item = &w->r->items[i];
        if (!w->takes(w, item))
            continue;
        for (enum feed_source s = FEED_FROM_ENTITY; s <= FEED_FROM_RECORD; s++) {
            if (!source_asked(w->r, s))
                continue;
            if (item->code) {
                walk_code(w, item->text, s);
                continue;
            }
            sqlite3_stmt *q = feed_query(w->r->feed, FEED_ENTITY_SUBJECT + s);
            q_text(q, 1, item->text);
            walk_stream(w, q, s, STREAM_SUBJECT);
        }
    }
    if (source_asked(w->r, FEED_FROM_HELD) && (w->r->reviewer || w->r->leads))
        walk_stream(w, feed_query(w->r->feed, FEED_HELD_ALL), FEED_FROM_HELD, STREAM_ALL);
    if (w->left_too)
        walk_stream(w, feed_query(w->r->feed, FEED_LEFT_ALL), FEED_FROM_LEFT, STREAM_ALL);
}

static bool takes_present(const struct walk *w, const struct feed_item *item) {
    (void)w;
    return present(item);
}

static bool takes_added(const struct walk *w, const struct feed_item *item) {
    return present(item) && item->added > w->cursor->scope && item->added <= w->cursor->target;
}

static bool takes_removed(const struct walk *w, const struct feed_item *item) {
    return item->removed > w->cursor->scope && item->removed <= w->cursor->target;
}

/* ---------------------------------------------------------------- changes */

struct sweep {
    struct walk walk;
    struct feed_change *list;
    size_t count, max;
};

/* Could the phone have the row although it is dead now? Then it went after the last page. */
static bool was_there(const struct feed_cursor *c, const struct row *row) {
    return row->key > c->upto && row->rev > c->quiet;
}

static enum feed_verdict judge_new(struct feed_reader *r, const struct feed_cursor *c,
                                   const struct row *row) {
    if (row->source == FEED_FROM_LEFT)
        return row->rev > c->quiet && !visible_now(r, row) ? FEED_GONE_VOID : FEED_SKIP;
    if (row->kind == FEED_RECORD && row->hlc < r->cutoff)
        return FEED_SKIP;
    if (!row->dead)
        return FEED_SEND;
    return row->rev > c->quiet ? FEED_GONE_VOID : FEED_SKIP;
}

static enum feed_verdict judge_removed(struct feed_reader *r, const struct feed_cursor *c,
                                       const struct row *row) {
    if (covered(r, row) || (row->dead && !was_there(c, row)))
        return FEED_SKIP;
    if (row->source == FEED_FROM_LEFT)
        return visible_now(r, row) ? FEED_SKIP : FEED_GONE_SCOPE;
    return row->kind == FEED_RECORD && row->hlc < c->cutoff ? FEED_SKIP : FEED_GONE_SCOPE;
}

static enum feed_verdict judge(struct feed_reader *r, const struct feed_cursor *c,
                               const struct row *row) {
    if (!readable(r, row))
        return FEED_SKIP;
    switch ((enum feed_phase)c->phase) {
    case FEED_NEW:
        return judge_new(r, c, row);
    case FEED_REMOVED:
        return judge_removed(r, c, row);
    case FEED_ADDED:
        return held_by_phone(r, row) ? FEED_SEND : FEED_SKIP;
    case FEED_AGED:
        return row->kind == FEED_RECORD && row->hlc >= c->cutoff && row->hlc < c->target &&
                       (!row->dead || was_there(c, row))
                   ? FEED_GONE_AGE
                   : FEED_SKIP;
    }
    return FEED_SKIP;
}

static int by_key(const void *a, const void *b) {
    const struct feed_change *x = a;
    const struct feed_change *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Keeps the first `max`, each once; nothing behind them is of interest any more. */
static void settle(struct sweep *s) {
    if (s->count)
        qsort(s->list, s->count, sizeof *s->list, by_key);
    size_t kept = 0;
    for (size_t i = 0; i < s->count && kept < s->max; i++) {
        if (!kept || s->list[kept - 1].key != s->list[i].key)
            s->list[kept++] = s->list[i];
    }
    s->count = kept;
    if (kept == s->max)
        s->walk.hi = s->list[kept - 1].key;
}

static void sweep_row(struct walk *w, const struct row *row) {
    struct sweep *s = (struct sweep *)w;
    enum feed_verdict verdict = judge(w->r, w->cursor, row);
    if (verdict == FEED_SKIP)
        return;
    s->list[s->count++] = (struct feed_change){row->key, row->rowid, verdict};
    if (s->count == 2 * s->max)
        settle(s);
}

size_t feed_changes(struct feed_reader *r, const struct feed_cursor *c, struct feed_change *ret,
                    size_t max) {
    struct sweep s = {.walk = {.r = r,
                               .takes = takes_present,
                               .cursor = c,
                               .lo = c->at,
                               .hi = INT64_MAX - FEED_SOURCES,
                               .row = sweep_row},
                      .list = ret,
                      .max = max};
    if (c->phase == FEED_NEW) {
        s.walk.lo = c->upto;
        s.walk.left_too = true;
    } else if (c->phase == FEED_REMOVED) {
        s.walk.takes = takes_removed;
        s.walk.left_too = true;
    } else if (c->phase == FEED_ADDED) {
        s.walk.takes = takes_added;
        s.walk.hi = c->upto;
    }
    uint32_t kinds = r->kinds;
    if (c->phase == FEED_AGED)
        r->kinds &= 1u << FEED_RECORD;
    walk(&s.walk);
    r->kinds = kinds;
    settle(&s);
    return s.count;
}

/* ---------------------------------------------------------------- digest */

struct sum {
    struct walk walk;
    int64_t count;
    uint64_t sum;
};

static void sum_row(struct walk *w, const struct row *row) {
    struct sum *s = (struct sum *)w;
    if (!held_by_phone(w->r, row))
        return;
    char id[37];
    const char *text = id;
    if (row->source == FEED_FROM_RECORD || row->source == FEED_FROM_HELD)
        uuid_format(sqlite3_column_blob(row->q, 3), id);
    else
        text = q_col(row->q, 3);
    char line[1024];
    int size = snprintf(line, sizeof line, "%s%c%s%c%" PRId64, feed_kind_names[row->kind], 0, text,
                        0, row->rev);
    if (size < 0 || (size_t)size >= sizeof line)
        abort();
    unsigned char digest[SHA256_SIZE];
    sha256(line, (size_t)size, digest);
    s->count++;
    s->sum += hash_head64(digest);
}

/* Everything that decides, beside the rows themselves, what the reader holds of a place. */
static void sum_key(const struct feed_reader *r, const char *place, enum feed_source source,
                    struct buf *out) {
    bool records = source == FEED_FROM_RECORD;
    char *whose = json_dumps(records ? r->authors : r->units, JSON_COMPACT);
    if (!whose)
        abort();
    buf_add_fmt(out, "%s %d %x %x %d%d %" PRId64 " ", place, (int)source, r->view, r->kinds,
                r->covert, r->leads, r->cutoff);
    if (!records || !r->covert) /* who sees covert work sees that of all authors */
        buf_add_str(out, whose);
    free(whose);
    if (out->failed)
        abort();
}

struct place_sum {
    int64_t last; /* greatest change in the place */
    int64_t now;  /* change number when it was made */
    int64_t count;
    uint64_t sum;
};

static bool is_current(struct feed_reader *r, const struct place_sum *p, const char *place,
                       int64_t last) {
    if (p->last != last || p->now < r->pruned)
        return false;
    sqlite3_stmt *q = feed_query(r->feed, FEED_LEFT_SINCE); /* has a row moved away? */
    q_text(q, 1, place);
    q_int(q, 2, p->now);
    bool left = q_row(r->feed->core->store, q);
    q_end(q);
    return !left;
}

static void sum_place(struct walk *w, const char *place, enum feed_source source) {
    struct sum *s = (struct sum *)w;
    struct strmap *sums = &w->r->feed->sums;
    struct buf text;
    buf_init(&text, SUM_KEY_SIZE_MAX);
    sum_key(w->r, place, source, &text);
    const char *key = text.data;
    sqlite3_stmt *q = feed_query(w->r->feed, FEED_ENTITY_LAST + source);
    q_text(q, 1, place);
    int64_t last = q_row(w->r->feed->core->store, q) ? sqlite3_column_int64(q, 0) : 0;
    q_end(q);
    struct place_sum *p = strmap_get(sums, key);
    if (!p || !is_current(w->r, p, place, last)) {
        struct sum made = {.walk = *w};
        walk_place(&made.walk, place, source);
        if (sums->count >= PLACE_SUMS_MAX)
            strmap_clear(sums, free);
        p = strmap_get(sums, key);
        if (!p) {
            p = malloc(sizeof *p);
            if (!p)
                abort();
            strmap_set(sums, key, p);
        }
        *p = (struct place_sum){last, w->r->now, made.count, made.sum};
    }
    buf_fini(&text);
    s->count += p->count;
    s->sum += p->sum;
}

void feed_digest(struct feed_reader *r, int64_t *ret_count, uint64_t *ret_sum) {
    struct sum s = {.walk = {.r = r,
                             .takes = takes_present,
                             .lo = 0,
                             .hi = INT64_MAX - FEED_SOURCES,
                             .row = sum_row,
                             .place = sum_place}};
    walk(&s.walk);
    *ret_count = s.count;
    *ret_sum = s.sum;
}
