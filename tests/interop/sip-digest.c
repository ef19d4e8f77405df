/*
 * A SIP registrar of few lines, for a stranger's client (SIPp) that does Digest AKA: our vectors and our challenge, and our
 * reading and checking of what it answers. Prints its UDP port; then, for each call, what the answer was:
 *
 *   RES         the response fits our XRES
 *   refused     it does not; nor is there any AUTS that would be taken (a client that makes one: tests/support/gba_ue.py)
 *   malformed   with the reason
 *
 * and answers 200, or 403. Ends after CALLS calls, or when nobody comes for 20 seconds.
 *
 *   sip-digest K OP AMF SQN CALLS
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "proto/aka/aka.h"
#include "proto/gba/digest.h"

#define REALM "bsf.example.com"
#define WAIT_MS 20000

struct server {
	struct mst_crypto *c;
	struct aka_keys k;
	struct aka_vector v;
	char nonce[64];
	uint8_t amf[AKA_AMF];
	uint64_t sqn;
	int fd;
	struct sockaddr_in from;
};

static struct mst_view field(struct mst_view text, const char *name)
{
	while (text.n) {
		size_t end = mst_view_find(text, '\n');
		struct mst_view l = mst_view_sub(text, 0, end && text.p[end - 1] == '\r' ? end - 1 : end);

		if (mst_view_eq_nocase(mst_view_sub(l, 0, strlen(name)), mst_view_str(name)))
			return mst_view_sub(l, strlen(name), l.n);
		text = mst_view_sub(text, end + 1, text.n);
	}
	return MST_VIEW_NONE;
}

static void reply(struct server *s, struct mst_view request, const char *status, struct mst_view challenge)
{
	static const char *const echoed[] = { "Via:", "From:", "To:", "Call-ID:", "CSeq:" };
	char out[4096];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	mst_put_str(&w, "SIP/2.0 ");
	mst_put_str(&w, status);
	for (size_t i = 0; i < MST_COUNT(echoed); i++) {
		mst_put_str(&w, "\r\n");
		mst_put_str(&w, echoed[i]);
		mst_put(&w, field(request, echoed[i]));
	}
	if (challenge.n) {
		mst_put_str(&w, "\r\nWWW-Authenticate: ");
		mst_put(&w, challenge);
	}
	mst_put_str(&w, "\r\nContent-Length: 0\r\n\r\n");
	if (!w.ok || sendto(s->fd, out, w.n, 0, (struct sockaddr *)&s->from, sizeof(s->from)) < 0)
		exit(3);
}

static void challenge(struct server *s, struct mst_view request)
{
	uint8_t rnd[AKA_RAND], raw[AKA_RAND + AKA_AUTN];
	char out[1024];
	struct mst_writer n = mst_writer_of(s->nonce, sizeof(s->nonce)), w = mst_writer_of(out, sizeof(out));
	struct gba_challenge g = { .realm = MST_VIEW_LIT(REALM), .algorithm = GBA_AKAV1_MD5, .qops = GBA_QOP_AUTH, .opaque = MST_VIEW_LIT("abc"),
				   .has_opaque = true };

	/* SIPp hands RES on as a C string: one with a NUL in it would be cut */
	do
		if (s->c->ops->random(s->c, rnd, sizeof(rnd)) || aka_vector_make(s->c, &s->k, rnd, s->sqn, s->amf, &s->v))
			exit(3);
	while (memchr(s->v.xres, 0, s->v.xres_n) != NULL);
	memcpy(raw, s->v.rnd, AKA_RAND);
	memcpy(raw + AKA_RAND, s->v.autn, AKA_AUTN);
	mst_put_base64(&n, (struct mst_view){ raw, sizeof(raw) });
	g.nonce = mst_written(&n);
	gba_put_challenge(&w, &g);
	reply(s, request, "401 Unauthorized", mst_written(&w));
}

static bool judge(struct server *s, struct mst_view header)
{
	struct gba_authorization a;
	struct mst_diag d = { 0 };
	struct gba_digest g;

	if (gba_authorization_read(header, &a, &d)) {
		printf("malformed: %s: %s\n", d.field, d.text);
		return false;
	}
	g = (struct gba_digest){ GBA_AKAV1_MD5, a.qop, a.username, a.realm, a.nonce, a.nc, a.cnonce, a.uri,
				 { s->v.xres, s->v.xres_n }, MST_VIEW_LIT("REGISTER"), { 0 } };
	if (a.has_auts || !mst_view_eq_str(a.nonce, s->nonce) || a.qop != GBA_QOP_AUTH || gba_digest_check(s->c, &g, a.response)) {
		puts("refused");
		return false;
	}
	puts("RES");
	return true;
}

static int serve(struct server *s, unsigned long calls)
{
	while (calls) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		socklen_t len = sizeof(s->from);
		uint8_t in[4096];
		struct mst_view request, header;
		ssize_t n;

		if (poll(&p, 1, WAIT_MS) != 1)
			return 4;
		n = recvfrom(s->fd, in, sizeof(in), 0, (struct sockaddr *)&s->from, &len);
		if (n <= 0)
			return 3;
		request = (struct mst_view){ in, (size_t)n };
		header = field(request, "Authorization: ");
		if (!header.n) {
			challenge(s, request);
			continue;
		}
		reply(s, request, judge(s, header) ? "200 OK" : "403 Forbidden", MST_VIEW_NONE);
		fflush(stdout);
		calls--;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct server s = { .c = mst_crypto_openssl() };
	struct sockaddr_in me = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(me);
	uint8_t k[16], op[16];
	size_t n;

	if (argc != 6 || !mst_hex_decode(mst_view_str(argv[1]), k, 16, &n) || n != 16 || !mst_hex_decode(mst_view_str(argv[2]), op, 16, &n) || n != 16 ||
	    !mst_hex_decode(mst_view_str(argv[3]), s.amf, 2, &n) || n != 2 || !mst_parse_dec(mst_view_str(argv[4]), AKA_SQN_MAX, &s.sqn) ||
	    aka_keys_set(&s.k, AKA_MILENAGE, (struct mst_view){ k, 16 }, MST_VIEW_NONE) ||
	    aka_keys_derive_top(s.c, &s.k, (struct mst_view){ op, 16 }))
		return fputs("usage: sip-digest K OP AMF SQN CALLS\n", stderr), 2;
	s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s.fd < 0 || bind(s.fd, (struct sockaddr *)&me, sizeof(me)) || getsockname(s.fd, (struct sockaddr *)&me, &len))
		return perror("sip-digest"), 3;
	printf("%u\n", ntohs(me.sin_port));
	fflush(stdout);
	return serve(&s, strtoul(argv[5], NULL, 10));
}
