/*
 * A oneM2M CSE as the NAF of a SIM's key (TS-0003 8.3.2.3): muster-naf stands before it, and the key is Kpsa. The CSE is as small as one can be: in clear, on a
 * socket of this machine, it takes the registration of an AE (TS-0001 10.2.2.2, TS-0009) of whom the NAF vouches for, and notes it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "demo.h"
#include "transport/http.h"

#define SAID_MAX 4096
#define IDLE_S 10

static const char *file_of(const struct demo *d, const char *name, char out[4096])
{
	return path_join(out, 4096, d->dir, name);
}

void demo_cse_id(const struct demo *d, size_t i, char out[MST_ID_MAX])
{
	snprintf(out, MST_ID_MAX, "//%.200s/SIM%05zu", d->house[DEMO_SOUTH].in.sp, i);
}

/* --- the CSE ---------------------------------------------------------------------------------------------------------- */

/* Whose key it is: the "common name" (22) in the extension for TLS (20) of the PROXY protocol's header, version 2. */
static struct mst_view vouched_for(struct mst_view header)
{
	static const uint8_t addresses[] = { 0, 12, 36, 216 };
	struct mst_reader r = mst_reader_of(mst_view_sub(header, 16, header.n));
	size_t family = header.p[13] >> 4;

	(void)mst_read(&r, family < sizeof(addresses) ? addresses[family] : header.n);
	while (r.ok && r.left > 0) {
		bool tls = mst_read_u8(&r) == 0x20;
		struct mst_reader in = mst_reader_of(mst_read(&r, mst_read_u16(&r)));

		(void)mst_read(&in, 5);
		while (tls && in.ok && in.left > 0) {
			uint8_t type = mst_read_u8(&in);
			struct mst_view v = mst_read(&in, mst_read_u16(&in));

			if (type == 0x22 && in.ok)
				return v;
		}
	}
	return MST_VIEW_NONE;
}

/* Of that node, the AE gets the last part of the node's name behind a C: an AE-ID of this CSE's. */
static bool register_ae(struct mst_view who, const struct mst_request *q, const char *came, struct mst_writer *answer)
{
	json_t *all = mst_json_read((const char *)q->content.p, q->content.n, 0, NULL), *app = json_object_get(json_object_get(all, "m2m:ae"), "api");
	char node[MST_ID_MAX], ae[MST_ID_MAX + 2], *text = NULL;
	FILE *f = NULL;
	bool good = q->op == MST_OP_CREATE && q->ty == 2 && json_is_string(app) && mst_view_to_str(who, node, sizeof(node)) && strrchr(node, '/');

	if (good) {
		json_t *said = NULL;

		snprintf(ae, sizeof(ae), "C%s", strrchr(node, '/') + 1);
		said = json_pack("{s:{s:i,s:O,s:b,s:[s],s:s,s:s,s:s,s:s}}", "m2m:ae", "ty", 2, "api", app, "rr", 0, "srv", "3", "pi", "IN-CSE", "ri", ae, "rn", ae,
				 "aei", ae);
		text = json_dumps(said, JSON_COMPACT);
		json_decref(said);
		f = fopen(came, "ae");
	}
	good = text && f && fprintf(f, "%s %s\n", node, ae) > 0;
	good = f && fclose(f) == 0 && good;
	if (good)
		mst_response_to_http(&(struct mst_response){ .rsc = MST_RSC_CREATED, .rqi = q->rqi, .rvi = q->rvi, .content = mst_view_str(text),
							     .media = MST_VIEW_LIT("application/json") }, false, answer);
	free(text);
	json_decref(all);
	return good && answer->ok;
}

