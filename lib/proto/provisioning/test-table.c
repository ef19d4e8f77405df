/* The table itself: every (state, event) is decided, and does what its cell says. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "base/fault.h"
#include "proto/provisioning/test-world.h"

static struct seq outer, inner;
static struct answer answers[2];

/* Bring an engine into each state by its front door. */
static struct world *world_in(enum prov_state s)
{
	struct world *w;

	answers[0] = (struct answer){ "https://b", .yields = seq_text(&inner, "cert https://m") };
	answers[1] = (struct answer){ "https://m", .reason = s == PROV_ENROLLED ? PROV_OK : PROV_REFUSED };
	seq_text(&outer, "bbn https://b; cert https://n");
	w = world_new(answers, 2);
	if (s != PROV_IDLE)
		world_start(w, outer.cbor);
	for (int i = 0; i < 100 && prov_state(w->p) != s; i++)
		assert_true(world_step(w, false));
	assert_int_equal(prov_state(w->p), s);
	return w;
}

static int give(struct world *w, enum prov_event ev, struct mst_view blob, struct mst_diag *d)
{
	struct prov *p = w->p;

	switch (ev) {
	case PROV_EV_TRIGGER:
		return prov_trigger(p, outer.cbor, ATTEMPT, w->now, w->utc, 1, d);
	case PROV_EV_RESUME:
		return prov_resume(p, blob, w->now, w->utc, 1, d);
	case PROV_EV_SAVED:
		prov_saved(p, w->now, w->utc, 1);
		return 0;
	case PROV_EV_SAVE_FAILED:
		prov_save_failed(p, w->now, w->utc, 1);
		return 0;
	case PROV_EV_DISCOVERED:
		return prov_discovered(p, inner.cbor, w->now, w->utc, 1, d);
	case PROV_EV_SUCCEEDED:
		prov_succeeded(p, w->now, w->utc, 1);
		return 0;
	case PROV_EV_FAILED:
		prov_failed(p, PROV_REFUSED, "no", 0, w->now, w->utc, 1);
		return 0;
	case PROV_EV_TIMER:
		prov_tick(p, MST_NEVER - 1, w->utc, 1);
		return 0;
	case PROV_EV_CREDENTIAL_LOST:
		prov_credential_lost(p, w->now, w->utc, 1);
		return 0;
	case PROV_EVENT__COUNT:
		break;
	}
	abort();
}

/* What each cell leads to, written down a second time, by hand: -1 = nothing changes. */
enum { NO = -1, SAV = PROV_SAVING, DIS = PROV_DISCOVERING, WAIT = PROV_WAITING };
static const int expect[PROV_STATE__COUNT][PROV_EVENT__COUNT] = {
	/*                     TRIG RESU SAVED SFAIL DISC SUCC FAIL TIMER LOST */
	[PROV_IDLE]          = { SAV, SAV, NO,  NO,   NO,  NO,  NO,  NO,   NO },
	[PROV_SAVING]        = { SAV, NO,  DIS, WAIT, NO,  NO,  NO,  WAIT, NO },
	[PROV_DISCOVERING]   = { SAV, NO,  NO,  NO,   SAV, NO,  SAV, SAV,  NO },
	[PROV_BOOTSTRAPPING] = { SAV, NO,  NO,  NO,   NO,  SAV, SAV, SAV,  NO },
	[PROV_WAITING]       = { SAV, NO,  NO,  NO,   NO,  NO,  NO,  SAV,  NO },
	[PROV_ENROLLED]      = { SAV, NO,  NO,  NO,   NO,  NO,  NO,  NO,   SAV },
};

static void every_state_and_event(void **state)
{
	static uint8_t before[256 * 1024], blob[PROV_BLOB_MAX];
	struct world *w = world_in(PROV_SAVING);
	size_t blob_n;

	(void)state;
	world_step(w, false);
	blob_n = w->disk_n;
	memcpy(blob, w->disk, blob_n);
	world_free(w);
	for (unsigned s = 0; s < PROV_STATE__COUNT; s++) {
		for (unsigned ev = 0; ev < PROV_EVENT__COUNT; ev++) {
			const struct prov_cell *c = prov_cell((enum prov_state)s, (enum prov_event)ev);
			struct mst_diag d = { 0 };
			int r;

			assert_non_null(c->why);
			assert_true(c->why[0] != '\0');
			assert_int_equal(!c->run, !c->to);
			assert_int_equal(!c->run, expect[s][ev] < 0);
			w = world_in((enum prov_state)s);
			assert_true(prov_size() <= sizeof(before));
			memcpy(before, w->p, prov_size());
			r = give(w, (enum prov_event)ev, (struct mst_view){ blob, blob_n }, &d);
			if (!c->run) {
				/* not one octet of the engine is touched */
				assert_memory_equal(before, w->p, prov_size());
				if (ev == PROV_EV_RESUME || ev == PROV_EV_DISCOVERED) {
					assert_int_equal(r, PROV_REFUSED);
					assert_non_null(strstr(d.text, prov_state_text((enum prov_state)s)));
				}
			} else {
				assert_int_equal(r, 0);
				assert_int_equal(prov_state(w->p), expect[s][ev]);
				assert_true(c->to >> prov_state(w->p) & 1u);
			}
			world_free(w);
		}
	}
}

