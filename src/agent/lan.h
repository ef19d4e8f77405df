/*
 * Discovery on the LAN and in DNS (architecture 3.4): untrusted. Whatever the network says, it yields *where*
 * only: `bbn` instructions without anchor or pin. Who is trusted comes from the anchors that the agent holds
 * (setting `anchors`), and the name that is found must be proven by the peer in TLS. Setting `lan_names` narrows
 * which names are listened to at all.
 */
#ifndef AGENT_LAN_H
#define AGENT_LAN_H

#include "agent/discover.h"

#define LAN_FOUND_MAX 8      /* with an address and without: all fit one sequence */
#define LAN_PATH_MAX 128
#define LAN_ADDRESS_MAX 64

/* A briefing node that somebody on the network told us of. */
struct lan_found {
	bool coaps;                      /* else https */
	char fqdn[MST_ID_MAX];
	uint16_t port;
	char path[LAN_PATH_MAX];         /* "/briefing", or "" */
	char address[LAN_ADDRESS_MAX];   /* "192.0.2.7:8445" or "[fe80::1%eth0]:8445"; "" = resolve the name */
};

/* What a service name like "_muster-bbn._tcp.example.com" asks for. False when it is none. */
MST_MUST_CHECK bool lan_service(struct mst_view name, char type[64], char domain[MST_ID_MAX], bool *ret_coaps);
/* "bbn.example.com", "bbn.example.com:8445" or a URI, as people and DHCP servers write it. */
MST_MUST_CHECK bool lan_parse(struct mst_view text, struct lan_found *ret_f);
/*
 * Setting lan_names: does the LAN's word for this name count? To be asked before a name takes a place from others, so that
 * no crowd hides an owner who said what names to expect. Refusals are counted in `refused`; the 1st, 2nd, 4th … is logged.
 */
bool lan_wanted(const struct agent *a, const char *fqdn, const char *from, unsigned *refused);
/* What was said and is not followed. */
struct lan_left { unsigned refused /* by lan_wanted() */, malformed; };
/* Who said it; what nothing of it was, when all was malformed; and that nobody said anything. */
struct lan_words { const char *from, *want, *nobody; };
/* End the running discovery with what was found and wanted, in that order; with nothing of it, it has failed, and says why. */
void lan_yield(struct agent *a, const struct lan_found *f, size_t n, const struct lan_left *left, const struct lan_words *words);

/*
 * Where to dial a briefing node that the LAN told us of: an address, or NULL. Only a hint; TLS decides who is there. Nobody else is dialled so: what
 * the LAN says is tried once, with its name after it, in a discovery; a session with a MEF or a MAF would be led astray until the next one.
 */
const char *lan_route(const struct agent *a, const char *host, uint16_t port);
/* A discovery failed that went to `uri`: its hint, if there was one, led nowhere. */
void lan_forget(struct agent *a, struct mst_view uri);

extern const struct agent_discovery agent_discover_dnssd, agent_discover_dnssrv, agent_discover_dhcp;

#endif
