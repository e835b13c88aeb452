#include "regex.h"
#include "schema.h"
#include "schema_uri.h"
#include "schema_value.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static json_t *json_of(const char *text) {
    json_error_t e;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    cr_assert(value, "%s: %s", text, e.text);
    return value;
}

static struct schema *compiled(const char *text) {
    json_t *root = json_of(text);
    struct err e = {0};
    struct schema *s = schema_compile(root, SCHEMA_ASSERT_FORMAT, &e);
    json_decref(root);
    cr_assert(s, "%s: %s", text, e.msg);
    return s;
}

/* The problems as lines "path|code|zh|en", in this order. */
static void lines(const struct problems *p, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < p->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s|%s|%s|%s", i ? "\n" : "",
                                 p->list[i].path, p->list[i].code, p->list[i].zh, p->list[i].en);
}

static void expect_json(const char *schema, const json_t *instance, const char *expected) {
    struct schema *s = compiled(schema);
    struct schema_run *r = schema_run_create();
    struct problems p = {0};
    char got[8192];
    bool valid = schema_validate(s, r, instance, "/data", &p);
    lines(&p, got, sizeof got);
    cr_expect_str_eq(got, expected);
    cr_expect_eq(valid, *expected == '\0');
    cr_expect_eq(schema_validate(s, r, instance, "", NULL), valid);
    problems_fini(&p);
    schema_run_destroy(r);
    schema_destroy(s);
}

static void expect(const char *schema, const char *instance, const char *expected) {
    json_t *value = json_of(instance);
    expect_json(schema, value, expected);
    json_decref(value);
}

Test(schema, every_error_is_reported_with_its_path_and_sentences) {
    expect("{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"photos\",\"use\"],"
           "\"properties\":{\"photos\":{\"x-label\":{\"zh\":\"照片\",\"en\":\"photos\"},"
           "\"type\":\"array\",\"minItems\":1},"
           "\"area\":{\"x-label\":{\"zh\":\"面积\",\"en\":\"area\"},\"maximum\":400},"
           "\"parts\":{\"type\":\"object\",\"properties\":{\"a/b\":{\"type\":[\"integer\","
           "\"null\"]}}},\"use\":{\"enum\":[\"x\",1,null]}}}",
           "{\"area\":400.5,\"parts\":{\"a/b\":\"\"},\"use\":2,\"zz~\":1}",
           "/data/area|range|面积不能大于400|area must be at most 400\n"
           "/data/parts/a~1b|type|a/b的类型应为空值或整数|a/b must be of type null or integer\n"
           "/data/use|enum|use应为x、1或空值|use must be one of \"x\", 1 or null\n"
           "/data/zz~0|unknown_field|不应有“zz~”这一项|zz~ is not allowed here\n"
           "/data/photos|required|缺少照片|photos is required");
}

Test(schema, bounds_have_their_sentences) {
    expect("{\"properties\":{\"a\":{\"minimum\":2},\"b\":{\"exclusiveMinimum\":0.5},"
           "\"c\":{\"exclusiveMaximum\":3},\"d\":{\"multipleOf\":0.1},\"e\":{\"minLength\":1},"
           "\"f\":{\"minLength\":2},\"g\":{\"maxLength\":2},\"h\":{\"maxItems\":1},"
           "\"i\":{\"minProperties\":2},\"j\":{\"maxProperties\":0},\"k\":{\"const\":\"甲\"}}}",
           "{\"a\":1,\"b\":0.5,\"c\":3,\"d\":0.15,\"e\":\"\",\"f\":\"水\",\"g\":\"自来水\","
           "\"h\":[1,2],\"i\":{\"x\":1},\"j\":{\"x\":1},\"k\":1}",
           "/data/a|range|a不能小于2|a must be at least 2\n"
           "/data/b|range|b必须大于0.5|b must be greater than 0.5\n"
           "/data/c|range|c必须小于3|c must be less than 3\n"
           "/data/d|range|d必须是0.1的倍数|d must be a multiple of 0.1\n"
           "/data/e|length|e不能为空|e must not be empty\n"
           "/data/f|length|f至少要有2个字|f must have at least 2 characters\n"
           "/data/g|length|g不能超过2个字|g must have at most 2 characters\n"
           "/data/h|range|h最多只能有1项|h must have at most 1 item\n"
           "/data/i|range|i至少要填2个字段|i must have at least 2 members\n"
           "/data/j|range|j最多只能填0个字段|j must have at most 0 members\n"
           "/data/k|enum|k应为甲|k must be \"甲\"");
}

