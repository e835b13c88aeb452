#include "import.h"

#include "envelope.h"
#include "hlc.h"
#include "logged.h"
#include "merge.h"
#include "pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT_DEVICE "zoufang"
#define META_SEQ "import.seq"
#define META_HLC "import.hlc"

struct import {
    struct core *core;
    struct buf text;
    int64_t last_hlc;
    int64_t next_seq;
};

static int64_t meta_number(const struct core *c, const char *name) {
    return strtoll(store_meta(c->store, name), NULL, 10);
}

static void set_meta_number(const struct core *c, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    store_set_meta(c->store, name, text);
}

/* Stamps of imports go on after the last one, also of an earlier import, so that a later row beats
 * an earlier one even after the clock was set back. */
struct import *import_begin(struct core *c, struct err *e) {
    struct import *i = calloc(1, sizeof *i);
    if (!i) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    i->core = c;
    buf_init(&i->text, 1024 * 1024);
    if (!core_begin(c, e)) {
        import_rollback(i);
        return NULL;
    }
    i->next_seq = meta_number(c, META_SEQ) + 1;
    i->last_hlc = meta_number(c, META_HLC);
    return i;
}

static void write_record(struct import *i, const char *id, const struct form *form,
                         const char *subject, int64_t hlc, const char *data, size_t data_size) {
    char stamp[HLC_TEXT_SIZE];
    hlc_format(hlc, stamp);
    buf_clear(&i->text);
    buf_add_fmt(
        &i->text,
        "{\"id\":\"%s\",\"seq\":%" PRId64 ",\"form\":\"%s\",\"fv\":%" PRId64 ",\"subject\":", id,
        i->next_seq, form->id, form->fv);
    buf_add_json_str(&i->text, subject, strlen(subject));
    buf_add_fmt(&i->text, ",\"hlc\":\"%s\",\"by\":\"%s\",\"data\":", stamp, IMPORT_AUTHOR);
    buf_add(&i->text, data, data_size);
    buf_add_char(&i->text, '}');
}

static bool refuse(struct problems *ret, const char *zh, const char *en) {
    problems_add(ret, "malformed", "", NULL, zh, en);
    return false;
}

/* Writes what is in i->text to the log and merges it. */
static void store_record(struct import *i, const struct record *r) {
    struct core *c = i->core;
    struct place where;
    place_find(c, r, &where);
    sqlite3_stmt *q = store_query(c->store, "record_add");
    q_blob(q, 1, r->id_bytes, 16);
    q_text(q, 2, r->form_id);
    q_int(q, 3, r->fv);
    q_int(q, 4, OUTCOME_STORED);
    q_int(q, 5, EFFECT_CURRENT);
    q_text(q, 6, r->subject);
    q_text(q, 7, where.code);
    q_int(q, 8, r->hlc);
    q_text(q, 9, IMPORT_AUTHOR);
    q_text(q, 10, IMPORT_DEVICE);
    q_int(q, 11, r->seq);
    q_text(q, 12, "");
    q_int(q, 13, clock_wall_ms(c->clock));
    q_int(q, 14, store_next_rev(c->store));
    q_null(q, 15);
    q_null(q, 16);
    q_int(q, 17, 0);
    q_text_n(q, 18, r->text.text, r->text.size);
    q_null(q, 19);
    q_done(c->store, q);
    merge_stored(c, r, sqlite3_last_insert_rowid(store_db(c->store)), &where, MERGE_NEW);
}

bool import_add(struct import *i, const char *form_id, const char *subject, int64_t stamp_ms,
                const char *data, size_t data_size, struct problems *ret) {
    const struct form *form = form_newest(i->core->catalog, form_id);
    char id[UUID_TEXT_SIZE];
    if (!form)
        return refuse(ret, "没有此表单", "there is no such form");
    int64_t hlc = hlc_next(i->last_hlc, stamp_ms);
    uuid7_make_counted(i->core->rng, hlc_ms(hlc), (unsigned)(hlc & 0xffff), id);
    write_record(i, id, form, subject, hlc, data, data_size);
    json_t *json = i->text.failed
                       ? NULL
                       : json_loadb(i->text.data, i->text.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        return refuse(ret, "内容不是有效的 JSON", "data is not valid JSON");
    struct record r;
    record_read_import(&r, i->core->catalog, i->core->form_run, json,
                       (struct slice){i->text.data, i->text.size});
    bool fits = r.state == RECORD_FIT;
    if (fits) {
        store_record(i, &r);
        i->last_hlc = hlc;
        i->next_seq++;
    } else {
        problems_move(ret, &r.problems);
    }
    record_fini(&r);
    json_decref(json);
    return fits && !store_failed(i->core->store);
}

bool import_commit(struct import *i, struct err *e) {
    set_meta_number(i->core, META_SEQ, i->next_seq - 1);
    set_meta_number(i->core, META_HLC, i->last_hlc);
    bool ok = core_commit(i->core, e);
    buf_fini(&i->text);
    free(i);
    return ok;
}

void import_rollback(struct import *i) {
    core_rollback(i->core);
    buf_fini(&i->text);
    free(i);
}
