/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/kube/ws.h"

#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/core/log.h"
#include "lib/kube/tls.h"

_Static_assert(LWS_PRE <= WS_HEADROOM, "libwebsockets needs more headroom");

/* Read at once: two TLS records. Also holds our request with its token. */
#define WS_IO_SIZE (32 * 1024 + CRED_TOKEN_MAX)

/* Bytes of stdin that go somewhere even if nobody reads: a pty's buffer. */
#define WS_SWALLOWED 4000

/* Largest header of an answer, bytes. */
#define WS_ANSWER_MAX 16384

struct ws_client {
	struct lws_context *lws;
	struct lws_protocols protocols[3];
	struct loop *loop;
	const struct kubeconfig *kc;
	const struct cred *cred;
	SSL_CTX *tls;
	char *host;   /* without brackets */
	char *target; /* host[:port] as in the URL: the Host header */
	char *prefix; /* of the path, "" for none */
	int port;
	int stopped, ending;
};

struct ws {
	struct ws_client *client;
	struct lws *wsi;
	const struct ws_handler *h;
	void *arg;
	lws_sorted_usec_list_t timer; /* opening: the deadline; then pings */
	char protocol[64];
	int opened, closing, reading, ping_due;
	int starting; /* within ws_open(): no handler is called */
	int heard;     /* something came since the last ping */
	/* Bytes sent: so far, before the last ping, before its pong. */
	unsigned long long sent, sent_at_ping, sent_at_pong;
	int close_code; /* as told by the peer; 0 not yet */
	struct k8s_err why;
};

static void
ws_lws_log(int level, const char *line)
{
	/* Its errors and warnings only: below them it shows headers. */
	log_debug("libwebsockets (%d): %s", level, line);
}

/* Splits scheme://host[:port][/prefix], which kubeconfig_load() checked. */
static int
ws_split_server(struct ws_client *c, int *use_tls, struct k8s_err *err)
{
	const char *p = c->kc->server, *authority, *slash, *end, *colon;
	size_t len;

	*use_tls = strncmp(p, "https://", 8) == 0;
	authority = p + (*use_tls ? 8 : 7);
	len = strcspn(authority, "/");
	slash = authority + len;
	c->port = *use_tls ? 443 : 80;
	if (*authority == '[') {
		authority++;
		if ((end = memchr(authority, ']', len - 1)) == NULL)
			return k8s_err_set(err, K8S_ERR_CONFIG,
			    "%s: server %s: no ']'", c->kc->origin,
			    c->kc->server);
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = memchr(authority, ':', len);
		end = colon != NULL ? colon : slash;
	}
	if (colon != NULL) {
		c->port = 0;
		for (p = colon + 1; p < slash; p++) {
			if (*p < '0' || *p > '9' || c->port > 65535)
				return k8s_err_set(err, K8S_ERR_CONFIG,
				    "%s: server %s: not a port",
				    c->kc->origin, c->kc->server);
			c->port = c->port * 10 + (*p - '0');
		}
	}
	if (c->port < 1 || c->port > 65535)
		return k8s_err_set(err, K8S_ERR_CONFIG,
		    "%s: server %s: not a port", c->kc->origin, c->kc->server);
	p = c->kc->server + (*use_tls ? 8 : 7);
	c->host = strndup(authority, (size_t)(end - authority));
	c->target = strndup(p, (size_t)(slash - p));
	c->prefix = strdup(slash);
	if (c->host == NULL || c->target == NULL || c->prefix == NULL)
		return k8s_err_errno(err, "out of memory");
	return 0;
}

static void
ws_ended(struct ws *w, int http_code)
{
	int code = w->close_code;

	lws_sul_cancel(&w->timer);
	if (w->opened && code == 0)
		code = 1006;
	if (code == 1006 && w->why.code == K8S_ERR_NONE)
		k8s_err_set(&w->why, K8S_ERR_DISCONNECT,
		    "the connection to %s was cut", w->client->kc->server);
	w->wsi = NULL;
	if (w->starting) {
		w->closing = 1;
		return;
	}
	if (!w->client->ending)
		w->h->closed(w->arg, http_code, code, &w->why);
	free(w);
}

