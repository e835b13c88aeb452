#include "schema_uri.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
    const char *at;
    size_t size;
};

/* RFC 3986: scheme ":" ["//" authority] path ["?" query]. The fragment is cut off before. Each
 * part but the path includes its delimiter, so an absent one is empty. */
struct uri {
    struct part scheme, authority, path, query;
};

static bool scheme_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

static struct part cut(const char **at, size_t size) {
    struct part p = {*at, size};
    *at += size;
    return p;
}

static struct uri parse(const char *text) {
    struct uri u = {0};
    const char *at = text;
    size_t scheme = 0;
    while (scheme_character(at[scheme]))
        scheme++;
    u.scheme = cut(&at, scheme > 0 && at[scheme] == ':' ? scheme + 1 : 0);
    bool has_authority = at[0] == '/' && at[1] == '/';
    u.authority = cut(&at, has_authority ? 2 + strcspn(at + 2, "/?#") : 0);
    u.path = cut(&at, strcspn(at, "?#"));
    u.query = cut(&at, strcspn(at, "#"));
    return u;
}

/* RFC 3986 §5.2.4, in place. */
static void remove_dot_segments(char *path) {
    char *out = path;
    const char *in = path;
    while (*in) {
        if (!strncmp(in, "../", 3) || !strncmp(in, "./", 2)) {
            in += in[1] == '.' ? 3 : 2;
        } else if (!strncmp(in, "/./", 3)) {
            in += 2;
        } else if (!strncmp(in, "/../", 4) || !strcmp(in, "/..") || !strcmp(in, "/.")) {
            bool up = in[2] == '.';
            bool last = in[up ? 3 : 2] == '\0';
            in += up ? 3 : 2;
            while (up && out > path && *--out != '/')
                ;
            if (last)
                *out++ = '/';
        } else if (!strcmp(in, ".") || !strcmp(in, "..")) {
            break;
        } else {
            do
                *out++ = *in++;
            while (*in && *in != '/');
        }
    }
    *out = '\0';
}

/* The base's path up to its last slash, then the reference's path. */
static char *merge(const struct uri *base, const struct part *path) {
    size_t keep = base->path.size;
    while (keep > 0 && base->path.at[keep - 1] != '/')
        keep--;
    const char *head = keep == 0 && base->authority.size > 0 && base->path.size == 0 ? "/" : "";
    char *merged = NULL;
    if (asprintf(&merged, "%s%.*s%.*s", head, (int)keep, base->path.at, (int)path->size, path->at) <
        0)
        abort();
    return merged;
}

char *schema_uri_resolve(const char *base_text, const char *reference) {
    struct uri base = parse(base_text);
    struct uri u = parse(reference);
    bool relative = u.scheme.size == 0;
    bool same_authority = relative && u.authority.size == 0;
    char *path;
    if (same_authority && u.path.size == 0) {
        path = strndup(base.path.at, base.path.size);
        if (u.query.size == 0)
            u.query = base.query;
    } else if (same_authority && u.path.at[0] != '/') {
        path = merge(&base, &u.path);
    } else {
        path = strndup(u.path.at, u.path.size);
    }
    if (!path)
        abort();
    if (u.path.size > 0)
        remove_dot_segments(path);
    if (same_authority)
        u.authority = base.authority;
    if (relative)
        u.scheme = base.scheme;
    char *whole = NULL;
    if (asprintf(&whole, "%.*s%.*s%s%.*s", (int)u.scheme.size, u.scheme.at, (int)u.authority.size,
                 u.authority.at, path, (int)u.query.size, u.query.at) < 0)
        abort();
    free(path);
    return whole;
}

static int hex_value(char c) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)((p - digits) & 15) : -1;
}

char *schema_uri_fragment(const char *reference) {
    const char *hash = strchr(reference, '#');
    char *fragment = strdup(hash ? hash + 1 : "");
    if (!fragment)
        abort();
    char *out = fragment;
    for (const char *in = fragment; *in; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = hex_value(in[1]);
        int low = high < 0 ? -1 : hex_value(in[2]);
        if (low < 0 || high * 16 + low == 0) {
            free(fragment);
            return NULL;
        }
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *out = '\0';
    return fragment;
}
