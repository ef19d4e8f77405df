/*
 * What an agent keeps of a change of provider, over a restart: whom it leaves, how far that has come and when it is tried
 * again; and that certificates of another MEF than the one it is with now are not shown to anybody (leave.c, own.c).
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"

#define BLOBS 8

#define OBJECTS 8

/* A secure environment in memory, on a device in which key pairs are objects. */
struct fake {
	struct mst_secenv s;
	struct { uint8_t pkcs8[MST_PKEY_MAX]; size_t n; } object[OBJECTS];
	bool makes_none, signs_not;
	unsigned away_at;                /* at which erasing it is away; 0: at none */
	struct { char name[33]; uint8_t b[16384]; size_t n; } blob[BLOBS];
	bool full;
};

static int load_blob(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct fake *f = (struct fake *)s;

	(void)d;
	for (size_t i = 0; i < BLOBS; i++) {
		if (strcmp(f->blob[i].name, name))
			continue;
		assert_true(f->blob[i].n <= cap);
		memcpy(out, f->blob[i].b, f->blob[i].n);
		*ret_n = f->blob[i].n;
		return 0;
	}
	return MST_SECENV_NONE;
}

static int store_blob(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	struct fake *f = (struct fake *)s;
	size_t i = 0;

	if (f->full) {
		mst_diag_set(d, 0, name, "no space", NULL);
		return MST_SECENV_FULL;
	}
	while (i < BLOBS && f->blob[i].name[0] && strcmp(f->blob[i].name, name))
		i++;
	if (i >= BLOBS || v.n > sizeof(f->blob[0].b))
		return MST_FAULT_BUG;
	snprintf(f->blob[i].name, sizeof(f->blob[i].name), "%s", name);
	if (v.n)
		memcpy(f->blob[i].b, v.p, v.n);
	f->blob[i].n = v.n;
	return 0;
}

static struct mst_secenv_offers offers(const struct mst_secenv *s)
{
	(void)s;
	return (struct mst_secenv_offers){ 0 };
}

#define TAG 0x54

static int key_make(struct mst_secenv *s, struct mst_secenv_key *ret_k, struct mst_diag *d)
{
	struct fake *f = (struct fake *)s;
	uint8_t i = 0;

	(void)d;
	if (f->makes_none)
		return MST_SECENV_FULL;
	while (f->object[i].n)
		assert_true(++i < OBJECTS);
	*ret_k = (struct mst_secenv_key){ .b = { TAG, i }, .n = 2 };
	return mst_pkey_generate(f->object[i].pkcs8, sizeof(f->object[i].pkcs8), &f->object[i].n);
}

static struct mst_view object(struct mst_secenv *s, const struct mst_secenv_key *k)
{
	struct fake *f = (struct fake *)s;

	return k->n == 2 && k->b[0] == TAG ? (struct mst_view){ f->object[k->b[1]].pkcs8, f->object[k->b[1]].n } : MST_VIEW_NONE;
}

static int key_public(struct mst_secenv *s, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	(void)d;
	return object(s, k).n ? mst_pkey_public(object(s, k), ret_spki, cap, ret_n) : MST_SECENV_CLEARED;
}

static int key_sign(struct mst_secenv *s, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n,
		    struct mst_diag *d)
{
	struct mst_local_signer l;
	int r;

	(void)d;
	if (((struct fake *)s)->signs_not)
		return MST_SECENV_BUSY;
	r = mst_local_signer_init(&l, object(s, k));
	r = r ? r : l.signer.sign(&l.signer, digest, out, cap, ret_n);
	mst_local_signer_deinit(&l);
	return r;
}

static int key_erase(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_diag *d)
{
	struct fake *f = (struct fake *)s;

	(void)d;
	if (f->away_at && --f->away_at == 0)
		return MST_SECENV_ABSENT;
	if (object(s, k).n)
		((struct fake *)s)->object[k->b[1]].n = 0;
	return 0;
}

static const struct mst_secenv_ops fake_ops = { .name = "fake", .load_blob = load_blob, .store_blob = store_blob, .offers = offers, .key_make = key_make,
						.key_public = key_public, .key_sign = key_sign, .key_erase = key_erase };

