/* A session that speaks CoAP: the other client does everything, and its owner hears it as from this one. */
#include "transport/client-int.h"

/* A callback may free the client: then it goes when the callback has returned, and the other with it. */
static void on_open(void *owner, struct mst_coap_client *coap)
{
	struct mst_client *c = owner;

	(void)coap;
	c->running = true;
	if (c->ops->on_open)
		c->ops->on_open(c->owner, c);
	client_left(c);
}

static void on_response(void *owner, struct mst_coap_client *coap, const struct mst_http_msg *m)
{
	struct mst_client *c = owner;

	(void)coap;
	c->running = true;
	if (c->ops->on_response)
		c->ops->on_response(c->owner, c, m);
	client_left(c);
}

static void on_end(void *owner, struct mst_coap_client *coap, enum mst_tls_end why, const char *detail)
{
	struct mst_client *c = owner;

	(void)coap;
	c->running = true;
	(void)client_end(c, why, detail);
	client_left(c);
}

static const struct mst_coap_client_ops coap_ops = { on_open, on_response, on_end };

int client_coap_begin(struct mst_client *c, const struct mst_client_config *cfg)
{
	return mst_coap_client_new(cfg, &coap_ops, c, &c->coap);
}
