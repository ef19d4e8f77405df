#include "agent/lan.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "codec/uri.h"

bool lan_service(struct mst_view name, char type[64], char domain[MST_ID_MAX], bool *ret_coaps)
{
	char all[MST_ID_MAX], *dot, *rest;

	if (!mst_view_to_str(name, all, sizeof(all)) || all[0] != '_')
		return false;
	mst_ascii_lower(all);
	dot = strchr(all, '.');
	if (!dot || (strncmp(dot, "._tcp", 5) && strncmp(dot, "._udp", 5)) || (dot[5] && dot[5] != '.'))
		return false;
	*ret_coaps = dot[2] == 'u';
	rest = dot[5] ? dot + 6 : dot + 5;
	if ((size_t)snprintf(type, 64, "%.*s", (int)(dot + 5 - all), all) >= 64)
		return false;
	snprintf(domain, MST_ID_MAX, "%s", *rest ? rest : "local");
	return true;
}

bool lan_parse(struct mst_view text, struct lan_found *ret_f)
{
	struct mst_view t = text;
	struct mst_uri_parts u;
	char uri[512];

	while (t.n && (t.p[t.n - 1] == '\n' || t.p[t.n - 1] == '\r' || t.p[t.n - 1] == ' ' || !t.p[t.n - 1]))
		t.n--;
	if (t.n > 300 || !mst_printable_ascii(t))
		return false;
	snprintf(uri, sizeof(uri), "%s%.*s", memmem(t.p, t.n, "://", 3) ? "" : "https://", (int)t.n, t.p);
	memset(ret_f, 0, sizeof(*ret_f));
	if (!mst_uri_split(mst_view_str(uri), &u) || u.host_kind != MST_URI_FQDN ||
	    !mst_uri_scheme_in(&u, "https coaps") || !mst_view_to_str(u.path, ret_f->path, sizeof(ret_f->path)) ||
	    !mst_view_to_str(u.host, ret_f->fqdn, sizeof(ret_f->fqdn)))
		return false;
	ret_f->coaps = mst_view_eq_str(u.scheme, "coaps");
	ret_f->port = u.port;
	return true;
}

/* Setting `lan_names`: patterns with blanks between; none means every name. */
bool lan_wanted(const struct agent *a, const char *fqdn, const char *from, unsigned *refused)
{
	char list[AGENT_PATH_MAX], count[16], *save = NULL;

	if (!a->cfg.lan_names[0])
		return true;
	snprintf(list, sizeof(list), "%s", a->cfg.lan_names);
	for (char *p = strtok_r(list, " ,", &save); p; p = strtok_r(NULL, " ,", &save))
		if (!fnmatch(p, fqdn, FNM_CASEFOLD))
			return true;
	++*refused;
	snprintf(count, sizeof(count), "%u", *refused);
	if (!(*refused & (*refused - 1)))
		agent_log(a, AGENT_WARN, "lan-name-refused", "name", fqdn, "from", from, "why", "it is not among lan_names", "count",
			  count, NULL);
	return false;
}

const char *lan_route(const struct agent *a, const char *host, uint16_t port)
{
	for (size_t i = 0; i < LAN_FOUND_MAX; i++)
		if (a->lan[i].address[0] && a->lan[i].port == port && !strcasecmp(a->lan[i].fqdn, host))
			return a->lan[i].address;
	return NULL;
}

void lan_forget(struct agent *a, struct mst_view uri)
{
	struct mst_uri_parts u;

	if (!mst_uri_split(uri, &u))
		return;
	/* the one that lan_route() gave; the next try goes to the next */
	for (size_t i = 0; i < LAN_FOUND_MAX; i++) {
		if (a->lan[i].address[0] && a->lan[i].port == u.port && mst_view_eq_nocase(u.host, mst_view_str(a->lan[i].fqdn))) {
			a->lan[i].address[0] = '\0';
			return;
		}
	}
}

struct lan_list { char uri[MST_SEQ_MAX][512]; struct mst_sequence s; uint8_t cbor[MST_SEQ_OCTETS]; };

static void list_add(struct lan_list *l, const struct lan_found *f)
{
	struct mst_instruction *i = &l->s.instructions[l->s.n_instructions];
	char *uri = l->uri[l->s.n_instructions];
	char port[8] = "";

	if (f->port && f->port != (f->coaps ? 5684 : 443))
		snprintf(port, sizeof(port), ":%u", f->port);
	snprintf(uri, sizeof(l->uri[0]), "%s://%s%s%s", f->coaps ? "coaps" : "https", f->fqdn, port, f->path);
	*i = (struct mst_instruction){
		.has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI,
		.kind = MST_INSTR_DISCOVERY, .method = MST_METHOD_BBN, .uri = mst_view_str(uri),
	};
	l->s.n_instructions++;
}

static bool named_before(const struct lan_found *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f[i].coaps == f[n].coaps && f[i].port == f[n].port && !strcmp(f[i].fqdn, f[n].fqdn) && !strcmp(f[i].path, f[n].path))
			return true;
	return false;
}

static void nothing(struct agent *a, const struct lan_left *left, const struct lan_words *words)
{
	char detail[160];        /* a report has room for 95 */

	if (left->malformed) {
		snprintf(detail, sizeof(detail), "%s%s", words->want, left->refused ? "; other names not among lan_names" : "");
		discover_failed(a, PROV_MALFORMED, detail, 0);
	} else {
		discover_failed(a, PROV_EMPTY, left->refused ? "only names that are not among lan_names" : words->nobody, 0);
	}
}

void lan_yield(struct agent *a, const struct lan_found *f, size_t n, const struct lan_left *left, const struct lan_words *words)
{
	struct lan_list *l = calloc(1, sizeof(*l));
	struct mst_diag d = { 0 };
	struct mst_writer w;

	if (!l) {
		discover_failed(a, PROV_INTERNAL, "out of memory", 0);
		return;
	}
	memset(a->lan, 0, LAN_FOUND_MAX * sizeof(*a->lan));
	l->s.has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS;
	l->s.version = 1;
	for (size_t i = 0; i < n; i++) {
		a->lan[i] = f[i];
		list_add(l, &f[i]);
	}
	/* Addresses are only what somebody said: should they lead nowhere, the name is resolved. */
	for (size_t i = 0; i < n; i++)
		if (a->lan[i].address[0] && !named_before(a->lan, i))
			list_add(l, &a->lan[i]);
	w = mst_writer_of(l->cbor, sizeof(l->cbor));
	if (!n)
		nothing(a, left, words);
	else if (mst_sequence_check(&l->s, &d))
		discover_failed(a, PROV_MALFORMED, d.text, 0);
	else {
		mst_sequence_write_cbor(&l->s, &w);
		if (w.ok)
			discover_yield(a, mst_written(&w), words->from);
		else
			discover_failed(a, PROV_INTERNAL, "the sequence has no room", 0);
	}
	free(l);
}
