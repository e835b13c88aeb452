#include "buf.h"
#include "clock.h"
#include "hash.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <string.h>

static bool parse(const char *text, int64_t *ms) {
    return time_parse(text, strlen(text), ms);
}

Test(clock, parses_and_formats) {
    int64_t ms;
    char text[TIME_TEXT_SIZE];
    cr_assert(parse("2019-06-12T10:05:12.031+08:00", &ms));
    time_format(ms, text);
    cr_assert_str_eq(text, "2019-06-12T02:05:12.031Z");
    char date[11];
    cr_assert(parse("2019-06-30T16:00:00Z", &ms));
    time_local_date(ms, date);
    cr_assert_str_eq(date, "2019-07-01");
}

Test(clock, refuses_malformed_times) {
    static const char *const bad[] = {"2019-06-12T10:05:12",  "2019-02-29T10:05:12Z",
                                      "2019-06-12T24:00:00Z", "2019-06-12T10:05:12.Z",
                                      "2019-06-12 10:05:12Z", "2019-06-12T10:05:12+0800",
                                      "2019-06-12T23:58:60Z", "",
                                      "2019-13-01T00:00:00Z"};
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(parse(bad[i], &ms), "%s", bad[i]);
    cr_assert(parse("2016-12-31T23:59:60Z", &ms));
}

Test(clock, dates_survive_a_round_trip) {
    for (int32_t day = -200000; day < 200000; day += 7) {
        char text[11];
        int32_t again;
        date_format(day, text);
        cr_assert(date_parse(text, 10, &again) && again == day, "%s", text);
    }
}

Test(buf, keeps_its_limit) {
    struct buf b;
    buf_init(&b, 4);
    buf_add_str(&b, "1234");
    cr_assert_not(b.failed);
    buf_add_str(&b, "5");
    cr_assert(b.failed);
    cr_assert_str_eq(b.data, "1234");
    buf_fini(&b);
}

Test(buf, escapes_json) {
    struct buf b;
    buf_init(&b, 100);
    buf_add_json_str(&b, "a\"\\\n走", 7);
    cr_assert_str_eq(b.data, "\"a\\\"\\\\\\u000a走\"");
    buf_fini(&b);
}

Test(rng, seeded_repeats_and_uuids_are_well_formed) {
    struct rng_seeded s1, s2;
    struct rng r1 = rng_seeded_make(&s1, 7), r2 = rng_seeded_make(&s2, 7);
    char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE];
    uuid7_make(&r1, 1560304800000, a);
    uuid7_make(&r2, 1560304800000, b);
    cr_assert_str_eq(a, b);
    cr_assert_eq(a[14], '7');
    cr_assert_eq(strlen(a), 36);
    for (unsigned n = 0; n < 0xffff; n += 255) {
        uuid7_make_counted(&r1, 1560304800000, n, a);
        uuid7_make_counted(&r2, 1560304800000, n + 1, b);
        cr_assert(strcmp(a, b) < 0 && a[14] == '7' && strchr("89ab", a[19]), "%s %s", a, b);
    }
}

Test(hash, known_answer) {
    unsigned char d[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    sha256("abc", 3, d);
    hex_encode(d, sizeof d, hex);
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_eq(hash_head64(d), UINT64_C(0xba7816bf8f01cfea));
}
