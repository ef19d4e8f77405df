/* Instructions and slots: can it be done here, and does what is pending belong to it? */
#include "codec/uri.h"
#include "enrolee/internal.h"

static bool peer_of(struct mst_view uri, const char *schemes, struct enrolee_peer *ret_p)
{
	struct mst_uri_parts u;
	struct enrolee_peer p = { .https = 443 };

	if (!mst_uri_split(uri, &u) || !mst_uri_scheme_in(&u, schemes) || u.host_kind != MST_URI_FQDN || mst_view_find(u.path, '?') < u.path.n)
		return false;
	while (u.path.n && u.path.p[u.path.n - 1] == '/')
		u.path.n--;
	p.port = u.port;
	p.coap = mst_view_eq_str(u.scheme, "coaps");
	p.https = p.coap ? 443 : u.port;
	if (!mst_id_normalise(MST_ID_FQDN, u.host, p.host) || !mst_view_to_str(u.path, p.path, sizeof(p.path)))
		return false;
	*ret_p = p;
	return true;
}

bool enrolee_peer_of(struct mst_view uri, struct enrolee_peer *ret_p)
{
	return peer_of(uri, "https coaps", ret_p);
}

bool enrolee_https_of(struct mst_view uri, struct enrolee_peer *ret_p)
{
	return peer_of(uri, "https", ret_p);
}

static bool is_port(int64_t x)
{
	return x > 0 && x <= UINT16_MAX;
}

bool enrolee_mef_of(const struct mst_instruction *i, struct enrolee_peer *ret_p)
{
	if (!enrolee_peer_of(i->uri, ret_p))
		return false;
	if (is_port(i->http_port))
		ret_p->https = (uint16_t)i->http_port;
	if (is_port(ret_p->coap ? i->coap_port : i->http_port))
		ret_p->port = (uint16_t)(ret_p->coap ? i->coap_port : i->http_port);
	return true;
}

bool enrolee_bsf_of(struct mst_view uri, struct enrolee_peer *ret_p, bool *ret_tls)
{
	*ret_tls = enrolee_https_of(uri, ret_p);
	return *ret_tls || peer_of(uri, "http", ret_p);
}

static const char *no_credential(const struct enrolee_config *cfg, int method)
{
	bool there = cfg->methods >> method & 1;

	switch (method) {
	case MST_METHOD_PSK: return there && (!cfg->kpm || cfg->kpm->n) && cfg->kpm_id && cfg->kpm_id[0] ? NULL : "this device holds no maker's secret";
	case MST_METHOD_GBA: return there ? NULL : "this device has no subscriber's card (card.kind)";
	default: return there ? NULL : "this device holds no certificate";
	}
}

static bool reachable(const struct enrolee_config *cfg, struct mst_view uri, struct enrolee_peer *ret_p)
{
	return enrolee_peer_of(uri, ret_p) && (!ret_p->coap || cfg->coap);
}

static const char *schemes(const struct enrolee_config *cfg)
{
	return cfg->coap ? "https or coaps" : "https";
}

/* In the older arrangement the NAF is the MEF, which then enrols with a MAF as it does by other methods. */
static bool by_mef(const struct enrolee_config *cfg, const struct enrolee_peer *p, bool tls)
{
	return tls && !(cfg->bsf_host && mst_view_eq_str(mst_view_str(cfg->bsf_host), p->host));
}

static const char *no_target(const struct enrolee_config *cfg, const struct mst_instruction *i)
{
	bool cse = i->suid == MST_SUID_KPSA, tls;
	char name[MST_ID_MAX];
	struct enrolee_peer bsf;

	if (!cse)
		return (!i->suid || i->suid == MST_SUID_KM) && mst_id_valid(MST_ID_FQDN, i->target) ? NULL :
		       "only a MAF (FQDN, SUID 21) or, by gba, a CSE (absolute CSE-ID, SUID 22) is built in";
	if (i->method != MST_METHOD_GBA)
		return "a key for a CSE (SUID 22) comes by method gba alone";
	if (!mst_cse_public_name(i->target, name))
		return "an absolute CSE-ID of letters, digits and hyphens expected: it is a domain name, too";
	return enrolee_bsf_of(i->uri, &bsf, &tls) && by_mef(cfg, &bsf, tls) ?
	       "the BSF itself is needed; an https URI is an MEF's unless gba.bsf names it" : NULL;
}

bool enrolee_supports(const struct enrolee_config *cfg, const struct mst_instruction *i, struct mst_diag *d)
{
	bool gba = i->method == MST_METHOD_GBA, tls;
	struct enrolee_peer u, maf;
	const char *why;

	if (i->kind != MST_INSTR_BOOTSTRAP || (i->method != MST_METHOD_PSK && i->method != MST_METHOD_CERT && !gba)) {
		mst_diag_set(d, 0, "method", "only bootstrap by certificate (cert), by the maker's secret (psk) and by a subscriber's card (gba) is built in",
			     NULL);
		return false;
	}
	why = no_credential(cfg, i->method);
	if (why) {
		mst_diag_set(d, 0, "method", why, NULL);
		return false;
	}
	if (gba ? !enrolee_bsf_of(i->uri, &u, &tls) : !reachable(cfg, i->uri, &u)) {
		mst_diag_set(d, 0, "uri", "not ", gba ? "http(s)" : schemes(cfg), "://fqdn[:port][/path], which is what this device can reach", NULL);
		return false;
	}
	if (gba && cfg->digest && (i->suid == MST_SUID_KPSA || by_mef(cfg, &u, tls))) {
		mst_diag_set(d, 0, "method", "gba with Digest (gba.ua) is for a MAF behind its operator's BSF; a CSE and a MEF need a key for PSK-TLS", NULL);
		return false;
	}
	why = no_target(cfg, i);
	if (why) {
		mst_diag_set(d, 0, "target", why, NULL);
		return false;
	}
	if (!mst_id_valid(MST_ID_FQDN, i->admin_fqdn)) {
		mst_diag_set(d, 0, "adminFQDN", "not an FQDN", NULL);
		return false;
	}
	if (i->maf_uri.n && !(gba ? enrolee_https_of(i->maf_uri, &maf) : reachable(cfg, i->maf_uri, &maf))) {
		mst_diag_set(d, 0, "mafURI", "not ", gba ? "https" : schemes(cfg), "://fqdn[:port][/path]", NULL);
		return false;
	}
	return true;
}