/* An agent as far as it is needed here: no network, no initial credential. */
static struct agent *booted(struct fake *f, const struct mst_root_cred *active, bool once)
{
	static const struct prov_config pc = { .methods = 1, .backoff_first = 1000, .backoff_max = 1000, .discover_ms = 1000, .bootstrap_ms = 1000 };
	struct agent_config cfg = { .log_level = AGENT_ERROR };
	struct agent *a = agent_new(&cfg, once);

	assert_non_null(a);
	a->env = &f->s;
	mst_clock_init(&a->clock, (mst_time)time(NULL) - 86400, (mst_time)time(NULL), agent_now());
	a->prov_storage = calloc(1, prov_size());
	a->prov = prov_init(a->prov_storage, prov_size(), &pc);
	assert_non_null(a->prov);
	a->active = *active;
	a->has_active = true;
	assert_int_equal(leave_load(a), 0);
	return a;
}

static void killed(struct agent *a)
{
	a->env = NULL;               /* the test's */
	agent_free(a);
}

static struct mst_root_cred cred(const char *provider)
{
	struct mst_root_cred c = { .not_after = (mst_time)time(NULL) + 99999, .suid = 21, .key = { .n = 32 } };

	snprintf(c.admin_fqdn, sizeof(c.admin_fqdn), "%s.example.com", provider);
	snprintf(c.mef_fqdn, sizeof(c.mef_fqdn), "mef.%s.example.com", provider);
	snprintf(c.maf_fqdn, sizeof(c.maf_fqdn), "maf.%s.example.com", provider);
	snprintf(c.key_id, sizeof(c.key_id), "%s@maf.%s.example.com", provider, provider);
	return c;
}

/* The agent is with `c` now. */
static void arrive(struct agent *a, const struct mst_root_cred *c)
{
	a->active = *c;
}

static void is_leaving(struct fake *f, const char *in_use, const char *first, const char *second)
{
	json_t *list = leave_status(&f->s, in_use);

	assert_int_equal(json_array_size(list), (first != NULL) + (second != NULL));
	if (first)
		assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "adminFQDN")), first);
	if (second)
		assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "adminFQDN")), second);
	json_decref(list);
}

/* A server that is gone is asked ever more seldom, also by a device that is switched on and off. */
static void the_wait_is_kept(void **state)
{
	struct mst_root_cred north = cred("north"), south = cred("south");
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	struct mst_diag d = { 0 };
	mst_ms first;

	a->pending = south;
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &south);
	for (int i = 0; i < 4; i++) {
		assert_true(leave_due(a));
		leave_start(a);              /* nobody to dial: as if it did not answer */
		assert_false(leave_due(a));
		first = leave_deadline(a) - agent_now();
		assert_in_range(first, (30000 << i) - 1000, (60000 << i) + 1);
		killed(a);
		a = booted(f, &south, false);
		assert_false(leave_due(a));
		assert_in_range(leave_deadline(a) - agent_now(), first - 25000, first + 1);
		killed(a);
		/* by hand it is tried at once; and what it was stays */
		a = booted(f, &south, true);
	}
	assert_true(leave_due(a));
	killed(a);
	is_leaving(f, south.key_id, "north.example.com", NULL);
}

/* The disk is full at the third provider: neither of the two that are left is forgotten. */
static void a_failed_save_loses_nobody(void **state)
{
	struct mst_root_cred a1 = cred("a"), b1 = cred("b"), c1 = cred("c"), d1 = cred("d");
	struct fake *f = *state;
	struct agent *a = booted(f, &a1, false);
	struct mst_diag d = { 0 };

	a->pending = b1;
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &b1);
	a->pending = c1;
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &c1);
	a->pending = d1;
	f->full = true;
	assert_int_equal(leave_keep(a, &d), MST_SECENV_FULL);
	f->full = false;
	/* it goes on with what it has, and writes that */
	leave_start(a);
	is_leaving(f, c1.key_id, "a.example.com", "b.example.com");
	/* with room the oldest one goes: it ends by itself */
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &d1);
	is_leaving(f, d1.key_id, "b.example.com", "c.example.com");
	assert_true(leave_due(a));
	killed(a);
}