/* Makes lws end the connection from its loop; safe in any callback. */
static void
ws_kill(struct ws *w)
{
	if (w->closing || w->wsi == NULL)
		return;
	w->closing = 1;
	lws_set_timeout(w->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

/*
 * Whether silence means that the peer is gone. A server handles what it gets
 * in order: one that is blocked, writing our stdin to a command that does not
 * read, answers no ping, and that may last for hours. So a pong is due only
 * if there is no more behind the last one than any pipe or terminal takes in;
 * otherwise the kernel's word counts, that the other side still acknowledges
 * TCP segments.
 */
static int
ws_is_dead(const struct ws *w)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	if (w->sent - w->sent_at_pong <= WS_SWALLOWED)
		return 1;
	if (getsockopt(lws_get_socket_fd(w->wsi), IPPROTO_TCP, TCP_INFO, &ti,
		&len) == -1)
		return 1;
	return ti.tcpi_last_ack_recv > WS_PING_INTERVAL_MS;
}

static void
ws_timer(lws_sorted_usec_list_t *sul)
{
	struct ws *w = lws_container_of(sul, struct ws, timer);

	if (!w->opened) {
		k8s_err_set(&w->why, K8S_ERR_TIMEOUT,
		    "%s did not answer within %d s", w->client->kc->server,
		    WS_OPEN_TIMEOUT_MS / 1000);
		ws_kill(w);
		return;
	}
	if (!w->reading) {
		/* Nothing could be heard: start afresh when it can. */
		w->heard = 1;
	} else if (!w->heard && ws_is_dead(w)) {
		k8s_err_set(&w->why, K8S_ERR_DISCONNECT,
		    "no sign of life from %s for %d s", w->client->kc->server,
		    WS_PING_INTERVAL_MS / 1000);
		ws_kill(w);
		return;
	} else {
		w->heard = 0;
		w->ping_due = 1;
		lws_callback_on_writable(w->wsi);
	}
	lws_sul_schedule(w->client->lws, 0, &w->timer, ws_timer,
	    (lws_usec_t)WS_PING_INTERVAL_MS * LWS_US_PER_MS);
}

/* Authorization goes last: the only header that can be large. */
static int
ws_add_headers(struct ws *w, unsigned char **p, size_t room)
{
	const struct cred *cred = w->client->cred;
	unsigned char *end = *p + room;
	char *value;
	int ret;

	if (lws_add_http_header_by_name(w->wsi,
		(const unsigned char *)"User-Agent:",
		(const unsigned char *)"k8shell-sshd", 12, p, end) != 0)
		return -1;
	if (cred->token == NULL)
		return 0;
	if (asprintf(&value, "Bearer %s", cred->token) == -1)
		return -1;
	ret = lws_add_http_header_by_name(w->wsi,
	    (const unsigned char *)"Authorization:",
	    (const unsigned char *)value, (int)strlen(value), p, end);
	explicit_bzero(value, strlen(value));
	free(value);
	return ret == 0 ? 0 : -1;
}

static int
ws_writable(struct ws *w)
{
	unsigned char ping[LWS_PRE + 1];

	if (w->closing)
		return -1;
	if (w->ping_due) {
		/* One write a callback; the caller's turn comes next. */
		w->ping_due = 0;
		w->sent_at_ping = w->sent;
		if (lws_write(w->wsi, ping + LWS_PRE, 0, LWS_WRITE_PING) < 0)
			return -1;
		lws_callback_on_writable(w->wsi);
		return 0;
	}
	w->h->writable(w->arg);
	return 0;
}

static int
ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct ws *w;

	(void)user;
	if (reason == LWS_CALLBACK_RAW_RX_FILE) {
		struct ws_client *c = lws_context_user(lws_get_context(wsi));

		loop_dispatch(c->loop);
		return 0;
	}
	if ((w = lws_get_opaque_user_data(wsi)) == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return ws_add_headers(w, in, len);
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		/*
		 * lws takes an answer without a protocol for consent to ours;
		 * RFC 6455 section 4.1 does not.
		 */
		if (lws_hdr_copy(wsi, w->protocol, sizeof(w->protocol),
			WSI_TOKEN_PROTOCOL) <= 0) {
			k8s_err_set(&w->why, K8S_ERR_INVALID,
			    "%s answered without a subprotocol",
			    w->client->kc->server);
			return -1;
		}
		return 0;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		if (w->closing)
			return -1;
		w->opened = w->heard = 1;
		lws_sul_schedule(w->client->lws, 0, &w->timer, ws_timer,
		    (lws_usec_t)WS_PING_INTERVAL_MS * LWS_US_PER_MS);
		w->h->opened(w->arg, w->protocol);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		w->heard = 1;
		w->sent_at_pong = w->sent_at_ping;
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		w->heard = 1;
		if (w->closing)
			return -1;
		if (!lws_frame_is_binary(wsi)) {
			k8s_err_set(&w->why, K8S_ERR_INVALID,
			    "%s sent a text message", w->client->kc->server);
			return -1;
		}
		w->h->data(w->arg, in, len, lws_is_first_fragment(wsi));
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return ws_writable(w);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: {
		const unsigned char *c = in;

		w->close_code = len >= 2 ? c[0] << 8 | c[1] : 1005;
		return 0;
	}
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		if (w->why.code == K8S_ERR_NONE)
			k8s_err_set(&w->why, K8S_ERR_CONNECT, "%s: %.*s",
			    w->client->kc->server, (int)len,
			    in != NULL ? (const char *)in : "");
		lws_set_opaque_user_data(wsi, NULL);
		ws_ended(w, (int)lws_http_client_http_response(wsi));
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		ws_ended(w, 0);
		return 0;
	default:
		return 0;
	}
}

