/* Instructions as a QR code, for a technician's phone: the agent's local page takes them (muster-agent(1), PAGE). */
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/instr.h"
#include "muster.h"

#define QUIET 4                  /* modules of margin: ISO/IEC 18004 */
#define TEXT_MAX (2 * MST_SEQ_OCTETS)

/* CBOR, smallest, whatever the file holds. */
static int read_sequence(const char *path, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct mst_sequence *s = calloc(1, sizeof(*s));
	uint8_t *scratch = malloc(2 * MST_SEQ_OCTETS);
	struct mst_writer w = mst_writer_of(out, cap);
	struct mst_arena arena;
	struct mst_diag d = { 0 };
	size_t n = 0;
	char *text = read_file(path, &n);
	struct mst_view v = { (const uint8_t *)text, n };
	int code = EXIT_FAULT;

	if (!s || !scratch)
		out_of_memory();
	arena = mst_arena_of(scratch, 2 * MST_SEQ_OCTETS);
	if (text) {
		int r = n && (text[0] & 0xe0) == 0xa0 ? mst_sequence_read_cbor(v, &arena, s, &d)
						      : mst_sequence_read_json(v, &arena, s, &d);

		code = r ? EXIT_REFUSED : EXIT_DONE;
		if (r)
			complain("%s: %s%s%s", path, d.field, d.field[0] ? ": " : "", d.text);
		else
			mst_sequence_write_cbor(s, &w);
	}
	*ret_n = w.n;
	free(text);
	free(scratch);
	free(s);
	return code;
}

static void put_base64url(struct mst_writer *w, struct mst_view v)
{
	size_t at = w->n;

	mst_put_base64(w, v);
	for (size_t i = at; i < w->n; i++)
		w->p[i] = w->p[i] == '+' ? '-' : w->p[i] == '/' ? '_' : w->p[i];
	while (w->n > at && w->p[w->n - 1] == '=')
		w->n--;
}

static bool dark(const QRcode *q, int x, int y)
{
	return x >= 0 && y >= 0 && x < q->width && y < q->width && (q->data[y * q->width + x] & 1);
}

/* Two rows a line. Light is drawn and dark left out, as most terminals are dark; readers take both. */
static void draw(const QRcode *q)
{
	static const char *const half[4] = { " ", "▄", "▀", "█" };

	for (int y = -QUIET; y < q->width + QUIET; y += 2) {
		for (int x = -QUIET; x < q->width + QUIET; x++)
			fputs(half[(dark(q, x, y) ? 0 : 2) + (y + 1 < q->width + QUIET && !dark(q, x, y + 1) ? 1 : 0)], stdout);
		putchar('\n');
	}
}

static int write_svg(const QRcode *q, const char *path)
{
	size_t cap = (size_t)q->width * (size_t)q->width * 16 + 512;
	char *svg = malloc(cap);
	int side = q->width + 2 * QUIET, r;
	size_t n;

	if (!svg) {
		complain("out of memory");
		return EXIT_FAULT;
	}
	n = (size_t)snprintf(svg, cap, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
			     "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path d=\"", side, side, side, side);
	for (int y = 0; y < q->width; y++)
		for (int x = 0; x < q->width; x++)
			if (dark(q, x, y))
				n += (size_t)snprintf(svg + n, cap - n, "M%d %dh1v1h-1z", x + QUIET, y + QUIET);
	n += (size_t)snprintf(svg + n, cap - n, "\"/></svg>\n");
	r = write_file(path, svg, n, 0644);
	free(svg);
	return r ? EXIT_FAULT : EXIT_DONE;
}

int cmd_qr(struct muster *m, int argc, char **argv)
{
	const char *page = "", *svg = NULL;
	const struct opt opts[] = { { "page", &page, NULL }, { "svg", &svg, NULL } };
	uint8_t cbor[MST_SEQ_OCTETS], text[TEXT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	QRcode *q;
	size_t n = 0;
	int code;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "which sequence? Give one file");
	code = read_sequence(argv[0], cbor, sizeof(cbor), &n);
	if (code)
		return code;
	mst_put_str(&w, page);
	if (*page)
		mst_put_str(&w, "#");
	mst_put_str(&w, "MUSTER:");
	put_base64url(&w, (struct mst_view){ cbor, n });
	mst_put_nul(&w);
	if (!w.ok)
		return usage_error(NULL, "the page's address is too long");
	if (m->json && !svg)
		return print_json(json_pack("{s:s}", "text", (const char *)text));
	q = QRcode_encodeString8bit((const char *)text, 0, QR_ECLEVEL_L);
	if (!q) {
		complain("%s: %zu octets are more than a QR code can hold (2953); leave anchors out, or hand over a file", argv[0], w.n - 1);
		return EXIT_REFUSED;
	}
	if (svg)
		code = write_svg(q, svg);
	else
		draw(q);
	QRcode_free(q);
	if (m->json && code == EXIT_DONE)
		return print_json(json_pack("{s:s}", "text", (const char *)text));
	return code;
}
