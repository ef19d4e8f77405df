#include "transport/dtls-int.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- sockets ----------------------------------------------------------------------------------------- */

union control { struct cmsghdr head; uint8_t room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))]; };

static void take_local(struct msghdr *m, struct dtls_local *ret)
{
	*ret = (struct dtls_local){ .family = AF_UNSPEC };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo i;

			memcpy(&i, CMSG_DATA(c), sizeof(i));
			ret->family = AF_INET;
			ret->at.v4 = i.ipi_spec_dst;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo i;

			memcpy(&i, CMSG_DATA(c), sizeof(i));
			ret->family = AF_INET6;
			ret->at.v6.addr = i.ipi6_addr;
			ret->at.v6.index = i.ipi6_ifindex;
		}
	}
}

ssize_t dtls_recv(int fd, uint8_t *out, size_t cap, struct sockaddr_storage *ret_peer, socklen_t *ret_n, struct dtls_local *ret_local)
{
	struct iovec v = { out, cap };
	union control control;
	struct msghdr m = { .msg_name = ret_peer, .msg_namelen = sizeof(*ret_peer), .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;

	memset(ret_peer, 0, sizeof(*ret_peer));
	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return n;
	*ret_n = m.msg_namelen;
	take_local(&m, ret_local);
	return m.msg_flags & MSG_TRUNC ? 0 : n;
}

static void put_control(struct msghdr *m, union control *c, const struct dtls_local *l)
{
	struct in_pktinfo v4 = { .ipi_spec_dst = l->at.v4 };
	struct in6_pktinfo v6 = { 0 };
	bool six = l->family == AF_INET6;

	if (l->family == AF_UNSPEC)
		return;
	memset(c, 0, sizeof(*c));
	m->msg_control = c;
	m->msg_controllen = six ? CMSG_SPACE(sizeof(v6)) : CMSG_SPACE(sizeof(v4));
	c->head.cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
	c->head.cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
	c->head.cmsg_len = six ? CMSG_LEN(sizeof(v6)) : CMSG_LEN(sizeof(v4));
	if (six) {
		v6.ipi6_addr = l->at.v6.addr;
		v6.ipi6_ifindex = l->at.v6.index;
		memcpy(CMSG_DATA(&c->head), &v6, sizeof(v6));
	} else {
		memcpy(CMSG_DATA(&c->head), &v4, sizeof(v4));
	}
}

static ssize_t send_one(struct dtls_pipe *p, const uint8_t *b, size_t n)
{
	struct iovec v = { (void *)(uintptr_t)b, n };
	union control control;
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (!p->connected) {
		m.msg_name = &p->peer;
		m.msg_namelen = p->peer_n;
		put_control(&m, &control, &p->local);
	}
	return sendmsg(p->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- the pipe ---------------------------------------------------------------------------------------- */

bool dtls_pipe_keep(struct dtls_pipe *p, struct mst_view datagram)
{
	struct dtls_packet *k;

	if (p->count == DTLS_QUEUE || p->octets + datagram.n > DTLS_QUEUE_OCTETS)
		return false;
	k = malloc(sizeof(*k) + datagram.n);
	if (!k)
		return false;
	k->next = NULL;
	k->n = datagram.n;
	memcpy(k->b, datagram.p, datagram.n);
	if (!p->first)
		p->last = &p->first;
	*p->last = k;
	p->last = &k->next;
	p->count++;
	p->octets += datagram.n;
	return true;
}

static void take_first(struct dtls_pipe *p)
{
	struct dtls_packet *k = p->first;

	p->first = k->next;
	p->count--;
	p->octets -= k->n;
	free(k);
}

void dtls_pipe_drop(struct dtls_pipe *p)
{
	while (p->first)
		take_first(p);
	p->now = MST_VIEW_NONE;
}

bool dtls_pipe_waits(const struct dtls_pipe *p)
{
	return !p->dead && (p->now.n || p->first);
}

static int copy_out(struct mst_view v, char *out, int cap)
{
	int n = v.n < (size_t)cap ? (int)v.n : cap;

	memcpy(out, v.p, (size_t)n);
	return n;
}

static int read_connected(BIO *b, struct dtls_pipe *p, char *out, int cap)
{
	ssize_t n = recv(p->fd, out, (size_t)cap, MSG_DONTWAIT);

	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(b);
	else
		p->error = errno;            /* ECONNREFUSED: nobody is there */
	return -1;
}

static int pipe_read(BIO *b, char *out, int cap)
{
	struct dtls_pipe *p = BIO_get_data(b);
	int n;

	BIO_clear_retry_flags(b);
	if (p->dead)
		return -1;
	if (p->connected)
		return read_connected(b, p, out, cap);
	if (p->first) {
		n = copy_out((struct mst_view){ p->first->b, p->first->n }, out, cap);
		take_first(p);
		return n;
	}
	if (!p->now.n) {
		BIO_set_retry_read(b);
		return -1;
	}
	n = copy_out(p->now, out, cap);
	p->now = MST_VIEW_NONE;
	return n;
}

/* What does not go out is lost, as it could be anywhere behind; whoever cares sends it again. */
static int pipe_write(BIO *b, const char *in, int n)
{
	struct dtls_pipe *p = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (p->dead)
		return -1;
	if (send_one(p, (const uint8_t *)in, (size_t)n) < 0 && p->connected && errno != EAGAIN && errno != EINTR && errno != ENOBUFS &&
	    errno != EMSGSIZE) {
		p->error = errno;
		return -1;
	}
	return n;
}

static long pipe_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return DTLS_MTU;
	default:
		return 0;
	}
}

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "muster datagrams");
	if (method)
		(void)!(BIO_meth_set_read(method, pipe_read) && BIO_meth_set_write(method, pipe_write) && BIO_meth_set_ctrl(method, pipe_ctrl));
}

