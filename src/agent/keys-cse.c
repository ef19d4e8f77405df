/*
 * Questions of connect, accept and register-ae where the root credential is a key with a CSE and none with a MAF (Kpsa by GBA;
 * TS-0003 8.3.2.3): the key is there, for that CSE alone, and good for one suite of TLS (TS 33.220 H.3).
 */
#include "agent/card.h"
#include "agent/inside.h"
#include "agent/keys.h"

#include <string.h>

static json_t *only_the_cse(const struct agent *a, enum saef_outcome o)
{
	char text[MST_ID_MAX + 80];

	snprintf(text, sizeof(text), "this node belongs to no MAF; its one key is with the CSE %s", a->active.registrar_cse_id);
	return keys_refusal(o, text);
}

static bool is_it(const struct agent *a, const char *peer)
{
	return mst_id_equal(MST_ID_CSE_ABS, mst_view_str(peer), mst_view_str(a->active.registrar_cse_id));
}

/* The identity of TLS as it goes out. */
static bool spell(const struct agent *a, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	gba_put_psk_identity(&w, GBA_HINT_ME, agent_config_separator(&a->cfg), mst_view_str(a->active.key_id));
	mst_put_nul(&w);
	return w.ok;
}

static json_t *key_json(struct agent *a, const char *identity)
{
	const struct mst_root_cred *c = &a->active;
	char credential_id[MST_ID_MAX] = "";
	struct mst_diag d = { 0 };
	struct mst_key key;
	json_t *o;

	if (inside_root_key(a, c, &key, &d))
		return keys_refusal(SAEF_INTERNAL, d.text);
	if (!mst_credential_id_make(MST_SUID_KPSA, mst_view_str(c->key_id), credential_id))
		credential_id[0] = '\0';
	o = json_pack("{s:b, s:s, s:s, s:s, s:o, s:b, s:s, s:i}", "ok", true, "identity", identity, "peer", c->registrar_cse_id, "credentialID",
		      credential_id, "until", status_time(c->not_after), "reused", true, "poa", c->registrar_poa[0], "suite", card_suite(c->ua));
	keys_put_key(o, &key);
	mst_key_wipe(&key);
	return o;
}

static json_t *connects(struct agent *a, const json_t *q)
{
	const char *peer = keys_text(q, "peer");
	char identity[MST_ID_MAX];

	if (*peer && !is_it(a, peer))
		return only_the_cse(a, SAEF_NO_CREDENTIAL);
	if (json_is_true(json_object_get(q, "fresh"))) {
		/* it refused the key: whether that stays so, and whether to bootstrap again, the check of the credential finds out */
		a->check_at = agent_now();
		return keys_refusal(SAEF_NOT_AUTHENTICATED, "the CSE does not take the key; a running agent checks it now, and bootstraps again when that stays so");
	}
	return spell(a, identity) ? key_json(a, identity) : keys_refusal(SAEF_INTERNAL, "the B-TID with its prefix is too long");
}

/* None named: whoever has the key, and that is the CSE. */
static bool wanted(const struct agent *a, const json_t *q)
{
	const json_t *all = json_object_get(q, "from"), *one;
	size_t i;

	json_array_foreach(all, i, one)
		if (json_is_string(one) && is_it(a, json_string_value(one)))
			return true;
	return !json_array_size(all);
}

static json_t *accepts(struct agent *a, const json_t *q)
{
	const char *identity = keys_text(q, "identity");
	enum gba_hint hint;
	struct mst_view btid = gba_psk_identity_btid(mst_view_str(identity), &hint);
	json_int_t suite = json_integer_value(json_object_get(q, "suite"));

	if (!mst_view_eq_str(btid.n ? btid : mst_view_str(identity), a->active.key_id))
		return only_the_cse(a, SAEF_KEY_UNKNOWN);
	if ((suite ? suite : MST_TLS_PSK_13) != card_suite(a->active.ua))
		return keys_refusal(SAEF_OTHER_USE, "the key is for another suite of TLS than the handshake's (gba.ua)");
	return wanted(a, q) ? key_json(a, identity) : keys_refusal(SAEF_PEER_NOT_WANTED, a->active.registrar_cse_id);
}

json_t *keys_cse_ask(struct agent *a, bool connect, const json_t *q)
{
	if (a->active.not_after <= agent_utc(a))
		return keys_refusal(SAEF_KEY_ENDED, "the key that was bootstrapped with the operator has ended");
	return connect ? connects(a, q) : accepts(a, q);
}
