/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of RFC 6455, server's side, and the ways to get them wrong. */
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

#include "fakekube.h"

#define HEAD_MAX	16 /* frame header, mask and channel byte */
#define OP_CONTINUATION 0
#define OP_TEXT		1
#define OP_BINARY	2
#define OP_CLOSE	8
#define OP_PING		9
#define OP_PONG		10
#define FIN		0x80
#define RSV1		0x40
#define MASK		0x80

struct ws {
	struct conn *conn;
	const struct faults *faults;

	unsigned char *out; /* bytes off..len wait to be sent */
	size_t off;
	size_t len;
	size_t cap;
	unsigned char *scratch; /* ws_room() while messages are transformed */
	size_t scratch_cap;

	unsigned char head[14];
	size_t head_len;
	bool head_done;
	uint64_t left; /* of the frame's payload */
	unsigned char mask[4];
	unsigned mask_pos;
	int opcode;
	bool fin;
	bool in_message;
	int channel; /* of the message, -1: its first byte is to come */
	unsigned char control[125];
	size_t control_len;
	bool violated;
};

void
ws_accept_key(const char *key, char out[29])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char h[SHA_DIGEST_LENGTH];
	auto_text t = {0};

	text_addf(&t, "%s%s", key, guid);
	SHA1((const unsigned char *)t.data, t.len, h);
	EVP_EncodeBlock((unsigned char *)out, h, sizeof(h));
}

struct ws *
ws_new(struct conn *c, const struct faults *f)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));

	ws->conn = c;
	ws->faults = f;
	ws->channel = -1;
	return ws;
}

void
ws_free(struct ws *ws)
{
	free(ws->out);
	free(ws->scratch);
	free(ws);
}

static void
grow(unsigned char **buf, size_t *cap, size_t want)
{
	unsigned char *grown;

	if (want <= *cap)
		return;
	grown = xcalloc(want, 1);
	if (*cap > 0)
		memcpy(grown, *buf, *cap);
	free(*buf);
	*buf = grown;
	*cap = want;
}

static void
out_add(struct ws *ws, const void *data, size_t len)
{
	if (ws->off == ws->len)
		ws->off = ws->len = 0;
	if (ws->len + len > ws->cap)
		grow(&ws->out, &ws->cap, (ws->len + len) * 2);
	if (len > 0)
		memcpy(ws->out + ws->len, data, len);
	ws->len += len;
}

/* Writes the header to HEAD and returns its length. */
static size_t
frame_head(unsigned char *head, unsigned first, unsigned mask, uint64_t len)
{
	size_t n = 2, i;

	head[0] = (unsigned char)first;
	if (len < 126) {
		head[1] = (unsigned char)(mask | len);
	} else if (len <= UINT16_MAX) {
		head[1] = (unsigned char)(mask | 126);
		head[n++] = (unsigned char)(len >> 8);
		head[n++] = (unsigned char)len;
	} else {
		head[1] = (unsigned char)(mask | 127);
		for (i = 0; i < 8; i++)
			head[n++] = (unsigned char)(len >> (56 - 8 * i));
	}
	return n;
}

static void
out_frame(struct ws *ws, unsigned first, const void *data, size_t len)
{
	bool mask = ws->faults->violation == VIOLATE_MASKED && ws->violated;
	unsigned char head[HEAD_MAX];
	size_t n = frame_head(head, first, mask ? MASK : 0, len);

	if (mask) {
		/* A key of zeroes masks nothing: the payload stays as it is. */
		memset(head + n, 0, 4);
		n += 4;
	}
	out_add(ws, head, n);
	out_add(ws, data, len);
}

void
ws_control(struct ws *ws, int opcode, const void *data, size_t len)
{
	out_frame(ws, FIN | (unsigned)opcode, data, len);
}

void
ws_close(struct ws *ws, int code)
{
	unsigned char payload[2] = {(unsigned char)(code >> 8),
	    (unsigned char)code};

	ws_control(ws, OP_CLOSE, payload, code == 0 ? 0 : 2);
}

static unsigned
data_opcode(const struct ws *ws)
{
	return ws->faults->text_frames ? OP_TEXT : OP_BINARY;
}

static unsigned
data_bits(const struct ws *ws)
{
	return ws->faults->violation == VIOLATE_RESERVED_BITS && ws->violated
	    ? RSV1
	    : 0;
}

