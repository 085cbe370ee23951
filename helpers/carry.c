/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/core/buf.h"
#include "lib/core/log.h"

#define CARRY_RS '\036'

/* The first byte of the guest's HELLO (PROTOCOL.mux): its type. */
#define CARRY_HELLO 1

static const char *const carry_machines[CARRY_GUESTS_MAX] = {"x86_64",
    "aarch64"};

/*
 * The script; the first %s is a case of "MACHINE) k_n=ID k_s=SIZE;;" for each
 * guest, the other a carry_number(). Names begin with k_, so that none of the
 * container's own variables is hit. k_try runs what is there, if it is ours
 * and does run: a wrong file is replaced. By env, as bash makes an absolute
 * name of what it is to exec, which somebody else's folder may have by then.
 * head or dd, not one after the other: what the first has taken the second
 * would wait for. After a failure stdin is read to its end, as an exec that
 * ends with stdin on its way may lose its output.
 */
static const char carry_script[] =
    "k_m=$(uname -m 2>/dev/null);k_n=;"
    "case $k_m in %s esac;k_r=%s;" CARRY_SH_FOLDERS
    "k_no(){ printf '\\036no %%s\\n' \"$1\";exit 0;};"
    "[ -n \"$k_n\" ]||k_no \"there is no guest for ${k_m:-this} machine\";"
    "k_try(){ [ -x \"$k_d/$k_n\" ]&&k_in&&k_mine ./$k_n&&"
    "[ \"$(./$k_n -V 2>/dev/null)\" ]&&exec env ./$k_n;};"
    "k_all k_try;"
    "k_p=$(command -v k8shell-guest)&&"
    "case $(sha256sum <\"$k_p\" 2>/dev/null) in $k_n*) exec \"$k_p\";;esac;"
    "{ k_all k_can;} 2>/dev/null;"
    "[ -n \"$k_w\" ]||"
    "k_no 'no folder can be written to and executed from';"
    "k_t=$k_n.$k_r;"
    "printf '\\036need %%s %%s\\n' \"$k_m\" $k_s;"
    "if head -c 1 </dev/null >/dev/null 2>&1;then head -c $k_s;"
    "else dd bs=1 count=$k_s;fi >$k_t 2>/dev/null;"
    "[ \"$(wc -c <$k_t 2>/dev/null)\" -eq $k_s ]&&chmod 700 $k_t&&"
    "[ \"$(./$k_t -V 2>/dev/null)\" ]&&mv -f $k_t $k_n||"
    "{ rm -f $k_t;(k_no 'it could not be written, or does not run');"
    "cat >/dev/null 2>&1;exit 0;};"
    "exec env ./$k_n";

int
carry_id(char id[CARRY_ID_MAX], const void *p, size_t len, struct k8s_err *err)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int n, i;

	if (EVP_Digest(p, len, md, &n, EVP_sha256(), NULL) != 1 ||
	    n < (CARRY_ID_MAX - 1) / 2)
		return k8s_err_set(err, K8S_ERR_SYSTEM, "no SHA-256");
	for (i = 0; i < (CARRY_ID_MAX - 1) / 2; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", md[i]);
	return 0;
}

