/* The whole product of sender, receiver, frame and phase against an independent listing. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "server/permit.h"

/* "sender>receiver frame phases": written by hand from architecture 5.3, not from the table. */
static const char *const allowed[] = {
	"supervisor>listener conf SR", "supervisor>connector conf SR", "supervisor>engine conf SR", "supervisor>keeper conf SR",
	"supervisor>listener material SR", "supervisor>connector material SR",
	"supervisor>listener channel SRD", "supervisor>connector channel SRD", "supervisor>keeper channel SRD",
	"supervisor>listener link SRD", "supervisor>connector link SRD", "supervisor>engine link SRD", "supervisor>keeper link SRD",
	"supervisor>listener start S", "supervisor>connector start S", "supervisor>engine start S", "supervisor>keeper start S",
	"supervisor>listener reload R", "supervisor>connector reload R", "supervisor>engine reload R", "supervisor>keeper reload R",
	"supervisor>listener drain SR", "supervisor>connector drain SR", "supervisor>engine drain SR", "supervisor>keeper drain SR",
	"supervisor>listener health RD", "supervisor>listener pids SRD",
	"listener>supervisor ready SRD", "connector>supervisor ready SRD", "engine>supervisor ready SRD", "keeper>supervisor ready SRD",
	"listener>supervisor failed SRD", "connector>supervisor failed SRD", "engine>supervisor failed SRD", "keeper>supervisor failed SRD",
	"listener>supervisor metrics RD", "connector>supervisor metrics RD", "engine>supervisor metrics RD", "keeper>supervisor metrics RD",
	"listener>engine exchange RD", "engine>listener answer RD", "engine>listener busy RD", "listener>engine psk-ask RD",
	"engine>listener psk-answer RD", "listener>engine handshake-failed RD",
	"listener>engine refused RD", "engine>listener cut RD",
	"engine>supervisor crl RD", "supervisor>engine reload-failed RD",
	"engine>connector fetch RD", "connector>engine fetch-result RD",
	/* the process of Diameter: what a listener of Zh and Zn says, and what a connector says */
	"supervisor>diameter conf SR", "supervisor>diameter material SR", "supervisor>diameter channel SRD", "supervisor>diameter link SRD",
	"supervisor>diameter start S", "supervisor>diameter reload R", "supervisor>diameter drain SR",
	"diameter>supervisor ready SRD", "diameter>supervisor failed SRD", "diameter>supervisor metrics RD",
	"diameter>engine exchange RD", "engine>diameter answer RD", "engine>diameter busy RD",
	"engine>diameter fetch RD", "diameter>engine fetch-result RD",
	/* the process that has the device with the CA's key: it hears digests of the keeper, and of nobody else anything */
	"supervisor>signer conf SR", "supervisor>signer link SRD", "supervisor>signer start S", "supervisor>signer reload R",
	"supervisor>signer drain SR", "signer>supervisor ready SRD", "signer>supervisor failed SRD", "signer>supervisor metrics RD",
	"keeper>signer sign RD", "signer>keeper signed RD", "engine>supervisor violation SRD",
	"engine>keeper keeper-call RD", "keeper>engine keeper-answer RD",
};

static bool listed(unsigned from, unsigned to, unsigned type, unsigned phase)
{
	char want[96];

	snprintf(want, sizeof(want), "%s>%s %s ", mst_process_name[from], mst_process_name[to], mst_frame_name[type]);
	for (size_t i = 0; i < MST_COUNT(allowed); i++)
		if (!strncmp(allowed[i], want, strlen(want)))
			return strchr(allowed[i] + strlen(want), "SRD"[phase]) != NULL;
	return false;
}

static void whole_product(void **state)
{
	unsigned yes = 0;

	(void)state;
	for (unsigned f = 0; f < MST_PROC__COUNT; f++)
		for (unsigned t = 0; t < MST_PROC__COUNT; t++)
			for (unsigned m = 0; m < MST_FRAME__COUNT; m++)
				for (unsigned p = 0; p < MST_PHASE__COUNT; p++) {
					bool is = mst_permitted((enum mst_process)f, (enum mst_process)t,
					                        (enum mst_frame_type)m, (enum mst_phase)p);

					if (is != listed(f, t, m, p))
						fail_msg("%s to %s: %s in phase %u is %d", mst_process_name[f],
						         mst_process_name[t], mst_frame_name[m], p, is);
					yes += is;
				}
	assert_true(yes > MST_COUNT(allowed));
}

static void out_of_range(void **state)
{
	(void)state;
	assert_false(mst_permitted(MST_PROC__COUNT, MST_PROC_ENGINE, MST_FRAME_EXCHANGE, MST_PHASE_RUNNING));
	assert_false(mst_permitted(MST_PROC_LISTENER, MST_PROC_ENGINE, MST_FRAME__COUNT, MST_PHASE_RUNNING));
	assert_false(mst_permitted(MST_PROC_LISTENER, MST_PROC_ENGINE, MST_FRAME_EXCHANGE, MST_PHASE__COUNT));
	assert_false(mst_permitted(MST_PROC_LISTENER, MST_PROC_KEEPER, MST_FRAME_KEEPER_CALL, MST_PHASE_RUNNING));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whole_product), cmocka_unit_test(out_of_range) };

	return cmocka_run_group_tests_name("permit", tests, NULL, NULL);
}
