#include "bounds.h"
#include "envelope.h"
#include "fold.h"
#include "hlc.h"
#include "payload.h"
#include "rng.h"
#include "seqset.h"
#include "slice.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- hlc */

static bool stamp(const char *text, int64_t *ret) {
    return hlc_parse(text, strlen(text), ret);
}

Test(hlc, survives_a_round_trip_and_keeps_the_order_of_the_texts) {
    static const char *const texts[] = {
        "1970-01-01T00:00:00.000Z-0000", "2019-06-12T02:00:00.000Z-0000",
        "2019-06-12T02:00:00.000Z-0001", "2019-06-12T02:00:00.000Z-ffff",
        "2019-06-12T02:00:00.001Z-0000", "2020-02-29T23:59:59.999Z-00ff"};
    int64_t before = -1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t hlc;
        char again[HLC_TEXT_SIZE];
        cr_assert(stamp(texts[i], &hlc), "%s", texts[i]);
        hlc_format(hlc, again);
        cr_assert_str_eq(again, texts[i]);
        cr_assert_gt(hlc, before);
        before = hlc;
    }
}

Test(hlc, refuses_what_is_not_exactly_a_stamp) {
    static const char *const bad[] = {"",
                                      "2019-06-12T02:00:00.000Z-000",
                                      "2019-06-12T02:00:00.000Z-00000",
                                      "2019-06-12T02:00:00.000Z-00AF",
                                      "2019-06-12T02:00:00.000Z-000g",
                                      "2019-06-12T02:00:00.00Z-00000",
                                      "2019-06-12T02:00:00.000+-0000",
                                      "2019-06-12 02:00:00.000Z-0000",
                                      "2019-02-29T02:00:00.000Z-0000",
                                      "2019-06-12T24:00:00.000Z-0000",
                                      "1969-12-31T23:59:59.999Z-0000",
                                      "2016-12-31T23:59:60.000Z-0000"};
    int64_t hlc;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(stamp(bad[i], &hlc), "%s", bad[i]);
}

Test(hlc, next_is_later_than_both) {
    cr_assert_eq(hlc_next(INT64_C(5) << 16, 7), INT64_C(7) << 16);
    cr_assert_eq(hlc_next(INT64_C(7) << 16, 7), INT64_C(7) << 16 | 1);
    cr_assert_eq(hlc_next(INT64_C(9) << 16 | 3, 7), INT64_C(9) << 16 | 4);
    cr_assert_eq(hlc_next(INT64_C(9) << 16 | 0xffff, 7), INT64_C(10) << 16, "ffff carries");
}

Test(hlc, ids_are_lower_case_uuid7) {
    static const char good[] = "016b4a00-0000-7000-8000-00000000000a";
    static const char *const bad[] = {
        "016b4a00-0000-4000-8000-00000000000a", "016b4a00-0000-7000-7000-00000000000a",
        "016B4a00-0000-7000-8000-00000000000a", "016b4a0000000-7000-8000-00000000000a",
        "016b4a00-0000-7000-8000-00000000000"};
    unsigned char id[16];
    char again[37];
    cr_assert(uuid7_parse(good, 36, id));
    uuid_format(id, again);
    cr_assert_str_eq(again, good);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(uuid7_parse(bad[i], strlen(bad[i]), id), "%s", bad[i]);
}

/* ---------------------------------------------------------------- slice */

static struct slice whole(const char *text) {
    return (struct slice){text, strlen(text)};
}

static void check_slice(struct slice s, const char *want) {
    cr_assert_eq(s.size, strlen(want), "%.*s", (int)s.size, s.text);
    cr_assert_eq(memcmp(s.text, want, s.size), 0, "%.*s", (int)s.size, s.text);
}

Test(slice, finds_members_among_others) {
    const char *text =
        " { \"a\" : \"x\\\"}\" , \"b\":[1,{\"c\":2},\"]\"],\n\"c\" : {\"b\":3} ,\"d\":-1.5e3 }";
    struct slice s;
    text++; /* objects begin at their brace */
    cr_assert(slice_member(whole(text), "a", &s));
    check_slice(s, "\"x\\\"}\"");
    cr_assert(slice_member(whole(text), "b", &s));
    check_slice(s, "[1,{\"c\":2},\"]\"]");
    cr_assert(slice_member(whole(text), "c", &s));
    check_slice(s, "{\"b\":3}");
    cr_assert(slice_member(whole(text), "d", &s));
    check_slice(s, "-1.5e3");
    cr_assert_not(slice_member(whole(text), "x", &s));
    cr_assert_not(slice_member(whole("{}"), "x", &s));
    cr_assert_not(slice_member(whole("{\"\\u0061\":1}"), "a", &s), "a key with escapes");
}

