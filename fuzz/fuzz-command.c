/*
 * Commands and what they lead to, as a hostile MEF sends them. First octet: what the rest is.
 *   o  a document of management objects, JSON; what one reading takes the other encoding takes as well, and every object of it
 *      is judged under every type and SUID
 *   c  the same in CBOR
 *   otherwise: answers as in fuzz-mmef, for a client that carries every class out
 */
#include "fuzz/fuzz-dialog.h"

#include "proto/mmef/object.h"

static struct mst_objects one, two;
static uint8_t room[65536], room2[65536], out[65536], out2[65536];
static struct mmef m;

static void judge_all(const struct mst_objects *o)
{
	struct mmef_command c = { .class_id = MST_CMD_MO_NODE };
	struct mmef_plan p;

	for (size_t i = 0; i < o->n; i++)
		for (int64_t type = 0; type < 5; type++)
			for (int s = MMEF_SPECIFIC_NONE; s <= MMEF_SPECIFIC_BAD; s++) {
				int64_t status;

				must(mst_view_to_str(o->object[i].path, c.object_path, sizeof(c.object_path)));
				c.object_type = type;
				c.specific = (enum mmef_specific)s;
				c.suid = o->object[i].suid;
				status = mmef_judge(o, &c, &p);
				must(status == 0 || *mmef_judge_words(status));
				must(status != MST_CMD_MO_NOT_FOUND);
				must(status || (p.object == &o->object[i] && (!p.reg || p.reg == p.object || p.target[0])));
			}
}

static void objects(bool cbor, struct mst_view in)
{
	struct mst_arena a = mst_arena_of(room, sizeof(room)), b = mst_arena_of(room2, sizeof(room2));
	struct mst_writer w = mst_writer_of(out, sizeof(out)), x = mst_writer_of(out2, sizeof(out2));
	struct mst_diag d = { 0 };

	if (cbor ? mst_msg_read_cbor(&mst_objects_msg, in, &a, &one, &d) : mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, in, &a, &one, &d)) {
		must(d.text[0] != 0);
		return;
	}
	if (mst_objects_check(&one, true, &d) && mst_objects_check(&one, false, &d)) {
		must(d.text[0] != 0);
		return;
	}
	mst_msg_write_json(&mst_objects_msg, MST_PROFILE_LONG, &one, &w);
	mst_msg_write_cbor(&mst_objects_msg, &one, &x);
	must(w.ok && x.ok);
	must(mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, mst_written(&w), &b, &two, &d) == 0 && mst_objects_check(&two, false, &d) == 0);
	b.n = 0;
	must(mst_msg_read_cbor(&mst_objects_msg, mst_written(&x), &b, &two, &d) == 0 && two.n == one.n);
	judge_all(&one);
}

static void commands(uint8_t first, struct mst_view in)
{
	struct mmef_config c = {
		.job = MMEF_JOB_COMMANDS, .mef_fqdn = "mef.example.com", .base = "/MEFBase", .from = "/C1", .reg_id = "reg-1",
		.attempt = "00112233445566778899aabbccddeeff", .classes = 14, .port = 443, .answer_ms = 5000,
		.last_cmd = "c-1", .last_status = 20, .serves = { "//sp.example.com/C1" },
	};
	const struct mst_request *q = NULL;
	struct mst_http_msg h;
	struct mst_response a;
	mst_ms now = 0;

	must(mmef_init(&m, &c, NULL));
	mmef_opened(&m, NULL, NULL, ++now, 1800000000);
	while (mmef_want(&m, &q) != MMEF_WANT_NOTHING) {
		if (mmef_want(&m, &q) == MMEF_WANT_EXECUTE) {
			must(m.result.command.cmd_id[0] && m.result.command.class_id >= 1 && m.result.command.class_id <= 3);
			must(m.result.command.class_id != MST_CMD_DEV_CFG || m.result.command.document.n);
			mmef_executed(&m, first & 1 ? 20 : first & 2 ? 305 : 0, 1, ++now);
			continue;
		}
		if (!next_answer(&in, m.dialog.out.rqi, &h))
			break;
		mmef_sent(&m);
		if (mst_response_from_http(&h, &a, NULL) == 0)
			mmef_feed(&m, &a, ++now, 1800000000);
		else
			mmef_garbage(&m, "no response", ++now, 1800000000);
		must(mmef_state(&m) != MMEF_FAILED || mmef_failure(&m)->reason != PROV_OK);
	}
	mmef_deinit(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p + 1, n - 1 };

	if (!n)
		return 0;
	if (p[0] == 'o' || p[0] == 'c')
		objects(p[0] == 'c', in);
	else
		commands(p[0], in);
	return 0;
}
