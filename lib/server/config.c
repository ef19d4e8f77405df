/* What is done with settings once they are read: rules between them, the roles' structs, reload. */
#include "server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/est.h"
#include "server/config-internal.h"
#include "server/crash.h"

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

/* By its number: what a name stands for, another file says. */
static bool loopback(const char *a)
{
	const char *colon = strrchr(a, ':');
	struct in_addr in;
	char host[32];

	if (!strncmp(a, "[::1]:", 6) || !strncmp(a, "unix:", 5))
		return true;
	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - a) : 0, a);
	return inet_pton(AF_INET, host, &in) == 1 && ntohl(in.s_addr) >> 24 == 127;
}

/* What a rule needs to say where it was broken. */
struct rules {
	const struct mst_conf *c;
	const char *file;
	mst_conf_line line;
	const void *text;
	struct mst_conf_report *r;
};
#define BROKEN(k, field, ...) \
	mst_conf_wrong((k)->r, (k)->file, (k)->line((k)->text, field), field, __VA_ARGS__)

static bool port_is_free_choice(const char *address)
{
	return mst_view_ends(mst_view_str(address), ":0");
}

/* Is `address` one of the first `n` of that role? Or of any role that stands before it? UDP has ports of its own. */
static const char *seen_before(const struct mst_conf *c, const char *role, const char *address, size_t n, bool udp)
{
	static const char *const name[] = { "bbn", "mef", "maf", "ocsp", "hss", "bsf", "zn", "admin" };
	const struct mst_conf_role *const r[] = { &c->bbn, &c->mef, &c->maf, &c->ocsp, &c->hss, &c->bsf, &c->zn, &c->admin };

	for (size_t i = 0; i < MST_COUNT(r); i++) {
		bool same = !strcmp(name[i], role);

		for (size_t j = 0; j < (same ? n : udp ? r[i]->n_coap_listen : r[i]->n_listen); j++)
			if (!strcmp(udp ? r[i]->coap_listen[j] : r[i]->listen[j], address))
				return name[i];
		if (same)
			break;
	}
	return NULL;
}

static void twice(const struct rules *k, const char *field, const char *address, const char *role, const char *twin)
{
	if (twin && !strcmp(twin, role))
		BROKEN(k, field, "\"%s\" stands there twice; once is enough", address);
	else if (twin)
		BROKEN(k, field, "\"%s\" is an address of the role %s already; give each role its own", address, twin);
}

static void listen_rules(const struct rules *k, const struct mst_conf_role *r, const char *role, bool local)
{
	char field[64];

	for (size_t i = 0; i < r->n_listen; i++) {
		bool is_unix = !strncmp(r->listen[i], "unix:", 5);
		const char *twin = port_is_free_choice(r->listen[i]) ?
			NULL : seen_before(k->c, role, r->listen[i], i, false);

		snprintf(field, sizeof(field), "%s.listen[%zu]", role, i);
		if (local && !is_unix)
			BROKEN(k, field, "\"%s\" would be reachable from the network; only unix:path is allowed",
			       r->listen[i]);
		if (!local && is_unix)
			BROKEN(k, field, "\"%s\" is local; TLS endpoints need host:port", r->listen[i]);
		twice(k, field, r->listen[i], role, twin);
	}
}

static void coap_rules(const struct rules *k, const struct mst_conf_role *r, const char *role)
{
	char field[64];

	for (size_t i = 0; i < r->n_coap_listen; i++) {
		const char *a = r->coap_listen[i];

		snprintf(field, sizeof(field), "%s.coap_listen[%zu]", role, i);
		if (!strncmp(a, "unix:", 5))
			BROKEN(k, field, "\"%s\" is local; CoAP endpoints need host:port", a);
		if (!port_is_free_choice(a))
			twice(k, field, a, role, seen_before(k->c, role, a, i, true));
	}
}

