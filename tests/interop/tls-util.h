/* Reading of files and files with one key, for the test server. */
#ifndef TESTS_INTEROP_TLS_UTIL_H
#define TESTS_INTEROP_TLS_UTIL_H

#include "transport/tls.h"

struct perf_tls {
	struct mst_tls_config config;
	struct mst_key psk;
	char psk_identity[MST_ID_MAX];
};

struct mst_view perf_file(const char *path);            /* exits with a message; NUL after the end */
/* "identity:hex" in a file, so that no key is on a command line */
void perf_psk(struct perf_tls *t, const char *path);
void perf_key(struct perf_tls *t, const char *path);    /* PKCS#8 PEM */
void perf_anchors(struct perf_tls *t, const char *path);
bool perf_profile(struct perf_tls *t, const char *name);
struct mst_tls_ctx *perf_ctx(const struct perf_tls *t);

#endif
