#include "tests/support/cm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/derive.h"
#include "crypto/pki.h"
#include "keeper/keeper.h"

#define NOW INT64_C(1800000000)

static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;
static struct mst_channel ch1 = { .id = 1 }, ch2 = { .id = 2 }, stranger = { .id = 3 };
static const char *const permitted[] = { "example.com" };

static int open_keeper(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files_for(dir, "muster test CA", permitted, 1, NOW, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	assert_int_equal(c->ops->random(c, ch1.key, sizeof(ch1.key)), 0);
	assert_int_equal(c->ops->random(c, ch2.key, sizeof(ch2.key)), 0);
	assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY__ALL), 0);
	assert_int_equal(mst_keeper_local_channel(k, 2, ch2.key, MST_DUTY__ALL), 0);
	return 0;
}

static int close_keeper(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct mst_view sealed_view(const struct mst_wrapped *w) { return (struct mst_view){ w->b, w->n }; }

static struct mst_key key_of(uint8_t x)
{
	struct mst_key key = { .n = MST_KEY_LEN };

	memset(key.b, x, MST_KEY_LEN);
	return key;
}

static struct mst_wrapped wrapped(enum mst_key_purpose p, const char *id, uint8_t x)
{
	struct mst_key key = key_of(x);
	struct mst_wrapped s, w;

	assert_int_equal(mst_channel_seal(&ch1, c, p, &key, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), p, id, &w), 0);
	return w;
}

static struct mst_authorisation leave(const char *id)
{
	struct mst_authorisation a = { .what = MST_AUTH_RELEASE, .to = "urn:dev:ops:1" };

	snprintf(a.key_id, sizeof(a.key_id), "%s", id);
	return a;
}

static void a_key_goes_in_and_comes_out_for_one_channel(void **state)
{
	struct mst_wrapped w = wrapped(MST_PURPOSE_KM, "KM1@maf.example.com", 7), s;
	struct mst_authorisation a = leave("KM1@maf.example.com");
	struct mst_key got, want = key_of(7);

	(void)state;
	assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_KM, "KM1@maf.example.com", MST_DERIVE_NONE, 0,
					 NULL, 2, &s),
			 0);
	assert_int_equal(mst_channel_open(&ch2, c, MST_USE_HANDSHAKE, &s, &got), 0);
	assert_memory_equal(&got, &want, sizeof(got));
	assert_int_equal(mst_channel_open(&ch1, c, MST_USE_HANDSHAKE, &s, &got), MST_KEEPER_FORGED);
	assert_int_equal(mst_keeper_local_counts(k).released, 1);
	assert_int_equal(mst_keeper_local_counts(k).wrapped, 1);
}

static void derived_keys_are_those_of_the_standard(void **state)
{
	static const struct {
		enum mst_derive_how how;
		int suid;
		const char *target;
		uint8_t first, last;
	} row[] = {
		{ MST_DERIVE_KM, 0, "maf.example.com", 0x30, 0x5e },
		{ MST_DERIVE_USAGE, 21, "maf.example.com", 0xf8, 0x6a },
	};
	struct mst_authorisation a = leave("KE@mef.example.com");
	struct mst_key ke = { .n = 32 }, got;
	struct mst_wrapped s, w;

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		ke.b[i] = i;
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KE, &ke, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KE, "KE@mef.example.com", &w), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_KE, "KE@mef.example.com", row[i].how,
						 row[i].suid, row[i].target, 1, &s),
				 0);
		assert_int_equal(mst_channel_open(&ch1, c, MST_USE_ANSWER, &s, &got), 0);
		assert_int_equal(got.b[0], row[i].first);
		assert_int_equal(got.b[31], row[i].last);
	}
	assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_KE, "KE@mef.example.com", MST_DERIVE_KM, 0,
					 "not ascii \xc3\xa4", 1, &s),
			 MST_KEEPER_DENIED);
}

