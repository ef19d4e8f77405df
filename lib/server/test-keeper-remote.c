/* The keeper across octets: every call arrives as it was made, every result comes back, garbage is denied. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "keeper/keeper-wire.h"

static struct { char call[16], id[MST_ID_MAX], target[MST_ID_MAX]; uint32_t n; int suid, rc; unsigned asked; uint64_t event; } seen;

static int give(const char *call, const char *id, struct mst_wrapped *ret)
{
	strcpy(seen.call, call);
	snprintf(seen.id, sizeof(seen.id), "%s", id);
	*ret = (struct mst_wrapped){ { 1, 2, 3 }, 3 };
	return seen.rc;
}

static int wrap(struct mst_keeper *k, uint32_t from, struct mst_view s, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	(void)p;
	seen.n = from + (uint32_t)s.n;
	return give("wrap", id, ret);
}

static int create(struct mst_keeper *k, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	seen.n = p;
	return give("create", id, ret);
}

static int release(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, enum mst_key_purpose p,
                   const char *id, enum mst_derive_how how, int suid, const char *target, uint32_t to, struct mst_wrapped *ret)
{
	(void)k;
	assert_true(a->what == MST_AUTH_RELEASE && how == MST_DERIVE_USAGE && p == MST_PURPOSE_KE && w->n == 2);
	assert_string_equal(a->to, "somebody");
	seen.event = a->event;
	seen.suid = suid;
	seen.n = to;
	strcpy(seen.target, target);
	return give("release", id, ret);
}

static int derive(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *id, enum mst_derive_how how,
                  int suid, const char *target, enum mst_key_purpose np, const char *nid, struct mst_wrapped *ret)
{
	(void)k;
	(void)w;
	(void)how;
	assert_true(p == MST_PURPOSE_KE && np == MST_PURPOSE_KM);
	assert_string_equal(nid, "new");
	seen.suid = suid;
	strcpy(seen.target, target);
	return give("derive", id, ret);
}

static int sign(struct mst_keeper *k, const struct mst_authorisation *a, struct mst_view tbs, uint8_t *sig, size_t cap, size_t *ret_n)
{
	(void)k;
	assert_true(a->what == MST_AUTH_SIGN && cap >= 72);
	seen.n = (uint32_t)tbs.n;
	memset(sig, 9, 70);
	*ret_n = 70;
	return seen.rc;
}

static int ca_cert(struct mst_keeper *k, uint8_t *der, size_t cap, size_t *ret_n)
{
	(void)k;
	assert_true(cap >= 2000);
	memset(der, 8, 2000);
	seen.asked++;
	*ret_n = 2000;
	return 0;
}

static int differs(struct mst_keeper *k, uint32_t from, struct mst_view sealed, const struct mst_wrapped *w, enum mst_key_purpose p,
                   const char *id)
{
	(void)k;
	assert_true(sealed.n == 6 && w->n == 2 && p == MST_PURPOSE_KPM && !strcmp(id, "s-id"));
	seen.n = from;
	return seen.rc;
}

static int trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, enum mst_key_purpose p,
                   const char *key_id, const char *node_id, struct mst_view body, uint8_t mac[MST_TRIGGER_MAC])
{
	(void)k;
	assert_true(a->what == MST_AUTH_TRIGGER && w->n == 2 && p == MST_PURPOSE_KM && !strcmp(key_id, "t-id"));
	assert_true(!strcmp(node_id, "urn:a") && mst_view_eq_str(body, "body"));
	memset(mac, 6, MST_TRIGGER_MAC);
	return seen.rc;
}

static int status(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_ocsp_answer *s, uint8_t *der, size_t cap,
                  size_t *ret_n)
{
	(void)k;
	assert_true(a->what == MST_AUTH_STATUS && !strcmp(a->key_id, "05") && cap >= MST_OCSP_RESPONSE_MAX);
	assert_true(s->n == 8 && s->single[7].id.n == MST_OCSP_ID_MAX && s->single[7].id.der[MST_OCSP_ID_MAX - 1] == 7);
	assert_true(s->single[7].status == MST_OCSP_REVOKED && s->single[7].revoked == 1234567890123 && s->single[7].reason == 9);
	assert_true(s->n_nonce == MST_OCSP_NONCE_MAX && s->nonce[127] == 5 && s->this_update == 11 && s->next_update == 12);
	memset(der, 4, 3000);
	*ret_n = 3000;
	return seen.rc;
}

static int aka_vector(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *id, uint64_t sqn,
                      const uint8_t amf[2], uint32_t to, struct mst_vector *ret)
{
	(void)k;
	assert_true(a->what == MST_AUTH_VECTOR && w->n == 2 && !strcmp(id, "sim") && sqn == 0xfedcba987654 && amf[0] == 7 && amf[1] == 8);
	seen.n = to;
	memset(ret->rnd, 1, sizeof(ret->rnd));
	memset(ret->autn, 2, sizeof(ret->autn));
	ret->xres_n = 16;
	memset(ret->sealed.b, 3, MST_WRAPPED_MAX);
	ret->sealed.n = MST_WRAPPED_MAX;
	return seen.rc;
}

static int aka_resync(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *id,
                      const uint8_t rnd[16], const uint8_t auts[14], uint64_t *ret)
{
	(void)k;
	assert_true(a->what == MST_AUTH_VECTOR && w->n == 2 && !strcmp(id, "sim") && rnd[15] == 15 && auts[13] == 13);
	*ret = 0x123456789abc;
	return seen.rc;
}

static int gba_star(struct mst_keeper *k, const struct mst_wrapped *w, const char *btid, uint8_t autn[GBA_AUTN])
{
	(void)k;
	assert_true(w->n == 2 && !strcmp(btid, "b-tid") && autn[0] == 1 && autn[15] == 1);
	memset(autn, 9, GBA_AUTN);
	return seen.rc;
}

static int gba_answer(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *btid,
		      const struct mst_ub *q, struct mst_ub_answer *ret)
{
	(void)k;
	assert_true(a->what == MST_AUTH_BOOTSTRAP && w->n == 2 && !strcmp(btid, "b-tid") && !strcmp(q->impi, "impi") && q->tmpi);
	assert_true(q->claim.algorithm == GBA_AKAV2_MD5 && q->claim.qop == GBA_QOP_AUTH && mst_view_eq_str(q->claim.username, "u") &&
		    mst_view_eq_str(q->claim.realm, "r") && mst_view_eq_str(q->claim.nonce, "n") && mst_view_eq_str(q->claim.nc, "nc") &&
		    mst_view_eq_str(q->claim.cnonce, "c") && mst_view_eq_str(q->claim.uri, "/") && mst_view_eq_str(q->claim.response, "x"));
	seen.n = (uint32_t)q->body.n;
	memset(ret, 0, sizeof(*ret));
	memset(ret->tmpi, 't', sizeof(ret->tmpi) - 1);
	memset(ret->rspauth, 'a', 32);
	ret->ks.n = MST_WRAPPED_MAX;
	return seen.rc;
}

static int gba_naf_keys(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *btid,
			const char *impi, struct mst_view naf_id, bool in_card, uint32_t to, struct mst_wrapped *ret)
{
	(void)k;
	assert_true(a->what == MST_AUTH_RELEASE && w->n == 2 && !strcmp(btid, "b-tid") && !strcmp(impi, "impi") && in_card);
	assert_true(mst_view_eq_str(naf_id, "naf"));
	seen.n = to;
	return give("naf", btid, ret);
}

static int gba_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const struct mst_gba_trigger *q,
		       uint8_t mac[MST_TRIGGER_MAC])
{
	(void)k;
	assert_true(a->what == MST_AUTH_TRIGGER && w->n == 2 && !strcmp(q->btid, "b-tid") && !strcmp(q->impi, "impi"));
	assert_true(!strcmp(q->naf_fqdn, "naf.example.com") && !strcmp(q->node_id, "urn:a") && mst_view_eq_str(q->body, "body"));
	memset(mac, 8, MST_TRIGGER_MAC);
	return seen.rc;
}

static int seal_log(struct mst_keeper *k, struct mst_log_seal *s, bool anew)
{
	(void)k;
	assert_true(s->seq == 0x123456789 && s->hash[31] == 31 && s->when == 1790000000 && anew);
	memset(s->sig, 6, sizeof(s->sig));
	return seen.rc;
}

static int last_seal(struct mst_keeper *k, struct mst_log_seal *ret)
{
	(void)k;
	*ret = (struct mst_log_seal){ .seq = 7, .when = 8, .sig = { 9 } };
	return seen.rc;
}

static int generations(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	(void)k;
	*ret = (struct mst_keeper_generations){ 2, 1, 3, { 4, [15] = 5 } };
	return 0;
}

static int rotate(struct mst_keeper *k, uint32_t *ret)
{
	(void)k;
	*ret = 3;
	return 0;
}

static int rewrap(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	assert_true(w->n == 2 && p == MST_PURPOSE_KS && !strcmp(id, "b-tid"));
	ret->n = MST_WRAPPED_MAX;
	return seen.rc;
}

static int retire(struct mst_keeper *k, uint32_t gen)
{
	(void)k;
	return gen == 2 ? 0 : MST_KEEPER_DENIED;
}

static int rates(struct mst_keeper *k, struct mst_keeper_rates *ret)
{
	uint32_t v = 1;

	(void)k;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < MST_RATE__COUNT; i++, v += 8)
		ret->of[i] = (struct mst_keeper_rate_state){ v, v + 1, v + 2, v + 3, i ? v + 4 : MST_RATE_NEVER, v + 7, { v + 5, v + 6 } };
	return seen.rc;
}

static int ca_state(struct mst_keeper *k, struct mst_keeper_ca *ret)
{
	(void)k;
	*ret = (struct mst_keeper_ca){ 3, true, 5, "pulled out" };
	return seen.rc;
}

static int leave_ask(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret)
{
	(void)k;
	assert_true(q->from == 9 && q->now == 1800000000 && mst_view_eq_str(q->statement, "said") && q->request.n == MST_SAID_MAX);
	*ret = (struct mst_ticket){ .uid = 1201, .when = 1800000000, .nonce = { 1, 2, 3 }, .wrapped = { { 7 }, MST_WRAPPED_MAX } };
	return seen.rc;
}

static int leave_give(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket)
{
	(void)k;
	assert_true(mst_view_eq_str(yes->request, "yes") && request.n == MST_SAID_MAX && ticket->n == 2);
	return seen.rc;
}

static int leave_own(struct mst_keeper *k, const struct mst_said *q)
{
	(void)k;
	assert_true(q->from == 9 && q->now == 1800000000 && mst_view_eq_str(q->statement, "said") && mst_view_eq_str(q->request, "yes"));
	return seen.rc;
}

static const struct mst_keeper_ops local_ops = { "test", wrap, create, release, differs, derive, sign, ca_cert, trigger, status, aka_vector, aka_resync,
                                                 gba_star, gba_answer, gba_naf_keys, gba_trigger, seal_log, last_seal,
                                                 generations, rotate, rewrap, retire, rates, ca_state, leave_ask, leave_give, leave_own, NULL };
static struct mst_keeper local = { &local_ops };
static int broken;

static int carry(void *arg, struct mst_view q, uint8_t *answer, size_t cap, size_t *ret_n)
{
	struct mst_writer w = mst_writer_of(answer, cap);

	(void)arg;
	if (broken < 0)
		return broken;
	(void)mst_keeper_serve(&local, q, &w);
	assert_true(w.ok);
	*ret_n = w.n - (size_t)broken;
	return 0;
}

static void ask_status(struct mst_keeper *k)
{
	struct mst_authorisation a = { MST_AUTH_STATUS, "05", "x", 0 };
	struct mst_ocsp_answer s = { .n = MST_OCSP_ASKED_MAX, .n_nonce = MST_OCSP_NONCE_MAX, .this_update = 11, .next_update = 12 };
	static uint8_t der[MST_OCSP_RESPONSE_MAX];
	size_t n = 0;

	memset(s.nonce, 5, sizeof(s.nonce));
	for (size_t i = 0; i < s.n; i++) {
		s.single[i].id.n = MST_OCSP_ID_MAX;
		memset(s.single[i].id.der, (int)i, MST_OCSP_ID_MAX);
		s.single[i].status = MST_OCSP_REVOKED;
		s.single[i].revoked = 1234567890123;
		s.single[i].reason = 9;
	}
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), 0);
	assert_true(n == 3000 && der[2999] == 4);
	s.n = MST_OCSP_ASKED_MAX + 1;
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), MST_FAULT_BUG);
}

static void ask_aka(struct mst_keeper *k)
{
	struct mst_authorisation a = { MST_AUTH_VECTOR, "sim", "bsf", 0 };
	struct mst_wrapped w = { { 4, 5 }, 2 };
	uint8_t rnd[16], auts[14];
	struct mst_vector v;
	uint64_t sqn = 0;

	memset(&v, 0, sizeof(v));
	for (uint8_t i = 0; i < 16; i++)
		rnd[i] = auts[i % 14] = i;
	auts[13] = 13;
	assert_int_equal(k->ops->aka_vector(k, &a, &w, "sim", 0xfedcba987654, (const uint8_t[]){ 7, 8 }, 44, &v), 0);
	assert_true(seen.n == 44 && v.rnd[0] == 1 && v.rnd[15] == 1 && v.autn[0] == 2 && v.autn[15] == 2 && v.xres_n == 16);
	assert_true(v.sealed.n == MST_WRAPPED_MAX && v.sealed.b[MST_WRAPPED_MAX - 1] == 3);
	assert_int_equal(k->ops->aka_resync(k, &a, &w, "sim", rnd, auts, &sqn), 0);
	assert_true(sqn == 0x123456789abc);
	seen.rc = MST_KEEPER_FORGED;
	sqn = 0;
	v.xres_n = 0;
	assert_int_equal(k->ops->aka_resync(k, &a, &w, "sim", rnd, auts, &sqn), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->aka_vector(k, &a, &w, "sim", 0xfedcba987654, (const uint8_t[]){ 7, 8 }, 44, &v), MST_KEEPER_FORGED);
	assert_true(!sqn && !v.xres_n);
	seen.rc = 0;
}

static void ask_gba(struct mst_keeper *k)
{
	struct mst_gba_trigger t = { "b-tid", "impi", "naf.example.com", "urn:a", MST_VIEW_LIT("body") };
	uint8_t mac[MST_TRIGGER_MAC];
	struct mst_authorisation a = { MST_AUTH_BOOTSTRAP, "b-tid", "impi", 0 };
	struct mst_wrapped w = { { 4, 5 }, 2 }, out = { { 0 }, 0 };
	static uint8_t body[MST_BSF_INFO_OCTETS + 1];
	struct mst_ub q = { .claim = { GBA_AKAV2_MD5, GBA_QOP_AUTH, MST_VIEW_LIT("u"), MST_VIEW_LIT("r"), MST_VIEW_LIT("n"), MST_VIEW_LIT("nc"),
				       MST_VIEW_LIT("c"), MST_VIEW_LIT("/"), MST_VIEW_LIT("x") },
			    .impi = "impi", .tmpi = true, .body = { body, MST_BSF_INFO_OCTETS } };
	struct mst_ub_answer got = { .ks.n = 0 };
	uint8_t autn[GBA_AUTN];

	memset(autn, 1, sizeof(autn));
	assert_int_equal(k->ops->gba_star(k, &w, "b-tid", autn), 0);
	assert_true(autn[0] == 9 && autn[15] == 9);
	assert_int_equal(k->ops->gba_answer(k, &a, &w, "b-tid", &q, &got), 0);
	assert_true(seen.n == MST_BSF_INFO_OCTETS && got.ks.n == MST_WRAPPED_MAX && strlen(got.tmpi) == MST_ID_MAX - 1 && strlen(got.rspauth) == 32);
	q.body.n++;
	assert_int_equal(k->ops->gba_answer(k, &a, &w, "b-tid", &q, &got), MST_KEEPER_DENIED);
	q.body.n--;
	seen.rc = MST_KEEPER_FORGED;
	got.tmpi[0] = '\0';
	assert_int_equal(k->ops->gba_answer(k, &a, &w, "b-tid", &q, &got), MST_KEEPER_FORGED);
	assert_string_equal(got.tmpi, "");
	seen.rc = 0;
	a.what = MST_AUTH_RELEASE;
	assert_int_equal(k->ops->gba_naf_keys(k, &a, &w, "b-tid", "impi", MST_VIEW_LIT("naf"), true, 77, &out), 0);
	assert_true(seen.n == 77 && out.n == 3);
	a.what = MST_AUTH_TRIGGER;
	assert_int_equal(k->ops->gba_trigger(k, &a, &w, &t, mac), 0);
	assert_true(mac[0] == 8 && mac[MST_TRIGGER_MAC - 1] == 8);
	t.body.n = 0;
	assert_int_equal(k->ops->gba_trigger(k, &a, &w, &t, mac), MST_KEEPER_DENIED);
}

static void ask_seals(struct mst_keeper *k)
{
	struct mst_log_seal s = { .seq = 0x123456789, .when = 1790000000 };

	s.hash[31] = 31;
	assert_int_equal(k->ops->seal_log(k, &s, true), 0);
	assert_true(s.seq == 0x123456789 && s.sig[0] == 6 && s.sig[63] == 6);
	assert_int_equal(k->ops->last_seal(k, &s), 0);
	assert_true(s.seq == 7 && s.when == 8 && s.sig[0] == 9 && !s.hash[31]);
	s.seq = 0;
	assert_int_equal(k->ops->seal_log(k, &s, true), MST_KEEPER_DENIED);
}

static void ask_rotation(struct mst_keeper *k)
{
	struct mst_wrapped w = { { 4, 5 }, 2 }, out = { { 0 }, 0 };
	struct mst_keeper_generations g = { 0 };
	uint32_t gen = 0;

	assert_int_equal(k->ops->generations(k, &g), 0);
	assert_true(g.now == 2 && g.before == 1 && g.kind == 3 && g.mark[0] == 4 && g.mark[15] == 5 && !g.mark[1]);
	assert_int_equal(k->ops->rotate(k, &gen), 0);
	assert_int_equal(gen, 3);
	assert_int_equal(k->ops->rewrap(k, &w, MST_PURPOSE_KS, "b-tid", &out), 0);
	assert_int_equal(out.n, MST_WRAPPED_MAX);
	seen.rc = MST_KEEPER_SAME;
	out.n = 0;
	assert_int_equal(k->ops->rewrap(k, &w, MST_PURPOSE_KS, "b-tid", &out), MST_KEEPER_SAME);
	assert_int_equal(out.n, 0);
	seen.rc = 0;
	assert_int_equal(k->ops->rewrap(k, &w, MST_PURPOSE_NONE, "b-tid", &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->retire(k, 2), 0);
	assert_int_equal(k->ops->retire(k, 1), MST_KEEPER_DENIED);
}

static void ask_rates(struct mst_keeper *k)
{
	struct mst_keeper_rates got, want;

	assert_int_equal(rates(NULL, &want), 0);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(k->ops->rates(k, &got), 0);
	assert_memory_equal(&got, &want, sizeof(got));
	seen.rc = MST_KEEPER_BUSY;
	memset(&got, 0, sizeof(got));
	assert_int_equal(k->ops->rates(k, &got), MST_KEEPER_BUSY);
	assert_int_equal(got.of[0].minute, 0);
	seen.rc = 0;
}

static void ask_leave(struct mst_keeper *k)
{
	static const uint8_t body[MST_SAID_MAX + 1];
	struct mst_said q = { 9, MST_VIEW_LIT("said"), { body, MST_SAID_MAX }, 1800000000 };
	struct mst_wrapped w = { { 4, 5 }, 2 };
	struct mst_ticket t = { .uid = 0 }, want = { .uid = 0 };

	assert_int_equal(leave_ask(NULL, &q, &want), 0);
	assert_int_equal(k->ops->leave_ask(k, &q, &t), 0);
	assert_memory_equal(&t, &want, sizeof(t));
	q.request.n++;
	assert_int_equal(k->ops->leave_ask(k, &q, &t), MST_KEEPER_DENIED);
	q.request = MST_VIEW_LIT("yes");
	assert_int_equal(k->ops->leave_give(k, &q, (struct mst_view){ body, MST_SAID_MAX }, &w), 0);
	assert_int_equal(k->ops->leave_give(k, &q, (struct mst_view){ body, MST_SAID_MAX + 1 }, &w), MST_KEEPER_DENIED);
	seen.rc = MST_KEEPER_SAME;
	assert_int_equal(k->ops->leave_give(k, &q, (struct mst_view){ body, MST_SAID_MAX }, &w), MST_KEEPER_SAME);
	assert_int_equal(k->ops->leave_own(k, &q), MST_KEEPER_SAME);
	seen.rc = 0;
	assert_int_equal(k->ops->leave_own(k, &q), 0);
}

static void ask_ca(struct mst_keeper *k)
{
	struct mst_keeper_ca ca;

	assert_int_equal(k->ops->ca_state(k, &ca), 0);
	assert_true(ca.kind == 3 && ca.away && ca.times == 5 && !strcmp(ca.why, "pulled out"));
	seen.rc = MST_KEEPER_AWAY;
	assert_int_equal(k->ops->ca_state(k, &ca), MST_KEEPER_AWAY);
	seen.rc = 0;
}

static void calls(void **state)
{
	const struct mst_keeper_caller caller = { carry, NULL };
	struct mst_authorisation rel = { MST_AUTH_RELEASE, "id", "somebody", 77 }, sig = { MST_AUTH_SIGN, "s", "t", 1 };
	struct mst_wrapped w = { { 4, 5 }, 2 }, out = { { 0 }, 0 };
	static uint8_t big[MST_TBS_MAX];
	struct mst_keeper *k;
	size_t n = 0;

	(void)state;
	assert_int_equal(mst_keeper_remote_new(&caller, &k), 0);
	assert_int_equal(k->ops->wrap(k, 100, MST_VIEW_LIT("sealed"), MST_PURPOSE_KE, "w-id", &out), 0);
	assert_true(seen.n == 106 && out.n == 3 && !strcmp(seen.id, "w-id"));
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KM, "c-id", &out), 0);
	assert_true(seen.n == MST_PURPOSE_KM && !strcmp(seen.call, "create"));
	assert_int_equal(k->ops->release(k, &rel, &w, MST_PURPOSE_KE, "r-id", MST_DERIVE_USAGE, 21, "maf.example.com", 6, &out), 0);
	assert_true(seen.event == 77 && seen.suid == 21 && seen.n == 6 && !strcmp(seen.target, "maf.example.com"));
	assert_int_equal(k->ops->differs(k, 100, MST_VIEW_LIT("sealed"), &w, MST_PURPOSE_KPM, "s-id"), 0);
	assert_int_equal(seen.n, 100);
	seen.rc = MST_KEEPER_SAME;
	assert_int_equal(k->ops->differs(k, 100, MST_VIEW_LIT("sealed"), &w, MST_PURPOSE_KPM, "s-id"), MST_KEEPER_SAME);
	seen.rc = 0;
	assert_int_equal(k->ops->derive(k, &w, MST_PURPOSE_KE, "d-id", MST_DERIVE_KM, 22, "x", MST_PURPOSE_KM, "new", &out), 0);
	assert_true(seen.suid == 22 && !strcmp(seen.call, "derive"));
	assert_int_equal(k->ops->sign(k, &sig, (struct mst_view){ big, MST_TBS_MAX }, big, 80, &n), 0);
	assert_true(seen.n == MST_TBS_MAX && n == 70);
	assert_int_equal(k->ops->sign(k, &sig, MST_VIEW_LIT("x"), big, 72, &n), 0);
	assert_int_equal(k->ops->ca_cert(k, big, sizeof(big), &n), 0);
	assert_int_equal(n, 2000);
	assert_int_equal(k->ops->trigger(k, &(struct mst_authorisation){ MST_AUTH_TRIGGER, "t-id", "urn:a", 0 }, &w, MST_PURPOSE_KM,
					 "t-id", "urn:a", MST_VIEW_LIT("body"), big), 0);
	assert_true(big[0] == 6 && big[MST_TRIGGER_MAC - 1] == 6);
	ask_status(k);
	ask_aka(k);
	ask_gba(k);
	ask_seals(k);
	ask_rotation(k);
	ask_rates(k);
	ask_ca(k);
	ask_leave(k);
	/* outcomes and faults come through; nothing is written then */
	out.n = 0;
	seen.rc = MST_KEEPER_DENIED;
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KM, "c", &out), MST_KEEPER_DENIED);
	seen.rc = MST_FAULT_CRYPTO;
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KM, "c", &out), MST_FAULT_CRYPTO);
	seen.rc = 0;
	assert_int_equal(k->ops->create(k, MST_PURPOSE_NONE, "c", &out), MST_KEEPER_DENIED);
	broken = MST_FAULT_CLOSED;
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KM, "c", &out), MST_FAULT_CLOSED);
	broken = 1;                       /* an octet is missing */
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KM, "c", &out), MST_FAULT_BUG);
	/* the CA's certificate is asked for once of each keeper process */
	assert_int_equal(k->ops->ca_cert(k, big, sizeof(big), &n), 0);
	assert_true(n == 2000 && big[1999] == 8 && seen.asked == 1);
	assert_int_equal(k->ops->ca_cert(k, big, 1999, &n), MST_FAULT_BUG);
	mst_keeper_remote_renewed(k);
	assert_int_equal(k->ops->ca_cert(k, big, sizeof(big), &n), MST_FAULT_BUG);
	broken = 0;
	assert_int_equal(k->ops->ca_cert(k, big, sizeof(big), &n), 0);
	assert_int_equal(seen.asked, 3);
	assert_int_equal(out.n, 0);
	k->ops->close(k);
}

static void garbage(void **state)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];

	(void)state;
	for (unsigned op = 0; op < 256; op++)
		for (size_t n = 0; n < 4; n++) {
			uint8_t q[4] = { (uint8_t)op, 0xff, 0xff, 0xff };
			struct mst_writer w = mst_writer_of(b, sizeof(b));

			if ((op == 6 || (op >= 17 && op <= 19) || op == 22 || op == 23) && n == 1)
				continue;         /* ca_cert, last_seal, generations, rotate, rates, ca_state: complete with their one octet */
			assert_false(mst_keeper_serve(&local, (struct mst_view){ q, n }, &w));
			assert_true(w.n == 6 && b[3] == MST_KEEPER_DENIED);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(calls), cmocka_unit_test(garbage) };

	return cmocka_run_group_tests_name("keeper-remote", tests, NULL, NULL);
}
