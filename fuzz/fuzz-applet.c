/*
 * Whatever a card's key applet answers to each command: one octet for the length of an answer, and the answer. Nothing but 9000 with as many octets as
 * belong there is a success, and what is none has words.
 */
#include <stdlib.h>
#include <string.h>

#include "secenv/applet.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct fake { struct mst_card_port port; struct mst_view left, last; unsigned commands; };

static int transmit(struct mst_card_port *p, struct mst_view command, uint8_t *out, size_t *ret_n, struct mst_diag *d)
{
	struct fake *f = (struct fake *)p;
	size_t k;

	if (command.n < 4 || command.n > MST_APDU_MAX || ++f->commands > 10000)
		abort();
	if (!f->left.n) {
		mst_diag_set(d, 0, "card", "gone", NULL);
		return MST_CARD_NO_CARD;
	}
	k = f->left.p[0] < f->left.n - 1 ? f->left.p[0] : f->left.n - 1;
	f->last = mst_view_sub(f->left, 1, k);
	if (k)
		memcpy(out, f->last.p, k);
	*ret_n = k;
	f->left = mst_view_sub(f->left, 1 + k, f->left.n);
	return 0;
}

static const struct mst_card_port_ops ops = { "fake", transmit, NULL };

/* `want` octets and 9000; they came in one answer, or the last part of them did. */
static void check(const struct fake *f, int r, size_t want, const struct mst_diag *d)
{
	static const uint8_t good[] = { 0x90, 0x00 };

	if (r ? !d->text[0] : f->last.n < sizeof(good) || f->last.n > want + sizeof(good) || memcmp(f->last.p + f->last.n - sizeof(good), good, sizeof(good)) != 0)
		abort();
}

static int one(struct fake *f, unsigned what, const uint8_t id[ROOT_ID], struct mst_diag *d, size_t *ret_want)
{
	static const uint8_t message[600];
	uint8_t out[64];
	struct applet_info i = { .room = 1000 };
	uint64_t count;
	int r;

	*ret_want = 0;
	switch (what % 8) {
	case 0:
		r = applet_select(&f->port, (f->left.n & 1) ? MST_VIEW_LIT("1234") : MST_VIEW_NONE, &i, d);
		if (!r && (i.tries > 255 || i.room > 255))
			abort();
		*ret_want = MST_APDU_ANSWER_MAX;         /* what stands beside the word that a PIN is right counts for nothing */
		return r;
	case 1: return applet_make(&f->port, APPLET_PAIR, id, d);
	case 2: return applet_import(&f->port, id, MST_VIEW_LIT("0123456789abcdef0123456789abcdef"), d);
	case 3: return *ret_want = 64, applet_public(&f->port, id, out, d);
	case 4: return *ret_want = 64, applet_sign(&f->port, id, message, out, d);
	case 5: return *ret_want = 32, applet_hmac(&f->port, id, (struct mst_view){ message, f->left.n % sizeof(message) }, out, d);
	case 6: return *ret_want = 8, applet_count(&f->port, id, true, &count, d);
	default: return 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t id[ROOT_ID] = { 1, 2, 3 };
	struct fake f = { .port = { .ops = &ops, .t1 = n & 1 }, .left = { p, n } };

	while (f.left.n) {
		struct mst_diag d = { 0 };
		unsigned what = f.left.p[0];
		size_t want;
		int r;

		f.left = mst_view_sub(f.left, 1, f.left.n);
		if (what % 8 == 7) {             /* also of an object that is not there: gone is done */
			r = applet_delete(&f.port, id, &d);
			if (r && !d.text[0])
				abort();
			continue;
		}
		r = one(&f, what, id, &d, &want);
		check(&f, r, want, &d);
	}
	return 0;
}
