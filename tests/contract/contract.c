#include "contract.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *contract_prefix = "sqlite:";

#define SERVER "postgresql:"

static bool is_server(void)
{
	return !strncmp(contract_prefix, SERVER, strlen(SERVER));
}

void contract_sql(const char *sql)
{
	PGconn *c = PQconnectdb(contract_prefix + strlen(SERVER));
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

/* A database is too slow to make for each test; a place in one is as good. It goes with the server. */
static void make_schema(struct fix *f)
{
	static int n;
	char sql[64];

	snprintf(f->schema, sizeof(f->schema), "s%d_%d", (int)getpid(), n++);
	snprintf(f->url, sizeof(f->url), "%s options=-csearch_path=%s", contract_prefix, f->schema);
	snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", f->schema);
	contract_sql(sql);
}

struct fix *contract_new(void)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/mst-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/test.db", f->dir);
	if (is_server())
		make_schema(f);
	else
		snprintf(f->url, sizeof(f->url), "%s%s", contract_prefix, f->path);
	return f;
}

int contract_set_up(void **state)
{
	struct fix *f = contract_new();
	struct mst_diag d;

	assert_int_equal(mst_store_open(f->url, &f->s, &d), 0);
	*state = f;
	return 0;
}

int contract_tear_down(void **state)
{
	struct fix *f = *state;
	struct dirent *e;
	DIR *dir;

	mst_store_close(f->s);
	dir = opendir(f->dir);
	while (dir && (e = readdir(dir))) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(f->dir);
	free(f);
	return 0;
}

void contract_reopen(struct fix *f)
{
	struct mst_diag d;

	f->s = mst_store_close(f->s);
	assert_int_equal(mst_store_open(f->url, &f->s, &d), 0);
}

#define TEXT(field, ...) snprintf(r.field, sizeof(r.field), __VA_ARGS__)

struct mst_subscription make_sub(int i)
{
	struct mst_subscription r = { .not_before = 100 + i,
				      .not_after = 200 + i,
				      .key_lifetime = 300 + i,
				      .state = MST_SUB_SUSPENDED,
				      .created = 400 + i,
				      .changed = 500 + i };

	TEXT(id, "sub-%04d", i);
	TEXT(sp_fqdn, "sp%d.example.com", i);
	TEXT(maf_fqdn, "maf%d.example.com", i);
	TEXT(maf_uri, "https://maf%d.example.com", i);
	TEXT(registrar_cse_id, "//sp.example.com/in%d", i);
	TEXT(registrar_poa, "https://in%d.example.com", i);
	return r;
}

struct mst_node make_node(int i)
{
	struct mst_node r = {
		.state = MST_NODE_KNOWN, .created = 10 + i, .changed = 20 + i, .last_seen = 30 + i
	};

	TEXT(node_id, "urn:example:node:%06d", i);
	TEXT(cse_id, "//sp.example.com/cse%06d", i);
	TEXT(ae_id, "//sp.example.com/S%06d", i);
	TEXT(maker, "maker-%d", i % 3);
	TEXT(model, "model-%d", i);
	TEXT(serial, "serial-%d", i);
	TEXT(batch, "batch-%d", i);
	TEXT(reason, "reason-%d", i);
	TEXT(attempt, "%032d", i);
	TEXT(last_step, "step-%d", i);
	return r;
}

struct mst_registration make_reg(int i)
{
	struct mst_registration r = {
		.node = 1000 + i, .created = 1, .modified = 2, .expires = 3 + i, .last_cmd_status = -4
	};

	TEXT(reg_id, "reg-%04d", i);
	TEXT(client_id, "client-%d", i);
	TEXT(admin_fqdn, "admin%d.example.com", i);
	TEXT(key_id, "KEY%d@mef.example.com", i);
	TEXT(labels, "one\ntwo-%d", i);
	TEXT(last_cmd, "cmd-%d", i);
	return r;
}

static struct mst_wrapped make_wrapped(int i)
{
	struct mst_wrapped w = { .n = (uint16_t)(60 + i % 100) };

	for (size_t j = 0; j < w.n; j++)
		w.b[j] = (uint8_t)(i + (int)j); /* with zero octets inside */
	return w;
}

struct mst_keyreg make_keyreg(int i, int reg)
{
	struct mst_keyreg r = { .suid = 21,
				.key = make_wrapped(i),
				.exporter = i % 2,
				.session = UINT64_MAX - (uint64_t)i,
				.created = 7,
				.modified = 8,
				.expires = MST_NEVER };

