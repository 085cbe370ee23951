/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of the channel protocol, without I/O: bytes of WebSocket
 * messages in, output and the status out. Untrusted input.
 */
#ifndef K8SHELL_CHANNEL_H
#define K8SHELL_CHANNEL_H

#include <stddef.h>

#include "lib/core/err.h"

struct channel_reader;

/* Gets what comes for channels 1 and 2; borrowed. */
typedef void channel_output(void *arg, int ch, const unsigned char *p,
    size_t len);

struct channel_reader *channel_reader_new(channel_output *output, void *arg);
void channel_reader_free(struct channel_reader *r);

/*
 * A piece of a message; first: its first byte is the channel. Unknown
 * channels are skipped, as clients of Kubernetes do. -1 if the status is
 * longer than STATUS_MAX or without memory.
 */
int channel_reader_feed(struct channel_reader *r, const unsigned char *p,
    size_t len, int first, struct k8s_err *err);

/* Whether a status has arrived. It may be incomplete until the end. */
int channel_reader_has_status(const struct channel_reader *r);

/*
 * How the command ended, once the connection has: as status_exec(); without
 * a status -1 and K8S_ERR_DISCONNECT.
 */
int channel_reader_result(struct channel_reader *r, int *exit_code,
    struct k8s_err *err);

#endif
