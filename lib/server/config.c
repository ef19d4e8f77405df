/* What is done with settings once they are read: rules between them, the roles' structs, reload. */
#include "server/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
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

static bool loopback(const char *a)
{
	return !strncmp(a, "127.", 4) || !strncmp(a, "[::1]:", 6) || !strncmp(a, "unix:", 5) ||
	       !strncmp(a, "localhost:", 10);
}

static void listen_rules(const struct mst_conf_role *r, const char *role, bool local, const char *file,
                         struct mst_conf_report *rep)
{
	char field[64];

	snprintf(field, sizeof(field), "%s.listen", role);
	for (size_t i = 0; i < r->n_listen; i++) {
		bool is_unix = !strncmp(r->listen[i], "unix:", 5);

		if (local && !is_unix)
			mst_conf_wrong(
				rep, file, 0, field,
				"\"%s\" would be reachable from the network; only unix:path is allowed",
				r->listen[i]);
		if (!local && is_unix)
			mst_conf_wrong(rep, file, 0, field, "\"%s\" is local; TLS endpoints need host:port",
				       r->listen[i]);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(r->listen[i], r->listen[j]) &&
			    !mst_view_ends(mst_view_str(r->listen[i]), ":0"))
				mst_conf_wrong(rep, file, 0, field,
					       "\"%s\" stands there twice; once is enough", r->listen[i]);
	}
}

void mst_conf_rules(const struct mst_conf *c, const char *file, struct mst_conf_report *r)
{
	if (!c->mef.present && !c->maf.present && !c->admin.present)
		mst_conf_wrong(r, file, 0, "",
			       "no role is configured; give at least one of the groups mef, maf, admin");
	if (*c->metrics && !loopback(c->metrics))
		mst_conf_wrong(r, file, 0, "metrics",
			       "\"%s\" is not a loopback address; 127.0.0.1:port, [::1]:port or \"\"",
			       c->metrics);
	listen_rules(&c->mef, "mef", false, file, r);
	listen_rules(&c->maf, "maf", false, file, r);
	listen_rules(&c->admin, "admin", true, file, r);
	if (c->mef.present && !c->mef.n_client_anchors)
		mst_conf_wrong(r, file, 0, "mef.client_anchors",
			       "is empty, so no node could be trusted; name the makers' and owner's anchors");
	if (c->maf.n_mefs && !c->maf.n_peer_anchors)
		mst_conf_wrong(
			r, file, 0, "maf.mef_anchors",
			"is empty, so no MEF could be trusted; name the anchors of the MEFs' certificates");
	if (c->mef.present && c->mef.base[0] != '/')
		mst_conf_wrong(r, file, 0, "mef.base", "\"%s\" is no path; it begins with /", c->mef.base);
	if (c->maf.present && c->maf.base[0] != '/')
		mst_conf_wrong(r, file, 0, "maf.base", "\"%s\" is no path; it begins with /", c->maf.base);
	if (mst_crash_find(c->test.crash_at) == MST_CRASH__COUNT)
		mst_conf_wrong(r, file, 0, "test.crash_at",
			       "unknown point \"%s\"; see the table in lib/server/crash.c", c->test.crash_at);
	if (c->limits.fetch >= c->limits.handshake)
		mst_conf_wrong(r, file, 0, "limits.fetch",
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
	const struct mst_conf_role *r = role == MST_ROLE_MEF ? &c->mef : role == MST_ROLE_MAF ? &c->maf :
	                                role == MST_ROLE_ADMIN ? &c->admin : NULL;

	return r && r->present ? r : NULL;
}

void mst_conf_role_conf(const struct mst_conf *c, enum mst_role role, struct mst_role_conf *ret)
{
	const struct mst_conf_role *r = mst_conf_role(c, role);
	const struct mst_quirks none = { 0 };       /* zero is the default of every quirk */

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < MST_ROLE__COUNT; i++)
		if (mst_conf_role(c, (enum mst_role)i))
			ret->roles_played |= 1u << i;
	if (!r)
		return;
	memcpy(ret->fqdn, r->fqdn, sizeof(ret->fqdn));
	memcpy(ret->base, r->base, sizeof(ret->base));
	ret->quirks = none;
	ret->reg_lifetime = r->registration_lifetime;
	ret->retry_duration = r->retry_duration;
	ret->n_mef = r->n_mefs;
	for (size_t i = 0; i < r->n_mefs; i++) {
		memcpy(ret->mef[i].fqdn, r->mefs[i].fqdn, sizeof(ret->mef[i].fqdn));
		memcpy(ret->mef[i].uri, r->mefs[i].uri, sizeof(ret->mef[i].uri));
		memcpy(ret->mef[i].connect_to, r->mefs[i].connect_to, sizeof(ret->mef[i].connect_to));
		ret->mef[i].quirks = none;
	}
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
