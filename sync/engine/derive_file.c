#include "derive_internal.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (256u * 1024)
#define WORDS_SIZE 2048 /* of a header line */
#define COUNTED_FORM "indicator"

/* Columns that a file may return, and what stands for one that it leaves out. */
struct column {
    const char *name;
    const char *missing; /* SQL; NULL = must be there */
};

static const struct column rule_columns[] = {
    {"root", NULL},     {"subject", NULL},       {"place", NULL},      {"part", "NULL"},
    {"cycle", "1"},     {"opened", NULL},        {"due", NULL},        {"stop", "NULL"},
    {"closed", "NULL"}, {"state", "NULL"},       {"priority", ""},     {"title_zh", ""},
    {"title_en", ""},   {"assignee_role", "''"}, {"assignee", "NULL"}, {"verifier_role", "''"},
    {"cause", "NULL"},  {"milestones", "NULL"},  {"carried", "0"},     {"unattainable", "0"},
    {"class", "1"},     {"audience", "''"},
};
static const struct column view_columns[] = {
    {"subject", NULL}, {"name", NULL},  {"place", "NULL"}, {"num", "NULL"},
    {"den", "NULL"},   {"doc", "NULL"}, {"class", "NULL"}, {"audience", "NULL"},
};
static const struct column status_columns[] = {
    {"place", NULL}, {"section", NULL}, {"name", NULL}, {"value", NULL}};
static const struct column head_columns[] = {{"place", NULL}, {"seq", NULL}};

/* The value of a header line "-- key: value" at the top of the file; false if it is not there. */
static bool header(const char *sql, const char *key, char *out, size_t out_size) {
    size_t key_size = strlen(key);
    for (const char *p = sql; strncmp(p, "-- ", 3) == 0 || *p == '\n'; p++) {
        size_t size = strcspn(p, "\n");
        if (size > key_size + 4 && strncmp(p + 3, key, key_size) == 0 && p[3 + key_size] == ':') {
            const char *v = p + 4 + key_size;
            v += strspn(v, " ");
            snprintf(out, out_size, "%.*s", (int)(size - (size_t)(v - p)), v);
            while (*out && isspace((unsigned char)out[strlen(out) - 1]))
                out[strlen(out) - 1] = '\0';
            return true;
        }
        p += size;
        if (!*p)
            break;
    }
    return false;
}

/* The number of a form in masks, given at its first use. */
static int64_t form_bit(struct derive *d, const char *form) {
    sqlite3_stmt *q = derive_q(d, "form_bit");
    q_text(q, 1, form);
    if (q_row(d->store, q)) {
        int64_t bit = sqlite3_column_int64(q, 0);
        q_end(q);
        return bit;
    }
    sqlite3_stmt *add = derive_q(d, "form_add");
    q_text(add, 1, form);
    q_done(d->store, add);
    return store_failed(d->store) ? 0 : form_bit(d, form);
}

/* 0 if there are more forms than bits. */
static int64_t forms_mask(struct derive *d, char *words) {
    int64_t mask = (int64_t)1 << DERIVE_ALL_FORMS_BIT;
    char *save = NULL;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        int64_t bit = strcmp(w, "*") == 0 ? 0 : form_bit(d, w);
        if (bit >= DERIVE_ALL_FORMS_BIT)
            return 0;
        mask |= strcmp(w, "*") == 0 ? INT64_MAX : (int64_t)1 << bit;
    }
    return mask;
}

/* What a name of a header is, in temp.view_name. */
enum name_use { NAME_KEPT, NAME_PUBLISHED, NAME_OPENS, NAME_DOCUMENT, NAME_READ, NAME_COUNTS };

static void add_name(struct derive *d, const struct derive_file *f, const char *name,
                     enum name_use use) {
    sqlite3_stmt *q = derive_q(d, "view_name_add");
    q_int(q, 1, f->index);
    q_text(q, 2, name);
    q_int(q, 3, use);
    q_text(q, 4, f->level ? f->level->name : "");
    q_done(d->store, q);
}

/* The names of a header line. */
static void add_names(struct derive *d, struct derive_file *f, const char *sql, const char *key,
                      enum name_use use) {
    char words[WORDS_SIZE];
    char *save = NULL;
    if (!header(sql, key, words, sizeof words))
        return;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        bool document =
            use == NAME_PUBLISHED && f->level->document && strcmp(w, f->level->name) == 0;
        add_name(d, f, w, document ? NAME_DOCUMENT : use);
        f->document = f->document || document;
        f->reads = f->reads || use == NAME_READ;
        f->marks = f->marks || (use == NAME_KEPT && strncmp(w, "marks.", 6) == 0);
    }
}

