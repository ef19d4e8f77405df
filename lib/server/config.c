/* What is done with settings once they are read: the roles' structs, reload. */
#include "server/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/est.h"
#include "server/config-internal.h"

#define CONF_OCTETS (256 * 1024)

bool mst_conf_cwd(char *out, size_t cap)
{
	return getcwd(out, cap) != NULL;
}

bool mst_conf_duration(const char *text, int64_t *ret_seconds)
{
	static const struct { char unit; int64_t seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 },
	};
	size_t n = strlen(text);
	int64_t factor = 1;
	uint64_t x;

	for (size_t i = 0; n && i < MST_COUNT(units); i++)
		if (text[n - 1] == units[i].unit) {
			factor = units[i].seconds;
			n--;
			break;
		}
	if (!mst_parse_dec((struct mst_view){ (const uint8_t *)text, n }, 1000000000, &x))
		return false;
	*ret_seconds = (int64_t)x * factor;
	return true;
}

void mst_conf_put_duration(struct mst_writer *w, int64_t seconds)
{
	if (seconds && seconds % 86400 == 0) {
		mst_put_dec(w, seconds / 86400);
		mst_put_str(w, "d");
	} else if (seconds && seconds % 3600 == 0) {
		mst_put_dec(w, seconds / 3600);
		mst_put_str(w, "h");
	} else {
		mst_put_dec(w, seconds);
		mst_put_str(w, "s");
	}
}

int mst_conf_load(const char *file, struct mst_conf_report *r, struct mst_conf **ret_c, char **ret_text)
{
	FILE *f = fopen(file, "rbe");
	char *text;
	size_t n;
	int rc;

	r->errors = 0;
	if (!f) {
		mst_conf_wrong(r, file, 0, "", "cannot be read (%s); give the right file with -c",
			       strerror(errno));
		return MST_FAULT_CONFIG;
	}
	text = malloc(CONF_OCTETS + 1);
	n = text ? fread(text, 1, CONF_OCTETS + 1, f) : 0;
	rc = ferror(f);
	fclose(f);
	if (!text)
		return MST_FAULT_MEMORY;
	if (rc || n > CONF_OCTETS || memchr(text, 0, n)) {
		mst_conf_wrong(r, file, 0, "",
			       "is not a configuration; a text file of at most %d octets is wanted",
			       CONF_OCTETS);
		free(text);
		return MST_FAULT_CONFIG;
	}
	text[n] = '\0';
	rc = mst_conf_read(file, text, r, ret_c);
	if (rc == 0 && ret_text)
		*ret_text = text;
	else
		free(text);
	return rc;
}

struct mst_conf *mst_conf_free(struct mst_conf *c)
{
	free(c);
	return NULL;
}

const struct mst_conf_role *mst_conf_role(const struct mst_conf *c, enum mst_role role)
{
	const struct mst_conf_role *const r[MST_ROLE__COUNT] = {
		[MST_ROLE_BBN] = &c->bbn, [MST_ROLE_MEF] = &c->mef, [MST_ROLE_MAF] = &c->maf,
		[MST_ROLE_OCSP] = &c->ocsp, [MST_ROLE_HSS] = &c->hss, [MST_ROLE_BSF] = &c->bsf,
		[MST_ROLE_ZN] = &c->zn, [MST_ROLE_ADMIN] = &c->admin,
	};

	return (unsigned)role < MST_ROLE__COUNT && r[role] && r[role]->present ? r[role] : NULL;
}

const struct mst_asker mst_askers[MST_ASKERS] = {
	{ MST_ROLE_MAF, MST_FETCH_KEY, "mef_anchors", "require_mef_crl", "MEF" },
	{ MST_ROLE_MAF, MST_FETCH_ZN, "bsf_anchors", "require_bsf_crl", "BSF" },
	{ MST_ROLE_MEF, MST_FETCH_ZN, "bsf_anchors", "require_bsf_crl", "BSF" },
	{ MST_ROLE_BSF, MST_FETCH_ZH, "hss_anchors", "require_crl", "HSS" },
};

const char (*mst_conf_asker_anchors(const struct mst_conf *c, const struct mst_asker *a, size_t *ret_n))[MST_CONF_PATH]
{
	const struct mst_conf_role *r = mst_conf_role(c, a->role);

	*ret_n = !r ? 0 : a->kind == MST_FETCH_KEY ? r->n_peer_anchors : r->n_gba_anchors;
	return !*ret_n ? NULL : a->kind == MST_FETCH_KEY ? r->peer_anchors : r->gba_anchors;
}

bool mst_conf_asks(const struct mst_conf *c)
{
	const struct mst_conf_role *mef = mst_conf_role(c, MST_ROLE_MEF);

	return mst_conf_role(c, MST_ROLE_MAF) || mst_conf_role(c, MST_ROLE_BSF) || (mef && mef->n_gba_anchors);
}

static struct mst_quirks quirks_of(const struct mst_conf_quirks *c)
{
	struct mst_quirks q = mst_quirks_default;

