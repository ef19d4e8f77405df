/* Signed bundles of instructions, for files and removable media: make one, and look into one. */
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/secret.h"
#include "base/text.h"
#include "cert.h"
#include "codec/bundle.h"
#include "crypto/cms.h"
#include "muster.h"

#define CERTS_MAX 16

struct certs {
	uint8_t der[CERTS_MAX][MST_CERT_MAX];
	struct mst_view view[CERTS_MAX];
	size_t n;
};

struct make_args {
	const char *sequence, *nodes, *maker, *model, *batch, *until, *from, *number, *id, *label, *key, *cert, *chain, *out;
	bool any;
};

/* All certificates of a PEM file, behind those that are there. */
static int add_certs(struct certs *c, const char *path)
{
	struct mst_diag d = { 0 };
	size_t size = 0, at = 0, before = c->n;
	char *text = read_file(path, &size);
	int r = text ? 0 : EXIT_FAULT;

	while (text && !r) {
		size_t n = 0;

		if (c->n == CERTS_MAX) {
			complain("%s: more than %d certificates", path, CERTS_MAX);
			r = EXIT_REFUSED;
		} else if (mst_pem_next((struct mst_view){ (uint8_t *)text, size }, &at, "CERTIFICATE", c->der[c->n], MST_CERT_MAX, &n,
					&d)) {
			complain("%s: %s", path, d.text);
			r = EXIT_REFUSED;
		} else if (!n) {
			break;
		} else {
			c->view[c->n] = (struct mst_view){ c->der[c->n], n };
			c->n++;
		}
	}
	if (text && !r && c->n == before) {
		complain("%s holds no certificate", path);
		r = EXIT_REFUSED;
	}
	free(text);
	return r;
}

/* A self-signed certificate at the end of the chain is the anchor, which who reads the bundle has already. */
static void drop_anchor(struct certs *c)
{
	static struct mst_cert_info i;

	while (c->n > 1 && mst_cert_info(c->view[c->n - 1], &i, NULL) == 0 && strcmp(i.subject, i.issuer) == 0)
		c->n--;
}

static bool set_time(const char *option, const char *text, mst_time *ret)
{
	char stamp[16];

	if (date_from(text, stamp) && mst_parse_timestamp(mst_view_str(stamp), ret))
		return true;
	usage_error(NULL, "--%s: \"%s\": " DATE_HELP, option, text);
	return false;
}

static bool set_number(const char *text, int64_t *ret)
{
	struct timeval now;
	uint64_t n = 0;

	if (!text) {
		/* grows by itself, also from one machine to the next, as long as their clocks are right */
		gettimeofday(&now, NULL);
		*ret = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
		return true;
	}
	if (!mst_parse_dec(mst_view_str(text), MST_BUNDLE_NUMBER_MAX, &n) || n == 0) {
		usage_error(NULL, "--number: \"%s\" is not a number from 1 to 9007199254740991", text);
		return false;
	}
	*ret = (int64_t)n;
	return true;
}

/* "A,B,C" into the bundle's list; cuts `list` up. */
static bool set_nodes(struct mst_bundle *b, char *list)
{
	char *rest = list, *one;

	while ((one = strsep(&rest, ",")) != NULL) {
		if (b->n_nodes == MST_BUNDLE_NODES_MAX) {
			usage_error(NULL, "--for: more than %d nodes; make another bundle, or one for a batch", MST_BUNDLE_NODES_MAX);
			return false;
		}
		b->nodes[b->n_nodes++] = mst_view_str(one);
	}
	return true;
}

static void set_text(struct mst_bundle *b, unsigned row, struct mst_view *field, const char *text)
{
	if (!text)
		return;
	*field = mst_view_str(text);
	b->has |= UINT32_C(1) << row;
}

