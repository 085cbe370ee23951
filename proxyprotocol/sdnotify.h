/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service says to its manager and gets from it: sd_notify(3) and
 * sd_listen_fds(3), whose protocols are documented there and stable. Without a
 * manager nothing happens. Not libsystemd: it brings compression libraries
 * into a process that is root, for two environment variables.
 */
#ifndef K8SHELL_SDNOTIFY_H
#define K8SHELL_SDNOTIFY_H

/* "READY=1" and the like, lines divided by '\n'. */
void sdnotify(const char *state);

/* As sdnotify("RELOADING=1") with the time that goes with it. */
void sdnotify_reloading(void);

/* How many sockets the manager has opened for us, from this one on. */
#define SDNOTIFY_FIRST_FD 3
int sdnotify_sockets(void);

#endif
