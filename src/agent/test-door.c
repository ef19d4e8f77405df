/*
 * Keys that the agent has to ask its store for: the door's, when the token is busy just then; and the pending slot's, which does not stay
 * in memory when the slot has ended.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/door.h"
#include "agent/test-secret.h"
#include "codec/trigger.h"
#include "secenv/maker.h"

#define NODE "urn:dev:ops:00004C-acme-000001"
#define KEY_ID "0123ABCD@maf.example.com"

/* A store whose device is busy for the next so many questions. */
struct busy { struct mst_secenv s; unsigned busy, asked, secret_busy, secret_asked; };

static int load(struct mst_secenv *s, enum mst_slot slot, struct mst_root_cred *ret, struct mst_diag *d)
{
	struct busy *b = (struct busy *)s;

	assert_int_equal(slot, MST_SLOT_ACTIVE);
	b->asked++;
	if (b->busy) {
		b->busy--;
		mst_diag_set(d, 0, "", "the token is in use", NULL);
		return MST_SECENV_OTHER;
	}
	*ret = (struct mst_root_cred){ .key = { .b = { 7 }, .n = MST_KEY_LEN } };
	snprintf(ret->key_id, sizeof(ret->key_id), KEY_ID);
	return 0;
}

static int load_blob(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)out;
	(void)cap;
	(void)ret_n;
	(void)d;
	return MST_SECENV_NONE;
}

static int secret_import(struct mst_secenv *s, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	(void)s;
	(void)d;
	memcpy(ret_k->b, secret.p, ret_k->n = secret.n);
	return 0;
}

static int secret_hmac(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN], struct mst_diag *d)
{
	struct busy *b = (struct busy *)s;
	struct mst_crypto *c = mst_crypto_openssl();

	b->secret_asked++;
	if (b->secret_busy) {
		b->secret_busy--;
		mst_diag_set(d, 0, "", "the token is in use", NULL);
		return MST_SECENV_BUSY;
	}
	return c->ops->hmac_sha256(c, (struct mst_view){ k->b, k->n }, message, out);
}

static const struct mst_secenv_ops busy_ops = { .name = "busy", .load = load, .load_blob = load_blob, .secret_import = secret_import,
						.secret_hmac = secret_hmac };

static int setup(void **state)
{
	static const struct prov_config pc = { .methods = 1, .backoff_first = 1000, .backoff_max = 1000, .discover_ms = 1000, .bootstrap_ms = 1000 };
	const struct trigger_config tc = { .crypto = mst_crypto_openssl(), .macs = { 2000, 1 }, .signatures = { 16, 1000 }, .runs = { 4, 60000 } };
	struct agent_config cfg = { .log_level = AGENT_ERROR };
	struct agent *a = agent_new(&cfg, false);
	struct busy *b = calloc(1, sizeof(*b));

	assert_true(a && b);
	b->s.ops = &busy_ops;
	a->env = &b->s;
	mst_clock_init(&a->clock, 1, 2, agent_now());
	a->prov_storage = calloc(1, prov_size());
	a->prov = prov_init(a->prov_storage, prov_size(), &pc);
	a->door = calloc(1, sizeof(*a->door));
	a->enrolee = calloc(1, sizeof(*a->enrolee));
	assert_true(a->prov && a->door && a->enrolee);
	trigger_init(&a->door->trigger, &tc, agent_now());
	snprintf(a->from, sizeof(a->from), NODE);
	snprintf(a->active.key_id, sizeof(a->active.key_id), KEY_ID);
	a->has_active = true;
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	free(a->env);
	a->env = NULL;               /* the test's */
	agent_free(a);
	return 0;
}

/* A frame for this node and its root credential, under a tag that nobody's key made: it is judged as far as the key is there. */
static enum trigger_verdict knock_for(struct agent *a, const char *key_id)
{
	static const uint8_t tag[16] = { 1 };
	uint8_t octets[MST_TRIGGER_MAX], node[MST_TRIGGER_HINT], key[MST_TRIGGER_HINT];
	struct mst_trigger t = { .has = 0x7f, .version = 1, .node = { node, sizeof(node) }, .key = { key, sizeof(key) }, .counter = 1, .issued = agent_utc(a),
				 .window = 3600, .what = MST_TRIGGER_RUN };
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	struct mst_diag d = { 0 };

