/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines marked "real" are what sshd -i -e of Debian's 9.2p1 and 10.0p1 wrote
 * to a SOCK_SEQPACKET stderr, one packet each, with keys of ours and the port
 * replaced; the two versions differ only where it is said. Others are made
 * from the format strings in OpenSSH's source.
 */
#include "tests/unit/unit.h"

#include "proxyprotocol/sshdlog.h"

#define ADDRESS "192.0.2.7"
#define PORT	40022
#define AT	ADDRESS " port 40022"
#define FP	"SHA256:qLVkJhg5TziazzhaHkx8XLoNb0Vu/MnH3LMmZMOriP4"
#define CAFP	"SHA256:T/rwLm8CGK3iDGErvqIS22IKWM4kmVvGLe854RKvmr4"

struct line {
	const char *text;
	struct sshdlog want;
};

static void
check_field(const char *line, const char *name, const char *is,
    const char *want)
{
	if (strcmp(is, want) != 0)
		fail_msg("%s: %s \"%s\" instead of \"%s\"", line, name, is,
		    want);
}

static void
check(const char *text, size_t len, const struct sshdlog *want)
{
	struct sshdlog out;
	enum sshdlog_kind kind;

	memset(&out, 0xee, sizeof(out));
	kind = sshdlog_parse(&out, text, len, ADDRESS, PORT);
	if (kind != want->kind || out.kind != kind ||
	    out.account != want->account)
		fail_msg("%s: kind %d account %d instead of %d, %d", text,
		    out.kind, out.account, want->kind, want->account);
	check_field(text, "user", out.user, want->user);
	check_field(text, "method", out.method, want->method);
	check_field(text, "key_type", out.key_type, want->key_type);
	check_field(text, "fingerprint", out.fingerprint, want->fingerprint);
	check_field(text, "cert_id", out.cert_id, want->cert_id);
	check_field(text, "ca_type", out.ca_type, want->ca_type);
	check_field(text, "ca", out.ca_fingerprint, want->ca_fingerprint);
	check_field(text, "text", out.text, want->text);
	if (out.cert_serial != want->cert_serial)
		fail_msg("%s: serial %llu", text,
		    (unsigned long long)out.cert_serial);
}

/* With every line end there can be. */
static void
check_lines(const struct line *lines, size_t n)
{
	static const char *const ends[] = {"", "\n", "\r\n"};
	char text[4096];
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < 3; k++) {
			(void)snprintf(text, sizeof(text), "%s%s",
			    lines[i].text, ends[k]);
			check(text, strlen(text), &lines[i].want);
		}
}

#define CHECK(lines) check_lines((lines), sizeof(lines) / sizeof((lines)[0]))

