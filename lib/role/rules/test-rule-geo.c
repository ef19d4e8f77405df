/* Distances against known answers (haversine in another language), polygons at the antimeridian and round the poles. */
#include "tests/support/cm.h"

#include <math.h>
#include <stdlib.h>

#include "role/rules/rule-geo.h"

#define D(x) ((int64_t)((x) * 1e7 + ((x) < 0 ? -0.5 : 0.5)))

static bool near(double lat, double lon, double lat2, double lon2, int64_t metres)
{
	struct geo_vector a = geo_vector(D(lat), D(lon)), b = geo_vector(D(lat2), D(lon2));

	return geo_near(&a, &b, geo_chord2(metres));
}

static void known_distances(void **state)
{
	static const struct {
		double a, b, c, d;
		int64_t metres; /* rounded up */
	} known[] = {
		{ 52.52, 13.405, 48.8566, 2.3522, 877465 },     /* Berlin, Paris */
		{ -33.8688, 151.2093, -33.4489, -70.6693, 11346731 }, /* Sydney, Santiago: over the antimeridian */
		{ -17, 179.9, -17, -179.9, 21268 },
		{ 89.9, 0, 89.9, 180, 22240 },                  /* over the pole */
		{ -90, 0, -89, 77, 111196 },                    /* at a pole every longitude is the same point */
		{ -90, 12, -90, -120, 1 },
		{ 0, 0, 0.0001, 179.9999, 20015099 },
		{ 52.52, 13.405, 52.52, 13.4050148, 2 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(known); i++) {
		assert_true(near(known[i].a, known[i].b, known[i].c, known[i].d, known[i].metres));
		assert_true(near(known[i].c, known[i].d, known[i].a, known[i].b, known[i].metres));
		if (known[i].metres > 1)
			assert_false(near(known[i].a, known[i].b, known[i].c, known[i].d, known[i].metres - 1));
	}
	assert_true(near(10, 20, -10, -160, 20100000)); /* more than half of the earth's girth: everywhere */
}

/* Ours against the library's, all round. */
static void trigonometry(void **state)
{
	(void)state;
	for (int64_t a = -180 * MST_DEGREE; a <= 180 * MST_DEGREE; a += 1234567) {
		struct geo_vector v = geo_vector(a / 2, a);
		double lat = (double)(a / 2) * 3.14159265358979323846 / 1.8e9, lon = (double)a * 3.14159265358979323846 / 1.8e9;

		assert_true(fabs(v.x - cos(lat) * cos(lon)) < 1e-15);
		assert_true(fabs(v.y - cos(lat) * sin(lon)) < 1e-15);
		assert_true(fabs(v.z - sin(lat)) < 1e-15);
	}
}

static bool inside(const struct geo_corner *c, size_t n, double lat, double lon)
{
	return geo_inside(c, n, geo_holds_north(c, n), D(lat), D(lon));
}
#define C(lat, lon) { (int32_t)((lat) * 10000000), (int32_t)((lon) * 10000000) }

static void polygons(void **state)
{
	static const struct geo_corner bent[] = { C(0, 0), C(0, 10), C(10, 10), C(10, 8), C(2, 8), C(2, 0) }; /* an L */
	static const struct geo_corner fiji[] = { C(-20, 177), C(-20, -178), C(-15, -178), C(-15, 177) };
	static const struct geo_corner wide[] = { C(-5, -100), C(-5, 0), C(-5, 100), C(5, 100), C(5, 0), C(5, -100) };
	static const struct geo_corner arctic[] = { C(66, 0), C(66, 120), C(66, -120) };
	static const struct geo_corner antarctic[] = { C(-60, 0), C(-60, -120), C(-60, 120) };

	(void)state;
	assert_true(inside(bent, 6, 1, 1));
	assert_true(inside(bent, 6, 9, 9));
	assert_false(inside(bent, 6, 5, 5));
	assert_false(inside(bent, 6, 11, 9));
	assert_false(inside(bent, 6, -1, 1));
	assert_false(inside(bent, 6, 1, -170));
	assert_true(inside(fiji, 4, -17, 179.9));
	assert_true(inside(fiji, 4, -17, -179.9));
	assert_true(inside(fiji, 4, -17, 180));
	assert_true(inside(fiji, 4, -17, -180));
	assert_false(inside(fiji, 4, -17, 176.9));
	assert_false(inside(fiji, 4, -17, -177.9));
	assert_false(inside(fiji, 4, -17, 0));
	assert_true(inside(wide, 6, 0, 0));
	assert_true(inside(wide, 6, 0, -99));
	assert_false(inside(wide, 6, 0, 170));
	assert_true(inside(arctic, 3, 90, 0));
	assert_true(inside(arctic, 3, 70, -55));
	assert_false(inside(arctic, 3, 60, 0));
	assert_false(inside(arctic, 3, -90, 0));
	assert_true(inside(antarctic, 3, -90, 5));
	assert_true(inside(antarctic, 3, -75, 179));
	assert_false(inside(antarctic, 3, -50, 0));
	assert_false(inside(antarctic, 3, 90, 0));
}

static int64_t random_of(int64_t n)
{
	return (int64_t)(((uint64_t)random() << 31 | (uint64_t)random()) % (uint64_t)n);
}

static bool in_cells(const struct geo_box *b, int64_t lat, int64_t lon)
{
	unsigned level = geo_level(b);
	uint64_t cell = geo_cell(level, lat, lon);

	return cell == geo_cell(level, b->south, b->west) || cell == geo_cell(level, b->north, b->west) ||
	       cell == geo_cell(level, b->south, b->west + b->width) || cell == geo_cell(level, b->north, b->west + b->width);
}

/* What is inside is always in one of the four cells. Points are thrown close to the area, or few would hit. */
static void the_grid_misses_nothing(void **state)
{
	size_t hits = 0;

	(void)state;
	srandom(7);
	for (int i = 0; i < 200000; i++) {
		int64_t lat = random_of(GEO_TURN / 2 + 1) - GEO_TURN / 4, lon = random_of(GEO_TURN + 1) - GEO_TURN / 2;
		int64_t radius = 1 + random_of(INT64_C(1) << (1 + i % 25)) % 20100000, spread = radius * 200;
		int64_t lat2 = lat + random_of(spread) - spread / 2, lon2 = lon + random_of(2 * spread) - spread;
		struct geo_vector a = geo_vector(lat, lon), p;
		struct geo_box b = geo_circle_box(lat, lon, radius);

		lat2 = lat2 > GEO_TURN / 4 ? GEO_TURN / 4 : lat2 < -GEO_TURN / 4 ? -GEO_TURN / 4 : lat2;
		lon2 = ((lon2 + GEO_TURN / 2) % GEO_TURN + GEO_TURN) % GEO_TURN - GEO_TURN / 2;
		p = geo_vector(lat2, lon2);
		if (!geo_near(&a, &p, geo_chord2(radius)))
			continue;
		hits++;
		assert_true(in_cells(&b, lat2, lon2));
	}
	assert_true(hits > 50000);
	for (size_t k = hits = 0; k < 200000; k++) {
		struct geo_corner c[5];
		int64_t size = 100 + random_of(100 * MST_DEGREE), lat = random_of(GEO_TURN / 2) - GEO_TURN / 4, lon = random_of(GEO_TURN);
		bool north;
		struct geo_box b;

		for (size_t i = 0; i < 5; i++) {
			int64_t y = lat + random_of(size), x = lon + random_of(size);

			c[i].latitude = (int32_t)(y > GEO_TURN / 4 ? GEO_TURN / 4 : y);
			c[i].longitude = (int32_t)(x % GEO_TURN - GEO_TURN / 2);
		}
		north = geo_holds_north(c, 5);
		b = geo_polygon_box(c, 5, north);
		lat += random_of(size);
		lon = (lon + random_of(size)) % GEO_TURN - GEO_TURN / 2;
		if (lat > GEO_TURN / 4 || !geo_inside(c, 5, north, lat, lon))
			continue;
		hits++;
		assert_true(in_cells(&b, lat, lon));
	}
	assert_true(hits > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_distances),
		cmocka_unit_test(trigonometry),
		cmocka_unit_test(polygons),
		cmocka_unit_test(the_grid_misses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
