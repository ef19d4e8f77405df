#include "agent/managed.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/text.h"

#define VERSION 2              /* 1 knew of a registration only when it ends */
#define BLOB "managed"
#define BLOB_MAX 65536

void managed_drop(struct managed *m)
{
	if (m)
		mst_wipe(m, sizeof(*m));
	free(m);
}

void managed_free(struct agent *a)
{
	managed_drop(a->managed);
	a->managed = NULL;
}

/* --- octets --- */

static void put_text(struct mst_writer *w, const char *s)
{
	mst_put_block16(w, mst_view_str(s));
}

static void write_keys(const struct managed *m, struct mst_writer *w)
{
	mst_put_u8(w, (uint8_t)m->n_keys);
	for (size_t i = 0; i < m->n_keys; i++) {
		const struct managed_key *k = &m->key[i];

		put_text(w, k->path);
		put_text(w, k->id);
		put_text(w, k->target);
		put_text(w, k->admin_fqdn);
		mst_put_u64(w, (uint64_t)k->suid);
		mst_put_u64(w, (uint64_t)k->until);
		mst_put_u64(w, (uint64_t)k->renew_at);
		mst_put_block16(w, (struct mst_view){ k->key.b, k->key.n });
	}
}

static void write_rest(const struct managed *m, struct mst_writer *w)
{
	mst_put_u8(w, (uint8_t)m->n_anchors);
	for (size_t i = 0; i < m->n_anchors; i++) {
		put_text(w, m->anchor[i].path);
		mst_put(w, (struct mst_view){ m->anchor[i].sha256, MST_SHA256_LEN });
		mst_put_block16(w, (struct mst_view){ m->anchor[i].der, m->anchor[i].n });
	}
	mst_put_u8(w, (uint8_t)m->n_regs);
	for (size_t i = 0; i < m->n_regs; i++) {
		put_text(w, m->reg[i].path);
		put_text(w, m->reg[i].fqdn);
		put_text(w, m->reg[i].admin_fqdn);
		put_text(w, m->reg[i].id);
		mst_put_u64(w, (uint64_t)m->reg[i].until);
		mst_put_u8(w, m->reg[i].maf);
		mst_put_u64(w, (uint64_t)m->reg[i].since);
		mst_put_u64(w, (uint64_t)m->reg[i].want);
	}
	mst_put_u8(w, (uint8_t)m->n_results);
	for (size_t i = 0; i < m->n_results; i++) {
		const struct managed_result *x = &m->result[i];

		put_text(w, x->reg_id);
		put_text(w, x->cmd_id);
		mst_put_u64(w, (uint64_t)x->class_id);
		mst_put_u64(w, (uint64_t)x->status);
		mst_put_u64(w, (uint64_t)x->when);
		put_text(w, x->what);
		put_text(w, x->detail);
	}
	mst_put_block16(w, (struct mst_view){ m->objects, m->n_objects });
	mst_put_u64(w, (uint64_t)m->objects_since);
	mst_put_u8(w, m->unreported);
	mst_put_u64(w, (uint64_t)m->every);
}

static void get_text(struct mst_reader *r, char *out, size_t cap)
{
	if (!mst_view_to_str(mst_read_block16(r), out, cap))
		r->ok = false;
}

static size_t get_octets(struct mst_reader *r, uint8_t *out, size_t cap)
{
	struct mst_view v = mst_read_block16(r);

	if (v.n > cap) {
		r->ok = false;
		return 0;
	}
	if (v.n)
		memcpy(out, v.p, v.n);
	return v.n;
}

static size_t get_count(struct mst_reader *r, size_t most)
{
	size_t n = mst_read_u8(r);

	if (n <= most && r->ok)
		return n;
	r->ok = false;
	return 0;
}
#define TEXT(r, m) get_text(r, m, sizeof(m))

static void read_keys(struct mst_reader *r, struct managed *m)
{
	m->n_keys = get_count(r, MANAGED_KEYS);
	for (size_t i = 0; i < m->n_keys; i++) {
		struct managed_key *k = &m->key[i];

		TEXT(r, k->path);
		TEXT(r, k->id);
		TEXT(r, k->target);
		TEXT(r, k->admin_fqdn);
		k->suid = (int64_t)mst_read_u64(r);
		k->until = (mst_time)mst_read_u64(r);
		k->renew_at = (mst_time)mst_read_u64(r);
		k->key.n = get_octets(r, k->key.b, sizeof(k->key.b));
	}
}