static void
attempts(void **state)
{
	static const struct line lines[] = {
	    /* real */
	    {"Accepted publickey for tester from " AT " ssh2: ED25519 " FP,
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519",
		    .fingerprint = FP}},
	    /* Said by sshd's child: sshd itself never does. */
	    {"Accepted publickey for tester from " AT " ssh2: ED25519 " FP
	     " [preauth]",
		{.kind = SSHDLOG_OTHER}},
	    {"Accepted password for tester from " AT " ssh2 [postauth]",
		{.kind = SSHDLOG_OTHER}},
	    {"Accepted password for tester from " AT " ssh2",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester",
		    .method = "password"}},
	    {"Accepted keyboard-interactive/pam for tester from " AT " ssh2",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester",
		    .method = "keyboard-interactive/pam"}},
	    {"Accepted publickey for tester from " AT " ssh2: ED25519-CERT " FP
	     " ID alice (serial 7) CA ED25519 " CAFP,
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519-CERT",
		    .fingerprint = FP,
		    .cert_id = "alice",
		    .cert_serial = 7,
		    .ca_type = "ED25519",
		    .ca_fingerprint = CAFP}},
	    {"Partial publickey for tester from " AT " ssh2: ED25519 " FP,
		{.kind = SSHDLOG_PARTIAL,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519",
		    .fingerprint = FP}},
	    {"Postponed publickey for tester from " AT " ssh2 [preauth]",
		{.kind = SSHDLOG_POSTPONED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .method = "publickey"}},
	    {"Postponed keyboard-interactive for invalid user nosuch from " AT
	     " ssh2 [preauth]",
		{.kind = SSHDLOG_POSTPONED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch",
		    .method = "keyboard-interactive"}},
	    {"Failed publickey for tester from " AT " ssh2: ED25519 " FP,
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519",
		    .fingerprint = FP}},
	    {"Failed password for tester from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .method = "password"}},
	    {"Failed password for invalid user nosuch from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch",
		    .method = "password"}},
	    {"Failed keyboard-interactive/pam for invalid user nosuch from " AT
	     " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch",
		    .method = "keyboard-interactive/pam"}},
	    {"Failed none for invalid user tester from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "tester",
		    .method = "none"}},
	    {"Failed publickey for tester from " AT " ssh2: ED25519-CERT " FP
	     " ID mallory (serial 3) CA ED25519 " CAFP,
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519-CERT",
		    .fingerprint = FP,
		    .cert_id = "mallory",
		    .cert_serial = 3,
		    .ca_type = "ED25519",
		    .ca_fingerprint = CAFP}},
	    /* made */
	    {"Accepted publickey for t from " AT " ssh2: ED25519-SK " FP
	     ", signature count = 12",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .method = "publickey",
		    .key_type = "ED25519-SK",
		    .fingerprint = FP}},
	    {"Accepted publickey for t from " AT " ssh2: ECDSA-SK-CERT " FP
	     " ID i (serial 0) CA RSA MD5:00:aa, signature count = 1",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .method = "publickey",
		    .key_type = "ECDSA-SK-CERT",
		    .fingerprint = FP,
		    .cert_id = "i",
		    .ca_type = "RSA",
		    .ca_fingerprint = "MD5:00:aa"}},
	    {"Accepted gssapi-with-mic for t from " AT " ssh2: t@EXAMPLE.ORG",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .method = "gssapi-with-mic",
		    .text = "t@EXAMPLE.ORG"}},
	    /* A key that can't be read is left out, the login is not. */
	    {"Accepted publickey for t from " AT " ssh2: ED25519 (null)",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .method = "publickey"}},
	    {"Accepted publickey for t from " AT " ssh2: ED25519 "
	     "x0123456789012345678901234567890123456789012345678901234567890"
	     "123456789012345678901234567890123:",
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .method = "publickey"}},
	    {"Accepted publickey for t from " AT " ssh2: ED25519-CERT " FP
	     " ID i (serial 18446744073709551616) CA ED25519 " CAFP,
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .method = "publickey",
		    .key_type = "ED25519-CERT",
		    .fingerprint = FP}},
	};

	(void)state;
	CHECK(lines);
}

