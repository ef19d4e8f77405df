/*
 * Role hss with the real keeper over a real store: vectors that a card accepts, resynchronisation, settings, and everything for which there
 * is no vector: then no number is lost, either.
 */
#include "role/test-hss-rig.h"
#include "server/metrics.h"

#include <stdio.h>

#include "codec/gba-sbi.h"

#define NONE ""

static uint64_t last_event(void)
{
	struct mst_event e;

	return rig_last_event(&est_rig, &e) ? e.seq : 0;
}

static struct mst_event told(void)
{
	struct mst_event e;

	assert_true(rig_last_event(&est_rig, &e));
	assert_string_equal(e.role, "hss");
	return e;
}

static void refused(int status, const char *detail, const char *why)
{
	struct mst_event e = told();

	if (est_rig.a.rsc != status || !strstr(est_rig.text, detail) || !strstr(e.why, why))
		fail_msg("%d %s; event %s: %s", est_rig.a.rsc, est_rig.text, e.what, e.why);
	assert_string_equal(e.what, "hss.refused");
	assert_int_equal(e.outcome, status);
	assert_string_equal(est_rig.a.media, MST_SBI_PROBLEM);
	assert_int_equal(est_rig.a.parcel.n_fills, 0);
	/* whoever speaks with the BSF can bring it about, and nothing of it is stored */
	assert_true(est_rig.a.event_only);
}

/* TS 33.102 6.3.2: the card takes each one once; 6.3.3: numbers rise, each with the index of this domain. */
static void vectors_that_the_card_takes(void **state)
{
	struct aka_answer said;
	struct hss_got g, first;
	struct mst_sim row;

	(void)state;
	for (int i = 0; i < 5; i++) {
		int64_t before = hss_row().sqn;

		assert_int_equal(hss_vector(), 200);
		g = hss_got();
		if (!i)
			first = g;
		assert_int_equal(hss_card_takes(&g, &said), 0);
		row = hss_row();
		assert_int_equal(row.sqn, before + 33 - before % 32);
		assert_int_equal(row.sqn % 32, 1);
		assert_true(row.vectors == i + 1 && row.vector_at == RIG_NOW && !est_rig.a.event_only);
		assert_int_equal(hss_card.highest, row.sqn);
	}
	assert_int_equal(hss_card_takes(&first, &said), AKA_SYNC_FAILURE);
	assert_string_equal(told().what, "hss.vector");
	assert_string_equal(told().who, HSS_BSF);
	assert_int_equal(told().node, est_rig.node);
	assert_non_null(strstr(told().why, HSS_IMSI));
	/* K, OPc, CK, IK and XRES stand in nothing that is kept or said in clear */
	assert_null(strstr(told().why, "465b"));
}

static void by_each_of_its_names(void **state)
{
	/* as it was asked: a BSF may look for the name that it said */
	static const struct { const char *asked, *said; } name[] = {
		{ ("imsi-" HSS_IMSI), HSS_IMPI }, { "msisdn-491700000001", HSS_IMPI }, { "impi-001010000000001%40ims.mnc001.mcc001.3gppnetwork.org", HSS_IMPI },
		{ "impi-001010000000001@IMS.mnc001.MCC001.3gppnetwork.org", "001010000000001@IMS.mnc001.MCC001.3gppnetwork.org" },
	};
	char to[256], want[200];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(name); i++) {
		snprintf(to, sizeof(to), "/nhss-gba-ueau/v1/%s/security-information/generate-auth-data", name[i].asked);
		snprintf(want, sizeof(want), "\"impi\":\"%s\"", name[i].said);
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_CREATE, to, HSS_PLAIN_ASK), 200);
		assert_non_null(strstr(est_rig.text, want));
	}
}

/* TS 33.102 6.3.5: the card is ahead; the next vector is one that it takes. */
static void resynchronised(void **state)
{
	struct aka_answer said;
	struct hss_got g;

	(void)state;
	hss_card.highest = 0x123456789a0;
	for (unsigned i = 0; i < AKA_IND_COUNT; i++)
		hss_card.seq[i] = hss_card.highest >> AKA_IND_BITS;
	assert_int_equal(hss_vector(), 200);
	g = hss_got();
	assert_int_equal(hss_card_takes(&g, &said), AKA_SYNC_FAILURE);
	assert_int_equal(hss_resync(g.rnd, said.auts), 200);
	assert_string_equal(told().what, "hss.resynchronised");
	assert_int_equal(hss_row().sqn, 0x123456789c1);
	g = hss_got();
	assert_int_equal(hss_card_takes(&g, &said), 0);
}

