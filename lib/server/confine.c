#include "server/confine.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LIS MST_WHO(MST_PROC_LISTENER)
#define CON MST_WHO(MST_PROC_CONNECTOR)
#define ENG MST_WHO(MST_PROC_ENGINE)
#define KEE MST_WHO(MST_PROC_KEEPER)
#define DIA MST_WHO(MST_PROC_DIAMETER)
#define NET (CON | DIA)

enum place { PLACE_NAMED, PLACE_STORE, PLACE_SERVER, PLACE_KEEPER, PLACE_ETC };

/* What may still be opened by name. */
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
	/* a rule is for the file that is there now, and resolv.conf may be replaced by another one: the directory, then */
	{ NET, PLACE_ETC, "/etc", MST_PATH_READ },
	/* the resolver: its files, the stub's, modules of the name service, and libraries that are loaded late */
	{ NET, PLACE_NAMED, "/etc/hosts", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/etc/host.conf", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/etc/nsswitch.conf", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/etc/resolv.conf", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/etc/resolv.conf", MST_PATH_READ | MST_PATH_TARGET },       /* in /run/connman, say */
	{ NET, PLACE_NAMED, "/etc/gai.conf", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/etc/services", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/etc/ld.so.cache", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/run/systemd/resolve", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/run/resolvconf", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/run/NetworkManager", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/usr/lib", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/lib", MST_PATH_READ },
	{ NET, PLACE_NAMED, "/usr/lib64", MST_PATH_READ },               /* of other distributions */
};
#define PLACES (sizeof(places) / sizeof(places[0]))

/* False: it is a server. */
static bool directory_of(const char *store, char dir[MST_CONF_PATH])
{
	const char *file = mst_store_file(store);
	char *slash;

	snprintf(dir, MST_CONF_PATH, "%s", file ? file : "");
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return file;
}

/* An installation below /etc has its keys there. */
static bool is_place(const struct mst_unit *u, enum place place)
{
	return place != PLACE_ETC || (strncmp(u->conf->keeper, "/etc/", 5) && strncmp(u->conf->file, "/etc/", 5));
}

/* Where the i-th place is; "": nowhere in this installation. */
static const char *path_of(const struct mst_unit *u, size_t i, const char *store, const struct mst_store_needs *needs, size_t *taken)
{
	switch (places[i].place) {
	case PLACE_STORE: return store;
	case PLACE_SERVER: return *taken < needs->n_reads ? needs->reads[(*taken)++] : "";
	case PLACE_KEEPER: return u->conf->keeper;
	case PLACE_NAMED: case PLACE_ETC: break;
	}
	return places[i].path;
}

int mst_confine(struct mst_unit *u)
{
	struct mst_sandbox_path path[PLACES];
	char store[MST_CONF_PATH];
	struct mst_sandbox_ask a = { .who = MST_WHO(u->ops->kind), .call = mst_server_calls, .n_calls = mst_server_n_calls, .path = path,
		.connects = MST_WHO(u->ops->kind) & NET, .listens = u->ops->kind == MST_PROC_DIAMETER };

	struct mst_store_needs needs;
	size_t taken = 0;

	tzset();                         /* from a file that is out of reach afterwards */
	if (!u->own_process)
		return mst_sandbox_limits.apply(&a) < 0 ? MST_FAULT_IO : 0;
	mst_store_needs(u->conf->store, &needs);
	if (!directory_of(u->conf->store, store) && u->ops->kind == MST_PROC_ENGINE) {
		a.who |= MST_WHO_SERVER | (needs.n_ports ? MST_WHO_SERVER_TCP : 0);
		a.port = needs.port;
		a.n_ports = needs.n_ports;
	}
	for (size_t i = 0; i < PLACES; i++) {
		const char *where = places[i].who & a.who && is_place(u, places[i].place) ? path_of(u, i, store, &needs, &taken) : "";

		if (*where)
			path[a.n++] = (struct mst_sandbox_path){ where, places[i].may };
	}
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
