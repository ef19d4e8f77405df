/* The keeper in this process; the keeper process runs the same behind its link. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "crypto/derive.h"
#include "keeper/local.h"
#include "proto/aka/sim.h"

/* A wrapped key: version, generation of the key-encryption key, box. The first version had none: it is of the first generation. */
#define WRAP_VERSION 2
#define WRAP_HEAD 3u

int keeper_refuse(struct local *l, enum mst_keeper_outcome why)
{
	l->counts.refused++;
	return (int)why;
}

/* What may leave or be made into what, which is what somebody of ours asks for: keeper.h has the table in words. */
#define HOW(h) (1u << (h))
static const struct { unsigned release, derive, into; bool trigger, create; } permits[] = {
	[MST_PURPOSE_NONE] = { 0, 0, 0, false, false },
	[MST_PURPOSE_KPM] = { HOW(MST_DERIVE_NONE), 0, 0, true, true },
	[MST_PURPOSE_KE] = { HOW(MST_DERIVE_KM) | HOW(MST_DERIVE_USAGE), 0, 0, false, false },
	[MST_PURPOSE_KEYREG] = { HOW(MST_DERIVE_NONE), 0, 0, false, false },
	[MST_PURPOSE_KM] = { HOW(MST_DERIVE_NONE), HOW(MST_DERIVE_NONE), 1u << MST_PURPOSE_KM, true, false },
	[MST_PURPOSE_SIM] = { 0, 0, 0, false, false },
	[MST_PURPOSE_AV] = { 0, 0, 0, false, false },
	[MST_PURPOSE_KS] = { 0, 0, 0, false, false },
};

/* Which way a purpose's keys go: duties that may give one in, and that may get one; and for what. */
static const struct { unsigned in, out; enum mst_key_use use; } ways[] = {
	[MST_PURPOSE_NONE] = { 0, 0, MST_USE_NONE },
	[MST_PURPOSE_KPM] = { MST_DUTY_ADMIN | MST_DUTY_CONNECTOR, MST_DUTY_MEF | MST_DUTY_BBN, MST_USE_HANDSHAKE },
	[MST_PURPOSE_KE] = { MST_DUTY_MEF, MST_DUTY_MEF, MST_USE_ANSWER },
	[MST_PURPOSE_KEYREG] = { MST_DUTY_MEF | MST_DUTY_MAF, MST_DUTY_MEF | MST_DUTY_MAF, MST_USE_ANSWER },
	[MST_PURPOSE_KM] = { MST_DUTY_CONNECTOR, MST_DUTY_MAF, MST_USE_HANDSHAKE },
	[MST_PURPOSE_SIM] = { MST_DUTY_ADMIN, 0, MST_USE_NONE },
	[MST_PURPOSE_AV] = { MST_DUTY_CONNECTOR, MST_DUTY_HSS, MST_USE_VECTOR },
	[MST_PURPOSE_KS] = { 0, MST_DUTY_ZN, MST_USE_NAF_KEYS },
};

bool keeper_gets(enum mst_key_purpose p, const struct mst_channel *ch)
{
	return ways[p].out & ch->duties;
}

int keeper_seal_for(struct local *l, const struct mst_channel *ch, enum mst_key_purpose p, const struct mst_key *key, struct mst_wrapped *ret_s)
{
	return ways[p].use ? channel_seal(ch, CHANNEL_FROM_KEEPER, (unsigned)ways[p].use, l->c, key, ret_s) : MST_FAULT_BUG;
}

static bool purpose_known(enum mst_key_purpose p)
{
	return (unsigned)p > MST_PURPOSE_NONE && (unsigned)p < MST_COUNT(permits);
}

bool keeper_id_usable(const char *id)
{
	return id && *id && strnlen(id, MST_ID_MAX) < MST_ID_MAX;
}

static bool how_in(unsigned set, enum mst_derive_how how)
{
	return (unsigned)how <= MST_DERIVE_USAGE && set & HOW(how);
}

const struct mst_channel *keeper_channel_of(const struct local *l, uint32_t id)
{
	for (size_t i = 0; i < l->n_channels; i++)
		if (l->channel[i].id == id)
			return &l->channel[i];
	return NULL;
}

uint32_t mst_wrapped_generation(const struct mst_wrapped *w)
{
	if (w->n > 1 + MST_BOX_OVERHEAD && w->b[0] == 1)
		return 1;
	return w->n > WRAP_HEAD + MST_BOX_OVERHEAD && w->b[0] == WRAP_VERSION ? (uint32_t)w->b[1] << 8 | w->b[2] : 0;
}

