#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cert.h"
#include "demo.h"

/* Whose CA signed a node's certificate; figure 3's owner buys from another maker and installs its own. */
enum signer { ACME, OWNER, SIGNERS };
static const char *const signers[SIGNERS] = { "acme", "owner" };

static enum signer signer_of(size_t number)
{
	return demo_makers_node(number) ? ACME : OWNER;
}

static const char *maker_of(size_t number)
{
	return demo_makers_node(number) ? "acme" : "globex";
}

/* Each place is used by nodes of both figures. */
const struct demo_place *demo_place_of(size_t number, size_t *ret_at)
{
	static const struct demo_place places[DEMO_PLACES] = {
		{ "north-sites", DEMO_NORTH, "north-gate", 0, 0 },
		{ "north-depot", DEMO_NORTH, NULL, 53.5500, 9.9900 },
		{ "south-fields", DEMO_SOUTH, NULL, 48.1000, 11.5000 },
		{ "south-yard", DEMO_SOUTH, NULL, 47.5590, 7.5880 },
	};
	size_t at = (number / 2 + 1) % DEMO_PLACES;

	if (ret_at)
		*ret_at = at;
	return &places[at];
}

/* A few nodes do not know where they are: the technician who mounts them says it. */
static bool placed_by_hand(size_t number)
{
	return number % 50 == 1 || number % 50 == 2;
}

void demo_node_id(size_t number, char out[128])
{
	if (number > DEMO_SIM)
		snprintf(out, 128, "urn:dev:ops:00004C-sim-%05zu", number - DEMO_SIM);
	else
		snprintf(out, 128, "urn:dev:ops:00004C-%s-%05zu", maker_of(number), number);
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

/* The maker's briefing node knows its own nodes only; all others know both CAs. */
int demo_makers(struct demo *d)
{
	char dir[4096], from[4096], to[4096], file[64], name[128];
	int r = make_dir(path_join(dir, sizeof(dir), d->dir, "makers")) < 0 ? EXIT_FAULT : EXIT_DONE;

	for (size_t i = 0; r == EXIT_DONE && i < SIGNERS; i++) {
		r = ca_create(dir, signers[i], signers[i], 3650, NULL);
		snprintf(file, sizeof(file), "%s.pem", signers[i]);
		snprintf(name, sizeof(name), "anchors/%s", file);
		path_join(from, sizeof(from), dir, file);
		for (size_t h = i == ACME ? DEMO_MAKER : DEMO_OWNER; r == EXIT_DONE && h < DEMO_HOUSES; h++)
			r = copy_file(from, path_join(to, sizeof(to), d->house[h].dir, name));
	}
	return r;
}

/* SHA-256 of a CA certificate in hex: the anchor that a name is bound to. */
static int anchor_of(const struct demo *d, const char *signer, char out[2 * MST_SHA256_LEN + 1])
{
	static struct mst_cert_info info;
	struct mst_writer w = mst_writer_of(out, 2 * MST_SHA256_LEN + 1);
	uint8_t der[MST_CERT_MAX];
	char path[4096], name[64];
	size_t n = 0;

	snprintf(name, sizeof(name), "makers/%s.pem", signer);
	if (cert_read(path_join(path, sizeof(path), d->dir, name), der, sizeof(der), &n) != EXIT_DONE ||
	    mst_cert_info((struct mst_view){ der, n }, &info, NULL) != 0)
		return EXIT_FAULT;
	mst_put_hex(&w, (struct mst_view){ info.sha256, sizeof(info.sha256) });
	mst_put_nul(&w);
	return EXIT_DONE;
}

static int subscription(const struct demo_house *h)
{
	char uri[600], registrar[600], poa[600], until[16], from[16];
	json_t *answer = NULL;
	int r;

	snprintf(uri, sizeof(uri), "https://%s:%u", h->in.maf, h->in.maf_port);
	snprintf(registrar, sizeof(registrar), "//%s/IN-CSE", h->in.sp);
	snprintf(poa, sizeof(poa), "https://in-cse.%.240s", h->in.sp);
	timestamp_text(wall_clock() - 60, from);
	timestamp_text(wall_clock() + 365 * 86400, until);
	r = api_ask(&h->inside, "POST", "/v1/subscriptions",
	            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i}", "id", "demo-contract", "spFQDN", h->in.sp, "mafFQDN", h->in.maf,
	                      "mafURI", uri, "registrarCSE", registrar, "registrarPoA", poa, "notBefore", from, "notAfter", until,
	                      "keyLifetime", 90 * 86400), &answer);
	json_decref(answer);
	return r;
}