/* An old AUTS again, however often: the numbers go on by one for the vector that is given, and from nowhere else. */
static void a_replayed_auts_moves_nothing(void **state)
{
	uint8_t rnd[16] = { 1 }, auts[14];

	(void)state;
	assert_int_equal(aka_auts_make(est_rig.crypto, &hss_sim.keys, rnd, 0x1000, auts), 0);
	assert_int_equal(hss_resync(rnd, auts), 200);
	assert_int_equal(hss_row().sqn, 0x1021);
	for (int i = 1; i < 4; i++) {
		assert_int_equal(hss_resync(rnd, auts), 200);
		assert_int_equal(hss_row().sqn, 0x1021 + 32 * i);
		assert_non_null(strstr(told().why, "nothing moved"));
	}
}

static void a_forged_auts_is_refused(void **state)
{
	uint8_t rnd[16] = { 1 }, auts[14];
	struct mst_sim before = hss_row();

	(void)state;
	assert_int_equal(aka_auts_make(est_rig.crypto, &hss_sim.keys, rnd, 0x1000, auts), 0);
	auts[13] ^= 1;
	assert_int_equal(hss_resync(rnd, auts), 403);
	refused(403, "the AUTS is not genuine", "forged, or the card has another K");
	auts[13] ^= 1;
	rnd[0] ^= 1;
	assert_int_equal(hss_resync(rnd, auts), 403);
	assert_int_equal(hss_row().sqn, before.sqn);
	assert_int_equal(hss_row().vectors, 0);
	assert_int_equal(hss_row().paced, before.paced);
}

/* Beyond the card's limit nothing helps but a person. */
static void never_back(void **state)
{
	uint8_t rnd[16] = { 1 }, auts[14];
	struct mst_sim row = hss_row();

	(void)state;
	row.sqn = (int64_t)(AKA_DELTA + 10) << AKA_IND_BITS;
	hss_put_row(&row);
	assert_int_equal(aka_auts_make(est_rig.crypto, &hss_sim.keys, rnd, 0x20, auts), 0);
	assert_int_equal(hss_resync(rnd, auts), 403);
	refused(403, "cannot be brought into step", "never goes back");
	assert_int_equal(hss_row().sqn, row.sqn);
	row.sqn = (int64_t)AKA_SQN_MAX;
	hss_put_row(&row);
	assert_int_equal(hss_vector(), 403);
	refused(403, "may not bootstrap now", "the card must be replaced");
}

static void spoil_sim(struct mst_sim *s, int what)
{
	s->state = what == 0 ? MST_SIM_SUSPENDED : s->state;
	s->node = what == 1 ? 0 : s->node;
	s->amf = what == 2 ? 0x8000 : s->amf;
	if (what == 3)
		s->key.b[20] ^= 1;
	snprintf(s->reason, sizeof(s->reason), "stolen");
}

/* Each alone is enough; the BSF is told no more than it needs, the operator why. */
static void no_vector_for(void **state)
{
	static const struct { int status; const char *detail, *why; } row[] = {
		{ 403, "may not bootstrap now", "the SIM is suspended: stolen" },
		{ 403, "may not bootstrap now", "goes with no node (muster sim bind)" },
		{ 403, "may not bootstrap now", "separation bit" },
		{ 500, "no vector can be made", "wrapped by another keeper" },
	};
	struct mst_sim good = hss_row(), s;

	(void)state;
	for (int i = 0; i < (int)MST_COUNT(row); i++) {
		s = good;
		spoil_sim(&s, i);
		hss_put_row(&s);
		assert_int_equal(hss_vector(), row[i].status);
		refused(row[i].status, row[i].detail, row[i].why);
		assert_int_equal(hss_row().sqn, good.sqn);
		if (i < 2) {
			assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), row[i].status);
			refused(row[i].status, row[i].detail, row[i].why);
		}
	}
	hss_put_row(&good);
	assert_int_equal(hss_vector(), 200);
}

