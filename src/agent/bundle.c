/*
 * Judging a bundle. What is remembered is one row a signer: the highest number taken from it, which bundle that was,
 * which attempt it began, and whether that has ended. It is durable before the bundle has any effect, so no cut of the
 * power lets an older one in, and none burns one whose run has not ended (lessons 10, 16).
 */
#include "agent/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "codec/bundle.h"

#define BLOB "bundles"
#define BLOB_VERSION 1
#define SIGNERS_MAX 16
#define ROW_OCTETS (MST_SHA256_LEN + 8 + MST_SHA256_LEN + 8 + 32 + 1)
#define BLOB_OCTETS (2 + SIGNERS_MAX * ROW_OCTETS)

struct used {
	uint8_t signer[MST_SHA256_LEN];          /* of its public key: a renewed certificate is the same signer */
	int64_t number;
	uint8_t bundle[MST_SHA256_LEN];          /* of the content */
	mst_time not_after;                      /* of the signer's certificate: afterwards the row is free */
	char attempt[33];
	bool ended;
};

struct agent_bundles {
	uint8_t *anchor[16];
	struct mst_view anchors[16];
	size_t n_anchors;
	struct used used[SIGNERS_MAX];
	size_t n_used;
	struct mst_diag no_anchors, damaged;     /* why bundles cannot be judged; "" = they can */
};

/* The last one, in the record of the last run, and so over a restart; and how many refusals a briefing node has heard of. */
#define LAST "bundle"
#define TOLD "bundlesTold"

_Static_assert(BUNDLE__COUNT == MST_BUNDLE_TEXTS, "a word for each");
static const struct { enum prov_reason reason; const char *words, *remedy;
} outcomes[BUNDLE__COUNT] = {
	[BUNDLE_ACCEPTED] = { PROV_OK, "was accepted", "" },
	[BUNDLE_MALFORMED] = { PROV_MALFORMED, "cannot be understood", "make it again with: muster bundle make" },
	[BUNDLE_OVERSIZED] = { PROV_OVERSIZED, "is too large", "make it again with: muster bundle make" },
	[BUNDLE_UNSIGNED] = { PROV_UNTRUSTED, "is not signed", "have it signed with: muster bundle make" },
	[BUNDLE_WRONGLY_SIGNED] = { PROV_UNTRUSTED, "is not what was signed",
				    "it was changed or damaged on its way: copy it again from its source" },
	[BUNDLE_SIGNER_UNTRUSTED] = { PROV_UNTRUSTED, "is signed by somebody whom this node does not trust",
				      "have it signed by the owner, or correct bundle_anchors" },
	[BUNDLE_SIGNER_EXPIRED] = { PROV_EXPIRED, "is signed with a certificate that has ended",
				    "have it signed again; check this device's clock" },
	[BUNDLE_SIGNER_EARLY] = { PROV_NOT_YET_VALID, "is signed with a certificate that is not valid yet",
				  "check this device's clock" },
	[BUNDLE_WRONG_PURPOSE] = { PROV_UNTRUSTED, "is signed with a certificate that is for something else",
				   "make a signer with: muster cert issue --bundle-signer" },
	[BUNDLE_EMPTY] = { PROV_EMPTY, "holds nothing to try", "make it with at least one instruction" },
	[BUNDLE_TOO_DEEP] = { PROV_TOO_DEEP, "is nested too deep", "make it again with: muster bundle make" },
	[BUNDLE_UNKNOWN_METHOD] = { PROV_UNKNOWN_METHOD, "asks for a method that does not exist",
				    "correct the sequence; the node may need a newer muster-agent" },
	[BUNDLE_EXPIRED] = { PROV_EXPIRED, "has expired", "have a new one made; check this device's clock" },
	[BUNDLE_EARLY] = { PROV_NOT_YET_VALID, "is not valid yet", "wait, or check this device's clock" },
	[BUNDLE_OTHER_NODE] = { PROV_REFUSED, "is not for this node", "look for whom it is: muster bundle show" },
	[BUNDLE_REPLAYED] = { PROV_REFUSED, "was used already, or is older than one that was",
			      "have a new one made, with a higher number" },
	[BUNDLE_NO_ANCHORS] = { PROV_UNSUPPORTED, "cannot be judged: no signer is trusted here",
				"set bundle_anchors in the configuration" },
	[BUNDLE_UNREADABLE] = { PROV_UNREACHABLE, "cannot be read", "it must be a regular file, and no link" },
	[BUNDLE_NOT_KEPT] = { PROV_STORAGE, "was not used: the record of used bundles cannot be read or written",
			      "check space and rights of the state directory" },
};

