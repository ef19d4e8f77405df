/* What a person gets to see: the same object as JSON and as text. Ids, times and reasons; never keys. */
#include "agent/place.h"
#include "agent/bundle.h"
#include "agent/door.h"
#include "agent/inside.h"
#include "agent/refused.h"

#include <string.h>

#include "muster/version.h"

static const struct { const char *words, *remedy;
} reasons[PROV_REASON__COUNT] = {
	[PROV_OK] = { "succeeded", "" },
	[PROV_UNSUPPORTED] = { "this device cannot do that",
			       "see the detail; another instruction may suit it, for example one with method cert and an https URI" },
	[PROV_UNREACHABLE] = { "the server could not be reached",
			       "check network, name resolution and port; it is tried again" },
	[PROV_TIMEOUT] = { "the server did not answer in time",
			   "check the network and the server's load; it is tried again" },
	[PROV_UNTRUSTED] = { "the server could not prove who it is",
			     "check the trust anchors, the server's certificate and its name" },
	[PROV_NOT_AUTHENTICATED] = { "the server did not accept this device's credential",
				     "check that this certificate's maker and names are registered with the "
				     "provider, and that it is not over" },
	[PROV_REFUSED] = { "the provider refused",
			   "ask the provider: subscription, suspension or revocation" },
	[PROV_UNKNOWN] = { "the provider does not know this device",
			   "have the device registered with the provider" },
	[PROV_BUSY] = { "the server is busy", "wait; it is tried again" },
	[PROV_MALFORMED] = { "the answer could not be understood",
			     "check versions of both ends; report it with the attempt id" },
	[PROV_EXPIRED] = { "something has expired",
			   "check this device's clock; if it is right, get new instructions, or renew the "
			   "certificate or subscription" },
	[PROV_NOT_YET_VALID] = { "it is not valid yet", "check this device's clock" },
	[PROV_TOO_DEEP] = { "nested too deep, or too many redirections", "correct the instructions" },
	[PROV_LOOP] = { "the instructions go in a circle", "correct the instructions" },
	[PROV_EMPTY] = { "there was nothing to try", "give instructions: muster-agent trigger FILE" },
	[PROV_STORAGE] = { "progress could not be saved", "check space and rights of the state directory" },
	[PROV_OVERSIZED] = { "it is larger than it may be", "shorten the instructions: fewer of them, fewer anchors" },
	[PROV_UNKNOWN_METHOD] = { "a method that does not exist", "correct the instructions; this device may need a newer muster-agent" },
	[PROV_WRONG_SERVICE] = { "who answers there is something else", "check port and path of the instruction" },
	[PROV_NO_READER] = { "no card reader or modem", "check that it is plugged in, that pcscd runs, and card.kind, card.reader or card.device" },
	[PROV_NO_CARD] = { "the subscriber's card does not answer", "put it in, or take it out and put it in again; then the reader or modem" },
	[PROV_NO_APPLICATION] = { "the card lacks the application", "use a card with a USIM or an ISIM, or correct card.application" },
	[PROV_CARD_PIN] = { "the card's PIN is missing or wrong", "put the PIN into the file that card.pin_file names, or switch it off; a wrong one is not tried "
			    "again" },
	[PROV_CARD_SYNC] = { "card and operator do not agree on their counters", "ask the operator to resynchronise this subscription; it is tried again" },
	[PROV_FALSE_NETWORK] = { "THE NETWORK IS NOT THE CARD'S OPERATOR", "somebody may pose as the operator: check gba.bsf and the way to it, and tell the "
				 "operator; else the card and its subscription do not belong together" },
	[PROV_NOT_PROVEN] = { "the BSF does not prove that the answer is its own", "check gba.bsf; a BSF that never sends rspauth needs gba.without_rspauth, which "
			      "gives up that proof" },
	[PROV_UNKNOWN_SUBSCRIBER] = { "the operator does not know this card's subscriber", "check the card, and have bootstrapping (GBA) enabled for its subscription" },
	[PROV_INTERNAL] = { "the agent failed inside", "report it with the attempt id and the log" },
};

const char *status_words(enum prov_reason r)
{
	return (unsigned)r < PROV_REASON__COUNT && reasons[r].words ? reasons[r].words : "?";
}

