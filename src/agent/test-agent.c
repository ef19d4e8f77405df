/*
 * The agent, whole: the real program against a provider in this process (test-mock.h). Each case starts
 * muster-agent, serves it until it ends or something has happened, and looks at what is true afterwards.
 */
#include "agent/test-run.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"
#include "enrolee/enrolee.h"

/* Enrols; then starts without any network (lesson 2); shows ids and never keys (architecture 6). */
static void test_enrol_and_live_without_network(void **state)
{
	const char *conf = mock_config(m, "a", mock_instruction(m), "");
	char output[16384];
	unsigned before;
	uint8_t b64[128];
	struct mst_writer w;

	(void)state;
	m->command = true;
	expect_exit(run(conf, "--check", NULL), 0);
	expect_exit(run(conf, "status", NULL), 0);   /* an answer, not a verdict */
	expect_exit(run(conf, "run", "--once"), 0);
	expect_enrolled(conf);
	assert_string_equal(m->from[0], "urn:dev:ops:32473-1-2");
	assert_string_equal(m->from[1], "/C1");
	assert_int_equal(strncmp(m->vsi, "attempt=", 8), 0);
	assert_int_equal(m->reported_41, 1);         /* 7.1: a class that is not built in */
	before = m->mef_requests + m->maf_requests;
	mock_down(m);
	expect_exit(run(conf, "run", "--once"), 0);
	mock_up(m);
	assert_int_equal(m->mef_requests + m->maf_requests, before);
	(void)run(conf, "status", "--json");
	read_text(out_path, output, sizeof(output));
	w = mst_writer_of(b64, sizeof(b64));
	mst_put_base64(&w, mst_key_view(&m->key[0].km));
	mst_put_nul(&w);
	assert_null(strstr(output, (char *)b64));
	w = mst_writer_of(b64, sizeof(b64));
	mst_put_hex(&w, mst_key_view(&m->key[0].km));
	mst_put_nul(&w);
	assert_null(strcasestr(output, (char *)b64));
}

/* Lesson 14: the power goes at every point; the next start ends enrolled, with one truth. */
static void test_power_cut_at_every_point(void **state)
{
	(void)state;
	for (int p = -1; p < ENROLEE_POINT__COUNT; p++) {
		const char *point = p < 0    ? "triggered"
				    : p == 0 ? "progress-saved"
					     : enrolee_point_text((enum enrolee_point)p);
		char name[16], extra[64];
		unsigned mef_before;
		const char *conf;

		if (p == ENROLEE_AT_BOOTSTRAPPED || p == ENROLEE_AT_NAF_KEYED)
			continue;            /* a card's: tests/scenario/test_gba_agent.py */
		snprintf(name, sizeof(name), "cut%d", p + 1);
		snprintf(extra, sizeof(extra), "crash_at = \"%s\";\n", point);
		conf = mock_config(m, name, mock_instruction(m), extra);
		expect_exit(run(conf, "run", "--once"), -SIGKILL);
		conf = mock_config(m, name, mock_instruction(m), "");
		mef_before = m->mef_requests;
		expect_exit(run(conf, "run", "--once"), 0);
		expect_enrolled(conf);
		/* From the pending slot on, the MEF is not needed any more. */
		if (p >= ENROLEE_AT_PENDING_SAVED && m->mef_requests != mef_before) {
			char log[8192];

			read_text(err_path, log, sizeof(log));
			fail_msg("%s: the MEF was asked again: %s", point, log);
		}
	}
}

/* Fallback: the first instructions fail for different reasons, the last succeeds (architecture 3.2). */
static void test_fallback(void **state)
{
	const char *conf;
	char list[2048], log[16384];

	(void)state;
	snprintf(list, sizeof(list),
		 "{\"kind\":\"bootstrap\",\"method\":\"psk\",\"uri\":\"https://"
		 "mef.example.com:1\",\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"},"
		 "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://"
		 "localhost.invalid:1\",\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"},"
		 "%s",
		 mock_instruction(m));
	conf = mock_config(m, "f", list, "");
	expect_exit(run(conf, "run", "--once"), 0);
	read_text(err_path, log, sizeof(log));
	if (!strstr(log, "reason=unreachable") || !strstr(log, "at localhost.invalid (mef.open): "))
		fail_msg("%s", log);
	expect_enrolled(conf);
}