static void metrics_rules(const struct rules *k)
{
	const char *a = k->c->metrics, *twin;

	if (!*a)
		return;
	if (!loopback(a))
		BROKEN(k, "metrics", "\"%s\" is not a loopback address; 127.0.0.1:port, [::1]:port or \"\"", a);
	twin = port_is_free_choice(a) ? NULL : seen_before(k->c, "metrics", a, 0, false);
	if (twin)
		BROKEN(k, "metrics", "\"%s\" is an address of the role %s already; give it its own", a, twin);
}

static void role_rules(const struct rules *k, const struct mst_conf_role *r, const char *role)
{
	char field[64];

	listen_rules(k, r, role, r == &k->c->admin);
	coap_rules(k, r, role);
	snprintf(field, sizeof(field), "%s.base", role);
	if (r->present && r != &k->c->admin && r != &k->c->hss && r != &k->c->zn && r->base[0] != '/')
		BROKEN(k, field, "\"%s\" is no path; it begins with /", r->base);
	if (r == &k->c->bbn && r->present && mst_view_ends(mst_view_str(r->base), "/"))
		BROKEN(k, field, "\"%s\" ends with /; briefings have paths below it, so give it without", r->base);
	for (size_t i = 0; i < r->n_mefs; i++) {
		for (size_t j = 0; j < i; j++)
			if (!strcmp(r->mefs[i].fqdn, r->mefs[j].fqdn)) {
				snprintf(field, sizeof(field), "%s.mefs[%zu].fqdn", role, i);
				BROKEN(k, field, "\"%s\" stands there twice; one entry for each MEF",
				       r->mefs[i].fqdn);
			}
		/* else each of them could give the key of a client of any other */
		if (r->n_mefs > 1 && !r->mefs[i].n_sps) {
			snprintf(field, sizeof(field), "%s.mefs[%zu].sps", role, i);
			BROKEN(k, field, "is missing; with several MEFs each says whose clients it may vouch for, like "
			       "sps = [ \"sp.example.com\" ]");
		}
	}
}

/* Whom a NAF asks, and who may say what about whom. */
static void bsf_rules(const struct rules *k, const struct mst_conf_role *r, const char *role)
{
	char field[64];
	bool tls = false;

	for (size_t i = 0; i < r->n_bsfs; i++) {
		const struct mst_conf_bsf *b = &r->bsfs[i];

		tls = tls || b->binding == MST_BIND_SBI;
		for (size_t j = 0; j < i; j++)
			if (!strcmp(b->fqdn, r->bsfs[j].fqdn)) {
				snprintf(field, sizeof(field), "%s.bsfs[%zu].fqdn", role, i);
				BROKEN(k, field, "\"%s\" stands there twice; one entry for each BSF", b->fqdn);
			}
		if (r->n_bsfs > 1 && !b->n_sps) {
			snprintf(field, sizeof(field), "%s.bsfs[%zu].sps", role, i);
			BROKEN(k, field, "is missing; with several BSFs each says whose clients it may vouch for, like sps = [ \"sp.example.com\" ]");
		}
		for (size_t j = 0; j < (b->n_domains ? b->n_domains : 1); j++) {
			const char *d = b->n_domains ? b->domains[j] : b->fqdn;
			bool taken = !strcmp(d, r->fqdn);

			for (size_t m = 0; m < r->n_mefs; m++)
				taken = taken || !strcmp(d, r->mefs[m].fqdn);
			snprintf(field, sizeof(field), "%s.bsfs[%zu].%s", role, i, b->n_domains ? "domains" : "fqdn");
			/* then a key identifier would not say who made it */
			if (taken)
				BROKEN(k, field, "\"%s\" stands behind the @ of other key identifiers here; give the domain of the BSF's B-TIDs", d);
		}
	}
	snprintf(field, sizeof(field), "%s.bsf_anchors", role);
	if (tls && !r->n_gba_anchors)
		BROKEN(k, field, "is empty, so no BSF could be trusted; name the anchors of the BSFs' certificates");
}

