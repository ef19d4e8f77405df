/* Commands about the life of a node (cmd-life.c), for the table of cmd-node.c. */
#ifndef MUSTER_NODE_H
#define MUSTER_NODE_H

#include "muster.h"

int node_revoke(struct muster *m, int argc, char **argv);
int node_release(struct muster *m, int argc, char **argv);
int node_suspend(struct muster *m, int argc, char **argv);
int node_resume(struct muster *m, int argc, char **argv);
int node_reenrol(struct muster *m, int argc, char **argv);
int node_move(struct muster *m, int argc, char **argv);

#endif
