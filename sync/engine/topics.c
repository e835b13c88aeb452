#include "topics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TASK_ID_SIZE_MAX 120
#define FORM_ID_SIZE_MAX 60

static bool all_of(const char *text, const char *allowed, size_t size_min, size_t size_max) {
    size_t size = strlen(text);
    return size >= size_min && size <= size_max && strspn(text, allowed) == size;
}

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

bool topic_id_valid(const char *id) {
    return all_of(id, LOWER DIGITS "-", 3, PRINCIPAL_SIZE_MAX);
}

bool topic_county_valid(const char *county) {
    return all_of(county, DIGITS, 6, 6);
}

static bool code_valid(const char *code, const char *county) {
    return all_of(code, DIGITS, 12, 12) && strncmp(code, county, 6) == 0;
}

/* "zf/1/{county}/" and the rest; false if a part was found malformed before. */
__attribute__((format(printf, 4, 5))) static bool
build(char out[TOPIC_SIZE_MAX], const char *county, bool ok, const char *fmt, ...) {
    out[0] = 0;
    if (!ok || !topic_county_valid(county))
        return false;
    int n = snprintf(out, TOPIC_SIZE_MAX, "zf/1/%s/", county);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(out + n, TOPIC_SIZE_MAX - (size_t)n, fmt, ap);
    va_end(ap);
    if (m >= 0 && m < TOPIC_SIZE_MAX - n)
        return true;
    out[0] = 0;
    return false;
}

/* ---- what comes -------------------------------------------------------------------------------
 */

/* The rest of the topic after "{county}/", or NULL. */
static const char *below_root(const char *topic, const char *county) {
    char root[TOPIC_SIZE_MAX];
    if (!build(root, county, true, "%s", ""))
        return NULL;
    size_t size = strlen(root);
    return strncmp(topic, root, size) == 0 ? topic + size : NULL;
}

/* Takes "{id}/" off the front. */
static bool take_id(const char **rest, char out[PRINCIPAL_SIZE_MAX + 1]) {
    size_t size = strcspn(*rest, "/");
    if (size > PRINCIPAL_SIZE_MAX || (*rest)[size] != '/')
        return false;
    memcpy(out, *rest, size);
    out[size] = 0;
    *rest += size + 1;
    return topic_id_valid(out);
}

static enum topic_kind leaf_kind(const char *leaf) {
    if (strcmp(leaf, "records") == 0)
        return TOPIC_RECORDS;
    if (strcmp(leaf, "pull") == 0)
        return TOPIC_PULL;
    return strcmp(leaf, "enrol") == 0 ? TOPIC_ENROL : TOPIC_UNKNOWN;
}

bool topic_parse(const char *topic, const char *county, struct topic_in *ret) {
    struct topic_in in = {0};
    *ret = in;
    const char *rest = below_root(topic, county);
    if (!rest)
        return false;
    bool relayed = strncmp(rest, "relay/", 6) == 0;
    if (!relayed && strncmp(rest, "up/", 3) != 0)
        return false;
    rest += relayed ? 6 : 3;
    if ((relayed && !take_id(&rest, in.relay)) || !take_id(&rest, in.device))
        return false;
    in.kind = leaf_kind(rest);
    if (in.kind == TOPIC_UNKNOWN || (relayed && in.kind == TOPIC_ENROL))
        return false;
    *ret = in;
    return true;
}

bool topic_is_below_down(const char *topic, const char *county, const char *device) {
    const char *rest = below_root(topic, county);
    size_t size = strlen(device);
    return rest && strncmp(rest, "down/", 5) == 0 && strncmp(rest + 5, device, size) == 0 &&
           rest[5 + size] == '/' && rest[6 + size] != 0 && !strpbrk(rest, "+#");
}

/* ---- what goes --------------------------------------------------------------------------------
 */

bool topic_down(char out[TOPIC_SIZE_MAX], const char *county, const char *device, const char *relay,
                const char *leaf) {
    bool ok = topic_id_valid(device);
    if (!relay || !*relay)
        return build(out, county, ok, "down/%s/%s", device, leaf);
    return build(out, county, ok && topic_id_valid(relay), "via/%s/%s/%s", relay, device, leaf);
}

bool topic_head(char out[TOPIC_SIZE_MAX], const char *county, const char *village) {
    bool ok = code_valid(village, county);
    return build(out, county, ok, "village/%.3s/%.3s/head", ok ? village + 6 : "",
                 ok ? village + 9 : "");
}

bool topic_task(char out[TOPIC_SIZE_MAX], const char *county, const char *village,
                const char *task) {
    bool ok =
        code_valid(village, county) && all_of(task, LOWER UPPER DIGITS "~.-", 1, TASK_ID_SIZE_MAX);
    return build(out, county, ok, "village/%.3s/%.3s/tasks/%s", ok ? village + 6 : "",
                 ok ? village + 9 : "", task);
}

bool topic_status(char out[TOPIC_SIZE_MAX], const char *county, const char *code) {
    if (!code_valid(code, county))
        return build(out, county, false, "%s", "");
    if (strcmp(code + 6, "000000") == 0)
        return build(out, county, true, "status");
    if (strcmp(code + 9, "000") == 0)
        return build(out, county, true, "status/%.3s", code + 6);
    return build(out, county, true, "status/%.3s/%.3s", code + 6, code + 9);
}

bool topic_catalog(char out[TOPIC_SIZE_MAX], const char *county) {
    return build(out, county, true, "catalog");
}

bool topic_catalog_form(char out[TOPIC_SIZE_MAX], const char *county, const char *form, int fv) {
    bool ok = fv > 0 && all_of(form, LOWER DIGITS "._-", 1, FORM_ID_SIZE_MAX);
    return build(out, county, ok, "catalog/%s/%d", form, fv);
}

bool topic_server(char out[TOPIC_SIZE_MAX], const char *county) {
    return build(out, county, true, "server");
}

bool topic_bulletin(char out[TOPIC_SIZE_MAX], const char *county, const char *month) {
    bool ok = strlen(month) == 7 && month[4] == '-' && all_of(month, DIGITS "-", 7, 7);
    return build(out, county, ok, "bulletin/%s", month);
}

bool topic_metrics(char out[TOPIC_SIZE_MAX], const char *county) {
    return build(out, county, true, "metrics");
}

bool topic_server_filter(char out[TOPIC_SIZE_MAX], const char *county, int index) {
    static const char *const filters[] = {"up/+/records", "up/+/pull", "up/+/enrol",
                                          "relay/+/+/records", "relay/+/+/pull"};
    bool ok = index >= 0 && index < (int)(sizeof filters / sizeof filters[0]);
    return build(out, county, ok, "%s", ok ? filters[index] : "");
}
