/* The same records in any order, cut into any envelopes and transactions, some twice, with restarts
 * and roll-backs between, end in the same state (protocol §1, §7).
 *
 *   test_convergence [SEED [ROUNDS [TEXT]]]
 *
 * Each round makes a new set of records (convergence_make.h) and plays it ORDERS times. The seed of
 * a round is printed where it fails: giving it with 1 round repeats it; with TEXT the records that
 * contain it are shown. */
#include "convergence_make.h"
#include "convergence_oracle.h"

#include "derive.h"
#include "digest.h"
#include "merge.h"
#include "payload.h"
#include "pipeline.h"
#include "scope.h"

#define ORDERS 6

/* What one play ends in. */
struct result {
    char state[SHA256_HEX_SIZE];
    char derived[SHA256_HEX_SIZE];
    char *rows; /* everything that may differ, as lines of text */
};

struct play {
    char dir[64];
    struct rng_seeded *chance;
    struct rng rng;
    struct clock clock;
    struct core *core;
    struct pipeline pipeline;
    struct derive *derive;
    struct form_run *run;
    size_t restarts, rollbacks;
};

static uint64_t round_seed;
static int64_t now_ms = NOW_MS;

static void fail_play(const char *what, const char *why) {
    die("seed %llu: %s: %s", (unsigned long long)round_seed, what, why);
}

/* ---------------------------------------------------------------- one server */

static void play_open(struct play *p) {
    struct err e = {0};
    p->core = core_open(p->dir, SCHEMA_DIR, &p->clock, &p->rng, &e);
    if (!p->core)
        fail_play("open", e.msg);
    store_exec(p->core->store, "PRAGMA synchronous = OFF");
    p->derive = derive_create(p->core->store, &p->clock, SCHEMA_DIR, p->core->county, &e);
    p->run = p->derive ? form_run_create(p->core->catalog, &e) : NULL;
    if (!p->run)
        fail_play("open", e.msg);
    p->pipeline = (struct pipeline){p->core, receipts_create(p->core), NULL};
}

static void play_close(struct play *p) {
    receipts_destroy(p->pipeline.receipts);
    form_run_destroy(p->run);
    derive_destroy(p->derive);
    core_close(p->core);
}

static void commit(struct play *p, const char *what) {
    struct err e = {0};
    receipts_flush(p->pipeline.receipts);
    if (!core_commit(p->core, &e))
        fail_play(what, e.msg);
}

static int64_t take_dirty(struct play *p, const char *level) {
    sqlite3_stmt *q = store_query(p->core->store, "dirty_take");
    q_text(q, 1, level);
    int64_t forms = q_row(p->core->store, q) ? sqlite3_column_int64(q, 0) : 0;
    q_end(q);
    return forms;
}

static void ignore_device(void *ctx, const char *device) {
    (void)ctx;
    (void)device;
}

/* What the server does besides: scopes, held records, everything anew after the register changed.
 * True if there was anything. */
static bool chores(struct play *p) {
    struct err e = {0};
    if (!core_begin(p->core, &e))
        fail_play("chores", e.msg);
    bool scopes = take_dirty(p, "scope");
    if (scopes)
        scope_refresh_all(p->core, ignore_device, p);
    int64_t again = take_dirty(p, "all");
    bool held = pipeline_review_held(&p->pipeline);
    commit(p, "chores");
    if (again && !derive_mark_forms(p->derive, again, &e))
        fail_play("derive_mark_forms", e.msg);
    return scopes || held || again;
}

static void derive_some(struct play *p) {
    struct err e = {0};
    bool more;
    if (!derive_step(p->derive, 1 + pick(p->chance, 8), &more, &e))
        fail_play("derive", e.msg);
}

static void between(struct play *p) {
    if (one_in(p->chance, 3))
        chores(p);
    if (one_in(p->chance, 3))
        derive_some(p);
    if (one_in(p->chance, 20)) {
        p->restarts++;
        play_close(p);
        play_open(p);
    }
}

/* ---------------------------------------------------------------- envelopes */

struct letter {
    const struct made *first;
    json_t *records;
    bool atomic;
};

