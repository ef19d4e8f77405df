/*
 * Every operation of the keeper with every purpose, kind of authorisation, duty and derivation, at rest and while the key-encryption key
 * rotates. What a caller of ours asks for is given, and everything else is to be DENIED. An operation that has no row does not pass.
 */
#include "tests/support/ocsp-client.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/derive.h"
#include "crypto/pki.h"
#include "keeper/channel.h"
#include "proto/aka/sim.h"

#define NOW INT64_C(1800000000)
#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define ID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF          /* of every key: what is bound to a B-TID needs one */
#define TRIGGER_ID "trigger:" ID
#define NAF "maf.sp.example"
#define NODE "urn:dev:ops:1"

#define HOWS (MST_DERIVE_USAGE + 2)                 /* one more than there are, of each */
#define PURPOSES (MST_PURPOSE__COUNT + 2)
#define KINDS 33                                    /* authorisations: none at all, then 32 kinds, most of which there are not */
#define TWISTS 3                                    /* as it should be, for another key, to nobody */
#define CHANNELS 34                                 /* no duty; each of 32; all that there are */

/* Who allows it. */
enum by { BY_ANYBODY, BY_GIVER, BY_MADE, BY_RELEASE, BY_COMPARED, BY_DERIVE, BY_TRIGGER, BY_GETTER, BY_KNOWN, BY_PEOPLE };

/*
 * What our own callers ask for, each of them, with the processes that they ask for. tests/docs/test_keeper_callers.py finds these files in
 * the sources, and no other. An operation of those above that no row has is asked for by nobody, so it is denied.
 */
#define P(p) MST_PURPOSE_##p
#define D(d) MST_DUTY_##d
static const struct use { enum by by; enum mst_key_purpose p; unsigned duties; const char *file; enum mst_derive_how how; enum mst_key_purpose into; } uses[] = {
	{ BY_GIVER, P(KE), D(MEF), "lib/role/common/apply.c" },                    /* what the session exports */
	{ BY_GIVER, P(KEYREG), D(MEF) | D(MAF), "lib/role/common/apply.c" },       /* the same, and keyValue */
	{ BY_GIVER, P(KM), D(CONNECTOR), "lib/role/maf/maf.c" },                   /* fetched from a MEF */
	{ BY_GIVER, P(KM), D(CONNECTOR), "lib/role/common/naf.c" },                /* from a BSF, for the MAF */
	{ BY_GIVER, P(KPM), D(CONNECTOR), "lib/role/common/naf.c" },               /* … for the MEF */
	{ BY_GIVER, P(KPM), D(ADMIN), "lib/role/admin/place.c" },
	{ BY_GIVER, P(SIM), D(ADMIN), "lib/role/admin/sims.c" },
	{ BY_GIVER, P(AV), D(CONNECTOR), "lib/role/bsf/bsf.c" },
	{ BY_MADE, P(KPM), 0, "lib/role/common/handshake.c" },                     /* nobody's, that a refusal takes as long */
	{ BY_RELEASE, P(KPM), D(MEF) | D(BBN), "lib/role/common/decide-secret.c", MST_DERIVE_NONE },
	{ BY_RELEASE, P(KPM), D(MEF), "lib/role/common/decide-naf.c", MST_DERIVE_NONE },
	{ BY_RELEASE, P(KM), D(MAF), "lib/role/common/decide-naf.c", MST_DERIVE_NONE },
	{ BY_RELEASE, P(KM), D(MAF), "lib/role/maf/decide.c", MST_DERIVE_NONE },
	{ BY_RELEASE, P(KE), D(MEF), "lib/role/mef/decide.c", MST_DERIVE_USAGE },
	{ BY_RELEASE, P(KE), D(MEF), "lib/role/mef/decide.c", MST_DERIVE_KM },     /* quirks.km "master" */
	{ BY_RELEASE, P(KEYREG), D(MEF), "lib/role/mef/decide.c", MST_DERIVE_NONE },
	{ BY_RELEASE, P(KE), D(MEF), "lib/role/common/decide-key.c", MST_DERIVE_USAGE },
	{ BY_RELEASE, P(KE), D(MEF), "lib/role/common/decide-key.c", MST_DERIVE_KM },
	{ BY_RELEASE, P(KEYREG), D(MEF) | D(MAF), "lib/role/common/decide-key.c", MST_DERIVE_NONE },
	{ BY_COMPARED, P(KPM), D(MEF) | D(MAF), "lib/role/common/apply.c" },
	{ BY_COMPARED, P(KEYREG), D(ADMIN), "lib/role/admin/place.c" },
	{ BY_DERIVE, P(KM), 0, "lib/role/common/apply.c", MST_DERIVE_NONE, P(KM) },        /* the KmID that a MAF assigns */
	{ BY_TRIGGER, P(KPM), 0, "lib/role/admin/trigger.c" },
	{ BY_TRIGGER, P(KM), 0, "lib/role/admin/trigger.c" },
	{ BY_GETTER, P(SIM), D(HSS), "lib/role/hss/hss.c" },
	{ BY_GETTER, P(KS), D(ZN), "lib/role/zn/zn.c" },
};