static int fill(struct mst_bundle *b, const struct make_args *g, char *nodes, char id[64])
{
	const uint32_t always = UINT32_C(1) << MST_BU_VERSION | UINT32_C(1) << MST_BU_ID | UINT32_C(1) << MST_BU_NUMBER |
				UINT32_C(1) << MST_BU_UNTIL | UINT32_C(1) << MST_BU_SEQUENCE;

	b->version = 1;
	b->has = always;
	if (!set_number(g->number, &b->number) || !set_time("until", g->until, &b->valid_until))
		return EXIT_USAGE;
	if (g->from && !set_time("from", g->from, &b->valid_from))
		return EXIT_USAGE;
	b->has |= g->from ? UINT32_C(1) << MST_BU_FROM : 0;
	if (nodes && !set_nodes(b, nodes))
		return EXIT_USAGE;
	b->has |= nodes ? UINT32_C(1) << MST_BU_NODES : 0;
	b->any = g->any;
	b->has |= g->any ? UINT32_C(1) << MST_BU_ANY : 0;
	set_text(b, MST_BU_MAKER, &b->maker, g->maker);
	set_text(b, MST_BU_MODEL, &b->model, g->model);
	set_text(b, MST_BU_BATCH, &b->batch, g->batch);
	set_text(b, MST_BU_LABEL, &b->label, g->label);
	snprintf(id, 64, "bundle-%lld", (long long)b->number);
	set_text(b, MST_BU_ID, &b->id, g->id ? g->id : id);
	if (!(b->sequence.has >> MST_SQ_ID & 1))
		set_text(b, MST_BU_ID, &b->sequence.id, g->id ? g->id : id);
	b->sequence.has |= UINT32_C(1) << MST_SQ_ID;
	return EXIT_DONE;
}

static int refused(const char *what, int r, const struct mst_diag *d)
{
	complain("%s: %s%s%s", what, d->field, d->field[0] ? ": " : "", r > 0 ? d->text : mst_fault_text(r));
	return r > 0 ? EXIT_REFUSED : EXIT_FAULT;
}

/* The bundle as it is signed. What table and rules say is asked of the reader itself. */
static int compose(const struct make_args *g, uint8_t *out, size_t cap, size_t *ret_n)
{
	static uint8_t arena_octets[MST_BUNDLE_OCTETS], again[MST_BUNDLE_OCTETS];
	static struct mst_bundle b, read_back;
	struct mst_arena arena = mst_arena_of(arena_octets, sizeof(arena_octets)), arena2 = mst_arena_of(again, sizeof(again));
	struct mst_writer w = mst_writer_of(out, cap);
	struct mst_diag d = { 0 };
	size_t n = 0;
	char id[64], *nodes = g->nodes ? strdup(g->nodes) : NULL, *text = read_file(g->sequence, &n);
	int r;

	if (!text || (g->nodes && !nodes)) {
		free(nodes);
		free(text);
		return EXIT_FAULT;
	}
	r = mst_sequence_read_json((struct mst_view){ (uint8_t *)text, n }, &arena, &b.sequence, &d);
	if (r) {
		r = refused(g->sequence, r, &d);
	} else {
		r = fill(&b, g, nodes, id);
		if (!r) {
			mst_bundle_write_cbor(&b, &w);
			r = w.ok ? mst_bundle_read_cbor(mst_written(&w), &arena2, &read_back, &d) : MST_FAULT_SPACE;
			r = r ? refused("the bundle", r, &d) : EXIT_DONE;
		}
	}
	*ret_n = w.n;
	free(nodes);
	free(text);
	return r;
}

static int seal(const struct make_args *g, struct mst_view content, uint8_t *out, size_t cap, size_t *ret_n)
{
	static struct certs c;
	uint8_t pkcs8[MST_PKEY_MAX];
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r = add_certs(&c, g->cert);

	if (!r && g->chain)
		r = add_certs(&c, g->chain);
	if (!r)
		r = key_read(g->key, pkcs8, sizeof(pkcs8), &n);
	if (!r) {
		drop_anchor(&c);
		r = mst_cms_seal(content, c.view, c.n, (struct mst_view){ pkcs8, n }, out, cap, ret_n, &d);
		if (r)
			r = refused(g->cert, r, &d);
	}
	mst_wipe(pkcs8, sizeof(pkcs8));
	return r;
}

