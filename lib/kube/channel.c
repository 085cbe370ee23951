/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/channel.h"

#include <stdlib.h>

#include "lib/core/buf.h"
#include "lib/kube/exec.h"
#include "lib/kube/status.h"

struct channel_reader {
	channel_output *output;
	void *arg;
	int channel; /* of the message under way; -1: none yet */
	struct buf *status;
	int has_status;
};

struct channel_reader *
channel_reader_new(channel_output *output, void *arg)
{
	struct channel_reader *r;

	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->status = buf_new(STATUS_MAX)) == NULL) {
		free(r);
		return NULL;
	}
	r->output = output;
	r->arg = arg;
	r->channel = -1;
	return r;
}

void
channel_reader_free(struct channel_reader *r)
{
	if (r == NULL)
		return;
	buf_free(r->status);
	free(r);
}

int
channel_reader_feed(struct channel_reader *r, const unsigned char *p,
    size_t len, int first, struct k8s_err *err)
{
	/* An empty first piece leaves the channel to the next one. */
	if (first)
		r->channel = -1;
	if (len > 0 && r->channel == -1) {
		r->channel = *p++;
		len--;
		if (r->channel == EXEC_STATUS)
			r->has_status = 1;
	}
	if (len == 0)
		return 0;
	if (r->channel == EXEC_STDOUT || r->channel == EXEC_STDERR)
		r->output(r->arg, r->channel, p, len);
	else if (r->channel == EXEC_STATUS && buf_put(r->status, p, len) == -1)
		return k8s_err_set(err, K8S_ERR_INVALID,
		    "the API server's exec status is longer than %d bytes",
		    STATUS_MAX);
	return 0;
}

int
channel_reader_has_status(const struct channel_reader *r)
{
	return r->has_status;
}

int
channel_reader_result(struct channel_reader *r, int *exit_code,
    struct k8s_err *err)
{
	if (!r->has_status)
		return k8s_err_set(err, K8S_ERR_DISCONNECT,
		    "the connection ended before the command did; how that "
		    "ended is not known");
	return status_exec((const char *)buf_data(r->status),
	    buf_len(r->status), exit_code, err);
}
