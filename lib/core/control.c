/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/core/control.h"

#include <string.h>

/* Tags, by request and reply. */
enum {
	START_KIND = 1,
	START_TTY,
	START_COMMAND,
	START_CUT,
	START_NAMESPACE,
	START_POD,
	START_CONTAINER,
};
enum {
	END_EXIT_STATUS = 1,
	END_SIGNAL,
	END_ERROR,
	END_BYTES_IN,
	END_BYTES_OUT,
	END_DURATION,
};
enum {
	WHOAMI_ID = 1,
	WHOAMI_USER,
	WHOAMI_ADDRESS,
	WHOAMI_PORT,
	WHOAMI_UID,
};
enum { RESOLVE_NAME = 1 };
enum { ADDRESS_ADDRESS = 1 };
#define TAG_MAX 7

#define SIGNAL_MAX 64

/* A packet taken apart: its fields by tag. p is NULL where there is none. */
struct control_fields {
	struct control_text field[TAG_MAX + 1];
};

/* A packet under construction in CONTROL_MAX bytes. */
struct control_packet {
	unsigned char *p;
	size_t len;
	int failed;
};

static int
control_bad(struct k8s_err *err, const char *what)
{
	return k8s_err_set(err, K8S_ERR_INVALID, "control socket: %s", what);
}

/* The fields of len bytes: each whole, none twice, none past max. */
static int
control_split(const unsigned char *p, size_t len, size_t max,
    struct control_fields *out, struct k8s_err *err)
{
	size_t tag, n;

	memset(out, 0, sizeof(*out));
	while (len > 0) {
		if (len < 3)
			return control_bad(err, "half a field");
		tag = p[0];
		n = (size_t)p[1] << 8 | p[2];
		p += 3;
		len -= 3;
		if (n > len)
			return control_bad(err, "a field past the end");
		if (tag < 1 || tag > max)
			return control_bad(err, "an unknown field");
		if (out->field[tag].p != NULL)
			return control_bad(err, "a field twice");
		out->field[tag] = (struct control_text){(const char *)p, n};
		p += n;
		len -= n;
	}
	return 0;
}

/* An integer of exactly size bytes, min..max. */
static int
control_get_integer(const struct control_fields *f, int tag, size_t size,
    uint64_t min, uint64_t max, uint64_t *out, struct k8s_err *err)
{
	const struct control_text *t = &f->field[tag];
	uint64_t n = 0;
	size_t i;

	if (t->p == NULL || t->len != size)
		return control_bad(err, "a number is missing or has no width");
	for (i = 0; i < size; i++)
		n = n << 8 | (unsigned char)t->p[i];
	if (n < min || n > max)
		return control_bad(err, "a number is out of range");
	*out = n;
	return 0;
}

static int
control_text_ok(const struct control_text *t, size_t min, size_t max)
{
	return t->len >= min && t->len <= max &&
	    (t->len == 0 || memchr(t->p, '\0', t->len) == NULL);
}

/* Text of min to max bytes, borrowed. */
static int
control_get_text(const struct control_fields *f, int tag, size_t min,
    size_t max, struct control_text *out, struct k8s_err *err)
{
	const struct control_text *t = &f->field[tag];

	if (t->p == NULL || !control_text_ok(t, min, max))
		return control_bad(err, "a text is missing or has no length");
	*out = *t;
	return 0;
}

/* Text of 1 to max bytes into max + 1. */
static int
control_get_string(const struct control_fields *f, int tag, char *out,
    size_t max, struct k8s_err *err)
{
	struct control_text t;

	if (control_get_text(f, tag, 1, max, &t, err) == -1)
		return -1;
	memcpy(out, t.p, t.len);
	out[t.len] = '\0';
	return 0;
}

static int
control_decode_start(const unsigned char *p, size_t len,
    struct control_session_start *s, struct k8s_err *err)
{
	struct control_fields f;
	uint64_t kind = 0, tty = 0, cut = 0;

