/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a mux and a peer that is up to no good: a hostile host against a
 * guest where the first byte is even, a hostile guest against a host where it
 * is odd. What follows are steps of both:
 *	0..127		so many bytes of the stream, which follow
 *	128..191	a frame: its type less 128, then channel, length (a byte
 *			each) and payload
 *	192..255	what this end does, and to which of its channels: u8
 */
#include "tests/fuzz/fuzz.h"

#include "lib/core/mux.h"

#define FUZZ_CHANNELS 64

/* A channel of ours; its memory is its own, so that a late call is seen. */
struct fuzz_channel {
	struct mux_channel *c;
	size_t held; /* bytes that were not passed on */
	int asked, eof, over;
	size_t place;
};

static struct fuzz_channel *channels[FUZZ_CHANNELS];
static struct mux *mux;
static const unsigned char *fed; /* what is being fed */
static size_t fed_len;
static unsigned char frame[8 + MUX_PAYLOAD_MAX]; /* the peer's last one */
static size_t frame_len;
static unsigned int habits; /* what handlers do, changed by steps */
static int ended;
/* How far what this end says was read. */
static unsigned char said_head[8];
static size_t said_head_len, said_left;
static int said_type;

static void
forget(struct fuzz_channel *f)
{
	channels[f->place] = NULL;
	free(f);
}

static void
close_it(struct fuzz_channel *f)
{
	struct mux_channel *c = f->c;

	forget(f);
	mux_close(c);
}

static void fuzz_send(struct fuzz_channel *f);

/* The end of a handler: whatever it may do. */
static void
habit(struct fuzz_channel *f, unsigned int bit)
{
	FUZZ_CHECK(!ended);
	if (habits >> bit & 1)
		close_it(f);
	else if (habits >> 7 & 1)
		fuzz_send(f);
}

static void
on_opened(void *arg)
{
	habit(arg, 0);
}

static void
on_refused(void *arg, int error, const char *text, size_t len)
{
	struct fuzz_channel *f = arg;

	FUZZ_CHECK(!ended && error >= 0 && error <= 65535);
	FUZZ_CHECK(len <= MUX_TEXT_MAX && memchr(text, '\0', len) == NULL);
	if (habits >> 1 & 1)
		close_it(f);
	else
		forget(f);
}

static void
on_data(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct fuzz_channel *f = arg;

	FUZZ_CHECK(type == MUX_DATA || type == MUX_STDERR);
	FUZZ_CHECK(len > 0 && len <= MUX_PAYLOAD_MAX && !f->eof && !f->over);
	FUZZ_CHECK(p >= fed && len <= fed_len - (size_t)(p - fed));
	f->held += len;
	FUZZ_CHECK(f->held <= MUX_WINDOW);
	if (habits & 64) {
		mux_passed_on(f->c, f->held);
		f->held = 0;
	}
	habit(f, 2);
}

static void
on_room(void *arg)
{
	struct fuzz_channel *f = arg;

	if (habits >> 3 & 1)
		close_it(f);
	else
		fuzz_send(f);
}

static void
on_eof(void *arg)
{
	struct fuzz_channel *f = arg;

	FUZZ_CHECK(!f->eof);
	f->eof = 1;
	habit(f, 4);
}

static void
on_message(void *arg, enum mux_type type, const unsigned char *p, size_t len)
{
	struct fuzz_channel *f = arg;

	FUZZ_CHECK(type >= MUX_SIZE && type <= MUX_KILLED && p != NULL);
	FUZZ_CHECK(len >= 1 && len <= 1 + MUX_NAME_MAX);
	if (type == MUX_STATUS || type == MUX_KILLED) {
		FUZZ_CHECK(!f->over);
		f->over = 1;
	}
	habit(f, 5);
}

static void
on_closed(void *arg)
{
	forget(arg);
}

static const struct mux_channel_handler channel_handler = {
    .opened = on_opened,
    .refused = on_refused,
    .data = on_data,
    .room = on_room,
    .eof = on_eof,
    .message = on_message,
    .closed = on_closed,
};