void mst_wrapped_head(uint32_t generation, uint8_t ret[MST_WRAPPED_HEAD])
{
	ret[0] = WRAP_VERSION;
	ret[1] = (uint8_t)(generation >> 8);
	ret[2] = (uint8_t)generation;
}

static size_t wrap_head(const struct mst_wrapped *w)
{
	return w->b[0] == 1 ? 1 : WRAP_HEAD;
}

size_t mst_wrapped_octets(const struct mst_wrapped *w)
{
	return w->n <= sizeof(w->b) && mst_wrapped_generation(w) ? w->n - wrap_head(w) - MST_BOX_OVERHEAD : 0;
}

static struct mst_view wrap_aad(unsigned version, uint32_t gen, enum mst_key_purpose p, const char *key_id, uint8_t *out, size_t cap)
{
	struct mst_writer w = mst_writer_of(out, cap);

	mst_put_str(&w, "muster wrap");
	mst_put_u8(&w, (uint8_t)version);
	if (version > 1)
		mst_put_u16(&w, (uint16_t)gen);
	mst_put_u8(&w, (uint8_t)p);
	mst_put_str(&w, key_id);
	return mst_written(&w);
}

int keeper_wrap(struct local *l, const struct mst_key *k, enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret_w)
{
	struct mst_wrapped out = { .n = 0 };
	struct mst_writer w = mst_writer_of(out.b, sizeof(out.b));
	uint8_t aad[MST_ID_MAX + 16];
	int r;

	mst_put_u8(&w, WRAP_VERSION);
	mst_put_u16(&w, (uint16_t)l->wrap[0].gen);
	r = mst_box_seal(l->c, l->wrap[0].key, wrap_aad(WRAP_VERSION, l->wrap[0].gen, p, key_id, aad, sizeof(aad)), mst_key_view(k), &w);
	if (r)
		return r;
	out.n = (uint16_t)w.n;
	*ret_w = out;
	return 0;
}

int keeper_unwrap(struct local *l, const struct mst_wrapped *w, enum mst_key_purpose p, const char *key_id, struct mst_key *ret_k)
{
	uint32_t gen = w->n <= sizeof(w->b) ? mst_wrapped_generation(w) : 0;
	size_t head = gen ? wrap_head(w) : WRAP_HEAD, i = 0;
	uint8_t aad[MST_ID_MAX + 16];
	struct mst_key k = { .n = 0 };
	int r;

	while (i < l->n_wrap && l->wrap[i].gen != gen)
		i++;
	if (i == l->n_wrap || w->n > head + MST_BOX_OVERHEAD + MST_KEY_ROOM)
		return MST_KEEPER_FORGED;
	r = mst_box_open(l->c, l->wrap[i].key, wrap_aad(w->b[0], gen, p, key_id, aad, sizeof(aad)),
			 (struct mst_view){ w->b + head, (size_t)w->n - head }, k.b, sizeof(k.b), &k.n);
	if (!r)
		*ret_k = k;
	mst_key_wipe(&k);
	return r > 0 ? MST_KEEPER_FORGED : r;
}

static int local_wrap(struct mst_keeper *k, uint32_t from, struct mst_view sealed, enum mst_key_purpose p,
		      const char *key_id, struct mst_wrapped *ret_w)
{
	struct local *l = keeper_of(k);
	const struct mst_channel *ch = keeper_channel_of(l, from);
	struct mst_key key;
	int r;

	if (!purpose_known(p) || !keeper_id_usable(key_id))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (!ch)
		return keeper_refuse(l, MST_KEEPER_NO_CHANNEL);
	if (!(ways[p].in & ch->duties))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = channel_open(ch, CHANNEL_TO_KEEPER, (unsigned)p, l->c, sealed, &key);
	if (r)
		return r > 0 ? keeper_refuse(l, MST_KEEPER_FORGED) : r;
	if (p == MST_PURPOSE_SIM)
		r = keeper_sim_take(l->c, &key);
	if (!r)
		r = keeper_wrap(l, &key, p, key_id, ret_w);
	mst_key_wipe(&key);
	l->counts.refused += r > 0;
	l->counts.wrapped += !r;
	return r;
}

static int local_create(struct mst_keeper *k, enum mst_key_purpose p, const char *key_id,
			struct mst_wrapped *ret_w)
{
	struct local *l = keeper_of(k);
	struct mst_key key = { .n = MST_KEY_LEN };
	int r;