/* Every purpose asked for as every other, in every way, into every purpose: exactly what keeper.h lists. */
static void what_may_leave_and_what_may_become_what(void **state)
{
	static const char *const release[] = { "---", "N--", "-MU", "N--", "N--" };
	static const char *const derive[] = { "---", "---", "---", "---", "N--" };
	static const char *const into[] = { "-----", "-----", "-----", "-----", "----M" };
	struct mst_authorisation a = leave("id");
	struct mst_wrapped w, s;

	(void)state;
	for (int p = 0; p <= MST_PURPOSE_KM; p++) {
		if (p)
			w = wrapped((enum mst_key_purpose)p, "id", 1);
		for (int how = 0; how <= MST_DERIVE_USAGE; how++) {
			int want = release[p][how] == '-' ? MST_KEEPER_DENIED : 0;

			assert_int_equal(k->ops->release(k, &a, &w, (enum mst_key_purpose)p, "id",
							 (enum mst_derive_how)how, 21, "a.example", 1, &s),
					 want);
			for (int q = 0; q <= MST_PURPOSE_KM; q++) {
				want = derive[p][how] == '-' || into[p][q] == '-' ? MST_KEEPER_DENIED : 0;
				assert_int_equal(k->ops->derive(k, &w, (enum mst_key_purpose)p, "id",
								(enum mst_derive_how)how, 21, "a.example",
								(enum mst_key_purpose)q, "new", &s),
						 want);
			}
		}
		/* no purpose passes for another one */
		for (int q = 1; p && q <= MST_PURPOSE_KM; q++)
			if (q != p)
				assert_int_equal(
					k->ops->release(k, &a, &w, (enum mst_key_purpose)q, "id",
							q == MST_PURPOSE_KE ? MST_DERIVE_KM : MST_DERIVE_NONE,
							0, "a.example", 1, &s),
					MST_KEEPER_FORGED);
	}
	assert_int_equal(
		k->ops->release(k, &a, &w, (enum mst_key_purpose)99, "id", MST_DERIVE_NONE, 0, NULL, 1, &s),
		MST_KEEPER_DENIED);
	assert_int_equal(
		k->ops->release(k, &a, &w, MST_PURPOSE_KM, "id", (enum mst_derive_how)99, 0, NULL, 1, &s),
		MST_KEEPER_DENIED);
}

/* The incident of step-ca CVE-2026-30836: what nobody authorised is not done, whichever way it is asked. */
static void nothing_leaves_without_leave(void **state)
{
	static const struct {
		const char *why;
		bool given;
		int what;
		const char *key_id, *to;
		int want;
	} row[] = {
		{ "no authorisation", false, 0, "id", "urn:dev:ops:1", MST_KEEPER_DENIED },
		{ "an empty one", true, MST_AUTH_NOTHING, "id", "urn:dev:ops:1", MST_KEEPER_DENIED },
		{ "one to sign", true, MST_AUTH_SIGN, "id", "urn:dev:ops:1", MST_KEEPER_DENIED },
		{ "for another key", true, MST_AUTH_RELEASE, "other", "urn:dev:ops:1", MST_KEEPER_DENIED },
		{ "for a key whose id only begins so", true, MST_AUTH_RELEASE, "i", "urn:dev:ops:1",
		  MST_KEEPER_DENIED },
		{ "for no key", true, MST_AUTH_RELEASE, "", "urn:dev:ops:1", MST_KEEPER_DENIED },
		{ "to nobody", true, MST_AUTH_RELEASE, "id", "", MST_KEEPER_DENIED },
		{ "some later kind", true, 77, "id", "urn:dev:ops:1", MST_KEEPER_DENIED },
		{ "the right one", true, MST_AUTH_RELEASE, "id", "urn:dev:ops:1", 0 },
	};
	static const struct { enum mst_key_purpose p; enum mst_derive_how how; } op[] = {
		{ MST_PURPOSE_KPM, MST_DERIVE_NONE },    { MST_PURPOSE_KE, MST_DERIVE_KM },
		{ MST_PURPOSE_KE, MST_DERIVE_USAGE },
		{ MST_PURPOSE_KEYREG, MST_DERIVE_NONE }, { MST_PURPOSE_KM, MST_DERIVE_NONE },
	};
	uint64_t refused = 0;

	(void)state;
	for (size_t o = 0; o < MST_COUNT(op); o++) {
		struct mst_wrapped w = wrapped(op[o].p, "id", 1);

		for (size_t i = 0; i < MST_COUNT(row); i++) {
			struct mst_authorisation a = { .event = 5 };
			struct mst_wrapped s = { .n = 0 };

			a.what = (__typeof__(a.what))row[i].what;
			snprintf(a.key_id, sizeof(a.key_id), "%s", row[i].key_id);
			snprintf(a.to, sizeof(a.to), "%s", row[i].to);
			if (k->ops->release(k, row[i].given ? &a : NULL, &w, op[o].p, "id", op[o].how, 21,
					    "a.example", 1, &s) != row[i].want)
				fail_msg("%s", row[i].why);
			assert_true((s.n == 0) == (row[i].want != 0));
			refused += row[i].want != 0;
		}
	}
	assert_int_equal(mst_keeper_local_counts(k).refused, refused);
	assert_int_equal(mst_keeper_local_counts(k).released, MST_COUNT(op));
}