static struct mst_crypto *c;
static char top[64];
static struct mst_keeper *k;
static struct mst_channel channel[CHANNELS];
static struct mst_wrapped rows[MST_PURPOSE__COUNT];
static uint8_t auts[14], body[2][MST_TRIGGER_MAX], naf_id[GBA_NAF_ID_MAX];
static const uint8_t rnd[16] = { 1, 2, 3 };
static struct mst_view trigger[2], naf;
static uint8_t tbs_octets[MST_TBS_MAX];
static size_t n_tbs;
static struct mst_ocsp_answer ocsp;
static struct mst_keeper_generations gens;          /* when this phase began */

/* One request. */
struct ask {
	struct mst_authorisation *a;
	enum mst_key_purpose asked, row, into, sealed;
	enum mst_derive_how how;
	const struct mst_channel *ch;
	struct mst_wrapped out;
};

static struct mst_view of(const struct mst_wrapped *w) { return (struct mst_view){ w->b, w->n }; }

/* TS 35.208 set 1. */
static struct aka_sim sim(void)
{
	struct aka_sim s = { .is_op = false };
	uint8_t key[16], opc[16];
	size_t n;

	assert_true(mst_hex_decode(MST_VIEW_LIT("465b5ce8b199b49faa5f0a2ee238a6bc"), key, sizeof(key), &n));
	assert_true(mst_hex_decode(MST_VIEW_LIT("cd63cb71954a9f4e48a5994e37a02baf"), opc, sizeof(opc), &n));
	assert_int_equal(aka_keys_set(&s.keys, AKA_MILENAGE, (struct mst_view){ key, 16 }, (struct mst_view){ opc, 16 }), 0);
	s.keys.res_n = 8;
	return s;
}

/* What a key of that purpose looks like. */
static struct mst_key content(enum mst_key_purpose p)
{
	struct mst_key key = { .n = MST_KEY_LEN };
	struct aka_sim s = sim();
	struct mst_writer w = mst_writer_of(key.b, sizeof(key.b));

	memset(key.b, 0x30 + (int)p, MST_KEY_LEN);
	if (p == MST_PURPOSE_SIM) {
		aka_sim_pack(&s, &w);
		key.n = w.n;
	} else if (p == MST_PURPOSE_AV) {
		assert_true(mst_hex_decode(MST_VIEW_LIT("a54211d5e3ba50bfb40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441"), key.b,
					   sizeof(key.b), &key.n));
	}
	return key;
}

/* Spec gba 17.2. */
static struct mst_ub ub(void)
{
	return (struct mst_ub){ .claim = { GBA_AKAV1_MD5, GBA_QOP_AUTH, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF),
					   MST_VIEW_LIT("I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="), MST_VIEW_LIT("00000001"),
					   MST_VIEW_LIT("6629fae49393a05397450978507c4ef1"), MST_VIEW_LIT("/"),
					   MST_VIEW_LIT("3e96d7cdb2f1429a638384af2f0183eb") },
				.impi = IMPI, .body = MST_VIEW_LIT("<any/>") };
}