static const char *step_of(const json_t *report)
{
	return json_string_value(json_object_get(report, "step"));
}

/* Lesson 20: what was done when, which arrow failed and why, is told afterwards, by anybody who asks. */
static void test_record(void **state)
{
	static const char *const arrows[] = { "mef.open", "mef.register", "mef.command", "mef.config",
					      "mef.key-register", "node.save", "maf.open", "maf.register",
					      "node.save", "maf.activated", "maf.registration", "node.save",
					      "node.promote" };
	const char *conf = mock_config(m, "rec", mock_instruction(m), "");
	json_t *s = status_of(conf), *steps, *reports;
	json_int_t last = 0;
	char path[192], attempt[33], log[8192];

	(void)state;
	/* Nothing yet: the same members, and no state directory for having asked. */
	assert_string_equal(json_string_value(json_object_get(s, "state")), "not-enrolled");
	assert_string_equal(json_string_value(json_object_get(s, "attempt")), "");
	assert_true(json_is_array(json_object_get(s, "reports")) && json_is_array(json_object_get(s, "steps")));
	assert_true(json_is_null(json_object_get(s, "credential")));
	json_decref(s);
	snprintf(path, sizeof(path), "%s/rec-state", m->dir);
	assert_int_equal(access(path, F_OK), -1);

	m->mef_refuses = MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED;
	expect_exit(run(conf, "run", "--once"), 1);
	s = status_of(conf);
	reports = json_object_get(s, "reports");
	assert_int_equal(json_array_size(reports), 1);
	assert_string_equal(step_of(json_array_get(reports, 0)), "mef.register");
	assert_string_equal(json_string_value(json_object_get(json_array_get(reports, 0), "reason")), "refused");
	assert_int_equal(json_array_size(json_object_get(s, "steps")), 1);
	assert_string_equal(json_string_value(json_object_get(s, "trigger")), "boot");
	snprintf(attempt, sizeof(attempt), "%s", json_string_value(json_object_get(s, "attempt")));
	assert_int_equal(strlen(attempt), 32);
	json_decref(s);
	expect_exit(run(conf, "status", NULL), 0);
	read_text(out_path, log, sizeof(log));
	assert_non_null(strstr(log, "the provider refused, while registering with the MEF"));

	m->mef_refuses = 0;
	expect_exit(run(conf, "run", "--once"), 0);
	s = status_of(conf);
	assert_string_not_equal(json_string_value(json_object_get(s, "attempt")), attempt);
	assert_string_equal(json_string_value(json_object_get(s, "attempt")), m->vsi + 8);
	reports = json_object_get(s, "reports");
	assert_int_equal(json_array_size(reports), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(reports, 0), "reason")), "ok");
	steps = json_object_get(s, "steps");
	assert_int_equal(json_array_size(steps), MST_COUNT(arrows));
	for (size_t i = 0; i < MST_COUNT(arrows); i++) {
		json_t *one = json_array_get(steps, i);
		json_int_t ms = json_integer_value(json_object_get(one, "ms"));

		assert_string_equal(json_string_value(json_object_get(one, "arrow")), arrows[i]);
		assert_true(ms >= last && ms < DEADLINE_S * 1000);
		last = ms;
	}
	assert_string_equal(text(s, "credential", "mafFQDN"), "maf.example.com");
	assert_string_equal(text(s, "credential", "mefFQDN"), "mef.example.com");
	json_decref(s);
}

