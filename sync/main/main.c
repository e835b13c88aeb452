/* zoufang: one binary, with subcommands. */
#include "commands.h"

#include "log.h"

#include <string.h>

static const struct command {
    const char *name;
    int (*run)(struct app *a);
    const char *usage; /* NULL: the command has its own, and takes --help */
} commands[] = {
    {"serve", cmd_serve,
     "usage: zoufang serve --data DIR [--standalone --port N] [--clock TIME]\n"},
    {"init", cmd_init, NULL},
    {"import", cmd_import, NULL},
    {"export", cmd_export, NULL},
    {"device", cmd_device,
     "usage: zoufang device add --data DIR --cadre ID… [--json]\n"
     "       zoufang device list --data DIR [--json]\n"
     "       zoufang device revoke ID --data DIR\n"},
    {"relay", cmd_relay,
     "usage: zoufang relay add --data DIR --town NNN [--bridge FOLDER] [--json]\n"
     "       zoufang relay files ID --data DIR --to FOLDER\n"
     "       zoufang relay list --data DIR [--json]\n"
     "       zoufang relay revoke ID --data DIR\n"},
    {"monitor", cmd_monitor,
     "usage: zoufang monitor add --data DIR [--json]\n"
     "       zoufang monitor list --data DIR [--json]\n"
     "       zoufang monitor revoke ID --data DIR\n"},
    {"validate", cmd_validate,
     "usage: zoufang validate --form FORM [FILE]\n"
     "       zoufang validate --schema FILE [--assert-format] INSTANCE\n"},
    {"digest", cmd_digest, "usage: zoufang digest --data DIR\n"},
    {"rebuild", cmd_rebuild, "usage: zoufang rebuild --data DIR [--check]\n"},
    {"check", cmd_check, "usage: zoufang check --data DIR [--online]\n"},
    {"backup", cmd_backup, "usage: zoufang backup FILE --data DIR\n"},
    {"restore", cmd_restore, "usage: zoufang restore FILE --data DIR\n"},
    {"simulate", cmd_simulate, NULL},
};

static int usage(FILE *out) {
    fputs("usage: zoufang COMMAND [OPTION…]\n\n"
          "Sync server for the phones of village cadres. Commands:\n\n",
          out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %s\n", commands[i].name);
    fputs("\n--data DIR names the county's directory. zoufang COMMAND --help says more; so does\n"
          "man zoufang.\n",
          out);
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return usage(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        printf("zoufang %s\n", ZOUFANG_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        struct app a = {.argc = argc - 1, .argv = argv + 1, .usage = commands[i].usage};
        a.clock = system_clock_make(&a.system_clock);
        a.rng = rng_system();
        if (a.usage && argc > 2 && strcmp(argv[2], "--help") == 0) {
            fputs(a.usage, stdout);
            return 0;
        }
        return app_common_options(&a) ? commands[i].run(&a) : 2;
    }
    fprintf(stderr, "zoufang: no command '%s'\n", argv[1]);
    return usage(stderr);
}
