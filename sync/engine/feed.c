#include "feed.h"

#include "feed_cursor.h"
#include "feed_doc.h"
#include "feed_rows.h"
#include "log.h"
#include "payload.h"
#include "problem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REQ_SIZE_MAX 64    /* bytes of a request's name */
#define PAGE_TAIL_SIZE 512 /* cursor, more and digest, behind the changes */
#define RETRY_MS 5000      /* after a page that could not be made */
#define RECORD_DAYS 90     /* without the parameter feed.record_days */
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define COUNTY_OFFSET_MS (INT64_C(8) * 3600 * 1000) /* a day begins at midnight in the county */

extern const char feed_sql[];

struct feed *feed_create(struct core *c, struct err *e) {
    struct feed *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->core = c;
    statements_init(&f->statements, feed_sql);
    if (!feed_reload(f, e)) {
        feed_destroy(f);
        return NULL;
    }
    return f;
}

void feed_destroy(struct feed *f) {
    if (!f)
        return;
    statements_fini(&f->statements);
    feed_access_fini(&f->access);
    strmap_clear(&f->sums, free);
    free(f);
}

bool feed_reload(struct feed *f, struct err *e) {
    return feed_access_load(&f->access, f->core, e);
}

/* ---------------------------------------------------------------- requests */

struct request {
    json_t *root;
    const char *req;    /* NULL = unreadable */
    const char *cursor; /* NULL = from the beginning */
    uint32_t kinds;
    size_t limit;
    bool zlib;
};

static bool read_kinds(struct request *q, const json_t *kinds) {
    q->kinds = (1u << FEED_KINDS) - 1;
    if (!kinds || json_is_null(kinds))
        return true;
    q->kinds = 0;
    size_t i;
    json_t *item;
    json_array_foreach(kinds, i, item) {
        const char *name = json_string_value(item);
        enum feed_kind kind = name ? feed_kind_find(name) : FEED_KINDS;
        if (kind == FEED_KINDS)
            return false;
        q->kinds |= 1u << kind;
    }
    return q->kinds != 0;
}

static bool read_limit(struct request *q, const json_t *limit) {
    json_int_t n = limit ? json_integer_value(limit) : PAGE_CHANGES_MAX;
    q->limit = (size_t)n;
    return n >= 1 && n <= PAGE_CHANGES_MAX;
}

static void read_accept(struct request *q, const json_t *accept) {
    size_t i;
    json_t *item;
    json_array_foreach(accept, i, item) {
        const char *name = json_string_value(item);
        q->zlib |= name && strcmp(name, "zlib") == 0;
    }
}

/* NULL, or the code, with the path, of what is wrong. */
static const char *read_request(struct request *q, const void *payload, size_t size,
                                const char **ret_path) {
    struct buf text;
    buf_init(&text, PAYLOAD_EXPANDED_SIZE_MAX);
    const char *code = "malformed";
    *ret_path = "";
    if (payload_expand(payload, size, &text, &code))
        q->root = payload_parse(text.data, text.size);
    buf_fini(&text);
    if (!q->root)
        return code;
    read_accept(q, json_object_get(q->root, "accept"));
    const char *req = json_string_value(json_object_get(q->root, "req"));
    const json_t *cursor = json_object_get(q->root, "cursor");
    q->req = req && strlen(req) <= REQ_SIZE_MAX ? req : NULL;
    q->cursor = json_string_value(cursor);
    const json_t *v = json_object_get(q->root, "v");
    if (json_is_integer(v) && json_integer_value(v) != 1)
        return *ret_path = "/v", "version";
    const char *wrong = !json_is_integer(v)                                 ? "/v"
                        : !q->req                                           ? "/req"
                        : cursor && !json_is_null(cursor) && !q->cursor     ? "/cursor"
                        : !read_kinds(q, json_object_get(q->root, "kinds")) ? "/kinds"
                        : !read_limit(q, json_object_get(q->root, "limit")) ? "/limit"
                                                                            : NULL;
    *ret_path = wrong ? wrong : "";
    return wrong ? "malformed" : NULL;
}

static void write_req(const char *req, struct buf *out) {
    buf_add_str(out, "{\"v\":1,\"req\":");
    if (req)
        buf_add_json_str(out, req, strlen(req));
    else
        buf_add_str(out, "null");
}

/* after_ms 0 = it does not say when to ask again. */
static void write_refusal(const struct request *q, const char *code, const char *path,
                          int64_t after_ms, struct buf *out) {
    struct problems p = {0};
    struct buf list;
    buf_init(&list, 4096);
    problems_add_code(&p, code, path);
    problems_write(&p, &list);
    write_req(q->req, out);
    buf_add_str(out, ",\"error\":");
    buf_add(out, list.data + 1, list.size - 3); /* the one element of the array, still open */
    if (after_ms)
        buf_add_fmt(out, ",\"after_ms\":%" PRId64, after_ms);
    buf_add_str(out, "}}");
    buf_fini(&list);
    problems_fini(&p);
}

