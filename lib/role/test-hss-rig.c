#include "role/test-hss-rig.h"

#include <stdio.h>

#include "base/text.h"
#include "codec/gba-sbi.h"

#define CHANNEL 4

struct aka_sim hss_sim;
struct aka_usim hss_card;
static struct mst_channel local = { .id = 9, .key = { 9 } }, hss = { .id = CHANNEL, .key = { 4 } };

static void put_sim(void)
{
	struct mst_sim s = { .algorithm = AKA_MILENAGE, .ind = 1, .gsid = 1000001, .lifetime = 3600, .created = RIG_NOW, .changed = RIG_NOW };
	struct mst_key k = { .n = 0 };
	struct mst_writer w = mst_writer_of(k.b, sizeof(k.b));
	struct mst_wrapped sealed;

	snprintf(s.imsi, sizeof(s.imsi), HSS_IMSI);
	snprintf(s.impi, sizeof(s.impi), HSS_IMPI);
	snprintf(s.msisdn, sizeof(s.msisdn), "491700000001");
	snprintf(s.naf_group, sizeof(s.naf_group), "m2m");
	s.node = est_rig.node;
	aka_sim_pack(&hss_sim, &w);
	k.n = w.n;
	assert_int_equal(mst_channel_seal(&local, est_rig.crypto, MST_PURPOSE_SIM, &k, &sealed), 0);
	assert_int_equal(est_rig.keeper->ops->wrap(est_rig.keeper, local.id, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_SIM, HSS_IMSI,
						   &s.key), 0);
	assert_int_equal(mst_store_sim_insert(est_rig.store, &s), 0);
}

int hss_up(void **state)
{
	/* TS 35.208 set 1 */
	static const char text[] = "milenage:465b5ce8b199b49faa5f0a2ee238a6bc:opc:cd63cb71954a9f4e48a5994e37a02baf=6d51";
	struct mst_diag d = { 0 };

	est_up(state);
	assert_int_equal(aka_sim_read(MST_VIEW_LIT(text), &hss_sim, &d), 0);
	hss_card = (struct aka_usim){ .ind_bits = AKA_IND_BITS, .delta = AKA_DELTA };
	assert_int_equal(mst_keeper_local_channel(est_rig.keeper, local.id, local.key, MST_DUTY_ADMIN), 0);
	assert_int_equal(mst_keeper_local_channel(est_rig.keeper, hss.id, hss.key, MST_DUTY_HSS), 0);
	snprintf(est_rig.hss_conf.fqdn, MST_ID_MAX, "hss.sp.example.com");
	snprintf(est_rig.hss_conf.zh_bsf[0], MST_ID_MAX, "other.sp.example.com");
	snprintf(est_rig.hss_conf.zh_bsf[1], MST_ID_MAX, HSS_BSF);
	est_rig.hss_conf.n_zh_bsf = 2;
	est_rig.hss_conf.vector_interval = 10;
	est_rig.hss_conf.vector_burst = 20;
	put_sim();
	return 0;
}

int hss_down(void **state)
{
	return est_down(state);
}

/* What listener-answer.c does with the parcel. */
static void fill(void)
{
	const struct mst_parcel *p = &est_rig.a.parcel;
	struct mst_writer w = mst_writer_of(est_rig.text, sizeof(est_rig.text));
	struct mst_view content = mst_written(&est_rig.a.content);
	struct mst_sbi_hole hole[MST_FILLS_MAX];
	struct mst_key k;

	if (p->n_fills) {
		assert_int_equal(mst_channel_open(&hss, est_rig.crypto, MST_USE_VECTOR, &p->sealed, &k), 0);
		for (size_t i = 0; i < p->n_fills; i++)
			hole[i] = (struct mst_sbi_hole){ p->fill[i].at, p->fill[i].from, p->fill[i].n };
		mst_sbi_fill(content, hole, p->n_fills, mst_key_view(&k), &w);
	} else {
		mst_put(&w, content);
	}
	mst_put_nul(&w);
	assert_true(w.ok);
}

void hss_prepare(const char *bsf, enum mst_op op, const char *to, const char *content)
{
	rig_peer_cert(&est_rig, MST_ID_FQDN, bsf);
	est_rig.x.role = MST_ROLE_HSS;
	est_rig.x.channel = CHANNEL;
	est_rig.x.plain = true;
	est_rig.x.request = (struct mst_request){ .op = op, .to = mst_view_str(to), .media = MST_VIEW_LIT("application/json"),
						  .content = mst_view_str(content) };
}

int hss_ask(const char *bsf, enum mst_op op, const char *to, const char *content)
{
	int r;

	hss_prepare(bsf, op, to, content);
	r = rig_handle(&est_rig, MST_ROLE_HSS);
	if (r > 0)
		fill();
	return r;
}

int hss_vector(void)
{
	return hss_ask(HSS_BSF, MST_OP_CREATE, HSS_AUTH, HSS_PLAIN_ASK);
}

const char *hss_resync_ask(const uint8_t rnd[16], const uint8_t auts[14])
{
	static char text[512];
	struct mst_zh_ask m = { .resync = true };
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	memcpy(m.rnd, rnd, sizeof(m.rnd));
	memcpy(m.auts, auts, sizeof(m.auts));
	mst_zh_ask_write(MST_SBI_ZH_AUTH, &m, &w);
	mst_put_nul(&w);
	assert_true(w.ok);
	return text;
}

int hss_resync(const uint8_t rnd[16], const uint8_t auts[14])
{
	return hss_ask(HSS_BSF, MST_OP_CREATE, HSS_AUTH, hss_resync_ask(rnd, auts));
}

struct hss_got hss_got(void)
{
	uint8_t room[MST_SBI_ARENA];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_zh_answer m;
	struct mst_diag d = { 0 };
	struct mst_key k;
	struct hss_got g;

	if (mst_zh_answer_read(MST_SBI_ZH_AUTH, mst_view_str(est_rig.text), &a, &m, &k, &d))
		fail_msg("%s: %s: %s", est_rig.text, d.field, d.text);
	memset(&g, 0, sizeof(g));
	memcpy(g.rnd, m.rnd, sizeof(g.rnd));
	memcpy(g.autn, m.autn, sizeof(g.autn));
	g.xres_n = m.xres_n;
	assert_int_equal(k.n, g.xres_n + 32);
	memcpy(g.xres, k.b, g.xres_n);
	memcpy(g.ck, k.b + g.xres_n, 16);
	memcpy(g.ik, k.b + g.xres_n + 16, 16);
	return g;
}

int hss_card_takes(const struct hss_got *g, struct aka_answer *ret)
{
	int r = aka_amf_separated(g->autn) ? -1 : aka_usim_run(est_rig.crypto, &hss_sim.keys, &hss_card, g->rnd, g->autn, ret);

	if (r)
		return r;
	assert_int_equal(ret->res_n, g->xres_n);
	assert_memory_equal(ret->res, g->xres, g->xres_n);
	assert_memory_equal(ret->ck, g->ck, 16);
	assert_memory_equal(ret->ik, g->ik, 16);
	return 0;
}

struct mst_sim hss_row(void)
{
	struct mst_sim s;

	assert_int_equal(mst_store_sim_find(est_rig.store, MST_SIM_BY_IMSI, HSS_IMSI, &s), 0);
	return s;
}

void hss_put_row(const struct mst_sim *s)
{
	assert_int_equal(mst_store_sim_update(est_rig.store, s), 0);
}
