/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to the log: syslog, and stderr in debug mode. Text from outside
 * is escaped here, so that no peer can forge or split a line. Secrets are
 * passed to it at no level.
 */
#ifndef K8SHELL_LOG_H
#define K8SHELL_LOG_H

#include <stddef.h>

enum log_level { LOGL_ERROR, LOGL_WARN, LOGL_INFO, LOGL_DEBUG };

/*
 * ident is borrowed for the life of the program. Opens /dev/log at the first
 * line; without a syslog daemon lines are dropped silently.
 */
void log_init(const char *ident);

/* Lines above this level are dropped (default LOGL_INFO). */
void log_set_level(enum log_level max);

/*
 * A copy of every line on stderr, for programs run by hand in debug mode. A
 * helper never turns it on: its stderr belongs to the user.
 */
void log_to_stderr(int on);

/* One line; control characters, '\\' and bytes beyond ASCII are escaped. */
void log_write(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOGL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOGL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOGL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOGL_DEBUG, __VA_ARGS__)

/*
 * Writes src as one line of printable ASCII into dst (cut to size, always
 * NUL-terminated): '\\' and everything unprintable becomes \ooo.
 * Returns dst.
 */
char *log_escape(char *dst, size_t size, const char *src, size_t len);

#endif
