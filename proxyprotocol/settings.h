/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of k8shell.conf(5) that are k8shell-proxyd's. */
#ifndef K8SHELL_SETTINGS_H
#define K8SHELL_SETTINGS_H

#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/log.h"
#include "lib/core/net.h"
#include "proxyprotocol/limits.h"

enum settings_proxy { PROXY_OFF, PROXY_OPTIONAL, PROXY_REQUIRED };

/* [listener NAME] */
struct settings_listener {
	char *name;
	struct net_addr *addresses;
	size_t addresses_len;
	enum settings_proxy proxy;
	struct net_prefix *trusted; /* whose headers count */
	size_t trusted_len;
	unsigned int timeout_ms; /* for a whole header */
};

struct settings {
	char *sshd, *sshd_config; /* absolute */
	char *audit_file;	  /* absolute, or NULL */
	char *proxy_id;
	uid_t uid_base;		     /* of the slots */
	unsigned int max_forwards;   /* of one connection at once */
	struct limits_config limits; /* its exempt is owned here */
	struct net_prefix *exempt;
	enum log_level log_level;
	struct settings_listener *listeners; /* at least one */
	size_t listeners_len;
};

/*
 * Reads path; the caller frees. The rules are those of config_load(): what is
 * misspelt or said twice is an error. Sections of others are passed over.
 */
struct settings *settings_load(const char *path, struct k8s_err *err);

/* The same from memory: for tests and fuzzing. */
struct settings *settings_parse(const char *text, const char *origin,
    struct k8s_err *err);

void settings_free(struct settings *s);
void settings_freep(struct settings **s);

#endif
