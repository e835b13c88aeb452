#include "seqset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void seqset_fini(struct seqset *s) {
    free(s->ranges);
    *s = (struct seqset){0};
}

/* Index of the first range whose last is ≥ n. */
static size_t find(const struct seqset *s, int64_t n) {
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->ranges[mid].last < n)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void remove_at(struct seqset *s, size_t i) {
    memmove(&s->ranges[i], &s->ranges[i + 1], (s->count - i - 1) * sizeof *s->ranges);
    s->count--;
}

static void insert_at(struct seqset *s, size_t i, struct seq_range r) {
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 4;
        s->ranges = realloc(s->ranges, s->capacity * sizeof *s->ranges);
        if (!s->ranges)
            abort();
    }
    memmove(&s->ranges[i + 1], &s->ranges[i], (s->count - i) * sizeof *s->ranges);
    s->ranges[i] = r;
    s->count++;
}

static void merge_with_next(struct seqset *s, size_t i) {
    s->ranges[i].last = s->ranges[i + 1].last;
    remove_at(s, i + 1);
}

bool seqset_add(struct seqset *s, int64_t n) {
    size_t i = find(s, n);
    if (i < s->count && s->ranges[i].first <= n)
        return false;
    if (i > 0 && s->ranges[i - 1].last == n - 1) {
        s->ranges[--i].last = n;
    } else if (i < s->count && s->ranges[i].first == n + 1) {
        s->ranges[i].first = n;
    } else {
        insert_at(s, i, (struct seq_range){n, n});
    }
    if (i + 1 < s->count && s->ranges[i + 1].first == s->ranges[i].last + 1)
        merge_with_next(s, i);
    if (s->count > SEQSET_RANGES_MAX)
        merge_with_next(s, 0);
    return true;
}

int64_t seqset_upto(const struct seqset *s) {
    return s->count && s->ranges[0].first == 1 ? s->ranges[0].last : 0;
}

void seqset_write_gaps(const struct seqset *s, size_t max, struct buf *out) {
    int64_t after = 0;
    size_t written = 0;
    buf_add_char(out, '[');
    for (size_t i = 0; i < s->count && written < max; i++) {
        if (s->ranges[i].first > after + 1)
            buf_add_fmt(out, "%s[%" PRId64 ",%" PRId64 "]", written++ ? "," : "", after + 1,
                        s->ranges[i].first - 1);
        after = s->ranges[i].last;
    }
    buf_add_char(out, ']');
}

void seqset_write(const struct seqset *s, struct buf *out) {
    for (size_t i = 0; i < s->count; i++)
        buf_add_fmt(out, "%s%" PRId64 "-%" PRId64, i ? "," : "", s->ranges[i].first,
                    s->ranges[i].last);
}

bool seqset_parse(struct seqset *s, const char *text) {
    s->count = 0;
    while (*text) {
        struct seq_range r;
        int used = 0;
        if (sscanf(text, "%" SCNd64 "-%" SCNd64 "%n", &r.first, &r.last, &used) != 2 ||
            r.first < 1 || r.last < r.first ||
            (s->count && r.first <= s->ranges[s->count - 1].last))
            return false;
        insert_at(s, s->count, r);
        text += used;
        if (*text == ',')
            text++;
        else if (*text)
            return false;
    }
    return true;
}