/* Every reason is kept, in plain words with a remedy; the exit status says refused. */
static void test_refused(void **state)
{
	const char *conf = mock_config(m, "r", mock_instruction(m), "");
	char log[16384];

	(void)state;
	m->mef_refuses = MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED;
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, log, sizeof(log));
	assert_non_null(strstr(log, "the provider refused"));
	assert_non_null(strstr(log, "4128"));
	assert_non_null(strstr(log, "what to do: "));
	/* Lesson 3: a refusal is no state; as soon as it is lifted the same node gets in. */
	m->mef_refuses = 0;
	expect_exit(run(conf, "run", "--once"), 0);
	expect_enrolled(conf);
}

/* A discovery instruction is replaced by what its file yields (architecture 3.2). */
static void test_discovery_by_file(void **state)
{
	const char *conf;
	char list[1024];

	(void)state;
	(void)mock_config(m, "inner", mock_instruction(m), "");
	snprintf(list, sizeof(list),
		 "{\"kind\":\"discovery\",\"method\":\"file\",\"uri\":\"%s/nowhere.json\"},"
		 "{\"kind\":\"discovery\",\"method\":\"file\",\"uri\":\"%s/inner.json\"}",
		 m->dir, m->dir);
	conf = mock_config(m, "outer", list, "");
	expect_exit(run(conf, "run", "--once"), 0);
	expect_enrolled(conf);
}

static void test_untrusted(void **state)
{
	const char *conf = mock_config(m, "u", mock_instruction(m), "anchors = \"other.pem\";\n");
	char log[16384];

	(void)state;
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, log, sizeof(log));
	assert_non_null(strstr(log, "could not prove who it is"));
	assert_int_equal(m->mef_requests, 0);
}

static void test_configuration_errors(void **state)
{
	static const struct { const char *extra, *word; } bad[] = {
		{ "backoff_first = \"soon\";\n", "backoff_first: not a duration" },
		{ "backoff_max = \"1s\";\n", "backoff_max: is less" },
		{ "colour = \"red\";\n", "colour: unknown setting" },
		{ "log = { format = \"xml\"; };\n", "log.format: unknown value \"xml\"; one of text, json" },
		{ "log = { level = \"loud\"; };\n", "log.level: unknown value \"loud\"; one of error, warn, info, debug" },
		{ "secenv = { backend = \"cloud\"; };\n", "secenv.backend: unknown value \"cloud\"; one of auto, file, tpm, pkcs11, card" },
		{ "crash_at = \"lunch\";\n", "crash_at: no such point" },
		{ "node_id = 7;\n", "node_id: must be a text" },
		{ "open_timeout = \"1d\";\n", "open_timeout: must be 1 to 600" },
		{ "node_id = \n", "syntax error" },
		{ "node_id = \"a\\x00b\";\n", "node_id: holds a control character" },
		{ "page = \"s\\X00\";\n", "page: holds a control character" },
		{ "media = [ \"/media\\x00\" ];\n", "media: an entry is" },
		{ "location = { site = \"a\\x00\"; };\n", "location.site: holds a control character" },
		{ "location = { latitude = \"90.0000001\"; longitude = \"0\"; };\n", "location.latitude: must be -90 to 90 degrees" },
		{ "location = { latitude = \"0\"; longitude = \"-180.5\"; };\n", "location.longitude: must be -180 to 180 degrees" },
		{ "  @include \"x\"\n", "@include: is not allowed" },
	};
	char log[4096];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		const char *conf = mock_config(m, "c", mock_instruction(m), bad[i].extra);

		expect_exit(run(conf, "run", "--once"), 1);
		read_text(err_path, log, sizeof(log));
		if (!strstr(log, bad[i].word) || !strstr(log, "c.conf:"))
			fail_msg("case %zu: %s", i, log);
	}
	expect_exit(run("/dev/null", "run", "extra"), 2);
	/* Instructions that others may write are not believed. */
	{
		const char *conf = mock_config(m, "w", mock_instruction(m), "");
		char path[192];

		snprintf(path, sizeof(path), "%s/w.json", m->dir);
		assert_int_equal(chmod(path, 0666), 0);
		expect_exit(run(conf, "--check", NULL), 1);
		read_text(err_path, log, sizeof(log));
		assert_non_null(strstr(log, "can be written by others"));
	}
	/* All that is wrong is told at once, each with its setting and its file. */
	{
		const char *conf = mock_config(m, "v", mock_instruction(m), "psk_identity = \"a@b.example.com\";\npsk_file = \"/none/psk\";\n"
				"bundle_anchors = \"/none/bundle.pem\";\n"
				"trigger = { listen = \"here\"; signers = \"/none/signers.pem\"; };\n");
		static const char *const words[] = { "psk_file: /none/psk: No such file", "bundle_anchors: /none/bundle.pem: No such file",
			"v.conf: bootstrap: ", "v.json: can be written by others", "trigger.listen: here: expected", "trigger.signers: /none/signers.pem: No such file" };
		char path[192];

		snprintf(path, sizeof(path), "%s/v.json", m->dir);
		assert_int_equal(chmod(path, 0666), 0);
		expect_exit(run(conf, "--check", NULL), 1);
		read_text(err_path, log, sizeof(log));
		for (size_t i = 0; i < MST_COUNT(words); i++)
			if (!strstr(log, words[i]))
				fail_msg("%s: %s", words[i], log);
	}
}

