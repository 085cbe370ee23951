/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sftp subsystem as sshd names it, and where sftp-server is in images and
 * on this machine. Pure.
 */
#ifndef K8SHELL_SUBSYSTEM_H
#define K8SHELL_SUBSYSTEM_H

/*
 * Where distributions have OpenSSH's sftp-server, the commonest first; ends
 * with NULL. Plain words to a shell.
 */
extern const char *const subsystem_sftp_places[];

/*
 * The words of a command that is the sftp subsystem's: k8shell-sftp itself, or
 * what a host's sshd_config has where another serves ForceCommand mode,
 * internal-sftp or one of the places; with plain arguments, which are
 * sftp-server's (its -R, -u ...). The caller frees the list and its first word,
 * which holds all of them. NULL: any other command, or no memory.
 */
char **subsystem_sftp_words(const char *command);

#endif
