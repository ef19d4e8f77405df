#include "agent/door.h"
#include "agent/inside.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"

#define BLOB "triggers"
#define AGAIN_MS 250
#define AGAIN_MAX_MS 60000
#define SIGNERS_MAX (TRIGGER_KEYS_MAX - 3)   /* root credential, maker's secret, session of GBA */

/*
 * For each way in. A MAC costs microseconds, a few on a small processor too: 2000 at once, then one a millisecond, which
 * is more than an SMS gateway or a thin line can bring. A signature costs a thousand of them. What is followed costs a run.
 */
static const struct trigger_config limits = {
	.macs = { 2000, 1 }, .signatures = { 16, 1000 }, .runs = { 4, 60000 }, .verify = mst_raw_verify,
};

static int load_signers(const char *path, struct agent_door *door, struct mst_diag *d)
{
	uint8_t *pem = NULL, der[MST_CERT_MAX];
	size_t n = 0, at = 0, der_n = 0;
	int r = agent_read_file(path, 65536, true, &pem, &n, d);

	while (!r) {
		r = mst_pem_next((struct mst_view){ pem, n }, &at, "CERTIFICATE", der, sizeof(der), &der_n, d);
		if (r || !der_n)
			break;
		if (door->n_signers == SIGNERS_MAX) {
			mst_diag_set(d, 0, "", "more than 7 certificates", NULL);
			r = 1;
			break;
		}
		r = mst_cert_public((struct mst_view){ der, der_n }, door->signer[door->n_signers],
				    sizeof(door->signer[0]), &door->signer_n[door->n_signers]);
		if (r > 0 || (!r && door->signer_n[door->n_signers] > sizeof(door->trigger.key[0].spki))) {
			mst_diag_set(d, 0, "", "a signer's certificate must have a P-256 key", NULL);
			r = 1;
			break;
		}
		door->n_signers += !r;
	}
	if (!r && !door->n_signers) {
		mst_diag_set(d, 0, "", "holds no certificate", NULL);
		r = 1;
	}
	free(pem);
	return r;
}

int door_check_listen(const struct agent_config *c, struct mst_diag *d)
{
	if (door_address_good(c->trigger_listen))
		return 0;
	mst_diag_set(d, 0, "", "expected a numeric address and a port like 127.0.0.1:5686", NULL);
	return 1;
}

int door_check_signers(const struct agent_config *c, struct mst_diag *d)
{
	struct agent_door *door = calloc(1, sizeof(*door));
	int r = door ? load_signers(c->trigger_signers, door, d) : MST_FAULT_MEMORY;
	free(door);
	return r;
}

/* What was kept before; damage closes the door to frames, and says so. */
static int load_kept(struct agent *a)
{
	uint8_t blob[TRIGGER_BLOB_MAX];
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r = a->env->ops->load_blob(a->env, BLOB, blob, sizeof(blob), &n, &d);

	if (r < 0 && r != MST_FAULT_CORRUPT)
		return r;
	if (r == MST_SECENV_NONE)
		return 0;
	if (r || !trigger_kept_load(&a->door->trigger, (struct mst_view){ blob, n })) {
		(void)trigger_kept_load(&a->door->trigger, MST_VIEW_LIT("?"));
		agent_log(a, AGENT_ERROR, "triggers-damaged", "text", d.text, "what",
			  "pushed triggers are refused until the state directory is restored", NULL);
	}
	return 0;
}

bool door_lacks(struct agent *a, const char *setting, const char *what, const char *why)
{
	agent_log(a, a->has_active ? AGENT_WARN : AGENT_ERROR, "door", setting, what, "why", why, "then", a->has_active ?
		  "the agent goes on without it until it is started again" : "the agent ends", NULL);
	snprintf(a->door->why, sizeof(a->door->why), "%.100s: %.80s", what, why);
	return a->has_active;
}

int door_open(struct agent *a)
{
	struct trigger_config c = limits;
	struct mst_diag d = { 0 };
	int r = 0;

	if (a->once)
		return 0;
	a->door = calloc(1, sizeof(*a->door));
	if (!a->door)
		return MST_FAULT_MEMORY;
	c.crypto = a->crypto;
	c.bare_from_push = a->cfg.trigger_onem2m == AGENT_ONEM2M_PUSH;
	trigger_init(&a->door->trigger, &c, agent_now());
	if (a->cfg.trigger_signers[0])
		r = load_signers(a->cfg.trigger_signers, a->door, &d);
	if (r && door_lacks(a, "signers", a->cfg.trigger_signers, r > 0 ? d.text : mst_fault_text(r)))
		r = 0, a->door->n_signers = 0;       /* half a list is none */
	if (!r)
		r = load_kept(a);
	if (!r)
		r = door_sockets_open(a, &a->door->sockets);
	if (!r && a->cfg.trigger_mm)
		r = door_mm_open(a, &a->door->mm);
	return r > 0 ? MST_FAULT_CONFIG : r;
}