/* What helps depends on what the device proves itself by. */
static const struct { enum prov_reason reason; int method; const char *remedy;
} of_method[] = {
	{ PROV_NOT_AUTHENTICATED, MST_METHOD_PSK, "check that the provider has this device's secret under the same identity (psk_identity, psk_file), and has not "
						  "revoked the device" },
	{ PROV_NOT_AUTHENTICATED, MST_METHOD_GBA, "the key of the card's session is not taken; the next attempt bootstraps anew. If that does not help, the operator's "
						  "BSF must give this server keys, the subscriber's settings there must name this device, and the server must have the suite of "
						  "gba.ua" },
	{ PROV_UNSUPPORTED, MST_METHOD_GBA, "read the detail; when it says that there is no common cipher suite, set gba.ua to one of the server's" },
	{ PROV_NOT_AUTHENTICATED, MST_METHOD_BSF, "the key of the card's session is not taken; check that the card's subscription is enabled for bootstrapping (GBA)" },
	{ PROV_NOT_AUTHENTICATED, MST_METHOD_BBN, "check that the owner's briefing node knows what this device proves itself by: its certificate's maker and names, or "
						  "its secret and identity; and that the certificate is not over" },
	{ PROV_UNREACHABLE, MST_METHOD_FILE, "check that the file is there, who owns it, and that nobody else may write it" },
	{ PROV_MALFORMED, MST_METHOD_FILE, "correct the instructions; the detail says where" },
	{ PROV_EXPIRED, MST_METHOD_FILE, "check this device's clock; if it is right, get new instructions" },
	{ PROV_MALFORMED, MST_METHOD_DHCP, "correct option 224 at the DHCP server (an FQDN, FQDN:port, https or coaps URI), or the instruction's interface" },
	{ PROV_OVERSIZED, MST_METHOD_DHCP, "shorten option 224 at the DHCP server" },
	{ PROV_UNREACHABLE, MST_METHOD_DHCP, "check who owns the file that the hook has written, and that nobody else may write it" },
	{ PROV_EMPTY, MST_METHOD_DHCP, "have the DHCP server send option 224, and check the hook of the DHCP client, and lan_names" },
	{ PROV_MALFORMED, MST_METHOD_DNS_SRV, "correct the SRV records (port, and the name that the briefing node proves), or the instruction's service name" },
	{ PROV_EMPTY, MST_METHOD_DNS_SRV, "have SRV records made for that name, and check lan_names" },
	{ PROV_MALFORMED, MST_METHOD_DNS_SD, "have the briefing node tell its name (fqdn=), port and path= as they are" },
	{ PROV_EMPTY, MST_METHOD_DNS_SD, "check that a briefing node tells of itself on this LAN (bbn.publish), and check lan_names" },
	{ PROV_EXPIRED, MST_METHOD_PSK, "check this device's clock; if it is right, get new instructions, or renew the subscription" },
	{ PROV_EXPIRED, MST_METHOD_GBA, "check this device's clock; if it is right, get new instructions, or ask the operator how long keys of its BSF last" },
	{ PROV_UNKNOWN, MST_METHOD_GBA, "have the operator's settings of this subscriber name the device as the provider knows it, and the device registered there" },
};

const char *status_remedy(enum prov_reason r, int method)
{
	for (size_t i = 0; i < MST_COUNT(of_method); i++)
		if (of_method[i].reason == r && of_method[i].method == method)
			return of_method[i].remedy;
	return (unsigned)r < PROV_REASON__COUNT && reasons[r].remedy ? reasons[r].remedy : "";
}

json_t *status_time(mst_time t)
{
	char text[32];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	if (t < 0 || t > MST_TIME_MAX)
		return json_null();
	mst_put_timestamp(&w, t);
	mst_put_nul(&w);
	return w.ok ? json_string(text) : json_null();
}

/* Each of the ends by itself; what the provider did not say, or an older agent did not keep, is null. */
static json_t *status_ends(const struct mst_root_cred *c)
{
	return json_pack("{s:o, s:o, s:o}", "key", status_time(c->not_after), "mefRegistration",
			 c->mef_reg.until ? status_time(c->mef_reg.until) : json_null(), "mafRegistration",
			 c->maf_reg.until ? status_time(c->maf_reg.until) : json_null());
}

