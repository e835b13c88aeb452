#include "hlc.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool hlc_parse(const char *text, size_t size, int64_t *ret_hlc) {
    int64_t ms;
    if (size != HLC_TEXT_SIZE - 1 || text[10] != 'T' || text[19] != '.' || text[23] != 'Z' ||
        text[24] != '-' || !time_parse(text, 24, &ms) || memcmp(text + 17, "60", 2) == 0)
        return false;
    int64_t counter = 0;
    for (int i = 25; i < 29; i++) {
        int v = hex_value(text[i]);
        if (v < 0)
            return false;
        counter = counter << 4 | v;
    }
    if (ms < 0 || ms > (INT64_MAX >> 16))
        return false;
    *ret_hlc = ms << 16 | counter;
    return true;
}

void hlc_format(int64_t hlc, char out[HLC_TEXT_SIZE]) {
    char time[TIME_TEXT_SIZE];
    time_format(hlc >> 16, time);
    snprintf(out, HLC_TEXT_SIZE, "%.24s-%04x", time, (unsigned)(hlc & 0xffff));
}

int64_t hlc_next(int64_t last, int64_t now_ms) {
    int64_t now = now_ms << 16;
    return now > last ? now : last + 1;
}

bool uuid7_parse(const char *text, size_t size, unsigned char out[16]) {
    if (size != 36)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-')
                return false;
            continue;
        }
        int high = hex_value(text[i]);
        int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[n++] = (unsigned char)(high << 4 | low);
        i += 2;
    }
    return out[6] >> 4 == 7 && out[8] >> 6 == 2;
}

void uuid_format(const unsigned char id[16], char out[37]) {
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[id[i] >> 4];
        *out++ = hex[id[i] & 15];
    }
    *out = '\0';
}
