/* Contract of SIMs: names that are taken once, and numbers that never fall, also under a writer that is killed. */
#include "contract.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void same(const struct mst_sim *a, const struct mst_sim *b)
{
	assert_true(a->id == b->id && a->algorithm == b->algorithm && a->amf == b->amf && a->sqn == b->sqn && a->ind == b->ind &&
		    a->state == b->state && a->node == b->node && a->uicc == b->uicc && a->lifetime == b->lifetime && a->gsid == b->gsid &&
		    a->key_choice == b->key_choice);
	assert_true(a->created == b->created && a->changed == b->changed && a->vectors == b->vectors && a->vector_at == b->vector_at &&
		    a->paced == b->paced && a->key.n == b->key.n);
	assert_memory_equal(a->key.b, b->key.b, a->key.n);
	assert_string_equal(a->imsi, b->imsi);
	assert_string_equal(a->impi, b->impi);
	assert_string_equal(a->msisdn, b->msisdn);
	assert_string_equal(a->reason, b->reason);
	assert_string_equal(a->naf_group, b->naf_group);
}

static int64_t add_node(struct mst_store *s, int i)
{
	struct mst_subscription sub = make_sub(i);
	struct mst_node n = make_node(i);

	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(s, &n), 0);
	return n.id;
}

static void kept_and_found(void **state)
{
	struct fix *f = *state;
	struct mst_sim a = make_sim(1), got;

	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, a.imsi, &got), MST_STORE_NONE);
	a.node = 77;
	assert_int_equal(mst_store_sim_insert(f->s, &a), MST_STORE_NONE);
	a.node = add_node(f->s, 1);
	assert_int_equal(mst_store_sim_insert(f->s, &a), 0);
	assert_true(a.id > 0);
	contract_reopen(f);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, a.imsi, &got), 0);
	same(&a, &got);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMPI, a.impi, &got), 0);
	same(&a, &got);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_MSISDN, a.msisdn, &got), 0);
	same(&a, &got);
	assert_int_equal(mst_store_sim_of_node(f->s, a.node, &got), 0);
	same(&a, &got);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMPI, a.imsi, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_sim_delete(f->s, a.id), 0);
	assert_int_equal(mst_store_sim_delete(f->s, a.id), MST_STORE_NONE);
	assert_int_equal(mst_store_sim_of_node(f->s, a.node, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_sim_update(f->s, &a), MST_STORE_NONE);
}

/* The realm of an IMPI is a domain name (TS 23.003 13.3): however it is written, it is this SIM's, and no other's. */
static void however_its_realm_is_written(void **state)
{
	static const char shouted[] = "0010100000000A1@IMS.mnc001.MCC001.3gppnetwork.org", said[] = "0010100000000A1@ims.mnc001.mcc001.3gppnetwork.org",
			  other[] = "0010100000000a1@ims.mnc001.mcc001.3gppnetwork.org";
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_sim a = make_sim(1), b = make_sim(2), got;

	memcpy(a.impi, shouted, sizeof(shouted));
	assert_int_equal(mst_store_sim_insert(s, &a), 0);
	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMPI, said, &got), 0);
	assert_true(got.id == a.id);
	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMPI, shouted, &got), 0);
	assert_true(got.id == a.id);
	assert_string_equal(got.impi, said);
	memcpy(b.impi, said, sizeof(said));
	assert_int_equal(mst_store_sim_insert(s, &b), MST_STORE_EXISTS);
	memcpy(b.impi, other, sizeof(other));            /* the user's part is octets */
	assert_int_equal(mst_store_sim_insert(s, &b), 0);
	/* and it is called so for good */
	memcpy(b.impi, shouted, sizeof(shouted));
	assert_int_equal(mst_store_sim_update(s, &b), 0);
	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMSI, b.imsi, &got), 0);
	assert_string_equal(got.impi, other);
	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMPI, said, &got), 0);
	assert_true(got.id == a.id);
}

/* Each name belongs to one SIM, and each node has one; those without a number or a node do not meet in that. */
static void taken_once(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_sim a = make_sim(1), b;

	a.node = add_node(s, 1);
	assert_int_equal(mst_store_sim_insert(s, &a), 0);
	for (int what = 0; what < 4; what++) {
		b = make_sim(2);
		if (what == 0)
			memcpy(b.imsi, a.imsi, sizeof(b.imsi));
		else if (what == 1)
			memcpy(b.impi, a.impi, sizeof(b.impi));
		else if (what == 2)
			memcpy(b.msisdn, a.msisdn, sizeof(b.msisdn));
		else
			b.node = a.node;
		assert_int_equal(mst_store_sim_insert(s, &b), MST_STORE_EXISTS);
	}
	for (int i = 2; i < 4; i++) {
		b = make_sim(i);
		b.msisdn[0] = '\0';
		assert_int_equal(mst_store_sim_insert(s, &b), 0);
	}
	b.node = a.node;
	assert_int_equal(mst_store_sim_update(s, &b), MST_STORE_EXISTS);
}

static void the_number_never_falls(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_sim a = make_sim(1), got;

	assert_int_equal(mst_store_sim_insert(s, &a), 0);
	a.sqn = (INT64_C(1) << 48) - 1;
	assert_int_equal(mst_store_sim_update(s, &a), 0);
	assert_int_equal(mst_store_sim_update(s, &a), 0);
	a.sqn--;
	a.state = MST_SIM_ACTIVE;
	assert_int_equal(mst_store_sim_update(s, &a), MST_FAULT_BUG);
	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMSI, a.imsi, &got), 0);
	assert_true(got.sqn == a.sqn + 1 && got.state == MST_SIM_SUSPENDED);
	assert_int_equal(mst_store_sim_number(s, &a), MST_STORE_NONE);
}