/* ---------------------------------------------------------------- pages */

struct page {
    struct feed_reader reader;
    struct feed_cursor cursor;
    bool reset;
    size_t limit;
    size_t count;
    struct buf *out;
    size_t start; /* of the page in out */
};

static int64_t record_cutoff(struct core *c) {
    const char *text = store_param(c->store, "feed.record_days");
    int64_t days = *text ? strtoll(text, NULL, 10) : RECORD_DAYS;
    int64_t today = (clock_wall_ms(c->clock) + COUNTY_OFFSET_MS) / DAY_MS;
    int64_t ms = (today - days) * DAY_MS - COUNTY_OFFSET_MS;
    return days >= 0 && ms > 0 ? ms << 16 : 0;
}

static uint32_t epoch_head(const struct core *c) {
    char head[9] = "";
    memcpy(head, c->epoch, sizeof head - 1);
    return (uint32_t)strtoul(head, NULL, 16);
}

/* The request's cursor, or a new one if that one does not fit any more. */
static void open_cursor(struct page *p, const char *text) {
    const struct feed_reader *r = &p->reader;
    struct feed_cursor fresh = {.epoch = epoch_head(r->feed->core),
                                .view = r->view,
                                .kinds = r->kinds,
                                .role = r->role,
                                .scope = r->now,
                                .quiet = r->now,
                                .cutoff = r->cutoff,
                                .phase = FEED_NEW};
    struct feed_cursor *c = &p->cursor;
    p->reset = !text || !feed_cursor_read(text, c) || c->epoch != fresh.epoch ||
               c->view != fresh.view || c->kinds != fresh.kinds || c->role != fresh.role ||
               (c->quiet < r->pruned && c->upto < FEED_KEY(r->pruned, 0)) ||
               c->cutoff > fresh.cutoff || c->scope > r->now || c->upto > FEED_KEY(r->now + 1, 0);
    if (p->reset)
        *c = fresh;
}

/* Between phases: which one is due. */
static void choose_phase(struct page *p) {
    struct feed_cursor *c = &p->cursor;
    const struct feed_reader *r = &p->reader;
    bool scope = false;
    for (size_t i = 0; i < r->item_count; i++)
        scope |= r->items[i].added > c->scope || r->items[i].removed > c->scope;
    c->at = 0;
    c->phase = scope ? FEED_REMOVED : c->cutoff < r->cutoff ? FEED_AGED : FEED_NEW;
    c->target = scope ? r->now : c->cutoff < r->cutoff ? r->cutoff : 0;
}

/* The phase has no more changes; true if that was the last one. */
static bool finish_phase(struct page *p) {
    struct feed_cursor *c = &p->cursor;
    switch ((enum feed_phase)c->phase) {
    case FEED_REMOVED:
        c->phase = FEED_ADDED;
        c->at = 0;
        return false;
    case FEED_ADDED:
        c->scope = c->target;
        break;
    case FEED_AGED:
        c->cutoff = c->target;
        break;
    case FEED_NEW:
        c->upto = FEED_KEY(p->reader.now + 1, 0) - 1;
        c->target = 0;
        return true;
    }
    choose_phase(p);
    return false;
}

/* True if it found room in the page. */
static bool add_change(struct page *p, const struct feed_change *change, struct buf *text) {
    buf_clear(text);
    feed_change_write(&p->reader, change, text);
    size_t used = p->out->size - p->start + PAGE_TAIL_SIZE;
    if (p->count && used + text->size + 1 > PAGE_SIZE_MAX)
        return false;
    if (p->count++)
        buf_add_char(p->out, ',');
    buf_add(p->out, text->data, text->size);
    p->cursor.at = change->key;
    if (p->cursor.phase == FEED_NEW)
        p->cursor.upto = change->key;
    return true;
}

/* The changes of the page; returns whether there are more. */
static bool add_changes(struct page *p) {
    struct feed_change *list = calloc(2 * (p->limit + 1), sizeof *list);
    if (!list)
        abort();
    struct buf text;
    buf_init(&text, FEED_PAGE_BUF_SIZE);
    bool more = false;
    do {
        size_t room = p->limit - p->count;
        size_t count = feed_changes(&p->reader, &p->cursor, list, room + 1);
        for (size_t i = 0; i < count && !more; i++)
            more = i == room || !add_change(p, &list[i], &text);
    } while (!more && !finish_phase(p));
    p->out->failed |= text.failed;
    buf_fini(&text);
    free(list);
    return more;
}