/*
 * Providers know every node, under a subscription: who comes is the owner's rules' decision and nobody else's. Those of the short
 * contract are told to their provider when there is one.
 */
static int known_at(struct demo *d, enum demo_who who, bool ends, char anchor[SIGNERS][2 * MST_SHA256_LEN + 1])
{
	struct demo_house *h = &d->house[who];
	bool provider = who == DEMO_NORTH || who == DEMO_SOUTH;
	char path[4096], id[128];
	FILE *f = fopen(path_join(path, sizeof(path), h->dir, "fleet.csv"), "we");

	if (!f) {
		complain("cannot write %s", path);
		return EXIT_FAULT;
	}
	fprintf(f, "nodeID,%smaker,model,serial,batch,anchor\n", provider ? "cseID,subscription," : "");
	for (size_t i = 1; i <= d->nodes; i++) {
		if ((who == DEMO_MAKER && !demo_makers_node(i)) || ends != (who == DEMO_NORTH && demo_ends(d, i)))
			continue;
		demo_node_id(i, id);
		fprintf(f, "%s,", id);
		if (provider)
			fprintf(f, "//%s/CSE%05zu,%s,", h->in.sp, i, ends ? "short-contract" : "demo-contract");
		/* no CA may speak for a node that was born without a certificate */
		fprintf(f, "%s,demo,%05zu,%s,%s\n", maker_of(i), i, demo_makers_node(i) ? "lot-7" : "",
		        demo_by_secret(d, i) ? "none" : anchor[signer_of(i)]);
	}
	if (fclose(f) != 0)
		return EXIT_FAULT;
	return node_import(&h->inside, 1, (char *[]){ path, NULL });
}

int demo_known(struct demo *d, bool ends)
{
	char anchor[SIGNERS][2 * MST_SHA256_LEN + 1];
	int r = EXIT_DONE;

	for (size_t i = DEMO_NORTH; r == EXIT_DONE && !ends && i <= DEMO_SOUTH; i++)
		r = subscription(&d->house[i]);
	for (size_t i = 0; r == EXIT_DONE && i < SIGNERS; i++)
		r = anchor_of(d, signers[i], anchor[i]);
	for (size_t i = ends ? DEMO_NORTH : DEMO_MAKER; r == EXIT_DONE && i < (ends ? DEMO_SOUTH : DEMO_HOUSES); i++)
		r = known_at(d, (enum demo_who)i, ends, anchor);
	return r;
}

/* Nodes at one place do not stand on each other. */
static void where(size_t number, const struct demo_place *p, char lat[32], char lon[32])
{
	snprintf(lat, 32, "%.4f", p->latitude + (double)(number % 10) * 0.0001);
	snprintf(lon, 32, "%.4f", p->longitude + (double)(number / 10 % 10) * 0.0001);
}

int demo_technician(struct demo *d)
{
	struct demo_house *h = &d->house[DEMO_OWNER];
	int r = EXIT_DONE;

	for (size_t i = 1; r == EXIT_DONE && i <= d->nodes; i++) {
		const struct demo_place *p = demo_place_of(i, NULL);
		char id[128], at[80], lat[32], lon[32], verb[] = "place", flag[8];
		char *argv[] = { verb, id, flag, at, NULL };

		if (!placed_by_hand(i))
			continue;
		demo_node_id(i, id);
		where(i, p, lat, lon);
		snprintf(flag, sizeof(flag), p->site ? "--site" : "--at");
		if (p->site)
			snprintf(at, sizeof(at), "%s", p->site);
		else
			snprintf(at, sizeof(at), "%s,%s,20", lat, lon);
		if (i == d->drawn && !d->m->json)
			say("%s$ muster -C %s node place %s %s %s%s", ink(d->m, DIM), h->name, id, flag, at, ink(d->m, PLAIN));
		r = cmd_node(&h->inside, 4, argv);
	}
	return r;
}

/* All names of the demo, dialled on loopback. */
static void put_routes(const struct demo *d, struct mst_writer *w)
{
	char line[800];

	mst_put_str(w, "connect_to = (\n");
	for (size_t h = 0; h < DEMO_HOUSES; h++) {
		const struct install *in = &d->house[h].in;
		const struct { const char *name; unsigned port; } one[] = { { in->bbn, in->bbn_port }, { in->mef, in->mef_port }, { in->maf, in->maf_port } };

		for (size_t i = 0; i < MST_COUNT(one); i++) {
			snprintf(line, sizeof(line), "  { name = \"%s:%u\"; address = \"%s:%u\"; }%s\n", one[i].name, one[i].port, in->address, one[i].port,
			         h + 1 == DEMO_HOUSES && i + 1 == MST_COUNT(one) ? "" : ",");
			mst_put_str(w, line);
		}
	}
	mst_put_str(w, ");\n");
}

