/*
 * Never without a working credential (lesson 4, decision 0030): a run that leads elsewhere waits for somebody who does not answer,
 * and meanwhile the key in use comes to its end. And what `run --once` does of all that is due.
 *
 * Nobody waits for an end here: between two runs the test writes into the agent's slot that it is near.
 */
#include "agent/test-run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "codec/trigger.h"
#include "enrolee/enrolee.h"
#include "transport/server.h"

#define LONG_WAITS "backoff_first = \"86400s\";\nbackoff_max = \"86400s\";\nopen_timeout = \"2s\";\n"

/* A provider that stays out of reach. */
static const char elsewhere[] = "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.other.example.com:1\","
				"\"target\":\"maf.other.example.com\",\"adminFQDN\":\"other.example.com\"}";

/* Somebody at the running node says: bootstrap, with what the configuration names, or with a file. */
static void told(const char *conf, const char *file)
{
	char log[sizeof(err_path)];

	memcpy(log, err_path, sizeof(log));
	snprintf(err_path, sizeof(err_path), "%s/err2", m->dir);
	expect_exit(run(conf, "trigger", file), 0);
	memcpy(err_path, log, sizeof(log));
}

static void until_it_waits(const char *conf)
{
	bool waits = false;

	for (int i = 0; i < 2000 && !waits; i++) {
		json_t *s = status_beside(conf);

		waits = !strcmp(json_string_value(json_object_get(s, "state")), "waiting");
		json_decref(s);
	}
	assert_true(waits);
}

/* An enrolled node is told to go elsewhere, and waits for that. */
static void sent_elsewhere(const char *name)
{
	const char *conf = mock_config(m, name, elsewhere, LONG_WAITS);
	pid_t pid = start_agent(conf, "run", NULL);

	serve_until(pid, "enrolled-already");
	told(conf, NULL);
	serve_until(pid, "instruction-failed");
	until_it_waits(conf);
	expect_clean_stop(pid);
}

/* Enrolled with the mock, on the way elsewhere, and a tenth of the key's life is left. */
static const char *moving(const char *name, int left, const char *extra)
{
	expect_exit(run(mock_config(m, name, mock_instruction(m), ""), "run", "--once"), 0);
	sent_elsewhere(name);
	(void)key_near_the_end(name, left > 0 ? 10 * left : 1000, left);
	return mock_config(m, name, elsewhere, extra);
}

static unsigned renewals(const json_t *s, const char *outcome)
{
	const json_t *all = json_object_get(s, "attempts");
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);

		n += !strcmp(json_string_value(json_object_get(one, "trigger")), "renewal") &&
		     !strcmp(json_string_value(json_object_get(one, "outcome")), outcome);
	}
	return n;
}

static void renewed_between_two_tries(void **state)
{
	const char *conf = moving("b", 1000, LONG_WAITS);
	const json_t *report;
	json_t *s;
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "renewing-between");
	serve_until(pid, "enrolled key=km-1@");
	s = status_beside(conf);
	/* the run waits as it did, and still says why; the renewal is told beside it */
	assert_string_equal(json_string_value(json_object_get(s, "state")), "waiting");
	report = json_array_get(json_object_get(s, "reports"), 0);
	assert_string_equal(json_string_value(json_object_get(report, "resource")), "https://mef.other.example.com:1");
	assert_true(renewals(s, "failed") == 0 && renewals(s, "enrolled") == 1);
	assert_string_equal(text(s, "credential", "notAfter"), "20980101T000000");
	json_decref(s);
	expect_clean_stop(pid);
	expect_enrolled(conf);
	assert_int_equal(m->n_keys, 2);
	/* over a start it waits still, and has nothing to do */
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "waiting-still");
	s = status_beside(conf);
	assert_string_equal(json_string_value(json_object_get(s, "state")), "waiting");
	json_decref(s);
	expect_clean_stop(pid);
	assert_int_equal(m->n_keys, 2);
}

