/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakekube.h"

enum option_id {
	OPT_PORT = 256,
	OPT_NAMESPACE,
	OPT_USER,
	OPT_TOKEN,
	OPT_CONFIG,
	OPT_LOG,
	OPT_KUBECONFIG,
	OPT_CA,
	OPT_CLIENT_CA,
	OPT_CLIENT_CERT,
	OPT_VERSION,
	OPT_READY_FD,
	OPT_PROTOCOLS,
	OPT_SAN,
	OPT_POD
};

static const struct option longopts[] = {
    {"port", required_argument, NULL, OPT_PORT},
    {"namespace", required_argument, NULL, OPT_NAMESPACE},
    {"user", required_argument, NULL, OPT_USER},
    {"token", required_argument, NULL, OPT_TOKEN},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"log", required_argument, NULL, OPT_LOG},
    {"write-kubeconfig", required_argument, NULL, OPT_KUBECONFIG},
    {"write-ca", required_argument, NULL, OPT_CA},
    {"client-ca", required_argument, NULL, OPT_CLIENT_CA},
    {"client-cert", required_argument, NULL, OPT_CLIENT_CERT},
    {"server-version", required_argument, NULL, OPT_VERSION},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"protocols", required_argument, NULL, OPT_PROTOCOLS},
    {"san", required_argument, NULL, OPT_SAN},
    {"pod", required_argument, NULL, OPT_POD},
    {NULL, 0, NULL, 0},
};

static void __attribute__((noreturn))
usage(void)
{
	size_t i;

	fprintf(stderr, "usage: fakekube");
	for (i = 0; longopts[i].name != NULL; i++)
		fprintf(stderr, " [--%s ...]", longopts[i].name);
	fprintf(stderr, "\nsee tests/fakekube/README.md\n");
	exit(2);
}

static void
append(char **list, size_t *n, size_t max, char *value)
{
	if (*n == max)
		errx(2, "too many: %s", value);
	list[(*n)++] = value;
}

static uint64_t
number(const char *value, uint64_t max)
{
	uint64_t n;

	if (number_parse(value, max, &n) < 0)
		errx(2, "not a number up to %llu: %s", (unsigned long long)max,
		    value);
	return n;
}

static void
set_protocols(struct options *o, const char *value)
{
	o->v4 = strstr(value, "v4") != NULL;
	o->v5 = strstr(value, "v5") != NULL;
	if (!o->v4 && !o->v5 && strcmp(value, "none") != 0)
		errx(2, "--protocols is v5,v4 or v5 or v4 or none");
}

static void
random_token(struct options *o)
{
	unsigned char bytes[16];
	auto_text t = {0};
	size_t i;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		errx(1, "RAND_bytes");
	for (i = 0; i < sizeof(bytes); i++)
		text_addf(&t, "%02x", bytes[i]);
	o->token = xstrdup(t.data);
}

void
options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){.ns = "ws",
	    .user = "bastion",
	    .version = "v1.36.0",
	    .ready_fd = -1,
	    .v4 = true,
	    .v5 = true};
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case OPT_PORT:
			o->port = (uint16_t)number(optarg, UINT16_MAX);
			break;
		case OPT_NAMESPACE:
			o->ns = optarg;
			break;
		case OPT_USER:
			o->user = optarg;
			break;
		case OPT_TOKEN:
			free(o->token);
			o->token = xstrdup(optarg);
			/* Not for everybody's eyes in ps. */
			memset(optarg, 'x', strlen(optarg));
			break;
		case OPT_CONFIG:
			o->config = optarg;
			break;
		case OPT_LOG:
			o->log = optarg;
			break;
		case OPT_KUBECONFIG:
			o->kubeconfig = optarg;
			break;
		case OPT_CA:
			o->ca = optarg;
			break;
		case OPT_CLIENT_CA:
			o->client_ca = optarg;
			break;
		case OPT_CLIENT_CERT:
			append(o->certs, &o->ncerts, FK_MAX_SANS, optarg);
			break;
		case OPT_VERSION:
			o->version = optarg;
			break;
		case OPT_READY_FD:
			o->ready_fd = (int)number(optarg, 1023);
			break;
		case OPT_PROTOCOLS:
			set_protocols(o, optarg);
			break;
		case OPT_SAN:
			append(o->sans, &o->nsans, FK_MAX_SANS, optarg);
			break;
		case OPT_POD:
			append(o->pods, &o->npods, FK_MAX_PODS, optarg);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	if (o->token == NULL)
		random_token(o);
}

static int
add_pod(struct config *c, const struct options *o, const char *spec)
{
	auto_text copy = {0};
	const char *ns = o->ns, *root = "host";
	char *name, *p;

	text_adds(&copy, spec);
	name = copy.data;
	if ((p = strchr(name, '=')) != NULL) {
		*p = '\0';
		root = p + 1;
	}
	if ((p = strchr(name, '/')) != NULL) {
		*p = '\0';
		ns = name;
		name = p + 1;
	}
	return config_add_pod(c, ns, name, root) == NULL ? -1 : 0;
}

struct config *
options_config(const struct options *o, struct text *error)
{
	struct config *c = config_new();
	struct listener *l = &c->listeners[c->nlisteners++];
	struct user *user = config_add_user(c, o->user);
	size_t i;

	l->name = xstrdup("fakekube");
	l->fd = -1;
	user->token = xstrdup(o->token);
	for (i = 0; i < o->npods; i++) {
		if (add_pod(c, o, o->pods[i]) < 0) {
			text_addf(error, "cannot add pod %s", o->pods[i]);
			config_free(c);
			return NULL;
		}
	}
	if (o->config != NULL && config_read(c, o->config, o->ns, error) < 0) {
		config_free(c);
		return NULL;
	}
	if (c->npods == 0)
		config_add_pod(c, o->ns, "alice-dev", "host");
	for (i = 0; i < c->npods; i++) {
		if (c->pods[i].drain_ms == UINT64_MAX)
			c->pods[i].drain_ms = c->drain_ms;
	}
	return c;
}