static void wrong_ids_channels_and_octets(void **state)
{
	struct mst_wrapped w = wrapped(MST_PURPOSE_KM, "id", 1), s, t;
	struct mst_authorisation a = leave("id"), other = leave("other");
	struct mst_key key = key_of(1), got;
	char longer[MST_ID_MAX + 1];

	(void)state;
	memset(longer, 'x', MST_ID_MAX);
	longer[MST_ID_MAX] = '\0';
	/* a row of the database passed off as another one */
	assert_int_equal(
		k->ops->release(k, &other, &w, MST_PURPOSE_KM, "other", MST_DERIVE_NONE, 0, NULL, 1, &s),
		MST_KEEPER_FORGED);
	assert_int_equal(k->ops->derive(k, &w, MST_PURPOSE_KM, "other", MST_DERIVE_NONE, 0, NULL,
					MST_PURPOSE_KM, "x", &s),
			 MST_KEEPER_FORGED);
	assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_KM, "id", MST_DERIVE_NONE, 0, NULL, 9, &s),
			 MST_KEEPER_NO_CHANNEL);
	assert_int_equal(k->ops->wrap(k, 9, sealed_view(&w), MST_PURPOSE_KM, "id", &s),
			 MST_KEEPER_NO_CHANNEL);
	for (size_t bit = 0; bit < w.n * 8u; bit++) {
		t = w;
		t.b[bit / 8] = (uint8_t)(t.b[bit / 8] ^ 1u << bit % 8);
		assert_int_equal(
			k->ops->release(k, &a, &t, MST_PURPOSE_KM, "id", MST_DERIVE_NONE, 0, NULL, 1, &s),
			MST_KEEPER_FORGED);
	}
	for (unsigned n = 0; n <= MST_WRAPPED_MAX + 1; n++) {
		t = w;
		t.n = (uint16_t)n;
		if (n != w.n)
			assert_int_equal(k->ops->release(k, &a, &t, MST_PURPOSE_KM, "id", MST_DERIVE_NONE, 0,
							 NULL, 1, &s),
					 MST_KEEPER_FORGED);
	}
	/* sealed by the wrong process; by the right one and handed in under another number; sent back */
	assert_int_equal(mst_channel_seal(&stranger, c, MST_PURPOSE_KM, &key, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KM, "id", &t), MST_KEEPER_FORGED);
	assert_int_equal(mst_channel_seal(&ch2, c, MST_PURPOSE_KM, &key, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KM, "id", &t), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_KM, "id", MST_DERIVE_NONE, 0, NULL, 1, &s),
			 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KM, "id", &t), MST_KEEPER_FORGED);
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KM, &key, &s), 0);
	assert_int_equal(mst_channel_open(&ch1, c, MST_USE_HANDSHAKE, &s, &got), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->release(k, &a, &w, MST_PURPOSE_KM, "id", MST_DERIVE_NONE, 0, NULL, 1, &s), 0);
	for (int use = 0; use <= MST_USE__COUNT; use++)
		assert_int_equal(mst_channel_open(&ch1, c, (enum mst_key_use)use, &s, &got), use == MST_USE_HANDSHAKE ? 0 : MST_KEEPER_FORGED);
	s.n = MST_WRAPPED_MAX + 1;
	assert_int_equal(mst_channel_open(&ch1, c, MST_USE_HANDSHAKE, &s, &got), MST_KEEPER_FORGED);
	/* ids and purposes that are none */
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KM, &key, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_NONE, "id", &t), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KM, "", &t), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KM, longer, &t), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_NONE, "id", &t), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, NULL, &t), MST_KEEPER_DENIED);
	key.n = 0;
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KM, &key, &s), MST_FAULT_BUG);
}