const char *bundle_text(int outcome)
{
	return outcome >= 0 && outcome < BUNDLE__COUNT ? mst_bundle_text[outcome] : "fault";
}

int bundle_of_text(const char *text)
{
	for (int i = 0; i < BUNDLE__COUNT; i++)
		if (!strcmp(mst_bundle_text[i], text))
			return i;
	return -1;
}

enum prov_reason bundle_reason(int outcome)
{
	return outcome >= 0 && outcome < BUNDLE__COUNT ? outcomes[outcome].reason : PROV_INTERNAL;
}

bool bundle_looks_so(struct mst_view octets)
{
	/* A DER SEQUENCE; a sequence of ours begins with a brace or with a CBOR map. */
	return octets.n && octets.p[0] == 0x30;
}

static int refuse(struct mst_diag *d, int outcome, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return outcome;
}

/* What was used ---------------------------------------------------------------------------------------- */

static bool read_row(struct mst_reader *r, struct used *u)
{
	struct mst_view signer = mst_read(r, MST_SHA256_LEN), bundle, attempt;

	u->number = (int64_t)mst_read_u64(r);
	bundle = mst_read(r, MST_SHA256_LEN);
	u->not_after = (mst_time)mst_read_u64(r);
	attempt = mst_read(r, 32);
	u->ended = mst_read_u8(r) != 0;
	if (signer.n != MST_SHA256_LEN || bundle.n != MST_SHA256_LEN || attempt.n != 32)
		return false;
	memcpy(u->signer, signer.p, MST_SHA256_LEN);
	memcpy(u->bundle, bundle.p, MST_SHA256_LEN);
	memcpy(u->attempt, attempt.p, 32);
	return true;
}

/* "Corrupt" is not "fresh" (lesson 16): then no bundle is taken until a person has looked. */
static void load_used(struct agent *a, struct agent_bundles *b)
{
	uint8_t blob[BLOB_OCTETS];
	struct mst_diag d = { 0 };
	struct mst_reader r;
	size_t n = 0, rows;
	int o = a->env->ops->load_blob(a->env, BLOB, blob, sizeof(blob), &n, &d);

	if (o == MST_SECENV_NONE)
		return;
	r = mst_reader_of((struct mst_view){ blob, o ? 0 : n });
	rows = mst_read_u8(&r) == BLOB_VERSION ? mst_read_u8(&r) : SIZE_MAX;
	for (; !o && rows <= SIGNERS_MAX && b->n_used < rows; b->n_used++)
		if (!read_row(&r, &b->used[b->n_used]))
			break;
	if (o || b->n_used != rows || !mst_read_end(&r))
		(void)refuse(&b->damaged, BUNDLE_NOT_KEPT, BLOB, "what is kept of used bundles cannot be read");
	/* The power went between promoting what a bundle had begun and noting that. */
	for (size_t i = 0; i < b->n_used; i++)
		b->used[i].ended |= a->has_active && !strcmp(b->used[i].attempt, a->active.attempt);
}

static bool save_used(struct agent *a)
{
	const struct agent_bundles *b = a->bundles;
	uint8_t blob[BLOB_OCTETS];
	struct mst_writer w = mst_writer_of(blob, sizeof(blob));
	struct mst_diag d = { 0 };
	int r;

	mst_put_u8(&w, BLOB_VERSION);
	mst_put_u8(&w, (uint8_t)b->n_used);
	for (size_t i = 0; i < b->n_used; i++) {
		const struct used *u = &b->used[i];

		mst_put(&w, (struct mst_view){ u->signer, MST_SHA256_LEN });
		mst_put_u64(&w, (uint64_t)u->number);
		mst_put(&w, (struct mst_view){ u->bundle, MST_SHA256_LEN });
		mst_put_u64(&w, (uint64_t)u->not_after);
		mst_put(&w, (struct mst_view){ (const uint8_t *)u->attempt, 32 });
		mst_put_u8(&w, u->ended);
	}
	r = w.ok ? a->env->ops->store_blob(a->env, BLOB, mst_written(&w), &d) : MST_FAULT_BUG;
	if (!r)
		return true;
	agent_log(a, AGENT_WARN, "bundles-not-kept", "why", agent_why(&d, r), NULL);
	return false;
}

static struct used *row_of(struct agent_bundles *b, const uint8_t signer[MST_SHA256_LEN])
{
	for (size_t i = 0; i < b->n_used; i++)
		if (!memcmp(b->used[i].signer, signer, MST_SHA256_LEN))
			return &b->used[i];
	return NULL;
}