/* The same JSON is written in several ways, and compressed or not. */
static char *write_text(struct play *p, const json_t *envelope) {
    static const size_t ways[] = {JSON_COMPACT, JSON_INDENT(2), JSON_ENSURE_ASCII, JSON_SORT_KEYS,
                                  JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII};
    char *text = json_dumps(envelope, ways[pick(p->chance, sizeof ways / sizeof *ways)]);
    if (!text)
        abort();
    return text;
}

static void take_letter(struct play *p, const struct letter *l) {
    json_t *envelope =
        json_pack("{s:i, s:s, s:s, s:b, s:O}", "v", 1, "device", l->first->device, "sent",
                  "2019-06-20T10:00:00+08:00", "atomic", (int)l->atomic, "records", l->records);
    char *text = write_text(p, envelope);
    struct buf z;
    buf_init(&z, 1024 * 1024);
    bool compress = one_in(p->chance, 4) && payload_compress(text, strlen(text), &z);
    struct envelope *v =
        envelope_decode(p->core->catalog, p->run, l->first->device, l->first->via,
                        compress ? z.data : text, compress ? z.size : strlen(text));
    if (v->problems.count)
        fail_play("decode", v->problems.list[0].en);
    pipeline_take(&p->pipeline, v);
    envelope_destroy(v);
    buf_fini(&z);
    free(text);
    json_decref(envelope);
}

/* One transaction; now and then it fails at first and everything is taken anew. */
static void take_letters(struct play *p, const struct letter *list, size_t count) {
    struct err e = {0};
    for (bool again = one_in(p->chance, 15);; again = false) {
        if (!core_begin(p->core, &e))
            fail_play("begin", e.msg);
        for (size_t i = 0; i < count; i++)
            take_letter(p, &list[i]);
        if (!again)
            break;
        p->rollbacks++;
        core_rollback(p->core);
        receipts_forget(p->pipeline.receipts);
    }
    commit(p, "commit");
}

/* ---------------------------------------------------------------- orders */

static void swap(size_t *a, size_t *b) {
    size_t t = *a;
    *a = *b;
    *b = t;
}

/* All in a new order, some twice; what must come after another does. Returns how many. */
static size_t arrange(const struct making *m, struct rng_seeded *s, int how, size_t *order) {
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        order[n++] = i;
        if (how && one_in(s, 6))
            order[n++] = i;
    }
    for (size_t i = 0; how == 1 && i < n / 2; i++)
        swap(&order[i], &order[n - 1 - i]);
    for (size_t i = n; how > 1 && i > 1; i--)
        swap(&order[i - 1], &order[pick(s, (uint32_t)i)]);
    for (size_t i = 0; i < n; i++) {
        int first = m->list[order[i]].after;
        for (size_t k = i + 1; first >= 0 && k < n; k++) {
            bool before = false;
            for (size_t b = 0; b < i; b++)
                before = before || order[b] == (size_t)first;
            if (before)
                break;
            if (order[k] == (size_t)first)
                swap(&order[i], &order[k]);
        }
    }
    return n;
}

static struct letter letter_of(const struct making *m, const struct made *x) {
    struct letter l = {.first = x, .records = json_array()};
    for (size_t i = 0; x->group && i < m->count; i++) {
        if (m->list[i].group == x->group)
            json_array_append(l.records, m->list[i].record);
    }
    l.atomic = x->group != 0;
    if (!l.atomic)
        json_array_append(l.records, x->record);
    return l;
}

static bool same_path(const struct made *a, const struct made *b) {
    return strcmp(a->device, b->device) == 0 && strcmp(a->via, b->via) == 0;
}

static void feed(struct play *p, const struct making *m, const size_t *order, size_t n) {
    struct letter letters[16];
    size_t i = 0;
    while (i < n) {
        size_t wanted = 1 + pick(p->chance, 12);
        size_t count = 0;
        while (i < n && count < wanted) {
            const struct made *x = &m->list[order[i++]];
            struct letter *last = count ? &letters[count - 1] : NULL;
            if (last && !last->atomic && !x->group && same_path(last->first, x) &&
                !one_in(p->chance, 4))
                json_array_append(last->records, x->record);
            else
                letters[count++] = letter_of(m, x);
        }
        take_letters(p, letters, count);
        while (count)
            json_decref(letters[--count].records);
        between(p);
    }
}

