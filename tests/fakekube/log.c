/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <unistd.h>

#include "fakekube.h"

void
log_start(struct text *t, const struct server *srv, unsigned conn,
    const char *event)
{
	text_addf(t, "{\"ms\":%" PRId64 ",\"conn\":%u,\"event\":",
	    now_ms() - srv->started, conn);
	text_jsons(t, event);
}

/* O_APPEND and a single write(): lines of several processes never mix. */
void
log_end(struct text *t, const struct server *srv)
{
	ssize_t n;

	text_adds(t, "}\n");
	if (srv->log_fd < 0)
		return;
	n = write(srv->log_fd, t->data, t->len);
	(void)n;
}

void
log_event(const struct server *srv, unsigned conn, const char *event)
{
	auto_text t = {0};

	log_start(&t, srv, conn, event);
	log_end(&t, srv);
}