/* A row for a new signer; one of a signer whose certificate has ended may go, nobody else's. */
static struct used *new_row(struct agent *a)
{
	struct agent_bundles *b = a->bundles;

	if (b->n_used < SIGNERS_MAX)
		return &b->used[b->n_used++];
	for (size_t i = 0; i < b->n_used; i++)
		if (b->used[i].not_after < agent_utc(a))
			return &b->used[i];
	return NULL;
}

static int keep(struct agent *a, struct used *row, const struct used *now, struct mst_diag *d)
{
	struct used before[SIGNERS_MAX];
	size_t n = a->bundles->n_used;

	memcpy(before, a->bundles->used, sizeof(before));
	if (!row)
		row = new_row(a);
	if (!row)
		return refuse(d, BUNDLE_NOT_KEPT, "", "16 other signers are remembered already");
	*row = *now;
	if (save_used(a)) {
		agent_point(a, "bundle-noted");
		return 0;
	}
	memcpy(a->bundles->used, before, sizeof(before));
	a->bundles->n_used = n;
	return refuse(d, BUNDLE_NOT_KEPT, "", "that it is used could not be made durable");
}

/* Not older than what this signer gave before, and not the same once its run has ended; then it is noted as used. */
static int take_once(struct agent *a, const struct used *now, bool discovery, struct mst_diag *d)
{
	struct used *row = row_of(a->bundles, now->signer);

	if (row && now->number < row->number)
		return refuse(d, BUNDLE_REPLAYED, "number", "a newer one of this signer was taken before");
	if (row && now->number == row->number && memcmp(now->bundle, row->bundle, MST_SHA256_LEN) != 0)
		return refuse(d, BUNDLE_REPLAYED, "number", "another one of this signer with the same number was taken before");
	if (row && now->number == row->number) {
		/* A discovery begins nothing by itself, and may come back to the newest (0012). */
		if (discovery)
			return 0;
		if (row->ended)
			return refuse(d, BUNDLE_REPLAYED, "number", "it was taken before, and its run has ended");
	}
	return keep(a, row, now, d);
}

void bundle_ended(struct agent *a, const char *except)
{
	bool changed = false;

	for (size_t i = 0; a->bundles && i < a->bundles->n_used; i++) {
		struct used *u = &a->bundles->used[i];

		if (u->ended || !strcmp(u->attempt, except))
			continue;
		u->ended = changed = true;
	}
	/* Not kept: then a repetition may be taken once more after a restart, never an older one. */
	if (changed)
		(void)save_used(a);
}

/* Judging ---------------------------------------------------------------------------------------------- */

static int outcome_of(int msg, const struct mst_diag *d)
{
	static const struct { enum prov_reason reason; int outcome; } rows[] = {
		{ PROV_TOO_DEEP, BUNDLE_TOO_DEEP }, { PROV_OVERSIZED, BUNDLE_OVERSIZED },
		{ PROV_UNKNOWN_METHOD, BUNDLE_UNKNOWN_METHOD }, { PROV_EMPTY, BUNDLE_EMPTY },
	};

	for (size_t i = 0; i < MST_COUNT(rows); i++)
		if (prov_reason_of(msg, d) == rows[i].reason)
			return rows[i].outcome;
	return BUNDLE_MALFORMED;
}

static int judge(const struct agent *a, const struct mst_bundle *b, struct mst_diag *d)
{
	const struct mst_bundle_reader me = { mst_view_str(a->from), mst_view_str(a->cfg.maker), mst_view_str(a->cfg.model),
					      mst_view_str(a->cfg.batch) };
	const char *why = mst_bundle_not_for(b, &me);

	/* What lies before the floor has ended, whatever the clock says; "not yet" needs a clock (lesson 15). */
	if (b->valid_until <= agent_utc(a))
		return refuse(d, BUNDLE_EXPIRED, "validUntil", "the time is past it");
	if ((b->has >> MST_BU_FROM & 1) && agent_utc_or_0(a) && agent_utc(a) < b->valid_from)
		return refuse(d, BUNDLE_EARLY, "validFrom", "the time has not come");
	return why ? refuse(d, BUNDLE_OTHER_NODE, "", why) : 0;
}

struct judging {
	uint8_t content[MST_BUNDLE_OCTETS], arena[MST_BUNDLE_OCTETS];
	size_t n;
	struct mst_bundle b;
	struct mst_cms_signer s;
};