static void created_keys_differ_and_outlive_the_keeper(void **state)
{
	struct mst_authorisation a = leave("id");
	struct mst_wrapped w[2], s;
	struct mst_key got[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, "id", &w[i]), 0);
	k->ops->close(k);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY__ALL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(k->ops->release(k, &a, &w[i], MST_PURPOSE_KPM, "id", MST_DERIVE_NONE, 0,
						 NULL, 1, &s),
				 0);
		assert_int_equal(mst_channel_open(&ch1, c, MST_USE_HANDSHAKE, &s, &got[i]), 0);
		assert_int_equal(got[i].n, 32);
	}
	assert_memory_not_equal(got[0].b, got[1].b, 32);
	/* a restarted process has a new key; what was sealed for the old one is nothing any more */
	assert_int_equal(mst_keeper_local_channel(k, 1, ch2.key, MST_DUTY__ALL), 0);
	assert_int_equal(
		k->ops->release(k, &a, &w[0], MST_PURPOSE_KPM, "id", MST_DERIVE_NONE, 0, NULL, 1, &s), 0);
	assert_int_equal(mst_channel_open(&ch1, c, MST_USE_HANDSHAKE, &s, &got[0]), MST_KEEPER_FORGED);
	for (uint32_t id = 10; id < 10 + MST_CHANNELS_MAX - 1; id++)
		assert_int_equal(mst_keeper_local_channel(k, id, ch1.key, MST_DUTY__ALL), 0);
	assert_int_equal(mst_keeper_local_channel(k, 9, ch1.key, MST_DUTY__ALL), MST_FAULT_MEMORY);
}

/* The whole product of purpose and duty: what an engine that was taken over could ask for. */
static void keys_go_where_they_are_used(void **state)
{
	static const struct { enum mst_key_purpose p; enum mst_derive_how how; const char *gives, *gets; } row[] = {
		{ MST_PURPOSE_KPM, MST_DERIVE_NONE, "@4" /* 16: the local listener; 4: the connector */, "18" /* 8: the briefing node's */ },
		{ MST_PURPOSE_KE, MST_DERIVE_USAGE, "1", "1" },
		{ MST_PURPOSE_KEYREG, MST_DERIVE_NONE, "12", "12" },
		{ MST_PURPOSE_KM, MST_DERIVE_NONE, "4", "2" },
	};
	struct mst_authorisation a = leave("id");
	struct mst_key key = key_of(3);
	struct mst_wrapped s, w, out;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		for (unsigned duty = 0; duty <= MST_DUTY_ADMIN; duty = duty ? 2 * duty : 1) {
			char is = (char)('0' + duty);

			assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY__ALL), 0);
			w = wrapped(row[i].p, "id", 3);
			assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, duty), 0);
			assert_int_equal(mst_channel_seal(&ch1, c, row[i].p, &key, &s), 0);
			assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), row[i].p, "id", &out),
					 strchr(row[i].gives, is) ? 0 : MST_KEEPER_DENIED);
			assert_int_equal(k->ops->release(k, &a, &w, row[i].p, "id", row[i].how, 21, "maf.example.com", 1, &out),
					 strchr(row[i].gets, is) ? 0 : MST_KEEPER_DENIED);
		}
}