static int op_wrap(struct ask *q)
{
	struct mst_key key = content(q->sealed);
	struct mst_wrapped s;

	assert_int_equal(channel_seal(q->ch, CHANNEL_TO_KEEPER, (unsigned)q->sealed, c, &key, &s), 0);
	return k->ops->wrap(k, q->ch->id, of(&s), q->asked, ID, &q->out);
}

static int op_create(struct ask *q) { return k->ops->create(k, q->asked, ID, &q->out); }

static int op_release(struct ask *q)
{
	return k->ops->release(k, q->a, &rows[q->row], q->asked, ID, q->how, 21, NAF, q->ch->id, &q->out);
}

static int op_differs(struct ask *q)
{
	struct mst_key key = content(MST_PURPOSE_NONE);
	struct mst_wrapped s;

	assert_int_equal(channel_seal(q->ch, CHANNEL_TO_KEEPER, (unsigned)q->sealed, c, &key, &s), 0);
	return k->ops->differs(k, q->ch->id, of(&s), &rows[q->row], q->asked, ID);
}

static int op_derive(struct ask *q)
{
	return k->ops->derive(k, &rows[q->row], q->asked, ID, q->how, 21, NAF, q->into, "another", &q->out);
}

static int op_sign(struct ask *q)
{
	uint8_t sig[128];
	size_t n;

	return k->ops->sign(k, q->a, (struct mst_view){ tbs_octets, n_tbs }, sig, sizeof(sig), &n);
}

static int op_ca_cert(struct ask *q)
{
	uint8_t der[MST_CERT_MAX];
	size_t n;

	(void)q;
	return k->ops->ca_cert(k, der, sizeof(der), &n);
}

static int op_trigger(struct ask *q)
{
	uint8_t mac[MST_TRIGGER_MAC];

	return k->ops->trigger(k, q->a, &rows[q->row], q->asked, ID, NODE, trigger[0], mac);
}

static int op_status(struct ask *q)
{
	uint8_t der[MST_OCSP_RESPONSE_MAX];
	size_t n;

	return k->ops->status(k, q->a, &ocsp, der, sizeof(der), &n);
}

static int op_aka_vector(struct ask *q)
{
	struct mst_vector v = { .sealed.n = 0 };
	int r = k->ops->aka_vector(k, q->a, &rows[q->row], ID, 1, (const uint8_t[2]){ 0 }, q->ch->id, &v);

	q->out = v.sealed;
	return r;
}

static int op_aka_resync(struct ask *q)
{
	uint64_t sqn;

	return k->ops->aka_resync(k, q->a, &rows[q->row], ID, rnd, auts, &sqn);
}

static int op_gba_star(struct ask *q)
{
	uint8_t autn[GBA_AUTN] = { 7 };

	return k->ops->gba_star(k, &rows[q->row], ID, autn);
}

static int op_gba_answer(struct ask *q)
{
	struct mst_ub_answer got = { .ks.n = 0 };
	struct mst_ub u = ub();
	int r = k->ops->gba_answer(k, q->a, &rows[q->row], ID, &u, &got);

	q->out = got.ks;
	return r;
}

static int op_gba_naf_keys(struct ask *q)
{
	return k->ops->gba_naf_keys(k, q->a, &rows[q->row], ID, IMPI, naf, false, q->ch->id, &q->out);
}

static int op_gba_trigger(struct ask *q)
{
	const struct mst_gba_trigger t = { ID, IMPI, NAF, NODE, trigger[1] };
	uint8_t mac[MST_TRIGGER_MAC];

	return k->ops->gba_trigger(k, q->a, &rows[q->row], &t, mac);
}

