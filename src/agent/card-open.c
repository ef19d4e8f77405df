/* Opening the card that the settings name, and one question to it: what the thread does. */
#include "agent/card-int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jansson/read.h"
#include "proto/aka/sim.h"
#include "transport/tls.h"

static const unsigned speeds[] = { 0, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600 };

bool card_there(const struct agent_config *c)
{
	return c->card_kind != AGENT_CARD_NONE;
}

uint16_t card_suite(const uint8_t ua[GBA_UA])
{
	uint16_t suite = (uint16_t)(ua[3] << 8 | ua[4]);

	if (!memcmp(ua, gba_ua_tls13.b, GBA_UA))
		return MST_TLS_PSK_13;
	return ua[0] == 1 && ua[1] == 0 && ua[2] == 1 && (mst_tls_psk_suite_known(suite) || mst_tls_cert_suite_known(suite)) ? suite : 0;
}

bool card_digest(const uint8_t ua[GBA_UA])
{
	return mst_tls_cert_suite_known(card_suite(ua));
}

bool card_ua(const struct agent_config *c, struct gba_ua *ret_ua)
{
	if (!strcmp(c->gba_ua, "tls13"))
		*ret_ua = gba_ua_tls13;
	else if (!gba_ua_parse(mst_view_str(c->gba_ua), ret_ua))
		return false;
	return card_suite(ret_ua->b) != 0;
}

/* --- the key of a card in software --- */

static int refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return MST_FAULT_CONFIG;
}

static bool hex_of(const json_t *o, const char *name, uint8_t out[AKA_LONG], struct mst_view *ret)
{
	const char *s = json_string_value(json_object_get(o, name));
	size_t n = 0;

	if (!s || !mst_hex_decode(mst_view_str(s), out, AKA_LONG, &n))
		return false;
	*ret = (struct mst_view){ out, n };
	return true;
}

/* What is not usual: as it was when there is no such member. */
static bool number_of(const json_t *o, const char *name, json_int_t max, uint8_t *ret)
{
	const json_t *v = json_object_get(o, name);

	if (!v)
		return true;
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > max)
		return false;
	*ret = (uint8_t)json_integer_value(v);
	return true;
}

static int options_of(const json_t *o, struct aka_keys *k, struct mst_diag *d)
{
	if (!number_of(o, "times", k->algorithm == AKA_TUAK ? 255 : 1, &k->times))
		return refuse(d, "times", "must be 1 to 255, TUAK's permutations; with milenage there are none");
	if (!number_of(o, "res", AKA_SIM_RES_MAX, &k->res_n) || aka_keys_check(k, NULL))
		return refuse(d, "res", "must be the octets of RES: 4 to 8 with milenage; 4, 8 or 16 with tuak");
	return 0;
}

/* {"algorithm":"milenage","k":"…","opc":"…"} or "op"; with tuak "topc" or "top". What is not usual: "res", and with tuak "times". */
static int keys_of(struct mst_crypto *c, const json_t *o, struct aka_keys *ret_k, struct mst_diag *d)
{
	const char *algorithm = json_string_value(json_object_get(o, "algorithm"));
	bool tuak = algorithm && !strcmp(algorithm, aka_algorithm_text(AKA_TUAK)), is_op;
	const char *top = tuak ? "topc" : "opc", *op = tuak ? "top" : "op";
	uint8_t k[AKA_LONG], t[AKA_LONG];
	struct mst_view key, other;
	int r = MST_FAULT_CONFIG;

	is_op = !json_object_get(o, top) && json_object_get(o, op);
	if (algorithm && !tuak && strcmp(algorithm, aka_algorithm_text(AKA_MILENAGE)) != 0)
		return refuse(d, "algorithm", "neither milenage nor tuak");
	if (!hex_of(o, "k", k, &key)) {
		r = refuse(d, "k", "missing, or not hexadecimal");
	} else if (!hex_of(o, is_op ? op : top, t, &other)) {
		r = refuse(d, is_op ? op : top, "missing, or not hexadecimal");
	} else {
		r = aka_keys_set(ret_k, tuak ? AKA_TUAK : AKA_MILENAGE, key, is_op ? MST_VIEW_NONE : other);
		r = r ? r : options_of(o, ret_k, d);
		/* behind the options: TOPc depends on the permutations */
		r = r || !is_op ? r : aka_keys_derive_top(c, ret_k, other);
	}
	if (r == AKA_BAD_KEYS)
		r = refuse(d, "k", "K has 16 octets (tuak: 16 or 32), OPc and OP 16, TOPc and TOP 32");
	mst_wipe(k, sizeof(k));
	mst_wipe(t, sizeof(t));
	return r;
}

int card_load_keys(const struct agent_config *cfg, struct mst_crypto *c, struct aka_keys *ret_k, struct mst_diag *d)
{
	uint8_t *text;
	json_error_t e;
	json_t *o;
	size_t n;
	int r = agent_read_secret(cfg->card_key_file, &text, &n, d);

	if (r) {
		agent_name_file(d, cfg->card_key_file, r);
		return r < 0 ? r : MST_FAULT_CONFIG;
	}
	o = mst_json_read((const char *)text, n, JSON_REJECT_DUPLICATES, &e);
	mst_wipe(text, n);
	free(text);
	r = json_is_object(o) ? keys_of(c, o, ret_k, d) : !o && mst_json_no_memory(&e) ? MST_FAULT_MEMORY :
	    refuse(d, "", "not a JSON object like {\"algorithm\":\"milenage\",\"k\":\"32 hex digits\",\"opc\":\"32 hex digits\"}");
	json_decref(o);
	if (r)
		agent_name_file(d, cfg->card_key_file, r);
	return r;
}

