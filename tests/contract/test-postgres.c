/* What only a server has: connections that are lost, other writers at the same time, hands that are not ours. */
#include "base/text.h"
#include "contract.h"
#include "cut.h"
#include "store/migration.h"
#include "store/pg.h"
#include "store/sql.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The store of a test, reached by way of `cut`. */
static struct fix *cut_off(char direct[400])
{
	struct fix *f = contract_new();
	const char *host = strstr(f->url, "host=") + 5;
	size_t n = strcspn(host, " ");
	char at[160], to[300], url[400];

	snprintf(at, sizeof(at), "%s/.s.PGSQL.5432", f->dir);
	snprintf(to, sizeof(to), "%.*s/.s.PGSQL.5432", (int)n, host); /* the port of its name is the usual one */
	snprintf(url, sizeof(url), "postgresql:host=%s%.200s", f->dir, host + n);
	strcpy(direct, f->url);
	strcpy(f->url, url);
	cut_start(at, to);
	assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
	return f;
}

/*
 * The connection is lost at each thing that a group says, before it is heard or before the answer is: the group is whole or
 * absent, as the store says, and the same opened store goes on (lessons 1, 16).
 */
static void lost_anywhere(void **state)
{
	char direct[400];
	struct fix *f = cut_off(direct);
	void *st = f;
	int whole = 0, found_out = 0, at_commit = 0;

	(void)state;
	for (int answered = 0; answered <= 1; answered++)
		for (int n = 1;; n++) {
			int i = answered * 1000 + n, r;

			cut_at((unsigned)n, answered);
			r = group_of_one(f->s, i);
			cut_never();
			if (!cut_done()) {
				assert_int_equal(r, 0);
				assert_true(n > 10);
				whole++;
				break;
			}
			assert_true(r <= 0);
			found_out += !r;
			at_commit = r ? at_commit : n;
			assert_int_equal(read_decision(f->s, i), !r);
			if (r) {
				/* it was lost by no fault of its own, and is made again at once */
				assert_int_equal(r, MST_FAULT_STORE);
				assert_true(mst_store_may_repeat(f->s));
				assert_int_equal(group_of_one(f->s, i), 0);
			}
			whole++;
		}
	/* of the commit whose answer was lost it was found out that it is there */
	assert_int_equal(found_out, 1);
	assert_int_equal(check_invariants(f->s), whole);
	/* and when nobody comes back to tell, that is what is told: the group is there, and must not be taken for lost */
	sq_of(f->s)->settle_ms = 300;
	cut_stays();
	cut_at((unsigned)at_commit, true);
	assert_int_equal(group_of_one(f->s, 5000), MST_FAULT_STORE);
	assert_true(cut_done() && mst_store_in_doubt(f->s) && !mst_store_may_repeat(f->s));
	mst_store_close(f->s);
	f->s = NULL;
	cut_end();
	assert_int_equal(mst_store_open(direct, &f->s, NULL), 0);
	assert_int_equal(check_invariants(f->s), whole + 1);
	assert_int_equal(read_decision(f->s, 5000), 1);
	contract_tear_down(&st);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A host that takes a connection and says nothing keeps nobody waiting: others decide meanwhile, or say that they cannot. */
static void a_host_that_says_nothing(void **state)
{
	char direct[400], url[500];
	struct fix *f = cut_off(direct);
	const char *port = strstr(f->url, " port=");
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	void *st = f;

	(void)state;
	assert_true(fd >= 0 && port && !bind(fd, (struct sockaddr *)&a, sizeof(a)) && !listen(fd, 8) && !getsockname(fd, (struct sockaddr *)&a, &n));
	f->s = mst_store_close(f->s);
	snprintf(url, sizeof(url), "%.*s,127.0.0.1 port=5432,%u%s", (int)(port - f->url), f->url, ntohs(a.sin_port), port + strlen(" port=5432"));
	assert_int_equal(mst_store_open(url, &f->s, NULL), 0);
	assert_int_equal(group_of_one(f->s, 1), 0);
	cut_stays();
	cut_at(1, false);
	assert_int_equal(group_of_one(f->s, 2), MST_FAULT_STORE);
	for (int i = 0; i < 5; i++) {
		int64_t began = now_ms();

		assert_int_equal(mst_store_begin(f->s), MST_FAULT_STORE);
		assert_true(now_ms() - began < 2500);
		assert_true(i || strstr(mst_store_error(f->s), "a connection to the database is being made"));
	}
	f->s = mst_store_close(f->s);
	cut_end();
	close(fd);
	assert_int_equal(mst_store_open(direct, &f->s, NULL), 0);
	assert_int_equal(check_invariants(f->s), 1);
	contract_tear_down(&st);
}

/* The server ends the connection of whoever holds the others up, or is restarted. */
static void ended_by_the_server(void **state)
{
	struct fix *f = *state;

	assert_int_equal(group_of_one(f->s, 1), 0);
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(write_decision(f->s, 2), 0);
	contract_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'musterd'");
	assert_int_equal(mst_store_commit(f->s), MST_FAULT_STORE);
	assert_true(mst_store_may_repeat(f->s));
	assert_int_equal(read_decision(f->s, 2), 0);
	assert_int_equal(group_of_one(f->s, 2), 0);
	contract_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'musterd'");
	assert_int_equal(mst_store_present(f->s), 0);
	assert_int_equal(check_invariants(f->s), 2);
}

/* A server that cannot put groups in an order says so, once here: the group is nobody's mistake, and the same again is good. */
static void not_to_be_serialised(void **state)
{
	struct fix *f = *state;
	char sql[600];

	snprintf(sql, sizeof(sql), "SET search_path = %s; CREATE SEQUENCE once; CREATE FUNCTION once_only() RETURNS trigger LANGUAGE plpgsql AS"
		 " $$ BEGIN IF nextval('once') = 1 THEN RAISE SQLSTATE '40001'; END IF; RETURN NEW; END $$;"
		 "CREATE TRIGGER once BEFORE INSERT ON credential FOR EACH ROW EXECUTE FUNCTION once_only()", f->schema);
	contract_sql(sql);
	assert_int_equal(group_of_one(f->s, 1), MST_FAULT_STORE);
	assert_true(mst_store_may_repeat(f->s));
	assert_int_equal(read_decision(f->s, 1), 0);
	assert_int_equal(group_of_one(f->s, 1), 0);
	assert_int_equal(check_invariants(f->s), 1);
}

/* --- many at once --- */

#define WRITERS 3
#define GROUPS 25


/* Vectors for the one SIM, one number each; what was given out is told. */
static int give_numbers(const char *url, int fd, int me)
{
	struct mst_store *s;

	if (mst_store_open(url, &s, NULL))
		return 1;
	for (int i = 0; i < GROUPS; i++) {
		struct mst_sim sim;
		int r = mst_store_begin(s);

		r = r ? r : write_decision(s, me * 1000 + i);
		r = r ? r : mst_store_sim_find(s, MST_SIM_BY_IMSI, "262011234567890", &sim);
		if (!r) {
			sim.sqn++;
			r = mst_store_sim_number(s, &sim);
		}
		r = r ? r : mst_store_commit(s);
		if (r || write(fd, &sim.sqn, sizeof(sim.sqn)) != sizeof(sim.sqn))
			return 2;
	}
	mst_store_close(s);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* No number twice, no entry of the audit log lost, and the last number is what is stored. One of them is killed on the way. */
static void at_the_same_time(void **state)
{
	struct fix *f = *state;
	struct mst_sim sim = { .imsi = "262011234567890", .impi = "262011234567890@ims.example.com", .amf = 0x8000, .key = { .n = 1 } };
	int64_t given[WRITERS * GROUPS + GROUPS];
	int fd[2], status;
	pid_t pid[WRITERS];
	size_t n = 0;

	assert_int_equal(mst_store_sim_insert(f->s, &sim), 0);
	assert_int_equal(pipe(fd), 0);
	f->s = mst_store_close(f->s); /* no connection survives a fork */
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (!pid[i]) {
			close(fd[0]);
			_exit(give_numbers(f->url, fd[1], i + 1));
		}
	}
	close(fd[1]);
	while (n < MST_COUNT(given) && read(fd[0], &given[n], sizeof(given[0])) == sizeof(given[0]))
		if (++n == GROUPS)
			kill(pid[0], SIGKILL);
	close(fd[0]);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(i ? status == 0 : status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	}
	assert_true(n >= (WRITERS - 1) * GROUPS);
	qsort(given, n, sizeof(given[0]), by_size);
	for (size_t i = 1; i < n; i++)
		assert_true(given[i] > given[i - 1]);
	assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, sim.imsi, &sim), 0);
	/* whoever was killed may have committed one that it could not tell any more */
	assert_in_range(sim.sqn - given[n - 1], 0, 1);
	assert_int_equal(check_invariants(f->s), sim.sqn);
}