Test(schema, labels_come_through_references_items_and_conditions) {
    expect("{\"x-label\":{\"zh\":\"走访\",\"en\":\"visit\"},\"minProperties\":3,"
           "\"properties\":{\"p\":{\"$ref\":\"#/$defs/photos\"},"
           "\"n\":{\"x-label\":{\"zh\":\"备注\",\"en\":\"note\"}}},"
           "\"if\":true,\"then\":{\"required\":[\"n\"]},"
           "\"$defs\":{\"photos\":{\"$ref\":\"#/$defs/list\"},\"list\":{\"x-label\":{\"zh\":"
           "\"照片\",\"en\":\"photos\"},\"items\":{\"type\":\"string\"},\"uniqueItems\":true}}}",
           "{\"p\":[1,\"a\",\"a\"]}",
           "/data|range|走访至少要填3个字段|visit must have at least 3 members\n"
           "/data/p|schema|照片中有重复的项|photos must not contain the same item twice\n"
           "/data/p/0|type|照片第1项的类型应为文本|item 1 of photos must be of type string\n"
           "/data/n|required|缺少备注|note is required");
}

Test(schema, dependencies_names_and_items) {
    expect("{\"dependentRequired\":{\"a\":[\"b\"]},\"propertyNames\":{\"maxLength\":2},"
           "\"properties\":{\"b\":{\"x-label\":{\"zh\":\"乙\",\"en\":\"second\"}},"
           "\"l\":{\"prefixItems\":[true],\"items\":false},"
           "\"m\":{\"contains\":{\"type\":\"null\"},\"maxContains\":1},"
           "\"o\":{\"contains\":true},\"n\":{\"$ref\":\"#/$defs/never\"}},"
           "\"$defs\":{\"never\":false}}",
           "{\"a\":1,\"long\":1,\"l\":[1,2],\"m\":[null,null],\"n\":0,\"o\":[]}",
           "/data/long|schema|字段名“long”不符合要求|the name \"long\" is not allowed\n"
           "/data/l/1|schema|l不应有第2项|item 2 is not allowed in l\n"
           "/data/m|range|m中符合要求的项最多只能有1项|m must have at most 1 item of the "
           "required kind\n"
           "/data/n|schema|n不允许填写|n is not allowed here\n"
           "/data/o|range|o中符合要求的项至少要有1项|o must have at least 1 item of the "
           "required kind\n"
           "/data/b|required|填写a时不能缺少乙|second is required with a");
}

Test(schema, formats_and_patterns) {
    expect(
        "{\"properties\":{\"a\":{\"format\":\"date\"},\"b\":{\"format\":\"date-time\"},"
        "\"c\":{\"format\":\"uuid\"},\"d\":{\"format\":\"regex\"},\"e\":{\"pattern\":\"^\\\\d+$\"},"
        "\"f\":{\"format\":\"email\"}}}",
        "{\"a\":\"2019-02-29\",\"b\":\"2019-06-12\",\"c\":\"x\",\"d\":\"(\",\"e\":\"1\\n\","
        "\"f\":\"no\"}",
        "/data/a|format|a应为日期,如2019-06-12|a must be a date such as 2019-06-12\n"
        "/data/b|format|b应为带时区的日期和时间,如2019-06-12T10:05:00+08:00|b must be a date and "
        "time with offset such as 2019-06-12T10:05:00+08:00\n"
        "/data/c|format|c应为UUID编号|c must be a UUID\n"
        "/data/d|format|d应为正则表达式|d must be a regular expression\n"
        "/data/e|pattern|e的格式不符合要求|e does not have the required form");
}

Test(schema, formats_are_annotations_without_the_flag) {
    json_t *root = json_of("{\"format\":\"date\"}");
    json_t *instance = json_string("no date");
    struct err e = {0};
    struct schema *s = schema_compile(root, 0, &e);
    struct schema_run *r = schema_run_create();
    cr_expect(schema_validate(s, r, instance, "", NULL));
    schema_run_destroy(r);
    schema_destroy(s);
    json_decref(instance);
    json_decref(root);
}

