/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to the log: syslog, and stderr in debug mode. Text from outside
 * is escaped here, so that no peer can forge or split a line. Secrets are
 * passed to it at no level.
 *
 * Lines go to /dev/log as datagrams of the form that syslog(3) sends (RFC 3164
 * section 4.1 without the host name, local time), facility AUTH. Not through
 * syslog(3) itself, because that can't speak for another process, and because
 * it waits for a syslog daemon that is stuck. Here nothing ever waits: what
 * the daemon does not take is lost and counted, and the first line that gets
 * through again is preceded by one that says how many were lost.
 */
#ifndef K8SHELL_LOG_H
#define K8SHELL_LOG_H

#include <stddef.h>
#include <sys/types.h>

enum log_level { LOGL_ERROR, LOGL_WARN, LOGL_INFO, LOGL_DEBUG };

/*
 * ident is borrowed for the life of the program. Opens /dev/log at the first
 * line, and again whenever the syslog daemon was restarted.
 */
void log_init(const char *ident);

/*
 * Closes /dev/log; the next line opens it again. For a program that closes
 * descriptors by their number: it calls this first, so that no line ever ends
 * up in another file that got the same number.
 */
void log_close(void);

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
 * One line in the name of another program or process: what it wrote itself,
 * relayed ("sshd[PID]: ..."), or under another name (the audit record). The
 * len bytes at p are sent as they are, except that control characters, DEL and
 * bytes beyond ASCII become \ooo; '\\' stays, as the writer may have escaped
 * with it already. One line end ("\n", "\r\n") is left out. ident is printable
 * ASCII, at most LOG_IDENT_MAX bytes of it are sent. Not subject to
 * log_set_level(). A line past LOG_LINE_MAX is cut.
 */
void log_line_as(const char *ident, pid_t pid, enum log_level level,
    const char *p, size_t len);

/* Longest datagram, bytes: the 8 KiB that syslog daemons take by default. */
#define LOG_LINE_MAX  8192
#define LOG_IDENT_MAX 64

/*
 * Writes src as one line of printable ASCII into dst (cut to size, always
 * NUL-terminated): '\\' and everything unprintable becomes \ooo.
 * Returns dst.
 */
char *log_escape(char *dst, size_t size, const char *src, size_t len);

/*
 * So that who can make us write lines can't make us write any number of them.
 * 1: another line may be written, max in a second. 0: it is to be left out. In
 * *left_out the number of those left out in seconds before, to be told with a
 * line of its own, or 0. All zero at first.
 */
struct log_rate {
	long long second;
	unsigned int written, left_out;
};
int log_rate_ok(struct log_rate *r, unsigned int max, unsigned int *left_out);

#endif
