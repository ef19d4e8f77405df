/* Rules between settings, each of which is right by itself. */
#include "server/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "server/config-internal.h"
#include "server/crash.h"

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
	/* whoever knows an IMPI brings about a vector whenever one has waited in vain: that must not be all that there are */
	if (c->hss.present && 2 * c->hss.vector_interval > mst_gba_wait(r->session_lifetime, r->challenge_lifetime))
		BROKEN(k, "hss.vector_interval", "is too long for bsf.lifetime, so that strangers could use up a SIM's vectors; set it to a quarter of that "
		       "at most, or bsf.lifetime to four times as much");
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