static uint64_t sealed_to;
static int op_seal_log(struct ask *q)
{
	struct mst_log_seal s = { .seq = ++sealed_to, .when = NOW };

	(void)q;
	return k->ops->seal_log(k, &s, false);
}

static int op_seal_log_again(struct ask *q)
{
	struct mst_log_seal s = { .seq = sealed_to, .when = NOW };

	(void)q;
	return k->ops->seal_log(k, &s, false);
}

/* Nobody stands for it: no order of the engine's is enough, with four eyes or without. */
static int op_seal_log_anew(struct ask *q)
{
	struct mst_log_seal s = { .seq = 1, .when = NOW };

	(void)q;
	assert_int_equal(k->ops->seal_log(k, &s, true), MST_KEEPER_LEAVE);
	return MST_KEEPER_DENIED;
}

static int op_last_seal(struct ask *q)
{
	struct mst_log_seal s;

	(void)q;
	return k->ops->last_seal(k, &s);
}

static int op_generations(struct ask *q)
{
	struct mst_keeper_generations g;

	(void)q;
	return k->ops->generations(k, &g);
}

static int op_rates(struct ask *q)
{
	struct mst_keeper_rates s;

	(void)q;
	return k->ops->rates(k, &s);
}

static int op_ca_state(struct ask *q)
{
	struct mst_keeper_ca s;

	(void)q;
	return k->ops->ca_state(k, &s);
}

#define ASKED_FOR "POST /v1/x\n{}"
static int ask_as(const struct mst_channel *ch, struct mst_ticket *ret)
{
	struct mst_wrapped said;

	assert_int_equal(mst_statement_make(ch, c, 1, NOW, mst_view_str(ASKED_FOR), &said), 0);
	return k->ops->leave_ask(k, &(struct mst_said){ ch->id, { said.b, said.n }, mst_view_str(ASKED_FOR), NOW }, ret);
}

static int op_leave_ask(struct ask *q)
{
	struct mst_ticket t;

	return ask_as(q->ch, &t);
}

static int op_leave_give(struct ask *q)
{
	char text[160] = "POST /v1/approvals/1/give\n";
	struct mst_writer w = mst_writer_of(text + strlen(text), sizeof(text) - strlen(text));
	uint8_t sum[MST_SHA256_LEN];
	struct mst_wrapped said;
	struct mst_ticket t;

	assert_int_equal(ask_as(&channel[CHANNELS - 1], &t), 0);
	assert_int_equal(mst_ticket_digest(c, t.uid, t.when, t.nonce, mst_view_str(ASKED_FOR), sum), 0);
	mst_put_hex(&w, (struct mst_view){ sum, sizeof(sum) });
	mst_put_nul(&w);
	assert_int_equal(mst_statement_make(q->ch, c, 2, NOW, mst_view_str(text), &said), 0);
	return k->ops->leave_give(k, &(struct mst_said){ q->ch->id, { said.b, said.n }, mst_view_str(text), NOW }, mst_view_str(ASKED_FOR), &t.wrapped);
}

#define STANDS "POST /v1/events/accept\n{\"reason\":\"x\"}"
static int op_leave_own(struct ask *q)
{
	static mst_time later;               /* what was said once is not heard again */
	struct mst_log_seal s = { .seq = sealed_to, .when = NOW };
	struct mst_wrapped said;
	struct mst_said own = { q->ch->id, MST_VIEW_NONE, MST_VIEW_LIT(STANDS), NOW };
	int r;

	assert_int_equal(mst_statement_make(q->ch, c, 1, NOW + ++later, own.request, &said), 0);
	own.statement = of(&said);
	r = k->ops->leave_own(k, &own);
	if (!r)
		assert_int_equal(k->ops->seal_log(k, &s, true), 0);
	return r;
}

static int op_rotate(struct ask *q)
{
	uint32_t gen;

	(void)q;
	return k->ops->rotate(k, &gen);
}

