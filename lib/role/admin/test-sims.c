/* SIMs at the admin API: what is taken, what is refused and names its member, and that a refusal leaves nothing. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/admin.h"

#define NOW 1795212591
#define SEALED "{\"sealed\":\"AAECAw==\",\"algorithm\":\"milenage\"}"
#define IMSI "001010000000001"

static struct mst_store *s;
static char dir[64], room[MST_ANSWER_MAX];
static struct mst_role_conf conf;
static int wraps, wrap_says;

static int wrap(struct mst_keeper *k, uint32_t from, struct mst_view sealed, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	assert_true(from == 9 && p == MST_PURPOSE_SIM && sealed.n == 4 && sealed.p[3] == 3 && strlen(id) >= 6);
	*ret = (struct mst_wrapped){ { 7 }, 1 };
	wraps++;
	return wrap_says;
}

static const struct mst_keeper_ops ops = { .name = "test", .wrap = wrap };
static struct mst_keeper keeper = { &ops };

/* As the engine does it. */
static int ask_as(uint32_t uid, enum mst_op op, const char *target, const char *body)
{
	struct mst_role_env env = { .store = s, .conf = &conf, .keeper = &keeper, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .channel = 9, .peer = { .how = MST_AUTH_LOCAL, .uid = uid },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	static uint8_t out[MST_ANSWER_MAX];
	struct mst_answer a = { .content = mst_writer_of(out, sizeof(out)) };

	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_mark(s), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_release(s), 0);
	assert_int_equal(mst_store_commit(s), 0);
	assert_true(mst_view_to_str(mst_written(&a.content), room, sizeof(room)));
	return a.rsc;
}

static int post(const char *target, const char *body)
{
	return ask_as(geteuid(), MST_OP_CREATE, target, body);
}

static int get(const char *target)
{
	return ask_as(geteuid(), MST_OP_RETRIEVE, target, "");
}

static int set_up(void **state)
{
	char url[128];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mst-sims-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof(url), "sqlite:%s/t.db", dir);
	assert_int_equal(mst_store_open(url, &s, NULL), 0);
	conf = (struct mst_role_conf){ .makers = { .n = 1 }, .n_provider = 1, .provider = { { "sp.example.com", 4711 } }, .mnc_digits = 2 };
	wraps = wrap_says = 0;
	assert_int_equal(post("/v1/subscriptions", "{\"id\":\"sub-1\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":"
			      "\"20271121T000000\"}"), 2001);
	assert_int_equal(post("/v1/nodes", "{\"nodeID\":\"urn:n:1\",\"subscription\":\"sub-1\"}"), 2001);
	assert_int_equal(post("/v1/nodes", "{\"nodeID\":\"urn:n:2\",\"subscription\":\"sub-1\"}"), 2001);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "t.db", "t.db-wal", "t.db-shm" };
	char path[128];

	(void)state;
	s = mst_store_close(s);
	for (size_t i = 0; i < MST_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static bool says(const char *text)
{
	return strstr(room, text) != NULL;
}

static struct mst_sim row(void)
{
	struct mst_sim r;

	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMSI, IMSI, &r), 0);
	return r;
}