/* Our own BSF and its face towards NAFs. */
static void own_bsf_rules(const struct rules *k, const struct mst_conf *c)
{
	const struct mst_conf_role *r = &c->bsf;
	bool tls = r->ask_hss.binding == MST_BIND_SBI;

	if (c->zn.present && !r->present)
		BROKEN(k, "zn", "is the face of a BSF, and there is none; give the group bsf");
	if (!r->present)
		return;
	if (!r->ask_hss.fqdn[0])
		BROKEN(k, "bsf.hss.fqdn", "is missing, so there is nobody to ask for vectors; give the HSS's name, like hss = { fqdn = \"hss.example.com\" }");
	if (tls && (!r->certificate[0] || !r->key[0]))
		BROKEN(k, r->certificate[0] ? "bsf.key" : "bsf.certificate", "is missing; the HSS wants to see a certificate with bsf.fqdn");
	if (tls && !r->n_gba_anchors)
		BROKEN(k, "bsf.hss_anchors", "is empty, so no HSS could be trusted; name the anchors of its certificate");
	for (size_t i = 0; i < r->n_nafs; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(r->nafs[i].fqdn, r->nafs[j].fqdn)) {
				char field[64];

				snprintf(field, sizeof(field), "bsf.nafs[%zu].fqdn", i);
				BROKEN(k, field, "\"%s\" stands there twice; one entry for each NAF", r->nafs[i].fqdn);
			}
}

/* Each way to enrol can be switched off by itself (lesson 27), but not all of them. */
static void mef_rules(const struct rules *k, const struct mst_conf_role *r)
{
	if (!r->present)
		return;
	if (!r->node_certificates && !r->psk && !r->n_bsfs)
		BROKEN(k, "mef.psk", "is false, and mef.node_certificates too, so no node could enrol; set one of them to true, or give mef.bsfs");
	if (r->n_client_anchors)
		return;
	if (r->node_certificates)
		BROKEN(k, "mef.client_anchors", "is empty, so no node's certificate could be trusted; name the makers' and owner's "
		       "anchors, or set mef.node_certificates to false");
	else if (r->n_mafs)
		BROKEN(k, "mef.client_anchors", "is empty, so no MAF could be trusted; name the anchors of the MAFs' certificates");
}

static void ocsp_rules(const struct rules *k, const struct mst_conf_role *r)
{
	if (!r->present)
		return;
	if (r->uri[0] && (strncmp(r->uri, "http://", 7) || !r->uri[7] || !mst_printable_ascii(mst_view_str(r->uri))))
		BROKEN(k, "ocsp.uri", "\"%.100s\" will not do; it stands in certificates, so a URI that begins with http:// is wanted "
		       "(who asks cannot check a certificate yet)", r->uri);
	/* each certificate that is issued would point to nothing */
	if (!r->uri[0] && port_is_free_choice(r->listen[0]))
		BROKEN(k, "ocsp.uri", "is missing, and ocsp.listen[0] takes any port, so that certificates could not say where to ask; "
		       "give the URI, or a port");
}

bool mst_conf_ip(const char *text, char *ret_ip, size_t cap, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	uint8_t b[sizeof(struct in6_addr)];
	char host[64];
	size_t n = strlen(text);
	bool brackets = text[0] == '[';

	*ret_port = 0;
	/* a port stands behind the only colon, or behind the bracket */
	if (colon && (brackets ? colon[-1] == ']' : strchr(text, ':') == colon)) {
		char *end;
		long port = strtol(colon + 1, &end, 10);

		if (*end || colon[1] < '0' || colon[1] > '9' || port < 1 || port > 65535)
			return false;
		*ret_port = (uint16_t)port;
		n = (size_t)(colon - text);
	}
	if (brackets) {
		if (n < 2 || text[n - 1] != ']')
			return false;
		text++;
		n -= 2;
	}
	return mst_view_to_str((struct mst_view){ (const uint8_t *)text, n }, host, sizeof(host)) && strlen(host) < cap &&
	       inet_pton(brackets || strchr(host, ':') ? AF_INET6 : AF_INET, host, b) == 1 &&
	       mst_view_to_str(mst_view_str(host), ret_ip, cap);
}