/* The daemon: enrols at boot, answers on its socket, is triggered by hand, stops cleanly. */
/* Lesson 2: a node in service starts, whatever is missing that it can live without; one that is not enrolled says so by ending. */
static void test_what_is_optional_is_missing(void **state)
{
	char log[8192], ahead[160];          /* addresses that no interface has yet */
	const char *const lacks[] = {
		ahead,
		"page = \"nosuch.invalid:8480\";\n",
		"trigger = { signers = \"nosuch.pem\"; };\n",
		"trigger = { socket = \"/nosuch/directory/socket\"; };\n",
		"bundle_anchors = \"nosuch.pem\";\n",
	};
	static const char *const says[] = { "page-waits", "page address", "door signers", "door address", "bundle-anchors" };
	json_t *s;
	pid_t pid;

	(void)state;
	snprintf(ahead, sizeof(ahead), "page = \"203.0.113.7:%u\";\ntrigger = { listen = \"203.0.113.7:%u\"; };\n", m->mef_port, m->maf_port);
	expect_exit(run(mock_config(m, "o", mock_instruction(m), lacks[2]), "run", NULL), 3);
	expect_exit(run(mock_config(m, "o", mock_instruction(m), lacks[1]), "run", NULL), 1);
	expect_exit(run(mock_config(m, "o", mock_instruction(m), ""), "run", "--once"), 0);
	for (size_t i = 0; i < MST_COUNT(lacks); i++) {
		const char *conf = mock_config(m, "o", mock_instruction(m), lacks[i]);

		pid = start_agent(conf, "run", NULL);
		serve_until(pid, "enrolled-already");
		read_text(err_path, log, sizeof(log));
		if (!strstr(log, says[i]) || (!i && !strstr(log, "door-waits")))
			fail_msg("case %zu: %s", i, log);
		s = status_beside(conf);
		if (json_is_string(json_object_get(json_object_get(s, "pushed"), "lacks")) != (i == 2 || i == 3))
			fail_msg("case %zu: %s", i, log);
		json_decref(s);
		expect_clean_stop(pid);
	}
}

