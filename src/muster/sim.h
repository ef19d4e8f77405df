/* Between the commands about SIMs. */
#ifndef MUSTER_SIM_H
#define MUSTER_SIM_H

#include "muster.h"

int sim_import(struct muster *m, int argc, char **argv);       /* import-sim.c */

#endif
