/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reason that reaches an sftp client. sshd passes on no stderr of a
 * subsystem, so the only way is the protocol
 * (draft-ietf-secsh-filexfer-02): the client's requests fail with this text.
 */
#ifndef K8SHELL_SFTPREFUSE_H
#define K8SHELL_SFTPREFUSE_H

/* How long a client is waited for, ms; how many requests are answered. */
#define SFTPREFUSE_TIMEOUT_MS 5000
#define SFTPREFUSE_MAX	      4

/*
 * On in and out, which are the client's; returns when it has gone, has been
 * told a few times or says what is not the protocol. Only where nothing was
 * sent to it yet. The client's INIT may have been read already.
 */
void sftprefuse(int in, int out, const char *text);

#endif
