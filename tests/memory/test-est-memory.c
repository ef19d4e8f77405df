/*
 * Every allocation of one request fails in turn, from the first to the last: certificates over EST and their status.
 * The MEF and the responder over a real store and the real keeper answer or fault; a certificate that was not given out is not on
 * record, nobody is told a status that is not so, and the same request afterwards succeeds.
 */
#include "role/test-est-rig.h"
#include "tests/support/failmalloc.h"
#include "tests/support/ocsp-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct est_csr first, second;
static struct est_cert mine;
static struct { uint8_t b[MST_OCSP_REQUEST_MAX]; size_t n; } asked;

static int cacerts(void) { return est_ask(MST_OP_RETRIEVE, "cacerts", "", MST_VIEW_NONE); }
static int csrattrs(void) { return est_ask(MST_OP_RETRIEVE, "csrattrs", "", MST_VIEW_NONE); }
static int enrol(void) { return est_enroll("simpleenroll", &first); }
static int reenrol(void) { return est_enroll("simplereenroll", &second); }

static int status(void)
{
	est_rig.x.role = MST_ROLE_OCSP;
	est_rig.x.plain = true;
	est_rig.x.request = (struct mst_request){ .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/ocsp"), .media = MST_VIEW_LIT("application/ocsp-request"),
						  .content = { asked.b, asked.n } };
	return rig_handle(&est_rig, MST_ROLE_OCSP);
}

/* What comes between the requests, with memory enough. */
static void prepare(void)
{
	struct mst_csr_attrs a;

	assert_int_equal(csrattrs(), MST_RSC_OK);
	a = est_attributes();
	first = est_csr_of(&est_k1, &a.san, a.challenge);
	second = est_csr_of(&est_k2, &a.san, a.challenge);
}

static void installed(void)
{
	uint8_t ca[MST_CERT_MAX];
	const char *serial;
	size_t n;

	mine = est_got();
	serial = mine.i.serial;
	assert_int_equal(est_rig.keeper->ops->ca_cert(est_rig.keeper, ca, sizeof(ca), &n), 0);
	asked.n = ocsp_client_request((struct mst_view){ ca, n }, &serial, 1, asked.b, sizeof(asked.b));
	est_peer_is(&mine, mine.i.not_after);
}

static bool told_good(void)
{
	return ocsp_client_status(mst_written(&est_rig.a.content), 0) == V_OCSP_CERTSTATUS_GOOD;
}

static const struct { const char *name; int (*go)(void); int good; void (*before)(void), (*after)(void); bool (*whole)(void);
	unsigned stride; } request[] = {
	{ "cacerts", cacerts, MST_RSC_OK, NULL, NULL, NULL, 1 },
	{ "csrattrs", csrattrs, MST_RSC_OK, NULL, NULL, NULL, 1 },
	{ "simpleenroll", enrol, MST_RSC_OK, prepare, installed, NULL, 1 },
	/* the same way again but for who asks: every ninth */
	{ "simplereenroll", reenrol, MST_RSC_OK, NULL, NULL, NULL, 9 },
	/* the first one has the keeper make the responder's key and certificate: thousands, in OpenSSL's signing */
	{ "status", status, 200, NULL, NULL, told_good, 17 },
	{ "status", status, 200, NULL, NULL, told_good, 1 },
};

static void go_to(size_t which)
{
	for (size_t i = 0; i <= which; i++) {
		if (request[i].before)
			request[i].before();
		if (i == which)
			break;
		assert_int_equal(request[i].go(), request[i].good);
		if (request[i].after)
			request[i].after();
	}
}

/* DER that could not be read for a lack of memory is told as DER that cannot be read: OpenSSL does not say which. Nothing worse. */
static bool is_refusal(const char *name, int rsc)
{
	if (!strcmp(name, "status"))
		return rsc < 0 || rsc >= 500 || (rsc == 200 && ocsp_client_status(mst_written(&est_rig.a.content), 0) < -1);
	return rsc < 0 || rsc >= MST_RSC_INTERNAL || rsc == MST_RSC_BAD_REQUEST;
}

static bool good(size_t which, int rsc)
{
	return rsc == request[which].good && (!request[which].whole || request[which].whole());
}

/* A world lasts as long as every request in it is refused: then it is as it was before. */
static void fresh(size_t which, char *before, size_t cap)
{
	est_down(NULL);
	est_up(NULL);
	go_to(which);
	rig_fingerprint(&est_rig, before, cap);
}

static unsigned long sweep(size_t which)
{
	static char before[65536], after[65536];
	const char *name = request[which].name;
	unsigned long n = 0, refused = 0;
	bool reached = true;
	uint64_t bad;

	est_up(NULL);
	go_to(which);
	assert_int_equal(request[which].go(), request[which].good);     /* what is allocated once is there */
	fresh(which, before, sizeof(before));
	while (reached) {
		int rsc;

		n += n ? request[which].stride : 1;
		failmalloc_arm(n);
		rsc = request[which].go();
		reached = failmalloc_disarm();
		rig_fingerprint(&est_rig, after, sizeof(after));
		if (!good(which, rsc)) {
			if (!is_refusal(name, rsc))
				fail_msg("%s: allocation %lu: %d is no answer to a lack of memory: %s", name, n, rsc, est_rig.text);
			if (strcmp(before, after))
				fail_msg("%s: allocation %lu: %d, but it was written", name, n, rsc);
			if (++refused % 100)
				continue;
			rsc = request[which].go();
		}
		if (!good(which, rsc))
			fail_msg("%s: after allocation %lu had failed: %d %s", name, n, rsc, est_rig.text);
		assert_int_equal(mst_store_event_verify(est_rig.store, &bad), 0);
		if (reached && strcmp(before, after))
			fresh(which, before, sizeof(before));
	}
	assert_true(refused > 0);
	est_down(NULL);
	return n;
}

static void every_allocation(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(request); i++)
		print_message("# %s: %lu allocations\n", request[i].name, sweep(i) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation) };

	/* hundreds of databases: no disk has to keep them */
	if (!access("/dev/shm", W_OK))
		setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests_name("est-memory", tests, NULL, NULL);
}
