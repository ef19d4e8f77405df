/*
 * Figure 1 of the seed document: nodes with nothing but a SIM. The provider in the south is their mobile operator, too: its HSS knows the SIMs, its
 * BSF briefs the nodes by the owner's rules.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "base/secret.h"
#include "demo.h"

#define PLMN "00101"
#define KEY 16

void demo_sims_prepare(struct demo *d, const unsigned port[4])
{
	struct install *in = &d->house[DEMO_SOUTH].in;

	(void)install_gba(in, PLMN);
	in->hss_port = port[0];
	in->bsf_port = port[1];
	in->zn_port = port[2];
	snprintf(in->cse, sizeof(in->cse), "in-cse.%.240s", in->sp);
	snprintf(d->cse.id, sizeof(d->cse.id), "//%.240s/IN-CSE", in->sp);
	d->cse.port = port[3];
	d->sims = d->nodes / 10 < 2 ? 2 : d->nodes / 10 < DEMO_SIMS ? d->nodes / 10 : DEMO_SIMS;
	d->cse.node = d->sims + 1;
}

void demo_imsi(size_t i, char out[16])
{
	snprintf(out, 16, PLMN "%010zu", i);
}

static bool new_key(char hex[2 * KEY + 1])
{
	struct mst_writer w = mst_writer_of(hex, 2 * KEY + 1);
	uint8_t key[KEY];
	bool good = getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key);

	mst_put_hex(&w, (struct mst_view){ key, sizeof(key) });
	mst_put_nul(&w);
	mst_wipe(key, sizeof(key));
	return good && w.ok;
}

/* Where its operator's BSF is, and its card. Nothing about any provider, nor what the node is called. */
static int write_config(const struct demo *d, size_t i, const char *dir)
{
	const struct install *in = &d->house[DEMO_SOUTH].in;
	char path[4096], text[2048], imsi[16];
	int n;

	demo_imsi(i, imsi);
	n = snprintf(text, sizeof(text),
		     "state = \"state\";\nkey_file = \"state.key\";\nbootstrap = \"instructions.json\";\nrun = \"run\";\n"
		     "log = { format = \"text\"; level = \"info\"; };\ncard = { kind = \"software\"; imsi = \"%s\"; key_file = \"sim.json\"; };\n"
		     "connect_to = (\n  { name = \"%s:80\"; address = \"%s:%u\"; },\n  { name = \"%s:%u\"; address = \"%s:%u\"; },\n"
		     "  { name = \"%s:443\"; address = \"%s:%u\"; }\n);\n",
		     imsi, in->bsf, in->address, in->bsf_port, in->maf, in->maf_port, in->address, in->maf_port, in->cse, in->address, d->cse.port);
	if (n < 0 || (size_t)n >= sizeof(text) || write_file(path_join(path, sizeof(path), dir, "muster-agent.conf"), text, (size_t)n, 0600) < 0)
		return EXIT_FAULT;
	n = snprintf(text, sizeof(text), "{\"version\":1,\"instructions\":[{\"kind\":\"discovery\",\"method\":\"bsf\",\"uri\":\"http://%.256s\"}]}\n", in->bsf);
	return write_file(path_join(path, sizeof(path), dir, "instructions.json"), text, (size_t)n, 0644) < 0 ? EXIT_FAULT : EXIT_DONE;
}

/* The card goes into the node, and a row of the same keys to the operator. */
static int make_one(const struct demo *d, size_t i, FILE *nodes, FILE *sims)
{
	char dir[4096], path[4096], text[200], id[128], cse[MST_ID_MAX], imsi[16], k[2 * KEY + 1], opc[2 * KEY + 1];
	int n, r;

	if (!new_key(k) || !new_key(opc) || make_dir(demo_node_dir(d, DEMO_SIM + i, dir)) < 0)
		return EXIT_FAULT;
	demo_node_id(DEMO_SIM + i, id);
	demo_imsi(i, imsi);
	demo_cse_id(d, i, cse);
	fprintf(nodes, "%s,%s,demo-contract\n", id, cse);
	fprintf(sims, "%s,milenage,%s,%s,%s\n", imsi, k, opc, id);
	n = snprintf(text, sizeof(text), "{\"k\":\"%s\",\"opc\":\"%s\"}\n", k, opc);
	r = write_file(path_join(path, sizeof(path), dir, "sim.json"), text, (size_t)n, 0600) < 0 ? EXIT_FAULT : write_config(d, i, dir);
	mst_wipe(text, sizeof(text));
	mst_wipe(k, sizeof(k));
	mst_wipe(opc, sizeof(opc));
	return r;
}

static FILE *open_list(const char *path, const char *head)
{
	FILE *f = write_file(path, "", 0, 0600) < 0 ? NULL : fopen(path, "we");

	if (f)
		fputs(head, f);
	return f;
}