void door_close(struct agent *a)
{
	if (!a->door)
		return;
	a->door->sockets = door_sockets_close(a->door->sockets);
	a->door->mm = door_mm_close(a->door->mm);
	trigger_deinit(&a->door->trigger);
	free(a->door);
	a->door = NULL;
}

/* The root credential's key for the door. */
static int add_root_key(struct agent *a, bool *ret_lacks)
{
	struct agent_door *door = a->door;
	struct mst_key key = { .n = 0 };
	struct mst_diag d = { 0 };
	int r = 0;

	if (inside_root_key(a, &a->active, &key, &d))
		*ret_lacks = true;
	else
		r = mst_is_naf_key(&a->active) ? trigger_add_opaque(&door->trigger, &key, a->active.key_id) :
						 trigger_add_root(&door->trigger, &key, a->active.key_id);
	mst_key_wipe(&key);
	return r;
}

/* Before it is enrolled, and when its provider has gone: its maker's secret, as the briefing node knows it. */
static int add_secret(struct agent *a, bool *ret_lacks)
{
	struct mst_key key = { .n = 0 };
	struct mst_diag d = { 0 };
	int r = 0;

	if (inside_secret(a, &key, &d))
		*ret_lacks = true;
	else
		r = trigger_add_root(&a->door->trigger, &key, a->cfg.psk_identity);
	mst_key_wipe(&key);
	return r;
}

/*
 * A token or TPM that is busy gives no key just now. It is asked again when the next frame comes, ever more seldom: what strangers send must not
 * keep a device busy that others wait for.
 */
static void ask_again(struct agent_door *door, bool lacks)
{
	if (!lacks) {
		door->wait = door->again_at = 0;
		return;
	}
	door->wait = !door->wait ? AGAIN_MS : door->wait < AGAIN_MAX_MS / 2 ? 2 * door->wait : AGAIN_MAX_MS;
	door->again_at = agent_now() + door->wait;
}

/* Names and keys as they are now: every run may bring others (lesson 29). */
static int take_keys(struct agent *a)
{
	struct agent_door *door = a->door;
	const char *key_id = a->has_active ? a->active.key_id : "";
	uint64_t generation = a->has_active ? a->active.generation : 0;
	bool lacks = false;
	int r = 0;

	if (door->again_at && agent_now() >= door->again_at)
		door->keyed = false;
	if (door->gba_expires && agent_utc_or_0(a) >= door->gba_expires)
		door->keyed = false;
	if (door->keyed && generation == door->generation && !strcmp(key_id, door->key_id))
		return 0;
	trigger_forget_keys(&door->trigger);
	if (a->from[0])
		r = trigger_add_node(&door->trigger, a->from);
	if (r >= 0 && a->has_active && a->active.node_id[0])
		r = trigger_add_node(&door->trigger, a->active.node_id);
	if (r >= 0 && a->has_active)
		r = add_root_key(a, &lacks);
	if (r >= 0 && a->has_secret)
		r = add_secret(a, &lacks);
	ask_again(door, lacks);
	if (r >= 0)
		r = door_gba_add(a);
	for (size_t i = 0; i < door->n_signers && r >= 0; i++)
		r = trigger_add_signer(&door->trigger, (struct mst_view){ door->signer[i], door->signer_n[i] });
	if (r < 0)
		return r;
	memcpy(door->key_id, key_id, strlen(key_id) + 1);
	door->generation = generation;
	door->keyed = true;
	return 0;
}

/* The counter first, then the effect. */
static enum trigger_verdict keep(struct agent *a, struct mst_diag *d)
{
	uint8_t blob[TRIGGER_BLOB_MAX];
	struct mst_writer w = mst_writer_of(blob, sizeof(blob));
	int r;

	trigger_kept_put(&a->door->trigger, &w);
	r = w.ok ? a->env->ops->store_blob(a->env, BLOB, mst_written(&w), d) : MST_FAULT_BUG;
	if (r) {
		trigger_not_kept(&a->door->trigger);
		if (!d->text[0])
			mst_diag_set(d, 0, "", r > 0 ? "no space" : mst_fault_text(r), NULL);
		return TRIGGER_NOT_KEPT;
	}
	trigger_kept(&a->door->trigger);
	agent_point(a, "trigger-kept");
	return TRIGGER_ACCEPTED;
}