static bool take_peer(struct enrolee *e, const struct mst_instruction *i)
{
	bool tls;

	e->gba = i->method == MST_METHOD_GBA;
	if (!e->gba)
		return enrolee_mef_of(i, &e->mef);
	if (!enrolee_bsf_of(i->uri, &e->mef, &tls))
		return false;
	e->via_mef = by_mef(&e->cfg, &e->mef, tls);
	return true;
}

/* "//SP.example.com/IN-CSE" as "IN-CSE.SP.example.com": every letter as it is. */
static bool spell_cse(struct mst_view id, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);
	struct mst_view rest = mst_view_sub(id, 2, id.n);
	size_t slash = mst_view_find(rest, '/');

	mst_put(&w, mst_view_sub(rest, slash + 1, rest.n));
	mst_put_str(&w, ".");
	mst_put(&w, mst_view_sub(rest, 0, slash));
	mst_put_nul(&w);
	return w.ok;
}

/*
 * The name in NAF_Id. TS 33.220 B.3 takes the octets that the NAF itself says to its BSF, which a node does not see before the key is
 * made; ours all say it in lower case.
 */
static bool spell_naf(struct enrolee *e, struct mst_view target)
{
	if (!e->cfg.quirks || !e->cfg.quirks->naf_as_spelled)
		return mst_copy_text(e->naf_said, sizeof(e->naf_said), e->naf);
	return enrolee_for_cse(e) ? spell_cse(target, e->naf_said) : mst_view_to_str(target, e->naf_said, sizeof(e->naf_said));
}

/* A MAF, or a CSE; and what it is called as a NAF. */
static bool take_target(struct enrolee *e, const struct mst_instruction *i)
{
	char name[MST_ID_MAX];

	e->suid = i->suid == MST_SUID_KPSA ? MST_SUID_KPSA : MST_SUID_KM;
	if (enrolee_for_cse(e))
		return mst_id_normalise(MST_ID_CSE_ABS, i->target, e->target) && mst_cse_public_name(i->target, name) &&
		       mst_id_normalise(MST_ID_FQDN, mst_view_str(name), e->naf) && spell_naf(e, i->target);
	return mst_id_normalise(MST_ID_FQDN, i->target, e->target) && mst_copy_text(e->naf, sizeof(e->naf), e->target) && spell_naf(e, i->target);
}

bool enrolee_take_instruction(struct enrolee *e, const struct mst_instruction *i, const char *attempt)
{
	e->by_secret = i->method == MST_METHOD_PSK;
	e->expires = i->expires;
	if (!take_peer(e, i))
		return false;
	/* An explicit port in the instruction wins over the URI's (9.2.2.1: httpPort). */
	if (e->gba && is_port(i->http_port))
		e->mef.port = (uint16_t)i->http_port;
	return mst_view_to_str(i->uri, e->mef_uri, sizeof(e->mef_uri)) &&
	       mst_view_to_str(i->maf_uri, e->maf_uri, sizeof(e->maf_uri)) &&
	       take_target(e, i) &&
	       mst_id_normalise(MST_ID_FQDN, i->admin_fqdn, e->admin_fqdn) &&
	       mst_copy_text(e->attempt, sizeof(e->attempt), attempt) &&
	       mst_copy_text(e->from, sizeof(e->from), e->cfg.from);
}

bool enrolee_usable(const struct mst_root_cred *p, mst_time utc)
{
	char from[MST_ID_MAX];

	/* one for a MAF that names no node leads nowhere */
	return p->key.n == MST_KEY_LEN && p->key_id[0] && p->not_after > utc && (!p->maf_fqdn[0] || enrolee_maf_from(p, from));
}

static bool same_target(const struct enrolee *e, const struct mst_root_cred *p)
{
	return enrolee_for_cse(e) ? mst_id_equal(MST_ID_CSE_ABS, mst_view_str(p->registrar_cse_id), mst_view_str(e->target)) :
				    mst_view_eq_str(mst_view_str(p->maf_fqdn), e->target);
}

bool enrolee_fits(const struct enrolee *e, const struct mst_root_cred *p)
{
	return p->suid == e->suid && mst_view_eq_str(mst_view_str(p->mef_fqdn), e->mef.host) &&
	       same_target(e, p) &&
	       mst_id_equal(MST_ID_FQDN, mst_view_str(p->admin_fqdn), mst_view_str(e->admin_fqdn));
}
