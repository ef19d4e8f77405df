/* Commands of any kind to the card in software, one behind the other, each behind its length: it always answers with a
 * status word, and what it keeps can be recalled. */
#include <stdlib.h>
#include <string.h>

#include "secenv/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct { struct mst_secenv s; uint8_t b[1024]; size_t n; } shelf;

static int load(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)d;
	if (!shelf.n || shelf.n > cap)
		return MST_SECENV_NONE;
	memcpy(out, shelf.b, shelf.n);
	*ret_n = shelf.n;
	return 0;
}

static int store(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)d;
	if (v.n > sizeof(shelf.b))
		abort();
	memcpy(shelf.b, v.p, v.n);
	shelf.n = v.n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mst_secenv_ops ops = { .name = "shelf", .load_blob = load, .store_blob = store };
	static const uint8_t k[16] = { 1 };
	struct mst_reader r = mst_reader_of((struct mst_view){ p, n });
	struct mst_card_port *port = NULL;
	struct aka_keys keys;
	struct mst_card_software s = { "001010000000001", 2, "a@b.example.com", &keys, true, &shelf.s };

	shelf.s.ops = &ops;
	shelf.n = 0;
	if (aka_keys_set(&keys, AKA_MILENAGE, (struct mst_view){ k, 16 }, (struct mst_view){ k, 16 }) ||
	    mst_card_software_open(&s, mst_crypto_openssl(), &port, NULL))
		abort();
	while (r.ok && r.left > 0) {
		struct mst_view command = mst_read(&r, mst_read_u8(&r));
		uint8_t out[MST_APDU_ANSWER_MAX];
		size_t got = 0;

		if (port->ops->transmit(port, command, out, &got, NULL) || got < 2)
			abort();
	}
	port->ops->close(port);
	if (mst_card_software_open(&s, mst_crypto_openssl(), &port, NULL))
		abort();
	port->ops->close(port);
	return 0;
}