/* --- hands that are not ours --- */

static void by_other_hands(void **state)
{
	static const struct { const char *sql; int fault; const char *words; } row[] = {
		{ "DROP TRIGGER event_never_deleted ON %s.event", MST_FAULT_CORRUPT, "changed by other hands" },
		{ "ALTER TABLE %s.event DISABLE TRIGGER event_never_changed", MST_FAULT_CORRUPT, "changed by other hands" },
		{ "DROP INDEX %s.credential_by_client", MST_FAULT_CORRUPT, "changed by other hands" },
		{ "ALTER TABLE %s.node ADD COLUMN colour TEXT", MST_FAULT_CORRUPT, "changed by other hands" },
		{ "INSERT INTO %s.schema_version VALUES (9999, 'tomorrow')", MST_FAULT_CONFIG, "use the newer program" },
		{ "DROP TABLE %s.schema_version", MST_FAULT_CONFIG, "tables of another program" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct fix *f = contract_new();
		void *st = f;
		struct mst_diag d;
		char sql[200];

		assert_int_equal(mst_store_open(f->url, &f->s, &d), 0);
		f->s = mst_store_close(f->s);
		assert_int_equal(mst_store_open(f->url, &f->s, &d), 0);
		f->s = mst_store_close(f->s);
/* the words are constants of this table */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(sql, sizeof(sql), row[i].sql, f->schema);
#pragma GCC diagnostic pop
		contract_sql(sql);
		assert_int_equal(mst_store_open(f->url, &f->s, &d), row[i].fault);
		if (!strstr(d.text, row[i].words))
			fail_msg("%zu: %s", i, d.text);
		contract_tear_down(&st);
	}
}

/* Of a suspension from before 0019 nobody wrote down who had ordered it: it is the installation's. */
static void suspended_before_0019(void **state)
{
	static const char back[] = "SET search_path = %s; ALTER TABLE node DROP COLUMN suspended_by; ALTER TABLE subscription DROP COLUMN suspended_by; DROP TABLE gba_flush;" CONTRACT_BACK_0022
				   " DELETE FROM schema_version WHERE number >= 19; RESET search_path";
	struct fix *f = *state;
	struct mst_subscription sub = make_sub(1);
	struct mst_node n = make_node(1);
	char sql[1200];

	n.state = MST_NODE_SUSPENDED;
	n.suspended_by = sub.suspended_by = MST_BY_PROVIDER;
	assert_int_equal(mst_store_sub_put(f->s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(f->s, &n), 0);
	f->s = mst_store_close(f->s);
	snprintf(sql, sizeof(sql), back, f->schema);
	contract_sql(sql);
	contract_reopen(f);
	assert_int_equal(mst_store_node_get(f->s, n.id, &n), 0);
	assert_true(n.state == MST_NODE_SUSPENDED && n.suspended_by == MST_BY_INSTALLATION);
	/* and since 0024 it is found by its CSE-ID in whatever case, though it was there before */
	mst_ascii_lower(n.cse_id);
	assert_int_equal(mst_store_node_of_cse(f->s, n.cse_id, 0, &n), 0);
	assert_int_equal(mst_store_sub_get(f->s, sub.id, &sub), 0);
	assert_true(sub.state == MST_SUB_SUSPENDED && sub.suspended_by == MST_BY_INSTALLATION);
}

static void by_hand(const struct fix *f, const char *sql)
{
	char text[1200];

	snprintf(text, sizeof(text), "SET search_path = %s; %s; RESET search_path", f->schema, sql);
	contract_sql(text);
}

static void realms_before_0021(void **state)
{
	contract_realms_before_0021(*state, by_hand);
}

/* The table of a fleet is not changed in the twenty seconds that an enrolment may take: no statement of a migration is cut short. */
static void as_long_as_it_takes(void **state)
{
	static const char watch[] = "CREATE FUNCTION %s.cut_short() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
				    " IF current_schema() = '%s' AND current_setting('statement_timeout') <> '0' THEN RAISE EXCEPTION 'cut short'; END IF; END $$;"
				    "CREATE EVENT TRIGGER %s ON ddl_command_end EXECUTE FUNCTION %s.cut_short()";
	struct fix *f = contract_new();
	void *st = f;
	struct mst_diag d;
	char sql[600];

	(void)state;
	snprintf(sql, sizeof(sql), watch, f->schema, f->schema, f->schema, f->schema);
	contract_sql(sql);
	if (mst_store_open(f->url, &f->s, &d))
		fail_msg("%s", d.text);
	snprintf(sql, sizeof(sql), "DROP EVENT TRIGGER %s", f->schema);
	contract_sql(sql);
	/* and what comes afterwards is */
	assert_int_equal(pg_do(pg_of(sq_of(f->s)), "SELECT 1 / (current_setting('statement_timeout') = '20s')::int"), 0);
	contract_tear_down(&st);
}

/* What the database says no to, whoever asks. */
static void refused(void **state)
{
	static const char *const row[] = {
		"UPDATE event SET who = 'me'", "DELETE FROM event", "TRUNCATE event",
		"INSERT INTO event SELECT 9, at, role, what, node, who, attempt, outcome, why, hash FROM event", "DELETE FROM event_anchor", "TRUNCATE event_anchor", "INSERT INTO event_anchor VALUES (2)",
		"UPDATE event_anchor SET seq = 1, told = 2", "INSERT INTO event_seal SELECT seq, sha256('x'), 1, '' FROM event",
		"UPDATE sim SET sqn = sqn - 1",
	};
	struct fix *f = *state;
	struct mst_sim sim = { .imsi = "262011234567890", .impi = "a@b", .sqn = 5, .key = { .n = 1 } };

	assert_int_equal(mst_store_sim_insert(f->s, &sim), 0);
	assert_int_equal(group_of_one(f->s, 1), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		char sql[400];

		snprintf(sql, sizeof(sql), "SET search_path = %s; DO $$ BEGIN %s; RAISE SQLSTATE 'OOPS0'; EXCEPTION WHEN SQLSTATE 'OOPS0' THEN"
			 " RAISE EXCEPTION 'it was done'; WHEN raise_exception THEN NULL; END $$", f->schema, row[i]);
		contract_sql(sql);
	}
	assert_int_equal(read_decision(f->s, 1), 1);
	assert_int_equal(check_invariants(f->s), 1);
}

static bool alone(struct mst_store *s)
{
	bool yes = false;

	/* that it was cut off is noticed by the first thing that it says, perhaps */
	if (mst_store_begin(s))
		assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_alone(s, &yes), 0);
	assert_int_equal(mst_store_commit(s), 0);
	return yes;
}

/*
 * Who else is here is known; and whoever was cut off while another one began a rotation does not come back with the keys of before, but
 * the one that began it does.
 */
static void others_at_a_rotation(void **state)
{
	static const char cut[] = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'musterd'";
	struct mst_rotation z = { .generation = 2 };
	struct fix *f = *state;
	struct mst_store *other, *later;

	assert_true(alone(f->s));
	assert_int_equal(mst_store_open(f->url, &other, NULL), 0);
	assert_false(alone(f->s) || alone(other));
	contract_sql(cut);
	assert_true(alone(f->s));
	assert_int_equal(mst_store_rotation_put(f->s, &z), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(mst_store_begin(other), MST_FAULT_STORE);
	assert_non_null(strstr(mst_store_error(other), "another musterd made a new key-encryption key"));
	assert_int_equal(mst_store_open(f->url, &later, NULL), 0);
	contract_sql(cut);
	assert_true(alone(f->s));
	assert_false(alone(later));
	assert_int_equal(mst_store_begin(other), MST_FAULT_STORE);
	/* another key of the same number, of a keeper that came back from a backup; the one whose begin was not committed comes back, too */
	z.mark[0] = 7;
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_store_rotation_put(f->s, &z), 0);
	mst_store_rollback(f->s);
	contract_sql(cut);
	assert_true(alone(f->s));
	assert_false(alone(later));
	z.mark[0] = 8;
	assert_int_equal(mst_store_rotation_put(f->s, &z), 0);
	mst_store_close(later);
	assert_int_equal(mst_store_open(f->url, &later, NULL), 0);
	contract_sql(cut);
	z.mark[0] = 9;
	assert_true(alone(f->s));
	assert_int_equal(mst_store_rotation_put(f->s, &z), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(mst_store_begin(later), MST_FAULT_STORE);
	assert_non_null(strstr(mst_store_error(later), "another musterd made a new key-encryption key"));
	mst_store_close(later);
	mst_store_close(other);
	/* the server has to notice first */
	for (int64_t until = now_ms() + 60000; !alone(f->s);)
		assert_true(now_ms() < until);
}

/* What an operator may write; nothing is opened. */
static void words(void **state)
{
	static const struct { const char *url, *words; } row[] = {
		{ "postgresql:", "unknown store" },
		{ "postgresql:host", "\"=\" is wanted after host" },
		{ "postgresql://db.example.com/muster", "\"=\" is wanted after //db" },
		{ "postgresql:colour=blue", "unknown word colour" },
		{ "postgresql:dbname='m user=m", "the quote after dbname= is not closed" },
		{ "postgresql:user=m", "dbname=NAME is wanted" },
		{ "postgresql:dbname=m", "user=NAME is wanted" },
		{ "postgresql:dbname=m user=m password=secret", "passfile=FILE" },
		{ "postgresql:dbname=m user=m service=x", "unknown word service" },
		{ "postgresql:dbname=m user=m passfile=pw", "the whole path" },
		{ "postgresql:dbname=m user=m host=db.example.com", "sslmode=verify-full" },
		{ "postgresql:dbname=m user=m host=localhost,db.example.com sslmode=require", "host db.example.com is another machine" },
		{ "postgresql:dbname=m user=m host=localhost hostaddr=192.0.2.7", "is another machine" },
		{ "postgresql:dbname=m user=m hostaddr=127.0.0.1,192.0.2.7", "host 192.0.2.7 is another machine" },
		{ "postgresql:dbname=m user=m host=127.db.example.com", "host 127.db.example.com is another machine" },
		{ "postgresql:dbname=m user=m host=db.example.com sslmode=verify-full", "sslrootcert=FILE" },
	};
	static const char *const good[] = {
		"postgresql:dbname=m user=m", "postgresql: dbname = 'm m' user= m\\ n\n options='-c a=\\'b\\''", "postgresql:dbname=m user=m host=/run/postgresql", "postgresql:dbname=m user=m host=localhost,127.0.0.2,::1",
		"postgresql:dbname=m user=m host=a.example.com,b.example.com port=5432,5433 sslmode=verify-full sslrootcert=/etc/ca.pem passfile=/etc/pw",
	};
	struct mst_store_needs n;
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(mst_store_check(row[i].url, &d), MST_FAULT_CONFIG);
		assert_string_equal(d.field, "store");
		if (!strstr(d.text, row[i].words))
			fail_msg("%s: %s", row[i].url, d.text);
	}
	for (size_t i = 0; i < MST_COUNT(good); i++)
		if (mst_store_check(good[i], &d))
			fail_msg("%s: %s", good[i], d.text);
	assert_null(mst_store_file(good[0]));
	assert_string_equal(mst_store_file("sqlite:/a/b"), "/a/b");
	mst_store_needs(good[2], &n);
	assert_true(n.local && !n.n_ports && !n.n_reads);
	mst_store_needs(good[4], &n);
	assert_true(!n.local && n.n_ports == 2 && n.port[0] == 5432 && n.port[1] == 5433 && n.n_reads == 2);
	assert_string_equal(n.reads[0], "/etc/pw");
	assert_string_equal(n.reads[1], "/etc/ca.pem");
}

/* Both go on with the same numbers. */
static void numbers(void **state)
{
	struct fix *f = *state;

	assert_int_equal(mst_pg_migrations[mst_pg_migrations_n - 1].number, mst_sqlite_migrations[mst_sqlite_migrations_n - 1].number);
	assert_int_equal(mst_store_version(f->s), mst_pg_migrations[mst_pg_migrations_n - 1].number);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_anywhere), cmocka_unit_test(a_host_that_says_nothing), T(ended_by_the_server), T(not_to_be_serialised), T(at_the_same_time), T(others_at_a_rotation), cmocka_unit_test(by_other_hands), T(suspended_before_0019), T(realms_before_0021),
		cmocka_unit_test(as_long_as_it_takes), T(refused),
		cmocka_unit_test(words), T(numbers),
	};

	contract_prefix = argc > 1 ? argv[1] : "postgresql:";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