static void test_daemon(void **state)
{
	const char *conf = mock_config(m, "s", mock_instruction(m), "");
	char saved_err[192];
	json_t *s;
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled");
	memcpy(saved_err, err_path, sizeof(saved_err));
	snprintf(err_path, sizeof(err_path), "%s/err2", m->dir);
	s = status_of(conf);
	assert_true(json_is_true(json_object_get(s, "running")));
	assert_string_equal(json_string_value(json_object_get(s, "state")), "enrolled");
	json_decref(s);
	/* A second agent on the same state is refused, the first is not disturbed. */
	expect_exit(run(conf, "run", "--once"), 1);
	expect_exit(run(conf, "trigger", NULL), 0);
	memcpy(err_path, saved_err, sizeof(saved_err));
	serve_until(pid, "key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
	assert_int_equal(m->n_keys, 2);
}

/* Lesson 18 and issue: renewed before the end, from what was kept, without anybody's help. */
static void test_renewal(void **state)
{
	const char *conf = mock_config(m, "n", mock_instruction(m), "");
	pid_t pid;

	(void)state;
	m->key_seconds = 10;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "key=km-0@");
	m->key_seconds = 0;
	serve_until(pid, "key=km-1@");
	serve_until(pid, "by=renewal");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/* Lesson 4: while a new credential is obtained the old one stays, wherever the power goes; never zero. */
static void test_power_cut_with_an_old_credential(void **state)
{
	(void)state;
	for (int p = ENROLEE_AT_MEF_OPENED; p < ENROLEE_POINT__COUNT; p++) {
		char name[16], extra[64];
		const char *conf;
		json_t *s;
		pid_t pid;

		snprintf(name, sizeof(name), "old%d", p);
		conf = mock_config(m, name, mock_instruction(m), "");
		expect_exit(run(conf, "run", "--once"), 0);
		snprintf(extra, sizeof(extra), "crash_at = \"%s\";\n",
			 enrolee_point_text((enum enrolee_point)p));
		conf = mock_config(m, name, mock_instruction(m), extra);
		pid = start_agent(conf, "run", NULL);
		serve_until(pid, "enrolled-already");
		snprintf(err_path, sizeof(err_path), "%s/err2", m->dir);
		expect_exit(run(conf, "trigger", NULL), 0);
		snprintf(err_path, sizeof(err_path), "%s/err", m->dir);
		expect_exit(-WTERMSIG(serve_until_exit(pid)), -SIGKILL);
		s = status_of(conf);
		assert_non_null(mock_find(m, text(s, "credential", "keyID")));
		json_decref(s);
		conf = mock_config(m, name, mock_instruction(m), "");
		expect_exit(run(conf, "run", "--once"), 0);
		expect_enrolled(conf);
		/* It is the new one. */
		s = status_of(conf);
		assert_ptr_equal(mock_find(m, text(s, "credential", "keyID")), &m->key[m->n_keys - 1]);
		json_decref(s);
	}
}

/* Lesson 16: a damaged slot is not an empty one; a person's trigger is a decision. */
static void test_damaged_store(void **state)
{
	const char *conf = mock_config(m, "d", mock_instruction(m), "");
	char command[512], log[16384], file[192];
	unsigned before;
	pid_t pid;
	json_t *s;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	before = m->mef_requests;
	/* Both generations of the active slot, in the middle. */
	snprintf(command, sizeof(command),
		 "for f in '%s'/d-state/cred-*; do printf XXXXXXXX | dd of=\"$f\" bs=1 seek=40 conv=notrunc "
		 "2>/dev/null; done",
		 m->dir);
	assert_int_equal(system(command), 0);
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, log, sizeof(log));
	/* What is wrong, in which file, what to do: in the log and beside it for who started it. */
	snprintf(file, sizeof(file), "%s/d-state/cred-", m->dir);
	assert_non_null(strstr(log, "damaged remedy=\"put a copy of the state directory back"));
	assert_non_null(strstr(log, file));
	assert_non_null(strstr(log, ": damaged, and there is no older copy that is whole\n  what to do: put a copy"));
	assert_int_equal(m->mef_requests, before);
	expect_exit(run(conf, "status", NULL), 0);
	read_text(out_path, log, sizeof(log));
	assert_non_null(strstr(log, "state         damaged"));
	assert_non_null(strstr(log, file));
	assert_non_null(strstr(log, "what to do: put a copy of the state directory back"));
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "damaged remedy");
	snprintf(err_path, sizeof(err_path), "%s/err2", m->dir);
	expect_exit(run(conf, "trigger", NULL), 0);
	snprintf(err_path, sizeof(err_path), "%s/err", m->dir);
	serve_until(pid, "key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
	s = status_of(conf);
	assert_true(json_is_null(json_object_get(s, "damage")));
	json_decref(s);
}

