#include "err.h"
#include "template.h"

#include <criterion/criterion.h>
#include <string.h>

static const char values_text[] = "{\"name\":\"a|b\\nc\",\"n\":12,\"half\":0.55,\"minus\":-3,"
                                  "\"zero\":0,\"none\":null,\"yes\":true,"
                                  "\"no\":false,\"deep\":{\"x\":{\"y\":\"found\"}},\"empty\":[],"
                                  "\"rows\":[{\"k\":\"one\",\"v\":1},{\"k\":\"two\",\"v\":null}]}";

/* The text with the values; NULL and the message in *e on failure. The caller frees it. */
static char *render(const char *text, struct err *e) {
    struct buf out;
    json_t *values = json_loads(values_text, 0, NULL);
    cr_assert_not_null(values);
    *e = (struct err){0};
    buf_init(&out, 4096);
    bool ok = template_render(text, values, &out, e);
    buf_add_char(&out, '\0');
    char *ret = ok ? strdup(out.data) : NULL;
    buf_fini(&out);
    json_decref(values);
    return ret;
}

static void gives(const char *text, const char *wanted) {
    struct err e;
    char *out = render(text, &e);
    cr_assert_not_null(out, "%s", e.msg);
    cr_assert_str_eq(out, wanted);
    free(out);
}

static void fails(const char *text, const char *wanted) {
    struct err e;
    char *out = render(text, &e);
    cr_assert_null(out);
    cr_assert_not_null(strstr(e.msg, wanted), "%s: %s", text, e.msg);
}

Test(template, values) {
    gives("no gaps { } here", "no gaps { } here");
    gives("{{n}} {{minus}} {{zero}} {{half}}", "12 -3 0 0.6");
    gives("{{+n}} {{+minus}} {{+zero}} {{+half}}", "+12 -3 0 +0.6");
    gives("[{{none}}] [{{absent}}] [{{deep.x.z}}]", "[—] [—] [—]");
    gives("{{deep.x.y}}", "found");
    gives("| {{name}} |", "| a\\|b c |");
}

Test(template, sections) {
    gives("{{#rows}}{{k}}={{v}} of {{n}};{{/rows}}", "one=1 of 12;two=— of 12;");
    gives("{{#empty}}x{{/empty}}{{^empty}}nothing{{/empty}}", "nothing");
    gives("{{#yes}}y{{/yes}}{{#no}}n{{/no}}{{^no}}not{{/no}}{{#zero}}z{{/zero}}", "ynot");
    gives("{{#none}}x{{/none}}{{#absent}}x{{/absent}}{{^absent}}-{{/absent}}", "-");
    gives("{{#deep}}{{x.y}} {{n}}{{/deep}}", "found 12");
    gives("{{?rows}}head {{#rows}}{{k}} {{/rows}}{{/rows}}", "head one two ");
    gives("{{?empty}}head{{/empty}}.", ".");
}

Test(template, tags_alone_on_their_lines_take_these_away) {
    gives("a\n{{#rows}}\n{{k}}\n{{/rows}}\nb\n", "a\none\ntwo\nb\n");
    gives("a\n  {{#no}}  \nx\n{{/no}}\nb\n", "a\nb\n");
    gives("a {{#yes}}\nx\n{{/yes}}", "a \nx\n");
}

Test(template, mistakes_are_named_with_their_line) {
    fails("a\n{{name", "line 2 of the template: a tag has no end");
    fails("a\n\n{{#rows}}x", "line 3 of the template: a section has no end");
    fails("{{#rows}}x{{/row}}", "line 1 of the template: a section has no end");
    fails("{{/rows}}", "line 1 of the template: a section ends that did not begin");
    fails("{{#rows}}{{/rows}}\n{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}"
          "{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}",
          "line 2 of the template: sections in sections");
}

Test(template, a_document_has_a_bound) {
    struct err e = {0};
    struct buf out;
    json_t *values = json_pack("{s:s}", "a", "0123456789");
    buf_init(&out, 32);
    cr_assert(!template_render("{{a}}{{a}}{{a}}{{a}}", values, &out, &e));
    cr_assert_eq(e.code, ERR_LIMIT);
    buf_fini(&out);
    json_decref(values);
}