struct ws_client *
ws_client_new(struct loop *loop, const struct kubeconfig *kc,
    const struct cred *cred, struct k8s_err *err)
{
	__attribute__((cleanup(ws_client_freep))) struct ws_client *c = NULL;
	struct lws_context_creation_info info;
	struct ws_client *done;
	int use_tls;
	lws_sock_file_fd_type fd;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	c->loop = loop;
	c->kc = kc;
	c->cred = cred;
	if (ws_split_server(c, &use_tls, err) == -1)
		return NULL;
	if (use_tls && (c->tls = tls_client_ctx(kc, cred, c->host, err)) == NULL)
		return NULL;
	lws_set_log_level(LLL_ERR | LLL_WARN, ws_lws_log);
	c->protocols[0] = (struct lws_protocols) {
		.name = "k8shell",
		.callback = ws_callback,
	};
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = c->protocols;
	info.user = c;
	info.gid = info.uid = -1;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
	    LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	info.provided_client_ssl_ctx = c->tls;
	info.pt_serv_buf_size = WS_IO_SIZE;
	info.max_http_header_data = WS_ANSWER_MAX;
	info.fd_limit_per_thread = 64;
	info.timeout_secs = WS_OPEN_TIMEOUT_MS / 1000;
	info.connect_timeout_secs = WS_OPEN_TIMEOUT_MS / 1000;
	/* The kernel finds a dead peer while we don't read. */
	info.ka_time = 60;
	info.ka_probes = 4;
	info.ka_interval = 15;
	if ((c->lws = lws_create_context(&info)) == NULL) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "libwebsockets won't start");
		return NULL;
	}
	/* lws closes what it adopted; the loop keeps its own. */
	if ((fd.filefd = fcntl(loop_fd(loop), F_DUPFD_CLOEXEC, 3)) == -1) {
		k8s_err_errno(err, "duplicating a descriptor");
		return NULL;
	}
	if (lws_adopt_descriptor_vhost(lws_get_vhost_by_name(c->lws, "default"),
		LWS_ADOPT_RAW_FILE_DESC, fd, "k8shell", NULL) == NULL) {
		k8s_err_set(err, K8S_ERR_SYSTEM, "libwebsockets: adopting");
		return NULL;
	}
	done = c;
	c = NULL;
	return done;
}

