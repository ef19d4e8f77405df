/* Whose turn it is when there is not room for everybody: shares of the queue, and of the questions to other servers. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "server/engine-internal.h"
#include "transport/address.h"

static bool for_operators(const struct engine_client *c)
{
	return c->who.peer == MST_PROC_LISTENER && c->who.role == MST_ROLE_NONE;
}

/* One of those that ask for somebody. */
static bool asks(const struct engine_client *c)
{
	return c->l && (c->who.peer == MST_PROC_LISTENER || c->who.peer == MST_PROC_DIAMETER);
}

/* A flood at one listener leaves room for the others; and none is a reason why an operator cannot revoke a node. */
bool engine_has_room(const struct engine *e, unsigned client)
{
	size_t most = (size_t)e->u.conf->limits.queue, n = 0, own = client < ENGINE_CLIENTS ? e->client[client].queued : 0;

	if (client < ENGINE_CLIENTS && for_operators(&e->client[client]))
		return own < most;
	for (size_t i = 0; i < ENGINE_CLIENTS; i++)
		n += asks(&e->client[i]);
	return e->queued < most && (e->queued < most / 2 || own < most / (n ? n : 1));
}

/* As listeners count addresses, an IPv6 host by its /64. 0: none that is known. */
uint64_t engine_origin(const char *address)
{
	struct sockaddr_storage a = { 0 };
	char host[INET6_ADDRSTRLEN] = "";
	bool six = address[0] == '[';
	const char *end = six ? strchr(address, ']') : strrchr(address, ':');
	size_t n = end ? (size_t)(end - address) - six : 0;

	if (!n || n >= sizeof(host))
		return 0;
	memcpy(host, address + six, n);
	a.ss_family = six ? AF_INET6 : AF_INET;
	if (inet_pton(a.ss_family, host, six ? (void *)&((struct sockaddr_in6 *)&a)->sin6_addr : (void *)&((struct sockaddr_in *)&a)->sin_addr) != 1)
		return 0;
	return address_origin(&a);
}

/*
 * One server that is slow, or that strangers name, must not take the places of the others; and one address not those of other addresses:
 * half of a server's places are anybody's, of the rest an address has what makes a quarter.
 */
bool engine_has_place(const struct engine *e, const struct mst_fetch *f, uint64_t origin)
{
	size_t most = (size_t)e->u.conf->limits.fetches, of_it = 0, own = 0, servers = 0, share;

	for (size_t i = 0; i < MST_ROLE__COUNT; i++)
		servers += e->role_conf[i] ? mst_role_servers(e->role_conf[i]) : 0;
	share = servers > 1 ? most / servers : most;
	share = share ? share : 1;

	for (const struct pending_fetch *p = e->fetches; p; p = p->next)
		if (!strcmp(p->server, f->server_name)) {
			of_it++;
			own += origin && p->origin == origin;
		}
	return e->n_fetches < most && of_it < share && (of_it < share / 2 || !own || own < share / 4);
}

static struct engine_unknown *unknown_place(struct engine *e, const struct mst_psk_ask *q)
{
	uint32_t h = 2166136261u + (uint32_t)q->role;

	for (const char *p = q->identity; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	return &e->unknown[(h ^ h >> 16) & (UNKNOWN_MAX - 1)];
}

void engine_remember_unknown(struct engine *e, const struct mst_psk_ask *q)
{
	struct engine_unknown *u = unknown_place(e, q);

	u->role = q->role;
	memcpy(u->identity, q->identity, sizeof(u->identity));
	u->until = mst_now_ms() + UNKNOWN_MS;
}

bool engine_known_unknown(struct engine *e, const struct mst_psk_ask *q)
{
	const struct engine_unknown *u = unknown_place(e, q);

	return u->until > mst_now_ms() && u->role == q->role && !strcmp(u->identity, q->identity);
}
