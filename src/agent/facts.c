/* What a briefing node is told of this node: identities, what it can do, where it is, what failed before. */
#include <stdio.h>
#include <string.h>

#include "agent/briefing.h"
#include "agent/bundle.h"
#include "agent/door.h"
#include "agent/place.h"
#include "agent/refused.h"
#include "base/text.h"
#include "proto/briefing/briefing.h"

static bool able(const struct agent *a, int method)
{
	if (method == MST_METHOD_CERT || method == MST_METHOD_PSK)
		return agent_bootstrap_methods(a) >> method & 1;
	return method >= MST_METHOD_FILE && (discover_methods(a) >> method & 1);
}

static void add_method(const struct agent *a, struct mst_brief_ask *q, int method)
{
	if (able(a, method) && q->n_methods < MST_BRIEF_METHODS_MAX)
		q->methods[q->n_methods++] = method;
}

/* In the order of the setting, else what proves most first. What is not built in or lacks its means is not offered. */
static void put_methods(const struct agent *a, struct mst_brief_ask *q)
{
	static const int usual[] = { MST_METHOD_CERT, MST_METHOD_PSK, MST_METHOD_BBN, MST_METHOD_FILE, MST_METHOD_DNS_SRV, MST_METHOD_DNS_SD, MST_METHOD_DHCP };
	const char *at = a->cfg.methods;
	int m;

	while (agent_config_method(&at, &m))
		add_method(a, q, m);
	for (size_t i = 0; !a->cfg.methods[0] && i < MST_COUNT(usual); i++)
		add_method(a, q, usual[i]);
	/* Something must stand there: it can at least ask. */
	if (!q->n_methods)
		q->methods[q->n_methods++] = MST_METHOD_BBN;
}

static void put(uint32_t *has, unsigned bit, struct mst_view *slot, const char *text)
{
	if (!text || !*text)
		return;
	*has |= 1u << bit;
	*slot = mst_view_str(text);
}

size_t facts_failures(const json_t *reports, struct facts_text *t, size_t n_t, struct mst_brief_failure *f, size_t max)
{
	size_t total = json_array_size(reports), n = 0;
	const json_t *r;

	for (size_t i = 0; i < total; i++) {
		const char *reason, *method;
		struct facts_text *x;

		r = json_array_get(reports, i);
		reason = json_string_value(json_object_get(r, "reason"));
		if (!reason || !strcmp(reason, prov_reason_text(PROV_OK)))
			continue;
		if (n == max || n == n_t) {      /* the last ones tell most */
			memmove(t, t + 1, (n - 1) * sizeof(*t));
			memmove(f, f + 1, (n - 1) * sizeof(*f));
			n--;
		}
		x = &t[n];
		f[n] = (struct mst_brief_failure){ 0 };
		briefing_plain(x->resource, sizeof(x->resource), mst_view_str(json_string_value(json_object_get(r, "resource"))));
		briefing_plain(x->reason, sizeof(x->reason), mst_view_str(reason));
		briefing_plain(x->step, sizeof(x->step), mst_view_str(json_string_value(json_object_get(r, "step"))));
		briefing_plain(x->detail, sizeof(x->detail), mst_view_str(json_string_value(json_object_get(r, "detail"))));
		method = json_string_value(json_object_get(r, "method"));
		if (method && agent_config_method(&method, &f[n].method) && f[n].method)
			f[n].has |= 1u << MST_BF_METHOD;
		if (mst_parse_timestamp(mst_view_str(json_string_value(json_object_get(r, "when"))), &f[n].when) && f[n].when > 0)
			f[n].has |= 1u << MST_BF_WHEN;
		n++;
	}
	/* after the last move: views into where the texts have come to lie */
	for (size_t i = 0; i < n; i++) {
		put(&f[i].has, MST_BF_RESOURCE, &f[i].resource, t[i].resource);
		put(&f[i].has, MST_BF_REASON, &f[i].reason, t[i].reason);
		put(&f[i].has, MST_BF_STEP, &f[i].step, t[i].step);
		put(&f[i].has, MST_BF_DETAIL, &f[i].detail, t[i].detail);
	}
	return n;
}

