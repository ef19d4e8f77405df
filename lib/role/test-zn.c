/* Role zn with the real keeper over a real store: which NAF has keys for whom, and until when. */
#include "role/test-bsf-rig.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "role/zn/zn.h"

static mst_ms no_time(void)
{
	return 1;
}

/* keeper_limits: a NAF that asks for one key too many in a minute is told to come again. */
static void more_keys_than_the_keeper_lets_go(void **state)
{
	struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_NAF_KEYS] = { 0, 1 } };

	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	mst_keeper_local_limits(g.keeper, limit, no_time);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 503);
	assert_int_equal(g.a.retry_after, MST_KEEPER_BUSY_SECONDS);
	assert_int_equal(g.a.parcel.n_fills, 0);
	limit[MST_RATE_NAF_KEYS].most = 0;
	mst_keeper_local_limits(g.keeper, limit, no_time);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
}

static void which_naf_has_a_key_for_whom(void **state)
{
	static const struct { const char *who, *ask; int status; } row[] = {
		{ "maf.sp.example", ASK(BTID, "maf.sp.example", ""), 200 },
		{ "MAF.SP.example", ASK(BTID, "Maf.sp.example", ""), 200 },
		{ "maf.sp.example", ASK(BTID, "in-cse.sp.example", ""), 200 },
		{ "maf.sp.example", ASK(BTID, "maf.sp.example", ",\"gsIds\":[1000001,2]"), 200 },
		{ "maf.sp.example", ASK(BTID, "maf.sp.example", ",\"gsIds\":[2]"), 403 },
		{ "maf.sp.example", ASK(BTID, "other.sp.example", ""), 403 },
		{ "in-cse.sp.example", ASK(BTID, "in-cse.sp.example", ""), 403 },      /* its own name, but in no group */
		{ "evil.example", ASK(BTID, "maf.sp.example", ""), 403 },
		{ "maf.sp.example", ASK("x@" BSF, "maf.sp.example", ""), 404 },
		{ "maf.sp.example", "{}", 400 },
		{ "maf.sp.example", "", 400 },
		{ "maf.sp.example", "{\"btId\":\"" BTID "\",\"nafId\":{\"nafFqdn\":\"maf.sp.example\",\"uaSecProtId\":\"0000000001\"}}", 400 },
	};

	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		int r = zn(row[i].who, row[i].ask);

		if (r != row[i].status)
			print_message("# %s: %s: %d\n", row[i].who, row[i].ask, r);
		assert_int_equal(r, row[i].status);
		assert_int_equal(g.a.parcel.n_fills, r == 200);
		if (r != 200)
			assert_string_equal(g.a.media, MST_SBI_PROBLEM);
	}
	/* who has shown no certificate has no name */
	g.x.peer.how = MST_AUTH_PSK;
	g.x.request.content = MST_VIEW_LIT(ASK(BTID, "maf.sp.example", ""));
	assert_int_equal(turn(&mst_role_zn, NULL), 403);
}

/* The key of an answer, as who writes it to the NAF opens it. */
static void given(struct mst_key *ret)
{
	assert_int_equal(g.a.parcel.n_fills, 1);
	assert_int_equal(mst_channel_open(&g.zn, g.c, MST_USE_NAF_KEYS, &g.a.parcel.sealed, ret), 0);
}

/* TS 35.208 set 1 again: Ks and RAND as spec gba 17.1 has them. */
static void key_for(const char *naf, struct gba_ua ua, struct mst_key *ret)
{
	uint8_t rnd[GBA_RAND], ks[GBA_KS], id[GBA_NAF_ID_MAX];
	size_t n;

	assert_true(mst_hex_decode(MST_VIEW_LIT("23553cbe9637a89d218ae64dae47bf35"), rnd, sizeof(rnd), &n));
	assert_true(mst_hex_decode(MST_VIEW_LIT("b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441"), ks, sizeof(ks), &n));
	assert_true(gba_naf_id(mst_view_str(naf), &ua, id, &n));
	assert_int_equal(gba_ks_naf(g.c, GBA_KEY_ME, ks, rnd, MST_VIEW_LIT(IMPI), (struct mst_view){ id, n }, ret), 0);
}

/*
 * TS 33.220 B.3 takes the octets of the NAF's name, and folds no case: who spells it with capitals has a key that its UE derives for
 * that spelling. Whose name it is, is asked without case. Our private identifier's name is in lower case at both ends.
 */
