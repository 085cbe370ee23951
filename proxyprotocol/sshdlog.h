/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line means that sshd wrote to its stderr (sshd -i -e), without I/O.
 * The texts are those of OpenSSH 9.2 to 10.5: auth.c (auth_log() and others),
 * packet.c (sshpkt_vfatal() and others), kex.c, sshd.c, sshd-session.c. A line
 * that is not exactly of a known form is SSHDLOG_OTHER: never guessed.
 *
 * Untrusted input: sshd puts into its lines what clients send (user names,
 * key ids of certificates, disconnect messages), up to whole lines that look
 * like its own. Three rules keep them apart:
 *
 * - One call gets what sshd wrote with one write(2). sshd leaves newlines in a
 *   user name as they are, so whoever splits a byte stream at newlines can be
 *   made to see "Accepted publickey for root ...". sshd's stderr must therefore
 *   be a socket that keeps packets apart (AF_UNIX, SOCK_SEQPACKET; 1 KiB is
 *   the longest line), one line a packet.
 * - A line counts only with the address and port of this very client in it
 *   (but NOT_ALLOWED and BANNER, which see).
 * - Text of the client can contain those too. What ends a line is matched at
 *   its end. Where the client's text can be on both sides of the address, the
 *   name of an existing account ends at the first match: no account is called
 *   "root from 192.0.2.1 port 22 ssh2", while a certificate's key id may well
 *   be (so no name service may hand out such an account). The name of an
 *   account that does not exist ends at the last.
 */
#ifndef K8SHELL_SSHDLOG_H
#define K8SHELL_SSHDLOG_H

#include <stddef.h>
#include <stdint.h>

enum sshdlog_kind {
	SSHDLOG_OTHER = 0,
	/*
	 * "Accepted METHOD for USER from ...": logged in. Not with "[preauth]"
	 * behind it: that is what sshd's child without privileges has it say.
	 */
	SSHDLOG_ACCEPTED,
	/* "Partial ...": one of several methods required is done. */
	SSHDLOG_PARTIAL,
	/* "Postponed ...": an attempt goes on; neither good nor bad. */
	SSHDLOG_POSTPONED,
	/* "Failed METHOD for [invalid user ]USER from ...": one attempt. */
	SSHDLOG_FAILED,
	/* "Invalid user USER from ...": no such account. */
	SSHDLOG_INVALID_USER,
	/*
	 * "User USER from HOST not allowed because ...": HOST may be a name.
	 * "ROOT LOGIN REFUSED FROM ...": without a user.
	 */
	SSHDLOG_NOT_ALLOWED,
	/* "maximum authentication attempts exceeded for ..." */
	SSHDLOG_TOO_MANY,
	/*
	 * "Timeout before authentication for ...". Only where sshd may log in a
	 * signal handler: on Linux it just exits, with 1, since 9.8 with 3.
	 */
	SSHDLOG_TIMEOUT,
	/*
	 * "Connection closed by ...": the client hung up. Without a user also
	 * when one had logged in, as 10.0 does not name him then.
	 */
	SSHDLOG_CLOSED,
	/* "Connection reset by ..." */
	SSHDLOG_RESET,
	/* "Connection from ... timed out", "Timeout, client not responding" */
	SSHDLOG_TIMED_OUT,
	/* "Disconnected from ...": after a disconnect message */
	SSHDLOG_DISCONNECTED,
	/* "Received disconnect from ...": that message; text is what it says */
	SSHDLOG_DISCONNECT_RECEIVED,
	/* "Disconnecting ...", "terminating inactive ...": by sshd; text */
	SSHDLOG_DISCONNECTING,
	/* "...: Connection from ...: " or "Unable to negotiate with ...: " */
	SSHDLOG_PROTOCOL, /* what it sent is no SSH, or not ours; text: what */
	SSHDLOG_BROKEN,	  /* a network error, or trouble of our own; text */
	/*
	 * "kex_exchange_identification: ...": a remark, without an address, on
	 * the line that follows it, CLOSED or PROTOCOL. Only that one counts.
	 */
	SSHDLOG_BANNER,
};

/* What sshd knew of the user when it wrote the line. */
enum sshdlog_account {
	SSHDLOG_NO_USER = 0,   /* none named */
	SSHDLOG_NONEXISTENT,   /* "invalid user"; one not allowed to, too */
	SSHDLOG_EXISTENT,      /* not authenticated, or not yet */
	SSHDLOG_AUTHENTICATED, /* logged in */
};

/*
 * Every text ends with a NUL; "" is: not in the line. sshd's own escapes (\ooo
 * and a doubled backslash) are taken back once, so they hold the bytes the
 * client sent, control characters and invalid UTF-8 included: whoever prints
 * them escapes them. (Lines with "[preauth]" are escaped twice by 9.2 to
 * 10.2; there one layer remains.)
 */
struct sshdlog {
	enum sshdlog_kind kind;
	enum sshdlog_account account;
	char user[512];	 /* sshd has cut it at 100 bytes, or 200 */
	char method[64]; /* "publickey", "keyboard-interactive/pam" */
	/*
	 * The key of METHOD publickey: "ED25519", "RSA-CERT"; "SHA256:...".
	 * FAILED has one too: the one offered.
	 */
	char key_type[32];
	char fingerprint[96];
	/* If the key is a certificate and sshd has not cut the line in it. */
	char cert_id[1024];
	uint64_t cert_serial;
	char ca_type[32];
	char ca_fingerprint[96];
	/* A reason, or what the method adds. A longer one is cut. */
	char text[512];
};

/*
 * line: len bytes, with or without its "\r\n". address and port: the client's
 * as sshd got them from getpeername(2), the address as getnameinfo(3) with
 * NI_NUMERICHOST writes it. Fills out completely; returns out->kind.
 */
enum sshdlog_kind sshdlog_parse(struct sshdlog *out, const char *line,
    size_t len, const char *address, unsigned int port);

#endif
