/* Log lines on standard error: level, then key=value pairs. Never names or values of people. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Process-wide; set once before threads start. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* Level by name ("error", "warn", "info", "debug"); false if unknown. */
bool log_level_parse(const char *name, enum log_level *ret_level);
/* One line; thread-safe (a single write). */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
