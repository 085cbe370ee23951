/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An sftp-server in a container of any image: the image's own where it has one
 * that runs, else this machine's (sftpfiles.h), which is carried in once and
 * kept beside the guest (carry.h) as the folder "sftp-ID", ID being that of its
 * content.
 *
 * It is found and put there by small programs (remote.h), each a channel of the
 * guest's stream before the session's own: is there one in the image; is ours
 * there; here it is. So the bytes of the client only ever meet sftp-server, and
 * the guest knows nothing of all this.
 */
#ifndef K8SHELL_SFTPSERVER_H
#define K8SHELL_SFTPSERVER_H

#include "helpers/guestsession.h"
#include "lib/core/err.h"

struct sftpserver;

/* args: for sftp-server, ends with NULL; borrowed. NULL: no memory. */
struct sftpserver *sftpserver_new(const char *const *args);
/* NULL is fine. */
void sftpserver_free(struct sftpserver *s);

/* For guestsession_params; arg is a sftpserver. */
void sftpserver_prepare(void *arg, struct guestsession *g, struct mux *m,
    const char *user);

/*
 * For plain mode: a command that runs the image's own with the same arguments,
 * or ends with SFTPSERVER_NONE. The caller frees. NULL: no memory.
 */
#define SFTPSERVER_NONE 127
char *sftpserver_command(const char *const *args);

#endif
