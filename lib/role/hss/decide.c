/* Who gets a vector, and with which number (TS 33.102 6.3.3, annex C). Leave for one is made in vector() here, and nowhere else. PURE. */
#include "role/hss/hss.h"

#include <string.h>

#include "proto/aka/aka.h"
#include "role/authorise.h"
#include "role/name.h"

#define AMF_SEPARATION 0x8000

const char *hss_asker(const struct mst_role_conf *conf, const struct mst_peer *p)
{
	if (p->how != MST_AUTH_CERT)
		return "";
	for (size_t b = 0; b < conf->n_zh_bsf; b++)
		for (size_t i = 0; i < p->cert.n_san; i++)
			if (p->cert.san[i].kind == MST_ID_FQDN &&
			    mst_id_equal(MST_ID_FQDN, mst_view_str(conf->zh_bsf[b]), mst_view_str(p->cert.san[i].value)))
				return conf->zh_bsf[b];
	return "";
}

/* `detail` for the BSF, `why` for the operator; NULL: the same. */
static void refuse(struct hss_verdict *v, int status, const char *title, const char *cause, const char *detail, const char *why)
{
	memset(v, 0, sizeof(*v));
	v->status = status;
	v->title = title;
	v->cause = cause;
	v->what = "refused";
	MST_STR_SET(v->detail, detail);
	MST_STR_SET(v->why, why ? why : detail);
}

/* The same words for every reason: what its node did is between the operator and its customer. */
static void not_now(struct hss_verdict *v, const char *why)
{
	refuse(v, 403, "Forbidden", "OPERATION_NOT_ALLOWED", "the subscriber may not bootstrap now", why);
}

/* SIM, node and subscription: is the subscriber to be served at all? */
static bool admit(const struct hss_records *r, mst_time now, struct hss_verdict *v)
{
	char why[200];

	if (!r->has_sim) {
		refuse(v, 404, "Not Found", "USER_NOT_FOUND", "there is no such subscriber", "there is no SIM of this name (muster sim add)");
		return false;
	}
	if (mst_decide_sim(&r->sim, &r->who, now, why))
		return true;
	not_now(v, why);
	return false;
}

/* One in `interval` seconds in the long run, `burst` at once. What lies further ahead was written by a clock that was set back since. */
static bool in_pace(struct mst_sim *s, const struct mst_role_conf *conf, mst_time now, int *ret_wait)
{
	int64_t room = conf->vector_interval * conf->vector_burst;
	mst_time paid = s->paced < now || s->paced > now + room ? now : s->paced;

	if (paid + conf->vector_interval > now + room) {
		*ret_wait = (int)(paid + conf->vector_interval - now - room);
		return false;
	}
	s->paced = paid + conf->vector_interval;
	return true;
}

/* After a genuine AUTS: from where the numbers go on. */
static bool resync(struct hss_verdict *v, const struct hss_records *r)
{
	uint64_t last = (uint64_t)r->sim.sqn;

	switch (aka_sqn_resync(last, r->sqn_ms, AKA_IND_BITS, AKA_DELTA, &last)) {
	case AKA_RESYNC_KEPT:
		MST_STR_SET(v->why, "the card has seen no number that was not given out; nothing moved");
		return true;
	case AKA_RESYNC_FORWARD:
		v->sim.sqn = (int64_t)last;
		MST_STR_SET(v->why, "the card was ahead; the numbers go on from there");
		return true;
	case AKA_RESYNC_BACK:
		break;
	}
	refuse(v, 403, "Forbidden", "AUTHENTICATION_REJECTED", "the card cannot be brought into step",
	       "the number lies beyond what the card takes, and never goes back: remove the SIM and add it with --sqn, or replace the card");
	return false;
}

static void vector(const struct hss_call *c, const struct hss_records *r, const char *bsf, const struct mst_role_conf *conf, mst_time now,
		   struct hss_verdict *v)
{
	uint64_t next;
	int wait = 0;

	v->sim = r->sim;
	v->leave = mst_authorise_vector(r->sim.imsi, bsf);
	v->what = c->ask.resync ? "resynchronised" : "vector";
	if (r->sim.amf & AMF_SEPARATION) {
		not_now(v, "the AMF of the SIM has the separation bit, which is for EPS and 5G alone (TS 33.102 annex H)");
		return;
	}
	if (c->ask.resync && r->auts == HSS_AUTS_UNJUDGED) {
		v->judge_auts = true;
		return;
	}
	if (c->ask.resync && r->auts != HSS_AUTS_GENUINE) {
		refuse(v, 403, "Forbidden", "AUTHENTICATION_REJECTED", "the AUTS is not genuine",
		       "an AUTS that this card did not make for that RAND: forged, or the card has another K or OPc");
		return;
	}
	if (!in_pace(&v->sim, conf, now, &wait)) {
		refuse(v, 429, "Too Many Requests", "", "too many vectors for this subscriber",
		       "too many vectors for one SIM (hss.vector_interval, hss.vector_burst)");
		v->retry_after = wait;
		return;
	}
	if (c->ask.resync && !resync(v, r))
		return;
	if (aka_sqn_next((uint64_t)v->sim.sqn, AKA_IND_BITS, (unsigned)r->sim.ind, &next)) {
		not_now(v, "no sequence number is left: the card must be replaced");
		return;
	}
	v->sim.sqn = (int64_t)next;
	v->sim.vectors++;
	v->sim.vector_at = now;
	v->vector = true;
	v->status = 200;
}

void hss_decide(const struct hss_call *c, const struct hss_records *r, const char *bsf, const struct mst_role_conf *conf, mst_time now,
		struct hss_verdict *v)
{
	memset(v, 0, sizeof(*v));
	/* who first: an answer about the content is owed only to somebody */
	if (!*bsf)
		refuse(v, 403, "Forbidden", "", "this BSF may not ask here", "no BSF that hss.bsfs names");
	else if (c->status)
		refuse(v, c->status, c->title, "", c->detail, NULL);
	else if (!admit(r, now, v))
		v->of_subscriber = true;
	else if (!c->settings)
		vector(c, r, bsf, conf, now, v);
	else {
		v->status = 200;
		v->settings = true;
		v->uid = mst_node_name(&r->who.node);
	}
}