static void put_place(size_t number, struct mst_writer *w)
{
	const struct demo_place *p = demo_place_of(number, NULL);
	char text[200], lat[32], lon[32];

	if (placed_by_hand(number))
		return;
	where(number, p, lat, lon);
	if (p->site)
		snprintf(text, sizeof(text), "location = { site = \"%s\"; };\n", p->site);
	else
		snprintf(text, sizeof(text), "location = { latitude = \"%s\"; longitude = \"%s\"; accuracy = \"20\"; };\n", lat, lon);
	mst_put_str(w, text);
}

static void put_secret(const struct demo *d, size_t number, struct mst_writer *w)
{
	char line[200], identity[128];

	demo_kpm_id(d, number, identity);
	snprintf(line, sizeof(line), "psk_identity = \"%s\";\npsk_file = \"psk\";\n", identity);
	mst_put_str(w, line);
}

/* Before the node leaves the shop: whose briefing node it asks, and that one's CA. Nothing about any provider. */
static int write_node_config(const struct demo *d, size_t number, const char *dir)
{
	const struct demo_house *h = &d->house[demo_makers_node(number) ? DEMO_MAKER : DEMO_OWNER];
	char path[4096], text[4096], ca[4096];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	int n;

	mst_put_str(&w, "state = \"state\";\nkey_file = \"state.key\";\ncertificate = \"node.pem\";\nkey = \"node.key\";\n"
	                "anchors = \"anchors.pem\";\nbootstrap = \"instructions.json\";\nrun = \"run\";\n"
	                "log = { format = \"text\"; level = \"info\"; };\n");
	if (demo_by_secret(d, number))
		put_secret(d, number, &w);
	put_place(number, &w);
	put_routes(d, &w);
	if (!w.ok || write_file(path_join(path, sizeof(path), dir, "muster-agent.conf"), text, w.n, 0600) < 0)
		return EXIT_FAULT;
	n = snprintf(text, sizeof(text), "{\"version\":1,\"instructions\":[{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://%s:%u\"}]}\n",
	             h->in.bbn, h->in.bbn_port);
	if (write_file(path_join(path, sizeof(path), dir, "instructions.json"), text, (size_t)n, 0644) < 0)
		return EXIT_FAULT;
	return copy_file(path_join(ca, sizeof(ca), h->dir, "keeper/ca.pem"), path_join(path, sizeof(path), dir, "anchors.pem"));
}

/* The clone carries a known name in a certificate of somebody else who is trusted: good to the letter, and refused. */
static int build_node(const struct demo *d, struct ca ca[SIGNERS], size_t number)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CLIENT, .n_san = 1 };
	enum signer signer = number == d->clone ? ACME : signer_of(number);
	char dir[4096], prefix[4096];

	spec.san[0].kind = MST_ID_NODE;
	demo_node_id(number, spec.san[0].value);
	snprintf(spec.common_name, sizeof(spec.common_name), "node %zu", number);
	spec.not_before = wall_clock() - 60;
	spec.not_after = spec.not_before + 3650LL * 86400;
	if (make_dir(demo_node_dir(d, number, dir)) < 0)
		return EXIT_FAULT;
	if (!demo_by_secret(d, number) &&
	    ca_issue_files(&ca[signer], &spec, path_join(prefix, sizeof(prefix), dir, "node")) != EXIT_DONE)
		return EXIT_FAULT;
	return write_node_config(d, number, dir);
}

int demo_build(struct demo *d)
{
	struct ca ca[SIGNERS];
	char dir[4096];
	size_t open = 0;
	int r = make_dir(path_join(dir, sizeof(dir), d->dir, "nodes")) < 0 ? EXIT_FAULT : EXIT_DONE;

	path_join(dir, sizeof(dir), d->dir, "makers");
	for (; r == EXIT_DONE && open < SIGNERS; open++)
		if ((r = ca_open(&ca[open], dir, signers[open])) != EXIT_DONE)
			break;
	for (size_t i = 1; r == EXIT_DONE && i <= d->nodes; i++) {
		r = build_node(d, ca, i);
		progress(d->m, "making nodes", i, d->nodes);
	}
	while (open)
		ca_close(&ca[--open]);
	return r;
}