/* While nothing rotates the row is wrapped as it is to be, and that it opens is all that is told. */
static int op_rewrap(struct ask *q)
{
	int r = k->ops->rewrap(k, &rows[q->row], q->asked, ID, &q->out);

	return r == MST_KEEPER_SAME && !gens.before ? 0 : r;
}

static int op_retire(struct ask *q)
{
	(void)q;
	return k->ops->retire(k, gens.before);
}

/* Which dimensions a request of it has. */
enum { ASKED = 1, ROW = 2, CHANNEL = 4, HOW_ = 8, INTO = 16, SEALED = 32 };
enum { AT_REST = 1, ROTATING = 2, ALWAYS = 3, NEVER = 0 };

#define OP(x) .name = #x, .at = offsetof(struct mst_keeper_ops, x), .call = op_##x
#define LEAVE(w, id, who) .leave = MST_AUTH_##w, .key_id = (id), .to = (who)
static const struct row {
	const char *name;
	size_t at;
	int (*call)(struct ask *q);
	unsigned takes, when;
	enum by by;
	int leave;                       /* 0: it takes none */
	const char *key_id, *to;
	enum mst_key_purpose of;         /* with ROW, without ASKED: what the row has to be */
} table[] = {
	{ OP(wrap), ASKED | CHANNEL | SEALED, ALWAYS, BY_GIVER },
	{ OP(create), ASKED, ALWAYS, BY_MADE },
	{ OP(release), ASKED | ROW | CHANNEL | HOW_, ALWAYS, BY_RELEASE, LEAVE(RELEASE, ID, NODE) },
	{ OP(differs), ASKED | ROW | CHANNEL | SEALED, ALWAYS, BY_COMPARED },
	{ OP(derive), ASKED | ROW | HOW_ | INTO, ALWAYS, BY_DERIVE },
	{ OP(sign), 0, ALWAYS, BY_ANYBODY, LEAVE(SIGN, MST_KEEPER_CRL, "operator") },
	{ OP(ca_cert), 0, ALWAYS, BY_ANYBODY },
	{ OP(trigger), ASKED | ROW, ALWAYS, BY_TRIGGER, LEAVE(TRIGGER, ID, NODE) },
	{ OP(status), 0, ALWAYS, BY_ANYBODY, LEAVE(STATUS, "05", "anybody") },
	{ OP(aka_vector), ROW | CHANNEL, ALWAYS, BY_GETTER, LEAVE(VECTOR, ID, BSF), .of = MST_PURPOSE_SIM },
	{ OP(aka_resync), ROW, ALWAYS, BY_ANYBODY, LEAVE(VECTOR, ID, BSF), .of = MST_PURPOSE_SIM },
	{ OP(gba_star), ROW, ALWAYS, BY_ANYBODY, .of = MST_PURPOSE_AV },
	{ OP(gba_answer), ROW, ALWAYS, BY_ANYBODY, LEAVE(BOOTSTRAP, ID, IMPI), .of = MST_PURPOSE_AV },
	{ OP(gba_naf_keys), ROW | CHANNEL, ALWAYS, BY_GETTER, LEAVE(RELEASE, ID, NAF), .of = MST_PURPOSE_KS },
	{ OP(gba_trigger), ROW, ALWAYS, BY_ANYBODY, LEAVE(TRIGGER, TRIGGER_ID, NODE), .of = MST_PURPOSE_KS },
	{ OP(seal_log), 0, ALWAYS, BY_ANYBODY },
	{ .name = "seal_log, an old number", .at = offsetof(struct mst_keeper_ops, seal_log), .call = op_seal_log_again, .when = NEVER },
	{ .name = "seal_log, anew, without a word", .at = offsetof(struct mst_keeper_ops, seal_log), .call = op_seal_log_anew, .when = NEVER },
	{ OP(last_seal), 0, ALWAYS, BY_ANYBODY },
	{ OP(generations), 0, ALWAYS, BY_ANYBODY },
	{ OP(rates), 0, ALWAYS, BY_ANYBODY },
	{ OP(ca_state), 0, ALWAYS, BY_ANYBODY },
	{ OP(leave_ask), CHANNEL, ALWAYS, BY_PEOPLE },
	{ OP(leave_give), CHANNEL, ALWAYS, BY_PEOPLE },
	{ OP(leave_own), CHANNEL, ALWAYS, BY_PEOPLE },
	{ OP(rewrap), ASKED | ROW, ALWAYS, BY_KNOWN },
	/* these two end a phase */
	{ OP(rotate), 0, AT_REST, BY_ANYBODY },
	{ OP(retire), 0, ROTATING, BY_ANYBODY },
	{ .name = "close", .at = offsetof(struct mst_keeper_ops, close) /* it gives nothing; tear_down() does it */ },
};