static json_int_t pushed_refused(const json_t *door)
{
	json_int_t sum = 0;
	const char *why;
	json_t *n;

	json_object_foreach(json_object_get(door, "refused"), why, n)
		sum += json_integer_value(n);
	return sum;
}

static json_t *refusal(const char *resource, const char *method, const json_t *of, const char *reason)
{
	return json_pack("{s:o, s:s*, s:O*, s:O*, s:O*}", "resource", status_text(resource), "method", method, "reason",
			 json_object_get(of, reason), "detail", json_object_get(of, "detail"), "when", json_object_get(of, "when"));
}

/* What nobody has heard of yet: the last bundle, the last pushed trigger, and the last instructions of file, person and page that were
 * refused. Their operator is not here. */
static void add_refusals(const struct agent *a, json_t *all)
{
	json_t *door = a->door ? door_status(a) : json_null();
	const json_t *pushed = json_array_get(json_object_get(door, "last"), 0), *bundle = bundle_untold(a);
	char resource[96];

	if (bundle) {
		snprintf(resource, sizeof(resource), "bundle %.80s", json_string_value(json_object_get(bundle, "file")));
		json_array_append_new(all, refusal(resource, mst_enum_text(&mst_method_table, MST_METHOD_FILE), bundle, "outcome"));
	}
	if (pushed && pushed_refused(door) > a->pushed_told) {
		snprintf(resource, sizeof(resource), "trigger by %.20s", json_string_value(json_object_get(pushed, "source")));
		json_array_append_new(all, refusal(resource, NULL, pushed, "reason"));
	}
	refused_untold(a, all);
	json_decref(door);
}

void facts_told(struct agent *a)
{
	json_t *door = a->door ? door_status(a) : json_null();

	bundle_told(a);
	a->pushed_told = pushed_refused(door);
	refused_told(a);
	json_decref(door);
}

void facts_ask(const struct agent *a, struct facts *s)
{
	struct mst_brief_ask *q = &s->ask;
	json_t *before = record_failures(a);

	add_refusals(a, before);
	memset(s, 0, sizeof(*s));
	q->has = 1u << MST_BA_VERSION | 1u << MST_BA_ATTEMPT | 1u << MST_BA_METHODS;
	q->version = 1;
	q->attempt = mst_view_str(prov_attempt(a->prov));
	/* Only what the session proves as well: our certificate's name, or the setting that stands for it. */
	if (mst_id_valid(MST_ID_NODE, mst_view_str(a->from)))
		put(&q->has, MST_BA_NODE, &q->node_id, a->from);
	else if (mst_id_valid(MST_ID_DEVICE, mst_view_str(a->from)))
		put(&q->has, MST_BA_DEVICE, &q->device_id, a->from);
	put(&q->has, MST_BA_MAKER, &q->maker, a->cfg.maker);
	put(&q->has, MST_BA_MODEL, &q->model, a->cfg.model);
	put(&q->has, MST_BA_SERIAL, &q->serial, a->cfg.serial);
	put(&q->has, MST_BA_BATCH, &q->batch, a->cfg.batch);
	put(&q->has, MST_BA_FIRMWARE, &q->firmware, a->cfg.firmware);
	put_methods(a, q);
	/* CoAP for briefing nodes; a MEF that is named by it alone is skipped */
	q->has |= 1u << MST_BA_TRANSPORTS;
	q->transports[q->n_transports++] = MST_VIEW_LIT("https");
	q->transports[q->n_transports++] = MST_VIEW_LIT("coaps");
	s->place = place_merged(&a->cfg.place, &a->place);
	if (s->place.has) {
		q->has |= 1u << MST_BA_LOCATION;
		place_location(&s->place, &q->location);
	}
	q->n_failures = (uint16_t)facts_failures(before, s->text, MST_COUNT(s->text), q->failures, MST_BRIEF_FAILURES_MAX);
	if (q->n_failures)
		q->has |= 1u << MST_BA_FAILURES;
	json_decref(before);
}