/* For a vector the number must have risen: what is stored was given out, and is not given out again, nor is anything counted. */
static void no_number_for_two_vectors(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_sim a = make_sim(1), got;

	assert_int_equal(mst_store_sim_insert(s, &a), 0);
	a.sqn++;
	a.vectors++;
	assert_int_equal(mst_store_sim_number(s, &a), 0);
	for (int back = 0; back < 3; back++) {
		struct mst_sim again = a;

		again.sqn -= back;
		again.vectors++;
		again.paced++;
		assert_int_equal(mst_store_sim_number(s, &again), MST_STORE_NONE);
	}
	assert_int_equal(mst_store_sim_find(s, MST_SIM_BY_IMSI, a.imsi, &got), 0);
	same(&a, &got);
	/* what a person changes leaves the number as it is */
	a.state = MST_SIM_ACTIVE;
	assert_int_equal(mst_store_sim_update(s, &a), 0);
}

/* What a vector leaves behind, and nothing else, whatever the caller has changed besides. */
static void a_vector_is_counted(void **state)
{
	struct fix *f = *state;
	struct mst_sim a = make_sim(1), b, got;

	assert_int_equal(mst_store_sim_insert(f->s, &a), 0);
	b = a;
	b.sqn += 33;
	b.vectors = 7;
	b.vector_at = 1800000000;
	b.paced = 1800000010;
	b.state = MST_SIM_ACTIVE;
	strcpy(b.msisdn, "4911111111");
	assert_int_equal(mst_store_sim_number(f->s, &b), 0);
	contract_reopen(f);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, a.imsi, &got), 0);
	a.sqn = b.sqn;
	a.vectors = b.vectors;
	a.vector_at = b.vector_at;
	a.paced = b.paced;
	same(&a, &got);
	b.id++;
	assert_int_equal(mst_store_sim_number(f->s, &b), MST_STORE_NONE);
}

struct seen { int64_t last; int n; };

static int look(void *arg, const struct mst_sim *r)
{
	struct seen *x = arg;

	assert_true(r->id > x->last);
	x->last = r->id;
	x->n++;
	return 0;
}

static void listed(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_sim_filter f = { .state = -1, .limit = 4 };
	struct seen x = { 0, 0 };

	for (int i = 0; i < 10; i++) {
		struct mst_sim a = make_sim(i);

		a.state = i % 2 ? MST_SIM_ACTIVE : MST_SIM_SUSPENDED;
		assert_int_equal(mst_store_sim_insert(s, &a), 0);
	}
	for (int page = 0; page < 3; page++) {
		assert_int_equal(mst_store_sim_list(s, &f, look, &x), 0);
		f.after = x.last;
	}
	assert_int_equal(x.n, 10);
	x = (struct seen){ 0, 0 };
	f = (struct mst_sim_filter){ .state = MST_SIM_SUSPENDED };
	assert_int_equal(mst_store_sim_list(s, &f, look, &x), 0);
	assert_int_equal(x.n, 5);
}

/* Gives out one number after the other, and says each when its group is durable: what a vector leaves after. */
static void giver(const char *url, int fd)
{
	struct mst_store *s;
	struct mst_sim a;

	if (mst_store_open(url, &s, NULL) || mst_store_sim_find(s, MST_SIM_BY_IMSI, make_sim(1).imsi, &a))
		_exit(1);
	for (int i = 0; i < 100000; i++) {
		a.sqn += 32;
		if (mst_store_begin(s) || mst_store_mark(s) || mst_store_sim_update(s, &a) || mst_store_release(s) || mst_store_commit(s))
			_exit(2);
		if (write(fd, &a.sqn, sizeof(a.sqn)) != sizeof(a.sqn))
			_exit(3);
	}
	_exit(0);
}

static void no_number_twice_when_killed(void **state)
{
	struct fix *f = *state;
	struct mst_sim a = make_sim(1), got;
	int64_t said = a.sqn, x;

	assert_int_equal(mst_store_sim_insert(f->s, &a), 0);
	for (int round = 0; round < 8; round++) {
		int fd[2], status, n = 0;
		pid_t pid;

		f->s = mst_store_close(f->s);
		assert_int_equal(pipe(fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			close(fd[0]);
			giver(f->url, fd[1]);
		}
		close(fd[1]);
		/* killed while it goes on: in the middle of whatever it does then */
		while (n <= round && read(fd[0], &x, sizeof(x)) == sizeof(x)) {
			assert_true(x > said);
			said = x;
			n++;
		}
		kill(pid, SIGKILL);
		while (read(fd[0], &x, sizeof(x)) == sizeof(x))
			said = x;
		close(fd[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
		assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, a.imsi, &got), 0);
		assert_true(got.sqn >= said);
		said = got.sqn;
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept_and_found, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(however_its_realm_is_written, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(taken_once, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(the_number_never_falls, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(no_number_for_two_vectors, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(a_vector_is_counted, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(listed, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(no_number_twice_when_killed, contract_set_up, contract_tear_down),
	};

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
