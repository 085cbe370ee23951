/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners, the kubeconfig that leads to them, and a connection's start. */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fakekube.h"

#define HANDSHAKE_MS 30000
#define IDLE_MS	     120000

static void
listener_open(struct listener *l, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int on = 1;

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		err(1, "socket");
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(l->fd, (struct sockaddr *)&sin, len) < 0 ||
	    getsockname(l->fd, (struct sockaddr *)&sin, &len) < 0)
		err(1, "127.0.0.1:%u", port);
	l->port = ntohs(sin.sin_port);
	/* Bound and not listening, the port refuses connections. */
	if (l->fault != LISTENER_REFUSE && listen(l->fd, 128) < 0)
		err(1, "listen");
}

void
listeners_open(struct config *c, uint16_t port, const struct authority *ca,
    const struct options *o)
{
	struct authority *stranger;
	struct listener *l;
	size_t i;

	for (i = 0; i < c->nlisteners; i++) {
		l = &c->listeners[i];
		listener_open(l, i == 0 ? port : 0);
		stranger = l->fault == LISTENER_OTHER_CA
		    ? authority_new("another authority")
		    : NULL;
		l->tls = tls_server(stranger != NULL ? stranger : ca, o->sans,
		    o->nsans, l->fault == LISTENER_EXPIRED,
		    l->fault == LISTENER_WRONG_HOST, o->client_ca);
		if (stranger != NULL)
			authority_free(stranger);
	}
}

static void
add_base64(struct text *out, const char *key, const struct text *data)
{
	unsigned char *b64 = xcalloc(data->len / 3 * 4 + 8, 1);

	EVP_EncodeBlock(b64, (const unsigned char *)data->data, (int)data->len);
	text_addf(out, "    %s: %s\n", key, (char *)b64);
	free(b64);
}

static void
add_context(struct text *t, const char *name, const char *cluster,
    const char *user, const char *ns)
{
	text_addf(t,
	    "- name: %s\n  context:\n    cluster: %s\n    user: %s\n"
	    "    namespace: %s\n",
	    name, cluster, user, ns);
}

/* Writes PREFIX.crt and PREFIX.key, and the user of the kubeconfig. */
static void
add_cert_user(struct text *t, const struct authority *ca, const char *spec)
{
	auto_text cert = {0}, key = {0}, user = {0}, path = {0};
	const char *eq = strchr(spec, '=');

	if (eq == NULL)
		errx(2, "--client-cert USER=PREFIX");
	text_add(&user, spec, (size_t)(eq - spec));
	authority_client(ca, user.data, &cert, &key);
	text_addf(&path, "%s.crt", eq + 1);
	if (write_file(path.data, &cert, 0644) < 0)
		err(1, "%s", path.data);
	path.len = 0;
	text_addf(&path, "%s.key", eq + 1);
	if (write_file(path.data, &key, 0600) < 0)
		err(1, "%s", path.data);
	text_addf(t, "- name: cert-%s\n  user:\n", user.data);
	add_base64(t, "client-certificate-data", &cert);
	add_base64(t, "client-key-data", &key);
}

void
kubeconfig_write(const struct options *o, const struct config *c,
    const struct authority *ca)
{
	auto_text t = {0}, pem = {0}, users = {0}, name = {0};
	size_t i;

	authority_pem(ca, &pem);
	if (o->ca != NULL && write_file(o->ca, &pem, 0644) < 0)
		err(1, "%s", o->ca);
	text_adds(&t, "apiVersion: v1\nkind: Config\nclusters:\n");
	for (i = 0; i < c->nlisteners; i++) {
		text_addf(&t,
		    "- name: %s\n  cluster:\n"
		    "    server: https://127.0.0.1:%u\n",
		    c->listeners[i].name, c->listeners[i].port);
		add_base64(&t, "certificate-authority-data", &pem);
	}
	text_adds(&t, "contexts:\n");
	for (i = 0; i < c->nlisteners; i++)
		add_context(&t, c->listeners[i].name, c->listeners[i].name,
		    o->user, o->ns);
	text_adds(&users, "users:\n");
	for (i = 0; i < c->nusers; i++) {
		name.len = 0;
		text_addf(&name, "user-%s", c->users[i].name);
		add_context(&t, name.data, "fakekube", c->users[i].name, o->ns);
		text_addf(&users, "- name: %s\n  user:\n    token: \"%s\"\n",
		    c->users[i].name,
		    c->users[i].token == NULL ? "" : c->users[i].token);
	}
	for (i = 0; i < o->ncerts; i++) {
		name.len = 0;
		text_addf(&name, "cert-%.*s", (int)strcspn(o->certs[i], "="),
		    o->certs[i]);
		add_context(&t, name.data, "fakekube", name.data, o->ns);
		add_cert_user(&users, ca, o->certs[i]);
	}
	text_add(&t, users.data, users.len);
	text_adds(&t, "current-context: fakekube\n");
	if (o->kubeconfig != NULL && write_file(o->kubeconfig, &t, 0600) < 0)
		err(1, "%s", o->kubeconfig);
}

static void
sleep_ms(uint64_t ms)
{
	struct timespec ts = {.tv_sec = (time_t)(ms / 1000),
	    .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

static void
never_handshake(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	while (poll(&p, 1, -1) < 0)
		continue;
}

static void
serve(struct conn *c)
{
	struct request req;
	int r;

	do {
		r = http_read(c, &req, now_ms() + IDLE_MS);
		if (r == 1)
			r = api_handle(c, &req);
		http_free(&req);
	} while (r == 1);
}

void
connection_run(const struct server *srv, const struct listener *l, int fd,
    unsigned id)
{
	struct conn *c;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	log_event(srv, id, "connection");
	if (l->fault == LISTENER_NEVER_HANDSHAKE) {
		never_handshake(fd);
		_exit(0);
	}
	c = conn_new(srv, id, fd, l->tls);
	if (l->fault == LISTENER_RESET) {
		conn_reset(c);
		_exit(0);
	}
	if (l->fault == LISTENER_DELAY)
		sleep_ms(l->ms);
	if (l->fault == LISTENER_TRICKLE)
		conn_set_chunk(c, 1, l->ms);
	if (conn_handshake(c, now_ms() + HANDSHAKE_MS + (int64_t)l->ms * 3000) <
	    0) {
		log_event(srv, id, "handshake-failed");
	} else {
		conn_set_chunk(c, 0, 0);
		serve(c);
		conn_finish(c, true);
	}
	log_event(srv, id, "disconnected");
	_exit(0);
}