static void write_head(struct feed_reader *r, const char *req, struct buf *out) {
    struct core *c = r->feed->core;
    char time[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(c->clock), time);
    write_req(req, out);
    buf_add_fmt(out, ",\"epoch\":\"%s\",\"time\":\"%s\",\"seq\":%" PRId64 ",\"scope\":[", c->epoch,
                time, r->now);
    bool first = true;
    for (size_t i = 0; i < r->item_count; i++) {
        if (r->items[i].removed)
            continue;
        buf_add_str(out, first ? "" : ",");
        buf_add_json_str(out, r->items[i].text, strlen(r->items[i].text));
        first = false;
    }
    buf_add_char(out, ']');
}

static void write_page(struct page *p, const char *req) {
    p->start = p->out->size;
    write_head(&p->reader, req, p->out);
    buf_add_fmt(p->out, ",\"reset\":%s,\"changes\":[", p->reset ? "true" : "false");
    bool more = add_changes(p);
    char cursor[CURSOR_SIZE_MAX + 1];
    feed_cursor_write(&p->cursor, cursor);
    buf_add_fmt(p->out, "],\"cursor\":\"%s\",\"more\":%s", cursor, more ? "true" : "false");
    if (!more) {
        int64_t count;
        uint64_t sum;
        feed_digest(&p->reader, &count, &sum);
        buf_add_fmt(p->out, ",\"digest\":{\"count\":%" PRId64 ",\"sum\":\"%016" PRIx64 "\"}", count,
                    sum);
    }
    buf_add_char(p->out, '}');
}

/* Everything that is read between these two is of one moment. */
static bool begin_reading(struct store *s, struct err *e) {
    struct err before = {0};
    store_take_error(s, &before); /* what failed earlier is not about this page */
    store_exec(s, "BEGIN");
    return store_take_error(s, e);
}

static bool end_reading(struct store *s, struct err *e) {
    store_exec(s, "COMMIT");
    if (store_take_error(s, e))
        return true;
    store_rollback(s);
    return false;
}

static bool fits(const struct buf *out, struct err *e) {
    return !out->failed || err_set(e, ERR_LIMIT, "pull page: out of memory or too large");
}

static bool answer_page(struct feed *f, const char *device, const struct request *q,
                        struct buf *out, struct err *e) {
    if (!begin_reading(f->core->store, e))
        return false;
    struct page p = {.limit = q->limit, .out = out};
    feed_reader_init(&p.reader, f, device);
    p.reader.kinds = q->kinds;
    p.reader.cutoff = record_cutoff(f->core);
    open_cursor(&p, q->cursor);
    if (p.cursor.phase == FEED_NEW)
        choose_phase(&p);
    write_page(&p, q->req);
    log_line(LOG_DEBUG, "pull device=%s kinds=%x changes=%zu bytes=%zu reset=%d", device, q->kinds,
             p.count, out->size - p.start, p.reset);
    feed_reader_fini(&p.reader);
    return end_reading(f->core->store, e) && fits(out, e);
}

bool feed_answer(struct feed *f, const char *device, const void *payload, size_t size,
                 struct buf *out, bool *ret_zlib, struct err *e) {
    struct request q = {0};
    const char *path;
    const char *code = read_request(&q, payload, size, &path);
    bool done = true;
    if (code)
        write_refusal(&q, code, path, 0, out);
    else
        done = answer_page(f, device, &q, out, e);
    *ret_zlib = q.zlib;
    json_decref(q.root);
    return done;
}

void feed_refuse_topic(const void *payload, size_t size, struct buf *out) {
    struct request q = {0};
    const char *path;
    read_request(&q, payload, size, &path);
    write_req(q.req, out);
    buf_add_str(out, ",\"error\":{\"code\":\"malformed\",\"zh\":\"应答主题不属于本设备\","
                     "\"en\":\"the response topic is not below the device's own\"}}");
    json_decref(q.root);
}

void feed_refuse_busy(const void *payload, size_t size, struct buf *out) {
    struct request q = {0};
    const char *path;
    read_request(&q, payload, size, &path);
    write_refusal(&q, "busy", "", RETRY_MS, out);
    json_decref(q.root);
}

void feed_begin_anew(struct store *s) {
    char rev[24];
    snprintf(rev, sizeof rev, "%" PRId64, store_next_rev(s));
    store_set_meta(s, FEED_META_BEGUN, rev);
}

bool feed_scope_page(struct feed *f, const char *device, struct buf *out, struct err *e) {
    struct feed_reader r;
    feed_reader_init(&r, f, device);
    write_head(&r, NULL, out);
    buf_add_str(out, ",\"changes\":[],\"more\":true}");
    feed_reader_fini(&r);
    return fits(out, e);
}