static void read_rest(struct mst_reader *r, uint8_t version, struct managed *m)
{
	m->n_anchors = get_count(r, MANAGED_ANCHORS);
	for (size_t i = 0; i < m->n_anchors; i++) {
		struct mst_view sha;

		TEXT(r, m->anchor[i].path);
		sha = mst_read(r, MST_SHA256_LEN);
		if (sha.n == MST_SHA256_LEN)
			memcpy(m->anchor[i].sha256, sha.p, sha.n);
		m->anchor[i].n = get_octets(r, m->anchor[i].der, sizeof(m->anchor[i].der));
	}
	m->n_regs = get_count(r, MANAGED_REGS);
	for (size_t i = 0; i < m->n_regs; i++) {
		TEXT(r, m->reg[i].path);
		TEXT(r, m->reg[i].fqdn);
		TEXT(r, m->reg[i].admin_fqdn);
		TEXT(r, m->reg[i].id);
		m->reg[i].until = (mst_time)mst_read_u64(r);
		m->reg[i].maf = version < 2 || mst_read_u8(r);
		m->reg[i].since = version < 2 ? 0 : (mst_time)mst_read_u64(r);
		m->reg[i].want = version < 2 ? 0 : (mst_time)mst_read_u64(r);
	}
	m->n_results = get_count(r, MANAGED_RESULTS);
	for (size_t i = 0; i < m->n_results; i++) {
		struct managed_result *x = &m->result[i];

		TEXT(r, x->reg_id);
		TEXT(r, x->cmd_id);
		x->class_id = (int64_t)mst_read_u64(r);
		x->status = (int64_t)mst_read_u64(r);
		x->when = (mst_time)mst_read_u64(r);
		TEXT(r, x->what);
		TEXT(r, x->detail);
	}
	m->n_objects = get_octets(r, m->objects, sizeof(m->objects));
	m->objects_since = (mst_time)mst_read_u64(r);
	m->unreported = mst_read_u8(r) != 0;
	m->every = (int64_t)mst_read_u64(r);
}

/* 0, a secenv outcome or a fault; an empty blob is nothing. */
static int read_blob(struct mst_secenv *env, struct managed *m, struct mst_diag *d)
{
	uint8_t *b = malloc(BLOB_MAX);
	struct mst_reader r;
	uint8_t version;
	size_t n = 0;
	int e = b ? env->ops->load_blob(env, BLOB, b, BLOB_MAX, &n, d) : MST_FAULT_MEMORY;

	memset(m, 0, sizeof(*m));
	if (!e && n) {
		r = mst_reader_of((struct mst_view){ b, n });
		version = mst_read_u8(&r);
		if (version >= 1 && version <= VERSION) {
			read_keys(&r, m);
			read_rest(&r, version, m);
		}
		if (!mst_read_end(&r)) {
			mst_wipe(m, sizeof(*m));
			mst_diag_set(d, 0, BLOB, "cannot be read", NULL);
			e = MST_SECENV_CORRUPT;
		}
	}
	if (b)
		mst_wipe(b, BLOB_MAX);
	free(b);
	return e == MST_SECENV_NONE ? 0 : e;
}

int managed_load(struct agent *a)
{
	struct mst_diag d = { 0 };
	int r;

	managed_free(a);
	a->managed = calloc(1, sizeof(*a->managed));
	if (!a->managed)
		return MST_FAULT_MEMORY;
	r = read_blob(a->env, a->managed, &d);
	if (r)
		agent_log(a, AGENT_WARN, "managed", "why", r > 0 ? d.text : mst_fault_text(r), "remedy",
			  "the MEF's commands are waited for anew; the operator may give them again", NULL);
	return 0;
}

struct managed *managed_stage(const struct agent *a)
{
	struct managed *m = malloc(sizeof(*m));

	if (m && a->managed)
		*m = *a->managed;
	else if (m)
		memset(m, 0, sizeof(*m));
	return m;
}

int managed_commit(struct agent *a, struct managed *next, struct mst_diag *d)
{
	uint8_t *b = malloc(BLOB_MAX);
	struct mst_writer w = mst_writer_of(b, b ? BLOB_MAX : 0);
	int r;

	mst_put_u8(&w, VERSION);
	if (next) {
		write_keys(next, &w);
		write_rest(next, &w);
	}
	if (!next || !b)
		r = MST_FAULT_MEMORY;
	else if (!w.ok)
		r = MST_SECENV_FULL;
	else
		r = a->env->ops->store_blob(a->env, BLOB, mst_written(&w), d);
	if (r && d && !d->text[0])
		mst_diag_set(d, 0, BLOB, r > 0 ? "there is no room for it" : mst_fault_text(r), NULL);
	if (b)
		mst_wipe(b, BLOB_MAX);
	free(b);
	if (r) {
		managed_drop(next);
		return r;
	}
	managed_drop(a->managed);
	a->managed = next;
	return 0;
}

