/*
 * Visits to the MEF for certificates, with an MEF that is played here: what a command wants and what the renewal wants may both wait for
 * somebody's approval, and a renewal that is refused is not asked for again and again, with a key each time (visit.c, own.c).
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/test-secret.h"
#include "transport/http.h"

#define OBJECTS 8
#define ACTIVE "urn:dev:ops:1-a-7"
#define WANTED "cse1.sp.example.com"
#define DAY 86400

/* --- a secure environment whose keys are objects --- */

struct object { uint8_t pkcs8[MST_PKEY_MAX]; size_t n; };
static struct { struct object object[OBJECTS]; unsigned made; } device;

static int load_blob(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)out;
	(void)cap;
	(void)d;
	*ret_n = 0;
	return MST_SECENV_NONE;
}

static int store_blob(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)v;
	(void)d;
	return 0;
}

static struct mst_secenv_offers offers(const struct mst_secenv *s)
{
	(void)s;
	return (struct mst_secenv_offers){ 0 };
}

static int key_make(struct mst_secenv *s, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	uint8_t i = 0;

	(void)s;
	(void)d;
	while (device.object[i].n)
		assert_true(++i < OBJECTS);
	device.made++;
	*ret_k = (struct mst_secenv_key){ .b = { 'o', i }, .n = 2 };
	return mst_pkey_generate(device.object[i].pkcs8, sizeof(device.object[i].pkcs8), &device.object[i].n);
}

static struct mst_view object(const struct mst_secenv_key *k)
{
	return k->n == 2 ? (struct mst_view){ device.object[k->b[1]].pkcs8, device.object[k->b[1]].n } : MST_VIEW_NONE;
}

static int key_public(struct mst_secenv *s, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	(void)s;
	(void)d;
	return object(k).n ? mst_pkey_public(object(k), ret_spki, cap, ret_n) : MST_SECENV_CLEARED;
}

static int key_sign(struct mst_secenv *s, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n,
		    struct mst_diag *d)
{
	struct mst_local_signer l;
	int r = mst_local_signer_init(&l, object(k));

	(void)s;
	(void)d;
	r = r ? r : l.signer.sign(&l.signer, digest, out, cap, ret_n);
	mst_local_signer_deinit(&l);
	return r;
}

static int key_erase(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_diag *d)
{
	(void)s;
	(void)d;
	device.object[k->b[1]].n = 0;
	return 0;
}

static size_t objects(void)
{
	size_t n = 0;

	for (size_t i = 0; i < OBJECTS; i++)
		n += device.object[i].n != 0;
	return n;
}

static const struct mst_secenv_ops no_ops = { .name = "none", .load_blob = load_blob, .store_blob = store_blob, .offers = offers, .key_make = key_make,
					      .key_public = key_public, .key_sign = key_sign, .key_erase = key_erase };

/* --- the session, and the MEF behind it --- */

enum says { WAIT = 202, NO = 400, GIVE = 200 };
struct asked { const char *name; enum says says; unsigned times, requests; uint8_t sha256[MST_SHA256_LEN], spki[MST_SPKI_MAX]; size_t n_spki; };

static struct {
	const struct mst_client_ops *ops;
	struct mst_http_parser *parser;
	uint8_t octets[8192];
	size_t n, parsed;
	bool sent;                   /* EST's in `octets`; else a primitive's */
	char rqi[64], content[1024];
	bool primitive;
	/* what it is told, and what it gives */
	bool commands;               /* a CERT_PROV waits */
	int status;                  /* that was reported on it */
	struct asked asked[2];       /* the renewal's name, the command's */
	uint8_t key[MST_PKEY_MAX], ca[MST_CERT_MAX];
	size_t n_key, n_ca;
} mef;

int __wrap_mst_client_new(const struct mst_client_config *cfg, const struct mst_client_ops *ops, void *owner, struct mst_client **ret);
int __wrap_mst_client_new(const struct mst_client_config *cfg, const struct mst_client_ops *ops, void *owner, struct mst_client **ret)
{
	(void)cfg;
	(void)owner;
	mef.ops = ops;
	mef.sent = mef.primitive = false;
	*ret = (struct mst_client *)&mef;
	return 0;
}

struct mst_client *__wrap_mst_client_free(struct mst_client *c);
struct mst_client *__wrap_mst_client_free(struct mst_client *c)
{
	(void)c;
	return NULL;
}

int __wrap_mst_client_export(struct mst_client *c, const char *label, uint8_t *out, size_t n);
int __wrap_mst_client_export(struct mst_client *c, const char *label, uint8_t *out, size_t n)
{
	(void)c;
	(void)label;
	memset(out, 0, n);
	return 0;
}

