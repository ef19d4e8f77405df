/* Any octets as each of the three Digest headers: what is taken can be written, and reads back as the same. */
#include <stdlib.h>
#include <string.h>

#include "proto/gba/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void same(struct mst_view a, struct mst_view b)
{
	if (!mst_view_eq(a, b))
		abort();
}

static void explained(int r, const struct mst_diag *d)
{
	if (r != 0 && r != GBA_BAD && r != GBA_END)
		abort();
	if ((r == GBA_BAD) != (d->text[0] != 0))
		abort();
}

static void challenges(struct mst_view in)
{
	struct gba_challenge c, back;
	unsigned count = 0;
	int r;

	for (;;) {
		uint8_t room[4 * GBA_HEADER_MAX];
		struct mst_writer w = mst_writer_of(room, sizeof(room));
		struct mst_diag d = { 0 };
		struct mst_view rest;
		size_t before = in.n;

		r = gba_challenge_next(&in, &c, &d);
		explained(r, &d);
		if (r)
			return;
		if (in.n >= before || ++count > GBA_HEADER_MAX)
			abort();
		if (c.algorithm >= GBA_ALGORITHM__COUNT)
			continue;
		gba_put_challenge(&w, &c);
		rest = mst_written(&w);
		if (!w.ok || gba_challenge_next(&rest, &back, &d))
			abort();
		same(c.realm, back.realm);
		same(c.nonce, back.nonce);
		same(c.opaque, back.opaque);
		if (c.algorithm != back.algorithm || c.qops != back.qops || c.stale != back.stale)
			abort();
	}
}

static void authorization(struct mst_view in)
{
	uint8_t room[4 * GBA_HEADER_MAX];
	struct mst_writer w = mst_writer_of(room, sizeof(room));
	struct gba_authorization a, back;
	struct mst_diag d = { 0 };
	int r = gba_authorization_read(in, &a, &d);

	explained(r, &d);
	if (r)
		return;
	gba_put_authorization(&w, &a);
	if (!w.ok || gba_authorization_read(mst_written(&w), &back, &d))
		abort();
	same(a.username, back.username);
	same(a.realm, back.realm);
	same(a.nonce, back.nonce);
	same(a.uri, back.uri);
	same(a.response, back.response);
	same(a.cnonce, back.cnonce);
	same(a.opaque, back.opaque);
	if (a.has_auts != back.has_auts || memcmp(a.auts, back.auts, sizeof(a.auts)) != 0 || a.qop != back.qop || a.algorithm != back.algorithm)
		abort();
}

static void info(struct mst_view in)
{
	uint8_t room[4 * GBA_HEADER_MAX];
	struct mst_writer w = mst_writer_of(room, sizeof(room));
	struct gba_auth_info i, back;
	struct mst_diag d = { 0 };
	int r = gba_auth_info_read(in, &i, &d);

	explained(r, &d);
	if (r)
		return;
	gba_put_auth_info(&w, &i);
	if (!w.ok || gba_auth_info_read(mst_written(&w), &back, &d))
		abort();
	same(i.rspauth, back.rspauth);
	same(i.cnonce, back.cnonce);
	if (i.qop != back.qop)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct mst_view in = { p, n };

	challenges(in);
	authorization(in);
	info(in);
	return 0;
}