	q.km = (__typeof__(q.km))c->km;
	q.names = (enum mst_profile)c->names;
	q.hex_lower = c->hex != 0;
	q.coap_early = c->coap_options != 0;
	q.mef_label = (__typeof__(q.mef_label))c->mef_label;
	q.repeat_conflicts = c->repeat_conflicts;
	return q;
}

static const char *port_of(const struct mst_conf_role *r, const char *usual)
{
	const char *port = r->n_listen ? strrchr(r->listen[0], ':') : NULL;

	return port && strcmp(port, usual) && strcmp(port, ":0") ? port : "";
}

static void est_of(const struct mst_conf *c, struct mst_role_conf *ret)
{
	const struct mst_conf_role *r = &c->mef, *o = &c->ocsp;

	ret->est.on = r->est;
	ret->est.approval = r->est_approval;
	ret->est.lifetime = r->est_lifetime;
	ret->est.grace = r->est_grace;
	ret->est.retry = r->est_retry;
	if (r->est_uri[0])
		memcpy(ret->est.uri, r->est_uri, sizeof(ret->est.uri));
	else
		snprintf(ret->est.uri, sizeof(ret->est.uri), "https://%.200s%.8s%s", r->fqdn, port_of(r, ":443"), MST_EST_PATH);
	snprintf(ret->objects_uri, sizeof(ret->objects_uri), "https://%.160s%.8s%.63s/deviceConfig/", r->fqdn, port_of(r, ":443"), r->base);
	ret->n_stakeholder = r->n_stakeholders;
	memcpy(ret->stakeholder, r->stakeholders, sizeof(ret->stakeholder));
	if (o->present && o->uri[0])
		memcpy(ret->est.ocsp, o->uri, sizeof(ret->est.ocsp));
	else if (o->present)
		snprintf(ret->est.ocsp, sizeof(ret->est.ocsp), "http://%.170s%.8s%s", o->fqdn, port_of(o, ":80"), o->base);
}

static void bsfs_of(const struct mst_conf_role *r, struct mst_role_conf *ret)
{
	ret->n_bsf = r->n_bsfs;
	for (size_t i = 0; i < r->n_bsfs; i++) {
		const struct mst_conf_bsf *c = &r->bsfs[i];
		struct mst_bsf_link *b = &ret->bsf[i];

		memcpy(b->fqdn, c->fqdn, sizeof(b->fqdn));
		if (c->uri[0])
			memcpy(b->uri, c->uri, sizeof(b->uri));
		else
			snprintf(b->uri, sizeof(b->uri), "https://%s", c->fqdn);
		memcpy(b->connect_to, c->connect_to, sizeof(b->connect_to));
		b->binding = (enum mst_fetch_binding)c->binding;
		if (c->n_domains)
			memcpy(b->domain, c->domains, sizeof(b->domain));
		else
			memcpy(b->domain[0], c->fqdn, sizeof(b->domain[0]));
		b->n_domain = c->n_domains ? c->n_domains : 1;
		memcpy(b->sp, c->sps, sizeof(b->sp));
		b->n_sp = c->n_sps;
	}
}

/* Of a BSF, on both of its faces. */
static void gba_of(const struct mst_conf_role *r, bool asks, struct mst_gba_conf *ret)
{
	if (asks)
		memcpy(ret->hss.fqdn, r->ask_hss.fqdn, sizeof(ret->hss.fqdn));
	if (r->ask_hss.uri[0])
		memcpy(ret->hss.uri, r->ask_hss.uri, sizeof(ret->hss.uri));
	else
		snprintf(ret->hss.uri, sizeof(ret->hss.uri), "https://%s", r->ask_hss.fqdn);
	memcpy(ret->hss.connect_to, r->ask_hss.connect_to, sizeof(ret->hss.connect_to));
	ret->hss.binding = (enum mst_fetch_binding)r->ask_hss.binding;
	ret->lifetime = r->session_lifetime;
	ret->challenge = r->challenge_lifetime;
	ret->amf_any = r->ask_hss.amf != 0;
	ret->tmpi = r->tmpi;
	ret->brief = r->briefing;
	ret->lock_after = r->lock_after;
	ret->lock_time = r->lock_time;
	ret->gsid = r->gsid;
	ret->n_naf = r->n_nafs;
	for (size_t i = 0; i < r->n_nafs; i++) {
		struct mst_naf_link *n = &ret->naf[i];

		memcpy(n->fqdn, r->nafs[i].fqdn, sizeof(n->fqdn));
		memcpy(n->name, r->nafs[i].names, sizeof(n->name));
		memcpy(n->group, r->nafs[i].groups, sizeof(n->group));
		n->n_names = r->nafs[i].n_names;
		n->n_groups = r->nafs[i].n_groups;
		n->impi = r->nafs[i].impi;
	}
}

unsigned mst_conf_four(const struct mst_conf_four_eyes *f)
{
	return (f->keeper ? 1u << MST_FOUR_KEEPER : 0) | (f->audit ? 1u << MST_FOUR_AUDIT : 0) | (f->certificates ? 1u << MST_FOUR_CERTIFICATES : 0) |
	       (f->subscriptions ? 1u << MST_FOUR_SUBSCRIPTIONS : 0) | (f->export_ ? 1u << MST_FOUR_EXPORT : 0);
}

