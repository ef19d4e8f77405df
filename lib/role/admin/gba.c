/*
 * /v1/gba: what the BSF has given out (TS 33.220). Sessions without their keys, which nobody sees, and the way to end them.
 */
#include <stdio.h>
#include <string.h>

#include "codec/gba-sbi.h"
#include "role/admin/admin.h"

enum { GBA_OF, GBA_AFTER, GBA_LIMIT };
struct gba_page {
	json_t *list;
	size_t left;
	char last[MST_ID_MAX];
	bool more;
};

static json_t *settings_json(const char *text)
{
	json_t *j = mst_json_read(text, strlen(text), 0, NULL), *guss = json_incref(json_object_get(j, "guss"));

	json_decref(j);
	return guss ? guss : json_object();
}

static json_t *session_json(const struct mst_gba_session *r)
{
	const struct gba_session *s = &r->session;
	json_t *j = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "btid", s->btid, "impi", s->impi, "uiccType", s->in_card ? "GBA_U" : "GBA", "created",
			      admin_json_time(s->created), "expires", admin_json_time(s->expires), "guss", settings_json(r->guss));

	if (j && ((r->used && json_object_set_new(j, "used", admin_json_time(r->used))) ||
		  (r->briefing[0] && json_object_set_new(j, "briefing", json_string(r->briefing))))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int keep_session(void *arg, const struct mst_gba_session *r)
{
	struct gba_page *p = arg;

	if (!p->left) {
		p->more = true;
		return 1;
	}
	p->left--;
	snprintf(p->last, sizeof(p->last), "%s", r->session.btid);
	return json_array_append_new(p->list, session_json(r)) ? MST_FAULT_MEMORY : 0;
}

/* A subscriber whose wrong answers count, beside its sessions. */
static int put_lock(struct admin *q, const char *impi, json_t *j)
{
	struct mst_gba_lock l;
	int r = mst_store_gba_lock_get(q->env->store, impi, NULL, &l);

	if (r || l.forget <= q->env->now)
		return r < 0 ? r : 0;
	if (json_object_set_new(j, "wrongAnswers", json_integer(l.wrong)) ||
	    (l.until > q->env->now && json_object_set_new(j, "lockedUntil", admin_json_time(l.until))))
		return MST_FAULT_MEMORY;
	return 0;
}

/* An IMPI, as anybody's HSS gives it; of a SIM that is here also its IMSI or number. 0; 1: it is neither, which was answered; or a fault. */
static int subscriber(struct admin *q, const char *name, const char *field, const char *or_else, char ret_impi[MST_ID_MAX])
{
	struct mst_diag d;
	struct mst_sim s;
	int r = 0;

	snprintf(ret_impi, MST_ID_MAX, "%s", name);
	if (!*name || strchr(name, '@'))
		return 0;
	r = admin_find_sim(q, name, &s);
	if (r < 0)
		return r;
	if (!r) {
		snprintf(ret_impi, MST_ID_MAX, "%s", s.impi);
		mst_wipe(&s.key, sizeof(s.key));
		return 0;
	}
	mst_diag_set(&d, 0, field, "there is no such SIM; expected an IMPI with its realm", or_else, ", or the IMSI or number of a SIM that is here", NULL);
	r = admin_refuse(q, MST_RSC_NOT_FOUND, &d);
	return r ? r : 1;
}

static int find_sessions(struct admin *q, const char *of, struct gba_page *p)
{
	static _Thread_local struct mst_gba_session one;
	int r = MST_STORE_NONE;

	if (of[0])
		r = mst_store_gba_session_get(q->env->store, of, &one);
	if (!r)
		return keep_session(p, &one);
	return r < 0 ? r : mst_store_gba_session_list(q->env->store, of[0] ? of : NULL, q->param[GBA_AFTER], p->left + 1, keep_session, p);
}

int admin_gba_list(struct admin *q)
{
	char of[MST_ID_MAX];
	struct gba_page p = { .list = NULL };
	struct mst_diag d;
	uint64_t limit = 0;
	json_t *j;
	int r;

	if (!admin_number("limit", q->param[GBA_LIMIT], 64, 64, &limit, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = subscriber(q, q->param[GBA_OF], "of", ", a B-TID", of);
	if (r)
		return r < 0 ? r : 0;
	p.list = json_array();
	p.left = (size_t)limit;
	r = find_sessions(q, of, &p);
	j = json_pack("{s:o}", "sessions", p.list);
	if (r >= 0 && p.more && json_object_set_new(j, "next", json_string(p.last)))
		r = MST_FAULT_MEMORY;
	if (r >= 0 && of[0])
		r = put_lock(q, of, j);
	if (r < 0) {
		json_decref(j);
		return r;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

/* {"impi": …, or what else a SIM is called} or {"all": true}: a slip of the keyboard must not end everybody's. */
int admin_gba_flush(struct admin *q)
{
	const char *said = json_string_value(json_object_get(q->body, "impi"));
	bool all = json_is_true(json_object_get(q->body, "all"));
	char impi[MST_ID_MAX];
	struct mst_diag d;
	char why[200];
	int64_t n = 0;
	int r;

	if (json_object_size(q->body) != 1 || (!all && (!said || !*said || strlen(said) >= MST_ID_MAX))) {
		mst_diag_set(&d, 0, "impi", "expected one IMPI, or \"all\": true and no IMPI", NULL);
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	}
	r = subscriber(q, all ? "" : said, "impi", "", impi);
	if (r)
		return r < 0 ? r : 0;
	r = mst_store_gba_flush(q->env->store, all ? NULL : impi, q->env->now, &n);
	snprintf(why, sizeof(why), "%.150s: %lld sessions", all ? "all subscribers" : impi, (long long)n);
	if (!r)
		r = admin_event(q, "gba.flushed", 0, why);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I}", "sessions", (json_int_t)n));
}