static int open_envelope(struct agent *a, struct mst_view octets, struct judging *j, struct mst_diag *d)
{
	struct agent_bundles *b = a->bundles;
	struct mst_cms_trust t = { b->anchors, b->n_anchors, agent_utc_or_0(a), agent_utc(a) };
	int r;

	if (!octets.n)
		return refuse(d, BUNDLE_EMPTY, "", "no octets at all");
	if (octets.n > MST_CMS_MAX)
		return refuse(d, BUNDLE_OVERSIZED, "", "more than 49152 octets");
	if (!bundle_looks_so(octets))
		return refuse(d, BUNDLE_UNSIGNED, "", "from there only a signed bundle is taken (muster bundle make)");
	if (!b->n_anchors) {
		*d = b->no_anchors;
		return BUNDLE_NO_ANCHORS;
	}
	r = mst_cms_open(octets, &t, j->content, sizeof(j->content), &j->n, &j->s, d);
	if (r == MST_FAULT_SPACE)
		return refuse(d, BUNDLE_OVERSIZED, "", "more than 32768 octets of content");
	return r;
}

static int read_content(struct judging *j, struct mst_diag *d)
{
	struct mst_arena arena = mst_arena_of(j->arena, sizeof(j->arena));
	int r;

	if (!j->n)
		return refuse(d, BUNDLE_EMPTY, "", "nothing was signed");
	r = mst_bundle_read((struct mst_view){ j->content, j->n }, &arena, &j->b, d);
	return r > 0 ? outcome_of(r, d) : r;
}

/* All checks, then it is noted as used, then the sequence is given out. */
static int take(struct agent *a, struct mst_view octets, const char *attempt, bool discovery, struct judging *j,
		struct mst_writer *out, struct mst_diag *d)
{
	struct used now = { 0 };
	int r = open_envelope(a, octets, j, d);

	if (!r)
		r = read_content(j, d);
	if (!r)
		r = judge(a, &j->b, d);
	if (!r && a->bundles->damaged.text[0]) {
		*d = a->bundles->damaged;
		r = BUNDLE_NOT_KEPT;
	}
	if (r)
		return r;
	mst_sequence_write_cbor(&j->b.sequence, out);
	if (!out->ok)
		return refuse(d, BUNDLE_OVERSIZED, "sequence", "more than 16384 octets");
	memcpy(now.signer, j->s.cert.spki_sha256, MST_SHA256_LEN);
	now.number = j->b.number;
	now.not_after = j->s.not_after;
	snprintf(now.attempt, sizeof(now.attempt), "%s", attempt);
	r = a->crypto->ops->sha256(a->crypto, (struct mst_view){ j->content, j->n }, now.bundle);
	return r ? r : take_once(a, &now, discovery, d);
}

/* Telling ---------------------------------------------------------------------------------------------- */

static void note(struct agent *a, const char *name, int outcome, const struct mst_diag *d, const struct judging *j)
{
	char id[80] = "", detail[sizeof(d->field) + sizeof(d->text) + 4] = "";
	json_int_t refused = json_integer_value(json_object_get(json_object_get(a->record, LAST), "refused"));

	if (j && j->b.id.n)
		(void)mst_view_to_str(j->b.id, id, sizeof(id));
	if (outcome)
		snprintf(detail, sizeof(detail), "%s%s%s", d->field, d->field[0] ? ": " : "", outcome < 0 ? mst_fault_text(outcome)
													  : d->text);
	refused += outcome != 0;
	json_object_set_new(a->record, LAST, json_pack("{s:o, s:s, s:s, s:o, s:s, s:o, s:I, s:o, s:o, s:I}", "file", status_text(name), "outcome",
			    bundle_text(outcome), "words", outcome < 0 ? "could not be judged" : outcomes[outcome].words, "detail",
			    status_text(detail), "remedy", outcome < 0 ? "" : outcomes[outcome].remedy, "id", status_text(id),
			    "number", (json_int_t)(j ? j->b.number : 0), "signer", status_text(j ? j->s.cert.subject : ""), "when",
			    status_time(agent_utc(a)), "refused", refused));
	a->record_dirty = true;
	agent_log(a, outcome ? AGENT_WARN : AGENT_INFO, outcome ? "bundle-refused" : "bundle-accepted", "file", name, "outcome",
		  bundle_text(outcome), "detail", detail, "id", id, "signer", j ? j->s.cert.subject : "", NULL);
}

void bundle_refused(struct agent *a, const char *name, int outcome, const char *detail)
{
	struct mst_diag d = { 0 };

	mst_diag_set(&d, 0, "", detail, NULL);
	note(a, name, outcome, &d, NULL);
}

json_t *bundle_json(const json_t *record)
{
	json_t *last = json_object_get(record, LAST);

	return json_is_object(last) ? json_incref(last) : json_null();
}

