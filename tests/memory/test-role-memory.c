/*
 * Every allocation of one request fails in turn, from the first to the last: briefing node, MEF and MAF over a real
 * store answer or fault, nothing is half done, and the same request afterwards succeeds.
 */
#include "role/test-rig.h"
#include "tests/support/failmalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REG(ty) "{\"sec:" ty "\":{\"et\":\"20280101T000000\",\"lbl\":[\"site:7\"],\"adminFQDN\":\"sp.example.com\"}}"
#define KEY_REG "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21," \
                "\"targetIDs\":[\"maf.example.com\"]}}"
#define KEYID "21212121212121212121212121212121@mef.example.com"

static struct rig r;

static int mef_register(void)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	return rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0x21, REG("mefClientReg"));
}

static int key_register(void)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	return rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, 0x21, KEY_REG);
}

static int fetch(void)
{
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	return rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/" KEYID "/21", "maf.example.com", 0, 0, NULL);
}

static int fetched(void)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .channel = RIG_CHANNEL, .key = rig_seal(0x33, MST_PURPOSE_KM), .lifetime = RIG_NOW + 90 * RIG_DAY };
	struct mst_psk_answer a;

	snprintf(got.enrolee_id, sizeof(got.enrolee_id), "%s", RIG_CSE);
	rig_peer_psk(&r, KEYID);
	return rig_fetched(&r, KEYID, &got, &a);
}

static int maf_register(void)
{
	rig_peer_psk(&r, KEYID);
	return rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0, REG("mafClientReg"));
}

#define ATTEMPT "0123456789abcdef0123456789abcdef"

static char report_to[80];

static int brief(void)
{
	char id[33];
	int rsc;

	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	rsc = rig_brief(&r, MST_OP_CREATE, "/briefing", "application/json", "",
	                mst_view_str("{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"cert\"]}"));
	if (rsc == MST_RSC_OK)
		snprintf(report_to, sizeof(report_to), "/briefing/%s/report", rig_member(&r, "id", id, sizeof(id)));
	return rsc;
}

static int brief_report(void)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	return rig_brief(&r, MST_OP_CREATE, report_to, "application/json", "",
	                 mst_view_str("{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"done\":true,\"enrolled\":false,\"failures\":["
	                              "{\"reason\":\"refused\"}]}"));
}

/* The way of a node, request by request; each is tried with each of its allocations failing. */
static const struct { const char *name; int (*go)(void); int good; } request[] = {
	{ "briefing", brief, MST_RSC_OK },
	{ "briefing.report", brief_report, 204 },
	{ "mef.register", mef_register, MST_RSC_CREATED },
	{ "key.register", key_register, MST_RSC_CREATED },
	{ "fetch", fetch, MST_RSC_OK },
	{ "fetched", fetched, 0 },
	{ "maf.register", maf_register, MST_RSC_CREATED },
};

static unsigned long sweep(size_t which)
{
	static char before[65536], after[65536];
	unsigned long n = 0, refused = 0;
	bool reached = true;
	uint64_t bad;

	while (reached) {
		int rsc;

		rig_up(&r);
		rig_rule(&r, "{\"name\":\"all\",\"then\":{\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\","
		             "\"uri\":\"https://mef.example.com\"}]}}", 10);
		for (size_t i = 0; i < which; i++)
			assert_int_equal(request[i].go(), request[i].good);
		rig_fingerprint(&r, before, sizeof(before));
		failmalloc_arm(++n);
		rsc = request[which].go();
		reached = failmalloc_disarm();
		rig_fingerprint(&r, after, sizeof(after));
		if (rsc != request[which].good) {
			if (rsc >= 0 && rsc < MST_RSC_INTERNAL && rsc != MST_PSK_UNKNOWN)
				fail_msg("%s: allocation %lu: %d is no answer to a lack of memory", request[which].name, n, rsc);
			if (strcmp(before, after))
				fail_msg("%s: allocation %lu: %d, but it was written", request[which].name, n, rsc);
			refused++;
			rsc = request[which].go();
		}
		if (rsc != request[which].good)
			fail_msg("%s: after allocation %lu had failed: %d", request[which].name, n, rsc);
		/* the audit log's chain goes on as if nothing had been */
		assert_int_equal(mst_store_event_verify(r.store, &bad), 0);
		rig_down(&r);
	}
	assert_true(refused > 0);
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

	/* thousands of databases: no disk has to keep them */
	if (!access("/dev/shm", W_OK))
		setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
