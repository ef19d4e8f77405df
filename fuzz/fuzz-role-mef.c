/*
 * Octets → HTTP message → primitive → the MEF and the MAF, over a real store: the first octet says who the channel
 * authenticated. Whatever comes, a caller without a record changes nothing durable but the audit log, and gets no
 * key; and nobody brings the role to a fault.
 */
#include "role/test-rig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct rig rig;
static bool is_up;

static void tidy(void)
{
	rig_down(&rig);
}

/* One line up to CRLF; false at the end of the text. */
static bool line_of(struct mst_view *in, struct mst_view *ret)
{
	size_t end = mst_view_find(*in, '\r');

	if (end + 1 >= in->n || in->p[end + 1] != '\n')
		return false;
	*ret = mst_view_sub(*in, 0, end);
	*in = mst_view_sub(*in, end + 2, in->n);
	return true;
}

/* What the transport hands over; its own parser has its own target. */
static bool message_of(struct mst_view in, struct mst_http_msg *m)
{
	struct mst_view line;
	size_t at;

	memset(m, 0, sizeof(*m));
	if (!line_of(&in, &line))
		return false;
	at = mst_view_find(line, ' ');
	m->method = mst_view_sub(line, 0, at);
	m->target = mst_view_sub(line, at + 1, line.n);
	m->target = mst_view_sub(m->target, 0, mst_view_find(m->target, ' '));
	while (line_of(&in, &line) && line.n && m->n < MST_HTTP_HEADERS_MAX) {
		at = mst_view_find(line, ':');
		m->header[m->n].name = mst_view_sub(line, 0, at);
		m->header[m->n].value = mst_view_sub(line, at + 1, line.n);
		m->n++;
	}
	m->body = in;
	return true;
}

static bool set_peer(uint8_t who)
{
	static const char *const psk = "21212121212121212121212121212121@mef.example.com";

	switch (who % 6) {
	case 0: rig_peer_cert(&rig, MST_ID_NODE, RIG_NODE); return true;
	case 1: rig_peer_cert(&rig, MST_ID_FQDN, "maf.example.com"); return true;
	case 2: rig_peer_cert(&rig, MST_ID_NODE, "urn:dev:ops:stranger"); return false;
	case 3: rig_peer_cert(&rig, MST_ID_NONE, NULL); return false;
	case 4: rig_peer_psk(&rig, psk); return false;
	default: rig_peer_cert(&rig, MST_ID_NODE, RIG_NODE); rig.x.peer.how = MST_AUTH_ANONYMOUS; return false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char before[65536], after[65536], scratch[65536];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_http_msg m;
	struct mst_request q;
	struct mst_diag d;
	enum mst_role role;
	bool known;
	int rsc;

	if (!is_up) {
		rig_up(&rig);
		is_up = !atexit(tidy);
	}
	if (n < 2 || n > 60000 || !message_of((struct mst_view){ p + 1, n - 1 }, &m))
		return 0;
	if (mst_request_from_http(&m, &arena, &q, &rsc, &d))
		return 0;
	known = set_peer(p[0]);
	role = mst_view_starts(q.to, "/MAF") ? MST_ROLE_MAF : MST_ROLE_MEF;
	rig.x.role = role;
	rig.x.channel = RIG_CHANNEL;
	rig.x.request = q;
	rig.x.has_export = q.op == MST_OP_CREATE;
	memset(rig.x.export_id, 1 + p[0] % 8, sizeof(rig.x.export_id));
	rig_export(&rig, role, p[0]);
	rig_fingerprint(&rig, before, sizeof(before));
	rig.releases = 0;
	rsc = rig_handle(&rig, role);
	if (rsc < 1000)
		abort();
	if (known)
		return 0;
	rig_fingerprint(&rig, after, sizeof(after));
	if (rsc < 4000 || rig.releases || strcmp(before, after) != 0)
		abort();
	return 0;
}