	if (!purpose_known(p) || !permits[p].create || !keeper_id_usable(key_id))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = l->c->ops->random(l->c, key.b, MST_KEY_LEN);
	if (!r)
		r = keeper_wrap(l, &key, p, key_id, ret_w);
	mst_key_wipe(&key);
	l->counts.created += !r;
	return r;
}

/* In place. 0, DENIED for a target that no derivation takes, or a fault. */
static int derive_key(struct local *l, struct mst_key *k, enum mst_derive_how how, int suid,
		      const char *target)
{
	struct mst_key out = { .n = 0 };
	int r = MST_FAULT_BUG;

	switch (how) {
	case MST_DERIVE_NONE: return 0;
	case MST_DERIVE_KM: r = mst_derive_km(l->c, k, mst_view_str(target), &out); break;
	case MST_DERIVE_USAGE: r = mst_derive_usage(l->c, k, suid, mst_view_str(target), &out); break;
	}
	if (!r)
		*k = out;
	mst_key_wipe(&out);
	return r > 0 ? MST_KEEPER_DENIED : r;
}

bool keeper_authorised(const struct mst_authorisation *a, int what, const char *key_id)
{
	return a && (int)a->what == what && keeper_id_usable(a->key_id) && keeper_id_usable(a->to) &&
	       strcmp(a->key_id, key_id) == 0;
}

static int local_release(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w,
			 enum mst_key_purpose p, const char *key_id, enum mst_derive_how how, int suid,
			 const char *target, uint32_t to, struct mst_wrapped *ret_sealed)
{
	struct local *l = keeper_of(k);
	const struct mst_channel *ch = keeper_channel_of(l, to);
	struct mst_key key = { .n = 0 };
	int r;

	if (!purpose_known(p) || !keeper_id_usable(key_id) || !keeper_authorised(a, MST_AUTH_RELEASE, key_id) ||
	    !how_in(permits[p].release, how))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (!ch)
		return keeper_refuse(l, MST_KEEPER_NO_CHANNEL);
	if (!(ways[p].out & ch->duties))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = keeper_rate_ask(l, keeper_rate_of(p));
	if (r)
		return r;
	r = keeper_unwrap(l, w, p, key_id, &key);
	if (!r)
		r = derive_key(l, &key, how, suid, target);
	if (!r)
		r = keeper_seal_for(l, ch, p, &key, ret_sealed);
	mst_key_wipe(&key);
	l->counts.released += !r;
	if (!r)
		keeper_rate_count(l, keeper_rate_of(p));
	l->counts.refused += r > 0;
	return r;
}

static int local_differs(struct mst_keeper *k, uint32_t from, struct mst_view sealed, const struct mst_wrapped *w,
			 enum mst_key_purpose p, const char *key_id)
{
	struct local *l = keeper_of(k);
	const struct mst_channel *ch = keeper_channel_of(l, from);
	struct mst_key a = { .n = 0 }, b = { .n = 0 };
	int r;

	if ((p != MST_PURPOSE_KPM && p != MST_PURPOSE_KEYREG) || !keeper_id_usable(key_id))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (!ch)
		return keeper_refuse(l, MST_KEEPER_NO_CHANNEL);
	if (!((p == MST_PURPOSE_KPM ? ways[MST_PURPOSE_KEYREG].in : (unsigned)MST_DUTY_ADMIN) & ch->duties))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	/* of the two the other: what is given in is not what is there */
	r = channel_open(ch, CHANNEL_TO_KEEPER, p == MST_PURPOSE_KPM ? MST_PURPOSE_KEYREG : MST_PURPOSE_KPM, l->c, sealed, &a);
	r = r > 0 ? MST_KEEPER_FORGED : r;
	if (!r)
		r = keeper_unwrap(l, w, p, key_id, &b);
	if (!r && mst_ct_equal(mst_key_view(&a), mst_key_view(&b)))
		r = MST_KEEPER_SAME;
	mst_key_wipe(&a);
	mst_key_wipe(&b);
	l->counts.refused += r > 0;
	return r;
}

static int local_derive(struct mst_keeper *k, const struct mst_wrapped *w, enum mst_key_purpose p,
			const char *key_id, enum mst_derive_how how, int suid, const char *target,
			enum mst_key_purpose new_p, const char *new_key_id, struct mst_wrapped *ret_w)
{
	struct local *l = keeper_of(k);
	struct mst_key key = { .n = 0 };
	int r;

