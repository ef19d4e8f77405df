/*
 * Places on a sphere of 6371008.8 m (the earth's mean radius): at most 0.56 % off the ellipsoid. The trigonometry is
 * our own and uses additions, multiplications and comparisons only, so every machine decides alike. Coordinates are
 * 1e-7 degree.
 */
#ifndef MST_ROLE_RULES_RULE_GEO_H
#define MST_ROLE_RULES_RULE_GEO_H

#include "codec/rule.h"

#define GEO_TURN (360 * MST_DEGREE)

struct geo_vector {
	double x, y, z;
};
struct geo_vector geo_vector(int64_t latitude, int64_t longitude);
/* Square of the straight line between two points of the unit sphere that are `metres` apart along it. */
double geo_chord2(int64_t metres);
bool geo_near(const struct geo_vector *a, const struct geo_vector *b, double chord2);

struct geo_corner {
	int32_t latitude, longitude;
};
/* Is the north pole inside? Only of a ring round the earth that is nearer to it than to the other pole. */
bool geo_holds_north(const struct geo_corner *c, size_t n);
bool geo_inside(const struct geo_corner *c, size_t n, bool holds_north, int64_t latitude, int64_t longitude);

/* Everything between, eastward from `west`; width GEO_TURN = all round. */
struct geo_box {
	int64_t south, north, west, width;
};
struct geo_box geo_circle_box(int64_t latitude, int64_t longitude, int64_t radius);
struct geo_box geo_polygon_box(const struct geo_corner *c, size_t n, bool holds_north);

/* A grid in levels: cells of a level are squares in degrees that tile the globe. */
#define GEO_LEVELS 13
/* The finest level on which the box touches at most two cells each way. */
unsigned geo_level(const struct geo_box *b);
/* Number of the cell that a point is in. */
uint64_t geo_cell(unsigned level, int64_t latitude, int64_t longitude);

#endif
