/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, and what they may do. */
#include <openssl/crypto.h>

#include <string.h>
#include <strings.h>

#include "fakekube.h"

#define ANONYMOUS "system:anonymous"

static bool
token_equal(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strlen(b) == n && CRYPTO_memcmp(a, b, n) == 0;
}

int
identity_check(struct conn *c, const struct request *req, struct identity *who)
{
	const struct server *srv = conn_server(c);
	const char *auth = http_header(req, "Authorization", 0), *cn;
	const struct user *user;
	bool presented;
	size_t i;

	who->name = ANONYMOUS;
	who->user = NULL;
	cn = conn_cert_user(c, &presented);
	if (cn != NULL) {
		who->name = cn;
		who->user = config_user(srv->config, cn);
		return 0;
	}
	if (auth == NULL)
		return presented ? -1 : 0;
	if (strncasecmp(auth, "Bearer ", 7) != 0)
		return -1;
	for (i = 0; i < srv->config->nusers; i++) {
		user = &srv->config->users[i];
		if (user->token == NULL || !token_equal(user->token, auth + 7))
			continue;
		if (user->expires >= 0 &&
		    now_ms() - srv->started >= user->expires * 1000)
			return -1;
		who->name = user->name;
		who->user = user;
		return 0;
	}
	return -1;
}

bool
identity_allowed(const struct identity *who, const char *verb,
    const char *resource, const char *ns)
{
	const struct user *u = who->user;
	auto_text want = {0};
	bool here;
	size_t i;

	if (u == NULL)
		return false;
	here = u->nnamespaces == 0;
	for (i = 0; i < u->nnamespaces && ns != NULL; i++) {
		if (strcmp(u->namespaces[i], ns) == 0)
			here = true;
	}
	if (!here)
		return false;
	if (u->nallow == 0)
		return true;
	text_addf(&want, "%s %s", verb, resource);
	for (i = 0; i < u->nallow; i++) {
		if (strcmp(u->allow[i], "*") == 0 ||
		    strcmp(u->allow[i], want.data) == 0)
			return true;
	}
	return false;
}
