#include "role/test-est-rig.h"

#include <stdio.h>
#include <unistd.h>

struct rig est_rig;
static char keeper_dir[160];
struct est_party est_k1, est_k2;

static void make_key(struct est_party *p)
{
	assert_int_equal(mst_pkey_generate(p->key, sizeof(p->key), &p->n_key), 0);
	assert_int_equal(mst_local_signer_init(&p->s, (struct mst_view){ p->key, p->n_key }), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ p->key, p->n_key }, p->spki, sizeof(p->spki), &p->n_spki), 0);
}

int est_up(void **state)
{
	static const char *const permitted[] = { "sp.example.com" };
	struct mst_diag d = { 0 };

	(void)state;
	rig_up(&est_rig);
	est_rig.crypto = mst_crypto_openssl();
	snprintf(keeper_dir, sizeof(keeper_dir), "%s/keeper", est_rig.dir);
	assert_int_equal(mst_keeper_create_files_for(keeper_dir, "test CA", permitted, 1, RIG_NOW - RIG_DAY, est_rig.crypto, &d), 0);
	assert_int_equal(mst_keeper_local_open(keeper_dir, est_rig.crypto, &est_rig.keeper, &d), 0);
	est_rig.mef_conf.est.on = true;
	est_rig.mef_conf.est.lifetime = 90 * RIG_DAY;
	est_rig.mef_conf.est.retry = 300;
	snprintf(est_rig.mef_conf.est.uri, sizeof(est_rig.mef_conf.est.uri), "https://mef.example.com/.well-known/est");
	make_key(&est_k1);
	make_key(&est_k2);
	rig_peer_cert(&est_rig, MST_ID_NODE, RIG_NODE);
	return 0;
}