Test(schema, x_error_takes_the_place_of_all_that_the_subschema_reports) {
    const char *schema =
        "{\"allOf\":[{\"x-error\":{\"zh\":\"照片不合格\",\"en\":\"bad photos\"},"
        "\"properties\":{\"p\":{\"items\":{\"type\":\"string\"}}},\"required\":[\"q\",\"r\"]}],"
        "\"properties\":{\"w\":{\"minimum\":1,\"x-error\":{\"zh\":\"太小\",\"en\":\"too small\","
        "\"name\":\"w_min\",\"code\":\"range\"}}}}";
    expect(schema, "{\"p\":[1,2],\"w\":0}",
           "/data/w|range|太小|too small\n/data|schema|照片不合格|bad photos");
    expect(schema, "{\"q\":1,\"r\":1,\"w\":1}", "");
}

Test(schema, the_name_of_an_x_error_reaches_the_problem) {
    struct schema *s = compiled("{\"x-error\":{\"zh\":\"错\",\"en\":\"no\",\"name\":\"n1\"},"
                                "\"not\":{}}");
    struct schema_run *r = schema_run_create();
    struct problems p = {0};
    cr_expect_not(schema_validate(s, r, json_null(), "", &p));
    cr_assert_eq(p.count, 1);
    cr_expect_str_eq(p.list[0].name, "n1");
    problems_fini(&p);
    schema_run_destroy(r);
    schema_destroy(s);
}

Test(schema, the_closest_alternative_speaks) {
    const char *kinds =
        "{\"oneOf\":[{\"properties\":{\"kind\":{\"const\":\"a\"},\"n\":{\"type\":\"integer\"}}},"
        "{\"properties\":{\"kind\":{\"const\":\"b\"},\"n\":{\"type\":\"string\"}}}]}";
    expect(kinds, "{\"kind\":\"b\",\"n\":1}",
           "/data/n|type|n的类型应为文本|n must be of type string");
    expect(
        kinds, "{\"kind\":\"c\",\"n\":1}",
        "/data|schema|数据不符合任何一种允许的填法|the data fits none of the allowed alternatives");
    const char *grades = "{\"oneOf\":[{\"properties\":{\"kind\":{\"const\":\"a\"}}},"
                         "{\"properties\":{\"kind\":{\"const\":\"b\"},\"g\":{\"enum\":[1,2]}}}]}";
    expect(grades, "{\"kind\":\"b\",\"g\":3}", "/data/g|enum|g应为1或2|g must be one of 1 or 2");
    expect("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\",\"required\":[\"x\"]}]}", "{}",
           "/data/x|required|缺少x|x is required");
    expect("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3",
           "/data|schema|数据同时符合几种填法,只能符合其中一种|the data fits more than one of the "
           "alternatives, of which only one may fit");
    expect("{\"not\":{\"type\":\"null\"}}", "null",
           "/data|schema|数据的内容属于不允许的情形|the data is of a kind that is not allowed");
}

Test(schema, conditions_report_the_errors_of_their_branch) {
    const char *schema = "{\"if\":{\"properties\":{\"m\":{\"const\":1}}},\"then\":{\"required\":"
                         "[\"t\"]},\"else\":{\"required\":[\"e\",\"f\"]}}";
    expect(schema, "{\"m\":1}", "/data/t|required|缺少t|t is required");
    expect(schema, "{\"m\":2}",
           "/data/e|required|缺少e|e is required\n/data/f|required|缺少f|f is required");
}

Test(schema, unevaluated_members_are_unknown_fields) {
    const char *schema =
        "{\"anyOf\":[{\"required\":[\"x\"],\"properties\":{\"x\":true}},"
        "{\"required\":[\"y\"],\"properties\":{\"y\":true}}],\"properties\":{\"a\":{\"type\":"
        "\"null\"}},\"unevaluatedProperties\":false}";
    expect(schema, "{\"a\":null,\"x\":1,\"y\":2}", "");
    /* a failed member is not unknown on top of that */
    expect(schema, "{\"a\":1,\"x\":1,\"z\":2}",
           "/data/a|type|a的类型应为空值|a must be of type null\n"
           "/data/z|unknown_field|不应有“z”这一项|z is not allowed here");
    expect("{\"prefixItems\":[true],\"unevaluatedItems\":false}", "[1,2]",
           "/data/1|schema|数据不应有第2项|item 2 is not allowed in the data");
}