/* Lesson 26: a service key that is the maker's secret is found, and nobody else can ask what equals what. */
static void a_secret_is_no_service_key(void **state)
{
	static const enum mst_key_purpose others[] = { MST_PURPOSE_NONE, MST_PURPOSE_KE, MST_PURPOSE_KM };
	struct mst_wrapped s, t, w;
	struct mst_key key = key_of(3), other = key_of(4);

	(void)state;
	assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY__ALL), 0);
	w = wrapped(MST_PURPOSE_KPM, "kpm", 3);
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KEYREG, &key, &s), 0);
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KEYREG, &other, &t), 0);
	for (unsigned duty = 1; duty <= MST_DUTY_ADMIN; duty *= 2) {
		bool may = duty == MST_DUTY_MEF || duty == MST_DUTY_MAF;

		assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, duty), 0);
		assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KPM, "kpm"), may ? MST_KEEPER_SAME : MST_KEEPER_DENIED);
		assert_int_equal(k->ops->differs(k, 1, sealed_view(&t), &w, MST_PURPOSE_KPM, "kpm"), may ? 0 : MST_KEEPER_DENIED);
	}
	assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY__ALL), 0);
	other = key_of(3);
	other.n = 16;                     /* the beginning of it is another key */
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KEYREG, &other, &t), 0);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&t), &w, MST_PURPOSE_KPM, "kpm"), 0);
	assert_int_equal(k->ops->differs(k, 99, sealed_view(&s), &w, MST_PURPOSE_KPM, "kpm"), MST_KEEPER_NO_CHANNEL);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KPM, "else"), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KPM, ""), MST_KEEPER_DENIED);
	s.b[s.n - 1] ^= 1;
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KPM, "kpm"), MST_KEEPER_FORGED);
	for (size_t i = 0; i < MST_COUNT(others); i++)
		assert_int_equal(k->ops->differs(k, 1, sealed_view(&t), &w, others[i], "kpm"), MST_KEEPER_DENIED);
	/* the other way: a registered key, before a maker's secret of the same octets is taken in */
	other = key_of(3);
	assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY_MEF), 0);
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KEYREG, &other, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, sealed_view(&s), MST_PURPOSE_KEYREG, "reg", &w), 0);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KEYREG, "reg"), MST_KEEPER_DENIED);
	assert_int_equal(mst_keeper_local_channel(k, 1, ch1.key, MST_DUTY_ADMIN), 0);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KEYREG, "reg"), MST_KEEPER_FORGED);
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KPM, &other, &s), 0);
	other = key_of(4);
	assert_int_equal(mst_channel_seal(&ch1, c, MST_PURPOSE_KPM, &other, &t), 0);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&s), &w, MST_PURPOSE_KEYREG, "reg"), MST_KEEPER_SAME);
	assert_int_equal(k->ops->differs(k, 1, sealed_view(&t), &w, MST_PURPOSE_KEYREG, "reg"), 0);
}

/* A signer whose private key is in the keeper. */
struct by_keeper { const struct mst_authorisation *a; int r; };
static int sign_tbs(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct by_keeper *b = s->ctx;

	b->r = k->ops->sign(k, b->a, tbs, out, cap, ret_n);
	return b->r;
}

static void the_ca_key_signs_only_what_was_authorised(void **state)
{
	static const struct {
		const char *why;
		bool given;
		int what;
		const char *key_id, *to;
		enum mst_cert_role role;
		size_t n_san;
		int want;
	} row[] = {
		{ "no authorisation", false, 0, "a.example.com", "x", MST_CERT_CLIENT, 1, MST_KEEPER_DENIED },
		{ "an empty one", true, MST_AUTH_NOTHING, "a.example.com", "x", MST_CERT_CLIENT, 1,
		  MST_KEEPER_DENIED },
		{ "one to release", true, MST_AUTH_RELEASE, "a.example.com", "x", MST_CERT_CLIENT, 1,
		  MST_KEEPER_DENIED },
		{ "for another subject", true, MST_AUTH_SIGN, "b.example.com", "x", MST_CERT_CLIENT, 1,
		  MST_KEEPER_DENIED },
		{ "for a list", true, MST_AUTH_SIGN, MST_KEEPER_CRL, "x", MST_CERT_CLIENT, 1,
		  MST_KEEPER_DENIED },
		{ "to nobody", true, MST_AUTH_SIGN, "a.example.com", "", MST_CERT_CLIENT, 1,
		  MST_KEEPER_DENIED },
		{ "a second name beside", true, MST_AUTH_SIGN, "a.example.com", "x", MST_CERT_CLIENT, 2,
		  MST_KEEPER_DENIED },
		{ "a CA", true, MST_AUTH_SIGN, "a.example.com", "x", MST_CERT_CA, 1, MST_KEEPER_DENIED },
		{ "one to tell", true, MST_AUTH_STATUS, "a.example.com", "x", MST_CERT_CLIENT, 1, MST_KEEPER_DENIED },
		{ "a responder", true, MST_AUTH_SIGN, "a.example.com", "x", MST_CERT_OCSP, 1, MST_KEEPER_DENIED },
		{ "a signer of bundles", true, MST_AUTH_SIGN, "a.example.com", "x", MST_CERT_BUNDLE, 1, MST_KEEPER_DENIED },
		{ "the right one", true, MST_AUTH_SIGN, "a.example.com", "x", MST_CERT_CLIENT, 1, 0 },
	};
	uint8_t ca[MST_CERT_MAX], key[MST_PKEY_MAX], spki[128], der[MST_CERT_MAX];
	size_t n_ca, n_key, n_spki, n;

	(void)state;
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n_key }, spki, sizeof(spki), &n_spki), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_authorisation a = { 0 };
		struct by_keeper b = { row[i].given ? &a : NULL, -99 };
		struct mst_signer s = { .ctx = &b, .sign_tbs = sign_tbs };
		struct mst_cert_spec spec = { .role = row[i].role,
					      .common_name = "x",
					      .not_before = NOW,
					      .not_after = NOW + 9,
					      .path_len = -1 };
		int r;

		a.what = (__typeof__(a.what))row[i].what;
		snprintf(a.key_id, sizeof(a.key_id), "%s", row[i].key_id);
		snprintf(a.to, sizeof(a.to), "%s", row[i].to);
		spec.san[0] = (struct mst_san){ MST_ID_FQDN, "a.example.com" };
		spec.san[1] = (struct mst_san){ MST_ID_FQDN, "evil.example.com" };
		spec.n_san = row[i].n_san;
		r = mst_cert_issue(c, &s, (struct mst_view){ ca, n_ca }, (struct mst_view){ spki, n_spki },
				   &spec, der, sizeof(der), &n);
		if (b.r != row[i].want || r != (row[i].want ? MST_PKI_NOT_SIGNED : 0))
			fail_msg("%s: %d %d", row[i].why, b.r, r);
	}
	assert_int_equal(mst_keeper_local_counts(k).signed_, 1);
}

