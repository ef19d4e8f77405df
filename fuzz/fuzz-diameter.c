/* Any octets as a message of Zh or Zn: what is taken keeps inside of what was read, what is refused can be answered. */
#include <stdlib.h>
#include <string.h>

#include "codec/diameter.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void inside(const uint8_t *p, size_t n, struct mst_view v)
{
	if (v.n && (v.p < p || v.p + v.n > p + n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t out[8192];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	static struct mst_dm m, back;
	struct mst_dm_fault f;
	const struct mst_view *all[] = { &m.session, &m.origin_host, &m.origin_realm, &m.destination_host, &m.destination_realm, &m.error_message,
		&m.impi, &m.public_id, &m.btid, &m.naf_id, &m.me_key, &m.uicc_key, &m.guss, &m.scheme, &m.authenticate, &m.authorization, &m.ck, &m.ik };
	int r = mst_dm_read((struct mst_view){ p, n }, &m, &f);

	for (size_t i = 0; i < MST_COUNT(all); i++)
		inside(p, n, *all[i]);
	for (size_t i = 0; i < m.n_gsid; i++)
		inside(p, n, m.gsid[i]);
	if (!r)
		return 0;
	if (r != MST_DM_BAD || !f.result || !f.text[0])
		abort();
	/* the refusal is a message that we would take ourselves */
	mst_dm_put_header(&w, MST_DM_BOOTSTRAPPING_INFO, MST_DM_ZN, false);
	mst_dm_put(&w, 263, mst_view_str("s"));
	mst_dm_put(&w, 264, mst_view_str("h"));
	mst_dm_put(&w, 296, mst_view_str("r"));
	mst_dm_put_refusal(&w, MST_DM_ZN, f.result, f.avp, f.text);
	mst_dm_finish(&w);
	if (!w.ok || mst_dm_read(mst_written(&w), &back, &f) || back.result < 3000)
		abort();
	return 0;
}
