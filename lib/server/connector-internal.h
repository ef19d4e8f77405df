/* Between connector.c (life, jobs, oneM2M's servers) and connector-sbi.c (HSS and BSF over the service based interface). */
#ifndef MST_SERVER_CONNECTOR_INTERNAL_H
#define MST_SERVER_CONNECTOR_INTERNAL_H

#include "server/unit.h"
#include "transport/client.h"

#define SESSIONS_MAX 32
#define SESSIONS_PER_SERVER 4

struct session;
struct sbi_session;

struct job {
	struct job *next;
	uint64_t id;
	struct mst_fetch f;
	mst_ms deadline;
	bool retried;
	/* SBI */
	struct sbi_part {
		struct sbi_session *on;   /* NULL: it waits for one, or is answered */
		uint64_t asked;           /* number of the request that runs there */
		bool retried, answered;
		enum mst_fetch_end end;   /* when it is answered, with … */
		char detail[sizeof(((struct mst_fetch_result *)0)->detail)];
		int rsc, retry_after;
	} part[2];                        /* ZH: the vector, the user security settings; ZN: one */
	size_t n_parts;
	struct mst_fetch_result r;
	uint8_t *text;                    /* what r.text points to */
};

struct connector {
	struct mst_unit u;                /* first */
	struct mst_link *engine;
	struct mst_tls_ctx *tls[MST_ASKERS];
	struct session *session[SESSIONS_MAX];
	struct job *head, **tail;
	uint64_t next_rqi;
	unsigned epoch;
	struct sbi_session *sbi[SESSIONS_MAX];
	struct job *sbi_jobs;             /* oldest first, running or waiting */
};

/* connector.c. Both free the job. */
void connector_report(struct connector *c, struct job *j, struct mst_fetch_result *r);
void connector_report_end(struct connector *c, struct job *j, enum mst_fetch_end end, const char *detail);
enum mst_fetch_end connector_end_of_tls(enum mst_tls_end e);
struct mst_tls_ctx *connector_tls(const struct connector *c, const struct mst_fetch *f);
void connector_new_trust(struct connector *c);          /* c->tls is another one now */

/* connector-sbi.c */
void connector_sbi_take(struct connector *c, struct job *j);
void connector_sbi_reload(struct connector *c);         /* new trust: what idles ends, what runs ends with its answers */
void connector_sbi_tick(struct connector *c);
void connector_sbi_drop_jobs(struct connector *c);
void connector_sbi_stop(struct connector *c);

#endif
