#include "agent/discover.h"

#include "agent/briefing.h"
#include "agent/lan.h"

static const struct agent_discovery *const methods[] = {
	&agent_discover_file, &agent_discover_bbn, &agent_discover_dnssd, &agent_discover_dnssrv, &agent_discover_dhcp,
	&agent_discover_bsf,
};

uint32_t discover_methods(const struct agent *a)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < MST_COUNT(methods); i++)
		if (!methods[i]->able || methods[i]->able(a))
			bits |= UINT32_C(1) << methods[i]->method;
	return bits;
}

void discover_start(struct agent *a, const struct mst_instruction *i)
{
	a->discovery_serial = prov_serial(a->prov);
	for (size_t m = 0; m < MST_COUNT(methods); m++) {
		if (methods[m]->method == i->method) {
			a->discovery = methods[m];
			a->discovery->start(a, i);
			return;
		}
	}
	discover_failed(a, PROV_UNSUPPORTED, "this agent has no such discovery", 0);
}

void discover_drop(struct agent *a)
{
	const struct agent_discovery *d = a->discovery;

	a->discovery = NULL;
	if (d && d->drop)
		d->drop(a);
}

/* The engine may have gone on meanwhile (deadline, trigger): then nobody waits for this any more. */
static bool wanted(const struct agent *a)
{
	return prov_want(a->prov) == PROV_WANT_DISCOVER && prov_serial(a->prov) == a->discovery_serial;
}

void discover_yield(struct agent *a, struct mst_view cbor, const char *from)
{
	struct mst_diag d = { 0 };

	if (wanted(a) && prov_discovered(a->prov, cbor, agent_now(), agent_utc_or_0(a), agent_random(a), &d))
		agent_log(a, AGENT_WARN, "discovery-useless", "from", from, "field", d.field, "text", d.text, NULL);
	discover_drop(a);
}

void discover_failed(struct agent *a, enum prov_reason r, const char *detail, int64_t retry_after)
{
	if (wanted(a))
		lan_forget(a, prov_current(a->prov)->uri);
	if (wanted(a))
		prov_failed(a->prov, r, detail, retry_after, agent_now(), agent_utc_or_0(a), agent_random(a));
	discover_drop(a);
}