/* ---------------------------------------------------------------- comparing */

/* ?1 = with what is derived. */
static const char rows_sql[] =
    "SELECT 'outcome ' || id_text(id) || ' ' || form || ' ' || outcome FROM record"
    " UNION ALL SELECT 'effect ' || id_text(id) || ' ' || form || ' ' || effect || ' ' || place"
    " FROM record WHERE outcome = 1"
    " UNION ALL SELECT 'entity ' || kind || ' ' || id || ' ' || place || ' ' || subject || ' ' ||"
    " registered || class || ' ' || doc || seen || conflicts || gone FROM entity"
    " WHERE kind <> 'finding' OR (?1 AND gone = '')"
    " UNION ALL SELECT 'assignment ' || id || ' ' || target || ' ' || cadre || unit || ' ' ||"
    " from_day || ' ' || to_day FROM assignment"
    " UNION ALL SELECT 'task ' || id || ' ' || state || ' ' || opened || ' ' || due || ' ' || "
    "closed"
    " || ' ' || assignee || ' ' || escalated || ' ' || doc FROM task WHERE ?1 AND gone = ''"
    " UNION ALL SELECT 'ledger ' || subject || ' ' || view || ' ' || place || ' ' ||"
    " coalesce(num, '-') || ' ' || coalesce(den, '-') || ' ' || doc FROM ledger WHERE ?1"
    " UNION ALL SELECT 'indicator ' || place || ' ' || name || ' ' || coalesce(num, '-') || ' ' ||"
    " coalesce(den, '-') FROM indicator WHERE ?1"
    " ORDER BY 1";

static char *all_rows(struct play *p, bool derived) {
    sqlite3_stmt *q;
    struct buf b;
    buf_init(&b, 16 * 1024 * 1024);
    if (sqlite3_prepare_v2(store_db(p->core->store), rows_sql, -1, &q, NULL))
        fail_play("rows", sqlite3_errmsg(store_db(p->core->store)));
    q_int(q, 1, derived);
    while (sqlite3_step(q) == SQLITE_ROW) {
        buf_add_str(&b, q_col(q, 0));
        buf_add_char(&b, '\n');
    }
    sqlite3_finalize(q);
    return b.data;
}

/* Prints the lines that only one of two texts has. */
static void show_only(const char *text, const char *other, const char *mark) {
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n") + 1;
        char *copy = strndup(line, size);
        if (!strstr(other, copy))
            fprintf(stderr, "%s %s", mark, copy);
        free(copy);
        line += size;
    }
}

static void compare(const struct result *first, const struct result *r, const char *what) {
    bool same = strcmp(first->state, r->state) == 0 && strcmp(first->derived, r->derived) == 0 &&
                strcmp(first->rows, r->rows) == 0;
    if (same)
        return;
    show_only(first->rows, r->rows, "-");
    show_only(r->rows, first->rows, "+");
    fail_play(what, "another state");
}

static void digests(struct play *p, struct result *r, bool derived) {
    struct err e = {0};
    if (!digest_state(p->core, r->state, &e) || !digest_derived(p->core, r->derived, &e))
        fail_play("digest", e.msg);
    r->rows = all_rows(p, derived);
}

/* Merging again from the log gives the same. */
static void check_rebuild(struct play *p) {
    struct err e = {0};
    struct result incremental;
    struct result again;
    digests(p, &incremental, false);
    if (!core_begin(p->core, &e))
        fail_play("rebuild", e.msg);
    merge_rebuild(p->core, NULL);
    digests(p, &again, false);
    compare(&incremental, &again, "merge_rebuild");
    free(incremental.rows);
    free(again.rows);
    core_rollback(p->core);
}

static void finish(struct play *p, struct result *r) {
    struct err e = {0};
    bool same = false;
    while (chores(p))
        ;
    if (!derive_run(p->derive, NULL, NULL, &e) || !derive_check(p->derive, stderr, &same, &e))
        fail_play("derive", e.msg);
    if (!same)
        fail_play("derive_check", "derived from scratch differs");
    digests(p, r, true);
    check_rebuild(p);
}

