/* naf.h: what is given up before the first node comes. It opens no file of its own any more, and has two ways out: the BSF and the CSE. */
#include <event2/util.h>
#include <jansson.h>
#include <limits.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "naf/naf.h"
#include "sandbox/sandbox.h"
#include "transport/address.h"

#define DNS 53                           /* by TCP, when an answer is too long for a datagram */

/* Besides the usual ones (sandbox/usual.c); recorded by tools/record-calls in its scenario. */
#define NAF 1u
#define LOC 2u                           /* the CSE has a local socket */
static const struct mst_sandbox_call calls[] = {
	{ NAF, SCMP_SYS(accept4), 0, NULL },
	{ NAF, SCMP_SYS(socket), MST_ARGS_INET_STREAM, NULL },
	{ LOC, SCMP_SYS(socket), MST_ARGS_LOCAL_STREAM, NULL },
	{ NAF, SCMP_SYS(connect), 0, NULL },     /* to which ports is Landlock's business */
};

/* The resolver's files are replaced when the network changes: then their directory is wanted, unless something of ours lies below it, or it is
 * root's, whose are all others in it, too. */
static const struct mst_sandbox_path etc[] = { { "/etc", MST_PATH_READ } };

static bool below_etc(const char *path)
{
	char real[PATH_MAX];

	return !realpath(path, real) || strncmp(real, "/etc/", 5) == 0;
}

/* Where the BSF is really; true: only a resolver knows. */
static bool bsf_by_name(const struct naf_settings *s, uint16_t *ret_port)
{
	struct sockaddr_storage a;
	int n = sizeof(a);
	char host[256];

	*ret_port = s->bsf_port;
	if (s->dial)
		(void)!address_split(s->dial, host, sizeof(host), ret_port);
	return !s->dial || evutil_parse_sockaddr_port(s->dial, (struct sockaddr *)&a, &n) != 0;
}

int naf_confine(const struct naf_settings *s, char held[NAF_WORDS])
{
	uint16_t port[3];
	struct mst_sandbox_ask a = { .usual = MST_USUAL_RUN | MST_USUAL_PEERS, .who = NAF, .call = calls, .n_calls = MST_COUNT(calls), .path = etc,
				     .port = port, .n_ports = 1 };
	bool named = bsf_by_name(s, &port[0]);

	tzset();                         /* files that are out of reach afterwards */
	json_object_seed(0);
	if (naf_cse_port(s->to))
		port[a.n_ports++] = naf_cse_port(s->to);
	else
		a.who |= LOC;
	if (named) {
		a.usual |= MST_USUAL_NAMES;
		a.n = geteuid() && !below_etc(s->certificate) && !below_etc(s->key) && !below_etc(s->anchors) && (!s->crls || !below_etc(s->crls));
		port[a.n_ports++] = DNS;
	}
	*held = '\0';
	for (size_t i = 0; mst_sandbox_all[i] && (s->sandbox || i == 0); i++) {
		size_t n = strlen(held);
		int r = mst_sandbox_all[i]->apply(&a);

		if (r < 0) {
			naf_say(s, "sandbox", "failed", mst_sandbox_all[i]->name, "why", mst_sandbox_fault(r), "remedy", "--no-sandbox runs without", NULL);
			return r;
		}
		if (r == 0)
			snprintf(held + n, NAF_WORDS - n, "%s%s", n ? " " : "", mst_sandbox_all[i]->name);
	}
	return 0;
}
