#include <criterion/criterion.h>

struct plain_test *plain_tests;
struct plain_suite *plain_suites;
int plain_failures;

static struct plain_options options_of(const struct plain_test *t) {
    struct plain_options o = t->options;
    for (const struct plain_suite *s = plain_suites; s; s = s->next)
        if (strcmp(s->name, t->suite) == 0) {
            o.init = o.init ? o.init : s->options.init;
            o.fini = o.fini ? o.fini : s->options.fini;
            o.timeout = o.timeout ? o.timeout : s->options.timeout;
        }
    return o;
}

/* In the child; the exit status is the verdict of whatever tool the process runs under. */
static void run(const struct plain_test *t) {
    struct plain_options o = options_of(t);
    alarm((unsigned)o.timeout * PLAIN_TIMEOUT_FACTOR);
    if (o.init)
        o.init();
    t->run();
    if (o.fini)
        o.fini();
    exit(plain_failures ? 1 : 0);
}

/* Runs all tests, or those whose "suite/name" contains the argument. */
int main(int argc, char **argv) {
    int passed = 0;
    int failed = 0;
    for (const struct plain_test *t = plain_tests; t; t = t->next) {
        char name[256];
        int status = 0;
        snprintf(name, sizeof name, "%s/%s", t->suite, t->name);
        if (argc > 1 && !strstr(name, argv[1]))
            continue;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            run(t);
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
            return 3;
        bool ok =
            WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PLAIN_SKIPPED);
        printf("%s %s\n", ok ? "pass" : "FAIL", name);
        *(ok ? &passed : &failed) += 1;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