bool mst_conf_diameter_tls(const struct mst_conf *c)
{
	for (size_t i = 0; i < c->diameter.n_peers; i++)
		if (c->diameter.peers[i].tls)
			return c->diameter.present;
	return false;
}

static bool loopback_ip(const char *ip)
{
	struct in6_addr six;
	struct in_addr four;

	return (inet_pton(AF_INET6, ip, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six)) ||
	       (inet_pton(AF_INET, ip, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

/* A peer without TLS has no certificate that shows its name. */
static void clear_rules(const struct rules *k, const struct mst_conf_diameter *r, size_t i)
{
	const struct mst_conf_diameter_peer *p = &r->peers[i];
	char ip[64], field[64];
	uint16_t port;

	if (p->tls && p->ipsec) {
		snprintf(field, sizeof(field), "diameter.peers[%zu].ipsec", i);
		BROKEN(k, field, "is true, and tls is, too; ipsec is for a line without TLS, so leave one of them out");
	}
	if (p->tls || p->ipsec)
		return;
	snprintf(field, sizeof(field), "diameter.peers[%zu].tls", i);
	if (p->connect_to[0] && mst_conf_ip(p->connect_to, ip, sizeof(ip), &port) && !loopback_ip(ip)) {
		BROKEN(k, field, "is false, and connect_to is no loopback address, so keys of subscribers could be read on the way to %.100s; give "
		       "tls = true, or ipsec = true where IPsec protects that line", p->identity);
		return;
	}
	for (size_t j = 0; j < r->n_listen; j++)
		if (mst_conf_ip(r->listen[j], ip, sizeof(ip), &port) && !loopback_ip(ip)) {
			BROKEN(k, field, "is false, and diameter.listen[%zu] is no loopback address, so whoever reaches it could say that it is %.100s, "
			       "and have keys of subscribers; give tls = true, or ipsec = true where IPsec protects that line", j, p->identity);
			return;
		}
}

static void diameter_rules(const struct rules *k, const struct mst_conf_diameter *r)
{
	char ip[64], field[64];
	uint16_t port;

	if (!r->present)
		return;
	if (k->c->processes == MST_CONF_SINGLE)
		BROKEN(k, "diameter", "needs a process of its own, and processes is \"single\"; make it \"split\"");
	if (!r->n_peers)
		BROKEN(k, "diameter.peers", "is empty, so nobody would be heard; name the HSS, BSF, NAFs or agents");
	for (size_t i = 0; i < r->n_listen; i++) {
		snprintf(field, sizeof(field), "diameter.listen[%zu]", i);
		if (!mst_conf_ip(r->listen[i], ip, sizeof(ip), &port) || port)
			BROKEN(k, field, "\"%.60s\" is no address of IP; one like 192.0.2.1 or 2001:db8::1, without a port, is wanted", r->listen[i]);
	}
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct mst_conf_diameter_peer *p = &r->peers[i];

		snprintf(field, sizeof(field), "diameter.peers[%zu].connect_to", i);
		if (p->connect_to[0] && !mst_conf_ip(p->connect_to, ip, sizeof(ip), &port))
			BROKEN(k, field, "\"%.60s\" is no address of IP; one like 192.0.2.1:3868 or [2001:db8::1]:3868 is wanted", p->connect_to);
		if (!p->connect_to[0] && !r->n_listen)
			BROKEN(k, field, "is missing, and diameter.listen is empty, so nobody could dial; give one of them");
		snprintf(field, sizeof(field), "diameter.peers[%zu].identity", i);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->identity, r->peers[j].identity))
				BROKEN(k, field, "\"%.100s\" is there twice; each peer has one entry", p->identity);
		if (!strcmp(p->identity, r->identity))
			BROKEN(k, field, "is our own; that of another node is wanted");
		clear_rules(k, r, i);
	}
	if (mst_conf_diameter_tls(k->c) && (!r->certificate[0] || !r->key[0] || !r->n_anchors))
		BROKEN(k, "diameter.certificate", "certificate, key and anchors are needed for a peer with TLS; give all three, or tls = false where "
		       "the line is protected otherwise");
}

