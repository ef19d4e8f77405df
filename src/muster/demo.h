/* The parts of `muster demo`: a fleet of directories, agents run a few at a time, one node's arrows drawn. */
#ifndef MUSTER_DEMO_H
#define MUSTER_DEMO_H

#include <sys/types.h>

#include "install.h"
#include "muster.h"

struct demo {
	struct muster *m;
	struct muster inside;            /* the same, pointing at the demo's installation */
	struct install in;
	char dir[4096];
	char musterd[4096], agent[4096];
	size_t nodes;
	size_t clone;                    /* which node is refused on purpose: a known name from the wrong maker */
	pid_t daemon;
	size_t enrolled, refused;
};

/* demo-fleet.c: makers, subscription, nodes. Exit status; each explains itself. */
int demo_makers(struct demo *d);
int demo_known(struct demo *d);          /* import into the installation */
int demo_build(struct demo *d);          /* certificates and configurations of all nodes */
char *demo_node_dir(const struct demo *d, size_t number, char out[4096]);
void demo_node_id(const struct demo *d, size_t number, char out[128]);
const char *demo_maker(const struct demo *d, size_t number);

/* demo-run.c */
int demo_find_programs(struct demo *d, const char *bin);
unsigned demo_free_port(void);
int demo_start(struct demo *d);          /* musterd, until it says that it is ready */
void demo_stop(struct demo *d);
int demo_enrol(struct demo *d);          /* every node's agent, once */

/* demo-picture.c: the arrows of one attempt as a sequence picture. */
int demo_picture(struct demo *d, size_t number);
/* The clone, as the operator and as the node itself see it. */
int demo_refused(struct demo *d);

#endif