	TEXT(rel_key_id, "REL%04d", i);
	TEXT(reg_id, "reg-%04d", reg);
	TEXT(client_id, "client-%d", reg);
	TEXT(admin_fqdn, "admin%d.example.com", reg);
	TEXT(targets, "maf%d.example.com", i);
	TEXT(labels, "label-%d", i);
	return r;
}

struct mst_credential make_cred(int i)
{
	struct mst_credential r = { .purpose = MST_PURPOSE_KE,
				    .key = make_wrapped(i + 1),
				    .node = 1000 + i,
				    .state = MST_CRED_ACTIVE,
				    .created = 5,
				    .expires = 6 + i,
				    .last_used = 7 };

	TEXT(key_id, "CRED%04d@mef.example.com", i);
	TEXT(client_id, "client-%d", i);
	TEXT(via, "reg-%04d", i);
	return r;
}

struct mst_cert_row make_cert(int i)
{
	struct mst_cert_row r = {
		.node = 1000 + i, .issued = 1, .expires = 1000 + i, .revoked = 50, .reason = 4
	};

	TEXT(serial, "%040d", i);
	TEXT(subject, "CN=node %d", i);
	return r;
}

struct mst_event make_event(int i)
{
	struct mst_event r = { .when = 1700000000 + i, .node = i, .outcome = 2001 };

	TEXT(role, i % 2 ? "mef" : "maf");
	TEXT(what, i % 2 ? "mef.registered" : "maf.enrolled");
	TEXT(who, "who %d\nwith=a line", i);
	TEXT(attempt, "%032d", i / 2);
	TEXT(why, "because %d, 100%%", i);
	return r;
}

int write_decision(struct mst_store *s, int i)
{
	struct mst_subscription sub = make_sub(i);
	struct mst_node node = make_node(i);
	struct mst_identity id = { .kind = MST_ID_NODE };
	struct mst_registration reg = make_reg(i);
	struct mst_keyreg keyreg = make_keyreg(i, i);
	struct mst_credential cred = make_cred(i);
	struct mst_cert_row cert = make_cert(i);
	struct mst_event e = make_event(i);
	int r = mst_store_mark(s);

	memcpy(node.sub_id, sub.id, sizeof(sub.id));
	memcpy(id.value, node.node_id, sizeof(id.value));
	if (!r && !(r = mst_store_sub_put(s, &sub, true)) && !(r = mst_store_node_insert(s, &node))) {
		id.node = node.id;
		node.state = MST_NODE_ENROLLING;
		r = mst_store_identity_put(s, &id);
		if (!r)
			r = mst_store_node_update(s, &node);
	}
	if (!r && !(r = mst_store_reg_put(s, MST_ROLE_MEF, &reg)) &&
	    !(r = mst_store_keyreg_put(s, MST_ROLE_MEF, &keyreg, true)) &&
	    !(r = mst_store_cred_put(s, MST_ROLE_MEF, &cred, true)) && !(r = mst_store_cert_put(s, &cert)))
		r = mst_store_event_append(s, &e);
	return r ? r : mst_store_release(s);
}

int group_of_one(struct mst_store *s, int i)
{
	int r = mst_store_begin(s);

	if (r)
		return r;
	r = write_decision(s, i);
	if (!r)
		return mst_store_commit(s);
	mst_store_rollback(s);
	return r;
}