	if (control_split(p, len, START_CONTAINER, &f, err) == -1 ||
	    control_get_integer(&f, START_KIND, 1, CONTROL_SHELL, CONTROL_SFTP,
		&kind, err) == -1 ||
	    control_get_integer(&f, START_TTY, 1, 0, 1, &tty, err) == -1 ||
	    control_get_text(&f, START_NAMESPACE, 1, CONTROL_NAMESPACE_MAX,
		&s->namespace_, err) == -1 ||
	    control_get_text(&f, START_POD, 1, CONTROL_POD_MAX, &s->pod, err) ==
		-1 ||
	    control_get_text(&f, START_CONTAINER, 0, CONTROL_CONTAINER_MAX,
		&s->container, err) == -1)
		return -1;
	if (kind == CONTROL_EXEC) {
		if (control_get_text(&f, START_COMMAND, 0, CONTROL_COMMAND_MAX,
			&s->command, err) == -1 ||
		    control_get_integer(&f, START_CUT, 1, 0, 1, &cut, err) ==
			-1)
			return -1;
	} else if (f.field[START_COMMAND].p != NULL ||
	    f.field[START_CUT].p != NULL) {
		return control_bad(err, "a command of what is no exec");
	}
	s->kind = (enum control_kind)kind;
	s->tty = (int)tty;
	s->command_cut = (int)cut;
	return 0;
}

static int
control_decode_end(const unsigned char *p, size_t len,
    struct control_session_end *e, struct k8s_err *err)
{
	struct control_fields f;
	uint64_t n = 0;
	int ways;

	if (control_split(p, len, END_DURATION, &f, err) == -1 ||
	    control_get_integer(&f, END_BYTES_IN, 8, 0, UINT64_MAX,
		&e->bytes_in, err) == -1 ||
	    control_get_integer(&f, END_BYTES_OUT, 8, 0, UINT64_MAX,
		&e->bytes_out, err) == -1 ||
	    control_get_integer(&f, END_DURATION, 8, 0, UINT64_MAX,
		&e->duration_ms, err) == -1)
		return -1;
	ways = (f.field[END_EXIT_STATUS].p != NULL) +
	    (f.field[END_SIGNAL].p != NULL) + (f.field[END_ERROR].p != NULL);
	if (ways != 1)
		return control_bad(err, "no end, or more than one");
	if (f.field[END_EXIT_STATUS].p != NULL) {
		e->how = CONTROL_EXITED;
		if (control_get_integer(&f, END_EXIT_STATUS, 1, 0, 255, &n,
			err) == -1)
			return -1;
		e->exit_status = (int)n;
		return 0;
	}
	if (f.field[END_SIGNAL].p != NULL) {
		e->how = CONTROL_SIGNALED;
		if (control_get_integer(&f, END_SIGNAL, 1, 1, SIGNAL_MAX, &n,
			err) == -1)
			return -1;
		e->signal = (int)n;
		return 0;
	}
	e->how = CONTROL_FAILED;
	return control_get_text(&f, END_ERROR, 1, CONTROL_ERROR_MAX, &e->error,
	    err);
}

static int
control_decode_resolve(const unsigned char *p, size_t len,
    struct control_text *name, struct k8s_err *err)
{
	struct control_fields f;

	if (control_split(p, len, RESOLVE_NAME, &f, err) == -1)
		return -1;
	return control_get_text(&f, RESOLVE_NAME, 0, CONTROL_NAME_MAX, name,
	    err);
}

int
control_decode(const void *p, size_t len, struct control_request *out,
    struct k8s_err *err)
{
	const unsigned char *b = p;
	struct control_fields f;

	memset(out, 0, sizeof(*out));
	if (len < 1 || len > CONTROL_MAX)
		return control_bad(err, "a packet of impossible length");
	switch (b[0]) {
	case CONTROL_WHOAMI:
		out->type = CONTROL_WHOAMI;
		return control_split(b + 1, len - 1, 0, &f, err);
	case CONTROL_SESSION_START:
		out->type = CONTROL_SESSION_START;
		return control_decode_start(b + 1, len - 1, &out->u.start, err);
	case CONTROL_SESSION_END:
		out->type = CONTROL_SESSION_END;
		return control_decode_end(b + 1, len - 1, &out->u.end, err);
	case CONTROL_RESOLVE:
		out->type = CONTROL_RESOLVE;
		return control_decode_resolve(b + 1, len - 1, &out->u.name,
		    err);
	default:
		return control_bad(err, "an unknown request");
	}
}