static void life_of_a_sim(void **state)
{
	(void)state;
	assert_int_equal(post("/v1/sims", "{\"imsi\":\"" IMSI "\",\"msisdn\":\"491701234567\",\"amf\":\"7fFF\",\"sqn\":\"1056\",\"ind\":5,\"uiccType\":"
			      "\"GBA_U\",\"lifetime\":\"P1D\",\"nafGroup\":\"m2m\",\"keyChoice\":\"UICC_BASED_KEY\",\"secret\":" SEALED "}"), 2001);
	assert_true(says("\"impi\":\"" IMSI "@ims.mnc001.mcc001.3gppnetwork.org\"") && says("\"sqn\":\"000000000420\"") && says("\"amf\":\"7FFF\"") &&
		    says("\"keyChoice\":\"UICC_BASED_KEY\""));
	assert_true(row().lifetime == 86400 && row().ind == 5 && row().uicc == MST_SIM_GBA_U && row().gsid == 1000001 && row().key_choice == MST_KEY_CHOICE_UICC &&
		    row().algorithm == 1);
	assert_true(row().key.n == 1 && row().created == NOW && !row().node);
	assert_int_equal(post("/v1/sims/" IMSI "/bind", "{\"node\":\"urn:n:1\"}"), 2000);
	assert_int_equal(post("/v1/sims/" IMSI "/bind", "{\"node\":\"urn:n:1\"}"), 2000);
	assert_int_equal(post("/v1/sims/" IMSI "/bind", "{\"node\":\"urn:n:2\"}"), 4105);
	assert_true(says("unbind it first"));
	assert_int_equal(get("/v1/nodes/urn%3An%3A1"), 2000);
	assert_true(says("\"sim\":{\"imsi\":\"" IMSI "\""));
	assert_int_equal(ask_as(4711, MST_OP_RETRIEVE, "/v1/nodes/urn%3An%3A1", ""), 2000);
	assert_false(says(IMSI));
	assert_int_equal(ask_as(4711, MST_OP_RETRIEVE, "/v1/events", ""), 2000);
	assert_false(says("sim."));
	assert_int_equal(post("/v1/sims/491701234567/suspend", "{\"reason\":\"lost\"}"), 2000);
	assert_true(row().state == MST_SIM_SUSPENDED && !strcmp(row().reason, "lost"));
	assert_int_equal(post("/v1/sims/" IMSI "%40ims.mnc001.mcc001.3gppnetwork.org/resume", "{\"reason\":\"found\"}"), 2000);
	assert_int_equal(row().state, MST_SIM_ACTIVE);
	assert_int_equal(post("/v1/sims/" IMSI "/unbind", ""), 2000);
	assert_int_equal(row().node, 0);
	assert_int_equal(post("/v1/sims/" IMSI "/remove", "{\"reason\":\"broken\"}"), 2000);
	assert_int_equal(get("/v1/sims/" IMSI), 4004);
	assert_int_equal(get("/v1/events?what=sim."), 2000);
	assert_true(says("sim.added") && says("sim.bound") && says("sim.suspended") && says("sim.resumed") && says("sim.unbound") &&
		    says("last number 000000000420: broken"));
}

static void bootstrapped(const char *impi, int n)
{
	static struct mst_gba_session e;
	static struct mst_gba_run r;

	e = (struct mst_gba_session){ .ks = { { 7 }, 1 }, .session = { .expires = NOW + 60 } };
	snprintf(e.session.btid, sizeof(e.session.btid), "%d@bsf.example.com", n);
	snprintf(e.session.impi, sizeof(e.session.impi), "%s", impi);
	e.session.rnd[0] = (uint8_t)n;
	r = (struct mst_gba_run){ .av = { { 7 }, 1 }, .run = { .until = NOW + 60, .qop = GBA_QOP_AUTH_INT } };
	snprintf(r.run.nonce, sizeof(r.run.nonce), "%d", n);
	snprintf(r.run.impi, sizeof(r.run.impi), "%s", impi);
	r.run.rnd[0] = (uint8_t)(100 + n);
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_gba_session_insert(s, &e), 0);
	assert_int_equal(mst_store_gba_run_insert(s, &r), 0);
	assert_int_equal(mst_store_commit(s), 0);
}

static bool stands(const char *impi)
{
	static struct mst_gba_session e;
	static struct mst_gba_run r;
	int session = mst_store_gba_session_newest(s, impi, &e), run = mst_store_gba_run_waiting(s, impi, NOW, &r);

	assert_true(session >= 0 && session == run);
	return !session;
}

