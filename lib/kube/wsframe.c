/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/wsframe.h"

#include <string.h>

#define WSFRAME_FIN	 0x80
#define WSFRAME_RESERVED 0x70
#define WSFRAME_OPCODE	 0x0f
#define WSFRAME_MASKED	 0x80
#define WSFRAME_LEN	 0x7f

static int
wsframe_is_control(int opcode)
{
	return (opcode & 8) != 0;
}

/* How long the header is, as far as its first two bytes tell. */
static size_t
wsframe_head_size(const struct wsframe_reader *r)
{
	int len;

	if (r->head_len < 2)
		return 2;
	len = r->head[1] & WSFRAME_LEN;
	return len == 126 ? 4 : len == 127 ? 10 : 2;
}

/* The payload's length, from a complete header. */
static uint64_t
wsframe_length(const struct wsframe_reader *r)
{
	uint64_t n = 0;
	size_t i, size = wsframe_head_size(r);

	if (size == 2)
		return r->head[1] & WSFRAME_LEN;
	for (i = 2; i < size; i++)
		n = n << 8 | r->head[i];
	return n;
}

static int
wsframe_bad(struct k8s_err *err, const char *what)
{
	return k8s_err_set(err, K8S_ERR_INVALID,
	    "the API server breaks the WebSocket protocol: %s", what);
}

/* Checks a complete header and begins its payload. */
static int
wsframe_begin(struct wsframe_reader *r, struct k8s_err *err)
{
	int fin = r->head[0] & WSFRAME_FIN, op = r->head[0] & WSFRAME_OPCODE;

	if (r->head[0] & WSFRAME_RESERVED)
		return wsframe_bad(err, "reserved bits");
	if (r->head[1] & WSFRAME_MASKED)
		return wsframe_bad(err, "a masked frame");
	r->left = wsframe_length(r);
	if (r->left >> 63)
		return wsframe_bad(err, "an impossible length");
	switch (op) {
	case WSFRAME_CLOSE:
	case WSFRAME_PING:
	case WSFRAME_PONG:
		if (!fin || r->left > WSFRAME_CONTROL_MAX)
			return wsframe_bad(err,
			    "a long or fragmented control frame");
		r->control_len = 0;
		break;
	case WSFRAME_CONTINUATION:
		if (!r->in_message)
			return wsframe_bad(err, "a continuation of nothing");
		r->in_message = !fin;
		break;
	case WSFRAME_BINARY:
		if (r->in_message)
			return wsframe_bad(err, "a message within another");
		r->in_message = !fin;
		r->first = 1;
		break;
	case WSFRAME_TEXT:
		return wsframe_bad(err, "a text message, where all is binary");
	default:
		return wsframe_bad(err, "a reserved opcode");
	}
	r->opcode = op;
	r->head_len = 0;
	r->in_payload = 1;
	return 0;
}

/* n bytes of payload; the end of a control frame is its delivery. */
static void
wsframe_payload(struct wsframe_reader *r, const unsigned char *p, size_t n,
    const struct wsframe_handler *h, void *arg)
{
	r->left -= n;
	if (wsframe_is_control(r->opcode)) {
		memcpy(r->control + r->control_len, p, n);
		r->control_len += n;
		if (r->left == 0)
			h->control(arg, (enum wsframe_opcode)r->opcode,
			    r->control, r->control_len);
	} else if (n > 0) {
		h->data(arg, p, n, r->first);
		r->first = 0;
	}
	r->in_payload = r->left > 0;
}

int
wsframe_feed(struct wsframe_reader *r, const unsigned char *p, size_t len,
    const struct wsframe_handler *h, void *arg, struct k8s_err *err)
{
	size_t n;

	while (len > 0) {
		if (!r->in_payload) {
			n = wsframe_head_size(r) - r->head_len;
			if (n > len)
				n = len;
			memcpy(r->head + r->head_len, p, n);
			r->head_len += n;
			p += n;
			len -= n;
			if (r->head_len < wsframe_head_size(r))
				continue;
			if (wsframe_begin(r, err) == -1)
				return -1;
		}
		n = r->left < len ? (size_t)r->left : len;
		wsframe_payload(r, p, n, h, arg);
		p += n;
		len -= n;
	}
	return 0;
}

static void
wsframe_mask(unsigned char *p, size_t len, uint32_t mask)
{
	unsigned char key[4];
	uint64_t wide, word;
	size_t i = 0;

	memcpy(key, &mask, sizeof(key));
	wide = (uint64_t)mask << 32 | mask;
	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		word ^= wide;
		memcpy(p + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		p[i] ^= key[i % 4];
}

unsigned char *
wsframe_make(enum wsframe_opcode op, unsigned char *p, size_t len,
    uint32_t mask)
{
	unsigned char *h = p - sizeof(mask);
	uint64_t n = len;
	int i;

	wsframe_mask(p, len, mask);
	memcpy(h, &mask, sizeof(mask));
	if (len <= 125) {
		*--h = WSFRAME_MASKED | (unsigned char)len;
	} else {
		for (i = 0; i < (len <= 0xffff ? 2 : 8); i++) {
			*--h = (unsigned char)(n & 0xff);
			n >>= 8;
		}
		*--h = WSFRAME_MASKED | (len <= 0xffff ? 126 : 127);
	}
	*--h = WSFRAME_FIN | (unsigned char)op;
	return h;
}