/* --- what is in it --- */

bool managed_put_key(struct managed *m, const struct managed_key *k)
{
	size_t i = 0;

	while (i < m->n_keys && (strcmp(m->key[i].path, k->path) || m->key[i].suid != k->suid))
		i++;
	if (i == MANAGED_KEYS)
		return false;
	m->key[i] = *k;
	m->n_keys += i == m->n_keys;
	return true;
}

bool managed_put_anchor(struct managed *m, const struct managed_anchor *x)
{
	size_t i = 0;

	while (i < m->n_anchors && strcmp(m->anchor[i].path, x->path))
		i++;
	if (i == MANAGED_ANCHORS)
		return false;
	m->anchor[i] = *x;
	m->n_anchors += i == m->n_anchors;
	return true;
}

bool managed_put_reg(struct managed *m, const struct managed_reg *x)
{
	size_t i = 0;

	while (i < m->n_regs && strcmp(m->reg[i].path, x->path))
		i++;
	if (i == MANAGED_REGS)
		return false;
	m->reg[i] = *x;
	m->n_regs += i == m->n_regs;
	return true;
}

int managed_prolonged(struct agent *a, const char *reg_id, mst_time until, struct mst_diag *d)
{
	struct managed *next = managed_stage(a);

	for (size_t i = 0; next && i < next->n_regs; i++)
		if (!strcmp(next->reg[i].id, reg_id)) {
			next->reg[i].since = agent_utc(a);
			next->reg[i].until = until;
		}
	return managed_commit(a, next, d);
}

int managed_forget_reg(struct agent *a, const char *reg_id, struct mst_diag *d)
{
	struct managed *next = managed_stage(a);
	size_t kept = 0;

	for (size_t i = 0; next && i < next->n_regs; i++)
		if (strcmp(next->reg[i].id, reg_id))
			next->reg[kept++] = next->reg[i];
	if (next)
		next->n_regs = kept;
	return managed_commit(a, next, d);
}

void managed_put_result(struct managed *m, const struct managed_result *x)
{
	if (m->n_results == MANAGED_RESULTS) {
		memmove(&m->result[0], &m->result[1], (MANAGED_RESULTS - 1) * sizeof(m->result[0]));
		m->n_results--;
	}
	m->result[m->n_results++] = *x;
	m->unreported = true;
}

void managed_visited(struct agent *a, int64_t every)
{
	struct managed *next;
	struct mst_diag d = { 0 };
	int r;

	every = every ? every : a->managed->every;
	if (!a->managed->unreported && every == a->managed->every)
		return;
	next = managed_stage(a);
	if (next) {
		next->unreported = false;
		next->every = every;
	}
	r = managed_commit(a, next, &d);
	if (r)
		agent_log(a, AGENT_WARN, "managed", "why", agent_why(&d, r), NULL);
}

struct managed_key *managed_next_key(const struct managed *m)
{
	const struct managed_key *first = NULL;

	for (size_t i = 0; i < m->n_keys; i++)
		if (!first || m->key[i].renew_at < first->renew_at)
			first = &m->key[i];
	return (struct managed_key *)(uintptr_t)first;
}

void managed_put_off(struct managed *m, mst_time now, mst_time until)
{
	for (size_t i = 0; i < m->n_keys; i++)
		if (m->key[i].renew_at <= now)
			m->key[i].renew_at = until;
}

const struct managed_result *managed_last(const struct managed *m, const char *reg_id)
{
	for (size_t i = m ? m->n_results : 0; i-- > 0;)
		if (!strcmp(m->result[i].reg_id, reg_id))
			return &m->result[i];
	return NULL;
}

struct mst_objects *managed_objects(struct mst_view json, uint8_t **ret_room, bool from_mef, struct mst_diag *d)
{
	struct mst_objects *o = json.n ? calloc(1, sizeof(*o)) : NULL;
	uint8_t *room = o ? malloc(MST_OBJECTS_OCTETS) : NULL;
	struct mst_arena arena = mst_arena_of(room, room ? MST_OBJECTS_OCTETS : 0);