	assert_int_equal(mst_trigger_hint(a->crypto, MST_VIEW_LIT(NODE), node), 0);
	assert_int_equal(mst_trigger_hint(a->crypto, mst_view_str(key_id), key), 0);
	mst_trigger_write_body(&t, &w);
	mst_trigger_put_tag(&w, (struct mst_view){ tag, sizeof(tag) });
	assert_true(w.ok);
	return door_push(a, mst_written(&w), TRIGGER_SMS, &d);
}

static enum trigger_verdict knock(struct agent *a)
{
	return knock_for(a, KEY_ID);
}

/* As if the time until the next try had passed. */
static mst_ms waited(struct agent *a)
{
	mst_ms wait = a->door->wait;

	assert_in_range(a->door->again_at, agent_now(), agent_now() + wait);
	a->door->again_at = agent_now();
	return wait;
}

static void a_busy_token_is_asked_again(void **state)
{
	struct agent *a = *state;
	struct busy *b = (struct busy *)a->env;

	b->busy = 3;
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(knock(a), TRIGGER_OTHER_KEY);
		a->door->again_at += 3600000;    /* whatever comes until then leaves the token alone, however slow this machine is */
		for (int i = 0; i < 100; i++)
			assert_int_equal(knock(a), TRIGGER_OTHER_KEY);
		assert_int_equal(b->asked, n);
		a->door->again_at = agent_now();
	}
	assert_int_equal(knock(a), TRIGGER_FORGED);
	assert_int_equal(knock(a), TRIGGER_FORGED);
	assert_int_equal(b->asked, 4);
	assert_int_equal(a->door->again_at, 0);
}

/* A token that is gone for good is asked once a minute at most; another credential is asked for at once. */
static void ever_more_seldom(void **state)
{
	struct agent *a = *state;
	struct busy *b = (struct busy *)a->env;
	mst_ms wait, before = 0;

	b->busy = 1000;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(knock(a), TRIGGER_OTHER_KEY);
		wait = waited(a);
		assert_true(wait >= before && wait <= 60000);
		before = wait;
	}
	assert_int_equal(before, 60000);
	assert_int_equal(knock(a), TRIGGER_OTHER_KEY);
	a->active.generation++;
	b->busy = 0;
	assert_int_equal(knock(a), TRIGGER_FORGED);
}

/* quirks.hex = "lower" at the MAF, or a psk_identity as somebody typed it: muster trigger calls the key by its canonical name. */
static void keys_by_their_canonical_names(void **state)
{
#define HEX_UP "0F1E2D3C4B5A69788796A5B4C3D2E1F0"
#define HEX_LOW "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	struct agent *a = *state;
	char secret[] = "/tmp/mst-door-psk-XXXXXX";

	snprintf(a->active.key_id, sizeof(a->active.key_id), HEX_LOW "@MAF.example.com");
	a->active.key = (struct mst_key){ .n = MST_KEY_LEN };
	maker_secret_file(a, secret);
	snprintf(a->cfg.psk_identity, sizeof(a->cfg.psk_identity), HEX_LOW "@BBN.example.com");
	assert_int_equal(knock_for(a, HEX_UP "@maf.example.com"), TRIGGER_FORGED);
	assert_int_equal(knock_for(a, HEX_UP "@bbn.example.com"), TRIGGER_FORGED);
	assert_int_equal(knock_for(a, HEX_LOW "@MAF.example.com"), TRIGGER_OTHER_KEY);
	/* by GBA it is a B-TID, which is whole */
	snprintf(a->active.key_id, sizeof(a->active.key_id), HEX_LOW "@BSF.example.com");
	a->active.ua[0] = 1;
	assert_int_equal(knock_for(a, HEX_LOW "@BSF.example.com"), TRIGGER_FORGED);
	assert_int_equal(knock_for(a, HEX_UP "@bsf.example.com"), TRIGGER_OTHER_KEY);
	assert_int_equal(unlink(secret), 0);
}