/* It has ended meanwhile: where it came from is asked for a new one all the same. */
static void also_when_it_has_ended(void **state)
{
	const char *conf = moving("e", -1, LONG_WAITS);
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/* A run that was at home and failed there is the renewal itself: one key comes of it, whoever is first. */
static void at_home_it_is_one(void **state)
{
	const char *conf;
	pid_t pid;

	(void)state;
	expect_exit(run(mock_config(m, "h", mock_instruction(m), ""), "run", "--once"), 0);
	(void)key_near_the_end("h", 240, 24);
	conf = mock_config(m, "h", mock_instruction(m), "backoff_first = \"8s\";\nbackoff_max = \"8s\";\nopen_timeout = \"2s\";\n");
	mock_down(m);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "instruction-failed");
	mock_up(m);
	serve_until(pid, "enrolled key=km-1@");
	for (int i = 0; i < 100; i++) {
		json_t *s = status_beside(conf);
		bool waits = !strcmp(json_string_value(json_object_get(s, "state")), "waiting");

		json_decref(s);
		if (!waits)
			break;
	}
	expect_clean_stop(pid);
	expect_enrolled(conf);
	assert_int_equal(m->n_keys, 2);
}

/* Who triggers anything goes before it; afterwards it is begun again at once. Where it leads is away as well: tried again, in time. */
static void a_trigger_goes_first(void **state)
{
	const char *conf = moving("t", 24, "backoff_first = \"86400s\";\nbackoff_max = \"86400s\";\nopen_timeout = \"60s\";\n");
	struct mst_diag d = { 0 };
	char address[64];
	pid_t pid;
	int fd;

	(void)state;
	mock_mef_down(m);
	snprintf(address, sizeof(address), "127.0.0.1:%u", m->mef_port);
	assert_int_equal(mst_listen(address, true, &fd, &m->mef_port, &d), 0);       /* takes what comes, and says nothing */
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "renewing-between");
	told(conf, NULL);
	serve_until(pid, "instruction-failed");
	serve_until_times(pid, "renewing-between", 2);
	close(fd);
	serve_until(pid, "key-not-renewed");
	mock_mef_up(m);
	serve_until(pid, "enrolled key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/* The owner's "renew", as a gateway hands it to the agent, under the key in use. */
static void push_renew(const struct mst_root_cred *cred, const char *socket_path)
{
	struct mst_crypto *c = mst_crypto_openssl();
	uint8_t octets[MST_TRIGGER_MAX], cover[MST_TRIGGER_COVER_MAX], tag[MST_TRIGGER_MAC], node[MST_TRIGGER_HINT], hint[MST_TRIGGER_HINT];
	struct mst_trigger t = { .has = 0x7f, .version = 1, .node = { node, sizeof(node) }, .key = { hint, sizeof(hint) }, .counter = 1,
				 .issued = time(NULL), .window = 3600, .what = MST_TRIGGER_RENEW };
	struct mst_writer w = mst_writer_of(octets, sizeof(octets)), v = mst_writer_of(cover, sizeof(cover));
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct mst_key key;

	assert_int_equal(mst_trigger_hint(c, mst_view_str(m->from[0]), node), 0);
	assert_int_equal(mst_trigger_hint(c, mst_view_str(cred->key_id), hint), 0);
	assert_int_equal(mst_derive_trigger(c, &cred->key, mst_view_str(cred->key_id), &key), 0);
	mst_trigger_write_body(&t, &w);
	mst_trigger_cover(&v, mst_view_str(m->from[0]), mst_written(&w));
	assert_int_equal(mst_trigger_mac(c, &key, mst_written(&v), tag), 0);
	mst_trigger_put_tag(&w, (struct mst_view){ tag, sizeof(tag) });
	assert_true(w.ok && v.ok && fd >= 0 && strlen(socket_path) < sizeof(to.sun_path));
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", socket_path);
	assert_int_equal(sendto(fd, octets, w.n, 0, (struct sockaddr *)&to, sizeof(to)), w.n);
	close(fd);
	mst_key_wipe(&key);
}

/* Somebody who may say so wants the key renewed while a run waits for another provider: it is, and that run is not given up for it. */
static void a_pushed_renewal_lets_a_run_wait(void **state)
{
	char extra[400], path[160];
	struct mst_root_cred cred;
	const char *conf;
	json_t *s;
	pid_t pid;

	(void)state;
	expect_exit(run(mock_config(m, "p", mock_instruction(m), ""), "run", "--once"), 0);
	cred = slot_of("p");
	snprintf(path, sizeof(path), "%s/door", m->dir);
	snprintf(extra, sizeof(extra), LONG_WAITS "trigger = { socket = \"%s\"; };\n", path);
	conf = mock_config(m, "p", elsewhere, extra);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled-already");
	told(conf, NULL);
	serve_until(pid, "instruction-failed");
	until_it_waits(conf);
	push_renew(&cred, path);
	mst_root_cred_wipe(&cred);
	serve_until(pid, "triggered by=socket what=renew");
	serve_until(pid, "enrolled key=km-1@");
	s = status_beside(conf);
	assert_string_equal(json_string_value(json_object_get(s, "state")), "waiting");
	assert_string_equal(text(s, "credential", "keyID"), m->key[1].km_id);
	assert_int_equal(renewals(s, "enrolled"), 1);
	json_decref(s);
	expect_clean_stop(pid);
	assert_int_equal(m->n_keys, 2);
}

/* Moved by a person to the mock, away from where the file in the configuration leads: to that it does not go back by itself. */
static void not_back_to_where_the_file_leads(void **state)
{
	char extra[400], path[160], file[192];
	struct mst_root_cred cred;
	const char *conf;
	json_t *s;
	pid_t pid;

	(void)state;
	snprintf(path, sizeof(path), "%s/door", m->dir);
	snprintf(extra, sizeof(extra), LONG_WAITS "trigger = { socket = \"%s\"; };\n", path);
	(void)mock_config(m, "new", mock_instruction(m), "");
	snprintf(file, sizeof(file), "%s/new.json", m->dir);
	conf = mock_config(m, "f", elsewhere, extra);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "instruction-failed");
	until_it_waits(conf);
	told(conf, file);
	serve_until(pid, "enrolled key=km-0@");
	expect_clean_stop(pid);
	/* its end is near */
	(void)key_near_the_end("f", 10000, 1000);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled key=km-1@");
	expect_clean_stop(pid);
	assert_int_equal(said("instruction-failed") + said("renewing-between"), 0);
	/* it has passed: the node was off, or its clock is wrong */
	(void)key_near_the_end("f", 10000, -1);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled key=km-2@");
	expect_clean_stop(pid);
	assert_int_equal(said("instruction-failed") + said("renewing-between"), 0);
	/* and its owner wants it renewed */
	cred = slot_of("f");
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled-already");
	push_renew(&cred, path);
	mst_root_cred_wipe(&cred);
	serve_until(pid, "enrolled key=km-3@");
	s = status_beside(conf);
	assert_string_equal(json_string_value(json_object_get(s, "state")), "enrolled");
	json_decref(s);
	assert_int_equal(said("instruction-failed") + said("renewing-between"), 0);
	/* the control: told by a person it goes where the file leads */
	told(conf, NULL);
	serve_until(pid, "instruction-failed");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/* Instructions that say until when, written into what the node keeps as if that time had come. */
static void until_then(const char *name, const char *blob, uint32_t was, uint32_t is)
{
	static uint8_t b[65536];
	struct mst_secenv *s = state_of(name);
	uint8_t from[4] = { (uint8_t)(was >> 24), (uint8_t)(was >> 16), (uint8_t)(was >> 8), (uint8_t)was },
		to[4] = { (uint8_t)(is >> 24), (uint8_t)(is >> 16), (uint8_t)(is >> 8), (uint8_t)is }, *at;
	size_t n = 0;

	assert_int_equal(s->ops->load_blob(s, blob, b, sizeof(b), &n, NULL), 0);
	at = memmem(b, n, from, sizeof(from));
	assert_non_null(at);
	memcpy(at, to, sizeof(to));
	assert_int_equal(s->ops->store_blob(s, blob, (struct mst_view){ b, n }, NULL), 0);
	s->ops->close(s);
}

#define Y2096 UINT32_C(3991680000)   /* 2096-06-28T00:00:00 */

static void write_until(const char *name, const char *until)
{
	char file[192];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s.json", m->dir, name);
	f = fopen(file, "w");
	assert_true(f && fprintf(f, "{\"version\":1,\"validUntil\":\"%s\",\"instructions\":[%s]}\n", until, mock_instruction(m)) > 0 && !fclose(f));
}

/* Enrolled by instructions that have ended since. */
static const char *enrolled_until(const char *name)
{
	const char *conf = mock_config(m, name, mock_instruction(m), "check_every = \"1s\";\nbackoff_first = \"1s\";\nbackoff_max = \"2s\";\n");

	write_until(name, "20960628T000000");
	expect_exit(run(conf, "run", "--once"), 0);
	until_then(name, "sequence", Y2096, (uint32_t)time(NULL) - 10);
	until_then(name, "progress", Y2096, (uint32_t)time(NULL) - 10);
	write_until(name, "20250101T000000");
	return conf;
}

/* They may begin no enrolment elsewhere any more. With whom the node is it stays: its key is renewed … */
static void instructions_that_have_ended(void **state)
{
	const char *conf = enrolled_until("u");
	pid_t pid;

	(void)state;
	(void)key_near_the_end("u", 10000, 1000);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
	assert_int_equal(said("no-instructions"), 0);
}

/* As an agent of before left it, which kept no instruction with a credential. */
static void without_origin(const char *name)
{
	static const char *const blobs[] = { "origin-a", "origin-b", "origin-c", "origin-d" };
	struct mst_secenv *s = state_of(name);

	for (size_t i = 0; i < MST_COUNT(blobs); i++)
		assert_int_equal(s->ops->store_blob(s, blobs[i], MST_VIEW_NONE, NULL), 0);
	s->ops->close(s);
}

/* … and made anew when the MAF has forgotten it; also where the credential alone says where it came from. */
static void lost_when_they_have_ended(void **state)
{
	const char *conf = enrolled_until("v");
	pid_t pid;

	(void)state;
	without_origin("v");
	m->maf_forgets = MST_RSC_NOT_FOUND;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "credential-lost");
	m->maf_forgets = 0;
	serve_until(pid, "enrolled key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/* The power goes at every durable point of it. One key works, and it goes on by itself. */
static void power_cut(void **state)
{
	static const char *const points[] = { "origin-kept", "slots-changed" };
	char name[32], crash[192];
	size_t n = MST_COUNT(points) + ENROLEE_POINT__COUNT;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char *point = i < MST_COUNT(points) ? points[i] : enrolee_point_text((enum enrolee_point)(i - MST_COUNT(points)));
		const struct mock_key *k;
		struct mst_root_cred c;
		const char *conf;
		pid_t pid;

		if (i == MST_COUNT(points) + ENROLEE_AT_NOTHING || !strcmp(point, "bootstrapped") || !strcmp(point, "naf-keyed"))
			continue;            /* a card's */
		snprintf(name, sizeof(name), "c%zu", i);
		snprintf(crash, sizeof(crash), LONG_WAITS "crash_at = \"%s\";\n", point);
		conf = moving(name, 1000, crash);
		expect_exit(run(conf, "run", NULL), -SIGKILL);
		c = slot_of(name);
		k = mock_find(m, c.key_id);
		assert_true(c.confirmed && k && k->confirmed && mst_ct_equal(mst_key_view(&c.key), mst_key_view(&k->km)));
		conf = mock_config(m, name, elsewhere, LONG_WAITS);
		pid = start_agent(conf, "run", NULL);
		if (c.not_after < time(NULL) + 86400)
			serve_until(pid, "enrolled key=");
		expect_clean_stop(pid);
		expect_enrolled(conf);
		c = slot_of(name);
		assert_true(c.not_after > time(NULL) + 86400);
		mst_root_cred_wipe(&c);
	}
}

static unsigned long wakeups(pid_t pid)
{
	char path[64], status[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	read_text(path, status, sizeof(status));
	p = strstr(status, "\nvoluntary_ctxt_switches:");
	assert_non_null(p);
	return strtoul(p + strlen("\nvoluntary_ctxt_switches:"), NULL, 10);
}

/* Who has nothing and waits sleeps, also after the moment at which one with a credential would have visited its MEF. */
static void who_waits_sleeps(void **state)
{
	const char *conf = mock_config(m, "s", elsewhere, LONG_WAITS);
	unsigned long before;
	struct timespec t;
	time_t begin;
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "instruction-failed");
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (begin = t.tv_sec; t.tv_sec - begin < 3; clock_gettime(CLOCK_MONOTONIC, &t))
		serve_a_moment();
	before = wakeups(pid);
	for (begin = t.tv_sec; t.tv_sec - begin < 2; clock_gettime(CLOCK_MONOTONIC, &t))
		serve_a_moment();
	assert_true(wakeups(pid) - before < 100);
	expect_clean_stop(pid);
}

/* `run --once` does what is due, once, says so and ends. */
static void once(void **state)
{
	const char *conf = mock_config(m, "o", mock_instruction(m), "open_timeout = \"2s\";\n");
	char said_it[8192];
	struct mst_root_cred c;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	c = slot_of("o");
	c.mef_reg = c.maf_reg = (struct mst_reg_term){ time(NULL) - 1000, time(NULL) + 100 };
	slot_put("o", &c);
	expect_exit(run(conf, "run", "--once"), 0);
	read_text(out_path, said_it, sizeof(said_it));
	assert_non_null(strstr(said_it, "renewed       registration at the MEF: until 20980601T000000\n"));
	assert_non_null(strstr(said_it, "renewed       registration at the MAF: until 20980601T000000\n"));
	assert_true(m->updates[0] == 1 && m->updates[1] == 1 && m->n_keys == 1);
	/* nothing is due: nothing is done */
	expect_exit(run(conf, "run", "--once"), 0);
	read_text(out_path, said_it, sizeof(said_it));
	assert_true(!strstr(said_it, "renewed") && m->updates[0] == 1 && m->n_keys == 1);
	(void)key_near_the_end("o", 10000, 1000);
	expect_exit(run(conf, "run", "--once"), 0);
	read_text(out_path, said_it, sizeof(said_it));
	assert_non_null(strstr(said_it, "renewed       root key: km-1@"));
	expect_enrolled(conf);
	/* nobody answers: once is enough, and it is told */
	c = slot_of("o");
	c.mef_reg = c.maf_reg = (struct mst_reg_term){ time(NULL) - 1000, time(NULL) + 100 };
	slot_put("o", &c);
	mock_down(m);
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, said_it, sizeof(said_it));
	assert_non_null(strstr(said_it, "not renewed   registration at the MEF: "));
	assert_non_null(strstr(said_it, "not renewed   registration at the MAF: "));
	mock_up(m);
	/* on the way elsewhere: the run fails, the key is renewed */
	sent_elsewhere("o");
	(void)key_near_the_end("o", 10000, 1000);
	conf = mock_config(m, "o", elsewhere, LONG_WAITS);
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, said_it, sizeof(said_it));
	assert_non_null(strstr(said_it, "renewed       root key: km-2@"));
	expect_enrolled(conf);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(renewed_between_two_tries), T(also_when_it_has_ended), T(at_home_it_is_one), T(a_trigger_goes_first), T(a_pushed_renewal_lets_a_run_wait), T(not_back_to_where_the_file_leads),
		T(instructions_that_have_ended), T(lost_when_they_have_ended), T(power_cut), T(who_waits_sleeps), T(once),
	};

	program = argc > 1 ? argv[1] : NULL;
	assert_non_null(program);
	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: upkeep", tests, NULL, NULL);
}
