#include "server/confine.h"
#include "store/store.h"

#include "server/ca-device.h"
#include "server/keeper-device.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIS MST_WHO(MST_PROC_LISTENER)
#define CON MST_WHO(MST_PROC_CONNECTOR)
#define ENG MST_WHO(MST_PROC_ENGINE)
#define KEE MST_WHO(MST_PROC_KEEPER)
#define DIA MST_WHO(MST_PROC_DIAMETER)
#define SIG MST_WHO(MST_PROC_SIGNER)
#define NET (CON | DIA | SIG)          /* settings below /etc, of names or of a module */
#define ALL (LIS | CON | ENG | KEE | DIA | SIG)

enum place { PLACE_NAMED, PLACE_STORE, PLACE_SERVER, PLACE_KEEPER, PLACE_ETC, PLACE_OWN, PLACE_TPM, PLACE_MODULE, PLACE_STATE, PLACE_PIN, PLACE_PIN_DIR };

static const struct { unsigned who, usual; } usual[] = { { ALL, MST_USUAL_RUN }, { LIS | CON | DIA, MST_USUAL_PEERS }, { CON | DIA, MST_USUAL_NAMES } };

/* What may still be opened by name, besides what names are looked up in. */
static const struct { unsigned who; enum place place; const char *path; unsigned may; } places[] = {
	{ ENG, PLACE_STORE, NULL, MST_PATH_WRITE },                      /* the database, its journal, its directory */
	/* or what the way to a server needs: its CA, our certificate, key and password, five at most */
	{ ENG, PLACE_SERVER, NULL, MST_PATH_READ },
	{ ENG, PLACE_SERVER, NULL, MST_PATH_READ },
	{ ENG, PLACE_SERVER, NULL, MST_PATH_READ },
	{ ENG, PLACE_SERVER, NULL, MST_PATH_READ },
	{ ENG, PLACE_SERVER, NULL, MST_PATH_READ },
	/* the seal of the audit log; its keys the keeper has read by now, and does not read again */
	{ KEE, PLACE_KEEPER, NULL, MST_PATH_PUT },
	/*
	 * A rule is for the file that is there now, and resolv.conf may be replaced by another one: the directory, then. Not as root, whose are
	 * passwords of others in it, nor where something of ours is in it that is not this process's: the files by name, and a restart when they are replaced.
	 */
	{ NET, PLACE_ETC, "/etc", MST_PATH_READ },
	/* the device with the CA's key: it may go away, and is opened anew */
	{ SIG, PLACE_OWN, NULL, MST_PATH_PUT },                          /* which PIN was refused */
	{ SIG, PLACE_TPM, NULL, MST_PATH_WRITE | MST_PATH_DEVICE },
	{ SIG, PLACE_MODULE, NULL, MST_PATH_READ },
	{ SIG, PLACE_STATE, NULL, MST_PATH_WRITE | MST_PATH_DEVICE },
	{ SIG, PLACE_PIN, NULL, MST_PATH_READ },
	{ SIG, PLACE_PIN_DIR, NULL, MST_PATH_READ },
	{ SIG, PLACE_NAMED, "/usr/share/p11-kit", MST_PATH_READ },
	{ SIG, PLACE_NAMED, "/etc/pkcs11", MST_PATH_READ },
};
#define PLACES MST_COUNT(places)

