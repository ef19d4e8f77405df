/* Circles and polygons on the globe, and the grid that finds them. */
#include "role/rules/rule-geo.h"

#define PI 3.14159265358979323846
#define RADIUS 6371008.8
/* one unit of 1e-7 degree */
#define UNIT (PI / 180.0 / 1e7)
/* widens boxes against rounding: about a metre */
#define SLACK 100

/* Good to the last bit or two for |x| <= pi/4. */
static double small_sin(double x)
{
	double q = x * x, term = x, sum = x;

	for (int i = 2; i <= 20; i += 2) {
		term *= -q / (double)(i * (i + 1));
		sum += term;
	}
	return sum;
}

static double small_cos(double x)
{
	double q = x * x, term = 1, sum = 1;

	for (int i = 1; i <= 19; i += 2) {
		term *= -q / (double)(i * (i + 1));
		sum += term;
	}
	return sum;
}

/* Reduced to an eighth of a turn as an integer: nothing is lost far from zero. */
static void sin_cos(int64_t angle, double *ret_sin, double *ret_cos)
{
	int64_t a = (angle % GEO_TURN + GEO_TURN + 45 * MST_DEGREE) % GEO_TURN;
	int64_t quarter = a / (90 * MST_DEGREE);
	double x = (double)(a % (90 * MST_DEGREE) - 45 * MST_DEGREE) * UNIT;
	double s = small_sin(x), c = small_cos(x);

	*ret_sin = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
	*ret_cos = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
}

struct geo_vector geo_vector(int64_t latitude, int64_t longitude)
{
	double slat, clat, slon, clon;

	sin_cos(latitude, &slat, &clat);
	sin_cos(longitude, &slon, &clon);
	return (struct geo_vector){ clat * clon, clat * slon, slat };
}

double geo_chord2(int64_t metres)
{
	double half = (double)metres / RADIUS / 2, s;

	if (half >= PI / 2)
		return 5; /* more than the diameter: all of the earth */
	s = half <= PI / 4 ? small_sin(half) : small_cos(PI / 2 - half);
	return 4 * s * s;
}

bool geo_near(const struct geo_vector *a, const struct geo_vector *b, double chord2)
{
	double x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;

	return x * x + y * y + z * z <= chord2;
}

/* From `from` to `to` the shorter way: -180 <= … < 180 degrees. */
static int64_t turn(int64_t from, int64_t to)
{
	int64_t x = (to - from) % GEO_TURN;

	if (x >= GEO_TURN / 2)
		x -= GEO_TURN;
	return x < -GEO_TURN / 2 ? x + GEO_TURN : x;
}

static bool is_ring(const struct geo_corner *c, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += turn(c[i].longitude, c[(i + 1) % n].longitude);
	return sum != 0;
}

bool geo_holds_north(const struct geo_corner *c, size_t n)
{
	int64_t sum = 0;

	if (!is_ring(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		sum += c[i].latitude;
	return sum >= 0;
}

/* How often does the way from the point to the north pole cross a side? Half-open sides, so a corner counts once. */
bool geo_inside(const struct geo_corner *c, size_t n, bool holds_north, int64_t latitude, int64_t longitude)
{
	bool inside = holds_north;

	for (size_t i = 0; i < n; i++) {
		const struct geo_corner *a = &c[i], *b = &c[(i + 1) % n];
		int64_t dx = turn(a->longitude, b->longitude), x = turn(a->longitude, longitude);
		int64_t dy = (int64_t)b->latitude - a->latitude, y = latitude - a->latitude;

		if ((x >= 0) == (x >= dx))
			continue;
		/* the side at x is above y: dy * x / dx > y. Products stay below 3.3e18. */
		if (dx > 0 ? dy * x > y * dx : dy * x < y * dx)
			inside = !inside;
	}
	return inside;
}

static int64_t between(int64_t x, int64_t min, int64_t max)
{
	return x < min ? min : x > max ? max : x;
}

static struct geo_box all_round(int64_t south, int64_t north)
{
	return (struct geo_box){ south, north, -GEO_TURN / 2, GEO_TURN };
}

struct geo_box geo_circle_box(int64_t latitude, int64_t longitude, int64_t radius)
{
	double reach = (double)radius / RADIUS / UNIT, s, c, width;
	int64_t r = (int64_t)reach + SLACK, pole = 90 * MST_DEGREE, half_turn = GEO_TURN / 2, most;
	struct geo_box b = { between(latitude - r, -pole, pole), between(latitude + r, -pole, pole), 0, 0 };

	most = latitude < 0 ? -(latitude - r) : latitude + r;
	if (most >= pole)
		return all_round(b.south, b.north);
	/* no way of this length gets further round than it would along the circle's most polar parallel */
	sin_cos(most, &s, &c);
	width = (double)r / c;
	if (width >= (double)(half_turn - SLACK))
		return all_round(b.south, b.north);
	b.west = longitude - (int64_t)width - SLACK;
	b.width = 2 * ((int64_t)width + SLACK);
	return b;
}

struct geo_box geo_polygon_box(const struct geo_corner *c, size_t n, bool holds_north)
{
	int64_t south = c[0].latitude, north = south, at = c[0].longitude, west = at, east = at;

	for (size_t i = 1; i < n; i++) {
		at += turn(c[i - 1].longitude, c[i].longitude);
		west = at < west ? at : west;
		east = at > east ? at : east;
		south = c[i].latitude < south ? c[i].latitude : south;
		north = c[i].latitude > north ? c[i].latitude : north;
	}
	if (is_ring(c, n))
		return all_round(holds_north ? south : -90 * MST_DEGREE, holds_north ? 90 * MST_DEGREE : north);
	if (east - west >= GEO_TURN)
		return all_round(south, north);
	return (struct geo_box){ south, north, west, east - west };
}

/* Each divides the one before, so that a level tiles the whole turn. */
static const int64_t cell_size[GEO_LEVELS] = {
	3600000000, 1800000000, 900000000, 450000000, 225000000, 112500000, 56250000,
	28125000,   14062500,   2812500,   562500,    112500,    22500,
};

unsigned geo_level(const struct geo_box *b)
{
	unsigned level = GEO_LEVELS - 1;

	while (level && (b->width > cell_size[level] || b->north - b->south > cell_size[level]))
		level--;
	return level;
}

uint64_t geo_cell(unsigned level, int64_t latitude, int64_t longitude)
{
	int64_t x = ((longitude + GEO_TURN / 2) % GEO_TURN + GEO_TURN) % GEO_TURN, y = latitude + 90 * MST_DEGREE;

	return (uint64_t)level << 56 | (uint64_t)(y / cell_size[level]) << 28 | (uint64_t)(x / cell_size[level]);
}