static void lists_and_strange_octets(void **state)
{
	struct mst_authorisation a = { .what = MST_AUTH_SIGN, .key_id = MST_KEEPER_CRL, .to = "operator" },
				 b = a;
	struct by_keeper by = { &a, 0 };
	struct mst_signer s = { .ctx = &by, .sign_tbs = sign_tbs };
	static uint8_t crl[MST_CRL_MAX], big[MST_TBS_MAX + 1];
	uint8_t ca[MST_CERT_MAX], sig[128];
	size_t n_ca, n = 0;

	(void)state;
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	assert_int_equal(k->ops->ca_cert(k, ca, 10, &n_ca), MST_FAULT_MEMORY);
	assert_int_equal(mst_crl_issue(&s, (struct mst_view){ ca, n_ca }, NULL, 0, 1, NOW, NOW + 9, crl,
				       sizeof(crl), &n),
			 0);
	snprintf(b.key_id, sizeof(b.key_id), "a.example.com");
	by.a = &b;
	assert_int_equal(mst_crl_issue(&s, (struct mst_view){ ca, n_ca }, NULL, 0, 1, NOW, NOW + 9, crl,
				       sizeof(crl), &n),
			 MST_PKI_NOT_SIGNED);
	assert_int_equal(k->ops->sign(k, &a, MST_VIEW_LIT("any octets"), sig, sizeof(sig), &n),
			 MST_KEEPER_DENIED);
	assert_int_equal(k->ops->sign(k, &a, MST_VIEW_NONE, sig, sizeof(sig), &n), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->sign(k, &a, (struct mst_view){ big, sizeof(big) }, sig, sizeof(sig), &n),
			 MST_KEEPER_DENIED);
}

/* The to-be-signed part names another issuer. */
static void only_in_the_name_of_our_ca(void **state)
{
	struct mst_authorisation a = { .what = MST_AUTH_SIGN, .key_id = "a.example.com", .to = "x" };
	struct by_keeper by = { &a, 0 };
	struct mst_signer s = { .ctx = &by, .sign_tbs = sign_tbs };
	struct mst_local_signer own;
	struct mst_cert_spec ca = { .role = MST_CERT_CA,
				    .common_name = "another CA",
				    .not_before = NOW,
				    .not_after = NOW + 9,
				    .path_len = -1 };
	struct mst_cert_spec leaf = { .role = MST_CERT_CLIENT,
				      .common_name = "x",
				      .not_before = NOW,
				      .not_after = NOW + 9,
				      .n_san = 1,
				      .san = { { MST_ID_FQDN, "a.example.com" } } };
	uint8_t key[MST_PKEY_MAX], spki[128], der[MST_CERT_MAX], out[MST_CERT_MAX];
	size_t n_key, n_spki, n, n_out;

	(void)state;
	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n_key }, spki, sizeof(spki), &n_spki), 0);
	assert_int_equal(mst_local_signer_init(&own, (struct mst_view){ key, n_key }), 0);
	assert_int_equal(mst_cert_issue(c, &own.signer, MST_VIEW_NONE, (struct mst_view){ spki, n_spki }, &ca,
					der, sizeof(der), &n),
			 0);
	assert_int_equal(mst_cert_issue(c, &s, (struct mst_view){ der, n }, (struct mst_view){ spki, n_spki },
					&leaf, out, sizeof(out), &n_out),
			 MST_PKI_NOT_SIGNED);
	assert_int_equal(by.r, MST_KEEPER_DENIED);
	mst_local_signer_deinit(&own);
}

