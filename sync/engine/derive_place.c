/* Sums of villages, townships and the county; their status messages; village heads. */
#include "derive_internal.h"
#include "hash.h"
#include "topics.h"

#include <string.h>

#define STATUS_INTERVAL_MS 1000
#define HEAD_INTERVAL_MS 5000

/* Brings indicator in line with temp.sums for the places in temp.changed. */
static void write_sums(struct derive *d) {
    derive_do(d, "moved_new");
    derive_do(d, "moved_gone");
    derive_do(d, "indicator_delete");
    derive_do(d, "indicator_insert");
}

static void sum(struct derive *d, const char *places, const char *sums) {
    derive_do(d, "changed_clear");
    derive_do(d, places);
    derive_do(d, "sums_clear");
    derive_do(d, sums);
    write_sums(d);
}

/* ---------------------------------------------------------------- status */

/* `{"v":1,…,"level":…` and what follows `"seq":n`, of a status message: all but time and seq. */
static bool same_status(struct derive *d, const char *topic) {
    sqlite3_stmt *q = derive_q(d, "retained_get");
    q_text(q, 1, topic);
    bool same = false;
    if (q_row(d->store, q)) {
        const char *old = sqlite3_column_blob(q, 0);
        size_t size = (size_t)sqlite3_column_bytes(q, 0);
        const char *old_tail = old ? memmem(old, size, ",\"indicators\":", 14) : NULL;
        const char *tail = strstr(d->text.data, ",\"indicators\":");
        if (old_tail && tail) {
            size_t old_size = size - (size_t)(old_tail - old);
            size_t tail_size = d->text.size - (size_t)(tail - d->text.data);
            same = old_size == tail_size && memcmp(old_tail, tail, tail_size) == 0;
        }
        q_end(q);
    }
    return same;
}

static void begin_status(struct derive *d, const char *place) {
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(d->clock), now);
    buf_clear(&d->text);
    buf_add_fmt(&d->text, "{\"v\":1,\"code\":\"%s\",\"level\":\"%s\",\"time\":\"%s\",\"seq\":%lld",
                place, level_of_division(place)->name, now, (long long)store_rev(d->store));
}

static void end_status(struct derive *d, const char *place, bool in_section) {
    char topic[TOPIC_SIZE_MAX];
    buf_add_str(&d->text, in_section ? "}}" : "}");
    if (topic_status(topic, d->county, place) && !d->text.failed && !same_status(d, topic))
        derive_retain(d, topic, STATUS_INTERVAL_MS);
}

/* Said rows come by place, section (indicators first) and name. */
static void write_status(struct derive *d) {
    char place[16] = "";
    char section[32] = "";
    sqlite3_stmt *q = derive_q(d, "said_rows");
    while (q_row(d->store, q)) {
        if (strcmp(place, q_col(q, 0)) != 0) {
            if (*place)
                end_status(d, place, *section);
            snprintf(place, sizeof place, "%s", q_col(q, 0));
            *section = '\0';
            begin_status(d, place);
        }
        const char *name = q_col(q, 2);
        if (sqlite3_column_type(q, 1) == SQLITE_NULL)
            continue;
        bool same_section = strcmp(section, q_col(q, 1)) == 0;
        if (!same_section) {
            buf_add_fmt(&d->text, "%s,\"%s\":{", *section ? "}" : "", q_col(q, 1));
            snprintf(section, sizeof section, "%s", q_col(q, 1));
        }
        buf_add_fmt(&d->text, "%s\"%s\":%s", same_section ? "," : "", name, q_col(q, 3));
    }
    if (*place)
        end_status(d, place, *section);
}

/* ---------------------------------------------------------------- heads */

/* Count and sum (protocol §8) over the tasks that are retained in a village. */
static void digest_tasks(struct derive *d, const char *village, int *ret_open, uint64_t *ret_sum) {
    *ret_open = 0;
    *ret_sum = 0;
    sqlite3_stmt *q = derive_q(d, "open_tasks");
    q_text(q, 1, village);
    while (q_row(d->store, q)) {
        char text[256];
        int size = snprintf(text, sizeof text, "task%c%s%c%lld", 0, q_col(q, 0), 0,
                            (long long)sqlite3_column_int64(q, 1));
        unsigned char digest[SHA256_SIZE];
        sha256(text, (size_t)size, digest);
        *ret_sum += hash_head64(digest);
        (*ret_open)++;
    }
}

static void write_head(struct derive *d, const char *village, int64_t seq) {
    char epoch[64];
    char topic[TOPIC_SIZE_MAX];
    int open = 0;
    uint64_t digest = 0;
    if (!topic_head(topic, d->county, village))
        return;
    snprintf(epoch, sizeof epoch, "%s", store_meta(d->store, "epoch"));
    digest_tasks(d, village, &open, &digest);
    buf_clear(&d->text);
    buf_add_fmt(&d->text,
                "{\"v\":1,\"epoch\":\"%s\",\"seq\":%lld,\"tasks\":{\"open\":%d,\"sum\":"
                "\"%016llx\"}}",
                epoch, (long long)seq, open, (unsigned long long)digest);
    sqlite3_stmt *q = derive_q(d, "retained_get");
    q_text(q, 1, topic);
    bool same = false;
    if (q_row(d->store, q)) {
        same = (size_t)sqlite3_column_bytes(q, 0) == d->text.size &&
               memcmp(sqlite3_column_blob(q, 0), d->text.data, d->text.size) == 0;
        q_end(q);
    }
    if (!same)
        derive_retain(d, topic, HEAD_INTERVAL_MS);
}

static void write_heads(struct derive *d) {
    for (size_t i = 0; i < d->file_count; i++) {
        sqlite3_stmt *q = d->files[i].stmt;
        if (d->files[i].kind != DERIVE_HEAD)
            continue;
        while (q_row(d->store, q))
            write_head(d, q_col(q, 0), sqlite3_column_int64(q, 1));
    }
}

void derive_places(struct derive *d) {
    derive_do(d, "moved_clear");
    derive_do(d, "changed_clear");
    derive_do(d, "changed_villages");
    for (size_t i = 0; i < d->file_count; i++) {
        if (d->files[i].kind == DERIVE_VIEW && d->files[i].level->source == LEVEL_OF_SUMS)
            derive_view(d, &d->files[i]);
    }
    write_heads(d);
    sum(d, "changed_villages", "sums_village");
    sum(d, "changed_townships", "sums_township");
    sum(d, "changed_county", "sums_county");
    derive_do(d, "changed_clear");
    derive_do(d, "changed_places");
    derive_do(d, "said_clear");
    for (size_t i = 0; i < d->file_count; i++) {
        if (d->files[i].kind == DERIVE_STATUS)
            derive_file_run(d, &d->files[i]);
    }
    write_status(d);
    if (d->counts_bit) {
        sqlite3_stmt *q = derive_q(d, "mark_counted");
        q_int(q, 1, d->counts_bit);
        q_done(d->store, q);
    }
    d->changed_is_slice = false;
}
