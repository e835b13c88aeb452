#include "fold.h"

#include "hlc.h"
#include "schema_value.h"

#include <stdlib.h>
#include <string.h>

/* By fact, then the greatest (hlc, id) first. */
static int compare(const void *x, const void *y) {
    const struct fold_write *a = x;
    const struct fold_write *b = y;
    int by_fact = strcmp(a->fact, b->fact);
    if (by_fact)
        return by_fact;
    if (a->source->hlc != b->source->hlc)
        return a->source->hlc > b->source->hlc ? -1 : 1;
    return -strcmp(a->source->id, b->source->id);
}

static const char *tail_of(const struct fold_source *s) {
    return s->id + 24;
}

/* True if the author of `from` was shown `to`, for this fact. */
static bool shown(const struct fold_write *from, const struct fold_write *to) {
    const json_t *tails = json_object_get(from->source->base, from->fact);
    if (!tails)
        return hlc_ms(from->source->hlc) - hlc_ms(to->source->hlc) > FOLD_UNSHOWN_MS;
    for (size_t i = 0; i < json_array_size(tails); i++) {
        const char *tail = json_string_value(json_array_get(tails, i));
        if (tail && strcmp(tail, tail_of(to->source)) == 0)
            return true;
    }
    return false;
}

/* Marks every write of the fact that can be reached from w[start] through `base`. */
static void mark_reached(const struct fold_write *w, size_t count, size_t start, bool *reached,
                         size_t *stack) {
    size_t depth = 0;
    memset(reached, 0, count);
    reached[start] = true;
    stack[depth++] = start;
    while (depth) {
        size_t from = stack[--depth];
        for (size_t to = 0; to < count; to++) {
            if (!reached[to] && shown(&w[from], &w[to])) {
                reached[to] = true;
                stack[depth++] = to;
            }
        }
    }
}

static json_t *side(const struct fold_write *w) {
    char hlc[HLC_TEXT_SIZE];
    hlc_format(w->source->hlc, hlc);
    return json_pack("{s:O, s:s, s:s, s:s}", "value", w->value, "by", w->source->author, "hlc", hlc,
                     "id", w->source->id);
}

static bool conflicts_with(const struct fold_write *winner, const struct fold_write *a) {
    return a->source->current && !a->source->imported && !winner->source->imported &&
           strcmp(a->source->author, winner->source->author) != 0 &&
           !schema_value_equal(a->value, winner->value);
}

/* The writes w[0…count) of one fact, greatest stamp first. */
static void fold_fact(struct fold *f, const struct fold_write *w, size_t count, bool *reached,
                      size_t *stack) {
    size_t winner = 0;
    while (winner < count && !w[winner].source->current)
        winner++;
    if (winner == count)
        return;
    json_object_set(f->doc, w[winner].fact, (json_t *)(uintptr_t)w[winner].value);
    json_t *seen = json_pack("[s]", tail_of(w[winner].source));
    bool marked = false;
    for (size_t i = winner + 1; i < count; i++) {
        if (!conflicts_with(&w[winner], &w[i]))
            continue;
        if (!marked)
            mark_reached(w, count, winner, reached, stack);
        marked = true;
        if (reached[i])
            continue;
        json_array_append_new(seen, json_string(tail_of(w[i].source)));
        json_array_append_new(f->conflicts,
                              json_pack("{s:s, s:o, s:o}", "fact", w[i].fact, "winner",
                                        side(&w[winner]), "loser", side(&w[i])));
    }
    json_object_set_new(f->seen, w[winner].fact, seen);
}

struct fold fold_make(struct fold_write *writes, size_t count) {
    struct fold f = {json_object(), json_object(), json_array()};
    bool *reached = calloc(count ? count : 1, sizeof *reached);
    size_t *stack = calloc(count ? count : 1, sizeof *stack);
    if (!f.doc || !f.seen || !f.conflicts || !reached || !stack)
        abort();
    if (count > 1)
        qsort(writes, count, sizeof *writes, compare);
    for (size_t i = 0; i < count;) {
        size_t n = 1;
        while (i + n < count && strcmp(writes[i].fact, writes[i + n].fact) == 0)
            n++;
        fold_fact(&f, writes + i, n, reached, stack);
        i += n;
    }
    free(reached);
    free(stack);
    return f;
}

void fold_fini(struct fold *f) {
    json_decref(f->doc);
    json_decref(f->seen);
    json_decref(f->conflicts);
}