static void node_and_subscription_stand(void **state)
{
	static const struct { enum mst_node_state node; enum mst_sub_state sub; int64_t until; int want; const char *why; } row[] = {
		{ MST_NODE_KNOWN, MST_SUB_ACTIVE, 1, 200, NULL },
		{ MST_NODE_ENROLLED, MST_SUB_ACTIVE, 1, 200, NULL },
		{ MST_NODE_SUSPENDED, MST_SUB_ACTIVE, 1, 403, "the node is suspended" },
		{ MST_NODE_REVOKED, MST_SUB_ACTIVE, 1, 403, "the node is revoked" },
		{ MST_NODE_RELEASED, MST_SUB_ACTIVE, 1, 403, "released to another provider" },
		{ MST_NODE_KNOWN, MST_SUB_SUSPENDED, 1, 403, "the subscription is suspended" },
		{ MST_NODE_KNOWN, MST_SUB_ENDED, 1, 403, "the subscription has ended" },
		{ MST_NODE_KNOWN, MST_SUB_ACTIVE, 0, 403, "the subscription has expired" },
	};
	struct mst_subscription sub;
	uint64_t told_before;
	struct mst_node n;

	(void)state;
	assert_int_equal(mst_store_node_get(est_rig.store, est_rig.node, &n), 0);
	assert_int_equal(mst_store_sub_get(est_rig.store, n.sub_id, &sub), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		n.state = row[i].node;
		sub.state = row[i].sub;
		sub.not_after = RIG_NOW + row[i].until;
		assert_int_equal(mst_store_node_update(est_rig.store, &n), 0);
		assert_int_equal(mst_store_sub_put(est_rig.store, &sub, false), 0);
		assert_int_equal(hss_vector(), row[i].want);
		if (row[i].why)
			refused(403, "may not bootstrap now", row[i].why);
		/* who asks for a vector asks for settings, too: that says no more about it */
		told_before = last_event();
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), row[i].want);
		assert_int_equal(last_event(), told_before);
	}
	assert_int_equal(hss_row().vectors, 2);
}

/* A BSF that asks for settings alone is told of as one that asks for a vector, and no more often than once in ten seconds for each subscriber. */
static void settings_refused_alone(void **state)
{
	struct mst_sim s = hss_row();
	uint64_t before;

	(void)state;
	s.state = MST_SIM_SUSPENDED;
	snprintf(s.reason, sizeof(s.reason), "stolen");
	hss_put_row(&s);
	before = last_event();
	assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 403);
	refused(403, "may not bootstrap now", "the SIM is suspended: stolen");
	assert_int_equal(last_event(), before + 1);
	for (int i = 0; i < 30; i++)
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 403);
	assert_true(est_rig.a.event_only);       /* the engine's bound is upon it, too */
	assert_int_equal(last_event(), before + 1);
	/* somebody else's is another matter, and so is one whom nobody knows */
	assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, "/nhss-gba-sdm/v1/imsi-001019999999999/subscriber-data", NONE), 404);
	refused(404, "no such subscriber", "001019999999999");
	assert_int_equal(last_event(), before + 2);
	est_rig.now += 9;
	assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 403);
	assert_int_equal(last_event(), before + 2);
	est_rig.now += 1;
	assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 403);
	assert_int_equal(last_event(), before + 3);
	/* a clock that was set back silences nobody */
	est_rig.now -= RIG_DAY;
	assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 403);
	assert_int_equal(last_event(), before + 4);
	/* a flood of names pushes out the oldest alone */
	for (int i = 0; i < 70; i++) {
		char path[96];

		snprintf(path, sizeof(path), "/nhss-gba-sdm/v1/imsi-0010188888888%02d/subscriber-data", i);
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, path, NONE), 404);
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, path, NONE), 404);
	}
	assert_int_equal(last_event(), before + 74);
}

/* hss.vector_interval and vector_burst. */
static void a_limit_for_each_sim(void **state)
{
	struct mst_subscription sub;

	(void)state;
	assert_int_equal(mst_store_sub_get(est_rig.store, "sub-secret", &sub), 0);
	sub.not_before = 0;
	assert_int_equal(mst_store_sub_put(est_rig.store, &sub, false), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(hss_vector(), 200);
	assert_int_equal(hss_vector(), 429);
	refused(429, "too many vectors", "hss.vector_interval");
	assert_int_equal(est_rig.a.retry_after, 10);
	assert_int_equal(hss_row().vectors, 20);
	est_rig.now += 9;
	assert_int_equal(hss_vector(), 429);
	assert_int_equal(est_rig.a.retry_after, 1);
	est_rig.now += 1;
	assert_int_equal(hss_vector(), 200);
	assert_int_equal(hss_vector(), 429);
	/* a clock that is set back by years keeps nobody out */
	est_rig.now -= 1000 * RIG_DAY;
	for (int i = 0; i < 20; i++)
		assert_int_equal(hss_vector(), 200);
	assert_int_equal(hss_vector(), 429);
	/* the settings cost nothing */
	for (int i = 0; i < 30; i++)
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 200);
	est_rig.now += 2000 * RIG_DAY;
	assert_int_equal(hss_vector(), 403);     /* the subscription is over by then */
}