/* The pseudo-form of what is summed in a place. */
static void note_counts(struct derive *d, const struct derive_file *f) {
    int64_t bit = (int64_t)1 << form_bit(d, COUNTED_FORM);
    if (f->level->rank == 0 || f->forms == INT64_MAX || !(f->forms & bit))
        return;
    d->counts_bit = bit;
    add_name(d, f, COUNTED_FORM, NAME_COUNTS);
}

/* Whether the SELECT may read the parameter: by its name, or by one that it computes. */
static bool may_read(const char *sql, const char *param) {
    size_t size = strlen(param);
    for (const char *p = sql; (p = strstr(p, "param("));) {
        p += strlen("param(");
        size_t named = *p == '\'' ? strcspn(p + 1, "'") : 0;
        if (named == 0 || p[2 + named] != ')')
            return true;
        if (named == size && strncmp(p + 1, param, size) == 0)
            return true;
    }
    return false;
}

/* A new day concerns what asks for it; rules always, because tasks become overdue. */
static void note_day(const struct derive *d, struct derive_file *f, const char *sql) {
    f->forms &= ~d->today_bit; /* "*" has it */
    if (f->kind == DERIVE_RULE || strstr(sql, "today("))
        f->forms |= d->today_bit;
}

static bool note_bits(struct derive *d, struct err *e) {
    int64_t today = form_bit(d, "today");
    int64_t param = form_bit(d, "param");
    int64_t file = form_bit(d, "file");
    if (today >= DERIVE_ALL_FORMS_BIT || param >= DERIVE_ALL_FORMS_BIT ||
        file >= DERIVE_ALL_FORMS_BIT)
        return err_set(e, ERR_LIMIT, "more than %d forms", DERIVE_ALL_FORMS_BIT);
    d->today_bit = (int64_t)1 << today;
    d->param_bit = (int64_t)1 << param;
    d->file_bit = (int64_t)1 << file;
    return true;
}

/* Whether the file may read the parameter; a rule also by another of its parts, or by a fold. */
static bool concerned(const struct derive *d, const struct derive_file *f, const char *param) {
    bool found = may_read(f->sql, param);
    for (size_t i = 0; !found && f->kind == DERIVE_RULE && i < d->file_count; i++) {
        const struct derive_file *g = &d->files[i];
        found = (g->kind == DERIVE_FOLD || (g->kind == DERIVE_RULE && derive_same_rule(f, g))) &&
                may_read(g->sql, param);
    }
    return found;
}

void derive_note_params(struct derive *d) {
    for (size_t i = 0; i < d->file_count; i++)
        d->files[i].forms &= ~d->param_bit; /* "*" has it */
    sqlite3_stmt *q = derive_q(d, "params_changed");
    while (q_row(d->store, q)) {
        for (size_t i = 0; i < d->file_count; i++) {
            if (concerned(d, &d->files[i], q_col(q, 0)))
                d->files[i].forms |= d->param_bit;
        }
    }
}

static bool headers_fit(const struct derive_file *f, const char *sql, struct err *e) {
    for (const char *p = sql; strncmp(p, "-- ", 3) == 0 || *p == '\n'; p++) {
        size_t size = strcspn(p, "\n");
        if (size >= WORDS_SIZE)
            return err_set(e, ERR_USAGE, "%s: a line of the header is longer than %d bytes",
                           f->path, WORDS_SIZE - 1);
        p += size;
        if (!*p)
            break;
    }
    return true;
}