int __wrap_mst_client_send(struct mst_client *c, struct mst_view octets);
int __wrap_mst_client_send(struct mst_client *c, struct mst_view octets)
{
	(void)c;
	assert_true(octets.n <= sizeof(mef.octets));
	memcpy(mef.octets, octets.p, mef.n = octets.n);
	mef.sent = true;
	return 0;
}

int __wrap_mst_client_request(struct mst_client *c, const struct mst_request *q, const char *host);
int __wrap_mst_client_request(struct mst_client *c, const struct mst_request *q, const char *host)
{
	(void)c;
	(void)host;
	assert_true(mst_view_to_str(q->rqi, mef.rqi, sizeof(mef.rqi)) && mst_view_to_str(q->content, mef.content, sizeof(mef.content)));
	mef.primitive = true;
	return 0;
}

/* What else there is to do is not looked at here. */
void __wrap_agent_turn(struct agent *a);
void __wrap_agent_turn(struct agent *a)
{
	(void)a;
}

void __wrap_agent_point(const struct agent *a, const char *name);
void __wrap_agent_point(const struct agent *a, const char *name)
{
	(void)a;
	(void)name;
}

static void est_answer(struct agent *a, int status, struct mst_view body)
{
	struct mst_http_msg m = { .status = status, .body = body };

	if (status == WAIT) {
		m.header[0].name = MST_VIEW_LIT("Retry-After");
		m.header[0].value = MST_VIEW_LIT("300");
		m.n = 1;
	}
	mef.ops->on_response(a, (struct mst_client *)&mef, &m);
}

static void bag_answer(struct agent *a, const uint8_t *cert, size_t n)
{
	struct mst_view one = { cert, n };
	uint8_t der[MST_BAG_MAX], text[2 * MST_BAG_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	size_t n_der = 0;

	assert_int_equal(mst_bag_make(&one, 1, der, sizeof(der), &n_der), 0);
	mst_est_put_base64(&w, (struct mst_view){ der, n_der });
	est_answer(a, 200, mst_written(&w));
}

static size_t certify(const char *name, struct mst_view spki, bool ca, uint8_t out[MST_CERT_MAX])
{
	mst_time now = (mst_time)time(NULL);
	struct mst_cert_spec spec = { .role = ca ? MST_CERT_CA : MST_CERT_CLIENT, .n_san = !ca, .not_before = now - 60, .not_after = now + DAY, .path_len = -1 };
	struct mst_local_signer s;
	size_t n = 0;

	spec.san[0].kind = strchr(name, ':') ? MST_ID_NODE : MST_ID_FQDN;
	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", name);
	snprintf(spec.common_name, sizeof(spec.common_name), "%s", ca ? "test CA" : name);
	assert_int_equal(mst_local_signer_init(&s, (struct mst_view){ mef.key, mef.n_key }), 0);
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), &s.signer, ca ? MST_VIEW_NONE : (struct mst_view){ mef.ca, mef.n_ca }, spki, &spec, out,
					MST_CERT_MAX, &n), 0);
	mst_local_signer_deinit(&s);
	return n;
}

/* Of that request; one that it has seen is the same one. */
static struct asked *request_of(struct mst_view body)
{
	static struct mst_csr_info csr;
	uint8_t der[MST_CSR_MAX];
	size_t n = 0;

	assert_true(mst_est_get_base64(body, der, sizeof(der), &n));
	assert_int_equal(mst_csr_info((struct mst_view){ der, n }, &csr, NULL), 0);
	for (size_t i = 0; i < MST_COUNT(mef.asked); i++) {
		struct asked *q = &mef.asked[i];

		if (strcmp(q->name, csr.san[0].value))
			continue;
		q->times++;
		q->requests += memcmp(q->sha256, csr.sha256, sizeof(q->sha256)) != 0;
		memcpy(q->sha256, csr.sha256, sizeof(q->sha256));
		memcpy(q->spki, csr.spki, q->n_spki = csr.n_spki);
		return q;
	}
	fail_msg("a request for %s", csr.san[0].value);
	return NULL;
}

static void serve_est(struct agent *a)
{
	struct mst_view all = { mef.octets, mef.n };
	char *body = memmem(all.p, all.n, "\r\n\r\n", 4);
	uint8_t der[MST_CERT_MAX];
	struct asked *q;

	assert_non_null(body);
	if (memmem(all.p, all.n, "/cacerts ", 9)) {
		bag_answer(a, mef.ca, mef.n_ca);
	} else if (memmem(all.p, all.n, "/csrattrs ", 10)) {
		est_answer(a, 204, MST_VIEW_NONE);
	} else {
		q = request_of(mst_view_sub(all, (size_t)((const uint8_t *)body + 4 - all.p), all.n));
		if (q->says == GIVE)
			bag_answer(a, der, certify(q->name, (struct mst_view){ q->spki, q->n_spki }, false, der));
		else
			est_answer(a, (int)q->says, MST_VIEW_LIT("that is how it is\n"));
	}
}