Test(slice, walks_an_array) {
    size_t pos = 0;
    struct slice s;
    const char *text = "[ {\"a\":[1]} , \"x,]\",3 ]";
    cr_assert(slice_next(whole(text), &pos, &s));
    check_slice(s, "{\"a\":[1]}");
    cr_assert(slice_next(whole(text), &pos, &s));
    check_slice(s, "\"x,]\"");
    cr_assert(slice_next(whole(text), &pos, &s));
    check_slice(s, "3");
    cr_assert_not(slice_next(whole(text), &pos, &s));
    pos = 0;
    cr_assert_not(slice_next(whole("[ ]"), &pos, &s));
}

/* ---------------------------------------------------------------- payload */

static bool expands(const void *data, size_t size, struct buf *out, const char **code) {
    buf_init(out, PAYLOAD_EXPANDED_SIZE_MAX);
    return payload_expand(data, size, out, code);
}

/* `{` spaces `}` of a size, as one zlib stream. */
static void compressed(size_t size, struct buf *out) {
    char *text = malloc(size);
    memset(text, ' ', size);
    text[0] = '{';
    text[size - 1] = '}';
    buf_init(out, 2 * PAYLOAD_EXPANDED_SIZE_MAX);
    cr_assert(payload_compress(text, size, out));
    free(text);
}

Test(payload, plain_and_compressed_are_the_same) {
    struct buf z;
    struct buf out;
    const char *code;
    cr_assert(expands("{\"v\":1}", 7, &out, &code));
    cr_assert_str_eq(out.data, "{\"v\":1}");
    buf_fini(&out);
    buf_init(&z, 1000);
    cr_assert(payload_compress("{\"v\":1}", 7, &z));
    cr_assert(expands(z.data, z.size, &out, &code));
    cr_assert_str_eq(out.data, "{\"v\":1}");
    buf_fini(&out);
    cr_assert_not(expands(z.data, z.size - 1, &out, &code), "cut short");
    cr_assert_str_eq(code, "malformed");
    buf_fini(&out);
    buf_add_char(&z, 'x');
    cr_assert_not(expands(z.data, z.size, &out, &code), "something after it");
    buf_fini(&out);
    buf_fini(&z);
}

Test(payload, expanded_size_at_the_limit_and_one_past_it) {
    struct buf z;
    struct buf out;
    const char *code;
    compressed(PAYLOAD_EXPANDED_SIZE_MAX, &z);
    cr_assert(expands(z.data, z.size, &out, &code));
    cr_assert_eq(out.size, PAYLOAD_EXPANDED_SIZE_MAX);
    buf_fini(&out);
    buf_fini(&z);
    compressed(PAYLOAD_EXPANDED_SIZE_MAX + 1, &z);
    cr_assert_not(expands(z.data, z.size, &out, &code));
    cr_assert_str_eq(code, "too_large");
    buf_fini(&out);
    buf_fini(&z);
}

Test(payload, received_size_at_the_limit_and_one_past_it) {
    struct buf out;
    const char *code;
    char *text = malloc(PAYLOAD_SIZE_MAX + 1);
    memset(text, ' ', PAYLOAD_SIZE_MAX + 1);
    text[0] = '{';
    cr_assert(expands(text, PAYLOAD_SIZE_MAX, &out, &code));
    buf_fini(&out);
    cr_assert_not(expands(text, PAYLOAD_SIZE_MAX + 1, &out, &code));
    cr_assert_str_eq(code, "too_large");
    buf_fini(&out);
    free(text);
}

Test(payload, refuses_what_begins_otherwise) {
    static const char *const bad[] = {"[1]", " {}", "\xef\xbb\xbf{}", "x\x9c", "\x1f\x8b\x08"};
    struct buf out;
    const char *code;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(expands(bad[i], strlen(bad[i]), &out, &code), "%zu", i);
        cr_assert_str_eq(code, "malformed");
        buf_fini(&out);
    }
    cr_assert_not(expands("", 0, &out, &code));
}

