# SPDX-License-Identifier: Apache-2.0
KUBE_CFLAGS = $(CURL_CFLAGS) $(JSON_CFLAGS) $(OPENSSL_CFLAGS) $(YAML_CFLAGS)
KUBE_LIBS = $(CURL_LIBS) $(JSON_LIBS) $(OPENSSL_LIBS) $(YAML_LIBS)

noinst_LIBRARIES += lib/kube/libkube.a
lib_kube_libkube_a_SOURCES = \
	lib/kube/api.c lib/kube/api.h \
	lib/kube/b64.c lib/kube/b64.h \
	lib/kube/channel.c lib/kube/channel.h \
	lib/kube/cred.c lib/kube/cred.h \
	lib/kube/exec.c lib/kube/exec.h \
	lib/kube/kfile.c lib/kube/kfile.h \
	lib/kube/kjson.c lib/kube/kjson.h \
	lib/kube/kubeconfig.c lib/kube/kubeconfig.h \
	lib/kube/kubeconfig_load.c \
	lib/kube/kyaml.c lib/kube/kyaml.h \
	lib/kube/pod.c lib/kube/pod.h \
	lib/kube/portforward.c lib/kube/portforward.h \
	lib/kube/portmessage.c lib/kube/portmessage.h \
	lib/kube/status.c lib/kube/status.h \
	lib/kube/stream.c lib/kube/stream.h \
	lib/kube/tls.c lib/kube/tls.h \
	lib/kube/url.c lib/kube/url.h \
	lib/kube/ws.c lib/kube/ws.h \
	lib/kube/wsframe.c lib/kube/wsframe.h \
	lib/kube/wshttp.c lib/kube/wshttp.h
lib_kube_libkube_a_CFLAGS = $(AM_CFLAGS) $(KUBE_CFLAGS)