/* One connection: the header of PROXY, one request, one answer. Anything else, and it just ends. */
static void serve(int fd, struct mst_http_parser *parser, const char *came)
{
	uint8_t said[SAID_MAX], scratch[MST_ID_MAX], out[SAID_MAX];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_request q;
	size_t n = 0, head = 16, used = 0;
	int status = 0, r = MST_HTTP_MORE, rsc = 0;

	while (r == MST_HTTP_MORE && n < sizeof(said)) {
		ssize_t got = recv(fd, said + n, sizeof(said) - n, 0);

		if (got <= 0)
			return;
		n += (size_t)got;
		if (head == 16 && n >= 16)
			head += (size_t)said[14] << 8 | said[15];
		if (n <= head || head == 16)
			continue;
		mst_http_parser_next(parser);
		r = mst_http_parser_feed(parser, (struct mst_view){ said + head, n - head }, &used, &status, NULL);
	}
	if (r == 0 && mst_request_from_http(mst_http_message(parser), &arena, &q, &rsc, NULL) == 0 &&
	    register_ae(vouched_for((struct mst_view){ said, head }), &q, came, &w))
		(void)!send(fd, out, w.n, MSG_NOSIGNAL);
}

static _Noreturn void be_the_cse(int listener, const char *came)
{
	const struct mst_http_limits limits = { SAID_MAX, SAID_MAX, false };
	const struct timeval idle = { IDLE_S, 0 };
	struct mst_http_parser *parser = NULL;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (mst_http_parser_new(false, &limits, &parser))
		_exit(EXIT_FAULT);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 && errno != EINTR)
			_exit(EXIT_FAULT);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
		serve(fd, parser, came);
		close(fd);
	}
}

/* --- its NAF ---------------------------------------------------------------------------------------------------------- */

static bool says(const struct demo *d, const char *file, const char *words)
{
	char path[4096], *text;
	size_t n = 0;
	bool there;

	if (access(file_of(d, file, path), F_OK) < 0)
		return false;
	text = read_file(path, &n);
	there = text && strstr(text, words);
	free(text);
	return there;
}

bool demo_cse_saw(const struct demo *d, const char *file)
{
	char node[MST_ID_MAX];

	demo_cse_id(d, d->cse.node, node);
	return says(d, file, node);
}

static int start_naf(struct demo *d)
{
	const struct install *in = &d->house[DEMO_SOUTH].in;
	char listen[100], to[4200], bsf[300], dial[100], certificate[4096], key[4096], anchors[4096], crls[4096], log[4096], path[4096];
	const char *const argv[] = { d->naf, "--json", "--proxy", "--name", in->cse, "--listen", listen, "--to", to, "--bsf", bsf, "--dial", dial, "--domain", in->bsf,
				     "--certificate", path_join(certificate, sizeof(certificate), in->dir, "tls/cse.pem"), "--key",
				     path_join(key, sizeof(key), in->dir, "tls/cse.key"), "--anchors", path_join(anchors, sizeof(anchors), in->dir, "keeper/ca.pem"), "--crls",
				     path_join(crls, sizeof(crls), in->dir, "crls/ca.crl"), NULL };
	mst_ms waited = 0;

	snprintf(listen, sizeof(listen), "%s:%u", in->address, d->cse.port);
	snprintf(to, sizeof(to), "unix:%s", file_of(d, "cse/cse.sock", path));
	snprintf(bsf, sizeof(bsf), "https://%s:%u", in->zn, in->zn_port);
	snprintf(dial, sizeof(dial), "%s:%u", in->address, in->zn_port);
	d->cse.naf = demo_spawn(d->naf, argv, environ, file_of(d, DEMO_CSE_NAF, log));
	if (d->cse.naf < 0)
		return EXIT_FAULT;
	while (!says(d, DEMO_CSE_NAF, "\"listening\"")) {
		bool ended = waitpid(d->cse.naf, NULL, WNOHANG) == d->cse.naf;

		if (ended)
			d->cse.naf = 0;
		if (ended || !demo_in_time(&waited)) {
			complain("muster-naf did not come up; its log: %s", log);
			return EXIT_FAULT;
		}
	}
	return EXIT_DONE;
}

