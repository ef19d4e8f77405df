/*
 * One registration or key procedure with all of its parameters, in a session that is open: TS-0003 8.3.5.2.3 to 8.3.5.2.10
 * at an MEF and their twins 8.8.2.3 to 8.8.2.10 at a MAF. For what comes after the enrolment, which has machines of its own
 * (proto/mmef, proto/mmaf). PURE; one request, one answer:
 *
 *   procedure_init() → procedure_request() → procedure_sent() → procedure_feed() → procedure_end()
 *
 * The answer is checked as the procedure asks: what was requested must be what was granted where 8.3.9.9.4 says so, must not
 * be over, and must be ours. The struct holds views into itself: do not move it after procedure_init().
 */
#ifndef MST_PROTO_PROCEDURE_H
#define MST_PROTO_PROCEDURE_H

#include "base/secret.h"
#include "proto/dialog/dialog.h"

enum procedure_what {
	PROCEDURE_REGISTER,          /* et, labels, admin */
	PROCEDURE_REG_GET,           /* id */
	PROCEDURE_REG_UPDATE,        /* id; et or labels or both */
	PROCEDURE_DEREGISTER,        /* id */
	PROCEDURE_KEY_REGISTER,      /* et, labels, admin, suid, targets, value */
	PROCEDURE_KEY_GET,           /* id: RelativeKeyID */
	PROCEDURE_KEY_UPDATE,        /* id; at least one of et, labels, targets */
	PROCEDURE_KEY_DEREGISTER,    /* id */
	PROCEDURE__COUNT
};
extern const char *const procedure_name[PROCEDURE__COUNT];

struct procedure_config {
	enum procedure_what what;
	bool maf;                            /* Mmaf; else Mmef */
	const char *base;                    /* "/MEFBase" */
	const char *from, *attempt;
	const char *id;
	mst_time expires;                    /* proposed; 0: not given */
	const struct mst_view *labels;       /* NULL: not given; an update with none of them takes all away */
	size_t n_labels;
	const char *admin_fqdn;
	int64_t suid;
	const struct mst_view *targets;      /* NULL: not given */
	size_t n_targets;
	const struct mst_key *value;         /* NULL: the key of the session's exporter */
	const char *own[4];                  /* our identities: one of them is the Source Client ID. NULL: none more */
	const struct mst_quirks *quirks;
	mst_ms answer_ms;
};

struct procedure_result {
	char id[MST_ID_MAX];                 /* registration or RelativeKeyID */
	char client_id[MST_ID_MAX];          /* the client's, or the Source's */
	char admin_fqdn[MST_ID_MAX];
	char km_id[MST_ID_MAX];              /* REGISTER, REG_UPDATE at a MAF: assignedSymmKeyID, "" when there is none */
	int64_t suid;
	char target[MST_ID_MAX];             /* the first */
	size_t n_targets;
	mst_time expires;                    /* 0: not said */
	struct mst_key key;                  /* KEY_GET */
};

enum procedure_end { PROCEDURE_RUNS, PROCEDURE_DONE, PROCEDURE_FAILED };

struct procedure {
	enum procedure_what what;
	enum procedure_end end;
	bool maf;
	struct mst_dialog dialog;
	char id[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	char own[4][MST_ID_MAX];
	char target[MST_TARGETS_MAX][MST_ID_MAX];
	size_t n_targets;
	int64_t suid;
	uint32_t asked;                      /* MST_CR_…, MST_KR_… */
	struct procedure_result result;
};

/* False with `d` when the procedure lacks a parameter, has one that is not its own, or one that is no good. */
MST_MUST_CHECK bool procedure_init(struct procedure *p, const struct procedure_config *c, mst_ms now, struct mst_diag *d);
void procedure_deinit(struct procedure *p);          /* wipes */
/* NULL when there is nothing to send. */
const struct mst_request *procedure_request(const struct procedure *p);
void procedure_sent(struct procedure *p);
void procedure_feed(struct procedure *p, const struct mst_response *a, mst_time utc);
void procedure_garbage(struct procedure *p, const char *detail);
void procedure_lost(struct procedure *p, enum prov_reason r, const char *detail);
void procedure_tick(struct procedure *p, mst_ms now);
enum procedure_end procedure_end(const struct procedure *p);
mst_ms procedure_deadline(const struct procedure *p);
const struct mst_failure *procedure_failure(const struct procedure *p);

#endif