	*ret_room = room;
	if (room && mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, json, &arena, o, d) == 0 && mst_objects_check(o, from_mef, d) == 0)
		return o;
	free(o);
	free(room);
	*ret_room = NULL;
	return NULL;
}

/* --- for people --- */

static json_t *objects_json(const struct managed *m)
{
	uint8_t *room = NULL;
	struct mst_diag d = { 0 };
	struct mst_objects *o = managed_objects((struct mst_view){ m->objects, m->n_objects }, &room, true, &d);
	json_t *list = json_array();

	for (size_t i = 0; o && i < o->n; i++) {
		char path[MANAGED_PATH];

		if (mst_view_to_str(o->object[i].path, path, sizeof(path)))
			json_array_append_new(list, json_pack("{s:s, s:s}", "path", path, "type", mst_mgmt_text(o->object[i].mgmt)));
	}
	free(o);
	free(room);
	return list;
}

static json_t *keys_json(const struct managed *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_keys; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "path", m->key[i].path, "keyID", m->key[i].id, "SUID",
						      (json_int_t)m->key[i].suid, "target", m->key[i].target, "adminFQDN",
						      m->key[i].admin_fqdn, "until", status_time(m->key[i].until)));
	return list;
}

static json_t *anchors_json(const struct managed *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_anchors; i++) {
		char hex[2 * MST_SHA256_LEN + 1];
		struct mst_writer w = mst_writer_of(hex, sizeof(hex));
		struct mst_cert_info info;

		mst_put_hex(&w, (struct mst_view){ m->anchor[i].sha256, MST_SHA256_LEN });
		mst_put_nul(&w);
		if (mst_cert_info((struct mst_view){ m->anchor[i].der, m->anchor[i].n }, &info, NULL))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "path", m->anchor[i].path, "fingerprint", hex, "subject",
						      status_text(info.subject), "until", status_time(info.not_after)));
	}
	return list;
}

static json_t *regs_json(const struct managed *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_regs; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "path", m->reg[i].path, "fqdn", m->reg[i].fqdn, "adminFQDN",
						      m->reg[i].admin_fqdn, "id", m->reg[i].id, "until", status_time(m->reg[i].until)));
	return list;
}

static json_t *results_json(const struct managed *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_results; i++) {
		const struct managed_result *x = &m->result[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:o}", "cmdID", x->cmd_id, "class",
						      mst_cmd_class_text(x->class_id), "what", status_text(x->what), "status",
						      (json_int_t)x->status, "words", mst_cmd_status_text(x->status), "when", status_time(x->when),
						      "detail", status_text(x->detail)));
	}
	return list;
}

json_t *managed_status(struct mst_secenv *env)
{
	struct managed *m = malloc(sizeof(*m));
	struct mst_diag d = { 0 };
	json_t *o = json_null();

	if (m && read_blob(env, m, &d) == 0)
		o = json_pack("{s:o, s:o, s:o, s:o, s:o}", "objects", objects_json(m), "keys", keys_json(m), "anchors", anchors_json(m),
			      "registrations", regs_json(m), "commands", results_json(m));
	managed_drop(m);
	return o;
}

static const char *word(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && *s ? s : "-";
}

void managed_print(FILE *out, const json_t *managed)
{
	json_t *x;
	size_t i;

	json_array_foreach(json_object_get(managed, "keys"), i, x)
		fprintf(out, "%-13s %s, SUID %lld, for %s, until %s\n", i ? "" : "keys", word(x, "keyID"),
			(long long)json_integer_value(json_object_get(x, "SUID")), word(x, "target"), word(x, "until"));
	json_array_foreach(json_object_get(managed, "anchors"), i, x)
		fprintf(out, "%-13s %s\n", i ? "" : "trusted", word(x, "subject"));
	json_array_foreach(json_object_get(managed, "registrations"), i, x)
		fprintf(out, "%-13s at %s for %s, until %s\n", i ? "" : "registered", word(x, "fqdn"), word(x, "adminFQDN"), word(x, "until"));
	json_array_foreach(json_object_get(managed, "commands"), i, x)
		fprintf(out, "%-13s %s %s: %lld %s%s%s\n", i ? "" : "commands", word(x, "class"), word(x, "what"),
			(long long)json_integer_value(json_object_get(x, "status")), word(x, "words"),
			strcmp(word(x, "detail"), "-") ? ", " : "", strcmp(word(x, "detail"), "-") ? word(x, "detail") : "");
}
