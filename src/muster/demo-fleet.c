#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cert.h"
#include "demo.h"

static const char *const makers[] = { "acme", "globex" };

const char *demo_maker(const struct demo *d, size_t number)
{
	(void)d;
	return makers[number % MST_COUNT(makers)];
}

void demo_node_id(const struct demo *d, size_t number, char out[128])
{
	snprintf(out, 128, "urn:dev:ops:00004C-%s-%05zu", demo_maker(d, number), number);
}

char *demo_node_dir(const struct demo *d, size_t number, char out[4096])
{
	char name[64];

	snprintf(name, sizeof(name), "nodes/%05zu", number);
	return path_join(out, 4096, d->dir, name);
}

static int copy_file(const char *from, const char *to)
{
	size_t n = 0;
	char *text = read_file(from, &n);
	int r = text && write_file(to, text, n, 0644) == 0 ? EXIT_DONE : EXIT_FAULT;

	free(text);
	return r;
}

/* Two makers, each with a CA of its own; the MEF trusts both. */
int demo_makers(struct demo *d)
{
	char dir[4096], from[4096], to[4096], file[64];
	int r = make_dir(path_join(dir, sizeof(dir), d->dir, "makers")) < 0 ? EXIT_FAULT : EXIT_DONE;

	for (size_t i = 0; r == EXIT_DONE && i < MST_COUNT(makers); i++) {
		r = ca_create(dir, makers[i], makers[i], 3650, NULL);
		snprintf(file, sizeof(file), "%s.pem", makers[i]);
		if (r == EXIT_DONE) {
			char name[128];

			path_join(from, sizeof(from), dir, file);
			snprintf(name, sizeof(name), "anchors/%s", file);
			r = copy_file(from, path_join(to, sizeof(to), d->dir, name));
		}
	}
	return r;
}

/* SHA-256 of a maker's CA certificate in hex: the anchor that a name is bound to. */
static int anchor_of(const struct demo *d, const char *maker, char out[2 * MST_SHA256_LEN + 1])
{
	static struct mst_cert_info info;
	struct mst_writer w = mst_writer_of(out, 2 * MST_SHA256_LEN + 1);
	uint8_t der[MST_CERT_MAX];
	char path[4096], name[64];
	size_t n = 0;

	snprintf(name, sizeof(name), "makers/%s.pem", maker);
	if (cert_read(path_join(path, sizeof(path), d->dir, name), der, sizeof(der), &n) != EXIT_DONE ||
	    mst_cert_info((struct mst_view){ der, n }, &info, NULL) != 0)
		return EXIT_FAULT;
	mst_put_hex(&w, (struct mst_view){ info.sha256, sizeof(info.sha256) });
	mst_put_nul(&w);
	return EXIT_DONE;
}

int demo_known(struct demo *d)
{
	char path[4096], uri[600], registrar[600], poa[600], until[16], from[16], id[128], csv[4096];
	char anchor[MST_COUNT(makers)][2 * MST_SHA256_LEN + 1];
	json_t *answer = NULL;
	FILE *f;
	int r;

	snprintf(uri, sizeof(uri), "https://%s:%u", d->in.maf, d->in.maf_port);
	snprintf(registrar, sizeof(registrar), "//%s/IN-CSE", d->in.sp);
	snprintf(poa, sizeof(poa), "https://in-cse.%.240s", d->in.sp);
	timestamp_text(wall_clock() - 60, from);
	timestamp_text(wall_clock() + 365 * 86400, until);
	r = api_ask(&d->inside, "POST", "/v1/subscriptions",
	            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i}", "id", "demo-contract", "spFQDN", d->in.sp, "mafFQDN", d->in.maf,
	                      "mafURI", uri, "registrarCSE", registrar, "registrarPoA", poa, "notBefore", from, "notAfter", until,
	                      "keyLifetime", 90 * 86400), &answer);
	json_decref(answer);
	for (size_t i = 0; r == EXIT_DONE && i < MST_COUNT(makers); i++)
		r = anchor_of(d, makers[i], anchor[i]);
	if (r != EXIT_DONE)
		return r;
	f = fopen(path_join(path, sizeof(path), d->dir, "fleet.csv"), "we");
	if (!f) {
		complain("cannot write %s", path);
		return EXIT_FAULT;
	}
	fputs("nodeID,cseID,subscription,maker,model,serial,anchor\n", f);
	for (size_t i = 1; i <= d->nodes; i++) {
		demo_node_id(d, i, id);
		fprintf(f, "%s,//%s/CSE%05zu,demo-contract,%s,demo,%05zu,%s\n", id, d->in.sp, i, demo_maker(d, i), i,
		        anchor[i % MST_COUNT(makers)]);
	}
	if (fclose(f) != 0)
		return EXIT_FAULT;
	snprintf(csv, sizeof(csv), "%s", path);
	return node_import(&d->inside, 1, (char *[]){ csv, NULL });
}