static void
ends(void **state)
{
	static const struct line lines[] = {
	    /* real */
	    {"Invalid user nosuch from " AT,
		{.kind = SSHDLOG_INVALID_USER,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch"}},
	    {"Connection closed by authenticating user tester " AT " [preauth]",
		{.kind = SSHDLOG_CLOSED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester"}},
	    {"Connection closed by invalid user nosuch " AT " [preauth]",
		{.kind = SSHDLOG_CLOSED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch"}},
	    {"Connection closed by " AT, {.kind = SSHDLOG_CLOSED}},
	    {"Connection reset by " AT " [preauth]", {.kind = SSHDLOG_RESET}},
	    {"Disconnected from user tester " AT,
		{.kind = SSHDLOG_DISCONNECTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester"}},
	    {"Received disconnect from " AT ":11: disconnected by user",
		{.kind = SSHDLOG_DISCONNECT_RECEIVED,
		    .text = "disconnected by user"}},
	    {"maximum authentication attempts exceeded for tester from " AT
	     " ssh2 [preauth]",
		{.kind = SSHDLOG_TOO_MANY,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester"}},
	    {"maximum authentication attempts exceeded for invalid user "
	     "nosuch from " AT " ssh2 [preauth]",
		{.kind = SSHDLOG_TOO_MANY,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch"}},
	    {"Disconnecting authenticating user tester " AT
	     ": Too many authentication failures [preauth]",
		{.kind = SSHDLOG_DISCONNECTING,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .text = "Too many authentication failures"}},
	    {"Disconnecting invalid user nosuch " AT
	     ": Change of username or service not allowed: "
	     "(nosuch,ssh-connection) -> (tester,ssh-connection) [preauth]",
		{.kind = SSHDLOG_DISCONNECTING,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "nosuch",
		    .text = "Change of username or service not allowed: "
			    "(nosuch,ssh-connection) -> "
			    "(tester,ssh-connection)"}},
	    {"Timeout, client not responding from user tester " AT,
		{.kind = SSHDLOG_TIMED_OUT,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester"}},
	    {"User tester from " ADDRESS
	     " not allowed because not listed in AllowUsers",
		{.kind = SSHDLOG_NOT_ALLOWED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .text = "not listed in AllowUsers"}},
	    {"User noshell not allowed because shell /nonexistent does not "
	     "exist",
		{.kind = SSHDLOG_NOT_ALLOWED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "noshell",
		    .text = "shell /nonexistent does not exist"}},
	    {"User locked not allowed because account is locked",
		{.kind = SSHDLOG_NOT_ALLOWED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "locked",
		    .text = "account is locked"}},
	    {"ROOT LOGIN REFUSED FROM " AT, {.kind = SSHDLOG_NOT_ALLOWED}},
	    {"ROOT LOGIN REFUSED FROM " AT " [preauth]",
		{.kind = SSHDLOG_NOT_ALLOWED}},
	    {"Unable to negotiate with " AT
	     ": no matching cipher found. Their offer: aes256-ctr [preauth]",
		{.kind = SSHDLOG_PROTOCOL,
		    .text = "no matching cipher found. Their offer: "
			    "aes256-ctr"}},
	    {"banner exchange: Connection from " AT ": invalid format",
		{.kind = SSHDLOG_PROTOCOL, .text = "invalid format"}},
	    {"banner exchange: Connection from " AT
	     ": could not read protocol version",
		{.kind = SSHDLOG_PROTOCOL,
		    .text = "could not read protocol version"}},
	    {"ssh_dispatch_run_fatal: Connection from " AT
	     ": message authentication code incorrect [preauth]",
		{.kind = SSHDLOG_PROTOCOL,
		    .text = "message authentication code incorrect"}},
	    /* real, 9.2 alone at this level */
	    {"kex_exchange_identification: client sent invalid protocol "
	     "identifier \"GET / HTTP/1.0\"",
		{.kind = SSHDLOG_BANNER,
		    .text = "client sent invalid protocol identifier "
			    "\"GET / HTTP/1.0\""}},
	    {"kex_exchange_identification: read: Connection reset by peer",
		{.kind = SSHDLOG_BANNER,
		    .text = "read: Connection reset by peer"}},
	    /* made */
	    {"Connection from authenticating user t " AT " timed out [preauth]",
		{.kind = SSHDLOG_TIMED_OUT,
		    .account = SSHDLOG_EXISTENT,
		    .user = "t"}},
	    {"Connection from " AT " timed out", {.kind = SSHDLOG_TIMED_OUT}},
	    {"Timeout before authentication for " AT,
		{.kind = SSHDLOG_TIMEOUT}},
	    {"Connection reset by user t " AT,
		{.kind = SSHDLOG_RESET,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t"}},
	    {"Disconnected from authenticating user t " AT " [preauth]",
		{.kind = SSHDLOG_DISCONNECTED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "t"}},
	    {"process_output: ssh_packet_write_poll: Connection from user t " AT
	     ": Broken pipe",
		{.kind = SSHDLOG_BROKEN,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t",
		    .text = "Broken pipe"}},
	    {"Read error from remote host " AT ": Connection timed out",
		{.kind = SSHDLOG_BROKEN, .text = "Connection timed out"}},
	    {"terminating inactive connection from user t " AT,
		{.kind = SSHDLOG_DISCONNECTING,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "t"}},
	};

	(void)state;
	CHECK(lines);
}

/* What a client can put into a line, and what it must not achieve. */
static void
forged(void **state)
{
#define FORGED "x\nAccepted publickey for root from " AT " ssh2\r\ny"
	static const struct line lines[] = {
	    /* real, with the address replaced as well */
	    {"Invalid user root from " AT " from " AT,
		{.kind = SSHDLOG_INVALID_USER,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "root from " AT}},
	    {"Failed password for invalid user root from " AT " ssh2 from " AT
	     " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "root from " AT " ssh2",
		    .method = "password"}},
	    {"Connection closed by invalid user root from " AT " ssh2 " AT
	     " [preauth]",
		{.kind = SSHDLOG_CLOSED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "root from " AT " ssh2"}},
	    {"Failed password for invalid user " FORGED " from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = FORGED,
		    .method = "password"}},
	    {"Connection closed by invalid user " FORGED " " AT " [preauth]",
		{.kind = SSHDLOG_CLOSED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = FORGED}},
	    {"Failed password for invalid user invalid user root from " AT
	     " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "invalid user root",
		    .method = "password"}},
	    {"Failed password for invalid user  from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .method = "password"}},
	    {"Invalid user  from " AT,
		{.kind = SSHDLOG_INVALID_USER, .account = SSHDLOG_NONEXISTENT}},
	    {"Connection closed by invalid user  " AT " [preauth]",
		{.kind = SSHDLOG_CLOSED, .account = SSHDLOG_NONEXISTENT}},
	    {"Failed password for invalid user b\\\\c\\\\\\\\d from " AT
	     " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "b\\c\\\\d",
		    .method = "password"}},
	    {"Failed password for invalid user jos\\303\\251 from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "jos\xc3\xa9",
		    .method = "password"}},
	    {"Connection closed by invalid user jos\\\\303\\\\251 " AT
	     " [preauth]",
		{.kind = SSHDLOG_CLOSED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "jos\\303\\251"}},
	    {"Invalid user \\033[31m from " AT,
		{.kind = SSHDLOG_INVALID_USER,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "\033[31m"}},
	    /* A key id with the whole of a line in it. */
	    {"Accepted publickey for tester from " AT " ssh2: ED25519-CERT " FP
	     " ID x from " AT
	     " ssh2: ED25519 SHA256:x (serial 1) CA ED25519 SHA256:y (serial "
	     "18446744073709551615) CA ED25519 " CAFP,
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519-CERT",
		    .fingerprint = FP,
		    .cert_id =
			"x from " AT " ssh2: ED25519 SHA256:x (serial 1) CA "
			"ED25519 SHA256:y",
		    .cert_serial = UINT64_MAX,
		    .ca_type = "ED25519",
		    .ca_fingerprint = CAFP}},
	    {"Accepted publickey for tester from " AT " ssh2: ED25519-CERT " FP
	     " ID a\nAccepted publickey for root (serial 0) CA ED25519 " CAFP,
		{.kind = SSHDLOG_ACCEPTED,
		    .account = SSHDLOG_AUTHENTICATED,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "ED25519-CERT",
		    .fingerprint = FP,
		    .cert_id = "a\nAccepted publickey for root",
		    .ca_type = "ED25519",
		    .ca_fingerprint = CAFP}},
	    /* made: a foreign certificate is logged when it fails */
	    {"Failed publickey for tester from " AT " ssh2: RSA-CERT " FP
	     " ID x from " AT " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_EXISTENT,
		    .user = "tester",
		    .method = "publickey",
		    .key_type = "RSA-CERT",
		    .fingerprint = FP}},
	    {"Received disconnect from " AT ":2: x\nInvalid user root from " AT,
		{.kind = SSHDLOG_DISCONNECT_RECEIVED,
		    .text = "x\nInvalid user root from " AT}},
	    /* Escapes are taken back last: this is no address. */
	    {"Failed none for invalid user a from " AT "\\040ssh2 from " AT
	     " ssh2",
		{.kind = SSHDLOG_FAILED,
		    .account = SSHDLOG_NONEXISTENT,
		    .user = "a from " AT " ssh2",
		    .method = "none"}},
	};

	(void)state;
	CHECK(lines);
#undef FORGED
}

static void
all_else_is_other(void **state)
{
	static const char *const lines[] = {
	    "",
	    "\n",
	    "Accepted",
	    "Accepted ",
	    "Accepted for",
	    "Accepted publickey for ",
	    "Accepted publickey for root from " AT,
	    "Accepted publickey for root from " AT " ssh1",
	    "Accepted publickey for root from " AT " ssh2x",
	    "Accepted publickey for root from " AT " ssh2:",
	    "Accepted publickey for root from " AT " ssh2:ED25519",
	    /* Of another client. */
	    "Accepted publickey for root from 192.0.2.77 port 40022 ssh2",
	    "Accepted publickey for root from 192.0.2.7 port 4002 ssh2",
	    "Accepted publickey for root from 192.0.2.7 port 400222 ssh2",
	    "Failed password for root from 192.0.2.8 port 40022 ssh2",
	    "Invalid user root from 192.0.2.7 port 40023",
	    "Connection closed by 192.0.2.7 port 40023",
	    "Received disconnect from 192.0.2.8 port 40022:11: x",
	    "Timeout before authentication for 192.0.2.7 port 40023",
	    "ROOT LOGIN REFUSED FROM 192.0.2.7 port 40023",
	    /* What is never so. */
	    "Accepted password for invalid user x from " AT " ssh2",
	    "Accepted  for root from " AT " ssh2",
	    "Accepted pass word for root from " AT " ssh2",
	    "accepted password for root from " AT " ssh2",
	    " Accepted password for root from " AT " ssh2",
	    "x\nAccepted password for root from " AT " ssh2",
	    "debug1: Accepted password for root from " AT " ssh2",
	    "Invalid user x from " AT " y",
	    "Connection closed by " AT " x",
	    "Connection closed by x " AT,
	    "Connection closed by user x " AT " y",
	    "Received disconnect from " AT ":: x",
	    "Received disconnect from " AT ":11 x",
	    "maximum authentication attempts exceeded for x from " AT,
	    "\"x\": Connection from " AT ": invalid format",
	    /* real */
	    "Connection from " AT " on 192.0.2.1 port 22 rdomain \"\"",
	    "Accepted key ED25519 " FP " found at /etc/keys:1",
	    "User child is on pid 10665",
	    "Starting session: command for tester from " AT " id 0",
	    "Close session: user tester from " AT " id 0",
	    "Transferred: sent 3220, received 3416 bytes",
	    "Closing connection to " AT,
	    "Could not get shadow information for NOUSER",
	    "PAM: Authentication failure for tester from " ADDRESS,
	    "PAM: Authentication failure for illegal user nosuch from " ADDRESS,
	    "Certificate invalid: name is not a listed principal",
	    "Bad packet length 1094795585. [preauth]",
	    "Protocol major versions differ: 2 vs. 1",
	    "Bad remote protocol version identification: 'SSH-x'",
	    "kex_input_kexinit: discard cookie: incomplete message [preauth]",
	};
	static const struct sshdlog other;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		check(lines[i], strlen(lines[i]), &other);
	check("Accepted password for a\0b", 25, &other);
}

/* sshd's longest line, cut within a certificate's id: who it was stays. */
static void
cut_line(void **state)
{
	static const struct sshdlog want = {.kind = SSHDLOG_ACCEPTED,
	    .account = SSHDLOG_AUTHENTICATED,
	    .user = "tester",
	    .method = "publickey",
	    .key_type = "ED25519-CERT",
	    .fingerprint = FP};
	char line[1024];
	int n;

	(void)state;
	memset(line, '0', sizeof(line));
	n = snprintf(line, sizeof(line),
	    "Accepted publickey for tester from " AT " ssh2: ED25519-CERT " FP
	    " ID 0");
	line[n] = '0';
	line[sizeof(line) - 3] = '\0';
	check(line, sizeof(line) - 3, &want);
}

static void
other_addresses(void **state)
{
	static const char v6[] =
	    "Accepted password for t from fe80::1%eth0 port 1 ssh2";
	struct sshdlog out;
	char address[300];

	(void)state;
	assert_int_equal(sshdlog_parse(&out, v6, strlen(v6), "fe80::1%eth0", 1),
	    SSHDLOG_ACCEPTED);
	assert_int_equal(sshdlog_parse(&out, v6, strlen(v6), "fe80::1", 1),
	    SSHDLOG_OTHER);
	memset(address, 'a', sizeof(address));
	address[sizeof(address) - 1] = '\0';
	assert_int_equal(sshdlog_parse(&out, v6, strlen(v6), address, 1),
	    SSHDLOG_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(attempts),
	    cmocka_unit_test(ends),
	    cmocka_unit_test(forged),
	    cmocka_unit_test(all_else_is_other),
	    cmocka_unit_test(cut_line),
	    cmocka_unit_test(other_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
