#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)
#define COUNTY_OFFSET_MS (INT64_C(8) * 3600000)

static int64_t system_wall_ms(void *ctx) {
    const struct system_clock *s = ctx;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + s->offset_ms;
}

static int64_t system_mono_us(void *ctx) {
    (void)ctx;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct clock system_clock_make(struct system_clock *s) {
    return (struct clock){system_wall_ms, system_mono_us, s};
}

void system_clock_start_at(struct system_clock *s, int64_t start_ms) {
    s->offset_ms = 0;
    s->offset_ms = start_ms - system_wall_ms(s);
}

static bool digits(const char *p, int n, int *ret) {
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = v * 10 + (p[i] - '0');
    }
    *ret = v;
    return true;
}

/* Days from civil date: Howard Hinnant's algorithm, exact for the proleptic Gregorian calendar. */
static int32_t days_from_civil(int y, int m, int d) {
    y -= m <= 2;
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int32_t z, int *ret_y, int *ret_m, int *ret_d) {
    z += 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int doe = z - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    *ret_d = doy - (153 * mp + 2) / 5 + 1;
    *ret_m = mp < 10 ? mp + 3 : mp - 9;
    *ret_y = yoe + era * 400 + (*ret_m <= 2);
}

bool date_parse(const char *text, size_t size, int32_t *ret_days) {
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y;
    int m;
    int d;
    if (size != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 4, &y) ||
        !digits(text + 5, 2, &m) || !digits(text + 8, 2, &d) || m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > month_days[m - 1] + (m == 2 && leap))
        return false;
    *ret_days = days_from_civil(y, m, d);
    return true;
}

void date_format(int32_t days, char out[11]) {
    int y;
    int m;
    int d;
    civil_from_days(days, &y, &m, &d);
    char text[48];
    snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
    memcpy(out, text, 10);
    out[10] = '\0';
}

/* "+08:00", "-00:30" or "Z" at the end of a time; minutes east of UTC. */
static bool parse_offset(const char *p, size_t size, int *ret_min) {
    int h;
    int m;
    if (size == 1 && (*p == 'Z' || *p == 'z')) {
        *ret_min = 0;
        return true;
    }
    if (size != 6 || (*p != '+' && *p != '-') || p[3] != ':' || !digits(p + 1, 2, &h) ||
        !digits(p + 4, 2, &m) || h > 23 || m > 59)
        return false;
    *ret_min = (h * 60 + m) * (*p == '-' ? -1 : 1);
    return true;
}

bool time_parse(const char *text, size_t size, int64_t *ret_ms) {
    int32_t days;
    int h;
    int m;
    int s;
    if (size < 20 || !date_parse(text, 10, &days) || (text[10] != 'T' && text[10] != 't') ||
        text[13] != ':' || text[16] != ':' || !digits(text + 11, 2, &h) ||
        !digits(text + 14, 2, &m) || !digits(text + 17, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    size_t i = 19;
    int ms = 0;
    if (text[i] == '.') {
        int weight = 100;
        size_t start = ++i;
        for (; i < size && text[i] >= '0' && text[i] <= '9'; i++, weight /= 10)
            ms += (text[i] - '0') * weight;
        if (i == start)
            return false;
    }
    int offset_min;
    if (!parse_offset(text + i, size - i, &offset_min))
        return false;
    if (s == 60 && ((h * 60 + m - offset_min) % 1440 + 1440) % 1440 != 1439)
        return false;
    int64_t second = (int64_t)h * 3600 + m * 60 + s - (int64_t)offset_min * 60;
    *ret_ms = days * DAY_MS + second * 1000 + ms;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

void time_format(int64_t ms, char out[TIME_TEXT_SIZE]) {
    int64_t days = floor_div(ms, DAY_MS);
    int rest = (int)(ms - days * DAY_MS);
    char date[11];
    date_format((int32_t)days, date);
    snprintf(out, TIME_TEXT_SIZE, "%s", date);
    snprintf(out + 10, TIME_TEXT_SIZE - 10, "T%02d:%02d:%02d.%03dZ", rest / 3600000,
             rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
}

void time_local_date(int64_t ms, char out[11]) {
    date_format((int32_t)floor_div(ms + COUNTY_OFFSET_MS, DAY_MS), out);
}
