/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "lib/core/log.h"
#include "lib/kube/kubeconfig.h"
#include "tests/unit/kubeconfig_text.h"
#include "tests/unit/tmpdir.h"

static void
files_beside_the_kubeconfig(void **state)
{
	static const char text[] =
	    CONFIG(SERVER "    certificate-authority: ca.pem\n",
		"    client-certificate: sub/../c.pem\n    client-key: k.pem\n"
		"    tokenFile: t\n");
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new(), config[512], expect[512];

	(void)state;
	(void)snprintf(config, sizeof(config), "%s",
	    tmpdir_write(dir, "config", text, strlen(text), 0600));
	assert_null(kubeconfig_load(config, &err));
	unit_check_err(&err, K8S_ERR_CONFIG,
	    "ca.pem: No such file or "
	    "directory (check the path)");
	tmpdir_write(dir, "ca.pem", "x", 1, 0600);
	assert_null(kubeconfig_load(config, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "that file holds no PEM");
	tmpdir_write(dir, "ca.pem", PEM, strlen(PEM), 0600);
	tmpdir_write(dir, "c.pem", PEM "2", strlen(PEM) + 1, 0600);
	tmpdir_write(dir, "k.pem", PEM "3", strlen(PEM) + 1, 0600);
	(void)snprintf(expect, sizeof(expect), "%s/sub", dir);
	assert_int_equal(mkdir(expect, 0700), 0);
	if ((kc = kubeconfig_load(config, &err)) == NULL)
		fail_msg("%s", err.msg);
	assert_string_equal(kc->ca, PEM);
	assert_string_equal(kc->cert, PEM "2");
	assert_string_equal(kc->key, PEM "3");
	(void)snprintf(expect, sizeof(expect), "%s/t", dir);
	assert_string_equal(kc->token_file, expect);
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

static void
bad_files(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	char *dir = tmpdir_new(), fifo[512];

	(void)state;
	assert_null(kubeconfig_load("/nonexistent/config", &err));
	unit_check_err(&err, K8S_ERR_CONFIG,
	    "kubeconfig /nonexistent/config: "
	    "No such file or directory");
	assert_null(kubeconfig_load(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "not a regular file");
	assert_null(kubeconfig_load(tmpdir_write(dir, "e", "", 0, 0600), &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "empty");
	assert_null(
	    kubeconfig_load(tmpdir_write(dir, "n", "a\0b", 3, 0600), &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "NUL");
	/* One nobody writes to must not hold us up. */
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_null(kubeconfig_load(fifo, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "not a regular file");
	tmpdir_free(dir);
}

/* What goes to the log while a file of this mode is loaded. */
static void
load_logged(const char *dir, const char *text, mode_t mode, char *log,
    size_t size)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	FILE *f = tmpfile();
	int saved = dup(2);
	size_t n;

	assert_non_null(f);
	dup2(fileno(f), 2);
	log_to_stderr(1);
	kc = kubeconfig_load(
	    tmpdir_write(dir, "config", text, strlen(text), mode), &err);
	log_to_stderr(0);
	dup2(saved, 2);
	close(saved);
	if (kc == NULL)
		fail_msg("%s", err.msg);
	kubeconfig_free(kc);
	rewind(f);
	n = fread(log, 1, size - 1, f);
	log[n] = '\0';
	fclose(f);
}

static void
warns_in_the_log(void **state)
{
	char *dir = tmpdir_new(), log[2048];

	(void)state;
	load_logged(dir, CONFIG(SERVER, TOKEN), 0640, log, sizeof(log));
	assert_string_equal(log, "");
	load_logged(dir, CONFIG(SERVER, TOKEN), 0644, log, sizeof(log));
	assert_non_null(strstr(log, "readable by everybody"));
	load_logged(dir, CONFIG(SERVER, "    tokenFile: t\n"), 0644, log,
	    sizeof(log));
	assert_string_equal(log, "");
	load_logged(dir,
	    CONFIG(SERVER,
		"    client-certificate-data: " PEM_DATA
		"\n    client-key-data: " PEM_DATA "\n"),
	    0604, log, sizeof(log));
	assert_non_null(strstr(log, "readable by everybody"));
	load_logged(dir,
	    CONFIG(SERVER "    insecure-skip-tls-verify: true\n", TOKEN), 0600,
	    log, sizeof(log));
	assert_non_null(strstr(log, "insecure-skip-tls-verify"));
	load_logged(dir, CONFIG("    server: http://k.example\n", TOKEN), 0600,
	    log, sizeof(log));
	assert_non_null(strstr(log, "is not https"));
	assert_null(strstr(log, "abc"));
	load_logged(dir, CONFIG("    server: http://127.0.0.1:80\n", TOKEN),
	    0600, log, sizeof(log));
	assert_string_equal(log, "");
	tmpdir_free(dir);
}

static void
reads_the_service_account(void **state)
{
	struct k8s_err err = K8S_ERR_INIT;
	struct kubeconfig *kc;
	char *dir = tmpdir_new(), expect[512];

	(void)state;
	assert_null(kubeconfig_in_cluster(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "service account's CA");
	tmpdir_write(dir, "ca.crt", PEM, strlen(PEM), 0600);
	assert_null(kubeconfig_in_cluster(dir, &err));
	unit_check_err(&err, K8S_ERR_CONFIG, "service account's token");
	tmpdir_write(dir, "token", "abc", 3, 0600);
	memset(&err, 0, sizeof(err));
	kc = kubeconfig_in_cluster(dir, &err);
	assert_non_null(kc);
	assert_int_equal(err.code, K8S_ERR_NONE);
	assert_null(kc->namespace_);
	assert_string_equal(kc->server, "https://kubernetes.default.svc");
	assert_string_equal(kc->ca, PEM);
	assert_null(kc->token);
	(void)snprintf(expect, sizeof(expect), "%s/token", dir);
	assert_string_equal(kc->token_file, expect);
	kubeconfig_free(kc);
	tmpdir_write(dir, "namespace", "ws\n", 3, 0600);
	kc = kubeconfig_in_cluster(dir, &err);
	assert_string_equal(kc->namespace_, "ws");
	kubeconfig_free(kc);
	tmpdir_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_beside_the_kubeconfig),
	    cmocka_unit_test(bad_files),
	    cmocka_unit_test(warns_in_the_log),
	    cmocka_unit_test(reads_the_service_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
