/* Any octets at the door of a node: as a trigger, as its text form, as a device trigger. Without the key nothing gets
 * in, nothing is kept and no more MACs are made than there are tokens; with it, once. */
#include <stdlib.h>
#include <string.h>

#include "proto/trigger/trigger.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static unsigned macs;

/* Of the test vectors, without a crypto library: what is fuzzed is everything around it. */
static int hmac(struct mst_crypto *c, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	(void)c;
	(void)key;
	macs++;
	memset(out, 0xa5, MST_SHA256_LEN);
	out[0] = (uint8_t)msg.n;
	return 0;
}

static int sha(struct mst_crypto *c, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	(void)c;
	memset(out, (int)(msg.n & 0xff), MST_SHA256_LEN);
	return 0;
}

static int verify(struct mst_crypto *c, struct mst_view spki, struct mst_view m, const uint8_t sig[MST_TRIGGER_SIGNATURE])
{
	(void)c;
	(void)spki;
	macs++;
	return sig[0] != (uint8_t)m.n;
}

static void device(struct mst_view payload)
{
	static struct mst_sequence known, s;
	uint8_t room[2048];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_diag d = { 0 };
	enum trigger_verdict v;

	known.n_instructions = 1;
	known.instructions[0] = (struct mst_instruction){
		.has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI | 1u << MST_IN_TARGET | 1u << MST_IN_ADMIN,
		.kind = MST_INSTR_BOOTSTRAP, .method = MST_METHOD_CERT, .uri = MST_VIEW_LIT("https://mef.example.com"),
		.target = MST_VIEW_LIT("maf.example.com"), .admin_fqdn = MST_VIEW_LIT("sp.example.com"),
	};
	v = trigger_from_device(payload, &known, 1, &a, &s, &d);
	if (v == TRIGGER_INTERNAL || (v && !d.text[0]))
		abort();
	/* whatever it said, the trust is that of the instruction that was there */
	if (!v && (!mst_view_eq_str(s.instructions[0].target, "maf.example.com") || s.instructions[0].n_anchors))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mst_crypto_ops ops = { .name = "fuzz", .sha256 = sha, .hmac_sha256 = hmac };
	static struct mst_crypto c = { &ops };
	static struct trigger t;
	static struct trigger_order o;
	struct trigger_config cfg = { &c, verify, { 4, 1 }, { 2, 1000 }, { 8, 1000 }, true };
	struct mst_key root = { .n = 32 };
	struct mst_view in = { p, n };
	uint8_t blob[TRIGGER_BLOB_MAX];
	struct mst_writer w = mst_writer_of(blob, sizeof(blob));
	enum trigger_verdict first;

	trigger_init(&t, &cfg, 0);
	if (trigger_add_node(&t, "node") || trigger_add_root(&t, &root, "key5@") || trigger_add_signer(&t, MST_VIEW_LIT("spki66")))
		abort();
	macs = 0;
	first = trigger_take(&t, in, TRIGGER_PUSH, 0, 0, &o);
	if (macs > 1)
		abort();
	trigger_kept_put(&t, &w);
	if (first == TRIGGER_ACCEPTED) {
		trigger_kept(&t);
		if (o.what == MST_TRIGGER_ONEM2M)
			device(o.payload);
		if (!o.bare && trigger_take(&t, in, TRIGGER_PUSH, 0, 0, &o) != TRIGGER_REPLAYED)
			abort();
	} else if (w.n != 2) {
		abort();
	}
	if (!trigger_kept_load(&t, mst_written(&w)))
		abort();
	(void)trigger_kept_load(&t, in);
	device(in);
	return 0;
}
