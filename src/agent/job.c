#include "agent/job.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/heap.h"

struct proc_job *proc_job_new(struct agent *a, struct bufferevent *to, const struct proc_job_ops *ops, const json_t *q)
{
	struct proc_job *j = keys_ready(a) && a->keys->jobs < KEYS_JOBS_MAX ? mst_heap_locked(ops->size) : NULL;

	if (!j)
		return NULL;
	j->ops = ops;
	j->next = a->keys->procs;
	j->a = a;
	j->to = to;
	j->q = json_deep_copy(q);
	a->keys->procs = j;
	a->keys->jobs++;
	return j;
}

void proc_job_free(struct proc_job *j)
{
	struct agent_keys *keys = j->a->keys;
	size_t n = j->ops->size;

	for (struct proc_job **p = &keys->procs; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			keys->jobs--;
			break;
		}
	mst_client_free(j->client);
	mst_tls_ctx_free(j->tls);
	if (j->timer)
		event_free(j->timer);
	json_decref(j->q);
	procedure_deinit(&j->proc);
	mst_wipe(j, n);
	free(j);
}

void proc_job_forget(struct agent *a, const struct bufferevent *to, bool all)
{
	for (struct proc_job *j = a->keys->procs, *next; j; j = next) {
		next = j->next;
		if (all || j->to == to)
			proc_job_free(j);
	}
}

static void go_on(struct proc_job *j)
{
	const struct mst_request *q = j->client ? procedure_request(&j->proc) : NULL;
	struct bufferevent *to = j->to;
	struct agent *a = j->a;
	json_t *answer;

	if (q && session_send(j->client, q, j->at.host))
		procedure_sent(&j->proc);
	else if (q)
		procedure_lost(&j->proc, PROV_INTERNAL, "the request could not be sent");
	if (procedure_end(&j->proc) == PROCEDURE_RUNS)
		return;
	if (j->ops->over) {
		j->ops->over(j);
		proc_job_free(j);
		agent_turn(a);
		return;
	}
	answer = procedure_end(&j->proc) == PROCEDURE_DONE ? j->ops->ended(j) : keys_failed(procedure_failure(&j->proc));
	proc_job_free(j);
	keys_tell(a, to, answer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct proc_job *j = arg;

	(void)fd;
	(void)what;
	procedure_lost(&j->proc, PROV_TIMEOUT, "no answer in time");
	go_on(j);
}

static void on_open(void *owner, struct mst_client *c)
{
	struct proc_job *j = owner;
	struct timeval t = { .tv_sec = j->a->cfg.answer_timeout, .tv_usec = 1 };

	if (j->ops->opened && !j->ops->opened(j, c))
		procedure_lost(&j->proc, PROV_INTERNAL, "the key could not be exported from the session");
	evtimer_add(j->timer, &t);
	go_on(j);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct proc_job *j = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };

	(void)c;
	if (session_answer(m, &answer, &d) == 0)
		procedure_feed(&j->proc, &answer, agent_utc(j->a));
	else
		procedure_garbage(&j->proc, d.text);
	go_on(j);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct proc_job *j = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	if (why == MST_TLS_EXPIRED)
		agent_doubt_time(j->a);
	procedure_lost(&j->proc, session_reason(why), text);
	go_on(j);
}

static const struct mst_client_ops client_ops = { on_open, on_response, on_end };

static bool refuse(struct mst_diag *d, const char *text)
{
	mst_diag_set(d, 0, "", text, NULL);
	return false;
}

bool proc_job_dial(struct proc_job *j, bool maf, struct mst_diag *d)
{
	struct agent *a = j->a;

	j->maf = maf;
	j->quirks = agent_config_quirks(&a->cfg);
	if (!agent_make_attempt(a, j->attempt))
		return refuse(d, "no randomness");
	if (maf)
		return (enrolee_peer_of(mst_view_str(a->active.maf_uri), &j->at) && enrolee_maf_from(&a->active, j->from)) ||
		       refuse(d, "the credential names no MAF that can be asked");
	if (!agent_bootstrap_methods(a))
		return refuse(d, "this node holds no initial credential to show to the MEF");
	if (origin_open(a, &a->active, false, &j->at, &j->tls, &j->pins, d))
		return d->text[0] ? false : refuse(d, "the credential names no MEF that can be asked");
	if (a->from[0] || !enrolee_maf_from(&a->active, j->from))
		memcpy(j->from, a->from, sizeof(j->from));
	return true;
}

struct procedure_config proc_job_config(const struct proc_job *j, enum procedure_what what)
{
	const struct mst_root_cred *c = &j->a->active;

	return (struct procedure_config){
		.what = what, .maf = j->maf, .base = j->at.path[0] ? j->at.path : j->maf ? "/MAFBase" : "/MEFBase", .from = j->from,
		.attempt = j->attempt, .quirks = &j->quirks, .answer_ms = j->a->cfg.answer_timeout * 1000,
		.own = { c->cse_id[0] ? c->cse_id : NULL, c->node_id[0] ? c->node_id : NULL, c->ae_id[0] ? c->ae_id : NULL },
	};
}

bool proc_job_open(struct proc_job *j, struct mst_diag *d)
{
	struct agent *a = j->a;
	int r;

	j->timer = evtimer_new(a->base, on_timer, j);
	if (!j->timer)
		return refuse(d, "no memory");
	r = j->maf ? session_open_maf(a, j, &j->at, &a->active, &client_ops, &j->client) :
	    session_open_mef(a, j, &j->at, j->tls, &j->pins, &client_ops, &j->client);
	return r == 0 || refuse(d, "the session could not be begun");
}
