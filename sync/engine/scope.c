#include "scope.h"

#include <stdlib.h>
#include <string.h>

/* A growing set of texts. */
struct texts {
    char **list;
    size_t count;
    size_t capacity;
};

static void texts_add(struct texts *t, const char *text, size_t size) {
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 16;
        t->list = realloc(t->list, t->capacity * sizeof *t->list);
        if (!t->list)
            abort();
    }
    char *copy = strndup(text, size);
    if (!copy)
        abort();
    t->list[t->count++] = copy;
}

static void texts_fini(struct texts *t) {
    for (size_t i = 0; i < t->count; i++)
        free(t->list[i]);
    free(t->list);
    *t = (struct texts){0};
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts and drops what is there twice; with `minimal` also what lies inside another item: in this
 * order everything that begins with a code stands right behind it. */
static void texts_settle(struct texts *t, bool minimal) {
    if (t->count)
        qsort(t->list, t->count, sizeof *t->list, by_text);
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        const char *last = kept ? t->list[kept - 1] : NULL;
        bool inside =
            last &&
            (strcmp(last, t->list[i]) == 0 ||
             (minimal && scope_item_is_code(last) && strncmp(last, t->list[i], strlen(last)) == 0));
        if (inside)
            free(t->list[i]);
        else
            t->list[kept++] = t->list[i];
    }
    t->count = kept;
}

static void texts_join(const struct texts *t, char separator, struct buf *out) {
    for (size_t i = 0; i < t->count; i++) {
        if (i)
            buf_add_char(out, separator);
        buf_add_str(out, t->list[i]);
    }
}

/* ---------------------------------------------------------------- items */

size_t scope_code_size(const char *code) {
    return strcmp(code + 6, "000000") == 0 ? 6 : strcmp(code + 9, "000") == 0 ? 9 : 12;
}

bool scope_item_is_code(const char *item) {
    size_t size = strspn(item, "0123456789");
    return item[size] == '\0' && (size == 6 || size == 9 || size == 12);
}

bool scope_item_covers(const char *item, const char *place, const char *subject) {
    size_t size = strlen(item);
    if (scope_item_is_code(item))
        return strncmp(item, place, size) == 0 || (size == 6 && !*place);
    return strncmp(item, subject, size) == 0 && (subject[size] == '\0' || subject[size] == '-');
}

static void add_target(struct texts *items, const char *target) {
    size_t size = strlen(target);
    if (size == 12 && strspn(target, "0123456789") == 12)
        size = scope_code_size(target);
    if (size)
        texts_add(items, target, size);
}

/* ---------------------------------------------------------------- one device */

struct work {
    struct core *core;
    char today[11];
};

static void work_init(struct work *w, struct core *c) {
    *w = (struct work){.core = c};
    time_local_date(clock_wall_ms(c->clock), w->today);
}

static void add_author(struct work *w, const struct cadre *cadre, struct texts *items,
                       struct texts *roles, struct texts *units) {
    texts_add(roles, cadre->role_name, strlen(cadre->role_name));
    if (*cadre->unit)
        texts_add(units, cadre->unit, strlen(cadre->unit));
    for (size_t i = 0; i < cadre->scope_count; i++)
        add_target(items, cadre->scope[i]);
    sqlite3_stmt *q = store_query(w->core->store, "scope_assigned");
    q_text(q, 1, cadre->id);
    q_text(q, 2, cadre->scope_unit);
    q_text(q, 3, w->today);
    while (q_row(w->core->store, q))
        add_target(items, q_col(q, 0));
}

