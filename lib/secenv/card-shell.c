/*
 * A card by hand, for tests: commands on standard input, one answer a line.
 *
 *   card-shell pcsc READER | at DEVICE
 *   open any|usim|isim [PIN]    auth 3g|gba RAND AUTN    naf NAF_ID IMPI    note B-TID LIFETIME    gbabp    quit
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "secenv/card.h"

static void say_hex(const char *name, const uint8_t *p, size_t n)
{
	printf(" %s=", name);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
}

static size_t unhex(const char *s, uint8_t *out, size_t cap)
{
	size_t n = 0;

	return s && mst_hex_decode(mst_view_str(s), out, cap, &n) ? n : 0;
}

static int open_it(struct mst_card *c, struct mst_card_port *p, char **a, struct mst_diag *d)
{
	enum mst_card_app app = !a[1] || !strcmp(a[1], "any") ? MST_CARD_ANY : !strcmp(a[1], "isim") ? MST_CARD_ISIM : MST_CARD_USIM;
	int r = mst_card_open(c, p, app, mst_view_str(a[1] ? a[2] : NULL), d);

	if (!r)
		printf("ok app=%s imsi=%s mnc=%d impi=%s gba=%d", c->app == MST_CARD_ISIM ? "isim" : "usim", c->imsi, c->mnc_digits, c->impi, c->gba);
	return r;
}

static int authenticate(struct mst_card *c, char **a, struct mst_diag *d)
{
	uint8_t challenge[16], autn[16];
	struct mst_card_aka got;
	enum mst_uicc_context context = a[1] && !strcmp(a[1], "gba") ? MST_UICC_GBA : MST_UICC_3G;
	int r;

	if (!a[1] || unhex(a[2], challenge, 16) != 16 || unhex(a[3], autn, 16) != 16)
		return MST_CARD_ODD;
	r = mst_card_authenticate(c, context, challenge, autn, &got, d);
	if (!r) {
		printf("ok");
		say_hex("res", got.res, got.n_res);
		say_hex("ck", got.ck, sizeof(got.ck));
		say_hex("ik", got.ik, sizeof(got.ik));
	} else if (r == MST_CARD_STALE) {
		printf("stale");
		say_hex("auts", got.auts, sizeof(got.auts));
		r = 0;
	}
	mst_card_aka_wipe(&got);
	return r;
}

static int derive(struct mst_card *c, char **a, struct mst_diag *d)
{
	uint8_t naf_id[300];
	struct mst_key key;
	size_t n = unhex(a[1], naf_id, sizeof(naf_id));
	int r = mst_card_derive_naf(c, (struct mst_view){ naf_id, n }, mst_view_str(a[1] ? a[2] : NULL), &key, d);

	if (!r) {
		printf("ok");
		say_hex("key", key.b, key.n);
	}
	mst_key_wipe(&key);
	return r;
}

static int show_gbabp(struct mst_card *c, struct mst_diag *d)
{
	uint8_t room[512];
	struct mst_uicc_gbabp b;
	int r = mst_card_read_gbabp(c, room, &b, d);

	if (!r) {
		printf("ok");
		say_hex("rand", b.challenge.p, b.challenge.n);
		printf(" btid=%.*s lifetime=%.*s", (int)b.btid.n, (const char *)b.btid.p, (int)b.lifetime.n, (const char *)b.lifetime.p);
	}
	return r;
}

static int one(struct mst_card *c, struct mst_card_port *p, char **a, struct mst_diag *d)
{
	if (!strcmp(a[0], "open"))
		return open_it(c, p, a, d);
	if (!strcmp(a[0], "auth"))
		return authenticate(c, a, d);
	if (!strcmp(a[0], "naf"))
		return derive(c, a, d);
	if (!strcmp(a[0], "gbabp"))
		return show_gbabp(c, d);
	if (!strcmp(a[0], "note")) {
		int r = mst_card_note_btid(c, mst_view_str(a[1]), mst_view_str(a[1] ? a[2] : NULL), d);

		if (!r)
			printf("ok");
		return r;
	}
	return MST_CARD_ODD;
}

int main(int argc, char **argv)
{
	struct mst_card_port *p = NULL;
	struct mst_diag d = { 0 };
	struct mst_card c;
	char line[1024];
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: card-shell pcsc READER | at DEVICE\n");
		return 2;
	}
	r = !strcmp(argv[1], "at") ? mst_card_at_open(argv[2], 115200, 20000, &p, &d) : mst_card_pcsc_open(argv[2], &p, &d);
	if (r) {
		printf("outcome %d %s: %s\n", r, d.field, d.text);
		return 1;
	}
	memset(&c, 0, sizeof(c));
	c.port = p;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char *a[5] = { 0 }, *save = NULL;
		size_t n = 0;

		for (char *w = strtok_r(line, " \n", &save); w && n < 4; w = strtok_r(NULL, " \n", &save))
			a[n++] = w;
		if (!n || !strcmp(a[0], "quit"))
			break;
		memset(&d, 0, sizeof(d));
		r = one(&c, p, a, &d);
		if (r)
			printf("outcome %d %s: %s", r, d.field, d.text);
		putchar('\n');
		fflush(stdout);
	}
	p->ops->close(p);
	return 0;
}
