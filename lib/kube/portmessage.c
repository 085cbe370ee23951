/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/portmessage.h"

#include <string.h>

void
portmessage_init(struct portmessage *m, unsigned int port)
{
	memset(m, 0, sizeof(*m));
	m->port = port;
	m->channel = -1;
}

/* The port at a channel's beginning, little endian. */
static int
portmessage_port(struct portmessage *m, const unsigned char **p, size_t *len)
{
	unsigned int *got = &m->got[m->channel];

	for (; *got < 2 && *len > 0; (*p)++, (*len)--, (*got)++)
		if (**p != (m->port >> (8 * *got) & 0xff))
			return -1;
	return 0;
}

int
portmessage_feed(struct portmessage *m, const unsigned char **p, size_t *len,
    int first, struct k8s_err *err)
{
	size_t n = sizeof(m->text) - m->text_len;

	/* An empty first piece leaves the channel to the next one. */
	if (first)
		m->channel = -1;
	if (*len > 0 && m->channel == -1) {
		m->channel = *(*p)++;
		(*len)--;
	}
	if (m->channel < 0 || m->channel >= PORTMESSAGE_CHANNELS) {
		*len = 0;
		return 0;
	}
	if (portmessage_port(m, p, len) == -1)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the API server forwards another port");
	if (m->channel == PORTMESSAGE_ERROR) {
		if (n > *len)
			n = *len;
		memcpy(m->text + m->text_len, *p, n);
		m->text_len += n;
		*len = 0;
	}
	return 0;
}

int
portmessage_ready(const struct portmessage *m)
{
	return m->got[PORTMESSAGE_DATA] == 2 && m->got[PORTMESSAGE_ERROR] == 2;
}
