/* The process of Diameter, in a library of its own with all that it brings: only src/musterd/diameter-main.c links it. */
#ifndef MST_SERVER_DIAMETER_H
#define MST_SERVER_DIAMETER_H

#include "server/unit.h"

extern const struct mst_unit_ops mst_diameter_unit;

#endif
