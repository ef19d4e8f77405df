/* What every database must do for wrapping keys anew: each key once, nothing else of its row changes, the place is kept. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

struct seen { struct mst_wrapped_row row[16]; size_t n; };

static int keep(void *arg, const struct mst_wrapped_row *r)
{
	struct seen *s = arg;

	s->row[s->n++] = *r;
	return 0;
}

static void keys_are_wrapped_anew(void **state)
{
	struct fix *f = *state;
	struct seen s = { .n = 0 };
	struct mst_wrapped other = { .n = 40 };
	struct mst_credential was, is;
	int64_t after = 0;
	size_t before;

	memset(other.b, 0x77, sizeof(other.b));
	memset(&was, 0, sizeof(was));    /* what lies between members is compared, too */
	memset(&is, 0, sizeof(is));
	for (int i = 1; i <= 5; i++) {
		struct mst_credential c = make_cred(i);

		assert_int_equal(mst_store_cred_put(f->s, MST_ROLE_MAF, &c, true), 0);
	}
	do {
		before = s.n;
		assert_int_equal(mst_store_wrapped_list(f->s, MST_WRAPPED_CREDENTIAL, after, 2, keep, &s), 0);
		for (size_t i = before; i < s.n; i++) {
			assert_true(s.row[i].row > after);
			after = s.row[i].row;
		}
	} while (s.n > before);
	assert_int_equal(s.n, 5);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(mst_store_cred_get(f->s, MST_ROLE_MAF, s.row[i].key_id, &was), 0);
		assert_true(s.row[i].role == MST_ROLE_MAF && s.row[i].purpose == was.purpose && s.row[i].key.n == was.key.n);
		assert_memory_equal(s.row[i].key.b, was.key.b, was.key.n);
	}
	assert_int_equal(mst_store_wrapped_put(f->s, MST_WRAPPED_CREDENTIAL, s.row[4].row, &other), 0);
	assert_int_equal(mst_store_cred_get(f->s, MST_ROLE_MAF, s.row[4].key_id, &is), 0);
	assert_true(is.key.n == 40 && is.key.b[39] == 0x77);
	is.key = was.key;
	assert_memory_equal(&is, &was, sizeof(is));
	assert_int_equal(mst_store_wrapped_put(f->s, MST_WRAPPED_CREDENTIAL, after + 1, &other), MST_STORE_NONE);
	for (int p = MST_WRAPPED_CREDENTIAL + 1; p < MST_WRAPPED__COUNT; p++) {
		s.n = 0;
		assert_int_equal(mst_store_wrapped_list(f->s, (enum mst_wrapped_part)p, 0, 2, keep, &s), 0);
		assert_int_equal(s.n, 0);
		assert_int_equal(mst_store_wrapped_put(f->s, (enum mst_wrapped_part)p, 1, &other), MST_STORE_NONE);
	}
	assert_int_equal(mst_store_wrapped_list(f->s, MST_WRAPPED__COUNT, 0, 2, keep, &s), MST_FAULT_BUG);
}

static int64_t others(struct fix *f, uint32_t generation)
{
	const uint8_t head[MST_WRAPPED_HEAD] = { 2, (uint8_t)(generation >> 8), (uint8_t)generation };
	int64_t n = -1;

	assert_int_equal(mst_store_wrapped_others(f->s, head, &n), 0);
	return n;
}

/* Before a generation is destroyed: which keys are not of the one in use, in every table; what has no key is none. */
static void keys_of_other_generations(void **state)
{
	static const uint8_t heads[][MST_WRAPPED_HEAD] = { { 1, 9, 9 }, { 2, 0, 1 }, { 2, 1, 0 }, { 2, 1, 1 }, { 2, 1, 2 }, { 3, 0, 0 } };
	const struct mst_wrapped nine = { .n = 40, .b = { 2, 0, 9 } };
	struct fix *f = *state;
	struct mst_registration reg = make_reg(1);
	static struct mst_gba_run run;
	static struct mst_gba_session session;
	struct mst_sim sim = { .imsi = "262011234567890", .impi = "a@b" };

	assert_int_equal(others(f, 1), 0);
	for (size_t i = 0; i < MST_COUNT(heads); i++) {
		struct mst_credential c = make_cred((int)i + 1);

		c.key.n = (uint16_t)(i == 4 ? 40 : MST_WRAPPED_HEAD + i);
		memcpy(c.key.b, heads[i], MST_WRAPPED_HEAD);
		assert_int_equal(mst_store_cred_put(f->s, MST_ROLE_MAF, &c, true), 0);
	}
	assert_int_equal(others(f, 0x0101), 5);
	assert_int_equal(others(f, 1), 5);
	assert_int_equal(others(f, 7), 6);
	assert_int_equal(mst_store_reg_put(f->s, MST_ROLE_MEF, &reg), 0);
	for (int i = 1; i <= 2; i++) {
		struct mst_keyreg k = make_keyreg(i, 1);

		k.key.n = (uint16_t)(i == 1 ? 0 : 2);
		k.key.b[0] = 2;
		k.key.b[1] = 1;
		assert_int_equal(mst_store_keyreg_put(f->s, MST_ROLE_MEF, &k, true), 0);
	}
	assert_int_equal(others(f, 0x0101), 6);
	sim.key = nine;
	run.av = nine;
	session.ks = nine;
	snprintf(run.run.nonce, sizeof(run.run.nonce), "n");
	snprintf(session.session.btid, sizeof(session.session.btid), "x@y");
	assert_int_equal(mst_store_sim_insert(f->s, &sim), 0);
	assert_int_equal(mst_store_gba_run_insert(f->s, &run), 0);
	assert_int_equal(mst_store_gba_session_insert(f->s, &session), 0);
	assert_int_equal(others(f, 0x0101), 9);
	assert_int_equal(others(f, 9), 7);
}