static struct fuzz_channel *
remember(struct mux_channel *c)
{
	struct fuzz_channel *f;
	size_t i;

	for (i = 0; i < FUZZ_CHANNELS && channels[i] != NULL; i++)
		;
	if (i == FUZZ_CHANNELS)
		return NULL;
	f = calloc(1, sizeof(*f));
	FUZZ_CHECK(f != NULL);
	f->c = c;
	f->place = i;
	channels[i] = f;
	return f;
}

static void
on_hello(void *arg, uint32_t capabilities)
{
	FUZZ_CHECK(arg == channels && capabilities < 32 && !ended);
}

static void
on_open(void *arg, struct mux_channel *c, enum mux_kind kind,
    const unsigned char *p, size_t len)
{
	struct fuzz_channel *f;

	FUZZ_CHECK(arg == channels && !ended && kind >= MUX_SESSION &&
	    kind <= MUX_UNIX && p != NULL && len <= MUX_OPEN_MAX);
	if ((f = remember(c)) == NULL)
		mux_refuse(c, 12, "enough");
	else if (habits & 1)
		f->asked = 1;
	else
		mux_accept(c, &channel_handler, f);
}

/* What is said is frames of types there are, and an ERROR is the last. */
static void
check_said(const unsigned char *p, size_t len)
{
	size_t n;

	while (len > 0) {
		if (said_left == 0) {
			FUZZ_CHECK(said_head_len > 0 || said_type != MUX_ERROR);
			said_head[said_head_len++] = *p++;
			len--;
			if (said_head_len < sizeof(said_head))
				continue;
			said_head_len = 0;
			said_type = said_head[0];
			FUZZ_CHECK(
			    said_type >= MUX_HELLO && said_type <= MUX_KILLED);
			said_left = (size_t)said_head[4] << 24 |
			    (size_t)said_head[5] << 16 |
			    (size_t)said_head[6] << 8 | said_head[7];
			FUZZ_CHECK(said_left <= MUX_TURN);
		}
		n = said_left < len ? said_left : len;
		said_left -= n;
		p += n;
		len -= n;
	}
}

static void
read_out(size_t max)
{
	const unsigned char *p;
	size_t len;

	p = mux_out(mux, &len);
	FUZZ_CHECK(p != NULL && len <= MUX_OUT_DATA + MUX_OUT_REST + 2000);
	if (max > len)
		max = len;
	check_said(p, max);
	mux_written(mux, max);
}

static void
on_out(void *arg)
{
	FUZZ_CHECK(arg == channels);
	if (habits >> 6 & 1)
		read_out(1000);
}

static void
on_pong(void *arg)
{
	FUZZ_CHECK(arg == channels && !ended);
}

static const struct mux_handler handler = {
    .hello = on_hello,
    .open = on_open,
    .out = on_out,
    .pong = on_pong,
};

static void
fuzz_send(struct fuzz_channel *f)
{
	unsigned char *p;
	size_t len;

	if ((p = mux_reserve(f->c, &len)) == NULL)
		return;
	FUZZ_CHECK(len > 0 && len <= MUX_TURN);
	memset(p, 0x55, len);
	mux_commit(f->c, MUX_DATA, habits & 32 ? len : 1);
}

static void
feed(const unsigned char *p, size_t len)
{
	unsigned char *copy = (unsigned char *)fuzz_copy(p, len);
	struct k8s_err err;
	int r;

	memset(&err, 0, sizeof(err));
	fed = copy;
	fed_len = len;
	r = mux_feed(mux, copy, len, &err);
	fuzz_check_err(r == -1, &err);
	FUZZ_CHECK(r == -1 || !ended);
	FUZZ_CHECK(r == 0 || err.code == K8S_ERR_INVALID ||
	    err.code == K8S_ERR_DISCONNECT || err.code == K8S_ERR_LIMIT);
	ended = r == -1;
	free(copy);
}

/* A frame with a head that may be right; the last one is kept. */
static void
feed_frame(unsigned int type, unsigned int channel, const unsigned char *p,
    size_t len)
{
	unsigned char head[8] = {(unsigned char)type, 0, 0,
	    (unsigned char)channel, 0, 0, 0, (unsigned char)len};

	memcpy(frame, head, sizeof(head));
	memcpy(frame + 8, p, len);
	frame_len = 8 + len;
	feed(frame, frame_len);
}

