/*
 * Briefing nodes, from the agent's side: what they are told (facts.c), how they are reached (brief-session.c), the
 * discovery itself (discover-bbn.c), and the reports on how it went (tell.c).
 */
#ifndef AGENT_BRIEFING_H
#define AGENT_BRIEFING_H

#include "agent/discover.h"
#include "codec/briefing.h"
#include "proto/briefing/briefing.h"
#include "transport/coap-client.h"

struct facts_text { char resource[96], reason[33], step[33], detail[96]; };
struct facts {
	struct mst_brief_ask ask;            /* views into the rest, and into the agent */
	struct agent_place place;
	struct facts_text text[MST_BRIEF_FAILURES_MAX];
};
void facts_ask(const struct agent *a, struct facts *ret_s);
void facts_told(struct agent *a);            /* a briefing node has answered that */
/* Those of `reports` (as in a record) that are failures, the last `max`. Views into `t`. Returns how many. */
size_t facts_failures(const json_t *reports, struct facts_text *t, size_t n_t, struct mst_brief_failure *f, size_t max);

/* HTTPS or CoAPS, as the instruction says. */
struct brief_session_ops {
	void (*on_open)(void *owner, const struct mst_peer *peer);
	void (*on_response)(void *owner, const struct mst_http_msg *m);
	void (*on_end)(void *owner, enum mst_tls_end why, const char *detail);
};

/* A session with a briefing node: authenticated by the instruction's anchors or pins, else by the agent's own anchors;
 * with the node's certificate when it has one, else with its maker's secret where that belongs, else as a stranger. */
struct brief_session {
	struct mst_client *client;           /* one of the two */
	struct mst_coap_client *coap;
	const struct brief_session_ops *ops;
	void *owner;
	struct mst_tls_ctx *tls;             /* NULL: the agent's own, for secrets */
	const char *as;                      /* "certificate", "psk", "stranger" */
};
/* To where `b` wants to go. `ret_s` stays where it is until it is closed, which callbacks may do. */
MST_MUST_CHECK int brief_session_open(struct agent *a, const struct mst_instruction *i, const struct briefing *b, mst_ms open_ms,
				      mst_ms answer_ms, const struct brief_session_ops *ops, void *owner, struct brief_session *ret_s,
				      struct mst_diag *d);
/* What `b` wants to send. */
MST_MUST_CHECK bool brief_session_send(struct brief_session *s, const struct briefing *b);
void brief_session_close(struct brief_session *s);

/* tell.c */
MST_MUST_CHECK int tell_open(struct agent *a);
void tell_close(struct agent *a);
/* A briefing node gave `id` for `i`, the instruction at work. Durable when it returns, as far as the disk allows. */
void tell_briefed(struct agent *a, const struct mst_instruction *i, const char *id);
/* The engine may have gone on: is there something to report? Never waits, never fails anything. */
void tell_follow(struct agent *a);
/* A report is under way or owed; it ends by itself, within seconds. */
bool tell_busy(const struct agent *a);

extern const struct agent_discovery agent_discover_bbn;

#endif