Test(payload, parses_objects_with_unique_keys) {
    json_t *v = payload_parse("{\"a\":{\"b\":1}}", 13);
    cr_assert(v != NULL);
    json_decref(v);
    cr_assert(payload_parse("{\"a\":1,\"a\":2}", 13) == NULL);
    cr_assert(payload_parse("{\"x\":{\"a\":1,\"a\":2}}", 19) == NULL);
    cr_assert(payload_parse("[1]", 3) == NULL);
    cr_assert(payload_parse("{} x", 4) == NULL);
    cr_assert(payload_parse("{\"a\":\"\xff\"}", 9) == NULL);
    cr_assert(payload_parse("{\"a\":NaN}", 9) == NULL);
}

/* ---------------------------------------------------------------- seqset */

static void check_set(const struct seqset *s, const char *want, const char *want_gaps) {
    struct buf b;
    buf_init(&b, 4096);
    seqset_write(s, &b);
    cr_assert_str_eq(b.data ? b.data : "", want);
    buf_clear(&b);
    seqset_write_gaps(s, 32, &b);
    cr_assert_str_eq(b.data, want_gaps);
    buf_fini(&b);
}

Test(seqset, ranges_grow_and_join) {
    struct seqset s = {0};
    check_set(&s, "", "[]");
    cr_assert(seqset_add(&s, 2));
    cr_assert_eq(seqset_upto(&s), 0);
    check_set(&s, "2-2", "[[1,1]]");
    cr_assert(seqset_add(&s, 1));
    cr_assert_not(seqset_add(&s, 2));
    cr_assert_eq(seqset_upto(&s), 2);
    cr_assert(seqset_add(&s, 6));
    cr_assert(seqset_add(&s, 4));
    check_set(&s, "1-2,4-4,6-6", "[[3,3],[5,5]]");
    cr_assert(seqset_add(&s, 5));
    check_set(&s, "1-2,4-6", "[[3,3]]");
    cr_assert(seqset_add(&s, 3));
    cr_assert_eq(seqset_upto(&s), 6);
    check_set(&s, "1-6", "[]");
    seqset_fini(&s);
}

Test(seqset, agrees_with_an_array) {
    enum { N = 300 };
    struct seqset s = {0};
    struct seqset again = {0};
    bool in[N + 1] = {false};
    struct rng_seeded chance;
    struct rng r = rng_seeded_make(&chance, 11);
    struct buf b;
    buf_init(&b, 65536);
    for (int i = 0; i < 1000; i++) {
        int64_t n = 1 + rng_below(&r, N);
        cr_assert_eq(seqset_add(&s, n), !in[n]);
        in[n] = true;
        int64_t upto = 0;
        while (upto < N && in[upto + 1])
            upto++;
        cr_assert_eq(seqset_upto(&s), upto);
        buf_clear(&b);
        seqset_write(&s, &b);
        cr_assert(seqset_parse(&again, b.data));
        cr_assert_eq(again.count, s.count);
        cr_assert_eq(memcmp(again.ranges, s.ranges, s.count * sizeof *s.ranges), 0);
    }
    buf_fini(&b);
    seqset_fini(&s);
    seqset_fini(&again);
}

Test(seqset, stays_bounded_and_tells_the_lowest_gaps) {
    struct seqset s = {0};
    struct buf b;
    buf_init(&b, 4096);
    for (int64_t n = 0; n < 2 * SEQSET_RANGES_MAX; n++)
        cr_assert(seqset_add(&s, 2 + 2 * n));
    cr_assert_eq(s.count, SEQSET_RANGES_MAX);
    seqset_write_gaps(&s, 2, &b);
    cr_assert(strncmp(b.data, "[[1,1],[", 8) == 0, "%s", b.data);
    buf_fini(&b);
    seqset_fini(&s);
}

Test(seqset, refuses_malformed_text) {
    static const char *const bad[] = {"x",   "1",       "1-",      "3-2",
                                      "0-1", "1-2,2-3", "5-6,1-2", "1-2;3-4"};
    struct seqset s = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(seqset_parse(&s, bad[i]), "%s", bad[i]);
    cr_assert(seqset_parse(&s, ""));
    cr_assert_eq(s.count, 0);
    seqset_fini(&s);
}

/* ---------------------------------------------------------------- fold */

#define HOURS(n) (INT64_C(3600000) * (n))

/* ids whose tails are "00000000000N" */
static const char *const ids[] = {
    "016b4a00-0000-7000-8000-000000000000", "016b4a00-0000-7000-8000-000000000001",
    "016b4a00-0000-7000-8000-000000000002", "016b4a00-0000-7000-8000-000000000003"};

struct told {
    const char *author;
    int64_t ms;
    const char *value; /* JSON */
    const char *base;  /* JSON or NULL */
    bool stale, imported;
};

