/* PostgreSQL: what the operator wrote after "postgresql:", and which addresses that means. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "store/pg.h"

#define HOSTS_MAX 16
#define DEFAULT_PORT "5432"
#define CONNINFO_MAX 1024
#define CONNECT_MS 3000         /* for each address, unless connect_timeout says otherwise */

/* What may be written, of libpq's own names for it. */
static const char *const keys[] = {
	"host", "hostaddr", "port", "dbname", "user", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "options",
	"connect_timeout", "target_session_attrs", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	"ssl_min_protocol_version", "channel_binding",
};
struct given { char text[CONNINFO_MAX]; const char *value[MST_COUNT(keys)]; };

static const char *value_of(const struct given *g, const char *key)
{
	for (size_t i = 0; i < MST_COUNT(keys); i++)
		if (!strcmp(key, keys[i]))
			return g->value[i] ? g->value[i] : "";
	return "";
}

/* The i-th of a list with commas; the last of a shorter list when `last`. False: there are fewer. */
static bool element(const char *list, size_t i, bool last, char *out, size_t cap)
{
	const char *end;

	for (;; list = end + 1) {
		end = strchrnul(list, ',');
		if (!i-- || (!*end && last)) {
			snprintf(out, cap, "%.*s", (int)(end - list), list);
			return true;
		}
		if (!*end)
			return false;
	}
}

static bool is_local(const char *host)
{
	return !*host || *host == '/' || *host == '@';
}

static bool is_loopback(const char *host)
{
	struct in_addr a;

	/* an address, and no name that begins like one */
	return !strcmp(host, "localhost") || !strcmp(host, "::1") || (inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127);
}

static int wrong(struct mst_diag *d, const char *what)
{
	mst_diag_set(d, 0, "store", what, NULL);
	return MST_FAULT_CONFIG;
}

/* Records that leave this host go to the one that is meant, and nobody else reads them. */
static int check_hosts(const struct given *o, struct mst_diag *d)
{
	char host[256], address[64];
	bool verified = !strcmp(value_of(o, "sslmode"), "verify-full");

	const char *list = value_of(o, *value_of(o, "host") ? "host" : "hostaddr");

	for (size_t i = 0; element(list, i, false, host, sizeof(host)); i++) {
		if (!element(value_of(o, "hostaddr"), i, false, address, sizeof(address)))
			address[0] = '\0';
		if (i == HOSTS_MAX)
			return wrong(d, "too many hosts; at most 16");
		if (!is_local(*address ? address : host) && !is_loopback(*address ? address : host) && !verified) {
			mst_diag_set(d, 0, "store", "host ", host, " is another machine: sslmode=verify-full and sslrootcert=FILE are wanted", NULL);
			return MST_FAULT_CONFIG;
		}
	}
	return verified && !*value_of(o, "sslrootcert") ? wrong(d, "sslmode=verify-full needs sslrootcert=FILE") : 0;
}

static int check_options(const struct given *o, struct mst_diag *d)
{
	static const struct { const char *key, *words; } row[] = {
		{ "dbname", "dbname=NAME is wanted" },
		{ "user", "user=NAME is wanted" },
	};
	static const char *const file[] = { "passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl" };

	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (!*value_of(o, row[i].key))
			return wrong(d, row[i].words);
	for (size_t i = 0; i < MST_COUNT(file); i++)
		if (*value_of(o, file[i]) && *value_of(o, file[i]) != '/') {
			mst_diag_set(d, 0, "store", file[i], "=", value_of(o, file[i]), ": the whole path is wanted, from / on", NULL);
			return MST_FAULT_CONFIG;
		}
	return check_hosts(o, d);
}

