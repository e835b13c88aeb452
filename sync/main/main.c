/* zoufang: one binary, with subcommands. */
#include "commands.h"

#include "log.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

static bool wants_help(const struct app *a) {
    for (int i = 1; i < a->argc; i++)
        if (strcmp(a->argv[i], "--help") == 0)
            return true;
    return false;
}

static int run(const struct command *c, int argc, char **argv) {
    struct app a = {.argc = argc, .argv = argv, .command = c};
    a.clock = system_clock_make(&a.system_clock);
    a.rng = rng_system();
    if (wants_help(&a)) {
        command_print_help(c, stdout);
        return 0;
    }
    if (!app_common_options(&a))
        return 2;
    if (err_is_set(&a.conf_error) && c->run != cmd_check)
        return app_fail(&a, &a.conf_error);
    return c->run(&a);
}

/* What was printed may have filled a disk. */
static int finish(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "zoufang: standard output: %s\n", strerror(errno));
    return 3;
}

int main(int argc, char **argv) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody asks, and it takes a lock each time */
    const char *word = argc > 1 ? argv[1] : "";
    const struct command *c = command_find(word);
    if (c)
        return finish(run(c, argc - 1, argv + 1));
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        commands_print(stdout);
        return finish(0);
    }
    if (strcmp(word, "--version") == 0) {
        printf("zoufang %s\n", ZOUFANG_VERSION);
        return finish(0);
    }
    fprintf(stderr, *word ? "zoufang: no command '%s'\n" : "zoufang: say what to do%s\n", word);
    commands_print(stderr);
    return 2;
}