static void directory_of(const char *path, char dir[MST_CONF_PATH])
{
	char *slash;

	snprintf(dir, MST_CONF_PATH, "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
}

/* A device that this process is for, or none. */
struct device { const struct mst_conf_keeper_key *k; enum mst_secenv_kind kind; bool open /* and stays so */; };
struct texts { char store[MST_CONF_PATH], pin[MST_CONF_PATH], own[MST_CONF_PATH + 16]; struct mst_store_needs needs; size_t taken; };

/* `v`: of the device that this process has, PIN and state are no secrets to it. NULL: it has none. */
struct in_dir { const char *dir; const struct device *v; };

static bool secret_there(void *arg, const struct mst_conf_place *p)
{
	const struct in_dir *in = arg;
	bool own = in->v && (!strcmp(p->path, in->v->k->pin_file) || !strcmp(p->path, in->v->k->module_state));

	return p->secret && !own && mst_path_leads(p->path, in->dir);
}

/* A directory with a secret of the installation in it is nobody's to read as a whole: keys, PINs, passwords, the keeper, the database, and the file that names them. */
static bool holds_secrets(const struct mst_conf *c, const struct device *v, const char *dir, const struct mst_store_needs *needs)
{
	const char *store = mst_store_file(c->store);
	struct in_dir in = { dir, v };
	bool found = mst_path_leads(c->file, dir) || (store && mst_path_leads(store, dir));

	for (size_t i = 0; i < needs->n_reads && !found; i++)
		found = needs->secret[i] && mst_path_leads(needs->reads[i], dir);
	return found || mst_conf_places(c, secret_there, &in);
}

/* "": there is no such place here. */
static const char *path_of(const struct mst_conf *c, const struct device *v, size_t i, unsigned who, struct texts *t)
{
	switch (places[i].place) {
	case PLACE_STORE: return t->store;
	case PLACE_SERVER: return t->taken < t->needs.n_reads ? t->needs.reads[t->taken++] : "";
	case PLACE_KEEPER: return c->keeper;
	case PLACE_OWN: return v->open ? "" : t->own;
	case PLACE_TPM: return mst_key_device(v->kind, v->k);
	case PLACE_MODULE: return v->k->module;
	case PLACE_STATE: return v->k->module_state;
	case PLACE_PIN: return v->open ? "" : v->k->pin_file;
	case PLACE_PIN_DIR: return v->open || holds_secrets(c, v, t->pin, &t->needs) ? "" : t->pin;
	case PLACE_ETC: return geteuid() && !holds_secrets(c, who & SIG ? v : NULL, places[i].path, &t->needs) ? places[i].path : "";
	case PLACE_NAMED: break;
	}
	return places[i].path;
}

/*
 * A module of PKCS#11 is strangers' code: it has no socket unless it is said that its token is a service elsewhere (module_network), or one of this machine
 * (module_state names its socket; local sockets lead to all of them). Another TCTI than a TPM's device is a service's that was chosen.
 */
static unsigned device_usual(const struct device *v)
{
	struct stat st;
	bool tpm = v->kind == MST_SECENV_TPM;
	bool local = tpm ? !*mst_key_device(v->kind, v->k) : !stat(v->k->module_state, &st) && S_ISSOCK(st.st_mode);
	bool out = tpm ? !*mst_key_device(v->kind, v->k) : v->k->module_network;

	return MST_USUAL_LOADS | (local || out ? MST_USUAL_PEERS : 0) | (local ? MST_USUAL_LOCAL : 0) | (out ? MST_USUAL_NAMES : 0);
}

static void put_paths(const struct mst_conf *c, const struct device *v, struct texts *t, struct mst_sandbox_path *path, struct mst_sandbox_ask *a)
{
	for (size_t i = 0; i < PLACES; i++) {
		const char *where = places[i].who & a->who ? path_of(c, v, i, a->who, t) : "";

		if (*where)
			path[a->n++] = (struct mst_sandbox_path){ where, places[i].may };
	}
}

/* The first that did not take hold is told. */
static int apply_all(const struct mst_sandbox_ask *a, bool landlock)
{
	int r = 0;

	for (size_t i = 0; mst_sandbox_all[i] && r >= 0; i++)
		if (landlock || mst_sandbox_all[i] != &mst_sandbox_landlock)
			r = mst_sandbox_all[i]->apply(a);
	return r < 0 ? r : 0;
}

int mst_confine_apart(const struct mst_conf *c)
{
	struct mst_sandbox_path path[PLACES];
	struct texts t = { .taken = 0 };
	const struct device v = { &c->keeper_key, MST_SECENV_PKCS11, true };
	bool told = *v.k->module_state || v.k->module_network;
	struct mst_sandbox_ask a = { .who = SIG, .call = mst_server_calls, .n_calls = mst_server_n_calls, .path = path,
		.usual = MST_USUAL_RUN | (told ? device_usual(&v) : MST_USUAL_PEERS | MST_USUAL_NAMES | MST_USUAL_LOCAL) };

	a.connects = a.usual & MST_USUAL_NAMES;
	mst_store_needs(c->store, &t.needs);
	put_paths(c, &v, &t, path, &a);
	return apply_all(&a, told);
}

int mst_confine(struct mst_unit *u)
{
	struct mst_sandbox_path path[PLACES];
	const char *file = mst_store_file(u->conf->store);
	struct texts t = { .taken = 0 };
	const struct device v = { &u->conf->ca_key.key, mst_ca_key_kind(u->conf), false };
	struct mst_sandbox_ask a = { .who = MST_WHO(u->ops->kind), .call = mst_server_calls, .n_calls = mst_server_n_calls, .path = path,
		.listens = u->ops->kind == MST_PROC_DIAMETER };

	tzset();                         /* from a file that is out of reach afterwards */
	if (!u->own_process)
		return mst_sandbox_limits.apply(&a) < 0 ? MST_FAULT_IO : 0;
	mst_store_needs(u->conf->store, &t.needs);
	directory_of(file ? file : "", t.store);
	directory_of(u->conf->ca_key.key.pin_file, t.pin);
	snprintf(t.own, sizeof(t.own), "%s" MST_CA_DEVICE_OWN, u->conf->keeper);
	for (size_t i = 0; i < MST_COUNT(usual); i++)
		a.usual |= usual[i].who & a.who ? usual[i].usual : 0;
	a.usual |= u->ops->kind == MST_PROC_SIGNER ? device_usual(&v) : 0;
	a.connects = a.usual & MST_USUAL_NAMES;
	if (!file && u->ops->kind == MST_PROC_ENGINE) {
		a.who |= MST_WHO_SERVER | (t.needs.n_ports ? MST_WHO_SERVER_TCP : 0) | (t.needs.local ? MST_WHO_SERVER_LOCAL : 0);
		a.port = t.needs.port;
		a.n_ports = t.needs.n_ports;
	}
	put_paths(u->conf, &v, &t, path, &a);
	for (size_t i = 0; mst_sandbox_all[i]; i++) {
		int r;

		if (!u->conf->sandbox && i)
			continue;
		r = mst_sandbox_all[i]->apply(&a);
		if (r < 0)
			return r;
		mst_log(&u->log, MST_LOG_DEBUG, r ? "sandbox: not on this system" : "sandbox", "mechanism",
			mst_sandbox_all[i]->name, NULL);
	}
	return 0;
}