const json_t *bundle_untold(const struct agent *a)
{
	const json_t *last = json_object_get(a->record, LAST);
	const char *outcome = json_string_value(json_object_get(last, "outcome"));

	return json_integer_value(json_object_get(last, "refused")) > json_integer_value(json_object_get(a->record, TOLD)) && outcome &&
	       strcmp(outcome, bundle_text(BUNDLE_ACCEPTED)) != 0 ? last : NULL;
}

void bundle_told(struct agent *a)
{
	json_t *refused = json_object_get(json_object_get(a->record, LAST), "refused");

	if (json_integer_value(refused) == json_integer_value(json_object_get(a->record, TOLD)))
		return;
	json_object_set(a->record, TOLD, refused);
	a->record_dirty = true;
}

void bundle_carry(json_t *record, const json_t *old)
{
	static const char *const member[] = { LAST, TOLD };

	for (size_t i = 0; i < MST_COUNT(member); i++)
		if (json_object_get(old, member[i]))
			json_object_set(record, member[i], json_object_get(old, member[i]));
}

void bundle_print(FILE *out, const json_t *status)
{
	const json_t *b = json_object_get(status, "bundle");
	const char *detail = json_string_value(json_object_get(b, "detail")), *id = json_string_value(json_object_get(b, "id")),
		   *remedy = json_string_value(json_object_get(b, "remedy"));

	if (!json_is_object(b))
		return;
	fprintf(out, "last bundle   %s%s%s %s%s%s%s\n", json_string_value(json_object_get(b, "file")), id && *id ? ", " : "",
		id ? id : "", json_string_value(json_object_get(b, "words")), detail && *detail ? " (" : "", detail ? detail : "",
		detail && *detail ? ")" : "");
	if (remedy && *remedy)
		fprintf(out, "  what to do: %s\n", remedy);
}

/* The two ways in -------------------------------------------------------------------------------------- */

static int with_judging(struct agent *a, struct mst_view octets, const char *name, const char *attempt, bool discovery,
			uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	struct judging *j = calloc(1, sizeof(*j));
	struct mst_writer w = mst_writer_of(out, cap);
	int r;

	if (!j)
		return MST_FAULT_MEMORY;
	r = take(a, octets, attempt, discovery, j, &w, d);
	note(a, name, r, d, j);
	*ret_n = w.n;
	free(j);
	return r;
}

int bundle_discover(struct agent *a, struct mst_view octets, const char *name, uint8_t *out, size_t cap, size_t *ret_n,
		    struct mst_diag *d)
{
	return with_judging(a, octets, name, prov_attempt(a->prov), true, out, cap, ret_n, d);
}

int bundle_trigger(struct agent *a, struct mst_view octets, const char *name, struct mst_diag *d)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	char attempt[33];
	size_t n = 0;
	int r = cbor ? 0 : MST_FAULT_MEMORY;

	if (!r && !agent_make_attempt(a, attempt))
		r = MST_FAULT_CRYPTO;
	if (!r)
		r = with_judging(a, octets, name, attempt, false, cbor, MST_SEQ_OCTETS, &n, d);
	if (!r) {
		r = agent_trigger_as(a, (struct mst_view){ cbor, n }, attempt, "bundle", d);
		/* the sequence in it has dates of its own */
		if (r) {
			r = r == PROV_EXPIRED ? BUNDLE_EXPIRED : r == PROV_NOT_YET_VALID ? BUNDLE_EARLY : BUNDLE_MALFORMED;
			bundle_refused(a, name, r, d->text);
		}
	}
	free(cbor);
	return r;
}

/* Start and end ---------------------------------------------------------------------------------------- */

int bundle_load(struct agent *a)
{
	struct agent_bundles *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return MST_FAULT_MEMORY;
	a->bundles = b;
	if (a->cfg.bundle_anchors[0]) {
		r = agent_load_anchors(a->cfg.bundle_anchors, b->anchor, b->anchors, &b->n_anchors, &b->no_anchors);
		if (r)
			agent_log(a, AGENT_ERROR, "bundle-anchors", "path", b->no_anchors.field, "why",
				  r > 0 ? b->no_anchors.text : mst_fault_text(r), NULL);
		/* half a list is none */
		if (r)
			b->n_anchors = 0;
	} else {
		(void)refuse(&b->no_anchors, 0, "bundle_anchors", "is not configured");
	}
	load_used(a, b);
	return 0;
}

void bundle_unload(struct agent *a)
{
	struct agent_bundles *b = a->bundles;

	if (!b)
		return;
	for (size_t i = 0; i < MST_COUNT(b->anchor); i++)
		free(b->anchor[i]);
	free(b);
	a->bundles = NULL;
}