static void serve_command(struct agent *a)
{
	static const char no_more[] = "{\"sec:mefClientCmd\":{\"cmdID\":\"c-9\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"
				      "\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}}}}";
	static const char cert_prov[] = "{\"sec:mefClientCmd\":{\"cmdID\":\"c-1\",\"cmdStatusCode\":11,\"cmdDescription\":{\"cmdClassID\":1,"
					"\"cmdArgs\":{\"certProvCmdArgs\":{\"certProvProtocolID\":1,\"URI\":\"https://mef.example.com/.well-known/est\","
					"\"certSubjectType\":2,\"certSubjectID\":\"//sp.example.com/cse1\"}}}}}";
	const char *status = strstr(mef.content, "\"cmdStatusCode\":");
	struct mst_response r = { .rsc = status ? MST_RSC_UPDATED : MST_RSC_OK, .rqi = mst_view_str(mef.rqi), .rvi = MST_VIEW_LIT("3"),
				  .media = MST_VIEW_LIT("application/json") };
	static const struct mst_http_limits limits = { 4096, 4096, false };
	struct mst_diag d = { 0 };
	uint8_t octets[4096];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	struct mst_http_parser *p;
	size_t used = 0;
	int http = 0;

	if (status) {
		mef.status = atoi(status + strlen("\"cmdStatusCode\":"));
		mef.commands = false;
	}
	r.content = mst_view_str(mef.commands ? cert_prov : no_more);
	mst_response_to_http(&r, true, &w);
	assert_true(w.ok);
	assert_int_equal(mst_http_parser_new(true, &limits, &p), 0);
	assert_int_equal(mst_http_parser_feed(p, mst_written(&w), &used, &http, &d), 0);
	mef.ops->on_response(a, (struct mst_client *)&mef, mst_http_message(p));
	mst_http_parser_free(p);
}

/* One visit, whichever is due. */
static void visit(struct agent *a)
{
	visit_start(a);
	assert_non_null(a->visit);
	mef.ops->on_open(a, (struct mst_client *)&mef);
	while (a->visit) {
		bool est = mef.sent;

		assert_true(mef.sent || mef.primitive);
		mef.sent = mef.primitive = false;
		if (est)
			serve_est(a);
		else
			serve_command(a);
	}
}

static void renew(struct agent *a)
{
	a->own.renew_at = agent_utc(a) - 1;
	a->visit_at = agent_now() + DAY * 1000;
	visit(a);
}

static void ask_for_commands(struct agent *a)
{
	if (a->own.renew_at <= agent_utc(a))
		a->own.renew_at = agent_utc(a) + DAY;
	a->visit_at = agent_now() - 1;
	visit(a);
}

/* --- a node by secret, in service, with a certificate --- */

static char secret[] = "/tmp/mst-visit-psk-XXXXXX";

static int set_up(void **state)
{
	struct agent_config cfg = { .log_level = AGENT_ERROR, .last_resort = 1 };
	static struct mst_secenv env = { .ops = &no_ops };
	struct agent *a = agent_new(&cfg, false);
	uint8_t spki[MST_SPKI_MAX];
	size_t n = 0;

	assert_non_null(a);
	memset(&device, 0, sizeof(device));
	memset(&mef, 0, sizeof(mef));
	mef.asked[0] = (struct asked){ .name = ACTIVE, .says = WAIT };
	mef.asked[1] = (struct asked){ .name = WANTED, .says = WAIT };
	assert_int_equal(mst_pkey_generate(mef.key, sizeof(mef.key), &mef.n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ mef.key, mef.n_key }, spki, sizeof(spki), &n), 0);
	mef.n_ca = certify("", (struct mst_view){ spki, n }, true, mef.ca);
	a->env = &env;
	mst_clock_init(&a->clock, (mst_time)time(NULL) - DAY, (mst_time)time(NULL), agent_now());
	a->has_active = true;
	a->active.not_after = (mst_time)time(NULL) + 99999;
	snprintf(a->active.mef_reg_id, sizeof(a->active.mef_reg_id), "reg-1");
	snprintf(a->active.mef_uri, sizeof(a->active.mef_uri), "https://mef.example.com");
	snprintf(a->active.mef_fqdn, sizeof(a->active.mef_fqdn), "mef.example.com");
	snprintf(a->active.cse_id, sizeof(a->active.cse_id), "//sp.example.com/cse1");
	snprintf(a->active.attempt, sizeof(a->active.attempt), "00112233445566778899aabbccddeeff");
	a->managed = calloc(1, sizeof(*a->managed));
	assert_non_null(a->managed);
	snprintf(secret, sizeof(secret), "/tmp/mst-visit-psk-XXXXXX");
	maker_secret_file(a, secret);
	snprintf(a->cfg.psk_identity, sizeof(a->cfg.psk_identity), "sensor-7@mef.example.com");
	assert_int_equal(key_make(&env, &a->own.slot[OWN_ACTIVE].key, NULL), 0);
	device.made = 0;
	a->own.slot[OWN_ACTIVE].there = true;
	a->own.slot[OWN_ACTIVE].name = (struct est_name){ .kind = MST_ID_NODE, .value = ACTIVE };
	a->own.slot[OWN_ACTIVE].not_after = agent_utc(a) + DAY;
	a->own.renew_at = MST_TIME_MAX;
	*state = a;
	return 0;
}

