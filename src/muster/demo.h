/*
 * The parts of `muster demo`: figures 2 and 3 of the seed document with a whole fleet, and what happens to it later. Four installations on loopback, a
 * directory for each node, agents run a few at a time, the verdict, and one node's arrows drawn.
 */
#ifndef MUSTER_DEMO_H
#define MUSTER_DEMO_H

#include <sys/types.h>

#include "install.h"
#include "muster.h"

/* Who runs an installation: a maker and the owner have briefing nodes, the providers MEF and MAF. */
enum demo_who { DEMO_MAKER, DEMO_OWNER, DEMO_NORTH, DEMO_SOUTH, DEMO_HOUSES };

struct demo_house {
	const char *name;                /* its directory below the demo's */
	char dir[4096];
	struct install in;
	struct muster inside;            /* the command line, pointing at it */
	pid_t daemon;
};

/* Where nodes stand, and what the owner's rules must make of that. */
enum { DEMO_PLACES = 4 };
/* Nodes with a SIM are numbered from here on, and there are no more than so many. */
#define DEMO_SIM ((size_t)100000)
enum { DEMO_SIMS = 20 };
struct demo_place {
	const char *rule;
	enum demo_who provider;
	const char *site;                /* a label, or degrees: */
	double latitude, longitude;
};

/* What a node holds at the end, as its provider says it; timestamps, "" for nothing. */
struct demo_holding {
	const char *provider;            /* NULL: with nobody */
	char key[MST_ID_MAX], key_until[16], cert_until[16];
	bool ended;                      /* it had a key, and that is good for nothing any more */
	const char *note;                /* what became of it later; NULL: nothing */
};

struct demo {
	struct muster *m;
	char dir[4096];
	char musterd[4096], agent[4096], naf[4096];
	struct demo_house house[DEMO_HOUSES];
	size_t nodes;
	size_t clone;                    /* which node is refused on purpose: a known name under another CA */
	size_t drawn;                    /* whose arrows are drawn */
	size_t enrolled, refused;        /* as the agents said */
	size_t placed[DEMO_PLACES][2];   /* at the right provider by the right rule: of the maker's nodes, of the owner's */
	size_t wrong;                    /* nodes elsewhere */
	struct demo_holding *holding;    /* by number */
	size_t move[5], moving;          /* to the other provider, later */
	size_t end[2], ending;           /* their subscription ends */
	size_t sims, sims_enrolled;
	struct demo_holding sim[DEMO_SIMS + 2];
	struct {
		unsigned port;           /* of its NAF */
		pid_t naf, stand_in;
		size_t node;             /* the SIM behind the others is for this CSE */
		char id[MST_ID_MAX];
		char ae[MST_ID_MAX];     /* what it has registered of that node; "" yet */
	} cse;
};

/* demo-world.c: installations and rules. Exit status; each explains itself. */
int demo_prepare(struct demo *d, const char *dir);
int demo_install(struct demo *d);
int demo_rules(struct demo *d);
int demo_rule_sold(struct demo *d, const char *ids);     /* one before all others: these go south */

/* demo-fleet.c: the nodes. Odd numbers are figure 2 (the maker's certificate), even ones figure 3 (the owner's). */
int demo_makers(struct demo *d);         /* the CAs, trusted where they have to be */
int demo_known(struct demo *d, bool ends);       /* import into the installations; `ends`: those of the short contract */
int demo_build(struct demo *d);          /* certificates and configurations of all nodes */
int demo_technician(struct demo *d);     /* those nodes that do not know where they are */
char *demo_node_dir(const struct demo *d, size_t number, char out[4096]);
void demo_node_id(size_t number, char out[128]);
static inline bool demo_makers_node(size_t number) { return number % 2; }
const struct demo_place *demo_place_of(size_t number, size_t *ret_at);