void
ws_client_free(struct ws_client *c)
{
	if (c == NULL)
		return;
	c->ending = 1;
	if (c->lws != NULL)
		lws_context_destroy(c->lws);
	SSL_CTX_free(c->tls);
	free(c->host);
	free(c->target);
	free(c->prefix);
	free(c);
}

void
ws_client_freep(struct ws_client **c)
{
	ws_client_free(*c);
	*c = NULL;
}

int
ws_client_run(struct ws_client *c, struct k8s_err *err)
{
	c->stopped = 0;
	while (!c->stopped)
		if (lws_service(c->lws, 0) < 0)
			return k8s_err_set(err, K8S_ERR_SYSTEM,
			    "the event loop failed");
	return 0;
}

void
ws_client_stop(struct ws_client *c)
{
	c->stopped = 1;
	lws_cancel_service(c->lws);
}

struct ws *
ws_open(struct ws_client *c, const char *path, const char *protocols,
    const struct ws_handler *h, void *arg, struct k8s_err *err)
{
	struct lws_client_connect_info i;
	char full[WS_PATH_MAX + 1];
	struct ws *w;
	int n;

	n = snprintf(full, sizeof(full), "%s%s", c->prefix, path);
	if (n < 0 || (size_t)n >= sizeof(full)) {
		k8s_err_set(err, K8S_ERR_LIMIT,
		    "the request is longer than %d bytes", WS_PATH_MAX);
		return NULL;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		k8s_err_errno(err, "out of memory");
		return NULL;
	}
	w->client = c;
	w->h = h;
	w->arg = arg;
	w->reading = 1;
	memset(&i, 0, sizeof(i));
	i.context = c->lws;
	i.address = c->host;
	i.port = c->port;
	i.path = full;
	i.host = c->target;
	i.protocol = protocols;
	i.local_protocol_name = "k8shell";
	i.ietf_version_or_minus_one = -1;
	i.alpn = "http/1.1"; /* the upgrade does not exist in HTTP/2 there */
	i.opaque_user_data = w;
	i.pwsi = &w->wsi;
	if (c->tls != NULL)
		/* Our TLS context checks the name, see lib/kube/tls.h. */
		i.ssl_connection = LCCSCF_USE_SSL |
		    LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	w->starting = 1;
	if (lws_client_connect_via_info(&i) == NULL || w->closing) {
		k8s_err_set(err, K8S_ERR_CONNECT, "%s",
		    w->why.code != K8S_ERR_NONE ? w->why.msg :
						  "can't connect");
		free(w);
		return NULL;
	}
	w->starting = 0;
	lws_sul_schedule(c->lws, 0, &w->timer, ws_timer,
	    (lws_usec_t)WS_OPEN_TIMEOUT_MS * LWS_US_PER_MS);
	return w;
}

void
ws_want_write(struct ws *w)
{
	if (!w->closing && w->opened)
		lws_callback_on_writable(w->wsi);
}

int
ws_send(struct ws *w, unsigned char *p, size_t len)
{
	/* It takes all or keeps the rest itself; then writable() waits. */
	if (lws_write(w->wsi, p, len, LWS_WRITE_BINARY) < (int)len) {
		ws_kill(w);
		return -1;
	}
	w->sent += len;
	return 0;
}

void
ws_read(struct ws *w, int on)
{
	if (w->reading == on || w->closing)
		return;
	w->reading = on;
	if (on)
		w->heard = 1;
	lws_rx_flow_control(w->wsi, on);
}

void
ws_close(struct ws *w)
{
	ws_kill(w);
}
