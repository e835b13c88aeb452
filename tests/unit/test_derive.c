/* The derivation engine with the county's own rules. */
#include "../contract/county_fixture.h"

static const char *const appraise_d =
    "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,\"grade\":\"D\"}";

Test(derive, slice) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "not_exited", "[\"registered_poor\"]");
    record(&c, "inspect.housing", HOUSEHOLD, "2019-06-12T10:03:00+08:00", "C-00901", appraise_d);
    derive_all(&c);
    fprintf(
        stderr, "%s\n",
        ask(&c,
            "SELECT group_concat(topic || ' ' || CAST(payload AS TEXT), char(10)) FROM retained"));
    fprintf(
        stderr, "%s\n",
        ask(&c, "SELECT group_concat(subject||' '||view||' '||place||' "
                "'||coalesce(num,'?')||'/'||coalesce(den,'?')||' '||doc, char(10)) FROM ledger"));
    fprintf(stderr, "%s\n", ask(&c, "SELECT checks FROM entity WHERE kind='household'"));
    county_stop(&c);
}