/* What is kept of the first one: 1, it is not to be given back at the MEF, 2, nor at the MAF. In front of failures (1) and next (8). */
static unsigned gone(struct fake *f)
{
	uint8_t b[16384];
	struct mst_diag d = { 0 };
	size_t n = 0;

	assert_int_equal(load_blob(&f->s, "leaving", b, sizeof(b), &n, &d), 0);
	assert_true(n > 10);
	return b[n - 10];
}

/* Who comes back before it has left is there again: with a new key, and under the registration that it would have given back. */
static void who_comes_back_does_not_leave(void **state)
{
	struct mst_root_cred north = cred("north"), south = cred("south"), again = cred("north"), other_maf = cred("north"), other_sp = cred("north");
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	struct mst_diag d = { 0 };

	snprintf(again.key_id, sizeof(again.key_id), "new@maf.north.example.com");
	a->pending = south;
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &south);
	leave_start(a);                      /* nobody answers */
	is_leaving(f, south.key_id, "north.example.com", NULL);
	/* by way of the new one, and the power goes before the slots have changed: it is left still */
	a->pending = again;
	assert_int_equal(leave_keep(a, &d), 0);
	is_leaving(f, south.key_id, "north.example.com", NULL);
	killed(a);
	a = booted(f, &again, false);
	leave_start(a);
	is_leaving(f, again.key_id, "south.example.com", NULL);
	assert_int_equal(gone(f), 0);
	/* it has another MAF there now: only that one is left */
	snprintf(other_maf.maf_fqdn, sizeof(other_maf.maf_fqdn), "maf2.north.example.com");
	snprintf(other_maf.key_id, sizeof(other_maf.key_id), "new@maf2.north.example.com");
	killed(a);
	memset(f->blob, 0, sizeof(f->blob));
	a = booted(f, &north, false);
	a->pending = other_maf;
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &other_maf);
	leave_start(a);
	is_leaving(f, other_maf.key_id, "north.example.com", NULL);
	assert_int_equal(gone(f), 1);
	killed(a);
	/* the control: another stakeholder at the same two */
	snprintf(other_sp.admin_fqdn, sizeof(other_sp.admin_fqdn), "mte.example.org");
	snprintf(other_sp.key_id, sizeof(other_sp.key_id), "mte@maf.north.example.com");
	memset(f->blob, 0, sizeof(f->blob));
	a = booted(f, &north, false);
	a->pending = other_sp;
	assert_int_equal(leave_keep(a, &d), 0);
	arrive(a, &other_sp);
	leave_start(a);
	is_leaving(f, other_sp.key_id, "north.example.com", NULL);
	assert_int_equal(gone(f), 0);
	killed(a);
}

static void of_the_other_mef(struct agent *a, const char *mef)
{
	static const struct own_cert c = { .there = true, .key = { .b = "F", .n = 8 }, .der_n = 8, .obtained = 1, .not_after = MST_TIME_MAX,
					   .name = { .value = "n" } };
	struct mst_diag d = { 0 };

	for (int s = 0; s < OWN__COUNT; s++) {
		a->own.slot[s] = c;
		snprintf(a->own.slot[s].mef, sizeof(a->own.slot[s].mef), "%s", mef);
		assert_int_equal(own_store(a, (enum own_slot)s, &d), 0);
	}
}

/* The power goes after the slots have changed, before the certificates were put away. */
static void certificates_of_another_mef_go(void **state)
{
	struct mst_root_cred north = cred("north"), south = cred("south");
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	json_t *told;

	of_the_other_mef(a, north.mef_fqdn);
	killed(a);
	a = booted(f, &north, false);
	own_load(a);
	assert_true(a->own.slot[OWN_ACTIVE].there && own_choice(a) == &a->own.slot[OWN_ACTIVE]);
	killed(a);
	a = booted(f, &south, false);
	own_load(a);
	for (int s = 0; s < OWN__COUNT; s++)
		assert_false(a->own.slot[s].there);
	assert_null(own_choice(a));
	told = own_status(&f->s);
	assert_true(json_is_null(told));
	json_decref(told);
	killed(a);
}