/* CHANNEL < 0: DATA is the whole message, without a channel byte. */
void
ws_message_fragmented(struct ws *ws, int channel, const void *data, size_t len,
    size_t piece)
{
	unsigned opcode = data_opcode(ws);
	unsigned char byte = (unsigned char)channel;
	auto_text message = {0};
	size_t off = 0, n;

	if (channel >= 0)
		text_add(&message, &byte, 1);
	text_add(&message, data, len);
	do {
		n = message.len - off;
		if (piece > 0 && n > piece)
			n = piece;
		out_frame(ws,
		    opcode | data_bits(ws) | (off + n == message.len ? FIN : 0),
		    message.data + off, n);
		off += n;
		opcode = OP_CONTINUATION;
		if (ws->faults->fragment_pings && off < message.len)
			ws_control(ws, OP_PING, "between", 7);
	} while (off < message.len);
}

static void
garbage(struct ws *ws)
{
	static const int channels[] = {5, 9, 200, 255, 0, 4};
	size_t i;

	for (i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		ws_message_fragmented(ws, channels[i], "garbage", 7, 0);
	ws_message_fragmented(ws, 9, "", 0, 0);
	ws_message_fragmented(ws, -1, "", 0, 0);
}

void
ws_message(struct ws *ws, int channel, const void *data, size_t len)
{
	if (ws->faults->garbage_channels)
		garbage(ws);
	ws_message_fragmented(ws, channel, data, len, ws->faults->fragment);
}

static bool
transforms(const struct ws *ws)
{
	const struct faults *f = ws->faults;

	return f->fragment > 0 || f->garbage_channels || f->text_frames ||
	    f->violation != VIOLATE_NONE || f->status == STATUS_EARLY;
}

unsigned char *
ws_room(struct ws *ws, size_t size)
{
	if (transforms(ws) || ws->off < ws->len) {
		grow(&ws->scratch, &ws->scratch_cap, size);
		return ws->scratch;
	}
	grow(&ws->out, &ws->cap, size + HEAD_MAX);
	return ws->out + HEAD_MAX;
}

/* The ordinary case costs no copy: the header goes in front of the data. */
void
ws_commit(struct ws *ws, int channel, size_t len)
{
	unsigned char head[HEAD_MAX];
	size_t n;

	if (transforms(ws) || ws->off < ws->len) {
		ws_message(ws, channel, ws->scratch, len);
		return;
	}
	n = frame_head(head, FIN | OP_BINARY, 0, len + 1);
	head[n++] = (unsigned char)channel;
	ws->off = HEAD_MAX - n;
	ws->len = HEAD_MAX + len;
	memcpy(ws->out + ws->off, head, n);
}

void
ws_violate(struct ws *ws)
{
	unsigned char head[HEAD_MAX], junk[200];

	memset(junk, 'x', sizeof(junk));
	ws->violated = true;
	switch (ws->faults->violation) {
	case VIOLATE_RESERVED_OPCODE:
		out_frame(ws, FIN | 3, junk, 5);
		break;
	case VIOLATE_OVERSIZE_CONTROL:
		out_frame(ws, FIN | OP_PING, junk, sizeof(junk));
		break;
	case VIOLATE_FRAGMENTED_CONTROL:
		out_frame(ws, OP_PING, junk, 5);
		out_frame(ws, FIN | OP_CONTINUATION, junk, 5);
		break;
	case VIOLATE_ORPHAN_CONTINUATION:
		out_frame(ws, FIN | OP_CONTINUATION, junk, 5);
		break;
	case VIOLATE_NESTED_MESSAGE:
		out_frame(ws, OP_BINARY,
		    "\x01"
		    "one",
		    4);
		out_frame(ws, FIN | OP_BINARY,
		    "\x01"
		    "two",
		    4);
		break;
	case VIOLATE_HUGE_LENGTH:
		out_add(ws, head,
		    frame_head(head, FIN | OP_BINARY, 0, UINT64_MAX));
		break;
	case VIOLATE_NOT_WEBSOCKET:
		out_add(ws, "SSH-2.0-what?\r\n", 15);
		break;
	default:
		break; /* masked and reserved bits concern what follows */
	}
}

size_t
ws_pending(const struct ws *ws)
{
	return ws->len - ws->off;
}

enum io
ws_flush(struct ws *ws)
{
	size_t done;
	enum io io;

	while (ws->off < ws->len) {
		io = conn_try_write(ws->conn, ws->out + ws->off,
		    ws->len - ws->off, &done);
		if (io != IO_OK)
			return io;
		ws->off += done;
	}
	ws->off = ws->len = 0;
	return IO_OK;
}

/* The length of the header whose first bytes are in head[], at least 2. */
static size_t
head_size(const struct ws *ws)
{
	size_t n = 2;

	if (ws->head_len < 2)
		return n;
	if ((ws->head[1] & 0x7f) == 126)
		n += 2;
	else if ((ws->head[1] & 0x7f) == 127)
		n += 8;
	return n + ((ws->head[1] & MASK) ? 4 : 0);
}

/* NULL or what is wrong with the frame whose header is complete. */
static const char *
head_parse(struct ws *ws)
{
	size_t n = 2, i, size = 0;
	bool control;

	ws->fin = (ws->head[0] & FIN) != 0;
	ws->opcode = ws->head[0] & 0x0f;
	ws->left = ws->head[1] & 0x7f;
	if (ws->left >= 126) {
		size = ws->left == 126 ? 2 : 8;
		for (ws->left = 0, i = 0; i < size; i++)
			ws->left = ws->left << 8 | ws->head[n++];
	}
	memcpy(ws->mask, ws->head + n, 4);
	ws->mask_pos = 0;
	control = ws->opcode >= OP_CLOSE;
	if (ws->head[0] & 0x70)
		return "reserved bits";
	if (!(ws->head[1] & MASK))
		return "unmasked frame";
	if (ws->left > INT64_MAX)
		return "length with the highest bit set";
	if (ws->opcode > OP_PONG || (ws->opcode > OP_BINARY && !control))
		return "reserved opcode";
	if (control && (!ws->fin || ws->left > sizeof(ws->control)))
		return "fragmented or long control frame";
	if (ws->opcode == OP_CONTINUATION && !ws->in_message)
		return "continuation of nothing";
	if ((ws->opcode == OP_TEXT || ws->opcode == OP_BINARY) &&
	    ws->in_message)
		return "new message inside a message";
	if (control) {
		ws->control_len = 0;
	} else if (ws->opcode != OP_CONTINUATION) {
		ws->in_message = true;
		ws->channel = -1;
	}
	return NULL;
}

static void
unmask(struct ws *ws, unsigned char *p, size_t n)
{
	unsigned char key[8];
	uint64_t word, mask;
	size_t i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = ws->mask[(ws->mask_pos + i) & 3];
	ws->mask_pos = (unsigned)((ws->mask_pos + n) & 3);
	memcpy(&mask, key, sizeof(mask));
	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		word ^= mask;
		memcpy(p, &word, sizeof(word));
	}
	for (i = 0; i < n; i++)
		p[i] ^= key[i];
}

