/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of portforward (portforward.h says what is on the wire),
 * without I/O. Untrusted input.
 */
#ifndef K8SHELL_PORTMESSAGE_H
#define K8SHELL_PORTMESSAGE_H

#include <stddef.h>

#include "lib/core/err.h"

/* Of an error's text: enough for a message. */
#define PORTMESSAGE_TEXT_MAX 200

enum { PORTMESSAGE_DATA, PORTMESSAGE_ERROR, PORTMESSAGE_CHANNELS };

struct portmessage {
	unsigned int port;
	int channel; /* of the message under way; -1: none yet */
	/* Bytes of the port that have come on each channel. */
	unsigned int got[PORTMESSAGE_CHANNELS];
	/* What was said of an error; cut, and any bytes. */
	char text[PORTMESSAGE_TEXT_MAX];
	size_t text_len;
};

void portmessage_init(struct portmessage *m, unsigned int port);

/*
 * A piece of a message; first: its first byte is the channel. What of it is
 * data is left in *p and *len. Unknown channels are skipped, as clients of
 * Kubernetes do. -1: it is about another port.
 */
int portmessage_feed(struct portmessage *m, const unsigned char **p,
    size_t *len, int first, struct k8s_err *err);

/* Both channels have begun. */
int portmessage_ready(const struct portmessage *m);

#endif