int est_down(void **state)
{
	static const char *const names[] = { "kek.key", "ca.key", "ca.pem" };
	char path[256];

	(void)state;
	est_rig.keeper->ops->close(est_rig.keeper);
	for (size_t i = 0; i < MST_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", keeper_dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(keeper_dir), 0);
	mst_local_signer_deinit(&est_k1.s);
	mst_local_signer_deinit(&est_k2.s);
	rig_down(&est_rig);
	return 0;
}

uint64_t est_signatures(void)
{
	return mst_keeper_local_counts(est_rig.keeper).signed_;
}

/* One request of EST; the answer's RSC. */
int est_ask(enum mst_op op, const char *name, const char *media, struct mst_view body)
{
	char path[96];

	snprintf(path, sizeof(path), MST_EST_PATH "/%s", name);
	est_rig.x.role = MST_ROLE_MEF;
	est_rig.x.plain = true;
	est_rig.x.channel = RIG_CHANNEL;
	est_rig.x.request = (struct mst_request){ .op = op, .to = mst_view_str(path), .media = mst_view_str(media), .content = body };
	return rig_handle(&est_rig, MST_ROLE_MEF);
}

struct mst_csr_attrs est_attributes(void)
{
	struct mst_csr_attrs a;
	uint8_t der[1024];
	size_t n;

	assert_int_equal(est_ask(MST_OP_RETRIEVE, "csrattrs", "", MST_VIEW_NONE), MST_RSC_OK);
	assert_string_equal(est_rig.a.media, MST_EST_CSRATTRS);
	assert_true(mst_est_get_base64(mst_view_str(est_rig.text), der, sizeof(der), &n));
	assert_int_equal(mst_csr_attrs_read((struct mst_view){ der, n }, &a), 0);
	assert_true(a.has_san && a.has_challenge);
	return a;
}

struct est_csr est_csr_of(struct est_party *p, const struct mst_san *san, const char *challenge)
{
	uint8_t der[MST_CSR_MAX];
	struct est_csr c;
	struct mst_writer w = mst_writer_of(c.b, sizeof(c.b));
	size_t n;

	assert_int_equal(mst_csr_make(&p->s.signer, (struct mst_view){ p->spki, p->n_spki }, san, challenge, der, sizeof(der), &n), 0);
	mst_est_put_base64(&w, (struct mst_view){ der, n });
	assert_true(w.ok);
	c.n = w.n;
	return c;
}

struct mst_san est_san_of(enum mst_id_kind kind, const char *value)
{
	struct mst_san s = { .kind = kind };

	snprintf(s.value, sizeof(s.value), "%s", value);
	return s;
}

int est_enroll(const char *op, const struct est_csr *c)
{
	return est_ask(MST_OP_CREATE, op, MST_EST_PKCS10, (struct mst_view){ c->b, c->n });
}

/* The certificate of the answer. */
struct est_cert est_got(void)
{
	uint8_t der[MST_BAG_MAX], out[MST_BAG_MAX];
	struct mst_bag bag;
	struct est_cert c = { .n = 0 };
	size_t n;

	assert_string_equal(est_rig.a.media, MST_EST_CERTS_ONLY);
	assert_true(mst_est_get_base64(mst_view_str(est_rig.text), der, sizeof(der), &n));
	assert_int_equal(mst_bag_read((struct mst_view){ der, n }, out, sizeof(out), &bag), 0);
	assert_int_equal(bag.n, 1);
	memcpy(c.b, bag.cert[0].p, c.n = bag.cert[0].n);
	assert_int_equal(mst_cert_info(bag.cert[0], &c.i, NULL), 0);
	return c;
}

/* The session after the certificate was installed. */
void est_peer_is(const struct est_cert *c, mst_time until)
{
	rig_peer_cert(&est_rig, MST_ID_NONE, NULL);
	est_rig.x.peer.cert = c->i;
	est_rig.x.peer.cert.not_after = until;
}

struct est_cert est_enrolled(void)
{
	struct mst_csr_attrs a = est_attributes();
	struct est_csr c = est_csr_of(&est_k1, &a.san, a.challenge);

	assert_int_equal(est_enroll("simpleenroll", &c), MST_RSC_OK);
	return est_got();
}

const char est_secret_id[] = "sensor-7@mef.example.com";

void est_give_secret(void)
{
	struct mst_credential secret = { .purpose = MST_PURPOSE_KPM, .state = MST_CRED_ACTIVE, .expires = MST_NEVER, .client_id = RIG_CSE, .node = est_rig.node };

	snprintf(secret.key_id, sizeof(secret.key_id), "%s", est_secret_id);
	assert_int_equal(mst_store_begin(est_rig.store), 0);
	assert_int_equal(mst_store_cred_put(est_rig.store, MST_ROLE_SECRETS, &secret, true), 0);
	assert_int_equal(mst_store_commit(est_rig.store), 0);
}

int64_t est_command(int64_t kind, const char *subject)
{
	struct mst_command m = { .node = est_rig.node, .class_id = MST_CMD_CERT_PROV, .number = 1, .kind = kind, .created = est_rig.now };

	snprintf(m.uri, sizeof(m.uri), "%s", est_rig.mef_conf.est.uri);
	snprintf(m.subject, sizeof(m.subject), "%s", subject);
	assert_int_equal(mst_store_command_insert(est_rig.store, &m), 0);
	return m.id;
}

void est_end_command(int64_t id)
{
	struct mst_command m;

	assert_int_equal(mst_store_command_get(est_rig.store, id, &m), 0);
	m.state = MST_COMMAND_ENDED;
	assert_int_equal(mst_store_command_update(est_rig.store, &m), 0);
}

int est_asks_again(bool by_secret, struct est_party *key, const struct mst_san *san)
{
	struct mst_csr_attrs a;
	struct est_csr c;

	if (by_secret)
		rig_peer_psk(&est_rig, est_secret_id);
	else
		rig_peer_cert(&est_rig, MST_ID_NODE, RIG_NODE);
	a = est_attributes();
	c = est_csr_of(key, san, a.challenge);
	return est_enroll("simpleenroll", &c);
}
