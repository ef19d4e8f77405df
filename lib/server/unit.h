/*
 * The body of one process: what it keeps, how the supervisor steers it, and the five operations that make
 * a listener, a connector, an engine or a keeper of it. A unit does not know whether it has a process of
 * its own or shares one (`processes = single`).
 */
#ifndef MST_SERVER_UNIT_H
#define MST_SERVER_UNIT_H

#include "server/config.h"
#include "server/crash.h"
#include "server/link.h"
#include "server/material.h"
#include "server/metrics.h"

#define MST_UNIT_MATERIALS MST_ASKERS
#define MST_UNIT_SOCKETS (2 * MST_CONF_LISTEN + 1)       /* TCP, UDP, metrics */

struct event_base;
struct event;
struct mst_unit;

/* Which roles a daemon can play, given by src/musterd; ended by NULL. */
typedef const struct mst_role_ops *const *mst_role_table;

struct mst_unit_ops {
	enum mst_process kind;
	size_t size;                                              /* of the whole struct, unit first */
	int (*start)(struct mst_unit *u, struct mst_diag *d);      /* 0, or a fault that `d` explains */
	/* After start(), in the sandbox: for threads, which could not be put into it later. May be NULL. */
	int (*confined)(struct mst_unit *u, struct mst_diag *d);
	int (*reload)(struct mst_unit *u, struct mst_diag *d);
	/* A link to another process. `fd` >= 0 instead of `l`: the unit asked for it as it is (see raw_peer).
	 */
	int (*attach)(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l, int fd);
	void (*drain)(struct mst_unit *u); /* calls mst_unit_done() when all is finished */
	void (*tick)(struct mst_unit *u);                          /* each second: fill in gauges */
	void (*health)(struct mst_unit *u, const struct mst_health_frame *h);
	void (*channel)(struct mst_unit *u, const struct mst_channel *c);
	void (*pids)(struct mst_unit *u, const struct mst_pids *p);
	void (*reload_failed)(struct mst_unit *u, struct mst_view why);    /* not ours alone: a whole reload */
	void (*stop)(struct mst_unit *u);                          /* free everything; the base still runs */
	enum mst_process raw_peer; /* links to this kind are given as sockets */
};
extern const struct mst_unit_ops mst_listener_unit, mst_connector_unit, mst_engine_unit, mst_keeper_unit, mst_signer_unit;

struct mst_unit {
	const struct mst_unit_ops *ops;
	struct event_base *base;
	struct mst_crypto *crypto;
	mst_role_table roles;
	struct mst_log log;
	enum mst_role role;                /* listener: which one; NONE: the local one (admin, metrics) */
	struct mst_link *control;
	struct event *second;
	struct mst_conf *conf, *conf_next;
	uint8_t maf_anchor[MST_SHA256_LEN]; /* of mef.maf_anchor; all zero: any */
	struct mst_makers makers;
	int64_t crl_number;                /* engine: the list that crl.file holds, or will; crl_made 0: none */
	mst_time crl_made, crl_until;
	struct mst_material material[MST_UNIT_MATERIALS];
	size_t n_materials;
	bool material_changed;             /* since start(), and more of it than its lists */
	struct mst_channel channel;
	struct mst_metrics m;
	struct mst_crash crash;
	bool started, draining, done, own_process;
	bool again;                        /* another process was this one before, since the daemon was started */
	int exit_status;
	/* listener: sockets inherited; admin's first, metrics' last when `metrics_socket` */
	int socket[MST_UNIT_SOCKETS];
	size_t n_sockets;
	bool metrics_socket;
};

struct mst_unit_setup {
	struct event_base *base;
	struct mst_crypto *crypto;
	mst_role_table roles;
	const char *name;                  /* "listener-mef-0" */
	enum mst_role role;
	const int *socket;
	size_t n_sockets;
	bool metrics_socket, own_process;
};
/* `control`: the unit's end of the link from the supervisor, taken over. */
MST_MUST_CHECK int mst_unit_new(const struct mst_unit_ops *ops, const struct mst_unit_setup *s,
				struct mst_link *control, struct mst_unit **ret_u);
struct mst_unit *mst_unit_free(struct mst_unit *u);
void mst_unit_done(struct mst_unit *u);           /* drained: end the process */
/* `processes = single`: a link made in memory. */
MST_MUST_CHECK int mst_unit_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l);
/* Configuration for links that the unit opens. */
struct mst_link_config mst_unit_link(struct mst_unit *u, enum mst_process peer);
const struct mst_role_ops *mst_role_of(mst_role_table roles, enum mst_role role);
const struct mst_role_ops *mst_unit_role(const struct mst_unit *u, enum mst_role role);
/* Before a key comes (crypto/heap.h); `meets`: this process has sessions with others. False, and `log` tells: it may not. */
MST_MUST_CHECK bool mst_unit_lock_memory(const struct mst_log *log, const struct mst_conf *c, bool meets);
const struct mst_material *mst_unit_material(const struct mst_unit *u, enum mst_role role);
mst_ms mst_now_ms(void);

/* `processes = single`: the engine's keeper, in process. Not owned. */
void mst_engine_keeper(struct mst_unit *engine, struct mst_keeper *k);

/* Was this process started by a supervisor? The other end of fd 3 is its parent's. */
bool mst_unit_is_child(void);
/* The whole life of a child: `name` and role from its arguments, the control socket is fd 3, listening
 * sockets follow. Returns the exit status. */
int mst_unit_main(const struct mst_unit_ops *kind, enum mst_role role, const char *name, size_t n_sockets,
		  bool metrics_socket, mst_role_table roles, struct mst_crypto *crypto);

/* Where a BSF is played, the answers that Digest AKA and the keys of GBA should give; `d` names the one that is wrong. */
MST_MUST_CHECK int mst_unit_gba_test(const struct mst_unit *u, struct mst_diag *d);

#endif