/* Folds one fact told by up to four records; in *ret, and as text "value|seen|losers". */
static void fold_text(const struct told *t, size_t count, bool backwards, char *out, size_t size) {
    struct fold_source sources[4];
    struct fold_write writes[4];
    json_t *values[4];
    for (size_t k = 0; k < count; k++) {
        size_t i = backwards ? count - 1 - k : k;
        values[k] = json_loads(t[i].value, JSON_DECODE_ANY, NULL);
        sources[k] =
            (struct fold_source){.id = ids[i],
                                 .hlc = t[i].ms << 16,
                                 .author = t[i].author,
                                 .imported = t[i].imported,
                                 .current = !t[i].stale,
                                 .base = t[i].base ? json_loads(t[i].base, 0, NULL) : NULL};
        writes[k] = (struct fold_write){"f", values[k], &sources[k]};
    }
    struct fold f = fold_make(writes, count);
    char *value = json_object_get(f.doc, "f")
                      ? json_dumps(json_object_get(f.doc, "f"), JSON_ENCODE_ANY | JSON_COMPACT)
                      : strdup("-");
    size_t n = (size_t)snprintf(out, size, "%s|", value);
    for (size_t i = 0; i < json_array_size(json_object_get(f.seen, "f")); i++)
        n += (size_t)snprintf(out + n, size - n, "%s",
                              json_string_value(json_array_get(json_object_get(f.seen, "f"), i)) +
                                  11);
    n += (size_t)snprintf(out + n, size - n, "|");
    for (size_t i = 0; i < json_array_size(f.conflicts); i++)
        n += (size_t)snprintf(out + n, size - n, "%s",
                              json_string_value(json_object_get(
                                  json_object_get(json_array_get(f.conflicts, i), "loser"), "id")) +
                                  35);
    free(value);
    fold_fini(&f);
    for (size_t k = 0; k < count; k++) {
        json_decref(values[k]);
        json_decref(sources[k].base);
    }
}

static void check_fold(const struct told *t, size_t count, const char *want) {
    char out[200];
    fold_text(t, count, false, out, sizeof out);
    cr_assert_str_eq(out, want);
    fold_text(t, count, true, out, sizeof out);
    cr_assert_str_eq(out, want, "in the other order: %s", out);
}
#define CHECK_FOLD(want, ...)                                                                      \
    check_fold((const struct told[]){__VA_ARGS__},                                                 \
               sizeof((const struct told[]){__VA_ARGS__}) / sizeof(struct told), want)

Test(fold, the_greatest_stamp_wins_then_the_greatest_id) {
    CHECK_FOLD("2|1|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "a", .ms = 2, .value = "2"});
    CHECK_FOLD("1|0|", {.author = "a", .ms = 2, .value = "1"},
               {.author = "a", .ms = 1, .value = "2"});
    CHECK_FOLD("2|1|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "a", .ms = 1, .value = "2"});
}

Test(fold, null_is_a_value_and_stale_writes_are_none) {
    CHECK_FOLD("null|1|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "a", .ms = 2, .value = "null"});
    CHECK_FOLD("1|0|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "a", .ms = 2, .value = "2", .stale = true});
    CHECK_FOLD("-||", {.author = "a", .ms = 1, .value = "1", .stale = true});
}

Test(fold, conflicts_are_of_others_with_other_values_not_shown) {
    CHECK_FOLD("2|10|0", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[]}"});
    CHECK_FOLD("1|1|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2, .value = "1", .base = "{\"f\":[]}"});
    CHECK_FOLD("[1,2]|10|0", {.author = "a", .ms = 1, .value = "[2,1]"},
               {.author = "b", .ms = 2, .value = "[1,2]", .base = "{\"f\":[]}"});
    CHECK_FOLD("2|1|", {.author = "a", .ms = 1, .value = "1", .imported = true},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[]}"});
    CHECK_FOLD("2|1|", {.author = "a", .ms = 1, .value = "1", .stale = true},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[]}"});
    CHECK_FOLD("2|1|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[\"000000000000\"]}"});
}

Test(fold, what_is_reached_through_others_was_shown) {
    CHECK_FOLD("3|2|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[\"000000000000\"]}"},
               {.author = "c", .ms = 3, .value = "3", .base = "{\"f\":[\"000000000001\"]}"});
    CHECK_FOLD(
        "3|2|", {.author = "a", .ms = 1, .value = "1"},
        {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[\"000000000000\"]}", .stale = true},
        {.author = "c", .ms = 3, .value = "3", .base = "{\"f\":[\"000000000001\"]}"});
    CHECK_FOLD("3|20|0", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"f\":[]}"},
               {.author = "c", .ms = 3, .value = "3", .base = "{\"f\":[\"000000000001\"]}"});
}

Test(fold, without_base_72_hours_decide) {
    CHECK_FOLD("2|10|0", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 1 + HOURS(72), .value = "2"});
    CHECK_FOLD("2|1|", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2 + HOURS(72), .value = "2"});
    CHECK_FOLD("2|10|0", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2 + HOURS(72), .value = "2", .base = "{\"f\":[]}"});
    CHECK_FOLD("2|10|0", {.author = "a", .ms = 1, .value = "1"},
               {.author = "b", .ms = 2, .value = "2", .base = "{\"g\":[]}"});
}