/* The last frame again, with a payload of that many bytes, most of them 0. */
static void
feed_long(size_t len)
{
	frame[5] = (unsigned char)(len >> 16);
	frame[6] = (unsigned char)(len >> 8);
	frame[7] = (unsigned char)len;
	frame_len = 8 + len;
	feed(frame, frame_len);
}

/* What this end does to one of its channels. */
static void
act_on(struct fuzz_channel *f, unsigned int what)
{
	switch (what) {
	case 0:
		fuzz_send(f);
		break;
	case 1:
		mux_eof(f->c);
		break;
	case 2:
		close_it(f);
		break;
	case 3:
		mux_passed_on(f->c, f->held);
		f->held = 0;
		break;
	case 4:
		if (f->asked)
			mux_accept(f->c, &channel_handler, f);
		f->asked = 0;
		break;
	case 5:
		if (f->asked) {
			mux_refuse(f->c, 13, "no");
			forget(f);
		}
		break;
	case 6:
		(void)mux_message(f->c, MUX_SIZE, "12345678", 8);
		break;
	case 7:
		(void)mux_message(f->c, MUX_STATUS, "\0\0\0\1", 4);
		break;
	case 8:
		(void)mux_message(f->c, MUX_SIGNAL, "HUP", 3);
		break;
	default:
		(void)mux_room(f->c);
	}
}

static void
act(unsigned int what, unsigned int which)
{
	static const enum mux_kind kinds[] = {MUX_SESSION, MUX_AGENT, MUX_TCP,
	    MUX_UNIX};
	struct fuzz_channel *f;

	switch (what) {
	case 16:
		mux_ping(mux);
		break;
	case 17:
		habits = which;
		break;
	case 18:
		read_out((size_t)which * which);
		break;
	case 19:
		if ((f = remember(NULL)) == NULL)
			break;
		f->c = mux_open(mux, kinds[which % 4], "parameters", which % 10,
		    &channel_handler, f);
		if (f->c == NULL)
			forget(f);
		break;
	case 20:
		while (which-- > 0)
			feed(frame, frame_len);
		break;
	case 21:
		feed_long(257 * (size_t)which);
		break;
	default:
		f = channels[which % FUZZ_CHANNELS];
		if (f != NULL)
			act_on(f, what);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mux_channel *c;
	size_t i, n;

	if (size < 1)
		return 0;
	habits = 0;
	ended = 0;
	said_type = 0;
	memset(frame, 0, sizeof(frame));
	frame_len = 0;
	said_head_len = said_left = 0;
	mux =
	    mux_new(data[0] & 1 ? MUX_HOST : MUX_GUEST, 31, &handler, channels);
	FUZZ_CHECK(mux != NULL);
	for (i = 1; i < size;) {
		if (data[i] < 128) {
			n = data[i++];
			if (n > size - i)
				n = size - i;
			feed(data + i, n);
			i += n;
		} else if (data[i] < 192 && size - i >= 3) {
			n = data[i + 2];
			if (n > size - i - 3)
				n = size - i - 3;
			feed_frame(data[i] - 128u, data[i + 1], data + i + 3,
			    n);
			i += 3 + n;
		} else if (data[i] >= 192 && size - i >= 2) {
			act(data[i] - 192u, data[i + 1]);
			i += 2;
		} else {
			break;
		}
	}
	habits = 0;
	for (i = 0; i < 10; i++)
		read_out(SIZE_MAX);
	FUZZ_CHECK(said_left == 0 && said_head_len == 0);
	/* Those that were not answered get no closed(). */
	for (i = 0; i < FUZZ_CHANNELS; i++)
		if (channels[i] != NULL && channels[i]->asked) {
			c = channels[i]->c;
			forget(channels[i]);
			mux_refuse(c, 0, "");
		}
	mux_free(mux);
	for (i = 0; i < FUZZ_CHANNELS; i++)
		FUZZ_CHECK(channels[i] == NULL);
	return 0;
}
