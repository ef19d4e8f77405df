/*
 * The card in software, put into the virtual reader of a pcscd, for tests: strangers' programs meet it as they would meet a card.
 *
 *   card-vpcd PORT IMSI K OPC DIRECTORY
 *
 * vpcd's protocol: two octets of length, then a command; one octet alone is about the power (4: the ATR is wanted). The card
 * answers as T=1 does; readers of T=0 fetch an answer (GET RESPONSE, ISO 7816-3 10.3), which is kept for them here.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "secenv/card.h"

#define VPCD_ATR 4

struct reader {
	int fd;
	struct mst_card_port *card;
	uint8_t held[MST_APDU_ANSWER_MAX];      /* data of the last answer, not fetched yet */
	size_t n_held;
};

static bool take(const struct reader *r, uint8_t *out, size_t n)
{
	const int on = 1;

	while (n > 0) {
		ssize_t got;

		/* the reader writes length and command apart: without this each waits for a late acknowledgement */
		(void)setsockopt(r->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
		got = recv(r->fd, out, n, 0);
		if (got <= 0)
			return false;
		out += got;
		n -= (size_t)got;
	}
	return true;
}

static bool give(const struct reader *r, struct mst_view data, unsigned sw)
{
	uint8_t b[2 + MST_APDU_ANSWER_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u16(&w, (uint16_t)(data.n + (sw ? 2 : 0)));
	mst_put(&w, data);
	if (sw)
		mst_put_u16(&w, (uint16_t)sw);
	return w.ok && send(r->fd, b, w.n, MSG_NOSIGNAL) == (ssize_t)w.n;
}

/* T=0: data goes at once only with exactly the length that was asked for; behind a command with data it is asked for apart. */
static bool answer(struct reader *r, struct mst_view command)
{
	size_t le = command.n == 5 ? command.p[4] ? command.p[4] : 256 : 0, n = 0;
	uint8_t out[MST_APDU_ANSWER_MAX];
	struct mst_diag d = { 0 };
	struct mst_view data;
	unsigned sw;

	if (command.n == 5 && command.p[1] == MST_INS_GET_RESPONSE) {
		data = (struct mst_view){ r->held, r->n_held };
		sw = MST_SW_OK;
	} else {
		if (r->card->ops->transmit(r->card, command, out, &n, &d) || n < 2)
			return false;
		data = (struct mst_view){ out, n - 2 };
		sw = (unsigned)out[n - 2] << 8 | out[n - 1];
		memcpy(r->held, data.p, data.n);
		r->n_held = data.n;
	}
	if (data.n == le || sw != MST_SW_OK || data.n == 0)
		return give(r, data, sw);
	return give(r, MST_VIEW_NONE, (le ? 0x6c00u : 0x6100u) | (data.n & 0xff));
}

static void serve(struct reader *r)
{
	static const uint8_t atr[] = { 0x3b, 0x05, 'u', 'S', 'M', 'M', '1' };
	uint8_t head[2], frame[MST_APDU_MAX];
	bool goes_on = true;

	while (goes_on && take(r, head, sizeof(head))) {
		size_t n = (size_t)head[0] << 8 | head[1];

		goes_on = n > 0 && n <= sizeof(frame) && take(r, frame, n);
		if (goes_on && n > 1)
			goes_on = answer(r, (struct mst_view){ frame, n });
		else if (goes_on && frame[0] == VPCD_ATR)
			goes_on = give(r, (struct mst_view){ atr, sizeof(atr) }, 0);
		else
			r->n_held = 0;          /* off, on, reset: the card itself forgets nothing that matters */
	}
}

static int dial(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t n;

	if (!mst_parse_dec(mst_view_str(port), 65535, &n))
		return -1;
	to.sin_port = htons((uint16_t)n);
	return fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ? -1 : fd;
}

int main(int argc, char **argv)
{
	struct mst_crypto *c = mst_crypto_openssl();
	struct mst_secenv *memory = NULL;
	struct reader r = { .fd = -1 };
	struct aka_keys keys;
	struct mst_diag d = { 0 };
	uint8_t k[16], opc[16];
	char key_file[512];
	size_t n, m;

	if (argc != 6 || !mst_hex_decode(mst_view_str(argv[3]), k, sizeof(k), &n) || !mst_hex_decode(mst_view_str(argv[4]), opc, sizeof(opc), &m) ||
	    aka_keys_set(&keys, AKA_MILENAGE, (struct mst_view){ k, n }, (struct mst_view){ opc, m }))
		return fputs("usage: card-vpcd PORT IMSI K OPC DIRECTORY\n", stderr), 2;
	snprintf(key_file, sizeof(key_file), "%s.key", argv[5]);
	if (mst_secenv_file_open(argv[5], key_file, c, &memory, &d) ||
	    mst_card_software_open(&(struct mst_card_software){ argv[2], 2, NULL, &keys, true, memory }, c, &r.card, &d))
		return fprintf(stderr, "card-vpcd: %s: %s\n", d.field, d.text), 1;
	r.fd = dial(argv[1]);
	if (r.fd < 0)
		return perror("card-vpcd: the virtual reader"), 1;
	serve(&r);
	close(r.fd);
	r.card->ops->close(r.card);
	memory->ops->close(memory);
	return 0;
}