/* demo-holdings.c: makers' secrets, certificates over EST, and the last table. */
bool demo_by_secret(const struct demo *d, size_t number);        /* born with serial number and secret, and no certificate */
bool demo_certified(const struct demo *d, size_t number);        /* its provider has it get a certificate */
void demo_kpm_id(const struct demo *d, size_t number, char out[128]);
int demo_secrets(struct demo *d);
int demo_commands(struct demo *d);
/* Takes what the provider says of a node into d->holding; false when that is not what it should hold. */
bool demo_note(struct demo *d, size_t number, enum demo_who who, const json_t *node);
/* One of our own commands in an installation, shown as it would be typed when `aloud`. */
int demo_type(struct demo *d, enum demo_who who, int (*cmd)(struct muster *m, int argc, char **argv), const char *name, const char *const *word,
	      bool aloud);
/* The key alone, into `h`. */
void demo_note_key(const struct demo *d, struct demo_holding *h, enum demo_who who, const json_t *node);
void demo_tell_holdings(const struct demo *d);
json_t *demo_holdings(const struct demo *d);

/* demo-life.c: what happens to the fleet later. */
void demo_choose(struct demo *d);
bool demo_ends(const struct demo *d, size_t number);
int demo_short_contract(struct demo *d, double seconds);
int demo_move(struct demo *d);
int demo_end(struct demo *d);            /* waits until it has happened */

/* Waits for a moment; false when too much has been waited. */
bool demo_in_time(mst_ms *waited);
/* Waits for its end: exit status. */
int demo_status_of(pid_t pid);

/* demo-sims.c, demo-sim-picture.c: figure 1, with nodes that have nothing but a SIM of the southern provider's. */
void demo_sims_prepare(struct demo *d, const unsigned port[4]);
void demo_imsi(size_t i, char out[16]);
int demo_sims(struct demo *d);
int demo_sim_picture(struct demo *d, size_t i);

/* demo-cse.c: one more SIM, whose key is for a CSE and for no MAF (TS-0003 8.3.2.3). The CSE is a small one of ours behind muster-naf. */
int demo_cse_start(struct demo *d);
int demo_cse_node(struct demo *d);
/* Does the CSE, or its NAF in its log, name that node? Files of theirs in the demo's directory: */
#define DEMO_CSE_CAME "cse/came.log"
#define DEMO_CSE_NAF "cse/naf.log"
bool demo_cse_saw(const struct demo *d, const char *file);
void demo_cse_id(const struct demo *d, size_t i, char out[MST_ID_MAX]);

/* demo-run.c */
int demo_find_programs(struct demo *d, const char *bin);
bool demo_free_ports(unsigned *port, size_t n);
int demo_start(struct demo *d);          /* all daemons, until they say that they are ready */
void demo_stop(struct demo *d);
#define DEMO_AT_ONCE 8
int demo_enrol(struct demo *d, bool ends);       /* every node's agent, once; `ends`: of those, and of no other */
/* One node's agent: `verb`, and an argument or NULL. -1: explained. */
pid_t demo_agent(const struct demo *d, size_t number, const char *verb, const char *arg);
/* A program with both outputs in `log`. -1: explained. */
pid_t demo_spawn(const char *program, const char *const argv[], char *const env[], const char *log);
/* A socket of the local kind, bound to its name. -1: explained. */
int demo_socket(const char *path, int type);

/* demo-check.c: is everybody where the rules send it? Looks at every node, at all servers. */
int demo_check(struct demo *d);
/* What one installation knows of a node; NULL: explained. */
json_t *demo_node_at(const struct demo *d, enum demo_who who, size_t number);
/* "/v1/nodes/…" */
const char *demo_node_path(size_t number, char out[1200]);

/* demo-picture.c: the arrows of one attempt as a sequence picture. */
int demo_picture(struct demo *d, size_t number);
/* Its pieces: five lines of life, and between two of them a text over its arrow. Red and yellow arrows are broken. */
enum { DEMO_COLUMNS = 5 };
void demo_draw_head(const struct muster *m, const char *const head[DEMO_COLUMNS]);
void demo_draw(const struct muster *m, size_t from, size_t to, const char *text, const char *when, enum colour c);
void demo_draw_knot(const struct muster *m, const char *text, const char *when);
/* What the node says about its last run; NULL: nothing. */
json_t *demo_agent_status(const struct demo *d, size_t number);
/* The clone, as the operator and as the node itself see it. */
int demo_refused(struct demo *d);

#endif
