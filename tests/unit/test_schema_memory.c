/* Validating a valid value allocates nothing: every allocation of the process is counted, those of
 * the libraries too. */
#include "schema.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static volatile size_t allocations; /* volatile: compilers take malloc to change no variable */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER 1
#endif
#endif

#ifdef SANITIZER
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *memory, size_t size) {
    (void)memory;
    (void)size;
    allocations++;
}

static void on_free(const volatile void *memory) {
    (void)memory;
}

static void count_allocations(void) {
    cr_assert(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free));
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    allocations++;
    return __libc_realloc(memory, size);
}

static void count_allocations(void) {
}
#endif

/* Every keyword that needs working memory, or a library that could want some. */
static const char everything[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"list\"],\"properties\":{"
    "\"id\":{\"format\":\"uuid\"},\"at\":{\"format\":\"date-time\"},\"re\":{\"format\":\"regex\"},"
    "\"day\":{\"format\":\"date\"},\"text\":{\"type\":\"string\",\"maxLength\":4000,"
    "\"pattern\":\"^(?:(\\\\p{L}+)|[0-9]+|\\\\s)*$\"},\"price\":{\"multipleOf\":0.01},"
    "\"list\":{\"uniqueItems\":true,\"contains\":{\"const\":3},\"prefixItems\":[true],"
    "\"items\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]},"
    "\"unevaluatedItems\":false}},"
    "\"patternProperties\":{\"^x-\":{\"enum\":[1,\"a\",{\"b\":[1]}]}},"
    "\"propertyNames\":{\"pattern\":\"^[a-z-]+$\",\"enum\":[\"id\",\"at\",\"re\",\"day\","
    "\"text\",\"price\",\"list\",\"x-a\",\"more\"]},"
    "\"anyOf\":[{\"not\":{\"required\":[\"id\"]}},{\"properties\":{\"more\":true}}],"
    "\"if\":{\"required\":[\"more\"]},\"then\":{\"dependentRequired\":{\"id\":[\"list\"]}},"
    "\"dependentSchemas\":{\"id\":{\"$ref\":\"#/$defs/any\"}},\"$defs\":{\"any\":{}},"
    "\"unevaluatedProperties\":false}";

static json_t *instance(void) {
    json_t *list = json_array();
    for (int i = 0; i < 5000; i++)
        json_array_append_new(list, i % 3 ? json_integer(i) : json_sprintf("%d", i));
    json_array_set_new(list, 3, json_integer(3));
    char text[3001];
    memset(text, 'a', sizeof text - 1);
    for (size_t i = 0; i < sizeof text - 1; i += 5)
        text[i] = ' ';
    text[sizeof text - 1] = '\0';
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:o, s:{s:[i]}, s:b}", "id",
                     "0191e0c2-0000-7000-8000-000000000001", "at", "2019-06-12T02:00:00.000Z", "re",
                     "^(?<a>[\\s\\S]+)\\k<a>$", "day", "2019-06-12", "text", text, "price", 19.99,
                     "list", list, "x-a", "b", 1, "more", 1);
}

Test(schema, a_valid_value_allocates_nothing) {
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "vgpreload"))
        cr_skip_test("valgrind puts its own malloc in the place of ours");
    json_error_t error;
    json_t *root = json_loads(everything, 0, &error);
    struct err e = {0};
    struct schema *s = schema_compile(root, SCHEMA_ASSERT_FORMAT, &e);
    cr_assert(s, "%s", e.msg);
    json_t *value = instance();
    struct schema_run *r = schema_run_create();
    struct problems p = {0};
    count_allocations();
    size_t before = allocations;
    void *volatile probe = malloc(1); /* volatile: it is not optimised away */
    free(probe);
    cr_assert_gt(allocations, before, "allocations are not counted");
    before = allocations;
    bool valid = schema_validate(s, r, value, "/data", &p);
    size_t taken = allocations - before;
    for (size_t i = 0; i < p.count; i++)
        cr_log_error("%s %s %s", p.list[i].path, p.list[i].code, p.list[i].en);
    cr_expect(valid);
    cr_expect_eq(taken, 0);
    problems_fini(&p);
    schema_run_destroy(r);
    schema_destroy(s);
    json_decref(value);
    json_decref(root);
}