	if (!purpose_known(p) || !purpose_known(new_p) || !keeper_id_usable(key_id) || !keeper_id_usable(new_key_id) ||
	    !how_in(permits[p].derive, how) || !(permits[p].into & 1u << new_p))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = keeper_unwrap(l, w, p, key_id, &key);
	if (!r)
		r = derive_key(l, &key, how, suid, target);
	if (!r)
		r = keeper_wrap(l, &key, new_p, new_key_id, ret_w);
	mst_key_wipe(&key);
	l->counts.derived += !r;
	l->counts.refused += r > 0;
	return r;
}

/* Is this a trigger, to be checked with that key? The body itself says, not the one who asks. */
bool keeper_is_trigger(struct local *l, const char *key_id, struct mst_view body)
{
	uint8_t hint[MST_TRIGGER_HINT];
	struct mst_trigger t;

	return mst_trigger_read_body(body, &t, NULL) == 0 && mst_trigger_hint(l->c, mst_view_str(key_id), hint) == 0 &&
	       mst_view_eq(t.key, (struct mst_view){ hint, sizeof(hint) });
}

int keeper_trigger_mac(struct local *l, const struct mst_key *root, const char *key_id, const char *node_id, struct mst_view body,
		       uint8_t ret_mac[MST_TRIGGER_MAC])
{
	uint8_t cover[MST_TRIGGER_COVER_MAX];
	struct mst_writer c = mst_writer_of(cover, sizeof(cover));
	struct mst_key key = { .n = 0 };
	int r;

	mst_trigger_cover(&c, mst_view_str(node_id), body);
	r = c.ok ? mst_derive_trigger(l->c, root, mst_view_str(key_id), &key) : MST_FAULT_BUG;
	if (!r)
		r = mst_trigger_mac(l->c, &key, mst_written(&c), ret_mac);
	mst_key_wipe(&key);
	return r;
}

static int local_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w,
			 enum mst_key_purpose p, const char *key_id, const char *node_id, struct mst_view body,
			 uint8_t ret_mac[MST_TRIGGER_MAC])
{
	struct local *l = keeper_of(k);
	struct mst_key root = { .n = 0 };
	int r;

	if (!purpose_known(p) || !permits[p].trigger || !keeper_id_usable(key_id) || !keeper_id_usable(node_id) ||
	    !keeper_authorised(a, MST_AUTH_TRIGGER, key_id) || strcmp(a->to, node_id) != 0 || !keeper_is_trigger(l, key_id, body))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = keeper_rate_ask(l, MST_RATE_TRIGGERS);
	if (r)
		return r;
	r = keeper_unwrap(l, w, p, key_id, &root);
	if (!r)
		r = keeper_trigger_mac(l, &root, key_id, node_id, body, ret_mac);
	mst_key_wipe(&root);
	l->counts.triggers += !r;
	if (!r)
		keeper_rate_count(l, MST_RATE_TRIGGERS);
	l->counts.refused += r > 0;
	return r;
}

/* The engine's clock is no word to go by: a certificate that begins in a year is one for that year. */
#define CLOCKS 60
static bool certifies(const struct local *l, const struct mst_tbs_info *t)
{
	const struct mst_keeper_certifies *c = &l->certifies;

	return !t->cert.is_ca && !t->other_usage && t->cert.n_san == 1 && !t->other_names && (!t->server || c->servers) &&
	       (!c->clock || t->cert.not_after <= c->clock() + c->longest + CLOCKS * (c->longest > 0)) &&
	       (!c->is_server || (!c->is_server(c->arg, t->cert.san[0].value) && !(*t->common_name && c->is_server(c->arg, t->common_name))));
}

/* Nor is a list that it made up one for ever: what is not on it is taken for good as long as it is. */
static bool lists(const struct local *l, const struct mst_tbs_info *t)
{
	const struct mst_keeper_certifies *c = &l->certifies;
	mst_time now = c->clock ? c->clock() : 0;

	return !c->clock || (c->longest_list && t->list_until && t->list_from <= now + CLOCKS && t->list_until <= now + c->longest_list + CLOCKS);
}

void mst_keeper_local_certifies(struct mst_keeper *k, const struct mst_keeper_certifies *c)
{
	keeper_of(k)->certifies = *c;
}

