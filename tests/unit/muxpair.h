/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends that have said hello, anew for each test. */
#ifndef K8SHELL_MUXPAIR_H
#define K8SHELL_MUXPAIR_H

#include "tests/unit/muxrig.h"

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct rig_end *host, *guest;

static inline int
setup(void **state)
{
	(void)state;
	rig_pair(&host, &guest);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	rig_free(host);
	rig_free(guest);
	return 0;
}

/* A channel that is open at both ends, as the host's and the guest's. */
static inline struct rig_channel *
open_both(enum mux_kind kind, struct rig_channel **other)
{
	struct rig_channel *rc = rig_open(host, kind, "", 0);

	rig_pump(host, guest, 0);
	*other = rig_find(guest, rc->number);
	host->log[0] = guest->log[0] = '\0';
	return rc;
}

#endif