static struct control_packet
control_begin(unsigned char *dst, int type)
{
	dst[0] = (unsigned char)type;
	return (struct control_packet){.p = dst, .len = 1};
}

static void
control_put(struct control_packet *k, int tag, const void *p, size_t len)
{
	if (k->failed || CONTROL_MAX - k->len < 3 ||
	    CONTROL_MAX - k->len - 3 < len) {
		k->failed = 1;
		return;
	}
	k->p[k->len] = (unsigned char)tag;
	k->p[k->len + 1] = (unsigned char)(len >> 8);
	k->p[k->len + 2] = (unsigned char)(len & 0xff);
	if (len > 0)
		memcpy(k->p + k->len + 3, p, len);
	k->len += 3 + len;
}

static void
control_put_integer(struct control_packet *k, int tag, size_t size, uint64_t n)
{
	unsigned char b[8] = {0};
	size_t i;

	for (i = size; i > 0; i--) {
		b[i - 1] = (unsigned char)(n & 0xff);
		n >>= 8;
	}
	control_put(k, tag, b, size);
}

static void
control_put_text(struct control_packet *k, int tag, struct control_text t,
    size_t min, size_t max)
{
	if (!control_text_ok(&t, min, max))
		k->failed = 1;
	else
		control_put(k, tag, t.p, t.len);
}

static void
control_put_string(struct control_packet *k, int tag, const char *s, size_t max)
{
	control_put_text(k, tag, (struct control_text){s, strnlen(s, max + 1)},
	    1, max);
}

static struct control_text
control_cut(struct control_text t, size_t max, int *cut)
{
	if (t.len > max) {
		t.len = max;
		*cut = 1;
	}
	return t;
}

size_t
control_encode_status(unsigned char *dst, enum control_status status)
{
	return control_begin(dst, status).len;
}

size_t
control_encode_whoami(unsigned char *dst, const struct control_whoami *w)
{
	struct control_packet k = control_begin(dst, CONTROL_OK);

	control_put_string(&k, WHOAMI_ID, w->id, CONTROL_ID_MAX);
	control_put_string(&k, WHOAMI_USER, w->user, CONTROL_USER_MAX);
	control_put_string(&k, WHOAMI_ADDRESS, w->address, CONTROL_ADDRESS_MAX);
	control_put_integer(&k, WHOAMI_PORT, 2, w->port);
	control_put_integer(&k, WHOAMI_UID, 4, w->uid);
	return k.failed ? 0 : k.len;
}

size_t
control_encode_address(unsigned char *dst, uint32_t address)
{
	struct control_packet k = control_begin(dst, CONTROL_OK);

	control_put_integer(&k, ADDRESS_ADDRESS, 4, address);
	return k.failed ? 0 : k.len;
}

size_t
control_encode_start(unsigned char *dst, const struct control_session_start *s)
{
	struct control_packet k = control_begin(dst, CONTROL_SESSION_START);
	int cut = s->command_cut != 0;
	struct control_text command;

	if (s->kind < CONTROL_SHELL || s->kind > CONTROL_SFTP)
		return 0;
	control_put_integer(&k, START_KIND, 1, s->kind);
	control_put_integer(&k, START_TTY, 1, s->tty != 0);
	if (s->kind == CONTROL_EXEC) {
		command = control_cut(s->command, CONTROL_COMMAND_MAX, &cut);
		control_put_text(&k, START_COMMAND, command, 0,
		    CONTROL_COMMAND_MAX);
		control_put_integer(&k, START_CUT, 1, (uint64_t)cut);
	}
	control_put_text(&k, START_NAMESPACE, s->namespace_, 1,
	    CONTROL_NAMESPACE_MAX);
	control_put_text(&k, START_POD, s->pod, 1, CONTROL_POD_MAX);
	control_put_text(&k, START_CONTAINER, s->container, 0,
	    CONTROL_CONTAINER_MAX);
	return k.failed ? 0 : k.len;
}

