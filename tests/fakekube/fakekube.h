/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fakekube: a stand-in for the part of the Kubernetes API that exec needs.
 * It runs commands in local sandboxes and misbehaves on demand; README.md in
 * this folder describes the options, the configuration and the faults.
 *
 * It shares no code with lib/: a test must not share bugs with its subject.
 *
 * One process listens, owns the sandboxes and reaps; each connection is a
 * forked child that may block, crash or be killed without hurting others.
 */
#ifndef FAKEKUBE_H
#define FAKEKUBE_H

#include <sys/types.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FK_MAX_PODS	 512
#define FK_MAX_LISTENERS 32
#define FK_MAX_SANS	 16
#define FK_FRAME	 32768	       /* payload of an ordinary message */
#define FK_MAX_HEAD	 (1024 * 1024) /* Go's DefaultMaxHeaderBytes */
#define FK_MAX_BODY	 (1024 * 1024)

struct conn;
struct ssl_ctx_st;

/* util.c: text that grows; running out of memory ends the process. */

struct text {
	char *data; /* NUL-terminated once anything was added */
	size_t len;
	size_t cap;
};

void text_add(struct text *, const void *, size_t);
void text_adds(struct text *, const char *);
void text_addf(struct text *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void text_json(struct text *, const char *, size_t);
void text_jsons(struct text *, const char *);
void text_free(struct text *);

void *xcalloc(size_t, size_t);
char *xstrdup(const char *);
int64_t now_ms(void);
int number_parse(const char *, uint64_t max, uint64_t *);
char *string_trim(char *);
void fd_close(int *);
int fd_nonblock(int);
int write_file(const char *path, const struct text *, mode_t);

#define auto_text __attribute__((cleanup(text_free))) struct text
#define auto_fd	  __attribute__((cleanup(fd_close))) int

/* faults.c */

enum fault_on { ON_EXEC = 1, ON_GET = 2, ON_ALL = 3 };

enum fault_body { BODY_STATUS, BODY_EMPTY, BODY_HTML, BODY_HUGE, BODY_CUT };

enum fault_cut { CUT_NONE, CUT_RST, CUT_FIN, CUT_TLS, CUT_CLOSE };

enum fault_delete { DELETE_NONE, DELETE_STATUS, DELETE_CUT, DELETE_FREEZE };

enum fault_status {
	STATUS_NORMAL,
	STATUS_NONE,
	STATUS_MALFORMED,
	STATUS_HUGE,
	STATUS_FRAGMENTS,
	STATUS_EARLY,
	STATUS_EMPTY,
	STATUS_TWICE,
	STATUS_RAW
};

enum fault_violation {
	VIOLATE_NONE,
	VIOLATE_MASKED,
	VIOLATE_RESERVED_BITS,
	VIOLATE_RESERVED_OPCODE,
	VIOLATE_OVERSIZE_CONTROL,
	VIOLATE_FRAGMENTED_CONTROL,
	VIOLATE_ORPHAN_CONTINUATION,
	VIOLATE_NESTED_MESSAGE,
	VIOLATE_HUGE_LENGTH,
	VIOLATE_NOT_WEBSOCKET
};

/* When a fault strikes: never set (both < 0) means as soon as possible. */
struct trigger {
	int64_t bytes;	/* after so much output of the process was sent */
	int64_t ms;	/* after so long from the 101 */
	bool at_status; /* when the status would be sent */
};

struct faults {
	struct {
		int code; /* 0: off */
		int on;
		enum fault_body body;
		int64_t retry_after;
		int64_t times; /* < 0: always */
	} http;
	struct {
		int on; /* 0: off */
		int64_t ms;
		int64_t times;
	} hang;
	struct {
		int on; /* 0: off */
		char *location;
	} redirect;
	struct {
		bool wrong_accept;
		bool no_accept;
		bool no_upgrade;
		bool huge_headers;
		bool no_protocol;
		char *protocol; /* chosen whatever the client offers */
	} upgrade;
	struct {
		enum fault_cut how;
		int code; /* of the close frame, 0: an empty one */
		struct trigger at;
	} cut;
	struct {
		bool on;
		struct trigger at;
	} stall;
	struct {
		enum fault_delete how;
		bool gone; /* 404 afterwards, else the pod is started again */
		struct trigger at;
	} deleted;
	enum fault_status status;
	char *status_raw;
	enum fault_violation violation;
	size_t fragment; /* 0: off */
	bool fragment_pings;
	size_t message; /* 0: FK_FRAME */
	bool trickle_tls;
	bool trickle_tcp;
	int64_t read_rate; /* bytes per second, < 0: unlimited */
	bool no_pong;
	bool no_first;
	bool garbage_channels;
	bool text_frames;
	bool data_after_status;
	bool abrupt_close;
};

void faults_init(struct faults *);
void faults_free(struct faults *);
/* Adds the fault that LINE describes. -1: ERR says what is wrong. */
int faults_parse(struct faults *, const char *line, struct text *err);

/* config.c */

struct pod {
	char *ns;
	char *name;
	char *root; /* "host", "none" or a folder */
	char *cwd;
	char *phase;
	char **containers;
	size_t ncontainers;
	char **env;
	size_t nenv;
	char **labels; /* "key=value" */
	size_t nlabels;
	char **annotations;
	size_t nannotations;
	uint64_t uid;
	uint64_t gid;
	uint64_t drain_ms;
	bool scheduled;
	struct faults faults;
	size_t slot; /* in struct shared */
};

struct user {
	char *name;
	char *token;
	int64_t expires; /* seconds after the server's start, < 0: never */
	char **allow;	 /* "verb resource" or "*" */
	size_t nallow;
	char **namespaces; /* none: all */
	size_t nnamespaces;
};

enum listener_fault {
	LISTENER_OK,
	LISTENER_REFUSE,
	LISTENER_NEVER_ACCEPT,
	LISTENER_NEVER_HANDSHAKE,
	LISTENER_RESET,
	LISTENER_DELAY,
	LISTENER_TRICKLE,
	LISTENER_EXPIRED,
	LISTENER_WRONG_HOST,
	LISTENER_OTHER_CA
};

struct listener {
	char *name;
	enum listener_fault fault;
	uint64_t ms; /* of LISTENER_DELAY and LISTENER_TRICKLE */
	int fd;
	uint16_t port;
	struct ssl_ctx_st *tls;
};

struct config {
	struct pod *pods;
	size_t npods;
	struct user *users;
	size_t nusers;
	struct listener *listeners;
	size_t nlisteners;
	uint64_t drain_ms;
};

struct config *config_new(void);
void config_free(struct config *);
struct pod *config_add_pod(struct config *, const char *ns, const char *name,
    const char *root);
struct user *config_add_user(struct config *, const char *name);
/* Reads the INI file at PATH on top of what is there. */
int config_read(struct config *, const char *path, const char *ns,
    struct text *err);
const struct pod *config_pod(const struct config *, const char *ns,
    const char *name);
const struct user *config_user(const struct config *, const char *name);
void list_add(char ***, size_t *, const char *);

/* What connections and the main process both see (MAP_SHARED). */
struct slot {
	pid_t init; /* the sandbox's pid 1; 0: none now */
	bool used;
	bool gone;
	uint32_t requests; /* that met a fault with times= */
};

struct shared {
	struct slot slots[FK_MAX_PODS];
};

struct server {
	const struct config *config;
	struct shared *shared;
	bool v4;
	bool v5;
	int log_fd;
	int64_t started;
	const char *version;
};

/* log.c: one JSON object a line, one write() each. */
void log_start(struct text *, const struct server *, unsigned conn,
    const char *event);
void log_end(struct text *, const struct server *);
void log_event(const struct server *, unsigned conn, const char *event);

/* tls.c */

struct authority;

struct authority *authority_new(const char *name);
void authority_free(struct authority *);
void authority_pem(const struct authority *, struct text *);
int authority_client(const struct authority *, const char *user,
    struct text *cert, struct text *key);
/* A server context; wrong_host and expired spoil the certificate. */
struct ssl_ctx_st *tls_server(const struct authority *, char *const *sans,
    size_t nsans, bool expired, bool wrong_host, const char *client_ca);

/* conn.c: one TLS connection on a non-blocking socket */

enum io { IO_OK, IO_WAIT_READ, IO_WAIT_WRITE, IO_END };

struct conn *conn_new(const struct server *, unsigned id, int fd,
    struct ssl_ctx_st *);
const struct server *conn_server(const struct conn *);
unsigned conn_id(const struct conn *);
int conn_fd(const struct conn *);
/* TCP writes of at most CHUNK bytes with MS between them; 0: all at once. */
void conn_set_chunk(struct conn *, size_t chunk, uint64_t ms);
void conn_set_record(struct conn *, size_t);
int conn_handshake(struct conn *, int64_t deadline);
/* NULL: no certificate or one of a stranger (*presented tells). */
const char *conn_cert_user(struct conn *, bool *presented);
enum io conn_try_read(struct conn *, void *, size_t, size_t *got);
enum io conn_try_write(struct conn *, const void *, size_t, size_t *done);
bool conn_pending(const struct conn *);
/* The next read begins with DATA. */
void conn_unread(struct conn *, const void *data, size_t);
int conn_read(struct conn *, void *, size_t, size_t *got, int64_t deadline);
int conn_write(struct conn *, const void *, size_t, int64_t deadline);
void conn_reset(struct conn *);
/* Plain close(2), as by a process that was killed */
void conn_drop(struct conn *);
/* Ends our direction, with TLS's own end before or not; reading goes on. */
void conn_end(struct conn *, bool notify);
/* The same, then waits (bounded) for the peer to take it all. */
void conn_finish(struct conn *, bool notify);
void conn_free(struct conn *);

/* http.c */

struct header {
	char *name;
	char *value;
};

struct request {
	char *method;
	char *target; /* as sent */
	char *path;
	char *query; /* raw, "" if there is none */
	struct header *headers;
	size_t nheaders;
	char *head; /* owns all of the above */
	bool keep;
};

/* 1: a request, 0: the peer is done, -1: answered or broken, close. */
int http_read(struct conn *, struct request *, int64_t deadline);
void http_free(struct request *);
const char *http_header(const struct request *, const char *name, size_t nth);
bool http_has_token(const struct request *, const char *name,
    const char *token);
const char *http_reason(int code);
/* extra: whole header lines, or NULL */
int http_reply(struct conn *, const struct request *, int code,
    const char *type, const char *extra, const void *body, size_t len);
/* The next pair, percent-decoded; the caller frees both strings. */
bool query_next(const char **query, char **name, char **value, size_t *len);
/* The first value of KEY or NULL; caller frees. */
char *query_get(const char *query, const char *key);
bool query_bool(const char *query, const char *key);
char *percent_decode(const char *, size_t, bool plus, size_t *len);

/* identity.c */

struct identity {
	const char *name;
	const struct user *user; /* NULL: has no rights */
};

/* -1: credentials were given and are wrong. None at all is anonymous. */
int identity_check(struct conn *, const struct request *, struct identity *);
/* ns: NULL for all namespaces */
bool identity_allowed(const struct identity *, const char *verb,
    const char *resource, const char *ns);

/* api.c: 1: keep the connection, 0: close it */
int api_handle(struct conn *, struct request *);

/* objects.c: the JSON of the API */
void status_error(struct text *, int code, const char *reason,
    const char *message, const char *name);
void pod_object(struct text *, const struct server *, const struct pod *);
void pod_list(struct text *, const struct server *, const char *ns,
    const char *selector, const char *fields);

/* upgrade.c */

struct command {
	char **argv;
	size_t argc;
	bool nul; /* an argument holds a NUL byte */
	bool tty;
	bool in;
	bool out;
	bool err;
};

void command_parse(struct command *, const char *query);
void command_free(struct command *);
bool upgrade_wanted(const struct request *);
void upgrade_exec(struct conn *, const struct request *, const struct pod *,
    const struct command *);

/* websocket.c */

struct ws;

/* Called for each piece of a message; end: the last one. */
struct ws_events {
	void (*data)(void *, int channel, unsigned char *, size_t, bool end);
	void (*ping)(void *, size_t len);
	void (*close)(void *, int code);
	void (*broken)(void *, const char *why);
};

void ws_accept_key(const char *key, char out[29]);
struct ws *ws_new(struct conn *, const struct faults *);
void ws_free(struct ws *);
/* Borrowed room for SIZE bytes of payload; only while nothing is pending. */
unsigned char *ws_room(struct ws *, size_t size);
void ws_commit(struct ws *, int channel, size_t len);
void ws_message(struct ws *, int channel, const void *, size_t);
void ws_message_fragmented(struct ws *, int channel, const void *, size_t,
    size_t piece);
void ws_control(struct ws *, int opcode, const void *, size_t);
void ws_close(struct ws *, int code);
void ws_violate(struct ws *);
size_t ws_pending(const struct ws *);
enum io ws_flush(struct ws *);
/* -1: the peer broke the protocol or closed; the events told. */
int ws_feed(struct ws *, unsigned char *, size_t, const struct ws_events *,
    void *);

/* sandbox.c */

/* sandbox.c */

struct process {
	pid_t pid;
	int pidfd;
	int in;
	int out;
	int err;
	int master; /* of a tty: in and out are copies of it */
};

/* Makes the pod's namespaces and the process that keeps them. */
int sandbox_start(const struct pod *, pid_t *, struct text *err);
/* -1: ERR holds the text the runtime would report. */
int sandbox_spawn(const struct server *, const struct pod *,
    const struct command *, struct process *, struct text *err);
void sandbox_kill(const struct server *, const struct pod *,
    const struct process *);

/* rootfs.c: called by the sandbox's first process; NULL or what failed. */
const char *rootfs_enter(const struct pod *);

/*
 * spawn.c: runs in the new process and turns it into the command. nsfd: pidfd
 * of the sandbox or -1; stdio: -1 means /dev/null. REPORT gets the pty's
 * master ('M' and the descriptor) and, if it comes to that, 'E' and a text.
 */
void spawn_child(const struct pod *, const struct command *, int nsfd,
    const int stdio[3], int report) __attribute__((noreturn));

/* options.c */

struct options {
	uint16_t port;
	const char *ns;
	const char *user;
	char *token;
	const char *config;
	const char *log;
	const char *kubeconfig;
	const char *ca;
	const char *client_ca;
	const char *version;
	int ready_fd;
	bool v4;
	bool v5;
	char *sans[FK_MAX_SANS];
	size_t nsans;
	char *pods[FK_MAX_PODS]; /* [NS/]NAME[=ROOT] */
	size_t npods;
	char *certs[FK_MAX_SANS]; /* USER=PREFIX */
	size_t ncerts;
};

/* Ends the process if something is wrong with them. */
void options_parse(struct options *, int argc, char **argv);
/* The configuration that options and file make; NULL: ERR says why not. */
struct config *options_config(const struct options *, struct text *err);

/* listen.c */
void listeners_open(struct config *, uint16_t port, const struct authority *,
    const struct options *);
void kubeconfig_write(const struct options *, const struct config *,
    const struct authority *);
/* In the connection's own process */
void connection_run(const struct server *, const struct listener *, int fd,
    unsigned id) __attribute__((noreturn));

/* exec.c: from the 101 to the end of the connection */
void exec_run(struct conn *, const struct pod *, const struct command *,
    bool v5);

#endif
