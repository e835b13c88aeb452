#include "tenure.h"

#include "clock.h"
#include "hlc.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_END "9999-12-31"

struct tenure {
    char *id;
    json_t *doc;
    int64_t first_hlc; /* of the assignment's first record */
    int64_t last_hlc;
    char to_day[11];
};

static const char *text_of(const json_t *doc, const char *key) {
    const char *text = json_string_value(json_object_get(doc, key));
    return text ? text : "";
}

static int by_start(const void *x, const void *y) {
    const struct tenure *a = x;
    const struct tenure *b = y;
    int order = strcmp(text_of(a->doc, "from"), text_of(b->doc, "from"));
    if (order)
        return order;
    if (a->first_hlc != b->first_hlc)
        return a->first_hlc < b->first_hlc ? -1 : 1;
    return strcmp(a->id, b->id);
}

static size_t load(struct core *c, const char *target, struct tenure **ret) {
    sqlite3_stmt *q = store_query(c->store, "tenure_sources");
    size_t count = 0;
    *ret = NULL;
    q_text(q, 1, target);
    while (q_row(c->store, q)) {
        *ret = realloc(*ret, (count + 1) * sizeof **ret);
        char *id = strdup(q_col(q, 0));
        if (!*ret || !id)
            abort();
        (*ret)[count++] = (struct tenure){.id = id,
                                          .doc = json_loads(q_col(q, 1), 0, NULL),
                                          .first_hlc = sqlite3_column_int64(q, 2),
                                          .last_hlc = sqlite3_column_int64(q, 3)};
    }
    return count;
}

static void end_not_before(char to_day[11], int64_t hlc) {
    char day[11];
    time_local_date(hlc_ms(hlc), day);
    if (strcmp(to_day, day) < 0)
        memcpy(to_day, day, 11);
}

static void set_end(struct core *c, struct tenure *t, const struct tenure *next) {
    const char *to = text_of(t->doc, "to");
    snprintf(t->to_day, sizeof t->to_day, "%.10s", *to ? to : OPEN_END);
    if (*to)
        end_not_before(t->to_day, t->last_hlc);
    const char *kind = text_of(t->doc, "kind");
    int32_t days;
    const char *from = next ? text_of(next->doc, "from") : "";
    if (!next || !form_exclusive(c->catalog, "assignment", "kind", kind) ||
        !date_parse(from, strlen(from), &days))
        return;
    char before[11];
    date_format(days - 1, before);
    end_not_before(before, next->first_hlc);
    if (strcmp(before, t->to_day) < 0)
        memcpy(t->to_day, before, 11);
}

/* The next one of the same kind that names somebody else. */
static const struct tenure *successor(const struct tenure *all, size_t count, size_t i) {
    for (size_t k = i + 1; k < count; k++) {
        if (strcmp(text_of(all[k].doc, "kind"), text_of(all[i].doc, "kind")) == 0 &&
            (strcmp(text_of(all[k].doc, "cadre"), text_of(all[i].doc, "cadre")) != 0 ||
             strcmp(text_of(all[k].doc, "unit"), text_of(all[i].doc, "unit")) != 0))
            return &all[k];
    }
    return NULL;
}

static void write_row(struct core *c, const char *target, const struct tenure *t) {
    sqlite3_stmt *q = store_query(c->store, "assignment_set");
    q_text(q, 1, t->id);
    q_text(q, 2, target);
    q_text(q, 3, text_of(t->doc, "kind"));
    q_text(q, 4, text_of(t->doc, "cadre"));
    q_text(q, 5, text_of(t->doc, "unit"));
    q_text(q, 6, text_of(t->doc, "from"));
    q_text(q, 7, t->to_day);
    q_done(c->store, q);
}

void tenure_settle(struct core *c, const char *target) {
    sqlite3_stmt *q = store_query(c->store, "assignment_clear");
    q_text(q, 1, target);
    q_done(c->store, q);
    struct tenure *all;
    size_t count = load(c, target, &all);
    if (count > 1)
        qsort(all, count, sizeof *all, by_start);
    for (size_t i = 0; i < count; i++) {
        set_end(c, &all[i], successor(all, count, i));
        write_row(c, target, &all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        free(all[i].id);
        json_decref(all[i].doc);
    }
    free(all);
}