static int bundle_make(struct muster *m, int argc, char **argv)
{
	static uint8_t content[MST_BUNDLE_OCTETS], envelope[MST_CMS_MAX];
	struct make_args g = { 0 };
	const struct opt opts[] = {
		{ "sequence", &g.sequence, NULL }, { "for", &g.nodes, NULL }, { "maker", &g.maker, NULL }, { "model", &g.model, NULL },
		{ "batch", &g.batch, NULL }, { "any", NULL, &g.any }, { "until", &g.until, NULL }, { "from", &g.from, NULL },
		{ "number", &g.number, NULL }, { "id", &g.id, NULL }, { "label", &g.label, NULL }, { "key", &g.key, NULL },
		{ "cert", &g.cert, NULL }, { "chain", &g.chain, NULL }, { "out", &g.out, NULL },
	};
	size_t n = 0, n_envelope = 0;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 0 || !g.sequence || !g.until || !g.key || !g.cert || !g.out)
		return usage_error(NULL, "--sequence FILE, --until DATE, --key FILE, --cert FILE and --out FILE are needed");
	if (!g.nodes && !g.maker && !g.model && !g.batch && !g.any)
		return usage_error(NULL, "for whom? --for NODE[,NODE…], or --maker, --model, --batch, or --any");
	r = compose(&g, content, sizeof(content), &n);
	if (!r)
		r = seal(&g, (struct mst_view){ content, n }, envelope, sizeof(envelope), &n_envelope);
	if (!r && write_file(g.out, envelope, n_envelope, 0644) < 0)
		r = EXIT_FAULT;
	if (r == EXIT_DONE && m->json)
		return print_json(json_pack("{s:s, s:I}", "bundle", g.out, "octets", (json_int_t)n_envelope));
	if (r == EXIT_DONE)
		say("made %s (%zu octets); put it on a medium as muster.bundle, or hand it to muster-agent trigger", g.out, n_envelope);
	return r;
}

/* Looking -------------------------------------------------------------------------------------------- */

static json_t *bundle_json(const struct mst_bundle *b)
{
	static uint8_t text[2 * MST_BUNDLE_OCTETS];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_bundle_write_json(b, &w);
	return w.ok ? mst_json_read((const char *)w.p, w.n, 0, NULL) : NULL;
}

static void say_for_whom(const json_t *b)
{
	static const char *const kind[] = { "maker", "model", "batch" };
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(b, "nodes"), i, one)
		say("%-11s %s", i ? "" : "for node", shown(json_string_value(one)));
	for (i = 0; i < MST_COUNT(kind); i++)
		if (json_object_get(b, kind[i]))
			say("for %-7s %s", kind[i], shown(text_of(b, kind[i])));
	if (json_is_true(json_object_get(b, "any")))
		say("%-11s every node that trusts the signer", "for");
}

static void say_steps(const json_t *sequence)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(sequence, "instructions"), i, one) {
		const char *target = text_of(one, "target"), *label = text_of(one, "label");
		char with[300] = "";

		if (*target)
			snprintf(with, sizeof(with), ", to enrol with %.255s", shown(target));
		say("%-11s %zu. %s by %s at %s%s%s%s%s", i ? "" : "what to do", i + 1, text_of(one, "kind"), text_of(one, "method"),
		    shown(text_of(one, "uri")), with, *label ? " (" : "", *label ? shown(label) : "", *label ? ")" : "");
	}
}

