/* `muster doctor`: what bootstrapping over the mobile network needs besides each role's own files: that they know one another. */
#include <strings.h>
#include <string.h>

#include "doctor.h"

static const char *text_at(const struct doctor *d, const char *path)
{
	const char *s = NULL;

	return config_lookup_string(&d->conf, path, &s) ? s : "";
}

void doctor_pair(struct doctor *d, const char *group)
{
	char path[64], what[64];

	snprintf(path, sizeof(path), "%s.key", group);
	snprintf(what, sizeof(what), "key of %s", group);
	if (*text_at(d, path))          /* a BSF that asks by Diameter has none */
		doctor_secret_file(d, text_at(d, path), what, "restore it from your backup, or give the role another key and certificate and reload musterd (SIGHUP)");
	snprintf(path, sizeof(path), "%s.certificate", group);
	snprintf(what, sizeof(what), "certificate of %s", group);
	if (*text_at(d, path))
		doctor_certificate(d, text_at(d, path), what, "of the keeper's CA: musterd -c musterd.conf --renew-certificates; of another one: let it make one; "
				   "then reload musterd (SIGHUP)");
}

void doctor_role(struct doctor *d, const char *role)
{
	doctor_pair(d, role);
	doctor_port(d, role);
}

/* Is the name among the texts of a list, or among a member of its groups? */
static bool names(const struct doctor *d, const char *path, const char *member, const char *name)
{
	const config_setting_t *list = config_lookup(&d->conf, path);
	int n = list ? config_setting_length(list) : 0;

	for (int i = 0; i < n; i++) {
		const char *s = member ? NULL : config_setting_get_string_elem(list, i);

		if (member && !config_setting_lookup_string(config_setting_get_elem(list, (unsigned)i), member, &s))
			s = NULL;
		if (s && strcasecmp(s, name) == 0)
			return true;
	}
	return false;
}

/* Whom the operator tells who its subscribers are. No fault, but one should know. */
static void look_at_nafs(struct doctor *d)
{
	const config_setting_t *list = config_lookup(&d->conf, "bsf.nafs");
	int n = list ? config_setting_length(list) : 0, told = 0;
	char text[600];

	for (int i = 0; i < n; i++) {
		const config_setting_t *one = config_setting_get_elem(list, (unsigned)i);
		const char *fqdn = "";
		int impi = 0;

		if (!config_setting_lookup_bool(one, "impi", &impi) || !impi)
			continue;
		(void)config_setting_lookup_string(one, "fqdn", &fqdn);
		told++;
		snprintf(text, sizeof(text), "%.250s is told the IMPI of subscribers (bsf.nafs.impi)", fqdn);
		doctor_finding(d, true, "NAF", text, "");
	}
	if (!told)
		doctor_finding(d, true, "NAF", "no NAF is told the IMPI of subscribers", "");
}

void doctor_gba(struct doctor *d)
{
	bool hss = config_lookup(&d->conf, "hss") != NULL, bsf = config_lookup(&d->conf, "bsf") != NULL, zn = config_lookup(&d->conf, "zn") != NULL;
	char text[600];

	if (hss)
		doctor_role(d, "hss");
	if (bsf)
		doctor_role(d, "bsf");
	if (zn)
		doctor_role(d, "zn");
	if (bsf && zn)
		look_at_nafs(d);
	if (bsf && !zn && config_lookup(&d->conf, "maf.bsfs"))
		doctor_finding(d, false, "GBA", "there is a BSF, and no group zn: no NAF can have a key from it",
			       "give the group zn in musterd.conf(5), and restart");
	if (hss && bsf && strcasecmp(text_at(d, "bsf.hss.fqdn"), text_at(d, "hss.fqdn")) == 0) {
		snprintf(text, sizeof(text), "%.250s asks %.250s", text_at(d, "bsf.fqdn"), text_at(d, "hss.fqdn"));
		doctor_finding(d, names(d, "hss.bsfs", NULL, text_at(d, "bsf.fqdn")), "BSF and HSS", text,
			       "the HSS refuses it: put the BSF's name into hss.bsfs");
	}
	if (bsf && zn && config_lookup(&d->conf, "maf")) {
		snprintf(text, sizeof(text), "%.250s takes B-TIDs of %.250s", text_at(d, "maf.fqdn"), text_at(d, "bsf.fqdn"));
		doctor_finding(d, names(d, "maf.bsfs", "fqdn", text_at(d, "zn.fqdn")), "MAF and BSF", text,
			       "the MAF does not know where to ask: an entry of maf.bsfs with the name of zn, and the BSF's in its domains");
	}
}