static bool read_headers(struct derive *d, struct derive_file *f, const char *sql, struct err *e) {
    char words[WORDS_SIZE];
    if (f->kind == DERIVE_STATUS || f->kind == DERIVE_HEAD)
        return true;
    if (!headers_fit(f, sql, e))
        return false;
    if (header(sql, "forms", words, sizeof words))
        f->forms = forms_mask(d, words);
    else if (f->kind == DERIVE_FOLD || f->level->source == LEVEL_OF_SUMS)
        f->forms = (int64_t)1 << DERIVE_ALL_FORMS_BIT;
    else
        return err_set(e, ERR_USAGE, "%s: no header \"forms\"", f->path);
    if (f->forms == 0)
        return err_set(e, ERR_LIMIT, "%s: more than %d forms", f->path, DERIVE_ALL_FORMS_BIT);
    if (f->kind == DERIVE_FOLD)
        return true;
    if (f->level->secret && header(sql, "names", words, sizeof words))
        return err_set(e, ERR_USAGE, "%s: level %s publishes nothing", f->path, f->level->name);
    add_names(d, f, sql, "names", NAME_PUBLISHED);
    add_names(d, f, sql, "keeps", NAME_KEPT);
    add_names(d, f, sql, "opened-by", NAME_OPENS);
    add_names(d, f, sql, "reads", NAME_READ);
    note_counts(d, f);
    note_day(d, f, sql);
    return true;
}

/* ---------------------------------------------------------------- wrapping the SELECT */

static void add_sql_str(struct buf *b, const char *text) {
    buf_add_char(b, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_char(b, '\'');
        buf_add_char(b, *text);
    }
    buf_add_char(b, '\'');
}

static bool has_column(sqlite3_stmt *raw, const char *name) {
    for (int i = 0; i < sqlite3_column_count(raw); i++) {
        if (strcmp(sqlite3_column_name(raw, i), name) == 0)
            return true;
    }
    return false;
}

static bool known_column(const struct column *columns, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0)
            return true;
    }
    return false;
}

/* What is found of a lead counts nowhere. */
static bool hides_place(const struct derive_file *f) {
    return f->kind == DERIVE_VIEW && f->level->secret;
}