int card_load_pin(const struct agent_config *cfg, struct mst_key *ret_pin, struct mst_diag *d)
{
	uint8_t *text;
	size_t n, at = 0;
	int r;

	*ret_pin = (struct mst_key){ .n = 0 };
	if (!cfg->card_pin_file[0])
		return 0;
	r = agent_read_secret(cfg->card_pin_file, &text, &n, d);
	if (r) {
		agent_name_file(d, cfg->card_pin_file, r);
		return r < 0 ? r : MST_FAULT_CONFIG;
	}
	while (at < n && text[at] >= '0' && text[at] <= '9')
		at++;
	if (at >= 4 && at <= 8 && (at == n || (at + 1 == n && text[at] == '\n')))
		(void)mst_key_set(ret_pin, (struct mst_view){ text, at });
	mst_wipe(text, n);
	free(text);
	if (ret_pin->n)
		return 0;
	r = refuse(d, "", "a PIN has 4 to 8 digits, on one line");
	agent_name_file(d, cfg->card_pin_file, r);
	return r;
}

/* --- the thread's work --- */

static int open_port(struct card_work *w, struct mst_card_port **ret_p)
{
	const struct agent_config *c = &w->cfg;
	const struct mst_card_software s = { .imsi = c->card_imsi, .mnc_digits = c->card_mnc_digits ? 3 : 2, .keys = &w->keys, .gba = c->card_gba != 0,
					     .secenv = w->env };

	switch ((enum agent_card_kind)c->card_kind) {
	case AGENT_CARD_SOFTWARE: return mst_card_software_open(&s, w->crypto, ret_p, &w->reply.d);
	case AGENT_CARD_PCSC: return mst_card_pcsc_open(c->card_reader, ret_p, &w->reply.d);
	case AGENT_CARD_AT:
		return mst_card_at_open(c->card_device, speeds[c->card_speed], (unsigned)c->card_timeout * 500, ret_p, &w->reply.d);
	case AGENT_CARD_NONE: break;
	}
	return MST_FAULT_BUG;
}

static int identity(const struct mst_card *c, struct card_reply *r)
{
	struct mst_view imsi = mst_view_str(c->imsi), impi = mst_view_str(c->impi);
	bool isim = c->impi[0] != 0;
	unsigned digits = (unsigned)c->mnc_digits;

	if (!(isim ? mst_view_to_str(impi, r->impi, sizeof(r->impi)) : gba_impi_of_imsi(imsi, digits, r->impi))) {
		mst_diag_set(&r->d, 0, "IMSI", "the card has none that an identity can be made of", NULL);
		return MST_CARD_ODD;
	}
	if (!(isim ? gba_bsf_of_impi(impi, r->bsf) : gba_bsf_of_imsi(imsi, digits, r->bsf)))
		r->bsf[0] = 0;               /* then the settings have to say */
	return 0;
}

/*
 * Which of the two the network means only the MAC tells: AUTN* is for the GBA context, AUTN for the other (TS 33.220 5.3.2).
 * A card that refuses a MAC counts nothing.
 */
static int authenticate(struct mst_card *c, const struct card_question *q, struct card_reply *r)
{
	int ret = c->gba ? mst_card_authenticate(c, MST_UICC_GBA, q->rnd, q->autn, &r->aka, &r->d) : MST_CARD_NO_GBA;

	if (ret != MST_CARD_MAC && ret != MST_CARD_NO_GBA)
		return ret;
	r->has_keys = true;
	return mst_card_authenticate(c, MST_UICC_3G, q->rnd, q->autn, &r->aka, &r->d);
}

static int ask(struct mst_card *c, struct card_work *w)
{
	const struct card_question *q = &w->question;

	switch (q->job) {
	case CARD_IDENTITY: return identity(c, &w->reply);
	case CARD_AUTHENTICATE: return authenticate(c, q, &w->reply);
	case CARD_NAF_KEY:
		return mst_card_derive_naf(c, (struct mst_view){ q->naf_id, q->naf_id_n }, mst_view_str(q->impi), &w->reply.key, &w->reply.d);
	case CARD_NOTE: return mst_card_note_btid(c, mst_view_str(q->btid), mst_view_str(q->lifetime), &w->reply.d);
	}
	return MST_FAULT_BUG;
}

void card_work(struct card_work *w)
{
	struct mst_card_port *port = NULL;
	struct mst_card *c = calloc(1, sizeof(*c));
	int r = c ? open_port(w, &port) : MST_FAULT_MEMORY;

	if (!r)
		r = mst_card_open(c, port, (enum mst_card_app)w->cfg.card_application, mst_key_view(&w->pin), &w->reply.d);
	if (!r)
		r = ask(c, w);
	if (port)
		port->ops->close(port);
	free(c);
	w->reply.r = r;
}

int card_check(const struct agent_config *c, struct card_reply *ret_r)
{
	struct mst_crypto *crypto = mst_crypto_openssl();
	struct aka_keys keys = { .k_n = 0 };
	struct mst_key pin;
	int r;

	*ret_r = (struct card_reply){ .r = 0 };
	r = card_load_pin(c, &pin, &ret_r->d);
	mst_key_wipe(&pin);
	if (!r && c->card_kind == AGENT_CARD_SOFTWARE)
		r = card_load_keys(c, crypto, &keys, &ret_r->d);
	aka_keys_wipe(&keys);
	if (!r && c->card_imsi[0] && !gba_impi_of_imsi(mst_view_str(c->card_imsi), c->card_mnc_digits ? 3 : 2, ret_r->impi)) {
		mst_diag_set(&ret_r->d, 0, "card.imsi", "no identity can be made of it", NULL);
		r = MST_FAULT_CONFIG;
	}
	return r;
}
