/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the control socket: requests, and replies. */
#include "tests/fuzz/fuzz.h"

#include "lib/core/control.h"

static void
check_text(struct control_text t, const char *packet, size_t size, size_t max)
{
	if (t.p == NULL) {
		FUZZ_CHECK(t.len == 0);
		return;
	}
	FUZZ_CHECK(t.p >= packet && t.len <= max &&
	    t.len <= size - (size_t)(t.p - packet));
	FUZZ_CHECK(memchr(t.p, '\0', t.len) == NULL);
}

/* What was understood can be said again, in as many bytes. */
static void
again(const struct control_request *r, size_t size)
{
	unsigned char packet[CONTROL_MAX];
	struct control_request copy;
	size_t n = 1;

	packet[0] = (unsigned char)r->type;
	if (r->type == CONTROL_SESSION_START)
		n = control_encode_start(packet, &r->u.start);
	else if (r->type == CONTROL_SESSION_END)
		n = control_encode_end(packet, &r->u.end);
	else if (r->type == CONTROL_RESOLVE)
		n = control_encode_resolve(packet, r->u.name);
	FUZZ_CHECK(n == size);
	FUZZ_CHECK(control_decode(packet, n, &copy, NULL) == 0);
	FUZZ_CHECK(copy.type == r->type);
}

static void
request(const char *packet, size_t size)
{
	struct control_request r;
	struct k8s_err err;
	int ret;

	memset(&err, 0, sizeof(err));
	ret = control_decode(packet, size, &r, &err);
	fuzz_check_err(ret == -1, &err);
	if (ret == -1)
		return;
	if (r.type == CONTROL_SESSION_START) {
		check_text(r.u.start.command, packet, size,
		    CONTROL_COMMAND_MAX);
		check_text(r.u.start.namespace_, packet, size,
		    CONTROL_NAMESPACE_MAX);
		check_text(r.u.start.pod, packet, size, CONTROL_POD_MAX);
		check_text(r.u.start.container, packet, size,
		    CONTROL_CONTAINER_MAX);
		FUZZ_CHECK((r.u.start.kind == CONTROL_EXEC) ==
		    (r.u.start.command.p != NULL));
	} else if (r.type == CONTROL_SESSION_END) {
		check_text(r.u.end.error, packet, size, CONTROL_ERROR_MAX);
		FUZZ_CHECK(
		    r.u.end.exit_status >= 0 && r.u.end.exit_status <= 255);
		FUZZ_CHECK(r.u.end.signal >= 0 && r.u.end.signal <= 64);
	} else if (r.type == CONTROL_RESOLVE) {
		FUZZ_CHECK(r.u.name.p != NULL);
		check_text(r.u.name, packet, size, CONTROL_NAME_MAX);
	} else {
		FUZZ_CHECK(r.type == CONTROL_WHOAMI && size == 1);
	}
	again(&r, size);
}

static void
reply(const char *packet, size_t size)
{
	unsigned char out[CONTROL_MAX];
	struct control_whoami w;
	struct k8s_err err;
	uint32_t address;
	int ret;

	memset(&err, 0, sizeof(err));
	ret = control_decode_whoami(packet, size, &w, &err);
	fuzz_check_err(ret == -1, &err);
	if (ret == 0) {
		FUZZ_CHECK(w.user[0] != '\0' && w.id[0] != '\0');
		FUZZ_CHECK(control_encode_whoami(out, &w) == size);
	}
	memset(&err, 0, sizeof(err));
	ret = control_decode_address(packet, size, &address, &err);
	fuzz_check_err(ret == -1, &err);
	if (ret == 0) {
		FUZZ_CHECK(control_encode_address(out, address) == size);
		FUZZ_CHECK(memcmp(out, packet, size) == 0);
	}
	memset(&err, 0, sizeof(err));
	ret = control_decode_ok(packet, size, &err);
	fuzz_check_err(ret == -1, &err);
	FUZZ_CHECK(ret == -1 || (size == 1 && packet[0] == (char)CONTROL_OK));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *packet = fuzz_copy(data, size);

	request(packet, size);
	reply(packet, size);
	free(packet);
	return 0;
}
