#include "proto/gba/test-world.h"

#include <stdlib.h>

struct mst_crypto *c;
static uint8_t info_room[MST_BSF_INFO_OCTETS];
const uint8_t cnonce[GBA_CNONCE] = { 0x66, 0x29, 0xfa, 0xe4, 0x93, 0x93, 0xa0, 0x53, 0x97, 0x45, 0x09, 0x78, 0x50, 0x7c, 0x4e, 0xf1 };
const uint8_t opaque[GBA_OPAQUE] = { 1, 2, 3 };

static struct mst_view line(struct mst_view *v)
{
	struct mst_view l;
	size_t n = mst_view_find(*v, '\n');

	assert_true(n < v->n && n && v->p[n - 1] == '\r');
	l = mst_view_sub(*v, 0, n - 1);
	*v = mst_view_sub(*v, n + 1, v->n);
	return l;
}

void split(struct message *x, struct mst_view text)
{
	struct mst_view v, l;
	size_t a, b;

	assert_true(text.n < sizeof(x->text));
	memcpy(x->text, text.p, text.n);
	v = (struct mst_view){ (uint8_t *)x->text, text.n };
	x->m = (struct mst_http_msg){ .n = 0 };
	l = line(&v);
	a = mst_view_find(l, ' ');
	if (mst_view_starts(l, "HTTP/1.1 ")) {
		x->m.status = atoi((const char *)l.p + 9);
	} else {
		b = mst_view_find(mst_view_sub(l, a + 1, l.n), ' ');
		x->m.method = mst_view_sub(l, 0, a);
		x->m.target = mst_view_sub(l, a + 1, b);
	}
	while ((l = line(&v)).n) {
		a = mst_view_find(l, ':');
		assert_true(a + 2 <= l.n && x->m.n < MST_HTTP_HEADERS_MAX);
		x->m.header[x->m.n++] = (struct mst_http_header){ mst_view_sub(l, 0, a), mst_view_sub(l, a + 2, l.n) };
	}
	x->m.body = v;
}

/* --- the other parts of the world --- */

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_true(aka_test_keys(&aka_test_set[0], &w->k));
	w->card = (struct aka_usim){ .ind_bits = 5 };
	w->last = 0x1000;
	w->rc = (struct gba_run_config){ .algorithm = GBA_AKAV1_MD5 };
	w->uc = (struct gba_ue_config){ .crypto = c, .read_info = mst_xml_bsf_info, .info = mst_arena_of(info_room, sizeof(info_room)),
					.impi = IMPI, .host = BSF, .bsf = BSF, .agent = "test" };
	w->now = NOW;
	w->instructions = w->configuration = "";
	w->server_tmpi = true;
	return w;
}

struct aka_vector vector(struct world *w)
{
	struct aka_vector v;
	uint8_t rnd[AKA_RAND] = { 0 };

	rnd[0] = ++w->next_rand;
	assert_int_equal(aka_sqn_next(w->last, 5, 22, &w->last), 0);
	assert_int_equal(aka_vector_make(c, &w->k, rnd, w->last, w->amf, &v), 0);
	return v;
}

static void answer(struct world *w, const struct mst_writer *out)
{
	assert_true(out->ok);
	split(&w->answer, mst_written(out));
}

static void challenge(struct world *w, const struct gba_ask *a, bool stale, struct mst_writer *out)
{
	struct aka_vector v = vector(w);
	uint8_t b[GBA_AV_MAX];
	struct mst_writer k = mst_writer_of(b, sizeof(b));

	w->challenges++;
	mst_put(&k, (struct mst_view){ v.xres, v.xres_n });
	mst_put(&k, (struct mst_view){ v.ck, 16 });
	mst_put(&k, (struct mst_view){ v.ik, 16 });
	assert_true(gba_av_read(mst_written(&k), &w->av));
	if (w->rc.in_card)
		assert_int_equal(gba_autn_star(c, v.ik, v.autn), 0);
	assert_int_equal(gba_run_open(&w->rc, v.rnd, v.autn, IMPI, a, opaque, w->now, &w->run), 0);
	gba_put_401(&w->run, BSF, stale, out);
}

enum gba_judgement judge(struct world *w, const struct gba_ask *a, struct mst_diag *d)
{
	struct gba_claim q;
	enum gba_judgement j;
	int r;

	assert_int_equal(gba_run_match(c, &w->run, a, BSF, w->now, &j, d), 0);
	assert_int_not_equal(j, GBA_JUDGE_GRANTED);
	if (j != GBA_JUDGE_PROVE)
		return j;
	q = gba_claim_of(&w->run, a);
	r = gba_prove(c, &w->av, &q, a->body);
	assert_true(r >= 0);
	return gba_run_proven(&w->run, a, !r);
}