/* TS 29.562, TS 29.109 annex A; TS-0003 8.3.2.3: the Enrolee's identifier is a uid. */
static void settings(void **state)
{
	static const char *const want[] = { "//sp.example.com/CSE0001", "//sp.example.com/S0001", RIG_NODE };
	uint8_t room[MST_SBI_ARENA];
	struct mst_sim s = hss_row();
	uint64_t before = last_event();
	struct mst_guss g;
	struct mst_node n;

	(void)state;
	assert_int_equal(mst_store_node_get(est_rig.store, est_rig.node, &n), 0);
	snprintf(n.ae_id, sizeof(n.ae_id), "%s", want[1]);
	for (int i = 0; i < 3; i++) {
		struct mst_arena a = mst_arena_of(room, sizeof(room));

		assert_int_equal(mst_store_node_update(est_rig.store, &n), 0);
		s.uicc = i ? MST_SIM_GBA_U : MST_SIM_GBA_ME;
		s.key_choice = i ? MST_KEY_CHOICE_UICC : MST_KEY_CHOICE_NONE;
		hss_put_row(&s);
		assert_int_equal(hss_ask(HSS_BSF, MST_OP_RETRIEVE, HSS_SDM, NONE), 200);
		assert_int_equal(mst_guss_read_json(mst_view_str(est_rig.text), &a, &g, NULL), 0);
		assert_true(g.in_card == (i > 0) && g.lifetime == 3600 && g.n == 1);
		assert_true(g.uss[0].gsid == 1000001 && g.uss[0].type == 0 && g.uss[0].n_ids == 1);
		assert_true(mst_view_eq_str(g.uss[0].id[0], want[i]) && mst_view_eq_str(g.uss[0].naf_group, "m2m"));
		assert_int_equal(g.uss[0].key_choice, s.key_choice);
		/* routine: one of these goes with each vector, and that one is told (the counter has both) */
		assert_int_equal(last_event(), before);
		assert_int_equal(est_rig.a.counts, MST_M_HSS_SETTINGS);
		if (i == 0)
			n.cse_id[0] = '\0';
		else
			n.ae_id[0] = '\0';
	}
}

static void who_may_not_ask(void **state)
{
	static const char *const who[] = { "hss.sp.example.com", "xbsf.sp.example.com", "bsf.sp.example.com.evil.example", "sp.example.com" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(who); i++) {
		assert_int_equal(hss_ask(who[i], MST_OP_CREATE, HSS_AUTH, HSS_PLAIN_ASK), 403);
		refused(403, "this BSF may not ask here", "no BSF that hss.bsfs names");
		assert_string_equal(told().who, who[i]);
		/* not even whether there is such a subscriber */
		assert_int_equal(hss_ask(who[i], MST_OP_RETRIEVE, "/nhss-gba-sdm/v1/imsi-999990000000001/subscriber-data", NONE), 403);
		assert_int_equal(hss_ask(who[i], MST_OP_RETRIEVE, "/nonsense", NONE), 403);
	}
	assert_int_equal(hss_row().vectors, 0);
	assert_int_equal(hss_ask("BSF.sp.example.COM", MST_OP_CREATE, HSS_AUTH, HSS_PLAIN_ASK), 200);
	/* the same name in another form of name is another's */
	rig_peer_cert(&est_rig, MST_ID_NODE, HSS_BSF);
	assert_int_equal(rig_handle(&est_rig, MST_ROLE_HSS), 403);
	est_rig.x.peer.how = MST_AUTH_ANONYMOUS;
	assert_int_equal(rig_handle(&est_rig, MST_ROLE_HSS), 403);
}