Test(schema, one_thing_asked_for_twice_is_one_problem) {
    expect("{\"required\":[\"a\"],\"allOf\":[{\"required\":[\"a\"]}]}", "{}",
           "/data/a|required|缺少a|a is required");
}

Test(schema, unusable_schemas_are_refused_with_a_pointer) {
    static const struct {
        const char *schema, *error;
    } cases[] = {
        {"3", ": a schema must be an object or a boolean"},
        {"{\"properties\":{\"a/b\":{\"type\":\"text\"}}}",
         "/properties/a~1b/type: must name a type"},
        {"{\"type\":[\"null\",\"null\"]}", "/type: must name different types"},
        {"{\"type\":[]}", "/type: must name a type"},
        {"{\"allOf\":[]}", "/allOf: must not be empty"},
        {"{\"allOf\":{}}", "/allOf: must be an array"},
        {"{\"items\":[true]}", "/items: a schema must be an object or a boolean"},
        {"{\"minimum\":\"1\"}", "/minimum: must be a number"},
        {"{\"multipleOf\":0}", "/multipleOf: must be greater than 0"},
        {"{\"minLength\":-1}", "/minLength: must be a whole number of 0 or more"},
        {"{\"maxItems\":1.5}", "/maxItems: must be a whole number of 0 or more"},
        {"{\"required\":[\"a\",\"a\"]}", "/required: must be a list of different names"},
        {"{\"required\":\"a\"}", "/required: must be an array"},
        {"{\"enum\":1}", "/enum: must be an array"},
        {"{\"uniqueItems\":1}", "/uniqueItems: must be a boolean"},
        {"{\"format\":1}", "/format: must be a string"},
        {"{\"title\":1}", "/title: must be a string"},
        {"{\"pattern\":\"(\"}", "/pattern: bad regular expression: a group is not closed"},
        {"{\"patternProperties\":{\"[\":true}}",
         "/patternProperties/[: bad regular expression: a character class is not closed"},
        {"{\"dependentRequired\":{\"a\":1}}",
         "/dependentRequired: must be a list of different names"},
        {"{\"$defs\":{\"x\":{\"$dynamicRef\":\"#a\"}}}",
         "/$defs/x/$dynamicRef: dynamic references are not supported"},
        {"{\"items\":{\"$ref\":\"https://example.org/a\"}}",
         "/items/$ref: leads outside the document: remote references are not supported"},
        {"{\"$ref\":\"#/$defs/x\"}", "/$ref: leads to nothing"},
        {"{\"$ref\":\"#x\"}", "/$ref: names an unknown anchor"},
        {"{\"$ref\":\"#%zz\"}", "/$ref: has a malformed fragment"},
        {"{\"$ref\":\"#/title\",\"title\":\"x\"}",
         "/title: a schema must be an object or a boolean"},
        {"{\"$ref\":\"#\"}", ": refers to itself for the same value, without end"},
        {"{\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/b\"}},\"b\":{\"anyOf\":[{\"$ref\":"
         "\"#/$defs/a\"}]}}}",
         "/$defs/a: refers to itself for the same value, without end"},
        {"{\"$id\":\"a#b\"}", "/$id: must not have a fragment"},
        {"{\"$defs\":{\"a\":{\"$id\":\"x\"},\"b\":{\"$id\":\"x\"}}}",
         "/$defs/b/$id: the same $id stands twice in the document"},
        {"{\"$anchor\":\"1\"}", "/$anchor: is not a name"},
        {"{\"$anchor\":\"a\",\"not\":{\"$anchor\":\"a\"}}",
         "/not/$anchor: the same anchor stands twice in the resource"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
         "/$schema: is not JSON Schema 2020-12"},
        {"{\"x-label\":{\"zh\":\"甲\"}}", "/x-label: needs the sentence \"en\""},
        {"{\"x-error\":{\"zh\":\"甲\",\"en\":\"a\",\"code\":\"odd\"}}",
         "/x-error: \"odd\" is not an error code"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = json_of(cases[i].schema);
        struct err e = {0};
        cr_expect_null(schema_compile(root, 0, &e), "%s", cases[i].schema);
        cr_expect_eq(e.code, ERR_USAGE, "%s", cases[i].schema);
        cr_expect_str_eq(e.msg, cases[i].error);
        json_decref(root);
    }
}

/* `opening` and `closing` repeated around `core`. */
static json_t *nested(const char *opening, const char *core, const char *closing, int depth) {
    struct buf b;
    buf_init(&b, 1u << 20);
    for (int i = 0; i < depth; i++)
        buf_add_str(&b, opening);
    buf_add_str(&b, core);
    for (int i = 0; i < depth; i++)
        buf_add_str(&b, closing);
    json_t *value = json_of(b.data);
    buf_fini(&b);
    return value;
}

Test(schema, nesting_is_bounded) {
    const char *tree = "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}";
    json_t *fits = nested("[", "[]", "]", 255);
    json_t *deep = nested("[", "[]", "]", 1500);
    expect_json(tree, fits, "");
    expect_json(tree, deep,
                "/data|schema|数据过于复杂,无法完成检查|the data is too complex to be checked");
    json_t *schema = nested("{\"not\":", "{}", "}", SCHEMA_NESTING_MAX + 1);
    struct err e = {0};
    cr_expect_null(schema_compile(schema, 0, &e));
    cr_expect_eq(e.code, ERR_USAGE);
    json_decref(schema);
    json_decref(deep);
    json_decref(fits);
}

Test(schema, a_long_chain_of_references_is_refused) {
    json_t *schema = json_object();
    json_t *definitions = json_object();
    for (int i = 0; i < SCHEMA_DEPTH_MAX + 1; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        char ref[32];
        snprintf(ref, sizeof ref, "#/$defs/d%d", i + 1);
        json_object_set_new(definitions, name, json_pack("{s:s}", "$ref", ref));
    }
    char last[16];
    snprintf(last, sizeof last, "d%d", SCHEMA_DEPTH_MAX + 1);
    json_object_set_new(definitions, last, json_true());
    json_object_set_new(schema, "$defs", definitions);
    struct err e = {0};
    cr_expect_null(schema_compile(schema, 0, &e));
    cr_expect(strstr(e.msg, "references lead on too far"), "%s", e.msg);
    json_decref(schema);
}

Test(schema, a_schema_that_doubles_at_each_step_is_bounded) {
    json_t *deep = nested("{\"x\":", "1", "}", 60);
    expect_json("{\"allOf\":[{\"properties\":{\"x\":{\"$ref\":\"#\"}}},{\"properties\":{\"x\":"
                "{\"$ref\":\"#\"}}}]}",
                deep,
                "/data|schema|数据过于复杂,无法完成检查|the data is too complex to be checked");
    json_decref(deep);
}

Test(schema, a_pattern_never_stalls) {
    char text[8192 + 3];
    memset(text, 'a', sizeof text);
    text[0] = text[sizeof text - 2] = '"';
    text[sizeof text - 3] = 'b';
    text[sizeof text - 1] = '\0';
    static const char *const patterns[] = {"(a+)+$", "(a|a)*$", "a*a*a*a*a*$", "(.*)*[cd]"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char schema[128];
        snprintf(schema, sizeof schema, "{\"pattern\":\"%s\"}", patterns[i]);
        expect(schema, text,
               "/data|pattern|数据的内容过于复杂,格式检查超出上限|the data is too complex: "
               "checking its "
               "form reached the limit");
    }
}

Test(schema, an_undecided_pattern_makes_nothing_valid) {
    char text[128];
    memset(text, 'a', sizeof text);
    strcpy(text + 100, "b");
    json_t *value = json_string(text);
    expect_json(
        "{\"not\":{\"pattern\":\"(a+)+$\"}}", value,
        "/data|pattern|数据的内容过于复杂,格式检查超出上限|the data is too complex: checking its "
        "form reached the limit");
    json_decref(value);
}

Test(schema, unique_items_of_many_kinds) {
    json_t *list = json_array();
    for (int i = 0; i < 40000; i++)
        json_array_append_new(list, i % 2 ? json_integer(i) : json_sprintf("%d", i));
    expect_json("{\"uniqueItems\":true}", list, "");
    json_array_append_new(list, json_real(39999.0));
    expect_json("{\"uniqueItems\":true}", list,
                "/data|schema|数据中有重复的项|the data must not contain the same item twice");
    json_decref(list);
    expect("{\"uniqueItems\":true}",
           "[0,1,2,3,4,5,6,7,8,{\"a\":1,\"b\":[2.0]},{\"b\":[2],\"a\":1.0}]",
           "/data|schema|数据中有重复的项|the data must not contain the same item twice");
}

static bool is_multiple(const char *value, const char *divisor) {
    json_t *v = json_of(value);
    json_t *d = json_of(divisor);
    bool result = schema_value_is_multiple(v, d);
    json_decref(v);
    json_decref(d);
    return result;
}

Test(schema, multiples_are_decimal) {
    cr_expect(is_multiple("0.3", "0.1"));
    cr_expect(is_multiple("19.99", "0.01"));
    cr_expect(is_multiple("4611686018427387905", "0.5"));
    cr_expect(is_multiple("-1e300", "1e-300"));
    cr_expect(is_multiple("9007199254740993", "3"));
    cr_expect_not(is_multiple("19.995", "0.01"));
    cr_expect_not(is_multiple("1e308", "0.123456789"));
    cr_expect_not(is_multiple("5", "1e3"));
    cr_expect_not(is_multiple("1e-300", "1"));
}

static int compare(const char *a, const char *b) {
    json_t *x = json_of(a);
    json_t *y = json_of(b);
    int result = schema_value_compare(x, y);
    json_decref(x);
    json_decref(y);
    return result;
}

Test(schema, numbers_compare_exactly) {
    cr_expect_eq(compare("9007199254740993", "9007199254740992.0"), 1);
    cr_expect_eq(compare("9007199254740992.0", "9007199254740993"), -1);
    cr_expect_eq(compare("1", "1.0"), 0);
    cr_expect_eq(compare("-1", "-1.5"), 1);
    cr_expect_eq(compare("1", "1.5"), -1);
    cr_expect_eq(compare("2.5", "1.5"), 1);
    cr_expect_eq(compare("1e300", "9223372036854775807"), 1);
    cr_expect_eq(compare("9223372036854775807", "9223372036854775808.0"), -1);
    cr_expect_eq(compare("-1e300", "-9223372036854775808"), -1);
    cr_expect_eq(compare("-9223372036854775808", "9223372036854775807"), -1);
}

static void expect_uri(const char *base, const char *reference, const char *expected) {
    char *uri = schema_uri_resolve(base, reference);
    cr_expect_str_eq(uri, expected);
    free(uri);
}

Test(schema, uris_resolve_as_in_the_examples_of_rfc_3986) {
    const char *base = "http://a/b/c/d;p?q";
    expect_uri(base, "g:h", "g:h");
    expect_uri(base, "g", "http://a/b/c/g");
    expect_uri(base, "./g/", "http://a/b/c/g/");
    expect_uri(base, "/g", "http://a/g");
    expect_uri(base, "//g", "http://g");
    expect_uri(base, "?y", "http://a/b/c/d;p?y");
    expect_uri(base, "#s", "http://a/b/c/d;p?q");
    expect_uri(base, "", "http://a/b/c/d;p?q");
    expect_uri(base, "..", "http://a/b/");
    expect_uri(base, "../../g", "http://a/g");
    expect_uri(base, "../../../g", "http://a/g");
    expect_uri(base, "/./g", "http://a/g");
    expect_uri(base, "g.", "http://a/b/c/g.");
    expect_uri(base, "./../g", "http://a/b/g");
    expect_uri(base, "g/../h", "http://a/b/c/h");
    expect_uri("", "x.json#/a", "x.json");
}

static enum regex_result match(const char *pattern, const char *text) {
    struct err e = {0};
    struct regex *re = regex_compile(pattern, strlen(pattern), &e);
    cr_assert(re, "%s: %s", pattern, e.msg);
    struct regex_scratch *t = regex_scratch_create();
    uint64_t budget = 100000;
    enum regex_result result = regex_match(re, t, text, strlen(text), &budget);
    regex_scratch_destroy(t);
    regex_destroy(re);
    return result;
}

Test(regex, means_what_ecma_262_means) {
    cr_expect_eq(match("^\\d$", "٣"), REGEX_NO);
    cr_expect_eq(match("^\\w$", "é"), REGEX_NO);
    cr_expect_eq(match("^\\s$", "\u3000"), REGEX_YES);
    cr_expect_eq(match("^[\\s]$", "\ufeff"), REGEX_YES);
    cr_expect_eq(match("^[\\S]$", "水"), REGEX_YES);
    cr_expect_eq(match("^[^\\S]$", "水"), REGEX_NO);
    cr_expect_eq(match("^.$", "\u2028"), REGEX_NO);
    cr_expect_eq(match("a$", "a\n"), REGEX_NO);
    cr_expect_eq(match("^.$", "🐲"), REGEX_YES);
    cr_expect_eq(match("^\\ud83d\\udc32$", "🐲"), REGEX_YES);
    cr_expect_eq(match("^\\u{1f432}$", "🐲"), REGEX_YES);
    cr_expect_eq(match("^[[:alpha:\\]]+$", "[:ap]"), REGEX_YES);
    cr_expect_eq(match("^[^]$", "\n"), REGEX_YES);
    cr_expect_eq(match("[]", "a"), REGEX_NO);
    cr_expect_eq(match("^(?:(a)|b)\\1$", "b"), REGEX_YES);
    cr_expect_eq(match("^(?<x>a)\\k<x>$", "aa"), REGEX_YES);
    cr_expect_eq(match("^\\p{Letter}\\p{gc=Nd}\\p{Script=Han}$", "é1水"), REGEX_YES);
    cr_expect_eq(match("^\\cA\\x41\\/$", "\x01"
                                         "A/"),
                 REGEX_YES);
    cr_expect_eq(match("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), REGEX_LIMIT);
}

Test(regex, refuses_what_ecma_262_does_not_know) {
    static const char *const bad[] = {"(",           ")",        "a**",      "a++",
                                      "+a",          "(?>a)",    "(?i)a",    "(*ACCEPT)",
                                      "\\a",         "\\Z",      "\\Qa\\E",  "[b-a]",
                                      "[\\d-a]",     "a{2,1}",   "{1}",      "a{",
                                      "]",           "}",        "\\1",      "(a)\\2",
                                      "\\k<x>",      "(?<1>a)",  "\\u12",    "\\ud800",
                                      "\\x1",        "\\p{Odd}", "\\p{^L}",  "(?=a)*",
                                      "[",           "\\",       "[\\",      "(?<a>.)(?<a>.)",
                                      "\\u{110000}", "(?#x)",    "(?R)",     "\\C",
                                      "\\pL",        "\\01",     "(?P<x>a)", "a{99999}"};
    struct regex_scratch *t = regex_scratch_create();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {0};
        cr_expect_null(regex_compile(bad[i], strlen(bad[i]), &e), "%s", bad[i]);
        cr_expect_eq(e.code, ERR_USAGE, "%s", bad[i]);
        cr_expect_not(regex_is_valid(t, bad[i], strlen(bad[i])), "%s", bad[i]);
    }
    regex_scratch_destroy(t);
}

Test(regex, all_matches_share_the_budget) {
    char text[1001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct err e = {0};
    struct regex *re = regex_compile("a[ab]c?d", 8, &e);
    struct regex_scratch *t = regex_scratch_create();
    uint64_t budget = 100000;
    cr_expect_eq(regex_match(re, t, "aad", 3, &budget), REGEX_YES);
    cr_expect_lt(budget, 100000);
    strcpy(text + 998, "d");
    budget = 100;
    cr_expect_eq(regex_match(re, t, text, 999, &budget), REGEX_LIMIT);
    cr_expect_eq(budget, 0);
    cr_expect_eq(regex_match(re, t, "aad", 3, &budget), REGEX_LIMIT);
    regex_scratch_destroy(t);
    regex_destroy(re);
}

Test(regex, patterns_are_bounded) {
    char pattern[REGEX_PATTERN_SIZE_MAX + 2];
    memset(pattern, 'a', sizeof pattern);
    struct err e = {0};
    struct regex *re = regex_compile(pattern, REGEX_PATTERN_SIZE_MAX, &e);
    cr_expect(re);
    regex_destroy(re);
    cr_expect_null(regex_compile(pattern, REGEX_PATTERN_SIZE_MAX + 1, &e));
    const char *large = "((((a{99}){99}){99}){99}){99}";
    e = (struct err){0};
    cr_expect_null(regex_compile(large, strlen(large), &e));
    struct regex_scratch *t = regex_scratch_create();
    for (int i = 0; i < 1000; i++) { /* nothing is used up by checking */
        cr_assert_not(regex_is_valid(t, large, strlen(large)));
        cr_assert(regex_is_valid(t, pattern, REGEX_PATTERN_SIZE_MAX));
    }
    regex_scratch_destroy(t);
}