/* ---------------------------------------------------------------- envelope */

static struct form_catalog *catalog;
static struct form_run *run;

static void load(void) {
    struct err e = {0};
    catalog = form_catalog_load(SOURCE_DIR "/schema", &e);
    cr_assert(catalog != NULL, "%s", e.msg);
    run = form_run_create(catalog, &e);
    cr_assert(run != NULL, "%s", e.msg);
}

static void unload(void) {
    form_run_destroy(run);
    form_catalog_destroy(catalog);
}

TestSuite(envelope, .init = load, .fini = unload);

#define RECORD                                                                                     \
    "{\"id\":\"016b4a01-0000-7000-8000-000000000001\",\"seq\":1,\"form\":\"hh.facts\",\"fv\":1,"   \
    "\"subject\":\"340825104299-03-0017\",\"hlc\":\"2019-06-12T02:01:00.000Z-0000\","              \
    "\"by\":\"C-00412\",\"data\":{\"set\":{\"farmland_mu\":3.2},\"reason\":\"x\"}}"
#define ENVELOPE(records) "{\"v\":1,\"device\":\"d-1\",\"records\":[" records "]}"

static struct envelope *decode(const char *text) {
    return envelope_decode(catalog, run, "d-1", "", text, strlen(text));
}

static void check_refused(const char *text, const char *code, const char *path) {
    struct envelope *v = decode(text);
    cr_assert_eq(v->problems.count, 1, "%s", text);
    cr_assert_str_eq(v->problems.list[0].code, code, "%s", text);
    cr_assert_str_eq(v->problems.list[0].path, path, "%s", text);
    cr_assert_eq(v->raw_size, strlen(text));
    cr_assert_eq(memcmp(v->raw, text, v->raw_size), 0, "the bytes are kept");
    envelope_destroy(v);
}

Test(envelope, payloads_are_refused_as_a_whole) {
    check_refused("{", "malformed", "");
    check_refused("[]", "malformed", "");
    check_refused("{\"v\":1,\"v\":1,\"device\":\"d-1\",\"records\":[" RECORD "]}", "malformed", "");
    check_refused("{\"v\":2,\"device\":\"d-1\",\"records\":[" RECORD "]}", "version", "/v");
    check_refused("{\"v\":1,\"device\":\"d-2\",\"records\":[" RECORD "]}", "device", "/device");
}

static char *envelope_of(size_t count, size_t padding) {
    struct buf b;
    buf_init(&b, PAYLOAD_EXPANDED_SIZE_MAX);
    buf_add_str(&b, "{\"v\":1,\"device\":\"d-1\",\"records\":[");
    for (size_t i = 0; i < count; i++) {
        buf_add_str(&b, i ? "," : "");
        buf_add_str(&b, "{\"pad\":\"");
        for (size_t k = 0; k < padding; k++)
            buf_add_char(&b, 'x');
        buf_add_str(&b, "\",");
        buf_add_str(&b, &RECORD[1]); /* without its brace */
    }
    buf_add_str(&b, "]}");
    return b.data;
}

Test(envelope, number_of_records_at_the_limit_and_one_past_it) {
    char *text = envelope_of(ENVELOPE_RECORDS_MAX, 0);
    struct envelope *v = decode(text);
    cr_assert_eq(v->problems.count, 0);
    cr_assert_eq(v->count, ENVELOPE_RECORDS_MAX);
    envelope_destroy(v);
    free(text);
    text = envelope_of(ENVELOPE_RECORDS_MAX + 1, 0);
    check_refused(text, "too_large", "/records");
    free(text);
}