void open_session(struct world *w, int64_t lifetime)
{
	assert_true(gba_session_open(&w->run, BSF, lifetime, w->now, &w->session));
	gba_ks(w->av.ck, w->av.ik, w->ks);
	if (w->run.tmpi_ue && !w->run.in_card)
		assert_int_equal(gba_tmpi(c, w->ks, w->session.rnd, mst_view_str(w->session.impi), mst_view_str(BSF), w->session.tmpi), 0);
}

void bsf(struct world *w)
{
	uint8_t room[40000];
	struct mst_writer out = mst_writer_of(room, sizeof(room));
	struct gba_ask a;
	struct mst_diag d = { 0 };
	const struct gba_briefing briefing = { mst_view_str(w->instructions), mst_view_str(w->configuration) };
	uint64_t ms;
	int status;

	if (gba_ask_read(&w->request.m, BSF, &a, &status, &d)) {
		gba_put_refusal(status, 0, d.text, &out);
	} else if (a.kind == GBA_ASK_ANONYMOUS) {
		gba_put_refusal(400, 0, "an identity is needed", &out);
	} else if (a.kind == GBA_ASK_FIRST && a.with_tmpi && !mst_view_eq_str(a.auth.username, w->session.tmpi)) {
		gba_put_refusal(403, 0, "unknown", &out);
	} else if (a.kind == GBA_ASK_FIRST) {
		challenge(w, &a, false, &out);
	} else {
		w->judged = judge(w, &a, &d);
		switch (w->judged) {
		case GBA_JUDGE_GRANTED:
			open_session(w, 3600);
			/* fall through */
		case GBA_JUDGE_REPEATED:
			assert_int_equal(gba_put_200(c, &w->run, &w->av, &w->session, &a, &briefing, w->server_tmpi, w->now, &out), 0);
			break;
		case GBA_JUDGE_RESYNC:
			if (aka_auts_check(c, &w->k, w->run.rnd, a.auth.auts, &ms)) {
				gba_put_refusal(403, 0, "AUTS is not the card's", &out);
			} else {
				assert_int_equal(aka_sqn_resync(w->last, ms, 5, 0, &w->last), AKA_RESYNC_FORWARD);
				challenge(w, &a, false, &out);
			}
			break;
		case GBA_JUDGE_STALE: challenge(w, &a, true, &out); break;
		case GBA_JUDGE_RESYNC_LIMIT: case GBA_JUDGE_PROVE: case GBA_JUDGE_WRONG: case GBA_JUDGE_MISMATCH: case GBA_JUDGE__COUNT: gba_put_refusal(403, 0, "no", &out); break;
		}
	}
	answer(w, &out);
}

static void card(struct world *w)
{
	struct gba_ue_challenge x = gba_ue_challenge(&w->ue);
	struct gba_card_answer a = { 0 };
	struct aka_answer r;
	struct aka_out o;
	uint8_t autn[AKA_AUTN];
	int ret;

	memcpy(autn, x.autn, sizeof(autn));
	if (w->gba_u) {                      /* the card undoes AUTN*, for which it computes IK first */
		assert_int_equal(aka_compute(c, &w->k, x.rnd, NULL, NULL, AKA_WANT_F2345, &o), 0);
		assert_int_equal(gba_autn_star(c, o.ik, autn), 0);
	}
	ret = aka_usim_run(c, &w->k, &w->card, x.rnd, autn, &r);
	memcpy(a.res, r.res, sizeof(a.res));
	memcpy(a.auts, r.auts, sizeof(a.auts));
	a.res_n = r.res_n;
	a.has_keys = !w->gba_u;
	if (a.has_keys) {
		memcpy(a.ck, r.ck, 16);
		memcpy(a.ik, r.ik, 16);
	}
	gba_ue_card(&w->ue, !ret ? GBA_CARD_OK : ret == AKA_SYNC_FAILURE ? GBA_CARD_SYNC : GBA_CARD_MAC, &a, cnonce, w->ms);
}

void start(struct world *w)
{
	assert_true(gba_ue_init(&w->ue, &w->uc, w->ms));
}

bool step(struct world *w)
{
	if (w->ue.state == GBA_UE_CARD) {
		card(w);
		return true;
	}
	if (!gba_ue_request(&w->ue).n)
		return false;
	split(&w->request, gba_ue_request(&w->ue));
	gba_ue_sent(&w->ue);
	bsf(w);
	gba_ue_feed(&w->ue, &w->answer.m, w->ms, w->now);
	return true;
}

void to_the_end(struct world *w)
{
	start(w);
	for (unsigned i = 0; i < 30 && step(w); i++)
		;
	assert_true(gba_ue_ended(&w->ue));
}

void world_free(struct world *w)
{
	gba_ue_deinit(&w->ue);
	gba_av_wipe(&w->av);
	free(w);
}

void done(const struct world *w)
{
	if (w->ue.state != GBA_UE_DONE)
		print_message("# %s: %s: %s\n", gba_ue_state_text(w->ue.state), gba_failure_text(w->ue.failure), w->ue.detail);
	assert_int_equal(w->ue.state, GBA_UE_DONE);
}
