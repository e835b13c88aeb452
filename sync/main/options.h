/* The options and arguments of a command line: one table a command, the same words about every
 * mistake. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "app.h"

struct option {
    const char *name; /* --port */
    enum option_type {
        OPTION_FLAG,     /* bool; no value */
        OPTION_TEXT,     /* const char * */
        OPTION_LIST,     /* struct option_list; may be given again */
        OPTION_SIZE,     /* size_t */
        OPTION_UNSIGNED, /* unsigned */
        OPTION_SEED,     /* uint64_t */
        OPTION_DOUBLE    /* double */
    } type;
    void *value;
    const char *choices; /* of a text: "csv|ndjson"; NULL: any */
    double min, max;     /* of a number */
};

#define OPTION_LIST_MAX 64

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

/* What stands without a name on the command line, in order. */
struct argument {
    const char *name; /* as the usage line calls it: FILE */
    const char **value;
    bool optional;
};

/* Reads a->argv from `first` on. Values that were not given are left as they are. False: a usage
 * error was said on stderr (unknown, given twice, without or with a bad value, missing), and the
 * exit status is 2. A table ends with an entry without a name; the tables may be NULL. */
bool options_read(struct app *a, int first, const struct option *options,
                  const struct argument *arguments);

/* The value of the option at a->argv[i]; NULL: there is none, said on stderr. */
const char *options_value(const struct app *a, int i);

#endif