/* What the device should have: its items and, as the last one by order of texts, its roles. */
static void wanted_items(struct work *w, const char *id, struct texts *items) {
    struct texts roles = {0};
    struct texts units = {0};
    const struct device *d = authority_device(w->core->authority, id);
    for (size_t i = 0; d && d->known && !d->revoked && i < d->author_count; i++) {
        const struct cadre *cadre = authority_cadre(w->core->authority, d->authors[i], INT64_MAX);
        if (cadre && cadre->active && *cadre->role_name)
            add_author(w, cadre, items, &roles, &units);
    }
    texts_settle(items, true);
    texts_settle(&roles, false);
    texts_settle(&units, false);
    if (roles.count) {
        struct buf row;
        buf_init(&row, 4096);
        buf_add_str(&row, SCOPE_ROLE);
        texts_join(&roles, '+', &row);
        buf_add_char(&row, ';');
        texts_join(&units, ',', &row);
        texts_add(items, row.data, row.size);
        buf_fini(&row);
        texts_settle(items, false);
    }
    texts_fini(&roles);
    texts_fini(&units);
}

static void current_items(struct work *w, const char *device, struct texts *ret) {
    sqlite3_stmt *q = store_query(w->core->store, "scope_current");
    q_text(q, 1, device);
    while (q_row(w->core->store, q))
        texts_add(ret, q_col(q, 0), strlen(q_col(q, 0)));
}

static void write_item(struct work *w, const char *which, const char *device, const char *item) {
    sqlite3_stmt *q = store_query(w->core->store, which);
    q_text(q, 1, device);
    q_text(q, 2, item);
    q_int(q, 3, store_next_rev(w->core->store));
    q_done(w->core->store, q);
}

static void refresh(struct work *w, const char *device, bool *ret_changed, bool *ret_role_changed) {
    struct texts wanted = {0};
    struct texts had = {0};
    wanted_items(w, device, &wanted);
    current_items(w, device, &had);
    *ret_changed = false;
    *ret_role_changed = false;
    for (size_t i = 0, k = 0; i < had.count || k < wanted.count;) {
        int order = i == had.count      ? 1
                    : k == wanted.count ? -1
                                        : strcmp(had.list[i], wanted.list[k]);
        const char *item = order < 0 ? had.list[i] : wanted.list[k];
        if (order) {
            write_item(w, order < 0 ? "scope_remove" : "scope_add", device, item);
            bool role = strncmp(item, SCOPE_ROLE, strlen(SCOPE_ROLE)) == 0;
            *(role ? ret_role_changed : ret_changed) = true;
        }
        i += order <= 0;
        k += order >= 0;
    }
    texts_fini(&wanted);
    texts_fini(&had);
}

bool scope_refresh(struct core *c, const char *device, bool *ret_changed, bool *ret_role_changed) {
    struct work w;
    work_init(&w, c);
    refresh(&w, device, ret_changed, ret_role_changed);
    return !store_failed(c->store);
}

bool scope_refresh_all(struct core *c, void (*changed)(void *ctx, const char *device), void *ctx) {
    struct work w;
    work_init(&w, c);
    struct texts devices = {0};
    sqlite3_stmt *q = store_query(c->store, "scope_devices");
    while (q_row(c->store, q))
        texts_add(&devices, q_col(q, 0), strlen(q_col(q, 0)));
    for (size_t i = 0; i < devices.count && !store_failed(c->store); i++) {
        bool items;
        bool role;
        refresh(&w, devices.list[i], &items, &role);
        if (items || role)
            changed(ctx, devices.list[i]);
    }
    texts_fini(&devices);
    return !store_failed(c->store);
}

/* ---------------------------------------------------------------- places */

void scope_places(struct core *c, const char *device, void (*place)(void *ctx, const char *code),
                  void *ctx) {
    struct work w;
    work_init(&w, c);
    struct texts items = {0};
    struct texts places = {0};
    current_items(&w, device, &items);
    for (size_t i = 0; i < items.count; i++) {
        size_t digits = strspn(items.list[i], "0123456789");
        bool has_place =
            scope_item_is_code(items.list[i]) || (digits == 12 && items.list[i][digits] == '-');
        if (!has_place)
            continue;
        char code[13] = "000000000000";
        memcpy(code, items.list[i], digits);
        texts_add(&places, code, 12);
    }
    texts_settle(&places, false);
    for (size_t i = 0; i < places.count; i++)
        place(ctx, places.list[i]);
    texts_fini(&items);
    texts_fini(&places);
}