static int tear_down(void **state)
{
	struct agent *a = *state;

	a->env = NULL;
	agent_free(a);
	return unlink(secret);
}

static bool is_active(const struct agent *a, const char *name)
{
	return a->own.slot[OWN_ACTIVE].there && !strcmp(a->own.slot[OWN_ACTIVE].name.value, name) && !a->own.slot[OWN_PENDING].there;
}

/* Each is asked for again as it was, however often the other is meanwhile: what the operator approves is what is fetched. */
static void two_wait_beside_each_other(struct agent *a)
{
	mef.commands = true;
	for (unsigned i = 1; i <= 4; i++) {
		renew(a);
		ask_for_commands(a);
		assert_true(mef.asked[0].times == i && mef.asked[1].times == i);
	}
	assert_true(mef.asked[0].requests == 1 && mef.asked[1].requests == 1);
	assert_true(device.made == 2 && objects() == 3);
	assert_in_range(a->own.renew_at - agent_utc(a), 290, 300);     /* neither puts the other off */
}

static void the_renewal_is_approved_first(void **state)
{
	struct agent *a = *state;

	two_wait_beside_each_other(a);
	mef.asked[0].says = GIVE;
	renew(a);
	assert_true(a->own.slot[OWN_PENDING].there && mef.asked[0].requests == 1);
	visit(a);                    /* the proof */
	assert_true(is_active(a, ACTIVE) && objects() == 2 && device.made == 2);
	mef.asked[1].says = GIVE;
	ask_for_commands(a);
	assert_true(mef.asked[1].requests == 1 && mef.status == MST_CMD_OK);
	visit(a);
	assert_true(is_active(a, WANTED) && objects() == 1 && device.made == 2);
}

/* What came of the command takes the place of the one that was to be renewed. */
static void the_command_is_approved_first(void **state)
{
	struct agent *a = *state;

	two_wait_beside_each_other(a);
	mef.asked[1].says = GIVE;
	ask_for_commands(a);
	assert_int_equal(mef.status, MST_CMD_OK);
	visit(a);
	assert_true(is_active(a, WANTED) && objects() == 1 && device.made == 2);
	assert_false(a->own.slot[OWN_RENEWAL].there || a->own.slot[OWN_REQUEST].there);
	/* a renewal of this one is another request */
	mef.asked[1].says = WAIT;
	renew(a);
	assert_true(mef.asked[1].requests == 2 && device.made == 3);
}

/* One no is not the other's. */
static void the_renewal_is_rejected(void **state)
{
	struct agent *a = *state;

	two_wait_beside_each_other(a);
	mef.asked[0].says = NO;
	renew(a);
	assert_true(!a->own.slot[OWN_RENEWAL].there && a->own.slot[OWN_REQUEST].there && objects() == 2);
	ask_for_commands(a);
	assert_true(mef.asked[1].requests == 1 && device.made == 2);
}

/* Nobody has given it another command, and nobody will: each try takes a key of the device and an entry in the MEF's audit log. */
static void a_refused_renewal_waits_longer_each_time(void **state)
{
	struct agent *a = *state;
	int64_t wait = 600, all = 0;

	mef.asked[0].says = NO;
	for (int i = 0; i < 12; i++) {
		renew(a);
		assert_in_range(a->own.renew_at - agent_utc(a), wait - 2, wait);
		all += wait;
		wait = 2 * wait < DAY ? 2 * wait : DAY;
	}
	assert_true(device.made == 12 && objects() == 1 && all > 5 * DAY);
	/* commands come at their own time, and the one that it waits for ends that */
	mef.commands = true;
	mef.asked[1].says = GIVE;
	ask_for_commands(a);
	visit(a);
	assert_true(is_active(a, WANTED));
	mef.asked[1].says = NO;
	renew(a);
	assert_in_range(a->own.renew_at - agent_utc(a), 598, 600);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(the_renewal_is_approved_first), T(the_command_is_approved_first), T(the_renewal_is_rejected),
					    T(a_refused_renewal_waits_longer_each_time) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: visit", tests, NULL, NULL);
}