static void a_key_is_for_the_name_as_it_is_spelled(void **state)
{
#define UA(naf, ua) "{\"btId\":\"" BTID "\",\"nafId\":{\"nafFqdn\":\"" naf "\",\"uaSecProtId\":\"" ua "\"}}"
	static const struct { const char *ask, *name, *ua; } row[] = {
		{ UA("maf.sp.example", "01000100AE"), "maf.sp.example", "01000100AE" },
		{ UA("MAF.sp.example", "01000100AE"), "MAF.sp.example", "01000100AE" },
		{ UA("IN-CSE.SP.example", "0100000007"), "IN-CSE.SP.example", "0100000007" },
		{ UA("IN-CSE.sp.example", "FF00000001"), "in-cse.sp.example", "FF00000001" },
	};

	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	MST_STR_SET(g.conf.gba.trigger_naf, "in-cse.sp.example");
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_key got, want;
		struct gba_ua ua;

		assert_int_equal(zn("maf.sp.example", row[i].ask), 200);
		given(&got);
		assert_true(gba_ua_parse(mst_view_str(row[i].ua), &ua));
		key_for(row[i].name, ua, &want);
		if (got.n != want.n || memcmp(got.b, want.b, want.n) != 0)
			fail_msg("%s", row[i].ask);
	}
}