Test(envelope, size_of_a_record_at_the_limit_and_one_past_it) {
    size_t own = strlen(RECORD) + strlen("\"pad\":\"\",");
    for (size_t more = 0; more < 2; more++) {
        char *text = envelope_of(1, RECORD_SIZE_MAX - own + more);
        struct envelope *v = decode(text);
        cr_assert_eq(v->count, 1);
        cr_assert_eq(v->records[0].text.size, RECORD_SIZE_MAX + more);
        /* A text member longer than TEXT_SIZE_MAX is its own error; the record's size is another.
         */
        bool too_large = false;
        for (size_t i = 0; i < v->records[0].problems.count; i++)
            too_large =
                too_large || (strcmp(v->records[0].problems.list[i].code, "too_large") == 0 &&
                              strcmp(v->records[0].problems.list[i].path, "") == 0);
        cr_assert_eq(too_large, more == 1);
        envelope_destroy(v);
        free(text);
    }
}

Test(envelope, a_record_says_what_it_is) {
    struct envelope *v = decode(ENVELOPE(RECORD));
    cr_assert_eq(v->count, 1);
    const struct record *r = &v->records[0];
    cr_assert_eq(r->state, RECORD_FIT);
    cr_assert_eq(r->seq, 1);
    cr_assert_str_eq(r->form_id, "hh.facts");
    cr_assert_str_eq(r->author, "C-00412");
    cr_assert_str_eq(r->place.place, "340825104299");
    cr_assert_not(r->has_amends);
    cr_assert_eq(r->text.size, strlen(RECORD));
    cr_assert_eq(memcmp(r->text.text, RECORD, r->text.size), 0, "kept as it came");
    envelope_destroy(v);
}

/* RECORD with a member replaced. */
static void check_member(const char *key, const char *value, enum record_state state,
                         const char *code) {
    json_t *record = json_loads(RECORD, 0, NULL);
    json_t *root = json_pack("{s:i, s:s, s:[O]}", "v", 1, "device", "d-1", "records", record);
    if (value)
        json_object_set_new(record, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(record, key);
    char *text = json_dumps(root, 0);
    struct envelope *v = decode(text);
    cr_assert_eq(v->count, 1);
    cr_assert_eq(v->records[0].state, state, "%s %s", key, value ? value : "absent");
    cr_assert_geq(v->records[0].problems.count, 1);
    cr_assert_str_eq(v->records[0].problems.list[0].code, code, "%s %s", key, value ? value : "");
    envelope_destroy(v);
    free(text);
    json_decref(root);
    json_decref(record);
}

Test(envelope, malformed_members_are_named) {
    check_member("id", "\"016b4a01-0000-4000-8000-000000000001\"", RECORD_MALFORMED, "format");
    check_member("id", NULL, RECORD_MALFORMED, "required");
    check_member("seq", "0", RECORD_MALFORMED, "range");
    check_member("seq", "1.5", RECORD_MALFORMED, "type");
    check_member("hlc", "\"2019-06-12\"", RECORD_MALFORMED, "format");
    check_member("hlc", NULL, RECORD_MALFORMED, "required");
    check_member("by", "7", RECORD_MALFORMED, "type");
    check_member("amends", "\"x\"", RECORD_MALFORMED, "format");
    check_member("data", NULL, RECORD_MALFORMED, "required");
    check_member("form", "\"no.such\"", RECORD_NO_FORM, "unknown_form");
    check_member("fv", "99", RECORD_NO_FORM, "unknown_form");
    check_member("subject", "\"340825104299\"", RECORD_UNFIT, "subject");
    check_member("data", "{\"set\":{\"farmland_mu\":-1},\"reason\":\"x\"}", RECORD_UNFIT, "range");
}

Test(envelope, same_content_leaves_out_stamp_and_number) {
    json_t *a = json_loads(RECORD, 0, NULL);
    json_t *b = json_loads(RECORD, 0, NULL);
    cr_assert(record_same_content(a, b));
    json_object_set_new(b, "seq", json_integer(77));
    json_object_set_new(b, "hlc", json_string("2019-06-12T02:01:00.000Z-0007"));
    cr_assert(record_same_content(a, b));
    json_object_set_new(b, "by", json_string("C-00413"));
    cr_assert_not(record_same_content(a, b));
    json_object_set_new(b, "by", json_string("C-00412"));
    json_object_set_new(json_object_get(json_object_get(b, "data"), "set"), "farmland_mu",
                        json_integer(4));
    cr_assert_not(record_same_content(a, b));
    json_decref(a);
    json_decref(b);
}
