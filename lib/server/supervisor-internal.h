/* Between supervisor.c (life of children), supervisor-spawn.c (starting one), supervisor-reload.c and daemon.c (system manners). */
#ifndef MST_SERVER_SUPERVISOR_INTERNAL_H
#define MST_SERVER_SUPERVISOR_INTERNAL_H

#include <sys/types.h>

#include "server/privilege.h"
#include "server/supervisor.h"

#define CHILDREN_MAX 64

enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_READY, CHILD_DRAINING, CHILD_ENDED };

struct supervisor;
struct child {
	struct supervisor *s;
	enum mst_process kind;
	enum mst_role role;
	char name[32];
	uint32_t channel;                 /* 0: seals nothing */
	uint32_t number;                  /* by which the engine tells of it: its channel; of a keeper another one each time that it begins */
	int socket[MST_UNIT_SOCKETS];     /* ours; the process has duplicates, so that nobody is refused in
					     between */
	size_t n_sockets;
	bool metrics_socket;
	enum child_state state;
	pid_t pid;                        /* split */
	struct mst_unit *unit;            /* single */
	struct mst_link *control;
	struct event *again;
	mst_ms since;
	unsigned failures;
	bool reload_pending;              /* to be told when it is ready; of one that is: when the keeper has it, or could not be told, tried again */
	bool reload_untold;               /* the latter, and that was said */
	unsigned reloads;                 /* told, and not yet taken over */
	struct mst_metrics m;
};

struct supervisor {
	const struct mst_supervisor_setup *setup;
	struct event_base *base;
	struct event *signals[4], *second, *deadline;
	struct mst_log log;
	struct mst_conf *conf;
	char *text;
	struct child child[CHILDREN_MAX];
	size_t n;
	struct mst_keeper *keeper;        /* single */
	struct mst_ca_device *ca;         /* single, and in a device */
	struct mst_metrics m;
	struct mst_privilege privilege;
	bool ready, ready_untold, stopping, reloading;
	char reload_why[256];             /* of a reload that failed, until the engine knows it */
	int stage, status, pid_fd, store_fd, keeper_fd;
	size_t n_doors;                   /* so many of admin.listen are ours */
	int64_t connections;              /* limits.connections for which memory was locked */
	uint8_t *crl;                     /* a list that is not written yet */
	size_t n_crl;
	bool crl_written;                 /* but not taken over */
	mst_ms crl_again;
	struct pids {                     /* of children that are there or were lately: the local listener turns them away */
		struct { uint32_t pid; mst_ms ended; /* 0: not yet */ } v[MST_PIDS];
		size_t n;
	} pids;
	struct publish {                  /* avahi-publish, one for each transport */
		struct supervisor *s;
		pid_t pid;                /* 0 = not running */
		struct event *again;
		mst_ms since;
		unsigned failures;        /* in a row; the first is told */
		bool is_old;              /* it tells what was before a reload, and is ended for that */
	} publish[2];
	char endpoints[1024];             /* " mef=127.0.0.1:8443 …" */
};

/* supervisor.c */
void supervisor_say_wrong(void *arg, const char *text);
void supervisor_take_log(struct supervisor *s);

/* supervisor-reload.c */
void reload(struct supervisor *s);                                /* SIGHUP */
void reload_tell(struct child *c);                                /* now, or when it is ready, or as soon as it can be */
void reload_second(struct supervisor *s);                         /* whoever is to be told, and can be */
void reload_progress(struct supervisor *s);                       /* somebody is ready, or has taken over */
void reload_failed(struct child *c, const char *why);
void reload_tell_why(struct supervisor *s);

/* supervisor-crl.c */
void crl_came(struct supervisor *s, struct mst_view der);         /* from the engine */
void crl_reloaded(struct supervisor *s);
void crl_second(struct supervisor *s);                            /* what did not succeed is tried again */
void crl_state(const struct mst_conf *c, struct mst_conf_frame *f);
void crl_free(struct supervisor *s);

/* supervisor-spawn.c */
int child_spawn(struct child *c);
int child_tell_conf(struct child *c, struct mst_diag *d);         /* CONF and MATERIAL */
extern const struct mst_link_ops supervisor_control_ops;

/* supervisor-pids.c */
void pids_began(struct supervisor *s, pid_t pid);
void pids_ended(struct supervisor *s, pid_t pid);
int pids_tell(struct supervisor *s, struct mst_link *local);      /* all of them */
void pids_second(struct supervisor *s);

/* publish.c: the briefing node on the LAN, by bbn.publish */
void publish_start(struct supervisor *s);
void publish_reloaded(struct supervisor *s, const struct mst_conf *was);
void publish_stop(struct supervisor *s);
bool publish_ended(struct supervisor *s, pid_t pid, int status);    /* true: it was that one */

/* daemon.c */
int daemon_locks(struct supervisor *s, struct mst_diag *d);      /* of run, store and keeper directory */
int daemon_notify(const char *text);      /* 0: told, or there is nobody; else errno */
int daemon_become_somebody(struct supervisor *s, struct mst_diag *d);
int daemon_keeper(struct supervisor *s, struct mst_diag *d);       /* `processes = single` */
bool daemon_confine(struct supervisor *s);                        /* takes calls away that nobody needs whom it begins */
int daemon_sockets(struct supervisor *s, struct mst_diag *d);     /* listening sockets of every child */
int daemon_doors(struct supervisor *s, const struct mst_conf *is, struct mst_diag *d);     /* of admin.listen, as open as that says */
/* Listeners of the others have neither certificate nor key. */
bool supervisor_speaks_tls(enum mst_role role);

#endif