/* ", value" for each column: the file's own, or what stands for it. */
static bool add_columns(struct buf *b, const struct derive_file *f, sqlite3_stmt *raw,
                        const struct column *columns, size_t count, struct err *e) {
    for (int i = 0; i < sqlite3_column_count(raw); i++) {
        if (!known_column(columns, count, sqlite3_column_name(raw, i)))
            return err_set(e, ERR_USAGE, "%s: unknown column %s", f->path,
                           sqlite3_column_name(raw, i));
    }
    for (size_t i = 0; i < count; i++) {
        bool has = has_column(raw, columns[i].name);
        if (!has && !columns[i].missing)
            return err_set(e, ERR_USAGE, "%s: no column %s", f->path, columns[i].name);
        bool hidden = hides_place(f) && strcmp(columns[i].name, "place") == 0;
        buf_add_fmt(b, "%s%s AS %s", i ? ", " : "",
                    has && !hidden ? columns[i].name : columns[i].missing, columns[i].name);
    }
    return true;
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void add_header_default(struct buf *b, const char *sql, const char *column, const char *key,
                               const char *otherwise) {
    char value[256];
    if (!header(sql, key, value, sizeof value))
        snprintf(value, sizeof value, "%s", otherwise);
    buf_add_fmt(b, "coalesce(%s, ", column);
    add_sql_str(b, value);
    buf_add_str(b, "), ");
}

/* Rules leave out what their header says; the outer SELECT adds it. */
static bool wrap_rule(struct buf *b, const struct derive_file *f, sqlite3_stmt *raw,
                      const char *sql, struct err *e) {
    buf_add_str(b, "INSERT OR IGNORE INTO temp.wanted(id, rule, level, root, subject, place, "
                   "opened, due, stop, closed, state, priority, title_zh, title_en, assignee_role, "
                   "assignee, verifier_role, cause, milestones, carried, unattainable, class, "
                   "audience, escalated) SELECT ");
    add_sql_str(b, f->name);
    buf_add_str(b, " || '-' || subject || coalesce('-' || part, '') || '-' || cycle, ");
    add_sql_str(b, f->name);
    buf_add_str(b, ", ");
    add_sql_str(b, f->level->name);
    buf_add_str(b, ", root, subject, place, opened, coalesce(due, ''), stop, coalesce(closed, ''), "
                   "coalesce(state, iif(closed IS NULL, 'open', 'closed')), ");
    add_header_default(b, sql, "priority", "priority", "3");
    add_header_default(b, sql, "title_zh", "title-zh", f->name);
    add_header_default(b, sql, "title_en", "title-en", f->name);
    buf_add_fmt(b,
                "assignee_role, coalesce(assignee, ''), verifier_role, cause, milestones, "
                "carried, unattainable, %s, '' FROM (SELECT ",
                f->level->secret ? "5, ''" : "class, audience");
    struct column columns[COUNT(rule_columns)];
    memcpy(columns, rule_columns, sizeof columns);
    for (size_t i = 0; i < COUNT(columns); i++) {
        if (columns[i].missing && !*columns[i].missing)
            columns[i].missing = "NULL";
    }
    if (!add_columns(b, f, raw, columns, COUNT(columns), e))
        return false;
    buf_add_fmt(b, " FROM (%s))", sql);
    return true;
}

static bool wrap(struct buf *b, const struct derive_file *f, sqlite3_stmt *raw, const char *sql,
                 struct err *e) {
    switch (f->kind) {
    case DERIVE_RULE:
        return wrap_rule(b, f, raw, sql, e);
    case DERIVE_VIEW:
        buf_add_str(b, "INSERT INTO temp.found(subject, name, place, num, den, doc, class, "
                       "audience) SELECT ");
        if (!add_columns(b, f, raw, view_columns, COUNT(view_columns), e))
            return false;
        break;
    case DERIVE_STATUS:
        buf_add_str(b, "INSERT INTO temp.said(place, section, name, value) SELECT ");
        if (!add_columns(b, f, raw, status_columns, COUNT(status_columns), e))
            return false;
        break;
    case DERIVE_HEAD:
        buf_add_str(b, "SELECT ");
        if (!add_columns(b, f, raw, head_columns, COUNT(head_columns), e))
            return false;
        break;
    case DERIVE_FOLD: /* id and the columns of `wanted` that it sets */
        buf_add_str(b, "UPDATE temp.wanted SET ");
        for (int i = 1; i < sqlite3_column_count(raw); i++)
            buf_add_fmt(b, "%s%s = folded.%s", i > 1 ? ", " : "", sqlite3_column_name(raw, i),
                        sqlite3_column_name(raw, i));
        buf_add_fmt(b, " FROM (%s) folded WHERE temp.wanted.id = folded.id", sql);
        return true;
    }
    buf_add_fmt(b, " FROM (%s)", sql);
    return true;
}

static bool compile(struct derive *d, struct derive_file *f, const char *sql, struct err *e) {
    sqlite3 *db = store_db(d->store);
    sqlite3_stmt *raw = NULL;
    const char *tail = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &raw, &tail))
        return err_set(e, ERR_USAGE, "%s: %s", f->path, sqlite3_errmsg(db));
    if (!raw || !sqlite3_stmt_readonly(raw) || sqlite3_column_count(raw) == 0 ||
        tail[strspn(tail, " \t\r\n")]) {
        sqlite3_finalize(raw);
        return err_set(e, ERR_USAGE, "%s: must be one SELECT without a semicolon", f->path);
    }
    struct buf b;
    buf_init(&b, 2 * FILE_SIZE_MAX);
    bool ok = wrap(&b, f, raw, sql, e);
    sqlite3_finalize(raw);
    if (ok &&
        (b.failed || sqlite3_prepare_v3(db, b.data, -1, SQLITE_PREPARE_PERSISTENT, &f->stmt, NULL)))
        ok = err_set(e, ERR_USAGE, "%s: %s", f->path, b.failed ? "too long" : sqlite3_errmsg(db));
    if (ok)
        f->sql = b.data;
    else
        buf_fini(&b);
    return ok;
}

/* ---------------------------------------------------------------- reading folders */

static char *read_file(const char *path, struct err *e) {
    FILE *in = fopen(path, "rb");
    if (!in) {
        err_set(e, ERR_USAGE, "%s: %m", path);
        return NULL;
    }
    char *text = malloc(FILE_SIZE_MAX + 1);
    size_t size = text ? fread(text, 1, FILE_SIZE_MAX, in) : 0;
    bool bad = !text || ferror(in) || !feof(in);
    fclose(in);
    if (bad) {
        free(text);
        err_set(e, ERR_USAGE, "%s: cannot be read, or too large", path);
        return NULL;
    }
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    if (size > 0 && text[size - 1] == ';')
        size--;
    text[size] =
        '\n'; /* ends a comment on the last line; size < FILE_SIZE_MAX at the end of file */
    text[size + 1] = '\0';
    return text;
}

