/*
 * libmuster with a card (muster/card.h): the conversation of card and BSF, wish by wish, with the card in software behind `exchange` and a BSF of
 * the library's other half; what may be missing on the way, and that nothing of it stays.
 */
#include "proto/gba/test-world.h"

#include "enrolee/device-card.h"

#define MAF "maf.example.com"
#define CSE "//sp.example.com/IN-CSE"
#define TO_MAF "{\"version\":1,\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"gba\",\"uri\":\"http://" BSF "\",\"target\":\"" MAF \
	"\",\"adminFQDN\":\"sp.example.com\"}]}"
#define TO_CSE "{\"version\":1,\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"gba\",\"uri\":\"http://" BSF ":8080/ub\",\"target\":\"" CSE \
	"\",\"SUID\":22,\"adminFQDN\":\"sp.example.com\"}]}"
#define UTC (NOW + 5)

/* What the card keeps, in memory. */
struct shelf { struct mst_secenv s; uint8_t b[1024]; size_t n; };

static int shelf_load(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct shelf *f = (struct shelf *)s;

	(void)name;
	(void)d;
	if (!f->n)
		return MST_SECENV_NONE;
	assert_true(f->n <= cap);
	memcpy(out, f->b, f->n);
	*ret_n = f->n;
	return 0;
}

static int shelf_store(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	struct shelf *f = (struct shelf *)s;

	(void)name;
	(void)d;
	assert_true(v.n <= sizeof(f->b));
	memcpy(f->b, v.p, v.n);
	f->n = v.n;
	return 0;
}

static const struct mst_secenv_ops shelf_ops = { .name = "shelf", .load_blob = shelf_load, .store_blob = shelf_store };

static struct muster_enrolee e;
static struct muster_card_room room;
static struct world *w;
static struct {
	struct shelf shelf;
	struct mst_card_port *port;
	unsigned commands;
	bool gone;
} sim;

static int exchange(void *ctx, const unsigned char *command, size_t n, unsigned char *answer, size_t cap, size_t *ret_n)
{
	uint8_t out[MST_APDU_ANSWER_MAX];
	struct mst_diag d = { 0 };

	assert_ptr_equal(ctx, &sim);
	sim.commands++;
	if (sim.gone || sim.port->ops->transmit(sim.port, (struct mst_view){ command, n }, out, ret_n, &d))
		return -1;
	assert_true(*ret_n <= cap);
	memcpy(answer, out, *ret_n);
	return 0;
}

static int md5(void *ctx, const void *octets, size_t n, unsigned char out[16])
{
	(void)ctx;
	return c->ops->old_hash(c, MST_OLD_MD5, (struct mst_view){ octets, n }, out);
}

static int read_xml(void *ctx, const void *xml, size_t n, void *p, size_t cap, struct muster_bootstrapping *ret)
{
	struct mst_arena a = mst_arena_of(p, cap);
	struct mst_bsf_info i = { .lifetime = 0 };

	(void)ctx;
	if (mst_xml_bsf_info((struct mst_view){ xml, n }, &a, &i, NULL))
		return 1;
	*ret = (struct muster_bootstrapping){ { i.btid.p, i.btid.n }, i.lifetime, i.current_time, { i.configuration.p, i.configuration.n } };
	return 0;
}

static int hmac(void *ctx, const void *key, size_t key_n, const void *message, size_t n, unsigned char out[32])
{
	(void)ctx;
	return c->ops->hmac_sha256(c, (struct mst_view){ key, key_n }, (struct mst_view){ message, n }, out);
}

static struct muster_card card(void)
{
	return (struct muster_card){ .size = sizeof(struct muster_card), .room = &room, .ctx = &sim, .exchange = exchange, .md5 = md5,
				     .bootstrapping_info = read_xml, .cse_id = "//sp.example.com/C7" };
}

static enum muster_reason init(const struct muster_card *k)
{
	struct muster_config config = { .size = sizeof(config), .crypto = { NULL, hmac }, .card = k };

	return muster_init(&e, &config);
}

