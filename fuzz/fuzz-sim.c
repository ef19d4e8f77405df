/* The keys of a SIM as people write them, and as octets between processes: what is read is written and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "proto/aka/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool same(const struct aka_keys *a, const struct aka_keys *b)
{
	return a->algorithm == b->algorithm && !memcmp(a->k, b->k, sizeof(a->k)) && !memcmp(a->top, b->top, sizeof(a->top)) && a->k_n == b->k_n &&
	       a->mac_n == b->mac_n && a->res_n == b->res_n && a->ck_n == b->ck_n && a->ik_n == b->ik_n && a->times == b->times;
}

static void again(const struct aka_sim *s)
{
	uint8_t text[AKA_SIM_TEXT_MAX], octets[AKA_SIM_OCTETS_MAX];
	struct mst_writer t = mst_writer_of(text, sizeof(text)), o = mst_writer_of(octets, sizeof(octets));
	struct aka_sim from_text, from_octets;

	aka_sim_write(s, &t);
	aka_sim_pack(s, &o);
	if (!t.ok || !o.ok || aka_sim_read(mst_written(&t), &from_text, NULL) || !aka_sim_unpack(mst_written(&o), &from_octets))
		abort();
	if (!same(&from_text.keys, &s->keys) || !same(&from_octets.keys, &s->keys) ||
	    from_text.is_op != s->is_op || from_octets.is_op != s->is_op)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_diag d = { 0 };
	struct aka_sim s;

	if (aka_sim_read((struct mst_view){ p, n }, &s, &d) == 0)
		again(&s);
	else if (!d.text[0] || s.keys.k_n)
		abort();
	if (aka_sim_unpack((struct mst_view){ p, n }, &s))
		again(&s);
	return 0;
}