/* Is this what was authorised? The to-be-signed part itself says, not the one who asks. */
static bool may_sign(struct local *l, const struct mst_authorisation *a, struct mst_view tbs)
{
	struct mst_tbs_info t;

	if (!a || a->what != MST_AUTH_SIGN || tbs.n > MST_TBS_MAX ||
	    mst_tbs_info(tbs, (struct mst_view){ l->files.ca_der, l->files.n_ca_der }, &t, NULL) ||
	    !t.issued_by)
		return false;
	if (t.is_crl)
		return lists(l, &t) && keeper_authorised(a, MST_AUTH_SIGN, MST_KEEPER_CRL);
	return certifies(l, &t) && keeper_authorised(a, MST_AUTH_SIGN, t.cert.san[0].value);
}

static int local_sign(struct mst_keeper *k, const struct mst_authorisation *a, struct mst_view tbs,
		      uint8_t *ret_sig, size_t cap, size_t *ret_n)
{
	struct local *l = keeper_of(k);
	struct keeper_ca_signer signer;
	uint8_t digest[MST_SHA256_LEN];
	enum mst_keeper_rate rate;
	int r;

	if (!may_sign(l, a, tbs))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	/* it is what may_sign() has found it to be */
	rate = strcmp(a->key_id, MST_KEEPER_CRL) ? MST_RATE_CERTIFICATES : MST_RATE__COUNT;
	r = keeper_rate_ask(l, rate);
	if (r)
		return r;
	r = l->c->ops->sha256(l->c, tbs, digest);
	if (r)
		return r;
	r = keeper_ca_signer(l, &signer);
	if (!r)
		r = signer.signer->sign(signer.signer, digest, ret_sig, cap, ret_n);
	r = keeper_ca_signer_end(&signer, r);
	l->counts.signed_ += !r;
	if (!r)
		keeper_rate_count(l, rate);
	return r;
}

static bool may_tell(const struct local *l, const struct mst_authorisation *a, const struct mst_ocsp_answer *s)
{
	return s->n && keeper_authorised(a, MST_AUTH_STATUS, a ? a->key_id : "") && s->this_update >= 0 &&
	       (!l->certifies.clock || s->this_update <= l->certifies.clock() + CLOCKS) && s->next_update > s->this_update && s->next_update - s->this_update <= MST_STATUS_LIFE;
}

/* The leave is for one certificate of ours, the first in the answer: what it is said of, not who asks, says which one that is. */
static int leave_fits(const struct mst_authorisation *a, const struct mst_ocsp_answer *s, struct mst_view ca)
{
	char serial[64] = "";
	int r = mst_ocsp_first_serial(ca, s, serial);

	return r ? r : strcmp(serial, a->key_id) ? MST_KEEPER_DENIED : 0;
}

static int local_status(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_ocsp_answer *s, uint8_t *ret_der,
			size_t cap, size_t *ret_n)
{
	struct local *l = keeper_of(k);
	const struct mst_view ca = { l->files.ca_der, l->files.n_ca_der };
	int r;

	r = may_tell(l, a, s) ? leave_fits(a, s, ca) : MST_KEEPER_DENIED;
	if (r)
		return r > 0 ? keeper_refuse(l, MST_KEEPER_DENIED) : r;
	r = responder_ready(l, s->this_update);
	if (r == MST_KEEPER_AWAY)
		return r;
	if (!r)
		r = mst_ocsp_response_make((struct mst_view){ l->responder.key, l->responder.n_key },
					   (struct mst_view){ l->responder.der, l->responder.n_der }, ca, s, ret_der, cap, ret_n);
	l->counts.statuses += !r;
	return r > 0 ? keeper_refuse(l, MST_KEEPER_DENIED) : r;
}

static int local_ca_cert(struct mst_keeper *k, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	struct local *l = keeper_of(k);

	if (l->files.n_ca_der > cap)
		return MST_FAULT_MEMORY;
	memcpy(ret_der, l->files.ca_der, l->files.n_ca_der);
	*ret_n = l->files.n_ca_der;
	return 0;
}

static void local_close(struct mst_keeper *k)
{
	struct local *l = keeper_of(k);

	if (l->dir > 0)
		(void)close(l->dir);
	mst_wipe(l, sizeof(*l));
	(void)munmap(l, sizeof(*l));
}