static bool used(enum by by, enum mst_key_purpose p, const struct ask *q)
{
	for (size_t i = 0; i < MST_COUNT(uses); i++) {
		const struct use *u = &uses[i];

		if (u->by == by && u->p == p && (!u->duties || u->duties & q->ch->duties) &&
		    ((by != BY_RELEASE && by != BY_DERIVE) || u->how == q->how) && (by != BY_DERIVE || u->into == q->into))
			return true;
	}
	return false;
}

static bool allowed(const struct row *t, const struct ask *q)
{
	enum mst_key_purpose p = t->takes & ASKED ? q->asked : t->of;

	switch (t->by) {
	case BY_ANYBODY: return true;
	case BY_PEOPLE: return q->ch->duties & MST_DUTY_ADMIN;
	case BY_KNOWN: return p > MST_PURPOSE_NONE && p < MST_PURPOSE__COUNT;
	case BY_GIVER: case BY_MADE: case BY_RELEASE: case BY_COMPARED: case BY_DERIVE: case BY_TRIGGER: case BY_GETTER: return used(t->by, p, q);
	}
	return false;
}

/* Was it sealed as what it is asked for? A key that is compared: as what it is given in as, which is not what it is compared with. */
static bool as_sealed(const struct row *t, const struct ask *q)
{
	if (t->by != BY_COMPARED)
		return q->sealed == q->asked;
	return q->sealed == (q->asked == MST_PURPOSE_KPM ? MST_PURPOSE_KEYREG : MST_PURPOSE_KPM);
}

/* The leave is already known to be right or not. */
static int wanted(const struct row *t, unsigned phase, bool leave, const struct ask *q)
{
	if (!(t->when & phase) || !leave || !allowed(t, q))
		return MST_KEEPER_DENIED;
	/* who may ask is told when the row, or what was sealed, is not what it was said to be */
	if (t->takes & SEALED && !as_sealed(t, q))
		return MST_KEEPER_FORGED;
	return t->takes & ROW && q->row != (t->takes & ASKED ? q->asked : t->of) ? MST_KEEPER_FORGED : 0;
}

/* Authorisation `i` of a row: NULL is none. *ret: is it the right one? */
static struct mst_authorisation *authorisation(const struct row *t, int i, struct mst_authorisation *a, bool *ret)
{
	int kind = i % KINDS - 1, twist = i / KINDS;

	*ret = !t->leave || (kind == t->leave && twist == 0);
	if (kind < 0)
		return NULL;
	memset(a, 0, sizeof(*a));
	a->what = (__typeof__(a->what))kind;
	snprintf(a->key_id, sizeof(a->key_id), "%s", twist == 1 ? "another" : t->leave ? t->key_id : ID);
	snprintf(a->to, sizeof(a->to), "%s", twist == 2 ? "" : t->leave ? t->to : NODE);
	return a;
}