static void explain(const json_t *o)
{
	const json_t *b = json_object_get(o, "bundle"), *signer = json_object_get(o, "signer");
	bool verified = json_is_true(json_object_get(o, "verified"));

	say("bundle      %s, number %lld%s%s", shown(text_of(b, "id")), (long long)json_integer_value(json_object_get(b, "number")),
	    *text_of(b, "label") ? ": " : "", shown(text_of(b, "label")));
	say("signer      %s, certified by %s until %s", shown(text_of(signer, "subject")), shown(text_of(signer, "issuer")),
	    human_time(text_of(signer, "notAfter")));
	say("signature   %s", verified ? "good, and the signer is one that these anchors trust"
				       : "good, but nobody was asked whether to trust the signer; give --anchors FILE");
	if (json_object_get(b, "validFrom"))
		say("valid from  %s", human_time(text_of(b, "validFrom")));
	say("valid until %s%s", human_time(text_of(b, "validUntil")),
	    json_is_true(json_object_get(o, "current")) ? "" : "; NOT valid now: every node refuses it");
	say_for_whom(b);
	say_steps(json_object_get(b, "sequence"));
}

/* Without anchors the signer's own certificate stands for one: then only the signature is checked. */
static int open_file(const char *path, const char *anchors, uint8_t *content, size_t cap, size_t *ret_n, struct mst_cms_signer *s)
{
	static struct certs c;
	size_t n = 0;
	char *file = read_file(path, &n);
	struct mst_view v = { (uint8_t *)file, n };
	struct mst_diag d = { 0 };
	struct mst_cms_trust t = { c.view, 0, wall_clock(), wall_clock() };
	int r = file ? 0 : EXIT_FAULT;

	if (!r && anchors)
		r = add_certs(&c, anchors);
	if (r) {
		free(file);
		return r;
	}
	if (!anchors)
		c.n = mst_cms_certs(v, c.der[0], sizeof(c.der), c.view, CERTS_MAX);
	t.n_anchors = c.n;
	r = mst_cms_open(v, &t, content, cap, ret_n, s, &d);
	free(file);
	if (r) {
		complain("%s: %s: %s%s%s", path, r > 0 ? mst_cms_outcome_text(r) : "fault", d.field, d.field[0] ? ": " : "",
			 r > 0 ? d.text : mst_fault_text(r));
		return r > 0 ? EXIT_REFUSED : EXIT_FAULT;
	}
	return EXIT_DONE;
}

static int bundle_show(struct muster *m, int argc, char **argv)
{
	static uint8_t content[MST_BUNDLE_OCTETS], octets[MST_BUNDLE_OCTETS];
	static struct mst_bundle b;
	static struct mst_cms_signer s;
	struct mst_arena arena = mst_arena_of(octets, sizeof(octets));
	const char *anchors = NULL;
	const struct opt opts[] = { { "anchors", &anchors, NULL } };
	struct mst_diag d = { 0 };
	mst_time now = wall_clock();
	char until[16];
	size_t n = 0;
	json_t *o;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one bundle");
	r = open_file(argv[0], anchors, content, sizeof(content), &n, &s);
	if (r)
		return r;
	r = mst_bundle_read((struct mst_view){ content, n }, &arena, &b, &d);
	if (r)
		return refused(argv[0], r, &d);
	timestamp_text(s.cert.not_after, until);
	o = json_pack("{s:o, s:{s:s, s:s, s:s, s:s}, s:b, s:b}", "bundle", bundle_json(&b), "signer", "subject", s.cert.subject, "issuer",
		      s.cert.issuer, "serial", s.cert.serial, "notAfter", until, "verified", anchors != NULL, "current",
		      now < b.valid_until && (!(b.has >> MST_BU_FROM & 1) || now >= b.valid_from));
	if (!o)
		out_of_memory();
	if (m->json)
		return print_json(o);
	explain(o);
	json_decref(o);
	return EXIT_DONE;
}

int cmd_bundle(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "make", bundle_make,
		  "--sequence FILE (--for NODE[,NODE…]|[--maker M] [--model M] [--batch B]|--any) --until DATE --key FILE --cert FILE "
		  "--out FILE [--chain FILE] [--from DATE] [--number N] [--id ID] [--label TEXT]", "sign a sequence for certain nodes" },
		{ "show", bundle_show, "FILE [--anchors FILE]", "check a bundle and explain it" },
	};

	return run_command(m, table, MST_COUNT(table), "muster bundle", argc, argv);
}