static const struct mst_keeper_ops local_ops = {
	.name = "local",
	.wrap = local_wrap,
	.create = local_create,
	.release = local_release,
	.differs = local_differs,
	.derive = local_derive,
	.sign = local_sign,
	.ca_cert = local_ca_cert,
	.trigger = local_trigger,
	.status = local_status,
	.aka_vector = keeper_aka_vector,
	.aka_resync = keeper_aka_resync,
	.gba_star = keeper_gba_star,
	.gba_answer = keeper_gba_answer,
	.gba_naf_keys = keeper_gba_naf_keys,
	.gba_trigger = keeper_gba_trigger,
	.seal_log = keeper_seal_log,
	.last_seal = keeper_last_seal,
	.generations = keeper_generations,
	.rotate = keeper_rotate,
	.rewrap = keeper_rewrap,
	.retire = keeper_retire,
	.rates = keeper_rates,
	.ca_state = keeper_ca_state,
	.leave_ask = keeper_leave_ask,
	.leave_give = keeper_leave_give,
	.leave_own = keeper_leave_own,
	.close = local_close,
};

/* Pages for secrets; NULL with errno. */
static struct local *take_pages(void)
{
	void *p =
		mmap(NULL, sizeof(struct local), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* WIPEONFORK: no child that this process starts has the keys */
	if (mlock(p, sizeof(struct local)) || madvise(p, sizeof(struct local), MADV_DONTDUMP) ||
	    madvise(p, sizeof(struct local), MADV_WIPEONFORK)) {
		int e = errno;

		(void)munmap(p, sizeof(struct local));
		errno = e;
		return NULL;
	}
	return p;
}

int mst_keeper_local_open(const char *dir, struct mst_crypto *c, struct mst_keeper **ret_k, struct mst_diag *d)
{
	return mst_keeper_local_open_with(dir, NULL, c, ret_k, d);
}

int mst_keeper_local_open_with(const char *dir, const struct mst_keeper_device *dev, struct mst_crypto *c, struct mst_keeper **ret_k,
			       struct mst_diag *d)
{
	struct local *l = take_pages();
	struct mst_diag none = { 0 };
	const char *which = "";
	int r;

	d = d ? d : &none;               /* what a device says goes through it */
	if (!l) {
		mst_diag_set(d, 0, dir, "cannot lock memory for keys (raise the limit of locked memory): ",
			     strerror(errno), NULL);
		return MST_FAULT_IO;
	}
#ifndef MST_SANITIZED   /* the leak checker has to look into its own process */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
		mst_diag_set(d, 0, dir, "cannot forbid core dumps: ", strerror(errno), NULL);
		local_close(&l->k);
		return MST_FAULT_IO;
	}
#endif
	l->c = c;
	r = aka_self_test(c, &which);
	if (r)
		mst_diag_set(d, 0, "self test", which, ": a wrong answer", NULL);
	if (!r)
		r = keeper_files_read(dir, dev, c, &l->files, &l->dir, d);
	if (!r)
		r = keeper_kek_spare(l->dir, dev, c, &l->spare, d);
	l->in_device = dev && dev->kind != KEK_IN_FILE;
	if (dev)
		l->ca = dev->ca;
	l->ca_state.kind = l->files.ca_kind;
	if (!r)
		r = keeper_log_open(l, d);
	for (; !r && l->n_wrap < l->files.n_kek; l->n_wrap++)
		r = keeper_kek_ready(l, &l->files.kek[l->n_wrap], &l->wrap[l->n_wrap]);
	if (r) {
		local_close(&l->k);
		return r;
	}
	/* both keys that come from it are made: nothing needs it any more */
	mst_wipe(l->files.kek, sizeof(l->files.kek));
	l->k.ops = &local_ops;
	*ret_k = &l->k;
	return 0;
}

int mst_keeper_local_channel(struct mst_keeper *k, uint32_t channel, const uint8_t key[32], unsigned duties)
{
	struct local *l = keeper_of(k);
	size_t i = 0;

	if (k->ops != &local_ops)
		return MST_FAULT_BUG;
	while (i < l->n_channels && l->channel[i].id != channel)
		i++;
	if (i == MST_CHANNELS_MAX)
		return MST_FAULT_MEMORY;
	/* a process that was started again brings a new key; the old one is good no longer */
	l->channel[i].id = channel;
	l->channel[i].duties = duties;
	memcpy(l->channel[i].key, key, sizeof(l->channel[i].key));
	if (i == l->n_channels)
		l->n_channels++;
	return 0;
}

struct mst_keeper_counts mst_keeper_local_counts(const struct mst_keeper *k)
{
	return ((const struct local *)k)->counts;
}
