/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/prelude.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PRELUDE_RS '\036'

/*
 * The terminal is made raw before the script is sent: no echo, no limit on a
 * line's length, no byte with a meaning. Without stty in the image the script
 * goes through the cooked terminal; its echo is dropped before "start".
 */
static const char prelude_loader_tty[] =
    "k_t=$(stty -g 2>/dev/null)&&stty raw -echo&&k_l=ready||k_l=cooked;"
    "printf '\\036%%s:%%s\\036' %s $k_l;";

/* %s twice is the nonce. A connection cut in the middle runs nothing. */
static const char prelude_loader[] =
    "k_s=;while IFS= read -r k_l||exit 255;[ \"$k_l\" != %s ];"
    "do k_s=\"$k_s$k_l\n"
    "\";done;eval \"$k_s\"";

/*
 * The login shell and home of the container's user: its passwd entry if it
 * has one with a shell that is a shell, else the usual places.
 */
static const char prelude_find_shell[] =
    "k_u=$(id -u 2>/dev/null) k_n= k_h= k_w=\n"
    "if [ -r /etc/passwd ]; then\n"
    "while IFS=: read -r k_a k_b k_c k_d k_e k_f k_g ||\n"
    "[ -n \"$k_a\" ]; do\n"
    "[ \"$k_c\" = \"$k_u\" ] || continue\n"
    "k_n=$k_a k_h=$k_f k_w=$k_g\n"
    "break\n"
    "done </etc/passwd\n"
    "fi\n"
    "case $k_w in */nologin | */false | */sync) k_w= ;; esac\n"
    "[ -n \"$k_w\" ] && [ -x \"$k_w\" ] || k_w=/bin/sh\n"
    "SHELL=$k_w HOME=${HOME:-${k_h:-/}} USER=${k_n:-$k_u}\n"
    "LOGNAME=$USER\n"
    "export SHELL HOME USER LOGNAME\n"
    "cd \"$HOME\" 2>/dev/null || cd /\n";

/*
 * The command runs in a child whose parent shells' own stderr is captured: a
 * shell that reports "Terminated" there tells a death by signal from a plain
 * exit 143. (All but INT and PIPE are reported.) The parents outlive ^C,
 * which is for the command. bash as sh reports nothing unless told to be
 * bash.
 */
#define PRELUDE_CAPTURE                                     \
	"exec 3>&1 4>&2\n"                                  \
	"trap : INT QUIT\n"                                 \
	"[ -z \"${BASH_VERSION-}\" ] || "                   \
	"{ (set +o posix) 2>/dev/null && set +o posix; }\n" \
	"k_m=$(\n"                                          \
	"exec 2>&1\n"                                       \
	"trap : INT QUIT\n"
#define PRELUDE_CHILD         \
	"( trap : INT QUIT\n" \
	"(k_run)\n"           \
	"exit $? )\n"

static const char prelude_run[] = PRELUDE_CAPTURE PRELUDE_CHILD "exit $?\n"
								")\n"
								"k_r=$?\n";

/*
 * An exec must not end while stdin is on its way: servers then reset the
 * connection, and the exit status and the last output are lost with it
 * (seen with Kubernetes 1.20), or they hang. So after "end" what is left of
 * stdin is read, up to the end that we send.
 */
static const char prelude_drain[] =
    "cat >/dev/null 2>&1 || while IFS= read -r k_l; do :; done\n";

/*
 * stdin as frames: dd reads exactly what it is told to, all of it before it
 * writes. Once the command does not read any more, frames are dropped; if it
 * is dd that failed, that is said.
 */
static const char prelude_feed_head[] =
    "command -v dd >/dev/null || {\n"
    "echo 'k8shell: this cluster cannot close stdin, and there is no dd here"
    " to do it: use a newer Kubernetes (1.30) or an image with dd' >&2\n"
    "exit 255\n"
    "}\n"
    "k_feed() {\n"
    "while IFS= read -r k_n && [ \"$k_n\" -gt 0 ]; do\n"
    "dd bs=\"$k_n\" count=1 iflag=fullblock 2>/dev/null || {\n"
    "[ $? = 141 ] || ";
static const char prelude_feed_tail[] =
    "exec >/dev/null\n"
    "}\n"
    "done\n"
    "}\n" PRELUDE_CAPTURE "k_feed 2>/dev/null | {\n"
    "trap : INT QUIT\n" PRELUDE_CHILD "k_r=$?\n"
    "exec </dev/null\n";
static const char prelude_feed_end[] = "exit $k_r\n"
				       "}\n"
				       "exit $?\n"
				       ")\n"
				       "k_r=$?\n";

