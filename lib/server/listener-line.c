/* Connections of HTTP and sessions of CoAP, as one thing to whoever answers. */
#include "server/listener-internal.h"

const struct mst_peer *line_peer(struct line n)
{
	return n.coap ? mst_coap_conn_peer(n.coap) : mst_conn_peer(n.http);
}

uint64_t line_id(struct line n)
{
	return n.coap ? mst_coap_conn_id(n.coap) : mst_conn_id(n.http);
}

void line_set_data(struct line n, void *data)
{
	if (n.coap)
		mst_coap_conn_set_data(n.coap, data);
	else if (n.http)
		mst_conn_set_data(n.http, data);
}

void line_set_whose(struct line n, const struct mst_whose *whose)
{
	if (n.coap)
		mst_coap_conn_set_whose(n.coap, whose);
	else
		mst_conn_set_whose(n.http, whose);
}

void line_body_done(struct line n)
{
	if (n.http)
		mst_conn_body_done(n.http);
}

void line_psk(struct line n, const struct mst_key *k)
{
	if (n.coap)
		mst_coap_conn_psk(n.coap, k);
	else
		mst_conn_psk(n.http, k);
}

void line_psk_busy(struct line n, const char *detail)
{
	if (n.coap)
		mst_coap_conn_busy(n.coap, detail);
	else
		mst_conn_busy(n.http, detail);
}

int line_export(struct line n, const char *label, uint8_t *out, size_t len)
{
	return n.coap ? mst_coap_conn_export(n.coap, label, out, len) : mst_conn_export(n.http, label, out, len);
}

static void on_request(void *owner, struct mst_coap_conn *c, const struct mst_http_msg *m)
{
	listener_request(owner, (struct line){ .coap = c }, m, NULL);
}

static void on_psk(void *owner, struct mst_coap_conn *c, const char *identity)
{
	listener_psk(owner, (struct line){ .coap = c }, identity);
}

static void on_close(void *owner, struct mst_coap_conn *c, bool pending)
{
	struct slot *s = mst_coap_conn_data(c);
	struct endpoint *e = owner;

	(void)pending;
	if (s)          /* an answer that comes later finds another generation there */
		slot_free(e->l, s);
}

static void on_refused(void *owner, struct mst_coap_conn *c, int status, const char *why)
{
	listener_refused(owner, mst_coap_conn_peer(c), status, why);
}

const struct mst_coap_ops listener_coap_ops = {
	.on_request = on_request, .on_handshake_failed = listener_handshake_failed, .on_close = on_close, .on_refused = on_refused,
};
const struct mst_coap_ops listener_coap_psk_ops = {
	.on_request = on_request, .on_psk = on_psk, .on_handshake_failed = listener_handshake_failed, .on_close = on_close,
	.on_refused = on_refused,
};