int
carry_number(char number[CARRY_NUMBER_MAX], struct k8s_err *err)
{
	unsigned char random[(CARRY_NUMBER_MAX - 1) / 2];
	size_t i;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return k8s_err_errno(err, "getrandom");
	for (i = 0; i < sizeof(random); i++)
		(void)snprintf(number + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static int
carry_read(struct carry_guest *g, const char *path, struct k8s_err *err)
{
	__attribute__((cleanup(buf_freep))) struct buf *b = NULL;
	int fd, ret = -1;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return k8s_err_errno(err, "%s", path);
	if ((b = buf_new(CARRY_SIZE_MAX)) != NULL)
		ret = buf_read_all(b, fd);
	if (ret == -1)
		k8s_err_errno(err, "%s", path);
	(void)close(fd);
	if (ret == -1)
		return -1;
	g->len = buf_len(b);
	if (g->len == 0)
		return k8s_err_set(err, K8S_ERR_CONFIG, "%s: empty", path);
	if ((g->p = malloc(g->len)) == NULL)
		return k8s_err_errno(err, "out of memory");
	memcpy(g->p, buf_data(b), g->len);
	return carry_id(g->id, g->p, g->len, err);
}

static int
carry_build(struct carry *c, struct k8s_err *err)
{
	char cases[CARRY_GUESTS_MAX * 128], number[CARRY_NUMBER_MAX];
	size_t i, n = 0;

	cases[0] = '\0';
	for (i = 0; i < c->guests_len; i++)
		n += (size_t)snprintf(cases + n, sizeof(cases) - n,
		    "%s)k_n=%s k_s=%zu;;", c->guests[i].machine,
		    c->guests[i].id, c->guests[i].len);
	if (carry_number(number, err) == -1)
		return -1;
	if (asprintf(&c->script, carry_script, cases, number) == -1) {
		c->script = NULL;
		return k8s_err_errno(err, "out of memory");
	}
	c->argv[0] = "/bin/sh";
	c->argv[1] = "-c";
	c->argv[2] = c->script;
	c->argv[3] = NULL;
	return 0;
}

int
carry_init(struct carry *c, const char *dir, struct k8s_err *err)
{
	struct carry_guest *g;
	struct k8s_err why = K8S_ERR_INIT;
	char path[512];
	size_t i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < CARRY_GUESTS_MAX; i++) {
		g = &c->guests[c->guests_len];
		g->machine = carry_machines[i];
		(void)snprintf(path, sizeof(path), "%s/k8shell-guest-%s", dir,
		    g->machine);
		if (access(path, F_OK) == -1 && errno == ENOENT)
			continue;
		if (carry_read(g, path, &why) == 0) {
			c->guests_len++;
		} else {
			carry_clear(c);
			return k8s_err_set(err, why.code, "%s", why.msg);
		}
	}
	if (c->guests_len == 0)
		return k8s_err_set(err, K8S_ERR_NOT_FOUND,
		    "there is no guest in %s", dir);
	return carry_build(c, err);
}

void
carry_clear(struct carry *c)
{
	size_t i;

	for (i = 0; i < CARRY_GUESTS_MAX; i++)
		free(c->guests[i].p);
	free(c->script);
	memset(c, 0, sizeof(*c));
}

void
carry_reset(struct carry *c)
{
	c->state = CARRY_LISTENING;
	c->guest = NULL;
	c->sent = 0;
	c->line_len = 0;
	c->asked = 0;
}

static void
carry_none(struct carry *c, struct k8s_err *err, const char *why)
{
	char safe[CARRY_LINE_MAX];

	c->state = CARRY_NONE;
	k8s_err_set(err, K8S_ERR_INVALID, "%s",
	    log_escape(safe, sizeof(safe), why, strlen(why)));
}

/* A whole line, without its RS and newline. */
static void
carry_line(struct carry *c, struct k8s_err *err)
{
	char need[64];
	size_t i;

	c->line[c->line_len] = '\0';
	if (strncmp(c->line, "no ", 3) == 0) {
		carry_none(c, err, c->line + 3);
		return;
	}
	/* Once: what else is there would be sent without end. */
	for (i = 0; i < c->guests_len && !c->asked; i++) {
		(void)snprintf(need, sizeof(need), "need %s %zu",
		    c->guests[i].machine, c->guests[i].len);
		if (strcmp(c->line, need) == 0) {
			c->asked = 1;
			c->guest = &c->guests[i];
			c->state = CARRY_NEED;
			c->line_len = 0;
			return;
		}
	}
	carry_none(c, err, c->line);
}

size_t
carry_feed(struct carry *c, const unsigned char *p, size_t len,
    struct k8s_err *err)
{
	size_t i;

	for (i = 0; i < len && c->state != CARRY_NONE; i++) {
		/* Not a guest that has only half of its file. */
		if (c->line_len == 0 && p[i] == CARRY_HELLO &&
		    c->state == CARRY_LISTENING) {
			c->state = CARRY_RUNS;
			return i;
		}
		/* The RS is kept as the line's first byte until it is over. */
		if (c->line_len == 0 && p[i] != CARRY_RS) {
			carry_none(c, err, "its shell says something else");
		} else if (p[i] == '\n') {
			c->line_len--;
			memmove(c->line, c->line + 1, c->line_len);
			carry_line(c, err);
		} else if (c->line_len == sizeof(c->line) - 1 || p[i] == '\0') {
			carry_none(c, err, "its shell says something else");
		} else {
			c->line[c->line_len++] = (char)p[i];
		}
	}
	return len;
}

size_t
carry_next(struct carry *c, unsigned char *p, size_t max)
{
	size_t len;

	if (c->state != CARRY_NEED)
		return 0;
	len = c->guest->len - c->sent;
	if (len > max)
		len = max;
	memcpy(p, c->guest->p + c->sent, len);
	c->sent += len;
	if (c->sent == c->guest->len)
		c->state = CARRY_LISTENING;
	return len;
}
