/* `muster doctor`: revocation lists. One that has run out shuts out whoever it was made for, so it is told early. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert.h"
#include "doctor.h"

#define SOON (2 * 86400)

static const char *in_dir(const struct doctor *d, const char *path, char out[4096])
{
	if (path[0] == '/')
		snprintf(out, 4096, "%s", path);
	else
		path_join(out, 4096, d->m->dir, path);
	return out;
}

static const char *setting(const struct doctor *d, const char *name)
{
	const char *text = "";

	return config_lookup_string(&d->conf, name, &text) == CONFIG_TRUE ? text : "";
}

/* Every list in a file; PEM, as people have them. 0 lists: nothing that could be read. */
static size_t each_list(struct doctor *d, const char *path, void (*each)(struct doctor *, const char *, const struct mst_crl_info *))
{
	static uint8_t der[MST_CRL_MAX];
	size_t size = 0, at = 0, n = 0, found = 0;
	struct mst_crl_info i;
	char *text = access(path, R_OK) ? NULL : read_file(path, &size);
	struct mst_view v = { (uint8_t *)text, size };

	if (text && size && v.p[0] == 0x30 && !mst_crl_info(v, d->ca, &i))
		each(d, path, &i), found++;
	while (text && v.p[0] != 0x30 && !mst_pem_next(v, &at, "X509 CRL", der, sizeof(der), &n, NULL) && n)
		if (!mst_crl_info((struct mst_view){ der, n }, d->ca, &i))
			each(d, path, &i), found++;
	free(text);
	return found;
}

static void tell(struct doctor *d, const char *what, const char *path, const struct mst_crl_info *i, int64_t soon, const char *remedy)
{
	int64_t left = i->next_update - wall_clock();
	char until[16], text[4400];

	timestamp_text(i->next_update, until);
	snprintf(text, sizeof(text), "%.4000s, %zu entries, good until %s", path, i->n, human_time(until));
	if (left <= 0)
		snprintf(text, sizeof(text), "%.4000s ended %s", path, human_time(until));
	doctor_finding(d, left > soon, what, text, remedy);
}

static void own_list(struct doctor *d, const char *path, const struct mst_crl_info *i)
{
	/* musterd renews it at half of its life: with a quarter left something keeps it from that */
	if (!i->signed_by)
		doctor_finding(d, false, "revocation list", path, "it is not of this installation's CA; move it away, musterd makes a new one");
	else
		tell(d, "revocation list", path, i, (i->next_update - i->this_update) / 4,
		     "musterd makes a new one while it runs; is it running, and does its log say why it cannot?");
}

static void other_list(struct doctor *d, const char *path, const struct mst_crl_info *i)
{
	tell(d, "revocation list of others", path, i, SOON, "get a fresh one from its issuer and reload musterd (SIGHUP)");
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void look_at(struct doctor *d, const char *path, const char *own)
{
	struct dirent **e;
	char name[4096];
	struct stat st;
	int n;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		n = scandir(path, &e, NULL, alphasort);
		for (int k = 0; k < n; k++) {
			path_join(name, sizeof(name), path, e[k]->d_name);
			if (e[k]->d_name[0] != '.' && !same_file(name, own))
				(void)each_list(d, name, other_list);
			free(e[k]);
		}
		if (n >= 0)
			free(e);
	} else if (!same_file(path, own)) {
		(void)each_list(d, path, other_list);
	}
}

/* What the list in the file cannot show: that it has no room for all (musterd(8)). */
static void left_out(struct doctor *d)
{
	json_t *status = NULL;
	json_int_t n = 0;
	char text[128];

	if (access(api_socket(d->m), F_OK) == 0 && api_ask(d->m, "GET", "/v1/status", NULL, &status) == EXIT_DONE)
		n = json_integer_value(json_object_get(status, "revokedUnlisted"));
	json_decref(status);
	if (n <= 0)
		return;
	snprintf(text, sizeof(text), "%lld revoked certificates have no room on it", (long long)n);
	doctor_finding(d, false, "revocation list", text, "the MEF and OCSP refuse them all the same, who looks at the list alone does not; events "
		       "certificate.unlisted say which, and the list shrinks as revoked certificates end (mef.est_lifetime)");
}

void doctor_lists(struct doctor *d)
{
	static const char *const others[] = { "mef.crls", "maf.crls", "bbn.crls", "hss.crls", "bsf.crls", "zn.crls", "diameter.crls" };
	const char *file = setting(d, "crl.file");
	char path[4096], name[4096], own[4096] = "", seen[4096] = "";
	uint8_t ca[MST_CERT_MAX];
	size_t n = 0;

	doctor_place(d, doctor_of_keeper(d, "ca.pem", name), path, sizeof(path));
	if (access(path, R_OK) == 0 && cert_read(path, ca, sizeof(ca), &n) == EXIT_DONE)
		d->ca = (struct mst_view){ ca, n };
	if (*file && !each_list(d, in_dir(d, file, own), own_list))
		doctor_finding(d, false, "revocation list", own, "it is absent or cannot be read; musterd makes it when it runs");
	left_out(d);
	for (size_t i = 0; i < MST_COUNT(others); i++) {
		const config_setting_t *list = config_lookup(&d->conf, others[i]);

		for (int k = 0; list && k < config_setting_length(list); k++) {
			const char *one = config_setting_get_string_elem(list, k);

			/* they mostly have the same directory */
			if (!one || strcmp(in_dir(d, one, path), seen) == 0)
				continue;
			look_at(d, path, own);
			snprintf(seen, sizeof(seen), "%s", path);
		}
	}
	if (!*file && !config_lookup(&d->conf, "maf.crls") && config_lookup(&d->conf, "maf.mefs"))
		doctor_finding(d, false, "revocation list", "none", "set crl.file, and maf.crls to where the list of the MEFs' issuer is");
	d->ca = MST_VIEW_NONE;
}
