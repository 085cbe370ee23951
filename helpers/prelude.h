/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plain mode runs in a container: a POSIX sh script that applies the
 * client's environment, finds the login shell of the container's user and
 * runs it, and the few words it says to us in the output.
 *
 * Kubernetes writes the command of an exec into its audit log, environment
 * and all, and limits the size of a request. So the exec itself only starts "sh
 *-c LOADER", and the loader reads the script from stdin up to a line that is
 *the nonce. read is one byte at a time on a pipe or a terminal, so nothing
 *behind that line is swallowed.
 *
 * The script and its loader say, as RS NONCE ":" WORD RS (RS is octal 036):
 *
 *	ready	the terminal is raw: the script can be sent (tty only)
 *	cooked	the same without stty in the image: the terminal takes no
 *		line over PRELUDE_COOKED_MAX and no control character
 *	start	stdin belongs to the command from now on
 *	1..64	the command died of this signal (after its last output)
 *	end	the command has ended; stdin is to end now (not with a tty)
 *	lost	stdin could not be passed on: the command got less
 *
 * on stderr, or with a terminal on the one output there is.
 */
#ifndef K8SHELL_PRELUDE_H
#define K8SHELL_PRELUDE_H

#include <stddef.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"

/* Largest script: command and environment are bounded by execve(2) here. */
#define PRELUDE_MAX (8 * 1024 * 1024)

#define PRELUDE_NONCE_LEN 32

/* Longest line of a terminal in canonical mode is 4095 (termios(3)). */
#define PRELUDE_COOKED_MAX 4000

struct prelude {
	char nonce[PRELUDE_NONCE_LEN + 1]; /* random, lower-case hex */
	char loader[512];
	const char *argv[4]; /* of the exec: sh -c loader, NULL */
	int tty;
};

/* Fills p for one session. */
int prelude_init(struct prelude *p, int tty, struct k8s_err *err);

/*
 * The script, added to b. env: "NAME=VALUE" strings, NULL at the end; those
 * without a shell variable's name are left out. command: NULL for the login
 * shell. framed: stdin comes as frames, "LENGTH\n" and LENGTH bytes each,
 * "0\n" at its end, because the connection can't close stdin (v4).
 */
int prelude_script(const struct prelude *p, const char *const *env,
    const char *command, int framed, struct buf *b, struct k8s_err *err);

/* Whether a script can go through a terminal that is not raw. */
int prelude_fits_cooked(const struct buf *script);

/* Finds the words in the output; pure, untrusted input. */
struct prelude_scan {
	const char *nonce;
	size_t matched; /* bytes of a marker seen, held back */
	char word[8];
	size_t word_len;
};

/* nonce is borrowed. */
void prelude_scan_init(struct prelude_scan *s, const char *nonce);

/*
 * Looks at the next len bytes. text() gets, in order, all that is no marker;
 * word() each marker's word where it stood. What could be the beginning of a
 * marker is held back until it is decided, at most PRELUDE_MARKER_MAX bytes;
 * prelude_scan_end() gives it to text().
 */
#define PRELUDE_MARKER_MAX (1 + PRELUDE_NONCE_LEN + 1 + 7 + 1)
struct prelude_scan_handler {
	void (*text)(void *arg, const unsigned char *p, size_t len);
	void (*word)(void *arg, const char *word);
};
void prelude_scan_feed(struct prelude_scan *s, const unsigned char *p,
    size_t len, const struct prelude_scan_handler *h, void *arg);
void prelude_scan_end(struct prelude_scan *s,
    const struct prelude_scan_handler *h, void *arg);

/*
 * For a container without a shell: splits a command at blanks into argv,
 * NULL at the end, if it has nothing in it that a shell would interpret. The
 * caller frees argv and argv[0], which holds all strings. NULL otherwise.
 */
char **prelude_split_words(const char *command);

#endif