/* What the first header says the file is. */
static bool identify(struct derive_file *f, const char *sql, struct err *e) {
    static const struct {
        const char *key;
        enum derive_kind kind;
    } kinds[] = {{"view", DERIVE_VIEW},
                 {"rule", DERIVE_RULE},
                 {"status", DERIVE_STATUS},
                 {"head", DERIVE_HEAD},
                 {"fold", DERIVE_FOLD}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!header(sql, kinds[i].key, f->name, sizeof f->name))
            continue;
        f->kind = kinds[i].kind;
        if (f->kind != DERIVE_VIEW && f->kind != DERIVE_RULE)
            return true;
        char level[32];
        if (!header(sql, "level", level, sizeof level))
            return err_set(e, ERR_USAGE, "%s: no header \"level\"", f->path);
        f->level = level_find(level);
        return f->level || err_set(e, ERR_USAGE, "%s: unknown level %s", f->path, level);
    }
    return err_set(e, ERR_USAGE, "%s: says not what it is (view, rule, status, fold or head)",
                   f->path);
}

bool derive_file_add(struct derive *d, const char *path, const char *sql, struct err *e) {
    if (d->file_count == DERIVE_FILES_MAX)
        return err_set(e, ERR_LIMIT, "%s: more than %d files", path, DERIVE_FILES_MAX);
    struct derive_file *f = &d->files[d->file_count];
    unsigned char both[2 * SHA256_SIZE];
    unsigned char digest[SHA256_SIZE];
    memset(f, 0, sizeof *f);
    f->index = d->first_index + (int)d->file_count++;
    if (snprintf(f->path, sizeof f->path, "%s", path) >= (int)sizeof f->path)
        return err_set(e, ERR_LIMIT, "%s: name too long", path);
    sha256(sql, strlen(sql), both);
    memcpy(both + SHA256_SIZE, d->program_hash, SHA256_SIZE);
    sha256(both, sizeof both, digest);
    hex_encode(digest, sizeof digest, f->hash);
    return identify(f, sql, e) && read_headers(d, f, sql, e) && compile(d, f, sql, e);
}

static bool load_file(struct derive *d, const char *dir, const char *folder, const char *name,
                      struct err *e) {
    char file[512];
    char path[1024];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    snprintf(path, sizeof path, "%s/%s", dir, file);
    char *sql = read_file(path, e);
    bool ok = sql && derive_file_add(d, file, sql, e);
    free(sql);
    return ok;
}

static int is_sql(const struct dirent *entry) {
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 4 && size < 100 &&
           strcmp(entry->d_name + size - 4, ".sql") == 0;
}

static bool load_folder(struct derive *d, const char *dir, const char *folder, struct err *e) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, folder);
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_sql, alphasort);
    if (count < 0)
        return err_set(e, ERR_USAGE, "%s: %m", path);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        ok = ok && load_file(d, dir, folder, entries[i]->d_name, e);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

/* The parts of a rule at one level are asked as one, where the last of them stands: together they
 * say which of its tasks there are. */
static void join_parts(struct derive *d) {
    for (size_t i = 0; i < d->file_count; i++) {
        struct derive_file *f = &d->files[i];
        size_t last = d->file_count - 1;
        while (last > i && !derive_same_rule(f, &d->files[last]))
            last--;
        if (last == i)
            continue;
        struct derive_file *g = &d->files[last];
        f->continued = true;
        g->forms |= f->forms;
        g->reads = g->reads || f->reads;
        sqlite3_stmt *q = derive_q(d, "reads_share");
        q_int(q, 1, f->index);
        q_int(q, 2, g->index);
        q_done(d->store, q);
    }
}

bool derive_files_load(struct derive *d, const char *schema_dir, struct err *e) {
    q_int(derive_q(d, "view_name_next"), 1, DERIVE_FILES_MAX);
    d->first_index = (int)derive_ask(d, "view_name_next");
    if (!note_bits(d, e) || !load_folder(d, schema_dir, "views", e) ||
        !load_folder(d, schema_dir, "rules", e) || !load_folder(d, schema_dir, "status", e))
        return false;
    if (!derive_note_files(d, e))
        return false;
    derive_script(d, "names_refill");
    join_parts(d);
    int64_t folds = 0;
    for (size_t i = 0; i < d->file_count; i++)
        folds |= d->files[i].kind == DERIVE_FOLD ? d->files[i].forms : 0;
    for (size_t i = 0; i < d->file_count; i++)
        d->files[i].forms |= d->files[i].kind == DERIVE_RULE ? folds : 0;
    derive_note_params(d);
    return true;
}
