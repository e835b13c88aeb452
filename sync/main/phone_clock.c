#include "phone_private.h"

#include <string.h>

int64_t phone_wall_ms(const struct phone *p) {
    int64_t offset = p->world->told_time ? p->world->offset_ms : 0;
    return clock_wall_ms(&p->world->clock) + offset + p->clock_error_ms;
}

int64_t phone_time_ms(const struct phone *p) {
    return phone_wall_ms(p) + p->correction_ms;
}

int64_t phone_stamp(struct phone *p) {
    p->last_hlc = hlc_next(p->last_hlc, phone_time_ms(p));
    return p->last_hlc;
}

void phone_saw_stamp(struct phone *p, const char *text) {
    int64_t hlc;
    if (text && hlc_parse(text, strlen(text), &hlc) && hlc > p->last_hlc)
        p->last_hlc = hlc;
}

void phone_saw_time(struct phone *p, const char *text, int64_t round_us) {
    int64_t ms;
    if (!text || round_us < 0 || round_us > ANSWER_US_MAX || !time_parse(text, strlen(text), &ms))
        return;
    ms += round_us / 2000;
    /* The county's calendar: everybody sees it. A phone's error stays what it is against it. */
    p->world->offset_ms = ms - clock_wall_ms(&p->world->clock);
    p->world->told_time = true;
    p->correction_ms = ms - phone_wall_ms(p);
    if (!p->asks_time)
        return;
    p->asks_time = false;
    if (p->last_hlc > ms << 16)
        p->last_hlc = ms << 16;
    phone_restamp(p);
}
