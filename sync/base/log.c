#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level level_max = LOG_INFO;

void log_set_level(enum log_level level) {
    level_max = level;
}

bool log_enabled(enum log_level level) {
    return level <= level_max;
}

bool log_level_parse(const char *name, enum log_level *ret_level) {
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_line(enum log_level level, const char *fmt, ...) {
    if (!log_enabled(level))
        return;
    char line[1024];
    int n = snprintf(line, sizeof line, "zoufang %s ", level_names[level]);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t size = strlen(line);
    (void)m;
    line[size++] = '\n';
    ssize_t done = write(STDERR_FILENO, line, size);
    (void)done;
}