static int write_node_config(const struct demo *d, const char *dir)
{
	char path[4096], text[2048], anchors[4096];
	int n;

	n = snprintf(text, sizeof(text),
		"state = \"state\";\nkey_file = \"state.key\";\ncertificate = \"node.pem\";\nkey = \"node.key\";\n"
		"anchors = \"anchors.pem\";\nbootstrap = \"instructions.json\";\nrun = \"run\";\n"
		"log = { format = \"text\"; level = \"info\"; };\n"
		"connect_to = (\n  { name = \"%s:%u\"; address = \"%s:%u\"; },\n  { name = \"%s:%u\"; address = \"%s:%u\"; }\n);\n",
		d->in.mef, d->in.mef_port, d->in.address, d->in.mef_port, d->in.maf, d->in.maf_port, d->in.address, d->in.maf_port);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    write_file(path_join(path, sizeof(path), dir, "muster-agent.conf"), text, (size_t)n, 0600) < 0)
		return EXIT_FAULT;
	n = snprintf(text, sizeof(text),
		"{\"version\":1,\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://%s:%u\",\"target\":\"%s\","
		"\"SUID\":21,\"adminFQDN\":\"%s\",\"mafURI\":\"https://%s:%u\",\"label\":\"demo\"}]}\n",
		d->in.mef, d->in.mef_port, d->in.maf, d->in.sp, d->in.maf, d->in.maf_port);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    write_file(path_join(path, sizeof(path), dir, "instructions.json"), text, (size_t)n, 0644) < 0)
		return EXIT_FAULT;
	path_join(anchors, sizeof(anchors), d->dir, "keeper/ca.pem");
	return copy_file(anchors, path_join(path, sizeof(path), dir, "anchors.pem"));
}

/* The clone carries a known name in a certificate of the other maker: good to the letter, and refused. */
static int build_node(const struct demo *d, struct ca ca[MST_COUNT(makers)], size_t number)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CLIENT, .n_san = 1 };
	size_t signer = number % MST_COUNT(makers);
	char dir[4096], prefix[4096];

	if (number == d->clone)
		signer = (signer + 1) % MST_COUNT(makers);
	spec.san[0].kind = MST_ID_NODE;
	demo_node_id(d, number, spec.san[0].value);
	snprintf(spec.common_name, sizeof(spec.common_name), "node %zu", number);
	spec.not_before = wall_clock() - 60;
	spec.not_after = spec.not_before + 3650LL * 86400;
	if (make_dir(demo_node_dir(d, number, dir)) < 0 ||
	    ca_issue_files(&ca[signer], &spec, path_join(prefix, sizeof(prefix), dir, "node")) != EXIT_DONE)
		return EXIT_FAULT;
	return write_node_config(d, dir);
}

int demo_build(struct demo *d)
{
	struct ca ca[MST_COUNT(makers)];
	char dir[4096];
	int r = make_dir(path_join(dir, sizeof(dir), d->dir, "nodes")) < 0 ? EXIT_FAULT : EXIT_DONE;

	path_join(dir, sizeof(dir), d->dir, "makers");
	for (size_t i = 0; r == EXIT_DONE && i < MST_COUNT(makers); i++)
		r = ca_open(&ca[i], dir, makers[i]);
	if (r != EXIT_DONE)
		return r;
	for (size_t i = 1; r == EXIT_DONE && i <= d->nodes; i++) {
		r = build_node(d, ca, i);
		progress(d->m, "making nodes", i, d->nodes);
	}
	for (size_t i = 0; i < MST_COUNT(makers); i++)
		ca_close(&ca[i]);
	return r;
}
