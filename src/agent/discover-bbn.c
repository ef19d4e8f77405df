/* Discovery by asking an online briefing node (architecture 3.4): it authenticates itself always, we do when we can. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent/briefing.h"

struct bbn {
	struct agent *a;
	struct briefing b;
	struct brief_session session;
	struct event *timer;
};

static void drop(struct agent *a)
{
	struct bbn *w = a->discovery_work;

	a->discovery_work = NULL;
	if (!w)
		return;
	brief_session_close(&w->session);
	if (w->timer)
		event_free(w->timer);
	free(w);
}

static void briefed(struct bbn *w)
{
	struct agent *a = w->a;

	agent_log(a, AGENT_INFO, "briefed", "by", w->b.host, "briefing", w->b.id, "as", w->session.as, "attempt",
		  prov_attempt(a->prov), NULL);
	record_arrow(a, prov_attempt(a->prov), "bbn.ask", w->b.host);
	facts_told(a);
	tell_briefed(a, prov_current(a->prov), w->b.id);
	agent_point(a, "briefed");
	/* The instructions, with the anchors in them, count because the session proved who gave them. */
	discover_yield(a, briefing_sequence(&w->b), w->b.host);
}

static void ended(struct bbn *w)
{
	struct mst_failure f = *briefing_failure(&w->b);
	struct agent *a = w->a;

	if (w->b.server_time)
		agent_learn_time(a, w->b.server_time);
	if (briefing_state(&w->b) == BRIEFING_DONE) {
		briefed(w);
		return;
	}
	agent_log(a, AGENT_WARN, "briefing-failed", "at", w->b.host, "as", w->session.as ? w->session.as : "", "reason",
		  prov_reason_text(f.reason), "detail", f.detail, "attempt", prov_attempt(a->prov), NULL);
	discover_failed(a, f.reason, f.detail, f.retry_after);
}

static void send_question(struct bbn *w)
{
	if (!brief_session_send(&w->session, &w->b)) {
		briefing_lost(&w->b, PROV_INTERNAL, "the question could not be sent", agent_now());
		return;
	}
	briefing_sent(&w->b);
	agent_point(w->a, "briefing-asked");
}

/* After every input; the last thing a callback does with `w`. */
static void go_on(struct bbn *w)
{
	struct agent *a = w->a;
	struct timeval tv;
	mst_ms left;

	if (briefing_want(&w->b) == BRIEFING_WANT_SEND)
		send_question(w);
	if (briefing_want(&w->b) == BRIEFING_WANT_NOTHING) {
		ended(w);
	} else {
		left = briefing_deadline(&w->b) - agent_now();
		left = left > 0 ? left : 0;
		tv = (struct timeval){ .tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000 };
		evtimer_add(w->timer, &tv);
	}
	agent_turn(a);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bbn *w = arg;

	(void)fd;
	(void)what;
	briefing_tick(&w->b, agent_now());
	go_on(w);
}

static void on_open(void *owner, const struct mst_peer *peer)
{
	struct bbn *w = owner;

	w->a->server_not_after = session_speaks_until(peer);
	record_arrow(w->a, prov_attempt(w->a->prov), "bbn.open", w->b.host);
	briefing_opened(&w->b, agent_now());
	go_on(w);
}

static void on_response(void *owner, const struct mst_http_msg *m)
{
	struct bbn *w = owner;

	briefing_feed(&w->b, m, agent_now());
	go_on(w);
}

static void on_end(void *owner, enum mst_tls_end why, const char *detail)
{
	char text[MST_DIALOG_DETAIL];
	struct bbn *w = owner;

	session_detail(text, sizeof(text), why, detail);
	if (why == MST_TLS_EXPIRED)
		agent_doubt_time(w->a);
	briefing_lost(&w->b, session_reason(why), text, agent_now());
	go_on(w);
}

static const struct brief_session_ops ops = { on_open, on_response, on_end };

static void start(struct agent *a, const struct mst_instruction *i)
{
	struct briefing_config c = {
		.uri = i->uri, .cbor = a->cfg.briefing_format == AGENT_BRIEF_CBOR,
		.open_ms = a->cfg.open_timeout * 1000, .answer_ms = a->cfg.answer_timeout * 1000,
	};
	struct bbn *w = calloc(1, sizeof(*w));
	struct facts *facts = calloc(1, sizeof(*facts));
	struct mst_diag d = { 0 };
	int r = MST_FAULT_MEMORY;

	a->discovery_work = w;
	if (w && facts && (w->timer = evtimer_new(a->base, on_timer, w)) != NULL) {
		w->a = a;
		facts_ask(a, facts);
		r = briefing_ask(&w->b, &c, &facts->ask, agent_now(), &d) ? 0 : 1;
		if (!r)
			r = brief_session_open(a, i, &w->b, c.open_ms, c.answer_ms, &ops, w, &w->session, &d);
	}
	free(facts);
	if (r)
		discover_failed(a, r < 0 ? PROV_INTERNAL : d.field[0] && !strcmp(d.field, "uri") ? PROV_UNSUPPORTED : PROV_MALFORMED,
				agent_why(&d, r), 0);
	else
		evtimer_add(w->timer, &(struct timeval){ .tv_sec = a->cfg.open_timeout });
}

const struct agent_discovery agent_discover_bbn = { .method = MST_METHOD_BBN, .start = start, .drop = drop };