json_t *status_credential(const struct mst_root_cred *c, mst_time renew_at)
{
	json_t *poa = json_array();

	for (size_t i = 0; i < c->n_registrar_poa; i++)
		json_array_append_new(poa, json_string(c->registrar_poa[i]));
	return json_pack("{s:s, s:I, s:s, s:b, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s}",
			 "keyID", c->key_id, "SUID", (json_int_t)c->suid, "method", c->method ? mst_enum_text(&mst_method_table, c->method) : "", "confirmed", c->confirmed, "generation",
			 (json_int_t)c->generation, "nodeID", c->node_id, "cseID", c->cse_id, "aeID",
			 c->ae_id, "adminFQDN", c->admin_fqdn, "mefFQDN", c->mef_fqdn, "mef", c->mef_uri,
			 "mafFQDN", c->maf_fqdn, "maf", c->maf_uri,
			 "registrarCSEID", c->registrar_cse_id, "registrarPoA", poa, "obtained",
			 status_time(c->obtained), "notAfter", status_time(mst_root_cred_until(c)), "ends", status_ends(c), "renewAt",
			 renew_at ? status_time(renew_at) : json_null(), "attempt", c->attempt);
}

const char *agent_target(const struct mst_root_cred *c)
{
	return c->suid == MST_SUID_KPSA ? c->registrar_cse_id : c->maf_fqdn;
}

const char *agent_target_uri(const struct mst_root_cred *c)
{
	return c->suid == MST_SUID_KPSA ? c->registrar_poa[0] : c->maf_uri;
}

/* Texts of peers are cut to fit, perhaps in the middle of a character. */
json_t *status_text(const char *s)
{
	json_t *t = json_string(s);

	return t ? t : json_string("(not printable)");
}

json_t *status_damage(const struct agent_config *cfg, enum mst_slot slot, const struct mst_diag *d, int r)
{
	char text[AGENT_PATH_MAX + 192];
	bool active = slot == MST_SLOT_ACTIVE;

	agent_store_words(cfg, d, r, text, sizeof(text));
	return json_pack("{s:s, s:o, s:s}", "slot", active ? "active" : "pending", "text", status_text(text), "remedy",
			 active ? "put a copy of the state directory back, or let the node bootstrap again: muster-agent "
				  "trigger"
				: "nothing at once: the next run makes a new one; look after the disk");
}

static const char *mode_text(enum agent_mode m)
{
	static const char *const text[AGENT_MODE__COUNT] = {
		[AGENT_EMPTY] = "not-enrolled", [AGENT_BUSY] = "bootstrapping", [AGENT_WAITING] = "waiting",
		[AGENT_ENROLLED] = "enrolled", [AGENT_DAMAGED] = "damaged",
	};

	return text[m];
}

json_t *status_json(const struct agent *a)
{
	enum agent_mode m = agent_mode(a);
	mst_ms next = prov_deadline(a->prov);
	struct agent_place place = place_merged(&a->cfg.place, &a->place);
	json_t *o = json_pack(
		"{s:s, s:b, s:s, s:s, s:I, s:o, s:b, s:o}", "version", MST_VERSION, "running", true, "state",
		mode_text(m), "step",
		a->errand != AGENT_NO_ERRAND ? enrolee_state_text(enrolee_state(a->enrolee)) : "", "runs",
		(json_int_t)prov_runs(a->prov), "time", status_time(agent_utc(a)), "timeIsSet",
		agent_utc_or_0(a) != 0, "lastCheck", status_text(a->check_text));

	record_into(o, a->record);
	json_object_set_new(o, "place", place_json(&place));
	json_object_set_new(o, "credential",
			    a->has_active ? status_credential(&a->active, a->renew_at) : json_null());
	json_object_set_new(o, "pending", a->has_pending ? status_credential(&a->pending, 0) : json_null());
	json_object_set_new(o, "leaving", leave_status(a->env, a->has_active ? a->active.key_id : ""));
	json_object_set_new(o, "certificate", own_status(a->env));
	json_object_set_new(o, "managed", managed_status(a->env));
	json_object_set_new(o, "pushed", a->door ? door_status(a) : json_null());
	json_object_set(o, "secureEnvironment", a->inside ? a->inside : json_null());
	json_object_set(o, "born", a->born ? a->born : json_null());
	json_object_set_new(o, "secretRefused", a->secret_why[0] ? status_text(a->secret_why) : json_null());
	json_object_set_new(o, "memory", inside_memory());
	json_object_set(o, "damage", a->damage ? a->damage : json_null());
	json_object_set_new(o, "nextTry", m == AGENT_WAITING && next != MST_NEVER ?
	                    json_integer(next > agent_now() ? (next - agent_now()) / 1000 : 0) : json_null());
	return o;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && *s ? s : "-";
}