static void files_are_made_once_and_looked_at(void **state)
{
	static const char *const name[] = { "kek.key", "ca.key", "ca.pem" };
	struct mst_diag d = { 0 };
	struct mst_keeper *other = NULL;
	char path[160], cmd[600], empty[96];
	struct stat st, before;

	(void)state;
	snprintf(path, sizeof(path), "%s/kek.key", dir);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	assert_int_equal(mst_keeper_create_files(dir, "another", NOW, c, &d), MST_KEEPER_DENIED);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_ino == before.st_ino);
	snprintf(cmd, sizeof(cmd), "test $(ls %s | wc -l) = 1", top);   /* nothing left over beside */
	assert_int_equal(system(cmd), 0);
	snprintf(empty, sizeof(empty), "%s/empty", top);
	assert_int_equal(mkdir(empty, 0755), 0);
	assert_int_equal(mst_keeper_create_files(empty, "", NOW, c, &d), MST_FAULT_CONFIG);
	assert_string_equal(d.field, "ca_name");
	assert_int_equal(mst_keeper_create_files(empty, "a CA", NOW, c, &d), 0);
	assert_int_equal(stat(empty, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	for (size_t i = 0; i < MST_COUNT(name); i++) {
		snprintf(path, sizeof(path), "%s/%s", empty, name[i]);
		assert_int_equal(chmod(path, 0666), 0);
		assert_int_equal(mst_keeper_local_open(empty, c, &other, &d), MST_FAULT_CONFIG);
		assert_string_equal(d.field, name[i]);
		assert_int_equal(chmod(path, 0600), 0);
		snprintf(cmd, sizeof(cmd), "cp %s/%s %s/saved && cp %s/%s %s", empty, name[i], top, dir,
			 name[i], path);
		assert_int_equal(system(cmd), 0);       /* a file of another keeper */
		assert_int_equal(mst_keeper_local_open(empty, c, &other, &d), MST_FAULT_CORRUPT);
		assert_int_equal(truncate(path, 20), 0);
		assert_int_equal(mst_keeper_local_open(empty, c, &other, &d), MST_FAULT_CORRUPT);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mst_keeper_local_open(empty, c, &other, &d), MST_FAULT_CONFIG);
		assert_string_equal(d.field, name[i]);
		snprintf(cmd, sizeof(cmd), "cp %s/saved %s && chmod 600 %s", top, path, path);
		assert_int_equal(system(cmd), 0);
	}
	assert_null(other);
	assert_int_equal(mst_keeper_local_open(empty, c, &other, &d), 0);
	other->ops->close(other);
	snprintf(empty, sizeof(empty), "%s/absent", top);
	assert_int_equal(mst_keeper_local_open(empty, c, &other, &d), MST_FAULT_CONFIG);
}

static void no_core_dump_and_no_key_in_the_files(void **state)
{
	char cmd[600];

	(void)state;
#ifndef MST_SANITIZED
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
#endif
	/* an unencrypted PKCS#8 key has this OID next to the curve's; the sealed one shows neither */
	snprintf(cmd, sizeof(cmd), "LC_ALL=C grep -qaP '\\x2a\\x86\\x48\\xce\\x3d\\x02\\x01' %s/ca.key", dir);
	assert_int_not_equal(system(cmd), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_keeper, close_keeper)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_key_goes_in_and_comes_out_for_one_channel),
		T(derived_keys_are_those_of_the_standard),
		T(what_may_leave_and_what_may_become_what),
		T(nothing_leaves_without_leave),
		T(wrong_ids_channels_and_octets),
		T(keys_go_where_they_are_used),
		T(a_secret_is_no_service_key),
		T(created_keys_differ_and_outlive_the_keeper),
		T(the_ca_key_signs_only_what_was_authorised),
		T(lists_and_strange_octets),
		T(only_in_the_name_of_our_ca),
		T(files_are_made_once_and_looked_at),
		T(no_core_dump_and_no_key_in_the_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
