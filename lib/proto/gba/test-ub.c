/* Ub from both ends: our UE and a software card against our BSF and AuC. */
#include "proto/gba/test-world.h"

static void same_keys(const struct world *w)
{
	uint8_t id[GBA_NAF_ID_MAX];
	struct gba_naf_keys k;
	struct mst_key own;
	size_t n;

	assert_true(gba_naf_id(MST_VIEW_LIT("maf.example.com"), &gba_ua_tls13, id, &n));
	assert_int_equal(gba_naf_keys_make(c, w->ks, w->session.rnd, mst_view_str(w->session.impi), (struct mst_view){ id, n }, w->session.in_card, &k), 0);
	assert_int_equal(gba_ks_naf(c, GBA_KEY_ME, w->ue.result.ks.b, w->ue.result.rnd, mst_view_str(w->ue.result.impi), (struct mst_view){ id, n }, &own), 0);
	assert_memory_equal(own.b, k.me.b, 32);
	assert_int_equal(k.uicc.n, 0);
	gba_naf_keys_wipe(&k);
}

/* --- runs that succeed --- */

static void gba_me(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->instructions = ORDER;
	w->configuration = "{}";
	to_the_end(w);
	done(w);
	assert_true(mst_view_eq_str(w->ue.result.configuration, "{}"));
	assert_string_equal(w->ue.result.btid, w->session.btid);
	assert_true(w->ue.result.authenticated);
	assert_false(w->ue.result.in_card);
	assert_int_equal(w->ue.result.remaining, 3600);
	assert_int_equal(w->ue.result.expires, NOW + 3600);
	assert_true(mst_view_eq_str(w->ue.result.instructions, ORDER));
	assert_string_equal(w->ue.result.tmpi, w->session.tmpi);
	assert_true(gba_is_tmpi(mst_view_str(w->ue.result.tmpi)));
	assert_int_equal(w->challenges, 1);
	same_keys(w);
	world_free(w);
}

static void with_qop_auth_and_with_akav2(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct world *w = world_new();

		w->rc.auth_only = i & 1;
		w->rc.algorithm = i & 2 ? GBA_AKAV2_MD5 : GBA_AKAV1_MD5;
		w->uc.akav2 = i & 2;
		w->instructions = w->configuration = ORDER;
		to_the_end(w);
		done(w);
		/* with auth the body is under no hash: B-TID and lifetime pass, instructions do not */
		assert_int_equal(w->ue.result.authenticated, !(i & 1));
		assert_int_equal(w->ue.result.instructions.n, i & 1 ? 0 : strlen(ORDER));
		assert_int_equal(w->ue.result.configuration.n, i & 1 ? 0 : strlen(ORDER));
		same_keys(w);
		world_free(w);
	}
}

static void gba_u(void **state)
{
	struct world *w = world_new();
	uint8_t id[GBA_NAF_ID_MAX];
	struct gba_naf_keys k;
	size_t n;

	(void)state;
	w->gba_u = w->rc.in_card = true;
	to_the_end(w);
	done(w);
	assert_true(w->ue.result.in_card);
	assert_int_equal(w->ue.result.ks.n, 0);
	assert_string_equal(w->ue.result.tmpi, "");
	assert_string_equal(w->session.tmpi, "");
	assert_true(gba_naf_id(MST_VIEW_LIT("maf.example.com"), &gba_ua_tls13, id, &n));
	assert_int_equal(gba_naf_keys_make(c, w->ks, w->session.rnd, mst_view_str(w->session.impi), (struct mst_view){ id, n }, w->session.in_card, &k), 0);
	assert_int_equal(k.me.n, 32);
	assert_int_equal(k.uicc.n, 32);
	assert_memory_not_equal(k.me.b, k.uicc.b, 32);
	world_free(w);
	/* AUTN* to a card in 3G context, and AUTN to one in GBA context: MAC failure, and nothing is sent (8.1) */
	for (int i = 0; i < 2; i++) {
		w = world_new();
		w->gba_u = i;
		w->rc.in_card = !i;
		to_the_end(w);
		assert_int_equal(w->ue.failure, GBA_FAIL_NETWORK);
		assert_int_equal(w->run.state, GBA_RUN_OPEN);
		world_free(w);
	}
}

static void resynchronisation(void **state)
{
	struct world *w = world_new();

	(void)state;
	aka_usim_accept(&w->card, 0x777776);         /* at the index that is used */
	to_the_end(w);
	done(w);
	assert_int_equal(w->challenges, 2);
	assert_int_equal(w->ue.resyncs, 1);
	assert_true(w->last > 0x777776);
	same_keys(w);
	world_free(w);
}

static void tmpi_and_the_way_back(void **state)
{
	struct world *w = world_new();
	char first[MST_ID_MAX];

	(void)state;
	to_the_end(w);
	done(w);
	memcpy(first, w->session.tmpi, sizeof(first));
	w->uc.tmpi = first;
	to_the_end(w);                               /* the BSF still knows it */
	done(w);
	assert_true(w->ue.with_tmpi);
	assert_string_equal(w->run.username, first);
	assert_string_equal(w->run.impi, IMPI);
	assert_string_not_equal(w->session.tmpi, first);
	same_keys(w);                                /* over the real IMPI */
	to_the_end(w);                               /* and now it does not */
	done(w);
	assert_false(w->ue.with_tmpi);
	assert_string_equal(w->run.username, IMPI);
	world_free(w);
}

static void a_lost_answer_is_given_again(void **state)
{
	struct world *w = world_new();
	struct gba_session before;

	(void)state;
	start(w);
	assert_true(step(w) && step(w));
	split(&w->request, gba_ue_request(&w->ue));
	bsf(w);
	assert_int_equal(w->judged, GBA_JUDGE_GRANTED);
	before = w->session;
	w->now += 5;
	bsf(w);                                      /* the very same request */
	assert_int_equal(w->judged, GBA_JUDGE_REPEATED);
	assert_memory_equal(&before, &w->session, sizeof(before));
	gba_ue_feed(&w->ue, &w->answer.m, w->ms, w->now);
	done(w);
	assert_int_equal(w->ue.result.expires, NOW + 3600);
	w->now += GBA_RUN_SECONDS;
	bsf(w);
	assert_int_equal(w->judged, GBA_JUDGE_STALE);
	world_free(w);
}

static void a_late_answer_gets_another_chance(void **state)
{
	struct world *w = world_new();

	(void)state;
	start(w);
	assert_true(step(w) && step(w));
	w->now += GBA_RUN_SECONDS;
	while (step(w))
		;
	done(w);
	assert_int_equal(w->challenges, 2);
	same_keys(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(gba_me), cmocka_unit_test(with_qop_auth_and_with_akav2), cmocka_unit_test(gba_u),
		cmocka_unit_test(resynchronisation), cmocka_unit_test(tmpi_and_the_way_back), cmocka_unit_test(a_lost_answer_is_given_again),
		cmocka_unit_test(a_late_answer_gets_another_chance),
	};

	c = mst_crypto_openssl();
	return cmocka_run_group_tests(t, NULL, NULL);
}