static void print_credential(FILE *out, const char *what, const json_t *c)
{
	const json_t *ends = json_object_get(c, "ends");

	if (!json_is_object(c))
		return;
	fprintf(out,
		"%s\n  key         %s (%s)\n  node        %s\n  CSE-ID      %s\n  MAF         %s\n  "
		"registrar   %s\n"
		"  obtained    %s\n  ends        %s (key %s, registration with the MEF %s, with the MAF %s)\n  generation  %lld\n",
		what, text_of(c, "keyID"),
		json_is_true(json_object_get(c, "confirmed")) ? "confirmed" : "not yet confirmed",
		text_of(c, "nodeID"), text_of(c, "cseID"), text_of(c, "maf"), text_of(c, "registrarCSEID"),
		text_of(c, "obtained"), text_of(c, "notAfter"), text_of(ends, "key"), text_of(ends, "mefRegistration"),
		text_of(ends, "mafRegistration"),
		(long long)json_integer_value(json_object_get(c, "generation")));
	if (json_integer_value(json_object_get(c, "SUID")) == MST_SUID_KPSA)
		fprintf(out, "  key with    the registrar alone (Kpsa), at %s\n", json_string_value(json_array_get(json_object_get(c, "registrarPoA"), 0)));
}

void status_print_reasons(FILE *out, const json_t *status)
{
	const json_t *damage = json_object_get(status, "damage");
	json_t *r;
	size_t i;

	if (json_is_object(damage))
		fprintf(out, "%s\n  what to do: %s\n", text_of(damage, "text"), text_of(damage, "remedy"));
	json_array_foreach(json_object_get(status, "reports"), i, r) {
		const char *step = enrolee_step_words(enrolee_step_of(text_of(r, "step")));

		fprintf(out, "%s: %s", text_of(r, "resource"), text_of(r, "words"));
		if (*step)
			fprintf(out, ", while %s", step);
		if (strcmp(text_of(r, "detail"), "-"))
			fprintf(out, " (%s)", text_of(r, "detail"));
		fputc('\n', out);
		if (strcmp(text_of(r, "remedy"), "-"))
			fprintf(out, "  what to do: %s\n", text_of(r, "remedy"));
	}
}

static const char *step_words(const char *arrow)
{
	static const struct { const char *arrow, *words; } briefing[] = {
		{ "bbn.open", "opening a session with the briefing node" }, { "bbn.ask", "asking whom to enrol with" },
		{ "bbn.report", "telling the briefing node how it went" },
	};

	for (size_t i = 0; i < MST_COUNT(briefing); i++)
		if (!strcmp(briefing[i].arrow, arrow))
			return briefing[i].words;
	return enrolee_step_words(enrolee_step_of(arrow));
}

static void print_steps(FILE *out, const json_t *steps)
{
	json_t *s;
	size_t i;

	json_array_foreach((json_t *)steps, i, s)
		fprintf(out, "%-13s %6lld ms  %s%s%s\n", i ? "" : "steps", (long long)json_integer_value(json_object_get(s, "ms")),
			step_words(text_of(s, "arrow")), *text_of(s, "at") ? ": " : "", text_of(s, "at"));
}

void status_print(FILE *out, const json_t *s)
{
	json_t *next = json_object_get(s, "nextTry");

	fprintf(out, "state         %s%s\n", text_of(s, "state"),
		json_is_true(json_object_get(s, "running")) ? "" : " (agent not running)");
	if (strcmp(text_of(s, "step"), "-"))
		fprintf(out, "step          %s\n", text_of(s, "step"));
	if (strcmp(text_of(s, "attempt"), "-"))
		fprintf(out, "last run      attempt %s, begun %s (%s)\n", text_of(s, "attempt"),
			text_of(s, "when"), text_of(s, "trigger"));
	print_steps(out, json_object_get(s, "steps"));
	history_print(out, s);
	if (json_is_integer(next))
		fprintf(out, "next try in   %llds\n", (long long)json_integer_value(next));
	if (strcmp(text_of(s, "lastCheck"), "-"))
		fprintf(out, "last check    %s\n", text_of(s, "lastCheck"));
	inside_print(out, s);
	door_print(out, json_object_get(s, "pushed"));
	bundle_print(out, s);
	refused_print(out, s);
	managed_print(out, json_object_get(s, "managed"));
	print_credential(out, "credential", json_object_get(s, "credential"));
	print_credential(out, "being obtained", json_object_get(s, "pending"));
	leave_print(out, json_object_get(s, "leaving"));
	status_print_reasons(out, s);
}