static char *blanks(char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* One value, in place: a word, or anything between single quotes; a backslash takes what is special from the next. */
static char *take_value(char *p, bool *ret_whole)
{
	bool quoted = *p == '\'';
	char *to = p;

	p += quoted;
	while (*p && (quoted ? *p != '\'' : !strchr(" \t\r\n", *p))) {
		p += *p == '\\' && p[1];
		*to++ = *p++;
	}
	*ret_whole = !quoted || *p == '\'';
	p += *p != '\0';
	*to = '\0';
	return p;
}

/* "key = value key=value", as libpq reads it. */
static int parse(const char *conninfo, struct given *g, struct mst_diag *d)
{
	char *p, *key;
	bool whole;
	size_t i, n;

	*g = (struct given){ .text = "" };
	if (snprintf(g->text, sizeof(g->text), "%s", conninfo) >= (int)sizeof(g->text))
		return wrong(d, "too long");
	for (p = blanks(g->text); *p; p = blanks(p)) {
		key = p;
		n = strcspn(p, "= \t\r\n");
		p = blanks(p + n);
		if (*p != '=') {
			key[n] = '\0';
			mst_diag_set(d, 0, "store", "\"=\" is wanted after ", key, ", as in postgresql:host=/run/postgresql dbname=muster user=muster", NULL);
			return MST_FAULT_CONFIG;
		}
		*p = ' ';
		p = blanks(p + 1);
		key[n] = '\0';
		if (!strcmp(key, "password"))
			return wrong(d, "a password has no place here; passfile=FILE names a file with it (chmod 600)");
		for (i = 0; i < MST_COUNT(keys) && strcmp(key, keys[i]) != 0; i++)
			;
		if (i == MST_COUNT(keys)) {
			mst_diag_set(d, 0, "store", "unknown word ", key, "; musterd.conf(5) has those that may be used", NULL);
			return MST_FAULT_CONFIG;
		}
		g->value[i] = p;
		p = take_value(p, &whole);
		if (!whole) {
			mst_diag_set(d, 0, "store", "the quote after ", key, "= is not closed", NULL);
			return MST_FAULT_CONFIG;
		}
	}
	return 0;
}

int mst_store_pg_check(const char *rest, struct mst_diag *d)
{
	struct given g;
	int r = parse(rest, &g, d);

	return r ? r : check_options(&g, d);
}

void mst_store_pg_needs(const char *rest, struct mst_store_needs *ret)
{
	static const char *const file[] = { "passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl" };
	struct mst_diag d;
	struct given g, *o = &g;
	char host[256], port[16];

	if (parse(rest, &g, &d))
		return;
	for (size_t i = 0; i < MST_COUNT(file) && ret->n_reads < MST_COUNT(ret->reads); i++)
		if (*value_of(o, file[i])) {
			ret->secret[ret->n_reads] = !strcmp(file[i], "passfile") || !strcmp(file[i], "sslkey");
			snprintf(ret->reads[ret->n_reads++], sizeof(ret->reads[0]), "%s", value_of(o, file[i]));
		}
	for (size_t i = 0; element(value_of(o, *value_of(o, "host") ? "host" : "hostaddr"), i, false, host, sizeof(host)); i++) {
		if (is_local(host)) {
			ret->local = true;
			continue;
		}
		(void)element(value_of(o, "port"), i, true, port, sizeof(port));
		if (ret->n_ports < MST_COUNT(ret->port))
			ret->port[ret->n_ports++] = (uint16_t)strtoul(*port ? port : DEFAULT_PORT, NULL, 10);
	}
}

/* --- addresses --- */

struct lists { char hosts[2048], addresses[1024], ports[256]; size_t n; };

static void append(char *list, size_t cap, bool first, const char *what)
{
	size_t n = strlen(list);

	snprintf(list + n, cap - n, "%s%s", first ? "" : ",", what);
}

static void put(struct lists *l, const char *host, const char *address, const char *port)
{
	bool first = !l->n++;

	append(l->hosts, sizeof(l->hosts), first, host);
	append(l->addresses, sizeof(l->addresses), first, address);
	append(l->ports, sizeof(l->ports), first, *port ? port : DEFAULT_PORT);
}

/* All addresses of a name, in the resolver's order. */
static void put_name(struct lists *l, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	char address[INET6_ADDRSTRLEN];

	if (getaddrinfo(host, NULL, &hints, &all))
		return;
	for (const struct addrinfo *a = all; a && l->n < HOSTS_MAX; a = a->ai_next)
		if (!getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST))
			put(l, host, address, port);
	freeaddrinfo(all);
}

int pg_look_up(struct pg *p, struct mst_diag *d)
{
	struct given g, *o = &g;
	struct lists l = { .n = 0 };
	const char *hosts, *addresses;
	char host[256], address[64], port[16];
	long seconds;
	int r = parse(p->conninfo, &g, d);

	if (r)
		return r;
	hosts = value_of(o, "host");
	addresses = value_of(o, "hostaddr");
	for (size_t i = 0; element(*addresses ? addresses : hosts, i, false, host, sizeof(host)); i++) {
		(void)element(value_of(o, "port"), i, true, port, sizeof(port));
		if (*addresses) {
			snprintf(address, sizeof(address), "%.*s", (int)sizeof(address) - 1, host);
			if (!element(hosts, i, false, host, sizeof(host)))
				host[0] = '\0';
			put(&l, host, address, port);
		} else if (is_local(host)) {
			put(&l, host, "", port);
		} else {
			put_name(&l, host, port);
		}
	}
	if (!l.n) {
		mst_diag_set(d, 0, "store", "no address is known of host=", hosts, NULL);
		return MST_FAULT_IO;
	}
	seconds = strtol(value_of(o, "connect_timeout"), NULL, 10);
	p->connect_ms = seconds > 0 ? (seconds < 2 ? 2 : seconds) * 1000 : CONNECT_MS;
	p->hosts = strdup(l.hosts);
	p->addresses = strdup(l.addresses);
	p->ports = strdup(l.ports);
	return p->hosts && p->addresses && p->ports ? 0 : MST_FAULT_MEMORY;
}

/* An empty value does not override what was written. */
bool pg_host(const struct pg *p, size_t i, struct pg_host *ret)
{
	if (!element(p->hosts, i, false, ret->name, sizeof(ret->name)))
		return false;
	return element(p->addresses, i, false, ret->address, sizeof(ret->address)) && element(p->ports, i, false, ret->port, sizeof(ret->port));
}