int
prelude_init(struct prelude *p, int tty, struct k8s_err *err)
{
	unsigned char raw[PRELUDE_NONCE_LEN / 2];
	char load[sizeof(prelude_loader) + PRELUDE_NONCE_LEN];
	size_t i, len = 0;

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return k8s_err_errno(err, "random numbers");
	for (i = 0; i < sizeof(raw); i++)
		(void)snprintf(p->nonce + 2 * i, 3, "%02x", raw[i]);
	p->tty = tty;
	(void)snprintf(load, sizeof(load), prelude_loader, p->nonce);
	if (tty)
		len = (size_t)snprintf(p->loader, sizeof(p->loader),
		    prelude_loader_tty, p->nonce);
	(void)snprintf(p->loader + len, sizeof(p->loader) - len, "%s", load);
	p->argv[0] = "/bin/sh";
	p->argv[1] = "-c";
	p->argv[2] = p->loader;
	p->argv[3] = NULL;
	return 0;
}

static int
prelude_add(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

/* 's', with every ' in it as '\'' (POSIX XCU 2.2.2). */
static int
prelude_quote(struct buf *b, const char *s)
{
	size_t n;

	if (prelude_add(b, "'") == -1)
		return -1;
	for (;;) {
		n = strcspn(s, "'");
		if (buf_put(b, s, n) == -1)
			return -1;
		if (s[n] == '\0')
			break;
		if (prelude_add(b, "'\\''") == -1)
			return -1;
		s += n + 1;
	}
	return prelude_add(b, "'");
}

/* The length of the variable's name in "NAME=VALUE"; 0 if it is no name. */
static size_t
prelude_name_len(const char *entry)
{
	size_t i;

	for (i = 0; entry[i] != '=' && entry[i] != '\0'; i++)
		if (entry[i] != '_' && !(entry[i] >= 'a' && entry[i] <= 'z') &&
		    !(entry[i] >= 'A' && entry[i] <= 'Z') &&
		    !(i > 0 && entry[i] >= '0' && entry[i] <= '9'))
			return 0;
	return entry[i] == '=' ? i : 0;
}

/* "printf RS NONCE : WORD RS", WORD being a shell word, to stream fd. */
static int
prelude_say(const struct prelude *p, struct buf *b, const char *word,
    const char *fd)
{
	if (prelude_add(b, "printf '\\036%s:%s\\036' ") == -1 ||
	    prelude_add(b, p->nonce) == -1 || prelude_add(b, " ") == -1 ||
	    prelude_add(b, word) == -1 || prelude_add(b, " >&") == -1 ||
	    prelude_add(b, fd) == -1)
		return -1;
	return prelude_add(b, "\n");
}

/* Runs k_run, which has been defined; leaves its status in k_r. */
static int
prelude_build_run(const struct prelude *p, int framed, struct buf *b)
{
	if (!framed)
		return prelude_add(b, prelude_run);
	if (prelude_add(b, prelude_feed_head) == -1 ||
	    prelude_say(p, b, "lost", "4") == -1 ||
	    prelude_add(b, prelude_feed_tail) == -1 ||
	    prelude_say(p, b, "end", "4") == -1)
		return -1;
	return prelude_add(b, prelude_feed_end);
}

static int
prelude_build(const struct prelude *p, const char *const *env,
    const char *command, int framed, struct buf *b)
{
	size_t n;

	if (prelude_add(b, "unset k_s k_l\n") == -1)
		return -1;
	if (p->tty &&
	    prelude_add(b,
		"[ -z \"$k_t\" ] || stty \"$k_t\"\n"
		"unset k_t\n") == -1)
		return -1;
	if (prelude_say(p, b, "start", p->tty ? "1" : "2") == -1)
		return -1;
	if (prelude_add(b, prelude_find_shell) == -1)
		return -1;
	if (p->tty &&
	    prelude_add(b, "SSH_TTY=$(tty 2>/dev/null) && export SSH_TTY\n") ==
		-1)
		return -1;
	/*
	 * What a shell has to say about a variable is not about how the
	 * command ended; and one that it does not let be set (UID in bash)
	 * is left out, which it is "command" for.
	 */
	if (prelude_add(b, "k_run() {\nexec 2>/dev/null\n") == -1)
		return -1;
	for (; *env != NULL; env++) {
		if ((n = prelude_name_len(*env)) == 0)
			continue;
		if (prelude_add(b, "command export ") == -1 ||
		    buf_put(b, *env, n + 1) == -1 ||
		    prelude_quote(b, *env + n + 1) == -1 ||
		    prelude_add(b, "\n") == -1)
			return -1;
	}
	if (prelude_add(b, "exec \"$SHELL\" ") == -1)
		return -1;
	if (command == NULL) {
		if (prelude_add(b, "-l") == -1)
			return -1;
	} else if (prelude_add(b, "-c ") == -1 ||
	    prelude_quote(b, command) == -1) {
		return -1;
	}
	if (prelude_add(b, " >&3 2>&4 3>&- 4>&-\n}\n") == -1)
		return -1;
	if (prelude_build_run(p, framed, b) == -1)
		return -1;
	if (prelude_add(b, "if [ -n \"$k_m\" ] && [ $k_r -gt 128 ]; then\n") ==
		-1 ||
	    prelude_say(p, b, "$((k_r - 128))", p->tty ? "1" : "2") == -1 ||
	    prelude_add(b, "fi\n") == -1)
		return -1;
	if (!p->tty && !framed &&
	    (prelude_say(p, b, "end", "2") == -1 ||
		prelude_add(b, prelude_drain) == -1))
		return -1;
	if (prelude_add(b, "exit $k_r\n") == -1)
		return -1;
	/* The loader's end of script. */
	if (prelude_add(b, p->nonce) == -1)
		return -1;
	return prelude_add(b, "\n");
}

int
prelude_script(const struct prelude *p, const char *const *env,
    const char *command, int framed, struct buf *b, struct k8s_err *err)
{
	if (prelude_build(p, env, command, framed, b) == -1)
		return k8s_err_errno(err, "command and environment");
	return 0;
}

int
prelude_fits_cooked(const struct buf *script)
{
	const unsigned char *p = buf_data(script);
	size_t i, line = 0, len = buf_len(script);

	for (i = 0; i < len; i++) {
		line = p[i] == '\n' ? 0 : line + 1;
		if (line > PRELUDE_COOKED_MAX || p[i] == 0x7f ||
		    (p[i] < ' ' && p[i] != '\n' && p[i] != '\t'))
			return 0;
	}
	return 1;
}

void
prelude_scan_init(struct prelude_scan *s, const char *nonce)
{
	*s = (struct prelude_scan){.nonce = nonce};
}

/* Whether c can follow what has matched; the marker's form in one place. */
static int
prelude_scan_fits(const struct prelude_scan *s, unsigned char c)
{
	if (s->matched == 0)
		return c == PRELUDE_RS;
	if (s->matched <= PRELUDE_NONCE_LEN)
		return c == (unsigned char)s->nonce[s->matched - 1];
	if (s->matched == PRELUDE_NONCE_LEN + 1)
		return c == ':';
	if (c == PRELUDE_RS)
		return s->word_len > 0;
	return isalnum(c) && s->word_len < sizeof(s->word) - 1;
}

/* What is held back is known: it can be written again from the state. */
void
prelude_scan_end(struct prelude_scan *s, const struct prelude_scan_handler *h,
    void *arg)
{
	unsigned char held[PRELUDE_MARKER_MAX];
	size_t n = 0, i;

	for (i = 0; i < s->matched; i++) {
		if (i == 0)
			held[n++] = PRELUDE_RS;
		else if (i <= PRELUDE_NONCE_LEN)
			held[n++] = (unsigned char)s->nonce[i - 1];
		else if (i == PRELUDE_NONCE_LEN + 1)
			held[n++] = ':';
		else
			held[n++] =
			    (unsigned char)s->word[i - PRELUDE_NONCE_LEN - 2];
	}
	s->matched = s->word_len = 0;
	if (n > 0)
		h->text(arg, held, n);
}

void
prelude_scan_feed(struct prelude_scan *s, const unsigned char *p, size_t len,
    const struct prelude_scan_handler *h, void *arg)
{
	const unsigned char *rs;
	char word[sizeof(s->word)];
	size_t n;

	while (len > 0) {
		if (s->matched == 0) {
			/* The common case: no marker, nothing copied. */
			rs = memchr(p, PRELUDE_RS, len);
			n = rs == NULL ? len : (size_t)(rs - p);
			if (n > 0)
				h->text(arg, p, n);
			p += n;
			len -= n;
			if (len == 0)
				return;
		}
		if (!prelude_scan_fits(s, *p)) {
			/* Not a marker; *p may begin the next one. */
			prelude_scan_end(s, h, arg);
			continue;
		}
		if (s->matched > PRELUDE_NONCE_LEN + 1) {
			if (*p == PRELUDE_RS) {
				memcpy(word, s->word, s->word_len);
				word[s->word_len] = '\0';
				s->matched = s->word_len = 0;
				h->word(arg, word);
				p++;
				len--;
				continue;
			}
			s->word[s->word_len++] = (char)*p;
		}
		s->matched++;
		p++;
		len--;
	}
}

char **
prelude_split_words(const char *command)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789 /._,:=+@%^-";
	char **argv, *copy, *word, *rest;
	size_t n = 0;

	if (command[strspn(command, plain)] != '\0' ||
	    command[strspn(command, " ")] == '\0')
		return NULL;
	if ((copy = strdup(command + strspn(command, " "))) == NULL ||
	    (argv = calloc(strlen(copy) / 2 + 2, sizeof(*argv))) == NULL) {
		free(copy);
		return NULL;
	}
	rest = copy;
	while ((word = strtok_r(rest, " ", &rest)) != NULL)
		argv[n++] = word;
	/* NAME=VALUE in front is an assignment to a shell. */
	if (strchr(argv[0], '=') != NULL) {
		free(copy);
		free(argv);
		return NULL;
	}
	return argv;
}