/* ---------------------------------------------------------------- atomic envelopes */

/* 0 = the log does not know the record. */
static int outcome_of(struct play *p, const char *id) {
    unsigned char bytes[16];
    sqlite3_stmt *q = store_query(p->core->store, "record_by_id");
    uuid7_parse(id, strlen(id), bytes);
    q_blob(q, 1, bytes, 16);
    int outcome = q_row(p->core->store, q) ? sqlite3_column_int(q, 4) : 0;
    q_end(q);
    return outcome;
}

/* All of an atomic envelope is stored, or nothing of it. */
static void check_groups(struct play *p, const struct making *m) {
    for (size_t group = 1; group <= m->groups; group++) {
        size_t stored = 0;
        size_t others = 0;
        for (size_t i = 0; i < m->count; i++) {
            if (m->list[i].group != group)
                continue;
            if (outcome_of(p, m->list[i].id) == 1)
                stored++;
            else
                others++;
        }
        if (stored && others)
            fail_play("an atomic envelope", "only a part of it is stored");
    }
}

/* ---------------------------------------------------------------- rounds */

struct totals {
    size_t records, conflicts, restarts, rollbacks;
};

static void play_order(const char *base, const struct making *m, struct rng_seeded *chance, int how,
                       struct result *r, struct totals *t) {
    static size_t order[2 * MADE_MAX];
    struct rng_seeded server_chance;
    struct play p = {.chance = chance, .dir = "/tmp/zoufang-converge-XXXXXX"};
    if (!mkdtemp(p.dir))
        die("mkdtemp failed");
    shell("cp %s/zoufang.db %s/", base, p.dir);
    p.rng = rng_seeded_make(&server_chance, chance->state);
    p.clock = (struct clock){county_now, county_now, &now_ms};
    play_open(&p);
    size_t n = arrange(m, chance, how, order);
    feed(&p, m, order, n);
    finish(&p, r);
    check_groups(&p, m);
    t->conflicts += oracle_check(store_db(p.core->store));
    t->restarts += p.restarts;
    t->rollbacks += p.rollbacks;
    play_close(&p);
    shell("rm -r %s", p.dir);
}

static void show_made(const struct making *m, const char *what) {
    for (size_t i = 0; i < m->count; i++) {
        const struct made *x = &m->list[i];
        char *text = json_dumps(x->record, JSON_COMPACT);
        if (strstr(text, what))
            printf("%s %s group %zu after %d: %s\n", x->device, x->via, x->group, x->after, text);
        free(text);
    }
}

static const char *shown; /* NULL = nothing */

static void play_round(const char *base, uint64_t seed, struct totals *t) {
    static struct making m;
    struct rng_seeded chance;
    struct result first;
    round_seed = seed;
    rng_seeded_make(&chance, seed);
    make_all(&m, &chance);
    t->records += m.count;
    if (shown)
        show_made(&m, shown);
    play_order(base, &m, &chance, 0, &first, t);
    for (int how = 1; how < ORDERS; how++) {
        struct result r;
        play_order(base, &m, &chance, how, &r, t);
        compare(&first, &r, how == 1 ? "reversed" : "shuffled");
        free(r.rows);
    }
    free(first.rows);
    make_free(&m);
}

int main(int argc, char **argv) {
    char base[] = "/tmp/zoufang-county-XXXXXX";
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 10;
    shown = argc > 3 ? argv[3] : NULL;
    struct rng_seeded chance;
    struct rng rng = rng_seeded_make(&chance, 7);
    struct clock clock = {county_now, county_now, &now_ms};
    struct totals t = {0};
    if (!mkdtemp(base))
        die("mkdtemp failed");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu, %llu rounds of %d orders\n", (unsigned long long)seed,
           (unsigned long long)rounds, ORDERS);
    county_make(base, &clock, &rng);
    for (uint64_t i = 0; i < rounds; i++)
        play_round(base, seed + i, &t);
    shell("rm -r %s", base);
    printf("%zu records, %zu conflicts, %zu restarts, %zu roll-backs: one state each\n", t.records,
           t.conflicts, t.restarts, t.rollbacks);
    return 0;
}