int dtls_attach(SSL *ssl, struct dtls_pipe *p)
{
	BIO *b;

	(void)pthread_once(&once, make_method);
	b = method ? BIO_new(method) : NULL;
	if (!b)
		return 0;
	BIO_set_data(b, p);
	BIO_set_init(b, 1);
	SSL_set_bio(ssl, b, b);
	return SSL_set_mtu(ssl, DTLS_MTU) == DTLS_MTU;
}

/* ---- cookies ----------------------------------------------------------------------------------------- */

static bool cookie_of(const struct dtls_pipe *p, uint64_t epoch, uint8_t out[DTLS_COOKIE])
{
	uint8_t in[8 + sizeof(p->peer)];
	unsigned n = DTLS_COOKIE;

	for (int i = 0; i < 8; i++)
		in[i] = (uint8_t)(epoch >> (56 - 8 * i));
	memcpy(in + 8, &p->peer, p->peer_n);
	return p->secret && HMAC(EVP_sha256(), p->secret, DTLS_COOKIE, in, 8 + p->peer_n, out, &n) && n == DTLS_COOKIE;
}

static int make_cookie(SSL *ssl, unsigned char *out, unsigned *ret_n)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	*ret_n = DTLS_COOKIE;
	return cookie_of(t->pipe, t->pipe->epoch, out);
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned n)
{
	struct tls_session *t = SSL_get_app_data(ssl);
	uint8_t want[DTLS_COOKIE];

	for (uint64_t back = 0; back < 2 && back <= t->pipe->epoch; back++)
		if (n == DTLS_COOKIE && cookie_of(t->pipe, t->pipe->epoch - back, want) &&
		    mst_ct_equal((struct mst_view){ want, DTLS_COOKIE }, (struct mst_view){ cookie, n }))
			return 1;
	return 0;
}

void dtls_ctx_set(SSL_CTX *ssl)
{
	SSL_CTX_set_cookie_generate_cb(ssl, make_cookie);
	SSL_CTX_set_cookie_verify_cb(ssl, check_cookie);
	SSL_CTX_set_options(ssl, SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_read_ahead(ssl, 1);
}

/* Record: type, version, epoch, sequence 6, length 2; handshake: type, length 3, seq 2, offset 3, length 3; version 2, random. */
bool dtls_is_hello(struct mst_view datagram, struct dtls_hello *ret_h)
{
	const uint8_t *p = datagram.p;

	if (datagram.n < 13 + 12 + 2 + DTLS_RANDOM || p[0] != 22 || p[1] != 0xfe || p[3] || p[4] || p[13] != 1)
		return false;
	*ret_h = (struct dtls_hello){ (uint16_t)(p[17] << 8 | p[18]), p + 27 };
	return true;
}

int dtls_listen(struct tls_session *t)
{
	BIO_ADDR *nobody = BIO_ADDR_new();
	int r;

	if (!nobody)
		return -1;
	ERR_clear_error();
	r = DTLSv1_listen(t->ssl, nobody);
	ERR_clear_error();
	BIO_ADDR_free(nobody);
	t->pipe->now = MST_VIEW_NONE;
	return r;
}

/* ---- time -------------------------------------------------------------------------------------------- */

mst_ms dtls_timer_in(const struct tls_session *t)
{
	struct timeval tv;

	if (!t->ssl || !DTLSv1_get_timeout(t->ssl, &tv))
		return -1;
	return (mst_ms)tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1;
}

bool dtls_timer(struct tls_session *t)
{
	bool fine;

	ERR_clear_error();
	fine = DTLSv1_handle_timeout(t->ssl) >= 0;
	ERR_clear_error();
	return fine;
}