static size_t objects(const struct fake *f)
{
	size_t n = 0;

	for (size_t i = 0; i < OBJECTS; i++)
		n += f->object[i].n != 0;
	return n;
}

/* Whatever fails, the device holds the key of the request that is kept and no other; also behind a restart, and a try that succeeds. */
static void no_key_of_a_failed_request_stays(void **state)
{
	struct mst_root_cred north = cred("north");
	const struct est_name name = { .kind = MST_ID_NODE, .value = "urn:dev:ops:1" };
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	bool *const fails[] = { &f->makes_none, &f->signs_not, &f->full };
	struct mst_diag d = { 0 };
	struct own_cert before;

	for (int kept = 0; kept < 2; kept++) {
		for (size_t i = 0; i < MST_COUNT(fails); i++) {
			before = a->own.slot[OWN_REQUEST];
			*fails[i] = true;
			assert_true(own_request(a, OWN_REQUEST, &name, NULL, "c 1", &d) > 0);
			*fails[i] = false;
			assert_memory_equal(&a->own.slot[OWN_REQUEST], &before, sizeof(before));
			assert_int_equal(objects(f), kept);
			killed(a);
			a = booted(f, &north, false);
			own_load(a);
			assert_int_equal(a->own.slot[OWN_REQUEST].there, kept);
		}
		assert_int_equal(own_request(a, OWN_REQUEST, &name, NULL, "c 1", &d), 0);
		assert_true(a->own.slot[OWN_REQUEST].there && a->own.slot[OWN_REQUEST].csr_n && objects(f) == 1);
	}
	own_forget(a, OWN_REQUEST);
	assert_int_equal(objects(f), 0);
	killed(a);
}

/* An agent of before kept a renewal's request where a command's is. It may have been approved: it finds its place, and no key goes. */
static void a_request_of_before_finds_its_place(void **state)
{
	struct mst_root_cred north = cred("north");
	const struct est_name name = { .kind = MST_ID_NODE, .value = "urn:dev:ops:1" };
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	struct mst_diag d = { 0 };
	struct own_cert was;

	assert_int_equal(own_request(a, OWN_REQUEST, &name, NULL, "", &d), 0);
	was = a->own.slot[OWN_REQUEST];
	for (int i = 0; i < 4; i++) {
		killed(a);
		a = booted(f, &north, false);
		f->full = i == 0;            /* not yet */
		own_load(a);
		f->full = false;
		assert_int_equal(a->own.slot[OWN_REQUEST].there, i == 0);
		assert_memory_equal(&a->own.slot[i ? OWN_RENEWAL : OWN_REQUEST], &was, sizeof(was));
		assert_int_equal(objects(f), 1);
		if (i != 2)
			continue;
		/* the power goes between the two */
		a->own.slot[OWN_REQUEST] = was;
		assert_int_equal(own_store(a, OWN_REQUEST, &d), 0);
	}
	/* a command's stays */
	assert_int_equal(own_request(a, OWN_REQUEST, &name, NULL, "c 1", &d), 0);
	killed(a);
	a = booted(f, &north, false);
	own_load(a);
	assert_true(a->own.slot[OWN_REQUEST].there && a->own.slot[OWN_RENEWAL].there && objects(f) == 2);
	killed(a);
}

static void put_text(struct mst_writer *w, const char *text)
{
	mst_put_block16(w, mst_view_str(text));
}