/* What the BSF of this installation keeps says which node it is: it ends with that. */
static void what_was_bootstrapped_ends(void **state)
{
	static const char *const act[][2] = { { "bind", "{\"node\":\"urn:n:1\"}" }, { "unbind", "" }, { "remove", "{\"reason\":\"lost\"}" } };
	static const char impi[] = IMSI "@ims.mnc001.mcc001.3gppnetwork.org", shouted[] = IMSI "@IMS.MNC001.mcc001.3gppnetwork.org";
	char target[100];

	(void)state;
	assert_int_equal(post("/v1/sims", "{\"imsi\":\"" IMSI "\",\"secret\":" SEALED "}"), 2001);
	bootstrapped("another", 50);
	for (int i = 0; i < (int)MST_COUNT(act); i++) {
		bootstrapped(impi, i);
		bootstrapped(shouted, 10 + i);
		assert_true(stands(impi) && stands(shouted));
		/* it is only not served meanwhile */
		if (!i) {
			assert_int_equal(post("/v1/sims/" IMSI "/suspend", "{\"reason\":\"x\"}"), 2000);
			assert_int_equal(post("/v1/sims/" IMSI "/resume", "{\"reason\":\"x\"}"), 2000);
			assert_true(stands(impi));
		}
		snprintf(target, sizeof(target), "/v1/sims/" IMSI "/%s", act[i][0]);
		assert_int_equal(post(target, act[i][1]), 2000);
		assert_false(stands(impi) || stands(shouted));
	}
	assert_true(stands("another"));
}

/* By whatever a SIM is known here; another operator's by its IMPI. A name of nobody ends nothing, and says so. */
static void flushed_by_any_name(void **state)
{
	static const char impi[] = IMSI "@ims.mnc001.mcc001.3gppnetwork.org";
	static const char *const name[] = { impi, IMSI, "491701234567", IMSI "@IMS.mnc001.mcc001.3gppnetwork.org" };
	char body[200], target[200];

	(void)state;
	assert_int_equal(post("/v1/sims", "{\"imsi\":\"" IMSI "\",\"msisdn\":\"491701234567\",\"secret\":" SEALED "}"), 2001);
	bootstrapped("a@foreign.example", 50);
	for (int i = 0; i < (int)MST_COUNT(name); i++) {
		bootstrapped(impi, i);
		snprintf(target, sizeof(target), "/v1/gba/sessions?of=%s", name[i]);
		assert_int_equal(get(target), 2000);
		assert_true(says(impi) && !says("foreign"));
		snprintf(body, sizeof(body), "{\"impi\":\"%s\"}", name[i]);
		assert_int_equal(post("/v1/gba/flush", body), 2000);
		assert_true(says("\"sessions\":1"));
		assert_false(stands(impi));
	}
	assert_int_equal(get("/v1/events?what=gba.flushed"), 2000);
	assert_true(says(impi));
	bootstrapped(impi, 20);
	assert_int_equal(post("/v1/gba/flush", "{\"impi\":\"001010000000009\"}"), 4004);
	assert_true(says("expected an IMPI"));
	assert_int_equal(get("/v1/gba/sessions?of=001010000000009"), 4004);
	assert_true(stands(impi) && stands("a@foreign.example"));
	assert_int_equal(get("/v1/gba/sessions?of=50@bsf.example.com"), 2000);
	assert_true(says("a@foreign.example"));
	assert_int_equal(post("/v1/gba/flush", "{\"impi\":\"a@foreign.example\"}"), 2000);
	assert_false(stands("a@foreign.example"));
}

/* It names the node as it was called with the provider that it leaves; with a grace, too: what a NAF has already works until that is over. */
static void what_was_bootstrapped_ends_with_a_move(void **state)
{
	static const char impi[] = IMSI "@ims.mnc001.mcc001.3gppnetwork.org";

	(void)state;
	assert_int_equal(post("/v1/subscriptions", "{\"id\":\"sub-2\",\"spFQDN\":\"b.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":"
			      "\"20271121T000000\"}"), 2001);
	assert_int_equal(post("/v1/sims", "{\"imsi\":\"" IMSI "\",\"node\":\"urn:n:1\",\"secret\":" SEALED "}"), 2001);
	bootstrapped("another", 50);
	bootstrapped(impi, 1);
	assert_int_equal(post("/v1/nodes/urn%3An%3A1/move", "{\"reason\":\"x\",\"subscription\":\"sub-1\"}"), 2000);
	assert_int_equal(post("/v1/nodes/urn%3An%3A2/move", "{\"reason\":\"x\",\"subscription\":\"sub-2\"}"), 2000);
	assert_true(stands(impi));      /* nothing has moved, and another node */
	assert_int_equal(post("/v1/nodes/urn%3An%3A1/move", "{\"reason\":\"x\",\"subscription\":\"sub-2\",\"grace\":3600}"), 2000);
	assert_false(stands(impi));
	assert_true(stands("another"));
}

