#include "command.h"

#include <iconv.h>

#define V "340825104299"

static char county[64];

static void setup(void) {
    make_dir(county);
    cr_assert_eq(run("init --data %s", county), 0, "%s", output);
}

static void teardown(void) {
    remove_dir(county);
}

/* One timeout for all: Criterion leaks timers of tests that differ. */
TestSuite(import, .init = setup, .fini = teardown, .timeout = 300);

static void csv(const char *text) {
    write_file(county, "t.csv", text, strlen(text));
}

static long long count(const char *sql) {
    sqlite3 *db = open_county(county);
    long long n = ask(db, sql);
    sqlite3_close(db);
    return n;
}

static int import(const char *kind, const char *options) {
    return run("import %s %s/t.csv --data %s %s", kind, county, county, options);
}

Test(import, chinese_headers_labels_and_bom) {
    csv("\xef\xbb\xbf户编号,村民组,户类型,贫困状态,四类重点对象,耕地面积(亩),唯一住房\r\n" V
        "-03-0017,3,一般贫困户,今年拟脱贫,建档立卡贫困户;低保户,3.2,是\r\n" V
        "-03-0018,3,ordinary,none,,\"1.5\",false\r\n");
    cr_assert_eq(import("households", ""), 0, "%s", output);
    cr_assert_eq(count("SELECT count(*) FROM entity WHERE kind = 'household' AND registered"), 2);
    cr_assert_eq(count("SELECT count(*) FROM entity WHERE id = '" V "-03-0017' AND "
                       "doc ->> '$.poverty_status' = 'planned_exit' AND doc ->> '$.focus' = "
                       "'[\"registered_poor\",\"dibao\"]' AND doc ->> '$.farmland_mu' = 3.2 AND "
                       "doc -> '$.sole_home' = 'true'"),
                 1);
    cr_assert_eq(count("SELECT count(*) FROM record WHERE author = 'zoufang'"), 3);
}

Test(import, english_headers_and_dates_with_slashes) {
    csv("person_id,name,sex,birth,relation,care\n" V
        "-03-0017-01,\"示例,甲\",male,1972/4/14,户主,老年人;disabled\n");
    cr_assert_eq(import("persons", ""), 0, "%s", output);
    cr_assert_eq(count("SELECT count(*) FROM entity WHERE id = '" V "-03-0017-01' AND registered "
                       "AND doc ->> '$.birth' = '1972-04-14' AND doc ->> '$.name' = '示例,甲'"),
                 1);
}

Test(import, gb18030) {
    char text[] = "单位编号,名称,级别\nU-T104,寺前镇,乡\n";
    char out[256];
    char *from = text;
    char *to = out;
    size_t left = strlen(text);
    size_t room = sizeof out;
    iconv_t cd = iconv_open("GB18030", "UTF-8");
    cr_assert_neq(iconv(cd, &from, &left, &to, &room), (size_t)-1);
    iconv_close(cd);
    write_file(county, "t.csv", out, sizeof out - room);
    cr_assert_eq(import("units", "--encoding utf-8"), 1);
    cr_assert_not_null(strstr(output, "--encoding gb18030"), "%s", output);
    cr_assert_eq(import("units", ""), 0, "%s", output);
    cr_assert_not_null(strstr(output, "read as gb18030"), "%s", output);
    cr_assert_eq(count("SELECT count(*) FROM entity WHERE id = 'U-T104' AND "
                       "doc ->> '$.name' = '寺前镇' AND doc ->> '$.level' = 'township'"),
                 1);
}

