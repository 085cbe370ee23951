/* SPDX-License-Identifier: Apache-2.0 */
/* From an exec request to its WebSocket. */
#include <stdlib.h>
#include <string.h>

#include "fakekube.h"

void
command_parse(struct command *cmd, const char *query)
{
	char *name, *value;
	size_t len;

	cmd->tty = query_bool(query, "tty");
	cmd->in = query_bool(query, "stdin");
	cmd->out = query_bool(query, "stdout");
	cmd->err = query_bool(query, "stderr") && !cmd->tty;
	while (query_next(&query, &name, &value, &len)) {
		if (strcmp(name, "command") == 0) {
			list_add(&cmd->argv, &cmd->argc, value);
			if (strlen(value) != len)
				cmd->nul = true;
		}
		free(name);
		free(value);
	}
}

void
command_free(struct command *cmd)
{
	while (cmd->argc > 0)
		free(cmd->argv[--cmd->argc]);
	free(cmd->argv);
}

/* The first protocol of the client's list that is spoken here. */
static int
choose_protocol(const struct server *srv, const struct request *req)
{
	const char *p;
	size_t nth, n;

	for (nth = 0;
	    (p = http_header(req, "Sec-WebSocket-Protocol", nth)) != NULL;
	    nth++) {
		for (; *p != '\0'; p += n) {
			p += strspn(p, ", \t");
			n = strcspn(p, ", \t");
			if (n != sizeof("v5.channel.k8s.io") - 1)
				continue;
			if (srv->v5 && strncmp(p, "v5.channel.k8s.io", n) == 0)
				return 5;
			if (srv->v4 && strncmp(p, "v4.channel.k8s.io", n) == 0)
				return 4;
		}
	}
	return 0;
}

static int
send_upgrade(struct conn *c, const struct request *req, const struct faults *f,
    int version)
{
	auto_text t = {0};
	char accept[29];
	int i;

	ws_accept_key(http_header(req, "Sec-WebSocket-Key", 0), accept);
	if (f->upgrade.wrong_accept)
		accept[0] = accept[0] == 'A' ? 'B' : 'A';
	text_adds(&t, "HTTP/1.1 101 Switching Protocols\r\n");
	if (!f->upgrade.no_upgrade)
		text_adds(&t, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
	if (!f->upgrade.no_accept)
		text_addf(&t, "Sec-WebSocket-Accept: %s\r\n", accept);
	if (f->upgrade.protocol != NULL)
		text_addf(&t, "Sec-WebSocket-Protocol: %s\r\n",
		    f->upgrade.protocol);
	else if (!f->upgrade.no_protocol)
		text_addf(&t, "Sec-WebSocket-Protocol: v%d.channel.k8s.io\r\n",
		    version);
	for (i = 0; f->upgrade.huge_headers && i < 64; i++)
		text_addf(&t, "X-Padding-%d: %01000d\r\n", i, i);
	text_adds(&t, "\r\n");
	return conn_write(c, t.data, t.len, now_ms() + 60000);
}

bool
upgrade_wanted(const struct request *req)
{
	return http_has_token(req, "Upgrade", "websocket") &&
	    http_has_token(req, "Connection", "upgrade") &&
	    http_header(req, "Sec-WebSocket-Key", 0) != NULL;
}

void
upgrade_exec(struct conn *c, const struct request *req, const struct pod *pod,
    const struct command *cmd)
{
	static const char none[] = "HTTP/1.1 403 Forbidden\r\n\r\n";
	const struct server *srv = conn_server(c);
	auto_text t = {0};
	int version = choose_protocol(srv, req);

	if (version == 0) {
		/* The bare lines of Go's WebSocket library. */
		conn_write(c, none, sizeof(none) - 1, now_ms() + 10000);
		return;
	}
	if (send_upgrade(c, req, &pod->faults, version) < 0)
		return;
	log_start(&t, srv, conn_id(c), "upgrade");
	text_adds(&t, ",\"pod\":");
	text_jsons(&t, pod->name);
	text_addf(&t, ",\"protocol\":%d", version);
	log_end(&t, srv);
	exec_run(c, pod, cmd, version == 5);
}