/* TUAK is another algorithm in the row, and the same life. */
static void a_sim_of_tuak(void **state)
{
	(void)state;
	assert_int_equal(post("/v1/sims", "{\"imsi\":\"" IMSI "\",\"node\":\"urn:n:1\",\"secret\":{\"sealed\":\"AAECAw==\",\"algorithm\":\"tuak\"}}"), 2001);
	assert_true(says("\"algorithm\":\"tuak\"") && row().algorithm == 2 && row().key.n == 1 && row().node);
	assert_int_equal(get("/v1/sims/" IMSI), 2000);
	assert_true(says("\"algorithm\":\"tuak\"") && says("urn:n:1") && !says("AAECAw"));
	assert_int_equal(get("/v1/events?what=sim.added"), 2000);
	assert_true(says("sim.added"));
}

static void refused_and_nothing_left(void **state)
{
#define S(more) "{\"imsi\":\"" IMSI "\",\"secret\":" SEALED more "}"
	static const struct { const char *body; int rsc; const char *field; } bad[] = {
		{ "{\"imsi\":\"" IMSI "\"}", 4000, "\"secret\"" },
		{ "{\"imsi\":\"" IMSI "\",\"secret\":\"milenage:00:opc:00=0000\"}", 4000, "\"secret\"" },
		{ "{\"imsi\":\"" IMSI "\",\"secret\":{\"wrong\":\"does not fit its check code\"}}", 4000, "does not fit its check code" },
		{ "{\"imsi\":\"" IMSI "\",\"secret\":{\"sealed\":\"*\",\"algorithm\":\"tuak\"}}", 4000, "\"secret\"" },
		{ "{\"imsi\":\"12345\",\"secret\":" SEALED "}", 4000, "\"imsi\"" },
		{ "{\"imsi\":\"12345x7\",\"secret\":" SEALED "}", 4000, "\"imsi\"" },
		{ "{\"imsi\":\"0010100000000012\",\"secret\":" SEALED "}", 4000, "\"imsi\"" },
		{ "{\"secret\":" SEALED "}", 4000, "\"imsi\"" },
		{ S(",\"impi\":\"nobody\""), 4000, "\"impi\"" },
		{ S(",\"impi\":\"a/b@example.com\""), 4000, "\"impi\"" },
		{ S(",\"mncDigits\":4"), 4000, "\"mncDigits\"" },
		{ S(",\"msisdn\":\"+491701234567\""), 4000, "\"msisdn\"" },
		{ S(",\"amf\":\"8000\""), 4000, "separation bit" },
		{ S(",\"amf\":\"00\""), 4000, "\"amf\"" },
		{ S(",\"sqn\":281474976710656"), 4000, "\"sqn\"" },
		{ S(",\"sqn\":-1"), 4000, "\"sqn\"" },
		{ S(",\"ind\":32"), 4000, "\"ind\"" },
		{ S(",\"gsid\":4294967296"), 4000, "\"gsid\"" },
		{ S(",\"uiccType\":\"SIM\""), 4000, "\"uiccType\"" },
		{ S(",\"keyChoice\":\"CARD\",\"uiccType\":\"GBA_U\""), 4000, "one of ME_BASED_KEY" },
		{ S(",\"keyChoice\":\"UICC_BASED_KEY\""), 4000, "uiccType GBA_U" },
		{ S(",\"lifetime\":0"), 4000, "\"lifetime\"" },
		{ S(",\"lifetime\":59"), 4000, "\"lifetime\"" },
		{ S(",\"lifetime\":\"PT5S\""), 4000, "expected a minute at least" },
		{ S(",\"node\":\"urn:n:9\""), 4004, "\"node\"" },
		{ S(",\"k\":\"465B\""), 4000, "unknown member" },
	};
	uint64_t before, after;

	(void)state;
	assert_int_equal(mst_store_event_last(s, &before), 0);
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		int rsc = post("/v1/sims", bad[i].body);

		if (rsc != bad[i].rsc || !says(bad[i].field))
			fail_msg("%s: %d %s", bad[i].body, rsc, room);
	}
	assert_int_equal(wraps, 0);
	wrap_says = MST_KEEPER_DENIED;
	assert_int_equal(post("/v1/sims", S("")), 4000);
	assert_true(says("the keeper does not take it"));
	wrap_says = 0;
	assert_int_equal(mst_store_event_last(s, &after), 0);
	assert_int_equal(before, after);
	assert_int_equal(get("/v1/sims"), 2000);
	assert_true(says("\"sims\":[]"));
	/* a node that is revoked takes none */
	assert_int_equal(post("/v1/nodes/urn%3An%3A2/revoke", "{\"reason\":\"x\"}"), 2000);
	assert_int_equal(post("/v1/sims", S(",\"node\":\"urn:n:2\"")), 4105);
	assert_int_equal(ask_as(4711, MST_OP_CREATE, "/v1/sims", S("")), 4103);
}