static void bad_requests(void **state)
{
#define UEAU "/nhss-gba-ueau/v1/"
#define GEN "/security-information/generate-auth-data"
	static const struct { enum mst_op op; const char *to, *content; int status; const char *detail; } row[] = {
		{ MST_OP_CREATE, UEAU "impi-nobody@ims.mnc001.mcc001.3gppnetwork.org" GEN, HSS_PLAIN_ASK, 404, "no such subscriber" },
		{ MST_OP_RETRIEVE, "/nhss-gba-sdm/v1/imsi-001010000000009/subscriber-data", NONE, 404, "USER_NOT_FOUND" },
		{ MST_OP_CREATE, UEAU "impu-sip:x@example.com" GEN, HSS_PLAIN_ASK, 404, "no such subscriber" },
		{ MST_OP_CREATE, UEAU "imsi-00101" "000000000199999" GEN, HSS_PLAIN_ASK, 400, "ueId: expected" },
		{ MST_OP_CREATE, UEAU "imsi-" GEN, HSS_PLAIN_ASK, 400, "ueId: expected" },
		{ MST_OP_CREATE, UEAU "x" GEN, HSS_PLAIN_ASK, 400, "ueId: expected" },
		{ MST_OP_RETRIEVE, HSS_AUTH, NONE, 405, "POST is taken here" },
		{ MST_OP_DELETE, HSS_SDM, NONE, 405, "GET is taken here" },
		{ MST_OP_CREATE, HSS_SDM, "{}", 405, "GET is taken here" },
		{ MST_OP_CREATE, "/nhss-gba-sdm/v1/impi-" HSS_IMPI "/subscriptions", "{}", 501, "are not told" },
		{ MST_OP_CREATE, "/nbsp-gba/v1/bootstrapping-info-retrieval", "{}", 404, "no such resource" },
		{ MST_OP_RETRIEVE, "/", NONE, 404, "no such resource" },
		{ MST_OP_CREATE, HSS_AUTH, NONE, 400, "" },
		{ MST_OP_CREATE, HSS_AUTH, "{", 400, "" },
		{ MST_OP_CREATE, HSS_AUTH, "{\"authenticationScheme\":\"DIGEST_HTTP\"}", 400, "authenticationScheme" },
		{ MST_OP_CREATE, HSS_AUTH, "{\"authenticationScheme\":\"DIGEST_AKAV1_MD5\",\"resynchronizationInfo\":{\"rand\":\"00\"}}", 400, "rand" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		int got = hss_ask(HSS_BSF, row[i].op, row[i].to, row[i].content);

		if (got != row[i].status)
			fail_msg("%s %s: %d %s, expected %d", row[i].to, row[i].content, got, est_rig.text, row[i].status);
		refused(row[i].status, row[i].detail, "");
	}
	est_rig.x.request.to = MST_VIEW_LIT(HSS_AUTH);
	est_rig.x.request.media = MST_VIEW_LIT("text/plain");
	assert_int_equal(rig_handle(&est_rig, MST_ROLE_HSS), 415);
	assert_int_equal(hss_row().vectors, 0);
}

/* The store fails at each of its steps in turn: no answer, or the right one, and no number twice. */
static void nothing_half_done_when_the_store_fails(void **state)
{
	int64_t last = hss_row().sqn;
	int failed = 0;

	(void)state;
	est_rig.hss_conf.vector_burst = 1000;
	for (unsigned n = 1; n < 12; n++) {
		int r;

		mst_store_fail_at(est_rig.store, n);
		r = hss_vector();
		mst_store_fail_at(est_rig.store, 0);
		failed += r < 0;
		if (r < 0) {
			assert_int_equal(hss_row().sqn, last);
			continue;
		}
		assert_int_equal(r, 200);
		assert_true(hss_row().sqn > last);
		last = hss_row().sqn;
	}
	assert_true(failed >= 3);
	assert_int_equal(hss_vector(), 200);
}

#define T(f) cmocka_unit_test_setup_teardown(f, hss_up, hss_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(vectors_that_the_card_takes), T(by_each_of_its_names), T(resynchronised), T(a_replayed_auts_moves_nothing),
		T(a_forged_auts_is_refused), T(never_back), T(no_vector_for), T(node_and_subscription_stand), T(settings_refused_alone),
		T(a_limit_for_each_sim),
		T(settings), T(who_may_not_ask), T(bad_requests), T(nothing_half_done_when_the_store_fails),
	};

	return cmocka_run_group_tests_name("hss", tests, NULL, NULL);
}