static struct muster_card port;
static bool strict_amf;

static void begin(const char *sequence, bool gba_u)
{
	struct muster_start s = { .size = sizeof(s), .sequence = sequence, .sequence_n = strlen(sequence), .random = { 1 } };
	struct mst_card_software soft = { "001010000000001", 2, NULL, NULL, gba_u, &sim.shelf.s };
	struct mst_diag d = { 0 };

	w = world_new();
	w->gba_u = w->rc.in_card = gba_u;
	sim.shelf = (struct shelf){ .s.ops = &shelf_ops };
	soft.keys = &w->k;
	assert_int_equal(mst_card_software_open(&soft, c, &sim.port, &d), 0);
	sim.commands = 0;
	sim.gone = false;
	port = card();
	port.strict_amf = strict_amf;
	assert_int_equal(init(&port), MUSTER_OK);
	assert_int_equal(muster_start(&e, &s, 1, UTC), MUSTER_OK);
}

static void end(void)
{
	static const struct muster_card_room nothing;

	muster_wipe(&e);
	assert_memory_equal(&room, &nothing, sizeof(room));
	sim.port->ops->close(sim.port);
	world_free(w);
}

static void ask_card(void)
{
	static const unsigned char random[16] = { 7, 7, 7 };

	assert_int_equal(muster_want(&e), MUSTER_WANT_CARD);
	muster_use_card(&e, random, 1, UTC);
}

static void open_bsf(uint16_t at)
{
	const struct muster_session *s = muster_session(&e);

	assert_int_equal(muster_want(&e), MUSTER_WANT_OPEN);
	assert_true(s->auth == MUSTER_AUTH_NONE && !strcmp(s->host, BSF) && s->port == at && !s->psk.n && !s->export_label);
	muster_opened(&e, NULL, 1, UTC);
}

/* One request and its answer, in pieces. */
static void ask_bsf(void)
{
	const void *p;
	size_t n, all;
	char text[4096];

	assert_int_equal(muster_want(&e), MUSTER_WANT_SEND);
	p = muster_output(&e, &n);
	assert_true(n > 10 && n < sizeof(text));
	memcpy(text, p, n);
	muster_sent(&e, 10);
	muster_sent(&e, n - 10);
	split(&w->request, (struct mst_view){ (const uint8_t *)text, n });
	memset(w->answer.text, 0, sizeof(w->answer.text));
	bsf(w);
	all = strlen(w->answer.text);
	for (size_t at = 0; at < all; at += 100) {
		assert_int_equal(muster_want(&e), MUSTER_WANT_RECEIVE);
		muster_received(&e, w->answer.text + at, all - at < 100 ? all - at : 100, 1, UTC);
	}
}

static void is_key(const struct mst_key *key, const char *fqdn)
{
	struct gba_ua ua = gba_ua_tls(0x00ae);
	uint8_t id[GBA_NAF_ID_MAX];
	struct mst_key want;
	size_t n;

	assert_true(gba_naf_id(mst_view_str(fqdn), &ua, id, &n));
	assert_int_equal(gba_ks_naf(c, GBA_KEY_ME, w->ks, w->session.rnd, mst_view_str(IMPI), (struct mst_view){ id, n }, &want), 0);
	assert_true(mst_ct_equal(mst_key_view(key), mst_key_view(&want)));
}

/* What is to be stored; and the session that is wanted then. */
static void saved(const char *fqdn, uint16_t at, bool in_card)
{
	struct mst_root_cred cred;
	size_t n;
	const void *p;

	assert_int_equal(muster_want(&e), MUSTER_WANT_SAVE);
	p = muster_record(&e, &n);
	assert_true(n && mst_root_cred_decode((struct mst_view){ p, n }, &cred));
	assert_string_equal(cred.key_id, w->session.btid);
	assert_string_equal(cred.cse_id, "//sp.example.com/C7");
	assert_int_equal(cred.ke.n, in_card ? 0 : GBA_KS);
	is_key(&cred.key, fqdn);
	muster_saved(&e, 1, UTC);
	assert_int_equal(muster_want(&e), MUSTER_WANT_OPEN);
	assert_true(muster_session(&e)->auth == MUSTER_AUTH_PSK && muster_session(&e)->suite == 0x00ae && muster_session(&e)->port == at);
	assert_string_equal(muster_session(&e)->host, fqdn);
	assert_string_equal(muster_session(&e)->psk_identity, w->session.btid);
}