static int known(struct demo *d)
{
	char nodes[4096], sims[4096];
	FILE *n, *s;
	int r = EXIT_DONE;

	n = open_list(path_join(nodes, sizeof(nodes), d->dir, "sim-nodes.csv"), "nodeID,cseID,subscription\n");
	s = open_list(path_join(sims, sizeof(sims), d->dir, "sims.csv"), "imsi,algorithm,k,opc,node\n");
	for (size_t i = 1; n && s && r == EXIT_DONE && i <= d->cse.node; i++)
		r = make_one(d, i, n, s);
	if (!n || !s || ferror(n) || ferror(s))
		r = EXIT_FAULT;
	if ((n && fclose(n) != 0) || (s && fclose(s) != 0))
		r = EXIT_FAULT;
	if (r == EXIT_DONE)
		r = demo_type(d, DEMO_SOUTH, cmd_node, "node", (const char *[]){ "import", nodes, "--anchor", "none", NULL }, true);
	return r == EXIT_DONE ? demo_type(d, DEMO_SOUTH, cmd_sim, "sim", (const char *[]){ "import", sims, NULL }, true) : r;
}

/* The one for the CSE first, which is for one SIM: the first that holds decides. */
static int rules(struct demo *d)
{
	const struct install *in = &d->house[DEMO_SOUTH].in;
	char bsf[600], maf[600], imsi[16];
	int r;

	demo_imsi(d->cse.node, imsi);
	snprintf(bsf, sizeof(bsf), "http://%s", in->bsf);
	snprintf(maf, sizeof(maf), "https://%s:%u", in->maf, in->maf_port);
	r = demo_type(d, DEMO_SOUTH, cmd_rule, "rule", (const char *[]){ "add", "at-the-cse", "--imsi-prefix", imsi, "--mef-uri", bsf, "--method", "gba", "--sp", in->sp,
		      "--cse", d->cse.id, NULL }, true);
	return r != EXIT_DONE ? r : demo_type(d, DEMO_SOUTH, cmd_rule, "rule", (const char *[]){ "add", "sims", "--imsi-prefix", PLMN, "--mef-uri", bsf, "--method", "gba",
					      "--sp", in->sp, "--maf", in->maf, "--maf-uri", maf, NULL }, true);
}

static void enrol(struct demo *d)
{
	for (size_t first = 1; first <= d->sims; first += DEMO_AT_ONCE) {
		pid_t pid[DEMO_AT_ONCE];
		size_t n = 0;

		for (; n < DEMO_AT_ONCE && first + n <= d->sims; n++)
			pid[n] = demo_agent(d, DEMO_SIM + first + n, "run", "--once");
		for (size_t i = 0; i < n; i++)
			d->sims_enrolled += pid[i] > 0 && demo_status_of(pid[i]) == EXIT_DONE;
		progress(d->m, "enrolling SIMs", first + n - 1, d->sims);
	}
}

/* As the provider sees it: by the rule for SIMs, and with a key that has the name of the BSF. */
static bool good(struct demo *d, size_t i)
{
	struct demo_holding *h = &d->sim[i];
	json_t *node = demo_node_at(d, DEMO_SOUTH, DEMO_SIM + i);
	const char *at;
	bool ok;

	demo_note_key(d, h, DEMO_SOUTH, node);
	at = strchr(h->key, '@');
	ok = !h->ended && at && strcmp(at + 1, d->house[DEMO_SOUTH].in.bsf) == 0 && strcmp(text_of(node, "state"), "enrolled") == 0 &&
	     strcmp(text_of(json_array_get(json_object_get(node, "briefings"), 0), "rule"), "sims") == 0;
	json_decref(node);
	return ok;
}

int demo_sims(struct demo *d)
{
	int r;

	if (!d->m->json)
		say("\n%zu more have nothing but a SIM of %s's and the name of its BSF (fig. 1); another one's key is for the CSE %s, and for no MAF:\n", d->sims,
		    d->house[DEMO_SOUTH].name, d->cse.id);
	if ((r = rules(d)) != EXIT_DONE || (r = known(d)) != EXIT_DONE || (r = demo_cse_start(d)) != EXIT_DONE)
		return r;
	fflush(stdout);
	enrol(d);
	for (size_t i = 1; i <= d->sims; i++) {
		char id[128];

		if (good(d, i))
			continue;
		demo_node_id(DEMO_SIM + i, id);
		complain("%s is not enrolled by its SIM; look into %s/nodes/%zu/agent.log", id, d->dir, DEMO_SIM + i);
		r = EXIT_REFUSED;
	}
	return r == EXIT_DONE && d->sims_enrolled == d->sims ? demo_cse_node(d) : EXIT_REFUSED;
}