/* With one person there are never four eyes. */
static void four_rules(const struct rules *k, const struct mst_conf_four_eyes *f)
{
	char field[64];

	if (mst_conf_four(f) && f->n_people < 2)
		BROKEN(k, "four_eyes.people", "names %s; two persons at least are wanted, or nothing could be done any more", f->n_people ? "one person" : "nobody");
	for (size_t i = 0; i < f->n_people; i++)
		for (size_t j = 0; j < i; j++)
			if (f->people[i].uid == f->people[j].uid) {
				snprintf(field, sizeof(field), "four_eyes.people[%zu].uid", i);
				BROKEN(k, field, "%lld is there twice; each person has one entry", (long long)f->people[i].uid);
			}
}

void mst_conf_rules(const struct mst_conf *c, const char *file, mst_conf_line line, const void *text,
		    struct mst_conf_report *r)
{
	const struct rules k = { c, file, line, text, r };

	if (!c->bbn.present && !c->mef.present && !c->maf.present && !c->hss.present && !c->bsf.present && !c->admin.present)
		BROKEN(&k, "", "no role is configured; give at least one of the groups bbn, mef, maf, hss, bsf, admin");
	metrics_rules(&k);
	role_rules(&k, &c->bbn, "bbn");
	role_rules(&k, &c->mef, "mef");
	role_rules(&k, &c->maf, "maf");
	role_rules(&k, &c->ocsp, "ocsp");
	role_rules(&k, &c->hss, "hss");
	role_rules(&k, &c->bsf, "bsf");
	role_rules(&k, &c->zn, "zn");
	own_bsf_rules(&k, c);
	role_rules(&k, &c->admin, "admin");
	ocsp_rules(&k, &c->ocsp);
	diameter_rules(&k, &c->diameter);
	mef_rules(&k, &c->mef);
	four_rules(&k, &c->four_eyes);
	/* the TPM's library and our way with certificates do not share a process (keeper-unit.c) */
	if (c->processes == MST_CONF_SINGLE && c->ca_key.key.backend == 1)
		BROKEN(&k, "ca_key.backend", "is tpm, which needs a process of its own, and processes is \"single\"; make it \"split\"");
	bsf_rules(&k, &c->mef, "mef");
	bsf_rules(&k, &c->maf, "maf");
	if (c->maf.n_mefs && !c->maf.n_peer_anchors)
		BROKEN(&k, "maf.mef_anchors",
		       "is empty, so no MEF could be trusted; name the anchors of the MEFs' certificates");
	if (mst_crash_find(c->test.crash_at) == MST_CRASH__COUNT)
		BROKEN(&k, "test.crash_at", "unknown point \"%s\"; see the table in lib/server/crash.c",
		       c->test.crash_at);
	if (c->limits.fetch >= c->limits.handshake)
		BROKEN(&k, "limits.fetch",
		       "is not shorter than limits.handshake, which waits for it; make it shorter");
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
	{ MST_ROLE_MAF, MST_FETCH_KEY, "mef_anchors", "MEF" },
	{ MST_ROLE_MAF, MST_FETCH_ZN, "bsf_anchors", "BSF" },
	{ MST_ROLE_MEF, MST_FETCH_ZN, "bsf_anchors", "BSF" },
	{ MST_ROLE_BSF, MST_FETCH_ZH, "hss_anchors", "HSS" },
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
	ret->n_zh_bsf = r->n_zh_bsfs;
	memcpy(ret->zh_bsf, r->zh_bsfs, sizeof(ret->zh_bsf));
	ret->vector_interval = r->vector_interval;
	ret->vector_burst = r->vector_burst;
	ret->mnc_digits = c->hss.mnc_digits;
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