/* bsf.trigger_naf at the server has no capitals; whoever writes some into trigger.naf means the same name. */
static void the_name_for_triggers_has_no_case(void **state)
{
	static struct agent_config c;
	char text[] = "trigger = { naf = \"Trigger.SP.example.com\"; };\n", as_spelled[] = "quirks = { naf = \"spelled\"; };\n";

	(void)state;
	assert_int_equal(agent_config_parse("t.conf", text, &c, stderr), 0);
	assert_string_equal(c.trigger_naf, "trigger.sp.example.com");
	/* names that peers of other makers know have theirs, when the settings say so */
	assert_false(agent_config_quirks(&c).naf_as_spelled);
	assert_int_equal(agent_config_parse("t.conf", as_spelled, &c, stderr), 0);
	assert_true(agent_config_quirks(&c).naf_as_spelled);
}

/* A maker's secret that was taken is asked of the same device, and likewise. */
static void a_taken_secret_is_asked_for_again(void **state)
{
	struct agent *a = *state;
	struct busy *b = (struct busy *)a->env;
	const struct mst_key secret = { .b = { 9 }, .n = MST_KEY_LEN };
	char path[] = "/tmp/mst-door-psk-XXXXXX", text[MAKER_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_secenv_key k;
	struct mst_diag d = { 0 };
	FILE *f;

	maker_secret_file(a, path);
	snprintf(a->cfg.psk_identity, sizeof(a->cfg.psk_identity), "node-7@bbn.example.com");
	assert_int_equal(maker_seal(a->env, a->crypto, a->cfg.psk_identity, &secret, &w, &k, &d), 0);
	f = fopen(path, "w");
	assert_true(f && fwrite(text, 1, w.n, f) == w.n && !fclose(f));
	b->secret_busy = 2;
	b->secret_asked = 0;
	for (unsigned n = 1; n <= 2; n++) {
		assert_int_equal(knock_for(a, a->cfg.psk_identity), TRIGGER_OTHER_KEY);
		assert_int_equal(knock(a), TRIGGER_FORGED);      /* the root credential is there meanwhile */
		assert_int_equal(b->secret_asked, n);
		assert_string_equal(a->secret_why, "the token is in use");
		(void)waited(a);
	}
	assert_int_equal(knock_for(a, a->cfg.psk_identity), TRIGGER_FORGED);
	assert_int_equal(knock_for(a, a->cfg.psk_identity), TRIGGER_FORGED);
	assert_int_equal(b->secret_asked, 3);
	assert_string_equal(a->secret_why, "");
	assert_int_equal(unlink(path), 0);
}

static void an_ended_slot_is_wiped(void **state)
{
	static const struct mst_root_cred nothing;
	struct agent *a = *state;

	a->pending = (struct mst_root_cred){ .key = { .b = { 1, 2, 3 }, .n = MST_KEY_LEN }, .ke = { .b = { 4, 5, 6 }, .n = MST_KEY_LEN }, .not_after = 1 };
	snprintf(a->pending.key_id, sizeof(a->pending.key_id), KEY_ID);
	snprintf(a->pending.attempt, sizeof(a->pending.attempt), "0123456789abcdef0123456789abcdef");
	a->has_pending = true;
	json_decref(a->record);
	a->record = json_pack("{s:s}", "attempt", a->pending.attempt);
	errand_finish_pending(a);
	assert_false(a->has_pending);
	assert_int_equal(a->errand, AGENT_NO_ERRAND);
	assert_memory_equal(&a->pending, &nothing, sizeof(nothing));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_busy_token_is_asked_again), T(ever_more_seldom), T(a_taken_secret_is_asked_for_again), T(keys_by_their_canonical_names),
					     T(the_name_for_triggers_has_no_case),
					     T(an_ended_slot_is_wiped) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: keys from the store", tests, NULL, NULL);
}