static int count_event(void *arg, const struct mst_event *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

int read_decision(struct mst_store *s, int i)
{
	struct mst_subscription sub = make_sub(i);
	struct mst_node node = make_node(i);
	struct mst_identity id;
	struct mst_registration reg = make_reg(i);
	struct mst_keyreg keyreg = make_keyreg(i, i);
	struct mst_credential cred = make_cred(i);
	struct mst_cert_row cert = make_cert(i);
	struct mst_event_filter f = { .node = i };
	int events = 0, there = mst_store_sub_get(s, sub.id, &sub);

	assert_true(there == 0 || there == MST_STORE_NONE);
	assert_int_equal(mst_store_node_find(s, node.node_id, &node), there);
	if (!there)
		assert_int_equal(node.state, MST_NODE_ENROLLING);
	assert_int_equal(mst_store_identity_get(s, MST_ID_NODE, node.node_id, &id), there);
	assert_int_equal(mst_store_reg_get(s, MST_ROLE_MEF, reg.reg_id, &reg), there);
	assert_int_equal(mst_store_keyreg_get(s, MST_ROLE_MEF, keyreg.rel_key_id, &keyreg), there);
	assert_int_equal(mst_store_cred_get(s, MST_ROLE_MEF, cred.key_id, &cred), there);
	assert_int_equal(mst_store_cert_get(s, cert.serial, &cert), there);
	assert_int_equal(mst_store_event_list(s, &f, count_event, &events), 0);
	assert_int_equal(events, there ? 0 : 1);
	return !there;
}

static int count_state(void *arg, const struct mst_node *n)
{
	++((int64_t *)arg)[n->state];
	return 0;
}

int64_t check_invariants(struct mst_store *s)
{
	int64_t counted[MST_NODE_RELEASED + 1], seen[MST_NODE_RELEASED + 1] = { 0 }, all = 0;
	struct mst_node_filter f = { .state = -1 };
	uint64_t bad = 0;

	assert_int_equal(mst_store_event_verify(s, &bad), 0);
	assert_int_equal(mst_store_node_count(s, counted), 0);
	assert_int_equal(mst_store_node_list(s, &f, count_state, seen), 0);
	for (int i = 0; i <= MST_NODE_RELEASED; i++) {
		assert_int_equal(counted[i], seen[i]);
		all += seen[i];
	}
	return all;
}

struct mst_sim make_sim(int i)
{
	struct mst_sim r = { .algorithm = 1, .amf = 0x7fff, .sqn = 1000 + i, .ind = 31, .state = MST_SIM_SUSPENDED, .uicc = MST_SIM_GBA_U,
			     .lifetime = 86400 + i, .gsid = 1000001, .created = 10 + i, .changed = 20 + i, .vectors = 30 + i,
			     .vector_at = 40 + i, .paced = 50 + i, .key_choice = MST_KEY_CHOICE_BOTH };

	snprintf(r.imsi, sizeof(r.imsi), "00101%010d", i);
	snprintf(r.impi, sizeof(r.impi), "00101%010d@ims.mnc001.mcc001.3gppnetwork.org", i);
	snprintf(r.msisdn, sizeof(r.msisdn), "49170%08d", i);
	snprintf(r.reason, sizeof(r.reason), "lost %d", i);
	snprintf(r.naf_group, sizeof(r.naf_group), "m2m-%d", i);
	memset(r.key.b, i, sizeof(r.key.b));
	r.key.n = MST_WRAPPED_MAX;
	return r;
}

/*
 * SIMs are found with the realm in lower case; of two that differ in nothing else the one that is written so keeps it. Sessions are found by
 * it, too (0023), and the newest name stands.
 */
void contract_realms_before_0021(struct fix *f, void (*by_hand)(const struct fix *f, const char *sql))
{
	struct mst_gba_session e = { .session = { .btid = "b@bsf", .impi = "A@IMS.example.ORG", .expires = 5 }, .ks = { { 7 }, 1 } };
	struct mst_gba_tmpi t;
	struct mst_sim a[3], got;

	assert_int_equal(mst_store_gba_session_insert(f->s, &e), 0);
	for (int i = 0; i < 3; i++) {
		a[i] = make_sim(i);
		assert_int_equal(mst_store_sim_insert(f->s, &a[i]), 0);
	}
	f->s = mst_store_close(f->s);
	by_hand(f, CONTRACT_BACK_0022 "INSERT INTO gba_tmpi VALUES ('A@IMS.example.ORG', 'new', 3), ('A@ims.example.org', 'old', 2), ('A@Ims.example.org', 'older', 1);"
		   "UPDATE sim SET impi = 'A@IMS.example.ORG' WHERE imsi = '001010000000000'; UPDATE sim SET impi = 'b@IMS.example.org' WHERE imsi = '001010000000001';"
		   " UPDATE sim SET impi = 'b@ims.example.org' WHERE imsi = '001010000000002'; DELETE FROM schema_version WHERE number >= 21");
	contract_reopen(f);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMPI, "A@ims.example.org", &got), 0);
	assert_true(got.id == a[0].id);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMPI, "b@ims.example.org", &got), 0);
	assert_true(got.id == a[2].id);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, a[1].imsi, &got), 0);
	assert_string_equal(got.impi, "b@IMS.example.org");
	assert_int_equal(mst_store_gba_session_newest(f->s, "A@ims.example.org", &e), 0);
	assert_string_equal(e.session.impi, "A@IMS.example.ORG");
	assert_int_equal(mst_store_gba_tmpi_get(f->s, "new", &t), 0);
	assert_string_equal(t.impi, "A@IMS.example.ORG");
	assert_int_equal(mst_store_gba_tmpi_get(f->s, "old", &t), MST_STORE_NONE);
	/* and is suspended like any other */
	got.state = MST_SIM_SUSPENDED;
	assert_int_equal(mst_store_sim_update(f->s, &got), 0);
	assert_int_equal(mst_store_sim_find(f->s, MST_SIM_BY_IMSI, a[1].imsi, &got), 0);
	assert_true(got.state == MST_SIM_SUSPENDED && !strcmp(got.impi, "b@IMS.example.org"));
}