static void failed(enum muster_reason r, const char *words)
{
	assert_int_equal(muster_want(&e), MUSTER_WANT_NOTHING);
	assert_int_equal(muster_end(&e), r);
	if (!strstr(muster_detail(&e), words))
		fail_msg("%s", muster_detail(&e));
}

static void to_a_maf(void **state)
{
	(void)state;
	for (int in_card = 0; in_card < 2; in_card++) {
		begin(TO_MAF, in_card);
		assert_string_equal(muster_step(&e), "bsf.bootstrap");
		ask_card();                      /* who it is */
		open_bsf(80);
		ask_bsf();
		ask_card();
		ask_bsf();
		if (in_card)
			ask_card();              /* the NAF key */
		saved(MAF, 443, in_card);
		assert_true(sim.commands > 5);
		end();
	}
}

static void to_a_cse(void **state)
{
	(void)state;
	begin(TO_CSE, false);
	ask_card();
	open_bsf(8080);
	ask_bsf();
	ask_card();
	ask_bsf();
	saved("in-cse.sp.example.com", 443, false);
	/* the session that opens is the proof */
	muster_opened(&e, NULL, 1, UTC);
	assert_int_equal(muster_want(&e), MUSTER_WANT_SAVE);
	muster_saved(&e, 1, UTC);
	muster_saved(&e, 1, UTC);
	assert_int_equal(muster_want(&e), MUSTER_WANT_NOTHING);
	assert_int_equal(muster_end(&e), MUSTER_OK);
	end();
}

/* Lesson: many BSFs close after each answer, some before the card has spoken, some under the next request. */
static void a_bsf_that_closes(void **state)
{
	size_t n;

	(void)state;
	begin(TO_MAF, false);
	ask_card();
	open_bsf(80);
	ask_bsf();
	muster_lost(&e, MUSTER_OK, NULL, 1, UTC);        /* while the card is wanted */
	ask_card();
	open_bsf(80);
	assert_int_equal(muster_want(&e), MUSTER_WANT_SEND);
	(void)muster_output(&e, &n);
	muster_sent(&e, n);
	muster_lost(&e, MUSTER_UNREACHABLE, "reset", 1, UTC);
	open_bsf(80);
	ask_bsf();
	saved(MAF, 443, false);
	end();
}

/* TS 33.102 annex H: a challenge with the separation bit is a challenge as any, or one that the card does not even see. */
static void a_challenge_for_another_kind_of_access(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool bit = i & 1;
		unsigned asked;

		strict_amf = i & 2;
		begin(TO_MAF, false);
		w->amf[0] = bit ? 0x80 : 0x7f;
		ask_card();
		open_bsf(80);
		asked = sim.commands;
		ask_bsf();
		if (bit && strict_amf) {
			failed(MUSTER_FALSE_NETWORK, "AMF 8000");
			assert_int_equal(sim.commands, asked);
		} else {
			ask_card();
			ask_bsf();
			saved(MAF, 443, false);
		}
		end();
	}
	strict_amf = false;
}

