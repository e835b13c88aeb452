#include "place.h"

#include "hlc.h"
#include "logged.h"

#include <stdio.h>
#include <string.h>

/* Cuts "-digits" off the end; false if the text does not end so. */
static bool cut_number(char *text) {
    char *dash = strrchr(text, '-');
    if (!dash || !dash[1] || dash[1 + strspn(dash + 1, "0123456789")])
        return false;
    *dash = '\0';
    return true;
}

/* Cuts a task's part, letters and digits ("-b01", "-reg"), off the end. */
static bool cut_part(char *text) {
    char *dash = strrchr(text, '-');
    if (!dash)
        return false;
    const char *p = dash + 1;
    size_t letters = strspn(p, "abcdefghijklmnopqrstuvwxyz");
    if (letters == 0 || p[letters + strspn(p + letters, "0123456789")] != '\0')
        return false;
    *dash = '\0';
    return true;
}

static bool is_subject(const char *text, struct subject *ret) {
    return subject_parse(text, strlen(text), ret) && !(ret->kinds & SUBJECT_TASK);
}

/* The subject inside a task id `{rule}-{subject}[-{part}]-{cycle}` (protocol §9). */
static bool task_subject(const char *task, char *out, struct subject *ret) {
    const char *dash = strchr(task, '-');
    const char *rest = dash ? strchr(dash + 1, '-') : NULL;
    if (!rest || strlen(rest + 1) > SUBJECT_SIZE_MAX)
        return false;
    /* The cycle is one number, or year and month. */
    for (int numbers = 1; numbers <= 2; numbers++) {
        snprintf(out, SUBJECT_SIZE_MAX + 1, "%s", rest + 1);
        if (!cut_number(out) || (numbers == 2 && !cut_number(out)))
            return false;
        if (is_subject(out, ret) || (cut_part(out) && is_subject(out, ret)))
            return true;
    }
    return false;
}

static void place_of_record(struct core *c, struct place *p) {
    unsigned char bytes[16];
    struct logged target;
    if (!uuid7_parse(p->subject, strlen(p->subject), bytes) || !logged_get(c, bytes, &target))
        return;
    p->sensitivity = target.sensitivity;
    if (target.outcome == OUTCOME_STORED)
        memcpy(p->code, target.place, 13);
}

void place_resolve(struct core *c, const char *subject, const struct subject *parsed,
                   struct place *p) {
    memset(p, 0, sizeof *p);
    if (!(parsed->kinds & SUBJECT_TASK) || !task_subject(subject, p->subject, &p->at)) {
        snprintf(p->subject, sizeof p->subject, "%s", subject);
        p->at = *parsed;
    }
    memcpy(p->code, p->at.place, sizeof p->code);
    p->named = *p->code != '\0';
    if (p->at.kinds & SUBJECT_RECORD)
        place_of_record(c, p);
}

void place_find(struct core *c, const struct record *r, struct place *p) {
    place_resolve(c, r->subject, &r->place, p);
    if (*p->code || !r->form || !r->form->place || (p->at.kinds & SUBJECT_RECORD))
        return;
    const char *code =
        json_string_value(json_object_get(json_object_get(r->json, "data"), r->form->place));
    struct subject at;
    if (!code || !subject_parse(code, strlen(code), &at) || !(at.kinds & SUBJECT_DIVISION))
        return;
    memcpy(p->at.place, at.place, sizeof p->at.place);
    p->named = true;
    if (strncmp(code, c->county, strlen(c->county)) == 0)
        memcpy(p->code, at.place, sizeof p->code);
}
