#include <stdlib.h>
#include <string.h>

#include "muster.h"

/* "+90d", "-12h": seconds from now. */
static bool relative(const char *text, int64_t *ret_s)
{
	static const struct { char unit; int64_t s; } units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	char *end;
	long long n = strtoll(text, &end, 10);

	if ((text[0] != '+' && text[0] != '-') || end == text + 1 || !*end || end[1])
		return false;
	for (size_t i = 0; i < MST_COUNT(units); i++) {
		if (*end == units[i].unit && n < 400000LL * 86400 / units[i].s && n > -400000LL * 86400 / units[i].s) {
			*ret_s = n * units[i].s;
			return true;
		}
	}
	return false;
}

/* 2026-11-21 and 2026-11-21 21:45:00 (a T between is welcome) as 20261121T214500. */
static bool compact(const char *text, char out[16])
{
	size_t n = strlen(text), k = 0;

	if (n != 10 && n != 19)
		return false;
	for (size_t i = 0; i < n; i++) {
		static const char shape[] = "dddd-dd-dd dd:dd:dd";
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (shape[i] == 'd' ? !digit : text[i] != shape[i] && !(i == 10 && text[i] == 'T'))
			return false;
		if (digit)
			out[k++] = text[i];
		if (i == 10)
			out[k++] = 'T';
	}
	memcpy(out + k, n == 10 ? "T000000" : "", n == 10 ? 8 : 1);
	return true;
}

bool date_from(const char *text, char out[16])
{
	char plain[16];
	mst_time t;
	int64_t s;

	if (relative(text, &s)) {
		t = wall_clock() + s;
	} else {
		if (!compact(text, plain))
			snprintf(plain, sizeof(plain), "%.15s", strlen(text) == 15 ? text : "");
		if (!mst_parse_timestamp(mst_view_str(plain), &t))
			return false;
	}
	if (t < 0 || t > MST_TIME_MAX)
		return false;
	timestamp_text(t, out);
	return true;
}

json_int_t duration_from(const char *text)
{
	static const struct { const char *unit; json_int_t seconds; } units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	char *end;
	long long n = strtoll(text, &end, 10);
	int64_t s;

	if (mst_parse_duration(mst_view_str(text), &s))
		return s;
	for (size_t i = 0; i < MST_COUNT(units); i++)
		if (*text >= '0' && *text <= '9' && n > 0 && n < 1000000000 && strcmp(end, units[i].unit) == 0)
			return n * units[i].seconds;
	return 0;
}