/* Was it granted? */
static bool request(const struct row *t, unsigned phase, bool leave, struct ask *q)
{
	uint64_t refused = mst_keeper_local_counts(k).refused;
	int want = wanted(t, phase, leave, q), got;

	q->out.n = 0;
	got = t->call(q);
	if (got != want || (got && q->out.n))
		fail_msg("%s (%s): %d, not %d (leave %d to \"%s\", asked %d, row %d, duties %x, how %d, into %d, sealed as %d)", t->name,
			 phase == AT_REST ? "at rest" : "rotating", got, want, q->a ? (int)q->a->what : -1, q->a ? q->a->to : "", (int)q->asked,
			 (int)q->row, q->ch->duties, (int)q->how, (int)q->into, (int)q->sealed);
	if (mst_keeper_local_counts(k).refused != refused + (got != 0))
		fail_msg("%s: %d is not in the count of refusals", t->name, got);
	return !got;
}

static void every_request_of(const struct row *t, unsigned phase)
{
	const int n_leave = t->leave ? KINDS * TWISTS : 1, n_asked = t->takes & ASKED ? PURPOSES : 1, n_row = t->takes & ROW ? MST_PURPOSE__COUNT : 2,
		  n_ch = t->takes & CHANNEL ? CHANNELS : 1, n_how = t->takes & HOW_ ? HOWS : 1, n_into = t->takes & INTO ? PURPOSES : 1,
		  n_sealed = t->takes & SEALED ? PURPOSES : 1;
	const int all[] = { n_leave, n_asked, n_row - 1, n_ch, n_how, n_into, n_sealed };
	long total = 1, granted = 0;

	for (size_t i = 0; i < MST_COUNT(all); i++)
		total *= all[i];
	for (long at = 0; at < total; at++) {
		struct mst_authorisation a;
		struct ask q = { .a = NULL };
		int d[MST_COUNT(all)];
		bool right;
		long rest = at;

		for (size_t i = 0; i < MST_COUNT(all); rest /= all[i], i++)
			d[i] = (int)(rest % all[i]);
		q.a = authorisation(t, d[0], &a, &right);
		q.asked = (enum mst_key_purpose)d[1];
		q.row = (enum mst_key_purpose)(d[2] + 1);
		q.ch = &channel[d[3]];
		q.how = (enum mst_derive_how)d[4];
		q.into = (enum mst_key_purpose)d[5];
		q.sealed = (enum mst_key_purpose)d[6];
		granted += request(t, phase, right, &q);
	}
	/* so what is refused above is refused for what it is, not because this test asks for something that nobody could have */
	if ((granted != 0) != ((t->when & phase) != 0))
		fail_msg("%s: %ld granted", t->name, granted);
}

static void what_our_callers_ask_for_and_nothing_else(void **state)
{
	(void)state;
	/* `rotate` ends the first phase and `retire` the second; where they are refused they change nothing */
	for (unsigned phase = AT_REST; phase <= ROTATING; phase++) {
		assert_int_equal(k->ops->generations(k, &gens), 0);
		assert_int_equal(gens.before != 0, phase == ROTATING);
		for (size_t i = 0; i < MST_COUNT(table); i++)
			if (table[i].call)
				every_request_of(&table[i], phase);
	}
	assert_int_equal(k->ops->generations(k, &gens), 0);
	assert_int_equal(gens.before, 0);
	assert_int_equal(gens.now, 2);
}

static void every_operation_has_a_row(void **state)
{
	const size_t first = offsetof(struct mst_keeper_ops, name) + sizeof(const char *), one = sizeof(void (*)(void));

	(void)state;
	assert_int_equal(offsetof(struct mst_keeper_ops, name), 0);
	for (size_t at = first; at < sizeof(struct mst_keeper_ops); at += one) {
		size_t i = 0;

		while (i < MST_COUNT(table) && table[i].at != at)
			i++;
		if (i == MST_COUNT(table))
			fail_msg("operation %zu of struct mst_keeper_ops has no row in this test", (at - first) / one + 1);
	}
}

static int keep_tbs(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	(void)s, (void)out, (void)cap, (void)ret_n;
	assert_true(tbs.n <= sizeof(tbs_octets));
	memcpy(tbs_octets, tbs.p, tbs.n);
	n_tbs = tbs.n;
	return MST_KEEPER_DENIED;
}