static void a_page_of_rows(void **state)
{
	(void)state;
	assert_int_equal(post("/v1/sims/import", "{\"rows\":[" S(",\"node\":\"urn:n:1\"") "," S("") ",{\"imsi\":\"001010000000002\",\"secret\":{\"wrong\":\"x\"}},"
			      "{\"imsi\":\"001010000000003\",\"secret\":" SEALED ",\"node\":\"urn:n:1\"},{\"imsi\":\"001010000000004\",\"impi\":\"" IMSI
			      "@ims.mnc001.mcc001.3gppnetwork.org\",\"secret\":" SEALED "},7,{\"imsi\":\"001010000000005\",\"mncDigits\":\"3\",\"secret\":" SEALED
			      "}]}"), 2000);
	assert_true(says("{\"row\":0,\"ok\":true,\"imsi\":\"" IMSI "\"}"));
	assert_true(says("{\"row\":1,\"ok\":false,\"error\":{\"field\":\"imsi\",\"text\":\"a SIM with this IMSI exists already\"}}"));
	assert_true(says("{\"row\":2,\"ok\":false,\"error\":{\"field\":\"secret\""));
	assert_true(says("{\"row\":3,\"ok\":false,\"error\":{\"field\":\"node\",\"text\":\"the node has a SIM already"));
	assert_true(says("{\"row\":4,\"ok\":false,\"error\":{\"field\":\"impi\",\"text\":\"another SIM has this IMPI\"}}"));
	assert_true(says("{\"row\":5,\"ok\":false"));
	assert_true(says("{\"row\":6,\"ok\":true"));
	assert_int_equal(get("/v1/sims?limit=1"), 2000);
	assert_true(says("\"next\":1") && says(IMSI) && !says("001010000000005"));
	assert_int_equal(get("/v1/sims?after=1"), 2000);
	assert_true(says("001010000000005@ims.mnc010.mcc001.3gppnetwork.org") && !says("next"));
	assert_int_equal(post("/v1/sims", "{\"imsi\":\"001010000000008\",\"lifetime\":60,\"secret\":" SEALED "}"), 2001);
	assert_true(says("\"lifetime\":60"));
	assert_int_equal(get("/v1/sims?state=lost"), 4000);
	assert_int_equal(get("/v1/sims?state=suspended"), 2000);
	assert_true(says("\"sims\":[]"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(life_of_a_sim), T(a_sim_of_tuak), T(what_was_bootstrapped_ends), T(flushed_by_any_name), T(what_was_bootstrapped_ends_with_a_move),
					     T(refused_and_nothing_left), T(a_page_of_rows) };

	return cmocka_run_group_tests_name("admin-sims", tests, NULL, NULL);
}