Test(import, every_bad_row_is_named_and_nothing_stored) {
    csv("户编号,村民组,户类型,贫困状态\n" V "-01-0001,1,ordinary,none\n" V
        "-01-0002,0,ordinary,none\n"
        "nonsense,1,ordinary,none\n" V "-01-0003,1,unknown,none\n" V
        "-01-0004,1,ordinary,exited\n" V "-01-0001,1,ordinary,none\n" V
        "-01-0005,1,ordinary,none,x\n" V "-01-0006,1,ordinary,none,,\n");
    cr_assert_eq(import("households", ""), 1);
    static const char *const said[] = {"line 3, column 2 (村民组)",
                                       "line 4, column 1 (户编号)",
                                       "line 5, column 3 (户类型)",
                                       "line 6, column 4 (贫困状态)",
                                       "line 7, column 1 (户编号)",
                                       "line 8, column 5: ",
                                       "6 bad rows"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        cr_assert_not_null(strstr(output, said[i]), "%s is missing in\n%s", said[i], output);
    cr_assert_null(strstr(output, "t.csv: line 2"), "%s", output);
    cr_assert_null(strstr(output, "t.csv: line 9"), "%s", output);
    cr_assert_eq(count("SELECT count(*) FROM entity WHERE kind = 'household'"), 0);
}

Test(import, lines_are_counted_in_the_file) {
    csv("单位编号,名称,级别\n\"U-1\",\"两\n行\",县\n\nU-2,好,no\n");
    cr_assert_eq(import("units", ""), 1);
    cr_assert_not_null(strstr(output, "line 5, column 3"), "%s", output);
    csv("单位编号,名称,级别\nU-1,\"没有结束,县\n");
    cr_assert_eq(import("units", ""), 1);
    cr_assert_not_null(strstr(output, "line 2, column 2: "), "%s", output);
    csv("单位编号,名称,级别\nU-1,好,no\nU-2,好\"的,县\nU-3,好,no\n");
    cr_assert_eq(import("units", ""), 1);
    cr_assert_not_null(strstr(output, "line 2, column 3 (级别)"), "%s", output);
    cr_assert_not_null(strstr(output, "line 3, column 2: "), "%s", output);
    cr_assert_not_null(strstr(output, "nothing after it was read"), "%s", output);
    csv("单位编号,名称,级别\rU-1,好,no\r\rU-2,\"两\r行\",no\rU-3,好,县");
    cr_assert_eq(import("units", ""), 1);
    cr_assert_not_null(strstr(output, "line 2, column 3 (级别)"), "%s", output);
    cr_assert_not_null(strstr(output, "line 4, column 3 (级别)"), "%s", output);
    cr_assert_not_null(strstr(output, "2 bad rows"), "%s", output);
}

Test(import, header_must_make_sense) {
    csv("户编号,村民组,不存在的列,group\n");
    cr_assert_eq(import("households", ""), 1);
    cr_assert_not_null(strstr(output, "column 3 (不存在的列)"), "%s", output);
    cr_assert_not_null(strstr(output, "the same as column 2"), "%s", output);
    csv("村民组\n3\n");
    cr_assert_eq(import("households", ""), 1);
    cr_assert_not_null(strstr(output, "户编号"), "%s", output);
    csv("");
    cr_assert_eq(import("households", ""), 1);
    cr_assert_eq(run("import nonsense %s/t.csv --data %s", county, county), 2);
    cr_assert_eq(run("import units /nowhere.csv --data %s", county), 3);
}

Test(import, dry_run_stores_nothing) {
    csv("单位编号,名称,级别\nU-1,示例,县\n");
    cr_assert_eq(import("units", "--dry-run"), 0, "%s", output);
    cr_assert_eq(count("SELECT count(*) FROM entity WHERE kind = 'unit'"), 0);
}

Test(import, targets_become_one_record_a_list_and_village) {
    csv("名单,对象编号\nexit_persons," V "-03-0017-01\nexit_persons," V "-03-0017-02\n"
        "villages," V "\nexit_persons,340825104200-01-0001-01\n");
    cr_assert_eq(import("targets", ""), 0, "%s", output);
    cr_assert_eq(count("SELECT count(*) FROM record WHERE form = 'register.target'"), 3);
    cr_assert_eq(count("SELECT json_array_length(body, '$.data.ids') FROM record WHERE "
                       "form = 'register.target' AND subject = '" V "' ORDER BY rec LIMIT 1"),
                 2);
    csv("名单,对象编号\nvillages," V "\nvillages," V "\nvillages,x\n");
    cr_assert_eq(import("targets", ""), 1);
    cr_assert_not_null(strstr(output, "line 3"), "%s", output);
    cr_assert_not_null(strstr(output, "line 4"), "%s", output);
}

Test(import, waits_for_another_writer_and_leaves_its_data) {
    char path[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/zoufang.db", county);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK); /* as a running server does */
    cr_assert_eq(ask(db, "SELECT count(*) FROM record"), 1);
    csv("干部编号,姓名,角色,管辖区划,在岗\nC-1,测试甲,乡镇扶贫站,340825104000;340825105000,是\n");
    cr_assert_eq(import("cadres", ""), 0, "%s", output);
    cr_assert_eq(ask(db, "SELECT count(*) FROM record"), 2);
    sqlite3_close(db);
}

/* What is exported can be imported elsewhere and says the same. */
static void round_trip(const char *from, const char *table, const char *kind) {
    cr_assert_eq(run("export %s --data %s > %s/t.csv", table, from, county), 0, "%s", output);
    cr_assert_eq(import(kind, ""), 0, "%s: %s", kind, output);
}

Test(import, takes_what_export_gives) {
    char from[64];
    make_dir(from);
    cr_assert_eq(run("init --small --data %s", from), 0, "%s", output);
    round_trip(from, "villages", "divisions");
    round_trip(from, "cadres", "cadres");
    round_trip(from, "households", "households");
    round_trip(from, "persons", "persons");
    round_trip(from, "assignments", "assignments");
    sqlite3 *db = open_county(county);
    char sql[256];
    snprintf(sql, sizeof sql, "ATTACH '%s/zoufang.db' AS o", from);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(ask(db, "SELECT count(*) FROM o.entity a WHERE (a.kind IN ('household', "
                         "'person', 'cadre', 'assignment') OR a.kind = 'division' AND "
                         "a.id NOT LIKE '%000') AND NOT EXISTS (SELECT 1 FROM main.entity b "
                         "WHERE b.kind = a.kind AND b.id = a.id AND b.doc = a.doc)"),
                 0);
    sqlite3_close(db);
    remove_dir(from);
}

Test(import, export_guards_formulas_and_streams_ndjson) {
    csv("单位编号,名称,级别\nU-1,示例,县\n");
    cr_assert_eq(import("units", ""), 0, "%s", output);
    csv("干部编号,姓名,角色,在岗\nC-1,=1+1,HL,是\n");
    cr_assert_eq(import("cadres", ""), 0, "%s", output);
    cr_assert_eq(run("export cadres --data %s", county), 0);
    cr_assert(strncmp(output, "\xef\xbb\xbf\"干部编号\",\"姓名\"", 15) == 0, "%s", output);
    cr_assert_not_null(strstr(output, "\"'=1+1\""), "%s", output);
    cr_assert_eq(run("export cadres --format ndjson --data %s", county), 0);
    cr_assert_not_null(strstr(output, "\"name\":\"=1+1\""), "%s", output);
    static const char *const kinds[] = {"households",  "persons",  "villages",
                                        "assignments", "records",  "tasks",
                                        "conflicts",   "rejected", "held"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cr_assert_eq(run("export %s --data %s", kinds[i], county), 0, "%s", output);
        cr_assert_eq(run("export %s --format ndjson --data %s", kinds[i], county), 0, "%s", output);
    }
    cr_assert_eq(run("export nonsense --data %s", county), 2);
}