/* Ks_NAF says enough: who the subscriber is at the operator, only a NAF hears that is meant to (bsf.nafs.impi). */
static void who_hears_the_private_identity(void **state)
{
	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "in-cse.sp.example", "")), 200);
	assert_null(strstr((const char *)g.content, "impi"));
	g.conf.gba.naf[0].impi = true;
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "in-cse.sp.example", "")), 200);
	assert_non_null(strstr((const char *)g.content, "\"impi\":\"" IMPI "\""));
	/* a NAF that shows no name of these settings, though the subscriber lets it in */
	g.now += 61;
	bootstrap(GUSS("", ""), 1);
	assert_int_equal(zn("free.sp.example", ASK("IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, "free.sp.example", "")), 200);
	assert_null(strstr((const char *)g.content, "impi"));
}

/* Its HSS is here: what the operator says of SIM, node and subscription holds for keys of sessions that there are, too, and at once. */
static void a_sim_of_this_installation(void **state)
{
	static const char ask[] = ASK(BTID, "maf.sp.example", "");

	(void)state;
	a_home("x");
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	assert_int_equal(zn("maf.sp.example", ask), 200);          /* an HSS of somebody else: what it said then */
	keep_home(true);
	for (int i = 0; i < 6; i++) {
		const struct bsf_home as_it_was = home;

		assert_int_equal(zn("maf.sp.example", ask), 200);
		switch (i) {
		case 0: home.sim.state = MST_SIM_SUSPENDED; break;
		case 1: home.sim.node = 0; break;
		case 2: home.node.state = MST_NODE_SUSPENDED; break;
		case 3: home.node.state = MST_NODE_REVOKED; break;
		case 4: home.node.state = MST_NODE_RELEASED; break;
		default: home.sub.state = MST_SUB_SUSPENDED; break;
		}
		keep_home(false);
		assert_int_equal(zn("maf.sp.example", ask), 403);
		assert_int_equal(g.a.parcel.n_fills, 0);
		assert_true(g.a.event_only);
		home = as_it_was;
		keep_home(false);
	}
	g.now += 3600;
	assert_int_equal(zn("maf.sp.example", ask), 403);
}

/* Who bootstraps says the realm as it likes; that makes no other subscriber of it, and no suspension less. */
static void a_realm_in_capitals_is_that_sims(void **state)
{
	static const char ask[] = ASK(BTID, "maf.sp.example", "");
	struct mst_gba_session row;

	(void)state;
	a_home("x");
	keep_home(true);
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_gba_session_get(g.store, BTID, &row), 0);
	assert_int_equal(mst_store_gba_session_delete(g.store, BTID), 0);
	MST_STR_SET(row.session.impi, "001010000000001@IMS.mnc001.mcc001.3gppnetwork.org");
	assert_int_equal(mst_store_gba_session_insert(g.store, &row), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(zn("maf.sp.example", ask), 200);
	home.sim.state = MST_SIM_SUSPENDED;
	keep_home(false);
	assert_int_equal(zn("maf.sp.example", ask), 403);
	/* a SIM that is removed is no other operator's because its node shouts */
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_gba_flush(g.store, home.sim.impi, g.now, &(int64_t){ 0 }), 0);
	assert_int_equal(mst_store_sim_delete(g.store, home.sim.id), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(zn("maf.sp.example", ask), 404);
}

/* A move while an answer of the HSS is under way leaves settings that name the node as it was called: nobody is told them. */
static void a_node_that_is_called_something_else_now(void **state)
{
#define CALLED(id) "{\"guss\":{\"bsfInfo\":{},\"ussList\":[{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"" id "\"}]}}]}}"
	static const char ask[] = ASK(BTID, "maf.sp.example", "");
	static const struct { const char *node_id, *cse_id, *ae_id; int status; } row[] = {
		{ "urn:n:1", "//a.example/CSE1", "", 200 }, { "urn:n:1", "//b.example/CSE1", "", 403 }, { "urn:n:1", "", "", 403 },
		{ "urn:n:1", "//a.example/cse1", "", 403 }, { "urn:n:1", "//b.example/CSE1", "//a.example/S1", 403 }, { "urn:n:1", "//a.example/CSE1", "", 200 },
	};

	(void)state;
	a_home("urn:n:1");
	bootstrap(CALLED("//A.example/CSE1"), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		MST_STR_SET(home.node.cse_id, row[i].cse_id);
		MST_STR_SET(home.node.ae_id, row[i].ae_id);
		keep_home(!i);
		assert_int_equal(zn("maf.sp.example", ask), row[i].status);
		assert_int_equal(g.a.parcel.n_fills, row[i].status == 200);
	}
}

/* Who has those can send nodes anywhere: a NAF whose certificate happens to have the name is not thereby the trigger server. */
static void keys_of_triggers_are_for_whom_they_were_given_to(void **state)
{
#define CALL(naf) "{\"btId\":\"" BTID "\",\"nafId\":{\"nafFqdn\":\"" naf "\",\"uaSecProtId\":\"FF00000001\"}}"
	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	MST_STR_SET(g.conf.gba.trigger_naf, "maf.sp.example");
	assert_int_equal(zn("maf.sp.example", CALL("Maf.sp.example")), 403);
	assert_int_equal(g.a.parcel.n_fills, 0);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
	/* bsf.nafs.names has it: somebody meant it */
	MST_STR_SET(g.conf.gba.trigger_naf, "in-cse.sp.example");
	assert_int_equal(zn("maf.sp.example", CALL("in-cse.sp.example")), 200);
}

/*
 * Which key the operator wants for the service (keyChoice, TS 29.309): Ks_int_NAF alone means none, where there is none or the
 * NAF could not use it; and a NAF that is to have the ME's does not get the card's.
 */
static void which_of_the_two_keys_the_settings_let_go(void **state)
{
	static const struct { const char *choice; bool in_card, aware; int status; size_t keys; } row[] = {
		{ "", true, true, 200, 2 }, { "", true, false, 200, 1 }, { "", false, true, 200, 1 }, { "", false, false, 200, 1 },
		{ "ME", true, true, 200, 1 }, { "ME", true, false, 200, 1 }, { "ME", false, true, 200, 1 }, { "ME", false, false, 200, 1 },
		{ "UICC", true, true, 200, 2 }, { "UICC", true, false, 403, 0 }, { "UICC", false, true, 403, 0 }, { "UICC", false, false, 403, 0 },
		{ "BOTH", true, true, 200, 2 }, { "BOTH", true, false, 200, 1 }, { "BOTH", false, true, 200, 1 }, { "BOTH", false, false, 200, 1 },
	};
	static const struct { const char *is, *text; } choice[] = {
		{ "", "" }, { "ME", ",\"keyChoice\":\"ME_BASED_KEY\"" }, { "UICC", ",\"keyChoice\":\"UICC_BASED_KEY\"" },
		{ "BOTH", ",\"keyChoice\":\"ME_UICC_BASED_KEYS\"" },
	};
	char guss[1024];
	int64_t n;

	(void)state;
	g.conf.gba.brief = false;       /* a briefing would outlive its session here, and each has the same name */
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const char *text = NULL;

		for (size_t k = 0; k < MST_COUNT(choice); k++)
			if (!strcmp(choice[k].is, row[i].choice))
				text = choice[k].text;
		assert_non_null(text);
		/* another service besides, with nothing said of keys */
		snprintf(guss, sizeof(guss), "{\"guss\":{\"bsfInfo\":{\"uiccType\":\"%s\"},\"ussList\":[{\"uss\":{\"gsId\":7,\"gsType\":0,\"ueIds\":"
			 "[{\"ueId\":\"x\"}]}},{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"x\"}]%s}}]}}",
			 row[i].in_card ? "GBA_U" : "GBA", text);
		bootstrap(guss, 0);
		assert_int_equal(zn("maf.sp.example", row[i].aware ? ASK(BTID, "maf.sp.example", ",\"gbaUAware\":true") :
				    ASK(BTID, "maf.sp.example", "")), row[i].status);
		assert_int_equal(g.a.parcel.n_fills, row[i].keys);
		/* who takes them sees what is wanted */
		assert_int_equal(row[i].status == 200 && row[i].choice[0], !!memmem(g.content, g.a.content.n, "keyChoice", 9));
		if (row[i].status != 200) {
			/* the other service is had, and a word of the first is not said with it */
			assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", ",\"gsIds\":[1000001,7]")), 200);
			assert_int_equal(g.a.parcel.n_fills, 1);
			assert_null(memmem(g.content, g.a.content.n, "1000001", 7));
		}
		assert_int_equal(mst_store_begin(g.store), 0);
		assert_int_equal(mst_store_gba_flush(g.store, NULL, g.now, &n), 0);
		assert_int_equal(mst_store_commit(g.store), 0);
		assert_int_equal(n, 1);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bsf_up, bsf_down)
	const struct CMUnitTest t[] = {
		T(more_keys_than_the_keeper_lets_go), T(which_naf_has_a_key_for_whom), T(a_key_is_for_the_name_as_it_is_spelled),
		T(who_hears_the_private_identity),
		T(a_sim_of_this_installation), T(a_realm_in_capitals_is_that_sims), T(keys_of_triggers_are_for_whom_they_were_given_to),
		T(which_of_the_two_keys_the_settings_let_go), T(a_node_that_is_called_something_else_now),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
