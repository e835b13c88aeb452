/* The part of Criterion that our tests use, in one header: each test runs in a process forked from
 * the runner. Criterion itself maps memory where ThreadSanitizer allows none, and does not look at
 * the exit status of a test that valgrind found fault with; builds with ZOUFANG_PLAIN_TESTS compile
 * the same test files against this header instead. */
#ifndef CRITERION_PLAIN_H
#define CRITERION_PLAIN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plain_options {
    void (*init)(void);
    void (*fini)(void);
    int timeout; /* seconds; 0: none */
};

struct plain_test {
    const char *suite, *name;
    void (*run)(void);
    struct plain_options options;
    struct plain_test *next;
};

struct plain_suite {
    const char *name;
    struct plain_options options;
    struct plain_suite *next;
};

extern struct plain_test *plain_tests;
extern struct plain_suite *plain_suites;
extern int plain_failures; /* of the running test */

#define Test(suite_, name_, ...)                                                                   \
    static void suite_##_##name_##_run(void);                                                      \
    __attribute__((constructor)) static void suite_##_##name_##_register(void) {                   \
        static struct plain_test plain_new = {.suite = #suite_,                                    \
                                              .name = #name_,                                      \
                                              .run = suite_##_##name_##_run,                       \
                                              .options = {__VA_ARGS__}};                           \
        plain_new.next = plain_tests;                                                              \
        plain_tests = &plain_new;                                                                  \
    }                                                                                              \
    static void suite_##_##name_##_run(void)

#define TestSuite(name_, ...)                                                                      \
    __attribute__((constructor)) static void name_##_suite_register(void) {                        \
        static struct plain_suite plain_new = {.name = #name_, .options = {__VA_ARGS__}};          \
        plain_new.next = plain_suites;                                                             \
        plain_suites = &plain_new;                                                                 \
    }                                                                                              \
    struct plain_suite

#define PLAIN_CHECK(fatal, condition, text, ...)                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s", __FILE__, __LINE__, text);                                \
            __VA_OPT__(fprintf(stderr, ": " __VA_ARGS__);)                                         \
            fputc('\n', stderr);                                                                   \
            plain_failures++;                                                                      \
            if (fatal)                                                                             \
                abort();                                                                           \
        }                                                                                          \
    } while (0)

#define cr_assert(c, ...) PLAIN_CHECK(1, c, #c, __VA_ARGS__)
#define cr_expect(c, ...) PLAIN_CHECK(0, c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) PLAIN_CHECK(1, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_not(c, ...) PLAIN_CHECK(0, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_null(p, ...) PLAIN_CHECK(1, (p) == NULL, #p " is null", __VA_ARGS__)
#define cr_expect_null(p, ...) PLAIN_CHECK(0, (p) == NULL, #p " is null", __VA_ARGS__)
#define cr_assert_not_null(p, ...) PLAIN_CHECK(1, (p) != NULL, #p " is not null", __VA_ARGS__)
#define cr_expect_not_null(p, ...) PLAIN_CHECK(0, (p) != NULL, #p " is not null", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) PLAIN_CHECK(1, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...) PLAIN_CHECK(0, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) PLAIN_CHECK(1, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) PLAIN_CHECK(0, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) PLAIN_CHECK(1, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) PLAIN_CHECK(0, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) PLAIN_CHECK(1, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) PLAIN_CHECK(0, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) PLAIN_CHECK(1, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) PLAIN_CHECK(0, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) PLAIN_CHECK(1, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) PLAIN_CHECK(0, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define PLAIN_STR(fatal, a, b, equal, text, ...)                                                   \
    do {                                                                                           \
        const char *plain_a = (a), *plain_b = (b);                                                 \
        bool plain_same = plain_a && plain_b && strcmp(plain_a, plain_b) == 0;                     \
        if (plain_same != (equal))                                                                 \
            fprintf(stderr, "\"%s\"\n\"%s\"\n", plain_a ? plain_a : "(null)",                      \
                    plain_b ? plain_b : "(null)");                                                 \
        PLAIN_CHECK(fatal, plain_same == (equal), text, __VA_ARGS__);                              \
    } while (0)
#define cr_assert_str_eq(a, b, ...) PLAIN_STR(1, a, b, true, #a " equals " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) PLAIN_STR(0, a, b, true, #a " equals " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) PLAIN_STR(1, a, b, false, #a " differs from " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) PLAIN_STR(0, a, b, false, #a " differs from " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, size, ...)                                                          \
    PLAIN_CHECK(1, memcmp(a, b, size) == 0, #a " equals " #b, __VA_ARGS__)
#define cr_assert_fail(...) PLAIN_CHECK(1, 0, "failed", __VA_ARGS__)
#define cr_expect_fail(...) PLAIN_CHECK(0, 0, "failed", __VA_ARGS__)
#define PLAIN_LOG(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define cr_log_info(...) PLAIN_LOG(__VA_ARGS__)
#define cr_log_warn(...) PLAIN_LOG(__VA_ARGS__)
#define cr_log_error(...) PLAIN_LOG(__VA_ARGS__)
#define PLAIN_SKIPPED 77
#define cr_skip_test(...) (__VA_OPT__(PLAIN_LOG(__VA_ARGS__), ) exit(PLAIN_SKIPPED))
#define cr_skip(...) cr_skip_test(__VA_ARGS__)

#endif
