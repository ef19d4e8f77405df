/* Where the server's keys could be on this machine, where they are, and whether the CA's key signs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "secenv/place.h"

struct offers { char text[400]; const char *best; bool token; };

static void say_more(struct offers *o, const char *what, const char *more)
{
	size_t n = strlen(o->text);

	snprintf(o->text + n, sizeof(o->text) - n, "%s%s%s", n ? ", " : "", what, more);
}

static void each_token(void *arg, const char *label, bool initialised)
{
	struct offers *o = arg;

	say_more(o, "token ", initialised ? shown(label) : "that is not initialised");
	o->token = o->token || initialised;
}

/* Is there one that a setting names, or that everybody finds? */
static bool has_tpm(struct doctor *d, const char **ret_where)
{
	static const char *const settings[] = { "ca_key.tcti", "keeper_key.tcti" };

	*ret_where = "/dev/tpmrm0";
	if (access(*ret_where, F_OK) == 0)
		return true;
	for (size_t i = 0; i < MST_COUNT(settings); i++)
		if (config_lookup_string(&d->conf, settings[i], ret_where) == CONFIG_TRUE && **ret_where)
			return true;
	return false;
}

/* Best first: what cannot be copied off the machine, before what can. */
static void look(struct doctor *d, struct offers *o)
{
	struct mst_diag none = { 0 };
	const char *where;

	if (has_tpm(d, &where)) {
		say_more(o, "TPM ", where);
		o->best = "tpm";
	}
	(void)!mst_secenv_place_tokens(each_token, o, &none);
	if (!o->best && o->token)
		o->best = "pkcs11";
	if (access("/run/systemd/system", F_OK) == 0) {
		say_more(o, "credential of systemd", "");
		o->best = o->best ? o->best : "secret";
	}
	say_more(o, "file", "");
	o->best = o->best ? o->best : "file";
}

static const char *setting(struct doctor *d, const char *name)
{
	const char *text = "file";

	return config_lookup_string(&d->conf, name, &text) == CONFIG_TRUE ? text : "file";
}

void doctor_keys(struct doctor *d)
{
	struct offers o = { .best = NULL };
	char text[600];

	look(d, &o);
	snprintf(text, sizeof(text), "%s; the best here is %s; in use: %s for the key-encryption key (keeper_key), %s for the CA key (ca_key)", o.text, o.best,
		 setting(d, "keeper_key.backend"), setting(d, "ca_key.backend"));
	doctor_finding(d, true, "places for keys", text, "");
}

void doctor_ca_key(struct doctor *d, const json_t *keeper)
{
	const json_t *ca = json_object_get(keeper, "ca");
	const char *in = text_of(ca, "in"), *why = text_of(ca, "why");
	bool away = json_is_true(json_object_get(ca, "away"));
	char text[400];

	if (!ca)
		return;
	if (!strcmp(in, "file"))
		snprintf(text, sizeof(text), "in ca.key, encrypted by the key-encryption key; it signs in the keeper's memory");
	else
		snprintf(text, sizeof(text), "%s, made there, and never here; %s%s", !strcmp(in, "tpm") ? "in the TPM" : "in a token", away ? "it does not sign: " :
			 "it signs", away ? shown(why) : "");
	doctor_finding(d, !away, "CA key", text, "nothing is certified, revoked or sealed until it signs again; musterd tries by itself, and a PIN that was refused only "
		       "after its file has changed");
}