/* What is to be signed, and to be told. */
static void set_up_ca(void)
{
	static uint8_t ca[MST_CERT_MAX], crl[MST_CRL_MAX];
	struct mst_signer s = { .sign_tbs = keep_tbs };
	size_t n_ca, n;

	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	assert_int_equal(mst_crl_issue(&s, (struct mst_view){ ca, n_ca }, NULL, 0, 1, NOW, NOW + 9, crl, sizeof(crl), &n), MST_PKI_NOT_SIGNED);
	ocsp = (struct mst_ocsp_answer){ .n = 1, .this_update = NOW, .next_update = NOW + 60 };
	ocsp.single[0].id = ocsp_client_cert_id((struct mst_view){ ca, n_ca }, "05");
	ocsp.single[0].status = MST_OCSP_GOOD;
}

static struct mst_view trigger_for(const char *key_id, uint8_t room[MST_TRIGGER_MAX])
{
	uint8_t hint[2][MST_TRIGGER_HINT];
	struct mst_writer w = mst_writer_of(room, MST_TRIGGER_MAX);
	struct mst_trigger t = { .has = 0x7f, .version = 1, .node = { hint[0], MST_TRIGGER_HINT }, .key = { hint[1], MST_TRIGGER_HINT }, .counter = 1,
				 .issued = NOW, .window = 60, .what = MST_TRIGGER_RUN };

	assert_int_equal(mst_trigger_hint(c, mst_view_str(NODE), hint[0]), 0);
	assert_int_equal(mst_trigger_hint(c, mst_view_str(key_id), hint[1]), 0);
	mst_trigger_write_body(&t, &w);
	return mst_written(&w);
}

/* A row of each purpose. Ks is made of a vector alone. */
static void set_up_rows(void)
{
	struct mst_authorisation a = { MST_AUTH_BOOTSTRAP, ID, IMPI, 0 };
	struct mst_ub_answer session;
	struct mst_ub u = ub();

	for (unsigned p = MST_PURPOSE_NONE + 1; p < MST_PURPOSE__COUNT; p++) {
		struct ask q = { .asked = (enum mst_key_purpose)p, .sealed = (enum mst_key_purpose)p, .ch = &channel[CHANNELS - 1] };

		if (p == MST_PURPOSE_KS)
			continue;
		assert_int_equal(op_wrap(&q), 0);
		rows[p] = q.out;
	}
	assert_int_equal(k->ops->gba_answer(k, &a, &rows[MST_PURPOSE_AV], ID, &u, &session), 0);
	rows[MST_PURPOSE_KS] = session.ks;
}

static int set_up(void **state)
{
	struct aka_sim s = sim();
	struct gba_ua ua;
	char dir[96];

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	mst_keeper_local_four_eyes(k, &(struct mst_four_eyes){ .expires = 60 });
	for (uint32_t i = 0; i < CHANNELS; i++) {
		channel[i].id = i + 1;
		channel[i].duties = i == 0 ? 0 : i == CHANNELS - 1 ? MST_DUTY__ALL : 1u << (i - 1);
		assert_int_equal(c->ops->random(c, channel[i].key, sizeof(channel[i].key)), 0);
		assert_int_equal(mst_keeper_local_channel(k, channel[i].id, channel[i].key, channel[i].duties), 0);
	}
	set_up_rows();
	set_up_ca();
	trigger[0] = trigger_for(ID, body[0]);
	trigger[1] = trigger_for(TRIGGER_ID, body[1]);
	assert_int_equal(aka_auts_make(c, &s.keys, rnd, 77, auts), 0);
	assert_true(gba_ua_parse(MST_VIEW_LIT("01000100ae"), &ua));
	assert_true(gba_naf_id(MST_VIEW_LIT(NAF), &ua, naf_id, &naf.n));
	naf.p = naf_id;
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_has_a_row),
		cmocka_unit_test_setup_teardown(what_our_callers_ask_for_and_nothing_else, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("keeper-permits", tests, NULL, NULL);
}