static void the_place_is_kept(void **state)
{
	struct fix *f = *state;
	struct mst_rotation z = { .generation = 2, .part = 1, .after = 77, .rows = 5, .changed = 4, .bad = 1, .bad_key = "x@y", .begun = 1700000000,
				  .mark = { 1, [15] = 2 }, .kept_until = 1700003600, .given_up = 3, .stays = 4 }, got;
	bool alone = false;

	assert_int_equal(mst_store_rotation_get(f->s, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_store_alone(f->s, &alone), 0);
	assert_int_equal(mst_store_commit(f->s), 0);
	assert_true(alone);
	for (int i = 0; i < 2; i++) {
		z.after += i;
		assert_int_equal(mst_store_rotation_put(f->s, &z), 0);
		contract_reopen(f);
		memset(&got, 0, sizeof(got));
		assert_int_equal(mst_store_rotation_get(f->s, &got), 0);
		assert_memory_equal(&got, &z, sizeof(z));
	}
}

static int add_id(void *arg, const struct mst_approval *r)
{
	int64_t *sum = arg;

	*sum += r->id;
	return 0;
}

static int64_t approvals(struct mst_store *s, bool waits, int64_t after, size_t limit)
{
	int64_t sum = 0;

	assert_int_equal(mst_store_approval_list(s, waits, after, limit, add_id, &sum), 0);
	return sum;
}

/* What waits for a second person: numbers rise, nothing but its end changes, and what has ended is forgotten. */
static void approvals_wait(void **state)
{
	struct fix *f = *state;
	struct mst_approval a[3], got;

	memset(a, 0, sizeof(a));
	for (int i = 0; i < 3; i++) {
		a[i].asked_by = 1000 + i;
		a[i].asked = 5;
		a[i].expires = 50;
		a[i].nonce[15] = (uint8_t)i;
		a[i].ticket = (struct mst_wrapped){ .b = { 0, 7 }, .n = 2 };
		a[i].request.n = 3;
		a[i].request.b[2] = (uint8_t)i;
		assert_int_equal(mst_store_approval_insert(f->s, &a[i]), 0);
		assert_true(a[i].id > (i ? a[i - 1].id : 0));
	}
	memset(&got, 0, sizeof(got));
	assert_int_equal(mst_store_approval_get(f->s, a[1].id, &got), 0);
	assert_memory_equal(&got, &a[1], sizeof(got));
	assert_int_equal(mst_store_approval_get(f->s, a[2].id + 1, &got), MST_STORE_NONE);
	a[1].state = MST_APPROVAL_REFUSED;
	a[1].by = 7;
	a[1].ended = 20;
	a[1].outcome = 403;
	strcpy(a[1].reason, "no");
	assert_int_equal(mst_store_approval_update(f->s, &a[1]), 0);
	assert_int_equal(mst_store_approval_get(f->s, a[1].id, &got), 0);
	assert_memory_equal(&got, &a[1], sizeof(got));
	assert_int_equal(approvals(f->s, false, 0, 0), a[0].id + a[1].id + a[2].id);
	assert_int_equal(approvals(f->s, true, 0, 0), a[0].id + a[2].id);
	assert_int_equal(approvals(f->s, true, a[0].id, 5), a[2].id);
	assert_int_equal(approvals(f->s, false, 0, 1), a[0].id);
	assert_int_equal(mst_store_approval_forget(f->s, 20), 0);
	assert_int_equal(approvals(f->s, false, 0, 0), a[0].id + a[1].id + a[2].id);
	assert_int_equal(mst_store_approval_forget(f->s, 21), 0);
	assert_int_equal(approvals(f->s, false, 0, 0), a[0].id + a[2].id);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = { T(keys_are_wrapped_anew), T(keys_of_other_generations), T(the_place_is_kept), T(approvals_wait) };

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