size_t
control_encode_end(unsigned char *dst, const struct control_session_end *e)
{
	struct control_packet k = control_begin(dst, CONTROL_SESSION_END);
	int cut = 0;

	switch (e->how) {
	case CONTROL_EXITED:
		if (e->exit_status < 0 || e->exit_status > 255)
			return 0;
		control_put_integer(&k, END_EXIT_STATUS, 1,
		    (uint64_t)e->exit_status);
		break;
	case CONTROL_SIGNALED:
		if (e->signal < 1 || e->signal > SIGNAL_MAX)
			return 0;
		control_put_integer(&k, END_SIGNAL, 1, (uint64_t)e->signal);
		break;
	case CONTROL_FAILED:
		control_put_text(&k, END_ERROR,
		    control_cut(e->error, CONTROL_ERROR_MAX, &cut), 1,
		    CONTROL_ERROR_MAX);
		break;
	default:
		return 0;
	}
	control_put_integer(&k, END_BYTES_IN, 8, e->bytes_in);
	control_put_integer(&k, END_BYTES_OUT, 8, e->bytes_out);
	control_put_integer(&k, END_DURATION, 8, e->duration_ms);
	return k.failed ? 0 : k.len;
}

size_t
control_encode_resolve(unsigned char *dst, struct control_text name)
{
	struct control_packet k = control_begin(dst, CONTROL_RESOLVE);

	control_put_text(&k, RESOLVE_NAME, name, 0, CONTROL_NAME_MAX);
	return k.failed ? 0 : k.len;
}

/* A reply is OK, with fields 1..max; else an error. */
static int
control_reply(const void *p, size_t len, size_t max, struct control_fields *f,
    struct k8s_err *err)
{
	const unsigned char *b = p;

	if (len < 1 || len > CONTROL_MAX)
		return control_bad(err, "a reply of impossible length");
	if (b[0] == CONTROL_OK)
		return control_split(b + 1, len - 1, max, f, err);
	if (b[0] == CONTROL_DENIED && len == 1)
		return k8s_err_set(err, K8S_ERR_FORBIDDEN,
		    "control socket: the supervisor does not allow that");
	if (b[0] == CONTROL_INVALID && len == 1)
		return control_bad(err,
		    "the supervisor did not understand: are all parts of "
		    "k8shell of one version?");
	return control_bad(err, "an unknown reply");
}

int
control_decode_ok(const void *p, size_t len, struct k8s_err *err)
{
	struct control_fields f;

	return control_reply(p, len, 0, &f, err);
}

int
control_decode_whoami(const void *p, size_t len, struct control_whoami *out,
    struct k8s_err *err)
{
	struct control_whoami w;
	struct control_fields f;
	uint64_t port = 0, uid = 0;

	if (control_reply(p, len, WHOAMI_UID, &f, err) == -1 ||
	    control_get_string(&f, WHOAMI_ID, w.id, CONTROL_ID_MAX, err) ==
		-1 ||
	    control_get_string(&f, WHOAMI_USER, w.user, CONTROL_USER_MAX,
		err) == -1 ||
	    control_get_string(&f, WHOAMI_ADDRESS, w.address,
		CONTROL_ADDRESS_MAX, err) == -1 ||
	    control_get_integer(&f, WHOAMI_PORT, 2, 0, UINT16_MAX, &port,
		err) == -1 ||
	    control_get_integer(&f, WHOAMI_UID, 4, 0, UINT32_MAX, &uid, err) ==
		-1)
		return -1;
	w.port = (uint16_t)port;
	w.uid = (uint32_t)uid;
	*out = w;
	return 0;
}

int
control_decode_address(const void *p, size_t len, uint32_t *address,
    struct k8s_err *err)
{
	struct control_fields f;
	uint64_t n = 0;

	if (control_reply(p, len, ADDRESS_ADDRESS, &f, err) == -1 ||
	    control_get_integer(&f, ADDRESS_ADDRESS, 4, 0, UINT32_MAX, &n,
		err) == -1)
		return -1;
	*address = (uint32_t)n;
	return 0;
}
