/* The n-th write, or the n-th sync, of a transaction fails, for n = 0, 1, 2 … (later ones at
 * growing distances) until none does: then all of the batch is in the database or nothing, no
 * receipt waits without its record, and the same batch taken again succeeds and ends in the same
 * state. What a crash at that moment would leave on the disk is looked at too. */
#include "../simulation/convergence_make.h"

#include "derive.h"
#include "digest.h"
#include "pipeline.h"

/* ---------------------------------------------------------------- a file system that fails */

enum fault { FAULT_WRITE, FAULT_SYNC, FAULT_FULL };

static struct {
    enum fault kind;
    long left; /* calls until the one that fails; < 0 = none fails */
    bool struck;
} fault = {.left = -1};

static bool strikes(bool is_sync) {
    if (fault.left < 0 || is_sync != (fault.kind == FAULT_SYNC))
        return false;
    if (fault.left-- > 0)
        return false;
    fault.struck = true;
    return true;
}

/* A file: ours first, then that of the real file system. */
struct shim_file {
    sqlite3_file base;
    sqlite3_io_methods methods;
};

static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *f) {
    return (sqlite3_file *)(void *)((struct shim_file *)(void *)f + 1);
}

static int shim_close(sqlite3_file *f) {
    return real_of(f)->pMethods->xClose(real_of(f));
}
static int shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}
static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    if (strikes(false))
        return fault.kind == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}