/* The 1st, 2nd, 4th, 8th … of a kind: a flood does not fill the log either. */
static void log_refusal(const struct agent *a, enum trigger_source s, enum trigger_verdict v, const char *detail)
{
	uint64_t n = a->door->trigger.count[v];
	char count[24];

	if (n & (n - 1))
		return;
	snprintf(count, sizeof(count), "%llu", (unsigned long long)n);
	agent_log(a, AGENT_WARN, "trigger-refused", "source", trigger_source_text(s), "why", trigger_verdict_text(v),
		  "detail", detail, "count", count, NULL);
}

static const char *last_detail(const struct trigger *t)
{
	return t->last[(t->next_last + TRIGGER_LAST_MAX - 1) % TRIGGER_LAST_MAX].detail;
}

enum trigger_verdict door_push(struct agent *a, struct mst_view in, enum trigger_source s, struct mst_diag *d)
{
	struct trigger_order o;
	enum trigger_verdict v;

	if (!a->door || take_keys(a)) {
		mst_diag_set(d, 0, "", a->door ? "keys could not be derived" : "with --once there is no door", NULL);
		return TRIGGER_INTERNAL;
	}
	v = trigger_take(&a->door->trigger, in, s, agent_now(), agent_utc_or_0(a), &o);
	if (v) {
		mst_diag_set(d, 0, "", last_detail(&a->door->trigger), NULL);
		log_refusal(a, s, v, d->text);
		return v;
	}
	v = o.bare ? TRIGGER_ACCEPTED : keep(a, d);
	if (!v)
		v = door_follow(a, &o, trigger_source_text(s), d);
	if (v) {
		trigger_failed(&a->door->trigger, s, v, d->text, agent_utc_or_0(a));
		log_refusal(a, s, v, d->text);
		return v;
	}
	agent_log(a, AGENT_INFO, "triggered", "by", trigger_source_text(s), "what",
		  mst_enum_text(&mst_trigger_what_table, o.what), "attempt", prov_attempt(a->prov), NULL);
	return v;
}

json_t *door_status(const struct agent *a)
{
	const struct agent_door *door = a->door;
	const struct trigger *t = &door->trigger;
	json_t *refused = json_object(), *last = json_array();

	for (size_t v = TRIGGER_ACCEPTED + 1; v < TRIGGER_VERDICT__COUNT; v++) {
		if (t->count[v])
			json_object_set_new(refused, trigger_verdict_text((enum trigger_verdict)v),
					    json_integer((json_int_t)t->count[v]));
	}
	/* newest first */
	for (size_t i = 0; i < t->n_last; i++) {
		const struct trigger_refusal *r =
			&t->last[(t->next_last + 2 * TRIGGER_LAST_MAX - 1 - i) % TRIGGER_LAST_MAX];

		json_array_append_new(last, json_pack("{s:o, s:s, s:s, s:s, s:o}", "when",
						      r->when ? status_time(r->when) : json_null(), "source",
						      trigger_source_text(r->source), "reason",
						      trigger_verdict_text(r->verdict), "words",
						      trigger_verdict_words(r->verdict), "detail",
						      status_text(r->detail)));
	}
	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "listen", a->cfg.trigger_listen, "socket",
			 a->cfg.trigger_socket, "modemManager", door_mm_state(door->mm), "accepted",
			 (json_int_t)t->count[TRIGGER_ACCEPTED], "refused", refused, "last", last, "lacks", door->why[0] ? status_text(door->why) : json_null());
}

void door_print(FILE *out, const json_t *door)
{
	const json_t *last = json_array_get(json_object_get(door, "last"), 0);
	const char *why;
	json_t *n;

	if (!json_is_object(door))
		return;
	fprintf(out, "pushed        %lld followed",
		(long long)json_integer_value(json_object_get(door, "accepted")));
	json_object_foreach(json_object_get(door, "refused"), why, n)
		fprintf(out, ", %lld %s", (long long)json_integer_value(n), why);
	fputc('\n', out);
	if (json_is_string(json_object_get(door, "lacks")))
		fprintf(out, "  missing: %s\n", json_string_value(json_object_get(door, "lacks")));
	if (last)
		fprintf(out, "  the last refusal: %s (%s)\n", json_string_value(json_object_get(last, "words")),
			json_string_value(json_object_get(last, "source")));
}