static void four_of(const struct mst_conf_four_eyes *f, struct mst_role_conf *ret)
{
	ret->four.of = mst_conf_four(f);
	ret->four.expires = f->expires;
	ret->four.n_people = f->n_people;
	for (size_t i = 0; i < f->n_people; i++)
		ret->four.people[i] = (uint32_t)f->people[i].uid;
}

void mst_conf_role_conf(const struct mst_conf *c, enum mst_role role, struct mst_role_conf *ret)
{
	const struct mst_conf_role *r = mst_conf_role(c, role);

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < MST_ROLE__COUNT; i++)
		if (mst_conf_role(c, (enum mst_role)i))
			ret->roles_played |= 1u << i;
	if (!r)
		return;
	memcpy(ret->fqdn, r->fqdn, sizeof(ret->fqdn));
	memcpy(ret->base, r->base, sizeof(ret->base));
	ret->quirks = quirks_of(&r->quirks);
	ret->reg_lifetime = r->registration_lifetime;
	ret->retry_duration = r->retry_duration;
	ret->n_mef = r->n_mefs;
	for (size_t i = 0; i < r->n_mefs; i++) {
		memcpy(ret->mef[i].fqdn, r->mefs[i].fqdn, sizeof(ret->mef[i].fqdn));
		memcpy(ret->mef[i].uri, r->mefs[i].uri, sizeof(ret->mef[i].uri));
		memcpy(ret->mef[i].connect_to, r->mefs[i].connect_to, sizeof(ret->mef[i].connect_to));
		memcpy(ret->mef[i].sp, r->mefs[i].sps, sizeof(ret->mef[i].sp));
		ret->mef[i].n_sp = r->mefs[i].n_sps;
		ret->mef[i].quirks = quirks_of(&r->mefs[i].quirks);
	}
	bsfs_of(r, ret);
	for (size_t i = 0; i < r->n_providers; i++) {
		memcpy(ret->provider[i].sp, r->providers[i].sp, sizeof(ret->provider[i].sp));
		ret->provider[i].uid = (uint32_t)r->providers[i].uid;
	}
	ret->n_provider = r->n_providers;
	if (role == MST_ROLE_ADMIN)
		four_of(&c->four_eyes, ret);
	if (c->mef.present)
		est_of(c, ret);
	ret->strangers = r->strangers;
	ret->no_node_certs = role == MST_ROLE_MEF && !r->node_certificates;
	ret->no_secrets = (role == MST_ROLE_MEF || role == MST_ROLE_BBN) && !r->psk;
	ret->validity = r->validity;
	ret->keep = r->keep;
	memcpy(ret->own_fqdn[0], c->mef.fqdn, sizeof(ret->own_fqdn[0]));
	memcpy(ret->own_fqdn[1], c->maf.fqdn, sizeof(ret->own_fqdn[1]));
	memcpy(ret->secret_fqdn, c->bbn.present ? c->bbn.fqdn : c->mef.fqdn, sizeof(ret->secret_fqdn));
	ret->reenrol = (int)r->reenrol;
	ret->maf_elsewhere = !c->maf.present;
	if (role == MST_ROLE_BSF || role == MST_ROLE_ZN)
		gba_of(&c->bsf, role == MST_ROLE_BSF, &ret->gba);
	if (role == MST_ROLE_ADMIN || role == MST_ROLE_ZN)
		memcpy(ret->gba.trigger_naf, c->bsf.trigger_naf, sizeof(ret->gba.trigger_naf));
	if (role == MST_ROLE_ADMIN)
		ret->gba.gsid = c->bsf.gsid;
	memcpy(ret->own_bsf, c->bsf.fqdn, sizeof(ret->own_bsf));
	ret->n_zh_bsf = r->n_zh_bsfs;
	memcpy(ret->zh_bsf, r->zh_bsfs, sizeof(ret->zh_bsf));
	ret->vector_interval = r->vector_interval;
	ret->vector_burst = r->vector_burst;
	ret->mnc_digits = c->hss.mnc_digits;
	if (role == MST_ROLE_ADMIN)
		r = &c->mef;
	ret->n_maf = r->n_mafs;
	memcpy(ret->maf_fqdn, r->mafs, sizeof(ret->maf_fqdn));
}

const char *mst_conf_needs_restart(const struct mst_conf *was, const struct mst_conf *is)
{
	const char *a = (const char *)was, *b = (const char *)is;

	for (size_t i = 0; i < mst_conf_n_items; i++) {
		const struct mst_conf_item *it = &mst_conf_items[i];
		size_t n = it->cap;

		if (!(it->flags & MST_CONF_FIXED) || !it->offset)
			continue;
		if (it->flags & MST_CONF_LIST)
			n = it->cap * it->max;
		else if (it->type == MST_CONF_T_GROUP || it->type == MST_CONF_T_BOOL)
			n = sizeof(bool);
		else if (!n)
			n = sizeof(int64_t);
		if (memcmp(a + it->offset, b + it->offset, n))
			return it->key;
	}
	return NULL;
}