/* How often does the text name it? */
static unsigned names(const char *log, const char *what)
{
	unsigned n = 0;

	for (; (log = strstr(log, what)); log++)
		n++;
	return n;
}

/* The key file is gone while what it sealed is there: that file is named, by everybody who looks. */
static void test_missing_key_file(void **state)
{
	const char *conf = mock_config(m, "nokey", mock_instruction(m), "");
	char path[192], log[8192];

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	snprintf(path, sizeof(path), "%s/nokey.key", m->dir);
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 2; i++) {
		expect_exit(i ? run(conf, "status", NULL) : run(conf, "run", "--once"), i ? 3 : 1);
		read_text(err_path, log, sizeof(log));
		if (!strstr(log, "nokey.key: missing, but there are files sealed with it") ||
		    !strstr(log, "put the file back from a copy") || names(log, path) != 1)
			fail_msg("%d: %s", i, log);
	}
	/* nothing was made anew */
	assert_int_equal(access(path, F_OK), -1);
}

/* A file's name stands once in what is said about it, and always. */
static void test_files_are_named_once(void **state)
{
	static const struct { const char *json, *word; } bad[] = {
		{ NULL, "No such file" },
		{ "{", "" },
		{ "{\"version\":1,\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"pks\",\"uri\":\"https://a\"}]}",
		  "instructions[0].method: " },
	};
	const char *conf = mock_config(m, "once", mock_instruction(m), "");
	char json[192], other[192], log[8192];

	(void)state;
	snprintf(json, sizeof(json), "%s/once.json", m->dir);
	snprintf(other, sizeof(other), "%s/other.json", m->dir);
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		for (int how = 0; how < 3; how++) {
			const char *path = how == 2 ? other : json;
			FILE *f;

			unlink(json);
			unlink(other);
			f = bad[i].json ? fopen(path, "w") : NULL;
			if (f) {
				assert_true(fputs(bad[i].json, f) >= 0 && fchmod(fileno(f), 0600) == 0);
				fclose(f);
			}
			expect_exit(how == 0   ? run(conf, "--check", NULL)
				    : how == 1 ? run(conf, "run", "--once")
					       : run(conf, "trigger", other),
				    1);
			read_text(err_path, log, sizeof(log));
			if (names(log, path) != 1 || !strstr(log, bad[i].word))
				fail_msg("case %zu, way %d: %s", i, how, log);
		}
	}
	/* A discovery that leads to a file that is not there: the report names it, its detail does not again. */
	snprintf(log, sizeof(log), "{\"kind\":\"discovery\",\"method\":\"file\",\"uri\":\"%s/nowhere.json\"}", m->dir);
	conf = mock_config(m, "disc", log, "");
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, log, sizeof(log));
	assert_non_null(strstr(log, "nowhere.json: the server could not be reached (No such file or directory)"));
	/* So with the initial credential. */
	snprintf(json, sizeof(json), "%s/node.pem", m->dir);
	conf = mock_config(m, "cert", mock_instruction(m), "");
	assert_int_equal(unlink(json), 0);
	expect_exit(run(conf, "run", "--once"), 1);
	read_text(err_path, log, sizeof(log));
	if (names(log, json) != 1 || !strstr(log, "No such file"))
		fail_msg("%s", log);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enrol_and_live_without_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_cut_at_every_point, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fallback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_optional_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untrusted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_key_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_are_named_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_configuration_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discovery_by_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renewal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_cut_with_an_old_credential, setup, teardown),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
