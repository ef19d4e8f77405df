/*
 * Octets → question or report → the briefing node over a real store. The first octet says who the channel
 * authenticated, the second in which encoding and where to. Whatever comes: an answer of the table, never a fault; who
 * has shown nothing changes nothing durable but the audit log.
 */
#include "role/test-rig.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct rig rig;
static bool is_up;

static void tidy(void)
{
	rig_down(&rig);
}

static void set_up(void)
{
	rig_up(&rig);
	rig.bbn_conf.strangers = true;
	rig_rule(&rig, "{\"name\":\"open\",\"public\":true,\"when\":{\"models\":[\"open\"]},\"then\":{\"instructions\":[{\"kind\":\"discovery\","
	               "\"method\":\"bbn\",\"uri\":\"https://owner.example.com/briefing\"}]}}", 10);
	rig_rule(&rig, "{\"name\":\"deny\",\"when\":{\"sites\":[\"south*\"]},\"then\":{\"deny\":\"not here\"}}", 20);
	rig_rule(&rig, "{\"name\":\"all\",\"then\":{\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\","
	               "\"uri\":\"https://mef.example.com\"}]}}", 30);
	is_up = !atexit(tidy);
}

static bool set_peer(uint8_t who)
{
	switch (who % 4) {
	case 0: rig_peer_cert(&rig, MST_ID_NODE, RIG_NODE); return true;
	case 1: rig_peer_cert(&rig, MST_ID_NODE, "urn:dev:ops:stranger"); return true;
	case 2: rig_peer_psk(&rig, "node-7@bbn.example.com"); return true;
	default: rig_peer_cert(&rig, MST_ID_NONE, NULL); rig.x.peer.how = MST_AUTH_ANONYMOUS; return false;
	}
}

static int keep_id(void *arg, const struct mst_briefing *b)
{
	snprintf(arg, 80, "/briefing/%s/report", b->id);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const media[] = { "application/json", "application/cbor" };
	static char before[65536], after[65536];
	char to[80] = "/briefing/00000000000000000000000000000000/report";
	bool known;
	int rsc;

	if (!is_up)
		set_up();
	if (n < 2 || n > 20000)
		return 0;
	known = set_peer(p[0]);
	if (p[1] & 4)
		(void)!mst_store_briefing_list(rig.store, &(struct mst_briefing_filter){ .limit = 1 }, keep_id, to);
	else
		memcpy(to, "/briefing", sizeof("/briefing"));
	rig_fingerprint(&rig, before, sizeof(before));
	rsc = rig_brief(&rig, MST_OP_CREATE, to, media[p[1] & 1], p[1] & 2 ? "application/cbor" : "", (struct mst_view){ p + 2, n - 2 });
	if (rsc != 204 && rsc != 413 && rsc < 1000)
		abort();
	if ((rsc != 204) != (rig.a.content.n > 0))
		abort();
	if (known)
		return 0;
	rig_fingerprint(&rig, after, sizeof(after));
	if (strcmp(before, after) != 0)
		abort();
	return 0;
}
