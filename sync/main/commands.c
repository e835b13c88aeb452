#include "commands.h"

#include <string.h>

const struct command commands[] = {
    {"serve", cmd_serve, "run the server", "--data DIR [--standalone --port N]\n",
     "Runs the server until SIGTERM or SIGINT; SIGHUP makes it read forms, rules and views again.\n"
     "Without --standalone it uses the broker of zoufang.conf.\n\n"
     "  --standalone    a Mosquitto of its own on 127.0.0.1; prints one line of JSON on standard\n"
     "                  output when phones can connect\n"
     "  --port N        of that one, 1 to 65534: MQTT on N, MQTT over WebSockets on N + 1\n",
     "zoufang serve --data county --standalone --port 1883", NULL},
    {"init", cmd_init, "make a new county",
     "--data DIR [--county CODE] [--name NAME] [--sample] [--small]\n",
     "Makes the database of a new county in DIR (made too if it is not there) and a configuration\n"
     "to start from. DIR must not hold a database yet; what cannot be finished leaves none.\n\n"
     "  --county CODE   6-digit division code (340825)\n"
     "  --name NAME     what the county is called (its code; of a sample: a made-up name)\n"
     "  --sample        a synthetic county: 16 townships, 176 villages, 60,000 households; the "
     "same\n"
     "                  records every time, nobody in it is real\n"
     "  --small         a small sample: 2 townships, 6 villages, 600 households; --sample may be\n"
     "                  left out\n"
     "  --json          the counts as one JSON object\n",
     "zoufang init --data county --small", NULL},
    {"import", cmd_import, "read a table from a CSV file or an Excel workbook",
     "KIND FILE --data DIR [--dry-run] [--encoding utf-8|gb18030] [--sheet NAME]\n"
     "KIND --template\n",
     "Reads a table into the county: all of it, or nothing if any row is wrong; then every wrong\n"
     "row is named with its line, its column, the value and the reason, and the exit status is 1.\n"
     "Works while the server runs.\n\n"
     "KIND is one of divisions, units, cadres, households, persons, targets, assignments. FILE is\n"
     "CSV, in UTF-8 or GB18030, or a workbook (.xlsx), which needs the program xlsx2csv. The "
     "first\n"
     "row names the columns, in Chinese or English as the form does; one column is the number of\n"
     "what the row is about (区划代码 单位编号 干部编号 户编号 人员编号 对象编号). Empty cells, "
     "also\n"
     "those missing at the end of a row, leave what is known as it is. Codes may be given by "
     "their\n"
     "Chinese label, dates as 2019-06-01, 2019/6/1 or 2019年6月1日, lists are separated by ;\n\n"
     "  --dry-run       checks everything, stores nothing, says what would be new and what "
     "changed\n"
     "  --encoding ENC  of a CSV file: utf-8 or gb18030 (found out: UTF-8 if all of it is)\n"
     "  --sheet NAME    of a workbook, or its number (the first)\n"
     "  --template      prints the empty table with all its columns, for a spreadsheet\n"
     "  --json          "
     "{\"rows\",\"records\",\"bad\",\"added\",\"changed\",\"same\",\"encoding\",\n"
     "                  \"workbook\"}\n",
     "zoufang import households households.csv --data county --dry-run", NULL},
    {"export", cmd_export, "write a table, or a ledger",
     "KIND --data DIR [--format csv|ndjson] [--all]\n"
     "ledger --data DIR [--theme THEME] [--village CODE | --town NNN]\n"
     "    [--format csv|xlsx] [--output FILE]\n",
     "Writes a table of the county to standard output. KIND is one of households, persons,\n"
     "villages, cadres, assignments (what import reads), records, tasks, conflicts, held, "
     "rejected,\n"
     "ledger. CSV is UTF-8 with BOM and Chinese headers; a text that a spreadsheet would take for\n"
     "a formula gets a ' before it. NDJSON is one JSON document a line. The output holds personal\n"
     "data, a ledger none: household numbers only.\n\n"
     "A ledger is a document about a theme, a file of the folder ledgers beside the forms; first "
     "the\n"
     "villages, then what is listed, such as households with what was found and done.\n\n"
     "  --format F      csv or ndjson, of a ledger csv or xlsx (csv)\n"
     "  --all           leads, covert inspections and what follows from them too\n"
     "  --theme THEME   what the ledger is about; without it all themes, one after another\n"
     "  --village CODE  of a village, 12 digits; without --village and --town of the county\n"
     "  --town NNN      of a township, three digits\n"
     "  --output FILE   instead of standard output; xlsx needs it\n",
     "zoufang export tasks --data county >tasks.csv", NULL},
    {"bulletin", cmd_bulletin, "write the monthly bulletin",
     "YYYY-MM --data DIR [--output FILE] [--json]\n",
     "Writes what the county office sends round after a month: findings, tasks, visits and what\n"
     "remains of the campaigns, as they stood at the month's end, with the change on the month\n"
     "before; Markdown in Chinese, by the template bulletin/bulletin.md beside the forms. It "
     "names\n"
     "no household and no cadre.\n\n"
     "  --output FILE   instead of standard output\n"
     "  --json          the figures as one JSON object, which the server publishes too\n",
     "zoufang bulletin 2019-07 --data county", NULL},
    {"param", cmd_param, "show or change a threshold or date that rules use",
     "list --data DIR [--json]\n"
     "get NAME --data DIR [--json]\n"
     "set NAME VALUE --data DIR\n"
     "unset NAME --data DIR\n",
     "The county's parameters: those of the file params.csv beside the forms, with the values of\n"
     "this county. After a change all tasks, checks and figures are derived anew, by the running\n"
     "server at once, else when it starts. A value has the type that params.csv says: date\n"
     "(2019-09-30) or number.\n\n"
     "  list            all of them; a line NAME = VALUE each, without VALUE where it is unknown\n"
     "  get             the value of one; an empty line: unknown\n"
     "  set             a new value\n"
     "  unset           makes it unknown: rules then do without it, nothing is guessed\n"
     "  --json          {\"name\",\"value\",\"type\"} a line; value is null where it is unknown\n",
     "zoufang param set campaign.housing.stop 2019-10-31 --data county", NULL},
    {"device", cmd_device, "enrol, list and revoke phones",
     "add --data DIR --cadre ID… [--json]\n"
     "list --data DIR [--json]\n"
     "revoke ID --data DIR\n",
     "Principals of the broker. add prints user name and password, shown only once and valid at\n"
     "once; revoke ends the access of one, its records stay.\n\n"
     "  --cadre ID      who writes with the phone, from the register; again for each who shares "
     "it\n"
     "  --json          one JSON object a line\n",
     "zoufang device add --data county --cadre C-00412 --json", NULL},
    {"relay", cmd_relay, "enrol, list and revoke township relays, write their files",
     "add --data DIR --town NNN [--bridge FOLDER] [--ca-file FILE]\n"
     "    [--county-host HOST] [--county-port N] [--json]\n"
     "files ID --data DIR --to FOLDER\n"
     "list --data DIR [--json]\n"
     "revoke ID --data DIR\n",
     "A relay is a Mosquitto in a township that takes the phones' records while the county cannot\n"
     "be reached. add prints a complete mosquitto.conf for it, with its password; files writes "
     "what\n"
     "it must know of its phones, to be carried to it again after enrolments.\n\n"
     "  --town NNN         the three digits of the township in its division code\n"
     "  --bridge FOLDER    where the relay keeps its files (/etc/mosquitto/zoufang)\n"
     "  --county-host HOST the county's broker as the relay reaches it ([relay] county_host, else\n"
     "                     the host of [broker] uri)\n"
     "  --county-port N    its port, 1 to 65535 ([relay] county_port, else that of [broker] uri)\n"
     "  --ca-file FILE     TLS to the county: FILE, on the relay, has the certificates that its\n"
     "                     broker's must come from (with an ssl:// uri: ca.pem in the folder of\n"
     "                     --bridge if [broker] ca_file is set, else those of the system)\n"
     "  --to FOLDER        where to write passwd and acl, and ca.pem, the copy of [broker] "
     "ca_file\n"
     "  --json             of add: the credentials as one JSON object; of list: one a line\n",
     "zoufang relay add --data county --town 104 >mosquitto.conf", NULL},
    {"monitor", cmd_monitor, "enrol, list and revoke readers of figures",
     "add --data DIR [--json]\n"
     "list --data DIR [--json]\n"
     "revoke ID --data DIR\n",
     "A monitor reads figures and forms and nothing of persons. add prints user name and "
     "password,\n"
     "shown only once.\n\n"
     "  --json          one JSON object a line\n",
     "zoufang monitor add --data county --json", NULL},
    {"validate", cmd_validate, "check JSON against a form or a JSON Schema",
     "--form FORM [FILE]\n"
     "--schema FILE [--assert-format] [INSTANCE]\n",
     "Checks JSON from FILE, or standard input if there is none or it is -.\n\n"
     "  --form FORM     against the newest version of a form, such as visit.household\n"
     "  --schema FILE   against a JSON Schema of the draft 2020-12\n"
     "  --assert-format makes format count\n"
     "  --json          {\"valid\",\"errors\"}, with --form also \"warnings\" and \"held\"\n",
     "zoufang validate --form visit.household visit.json", "it does not fit"},
    {"digest", cmd_digest, "print the SHA-256 of the merged state", "--data DIR [--json]\n",
     "Two servers that stored the same records print the same.\n\n"
     "  --json          {\"digest\",\"epoch\"}\n",
     "zoufang digest --data county", NULL},
    {"rebuild", cmd_rebuild, "compute again what follows from the records",
     "--data DIR [--check] [--json]\n",
     "Computes everything that is derived (merge, tasks, checks, figures) again from the "
     "records. The\nserver must not run.\n\n"
     "  --check         changes nothing: compares, and names each difference\n"
     "  --json          {\"records\"}; with --check {\"same\",\"merge\",\"derivation\",\n"
     "                  \"differences\"}: three true or false, and a list of lines\n",
     "zoufang rebuild --check --data county", "with --check: there are differences"},
    {"check", cmd_check, "look at configuration, database, forms, rules and views",
     "--data DIR [--online] [--json]\n",
     "Loads everything that serve would load, without serving, and checks the database's file.\n\n"
     "  --online        only says whether a server runs here; exit status 3 if none does\n"
     "  --json          "
     "{\"ok\",\"configuration\",\"database\",\"schema\",\"form_versions\",\"error\"},\n"
     "                  null for what was not looked at; with --online {\"running\"}\n",
     "zoufang check --data county", NULL},
    {"backup", cmd_backup, "copy the database while the server runs", "FILE --data DIR [--json]\n",
     "Copies the database, consistent, to a FILE that must not exist yet.\n\n"
     "  --json          {\"file\"}\n",
     "zoufang backup /backup/county.db --data county", NULL},
    {"restore", cmd_restore, "put a backup in place of the database", "FILE --data DIR [--json]\n",
     "Needs the server stopped. The database that is there is kept beside the restored one, and a\n"
     "new epoch begins: phones send again what they still have and pull from the beginning.\n\n"
     "  --json          {\"epoch\"}\n",
     "zoufang restore /backup/county.db --data county", NULL},
    {"simulate", cmd_simulate, "play phones against a running server",
     "--data DIR [--port N | --uri URI] [OPTION…]\n",
     "Enrols phones that write, go out of reach and come back, and says at the end what was sent,\n"
     "stored, held, rejected and lost. In brackets: what is taken if not given.\n\n"
     "  --port N            the broker, on 127.0.0.1 (that of the running server or zoufang.conf)\n"
     "  --uri URI           the broker, tcp://HOST:PORT\n"
     "  --phones N          how many phones, at most 500 (20)\n"
     "  --seconds S         how long their owners write (30)\n"
     "  --records N         write this many records instead\n"
     "  --rate R            records a second, all phones together (one a phone)\n"
     "  --batch N           at most this many records in an envelope (20)\n"
     "  --offline PCT       part of the time that a phone is out of reach (10)\n"
     "  --duplicates PCT    envelopes sent twice (3)\n"
     "  --atomic PCT        bundles that are one act (5)\n"
     "  --garbled PERMILLE  envelopes damaged on the way (2)\n"
     "  --until-settled S   wait at most this long at the end for every outcome (60)\n"
     "  --time-scale F      the protocol's waits times this: 0.01 for tests (1)\n"
     "  --seed X            the same phones and owners again (chance)\n"
     "  --devices FILE      {\"device\",\"password\",\"cadre\",\"role\"} a line, instead of "
     "enrolling\n"
     "  --county CODE       of those, 6 digits\n"
     "  --json              the result as one JSON object\n",
     "zoufang simulate --data county --port 1883 --seconds 60",
     "something was lost, or a copy differs"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};

static const char common_options[] =
    "Every command takes:\n"
    "  --data DIR          the county's directory; needed but for validate\n"
    "  --schema-dir FOLDER forms, rules and views ($ZOUFANG_SCHEMA, else the key schema of\n"
    "                      zoufang.conf, else the installed ones)\n"
    "  --clock TIME        a rehearsal: the clock shows TIME, such as 2019-06-12T10:00:00+08:00,\n"
    "                      and runs on (that of the running server, else the system's)\n"
    "  --log-level LEVEL   error, warn, info or debug (the key log_level of zoufang.conf)\n";

const struct command *command_find(const char *name) {
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

void command_print_usage(const struct command *c, FILE *out) {
    const char *head = "usage: ";
    for (const char *line = c->usage; *line; line = strchr(line, '\n') + 1) {
        int size = (int)strcspn(line, "\n");
        if (*line == ' ') /* goes on */
            fprintf(out, "        %*s %.*s\n", (int)strlen(c->name) + 7, "", size, line);
        else
            fprintf(out, "%szoufang %s %.*s\n", head, c->name, size, line);
        head = "       ";
    }
}

void command_print_help(const struct command *c, FILE *out) {
    command_print_usage(c, out);
    fprintf(out, "\n%s\n%s\nExample:\n  %s\n\n", c->help, common_options, c->example);
    fprintf(out,
            "Exit status:\n"
            "  0  done\n"
            "  1  the input is bad: what and where was said%s%s\n"
            "  2  wrong usage, an unusable schema or zoufang.conf\n"
            "  3  the environment: what cannot be read or written, the broker, another server\n",
            c->status_1 ? "; " : "", c->status_1 ? c->status_1 : "");
}

void commands_print(FILE *out) {
    fputs("usage: zoufang COMMAND [OPTION…]\n\n"
          "Sync server for the phones of village cadres. Commands:\n\n",
          out);
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %-9s %s\n", c->name, c->summary);
    fputs("\nzoufang COMMAND --help says more; so does man zoufang. zoufang --version is the "
          "version.\n",
          out);
}
