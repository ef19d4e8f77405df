/*
 * The file of a maker's secret that was taken into the secure environment: as it is, and once more as what stands in one block. Each block that is taken
 * is written back to one that is read to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"
#include "secenv/maker.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void same(const struct maker_box *x, const struct maker_box *y)
{
	if (x->key.n != y->key.n || memcmp(x->key.b, y->key.b, x->key.n) != 0 || strcmp(x->identity, y->identity) != 0 || !mst_view_eq(x->head, y->head) ||
	    !mst_view_eq(x->salt, y->salt) || !mst_view_eq(x->box, y->box))
		abort();
}

static void read_all(struct mst_view in)
{
	static struct maker_box x, again;
	static char text[MAKER_TEXT_MAX];
	struct mst_diag d = { 0 };
	char identity[MST_ID_MAX] = "";
	bool inside = false, one = false;
	size_t at = 0, then = 0;
	int r;

	while (!(r = maker_read(in, &at, &x, &d)) && x.key.n) {
		struct mst_writer w = mst_writer_of(text, sizeof(text));

		one = one || !identity[0] || !strcmp(identity, x.identity);
		memcpy(identity, x.identity, sizeof(identity));
		maker_put(&x, &w);
		then = 0;
		if (!w.ok || maker_read(mst_written(&w), &then, &again, &d) || !maker_is_sealed(mst_written(&w)))
			abort();
		same(&x, &again);
		if (maker_check(mst_written(&w), x.identity, &inside, &d) || maker_check(mst_written(&w), "nobody at all", &inside, &d) != MST_SECENV_OTHER)
			abort();
	}
	if (r && (r != MST_SECENV_CORRUPT || !d.text[0]))
		abort();
	r = maker_check(in, identity, &inside, &d);
	if (r == 0 ? !one || !maker_is_sealed(in) : r != MST_SECENV_NONE && r != MST_SECENV_CORRUPT && r != MST_SECENV_OTHER)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[MAKER_TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	read_all((struct mst_view){ p, n });
	if (n > MAKER_MAX)
		return 0;
	mst_pem_put(&w, MAKER_LABEL, (struct mst_view){ p, n });
	if (!w.ok)
		abort();
	read_all(mst_written(&w));
	return 0;
}