static int shim_truncate(sqlite3_file *f, sqlite3_int64 n) {
    return real_of(f)->pMethods->xTruncate(real_of(f), n);
}
static int shim_sync(sqlite3_file *f, int flags) {
    if (strikes(true))
        return SQLITE_IOERR_FSYNC;
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int shim_size(sqlite3_file *f, sqlite3_int64 *n) {
    return real_of(f)->pMethods->xFileSize(real_of(f), n);
}
static int shim_lock(sqlite3_file *f, int l) {
    return real_of(f)->pMethods->xLock(real_of(f), l);
}
static int shim_unlock(sqlite3_file *f, int l) {
    return real_of(f)->pMethods->xUnlock(real_of(f), l);
}
static int shim_reserved(sqlite3_file *f, int *r) {
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), r);
}
static int shim_control(sqlite3_file *f, int op, void *p) {
    return real_of(f)->pMethods->xFileControl(real_of(f), op, p);
}
static int shim_sector(sqlite3_file *f) {
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int shim_characteristics(sqlite3_file *f) {
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int shim_shm_map(sqlite3_file *f, int r, int n, int x, void volatile **p) {
    return real_of(f)->pMethods->xShmMap(real_of(f), r, n, x, p);
}
static int shim_shm_lock(sqlite3_file *f, int o, int n, int flags) {
    return real_of(f)->pMethods->xShmLock(real_of(f), o, n, flags);
}
static void shim_shm_barrier(sqlite3_file *f) {
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int shim_shm_unmap(sqlite3_file *f, int d) {
    return real_of(f)->pMethods->xShmUnmap(real_of(f), d);
}

static int shim_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret) {
    (void)v;
    static const sqlite3_io_methods methods = {2,
                                               shim_close,
                                               shim_read,
                                               shim_write,
                                               shim_truncate,
                                               shim_sync,
                                               shim_size,
                                               shim_lock,
                                               shim_unlock,
                                               shim_reserved,
                                               shim_control,
                                               shim_sector,
                                               shim_characteristics,
                                               shim_shm_map,
                                               shim_shm_lock,
                                               shim_shm_barrier,
                                               shim_shm_unmap,
                                               NULL,
                                               NULL};
    int rc = real_vfs->xOpen(real_vfs, name, real_of(f), flags, ret);
    f->pMethods = real_of(f)->pMethods ? &methods : NULL;
    return rc;
}

static void shim_register(void) {
    static sqlite3_vfs shim;
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.pNext = NULL;
    shim.zName = "failing";
    shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim.xOpen = shim_open;
    if (sqlite3_vfs_register(&shim, 1))
        die("no file system");
}

/* ---------------------------------------------------------------- a server */

struct server {
    char dir[64];
    struct core *core;
    struct pipeline pipeline;
    struct form_run *run;
    struct derive *derive;
};

static int64_t now_ms = NOW_MS;
static const struct clock test_clock = {county_now, county_now, &now_ms};
static struct rng_seeded chance;
static struct rng test_rng;

static void server_open(struct server *s, const char *base) {
    struct err e = {0};
    *s = (struct server){.dir = "/tmp/zoufang-fault-XXXXXX"};
    if (!mkdtemp(s->dir))
        die("mkdtemp failed");
    shell("cp %s/zoufang.db %s/", base, s->dir);
    s->core = core_open(s->dir, SCHEMA_DIR, &test_clock, &test_rng, &e);
    s->derive =
        s->core ? derive_create(s->core->store, &test_clock, SCHEMA_DIR, "340825", &e) : NULL;
    s->run = s->derive ? form_run_create(s->core->catalog, &e) : NULL;
    if (!s->run)
        die("open: %s", e.msg);
    /* So small that statements write, too, and not only the commit. */
    store_exec(s->core->store, "PRAGMA cache_size = 10");
    s->pipeline = (struct pipeline){s->core, receipts_create(s->core), NULL};
}

static void server_close(struct server *s) {
    receipts_destroy(s->pipeline.receipts);
    form_run_destroy(s->run);
    derive_destroy(s->derive);
    core_close(s->core);
    shell("rm -r %s", s->dir);
}

static void take(struct server *s, const struct made *x) {
    json_t *envelope =
        json_pack("{s:i, s:s, s:[O]}", "v", 1, "device", x->device, "records", x->record);
    char *text = json_dumps(envelope, JSON_COMPACT);
    struct envelope *v =
        envelope_decode(s->core->catalog, s->run, x->device, x->via, text, strlen(text));
    pipeline_take(&s->pipeline, v);
    envelope_destroy(v);
    free(text);
    json_decref(envelope);
}

/* One transaction with all of it. */
static bool take_batch(struct server *s, const struct making *m) {
    struct err e = {0};
    if (!core_begin(s->core, &e)) {
        receipts_forget(s->pipeline.receipts);
        return false;
    }
    for (size_t i = 0; i < m->count; i++)
        take(s, &m->list[i]);
    receipts_flush(s->pipeline.receipts);
    if (core_commit(s->core, &e))
        return true;
    receipts_forget(s->pipeline.receipts);
    return false;
}

/* ---------------------------------------------------------------- what is there */

static int64_t count_in(sqlite3 *db, const char *sql) {
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) || sqlite3_step(q) != SQLITE_ROW)
        die("%s: %s", sql, sqlite3_errmsg(db));
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

static const char records_sql[] = "SELECT count(*) FROM record WHERE device <> 'zoufang'";
static const char receipts_sql[] =
    "SELECT coalesce(sum(json_array_length(CAST(payload AS TEXT), '$.receipts')), 0) FROM outbox";

/* All or nothing, records and receipts alike. */
static bool check_whole(sqlite3 *db, int64_t records, int64_t receipts, const char *when) {
    int64_t r = count_in(db, records_sql);
    int64_t a = count_in(db, receipts_sql);
    if (!(r == 0 && a == 0) && !(r == records && a == receipts))
        die("%s: %lld of %lld records, %lld of %lld receipts", when, (long long)r,
            (long long)records, (long long)a, (long long)receipts);
    return r == records;
}

/* What is on the disk now, opened by another process as it were. */
static void check_crashed(const struct server *s, int64_t records, int64_t receipts) {
    char copy[] = "/tmp/zoufang-crashed-XXXXXX";
    char path[128];
    sqlite3 *db;
    if (!mkdtemp(copy))
        die("mkdtemp failed");
    shell("cp %s/zoufang.db %s/ && { test ! -e %s/zoufang.db-wal || cp %s/zoufang.db-wal %s/; }",
          s->dir, copy, s->dir, s->dir, copy);
    snprintf(path, sizeof path, "%s/zoufang.db", copy);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, real_vfs->zName))
        die("%s: %s", path, sqlite3_errmsg(db));
    if (count_in(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"))
        die("after a crash: the database is damaged");
    check_whole(db, records, receipts, "after a crash");
    sqlite3_close(db);
    shell("rm -r %s", copy);
}

/* ---------------------------------------------------------------- the test */

/* Sequence numbers with an outcome, and warnings: a batch that failed must not have left its mark
 * on them in memory. */
static const char seqs_sql[] =
    "SELECT (SELECT coalesce(sum(length(device || ranges)), 0) FROM device_seq) * 1000"
    " + (SELECT count(*) FROM record WHERE problems LIKE '%seq_reused%')";

struct expected {
    int64_t records, receipts, seqs;
    char state[SHA256_HEX_SIZE];
};

static void learn(const char *base, const struct making *m, struct expected *x) {
    struct server s;
    struct err e = {0};
    server_open(&s, base);
    if (!take_batch(&s, m) || !digest_state(s.core, x->state, &e))
        die("without faults: %s", e.msg);
    x->records = count_in(store_db(s.core->store), records_sql);
    x->receipts = count_in(store_db(s.core->store), receipts_sql);
    x->seqs = count_in(store_db(s.core->store), seqs_sql);
    server_close(&s);
}

static void check_state(struct server *s, const struct expected *x) {
    struct err e = {0};
    char state[SHA256_HEX_SIZE];
    if (!digest_state(s->core, state, &e) || strcmp(state, x->state) != 0)
        die("another state after faults: %s", e.msg);
    if (count_in(store_db(s->core->store), seqs_sql) != x->seqs)
        die("other sequence numbers after faults");
}

/* Derivation under the same faults, then without: as from scratch. */
static long derive_faults(struct server *s, enum fault kind) {
    struct err e = {0};
    bool more = true;
    bool same = false;
    long n = 0;
    /* as the server does after the register changed */
    if (!derive_mark_all(s->derive, &e))
        die("derivation: %s", e.msg);
    for (; more; n++) {
        fault.kind = kind;
        fault.struck = false;
        fault.left = n;
        e.code = ERR_NONE;
        bool ok = derive_step(s->derive, 4, &more, &e);
        fault.left = -1;
        more = more || !ok;
        if (ok && fault.struck && kind != FAULT_SYNC)
            die("derivation did not notice fault %ld", n);
    }
    e.code = ERR_NONE;
    if (!derive_run(s->derive, NULL, NULL, &e) || !derive_check(s->derive, stderr, &same, &e) ||
        !same)
        die("derivation after faults: %s", e.msg);
    return n;
}

static void run_faults(const char *base, const struct making *m, enum fault kind,
                       const char *name) {
    struct expected x;
    struct server s;
    long n = 0;
    learn(base, m, &x);
    server_open(&s, base);
    for (;; n += 1 + n / 24) {
        fault.kind = kind;
        fault.struck = false;
        fault.left = n;
        bool ok = take_batch(&s, m);
        fault.left = -1;
        bool there = check_whole(store_db(s.core->store), x.records, x.receipts, name);
        if (ok != there)
            die("%s %ld: said to be %s, but it is%s there", name, n, ok ? "done" : "failed",
                there ? "" : " not");
        if (ok && fault.struck && kind == FAULT_WRITE)
            die("%s %ld: not noticed", name, n);
        check_crashed(&s, x.records, x.receipts);
        if (ok)
            break;
    }
    if (n == 0)
        die("%s: nothing was made to fail", name);
    check_state(&s, &x);
    long derived = derive_faults(&s, kind);
    server_close(&s);
    printf("%s: up to fault %ld in a commit of %lld records, %ld steps of derivation: all or "
           "nothing\n",
           name, n, (long long)x.records, derived);
}

int main(int argc, char **argv) {
    char base[] = "/tmp/zoufang-county-XXXXXX";
    static struct making m;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    test_rng = rng_seeded_make(&chance, seed);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(base))
        die("mkdtemp failed");
    county_make(base, &test_clock, &test_rng);
    struct rng_seeded making;
    rng_seeded_make(&making, seed);
    make_all(&m, &making);
    shim_register();
    run_faults(base, &m, FAULT_WRITE, "write");
    run_faults(base, &m, FAULT_FULL, "full");
    run_faults(base, &m, FAULT_SYNC, "sync");
    make_free(&m);
    shell("rm -r %s", base);
    return 0;
}