int demo_cse_start(struct demo *d)
{
	char dir[4096], came[4096], path[4096];
	int listener = make_dir(file_of(d, "cse", dir)) < 0 ? -1 : demo_socket(file_of(d, "cse/cse.sock", path), SOCK_STREAM);

	if (listener < 0)
		return EXIT_FAULT;
	file_of(d, DEMO_CSE_CAME, came);
	fflush(NULL);
	d->cse.stand_in = listen(listener, 8) < 0 ? -1 : fork();
	if (d->cse.stand_in == 0)
		be_the_cse(listener, came);
	close(listener);
	if (d->cse.stand_in > 0)
		return start_naf(d);
	complain("cannot start the CSE: %s", strerror(errno));
	return EXIT_FAULT;
}

/* --- the node --------------------------------------------------------------------------------------------------------- */

/* As the provider and its BSF see it: briefed by that rule, and with no credential of a MAF; a NAF has asked for the key by that name. */
static bool good(struct demo *d, const char *key)
{
	struct demo_holding *h = &d->sim[d->cse.node];
	json_t *node = demo_node_at(d, DEMO_SOUTH, DEMO_SIM + d->cse.node), *sessions = NULL, *session;
	char path[1200];
	struct mst_writer w = path_start(path, sizeof(path), "/v1/gba/sessions");
	bool ok;

	path_query(&w, "of", key);
	ok = *key && api_ask(&d->house[DEMO_SOUTH].inside, "GET", path_end(&w), NULL, &sessions) == EXIT_DONE;
	session = json_array_get(json_object_get(sessions, "sessions"), 0);
	ok = ok && strcmp(text_of(session, "btid"), key) == 0 && *text_of(session, "used") && strcmp(text_of(node, "state"), "briefed") == 0 &&
	     json_array_size(json_object_get(node, "credentials")) == 0 &&
	     strcmp(text_of(json_array_get(json_object_get(node, "briefings"), 0), "rule"), "at-the-cse") == 0;
	if (ok) {
		h->provider = d->house[DEMO_SOUTH].in.cse;
		snprintf(h->key, sizeof(h->key), "%s", key);
		snprintf(h->key_until, sizeof(h->key_until), "%s", text_of(session, "expires"));
	}
	json_decref(node);
	json_decref(sessions);
	return ok;
}

/* They say so after the node has what it wants; soon. */
static bool there(struct demo *d, const char *key)
{
	for (mst_ms waited = 0; !good(d, key) || !demo_cse_saw(d, DEMO_CSE_NAF);)
		if (!demo_in_time(&waited))
			return false;
	return true;
}

/* The AE-ID that the CSE has noted. */
static void note_ae(struct demo *d)
{
	char path[4096], *text;
	size_t n = 0;

	text = demo_cse_saw(d, DEMO_CSE_CAME) ? read_file(file_of(d, DEMO_CSE_CAME, path), &n) : NULL;
	if (text && strrchr(text, ' '))
		snprintf(d->cse.ae, sizeof(d->cse.ae), "%.*s", (int)strcspn(strrchr(text, ' ') + 1, "\n"), strrchr(text, ' ') + 1);
	free(text);
}

int demo_cse_node(struct demo *d)
{
	size_t number = DEMO_SIM + d->cse.node;
	json_t *status = NULL;
	char id[128];
	int r = demo_status_of(demo_agent(d, number, "run", "--once"));

	if (r == EXIT_DONE)
		status = demo_agent_status(d, number);
	if (r == EXIT_DONE && there(d, text_of(json_object_get(status, "credential"), "keyID")) &&
	    demo_status_of(demo_agent(d, number, "register-ae", "--app-id=NDEMO")) == EXIT_DONE)
		note_ae(d);
	json_decref(status);
	if (*d->cse.ae)
		return EXIT_DONE;
	demo_node_id(number, id);
	complain("%s is not at the CSE by its SIM; look into %s/nodes/%zu/agent.log and %s/%s", id, d->dir, number, d->dir, DEMO_CSE_NAF);
	return EXIT_REFUSED;
}