/* -1: it was a close frame */
static int
control_end(struct ws *ws, const struct ws_events *ev, void *arg)
{
	int code = 1005; /* RFC 6455, 7.1.5: no code was given */

	if (ws->opcode == OP_PING) {
		ev->ping(arg, ws->control_len);
		if (!ws->faults->no_pong)
			ws_control(ws, OP_PONG, ws->control, ws->control_len);
	} else if (ws->opcode == OP_CLOSE) {
		if (ws->control_len >= 2)
			code = ws->control[0] << 8 | ws->control[1];
		ev->close(arg, code);
		ws_close(ws, code == 1005 ? 0 : code);
		return -1;
	}
	return 0;
}

/* N bytes of payload at P; returns -1 after a close frame. */
static int
payload(struct ws *ws, unsigned char *p, size_t n, const struct ws_events *ev,
    void *arg)
{
	bool last;

	unmask(ws, p, n);
	ws->left -= n;
	if (ws->opcode >= OP_CLOSE) {
		memcpy(ws->control + ws->control_len, p, n);
		ws->control_len += n;
		return ws->left == 0 ? control_end(ws, ev, arg) : 0;
	}
	last = ws->fin && ws->left == 0;
	if (ws->channel < 0 && n > 0) {
		ws->channel = *p++;
		n--;
	}
	if (ws->channel >= 0 && (n > 0 || last))
		ev->data(arg, ws->channel, p, n, last);
	if (last)
		ws->in_message = false;
	return 0;
}

int
ws_feed(struct ws *ws, unsigned char *p, size_t n, const struct ws_events *ev,
    void *arg)
{
	const char *wrong;
	size_t take;

	while (n > 0) {
		if (!ws->head_done) {
			ws->head[ws->head_len++] = *p++;
			n--;
			if (ws->head_len < head_size(ws))
				continue;
			ws->head_done = true;
			if ((wrong = head_parse(ws)) != NULL) {
				ev->broken(arg, wrong);
				ws_close(ws, 1002);
				return -1;
			}
			if (ws->left > 0)
				continue;
		}
		take = n < ws->left ? n : (size_t)ws->left;
		if (payload(ws, p, take, ev, arg) < 0)
			return -1;
		p += take;
		n -= take;
		if (ws->left == 0) {
			ws->head_done = false;
			ws->head_len = 0;
		}
	}
	return 0;
}