/* A factory reset: the keys of certificates go from the device before their names do, the maker's stays; what fails is done by the same once more. */
static void certificates_keys_go(void **state)
{
	struct mst_root_cred north = cred("north");
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	struct mst_secenv_key initial;
	struct mst_diag d = { 0 };

	assert_int_equal(key_make(&f->s, &initial, &d), 0);
	of_the_other_mef(a, north.mef_fqdn);
	for (int s = 0; s < OWN__COUNT; s++) {
		assert_int_equal(key_make(&f->s, &a->own.slot[s].key, &d), 0);
		assert_int_equal(own_store(a, (enum own_slot)s, &d), 0);
	}
	assert_int_equal(objects(f), OWN__COUNT + 1);
	/* the device goes away in the middle: what it still has is named still */
	f->away_at = 2;
	assert_int_equal(own_erase(&f->s, &d), MST_SECENV_ABSENT);
	assert_int_equal(objects(f), OWN__COUNT);
	assert_int_equal(own_erase(&f->s, &d), 0);
	assert_true(objects(f) == 1 && object(&f->s, &initial).n);
	assert_int_equal(own_erase(&f->s, &d), 0);
	/* no slot has a key that is not there */
	killed(a);
	a = booted(f, &north, false);
	own_load(a);
	for (int s = 0; s < OWN__COUNT; s++)
		assert_false(a->own.slot[s].there);
	/* one that cannot be read is told, and holds the others up no more */
	of_the_other_mef(a, north.mef_fqdn);
	assert_int_equal(key_make(&f->s, &a->own.slot[OWN_REQUEST].key, &d), 0);
	assert_int_equal(own_store(a, OWN_REQUEST, &d), 0);
	assert_int_equal(f->s.ops->store_blob(&f->s, "cert-active", MST_VIEW_LIT("?"), &d), 0);
	assert_int_equal(own_erase(&f->s, &d), MST_SECENV_CORRUPT);
	assert_true(objects(f) == 1 && object(&f->s, &initial).n);
	killed(a);
}

/* What an agent of before kept of a registration with somebody else is read; from then on its end is known, and so is that it is gone. */
static void registrations_of_before_are_read(void **state)
{
	struct mst_root_cred north = cred("north");
	struct fake *f = *state;
	struct agent *a = booted(f, &north, false);
	struct mst_diag d = { 0 };
	uint8_t b[512];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, 1);           /* version; no keys, no anchors, two registrations */
	mst_put_u8(&w, 0);
	mst_put_u8(&w, 0);
	mst_put_u8(&w, 2);
	for (int i = 0; i < 2; i++) {
		put_text(&w, i ? "maf" : "reg/mte/at");
		put_text(&w, i ? north.maf_fqdn : north.mef_fqdn);
		put_text(&w, "mte.example.org");
		put_text(&w, i ? "reg-2" : "reg-1");
		mst_put_u64(&w, 2000000000);
	}
	mst_put_u8(&w, 0);           /* no results, no objects, everything reported, every hour */
	put_text(&w, "");
	mst_put_u64(&w, 0);
	mst_put_u8(&w, 0);
	mst_put_u64(&w, 3600);
	assert_int_equal(f->s.ops->store_blob(&f->s, "managed", mst_written(&w), &d), 0);
	assert_int_equal(managed_load(a), 0);
	assert_true(a->managed->n_regs == 2 && a->managed->every == 3600);
	assert_true(a->managed->reg[0].until == 2000000000 && !a->managed->reg[0].since && !a->managed->reg[0].want);
	assert_int_equal(managed_prolonged(a, "reg-1", 2100000000, &d), 0);
	killed(a);
	a = booted(f, &north, false);
	assert_int_equal(managed_load(a), 0);
	assert_true(a->managed->n_regs == 2 && a->managed->reg[0].until == 2100000000 && a->managed->reg[0].since >= (mst_time)time(NULL) - 60);
	assert_true(a->managed->reg[1].until == 2000000000 && !a->managed->reg[1].since);
	f->full = true;
	assert_int_equal(managed_forget_reg(a, "reg-1", &d), MST_SECENV_FULL);
	assert_int_equal(a->managed->n_regs, 2);
	f->full = false;
	assert_int_equal(managed_forget_reg(a, "reg-1", &d), 0);
	assert_true(a->managed->n_regs == 1 && !strcmp(a->managed->reg[0].id, "reg-2"));
	killed(a);
}

static int set_up(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->s.ops = &fake_ops;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(the_wait_is_kept), T(a_failed_save_loses_nobody), T(who_comes_back_does_not_leave), T(certificates_of_another_mef_go), T(certificates_keys_go), T(no_key_of_a_failed_request_stays), T(a_request_of_before_finds_its_place),
					    T(registrations_of_before_are_read) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: leaving", tests, NULL, NULL);
}