static void what_may_be_missing(void **state)
{
	(void)state;
	begin(TO_MAF, false);
	sim.gone = true;
	ask_card();
	failed(MUSTER_NO_CARD, "no answer");
	end();
	begin(TO_MAF, false);
	ask_card();
	muster_lost(&e, MUSTER_UNREACHABLE, "no route", 1, UTC);
	failed(MUSTER_UNREACHABLE, "no route");
	end();
	/* the challenge is of who does not have the card's key: nothing is answered */
	begin(TO_MAF, false);
	ask_card();
	open_bsf(80);
	w->k.k[0] ^= 1;
	ask_bsf();
	ask_card();
	failed(MUSTER_FALSE_NETWORK, "");
	end();
	/* the card goes between two questions */
	begin(TO_MAF, false);
	ask_card();
	open_bsf(80);
	ask_bsf();
	sim.gone = true;
	ask_card();
	failed(MUSTER_NO_CARD, "no answer");
	end();
	/* nobody answers */
	begin(TO_MAF, false);
	ask_card();
	open_bsf(80);
	assert_true(muster_deadline(&e) > 1 && muster_deadline(&e) < MUSTER_NEVER);
	muster_tick(&e, muster_deadline(&e), UTC);
	failed(MUSTER_TIMEOUT, "");
	end();
	/* what answers is no BSF */
	begin(TO_MAF, false);
	ask_card();
	open_bsf(80);
	{
		static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", broken[] = "SSH-2.0-x\r\n\r\n";
		size_t n;

		(void)muster_output(&e, &n);
		muster_sent(&e, n);
		muster_received(&e, page, sizeof(page) - 1, 1, UTC);
		assert_int_equal(muster_want(&e), MUSTER_WANT_NOTHING);
		assert_int_not_equal(muster_end(&e), MUSTER_OK);
		end();
		begin(TO_MAF, false);
		ask_card();
		open_bsf(80);
		(void)muster_output(&e, &n);
		muster_sent(&e, n);
		muster_received(&e, broken, sizeof(broken) - 1, 1, UTC);
		failed(MUSTER_MALFORMED, "");
		end();
	}
}

static void a_second_run_begins_anew(void **state)
{
	struct muster_start s = { .size = sizeof(s), .sequence = TO_MAF, .sequence_n = sizeof(TO_MAF) - 1, .random = { 2 } };

	(void)state;
	begin(TO_MAF, false);
	ask_card();
	open_bsf(80);
	ask_bsf();
	assert_int_equal(muster_start(&e, &s, 1, UTC), MUSTER_OK);
	ask_card();
	open_bsf(80);
	ask_bsf();
	ask_card();
	ask_bsf();
	saved(MAF, 443, false);
	end();
}

static void layout(void **state)
{
	(void)state;
#ifdef __LP64__
	assert_int_equal(sizeof(struct muster_card), 88);
	assert_int_equal(sizeof(struct muster_card_room), 32768);
	assert_int_equal(sizeof(struct muster_bootstrapping), 48);
#endif
	assert_int_equal(MUSTER_WANT_CARD, 6);
	assert_int_equal(MUSTER_AUTH_NONE, 2);
	assert_int_equal(MUSTER_UNKNOWN_SUBSCRIBER, 23);
}

static void ports_that_are_none(void **state)
{
	struct muster_card bad[5];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		bad[i] = card();
	bad[0].size--;
	bad[1].room = NULL;
	bad[2].exchange = NULL;
	bad[3].md5 = NULL;
	bad[4].bootstrapping_info = NULL;
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_int_equal(init(&bad[i]), MUSTER_UNSUPPORTED);
	/* without a card the method is not there */
	assert_int_equal(init(NULL), MUSTER_OK);
	{
		struct muster_start s = { .size = sizeof(s), .sequence = TO_MAF, .sequence_n = sizeof(TO_MAF) - 1 };

		assert_int_equal(muster_start(&e, &s, 1, UTC), MUSTER_OK);
		failed(MUSTER_UNSUPPORTED, "no subscriber's card");
	}
	muster_wipe(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_a_maf), cmocka_unit_test(to_a_cse), cmocka_unit_test(a_bsf_that_closes), cmocka_unit_test(a_challenge_for_another_kind_of_access),
		cmocka_unit_test(what_may_be_missing),
		cmocka_unit_test(a_second_run_begins_anew), cmocka_unit_test(ports_that_are_none), cmocka_unit_test(layout),
	};

	c = mst_crypto_openssl();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("enrolee: a device with a card", tests, NULL, NULL);
}