static void wants_and_deadlines_by_state(void **state)
{
	static const enum prov_want want[PROV_STATE__COUNT] = {
		[PROV_SAVING] = PROV_WANT_SAVE,
		[PROV_DISCOVERING] = PROV_WANT_DISCOVER,
		[PROV_BOOTSTRAPPING] = PROV_WANT_BOOTSTRAP,
	};

	(void)state;
	for (unsigned s = 0; s < PROV_STATE__COUNT; s++) {
		struct world *w = world_in((enum prov_state)s);

		assert_int_equal(prov_want(w->p), want[s]);
		assert_int_equal(prov_deadline(w->p) == MST_NEVER, s == PROV_IDLE || s == PROV_ENROLLED);
		assert_int_equal(prov_current(w->p) != NULL,
				 s == PROV_DISCOVERING || s == PROV_BOOTSTRAPPING);
		assert_int_equal(prov_progress(w->p).n > 0, s == PROV_SAVING);
		world_free(w);
	}
}

/* What the codec said of a sequence, as a reason; a message without words about it is malformed. */
static void reasons_of_faults(void **state)
{
	static const struct { int outcome; const char *field, *text; enum prov_reason reason; } rows[] = {
		{ 0, "", "", PROV_OK }, { MST_FAULT_MEMORY, "", "", PROV_INTERNAL },
		{ MST_MSG_MALFORMED, "", "", PROV_MALFORMED }, { MST_MSG_TRAILING, "", "", PROV_MALFORMED },
		{ MST_MSG_DEPTH_EXCEEDED, "a", "nested", PROV_TOO_DEEP }, { MST_MSG_TOO_LARGE, "", "", PROV_OVERSIZED },
		{ MST_MSG_UNKNOWN_VALUE, "instructions[2].method", "unknown value", PROV_UNKNOWN_METHOD },
		{ MST_MSG_UNKNOWN_VALUE, "sequence.instructions[0].method", "unknown value", PROV_UNKNOWN_METHOD },
		{ MST_MSG_UNKNOWN_VALUE, "instructions[2].kind", "unknown value", PROV_MALFORMED },
		{ MST_MSG_WRONG_TYPE, "instructions[2].method", "expected", PROV_MALFORMED },
		{ MST_MSG_OUT_OF_RANGE, "instructions", "0 elements", PROV_EMPTY },
		{ MST_MSG_OUT_OF_RANGE, "sequence.instructions", "0 elements", PROV_EMPTY },
		{ MST_MSG_OUT_OF_RANGE, "instructions", "17 elements", PROV_MALFORMED },
		{ MST_MSG_OUT_OF_RANGE, "instructions[0].httpPort", "0", PROV_MALFORMED },
		{ MST_MSG_MISSING, "instructions", "is missing", PROV_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_diag d = { 0 };

		mst_diag_set(&d, 0, rows[i].field, rows[i].text, NULL);
		if (prov_reason_of(rows[i].outcome, &d) != rows[i].reason)
			fail_msg("%zu: %s", i, prov_reason_text(prov_reason_of(rows[i].outcome, &d)));
	}
}

static void words_for_everything(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PROV_REASON__COUNT; i++)
		assert_true(prov_reason_text((enum prov_reason)i)[0] > ' ');
	for (unsigned i = 0; i < PROV_STATE__COUNT; i++)
		assert_true(prov_state_text((enum prov_state)i)[0] > ' ');
	for (unsigned i = 0; i < PROV_EVENT__COUNT; i++)
		assert_true(prov_event_text((enum prov_event)i)[0] > ' ');
	assert_string_equal(prov_reason_text(PROV_REASON__COUNT), "?");
	assert_string_equal(prov_state_text(PROV_STATE__COUNT), "?");
	assert_string_equal(prov_event_text(PROV_EVENT__COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_state_and_event),
		cmocka_unit_test(wants_and_deadlines_by_state),
		cmocka_unit_test(reasons_of_faults),
		cmocka_unit_test(words_for_everything),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
